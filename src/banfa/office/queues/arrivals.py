"""Telling people that a procedure has come to them: by the worker, soon after the act."""

from __future__ import annotations

import datetime as dt

from banfa.office import clock
from banfa.office.ledger.models import ActRecord, Matter, Sort
from banfa.office.notices.verbs import tell
from banfa.office.queues import colleagues, words
from banfa.rules.words import Text

WINDOW = dt.timedelta(minutes=15)
"""Acts are looked at for so long: an act may be committed a while after its moment, and a worker
may pause. Whoever was told of an arrival is not told again."""
MOST = 500


def tell_all() -> int:
    """Tells those who have a procedure that others have just moved on; gives how many people."""
    after = clock.now() - WINDOW
    acts = ActRecord.objects.filter(recorded__gte=after, centre__isnull=False)
    moved: dict[str, dict[dt.date, set[str]]] = {}
    for centre, on, party in acts.order_by("-recorded").values_list("centre", "on", "party")[:MOST]:
        moved.setdefault(centre, {}).setdefault(on, set()).add(party)
    cases = Matter.objects.filter(centre__in=moved, sort=Sort.CASE, closed=False)
    return sum(
        _tell(matter)
        for matter in cases.select_related("centre")
        if _came(matter, moved[matter.centre_id])
    )


def _came(matter: Matter, moved: dict[dt.date, set[str]]) -> bool:
    """Whether one of these acts, by somebody else, brought it to where it is."""
    by = moved.get(matter.since) if matter.since is not None else None
    return by is not None and not by & set(matter.holders)


def _tell(matter: Matter) -> int:
    subject = Text("新的待办", "New work")
    return tell(
        colleagues.holding(matter, matter.centre), "todo",
        words.joined(subject, words.of_work(matter.centre, matter.key, "")),
        link=words.address(matter.centre_id, matter.key, ""), centre=matter.centre,
        key=f"came:{matter.centre_id}:{matter.key}:{matter.step}:{matter.since}",
    )  # fmt: skip
