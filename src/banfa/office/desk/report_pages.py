"""Yearly reports: the list of a year, asking for what is late, a centre's years, summaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import (
    centre_list,
    charts,
    figure_compare,
    figure_files,
    figure_tables,
    figure_words,
    list_pages,
    lists,
    record_pages,
    report_list,
)
from banfa.office.desk.charts import Chart, Part
from banfa.office.desk.errors import forbidden_because, on_file, wrong_request
from banfa.office.desk.figure_files import Table
from banfa.office.desk.figure_pages import unit_of
from banfa.office.desk.language import in_english, joined, say
from banfa.office.desk.report_list import Setting
from banfa.office.evaluations import reports, rights, summaries, urging
from banfa.office.evaluations.models import Collection, Entry, Kind, Stage
from banfa.office.evaluations.reports import Counted, Link, Year
from banfa.office.evaluations.summaries import Cell, Group
from banfa.office.evaluations.systems import programme_of, system_of
from banfa.office.ledger import library
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.models import Centre
from banfa.office.people import audit, places
from banfa.rules.system import Indicator
from banfa.rules.words import Text

LISTING = list_pages.LISTINGS["reports"]
PAGE = 50
GROUPS_DRAWN = 12


# --- asking for what is late ----------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def report_hurry(request: HttpRequest) -> HttpResponse:
    """What was chosen and who would be told; on confirming, they are, and a receipt shows."""
    if not any(rights.HURRY in things for things in request.reach.rights.values()):
        return forbidden_because(request, _("您的身份没有催报年度报告的权限。"))
    given = request.POST if request.method == "POST" else request.GET
    asked = lists.read(request, LISTING, given)
    about = report_list.setting(asked)
    if about is None:
        return wrong_request(request, _("您所在的办法没有年度报告。"))
    chosen = [c[:60] for c in given.getlist("centre")[: urging.MOST + 1] if "\0" not in c]
    if len(chosen) > urging.MOST:
        return HttpResponseRedirect(lists.back(request, LISTING, "many"))
    if given.get("all") == "overdue":
        late = LISTING.find(asked).filter(status=reports.OVERDUE)
        chosen = list(late.order_by("due", "pk").values_list("pk", flat=True)[: urging.MOST])
    found = urging.targets(request.reach, about.asked, chosen)
    if not found:
        return HttpResponseRedirect(lists.back(request, LISTING, "done" if chosen else "none"))
    sent = request.method == "POST" and "confirm" in request.POST
    said = " ".join(given.get("said", "").replace("\0", " ").split())[:300]
    told = 0
    if sent:
        told = urging.urge(request.reach, about.asked, found, said)
        after = {"centres": [t.centre.pk for t in found], "said": said, "year": about.asked.period}
        audit.note("hurried", request.user, f"{about.kind.programme} {len(found)}", after=after)
    context = {
        "here": "reports",
        "about": about,
        "kind_name": say(about.kind.name),
        "back": lists.back(request, LISTING)
        if "back" in given
        else report_list.address("reports", about),
        "back_query": lists.back(request, LISTING).partition("?")[2],
        "rows": [
            (t, _centre_name(t.centre), [say(w) for w in t.what], joined(map(say, t.parties)))
            for t in found
        ],
        "left": max(len(set(chosen)) - len(found), 0),
        "nobody": sum(not t.people for t in found),
        "sent": sent,
        "told": told,
        "said": said,
        "today": clock.today(),
    }
    return render(request, "desk/report_hurry.html", context)


def _centre_name(centre: Centre) -> str:
    return say(Text(centre.title_zh or centre.pk, centre.title_en or centre.title_zh or centre.pk))


# --- one centre -----------------------------------------------------------------------------------


@dataclass
class ShownYear:
    """A centre's year on its page: the chain with what the person may do, the figures, the rest."""

    year: Year
    name: str
    period: str
    status: tuple[Any, str] | None
    steps: list[dict[str, Any]]
    ended: str
    computed: str
    beside: list[dict[str, Any]]
    figures: tuple[Any, str] | None
    differences: list[figure_compare.Difference]


