"""Work routed among the people of an organisation: given, answered, passed on, urged, taken back.

Each verb asks whether the person may, locks the routing, and does it in one transaction. What is
not on file for the person is `NotOnFile`, as if it were not there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from banfa.office import clock
from banfa.office.ledger import library
from banfa.office.ledger.errors import NotOnFile
from banfa.office.ledger.models import ActRecord, Centre, Matter, Sort
from banfa.office.notices.models import Notice
from banfa.office.notices.verbs import mark_read, tell
from banfa.office.people.access import Reach
from banfa.office.people.models import User
from banfa.office.queues import colleagues, words
from banfa.office.queues.errors import NotYours, QueueError, TooLate
from banfa.office.queues.models import LIVE, Answer, Manner, Routing, State, Task, Urging
from banfa.office.queues.verbs import capacity, chosen_people, give_opinion, written
from banfa.rules.words import Text


def _open(centre: Centre, case: str) -> None:
    """Refuses work on a procedure that has ended. Raises NotOnFile for one that never was."""
    if not case:
        return
    found = Matter.objects.filter(centre=centre, sort=Sort.CASE, key=case).first()
    if found is None:
        raise NotOnFile("没有这一办件", "no such procedure")
    if found.closed:
        raise TooLate("这一办件已经办结，不能再分办", "this procedure has ended")


# --- routing ------------------------------------------------------------------------------------


def route(
    reach: Reach,
    centre: Centre,
    manner: str,
    people: Sequence[int],
    case: str = "",
    act: str = "",
    note: str = "",
    due: dt.date | None = None,
    org: str = "",
    key: str | None = None,
) -> Routing:
    """Gives a piece of work to colleagues, by their numbers, in a manner; in that order where it
    matters. The same `key` again gives the same routing. Raises NotYours, QueueError, TooLate."""
    held = capacity(reach, centre, "route.work", org)
    if manner not in Manner.values:
        raise QueueError("请选择分办方式", "choose how the work is to go")
    _open(centre, case)
    note = written(note, Text("附言", "the note"), needed=False)
    chosen = chosen_people(centre, held, people, one=manner in (Manner.HAND_OVER, Manner.ENTRUST))
    if due is not None and due < clock.today():
        raise QueueError("办理期限不得早于今日", "the day due has passed")
    try:
        with transaction.atomic():
            routing = Routing.objects.create(
                centre=centre, case=case, act=act, organisation=held.capacity.organisation,
                party=held.capacity.party, by=reach.user, at=clock.now(), manner=manner, note=note,
                due=due, key=(key or None) and key[:60],
            )  # fmt: skip
            _first_tasks(routing, chosen, reach.user)
    except IntegrityError:
        return Routing.objects.get(key=(key or "")[:60], by=reach.user)
    return routing


def _first_tasks(routing: Routing, chosen: Sequence[User], by: User) -> None:
    before: Task | None = None
    in_turn = routing.manner == Manner.IN_TURN
    for number, user in enumerate(chosen, 1):
        before = _task(routing, user, number, after=before if in_turn else None)
    if routing.manner == Manner.ENTRUST:
        assert before is not None
        before.entrusted = True
        before.save(update_fields=["entrusted"])
        _task(routing, by, 2, after=before)


def _task(routing: Routing, to: User, number: int, after: Task | None, **more: object) -> Task:
    """A task; open at once, with word to its person, unless another one comes first."""
    waits = after is not None and after.state in LIVE
    task = Task.objects.create(
        routing=routing,
        to=to,
        number=number,
        after=after,
        state=State.WAITING if waits else State.OPEN,
        since=None if waits else clock.now(),
        **more,
    )
    if not waits:
        _tell(task)
    return task


def _tell(task: Task) -> None:
    routing = task.routing
    title = words.of_work(routing.centre, routing.case, routing.act)
    tell(
        [task.to],
        "todo",
        words.joined(words.manner(routing.manner), title),
        body=words.plain(task.note or routing.note) if task.note or routing.note else None,
        link=words.address(routing.centre_id, routing.case, routing.act),
        centre=routing.centre,
        key=f"task:{task.pk}:{task.since:%Y%m%d%H%M%S}" if task.since else f"task:{task.pk}",
        urgent=task.urgent,
    )


def withdraw_routing(reach: Reach, number: int) -> Routing:
    """Takes a routing back that nobody it was given to has opened yet. By who made it."""
    with transaction.atomic():
        routing = _locked(number)
        if routing.by_id != reach.user.pk:
            raise NotOnFile("没有这一分办", "no such routing")
        if routing.closed is not None:
            raise TooLate("这一分办已经办结或撤回", "it has ended")
        tasks = list(routing.tasks.exclude(to=reach.user))
        if any(t.seen is not None or t.state not in LIVE for t in tasks):
            raise TooLate("已有人打开或办理，不能撤回", "somebody has opened it already")
        routing.tasks.filter(state__in=LIVE).update(state=State.WITHDRAWN, done=clock.now())
        routing.withdrawn, routing.closed = True, clock.now()
        routing.save(update_fields=["withdrawn", "closed"])
    return routing


def _locked(number: int) -> Routing:
    found = (
        Routing.objects.select_for_update(of=("self",))
        .select_related("centre", "organisation")
        .filter(pk=number)
        .first()
    )
    if found is None:
        raise NotOnFile("没有这一分办", "no such routing")
    return found


# --- a person's task ----------------------------------------------------------------------------


def answer(reach: Reach, number: int, said: str, text: str = "") -> Task:
    """Finishes one's task with an answer and, if there is one, an opinion; opens what comes next.

    An objection needs its reason. Raises NotOnFile for other people's tasks, TooLate, QueueError.
    """
    if said not in Answer.values:
        raise QueueError("请选择同意、不同意或已办理", "choose an answer")
    text = written(text, Text("意见", "the opinion"), needed=said == Answer.OBJECT)
    with transaction.atomic():
        task = _mine(reach, number)
        routing = task.routing
        if text:
            task.opinion = give_opinion(
                reach, routing.centre, text, routing.case, routing.act,
                org=routing.organisation_id, answer=said,
            )  # fmt: skip
        task.answer = said
        _finish(task, str(State.DONE))
        if routing.manner == Manner.ANY and said != Answer.OBJECT and task.asker_id is None:
            routing.tasks.filter(state__in=LIVE).update(state=State.NEEDLESS, done=clock.now())
        _go_on(routing)
    return task


def _mine(reach: Reach, number: int) -> Task:
    """One's own open task, with its routing locked. Raises NotOnFile, TooLate, NotYours."""
    known = Task.objects.filter(pk=number, to=reach.user).values_list("routing_id", flat=True)
    routing = _locked(known[0] if known else -1)
    task = Task.objects.select_for_update().get(pk=number)
    task.routing = routing
    if task.to_id != reach.user.pk:
        raise NotOnFile("没有这一事项", "no such task")
    if task.state != State.OPEN:
        raise TooLate(
            f"这一事项现为“{task.get_state_display()}”，不能再办理", f"the task is {task.state}"
        )
    if reach.user.pk not in {u.pk for u in colleagues.of(routing.centre, routing.organisation_id)}:
        raise NotYours(
            "您在这一单位的身份已经到期，此事已退回本单位",
            "your capacity has ended; the work is back with the organisation",
        )
    if task.seen is None:
        task.seen = clock.now()
    return task


