"""Yearly reports: which act reports on a year, who has reported, who is late. Nothing here writes.

All of it comes from the programmes' data and from what the ledger keeps: a report is an act keyed
by one of its inputs (the year, or the number of the year) that discharges an obligation with a day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from banfa.office.evaluations.models import Collection, Entry, Kind
from banfa.office.ledger import agenda, library, store
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import ActRecord, Centre, Matter, ProgrammeBook, Sort
from banfa.rules import programme as p
from banfa.rules.duties import Duty
from banfa.rules.life import ANNULMENTS, State, standing, targets
from banfa.rules.ruleset import Ruleset
from banfa.rules.terms import Ctx
from banfa.rules.words import Text, words

# --- what the programmes have -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """One act of a chain, the parties that may do it, and the input by which it is keyed.

    `once`: a year has it once at most.
    """

    act: str
    name: Text
    by: tuple[str, ...]
    key: str = ""
    once: bool = False


@dataclass(frozen=True, slots=True)
class ReportKind:
    """A report that a programme asks for each year.

    `key` is the input that holds the period: a calendar year, or, where not `calendar`, the number
    of the year. `duties` are the ids of the obligations it discharges, `duty` the first of them;
    `deadlines` the ids of its own conditions that only say whether it is in time. `case` is the
    procedure that it opens, `chain` its acts from the report on, `beside` the other yearly acts and
    those that rest on the same article.
    """

    programme: str
    act: str
    name: Text
    key: str
    calendar: bool
    duties: tuple[str, ...]
    duty: p.Duty
    deadlines: tuple[str, ...]
    case: str
    chain: tuple[Link, ...]
    beside: tuple[Link, ...]

    def period(self, number: int) -> Text:
        """A period in words."""
        if self.calendar:
            return Text(f"{number}年", str(number))
        return Text(f"第{number}年度", f"year {number}")


def kinds(programme: str) -> list[ReportKind]:
    """The yearly reports of a programme's latest edition, in the order of its acts."""
    rs = library.editions(programme).latest
    found = []
    for name, model in rs.models.items():
        key = _key(model)
        duties = {d: m for d, m in rs.programme.duties.items() if _asks_for(rs, m, name)}
        if key and duties:
            found.append(_kind(rs, name, model, key, duties))
    return found


def _key(model: p.Act) -> str:
    """The input that keys an act; '' for none."""
    name = model.key.partition("with.")[2] if isinstance(model.key, str) else ""
    return name if name in model.with_ else ""


def _asks_for(rs: Ruleset, duty: p.Duty, act: str) -> bool:
    """Whether a duty obliges somebody below the authority to do that act by a day."""
    if duty.done_by != act or duty.due is None or duty.mode != "obligation":
        return False
    return not set(duty.holder) & set(rs.programme.authority)


def _kind(rs: Ruleset, name: str, model: p.Act, key: str, duties: dict[str, p.Duty]) -> ReportKind:
    first = next(iter(duties.values()))
    return ReportKind(
        rs.programme.programme,
        name,
        words(first.name if len(duties) == 1 else model.name),
        key,
        model.with_[key].type == "year",
        tuple(duties),
        first,
        tuple(c.id for c in model.when if _is_deadline(c)),
        model.opens.case if model.opens is not None else "",
        tuple(_chain(rs, name, model)),
        tuple(_beside(rs, name, first)),
    )


def _is_deadline(condition: p.Condition) -> bool:
    """Whether a condition compares the act's own day with a last one, and only warns."""
    on_time = condition.on_or_before is not None and condition.value is None
    return on_time and condition.deviation == "warn"


def _chain(rs: Ruleset, name: str, model: p.Act) -> Iterator[Link]:
    """The report and the acts by which its case goes on, nearest first."""
    yield Link(name, words(model.name), tuple(model.by))
    if model.opens is None:
        return
    seen, waiting = {model.opens.step}, [model.opens.step]
    told = {name}
    while waiting:
        step = waiting.pop(0)
        for act, one in rs.models.items():
            if one.about is None or one.about.case != model.opens.case or step not in one.about.at:
                continue
            after = [e.step for e in one.then if e.step is not None and e.step not in seen]
            seen.update(after)
            waiting += after
            if act not in told and any(e.step is not None for e in one.then):
                told.add(act)
                yield Link(act, words(one.name), tuple(one.by))


