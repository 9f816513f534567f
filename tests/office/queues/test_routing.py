"""Work goes among the people of an organisation as it is routed, and nothing is done twice."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection, connections

from banfa.office import clock
from banfa.office.ledger.errors import NotOnFile
from banfa.office.ledger.models import Centre
from banfa.office.ledger.verbs import Proposal, record
from banfa.office.notices.models import Notice
from banfa.office.people import access
from banfa.office.people.models import Capacity, User
from banfa.office.queues import queries, routing, verbs
from banfa.office.queues.errors import NotYours, QueueError, TooLate
from banfa.office.queues.models import Routing, Task
from tests.office.desk import seed
from tests.office.queues.conftest import Reaches

pytestmark = pytest.mark.django_db
CASE = "extension#3"


def numbers(officers: dict[str, User], *names: str) -> list[int]:
    return [officers[n].pk for n in names]


def states(route: Routing) -> dict[str, str]:
    rows = Task.objects.filter(routing=route).order_by("pk")
    return {t.to.username: t.state for t in rows.select_related("to")}


def task(route: Routing, name: str) -> int:
    return Task.objects.filter(routing=route, to__username=name).latest("pk").pk


def test_all_must_sign_together(preparing: Centre, officers: Any, reach: Reaches) -> None:
    people = numbers(officers, "bob", "cat")
    route = routing.route(reach("amy"), preparing, "together", people, CASE, note="请会签")
    assert states(route) == {"bob": "open", "cat": "open"}
    assert Notice.objects.filter(kind="todo").count() == 2
    routing.answer(reach("bob"), task(route, "bob"), "agree")
    assert Routing.objects.get().closed is None
    with pytest.raises(QueueError, match="意见"):
        routing.answer(reach("cat"), task(route, "cat"), "object")
    routing.answer(reach("cat"), task(route, "cat"), "object", "理由不足")
    assert Routing.objects.get().closed is not None
    assert [o.answer for o in queries.opinions(reach("amy"), preparing, CASE)] == ["object"]
    with pytest.raises(TooLate):
        routing.answer(reach("cat"), task(route, "cat"), "agree")


def test_any_one_suffices(preparing: Centre, officers: Any, reach: Reaches) -> None:
    route = routing.route(
        reach("amy"), preparing, "any", numbers(officers, "bob", "cat", "dan"), CASE
    )
    routing.answer(reach("bob"), task(route, "bob"), "object", "不妥")
    assert states(route) == {"bob": "done", "cat": "open", "dan": "open"}
    routing.answer(reach("cat"), task(route, "cat"), "agree")
    assert states(route) == {"bob": "done", "cat": "done", "dan": "needless"}
    assert Routing.objects.get().closed is not None


def test_in_turn_each_after_the_other(preparing: Centre, officers: Any, reach: Reaches) -> None:
    people = numbers(officers, "cat", "bob")
    route = routing.route(reach("amy"), preparing, "in_turn", people, CASE)
    assert states(route) == {"cat": "open", "bob": "waiting"}
    assert [n.to.username for n in Notice.objects.select_related("to")] == ["cat"]
    with pytest.raises(TooLate):
        routing.answer(reach("bob"), task(route, "bob"), "agree")
    routing.answer(reach("cat"), task(route, "cat"), "agree")
    assert states(route)["bob"] == "open" and Notice.objects.count() == 2


def test_handed_over_he_has_it_now(preparing: Centre, officers: Any, reach: Reaches) -> None:
    def cases(name: str) -> list[str]:
        return [line.kind for line in queries.todo(reach(name)).rows if line.what.zh == "延期"]

    assert cases("amy") == ["case"] and cases("bob") == ["case"]
    routing.route(reach("amy"), preparing, "hand_over", numbers(officers, "bob"), CASE)
    assert cases("amy") == [] and sorted(cases("bob")) == ["case", "task"]
    with pytest.raises(QueueError, match="一人"):
        routing.route(reach("amy"), preparing, "hand_over", numbers(officers, "bob", "cat"), CASE)


def test_entrusted_it_comes_back_to_be_confirmed(
    preparing: Centre, officers: Any, reach: Reaches
) -> None:
    route = routing.route(reach("amy"), preparing, "entrust", numbers(officers, "bob"), CASE)
    assert states(route) == {"bob": "open", "amy": "waiting"}
    routing.answer(reach("bob"), task(route, "bob"), "done", "已核对")
    assert states(route) == {"bob": "done", "amy": "open"}
    mine = [line for line in queries.todo(reach("amy")).rows if line.kind == "task"]
    assert mine[0].step is not None and "确认" in mine[0].step.zh
    routing.answer(reach("amy"), task(route, "amy"), "agree")
    assert Routing.objects.get().closed is not None


def test_signers_are_added_before_and_after(
    preparing: Centre, officers: Any, reach: Reaches
) -> None:
    people = numbers(officers, "bob", "cat")
    route = routing.route(reach("amy"), preparing, "in_turn", people, CASE)
    routing.add_before(reach("bob"), task(route, "bob"), officers["dan"].pk, "先请核数")
    assert states(route) == {"bob": "waiting", "cat": "waiting", "dan": "open"}
    routing.answer(reach("dan"), task(route, "dan"), "agree")
    assert states(route)["bob"] == "open"
    with pytest.raises(QueueError, match="已在办理"):
        routing.add_after(reach("bob"), task(route, "bob"), officers["cat"].pk)
    routing.add_after(reach("bob"), task(route, "bob"), officers["dan"].pk)
    routing.answer(reach("bob"), task(route, "bob"), "agree")
    assert Task.objects.get(pk=task(route, "dan")).state == "open"
    assert states(route)["cat"] == "waiting"
    routing.answer(reach("dan"), task(route, "dan"), "agree")
    assert states(route)["cat"] == "open"


def test_a_task_is_passed_on_and_entrusted(
    preparing: Centre, officers: Any, reach: Reaches
) -> None:
    people = numbers(officers, "bob", "cat")
    route = routing.route(reach("amy"), preparing, "in_turn", people, CASE)
    routing.hand_over(reach("bob"), task(route, "bob"), officers["dan"].pk)
    assert states(route) == {"bob": "handed", "cat": "waiting", "dan": "open"}
    routing.entrust(reach("dan"), task(route, "dan"), officers["bob"].pk)
    assert states(route) == {"bob": "open", "cat": "waiting", "dan": "waiting"}
    routing.answer(reach("bob"), task(route, "bob"), "done")
    assert states(route)["dan"] == "open"
    routing.answer(reach("dan"), task(route, "dan"), "agree")
    assert states(route)["cat"] == "open"


def test_what_nobody_has_opened_is_taken_back(
    preparing: Centre, officers: Any, reach: Reaches
) -> None:
    people = numbers(officers, "bob", "cat")
    route = routing.route(reach("amy"), preparing, "together", people, CASE)
    with pytest.raises(NotOnFile):
        routing.withdraw_routing(reach("bob"), route.pk)
    routing.withdraw_routing(reach("amy"), route.pk)
    assert set(states(route).values()) == {"withdrawn"}
    second = routing.route(reach("amy"), preparing, "together", people, CASE)
    routing.see(reach("bob"), list(Task.objects.filter(routing=second)))
    with pytest.raises(TooLate, match="已有人打开"):
        routing.withdraw_routing(reach("amy"), second.pk)


def test_urging_once_a_day(
    preparing: Centre, officers: Any, reach: Reaches, monkeypatch: Any
) -> None:
    route = routing.route(reach("amy"), preparing, "together", numbers(officers, "bob"), CASE)
    routing.urge_task(reach("amy"), task(route, "bob"))
    told = Notice.objects.get(kind="hurry")
    assert told.urgent and told.to.username == "bob"
    assert queries.todo(reach("bob")).rows[0].urgent
    with pytest.raises(TooLate, match="今日"):
        routing.urge_task(reach("amy"), task(route, "bob"))
    routing.urge_task(reach("cat"), task(route, "bob"))
    monkeypatch.setenv("BANFA_TODAY", "2030-11-16")
    routing.urge_task(reach("amy"), task(route, "bob"))
    assert Notice.objects.filter(kind="hurry").count() == 3
    with pytest.raises(NotYours):
        routing.urge_task(reach("fay"), task(route, "bob"))


def test_the_other_side_is_urged(preparing: Centre, officers: Any, reach: Reaches) -> None:
    assert routing.urge_case(reach("fay"), preparing, CASE) == 4
    assert {n.to.username for n in Notice.objects.filter(kind="hurry").select_related("to")} == {
        "amy", "bob", "cat", "dan",
    }  # fmt: skip
    assert queries.todo(reach("amy")).rows[0].urgent
    with pytest.raises(TooLate):
        routing.urge_case(reach("fay"), preparing, CASE)


def test_the_work_of_somebody_who_left_goes_back(
    preparing: Centre, officers: Any, reach: Reaches
) -> None:
    route = routing.route(reach("amy"), preparing, "hand_over", numbers(officers, "bob"), CASE)
    with pytest.raises(TooLate):
        routing.take_over(reach("cat"), task(route, "bob"))
    Capacity.objects.filter(user=officers["bob"]).update(ended=clock.now())
    orphans = [line for line in queries.todo(reach("cat")).rows if line.orphan]
    assert [line.who[0].zh for line in orphans] == ["bob"]
    assert not any(line.orphan for line in queries.todo(reach("fay")).rows)
    routing.take_over(reach("cat"), task(route, "bob"))
    assert states(route) == {"bob": "handed", "cat": "open"}
    with pytest.raises((NotYours, TooLate)):
        routing.answer(reach("bob"), Task.objects.get(to=officers["bob"]).pk, "agree")
    routing.answer(reach("cat"), task(route, "cat"), "agree")


def test_an_expired_capacity_does_nothing_more(
    preparing: Centre, officers: Any, reach: Reaches
) -> None:
    route = routing.route(reach("amy"), preparing, "together", numbers(officers, "bob"), CASE)
    Capacity.objects.filter(user=officers["bob"]).update(until=dt.date(2030, 11, 14))
    with pytest.raises(NotYours, match="到期"):
        routing.answer(reach("bob"), task(route, "bob"), "agree")
    with pytest.raises(NotOnFile):
        verbs.give_opinion(reach("bob"), preparing, "意见", CASE)


def test_only_colleagues_who_see_the_centre(
    preparing: Centre, officers: Any, reach: Reaches
) -> None:
    for wrong in (["fay"], ["amy"], []):
        with pytest.raises(QueueError, match="本单位"):
            routing.route(reach("amy"), preparing, "together", numbers(officers, *wrong), CASE)
    with pytest.raises(QueueError):
        routing.route(reach("amy"), preparing, "nonsense", numbers(officers, "bob"), CASE)
    with pytest.raises(NotOnFile):
        routing.route(reach("amy"), preparing, "any", numbers(officers, "bob"), "extension#99")
    other = Centre.objects.get(id="mini-0001")
    with pytest.raises(NotOnFile):
        routing.route(reach("fay"), other, "any", numbers(officers, "gus"))
    seed.do("boss", "grant", "2030-11-01", "mini-0002", end="2031-06-30")
    with pytest.raises(TooLate, match="办结"):
        routing.route(reach("amy"), preparing, "any", numbers(officers, "bob"), CASE)


def test_the_same_form_twice_routes_once(preparing: Centre, officers: Any, reach: Reaches) -> None:
    people = numbers(officers, "bob")
    made = [
        routing.route(reach("amy"), preparing, "any", people, CASE, key="k-1") for _ in range(2)
    ]
    assert made[0].pk == made[1].pk and Task.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_answer_once(preparing: Centre, officers: Any, reach: Reaches) -> None:
    people = numbers(officers, "bob", "cat")
    route = routing.route(reach("amy"), preparing, "any", people, CASE)
    number, said = task(route, "bob"), []

    def click() -> None:
        try:
            bob = User.objects.get(username="bob")
            routing.answer(access.reach(bob, clock.today()), number, "agree", "同意")
            said.append("done")
        except TooLate:
            said.append("late")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["done", "late", "late", "late"]
    assert len(queries.opinions(reach("amy"), preparing, CASE)) == 1
    connection.close()


def test_a_recorded_act_ends_what_was_routed(
    preparing: Centre, officers: Any, reach: Reaches
) -> None:
    people = numbers(officers, "bob", "cat")
    route = routing.route(reach("amy"), preparing, "together", people, CASE)
    grant = Proposal(
        "grant", "boss", clock.today(), centre=preparing.id, user=officers["bob"],
        data={"end": dt.date(2031, 5, 5)},
    )  # fmt: skip
    assert record(grant).accepted
    assert states(route) == {"bob": "done", "cat": "needless"}
    kept = Routing.objects.get()
    assert kept.used == 4 and kept.closed is not None
