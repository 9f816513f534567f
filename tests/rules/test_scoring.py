"""Scoring: equal to the slow arithmetic with fractions, and what must hold of any system."""

from __future__ import annotations

import datetime as dt
import random
import statistics
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from banfa.rules import exact
from banfa.rules.exact import LARGEST, Column, divided
from banfa.rules.figures import Table, WrongTable, table
from banfa.rules.kernels import pieces
from banfa.rules.score_compare import moves, outliers, spread, with_thresholds
from banfa.rules.score_origin import origins, total_in_words, why_not_better
from banfa.rules.score_words import explain, sheet
from banfa.rules.scoring import UNSCORED, ZEROED, Scheme, Scores, held_back, run, score
from banfa.rules.system import Indicator, System, Thresholds
from banfa.rules.words import Text
from tests.scoring_by_fractions import Slow, rounded
from tests.systems import (
    CLASSES,
    WORDS,
    YEARS,
    Made,
    decimals,
    everything,
    kernels,
    system_of,
)

# Made-up systems are large: to shrink one takes minutes, and the failing one can be read as it is.
MANY = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
FEW = settings(MANY, max_examples=30)


def scored(made: Made) -> Scores:
    built = table(made.system, made.years, made.values, made.centres)
    return run(made.system, made.thresholds, built)


# --- against the slow arithmetic ----------------------------------------------------------------


@MANY
@given(everything())
def test_columns_give_what_fractions_give(made: Made) -> None:
    scores = scored(made)
    slow = Slow(made.system, made.years, made.values, made.centres).all(made.thresholds)
    for at, centre in enumerate(scores.centres):
        expected = slow[centre]
        assert scores.blocked[at] == expected.blocked
        for name, figure in expected.figures.items():
            line, one = scores.lines[name], made.system.indicators[name]
            if figure is not None:
                assert Fraction(int(line.figure[at]), 10**one.places) == figure, (centre, name)
            else:
                assert line.state[at] >= UNSCORED
            if line.points is not None:
                assert scores.points(name, at) == expected.points[name], (centre, name)
        assert scores.failing(at) == expected.fails
        for name, points in expected.groups.items():
            assert Fraction(int(scores.groups[name][at]), scores.bottom) == points
        if not expected.blocked:
            assert Fraction(int(scores.total[at]), scores.bottom) == expected.total
        if made.system.total is not None:
            assert scores.rank[at] == expected.rank
            assert scores.grade_of(at) == expected.grade


@MANY
@given(
    st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=6),
    st.integers(1, 2**70),
    st.sampled_from(["half_up", "half_even", "down"]),
)
def test_division_is_exact_far_beyond_int64(
    values: list[int], bottom: int, mode: exact.Mode
) -> None:
    wide = any(abs(v) > LARGEST for v in values)
    column = Column(np.array(values, dtype=object if wide else np.int64))
    made = divided(column, bottom, mode)
    expected = [rounded(Fraction(v, bottom), 0, mode) for v in values]
    assert [int(v) for v in made.values] == expected
    assert [exact.round_to(Fraction(v, bottom), 0, mode) for v in values] == expected


@MANY
@given(st.lists(st.integers(-LARGEST, LARGEST), min_size=1, max_size=4), st.integers(-9, 10**19))
def test_products_and_sums_never_wrap_around(values: list[int], factor: int) -> None:
    column = Column(np.array(values, dtype=np.int64))
    assert [int(v) for v in column.times(factor).values] == [v * factor for v in values]
    assert [int(v) for v in column.plus(column).values] == [2 * v for v in values]
    assert [int(v) for v in column.plus(column, -1).values] == [0] * len(values)


# --- what must hold of any system ---------------------------------------------------------------


@st.composite
def lone(draw: st.DrawFn) -> Indicator:
    """One indicator with a kernel of any form for numbers, without bands."""
    direction, weight = draw(st.sampled_from(["more", "less"])), draw(decimals(1, 40))
    return Indicator.model_validate({
        "code": "A", "name": WORDS, "group": "first", "unit": "元", "definition": WORDS,
        "places": draw(st.integers(0, 3)), "direction": direction, "weight": weight,
        "kernel": draw(kernels(direction, weight, plain=True)),
    })  # fmt: skip


@MANY
@given(lone(), decimals(-100, 500, 3), decimals(-100, 500, 3))
def test_kernels_are_monotone_and_keep_to_the_weight(
    one: Indicator, first: Decimal, second: Decimal
) -> None:
    assert one.kernel is not None
    low, high = sorted((Fraction(first), Fraction(second)))
    row = pieces(one, one.kernel)

    def points(x: Fraction) -> Fraction:
        piece = [p for p in row if p.start is None or x > p.start or (x == p.start and not p.over)][
            -1
        ]
        return piece.slope * x + piece.base

    assert 0 <= points(low) <= Fraction(one.weight or 0)
    less, more = points(low), points(high)
    assert less <= more if one.direction == "more" else less >= more


