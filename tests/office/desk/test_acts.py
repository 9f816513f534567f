"""Taking acts through their forms: every type of input, refusals that keep what was typed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from banfa.office.ledger import queries
from tests.office.desk import seed
from tests.office.desk.test_pages import text, text_of

pytestmark = pytest.mark.django_db

SURVEY = {
    "party": "unit",
    "on": "2030-11-10",
    "with.title": "二〇三〇年",
    "with.reason": "第一行\n第二行",
    "with.day": "2030-11-01",
    "with.year": "2029",
    "with.count": "12",
    "with.amount": "1,200.50",
    "with.share": "0.35",
    "with.open": "false",
    "with.form": "legal",
    "with.tasks": ["test", "pilot"],
    "with.words": "封装\n测试",
    "with.people": "张某\n李某",
    "with.partner": "org-3",
    "with.members": ["org-1", "org-2"],
    "with.rows.0.name": "电镜",
    "with.rows.0.price": "100",
    "with.rows.7.name": "探针台",
    "with.rows.7.price": "50",
    "with.notice": "1",
    "documents.proof.__reference": "样函〔2030〕3号",
}


def acts_on(centre: str) -> list[Any]:
    return [entry.act for entry in queries.centre(centre).timeline]


def test_every_type_of_input_reaches_the_ledger(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[1]}/acts/survey/?party=unit"
    scan = SimpleUploadedFile("扫描.pdf", b"%PDF", "application/pdf")
    answer = client.post(at, {**SURVEY, "with.scan": scan})
    assert answer.status_code == 302, text_of(answer)
    act = acts_on(centres[1])[-1]
    assert act.on == dt.date(2030, 11, 10) and act.org["org"] == "org-2"
    data = act.data
    assert (data["amount"], data["share"], data["open"]) == (
        Decimal("1200.50"),
        Decimal("0.35"),
        False,
    )
    assert (data["tasks"], data["words"]) == (["test", "pilot"], ["封装", "测试"])
    assert data["partner"]["name"] == "丙产业技术研究院" and len(data["members"]) == 2
    assert [row["name"] for row in data["rows"]] == ["电镜", "探针台"]
    assert data["scan"]["name"] == "扫描.pdf" and data["scan"]["digest"].startswith("sha256:")
    assert data["notice"] == 1 and "proof" in act.documents
    page = text_of(client.get(answer["Location"]))
    assert "已登记" in page and "名称电镜，单价100元" in page


def test_a_refused_form_keeps_all_that_was_typed(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[1]}/acts/survey/?party=unit"
    scan = SimpleUploadedFile("扫描.pdf", b"%PDF", "application/pdf")
    answer = client.post(at, {**SURVEY, "with.count": "3", "with.scan": scan})
    page = text(answer)
    assert answer.status_code == 422
    assert "人数不少于5人" in page and 'href="#f-with-count"' in page
    for kept in ("二〇三〇年", "第一行", "1,200.50", "探针台", "样函〔2030〕3号", "已选：扫描.pdf"):
        assert kept in page
    assert '<option value="org-3" selected>' in page
    assert page.count("checked") == 5
    assert len(acts_on(centres[1])) == 3


def test_what_cannot_be_read_is_said_beside_its_field(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[1]}/acts/survey/?party=unit"
    wrong = {**SURVEY, "with.amount": "十二", "with.partner": "nix", "on": "昨天"}
    said = text_of(client.post(at, wrong))
    assert "合作单位：没有这个单位" in said and "“昨天”不是有效日期" in said
    said = text_of(client.post(at, {**wrong, "with.partner": "org-3", "on": "2030-11-10"}))
    assert "金额：“十二”不是数字" in said and "未予登记" in said


def test_a_stale_page_is_told_and_loses_nothing(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[2]}/acts/start/?party=boss"
    form = {"party": "boss", "on": "2030-11-15", "with.end": "2032-01-01", "version": "0"}
    answer = client.post(at, form)
    assert answer.status_code == 422 and "已有新的记录" in text_of(answer)
    assert 'value="2032-01-01"' in text(answer) and 'name="version" value="1"' in text(answer)


def test_the_same_key_acts_once(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[2]}/acts/start/?party=boss"
    form = {
        "party": "boss",
        "on": "2030-11-15",
        "with.end": "2032-01-01",
        "version": "1",
        "key": "one",
    }
    places = {client.post(at, form)["Location"] for _ in range(3)}
    assert places == {f"/centres/{centres[2]}/?party=boss&receipt=2#receipt"}
    assert len(acts_on(centres[2])) == 2


def test_a_new_centre_begins_from_the_programme_page(client: Client, centres: Any) -> None:
    at = "/programmes/mini/acts/apply/?party=unit"
    assert '<option value="org-3"' not in text(client.get(at))  # an institute may not apply
    form = {
        "party": "unit",
        "on": "2030-11-14",
        "org": "org-1",
        "with.field_zh": "工业软件",
        "with.team": "周某",
        "documents.plan.goals": "目标",
        "documents.plan.money.total": "100",
    }
    refused = client.post(at, {**form, "documents.plan.money.total": "", "with.field_zh": "别的"})
    assert refused.status_code == 422
    assert 'href="#f-documents-plan-money-total"' in text(refused)
    accepted = client.post(at, form)
    assert accepted["Location"].startswith("/centres/mini-0004/?party=unit&receipt=1")
    assert client.get(accepted["Location"]).status_code == 200


def test_programme_level_acts_and_what_they_cause(client: Client, centres: Any) -> None:
    form = {"party": "boss", "on": "2030-11-15", "with.year": "2030", "with.centres": centres[:2]}
    answer = client.post("/programmes/mini/acts/call_round/?party=boss", form)
    assert answer["Location"].startswith("/programmes/mini/2026/")
    assert acts_on(centres[0])[-1].kind == "called"


def test_joint_bodies_concur_on_the_draft(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[0]}/acts/revoke/?party=boss"
    form = {"party": "boss", "on": "2030-11-15"}
    page = text(client.post(at, form))
    draft = page.split('<span class="mono">sha256:')[1].split("<")[0]
    concur = f"/centres/{centres[0]}/acts/concur/"
    opened = client.get(f"{concur}?party=customs&with.draft=sha256:{draft}")
    assert f'value="sha256:{draft}"' in text(opened)
    agreed = {
        "party": "customs",
        "on": "2030-11-15",
        "with.draft": f"sha256:{draft}",
        "with.agrees": "true",
    }
    assert client.post(f"{concur}?party=customs", agreed).status_code == 302
    assert client.post(at, form).status_code == 302
    assert queries.centre(centres[0]).stage == "gone"


def test_an_exception_may_be_given_with_the_act(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[2]}/acts/start/?party=boss"
    form = {"party": "boss", "on": "2030-11-15", "with.end": "2034-01-01"}
    assert client.post(at, form).status_code == 422
    more = {"exception.rule": "start.not_too_long", "exception.reason": "重大任务"}
    assert client.post(at, {**form, **more}).status_code == 302


def test_a_probe_is_judged_and_not_recorded(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[1]}/acts/use_name/?party=unit"
    form = {"party": "unit", "on": "2030-11-15", "with.name": "国家氢能装备样例中心（筹）"}
    good = client.post(at, form)
    assert good.status_code == 200 and "判断结果：符合规定" in text_of(good)
    assert client.post(at, {**form, "with.name": "国家氢能装备样例中心"}).status_code == 422
    assert len(acts_on(centres[1])) == 3


def test_a_line_is_added_without_scripts(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[1]}/acts/survey/?party=unit"
    page = text(client.post(at, {**SURVEY, "add": "with.rows"}))
    assert "with.rows.2.name" in page and "探针台" in page and 'id="answer"' not in page


def typed_in(answer: Any) -> set[tuple[str, str]]:
    """What stands in the controls of a form: name and value."""

    class Controls(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: set[tuple[str, str]] = set()
            self.open = ("", "")

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            name = given.get("name") or ""
            if tag == "input" and (
                given.get("type") not in ("checkbox", "radio") or "checked" in given
            ):
                self.found.add((name, given.get("value") or ""))
            elif tag in ("select", "textarea"):
                self.open = (tag, name)
            elif tag == "option" and "selected" in given:
                self.found.add((self.open[1], given.get("value") or ""))

        def handle_data(self, data: str) -> None:
            if self.open[0] == "textarea":
                self.found.add((self.open[1], data.strip("\n")))

        def handle_endtag(self, tag: str) -> None:
            if tag == self.open[0]:
                self.open = ("", "")

    parser = Controls()
    parser.feed(text(answer))
    return parser.found


def test_an_existing_centre_is_entered(client: Client, centres: Any) -> None:
    form = {
        "party": "boss",
        "on": "2030-11-15",
        "with.stage": "preparing",
        "with.basis": "样函〔2020〕8号",
        "with.roles.0.party": "unit",
        "with.roles.0.org": "org-4",
        "with.values.0.name": "field_zh",
        "with.values.0.value": "碳纤维",
        "with.values.1.name": "team",
        "with.values.1.value": "周某、吴某",
        "with.periods.0.name": "preparation",
        "with.periods.0.start": "2029-01-01",
        "with.periods.0.end": "2031-12-31",
    }
    at = "/programmes/mini/acts/enter_existing_centre/?party=boss"
    wrong = client.post(at, {**form, "with.periods.0.end": "明年"})
    assert wrong.status_code == 422 and "期限：“明年”不是有效日期" in text_of(wrong)
    assert typed_in(wrong) >= {(k, v) for k, v in form.items() if k != "with.periods.0.end"}
    # what the rules refuse keeps what was typed as well
    refused = client.post(at, {**form, "with.stage": "nowhere", "with.basis": ""})
    assert refused.status_code == 422
    kept = {(k, v) for k, v in form.items() if k not in ("with.stage", "with.basis")}
    assert typed_in(refused) >= kept
    assert client.post(at, form).status_code == 302
    page = text_of(client.get("/centres/mini-0004/"))
    assert "国家碳纤维样例中心（筹）" in page and "依托单位丁信息技术有限公司" in page
    assert "团队周某、吴某" in page and "2029-01-01至2031-12-31" in page


def test_the_findings_of_a_recorded_act_are_shown_on_demand(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[2]}/record/1/"
    assert "逐项判断" in text_of(client.get(at))
    fragment = text(client.get(at, headers={"hx-request": "true"}))
    assert "<html" not in fragment and "符合" in fragment


def test_an_act_annulled_is_marked(client: Client, centres: Any) -> None:
    seed.do("boss", "annul", "2030-11-15", centres[0], target=2, reason="误记")
    said = text_of(client.get(f"/centres/{centres[0]}/"))
    assert "已由第3号更正" in said


def test_a_refusal_that_may_be_excepted_offers_the_exception(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[2]}/acts/start/?party=boss"
    form = {"party": "boss", "on": "2030-11-15", "with.end": "2034-01-01"}
    page = text(client.post(at, form))
    assert "<title>未予登记 · 启动筹建" in page
    assert '<details class="wide" id="exception" open>' in page
    assert '<option value="start.not_too_long" selected>' in page
    assert "open>" not in text(client.get(at)).split('id="exception"')[1][:6]


def test_a_form_too_large_is_told_its_limit(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[1]}/acts/survey/?party=unit"
    page = client.post(at, {**SURVEY, "with.reason": "长" * 1_000_000})
    assert page.status_code == 413 and "不得超过2.5MB" in text_of(page)


def test_a_stale_page_leads_to_the_new_records(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[2]}/acts/start/?party=boss"
    form = {"party": "boss", "on": "2030-11-15", "with.end": "2032-01-01", "version": "0"}
    page = client.post(at, form)
    assert "请核对新记录后再次提交" in text_of(page)
    assert f'href="/centres/{centres[2]}/?party=boss#timeline"' in text(page)
