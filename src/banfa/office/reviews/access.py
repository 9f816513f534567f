"""Whose review it is: conditions on reviews and assignments that the database applies.

A review is managed by those who hold a capacity of the calling party and organisation that gives
the right to call reviews and to the act it prepares, for all its centres. An expert sees it by
assignment alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, Q

from banfa.office.ledger.models import Centre
from banfa.office.people.access import NOTHING, Held, Reach
from banfa.office.reviews.models import Answer, Assignment, Stage, Subject

CALL, KEEP = "call.review", "manage.experts"


def acts_of(reach: Reach, one: Held) -> dict[tuple[str, ...], list[str]]:
    """The acts that a capacity may do, by the scopes of the right."""
    found: dict[tuple[str, ...], list[str]] = {}
    listed = one.delegation.acts if one.delegation is not None else []
    for thing, scopes in reach.rights.get(one.capacity.subject, {}).items():
        act = thing.removeprefix("act:")
        if act != thing and (not listed or act in listed):
            found.setdefault(tuple(sorted(scopes)), []).append(act)
    return found


def centres_for(reach: Reach, one: Held, scopes: Iterable[str]) -> Q:
    """The centres for which a capacity may call a review of an act with a right of these scopes."""
    return _any(one, scopes) & _any(one, reach.scopes(one, CALL))


def _any(one: Held, scopes: Iterable[str]) -> Q:
    found = NOTHING
    for scope in scopes:
        found |= one.centres(scope)
    return found


def managed(reach: Reach) -> Q:
    """The condition for the reviews that a person manages."""
    found = NOTHING
    for one in reach.held:
        if not reach.scopes(one, CALL):
            continue
        mine = Q(programme=one.capacity.programme, party=one.capacity.party, organisation=one.org)
        for scopes, acts in acts_of(reach, one).items():
            within = Centre.objects.filter(centres_for(reach, one, scopes))
            outside = Subject.objects.filter(review=OuterRef("pk")).exclude(centre__in=within)
            found |= mine & Q(act__in=acts) & ~Exists(outside)
    return found & ~_takes_part(reach)


def _takes_part(reach: Reach) -> Q:
    """The condition for the reviews in which the person is one of the experts: an expert sees only
    what experts see, whatever other capacities they hold."""
    own = Assignment.objects.filter(
        review=OuterRef("pk"),
        expert__user=reach.user.pk,
        answer__in=[Answer.INVITED, Answer.ACCEPTED],
    )
    return Q(Exists(own))


def seen(reach: Reach) -> Q:
    """The condition for the reviews that a person may look at: their own, and those that their
    organisation carries out as a third party."""
    found = managed(reach)
    for one in reach.held:
        if reach.scopes(one, CALL):
            found |= Q(
                programme=one.capacity.programme,
                agency=one.org,
                agency_party=one.capacity.party,
                stage__in=[Stage.OPEN, Stage.CLOSED],
            )
    return found & ~_takes_part(reach)


def assigned(user: Any) -> Q:
    """The condition for the assignments by which an expert sees a review."""
    return Q(
        expert__user=user,
        answer__in=[Answer.INVITED, Answer.ACCEPTED],
        review__stage__in=[Stage.OPEN, Stage.CLOSED],
    )


def keepers(reach: Reach, thing: str = KEEP) -> list[str]:
    """The organisations whose register of experts a person keeps (or may choose from)."""
    return sorted({one.org for one in reach.held if reach.scopes(one, thing)})
