"""Rounds of the demonstration: figures of those that are over, so that they lead to the grades on
file, and of those under way as far as each centre has come.

Like everything here the figures are made up, the same each time.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from django.db import transaction

from banfa.office import clock
from banfa.office.demo.figures import SIZES, between, within
from banfa.office.evaluations import queries, round_queries, round_verbs, rounds, verbs, yearly
from banfa.office.evaluations.models import (
    Collection,
    Entry,
    Figure,
    FigureChange,
    Kind,
    Run,
    Stage,
)
from banfa.office.evaluations.rounds import Round
from banfa.office.evaluations.systems import (
    fields_of,
    read_thresholds,
    scheme_of,
    system_of,
    years_of,
)
from banfa.office.evaluations.verbs import Opening
from banfa.office.ledger import library
from banfa.office.ledger.models import ActRecord, Matter
from banfa.office.notices.queries import holders
from banfa.office.people import access
from banfa.office.people.access import Reach
from banfa.rules.figures import Table, grades_of, whole
from banfa.rules.scoring import run
from banfa.rules.system import Indicator, Thresholds

MANY, GENERATIONS = 64, 40
REASON = "本轮参评不足十家，按比例折算没有名额；经会商，达到该等级分数线的不受名额限制（虚构）"
OTHERWISE = "评估口径与年度报告不同，已核对（虚构）"
Values = dict[tuple[str, int], int]
"""The value of each indicator and year, as it is stored."""


def make() -> int:
    """Opens a collection for each round and fills it; gives how many there are."""
    made = 0
    for programme in library.loadable()[0]:
        officers = holders(programme, rounds.authority(programme))
        if not officers:
            continue
        reach = access.reach(officers[0], clock.today())
        for one in rounds.rounds(reach):
            if one.programme.programme == programme:
                with transaction.atomic():
                    made += _round(reach, one)
    return made


def _round(reach: Reach, one: Round) -> bool:
    programme = one.programme.programme
    systems = queries.systems(programme, one.act.on) or queries.systems(programme, clock.today())
    decided = round_queries.decided(reach, one)
    matters = [m for m in rounds.called(reach, one) if not m.closed or m.centre_id in decided]
    if not systems or not matters:
        return False
    centres = [m.centre_id for m in matters]
    bands = system_of(systems[0]).bands
    classes = {
        centre: {
            name: list(of.classes)[between(0, len(of.classes) - 1, centre, name)]
            for name, of in bands.items()
            if name != "class"
        }
        for centre in centres
    }
    collection = verbs.open_collection(
        reach,
        Opening(
            systems[0], Kind.ROUND, one.act.on.year - 1, one.name, one.act.on, one.closes,
            one.number, centres=centres, classes=classes,
        ),
    )  # fmt: skip
    steps = list(one.programme.procedures[one.way.procedure].steps)
    far = {m.centre_id: Stage(min(steps.index(m.step), Stage.VERIFIED)) for m in matters}
    text = verbs.sample_thresholds(programme, systems[0].system)
    thresholds = read_thresholds(text, system_of(systems[0]), one.programme) if text else None
    for entry in collection.entries.order_by("centre_id"):
        grade = decided.get(entry.centre_id)
        if grade is not None and thresholds is not None:
            _write(entry, _fit(collection, entry, grade, thresholds), Stage.VERIFIED)
        else:
            dice = random.Random(f"{programme} {entry.centre_id}")
            drawn = _values(collection, dice)
            _write(entry, drawn | _reported(entry, drawn), far[entry.centre_id])
    if decided and text:
        verbs.set_thresholds(reach, collection, text, clock.today())
        scored = verbs.score_collection(reach, collection)
        round_verbs.adopt(reach, scored)
        _explain(reach, one, scored, matters, decided)
    return True


def _explain(
    reach: Reach, one: Round, scored: Run, matters: Sequence[Matter], decided: dict[str, str]
) -> None:
    """Says why a grade on file is another than the one computed: a quota of few is none."""
    for matter in matters:
        found = round_queries.computed_for(scored, matter.centre_id)
        grade = decided.get(matter.centre_id)
        if found is None or grade is None or found.grade == grade:
            continue
        acts = ActRecord.objects.filter(centre=matter.centre, seq__gt=matter.opened_by)
        act = acts.filter(kind__in=one.way.deciding).earliest("seq")
        grades = (found.grade or "", grade)
        round_verbs.deviate(reach, scored, matter.centre_id, matter.key, act.seq, grades, REASON)


def _fit(collection: Collection, entry: Entry, wanted: str, thresholds: Thresholds) -> Values:
    """Values for a centre that come to the grade on file, found by trying many at once.

    Each generation keeps those nearest to the grade and varies them.
    """
    scheme = scheme_of(collection)
    scale = [grade.grade for grade in thresholds.grades]
    dice = random.Random(f"{collection.book_id} {collection.round} {entry.centre_id}")
    tried = [_values(collection, dice) for _ in range(MANY)]
    for _generation in range(GENERATIONS):
        scores = run(scheme, thresholds, _table(collection, entry, tried))
        grades = [scores.grade_of(n) for n in range(MANY)]
        if wanted in grades:
            return tried[grades.index(wanted)]
        reached = [scale.index(g) if g in scale else len(scale) for g in grades]
        up = 1 if min(reached) > scale.index(wanted) else -1
        best = sorted(range(MANY), key=lambda n: -up * (scores.score(n) or Decimal(0)))[: MANY // 8]
        tried = [_varied(collection, tried[n], dice) for n in best for _ in range(8)]
    raise AssertionError(f"no values of {entry.centre_id} come to {wanted}")


def _table(collection: Collection, entry: Entry, tried: Sequence[Values]) -> Table:
    system, years = system_of(collection.system), years_of(collection)
    base = [name for name, one in system.indicators.items() if one.derived is None]
    shape = (len(years), len(tried))
    values = {
        name: np.array(
            [[one.get((name, year), 0) for one in tried] for year in years], np.int64
        ).reshape(shape)
        for name in base
    }
    there = {
        name: np.array([[(name, year) in one for one in tried] for year in years]).reshape(shape)
        for name in base
    }
    classes = {
        name: np.full(len(tried), [*of.classes].index(entry.classes[name]), np.intp)
        if name in entry.classes
        else np.full(len(tried), -1, np.intp)
        for name, of in system.bands.items()
    }
    return Table([str(n) for n in range(len(tried))], years, values, there, classes)


def _values(collection: Collection, dice: random.Random) -> Values:
    """One set of values, drawn."""
    fields = fields_of(collection, Stage.VERIFIED)
    made: Values = {}
    for name, one in sorted(fields.items(), key=lambda item: item[1].plausible.part_of or ""):
        made |= _drawn(collection, name, one, made, dice)
    return made


def _varied(collection: Collection, values: Values, dice: random.Random) -> Values:
    """The same with some indicators drawn anew."""
    made = dict(values)
    fields = fields_of(collection, Stage.VERIFIED)
    for name, one in sorted(fields.items(), key=lambda item: item[1].plausible.part_of or ""):
        if dice.random() < 0.2:
            made |= _drawn(collection, name, one, made, dice)
    return made


def _drawn(
    collection: Collection, name: str, one: Indicator, made: Values, dice: random.Random
) -> Values:
    years = years_of(collection)
    if one.type == "yes_no":
        held = one.gate.is_ is not False if one.gate is not None else True
        return {(name, year): whole(name, one, held) for year in years}
    if one.type == "grade":
        grade = dice.choice(grades_of(one))
        return {(name, year): whole(name, one, grade) for year in years}
    base = Decimal(SIZES.get(one.unit or "", 10)) * Decimal(repr(10 ** dice.uniform(-0.7, 0.9)))
    growth, share = Decimal(repr(dice.uniform(0.9, 1.4))), Decimal(repr(dice.uniform(0.1, 0.9)))
    found: Values = {}
    for number, year in enumerate(years):
        of = made.get((one.plausible.part_of or "", year))
        value = base * growth**number
        if of is not None:
            value = of * share / 10 ** (_places(collection, one.plausible.part_of) or 0)
        found[name, year] = whole(name, one, within(one, value))
    return found


def _places(collection: Collection, name: str | None) -> int:
    return system_of(collection.system).indicators[name].places if name else 0


def _reported(entry: Entry, drawn: Values) -> Values:
    """What the centre's yearly reports have for the years of a table."""
    found = {at: figure.at(Stage.VERIFIED) for at, figure in yearly.of(entry).items()}
    return {at: value for at, value in found.items() if at in drawn and value is not None}


