"""Figures of many centres side by side: by place, field and year, added up exactly.

Only what can be added is added: amounts and counts, never shares, grades or figures per head. Sums
are worked out by the database in whole numbers of the last declared place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    DecimalField,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    When,
)
from django.db.models import Sum as Total
from django.db.models.functions import Cast, Least

from banfa.office.evaluations.models import Collection, Entry, Figure, Kind, Stage
from banfa.office.evaluations.systems import fields_of, system_of
from banfa.office.ledger.models import Centre
from banfa.rules.exact import round_to, written
from banfa.rules.system import Indicator
from banfa.rules.units import unit

BEST = Case(
    When(hand=Stage.VERIFIED, then=F("verified")),
    When(hand=Stage.REVIEWED, then=F("reviewed")),
    When(hand=Stage.REPORTED, then=F("reported")),
    output_field=BigIntegerField(),
)
"""A value as the last hand that finished its step left it (`hand`); drafts count for nothing."""


def additive(one: Indicator) -> bool:
    """Whether figures of several centres may be added: amounts and counts in a plain unit."""
    if one.type != "number" or one.unit in (None, "%", "1", "分"):
        return False
    return "/" not in (one.unit or "") and not unit(one.unit or "1").measures_like(unit("1"))


def numbers(collection: Collection) -> dict[str, Indicator]:
    """The indicators of a collection that are numbers."""
    fields = fields_of(collection, Stage.REVIEWED)
    return {name: one for name, one in fields.items() if one.type == "number"}


@dataclass(slots=True)
class Cell:
    """Values of one indicator put together: how many, their sum (if they may be added), mean and
    extremes, as written in the indicator's unit."""

    count: int
    total: str | None
    mean: str
    least: str
    most: str
    whole: int = 0


def _cell(one: Indicator, count: int, total: Any, least: int, most: int) -> Cell:
    whole = int(total)
    places = max(one.places, 1)
    mean = round_to(Fraction(whole, count * 10**one.places), places, "half_up")
    return Cell(
        count,
        written(whole, one.places) if additive(one) else None,
        written(mean, places),
        written(least, one.places),
        written(most, one.places),
        whole,
    )


@dataclass(slots=True)
class Group:
    """A place, a field or a year with its figures: indicator → values put together."""

    key: str
    cells: dict[str, Cell] = field(default_factory=dict)


def figures(seen: Q, collections: Sequence[Collection]) -> QuerySet[Figure]:
    """The figures of these yearly collections of the centres that `seen` allows, as `best`.

    Only tables that are reported in count, each as the last step that was finished has it.
    """
    found = Figure.objects.filter(
        entry__collection__in=collections,
        entry__centre__in=Centre.objects.filter(seen),
        entry__stage__gte=Stage.REPORTED,
        year=F("entry__collection__year"),
    )
    found = found.annotate(hand=Least(F("stage"), F("entry__stage")))
    return found.annotate(best=BEST).filter(best__isnull=False)


def annual(programme: str) -> list[Collection]:
    """A programme's yearly collections, the latest year first: one query."""
    found = Collection.objects.filter(book=programme, kind=Kind.ANNUAL).select_related("system")
    return list(found.order_by("-year"))


def grouped(
    seen: Q, collection: Collection, by: str, within: Mapping[str, tuple[str, ...]] | None = None
) -> list[Group]:
    """A year's figures by `field` or `place`, and of all (key `*`, the last): one query.

    `within` gives each place's code the names that lie in it; a centre of several places counts in
    each, and once in all.
    """
    path = {"field": "entry__centre__subject", "place": "entry__centre__places"}[by]
    one_by_one = (
        figures(seen, [collection])
        .order_by()
        .values_list("indicator", path)
        .annotate(n=Count("pk"), sum=_sum(), least=Min("best"), most=Max("best"))
    )
    of_name = {name: code for code, names in (within or {}).items() for name in names}
    tallies: dict[str, dict[str, _Tally]] = {}
    for indicator, given, n, total, least, most in one_by_one:
        keys = {given or ""} if by == "field" else {of_name.get(x, "") for x in given} or {""}
        for key in (*keys, "*"):
            tally = tallies.setdefault(key, {}).setdefault(indicator, _Tally())
            tally.add(n, int(total), least, most)
    order = sorted(tallies, key=lambda key: (key == "*", key == "", key))
    known = numbers(collection)
    return [Group(key, _cells(known, tallies[key])) for key in order]


