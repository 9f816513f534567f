"""Key figures of the demonstration: made up, steady from year to year, the same each time.

What is reported, reviewed or still open follows the reports on file; one table in a year under way
has a figure that asks for a reason.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from banfa.office import clock
from banfa.office.evaluations import queries, reports, rights, verbs
from banfa.office.evaluations.models import (
    Collection,
    Entry,
    Figure,
    FigureChange,
    Goal,
    Kind,
    Stage,
)
from banfa.office.evaluations.systems import fields_of, system_of
from banfa.office.evaluations.verbs import Opening
from banfa.office.ledger import library
from banfa.rules.exact import written
from banfa.rules.figures import whole
from banfa.rules.system import Indicator
from banfa.rules.words import Text

YEARS = 3
"""So many past years have figures, beside the one under way."""
SIZES = {
    "万元": 3000,
    "元": 40_000_000,
    "人": 120,
    "家": 24,
    "项": 9,
    "小时": 4200,
    "件": 30,
    "%": 60,
    "次": 1,
}
SOURCE = "组建方案“年度目标”部分（虚构）"


def make() -> int:
    """Opens each programme's yearly collections, and fills them; gives how many there are."""
    today, made = clock.today(), 0
    for programme in library.loadable()[0]:
        for kind in reports.kinds(programme)[:1]:
            with transaction.atomic():
                for year in range(today.year - YEARS, today.year + 1):
                    made += _collection(kind, year, today)
    return made


def _collection(kind: reports.ReportKind, year: int, today: dt.date) -> bool:
    systems = queries.systems(kind.programme, dt.date(year, 12, 31))
    systems = systems or queries.systems(kind.programme, today)
    under_way = year == today.year
    members = list(reports.members(kind, year, Q(book=kind.programme), today).order_by("pk"))
    if not systems or not members or (under_way and not kind.calendar):
        return False
    due = reports.last_day(kind, year, today)
    opens = due - dt.timedelta(days=56) if due is not None else dt.date(year, 11, 1)
    name = Text(f"{year}年度关键指标", f"Key figures of {year}")
    collection = verbs.open_collection(
        None,
        Opening(systems[0], Kind.ANNUAL, year, name, opens, due, centres=[c.pk for c in members]),
    )
    reported = {c.pk for c in members if not kind.calendar or c.report is not None}
    entries = list(collection.entries.order_by("centre_id"))
    if under_way:
        _fill(collection, entries[:1], Stage.EMPTY, jump=True)
        _fill(collection, entries[1:2], Stage.REPORTED)
    else:
        last = rights.steps(collection)[-1]
        _fill(collection, [e for e in entries if e.centre_id in reported], last)
    return True


def _fill(collection: Collection, entries: list[Entry], stage: Stage, jump: bool = False) -> None:
    """Fills tables up to a step; with `jump` one figure is thrice the last year's."""
    at = dt.datetime.combine(collection.opens, dt.time(10), clock.SHANGHAI)
    figures, changes, goals = [], [], []
    for number, entry in enumerate(entries):
        moment = at + dt.timedelta(days=20 + number % 9)
        own = _values(collection, entry.centre_id, jump)
        for name, value in own.items():
            one = fields_of(collection, Stage.REVIEWED)[name]
            held = max(stage, Stage.REPORTED)
            figure = Figure(entry=entry, indicator=name, year=collection.year, stage=held)
            figure.reported = value
            figure.reviewed = value if held >= Stage.REVIEWED else None
            figure.verified = value if held >= Stage.VERIFIED else None
            figures.append(figure)
            changes.append(
                FigureChange(figure=figure, stage=Stage.REPORTED, after=value, at=moment)
            )
            if one.role == "scored" and one.unit in ("万元", "人", "元"):
                aim = Decimal(written(value, one.places)) * Decimal("1.05")
                goals.append(
                    Goal(
                        centre_id=entry.centre_id, indicator=name, year=collection.year,
                        value=aim.quantize(Decimal(1)), unit=one.unit, source=SOURCE, at=moment,
                    )
                )  # fmt: skip
        entry.stage, entry.version = stage, 1
        if stage >= Stage.REPORTED:
            entry.submitted = moment
        if stage >= Stage.REVIEWED:
            entry.reviewed = moment + dt.timedelta(days=6)
        if stage >= Stage.VERIFIED:
            entry.verified = moment + dt.timedelta(days=12)
    Figure.objects.bulk_create(figures)
    FigureChange.objects.bulk_create(changes)
    Goal.objects.bulk_create(goals)
    columns = ["stage", "version", "submitted", "reviewed", "verified"]
    Entry.objects.bulk_update(entries, columns)


def _values(collection: Collection, centre: str, jump: bool) -> dict[str, int]:
    """A centre's values of a year: a size of its own, growing year by year."""
    fields = fields_of(collection, Stage.REVIEWED)
    derived = (one.derived for one in system_of(collection.system).indicators.values())
    wholes = {one.share.whole for one in derived if one is not None and one.share is not None}
    made: dict[str, Decimal] = {}
    for name, one in sorted(fields.items(), key=lambda item: item[1].plausible.part_of or ""):
        if one.type != "number":
            continue
        part = made.get(one.plausible.part_of or "")
        if part is not None:
            value = part * between(25, 60, centre, name) / 100
        else:
            base = (
                (4 if name in wholes else 1)
                * Decimal(SIZES.get(one.unit or "", 10))
                * between(50, 180, centre, name)
                / 100
            )
            growth = Decimal(1) + Decimal(between(3, 14, centre, name)) / 100
            value = base * growth ** (collection.year - 2027)
        if jump and one.plausible.change is not None:
            value, jump = value * 4, False
        made[name] = within(one, value)
    return {name: whole(name, fields[name], value) for name, value in made.items()}


def within(one: Indicator, value: Decimal) -> Decimal:
    """A value to the indicator's places, and within what can be true."""
    value = value.quantize(Decimal(1).scaleb(-one.places))
    if one.allowed.at_most is not None:
        value = min(value, one.allowed.at_most)
    if one.allowed.at_least is not None:
        value = max(value, one.allowed.at_least)
    return value


def between(low: int, high: int, *of: str) -> int:
    """A number that is always the same for the same words."""
    seed = hashlib.sha256(" ".join(of).encode()).digest()
    return low + int.from_bytes(seed[:4], "big") % (high - low + 1)
