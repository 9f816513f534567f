"""Rounds of evaluation: the list, whom one would call and why, one round, its scores."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import actform, citations, round_scores, setting
from banfa.office.desk.centre_page import DECISIONS
from banfa.office.desk.due_list import row_in_words
from banfa.office.desk.errors import forbidden_because
from banfa.office.desk.language import joined, say
from banfa.office.desk.typed import without_nul
from banfa.office.evaluations import queries, rounds, verbs
from banfa.office.evaluations.errors import EvaluationError, NotOnFile
from banfa.office.evaluations.models import Kind, Stage
from banfa.office.evaluations.rounds import Line, Round, Survey, Way
from banfa.office.evaluations.verbs import Opening
from banfa.office.ledger import library, store
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import Centre, Matter, ProgrammeBook, Sort
from banfa.office.people.models import Organisation
from banfa.rules import programme as p
from banfa.rules.life import Act, State
from banfa.rules.loading import LoadError
from banfa.rules.proposals import BadProposal, check
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text

View = Callable[..., HttpResponse]
PAGE = 50


def found(view: View) -> View:
    """A round or run that is not there for this person is a page that is not there."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotOnFile as error:
            raise Http404(say(error.text)) from error

    return wrapped


# --- the list ------------------------------------------------------------------------------------


@require_safe
def rounds_page(request: HttpRequest) -> HttpResponse:
    """The rounds that the person sees, the latest first, and what rounds they may begin."""
    page = Paginator(rounds.rounds(request.reach), PAGE).get_page(request.GET.get("page"))
    context = {"here": "rounds", "page": page, "ways": _ways(request), "today": clock.today()}
    return render(request, "desk/rounds.html", context)


