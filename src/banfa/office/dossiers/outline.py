"""A dossier's content in the order of the official outline: for print, export and comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from banfa.office.dossiers import content
from banfa.rules import programme as p
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text

Say = Callable[[Any], str]
_UNITS = {
    "wan_yuan": Text("万元", "10,000 yuan"),
    "yuan": Text("元", "yuan"),
    "percent": Text("%", "%"),
}
_MATTERS = Text("办理事项", "The act")
_YES, _NO, _ACT = Text("是", "yes"), Text("否", "no"), Text("办法层面第%s号", "programme act %s")


def in_chinese(words: Any) -> str:
    """A declared pair of words in Chinese; '' for none."""
    return str(words.zh) if words is not None else ""


@dataclass
class Line:
    """One field: its path and label, and its value as text, or as a table.

    `proof` is for pages: the files to be shown beside it.
    """

    path: str
    label: str
    text: str = ""
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    long: bool = False
    file: dict[str, Any] | None = None
    proof: list[Any] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing was written."""
        return not (self.text or self.rows)


@dataclass
class Section:
    """A section with its lines; `name` is '' where the part has no sections."""

    path: str
    name: str
    lines: list[Line]

    @property
    def empty(self) -> bool:
        """Whether nothing was written in it."""
        return all(line.empty for line in self.lines)


@dataclass
class Part:
    """The inputs of the act, or one of its documents."""

    path: str
    name: str
    sections: list[Section]

    @property
    def empty(self) -> bool:
        """Whether nothing was written in it."""
        return all(section.empty for section in self.sections)


def outline(
    rs: Ruleset,
    kind: str,
    typed: Mapping[str, Any],
    organisations: content.Organisations,
    say: Say = in_chinese,
) -> list[Part]:
    """All parts of a dossier in the programme's order, filled or not."""
    reader = _Reader(organisations, say)
    model, parts = rs.models[kind], []
    inputs = [reader.line(f"with.{n}", g, typed) for n, g in model.with_.items()]
    if inputs:
        parts.append(Part("with", say(_MATTERS), [Section("with", "", inputs)]))
    for name in model.documents:
        parts.append(_document(rs.programme.documents[name], name, typed, reader))
    return parts


def one_document(
    schema: p.Document,
    name: str,
    typed: Mapping[str, Any],
    organisations: content.Organisations,
    say: Say = in_chinese,
) -> Part:
    """One document by its schema."""
    return _document(schema, name, typed, _Reader(organisations, say))


def _document(schema: p.Document, name: str, typed: Mapping[str, Any], reader: _Reader) -> Part:
    given, at = content.document_fields(schema, name), f"documents.{name}"
    sections = []
    for section_id, section in schema.sections.items():
        path = f"{at}.{section_id}"
        inside = [reader.line(q, g, typed) for q, g in given.items() if content.within(q, [path])]
        sections.append(Section(path, reader.say(section.name), inside))
    if not sections:
        sections = [Section(at, "", [reader.line(q, g, typed) for q, g in given.items()])]
    return Part(at, reader.say(schema.name), sections)


@dataclass
class _Reader:
    organisations: content.Organisations
    say: Say

    def line(self, path: str, given: p.Input, typed: Mapping[str, Any]) -> Line:
        raw = typed.get(path)
        made = Line(path, self.say(given.name), long=given.type == "long_text")
        if given.type == "rows":
            columns = given.columns or {}
            made.head = [self.headed(c) for c in columns.values()]
            made.rows = [
                [self.text(one, row.get(c), bare=True) for c, one in columns.items()]
                for row in raw or []
            ]
        else:
            made.text = self.text(given, raw)
            made.file = raw if given.type == "file" and isinstance(raw, dict) else None
        return made

    def headed(self, given: p.Input) -> str:
        unit = self.unit(given)
        return f"{self.say(given.name)}（{unit}）" if unit else self.say(given.name)

    def unit(self, given: p.Input) -> str:
        if given.unit:
            known = _UNITS.get(given.unit)
            return self.say(known) if known else given.unit
        return self.say(_UNITS["yuan"]) if given.type == "money" else ""

    def text(self, given: p.Input, raw: Any, bare: bool = False) -> str:
        if content.empty(raw):
            return ""
        if isinstance(raw, list):
            mark = "；" if given.type == "texts" else "、"
            return mark.join(self.one(given, v) for v in raw)
        said = self.one(given, raw)
        unit = "" if bare else self.unit(given)
        return f"{said} {unit}" if unit else said

    def one(self, given: p.Input, raw: Any) -> str:
        if given.options and raw in given.options:
            return self.say(given.options[raw])
        if given.type == "boolean":
            return self.say({"true": _YES, "false": _NO}.get(raw)) or str(raw)
        if given.type in ("organisation", "organisations"):
            return str(self.organisations.get(raw, {}).get("name") or raw)
        if given.type == "file":
            return str(raw.get("name", "")) if isinstance(raw, dict) else str(raw)
        if given.type == "programme_act":
            return self.say(_ACT) % raw
        if given.type in ("money", "number", "integer"):
            return _thousands(str(raw))
        return str(raw)


def _thousands(raw: str) -> str:
    try:
        return f"{Decimal(raw.replace(',', '')):,f}"
    except (InvalidOperation, ValueError):
        return raw


# --- what has changed ----------------------------------------------------------------------------


@dataclass
class RowChange:
    """A row of a table: `what` is `added`, `removed`, `changed` or `same`; cells with marks."""

    what: str
    cells: list[tuple[str, str]]


@dataclass
class Change:
    """A field whose value differs: before and after, or row by row."""

    path: str
    part: str
    label: str
    before: str = ""
    after: str = ""
    head: list[str] = field(default_factory=list)
    rows: list[RowChange] = field(default_factory=list)


def changes(before: list[Part], after: list[Part]) -> list[Change]:
    """What differs between two outlines of one act, in the outline's order."""
    old = {line.path: line for part in before for s in part.sections for line in s.lines}
    found = []
    for part in after:
        for section in part.sections:
            for line in section.lines:
                was = old.get(line.path, Line(line.path, line.label))
                if (was.text, was.rows, _digest(was)) == (line.text, line.rows, _digest(line)):
                    continue
                where = f"{part.name} · {section.name}" if section.name else part.name
                label = "" if line.label == section.name else line.label
                made = Change(line.path, where, label, was.text, line.text, line.head)
                if line.head:
                    made.rows = _rows(was.rows, line.rows)
                found.append(made)
    return found


def _digest(line: Line) -> str:
    return str((line.file or {}).get("digest", ""))


def _rows(before: list[list[str]], after: list[list[str]]) -> list[RowChange]:
    """Rows side by side; a row that was changed shows both values in each changed cell."""
    from difflib import SequenceMatcher

    found = []
    matcher = SequenceMatcher(None, [tuple(r) for r in before], [tuple(r) for r in after], False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            found += [RowChange("same", [(v, v) for v in row]) for row in after[c:d]]
            continue
        pairs = min(b - a, d - c)
        for old, new in zip(before[a : a + pairs], after[c : c + pairs], strict=True):
            found.append(RowChange("changed", list(zip(old, new, strict=True))))
        found += [RowChange("removed", [(v, "") for v in row]) for row in before[a + pairs : b]]
        found += [RowChange("added", [("", v) for v in row]) for row in after[c + pairs : d]]
    return found
