"""The questions about work: what waits, what was done, begun and copied; a procedure in full.

Lists are one page each; what they take of the database does not grow with their length.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import (
    Case,
    DateField,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    Value,
    When,
)
from django.db.models.functions import Coalesce, TruncDate

from banfa.office.clock import SHANGHAI
from banfa.office.ledger import agenda, store
from banfa.office.ledger.models import ActRecord, Centre, Matter, Sort
from banfa.office.people.access import NOTHING, Held, Reach
from banfa.office.people.models import Capacity, Delegation, Scope, Standing, User
from banfa.office.queues import words
from banfa.office.queues.models import (
    Copied,
    Manner,
    Note,
    Opinion,
    Phrase,
    Routing,
    SignOff,
    State,
    Task,
    Urging,
    at_day,
)
from banfa.office.todo import Todo
from banfa.rules import words as rule_words
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text

SIZE = 50
KINDS = {
    "task": Text("内部分办", "Routed to me"),
    "case": Text("办件", "Procedures"),
    "decision": Text("待决定", "Decisions"),
    "duty": Text("义务", "Duties"),
}
DUES = {
    "late": Text("已逾期", "Overdue"),
    "week": Text("7日内到期", "Due within 7 days"),
    "month": Text("30日内到期", "Due within 30 days"),
}
DECISIONS = ("decision", "mandatory", "may", "deemed")
PASSIVE = ("flag", "option")
"""Duties that wait for nobody: they are shown with the centre, not among the work."""


@dataclass
class Line:
    """One line of a list of work.

    `what` is the procedure, duty or act; `step` where it stands; `who` has it; `since` when; `due`
    by when and `computed` how that came about; `cite` or `default` its basis in `edition`.
    """

    kind: str
    centre: str
    centre_name: Text
    programme: str
    edition: str
    what: Text
    link: str
    subject: str = ""
    step: Text | None = None
    who: list[Text] = field(default_factory=list)
    since: dt.date | None = None
    due: dt.date | None = None
    computed: Text | None = None
    cite: str | None = None
    default: str | None = None
    urgent: bool = False
    closed: bool = False
    note: str = ""
    by: str = ""
    task: int | None = None
    orphan: bool = False
    act: str = ""
    parties: list[str] = field(default_factory=list)
    at: dt.datetime | None = None
    unread: bool = False


@dataclass
class Asked:
    """What a list is filtered by; nothing: everything."""

    programme: str = ""
    kind: str = ""
    due: str = ""
    page: int = 1


@dataclass
class Lines:
    """A page of a list; `total` counts all that match, `behind` agendas not up to date yet."""

    rows: list[Line]
    total: int
    page: int = 1
    size: int = SIZE
    behind: int = 0

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.size)


# --- what waits ---------------------------------------------------------------------------------


def mine(reach: Reach) -> Q:
    """The condition on matters that wait for one of the person's capacities to act."""
    found = NOTHING
    for one in reach.held:
        found |= _waits_for(reach, one)
    return found


def _waits_for(reach: Reach, one: Held) -> Q:
    """Matters whose next act this capacity may do, where it is one of those that have it."""
    kinds: dict[str, list[str]] = {}
    for thing, scopes in reach.rights.get(one.capacity.subject, {}).items():
        kind = thing.removeprefix("act:")
        if kind != thing and not (one.delegation and one.delegation.acts and kind
                                  not in one.delegation.acts):  # fmt: skip
            for scope in scopes:
                kinds.setdefault(scope, []).append(kind)
    tokens = [one.capacity.party, f"{one.capacity.party}@{one.org}"]
    at = Q(book=one.capacity.programme, seats__overlap=tokens)
    found = NOTHING
    for scope, acts in kinds.items():
        if scope == Scope.OWN and not _narrow(one):
            # Whoever has a seat by name plays that role for the centre: that is the whole scope.
            own = Q(book=one.capacity.programme, seats__contains=tokens[1:])
            found |= own & Q(acts__overlap=acts)
        else:
            found |= at & Q(acts__overlap=acts) & _within(one, scope)
    return found


def _narrow(one: Held) -> bool:
    """Whether a capacity is for some centres or a place only."""
    return bool(one.capacity.centres or one.capacity.place_id)