def over_years(seen: Q, programme: str) -> tuple[dict[str, Indicator], list[Group]]:
    """All centres' figures year by year, the earliest first, and the indicators met: two queries.

    Indicators of one name are compared where they are in the same unit and places as in the latest
    year; others are left out of the earlier years.
    """
    collections = annual(programme)
    if not collections:
        return {}, []
    known = numbers(collections[0])
    rows = (
        figures(seen, collections)
        .order_by()
        .values_list("entry__collection", "indicator")
        .annotate(n=Count("pk"), sum=_sum(), least=Min("best"), most=Max("best"))
    )
    by_pk = {one.pk: one for one in collections}
    found: dict[int, dict[str, _Tally]] = {one.year: {} for one in reversed(collections)}
    for pk, indicator, n, total, least, most in rows:
        if same_measure(by_pk[pk], indicator, known.get(indicator)):
            tally = found[by_pk[pk].year].setdefault(indicator, _Tally())
            tally.add(n, int(total), least, most)
    return known, [Group(str(year), _cells(known, held)) for year, held in found.items()]


def same_measure(collection: Collection, name: str, one: Indicator | None) -> bool:
    """Whether an indicator of a collection is in the unit and places of another of that name."""
    own = system_of(collection.system).indicators.get(name)
    return one is not None and own is not None and (own.unit, own.places) == (one.unit, one.places)


def _sum() -> Any:
    return Total(Cast("best", DecimalField(max_digits=38, decimal_places=0)))


@dataclass(slots=True)
class _Tally:
    count: int = 0
    total: int = 0
    least: int | None = None
    most: int | None = None

    def add(self, count: int, total: int, least: int, most: int) -> None:
        self.count += count
        self.total += total
        self.least = least if self.least is None else min(self.least, least)
        self.most = most if self.most is None else max(self.most, most)


def _cells(known: dict[str, Indicator], tallies: dict[str, _Tally]) -> dict[str, Cell]:
    return {
        name: _cell(one, tally.count, tally.total, tally.least or 0, tally.most or 0)
        for name, one in known.items()
        if (tally := tallies.get(name)) is not None and tally.count
    }


@dataclass(slots=True)
class Series:
    """A centre's values of one indicator over years, as written; `change` is how much, in per cent
    with one place, the last differs from the one before (None: there are not two)."""

    centre: Centre
    years: list[int]
    values: list[str | None]
    change: str | None

    @property
    def labelled(self) -> list[tuple[int, str | None]]:
        """The values with their years."""
        return list(zip(self.years, self.values, strict=True))


def series(
    entries_of: QuerySet[Centre], collections: Sequence[Collection], name: str, one: Indicator
) -> list[Series]:
    """The values of an indicator for these centres (a page of them), year by year as the
    collections stand: two queries."""
    chosen = list(entries_of)
    held: dict[tuple[str, int], int] = {}
    rows = figures(Q(pk__in=[c.pk for c in chosen]), collections).filter(indicator=name)
    by_pk = {c.pk: c for c in collections}
    for centre, pk, value in rows.values_list("entry__centre", "entry__collection", "best"):
        if same_measure(by_pk[pk], name, one):
            held[centre, by_pk[pk].year] = value
    made = []
    for centre in chosen:
        given = [held.get((centre.pk, c.year)) for c in collections]
        texts = [written(v, one.places) if v is not None else None for v in given]
        made.append(Series(centre, [c.year for c in collections], texts, _change(given)))
    return made


def _change(given: Sequence[int | None]) -> str | None:
    if len(given) < 2 or given[-1] is None or not given[-2]:
        return None
    moved = Fraction(given[-1] - given[-2], abs(given[-2])) * 100
    return written(round_to(moved, 1, "half_up"), 1)


def coverage(seen: Q, collections: Sequence[Collection]) -> dict[int, tuple[int, int]]:
    """How many tables of each collection (by number) are reported in and count, of how many: one
    query."""
    rows = Entry.objects.filter(
        collection__in=collections, centre__in=Centre.objects.filter(seen)
    ).order_by()
    done = Count("pk", filter=Q(stage__gte=Stage.REPORTED))
    counted = rows.values_list("collection").annotate(done=done, all=Count("pk"))
    return {pk: (done, of) for pk, done, of in counted}


def reported(seen: Q, collection: Collection) -> dict[int, int]:
    """How many centres of a collection stand at each step: one query."""
    rows = Entry.objects.filter(collection=collection, centre__in=Centre.objects.filter(seen))
    return dict(rows.order_by().values_list("stage").annotate(n=Count("pk")))
