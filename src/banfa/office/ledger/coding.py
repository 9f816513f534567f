"""Typed values to JSON and back: dates and exact numbers are marked, all else is plain.

`decode(encode(value)) == value` for what proposals hold; floating-point numbers become exact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from banfa.office.ledger.errors import LedgerError

_DATE, _MOMENT, _NUMBER = "$date", "$moment", "$number"
_MARKS: dict[str, Callable[[str], Any]] = {
    _DATE: dt.date.fromisoformat,
    _MOMENT: dt.datetime.fromisoformat,
    _NUMBER: Decimal,
}
MAX_DEPTH = 40


def encode(value: Any, depth: int = 0) -> Any:
    """A value as JSON can hold it. Raises LedgerError for what it cannot."""
    if depth > MAX_DEPTH:
        raise LedgerError("内容嵌套过深，无法登记", "the content is nested too deeply")
    if isinstance(value, str):
        if "\x00" in value:
            raise LedgerError("内容含有不可见的控制字符，请删除", "a NUL character is in the text")
        return value
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, dt.datetime):
        return {_MOMENT: value.isoformat()}
    if isinstance(value, dt.date):
        return {_DATE: value.isoformat()}
    if isinstance(value, (Decimal, float)):
        return {_NUMBER: str(value)}
    if isinstance(value, Mapping):
        if odd := [k for k in value if str(k).startswith("$")]:
            raise LedgerError(f"名称不能以 $ 开头：{odd[0]}", f"a name begins with $: {odd[0]}")
        return {str(k): encode(v, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [encode(v, depth + 1) for v in value]
    raise LedgerError(
        f"无法登记此类内容：{type(value).__name__}", f"cannot be recorded: {type(value).__name__}"
    )


def decode(value: Any) -> Any:
    """The value that was encoded."""
    if isinstance(value, dict):
        if len(value) == 1:
            mark, text = next(iter(value.items()))
            if mark in _MARKS and isinstance(text, str):
                return _MARKS[mark](text)
        return {k: decode(v) for k, v in value.items()}
    if isinstance(value, list):
        return [decode(v) for v in value]
    return value