@FEW
@given(everything(), st.randoms(use_true_random=False))
def test_the_order_of_centres_changes_nothing(made: Made, chance: random.Random) -> None:
    before = scored(made)
    names = list(made.centres)
    chance.shuffle(names)
    made.centres = {name: made.centres[name] for name in names}
    after = scored(made)
    assert moves(before, after) == []
    assert before.record() == after.record()


@FEW
@given(everything())
def test_the_same_run_gives_the_same_digits(made: Made) -> None:
    assert scored(made).record() == scored(made).record()


@FEW
@given(everything())
def test_equal_totals_rank_equal_and_better_ones_before(made: Made) -> None:
    scores = scored(made)
    places = [i for i in range(len(scores.centres)) if not scores.blocked[i]]
    assume(made.system.total is not None)
    for i in places:
        for j in places:
            assert (scores.total[i] > scores.total[j]) == (scores.rank[i] < scores.rank[j])
    assert all(scores.rank[i] == 0 for i in range(len(scores.centres)) if scores.blocked[i])


@FEW
@given(everything(), st.data())
def test_scaling_units_changes_nothing(made: Made, data: st.DataObject) -> None:
    """The same amounts told in 元 rather than 万元, with kernels in 元: the same points."""
    names = [n for n, o in made.system.indicators.items() if o.unit == "万元" and not o.derived]
    assume(names)
    name = data.draw(st.sampled_from(names))
    plain = made.system.model_dump(by_alias=True, exclude_none=True)
    one = plain["indicators"][name]
    # The figure may be rounded differently once places differ; keep as many digits as before.
    assume(one["over"] != "mean")
    one["unit"], one["places"] = "元", max(0, one["places"] - 4)
    assume(made.system.indicators[name].places <= 4)
    _grow(one["kernel"], Decimal(10_000))
    for word in ("at_least", "at_most"):
        if word in one.get("gate", {}):
            one["gate"][word] *= 10_000
    other = Made(System.model_validate(plain), made.thresholds, dict(made.values), made.centres,
                 made.years)  # fmt: skip
    for key, value in made.values.items():
        if key[1] == name:
            other.values[key] = value * 10_000
    before, after = scored(made), scored(other)
    assert moves(before, after) == []


def _grow(kernel: dict[str, Any], factor: Decimal) -> None:
    for inner in (kernel.get("bands") or {}).values():
        _grow(inner, factor)
    for holder, words in (
        (kernel.get("linear"), ("basic", "full")),
        (kernel.get("each"), ("per",)),
        *((step, ("at_least", "at_most")) for step in kernel.get("steps") or []),
    ):
        for word in words:
            if holder and holder.get(word) is not None:
                holder[word] *= factor


@FEW
@given(everything(), st.data())
def test_a_veto_vetoes(made: Made, data: st.DataObject) -> None:
    assume(made.thresholds is not None)
    centre = data.draw(st.sampled_from(list(made.centres)))
    made.values[centre, "false", YEARS[-1]] = True
    scores = scored(made)
    at = scores.at(centre)
    assert "false" in scores.failing(at)
    assert scores.grade_of(at) == (None if scores.blocked[at] else "last")


@FEW
@given(everything(), st.data())
def test_a_missing_value_is_never_a_zero_unless_the_system_says_so(
    made: Made, data: st.DataObject
) -> None:
    """Where it does not say so: no figure, no points, and a block if it blocks."""
    names = [n for n, o in made.system.entered("evaluation").items() if o.kernel is not None]
    name = data.draw(st.sampled_from(names))
    one = made.system.indicators[name]
    centre = data.draw(st.sampled_from(list(made.centres)))
    gone = {k: v for k, v in made.values.items() if k[:2] != (centre, name)}
    zero = gone | {(centre, name, year): Decimal(0) for year in made.years}
    scores = scored(Made(made.system, made.thresholds, gone, made.centres, made.years))
    at, line = scores.at(centre), scores.lines[name]
    if one.missing == "zero":
        assert line.state[at] >= ZEROED
        there = scored(Made(made.system, made.thresholds, zero, made.centres, made.years))
        assert scores.points(name, at) == there.points(name, at)
        assert moves(scores, there) == []
    else:
        assert line.state[at] >= UNSCORED
        assert scores.points(name, at) == 0
        assert scores.blocked[at] or one.missing == "no_score"


