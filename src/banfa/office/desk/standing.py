"""As what a person looks at a page or acts: the capacities to choose from, and the one chosen.

A choice is written in the address as a party, `unit`, or, where a person holds that party for
several organisations, as `unit@org-1`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from banfa.office.desk import fields
from banfa.office.desk.language import say
from banfa.office.ledger.verbs import as_org
from banfa.office.people.access import Held
from banfa.rules import programme as p
from banfa.rules.life import State


@dataclass
class Standing:
    """A chosen capacity: its party, and the person's capacities that it may mean."""

    token: str
    party: str
    held: list[Held] = field(default_factory=list)

    @property
    def orgs(self) -> set[str]:
        """The organisations for which the person could act."""
        return {one.org for one in self.held}

    @property
    def on_behalf_of(self) -> str:
        """Who delegated the capacity, when every one it may mean is delegated."""
        names = [one.on_behalf_of for one in self.held]
        return str(names[0]) if names and all(names) else ""

    def organisation(self, programme: p.Programme, state: State) -> dict[str, Any] | None:
        """The acting organisation when it is clear; as bound to the role where it is."""
        if programme.parties[self.party].body:
            return {"org": self.party, "name": programme.parties[self.party].name.zh}
        bound = [o for o in state.roles.get(self.party, []) if o.get("org") in self.orgs]
        if len(bound) == 1:
            return dict(bound[0])
        if bound or len(self.orgs) != 1 or programme.parties[self.party].inside:
            return None
        return as_org(self.held[0].capacity.organisation)


def read(request: HttpRequest, programme: str, centre: Any = None) -> Standing:
    """The choice in the address (or the form); without capacities when the person has none such."""
    token = request.POST.get("party") or request.GET.get("party", "")
    party, _at, org = token.partition("@")
    chosen = Standing(token, party)
    if party:
        fits = request.reach.fitting(programme, party, centre)
        chosen.held = [one for one in fits if org in ("", one.org)]
    return chosen


def usual(request: HttpRequest, offered: list[fields.Option]) -> fields.Option | None:
    """The person's capacity when there is only one and nothing was asked for."""
    return offered[0] if "party" not in request.GET and len(offered) == 1 else None


def options(
    request: HttpRequest, programme: p.Programme, acting: Iterable[str], centre: Any = None
) -> list[fields.Option]:
    """The person's capacities to choose from, in the programme's order of parties."""
    held: dict[str, dict[str, Held]] = {}
    for one in request.reach.fitting(programme.programme, centre=centre):
        held.setdefault(one.capacity.party, {}).setdefault(one.org, one)
    found = []
    for party in programme.parties:
        if party not in acting:
            continue
        for org, one in held.get(party, {}).items():
            value = party if len(held[party]) == 1 else f"{party}@{org}"
            found.append(fields.Option(value, named(programme, one)))
    return found


def named(programme: p.Programme, one: Held) -> str:
    """A capacity in words: party, organisation, and for whom when it is delegated."""
    party = say(programme.parties[one.capacity.party].name)
    organisation = say_organisation(one.capacity.organisation)
    said = party if organisation == party else f"{party} · {organisation}"
    if one.delegation is not None:
        said += _("（代%(name)s）") % {"name": one.capacity.user.name}
    return said


def say_organisation(organisation: Any) -> str:
    """An organisation's name in the language of the page."""
    from banfa.rules.words import Text

    return say(Text(organisation.name_zh, organisation.name_en or organisation.name_zh))
