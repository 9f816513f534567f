"""Duties: who owes what, since when, by when, how the date comes about, and what follows.

What has fallen due for decision is listed here and decided nowhere but by a dated act.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from banfa.rules import programme as p
from banfa.rules import words
from banfa.rules.life import State
from banfa.rules.ruleset import CompiledDuty, Ruleset
from banfa.rules.terms import HELD, UNKNOWN, Ctx
from banfa.rules.words import Text
from banfa.rules.world import World


@dataclass(slots=True)
class Duty:
    """One thing owed.

    `mode`: `obligation`, `decision` (due for the competent body to decide), `option`, `flag`,
    `notice`; for consequences also `mandatory`, `may`, `deemed`. `computed` says how `due` came
    about. `late` on the day asked about; `done_on` when it was discharged.
    """

    id: str
    name: Text
    holder: list[str]
    orgs: list[Text]
    mode: str
    cite: str | None
    default: str | None
    since: dt.date | None = None
    due: dt.date | None = None
    computed: Text | None = None
    act: str | None = None
    ground: str | None = None
    year: int | None = None
    late: bool = False
    done_on: dt.date | None = None
    follows: Text | None = None
    about: str | None = None

    def plain(self) -> dict[str, Any]:
        """As plain data, names in Chinese."""
        return {
            "id": self.id,
            "name": self.name.zh,
            "holder": self.holder if len(self.holder) != 1 else self.holder[0],
            "orgs": [o.zh for o in self.orgs],
            "mode": self.mode,
            "cite": self.cite,
            "default": self.default,
            "since": self.since,
            "due": self.due,
            "computed": self.computed.zh if self.computed else None,
            "act": self.act,
            "ground": self.ground,
            "year": self.year,
            "late": self.late,
            "done_on": self.done_on,
        }


@dataclass(slots=True)
class _Asked:
    rs: Ruleset
    state: State
    on: dt.date
    world: World
    found: list[Duty] = field(default_factory=list)


def duties(
    rs: Ruleset, state: State, on: dt.date, world: World | None = None, done: bool = False
) -> list[Duty]:
    """Everything owed for a centre on a day, earliest due first.

    With `done`, yearly duties already discharged are listed too, with the day. The state is the one
    folded up to that day.
    """
    asked = _Asked(rs, state, on, world or World())
    for compiled in rs.duties:
        model = compiled.model
        if isinstance(model, p.Consequence):
            _consequence(asked, compiled, model)
        elif model.each == "year":
            _yearly(asked, compiled, model, done)
        else:
            _standing(asked, compiled, model)
    _notices(asked)
    return sorted(asked.found, key=lambda d: (d.due is None, d.due or on, d.id))


def _context(asked: _Asked, key: Any = None) -> Ctx:
    return Ctx(asked.rs.programme, asked.state, asked.world, asked.on, key=key)


def _orgs(asked: _Asked, holders: list[str]) -> list[Text]:
    names = []
    for holder in holders:
        held = asked.state.roles.get(holder)
        party = asked.rs.programme.parties.get(holder)
        if held:
            shown = [str(o.get("name") or o.get("org")) for o in held]
            names += [Text(name, name) for name in shown]
        elif party is not None and party.body:
            names.append(words.words(party.name))
    return names


def _date(value: Any) -> dt.date | None:
    return value if isinstance(value, dt.date) and value is not UNKNOWN else None


def _consequence(asked: _Asked, compiled: CompiledDuty, model: p.Consequence) -> None:
    x = _context(asked)
    if any(test(x) != HELD for test in compiled.when):
        return
    holder = asked.rs.models[model.act].by
    asked.found.append(
        Duty(
            compiled.id,
            words.words(model.name),
            holder,
            _orgs(asked, holder),
            model.mode,
            model.cite,
            model.default,
            since=_date(compiled.since(x)) if compiled.since else None,
            act=model.act,
            ground=model.ground,
        )
    )


def _standing(asked: _Asked, compiled: CompiledDuty, model: p.Duty) -> None:
    x = _context(asked)
    stage = asked.rs.stage_on(asked.state, asked.on)
    if compiled.stages and stage not in compiled.stages:
        return
    if asked.state.stage is None or any(test(x) != HELD for test in compiled.when):
        return
    since = _date(compiled.since(x)) if compiled.since else None
    if since is not None and since > asked.on:
        return
    due = _date(compiled.due(x)) if compiled.due else None
    asked.found.append(_duty(asked, compiled, model, since, due, None))


def _duty(
    asked: _Asked,
    compiled: CompiledDuty,
    model: p.Duty,
    since: dt.date | None,
    due: dt.date | None,
    year: int | None,
) -> Duty:
    return Duty(
        compiled.id,
        words.words(model.name),
        model.holder,
        _orgs(asked, model.holder),
        model.mode,
        model.cite,
        model.default,
        since=since,
        due=due,
        computed=_computed(asked, model, due),
        act=model.done_by,
        year=year,
        late=due is not None and asked.on > due,
        follows=words.words(model.follows) if model.follows else None,
    )


def _computed(asked: _Asked, model: p.Duty, due: dt.date | None) -> Text | None:
    """How a date comes about, such as `筹建期结束日（2029-03-16）+ 3个月 = 2029-06-16`."""
    if due is None or model.due is None:
        return None
    said = words.term(asked.rs.programme, model.due)
    if isinstance(model.due, p.TermMap) and isinstance(model.due.from_, str):
        from banfa.rules.terms import Compiler

        start = _date(Compiler(asked.rs.programme).ref(model.due.from_)(_context(asked)))
        if start is not None:
            bare = words.term(asked.rs.programme, model.due.from_)
            said = Text(
                said.zh.replace(bare.zh, f"{bare.zh}（{start}）", 1),
                said.en.replace(bare.en, f"{bare.en} ({start})", 1),
            )
    return Text(f"{said.zh} = {due}", f"{said.en} = {due}")


def _yearly(asked: _Asked, compiled: CompiledDuty, model: p.Duty, done: bool) -> None:
    for year in _years(asked, compiled, model):
        x = _context(asked, year)
        filed = asked.state.keyed.get((model.done_by or "", year))
        if any(test(x) != HELD for test in compiled.when):
            continue
        since = _date(compiled.since(x)) if compiled.since else dt.date(year, 1, 1)
        due = _date(compiled.due(x)) if compiled.due else None
        if filed is not None and not done:
            continue
        if filed is None and since is not None and since > asked.on:
            continue
        owed = _duty(asked, compiled, model, since, due, year)
        if filed is not None:
            owed.done_on = filed.on
            owed.late = due is not None and filed.on > due
        asked.found.append(owed)


def _years(asked: _Asked, compiled: CompiledDuty, model: p.Duty) -> list[int]:
    """The calendar years up to the day asked about with at least one day in the duty's stages."""
    stages = asked.state.stages
    years: set[int] = set()
    for i, (stage, begins) in enumerate(stages):
        if stage not in compiled.stages:
            continue
        ends = stages[i + 1][1] if i + 1 < len(stages) else asked.on
        if model.counts == "last_day":
            last = ends.year if i + 1 >= len(stages) else ends.year - 1
            years.update(range(begins.year, last + 1))
        else:
            years.update(range(begins.year, ends.year + 1))
    return sorted(years)


def _notices(asked: _Asked) -> None:
    declared = asked.rs.programme.notices
    for owed in asked.state.notices:
        if owed.sent is not None:
            continue
        model = declared[owed.notice]
        asked.found.append(
            Duty(
                owed.notice,
                words.words(model.name),
                model.by,
                _orgs(asked, model.by),
                "option" if model.optional else "notice",
                model.cite,
                model.default,
                since=owed.since,
                act=_serving(asked.rs, owed.notice),
            )
        )


def _serving(rs: Ruleset, notice: str) -> str | None:
    for name, model in rs.models.items():
        if any(notice in effect.serve for effect in model.then):
            return name
    return None
