"""Scored tables beside one another: who moves, how scores spread, which figures lie far out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from banfa.rules.scoring import THERE, Scores
from banfa.rules.system import Thresholds


@dataclass(slots=True, frozen=True)
class Move:
    """One centre in two runs; None where it was not in one, or had no score, rank or grade."""

    centre: str
    score: tuple[Decimal | None, Decimal | None]
    rank: tuple[int | None, int | None]
    grade: tuple[str | None, str | None]


def moves(before: Scores, after: Scores, *, everybody: bool = False) -> list[Move]:
    """Who moves from one run to another: in score, rank or grade; with `everybody` also who stays.

    In the order of the later run's ranks, centres without a rank last.
    """
    names = list(dict.fromkeys([*after.centres, *before.centres]))
    found = []
    for name in names:
        sides = [_side(scores, name) for scores in (before, after)]
        pairs = tuple(zip(*sides, strict=True))
        if everybody or any(a != b for a, b in pairs):
            found.append(Move(name, *pairs))
    return sorted(found, key=lambda move: (move.rank[1] is None, move.rank[1] or 0, move.centre))


def _side(scores: Scores, name: str) -> tuple[Decimal | None, int | None, str | None]:
    try:
        at = scores.at(name)
    except KeyError:
        return None, None, None
    return scores.score(at), int(scores.rank[at]) or None, scores.grade_of(at)


def with_thresholds(
    thresholds: Thresholds, begins: Mapping[str, Decimal], quotas: Mapping[str, int] | None = None
) -> Thresholds:
    """The thresholds as they would be where these grades began elsewhere, or had other quotas."""
    grades = []
    for grade in thresholds.grades:
        update: dict[str, object] = {}
        if grade.grade in begins:
            update["from_"] = begins[grade.grade]
        if quotas and grade.grade in quotas and grade.quota is not None:
            size = {"number": quotas[grade.grade], "share": None}
            update["quota"] = grade.quota.model_copy(update=size)
        grades.append(grade.model_copy(update=update))
    return thresholds.model_copy(update={"grades": grades})


@dataclass(slots=True, frozen=True)
class Spread:
    """How totals spread. The median of an even number is the mean of the two in the middle;
    quartiles lie on the straight line between the two scores next to them (as QUARTILE.INC of
    spreadsheets), rounded as scores are."""

    number: int
    blocked: int
    lowest: Decimal
    quartile: Decimal
    median: Decimal
    upper: Decimal
    highest: Decimal
    mean: Decimal
    grades: dict[str, int]


def spread(scores: Scores) -> Spread | None:
    """The spread of a run's totals; None when nobody has one."""
    counted = np.sort(scores.total[~scores.blocked])
    number = len(counted)
    if not number or scores.scheme.system.total is None:
        return None

    def at(quarter: int) -> Decimal:
        low, rest = divmod((number - 1) * quarter, 4)
        below, above = int(counted[low]), int(counted[min(low + 1, number - 1)])
        return scores.shown((below + (above - below) * Fraction(rest, 4)) / scores.bottom)

    mean = Fraction(sum(int(x) for x in counted), number * scores.bottom)
    names = [g.grade for g in scores.thresholds.grades] if scores.thresholds else []
    tally = {name: int((scores.grade == i).sum()) for i, name in enumerate(names)}
    return Spread(
        number, len(scores.centres) - number, at(0), at(1), at(2), at(3), at(4),
        scores.shown(mean), tally,
    )  # fmt: skip


@dataclass(slots=True, frozen=True)
class Outlier:
    """A figure far from the others: beyond three times the middle half's width from that half."""

    centre: str
    name: str
    value: Decimal
    low: Decimal
    high: Decimal


def outliers(scores: Scores, least: int = 8) -> list[Outlier]:
    """Figures far outside those of the other centres; none where fewer than `least` are known."""
    found = []
    for name, line in scores.lines.items():
        one = scores.scheme.indicators[name]
        known = line.state == THERE
        if one.type != "number" or int(known.sum()) < least:
            continue
        ordered = np.sort(line.figure[known])
        low, high = int(ordered[(len(ordered) - 1) // 4]), int(ordered[(len(ordered) - 1) * 3 // 4])
        width = high - low
        if not width:
            continue
        low, high = low - 3 * width, high + 3 * width
        for at in np.flatnonzero(known & ((line.figure < low) | (line.figure > high))):
            value, near, far = (
                Decimal(int(x)).scaleb(-one.places) for x in (line.figure[at], low, high)
            )
            found.append(Outlier(scores.centres[at], name, value, near, far))
    return found
