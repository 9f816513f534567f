"""Reminders of what is owed, from the duties that the ledger derives.

A duty is recalled to those who owe it 30, 7 and 1 days before its last day, and every 7 days after,
until it is discharged. Once it is overdue, the administrators of the organisations that owe it and
the bodies that decide on it are told as well. Each step is told once, on whatever day it is found.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q
from django.urls import reverse

from banfa.office import clock
from banfa.office.ledger import queries
from banfa.office.ledger.models import Centre
from banfa.office.ledger.queries import Due
from banfa.office.notices.queries import Roster, roster
from banfa.office.notices.verbs import tell
from banfa.office.people.models import Membership, User
from banfa.rules import programme as p
from banfa.rules.words import Text

BEFORE = (1, 7, 30)
AFTER_DAYS = 7
REMINDED = ("obligation", "decision")
"""Options, flags and letters to come are shown, not recalled."""


def step(due: dt.date, today: dt.date) -> int | None:
    """Which reminder it is time for: 30, 7 or 1 days before; 0, -7, -14 ... for days overdue.

    The last day is in time: its reminder is that of one day before. None: not yet.
    """
    left = (due - today).days
    if left < 0:
        return -((-left - 1) // AFTER_DAYS) * AFTER_DAYS
    return next((days for days in BEFORE if left <= days), None)


def remind(today: dt.date | None = None) -> int:
    """Tells everybody of what is coming due and overdue; gives how many notices were new."""
    today = today or clock.today()
    horizon = today + dt.timedelta(days=BEFORE[-1])
    owed = [d for d in queries.due(on=today, until=horizon) if _recalled(d)]
    run = _Run(today)
    centres = Centre.objects.in_bulk({d.centre.id for d in owed})
    return sum(run.one(d, centres[d.centre.id]) for d in owed)


def _recalled(one: Due) -> bool:
    return one.duty.due is not None and one.duty.mode in REMINDED


@dataclass
class _Run:
    """One day's reminders, with the people of each programme read once."""

    today: dt.date
    rosters: dict[str, Roster] = field(default_factory=dict)
    administrators: dict[str, list[User]] | None = None

    def one(self, owed: Due, centre: Centre) -> int:
        """The reminder of one duty, and to whom else it is told when overdue."""
        duty, programme = owed.duty, owed.centre.programme
        assert duty.due is not None
        at = step(duty.due, self.today)
        if at is None:
            return 0
        if centre.book_id not in self.rosters:
            self.rosters[centre.book_id] = roster(centre.book_id, on=self.today)
        people = self.rosters[centre.book_id]
        holders = people.of(duty.holder, centre)
        key = f"due:{centre.pk}:{duty.id}:{duty.year or ''}:{duty.about or ''}:{duty.due}:{at}"
        link = reverse("centre", args=[centre.pk])
        told = tell(
            holders, "reminder", _subject(owed, self.today), body=_body(owed), link=link,
            centre=centre, key=key, urgent=at in (1, 0),
        )  # fmt: skip
        if duty.due < self.today:
            others = {
                user.pk: user
                for user in [
                    *self._administrators(centre, duty.holder),
                    *people.of(followers(programme, duty.holder, duty.act), centre),
                ]
            }
            for user in holders:
                others.pop(user.pk, None)
            told += tell(
                others.values(), "overdue", _subject(owed, self.today), body=_body(owed),
                link=link, centre=centre, key=f"{key}:up",
            )  # fmt: skip
        return told

    def _administrators(self, centre: Centre, parties: Iterable[str]) -> list[User]:
        """The administrators of the organisations that owe something for a centre."""
        if self.administrators is None:
            self.administrators = {}
            live = Q(since__isnull=True) | Q(since__lte=self.today)
            live &= Q(until__isnull=True) | Q(until__gte=self.today)
            rows = Membership.objects.select_related("user").filter(live, administrator=True)
            for row in rows.filter(organisation__active=True):
                self.administrators.setdefault(row.organisation_id, []).append(row.user)
        orgs = [
            str(one.get("org") or party)
            for party in parties
            for one in (centre.roles.get(party) or [{"org": party}])
        ]
        return [user for org in orgs for user in self.administrators.get(org, [])]


def followers(programme: p.Programme, holders: Iterable[str], act: str | None) -> list[str]:
    """The parties that may follow up what others leave undone.

    These are the parties whose acts a consequence that rests on that act calls for; where none
    rests on it, the bodies to which the programme leaves its consequences and decisions. Not the
    holders themselves.
    """
    called = [(c, programme.acts[c.act].by) for c in programme.consequences.values()
              if c.act in programme.acts]  # fmt: skip
    found = [b for c, by in called if act and act in _mentioned(c.model_dump()) for b in by]
    if not found:
        deciding = [d.holder for d in programme.duties.values() if d.mode == "decision"]
        named = [b for by in [*(by for _c, by in called), *deciding] for b in by]
        found = [b for b in named if b in programme.parties and programme.parties[b].body]
    return [one for one in dict.fromkeys(found) if one not in set(holders)]


def _mentioned(value: object) -> set[str]:
    """Every word of a piece of a programme, references split at their dots."""
    if isinstance(value, dict):
        return {w for k, v in value.items() for w in _mentioned(k) | _mentioned(v)}
    if isinstance(value, (list, tuple)):
        return {word for one in value for word in _mentioned(one)}
    return set(value.split(".")) if isinstance(value, str) else set()


def _subject(owed: Due, today: dt.date) -> Text:
    name, centre, due = owed.duty.name, owed.centre.name, owed.duty.due
    assert due is not None
    left = (due - today).days
    if left < 0:
        zh, en = f"已逾期{-left}日", f"{-left} days overdue"
    elif left == 0:
        zh, en = "今日到期", "due today"
    else:
        zh, en = f"还有{left}日到期", f"due in {left} days"
    year = (f"（{owed.duty.year}）", f" ({owed.duty.year})") if owed.duty.year else ("", "")
    return Text(f"{centre.zh}：{name.zh}{year[0]}，{zh}", f"{centre.en}: {name.en}{year[1]}, {en}")


def _body(owed: Due) -> Text:
    duty = owed.duty
    zh, en = f"应于{duty.due}前办理（含当日）。", f"To be done by {duty.due} (that day included)."
    if duty.computed:
        zh, en = f"{zh}{duty.computed.zh}。", f"{en} {duty.computed.en}."
    if duty.follows:
        zh, en = f"{zh}{duty.follows.zh}。", f"{en} {duty.follows.en}."
    return Text(zh, en)
