"""Made-up lives under a real programme: for tests, for measurements and for trying out an edition.

Nothing here knows a programme. Acts are picked among those the engine says are possible; inputs are
filled from what their conditions compare them with, a little right and a little wrong.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from banfa.rules import builtin, names
from banfa.rules import programme as p
from banfa.rules.cases import written
from banfa.rules.history import Book, Editions, Taken
from banfa.rules.judge import judge, permitted
from banfa.rules.life import Act, State, digest
from banfa.rules.ruleset import Ruleset
from banfa.rules.terms import UNKNOWN, Compiler, Ctx

WORDS = ("先进封装", "智能传感", "光电材料", "海洋装备")
PEOPLE = ("甲某", "乙某", "丙某", "丁某", "戊某", "己某")
PLACES = ("山东", "浙江", "吉林", "陕西")
GENERIC = ("exception_decision", "set_default", "set_parameter", "extend_validity")
SKIPPED = ("annul", "annul_programme_act", "concur", "enter_existing_centre")


@dataclass
class Life:
    """One centre's made-up life in a book of its own.

    `daring` is the share of acts tried without asking first whether they are possible, and of
    inputs filled carelessly; `imported` the share of lives that were under way before.
    """

    editions: Editions
    rng: random.Random
    on: dt.date
    daring: float = 0.3
    centre: str = "main"
    book: Book = field(init=False)
    refused: Counter[str] = field(default_factory=Counter)
    tried: int = 0
    accepted: int = 0
    imported: float = 0.4
    orgs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.book = Book(self.editions)
        self.entered = self.rng.random() < self.imported
        self.zeal = self.rng.choice((1, 2))  # how straight a life goes

    @property
    def state(self) -> State:
        """The centre's state today."""
        return self.book.history(self.centre).state(self.book.world, self.on)

    def ruleset(self, state: State) -> Ruleset:
        """The edition in use today."""
        return self.editions.of(state, self.on)

    def steps(self, number: int) -> Iterator[tuple[Act, Taken, State]]:
        """Tries that many acts; yields each with its answer and the state it was tried on."""
        for _ in range(number):
            state = self.state
            rs = self.ruleset(state)
            if self._over(rs, state):
                return
            act = self.pick(rs, state)
            if act is None:
                self.wait(state)
                continue
            if self._concur(rs, act):
                state = self.state
            taken = self.book.record(act)
            self.tried += 1
            self.accepted += taken.accepted
            self.refused[act.kind] += not taken.accepted
            yield act, taken, state
            if self.rng.random() < 0.3:
                self.wait(self.state)

    def _over(self, rs: Ruleset, state: State) -> bool:
        """Whether the life is told: a while after its end or after the regulation's."""
        until = rs.programme.instrument.in_force.until
        past = until is not None and self.on > until
        return (past or _ended(rs, state)) and self.rng.random() < 0.2

    def wait(self, state: State) -> None:
        """Lets some days pass, often up to the end of a period or the day after."""
        ends = [s.end for s in state.periods.values() if not s.closed and s.end > self.on]
        if ends and self.rng.random() < 0.15:
            day = min(ends) + dt.timedelta(days=self.rng.choice((-30, -1, 0, 1, 60)))
            self.on = max(self.on, day)
        else:
            self.on += dt.timedelta(days=self.rng.choice((0, 1, 5, 10, 25, 60)))

    # --- choosing an act ---

    def pick(self, rs: Ruleset, state: State) -> Act | None:
        """An act to try: usually one that is possible, and rather one that leads on."""
        if state.stage is None and rs.programme.existing and self.entered:
            self.entered = False
            return self._existing(rs, rs.programme.existing)
        early = 0.5 if state.stage is None else 0.1
        level = "programme" if self.rng.random() < early else "centre"
        if self.rng.random() < self.daring / 3:
            kinds = [k for k, c in rs.acts.items() if k not in SKIPPED and c.model.by]
            kind = self.rng.choice(kinds)
            return self.make(rs, state, kind, self.rng.choice(_by(rs, kind)), None)
        choices = self._possible(rs, state, level)
        if not choices:
            return None
        weights = [w**self.zeal / (1 + self.refused[k]) for k, _, _, w in choices]
        kind, party, case, _ = self.rng.choices(choices, weights)[0]
        if kind in GENERIC and self.rng.random() < 0.9:
            return None  # nothing better to do: rather wait
        return self.make(rs, state, kind, party, case)

    def _existing(self, rs: Ruleset, existing: p.Existing) -> Act:
        """A centre that came to be before: entered in one of the stages allowed."""
        rng, programme = self.rng, rs.programme
        act = Act("enter_existing_centre", self.on, existing.by[0], centre=self.centre)
        act.org = self.org(rs, act.party)
        hints = Hints(rs, self, act, State())
        bound = [n for n, v in programme.parties.items() if not (v.body or v.unbound or v.inside)]
        span = {
            "start": self.on - dt.timedelta(days=rng.randrange(30, 900)),
            "end": self.on + dt.timedelta(days=rng.randrange(-60, 400)),
        }
        values = {n: hints.known(v) for n, v in programme.values.items()}
        act.data = {
            "stage": rng.choice(existing.stages),
            "basis": "既有批复",
            "roles": {n: self.org(rs, n) for n in bound if not programme.parties[n].many},
            "values": {n: v for n, v in values.items() if v is not None},
            "periods": {n: dict(span) for n in programme.periods},
        }
        if programme.classes:
            act.data["class"] = rng.choice(list(programme.classes))
        return act

    def _possible(
        self, rs: Ruleset, state: State, level: str
    ) -> list[tuple[str, str, str | None, float]]:
        found = []
        own = state
        if level == "programme":
            own = self.book.programme.state(self.book.world, self.on)
        for party in rs.programme.parties:
            org = self.org(rs, party)
            for q in permitted(rs, own, party, self.on, self.book.world, org, self.centre, level):
                if q.standing != "blocked" and q.act not in SKIPPED and party in _by(rs, q.act):
                    case = self.rng.choice(q.cases) if q.cases else None
                    found.append((q.act, party, case, _weight(rs, own, q.act)))
        return found

    def org(self, rs: Ruleset, party: str) -> dict[str, Any]:
        """The organisation that plays a party in this life."""
        if party not in self.orgs:
            model = rs.programme.parties[party]
            kind = self.rng.choice(model.kinds) if model.kinds else "enterprise"
            org = party if model.body else f"{party}-{self.rng.randrange(1000)}"
            place = self.rng.choice(PLACES)
            self.orgs[party] = {"org": org, "name": org, "kind": kind, "place": place}
        return self.orgs[party]

    # --- filling it ---

    def make(self, rs: Ruleset, state: State, kind: str, party: str, case: str | None) -> Act:
        """An act with all its inputs filled."""
        compiled = rs.acts[kind]
        model = compiled.model
        act = Act(kind, self.on, party, self.org(rs, party), about=case, centre=self.centre)
        if model.level == "programme":
            act.centre = None
            state = self.book.programme.state(self.book.world, self.on)
        careless = self.rng.random() < self.daring
        for _ in range(1 if careless else 6):
            act.data, act.documents = {}, {}
            self._fill(rs, state, act, model, careless)
            if careless or judge(rs, state, act, self.book.world).accepted:
                break
        return act

    def _fill(self, rs: Ruleset, state: State, act: Act, model: p.Act, careless: bool) -> None:
        hints = Hints(rs, self, act, state)
        last = {c.name.of for c in model.when if c.name is not None}  # names come from the rest
        for name, given in sorted(model.with_.items(), key=lambda i: f"with.{i[0]}" in last):
            if given.required or self.rng.random() < 0.7:
                if careless and self.rng.random() < 0.1:
                    continue
                value = hints.generic(name) or hints.value(name, given)
                if name == "limit" and act.kind in GENERIC:
                    continue
                if value is not None:
                    act.data[name] = value
        for name, need in model.documents.items():
            if need.required and not (careless and self.rng.random() < 0.2):
                content = written(rs.programme.documents[name], "complete")
                act.documents[name] = {"content": content, "digest": digest(content)}

    def _concur(self, rs: Ruleset, act: Act) -> bool:
        """Records what joint bodies say first; whether anything was recorded."""
        jointly = rs.acts[act.kind].model.jointly
        if jointly is None or act.centre is None or self.rng.random() < self.daring / 3:
            return False
        for party in jointly.parties:
            data = {"draft": act.draft, "agrees": True}
            self.book.record(
                Act("concur", self.on, party, self.org(rs, party), data, centre=act.centre)
            )
        return True