def _finish(task: Task, state: str) -> None:
    task.state, task.done = state, clock.now()
    task.save()
    routing = task.routing
    _settled([task.to_id], routing.centre_id, routing.case, routing.act)


def _settled(people: Sequence[int] | None, centre: str, case: str, act: str) -> None:
    """What urged these people (None: anybody) to see to a piece of work stands no longer on top of
    every page."""
    link = words.address(centre, case, act)
    found = Notice.objects.filter(urgent=True, centre=centre, link=link)
    mark_read(found if people is None else found.filter(to__in=people))


def _go_on(routing: Routing) -> None:
    """Opens what comes next; closes the routing when nothing is left."""
    now = clock.now()
    left = list(routing.tasks.select_related("after", "to").filter(state__in=LIVE))
    for task in left:
        ready = task.after is None or task.after.state not in LIVE
        if task.state == State.WAITING and ready:
            task.state, task.since, task.routing = State.OPEN, now, routing
            task.save(update_fields=["state", "since"])
            _tell(task)
    if not left:
        routing.closed = now
        routing.save(update_fields=["closed"])


def hand_over(reach: Reach, number: int, to: int, note: str = "") -> Task:
    """转办: a colleague has the task now, in one's place."""
    with transaction.atomic():
        task = _mine(reach, number)
        other = _another(task, to)
        _finish(task, str(State.HANDED))
        made = _task(
            task.routing, other, task.number, after=None, instead_of=task, asker=task.asker,
            entrusted=task.entrusted, urgent=task.urgent, note=_note(note),
        )  # fmt: skip
        task.later.filter(state__in=LIVE).update(after=made)
    return made


