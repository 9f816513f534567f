"""Deadlines of a person and of an organisation: what is owed, by when, how the day came about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse
from icalendar import Calendar, Event

from banfa.office import clock
from banfa.office.ledger import queries
from banfa.office.ledger.queries import CentreRow, Due
from banfa.office.people.access import Reach
from banfa.office.todo import Todo
from banfa.rules.words import Text


@dataclass(frozen=True, slots=True)
class _Place:
    """A centre as capacities look at one."""

    id: str
    book_id: str
    roles: dict[str, list[dict[str, str]]]
    orgs: list[str]
    places: list[str]


def deadlines(
    reach: Reach, organisation: str = "", today: dt.date | None = None, until: dt.date | None = None
) -> list[Due]:
    """What has a last day, earliest first, of the centres that the person may see.

    Without `organisation`: what the person's own capacities owe. With one (its id): what that
    organisation owes. Later than `until` is left out; what is overdue stays in.
    """
    today = today or clock.today()
    found = queries.due(on=today, until=until, where=reach.centres())
    return [
        one
        for one in found
        if one.duty.due is not None
        and (_owed_by(one, organisation) if organisation else _owed_in(one, reach))
    ]


def _owed_by(one: Due, organisation: str) -> bool:
    """Whether an organisation owes it: it holds the role at that centre, or is the body itself."""
    for party in one.duty.holder:
        bound = one.centre.roles.get(party)
        if any(o.get("org") == organisation for o in bound or []):
            return True
        if not bound and party == organisation:
            return True
    return False


def _owed_in(one: Due, reach: Reach) -> bool:
    """Whether one of the person's capacities owes it at that centre."""
    place = _place(one.centre)
    return any(
        held.capacity.party in one.duty.holder and held.reaches(scope, place)
        for held in reach.held
        for scope in reach.scopes(held, "see.centre")
    )


def _place(centre: CentreRow) -> _Place:
    bound = [one for held in centre.roles.values() for one in held]
    return _Place(
        centre.id,
        centre.programme.programme,
        centre.roles,
        [str(one["org"]) for one in bound if one.get("org")],
        [str(one["place"]) for one in bound if one.get("place")],
    )


# --- as a calendar ------------------------------------------------------------------------------


def number(one: Due) -> str:
    """What tells a deadline from others; it stays when its day moves."""
    duty = one.duty
    return "-".join(
        str(part) for part in (one.centre.id, duty.id, duty.year, duty.about) if part is not None
    )


def calendar(
    found: list[Due], name: Text, english: bool = False, others: Iterable[Todo] = ()
) -> bytes:
    """Deadlines as an iCalendar file (RFC 5545): whole days, with title, centre and link only.

    `others` are last days of other parts of the office, such as a person's own reviews.
    """
    made = Calendar()
    made.add("prodid", "-//banfa//deadlines//ZH")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", name.en if english else name.zh)
    made.add("x-wr-timezone", "Asia/Shanghai")
    made.add("x-published-ttl", "PT6H")
    stamp = clock.now().astimezone(dt.UTC).replace(microsecond=0)
    for one in found:
        assert one.duty.due is not None
        title = Text(
            f"{one.centre.name.zh}：{one.duty.name.zh}", f"{one.centre.name.en}: {one.duty.name.en}"
        )
        event = _event(number(one), one.duty.due, title.en if english else title.zh, stamp)
        event.add("url", settings.SITE_URL + reverse("centre", args=[one.centre.id]))
        made.add_component(event)
    for other in others:
        if other.due is not None:
            made.add_component(_of_todo(other, english, stamp))
    return bytes(made.to_ical())


def _event(uid: str, day: dt.date, title: str, stamp: dt.datetime) -> Event:
    """A whole day with a title."""
    event = Event()
    event.add("uid", f"{uid}@banfa")
    event.add("dtstamp", stamp)
    event.add("dtstart", day)
    event.add("dtend", day + dt.timedelta(days=1))
    event.add("summary", title)
    event.add("transp", "TRANSPARENT")
    return event


def _of_todo(one: Todo, english: bool, stamp: dt.datetime) -> Event:
    assert one.due is not None
    said = [t.en if english else t.zh for t in (one.note, one.title) if t is not None]
    uid = one.link.strip("/").replace("/", "-")
    event = _event(uid, one.due, (": " if english else "：").join(said), stamp)
    event.add("url", settings.SITE_URL + one.link)
    return event
