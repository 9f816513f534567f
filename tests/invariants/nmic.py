"""NMIC: what must hold of every life, from part III of the matrix: (premise, what holds)."""

from __future__ import annotations

from typing import Any

from banfa.rules.calendar import Span, end_of

LED_TO = (  # where lives would seldom get on their own
    ("conclude_annual_evaluation", "conclude_examination"),
    ("assess_pilot", "recognize"),
)
INDICATORS = (
    "commissioned_rd_contract_count",
    "commissioned_rd_contract_amount",
    "technology_market_turnover",
    "incubated_enterprise_count",
)
ASPECTS = {"results", "diffusion", "sector_support", "talent", "international_cooperation"}
SCALES = {
    "assess_pilot": "pilot_scale",
    "conclude_annual_evaluation": "evaluation_scale",
    "conclude_examination": "examination_scale",
}


def case_of(s: Any, a: Any) -> Any:
    """The case this act moved last."""
    return next(c for c in s.cases.values() if c.acts.get(a.kind) == a.seq)


def chosen(at: Any, default: str, option: str, a: Any) -> bool:
    """Whether the authority chose that option for a default by the act's day."""
    return at.world.choice(default, a.on) == option


def within_the_call(s: Any, a: Any, at: Any) -> bool:
    """Sent in within the call's days, in a field of the call, with all it asks for."""
    call = at.world.named(a.data["call"])
    sent = {r.get("name") for r in a.data.get("materials") or ()}
    return (
        call.data["opens"] <= a.on <= call.data["closes"]
        and a.data["field"] in call.data["fields"]
        and set(call.data["materials"]) <= sent
    )


def enterprise_as_main_body(s: Any, a: Any, at: Any) -> bool:
    firms = [m["org"] for m in s.roles["member_unit"] if m["kind"] == "enterprise"]
    return s.values["mainstay"]["org"] in firms and "agree_structure" in s.counts


def recognized_in_order(s: Any, a: Any, at: Any) -> bool:
    acts = case_of(s, a).acts
    order = [acts.get(k, 0) for k in ("submit_plan", "expert_review", "site_inspection", a.kind)]
    if chosen(at, "MC-6", "any_order", a):
        order = [order[0], *sorted(order[1:3]), order[3]]
    return all(order) and order == sorted(order) and "centre" in s.roles


def evaluated_on_a_report(s: Any, a: Any, at: Any) -> bool:
    """The year's report and its four indicators are in, and the five aspects are covered."""
    case = case_of(s, a)
    complete = all(i in case.data for i in INDICATORS)
    covered = {r.get("aspect") for r in a.data["aspects"]} >= ASPECTS
    reported = 0 < case.acts.get("submit_operation_report", 0) < a.seq
    return reported and ((complete and covered) or chosen(at, "MC-25", "warned", a))


def examined_on_three_years(s: Any, a: Any, at: Any) -> bool:
    """All three yearly evaluations of its window are on file, and the window is over."""
    act = s.last["conclude_examination"]
    number, day = act.data["examination_number"], s.values["recognized_on"]
    years = [("conclude_annual_evaluation", 3 * number - i) for i in range(3)]
    over = end_of(day, Span(years=3 * number))
    if chosen(at, "MC-11", "calendar_year", act):
        return all(y in s.keyed for y in years) and act.on.year > day.year + 3 * number
    return all(y in s.keyed for y in years) and act.on >= over


def graded_on_a_scale(s: Any, a: Any, at: Any) -> bool:
    return a.data["grade"] in (at.world.parameter(SCALES[a.kind], a.on) or ())


def sides(column: str, *needed: str) -> Any:
    return lambda s, a, at: set(needed) <= {r.get(column) for r in a.data["members"]}


def contributed(s: Any, a: Any, at: Any) -> bool:
    kind, form = a.data["kind"], a.data["form"]
    agreed = "agree_structure" in s.first and s.first["agree_structure"].on <= a.on
    return (
        kind in ("equity", "membership_fee")
        and agreed
        and (form, kind)
        != (
            "in_kind",
            "membership_fee",
        )
    )


def pilot_of_two_years(s: Any, a: Any, at: Any) -> bool:
    """The last pilot assessed: its three reports are in, and two years were over."""
    act = at.world.of("assess_pilot", a.on)[-1]
    field = act.data["field"]
    began = [p.on for p in at.world.of("start_pilot", a.on) if p.data["field"] == field]
    reports = at.world.of("submit_pilot_report", act.on)
    matters = {r.data["matter"] for r in reports if r.data["field"] == field}
    three = {"organization", "management", "financing"} <= matters
    return three and act.on >= end_of(min(began), Span(years=2))


INVARIANTS: dict[str, Any] = {
    "within_the_call": (lambda s, a, at: a.kind == "submit_plan", within_the_call),
    "enterprise_as_main_body": (lambda s, a, at: a.kind == "submit_plan", enterprise_as_main_body),
    "recognized_in_order": (lambda s, a, at: a.kind == "recognize", recognized_in_order),
    "established_on_recognition": (
        lambda s, a, at: s.stage == "recognized_operating" and not s.imported,
        lambda s, a, at: s.values["recognized_on"] == s.stage_since == s.last["recognize"].on,
    ),
    "no_way_out": (
        lambda s, a, at: at.before.stage == "recognized_operating",
        lambda s, a, at: s.stage == "recognized_operating",
    ),
    "evaluated_on_a_report": (
        lambda s, a, at: a.kind == "conclude_annual_evaluation",
        evaluated_on_a_report,
    ),
    "evaluated_once_a_year": (
        lambda s, a, at: a.kind == "conclude_annual_evaluation",
        lambda s, a, at: (a.kind, a.data["operation_year"]) not in at.before.keyed,
    ),
    "examined_on_three_years": (
        lambda s, a, at: "conclude_examination" in s.counts,
        examined_on_three_years,
    ),
    "graded_on_a_scale": (
        lambda s, a, at: a.kind in SCALES and "grade" in a.data,
        graded_on_a_scale,
    ),
    "decision_body_of_three": (
        lambda s, a, at: a.kind == "constitute_decision_body",
        sides("side", "member_delegate", "industry", "science"),
    ),
    "committee_of_three": (
        lambda s, a, at: a.kind == "constitute_technical_committee",
        sides("source", "academia", "enterprise", "government"),
    ),
    "adopted_after_screening": (
        lambda s, a, at: a.kind == "adopt_direction",
        lambda s, a, at: ("screen_direction", a.data["direction"]) in s.keyed,
    ),
    "contributed_as_agreed": (lambda s, a, at: a.kind == "record_contribution", contributed),
    "pilot_of_two_years": (
        lambda s, a, at: bool(at.world.of("assess_pilot", a.on)),
        pilot_of_two_years,
    ),
}
