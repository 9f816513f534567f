"""Existing centres from a list: every row told, hostile files refused, the page to its receipt."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from django.core.files.uploadedfile import SimpleUploadedFile
from python_calamine import CalamineWorkbook

from banfa.office.intake import blank, columns, reports, rows, sheets, verbs
from banfa.office.intake.errors import BadFile
from banfa.office.intake.models import Upload
from banfa.office.ledger import library, replay
from banfa.office.ledger.errors import LedgerError
from banfa.office.ledger.models import ActRecord, Centre
from banfa.office.people.models import Organisation, Place
from banfa.rules.words import words
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in
from tests.office.desk.test_pages import text_of

FILE = Path(__file__).parent / "existing.csv"
ON = dt.date(2026, 3, 2)
HEAD = ["名称", "城市", "认定时间", "法人"]


def book(table: list[list[Any]], formula: bool = False) -> bytes:
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as made:
        sheet = made.add_worksheet()
        day = made.add_format({"num_format": "yyyy-mm-dd"})
        for y, row in enumerate(table):
            for x, value in enumerate(row):
                sheet.write(y, x, value, day if isinstance(value, dt.date) else None)
        if formula:
            sheet.write_formula(2, 1, "=1+1")
    return held.getvalue()


def bring(data: bytes = b"", **more: Any) -> verbs.Report:
    given = {"basis": "名录", "person": "测试", **more}
    return verbs.bring("nmic", "名单.csv", data or FILE.read_bytes(), ON, **given)


def told(report: verbs.Report) -> dict[int, tuple[str, list[tuple[str, str]]]]:
    return {x.line: (x.standing, [(c, zh) for c, zh, _e, _b in x.says]) for x in report.lines}


@pytest.mark.django_db
def test_every_row_is_judged_and_told_and_the_trial_records_nothing() -> None:
    report = bring()
    assert not ActRecord.objects.exists() and not Organisation.objects.exists()
    found = told(report)
    assert [n for n, (standing, _) in found.items() if standing == verbs.ACCEPTED] == [2, 3, 4, 5]
    assert found[6][1][0][0] == "认定时间" and "二〇一八年" in found[6][1][0][1]
    assert found[7][1] == [("", "与第2行重复")]
    assert found[8][1] == [("", "没有中心名称")]
    assert {c for c, _ in found[9][1]} == {"城市", "认定时间"}
    assert [c.target for c in report.columns][:4] == [
        *("values.name_zh", "values.place", "since", "roles.centre")
    ]
    assert report.columns[4].target == ""


@pytest.mark.django_db
def test_what_is_accepted_is_entered_by_the_competent_body_once() -> None:
    report = bring(dry=False)
    assert report.count(verbs.ACCEPTED) == Centre.objects.filter(imported=True).count() == 4
    acts = ActRecord.objects.select_related("payload").order_by("centre_id")
    assert {(a.kind, a.party) for a in acts} == {("enter_existing_centre", "miit")}
    said = [a.payload.data["since"] for a in acts]
    assert said == ["2016-06", "2017-01", "2024", "2018-05-07"]
    pair = Centre.objects.get(name_zh__contains="机器人").roles["centre"]
    assert [o["name"] for o in pair] == ["东澜示例机器人公司", "东澜示例装备公司"]
    assert pair[0]["place"] == "东澜市" and pair[0]["kind"] == "enterprise"
    assert Organisation.objects.count() == 3
    again = bring(dry=False)
    assert again.count(verbs.ACCEPTED) == 0 and ActRecord.objects.count() == 4
    assert [x.line for x in again.lines if x.standing == verbs.KNOWN] == [2, 3, 4, 5, 7]
    assert told(again)[2][1] == [("", "已在册（nmic-0001）")]
    assert replay.verify().sound and replay.rebuild().faults == []


@pytest.mark.django_db
def test_a_beginning_is_shown_as_it_was_stated_not_as_the_day_of_entry() -> None:
    table = [HEAD, ["国家示例甲创新中心", "甲市", "2016-06", "甲公司"],
             ["国家示例乙创新中心", "乙市", "2024", ""], ["国家示例丙创新中心", "丙市", "", ""],
             ["国家示例丁创新中心", "丁市", "2018-05-07", ""]]  # fmt: skip
    bring(book(table), dry=False)
    assert replay.rebuild(check=True).faults == []
    client = officer()
    listed = text_of(client.get("/centres/"))
    assert "2026-03-02" not in text_of(client.get("/centres/"))
    for number, said in enumerate(("2016年6月", "2024年", "不详（补录）", "2018-05-07"), 1):
        assert f"自{said}" in listed, said
        page = text_of(client.get(f"/centres/nmic-000{number}/"))
        strip = page.split("历经阶段")[-1] if "历经阶段" in page else page
        assert said in strip, said
    assert "补录前" in text_of(client.get("/centres/nmic-0001/parties/"))
    assert "2016年6月" in text_of(client.get("/centres/nmic-0001/timeline/"))
    answer = client.get("/lists/centres/file.csv?cols=name,since")
    saved = b"".join(answer).decode()
    assert "2016年6月" in saved and "2026-03-02" not in saved, saved


@pytest.mark.django_db
def test_an_empty_list_is_made_for_every_programme_and_comes_back_without_its_example() -> None:
    for name in library.ids():
        programme = library.editions(name).latest.programme
        plan = columns.plan(name)
        asked = blank.asked(programme, plan)
        assert asked[0].needed and asked[0].target.startswith("values.")
        assert programme.existing is not None
        shown = [words(programme.stages[s].name) for s in programme.existing.stages]
        assert [a.allowed for a in asked if a.target == "stage"] == (
            [] if "stage" in plan.always else [shown]
        )
        for english in (False, True):
            made = (blank.workbook(asked, english), blank.csv_file(asked, english))
            for content in made:
                assert sheets.check_archive(content) is None if content is made[0] else True
                with pytest.raises(BadFile, match="没有数据行"):
                    sheets.read("x", content)
        lines = made[1].decode("utf-8-sig").splitlines()
        rs = library.editions(name).latest
        filled = "\n".join([lines[0], lines[2].replace("[Example] ", "")]).encode()
        report = verbs.bring(name, "x", filled, ON, basis="名录", person="测试")
        assert [c.target for c in report.columns] == [a.target for a in asked]
        assert report.lines[0].standing == verbs.ACCEPTED, (name, report.lines[0].says)
        assert rs.programme.existing


@pytest.mark.django_db
def test_what_was_understood_of_a_row_is_told_with_unknown_places() -> None:
    Place.objects.create(code="990000", name_zh="甲示例市", short_zh="甲市")
    Organisation.objects.create(id="o-1", name_zh="甲示例公司", place="甲市")
    table = [HEAD, ["国家示例甲创新中心", "甲市", "2016-06", "甲示例公司"],
             ["国家示例乙创新中心", "乌有市", "2017", "乙示例公司"],
             ["国家示例丙创新中心", "", "2018年5月7日", ""]]  # fmt: skip
    report = bring(book(table))
    first, second, third = [{zh: how for zh, _e, how, _ in x.read} for x in report.lines]
    assert first["起始日期"] == "2016年6月（只到月）" and first["现处阶段"] == "已认定、运行中"
    assert first["创新中心"] == "甲示例公司（已在册，甲市）" and first["所在地"] == "甲市"
    assert second["创新中心"] == "乙示例公司（新单位，乌有市）"
    assert second["起始日期"] == "2017年（只到年）" and third["起始日期"] == "2018-05-07"
    assert [len(x.says) for x in report.lines] == [0, 1, 0]
    faulty = bring(book([HEAD, ["国家示例丁创新中心", "", "去年", ""]])).lines[0]
    assert "起始日期" not in {zh for zh, *_ in faulty.read}
    assert "不在行政区划表中" in report.lines[1].says[0][1]
    assert report.lines[1].standing == verbs.ACCEPTED
    told = CalamineWorkbook.from_filelike(io.BytesIO(reports.workbook(report.lines, dry=True)))
    assert "2016年6月（只到月）" in told.get_sheet_by_index(0).to_python()[1][7]


def two_sheets(first: list[list[str]], second: list[list[str]]) -> bytes:
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as made:
        for name, table in (("封面", first), ("名单", second)):
            sheet = made.add_worksheet(name)
            for y, row in enumerate(table):
                sheet.write_row(y, 0, row)
    return held.getvalue()


@pytest.mark.django_db
def test_the_sheet_that_was_read_is_said_and_those_that_were_not() -> None:
    rows_ = [HEAD, ["国家示例甲创新中心", "甲市", "2016", ""]]
    report = bring(two_sheets([["关于名单"], ["编制说明"]], rows_))
    assert (report.sheet, report.others) == ("名单", [("封面", 1)])
    assert report.count(verbs.ACCEPTED) == 1
    client = officer()
    page = text_of(client.get(posted(client, two_sheets(rows_, [*rows_, *rows_]))["Location"]))
    assert "读取的是工作表“封面”" in page and "“名单”3行" in page
    assert "2016年（只到年）" in page


@pytest.mark.django_db
def test_a_giant_cell_is_told_with_its_row_and_column() -> None:
    data = "\n".join([",".join(HEAD), "国家示例甲创新中心,甲市,2016,", f"乙,{'长' * 40_001},,"])
    with pytest.raises(BadFile) as told_:
        bring(data.encode())
    assert "第3行第2列“城市”的内容过长（40001字" in told_.value.text.zh
    with pytest.raises(BadFile) as told_:
        bring('名称,城市\n甲,"乙\n'.encode())
    assert "引号" in told_.value.text.zh and not re.search("[a-z]{4}", told_.value.text.zh)


@pytest.mark.django_db
def test_organisations_on_file_are_taken_by_name_or_code() -> None:
    Organisation.objects.create(id="o-1", name_zh="甲示例公司", uscc="91110000600037341L")
    for number in (1, 2):
        Organisation.objects.create(id=f"same-{number}", name_zh="同名示例公司")
    units = ["甲示例公司", "91110000600037341L", "同名示例公司", "91110000100000001X"]
    table = [
        HEAD,
        *([name, "甲市", "2016", unit] for name, unit in zip("一二三四", units, strict=True)),
    ]
    report = bring(book(table), dry=False)
    held = [c.roles["centre"][0]["org"] if isinstance(c.roles["centre"], list)
            else c.roles["centre"]["org"] for c in Centre.objects.order_by("id")]  # fmt: skip
    assert held == ["o-1", "o-1"]
    assert "2 个单位" in told(report)[4][1][0][1] and "没有代码" in told(report)[5][1][0][1]


@pytest.mark.django_db
def test_excel_and_both_encodings_say_the_same() -> None:
    table = [HEAD, ["国家示例甲创新中心", "甲市", 2016.0, ""],
             ["国家示例乙创新中心", "乙市", dt.date(2017, 6, 30), "乙示例公司"]]  # fmt: skip
    text = "\n".join(",".join(map(str, row)) for row in table).replace("2016.0", "2016")
    given = [book(table), text.encode("utf-8-sig"), text.encode("gb18030"), text.encode("utf-16")]
    tables = [sheets.read("x", data) for data in given]
    assert len({repr((t.head, t.rows, t.lines)) for t in tables}) == 1
    assert bring(given[0]).count(verbs.ACCEPTED) == 2


@pytest.mark.parametrize(
    ("text", "day"),
    [("2016", "2016"), ("2016-6", "2016-06"), ("2016年6月", "2016-06"), ("2016.06.3", "2016-06-03"),
     ("2016年6月30日", "2016-06-30"), ("2016/6/30", "2016-06-30"), ("201606", "2016-06"),
     ("2016-13", None), ("2016-02-30", None), ("16-06", None), ("１２", None), ("0001", None),
     ("去年", None), ("2016-06-30之后", None)],
)  # fmt: skip
def test_partial_days(text: str, day: str | None) -> None:
    assert rows.partial_day(text) == day


def bomb() -> bytes:
    """A small archive that would unpack to a gigabyte."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr("xl/workbook.xml", "")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(64):
                part.write(b"0" * 2**20)
    return held.getvalue()


