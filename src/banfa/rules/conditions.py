"""What stands in an act's way, compiled: one `Rule` for every condition of an act.

The frame (force, actor, stage, case), the inputs, the documents and their contents, the joint
bodies and the conditions written in the programme all become rules of the same form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from banfa.rules import builtin
from banfa.rules import programme as p
from banfa.rules.terms import HELD, NOT, OPEN, UNKNOWN, Ask, Compiler, Ctx, Get, derive, expand

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


def stages_of(programme: p.Programme, model: p.Act) -> frozenset[str | None] | None:
    """The stages an act starts from; None for an act of the programme itself."""
    if model.level == "programme":
        return None
    if model.from_ is None:
        return frozenset(n for n, s in programme.stages.items() if not s.terminal)
    return expand(programme, model.from_)


def rules_of(programme: p.Programme, model: p.Act, compiler: Compiler) -> list[Rule]:
    """All rules of an act, in the order in which their findings are listed."""
    if model.absent is not None:
        return [_absent_rule(model)]
    return [
        *_frame_rules(programme, model),
        *_case_rules(model),
        *_input_rules(programme, model, compiler),
        *_document_rules(programme, model, compiler),
        *_joint_rules(model),
        *(_condition_rule(programme, c, compiler) for c in model.when),
    ]


def with_scope(rule: Rule) -> Ask:
    """The rule's check: held where the rule does not apply, open while that is not known."""
    if rule.applies is None:
        return rule.check
    applies, check = rule.applies, rule.check

    def scoped(x: Ctx) -> int:
        asked = applies(x)
        if asked == NOT:
            return HELD
        outcome = check(x)
        return OPEN if asked == OPEN and outcome == NOT else outcome

    return scoped


def _own_basis(model: p.Act) -> tuple[str | None, str | None]:
    return (model.cite[0] if model.cite else None, None if model.cite else model.default)


def _absent_rule(model: p.Act) -> Rule:
    cite, default = _own_basis(model)
    return Rule(
        "no_rule" if model.by_id == "actor" else model.by_id,
        "NO_RULE",
        cite,
        default,
        "must",
        "refuse",
        lambda x: NOT,
        "absent",
        model,
    )


def _frame_rules(programme: p.Programme, model: p.Act) -> list[Rule]:
    cite, default = _own_basis(model)
    rules = []
    if not model.outside_force:
        force = programme.instrument.in_force
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
            _actor(programme, model),
            "actor",
            model,
        )
    )
    stages = stages_of(programme, model)
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
                _stage(programme, stages),
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


def _actor(programme: p.Programme, model: p.Act) -> Ask:
    allowed = frozenset(model.by)
    parties = programme.parties
    fixed = {n: own_ids(n, v) for n, v in parties.items() if v.body or v.inside}
    unbound = frozenset(n for n, v in parties.items() if v.unbound)
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
        if party in unbound:
            return HELD
        held = x.state.roles.get(party)
        if party in fixed and (not act.org or act.org.get("org") in fixed[party]):
            return HELD
        if party in fixed and not held:
            return NOT
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


def own_ids(name: str, party: p.Party) -> frozenset[str]:
    """What identifies a fixed body or an organ of the centre: its id or its name."""
    return frozenset((name, party.name.zh, party.name.en))


def _stage(programme: p.Programme, stages: frozenset[str | None]) -> Ask:
    stage_on = derive(programme)
    if any(s.derived is not None for s in programme.stages.values()):
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


def _input_rules(programme: p.Programme, model: p.Act, compiler: Compiler) -> list[Rule]:
    rules = []
    for name, given in model.with_.items():
        if given.required:
            rules.append(_input_rule(model, name, given, given.missing, _is_given(name), "input"))
        if given.columns:
            check = _rows_complete(name, given.columns)
            rules.append(
                _input_rule(model, f"{name}.rows", given, "CONTENT_MISSING", check, "rows", name)
            )
        if given.party is not None and programme.parties[given.party].kinds:
            party = programme.parties[given.party]
            check = _kind_fits(name, frozenset(party.kinds))
            rule = _input_rule(model, f"{name}.kind", given, "WRONG_ACTOR", check, "kind", name)
            rules.append(_rebased(rule, party))
    return rules


def _rebased(rule: Rule, basis: p.Basis) -> Rule:
    if not (basis.cite or basis.default):
        return rule
    return replace(rule, cite=basis.cite, default=basis.default)


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


def _document_rules(programme: p.Programme, model: p.Act, compiler: Compiler) -> list[Rule]:
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
        rules.extend(_content_rules(programme.documents[name], name, cite, default, compiler))
    return rules


def _attached(name: str) -> Ask:
    def ask(x: Ctx) -> int:
        if x.act is not None and x.act.documents.get(name):
            return HELD
        return OPEN if x.partial else NOT

    return ask


def _content_rules(
    schema: p.Document, name: str, cite: str | None, default: str | None, compiler: Compiler
) -> list[Rule]:
    rules = []

    def add(path: str, basis: p.Basis, check: Ask, source: Any) -> None:
        section = schema.sections[path.partition(".")[0]]
        basis = basis if basis.cite or basis.default else section
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
                check = _one_per(name, section_id, field_id, compiler.term(given.one_per))
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


def _one_per(name: str, section: str, given: str, get: Get) -> Ask:
    def ask(x: Ctx) -> int:
        rows = _field(x, name, section, given)
        if not rows:
            return OPEN
        wanted = get(x)
        if wanted is None or wanted is UNKNOWN:
            return OPEN
        orgs = wanted if isinstance(wanted, list) else [wanted]
        shown = {r.get("unit") for r in rows}
        return HELD if all(_called(o, x) & shown for o in orgs) else NOT

    return ask


def _called(org: Any, x: Ctx) -> set[Any]:
    """What an organisation may be called in a row: its id, or its name as people write it."""
    acting = x.act.org if x.act is not None else {}
    told = org if isinstance(org, dict) else acting if acting.get("org") == org else {"org": org}
    return {one for one in (told.get("org"), told.get("name")) if one}


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


def _condition_rule(programme: p.Programme, c: p.Condition, compiler: Compiler) -> Rule:
    soft = "refuse"
    if c.strength in ("usual", "principle"):
        soft = c.deviation or programme.strengths.get(c.strength) or "warn"
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
