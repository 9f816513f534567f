"""Lints of conditions: contradictions, options that do not exist, values of different kinds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import combinations
from typing import Any

from banfa.rules import builtin
from banfa.rules import programme as p
from banfa.rules.life import canonical
from banfa.rules.loading import Loc
from banfa.rules.resolve import Desk, Lint, Scope, item, sections, suggestion, written

Placed = tuple[p.Test, Loc]


def dump(model: p.Strict) -> str:
    """A model as canonical text: equal text, equal meaning."""
    return canonical(model.model_dump(mode="python", by_alias=True, exclude_none=True))


def test_of(condition: p.Test) -> p.Test:
    """A condition's bare test, without its id, basis and scope."""
    fields = {n: getattr(condition, n) for n in p.Test.model_fields}
    return p.Test.model_construct(**fields)


# --- contradictions -----------------------------------------------------------------------------


def lint_contradictions(desk: Desk) -> Iterator[Lint]:
    """No two tests that must hold together exclude each other."""
    for part, start, _ in sections(desk):
        for model, loc in desk.walk(part, start):
            for tests in _together(desk, model, loc):
                for first, second in combinations(tests, 2):
                    yield from _excluding(desk, first, second)
            if isinstance(model, p.Test):
                yield from _empty(desk, model, loc)


def _together(desk: Desk, model: Any, loc: Loc) -> Iterator[list[Placed]]:
    """The lists of tests that must all hold: an act's conditions, `all`, a consequence's `when`."""
    for name in ("when", "all"):
        tests = getattr(model, name, None)
        if isinstance(tests, list) and tests:
            at = (*loc, written(model, name))
            yield [(t, item(desk.node, at, i)) for i, t in enumerate(tests)]


def _excluding(desk: Desk, first: Placed, second: Placed) -> Iterator[Lint]:
    (a, _), (b, loc) = first, second
    if isinstance(a, p.Condition) and isinstance(b, p.Condition) and _scopes_differ(a, b):
        return
    why = _opposite(a, b) or _clash(a, b)
    if why is None:
        return
    line = desk.node.place(first[1]).line
    yield desk.error(
        loc,
        "contradiction",
        f"与第 {line} 行的{_named(a, 'zh')}相矛盾：{why[0]}，永远不能同时成立；"
        "请删去其一，或用 only_if 分开",
        f"contradicts {_named(a, 'en')} in line {line}: {why[1]}, so both can never hold;"
        " take one out, or separate them by only_if",
    )


def _named(test: p.Test, language: str) -> str:
    name = test.id if isinstance(test, p.Condition) else test.kind.rstrip("_")
    return f"条件“{name}”" if language == "zh" else f"condition '{name}'"


def _scopes_differ(a: p.Condition, b: p.Condition) -> bool:
    """Whether two conditions are asked on different occasions."""
    return a.only_if is not None and b.only_if is not None and dump(a.only_if) != dump(b.only_if)


def _opposite(a: p.Test, b: p.Test) -> tuple[str, str] | None:
    for one, other in ((a, b), (b, a)):
        if one.not_ is not None and dump(one.not_) == dump(test_of(other)):
            return "一个是另一个的否定", "one is the negation of the other"
    return None


def _subject(test: p.Test) -> str | None:
    """What a comparison is about, as text to compare."""
    if test.parameter is not None:
        return f"parameter {test.parameter}"
    if test.kind not in p.COMPARATORS:
        return None
    if isinstance(test.value, p.TermMap):
        return dump(test.value)
    return str(test.value) if test.value is not None else "act.on"


def _clash(a: p.Test, b: p.Test) -> tuple[str, str] | None:
    """Why two comparisons of the same subject with literals cannot both hold."""
    subject = _subject(a)
    if subject is None or subject != _subject(b):
        return None
    ours, theirs = _allowed(a), _allowed(b)
    if ours is not None and theirs is not None and not ours & theirs:
        return (
            f"{subject} 一处须为 {_listed(ours)}，一处须为 {_listed(theirs)}",
            f"{subject} must be {_listed(ours)} in one and {_listed(theirs)} in the other",
        )
    barred = _barred(a) | _barred(b)
    wanted = ours if ours is not None else theirs
    if wanted is not None and barred and wanted <= barred:
        return (
            f"{subject} 既须为 {_listed(wanted)}，又不得为 {_listed(barred)}",
            f"{subject} must be {_listed(wanted)} and must not be {_listed(barred)}",
        )
    return _bounds(subject, a, b)


