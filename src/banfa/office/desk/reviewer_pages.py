"""Pages of reviews for their experts: the invitation, the sheets, the material beside them."""

from __future__ import annotations

from typing import Any

from csp.decorators import csp_replace
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk.dossier_form import with_proof
from banfa.office.desk.dossier_versions import FRAMED, stored
from banfa.office.desk.errors import on_file
from banfa.office.desk.language import say
from banfa.office.desk.typed import without_nul
from banfa.office.dossiers import content, outline, uploads
from banfa.office.dossiers import queries as dossiers
from banfa.office.ledger import coding, library
from banfa.office.ledger.models import DocumentVersion
from banfa.office.reviews import queries, recusal, sheets, verbs
from banfa.office.reviews.errors import NoSuchReview, ReviewError, StaleReview
from banfa.office.reviews.models import Answer, Assignment, ScoreSheet, Stage, Subject
from banfa.rules.words import Text


def standing(one: Assignment) -> dict[str, Any]:
    """An assignment as the expert's list shows it."""
    rows = list(one.sheets.all())
    return {
        "one": one,
        "review": one.review,
        "answer": Answer(one.answer).text,
        "invited": one.answer == Answer.INVITED,
        "done": sum(s.handed_in is not None for s in rows),
        "of": len(rows),
        "over": one.review.stage != Stage.OPEN,
    }


def own(request: HttpRequest, review: int) -> HttpResponse:
    """An expert's page of a review. Raises NoSuchReview for everybody else."""
    one = queries.assignment(request.user, review)
    said, status = "", 200
    if request.method == "POST":
        try:
            return HttpResponseRedirect(_answer(request, one))
        except ReviewError as error:
            said, status = say(error.text), error.status
            one = queries.assignment(request.user, review)
    centres = queries.centres_of(one.review)
    skip = one.review.agency_party
    rows = {s.subject.centre_id: s for s in one.sheets.select_related("subject__centre")}
    context = {
        "here": "reviews",
        "one": one,
        "review": one.review,
        "invited": one.answer == Answer.INVITED,
        "over": one.review.stage != Stage.OPEN,
        "waiting": one.recusals.filter(verdict="question").exists(),
        "centres": [(c, [h.name for h in recusal.holders(c, skip)], rows.get(c.id))
                    for c in centres],
        "sheet": sheets.of(one.review.sheet),
        "said": said,
        "typed": request.POST,
        "today": clock.today(),
    }  # fmt: skip
    return render(request, "desk/review_own.html", context, status=status)


def _answer(request: HttpRequest, one: Assignment) -> str:
    """Accepting, declining, asking to be recused; gives where to go then."""
    post, what = request.POST, request.POST.get("what", "")
    if what == "accept":
        now = verbs.accept(request.user, one, post.get("signed") == "1")
        if now.takes_part:
            return reverse("review", args=[one.review_id])
    elif what == "decline":
        verbs.decline(request.user, one, post.get("reason", ""))
    elif what == "recuse":
        verbs.recuse(request.user, one, post.get("reason", ""))
    else:
        raise ReviewError("没有这一操作，请刷新后重试", "no such operation: reload and try again")
    return reverse("reviews") + f"?left={what}"


# --- scoring -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@without_nul
def review_score(request: HttpRequest, review: int, centre: str) -> HttpResponse:
    """An expert's sheet for a centre, with the material beside it; saved while typing."""
    try:
        kept = queries.own_sheet(request.user, review, centre)
    except NoSuchReview as error:
        raise Http404 from error
    sheet = sheets.of(kept.assignment.review.sheet)
    found, said, status = None, "", 200
    if request.method == "POST":
        found = sheets.written(sheet, request.POST)
        answer = _take(request, kept, found)
        if isinstance(answer, HttpResponse):
            return answer
        said, status = answer
    return _score_page(request, kept, sheet, found, said, status)


def _take(
    request: HttpRequest, kept: ScoreSheet, found: sheets.Written
) -> HttpResponse | tuple[str, int]:
    """Saves or hands in: an answer, or what stood in the way with its status."""
    quiet = request.headers.get("X-Autosave") == "1"
    raw = request.POST.get("version", "")
    version = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else -1
    hands_in = request.POST.get("what") == "hand_in"
    try:
        verb = verbs.hand_in if hands_in else verbs.save_sheet
        done = verb(request.user, kept, found, version)
    except ReviewError as error:
        if quiet:
            stale = isinstance(error, StaleReview)
            return JsonResponse({"said": say(error.text), "stale": stale}, status=error.status)
        return say(error.text), error.status
    if quiet:
        wrong = {c: say(Text(*text)) for c, text in found.mistakes.items()}
        return JsonResponse({"version": done.version, "wrong": wrong})
    at = [kept.assignment.review_id]
    if hands_in:
        return HttpResponseRedirect(reverse("review", args=at))
    if found.mistakes:
        return _("已暂存；标出的分数无法识别，未计入。"), 422
    return HttpResponseRedirect(request.path + "?saved=1")


