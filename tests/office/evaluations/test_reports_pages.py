"""The pages of figures and yearly reports: filled in, sent on, asked for, put together."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import re
from decimal import Decimal
from typing import Any

import pytest
import python_calamine
import xlsxwriter
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Q
from django.test import Client
from django.test.utils import CaptureQueriesContext

from banfa.office import clock
from banfa.office.desk import figure_prefill
from banfa.office.evaluations import reports, sheets, uploads, verbs
from banfa.office.evaluations.models import Collection, Entry, Figure, Kind, Proof, Stage, Upload
from banfa.office.evaluations.verbs import Opening, Value
from banfa.office.evaluations.workbook import COLUMNS
from banfa.office.ledger import library
from banfa.office.notices.models import Notice
from banfa.office.people.access import reach
from banfa.office.people.models import Right
from banfa.rules.words import Text
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in
from tests.office.evaluations.test_reports import report

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def annual(system_text: str, centres: tuple[str, str, str]) -> Collection:
    version = verbs.load_system(None, "mini", system_text)
    return verbs.open_collection(None, Opening(
        version, Kind.ANNUAL, 2029, Text("2029年度关键指标", "Key figures of 2029"),
        dt.date(2030, 1, 1), dt.date(2030, 2, 28), centres=centres))  # fmt: skip


@pytest.fixture
def boss(annual: Collection) -> Client:
    seed.everybody()
    return signed_in(seed.person("boss-1", ("boss", "boss")))


@pytest.fixture
def unit(annual: Collection) -> Client:
    return signed_in(seed.person("unit-2", ("unit", "org-2")))


@pytest.fixture
def table(annual: Collection, centres: tuple[str, str, str]) -> str:
    """The address of the second centre's table."""
    return f"/figures/{annual.pk}/{centres[1]}/"


def entry_of(annual: Collection, centre: str) -> Entry:
    return Entry.objects.select_related("collection__system", "centre").get(
        collection=annual, centre=centre
    )


def form(page: Any) -> dict[str, str]:
    """The fields of the table as the page shows them."""
    found = re.findall(
        r'name="([vre]\.[a-z_]+\.\d+|version)" value="([^"]*)"', page.content.decode()
    )
    return dict(found)


# --- a centre's table -----------------------------------------------------------------------------


def test_the_centre_fills_in_and_nothing_typed_is_lost(
    unit: Client, table: str, annual: Collection, centres: tuple[str, str, str]
) -> None:
    page = unit.get(table)
    typed = form(page) | {
        "v.spending.2029": "1,234.5", "v.staff.2029": "4o", "v.rd_staff.2029": "20",
        "r.spending.2029": "新增专项", "e.spending.2029": "审计报告 第3页", "do": "save",
    }  # fmt: skip
    answer = unit.post(table, typed)
    said = answer.content.decode()
    assert answer.status_code == 422 and 'value="4o"' in said and "写的是“4o”" in said
    held = {f.indicator: f.reported for f in Figure.objects.filter(entry__centre=centres[1])}
    assert held == {"spending": 123450, "rd_staff": 20}
    typed |= form(answer) | {"v.staff.2029": "40", "do": "finish"}
    answer = unit.post(table, typed)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    assert entry_of(annual, centres[1]).stage == Stage.REPORTED
    figure = Figure.objects.get(entry__centre=centres[1], indicator="spending")
    assert figure.evidence == [{"text": "审计报告 第3页"}] and figure.reason == "新增专项"
    assert "已填报" in unit.get(table).content.decode()
    assert unit.post(table, typed).status_code == 403


def test_it_saves_itself_and_tells_what_is_asked(unit: Client, table: str) -> None:
    typed = form(unit.get(table)) | {
        "v.staff.2029": "10", "v.rd_staff.2029": "20", "do": "save",
    }  # fmt: skip
    answer = unit.post(table, typed, headers={"accept": "application/json"})
    told = answer.json()
    assert told["version"] == 1 and list(told["asks"]) == ["rd_staff.2029"]
    stale = unit.post(table, typed | {"v.staff.2029": "11"}, headers={"accept": "application/json"})
    assert stale.status_code == 409 and "点“暂存”" in stale.json()["said"]


