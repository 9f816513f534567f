"""A collection of figures: all its centres side by side, its template, uploads, and opening one."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import centre_list, figure_files, figure_words
from banfa.office.desk.errors import forbidden_because
from banfa.office.desk.exports import XLSX
from banfa.office.desk.figure_files import Table
from banfa.office.desk.figure_pages import centre_name, found, home, in_words, name_of, unit_of
from banfa.office.desk.language import say
from banfa.office.desk.lists import text_of
from banfa.office.dossiers import uploads as attachable
from banfa.office.evaluations import (
    queries,
    reports,
    rights,
    summaries,
    uploads,
    verbs,
    workbook,
)
from banfa.office.evaluations.errors import EvaluationError, NotOnFile
from banfa.office.evaluations.models import Collection, Entry, Figure, Kind, Stage, Upload
from banfa.office.evaluations.systems import fields_of, system_of
from banfa.office.evaluations.verbs import Opening
from banfa.office.evaluations.workbook import Outcome
from banfa.office.ledger import library, search
from banfa.office.ledger.models import Centre
from banfa.office.people import audit, places
from banfa.rules.system import Indicator
from banfa.rules.words import Text

PAGE = 50
SHOWN_ROWS = 300
"""So many rows of an upload are shown; those with something wrong come first."""


# --- all centres ----------------------------------------------------------------------------------


@dataclass
class Row:
    """A centre in the table: its values in the order of the columns, as read."""

    entry: Entry
    name: str
    stage: tuple[Any, str]
    late: bool
    cells: list[str]


def _chosen(request: HttpRequest, of: Collection) -> tuple[QuerySet[Entry], dict[str, str]]:
    """The tables that match the filters, and the filters."""
    given = {n: text_of(request.GET.get(n, "")) for n in ("q", "stage", "place", "field")}
    rows = queries.entries(request.reach, of)
    if given["stage"] in {str(int(s)) for s in Stage}:
        rows = rows.filter(stage=int(given["stage"]))
    if given["place"] in centre_list.provinces():
        rows = rows.filter(centre__places__overlap=list(places.names_within(given["place"])))
    if given["field"]:
        rows = rows.filter(centre__subject__icontains=search.clean(given["field"]))
    if given["q"]:
        named = Centre.objects.filter(search.centres_with(given["q"], source=search.PROFILE))
        rows = rows.filter(centre__in=named)
    return rows, given


def columns(of: Collection) -> dict[str, Indicator]:
    """The indicators that the table shows."""
    steps = rights.steps(of)
    return fields_of(of, steps[-1] if steps else Stage.REPORTED)


def rows_of(of: Collection, entries: Sequence[Entry]) -> Iterator[Row]:
    """Tables as rows: one query, whatever their number."""
    known = columns(of)
    held: dict[int, dict[str, Figure]] = {}
    wanted = [one.pk for one in entries]
    for figure in Figure.objects.filter(entry__in=wanted, year=of.year):
        held.setdefault(figure.entry_id, {})[figure.indicator] = figure
    today = clock.today()
    for entry in entries:
        entry.collection = of
        own = held.get(entry.pk, {})
        cells = [
            in_words(one, queries.written(one, own[n].at(Stage.VERIFIED)) if n in own else None)
            for n, one in known.items()
        ]
        late = queries.is_late(entry, today)
        yield Row(entry, centre_name(entry), figure_words.STAGES[Stage(entry.stage)], late, cells)


@require_http_methods(["GET", "HEAD", "POST"])
@found
def figure_table(request: HttpRequest, collection: int) -> HttpResponse:
    """Centres × indicators, a page of them; how far they are; what may be done with all."""
    of = queries.collection(request.reach, collection)
    if request.method == "POST":
        return _add_missing(request, of)
    rows, given = _chosen(request, of)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    steps = uploads.steps_of(request.reach, of)
    stages = summaries.reported(request.reach.centres(), of)
    runs = rights.administers(request.reach, rights.RUN, str(of.book_id))
    context = {
        "here": "reports" if of.kind == Kind.ANNUAL else "rounds",
        "home": home(request, of),
        "of": of,
        "name": name_of(of),
        "sample": say(system_of(of.system).sample),
        "heads": [(say(one.name), unit_of(one), one.code) for one in columns(of).values()],
        "rows": list(rows_of(of, page.object_list)),
        "page": page,
        "given": given,
        "filtered": any(given.values()),
        "provinces": centre_list.provinces(),
        "stages": [
            (int(s), *figure_words.STAGES[s], stages.get(int(s), 0))
            for s in (Stage.EMPTY, *rights.steps(of))
        ],
        "total": sum(stages.values()),
        "steps": steps,
        "may_export": any("export.list" in t for t in request.reach.rights.values()),
        "missing": _missing(request, of).count() if runs and of.kind == Kind.ANNUAL else 0,
        "today": clock.today(),
        "year": of.year,
        "compare": _about(of, "report_compare"),
        "summary": _about(of, "report_summary", **_period(of)),
    }
    return render(request, "desk/figure_table.html", context)


def _about(of: Collection, name: str, **given: Any) -> str:
    """A page about the years of a yearly collection's programme; '' for a round's."""
    if of.kind != Kind.ANNUAL:
        return ""
    return f"{reverse(name)}?{urlencode({'programme': of.book_id, **given})}"


def _period(of: Collection) -> dict[str, int]:
    """How a summary is asked for a collection's year: as the reports' period, or, where each centre
    counts its own years, as the year of the figures alone."""
    kinds = reports.kinds(str(of.book_id))
    return {"period" if not kinds or kinds[0].calendar else "year": of.year}


def _missing(request: HttpRequest, of: Collection) -> QuerySet[Centre]:
    """The centres that report on the year and are not in its collection."""
    kinds = reports.kinds(str(of.book_id))
    if not kinds:
        return Centre.objects.none()
    seen = request.reach.centres()
    members = reports.members(kinds[0], of.year, seen, clock.today())
    return members.exclude(entries__collection=of)


def _add_missing(request: HttpRequest, of: Collection) -> HttpResponse:
    rights.need(request.reach, rights.RUN, str(of.book_id))
    verbs.add_centres(request.reach, of, list(_missing(request, of).values_list("pk", flat=True)))
    return HttpResponseRedirect(reverse("figure_table", args=[of.pk]))


@require_safe
@found
def figure_export(request: HttpRequest, collection: int) -> HttpResponse:
    """The table as a workbook: all the centres that match, with what may be exported."""
    of = queries.collection(request.reach, collection)
    if not any("export.list" in things for things in request.reach.rights.values()):
        return forbidden_because(request, _("您的身份没有导出列表的权限。"))
    chosen, given = _chosen(request, of)
    allowed = Centre.objects.filter(request.reach.centres("export.list"))
    entries = list(chosen.filter(centre__in=allowed))
    audit.note("exported", request.user, f"figures {of.pk}", after={
        "filters": given, "rows": len(entries)})  # fmt: skip
    heads = [_("中心编号"), _("中心"), _("进度")]
    for one in columns(of).values():
        known = unit_of(one)
        heads.append(f"{say(one.name)}（{known}）" if known else say(one.name))
    cells = ([r.entry.centre_id, r.name, str(r.stage[0]), *r.cells] for r in rows_of(of, entries))
    table = Table(_("数据表"), told(request, name_of(of), of), heads, cells, words=3)
    return figure_files.response(f"figures-{of.book_id}-{of.year}", [table])


def told(request: HttpRequest, title: str, of: Collection | None = None) -> list[str]:
    """What stands above an exported table: what it is, a sample's label, as of when, by whom."""
    now = clock.now().astimezone(clock.SHANGHAI)
    lines = [title]
    if of is not None and (sample := say(system_of(of.system).sample)):
        lines.append(sample)
    lines.append(_("导出：%(at)s %(name)s") % {"at": f"{now:%Y-%m-%d %H:%M}",
                                              "name": request.user.name})  # fmt: skip
    return lines


