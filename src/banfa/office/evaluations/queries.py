"""Questions about figures and runs: what pages and exports read. Nothing here writes.

Lists hold what `reach` may see; another person's object is not on file (NotOnFile).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, QuerySet

from banfa.office import clock
from banfa.office.evaluations import plausibility, rights, tables, yearly
from banfa.office.evaluations.errors import NotOnFile, Problem
from banfa.office.evaluations.models import (
    Collection,
    Entry,
    Figure,
    FigureChange,
    Kind,
    Run,
    Stage,
    SystemVersion,
)
from banfa.office.evaluations.systems import programme_of, scheme_of, system_of, years_of
from banfa.office.ledger.models import Centre
from banfa.office.people.access import Reach
from banfa.office.people.models import User
from banfa.office.todo import Todo
from banfa.rules import words as wording
from banfa.rules.score_compare import Move, Outlier, Spread, moves, outliers, spread
from banfa.rules.score_origin import origins
from banfa.rules.score_origin import why_not_better as reasons
from banfa.rules.score_store import unpack_table
from banfa.rules.score_words import Explained, explain, sheet, shown_value
from banfa.rules.system import Indicator
from banfa.rules.words import Text, words

# --- systems ------------------------------------------------------------------------------------


def systems(programme: str, on: dt.date | None = None) -> list[SystemVersion]:
    """A programme's systems in use on a day, issued ones before samples, the latest first."""
    found = SystemVersion.objects.filter(programme=programme, withdrawn__isnull=True)
    if on is not None:
        found = found.filter(since__lte=on).filter(Q(until__isnull=True) | Q(until__gte=on))
    return sorted(found.order_by("-since", "-id"), key=lambda one: bool(one.sample_zh))


# --- collections and who has reported -----------------------------------------------------------


def collections(reach: Reach, programme: str = "", kind: str = "") -> QuerySet[Collection]:
    """The collections in which the person sees a centre, or that they administer; latest first."""
    seen = Q(entries__centre__in=Centre.objects.filter(reach.centres()))
    for one in {held.capacity.programme for held in reach.held}:
        if rights.administers(reach, rights.RUN, one):
            seen |= Q(book=one)
    found = Collection.objects.filter(seen)
    if programme:
        found = found.filter(book=programme)
    if kind:
        found = found.filter(kind=kind)
    return found.select_related("system").distinct().order_by("-year", "-id")


def collection(reach: Reach, pk: int) -> Collection:
    """One collection that the person sees. Raises NotOnFile."""
    found = collections(reach).filter(pk=pk).first()
    if found is None:
        raise NotOnFile(
            "没有这次数据采集，或您无权查看", "no such collection, or not for you to see"
        )
    return found


def entries(reach: Reach, of: Collection) -> QuerySet[Entry]:
    """The centres of a collection that the person may see, by name, filtered in the database."""
    return (
        Entry.objects.filter(collection=of, centre__in=Centre.objects.filter(reach.centres()))
        .select_related("centre")
        .annotate(filled=Count("figures", filter=Q(figures__stage__gt=0)))
        .order_by("centre__sort_key", "centre_id")
    )


def entry(reach: Reach, of: Collection, centre: str) -> Entry:
    """One centre's table. Raises NotOnFile."""
    found = entries(reach, of).filter(centre=centre).first()
    if found is None:
        raise NotOnFile(
            "该中心不在这次采集之列，或您无权查看", "no such centre here for you to see"
        )
    found.collection = of
    return found


@dataclass(slots=True)
class Progress:
    """How far a collection is: centres by what they have done; `late` of those reported."""

    centres: int
    reported: int
    reviewed: int
    verified: int
    late: int
    overdue: int