def test_a_stale_page_keeps_what_was_typed(unit: Client, table: str) -> None:
    typed = form(unit.get(table)) | {"v.staff.2029": "10", "do": "save"}
    assert unit.post(table, typed).status_code == 302
    answer = unit.post(table, typed | {"v.staff.2029": "12"})
    said = answer.content.decode()
    assert answer.status_code == 409 and 'value="12"' in said
    assert said.count("已存的数：10；") == 1 == said.count("已存的数：")


def test_the_form_marks_what_must_be_filled_in(
    unit: Client, boss: Client, table: str, annual: Collection
) -> None:
    said = unit.get(table).content.decode()
    for name, needed in (("spending", True), ("rd_staff", True), ("staff", False)):
        row = said[said.index(f'id="line-{name}.2029"') :][:300]
        assert ("必填" in row) is needed, name
    assert 'class="must"' not in boss.get(table).content.decode()
    typed = form(unit.get(table)) | {
        "v.staff.2029": "１２．５",
        "v.spending.2029": "１２",
        "do": "save",
    }
    assert "须为整数" in unit.post(table, typed).content.decode()
    assert Figure.objects.get(indicator="spending").reported == 1200


def test_a_year_that_is_open_is_not_proposed_again(boss: Client, annual: Collection) -> None:
    assert 'value="2030"' in boss.get("/figures/new/mini/").content.decode()
    given = {"year": "２０２８", "system": annual.system_id, "opens": "2029-01-01", "closes": ""}
    assert boss.post("/figures/new/mini/", given).status_code == 302
    assert Collection.objects.filter(year=2028).exists()


def test_who_sees_one_centre_is_not_asked_for_its_province(
    unit: Client, boss: Client, annual: Collection
) -> None:
    for page in ("/reports/?period=2029", f"/figures/{annual.pk}/"):
        assert 'name="place"' in boss.get(page).content.decode()
        assert 'name="place"' not in unit.get(page).content.decode()


def test_the_reviewer_remarks_value_by_value_and_sends_back(
    boss: Client, table: str, annual: Collection, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(annual, centres[1])
    verbs.enter(None, entry, Stage.REPORTED, [
        Value("spending", 2029, Decimal(200)), Value("staff", 2029, 40),
        Value("rd_staff", 2029, 20)])  # fmt: skip
    verbs.finish(None, entry, Stage.REPORTED)
    typed = form(boss.get(table)) | {"v.spending.2029": "150", "do": "save"}
    answer = boss.post(table, typed)
    assert answer.status_code == 422 and "须写明理由" in answer.content.decode()
    typed |= {"r.spending.2029": "证明材料只支持 150", "r.staff.2029": "与社保记录一致"}
    assert boss.post(table, typed).status_code == 302
    held = {f.indicator: f for f in Figure.objects.filter(entry=entry)}
    assert (held["spending"].reported, held["spending"].reviewed) == (20000, 15000)
    assert held["staff"].reviewed == 40 and held["rd_staff"].stage == Stage.REPORTED
    page = boss.get(table).content.decode()
    assert "与社保记录一致" in page and "200.00 → 150.00" in page
    assert boss.post(table, {"do": "back", "to": "0", "why": ""}).status_code == 400
    assert boss.post(table, {"do": "back", "to": "0", "why": "口径有误"}).status_code == 302
    assert entry_of(annual, centres[1]).stage == Stage.EMPTY


def test_evidence_is_viewed_beside_its_value_by_those_who_see_the_table(
    unit: Client, boss: Client, table: str, settings: Any, tmp_path: Any
) -> None:
    settings.STORAGES = settings.STORAGES | {
        "dossiers": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        }
    }
    given = {"do": "proof", "value": "spending.2029", "page": "3"}
    fake = SimpleUploadedFile("审计.png", b"not a picture")
    assert unit.post(table, given | {"file": fake}).status_code == 422
    file = SimpleUploadedFile("审计.png", PNG)
    assert unit.post(table, given | {"file": file}).status_code == 302
    proof = Proof.objects.get()
    page = boss.get(f"{table}?proof={proof.pk}").content.decode()
    assert "<iframe" in page and f"{table}proof/{proof.pk}/#page=3" in page
    shown = boss.get(f"{table}proof/{proof.pk}/")
    assert b"".join(shown.streaming_content) == PNG and shown["X-Frame-Options"] == "SAMEORIGIN"
    stranger = signed_in(seed.person("unit-4", ("unit", "org-4")))
    assert stranger.get(f"{table}proof/{proof.pk}/").status_code == 404
    assert stranger.get(table).status_code == 404
    assert boss.post(table, {"do": "unproof", "proof": proof.pk}).status_code == 403
    again = {"do": "proof", "value": "staff.2029", "page": "x", "known": proof.pk}
    assert unit.post(table, again).status_code == 400
    assert unit.post(table, again | {"page": "4"}).status_code == 302
    assert unit.post(table, {"do": "unproof", "proof": proof.pk}).status_code == 302
    assert Proof.objects.filter(removed__isnull=True).count() == 1


