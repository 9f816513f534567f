"""The list of centres: its columns, its filters, a row in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Least
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from banfa.office.clock import SHANGHAI
from banfa.office.desk import lists
from banfa.office.desk.centre_page import DECISIONS
from banfa.office.desk.language import joined, say, speaker
from banfa.office.desk.lists import Asked, Column
from banfa.office.ledger import agenda, index, library, queries, search
from banfa.office.ledger.models import Centre, Matter, Sort
from banfa.office.people import places
from banfa.office.people.models import Organisation, Place
from banfa.office.prepared import Prepared, later
from banfa.office.readable import Readable
from banfa.rules import programme as p
from banfa.rules.words import Text, stated_day

WAITING = {"decision": _("待决定"), "late": _("有逾期")}
WITHIN = {"0": _("已过期"), "30": _("30日内"), "90": _("90日内"), "180": _("半年内"),
          "365": _("一年内")}  # fmt: skip
MOST_ORGANISATIONS = 200
ASIDE, LAST = {"since", "class", "field", "place"}, {"changed", "imported"}
"""Columns that do not show unless chosen; the template asks about all of them at once."""


@dataclass
class Row(Readable):
    """A centre in the list. `next` is the nearest day ahead with what it is."""

    row: queries.CentreRow
    name: str
    short: str
    stage: str
    href: str
    centre: Centre
    roles: list[tuple[str, str]]
    next: tuple[dt.date, str] | None
    late: int
    decisions: int
    class_name: str
    changed: dt.date | None

    @property
    def stated(self) -> str:
        """What an entry states of the stage's beginning; '' where its day is known."""
        found = self.row.stated
        return say(stated_day(found)) if found is not None else ""

    @property
    def said_decisions(self) -> str:
        """How many decisions are waited for."""
        return str(_("待决定 %(n)s")) % {"n": self.decisions}

    @property
    def said_late(self) -> str:
        """How much is late."""
        return str(_("逾期 %(n)s")) % {"n": self.late}


