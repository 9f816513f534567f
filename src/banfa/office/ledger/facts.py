"""The engine's port to the outside, answered from the database.

Engagements: every active centre of every programme, folded for the day asked about, and the
declared outside entries. With `lock`, persons asked about are locked until the transaction ends,
so that two centres cannot take the same person at the same moment.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import Q

from banfa.office.ledger import store
from banfa.office.ledger.models import Centre, Engagement, Listing
from banfa.rules.life import canonical


def _on(day: dt.date) -> Q:
    begun = Q(since__isnull=True) | Q(since__lte=day)
    return begun & (Q(until__isnull=True) | Q(until__gte=day))


class DatabaseFacts:
    """Answers are kept for as long as this object lives: a request, or one recording."""

    def __init__(self, lock: bool = False) -> None:
        self._lock = lock
        self._listings: dict[str, list[Listing]] = {}
        self._engagements: dict[str, list[dict[str, Any]]] = {}

    def know(self, orgs: Sequence[str]) -> None:
        """Reads the listings of these organisations at once."""
        missing = [o for o in orgs if o not in self._listings]
        if missing:
            self._listings |= {o: [] for o in missing}
            for row in Listing.objects.filter(organisation__in=missing):
                self._listings[row.organisation].append(row)

    def listed(self, listing: str, org: str, on: dt.date) -> bool:
        """Whether the organisation is on that list on that day."""
        self.know([org])
        return any(
            row.list == listing
            and (row.since is None or row.since <= on)
            and (row.until is None or on <= row.until)
            for row in self._listings[org]
        )

    def engagements(
        self, team: Sequence[str], on: dt.date, level: str, centre: str | None
    ) -> Sequence[Mapping[str, Any]]:
        """Persons of the team at work in other active platforms of that level on that day."""
        members = store.people_in(team)
        at = canonical([sorted(members), on, level, centre])
        if at not in self._engagements:
            if self._lock:
                _lock_people(members)
            self._engagements[at] = [
                *self._declared(members, on, level),
                *self._in_centres(set(members), on, level, centre),
            ]
        return self._engagements[at]

    def _declared(self, members: list[str], on: dt.date, level: str) -> list[dict[str, Any]]:
        found = Engagement.objects.filter(_on(on), person__in=members).order_by("person", "id")
        if level != "any":
            found = found.filter(level=level)
        return [{"person": e.person, "platform": e.platform, "level": e.level} for e in found]

    def _in_centres(
        self, members: set[str], on: dt.date, level: str, centre: str | None
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        named = Centre.objects.filter(people__overlap=sorted(members)).select_related("book")
        others = list(named.exclude(id=centre or "").order_by("id"))
        rows = store.rows_by_centre(others)
        for other in others:
            editions = store.editions_of(other.book)
            history = store.history_of(editions, rows[other.id])
            state = history.state(store.world_of(other.book), on)
            rs = editions.of(state, on)
            if not rs.is_active(state, on):
                continue
            if level not in ("any", rs.programme.instrument.level):
                continue
            short = rs.programme.short.zh
            named = {"platform": rs.programme.programme, "platform_name": short}
            found += [
                {"person": who, **named, "centre": other.id}
                for who in store.people_in(state.values.get("team"))
                if who in members
            ]
        return found


def _lock_people(members: Sequence[str]) -> None:
    """Locks persons until the end of the transaction, always in the same order."""
    numbers = sorted(
        int.from_bytes(hashlib.sha256(m.encode()).digest()[:8], "big", signed=True) for m in members
    )
    with connection.cursor() as cursor:
        for number in numbers:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
