"""What the charts show: centres by stage, what falls due, results, how long procedures wait."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Case, Count, IntegerField, Q, Value, When
from django.db.models.functions import TruncMonth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from banfa.office import clock
from banfa.office.desk import charts, list_pages
from banfa.office.desk.centre_page import DECISIONS
from banfa.office.desk.charts import Chart, Part
from banfa.office.desk.errors import forbidden_because
from banfa.office.desk.language import say
from banfa.office.ledger import library, queries
from banfa.office.ledger.models import ActRecord, Centre, Matter, Sort
from banfa.rules import words

MONTHS = 12
WAITS = (30, 90, 180, 365)
CALM, GREY = 4, charts.COLOURS - 1
"""Colours that alarm nobody, and the one of what has ended; the one between them is for late."""


@require_safe
def charts_page(request: HttpRequest) -> HttpResponse:
    """All charts; with `part=home` those of the first page, to be put into it."""
    if not request.reach.held:
        return forbidden_because(request, _("统计供承担办法所定职责的身份使用。"))
    if request.GET.get("part") == "home":
        context: dict[str, Any] = {"charts": home_charts(request), "folded": True}
        return render(request, "desk/parts/charts.html", context)
    made = [
        stages_chart(request),
        due_chart(request),
        waiting_chart(request),
        *results_charts(request),
        acts_chart(request),
    ]
    context = {"here": "centres", "tabs": list_pages.tabs("charts"), "charts": made}
    return render(request, "desk/charts.html", context)


def home_charts(request: HttpRequest) -> list[Chart]:
    """The charts of the first page: for those with several centres how these stand, for everybody
    what falls due."""
    stages = stages_chart(request)
    several = sum(row[-1] for row in stages.rows if isinstance(row[-1], int)) > 3
    return [*([stages] if several else []), due_chart(request), waiting_chart(request)]


def stages_chart(request: HttpRequest) -> Chart:
    """Centres by programme and stage."""
    on = clock.today()
    seen = request.reach.programmes()
    found = [r for r in queries.programmes(on, request.reach.centres()) if r.id in seen and r.total]
    groups, rows = [], []
    for row in found:
        parts: list[Part] = []
        for stage, model in row.model.stages.items():
            if count := row.stages.get(stage, 0):
                href = _list(programme=row.id, stage=stage)
                colour = GREY if model.terminal else len(parts) % CALM
                parts.append(Part(say(model.name), count, href, colour))
                rows.append([say(row.model.short), say(model.name), count])
        groups.append((say(row.model.short), parts))
    title = _("中心：按办法与阶段")
    return Chart(
        "stages",
        title,
        _("截至今日各办法中心所处的阶段"),
        charts.stacked(title, groups) if groups else "",
        [_("办法"), _("阶段"), _("中心")],
        rows,
        "" if groups else _("尚无中心。"),
        words=2,
    )


def _list(**given: str) -> str:
    return f"{reverse('centre_list')}?{urlencode(given)}"


def _months(start: dt.date) -> list[dt.date]:
    first = start.year * 12 + start.month - 1
    return [dt.date(m // 12, m % 12 + 1, 1) for m in range(first, first + MONTHS)]


def due_chart(request: HttpRequest) -> Chart:
    """What falls due in the next twelve months, month by month, and what is overdue."""
    on = clock.today()
    months = _months(on.replace(day=1))
    after = _months(months[-1])[1]
    owed = Matter.objects.filter(
        sort=Sort.DUTY, closed=False, due__lt=after,
        centre__in=Centre.objects.filter(request.reach.centres()),
    ).exclude(mode__in=DECISIONS)  # fmt: skip
    counted: dict[dt.date | None, int] = {}
    late = Case(When(due__lt=on, then=Value(1)), default=Value(0), output_field=IntegerField())
    grouped = owed.annotate(late=late, month=TruncMonth("due")).values_list("late", "month")
    for is_late, month, number in grouped.annotate(n=Count("pk")).order_by():
        at = None if is_late else month
        counted[at] = counted.get(at, 0) + number
    due_list = reverse("due_list")
    parts = [Part(_("逾期"), counted.get(None, 0), f"{due_list}?within=0", 4)]
    parts += [Part(f"{m.month}", counted.get(m, 0), "", 0) for m in months]
    names = [_("逾期"), *(f"{m:%Y-%m}" for m in months)]
    title = _("今后十二个月到期事项")
    return Chart(
        "due",
        title,
        _("按月计；首列为已逾期未办的"),
        charts.columns(title, parts) if any(p.value for p in parts) else "",
        [_("月份"), _("事项")],
        [[name, part.value] for name, part in zip(names, parts, strict=True)],
        "" if any(p.value for p in parts) else _("今后十二个月没有到期事项。"),
    )


def waiting_chart(request: HttpRequest) -> Chart:
    """Procedures under way by how long they have waited at their step."""
    on = clock.today()
    edges = [on - dt.timedelta(days=d) for d in WAITS]
    bucket = Case(
        *(When(since__gt=edge, then=Value(n)) for n, edge in enumerate(edges)),
        default=Value(len(WAITS)),
        output_field=IntegerField(),
    )
    cases = Matter.objects.filter(
        sort=Sort.CASE, closed=False, centre__in=Centre.objects.filter(request.reach.centres())
    )
    counted = dict(
        cases.annotate(bucket=bucket).values_list("bucket").annotate(n=Count("pk")).order_by()
    )
    names = [_("不足30日"), _("30–89日"), _("90–179日"), _("180–364日"), _("一年以上")]
    colours = (1, 0, 0, 3, 4)
    parts = [Part(name, counted.get(n, 0), "", colours[n]) for n, name in enumerate(names)]
    title = _("在办程序：在现步骤等候的日数")
    total = sum(p.value for p in parts)
    return Chart(
        "waiting",
        title,
        _("自转入现步骤之日起算"),
        charts.bars(title, parts) if total else "",
        [_("等候"), _("程序")],
        [[p.name, p.value] for p in parts],
        "" if total else _("目前没有在办的程序。"),
    )


def results_charts(request: HttpRequest) -> list[Chart]:
    """For each programme with grades: results by grade and year, the last six years."""
    made = []
    last = clock.today().year
    for book, counted in _results(request, last - 5).items():
        programme = library.editions(book).latest.programme
        grades = dict.fromkeys(g for g, _y in counted)
        order = list(programme.evaluation.grades) if programme.evaluation is not None else []
        known = sorted(grades, key=lambda g: order.index(g) if g in order else len(order))
        years = sorted({y for _g, y in counted})
        named = {g: say(words.grade(programme, g)) for g in known}
        groups = [
            (
                str(year),
                [
                    Part(named[g], counted[g, year], "", n % CALM)
                    for n, g in enumerate(known)
                    if (g, year) in counted
                ],
            )
            for year in years
        ]
        title = _("评价结果：%s") % say(programme.short)
        rows = [[str(y), *(counted.get((g, y), 0) for g in known)] for y in years]
        made.append(
            Chart(
                f"results-{book}",
                title,
                _("按结果年份与等次"),
                charts.stacked(title, groups),
                [_("年份"), *named.values()],
                rows,
            )
        )
    return made


def _results(request: HttpRequest, since: int) -> dict[str, dict[tuple[str, int], int]]:
    """How many results of each grade and year, by programme: one query."""
    seen = Centre.objects.filter(request.reach.centres(), book__in=request.reach.programmes())
    inner, given = seen.values("book_id", "summary").query.sql_with_params()
    sql = f"""
        SELECT t.book_id, r ->> 'grade', left(r -> 'on' ->> '$date', 4)::int, count(*)
        FROM ({inner}) t, jsonb_array_elements(t.summary -> 'results') r
        WHERE left(r -> 'on' ->> '$date', 4)::int >= %s
        GROUP BY 1, 2, 3 ORDER BY 1, 3, 2"""
    found: dict[str, dict[tuple[str, int], int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, [*given, since])
        for book, grade, year, number in cursor.fetchall():
            found.setdefault(book, {})[grade, year] = number
    return found


def acts_chart(request: HttpRequest) -> Chart:
    """Acts recorded in each of the last twelve months."""
    on = clock.today()
    first = _months(on.replace(year=on.year - 1, day=1))[1]
    months = _months(first)
    begins = dt.datetime.combine(first, dt.time.min, clock.SHANGHAI)
    seen = Q(centre__in=Centre.objects.filter(request.reach.centres()))
    acts = ActRecord.objects.filter(seen, recorded__gte=begins)
    by_month = acts.annotate(month=TruncMonth("recorded", tzinfo=clock.SHANGHAI))
    counted = _by_month(by_month.values_list("month").annotate(n=Count("pk")).order_by())
    parts = [Part(f"{m.month}", counted.get(m, 0)) for m in months]
    title = _("近十二个月登记的行为")
    total = sum(p.value for p in parts)
    return Chart(
        "acts",
        title,
        _("按登记月份"),
        charts.line(title, parts) if total else "",
        [_("月份"), _("行为")],
        [[f"{m:%Y-%m}", p.value] for m, p in zip(months, parts, strict=True)],
        "" if total else _("近十二个月没有登记行为。"),
    )


def _by_month(rows: Iterable[tuple[dt.datetime, int]]) -> dict[dt.date, int]:
    return {month.astimezone(clock.SHANGHAI).date(): number for month, number in rows}


urls = [path("charts/", charts_page, name="charts")]
