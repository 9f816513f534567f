"""The pages of reviews: their doors, what they keep, what they refuse."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any
from urllib.parse import quote

import pytest
import python_calamine
import xlsxwriter
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from banfa.office.ledger.models import ActRecord, Centre, DocumentVersion
from banfa.office.people.models import AuditEvent, User
from banfa.office.reviews import verbs
from banfa.office.reviews.models import Assignment, Expert, Review, ScoreSheet, Stage
from tests.office.desk.conftest import signed_in
from tests.office.reviews import seed

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(boss: User) -> Client:
    """The caller's browser."""
    return signed_in(boss)


@pytest.fixture
def experts(centres: list[Centre]) -> list[Expert]:
    """Three experts whom nothing ties to the centres."""
    return [seed.expert(name) for name in ("钱某", "吴某", "郑某")]


def fresh(review: Review) -> Review:
    return Review.objects.get(pk=review.pk)


def post(client: Client, review: Review, what: str, **given: Any) -> Any:
    given = {"what": what, "version": fresh(review).version, **given}
    return client.post(f"/reviews/{review.pk}/", given)


def text(answer: Any) -> str:
    found: str = answer.content.decode()
    return found


def test_beginning_a_review_by_its_forms(officer: Client, centres: list[Centre]) -> None:
    first = text(officer.get("/reviews/new/"))
    assert "组织专家论证" in first and "申请设立" not in first
    token = "panel:boss@boss:appraise"
    assert "国家先进封装样例中心" in text(officer.get(f"/reviews/new/?matter={quote(token)}"))
    given = {"matter": token, "title": "", "centre": centres[0].id, "key": "abc"}
    refused = officer.post("/reviews/new/", given)
    assert refused.status_code == 422 and "请填写评审名称" in text(refused)
    assert f'value="{centres[0].id}" checked' in text(refused)
    given |= {"title": "方案论证", "centre": [c.id for c in centres]}
    for _twice in range(2):
        assert officer.post("/reviews/new/", given).status_code == 302
    review = Review.objects.get()
    abouts = review.subjects.order_by("centre").values_list("about", flat=True)
    assert list(abouts) == ["recognition#2"] * 3


def test_the_sheet_is_edited_and_kept_as_a_template(
    officer: Client, boss: User, centres: list[Centre]
) -> None:
    review = seed.begun(boss, centres)
    at = f"/reviews/{review.pk}/sheet/"
    given = {
        "version": review.version, "lowest": "0", "highest": "10", "places": "1",
        "c.0.name": "先进性", "c.0.weight": "70", "c.0.guidance": "与国际对比",
        "c.1.name": "条件", "c.1.weight": "20", "c.1.comment": "1",
    }  # fmt: skip
    refused = officer.post(at, given)
    assert (
        refused.status_code == 422 and "现为90" in text(refused) and "与国际对比" in text(refused)
    )
    more = officer.post(at, {**given, "add": "1"})
    assert more.status_code == 200 and "c.2.name" in text(more)
    assert officer.post(at, {**given, "c.1.weight": "30"}).status_code == 302
    assert fresh(review).sheet["highest"] == 10
    assert post(officer, review, "template", name="常用").status_code == 302
    page = text(officer.get("/reviews/new/?matter=panel:boss@boss:appraise"))
    assert "常用" in page


def test_nothing_typed_is_lost_when_terms_are_refused(
    officer: Client, boss: User, centres: list[Centre]
) -> None:
    review = seed.begun(boss, centres)
    given = {"title": "改过的名称", "due": "2030-11-30", "minimum": "2", "drop": "1", "blind": "1"}
    refused = post(officer, review, "terms", **given)
    assert refused.status_code == 422
    assert "改过的名称" in text(refused) and "3至60" in text(refused)
    stale = officer.post(f"/reviews/{review.pk}/", {"what": "terms", "version": "1", **given,
                                                    "minimum": "3"})  # fmt: skip
    assert stale.status_code == 409 and "改过的名称" in text(stale)


