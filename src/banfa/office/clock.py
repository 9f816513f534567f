"""The clock: the only place in the office that asks what day it is.

Days are days in Asia/Shanghai. `BANFA_TODAY=2030-11-15` sets another day (the demonstration,
tests); the time of day then runs on as it is.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Iterator
from contextvars import ContextVar
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
_played: ContextVar[dt.datetime | None] = ContextVar("played", default=None)


class BadClock(ValueError):
    """BANFA_TODAY is not a date."""


def chosen_day() -> dt.date | None:
    """The day that BANFA_TODAY sets, or None. Raises BadClock when it is not a date."""
    text = os.environ.get("BANFA_TODAY", "").strip()
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadClock(
            f"环境变量 BANFA_TODAY 的值“{text}”不是日期，请写成 2030-11-15"
            f" / BANFA_TODAY is '{text}'; write a date as 2030-11-15"
        ) from None


def now() -> dt.datetime:
    """This moment in Shanghai, on the chosen day when there is one."""
    if (played := _played.get()) is not None:
        return played
    moment = dt.datetime.now(SHANGHAI)
    day = chosen_day()
    return moment if day is None else dt.datetime.combine(day, moment.timetz())


def today() -> dt.date:
    """Today in Shanghai, or the day that BANFA_TODAY sets."""
    return now().date()


@contextlib.contextmanager
def played(moment: dt.datetime) -> Iterator[None]:
    """Within it, it is that moment: for the demonstration, which plays what went before."""
    before = _played.set(moment.astimezone(SHANGHAI))
    try:
        yield
    finally:
        _played.reset(before)


def begins(day: dt.date) -> dt.datetime:
    """The moment at which a day begins in Asia/Shanghai."""
    return dt.datetime.combine(day, dt.time(), SHANGHAI)
