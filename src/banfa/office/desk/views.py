"""The pages. Each asks the ledger, puts the answer into words, and shows it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from banfa.office import clock
from banfa.office.desk import (
    centre_page,
    centre_tabs,
    citations,
    comparison,
    import_pages,
    moment,
    permitted,
    regulation,
    setting,
    standing,
)
from banfa.office.desk.drawing import drawing
from banfa.office.desk.errors import on_file
from banfa.office.desk.language import say
from banfa.office.ledger import library, queries
from banfa.office.ledger.errors import NotOnFile
from banfa.office.queues import joint
from banfa.rules.life import State

SHOWN = 5
"""So many lines of each list stand on a centre's overview; its tabs have all."""


def _programmes(request: HttpRequest, on: dt.date) -> list[queries.ProgrammeRow]:
    """The programmes that the person may see, with the centres that they may see."""
    rows = queries.programmes(on, request.reach.centres())
    return [row for row in rows if row.id in request.reach.programmes()]


def _seen(request: HttpRequest, programme: str) -> str:
    """A programme that the person may see. Raises NotOnFile for every other one."""
    if programme not in request.reach.programmes():
        raise NotOnFile(f"没有“{programme}”这一办法", f"no programme '{programme}'")
    return programme


@require_safe
def programmes(request: HttpRequest) -> HttpResponse:
    """The regulations in use."""
    rows = _programmes(request, clock.today())
    return render(request, "desk/programmes.html", {"here": "programmes", "rows": rows})


@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Two programmes side by side; without a choice the first two."""
    seen = request.reach.programmes()
    options = [model for model in comparison.choices() if model.programme in seen]
    known = {model.programme: model for model in options}
    asked = [known[n] for n in (request.GET.get("a"), request.GET.get("b")) if n in known]
    chosen = asked + [model for model in options if model not in asked]
    pair = chosen[:2]
    lines = comparison.lines(pair) if len(pair) == 2 else []
    only = request.GET.get("only") == "different"
    context = {
        "here": "programmes",
        "options": options,
        "pair": pair,
        "lines": [line for line in lines if not (only and line.same)],
        "only": only,
        "differing": sum(not line.same for line in lines),
        "total": len(lines),
    }
    return render(request, "desk/compare.html", context)


@require_safe
@on_file
def latest_edition(request: HttpRequest, programme: str) -> HttpResponse:
    """To the edition in force today."""
    rs = library.editions(_seen(request, programme)).on(clock.today())
    return HttpResponseRedirect(citations.page_of(rs.programme))


@require_safe
@on_file
def programme(request: HttpRequest, programme: str, edition: str) -> HttpResponse:
    """A regulation: its data, its articles, what is left to the authority, the defaults."""
    asked = moment.read(request.GET, clock.today())
    page = queries.programme_page(_seen(request, programme), edition, asked.on, asked.known_at)
    rs, model = page.ruleset, page.programme
    where, chosen = setting.of_programme(request, programme, asked.on, edition)
    acts = _granted(request, programme, chosen, _programme_acts(rs, where))
    places = regulation.places(rs, page.text_load)
    context = {
        "here": "programmes",
        "moment": asked,
        "page": page,
        "programme": model,
        "editions": page.editions.rulesets,
        "drawing": drawing(model),
        "places": places,
        "coverage": regulation.coverage(places),
        "parties": standing.options(request, model, _acting(rs, State())),
        "party": chosen.token if chosen.held else "",
        **_acts_context(acts),
        "left": regulation.left_to_authority(rs, page.world, asked.on),
        "defaults": regulation.defaults_in_use(rs, page.world, asked.on),
        "timeline": centre_page.timeline(page.editions, page.timeline),
        "text_changes": regulation.text_changes(programme, edition),
        "receipt": _receipt(request, page),
        "may_import": import_pages.may_import(
            request, library.editions(programme).on(clock.today())
        ),
    }
    return render(request, "desk/programme.html", context)


def _acts_context(acts: list[permitted.Possibility]) -> dict[str, Any]:
    """The acts, and where those begin that are not possible now."""
    blocked = [act for act in acts if act.standing == "blocked"]
    first = blocked[0].kind if blocked else ""
    return {"acts": acts, "blocked": len(blocked), "first_blocked": first}


def _granted(
    request: HttpRequest,
    programme: str,
    chosen: standing.Standing,
    acts: list[permitted.Possibility],
    centre: Any = None,
) -> list[permitted.Possibility]:
    """The acts to which the person's capacities give the right."""
    if not chosen.held:
        return []
    may = request.reach.may
    orgs = chosen.orgs
    return [
        a for a in acts if any(may(a.kind, chosen.party, programme, centre, org) for org in orgs)
    ]