@require_safe
@on_file
def centre_reports(request: HttpRequest, centre: str) -> HttpResponse:
    """A centre's yearly reports, year by year: the chain, what is due, figures, other yearly acts.

    As of the day and moment asked about, like the other tabs of the record.
    """
    return record_pages.show(request, centre, "centre_reports", lambda page: _years(request, page))


def _years(request: HttpRequest, page: ledger.CentrePage) -> dict[str, Any]:
    made = reports.years(page)
    rows = Entry.objects.filter(centre=page.centre, collection__kind=Kind.ANNUAL)
    rows = rows.select_related("collection__system").prefetch_related("figures")
    entries = list(rows.order_by("-collection__year"))
    by_year = {entry.collection.year: entry for entry in entries}
    for one in made:
        if one.kind.calendar:
            one.figures = by_year.pop(one.period, None)
        elif one.report is not None:
            one.figures = by_year.get(one.report.act.on.year - 1)
    return {
        "years": [_shown_year(request, page, one) for one in made],
        "others": [(e, figure_words.STAGES[Stage(e.stage)]) for e in by_year.values()],
        "today": page.on,
    }


def _shown_year(request: HttpRequest, page: ledger.CentrePage, year: Year) -> ShownYear:
    kind, figures = year.kind, year.figures
    more = {"figures": figures.pk} if figures is not None else {}
    models = library.editions(kind.programme).latest.models
    done_acts = [step.done for step in year.steps if step.done is not None]
    return ShownYear(
        year,
        say(kind.name),
        say(kind.period(year.period)),
        figure_words.STATUSES.get(year.status),
        [
            {
                "name": say(step.link.name),
                "who": _who(page, step.link),
                "done": step.done,
                "waits": step.waits,
                "href": _act_link(request, page, step.link, year, **(more if n == 0 else {}))
                if step.waits
                else "",
            }
            for n, step in enumerate(year.steps)
        ],
        say(year.ended) if year.ended is not None else "",
        say(year.owed.computed) if year.owed is not None else "",
        [
            {
                "name": say(link.name),
                "who": _who(page, link),
                "done": done,
                "href": "" if done and link.once else _act_link(request, page, link, year),
            }
            for link, done in year.beside
        ],
        figure_words.STAGES[Stage(figures.stage)] if figures is not None else None,
        list(figure_compare.differences(models, done_acts, figures)) if figures else [],
    )


def _who(page: ledger.CentrePage, link: Link) -> str:
    parties = page.programme.parties
    return joined(say(parties[name].name) for name in link.by if name in parties)


def _act_link(
    request: HttpRequest, page: ledger.CentrePage, link: Link, year: Year, **more: Any
) -> str:
    """Where the person does an act of a year, its period filled in; '' when it is not theirs."""
    programme = str(page.centre.book_id)
    for party in link.by:
        for _one in request.reach.fitting(programme, party, page.centre, link.act):
            key = year.kind.key if link.act == year.kind.act else link.key
            given = {"party": party, **more}
            if key:
                given[f"with.{key}"] = year.period
            return f"{reverse('centre_act', args=[page.centre.pk, link.act])}?{urlencode(given)}"
    return ""


# --- summaries ------------------------------------------------------------------------------------

WAYS = ("place", "field")


