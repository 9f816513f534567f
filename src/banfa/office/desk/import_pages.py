"""Bringing in a list of existing centres: the file, a preview of every row, the receipt."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import citations
from banfa.office.desk.errors import on_file
from banfa.office.desk.exports import XLSX
from banfa.office.desk.language import in_english, say
from banfa.office.intake import blank, reports, sheets, verbs
from banfa.office.intake.columns import KIND, plan, targets
from banfa.office.intake.errors import BadFile
from banfa.office.intake.models import Upload
from banfa.office.jobs import verbs as jobs
from banfa.office.ledger import library
from banfa.office.people import audit
from banfa.office.people.models import User
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text

MOST_ROWS = sheets.MOST_ROWS
AT_ONCE = 2_000
"""So many rows are judged and entered while one waits; more are long work."""
SHOWN = 500


def may_import(request: HttpRequest, rs: Ruleset) -> bool:
    """Whether the person may enter existing centres of a programme, so also a list of them."""
    existing = rs.programme.existing
    return existing is not None and bool(
        request.reach.may(KIND, existing.by[0], rs.programme.programme)
    )


def _ruleset(request: HttpRequest, programme: str) -> Ruleset:
    """The programme in force, for those who may enter its existing centres; else not there."""
    rs = library.editions(programme).on(clock.today())
    if not may_import(request, rs):
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
        "asked": blank.asked(rs.programme, plan(programme)),
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
    programme = rs.programme.programme
    return verbs.keep(request.user, programme, given.name, data, on, basis, MOST_ROWS)


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
    if kept.entered is not None:
        if request.method == "POST":  # a second click
            return HttpResponseRedirect(reverse("import_preview", args=[programme, upload]))
        return _receipt(request, rs, kept)
    what = request.POST.get("what") if request.method == "POST" else None
    long = kept.rows > AT_ONCE
    if what == "columns":
        verbs.choose(kept, _chosen(request))
    if what == "enter" and not long:
        try:
            entered(request.user, kept.pk)
        except BadFile as error:
            return _preview(request, rs, kept, long, say(error.text))
        return HttpResponseRedirect(reverse("import_preview", args=[programme, upload]))
    if what in ("enter", "columns") and long:
        name, title = JOBS[what]
        here = reverse("import_preview", args=[programme, upload])
        asked = {"upload": kept.pk}
        named = Text(f"{title.zh}：{kept.name}", f"{title.en}: {kept.name}")
        job = jobs.start(request.user, name, named, asked, here)
        return HttpResponseRedirect(reverse("job", args=[job.pk]))
    return _preview(request, rs, kept, long)


JOBS = {
    "columns": ("import.judge", Text("名单试判断", "trying a list of centres")),
    "enter": ("import.enter", Text("名单登记", "entering a list of centres")),
}


@jobs.kind("import.judge")
def judge(job: jobs.Running) -> None:
    """Long work: judges a file kept, for its preview."""
    kept = _still_there(job.user, job.asked["upload"])
    chosen = {int(n): t for n, t in kept.chosen.items()}
    report = verbs.judge(kept, chosen, MOST_ROWS, job.told)
    for standing in reports.STANDINGS:
        words, n = reports.STANDINGS[standing], report.count(standing)
        job.say(Text(f"{words.zh} {n} 行", f"{words.en}: {n}"))


@jobs.kind("import.enter")
def enter(job: jobs.Running) -> None:
    """Long work: enters a file kept, all of it or, when it is stopped, nothing."""
    _still_there(job.user, job.asked["upload"])
    done = entered(job.user, job.asked["upload"], job.told)
    good = sum(line["standing"] == verbs.ACCEPTED for line in done.report or [])
    every = len(done.report or [])
    job.say(Text(f"共 {every} 行，已登记 {good} 行", f"{good} of {every} rows entered"))


def _still_there(user: User, number: int) -> Upload:
    kept = Upload.objects.filter(pk=number, user=user).first()
    if kept is None:
        raise BadFile("这份名单已被后来选的文件取代", "the list was replaced by a later one")
    return kept


def entered(user: User, number: int, told: Any = None) -> Upload:
    """Enters a file kept, with a line in the audit log the first time. Raises BadFile."""
    with transaction.atomic():
        first = _still_there(user, number).entered is None
        kept = verbs.enter(number, user, MOST_ROWS, told)
        if first:
            audit.note("imported", user, f"{kept.programme} {kept.name}",
                       after={"digest": kept.digest})  # fmt: skip
    return kept


def _chosen(request: HttpRequest) -> dict[int, str]:
    return {
        int(name[1:]): target
        for name, target in request.POST.items()
        if name[:1] == "c" and name[1:].isdigit() and len(name) < 5
    }


def _preview(
    request: HttpRequest, rs: Ruleset, kept: Upload, long: bool, said: str = ""
) -> HttpResponse:
    """The columns to set right, and the rows as they stand; columns chosen stay chosen.

    A long list shows what came of its last trial, if there was one by these columns.
    """
    chosen = {int(n): t for n, t in kept.chosen.items()}
    lines = verbs.judged(kept) if long else None
    if not long:
        try:
            lines = verbs.judge(kept, chosen, MOST_ROWS).lines
        except BadFile as error:
            said = said or say(error.text)
    context = {
        **_context(rs),
        "upload": kept,
        "said": said,
        "long": long,
        "judged": lines is not None,
        "columns": verbs.columns_of(kept),
        "targets": [(name, say(text)) for name, text in targets(rs.programme).items()],
        "lines": _lines(lines or [], True),
        "counts": _counts(lines or [], True),
        "good": sum(line.standing == verbs.ACCEPTED for line in lines or []),
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
            "read": [(say(Text(*read[:2])), say(Text(*read[2:]))) for read in line.read],
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
    elif (known := verbs.judged(kept)) is not None:
        lines = known
    else:
        raise Http404
    content = reports.workbook(lines, kept.entered is None, in_english())
    answer = HttpResponse(content, content_type=XLSX)
    answer["Content-Disposition"] = 'attachment; filename="import-report.xlsx"'
    return answer


@require_safe
@on_file
def import_blank(request: HttpRequest, programme: str, format: str) -> HttpResponse:
    """A list to fill in, with the columns of the programme, as a workbook or as CSV."""
    rs = _ruleset(request, programme)
    columns = blank.asked(rs.programme, plan(programme))
    if format == "xlsx":
        answer = HttpResponse(blank.workbook(columns, in_english()), content_type=XLSX)
    else:
        content = blank.csv_file(columns, in_english())
        answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{programme}-centres.{format}"'
    return answer


urls = [
    *(
        path(
            f"programmes/<slug:programme>/import/blank.{format_}",
            import_blank,
            {"format": format_},
            name=f"import_blank_{format_}",
        )
        for format_ in ("xlsx", "csv")
    ),
    path("programmes/<slug:programme>/import/", import_centres, name="import_centres"),
    path("programmes/<slug:programme>/import/<int:upload>/", import_preview, name="import_preview"),
    path(
        "programmes/<slug:programme>/import/<int:upload>/report.xlsx",
        import_report,
        name="import_report",
    ),
]