def _listed(values: Iterable[str]) -> str:
    return " / ".join(sorted(values))


def _allowed(test: p.Test) -> frozenset[str] | None:
    if test.is_ is not None:
        return frozenset({canonical(test.is_)})
    return frozenset(map(canonical, test.in_)) if test.in_ is not None else None


def _barred(test: p.Test) -> frozenset[str]:
    if test.is_not is not None:
        return frozenset({canonical(test.is_not)})
    return frozenset(map(canonical, test.not_in or ()))


_LOWER = {"at_least": False, "above": True, "on_or_after": False, "after": True}
_UPPER = {"at_most": False, "below": True, "on_or_before": False, "before": True}


def _bounds(subject: str, a: p.Test, b: p.Test) -> tuple[str, str] | None:
    """A lower bound above the upper one; only for literal bounds of one kind."""
    lower = next((t for t in (a, b) if t.kind in _LOWER), None)
    upper = next((t for t in (a, b) if t.kind in _UPPER), None)
    if lower is None or upper is None:
        return None
    low, high = getattr(lower, lower.kind), getattr(upper, upper.kind)
    numbers = all(isinstance(v, int | Decimal) and not isinstance(v, bool) for v in (low, high))
    dates = all(isinstance(v, dt.date) for v in (low, high))
    if not (numbers or dates):
        return None
    strict = _LOWER[lower.kind] or _UPPER[upper.kind]
    if low > high or (strict and low == high):
        return (
            f"{subject} 的下限 {low} 高于上限 {high}",
            f"the lower bound {low} of {subject} lies above its upper bound {high}",
        )
    return None


def _empty(desk: Desk, test: p.Test, loc: Loc) -> Iterator[Lint]:
    for name in ("in_", "all", "any", "contains_all", "not_in", "in_stage"):
        if getattr(test, name) == []:
            word = name.rstrip("_")
            yield desk.error(
                (*loc, word),
                "empty_list",
                f"{word} 是空的：这个判断没有内容；请填写，或删去",
                f"{word} is empty: the test says nothing; fill it in, or take it out",
            )
    if test.results is not None and not test.results.grades:
        yield desk.error(
            (*loc, "results"), "empty_list", "results 没有写等级", "results names no grade"
        )


# --- literals that the subject can never have ---------------------------------------------------


def lint_literals(desk: Desk) -> Iterator[Lint]:
    """What a choice, a kind, a class or a grade is compared with is one of its words."""
    for part, start, scope in sections(desk):
        for model, loc in desk.walk(part, start):
            if isinstance(model, p.Test):
                yield from _literals(desk, model, loc, scope)
            if isinstance(model, p.Choose):
                yield from _choice(desk, model, loc, scope)


def _literals(desk: Desk, test: p.Test, loc: Loc, scope: Scope) -> Iterator[Lint]:
    words = _words(desk, test, scope)
    if words is None:
        return
    for name in ("is_", "is_not", "in_", "not_in", "contains", "contains_all"):
        given = getattr(test, name)
        if given is None:
            continue
        at = (*loc, name.rstrip("_"))
        for index, one in enumerate(given if isinstance(given, list) else [given]):
            if one not in words:
                zh, en = suggestion(str(one), words)
                yield desk.error(
                    item(desk.node, at, index),
                    "unknown_option",
                    f"{_subject(test)} 不可能是“{one}”{zh}",
                    f"{_subject(test)} can never be '{one}'{en}",
                )


def _words(desk: Desk, test: p.Test, scope: Scope) -> list[str] | None:
    """The closed list of words that a comparison's subject takes its value from, or None."""
    pr = desk.programme
    if test.parameter is not None:
        if test.parameter in pr.defaults:
            return list(pr.defaults[test.parameter].options)
        return _options(pr.parameters.get(test.parameter))
    if not isinstance(test.value, str):
        return None
    if scope.loose:
        return None
    return words_of(desk, test.value, scope)


