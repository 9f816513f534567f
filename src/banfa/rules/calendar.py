"""Periods and deadlines, counted as civil law counts them.

Everything here is pure arithmetic on calendar dates: nothing reads a clock, and no day is moved
off a weekend or holiday unless the caller passes a table of working days.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from banfa.rules.loading import Bilingual

_UNITS = {"year": "years", "month": "months", "day": "days", "working day": "working_days"}
_PART = re.compile(r"([1-9][0-9]{0,3}) (year|month|working day|day)")
_LONGEST = 9999
_ONE_DAY = timedelta(days=1)
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class NotAnnounced(Bilingual):
    """The table of working days does not cover `year`, so nothing can be counted there."""

    def __init__(self, year: int) -> None:
        super().__init__(
            zh=f"尚无{year}年的工作日安排，无法计算",
            en=f"the working days of {year} are not known yet, so they cannot be counted",
        )
        self.year = year


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as a rule states it: years, months and days, or working days alone.

    Nothing is converted: 18 months stay 18 months. Raises ValueError for a negative, an empty,
    or a mixed span, since working days and calendar units never add up.
    """

    years: int = 0
    months: int = 0
    days: int = 0
    working_days: int = 0

    def __post_init__(self) -> None:
        amounts = (self.years, self.months, self.days, self.working_days)
        if min(amounts) < 0 or max(amounts) > _LONGEST or not any(amounts):
            raise Bilingual(
                zh=f"期限须为正数，且每一单位不超过{_LONGEST}",
                en=f"a span must be longer than nothing and at most {_LONGEST} of each unit",
            )
        if self.working_days and any(amounts[:3]):
            raise Bilingual(
                zh="工作日不能与年、月、日合用",
                en="working days do not mix with years, months or days",
            )

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read `3 years`, `1 year 6 months`, `1 day` or `10 working days`.

        The order is years, months, days; one is singular and more are plural, so that a span has
        one spelling and `str` gives it back. Raises ValueError naming the text and the forms.
        """
        amounts = {_UNITS[unit]: int(amount) for amount, unit in _PART.findall(text)}
        # Whatever the search passed over or misread does not come back.
        if not amounts or _worded(amounts) != text:
            raise Bilingual(
                zh=f"“{text}”不是期限；请写成 3 years、1 year 6 months、18 months、1 day 或 "
                "10 working days",
                en=f"{text!r} is not a span; write for example '3 years', '1 year 6 months', "
                "'18 months', '1 day' or '10 working days'",
            )
        return cls(**amounts)

    def times(self, number: int) -> Span:
        """Return the span taken `number` times (at least once), counted in one step."""
        return Span(
            self.years * number,
            self.months * number,
            self.days * number,
            self.working_days * number,
        )

    def __str__(self) -> str:
        return _worded({name: getattr(self, name) for name in _UNITS.values()})


def _worded(amounts: Mapping[str, int]) -> str:
    """Write amounts in the order of the units: one is singular, none is left out."""
    named = ((amounts.get(name, 0), unit) for unit, name in _UNITS.items())
    return " ".join(f"{n} {unit}{'s' * (n != 1)}" for n, unit in named if n)


@dataclass(slots=True)
class WorkingDays:
    """Which days are worked, as far as the State has announced them.

    Mondays to Fridays are worked unless `days` says otherwise: it maps a day to True (worked) or
    False (off), and may be edited. `years` holds the years whose arrangement has been announced;
    any other year raises NotAnnounced rather than being guessed.
    """

    years: set[int] = field(default_factory=set)
    days: dict[date, bool] = field(default_factory=dict)

    def announce(self, year: int, off: Iterable[date] = (), worked: Iterable[date] = ()) -> None:
        """Enter a year's arrangement: days off, and weekend days worked in exchange."""
        self.years.add(year)
        self.days.update(dict.fromkeys(off, False))
        self.days.update(dict.fromkeys(worked, True))

    def covers(self, year: int) -> bool:
        """Tell whether the arrangement of `year` is known."""
        return year in self.years

    def is_working(self, day: date) -> bool:
        """Tell whether `day` is worked. Raises NotAnnounced for a year that is not covered."""
        if not self.covers(day.year):
            raise NotAnnounced(day.year)
        known = self.days.get(day)
        return day.weekday() < 5 if known is None else known