def _ended(rs: Ruleset, state: State) -> bool:
    return state.stage is not None and rs.programme.stages[state.stage].terminal


def _by(rs: Ruleset, kind: str) -> list[str]:
    """Who may take an act; every party for an act that anyone may take."""
    parties = rs.acts[kind].model.by
    return list(rs.programme.parties) if "anyone" in parties else parties


def _weight(rs: Ruleset, state: State, kind: str) -> float:
    """Acts that lead on are likelier; each repetition makes an act less likely."""
    model = rs.acts[kind].model
    weight = 1.0
    stages = [rs.programme.stages[e.stage] for e in model.then if e.stage is not None]
    if stages and all(s.terminal for s in stages):
        return 0.5 if model.when else 0.02  # an end that needs a ground, or one that needs none
    for effect in model.then:
        if effect.stage is not None and effect.stage != state.stage:
            weight += 12.0
        weight += 3.0 * bool(effect.step) + 2.0 * bool(effect.grade)
    if kind in _leading(rs):
        weight += 6.0
    if model.opens is not None:
        weight += 1.0
    if kind.startswith("record_") and kind not in rs.programme.acts:
        weight *= 0.1
    if model.probe or kind in GENERIC:
        return 0.02
    return max(weight, 0.2) / (1 + state.counts.get(kind, 0)) ** 2 + 0.005