def test_a_goal_is_entered_with_its_source(unit: Client, table: str) -> None:
    given = {"do": "goal", "value": "spending.2029", "goal": "多", "source": "方案"}
    assert unit.post(table, given).status_code == 400
    assert unit.post(table, given | {"goal": "300"}).status_code == 302
    assert "计划目标" in unit.get(table).content.decode()


# --- workbooks ------------------------------------------------------------------------------------


def filled(*rows: tuple[Any, ...]) -> SimpleUploadedFile:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    made = book.add_worksheet()
    made.write_row(0, 0, [COLUMNS[k] for k in ("centre", "code", "year", "value", "reason")])
    for at, row in enumerate(rows, 1):
        made.write_row(at, 0, row)
    book.close()
    return SimpleUploadedFile("表.xlsx", buffer.getvalue())


def test_a_workbook_is_told_row_by_row_and_entered_once(
    unit: Client, annual: Collection, centres: tuple[str, str, str]
) -> None:
    page = f"/figures/{annual.pk}/upload/"
    template = unit.get(f"/figures/{annual.pk}/template.xlsx")
    sheet = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(template.content))
    rows = sheet.get_sheet_by_index(0).to_python()
    assert {row[0] for row in rows[4:]} == {centres[1]} and "D1" not in {r[2] for r in rows[4:]}
    assert unit.post(page, {"file": SimpleUploadedFile("a.xlsx", b"PK")}).status_code == 422
    made = unit.post(page, {"file": filled(
        (centres[1], "A1", 2029, 200, ""), (centres[1], "B0", 2029, "many", ""),
        (centres[0], "A1", 2029, 100, ""))})  # fmt: skip
    preview = made["Location"]
    said = unit.get(preview).content.decode()
    assert "入库 1 项数据" in said and "many" in said and "没有中心" in said
    assert not Figure.objects.exists()
    row = said[said.index("研发经费") - 400 :]
    for part in ("研发经费", "A1", "单位：万元", "2029", "200.00", "原值", "新值", "mini-0002"):
        assert part in row
    assert unit.post(preview).status_code == 302
    assert Figure.objects.get().reported == 20000
    receipt = unit.get(preview).content.decode()
    assert "入库回执" in receipt and "many" in receipt
    assert unit.post(preview).status_code == 422
    other = signed_in(seed.person("unit-1", ("unit", "org-1")))
    assert other.get(preview).status_code == 404


