"""Bringing in a list of existing centres: the file, a preview of every row, the receipt."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import citations
from banfa.office.desk.errors import on_file
from banfa.office.desk.exports import XLSX
from banfa.office.desk.language import in_english, say
from banfa.office.intake import reports, sheets, verbs
from banfa.office.intake.columns import KIND, targets
from banfa.office.intake.errors import BadFile
from banfa.office.intake.models import Upload
from banfa.office.ledger import library
from banfa.office.people import audit
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text

MOST_ROWS = 2_000
"""Rows on a page; longer lists go through `banfa import`."""
SHOWN = 500


def _ruleset(request: HttpRequest, programme: str) -> Ruleset:
    """The programme in force, for those who may enter its existing centres; else not there."""
    rs = library.editions(programme).on(clock.today())
    existing = rs.programme.existing
    if existing is None or not request.reach.may(KIND, existing.by[0], programme):
        raise Http404
    return rs


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def import_centres(request: HttpRequest, programme: str) -> HttpResponse:
    """Choosing the file, the day and the basis document."""
    rs = _ruleset(request, programme)
    typed = {"on": clock.today().isoformat()} | request.POST.dict()
    said = ""
    if request.method == "POST":
        try:
            upload = _brought(request, rs, typed)
            return HttpResponseRedirect(reverse("import_preview", args=[programme, upload.pk]))
        except BadFile as error:
            said = say(error.text)
    context = {
        **_context(rs),
        "said": said,
        "typed": typed,
        "most_rows": MOST_ROWS,
        "most_mb": sheets.MOST_BYTES // 2**20,
        "headings": [say(text) for text in targets(rs.programme).values()],
    }
    return render(request, "desk/import.html", context, status=422 if said else 200)


def _context(rs: Ruleset) -> dict[str, Any]:
    return {
        "here": "programmes",
        "programme": rs.programme,
        "page_of": citations.page_of(rs.programme),
        "cites": citations.links(rs.programme, rs.models[KIND].cite, rs.models[KIND].default),
    }


def _brought(request: HttpRequest, rs: Ruleset, typed: dict[str, str]) -> Upload:
    """The file, kept after a first reading. Raises BadFile."""
    given = request.FILES.get("file")
    if given is None:
        raise BadFile("请选择文件", "choose a file")
    if given.size > sheets.MOST_BYTES:
        raise BadFile(
            f"文件过大，至多 {sheets.MOST_BYTES // 2**20} MB",
            f"at most {sheets.MOST_BYTES // 2**20} MB",
        )
    on = _day(typed.get("on", ""))
    data = given.read()
    basis = typed.get("basis", "").replace("\0", "").strip()
    # Read now, so that what is wrong with the file is said beside it.
    verbs.bring(
        rs.programme.programme, given.name, data, on, basis=basis, user=request.user,
        most_rows=MOST_ROWS, judged=False,
    )  # fmt: skip
    return verbs.keep(request.user, rs.programme.programme, given.name, data, on, basis)


def _day(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise BadFile(
            f"办理日期“{text[:20]}”不是日期，请写成 2030-11-15", "the day is no date"
        ) from None
    if day > clock.today():
        raise BadFile(f"办理日期（{day}）晚于今日，尚不能登记", f"{day} is after today")
    return day


def _upload(request: HttpRequest, programme: str, number: int) -> Upload:
    found = Upload.objects.filter(pk=number, user=request.user, programme=programme).first()
    if found is None:
        raise Http404
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def import_preview(request: HttpRequest, programme: str, upload: int) -> HttpResponse:
    """What each row would come to; then, once entered, what came of it."""
    rs = _ruleset(request, programme)
    kept = _upload(request, programme, upload)
    if request.method == "POST" and request.POST.get("what") == "enter":
        first = kept.entered is None
        try:
            verbs.enter(kept.pk, request.user, MOST_ROWS)
        except BadFile as error:
            return _preview(request, rs, kept, say(error.text))
        if first:
            audit.note("imported", request.user, f"{programme} {kept.name}",
                       after={"digest": kept.digest})  # fmt: skip
        return HttpResponseRedirect(reverse("import_preview", args=[programme, upload]))
    if kept.entered is not None:
        return _receipt(request, rs, kept)
    return _preview(request, rs, kept)


def _preview(request: HttpRequest, rs: Ruleset, kept: Upload, said: str = "") -> HttpResponse:
    """The columns to set right, and the rows as they stand; columns chosen stay chosen."""
    chosen = {int(n): t for n, t in kept.chosen.items()}
    if request.method == "POST" and request.POST.get("what") == "columns":
        chosen = {
            int(name[1:]): target
            for name, target in request.POST.items()
            if name[:1] == "c" and name[1:].isdigit() and len(name) < 5
        }
    report = None
    try:
        report = verbs.judge(kept, chosen, MOST_ROWS)
    except BadFile as error:
        said = say(error.text)
    context = {
        **_context(rs),
        "upload": kept,
        "said": said,
        "report": report,
        "columns": report.columns if report else verbs.head_of(kept, chosen),
        "targets": [(name, say(text)) for name, text in targets(rs.programme).items()],
        "lines": _lines(report.lines, True) if report else [],
        "counts": _counts(report.lines, True) if report else [],
        "good": report.count(verbs.ACCEPTED) if report else 0,
    }
    return render(request, "desk/import_preview.html", context, status=422 if said else 200)


def _receipt(request: HttpRequest, rs: Ruleset, kept: Upload) -> HttpResponse:
    lines = [verbs.Line(**line) for line in kept.report or []]
    context = {
        **_context(rs),
        "upload": kept,
        "lines": _lines(lines, False),
        "counts": _counts(lines, False),
        "done": True,
    }
    return render(request, "desk/import_preview.html", context)


MARKS = {verbs.ACCEPTED: "good", verbs.REFUSED: "bad", verbs.FAULTY: "warn", verbs.KNOWN: "plain"}


def _lines(lines: list[verbs.Line], dry: bool) -> list[dict[str, Any]]:
    """Rows for the page, those with something against them first, at most so many."""
    ordered = sorted(lines, key=lambda line: (line.standing == verbs.ACCEPTED, line.line))
    return [
        {
            "line": line,
            "mark": MARKS[line.standing],
            "standing": say(reports.standing(line, dry)),
            "says": [(column, say(Text(zh, en)), basis) for column, zh, en, basis in line.says],
        }
        for line in ordered[:SHOWN]
    ]


def _counts(lines: list[verbs.Line], dry: bool) -> list[tuple[str, str, int]]:
    """How many rows stand how: mark, words, number."""
    found = []
    for standing, mark in MARKS.items():
        same = [line for line in lines if line.standing == standing]
        words = reports.standing(same[0], dry) if same else reports.STANDINGS[standing]
        found.append((mark, say(words), len(same)))
    return found


@require_safe
@on_file
def import_report(request: HttpRequest, programme: str, upload: int) -> HttpResponse:
    """What came of every row, or would, as a workbook."""
    _ruleset(request, programme)
    kept = _upload(request, programme, upload)
    if kept.entered is not None:
        lines = [verbs.Line(**line) for line in kept.report or []]
    else:
        try:
            chosen = {int(n): t for n, t in kept.chosen.items()}
            lines = verbs.judge(kept, chosen, MOST_ROWS).lines
        except BadFile as error:
            raise Http404(say(error.text)) from error
    content = reports.workbook(lines, kept.entered is None, in_english())
    answer = HttpResponse(content, content_type=XLSX)
    answer["Content-Disposition"] = 'attachment; filename="import-report.xlsx"'
    return answer


urls = [
    path("programmes/<slug:programme>/import/", import_centres, name="import_centres"),
    path("programmes/<slug:programme>/import/<int:upload>/", import_preview, name="import_preview"),
    path(
        "programmes/<slug:programme>/import/<int:upload>/report.xlsx",
        import_report,
        name="import_report",
    ),
]
