"""Indicators that a regulation names, computed for a period from recorded rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from banfa.rules import programme as p
from banfa.rules.life import Act, standing
from banfa.rules.ruleset import Ruleset


def indicators(
    rs: Ruleset, acts: Iterable[Act], start: dt.date, end: dt.date
) -> dict[str, Decimal]:
    """Every computable indicator for a period, both days included, in its declared unit.

    Rows are the acts that stand, by the value of their date input, not by the day they were filed.
    """
    scheme = rs.programme.evaluation
    rows = standing(acts)
    result = {}
    for name, indicator in (scheme.indicators if scheme is not None else {}).items():
        if indicator.from_register is not None:
            result[name] = _value(indicator.from_register, rows, start, end)
    return result


def _value(source: p.FromRegister, rows: list[Act], start: dt.date, end: dt.date) -> Decimal:
    counted = [a for a in rows if a.kind == source.of and _counts(source, a, start, end)]
    if source.sum is None:
        return Decimal(len(counted))
    return sum((Decimal(a.data.get(source.sum) or 0) for a in counted), Decimal(0))


def _counts(source: p.FromRegister, act: Act, start: dt.date, end: dt.date) -> bool:
    day = act.data.get(source.date)
    if not isinstance(day, dt.date):
        return False
    if source.until is None:
        return start <= day <= end
    left = act.data.get(source.until)
    return day <= end and (not isinstance(left, dt.date) or left > end)
