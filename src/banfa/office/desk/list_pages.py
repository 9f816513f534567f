"""The pages of lists: one way to show them, to keep a view of them, and to take them as a file."""

from __future__ import annotations

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
from django.views.decorators.http import require_POST, require_safe

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
from banfa.office.lists import queries as kept
from banfa.office.lists import verbs as keeping
from banfa.office.lists.errors import ListError
from banfa.office.people import audit
from banfa.office.people.models import Organisation

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
MOST_IN_A_FILE = 100_000


def page(listing: lists.Listing) -> Callable[..., HttpResponse]:
    """The view of a list."""

    @require_safe
    def shown(request: HttpRequest) -> HttpResponse:
        if not request.reach.held:
            return forbidden_because(request, _("列表供承担办法所定职责的身份使用。"))
        asked = lists.read(request, listing)
        found = lists.page_of(asked, listing)
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
        if name not in ("page", "csrfmiddlewaretoken") and any(values):
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


@require_safe
def export(request: HttpRequest, listing: str, format: str) -> HttpResponse:
    """A list as a file: the columns, filters and order that are shown, all its pages."""
    found = LISTINGS.get(listing)
    if found is None or format not in ("xlsx", "csv"):
        raise Http404
    asked = lists.read(request, found)
    rows = found.find(asked).filter(found.exportable(asked))
    if not any("export.list" in things for things in request.reach.rights.values()):
        audit.note("denied", request.user, f"export.list {listing}", result="refused")
        return forbidden_because(request, _("您的身份没有导出列表的权限。"))
    total = rows.order_by()[: MOST_IN_A_FILE + 1].count()
    if total > MOST_IN_A_FILE:
        said = _("符合条件的超过%s行，一份文件容纳不下。请缩小范围后再导出。")
        return wrong_request(request, said % f"{MOST_IN_A_FILE:,}")
    audit.note("exported", request.user, f"{listing}.{format}", after={
        "query": request.GET.urlencode()[:1000], "rows": total})  # fmt: skip
    head = [*_head(request, found, asked, total), [], [str(c.name) for c in asked.columns]]
    cells = lists.every(asked, found, rows, MOST_IN_A_FILE)
    name = f"{listing}-{clock.today():%Y%m%d}.{format}"
    if format == "csv":
        return _csv(head, cells, name)
    return _workbook(head, cells, name)


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


def _csv(head: list[list[str]], cells: Iterator[list[Any]], name: str) -> HttpResponse:
    import csv

    class Line:
        """What a CSV writer writes to: gives the line back."""

        def write(self, text: str) -> str:
            return text

    writer = csv.writer(Line())
    language = translation.get_language()

    def text() -> Iterator[str]:
        yield "\ufeff"
        with translation.override(language):
            for row in head:
                yield writer.writerow([plain(v) for v in row])
            for row in cells:
                yield writer.writerow([plain(v) for v in row])

    answer = StreamingHttpResponse(text(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _workbook(head: list[list[str]], cells: Iterator[list[Any]], name: str) -> HttpResponse:
    """A workbook written row by row, so that a long list takes little memory."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  the answer closes it when it is sent
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
    return FileResponse(file, as_attachment=True, filename=name, content_type=XLSX)


urls = [
    path("centres/", page(LISTINGS["centres"]), name="centre_list"),
    path("due/", page(LISTINGS["due"]), name="due_list"),
    path("acts/", page(LISTINGS["acts"]), name="act_list"),
    path("organisations/", page(LISTINGS["organisations"]), name="organisation_list"),
    path("lists/<slug:listing>/views/", save_view, name="save_view"),
    path("lists/<slug:listing>/views/<int:number>/remove/", remove_view, name="remove_view"),
    path("lists/<slug:listing>/file.<str:format>", export, name="list_export"),
]