def other_zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.exe", b"MZ")
    return held.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "空的"), (b" \n\n", "空的"), (b"\n,,\n", "没有内容"),
        (HEAD[0].encode(), "没有数据行"),
        (b"MZ\x90\x00\x03" * 30, "不是 CSV"), (b"\xd0\xcf\x11\xe0" + b"x" * 600, "旧式"),
        (b"PK\x03\x04" + b"x" * 100, "损坏"), (other_zip(), "不是 Excel"), (bomb(), "过大"),
        (b"\xff" * 50, "编码"), ("名称，城市\n甲，乙".encode(), "全角逗号"),
        (b'a,"b\nc', "引号"), (b"a,b\n1,2", "认不出"),
        ("名称,中心名称\n甲,乙".encode(), "请只留一列"),
        (book([HEAD, ["甲", "乙", "2016", ""], ["丙", "", "", ""]], formula=True), "单元格 B3"),
        (b"a\n" + b"b\n" * 50_001, "行数过多"),
        (b"x" * (sheets.MOST_BYTES + 1), "文件过大"),
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_a_file_that_cannot_be_taken_is_told_in_chinese(data: bytes, says: str) -> None:
    with pytest.raises(BadFile) as told_:
        verbs.bring("nmic", "名单", data, ON)
    assert says in told_.value.text.zh and told_.value.text.en