def _within(one: Held, scope: str) -> Q:
    """That a right of that scope reaches a matter's centre."""
    if not _narrow(one) and scope in (Scope.PROGRAMME, Scope.ALL):
        return Q()
    return Q(centre__in=Centre.objects.filter(one.centres(scope)))


def _work(reach: Reach) -> Any:
    """The matters that wait for the person: nothing passive, nothing that a case stands for."""
    found = Matter.objects.filter(mine(reach), closed=False, within="")
    handed = Routing.objects.filter(
        centre=OuterRef("centre"), case=OuterRef("key"), manner=Manner.HAND_OVER,
        organisation__in={one.org for one in reach.held}, closed__isnull=True,
    ).exclude(tasks__to=reach.user, tasks__state=State.OPEN)  # fmt: skip
    return found.exclude(mode__in=PASSIVE).exclude(Exists(handed))


def _tasks(reach: Reach) -> Any:
    """The open tasks of the person, and those that have come back to the organisation."""
    of_case = Matter.objects.filter(
        centre=OuterRef("routing__centre"), key=OuterRef("routing__case"), closed=False
    )
    found = Task.objects.filter(state=State.OPEN).filter(Q(routing__case="") | Exists(of_case))
    seen = Q(routing__centre__in=Centre.objects.filter(reach.centres("route.work")))
    own = found.filter(to=reach.user)
    back = found.exclude(to=reach.user).filter(
        seen, routing__organisation__in={one.org for one in reach.held}
    )
    return own | back.exclude(_holds(reach.today))


def _holds(today: dt.date) -> Exists:
    """That a task's person still has a capacity in its organisation and programme."""
    live = Q(ended__isnull=True) & (Q(until__isnull=True) | Q(until__gte=today))
    live &= Q(since__isnull=True) | Q(since__lte=today)
    own = Capacity.objects.filter(
        live,
        user=OuterRef("to"),
        organisation=OuterRef("routing__organisation"),
        programme=OuterRef("routing__centre__book"),
        approved__isnull=False,
        user__standing=Standing.ACTIVE,
    )
    lent = Delegation.objects.filter(
        live,
        to=OuterRef("to"),
        capacity__organisation=OuterRef("routing__organisation"),
        capacity__programme=OuterRef("routing__centre__book"),
        capacity__ended__isnull=True,
        to__standing=Standing.ACTIVE,
    )
    return Exists(own) | Exists(lent)


LATEST = dt.date.max


def todo(reach: Reach, asked: Asked | None = None, size: int = SIZE, counted: bool = True) -> Lines:
    """What waits for a person: tasks routed to them, procedures and duties of their capacities;
    what is urgent first, then by the day due. Unless `counted`, what is beyond a first page counts
    as one."""
    asked, today = asked or Asked(), reach.today
    if not reach.held:
        return Lines([], 0)
    behind = agenda.refresh(today, reach.centres())
    matters, tasks = _filtered(_work(reach), _tasks(reach), asked, today)
    hurried = Urging.objects.filter(
        centre=OuterRef("centre"),
        case=OuterRef("key"),
        task__isnull=True,
        on__gte=OuterRef("since"),
    )
    urged = Matter.objects.filter(Exists(hurried), sort=Sort.CASE, closed=False).values("pk")
    keys = _keys(
        tasks, "task", F("pk"), Coalesce("routing__due", LATEST, output_field=DateField()),
        Q(urgent=True), TruncDate("since", tzinfo=SHANGHAI),
    ).union(
        _keys(
            matters, "matter", F("pk"), Coalesce("due", LATEST, output_field=DateField()),
            Q(pk__in=urged), F("since"),
        ),
        all=True,
    )  # fmt: skip
    found, total = _page(keys.order_by("rank", "day", "begun", "number_"), asked, size, counted)
    rows = _lines(found, reach)
    return Lines(rows, total, asked.page, size, behind)


def _keys(rows: Any, sort: str, number: Any, day: Any, urgent: Any, begun: Any) -> Any:
    """What rows of different tables are put in one order by: rank 0 is urgent."""
    rank = Case(When(urgent, then=0), default=1, output_field=IntegerField())
    named = rows.order_by().annotate(
        of=Value(sort), number_=number, day=day, rank=rank, begun=begun
    )
    return named.values_list("of", "number_", "day", "rank", "begun")


