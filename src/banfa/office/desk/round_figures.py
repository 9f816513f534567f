"""The figures of a round: whose are how far; one centre's values by each hand, with disputes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from banfa.office import clock
from banfa.office.desk import figure_pages
from banfa.office.desk.language import say
from banfa.office.desk.round_frame import NOTHING, PAGE, attempt, found, frame, unknown
from banfa.office.evaluations import queries, rights, round_queries, round_verbs, rounds, verbs
from banfa.office.evaluations.errors import EvaluationError, NotOnFile
from banfa.office.evaluations.models import Collection, Dispute, Entry, Kind, Outcome, Stage
from banfa.office.evaluations.rounds import Round
from banfa.office.evaluations.systems import system_of
from banfa.office.evaluations.verbs import Opening
from banfa.office.ledger.models import Matter
from banfa.rules.words import Text, words

STEPS = {
    Stage.EMPTY: Text("未报", "not reported"),
    Stage.REPORTED: Text("已填报", "reported"),
    Stage.REVIEWED: Text("已审核", "reviewed"),
    Stage.VERIFIED: Text("已核定", "verified"),
}

HANDS = {
    Stage.EMPTY: Text("退回", "sent back"),
    Stage.REPORTED: Text("填报", "reporting"),
    Stage.REVIEWED: Text("审核", "review"),
    Stage.VERIFIED: Text("核定", "verification"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@found
def figures_page(request: HttpRequest, programme: str, number: int) -> HttpResponse:
    """Whose figures are how far, what later hands changed, what is disputed; beginning to collect
    them."""
    one = rounds.round_(request.reach, programme, number)
    failed = None
    if request.method == "POST":
        what = request.POST.get("what", "")
        do = {"collect": _collect, "add": _add}.get(what)
        failed = attempt(lambda: do(request, one) if do is not None else unknown())
        if failed is None:
            return HttpResponseRedirect(reverse("round_figures", args=[programme, number]))
    context = frame(request, one, "round_figures") | (failed or NOTHING).context
    context |= _table(request, one) if one.collection is not None else _beginning(one)
    return render(
        request, "desk/round_figures.html", context, status=failed.status if failed else 200
    )


def _beginning(one: Round) -> dict[str, Any]:
    """What is chosen before figures are collected."""
    systems = queries.systems(one.programme.programme, clock.today())
    return {"systems": systems, "last_year": one.year - 1}


def _table(request: HttpRequest, one: Round) -> dict[str, Any]:
    collection = one.collection
    assert collection is not None
    state = request.GET.get("state", "")
    listed = round_queries.entries(request.reach, collection, state)
    page = Paginator(listed, PAGE).get_page(request.GET.get("page"))
    system = system_of(collection.system)
    today = clock.today()
    for entry in page:
        entry.collection = collection
    return {
        "page": page,
        "state": state,
        "states": [(str(int(s)), say(t)) for s, t in STEPS.items()
                   if s == Stage.EMPTY or rights.parties_of(system, s)],
        "rows": [
            {
                "entry": e,
                "name": e.centre.title_zh or e.centre_id,
                "step": say(STEPS[Stage(e.stage)]),
                "unclassed": bool(set(system.bands) - set(e.classes)),
                "done": bool(e.stage) and queries.next_step(e) is None,
                "late": queries.is_late(e, today),
                "table": queries.link(e),
                "mine": _mine(request, e),
            }
            for e in page
        ],
        "progress": queries.progress(request.reach, collection, today),
        "system": system,
        "missing": _left_out(request, one, collection).count(),
    }  # fmt: skip


def _left_out(request: HttpRequest, one: Round, collection: Collection) -> QuerySet[Matter]:
    """The procedures that go on of centres whose figures are not collected."""
    going_on = rounds.called(request.reach, one).filter(closed=False)
    return going_on.exclude(centre__in=collection.entries.values("centre"))


def _mine(request: HttpRequest, entry: Entry) -> str:
    """What the person does next with a centre's figures, in words; '' for nothing."""
    step = queries.next_step(entry)
    if step is None or not rights.may_enter(request.reach, entry.collection, entry.centre, step):
        return ""
    return say(queries.STEPS[step])