def test_many_centres_are_left_to_a_job_that_can_be_stopped(
    annual: Collection, centres: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = seed.person("units", *[("unit", f"org-{n}") for n in (1, 2, 4)])
    client, mine = signed_in(user), reach(user, clock.today())
    monkeypatch.setattr(uploads, "AT_ONCE", 1)
    rows = [(centre, "B0", 2029, 10, "") for centre in centres]
    made = client.post(f"/figures/{annual.pk}/upload/", {"file": filled(*rows)})["Location"]
    assert client.post(made).status_code == 302
    assert "后台正在入库：0 / 3 家" in client.get(made).content.decode()
    client.post(made, {"do": "stop"})
    upload = Upload.objects.get()
    uploads.work(upload.pk)
    assert Figure.objects.count() == 1
    assert "中途停止" in client.get(made).content.decode()
    uploads.work(upload.pk)
    assert Figure.objects.count() == 1
    assert uploads.find(mine, annual, upload.pk).content in (b"", memoryview(b""))


# --- the authority --------------------------------------------------------------------------------


def test_the_authority_begins_a_year_with_the_legal_day(
    boss: Client, unit: Client, annual: Collection, centres: tuple[str, str, str]
) -> None:
    assert unit.get("/figures/new/mini/").status_code == 403
    page = boss.get("/figures/new/mini/?year=2028").content.decode()
    assert 'value="2029-02-28"' in page
    given = {"year": "2028", "system": annual.system_id, "opens": "2029-01-01", "closes": ""}
    assert boss.post("/figures/new/mini/", given | {"opens": "x"}).status_code == 422
    answer = boss.post("/figures/new/mini/", given)
    made = Collection.objects.get(year=2028)
    assert answer["Location"] == f"/figures/{made.pk}/"
    assert set(made.entries.values_list("centre", flat=True)) == set(centres[:2])
    assert boss.post("/figures/new/mini/", given).status_code == 422
    made.entries.filter(centre=centres[1]).delete()
    assert "另有 1 家应报中心" in boss.get(f"/figures/{made.pk}/").content.decode()
    boss.post(f"/figures/{made.pk}/")
    assert made.entries.count() == 2


def test_what_is_late_is_asked_for_with_preview_and_receipt(
    boss: Client, unit: Client, centres: tuple[str, str, str]
) -> None:
    page = boss.get("/reports/?period=2029").content.decode()
    assert "逾期未报" in page and "催报全部逾期的 2 家" in page
    query = "/reports/hurry/?programme=mini&period=2029"
    preview = boss.get(f"{query}&all=overdue").content.decode()
    assert "unit-2" in preview and not Notice.objects.exists()
    given = {"programme": "mini", "period": "2029", "centre": list(centres[:2]), "confirm": "yes"}
    assert "已催报" in boss.post("/reports/hurry/", given).content.decode()
    assert Notice.objects.filter(kind="hurry").count() >= 1
    assert "今日已通知过" in boss.post("/reports/hurry/", given).content.decode()
    back = "&back=period%3D2029%26status%3Doverdue%26q%3D%E6%B0%A2"
    for chosen, said in (("", "尚未勾选中心"), ("&centre=nowhere", "没有可由您催报的事项")):
        answer = boss.get(f"{query}{chosen}{back}")
        assert answer.status_code == 302
        page = boss.get(answer["Location"])
        listed = page.content.decode()
        assert said in listed and 'value="氢"' in listed and "status=overdue" in answer["Location"]
        assert not [href for href in re.findall(r'href="([?][^"]*)"', listed) if "hurry=" in href]
    assert unit.get(f"{query}&centre={centres[1]}").status_code == 403


def test_the_right_to_ask_is_a_row(boss: Client, centres: tuple[str, str, str]) -> None:
    assert Right.objects.filter(subject="mini:boss", thing="hurry.report", allowed=True).exists()
    Right.objects.filter(thing="hurry.report").update(allowed=False)
    assert boss.get("/reports/hurry/?period=2029").status_code == 403
    assert "催报所选" not in boss.get("/reports/?period=2029").content.decode()


def test_tables_leave_as_workbooks_with_numbers(
    boss: Client, annual: Collection, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(annual, centres[1])
    verbs.enter(None, entry, Stage.REPORTED, [Value("spending", 2029, Decimal("200.5"))])
    for page in ("/reports/summary/?period=2029", "/reports/compare/"):
        drafted = boss.get(page).content.decode()
        assert "200.5" not in drafted and "0 / 3" in drafted
    Entry.objects.filter(pk=entry.pk).update(stage=Stage.REPORTED)
    for page in (
        f"/figures/{annual.pk}/file.xlsx",
        "/reports/summary/?period=2029&file=xlsx",
        "/reports/summary/?period=2029&by=field&file=xlsx",
        "/reports/compare/?file=xlsx",
    ):
        answer = boss.get(page)
        assert answer.status_code == 200, page
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
        cells = [
            c
            for name in book.sheet_names
            for row in book.get_sheet_by_name(name).to_python()
            for c in row
        ]
        assert 200.5 in cells, page
        assert "figures/" in page or any("1 / 3" in str(c) for c in cells), page
    listed = boss.get("/lists/reports/file.csv?period=2029")
    assert "逾期未报" in b"".join(listed.streaming_content).decode()
    Right.objects.filter(thing="export.list").update(allowed=False)
    assert boss.get("/reports/compare/?file=xlsx").status_code == 403


# --- one centre -----------------------------------------------------------------------------------


def test_a_centres_reports_lead_to_the_act_with_the_year_filled_in(
    unit: Client, centres: tuple[str, str, str]
) -> None:
    report(centres[1], 2028, "2029-02-01")
    page = unit.get(f"/centres/{centres[1]}/reports/").content.decode()
    assert "2028年" in page and "逾期未报" in page
    link = next(
        href
        for href in re.findall(r'href="(/centres/[^"]+acts/survey/[^"]+)"', page)
        if "figures=" in href
    ).replace("&amp;", "&")
    act = unit.get(link)
    assert act.status_code == 200 and 'name="with.year"' in act.content.decode()
    assert re.search(r'name="with\.year"[^>]*value="2029"', act.content.decode())
    stranger = signed_in(seed.person("unit-4", ("unit", "org-4")))
    assert stranger.get(f"/centres/{centres[1]}/reports/").status_code == 404


def test_figures_fill_the_report_of_each_programme(
    annual: Collection, centres: tuple[str, str, str], settings: Any
) -> None:
    entry = entry_of(annual, centres[1])
    verbs.enter(None, entry, Stage.REPORTED, [Value("spending", 2029, Decimal(200))])
    made = sheets.sheet(entry)
    settings.PROGRAMMES_DIR = None
    library.forget()
    found = {}
    for programme in ("nitec", "ncti", "jliic", "nmic"):
        rs = library.editions(programme).latest
        found[programme] = figure_prefill.answers(reports.kinds(programme)[0], made, rs)
    assert "研发经费：200.00 万元" in found["nitec"]["documents.progress_report.key_indicators"]
    assert "sha256:" in found["ncti"]["documents.annual_report.data"]
    assert found["jliic"]["with.year"] == "2029"
    assert "sha256:" in found["jliic"]["documents.annual_work_report.__reference"]
    assert "with.operation_year" not in found["nmic"]


# --- few queries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        "/reports/?period=2029",
        "/reports/summary/?period=2029",
        "/reports/compare/",
        "/figures/{0}/",
        "/figures/{0}/{1}/",
        "/figures/{0}/upload/",
        "/centres/{1}/reports/",
    ],
)
def test_a_page_asks_little(
    page: str, boss: Client, annual: Collection, centres: tuple[str, str, str]
) -> None:
    for centre in centres:
        verbs.enter(None, entry_of(annual, centre), Stage.REPORTED, [
            Value("spending", 2029, Decimal(200)), Value("staff", 2029, 40)])  # fmt: skip
    Entry.objects.filter(centre__in=centres[1:]).update(stage=Stage.REPORTED)
    address = page.format(annual.pk, centres[1])
    boss.get(address)
    with CaptureQueriesContext(connection) as counted:
        assert boss.get(address).status_code == 200
    told = "\n".join(q["sql"][:160] for q in counted)
    assert len(counted) <= MOST_QUERIES, f"{len(counted)}\n{told}"


