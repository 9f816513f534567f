"""Makes the reference pages that come from code; `--check` fails when they are out of date.

python -m tools.docs            write them
python -m tools.docs --check    compare only
"""

from __future__ import annotations

import datetime as dt
import difflib
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from banfa.cli.schema import case_schema, programme_schema, system_schema, thresholds_schema
from banfa.rules import cases, programme, system
from banfa.rules.calendar import Span
from tools import glossary
from tools.meanings import MEANINGS

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEAD = """\
# The vocabulary

This page is made from `src/banfa/rules/programme.py`, `cases.py` and `system.py` beside it by
`python -m tools.docs`; do not edit it. How the words behave together is told in
[vocabulary-guide.md](vocabulary-guide.md). For editors there are JSON Schemas:
[programme](schema/programme.schema.json), [cases](schema/cases.schema.json),
[indicator systems](schema/system.schema.json) and [thresholds](schema/thresholds.schema.json), also
printed by `banfa schema`.

A **term** says where a value comes from: a literal (number, date, true, false), a reference written
as text (`act.on`, `with.amount`, `period.preparation.end`), or a [computed value](#termmap). A
**list of names** may be one name without brackets. A **cite** is an article in the instrument's own
numbering, as quoted text (`"18.1"`). A **length** is text such as `3 years`.
"""
# Models whose fields are shown where they are inherited.
BASES = {programme.Strict, programme.Basis, programme.Words}
_SCALARS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    bool: "true or false",
    Decimal: "number",
    dt.date: "date",
    Span: "length",
    Any: "anything",
}
_SHARED: dict[Any, str] = {
    programme.Strength: "strength",
    programme.Code: "code",
    programme.InputType: "input type",
    programme.DimensionId: "dimension",
}


def main(argv: list[str]) -> int:
    """Writes the pages, or with `--check` says which are out of date."""
    stale = []
    for path, text in pages().items():
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if old == text:
            continue
        stale.append(path)
        if "--check" not in argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")
        else:
            changes = difflib.unified_diff(old.splitlines(), text.splitlines(), n=0, lineterm="")
            first = [line for line in changes if not line.startswith(("---", "+++", "@@"))]
            shown = path.relative_to(DOCS.parent)
            print(f"{shown} is out of date: run python -m tools.docs", file=sys.stderr)
            print("\n".join(first[:6]), file=sys.stderr)
    return 1 if stale and "--check" in argv else 0


