"""A programme compiled once into plain tables and closures: what judging and folding run on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from banfa.rules import builtin
from banfa.rules import programme as p
from banfa.rules.life import (
    Act,
    Case,
    Granted,
    Org,
    Owed,
    Period,
    ResultOnFile,
    State,
    canonical,
    digest,
)
from banfa.rules.terms import (
    HELD,
    NOT,
    OPEN,
    UNKNOWN,
    Ask,
    Compiler,
    Ctx,
    Get,
    derive,
    expand,
)
from banfa.rules.world import World

DEFAULT_CODES: dict[str, p.Code] = {
    "on_or_before": "TOO_LATE",
    "before": "TOO_LATE",
    "on_or_after": "TOO_EARLY",
    "after": "TOO_EARLY",
    "exclusive": "EXCLUSIVE",
    "name": "NAME_TEMPLATE",
    "choose": "NO_GROUND",
}


@dataclass(slots=True, frozen=True)
class Rule:
    """One compiled condition of an act.

    `check` gives HELD, NOT or OPEN. `soft` says what a failure does: `refuse`, `exception` (refuse
    unless an exception is recorded) or `warn`. `field` is the input it is about. `detail` names the
    kind of rule for the words, `source` is what it was compiled from.
    """

    id: str
    code: str
    cite: str | None
    default: str | None
    strength: str
    soft: str
    check: Ask
    detail: str
    source: Any = None
    field: str | None = None
    applies: Ask | None = None


@dataclass(slots=True)
class CompiledAct:
    """An act ready to be judged and applied."""

    id: str
    model: p.Act
    rules: tuple[Rule, ...]
    effects: tuple[Callable[[Ctx], None], ...]
    stages: frozenset[str | None] | None
    key: Get | None
    case_key: Get | None
    open_key: Get | None
    keep: tuple[tuple[str, Get], ...]
    summed: tuple[str, ...]
    checks: tuple[Ask, ...] = ()
    parties: frozenset[str] = frozenset()


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
        self._summed = _summed_inputs(self)
        for name, model in self.models.items():
            self.acts[name] = _compile_act(self, name, model)

    @cached_property
    def digest(self) -> str:
        """Digest of the edition: equal content, equal digest."""
        return digest(self.programme.model_dump(mode="json", by_alias=True, exclude_none=True))

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

    def case_of(self, state: State, act: Act, compiled: CompiledAct, x: Ctx) -> Case | None:
        """The case an act belongs to: named by `about`, by key, or the only one open."""
        about = compiled.model.about
        if about is None:
            return None
        open_ids = state.open_cases.get(about.case, [])
        if act.about is not None:
            found = state.cases.get(act.about)
            return found if found is not None and found.procedure == about.case else None
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

    def apply(self, state: State, act: Act, world: World) -> None:
        """Carries out an act's effects on the state in place. The act was accepted before."""
        compiled = self.acts[act.kind]
        x = self.context(state, world, act, compiled)
        kind = act.kind
        state.seq = act.seq
        state.counts[kind] = state.counts.get(kind, 0) + 1
        state.first.setdefault(kind, act)
        state.last[kind] = act
        if not state.edition:
            state.edition = self.programme.edition
        if compiled.key is not None:
            state.keyed[(kind, compiled.key(x))] = act
        for name in compiled.summed:
            value = act.data.get(name)
            if value is not None:
                at = (kind, name)
                state.sums[at] = state.sums.get(at, Decimal(0)) + value
        if compiled.model.opens is not None:
            _open_case(x, compiled)
        elif x.case is not None:
            x.case.acts[kind] = act.seq
        for number in act.used:
            for granted in state.exceptions:
                if granted.seq == number and granted.used is None:
                    granted.used = act.seq
        for effect in compiled.effects:
            effect(x)


# --- compiling an act ---------------------------------------------------------------------------


