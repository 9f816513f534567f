"""The demonstration's people: organisations, accounts, capacities, delegations, as the data say.

The accounts have no passwords, are entered with one click, and exist nowhere else.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from django.db import transaction
from pydantic import Field

from banfa.office import clock
from banfa.office.demo import FOLDER
from banfa.office.people import access, audit, places, verbs
from banfa.office.people.models import (
    Capacity,
    Delegation,
    Membership,
    Organisation,
    Role,
    Standing,
    User,
)
from banfa.rules import programme as p
from banfa.rules.loading import read, validate

DATA = FOLDER / "data"
ROLES = {
    Role.SYSTEM: "演示系统管理员",
    Role.SECURITY: "演示安全管理员",
    Role.AUDIT: "演示审计管理员",
}


class GivenOrganisation(p.Strict):
    """An organisation; what a history tells of it already may be left out."""

    name: str = ""
    kind: str = ""
    place: str = ""
    uscc: str | None = None
    parent: str | None = None


class GivenCapacity(p.Strict):
    """A capacity, for the first organisation unless `org` says another. `waiting`: unapproved."""

    programme: str
    party: str
    org: str | None = None
    place: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    waiting: bool = False


class GivenPerson(p.Strict):
    """A person of the organisations `of`; `administrator` manages the people of the first."""

    user: str
    name: str
    of: list[str] = Field(min_length=1)
    administrator: bool = False
    standing: Literal["active", "waiting"] = "active"
    as_: list[GivenCapacity] = Field(alias="as")


class GivenDelegation(p.Strict):
    """That `of` lets `to` do these acts (none: all) from a day until a day."""

    of: str
    to: str
    programme: str
    party: str
    acts: list[str] = []
    since: dt.date
    until: dt.date


class People(p.Strict):
    """The file of the demonstration's people."""

    organisations: dict[str, GivenOrganisation] = {}
    persons: list[GivenPerson] = []
    delegations: list[GivenDelegation] = []


def people() -> People:
    """The people of the demonstration as the data say. Raises LoadError with the place."""
    return validate(read(DATA / "people.yaml"), People)


def make() -> int:
    """Makes the people who are not there yet; gives how many accounts there are.

    In one transaction. A person who is there already stays as they are.
    """
    given = people()
    with transaction.atomic():
        places.load(DATA / "places.csv")
        for name, organisation in given.organisations.items():
            _organisation(name, organisation)
        known = set(User.objects.values_list("username", flat=True))
        made = _administrators(known) + _persons(given, known)
        if made:
            _delegations(given, {user.username: user for user in made})
            audit.note(
                "installed", None, "demonstration", after={"accounts": len(made)}, who="banfa demo"
            )
        return User.objects.filter(demo=True).count()


def _organisation(name: str, given: GivenOrganisation) -> None:
    known = Organisation.objects.filter(id=name).first() or Organisation(id=name)
    told: dict[str, Any] = {
        "kind": given.kind or known.kind,
        "place": given.place or known.place,
        "name_en": known.name_en,
        "uscc": given.uscc or known.uscc,
        "parent": given.parent or known.parent_id,
    }
    verbs.enter_organisation(name, given.name or known.name_zh, **told)


def _user(username: str, name: str, role: str = "", standing: str = Standing.ACTIVE) -> User:
    user = User(
        username=username, name=name, role=role, standing=standing, demo=True, created=clock.now()
    )
    user.set_unusable_password()
    user.save(force_insert=True)
    return user


def _administrators(known: set[str]) -> list[User]:
    wanted = {f"demo-{role}": (name, role) for role, name in ROLES.items()}
    return [_user(u, name, role) for u, (name, role) in wanted.items() if u not in known]


def _persons(given: People, known: set[str]) -> list[User]:
    fresh = [one for one in given.persons if one.user not in known]
    users = [_user(one.user, one.name, standing=one.standing) for one in fresh]
    now = clock.now()
    members, capacities = [], []
    for one, user in zip(fresh, users, strict=True):
        for number, org in enumerate(one.of):
            leads = one.administrator and number == 0
            members.append(Membership(user=user, organisation_id=org, administrator=leads))
        for held in one.as_:
            capacities.append(
                Capacity(
                    user=user,
                    organisation_id=held.org or one.of[0],
                    programme=held.programme,
                    party=held.party,
                    place_id=held.place,
                    since=held.since,
                    until=held.until,
                    asked=now,
                    approved=None if held.waiting else now,
                )
            )
    Membership.objects.bulk_create(members)
    Capacity.objects.bulk_create(capacities)
    return users


def _delegations(given: People, users: dict[str, User]) -> None:
    for one in given.delegations:
        if one.of not in users or one.to not in users:
            continue
        capacity = Capacity.objects.filter(
            user=users[one.of], programme=one.programme, party=one.party
        ).first()
        assert capacity is not None, one
        Delegation.objects.create(
            capacity=capacity,
            to=users[one.to],
            acts=one.acts,
            since=one.since,
            until=one.until,
            made=dt.datetime.combine(one.since, dt.time(9), clock.SHANGHAI),
        )


class Cast:
    """Who acts in the lives: the people of a seat, in turn from centre to centre."""

    def __init__(self) -> None:
        self.seats: dict[tuple[str, str, str], list[Capacity]] = {}
        self.known: dict[tuple[int, frozenset[int]], access.Reach] = {}
        self.spells: dict[int, list[Capacity]] = {}
        chosen = Capacity.objects.filter(user__demo=True, approved__isnull=False)
        for one in chosen.select_related("user").order_by("id"):
            seat = (one.programme, one.party, one.organisation_id)
            self.seats.setdefault(seat, []).append(one)
            self.spells.setdefault(one.user_id, []).append(one)

    def who(self, programme: str, party: str, org: str, on: dt.date, turn: int) -> User | None:
        """The person who acts for that organisation as that party on a day; None: nobody could."""
        held = [c for c in self.seats.get((programme, party, org), []) if c.holds(on)]
        return held[turn % len(held)].user if held else None

    def reach(self, user: User, on: dt.date) -> access.Reach:
        """What a person may do on a day, read once for each set of capacities that counted."""
        counted = frozenset(c.pk for c in self.spells[user.pk] if c.holds(on))
        if (user.pk, counted) not in self.known:
            self.known[user.pk, counted] = access.reach(user, on)
        return self.known[user.pk, counted]

    def assign(self, programme: str, party: str, org: str, centre: str) -> None:
        """Assigns a centre to the people of a seat, as the security administrator would."""
        for one in self.seats[programme, party, org]:
            if centre not in one.centres:
                one.centres = [*one.centres, centre]
        Capacity.objects.bulk_update(self.seats[programme, party, org], ["centres"])
        changed = {one.user_id for one in self.seats[programme, party, org]}
        self.known = {key: held for key, held in self.known.items() if key[0] not in changed}
