"""Opinions, copies, notes, phrases and sign-off; what is listed for whom."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, InternalError, ProgrammingError, transaction

from banfa.office import clock
from banfa.office.ledger.bulk import judge_many, record_many
from banfa.office.ledger.errors import NotOnFile
from banfa.office.ledger.models import Centre
from banfa.office.ledger.verbs import Proposal, record
from banfa.office.people import rights
from banfa.office.people.models import Delegation, Membership, Organisation
from banfa.office.queues import queries, routing, verbs
from banfa.office.queues.errors import NotYours, QueueError, TooLate, Unsigned
from banfa.office.queues.models import Copied, Opinion, Task
from tests.office.desk import seed
from tests.office.queues.conftest import Reaches

pytestmark = pytest.mark.django_db
CASE = "extension#3"


# --- opinions -----------------------------------------------------------------------------------


def test_an_opinion_is_kept_with_its_capacity_and_never_changed(
    preparing: Centre, reach: Reaches
) -> None:
    said = verbs.give_opinion(reach("amy"), preparing, "  建议同意  ", CASE)
    kept = Opinion.objects.get()
    assert (kept.text, kept.party, kept.organisation_id, kept.by.name) == (
        "建议同意", "boss", "boss", "amy",
    )  # fmt: skip
    for change in ({"text": "改"}, {"at": clock.now()}):
        with (
            pytest.raises((InternalError, ProgrammingError, IntegrityError), match="意见留痕"),
            transaction.atomic(),
        ):
            Opinion.objects.update(**change)
    with pytest.raises(Exception, match="意见留痕"), transaction.atomic():
        said.delete()
    with pytest.raises(NotOnFile):
        verbs.withdraw_opinion(reach("bob"), kept.pk, "不是我的")
    with pytest.raises(QueueError, match="理由"):
        verbs.withdraw_opinion(reach("amy"), kept.pk, " ")
    verbs.withdraw_opinion(reach("amy"), kept.pk, "另有新意见")
    with pytest.raises(TooLate):
        verbs.withdraw_opinion(reach("amy"), kept.pk, "再撤")
    kept.refresh_from_db()
    assert kept.text == "建议同意" and kept.why == "另有新意见"


def test_an_opinion_stays_in_its_organisation_unless_shared(
    preparing: Centre, reach: Reaches
) -> None:
    verbs.give_opinion(reach("amy"), preparing, "内部意见", CASE)
    verbs.give_opinion(reach("amy"), preparing, "公开意见", CASE, inside=False)
    assert [o.text for o in queries.opinions(reach("bob"), preparing, CASE)] == [
        "内部意见", "公开意见",
    ]  # fmt: skip
    assert [o.text for o in queries.opinions(reach("fay"), preparing, CASE)] == ["公开意见"]
    other = Centre.objects.get(id="mini-0001")
    with pytest.raises(NotOnFile):
        verbs.give_opinion(reach("fay"), other, "越权")
    rights.Right.objects.filter(subject="mini:unit", thing="give.opinion").update(allowed=False)
    with pytest.raises(NotYours):
        verbs.give_opinion(reach("fay"), preparing, "无权")
    with pytest.raises(QueueError, match="至多"):
        verbs.give_opinion(reach("amy"), preparing, "长" * 4001, CASE)


def test_an_opinion_by_delegation_shows_both(
    preparing: Centre, officers: Any, reach: Reaches
) -> None:
    capacity = officers["amy"].capacities.get()
    deputy = seed.person("deputy", name="deputy")
    Membership.objects.create(user=deputy, organisation=capacity.organisation)
    today = clock.today()
    Delegation.objects.create(capacity=capacity, to=deputy, since=today, until=today,
                              made=clock.now())  # fmt: skip
    verbs.give_opinion(reach("deputy"), preparing, "代为答复", CASE)
    assert Opinion.objects.get().on_behalf_of == "amy（amy）"
    route = routing.route(reach("bob"), preparing, "together", [deputy.pk], CASE)
    routing.answer(reach("deputy"), Task.objects.get(routing=route).pk, "agree")


# --- copies, notes, phrases ---------------------------------------------------------------------


def test_a_copy_reaches_a_colleague_once(preparing: Centre, officers: Any, reach: Reaches) -> None:
    to = [officers["bob"].pk, officers["cat"].pk]
    assert verbs.copy_to(reach("amy"), preparing, to, CASE, note="请知悉") == 2
    assert verbs.copy_to(reach("dan"), preparing, to, CASE) == 0
    line = queries.copied(reach("bob"), queries.Asked()).rows[0]
    assert (line.what.zh, line.note, line.by, line.unread) == ("延期", "请知悉", "amy", True)
    verbs.read_copies(officers["bob"], preparing, CASE, "")
    assert Copied.objects.filter(read__isnull=True).count() == 1
    assert queries.copied(reach("bob"), queries.Asked(due="unread")).rows == []


def test_notes_are_for_ones_organisation(preparing: Centre, reach: Reaches) -> None:
    note = verbs.write_note(reach("fay"), preparing, "设备月底到货")
    assert [n.text for n in queries.notes(reach("gus"), preparing)] == ["设备月底到货"]
    assert queries.notes(reach("amy"), preparing) == []
    with pytest.raises(NotOnFile):
        verbs.remove_note(reach("gus"), note.pk)
    verbs.remove_note(reach("fay"), note.pk)
    assert queries.notes(reach("gus"), preparing) == []


def test_phrases_of_ones_own_and_of_the_organisation(officers: Any, reach: Reaches) -> None:
    boss = Organisation.objects.get(id="boss")
    verbs.keep_phrase(officers["amy"], "拟同意")
    with pytest.raises(NotYours):
        verbs.keep_phrase(officers["amy"], "本单位用语", boss)
    Membership.objects.filter(user=officers["amy"]).update(administrator=True)
    shared = verbs.keep_phrase(officers["amy"], "本单位用语", boss)
    assert [p.text for p in queries.phrases(officers["amy"], ["boss"])] == ["拟同意", "本单位用语"]
    assert [p.text for p in queries.phrases(officers["bob"], ["boss"])] == ["本单位用语"]
    with pytest.raises(NotYours):
        verbs.drop_phrase(officers["bob"], shared.pk)
    own = queries.phrases(officers["amy"], [])[0]
    with pytest.raises(NotOnFile):
        verbs.drop_phrase(officers["bob"], own.pk)
    verbs.drop_phrase(officers["amy"], own.pk)


# --- sign-off -----------------------------------------------------------------------------------


def demand(officers: Any, manner: str, *names: str) -> None:
    Membership.objects.filter(user=officers["amy"]).update(administrator=True)
    boss = Organisation.objects.get(id="boss")
    people = [officers[n].pk for n in names]
    verbs.require_sign_off(officers["amy"], boss, "mini", "grant", manner, people)


def test_an_act_waits_for_its_sign_off(preparing: Centre, officers: Any, reach: Reaches) -> None:
    def left() -> list[str]:
        missing = queries.missing_sign_off(preparing, "mini", "grant", "boss")
        return missing.people if missing is not None else []

    assert left() == []
    with pytest.raises(NotYours):
        boss = Organisation.objects.get(id="boss")
        verbs.require_sign_off(officers["bob"], boss, "mini", "grant", "any", [officers["bob"].pk])
    demand(officers, "together", "bob", "cat")
    assert left() == ["bob", "cat"]
    people = [officers["bob"].pk, officers["cat"].pk]
    route = routing.route(reach("amy"), preparing, "together", people, act="grant")
    tasks = {t.to.name: t.pk for t in route.tasks.select_related("to")}
    routing.answer(reach("bob"), tasks["bob"], "agree")
    assert left() == ["cat"]
    routing.answer(reach("cat"), tasks["cat"], "object", "时间过长")
    assert left() == ["cat"]
    demand(officers, "any", "bob", "cat")
    assert left() == []
    grant(officers)
    assert left() == ["bob", "cat"]
    demand(officers, "any")
    assert left() == []


def granting(officers: Any, **more: Any) -> Proposal:
    """That amy grants the extension, as any of the ways in would propose it."""
    return Proposal(
        "grant", "boss", clock.today(), centre="mini-0002", data={"end": dt.date(2031, 5, 5)},
        user=officers["amy"], **more,
    )  # fmt: skip


def grant(officers: Any) -> None:
    assert record(granting(officers)).accepted


def test_no_way_in_passes_the_sign_off(preparing: Centre, officers: Any, reach: Reaches) -> None:
    """The door itself asks: forms, bulk acts, dossiers and whatever else proposes meet it alike."""
    demand(officers, "together", "bob", "cat")
    before = Centre.objects.get(id=preparing.id).version
    with pytest.raises(Unsigned, match="尚缺：bob、cat"):
        record(granting(officers))
    with pytest.raises(Unsigned):
        record(granting(officers, org="boss", key="k", version=before))
    for many in (record_many, judge_many):
        (outcome,) = many([granting(officers)])
        assert isinstance(outcome.error, Unsigned) and outcome.receipt is None
    assert Centre.objects.get(id=preparing.id).version == before
    people = [officers["bob"].pk, officers["cat"].pk]
    route = routing.route(reach("amy"), preparing, "together", people, act="grant")
    for name in ("bob", "cat"):
        routing.answer(reach(name), route.tasks.get(to__name=name).pk, "agree")
    (outcome,) = record_many([granting(officers, about=CASE)])
    assert outcome.receipt is not None and outcome.receipt.accepted
    route.refresh_from_db()
    assert route.used == before + 1
    missing = queries.missing_sign_off(preparing, "mini", "grant", "boss")
    assert missing is not None and missing.people == ["bob", "cat"], "good for one act only"


# --- the lists ----------------------------------------------------------------------------------


def test_what_waits_is_of_ones_capacities(centres: Any, reach: Reaches) -> None:
    boss = {(line.centre, line.what.zh) for line in queries.todo(reach("amy")).rows}
    assert ("mini-0002", "延期") in boss and ("mini-0001", "筹建期满未确认") in boss
    assert ("mini-0001", "启动函") in boss and not any(w == "年度报告" for _, w in boss)
    unit = queries.todo(reach("fay")).rows
    assert {(line.centre, line.what.zh) for line in unit} == {("mini-0002", "年度报告")}
    assert unit[0].due == dt.date(2029, 2, 28) and unit[0].computed is not None
    assert unit[0].who[0].zh == "依托单位（乙装备制造有限公司）" and unit[0].cite == "3"
    assert queries.todo(reach("eve")).rows == []
    rights.Right.objects.filter(subject="mini:boss", thing="act:grant").update(allowed=False)
    assert ("mini-0002", "延期") not in {
        (line.centre, line.what.zh) for line in queries.todo(reach("amy")).rows
    }


def test_lists_are_filtered_and_paged(centres: Any, reach: Reaches) -> None:
    def kinds(**asked: Any) -> set[str]:
        return {line.kind for line in queries.todo(reach("amy"), queries.Asked(**asked)).rows}

    assert kinds() == {"case", "decision", "duty"}
    assert kinds(kind="case") == {"case"} and kinds(kind="decision") == {"decision"}
    assert kinds(programme="nitec") == set() and kinds(kind="zzz") == set()
    late = queries.todo(reach("fay"), queries.Asked(due="late"))
    assert late.total == 2 and all(line.due < clock.today() for line in late.rows)
    assert queries.todo(reach("fay"), queries.Asked(due="month")).total == 0
    second = queries.todo(reach("amy"), queries.Asked(page=2), size=2)
    first = queries.todo(reach("amy"), queries.Asked(page=1), size=2)
    assert first.total == second.total > 2 and first.pages == -(-first.total // 2)
    assert {line.link for line in first.rows}.isdisjoint({line.link for line in second.rows})
    assert queries.todo(reach("amy"), queries.Asked(page=999), size=2).page == first.pages


def test_what_one_has_done_and_begun(centres: Any, officers: Any, reach: Reaches) -> None:
    from banfa.office.ledger.verbs import Proposal, record

    record(
        Proposal(
            "grant", "boss", clock.today(), centre="mini-0002", org="boss",
            data={"end": dt.date(2031, 6, 30)}, user=officers["amy"],
        )
    )  # fmt: skip
    lines = queries.done(reach("amy"), queries.Asked()).rows
    assert [(line.what.zh, line.centre) for line in lines] == [("同意延期", "mini-0002")]
    assert queries.done(reach("bob"), queries.Asked()).rows == []
    begun = queries.begun(reach("gus"), queries.Asked()).rows
    assert [(line.what.zh, line.closed) for line in begun] == [("延期", True)]
    assert queries.begun(reach("gus"), queries.Asked(due="open")).rows == []
    assert queries.begun(reach("amy"), queries.Asked()).rows == []


def test_a_task_done_is_among_what_one_has_done(
    preparing: Centre, officers: Any, reach: Reaches
) -> None:
    route = routing.route(reach("amy"), preparing, "together", [officers["bob"].pk], CASE)
    routing.answer(reach("bob"), Task.objects.get(routing=route).pk, "agree")
    found = queries.done(reach("bob"), queries.Asked())
    assert [(line.kind, line.what.zh) for line in found.rows] == [("task", "延期")]
    assert queries.done(reach("bob"), queries.Asked(kind="case")).total == 0


def test_the_workbench_takes_its_part(preparing: Centre, officers: Any, reach: Reaches) -> None:
    routing.route(reach("amy"), preparing, "together", [officers["bob"].pk], CASE, note="请核")
    found = queries.todos(officers["bob"], reach("bob"), clock.today())
    kinds = [todo.kind for todo in found]
    assert "queues.task" in kinds and "queues.case" in kinds and "queues.decision" in kinds
    assert all(todo.link.startswith("/") and todo.centre_name for todo in found)