def _filtered(matters: Any, tasks: Any, asked: Asked, today: dt.date) -> tuple[Any, Any]:
    if asked.programme:
        matters = matters.filter(book=asked.programme)
        tasks = tasks.filter(routing__centre__book=asked.programme)
    if asked.kind:
        tasks = tasks if asked.kind == "task" else tasks.none()
        of_kind = {
            "case": Q(sort=Sort.CASE),
            "decision": Q(sort=Sort.DUTY, mode__in=DECISIONS),
            "duty": Q(sort=Sort.DUTY) & ~Q(mode__in=DECISIONS),
        }
        matters = matters.filter(of_kind.get(asked.kind, NOTHING))
    until = {"week": today + dt.timedelta(days=7), "month": today + dt.timedelta(days=30)}
    if asked.due == "late":
        matters, tasks = matters.filter(due__lt=today), tasks.filter(routing__due__lt=today)
    elif asked.due in until:
        ahead = (today, until[asked.due])
        matters, tasks = matters.filter(due__range=ahead), tasks.filter(routing__due__range=ahead)
    return matters, tasks


def _page(
    keys: Any, asked: Asked, size: int, counted: bool = True
) -> tuple[list[tuple[Any, ...]], int]:
    """The keys of the page asked for, and how many there are in all: two queries at most."""
    if asked.page <= 1:
        asked.page = 1
        first = list(keys[: size + 1])
        return first[:size], keys.count() if counted and len(first) > size else len(first)
    total = keys.count()
    asked.page = min(asked.page, -(-total // size) or 1)
    begin = (asked.page - 1) * size
    return list(keys[begin : begin + size]), total


def _lines(found: Sequence[tuple[Any, ...]], reach: Reach) -> list[Line]:
    """The lines of these keys, in their order."""
    of_sort: dict[str, list[int]] = {}
    for sort, number, *_ in found:
        of_sort.setdefault(sort, []).append(number)
    made: dict[tuple[str, int], Line] = {}
    for matter in _matters(of_sort.get("matter", [])):
        made["matter", matter.pk] = matter_line(matter)
    for task in _task_rows(of_sort.get("task", [])):
        made["task", task.pk] = task_line(task, reach.user)
    for sort, number, _due, urgent, *_ in found:
        if (sort, number) in made:
            made[sort, number].urgent = urgent == 0
    return [made[sort, number] for sort, number, *_ in found if (sort, number) in made]


def _matters(numbers: Sequence[int]) -> list[Matter]:
    if not numbers:
        return []
    return list(Matter.objects.select_related("centre").filter(pk__in=numbers))


def _task_rows(numbers: Sequence[int]) -> list[Task]:
    if not numbers:
        return []
    found = Task.objects.select_related("routing__centre", "routing__by", "to", "asker__to")
    return list(found.filter(pk__in=numbers))


def matter_line(matter: Matter) -> Line:
    """A procedure or duty as a line; its centre is read with it."""
    centre = matter.centre
    rs = ruleset_of(matter)
    model = agenda.model_of(rs, matter)
    is_case = matter.sort == Sort.CASE
    kind = "case" if is_case else "decision" if matter.mode in DECISIONS else "duty"
    act = rs.models.get(matter.acts[0]) if matter.acts and not is_case else None
    return Line(
        kind,
        centre.id,
        words.called(centre),
        centre.book_id,
        matter.edition,
        rule_words.words(model.name) if model is not None else Text(matter.name, matter.name),
        words.address(centre.id, matter.key if is_case else "", "" if is_case else _act(matter)),
        subject=str(matter.year or "") if not is_case else subject_of(matter),
        step=_step(rs, matter) if is_case else rule_words.words(act.name) if act else None,
        who=holders(rs, matter),
        since=matter.since,
        due=matter.due,
        computed=Text(*matter.computed) if matter.computed else None,
        cite=model.cite if model is not None else None,
        default=model.default if model is not None else None,
        closed=matter.closed,
        act=_act(matter),
        parties=list(matter.holders),
    )


def _act(matter: Matter) -> str:
    return str(matter.acts[0]) if matter.acts else ""


def subject_of(matter: Matter) -> str:
    """What makes a case of its kind unique, where that says something: a year or a name."""
    return "" if matter.subject.isdigit() and len(matter.subject) < 4 else matter.subject


def ruleset_of(matter: Matter) -> Ruleset:
    """The edition that a matter was made by."""
    editions = store.editions_of(matter.book_id)
    return editions.by_name.get(matter.edition) or editions.latest


def _step(rs: Ruleset, matter: Matter) -> Text | None:
    model = rs.programme.procedures.get(matter.name)
    step = model.steps.get(matter.step) if model is not None else None
    return rule_words.words(step.name) if step is not None else None


def holders(rs: Ruleset, matter: Matter) -> list[Text]:
    """Who has a matter: each party with the organisations that play it."""
    found = []
    for party in matter.holders:
        role = rule_words.party(rs.programme, party)
        named = agenda.organisations(rs, [party], matter.centre.roles)
        zh = "、".join(t.zh for t in named if t.zh != role.zh)
        en = ", ".join(t.en for t in named if t.en != role.en)
        found.append(
            Text(f"{role.zh}（{zh}）" if zh else role.zh, f"{role.en} ({en})" if en else role.en)
        )
    return found


def task_line(task: Task, user: User) -> Line:
    """A task as a line of somebody's list."""
    routing = task.routing
    centre = routing.centre
    asker = task.asker.to.name if task.asker is not None else routing.by.name
    back = bool(task.after_id) and task.entrusted is False and _came_back(task)
    manner = (
        Text("委派办结，待您确认", "Entrusted work to confirm")
        if back
        else words.manner(routing.manner)
    )
    return Line(
        "task",
        centre.id,
        words.called(centre),
        centre.book_id,
        centre.edition,
        words.work_name(centre, routing.case, routing.act),
        words.address(centre.id, routing.case, routing.act),
        step=manner,
        who=[words.plain(task.to.name)],
        since=at_day(task.since),
        due=routing.due,
        urgent=task.urgent,
        note=task.note or routing.note,
        by=asker,
        task=task.pk,
        orphan=task.to_id != user.pk,
        closed=task.state != State.OPEN,
        at=task.done,
    )


def _came_back(task: Task) -> bool:
    return task.after is not None and task.after.entrusted and task.after.state == State.DONE


def todos(user: Any, reach: Reach, today: dt.date, most: int = 50) -> list[Todo]:
    """What waits for a person here, at most so many, for the workbench."""
    return [
        Todo(
            f"queues.{line.kind}",
            _title(line),
            line.link,
            line.centre,
            line.centre_name,
            line.programme,
            line.since,
            line.due,
            _todo_note(line),
            line.urgent,
        )
        for line in todo(reach, size=most, counted=False).rows
    ]


def _title(line: Line) -> Text:
    if not line.subject:
        return line.what
    return Text(f"{line.what.zh}（{line.subject}）", f"{line.what.en} ({line.subject})")


def _todo_note(line: Line) -> Text | None:
    if line.orphan and line.step is not None:
        return Text("原办理人已无此身份，待接办", "its person has left; to be taken over")
    return line.step


# --- done, begun, copied ------------------------------------------------------------------------


def done(reach: Reach, asked: Asked) -> Lines:
    """What a person has done: acts recorded and tasks finished, latest first."""
    acts = ActRecord.objects.filter(payload__person=reach.user.label, centre__isnull=False)
    acts = acts.filter(centre__in=Centre.objects.filter(reach.centres()))
    tasks = Task.objects.filter(to=reach.user, state__in=(State.DONE, State.HANDED))
    if asked.programme:
        acts = acts.filter(book=asked.programme)
        tasks = tasks.filter(routing__centre__book=asked.programme)
    acts = acts.none() if asked.kind == "task" else acts
    tasks = tasks.none() if asked.kind == "case" else tasks
    keys = _ended(acts, "act", "recorded").union(_ended(tasks, "task", "done"), all=True)
    found, total = _page(keys.order_by("-moment", "-number_"), asked, SIZE)
    numbers = [n for sort, n, _ in found if sort == "act"]
    rows = ActRecord.objects.select_related("centre").filter(pk__in=numbers) if numbers else []
    made: dict[tuple[str, int], Line] = {("act", row.pk): act_line(row) for row in rows}
    for task in _task_rows([n for sort, n, _ in found if sort == "task"]):
        made["task", task.pk] = task_line(task, reach.user)
    return Lines([made[s, n] for s, n, _ in found if (s, n) in made], total, asked.page)


def _ended(rows: Any, sort: str, moment: str) -> Any:
    named = rows.order_by().annotate(of=Value(sort), number_=F("pk"), moment=F(moment))
    return named.values_list("of", "number_", "moment")


def act_line(row: ActRecord) -> Line:
    """A recorded act as a line; its centre is read with it."""
    from django.urls import reverse

    editions = store.editions_of(row.book_id)
    rs = editions.by_name.get(row.edition) or editions.latest
    model, party = rs.models.get(row.kind), rs.programme.parties.get(row.party)
    assert row.centre is not None
    return Line(
        "act",
        row.centre.id,
        words.called(row.centre),
        row.book_id,
        row.edition,
        rule_words.words(model.name) if model is not None else Text(row.kind, row.kind),
        reverse("centre_entry", args=[row.centre.id, row.seq]),
        who=[rule_words.words(party.name)] if party is not None else [],
        since=row.on,
        cite=model.cite[0] if model is not None and model.cite else None,
        default=model.default if model is not None and not model.cite else None,
        at=row.recorded,
        closed=True,
    )


def begun(reach: Reach, asked: Asked) -> Lines:
    """The procedures that the person's organisations began, those under way first."""
    orgs: dict[str, set[str]] = {}
    for one in reach.held:
        orgs.setdefault(one.capacity.programme, set()).update({one.org, one.capacity.party})
    opened = NOTHING
    for programme, known in orgs.items():
        if asked.programme in ("", programme):
            opened |= Q(book=programme, opener__in=known)
    if asked.due:
        opened &= Q(closed=asked.due == "closed")
    found = Matter.objects.filter(opened, sort=Sort.CASE)
    found = found.filter(centre__in=Centre.objects.filter(reach.centres()))
    total = found.count()
    asked.page = max(1, min(asked.page, -(-total // SIZE) or 1))
    first = (asked.page - 1) * SIZE
    rows = found.select_related("centre").order_by("closed", F("since").desc(nulls_last=True), "id")
    return Lines([matter_line(m) for m in rows[first : first + SIZE]], total, asked.page)


def copied(reach: Reach, asked: Asked) -> Lines:
    """What was copied to a person, latest first."""
    found = Copied.objects.filter(to=reach.user)
    found = found.filter(centre__in=Centre.objects.filter(reach.centres()))
    if asked.programme:
        found = found.filter(centre__book=asked.programme)
    if asked.due == "unread":
        found = found.filter(read__isnull=True)
    total = found.count()
    asked.page = max(1, min(asked.page, -(-total // SIZE) or 1))
    first = (asked.page - 1) * SIZE
    rows = found.select_related("centre", "by").order_by("-at", "-pk")[first : first + SIZE]
    return Lines([_copy_line(c) for c in rows], total, asked.page)


def _copy_line(copy: Copied) -> Line:
    centre = copy.centre
    return Line(
        "copy",
        centre.id,
        words.called(centre),
        centre.book_id,
        centre.edition,
        words.work_name(centre, copy.case, copy.act),
        words.address(centre.id, copy.case, copy.act),
        since=at_day(copy.at),
        note=copy.note,
        by=copy.by.name,
        at=copy.at,
        unread=copy.read is None,
    )


# --- one piece of work --------------------------------------------------------------------------


def opinions(reach: Reach, centre: Centre, case: str = "", act: str = "") -> list[Opinion]:
    """The opinions on a piece of work that the person may read, oldest first: one query.

    Those kept inside an organisation are for its people; withdrawn ones are shown as such.
    """
    found = Opinion.objects.select_related("by", "organisation")
    found = found.filter(centre=centre, case=case, act=act)
    readable = Q(inside=False) | Q(organisation__in={one.org for one in _here(reach, centre)})
    return list(found.filter(readable).order_by("at", "pk"))


def _here(reach: Reach, centre: Centre) -> list[Held]:
    """The person's capacities that reach a centre."""
    return [
        one
        for one in reach.held
        if one.capacity.programme == centre.book_id
        and any(one.reaches(s, centre) for s in reach.scopes(one, "see.centre"))
    ]


def routings(reach: Reach, centre: Centre, case: str = "", act: str = "") -> list[Routing]:
    """What the person's organisations routed of a piece of work, latest first, with its tasks
    (`shown`): two queries."""
    orgs = {one.org for one in _here(reach, centre)}
    found = Routing.objects.select_related("by", "organisation")
    rows = list(
        found.filter(centre=centre, case=case, act=act, organisation__in=orgs).order_by("-pk")
    )
    tasks = Task.objects.select_related("to", "opinion", "asker__to").filter(routing__in=rows)
    by_routing: dict[int, list[Task]] = {}
    for task in tasks.order_by("number", "pk"):
        by_routing.setdefault(task.routing_id, []).append(task)
    for row in rows:
        row.shown = _in_order(by_routing.get(row.pk, []))
        for task in row.shown:
            task.routing = row
    return rows


def _in_order(tasks: list[Task]) -> list[Task]:
    """Tasks with those that come first before those that wait for them."""
    placed: list[Task] = []
    known = {t.pk for t in tasks}
    left = list(tasks)
    while left:
        done_ = {t.pk for t in placed}
        ready = [t for t in left if t.after_id not in known or t.after_id in done_]
        for task in ready or left:
            placed.append(task)
            left.remove(task)
            break
    return placed


def phrases(user: User, orgs: Iterable[str]) -> list[Phrase]:
    """The stock phrases a person can pick from: own ones first: one query."""
    found = Phrase.objects.filter(Q(user=user) | Q(organisation__in=set(orgs)))
    return list(found.select_related("organisation").order_by(F("user").asc(nulls_last=True), "pk"))


def notes(reach: Reach, centre: Centre) -> list[Note]:
    """The notes on a centre of the person's organisations, latest first: one query."""
    orgs = {one.org for one in _here(reach, centre)}
    found = Note.objects.select_related("by", "organisation").filter(removed__isnull=True)
    return list(found.filter(centre=centre, organisation__in=orgs).order_by("-at", "-pk"))


# --- sign-off -----------------------------------------------------------------------------------


@dataclass
class Missing:
    """What of a sign-off is still missing before an act is recorded; `numbers` are the people's."""

    manner: Text
    people: list[str]
    agreed: list[str]
    how: str
    numbers: list[int]


def missing_sign_off(centre: Centre, programme: str, act: str, org: str) -> Missing | None:
    """What an organisation still demands of its people before an act is recorded; None: nothing.

    An answer counts until the next act of that kind is recorded; an objection does not count.
    """
    demanded = SignOff.objects.filter(organisation=org, programme=programme, act=act).first()
    if demanded is None:
        return None
    users = {u.pk: u.name for u in User.objects.filter(pk__in=demanded.people)}
    given = Task.objects.filter(
        routing__centre=centre, routing__act=act, routing__organisation=org,
        routing__used__isnull=True, routing__withdrawn=False, to__in=demanded.people,
        state=State.DONE,
    )  # fmt: skip
    last: dict[int, str] = {}
    for to, said in given.order_by("done").values_list("to", "answer"):
        last[to] = said
    agreed = [n for n in demanded.people if last.get(n) in ("agree", "done")]
    left = [n for n in demanded.people if n not in agreed]
    if not left or (demanded.manner == Manner.ANY and agreed):
        return None
    return Missing(
        words.manner(demanded.manner),
        [users.get(n, "") for n in left],
        [users.get(n, "") for n in agreed],
        demanded.manner,
        left,
    )


def sign_offs(orgs: Iterable[str]) -> list[SignOff]:
    """What these organisations demand: one query."""
    found = SignOff.objects.select_related("organisation").filter(organisation__in=set(orgs))
    return list(found.order_by("organisation", "programme", "act"))
