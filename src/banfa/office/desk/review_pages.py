"""Pages of reviews for those who call them: preparing, the panel, recusal, the summary."""

from __future__ import annotations

import datetime as dt
import functools
import secrets
from collections.abc import Callable
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import centre_tabs, expert_pages, exports, reviewer_pages
from banfa.office.desk.errors import forbidden_because, on_file
from banfa.office.desk.language import say
from banfa.office.desk.typed import without_nul
from banfa.office.ledger import library
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.errors import NotOnFile
from banfa.office.ledger.models import Centre
from banfa.office.people import audit
from banfa.office.people.models import Organisation
from banfa.office.reviews import access, queries, recusal, sheets, summary, verbs
from banfa.office.reviews.errors import NoSuchReview, ReviewError
from banfa.office.reviews.models import (
    Answer,
    Assignment,
    Expert,
    Recusal,
    Review,
    ScoreSheet,
    SheetTemplate,
    Stage,
    Verdict,
)
from banfa.rules.life import canonical
from banfa.rules.words import Text

View = Callable[..., HttpResponse]
PAGE = 50
BLANK_ROWS = 3


def found(view: View) -> View:
    """A review that is not there for this person is a page that is not there."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NoSuchReview as error:
            raise Http404(say(error.text)) from error

    return wrapped


def number(text: str | None, otherwise: int = -1) -> int:
    """A whole number from a form; `otherwise` when it is none."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


# --- the list ------------------------------------------------------------------------------------


@require_safe
def reviews(request: HttpRequest) -> HttpResponse:
    """The reviews that the person called or may look at, and those they take part in."""
    reach = request.reach
    stage = request.GET.get("stage", "")
    stage = stage if stage in list(Stage) else ""
    page = Paginator(queries.of_caller(reach, stage), PAGE).get_page(request.GET.get("page"))
    calls = any(reach.scopes(one, access.CALL) for one in reach.held)
    context = {
        "here": "reviews",
        "page": page,
        "rows": [(r, act_words(r.programme, r.act), Stage(r.stage).text) for r in page],
        "stages": [(str(s), say(s.text)) for s in Stage],
        "stage": stage,
        "calls": calls,
        "keeps": bool(access.keepers(reach)),
        "own": [reviewer_pages.standing(one) for one in queries.of_expert(request.user)],
        "today": clock.today(),
    }
    return render(request, "desk/reviews.html", context)


def act_words(programme: str, act: str) -> str:
    """An act and its programme in words."""
    short = say(library.editions(programme).latest.programme.short)
    return f"{short}　{say(queries.act_name(programme, act))}"


# --- beginning one -------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@without_nul
def review_new(request: HttpRequest) -> HttpResponse:
    """Beginning a review: first for which act, then its title, centres and sheet."""
    matters = queries.matters(request.reach)
    if not matters:
        audit.note("denied", request.user, access.CALL, result="refused")
        return forbidden_because(request, _("您没有可以组织评审的身份。"))
    asked = request.POST.get("matter") or request.GET.get("matter", "")
    matter = next((m for m in matters if m.token == asked), None)
    context: dict[str, Any] = {
        "here": "reviews",
        "matters": _grouped(matters),
        "matter": matter,
        "typed": request.POST,
        "chosen": request.POST.getlist("centre") or request.GET.getlist("centre"),
    }
    if matter is None:
        return render(request, "desk/review_new.html", context)
    centres = list(queries.reviewable(request.reach, matter)[:500])
    templates = queries.templates(matter.org, matter.programme, matter.act)
    said = ""
    if request.method == "POST":
        try:
            made = _begin(request, matter, centres, templates)
            return HttpResponseRedirect(reverse("review", args=[made.pk]))
        except ReviewError as error:
            said = say(error.text)
    context |= {
        "said": said,
        "centres": centres,
        "templates": templates,
        "words": act_words(matter.programme, matter.act),
        "key": request.POST.get("key") or secrets.token_hex(16),
    }
    return render(request, "desk/review_new.html", context, status=422 if said else 200)


def _begin(
    request: HttpRequest,
    matter: queries.Matter,
    centres: list[Centre],
    templates: list[SheetTemplate],
) -> Review:
    post = request.POST
    wanted = set(post.getlist("centre"))
    chosen = [c for c in centres if c.id in wanted]
    template = next((t for t in templates if str(t.pk) == post.get("template")), None)
    return verbs.begin(
        request.user,
        matter.programme,
        matter.party,
        Organisation.objects.get(id=matter.org),
        matter.act,
        post.get("title", ""),
        chosen,
        queries.open_cases(matter, chosen),
        template.sheet if template else None,
        post.get("key", ""),
    )


