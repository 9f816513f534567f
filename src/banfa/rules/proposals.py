"""From what people or files give to a well-typed act; what does not fit is an error, not a refusal.

A refusal is the regulation's answer to a well-formed act. A misspelt input, a word where a date is
wanted or a party that does not exist is a mistake in the proposal and is reported as such.
"""

from __future__ import annotations

import datetime as dt
import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from banfa.rules import programme as p
from banfa.rules.life import CORRECTION, Act, digest
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text

MAX_TEXT = 200_000
MAX_ROWS = 5_000


@dataclass(slots=True, frozen=True)
class Mistake:
    """One mistake: `where` is the path inside the act (`with.amount`)."""

    where: str
    text: Text

    def __str__(self) -> str:
        return f"{self.where}: {self.text.zh}"


class BadProposal(Exception):
    """The act as proposed cannot be read; `.mistakes` lists everything wrong with it."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("；".join(str(m) for m in mistakes))
        self.mistakes = mistakes


class _Bad(Exception):
    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like this one, or None."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def unknown(name: str, known: Iterable[str], zh: str, en: str) -> Text:
    """`no such X; did you mean Y?` in both languages."""
    like = nearest(name, known)
    return Text(
        f"没有名为“{name}”的{zh}" + (f"；是否指“{like}”？" if like else ""),
        f"no {en} called '{name}'" + (f"; did you mean '{like}'?" if like else ""),
    )


def check(rs: Ruleset, act: Act) -> Act:
    """The act with its data and documents typed by the programme.

    Raises BadProposal with every mistake: unknown act, party or input, values of a wrong type.
    """
    mistakes: list[Mistake] = []
    if act.kind not in rs.acts:
        raise BadProposal([Mistake("act", unknown(act.kind, rs.acts, "行为", "act"))])
    model = rs.acts[act.kind].model
    parties = rs.programme.parties
    if act.party not in parties:
        mistakes.append(Mistake("by", unknown(act.party, parties, "一方", "party")))
    act.data = _read(rs, act, model, mistakes)
    known = list(rs.programme.documents if act.kind == CORRECTION else model.documents)
    for name, attached in act.documents.items():
        if name not in known:
            mistakes.append(
                Mistake(f"documents.{name}", unknown(name, known, "材料", "document of this act"))
            )
            continue
        content = attached.get("content")
        if content is not None:
            schema = rs.programme.documents[name]
            attached["content"] = document(schema, content, f"documents.{name}", mistakes)
            attached["digest"] = digest(attached["content"])
    _check_builtin(rs, act, mistakes)
    if mistakes:
        raise BadProposal(mistakes)
    return act


def _read(rs: Ruleset, act: Act, model: p.Act, mistakes: list[Mistake]) -> dict[str, Any]:
    """The act's data; a parameter's value has the type that the parameter declares."""
    inputs = dict(model.with_)
    declared = rs.programme.parameters.get(str(act.data.get("parameter")))
    if act.kind == "set_parameter" and declared is not None:
        value = inputs["value"]
        inputs["value"] = value.model_copy(
            update={"type": declared.type, "options": declared.options}
        )
    return values(inputs, act.data, "with", mistakes)


def values(
    inputs: Mapping[str, p.Input], raw: Mapping[str, Any], where: str, mistakes: list[Mistake]
) -> dict[str, Any]:
    """Typed values of given inputs; mistakes are added to the list. Empty values are left out."""
    typed: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in inputs:
            mistakes.append(Mistake(f"{where}.{name}", unknown(name, inputs, "填报项", "input")))
        elif value is not None and value != "" and value != []:
            try:
                typed[name] = coerce(inputs[name], value)
            except _Bad as bad:
                mistakes.append(Mistake(f"{where}.{name}", bad.text))
    return typed


def document(schema: p.Document, raw: Any, where: str, mistakes: list[Mistake]) -> dict[str, Any]:
    """A document's typed content by section; unknown sections and fields are mistakes."""
    if not isinstance(raw, Mapping):
        mistakes.append(Mistake(where, Text("材料内容应按章节填写", "content goes by section")))
        return {}
    if not schema.sections:
        return values(_ATTACHED, raw, where, mistakes)
    typed: dict[str, Any] = {}
    for name, value in raw.items():
        section = schema.sections.get(name)
        if section is None:
            mistakes.append(
                Mistake(f"{where}.{name}", unknown(name, schema.sections, "章节", "section"))
            )
        elif section.fields and isinstance(value, Mapping):
            typed[name] = values(section.fields, value, f"{where}.{name}", mistakes)
        elif section.fields:
            mistakes.append(
                Mistake(f"{where}.{name}", Text("本章节应逐项填写", "this section has fields"))
            )
        else:
            typed[name] = value
    return typed


