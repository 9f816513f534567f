"""Indicator systems: those that come with Banfa are sound; a spoilt one is told what is wrong."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from banfa.rules.figures import table
from banfa.rules.library import SHIPPED, edition_folders, load
from banfa.rules.loading import (
    Bilingual,
    LoadError,
    Node,
    Problem,
    load_model,
    parse,
    read,
    validate,
)
from banfa.rules.score_store import Unreadable, pack, pack_table, unpack, unpack_table
from banfa.rules.scoring import Scheme, run
from banfa.rules.system import OCCASIONS, System, Thresholds, digest
from banfa.rules.system_checks import CHECKS, Desk, check_file, check_thresholds, lint_system
from banfa.rules.units import converted, unit

SYSTEMS = sorted(SHIPPED.glob("*/indicators/*.yaml"))
GIVEN_THRESHOLDS = sorted(SHIPPED.glob("*/indicators/thresholds/*.yaml"))
SAMPLE = SHIPPED / "nitec" / "indicators" / "operation.yaml"


def programme_of(path: Path) -> str:
    return path.relative_to(SHIPPED).parts[0]


@pytest.mark.parametrize("path", SYSTEMS, ids=programme_of)
def test_the_systems_that_come_with_banfa_are_sound_samples(path: Path) -> None:
    programme = load(edition_folders(programme_of(path))[-1])
    system, problems = check_file(path, programme)
    assert [str(p) for p in problems] == []
    assert system is not None and system.sample is not None
    assert "样例" in system.sample.zh and "ample" in system.sample.en
    for occasion in system.occasions:
        asked = system.asked(occasion).values()
        weights = sum(one.weight or 0 for one in asked if one.role == "scored")
        assert weights == (system.total or 0)


def test_every_programme_has_a_sample() -> None:
    assert {programme_of(path) for path in SYSTEMS} == {
        folder.name for folder in SHIPPED.iterdir() if list(folder.glob("*/programme.yaml"))
    }


def test_the_named_market_indicators_are_those_of_the_text_without_weights() -> None:
    """NMIC 2.6 names four; the stock of incubated firms beside them is the programme's own."""
    programme = load(edition_folders("nmic")[-1])
    system = load_model(SHIPPED / "nmic" / "indicators" / "market.yaml", System)
    assert programme.evaluation is not None
    named = set(programme.evaluation.indicators) - {"incubated_enterprise_stock"}
    assert (
        {one.from_programme for one in system.indicators.values()}
        == named
        == set(system.indicators)
    )
    assert system.total is None and all(o.weight is None for o in system.indicators.values())


@pytest.mark.parametrize("path", GIVEN_THRESHOLDS, ids=programme_of)
def test_the_example_thresholds_fit_their_system(path: Path) -> None:
    programme = load(edition_folders(programme_of(path))[-1])
    node = read(path)
    system = load_model(path.parent.parent / path.name, System)
    assert programme.evaluation is not None
    scale = list(programme.evaluation.grades)
    assert check_thresholds(validate(node, Thresholds), system, scale, node) == []


def test_only_programmes_with_grades_have_example_thresholds() -> None:
    for path in SYSTEMS:
        programme = load(edition_folders(programme_of(path))[-1])
        has = (path.parent / "thresholds" / path.name).exists()
        assert has == bool(programme.evaluation and programme.evaluation.grades)


# --- spoilt in place ----------------------------------------------------------------------------


def problems_with(change: dict[str, str]) -> list[Problem]:
    """What is found in the sample after replacing text in it."""
    text = SAMPLE.read_text(encoding="utf-8")
    for old, new in change.items():
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    try:
        node = parse(text.encode(), SAMPLE)
        system = validate(node, System)
    except LoadError as error:
        return list(error.problems)
    return lint_system(system, node, load(edition_folders("nitec")[-1]))