def _grouped(matters: list[queries.Matter]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The matters under what the person acts as: party and organisation."""
    names = dict(
        Organisation.objects.filter(id__in={m.org for m in matters}).values_list("id", "name_zh")
    )
    groups: dict[str, list[tuple[str, str]]] = {}
    for m in matters:
        model = library.editions(m.programme).latest.programme
        party = say(model.parties[m.party].name)
        org = names.get(m.org, m.org)
        held = party if org in (party, m.party) else f"{party} · {org}"
        act = say(queries.act_name(m.programme, m.act))
        groups.setdefault(f"{say(model.short)}　{held}", []).append((m.token, act))
    return list(groups.items())


# --- one review ----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@without_nul
@found
def review(request: HttpRequest, review: int) -> HttpResponse:
    """A review: its caller's page, or, for one of its experts, the invitation and the sheets."""
    try:
        one = queries.seen(request.reach, review)
    except NoSuchReview:
        return reviewer_pages.own(request, review)
    manages = Review.objects.filter(access.managed(request.reach), pk=one.pk).exists()
    said, status = "", 200
    if request.method == "POST":
        if not manages:
            raise NoSuchReview
        try:
            DOINGS.get(request.POST.get("what", ""), _unknown)(request, one)
            return HttpResponseRedirect(_after(request, one))
        except ReviewError as error:
            said, status = say(error.text), error.status
            one.refresh_from_db()
    return render(request, "desk/review.html", _context(request, one, manages, said), status=status)


def _after(request: HttpRequest, one: Review) -> str:
    """Where to go after something was done: the place of the page that it changed."""
    at = {
        "terms": "terms", "materials": "centres", "choose": "panel", "draw": "panel",
        "remove": "panel", "reopen": "panel", "decide": "recusal", "template": "sheet",
    }.get(request.POST.get("what", ""), "")  # fmt: skip
    if request.POST.get("what") in ("close", "conclude"):
        return reverse("review_summary", args=[one.pk])
    return reverse("review", args=[one.pk]) + (f"#{at}" if at else "")


def _context(request: HttpRequest, one: Review, manages: bool, said: str) -> dict[str, Any]:
    panel = queries.panel(one)
    active = [a for a in panel if a.takes_part]
    stage = Stage(one.stage)
    draft, live = stage == Stage.DRAFT, stage in (Stage.DRAFT, Stage.OPEN)
    choosable = queries.choosable(one) if manages and live else []
    fields, languages = queries.known_words(choosable)
    subjects = list(one.subjects.select_related("centre", "review").order_by("centre"))
    grounds = [(g, a) for a in panel for g in a.recusals.all()]
    complete = {a.pk for a in queries.complete(one)}
    model = library.editions(one.programme).latest.programme
    return {
        "here": "reviews",
        "review": one,
        "words": act_words(one.programme, one.act),
        "stage": stage.text,
        "draft": draft,
        "open": stage == Stage.OPEN,
        "live": live,
        "manages": manages,
        "said": said,
        "typed": request.POST,
        "what": request.POST.get("what", ""),
        "version": one.version,
        "subjects": subjects,
        "bare": sum(not s.materials for s in subjects),
        "documents": _documents(one, model) if manages and live else {},
        "readable": {s.centre_id: reviewer_pages.material_names(s) for s in subjects}
        if stage == Stage.OPEN and not manages
        else {},
        "sheet": sheets.of(one.sheet),
        "wanting": queries.wanting(one, active) if draft else [],
        "panel": [_expert_line(a, one, complete, len(subjects)) for a in panel],
        "active": len(active),
        "done": len(complete),
        "behind": len(queries.behind(one)) if stage == Stage.OPEN else 0,
        "all_in": stage == Stage.OPEN and queries.all_in(one),
        "heard": reviewer_pages.heard(queries.others(one, named=True), sheets.of(one.sheet))
        if manages and stage == Stage.OPEN
        else [],
        "grounds": [(g, a, say_rule(g.rule), Verdict(g.verdict).text) for g, a in grounds],
        "questions": sum(g.verdict == Verdict.QUESTION and a.takes_part for g, a in grounds),
        "draws": [_draw_lines(d) for d in one.draws.select_related("drawn_by").order_by("pk")],
        "choosable": choosable,
        "fields": fields,
        "languages": languages,
        "replaceable": [a for a in panel if not a.takes_part],
        "agencies": _agencies() if manages and draft else [],
        "agency_parties": [
            (n, say(p.name)) for n, p in model.parties.items() if not p.body and not p.inside
        ],
        "agency_party": say(model.parties[one.agency_party].name) if one.agency_party else "",
        "today": clock.today(),
    }


def say_rule(rule: str) -> str:
    """A rule of recusal in words."""
    return say(recusal.RULES[rule])


def _agencies() -> list[Organisation]:
    return list(Organisation.objects.filter(active=True).order_by("name_zh"))


def _documents(one: Review, model: Any) -> dict[str, list[tuple[Any, str]]]:
    """The documents on file of each centre, with their names."""
    return {
        centre: [(d, reviewer_pages.document_name(model, d.type)) for d in rows]
        for centre, rows in queries.documents_of(one).items()
    }


def _expert_line(one: Assignment, review: Review, complete: set[int], whole: int) -> dict[str, Any]:
    rows = list(one.sheets.all())
    handed = [s for s in rows if s.handed_in is not None]
    return {
        "one": one,
        "answer": Answer(one.answer).text,
        "handed": handed if one.takes_part else [],
        "of": whole,
        "complete": one.pk in complete,
        "reopenings": [r for s in rows for r in s.reopenings.all()],
        "question": any(g.verdict == Verdict.QUESTION for g in one.recusals.all()),
    }


def _draw_lines(draw: Any) -> dict[str, Any]:
    """A draw with the names of its pool, so that it can be shown and drawn again."""
    numbers = {*draw.pool, *(e["expert"] for e in draw.excluded)}
    names = dict(Expert.objects.filter(pk__in=numbers).values_list("pk", "name"))
    return {
        "draw": draw,
        "pool": [(n, names.get(n, ""), n in draw.chosen) for n in draw.pool],
        "excluded": [
            (names.get(e["expert"], ""), say(Text(e["zh"], e["en"]))) for e in draw.excluded
        ],
    }


# --- what a caller does --------------------------------------------------------------------------


def _unknown(request: HttpRequest, one: Review) -> None:
    raise ReviewError("没有这一操作，请刷新后重试", "no such operation: reload and try again")


def _terms(request: HttpRequest, one: Review) -> None:
    post = request.POST
    raw = post.get("due", "").strip()
    try:
        due = dt.date.fromisoformat(raw) if raw else None
    except ValueError:
        raise ReviewError("截止日请写成 2030-11-20", "write the deadline as 2030-11-20") from None
    asked = post.get("agency", "")
    agency = Organisation.objects.filter(id=asked).first() if asked else None
    model = library.editions(one.programme).latest.programme
    as_ = post.get("agency_party", "")
    if (as_ and as_ not in model.parties) or (asked and agency is None):
        raise ReviewError("没有这个机构或身份", "no such agency or party")
    verbs.set_terms(
        one, _version(request), title=post.get("title", ""), blind=post.get("blind") == "1",
        drop=number(post.get("drop")), minimum=number(post.get("minimum")), due=due,
        agency=agency, agency_party=as_,
    )  # fmt: skip


def _version(request: HttpRequest) -> int:
    return number(request.POST.get("version"))


def _materials(request: HttpRequest, one: Review) -> None:
    chosen = [number(n) for n in request.POST.getlist("document")]
    verbs.set_materials(one, _version(request), chosen)


def _choose(request: HttpRequest, one: Review) -> None:
    post = request.POST
    wanted = {number(n) for n in post.getlist("expert")}
    experts = [e for e in queries.choosable(one) if e.pk in wanted]
    replaces = one.assignments.filter(pk=number(post.get("replaces"))).first()
    verbs.choose(request.user, one, _version(request), experts, post.get("reason", ""), replaces)


def _draw(request: HttpRequest, one: Review) -> None:
    post = request.POST
    verbs.draw(
        request.user, one, _version(request), number(post.get("wanted"), 0),
        post.getlist("field"), post.getlist("language"),
    )  # fmt: skip


def _assignment(request: HttpRequest, one: Review) -> Assignment:
    kept = one.assignments.filter(pk=number(request.POST.get("assignment"))).first()
    if kept is None:
        raise NoSuchReview
    return kept


def _remove(request: HttpRequest, one: Review) -> None:
    reason = request.POST.get("reason", "")
    verbs.remove(request.user, _assignment(request, one), _version(request), reason)


def _decide(request: HttpRequest, one: Review) -> None:
    post = request.POST
    ground = Recusal.objects.filter(pk=number(post.get("ground")), assignment__review=one).first()
    if ground is None:
        raise NoSuchReview
    verbs.decide(request.user, ground, post.get("verdict") == "recused", post.get("reason", ""))


def _reopen(request: HttpRequest, one: Review) -> None:
    post = request.POST
    asked = ScoreSheet.objects.filter(pk=number(post.get("sheet")), assignment__review=one)
    sheet = asked.select_related("assignment__review").first()
    if sheet is None:
        raise NoSuchReview
    verbs.reopen(request.user, sheet, post.get("reason", ""))


DOINGS: dict[str, Callable[[HttpRequest, Review], Any]] = {
    "terms": _terms,
    "materials": _materials,
    "choose": _choose,
    "draw": _draw,
    "remove": _remove,
    "decide": _decide,
    "reopen": _reopen,
    "template": lambda r, one: verbs.save_template(r.user, one, r.POST.get("name", "")),
    "call": lambda r, one: verbs.call(one, _version(r)),
    "urge": lambda r, one: verbs.urge(one),
    "close": lambda r, one: verbs.close(r.user, one, _version(r), r.POST.get("reason", "")),
    "conclude": lambda r, one: verbs.conclude(one, _version(r), r.POST.get("conclusion", "")),
    "cancel": lambda r, one: verbs.cancel(r.user, one, _version(r), r.POST.get("reason", "")),
}


# --- the sheet -----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@without_nul
@found
def review_sheet(request: HttpRequest, review: int) -> HttpResponse:
    """Editing the scoring sheet while the review is prepared."""
    one = queries.managed(request.reach, review)
    if one.stage != Stage.DRAFT:
        return HttpResponseRedirect(reverse("review", args=[one.pk]) + "#sheet")
    said, status = "", 200
    post = request.POST
    sheet = sheets.of(one.sheet)
    rows = [
        {
            "name": c.name,
            "weight": str(c.weight),
            "guidance": c.guidance,
            "comment": "1" if c.comment else "",
        }
        for c in sheet.criteria
    ]
    scale = {n: str(getattr(sheet, n)) for n in ("lowest", "highest", "places")}
    if request.method == "POST":
        rows = _sheet_rows(request)
        scale = {n: post.get(n, "") for n in scale}
        if "add" not in post:
            try:
                made = sheets.read(rows, scale["lowest"], scale["highest"], scale["places"])
                verbs.set_sheet(one, _version(request), made)
                return HttpResponseRedirect(reverse("review", args=[one.pk]) + "#sheet")
            except ReviewError as error:
                said, status = say(error.text), error.status
    blank = {"name": "", "weight": "", "guidance": "", "comment": ""}
    rows += [blank] * (1 if request.method == "POST" else BLANK_ROWS)
    context = {
        "here": "reviews",
        "review": one,
        "version": post.get("version") or one.version,
        "rows": list(enumerate(rows)),
        "scale": scale,
        "said": said,
    }
    return render(request, "desk/review_sheet.html", context, status=status)


def _sheet_rows(request: HttpRequest) -> list[dict[str, str]]:
    """The lines of the table of criteria as typed, empty ones left out."""
    kept = []
    for n in range(sheets.MOST_CRITERIA + BLANK_ROWS + 1):
        row = {p: request.POST.get(f"c.{n}.{p}", "") for p in ("name", "weight", "guidance")}
        if any(v.strip() for v in row.values()):
            kept.append({**row, "comment": request.POST.get(f"c.{n}.comment", "")})
    return kept


# --- the summary ---------------------------------------------------------------------------------


def _summed_up(request: HttpRequest, review: int) -> Review:
    one = queries.seen(request.reach, review)
    if one.summary is None:
        raise NoSuchReview
    return one


@require_safe
@found
def review_summary(request: HttpRequest, review: int) -> HttpResponse:
    """The frozen summary: ranking, criteria, every sheet; the way into the act's form."""
    one = _summed_up(request, review)
    manages = Review.objects.filter(access.managed(request.reach), pk=one.pk).exists()
    frozen = one.summary or {}
    names = {str(a.number): say(queries.called(a, manages or not one.blind))
             for a in queries.panel(one)}  # fmt: skip
    taken = queries.taken_into([one])
    abouts = dict(one.subjects.values_list("centre_id", "about"))
    context = {
        "here": "reviews",
        "review": one,
        "words": act_words(one.programme, one.act),
        "manages": manages,
        "sheet": sheets.of(one.sheet),
        "centres": [
            {**c, "id": i, "taken": taken.get((one.pk, i)), "about": abouts.get(i, ""),
             "lines": _lines(one, c, names), "figures": _figures(one, c)}
            for i, c in _ranked(frozen)
        ],
        "judges": [
            {"name": names.get(j, j), **told} for j, told in frozen["judges"].items()
        ],
        "rules": [say(r) for r in summary.RULES],
        "version": one.version,
    }  # fmt: skip
    return render(request, "desk/review_summary.html", context)


def _ranked(frozen: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(frozen["centres"].items(), key=lambda pair: (pair[1]["rank"], pair[0]))


def _lines(one: Review, centre: dict[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
    """Each sheet of a centre: who, points by criterion, comments by the criterion's name."""
    sheet = sheets.of(one.sheet)
    return [
        {
            **line,
            "name": names.get(str(line["judge"]), ""),
            "points": [sheets.points(line["scores"][c.id]) for c in sheet.criteria],
            "said": [
                (c.name, line["comments"][c.id])
                for c in sheet.criteria
                if line["comments"].get(c.id)
            ],
        }
        for line in centre["sheets"]
    ]


FIGURES = {
    "mean": Text("平均分", "Mean"),
    "median": Text("中位数", "Median"),
    "deviation": Text("标准差", "Standard deviation"),
    "least": Text("最低", "Lowest"),
    "most": Text("最高", "Highest"),
}


def _figures(one: Review, centre: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Each figure of a centre: its name, its value for every criterion and, last, in total."""
    criteria = [c.id for c in sheets.of(one.sheet).criteria]
    return [
        (say(name), [*(centre["criteria"][c][f] for c in criteria), centre["total"][f]])
        for f, name in FIGURES.items()
    ]


@require_safe
@found
def review_workbook(request: HttpRequest, review: int) -> HttpResponse:
    """The summary as an Excel file; exporting is noted in the audit log."""
    one = _summed_up(request, review)
    frozen, sheet = one.summary or {}, sheets.of(one.sheet)
    named = (
        not one.blind or Review.objects.filter(access.managed(request.reach), pk=one.pk).exists()
    )
    names = {str(a.number): say(queries.called(a, named)) for a in queries.panel(one)}
    head = [
        *(_("名次"), _("中心"), _("编号"), _("专家"), _("总分")),
        *(f"{c.name}（{c.weight}%）" for c in sheet.criteria),
        *(_("备注"), _("评语"), _("总体意见")),
    ]
    rows: list[list[Any]] = []
    for centre, told in _ranked(frozen):
        for line in _lines(one, told, names):
            notes = [_("去除")] * line["dropped"] + [_("离群")] * line["outlying"]
            rows.append([
                told["rank"], told["name"], centre, line["name"], line["total"], *line["points"],
                "、".join(notes), "\n".join(f"{n}：{t}" for n, t in line["said"]), line["opinion"],
            ])  # fmt: skip
        for name, values in _figures(one, told):
            rows.append([told["rank"], told["name"], centre, name, values[-1], *values[:-1]])
    rows.append([_("校验值"), one.digest])
    audit.note("exported", request.user, f"review:{one.pk}.xlsx")
    return exports.response("xlsx", f"review-{one.pk}", head, rows)


@require_safe
@found
def review_frozen(request: HttpRequest, review: int) -> HttpResponse:
    """The frozen summary as it was hashed: the SHA-256 of this file is the digest. To managers."""
    one = queries.managed(request.reach, review)
    if one.summary is None:
        raise NoSuchReview
    answer = HttpResponse(canonical(one.summary), content_type="application/json; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="review-{one.pk}.json"'
    return answer


# --- a centre's reviews --------------------------------------------------------------------------


@require_safe
@on_file
def centre_reviews(request: HttpRequest, centre: str) -> HttpResponse:
    """The reviews of a centre as its record shows them."""
    page = ledger.centre(centre)
    if not request.reach.sees(page.centre):
        raise NotOnFile(f"没有编号为“{centre}”的中心", f"no centre '{centre}'")
    context = {
        "here": "centres",
        "tab": "centre_reviews",
        "page": page,
        "programme": page.programme,
        "tabs": centre_tabs.tabs(page.centre, "centre_reviews"),
        "rows": queries.of_centre(page.centre, request.reach),
        "today": clock.today(),
    }
    return render(request, "desk/centre_reviews.html", context)


urls = [
    path("reviews/", reviews, name="reviews"),
    path("reviews/new/", review_new, name="review_new"),
    path("reviews/<int:review>/", review, name="review"),
    path("reviews/<int:review>/sheet/", review_sheet, name="review_sheet"),
    path("reviews/<int:review>/summary/", review_summary, name="review_summary"),
    path("reviews/<int:review>/summary.xlsx", review_workbook, name="review_workbook"),
    path("reviews/<int:review>/summary.json", review_frozen, name="review_frozen"),
    path("centres/<str:centre>/reviews/", centre_reviews, name="centre_reviews"),
    *reviewer_pages.urls,
    *expert_pages.urls,
]