@require_safe
def report_summary(request: HttpRequest) -> HttpResponse:
    """A year by place or field: how many have reported, and the figures put together."""
    if not request.reach.held:
        return forbidden_because(request, _("年度报告供承担办法所定职责的身份使用。"))
    asked = lists.read(request, LISTING)
    about = report_list.setting(asked)
    if about is None:
        return wrong_request(request, _("您所在的办法没有年度报告。"))
    by = request.GET.get("by") if request.GET.get("by") in WAYS else "place"
    seen, within = request.reach.centres(), _within()
    export = request.GET.get("file") == "xlsx"
    if export:
        seen = request.reach.centres("export.list")
    found = reports.centres(about.asked, seen)
    counted = reports.by_field(found) if by == "field" else reports.by_place(found, within)
    groups: list[Group] = []
    known: dict[str, Indicator] = {}
    covered = ""
    collections = [] if about.kind.calendar else summaries.annual(about.kind.programme)
    if collections:
        about.collection = _of_year(collections, request.GET.get("year", ""), asked.on.year)
    if about.collection is not None:
        known = summaries.numbers(about.collection)
        groups = summaries.grouped(seen, about.collection, by, within)
        tables = summaries.coverage(seen, [about.collection])
        covered = _covered(tables.get(about.collection.pk, (0, 0)))
    names = {key: _group_name(by, key) for key in (*counted, *(g.key for g in groups))}
    if export:
        return _summary_file(request, about, by, counted, groups, known, names, covered)
    context = {
        "here": "reports",
        "about": about,
        "kind_name": say(about.kind.name),
        "programme": programme_of(about.kind.programme),
        "programmes": [(k.programme, say(programme_of(k.programme).short)) for k in about.kinds],
        "period_options": report_list.period_options(about),
        "by": by,
        "ways": _ways(),
        "counted": [(names[k], one) for k, one in counted.items()],
        "total": _total(counted, found) if by == "place" else _sum(counted.values()),
        "charts": _standing_chart(by, counted, names),
        "heads": [(say(one.name), unit_of(one), summaries.additive(one)) for one in known.values()],
        "groups": [(names[g.key], g.key == "*", _cells(known, g)) for g in groups],
        "group_head": dict(_ways())[by],
        "covered": covered,
        "figure_years": [c.year for c in collections],
        "sample": say(system_of(about.collection.system).sample) if about.collection else "",
        "back": report_list.address("reports", about),
        "may_export": any("export.list" in t for t in request.reach.rights.values()),
        "statuses": figure_words.STATUSES,
    }
    return render(request, "desk/report_summary.html", context)


def _of_year(collections: Sequence[Collection], raw: str, now: int) -> Collection:
    """The collection of the year asked for, else of the latest that is over, else the latest."""
    over = (c for c in collections if c.year < now)
    return next((c for c in collections if str(c.year) == raw), next(over, collections[0]))


def _covered(tables: tuple[int, int]) -> str:
    """How many tables the sums are made of, in words."""
    done, of = tables
    told = {"done": done, "of": of}
    return _("只计已报送的数据表：%(done)s / %(of)s 家；未报送的草稿不计") % told


def _ways() -> list[tuple[str, str]]:
    return [("place", _("所在地")), ("field", _("领域"))]


def _within() -> dict[str, tuple[str, ...]]:
    return {code: places.names_within(code) for code in centre_list.provinces()}


def _group_name(by: str, key: str) -> str:
    if key == "*":
        return _("合计")
    if not key:
        return _("未注明")
    if by == "field":
        return key
    place = centre_list.provinces()[key]
    return (place.name_en or place.name_zh) if in_english() else place.name_zh


def _total(counted: dict[str, Counted], found: Any) -> Counted:
    """All centres, each once: those of several places count once here."""
    return reports.count(found) if counted else Counted()


def _sum(parts: Any) -> Counted:
    total = Counted()
    for one in parts:
        for name in reports.STATUSES:
            setattr(total, name, getattr(total, name) + getattr(one, name))
    return total


def _cells(known: dict[str, Indicator], group: Group) -> list[Cell | None]:
    return [group.cells.get(name) for name in known]


def _standing_chart(by: str, counted: dict[str, Counted], names: dict[str, str]) -> list[Chart]:
    """How the reports stand by place or field: the groups with most of them."""
    most = sorted(counted.items(), key=lambda item: -item[1].all)[:GROUPS_DRAWN]
    colours = {reports.DONE: 1, reports.LATE: 3, reports.WAITING: 5, reports.OVERDUE: 4}
    order = (reports.DONE, reports.LATE, reports.WAITING, reports.OVERDUE)
    drawn = [
        (
            names[key],
            [
                Part(str(figure_words.STATUSES[s][0]), getattr(one, s), "", colours[s])
                for s in order
                if getattr(one, s)
            ],
        )
        for key, one in most
    ]
    title = _("报送情况：按所在地") if by == "place" else _("报送情况：按领域")
    heads = [str(dict(_ways())[by]), *(str(figure_words.STATUSES[s][0]) for s in order)]
    rows = [[names[key], *(getattr(one, s) for s in order)] for key, one in most]
    empty = "" if drawn else _("该年度没有应报的中心。")
    says = _("中心家数，至多列 %s 组") % GROUPS_DRAWN
    drawing = charts.stacked(title, drawn) if drawn else ""
    return [Chart("standing", title, says, drawing, heads, rows, empty)]