def words_of(desk: Desk, path: str, scope: Scope) -> list[str] | None:
    """The closed list of words that a reference takes its value from, or None."""
    pr = desk.programme
    head, _, rest = path.partition(".")
    name, _, deeper = rest.partition(".")
    if path == "centre.class":
        return list(pr.classes)
    if path == "centre.stage":
        return list(pr.stages)
    if path in ("result.last.grade", "result.previous.grade"):
        return list(pr.evaluation.grades) if pr.evaluation else []
    if head in ("by", "role") and path.endswith(".kind"):
        return list(pr.kinds)
    if path == "by.party" and scope.act is not None and "anyone" not in scope.act.by:
        return list(scope.act.by)
    if head == "parameter":
        return _options(pr.parameters.get(name))
    if head == "with" and scope.act is not None:
        given = scope.act.with_.get(name)
        if given is not None and deeper == "kind" and given.type.startswith("organisation"):
            return list(pr.kinds)
        return _options(given) if not deeper else None
    if head in ("last", "first") and rest.count(".") == 1 and name in desk.acts:
        return _options(desk.acts[name].with_.get(deeper))
    return None


def _options(given: p.Input | p.Parameter | None) -> list[str] | None:
    return list(given.options) if given is not None and given.options else None


def _choice(desk: Desk, choose: p.Choose, loc: Loc, scope: Scope) -> Iterator[Lint]:
    """The grounds of a choice are exactly the options of the input that names one."""
    words = words_of(desk, choose.by, scope)
    if words is None:
        return
    for name in choose.among:
        if name not in words:
            zh, en = suggestion(name, words)
            yield desk.error(
                (*loc, "among", name),
                "unknown_option",
                f"{choose.by} 没有“{name}”这个选项{zh}",
                f"{choose.by} has no option '{name}'{en}",
                key=True,
            )
    for name in words:
        if name not in choose.among:
            yield desk.error(
                (*loc, "among"),
                "option_without_ground",
                f"{choose.by} 的选项“{name}”在 among 中没有对应的事由，选了必被拒绝；"
                "请补上，或删去该选项",
                f"option '{name}' of {choose.by} has no ground under among, so choosing it is"
                " always refused; add the ground, or take out the option",
                key=True,
            )


# --- values that cannot be compared -------------------------------------------------------------

_TYPES = {
    "date": "date",
    "year": "number",
    "integer": "number",
    "number": "number",
    "money": "number",
    "ratio": "number",
    "boolean": "boolean",
    "text": "text",
    "long_text": "text",
    "choice": "text",
    "choices": "list",
    "texts": "list",
    "people": "list",
    "rows": "list",
    "organisations": "list",
    "centres": "list",
    "organisation": "organisation",
}
_TYPE_ZH = {
    "date": "日期",
    "number": "数",
    "boolean": "是否",
    "text": "文字",
    "list": "列表",
    "organisation": "单位",
}
_ORDERED = ("at_least", "at_most", "above", "below", *p.DATE_COMPARATORS)


def type_of(desk: Desk, term: Any, scope: Scope) -> str | None:
    """`date`, `number`, `text`, `boolean`, `list` or `organisation`; None where it is not known."""
    if isinstance(term, bool):
        return "boolean"
    if isinstance(term, int | Decimal):
        return "number"
    if isinstance(term, dt.date):
        return "date"
    if isinstance(term, p.TermMap):
        dates = (term.from_, term.last_day, term.latest, term.earliest)
        return "date" if any(v is not None for v in dates) else "number"
    return _type_of_reference(desk, term, scope) if isinstance(term, str) else None


def _type_of_reference(desk: Desk, path: str, scope: Scope) -> str | None:
    head, _, rest = path.partition(".")
    name, _, deeper = rest.partition(".")
    pr = desk.programme
    if path in ("act.on", "centre.since", "case.opened") or head == "period":
        return "date"
    if path.endswith(".on") and head in ("last", "first", "result", "programme"):
        return "date"
    if head in ("count", "sum") or path == "duty.year" or rest.startswith("count."):
        return "number"
    if head == "with" and scope.act is not None and not deeper and name in scope.act.with_:
        return _TYPES.get(scope.act.with_[name].type)
    if head == "centre" and not deeper and name in pr.values:
        return _value_type(desk, name)
    if head in ("last", "first") and name in desk.acts and deeper in desk.acts[name].with_:
        return _TYPES.get(desk.acts[name].with_[deeper].type)
    if head == "parameter" and name in pr.parameters:
        return _TYPES.get(pr.parameters[name].type)
    return None