# --- a round beside the yearly reports ------------------------------------------------------------


@pytest.fixture
def round_(annual: Collection, centres: tuple[str, str, str]) -> Collection:
    """A round over 2028 and 2029, whose yearly tables 2027 to 2029 are on file; the second centre
    has reported 100, 110 and 120 (the last as a reviewer's draft has 999)."""
    tables = [annual]
    for year in (2027, 2028):
        tables.append(verbs.open_collection(None, Opening(
            annual.system, Kind.ANNUAL, year, Text(f"{year}", f"{year}"),
            dt.date(2030, 1, 1), centres=centres)))  # fmt: skip
    for table, spending in zip(tables, (120, 100, 110), strict=True):
        entry = entry_of(table, centres[1])
        verbs.enter(None, entry, Stage.REPORTED, [
            Value("spending", table.year, Decimal(spending)), Value("staff", table.year, 40),
            Value("rd_staff", table.year, 20)])  # fmt: skip
        verbs.finish(None, entry, Stage.REPORTED)
    verbs.enter(None, entry_of(annual, centres[1]), Stage.REVIEWED, [
        Value("spending", 2029, Decimal(999), "草稿")])  # fmt: skip
    return verbs.open_collection(None, Opening(
        annual.system, Kind.ROUND, 2029, Text("2030年评估", "2030"), dt.date(2030, 3, 1),
        round=1, centres=centres))  # fmt: skip


