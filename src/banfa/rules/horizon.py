"""How long an answer about duties holds: until which day, and which programme acts could change it.

Duties arise by the mere passing of time, too. `outlook` asks for them with a day that notices what
it is compared with, and a world that notices what it is asked; so it can say, for any programme, on
which later day asking again could give another answer. Nothing is assumed about the programme.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from banfa.rules.duties import Duty, duties
from banfa.rules.life import Act, State
from banfa.rules.ruleset import Ruleset
from banfa.rules.world import Facts, World

ANY = "*"
"""Among the kinds asked about: any programme-level act at all."""

_ONE_DAY = dt.timedelta(days=1)


@dataclass(slots=True)
class Outlook:
    """Duties on a day, and how long they stay what they are.

    `until` is the first later day on which they may differ by the passing of time alone; None:
    never. `asked` are the kinds of programme-level acts that they depend on (`*`: all), and
    `listed:<list>` for the lists kept outside.
    """

    duties: list[Duty]
    until: dt.date | None
    asked: frozenset[str]


def outlook(rs: Ruleset, state: State, on: dt.date, world: World) -> Outlook:
    """What is owed on a day, as `duties` says, and how long that holds."""
    day = WatchedDay(on.year, on.month, on.day)
    seen = _AskedWorld(world)
    found = [_plain(duty, day) for duty in duties(rs, state, day, seen)]
    return Outlook(found, day.until, frozenset(seen.asked))


def _plain(duty: Duty, day: WatchedDay) -> Duty:
    """The duty with plain dates; one that is the day itself is another one tomorrow."""
    moving = {n: day.plain for n in ("since", "due") if getattr(duty, n) is day}
    if moving:
        day.until = day.plain + _ONE_DAY
    return replace(duty, **moving) if moving else duty


class WatchedDay(dt.date):
    """A day that notes on which later day a comparison or a look at its parts would differ."""

    until: dt.date | None = None

    @property
    def plain(self) -> dt.date:
        """The same day, unwatched."""
        return dt.date.fromordinal(dt.date.toordinal(self))

    def _flips(self, ordinal: int) -> None:
        """Something differs from that day on."""
        if dt.date.toordinal(self) < ordinal <= dt.date.max.toordinal() and (
            self.until is None or ordinal < dt.date.toordinal(self.until)
        ):
            self.until = dt.date.fromordinal(ordinal)

    def _tomorrow(self) -> None:
        self._flips(dt.date.toordinal(self) + 1)

    # --- comparisons

    def __lt__(self, other: Any) -> bool:
        self._flips(dt.date.toordinal(other))
        return dt.date.__lt__(self, other)

    def __ge__(self, other: Any) -> bool:
        self._flips(dt.date.toordinal(other))
        return dt.date.__ge__(self, other)

    def __gt__(self, other: Any) -> bool:
        self._flips(dt.date.toordinal(other) + 1)
        return dt.date.__gt__(self, other)

    def __le__(self, other: Any) -> bool:
        self._flips(dt.date.toordinal(other) + 1)
        return dt.date.__le__(self, other)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, dt.date):
            theirs = dt.date.toordinal(other)
            self._flips(theirs + (theirs <= dt.date.toordinal(self)))
        return dt.date.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        self._tomorrow()
        return dt.date.__hash__(self)

    # --- looks at its parts

    @property
    def year(self) -> int:
        """Its year; another one from the first of January on."""
        found: int = dt.date.year.__get__(self)
        if found < dt.MAXYEAR:
            self._flips(dt.date(found + 1, 1, 1).toordinal())
        return found

    @property
    def month(self) -> int:
        """Its month; another one from the first of the next month on."""
        found: int = dt.date.month.__get__(self)
        year: int = dt.date.year.__get__(self)
        if (year, found) != (dt.MAXYEAR, 12):
            self._flips(dt.date(year + found // 12, found % 12 + 1, 1).toordinal())
        return found

    @property
    def day(self) -> int:
        """Its day of the month; another one tomorrow."""
        self._tomorrow()
        found: int = dt.date.day.__get__(self)
        return found

    def __add__(self, other: Any) -> Any:
        self._tomorrow()
        return self.plain + other

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __sub__(self, other: Any) -> Any:
        self._tomorrow()
        return self.plain - other

    def __rsub__(self, other: Any) -> Any:
        self._tomorrow()
        return other - self.plain

    def __str__(self) -> str:
        self._tomorrow()
        return dt.date.__str__(self)

    def __format__(self, how: str) -> str:
        self._tomorrow()
        return dt.date.__format__(self.plain, how)

    def isoformat(self) -> str:
        """As text; another one tomorrow."""
        self._tomorrow()
        return dt.date.isoformat(self.plain)

    def toordinal(self) -> int:
        """As a number; another one tomorrow."""
        self._tomorrow()
        return dt.date.toordinal(self)

    def weekday(self) -> int:
        """Its day of the week; another one tomorrow."""
        self._tomorrow()
        return dt.date.weekday(self)

    def replace(self, *parts: Any, **named: Any) -> Any:
        """With some parts changed; another day tomorrow."""
        self._tomorrow()
        return self.plain.replace(*parts, **named)

    def timetuple(self) -> Any:
        """Its parts; others tomorrow."""
        self._tomorrow()
        return dt.date.timetuple(self)


class _AskedFacts:
    """The port, noting which lists were asked about. Engagements may change by any act anywhere."""

    def __init__(self, facts: Facts, asked: set[str]) -> None:
        self._facts, self._asked = facts, asked

    def listed(self, listing: str, org: str, on: dt.date) -> bool:
        self._asked.add(f"listed:{listing}")
        return self._facts.listed(listing, org, on)

    def engagements(
        self, team: Sequence[str], on: dt.date, level: str, centre: str | None
    ) -> Sequence[Mapping[str, Any]]:
        if isinstance(on, WatchedDay):
            on._tomorrow()
            on = on.plain
        return self._facts.engagements(team, on, level, centre)


class _AskedWorld(World):
    """The same world, noting what it is asked about."""

    def __init__(self, world: World) -> None:
        self.asked: set[str] = set()
        super().__init__(world._acts, _AskedFacts(world.facts, self.asked), world.upto)

    def of(self, kind: str, on: dt.date) -> list[Act]:
        self.asked.add(kind)
        return super().of(kind, on)

    def named(self, reference: Any) -> Act | None:
        found = super().named(reference)
        if found is None:
            self.asked.add(ANY)
        return found