def _value_type(desk: Desk, name: str) -> str | None:
    declared = desk.programme.values[name].type
    # `text` is also what is written when no type is given
    return _TYPES.get(declared) if declared != "text" else None


def lint_types(desk: Desk) -> Iterator[Lint]:
    """Dates are compared with dates and numbers with numbers; only dates are moved by a length."""
    for part, start, scope in sections(desk):
        for model, loc in desk.walk(part, start):
            if isinstance(model, p.Test) and model.kind in _ORDERED and not model.parameter:
                left = model.value if model.value is not None else "act.on"
                yield from _compared(desk, model, left, loc, scope)
            if isinstance(model, p.TermMap) and model.from_ is not None:
                found = type_of(desk, model.from_, scope)
                if found not in (None, "date"):
                    yield desk.error(
                        (*loc, "from"),
                        "wrong_type",
                        f"from 须是日期，{model.from_} 是{_TYPE_ZH[found]}",
                        f"from takes a date, and {model.from_} is a {found}",
                    )


def _compared(desk: Desk, test: p.Test, left: Any, loc: Loc, scope: Scope) -> Iterator[Lint]:
    right = getattr(test, test.kind)
    ours, theirs = type_of(desk, left, scope), type_of(desk, right, scope)
    fit = ("date",) if test.kind in p.DATE_COMPARATORS else ("number", "date")
    at = (*loc, test.kind)
    for found, what in ((ours, left), (theirs, right)):
        if found is not None and found not in fit:
            yield desk.error(
                at,
                "wrong_type",
                f"{test.kind} 只能比较{'日期' if fit == ('date',) else '数或日期'}，"
                f"{_term(what)} 是{_TYPE_ZH[found]}",
                f"{test.kind} compares {' or '.join(fit)}s, and {_term(what)} is a {found}",
            )
            return
    if ours is not None and theirs is not None and ours != theirs:
        yield desk.error(
            at,
            "wrong_type",
            f"{_term(left)}（{_TYPE_ZH[ours]}）不能与 {_term(right)}（{_TYPE_ZH[theirs]}）比较",
            f"{_term(left)} (a {ours}) cannot be compared with {_term(right)} (a {theirs})",
        )


def _term(term: Any) -> str:
    return dump(term) if isinstance(term, p.TermMap) else str(term)


# --- optional inputs ----------------------------------------------------------------------------

_ASKING = (*_ORDERED, "is_", "in_", "contains", "contains_all", "equals", "member_of", "name")


def lint_optional_inputs(desk: Desk) -> Iterator[Lint]:
    """A condition on an optional input is asked only when the input is given."""
    for name, act in desk.programme.acts.items():
        optional = {f"with.{n}" for n, i in act.with_.items() if not i.required}
        for index, condition in enumerate(act.when):
            loc = item(desk.node, ("acts", name, "when"), index)
            guard = set(builtin.references(condition.only_if)) if condition.only_if else set()
            for path in sorted(_demanded(condition)):
                bare = ".".join(path.split(".")[:2])
                if bare in optional and not any(g.startswith(bare) for g in guard):
                    field = bare.removeprefix("with.")
                    yield desk.warning(
                        loc,
                        "optional_input",
                        f"条件“{condition.id}”用到选填项“{field}”，不填就会被拒绝；请加"
                        f" only_if: {{given: {bare}}}，或改为必填",
                        f"condition '{condition.id}' reads the optional input '{field}', so leaving"
                        f" it out is refused; add only_if: {{given: {bare}}}, or require it",
                    )


def _demanded(test: p.Test) -> set[str]:
    """The inputs whose absence alone makes a test fail."""
    if test.all is not None:
        given = {t.given for t in test.all if t.given}
        found = {path for t in test.all for path in _demanded(t)}
        return {path for path in found if path not in given}
    if test.kind == "name" and test.name is not None:
        terms: list[Any] = [test.name.of]
    elif test.kind in _ASKING:
        terms = [test.value]
    elif test.choose is not None:
        terms = [test.choose.by]
    elif test.every is not None:
        terms = [test.every.of]
    else:
        return set()
    return {t for t in terms if isinstance(t, str) and t.startswith("with.")}
