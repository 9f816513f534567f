"""JSON Schema of programme and case files, for editors that check while one types."""

from __future__ import annotations

import argparse
from typing import Any

from banfa.cli.options import print_json
from banfa.rules.cases import CaseFile
from banfa.rules.programme import Programme


def programme_schema() -> dict[str, Any]:
    """The schema of a whole programme; single files of an edition hold parts of it."""
    made = _made(Programme, "A Banfa programme: one edition of one regulation")
    # An edition may be spread over several files, and an editor sees one of them.
    made.pop("required", None)
    return made


def case_schema() -> dict[str, Any]:
    """The schema of a case file or history."""
    return _made(CaseFile, "A Banfa case file, or a history when it has no cases")


def _made(model: Any, title: str) -> dict[str, Any]:
    made = model.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": title}


def print_schema(options: argparse.Namespace) -> int:
    """`banfa schema`"""
    print_json(case_schema() if options.cases else programme_schema())
    return 0