SPOILT = {
    "group": ({"weight: 25, cite": "weight: 26, cite"}, "weights_do_not_sum"),
    "total": ({"total: 100": "total: 99"}, "weights_do_not_sum"),
    "confirmation": ({"    counts: confirmation\n": ""}, "weights_do_not_sum"),
    "top_step": ({"at_least: 15, points: 10": "at_least: 15, points: 9.5"}, "weights_do_not_sum"),
    "idle_step": ({"at_least: 6, points: 6": "at_least: 2, points: 6"}, "unreachable"),
    "equal_step": ({"at_least: 6, points: 6": "at_least: 6, points: 4"}, "unreachable"),
    "beyond": ({"linear: {basic: 80, full: 100": "linear: {basic: 80, full: 120"}, "unreachable"),
    "direction": ({"basic: 20, full: 60, base": "basic: 60, full: 20, base"}, "direction"),
    "step_word": ({"at_least: 3, points: 4": "at_most: 3, points: 4"}, "direction"),
    "class_left_out": ({", energy: 1.1}": "}"}, "classes"),
    "class_unknown": ({"biology: 0.7": "biologie: 0.7"}, "unknown_name"),
    "set_unknown": ({"      by: industry\n      bands": "      by: industy\n      bands"},
                    "unknown_name"),
    "no_kernel": ({"    kernel: {each: {points: 0.2}}\n": ""}, "role"),
    "weight_of_a_gate": ({"    role: gate\n": "    role: gate\n    weight: 3\n"}, "role"),
    "gate_skipped": ({"    role: gate\n": "    role: gate\n    missing: no_score\n"}, "gate"),
    "gate_type": ({"      is: true\n": "      at_least: 1\n"}, "gate"),
    "no_source": ({"    source: {zh: 设备使用记录, en: Records of use}\n": ""}, "no_source"),
    "no_evidence": ({"    evidence: none\n": ""}, "no_source"),
    "no_period": ({"    period: year\n": ""}, "no_source"),
    "code": ({"code: A2": "code: A1"}, "duplicate_code"),
    "unit": ({'unit: "%"': "unit: 万元"}, "unit"),
    "unknown_unit": ({"unit: 万元/人": "unit: 元每人"}, "unit"),
    "heads": ({"heads: rd_staff": "heads: revenue"}, "unit"),
    "operand": ({"heads: rd_staff": "heads: rd_stuff"}, "unknown_name"),
    "circle": ({"share: {of: rd_spending": "share: {of: spending_share"}, "circle"),
    "stock_summed": ({"    period: year_end\n": "    period: year_end\n    over: sum\n"}, "years"),
    "one_year": ({"years: 3": "years: 1"}, "years"),
    "evaluated": ({"    evidence: none\n": "    evidence: none\n    evaluated_as: scoer\n"},
                  "unknown_name"),
    "citation": ({'cite: "34(5)"': 'cite: "43"'}, "unknown_name"),
    "issuer": ({"in_force:": "issuer: ndrcc\nin_force:"}, "unknown_name"),
    "hand": ({"verified_by: [third_party]": "verified_by: [thirdparty]"}, "unknown_name"),
    "nobody": ({"reported_by: [supporting_unit]\n": ""}, "nobody"),
    "programme": ({"programme: nitec": "programme: neiic"}, "unknown_name"),
    "not_a_sample": ({"sample:\n  zh: 样例：权数和数值均为示例，不是国家发展改革委发布的指标体系\n"
                      '  en: "Sample: weights and values are examples, not issued by NDRC"\n': ""},
                     "no_issuer"),
    "grades_as_numbers": ({"    type: grade\n": "    unit: 项\n"}, "kernel"),
    "zero_grade": ({"    type: grade\n": "    type: grade\n    missing: zero\n"}, "missing"),
    "part": ({"part_of: staff": "part_of: revenue"}, "unit"),
    "sum": ({"part_of: staff": "sum_of: [staff, revenue]"}, "unit"),
    "sum_unknown": ({"part_of: staff": "sum_of: [staff, stuff]"}, "unknown_name"),
    "two_forms": ({"kernel: {each: {points: 0.2}}":
                   "kernel: {each: {points: 0.2}, graded: {}}"}, "wrong_value"),
    "unknown_key": ({"    weight: 8\n": "    weigth: 8\n"}, "unknown_key"),
    "misspelt_role": ({"role: bonus": "role: bonuss"}, "not_a_choice"),
    "negative": ({"points: 2.5": "points: -2.5"}, "wrong_value"),
    "unused_set": ({"bands:\n": "bands:\n  region: {name: {zh: 地区, en: Region}, classes: "
                    "{north: {zh: 北, en: North}}}\n"}, "unused"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_system_is_told_what_is_wrong_and_where(name: str) -> None:
    change, code = SPOILT[name]
    found = problems_with(change)
    assert code in {p.code for p in found}, found
    for problem in found:
        assert problem.zh and problem.en and problem.path == SAMPLE
        assert any("\u4e00" <= c <= "\u9fff" for c in problem.zh)


def test_every_check_finds_something_in_the_spoilt_ones() -> None:
    """A check that none of these trips would be one that cannot fail."""
    tripped = set()
    programme = load(edition_folders("nitec")[-1])
    for change, _ in SPOILT.values():
        text = SAMPLE.read_text(encoding="utf-8")
        for old, new in change.items():
            text = text.replace(old, new, 1)
        try:
            node: Node = parse(text.encode(), SAMPLE)
            system = validate(node, System)
        except LoadError:
            continue
        desk = Desk(system, node, programme)
        tripped |= {check.__name__ for check in CHECKS if list(check(desk))}
    assert {check.__name__ for check in CHECKS} - tripped == set()


def test_a_problem_is_placed_where_the_word_is_written() -> None:
    [problem] = [p for p in problems_with({"heads: rd_staff": "heads: rd_stuff"})
                 if p.code == "unknown_name"]  # fmt: skip
    line = SAMPLE.read_text(encoding="utf-8").splitlines()[problem.line - 1]
    assert "per_head" in line and "rd_staff" in problem.en


THRESHOLDS = SAMPLE.parent / "thresholds" / "operation.yaml"
WRONG_THRESHOLDS = {
    "order": ({"from: 75": "from: 95"}, "unreachable"),
    "left_out": ({"  - {grade: medium, from: 65}\n": ""}, "grades"),
    "no_begin": ({"grade: good, from: 75": "grade: good"}, "grades"),
    "last": ({"{grade: unqualified}": "{grade: unqualified, from: 10}"}, "grades"),
    "other": ({"operation@2026": "operation@2025"}, "unknown_name"),
    "floor": ({"floors: {transfer: 18}": "floors: {transfer: 26}"}, "unknown_name"),
    "no_veto": ({"veto: unqualified\n": ""}, "veto"),
    "veto": ({"veto: unqualified\n": "veto: failed\n"}, "unknown_name"),
    "no_limit": ({"limits: {own_accounts: basically_qualified}": "limits: {}"}, "veto"),
    "limit": ({"{own_accounts: basically_qualified}":
               "{own_accounts: medium, standards: medium}"}, "unknown_name"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_THRESHOLDS)
def test_wrong_thresholds_are_told(name: str) -> None:
    change, code = WRONG_THRESHOLDS[name]
    text = THRESHOLDS.read_text(encoding="utf-8")
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    node = parse(text.encode(), THRESHOLDS)
    programme = load(edition_folders("nitec")[-1])
    assert programme.evaluation is not None
    system = load_model(SAMPLE, System)
    found = check_thresholds(validate(node, Thresholds), system,
                             list(programme.evaluation.grades), node)  # fmt: skip
    assert code in {p.code for p in found}, found


# --- digests, units, storage --------------------------------------------------------------------


def test_a_digest_is_of_what_is_said_not_of_the_layout() -> None:
    text = SAMPLE.read_text(encoding="utf-8")

    def of(text: str) -> str:
        return digest(validate(parse(text.encode(), SAMPLE), System))

    assert of(text) == of(
        "# another comment\n" + text.replace("weight: 8\n", "weight: 8   # eight\n")
    )
    assert of(text) != of(text.replace("base: 60", "base: 61", 1))


def test_units_are_converted_exactly_or_not_at_all() -> None:
    assert converted(Fraction("12.3456"), "万元", "元") == 123456
    assert converted(Fraction(1), "元", "万元") == Fraction(1, 10_000)
    assert converted(Fraction(50), "%", "1") == Fraction(1, 2)
    assert converted(Fraction(3), "万元/人", "元/人") == 30_000
    for given, wanted in (("元", "人"), ("项", "件"), ("万元/人", "万元")):
        with pytest.raises(Bilingual):
            converted(Fraction(1), given, wanted)
    with pytest.raises(Bilingual, match="did you mean '万元'"):
        unit("万圆元")


@pytest.mark.parametrize("occasion", OCCASIONS)
def test_a_stored_run_is_the_run(occasion: str) -> None:
    system = load_model(SAMPLE, System)
    thresholds = load_model(THRESHOLDS, Thresholds)
    years = [2024, 2025, 2026]
    values = {
        ("c1", name, year): Decimal(60 + i)
        for i, (name, one) in enumerate(system.indicators.items())
        for year in years
        if one.derived is None and one.type == "number"
    } | {("c2", "standards", 2026): 4}
    made = table(system, years, values, {"c1": {"industry": "biology"}, "c2": {}})
    scheme = Scheme(system, "confirmation" if occasion == "confirmation" else "evaluation")
    scores = run(scheme, thresholds, made)
    again = unpack(scheme, thresholds, pack(scores))
    assert again.digest() == scores.digest() and again.record() == scores.record()
    assert unpack_table(pack_table(made)).digest() == made.digest()
    with pytest.raises(Unreadable):
        unpack_table(b"not a table")