def _summary_file(
    request: HttpRequest, about: Setting, by: str, counted: dict[str, Counted],
    groups: list[Group], known: dict[str, Indicator], names: dict[str, str], covered: str,
) -> HttpResponse:  # fmt: skip
    if not any("export.list" in t for t in request.reach.rights.values()):
        return forbidden_because(request, _("您的身份没有导出列表的权限。"))
    title = f"{say(programme_of(about.kind.programme).short)} {about.period} {say(about.kind.name)}"
    first = str(dict(_ways())[by])
    words = [str(figure_words.STATUSES[s][0]) for s in reports.STATUSES]
    tables = [
        Table(
            _("报送情况"),
            figure_tables.told(request, title),
            [first, _("应报"), *words],
            [
                [names[k], one.all, *(getattr(one, s) for s in reports.STATUSES)]
                for k, one in counted.items()
            ],
        )
    ]
    if groups:
        heads = [first]
        for one in known.values():
            label, measure = say(one.name), unit_of(one)
            both = f"{label}（{measure}）" if measure else label
            heads += [f"{both} {_('家数')}", f"{both} {_('合计')}", f"{both} {_('平均')}"]
        tables.append(
            Table(
                _("数据汇总"),
                [*figure_tables.told(request, _heading(title, about), about.collection), covered],
                heads,
                [[names[g.key], *_flat(known, g)] for g in groups],
            )
        )
    after = {"programme": about.kind.programme, "period": about.asked.period, "by": by}
    if about.collection is not None:
        after["figures"] = about.collection.year
    audit.note("exported", request.user, "report-summary", after=after)
    return figure_files.response(
        f"summary-{about.kind.programme}-{about.asked.period}-{by}", tables
    )


def _heading(title: str, about: Setting) -> str:
    """The title of a sheet of figures, with their calendar year where reports are numbered."""
    if about.kind.calendar or about.collection is None:
        return title
    return say(Text(about.collection.name_zh, about.collection.name_en or about.collection.name_zh))


def _flat(known: dict[str, Indicator], group: Group) -> Iterator[Any]:
    for cell in _cells(known, group):
        yield from ("", "", "") if cell is None else (cell.count, cell.total, cell.mean)


# --- over the years -------------------------------------------------------------------------------


@require_safe
def report_compare(request: HttpRequest) -> HttpResponse:
    """Figures over the years: all centres together, and one indicator centre by centre."""
    if not request.reach.held:
        return forbidden_because(request, _("年度报告供承担办法所定职责的身份使用。"))
    seen_programmes = sorted({k.programme for k in report_list.kinds_of(request.reach)})
    if not seen_programmes:
        return wrong_request(request, _("您所在的办法没有年度报告。"))
    asked = request.GET.get("programme", "")
    programme = asked if asked in seen_programmes else seen_programmes[0]
    export = request.GET.get("file") == "xlsx"
    seen = request.reach.centres("export.list" if export else "see.centre")
    known, years = summaries.over_years(seen, programme)
    name = request.GET.get("indicator", "")
    name = name if name in known else next(iter(known), "")
    collections = list(reversed(summaries.annual(programme)))[-6:] if known else []
    centres = Centre.objects.filter(seen, entries__collection__in=collections).distinct()
    centres = centres.order_by("sort_key", "id")
    covered = _over_years(collections, summaries.coverage(seen, collections))
    if export:
        return _compare_file(request, programme, known, years, centres, collections, covered)
    page = Paginator(centres, PAGE).get_page(request.GET.get("page"))
    one = known.get(name)
    series = summaries.series(page.object_list, collections, name, one) if one else []
    model = programme_of(programme)
    context = {
        "here": "reports",
        "programme": model,
        "programmes": [(i, say(programme_of(i).short)) for i in seen_programmes],
        "indicators": [(i, say(k.name), unit_of(k)) for i, k in known.items()],
        "indicator": name,
        "unit": unit_of(one) if one else "",
        "indicator_name": say(one.name) if one else "",
        "years": [c.year for c in collections],
        "series": [(s, _centre_name(s.centre)) for s in series],
        "page": page,
        "charts": _year_chart(one, name, years) if one else [],
        "heads": [(say(k.name), unit_of(k), summaries.additive(k)) for k in known.values()],
        "groups": [(g.key, False, _cells(known, g)) for g in years],
        "group_head": _("年度"),
        "covered": covered,
        "sample": say(system_of(collections[-1].system).sample) if collections else "",
        "latest": collections[-1] if collections else None,
        "may_export": any("export.list" in t for t in request.reach.rights.values()),
    }
    return render(request, "desk/report_compare.html", context)