def _compile_act(rs: Ruleset, name: str, model: p.Act) -> CompiledAct:
    compiler = Compiler(rs.programme, model.with_)
    if model.absent is not None:
        rules = [_absent_rule(model)]
    else:
        rules = [
            *_frame_rules(rs, model),
            *_case_rules(model),
            *_input_rules(rs, model, compiler),
            *_document_rules(rs, model),
            *_joint_rules(model),
            *(_condition_rule(rs, c, compiler) for c in model.when),
        ]
    opens = model.opens
    about = model.about
    compiled = CompiledAct(
        id=name,
        model=model,
        rules=tuple(rules),
        effects=(
            *_BUILTIN_EFFECTS.get(name, ()),
            *(e for effect in model.then for e in _effects(rs, effect, compiler)),
        ),
        stages=_stages(rs.programme, model),
        key=compiler.term(model.key) if model.key is not None else None,
        case_key=compiler.term(about.key) if about and about.key is not None else None,
        open_key=compiler.term(opens.key) if opens and opens.key is not None else None,
        keep=tuple((k, compiler.term(v)) for k, v in opens.keep.items()) if opens else (),
        summed=tuple(sorted(rs._summed.get(name, ()))),
        parties=frozenset(model.by),
    )
    compiled.checks = tuple(_with_scope(r) for r in compiled.rules)
    return compiled


def _with_scope(rule: Rule) -> Ask:
    if rule.applies is None:
        return rule.check
    applies, check = rule.applies, rule.check
    return lambda x: HELD if applies(x) == NOT else check(x)


def _stages(programme: p.Programme, model: p.Act) -> frozenset[str | None] | None:
    if model.level == "programme":
        return None
    if model.from_ is None:
        return frozenset(n for n, s in programme.stages.items() if not s.terminal)
    if model.from_ == ["any"]:
        return None
    return expand(programme, model.from_)


def _own_basis(model: p.Act) -> tuple[str | None, str | None]:
    return (model.cite[0] if model.cite else None, None if model.cite else model.default)


def _absent_rule(model: p.Act) -> Rule:
    cite, default = _own_basis(model)
    return Rule(
        "no_rule",
        "NO_RULE",
        cite,
        default,
        "must",
        "refuse",
        lambda x: NOT,
        "absent",
        model,
    )


def _frame_rules(rs: Ruleset, model: p.Act) -> list[Rule]:
    cite, default = _own_basis(model)
    rules = []
    if not model.outside_force:
        force = rs.programme.instrument.in_force
        rules.append(
            Rule(
                "in_force",
                "NOT_IN_FORCE",
                force.cite,
                force.default,
                "must",
                "refuse",
                _in_force(force),
                "in_force",
                force,
            )
        )
    actor_cite = model.by_cite or cite
    rules.append(
        Rule(
            model.by_id,
            "WRONG_ACTOR",
            actor_cite,
            None if actor_cite else default,
            "must",
            "refuse",
            _actor(rs, model),
            "actor",
            model,
        )
    )
    stages = _stages(rs.programme, model)
    if stages is not None:
        stage_cite = model.stage_cite or cite
        rules.append(
            Rule(
                "stage",
                "WRONG_STAGE",
                stage_cite,
                None if stage_cite else default,
                "must",
                "refuse",
                _stage(rs, stages),
                "stage",
                model,
            )
        )
    return rules


def _in_force(force: p.InForce) -> Ask:
    begins, until = force.from_, force.until

    def ask(x: Ctx) -> int:
        if x.on < begins:
            return NOT
        if until is None or x.on <= until:
            return HELD
        extended = x.world.valid_until(until, x.on)
        return HELD if extended is not None and x.on <= extended else NOT

    return ask


