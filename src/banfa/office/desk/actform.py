"""The form of an act, made from the programme's own definitions, and what was filled in.

The form knows nothing of any programme: inputs, documents by section, the case it belongs to and an
inline exception all come from the edition's act.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from banfa.office.desk import existing
from banfa.office.desk import fields as f
from banfa.office.desk.language import say
from banfa.office.dossiers import content
from banfa.rules import programme as p
from banfa.rules import words
from banfa.rules.ruleset import Ruleset

Read = Callable[[str, p.Input], Any]
"""Gives what was typed in a field, by its name and definition."""


@dataclass
class Section:
    """A section of a document: one text, or several fields under a heading."""

    id: str
    name: str
    fields: list[f.Field]
    heading: bool
    help: str = ""


@dataclass
class DocumentPart:
    """A document of an act with its sections, or the file that stands for it."""

    id: str
    name: str
    need: p.DocumentNeed
    sections: list[Section] = field(default_factory=list)
    file: f.Field | None = None
    reference: f.Field | None = None
    findings: list[Any] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """The id of its place in the form."""
        return f"f-documents-{self.id}"

    @property
    def fields(self) -> Iterator[f.Field]:
        """All its fields."""
        yield from (one for section in self.sections for one in section.fields)
        yield from (one for one in (self.file, self.reference) if one is not None)


@dataclass
class ActForm:
    """An act's form: what it asks for and what was typed. `mistakes` are by field name."""

    rs: Ruleset
    kind: str
    choices: f.Choices
    cases: Sequence[f.Option] = ()
    organisations: Sequence[f.Option] = ()
    inputs: list[f.Field] = field(default_factory=list)
    documents: list[DocumentPart] = field(default_factory=list)
    exception: list[f.Field] = field(default_factory=list)
    mistakes: list[tuple[str, str]] = field(default_factory=list)
    typed: dict[str, str] = field(default_factory=dict)

    @property
    def model(self) -> p.Act:
        """The act as the edition defines it."""
        return self.rs.models[self.kind]

    @property
    def fields(self) -> Iterator[f.Field]:
        """Every field of the form."""
        yield from self.inputs
        for document in self.documents:
            yield from document.fields
        yield from self.exception

    @property
    def uploads(self) -> bool:
        """Whether a file can be chosen anywhere in the form."""
        return any(one.widget == "file" for one in self.fields)


def build(
    rs: Ruleset,
    kind: str,
    choices: f.Choices,
    post: QueryDict,
    files: Mapping[str, Any],
    party: str,
    kept: Mapping[str, Any] | None = None,
) -> ActForm:
    """The form of an act with what was typed (an empty `post`: nothing yet), or what was `kept`
    of it, by path."""

    def read(name: str, given: p.Input) -> Any:
        return f.read(name, given, post, files) if kept is None else kept.get(name)

    form = ActForm(rs, kind, choices)
    form.typed = {n: post.get(n, "") for n in ("on", "about", "org", "title")}
    inputs = form.model.with_
    if kind == existing.KIND:
        inputs = existing.as_lines(rs.programme, inputs)
    for name, given in inputs.items():
        form.inputs.append(_field(rs, f"with.{name}", given, choices, read))
    for name, need in form.model.documents.items():
        form.documents.append(_document(rs, name, need, choices, read))
    body = rs.programme.exceptions
    soft = soft_rules(rs, kind)
    if body is not None and party in body.by and soft:
        form.exception = _exception(soft, choices, read)
    return form


def _field(
    rs: Ruleset,
    name: str,
    given: p.Input,
    choices: f.Choices,
    read: Read,
) -> f.Field:
    kinds = rs.programme.parties[given.party].kinds if given.party else ()
    return f.make(name, given, read(name, given), choices, kinds)


def _document(
    rs: Ruleset,
    name: str,
    need: p.DocumentNeed,
    choices: f.Choices,
    read: Read,
) -> DocumentPart:
    schema = rs.programme.documents[name]
    part = DocumentPart(name, say(schema.name), need)
    path = f"documents.{name}"

    def made(at: str, given: p.Input) -> f.Field:
        return _field(rs, at, given, choices, read)

    for section_id, section in schema.sections.items():
        at = f"{path}.{section_id}"
        if section.fields:
            inside = [made(f"{at}.{n}", given) for n, given in section.fields.items()]
        else:
            inside = [made(at, content.as_input(section))]
        part.sections.append(
            Section(at, say(section.name), inside, bool(section.fields), say(section.help))
        )
    if not schema.sections:
        part.file = made(f"{path}.__file", content.FILE)
        part.reference = made(f"{path}.__reference", content.REFERENCE)
    return part