def entrust(reach: Reach, number: int, to: int, note: str = "") -> Task:
    """委派: a colleague does it; then it comes back to oneself to be confirmed."""
    return _before(reach, number, to, note, entrusted=True)


def add_before(reach: Reach, number: int, to: int, note: str = "") -> Task:
    """加签 (before): a colleague answers first, then oneself."""
    return _before(reach, number, to, note, entrusted=False)


def _before(reach: Reach, number: int, to: int, note: str, entrusted: bool) -> Task:
    with transaction.atomic():
        task = _mine(reach, number)
        other = _another(task, to)
        made = _task(
            task.routing, other, task.number, after=task.after, asker=task, entrusted=entrusted,
            urgent=task.urgent, note=_note(note),
        )  # fmt: skip
        task.state, task.after = State.WAITING, made
        task.save()
    return made


def add_after(reach: Reach, number: int, to: int, note: str = "") -> Task:
    """加签 (after): when oneself has answered, a colleague does."""
    with transaction.atomic():
        task = _mine(reach, number)
        other = _another(task, to)
        task.save(update_fields=["seen"])
        later = list(task.later.filter(state__in=LIVE).values_list("pk", flat=True))
        made = _task(task.routing, other, task.number, after=task, asker=task, note=_note(note))
        Task.objects.filter(pk__in=later).update(after=made)
    return made


def _note(note: str) -> str:
    return written(note, Text("附言", "the note"), needed=False)


def _another(task: Task, to: int) -> User:
    """A colleague who has no part in this routing at the moment. Raises QueueError."""
    routing = task.routing
    found = {u.pk: u for u in colleagues.of(routing.centre, routing.organisation_id)}.get(to)
    if found is None or to == task.to_id:
        raise QueueError(
            "请选择本单位可以办理此中心事务的其他人员",
            "choose a colleague who may work on this centre",
        )
    if routing.tasks.filter(to=found, state__in=LIVE).exists():
        raise QueueError(f"{found.name}已在办理此事", f"{found.name} has a part in it already")
    return found


def take_over(reach: Reach, number: int) -> Task:
    """Takes the task of somebody who may not do it any more. By any holder of the capacity."""
    with transaction.atomic():
        known = Task.objects.filter(pk=number, state=State.OPEN).first()
        if known is None:
            raise NotOnFile("没有这一事项", "no such task")
        routing = _locked(known.routing_id)
        task = Task.objects.select_for_update().select_related("to").get(pk=number)
        task.routing = routing
        capacity(reach, routing.centre, "route.work", routing.organisation_id)
        holders = {u.pk for u in colleagues.of(routing.centre, routing.organisation_id)}
        if task.state != State.OPEN or task.to_id in holders:
            raise TooLate("此事仍由原办理人办理", "the task is with its person")
        _finish(task, str(State.HANDED))
        made = Task.objects.create(
            routing=routing, to=reach.user, number=task.number, state=State.OPEN, instead_of=task,
            asker=task.asker, entrusted=task.entrusted, urgent=task.urgent, since=clock.now(),
            seen=clock.now(), note=task.note,
        )  # fmt: skip
        task.later.filter(state__in=LIVE).update(after=made)
    return made