def pages() -> dict[Path, str]:
    """Every page made from code, by its path."""
    return {
        DOCS / "vocabulary.md": vocabulary(),
        DOCS / "glossary.md": glossary.glossary(),
        DOCS / "single-words.md": glossary.single_words_page(),
        DOCS / "schema" / "programme.schema.json": _json(programme_schema()),
        DOCS / "schema" / "cases.schema.json": _json(case_schema()),
        DOCS / "schema" / "system.schema.json": _json(system_schema()),
        DOCS / "schema" / "thresholds.schema.json": _json(thresholds_schema()),
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


# --- the reference ------------------------------------------------------------------------------


def vocabulary() -> str:
    """The reference of all words a programme and a case file may use."""
    named = [
        ("Closed lists", list(_closed_lists())),
        ("Programme files", [_section(m) for m in _ordered(programme)]),
        ("Case files", [_section(m) for m in _ordered(cases)]),
        ("Indicator systems and thresholds", [_section(m) for m in _ordered(system)]),
    ]
    parts = [HEAD]
    for title, sections in named:
        parts += [f"## {title}\n", *sections]
    return "\n".join(parts)


def _closed_lists() -> Iterator[str]:
    for choices, name in _SHARED.items():
        words = ", ".join(f"`{word}`" for word in typing.get_args(choices))
        yield f"**{name.capitalize()}**: {words}\n"


def _ordered(module: types.ModuleType) -> list[type[BaseModel]]:
    """The module's own models: the whole first, then as they are written."""
    own = [
        model
        for model in dict.fromkeys(v for v in vars(module).values() if isinstance(v, type))
        if issubclass(model, BaseModel)
        and model.__module__ == module.__name__
        and (model not in BASES or model is programme.Words)
    ]
    wholes = [m for m in own if m.__name__ in ("Programme", "CaseFile", "System")]
    return [*wholes, *(m for m in own if m not in wholes)]


def _section(model: type[BaseModel]) -> str:
    lines = [f"### {model.__name__}\n", inspect.cleandoc(model.__doc__ or ""), ""]
    fields = dict(model.model_fields)
    if model is programme.Condition:
        lines += ["It takes all fields of [Test](#test), and these.", ""]
        fields = {n: f for n, f in fields.items() if n not in programme.Test.model_fields}
    if fields:
        lines += ["| field | type | default | meaning |", "|---|---|---|---|"]
        lines += [_row(model, name, info) for name, info in fields.items()]
        lines.append("")
    return "\n".join(lines)


def _row(model: type[BaseModel], name: str, info: FieldInfo) -> str:
    word = info.alias or name
    kind = _type(info.annotation)
    if word in ("cite", "by_cite", "stage_cite"):
        kind = "cites" if "list" in kind else "cite"
    bounds = [
        f"{sign} {getattr(one, low)}"
        for one in info.metadata
        for low, sign in (("ge", "≥"), ("le", "≤"))
        if hasattr(one, low)
    ]
    kind += f" ({', '.join(bounds)})" if bounds else ""
    return f"| `{word}` | {kind} | {_default(info)} | {meaning(model, word)} |"


def meaning(model: type[BaseModel], word: str) -> str:
    """What a field means: told in `meanings`, or in the model's docstring. Raises KeyError."""
    own = MEANINGS.get(f"{model.__name__}.{word}")
    if own is not None:
        return own
    doc = " ".join(inspect.cleandoc(model.__doc__ or "").split())
    parts = [part for part in re.split(r"(?<=[.;])\s+", doc) if re.search(rf"`{word}\b", part)]
    if parts:
        return " ".join(parts).rstrip(".;").replace("|", "\\|")
    return MEANINGS[word]


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    value = info.default
    if value is None or value in ([], {}, ()):
        return ""
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


def _type(annotation: Any) -> str:
    """A type in the words of this page."""
    if annotation in _SHARED:
        return _SHARED[annotation]
    if _is_term(annotation):
        return "term"
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{_anchor(annotation)})"
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(args[0])
    if origin is typing.Literal:
        return " / ".join(f"`{a}`" for a in args)
    if origin in (typing.Union, types.UnionType):
        return _union([a for a in args if a is not types.NoneType])
    if origin is list:
        inner = _type(args[0])
        return "list of names" if inner == "text" else f"list of {inner}"
    if origin is dict:
        inner = _type(args[1])
        return f"mapping: {_key(args[0])} → {inner}"
    return str(annotation)


def _anchor(model: type[BaseModel]) -> str:
    """Where a model's section is: a second one of the same name gets a number, as renderers do."""
    again = (
        model.__module__ == system.__name__
        and getattr(programme, model.__name__, model) is not model
    )
    return model.__name__.lower() + ("-1" if again else "")


def _union(kinds: list[Any]) -> str:
    if _is_term_set(set(kinds)):
        return "term"
    if set(kinds) == set(typing.get_args(programme.Scalar)):
        return "literal"
    return " or ".join(dict.fromkeys(_type(k) for k in kinds))


def _key(annotation: Any) -> str:
    return "name" if _type(annotation) == "text" else _type(annotation)


def _is_term(annotation: Any) -> bool:
    return _is_term_set(set(typing.get_args(annotation)) - {types.NoneType})


def _is_term_set(kinds: set[Any]) -> bool:
    return kinds == set(typing.get_args(programme.Term)) or (
        programme.TermMap in kinds and str in kinds
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