# --- workbooks ------------------------------------------------------------------------------------


def _step(request: HttpRequest, of: Collection) -> Stage:
    """The step that the person takes here: the one asked for, else the first. Raises NotOnFile."""
    steps = uploads.steps_of(request.reach, of)
    raw = request.POST.get("step", request.GET.get("step", ""))
    for step in steps:
        if raw == str(int(step)):
            return step
    if not steps:
        raise NotOnFile("您的身份不填报这次采集的数据", "these figures are not in your hands")
    return steps[0]


@require_safe
@found
def figure_template(request: HttpRequest, collection: int) -> HttpResponse:
    """A workbook to fill in, for one centre or all that wait for the person."""
    of = queries.collection(request.reach, collection)
    step, one = _step(request, of), request.GET.get("centre", "")
    entries = uploads.entries_for(request.reach, of, step)
    if one:
        entries = [e for e in entries if e.centre_id == one]
        if not entries:
            raise NotOnFile("该中心的数据现在不由您填报", "this table is not in your hands now")
    answer = HttpResponse(workbook.template(of, entries, step), content_type=XLSX)
    name = f"figures-{of.book_id}-{of.year}{'-' + one if one else ''}.xlsx"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@found
def figure_upload(request: HttpRequest, collection: int) -> HttpResponse:
    """Takes a filled-in workbook; what it would do is shown before anything is entered."""
    of = queries.collection(request.reach, collection)
    step, said = _step(request, of), ""
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            if file is None:
                raise EvaluationError("请选择填好的表", "choose the filled-in workbook")
            if (file.size or 0) > workbook.MAX_BYTES:
                size = workbook.MAX_BYTES // 1_000_000
                raise EvaluationError(f"文件超过 {size} MB", f"the file is over {size} MB")
            name = attachable.safe_name(str(file.name or ""))
            made = uploads.keep(request.reach, of, step, name, file.read())
            uploads.preview(request.reach, made)
            return HttpResponseRedirect(reverse("figure_preview", args=[of.pk, made.pk]))
        except EvaluationError as error:
            said = say(error.text)
    context = {
        "here": "reports" if of.kind == Kind.ANNUAL else "rounds",
        "home": home(request, of),
        "of": of,
        "name": name_of(of),
        "steps": [(int(s), figure_words.HANDS[s]) for s in uploads.steps_of(request.reach, of)],
        "step": int(step),
        "waiting": len(uploads.entries_for(request.reach, of, step)),
        "most_mb": workbook.MAX_BYTES // 1_000_000,
        "said": said,
    }
    return render(request, "desk/figure_upload.html", context, status=422 if said else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@found
def figure_preview(request: HttpRequest, collection: int, number: int) -> HttpResponse:
    """What an upload would do row by row; then how far entering it is; then its receipt."""
    of = queries.collection(request.reach, collection)
    upload, said = uploads.find(request.reach, of, number), ""
    if request.method == "POST":
        try:
            if request.POST.get("do") == "stop":
                uploads.stop(request.reach, upload)
            else:
                uploads.enter(request.reach, upload)
            return HttpResponseRedirect(request.path)
        except EvaluationError as error:
            said = say(error.text)
    context: dict[str, Any] = {
        "here": "reports" if of.kind == Kind.ANNUAL else "rounds",
        "home": home(request, of),
        "of": of,
        "name": name_of(of),
        "upload": upload,
        "said": said,
        "hand": figure_words.HANDS[Stage(upload.stage)],
    }
    if upload.entered is not None:
        context["receipt"] = _receipt(upload)
    elif upload.queued is None:
        try:
            context |= _rows(uploads.preview(request.reach, upload))
        except EvaluationError as error:
            context["said"] = say(error.text)
    part = "parts/figure_progress" if request.GET.get("part") == "progress" else "figure_preview"
    return render(request, f"desk/{part}.html", context, status=422 if said else 200)


def _rows(report: workbook.Report) -> dict[str, Any]:
    ordered = sorted(report.rows, key=lambda r: (r.outcome != Outcome.WRONG, r.row))
    words = figure_words.OUTCOMES
    return {
        "lines": [_line(row) for row in ordered[:SHOWN_ROWS]],
        "more": max(len(ordered) - SHOWN_ROWS, 0),
        "counts": [(*words[o], report.count(o)) for o in Outcome if report.count(o)],
        "good": sum(len(values) for values in report.values.values()),
        "centres": len(report.values),
    }


@dataclass
class Line:
    """A row of an upload in words: whose, which figure of which year, from what to what."""

    row: workbook.RowReport
    centre: str
    indicator: str
    unit: str
    before: str
    after: str
    outcome: tuple[Any, str]
    problem: str


def _line(row: workbook.RowReport) -> Line:
    one, wrong = row.one, row.outcome == Outcome.WRONG
    return Line(
        row,
        say(row.name) or row.centre,
        say(one.name) if one is not None else row.indicator,
        unit_of(one) if one is not None else "",
        in_words(one, row.before) if one is not None else "",
        row.typed if wrong or one is None else in_words(one, row.shown or None),
        figure_words.OUTCOMES[row.outcome],
        say(row.problem),
    )


def _receipt(upload: Upload) -> dict[str, Any]:
    kept = dict(upload.report or {})
    kept["refused"] = [(c, say(Text(*t))) for c, t in kept.get("refused", {}).items()]
    kept["told"] = [(r["row"], r["centre"], say(Text(*r["said"]))) for r in kept.get("told", [])]
    kept["said"] = say(Text(*kept["said"])) if "said" in kept else ""
    return kept


# --- opening a year's collection ------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@found
def figure_new(request: HttpRequest, programme: str) -> HttpResponse:
    """Begins collecting a year's figures, by the authority: which system, from when, by when."""
    known = programme in library.loadable()[0] and programme in request.reach.programmes()
    kinds = reports.kinds(programme) if known else []
    if not kinds:
        raise Http404
    if not rights.administers(request.reach, rights.RUN, programme):
        return forbidden_because(request, _("只有主管机关可以布置年度数据填报。"))
    today, kind = clock.today(), kinds[0]
    given = request.POST if request.method == "POST" else request.GET
    year = _year(given.get("year", "")) or _next_year(programme, today)
    due = reports.last_day(kind, year, today)
    systems = queries.systems(programme, today)
    typed = {
        "year": given.get("year", str(year)),
        "system": given.get("system", str(systems[0].pk) if systems else ""),
        "opens": given.get("opens", min(today, due or today).isoformat()),
        "closes": given.get("closes", due.isoformat() if due is not None else ""),
    }
    said = ""
    if request.method == "POST":
        try:
            made = _open(request, kind, typed)
            return HttpResponseRedirect(reverse("figure_table", args=[made.pk]))
        except EvaluationError as error:
            said = say(error.text)
    context = {
        "here": "reports",
        "programme": library.editions(programme).latest.programme,
        "kind_name": say(kind.name),
        "systems": [
            (s, say(Text(s.name_zh, s.name_en)), say(Text(s.sample_zh, s.sample_en)))
            for s in systems
        ],
        "typed": typed,
        "due": due,
        "said": said,
    }
    return render(request, "desk/figure_new.html", context, status=422 if said else 200)


def _next_year(programme: str, today: dt.date) -> int:
    """The year to begin with: the last that is over, else the nearest, that has no collection."""
    known = {one.year for one in summaries.annual(programme)}
    years = [today.year - 1, today.year, *range(today.year - 2, today.year - 12, -1)]
    return next((year for year in years if year not in known), today.year - 1)


def _year(raw: str) -> int | None:
    raw = unicodedata.normalize("NFKC", raw).strip()
    plain = len(raw) == 4 and raw.isascii() and raw.isdigit()
    return int(raw) if plain and 2000 <= int(raw) <= 2200 else None


def _day(raw: str, label: str, english: str) -> dt.date | None:
    if not raw:
        return None
    try:
        return dt.date.fromisoformat(raw)
    except ValueError:
        raise EvaluationError(
            f"{label}不是有效日期，请写成 2030-01-31", f"{english} is not a date"
        ) from None


def _open(request: HttpRequest, kind: reports.ReportKind, typed: dict[str, str]) -> Collection:
    year, today = _year(typed["year"]), clock.today()
    if year is None:
        raise EvaluationError("年度应写成四位数字", "the year is written with four digits")
    if year > today.year:
        raise EvaluationError("该年度尚未开始", "that year has not begun")
    system = next(
        (s for s in queries.systems(kind.programme, today) if str(s.pk) == typed["system"]), None
    )
    if system is None:
        raise EvaluationError("请选择指标体系", "choose an indicator system")
    opens = _day(typed["opens"], "开始日", "the first day")
    closes = _day(typed["closes"], "截止日", "the last day")
    if opens is None:
        raise EvaluationError("请填写开始日", "say from which day")
    seen = Q(book=kind.programme)
    members = reports.members(kind, year, seen, today).values_list("pk", flat=True)
    name = Text(f"{year}年度关键指标", f"Key figures of {year}")
    opening = Opening(system, Kind.ANNUAL, year, name, opens, closes, centres=list(members))
    made = verbs.open_collection(request.reach, opening)
    audit.note("figures_opened", request.user, f"{kind.programme} {year}")
    return made


def opening_link(request: HttpRequest, kind: reports.ReportKind, year: int) -> str:
    """Where a year's collection is opened, for those who may; '' for others."""
    if not rights.administers(request.reach, rights.RUN, kind.programme):
        return ""
    return f"{reverse('figure_new', args=[kind.programme])}?{urlencode({'year': year})}"


urls = [
    path("figures/new/<slug:programme>/", figure_new, name="figure_new"),
    path("figures/<int:collection>/", figure_table, name="figure_table"),
    path("figures/<int:collection>/file.xlsx", figure_export, name="figure_export"),
    path("figures/<int:collection>/template.xlsx", figure_template, name="figure_template"),
    path("figures/<int:collection>/upload/", figure_upload, name="figure_upload"),
    path("figures/<int:collection>/upload/<int:number>/", figure_preview, name="figure_preview"),
]
