"""Scoring a large table, beside the same arithmetic by hand in numpy; equal to the digit."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from banfa.rules.figures import Table
from banfa.rules.score_store import pack
from banfa.rules.scoring import Scheme, Scores, score
from banfa.rules.system import System

CENTRES, YEARS = 10_000, [2024, 2025, 2026]
INDUSTRIES = 5
WORDS = {"zh": "名", "en": "name"}
LINEAR, BANDED, STEPS, RATIO = 16, 8, 8, 8
ENTERED = LINEAR + BANDED + STEPS + RATIO
"""Forty indicators that are filled in for three years, and as many scores."""


def number(n: int) -> Decimal:
    """A whole number as the model has it."""
    return Decimal(n)


def indicator(name: str, weight: Decimal, kernel: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One indicator of the made-up system."""
    return {
        "code": name.upper(), "name": WORDS, "group": "all", "unit": "万元", "places": 2,
        "definition": WORDS, "source": WORDS, "period": "year", "evidence": "none",
        "weight": weight, "kernel": kernel, "missing": "no_score", **more,
    }  # fmt: skip


def linear(basic: int, full: int) -> dict[str, Any]:
    """A linear kernel with 60 percent at basic."""
    return {"linear": {"basic": number(basic), "full": number(full), "base": number(60)}}


def system() -> System:
    """A system of four sorts: linear over a mean, bands by industry, steps over a sum, ratios."""
    weight, made = Decimal("2.5"), {}
    for i in range(LINEAR):
        made[f"a{i}"] = indicator(f"a{i}", weight, linear(100 + i, 900 + 7 * i), over="mean")
    for i in range(BANDED):
        bands = {f"k{k}": linear(100 + 10 * k + i, 800 + 11 * k) for k in range(INDUSTRIES)}
        kernel = {"by": "industry", "bands": bands}
        made[f"b{i}"] = indicator(f"b{i}", weight, kernel)
    for i in range(STEPS):
        steps = [{"at_least": number(s + i), "points": p} for s, p in _steps()]
        made[f"c{i}"] = indicator(f"c{i}", weight, {"steps": steps}, over="sum")
    for i in range(RATIO):
        made[f"d{i}"] = indicator(f"d{i}", weight, linear(1, 2), role="shown")
        del made[f"d{i}"]["weight"], made[f"d{i}"]["kernel"]
        ratio = indicator(f"r{i}", weight, linear(20, 150), unit="%",
                          derived={"share": {"of": f"d{i}", "whole": f"a{i}"}})  # fmt: skip
        for word in ("source", "period", "evidence"):
            del ratio[word]
        made[f"r{i}"] = ratio
    classes = {f"k{k}": WORDS for k in range(INDUSTRIES)}
    return System.model_validate({
        "system": "bench", "edition": "1", "programme": "bench", "name": WORDS, "sample": WORDS,
        "in_force": {"from": dt.date(2026, 1, 1)}, "guide": WORDS, "occasions": ["evaluation"],
        "years": 3, "total": number(100),
        "rounding": {"mode": "half_up", "places": 2, "at": "indicator"},
        "bands": {"industry": {"name": WORDS, "classes": classes}},
        "groups": {"all": {"name": WORDS, "weight": number(100)}}, "indicators": made,
    })  # fmt: skip


def _steps() -> list[tuple[int, Decimal]]:
    return [(300, Decimal("0.5")), (900, Decimal("1.2")), (1500, Decimal("2.5"))]


def values(made: System) -> Table:
    """Values by chance, one in fifty missing."""
    chance = np.random.default_rng(7)
    entered = [name for name, one in made.indicators.items() if one.derived is None]
    shape = (len(YEARS), CENTRES)
    return Table(
        [f"c{i}" for i in range(CENTRES)],
        YEARS,
        {name: chance.integers(1, 120_000, shape) for name in entered},
        {name: chance.random(shape) > 0.02 for name in entered},
        {"industry": chance.integers(0, INDUSTRIES, CENTRES).astype(np.intp)},
    )


