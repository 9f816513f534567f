"""Questions about a round: its settings, results beside what was computed, disputes, what is
published. Nothing here writes; lists hold what `reach` may see.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from banfa.office import clock
from banfa.office.evaluations import rights, rounds, tables
from banfa.office.evaluations.errors import NotOnFile
from banfa.office.evaluations.models import (
    Collection,
    Deviation,
    Dispute,
    Entry,
    Figure,
    FigureChange,
    Kind,
    Objection,
    Publication,
    Run,
    Stage,
    SystemVersion,
)
from banfa.office.evaluations.rounds import Round
from banfa.office.evaluations.systems import system_of
from banfa.office.ledger import coding
from banfa.office.ledger.models import Centre, Matter
from banfa.office.people.access import Reach
from banfa.office.people.models import User
from banfa.office.todo import Todo
from banfa.rules.score_words import value_in_words
from banfa.rules.scoring import Scores
from banfa.rules.system import Indicator
from banfa.rules.words import Text, words

# --- settings ------------------------------------------------------------------------------------


def allows_provisional(of: Collection) -> bool:
    """Whether centres may see their own provisional score: as the authority set it last."""
    latest = of.round_settings.order_by("-id").first()
    return latest is not None and latest.provisional


def adopted(of: Collection | None) -> Run | None:
    """The run by which a round's results are proposed; None before one is adopted. One query."""
    if of is None:
        return None
    latest = of.adoptions.select_related("run").defer("run__table", "run__scores")
    found = latest.order_by("-id").first()
    if found is None:
        return None
    found.run.collection = of
    return found.run


def sees_scores(reach: Reach, of: Round) -> bool:
    """Whether the person looks at runs: those who organise the round, and those who verify."""
    programme = of.programme.programme
    if rounds.administers(reach, programme):
        return True
    if of.collection is None:
        return False
    parties = system_of(of.collection.system).verified_by
    return any(rights.holding(reach, rights.HANDS[Stage.VERIFIED], programme, parties))


def may_preview(reach: Reach, entry: Entry) -> bool:
    """Whether the person sees a centre's provisional score: those who report its figures, where
    the authority allows it, and those who organise the round."""
    programme = str(entry.collection.book_id)
    if rounds.administers(reach, programme):
        return True
    reports = rights.may_enter(reach, entry.collection, entry.centre, Stage.REPORTED)
    return reports and allows_provisional(entry.collection)


# --- results -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Computed:
    """What a run gave a centre."""

    score: Decimal | None
    rank: int | None
    grade: str | None
    blocked: bool = False


@dataclass(slots=True)
class Result:
    """One centre of a round: computed, decided, and what it had before.

    `decided` and `last` are grades as on file; `decided_on` the act's day. `deviation` says why the
    decided grade is another than the one computed.
    """

    matter: Matter
    name: Text
    computed: Computed | None
    decided: str | None
    decided_on: dt.date | None
    last: str | None
    last_on: dt.date | None
    last_score: Decimal | None
    deviation: Deviation | None


def computed_for(run: Run | None, centre: str) -> Computed | None:
    """What a run gave a centre; None where it was not in it."""
    return _computed(tables.scores_of(run), centre) if run is not None else None


def _computed(scores: Scores, centre: str) -> Computed | None:
    try:
        at = scores.at(centre)
    except KeyError:
        return None
    rank = int(scores.rank[at]) or None
    return Computed(scores.score(at), rank, scores.grade_of(at), bool(scores.blocked[at]))


def results(of: Round, matters: Sequence[Matter], run: Run | None) -> list[Result]:
    """These centres of a round with their results: two queries, and those of stored runs."""
    earlier = last_run(of)
    before = tables.scores_of(earlier) if earlier is not None else None
    centres = [m.centre_id for m in matters]
    why: dict[tuple[str, str], Deviation] = {}
    for one in Deviation.objects.filter(centre__in=centres).order_by("id"):
        why[one.centre_id, one.case] = one
    return [_result(m, run, before, why.get((m.centre_id, m.key))) for m in matters]


def _result(
    matter: Matter, run: Run | None, before: Scores | None, why: Deviation | None
) -> Result:
    centre = matter.centre
    held = coding.decode(centre.summary).get("results", [])
    own = next((n for n, r in enumerate(held) if str(r["round"]) == matter.subject), len(held))
    decided = held[own] if own < len(held) and matter.closed else None
    last = held[own - 1] if own else None
    past = _computed(before, centre.id) if before is not None else None
    title = centre.title_zh or centre.id
    return Result(
        matter,
        Text(title, centre.title_en or title),
        computed_for(run, centre.id),
        str(decided["grade"]) if decided else None,
        decided["on"] if decided else None,
        str(last["grade"]) if last else None,
        last["on"] if last else None,
        past.score if past is not None else None,
        why,
    )


