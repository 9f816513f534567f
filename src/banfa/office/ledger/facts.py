"""The engine's port to the outside, answered from the database.

Engagements: every active centre of every programme, folded for the day asked about, and the
declared outside entries. With `lock`, persons asked about are locked until the transaction ends,
so that two centres cannot take the same person at the same moment.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection

from banfa.office.ledger import store
from banfa.office.ledger.models import Centre, Engagement, Listing, ProgrammeBook
from banfa.office.prepared import Prepared, later
from banfa.rules.history import History
from banfa.rules.life import canonical
from banfa.rules.world import World


class DatabaseFacts:
    """Answers are kept for as long as this object lives: a request, or one recording."""

    def __init__(self, lock: bool = False) -> None:
        self._lock = lock
        self._listings: dict[str, list[Listing]] = {}
        self._engagements: dict[str, list[dict[str, Any]]] = {}
        self._books: dict[str, ProgrammeBook] = {}

    def know(self, orgs: Sequence[str]) -> None:
        """Reads the listings of these organisations at once."""
        missing = [o for o in orgs if o not in self._listings]
        if missing:
            self._listings |= {o: [] for o in missing}
            for row in _listings(orgs=missing):
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
            self._lock_people(members)
            self._engagements[at] = [
                *self._declared(members, on, level),
                *self._in_centres(set(members), on, level, centre),
            ]
        return self._engagements[at]

    def _lock_people(self, members: list[str]) -> None:
        if self._lock:
            lock_people(members)

    def _declared(self, members: list[str], on: dt.date, level: str) -> list[dict[str, Any]]:
        found = Engagement.objects.filter(person__in=members).order_by("person", "id")
        return declared(found, on, level)

    def _in_centres(
        self, members: set[str], on: dt.date, level: str, centre: str | None
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for other, history in self._others(members, centre):
            state = history.state(self._world(other.book_id), on)
            rs = store.editions_of(other.book_id).of(state, on)
            if not rs.is_active(state, on):
                continue
            if level not in ("any", rs.programme.instrument.level):
                continue
            named = {"platform": rs.programme.programme, "platform_name": rs.programme.short.zh}
            found += [
                {"person": who, **named, "centre": other.id}
                for who in store.people_in(state.values.get("team"))
                if who in members
            ]
        return found

    def _others(self, members: set[str], centre: str | None) -> list[tuple[Centre, History]]:
        """The centres in whose team one of these has ever been, by id, with their histories."""
        named = Centre.objects.filter(people__overlap=sorted(members)).select_related("book")
        others = list(named.exclude(id=centre or "").order_by("id"))
        rows = store.rows_by_centre(others)
        self._books |= {o.book_id: o.book for o in others}
        return [(o, store.history_of(store.editions_of(o.book), rows[o.id])) for o in others]

    def _world(self, book: str) -> World:
        return store.world_of(self._books[book])


_listings = Prepared(
    lambda: Listing.objects.filter(organisation__any_of=later("orgs")).order_by("id")
)


def declared(rows: Iterable[Engagement], on: dt.date, level: str) -> list[dict[str, Any]]:
    """The declared engagements that count on a day, of a level."""
    return [
        {"person": e.person, "platform": e.platform, "level": e.level}
        for e in rows
        if (e.since is None or e.since <= on)
        and (e.until is None or on <= e.until)
        and level in ("any", e.level)
    ]


def lock_people(members: Sequence[str]) -> None:
    """Locks persons until the end of the transaction, always in the same order."""
    numbers = sorted(
        int.from_bytes(hashlib.sha256(m.encode()).digest()[:8], "big", signed=True) for m in members
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(n) FROM unnest(%s::bigint[]) WITH ORDINALITY AS t(n, i)"
            " ORDER BY i",
            [numbers],
        )