def by_hand(table: Table) -> tuple[Any, Any]:
    """The same arithmetic as one would write it for this system alone: points and totals."""
    points = np.zeros((LINEAR + BANDED + STEPS + RATIO, CENTRES), np.int64)
    row = 0
    for i in range(LINEAR):
        given, there = table.values[f"a{i}"], table.present[f"a{i}"].all(axis=0)
        mean = (given[0] + given[1] + given[2] + 1) // 3
        points[row] = np.where(there, _line(mean, (100 + i) * 100, (900 + 7 * i) * 100), 0)
        row += 1
    kinds = table.classes["industry"]
    for i in range(BANDED):
        given, there = table.values[f"b{i}"][2], table.present[f"b{i}"][2]
        low = np.array([(100 + 10 * k + i) * 100 for k in range(INDUSTRIES)])[kinds]
        high = np.array([(800 + 11 * k) * 100 for k in range(INDUSTRIES)])[kinds]
        points[row] = np.where(there, _line(given, low, high), 0)
        row += 1
    for i in range(STEPS):
        given, there = table.values[f"c{i}"], table.present[f"c{i}"].all(axis=0)
        total = given[0] + given[1] + given[2]
        starts = np.array([(s + i) * 100 for s, _ in _steps()])
        worth = np.array([0, 50, 120, 250])
        reached = np.searchsorted(starts, total, side="right")
        points[row] = np.where(there, worth[reached], 0)
        row += 1
    for i in range(RATIO):
        top, bottom = table.values[f"d{i}"][2], table.values[f"a{i}"][2]
        there = table.present[f"d{i}"][2] & table.present[f"a{i}"][2]
        share = (top * 10_000 + bottom // 2) // bottom
        points[row] = np.where(there, _line(share, 2000, 15000), 0)
        row += 1
    return points, points.sum(axis=0)


def _line(value: Any, low: Any, high: Any) -> Any:
    """250 × (0.6 + 0.4 × (value − low) ÷ (high − low)), halves up; nothing below low."""
    width = high - low
    inside = np.minimum(value, high) - low
    made = (150 * width + 100 * inside + width // 2) // width
    return np.where(value >= low, made, 0)


def same(scores: Scores, hand: tuple[Any, Any]) -> None:
    """Asserts that both give the same points and totals."""
    points, totals = hand
    names = [name for name, line in scores.lines.items() if line.points is not None]
    assert len(names) == len(points) == ENTERED
    for row, name in enumerate(names):
        got = scores.lines[name].points
        assert got is not None and (got == points[row]).all(), name
    assert (scores.total == totals).all()


def cpu(*works: Callable[[], Any], rounds: int = 60) -> list[float]:
    """Seconds of processor time for each of these, taken in turn; the median of the rounds."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, times in zip(works, taken, strict=True):
            begun = time.process_time()
            work()
            times.append(time.process_time() - begun)
    return [statistics.median(times) for times in taken]


def run() -> None:
    """Prints the ratio to the arithmetic by hand."""
    made = system()
    scheme, table = Scheme(made), values(made)
    same(score(scheme, None, table), by_hand(table))
    hand, ours = cpu(lambda: by_hand(table), lambda: score(scheme, None, table))
    scores = score(scheme, None, table)
    [kept] = cpu(lambda: pack(scores), rounds=5)
    print(f"{CENTRES:,} centres × {ENTERED} indicators × {len(YEARS)} years, processor time")
    print(f"  by hand in numpy             {hand * 1e3:8.1f} ms")
    print(f"  scored, explained, ranked    {ours * 1e3:8.1f} ms")
    print(f"  scores ÷ by hand             {ours / hand:8.2f}   (aim ≤ 2)")
    print(f"  packed for storing           {kept * 1e3:8.1f} ms   {len(pack(scores)) / 1e6:.1f} MB")
