"""The views that somebody may use, and the receipts that are theirs."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from banfa.office.lists.errors import NoSuchView
from banfa.office.lists.models import BulkRun, SavedView
from banfa.office.people.models import User
from banfa.office.prepared import Prepared, later


def views(user: User, orgs: Iterable[str], listing: str) -> list[SavedView]:
    """The person's own views of a list, then those that their organisations share: one query."""
    found = _views(user=user.pk, orgs=list(orgs), listing=listing)
    return sorted(found, key=lambda v: (v.user_id != user.pk, v.name, v.pk))


_views = Prepared(
    lambda: SavedView.objects.select_related("user").filter(
        Q(user=later("user")) | Q(organisation__any_of=later("orgs")), listing=later("listing")
    )
)


def run(user: User, number: int) -> BulkRun:
    """The receipt of an act that this person took in bulk. Raises NoSuchView."""
    found = BulkRun.objects.filter(user=user, pk=number).first()
    if found is None:
        raise NoSuchView("没有这份批量办理回执", "no such receipt")
    return found
