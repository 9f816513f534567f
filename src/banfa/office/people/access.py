"""What a person may see and do on a day: their capacities, and the rows of rights for these.

`visible_centres` gives a condition on the ledger's centres that the database applies;
`may` answers for one act. Both read the same rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, Q

from banfa.office.people import places
from banfa.office.people.models import (
    Capacity,
    Delegation,
    Membership,
    Right,
    Scope,
    Standing,
    User,
)
from banfa.office.people.rights import ORGANISATION, SECOND_FACTOR
from banfa.office.prepared import Prepared, later

NOTHING = Q(pk__in=[])


@dataclass(frozen=True)
class Held:
    """A capacity that a person may act in: their own, or by a delegation."""

    user: User
    capacity: Capacity
    delegation: Delegation | None = None

    @property
    def org(self) -> str:
        """The organisation it is for."""
        return str(self.capacity.organisation_id)

    @property
    def on_behalf_of(self) -> str | None:
        """Who delegated it, as the record shows them; None for one's own."""
        return self.capacity.user.label if self.delegation is not None else None

    def reaches(self, scope: str, centre: Any) -> bool:
        """Whether a right of that scope reaches a centre in this capacity.

        `centre` has `id`, `book_id`, `roles` and `orgs` as the ledger keeps them.
        """
        if scope != Scope.ALL and centre.book_id != self.capacity.programme:
            return False
        if self.capacity.centres and centre.id not in self.capacity.centres:
            return False
        if self.capacity.place_id and not (set(centre.places) & set(self._places)):
            return False
        if scope == Scope.OWN:
            held = centre.roles.get(self.capacity.party, [])
            return any(o.get("org") == self.org for o in held)
        if scope == Scope.PART:
            return self.org in centre.orgs
        if scope == Scope.ASSIGNED:
            return bool(self.capacity.centres)
        return scope != Scope.PLACE or bool(self.capacity.place_id)

    @property
    def _places(self) -> tuple[str, ...]:
        code = self.capacity.place_id
        return places.names_within(code) if code else ()

    def centres(self, scope: str) -> Q:
        """The same as `reaches`, as a condition on centres."""
        found = Q() if scope == Scope.ALL else Q(book=self.capacity.programme)
        if self.capacity.centres:
            found &= Q(id__in=self.capacity.centres)
        if self.capacity.place_id:
            found &= Q(places__overlap=list(self._places))
        if scope == Scope.OWN:
            bound = {self.capacity.party: [{"org": self.org}]}
            return found & Q(orgs__contains=[self.org]) & Q(roles__contains=bound)
        if scope == Scope.PART:
            return found & Q(orgs__contains=[self.org])
        if scope == Scope.ASSIGNED and not self.capacity.centres:
            return NOTHING
        if scope == Scope.PLACE and not self.capacity.place_id:
            return NOTHING
        return found


def capacities(user: User, today: dt.date) -> list[Held]:
    """The capacities that count for a person on a day, own ones first: two queries."""
    if not user.is_authenticated or not user.is_active or user.role:
        return []
    asked = {"user": user.pk, "today": today}
    found = []
    for capacity in _own(**asked):
        capacity.user = user
        if capacity.organisation.active:
            found.append(Held(user, capacity))
    for one in _lent(**asked):
        capacity = one.capacity
        good = capacity.approved and not capacity.ended and capacity.holds(today)
        if good and capacity.user.is_active and capacity.organisation.active:
            found.append(Held(user, capacity, one))
    return found


def _on(today: Any) -> Q:
    begun = Q(since__isnull=True) | Q(since__lte=today)
    return begun & (Q(until__isnull=True) | Q(until__gte=today))


_own = Prepared(
    lambda: (
        Capacity.objects.select_related("organisation")
        .filter(_on(later("today")), user=later("user"), ended__isnull=True, approved__isnull=False)
        .order_by("id")
    )
)
_lent = Prepared(
    lambda: (
        Delegation.objects.select_related("capacity__user", "capacity__organisation")
        .filter(_on(later("today")), to=later("user"), ended__isnull=True)
        .order_by("id")
    )
)
_rights = Prepared(
    lambda: Right.objects.filter(
        Q(subject__any_of=later("subjects"))
        | Q(
            Exists(administered(later("user"), later("today"))),
            subject=ORGANISATION,
        ),
        allowed=True,
    ).values_list("subject", "thing", "scope")
)
_rights_of_role = Prepared(
    lambda: Right.objects.filter(subject=later("subject"), allowed=True).values_list(
        "subject", "thing", "scope"
    )
)