def test_a_review_through_its_pages(
    officer: Client, boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.begun(boss, centres[:2])
    plan = DocumentVersion.objects.get(centre=centres[0])
    assert post(officer, review, "materials", document=[plan.pk]).status_code == 302
    ids = [e.pk for e in experts]
    assert post(officer, review, "choose", expert=ids[:2], reason="相符").status_code == 302
    assert post(officer, review, "draw", wanted="1", field="材料").status_code == 302
    assert "种子" in text(officer.get(f"/reviews/{review.pk}/"))
    assert post(officer, review, "call").status_code == 302
    panel = list(review.assignments.order_by("number"))
    for one in panel:
        user = one.expert.user
        assert user is not None
        own = signed_in(user)
        assert "请我评审" in text(own.get("/reviews/"))
        door = f"/reviews/{review.pk}/centres/{centres[0].id}/"
        assert own.get(door).status_code == 404, "not before the statement"
        assert own.post(f"/reviews/{review.pk}/", {"what": "accept"}).status_code == 422
        assert (
            own.post(f"/reviews/{review.pk}/", {"what": "accept", "signed": "1"}).status_code == 302
        )
        assert "建设方案" in text(own.get(door))
        paper = own.get(f"{door}material/{plan.pk}/")
        assert "建成中试平台" in text(paper) and "12000" in text(paper).replace(",", "")
        for number, c in enumerate(centres[:2]):
            sheet = ScoreSheet.objects.get(assignment=one, subject__centre=c)
            at = f"/reviews/{review.pk}/centres/{c.id}/"
            bad = own.post(at, {**seed.FULL, "score.c1": "101", "what": "hand_in",
                                "version": sheet.version})  # fmt: skip
            assert bad.status_code == 422 and 'value="101"' in text(bad)
            good = {**seed.FULL, "score.c1": str(80 + number), "version": sheet.version}
            saved = own.post(at, {**good, "what": "save"}, headers={"X-Autosave": "1"})
            assert saved.json()["version"] == sheet.version + 1
            stale = own.post(at, {**good, "what": "save"}, headers={"X-Autosave": "1"})
            assert stale.status_code == 409 and stale.json()["stale"]
            done = own.post(at, {**good, "what": "hand_in", "version": sheet.version + 1})
            assert done.status_code == 302
    assert post(officer, review, "close").status_code == 302
    review = fresh(review)
    page = text(officer.get(f"/reviews/{review.pk}/summary/"))
    assert "80.60" in page and "80.00" in page and review.digest in page
    frozen = officer.get(f"/reviews/{review.pk}/summary.json").content
    assert review.digest == "sha256:" + hashlib.sha256(frozen).hexdigest()
    book = officer.get(f"/reviews/{review.pk}/summary.xlsx")
    rows = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(book.content))
    cells = rows.get_sheet_by_index(0).to_python()
    assert cells[0][:4] == ["名次", "中心", "编号", "专家"]
    assert any(review.digest in row for row in cells)
    assert AuditEvent.objects.filter(kind="exported").exists()
    gone = signed_in(panel[0].expert.user).get(
        f"/reviews/{review.pk}/centres/{centres[0].id}/material/{plan.pk}/"
    )
    assert gone.status_code == 404, "the material closes with the review"


def closed(boss: User, centres: list[Centre], experts: list[Expert], **terms: Any) -> Review:
    review = seed.called(boss, centres, experts, **terms)
    for number, one in enumerate(seed.accepted(review)):
        seed.score(one, 80 + number)
    return verbs.close(boss, fresh(review), fresh(review).version)


@pytest.mark.parametrize("blind", [True, False])
def test_the_act_is_prefilled_and_pins_the_digest(
    officer: Client, boss: User, centres: list[Centre], experts: list[Expert], blind: bool
) -> None:
    review = closed(boss, centres[:1], experts, blind=blind)
    at = f"/centres/{centres[0].id}/acts/appraise/?party=boss"
    page = officer.get(f"{at}&review={review.pk}")
    form = page.context["form"]
    names = next(f.value for f in form.inputs if f.name == "with.experts")
    assert names == ([] if blind else ["钱某", "吴某", "郑某"])
    opinion = next(f.value for f in form.inputs if f.name == "with.opinion")
    assert review.digest in opinion and "81.00分" in opinion
    kept = form.documents[0].file.value
    assert kept["digest"] == review.digest
    given = {
        "party": "boss", "on": "2030-11-15", "version": page.context["version"], "key": "k1",
        "with.experts": "\n".join(names), "with.opinion": opinion,
        "documents.report.__file.kept": json.dumps(kept),
        "documents.report.__reference": "评审汇总",
    }  # fmt: skip
    assert officer.post(at, given).status_code == 302
    act = ActRecord.objects.get(kind="appraise")
    assert review.digest in str(act.payload.data)
    assert "已带入第 3 号" in text(officer.get(f"/reviews/{review.pk}/summary/"))
    assert "已带入第 3 号" in text(officer.get(f"/centres/{centres[0].id}/reviews/"))


