"""What yearly reports have of a centre's figures, as another table sets them beside its own.

The page, the template and what plausibility asks all read it here, so that they never disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from banfa.office.evaluations.models import Collection, Entry, Figure, Kind, Stage
from banfa.office.evaluations.systems import system_of, years_of
from banfa.rules.system import Indicator

Held = Mapping[tuple[str, int], Figure]
"""Values by indicator and year."""


def of(entry: Entry) -> dict[tuple[str, int], Figure]:
    """What one centre's yearly reports have for a table: two queries at most."""
    return of_many(entry.collection, [entry.centre_id]).get(entry.centre_id, {})


def of_many(
    collection: Collection, centres: Iterable[str]
) -> dict[str, dict[tuple[str, int], Figure]]:
    """What the yearly reports of these centres have for a collection's years and the year before.

    Only tables that are reported in count, and each value as the last finished step has it (its
    `stage` says which). An indicator counts by its name, if it is measured alike in both. Two
    queries at most, whatever the number.
    """
    years = years_of(collection)
    known = system_of(collection.system).indicators
    tables = {
        one.pk: one
        for one in Collection.objects.filter(
            book=collection.book_id, kind=Kind.ANNUAL, year__in=[years[0] - 1, *years]
        )
        .exclude(pk=collection.pk)
        .select_related("system")
    }
    found: dict[str, dict[tuple[str, int], Figure]] = {}
    if not tables:
        return found
    rows = Figure.objects.filter(
        entry__collection__in=list(tables),
        entry__centre__in=list(centres),
        entry__stage__gte=Stage.REPORTED,
        stage__gte=Stage.REPORTED,
    ).select_related("entry")
    for figure in rows.iterator(5_000):
        table = tables[figure.entry.collection_id]
        own = system_of(table.system).indicators.get(figure.indicator)
        if figure.year != table.year or not alike(own, known.get(figure.indicator)):
            continue
        figure.entry.collection = table
        figure.stage = min(figure.stage, figure.entry.stage)  # a draft of the next hand is none
        found.setdefault(figure.entry.centre_id, {})[figure.indicator, figure.year] = figure
    return found


def alike(one: Indicator | None, other: Indicator | None) -> bool:
    """Whether two indicators are measured alike: their stored values can be compared."""
    if one is None or other is None:
        return False
    return (one.type, one.unit, one.places) == (other.type, other.unit, other.places)


def before(held: Held, yearly: Held, name: str, year: int) -> Figure | None:
    """The value of the year before: the table's own, else the yearly report's; None: none."""
    own = held.get((name, year - 1))
    if own is not None and own.at(Stage.VERIFIED) is not None:
        return own
    return yearly.get((name, year - 1)) or own