def _beside(rs: Ruleset, name: str, duty: p.Duty) -> Iterator[Link]:
    """The other yearly acts of a centre, and those of the same hand on the report's own article:
    reviews, self-evaluations, major results."""
    yearly = {d.done_by for d in rs.programme.duties.values() if d.each == "year"}
    hands = set(rs.models[name].by)
    for act, one in rs.models.items():
        if act == name or one.level != "centre" or one.about is not None or one.absent or one.probe:
            continue
        same = duty.cite and duty.cite in one.cite and hands & set(one.by)
        if act in yearly or same:
            key = _key(one)
            yield Link(act, words(one.name), tuple(one.by), key, bool(key) or act in yearly)


def last_day(kind: ReportKind, period: int, today: dt.date) -> dt.date | None:
    """By when a year's report is due, as far as that is the same for all centres; None: not set,
    or each centre has its own. One query."""
    if not kind.calendar:
        return None
    rs = library.editions(kind.programme).latest
    book = ProgrammeBook.objects.filter(programme=kind.programme).first()
    if book is None:
        return None
    world = store.world_of(book, DatabaseFacts())
    for compiled in rs.duties:
        if compiled.id in kind.duties and compiled.due is not None:
            due = compiled.due(Ctx(rs.programme, State(), world, today, key=period))
            if isinstance(due, dt.date):
                return due
    return None


# --- who has reported ---------------------------------------------------------------------------

OVERDUE, WAITING, LATE, DONE = "overdue", "waiting", "late", "done"
STATUSES = (OVERDUE, WAITING, LATE, DONE)
"""Not reported and the day is over; not reported; reported late; reported."""


def undone(programme: str, centre: str | None = None) -> list[int]:
    """The keys of the acts that were annulled, of this programme's centres or of one: two queries
    at most."""
    rows = ActRecord.objects.filter(
        book=programme, centre__isnull=False, kind__in=ANNULMENTS
    ).select_related("payload")
    rows = rows.filter(centre=centre) if centre is not None else rows
    by_centre: dict[str, list[Any]] = {}
    for row in rows:
        by_centre.setdefault(str(row.centre_id), []).append(store.act_of(row))
    found = Q(pk__in=[])
    for number, acts in by_centre.items():
        found |= Q(centre=number, seq__in=[n for act in standing(acts) for n in targets(act)])
    return list(ActRecord.objects.filter(found).values_list("pk", flat=True)) if by_centre else []


@dataclass(slots=True)
class Asked:
    """One period of one kind of report, as it is asked about on a day.

    `due` is its last day where all centres have the same; `gone` are annulled acts.
    """

    kind: ReportKind
    period: int
    today: dt.date
    due: dt.date | None = None
    gone: list[int] = field(default_factory=list)


def ask(kind: ReportKind, period: int, today: dt.date, gone: list[int] | None = None) -> Asked:
    """What the questions below need to know first: three queries at most. `gone` are the annulled
    acts (`undone`), if they were read already."""
    gone = undone(kind.programme) if gone is None else gone
    return Asked(kind, period, today, last_day(kind, period, today), gone)


def numbered(kind: ReportKind, seen: Q, gone: list[int]) -> dict[int, int]:
    """Where each centre counts its own years: how many centres each number concerns, because they
    have reported on it or owe it; the latest first. Two queries."""
    centres = Centre.objects.filter(seen, book=kind.programme)
    acts = ActRecord.objects.filter(kind=kind.act, centre__in=centres).exclude(pk__in=gone)
    rows = acts.order_by().values_list(f"payload__data__{kind.key}")
    found: dict[int, int] = {}
    for number, n in rows.annotate(n=Count("centre", distinct=True)):
        if isinstance(number, int):
            found[number] = n
    own = ActRecord.objects.filter(centre=OuterRef("pk"), kind=kind.act).exclude(pk__in=gone)
    counted = own.order_by().values("centre").annotate(n=Count("pk")).values("n")
    owed = Matter.objects.filter(
        centre=OuterRef("pk"), sort=Sort.DUTY, name__in=kind.duties, closed=False
    )
    owing = centres.filter(Exists(owed)).annotate(
        had=Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))
    )
    for had, n in owing.order_by().values_list("had").annotate(n=Count("pk")):
        found[had + 1] = found.get(had + 1, 0) + n
    return dict(sorted(found.items(), reverse=True))


