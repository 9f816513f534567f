"""The same life judged and folded by a hand-written loop. Imports nothing of banfa.

It is what a good programmer would write for this one regulation: constants for what held, tuples
for what did not, plain dictionaries for the state.
"""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Any

OPEN_FIELDS = frozenset({"封装", "传感", "材料"})
OUTCOMES = frozenset({"positive", "negative"})
SCALE = frozenset({"excellent", "good", "medium", "poor"})
ENOUGH = frozenset({"excellent", "good"})

WHO = {
    "apply": "unit",
    "recommend": "supervisor",
    "appraise": "ministry",
    "start": "ministry",
    "log_progress": "supervisor",
    "report": "supervisor",
    "extend": "supervisor",
    "grant": "ministry",
    "finish": "unit",
    "apply_confirmation": "unit",
    "evaluate": "supervisor",
    "forward": "supervisor",
    "confirm": "ministry",
}
KINDS = {"unit": "firm", "supervisor": "agency"}
FROM = {
    "apply": (None, "confirmed"),
    "recommend": ("filed",),
    "appraise": ("recommended",),
    "start": ("recommended",),
    "log_progress": ("preparing", "confirmed"),
    "report": ("preparing", "confirmed"),
    "extend": ("preparing",),
    "grant": ("preparing",),
    "finish": ("preparing",),
    "apply_confirmation": ("preparing",),
    "evaluate": ("with_ministry",),
    "forward": ("with_ministry",),
    "confirm": ("with_ministry",),
}
RULES = {
    "apply": ("1", "field_open", "CONDITION_NOT_MET"),
    "recommend": ("2", "after_filing", "TOO_EARLY"),
    "appraise": ("3", "outcome_known", "CONDITION_NOT_MET"),
    "start": ("4", "not_too_long", "TOO_LONG"),
    "log_progress": ("5", "started", "CONDITION_NOT_MET"),
    "report": ("6", "year_over", "CONDITION_NOT_MET"),
    "extend": ("7", "in_time", "TOO_LATE"),
    "grant": ("7", "a_year_at_most", "TOO_LONG"),
    "finish": ("8", "done_in_time", "TOO_LATE"),
    "apply_confirmation": ("9", "three_months", "TOO_LATE"),
    "evaluate": ("10", "grade_in_scale", "CONDITION_NOT_MET"),
    "forward": ("10", "good_enough", "THRESHOLD_NOT_MET"),
    "confirm": ("11", "done_on_time", "TOO_LATE"),
}
ACTOR = {
    (k, ok): ("actor", "WRONG_ACTOR", "held" if ok else "not", RULES[k][0])
    for k in WHO
    for ok in (True, False)
}
STAGE = {
    (k, ok): ("stage", "WRONG_STAGE", "held" if ok else "not", RULES[k][0])
    for k in WHO
    for ok in (True, False)
}
CONDITION = {
    (k, ok): (RULES[k][1], RULES[k][2], "held" if ok else "not", RULES[k][0])
    for k in WHO
    for ok in (True, False)
}


def add_months(day: dt.date, months: int) -> dt.date:
    """The same-numbered day that many months later, or that month's last."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def condition(kind: str, on: dt.date, data: dict[str, Any], state: dict[str, Any]) -> bool:
    """The one condition of each act."""
    if kind == "apply":
        return data["field"] in OPEN_FIELDS
    if kind == "recommend":
        return on >= state["last"]["apply"][0]
    if kind == "appraise":
        return data["outcome"] in OUTCOMES
    if kind == "start":
        return data["end"] <= add_months(on, 36)
    if kind == "log_progress":
        return "start" in state["counts"]
    if kind == "report":
        return data["year"] < on.year
    if kind == "extend":
        return on <= state["end"]
    if kind == "grant":
        return data["end"] <= add_months(state["end"], 12)
    if kind == "finish":
        return data["done_on"] <= state["end"]
    if kind == "apply_confirmation":
        return on <= add_months(state["end"], 3)
    if kind == "evaluate":
        return data["grade"] in SCALE
    if kind == "forward":
        return state["values"].get("grade") in ENOUGH
    return state["values"].get("done_on") <= state["end"]


def run(life: list[tuple[Any, ...]]) -> tuple[list[Any], dict[str, Any]]:
    """Judges and folds a life: the findings of every act, and the state at the end."""
    state: dict[str, Any] = {
        "stage": None,
        "stages": [],
        "counts": {},
        "last": {},
        "first": {},
        "keyed": {},
        "values": {},
        "sources": {},
        "roles": {},
        "flags": {},
        "cases": [],
    }
    answers = []
    for act in life:
        _, kind, on, party, org, data = act
        roles = state["roles"]
        actor = party == WHO[kind]
        if actor and party in KINDS:
            actor = org["kind"] == KINDS[party]
            held = roles.get(party)
            if actor and held is not None:
                actor = held["org"] == org["org"]
        stage = state["stage"] in FROM[kind]
        fits = condition(kind, on, data, state)
        accepted = actor and stage and fits
        answers.append((accepted, (ACTOR[kind, actor], STAGE[kind, stage], CONDITION[kind, fits])))
        if accepted:
            apply(state, act)
    return answers, state


def move(state: dict[str, Any], stage: str, on: dt.date) -> None:
    """Moves to a stage."""
    state["stage"] = stage
    state["since"] = on
    state["stages"].append((stage, on))


def note(state: dict[str, Any], name: str, value: Any, seq: int) -> None:
    """Sets a fact and where it comes from."""
    state["values"][name] = value
    state["sources"][name] = seq


def apply(state: dict[str, Any], act: tuple[Any, ...]) -> None:
    """Carries out what an accepted act changes."""
    seq, kind, on, _party, org, data = act
    counts = state["counts"]
    counts[kind] = counts.get(kind, 0) + 1
    entry = (on, seq, data)
    state["last"][kind] = entry
    state["first"].setdefault(kind, entry)
    if kind == "apply":
        state["roles"]["unit"] = org
        state["roles"]["supervisor"] = data["supervisor"]
        note(state, "field", data["field"], seq)
        move(state, "filed", on)
    elif kind == "recommend":
        move(state, "recommended", on)
    elif kind == "appraise":
        note(state, "appraised", data["outcome"], seq)
    elif kind == "start":
        state["start"], state["end"], state["closed"] = on, data["end"], False
        move(state, "preparing", on)
    elif kind == "report":
        state["keyed"]["report", data["year"]] = entry
    elif kind == "extend":
        state["cases"].append((f"extension#{seq}", "filed", on))
    elif kind == "grant":
        state["end"] = data["end"]
        state["flags"].setdefault("extended", on)
    elif kind == "finish":
        note(state, "done_on", data["done_on"], seq)
    elif kind == "apply_confirmation":
        move(state, "with_ministry", on)
    elif kind == "evaluate":
        note(state, "grade", data["grade"], seq)
    elif kind == "confirm":
        state["closed"] = True
        state["flags"].pop("extended", None)
        move(state, "confirmed", on)
