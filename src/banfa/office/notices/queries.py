"""The questions about notices: who is to be told, what was told, how a person wants to be told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.db.models import Count, Q, QuerySet, Window

from banfa.office import clock
from banfa.office.ledger.models import Centre
from banfa.office.notices.kinds import KINDS, Channel
from banfa.office.notices.models import Choice, Notice, Wish
from banfa.office.people.access import Held
from banfa.office.people.models import Capacity, Delegation, Right, Scope, User
from banfa.office.prepared import Prepared, later

# --- who is to be told --------------------------------------------------------------------------


@dataclass
class Roster:
    """The people of a programme on a day, to be asked for many centres without further queries."""

    held: dict[str, list[Held]] = field(default_factory=dict)
    scopes: dict[str, list[str]] = field(default_factory=dict)

    def of(self, parties: Iterable[str], centre: Centre | None = None) -> list[User]:
        """Those whose capacity is one of these parties and reaches that centre, each once."""
        found: dict[int, User] = {}
        for party in parties:
            for one in self.held.get(party, []):
                scopes = self.scopes.get(party, [])
                if centre is None or any(one.reaches(scope, centre) for scope in scopes):
                    found.setdefault(one.user.pk, one.user)
        return list(found.values())


def roster(
    programme: str,
    parties: Iterable[str] | None = None,
    centre: Centre | None = None,
    on: dt.date | None = None,
) -> Roster:
    """The people of a programme (of these parties, near that centre) on a day: three queries.

    Those to whom a capacity is lent are among them.
    """
    on = on or clock.today()
    names = None if parties is None else list(parties)
    found = Roster(scopes=_scopes(programme, names))
    near = _near(found.scopes, centre)
    chosen = Q(programme=programme, ended__isnull=True, approved__isnull=False) & near
    chosen &= Q(organisation__active=True)
    if names is not None:
        chosen &= Q(party__in=names)
    capacities = {
        c.pk: c
        for c in Capacity.objects.select_related("user", "organisation")
        .filter(chosen)
        .order_by("id")
        if c.holds(on)
    }
    for one in _held(capacities, on):
        found.held.setdefault(one.capacity.party, []).append(one)
    return found


def _held(capacities: dict[int, Capacity], on: dt.date) -> Iterator[Held]:
    for capacity in capacities.values():
        if capacity.user.is_active and not capacity.user.role:
            yield Held(capacity.user, capacity)
    lent = Delegation.objects.select_related("to").filter(
        capacity__in=list(capacities), ended__isnull=True, since__lte=on, until__gte=on
    )
    for one in lent.order_by("id"):
        capacity = capacities[one.capacity_id]
        if capacity.user.is_active and one.to.is_active and not one.to.role:
            yield Held(one.to, capacity, one)


def _scopes(programme: str, parties: list[str] | None) -> dict[str, list[str]]:
    """How far each party of a programme sees: one query."""
    rows = Right.objects.filter(thing="see.centre", allowed=True)
    if parties is None:
        rows = rows.filter(subject__startswith=f"{programme}:")
    else:
        rows = rows.filter(subject__in=[f"{programme}:{party}" for party in parties])
    found: dict[str, list[str]] = {}
    for subject, scope in rows.values_list("subject", "scope"):
        found.setdefault(subject.partition(":")[2], []).append(scope)
    return found


def _near(scopes: dict[str, list[str]], centre: Centre | None) -> Q:
    """What the database can tell of who reaches a centre; `Held.reaches` decides."""
    if centre is None:
        return Q()
    wide = [p for p, held in scopes.items() if {Scope.PROGRAMME, Scope.ALL, Scope.PLACE} & {*held}]
    return Q(organisation__in=centre.orgs) | Q(centres__contains=[centre.pk]) | Q(party__in=wide)


def holders(
    programme: str,
    parties: Iterable[str],
    centre: Centre | None = None,
    on: dt.date | None = None,
) -> list[User]:
    """The active people whose capacity is one of these parties (for that centre), each once.

    A person to whom such a capacity is delegated is among them.
    """
    names = list(parties)
    return roster(programme, names, centre, on).of(names, centre)


# --- what was told ------------------------------------------------------------------------------

SHOWN_URGENT = 3


@dataclass(frozen=True, slots=True)
class Unread:
    """How many notices a person has not read, and the urgent ones among them (a few)."""

    count: int
    urgent: list[Notice]


def unread(user: User) -> Unread:
    """What stands in the head of every page: one query."""
    rows = _waiting(user=user.pk)
    return Unread(rows[0].total if rows else 0, [row for row in rows if row.urgent])


_waiting = Prepared(
    lambda: (
        Notice.objects.filter(to=later("user"), read__isnull=True)
        .annotate(total=Window(Count("pk")))
        .order_by("-urgent", "-made")[:SHOWN_URGENT]
    )
)


def inbox(
    user: User, kind: str = "", state: str = "", centre: str = "", search: str = ""
) -> QuerySet[Notice]:
    """A person's notices, newest first. `state` is `unread`, `urgent` or '' for all."""
    found = Notice.objects.filter(to=user).select_related("centre").order_by("-made", "-id")
    if kind:
        found = found.filter(kind=kind)
    if state:
        found = found.filter(read__isnull=True)
    if state == "urgent":
        found = found.filter(urgent=True)
    if centre:
        found = found.filter(centre=centre)
    for word in search.split()[:5]:
        found = found.filter(
            Q(subject_zh__icontains=word)
            | Q(subject_en__icontains=word)
            | Q(body_zh__icontains=word)
            | Q(body_en__icontains=word)
        )
    return found


# --- how a person wants to be told --------------------------------------------------------------


def wish_of(user: User) -> Wish:
    """A person's wishes about mail; as usual while there are none on file."""
    return Wish.objects.filter(user=user).first() or Wish(user=user)


def channels_of(user: User) -> dict[str, Channel]:
    """How each kind of notice goes to a person by mail."""
    chosen = dict(Choice.objects.filter(user=user).values_list("kind", "channel"))
    return {name: Channel(chosen.get(name, kind.channel)) for name, kind in KINDS.items()}
