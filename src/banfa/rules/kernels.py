"""Kernels compiled: every kernel is a row of straight pieces over the figure's whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, lcm

import numpy as np
import numpy.typing as npt

from banfa.rules.exact import LARGEST, Column, Whole, largest, ten
from banfa.rules.system import Indicator, Kernel, System


@dataclass(slots=True, frozen=True)
class Piece:
    """From `start` on (`over`: only beyond it) the points are `slope` × figure + `base`.

    The first piece of a row has no start. `label` says what the piece means: nothing, part, line,
    full, or the number of a step or grade.
    """

    start: Fraction | None
    slope: Fraction
    base: Fraction
    label: str
    over: bool = False

    def first(self, places: int) -> int:
        """The first whole number (figures in units of the last place) that belongs to it."""
        assert self.start is not None
        scaled = self.start * ten(places)
        return floor(scaled) + 1 if self.over else ceil(scaled)


ZERO = Fraction(0)


def _flat(start: Fraction | None, points: Fraction, label: str, over: bool = False) -> Piece:
    return Piece(start, ZERO, points, label, over)


def pieces(one: Indicator, kernel: Kernel, factor: Fraction = Fraction(1)) -> list[Piece]:
    """The pieces of a kernel without bands, for a figure that is first multiplied by `factor`."""
    weight = Fraction(one.weight or 0)
    if kernel.linear is not None:
        made = _linear(one, kernel, weight)
    elif kernel.steps is not None:
        made = _steps(kernel)
    elif kernel.each is not None:
        slope = Fraction(kernel.each.points) / Fraction(kernel.each.per)
        made = [
            _flat(None, ZERO, "nothing"),
            Piece(ZERO, slope, ZERO, "line"),
            _flat(weight / slope, weight, "full"),
        ]
    else:
        worth = [Fraction(g.share) * weight / 100 for g in (kernel.graded or {}).values()]
        made = [
            _flat(Fraction(i) if i else None, points, f"grade {i}")
            for i, points in enumerate(worth)
        ]
    if factor == 1:
        return made
    return [
        Piece(
            None if p.start is None else p.start / factor, p.slope * factor, p.base, p.label, p.over
        )
        for p in made
    ]


def _linear(one: Indicator, kernel: Kernel, weight: Fraction) -> list[Piece]:
    assert kernel.linear is not None
    basic, full = Fraction(kernel.linear.basic), Fraction(kernel.linear.full)
    base = weight * Fraction(kernel.linear.base) / 100
    slope = (weight - base) / (full - basic)
    line = base - slope * basic
    if one.direction == "less":
        return [
            _flat(None, weight, "full"),
            Piece(full, slope, line, "line", over=True),
            _flat(basic, ZERO, "nothing", over=True),
        ]
    below = [_flat(None, ZERO, "nothing")]
    if kernel.linear.below == "in_proportion" and basic > 0:
        below.append(Piece(ZERO, base / basic, ZERO, "part"))
    return [*below, Piece(basic, slope, line, "line"), _flat(full, weight, "full")]


def _steps(kernel: Kernel) -> list[Piece]:
    steps = kernel.steps or []
    if steps[0].at_least is not None:
        rest = [
            _flat(Fraction(s.at_least or 0), Fraction(s.points), f"step {i}")
            for i, s in enumerate(steps)
        ]
        return [_flat(None, ZERO, "nothing"), *rest]
    # Written from the easiest (the largest) on; in the order of the figure the last comes first.
    bounds = [Fraction(s.at_most or 0) for s in steps]
    worth = [(Fraction(s.points), f"step {i}") for i, s in enumerate(steps)]
    hardest = worth[-1]
    made = [_flat(None, *hardest)]
    for i in range(len(steps) - 2, -1, -1):
        made.append(_flat(bounds[i + 1], *worth[i], over=True))
    return [*made, _flat(bounds[0], ZERO, "nothing", over=True)]


@dataclass(slots=True)
class Compiled:
    """One indicator's kernel as tables of whole numbers: one row for each class, or one row.

    The points are (`slope` × figure + `base`) ÷ `bottom`, by the piece the figure falls into.
    """

    by: str | None
    labels: list[list[str]]
    starts: Whole
    slopes: Whole
    bases: Whole
    bottom: int
    steepest: int
    highest: int
    ramp: bool = False

    def points(
        self, figure: Column, classes: npt.NDArray[np.intp] | None
    ) -> tuple[Column, npt.NDArray[np.uint8]]:
        """The points before division by `bottom`, and the number of each figure's piece.

        `classes` numbers each centre's class, where the kernel has bands.
        """
        if self.by is not None and classes is not None and len(self.labels) > 1:
            return self._banded(figure, classes)
        values = figure.values
        piece = np.zeros(len(values), np.uint8)
        for start in self.starts[0]:
            piece += values >= start
        if not self.steepest:
            return Column(self.bases[0].take(piece), self.highest), piece
        if self.ramp:
            return self._ramp(figure, piece, 0), piece
        return self._evaluated(figure, piece), piece

    def _ramp(
        self, figure: Column, piece: npt.NDArray[np.uint8], at: int | npt.NDArray[np.intp]
    ) -> Column:
        """Nothing, a line, and a flat top that the line itself reaches: no look-up by piece."""
        most = figure.values
        full, slope = self.starts[:, 1].take(at), self.slopes[:, 1].take(at)
        base, bound = self.bases[:, 1].take(at), self.steepest * figure.bound + self.highest
        if bound > LARGEST:
            flat = at * 3 + piece.astype(np.intp)
            return self._evaluated(figure, flat)
        made = np.minimum(most, full)
        made *= slope
        made += base
        made *= piece > 0
        return Column(made, self.highest_points())

    def highest_points(self) -> int:
        """The largest number of points before division: that of the highest flat piece."""
        return max(int(row[-1]) for row in self.bases)

    def _banded(
        self, figure: Column, classes: npt.NDArray[np.intp]
    ) -> tuple[Column, npt.NDArray[np.uint8]]:
        values = figure.values
        piece = np.zeros(len(values), np.uint8)
        for at in range(self.starts.shape[1]):
            piece += values >= self.starts[:, at].take(classes)
        flat = classes * self.slopes.shape[1] + piece
        if not self.steepest:
            return Column(self.bases.ravel().take(flat), self.highest), piece
        if self.ramp:
            return self._ramp(figure, piece, classes), piece
        return self._evaluated(figure, flat), piece

    def _evaluated(self, figure: Column, at: npt.NDArray[np.integer]) -> Column:
        values = figure.values
        bound = self.steepest * figure.bound + self.highest
        if bound > LARGEST and values.dtype != object:
            bound = self.steepest * largest(values) + self.highest
            if bound > LARGEST:
                values = values.astype(object)
        made = self.slopes.ravel().take(at) * values
        made += self.bases.ravel().take(at)
        return Column(made, bound)


def compiled(system: System, one: Indicator, scale: int, grown: Fraction = Fraction(1)) -> Compiled:
    """Compiles the kernel of a scored indicator; points are counted in 1 ÷ `scale`.

    For dry runs all points may be `grown` by a factor.
    """
    kernel = one.kernel
    assert kernel is not None
    coefficient, by = kernel.coefficient, kernel.by
    if kernel.bands is not None and by is not None:
        bands = kernel.bands
        rows = [pieces(one, bands[name]) for name in system.bands[by].classes]
    elif coefficient is not None:
        by, factors = coefficient.by, coefficient.values
        classes = system.bands[by].classes
        rows = [pieces(one, kernel, Fraction(factors[name])) for name in classes]
    else:
        rows = [pieces(one, kernel)]
    return _tables(rows, by, one.places if one.type == "number" else 0, scale * grown)


def _tables(rows: list[list[Piece]], by: str | None, places: int, scale: Fraction) -> Compiled:
    step = ten(places)
    bottom = lcm(*(x.denominator for row in rows for p in row for x in _parts(p, step, scale)))
    width = max(map(len, rows))
    starts, slopes, bases = [], [], []
    for row in rows:
        # A piece that no whole number falls into is passed over by the next one's start.
        begins = [p.first(places) for p in row[1:]]
        starts.append(begins + [LARGEST] * (width - len(row)))
        parts = [_parts(p, step, scale) for p in row]
        parts += [parts[-1]] * (width - len(row))
        slopes.append([int(slope * bottom) for slope, _ in parts])
        bases.append([int(base * bottom) for _, base in parts])
    ramp = width == 3 and all(
        (slope[0], slope[2], base[0]) == (0, 0, 0) and slope[1] * start[1] + base[1] == base[2]
        for start, slope, base in zip(starts, slopes, bases, strict=True)
    )
    steepest = max(abs(x) for row in slopes for x in row)
    highest = max(abs(x) for row in bases for x in row)
    return Compiled(
        by,
        [[p.label for p in row] for row in rows],
        _whole(starts, width - 1),
        _whole(slopes, width),
        _whole(bases, width),
        bottom,
        steepest,
        highest,
        ramp and max(abs(x) for row in [*starts, *slopes, *bases] for x in row) < LARGEST,
    )


def _parts(piece: Piece, step: int, scale: Fraction) -> tuple[Fraction, Fraction]:
    return piece.slope * scale / step, piece.base * scale


def _whole(rows: list[list[int]], width: int) -> Whole:
    wide = any(abs(x) > LARGEST for row in rows for x in row)
    return np.array(rows, dtype=object if wide else np.int64).reshape(len(rows), width)
