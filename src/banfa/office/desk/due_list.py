"""The list of what is owed across centres, earliest due first; and asking to hurry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from banfa.office.desk import act_list, centre_list, citations, lists
from banfa.office.desk.centre_page import DECISIONS
from banfa.office.desk.language import joined, say
from banfa.office.desk.lists import Asked, Column
from banfa.office.ledger import agenda, library, queries, search
from banfa.office.ledger.models import Centre, Matter, Sort

SORTS = {"duty": _("应办"), "decision": _("待决定")}


@dataclass
class Row:
    """Something owed, in words. `holders` are the organisations, or the parties, that owe it."""

    matter: Matter
    name: str
    centre: str
    short: str
    holders: str
    computed: str
    follows: str
    late: bool
    decision: bool
    act: str
    basis: citations.Link | None


class Due(lists.Listing):
    """What is owed for the centres that the person may see."""

    id = "due"
    address = "due_list"
    title = _("到期事项")
    template = "desk/list_due.html"
    filters = {
        "q": _("中心"), "programme": _("所依办法"), "sort_of": _("性质"), "within": _("到期"),
        "mine": _("本人身份承担的"), "party": _("承担方"),
    }  # fmt: skip
    first = "due"
    notes = {
        "none": _("尚未选择可由您催办的事项。请先勾选，再点“催办所选”。"),
        "many": _("一次至多催办200项，请分批办理。"),
    }  # fmt: skip
    columns = (
        Column("due", _("到期"), lambda r: r.matter.due,
               lambda on: (F("due"), F("id")), always=True),
        Column("name", _("事项"), lambda r: r.name, lambda on: (F("name"), F("year"), F("id")),
               always=True),
        Column("centre", _("中心"), lambda r: r.centre,
               lambda on: (F("centre__sort_key"), F("id"))),
        Column("programme", _("所依办法"), lambda r: r.short,
               lambda on: (F("book"), F("id")), default=False),
        Column("holders", _("承担单位"), lambda r: r.holders),
        Column("since", _("自"), lambda r: r.matter.since,
               lambda on: (F("since"), F("id")), default=False),
        Column("computed", _("推算"), lambda r: r.computed),
        Column("basis", _("依据"), lambda r: r.basis.text if r.basis else ""),
    )  # fmt: skip

    def find(self, asked: Asked) -> QuerySet[Matter]:
        """What is owed and matches. What time or a programme-level act has changed is made anew."""
        agenda.refresh(asked.on, asked.reach.centres())
        seen = Centre.objects.filter(asked.reach.centres())
        found = Matter.objects.select_related("centre").filter(sort=Sort.DUTY, closed=False)
        return found.filter(self._conditions(asked), centre__in=seen)

    def _conditions(self, asked: Asked) -> Q:
        given, known = asked.given, centre_list.programmes(asked)
        found = Q()
        if chosen := asked.one_of("programme", known, _("所依办法")):
            found &= Q(book=chosen)
        if sort := asked.one_of("sort_of", SORTS, _("性质")):
            decides = Q(mode__in=DECISIONS)
            found &= decides if sort == "decision" else ~decides
        if within := asked.one_of("within", centre_list.WITHIN, _("到期")):
            last = asked.on + dt.timedelta(days=int(within))
            found &= Q(due__lt=asked.on) if within == "0" else Q(due__gte=asked.on, due__lte=last)
        if asked.one_of("mine", {"1": ""}, _("本人身份承担的")):
            found &= mine(asked)
        if party := asked.one_of("party", dict(act_list.parties(known, chosen)), _("承担方")):
            found &= Q(holders__contains=[party])
        if given["q"]:
            named = search.centres_with(given["q"], source=search.PROFILE)
            found &= Q(centre__in=Centre.objects.filter(named))
        return found

    def exportable(self, asked: Asked) -> Q:
        """The condition for those that the person may take as a file."""
        return Q(centre__in=Centre.objects.filter(asked.reach.centres("export.list")))

    def told(self, asked: Asked) -> list[tuple[str, str]]:
        """The filters that are set, in words."""
        known = centre_list.programmes(asked)
        words = {
            "programme": {i: say(m.short) for i, m in known.items()},
            "sort_of": {i: str(said) for i, said in SORTS.items()},
            "within": {i: str(said) for i, said in centre_list.WITHIN.items()},
            "party": dict(act_list.parties(known, "")),
            "mine": {"1": str(_("是"))},
        }
        return [
            (str(self.filters[n]), words.get(n, {}).get(v, v)) for n, v in asked.given.items() if v
        ]

    def rows(self, asked: Asked, found: Sequence[Matter]) -> list[Row]:
        """What is owed, in words."""
        return [row_in_words(matter, asked.on) for matter in found]

    def context(self, asked: Asked) -> dict[str, Any]:
        """The options of the filters."""
        known = centre_list.programmes(asked)
        chosen = asked.given["programme"] if asked.given["programme"] in known else ""
        return {
            "programmes": known.values(),
            "sorts": SORTS,
            "within": centre_list.WITHIN,
            "parties": act_list.parties(known, chosen),
            "may_hurry": any("hurry" in things for things in asked.reach.rights.values()),
        }


def mine(asked: Asked) -> Q:
    """The condition for what the person's own capacities owe."""
    found = Q(pk__in=[])
    for one in asked.reach.held:
        party = one.capacity.party
        found |= Q(book=one.capacity.programme, seats__overlap=[f"{party}@{one.org}", party])
    return found


def row_in_words(matter: Matter, on: dt.date) -> Row:
    """Something owed, in words, with its article and how its day comes about."""
    rs = library.editions(matter.book_id).by_name[matter.edition]
    duty = queries.kept_duty(matter, on)
    act = rs.models.get(duty.act or "")
    parties = [say(rs.programme.parties[h].name) for h in duty.holder if h in rs.programme.parties]
    return Row(
        matter,
        say(duty.name) + (f"（{duty.year}）" if duty.year else ""),
        say(queries.row_of(matter.centre, on).name),
        say(rs.programme.short),
        joined(say(o) for o in duty.orgs) or joined(parties),
        say(duty.computed),
        say(duty.follows),
        duty.late,
        duty.mode in DECISIONS,
        say(act.name) if act is not None else "",
        citations.link(rs.programme, duty.cite, duty.default),
    )
