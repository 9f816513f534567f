"""The tabs of a centre's record beside its overview. As-of dates work where a state is shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import centre_page, centre_tabs, citations, moment
from banfa.office.desk.errors import on_file
from banfa.office.desk.fields import unit_of
from banfa.office.desk.language import say
from banfa.office.evaluations.rounds import ways
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.errors import LedgerError, NotOnFile
from banfa.office.queues import joint, queries, verbs
from banfa.office.queues.errors import QueueError
from banfa.rules import words
from banfa.rules.history import fold
from banfa.rules.life import Act, State
from banfa.rules.terms import people as people_in


def visible(
    request: HttpRequest, centre: str, asked: moment.Moment | None = None
) -> ledger.CentrePage:
    """A centre's page at a moment, for those who may see it. Raises NotOnFile to others."""
    on, known_at = (asked.on, asked.known_at) if asked is not None else (None, None)
    page = ledger.centre(centre, on, known_at)
    if not request.reach.sees(page.centre):
        raise NotOnFile(f"没有编号为“{centre}”的中心", f"no centre '{centre}'")
    joint.veil(request.reach, page)
    return page


def show(request: HttpRequest, centre: str, tab: str, make: Any) -> HttpResponse:
    """A tab: the head that all have, and what `make` gives of the centre's page."""
    asked = moment.read(request.GET, clock.today())
    page = visible(request, centre, asked)
    context = {
        "here": "centres",
        "tab": tab,
        "tabs": centre_tabs.tabs(page.centre, tab),
        "moment": asked,
        "page": page,
        "programme": page.programme,
        "mine": {
            one.capacity.party
            for one in request.reach.fitting(page.centre.book_id, "", page.centre)
        },
        **make(page),
    }
    return render(request, f"desk/record/{tab.removeprefix('centre_')}.html", context)


def _counted(page: ledger.CentrePage) -> list[ledger.Entry]:
    return [entry for entry in page.timeline if entry.counts]


# --- organisations and people -------------------------------------------------------------------


@dataclass
class Spell:
    """That an organisation played a role from a day (until a day), by which acts.

    `before`: it did already when the centre was entered, nobody says since when.
    """

    role: str
    name: str
    since: dt.date
    by: str
    seq: int
    until: dt.date | None = None
    until_by: str = ""
    before: bool = False


@require_safe
@on_file
def parties(request: HttpRequest, centre: str) -> HttpResponse:
    """Who plays which role, since when, by which acts; and the people of its team."""
    return show(request, centre, "centre_parties", _parties)


def _parties(page: ledger.CentrePage) -> dict[str, Any]:
    spells = list(roles_over_time(page))
    return {
        "now": [s for s in spells if s.until is None],
        "before": [s for s in reversed(spells) if s.until is not None],
        "teams": list(_teams(page)),
    }


def roles_over_time(page: ledger.CentrePage) -> Iterator[Spell]:
    """The roles in the order in which they were bound."""
    programme, names = page.programme, {e.act.seq: say(e.name) for e in page.timeline}
    open_: dict[tuple[str, str], Spell] = {}
    spells: list[Spell] = []

    def look(state: State, act: Act) -> None:
        held = {
            (party, str(o.get("org") or o.get("name"))): o
            for party, orgs in state.roles.items()
            for o in orgs
        }
        for at in [at for at in open_ if at not in held]:
            spell = open_.pop(at)
            spell.until, spell.until_by = act.on, names.get(act.seq, "")
        for (party, org), data in held.items():
            if (party, org) not in open_:
                model = programme.parties.get(party)
                role = say(model.name) if model is not None else party
                name = str(data.get("name") or org)
                spell = Spell(role, name, act.on, names.get(act.seq, ""), act.seq)
                spell.before = act.kind == "enter_existing_centre"
                open_[party, org] = spell
                spells.append(spell)

    acts = [entry.act for entry in page.timeline]
    fold(page.editions, acts, page.world, page.on, page.known_at, look)
    yield from spells


def _teams(page: ledger.CentrePage) -> Iterator[tuple[str, list[str]]]:
    """The values on file that name people."""
    for name, value in page.state.values.items():
        declared = page.programme.values.get(name)
        if declared is None or not isinstance(value, list):
            continue
        rows = bool(value) and isinstance(value[0], dict) and "person" in value[0]
        if rows or getattr(declared, "type", "") == "people":
            yield say(declared.name), [p for p in people_in(value) if p and p != "None"]