@FEW
@given(everything())
def test_every_figure_explains_itself_in_both_languages(made: Made) -> None:
    scores = scored(made)
    for centre in scores.centres:
        for line in sheet(scores, centre):
            assert line.said.zh and line.said.en and line.title.zh
            if line.points is not None:
                assert line.rule.zh or line.state
                assert line.weight is not None and abs(line.points) <= line.weight + 1
                off = made.system.indicators[line.name].role == "deduction"
                assert line.points <= 0 if off else line.points >= 0


# --- by example ---------------------------------------------------------------------------------


def linear(**more: Any) -> dict[str, Any]:
    return {
        "code": "A", "name": {"zh": "经费", "en": "Spending"}, "group": "first", "unit": "万元",
        "places": 1, "definition": WORDS, "source": WORDS, "period": "year", "evidence": "none",
        "weight": Decimal(10),
        "kernel": {"linear": {"basic": Decimal(8), "full": Decimal(60), "base": Decimal(60)}},
    } | more  # fmt: skip


def points_of(one: dict[str, Any], *values: Any, **more: Any) -> list[Decimal]:
    """The points of one indicator for these values of the last year."""
    system = system_of({"a": one}, **more)
    centres: dict[str, dict[str, str]] = {f"c{i}": {} for i in range(len(values))}
    given = {(f"c{i}", "a", 2026): v for i, v in enumerate(values)}
    scores = score(system, None, table(system, [2026], given, centres))
    return [scores.shown(scores.points("a", i)) for i in range(len(values))]


def test_linear_gives_the_base_at_basic_and_all_at_full() -> None:
    got = points_of(linear(), *map(Decimal, ("7.9", "8", "34", "60", "99")))
    assert got == [Decimal(x) for x in ("0.00", "6.00", "8.00", "10.00", "10.00")]


def test_linear_falls_where_less_is_better() -> None:
    kernel = {"linear": {"basic": Decimal(10), "full": Decimal(2), "base": Decimal(50)}}
    got = points_of(linear(direction="less", kernel=kernel), 1, 2, 6, 10, Decimal("10.1"))
    assert got == [Decimal(x) for x in ("10.00", "10.00", "7.50", "5.00", "0.00")]


def test_steps_are_reached_or_not() -> None:
    steps = [{"at_least": 3000, "points": 2}, {"at_least": 5000, "points": 10}]
    kernel = {"steps": [{k: Decimal(v) for k, v in s.items()} for s in steps]}
    assert points_of(linear(kernel=kernel), 2999, 3000, 4999, 5000) == [0, 2, 2, 10]


def test_rounding_is_the_declared_one() -> None:
    kernel = {"each": {"points": Decimal("0.5"), "per": Decimal(1)}}
    values = [Decimal("0.1"), Decimal("0.3")]  # 0.05 and 0.15 points
    for mode, expected in (("half_up", ["0.1", "0.2"]), ("half_even", ["0.0", "0.2"]),
                           ("down", ["0.0", "0.1"])):  # fmt: skip
        got = points_of(linear(kernel=kernel), *values, mode=mode, places=1)
        assert got == [Decimal(x) for x in expected]


def test_an_explanation_shows_the_arithmetic() -> None:
    system = system_of({"a": linear(cite="4(1)")})
    given = {("c", "a", 2026): Decimal(34)}
    scores = score(system, None, table(system, [2026], given, {"c": {}}))
    line = explain(scores, "c", "a")
    assert (
        line.said.zh
        == "经费：34.0 万元；10 × [60% + (1 − 60%) × (34.0 − 8) ÷ (60 − 8)]，得 8.00 分"
    )
    assert (line.value.zh, line.points, line.weight, line.share, line.cite) == (
        "34.0 万元", Decimal(8), Decimal(10), Decimal(80), "4(1)")  # fmt: skip
    assert (
        line.rule.zh
        == "基本值 8 万元（得权数的 60%），满分值 60 万元，其间按比例，未达基本值不得分"
    )
    assert line.value.en == "34.0 × 10,000 yuan"


@MANY
@given(everything())
def test_a_total_so_far_is_the_total_of_whoever_lacks_nothing(made: Made) -> None:
    scores = scored(made)
    for at in range(len(scores.centres)):
        if not scores.blocked[at]:
            assert scores.so_far(at) == scores.score(at)


