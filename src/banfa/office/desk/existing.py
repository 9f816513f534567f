"""Entering an existing centre: its roles, facts, periods and results as lines of a table.

The act itself takes them as plain data by name; people fill in lines with names to pick from.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from banfa.rules import programme as p

KIND = "enter_existing_centre"
_SEPARATOR = re.compile(r"[、,，\n]+")


def _input(type_: Any, zh: str, en: str, **more: Any) -> p.Input:
    return p.Input(type=type_, name=p.Words(zh=zh, en=en), **more)


def _named(zh: str, en: str, things: Mapping[str, Any]) -> p.Input:
    return _input("choice", zh, en, options={k: v.name for k, v in things.items()})


def as_lines(programme: p.Programme, inputs: Mapping[str, p.Input]) -> dict[str, p.Input]:
    """The act's inputs with those of plain data made tables; what has no names is left out."""
    grades = programme.evaluation.grades if programme.evaluation is not None else {}
    roles = {n: v for n, v in programme.parties.items() if not v.body}
    tables = {
        "roles": (roles, {"party": _named("角色", "Role", roles), "org": _ORGANISATION}),
        "values": (programme.values, {"name": _named("事项", "Fact", programme.values), **_VALUE}),
        "periods": (
            programme.periods,
            {"name": _named("期限", "Period", programme.periods), **_SPAN},
        ),
        "results": (grades, {"grade": _named("等次", "Grade", grades), **_HELD}),
    }
    found: dict[str, p.Input] = {}
    for name, given in inputs.items():
        if given.type != "data" or name not in tables:
            found[name] = given
        elif tables[name][0]:
            columns = tables[name][1]
            found[name] = p.Input(type="rows", name=given.name, required=False, columns=columns)
    return found


_ORGANISATION = _input("organisation", "单位", "Organisation")
_VALUE = {"value": _input("text", "内容", "Value")}
_SPAN = {"start": _input("date", "起始日", "Start"), "end": _input("date", "结束日", "End")}
_HELD = {
    "on": _input("date", "日期", "Day"),
    "round": _input("text", "轮次或年度", "Round or year", required=False),
}


def as_data(
    programme: p.Programme, lines: Mapping[str, Any], mistakes: list[tuple[str, str]]
) -> dict[str, Any]:
    """The plain data that the act takes, from complete lines; wrong dates go to `mistakes`."""
    data = dict(lines)
    if "roles" in data:
        data["roles"] = _roles(data["roles"])
    if "values" in data:
        rows = [r for r in data["values"] if r.get("name") and r.get("value")]
        data["values"] = {r["name"]: _value(programme, r["name"], r["value"]) for r in rows}
    if "periods" in data:
        rows = [r for r in data["periods"] if r.get("name") and r.get("start") and r.get("end")]
        data["periods"] = {
            r["name"]: {side: _day(r[side], "with.periods", mistakes) for side in ("start", "end")}
            for r in rows
        }
    if "results" in data:
        rows = [r for r in data["results"] if r.get("grade") and r.get("on")]
        data["results"] = [{**r, "on": _day(r["on"], "with.results", mistakes)} for r in rows]
    return {name: value for name, value in data.items() if value not in ({}, [])}


def _roles(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    held: dict[str, list[Any]] = {}
    for row in rows:
        if row.get("party") and row.get("org"):
            held.setdefault(row["party"], []).append(row["org"])
    return held


def _value(programme: p.Programme, name: str, raw: str) -> Any:
    if programme.values[name].type in ("people", "texts", "choices"):
        return [part.strip() for part in _SEPARATOR.split(raw) if part.strip()]
    return raw


def _day(raw: str, where: str, mistakes: list[tuple[str, str]]) -> dt.date | None:
    try:
        return dt.date.fromisoformat(raw)
    except ValueError:
        said = _("“%(raw)s”不是有效日期，请写成 2030-11-20") % {"raw": raw[:40]}
        mistakes.append((where, said))
        return None
