"""What leads to an act: which earlier acts it needs, and what it wants of their inputs.

Read off the programme alone. Made-up lives use it to get somewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from banfa.rules import builtin
from banfa.rules import programme as p
from banfa.rules.conditions import Rule
from banfa.rules.ruleset import Ruleset

Wants = dict[tuple[str, str], list[tuple[str, Any]]]
Stage = str | None
_HOPS: dict[str, dict[Stage, dict[Stage, set[str]]]] = {}
_DISTANCES: dict[tuple[str, Stage], dict[Stage, int]] = {}
_GIVERS: dict[str, dict[str, list[str]]] = {}
_NEEDS: dict[tuple[str, str, int], tuple[str, ...]] = {}
_WANTS: dict[str, Wants] = {}


def inner(t: p.Test, negated: bool = True) -> Iterator[p.Test]:
    """A test and every test inside it (those under `not` only when asked for)."""
    yield t
    under = [t.not_] if t.not_ and negated else []
    for part in (*(t.all or ()), *(t.any or ()), *under):
        yield from inner(part, negated)


def case_of(model: p.Act) -> str:
    """The procedure an act opens or belongs to, or nothing."""
    belongs = model.about or model.opens
    return belongs.case if belongs is not None else ""


# --- the way to an act --------------------------------------------------------------------------


def givers(rs: Ruleset) -> dict[str, list[str]]:
    """For everything acts bring about (`flag.x`, `centre.x`, `act.x`): the acts that do."""
    if rs.digest not in _GIVERS:
        found = _GIVERS[rs.digest] = {}
        caused = {m.causes.act for m in rs.models.values() if m.causes is not None}
        for kind in rs.models.keys() - caused:
            for gift in dict.fromkeys(_gives(rs, kind)):
                found.setdefault(gift, []).append(kind)
        for kinds in found.values():
            kinds.sort()
    return _GIVERS[rs.digest]


def needs(rs: Ruleset, kind: str, number: int) -> tuple[str, ...]:
    """What would have to be brought about for an act's rule of that number to hold."""
    at = (rs.digest, kind, number)
    if at not in _NEEDS:
        _NEEDS[at] = tuple(dict.fromkeys(_needs(rs, kind, rs.acts[kind].rules[number])))
    return _NEEDS[at]


def stages(rs: Ruleset, kind: str) -> frozenset[Stage]:
    """The stages an act is for; those of the act it causes, where it causes one."""
    causes = rs.models[kind].causes
    found = rs.acts[kind if causes is None else causes.act].stages
    return frozenset((None, *rs.programme.stages)) if found is None else found


def hops(rs: Ruleset) -> dict[Stage, dict[Stage, set[str]]]:
    """From each stage to each that follows it: the acts that lead there (none: time alone)."""
    if rs.digest not in _HOPS:
        found: dict[Stage, dict[Stage, set[str]]] = {s: {} for s in (None, *rs.programme.stages)}
        for kind, model in rs.models.items():
            caused = model.causes.act if model.causes is not None else kind
            for e in rs.models[caused].then:
                for start in stages(rs, kind) if e.stage is not None else ():
                    found[start].setdefault(e.stage, set()).add(kind)
        for name, stage in rs.programme.stages.items():
            if stage.derived is not None:
                found[stage.derived.of].setdefault(name, set())
        _HOPS[rs.digest] = found
    return _HOPS[rs.digest]


def distances(rs: Ruleset, start: Stage) -> dict[Stage, int]:
    """How many moves away from a stage the others are; those out of reach are left out."""
    if (rs.digest, start) not in _DISTANCES:
        found, new, away = {start: 0}, [start], 0
        while new:
            away += 1
            new = list({t for s in new for t in hops(rs)[s] if t not in found})
            found.update(dict.fromkeys(new, away))
        _DISTANCES[rs.digest, start] = found
    return _DISTANCES[rs.digest, start]


def nearer(rs: Ruleset, start: Stage, wanted: frozenset[Stage], tried: Set[str]) -> set[str]:
    """The acts that lead from a stage one move nearer to one of those wanted.

    When all of these were tried in vain: any that lead on and leave them within reach.
    """
    away = min((d for s, d in distances(rs, start).items() if s in wanted), default=0)
    found: set[str] = set()
    for stage, kinds in hops(rs)[start].items():
        there = (d for s, d in distances(rs, stage).items() if s in wanted)
        if min(there, default=away) < away:
            found |= kinds
    if found - tried:
        return found
    on = (k for s, k in hops(rs)[start].items() if s != start and wanted & distances(rs, s).keys())
    return found.union(*on)