def test_deductions_stand_below_zero_and_bonuses_do_not() -> None:
    kernel = {"each": {"points": Decimal(2)}}
    off = linear(code="B", role="deduction", weight=Decimal(6), kernel=kernel)
    more = linear(code="C", role="bonus", weight=Decimal(6), kernel=kernel)
    system = system_of({"a": linear(), "b": off, "c": more}, deduction_at_most=Decimal(4))
    given = {("c", "a", 2026): 60, ("c", "b", 2026): 3, ("c", "c", 2026): 1,
             ("d", "a", 2026): 60, ("d", "b", 2026): 0}  # fmt: skip
    scores = score(system, None, table(system, [2026], given, {"c": {}, "d": {}}))
    line = explain(scores, "c", "b")
    assert (line.points, line.share, line.weight) == (Decimal(-6), None, 6)
    assert line.said.zh.endswith("扣 6.00 分")
    assert explain(scores, "c", "c").points == 2
    assert str(explain(scores, "d", "b").points) == "0.00"
    # 10 + 2, and at most 4 off whatever the lines say; what is missing earns nothing so far.
    assert (scores.score(0), scores.so_far(0)) == (8, 8)
    assert (scores.score(1), scores.so_far(1)) == (None, 10)


@MANY
@given(everything())
def test_whoever_reaches_a_better_grade_is_told_why_it_is_not_theirs(made: Made) -> None:
    scores = scored(made)
    for at, centre in enumerate(scores.centres):
        held = held_back(scores, at)
        assert all(h.floors or h.gates or h.quota is not None for h in held)
        told = why_not_better(scores, centre, lambda g: Text(g, g))
        assert len(told) == len(held)
        if scores.blocked[at] or scores.thresholds is None:
            continue
        reached = [
            g.grade
            for g in scores.thresholds.grades
            if g.from_ is not None and scores.total[at] >= Fraction(g.from_) * scores.bottom
        ]
        own = scores.grade_of(at)
        better = reached if own not in reached else reached[: reached.index(own)]
        assert [h.grade for h in held] == better


@FEW
@given(everything())
def test_every_figure_of_several_years_tells_where_it_comes_from(made: Made) -> None:
    built = table(made.system, made.years, made.values, made.centres)
    scores = score(made.system, None, built)
    for at, centre in enumerate(scores.centres):
        told = origins(made.system, built, centre)
        for line in sheet(scores, centre):
            one = made.system.indicators[line.name]
            if len(made.years) > 1 or one.derived is not None:
                assert told[line.name].zh and told[line.name].en
            if one.derived is not None and one.over == "last" and line.state <= ZEROED:
                assert line.value.zh in told[line.name].zh, (at, line.name)


def test_the_origin_of_a_figure_lets_the_arithmetic_be_redone() -> None:
    shown: Any = {"role": "shown", "weight": None, "kernel": None, "over": "mean"}
    heads = linear(code="H", unit="人", places=0, **(shown | {"over": "last"}))
    derived = {"per_head": {"of": "a", "heads": "h"}, "years": "whole"}
    made = {
        "a": linear(code="B", **shown), "h": heads,
        "d": linear(code="D", unit="万元/人", places=2, derived=derived, source=None, period=None,
                    evidence=None),
        "g": linear(code="E", unit="%", derived={"growth": {"of": "a"}}, source=None, period=None,
                    evidence=None),
    }  # fmt: skip
    system = system_of(made)
    given = {("c", "a", 2025): 10, ("c", "a", 2026): 20, ("c", "h", 2025): 3, ("c", "h", 2026): 4}
    told = origins(system, table(system, [2025, 2026], given, {"c": {}}), "c")
    assert told["a"].zh == "2025 年 10.0 万元；2026 年 20.0 万元；取平均"
    assert told["h"].zh == "2026 年 4 人；取最后一年"
    assert told["d"].zh == "经费（2 年平均） 15.0 万元 ÷ 经费（最后一年） 4 人 = 3.75 万元/人"
    assert told["g"].zh == "经费：（2026 年 20.0 万元 − 2025 年 10.0 万元）÷ 10.0 万元 = 100.0%"
    assert "halves up" in total_in_words(system).en


