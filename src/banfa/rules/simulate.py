"""Made-up lives under a real programme: for tests, for measurements and for trying out an edition.

Nothing here knows a programme. Acts are picked among those the engine says are possible; inputs are
filled from what their conditions compare them with, a little right and a little wrong.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from typing import Any

from banfa.rules import programme as p
from banfa.rules.aims import distances, givers, nearer, needs, stages
from banfa.rules.hints import DAY, Hints, blank, places
from banfa.rules.history import Book, Editions, Taken
from banfa.rules.judge import judge
from banfa.rules.life import ANNULMENTS, CORRECTION, Act, State, digest, standing
from banfa.rules.ruleset import Ruleset
from banfa.rules.terms import NOT, OPEN

GENERIC = ("exception_decision", "set_default", "set_parameter", "extend_validity")
AIMED = 25  # steps without progress after which a life gives up an aim
SKIPPED = (*ANNULMENTS, CORRECTION, "concur", "enter_existing_centre")


@dataclass
class Life:
    """One centre's made-up life in a book of its own.

    `daring` is the share of acts tried without asking first whether they are possible, and of
    inputs filled carelessly; `imported` the share of lives that were under way before; `aims` the
    acts this life is to get to first, one after the other.
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
    aims: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.book = Book(self.editions)
        self.entered = not self.aims and self.rng.random() < self.imported
        self.zeal = self.rng.choice((1, 2, 2, 3))  # how straight a life goes
        self.pace = self.rng.choice((1, 2, 4))  # how fast its days pass
        self.taste: defaultdict[str, float] = defaultdict(  # what this life likes to do
            lambda: self.rng.choice((0.2, 1, 1, 1, 5))
        )
        self.led = bool(self.aims)
        self.aim, self.tries, self.failed = "", 0, 0
        self.way: set[str] = set()  # what leads to the aim from here
        self._way_at: tuple[Any, ...] = ()
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
            self._set_aim(rs, state)
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
        elif act.kind in self.way:
            self.refused.clear()  # a step ahead: what was refused may be possible now
            self.tries -= 1
            if act.kind == self.aim:
                self.aim, self.failed = "", 0
        return taken

    def _set_aim(self, rs: Ruleset, state: State) -> None:
        """Something to get at; another when it is reached or out of reach."""
        near = distances(rs, rs.stage_on(state, self.on)).keys()
        known = self.aim in rs.models  # the edition may have changed since it was chosen
        lost = self.aim and not (known and stages(rs, self.aim) & near)
        self.tries += 1
        if lost or self.tries > AIMED or not self.aim:
            self.failed += bool(self.aim)
            self.tries = -3 * AIMED if self.aims else 0
            wanted = [kind for kind in self.aims if kind in rs.models]
            self.aim, *rest = wanted or (self._choose_aim(rs, state, near),)
            self.aims = tuple(rest)
        at = (self.aim, self.on, id(state), len(self.book.programme.acts))
        if self._way_at != at:
            self._way_at, self.way = at, self._way(rs, state)

    def _choose_aim(self, rs: Ruleset, state: State, near: Set[str | None]) -> str:
        """Rather what was not done yet and has few chances; an end rather late in life."""
        done = state.counts.keys() | self._state(None).counts.keys()
        early = 0.2 if self.tried < 2 * AIMED else 1.0
        chances = {
            kind: (0.1 if kind in done else 1.0)
            * (early if _late(rs, kind) else 1.0)
            / len(stages(rs, kind))
            for kind in _bases(rs)
            if stages(rs, kind) & near
        }
        return self.rng.choices(list(chances), list(chances.values()))[0]

    def _way(self, rs: Ruleset, state: State) -> set[str]:
        """The acts that bring about what the aim, and these in turn, still lack."""
        found, new = {self.aim}, [self.aim]
        while new:
            more = self._missing(rs, state, new.pop()) - found
            found |= more
            new += sorted(more)
        return found

    def _missing(self, rs: Ruleset, state: State, kind: str) -> set[str]:
        """Acts that would take away something of what stands in an act's way today."""
        compiled, stage = rs.acts[kind], rs.stage_on(state, self.on)
        if stage not in stages(rs, kind):
            return nearer(rs, stage, stages(rs, kind), (+self.refused).keys())
        own = self._state(None) if compiled.model.level == "programme" else state
        asked = judge(rs, own, self._probe(rs, own, kind), self.book.world, partial=True)
        found: set[str] = set()
        for number, outcome in enumerate(asked.outcomes):
            for lack in needs(rs, kind, number) if outcome in (NOT, OPEN) else ():
                # an input that must fit what is there may fit what comes next
                if outcome == NOT or self.refused[kind] or not self._there(own, lack):
                    found.update(givers(rs).get(lack, ()))
        return found

    def _there(self, own: State, lack: str) -> bool:
        """Whether something has been brought about, where that can be told without inputs."""
        root, _, name = lack.partition(".")
        if root == "act":
            return name in own.counts or bool(self.book.world.of(name, self.on))
        held = {"flag": own.flags, "centre": own.values, "role": own.roles}.get(root)
        return held is None or name in held

    def _probe(self, rs: Ruleset, own: State, kind: str) -> Act:
        """An act without its inputs, in a case that is ready for it, if one is."""
        compiled = rs.acts[kind]
        about = compiled.about
        cases = own.open_cases.get(about.case, []) if about is not None else []
        ready = [i for i in cases if about is not None and own.cases[i].step in about.at]
        case = next(reversed(ready or cases), None)
        party = _by(rs, kind)[0]
        return Act(kind, self.on, party, self.actor(rs, own, party, case), about=case)

    def _over(self, rs: Ruleset, state: State) -> bool:
        """Whether the life is told: a while after its end or the regulation's, or stuck."""
        until = rs.programme.instrument.in_force.until
        past = until is not None and self.on > until
        over = past or _ended(rs, state) or self.failed > 2
        return over and self.rng.random() < (0.03 if self.led else 0.1)

    def wait(self, state: State) -> None:
        """Lets some days pass, often up to the end of a period or the day after."""
        ends = [s.end for s in state.periods.values() if not s.closed and s.end > self.on]
        if ends and self.rng.random() < 0.25:
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
        pool = self._pool(rs, state)
        while pool:
            kind, party = self.rng.choices(list(pool), list(pool.values()))[0]
            if not kind:
                return None  # rather wait
            programme = rs.models[kind].level == "programme"
            own = self._state(None) if programme else state
            case = self._possible(rs, own, kind, party)
            act = None if case is None else self.make(rs, own, kind, party, case or None)
            if act is not None:
                return act
            self.refused[kind] += case is not None
            del pool[kind, party]
            if self.way.isdisjoint(k for k, _ in pool):
                pool["", ""] = 5.0  # nothing leads to the aim today
        return None

    def _wild(self, rs: Ruleset, state: State) -> Act | None:
        """Any act at all, now and then by a party that may not take it."""
        kinds = [k for k in rs.acts if k not in SKIPPED]
        kind = self.rng.choice(kinds)
        anybody = self.rng.random() < 0.2
        parties = list(rs.programme.parties) if anybody else _by(rs, kind)
        own = self._state(None) if rs.models[kind].level == "programme" else state
        return self.make(rs, own, kind, self.rng.choice(parties), None)

    def _pool(self, rs: Ruleset, state: State) -> dict[tuple[str, str], float]:
        """Acts that the stage allows, with who takes them, weighed."""
        stage = rs.stage_on(state, self.on)
        pool = {("", ""): 2.0}  # waiting, most of all when nothing leads to the aim
        common = self._state(None).counts
        order: list[str | None] = [None, *rs.programme.stages]
        for kind, base in _bases(rs).items():
            model, fit = rs.models[kind], stages(rs, kind)
            if stage not in fit:
                continue
            leads = [order.index(e.stage) for e in model.then if e.stage is not None]
            if model.level == "centre" and leads and max(leads) <= order.index(stage):
                base = min(base, 1.0)  # leads back
            # each repetition makes an act less likely, least so a step in a case
            tired = 1 + state.counts.get(kind, 0) + common.get(kind, 0)
            weight = base / (tired if model.about is not None else tired**2)
            weight = weight if _ends(rs, model) else max(weight, 0.05)
            weight *= self.taste[kind] * (0.2 if model.level == "programme" else 1.0)
            if kind in self.way:
                weight, pool["", ""] = 20.0, 0.2
            weight = weight**self.zeal / (1 + self.refused[kind]) ** 2
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
        act = Act(kind, self.on, party, self.actor(rs, own, party, case), about=case or None)
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
            "values": {n: v for n, v in values.items() if v is not None and rng.random() < 0.7},
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
            org = party if model.body or model.inside else f"{party}-{self.rng.randrange(1000)}"
            place = self.rng.choice(places(rs))
            self.orgs[party] = {"org": org, "name": org, "kind": kind, "place": place}
        return self.orgs[party]

    def actor(self, rs: Ruleset, state: State, party: str, case: str | None) -> dict[str, Any]:
        """Who acts as a party: one bound to the role, rather the one that the case names."""
        held = [dict(o) for o in state.roles.get(party, ())]
        if not held or self.rng.random() < self.daring / 20:
            return self.org(rs, party)
        kept = state.cases[case].data.values() if case else ()
        return self.rng.choice([o for o in held if o in kept] or held)

    # --- filling it ---

    def make(
        self, rs: Ruleset, state: State, kind: str, party: str, case: str | None
    ) -> Act | None:
        """An act with all its inputs filled; mostly None when no filling will do."""
        model = rs.models[kind]
        act = Act(kind, self.on, party, self.actor(rs, state, party, case), about=case)
        act.centre = self.centre if model.level == "centre" else None
        careless, heed = self.rng.random() < self.daring, self.rng.random() < 0.85
        for _ in range(1 if careless else 6):
            act.data, act.documents = {}, {}
            self._fill(Hints(rs, self, act, state, heed), act, model, careless)
            if careless or judge(rs, state, act, self.book.world).accepted:
                return act
        return act if self.rng.random() < self.daring / 2 else None

    def _fill(self, hints: Hints, act: Act, model: p.Act, careless: bool) -> None:
        last = {c.name.of for c in model.when if c.name is not None}  # names come from the rest
        for name, given in sorted(model.with_.items(), key=lambda i: f"with.{i[0]}" in last):
            if given.required or self.rng.random() < (0.9 if act.kind in self.way else 0.6):
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
                act.documents[name] = blank(hints.rs, name) if careless else hints.document(name)

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
        """Annulments of acts on file, some with what depends on them; acts dated back; documents
        corrected, well or badly."""
        for _ in range(number):
            state = self.state
            rs = self.ruleset(state)
            how = self.rng.random()
            if how < 0.4:
                act = self._annulment()
            else:
                act = self._late(rs, state) if how < 0.8 else self._corrected()
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
        if self.rng.random() < 0.6:
            act.party = self.rng.choice(self.editions.latest.programme.authority)
            act.org = self.org(self.editions.latest, act.party)
        fallen: list[int] = []
        for _ in range(self.rng.choice((1, 8, 16))):
            rows = [{"seq": n} for n in fallen]
            act.data = {"target": target.seq, "dependents": rows, "reason": "误记"}
            more = history.propose(act, self.book.world).overturned
            if not more:
                break
            fallen += [later.seq for later, _ in more]
        return act

    def _corrected(self) -> Act | None:
        """Documents of an act on file once more; sometimes with a gap, or from somebody else."""
        filed = [a for a in standing(self.book.history(self.centre).acts) if a.documents]
        if not filed:
            return None
        target = self.rng.choice(filed)
        given = {"target": target.seq, "reason": "补正"}
        act = Act(CORRECTION, self.on, target.party, target.org, given, centre=self.centre)
        if self.rng.random() < 0.2:
            act.org = {**target.org, "org": "another"}
        name = self.rng.choice(sorted(target.documents))
        content = dict(target.documents[name].get("content") or {})
        if content and self.rng.random() < 0.4:
            content.pop(self.rng.choice(sorted(content)))
        act.documents = {name: {"content": content, "digest": digest(content)}}
        return act

    def _late(self, rs: Ruleset, state: State) -> Act | None:
        """An act on file once more, or one that is possible today, dated back."""
        back = self.on - self.rng.choice((1, 10, 60, 400, 1000)) * DAY
        acts = self.book.history(self.centre).acts
        if acts and self.rng.random() < 0.5:
            again = replace(self.rng.choice(acts), on=back, seq=0, saw=None, used=())
            return None if again.kind in (*ANNULMENTS, CORRECTION, "concur") else again
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
    return parties if parties and "anyone" not in parties else list(rs.programme.parties)


