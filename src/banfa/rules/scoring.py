"""Scoring: from a table of values to points, totals, grades and ranks, exactly and in columns.

`score` gives the same digits for the same system, thresholds and table; nothing is asked of a clock
or of chance. What explains every figure is kept in columns and put into words on demand
(`score_words`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, lcm

import numpy as np
import numpy.typing as npt

from banfa.rules.exact import Column, Whole, divided, round_to, ten
from banfa.rules.figures import Figure, Figures, Mask, Table
from banfa.rules.kernels import Compiled, compiled
from banfa.rules.system import (
    GradeFrom,
    Indicator,
    Number,
    Occasion,
    Quota,
    System,
    Thresholds,
    digest,
)

# What became of a figure.
THERE, ZEROED, UNSCORED, BLOCKED, NO_CLASS = range(5)


class Scheme:
    """A system made ready for scoring on one occasion; use it again for many tables.

    For a dry run `weights` sets other weights: the indicator's points all grow in proportion.
    Raises KeyError for one that has none to change.
    """

    def __init__(
        self,
        system: System,
        occasion: Occasion = "evaluation",
        weights: Mapping[str, Decimal] | None = None,
    ) -> None:
        self.system, self.occasion = system, occasion
        self.indicators = system.asked(occasion)
        self.grown: dict[str, Fraction] = {}
        for name, weight in (weights or {}).items():
            one = self.indicators[name]
            if one.weight is None:
                raise KeyError(name)
            self.grown[name] = Fraction(weight) / Fraction(one.weight)
            self.indicators[name] = one.model_copy(update={"weight": weight})
        rounding = system.rounding
        self.at_indicator = rounding.at == "indicator"
        self.scale = ten(rounding.places)
        self.kernels: dict[str, Compiled] = {
            name: compiled(
                system, system.indicators[name], self.scale, self.grown.get(name, Fraction(1))
            )
            for name, one in self.indicators.items()
            if one.kernel is not None and one.role in ("scored", "bonus", "deduction")
        }
        self.gates = {n: one for n, one in self.indicators.items() if one.gate is not None}
        self.bottoms = {
            name: 1 if self.at_indicator else kernel.bottom for name, kernel in self.kernels.items()
        }


@dataclass(slots=True)
class Line:
    """One indicator's columns: figures, what became of them, pieces, and points.

    Points are whole numbers of 1 ÷ (`bottom` × 10^places of the system's rounding).
    """

    figure: Whole
    state: npt.NDArray[np.uint8]
    piece: npt.NDArray[np.uint8] | None = None
    points: Whole | None = None
    bottom: int = 1
    fails: Mask | None = None


@dataclass(slots=True)
class Scores:
    """A scored table.

    `total` and `groups` are whole numbers of 1 ÷ `bottom`; they mean nothing where `blocked`.
    `grade` is the place in the thresholds' list, -1 without one; `rank` begins at 1, 0 without.
    """

    scheme: Scheme
    thresholds: Thresholds | None
    centres: list[str]
    years: list[int]
    classes: dict[str, npt.NDArray[np.intp]]
    lines: dict[str, Line]
    groups: dict[str, Whole]
    total: Whole
    bottom: int
    blocked: Mask
    rank: npt.NDArray[np.int32]
    grade: npt.NDArray[np.int16]
    table_digest: str = ""
    places: dict[str, int] = field(default_factory=dict)

    def at(self, centre: str) -> int:
        """A centre's place in the columns. Raises KeyError."""
        if not self.places:
            self.places.update({name: i for i, name in enumerate(self.centres)})
        return self.places[centre]

    def points(self, name: str, place: int) -> Fraction:
        """The exact points of one indicator."""
        line = self.lines[name]
        assert line.points is not None
        return Fraction(int(line.points[place]), line.bottom * self.scheme.scale)

    def score(self, place: int) -> Decimal | None:
        """A centre's total, to the declared places; None where it is blocked."""
        if self.blocked[place] or self.scheme.system.total is None:
            return None
        return self.shown(Fraction(int(self.total[place]), self.bottom))

    def so_far(self, place: int) -> Decimal | None:
        """A centre's total with nothing for what is missing, capped, rounded and with deductions
        taken off as any total; None where the system has no total."""
        if self.scheme.system.total is None:
            return None
        return self.shown(Fraction(int(self.total[place]), self.bottom))

    def group(self, name: str, place: int) -> Decimal:
        """A group's points, to the declared places."""
        return self.shown(Fraction(int(self.groups[name][place]), self.bottom))

    def shown(self, points: Fraction) -> Decimal:
        """Points as they are shown: to the declared places."""
        rounding = self.scheme.system.rounding
        whole = round_to(points, rounding.places, rounding.mode)
        return Decimal(whole).scaleb(-rounding.places)

    def grade_of(self, place: int) -> str | None:
        """The id of a centre's grade."""
        at = int(self.grade[place])
        return self.thresholds.grades[at].grade if self.thresholds and at >= 0 else None

    def failing(self, place: int) -> list[str]:
        """The gates that a centre fails."""
        lines = self.lines.items()
        return [n for n, line in lines if line.fails is not None and line.fails[place]]

    def digest(self) -> str:
        """A digest of every figure, point, total, rank and grade, whatever the centres' order."""
        order = sorted(range(len(self.centres)), key=self.centres.__getitem__)
        made = hashlib.sha256("\0".join(self.centres[i] for i in order).encode())
        for name, line in self.lines.items():
            made.update(f"\0{name}\0{line.bottom}\0".encode())
            known = line.state <= ZEROED
            made.update(line.state[order].tobytes())
            made.update(_bytes(np.where(known, line.figure, 0), order))
            if line.points is not None:
                made.update(_bytes(line.points, order))
        made.update(f"\0{self.bottom}\0".encode())
        made.update(self.blocked[order].tobytes())
        made.update(_bytes(np.where(self.blocked, 0, self.total), order))
        made.update(self.rank[order].astype("<i4").tobytes())
        made.update(self.grade[order].astype("<i2").tobytes())
        return made.hexdigest()

    def record(self) -> dict[str, str]:
        """What repeats this run, and proves that it was repeated to the same digits.

        Raises ValueError for a dry run with other weights: nothing of it is on file.
        """
        if self.scheme.grown:
            raise ValueError("a dry run with other weights is not recorded")
        return {
            "system": digest(self.scheme.system),
            "occasion": self.scheme.occasion,
            "thresholds": digest(self.thresholds) if self.thresholds is not None else "",
            "table": self.table_digest,
            "result": self.digest(),
        }


def _bytes(values: Whole, order: list[int]) -> bytes:
    if values.dtype == object:
        return ",".join(str(values[i]) for i in order).encode()
    return np.ascontiguousarray(values[order], dtype="<i8").tobytes()


def score(
    system: System | Scheme,
    thresholds: Thresholds | None,
    made: Table,
    occasion: Occasion = "evaluation",
) -> Scores:
    """Scores every centre of a table; without thresholds there are points and ranks, no grades."""
    scheme = system if isinstance(system, Scheme) else Scheme(system, occasion)
    figures = Figures(scheme.system, made)
    number = len(made.centres)
    blocked = np.zeros(number, np.bool_)
    lines = {}
    for name, one in scheme.indicators.items():
        line = _line(scheme, name, one, figures.of(name), made.classes)
        if one.role != "shown" and line.state.any():
            blocked |= line.state >= BLOCKED
        lines[name] = line
    groups, total, bottom = _summed(scheme, lines, number)
    scores = Scores(
        scheme, thresholds, made.centres, made.years, made.classes, lines, groups, total.values,
        bottom, blocked, np.zeros(number, np.int32), np.full(number, -1, np.int16),
    )  # fmt: skip
    if scheme.system.total is not None:
        scores.rank = ranks(scores.total, blocked)
        if thresholds is not None:
            scores.grade = grades(scores, thresholds)
    return scores


def run(
    system: System | Scheme,
    thresholds: Thresholds | None,
    made: Table,
    occasion: Occasion = "evaluation",
) -> Scores:
    """As `score`, with the digest of the table for the record."""
    scores = score(system, thresholds, made, occasion)
    scores.table_digest = made.digest()
    return scores


# --- one indicator ------------------------------------------------------------------------------


def _line(
    scheme: Scheme,
    name: str,
    one: Indicator,
    figure: Figure,
    classes: Mapping[str, npt.NDArray[np.intp]],
) -> Line:
    column = figure.column
    if figure.there is not None:
        state = (~figure.there).view(np.uint8) * np.uint8(
            UNSCORED if one.missing == "no_score" else BLOCKED
        )
    else:
        state = np.zeros(len(column.values), np.uint8)
    if figure.zeroed is not None:
        state[figure.zeroed & (state == THERE)] = ZEROED
    line = Line(column.compact(), state)
    if one.gate is not None:
        line.fails = _fails(one, column, state)
    kernel = scheme.kernels.get(name)
    if kernel is None:
        return line
    own = None
    if kernel.by is not None:
        own = classes[kernel.by]
        unknown = own < 0
        if unknown.any():
            state[unknown & (state != UNSCORED)] = NO_CLASS
            own = np.where(unknown, 0, own)
    points, line.piece = kernel.points(column, own)
    if scheme.at_indicator:
        mode = scheme.system.rounding.mode
        points = divided(points, kernel.bottom, mode, never_negative=True)
    line.points, line.bottom = points.compact(), scheme.bottoms[name]
    if figure.there is not None or kernel.by is not None:
        line.points *= state < UNSCORED
    return line


def _fails(one: Indicator, column: Column, state: npt.NDArray[np.uint8]) -> Mask:
    gate = one.gate
    assert gate is not None
    scale = ten(one.places)
    fails: Mask
    if gate.is_ is not None:
        fails = column.values != int(gate.is_)
    elif gate.at_least is not None:
        fails = column.values < ceil(Fraction(gate.at_least) * scale)
    else:
        assert gate.at_most is not None
        fails = column.values > floor(Fraction(gate.at_most) * scale)
    return fails & (state <= ZEROED)


# --- sums ---------------------------------------------------------------------------------------


def _summed(
    scheme: Scheme, lines: Mapping[str, Line], number: int
) -> tuple[dict[str, Whole], Column, int]:
    """Points by group and in total; bonuses and deductions are capped and stand in the total."""
    system = scheme.system
    caps = {"bonus": system.bonus_at_most, "deduction": system.deduction_at_most}
    bottom = lcm(
        *scheme.bottoms.values(),
        *(Fraction(cap * scheme.scale).denominator for cap in caps.values() if cap is not None),
    )
    zero = Column(np.zeros(number, np.int64), 0)
    groups = dict.fromkeys(system.groups, zero)
    extra = dict.fromkeys(caps, zero)
    for name in scheme.kernels:
        one, line = scheme.indicators[name], lines[name]
        assert line.points is not None
        points = Column(line.points, _most(scheme, one) * line.bottom)
        points = points.times(bottom // line.bottom)
        if one.role == "scored":
            groups[one.group] = groups[one.group].plus(points)
        else:
            extra[one.role] = extra[one.role].plus(points)
    if system.rounding.at == "group":
        mode = system.rounding.mode
        groups = {n: divided(g, bottom, mode).times(bottom) for n, g in groups.items()}
    total = zero
    for column in groups.values():
        total = total.plus(column)
    for role, sign in (("bonus", 1), ("deduction", -1)):
        if any(one.role == role for one in scheme.indicators.values()):
            cap = caps[role]
            column = extra[role]
            if cap is not None:
                column = column.clipped(None, int(Fraction(cap) * scheme.scale * bottom))
            total = total.plus(column, sign).clipped(0, None)
    if system.rounding.at != "indicator":
        total = divided(total, bottom, system.rounding.mode).times(bottom)
    sums = {name: column.narrow().values for name, column in groups.items()}
    return sums, total.narrow(), bottom * scheme.scale


def _most(scheme: Scheme, one: Indicator) -> int:
    """The most points an indicator can have, in whole numbers of the rounding's last place."""
    return ceil(Fraction(one.weight or 0) * scheme.scale) + 1


# --- ranks and grades ---------------------------------------------------------------------------


def ranks(total: Whole, blocked: Mask) -> npt.NDArray[np.int32]:
    """Places by total, equal totals equal places, the next place left free; 0 where blocked."""
    made = np.zeros(len(total), np.int32)
    places = np.flatnonzero(~blocked)
    counted = total[places]
    order = np.argsort(-counted)
    ordered = counted[order]
    # The first of every run of equal totals gives all of them its place.
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    at = np.arange(1, len(ordered) + 1, dtype=np.int32)
    made[places[order]] = np.maximum.accumulate(np.where(first, at, 0))
    return made


def grades(scores: Scores, thresholds: Thresholds) -> npt.NDArray[np.int16]:
    """Each centre's grade: the best whose score, floors and gates it meets and whose quota holds.

    Where it ends is decided by the thresholds alone; -1 for blocked centres, and where the last
    grade has a score that is not reached.
    """
    number = len(scores.centres)
    given = thresholds.grades
    best = _best_allowed(scores, thresholds)
    meets = [_meets(scores, grade) & (best <= at) for at, grade in enumerate(given)]
    made = np.full(number, -1, np.int16)
    waiting = ~scores.blocked
    for at, grade in enumerate(given):
        members = waiting & meets[at]
        if grade.quota is not None:
            members = _within(grade.quota, members, scores)
        made[members] = at
        waiting = waiting & ~members
    return made


def _best_allowed(scores: Scores, thresholds: Thresholds) -> npt.NDArray[np.int16]:
    order = {grade.grade: at for at, grade in enumerate(thresholds.grades)}
    best = np.zeros(len(scores.centres), np.int16)
    for name, one in scores.scheme.gates.items():
        assert one.gate is not None
        cap = thresholds.veto if one.gate.effect == "veto" else thresholds.limits.get(name)
        fails = scores.lines[name].fails
        if cap is not None and fails is not None:
            best = np.where(fails, np.maximum(best, order[cap]), best).astype(np.int16)
    return best


def _meets(scores: Scores, grade: GradeFrom) -> Mask:
    made = np.ones(len(scores.centres), np.bool_)
    if grade.from_ is not None:
        made &= scores.total >= _needed(grade.from_, scores.bottom)
    for group, least in grade.floors.items():
        made &= scores.groups[group] >= _needed(least, scores.bottom)
    return made


def _needed(points: Number, bottom: int) -> int:
    return ceil(Fraction(points) * bottom)


def _size(quota: Quota, scores: Scores) -> int:
    """How many centres a quota takes."""
    if quota.number is not None:
        return quota.number
    return int(Fraction(quota.share or 0) * int((~scores.blocked).sum()) / 100)


def _within(quota: Quota, members: Mask, scores: Scores) -> Mask:
    size = _size(quota, scores)
    if int(members.sum()) <= size:
        return members
    totals = np.sort(scores.total[members])[::-1]
    within: Mask = scores.total > totals[size]
    if quota.ties == "in" and size:
        within = scores.total >= totals[size - 1]
    return members & within


@dataclass(slots=True)
class HeldBack:
    """A grade whose score a centre reaches without getting it, and why: groups with what they have
    and the least asked, gates failed that allow no such grade, or the size of the quota that is
    full."""

    grade: str
    floors: list[tuple[str, Decimal, Decimal]]
    gates: list[str]
    quota: int | None


def held_back(scores: Scores, place: int) -> list[HeldBack]:
    """The grades better than a centre's own whose score it reaches, best first."""
    thresholds = scores.thresholds
    if thresholds is None or scores.blocked[place]:
        return []
    own = int(scores.grade[place])
    order = {grade.grade: at for at, grade in enumerate(thresholds.grades)}
    found = []
    for at, grade in enumerate(thresholds.grades[: own if own >= 0 else None]):
        if grade.from_ is None or scores.total[place] < _needed(grade.from_, scores.bottom):
            continue
        floors = [
            (group, scores.group(group, place), least)
            for group, least in grade.floors.items()
            if scores.groups[group][place] < _needed(least, scores.bottom)
        ]
        gates = [n for n in scores.failing(place) if order.get(_cap(scores, n) or "", 0) > at]
        full = grade.quota is not None and not floors and not gates
        size = _size(grade.quota, scores) if grade.quota is not None and full else None
        found.append(HeldBack(grade.grade, floors, gates, size))
    return found


def _cap(scores: Scores, name: str) -> str | None:
    """The best grade that the thresholds leave to whoever fails a gate; None: any."""
    gate, thresholds = scores.scheme.gates[name].gate, scores.thresholds
    assert gate is not None and thresholds is not None
    return thresholds.veto if gate.effect == "veto" else thresholds.limits.get(name)