@pytest.mark.django_db
def test_a_formula_of_text_and_control_characters_are_faults_of_their_cell() -> None:
    bad = ["=1+1", "坏\x07字", "长" * 10_001]
    lines = [",".join(HEAD), *(f"国家第{n},{text},2016," for n, text in enumerate(bad))]
    found = told(bring("\n".join(lines).encode()))
    assert [found[n][1][0][0] for n in (2, 3, 4)] == ["城市"] * 3


@pytest.mark.django_db
def test_the_plan_of_a_programme_is_checked_and_every_programme_has_columns() -> None:
    for name in library.ids():
        programme = library.editions(name).latest.programme
        possible = columns.targets(programme)
        plan = columns.plan(name)
        assert set(plan.columns.values()) <= set(possible)
        assert set(plan.kinds) <= set(programme.parties)
        assert "basis" in possible and len(possible) > 5
    with pytest.raises(LedgerError):
        verbs.bring("nothing", "x", b"a\nb", ON)


@pytest.mark.django_db
def test_the_report_is_a_workbook_without_formulas() -> None:
    content = reports.workbook(bring().lines, dry=True)
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert sheet[0][:3] == ["行号", "中心", "结果"]
    assert sum(row[2] == "可登记" for row in sheet) == 4
    assert sheets.check_archive(content) is None