def test_a_round_shows_and_takes_what_the_yearly_reports_have(
    unit: Client, boss: Client, round_: Collection, annual: Collection,
    centres: tuple[str, str, str],
) -> None:  # fmt: skip
    table = f"/figures/{round_.pk}/{centres[1]}/"
    lines = {line.key: line for line in sheets.sheet(entry_of(round_, centres[1])).lines}
    assert (lines["spending.2028"].before, lines["spending.2029"].before) == ("100.00", "110.00")
    assert lines["spending.2029"].reported == "120.00"
    page = unit.get(table)
    said = page.content.decode()
    assert "带入年度报告数" in said and "已填报" in said
    assert f'href="/figures/{annual.pk}/{centres[1]}/#line-spending.2029">120.00' in said
    typed = form(page) | {"v.spending.2029": "500", "v.staff.2029": "4o", "do": "take"}
    answer = unit.post(table, typed)
    assert answer.status_code == 422 and 'value="4o"' in answer.content.decode()
    typed = form(answer) | {"v.spending.2029": "500", "v.staff.2029": "", "do": "take"}
    answer = unit.post(table, typed)
    assert answer.status_code == 302 and "taken=5" in answer["Location"]
    held = {(f.indicator, f.year): f.reported for f in entry_of(round_, centres[1]).figures.all()}
    assert held["spending", 2029] == 50000 and held["spending", 2028] == 11000
    assert held["staff", 2029] == 40
    said = unit.get(answer["Location"]).content.decode()
    assert "已带入年度报告数 5 项" in said and "不一致" in said
    assert "该年年度报告为 120.00 万元" in said
    assert 'value="take"' not in said
    entry = entry_of(round_, centres[1])
    verbs.enter(None, entry, Stage.REPORTED, [Value("spending", 2029, Decimal(500), "新购设备")])
    verbs.finish(None, entry, Stage.REPORTED)
    assert "120.00" in boss.get(table).content.decode()
    with CaptureQueriesContext(connection) as counted:
        assert boss.get(table).status_code == 200
    assert len(counted) <= MOST_QUERIES


def test_the_template_has_the_same_year_before_as_the_page(
    unit: Client, round_: Collection, annual: Collection, centres: tuple[str, str, str]
) -> None:
    verbs.enter(None, entry_of(round_, centres[1]), Stage.REPORTED, [
        Value("spending", 2028, Decimal(700))])  # fmt: skip
    for of in (round_, annual):
        Entry.objects.filter(collection=annual).update(stage=Stage.EMPTY)
        if of == round_:
            Entry.objects.filter(collection=annual, centre=centres[1]).update(stage=Stage.REPORTED)
        data = unit.get(f"/figures/{of.pk}/template.xlsx").content
        sheet = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        rows = sheet.get_sheet_by_index(0).to_python()[4:]
        codes = {"A1": "spending", "B0": "staff", "B1": "rd_staff", "C1": "standards"}
        told = {(codes[row[2]], int(row[5])): row[6] for row in rows}
        lines = sheets.sheet(entry_of(of, centres[1])).lines
        shown = {
            (x.name, x.year): float(x.before) if x.before else ""
            for x in lines
            if x.name != "honest"
        }
        assert told == shown
        assert told["spending", 2029] == (700 if of == round_ else 110)


