"""What an act can see beyond its own centre: programme-level acts, and a narrow port outside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from banfa.rules.life import Act, canonical, standing


class Facts(Protocol):
    """The port the caller implements. Answers are stored with the act; replay uses those."""

    def listed(self, listing: str, org: str, on: dt.date) -> bool:
        """Whether the organisation is on that list on that day."""

    def engagements(
        self, team: Sequence[str], on: dt.date, level: str, centre: str | None
    ) -> Sequence[Mapping[str, Any]]:
        """Other active platforms these persons take part in, each {person, platform, centre}."""


class NoFacts:
    """A port that knows of nobody on any list and of no other platform."""

    def listed(self, listing: str, org: str, on: dt.date) -> bool:
        """Nobody is listed."""
        return False

    def engagements(
        self, team: Sequence[str], on: dt.date, level: str, centre: str | None
    ) -> Sequence[Mapping[str, Any]]:
        """Nobody is engaged elsewhere."""
        return ()


class Remembering:
    """Passes questions on and keeps the answers, so that they can be stored with the act."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.answers: dict[str, Any] = {}

    def listed(self, listing: str, org: str, on: dt.date) -> bool:
        """As the port; the answer is kept."""
        answer = self._facts.listed(listing, org, on)
        self.answers[canonical(["listed", listing, org, on])] = answer
        return answer

    def engagements(
        self, team: Sequence[str], on: dt.date, level: str, centre: str | None
    ) -> Sequence[Mapping[str, Any]]:
        """As the port; the answer is kept."""
        answer = [dict(e) for e in self._facts.engagements(team, on, level, centre)]
        self.answers[canonical(["engagements", sorted(team), on, level])] = answer
        return answer


class Remembered:
    """Answers from what was stored with an act, never from today's registers.

    A question that was not asked then raises KeyError: replay must not invent an answer. Where acts
    are judged again on a history that has changed, `otherwise` answers what was not asked before.
    """

    def __init__(self, answers: Mapping[str, Any], otherwise: Facts | None = None) -> None:
        self._answers = answers
        self._otherwise = otherwise

    def listed(self, listing: str, org: str, on: dt.date) -> bool:
        """The stored answer."""
        key = canonical(["listed", listing, org, on])
        if key not in self._answers and self._otherwise is not None:
            return self._otherwise.listed(listing, org, on)
        return bool(self._answers[key])

    def engagements(
        self, team: Sequence[str], on: dt.date, level: str, centre: str | None
    ) -> Sequence[Mapping[str, Any]]:
        """The stored answer."""
        key = canonical(["engagements", sorted(team), on, level])
        if key not in self._answers and self._otherwise is not None:
            return self._otherwise.engagements(team, on, level, centre)
        found: Sequence[Mapping[str, Any]] = self._answers[key]
        return found


class World:
    """The programme-level acts by kind, and the port.

    `upto` limits what is seen to programme acts recorded up to that sequence number, which is how
    an act judged earlier is seen again as it was.
    """

    def __init__(
        self,
        acts: Iterable[Act] = (),
        facts: Facts | None = None,
        upto: int | None = None,
    ) -> None:
        self.facts: Facts = facts or NoFacts()
        self.upto = upto
        self._acts = list(acts)
        self._kinds: dict[str, list[Act]] | None = None

    @property
    def seq(self) -> int:
        """The last programme-level sequence number that is visible."""
        return max((a.seq for a in self._visible()), default=0)

    @property
    def acts(self) -> list[Act]:
        """The visible programme acts that stand, in folding order."""
        return standing(self._visible())

    def _visible(self) -> list[Act]:
        return [a for a in self._acts if self.upto is None or a.seq <= self.upto]

    def add(self, act: Act) -> None:
        """Makes a recorded programme act visible."""
        self._acts.append(act)
        self._kinds = None

    def seen(self, upto: int | None, facts: Facts | None = None) -> World:
        """The world as an act that saw programme acts up to `upto` sees it."""
        return World(self._acts, facts or self.facts, upto)

    def of(self, kind: str, on: dt.date) -> list[Act]:
        """The programme acts of a kind that count on or before a day, in order."""
        if self._kinds is None:
            self._kinds = {}
            for act in self.acts:
                self._kinds.setdefault(act.kind, []).append(act)
        return [a for a in self._kinds.get(kind, ()) if a.on <= on]

    def named(self, reference: Any) -> Act | None:
        """A programme act by its sequence number or its label in a case file."""
        for act in self.acts:
            if act.seq == reference or (act.label is not None and act.label == reference):
                return act
        return None

    def parameter(self, name: str, on: dt.date, key: Any = None) -> Any:
        """A parameter's value in force on a day (of a year, when it is set per year), or None."""
        value = None
        best: tuple[dt.date, int] | None = None
        for act in self.of("set_parameter", on):
            data = act.data
            if data.get("parameter") != name or (key is not None and data.get("year") != key):
                continue
            begins = data.get("from") or act.on
            if begins <= on and (best is None or (begins, act.seq) >= best):
                best, value = (begins, act.seq), data.get("value")
        return value

    def choice(self, default: str, on: dt.date) -> str | None:
        """The setting the authority chose for a default, or None where it chose none."""
        value = None
        best: tuple[dt.date, int] | None = None
        for act in self.of("set_default", on):
            begins = act.data.get("from") or act.on
            if (
                act.data.get("default") == default
                and begins <= on
                and (best is None or (begins, act.seq) >= best)
            ):
                best, value = (begins, act.seq), act.data.get("to")
        return value

    def valid_until(self, until: dt.date | None, on: dt.date) -> dt.date | None:
        """The last day of force as extended by recorded extensions of validity."""
        for act in self.of("extend_validity", on):
            extended = act.data.get("until")
            if until is not None and extended is not None and extended > until:
                until = extended
        return until
