"""The results of a round: computed beside decided, the way to the deciding act, what is made known,
and objections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import bulk, citations
from banfa.office.desk.language import say
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
from banfa.office.evaluations import round_queries, round_verbs, rounds
from banfa.office.evaluations.errors import EvaluationError, NotOnFile
from banfa.office.evaluations.models import Objection, Outcome, Publication
from banfa.office.evaluations.round_queries import Result
from banfa.office.evaluations.rounds import Round
from banfa.office.ledger import library
from banfa.office.ledger.models import Centre, Matter
from banfa.rules import programme as p


@require_http_methods(["GET", "HEAD", "POST"])
@found
def results_page(request: HttpRequest, programme: str, number: int) -> HttpResponse:
    """Each centre's result: as computed, as decided, as last time; publications and objections."""
    one = rounds.round_(request.reach, programme, number)
    failed = None
    if request.method == "POST":
        do = DOINGS.get(request.POST.get("what", ""))
        failed = attempt(lambda: do(request, one) if do is not None else unknown())
        if failed is None:
            return HttpResponseRedirect(
                reverse("round_results", args=[programme, number]) + "#known"
            )
    context = frame(request, one, "round_results") | (failed or NOTHING).context
    context |= _results(request, one) | _known(request, one)
    return render(
        request, "desk/round_results.html", context, status=failed.status if failed else 200
    )


def _results(request: HttpRequest, one: Round) -> dict[str, Any]:
    run = round_queries.adopted(one.collection)
    shows = round_queries.sees_scores(request.reach, one)
    listed = rounds.called(request.reach, one)
    page = Paginator(listed, PAGE).get_page(request.GET.get("page"))
    found = round_queries.results(one, list(page), run if shows else None)
    rows = [_row(request, one, r) for r in found]
    return {
        "page": page,
        "run": run,
        "rows": rows,
        "together": _together(request, one, rows) if run is not None and shows else [],
        "joint": _joint(one),
    }


def _row(request: HttpRequest, one: Round, of: Result) -> dict[str, Any]:
    """A centre's result in words, with the deciding act when it is this person's to do now."""
    computed = of.computed.grade if of.computed is not None else None
    differs = bool(of.decided and computed and of.decided != computed)
    programme = library.editions(one.programme.programme).by_name[of.matter.edition].programme
    step = programme.procedures[of.matter.name].steps[of.matter.step]
    may = _decide(request, one, of.matter)
    score = of.computed.score if of.computed is not None else None
    moved = score - of.last_score if score is not None and of.last_score is not None else None
    return {
        "one": of,
        "name": say(of.name),
        "computed": grade_words(one, computed),
        "decided": grade_words(one, of.decided),
        "last": grade_words(one, of.last),
        "moved": f"{moved:+}" if moved is not None else "",
        "differs": differs,
        "step": say(step.name),
        "decide": [(name, href) for name, href, _kind, _party in may],
        "may": {kind: party for _name, _href, kind, party in may},
    }


def _decide(request: HttpRequest, one: Round, matter: Matter) -> list[tuple[str, str, str, str]]:
    """The acts that decide a centre's grade, as far as the person may do them now: each with its
    name, its form's address, its kind and the party."""
    if matter.closed:
        return []
    rs = library.editions(one.programme.programme).by_name[matter.edition]
    made = []
    for kind in one.way.deciding:
        model = rs.models.get(kind)
        if model is None or model.about is None or matter.step not in model.about.at:
            continue
        for party in model.by:
            if request.reach.may(kind, party, rs.programme.programme, matter.centre) is not None:
                asked = urlencode({"party": party, "about": matter.key})
                href = f"{reverse('centre_act', args=[matter.centre_id, kind])}?{asked}"
                made.append((say(model.name), href, kind, party))
                break
    return made


def _together(
    request: HttpRequest, one: Round, rows: Sequence[dict[str, Any]]
) -> list[tuple[str, str, int]]:
    """The deciding acts that can be taken in bulk for centres on this page with a computed grade:
    the act's name, the address of its form, and for how many."""
    made = []
    rs = library.editions(one.programme.programme).on(one.act.on)
    for kind in one.way.deciding:
        if kind not in rs.models or not bulk.suits(rs, kind):
            continue
        ready = [r for r in rows if r["computed"] and kind in r["may"]]
        if len(ready) > 1:
            asked = {
                "party": ready[0]["may"][kind],
                "kind": kind,
                "centre": [r["one"].matter.centre_id for r in ready],
            }
            href = f"{reverse('bulk')}?{urlencode(asked, doseq=True)}"
            made.append((say(rs.models[kind].name), href, len(ready)))
    return made


def _joint(one: Round) -> list[dict[str, Any]]:
    """Who decides with the deciding body, or is consulted first: joint parties of the deciding
    acts, and other bodies' acts at the same step, each with its article."""
    models, made = _models(one), []
    for kind in one.way.deciding:
        model = models[kind]
        if model.jointly is not None:
            made.append(_who(one, model.jointly.parties, model.name, model.jointly, True))
        at = set(model.about.at) if model.about is not None else set()
        for name, other in models.items():
            about = other.about
            fits = about is not None and about.case == one.way.procedure and at & set(about.at)
            if fits and name not in one.way.deciding and not set(other.by) & set(model.by):
                made.append(_who(one, other.by, other.name, other))
    return made