def last_run(of: Round) -> Run | None:
    """What the results of the round before were proposed by, else its last run in earnest."""
    if of.collection is None:
        return None
    own = of.collection
    earlier = (
        Collection.objects.filter(book=of.programme.programme, kind=Kind.ROUND)
        .filter(Q(year__lt=own.year) | Q(year=own.year, pk__lt=own.pk))
        .filter(pk__in=Run.objects.filter(dry=False).values("collection"))
        .select_related("system")
        .order_by("-year", "-pk")
        .first()
    )
    if earlier is None:
        return None
    found = adopted(earlier)
    if found is None:
        runs = earlier.runs.defer("table", "scores").filter(dry=False)
        found = runs.order_by("-number").first()
        if found is not None:
            found.collection = earlier
    return found


def decided(reach: Reach, of: Round) -> dict[str, str]:
    """The grades decided in a round so far, by centre: one query."""
    made = {}
    for matter in rounds.called(reach, of).filter(closed=True):
        held = coding.decode(matter.centre.summary).get("results", [])
        own = [r for r in held if str(r["round"]) == matter.subject]
        if own:
            made[matter.centre_id] = str(own[-1]["grade"])
    return made


# --- values as each hand has them ----------------------------------------------------------------


def entries(reach: Reach, of: Collection, state: str = "") -> QuerySet[Entry]:
    """The tables of a round's centres, with how many values a later hand changed and how many
    disputes are open. `state`: `disputed`, or the number of the stage they have come to."""
    moved = Q(figures__stage=Stage.REVIEWED) & ~Q(figures__reviewed=F("figures__reported"))
    moved |= Q(figures__stage=Stage.VERIFIED) & ~Q(figures__verified=F("figures__reported"))
    open_ = Dispute.objects.filter(figure__entry=OuterRef("pk"), answered=None)
    found = (
        Entry.objects.filter(collection=of, centre__in=Centre.objects.filter(reach.centres()))
        .select_related("centre")
        .annotate(
            filled=Count("figures", filter=Q(figures__stage__gt=0)),
            changed=Count("figures", filter=moved),
            disputed=Exists(open_),
        )
        .order_by("centre__sort_key", "centre_id")
    )
    if state == "disputed":
        return found.filter(disputed=True)
    return found.filter(stage=int(state)) if state in {str(int(s)) for s in Stage} else found


def classes_before(version: SystemVersion, centres: Sequence[str]) -> dict[str, dict[str, str]]:
    """The classes that these centres had when figures were last collected by the same system (in
    whatever edition), as far as this edition knows them: one query."""
    sets = system_of(version).bands
    if not sets:
        return {}
    earlier = Entry.objects.filter(
        centre__in=centres,
        collection__book=version.programme,
        collection__system__system=version.system,
    )
    found: dict[str, dict[str, str]] = {}
    for centre, held in earlier.order_by("pk").values_list("centre", "classes"):
        known = {n: c for n, c in held.items() if n in sets and c in sets[n].classes}
        found.setdefault(centre, {}).update(known)
    return found


@dataclass(slots=True)
class Line:
    """One value of one year as the three hands have it, in words; None where there is none."""

    figure: Figure
    indicator: Indicator
    reported: Text | None
    reviewed: Text | None
    verified: Text | None
    changes: list[FigureChange]
    disputes: list[Dispute]

    @property
    def moved(self) -> bool:
        """Whether a later hand has found another value."""
        held = [self.reported, self.reviewed, self.verified][: self.figure.stage]
        return len(set(held)) > 1

    @property
    def open_dispute(self) -> bool:
        """Whether a dispute waits for its answer."""
        return any(d.answered is None for d in self.disputes)


def lines(of: Entry) -> list[Line]:
    """A centre's values by hand, with every change and dispute: three queries."""
    system = system_of(of.collection.system)
    figures = list(of.figures.all())
    changes: dict[int, list[FigureChange]] = {}
    for one in FigureChange.objects.filter(figure__entry=of).select_related("by").order_by("id"):
        changes.setdefault(one.figure_id, []).append(one)
    disputes: dict[int, list[Dispute]] = {}
    held = Dispute.objects.filter(figure__entry=of).select_related("by", "answered_by")
    for found in held.order_by("id"):
        disputes.setdefault(found.figure_id, []).append(found)
    order = {name: n for n, name in enumerate(system.indicators)}
    figures.sort(key=lambda f: (order.get(f.indicator, 0), f.year))
    return [
        _line(system.indicators[f.indicator], f, changes.get(f.pk, []), disputes.get(f.pk, []))
        for f in figures
        if f.indicator in system.indicators
    ]


