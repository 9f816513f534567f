"""Exact whole-number columns: int64 while the result surely fits, Python's own integers beyond.

Every column carries a bound of its absolute values; an operation whose result could leave int64
first looks at the true largest value, and then goes on with Python integers (slower, still exact).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[Any]
Mode = Literal["half_up", "half_even", "down"]
LARGEST = 2**63 - 1


def largest(values: Whole) -> int:
    """The largest absolute value; 0 for an empty column."""
    if not values.size:
        return 0
    return max(abs(int(values.min())), abs(int(values.max())))


class Column:
    """Whole numbers, one for each centre, and a bound that none exceeds in absolute value."""

    __slots__ = ("bound", "values")

    def __init__(self, values: Whole, bound: int | None = None) -> None:
        self.values = values
        self.bound = largest(values) if bound is None else bound

    def _room(self, grow: int, add: int = 0) -> Whole:
        """The values, as Python integers where `value × grow + add` might not fit."""
        if self.bound * grow + add > LARGEST or grow > LARGEST:
            if self.values.dtype == object:
                return self.values
            self.bound = largest(self.values)
            if self.bound * grow + add > LARGEST or grow > LARGEST:
                return self.values.astype(object)
        return self.values

    def times(self, factor: int) -> Column:
        """Every value times one whole number."""
        if factor == 1:
            return self
        if self.values.dtype == np.int32:
            return Column(self.values.astype(np.int64), self.bound).times(factor)
        return Column(self._room(abs(factor)) * factor, self.bound * abs(factor))

    def plus(self, other: Column, sign: int = 1) -> Column:
        """Value by value the sum, or with sign -1 the difference."""
        mine, theirs = self._room(1, other.bound), other._room(1, self.bound)
        made = mine + theirs if sign > 0 else mine - theirs
        return Column(made, self.bound + other.bound)

    def clipped(self, low: int | None, high: int | None) -> Column:
        """Every value, no less than `low` and no more than `high`."""
        made = self.values
        wide = made.dtype == object
        if low is not None and (wide or low > -LARGEST):
            made = np.maximum(made, low)
        if high is not None and (wide or high < LARGEST):
            made = np.minimum(made, high)
        return Column(made)

    def compact(self) -> Whole:
        """The values in the least room that holds them, for keeping."""
        if self.bound < 1 << 31:
            return self.values.astype(np.int32)
        return self.narrow().values

    def narrow(self) -> Column:
        """The same as int64 again, where every value fits."""
        if self.values.dtype == object and largest(self.values) <= LARGEST:
            return Column(self.values.astype(np.int64))
        return self


def divided(
    top: Column, bottom: int | Column, mode: Mode, *, never_negative: bool = False
) -> Column:
    """Every value divided and rounded to a whole number.

    `half_up`: the nearest, halves away from zero (四舍五入); `half_even`: halves to the even
    neighbour; `down`: towards zero. The divisor is positive.
    """
    if isinstance(bottom, int) and bottom == 1:
        return top
    size = bottom if isinstance(bottom, int) else bottom.bound
    by = bottom if isinstance(bottom, int) else bottom.values
    if size > LARGEST:
        by = bottom if isinstance(bottom, int) else bottom.values.astype(object)
        wide = top.values.astype(object)
        return Column(_rounded(wide, by, mode, never_negative)).narrow()
    values = top._room(1, size)
    if values.dtype == object:
        return Column(_rounded(values, by, mode, never_negative)).narrow()
    bound = top.bound // bottom + 1 if isinstance(bottom, int) else top.bound + 1
    return Column(_rounded(values, by, mode, never_negative), bound)


def _rounded(values: Whole, by: Any, mode: Mode, never_negative: bool) -> Whole:
    signed = not never_negative and values.size > 0 and values.min() < 0
    size = np.abs(values) if signed else values
    if mode == "down":
        made = size // by
    elif mode == "half_up":
        made = size + by // 2
        made //= by
    else:
        made = size // by
        rest = size - made * by
        made = made + ((rest > by - rest) | ((rest == by - rest) & (made % 2 == 1)))
    return np.asarray(np.where(values < 0, -made, made) if signed else made)


def ten(places: int) -> int:
    """Ten to that power: how many units of the last place are one."""
    return int(10**places)


def round_to(value: Fraction, places: int, mode: Mode) -> int:
    """One exact number as whole units of the last place."""
    scaled = abs(value) * ten(places)
    top, bottom = scaled.numerator, scaled.denominator
    if mode == "down":
        made = top // bottom
    elif mode == "half_up":
        made = (2 * top + bottom) // (2 * bottom)
    else:
        made, rest = divmod(top, bottom)
        made += 2 * rest > bottom or (2 * rest == bottom and made % 2 == 1)
    return -made if value < 0 else made


def written(scaled: int, places: int) -> str:
    """Whole units of the last place as a decimal: 1250 with two places is 12.50."""
    sign, digits = ("-" if scaled < 0 else ""), str(abs(int(scaled))).rjust(places + 1, "0")
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
