"""JSON Schema of programme, case and indicator files, for editors that check while one types."""

from __future__ import annotations

import argparse
import typing
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from banfa.cli.options import print_json
from banfa.rules import cases, programme, system
from banfa.rules.cases import CaseFile
from banfa.rules.programme import Programme
from banfa.rules.system import System, Thresholds


def programme_schema() -> dict[str, Any]:
    """The schema of a whole programme; single files of an edition hold parts of it."""
    made = _made(Programme, "A Banfa programme: one edition of one regulation")
    # An edition may be spread over several files, and an editor sees one of them.
    made.pop("required", None)
    return made


def case_schema() -> dict[str, Any]:
    """The schema of a case file or history."""
    return _made(CaseFile, "A Banfa case file, or a history when it has no cases")


def system_schema() -> dict[str, Any]:
    """The schema of an indicator system."""
    return _made(System, "A Banfa indicator system")


def thresholds_schema() -> dict[str, Any]:
    """The schema of a round's thresholds."""
    return _made(Thresholds, "Thresholds of a round of evaluation, for Banfa")


def _made(model: Any, title: str) -> dict[str, Any]:
    made = model.model_json_schema(by_alias=True)
    parts = {model.__name__: made, **made.get("$defs", {})}
    for module in (programme, cases, system):
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, BaseModel) and one.__name__ in parts:
                _loosen(one, parts[one.__name__])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": title}


def _loosen(model: type[BaseModel], schema: dict[str, Any]) -> None:
    """Allows what the models read more kindly than they say: one name instead of a list of one."""
    for name, info in model.model_fields.items():
        shape = schema["properties"].get(info.alias or name, {})
        if shape.get("type") == "array" and _takes_one(info):
            default = {k: shape.pop(k) for k in ("default", "title") if k in shape}
            schema["properties"][info.alias or name] = {
                "anyOf": [shape["items"], dict(shape)],
                **default,
            }
        elif info.annotation is not None and _reads(info, programme._as_text):
            shape.pop("type", None)
            shape["anyOf"] = [{"type": "string"}, {"type": "integer"}]
        elif "anyOf" in shape and _takes_one(info):
            shape["anyOf"] += [s["items"] for s in shape["anyOf"] if s.get("type") == "array"]


def _takes_one(info: FieldInfo) -> bool:
    return _reads(info, programme._as_list) or _reads(info, programme._as_effects)


def _reads(info: FieldInfo, reader: Any) -> bool:
    """Whether a field's value goes through that reader first."""
    found = [*info.metadata]
    for part in typing.get_args(info.annotation):
        found += typing.get_args(part)[1:] if typing.get_origin(part) is typing.Annotated else ()
    return any(getattr(one, "func", None) is reader for one in found)


def print_schema(options: argparse.Namespace) -> int:
    """`banfa schema`"""
    if options.systems:
        made = system_schema()
    elif options.thresholds:
        made = thresholds_schema()
    else:
        made = case_schema() if options.cases else programme_schema()
    print_json(made)
    return 0