class Centres(lists.Listing):
    """The centres that the person may see."""

    id = "centres"
    address = "centre_list"
    title = _("中心")
    template = "desk/list_centres.html"
    filters = {
        "q": _("名称、编号或拼音首字母"), "programme": _("所依办法"), "stage": _("阶段"),
        "class": _("类别"), "place": _("所在地"), "field": _("领域"), "org": _("单位"),
        "due": _("到期"), "waiting": _("待处理"), "case": _("在办程序"), "imported": _("补录"),
    }  # fmt: skip
    folded = ("class", "field", "org", "due", "waiting", "case", "imported")
    first = "name"
    columns = (
        Column("name", _("中心"), lambda r: r.name,
               lambda on: (F("sort_key"), F("id")), always=True),
        Column("id", _("编号"), lambda r: r.row.id, lambda on: (F("id"),)),
        Column("programme", _("所依办法"), lambda r: r.short,
               lambda on: (F("book"), F("sort_key"), F("id"))),
        Column("stage", _("阶段"), lambda r: r.stage,
               lambda on: (F("book"), index.stage_on(on), F("sort_key"), F("id"))),
        Column("since", _("进入本阶段"), lambda r: r.stated or r.row.since,
               lambda on: (index.since_on(on), F("id")), default=False),
        Column("class", _("类别"), lambda r: r.class_name,
               lambda on: (F("book"), F("centre_class"), F("sort_key"), F("id")), default=False),
        Column("field", _("领域"), lambda r: r.centre.subject,
               lambda on: (F("subject"), F("id")), default=False),
        Column("place", _("所在地"), lambda r: joined(r.centre.places),
               lambda on: (F("places"), F("id")), default=False),
        Column("units", _("主要单位"), lambda r: "；".join(f"{a} {b}" for a, b in r.roles)),
        Column("ends", _("期限届满"), lambda r: r.centre.ends,
               lambda on: (F("ends"), F("id")), default=False),
        Column("next", _("最近到期"), lambda r: f"{r.next[0]} {r.next[1]}" if r.next else "",
               lambda on: (next_day(on), F("id"))),
        Column("waiting", _("待处理"), lambda r: waiting(r)),
        Column("changed", _("最近登记"), lambda r: r.changed,
               lambda on: (F("changed"), F("id")), default=False),
        Column("imported", _("补录"), lambda r: str(_("是")) if r.row.imported else "",
               lambda on: (F("imported"), F("id")), default=False),
    )  # fmt: skip

    def find(self, asked: Asked) -> QuerySet[Centre]:
        """The centres that match."""
        found = Centre.objects.select_related("book", "agenda").filter(asked.reach.centres())
        return found.filter(self.conditions(asked))

    def conditions(self, asked: Asked) -> Q:
        """The filters as one condition on centres."""
        given, known = asked.given, programmes(asked)
        found = Q()
        if chosen := asked.one_of("programme", known, _("所依办法")):
            found &= Q(book=chosen)
        if stage := asked.one_of("stage", dict(stages(known, chosen)), _("阶段")):
            found &= index.in_stage(stage, asked.on)
        if kind := asked.one_of("class", dict(classes(known, chosen)), _("类别")):
            found &= Q(centre_class=kind)
        if place := asked.one_of("place", provinces(), _("所在地")):
            found &= Q(places__overlap=list(places.names_within(place)))
        if given["field"]:
            found &= search.centres_with(given["field"], source=search.PROFILE)
            found &= Q(subject__icontains=search.clean(given["field"]))
        if given["org"]:
            found &= Q(orgs__overlap=organisations_called(given["org"]))
        if within := asked.one_of("due", WITHIN, _("到期")):
            found &= ending(within, asked.on)
        if waiting := asked.one_of("waiting", WAITING, _("待处理")):
            found &= Q(pk__in=_matters(WAITING_MATTERS[waiting](asked.on)))
        if case := asked.one_of("case", dict(procedures(known, chosen)), _("在办程序")):
            found &= Q(pk__in=_matters(Q(sort=Sort.CASE, name=case)))
        if imported := asked.one_of("imported", {"1": "", "0": ""}, _("补录")):
            found &= Q(imported=imported == "1")
        return found & search.centres_with(given["q"], source=search.PROFILE)

    def exportable(self, asked: Asked) -> Q:
        """The condition for those that the person may take as a file."""
        condition: Q = asked.reach.centres("export.list")
        return condition

    def told(self, asked: Asked) -> list[tuple[str, str]]:
        """The filters that are set, in words."""
        known = programmes(asked)
        words = {
            "programme": {i: say(m.short) for i, m in known.items()},
            "stage": dict(stages(known, "")),
            "class": dict(classes(known, "")),
            "place": {i: place.name_zh for i, place in provinces().items()},
            "due": {i: str(said) for i, said in WITHIN.items()},
            "waiting": {i: str(said) for i, said in WAITING.items()},
            "case": dict(procedures(known, "")),
            "imported": {"1": str(_("是")), "0": str(_("否"))},
        }
        return [
            (str(self.filters[n]), words.get(n, {}).get(v, v)) for n, v in asked.given.items() if v
        ]

    def rows(self, asked: Asked, found: Sequence[Centre]) -> list[Row]:
        """The page's centres in words."""
        owed: dict[str, list[Owed]] = {}
        if {"next", "waiting"} & asked.shown.keys():
            owed = owed_of(found, asked.on)
        return [row_in_words(c, asked.on, owed.get(c.id, [])) for c in found]

    def context(self, asked: Asked) -> dict[str, Any]:
        """The options of the filters."""
        known = programmes(asked)
        chosen = asked.given["programme"] if asked.given["programme"] in known else ""
        return {
            "programmes": [(i, say(model.short)) for i, model in known.items()],
            "stages": stages(known, chosen),
            "classes": classes(known, chosen),
            "provinces": [(code, place_name(one)) for code, one in provinces().items()],
            "aside": {"middle": ASIDE & asked.shown.keys(), "last": LAST & asked.shown.keys()},
            "within": WITHIN,
            "waitings": WAITING,
            "procedures": procedures(known, chosen),
            "may_bulk": any(t.startswith("act:") for r in asked.reach.rights.values() for t in r),
        }


def programmes(asked: Asked) -> dict[str, p.Programme]:
    """The programmes that the person may see, by id."""
    seen = asked.reach.programmes()
    loaded = (i for i in library.loadable()[0] if i in seen)
    return {i: library.editions(i).latest.programme for i in loaded}


def stages(known: dict[str, p.Programme], chosen: str) -> list[tuple[str, str]]:
    """The stages to filter by; those of several programmes with one id and name are one line."""
    return _options(known, chosen, "stages")


def classes(known: dict[str, p.Programme], chosen: str) -> list[tuple[str, str]]:
    """The classes to filter by."""
    return _options(known, chosen, "classes")


def procedures(known: dict[str, p.Programme], chosen: str) -> list[tuple[str, str]]:
    """The procedures to filter by."""
    return _options(known, chosen, "procedures")


def _options(known: dict[str, p.Programme], chosen: str, what: str) -> list[tuple[str, str]]:
    options: dict[str, list[str]] = {}
    for model in [known[chosen]] if chosen else known.values():
        for name, thing in getattr(model, what).items():
            said = options.setdefault(name, [])
            if say(thing.name) not in said:
                said.append(say(thing.name))
    return [(name, " / ".join(said)) for name, said in options.items()]


_provinces: dict[str, Place] = {}


def provinces() -> dict[str, Place]:
    """The places that lie within no other, by code."""
    if not _provinces:
        _provinces.update({p.code: p for p in Place.objects.filter(within=None).order_by("code")})
    return dict(_provinces)


def place_name(place: Place) -> str:
    """A place in the language of the page."""
    return say(Text(place.name_zh, place.name_en or place.name_zh))