_RULE = p.Words(zh="例外适用的条件", en="Condition excepted")
_LIMIT = p.Words(zh="限度（日期、数量等）", en="Limit (a date, a number)")
_REASON = p.Words(zh="理由", en="Reason")


def soft_rules(rs: Ruleset, kind: str) -> list[f.Option]:
    """The conditions of an act that a recorded exception may let pass."""
    found = []
    for rule in rs.acts[kind].rules:
        if rule.soft == "exception" and isinstance(rule.source, p.Condition):
            said = words.test(rs.programme, rule.source, kind)
            found.append(f.Option(f"{kind}.{rule.id}", say(said)))
    return found


def _exception(soft: list[f.Option], choices: f.Choices, read: Read) -> list[f.Field]:
    made = []
    for name, given in (
        ("exception.rule", p.Input(name=_RULE, required=False)),
        ("exception.limit", p.Input(name=_LIMIT, required=False)),
        ("exception.reason", p.Input(type="long_text", name=_REASON, required=False)),
    ):
        made.append(f.make(name, given, read(name, given), choices, ()))
    made[0].widget, made[0].options = "choice", soft
    return made


def offer_exception(form: ActForm, refusals: Sequence[Any]) -> None:
    """Chooses the refused condition for an exception, when the party may give one for it."""
    if not form.exception or form.exception[0].value:
        return
    may = {option.value for option in form.exception[0].options}
    names = [f"{form.kind}.{found.id.removeprefix(form.kind + '.')}" for found in refusals]
    form.exception[0].value = next((name for name in names if name in may), None)


# --- from what was typed to a proposal -----------------------------------------------------------


@dataclass
class Filled:
    """What a form proposes: the act's day, data, documents, case and exception."""

    on: dt.date | None
    data: dict[str, Any]
    documents: dict[str, dict[str, Any]]
    about: str | None
    exception: dict[str, Any] | None


def fill(form: ActForm) -> Filled:
    """The proposal; what cannot be read goes to `form.mistakes` under its field."""
    given = {one.name: one.given for one in form.fields if not one.name.startswith("exception.")}
    typed = {one.name: one.value for one in form.fields}
    data, documents, mistakes = content.gather(given, typed, form.choices.organisations)
    form.mistakes += mistakes
    if form.kind == existing.KIND:
        data = existing.as_data(form.rs.programme, data, form.mistakes)
    exception = {one.name.removeprefix("exception."): one.value or None for one in form.exception}
    exception = {k: v for k, v in exception.items() if v is not None}
    return Filled(_day(form), data, documents, form.typed["about"] or None, exception or None)


def _day(form: ActForm) -> dt.date | None:
    raw = form.typed["on"].strip()
    try:
        return dt.date.fromisoformat(raw)
    except ValueError:
        said = _("“%(raw)s”不是有效日期，请写成 2030-11-20") % {"raw": raw[:40]}
        form.mistakes.append(("on", said if raw else _("请填写办理日期")))
        return None


# --- findings beside their fields ------------------------------------------------------------


def place(form: ActForm, findings: Sequence[Any]) -> dict[int, str]:
    """Puts each finding beside its field; gives the element id for each by its position.

    A finding about the act as a whole (its stage, its actor, its day) has no field.
    """
    by_name = {one.name: one for one in form.fields}
    parts = {f"documents.{d.id}": d for d in form.documents}
    places: dict[int, str] = {}
    for number, found in enumerate(findings):
        path = found.field or ""
        wanted = path if path.startswith("documents.") else f"with.{path}"
        holder = by_name.get(wanted) or parts.get(wanted) or _nearest(wanted, by_name, parts)
        if path and holder is not None:
            holder.findings.append(found)
            places[number] = holder.anchor if isinstance(holder, DocumentPart) else holder.id
    return places


def _nearest(
    path: str, by_name: Mapping[str, f.Field], parts: Mapping[str, DocumentPart]
) -> f.Field | DocumentPart | None:
    """The first field within a section, the field whose part a path is, or the document."""
    while "." in path:
        inside = [one for name, one in by_name.items() if name.startswith(f"{path}.")]
        if inside and path.count(".") > 1:
            return inside[0]
        path = path.rsplit(".", 1)[0]
        if path in by_name or path in parts:
            return by_name.get(path) or parts[path]
    return None