def _collect(request: HttpRequest, one: Round) -> None:
    """Begins collecting the figures of a round with the system chosen."""
    programme = one.programme.programme
    known = {str(v.pk): v for v in queries.systems(programme, clock.today())}
    version = known.get(request.POST.get("system", ""))
    if version is None:
        raise EvaluationError("请选择指标体系", "choose an indicator system")
    year = request.POST.get("year", "").strip()
    if not (year.isascii() and year.isdigit() and 1990 < int(year[:5]) < 2200):
        raise EvaluationError("请写数据的最后一年，如 2029", "say the last year, such as 2029")
    opening = Opening(
        version, Kind.ROUND, int(year), one.name, clock.today(),
        closes=one.closes if one.closes and one.closes >= clock.today() else None,
        round=one.number, centres=(centres := _centres(request, one)),
        classes=round_queries.classes_before(version, centres),
    )  # fmt: skip
    verbs.open_collection(request.reach, opening)


def _centres(request: HttpRequest, one: Round) -> list[str]:
    """The centres of a round whose procedure is under way, or ended with a grade."""
    called = rounds.called(request.reach, one)
    ending = {n for n, s in one.programme.procedures[one.way.procedure].steps.items() if s.end}
    graded = {m.step for m in called.filter(closed=True) if _graded(one, m)}
    return list(called.exclude(step__in=ending - graded).values_list("centre_id", flat=True))


def _graded(one: Round, matter: Any) -> bool:
    return rounds.grade_of(one.programme, matter.centre, matter) is not None


def _add(request: HttpRequest, one: Round) -> None:
    """Adds the centres that entered the round since its figures are collected."""
    if one.collection is None:
        raise EvaluationError("尚未开始采集数据", "no figures are collected yet")
    found = _left_out(request, one, one.collection).values_list("centre_id", flat=True)
    verbs.add_centres(request.reach, one.collection, list(found))


# --- one centre's values -------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@found
def entry_page(request: HttpRequest, programme: str, number: int, centre: str) -> HttpResponse:
    """One centre's values as reported, reviewed and verified, each change with its reason, and
    what is disputed about them."""
    one, entry = entry_of(request, programme, number, centre)
    failed = None
    if request.method == "POST":
        do = {"dispute": _dispute, "answer": _answer, "classify": _classify}.get(
            request.POST.get("what", "")
        )
        failed = attempt(lambda: do(request, entry) if do is not None else unknown())
        if failed is None:
            return HttpResponseRedirect(
                reverse("round_entry", args=[programme, number, centre]) + "#disputes"
            )
    lines = round_queries.lines(entry)
    only = request.GET.get("only", "")
    shown = [x for x in lines if only != "moved" or x.moved or x.disputes]
    reports = rights.may_enter(request.reach, entry.collection, entry.centre, Stage.REPORTED)
    system = system_of(entry.collection.system)
    context = frame(request, one, "round_figures") | (failed or NOTHING).context
    context |= {
        "entry": entry,
        "name": say(Text(entry.centre.title_zh or centre, entry.centre.title_en or centre)),
        "step": say(STEPS[Stage(entry.stage)]),
        "only": only,
        "lines": [_shown(x) for x in shown],
        "number": len(lines),
        "moved": sum(x.moved for x in lines),
        "disputes": [(x, d, _answered(d)) for x in lines for d in x.disputes],
        "hands": [h for h in (Stage.REPORTED, Stage.REVIEWED, Stage.VERIFIED)
                  if rights.parties_of(system, h)],
        "table": queries.link(entry),
        "bands": _bands(entry),
        "raises": reports and entry.stage >= Stage.REPORTED,
        "disputable": [
            x for x in lines if x.figure.stage > Stage.REPORTED and not x.open_dispute
        ],
        "answers": round_verbs.may_answer(request.reach, entry),
        "previews": round_queries.may_preview(request.reach, entry),
        "outcomes": [(o, say(t)) for o, t in round_verbs.OUTCOMES.items()],
    }  # fmt: skip
    return render(
        request, "desk/round_entry.html", context, status=failed.status if failed else 200
    )