def _write(entry: Entry, values: Values, stage: Stage) -> None:
    """A centre's table up to a step."""
    collection = entry.collection
    at = dt.datetime.combine(collection.opens, dt.time(10), clock.SHANGHAI)
    moment = at + dt.timedelta(days=20)
    asked = fields_of(collection, stage)
    rows, reported = [], _reported(entry, values)
    for (name, year), value in values.items():
        if stage == Stage.EMPTY or name not in asked:
            continue
        row = Figure(entry=entry, indicator=name, year=year, stage=stage, reported=value)
        row.reason = OTHERWISE if reported.get((name, year), value) != value else ""
        row.reviewed = value if stage >= Stage.REVIEWED else None
        row.verified = value if stage >= Stage.VERIFIED else None
        rows.append(row)
    Figure.objects.bulk_create(rows)
    FigureChange.objects.bulk_create(
        FigureChange(figure=row, stage=Stage.REPORTED, after=row.reported, at=moment)
        for row in rows
    )
    entry.stage, entry.version = stage, 1
    entry.submitted = moment if stage >= Stage.REPORTED else None
    entry.reviewed = moment + dt.timedelta(days=6) if stage >= Stage.REVIEWED else None
    entry.verified = moment + dt.timedelta(days=20) if stage >= Stage.VERIFIED else None
    entry.save()
