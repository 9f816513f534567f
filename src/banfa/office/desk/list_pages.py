"""The pages of lists: one way to show them, to keep a view of them, and to take them as a file."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import xlsxwriter
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from banfa.office import clock
from banfa.office.desk import (
    act_list,
    centre_list,
    due_list,
    lists,
    organisation_list,
    report_list,
)
from banfa.office.desk.errors import forbidden_because, wrong_request
from banfa.office.desk.exports import XLSX, plain
from banfa.office.desk.language import say
from banfa.office.jobs import verbs as jobs
from banfa.office.ledger.bulk import Told
from banfa.office.lists import queries as kept
from banfa.office.lists import verbs as keeping
from banfa.office.lists.errors import ListError
from banfa.office.people import audit
from banfa.office.people.access import Reach
from banfa.office.people.models import Organisation
from banfa.rules.words import Text

LISTINGS: dict[str, lists.Listing] = {
    one.id: one
    for one in (
        centre_list.Centres(),
        due_list.Due(),
        act_list.Acts(),
        organisation_list.Organisations(),
        report_list.Reports(),
    )
}
MOST_IN_A_FILE = 500_000
AT_ONCE = 5_000
"""A file of so many rows is made while one waits; longer ones in the background."""


def page(listing: lists.Listing) -> Callable[..., HttpResponse]:
    """The view of a list."""

    @require_safe
    def shown(request: HttpRequest) -> HttpResponse:
        if not request.reach.held:
            return forbidden_because(request, _("列表供承担办法所定职责的身份使用。"))
        asked = lists.read(request, listing)
        found = lists.page_of(asked, listing)
        if (note := listing.notes.get(request.GET.get(lists.NOTE, ""))) is not None:
            asked.mistakes.append(str(note))
        context = {
            "here": "centres",
            "listing": listing,
            "tabs": tabs(listing.address),
            "asked": asked,
            "page": found,
            "on": asked.on,
            "views": _views(request, listing),
            "orgs": _organisations(request),
            "kept_but_columns": asked.kept("cols"),
            "kept_for_filter": asked.kept("sort", *listing.filters),
            "standard_columns": asked.query(cols=None, page=None),
            "more_filters": any(asked.given.get(n) for n in listing.folded),
            "may_export": any("export.list" in things for things in request.reach.rights.values()),
            **listing.context(asked),
        }
        return render(request, listing.template, context)

    return shown


def tabs(here: str) -> list[dict[str, Any]]:
    """The lists, beside one another."""
    named = {
        "centre_list": _("中心"),
        "due_list": _("到期事项"),
        "act_list": _("行为记录"),
        "organisation_list": _("单位"),
        "search": _("全文检索"),
        "charts": _("统计"),
    }
    return [{"href": reverse(n), "text": text, "here": n == here} for n, text in named.items()]


# --- saved views ----------------------------------------------------------------------------------


def _views(request: HttpRequest, listing: lists.Listing) -> list[dict[str, Any]]:
    orgs = {one.org for one in request.reach.held}
    now = _plain_query(request.GET)
    return [
        {"view": v, "mine": v.user_id == request.user.pk, "here": bool(v.query) and v.query == now}
        for v in kept.views(request.user, orgs, listing.id)
    ]


def _plain_query(asked: QueryDict) -> str:
    """A query string without the page and without what is empty."""
    kept_ = QueryDict(mutable=True)
    for name, values in asked.lists():
        if name not in ("page", "csrfmiddlewaretoken", lists.NOTE) and any(values):
            kept_.setlist(name, [v.replace("\0", "") for v in values if v])
    return kept_.urlencode()


def _organisations(request: HttpRequest) -> list[Organisation]:
    """The organisations for which the person acts, to share a view with."""
    return list({one.org: one.capacity.organisation for one in request.reach.held}.values())


@require_POST
def save_view(request: HttpRequest, listing: str) -> HttpResponse:
    """Keeps the list as it is under a name."""
    found = LISTINGS.get(listing)
    if found is None or not request.reach.held:
        raise Http404
    orgs = {o.id: o for o in _organisations(request)}
    query = _plain_query(QueryDict(request.POST.get("query", "")[:4000]))
    try:
        view = keeping.save_view(
            request.user, listing, request.POST.get("name", "")[:200], query,
            orgs.get(request.POST.get("organisation", "")),
        )  # fmt: skip
    except ListError as error:
        return wrong_request(request, say(error.text))
    return HttpResponseRedirect(f"{reverse(found.address)}?{view.query}")


@require_POST
def remove_view(request: HttpRequest, listing: str, number: int) -> HttpResponse:
    """Removes one of the person's own views."""
    found = LISTINGS.get(listing)
    if found is None:
        raise Http404
    try:
        keeping.remove_view(request.user, number)
    except ListError as error:
        raise Http404(say(error.text)) from error
    return HttpResponseRedirect(reverse(found.address))


