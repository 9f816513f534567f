"""The list of a year's reports: who has reported, who is late, where each one stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import ExtractYear
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from banfa.office.desk import centre_list, figure_tables, figure_words, lists
from banfa.office.desk.language import joined, say
from banfa.office.desk.lists import Asked, Column
from banfa.office.evaluations import reports, rights, urging
from banfa.office.evaluations.models import Collection, Entry, Kind, Stage
from banfa.office.evaluations.reports import Counted, ReportKind
from banfa.office.evaluations.systems import programme_of
from banfa.office.ledger import search
from banfa.office.ledger.models import Centre
from banfa.office.people import places
from banfa.rules.words import Text


@dataclass
class Setting:
    """What a page about a year's reports is about: a kind of report and a period, as asked."""

    kind: ReportKind
    kinds: list[ReportKind]
    periods: list[int]
    asked: reports.Asked
    collection: Collection | None
    counted: Counted | None = None

    @property
    def period(self) -> str:
        """The period in words."""
        return say(self.kind.period(self.asked.period))


def kinds_of(reach: Any) -> list[ReportKind]:
    """The yearly reports of the programmes whose pages the person sees."""
    known = (i for i in sorted(reach.programmes()) if i in centre_list.library.loadable()[0])
    return [kind for programme in known for kind in reports.kinds(programme)]


def setting(asked: Asked) -> Setting | None:
    """What the list is asked about, read once for a request; None: no programme of the person's
    has yearly reports."""
    kept = getattr(asked.request, "reports_setting", None)
    if kept is None:
        kept = _read(asked)
        asked.request.reports_setting = kept
    return kept or None


def _read(asked: Asked) -> Any:
    kinds = kinds_of(asked.reach)
    if not kinds:
        return False
    given = asked.given
    kind = next(
        (
            k
            for k in kinds
            if k.programme == given["programme"] and given.get("act", "") in ("", k.act)
        ),
        kinds[0],
    )
    if given["programme"] not in ("", kind.programme):
        asked.one_of("programme", {k.programme: "" for k in kinds}, _("所依办法"))
    seen = asked.reach.centres()
    reports.current(kind, seen, asked.on)
    gone = reports.undone(kind.programme)
    counts = {} if kind.calendar else reports.numbered(kind, seen, gone)
    periods = reports.periods(kind, seen) if kind.calendar else list(counts)
    raw = given["period"]
    period = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 5 else None
    if raw and period is None:
        asked.one_of("period", {}, _("年度"))
    if period is not None:
        chosen = period
    else:
        chosen = usual(kind, periods, asked.on) if kind.calendar else reports.most_concerned(counts)
    about = reports.ask(kind, chosen, asked.on, gone)
    return Setting(kind, kinds, periods, about, urging.collection_of(about))


def usual(kind: ReportKind, periods: Sequence[int], on: dt.date) -> int:
    """The year that a page opens with: the one being collected, else the latest that is over, else
    the latest there is."""
    under_way = reports.collected(kind, on)
    if under_way is not None and under_way in periods:
        return under_way
    return next(iter([*(n for n in periods if n < on.year), *periods]), on.year - 1)


def _tables(about: Setting) -> QuerySet[Entry]:
    """The table of figures beside a centre's report: of its year; where each centre counts its own
    years, of the calendar year before the report's day (`figures_year`)."""
    rows = Entry.objects.filter(centre=OuterRef("pk"))
    if about.kind.calendar:
        return rows.filter(collection=about.collection)
    return rows.filter(
        collection__book=about.kind.programme,
        collection__kind=Kind.ANNUAL,
        collection__year=OuterRef("figures_year"),
    )


@dataclass
class Row:
    """A centre's year in the list, in words."""

    centre: Centre
    name: str
    status: tuple[Any, str]
    where: str
    figures: tuple[Any, str] | None


