"""The scores of a round: thresholds, runs, who moves on a dry run, the sheet that explains each."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import citations
from banfa.office.desk.language import say
from banfa.office.desk.typed import without_nul
from banfa.office.evaluations import queries, rounds, tables, verbs
from banfa.office.evaluations.errors import EvaluationError, NotOnFile
from banfa.office.evaluations.models import Collection, Run, Stage
from banfa.office.evaluations.rounds import GradeLine, Round
from banfa.office.evaluations.systems import programme_of, system_of
from banfa.rules import words as wording
from banfa.rules.loading import LoadError
from banfa.rules.score_words import Explained
from banfa.rules.system import System, Thresholds
from banfa.rules.words import Text, words

PAGE = 50
STAGE_WORDS = {
    Stage.REPORTED: Text("填报数", "as reported"),
    Stage.REVIEWED: Text("审核数", "as reviewed"),
    Stage.VERIFIED: Text("核定数", "as verified"),
}


def panel(request: HttpRequest, one: Round) -> dict[str, Any]:
    """What the round's page shows of figures, thresholds and runs to those who organise it."""
    programme = one.programme.programme
    if one.collection is None:
        systems = queries.systems(programme, clock.today())
        return {"systems": systems, "last_year": one.year - 1}
    collection = one.collection
    system = system_of(collection.system)
    return {
        "collection": collection,
        "sample": say(wording.words(system.sample)),
        "progress": queries.progress(request.reach, collection, clock.today()),
        "stages": [(int(s), say(t)) for s, t in STAGE_WORDS.items()],
        "setting": collection.settings.select_related("by").order_by("-id").first(),
        "thresholds": threshold_form(request, one, collection, system),
        "runs": [(r, say(STAGE_WORDS[Stage(r.stage)])) for r in queries.runs(collection)[:20]],
    }


# --- thresholds ----------------------------------------------------------------------------------


def threshold_form(
    request: HttpRequest, one: Round, collection: Collection, system: System
) -> dict[str, Any] | None:
    """The fields that set where grades begin; None in a programme without grades.

    They show what was typed, else what is set.
    """
    evaluation = programme_of(one.programme.programme).evaluation
    if evaluation is None or not evaluation.grades or system.total is None:
        return None
    latest = collection.settings.order_by("-id").first()
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
        "ties": shown("ties", _ties(held)),
        "reason": shown("reason", ""),
        "on": shown("on", clock.today().isoformat()),
    }


def _ties(held: Thresholds | None) -> str:
    quotas = [g.quota.ties for g in held.grades if g.quota is not None] if held is not None else []
    return quotas[0] if quotas else ""


def _gates(system: System, held: Thresholds | None, shown: Any) -> list[dict[str, str]]:
    """For each gate (all vetoes together) the best grade of a centre that fails it."""
    found = []
    gates = {n: i for n, i in system.indicators.items() if i.gate is not None}
    vetoes = [say(i.name) for i in gates.values() if i.gate and i.gate.effect == "veto"]
    if vetoes:
        held_ = held.veto if held is not None else ""
        found.append({"field": "veto", "name": "、".join(vetoes), "value": shown("veto", held_)})
    for name, one in gates.items():
        if one.gate is not None and one.gate.effect == "limit":
            held_ = held.limits.get(name, "") if held is not None else ""
            field = f"limit.{name}"
            found.append({"field": field, "name": say(one.name), "value": shown(field, held_)})
    return found


def set_thresholds(request: HttpRequest, one: Round) -> None:
    """Sets the thresholds of a round as typed. Raises EvaluationError, LoadError."""
    if one.collection is None:
        raise EvaluationError("尚未开始采集数据", "no figures are collected yet")
    text = _thresholds(request, one)
    on = _day(request.POST.get("on", ""))
    verbs.set_thresholds(request.reach, one.collection, text, on, request.POST.get("reason", ""))


def _thresholds(request: HttpRequest, one: Round) -> str:
    assert one.collection is not None
    post, system = request.POST, system_of(one.collection.system)
    evaluation = programme_of(one.programme.programme).evaluation
    grades = [
        GradeLine(name, post.get(f"from.{name}", "").strip(), post.get(f"share.{name}", "").strip())
        for name in (evaluation.grades if evaluation is not None else {})
    ]
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
        system.id, _day(post.get("on", "")), grades, ties, veto if veto in scale else "", limits
    )


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise EvaluationError(
            "请写设定日期，如 2030-11-20", "say the day they are set on, such as 2030-11-20"
        ) from None


# --- a run ---------------------------------------------------------------------------------------


