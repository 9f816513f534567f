"""Rounds of evaluation: the list, whom one would call and why, where a round's centres stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from banfa.office import clock
from banfa.office.desk import (
    actform,
    round_figures,
    round_results,
    round_scores,
    setting,
)
from banfa.office.desk.due_list import row_in_words
from banfa.office.desk.errors import forbidden_because
from banfa.office.desk.language import joined, say
from banfa.office.desk.round_frame import PAGE, cited, found, frame
from banfa.office.evaluations import round_status, rounds
from banfa.office.evaluations.rounds import Exemption, Line, Round, Survey, Way
from banfa.office.ledger import library, store
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import ProgrammeBook
from banfa.office.people.models import Organisation
from banfa.office.reviews import queries as reviews
from banfa.office.reviews.models import Subject
from banfa.rules import programme as p
from banfa.rules.life import Act, State
from banfa.rules.proposals import BadProposal, check
from banfa.rules.ruleset import Ruleset

# --- the list ------------------------------------------------------------------------------------


@require_safe
def rounds_page(request: HttpRequest) -> HttpResponse:
    """The rounds that the person sees, the latest first, and what rounds they may begin."""
    page = Paginator(rounds.rounds(request.reach), PAGE).get_page(request.GET.get("page"))
    found = round_status.statuses(request.reach, list(page))
    context = {
        "here": "rounds",
        "page": page,
        "rows": [(one, one.told, found[one.programme.programme, one.number]) for one in page],
        "ways": _ways(request),
        "today": clock.today(),
    }
    return render(request, "desk/rounds.html", context)


def _ways(request: HttpRequest) -> list[dict[str, Any]]:
    """The ways of evaluating that the person may begin: programme, act, address."""
    made = []
    for programme in sorted(request.reach.programmes()):
        rs = library.editions(programme).on(clock.today())
        for way in rounds.ways(rs):
            if _held(request, rs, way):
                model = rs.models[way.act]
                made.append(
                    {
                        "programme": say(rs.programme.short),
                        "act": say(model.name),
                        "many": bool(way.opening),
                        "cites": cited(rs.programme, model),
                        "href": reverse("round_new", args=[programme, way.act]),
                    }
                )
    return made


def _held(request: HttpRequest, rs: Ruleset, way: Way) -> Any:
    """The capacity in which the person would begin it; None: in none."""
    for party in rs.models[way.act].by:
        for one in request.reach.fitting(way.programme, party, None, way.act):
            return one
    return None


# --- whom one would call -------------------------------------------------------------------------


@require_safe
def round_new(request: HttpRequest, programme: str, act: str) -> HttpResponse:
    """What the round is about, then every centre with what speaks for and against calling it."""
    if programme not in request.reach.programmes():
        raise Http404
    today = clock.today()
    rs = library.editions(programme).on(today)
    way = next((w for w in rounds.ways(rs) if w.act == act), None)
    if way is None:
        raise Http404
    held = _held(request, rs, way)
    if held is None:
        return forbidden_because(request, _("您没有可以组织这一评估的身份。"))
    form = _asked(rs, way, held.capacity.party, request.GET)
    survey, status = None, 200
    if "look" in request.GET or not form.inputs:
        survey = _survey(request, rs, way, form, held)
        status = 200 if survey is not None else 422
    model = rs.models[way.act]
    context: dict[str, Any] = {
        "here": "rounds",
        "programme": rs.programme,
        "way": way,
        "act": say(model.name),
        "call": say(rs.models[way.call].name),
        "cites": cited(rs.programme, model),
        "form": form,
        "on": form.typed["on"] or today.isoformat(),
        "mistakes": [(_label(form, where), said) for where, said in form.mistakes],
        "survey": survey,
        "today": today,
        "party": held.capacity.party,
        "given": _given(request.GET),
        "known": {
            f"with.{name}": rounds.values_on_file(request.reach, programme, value)
            for name, value in rounds.named_values(rs, way).items()
        },
    }
    if survey is not None:
        context |= {
            "groups": (groups := _groups(survey, way)),
            "pickable": any(g["pick"] and g["rows"] for g in groups),
            "number": len(survey.candidates),
            "action": reverse("programme_act", args=[programme, way.opening])
            if way.opening
            else "",
        }
    return render(request, "desk/round_new.html", context, status=status)


def _groups(survey: Survey, way: Way) -> list[dict[str, Any]]:
    """The candidates by how the act would be judged, those that it may be done for first."""
    if way.opening:
        names = (_("可以列入"), _("可以列入，有提示"), _("不能列入"))
    else:
        names = (_("可以办理"), _("可以办理，有提示"), _("不能办理"))
    ids = ("may", "unusual", "blocked")
    return [
        {"id": id_, "name": name, "rows": survey.of(id_), "pick": way.opening and id_ != "blocked"}
        for id_, name in zip(ids, names, strict=True)
    ] + [{"id": "running", "name": _("正在评估，不再列入"), "rows": survey.of("running"),
          "pick": False}]  # fmt: skip


def _asked(rs: Ruleset, way: Way, party: str, given: QueryDict) -> actform.ActForm:
    """The inputs that decide whom one may call: the opening act's, or what an evaluation is keyed
    by."""
    book = ProgrammeBook.objects.filter(pk=way.programme).first() or ProgrammeBook(
        programme=way.programme
    )
    world = store.world_of(book, DatabaseFacts())
    where = setting.Setting(way.programme, rs, State(), world, clock.today(), world.acts, [], None)
    choices = setting.choices(where, way.act, Q(pk__in=[]))
    form = actform.build(rs, way.act, choices, given, {}, party)
    model = rs.models[way.act]
    if way.opening:
        form.inputs = [f for f in form.inputs if f.name != f"with.{way.each}"]
    else:
        keyed = {str(k) for k in (model.key, model.about.key if model.about else None) if k}
        form.inputs = [f for f in form.inputs if f.name in keyed]
    form.documents, form.exception = [], []
    setting.basis_of_inputs(where, form)
    return form


def _survey(
    request: HttpRequest, rs: Ruleset, way: Way, form: actform.ActForm, held: Any
) -> Survey | None:
    """Every centre judged with what was typed; None when something typed cannot be read."""
    form.typed["on"] = form.typed["on"] or clock.today().isoformat()
    filled = actform.fill(form)
    if not way.opening:
        left = [f.name for f in form.inputs if f.value in (None, "", [])]
        form.mistakes += [(name, _("请填写")) for name in left]
    if form.mistakes or filled.on is None:
        return None
    party = held.capacity.party
    org = {"org": party} if rs.programme.parties[party].body else {"org": held.org}
    try:
        typed = check(rs, Act(way.act, filled.on, party, org, filled.data))
    except BadProposal as bad:
        form.mistakes += [(m.where, say(m.text)) for m in bad.mistakes]
        return None
    return rounds.survey(request.reach, way, filled.on, typed.data, {"party": party, "org": org})


def _label(form: actform.ActForm, where: str) -> str:
    labels = {one.name: one.label for one in form.fields} | {"on": _("办理日期")}
    return labels.get(where, "")


def _given(asked: QueryDict) -> list[tuple[str, str]]:
    """What was typed for the act, to be taken along to its form."""
    return [
        (name, value)
        for name, values in asked.lists()
        for value in values
        if value and (name == "on" or name.startswith("with."))
    ]


# --- where a round's centres stand ---------------------------------------------------------------


@require_safe
@found
def round_page(request: HttpRequest, programme: str, number: int) -> HttpResponse:
    """A round: what it is about, where each centre stands, who is late, what follows."""
    today = clock.today()
    one = rounds.round_(request.reach, programme, number)
    rounds.fresh(request.reach, one, today)
    return render(request, "desk/round.html", _context(request, one, today))


def _context(request: HttpRequest, one: Round, today: dt.date) -> dict[str, Any]:
    reach = request.reach
    steps = rounds.steps(reach, one)
    step = request.GET.get("step", "")
    step = step if step in {s.id for s in steps} else ""
    listed = rounds.called(reach, one)
    listed = listed.filter(step=step) if step else listed
    pages = Paginator(listed, PAGE)
    pages.count = sum(s.number for s in steps if step in ("", s.id))
    page = pages.get_page(request.GET.get("page"))
    lines = rounds.lines(one, list(page), today)
    waiting = rounds.waiting(reach, one, today)
    late = [m.pk for m in waiting.overdue]
    exempt = rounds.exempt_now(one, list(page), today)
    return frame(request, one, "round") | {
        "facts": _facts(one),
        "record": reverse("programme_entry", args=[one.programme.programme, one.number]),
        "steps": steps,
        "step": step,
        "total": sum(s.number for s in steps),
        "done": sum(s.number for s in steps if s.end),
        "page": page,
        "lines": [
            (line, next_acts(request, one, line, out), out)
            for line in lines
            for out in [exempt.get(line.matter.centre_id, [])]
        ],
        "late": late,
        "hurry": late and any("hurry" in things for things in reach.rights.values()),
        "follows": [row_in_words(m, today) for m in waiting.follows],
        "reviews": _reviews(request, one, any(s.number and not s.end for s in steps)),
    }


def _facts(one: Round) -> list[tuple[str, str]]:
    """What the opening act says, but for the list of centres."""
    made = []
    for name, given in one.model.with_.items():
        value = one.act.data.get(name)
        if value not in (None, "", []) and name != one.way.each:
            made.append((say(given.name), in_words(given, value)))
    return made


def in_words(given: p.Input, value: Any) -> str:
    """A short value of an act in words."""
    if given.options and isinstance(value, str) and value in given.options:
        return say(given.options[value])
    if given.type == "organisation":
        if isinstance(value, Mapping):
            value = value.get("name") or value.get("org")
        name = Organisation.objects.filter(pk=value).values_list("name_zh", flat=True).first()
        return str(name or value)
    if isinstance(value, list):
        return joined(str(v) for v in value)
    return str(value)


@dataclass(slots=True)
class Step:
    """An act that takes a centre on, when it is this person's to do now."""

    name: str
    href: str