def last_day_of_month(year: int, month: int) -> date:
    """Return the last day of a month: what "by the end of February" includes."""
    return date(year, month, _days_in(year, month))


def year_end(year: int) -> date:
    """Return 31 December: the last day on which "by the end of the year" is met."""
    return date(year, 12, 31)


def end_of(
    anchor: date, span: Span, *, sign: Literal[1, -1] = 1, holidays: WorkingDays | None = None
) -> date:
    """Return the last day of a period that an act on `anchor` sets running (convention P1).

    The day of the act is not counted. Years and months end on the same-numbered day of the last
    month, or on that month's last day; then days are added plainly. `sign=-1` counts backwards.
    `holidays` is needed for working days and changes nothing else: see `shift` for moving a
    deadline. Raises NotAnnounced, and ValueError without the table or beyond years 1 to 9999.
    """
    if span.working_days:
        if holidays is None:
            raise Bilingual(
                zh="计算工作日需要工作日安排表",
                en="counting working days needs a table of working days",
            )
        return _count_working_days(anchor, span.working_days, sign, holidays)
    months = 12 * span.years + span.months
    try:
        year, month, day = _same_day(anchor, sign * months)
        if day > 28:
            day = min(day, _days_in(year, month))
        end = date(year, month, day)
        return end + timedelta(days=sign * span.days) if span.days else end
    except (ValueError, OverflowError):
        raise _beyond_calendar(anchor, span) from None


def eve_of(start: date, span: Span) -> date:
    """Return the last day of a period whose first day is `start` (convention P2).

    The period covers [start, start + span): it ends on the eve of the anniversary. Where the last
    month lacks the start's day number, the period ends with that month, never a day short:
    2024-02-29 and one year end on 2025-02-28. Raises ValueError for working days, which count
    from an act only, and beyond years 1 to 9999.
    """
    if span.working_days:
        raise Bilingual(
            zh="自起始日起算的期间不能以工作日计",
            en="a period with its own first day cannot be given in working days",
        )
    year, month, day = _same_day(start, 12 * span.years + span.months)
    try:
        longest = _days_in(year, month)
        # A missing anniversary falls on the first of the next month; its eve is the month's end.
        eve = date(year, month, longest) if day > longest else date(year, month, day) - _ONE_DAY
        return eve + timedelta(days=span.days)
    except (ValueError, OverflowError):
        raise _beyond_calendar(start, span) from None


def shift(day: date, calendar: WorkingDays | None = None) -> date:
    """Return `day`, or the next working day when a table is passed and `day` is not worked.

    Without a table nothing moves: none of the regulations shifts a deadline. Raises NotAnnounced
    when the search meets a year that the table does not cover.
    """
    if calendar is not None:
        while not calendar.is_working(day):
            day += _ONE_DAY
    return day


def _same_day(day: date, months: int) -> tuple[int, int, int]:
    """Return year, month and day number of the same-numbered day, which may not exist."""
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return year, month + 1, day.day


def _days_in(year: int, month: int) -> int:
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return _MONTH_DAYS[month - 1]


def _count_working_days(anchor: date, count: int, sign: int, table: WorkingDays) -> date:
    day = anchor
    while count:
        day += sign * _ONE_DAY
        count -= table.is_working(day)
    return day


def _beyond_calendar(anchor: date, span: Span) -> Bilingual:
    return Bilingual(
        zh=f"{anchor}与{span}超出可计算的年份（1至9999年）",
        en=f"{span} from {anchor} leaves the years 1 to 9999",
    )