def _actor(rs: Ruleset, model: p.Act) -> Ask:
    allowed = frozenset(model.by)
    parties = rs.programme.parties
    fixed = frozenset(n for n, v in parties.items() if v.body or v.unbound or v.inside)
    kinds = {n: frozenset(v.kinds) for n, v in parties.items() if v.kinds}
    binds = frozenset(n for effect in model.then for n in effect.bind)
    may_start = model.from_ is not None and "none" in model.from_
    everyone = "anyone" in allowed

    def ask(x: Ctx) -> int:
        act = x.act
        if act is None:
            return OPEN
        party = act.party
        if party not in allowed and not everyone:
            return NOT
        if party in kinds and act.org and act.org.get("kind") not in kinds[party]:
            return NOT
        if party in fixed:
            return HELD
        held = x.state.roles.get(party)
        if held:
            if not act.org:
                return OPEN if x.partial else NOT
            org = act.org.get("org")
            for one in held:
                if one.get("org") == org:
                    return HELD
            return NOT
        return HELD if party in binds or may_start or x.state.stage is None else NOT

    return ask


def _stage(rs: Ruleset, stages: frozenset[str | None]) -> Ask:
    stage_on = rs.stage_on
    if any(s.derived is not None for s in rs.programme.stages.values()):
        return lambda x: HELD if stage_on(x.state, x.on) in stages else NOT
    return lambda x: HELD if x.state.stage in stages else NOT


def _case_rules(model: p.Act) -> list[Rule]:
    about = model.about
    if about is None:
        return []
    steps = frozenset(about.at)
    cite, default = _own_basis(model)

    def ask(x: Ctx) -> int:
        if x.case is None:
            return NOT
        return HELD if x.case.step in steps and not x.case.closed else NOT

    return [
        Rule(
            about.id,
            about.code,
            about.cite or (None if about.default else cite),
            about.default or (None if about.cite or cite else default),
            "must",
            "refuse",
            ask,
            "case",
            about,
        )
    ]


def _input_rules(rs: Ruleset, model: p.Act, compiler: Compiler) -> list[Rule]:
    rules = []
    for name, given in model.with_.items():
        if given.required:
            rules.append(_input_rule(model, name, given, given.missing, _is_given(name), "input"))
        if given.columns:
            check = _rows_complete(name, given.columns)
            rules.append(
                _input_rule(model, f"{name}.rows", given, "CONTENT_MISSING", check, "rows", name)
            )
        if given.party is not None and rs.programme.parties[given.party].kinds:
            party = rs.programme.parties[given.party]
            check = _kind_fits(name, frozenset(party.kinds))
            rule = _input_rule(model, f"{name}.kind", given, "WRONG_ACTOR", check, "kind", name)
            rules.append(_rebased(rule, party))
    return rules


def _rebased(rule: Rule, basis: p.Basis) -> Rule:
    if not (basis.cite or basis.default):
        return rule
    return Rule(
        rule.id,
        rule.code,
        basis.cite,
        basis.default,
        rule.strength,
        rule.soft,
        rule.check,
        rule.detail,
        rule.source,
        rule.field,
    )


def _input_rule(
    model: p.Act,
    rule_id: str,
    given: p.Input,
    code: str,
    check: Ask,
    detail: str,
    field_name: str | None = None,
) -> Rule:
    cite, default = _own_basis(model)
    if given.cite or given.default:
        cite, default = given.cite, given.default
    return Rule(
        rule_id, code, cite, default, "must", "refuse", check, detail, given, field_name or rule_id
    )


def _is_given(name: str) -> Ask:
    def ask(x: Ctx) -> int:
        value = x.data.get(name)
        if value is None or value == "" or value == [] or value == {}:
            return OPEN if x.partial else NOT
        return HELD

    return ask


def _rows_complete(name: str, columns: dict[str, p.Input]) -> Ask:
    needed = [c for c, v in columns.items() if v.required]

    def ask(x: Ctx) -> int:
        rows = x.data.get(name)
        if not rows:
            return OPEN if x.partial else HELD
        return HELD if all(r.get(c) not in (None, "", []) for r in rows for c in needed) else NOT

    return ask


def _kind_fits(name: str, kinds: frozenset[str]) -> Ask:
    def ask(x: Ctx) -> int:
        value = x.data.get(name)
        if not value:
            return OPEN
        orgs = value if isinstance(value, list) else [value]
        return HELD if all(o.get("kind") in kinds for o in orgs) else NOT

    return ask


