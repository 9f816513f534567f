"""What an accepted act changes, compiled: small functions that change a state in place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from banfa.rules import programme as p
from banfa.rules.life import Granted, Org, Owed, Period, ResultOnFile
from banfa.rules.terms import HELD, UNKNOWN, Ask, Compiler, Ctx, Get

Change = Callable[[Ctx], None]


def changes(programme: p.Programme, e: p.Effect, compiler: Compiler) -> list[Change]:
    """The changes one effect makes, in the order of its keys."""
    steps: list[Change] = []
    if e.class_ is not None:
        steps.append(_set_class(compiler.term(e.class_)))
    steps += [_bind(programme, n, compiler.term(v)) for n, v in e.bind.items()]
    steps += [_unbind(n) for n in e.unbind]
    steps += [_set(n, compiler.term(v)) for n, v in e.set.items()]
    steps += [_unset(n) for n in e.unset]
    steps += [_keep(n, compiler.term(v)) for n, v in e.keep.items()]
    steps += [
        _open_period(n, compiler.term(v.start), compiler.term(v.end)) for n, v in e.open.items()
    ]
    steps += [_end_period(n, compiler.term(v)) for n, v in e.end.items()]
    steps += [_close_period(n) for n in e.close]
    if e.stage is not None:
        steps.append(_move(e.stage))
    if e.step is not None:
        steps.append(_step(programme, e.step))
    steps += [_raise(n) for n in e.raise_]
    steps += [_lower(n) for n in e.lower]
    if e.grade is not None:
        round_ = compiler.term(e.grade.round) if e.grade.round is not None else None
        steps.append(_grade(compiler.term(e.grade.grade), round_))
    steps += [_owe(n) for n in e.owe]
    steps += [_serve(n) for n in e.serve]
    if e.if_ is None:
        return steps
    test = compiler.test(e.if_)
    return [_when(test, tuple(steps))]


def _when(test: Ask, steps: tuple[Change, ...]) -> Change:
    def effect(x: Ctx) -> None:
        if test(x) == HELD:
            for step in steps:
                step(x)

    return effect


def _seq(x: Ctx) -> int:
    return x.act.seq if x.act is not None else 0


def known(get: Get, x: Ctx) -> Any:
    """A term's value, None when it is not on file or not given."""
    value = get(x)
    return None if value is UNKNOWN else value


def _set_class(get: Get) -> Change:
    def effect(x: Ctx) -> None:
        x.state.centre_class = known(get, x)

    return effect


def _bind(programme: p.Programme, party: str, get: Get) -> Change:
    many = programme.parties[party].many

    def effect(x: Ctx) -> None:
        value = known(get, x)
        if value is None:
            return
        orgs: list[Org] = list(value) if isinstance(value, list) else [value]
        held = x.state.roles.get(party, []) if many else []
        replaced = {o.get("org") for o in orgs}
        x.state.roles[party] = [o for o in held if o.get("org") not in replaced] + orgs

    return effect


def _unbind(party: str) -> Change:
    def effect(x: Ctx) -> None:
        x.state.roles.pop(party, None)

    return effect


def _set(name: str, get: Get) -> Change:
    def effect(x: Ctx) -> None:
        value = known(get, x)
        if value is not None:
            x.state.values[name] = value
            x.state.sources[name] = _seq(x)

    return effect


def _unset(name: str) -> Change:
    def effect(x: Ctx) -> None:
        x.state.values.pop(name, None)

    return effect


def _keep(name: str, get: Get) -> Change:
    def effect(x: Ctx) -> None:
        if x.case is not None:
            value = known(get, x)
            if value is not None:
                x.case.data[name] = value

    return effect


def _open_period(name: str, start: Get, end: Get) -> Change:
    def effect(x: Ctx) -> None:
        begins, ends = known(start, x), known(end, x)
        if begins is not None and ends is not None:
            x.state.periods[name] = Period(begins, ends, ends, _seq(x))

    return effect


def _end_period(name: str, end: Get) -> Change:
    def effect(x: Ctx) -> None:
        ends, period = known(end, x), x.state.periods.get(name)
        if ends is not None and period is not None:
            period.end = ends

    return effect


def _close_period(name: str) -> Change:
    def effect(x: Ctx) -> None:
        period = x.state.periods.get(name)
        if period is not None:
            period.closed = True

    return effect


def _move(stage: str) -> Change:
    def effect(x: Ctx) -> None:
        state = x.state
        if state.stage != stage:
            state.stage = stage
            state.stage_since = x.on
            state.stages.append((stage, x.on))

    return effect


def _step(programme: p.Programme, step: str) -> Change:
    procedures = programme.procedures

    def effect(x: Ctx) -> None:
        case = x.case
        if case is None:
            return
        case.step, case.since = step, x.on
        if procedures[case.procedure].steps[step].end and not case.closed:
            case.closed = True
            x.state.open_cases[case.procedure].remove(case.id)

    return effect


def _raise(name: str) -> Change:
    def effect(x: Ctx) -> None:
        x.state.flags.setdefault(name, x.on)

    return effect


def _lower(name: str) -> Change:
    def effect(x: Ctx) -> None:
        x.state.flags.pop(name, None)

    return effect


def _grade(grade: Get, round_: Get | None) -> Change:
    def effect(x: Ctx) -> None:
        held_in = known(round_, x) if round_ is not None else None
        x.state.results.append(ResultOnFile(str(known(grade, x)), x.on, held_in, _seq(x)))

    return effect


def _owe(name: str) -> Change:
    def effect(x: Ctx) -> None:
        x.state.notices.append(Owed(name, x.on, _seq(x)))

    return effect


def _serve(name: str) -> Change:
    def effect(x: Ctx) -> None:
        for owed in x.state.notices:
            if owed.notice == name and owed.sent is None:
                owed.sent = x.on
                return

    return effect


def _adopt(x: Ctx) -> None:
    """Takes over a centre that came to be before the system, as its basis document shows it."""
    data, state = x.data, x.state
    state.imported = True
    state.centre_class = data.get("class")
    for party, orgs in (data.get("roles") or {}).items():
        state.roles[party] = list(orgs) if isinstance(orgs, list) else [orgs]
    for name, value in (data.get("values") or {}).items():
        state.values[name] = value
        state.sources[name] = _seq(x)
    for name, span in (data.get("periods") or {}).items():
        state.periods[name] = Period(span["start"], span["end"], span["end"], _seq(x))
    for result in data.get("results") or []:
        state.results.append(
            ResultOnFile(result["grade"], result["on"], result.get("round"), _seq(x))
        )
    stage = data["stage"]
    since = _whole_day(data.get("since"))
    state.stated = None if since is not None else str(data.get("since") or "").strip()
    state.stage, state.stage_since = stage, since or x.on
    state.stages.append((stage, since or x.on))


def _whole_day(text: Any) -> dt.date | None:
    """A day when the whole of it is known; a year or a month alone is no day."""
    try:
        return text if isinstance(text, dt.date) else dt.date.fromisoformat(str(text))
    except ValueError:
        return None


def _note_exception(x: Ctx) -> None:
    x.state.exceptions.append(Granted(x.data["rule"], x.data.get("limit"), x.on, _seq(x)))


def _note_concurrence(x: Ctx) -> None:
    assert x.act is not None
    said = x.state.concurrences.setdefault(x.data["draft"], {})
    said[x.act.party] = bool(x.data["agrees"])


BUILTIN: dict[str, tuple[Change, ...]] = {
    "enter_existing_centre": (_adopt,),
    "exception_decision": (_note_exception,),
    "concur": (_note_concurrence,),
}