def _gives(rs: Ruleset, kind: str) -> Iterator[str]:
    """What an act brings about, as words such as `flag.x`, `centre.x`, `act.x`."""
    model = rs.models[kind]
    yield f"act.{kind}"
    if model.opens is not None:
        yield f"open.{model.opens.case}"
        yield f"step.{model.opens.case}.{model.opens.step}"
        yield from (f"case.{case_of(model)}.{k}" for k in model.opens.keep)
    for e in model.then:
        yield from (f"flag.{n}" for n in e.raise_)
        yield from (f"centre.{n}" for n in e.set)
        yield from (f"case.{case_of(model)}.{n}" for n in e.keep)
        yield from (f"role.{n}" for n in e.bind)
        yield from (f"period.{n}" for n in e.open)
        yield f"step.{case_of(model)}.{e.step}"
        if e.grade is not None:
            yield "result"
    if model.causes is not None:
        yield from _gives(rs, model.causes.act)


def _needs(rs: Ruleset, kind: str, rule: Rule) -> Iterator[str]:
    model, source = rs.models[kind], rule.source
    if rule.detail == "actor":
        yield from (f"role.{n}" for n in model.by)
    elif rule.detail == "case" and model.about is not None:
        yield from (f"step.{model.about.case}.{s}" for s in model.about.at)
    elif isinstance(source, p.Input) and source.act:
        yield f"act.{source.act}"
    elif isinstance(source, p.Condition):
        for t in inner(source, negated=False):
            yield from _named(t)
            for ground in t.choose.among.values() if t.choose is not None else ():
                yield from (n for w in ground.when for n in _named(w))
                yield from _read(model, ground.when)
        yield from _read(model, [source])


def _named(t: p.Test) -> Iterator[str]:
    yield from (f"act.{n}" for n in (t.done, t.run and t.run.act) if n)
    yield from (f"flag.{n}" for n in [t.flag] if n)
    yield from (f"open.{n}" for n in [t.open] if n)
    if t.published is not None:
        yield f"act.{t.published.act}"
    if t.results is not None:
        yield "result"


def _read(model: p.Act, tests: Any) -> Iterator[str]:
    for reference in builtin.references(tests):
        root, *rest = reference.split(".")
        if not rest:
            continue
        if root in ("centre", "role", "period"):
            yield f"{root}.{rest[0]}"
        elif root == "case":
            yield f"case.{case_of(model)}.{rest[0]}"
        elif root in ("last", "first", "count", "sum"):
            yield f"act.{rest[0]}"
        elif root in ("result", "parameter"):
            yield "result" if root == "result" else "act.set_parameter"


# --- what it wants of their inputs --------------------------------------------------------------


def wants(rs: Ruleset) -> Wants:
    """For an input (act, path): which later acts ask which value of it."""
    if rs.digest not in _WANTS:
        found = _WANTS[rs.digest] = {}
        for kind, model in rs.models.items():
            for t in (t for c in model.when for t in inner(c, negated=False)):
                grounds = t.choose.among.values() if t.choose is not None else ()
                for test in (t, *(w for g in grounds for w in g.when)):
                    for source, value in _sources(rs, model, test):
                        found.setdefault(source, []).append((kind, value))
    return _WANTS[rs.digest]


def _literals(t: p.Test) -> list[Any]:
    return list(t.in_) if t.in_ else [t.is_] if t.is_ is not None else []


def _sources(rs: Ruleset, model: p.Act, t: p.Test) -> Iterator[tuple[tuple[str, str], Any]]:
    """The inputs of earlier acts that a test rests on, with the values it asks for."""
    if t.flag is not None:
        yield from _raising(rs, t.flag)
    if t.results is not None:
        yield from _graded(rs, list(t.results.grades))
    literals, term, column = _literals(t), t.value, ""
    if t.every is not None and t.every.in_:
        literals, term, column = list(t.every.in_), t.every.of, f".{t.every.column}"
    root, _, name = term.partition(".") if isinstance(term, str) else ("", "", "")
    if root == "last":
        act, _, given = name.partition(".")
        yield from (((act, f"with.{given}"), v) for v in literals)
    elif root == "result":
        yield from _graded(rs, literals)
    for kind, other in rs.models.items() if root in ("centre", "case") else ():
        same = case_of(other) == case_of(model)
        for e in other.then:
            kept = e.set if root == "centre" else e.keep if same else {}
            if isinstance(kept.get(name), str):
                yield from (((kind, f"{kept[name]}{column}"), v) for v in literals)


def _raising(rs: Ruleset, flag: str) -> Iterator[tuple[tuple[str, str], Any]]:
    """The values of inputs with which an act raises a flag."""
    for kind, model in rs.models.items():
        for e in model.then:
            for t in inner(e.if_, negated=False) if flag in e.raise_ and e.if_ is not None else ():
                if isinstance(t.value, str):
                    yield from (((kind, t.value), v) for v in _literals(t))


def _graded(rs: Ruleset, grades: list[Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    for kind, model in rs.models.items():
        for e in model.then:
            if e.grade is not None and isinstance(e.grade.grade, str):
                yield from (((kind, e.grade.grade), v) for v in grades)
