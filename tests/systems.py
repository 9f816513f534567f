"""Made-up indicator systems, tables and thresholds, for properties of scoring."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from banfa.rules.system import System, Thresholds

WORDS = {"zh": "名", "en": "name"}
CLASSES = ("north", "south", "west")
YEARS = [2024, 2025, 2026]


@dataclass
class Made:
    """A system with a table's values and thresholds."""

    system: System
    thresholds: Thresholds | None
    values: dict[tuple[str, str, int], Any]
    centres: dict[str, dict[str, str]]
    years: list[int]


def decimals(low: int, high: int, places: int = 1) -> st.SearchStrategy[Decimal]:
    """Decimals of so many places."""
    scale = 10**places
    return st.integers(low * scale, high * scale).map(lambda n: Decimal(n) / scale)


@st.composite
def kernels(draw: st.DrawFn, direction: str, weight: Decimal, *, plain: bool = False) -> Any:
    """A kernel for numbers."""
    forms = ["linear", "steps"] + (["each"] if direction == "more" else [])
    forms += [] if plain else ["bands", "coefficient"]
    form = draw(st.sampled_from(forms))
    if form == "bands":
        each = {c: draw(kernels(direction, weight, plain=True)) for c in CLASSES}
        return {"by": "region", "bands": each}
    if form == "coefficient":
        inner = draw(kernels(direction, weight, plain=True))
        values = {c: draw(decimals(0, 3, 2)) + Decimal("0.01") for c in CLASSES}
        return {**inner, "coefficient": {"by": "region", "values": values}}
    if form == "linear":
        basic, way = draw(decimals(-50, 200)), draw(decimals(0, 300)) + Decimal("0.1")
        linear = {"basic": basic, "base": draw(decimals(0, 100))}
        linear["full"] = basic + way if direction == "more" else basic - way
        if direction == "more" and basic > 0 and draw(st.booleans()):
            linear["below"] = "in_proportion"
        return {"linear": linear}
    if form == "each":
        points = draw(decimals(0, 5, 2)) + Decimal("0.01")
        return {"each": {"points": points, "per": draw(decimals(0, 9)) + Decimal("0.1")}}
    return {"steps": draw(_steps(direction, weight))}


@st.composite
def _steps(draw: st.DrawFn, direction: str, weight: Decimal) -> Any:
    number = draw(st.integers(1, 4))
    bound, word = draw(decimals(-20, 200)), "at_least" if direction == "more" else "at_most"
    made = []
    for i in range(number):
        made.append({word: bound, "points": weight * (i + 1) / number})
        jump = draw(decimals(0, 40)) + Decimal("0.05")
        bound = bound + jump if direction == "more" else bound - jump
    made[-1]["points"] = weight
    return made