# What is kept of a document whose content the regulation does not prescribe.
_ATTACHED = {
    "reference": p.Input(name=p.Words(zh="文号或名称", en="Number or title")),
    "file": p.Input(type="file", name=p.Words(zh="文件", en="File")),
}


def coerce(given: p.Input, value: Any) -> Any:
    """One value typed as its input wants: dates, exact numbers, options, organisations, rows."""
    reader = _READERS.get(given.type, _text)
    return reader(given, value)


def _text(given: p.Input, value: Any) -> str:
    if isinstance(value, (bool, list, dict)):
        raise _Bad("应为文字", "text is wanted")
    text = str(value)
    if len(text) > MAX_TEXT:
        raise _Bad(f"文字过长（超过{MAX_TEXT}字）", f"longer than {MAX_TEXT} characters")
    if any(ord(c) < 32 and c not in "\n\r\t" for c in text):
        raise _Bad("含有不可见的控制字符，请删除", "contains control characters")
    return text


def _date(given: p.Input, value: Any) -> dt.date:
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value).strip())
    except ValueError:
        raise _Bad(f"“{value}”不是日期，请写成 2026-02-10", "write a date as 2026-02-10") from None


def _integer(given: p.Input, value: Any) -> int:
    number = _number(given, value)
    if number != int(number):
        raise _Bad("应为整数", "a whole number is wanted")
    return int(number)


def _year(given: p.Input, value: Any) -> int:
    year = _integer(given, value)
    if not 1900 <= year <= 2200:
        raise _Bad("应为四位年份，如 2027", "a year such as 2027 is wanted")
    return year


