"""What waits for a person, in one shape, whichever part of the office it comes from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from banfa.rules.words import Text


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing that waits for a person.

    `kind` says which part it comes from, `title` what is to be done, `link` where (an address
    within the site). `since` is the day it began to wait, `due` the last day if there is one;
    `note` is where it stands or whom it concerns. `urgent`: somebody asked to hurry.
    """

    kind: str
    title: Text
    link: str
    centre: str | None = None
    centre_name: Text | None = None
    programme: str = ""
    since: dt.date | None = None
    due: dt.date | None = None
    note: Text | None = None
    urgent: bool = False


def in_order(todos: Iterable[Todo]) -> list[Todo]:
    """Urgent ones first, then by the day due (none: last), then by how long they have waited."""
    latest = dt.date.max
    return sorted(todos, key=lambda t: (not t.urgent, t.due or latest, t.since or latest, t.link))