def progress(reach: Reach, of: Collection, today: dt.date) -> Progress:
    """Who has reported, who is late, counted: one query."""
    after = end_of(of.closes) if of.closes is not None else None
    late = Q(submitted__gt=after) if after is not None else Q(pk__in=[])
    seen = Entry.objects.filter(collection=of, centre__in=Centre.objects.filter(reach.centres()))
    counted = seen.aggregate(
        centres=Count("id"),
        reported=Count("id", filter=Q(stage__gte=Stage.REPORTED)),
        reviewed=Count("id", filter=Q(stage__gte=Stage.REVIEWED)),
        verified=Count("id", filter=Q(stage__gte=Stage.VERIFIED)),
        late=Count("id", filter=late),
        overdue=Count("id", filter=Q(stage=Stage.EMPTY)),
    )
    if of.closes is None or today <= of.closes:
        counted["overdue"] = 0
    return Progress(**counted)


def end_of(day: dt.date) -> dt.datetime:
    """The last moment of a day."""
    return dt.datetime.combine(day, dt.time.max, tzinfo=clock.now().tzinfo)


def is_late(one: Entry, today: dt.date) -> bool:
    """Whether a centre's report came after the last day, or is past it and not here."""
    closes = one.collection.closes
    if closes is None:
        return False
    return one.submitted > end_of(closes) if one.submitted is not None else today > closes


# --- one centre's figures -----------------------------------------------------------------------


@dataclass(slots=True)
class Cell:
    """One value of one year as shown: None where there is none. `asks` wants a reason."""

    year: int
    figure: Figure | None
    reported: str | None
    reviewed: str | None
    verified: str | None
    asks: list[Text]


@dataclass(slots=True)
class Row:
    """One indicator that is filled in, with its years; `before` is the year before the first."""

    name: str
    indicator: Indicator
    cells: list[Cell]
    before: str | None


def rows(of: Entry) -> list[Row]:
    """A centre's table, indicator by indicator: three queries."""
    system = system_of(of.collection.system)
    years = years_of(of.collection)
    held = {(f.indicator, f.year): f for f in of.figures.all()}
    past_reports = yearly.of(of)
    asked: dict[tuple[str, int | None], list[Text]] = {}
    for problem in plausibility.asks(of, past_reports):
        asked.setdefault((problem.indicator, problem.year), []).append(problem.text)
    found = []
    for name, one in system.entered(scheme_of(of.collection).occasion).items():
        cells = [_cell(one, year, held.get((name, year)), asked.get((name, year), []))
                 for year in years]  # fmt: skip
        last = yearly.before(held, past_reports, name, years[0])
        found.append(Row(name, one, cells, written(one, last.at(Stage.VERIFIED)) if last else None))
    return found


def _cell(one: Indicator, year: int, figure: Figure | None, asks: list[Text]) -> Cell:
    if figure is None:
        return Cell(year, None, None, None, None, asks)

    def by(stage: Stage, stored: int | None) -> str | None:
        return written(one, stored) if figure.stage >= stage else None

    return Cell(
        year,
        figure,
        by(Stage.REPORTED, figure.reported),
        by(Stage.REVIEWED, figure.reviewed),
        by(Stage.VERIFIED, figure.verified),
        asks,
    )


def written(one: Indicator, stored: int | None) -> str | None:
    """A stored value as a field takes it back: a number, `yes`/`no`, or a grade's id."""
    if stored is None:
        return None
    if one.type == "yes_no":
        return "yes" if stored else "no"
    if one.type == "grade" and one.kernel is not None:
        kernel = next(iter(one.kernel.bands.values())) if one.kernel.bands else one.kernel
        return list(kernel.graded or {})[stored]
    return shown_value(one, stored)


def history(figure: Figure) -> list[FigureChange]:
    """Every change of one value, the latest first."""
    return list(figure.changes.select_related("by").order_by("-id"))


def open_points(of: Entry) -> list[Problem]:
    """What must be filled in or explained before the table can be reported in."""
    return [*plausibility.gaps(of), *plausibility.asks(of)]


@dataclass(slots=True)
class GridRow:
    """One centre in a summary table: values in the order of its columns, as shown."""

    entry: Entry
    values: list[str | None]


