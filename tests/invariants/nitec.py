"""NITEC: the invariants of the matrix, part B.7. Each is (premise, what must hold)."""

from __future__ import annotations

from typing import Any

from banfa.rules import names
from banfa.rules.calendar import Span, end_of

FOUR_YEARS = Span(years=4)
ENDED = ("cancelled", "waived", "revoked", "withdrawn")
ENDING = {
    "cancelled": "cancel_preparation",
    "waived": "record_waiver",
    "revoked": "revoke",
    "withdrawn": "record_withdrawal",
}


def excepted(s: Any) -> bool:
    return bool(s.exceptions)


def one_application(s: Any, a: Any, at: Any) -> bool:
    free = [
        e.data.get("still_counts") is False
        for e in [s.last.get("decide_extension")]
        if e is not None
    ]
    return excepted(s) or any(free) or s.counts["apply_extension"] == 1


def within_four_years(s: Any, a: Any, at: Any) -> bool:
    period = s.periods["preparation"]
    return excepted(s) or period.end <= end_of(period.start, FOUR_YEARS)


def confirmed_in_order(s: Any, a: Any, at: Any) -> bool:
    """Appraisal, approval, goals and tasks in time, application, a result of good or above."""
    days = [
        s.first[k].on
        for k in (
            "record_plan_appraisal",
            "approve_formation_start",
            "apply_confirmation",
            "evaluate_for_confirmation",
            "forward_confirmation",
            "review_confirmation",
        )
    ]
    end = s.periods["preparation"].end
    done = s.values["tasks_completed_on"] <= end and s.values["goals_met_on"] <= end
    carried = set(s.last["apply_confirmation"].documents)
    papers = {"preparation_summary_report", "evaluation_form", "proof"} <= carried
    grade = s.last["evaluate_for_confirmation"].data["grade"] in ("excellent", "good")
    return days == sorted(days) and done and papers and grade


def name_fits_stage(s: Any, a: Any, at: Any) -> bool:
    name = names.current(at.programme, s, a.on).zh
    if name is None:
        return True
    return ("（筹）" in name) == (at.stage_on(s, a.on) != "confirmed")


def two_letters(s: Any, a: Any, at: Any) -> bool:
    letters = [n for n in s.notices if n.notice.startswith("confirmation_letter")]
    return len(letters) == 2


def result_on_record(s: Any, a: Any, at: Any) -> bool:
    both = s.concurrences.get(a.draft, {})
    joint = both.get("customs_administration") and both.get("tax_administration")
    return "third_party_verification" in s.counts and bool(joint)


def revoked_on_ground(s: Any, a: Any, at: Any) -> bool:
    both = s.concurrences.get(a.draft, {})
    joint = both.get("customs_administration") and both.get("tax_administration")
    return bool(joint) and bool(a.data.get("ground"))


def ended_by_decision(s: Any, a: Any, at: Any) -> bool:
    return ENDING[s.stage] in s.counts and s.stage_since == s.last[ENDING[s.stage]].on


INVARIANTS: dict[str, Any] = {
    "one_application": (lambda s, a, at: a.kind == "apply_extension", one_application),
    "four_years": (lambda s, a, at: "preparation" in s.periods, within_four_years),
    "confirmed_in_order": (
        lambda s, a, at: a.kind == "review_confirmation" and s.stage == "confirmed",
        confirmed_in_order,
    ),
    "name_fits_stage": (
        lambda s, a, at: names.current(at.programme, s, a.on).zh is not None,
        name_fits_stage,
    ),
    "two_letters": (lambda s, a, at: s.stage == "confirmed", two_letters),
    "result_on_record": (lambda s, a, at: a.kind == "confirm_result", result_on_record),
    "revoked_on_ground": (lambda s, a, at: a.kind == "revoke", revoked_on_ground),
    "ended_by_decision": (lambda s, a, at: s.stage in ENDED, ended_by_decision),
    "no_clawback": (
        lambda s, a, at: s.stage == "revoked",
        lambda s, a, at: "recover_subsidy" not in s.counts,
    ),
    "one_result_a_round": (
        lambda s, a, at: bool(s.results),
        lambda s, a, at: len(s.results) == s.counts["confirm_result"],
    ),
    "through_the_supervising_unit": (
        lambda s, a, at: a.kind in ("file_annual_report", "forward_confirmation", "initial_review"),
        lambda s, a, at: a.org["org"] == s.roles["supervising_unit"][0]["org"],
    ),
}