def _line(
    one: Indicator, figure: Figure, changes: list[FigureChange], disputes: list[Dispute]
) -> Line:
    held = [
        value_in_words(one, value) if figure.stage >= stage and value is not None else None
        for stage, value in (
            (Stage.REPORTED, figure.reported),
            (Stage.REVIEWED, figure.reviewed),
            (Stage.VERIFIED, figure.verified),
        )
    ]
    return Line(figure, one, held[0], held[1], held[2], changes, disputes)


def dispute_of(entry: Entry, pk: int) -> Dispute:
    """A dispute about one of a centre's values. Raises NotOnFile."""
    found = Dispute.objects.filter(figure__entry=entry, pk=pk).first()
    if found is None:
        raise NotOnFile("没有这项异议", "no such dispute")
    found.figure.entry = entry
    return found


# --- what is published ---------------------------------------------------------------------------


def publications(reach: Reach, of: Round) -> list[Publication]:
    """How a round's results were made known, the latest first: one query."""
    found = Publication.objects.filter(book=of.programme.programme, round=of.number)
    return list(found.select_related("by").order_by("-on", "-id"))


def publication(of: Round, pk: int) -> Publication:
    """One of them. Raises NotOnFile."""
    found = Publication.objects.filter(book=of.programme.programme, round=of.number, pk=pk).first()
    if found is None:
        raise NotOnFile("没有这次公布", "no such publication")
    return found


def shown_in(reach: Reach, of: Publication) -> list[tuple[Centre, str]]:
    """The results as published: all where they are public, else those of centres that the person
    may see. By name."""
    seen = Centre.objects.filter(pk__in=list(of.results))
    if not of.public:
        seen = seen.filter(reach.centres())
    return [(c, of.results[c.pk]) for c in seen.order_by("sort_key", "id")]


def objections(reach: Reach, of: Round) -> QuerySet[Objection]:
    """The objections to a round's results about centres that the person may see."""
    return (
        Objection.objects.filter(
            publication__book=of.programme.programme,
            publication__round=of.number,
            centre__in=Centre.objects.filter(reach.centres()),
        )
        .select_related("centre", "publication", "by", "answered_by")
        .order_by("-id")
    )


# --- what waits ----------------------------------------------------------------------------------


def todos(user: User, reach: Reach, today: dt.date) -> list[Todo]:
    """Disputes and objections that wait for the person's answer: two queries at most."""
    return [*_disputes(reach, today), *_objections(reach, today)]


def _disputes(reach: Reach, today: dt.date) -> Iterable[Todo]:
    things = (*rights.HANDS.values(), rights.RUN)
    if not any(reach.scopes(one, thing) for one in reach.held for thing in things):
        return
    waiting = Dispute.objects.filter(
        answered=None, figure__entry__centre__in=Centre.objects.filter(reach.centres())
    ).select_related("figure__entry__collection__system", "figure__entry__centre")
    from banfa.office.evaluations.round_verbs import may_answer

    for one in waiting.order_by("at")[:200]:
        entry = one.figure.entry
        if entry.collection.round is None or not may_answer(reach, entry):
            continue
        name = words(system_of(entry.collection.system).indicators[one.figure.indicator].name)
        yield _todo(
            "dispute", Text("答复数据异议：", "Answer a dispute: ") + name, entry.centre,
            str(entry.collection.book_id), one.at, rounds.link_of_entry(entry), today,
        )  # fmt: skip


def _objections(reach: Reach, today: dt.date) -> Iterable[Todo]:
    from banfa.office.evaluations.round_verbs import ANSWER

    if not any(reach.scopes(one, ANSWER) for one in reach.held):
        return
    seen = Centre.objects.filter(reach.centres(ANSWER))
    waiting = Objection.objects.filter(answered=None, centre__in=seen)
    for one in waiting.select_related("publication", "centre").order_by("id")[:200]:
        programme = str(one.publication.book_id)
        link = rounds.link_of_results(programme, one.publication.round)
        title = Text("答复结果异议", "Answer an objection")
        yield _todo("objection", title, one.centre, programme, one.at, link, today)


def _todo(
    kind: str, title: Text, centre: Centre, programme: str, at: dt.datetime, link: str, on: dt.date
) -> Todo:
    name = centre.title_zh or centre.id
    return Todo(
        kind=kind,
        title=title,
        link=link,
        centre=centre.id,
        centre_name=Text(name, centre.title_en or name),
        programme=programme,
        since=at.astimezone(clock.SHANGHAI).date(),
        due=None,
    )