def _run(request: HttpRequest, programme: str, number: int, run: int) -> tuple[Round, Run]:
    """A run of a round, for those who organise it. Raises NotOnFile."""
    one = rounds.round_(request.reach, programme, number)
    if one.collection is None or not rounds.administers(request.reach, programme):
        raise NotOnFile("没有这次计分，或您无权查看", "no such run, or not for you to see")
    return one, queries.run_of(one.collection, run)


@require_http_methods(["GET", "HEAD", "POST"])
@without_nul
def run_page(request: HttpRequest, programme: str, number: int, run: int) -> HttpResponse:
    """A run: ranks, spread, far-off figures, who moves against another run, and a trial."""
    one, made = _run(request, programme, number, run)
    said, problems, status = "", [], 200
    if request.method == "POST":
        try:
            tried = _try(request, one, made)
            return HttpResponseRedirect(
                reverse("round_run", args=[programme, number, tried.number])
                + f"?against={made.number}#moves"
            )
        except EvaluationError as error:
            said, status = say(error.text), error.status
        except LoadError as error:
            said, status = _("等级线不能这样设定："), 422
            problems = [say(Text(x.text("zh"), x.text("en"))) for x in error.problems]
    context = _run_context(request, one, made)
    context |= {"said": said, "problems": problems}
    return render(request, "desk/round_run.html", context, status=status)


def _run_context(request: HttpRequest, one: Round, made: Run) -> dict[str, Any]:
    assert one.collection is not None
    system = system_of(one.collection.system)
    standings = queries.standings(request.reach, made)
    names = {s.centre: say(s.name) for s in standings}
    page = Paginator(standings, PAGE).get_page(request.GET.get("page"))
    against = _against(request, one, made)
    moves = queries.compared(against, made) if against is not None else []
    groups = {n: say(g.name) for n, g in system.groups.items() if g.weight is not None}
    return {
        "here": "rounds",
        "round": one,
        "run": made,
        "programme": one.programme,
        "sample": say(wording.words(system.sample)),
        "stage": say(STAGE_WORDS[Stage(made.stage)]),
        "page": page,
        "groups": groups,
        "rows": [
            {
                "one": s,
                "name": names[s.centre],
                "grade": _grade(one, s.grade),
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
        "others": [r for r in queries.runs(one.collection) if r.number != made.number][:20],
        "moves": [
            (names[m.centre], m, _grade(one, m.grade[0]), _grade(one, m.grade[1]))
            for m in moves
            if m.centre in names
        ],
        "thresholds": threshold_form(request, one, one.collection, system),
        "weights": [
            (n, say(i.name), i.weight) for n, i in system.indicators.items() if i.weight is not None
        ],
        "typed": request.POST,
    }


def _against(request: HttpRequest, one: Round, made: Run) -> Run | None:
    asked = request.GET.get("against", "")
    assert one.collection is not None
    if asked.isascii() and asked.isdigit() and len(asked) < 8 and int(asked) != made.number:
        return queries.run_of(one.collection, int(asked))
    return None


def _grade(one: Round, grade: str | None) -> str:
    return say(wording.grade(one.programme, grade)) if grade is not None else ""


def _tally(one: Round, made: Run) -> list[tuple[str, int]]:
    spread = queries.spread_of(made)
    return [(_grade(one, g), n) for g, n in spread.grades.items()] if spread is not None else []


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
def sheet_page(
    request: HttpRequest, programme: str, number: int, run: int, centre: str
) -> HttpResponse:
    """Every figure of a centre in a run: how it was counted, by what article or guide."""
    if "\0" in centre:
        raise NotOnFile("没有这个中心", "no such centre")
    one, made = _run(request, programme, number, run)
    assert one.collection is not None
    system = system_of(one.collection.system)
    lines = queries.explained(request.reach, made, centre)
    standing = next(s for s in queries.standings(request.reach, made) if s.centre == centre)
    groups: dict[str, list[tuple[Explained, Any]]] = {}
    for line in lines:
        link = citations.link(one.programme, line.cite) if line.cite else None
        groups.setdefault(say(words(system.groups[line.group].name)), []).append((line, link))
    context = {
        "here": "rounds",
        "round": one,
        "run": made,
        "programme": one.programme,
        "sample": say(wording.words(system.sample)),
        "stage": say(STAGE_WORDS[Stage(made.stage)]),
        "centre": centre,
        "name": say(standing.name),
        "standing": standing,
        "grade": _grade(one, standing.grade),
        "groups": groups.items(),
        "total": system.total,
    }
    return render(request, "desk/round_sheet.html", context)