class Reports(lists.Listing):
    """The reports on a period, centre by centre."""

    id = "reports"
    address = "reports"
    title = _("年度报告")
    template = "desk/reports.html"
    filters = {
        "programme": _("所依办法"), "act": _("报告"), "period": _("年度"), "status": _("报送情况"),
        "place": _("所在地"), "field": _("领域"), "q": _("中心"),
    }  # fmt: skip
    first = "status"
    notes = {
        "none": _("尚未勾选中心。请先勾选，再点“催报所选”。"),
        "done": _("所选中心没有可由您催报的事项：已经报齐，或正由您自己办理。"),
        "many": _("一次至多催报200家，请分批办理。"),
    }  # fmt: skip
    columns = (
        Column("name", _("中心"), lambda r: r.name,
               lambda on: (F("sort_key"), F("id")), always=True),
        Column("id", _("编号"), lambda r: r.centre.pk, lambda on: (F("id"),), default=False),
        Column("field", _("领域"), lambda r: r.centre.subject,
               lambda on: (F("subject"), F("id")), default=False),
        Column("place", _("所在地"), lambda r: joined(r.centre.places),
               lambda on: (F("places"), F("id"))),
        Column("status", _("报送情况"), lambda r: str(r.status[0]),
               lambda on: (F("order"), F("sort_key"), F("id"))),
        Column("reported", _("报送日期"), lambda r: r.centre.reported_on,
               lambda on: (F("reported_on"), F("id"))),
        Column("due", _("报送期限"), lambda r: r.centre.due, lambda on: (F("due"), F("id"))),
        Column("where", _("现处环节"), lambda r: r.where),
        Column("figures", _("关键指标"), lambda r: str(r.figures[0]) if r.figures else "",
               lambda on: (F("figures_stage"), F("id"))),
    )  # fmt: skip

    def find(self, asked: Asked) -> QuerySet[Centre]:
        """The centres that report on the period and match."""
        about = setting(asked)
        if about is None:
            return Centre.objects.none()
        found = reports.centres(about.asked, asked.reach.centres())
        entries = _tables(about)
        found = found.annotate(order=reports.order(), figures_year=ExtractYear("reported_on") - 1)
        found = found.annotate(
            figures_stage=Subquery(entries.values("stage")[:1]),
            figures_of=Subquery(entries.values("collection")[:1]),
        )
        return found.filter(self._conditions(asked))

    def _conditions(self, asked: Asked) -> Q:
        given, found = asked.given, Q()
        if status := asked.one_of("status", figure_words.STATUSES, _("报送情况")):
            found &= Q(status=status)
        if place := asked.one_of("place", centre_list.provinces(), _("所在地")):
            found &= Q(places__overlap=list(places.names_within(place)))
        if given["field"]:
            found &= Q(subject__icontains=search.clean(given["field"]))
        if given["q"]:
            found &= search.centres_with(given["q"], source=search.PROFILE)
        return found

    def exportable(self, asked: Asked) -> Q:
        """The condition for those that the person may take as a file."""
        allowed: Q = asked.reach.centres("export.list")
        return allowed

    def told(self, asked: Asked) -> list[tuple[str, str]]:
        """What the file is about, and the filters that are set, in words."""
        about = setting(asked)
        words = {
            "status": {i: str(w[0]) for i, w in figure_words.STATUSES.items()},
            "place": {i: place.name_zh for i, place in centre_list.provinces().items()},
        }
        lines = []
        if about is not None:
            model = programme_of(about.kind.programme)
            lines = [(str(_("报告")), f"{say(model.short)} {say(about.kind.name)} {about.period}")]
        set_ = [(n, v) for n, v in asked.given.items() if v and n in (*words, "field", "q")]
        return [*lines, *((str(self.filters[n]), words.get(n, {}).get(v, v)) for n, v in set_)]

    def rows(self, asked: Asked, found: Sequence[Centre]) -> list[Row]:
        """A page of centres in words."""
        about = setting(asked)
        if about is None:
            return []
        return [self._row(about, centre) for centre in found]

    def _row(self, about: Setting, centre: Any) -> Row:
        name = say(Text(centre.title_zh or centre.pk, centre.title_en or centre.title_zh))
        held = centre.figures_stage
        figures = figure_words.STAGES[Stage(held)] if held is not None else None
        status = figure_words.STATUSES[centre.status]
        return Row(centre, name, status, self._where(about, centre), figures)

    def _where(self, about: Setting, centre: Any) -> str:
        """Where a report stands: its step, and with whom."""
        if centre.report is None:
            parties = list(about.kind.duty.holder)
        else:
            parties = list(centre.holders or []) if centre.ended is False else []
        programme = programme_of(about.kind.programme)
        who = joined(say(programme.parties[q].name) for q in dict.fromkeys(parties))
        step = reports.step_name(about.kind, centre.step or "")
        if step is None:
            return who
        return f"{say(step)}（{who}）" if who else say(step)

    def context(self, asked: Asked) -> dict[str, Any]:
        """The counts of the period, the options of the filters, what may be done."""
        about = setting(asked)
        if about is None:
            return {"here": "reports", "about": None}
        found = reports.centres(about.asked, asked.reach.centres())
        about.counted = reports.count(found)
        models = {k.programme: programme_of(k.programme) for k in about.kinds}
        urges = rights.HURRY in {
            thing for things in asked.reach.rights.values() for thing in things
        }
        compare = {"programme": about.kind.programme}
        opens = about.collection is None and about.kind.calendar
        return {
            "here": "reports",
            "about": about,
            "kind_name": say(about.kind.name),
            "summary": address("report_summary", about),
            "compare": f"{reverse('report_compare')}?{urlencode(compare)}",
            "opening": figure_tables.opening_link(asked.request, about.kind, about.asked.period)
            if opens
            else "",
            "programmes": [(i, say(model.short)) for i, model in models.items()],
            "period_options": period_options(about),
            "statuses": [
                (i, text, mark, getattr(about.counted, i))
                for i, (text, mark) in figure_words.STATUSES.items()
            ],
            "provinces": centre_list.provinces(),
            "several": about.counted.all > 1,
            "may_hurry": urges and about.counted.all > 0,
        }


def period_options(about: Setting) -> list[tuple[int, str]]:
    """The periods to choose from."""
    numbers = sorted({*about.periods, about.asked.period}, reverse=True)
    return [(n, say(about.kind.period(n))) for n in numbers]


def address(name: str, about: Setting) -> str:
    """A page about the same report and period."""
    given = {
        "programme": about.kind.programme,
        "act": about.kind.act,
        "period": about.asked.period,
    }
    return f"{reverse(name)}?{urlencode(given)}"