def most_concerned(counts: dict[int, int]) -> int:
    """The number that a page opens with: the latest that concerns at least half as many centres as
    the one that concerns most. A few old centres do not make theirs everybody's; 1 for none."""
    most = max(counts.values(), default=0)
    return next((n for n in sorted(counts, reverse=True) if 2 * counts[n] >= most), 1)


def collected(kind: ReportKind, on: dt.date) -> int | None:
    """The year whose figures are being collected on a day, the latest if several; None: none. One
    query."""
    rows = Collection.objects.filter(
        book=kind.programme, kind=Kind.ANNUAL, opens__lte=on, closes__gte=on
    )
    return rows.order_by("-year").values_list("year", flat=True).first()


def periods(kind: ReportKind, seen: Q) -> list[int]:
    """The calendar years reported on or owed at the centres that `seen` allows, latest first: two
    queries. (For centres that count their own years see `numbered`.)"""
    centres = Centre.objects.filter(seen, book=kind.programme)
    path = f"payload__data__{kind.key}"
    acts = ActRecord.objects.filter(kind=kind.act, centre__in=centres).order_by()
    owed = Matter.objects.filter(
        sort=Sort.DUTY, name__in=kind.duties, closed=False, centre__in=centres
    ).order_by()
    year = Func(F("year"), function="to_jsonb", output_field=JSONField())
    both = acts.values_list(path, flat=True).union(owed.values_list(year, flat=True))
    return sorted({n for n in both if isinstance(n, int)}, reverse=True)


def centres(asked: Asked, seen: Q) -> QuerySet[Centre]:
    """The centres that report on the period: those that have, and those that owe it.

    Each with `report` (the number of its act), `reported_on`, `owed` (the key of its matter),
    `due`, `step`, `ended` and `holders` of the report's case, and `status`, one of `STATUSES`.
    """
    kind = asked.kind
    own = ActRecord.objects.filter(centre=OuterRef("pk"), kind=kind.act).exclude(pk__in=asked.gone)
    acts = own.filter(**{f"payload__data__{kind.key}": asked.period}).order_by("-seq")
    owed = Matter.objects.filter(
        centre=OuterRef("pk"), sort=Sort.DUTY, name__in=kind.duties, closed=False
    )
    cases = Matter.objects.filter(
        centre=OuterRef("pk"), sort=Sort.CASE, name=kind.case, subject=str(asked.period)
    ).order_by("-opened_by")
    found = Centre.objects.filter(seen, book=kind.programme)
    if kind.calendar:
        owed = owed.filter(year=asked.period)
        owes = Q(owed__isnull=False)
    else:
        counted = own.order_by().values("centre").annotate(n=Count("pk")).values("n")
        found = found.annotate(
            had=Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))
        )
        owes = Q(owed__isnull=False, had=asked.period - 1)
    found = found.annotate(
        report=_first(acts, "seq"),
        reported_on=_first(acts, "on"),
        owed=_first(owed.order_by("due", "id"), "pk"),
        due=Coalesce(_first(owed.order_by("due", "id"), "due"), Value(asked.due)),
        step=_first(cases, "step"),
        ended=_first(cases, "closed"),
        holders=_first(cases, "holders"),
    )
    return found.filter(Q(report__isnull=False) | owes).annotate(
        status=Case(
            When(Q(report__isnull=False) & _late(asked, acts), then=Value(LATE)),
            When(report__isnull=False, then=Value(DONE)),
            When(due__lt=asked.today, then=Value(OVERDUE)),
            default=Value(WAITING),
            output_field=CharField(),
        )
    )


