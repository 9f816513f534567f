"""The scores of a round: thresholds, runs, who moves on a dry run, the sheet that explains each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import citations, round_trials
from banfa.office.desk.errors import forbidden_because
from banfa.office.desk.language import say
from banfa.office.desk.round_figures import entry_of
from banfa.office.desk.round_frame import (
    NOTHING,
    PAGE,
    attempt,
    day,
    found,
    frame,
    grade_words,
    unknown,
)
from banfa.office.evaluations import (
    queries,
    rights,
    round_queries,
    round_status,
    round_verbs,
    rounds,
    tables,
    verbs,
)
from banfa.office.evaluations.errors import EvaluationError, NotOnFile
from banfa.office.evaluations.models import Collection, Run, Stage, ThresholdSetting
from banfa.office.evaluations.rounds import GradeLine, Round
from banfa.office.evaluations.systems import programme_of, system_of
from banfa.office.jobs import verbs as jobs
from banfa.rules.score_origin import total_in_words
from banfa.rules.score_words import Explained
from banfa.rules.system import System, Thresholds
from banfa.rules.words import Text, words

AT_ONCE = 300
"""So many centres are scored while one waits; more are long work."""
STAGE_WORDS = {
    Stage.REPORTED: Text("填报数", "as reported"),
    Stage.REVIEWED: Text("审核数", "as reviewed"),
    Stage.VERIFIED: Text("核定数", "as verified"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@found
def scoring_page(request: HttpRequest, programme: str, number: int) -> HttpResponse:
    """Where grades begin, what centres may see, the runs, and which run proposes the results."""
    one = rounds.round_(request.reach, programme, number)
    if not round_queries.sees_scores(request.reach, one):
        raise NotOnFile("没有这个页面，或您无权查看", "no such page, or not for you to see")
    failed = None
    if request.method == "POST":
        what = request.POST.get("what", "")
        do = DOINGS.get(what)
        then = [reverse("round_scoring", args=[programme, number])]
        failed = attempt(lambda: then.append(_done(request, one, do) or then[0]), one)
        if failed is None:
            return HttpResponseRedirect(then[-1])
    context = frame(request, one, "round_scoring") | (failed or NOTHING).context
    if one.collection is not None:
        context |= _scoring(request, one, one.collection)
    return render(
        request, "desk/round_scoring.html", context, status=failed.status if failed else 200
    )


def _done(
    request: HttpRequest, one: Round, do: Callable[[HttpRequest, Round], str | None] | None
) -> str | None:
    """Does what was asked, in a round that goes on; closing what centres see is never too late.
    Gives where to go, None for the page itself."""
    if do is None:
        unknown()
        return None
    if request.POST.get("allowed") != "no":
        round_status.need_going_on(request.reach, one)
    return do(request, one)


def _scoring(request: HttpRequest, one: Round, collection: Collection) -> dict[str, Any]:
    system = system_of(collection.system)
    settings = list(collection.settings.select_related("by").order_by("-id"))
    allowed = collection.round_settings.select_related("by").order_by("-id").first()
    adopted = round_queries.adopted(collection)
    runs = queries.runs(collection)
    for run in runs:
        run.collection = collection
    proposing = [r for r in runs if round_verbs.may_propose(r)]
    hands = [s for s in STAGE_WORDS if rights.parties_of(system, s)]
    return {
        "system": system,
        "progress": queries.progress(request.reach, collection, clock.today()),
        "stages": [(int(s), say(STAGE_WORDS[s])) for s in hands],
        "usual": int(hands[-1]) if hands else 0,
        "setting": settings[0] if settings else None,
        "settings": settings,
        "thresholds": threshold_form(request, one, collection, system, settings),
        "file": _file(request, collection, settings),
        "allowed": allowed,
        "adopted": adopted,
        "over": round_status.over(one),
        "runs": [
            (r, say(STAGE_WORDS[Stage(r.stage)]), round_trials.tried(one, r, settings))
            for r in runs[:20]
        ],
        "proposing": {r.pk for r in proposing},
        "adoptable": [(r, say(STAGE_WORDS[Stage(r.stage)])) for r in proposing[:20]],
    }


def _file(
    request: HttpRequest, collection: Collection, settings: Sequence[ThresholdSetting]
) -> str:
    """The thresholds as a file: as typed, as set, else the sample that comes with the system."""
    if request.POST.get("what") == "text":
        return str(request.POST.get("text", ""))
    if settings:
        return settings[0].text
    return verbs.sample_thresholds(str(collection.book_id), collection.system.system)


def _score(request: HttpRequest, one: Round) -> str | None:
    """Scores the figures; the run is kept. Many centres are long work: the address of its page."""
    stage = request.POST.get("stage", "")
    if stage not in {str(int(s)) for s in STAGE_WORDS}:
        raise EvaluationError("请选择按哪一步的数据计分", "choose whose figures are scored")
    collection, note = _collection(one), request.POST.get("note", "")[:500]
    if collection.entries.count() <= AT_ONCE:
        verbs.score_collection(request.reach, collection, int(stage), note=note)
        return None
    rights.need(request.reach, rights.RUN, str(collection.book_id))
    named = Text(f"计分：{one.name.zh}", f"scoring: {one.name.en}")
    asked = {"collection": collection.pk, "stage": int(stage), "note": note}
    job = jobs.start(request.user, "score", named, asked, request.path)
    return reverse("job", args=[job.pk])


@jobs.kind("score")
def score_long(job: jobs.Running) -> None:
    """Long work: scores the figures of a round."""
    collection = Collection.objects.select_related("system").get(pk=job.asked["collection"])
    made = verbs.score_collection(
        job.reach(), collection, job.asked["stage"], note=job.asked["note"], told=job.told
    )
    job.say(
        Text(
            f"第 {made.number} 次计分，共 {made.centres} 家，其中 {made.blocked} 家不能计分",
            f"run {made.number}: {made.centres} centres, {made.blocked} of them not scored",
        )
    )


def _collection(one: Round) -> Collection:
    if one.collection is None:
        raise EvaluationError("尚未开始采集数据", "no figures are collected yet")
    return one.collection


def _provisional(request: HttpRequest, one: Round) -> None:
    """Lets the centres see their provisional score, or no longer."""
    post = request.POST
    round_verbs.allow_provisional(
        request.reach, _collection(one), post.get("allowed") == "yes", clock.today(),
        post.get("reason", ""),
    )  # fmt: skip


def _adopt(request: HttpRequest, one: Round) -> None:
    """Takes a run as what the results are proposed by."""
    number = request.POST.get("run", "")
    if not (number.isascii() and number.isdigit() and len(number) < 8):
        raise EvaluationError("请选择采用哪次计分", "choose the run")
    run = queries.run_of(_collection(one), int(number))
    round_verbs.adopt(request.reach, run, request.POST.get("reason", ""))


# --- thresholds ----------------------------------------------------------------------------------


def threshold_form(
    request: HttpRequest, one: Round, collection: Collection, system: System,
    settings: Sequence[ThresholdSetting],
) -> dict[str, Any] | None:  # fmt: skip
    """The fields that set where grades begin; None in a programme without grades.

    They show what was typed, else what is set.
    """
    evaluation = programme_of(one.programme.programme).evaluation
    if evaluation is None or not evaluation.grades or system.total is None:
        return None
    latest = settings[0] if settings else None
    held = tables.thresholds(latest.text) if latest is not None else None
    post = request.POST if request.POST.get("what") == "thresholds" else None

    def shown(name: str, otherwise: Any) -> str:
        return str(post.get(name, "")) if post is not None else str(otherwise or "")

    kept = {g.grade: g for g in held.grades} if held is not None else {}
    lines = []
    for name, grade in evaluation.grades.items():
        own = kept.get(name)
        quota = own.quota.share if own is not None and own.quota is not None else None
        lines.append(
            {
                "grade": name,
                "name": say(grade.name),
                "from": shown(f"from.{name}", own.from_ if own is not None else ""),
                "share": shown(f"share.{name}", quota),
            }
        )
    return {
        "lines": lines,
        "grades": [(n, say(g.name)) for n, g in evaluation.grades.items()],
        "gates": _gates(system, held, shown),
        "total": system.total,
        "set": latest is not None,
        "ties": shown("ties", rounds.ties_of(held)),
        "kept": _kept(one, system, held),
        "reason": shown("reason", ""),
        "on": shown("on", clock.today().isoformat()),
    }


def _kept(one: Round, system: System, held: Thresholds | None) -> list[str]:
    """What the thresholds say beyond the fields of the form, in words: it stays as it is."""
    made = []
    for grade in held.grades if held is not None else []:
        name = grade_words(one, grade.grade)
        for group, least in grade.floors.items():
            asked = {"grade": name, "group": say(system.groups[group].name), "n": least}
            made.append(_("%(grade)s：%(group)s不低于 %(n)s 分") % asked)
        if grade.quota is not None and grade.quota.number is not None:
            made.append(_("%(grade)s：至多 %(n)s 家") % {"grade": name, "n": grade.quota.number})
    return made


def _gates(system: System, held: Thresholds | None, shown: Any) -> list[dict[str, str]]:
    """For each gate (all vetoes together) what its failing is called, and the best grade then."""
    found = []
    gates = {n: i for n, i in system.indicators.items() if i.gate is not None}
    vetoes = [say(i.gate.ground) for i in gates.values() if i.gate and i.gate.effect == "veto"]
    if vetoes:
        held_ = held.veto if held is not None else ""
        found.append({"field": "veto", "name": "、".join(vetoes), "value": shown("veto", held_)})
    for name, one in gates.items():
        if one.gate is not None and one.gate.effect == "limit":
            held_ = held.limits.get(name, "") if held is not None else ""
            field = f"limit.{name}"
            found.append(
                {"field": field, "name": say(one.gate.ground), "value": shown(field, held_)}
            )
    return found


def set_thresholds(request: HttpRequest, one: Round) -> None:
    """Sets the thresholds of a round as typed. Raises EvaluationError, LoadError."""
    collection = _collection(one)
    text = _thresholds(request, one)
    on = _day(request.POST.get("on", ""))
    verbs.set_thresholds(request.reach, collection, text, on, request.POST.get("reason", ""))


def _set_by_file(request: HttpRequest, one: Round) -> None:
    """Sets the thresholds by the text of their file."""
    post = request.POST
    verbs.set_thresholds(
        request.reach, _collection(one), post.get("text", ""), _day(post.get("on", "")),
        post.get("reason", ""),
    )  # fmt: skip


def _thresholds(request: HttpRequest, one: Round) -> str:
    assert one.collection is not None
    post, system = request.POST, system_of(one.collection.system)
    evaluation = programme_of(one.programme.programme).evaluation
    grades = [
        GradeLine(name, post.get(f"from.{name}", "").strip(), post.get(f"share.{name}", "").strip())
        for name in (evaluation.grades if evaluation is not None else {})
    ]
    kept = _latest(one.collection)
    ties = post.get("ties", "")
    if any(g.share for g in grades) and ties not in ("in", "out"):
        raise EvaluationError(
            "限定比例的，须写明并列者如何处理", "with a share, say what becomes of ties"
        )
    scale = {g.grade for g in grades}
    chosen = {n: post.get(f"limit.{n}", "") for n in system.indicators}
    limits = {n: g for n, g in chosen.items() if g in scale}
    veto = post.get("veto", "")
    return rounds.thresholds_text(
        system.id,
        _day(post.get("on", "")),
        grades,
        ties,
        veto if veto in scale else "",
        limits,
        kept,
    )


def _latest(collection: Collection) -> Thresholds | None:
    """The thresholds of a round as they are set now."""
    latest = collection.settings.order_by("-id").first()
    return tables.thresholds(latest.text) if latest is not None else None


def _day(text: str) -> dt.date:
    return day(text, "设定日期", "the day they are set on")


# --- a run ---------------------------------------------------------------------------------------


def _run(request: HttpRequest, programme: str, number: int, run: int) -> tuple[Round, Run]:
    """A run of a round, for those who look at runs. Raises NotOnFile."""
    one = rounds.round_(request.reach, programme, number)
    if one.collection is None or not round_queries.sees_scores(request.reach, one):
        raise NotOnFile("没有这次计分，或您无权查看", "no such run, or not for you to see")
    return one, queries.run_of(one.collection, run)


@require_http_methods(["GET", "HEAD", "POST"])
@found
def run_page(request: HttpRequest, programme: str, number: int, run: int) -> HttpResponse:
    """A run: ranks, spread, far-off figures, who moves against another run, and a trial."""
    one, made = _run(request, programme, number, run)
    failed, tried = None, []
    if request.method == "POST":
        failed = attempt(lambda: tried.append(_try(request, one, made)), one)
        if failed is None:
            there = reverse("round_run", args=[programme, number, tried[0].number])
            return HttpResponseRedirect(f"{there}?against={made.number}#moves")
    context = _run_context(request, one, made) | (failed or NOTHING).context
    return render(request, "desk/round_run.html", context, status=failed.status if failed else 200)


def _run_context(request: HttpRequest, one: Round, made: Run) -> dict[str, Any]:
    assert one.collection is not None
    system = system_of(one.collection.system)
    standings = queries.standings(request.reach, made)
    names = {s.centre: say(s.name) for s in standings}
    page = Paginator(standings, PAGE).get_page(request.GET.get("page"))
    against = _against(request, one, made)
    moves = queries.compared(against, made) if against is not None else []
    groups = {n: say(g.name) for n, g in system.groups.items() if g.weight is not None}
    settings = list(one.collection.settings.order_by("-id"))
    listed = queries.runs(one.collection)
    return frame(request, one, "round_scoring") | {
        "run": made,
        "system": system,
        "repeated": tables.repeated(made) if "repeat" in request.GET else None,
        "stage": say(STAGE_WORDS[Stage(made.stage)]),
        "tried": round_trials.tried(one, made, settings),
        "page": page,
        "groups": groups,
        "rows": [
            {
                "one": s,
                "name": names[s.centre],
                "grade": grade_words(one, s.grade),
                "groups": [s.groups.get(g) for g in groups],
                "fails": [say(system.indicators[f].name) for f in s.fails],
            }
            for s in page
        ],
        "spread": queries.spread_of(made),
        "grades": _tally(one, made),
        "outliers": [
            (names[o.centre], say(system.indicators[o.name].name), o)
            for o in queries.outlying(made)
            if o.centre in names
        ][:50],
        "against": against,
        "others": [r for r in listed if r.number != made.number][:20],
        "adopted": round_queries.adopted(one.collection),
        "moves": [
            (names[m.centre], m, grade_words(one, m.grade[0]), grade_words(one, m.grade[1]))
            for m in moves
            if m.centre in names
        ],
        "thresholds": threshold_form(request, one, one.collection, system, settings),
        "weights": [
            (n, say(i.name), i.weight, request.POST.get(f"weight.{n}") or made.weights.get(n, ""))
            for n, i in system.indicators.items()
            if i.weight is not None
        ],
    }


def _against(request: HttpRequest, one: Round, made: Run) -> Run | None:
    asked = request.GET.get("against", "")
    assert one.collection is not None
    if asked.isascii() and asked.isdigit() and len(asked) < 8 and int(asked) != made.number:
        return queries.run_of(one.collection, int(asked))
    return None


def _tally(one: Round, made: Run) -> list[tuple[str, int]]:
    spread = queries.spread_of(made)
    tally = spread.grades if spread is not None else {}
    return [(grade_words(one, g), n) for g, n in tally.items()]


def _try(request: HttpRequest, one: Round, made: Run) -> Run:
    """A trial with other thresholds or weights: kept as a dry run, deciding nothing."""
    assert one.collection is not None
    weights = {}
    for name, indicator in system_of(one.collection.system).indicators.items():
        typed = request.POST.get(f"weight.{name}", "").strip()
        if indicator.weight is None or not typed:
            continue
        if not rounds.NUMBER.fullmatch(typed) or not Decimal(typed):
            raise EvaluationError(
                f"权数须为正数：{say(indicator.name)}", f"a weight is above zero: {indicator.code}"
            )
        if Decimal(typed) != indicator.weight:
            weights[name] = Decimal(typed)
    text = _thresholds(request, one) if request.POST.get("what") == "thresholds" else ""
    if not weights and not text:
        raise EvaluationError(
            "尚未改动等级线或权数，无从试算", "nothing is changed: no trial to make"
        )
    return verbs.score_collection(
        request.reach, one.collection, made.stage, weights=weights or None, thresholds_text=text,
        note=request.POST.get("note", "")[:500],
    )  # fmt: skip


# --- the sheet that explains ---------------------------------------------------------------------


@require_safe
@found
def sheet_page(
    request: HttpRequest, programme: str, number: int, run: int, centre: str
) -> HttpResponse:
    """Every figure of a centre in a run: how it was counted, by what article or guide."""
    one, made = _run(request, programme, number, run)
    lines = queries.explained(request.reach, made, centre)
    standing = next(s for s in queries.standings(request.reach, made) if s.centre == centre)
    context = frame(request, one, "round_scoring") | {
        "run": made,
        "stage": say(STAGE_WORDS[Stage(made.stage)]),
        "centre": centre,
        "name": say(standing.name),
        "standing": standing,
        "grade": grade_words(one, standing.grade),
        "fails": _gate_names(one, standing.fails),
        "why": [say(t) for t in queries.why_not_better(made, centre)],
        "counted": _counted(one),
        "groups": _by_group(
            one, lines, standing.groups, queries.origins_of(request.reach, made, centre)
        ),
    }
    return render(request, "desk/round_sheet.html", context)


def _gate_names(one: Round, fails: Sequence[str]) -> list[str]:
    """The gates that a centre fails, in words."""
    assert one.collection is not None
    indicators = system_of(one.collection.system).indicators
    return [say(indicators[name].name) for name in fails]


def _counted(one: Round) -> str:
    """How totals are put together by the round's system, in words; '' where it has no total."""
    assert one.collection is not None
    system = system_of(one.collection.system)
    return say(total_in_words(system)) if system.total is not None else ""


