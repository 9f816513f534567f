"""Tables of values in columns, and the figures that are scored: one for each centre and indicator.

A value is stored as a whole number: units of the last declared place of the declared unit. A
missing value is kept apart from every number.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import lcm

import numpy as np
import numpy.typing as npt

from banfa.rules.exact import LARGEST, Column, Mode, divided, largest, ten
from banfa.rules.loading import Bilingual
from banfa.rules.proposals import nearest
from banfa.rules.system import Derived, Indicator, System
from banfa.rules.units import unit

Mask = npt.NDArray[np.bool_]
Given = int | Decimal | bool | str | None


def whole(name: str, one: Indicator, value: Given) -> int:
    """A value as it is stored. Raises Bilingual, saying what may be written instead."""
    label = one.name
    if one.type == "grade":
        grades = grades_of(one)
        if value in grades:
            return grades.index(str(value))
        raise Bilingual(
            f"{label.zh}（{one.code}）应为下列等级之一：{'、'.join(grades)}；写的是“{value}”",
            f"{label.en} ({one.code}) is one of the grades {', '.join(grades)}, not '{value}'",
        )
    if one.type == "yes_no":
        if isinstance(value, bool):
            return int(value)
        raise Bilingual(
            f"{label.zh}（{one.code}）应为是或否；写的是“{value}”",
            f"{label.en} ({one.code}) is yes or no, not '{value}'",
        )
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Bilingual(
            f"{label.zh}（{one.code}）应为数；写的是“{value}”",
            f"{label.en} ({one.code}) is a number, not '{value}'",
        )
    return _scaled(one, Decimal(value))


def _scaled(one: Indicator, value: Decimal) -> int:
    low, high = one.allowed.at_least, one.allowed.at_most
    name = one.name
    if not value.is_finite() or (low is not None and value < low):
        raise Bilingual(
            f"{name.zh}（{one.code}）不得小于 {low}；写的是 {value}",
            f"{name.en} ({one.code}) cannot be below {low}: {value}",
        )
    if high is not None and value > high:
        raise Bilingual(
            f"{name.zh}（{one.code}）不得大于 {high}；写的是 {value}",
            f"{name.en} ({one.code}) cannot be above {high}: {value}",
        )
    scaled = Fraction(value) * ten(one.places)
    if scaled.denominator != 1:
        if not one.places:
            raise Bilingual(
                f"{name.zh}（{one.code}）须为整数；写的是 {value}",
                f"{name.en} ({one.code}) is a whole number, not {value}",
            )
        raise Bilingual(
            f"{name.zh}（{one.code}）至多 {one.places} 位小数；写的是 {value}",
            f"{name.en} ({one.code}) has at most {one.places} places: {value}",
        )
    if abs(scaled.numerator) > LARGEST:
        raise Bilingual(
            f"{name.zh}（{one.code}）的数过大：{value}",
            f"{name.en} ({one.code}) is too large: {value}",
        )
    return scaled.numerator


_YES_NO = {"是": True, "yes": True, "true": True, "否": False, "no": False, "false": False}
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


def from_text(one: Indicator, text: str) -> Given:
    """A value as people type it: 1,234.5 or １２; 是 or 否; a grade's id or name; empty: missing.

    Raises Bilingual where it cannot be read.
    """
    typed = unicodedata.normalize("NFKC", text).strip()
    if not typed:
        return None
    if one.type == "yes_no":
        return _YES_NO.get(typed.lower(), typed)
    if one.type == "grade":
        return _grade_named(one, typed)
    plain = typed
    if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", typed):
        plain = typed.replace(",", "")
    if one.unit == "%":
        plain = plain.removesuffix("%").rstrip()
    if not _NUMBER.fullmatch(plain) or len(plain) > 40:
        raise Bilingual(
            f"{one.name.zh}（{one.code}）应为数；写的是“{text.strip()[:40]}”",
            f"{one.name.en} ({one.code}) is a number, not '{text.strip()[:40]}'",
        )
    return Decimal(plain)


def _grade_named(one: Indicator, typed: str) -> str:
    kernel = one.kernel
    if kernel is not None:
        inner = next(iter(kernel.bands.values())) if kernel.bands else kernel
        for name, grade in (inner.graded or {}).items():
            if typed.lower() in (name.lower(), grade.name.zh.lower(), grade.name.en.lower()):
                return name
    return typed


def grades_of(one: Indicator) -> list[str]:
    """The grades an expert may give, in the order of the file; all bands have the same."""
    kernel = one.kernel
    if kernel is None:
        return []
    inner = next(iter(kernel.bands.values())) if kernel.bands else kernel
    return list(inner.graded or {})


@dataclass(slots=True)
class Table:
    """Values of centres over years, in columns: `values[indicator]` is years × centres.

    `present` marks the values that are there; `classes` numbers each centre's class in every set of
    bands, -1 where it is not known.
    """

    centres: list[str]
    years: list[int]
    values: dict[str, npt.NDArray[np.int64]]
    present: dict[str, Mask]
    classes: dict[str, npt.NDArray[np.intp]] = field(default_factory=dict)
    _known: dict[str, tuple[int, list[bool]]] = field(default_factory=dict, repr=False)

    def known(self, name: str) -> tuple[int, list[bool]]:
        """A column's largest absolute value, and in which years every value is there."""
        found = self._known.get(name)
        if found is None:
            full = [bool(row.all()) for row in self.present[name]]
            found = self._known[name] = (largest(self.values[name]), full)
        return found

    def digest(self) -> str:
        """A digest of everything in the table, whatever the order of its rows."""
        order = sorted(range(len(self.centres)), key=self.centres.__getitem__)
        heads = [[self.centres[i] for i in order], self.years]
        made = hashlib.sha256(json.dumps(heads, ensure_ascii=False).encode())
        for name in sorted(self.values):
            there = self.present[name][:, order]
            numbers = np.where(there, self.values[name][:, order], 0)
            made.update(name.encode() + b"\0" + np.packbits(there).tobytes())
            made.update(np.ascontiguousarray(numbers, dtype="<i8").tobytes())
        for name in sorted(self.classes):
            numbered = self.classes[name][order]
            made.update(name.encode() + b"\0" + numbered.astype("<i4").tobytes())
        return made.hexdigest()


