"""NEIIC: the invariants of the matrix, part B.7. Each is (premise, what must hold)."""

from __future__ import annotations

from typing import Any

from banfa.rules import names
from banfa.rules.calendar import Span, end_of

ENDING = {
    "cancelled": ("cancel_preparation",),
    "waived": ("record_waiver",),
    "revoked": ("revoke_for_second_fail", "revoke_for_misconduct"),
    "withdrawn": ("record_withdrawal",),
}
FOUND = {"serious": "serious_on", "prolonged_failure": "prolonged_on"}
ONE, THREE, FOUR = Span(years=1), Span(years=3), Span(years=4)


LED_TO = (  # where lives would seldom get on their own
    ("apply_extension",),
    ("record_waiver",),
    ("confirm_result", "apply_post_subsidy"),
    ("confirm_result", "revoke_for_second_fail"),
    ("review_confirmation", "revoke_for_second_fail"),
    ("record_payment", "recover_subsidy"),
)


def case_of(s: Any, a: Any) -> Any:
    """The case this act moved last."""
    return next(c for c in s.cases.values() if c.acts.get(a.kind) == a.seq)


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
    """Appraisal, approval, goals and tasks in time, application with papers, pass, review."""
    order = ["record_plan_appraisal", "approve_formation_start"]
    order = [k for k in order if not s.imported]
    order += ["apply_confirmation", "evaluate_for_confirmation", "forward_confirmation"]
    case = case_of(s, a)
    seqs = [case.acts[k] for k in order[-3:]] + [a.seq]
    days = [s.first[k].on for k in order[:-3]] + [s.last[k].on for k in order[-3:]] + [a.on]
    end = s.periods["preparation"].end
    done = max(s.values["tasks_completed_on"], s.values["goals_met_on"]) <= end
    papers = {"preparation_summary_report", "supporting_evidence"}
    carried = papers <= set(s.last["apply_confirmation"].documents)
    passed = s.last["evaluate_for_confirmation"].data["outcome"] == "passed"
    return seqs == sorted(seqs) and days == sorted(days) and done and carried and passed


def name_fits_stage(s: Any, a: Any, at: Any) -> bool:
    name = names.current(at.programme, s, a.on).zh
    return ("（筹）" in name) == (at.stage_on(s, a.on) != "confirmed")


def two_letters(s: Any, a: Any, at: Any) -> bool:
    letters = sorted(n.notice for n in s.notices if n.notice.startswith("confirmation_letter"))
    return letters == ["confirmation_letter_customs", "confirmation_letter_tax"]


def result_on_record(s: Any, a: Any, at: Any) -> bool:
    """The last result rests on a third party's opinion and on both bodies consulted after it."""
    act = s.last["confirm_result"]
    case = case_of(s, act)
    order = [case.acts.get(k, 0) for k in ("submit_evaluation", "third_party_opinion", act.kind)]
    said = [case.data.get(k) for k in ("customs_consulted", "tax_consulted")]
    consulted = case.acts.get("give_consultation_opinion", 0)
    return all(order) and order == sorted(order) and all(said) and consulted > order[1]


def first_failure(s: Any) -> bool:
    """The last result failed, in a confirmed centre that had not failed just before."""
    grades = [r.grade for r in s.results]
    failed = grades[-1:] == ["unqualified"] != grades[-2:-1]
    confirmed = s.sources.get("confirmed_on", 0) if s.stage == "confirmed" else 0
    return failed and 0 < confirmed < s.results[-1].seq


def second_chance(s: Any, a: Any, at: Any) -> bool:
    """The first failure keeps stage and name and opens three years."""
    period = s.periods["improvement"]
    return "improving" in s.flags and period.end == end_of(s.results[-1].on, THREE)


def revoked_on_ground(s: Any, a: Any, at: Any) -> bool:
    if "revoke_for_second_fail" in s.last:
        return [r.grade for r in s.results][-2:] == ["unqualified", "unqualified"]
    act = s.last["revoke_for_misconduct"]
    return FOUND[act.data["ground"]] in case_of(s, act).data


def recovered_within_paid(s: Any, a: Any, at: Any) -> bool:
    paid = sum(
        s.sums.get((k, "amount"), 0) for k in ("record_payment", "record_post_subsidy_payment")
    )
    return s.last["revoke_for_misconduct"].on <= a.on and (
        0 < s.sums["recover_subsidy", "amount"] <= paid
    )


def within_subsidy(s: Any, a: Any, at: Any) -> bool:
    data = case_of(s, a).data
    return data.get("paid", 0) <= data["planned"] <= data["subsidy"]


def by_the_formula(s: Any, a: Any, at: Any) -> bool:
    expected = a.data["verified_total_investment"] * a.data["subsidy_ratio"]
    return abs(case_of(s, a).data["subsidy"] - expected) <= 0.005


def never_exempt(s: Any, a: Any, at: Any) -> bool:
    act = s.last["record_waiver"]
    case = case_of(s, act)
    year, started = case.data["year"], s.periods.get("preparation")
    confirmed = s.values.get("confirmed_on")
    return (
        act.on > case.data["close_date"]
        and "submit_evaluation" not in case.acts
        and (started is None or started.start.year != year)
        and (confirmed is None or confirmed.year != year)
    )


def ended_by_decision(s: Any, a: Any, at: Any) -> bool:
    return any(k in s.last and s.last[k].on == s.stage_since for k in ENDING[s.stage])


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
    "result_on_record": (lambda s, a, at: "confirm_result" in s.counts, result_on_record),
    "second_chance": (
        lambda s, a, at: first_failure(s),
        second_chance,
    ),
    "revoked_on_ground": (lambda s, a, at: s.stage == "revoked", revoked_on_ground),
    "recovered_within_paid": (
        lambda s, a, at: "recover_subsidy" in s.counts,
        recovered_within_paid,
    ),
    "within_subsidy": (
        lambda s, a, at: a.kind in ("issue_annual_plan", "record_payment"),
        within_subsidy,
    ),
    "by_the_formula": (lambda s, a, at: a.kind == "fix_subsidy", by_the_formula),
    "never_exempt": (lambda s, a, at: s.stage == "waived", never_exempt),
    "ended_by_decision": (lambda s, a, at: s.stage in ENDING, ended_by_decision),
    "through_the_supervising_unit": (
        lambda s, a, at: (
            a.kind
            in (
                "recommend_to_ndrc",
                "apply_extension",
                "forward_confirmation",
                "submit_evaluation",
                "submit_project",
                "file_annual_report",
            )
        ),
        lambda s, a, at: a.org["org"] == s.roles["supervising_unit"][0]["org"],
    ),
}