def _document_rules(rs: Ruleset, model: p.Act) -> list[Rule]:
    rules = []
    own_cite, own_default = _own_basis(model)
    for name, need in model.documents.items():
        based = need.cite or need.default
        cite = need.cite if based else own_cite
        default = need.default if based else own_default
        if need.required:
            rules.append(
                Rule(
                    f"document.{name}",
                    need.code,
                    cite,
                    default,
                    "must",
                    "refuse",
                    _attached(name),
                    "document",
                    name,
                    f"documents.{name}",
                )
            )
        rules.extend(_content_rules(rs.programme.documents[name], name, cite, default))
    return rules


def _attached(name: str) -> Ask:
    def ask(x: Ctx) -> int:
        if x.act is not None and x.act.documents.get(name):
            return HELD
        return OPEN if x.partial else NOT

    return ask


def _content_rules(
    schema: p.Document, name: str, cite: str | None, default: str | None
) -> list[Rule]:
    rules = []

    def add(path: str, basis: p.Basis, check: Ask, source: Any) -> None:
        own = basis.cite or basis.default
        rules.append(
            Rule(
                f"document.{name}.{path}",
                "CONTENT_MISSING",
                basis.cite if own else (schema.cite or cite),
                basis.default if own else (None if schema.cite else default),
                "must",
                "refuse",
                check,
                "content",
                (schema, source),
                f"documents.{name}.{path}",
            )
        )

    for section_id, section in schema.sections.items():
        if section.required:
            add(section_id, section, _filled(name, (section_id,)), section)
        for field_id, given in section.fields.items():
            if given.required:
                add(f"{section_id}.{field_id}", given, _filled(name, (section_id, field_id)), given)
            if given.columns:
                needed = [c for c, v in given.columns.items() if v.required]
                check = _cells(name, section_id, field_id, needed)
                add(f"{section_id}.{field_id}.rows", given, check, given)
            if given.one_per is not None:
                check = _one_per(name, section_id, field_id, given.one_per)
                add(f"{section_id}.{field_id}.one_per", given, check, given)
    return rules


def _content(x: Ctx, name: str) -> Any:
    """The document's content; UNKNOWN when it is not attached (its absence is its own finding)."""
    attached = x.act.documents.get(name) if x.act is not None else None
    return attached.get("content") if attached else UNKNOWN


def _filled(name: str, path: tuple[str, ...]) -> Ask:
    def ask(x: Ctx) -> int:
        found = _content(x, name)
        if found is UNKNOWN:
            return OPEN
        for part in path[:-1]:
            found = found.get(part) if isinstance(found, dict) else None
            if found in (None, "", {}, []):
                return OPEN  # the missing section is its own finding
        value = found.get(path[-1]) if isinstance(found, dict) else None
        return NOT if value is None or value == "" or value == [] or value == {} else HELD

    return ask


def _field(x: Ctx, name: str, section: str, given: str) -> Any:
    content = _content(x, name)
    if not isinstance(content, dict) or not isinstance(content.get(section), dict):
        return None
    return content[section].get(given)


def _cells(name: str, section: str, given: str, needed: list[str]) -> Ask:
    def ask(x: Ctx) -> int:
        rows = _field(x, name, section, given)
        if not rows:
            return OPEN
        return HELD if all(r.get(c) not in (None, "", []) for r in rows for c in needed) else NOT

    return ask


def _one_per(name: str, section: str, given: str, term: Any) -> Ask:
    get = Compiler.term(Compiler.__new__(Compiler), term) if not isinstance(term, str) else None

    def ask(x: Ctx) -> int:
        rows = _field(x, name, section, given)
        if not rows:
            return OPEN
        wanted = get(x) if get is not None else Compiler(x.programme).ref(term)(x)
        if wanted is None or wanted is UNKNOWN:
            return OPEN
        orgs = wanted if isinstance(wanted, list) else [wanted]
        shown = {r.get("unit") for r in rows}
        ids = {o.get("org") if isinstance(o, dict) else o for o in orgs}
        return HELD if ids <= shown else NOT

    return ask