@dataclass(slots=True, frozen=True)
class Wrong:
    """What is wrong with one value of a table: where it stands, and what to do."""

    centre: str
    name: str
    year: int | None
    zh: str
    en: str


class WrongTable(Exception):
    """A table with values that cannot be taken; `problems` holds every one of them."""

    def __init__(self, problems: Sequence[Wrong]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(one.en for one in problems))


def table(
    system: System,
    years: Sequence[int],
    values: Mapping[tuple[str, str, int], Given],
    centres: Mapping[str, Mapping[str, str]],
) -> Table:
    """A table from single values by (centre, indicator, year); None is missing.

    `centres` gives each centre's class in every set of bands. Years are in order and follow one
    another. Raises WrongTable with everything that is wrong.
    """
    order, wrong = list(centres), list[Wrong]()
    at = {centre: i for i, centre in enumerate(order)}
    shape = (len(years), len(order))
    base = {n: one for n, one in system.indicators.items() if one.derived is None}
    made = Table(
        order,
        list(years),
        {n: np.zeros(shape, np.int64) for n in base},
        {n: np.zeros(shape, np.bool_) for n in base},
        {n: _classes(system, n, centres, wrong) for n in system.bands},
    )
    rows = {year: i for i, year in enumerate(years)}
    for (centre, name, year), value in values.items():
        if value is None:
            continue
        try:
            if centre not in at or name not in base or year not in rows:
                raise _no_place(centre, name, year, order, base, years)
            made.values[name][rows[year], at[centre]] = whole(name, base[name], value)
            made.present[name][rows[year], at[centre]] = True
        except Bilingual as error:
            wrong.append(Wrong(centre, name, year, error.zh, error.en))
    if wrong:
        raise WrongTable(wrong)
    return made


def _classes(
    system: System, name: str, centres: Mapping[str, Mapping[str, str]], wrong: list[Wrong]
) -> npt.NDArray[np.intp]:
    known = list(system.bands[name].classes)
    made = np.full(len(centres), -1, np.intp)
    for i, (centre, of) in enumerate(centres.items()):
        given = of.get(name)
        if given in known:
            made[i] = known.index(given)
        elif given:
            label = system.bands[name].name
            zh = f"{label.zh}没有“{given}”这一类；可用：{'、'.join(known)}"
            en = f"there is no class '{given}' of {label.en}; there are: {', '.join(known)}"
            wrong.append(Wrong(centre, name, None, zh, en))
    return made


def _no_place(
    centre: str,
    name: str,
    year: int,
    centres: Iterable[str],
    base: Iterable[str],
    years: Sequence[int],
) -> Bilingual:
    if centre not in centres:
        return Bilingual(f"表中没有“{centre}”这个中心", f"no centre '{centre}' in the table")
    if name not in base:
        like = nearest(name, list(base))
        return Bilingual(
            f"没有“{name}”这个填报指标" + (f"；是否指“{like}”？" if like else ""),
            f"no indicator '{name}' to fill in" + (f"; did you mean '{like}'?" if like else ""),
        )
    return Bilingual(
        f"{year} 年不在评估年度 {years[0]}—{years[-1]} 之内",
        f"{year} is not one of the years {years[0]} to {years[-1]}",
    )


# --- figures ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Figure:
    """One indicator's figures: whole numbers, which are there, which count as zero though missing.

    `there` None: all of them; `zeroed` None: none.
    """

    column: Column
    there: Mask | None = None
    zeroed: Mask | None = None


