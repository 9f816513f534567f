"""Where an act would be taken: a centre or a programme, on a day, with what is on file there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from banfa.office.desk import citations, fields, permitted, standing
from banfa.office.desk.language import say
from banfa.office.desk.standing import Standing
from banfa.office.ledger import library, queries, store
from banfa.office.ledger.errors import NotOnFile
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import Centre, ProgrammeBook
from banfa.office.ledger.verbs import as_org
from banfa.rules.judge import Permission
from banfa.rules.judge import permitted as ask_permitted
from banfa.rules.life import Act, State
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text
from banfa.rules.world import World

MOST_CENTRES = 10_000
"""So many centres at most can be picked in a form."""


@dataclass
class Setting:
    """The state, the world and the acts on file that a party's acts are asked and taken in.

    `page` is the centre's page, None for programme-level acts and for those that begin a centre.
    """

    programme: str
    rs: Ruleset
    state: State
    world: World
    on: dt.date
    acts: Sequence[Act]
    permissions: Sequence[Permission]
    version: int | None
    page: queries.CentrePage | None = None

    @property
    def centre(self) -> str | None:
        """The centre's id, when there is one."""
        return self.page.centre.id if self.page is not None else None

    @property
    def title(self) -> str:
        """What the act is taken on: the centre's name, or the regulation's."""
        if self.page is not None:
            return say(self.page.name)
        return say(self.rs.programme.name)

    def permission(self, kind: str) -> Permission | None:
        """How one act stands for the party."""
        return next((one for one in self.permissions if one.act == kind), None)


def of_centre(
    request: HttpRequest, id_: str, on: dt.date, kind: str | None = None
) -> tuple[Setting, Standing]:
    """A centre on a day, and as what the person acts on it. Raises NotOnFile, also for a centre
    that the person may not see. With `kind` only that act is asked about."""
    page = queries.centre(id_, on)
    if not request.reach.sees(page.centre):
        raise NotOnFile(f"没有编号为“{id_}”的中心", f"no centre '{id_}'")
    chosen = standing.read(request, page.centre.book_id, page.centre)
    party = chosen.party
    if party in page.programme.parties:
        org = chosen.organisation(page.programme, page.state) or {}
        page.permitted = ask_permitted(
            page.ruleset, page.state, party, on, page.world, org, centre=id_, only=kind
        )
    where = Setting(
        page.centre.book_id,
        page.ruleset,
        page.state,
        page.world,
        on,
        page.standing_acts,
        page.permitted,
        page.version,
        page,
    )
    return where, chosen


def of_programme(
    request: HttpRequest,
    id_: str,
    on: dt.date,
    edition: str | None = None,
    kind: str | None = None,
) -> tuple[Setting, Standing]:
    """A programme on a day, for its own acts and those that begin a centre, and as what the person
    acts. Raises NotOnFile, also for a programme that the person may not see."""
    if id_ not in request.reach.programmes():
        raise NotOnFile(f"没有“{id_}”这一办法", f"no programme '{id_}'")
    chosen = standing.read(request, id_)
    party = chosen.party
    editions = library.editions(id_)
    rs = editions.by_name[edition] if edition is not None else editions.on(on)
    book = ProgrammeBook.objects.filter(programme=id_).first() or ProgrammeBook(programme=id_)
    world = store.world_of(book, DatabaseFacts())
    state, found = State(), []
    if party in rs.programme.parties:
        org = chosen.organisation(rs.programme, state) or {}
        found = ask_permitted(rs, state, party, on, world, org, level="programme", only=kind)
        begin = ask_permitted(rs, state, party, on, world, org, only=kind)
        found += [one for one in begin if permitted.opens_a_life(rs.models[one.act])]
    return Setting(id_, rs, state, world, on, world.acts, found, None), chosen


def choices(setting: Setting, kind: str, where: Q) -> fields.Choices:
    """What can be picked in an act's form; reads only what the act's inputs need.

    `where` is the condition for the centres that the person may see.
    """
    model = setting.rs.models[kind]
    types = {given.type for given in _all_inputs(setting.rs, kind)}
    named = {given.act for given in _all_inputs(setting.rs, kind) if given.act}
    centres: list[fields.Option] = []
    if "centres" in types:
        seen = Centre.objects.filter(where, book=setting.programme).order_by("id")
        rows = seen.values_list("id", "title_zh", "title_en")[:MOST_CENTRES]
        called = ((pk, Text(zh or pk, en or zh or pk)) for pk, zh, en in rows)
        centres = [fields.Option(pk, f"{say(name)}（{pk}）") for pk, name in called]
    return fields.Choices(
        OnFile(),
        centres,
        {act: _programme_acts(setting, act) for act in named},
        permitted.generic_options(setting.rs, kind, setting.state, setting.acts)
        if model is not None
        else {},
    )


class OnFile(Mapping[str, Mapping[str, Any]]):
    """The organisations on file by id, read when one is first asked for: many forms have none."""

    @cached_property
    def _held(self) -> dict[str, dict[str, Any]]:
        return {o.id: as_org(o) for o in queries.organisations()}

    def __getitem__(self, id_: str) -> Mapping[str, Any]:
        return self._held[id_]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


def _all_inputs(rs: Ruleset, kind: str) -> list[Any]:
    model = rs.models[kind]
    found = list(model.with_.values())
    for name in model.documents:
        sections = rs.programme.documents[name].sections.values()
        found += [given for section in sections for given in section.fields.values()]
    found += [column for given in list(found) for column in (given.columns or {}).values()]
    return found


def _programme_acts(setting: Setting, kind: str) -> list[fields.Option]:
    """The programme-level acts of a kind on file, latest first, told by number, day and content."""
    options = []
    for act in reversed(setting.world.of(kind, setting.on)):
        model = setting.rs.models.get(act.kind)
        name = say(model.name) if model is not None else act.kind
        told = next((str(v) for v in act.data.values() if isinstance(v, (str, int))), "")
        options.append(fields.Option(str(act.seq), f"{act.seq} · {act.on} · {name} {told[:40]}"))
    return options


def basis_of_inputs(setting: Setting, form: Any) -> None:
    """Gives each field the link of its own basis, when the programme states one."""
    for one in form.fields:
        given = one.given
        if given.cite or given.default:
            one.basis = citations.link(setting.rs.programme, given.cite, given.default)
