"""The summary of a review: means, spread, dropped extremes, outlying judges, ranking.

Arithmetic is exact on whole ten-thousandths of a point (`Fraction` where it divides); what is shown
is rounded once, half up, to two decimals. The order of sheets and of centres makes no difference.
Nothing here reads the database. The rules, as `RULES` tells them to the reader:

- dropped: for each centre the `drop` highest and lowest sheets by total; among equal totals by the
  scores in the order of the criteria. With too few sheets (not one would be left) none is dropped.
- mean: of the sheets kept, for each criterion and in total; rounded half up to two decimals.
- median, standard deviation (of all sheets, population) and range: over all sheets.
- outlying: with four sheets or more, a total farther from the median than 3.5 times MAD/0.6745;
  when more than half agree (MAD 0), farther than a tenth of the scale.
- rank: by the mean as rounded; equal means share a rank and the next rank is left out (1, 2, 2, 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any

from banfa.office.reviews.sheets import Sheet
from banfa.rules.words import Text

FEWEST_FOR_OUTLIERS = 4
RULES = [
    Text(
        "各中心总分为保留的评分表总分的平均数，四舍五入到两位小数。",
        "A centre's score is the mean of the totals kept, rounded half up to two decimals.",
    ),
    Text(
        "中位数、标准差（总体）和最低最高分按全部评分表计算。",
        "Median, (population) standard deviation and range are over all sheets.",
    ),
    Text(
        "离群：评分表不少于四份时，总分与中位数之差超过 3.5 倍的 MAD÷0.6745；"
        "MAD 为零时，超过分值幅度的十分之一。只作提示，不影响汇总。",
        "Outlying: with four sheets or more, a total farther from the median than 3.5 times"
        " MAD/0.6745; when MAD is zero, than a tenth of the scale. It only points out.",
    ),
    Text(
        "按四舍五入后的总分排名，同分同名次，其后名次顺延（1、2、2、4）。",
        "Ranked by the rounded mean; equal means share a rank, the next is left out (1, 2, 2, 4).",
    ),
]
_WIDE = Context(prec=50)


@dataclass(frozen=True)
class Scored:
    """One expert's full scores for one centre, in hundredths of a point."""

    judge: int
    centre: str
    scores: dict[str, int]


def rounded(value: Fraction) -> Decimal:
    """Half up to two decimals."""
    exact = _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def mean(values: Sequence[Fraction]) -> Fraction:
    """The arithmetic mean."""
    return sum(values, Fraction(0)) / len(values)


def median(values: Iterable[Fraction]) -> Fraction:
    """The middle value; between two middle ones, half way."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def deviation(values: Sequence[Fraction]) -> Decimal:
    """The population standard deviation, rounded half up to two decimals."""
    middle = mean(values)
    variance = mean([(v - middle) ** 2 for v in values])
    exact = _WIDE.divide(Decimal(variance.numerator), Decimal(variance.denominator))
    return _WIDE.sqrt(exact).quantize(Decimal("0.01"), ROUND_HALF_UP)


def outlying(values: Sequence[Fraction], scale: int) -> list[bool]:
    """Which values lie out, by the rule above; `scale` is highest less lowest, in points."""
    if len(values) < FEWEST_FOR_OUTLIERS:
        return [False] * len(values)
    middle = median(values)
    mad = median(abs(v - middle) for v in values)
    limit = mad * Fraction(35_000, 6_745) if mad else Fraction(scale, 10)
    return [abs(v - middle) > limit for v in values]


def ranks(scores: Sequence[Decimal]) -> list[int]:
    """The rank of each, highest first; equals share one: 1, 2, 2, 4."""
    return [1 + sum(other > score for other in scores) for score in scores]


def kept(sheet: Sheet, rows: Sequence[Scored], drop: int) -> list[bool]:
    """Which sheets of one centre are kept when the extremes are dropped."""
    if not drop or len(rows) <= 2 * drop:
        return [True] * len(rows)

    def place(number: int) -> tuple[Any, ...]:
        scores = rows[number].scores
        return (sheet.total(scores), *(scores[c.id] for c in sheet.criteria))

    order = sorted(range(len(rows)), key=place)
    staying = set(order[drop : len(order) - drop])
    return [number in staying for number in range(len(rows))]


def _figures(values: Sequence[Fraction], stay: Sequence[bool]) -> dict[str, str]:
    """Mean of those kept; median, deviation and range of all: as text."""
    return {
        "mean": str(rounded(mean([v for v, keep in zip(values, stay, strict=True) if keep]))),
        "median": str(rounded(median(values))),
        "deviation": str(deviation(values)),
        "least": str(rounded(min(values))),
        "most": str(rounded(max(values))),
    }


def _centre(sheet: Sheet, rows: Sequence[Scored], drop: int) -> dict[str, Any]:
    rows = sorted(rows, key=lambda r: r.judge)
    stay = kept(sheet, rows, drop)
    totals = [Fraction(sheet.total(r.scores), 10_000) for r in rows]
    out = outlying(totals, sheet.highest - sheet.lowest)
    return {
        "total": _figures(totals, stay),
        "criteria": {
            c.id: _figures([Fraction(r.scores[c.id], 100) for r in rows], stay)
            for c in sheet.criteria
        },
        "dropped": sum(not keep for keep in stay),
        "sheets": [
            {
                "judge": r.judge,
                "total": str(rounded(total)),
                "scores": {c.id: r.scores[c.id] for c in sheet.criteria},
                "dropped": not keep,
                "outlying": far,
            }
            for r, total, keep, far in zip(rows, totals, stay, out, strict=True)
        ],
    }


def summed_up(sheet: Sheet, rows: Iterable[Scored], drop: int) -> dict[str, Any]:
    """The summary as plain data: `centres` (by id) with figures, sheets and rank; `judges`.

    A judge's `leaning` is the mean of the differences between their totals and each centre's median
    (positive: generous), `outlying` how many of their sheets lie out.
    """
    by_centre: dict[str, list[Scored]] = {}
    for row in rows:
        by_centre.setdefault(row.centre, []).append(row)
    centres = {c: _centre(sheet, by_centre[c], drop) for c in sorted(by_centre)}
    names = list(centres)
    for name, rank in zip(
        names, ranks([Decimal(centres[n]["total"]["mean"]) for n in names]), strict=True
    ):
        centres[name]["rank"] = rank
    return {"centres": centres, "judges": _judges(sheet, by_centre, centres)}


def _judges(
    sheet: Sheet, by_centre: dict[str, list[Scored]], centres: dict[str, Any]
) -> dict[str, Any]:
    leaning: dict[int, list[Fraction]] = {}
    for rows in by_centre.values():
        totals = [Fraction(sheet.total(r.scores), 10_000) for r in rows]
        middle = median(totals)
        for row, total in zip(rows, totals, strict=True):
            leaning.setdefault(row.judge, []).append(total - middle)
    out = [s["judge"] for c in centres.values() for s in c["sheets"] if s["outlying"]]
    return {
        str(judge): {"leaning": str(rounded(mean(found))), "outlying": out.count(judge)}
        for judge, found in sorted(leaning.items())
    }
