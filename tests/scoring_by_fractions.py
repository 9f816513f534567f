"""The arithmetic of scoring once more: slowly, one centre at a time, with fractions.

Written from what the words of a system mean, not from how the columns are computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from banfa.rules.system import Indicator, Kernel, System, Thresholds
from banfa.rules.units import unit

Values = dict[tuple[str, str, int], Any]
ZERO = Fraction(0)


def rounded(value: Fraction, places: int, mode: str) -> Fraction:
    """To so many places: half_up (away from zero), half_even or down (towards zero)."""
    scaled = value * 10**places
    if mode == "half_even":
        return Fraction(round(scaled), 10**places)
    size = abs(scaled)
    whole = math.floor(size) if mode == "down" else math.floor(size + Fraction(1, 2))
    return Fraction(whole if scaled >= 0 else -whole, 10**places)


@dataclass
class Result:
    """One centre's results; None where something is missing."""

    figures: dict[str, Fraction | None] = field(default_factory=dict)
    points: dict[str, Fraction] = field(default_factory=dict)
    groups: dict[str, Fraction] = field(default_factory=dict)
    total: Fraction = ZERO
    blocked: bool = False
    fails: list[str] = field(default_factory=list)
    rank: int = 0
    grade: str | None = None


class Slow:
    """Scores centres one by one."""

    def __init__(
        self, system: System, years: list[int], values: Values, centres: dict[str, dict[str, str]]
    ) -> None:
        self.system, self.years, self.values, self.centres = system, years, values, centres

    def series(self, centre: str, name: str) -> list[Fraction | None]:
        """An indicator's figures year by year."""
        one = self.system.indicators[name]
        if one.derived is not None:
            operands = [self.series(centre, n) for n in one.derived.operands]
            return [self.derived(one, list(row)) for row in zip(*operands, strict=True)]
        return [self.given(one, self.values.get((centre, name, year))) for year in self.years]

    def given(self, one: Indicator, value: Any) -> Fraction | None:
        if value is None:
            return ZERO if one.missing == "zero" else None
        if one.type == "grade":
            kernel = one.kernel
            inner = next(iter(kernel.bands.values())) if kernel and kernel.bands else kernel
            return Fraction(list(inner.graded or {}).index(value)) if inner else None
        return Fraction(value)

    def figure(self, centre: str, name: str) -> Fraction | None:
        """The figure that is scored."""
        one = self.system.indicators[name]
        if one.derived is not None and one.derived.growth is not None:
            series = self.series(centre, one.derived.growth.of)
            return self.derived(one, [series[-1], series[0]])
        if one.derived is not None and one.derived.years == "whole":
            return self.derived(one, [self.figure(centre, n) for n in one.derived.operands])
        series = self.series(centre, name)
        if one.over == "last":
            return series[-1]
        if any(value is None for value in series):
            return None
        total = sum((value for value in series if value is not None), ZERO)
        if one.over == "mean":
            total = rounded(total / len(series), one.places, self.system.rounding.mode)
        return total

    def derived(self, one: Indicator, operands: list[Fraction | None]) -> Fraction | None:
        found = self._operation(one, operands)
        if found is None:
            return ZERO if one.missing == "zero" else None
        return rounded(found / unit(one.unit or "1").size, one.places, self.system.rounding.mode)

    def _operation(self, one: Indicator, operands: list[Fraction | None]) -> Fraction | None:
        derived = one.derived
        assert derived is not None
        names = derived.operands * (2 if derived.growth is not None else 1)
        base = []
        for name, value in zip(names, operands, strict=True):
            if value is None:
                return None
            base.append(value * unit(self.system.indicators[name].unit or "1").size)
        if derived.sum is not None:
            return sum(base, ZERO)
        if derived.difference is not None:
            return base[0] - base[1]
        if base[1] <= 0:
            return None
        return (base[0] - base[1] if derived.growth is not None else base[0]) / base[1]

    def kernel(self, one: Indicator, kernel: Kernel, centre: str, x: Fraction) -> Fraction | None:
        """The points of a figure; None when the centre's class is not known."""
        weight = Fraction(one.weight or 0)
        if kernel.bands is not None:
            inner = kernel.bands.get(self.centres[centre].get(kernel.by or "", ""))
            return None if inner is None else self.kernel(one, inner, centre, x)
        if kernel.coefficient is not None:
            own = self.centres[centre].get(kernel.coefficient.by, "")
            if own not in kernel.coefficient.values:
                return None
            x *= Fraction(kernel.coefficient.values[own])
        if kernel.graded is not None:
            return weight * Fraction(list(kernel.graded.values())[int(x)].share) / 100
        if kernel.each is not None:
            points = x / Fraction(kernel.each.per) * Fraction(kernel.each.points)
            return min(max(points, ZERO), weight)
        if kernel.steps is not None:
            reached = [
                Fraction(s.points)
                for s in kernel.steps
                if (s.at_least is not None and x >= s.at_least)
                or (s.at_most is not None and x <= s.at_most)
            ]
            return max(reached, default=ZERO)
        assert kernel.linear is not None
        basic, full = Fraction(kernel.linear.basic), Fraction(kernel.linear.full)
        base = Fraction(kernel.linear.base) / 100
        way = (x - basic) / (full - basic)
        if way >= 1:
            return weight
        if way >= 0:
            return weight * (base + (1 - base) * way)
        if kernel.linear.below == "in_proportion" and x > 0:
            return weight * base * x / basic
        return ZERO

    def one(self, centre: str, occasion: str) -> Result:
        """Everything of one centre but rank and grade."""
        made = Result()
        rounding = self.system.rounding
        for name, one in self.system.indicators.items():
            if one.counts not in ("both", occasion):
                continue
            x = made.figures[name] = self.figure(centre, name)
            if x is None:
                made.blocked |= one.role != "shown" and one.missing != "no_score"
                made.points[name] = ZERO
                if one.kernel is not None and self._classless(one, centre):
                    made.blocked |= one.missing != "no_score"
                continue
            if one.gate is not None:
                gate = one.gate
                if (
                    (gate.is_ is not None and x != int(gate.is_))
                    or (gate.at_least is not None and x < gate.at_least)
                    or (gate.at_most is not None and x > gate.at_most)
                ):
                    made.fails.append(name)
            if one.kernel is not None:
                points = self.kernel(one, one.kernel, centre, x)
                if points is None:
                    made.blocked, points = True, ZERO
                if rounding.at == "indicator":
                    points = rounded(points, rounding.places, rounding.mode)
                made.points[name] = points
        self._sum(made, occasion)
        return made

    def _classless(self, one: Indicator, centre: str) -> bool:
        kernel = one.kernel
        assert kernel is not None
        by = kernel.by or (kernel.coefficient.by if kernel.coefficient else None)
        return by is not None and by not in self.centres[centre]

    def _sum(self, made: Result, occasion: str) -> None:
        system, rounding = self.system, self.system.rounding
        by_role = {"bonus": ZERO, "deduction": ZERO}
        made.groups = dict.fromkeys(system.groups, ZERO)
        roles = set()
        for name, points in made.points.items():
            one = system.indicators[name]
            if one.role == "scored":
                made.groups[one.group] += points
            elif one.role in by_role:
                roles.add(one.role)
                by_role[one.role] += points
        if rounding.at == "group":
            made.groups = {
                n: rounded(g, rounding.places, rounding.mode) for n, g in made.groups.items()
            }
        total = sum(made.groups.values(), ZERO)
        caps = {"bonus": system.bonus_at_most, "deduction": system.deduction_at_most}
        for role, sign in (("bonus", 1), ("deduction", -1)):
            cap = caps[role]
            points = by_role[role] if cap is None else min(by_role[role], Fraction(cap))
            if role in roles:
                total = max(total + sign * points, ZERO)
        if rounding.at != "indicator":
            total = rounded(total, rounding.places, rounding.mode)
        made.total = total

    def all(self, thresholds: Thresholds | None, occasion: str = "evaluation") -> dict[str, Result]:
        """Every centre, ranked and graded."""
        made = {centre: self.one(centre, occasion) for centre in self.centres}
        counted = {c: r for c, r in made.items() if not r.blocked}
        for result in counted.values():
            result.rank = 1 + sum(other.total > result.total for other in counted.values())
        if thresholds is not None:
            self._grade(counted, thresholds)
        return made

    def _grade(self, counted: dict[str, Result], thresholds: Thresholds) -> None:
        order = [grade.grade for grade in thresholds.grades]
        waiting = dict(counted)
        for at, grade in enumerate(thresholds.grades):
            fit = {
                centre: result
                for centre, result in waiting.items()
                if (grade.from_ is None or result.total >= grade.from_)
                and all(result.groups[g] >= floor for g, floor in grade.floors.items())
                and at >= max((self._cap(n, thresholds, order) for n in result.fails), default=0)
            }
            if grade.quota is not None:
                size = grade.quota.number
                if size is None:
                    size = int(Fraction(grade.quota.share or 0) * len(counted) / 100)
                better = {c: sum(o.total > r.total for o in fit.values()) for c, r in fit.items()}
                alike = {c: sum(o.total >= r.total for o in fit.values()) for c, r in fit.items()}
                within = better if grade.quota.ties == "in" else alike
                limit = size - 1 if grade.quota.ties == "in" else size
                fit = {c: r for c, r in fit.items() if within[c] <= limit}
            for centre, result in fit.items():
                result.grade = grade.grade
                del waiting[centre]

    def _cap(self, name: str, thresholds: Thresholds, order: list[str]) -> int:
        gate = self.system.indicators[name].gate
        assert gate is not None
        cap = thresholds.veto if gate.effect == "veto" else thresholds.limits.get(name)
        return order.index(cap) if cap is not None else 0