def test_a_dry_run_shows_who_moves_and_has_no_record() -> None:
    system = system_of({"a": linear(), "b": linear(code="B", group="second")})
    thresholds = Thresholds.model_validate({
        "system": "made@1", "on": dt.date(2026, 5, 1),
        "grades": [{"grade": "good", "from": Decimal(15)}, {"grade": "poor"}],
    })  # fmt: skip
    values = {("x", "a", 2026): 60, ("x", "b", 2026): 8, ("y", "a", 2026): 34,
              ("y", "b", 2026): 34}  # fmt: skip
    built = table(system, [2026], values, {"x": {}, "y": {}})
    before = score(system, thresholds, built)
    assert [(before.score(i), before.rank[i], before.grade_of(i)) for i in (0, 1)] == [
        (16, 1, "good"), (16, 1, "good")]  # fmt: skip
    strict = with_thresholds(thresholds, {"good": Decimal(17)})
    assert {m.centre: m.grade for m in moves(before, score(system, strict, built))} == {
        "x": ("good", "poor"), "y": ("good", "poor")}  # fmt: skip
    heavier = score(Scheme(system, weights={"b": Decimal(20)}), thresholds, built)
    assert {m.centre: m.score for m in moves(before, heavier)} == {
        "y": (16, 24), "x": (16, 22)}  # fmt: skip
    with pytest.raises(ValueError, match="dry run"):
        heavier.record()
    assert explain(heavier, "y", "b").said.zh.startswith("经费：34.0 万元；20 ×")


def test_spread_and_outliers() -> None:
    system = system_of({"a": linear()})
    values: dict[Any, Any] = {(f"c{i}", "a", 2026): 30 + i for i in range(12)}
    values["c11", "a", 2026] = 900
    built = table(system, [2026], values, {f"c{i}": {} for i in range(13)})
    scores = score(system, None, built)
    found = spread(scores)
    assert found is not None
    assert (found.number, found.blocked, found.highest) == (12, 1, Decimal(10))
    middle = [Fraction(scores.score(i) or 0) for i in (5, 6)]
    assert found.lowest == scores.score(0)
    assert found.median == scores.shown(sum(middle) / 2)
    [far] = outliers(scores)
    assert (far.centre, far.value, far.low) == ("c11", 900, Decimal(14))


@given(st.lists(st.integers(0, 600), min_size=1, max_size=40))
def test_the_spread_is_the_usual_one(values: list[int]) -> None:
    system = system_of({"a": linear()})
    given_ = {(f"c{i}", "a", 2026): Decimal(v) / 10 for i, v in enumerate(values)}
    scores = score(system, None, table(system, [2026], given_, {k[0]: {} for k in given_}))
    found = spread(scores)
    assert found is not None
    totals = [Fraction(int(x), scores.bottom) for x in scores.total]
    quarters = statistics.quantiles(totals, n=4, method="inclusive") if totals[1:] else totals * 3
    shown = [scores.shown(q) for q in quarters]
    assert [found.quartile, found.median, found.upper] == shown
    assert found.median == scores.shown(statistics.median(totals))
    assert found.lowest <= found.quartile <= found.median <= found.upper <= found.highest
    if len(values) == 2:
        assert found.median == found.mean


def test_a_table_says_everything_that_is_wrong() -> None:
    system = system_of({"a": linear(allowed={"at_least": Decimal(0)})})
    wrong = {("c", "a", 2026): Decimal("1.25"), ("c", "b", 2026): 1, ("d", "a", 2026): 1,
             ("c", "a", 2020): 1, ("e", "a", 2026): -1, ("f", "a", 2026): "many"}  # fmt: skip
    with pytest.raises(WrongTable) as told:
        table(system, [2026], wrong, {"c": {}, "e": {}, "f": {}})
    text = "\n".join(p.zh for p in told.value.problems)
    assert len(told.value.problems) == 6
    for part in ("至多 1 位小数", "没有“b”这个填报指标", "没有“d”这个中心", "2020 年不在",
                 "不得小于 0", "应为数"):  # fmt: skip
        assert part in text


def test_the_table_digest_sees_a_missing_value_but_not_the_order() -> None:
    system = system_of({"a": linear()})

    def digest_of(values: dict[Any, Any], names: str) -> str:
        made: Table = table(system, [2026], values, {n: {} for n in names})
        return made.digest()

    both = {("x", "a", 2026): 0, ("y", "a", 2026): 1}
    assert digest_of(both, "xy") == digest_of(both, "yx")
    assert digest_of(both, "xy") != digest_of({("y", "a", 2026): 1}, "xy")


def test_bands_differ_by_class_and_an_unknown_class_blocks() -> None:
    bands = {
        c: {"linear": {"basic": Decimal(8), "full": Decimal(full), "base": Decimal(60)}}
        for c, full in zip(CLASSES, (60, 34, 12), strict=True)
    }
    system = system_of({"a": linear(kernel={"by": "region", "bands": bands})})
    centres = {c: {"region": c} for c in CLASSES} | {"other": {}}
    values = {(c, "a", 2026): 34 for c in centres}
    scores = score(system, None, table(system, [2026], values, centres))
    assert [scores.score(i) for i in range(4)] == [Decimal(8), 10, 10, None]
    assert explain(scores, "other", "a").said.zh.endswith("中心所属类别未定，无法计分")