def _ways(request: HttpRequest) -> list[dict[str, str]]:
    """The ways of evaluating that the person may begin: programme, act, address."""
    made = []
    for programme in sorted(request.reach.programmes()):
        rs = library.editions(programme).on(clock.today())
        for way in rounds.ways(rs):
            if _held(request, rs, way):
                made.append(
                    {
                        "programme": say(rs.programme.short),
                        "act": say(rs.models[way.act].name),
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
    form = _asked(request, rs, way, held.capacity.party)
    survey, status = None, 200
    if "look" in request.GET:
        survey = _survey(request, rs, way, form, held)
        status = 200 if survey is not None else 422
    model = rs.models[way.act]
    context: dict[str, Any] = {
        "here": "rounds",
        "programme": rs.programme,
        "way": way,
        "act": say(model.name),
        "cites": citations.links(rs.programme, model.cite, model.default),
        "form": form,
        "mistakes": [(_label(form, where), said) for where, said in form.mistakes],
        "survey": survey,
        "today": today,
        "party": held.capacity.party,
        "given": _given(request.GET),
    }
    if survey is not None:
        context |= {
            "may": survey.of("may"),
            "unusual": survey.of("unusual"),
            "blocked": survey.of("blocked"),
            "action": reverse("programme_act", args=[programme, way.opening])
            if way.opening
            else "",
        }
    return render(request, "desk/round_new.html", context, status=status)


def _asked(request: HttpRequest, rs: Ruleset, way: Way, party: str) -> actform.ActForm:
    """The inputs that decide whom one may call: the opening act's, or what an evaluation is keyed
    by."""
    book = ProgrammeBook.objects.filter(pk=way.programme).first() or ProgrammeBook(
        programme=way.programme
    )
    world = store.world_of(book, DatabaseFacts())
    where = setting.Setting(way.programme, rs, State(), world, clock.today(), world.acts, [], None)
    nobody = Centre.objects.none().values("pk")
    choices = setting.choices(where, way.act, _in(nobody))
    form = actform.build(rs, way.act, choices, request.GET, {}, party)
    model = rs.models[way.act]
    if way.opening:
        form.inputs = [f for f in form.inputs if f.name != f"with.{way.each}"]
    else:
        keyed = {str(k) for k in (model.key, model.about.key if model.about else None) if k}
        form.inputs = [f for f in form.inputs if f.name in keyed]
    form.documents, form.exception = [], []
    setting.basis_of_inputs(where, form)
    return form


def _in(chosen: Any) -> Any:
    from django.db.models import Q

    return Q(pk__in=chosen)


def _survey(
    request: HttpRequest, rs: Ruleset, way: Way, form: actform.ActForm, held: Any
) -> Survey | None:
    """Every centre judged with what was typed; None when something typed cannot be read."""
    form.typed["on"] = form.typed["on"] or clock.today().isoformat()
    filled = actform.fill(form)
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


# --- one round -----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@without_nul
@found
def round_page(request: HttpRequest, programme: str, number: int) -> HttpResponse:
    """A round: what it is about, where each centre stands, who is late, its figures and runs."""
    today = clock.today()
    one = rounds.round_(request.reach, programme, number)
    leads = rounds.administers(request.reach, programme)
    said, problems, status = "", [], 200
    if request.method == "POST":
        if not leads:
            return forbidden_because(request, _("只有主管机关组织评估的人员可以办理。"))
        try:
            DOINGS.get(request.POST.get("what", ""), _unknown)(request, one)
            return HttpResponseRedirect(f"{_address(one)}#figures")
        except EvaluationError as error:
            said, status = say(error.text), error.status
        except LoadError as error:
            said, status = _("等级线不能这样设定："), 422
            problems = [say(Text(x.text("zh"), x.text("en"))) for x in error.problems]
    rounds.fresh(request.reach, one, today)
    context = _context(request, one, leads, today)
    context |= {"said": said, "problems": problems, "typed": request.POST}
    return render(request, "desk/round.html", context, status=status)


def _address(one: Round) -> str:
    return reverse("round", args=[one.programme.programme, one.number])


def _context(request: HttpRequest, one: Round, leads: bool, today: dt.date) -> dict[str, Any]:
    reach = request.reach
    steps = rounds.steps(reach, one)
    step = request.GET.get("step", "")
    step = step if step in {s.id for s in steps} else ""
    listed = rounds.called(reach, one)
    listed = listed.filter(step=step) if step else listed
    page = Paginator(listed, PAGE).get_page(request.GET.get("page"))
    lines = rounds.lines(one, list(page), today)
    late = rounds.overdue(reach, one, today)
    context: dict[str, Any] = {
        "here": "rounds",
        "round": one,
        "programme": one.programme,
        "facts": _facts(one),
        "cites": citations.links(one.programme, one.model.cite, one.model.default),
        "record": reverse("programme_entry", args=[one.programme.programme, one.number]),
        "steps": steps,
        "step": step,
        "total": sum(s.number for s in steps),
        "done": sum(s.number for s in steps if s.end),
        "page": page,
        "lines": [(line, _next(request, one, line)) for line in lines],
        "late": late,
        "hurry": late and any("hurry" in things for things in reach.rights.values()),
        "follows": _follows(one, [line.matter.centre_id for line in lines if line.closed], today),
        "leads": leads,
        "today": today,
    }
    if leads:
        context |= round_scores.panel(request, one)
    return context


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
    """The act that decides a centre's grade, when it is this person's to do now."""

    name: str
    href: str


def _next(request: HttpRequest, one: Round, line: Line) -> Step | None:
    """The deciding act of a centre at that step, with its form's address."""
    if line.closed:
        return None
    rs = library.editions(one.programme.programme).by_name[line.matter.edition]
    for kind in one.way.deciding:
        model = rs.models.get(kind)
        if model is None or model.about is None or line.matter.step not in model.about.at:
            continue
        for party in model.by:
            centre = line.matter.centre
            if request.reach.may(kind, party, rs.programme.programme, centre) is not None:
                asked = urlencode({"party": party, "about": line.matter.key})
                href = f"{reverse('centre_act', args=[centre.id, kind])}?{asked}"
                return Step(say(model.name), href)
    return None


def _follows(one: Round, centres: Sequence[str], today: dt.date) -> list[Any]:
    """What now waits for a decision at these centres, each with its article."""
    due = Matter.objects.filter(
        sort=Sort.DUTY, closed=False, mode__in=DECISIONS, centre__in=centres,
        name__in=list(one.programme.consequences),
    )  # fmt: skip
    return [row_in_words(m, today) for m in due.select_related("centre").order_by("since", "pk")]


# --- what is done about a round ------------------------------------------------------------------


def _unknown(request: HttpRequest, one: Round) -> None:
    raise EvaluationError("没有这一项操作，未作任何变更", "no such doing; nothing was changed")


def _collect(request: HttpRequest, one: Round) -> None:
    """Begins collecting the figures of a round with the system chosen."""
    programme = one.programme.programme
    known = {str(v.pk): v for v in queries.systems(programme, clock.today())}
    version = known.get(request.POST.get("system", ""))
    if version is None:
        raise EvaluationError("请选择指标体系", "choose an indicator system")
    year = request.POST.get("year", "")
    if not (year.isascii() and year.isdigit() and 1990 < int(year[:5]) < 2200):
        raise EvaluationError("请写数据的最后一年，如 2029", "say the last year, such as 2029")
    opening = Opening(
        version, Kind.ROUND, int(year), one.name, clock.today(),
        closes=one.closes if one.closes and one.closes >= clock.today() else None,
        round=one.number, centres=_centres(request, one),
    )  # fmt: skip
    verbs.open_collection(request.reach, opening)


def _centres(request: HttpRequest, one: Round) -> list[str]:
    """The centres of a round that are still under way in it, or were decided."""
    return list(rounds.called(request.reach, one).values_list("centre_id", flat=True))


def _add(request: HttpRequest, one: Round) -> None:
    """Adds the centres that entered the round since its figures are collected."""
    if one.collection is None:
        raise EvaluationError("尚未开始采集数据", "no figures are collected yet")
    verbs.add_centres(request.reach, one.collection, _centres(request, one))


def _score(request: HttpRequest, one: Round) -> None:
    """Scores the figures; the run is kept."""
    if one.collection is None:
        raise EvaluationError("尚未开始采集数据", "no figures are collected yet")
    stage = request.POST.get("stage", "")
    if stage not in {str(int(s)) for s in Stage if s}:
        raise EvaluationError("请选择按哪一步的数据计分", "choose whose figures are scored")
    verbs.score_collection(
        request.reach, one.collection, int(stage), note=request.POST.get("note", "")[:500]
    )


DOINGS: dict[str, Callable[[HttpRequest, Round], None]] = {
    "collect": _collect,
    "add": _add,
    "score": _score,
    "thresholds": round_scores.set_thresholds,
}

urls = [
    path("rounds/", rounds_page, name="rounds"),
    path("rounds/<slug:programme>/new/<slug:act>/", round_new, name="round_new"),
    path("rounds/<slug:programme>/<int:number>/", round_page, name="round"),
    path(
        "rounds/<slug:programme>/<int:number>/runs/<int:run>/",
        found(round_scores.run_page),
        name="round_run",
    ),
    path(
        "rounds/<slug:programme>/<int:number>/runs/<int:run>/<str:centre>/",
        found(round_scores.sheet_page),
        name="round_sheet",
    ),
]