@st.composite
def indicators(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """Numbers in several units and places, with kernels; derived ones; a grade; gates."""
    made: dict[str, Any] = {}
    base = {
        "name": WORDS, "definition": WORDS, "source": WORDS, "period": "year", "evidence": "none",
    }  # fmt: skip
    for i in range(number):
        direction = draw(st.sampled_from(["more", "less"]))
        weight = draw(decimals(1, 40))
        made[f"n{i}"] = base | {
            "code": f"N{i}",
            "group": draw(st.sampled_from(["first", "second"])),
            "role": draw(st.sampled_from(["scored", "scored", "bonus", "deduction"])),
            "unit": draw(st.sampled_from(["元", "万元"])),
            "places": draw(st.integers(0, 3)),
            "direction": direction,
            "over": draw(st.sampled_from(["last", "sum", "mean"])),
            "missing": draw(st.sampled_from(["zero", "no_score", "blocks"])),
            "weight": weight,
            "kernel": draw(kernels(direction, weight)),
        }
        if made[f"n{i}"]["missing"] != "no_score" and draw(st.integers(0, 3)) == 0:
            made[f"n{i}"]["gate"] = {
                draw(st.sampled_from(["at_least", "at_most"])): draw(decimals(-10, 100, 2)),
                "effect": draw(st.sampled_from(["veto", "limit"])),
                "ground": WORDS,
            }
    made["heads"] = base | {
        "code": "H", "group": "first", "role": "shown", "unit": "人",
        "missing": draw(st.sampled_from(["zero", "no_score", "blocks"])),
    }  # fmt: skip
    for name, derived, units in (
        ("d_sum", {"sum": ["n0", "n1"]}, ["元", "万元"]),
        ("d_difference", {"difference": {"of": "n0", "less": "n1"}}, ["元", "万元"]),
        ("d_ratio", {"ratio": {"of": "n0", "to": "n1"}}, ["1", "%"]),
        ("d_share", {"share": {"of": "n0", "whole": "n1"}}, ["1", "%"]),
        ("d_head", {"per_head": {"of": "n0", "heads": "heads"}}, ["元/人", "万元/人"]),
        ("d_growth", {"growth": {"of": "n0"}}, ["1", "%"]),
    ):
        if not draw(st.booleans()):
            continue
        direction, weight = draw(st.sampled_from(["more", "less"])), draw(decimals(1, 20))
        made[name] = {
            "name": WORDS, "definition": WORDS, "code": name.upper().replace("_", "-"),
            "group": "second", "unit": draw(st.sampled_from(units)),
            "places": draw(st.integers(0, 4)), "direction": direction,
            "over": draw(st.sampled_from(["last", "mean"])),
            "missing": draw(st.sampled_from(["zero", "no_score", "blocks"])), "weight": weight,
            "kernel": draw(kernels(direction, weight)),
            "derived": derived | {"years": draw(st.sampled_from(["each", "whole"]))},
        }  # fmt: skip
    shares = draw(st.lists(decimals(0, 100), min_size=2, max_size=4))
    made["grade"] = base | {
        "code": "G", "group": "first", "type": "grade", "weight": draw(decimals(1, 20)),
        "missing": draw(st.sampled_from(["no_score", "blocks"])),
        "kernel": {"graded": {f"g{i}": {"name": WORDS, "share": s} for i, s in enumerate(shares)}},
    }  # fmt: skip
    made["false"] = base | {
        "code": "V", "group": "first", "role": "gate", "type": "yes_no", "missing": "zero",
        "gate": {"is": False, "effect": "veto", "ground": WORDS},
    }  # fmt: skip
    return made


def system_of(made: dict[str, Any], mode: str = "half_up", places: int = 2,
              at: str = "indicator", **more: Any) -> System:  # fmt: skip
    """A system of these indicators; groups and total as the weights sum."""
    sums: dict[str, Decimal] = {"first": Decimal(0), "second": Decimal(0)}
    for one in made.values():
        if one.get("role", "scored") == "scored":
            sums[one["group"]] += one["weight"]
    groups = {n: {"name": WORDS} | ({"weight": w} if w else {}) for n, w in sums.items()}
    used = any("region" in str(one.get("kernel")) for one in made.values())
    bands = {"region": {"name": WORDS, "classes": dict.fromkeys(CLASSES, WORDS)}} if used else {}
    return System.model_validate({
        "system": "made", "edition": "1", "programme": "made", "name": WORDS, "sample": WORDS,
        "in_force": {"from": dt.date(2026, 1, 1)}, "guide": WORDS, "occasions": ["evaluation"],
        "years": 3, "total": sum(sums.values(), Decimal(0)) or None,
        "rounding": {"mode": mode, "places": places, "at": at},
        "bands": bands, "groups": groups, "indicators": made, **more,
    })  # fmt: skip


@st.composite
def systems(draw: st.DrawFn) -> System:
    """A whole system."""
    made = draw(indicators(draw(st.integers(2, 4))))
    more = {
        key: draw(decimals(1, 20))
        for key in ("bonus_at_most", "deduction_at_most")
        if draw(st.booleans())
    }
    return system_of(
        made,
        draw(st.sampled_from(["half_up", "half_even", "down"])),
        draw(st.integers(0, 3)),
        draw(st.sampled_from(["indicator", "group", "total"])),
        **more,
    )


@st.composite
def thresholds_of(draw: st.DrawFn, system: System) -> Thresholds:
    """Thresholds with floors and quotas."""
    begins = sorted(draw(st.lists(decimals(0, 60), min_size=2, max_size=3, unique=True)))[::-1]
    grades: list[dict[str, Any]] = []
    for i, begin in enumerate(begins):
        grade: dict[str, Any] = {"grade": f"g{i}", "from": begin}
        weights = {n: g.weight for n, g in system.groups.items() if g.weight is not None}
        if weights and draw(st.booleans()):
            name = draw(st.sampled_from(list(weights)))
            grade["floors"] = {name: weights[name] * draw(st.integers(0, 10)) / 10}
        if draw(st.booleans()):
            size = draw(st.sampled_from([{"number": 1}, {"share": Decimal(30)}, {"number": 0}]))
            grade["quota"] = size | {"ties": draw(st.sampled_from(["in", "out"]))}
        grades.append(grade)
    grades.append({"grade": "last"})
    limits = {
        name: draw(st.sampled_from([g["grade"] for g in grades]))
        for name, one in system.indicators.items()
        if one.gate is not None and one.gate.effect == "limit"
    }
    return Thresholds.model_validate({
        "system": "made@1", "on": dt.date(2026, 5, 1), "grades": grades, "veto": "last",
        "limits": limits,
    })  # fmt: skip


@st.composite
def values_of(draw: st.DrawFn, system: System, centres: list[str]) -> dict[Any, Any]:
    """Values, some missing, some very large."""
    made = {}
    for name, one in system.entered("evaluation").items():
        for centre in centres:
            for year in YEARS:
                made[centre, name, year] = draw(_value(one))
    return {key: value for key, value in made.items() if value is not None}


def _value(one: Any) -> st.SearchStrategy[Any]:
    missing = st.none()
    if one.type == "yes_no":
        return st.sampled_from([False, False, False, True, None])
    if one.type == "grade":
        return st.one_of(st.sampled_from(list(one.kernel.graded)), missing)
    usual = decimals(-30, 300, one.places)
    large = st.integers(-(10**14), 10**14).map(Decimal)
    return st.one_of(usual, usual, usual, usual, large, missing)


@st.composite
def everything(draw: st.DrawFn) -> Made:
    """A system, thresholds and a table."""
    system = draw(systems())
    names = [f"c{i}" for i in range(draw(st.integers(1, 5)))]
    region = st.sampled_from([*CLASSES, *CLASSES, ""])
    centres = {n: ({"region": r} if (r := draw(region)) and system.bands else {}) for n in names}
    thresholds = draw(st.one_of(st.none(), thresholds_of(system))) if system.total else None
    return Made(system, thresholds, draw(values_of(system, names)), centres, YEARS)
