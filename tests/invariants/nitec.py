"""NITEC: the invariants of the matrix, part B.7. Each is (premise, what must hold)."""

from __future__ import annotations

from typing import Any

from banfa.rules import names
from banfa.rules.calendar import Span, end_of

ONE, THREE, FOUR = Span(years=1), Span(years=3), Span(years=4)
ENDED = ("cancelled", "waived", "revoked", "withdrawn")
ENDING = {
    "cancelled": "cancel_preparation",
    "waived": "record_waiver",
    "revoked": "revoke",
    "withdrawn": "record_withdrawal",
}


LED_TO = (  # where lives would seldom get on their own
    ("apply_extension",),
    ("confirm_result", "notify_result"),
    ("revoke",),
)


def one_application(s: Any, a: Any, at: Any) -> bool:
    """A second one only where the first was returned and does not count, or by an exception."""
    last = s.last.get("decide_extension")
    freed = last is not None and last.data.get("still_counts") is False
    return s.counts["apply_extension"] == 1 or freed or bool(s.last["apply_extension"].used)


def within_the_years(s: Any, a: Any, at: Any) -> bool:
    """Three years from the approval, four with an extension, unless an exception says more."""
    period = s.periods["preparation"]
    if any(e.used for e in s.exceptions):
        return True
    if period.end == period.first_end:
        return period.end <= end_of(period.start, THREE)
    longest = min(end_of(period.start, FOUR), end_of(period.first_end, ONE))
    return "decide_extension" in s.counts and period.end <= longest


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
    return ("（筹）" in name) == (at.stage_on(s, a.on) != "confirmed")


def two_letters(s: Any, a: Any, at: Any) -> bool:
    """One to customs and one to the tax administration; a new pair for each new name."""
    letters = [n.notice for n in s.notices if n.notice.startswith("confirmation_letter")]
    return sorted(letters) == ["confirmation_letter_customs", "confirmation_letter_tax"]


def joint(s: Any, act: Any) -> bool:
    """Customs and the tax administration agreed to this very draft, in the state before the act.

    The act uses their agreement up.
    """
    said = s.concurrences.get(act.draft, {})
    return bool(said.get("customs_administration") and said.get("tax_administration"))


def result_on_record(s: Any, a: Any, at: Any) -> bool:
    case = next(c for c in s.cases.values() if c.acts.get(a.kind) == a.seq)
    order = [case.acts.get(k, 0) for k in ("initial_review", "third_party_verification", a.kind)]
    return all(order) and order == sorted(order) and joint(at.before, a)


def revoked_on_ground(s: Any, a: Any, at: Any) -> bool:
    act = s.last["revoke"]
    agreed = joint(at.before, a) if a.kind == "revoke" else True
    return agreed and bool(act.data.get("ground")) and act.on == s.stage_since


def ended_by_decision(s: Any, a: Any, at: Any) -> bool:
    return ENDING[s.stage] in s.counts and s.stage_since == s.last[ENDING[s.stage]].on


INVARIANTS: dict[str, Any] = {
    "one_application": (lambda s, a, at: "apply_extension" in s.counts, one_application),
    "within_the_years": (
        lambda s, a, at: "preparation" in s.periods and not s.imported,
        within_the_years,
    ),
    "confirmed_in_order": (
        lambda s, a, at: a.kind == "review_confirmation" and s.stage == "confirmed",
        confirmed_in_order,
    ),
    "name_fits_stage": (
        lambda s, a, at: names.current(at.programme, s, a.on).zh is not None,
        name_fits_stage,
    ),
    "two_letters": (
        lambda s, a, at: "review_confirmation" in s.counts and s.stage == "confirmed",
        two_letters,
    ),
    "result_on_record": (lambda s, a, at: a.kind == "confirm_result", result_on_record),
    "revoked_on_ground": (lambda s, a, at: s.stage == "revoked", revoked_on_ground),
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