def _joint_rules(model: p.Act) -> list[Rule]:
    if model.jointly is None:
        return []
    cite, default = _own_basis(model)
    if model.jointly.cite or model.jointly.default:
        cite, default = model.jointly.cite, model.jointly.default
    return [
        Rule(
            f"jointly.{party}",
            "NOT_JOINT",
            cite,
            default,
            "must",
            "refuse",
            _concurred(party),
            "jointly",
            party,
        )
        for party in model.jointly.parties
    ]


def _concurred(party: str) -> Ask:
    def ask(x: Ctx) -> int:
        if x.partial or x.act is None:
            return OPEN
        return HELD if x.state.concurrences.get(x.act.draft, {}).get(party) else NOT

    return ask


def _condition_rule(rs: Ruleset, c: p.Condition, compiler: Compiler) -> Rule:
    soft = "refuse"
    if c.strength in ("usual", "principle"):
        strengths = rs.programme.strengths
        soft = c.deviation or strengths.get(c.strength) or "warn"  # type: ignore[call-overload]
    elif c.deviation is not None:
        soft = c.deviation
    code = c.code or DEFAULT_CODES.get(c.kind, "CONDITION_NOT_MET")
    if c.code is None and code == "CONDITION_NOT_MET" and soft == "exception":
        code = "NEEDS_EXCEPTION"
    scopes: list[Ask] = []
    if c.only_if is not None:
        scopes.append(compiler.test(c.only_if))
    if c.default is not None:
        scopes.append(_switched_on(c.default))
    return Rule(
        c.id,
        code,
        c.cite,
        c.default,
        c.strength,
        soft,
        compiler.test(c),
        c.kind,
        c,
        _first_input(c),
        _all_of(scopes),
    )


def _switched_on(default: str) -> Ask:
    return lambda x: NOT if x.world.choice(default, x.on) == "lifted" else HELD


def _all_of(scopes: list[Ask]) -> Ask | None:
    if not scopes:
        return None
    if len(scopes) == 1:
        return scopes[0]

    def ask(x: Ctx) -> int:
        answers = [s(x) for s in scopes]
        return NOT if NOT in answers else OPEN if OPEN in answers else HELD

    return ask


def _first_input(c: p.Condition) -> str | None:
    """The input a condition is about, so that a page can show the finding beside its field."""
    for path in builtin.references(c):
        if path.startswith("with."):
            return path.split(".")[1]
        if path.startswith("document."):
            return "documents." + path.split(".")[1]
    return None


# --- effects ------------------------------------------------------------------------------------


def _effects(rs: Ruleset, e: p.Effect, compiler: Compiler) -> list[Callable[[Ctx], None]]:
    steps: list[Callable[[Ctx], None]] = []
    if e.class_ is not None:
        steps.append(_set_class(compiler.term(e.class_)))
    steps += [_bind(rs, n, compiler.term(v)) for n, v in e.bind.items()]
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
        steps.append(_step(rs, e.step))
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


def _when(test: Ask, steps: tuple[Callable[[Ctx], None], ...]) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        if test(x) == HELD:
            for step in steps:
                step(x)

    return effect


def _seq(x: Ctx) -> int:
    return x.act.seq if x.act is not None else 0


def _value(get: Get, x: Ctx) -> Any:
    value = get(x)
    return None if value is UNKNOWN else value


def _set_class(get: Get) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        x.state.centre_class = _value(get, x)

    return effect


def _bind(rs: Ruleset, party: str, get: Get) -> Callable[[Ctx], None]:
    many = rs.programme.parties[party].many

    def effect(x: Ctx) -> None:
        value = _value(get, x)
        if value is None:
            return
        orgs: list[Org] = list(value) if isinstance(value, list) else [value]
        held = x.state.roles.get(party, []) if many else []
        known = {o.get("org") for o in orgs}
        x.state.roles[party] = [o for o in held if o.get("org") not in known] + orgs

    return effect


def _unbind(party: str) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        x.state.roles.pop(party, None)

    return effect


