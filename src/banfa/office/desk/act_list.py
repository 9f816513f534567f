"""The list of recorded acts: who recorded what, when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from banfa.office.clock import SHANGHAI
from banfa.office.desk import act_names, centre_list, lists
from banfa.office.desk.language import say
from banfa.office.desk.lists import Asked, Column
from banfa.office.ledger import library, queries
from banfa.office.ledger.models import ActRecord, Centre
from banfa.office.queues import joint
from banfa.rules import programme as p


@dataclass
class Row:
    """A recorded act in words."""

    act: ActRecord
    name: str
    short: str
    subject: str
    link: str
    party: str
    org: str
    person: str
    recorded: dt.datetime


class Acts(lists.Listing):
    """The acts of the centres that the person may see, and of their programmes."""

    id = "acts"
    address = "act_list"
    title = _("行为记录")
    template = "desk/list_acts.html"
    filters = {
        "programme": _("所依办法"), "kind": _("行为"), "party": _("身份"), "org": _("办理单位"),
        "person": _("经办人"), "centre": _("中心"), "from": _("登记自"), "until": _("登记至"),
    }  # fmt: skip
    folded = ("party", "org", "person", "centre")
    first = "-recorded"
    columns = (
        Column("recorded", _("登记时间"), lambda r: f"{r.recorded:%Y-%m-%d %H:%M}",
               lambda on: (F("recorded"), F("id")), always=True),
        Column("name", _("行为"), lambda r: r.name, lambda on: (F("kind"), F("id")), always=True),
        Column("subject", _("中心或办法"), lambda r: r.subject,
               lambda on: (F("centre__sort_key"), F("id"))),
        Column("programme", _("所依办法"), lambda r: r.short,
               lambda on: (F("book"), F("id")), default=False),
        Column("day", _("办理日期"), lambda r: r.act.on, lambda on: (F("on"), F("id"))),
        Column("party", _("身份"), lambda r: r.party, lambda on: (F("party"), F("id"))),
        Column("org", _("办理单位"), lambda r: r.org,
               lambda on: (F("payload__organisation__name"), F("id"))),
        Column("person", _("经办人"), lambda r: r.person,
               lambda on: (F("payload__person"), F("id"))),
        Column("seq", _("序号"), lambda r: r.act.seq, lambda on: (F("seq"), F("id")),
               default=False),
    )  # fmt: skip

    def find(self, asked: Asked) -> QuerySet[ActRecord]:
        """The acts that match."""
        known = centre_list.programmes(asked)
        seen = Centre.objects.filter(asked.reach.centres())
        found = ActRecord.objects.select_related("payload", "centre")
        found = found.filter(
            Q(centre__in=seen) | Q(centre__isnull=True, book__in=asked.reach.programmes())
        )
        return found.filter(self._conditions(asked, known)).exclude(joint.unread(asked.reach))

    def _conditions(self, asked: Asked, known: dict[str, Any]) -> Q:
        given, found = asked.given, Q()
        if chosen := asked.one_of("programme", known, _("所依办法")):
            found &= Q(book=chosen)
        if kind := asked.one_of("kind", dict(kinds(known, chosen)), _("行为")):
            found &= Q(kind=kind)
        if party := asked.one_of("party", dict(parties(known, chosen)), _("身份")):
            found &= Q(party=party)
        if given["org"]:
            found &= Q(
                payload__organisation__org__in=centre_list.organisations_called(given["org"])
            )
        if given["person"]:
            found &= Q(payload__person__icontains=given["person"])
        if given["centre"]:
            found &= Q(centre=given["centre"])
        for name, side in (("from", "gte"), ("until", "lt")):
            if (day := asked.day(name, self.filters[name])) is not None:
                start = dt.datetime.combine(day, dt.time.min, SHANGHAI)
                moment = start + dt.timedelta(days=1) if name == "until" else start
                found &= Q(**{f"recorded__{side}": moment})
        return found

    def exportable(self, asked: Asked) -> Q:
        """The condition for those that the person may take as a file."""
        seen = Centre.objects.filter(asked.reach.centres("export.list"))
        programmes = {
            one.capacity.programme
            for one in asked.reach.held
            if asked.reach.scopes(one, "export.list")
        }
        return Q(centre__in=seen) | Q(centre__isnull=True, book__in=programmes)

    def told(self, asked: Asked) -> list[tuple[str, str]]:
        """The filters that are set, in words."""
        known = centre_list.programmes(asked)
        words = {
            "programme": {i: say(m.short) for i, m in known.items()},
            "kind": dict(kinds(known, "")),
            "party": dict(parties(known, "")),
        }
        return [
            (str(self.filters[n]), words.get(n, {}).get(v, v)) for n, v in asked.given.items() if v
        ]

    def rows(self, asked: Asked, found: Sequence[ActRecord]) -> list[Row]:
        """The acts in words."""
        return [row_in_words(act, asked.on) for act in found]

    def context(self, asked: Asked) -> dict[str, Any]:
        """The options of the filters."""
        known = centre_list.programmes(asked)
        chosen = asked.given["programme"] if asked.given["programme"] in known else ""
        return {
            "programmes": known.values(),
            "kinds": kinds(known, chosen),
            "parties": parties(known, chosen),
        }


def kinds(known: dict[str, Any], chosen: str) -> list[tuple[str, str]]:
    """The kinds of acts to filter by; probes are never recorded."""
    options: dict[str, p.Act] = {}
    for name in [chosen] if chosen else known:
        for kind, model in library.editions(name).latest.models.items():
            if not model.probe:
                options.setdefault(kind, model)
    return act_names.told_apart(options)


def parties(known: dict[str, Any], chosen: str) -> list[tuple[str, str]]:
    """The parties to filter by."""
    options: dict[str, str] = {}
    for name in [chosen] if chosen else known:
        for party, model in known[name].parties.items():
            options.setdefault(party, say(model.name))
    return list(options.items())


def row_in_words(act: ActRecord, on: dt.date) -> Row:
    """A recorded act in words, by the edition it was judged by."""
    editions = library.editions(act.book_id)
    rs = editions.by_name.get(act.edition) or editions.latest
    model, party = rs.models.get(act.kind), rs.programme.parties.get(act.party)
    if act.centre is not None:
        subject = say(queries.row_of(act.centre, on).name)
        link = reverse("centre_entry", args=[act.centre_id, act.seq])
    else:
        subject = say(rs.programme.name)
        link = reverse("programme_entry", args=[act.book_id, act.seq])
    role = say(party.name) if party is not None else act.party
    org = str((act.payload.organisation or {}).get("name") or "")
    behalf = act.payload.on_behalf_of
    person = str(act.payload.person or "")
    return Row(
        act,
        say(model.name) if model is not None else act.kind,
        say(rs.programme.short),
        subject,
        link,
        role,
        "" if party is not None and org in (role, party.name.zh) else org,
        person + str(_("（代%(name)s）") % {"name": behalf}) if behalf else person,
        act.recorded.astimezone(SHANGHAI),
    )