def see(reach: Reach, tasks: Sequence[Task]) -> None:
    """Marks one's open tasks as opened: from then on they cannot be taken back."""
    fresh = [t.pk for t in tasks if t.to_id == reach.user.pk and t.seen is None]
    if fresh:
        Task.objects.filter(pk__in=fresh, state=State.OPEN).update(seen=clock.now())


# --- urging -------------------------------------------------------------------------------------


def urge_task(reach: Reach, number: int) -> Task:
    """催办 a colleague's task: marks it and tells the person, at most once a day."""
    task = Task.objects.select_related("to", "routing__centre").filter(pk=number).first()
    if task is None or task.state != State.OPEN:
        raise NotOnFile("没有这一事项", "no such task")
    routing = task.routing
    capacity(reach, routing.centre, "route.work", routing.organisation_id)
    if task.to_id == reach.user.pk:
        raise QueueError("此事就在您处", "it waits for you yourself")
    _urge(reach, routing.centre, routing.case, routing.act, [task.to], task)
    Task.objects.filter(pk=task.pk).update(urgent=True)
    return task


def urge_case(reach: Reach, centre: Centre, case: str) -> int:
    """催办 whoever has a procedure; gives how many people were told. By its other parties, at most
    once a day a person."""
    held = capacity(reach, centre, "route.work")
    matter = Matter.objects.filter(centre=centre, sort=Sort.CASE, key=case, closed=False).first()
    if matter is None:
        raise NotOnFile("没有这一办件", "no such procedure")
    to = [u for u in colleagues.holding(matter, centre) if u.pk != held.user.pk]
    if not to:
        raise QueueError(
            "目前没有可催办的人员：承办方尚无账号", "nobody who has it holds an account here"
        )
    return _urge(reach, centre, case, "", to, None)


def _urge(
    reach: Reach, centre: Centre, case: str, act: str, to: Sequence[User], task: Task | None
) -> int:
    today = clock.today()
    try:
        with transaction.atomic():
            made = Urging.objects.create(
                centre=centre, case=case, task=task, by=reach.user, on=today, at=clock.now()
            )
            return tell(
                to,
                "hurry",
                words.joined(Text("催办", "Please hurry"), words.of_work(centre, case, act)),
                body=Text(f"催办人：{reach.user.name}", f"asked by {reach.user.name}"),
                link=words.address(centre.id, case, act),
                centre=centre,
                key=f"urging:{made.pk}",
                urgent=True,
            )
    except IntegrityError:
        raise TooLate("今日已经催办过，请明日再催", "you have urged it today already") from None


# --- after an act -------------------------------------------------------------------------------


def recorded(user: User, centre: Centre, row: ActRecord, org: str) -> None:
    """An act was recorded: what the organisation had routed for it has served its purpose."""
    if row.about:
        _settled(None, centre.pk, row.about, "")
    live = Routing.objects.filter(centre=centre, organisation=org, used__isnull=True)
    if not live.exists():
        return
    rs = library.editions(row.book_id).by_name[row.edition]
    belongs = rs.models[row.kind].about if row.kind in rs.models else None
    procedure = belongs.case if belongs is not None else None

    def meant(case: str) -> bool:
        """Whether the act belongs to a case; where it named none, only one of the sort was open."""
        if not case or row.about:
            return bool(case) and case == row.about
        return case.partition("#")[0] == procedure

    with transaction.atomic():
        for routing in live.select_for_update():
            if routing.act != row.kind and not meant(routing.case):
                continue
            now = clock.now()
            tasks = routing.tasks.filter(state__in=LIVE)
            tasks.filter(to=user, state=State.OPEN).update(
                state=State.DONE, answer=Answer.DONE, done=now
            )
            _settled([t.to_id for t in tasks], centre.pk, routing.case, routing.act)
            tasks.update(state=State.NEEDLESS, done=now)
            routing.used, routing.closed = row.seq, routing.closed or now
            routing.save(update_fields=["used", "closed"])