class Figures:
    """The figures of one table, each computed once."""

    def __init__(self, system: System, made: Table) -> None:
        self.system, self.table = system, made
        self.mode: Mode = system.rounding.mode
        self._series: dict[str, list[Figure]] = {}
        self._again = {
            operand
            for one in system.indicators.values()
            if one.derived is not None and one.derived.years == "whole"
            for operand in one.derived.operands
        }
        self._figures: dict[str, Figure] = {}

    def of(self, name: str) -> Figure:
        """The one figure of an indicator for each centre that is scored or shown."""
        found = self._figures.get(name)
        if found is None:
            one = self.system.indicators[name]
            derived = one.derived
            if derived is not None and (derived.years == "whole" or derived.growth is not None):
                found = self._one(one, derived, self._operands(derived))
            elif derived is not None and one.over == "last":
                found = self._one(one, derived, [self.series(n)[-1] for n in derived.operands])
            else:
                found = self._over(one, self.series(name))
            if name in self._again:
                self._figures[name] = found
        return found

    def _operands(self, derived: Derived) -> list[Figure]:
        if derived.growth is not None:
            series = self.series(derived.growth.of)
            return [series[-1], series[0]]
        return [self.of(name) for name in derived.operands]

    def series(self, name: str) -> list[Figure]:
        """An indicator's figures year by year."""
        found = self._series.get(name)
        if found is None:
            one = self.system.indicators[name]
            if one.derived is not None:
                each = zip(*(self.series(n) for n in one.derived.operands), strict=True)
                found = [self._one(one, one.derived, list(row)) for row in each]
            else:
                found = self._entered(name, one)
            self._series[name] = found
        return found

    def _entered(self, name: str, one: Indicator) -> list[Figure]:
        values, present = self.table.values[name], self.table.present[name]
        bound, full = self.table.known(name)
        found = []
        for year in range(len(self.table.years)):
            column = Column(values[year], bound)
            if full[year]:
                found.append(Figure(column))
            elif one.missing == "zero":
                cleared = np.where(present[year], values[year], 0)
                found.append(Figure(Column(cleared, column.bound), None, ~present[year]))
            else:
                found.append(Figure(column, present[year]))
        return found

    def _over(self, one: Indicator, series: list[Figure]) -> Figure:
        if one.over == "last" or len(series) == 1:
            return series[-1]
        total = series[0].column
        for year in series[1:]:
            total = total.plus(year.column)
        if one.over == "mean":
            total = divided(total, len(series), self.mode)
        return Figure(total.narrow(), _all(f.there for f in series), _any(f.zeroed for f in series))

    def _one(self, one: Indicator, derived: Derived, operands: list[Figure]) -> Figure:
        names = derived.operands
        if derived.growth is not None:
            names = names * 2
        sizes = [self._size(self.system.indicators[name]) for name in names]
        wanted = self._size(one)
        columns = [f.column for f in operands]
        there, zeroed = _all(f.there for f in operands), _any(f.zeroed for f in operands)
        if derived.operation in ("sum", "difference"):
            sign = -1 if derived.operation == "difference" else 1
            column = self._added(columns, [size / wanted for size in sizes], sign)
        else:
            top, bottom = columns
            factor = sizes[0] / sizes[1] / wanted
            if derived.growth is not None:
                top, factor = top.plus(bottom, -1), 1 / wanted
            column, defined = self._quotient(top, bottom, factor)
            there = _all((there, defined))
        if there is not None and one.missing == "zero":
            cleared = np.where(there, column.values, 0)
            return Figure(Column(cleared, column.bound).narrow(), None, _any((zeroed, ~there)))
        return Figure(column.narrow(), there, zeroed)

    def _added(self, columns: list[Column], factors: list[Fraction], sign: int) -> Column:
        bottom = lcm(*(factor.denominator for factor in factors))
        total = columns[0].times(int(factors[0] * bottom))
        for column, factor in zip(columns[1:], factors[1:], strict=True):
            total = total.plus(column.times(int(factor * bottom)), sign)
        return divided(total, bottom, self.mode)

    def _quotient(
        self, top: Column, bottom: Column, factor: Fraction
    ) -> tuple[Column, Mask | None]:
        """What is not divided by a number above zero has no figure."""
        defined: Mask | None = bottom.values > 0
        if defined is not None and defined.all():
            defined = None
        else:
            bottom = Column(np.where(bottom.values > 0, bottom.values, 1), max(bottom.bound, 1))
        top, bottom = top.times(factor.numerator), bottom.times(factor.denominator)
        return divided(top, bottom, self.mode), defined

    def _size(self, one: Indicator) -> Fraction:
        """How many base units one stored whole number stands for."""
        return unit(one.unit or "1").size / ten(one.places)


def _all(masks: Iterable[Mask | None]) -> Mask | None:
    made: Mask | None = None
    for mask in masks:
        if mask is not None:
            made = mask if made is None else made & mask
    return made


def _any(masks: Iterable[Mask | None]) -> Mask | None:
    made: Mask | None = None
    for mask in masks:
        if mask is not None:
            made = mask if made is None else made | mask
    return made