# --- the page -------------------------------------------------------------------------------------


def officer(party: str = "miit", programme: str = "nmic") -> Any:
    user = seed.person(f"o-{party}".replace("_", "-"), (party, party, programme))
    seed.rights.Right.objects.filter(thing=seed.rights.SECOND_FACTOR, fixed=False).update(
        allowed=False
    )
    return signed_in(user)


def posted(client: Any, data: bytes, **more: Any) -> Any:
    file = SimpleUploadedFile("名单.csv", data, "text/csv")
    return client.post(
        "/programmes/nmic/import/", {"file": file, "on": "2026-03-02", "basis": "名录", **more}
    )


@pytest.mark.django_db
def test_from_the_file_to_the_receipt() -> None:
    client = officer()
    assert "至多50000行" in text_of(client.get("/programmes/nmic/import/"))
    answer = posted(client, FILE.read_bytes())
    assert answer.status_code == 302 and not ActRecord.objects.exists()
    at = answer["Location"]
    page = text_of(client.get(at))
    assert "可登记4" in page and "与第2行重复" in page and "登记可登记的4行" in page
    again = client.post(at, {"what": "columns", "c0": "values.name_zh", "c1": "", "c2": ""})
    assert "可登记6" in text_of(again)
    assert client.get(f"{at}report.xlsx").content.startswith(b"PK")
    for _ in range(2):
        answer = client.post(at, {"what": "enter"})
        assert answer.status_code == 302
    page = text_of(client.get(answer["Location"]))
    assert "导入回执" in page and "已登记6" in page
    assert ActRecord.objects.count() == 6
    act = ActRecord.objects.select_related("payload").first()
    assert act is not None and "o-miit" in str(act.payload.person)
    assert bytes(Upload.objects.get().content) == b""


@pytest.mark.django_db
def test_the_programmes_page_leads_to_it_and_the_empty_list_is_there() -> None:
    client = officer()
    page = client.get("/programmes/nmic/", follow=True).content.decode()
    assert 'href="/programmes/nmic/import/"' in page
    for format_, begins in (("xlsx", b"PK"), ("csv", b"\xef\xbb\xbf")):
        address = f"/programmes/nmic/import/blank.{format_}"
        assert address in client.get("/programmes/nmic/import/").content.decode()
        assert client.get(address).content.startswith(begins)
    other = signed_in(seed.person("unit", ("centre", "x", "nmic")))
    page = other.get("/programmes/nmic/", follow=True).content.decode()
    assert "逐条对照" in page and "/programmes/nmic/import/" not in page
    assert other.get("/programmes/nmic/import/blank.csv").status_code == 404


@pytest.mark.django_db
def test_what_is_wrong_is_said_and_what_was_typed_stays() -> None:
    client = officer()
    answer = posted(client, bomb(), basis="某文号")
    assert answer.status_code == 422
    assert "疑似有害" in text_of(answer) and "某文号" in answer.content.decode()
    for day, says in (("昨天", "不是日期"), ("2031-01-01", "晚于今日")):
        answer = posted(client, FILE.read_bytes(), on=day)
        assert answer.status_code == 422 and says in text_of(answer)
    answer = client.post("/programmes/nmic/import/", {"on": "2026-03-02"})
    assert answer.status_code == 422 and "请选择文件" in text_of(answer)
    at = posted(client, FILE.read_bytes())["Location"]
    answer = client.post(at, {"what": "columns", "c0": "since", "c1": "since"})
    assert answer.status_code == 422 and "请只留一列" in text_of(answer)
    assert 'name="c0"' in answer.content.decode()


@pytest.mark.django_db
def test_it_is_there_for_those_who_may_only() -> None:
    at = posted(officer(), FILE.read_bytes())["Location"]
    other = officer("ndrc", "nitec")
    for address in ("/programmes/nmic/import/", at, f"{at}report.xlsx"):
        assert other.get(address).status_code == 404
    assert other.post(at, {"what": "enter"}).status_code == 404
    assert not ActRecord.objects.exists()
    second = signed_in(seed.person("second", ("miit", "miit", "nmic")))
    assert second.get(at).status_code == 404