# --- files ----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest, listing: str, format: str) -> HttpResponse:
    """A list as a file: the columns, filters and order that are shown, all its pages.

    A long one is asked for by a form and made in the background.
    """
    found = LISTINGS.get(listing)
    if found is None or format not in ("xlsx", "csv"):
        raise Http404
    if not _may_export(request.reach):
        audit.note("denied", request.user, f"export.list {listing}", result="refused")
        return forbidden_because(request, _("您的身份没有导出列表的权限。"))
    made = _File(request, found, format)
    if made.total > MOST_IN_A_FILE:
        said = _("符合条件的超过%s行，一份文件容纳不下。请缩小范围后再导出。")
        return wrong_request(request, said % f"{MOST_IN_A_FILE:,}")
    if made.total <= AT_ONCE:
        made.noted()
        return made.answer()
    back = f"{reverse(found.address)}?{request.GET.urlencode()}"
    if request.method == "POST":
        asked = {"listing": listing, "format": format, "query": request.GET.urlencode()}
        named = Text(f"导出：{made.total:,} 行", f"export: {made.total:,} rows")
        job = jobs.start(request.user, "export", named, asked, back[:300])
        return HttpResponseRedirect(reverse("job", args=[job.pk]))
    context = {"here": "centres", "total": made.total, "title": found.title, "back": back}
    return render(request, "desk/list_long_file.html", context)


def _may_export(reach: Reach) -> bool:
    return any("export.list" in things for things in reach.rights.values())


@jobs.kind("export")
def export_long(job: jobs.Running) -> None:
    """Long work: a list as a file, as its owner may see it now."""
    request = HttpRequest()
    request.user, request.reach = job.user, job.reach()
    request.GET = QueryDict(job.asked["query"])
    if not _may_export(request.reach):
        raise ListError("您的身份已没有导出列表的权限", "no longer yours to export")
    made = _File(request, LISTINGS[job.asked["listing"]], job.asked["format"])
    made.noted()
    job.keep(made.name, made.type, made.content(job.told))
    job.say(Text(f"共 {made.total:,} 行", f"{made.total:,} rows"))