# --- procedures, duties, results, timeline ------------------------------------------------------


@dataclass
class Closed:
    """A procedure that has ended: how, when it was opened and when it ended."""

    id: str
    name: str
    step: str
    opened: dt.date
    ended: dt.date | None


@require_safe
@on_file
def cases(request: HttpRequest, centre: str) -> HttpResponse:
    """The procedures of a centre, under way and ended."""
    return show(request, centre, "centre_cases", _cases)


def _cases(page: ledger.CentrePage) -> dict[str, Any]:
    ended = []
    for case in page.state.cases.values():
        model = page.programme.procedures.get(case.procedure)
        if case.closed and model is not None:
            place, step = case.id.replace("#", "-"), say(model.steps[case.step].name)
            ended.append(Closed(place, say(model.name), step, case.opened, case.since))
    return {
        "procedures": centre_page.procedures(page.ruleset, page.state),
        "ended": sorted(ended, key=lambda c: (c.ended or c.opened, c.id), reverse=True),
    }


@require_safe
@on_file
def duties(request: HttpRequest, centre: str) -> HttpResponse:
    """What has fallen due for decision, what is owed, and the periods that run."""
    return show(request, centre, "centre_duties", _duties)


def _duties(page: ledger.CentrePage) -> dict[str, Any]:
    owed, decisions = centre_page.owed(page.ruleset, page.state, page.duties)
    return {
        "duties": owed,
        "more_duties": 0,
        "decisions": decisions,
        "clocks": centre_page.clocks(page.editions, page.ruleset, page.state, _counted(page)),
    }


@require_safe
@on_file
def results(request: HttpRequest, centre: str) -> HttpResponse:
    """Grades and conclusions without one, latest first, with the acts that made them."""
    return show(request, centre, "centre_results", _results)


@dataclass
class Found:
    """How a centre was found: a grade ('' where none is given), what is said of it, by which act.

    `round` is the year, the number or the round that it is for.
    """

    on: dt.date
    seq: int
    act: str
    grade: str
    round: str
    says: str
    cites: list[citations.Link]


def _results(page: ledger.CentrePage) -> dict[str, Any]:
    entries = {e.act.seq: e for e in _counted(page)}
    graded = centre_page.results(page.ruleset, page.state)
    found = [
        Found(r.on, r.seq, say(e.name), r.grade, r.round, _conclusion(page, e), _cites(page, e))
        for r in graded
        if (e := entries.get(r.seq)) is not None
    ]
    known = {r.seq for r in graded}
    found += [
        Found(e.act.on, seq, say(e.name), "", _about(page, e), said, _cites(page, e))
        for seq, e in entries.items()
        if seq not in known and (said := _conclusion(page, e))
    ]
    return {"results": sorted(found, key=lambda f: (f.on, f.seq), reverse=True)}


def _conclusion(page: ledger.CentrePage, entry: ledger.Entry) -> str:
    """What an act by which the programme evaluates says in words; '' for every other act."""
    rs = page.editions.by_name.get(entry.edition) or page.editions.latest
    grades = next((w.deciding for w in ways(rs) if entry.act.kind in w.deciding), None)
    if grades is None:
        return ""
    inputs, data = rs.models[entry.act.kind].with_, entry.act.data
    told = [n for n, given in inputs.items() if given.type == "long_text" and data.get(n)]
    grade = data.get(grades[entry.act.kind])
    return "\n".join(str(data[n]) for n in told) or say(words.value(grade, programme=rs.programme))


def _about(page: ledger.CentrePage, entry: ledger.Entry) -> str:
    """The year or the number of what was evaluated: what the act is told apart by."""
    rs = page.editions.by_name.get(entry.edition) or page.editions.latest
    model = rs.models[entry.act.kind]
    name = str(model.key or "").removeprefix("with.")
    told = entry.act.data.get(name)
    return f"{say(model.with_[name].name)} {told}" if name in model.with_ and told else ""


def _cites(page: ledger.CentrePage, entry: ledger.Entry) -> list[citations.Link]:
    """The act's articles; parts of an article that are printed alike once."""
    cites = centre_page.shown(page.editions, entry).cites
    return list({link.text: link for link in reversed(cites)}.values())[::-1]