def _set(name: str, get: Get) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        value = _value(get, x)
        if value is not None:
            x.state.values[name] = value
            x.state.sources[name] = _seq(x)

    return effect


def _unset(name: str) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        x.state.values.pop(name, None)

    return effect


def _keep(name: str, get: Get) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        if x.case is not None:
            value = _value(get, x)
            if value is not None:
                x.case.data[name] = value

    return effect


def _open_period(name: str, start: Get, end: Get) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        begins, ends = _value(start, x), _value(end, x)
        if begins is not None and ends is not None:
            x.state.periods[name] = Period(begins, ends, ends, _seq(x))

    return effect


def _end_period(name: str, end: Get) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        ends, period = _value(end, x), x.state.periods.get(name)
        if ends is not None and period is not None:
            period.end = ends

    return effect


def _close_period(name: str) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        period = x.state.periods.get(name)
        if period is not None:
            period.closed = True

    return effect


def _move(stage: str) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        state = x.state
        if state.stage != stage:
            state.stage = stage
            state.stage_since = x.on
            state.stages.append((stage, x.on))

    return effect


def _step(rs: Ruleset, step: str) -> Callable[[Ctx], None]:
    procedures = rs.programme.procedures

    def effect(x: Ctx) -> None:
        case = x.case
        if case is None:
            return
        case.step, case.since = step, x.on
        if procedures[case.procedure].steps[step].end and not case.closed:
            case.closed = True
            x.state.open_cases[case.procedure].remove(case.id)

    return effect


def _raise(name: str) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        x.state.flags.setdefault(name, x.on)

    return effect


def _lower(name: str) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        x.state.flags.pop(name, None)

    return effect


def _grade(grade: Get, round_: Get | None) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        held_in = _value(round_, x) if round_ is not None else None
        x.state.results.append(ResultOnFile(str(_value(grade, x)), x.on, held_in, _seq(x)))

    return effect


def _owe(name: str) -> Callable[[Ctx], None]:
    def effect(x: Ctx) -> None:
        x.state.notices.append(Owed(name, x.on, _seq(x)))

    return effect


def _serve(name: str) -> Callable[[Ctx], None]:
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
    since = data.get("since") if isinstance(data.get("since"), dt.date) else None
    state.stage, state.stage_since = stage, since or x.on
    state.stages.append((stage, since or x.on))


def _note_exception(x: Ctx) -> None:
    x.state.exceptions.append(Granted(x.data["rule"], x.data.get("limit"), x.on, _seq(x)))


def _note_concurrence(x: Ctx) -> None:
    assert x.act is not None
    said = x.state.concurrences.setdefault(x.data["draft"], {})
    said[x.act.party] = bool(x.data["agrees"])


_BUILTIN_EFFECTS: dict[str, tuple[Callable[[Ctx], None], ...]] = {
    "enter_existing_centre": (_adopt,),
    "exception_decision": (_note_exception,),
    "concur": (_note_concurrence,),
}


def _open_case(x: Ctx, compiled: CompiledAct) -> None:
    opens, act = compiled.model.opens, x.act
    assert opens is not None and act is not None
    key = compiled.open_key(x) if compiled.open_key is not None else None
    case = Case(f"{opens.case}#{act.seq}", opens.case, opens.step, x.on, key, since=x.on)
    case.acts[act.kind] = act.seq
    x.state.cases[case.id] = case
    x.state.open_cases.setdefault(opens.case, []).append(case.id)
    x.case = case
    for name, get in compiled.keep:
        value = _value(get, x)
        if value is not None:
            case.data[name] = value


# --- the rest -----------------------------------------------------------------------------------


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


def _summed_inputs(rs: Ruleset) -> dict[str, set[str]]:
    """Which inputs of which acts some term sums up (`sum.<act>.<input>`)."""
    found: dict[str, set[str]] = {}
    for path in builtin.references(rs.programme):
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


__all__ = ["CompiledAct", "Rule", "Ruleset", "canonical", "granted_exception", "OPEN"]
