"""Who could work on something: the people of an organisation, and whoever has a procedure."""

from __future__ import annotations

from typing import Any

from banfa.office import clock
from banfa.office.ledger.models import Centre, Matter
from banfa.office.notices.queries import roster
from banfa.office.people.access import Held
from banfa.office.people.models import Organisation, Standing, User


def seats(centre: Centre, org: str) -> list[Held]:
    """The capacities in which people of an organisation may see a centre today: three queries."""
    found = roster(centre.book_id, None, centre)
    return [
        one
        for party, held in found.held.items()
        for one in held
        if one.org == org and any(one.reaches(s, centre) for s in found.scopes.get(party, []))
    ]


def of(centre: Centre, org: str) -> list[User]:
    """The people of an organisation who may see a centre today, each once, by name."""
    found = {one.user.pk: one.user for one in seats(centre, org)}
    return sorted(found.values(), key=lambda u: (u.name, u.pk))


def holding(matter: Matter, centre: Centre) -> list[User]:
    """The people who have a procedure or a duty: of its parties, and of their organisations."""
    found = roster(centre.book_id, matter.holders, centre)
    users: dict[int, User] = {}
    for party in matter.holders:
        for one in found.held.get(party, []):
            near = any(one.reaches(s, centre) for s in found.scopes.get(party, []))
            if near and {party, f"{party}@{one.org}"} & set(matter.seats):
                users.setdefault(one.user.pk, one.user)
    return list(users.values())


def members(organisation: Organisation) -> Any:
    """The accounts in effect of an organisation's people."""
    today = clock.today()
    found = User.objects.filter(standing=Standing.ACTIVE, memberships__organisation=organisation)
    ended = found.filter(memberships__organisation=organisation, memberships__until__lt=today)
    return found.exclude(pk__in=ended.values("pk")).order_by("name", "pk").distinct()