def members(kind: ReportKind, period: int, seen: Q, today: dt.date) -> QuerySet[Centre]:
    """The centres whose figures of a calendar year are collected: those that report on it; where
    each centre counts its own years, those that have reported or owe a report. Three queries."""
    if kind.calendar:
        return centres(ask(kind, period, today), seen)
    acts = ActRecord.objects.filter(centre=OuterRef("pk"), kind=kind.act)
    owed = Matter.objects.filter(
        centre=OuterRef("pk"), sort=Sort.DUTY, name__in=kind.duties, closed=False
    )
    return Centre.objects.filter(seen, Exists(acts) | Exists(owed), book=kind.programme)


def order() -> Case:
    """How statuses are sorted: what is most pressing first."""
    whens = [When(status=name, then=Value(n)) for n, name in enumerate(STATUSES)]
    return Case(*whens, default=Value(len(STATUSES)), output_field=IntegerField())


def _first(rows: QuerySet[Any], name: str) -> Subquery:
    return Subquery(rows.values(name)[:1])


def _late(asked: Asked, acts: QuerySet[Any]) -> Q:
    """The condition for a report that was late: as was found when it was recorded, where the act
    says when it is in time; otherwise by the day common to all."""
    ids = asked.kind.deadlines
    if not ids:
        return Q(reported_on__gt=asked.due) if asked.due is not None else Q(pk__in=[])
    missed = Q(pk__in=[])
    for id_ in ids:
        missed |= Q(findings__contains=[{"id": id_, "outcome": "not"}])
    return Q(Exists(acts.filter(missed)))


@dataclass(slots=True)
class Counted:
    """How many centres report, and how these stand."""

    overdue: int = 0
    waiting: int = 0
    late: int = 0
    done: int = 0

    @property
    def all(self) -> int:
        """How many report on the period."""
        return self.overdue + self.waiting + self.late + self.done

    @property
    def reported(self) -> int:
        """How many have reported, in time or late."""
        return self.late + self.done


def count(found: QuerySet[Centre]) -> Counted:
    """The centres of a period by how they stand: one query."""
    rows = found.order_by().values_list("status").annotate(n=Count("pk"))
    return Counted(**{str(status): number for status, number in rows})


def by_field(found: QuerySet[Centre]) -> dict[str, Counted]:
    """The same for each field; '' for those without one. One query."""
    rows = found.order_by().values_list("subject", "status").annotate(n=Count("pk"))
    made: dict[str, Counted] = {}
    for subject, status, number in rows:
        setattr(made.setdefault(subject, Counted()), status, number)
    return dict(sorted(made.items()))


def by_place(found: QuerySet[Centre], within: dict[str, tuple[str, ...]]) -> dict[str, Counted]:
    """The same for each place of `within` (its code, and the names that lie in it): one query.

    A centre of several places counts in each; '' are those of none.
    """
    of_name = {name: code for code, names in within.items() for name in names}
    made = {code: Counted() for code in within}
    rows = found.order_by().values_list("places", "status").annotate(n=Count("pk"))
    for names, status, number in rows:
        for code in {of_name.get(name, "") for name in names} or {""}:
            held = made.setdefault(code, Counted())
            setattr(held, status, getattr(held, status) + number)
    return {code: held for code, held in made.items() if held.all}


def current(kind: ReportKind, seen: Q, today: dt.date) -> None:
    """Sees to it that what is owed is what is owed today, for the centres that `seen` allows."""
    agenda.refresh(today, seen & Q(book=kind.programme))


# --- one centre ---------------------------------------------------------------------------------


def report_of(entry: Entry) -> ActRecord | None:
    """The act by which the year of a yearly collection was reported for a centre, with its payload;
    the last that stands. Three queries at most."""
    year, programme = entry.collection.year, str(entry.collection.book_id)
    wanted = Q(pk__in=[])
    for kind in kinds(programme):
        if kind.calendar:
            wanted |= Q(kind=kind.act, **{f"payload__data__{kind.key}": year})
    acts = ActRecord.objects.filter(wanted, centre=entry.centre_id).select_related("payload")
    found = list(acts.order_by("-seq"))
    gone = set(undone(programme, entry.centre_id)) if found else set()
    return next((act for act in found if act.pk not in gone), None)