_LEADING: dict[str, frozenset[str]] = {}


def _leading(rs: Ruleset) -> frozenset[str]:
    """Acts that others wait for: done, or setting what a condition of a stage-moving act reads."""
    if rs.digest not in _LEADING:
        ends = {n for n, s in rs.programme.stages.items() if s.terminal}
        movers = [
            m
            for m in rs.models.values()
            if any((e.stage and e.stage not in ends) or e.step or e.grade for e in m.then)
        ]
        read = {r for m in movers for r in builtin.references(m.when)}
        named = {n for m in movers for c in m.when for n in _named(c)}
        _LEADING[rs.digest] = frozenset(
            kind
            for kind, m in rs.models.items()
            if kind in named
            or any(f"centre.{v}" in read for e in m.then for v in e.set)
            or any(f in named for e in m.then for f in e.raise_)
        )
    return _LEADING[rs.digest]


def _named(t: p.Test) -> Iterator[str]:
    """The acts and flags a test names."""
    for inner in (*(t.all or ()), *(t.any or ()), *([t.not_] if t.not_ else ())):
        yield from _named(inner)
    yield from (n for n in (t.done, t.flag) if n)
    if t.published is not None:
        yield t.published.act


class Hints:
    """Values for inputs, from what conditions compare them with and from what is on file."""

    def __init__(self, rs: Ruleset, life: Life, act: Act, state: State) -> None:
        self.rs = rs
        self.life = life
        self.act = act
        self.model = rs.acts[act.kind].model
        self.compiler = Compiler(rs.programme, self.model.with_)
        self.x = Ctx(rs.programme, state, life.book.world, act.on, act)
        about = self.model.about
        if about is not None:
            self.x.case = rs.case_of(state, act, rs.acts[act.kind], self.x)

    def value(self, name: str, given: p.Input) -> Any:
        """A value for one input, typed."""
        rng = self.life.rng
        hinted = [v for v in self._hinted(name) if v is not None and v is not UNKNOWN]
        if hinted and rng.random() < 0.85:
            value = rng.choice(hinted)
            if isinstance(value, dt.date) and rng.random() < 0.15:
                value += dt.timedelta(days=rng.choice((-30, -1, 1)))
            return value
        return self._sample(name, given)

    def known(self, value: p.Value) -> Any:
        """A value for a fact that was established before: dates and years lie in the past."""
        if value.type in ("choice", "choices", "rows", "data", "organisations", "boolean"):
            return None
        if value.type == "date":
            return self.act.on - dt.timedelta(days=self.life.rng.randrange(30, 1500))
        return self._sample("", p.Input(type=value.type, name=value.name))

    def generic(self, name: str) -> Any:
        """A value for what the generic acts take."""
        rng, programme, kind, data = self.life.rng, self.rs.programme, self.act.kind, self.act.data
        if kind == "exception_decision" and name == "rule":
            acts = self.rs.acts.values()
            soft = [f"{c.id}.{r.id}" for c in acts for r in c.rules if r.soft == "exception"]
            return rng.choice(soft) if soft else None
        if kind == "exception_decision" and name == "limit":
            return None
        if kind == "set_default" and name == "to":
            return rng.choice(programme.defaults[data["default"]].options) if data else None
        if kind == "set_parameter" and name == "value" and "parameter" in data:
            declared = programme.parameters[data["parameter"]]
            given = p.Input(type=declared.type, name=declared.name, options=declared.options)
            return self._plain(given)
        return None

    def _hinted(self, name: str) -> list[Any]:
        found: list[Any] = []
        for condition in self.model.when:
            found += self._from(condition, f"with.{name}")
        return found

    def _from(self, t: p.Test, path: str) -> list[Any]:
        found: list[Any] = []
        for inner in (*(t.all or ()), *(t.any or ())):
            found += self._from(inner, path)
        if t.choose is not None and t.choose.by == path:
            found += [k for k in t.choose.among if self._established(t.choose.among[k])]
        if t.published is not None:
            for act in self.life.book.world.of(t.published.act, self.act.on)[-2:]:
                for w in t.published.where:
                    if w.contains == path:
                        found += list(act.data.get(w.field) or [])
                    elif w.equals == path:
                        found.append(act.data.get(w.field))
        if t.name is not None and t.name.of == path:
            found.append(names.expected(self.x, t.name.form, t.name.lang).text)
        if t.value != path:
            return found
        kind = t.kind
        bound = getattr(t, kind)
        if kind in ("is_", "in_"):
            found += list(bound) if kind == "in_" else [bound]
        elif kind not in ("is_not", "not_in", "contains", "contains_all", "covers"):
            found += self._near(kind, self.compiler.term(bound)(self.x))
        return found

    def _established(self, ground: p.Ground) -> bool:
        return all(self.compiler.test(t)(self.x) == 0 for t in ground.when)

    def _near(self, kind: str, bound: Any) -> list[Any]:
        if kind == "member_of":
            return list(bound) if isinstance(bound, list) else []
        rng = self.life.rng
        step: Any = dt.timedelta(days=1) if isinstance(bound, dt.date) else 1
        if bound is None or bound is UNKNOWN or not isinstance(bound, (dt.date, int, Decimal)):
            return [bound]
        if kind in ("after", "above"):
            return [bound + step * rng.randint(1, 700)]
        if kind in ("before", "below"):
            return [bound - step]
        if kind in ("on_or_before", "at_most"):
            return [bound, bound, bound - step if isinstance(bound, dt.date) else bound]
        return [bound]

    def _sample(self, name: str, given: p.Input) -> Any:
        rng = self.life.rng
        if given.type == "organisation":
            party = given.party or self._bound_by(name) or name
            parties = self.rs.programme.parties
            return self.life.org(self.rs, party) if party in parties else self._any_org(name)
        if given.type == "organisations":
            role = given.party or self._bound_by(name)
            return [self.life.org(self.rs, role) if role else self._any_org(name)]
        if given.type == "centres":
            return [self.life.centre]
        if given.type == "programme_act":
            acts = self.life.book.world.of(given.act or "", self.act.on)
            return rng.choice(acts).seq if acts else None
        if given.type == "rows":
            return self._rows(given)
        if given.type == "data":
            return None
        return self._plain(given)

    def _bound_by(self, name: str) -> str | None:
        """The role that the act gives to the organisation of this input."""
        bindings = (b for e in self.model.then for b in e.bind.items())
        return next((party for party, term in bindings if term == f"with.{name}"), None)

    def _any_org(self, name: str) -> dict[str, Any]:
        return {"org": name, "name": name, "kind": "enterprise", "place": PLACES[0]}

    def _rows(self, given: p.Input) -> list[dict[str, Any]]:
        columns = given.columns or {}
        by: str | None = next((c for c, i in columns.items() if i.options), None)
        options: list[str | None] = list(columns[by].options or {}) if by else [None]
        rows = []
        for option in options:
            row = {c: self._sample(c, i) for c, i in columns.items()}
            if by is not None and option is not None:
                row[by] = option
            rows.append({k: v for k, v in row.items() if v is not None})
        return rows

    def _plain(self, given: p.Input) -> Any:
        rng, on = self.life.rng, self.act.on
        if given.options:
            options = list(given.options)
            first = rng.random() < 0.5  # the first option is usually the one that leads on
            if given.type == "choices":
                return options if first else [rng.choice(options)]
            return options[0] if first else rng.choice(options)
        makers: dict[str, Any] = {
            "text": lambda: rng.choice(WORDS),
            "long_text": lambda: "（说明）",
            "date": lambda: on + dt.timedelta(days=rng.choice((-60, -10, 0, 30, 200, 1000))),
            "year": lambda: on.year - rng.choice((0, 0, 1)),
            "integer": lambda: rng.choice((1, 2, 3, 24, 36, 36)),
            "number": lambda: Decimal(rng.randint(1, 100)),
            "money": lambda: Decimal(rng.randint(1, 50) * 1_000_000),
            "ratio": lambda: Decimal(rng.randint(1, 9)) / 10,
            "boolean": lambda: rng.random() < 0.8,
            "texts": lambda: list(WORDS),
            "people": lambda: rng.sample(PEOPLE, 2),
            "file": lambda: "（文件）",
        }
        return makers[given.type]()