def _over_years(collections: Sequence[Collection], tables: dict[int, tuple[int, int]]) -> str:
    """How many tables of each year are counted, in words; years without any table are left out."""
    held = [(c.year, tables[c.pk]) for c in collections if c.pk in tables]
    told = "；".join(f"{year}：{done} / {of}" for year, (done, of) in held)
    return _("只计已报送的数据表（家）：%s；未报送的草稿不计") % told if told else ""


def _year_chart(one: Indicator, name: str, years: Sequence[Group]) -> list[Chart]:
    """An indicator of all centres over the years: its sum, or its mean where none can be."""
    adds = summaries.additive(one)
    what = _("合计") if adds else _("平均")
    unit = unit_of(one)
    parts, rows = [], []
    for group in years[-10:]:
        cell = group.cells.get(name)
        if cell is None:
            continue
        exact = (cell.total if adds else cell.mean) or "0"
        parts.append(Part(group.key, max(round(float(exact)), 0)))
        rows.append([group.key, exact, cell.count])
    title = f"{say(one.name)}：{what}"
    return [
        Chart(
            "years",
            title,
            (_("单位：%s；图中取整") % unit) if unit else _("图中取整"),
            charts.columns(title, parts) if parts else "",
            [_("年度"), what, _("家数")],
            rows,
            "" if parts else _("尚无数据。"),
        )
    ]


def _compare_file(
    request: HttpRequest, programme: str, known: dict[str, Indicator], years: Sequence[Group],
    centres: Any, collections: Sequence[Any], covered: str,
) -> HttpResponse:  # fmt: skip
    if not any("export.list" in t for t in request.reach.rights.values()):
        return forbidden_because(request, _("您的身份没有导出列表的权限。"))
    title = _("%s 历年关键指标") % say(programme_of(programme).short)
    latest = collections[-1] if collections else None
    heads = [_("年度")]
    for one in known.values():
        measure = f"（{unit_of(one)}）" if unit_of(one) else ""
        heads += [f"{say(one.name)}{measure} {w}" for w in (_("家数"), _("合计"), _("平均"))]
    tables = [
        Table(
            _("历年汇总"),
            [*figure_tables.told(request, title, latest), covered],
            heads,
            [[g.key, *_flat(known, g)] for g in years],
        )
    ]
    for name, one in known.items():
        rows = summaries.series(centres, collections, name, one)
        label = say(one.name)
        tables.append(
            Table(
                f"{one.code} {label}",
                [f"{label}（{unit_of(one)}）" if unit_of(one) else label],
                [_("中心编号"), _("中心"), *(str(c.year) for c in collections)],
                [[s.centre.pk, _centre_name(s.centre), *s.values] for s in rows],
                words=2,
            )
        )
    audit.note("exported", request.user, "report-compare", after={"programme": programme})
    return figure_files.response(f"compare-{programme}", tables)


urls = [
    path("reports/", list_pages.page(LISTING), name="reports"),
    path("reports/hurry/", report_hurry, name="report_hurry"),
    path("reports/summary/", report_summary, name="report_summary"),
    path("reports/compare/", report_compare, name="report_compare"),
    path("centres/<str:centre>/reports/", centre_reports, name="centre_reports"),
]
