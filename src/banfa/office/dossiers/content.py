"""What is written in a dossier or a form: a flat mapping from a field's path to what was typed.

Paths are those of the form: `with.reason`, `documents.plan.goals`, `documents.plan.money.total`;
`documents.proof.__file` and `.__reference` stand for a document whose content the regulation does
not prescribe. What was typed is text, a list of texts, rows of them, or a file's name and digest.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from banfa.rules import programme as p
from banfa.rules.ruleset import Ruleset

FILE = p.Input(type="file", name=p.Words(zh="附件", en="Attachment"), required=False)
REFERENCE = p.Input(
    name=p.Words(zh="文号或文件名称", en="Number or title of the document"), required=False
)
_UNPRESCRIBED = {"__file": "file", "__reference": "reference"}

Organisations = Mapping[str, Mapping[str, Any]]
"""Organisations by id, as acts hold them."""


def as_input(section: p.Section) -> p.Input:
    """A section without fields as one long text."""
    return p.Input(
        type="long_text",
        name=section.name,
        required=section.required,
        cite=section.cite,
        default=section.default,
        length_hint=section.length_hint,
        help=section.help,
    )


def fields(rs: Ruleset, kind: str) -> dict[str, p.Input]:
    """Every field of an act's form by its path, inputs first, then documents by section."""
    model = rs.models[kind]
    found = {f"with.{name}": given for name, given in model.with_.items()}
    for name in model.documents:
        found |= document_fields(rs.programme.documents[name], name)
    return found


def document_fields(schema: p.Document, name: str) -> dict[str, p.Input]:
    """The fields of one document by path."""
    path = f"documents.{name}"
    if not schema.sections:
        return {f"{path}.__file": FILE, f"{path}.__reference": REFERENCE}
    found: dict[str, p.Input] = {}
    for section_id, section in schema.sections.items():
        at = f"{path}.{section_id}"
        inside = {f"{at}.{n}": given for n, given in section.fields.items()}
        found |= inside or {at: as_input(section)}
    return found


# --- from what was typed to what is proposed -----------------------------------------------------


class Unreadable(ValueError):
    """What was typed cannot be turned into what the engine takes; the text says why."""


def proposed(given: p.Input, raw: Any, organisations: Organisations) -> Any:
    """What was typed, in the shape in which the engine's proposals take it."""
    if raw in (None, "", [], {}):
        return None
    if given.type == "organisation":
        return _organisation(raw, organisations)
    if given.type == "organisations":
        return [_organisation(v, organisations) for v in raw]
    if given.type == "data":
        try:
            return json.loads(raw)
        except ValueError as error:
            raise Unreadable(_("不是有效的 JSON：%(error)s") % {"error": error}) from error
    if given.type == "rows":
        columns = given.columns or {}
        made = [
            {c: proposed(columns[c], v, organisations) for c, v in row.items() if c in columns}
            for row in raw
        ]
        return [{c: v for c, v in row.items() if v is not None} for row in made]
    return raw


def _organisation(number: Any, organisations: Organisations) -> dict[str, Any]:
    if not isinstance(number, str) or number not in organisations:
        raise Unreadable(_("没有这个单位，请重新选择"))
    return dict(organisations[number])


def gather(
    given: Mapping[str, p.Input], typed: Mapping[str, Any], organisations: Organisations
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], list[tuple[str, str]]]:
    """An act's data, its documents and what could not be read (path, words), from typed fields."""
    data: dict[str, Any] = {}
    contents: dict[str, dict[str, Any]] = {}
    mistakes: list[tuple[str, str]] = []
    for path, one in given.items():
        try:
            value = proposed(one, typed.get(path), organisations)
        except Unreadable as error:
            mistakes.append((path, str(error)))
            continue
        if value is None:
            continue
        if path.startswith("with."):
            data[path.removeprefix("with.")] = value
        else:
            _put(contents, path, value)
    return data, {name: {"content": held} for name, held in contents.items()}, mistakes


def _put(contents: dict[str, dict[str, Any]], path: str, value: Any) -> None:
    name, section, *field = path.removeprefix("documents.").split(".")
    held = contents.setdefault(name, {})
    if field:
        held.setdefault(section, {})[field[0]] = value
    else:
        held[_UNPRESCRIBED.get(section, section)] = value


# --- and back ------------------------------------------------------------------------------------


def typed(
    given: Mapping[str, p.Input], data: Mapping[str, Any], documents: Mapping[str, Any]
) -> dict[str, Any]:
    """What one would have typed for these data and documents' contents (by type)."""
    found = {}
    for path, one in given.items():
        raw = as_typed(one, _found(path, data, documents))
        if raw not in (None, "", [], {}):
            found[path] = raw
    return found


def _found(path: str, data: Mapping[str, Any], documents: Mapping[str, Any]) -> Any:
    if path.startswith("with."):
        return data.get(path.removeprefix("with."))
    name, section, *field = path.removeprefix("documents.").split(".")
    held = documents.get(name)
    held = held.get(_UNPRESCRIBED.get(section, section)) if isinstance(held, Mapping) else None
    if field:
        return held.get(field[0]) if isinstance(held, Mapping) else None
    return held


def as_typed(given: p.Input, value: Any) -> Any:
    """One value as it would be typed: the inverse of `proposed` and the engine's reading."""
    if value is None:
        return None
    if given.type == "rows":
        columns = given.columns or {}
        return [
            {c: t for c, one in columns.items() if (t := as_typed(one, row.get(c))) is not None}
            for row in value
        ]
    if given.type == "organisation":
        return str(value.get("org", "")) if isinstance(value, Mapping) else str(value)
    if given.type == "organisations":
        return [str(v.get("org", "")) for v in value]
    if given.type == "people":
        return [str(v.get("person")) if isinstance(v, Mapping) else str(v) for v in value]
    if given.type in ("choices", "centres", "texts"):
        return [str(v) for v in value]
    if given.type == "file":
        return dict(value) if isinstance(value, Mapping) else {"name": str(value)}
    if given.type == "data":
        return json.dumps(value, ensure_ascii=False)
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


def within(path: str, parts: list[str]) -> bool:
    """Whether a field's path is one of these parts, or lies inside one."""
    return any(path == part or path.startswith(f"{part}.") for part in parts)


def empty(raw: Any) -> bool:
    """Whether nothing was typed."""
    return raw in (None, "", [], {}) or (
        isinstance(raw, list) and not any(not empty(v) for v in raw)
    )
