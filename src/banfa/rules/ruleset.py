"""A programme compiled once into plain tables and closures: what judging and folding run on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from banfa.rules import builtin, parties
from banfa.rules import programme as p
from banfa.rules.conditions import Rule, rules_of, stages_of, with_scope
from banfa.rules.effects import BUILTIN, Change, changes, known
from banfa.rules.life import Act, Case, Granted, State, digest
from banfa.rules.terms import HELD, UNKNOWN, Ask, Compiler, Ctx, Get, derive, expand
from banfa.rules.world import World


@dataclass(slots=True)
class CompiledAct:
    """An act ready to be judged and applied."""

    id: str
    model: p.Act
    rules: tuple[Rule, ...]
    effects: tuple[Change, ...]
    stages: frozenset[str | None] | None
    key: Get | None
    case_key: Get | None
    open_key: Get | None
    keep: tuple[tuple[str, Get], ...]
    summed: tuple[str, ...]
    checks: tuple[Ask, ...] = ()
    parties: frozenset[str] = frozenset()
    about: p.About | None = None
    opens: p.Opens | None = None
    all_held: tuple[int, ...] = ()


@dataclass(slots=True)
class CompiledDuty:
    """A duty or consequence ready to be asked about."""

    id: str
    model: p.Duty | p.Consequence
    when: tuple[Ask, ...]
    since: Get | None
    due: Get | None
    stages: frozenset[str | None] = frozenset()


@dataclass
class Ruleset:
    """One programme edition, compiled."""

    programme: p.Programme
    acts: dict[str, CompiledAct] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stage_on = derive(self.programme)
        self.models: dict[str, p.Act] = builtin.all_acts(self.programme)
        self.summed = _summed_inputs(self.programme)
        for name, model in self.models.items():
            self.acts[name] = _compile_act(self, name, model)

    @cached_property
    def digest(self) -> str:
        """Digest of the edition: equal content, equal digest."""
        return digest(self.programme.model_dump(mode="json", by_alias=True, exclude_none=True))

    @cached_property
    def independent(self) -> frozenset[str]:
        """The parties that look at a centre and are no part of it, such as third parties."""
        return parties.independent(self.models)

    @cached_property
    def duties(self) -> list[CompiledDuty]:
        """Duties and consequences, compiled."""
        return [_compile_duty(self, n, d) for n, d in self.programme.duties.items()] + [
            _compile_duty(self, n, c) for n, c in self.programme.consequences.items()
        ]

    @property
    def id(self) -> str:
        """`programme@edition`."""
        return f"{self.programme.programme}@{self.programme.edition}"

    def since(self, state: State, on: dt.date) -> dt.date | None:
        """The first day of the stage on a day, also of one that the calendar alone has brought."""
        stage = self.stage_on(state, on)
        if stage is None or stage == state.stage:
            return state.stage_since
        derived = self.programme.stages[stage].derived
        span = state.periods.get(derived.after.split(".")[1]) if derived is not None else None
        return span.end + dt.timedelta(days=1) if span is not None else state.stage_since

    def is_active(self, state: State, on: dt.date) -> bool:
        """Whether a centre counts as a living platform: the group `active`, or not terminal."""
        stage = self.stage_on(state, on)
        if stage is None:
            return False
        group = self.programme.groups.get("active")
        return stage in group if group else not self.programme.stages[stage].terminal

    def case_of(self, state: State, act: Act, compiled: CompiledAct, x: Ctx) -> Case | None:
        """The case an act belongs to: named by `about`, by key, or the only one open."""
        about = compiled.model.about
        if about is None:
            return None
        open_ids = state.open_cases.get(about.case, [])
        if act.about is not None:
            found = state.cases.get(act.about)
            if found is None or found.procedure != about.case:
                return None
            key = compiled.case_key(x) if compiled.case_key is not None else None
            return found if key in (None, UNKNOWN, found.key) else None
        if compiled.case_key is not None:
            wanted = compiled.case_key(x)
            matching = [i for i in open_ids if state.cases[i].key == wanted]
            return state.cases[matching[-1]] if matching else None
        if len(open_ids) > 1:
            ready = [i for i in open_ids if state.cases[i].step in about.at]
            open_ids = ready or open_ids
        return state.cases[open_ids[0]] if len(open_ids) == 1 else None

    def context(
        self, state: State, world: World, act: Act, compiled: CompiledAct, partial: bool = False
    ) -> Ctx:
        """What an act is judged and applied in."""
        x = Ctx(self.programme, state, world, act.on, act, None, partial)
        if compiled.model.about is not None:
            x.case = self.case_of(state, act, compiled, x)
        return x

    def apply(self, state: State, act: Act, world: World, judged: Ctx | None = None) -> None:
        """Carries out an act's effects on the state in place. The act was accepted before.

        `judged` is the context it was judged in, when the state is still the same.
        """
        compiled = self.acts[act.kind]
        x = judged or self.context(state, world, act, compiled)
        kind = act.kind
        state.seq = act.seq
        counts = state.counts
        if kind in counts:
            counts[kind] += 1
        else:
            counts[kind] = 1
            state.first[kind] = act
        state.last[kind] = act
        if not state.edition:
            state.edition = self.programme.edition
        if compiled.key is not None:
            state.keyed[(kind, compiled.key(x))] = act
        if compiled.summed:
            _sum_up(state, act, compiled.summed)
        if compiled.opens is not None:
            _open_case(x, compiled)
        elif x.case is not None:
            x.case.acts[kind] = act.seq
            x.case.log.append(act.seq)
        if act.used:
            _use_exceptions(state, act)
        if compiled.model.jointly is not None and state.concurrences:
            state.concurrences.pop(act.draft, None)  # given for this act, not for the next like it
        for effect in compiled.effects:
            effect(x)


def _sum_up(state: State, act: Act, inputs: tuple[str, ...]) -> None:
    for name in inputs:
        value = act.data.get(name)
        if value is not None:
            at = (act.kind, name)
            state.sums[at] = state.sums.get(at, Decimal(0)) + value


def _use_exceptions(state: State, act: Act) -> None:
    for granted in state.exceptions:
        if granted.seq in act.used and granted.used is None:
            granted.used = act.seq


# --- compiling an act ---------------------------------------------------------------------------


def _compile_act(rs: Ruleset, name: str, model: p.Act) -> CompiledAct:
    compiler = Compiler(rs.programme, model.with_)
    rules = rules_of(rs.programme, model, compiler)
    opens, about = model.opens, model.about
    return CompiledAct(
        id=name,
        model=model,
        rules=tuple(rules),
        effects=(
            *BUILTIN.get(name, ()),
            *(c for effect in model.then for c in changes(rs.programme, effect, compiler)),
        ),
        stages=stages_of(rs.programme, model),
        key=compiler.term(model.key) if model.key is not None else None,
        case_key=compiler.term(about.key) if about and about.key is not None else None,
        open_key=compiler.term(opens.key) if opens and opens.key is not None else None,
        keep=tuple((k, compiler.term(v)) for k, v in opens.keep.items()) if opens else (),
        summed=tuple(sorted(rs.summed.get(name, ()))),
        checks=tuple(with_scope(r) for r in rules),
        parties=frozenset(model.by),
        about=about,
        opens=opens,
        all_held=(HELD,) * len(rules),
    )


def _open_case(x: Ctx, compiled: CompiledAct) -> None:
    opens, act = compiled.model.opens, x.act
    assert opens is not None and act is not None
    key = compiled.open_key(x) if compiled.open_key is not None else None
    case = Case(f"{opens.case}#{act.seq}", opens.case, opens.step, x.on, key, since=x.on)
    case.acts[act.kind] = act.seq
    case.log.append(act.seq)
    x.state.cases[case.id] = case
    x.state.open_cases.setdefault(opens.case, []).append(case.id)
    x.case = case
    for name, get in compiled.keep:
        value = known(get, x)
        if value is not None:
            case.data[name] = value


def _compile_duty(rs: Ruleset, name: str, model: p.Duty | p.Consequence) -> CompiledDuty:
    compiler = Compiler(rs.programme)
    duty = model if isinstance(model, p.Duty) else None
    return CompiledDuty(
        name,
        model,
        tuple(compiler.test(t) for t in model.when),
        compiler.term(model.since) if model.since is not None else None,
        compiler.term(duty.due) if duty is not None and duty.due is not None else None,
        expand(rs.programme, duty.while_) if duty is not None else frozenset(),
    )


def _summed_inputs(programme: p.Programme) -> dict[str, set[str]]:
    """Which inputs of which acts some term sums up (`sum.<act>.<input>`)."""
    found: dict[str, set[str]] = {}
    for path in builtin.references(programme):
        if path.startswith("sum."):
            _, kind, name = path.split(".", 2)
            found.setdefault(kind, set()).add(name)
    return found


def granted_exception(rs: Ruleset, state: State, act: Act, rule: Rule) -> Granted | None:
    """An unused exception of the competent body that names this act's rule."""
    named = (f"{act.kind}.{rule.id}", rule.id)
    for granted in state.exceptions:
        if granted.used is None and granted.rule in named and granted.on <= act.on:
            return granted
    return None
