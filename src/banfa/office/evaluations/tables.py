"""From rows of the database to tables of the engine, and back to stored runs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

import numpy as np
from django.db.models import QuerySet

from banfa.office.evaluations.models import Collection, Entry, Figure, Run, Stage
from banfa.office.evaluations.systems import (
    scheme_of,
    system_of,
    thresholds_from,
    years_of,
)
from banfa.rules.figures import Table
from banfa.rules.score_store import unpack, unpack_table
from banfa.rules.scoring import Scheme, Scores, run
from banfa.rules.system import Thresholds


def thresholds(text: str) -> Thresholds | None:
    """Thresholds on file, from their text."""
    return thresholds_from(text)


Told = Callable[[int, int], None]
"""Hears how much of how much is done; what it raises ends the work."""


def table_of(collection: Collection, stage: int, told: Told | None = None) -> Table:
    """The figures of a collection as a hand has them, for the engine: two queries.

    Only what that hand, or the hands before it, have finished or entered counts; `VERIFIED` takes
    verified values alone. `told` hears how many of how many figures are read.
    """
    return _table(collection, stage, collection.entries.order_by("centre_id"), told)


def table_of_entry(entry: Entry, stage: int) -> Table:
    """The same of one centre alone."""
    chosen = Entry.objects.filter(pk=entry.pk)
    return _table(entry.collection, stage, chosen)


def _table(
    collection: Collection, stage: int, chosen: QuerySet[Entry], told: Told | None = None
) -> Table:
    system, years = system_of(collection.system), years_of(collection)
    entries = list(chosen.values("id", "centre_id", "classes"))
    base = [name for name, one in system.indicators.items() if one.derived is None]
    at = {row["id"]: i for i, row in enumerate(entries)}
    column, row_of = {name: i for i, name in enumerate(base)}, {y: i for i, y in enumerate(years)}
    shape = (len(base), len(years), len(entries))
    values, present = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    figures = Figure.objects.filter(entry__in=chosen.order_by())
    if stage == Stage.VERIFIED and system.verified_by:
        figures = figures.filter(stage=Stage.VERIFIED)
    rows = figures.values_list(
        "entry_id", "indicator", "year", "stage", "reported", "reviewed", "verified"
    )
    total = figures.count() if told is not None else 0
    for number, (entry, name, year, held, *given) in enumerate(rows.iterator(20_000)):
        if told is not None and number % 2_000 == 0:
            told(number, total)
        value = given[min(stage, held) - 1] if held else None
        if value is not None and name in column and year in row_of:
            values[column[name], row_of[year], at[entry]] = value
            present[column[name], row_of[year], at[entry]] = True
    classes = {}
    for name, bands in system.bands.items():
        known = {one: i for i, one in enumerate(bands.classes)}
        found = [known.get(row["classes"].get(name, ""), -1) for row in entries]
        classes[name] = np.array(found, np.intp)
    return Table(
        [row["centre_id"] for row in entries],
        years,
        {name: values[i] for name, i in column.items()},
        {name: present[i] for name, i in column.items()},
        classes,
    )


def scheme_of_run(stored: Run) -> Scheme:
    """The scheme a run was made by, with the other weights of a dry run."""
    scheme = scheme_of(stored.collection)
    if not stored.weights:
        return scheme
    weights = {name: Decimal(weight) for name, weight in stored.weights.items()}
    return Scheme(scheme.system, scheme.occasion, weights)


@lru_cache(maxsize=8)
def _scores(pk: int, digest: str) -> Scores:
    stored = Run.objects.select_related("collection__system").get(pk=pk)
    return unpack(scheme_of_run(stored), thresholds(stored.thresholds), bytes(stored.scores))


def scores_of(stored: Run) -> Scores:
    """What a run gave, as it was kept; the last few are held in memory."""
    return _scores(stored.pk, stored.result_digest)


def repeated(stored: Run) -> bool:
    """Scores the values that a run keeps once more: whether every digit is the same."""
    made = unpack_table(bytes(stored.table))
    again = run(scheme_of_run(stored), thresholds(stored.thresholds), made)
    return (again.table_digest, again.digest()) == (stored.table_digest, stored.result_digest)