# --- how much acts matter -----------------------------------------------------------------------

_BASES: dict[str, dict[str, float]] = {}


def _bases(rs: Ruleset) -> dict[str, float]:
    """How likely each act is in itself: those that move something are likelier."""
    if rs.digest not in _BASES:
        caused = {m.causes.act for m in rs.models.values() if m.causes is not None}
        _BASES[rs.digest] = {
            kind: 0.02 if kind in caused else _base(rs, kind, model)
            for kind, model in rs.models.items()
            if kind not in SKIPPED and model.absent is None and model.by
        }
    return _BASES[rs.digest]


def _base(rs: Ruleset, kind: str, model: p.Act) -> float:
    if kind in GENERIC:
        return 0.01
    if _ends(rs, model):
        return 0.03 if model.when else 0.005  # an end that needs a ground, or one that needs none
    weight = 1.0 + 3.0 * any(e.stage for e in model.then) + 1.0 * any(e.step for e in model.then)
    row = kind.startswith("record_") and kind not in rs.programme.acts
    return weight * (0.1 if row or model.probe else 1.0)


def _ends(rs: Ruleset, model: p.Act) -> bool:
    """Whether an act ends the life."""
    led = [rs.programme.stages[e.stage] for e in model.then if e.stage is not None]
    return bool(led) and all(s.terminal for s in led)


def _late(rs: Ruleset, kind: str) -> bool:
    """Whether an act ends the life or comes after its end only."""
    over = {n for n, s in rs.programme.stages.items() if s.terminal}
    return _ends(rs, rs.models[kind]) or stages(rs, kind) <= over