@dataclass(slots=True)
class Step:
    """A step of a year's chain: its act, if it is done, and whether it is what is waited for."""

    link: Link
    done: ledger.Entry | None
    waits: bool


@dataclass(slots=True)
class Year:
    """A centre's report on a period: what is owed, its chain, and the year's other acts.

    `owed` is the duty while it is not reported, `status` one of `STATUSES` (or '' when nothing is
    owed and nothing reported), `ended` the step at which the report's case ended.
    """

    kind: ReportKind
    period: int
    owed: Duty | None
    report: ledger.Entry | None
    status: str
    steps: list[Step]
    ended: Text | None
    beside: list[tuple[Link, list[ledger.Entry]]]
    figures: Entry | None = None


def years(page: ledger.CentrePage) -> list[Year]:
    """A centre's reports, period by period, the latest first. No query beside the page's own."""
    standing_ = [e for e in page.timeline if e.counts and e.annulled_by is None]
    made = []
    for kind in kinds(str(page.centre.book_id)):
        own = [e for e in standing_ if e.act.kind == kind.act]
        owed = [d for d in page.duties if d.id in kind.duties and d.done_on is None]
        periods_ = {n for e in own if isinstance(n := e.act.data.get(kind.key), int)}
        by_period = {_period(kind, duty, len(periods_)): duty for duty in owed}
        for period in sorted(periods_ | set(by_period), reverse=True):
            reports_ = [e for e in own if e.act.data.get(kind.key) == period]
            report = reports_[-1] if reports_ else None
            made.append(_year(page, kind, period, report, by_period.get(period), standing_))
    return made


def _period(kind: ReportKind, duty: Duty, reported: int) -> int:
    """The period a duty is about: its year, or the number after those reported on."""
    return duty.year if kind.calendar and duty.year is not None else reported + 1


def _year(
    page: ledger.CentrePage, kind: ReportKind, period: int, report: ledger.Entry | None,
    owed: Duty | None, entries: list[ledger.Entry],
) -> Year:  # fmt: skip
    case = next(
        (
            c
            for c in reversed(list(page.state.cases.values()))
            if report is not None and c.procedure == kind.case and report.act.seq in c.log
        ),
        None,
    )
    steps, waited = [], report is None
    for number, link in enumerate(kind.chain):
        done = report if number == 0 else None
        if number and case is not None:
            done = next(
                (e for e in reversed(entries) if e.act.kind == link.act and e.act.seq in case.log),
                None,
            )
        waits = number == 0 and report is None
        if case is not None and not case.closed and done is None and not waited:
            waits, waited = True, True
        steps.append(Step(link, done, waits))
    ended = step_name(kind, case.step) if case is not None and case.closed else None
    beside = [(link, _of_period(kind, link, period, entries)) for link in kind.beside]
    return Year(kind, period, owed, report, _standing(kind, report, owed), steps, ended, beside)


def _standing(kind: ReportKind, report: ledger.Entry | None, owed: Duty | None) -> str:
    if report is not None:
        late = any(f.id in kind.deadlines for f in report.warnings)
        return LATE if late else DONE
    if owed is None:
        return ""
    return OVERDUE if owed.late else WAITING


def _of_period(
    kind: ReportKind, link: Link, period: int, entries: list[ledger.Entry]
) -> list[ledger.Entry]:
    """The standing acts of a kind that belong to a period: by their key, or by their day."""
    found = []
    for entry in entries:
        if entry.act.kind != link.act:
            continue
        of = entry.act.data.get(link.key) if link.key else entry.act.on.year
        if of == period:
            found.append(entry)
    return found


def step_name(kind: ReportKind, step: str) -> Text | None:
    """A step of the report's case, in words."""
    procedure = library.editions(kind.programme).latest.programme.procedures.get(kind.case)
    found = procedure.steps.get(step) if procedure is not None else None
    return words(found.name) if found is not None else None
