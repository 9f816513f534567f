"""The pages of work: what they show to whom, in few queries, and that nothing typed is lost."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client

from banfa.office import clock
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.models import Centre
from banfa.office.ledger.verbs import Proposal, record
from banfa.office.people import accounts
from banfa.office.people.models import Membership, Organisation
from banfa.office.queues import queries, routing, verbs
from banfa.office.queues.models import Opinion, Routing, Task
from tests.office.desk import seed
from tests.office.queues.conftest import Reaches

pytestmark = pytest.mark.django_db
CASE = "extension#3"
AT = "/centres/mini-0002/cases/extension-3/"


def text_of(response: Any) -> str:
    body = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", body))


LISTS = ("todo", "done", "begun", "copied")
TABS = ("", "parties/", "cases/", "duties/", "money/", "results/", "timeline/", "notes/")


def test_the_workbench_puts_work_first(browse: Any) -> None:
    said = text_of(browse("amy").get("/"))
    assert said.index("待办") < said.index("将到期") < said.index("近期变化")
    assert "延期已报送" in said and "筹建期满未确认" in said
    assert "目前没有等您办理的事项" in text_of(browse("eve").get("/"))


@pytest.mark.parametrize("which", LISTS)
def test_a_list_takes_few_queries_whatever_its_length(
    browse: Any, reach: Reaches, which: str, django_assert_max_num_queries: Any, officers: Any
) -> None:
    for number in range(12):
        centre = seed.begun("2030-09-02", "org-4", "工业软件", team=[f"周{number}"])
        seed.do("boss", "start", "2030-09-03", centre, end="2031-12-31")
    centre = Centre.objects.get(id="mini-0002")
    routing.route(reach("bob"), centre, "together", [officers["amy"].pk], CASE)
    client = browse("amy")
    with django_assert_max_num_queries(12):
        page = client.get(f"/work/{which}/")
    assert page.status_code == 200


def test_the_workbench_takes_few_queries(
    browse: Any, officers: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        seed.begun("2030-09-02", "org-4", "工业软件", team=[f"周{number}"])
    client = browse("amy")
    with django_assert_max_num_queries(20):
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_takes_few_queries_and_shows_another_day(
    browse: Any, tab: str, django_assert_max_num_queries: Any
) -> None:
    client = browse("amy")
    with django_assert_max_num_queries(15):
        page = client.get(f"/centres/mini-0002/{tab}")
    assert page.status_code == 200 and page.content.decode().count('aria-current="page"') >= 2
    if tab != "notes/":
        said = text_of(client.get(f"/centres/mini-0002/{tab}?on=2027-03-02"))
        assert "所示为截至2027-03-02的情形" in said
    assert browse("fay").get(f"/centres/mini-0001/{tab}").status_code == 404


def test_a_procedure_in_full(browse: Any, django_assert_max_num_queries: Any) -> None:
    client = browse("amy")
    with django_assert_max_num_queries(20):
        page = client.get(AT)
    said = text_of(page)
    assert "已报送2030-10-15申请延期由主管部门办理" in said and "已同意可能的结果" in said
    assert "由我方办理同意延期" in said and "申请延期依托单位乙装备制造有限公司" in said
    assert "/centres/mini-0002/acts/grant/?party=boss&amp;about=extension%233" in (
        page.content.decode()
    )
    unit = text_of(browse("fay").get(AT))
    assert "待对方同意延期" in unit and "催办承办方" in unit
    assert browse("fay").get("/centres/mini-0001/cases/extension-3/").status_code == 404
    for nowhere in ("extension-9", "nix-3", "extension", "extension-x", "%00"):
        assert client.get(f"/centres/mini-0002/cases/{nowhere}/").status_code == 404, nowhere
    assert client.get("/centres/mini-0002/prepare/nix/").status_code == 404
    assert client.get("/work/nix/").status_code == 404


def test_an_opinion_is_left_with_a_stock_phrase(browse: Any, officers: Any) -> None:
    verbs.keep_phrase(officers["amy"], "拟同意。")
    client = browse("amy")
    asked = {"do": "opinion", "text": "请加快。", "phrase": "拟同意。", "inside": "0"}
    page = client.post(AT, asked, follow=True)
    assert Opinion.objects.get().text == "拟同意。\n请加快。"
    said = text_of(page)
    assert "意见已留痕" in said and "amy" in said and "各方可见" in said
    refused = client.post(AT, {"do": "opinion", "text": "  "})
    assert refused.status_code == 422 and "请填写意见" in text_of(refused)


def test_a_refused_form_keeps_what_was_typed(browse: Any, officers: Any) -> None:
    client = browse("amy")
    long = "很长的意见" * 900
    page = client.post(AT, {"do": "opinion", "text": long})
    assert page.status_code == 422 and long in page.content.decode()
    page = client.post(
        AT,
        {"do": "route", "manner": "together", "people": [""], "note": "请核对", "due": "2030-13-1"},
    )
    assert page.status_code == 422 and "不是有效日期" in text_of(page)
    assert 'value="请核对"' in page.content.decode() and '<details class="body no-print" open' in (
        page.content.decode()
    )
    # the people chosen are kept too, each in their place
    bob, cat = (officers[name].pk for name in ("bob", "cat"))
    for form, kept in (
        (
            {"do": "route", "people": ["", cat, bob], "due": "x"},
            [f'"{cat}" selected', f'"{bob}" selected'],
        ),
        ({"do": "copy", "people": [cat, 999999]}, [f'"{cat}" checked']),
    ):
        page = client.post(AT, {"manner": "together", **form})
        assert page.status_code == 422, form
        assert re.findall(r'value=("\d+" (?:selected|checked))>', page.content.decode()) == kept
    for junk in (
        {},
        {"do": "nix"},
        {"do": "answer", "task": "9" * 40},
        {"do": "pass", "task": "1"},
    ):
        assert client.post(AT, junk).status_code in (404, 422), junk


def test_work_goes_round_by_the_forms(browse: Any, officers: Any) -> None:
    amy, bob = browse("amy"), browse("bob")
    asked = {"do": "route", "manner": "hand_over", "people": [officers["bob"].pk, ""], "key": "k"}
    assert "已分办" in text_of(amy.post(AT, asked, follow=True))
    task = Task.objects.get()
    page = text_of(bob.get(AT))
    assert "等您办理" in page and "amy交办" in page
    assert Task.objects.get().seen is not None
    withdrawn = amy.post(AT, {"do": "withdraw", "routing": Routing.objects.get().pk})
    assert withdrawn.status_code == 422 and "已有人打开" in text_of(withdrawn)
    assert "已催办" in text_of(amy.post(AT, {"do": "urge_task", "task": task.pk}, follow=True))
    again = amy.post(AT, {"do": "urge_task", "task": task.pk})
    assert again.status_code == 422 and "今日已经催办过" in text_of(again)
    assert "【紧急】" in text_of(bob.get("/"))
    passed = {"do": "pass", "task": task.pk, "how": "add_before", "to": officers["cat"].pk}
    assert "已加签" in text_of(bob.post(AT, passed, follow=True))
    extra = Task.objects.get(to=officers["cat"])
    assert amy.post(AT, {"do": "answer", "task": extra.pk, "answer": "agree"}).status_code == 404
    browse("cat").post(AT, {"do": "answer", "task": extra.pk, "answer": "agree"})
    done = bob.post(AT, {"do": "answer", "task": task.pk, "answer": "done"}, follow=True)
    assert "已办理，流程继续" in text_of(done) and Routing.objects.get().closed is not None
    assert "【紧急】" not in text_of(bob.get("/")), "what was urged is done"


def test_saying_no_is_answered_as_such(browse: Any, officers: Any) -> None:
    browse("amy").post(AT, {"do": "route", "manner": "hand_over", "people": [officers["bob"].pk]})
    bob = browse("bob")
    said = {"do": "answer", "task": Task.objects.get().pk, "answer": "object", "text": "尚缺材料"}
    page = text_of(bob.post(AT, said, follow=True))
    assert "已表示不同意" in page and "流程继续" not in page


def test_the_act_form_says_what_sign_off_is_missing(
    browse: Any, officers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "must_have_second_factor", lambda reach: False)
    Membership.objects.filter(user=officers["amy"]).update(administrator=True)
    client = browse("amy")
    at = "/people/organisations/boss/sign-off/"
    demanded = {"act": "mini.grant", "manner": "together", "people": [officers["bob"].pk]}
    assert client.post(at, demanded).status_code == 302
    assert "同意延期" in text_of(client.get(at)) and client.post(at, {}).status_code == 422
    assert browse("bob").get(at).status_code == 404
    form = "/centres/mini-0002/acts/grant/?party=boss"
    typed = {"party": "boss", "on": "2030-11-10", "with.end": "2031-05-05", "key": "sign-1"}
    refused = client.post(form, typed)
    assert refused.status_code == 422 and "尚缺：bob" in text_of(refused)
    assert 'value="2031-05-05"' in refused.content.decode()
    prepare = "/centres/mini-0002/prepare/grant/"
    assert "尚缺：bob" in text_of(client.get(prepare)) and "送签：bob" in text_of(
        client.get(prepare)
    )
    sent = {"do": "route", "manner": "together", "people": [officers["bob"].pk], "key": "s1"}
    client.post(prepare, sent)
    task = Task.objects.get()
    browse("bob").post(prepare, {"do": "answer", "task": task.pk, "answer": "agree"})
    accepted = client.post(form, typed)
    assert accepted.status_code == 302 and ledger.centre("mini-0002").version == 4
    assert Routing.objects.get().used == 4
    assert queries.missing_sign_off(
        Centre.objects.get(id="mini-0002"), "mini", "grant", "boss"
    ) is not None  # fmt: skip


def test_an_act_takes_few_queries(officers: Any, django_assert_max_num_queries: Any) -> None:
    grant = Proposal(
        "grant", "boss", clock.today(), centre="mini-0002", org="boss", key="few-1",
        data={"end": dt.date(2031, 6, 30)}, user=officers["amy"], version=3,
    )  # fmt: skip
    with django_assert_max_num_queries(20):
        assert record(grant).accepted


def test_notes_and_phrases_by_their_pages(browse: Any, officers: Any) -> None:
    fay, at = browse("fay"), "/centres/mini-0002/notes/"
    assert fay.post(at, {"text": "记一笔"}).status_code == 302
    assert "记一笔" in text_of(browse("gus").get(at))
    assert "记一笔" not in text_of(browse("amy").get(at))
    assert fay.post(at, {"text": ""}).status_code == 422
    assert browse("gus").post(at, {"do": "remove", "note": "1"}).status_code == 404
    assert fay.post("/account/phrases/", {"text": "同意"}).status_code == 302
    assert "同意" in text_of(fay.get("/account/phrases/"))
    assert fay.post("/account/phrases/", {"text": "长" * 301}).status_code == 422
    assert fay.post("/account/phrases/", {"do": "drop", "phrase": "999"}).status_code == 404


def test_roles_over_time_and_money(browse: Any, officers: Any) -> None:
    said = text_of(browse("amy").get("/centres/mini-0002/parties/"))
    assert "依托单位乙装备制造有限公司2027-03-01第1号“申请设立”" in said and "张某李某" in said
    given: dict[str, Any] = {
        "title": "年报", "reason": "说明", "day": "2030-10-01", "year": 2029, "count": 9,
        "amount": "1200000", "share": "0.5", "open": True, "form": "legal", "tasks": ["test"],
        "words": ["a"], "people": ["张某"], "partner": {"org": "org-1", "name": "甲"},
        "members": [{"org": "org-1", "name": "甲"}], "notice": 1,
        "rows": [{"name": "电镜", "price": "300"}, {"name": "探针台", "price": "200"}],
    }  # fmt: skip
    seed.do("unit", "survey", "2030-10-20", "mini-0002", **given)
    said = text_of(browse("amy").get("/centres/mini-0002/money/"))
    assert "登记情况单价2500元" in said and "登记情况金额11,200,000元" in said
    assert "尚无经确认的结果" in text_of(browse("amy").get("/centres/mini-0002/results/"))


def test_a_person_without_a_capacity_is_led_elsewhere(officers: Any) -> None:
    from tests.office.desk.conftest import signed_in

    client = signed_in(seed.person("nobody"))
    for at in ("/", "/work/todo/"):
        assert client.get(at)["Location"] == "/account/"
    assert client.get(AT).status_code == 404
    assert Organisation.objects.filter(id="boss").exists()
    visitor = Client(headers={"host": "localhost"})
    asked = visitor.post(AT, {"do": "opinion", "text": "x"})
    assert asked.status_code == 403 and "另开一页登录" in asked.content.decode()
    assert Opinion.objects.count() == 0


def test_bodies_consulted_side_by_side() -> None:
    """Who has said its opinion stays said when the case is sent back; who has not, has it still."""
    from banfa.office.ledger import agenda
    from banfa.rules.library import SHIPPED, edition_folders, ruleset
    from banfa.rules.life import Act, Case

    rs = ruleset(edition_folders("neiic", SHIPPED)[-1])
    case = Case("evaluation#1", "evaluation", "opinion_given", None, log=[5])  # type: ignore[arg-type]
    going_on = agenda.next_acts(rs, case)
    parties = rs.programme.procedures["evaluation"].steps["opinion_given"].waits_for
    assert len(parties) == 3
    kind = next(k for k, by in going_on.items() if parties[0] in by and parties[1] in by)
    acts = {5: Act(kind, None, parties[0], seq=5)}  # type: ignore[arg-type]
    has = [agenda._has_answered(rs, case, q, going_on, acts) for q in parties]
    assert has == [True, False, False]