def grid(
    reach: Reach, of: Collection, year: int, stage: int = Stage.VERIFIED
) -> tuple[list[Indicator], Iterator[GridRow]]:
    """Centres × indicators of a year, as a hand has them: two queries, whatever the number."""
    entered = system_of(of.system).entered(scheme_of(of).occasion)
    listed = list(entries(reach, of))
    held: dict[int, dict[str, Figure]] = {}
    for figure in Figure.objects.filter(entry__in=[one.pk for one in listed], year=year):
        held.setdefault(figure.entry_id, {})[figure.indicator] = figure

    def lines() -> Iterator[GridRow]:
        for one in listed:
            own = held.get(one.pk, {})
            values = [
                written(indicator, own[name].at(stage)) if name in own else None
                for name, indicator in entered.items()
            ]
            yield GridRow(one, values)

    return list(entered.values()), lines()


# --- runs ---------------------------------------------------------------------------------------


def runs(of: Collection) -> list[Run]:
    """A collection's runs, the latest first, without their columns."""
    return list(of.runs.defer("table", "scores").select_related("by").order_by("-number"))


def run_of(of: Collection, number: int) -> Run:
    """One run. Raises NotOnFile."""
    found = of.runs.defer("table", "scores").filter(number=number).first()
    if found is None:
        raise NotOnFile(f"没有第 {number} 次计分", f"no run {number}")
    found.collection = of
    return found


@dataclass(slots=True)
class Standing:
    """A centre in a run."""

    centre: str
    name: Text
    score: Decimal | None
    rank: int | None
    grade: str | None
    groups: dict[str, Decimal]
    fails: list[str]


def standings(reach: Reach, of: Run) -> list[Standing]:
    """The centres of a run that the person may see, by rank, those without one last: one query."""
    scores = tables.scores_of(of)
    seen = Centre.objects.filter(reach.centres(), book=of.collection.book_id)
    names = {
        pk: Text(zh or pk, en or zh or pk)
        for pk, zh, en in seen.values_list("id", "title_zh", "title_en")
    }
    found = [
        Standing(
            centre,
            names[centre],
            scores.score(at),
            int(scores.rank[at]) or None,
            scores.grade_of(at),
            {name: scores.group(name, at) for name in scores.groups},
            scores.failing(at),
        )
        for at, centre in enumerate(scores.centres)
        if centre in names
    ]
    return sorted(found, key=lambda one: (one.rank is None, one.rank or 0, one.centre))


def explanation(reach: Reach, of: Run, centre: str, indicator: str) -> Explained:
    """One figure of a run, explained. Raises NotOnFile."""
    _seen(reach, of, centre)
    try:
        return explain(tables.scores_of(of), centre, indicator)
    except KeyError:
        raise NotOnFile("这次计分没有该中心或该指标", "not in this run") from None


def explained(reach: Reach, of: Run, centre: str) -> list[Explained]:
    """The whole explanation sheet of a centre in a run. Raises NotOnFile."""
    _seen(reach, of, centre)
    try:
        return sheet(tables.scores_of(of), centre)
    except KeyError:
        raise NotOnFile("这次计分没有该中心", "not in this run") from None


def origins_of(reach: Reach, of: Run, centre: str) -> dict[str, Text]:
    """How each of a centre's figures in a run came about, by indicator: one query, and that of the
    right to see it. Raises NotOnFile."""
    _seen(reach, of, centre)
    made = unpack_table(bytes(of.table))
    if centre not in made.centres:
        raise NotOnFile("这次计分没有该中心", "not in this run")
    return origins(system_of(of.collection.system), made, centre)


def why_not_better(of: Run, centre: str) -> list[Text]:
    """Why a centre did not get the grades whose score it reaches in a run, in sentences."""
    programme = programme_of(str(of.collection.book_id))
    return reasons(tables.scores_of(of), centre, lambda g: wording.grade(programme, g))


