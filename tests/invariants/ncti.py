"""NCTI: what must hold of every life, from part I of the matrix. Each is (premise, what holds)."""

from __future__ import annotations

from typing import Any

from banfa.rules import names

LED_TO = (  # where lives would seldom get on their own
    ("approve_field", "delist"),
    ("enter_next_cycle",),
    ("inspect_rectification", "delist"),
)
LISTED = ("listed_operating", "under_evaluation", "next_cycle_open", "rectifying")


def listed(s: Any) -> bool:
    return s.stage in LISTED


def case_of(s: Any, a: Any) -> Any:
    """The case this act moved last."""
    return next(c for c in s.cases.values() if c.acts.get(a.kind) == a.seq)


def expert_opinion_first(s: Any, a: Any, at: Any) -> bool:
    return in_order(s, s.last["approve_field"], "start_expert_review", "give_consultation_opinion")


def in_order(s: Any, a: Any, *kinds: str) -> bool:
    """These acts were taken in this act's own case, in this order, before it."""
    order = [case_of(s, a).acts.get(k, 0) for k in (*kinds, a.kind)]
    return all(order) and order == sorted(order)


def listed_on_findings(s: Any, a: Any, at: Any) -> bool:
    """Every required item of the class was found to be met, and nothing of it withdrawn since."""
    article, items = ("15", 5) if s.centre_class == "field" else ("13", 4)
    found = all(f"found_{article}_{i}" in at.before.flags for i in range(1, items + 1))
    return found and a.kind == f"approve_{s.centre_class}" and a.party == "most"


def named_by_class(s: Any, a: Any, at: Any) -> bool:
    name = names.current(at.programme, s, a.on).zh
    if s.centre_class == "field":
        return name.startswith("国家") and name.endswith("技术创新中心")
    return name.endswith("国家技术创新中心")


def ended_by_most(s: Any, a: Any, at: Any) -> bool:
    last = [s.last[k] for k in ("delist", "revoke") if k in s.last]
    return any(e.on == s.stage_since and e.party == "most" for e in last)


def delisted_on_ground(s: Any, a: Any, at: Any) -> bool:
    return a.data["ground"] in s.flags and s.values["delisting_ground"] == a.data["ground"]


def entered_on_a_plan(s: Any, a: Any, at: Any) -> bool:
    """Each cycle more was entered by an act, on a plan that runs, after a result above poor."""
    entered = 1 + s.counts["enter_next_cycle"] == s.values["cycle_no"] or s.imported
    fit = any(r.grade in ("excellent", "good") for r in s.results)
    return entered and "plan_cycle" in s.periods and (fit or "consent_to_next_cycle" in s.counts)


INVARIANTS: dict[str, Any] = {
    "listed_on_findings": (
        lambda s, a, at: a.kind in ("approve_comprehensive", "approve_field"),
        listed_on_findings,
    ),
    "class_is_fixed": (
        lambda s, a, at: s.stage is not None,
        lambda s, a, at: s.centre_class in ("comprehensive", "field"),
    ),
    "expert_opinion_first": (
        lambda s, a, at: listed(s) and s.centre_class == "field" and not s.imported,
        expert_opinion_first,
    ),
    "named_by_class": (
        lambda s, a, at: listed(s) and names.current(at.programme, s, a.on).zh is not None,
        named_by_class,
    ),
    "no_name_before_listing": (
        lambda s, a, at: s.stage is not None and not listed(s),
        lambda s, a, at: names.current(at.programme, s, a.on).zh is None,
    ),
    "ended_by_most": (lambda s, a, at: s.stage == "delisted", ended_by_most),
    "graded_after_findings": (
        lambda s, a, at: a.kind == "decide_grade",
        lambda s, a, at: in_order(s, a, "called", "submit_evaluation_material", "report_findings"),
    ),
    "grade_in_scale": (
        lambda s, a, at: bool(s.results),
        lambda s, a, at: all(r.grade in ("excellent", "good", "poor") for r in s.results),
    ),
    "rectifying_with_a_deadline": (
        lambda s, a, at: s.stage == "rectifying" and not s.imported,
        lambda s, a, at: "rectification" in s.periods and s.results[-1].grade == "poor",
    ),
    "subsidy_on_a_result": (
        lambda s, a, at: a.kind == "arrange_post_subsidy",
        lambda s, a, at: a.data["cited_grade"] == s.results[-1].grade,
    ),
    "delisted_on_ground": (lambda s, a, at: a.kind == "delist", delisted_on_ground),
    "entered_on_a_plan": (
        lambda s, a, at: "enter_next_cycle" in s.counts and not s.imported,
        entered_on_a_plan,
    ),
    "filed_after_review": (
        lambda s, a, at: a.kind == "file_annual_report",
        lambda s, a, at: in_order(s, a, "submit_annual_report", "review_annual_report"),
    ),
    "changed_after_review": (
        lambda s, a, at: a.kind == "approve_change",
        lambda s, a, at: in_order(s, a, "apply_change", "review_change"),
    ),
}