def test_a_review_of_another_act_or_person_fills_nothing(
    officer: Client, boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = closed(boss, centres[:1], experts)
    for asked, centre in ((review.pk, centres[1]), (999, centres[0]), ("x", centres[0])):
        page = officer.get(f"/centres/{centre.id}/acts/appraise/?party=boss&review={asked}")
        assert page.status_code == 200
        assert not next(f.value for f in page.context["form"].inputs if f.name == "with.opinion")


def test_the_centre_does_not_learn_who_reviews_it(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    unit = signed_in(seed.person("unit-1", ("unit", "org-1")))
    review = seed.called(boss, centres[:1], experts)
    at = f"/centres/{centres[0].id}/reviews/"
    page = text(unit.get(at))
    assert "组建方案论证" in page and "3 位，0 位已提交" in page and "钱某" not in page
    assert unit.get(f"/centres/{centres[1].id}/reviews/").status_code == 404
    Review.objects.filter(pk=review.pk).update(blind=False)
    assert "钱某" in text(unit.get(at))


def test_a_formula_in_a_comment_is_text_in_the_workbook(
    officer: Client, boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres[:1], experts[:2])
    for one in seed.accepted(review):
        sheet, user = one.sheets.get(), one.expert.user
        assert user is not None
        typed = {**seed.FULL, "opinion": '=HYPERLINK("http://x")'}
        verbs.hand_in(user, sheet, verbs.sheets.written(seed.SHEET, typed), 1)
    verbs.close(boss, fresh(review), fresh(review).version)
    book = officer.get(f"/reviews/{review.pk}/summary.xlsx").content
    cells = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0)
    assert any("'=HYPERLINK" in str(c) for row in cells.to_python() for c in row)


def test_the_caller_reads_the_sheets_once_all_are_in(
    officer: Client, boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres[:1], experts[:2])
    first, second = seed.accepted(review)
    seed.score(first, 80)
    assert "条件较好" not in text(officer.get(f"/reviews/{review.pk}/"))
    seed.score(second, 81)
    assert text(officer.get(f"/reviews/{review.pk}/")).count("条件较好") == 2


def test_the_workbench_and_the_case_tell_of_a_review(
    officer: Client, boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    seed.begun(boss, centres[:1])
    assert "完成评审筹备并邀请专家" in text(officer.get("/"))
    seed.called(boss, centres[:1], experts[:2])
    case = text(officer.get(f"/centres/{centres[0].id}/cases/recognition-2/"))
    assert "组建方案论证" not in case, "the case is not known to this review"
    from banfa.office.reviews.models import Subject

    Subject.objects.update(about="recognition#2")
    case = text(officer.get(f"/centres/{centres[0].id}/cases/recognition-2/"))
    assert "组建方案论证" in case and "2 位，0 位已提交" in case


# --- every role against every door ---------------------------------------------------------------

DOORS = {
    "caller": {"review": 200, "sheet": 302, "summary": 200, "json": 200, "score": 404,
               "paper": 404},
    "colleague": {"review": 200, "sheet": 302, "summary": 200, "json": 200, "score": 404,
                  "paper": 404},
    "deputy": {"review": 200, "sheet": 302, "summary": 200, "json": 200, "score": 404,
               "paper": 404},
    "agency": {"review": 200, "sheet": 404, "summary": 200, "json": 404, "score": 404,
               "paper": 404},
    "accepted": {"review": 200, "sheet": 404, "summary": 404, "json": 404, "score": 200,
                 "paper": 404},
    "recused": dict.fromkeys(("review", "sheet", "summary", "json", "score", "paper"), 404),
    "declined": dict.fromkeys(("review", "sheet", "summary", "json", "score", "paper"), 404),
    "replaced": dict.fromkeys(("review", "sheet", "summary", "json", "score", "paper"), 404),
    "unit": dict.fromkeys(("review", "sheet", "summary", "json", "score", "paper"), 404),
    "stranger": dict.fromkeys(("review", "sheet", "summary", "json", "score", "paper"), 404),
    "system": dict.fromkeys(("review", "sheet", "summary", "json", "score", "paper"), 404),
}  # fmt: skip


@pytest.fixture
def cast(boss: User, centres: list[Centre]) -> tuple[Review, dict[str, User]]:
    """A closed review, and somebody of every sort."""
    from banfa.office.people.models import Capacity, Membership, Organisation
    from banfa.office.people.verbs import delegate

    given = [seed.expert(f"专家{n}") for n in range(6)]
    agency = Organisation.objects.get(id="agency")
    review = seed.called(boss, centres[:1], given, agency=agency, agency_party="third_party")
    plan = DocumentVersion.objects.get(centre=centres[0])
    verbs.set_materials(review, fresh(review).version, [plan.pk])
    invited = list(review.assignments.order_by("number"))
    users = [one.expert.user for one in invited]
    assert all(users)
    verbs.recuse(users[3], invited[3], "师生")  # type: ignore[arg-type]
    verbs.decline(users[4], invited[4], "")  # type: ignore[arg-type]
    verbs.remove(boss, invited[5], fresh(review).version, "出国")
    for one in seed.accepted(review):
        seed.score(one, 80)
    review = verbs.close(boss, fresh(review), fresh(review).version)
    deputy = seed.person("deputy")
    Membership.objects.create(user=deputy, organisation_id="boss")
    capacity = Capacity.objects.get(user=boss)
    day = __import__("datetime").date(2030, 11, 15)
    delegate(boss, capacity, deputy, day, day, ["appraise"])
    return review, {
        "caller": boss,
        "colleague": seed.person("boss-2", ("boss", "boss")),
        "deputy": deputy,
        "agency": seed.person("agency-1", ("third_party", "agency")),
        "accepted": users[0],
        "recused": users[3],
        "declined": users[4],
        "replaced": users[5],
        "unit": seed.person("unit-1", ("unit", "org-1")),
        "stranger": seed.person("stranger"),
        "system": seed.person("system-1", role="system"),
    }  # type: ignore[dict-item]


def doors(review: Review) -> dict[str, str]:
    centre = review.subjects.get()
    at = f"/reviews/{review.pk}/"
    return {
        "review": at,
        "sheet": f"{at}sheet/",
        "summary": f"{at}summary/",
        "json": f"{at}summary.json",
        "score": f"{at}centres/{centre.centre_id}/",
        "paper": f"{at}centres/{centre.centre_id}/material/{centre.materials[0]}/",
    }


def test_every_role_against_every_door(
    cast: tuple[Review, dict[str, User]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from banfa.office.people import accounts

    monkeypatch.setattr(accounts, "must_have_second_factor", lambda reach: False)
    review, people = cast
    assert set(people) == set(DOORS)
    wrong = []
    before = fresh(review).version
    for who, expected in DOORS.items():
        client = signed_in(people[who])
        for name, at in doors(review).items():
            got = client.get(at).status_code
            if got != expected[name]:
                wrong.append((who, name, got))
        if who not in ("caller", "colleague", "deputy"):
            answer = client.post(f"/reviews/{review.pk}/", {"what": "conclude", "conclusion": "x",
                                                            "version": before})  # fmt: skip
            if answer.status_code not in (404, 422):
                wrong.append((who, "post", answer.status_code))
    assert not wrong and fresh(review).version == before
    visitor = Client(headers={"host": "localhost"})
    for at in (*doors(review).values(), "/reviews/", "/experts/", "/reviews/new/"):
        assert visitor.get(at).status_code == 302


def test_a_deputy_for_another_act_has_no_part_in_it(
    cast: tuple[Review, dict[str, User]],
) -> None:
    from banfa.office.people.models import Delegation

    review, people = cast
    Delegation.objects.update(acts=["annul"])
    assert signed_in(people["deputy"]).get(f"/reviews/{review.pk}/").status_code == 404


def test_material_is_for_those_who_signed_while_it_runs(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres[:2], experts)
    mine, other = (DocumentVersion.objects.get(centre=c) for c in centres[:2])
    verbs.set_materials(review, fresh(review).version, [mine.pk])
    one = review.assignments.order_by("number").first()
    assert one is not None and one.expert.user is not None
    own = signed_in(one.expert.user)
    at = f"/reviews/{review.pk}/centres/{{}}/material/{{}}/"
    assert own.get(at.format(centres[0].id, mine.pk)).status_code == 404
    verbs.accept(one.expert.user, one, True)
    assert own.get(at.format(centres[0].id, mine.pk)).status_code == 200
    for centre, document in ((0, other), (1, mine), (1, other)):
        assert own.get(at.format(centres[centre].id, document.pk)).status_code == 404
    assert own.get(f"/centres/{centres[0].id}/").status_code == 404, "only within the review"
    verbs.recuse(one.expert.user, one, "有利益关系")
    assert own.get(at.format(centres[0].id, mine.pk)).status_code == 404


def test_a_document_of_another_centre_cannot_be_offered(
    officer: Client, boss: User, centres: list[Centre]
) -> None:
    review = seed.begun(boss, centres[:1])
    other = DocumentVersion.objects.get(centre=centres[1])
    refused = post(officer, review, "materials", document=[other.pk])
    assert refused.status_code == 422 and "不在档" in text(refused)


# --- the register --------------------------------------------------------------------------------


def test_an_expert_is_entered_changed_and_masked(officer: Client) -> None:
    given = {"name": "冯某", "workplace": "丁大学", "fields": "材料、信息", "phone": "13812345678",
             "email": "feng@example.cn", "ties": "单位：丙公司（顾问）"}  # fmt: skip
    assert officer.post("/experts/new/", given).status_code == 302
    assert officer.post("/experts/new/", given).status_code == 422
    kept = Expert.objects.get(name="冯某")
    assert kept.employer_id == "uni" and kept.fields == ["材料", "信息"]
    listed = text(officer.get("/experts/"))
    assert "138****5678" in listed and "f***@example.cn" in listed and "13812345678" not in listed
    at = f"/experts/{kept.pk}/"
    assert "13812345678" not in text(officer.get(at))
    assert "13812345678" in text(officer.post(at, {"what": "contact"}))
    assert AuditEvent.objects.filter(kind="viewed", object__contains="contact").count() == 1
    changed = {**given, "title": "教授", "version": "1", "active": "1", "phone": "", "what": "save"}
    assert officer.post(at, changed).status_code == 302
    kept.refresh_from_db()
    assert (kept.title, kept.phone) == ("教授", "13812345678"), "a contact not shown stays"
    assert officer.post(at, changed).status_code == 409
    assert officer.get("/experts/?q=冯&field=材料").context["page"].paginator.count == 1


def test_a_register_is_its_keepers_own(officer: Client, centres: list[Centre]) -> None:
    kept = seed.expert("钱某")
    other = signed_in(seed.person("agency-1", ("third_party", "agency")))
    assert other.get(f"/experts/{kept.pk}/").status_code == 404
    assert "钱某" not in text(other.get("/experts/"))
    assert signed_in(seed.person("stranger")).get("/experts/").status_code == 403


def workbook(rows: list[list[str]]) -> bytes:
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        for n, row in enumerate(rows):
            sheet.write_row(n, 0, row)
    return held.getvalue()


HEAD = ["姓名", "单位", "专业领域", "电子邮箱", "利益关系"]


@pytest.mark.parametrize("form", ["xlsx", "csv", "gb18030"])
def test_importing_a_table(officer: Client, form: str) -> None:
    ties = "单位：丙公司；个人：李某（师生）"
    rows = [HEAD, ["冯某", "丁大学", "材料、信息", "f@example.cn", ties],
            ["", "", "", "", ""], ["陈某", "戊实验室", "信息", "", ""]]  # fmt: skip
    if form == "xlsx":
        content = workbook(rows)
    else:
        content = "\n".join(",".join(r) for r in rows).encode(
            form if form != "csv" else "utf-8-sig"
        )
    file = io.BytesIO(content)
    file.name = "experts.xlsx" if form == "xlsx" else "experts.csv"
    answer = officer.post("/experts/import/", {"table": file})
    assert answer.status_code == 200 and "已导入 2 位专家" in text(answer)
    assert Expert.objects.get(name="冯某").ties.count() == 2


def test_a_wrong_row_enters_nothing_and_is_told(officer: Client) -> None:
    file = io.BytesIO(
        workbook([HEAD, ["冯某", "丁大学", "", "", ""], ["陈某", "", "", "", ""],
                  ["褚某", "丁大学", "", "不是邮箱", ""]])
    )  # fmt: skip
    file.name = "a.xlsx"
    answer = officer.post("/experts/import/", {"table": file})
    assert answer.status_code == 422 and "2 行有误" in text(answer)
    assert [r.number for r in answer.context["report"].wrong] == [3, 4]
    assert not Expert.objects.exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", b"MZ\x90\x00 no workbook", "不是有效的 Excel"),
        ("a.exe", b"MZ", ".xlsx 或 .csv"),
        ("a.csv", b"\xff\xfe\x00\x81", "编码无法识别"),
        ("a.csv", "甲,乙\n1,2".encode(), "缺少列"),
        ("a.csv", "姓名,单位\n".encode(), "没有专家"),
        ("a.csv", b"x" * (5 * 2**20 + 1), "超过5 MB"),
    ],
)
def test_hostile_files_get_a_clear_message(
    officer: Client, name: str, content: bytes, said: str
) -> None:
    file = io.BytesIO(content)
    file.name = name
    answer = officer.post("/experts/import/", {"table": file})
    assert answer.status_code == 422 and said in text(answer)


def test_a_zip_bomb_is_not_opened(officer: Client) -> None:
    import zipfile

    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * (51 * 2**20))
    held.seek(0)
    held.name = "a.xlsx"
    answer = officer.post("/experts/import/", {"table": held})
    assert answer.status_code == 422 and "解压后过大" in text(answer)


# --- odd input, many rows ------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["", "abc", "-1", "9" * 30, "１２", "\0", "🎉", "=1+1"])
def test_odd_input_is_answered_calmly(
    officer: Client, boss: User, centres: list[Centre], odd: str
) -> None:
    review = seed.begun(boss, centres)
    for what in ("terms", "draw", "choose", "remove", "decide", "reopen", "materials", "call",
                 "close", "cancel", "conclude", "template", "urge", odd):  # fmt: skip
        given = dict.fromkeys(
            ("title", "due", "minimum", "drop", "agency", "agency_party", "wanted", "field",
             "reason", "assignment", "ground", "sheet", "document", "name"), odd
        )  # fmt: skip
        answer = officer.post(f"/reviews/{review.pk}/", {**given, "what": what, "version": odd})
        assert answer.status_code in (302, 404, 409, 422), what
        if answer.status_code == 302:
            assert what in ("template", "cancel")
    for at in (f"/reviews/?stage={quote(odd)}", f"/reviews/new/?matter={quote(odd)}",
               f"/experts/?q={quote(odd)}&field={quote(odd)}&page={quote(odd)}"):  # fmt: skip
        assert officer.get(at).status_code == 200
    assert officer.get("/reviews/99999999999999999999/").status_code == 404


def test_query_counts_do_not_grow(
    officer: Client, boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = closed(boss, centres, experts)
    for number in range(50):
        Review.objects.create(
            title=f"评审{number}", programme="panel", act="appraise", party="boss",
            organisation_id="boss", made=review.made, made_by=boss, key=f"n{number}",
        )  # fmt: skip
    for n in range(50):
        Expert.objects.create(
            kept_by_id="boss", name=f"甲{n}", workplace="丁大学", entered=review.made
        )
    limits = {
        "/reviews/": 12,
        "/experts/": 12,
        f"/reviews/{review.pk}/": 30,
        f"/reviews/{review.pk}/summary/": 20,
        f"/centres/{centres[0].id}/reviews/": 22,
    }
    for at, limit in limits.items():
        officer.get(at)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert officer.get(at).status_code == 200
        assert len(asked) <= limit, (at, len(asked), [q["sql"][:90] for q in asked])


def test_many_assignments_make_no_more_queries(boss: User, centres: list[Centre]) -> None:
    counts = []
    client = signed_in(boss)
    for size in (2, 8):
        given = [seed.expert(f"某{size}-{n}") for n in range(size)]
        review = seed.called(boss, centres, given)
        for one in seed.accepted(review):
            seed.score(one, 80, 70, 60)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(f"/reviews/{review.pk}/").status_code == 200
        counts.append(len(asked))
    assert counts[1] <= counts[0]
    assert Assignment.objects.filter(review__stage=Stage.OPEN).count() == 10