def _models(one: Round) -> Any:
    """The acts of the edition that the round was opened under."""
    return library.editions(one.programme.programme).on(one.act.on).models


def _who(
    one: Round, parties: Sequence[str], name: p.Words, basis: Any, joint: bool = False
) -> dict[str, Any]:
    cite = basis.cite
    cites = [cite] if isinstance(cite, str) else list(cite or [])
    return {
        "parties": [say(one.programme.parties[q].name) for q in parties],
        "act": say(name),
        "joint": joint,
        "cites": citations.links(one.programme, cites, getattr(basis, "default", None)),
    }


# --- what is made known --------------------------------------------------------------------------


def _known(request: HttpRequest, one: Round) -> dict[str, Any]:
    made = round_queries.publications(request.reach, one)
    today = clock.today()
    answers = round_verbs.answers_objections(request.reach, one.programme.programme)
    objections = list(round_queries.objections(request.reach, one)[:100])
    open_ = [q for q in made if q.until is not None and q.on <= today <= q.until]
    return {
        "publications": made,
        "publishable": bool(round_queries.decided(request.reach, one)),
        "objections": [(o, _answered(o)) for o in objections],
        "answers": answers,
        "outcomes": [(o, say(t)) for o, t in round_verbs.OUTCOMES.items()],
        "objecting": [_form(request, one, q) for q in open_],
    }


def _answered(of: Objection) -> str:
    return say(round_verbs.OUTCOMES[Outcome(of.outcome)]) if of.outcome else ""


def _form(request: HttpRequest, one: Round, of: Publication) -> dict[str, Any]:
    """The centres about which the person may object to what was made known."""
    programme = one.programme.programme
    enters = round_verbs.answers_objections(request.reach, programme)
    thing = round_verbs.ANSWER if enters else round_verbs.OBJECT
    seen = Centre.objects.filter(request.reach.centres(thing), pk__in=list(of.results))
    return {
        "publication": of,
        "enters": enters,
        "centres": [(c.pk, c.title_zh or c.pk) for c in seen.order_by("sort_key", "id")[:2000]],
    }


def _publish(request: HttpRequest, one: Round) -> None:
    post = request.POST
    until = post.get("until", "").strip()
    round_verbs.publish(
        request.reach,
        one,
        round_queries.decided(request.reach, one),
        day(post.get("on", ""), "公布日期", "the day it is made known"),
        public=post.get("public") == "yes",
        until=day(until, "异议截止日", "the last day for objections") if until else None,
        document=post.get("document", ""),
        note=post.get("note", ""),
    )


def _object(request: HttpRequest, one: Round) -> None:
    post = request.POST
    of = round_queries.publication(one, _number(post.get("publication", "")))
    seen = Centre.objects.filter(request.reach.centres(), pk=post.get("centre", ""))
    centre = seen.filter(book=one.programme.programme).first()
    if centre is None:
        raise EvaluationError("请选择对哪家中心的结果有异议", "choose the centre it is about")
    enters = round_verbs.answers_objections(request.reach, one.programme.programme)
    on = clock.today()
    if enters and post.get("on", "").strip():
        on = day(post.get("on", ""), "收到日期", "the day it came")
    if on > clock.today():
        raise EvaluationError("收到日期不得晚于今日", "the day it came lies in the future")
    round_verbs.object_to(
        request.reach, of, centre, post.get("said", ""), on, post.get("whose", "")
    )


def _answer(request: HttpRequest, one: Round) -> None:
    post = request.POST
    number = _number(post.get("objection", ""))
    of = round_queries.objections(request.reach, one).filter(pk=number).first()
    if of is None:
        raise NotOnFile("没有这项异议", "no such objection")
    round_verbs.answer_objection(request.reach, of, post.get("outcome", ""), post.get("answer", ""))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise NotOnFile("没有这一项", "no such thing")
    return int(text)


DOINGS = {"publish": _publish, "object": _object, "answer": _answer}


@require_safe
@found
def publication_page(
    request: HttpRequest, programme: str, number: int, publication: int
) -> HttpResponse:
    """What was made known: the list of results with the days for objections, to be printed."""
    one = rounds.round_(request.reach, programme, number)
    of = round_queries.publication(one, publication)
    shown = round_queries.shown_in(request.reach, of)
    context = frame(request, one, "round_results") | {
        "publication": of,
        "rows": [(c, c.title_zh or c.pk, grade_words(one, g)) for c, g in shown],
        "whole": len(shown) == len(of.results),
    }
    return render(request, "desk/round_publication.html", context)


_ROUND = "rounds/<slug:programme>/<int:number>"
urls: Sequence[Any] = [
    path(f"{_ROUND}/results/", results_page, name="round_results"),
    path(f"{_ROUND}/published/<int:publication>/", publication_page, name="round_publication"),
]