class _File:
    """A list on its way into a file."""

    def __init__(self, request: HttpRequest, listing: lists.Listing, format_: str) -> None:
        self.request, self.listing, self.format = request, listing, format_
        self.asked = lists.read(request, listing)
        self.rows = listing.find(self.asked).filter(listing.exportable(self.asked))
        self.total = self.rows.order_by()[: MOST_IN_A_FILE + 1].count()
        self.name = f"{listing.id}-{clock.today():%Y%m%d}.{format_}"
        self.type = XLSX if format_ == "xlsx" else "text/csv; charset=utf-8"

    def noted(self) -> None:
        """A line in the audit log."""
        audit.note("exported", self.request.user, f"{self.listing.id}.{self.format}", after={
            "query": self.request.GET.urlencode()[:1000], "rows": self.total})  # fmt: skip

    def head(self) -> list[list[str]]:
        """What the file shows, as of when, by whom; then the columns."""
        names = [str(c.name) for c in self.asked.columns]
        return [*_head(self.request, self.listing, self.asked, self.total), [], names]

    def cells(self, told: Told | None = None) -> Iterator[list[Any]]:
        """The rows as cells; `told` hears how many are done."""
        every = lists.every(self.asked, self.listing, self.rows, MOST_IN_A_FILE)
        for number, row in enumerate(every, 1):
            if told is not None and number % 200 == 0:
                told(number, self.total)
            yield row

    def answer(self) -> HttpResponse:
        """The file, sent as it is written."""
        if self.format == "csv":
            answer: Any = StreamingHttpResponse(_lines(self.head(), self.cells()))
        else:
            answer = FileResponse(_workbook(self.head(), self.cells()))
        answer["Content-Type"] = self.type
        answer["Content-Disposition"] = f'attachment; filename="{self.name}"'
        return answer

    def content(self, told: Told) -> bytes:
        """All of the file."""
        cells = self.cells(told)
        if self.format == "csv":
            return "".join(_lines(self.head(), cells)).encode()
        with _workbook(self.head(), cells) as file:
            return file.read()


def _head(
    request: HttpRequest, listing: lists.Listing, asked: lists.Asked, total: int
) -> list[list[str]]:
    """What the file shows, as of when, by whom."""
    filters = "；".join(f"{n}={v}" for n, v in listing.told(asked)) or _("无")
    order = _("降序") if asked.descending else _("升序")
    now = clock.now().astimezone(clock.SHANGHAI)
    return [
        [str(listing.title), _("共 %s 行") % total],
        [_("筛选"), filters],
        [_("排序"), f"{asked.sort.name}（{order}）"],
        [_("截至"), asked.on.isoformat()],
        [_("导出"), f"{now:%Y-%m-%d %H:%M} {request.user.name}"],
    ]


def _lines(head: list[list[str]], cells: Iterator[list[Any]]) -> Iterator[str]:
    """The lines of a CSV file, with a byte order mark, for Excel."""

    class Line:
        """What a CSV writer writes to: gives the line back."""

        def write(self, text: str) -> str:
            return text

    writer = csv.writer(Line())
    language = translation.get_language()  # sent when the request's own is over
    yield "\ufeff"
    with translation.override(language):
        for row in (*head, *cells):
            yield writer.writerow([plain(v) for v in row])


def _workbook(head: list[list[str]], cells: Iterator[list[Any]]) -> Any:
    """A workbook written row by row, so that a long list takes little memory; a file to close."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  whoever sends it closes it
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        sheet.set_column(0, 0, 36)
        sheet.set_column(1, max(len(head[-1]) - 1, 1), 20)
        sheet.freeze_panes(len(head), 1)
        for number, row in enumerate(head):
            for column, value in enumerate(row):
                strong = bold if number in (0, len(head) - 1) else None
                sheet.write_string(number, column, plain(value)[:32_000], strong)
        for number, row in enumerate(cells, len(head)):
            for column, value in enumerate(row):
                if isinstance(value, int) and not isinstance(value, bool):
                    sheet.write_number(number, column, value)
                else:
                    sheet.write_string(number, column, plain(value)[:32_000])
    file.seek(0)
    return file


urls = [
    path("centres/", page(LISTINGS["centres"]), name="centre_list"),
    path("due/", page(LISTINGS["due"]), name="due_list"),
    path("acts/", page(LISTINGS["acts"]), name="act_list"),
    path("organisations/", page(LISTINGS["organisations"]), name="organisation_list"),
    path("lists/<slug:listing>/views/", save_view, name="save_view"),
    path("lists/<slug:listing>/views/<int:number>/remove/", remove_view, name="remove_view"),
    path("lists/<slug:listing>/file.<str:format>", export, name="list_export"),
]