def test_the_list_opens_on_the_year_that_is_collected(boss: Client, annual: Collection) -> None:
    assert "2029年　" in boss.get("/reports/").content.decode()
    verbs.open_collection(None, Opening(
        annual.system, Kind.ANNUAL, 2028, Text("2028", "2028"), dt.date(2030, 11, 1),
        dt.date(2030, 12, 31)))  # fmt: skip
    page = boss.get("/reports/").content.decode()
    assert "2028年　" in page and "2029年　" not in page


# --- centres that count their own years -----------------------------------------------------------


@pytest.fixture
def counted_years(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny programme's centres count their own years: reports are keyed by a number."""
    real = reports.kinds
    monkeypatch.setattr(
        reports, "kinds", lambda p: [dataclasses.replace(k, calendar=False) for k in real(p)]
    )


def test_a_list_of_counted_years_opens_on_what_concerns_most(
    boss: Client, annual: Collection, centres: tuple[str, str, str], counted_years: None
) -> None:
    assert reports.most_concerned({9: 1, 3: 4, 2: 6, 1: 8}) == 3
    assert reports.most_concerned({}) == 1
    (kind,) = reports.kinds("mini")
    assert reports.numbered(kind, Q(), []) == {1: 2}
    report(centres[1], 2029, "2030-02-01")
    assert reports.numbered(kind, Q(), [])[2029] == 1
    listed = boss.get("/reports/").content.decode()
    assert "第2029年度" in listed and "第3年度" not in listed
    page = boss.get("/reports/?period=2029").content.decode()
    assert f'href="/figures/{annual.pk}/{centres[1]}/">未填报' in page
    with CaptureQueriesContext(connection) as asked:
        boss.get("/reports/")
    assert len(asked) <= MOST_QUERIES


def test_figures_of_counted_years_are_summed_by_calendar_year(
    boss: Client, annual: Collection, centres: tuple[str, str, str], counted_years: None
) -> None:
    entry = entry_of(annual, centres[1])
    verbs.enter(None, entry, Stage.REPORTED, [Value("spending", 2029, Decimal("200.5"))])
    Entry.objects.filter(pk=entry.pk).update(stage=Stage.REPORTED)
    link = "/reports/summary/?programme=mini&amp;year=2029"
    assert link in boss.get(f"/figures/{annual.pk}/").content.decode()
    for address in (link.replace("&amp;", "&"), "/reports/summary/"):
        page = boss.get(address).content.decode()
        assert "200.50" in page and "1 / 3" in page and "第2029年度" not in page
    with CaptureQueriesContext(connection) as asked:
        boss.get("/reports/summary/?year=2029")
    assert len(asked) <= MOST_QUERIES, "\n".join(q["sql"][:150] for q in asked)


@pytest.mark.parametrize("numbered", [False, True])
def test_what_the_report_says_is_set_beside_the_table(
    unit: Client, annual: Collection, centres: tuple[str, str, str], system_text: str,
    numbered: bool, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    if numbered:
        request.getfixturevalue("counted_years")
    text = system_text.replace("    unit: 人\n", "    evaluated_as: count\n    unit: 人\n", 1)
    annual.system = verbs.load_system(None, "mini", text)
    annual.save()
    report(centres[1], 2029, "2030-02-01")  # it says 6
    entry = entry_of(annual, centres[1])
    page = f"/centres/{centres[1]}/reports/"
    for staff, differs in ((6, False), (40, True)):
        verbs.enter(None, entry, Stage.REPORTED, [Value("staff", 2029, staff)])
        Entry.objects.filter(pk=entry.pk).update(stage=Stage.REPORTED)
        said = unit.get(page).content.decode()
        assert ("与报告不一致" in said) is differs
        Entry.objects.filter(pk=entry.pk).update(stage=Stage.EMPTY)
    assert "数据表 40 人" in " ".join(said.split()) and " 6 人" in said
    assert "与报告不一致" not in unit.get(page).content.decode()  # a draft is not compared
    with CaptureQueriesContext(connection) as asked:
        unit.get(page)
    assert len(asked) <= MOST_QUERIES
