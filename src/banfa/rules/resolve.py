"""Whether every name and reference in a programme leads somewhere.

The judge compiles terms by string and late, so this is the one place where a misspelt input, stage
or article is caught before anybody meets it. Each problem names the nearest valid word.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from banfa.rules import builtin
from banfa.rules import programme as p
from banfa.rules.citation import Citation
from banfa.rules.loading import Language, Loc, Node, Problem
from banfa.rules.proposals import nearest

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Lint(Problem):
    """A problem of meaning. An error makes the programme unusable; a warning may be meant so."""

    severity: Severity = "error"

    def text(self, language: Language = "en") -> str:
        """`file:line:column: message`; a warning says that it is one."""
        mark = "" if self.severity == "error" else ("提醒：" if language == "zh" else "warning: ")
        message = self.zh if language == "zh" else self.en
        return f"{self.path}:{self.line}:{self.column}: {mark}{message}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a term at some place may refer to besides the centre's own facts.

    `act` is the act the term is evaluated for (none: a duty or consequence); `procedures` those
    whose case it may read; `yearly` tells that `duty.year` is known.
    """

    act: p.Act | None = None
    name: str = ""
    procedures: tuple[str, ...] = ()
    yearly: bool = False
    loose: bool = False


@dataclass
class Desk:
    """A programme on the desk: its model, where everything is written, and its names."""

    programme: p.Programme
    node: Node
    acts: dict[str, p.Act] = field(default_factory=dict)
    walked: dict[tuple[int, Loc], list[tuple[BaseModel, Loc]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.acts:
            self.acts = all_acts(self.programme)

    def walk(self, part: Any, loc: Loc) -> list[tuple[BaseModel, Loc]]:
        """As the function; many lints walk the same parts, so they are walked once."""
        at = (id(part), loc)
        if at not in self.walked:
            self.walked[at] = walk(self.node, part, loc)
        return self.walked[at]

    def error(self, loc: Loc, code: str, zh: str, en: str, *, key: bool = False) -> Lint:
        """An error placed at a value, or at a mapping's key."""
        return self._lint(loc, code, zh, en, "error", key)

    def warning(self, loc: Loc, code: str, zh: str, en: str, *, key: bool = False) -> Lint:
        """A warning placed at a value, or at a mapping's key."""
        return self._lint(loc, code, zh, en, "warning", key)

    def _lint(self, loc: Loc, code: str, zh: str, en: str, severity: Severity, key: bool) -> Lint:
        place = self.node.keys.get(loc) if key else None
        return Lint(*(place or self.node.place(loc)), code, zh, en, severity)

    def unknown(
        self, loc: Loc, name: str, known: Iterable[str], what: tuple[str, str], *, key: bool = False
    ) -> Lint:
        """`no stage 'x'; did you mean 'y'?`, placed where x is written."""
        zh, en = suggestion(name, list(known))
        return self.error(
            loc,
            "unknown_name",
            f"没有名为“{name}”的{what[0]}{zh}",
            f"no {what[1]} '{name}'{en}",
            key=key,
        )


_UNMADE = (ValidationError, KeyError, ValueError, IndexError, StopIteration)


def all_acts(programme: p.Programme) -> dict[str, p.Act]:
    """The programme's acts with the generic ones; only its own when those cannot be made."""
    for changes in ({}, _BARE, {**_BARE, "registers": {}}):
        try:
            return builtin.all_acts(programme.model_copy(update=changes))
        except _UNMADE:
            continue
    return dict(programme.acts)


_BARE: dict[str, Any] = {
    "annulment": p.Basis(default="-"),
    "parameters": {},
    "defaults": {},
    "exceptions": None,
    "existing": None,
    "validity_extension": None,
}


def suggestion(name: str, known: list[str]) -> tuple[str, str]:
    """What was probably meant; failing that, what may stand there."""
    like = nearest(name, known)
    if like is not None:
        return f"；是否指“{like}”？", f"; did you mean '{like}'?"
    if not known:
        return "；这里没有可用的名称", "; there is none to name here"
    shown = known[:12] + ["…"] * (len(known) > 12)
    return f"；可用：{'、'.join(shown)}", f"; there are: {', '.join(shown)}"


# --- walking ------------------------------------------------------------------------------------


def raw(data: Any, loc: Loc) -> Any:
    """What is written at a path, or None."""
    for step in loc:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data


def walk(node: Node, model: Any, loc: Loc) -> list[tuple[BaseModel, Loc]]:
    """Every model inside a model (itself first), with the path under which it is written."""
    found: list[tuple[BaseModel, Loc]] = []
    _walk(node, model, loc, found)
    return found


def _walk(node: Node, model: Any, loc: Loc, found: list[tuple[BaseModel, Loc]]) -> None:
    if isinstance(model, BaseModel):
        found.append((model, loc))
        inside = model.__dict__
        for name in model.model_fields_set:  # what is not written holds nothing to find
            value = inside[name]
            if isinstance(value, _HOLDERS):
                _walk(node, value, (*loc, _written_names(type(model))[name]), found)
    elif isinstance(model, dict):
        for key, value in model.items():
            if isinstance(value, _HOLDERS):
                _walk(node, value, (*loc, key), found)
    elif isinstance(model, list):
        for index, value in enumerate(model):
            if isinstance(value, _HOLDERS):
                _walk(node, value, item(node, loc, index), found)


_HOLDERS = (BaseModel, list, dict)


@cache
def _written_names(model: type[BaseModel]) -> dict[str, str]:
    return {name: info.alias or name for name, info in model.model_fields.items()}


def item(node: Node, loc: Loc, index: int) -> Loc:
    """The path of a list's item; a list of one may be written without brackets."""
    return (*loc, index) if isinstance(raw(node.data, loc), list) else loc


def written(model: BaseModel, name: str) -> str:
    """A field's name as authors write it."""
    return type(model).model_fields[name].alias or name


def sections(desk: Desk) -> Iterator[tuple[Any, Loc, Scope]]:
    """The programme's parts, each with what its terms may refer to."""
    pr = desk.programme
    for name, act in pr.acts.items():
        yield act, ("acts", name), _act_scope(name, act)
    for name, register in pr.registers.items():
        made = desk.acts.get(f"record_{name}")
        yield register, ("registers", name), Scope(made, f"record_{name}", loose=made is None)
    for name, duty in pr.duties.items():
        yield duty, ("duties", name), Scope(yearly=duty.each == "year")
    for name in type(pr).model_fields:
        if name in ("acts", "registers", "duties"):
            continue
        value = getattr(pr, name)
        if isinstance(value, BaseModel | list | dict):
            yield value, (name,), Scope(loose=name == "documents")


def _act_scope(name: str, act: p.Act) -> Scope:
    procedures = [part.case for part in (act.about, act.opens) if part is not None]
    return Scope(act, name, tuple(dict.fromkeys(procedures)))


# --- names --------------------------------------------------------------------------------------

_WHAT: dict[str, tuple[str, str]] = {
    "act": ("行为", "act"),
    "centre_act": ("中心一级的行为", "centre-level act"),
    "programme_act": ("办法一级的行为", "programme-level act"),
    "party": ("一方", "party"),
    "actor": ("一方", "party"),
    "stage": ("阶段", "stage"),
    "stages": ("阶段或阶段组", "stage or group"),
    "from": ("阶段或阶段组", "stage or group"),
    "entry": ("阶段（或 none）", "stage (or none)"),
    "period": ("期限", "period"),
    "value": ("事项（values）", "value"),
    "flag": ("标记", "flag"),
    "procedure": ("程序", "procedure"),
    "document": ("材料", "document"),
    "notice": ("文书", "notice"),
    "kind": ("单位类型", "kind of organisation"),
    "class": ("类别", "class"),
    "grade": ("等级", "grade"),
    "form": ("名称格式", "name form"),
    "setting": ("参数或缺省项", "parameter or default"),
    "parameter": ("参数", "parameter"),
    "default": ("缺省项", "default"),
    "list": ("名单（lists）", "list (declare it under lists)"),
    "keeper": ("行为、材料、登记或其他事项", "act, document, register or other entry"),
}


def known(desk: Desk, kind: str) -> list[str]:
    """The names of one kind that the programme declares."""
    pr = desk.programme
    stages = list(pr.stages)
    tables: dict[str, Callable[[], Iterable[str]]] = {
        "act": lambda: desk.acts,
        "centre_act": lambda: [n for n, a in desk.acts.items() if a.level == "centre"],
        "programme_act": lambda: [n for n, a in desk.acts.items() if a.level == "programme"],
        "party": lambda: pr.parties,
        "actor": lambda: [*pr.parties, "anyone"],
        "stage": lambda: stages,
        "stages": lambda: [*stages, *pr.groups, "none"],
        "from": lambda: [*stages, *pr.groups, "none", "any"],
        "entry": lambda: [*stages, "none"],
        "period": lambda: pr.periods,
        "value": lambda: pr.values,
        "flag": lambda: pr.flags,
        "procedure": lambda: pr.procedures,
        "document": lambda: pr.documents,
        "notice": lambda: pr.notices,
        "kind": lambda: pr.kinds,
        "class": lambda: pr.classes,
        "grade": lambda: pr.evaluation.grades if pr.evaluation else (),
        "form": lambda: ["current", *pr.names],
        "setting": lambda: [*pr.parameters, *pr.defaults],
        "parameter": lambda: pr.parameters,
        "list": lambda: pr.lists,
        "default": lambda: pr.defaults,
        "keeper": lambda: [
            *desk.acts,
            *(n for t in _KEEPERS for n in getattr(pr, t)),
            *(pr.evaluation.indicators if pr.evaluation else ()),
        ],
    }
    return list(tables[kind]())


_KEEPERS = (
    *("documents", "registers", "duties", "consequences", "notices", "parameters", "names"),
    *("procedures", "values", "periods", "parties", "classes", "tasks", "defaults", "lists"),
    *("stages", "flags"),
)
# What each field names. A mapping's keys are the names; a list's items are.
_NAMED: dict[tuple[type, str], str] = {
    (p.Test, "done"): "act",
    (p.Test, "flag"): "flag",
    (p.Test, "open"): "procedure",
    (p.Test, "in_stage"): "stages",
    (p.Test, "parameter"): "setting",
    (p.Results, "grades"): "grade",
    (p.Published, "act"): "programme_act",
    (p.Run, "act"): "act",
    (p.Listed, "list"): "list",
    (p.FromRegister, "of"): "act",
    (p.NameTest, "form"): "form",
    (p.Input, "party"): "party",
    (p.Input, "act"): "programme_act",
    (p.About, "case"): "procedure",
    (p.Opens, "case"): "procedure",
    (p.Jointly, "parties"): "party",
    (p.Effect, "stage"): "stage",
    (p.Effect, "bind"): "party",
    (p.Effect, "unbind"): "party",
    (p.Effect, "set"): "value",
    (p.Effect, "unset"): "value",
    (p.Effect, "open"): "period",
    (p.Effect, "end"): "period",
    (p.Effect, "close"): "period",
    (p.Effect, "raise_"): "flag",
    (p.Effect, "lower"): "flag",
    (p.Effect, "owe"): "notice",
    (p.Effect, "serve"): "notice",
    (p.Causes, "act"): "centre_act",
    (p.Act, "by"): "actor",
    (p.Act, "from_"): "from",
    (p.Act, "elsewhere"): "entry",
    (p.Act, "documents"): "document",
    (p.Register, "by"): "actor",
    (p.Register, "from_"): "from",
    (p.Party, "kinds"): "kind",
    (p.Derived, "of"): "stage",
    (p.Step, "waits_for"): "party",
    (p.Duty, "holder"): "party",
    (p.Duty, "while_"): "stages",
    (p.Duty, "done_by"): "act",
    (p.Consequence, "act"): "act",
    (p.NameForm, "stages"): "stages",
    (p.NameForm, "class_"): "class",
    (p.Notice, "to"): "party",
    (p.Notice, "by"): "party",
    (p.Parameter, "set_by"): "party",
    (p.Existing, "by"): "party",
    (p.Existing, "stages"): "stage",
    (p.ByAuthority, "by"): "party",
    (p.Article, "by"): "keeper",
    (p.Transition, "periods"): "period",
    (p.Instrument, "issuers"): "party",
    (p.Instrument, "interpreters"): "party",
}


def lint_names(desk: Desk) -> Iterator[Lint]:
    """Every stage, party, act, period, ... that is named is declared."""
    pr = desk.programme
    for name in pr.authority:
        if name not in pr.parties:
            yield desk.unknown(("authority",), name, pr.parties, _WHAT["party"])
    for group, stages in pr.groups.items():
        for index, name in enumerate(stages):
            if name not in pr.stages:
                loc = item(desk.node, ("groups", group), index)
                yield desk.unknown(loc, name, pr.stages, _WHAT["stage"])
    for index, move in enumerate(pr.transitions):
        for old, name in move.stage_map.items():
            if name not in pr.stages:
                loc = (*item(desk.node, ("transitions",), index), "stage_map", old)
                yield desk.unknown(loc, name, pr.stages, _WHAT["stage"])
    for part, start, _ in sections(desk):
        for model, loc in desk.walk(part, start):
            yield from _names_of(desk, model, loc)


def _names_of(desk: Desk, model: BaseModel, loc: Loc) -> Iterator[Lint]:
    for (owner, name), kind in _NAMED.items():
        if not isinstance(model, owner):
            continue
        value = getattr(model, name)
        if value is None or value == []:
            continue
        at = (*loc, written(model, name))
        allowed = known(desk, kind)
        if isinstance(value, dict):
            for key in value:
                if key not in allowed:
                    yield desk.unknown((*at, key), key, allowed, _WHAT[kind], key=True)
            continue
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            if one not in allowed:
                yield desk.unknown(item(desk.node, at, index), one, allowed, _WHAT[kind])


def lint_steps(desk: Desk) -> Iterator[Lint]:
    """Every step that an act waits at or moves to belongs to its procedure."""
    what = ("步骤", "step")
    for name, act in desk.programme.acts.items():
        loc: Loc = ("acts", name)
        moved: list[str] = []
        for part, key in ((act.about, "about"), (act.opens, "opens")):
            procedure = desk.programme.procedures.get(part.case) if part is not None else None
            if part is None or procedure is None:
                continue
            steps = list(procedure.steps)
            moved += steps
            named = part.at if isinstance(part, p.About) else [part.step]
            for index, step in enumerate(named):
                if step not in steps:
                    under = "at" if isinstance(part, p.About) else "step"
                    at = item(desk.node, (*loc, key, under), index)
                    yield desk.unknown(at, step, steps, what)
        yield from _steps_moved(desk, act, loc, moved)
    for name, register in desk.programme.registers.items():
        yield from _steps_moved(desk, register, ("registers", name), [])


def _steps_moved(desk: Desk, act: p.Act | p.Register, loc: Loc, steps: list[str]) -> Iterator[Lint]:
    in_case = isinstance(act, p.Act) and (act.about is not None or act.opens is not None)
    for index, effect in enumerate(act.then):
        at = item(desk.node, (*loc, "then"), index)
        if effect.step is not None and not in_case:
            yield desk.error(
                (*at, "step"),
                "no_case",
                f"此行为不属于任何程序，不能转到步骤“{effect.step}”；请写 about 或 opens",
                f"this act belongs to no case, so it cannot move to step '{effect.step}';"
                " write about or opens",
            )
        elif effect.step is not None and steps and effect.step not in steps:
            yield desk.unknown((*at, "step"), effect.step, steps, ("步骤", "step"))
        if effect.keep and not in_case:
            yield desk.error(
                (*at, "keep"),
                "no_case",
                "此行为不属于任何程序，keep 无处可记；请写 about 或 opens，或改用 set",
                "this act belongs to no case, so keep has no place; write about or opens, or set",
            )


# --- citations and defaults ---------------------------------------------------------------------

_CITES = ("cite", "by_cite", "stage_cite")


def cited(desk: Desk) -> Iterator[tuple[str, Loc, BaseModel]]:
    """Every citation of the programme's own articles, where it stands and in which model."""
    for part, start, _ in sections(desk):
        for model, loc in desk.walk(part, start):
            for name in _CITES:
                if name not in type(model).model_fields:
                    continue
                value = getattr(model, name)
                many = value if isinstance(value, list) else [value] if value else []
                for index, cite in enumerate(many):
                    yield cite, item(desk.node, (*loc, name), index), model


def lint_citations(desk: Desk) -> Iterator[Lint]:
    """Every citation is one in the instrument's numbering and leads to a listed article."""
    numbering = desk.programme.instrument.numbering
    listed = list(article_keys(desk.programme).values())
    for key in desk.programme.articles:
        yield from _unreadable(desk, key, ("articles", key), key=True)
    for field_name in ("articles", "annexes"):
        for index, key in enumerate(getattr(desk.programme.instrument, field_name)):
            loc = item(desk.node, ("instrument", field_name), index)
            yield from _unreadable(desk, key, loc)
    missing: dict[str, list[Loc]] = {}
    for key, loc, _ in _all_cited(desk):
        faults = list(_unreadable(desk, key, loc))
        yield from faults
        if not faults:
            cite = Citation.parse(key, numbering)
            if not any(one.covers(cite) or cite.covers(one) for one in listed):
                missing.setdefault(key, []).append(loc)
    for key, places in missing.items():
        yield _unlisted(desk, key, places)


def _unlisted(desk: Desk, key: str, places: list[Loc]) -> Lint:
    """One problem for each article that is cited and not listed, however often it is cited."""
    cite = Citation.parse(key, desk.programme.instrument.numbering)
    zh, en = suggestion(key, list(desk.programme.articles))
    if len(places) > 1:
        zh += f"（另有 {len(places) - 1} 处引用）"
        en += f" ({len(places) - 1} more places cite it)"
    return desk.error(
        places[0],
        "unlisted_article",
        f"所引“{key}”（{cite.zh}）没有列入 articles；请列入{zh}",
        f"'{key}' ({cite.en}) is cited but is not under articles; list it there{en}",
    )


def _all_cited(desk: Desk) -> Iterator[tuple[str, Loc, BaseModel | None]]:
    yield from cited(desk)
    for name, default in desk.programme.defaults.items():
        for index, key in enumerate(default.articles):
            yield key, item(desk.node, ("defaults", name, "articles"), index), None


def _unreadable(desk: Desk, cite: str, loc: Loc, *, key: bool = False) -> Iterator[Lint]:
    try:
        Citation.parse(cite, desk.programme.instrument.numbering)
    except ValueError as error:
        yield desk.error(loc, "bad_citation", getattr(error, "zh", str(error)), str(error), key=key)


def article_keys(programme: p.Programme) -> dict[str, Citation]:
    """The listed articles that can be read, by key, in the order of the file."""
    found = {}
    for key in programme.articles:
        try:
            found[key] = Citation.parse(key, programme.instrument.numbering)
        except ValueError:
            continue
    return found


def lint_defaults(desk: Desk) -> Iterator[Lint]:
    """Every default named is declared, and every default declared is used."""
    declared = desk.programme.defaults
    used: set[str] = set()
    for part, start, _ in sections(desk):
        if start == ("defaults",):
            continue
        for model, loc in desk.walk(part, start):
            named = getattr(model, "default", None)
            if isinstance(named, str):
                used.add(named)
                if named not in declared:
                    yield desk.unknown((*loc, "default"), named, declared, _WHAT["default"])
            if isinstance(model, p.Test) and model.parameter in declared:
                used.add(str(model.parameter))
            if isinstance(model, p.Article):
                used.update(n for n in model.by if n in declared)
    for name in declared:
        if name not in used:
            yield desk.warning(
                ("defaults", name),
                "unused_default",
                f"缺省项“{name}”没有任何条件、行为或义务以它为依据；请引用，或删去",
                f"nothing rests on default '{name}'; use it as a basis, or take it out",
                key=True,
            )


# --- terms --------------------------------------------------------------------------------------

_ORG = ("org", "name", "kind", "place")
_RESULT = ("grade", "on", "round")
_CASE = ("key", "opened", "step", "id")
_TERM_TYPES = frozenset(typing.get_args(p.Term))
_REFERENCES = {(p.Test, "given"), (p.Choose, "by"), (p.Causes, "each"), (p.Derived, "after")}


def _term_fields(model: type[BaseModel]) -> list[str]:
    """The fields of a model that hold terms: alone, in lists or in mappings."""
    return [
        name
        for name, info in model.model_fields.items()
        if p.TermMap in _flat(info.annotation) or (model, name) in _REFERENCES
    ]


def _flat(annotation: Any) -> set[Any]:
    args = typing.get_args(annotation)
    return {annotation} | {one for arg in args for one in _flat(arg)}


_FIELDS: dict[type, list[str]] = {}


def terms(model: BaseModel, node: Node, loc: Loc) -> Iterator[tuple[str, Loc]]:
    """The references that stand directly in a model, each with its place."""
    kind = type(model)
    if kind not in _FIELDS:
        bases = [b for b in kind.__mro__ if isinstance(b, type) and issubclass(b, BaseModel)]
        _FIELDS[kind] = list(dict.fromkeys(n for b in bases for n in _term_fields(b)))
    for name in _FIELDS[kind]:
        value = getattr(model, name)
        at = (*loc, written(model, name))
        if isinstance(value, str):
            yield value, at
        elif isinstance(value, list):
            for index, one in enumerate(value):
                if isinstance(one, str):
                    yield one, item(node, at, index)
        elif isinstance(value, dict):
            for key, one in value.items():
                if isinstance(one, str):
                    yield one, (*at, key)


def lint_references(desk: Desk) -> Iterator[Lint]:
    """Every reference in a term or test leads to something that can be there."""
    for part, start, scope in sections(desk):
        for model, loc in desk.walk(part, start):
            for reference, at in terms(model, desk.node, loc):
                yield from resolve(desk, reference, at, scope)


def resolve(desk: Desk, path: str, loc: Loc, scope: Scope) -> Iterator[Lint]:
    """The problems of one reference."""
    if path == "act.on":
        return
    head, _, rest = path.partition(".")
    check = _HEADS.get(head)
    if check is None:
        zh, en = suggestion(head, list(_HEADS))
        hint = "文字常量请用 is、in 等" if head == path else ""
        yield desk.error(
            loc,
            "unknown_reference",
            f"“{path}”不是取值{zh}" + (f"（{hint}）" if hint else ""),
            f"'{path}' refers to nothing{en}"
            + (" (for a literal text use is, in or the like)" if hint else ""),
        )
        return
    yield from check(desk, rest, loc, scope, path)


Check = Callable[[Desk, str, Loc, Scope, str], Iterator[Lint]]


def _bad(desk: Desk, loc: Loc, path: str, name: str, allowed: Iterable[str]) -> Lint:
    zh, en = suggestion(name, list(allowed))
    return desk.error(
        loc,
        "unknown_reference",
        f"“{path}”中的“{name}”不存在{zh}",
        f"'{name}' in '{path}' does not exist{en}",
    )


def _needs_act(desk: Desk, loc: Loc, path: str) -> Lint:
    return desk.error(
        loc,
        "no_act",
        f"“{path}”要有行为才能取值，义务、后果等处没有行为；可用 last.<行为>.<填报项>",
        f"'{path}' needs an act, and there is none in a duty or consequence;"
        " use last.<act>.<input>",
    )


def _act_head(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    yield _bad(desk, loc, path, rest, ["on"])


def _this(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    if rest:
        yield _bad(desk, loc, path, rest, [])
    elif scope.act is None:
        yield _needs_act(desk, loc, path)


def _duty(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    if rest != "year":
        yield _bad(desk, loc, path, rest, ["year"])
    elif not scope.yearly:
        yield desk.error(
            loc,
            "no_year",
            "duty.year 只在按年的义务（each: year）中有值；请加 each: year，或改用 year_of",
            "duty.year is known only in a yearly duty; add each: year, or use year_of",
        )


def _by(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    if scope.act is None and not scope.loose:
        yield _needs_act(desk, loc, path)
    elif rest and rest not in (*_ORG, "party"):
        yield _bad(desk, loc, path, rest, [*_ORG, "party"])


def _with(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    if scope.loose:
        return
    if scope.act is None:
        yield _needs_act(desk, loc, path)
        return
    name, _, deeper = rest.partition(".")
    given = scope.act.with_.get(name)
    if given is None:
        yield _bad(desk, loc, path, name, scope.act.with_)
    elif deeper:
        yield from _inside(desk, given, deeper, loc, path)


def _inside(desk: Desk, given: p.Input, deeper: str, loc: Loc, path: str) -> Iterator[Lint]:
    """What lies inside an input's value: an organisation's, a row's, a programme act's fields."""
    first = deeper.split(".")[0]
    allowed: list[str]
    if given.type == "data":
        return
    if given.type in ("organisation", "organisations"):
        allowed = list(_ORG)
    elif given.type == "people":
        allowed = ["person"]
    elif given.type == "rows":
        allowed = list(given.columns or {})
    elif given.type == "programme_act":
        made = desk.acts.get(given.act or "")
        if made is None:
            return
        allowed = ["on", *made.with_]
    else:
        yield desk.error(
            loc,
            "unknown_reference",
            f"“{path}”：{given.type} 类型的填报项没有下级字段“{deeper}”",
            f"'{path}': an input of type {given.type} has nothing called '{deeper}' inside",
        )
        return
    if first not in allowed:
        yield _bad(desk, loc, path, first, allowed)


def _centre(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    name, _, deeper = rest.partition(".")
    values = desk.programme.values
    fixed = ("class", "stage", "since")
    if name not in fixed and name not in values:
        yield _bad(desk, loc, path, name, [*values, *fixed])
    elif deeper and name in fixed:
        yield _bad(desk, loc, path, deeper, [])
    elif deeper:
        kind = values[name].type
        if kind in ("organisation", "organisations") and deeper not in _ORG:
            yield _bad(desk, loc, path, deeper, _ORG)
        elif kind not in ("organisation", "organisations", "rows", "people", "data"):
            yield _bad(desk, loc, path, deeper, [])


def _role(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    party, _, attribute = rest.partition(".")
    declared = desk.programme.parties.get(party)
    if declared is None:
        yield _bad(desk, loc, path, party, desk.programme.parties)
    elif attribute and attribute not in (*_ORG, "all"):
        yield _bad(desk, loc, path, attribute, [*_ORG, "all"])
    elif party not in _bound(desk):
        yield desk.error(
            loc,
            "never_bound",
            f"“{path}”永远无值：没有行为把“{party}”（{declared.name.zh}）与中心绑定（bind）",
            f"'{path}' never has a value: no act binds '{party}' to a centre (bind)",
        )


def _bound(desk: Desk) -> set[str]:
    acts: list[p.Act | p.Register] = [*desk.acts.values(), *desk.programme.registers.values()]
    return {name for act in acts for effect in act.then for name in effect.bind}


def _period(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    name, _, side = rest.partition(".")
    if name not in desk.programme.periods:
        yield _bad(desk, loc, path, name, desk.programme.periods)
    elif side not in ("start", "end", "first_end"):
        yield _bad(desk, loc, path, side, ["start", "end", "first_end"])


def _on_file(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    kind, _, name = rest.partition(".")
    yield from _kind_on_file(desk, kind, loc, scope, path)
    model = desk.acts.get(kind)
    if model is None:
        return
    if name not in ("on", *model.with_):
        yield _bad(desk, loc, path, name, ["on", *model.with_])


def _kind_on_file(desk: Desk, kind: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    """An act's kind that a centre's (or the programme's) own file can hold."""
    if kind not in desk.acts:
        yield _bad(desk, loc, path, kind, desk.acts)
        return
    level = scope.act.level if scope.act is not None else "centre"
    if desk.acts[kind].level != level:
        yield desk.error(
            loc,
            "other_level",
            f"“{path}”永远无值：“{kind}”是"
            + ("办法" if level == "centre" else "中心")
            + "一级的行为；请用 programme.last / published，或 causes",
            f"'{path}' never has a value: '{kind}' is an act of the other level;"
            " use programme.last or published, or causes",
        )


def _count(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    yield from _kind_on_file(desk, rest, loc, scope, path)


def _sum(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    kind, _, name = rest.partition(".")
    yield from _kind_on_file(desk, kind, loc, scope, path)
    model = desk.acts.get(kind)
    if model is None:
        return
    summable = [n for n, i in model.with_.items() if i.type in _NUMBERS]
    if name not in summable:
        yield _bad(desk, loc, path, name, summable)


_NUMBERS = ("integer", "number", "money", "ratio")


def _case(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    name = rest.split(".")[0]
    if not scope.procedures:
        yield desk.error(
            loc,
            "no_case",
            f"“{path}”无从取值：此处不属于任何程序；请在行为上写 about 或 opens",
            f"'{path}' has no case to read: write about or opens on the act",
        )
        return
    allowed = [*_CASE, *kept(desk, scope.procedures)]
    if name not in allowed:
        yield _bad(desk, loc, path, name, allowed)


def kept(desk: Desk, procedures: Iterable[str]) -> list[str]:
    """What the cases of these procedures keep."""
    wanted = set(procedures)
    names: dict[str, None] = {}
    for act in desk.programme.acts.values():
        if act.opens is not None and act.opens.case in wanted:
            names.update(dict.fromkeys(act.opens.keep))
        if wanted & {x.case for x in (act.about, act.opens) if x is not None}:
            names.update(dict.fromkeys(n for e in act.then for n in e.keep))
    return list(names)


def _result(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    which, _, name = rest.partition(".")
    if which not in ("last", "previous"):
        yield _bad(desk, loc, path, which, ["last", "previous"])
    elif name not in _RESULT:
        yield _bad(desk, loc, path, name, _RESULT)


def _parameter(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    if rest not in desk.programme.parameters:
        yield _bad(desk, loc, path, rest, desk.programme.parameters)


def _programme(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    which, _, more = rest.partition(".")
    kind, _, name = more.partition(".")
    acts = known(desk, "programme_act")
    if which not in ("last", "count"):
        yield _bad(desk, loc, path, which, ["last", "count"])
    elif kind not in acts:
        yield _bad(desk, loc, path, kind, acts)
    elif which == "last" and name not in ("on", *desk.acts[kind].with_):
        yield _bad(desk, loc, path, name, ["on", *desk.acts[kind].with_])


def _document(desk: Desk, rest: str, loc: Loc, scope: Scope, path: str) -> Iterator[Lint]:
    parts = rest.split(".")
    if scope.act is None:
        yield _needs_act(desk, loc, path)
        return
    schema = desk.programme.documents.get(parts[0])
    if parts[0] not in scope.act.documents or schema is None:
        yield _bad(desk, loc, path, parts[0], scope.act.documents)
        return
    if len(parts) < 2:
        return
    section = schema.sections.get(parts[1])
    if section is None:
        yield _bad(desk, loc, path, parts[1], schema.sections)
    elif len(parts) > 2 and parts[2] not in section.fields:
        yield _bad(desk, loc, path, parts[2], section.fields)


_HEADS: dict[str, Check] = {
    "act": _act_head,
    "this": _this,
    "duty": _duty,
    "by": _by,
    "with": _with,
    "centre": _centre,
    "role": _role,
    "period": _period,
    "last": _on_file,
    "first": _on_file,
    "count": _count,
    "sum": _sum,
    "case": _case,
    "result": _result,
    "parameter": _parameter,
    "programme": _programme,
    "document": _document,
}
