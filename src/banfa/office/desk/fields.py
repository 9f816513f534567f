"""One field of a form, made from a programme's own input definition.

A field is named by its path in the act: `with.reason`, `with.members.0.name`,
`documents.plan.goals`. What was typed is kept as typed, so that a refused form loses nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from banfa.office.desk.language import say
from banfa.office.readable import Readable
from banfa.rules import programme as p

MAX_FORM_ROWS = 500
LONG_TEXT, SHORT_TEXT = 200_000, 2_000

WIDGETS = {
    "text": "text",
    "long_text": "long_text",
    "date": "date",
    "year": "number",
    "integer": "number",
    "number": "number",
    "money": "number",
    "ratio": "number",
    "boolean": "boolean",
    "choice": "choice",
    "choices": "choices",
    "texts": "lines",
    "people": "lines",
    "organisation": "choice",
    "organisations": "choices",
    "rows": "rows",
    "file": "file",
    "centres": "choices",
    "programme_act": "choice",
    "data": "data",
}


@dataclass(frozen=True)
class Option(Readable):
    """One thing to pick: what is sent, what is shown."""

    value: str
    text: str


@dataclass
class Choices:
    """What can be picked beyond a field's own options: organisations, centres, acts on file.

    `extra` gives options by field name where the programme cannot: rules that may be excepted,
    acts to annul.
    """

    organisations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    centres: Sequence[Option] = ()
    acts: Mapping[str, Sequence[Option]] = field(default_factory=dict)
    extra: Mapping[str, Sequence[Option]] = field(default_factory=dict)

    def organisations_of(self, kinds: Sequence[str]) -> list[Option]:
        """Organisations of these kinds (all, when no kind is asked for)."""
        return [
            Option(number, str(org.get("name") or number))
            for number, org in self.organisations.items()
            if not kinds or org.get("kind") in kinds
        ]


@dataclass
class Field(Readable):
    """A field ready to be shown: its words, what can be picked, what was typed, what was found."""

    name: str
    given: p.Input
    label: str
    widget: str
    value: Any = None
    options: list[Option] = field(default_factory=list)
    rows: list[list[Field]] = field(default_factory=list)
    blank: list[Field] = field(default_factory=list)
    findings: list[Any] = field(default_factory=list)
    basis: Any = None

    @property
    def id(self) -> str:
        """The id of the control."""
        return "f-" + re.sub(r"[^0-9A-Za-z_]+", "-", self.name)

    @property
    def required(self) -> bool:
        """Whether the programme wants it."""
        return self.given.required

    @property
    def help(self) -> str:
        """The programme's explanation."""
        return say(self.given.help)

    @property
    def hint(self) -> str:
        """How to write the value, from its type."""
        return {
            "lines": _("每行一项"),
            "data": _("按 JSON 填写"),
            "file": _("仅登记文件名与摘要值（SHA-256）"),
        }.get(self.widget, _("0 至 1 之间的小数，如 0.35") if self.given.type == "ratio" else "")

    @property
    def unit(self) -> str:
        """The unit shown after the control."""
        return unit_of(self.given)

    @property
    def step(self) -> str:
        """The step of a number control."""
        return {"integer": "1", "year": "1", "money": "0.01"}.get(self.given.type, "any")

    @property
    def longest(self) -> int:
        """How many characters a text control takes."""
        return LONG_TEXT if self.widget in ("long_text", "lines", "data") else SHORT_TEXT

    @property
    def wide(self) -> bool:
        """Whether it takes the whole width of the form."""
        return self.widget in ("long_text", "rows", "lines", "choices", "data", "file")

    @property
    def described_by(self) -> str:
        """The ids of the texts that explain the control."""
        ids = [f"{self.id}-help"] if self.help or self.hint else []
        return " ".join(ids + ([f"{self.id}-found"] if self.findings else []))


def unit_of(given: p.Input) -> str:
    """An input's unit in the language of the page; money is in yuan unless declared."""
    if given.unit:
        known = {"wan_yuan": _("万元"), "yuan": _("元"), "percent": "%"}
        return known.get(given.unit, given.unit)
    return _("元") if given.type == "money" else ""


def make(name: str, given: p.Input, value: Any, choices: Choices, kinds: Sequence[str]) -> Field:
    """A field with what was typed before (`value` as `read` gives it, or None)."""
    made = Field(name, given, say(given.name), WIDGETS[given.type], value)
    if name in choices.extra:
        made.widget = "choice"
        made.options = list(choices.extra[name])
    elif given.options:
        made.options = [Option(k, say(w)) for k, w in given.options.items()]
    elif given.type in ("organisation", "organisations"):
        made.options = choices.organisations_of(kinds)
    elif given.type == "centres":
        made.options = list(choices.centres)
    elif given.type == "programme_act":
        made.options = list(choices.acts.get(given.act or "", ()))
    if given.columns:
        for number, row in enumerate(value or [{}]):
            made.rows.append(_row(f"{name}.{number}", given, row, choices))
        made.blank = _row(f"{name}.__n__", given, {}, choices)
    return made


def _row(name: str, given: p.Input, row: Mapping[str, Any], choices: Choices) -> list[Field]:
    columns = given.columns or {}
    return [make(f"{name}.{c}", column, row.get(c), choices, ()) for c, column in columns.items()]


# --- what was typed --------------------------------------------------------------------------


def read(name: str, given: p.Input, post: QueryDict, files: Mapping[str, Any]) -> Any:
    """What was typed, as text or lists of text; None or empty when nothing was."""
    if given.type == "rows":
        return _read_rows(name, given, post, files)
    if given.type in ("choices", "organisations", "centres"):
        return [v for v in post.getlist(name) if v]
    if given.type in ("texts", "people"):
        return [line.strip() for line in post.get(name, "").splitlines() if line.strip()]
    if given.type == "file":
        return _read_file(name, post, files)
    raw = post.get(name, "")
    return raw if given.type == "long_text" else raw.strip()


def _read_rows(
    name: str, given: p.Input, post: QueryDict, files: Mapping[str, Any]
) -> list[dict[str, Any]]:
    pattern = re.compile(re.escape(name) + r"\.([0-9]{1,6})\.")
    numbers = {int(m.group(1)) for key in [*post, *files] if (m := pattern.match(key))}
    rows = []
    for number in sorted(numbers)[:MAX_FORM_ROWS]:
        columns = (given.columns or {}).items()
        row = {c: read(f"{name}.{number}.{c}", column, post, files) for c, column in columns}
        if any(row.values()):
            rows.append(row)
    return rows


def _read_file(name: str, post: QueryDict, files: Mapping[str, Any]) -> dict[str, Any] | None:
    """A new upload, or the one a refused form already had (kept in a hidden field)."""
    upload = files.get(name)
    if upload is None:
        kept = post.get(f"{name}.kept", "")
        try:
            found = json.loads(kept) if kept else None
        except ValueError:
            return None
        return found if isinstance(found, dict) else None
    sha = hashlib.sha256()
    for chunk in upload.chunks():
        sha.update(chunk)
    return {"name": upload.name, "size": upload.size, "digest": f"sha256:{sha.hexdigest()}"}