def _score_page(
    request: HttpRequest,
    kept: ScoreSheet,
    sheet: sheets.Sheet,
    found: sheets.Written | None,
    said: str,
    status: int,
) -> HttpResponse:
    review = kept.assignment.review
    posted = request.method == "POST"
    if posted and status != 409:
        kept = queries.own_sheet(request.user, review.pk, kept.subject.centre_id)
    wrong = dict(found.mistakes) if found is not None else {}
    if found is not None and request.POST.get("what") == "hand_in":
        wrong = sheets.wanting(sheet, found)
    lines = []
    for c in sheet.criteria:
        points = sheets.points(kept.scores[c.id]) if c.id in kept.scores else ""
        score = request.POST.get(f"score.{c.id}", "") if posted else points
        comment = request.POST.get(f"comment.{c.id}", "") if posted else kept.comments.get(c.id, "")
        lines.append({
            "c": c, "score": score, "comment": comment,
            "wrong": say(Text(*wrong[c.id])) if c.id in wrong else "",
        })  # fmt: skip
    open_ = review.stage == Stage.OPEN
    context = {
        "here": "reviews",
        "review": review,
        "one": kept.assignment,
        "kept": kept,
        "centre": kept.subject.centre,
        "sheet": sheet,
        "lines": lines,
        "step": {0: "1", 1: "0.1", 2: "0.01"}[sheet.places],
        "opinion": request.POST.get("opinion", "") if posted else kept.opinion,
        "frozen": kept.handed_in is not None or not open_,
        "total": _total(sheet, kept),
        "reopened": kept.reopenings.select_related("by").order_by("-pk").first(),
        "materials": material_names(kept.subject) if open_ else [],
        "heard": heard(
            queries.others(review, kept.subject.centre_id, kept.assignment, not review.blind),
            sheet,
        ),
        "said": said,
        "saved": request.GET.get("saved"),
        "today": clock.today(),
    }
    return render(request, "desk/review_score.html", context, status=status)


def _total(sheet: sheets.Sheet, kept: ScoreSheet) -> str:
    """The weighted total when every score is given; rounded half up to two decimals."""
    if any(c.id not in kept.scores for c in sheet.criteria):
        return ""
    return sheets.points((sheet.total(kept.scores) + 50) // 100)


def heard(rows: list[queries.Heard], sheet: sheets.Sheet) -> list[dict[str, Any]]:
    """Sheets as they are shown: whose, the total, points and comment by criterion."""
    return [
        {
            "name": h.name,
            "centre": h.sheet.subject.centre,
            "total": _total(sheet, h.sheet),
            "said": [
                (c.name, sheets.points(h.sheet.scores[c.id]), h.sheet.comments.get(c.id, ""))
                for c in sheet.criteria
            ],
            "opinion": h.sheet.opinion,
        }
        for h in rows
    ]


def material_names(subject: Subject) -> list[tuple[DocumentVersion, str]]:
    """The documents put to the experts of a centre, with their names."""
    model = library.editions(subject.review.programme).latest.programme
    return [(d, document_name(model, d.type)) for d in queries.materials(subject)]


def document_name(model: Any, type_: str) -> str:
    """A document's name in the programme."""
    schema = model.documents.get(type_)
    return say(schema.name) if schema is not None else type_


def _opened(request: HttpRequest, review: int, centre: str) -> Subject:
    """The centre under review when its material is open to the person; 404 otherwise."""
    try:
        return queries.opened_to(request.user, request.reach, review, centre)
    except NoSuchReview as error:
        raise Http404 from error


@require_safe
@without_nul
def review_material(request: HttpRequest, review: int, centre: str, number: int) -> HttpResponse:
    """A document that may be read here, section by section, its evidence beside what it proves."""
    subject = _opened(request, review, centre)
    documents = queries.materials(subject)
    document = next((d for d in documents if d.pk == number), None)
    if document is None:
        raise Http404
    model = library.editions(document.book_id).latest.programme
    found = dossiers.evidence(documents)
    part = _outlined(model, document)
    files, loose = _addressed(subject, found.of[document.pk]), _addressed(subject, found.loose)
    parts = with_proof([part], files) if part is not None else []
    lines = {line.path for one in parts for section in one.sections for line in section.lines}
    context = {
        "here": "reviews",
        "review": subject.review,
        "centre": subject.centre,
        "document": document,
        "scores": subject.sheets.filter(assignment__expert__user=request.user).exists(),
        "name": document_name(model, document.type),
        "parts": parts,
        "files": [one for one in files if one["path"] not in lines] + loose,
    }
    fragment = getattr(request, "htmx", False)
    template = "desk/parts/review_material.html" if fragment else "desk/review_material.html"
    return render(request, template, context)


def _outlined(model: Any, document: DocumentVersion) -> outline.Part | None:
    """A document's content in the order of its outline; None when it is no longer on file."""
    held, schema = coding.decode(document.content), model.documents.get(document.type)
    if not isinstance(held, dict) or schema is None:
        return None
    given = content.document_fields(schema, document.type)
    typed = content.typed(given, {}, {document.type: held})
    return outline.one_document(schema, document.type, typed, dossiers.organisations(), say)


def _addressed(subject: Subject, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files with the addresses at which they may be read within the review."""
    at = [subject.review_id, subject.centre_id]
    return [
        {
            **one,
            "url": reverse("review_file", args=[*at, one["digest"].partition(":")[2]]),
            "shown": one["type"] in uploads.SHOWN,
        }
        for one in files
    ]


@require_safe
@without_nul
@on_file
@csp_replace(FRAMED)
@xframe_options_sameorigin
def review_file(request: HttpRequest, review: int, centre: str, number: str) -> HttpResponse:
    """A file that proves what a document put to the experts says, or belongs to one."""
    subject = _opened(request, review, centre)
    found = dossiers.evidence(queries.materials(subject)).named(f"sha256:{number}")
    if found is None:
        raise Http404
    return stored(request, found)


urls = [
    path("reviews/<int:review>/centres/<str:centre>/", review_score, name="review_score"),
    path(
        "reviews/<int:review>/centres/<str:centre>/material/<int:number>/",
        review_material,
        name="review_material",
    ),
    path(
        "reviews/<int:review>/centres/<str:centre>/files/<str:number>/",
        review_file,
        name="review_file",
    ),
]