def next_acts(
    request: HttpRequest, one: Round, line: Line, exempt: Sequence[Exemption]
) -> list[Step]:
    """The acts by which the person may take a centre on from its step, with their forms.

    Staying out is offered where its conditions hold, an end without a grade by the authority where
    something is overdue.
    """
    if line.closed:
        return []
    rs = library.editions(one.programme.programme).by_name[line.matter.edition]
    centre, made, leaving = line.matter.centre, [], rounds.leaving(rs, one.way)
    for kind in line.matter.acts:
        model = rs.models.get(kind)
        if model is None or (kind in leaving and not exempt):
            continue
        ends = kind not in leaving and rounds.ends_ungraded(rs, one.way, kind)
        for party in model.by:
            if ends and party in rs.programme.authority and not line.overdue:
                continue
            if request.reach.may(kind, party, rs.programme.programme, centre) is not None:
                asked = urlencode({"party": party, "about": line.matter.key})
                href = f"{reverse('centre_act', args=[centre.id, kind])}?{asked}"
                made.append(Step(say(model.name), href))
                break
    return made


def _reviews(request: HttpRequest, one: Round, goes_on: bool) -> dict[str, Any]:
    """The experts' reviews of the round's centres that the person looks at, and, while the round
    `goes_on`, where to call one."""
    called = rounds.called(request.reach, one)
    ours = called.filter(centre=OuterRef("centre"), key=OuterRef("about")).order_by()
    subjects = Subject.objects.filter(Exists(ours), review=OuterRef("pk"))
    rs = library.editions(one.programme.programme).on(one.act.on)
    acts = _judged_by_experts(rs, one)
    rows = reviews.of_caller(request.reach).filter(
        Exists(subjects), programme=one.programme.programme, act__in=acts
    )
    matters = [
        m
        for m in (reviews.matters(request.reach) if goes_on else [])
        if m.programme == one.programme.programme and m.act in acts
    ]
    return {
        "rows": [(r, say(reviews.act_name(r.programme, r.act))) for r in rows[:20]],
        "call": [
            (
                say(reviews.act_name(m.programme, m.act)),
                f"{reverse('review_new')}?{urlencode({'matter': m.token})}",
            )
            for m in matters
        ],
    }


def _judged_by_experts(rs: Ruleset, one: Round) -> set[str]:
    """The acts that experts may prepare: those that decide, and those leading up to it."""
    models = {
        kind: model
        for kind, model in rs.models.items()
        if model.about is not None and model.about.case == one.way.procedure
    }
    before = {
        step
        for kind in one.way.deciding
        if (about := models[kind].about) is not None
        for step in about.at
    }
    leading = {k for k, m in models.items() if any(e.step in before for e in m.then)}
    return leading | set(one.way.deciding)


urls: Sequence[Any] = [
    path("rounds/", rounds_page, name="rounds"),
    path("rounds/<slug:programme>/new/<slug:act>/", round_new, name="round_new"),
    path("rounds/<slug:programme>/<int:number>/", round_page, name="round"),
    *round_figures.urls,
    *round_scores.urls,
    *round_results.urls,
]
