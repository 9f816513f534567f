"""JLIIC: what must hold of every life, from part II of the matrix: (premise, what holds)."""

from __future__ import annotations

from typing import Any

from banfa.rules import names
from banfa.rules.calendar import Span, end_of

LED_TO = (  # where lives would seldom get on their own
    ("order_improvement", "record_nothing_shown", "revoke_formation_approval"),
    ("order_improvement", "revoke_formation_approval"),
)
JILIN = ("吉林省", "吉林")
FINDINGS = ("lead_unit", "goals", "base", "scale", "functions", "mechanisms")
ENDING = {
    "approval_revoked": "revoke_formation_approval",
    "not_approved": "not_approve",
    "adjusted_out": "decide_dynamic_adjustment",
}


def latest(s: Any, *kinds: str) -> Any:
    """The last act of these kinds."""
    return max((s.last[k] for k in kinds if k in s.last), key=lambda a: a.seq, default=None)


def applied_after_review(s: Any, a: Any, at: Any) -> bool:
    """The plan as last sent in was passed, and not returned afterwards."""
    kinds = ("submit_formation_plan", "pass_preliminary_review", "return_preliminary_review")
    return latest(s, *kinds).kind == "pass_preliminary_review"


def approved_on_record(s: Any, a: Any, at: Any) -> bool:
    """A visit, a feasibility review and six positive findings; goals that can be measured."""
    found = [at.before.values.get(f"finding_{f}") for f in FINDINGS]
    seen = {"record_site_visit", "record_feasibility_review"} <= set(s.counts)
    goals = all(r.get(c) for r in s.values["stage_goals"] for c in ("metric", "target", "due"))
    return seen and goals and found == ["met"] * len(FINDINGS)


def two_years(s: Any, a: Any, at: Any) -> bool:
    """Formation runs from the approval for two years, or as the approval states."""
    start, end = a.data.get("formation_start", a.on), a.data.get("planned_end")
    period = s.periods["formation"]
    if end is None and "formation_start" not in a.data:
        end = end_of(a.on, Span(years=2))
    return bool(period.start == start and end in (None, period.end))


def panel_of_both(s: Any, a: Any, at: Any) -> bool:
    return {"manager", "expert"} <= {r.get("side") for r in a.data["panel"]}


def recognized_after_acceptance(s: Any, a: Any, at: Any) -> bool:
    last = latest(s, "conduct_acceptance", "repeat_acceptance")
    return last.data["result"] == "passed" and last.on <= a.on and a.party == "provincial_drc"


def inside_jilin(s: Any, a: Any, at: Any) -> bool:
    if at.before.values.get("legal_form") == "independent_legal_person":
        return s.values["registered_province"] in JILIN
    if at.before.values.get("legal_form") == "non_legal_person":
        return s.roles["lead_unit"][0]["place"] in JILIN
    return s.imported


def named_in_form(s: Any, a: Any, at: Any) -> bool:
    name = names.current(at.programme, s, a.on)
    zh = name.zh.startswith("吉林省") and name.zh.endswith("产业创新中心")
    en = name.en is None or name.en.startswith("JiLin Province Industrial Innovation Center of ")
    return zh and en and "（筹）" not in name.zh


def revoked_after_deadline(s: Any, a: Any, at: Any) -> bool:
    """The term is over, and what was found after the order was a failure."""
    term = s.periods["improvement"]
    found = latest(s, "repeat_acceptance", "record_nothing_shown")
    act = s.last["revoke_formation_approval"]
    failed = found.kind == "record_nothing_shown" or found.data["result"] == "failed"
    return act.on > term.end and act.seq > found.seq > term.seq and failed


def adjusted_on_proposal(s: Any, a: Any, at: Any) -> bool:
    case = next(c for c in s.cases.values() if c.acts.get(a.kind) == a.seq)
    return case.closed and 0 < case.acts.get("propose_adjustment", 0) < a.seq


def ended_by_decision(s: Any, a: Any, at: Any) -> bool:
    last = s.last.get(ENDING[s.stage])
    return last is not None and last.on == s.stage_since and last.party == "provincial_drc"


def in_improvement(s: Any, a: Any, at: Any) -> bool:
    term = s.periods["improvement"]
    ordered = latest(s, "order_improvement", "set_new_improvement_deadline")
    return term.end > term.start and term.end == ordered.data["deadline"]


INVARIANTS: dict[str, Any] = {
    "applied_after_review": (lambda s, a, at: a.kind == "apply_formation", applied_after_review),
    "approved_on_record": (
        lambda s, a, at: a.kind == "approve_formation_plan",
        approved_on_record,
    ),
    "two_years": (lambda s, a, at: a.kind == "approve_formation_plan", two_years),
    "panel_of_both": (
        lambda s, a, at: a.kind in ("conduct_acceptance", "repeat_acceptance"),
        panel_of_both,
    ),
    "recognized_after_acceptance": (
        lambda s, a, at: a.kind == "recognize",
        recognized_after_acceptance,
    ),
    "inside_jilin": (lambda s, a, at: a.kind == "recognize", inside_jilin),
    "named_in_form": (
        lambda s, a, at: names.current(at.programme, s, a.on).zh is not None,
        named_in_form,
    ),
    "no_name_before_recognition": (
        lambda s, a, at: s.stage not in (None, "recognized"),
        lambda s, a, at: names.current(at.programme, s, a.on).zh is None,
    ),
    "in_improvement": (
        lambda s, a, at: s.stage == "improving" and not s.imported,
        in_improvement,
    ),
    "revoked_after_deadline": (
        lambda s, a, at: s.stage == "approval_revoked",
        revoked_after_deadline,
    ),
    "decided_on_evaluation": (
        lambda s, a, at: (
            a.kind in ("decide_dynamic_adjustment", "grant_project_support", "nominate_national")
        ),
        lambda s, a, at: (
            "evaluate_operation" in s.first and s.first["evaluate_operation"].on <= a.on
        ),
    ),
    "assessed_once_a_year": (
        lambda s, a, at: a.kind == "record_annual_assessment",
        lambda s, a, at: ("record_annual_assessment", a.data["year"]) not in at.before.keyed,
    ),
    "adjusted_on_proposal": (lambda s, a, at: a.kind == "review_adjustment", adjusted_on_proposal),
    "ended_by_decision": (lambda s, a, at: s.stage in ENDING, ended_by_decision),
}