def _by_group(
    one: Round,
    lines: Sequence[Explained],
    totals: Mapping[str, Decimal],
    origins: Mapping[str, Text],
) -> list[dict[str, Any]]:
    """The lines of a sheet under their groups, each with its link to the article and how its figure
    came about."""
    assert one.collection is not None
    system = system_of(one.collection.system)
    made: dict[str, dict[str, Any]] = {}
    for line in lines:
        group = system.groups[line.group]
        held = made.setdefault(
            line.group,
            {"name": say(words(group.name)), "weight": group.weight,
             "points": totals.get(line.group), "lines": []},
        )  # fmt: skip
        link = citations.link(one.programme, line.cite) if line.cite else None
        held["lines"].append((line, link, say(origins[line.name]) if line.name in origins else ""))
    return list(made.values())


@require_safe
@found
def provisional_page(
    request: HttpRequest, programme: str, number: int, centre: str
) -> HttpResponse:
    """A centre's own provisional score from what is filled in so far; nothing of it is kept."""
    one, entry = entry_of(request, programme, number, centre)
    if not round_queries.may_preview(request.reach, entry):
        return forbidden_because(request, _("本轮未开放查看暂算得分。"))
    stage = Stage(max(entry.stage, Stage.REPORTED))
    made = queries.provisional(entry, stage)
    context = frame(request, one, "round_figures") | {
        "stage": say(STAGE_WORDS[stage]),
        "centre": centre,
        "name": say(Text(entry.centre.title_zh or centre, entry.centre.title_en or centre)),
        "counted": _counted(one),
        "groups": _by_group(one, made.lines, made.groups, made.origins),
        "sum": made.total,
        "fails": _gate_names(one, made.fails),
        "missing": sum(1 for line in made.lines if line.weight is not None and line.state),
    }
    return render(request, "desk/round_sheet.html", context)


DOINGS: dict[str, Callable[[HttpRequest, Round], str | None]] = {
    "score": _score,
    "thresholds": set_thresholds,
    "text": _set_by_file,
    "provisional": _provisional,
    "adopt": _adopt,
}

_ROUND = "rounds/<slug:programme>/<int:number>"
urls: Sequence[Any] = [
    path(f"{_ROUND}/scoring/", scoring_page, name="round_scoring"),
    path(f"{_ROUND}/runs/<int:run>/", run_page, name="round_run"),
    path(f"{_ROUND}/runs/<int:run>/<str:centre>/", sheet_page, name="round_sheet"),
    path(f"{_ROUND}/provisional/<str:centre>/", provisional_page, name="round_provisional"),
]