def _programme_acts(rs: Any, where: Any) -> list[permitted.Possibility]:
    """Acts on the programme's page. What is annulled on a centre is annulled on its own page."""
    offered = [one for one in where.permissions if one.act != "annul"]
    return permitted.in_order(rs, offered)


def _acting(rs: Any, state: State) -> set[str]:
    models = rs.models
    if state.stage is None:
        models = {
            k: m for k, m in models.items() if m.level == "programme" or permitted.opens_a_life(m)
        }
    return permitted.parties_of(rs.programme, models, state)


def _receipt(request: HttpRequest, page: Any) -> Any:
    raw = request.GET.get("receipt", "")
    if not raw.isdigit():
        return None
    found = next((e for e in page.timeline if str(e.act.seq) == raw), None)
    return centre_page.shown(page.editions, found) if found is not None else None


@require_safe
@on_file
def centre(request: HttpRequest, centre: str) -> HttpResponse:
    """A centre on a day as known on a day."""
    asked = moment.read(request.GET, clock.today())
    page = _visible(request, queries.centre(centre, asked.on, asked.known_at))
    rs, programme = page.ruleset, page.programme.programme
    acting = permitted.parties_of(rs.programme, rs.models, page.state)
    offered = standing.options(request, page.programme, acting, page.centre)
    chosen = standing.read(request, programme, page.centre)
    acts = []
    if chosen.held:
        org = chosen.organisation(rs.programme, page.state) or {}
        acts = permitted.acts_of(rs, page.state, chosen.party, asked.on, page.world, centre, org)
        acts = _granted(request, programme, chosen, acts, page.centre)
    possible = {"page": page, "moment": asked, "party": chosen.token if chosen.held else "",
                **_acts_context(acts)}  # fmt: skip
    if request.GET.get("part") == "acts":
        return render(request, "desk/parts/centre_acts.html", possible)
    duties, decisions = centre_page.owed(rs, page.state, page.duties)
    counted = [e for e in page.timeline if e.counts]
    happened = [e for e in page.timeline if e.counts or e.annulled_by is not None]
    context = {
        "here": "centres",
        "tabs": centre_tabs.tabs(page.centre, "centre"),
        "programme": page.programme,
        "names": centre_page.names(rs, page.state, asked.on),
        "facts": centre_page.facts(rs, page.state),
        "results": centre_page.results(rs, page.state),
        "stages": centre_page.stages(page.editions, page.state, asked.on),
        "drawing": drawing(page.programme, page.stage, [s for s, _on in page.state.stages]),
        "moves": centre_page.moves(page.editions, page.state, counted),
        "clocks": centre_page.clocks(page.editions, rs, page.state, counted),
        "procedures": centre_page.procedures(rs, page.state),
        "duties": duties[:SHOWN],
        "more_duties": max(len(duties) - SHOWN, 0),
        "decisions": decisions,
        "parties": offered,
        "usual": standing.usual(request, offered),
        "mine": {one.capacity.party for one in request.reach.fitting(programme, "", page.centre)},
        **possible,
        "timeline": centre_page.timeline(page.editions, happened)[:SHOWN],
        "recorded": len(page.timeline),
        "receipt": _receipt(request, page),
    }
    return render(request, "desk/centre.html", context)


def _visible(request: HttpRequest, page: queries.CentrePage) -> queries.CentrePage:
    """A centre's page, for those who may see it. Raises NotOnFile, as if it were not there."""
    if not request.reach.sees(page.centre):
        raise NotOnFile(f"没有编号为“{page.centre.id}”的中心", f"no centre '{page.centre.id}'")
    joint.veil(request.reach, page)
    return page


@require_safe
@on_file
def centre_entry(request: HttpRequest, centre: str, seq: int) -> HttpResponse:
    """One recorded act of a centre with all its findings."""
    page = _visible(request, queries.centre(centre))
    return _entry(request, page, seq, say(page.name))


@require_safe
@on_file
def programme_entry(request: HttpRequest, programme: str, seq: int) -> HttpResponse:
    """One recorded programme-level act with all its findings."""
    page = queries.programme_page(_seen(request, programme))
    return _entry(request, page, seq, say(page.programme.name))


def _entry(request: HttpRequest, page: Any, seq: int, title: str) -> HttpResponse:
    entry = next((e for e in page.timeline if e.act.seq == seq), None)
    if entry is None:
        raise Http404(_("没有这一序号的行为"))
    context = {
        "here": "centres" if getattr(page, "centre", None) is not None else "programmes",
        "page": page,
        "programme": page.programme,
        "title": title,
        "shown": centre_page.timeline(page.editions, [entry])[0],
        "centre": getattr(page, "centre", None),
    }
    fragment = getattr(request, "htmx", False)
    template = "desk/parts/findings.html" if fragment else "desk/entry.html"
    return render(request, template, context)