def _seen(reach: Reach, of: Run, centre: str) -> None:
    seen = Centre.objects.filter(reach.centres(), pk=centre, book=of.collection.book_id)
    if not seen.exists():
        raise NotOnFile("没有这个中心，或您无权查看", "no such centre, or not for you to see")


def compared(before: Run, after: Run) -> list[Move]:
    """Who moves from one run to another."""
    return moves(tables.scores_of(before), tables.scores_of(after))


def spread_of(of: Run) -> Spread | None:
    """How a run's scores spread."""
    return spread(tables.scores_of(of))


def outlying(of: Run) -> list[Outlier]:
    """Figures far outside those of the other centres."""
    return outliers(tables.scores_of(of))


@dataclass(slots=True)
class Provisional:
    """A centre's own score from what is entered so far: as a run over the same values would give
    it, with nothing for what is missing. `total` None: the system has no total."""

    lines: list[Explained]
    total: Decimal | None
    groups: dict[str, Decimal]
    fails: list[str]
    origins: dict[str, Text]


def provisional(of: Entry, stage: int = Stage.REPORTED) -> Provisional:
    """A centre's own provisional score with the sheet that explains it; nothing is kept."""
    from banfa.rules.scoring import score

    made = tables.table_of_entry(of, stage)
    scores = score(scheme_of(of.collection), None, made)
    at = scores.at(of.centre_id)
    groups = {name: scores.group(name, at) for name in scores.groups}
    return Provisional(
        sheet(scores, of.centre_id), scores.so_far(at), groups, scores.failing(at),
        origins(system_of(of.collection.system), made, of.centre_id),
    )  # fmt: skip


# --- what waits ---------------------------------------------------------------------------------


def todos(user: User, reach: Reach, today: dt.date) -> list[Todo]:
    """The tables whose next step waits for the person: one query, and those of rights."""
    if not any(reach.scopes(one, thing) for one in reach.held for thing in rights.HANDS.values()):
        return []
    waiting = Entry.objects.filter(
        stage__lt=Stage.VERIFIED,
        collection__opens__lte=today,
        centre__in=Centre.objects.filter(reach.centres()),
    ).select_related("collection__system", "centre")
    found = []
    for one in waiting.order_by("collection__closes", "pk")[:500]:
        step = next_step(one)
        if step is not None and rights.may_enter(reach, one.collection, one.centre, step):
            found.append(_todo(one, step))
    return found


def next_step(of: Entry) -> Stage | None:
    """The step a table waits for, among those its system has; None: all are done."""
    return next((step for step in rights.steps(of.collection) if step > of.stage), None)


STEPS = {
    Stage.REPORTED: Text("填报数据", "Report figures"),
    Stage.REVIEWED: Text("审核数据", "Review figures"),
    Stage.VERIFIED: Text("核定数据", "Verify figures"),
}


def _todo(one: Entry, step: Stage) -> Todo:
    of = one.collection
    name = Text(of.name_zh, of.name_en or of.name_zh)
    centre = one.centre
    title = centre.title_zh or centre.id
    since = {Stage.REPORTED: None, Stage.REVIEWED: one.submitted, Stage.VERIFIED: one.reviewed}
    begun = since[step]
    return Todo(
        kind="figures",
        title=STEPS[step] + Text("：", ": ") + name,
        link=link(one),
        centre=centre.id,
        centre_name=Text(title, centre.title_en or title),
        programme=str(of.book_id),
        since=begun.astimezone(clock.SHANGHAI).date() if begun is not None else of.opens,
        due=of.closes if step == Stage.REPORTED else None,
        note=words(system_of(of.system).sample),
    )


def link(one: Entry) -> str:
    """The address of a centre's table."""
    return f"/figures/{one.collection_id}/{one.centre_id}/"


__all__ = ["Kind", "collections", "entries", "rows", "runs", "standings", "todos"]