def organisations_called(words: str) -> list[str]:
    """The ids of organisations in whose name the words stand."""
    found = Organisation.objects.all()
    for word in words.split()[:5]:
        found = found.filter(Q(name_zh__icontains=word) | Q(name_en__icontains=word) | Q(id=word))
    return list(found.order_by("id").values_list("id", flat=True)[:MOST_ORGANISATIONS])


def ending(within: str, on: dt.date) -> Q:
    """The condition for centres with a period that ends, or something owed that is due, within so
    many days ('0': it is past)."""
    if within == "0":
        return Q(ends__lt=on) | Q(pk__in=_matters(late(on)))
    last = on + dt.timedelta(days=int(within))
    owed = Q(sort=Sort.DUTY, due__gte=on, due__lte=last) & ~Q(mode__in=DECISIONS)
    return Q(ends__gte=on, ends__lte=last) | Q(pk__in=_matters(owed))


def late(on: dt.date) -> Q:
    """The condition for what is owed and past its day."""
    return Q(sort=Sort.DUTY, due__lt=on)


WAITING_MATTERS = {
    "decision": lambda on: Q(sort=Sort.DUTY, mode__in=DECISIONS),
    "late": late,
}


def _matters(condition: Q) -> QuerySet[Any]:
    return Matter.objects.filter(condition, closed=False).values("centre")


def next_day(on: dt.date) -> Least:
    """The nearest day ahead of a centre, as an expression: a duty's or the end of a period."""
    ahead = Matter.objects.filter(centre=OuterRef("pk"), sort=Sort.DUTY, due__gte=on)
    ahead = ahead.exclude(mode__in=DECISIONS).order_by("due")
    return Least(Subquery(ahead.values("due")[:1]), Case(When(ends__gte=on, then=F("ends"))))


@dataclass(frozen=True, slots=True)
class Owed:
    """Something owed for a centre, as the list needs it."""

    name: str
    mode: str
    due: dt.date | None


def owed_of(centres: Sequence[Centre], on: dt.date) -> dict[str, list[Owed]]:
    """What is owed for each of these centres (read with `book` and `agenda`): one query, two more
    when some of it is out of date."""
    wanted = [c.id for c in centres]
    if not agenda.all_hold(centres, on):
        agenda.refresh(on, Q(id__in=wanted))
    owed: dict[str, list[Owed]] = {}
    names: dict[tuple[Any, ...], str] = {}
    for centre, book, edition, name, year, mode, due in _owed(centres=wanted):
        at = (book, edition, name, year)
        if at not in names:
            names[at] = duty_name(*at)
        said = names[at]
        owed.setdefault(centre, []).append(Owed(said, mode, due))
    return owed


_owed = Prepared(
    lambda: (
        Matter.objects.filter(centre__any_of=later("centres"), sort=Sort.DUTY, closed=False)
        .order_by("id")
        .values_list("centre_id", "book_id", "edition", "name", "year", "mode", "due")
    )
)


def duty_name(book: str, edition: str, name: str, year: int | None) -> str:
    """What a duty, a decision or a notice is called, in the edition that it comes from."""
    model = library.editions(book).by_name[edition].programme
    things = (model.duties, model.consequences, model.notices)
    found = next((group[name] for group in things if name in group), None)
    said = say(found.name) if found is not None else name
    return f"{said}（{year}）" if year else said


def row_in_words(centre: Centre, on: dt.date, duties: Sequence[Owed]) -> Row:
    """A centre in the list: who holds which role, what is due next, what awaits a decision."""
    row = queries.row_of(centre, on)
    model, say = row.programme, speaker()
    roles = [
        (say(party.name), joined(str(o.get("name") or o.get("org")) for o in row.roles[name]))
        for name, party in model.parties.items()
        if row.roles.get(name) and not party.inside
    ]
    ahead = [
        (d.due, d.name)
        for d in duties
        if d.due is not None and d.due >= on and d.mode not in DECISIONS
    ]
    ahead += [
        (end, str(_("%s届满") % say(model.periods[name].name)))
        for name, (_start, end) in row.periods.items()
        if end >= on and not row.terminal and name in model.periods
    ]
    kind = model.classes.get(centre.centre_class or "")
    return Row(
        row,
        say(row.name),
        say(model.short),
        say(row.stage_name),
        reverse("centre", args=[centre.id]),
        centre,
        roles[:2],
        min(ahead, default=None),
        sum(1 for d in duties if d.due is not None and d.due < on),
        sum(1 for d in duties if d.mode in DECISIONS),
        say(kind.name) if kind is not None else "",
        centre.changed.astimezone(SHANGHAI).date() if centre.changed else None,
    )


def waiting(row: Row) -> str:
    """What waits for somebody, for a file."""
    said = [row.said_decisions] if row.decisions else []
    return "；".join([*said, *([row.said_late] if row.late else [])])