@dataclass
class Reach:
    """All that a person may see and do on a day, read from the database once."""

    user: Any
    today: dt.date
    held: list[Held] = field(default_factory=list)
    rights: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def scopes(self, one: Held, thing: str) -> list[str]:
        """How far a capacity's right to a thing reaches; empty: it has none."""
        return self.rights.get(one.capacity.subject, {}).get(thing, [])

    def does(self, thing: str) -> bool:
        """Whether the person's role (administrator of whatever sort) gives a thing."""
        roles = [f"role:{self.user.role}"] if self.user.role else []
        roles += [ORGANISATION] if ORGANISATION in self.rights else []
        return any(self.rights.get(role, {}).get(thing) for role in roles)

    def centres(self, thing: str = "see.centre") -> Q:
        """The condition for the centres that the person may see (or export)."""
        found = NOTHING
        for one in self.held:
            for scope in self.scopes(one, thing):
                found |= one.centres(scope)
        return found

    def sees(self, centre: Any, thing: str = "see.centre") -> bool:
        """Whether the person may see one centre."""
        return any(
            one.reaches(scope, centre) for one in self.held for scope in self.scopes(one, thing)
        )

    def programmes(self) -> set[str]:
        """The programmes whose pages the person may see."""
        return {one.capacity.programme for one in self.held if self.scopes(one, "see.programme")}

    def fitting(
        self, programme: str, party: str = "", centre: Any = None, act: str = ""
    ) -> Iterator[Held]:
        """The capacities of that programme (and party, for that centre, with a right to that act).

        Without a centre: for programme-level acts and those that begin a centre.
        """
        for one in self.held:
            if one.capacity.programme != programme or party not in ("", one.capacity.party):
                continue
            if act and one.delegation and one.delegation.acts and act not in one.delegation.acts:
                continue
            scopes = self.scopes(one, f"act:{act}" if act else "see.centre")
            if scopes and (centre is None or any(one.reaches(s, centre) for s in scopes)):
                yield one

    def may(
        self, act: str, party: str, programme: str, centre: Any = None, org: str = ""
    ) -> Held | None:
        """The capacity in which the person may do an act (for that organisation); None: not."""
        fits = self.fitting(programme, party, centre, act)
        return next((one for one in fits if org in ("", one.org)), None)

    @property
    def needs_second_factor(self) -> bool:
        """Whether one of the capacities or the role decides or administers."""
        return self.does(SECOND_FACTOR) or any(self.scopes(h, SECOND_FACTOR) for h in self.held)


def reach(user: Any, today: dt.date) -> Reach:
    """All that a person may see and do on a day: three queries at most; nothing when disabled."""
    found = Reach(user, today)
    if not user.is_authenticated or not user.is_active:
        return found
    if user.role:
        rows = _rights_of_role(subject=f"role:{user.role}")
    else:
        found.held = capacities(user, today)
        subjects = sorted({one.capacity.subject for one in found.held})
        rows = _rights(subjects=subjects, user=user.pk, today=today)
    for subject, thing, scope in rows:
        found.rights.setdefault(subject, {}).setdefault(thing, []).append(scope)
    return found


def administered(user: Any, today: Any) -> Any:
    """The memberships by which a person manages an organisation's people on a day."""
    return Membership.objects.filter(
        _on(today), user=user, administrator=True, organisation__active=True
    )


def in_service(organisations: Any, today: Any) -> Any:
    """The memberships of these organisations that hold on a day, of accounts that take effect."""
    found = Membership.objects.filter(
        _on(today), organisation__in=organisations, user__standing=Standing.ACTIVE
    )
    return found.filter(Q(user__until__isnull=True) | Q(user__until__gte=today))


def belonging(user: User, today: dt.date) -> Any:
    """The memberships of a person that hold on a day."""
    return Membership.objects.filter(_on(today), user=user, organisation__active=True)


def visible_centres(user: Any, today: dt.date) -> Q:
    """The condition on the ledger's centres that holds for those a person may see on a day."""
    return reach(user, today).centres()


def may(
    user: Any, act: str, party: str, programme: str, centre: Any, today: dt.date, org: str = ""
) -> bool:
    """Whether a person may do an act as that party on a day."""
    return reach(user, today).may(act, party, programme, centre, org) is not None
