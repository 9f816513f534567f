"""Made-up lives under a real programme: for tests, for measurements and for trying out an edition.

Nothing here knows a programme. Acts are picked among those the engine says are possible; inputs are
filled from what their conditions compare them with, a little right and a little wrong.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from banfa.rules import builtin
from banfa.rules import programme as p
from banfa.rules.hints import DAY, Hints, blank, inner, places
from banfa.rules.history import Book, Editions, Taken
from banfa.rules.judge import judge
from banfa.rules.life import Act, State, standing
from banfa.rules.ruleset import Ruleset

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
        self.zeal = self.rng.choice((1, 2, 2, 3))  # how straight a life goes
        self.pace = self.rng.choice((1, 2, 4))  # how fast its days pass
        self.taste: defaultdict[str, float] = defaultdict(  # what this life likes to do
            lambda: self.rng.choice((0.2, 1, 1, 1, 5))
        )
        self._folded: dict[str | None, tuple[Any, State]] = {}

    @property
    def state(self) -> State:
        """The centre's state today."""
        return self._state(self.centre)

    def _state(self, centre: str | None) -> State:
        """A history's state today, folded once for as long as nothing happens."""
        history = self.book.history(centre)
        at = (len(history.acts), len(self.book.programme.acts), self.on)
        kept = self._folded.get(centre)
        if kept is None or kept[0] != at:
            kept = self._folded[centre] = (at, history.state(self.book.world, self.on))
        return kept[1]

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
            yield act, self.attempt(act), state
            if self.rng.random() < 0.3:
                self.wait(self.state)

    def attempt(self, act: Act) -> Taken:
        """Records an act if it is accepted, and counts how it went."""
        taken = self.book.record(act)
        self.tried += 1
        self.accepted += taken.accepted
        if not taken.accepted:
            self.refused[act.kind] += 1
        elif _bases(taken.ruleset or self.editions.latest).get(act.kind, 0) > 5:
            for kind in self.refused:  # a step ahead: what was refused may be possible now
                self.refused[kind] //= 2
        return taken

    def _over(self, rs: Ruleset, state: State) -> bool:
        """Whether the life is told: a while after its end or after the regulation's."""
        until = rs.programme.instrument.in_force.until
        past = until is not None and self.on > until
        return (past or _ended(rs, state)) and self.rng.random() < 0.1

    def wait(self, state: State) -> None:
        """Lets some days pass, often up to the end of a period or the day after."""
        ends = [s.end for s in state.periods.values() if not s.closed and s.end > self.on]
        if ends and self.rng.random() < 0.15:
            self.on = max(self.on, min(ends) + self.rng.choice((-30, -1, 0, 1, 60)) * DAY)
        else:
            self.on += self.rng.choice((0, 1, 5, 10, 25, 60)) * self.pace * DAY

    # --- choosing an act ---

    def pick(self, rs: Ruleset, state: State) -> Act | None:
        """An act to try: usually one that is possible, and rather one that leads on."""
        if state.stage is None and rs.programme.existing and self.entered:
            self.entered = False
            return self._existing(rs, rs.programme.existing)
        if self.rng.random() < self.daring / 3:
            return self._wild(rs, state)
        early = 0.4 if state.stage is None else 0.12
        level = "programme" if self.rng.random() < early else "centre"
        own = self._state(None) if level == "programme" else state
        pool = self._pool(rs, state, own, level)
        while pool:
            kind, party = self.rng.choices(list(pool), list(pool.values()))[0]
            if not kind:
                return None  # rather wait
            case = self._possible(rs, own, kind, party)
            if case is None:
                del pool[kind, party]
                continue
            return self.make(rs, own, kind, party, case or None)
        return None

    def _wild(self, rs: Ruleset, state: State) -> Act:
        """Any act at all, now and then by a party that may not take it."""
        kinds = [k for k, c in rs.acts.items() if k not in SKIPPED and c.model.by]
        kind = self.rng.choice(kinds)
        anybody = self.rng.random() < 0.2
        parties = list(rs.programme.parties) if anybody else _by(rs, kind)
        own = self._state(None) if rs.models[kind].level == "programme" else state
        return self.make(rs, own, kind, self.rng.choice(parties), None)

    def _pool(
        self, rs: Ruleset, state: State, own: State, level: str
    ) -> dict[tuple[str, str], float]:
        """Acts that the stage allows, with who takes them, weighed."""
        stage = rs.stage_on(state, self.on)
        pool = {("", ""): 0.2}
        order: list[str | None] = [None, *rs.programme.stages]
        for kind, base in _bases(rs).items():
            model, stages = rs.models[kind], rs.acts[kind].stages
            if model.level != level or (stages is not None and stage not in stages):
                continue
            caused = rs.acts[model.causes.act].stages if model.causes is not None else None
            if caused is not None and stage not in caused:
                continue
            leads = [order.index(e.stage) for e in model.then if e.stage is not None]
            if level == "centre" and leads and max(leads) <= order.index(stage):
                base = min(base, 1.0)  # leads back
            # each repetition makes an act less likely, least so a step in a case
            tired = 1 + own.counts.get(kind, 0)
            weight = base / (tired if model.about is not None else tired**2) + 0.005
            weight = weight**self.zeal * self.taste[kind] / (1 + self.refused[kind])
            pool.update({(kind, party): weight for party in _by(rs, kind)})
        return pool

    def _possible(self, rs: Ruleset, own: State, kind: str, party: str) -> str | None:
        """The case an act can be taken in now, '' for an act without one; None if it cannot."""
        model = rs.models[kind]
        case = ""
        if model.about is not None:
            open_ids = own.open_cases.get(model.about.case, ())
            ready = [i for i in open_ids if own.cases[i].step in model.about.at]
            if not ready:
                return None
            case = self.rng.choice(ready)
        act = Act(kind, self.on, party, self.actor(rs, own, party), about=case or None)
        act.centre = self.centre if model.level == "centre" else None
        asked = judge(rs, own, act, self.book.world, partial=True)
        return None if asked.standing == "blocked" else case

    def _existing(self, rs: Ruleset, existing: p.Existing) -> Act:
        """A centre that came to be before: entered in one of the stages allowed."""
        rng, programme = self.rng, rs.programme
        act = Act("enter_existing_centre", self.on, existing.by[0], centre=self.centre)
        act.org = self.org(rs, act.party)
        hints = Hints(rs, self, act, State())
        bound = [n for n, v in programme.parties.items() if not (v.body or v.unbound or v.inside)]
        span = {
            "start": self.on - rng.randrange(30, 900) * DAY,
            "end": self.on + rng.randrange(-60, 400) * DAY,
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

    def org(self, rs: Ruleset, party: str) -> dict[str, Any]:
        """The organisation that plays a party in this life."""
        if party not in self.orgs:
            model = rs.programme.parties[party]
            kind = self.rng.choice(model.kinds) if model.kinds else "enterprise"
            org = party if model.body else f"{party}-{self.rng.randrange(1000)}"
            place = self.rng.choice(places(rs))
            self.orgs[party] = {"org": org, "name": org, "kind": kind, "place": place}
        return self.orgs[party]

    def actor(self, rs: Ruleset, state: State, party: str) -> dict[str, Any]:
        """Who acts as a party: one that is bound to the role, or would be."""
        held = state.roles.get(party)
        if held and self.rng.random() > self.daring / 10:
            return dict(self.rng.choice(held))
        return self.org(rs, party)

    # --- filling it ---

    def make(self, rs: Ruleset, state: State, kind: str, party: str, case: str | None) -> Act:
        """An act with all its inputs filled."""
        model = rs.models[kind]
        act = Act(kind, self.on, party, self.actor(rs, state, party), about=case)
        act.centre = self.centre if model.level == "centre" else None
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
                value = hints.generic(name) or hints.value(f"with.{name}", given)
                if value is not None and not (name == "limit" and act.kind in GENERIC):
                    act.data[name] = value
        for path in list(hints.unsure):  # now that the others are filled
            name = path.removeprefix("with.")
            if name in act.data:
                act.data[name] = hints.value(path, model.with_[name])
        for name, need in model.documents.items():
            if need.required and not (careless and self.rng.random() < 0.2):
                act.documents[name] = blank(rs, name) if careless else hints.document(name)

    def _concur(self, rs: Ruleset, act: Act) -> bool:
        """Records what joint bodies say first; whether anything was recorded."""
        jointly = rs.models[act.kind].jointly
        if jointly is None or act.centre is None or self.rng.random() < self.daring / 3:
            return False
        for party in jointly.parties:
            data = {"draft": act.draft, "agrees": True}
            self.book.record(
                Act("concur", self.on, party, self.org(rs, party), data, centre=act.centre)
            )
        return True

    # --- correcting what is on file ---

    def corrections(self, number: int) -> Iterator[tuple[Act, Taken, State]]:
        """Annulments of acts on file, some with what depends on them, and acts dated back."""
        for _ in range(number):
            state = self.state
            rs = self.ruleset(state)
            act = self._annulment() if self.rng.random() < 0.5 else self._late(rs, state)
            if act is not None:
                yield act, self.attempt(act), state

    def _annulment(self) -> Act | None:
        """Undoes an act on file; what would then no longer stand goes with it, or most of it."""
        history = self.book.history(self.centre)
        acts = standing(history.acts)
        if not acts:
            return None
        target = self.rng.choice(acts)
        act = Act("annul", self.on, target.party, target.org, centre=self.centre)
        act.party = self.rng.choice((target.party, *self.editions.latest.programme.authority))
        fallen: list[int] = []
        for _ in range(self.rng.choice((1, 4, 12))):
            rows = [{"seq": n} for n in fallen]
            act.data = {"target": target.seq, "dependents": rows, "reason": "误记"}
            more = history.propose(act, self.book.world).overturned
            if not more:
                break
            fallen += [later.seq for later, _ in more]
        return act

    def _late(self, rs: Ruleset, state: State) -> Act | None:
        """An act on file once more, or one that is possible today, dated back."""
        back = self.on - self.rng.choice((1, 10, 60, 400, 1000)) * DAY
        acts = self.book.history(self.centre).acts
        if acts and self.rng.random() < 0.5:
            again = replace(self.rng.choice(acts), on=back, seq=0, saw=None, used=())
            return None if again.kind in ("annul", "concur") else again
        act = self.pick(rs, state)
        if act is None or act.centre is None:
            return None
        act.on = back
        return act


def _ended(rs: Ruleset, state: State) -> bool:
    return state.stage is not None and rs.programme.stages[state.stage].terminal


def _by(rs: Ruleset, kind: str) -> list[str]:
    """Who may take an act; every party for an act that anyone may take."""
    parties = rs.models[kind].by
    return list(rs.programme.parties) if "anyone" in parties else parties


# --- how much acts matter -----------------------------------------------------------------------

_BASES: dict[str, dict[str, float]] = {}


def _bases(rs: Ruleset) -> dict[str, float]:
    """How likely each act is before anything happened: acts that lead on are likelier."""
    if rs.digest not in _BASES:
        leading = _leading(rs)
        caused = {m.causes.act for m in rs.models.values() if m.causes is not None}
        _BASES[rs.digest] = {
            kind: 0.02 if kind in caused else _base(rs, kind, model, kind in leading)
            for kind, model in rs.models.items()
            if kind not in SKIPPED and model.absent is None and model.by
        }
    return _BASES[rs.digest]


def _base(rs: Ruleset, kind: str, model: p.Act, leading: bool) -> float:
    if model.probe:
        return 0.2
    if kind in GENERIC:
        return 0.01
    stages = [rs.programme.stages[e.stage] for e in model.then if e.stage is not None]
    if stages and all(s.terminal for s in stages):
        return 0.3 if model.when else 0.02  # an end that needs a ground, or one that needs none
    weight = 1.0 + 12.0 * bool(stages) + 6.0 * leading + (model.opens is not None)
    weight += sum(3.0 * bool(e.step) + 2.0 * bool(e.grade) for e in model.then)
    weight += 6.0 * (model.causes is not None)
    if kind.startswith("record_") and kind not in rs.programme.acts and not leading:
        weight *= 0.1
    return weight


def _leading(rs: Ruleset) -> set[str]:
    """Acts that others wait for, and those that these wait for in turn."""
    ends = {n for n, s in rs.programme.stages.items() if s.terminal}
    moving = {
        kind
        for kind, m in rs.models.items()
        if any((e.stage and e.stage not in ends) or e.step or e.grade for e in m.then)
    }
    found: set[str] = set()
    while True:
        needs = [c for kind in moving | found for c in rs.models[kind].when]
        named = {n for c in needs for n in _named(c)}
        named |= {r.split(".")[1] for r in builtin.references(needs) if r.startswith("centre.")}
        named |= {i.act for k in moving | found for i in rs.models[k].with_.values() if i.act}
        more = {kind for kind, m in rs.models.items() if kind in named or _gives(m) & named}
        if more <= found:
            return found
        found |= more


def _gives(model: p.Act) -> set[str]:
    """The flags and values an act brings."""
    return {n for e in model.then for n in (*e.raise_, *e.set)}


def _named(condition: p.Test) -> Iterator[str]:
    """The acts and flags a condition names."""
    for t in inner(condition):
        yield from (n for n in (t.done, t.flag) if n)
        if t.published is not None:
            yield t.published.act