@require_safe
@on_file
def timeline(request: HttpRequest, centre: str) -> HttpResponse:
    """Every recorded act, latest first."""
    return show(request, centre, "centre_timeline", _timeline)


def _timeline(page: ledger.CentrePage) -> dict[str, Any]:
    return {
        "timeline": centre_page.timeline(page.editions, page.timeline),
        "moves": centre_page.moves(page.editions, page.state, _counted(page)),
    }


# --- money --------------------------------------------------------------------------------------


@dataclass
class Amount:
    """An amount that an act states: which, how much, in which unit."""

    on: dt.date
    seq: int
    act: str
    name: str
    value: Decimal
    unit: str


@dataclass
class Sum:
    """The amounts of one kind: of the same input of the same act, in one unit."""

    act: str
    name: str
    unit: str
    amounts: list[Amount] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        """What they come to."""
        return sum((a.value for a in self.amounts), Decimal(0))


@require_safe
@on_file
def money(request: HttpRequest, centre: str) -> HttpResponse:
    """The amounts that registers and acts state, with their sums by kind."""
    return show(request, centre, "centre_money", _money)


def _money(page: ledger.CentrePage) -> dict[str, Any]:
    amounts = [a for entry in _counted(page) for a in amounts_of(page, entry)]
    sums: dict[tuple[str, str, str], Sum] = {}
    for amount in amounts:
        at = (amount.act, amount.name, amount.unit)
        sums.setdefault(at, Sum(*at)).amounts.append(amount)
    return {"sums": list(sums.values()), "amounts": amounts[::-1]}


def amounts_of(page: ledger.CentrePage, entry: ledger.Entry) -> Iterator[Amount]:
    """The amounts of money that an act states: its inputs, and the columns of its tables."""
    rs = page.editions.by_name.get(entry.edition) or page.editions.latest
    model, act = rs.models.get(entry.act.kind), entry.act
    if model is None:
        return
    for name, given in model.with_.items():
        value = act.data.get(name)
        found = [(given, value)] if given.type == "money" else []
        for column, inner in (given.columns or {}).items():
            if inner.type == "money" and isinstance(value, list):
                found += [(inner, row.get(column)) for row in value if isinstance(row, dict)]
        for told, amount in found:
            if isinstance(amount, (int, Decimal)) and not isinstance(amount, bool):
                label = say(told.name)
                yield Amount(
                    act.on, act.seq, say(words.words(model.name)), label, Decimal(amount),
                    unit_of(told),
                )  # fmt: skip


# --- notes --------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def notes(request: HttpRequest, centre: str) -> HttpResponse:
    """The notes of one's own organisation on a centre; writing one, taking one's own away."""
    said, text = "", request.POST.get("text", "")
    page = visible(request, centre)
    if request.method == "POST":
        try:
            if request.POST.get("do") == "remove":
                raw = request.POST.get("note", "")
                verbs.remove_note(request.reach, int(raw) if raw.isdigit() else -1)
            else:
                verbs.write_note(request.reach, page.centre, text)
            return HttpResponseRedirect(reverse("centre_notes", args=[centre]))
        except NotOnFile:
            raise
        except (QueueError, LedgerError) as error:
            said = say(error.text)
    context = {
        "here": "centres",
        "tab": "centre_notes",
        "tabs": centre_tabs.tabs(page.centre, "centre_notes"),
        "moment": moment.read({}, clock.today()),
        "page": page,
        "programme": page.programme,
        "notes": queries.notes(request.reach, page.centre),
        "said": said,
        "text": text,
        "title": _("备注"),
    }
    return render(request, "desk/record/notes.html", context, status=422 if said else 200)


urls: Sequence[Any] = [
    path("centres/<str:centre>/parties/", parties, name="centre_parties"),
    path("centres/<str:centre>/cases/", cases, name="centre_cases"),
    path("centres/<str:centre>/duties/", duties, name="centre_duties"),
    path("centres/<str:centre>/money/", money, name="centre_money"),
    path("centres/<str:centre>/results/", results, name="centre_results"),
    path("centres/<str:centre>/timeline/", timeline, name="centre_timeline"),
    path("centres/<str:centre>/notes/", notes, name="centre_notes"),
]