def _shown(line: round_queries.Line) -> dict[str, Any]:
    """A value with what the hands made of it."""
    return {
        "line": line,
        "name": say(words(line.indicator.name)),
        "changes": [
            {"reason": c.reason, "by": c.by, "at": c.at, "hand": say(HANDS[Stage(c.stage)])}
            for c in line.changes
            if c.reason
        ],
    }


def _answered(of: Dispute) -> str:
    return say(round_verbs.OUTCOMES[Outcome(of.outcome)]) if of.outcome else ""


def _bands(entry: Entry) -> list[dict[str, Any]]:
    """The sets of classes by which the system tells centres apart, with this one's class."""
    return [
        {
            "id": name,
            "name": say(bands.name),
            "options": [(one, say(told)) for one, told in bands.classes.items()],
            "value": entry.classes.get(name, ""),
            "words": say(bands.classes[held]) if (held := entry.classes.get(name)) else "",
        }
        for name, bands in system_of(entry.collection.system).bands.items()
    ]


def _classify(request: HttpRequest, entry: Entry) -> None:
    """Sets the centre's classes as chosen; what is left open stays as it is."""
    sets = system_of(entry.collection.system).bands
    chosen = {n: request.POST.get(f"class.{n}", "") for n in sets}
    verbs.classify(request.reach, entry, {n: one for n, one in chosen.items() if one})


def entry_of(request: HttpRequest, programme: str, number: int, centre: str) -> tuple[Round, Entry]:
    """A centre's table in a round. Raises NotOnFile."""
    one = rounds.round_(request.reach, programme, number)
    if one.collection is None:
        raise NotOnFile("这一轮尚未采集数据", "no figures are collected in this round yet")
    return one, queries.entry(request.reach, one.collection, centre)


def _dispute(request: HttpRequest, entry: Entry) -> None:
    indicator, _slash, year = request.POST.get("figure", "").rpartition("/")
    if not (year.isascii() and year.isdigit() and len(year) == 4):
        raise EvaluationError("请选择有异议的数据", "choose the value you dispute")
    round_verbs.dispute(request.reach, entry, indicator, int(year), request.POST.get("said", ""))


def _answer(request: HttpRequest, entry: Entry) -> None:
    number = request.POST.get("dispute", "")
    if not (number.isascii() and number.isdigit() and len(number) < 12):
        raise NotOnFile("没有这项异议", "no such dispute")
    of = round_queries.dispute_of(entry, int(number))
    round_verbs.answer_dispute(
        request.reach, of, request.POST.get("outcome", ""), request.POST.get("answer", "")
    )


def _home(request: HttpRequest, of: Collection) -> tuple[str, str]:
    """Where the figures of a round belong."""
    return reverse("round_figures", args=[of.book_id, of.round]), _("数据核定")


def _compared(request: HttpRequest, entry: Entry) -> dict[str, Any] | None:
    """The way from a centre's table to its values side by side, where they are disputed."""
    of = entry.collection
    if of.kind != Kind.ROUND:
        return None
    href = reverse("round_entry", args=[of.book_id, of.round, entry.centre_id])
    return {"template": "desk/parts/round_compared.html", "href": href}


figure_pages.HOMES[Kind.ROUND] = _home
figure_pages.PANELS.append(_compared)
_ROUND = "rounds/<slug:programme>/<int:number>"
urls: Sequence[Any] = [
    path(f"{_ROUND}/figures/", figures_page, name="round_figures"),
    path(f"{_ROUND}/figures/<str:centre>/", entry_page, name="round_entry"),
]
