"""NCTI: what must hold of every life, from part I of the matrix. Each is (premise, what holds)."""

from __future__ import annotations

from typing import Any

from banfa.rules import names

LISTED = ("listed_operating", "under_evaluation", "next_cycle_open", "rectifying")


def listed(s: Any) -> bool:
    return s.stage in LISTED


def listed_on_findings(s: Any, a: Any, rs: Any) -> bool:
    """Every required item of the class was found to be met before the listing."""
    if s.imported:
        return True
    article, items = ("15", 5) if s.centre_class == "field" else ("13", 4)
    return all(f"found_{article}_{i}" in s.flags for i in range(1, items + 1))


def expert_opinion_first(s: Any, a: Any, rs: Any) -> bool:
    case = next(c for c in s.cases.values() if c.procedure == "expert_review" and c.closed)
    return len(case.acts) >= 3


def named_by_class(s: Any, a: Any, rs: Any) -> bool:
    name = names.current(rs.programme, s, a.on).zh
    if name is None:
        return True
    if s.centre_class == "field":
        return name.startswith("国家") and name.endswith("技术创新中心")
    return name.endswith("国家技术创新中心")


def ended_by_most(s: Any, a: Any, rs: Any) -> bool:
    last = [s.last[k] for k in ("delist", "revoke") if k in s.last]
    return any(e.on == s.stage_since and e.party == "most" for e in last)


def graded_after_findings(s: Any, a: Any, rs: Any) -> bool:
    case = next(c for c in reversed(list(s.cases.values())) if c.acts.get("decide_grade"))
    order = [case.acts.get(k, 0) for k in ("called", "report_findings", "decide_grade")]
    return all(order) and order == sorted(order)


INVARIANTS: dict[str, Any] = {
    "listed_on_findings": (lambda s, a, rs: listed(s), listed_on_findings),
    "class_is_fixed": (
        lambda s, a, rs: s.stage is not None,
        lambda s, a, rs: s.centre_class in ("comprehensive", "field"),
    ),
    "expert_opinion_first": (lambda s, a, rs: a.kind == "approve_field", expert_opinion_first),
    "named_by_class": (lambda s, a, rs: listed(s), named_by_class),
    "no_name_before_listing": (
        lambda s, a, rs: s.stage is not None and not listed(s),
        lambda s, a, rs: names.current(rs.programme, s, a.on).zh is None,
    ),
    "ended_by_most": (lambda s, a, rs: s.stage == "delisted", ended_by_most),
    "graded_after_findings": (lambda s, a, rs: a.kind == "decide_grade", graded_after_findings),
    "grade_in_scale": (
        lambda s, a, rs: bool(s.results),
        lambda s, a, rs: all(r.grade in ("excellent", "good", "poor") for r in s.results),
    ),
    "rectifying_with_a_deadline": (
        lambda s, a, rs: s.stage == "rectifying" and not s.imported,
        lambda s, a, rs: "rectification" in s.periods and s.results[-1].grade == "poor",
    ),
    "subsidy_on_a_result": (
        lambda s, a, rs: a.kind == "arrange_post_subsidy",
        lambda s, a, rs: bool(s.results),
    ),
    "filed_after_review": (
        lambda s, a, rs: a.kind == "file_annual_report",
        lambda s, a, rs: s.counts["review_annual_report"] >= s.counts["file_annual_report"],
    ),
    "changed_after_review": (
        lambda s, a, rs: a.kind == "approve_change",
        lambda s, a, rs: s.counts["review_change"] >= s.counts["approve_change"],
    ),
}