def _number(given: p.Input, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise _Bad("应为数字", "a number is wanted")
    try:
        typed = unicodedata.normalize("NFKC", str(value))  # １２．５ as it is typed in Chinese
        number = Decimal(typed.strip().replace(",", ""))
    except InvalidOperation:
        raise _Bad(f"“{value}”不是数字", f"'{value}' is not a number") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 18:
        raise _Bad("数字超出范围", "the number is out of range")
    return number


def _money(given: p.Input, value: Any) -> Decimal:
    amount = _number(given, value)
    if amount < 0 or amount != amount.quantize(Decimal("0.01")):
        raise _Bad("金额应不小于零，至多两位小数", "an amount is not negative, to the cent")
    return amount


def _ratio(given: p.Input, value: Any) -> Decimal:
    ratio = _number(given, value)
    if not 0 <= ratio <= 1:
        raise _Bad("比例应在 0 与 1 之间", "a ratio lies between 0 and 1")
    return ratio


def _boolean(given: p.Input, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    spoken = {"true": True, "是": True, "on": True, "false": False, "否": False}
    if str(value) in spoken:
        return spoken[str(value)]
    raise _Bad("应为是或否", "yes or no is wanted")


def _choice(given: p.Input, value: Any) -> str:
    options = given.options or {}
    if str(value) not in options:
        raise _Bad(*_pair(unknown(str(value), options, "选项", "option")))
    return str(value)


def _pair(text: Text) -> tuple[str, str]:
    return text.zh, text.en


def _many(value: Any) -> list[Any]:
    if isinstance(value, str):
        value = [v.strip() for v in value.replace("，", ",").replace("、", ",").split(",")]
    if not isinstance(value, (list, tuple)):
        raise _Bad("应为一列", "a list is wanted")
    if len(value) > MAX_ROWS:
        raise _Bad(f"超过{MAX_ROWS}行", f"more than {MAX_ROWS} rows")
    return [v for v in value if v not in (None, "")]


def _choices(given: p.Input, value: Any) -> list[str]:
    return [_choice(given, v) for v in _many(value)]


def _texts(given: p.Input, value: Any) -> list[str]:
    return [_text(given, v) for v in _many(value)]


def _people(given: p.Input, value: Any) -> list[Any]:
    people = _many(value)
    for person in people:
        if not isinstance(person, (str, dict)) or (
            isinstance(person, dict) and not person.get("person")
        ):
            raise _Bad(
                "成员应为姓名，或含 person 的一行", "a person is a name, or a row with person"
            )
    return people


def _organisation(given: p.Input, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping) and value.get("org"):
        return dict(value)
    raise _Bad("应为一个单位", "an organisation is wanted")


def _organisations(given: p.Input, value: Any) -> list[dict[str, Any]]:
    if isinstance(value, Mapping):
        value = [value]
    return [_organisation(given, v) for v in _many(value)]


def _rows(given: p.Input, value: Any) -> list[dict[str, Any]]:
    rows = []
    for number, row in enumerate(_many(value), 1):
        if not isinstance(row, Mapping):
            raise _Bad(f"第{number}行应按列填写", f"row {number}: columns are wanted")
        mistakes: list[Mistake] = []
        rows.append(values(given.columns or {}, row, str(number), mistakes))
        if mistakes:
            first = mistakes[0]
            raise _Bad(f"第{first.where}：{first.text.zh}", f"row {first.where}: {first.text.en}")
    return rows


def _file(given: p.Input, value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else _text(given, value)


def _reference(given: p.Input, value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdigit() else value


_READERS: dict[str, Any] = {
    "date": _date,
    "year": _year,
    "integer": _integer,
    "number": _number,
    "money": _money,
    "ratio": _ratio,
    "boolean": _boolean,
    "choice": _choice,
    "choices": _choices,
    "texts": _texts,
    "centres": _texts,
    "people": _people,
    "organisation": _organisation,
    "organisations": _organisations,
    "rows": _rows,
    "file": _file,
    "programme_act": _reference,
    "data": lambda given, value: value,
}


def _check_builtin(rs: Ruleset, act: Act, mistakes: list[Mistake]) -> None:
    """What the generic acts take is checked against the programme itself."""
    programme, data = rs.programme, act.data
    if act.kind == "exception_decision" or act.exception:
        rule = (
            data.get("rule")
            if act.kind == "exception_decision"
            else (act.exception or {}).get("rule")
        )
        if rule is not None:
            known = [
                f"{a.id}.{r.id}" for a in rs.acts.values() for r in a.rules if r.soft == "exception"
            ]
            if rule not in known and f".{rule}" not in "".join(f".{k}" for k in known):
                mistakes.append(
                    Mistake(
                        "with.rule", unknown(str(rule), known, "可例外的条件", "soft condition")
                    )
                )
    elif act.kind == "set_default" and "default" in data and "to" in data:
        options = programme.defaults[data["default"]].options
        if data["to"] not in options:
            mistakes.append(Mistake("with.to", unknown(data["to"], options, "设定", "setting")))
    elif act.kind == "enter_existing_centre":
        _check_existing(programme, data, mistakes)


def _check_existing(programme: p.Programme, data: dict[str, Any], mistakes: list[Mistake]) -> None:
    allowed = programme.existing.stages if programme.existing else []
    if data.get("stage") not in allowed and data.get("stage") is not None:
        text = unknown(str(data["stage"]), allowed, "可补录的阶段", "stage to enter")
        mistakes.append(Mistake("with.stage", text))
    named: list[tuple[str, Mapping[str, Any]]] = [
        ("roles", programme.parties),
        ("values", programme.values),
        ("periods", programme.periods),
    ]
    for name, known in named:
        for key in data.get(name) or {}:
            if key not in known:
                mistakes.append(Mistake(f"with.{name}.{key}", unknown(key, known, "名称", "name")))
    for name in data.get("values") or {}:
        declared = programme.values.get(name)
        if declared is not None and declared.type not in _UNTYPED:
            _retype(data["values"], name, declared.type, f"with.values.{name}", mistakes)
    for name, span in (data.get("periods") or {}).items():
        for side in ("start", "end"):
            if not isinstance(span, dict) or span.get(side) is None:
                said = Text("期限须有起止日期", "a period has a start and an end")
                mistakes.append(Mistake(f"with.periods.{name}.{side}", said))
            else:
                _retype(span, side, "date", f"with.periods.{name}.{side}", mistakes)
    for number, result in enumerate(data.get("results") or []):
        _retype(result, "on", "date", f"with.results.{number}.on", mistakes)


_UNTYPED = ("choice", "choices", "rows", "data", "organisation", "organisations")


def _retype(
    holder: dict[str, Any], name: str, kind: p.InputType, where: str, mistakes: list[Mistake]
) -> None:
    """Types one value in place."""
    try:
        named = p.Words(zh=name, en=name)
        holder[name] = coerce(p.Input(type=kind, name=named), holder.get(name))
    except _Bad as bad:
        mistakes.append(Mistake(where, bad.text))
