"""The list of organisations, with the centres in which they hold a role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Func, Q, QuerySet, TextField
from django.utils.translation import gettext_lazy as _

from banfa.office.desk import centre_list, lists
from banfa.office.desk.language import say
from banfa.office.desk.lists import Asked, Column
from banfa.office.desk.standing import say_organisation
from banfa.office.ledger import library
from banfa.office.ledger.models import Centre
from banfa.office.people.models import Organisation


@dataclass
class Row:
    """An organisation in the list; `centres` counts those that the person may see."""

    organisation: Organisation
    name: str
    kind: str
    parent: str
    centres: int


class Organisations(lists.Listing):
    """All organisations on file: whoever holds a capacity may pick them in forms, and so see
    them."""

    id = "organisations"
    address = "organisation_list"
    title = _("单位")
    template = "desk/list_organisations.html"
    filters = {"q": _("名称或代码"), "kind": _("类别"), "place": _("所在地"), "role": _("承担职责")}
    first = "name"
    columns = (
        Column("name", _("单位"), lambda r: r.name, lambda on: (F("name_zh"), F("id")),
               always=True),
        Column("kind", _("类别"), lambda r: r.kind, lambda on: (F("kind"), F("name_zh"), F("id"))),
        Column("place", _("所在地"), lambda r: r.organisation.place,
               lambda on: (F("place"), F("name_zh"), F("id"))),
        Column("uscc", _("统一社会信用代码"), lambda r: r.organisation.uscc or "",
               lambda on: (F("uscc"), F("id"))),
        Column("parent", _("隶属于"), lambda r: r.parent,
               lambda on: (F("parent__name_zh"), F("id")), default=False),
        Column("centres", _("中心"), lambda r: r.centres),
    )  # fmt: skip

    def find(self, asked: Asked) -> QuerySet[Organisation]:
        """The organisations that match."""
        found = Organisation.objects.filter(active=True).select_related("parent")
        for word in asked.given["q"].split()[:5]:
            named = Q(name_zh__icontains=word) | Q(name_en__icontains=word)
            found = found.filter(named | Q(uscc__icontains=word) | Q(id=word))
        if kind := asked.one_of("kind", dict(kinds(asked)), _("类别")):
            found = found.filter(kind=kind)
        if place := asked.one_of("place", centre_list.provinces(), _("所在地")):
            found = found.filter(place__in=centre_list.places.names_within(place))
        if asked.one_of("role", {"1": ""}, _("承担职责")):
            seen = Centre.objects.filter(asked.reach.centres())
            held = seen.annotate(org=_each_org()).values("org")
            found = found.filter(id__in=held)
        return found

    def exportable(self, asked: Asked) -> Q:
        """All of them, for whoever may take lists as files."""
        return Q()

    def told(self, asked: Asked) -> list[tuple[str, str]]:
        """The filters that are set, in words."""
        words = {
            "kind": dict(kinds(asked)),
            "place": {i: place.name_zh for i, place in centre_list.provinces().items()},
            "role": {"1": str(_("是"))},
        }
        return [
            (str(self.filters[n]), words.get(n, {}).get(v, v)) for n, v in asked.given.items() if v
        ]

    def rows(self, asked: Asked, found: Sequence[Organisation]) -> list[Row]:
        """The organisations in words, with their centres counted in one query."""
        counted: dict[str, int] = {}
        if "centres" in asked.shown and found:
            counted = centres_of(asked, [o.id for o in found])
        named = kind_names()
        return [
            Row(
                one,
                say_organisation(one),
                named.get(one.kind, one.kind),
                say_organisation(one.parent) if one.parent is not None else "",
                counted.get(one.id, 0),
            )
            for one in found
        ]

    def context(self, asked: Asked) -> dict[str, Any]:
        """The options of the filters."""
        return {"kinds": kinds(asked), "provinces": centre_list.provinces()}


def _each_org() -> Func:
    return Func(F("orgs"), function="unnest", output_field=TextField())


def centres_of(asked: Asked, orgs: list[str]) -> dict[str, int]:
    """How many centres that the person may see each of these organisations holds a role in."""
    seen = Centre.objects.filter(asked.reach.centres(), orgs__overlap=orgs)
    each = seen.annotate(org=_each_org()).values_list("org")
    return {org: n for org, n in each.annotate(n=Count("id")).order_by() if org in orgs}


def kind_names() -> dict[str, str]:
    """The kinds of organisations that any programme names, in words."""
    options: dict[str, str] = {}
    for name in library.loadable()[0]:
        for kind, named in library.editions(name).latest.programme.kinds.items():
            options.setdefault(kind, say(named))
    return options


def kinds(asked: Asked) -> list[tuple[str, str]]:
    """The kinds of organisations that the person's programmes name."""
    options: dict[str, str] = {}
    for model in centre_list.programmes(asked).values():
        for kind, name in model.kinds.items():
            options.setdefault(kind, say(name))
    return list(options.items())
