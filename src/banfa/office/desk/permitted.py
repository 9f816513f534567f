"""Which acts a party may do on a day, before anyone tries: possible, depending on input, or not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from banfa.office.desk import citations, fields
from banfa.office.desk.language import say
from banfa.office.desk.standing import Standing
from banfa.office.readable import Readable
from banfa.rules import programme as p
from banfa.rules import words
from banfa.rules.judge import Finding, Permission, permitted
from banfa.rules.life import CORRECTION, State
from banfa.rules.ruleset import Ruleset
from banfa.rules.world import World

ORDER = {"possible": 0, "open": 1, "blocked": 2}


@dataclass
class Possibility(Readable):
    """An act of the party: how it stands, why not, from which day, resting on what."""

    kind: str
    name: str
    help: str
    standing: str
    refusals: list[Finding]
    open: list[Finding]
    warnings: list[Finding]
    from_day: dt.date | None
    cites: list[citations.Link]
    probe: bool
    cases: list[str] = field(default_factory=list)
    documents: bool = False


def parties_of(programme: p.Programme, models: dict[str, p.Act], state: State) -> set[str]:
    """The parties that may do anything, or that somebody plays for this centre."""
    acting = {party for model in models.values() for party in model.by}
    return {n for n in programme.parties if n in acting or "anyone" in acting or state.roles.get(n)}


def acts_of(
    rs: Ruleset,
    state: State,
    party: str,
    on: dt.date,
    world: World,
    centre: str,
    org: Any,
) -> list[Possibility]:
    """Every act of that party, played by that organisation, those possible first."""
    return in_order(rs, permitted(rs, state, party, on, world, org, centre))


def in_order(rs: Ruleset, permissions: Sequence[Permission]) -> list[Possibility]:
    """Permissions in words, those possible first, those not possible last.

    Documents on file are corrected from where they are shown.
    """
    found = [possibility(rs, one) for one in permissions if one.act != CORRECTION]
    return sorted(found, key=lambda one: ORDER[one.standing])


def opens_a_life(model: p.Act) -> bool:
    """Whether an act can begin a centre."""
    return model.level == "centre" and "none" in (model.from_ or [])


def possibility(rs: Ruleset, one: Permission) -> Possibility:
    """One permission in words."""
    model, judged = rs.models[one.act], one.judgement
    return Possibility(
        one.act,
        say(model.name),
        say(model.help),
        one.standing,
        judged.refusals,
        judged.open,
        judged.warnings,
        one.from_day,
        citations.links(rs.programme, model.cite, model.default),
        model.probe,
        one.cases,
        bool(model.documents),
    )


def case_options(rs: Ruleset, state: State, kind: str) -> list[fields.Option]:
    """The open cases an act may belong to, to pick from when there are several."""
    about = rs.models[kind].about
    if about is None:
        return []
    options = []
    for number in state.open_cases.get(about.case, []):
        case = state.cases[number]
        model = rs.programme.procedures[case.procedure]
        key = f" {case.key}" if case.key is not None else ""
        step = say(model.steps[case.step].name)
        options.append(fields.Option(number, f"{say(model.name)}{key}（{case.opened}，{step}）"))
    return options


def organisation_options(
    rs: Ruleset, state: State, chosen: Standing, choices: fields.Choices
) -> list[fields.Option]:
    """Which organisation acts, of those the person acts for, when that is not settled."""
    if chosen.organisation(rs.programme, state) is not None:
        return []
    held = state.roles.get(chosen.party, [])
    if held:
        found = [fields.Option(str(o["org"]), str(o.get("name") or o["org"])) for o in held]
    else:
        model = rs.programme.parties[chosen.party]
        found = [] if model.inside else choices.organisations_of(model.kinds)
    return [option for option in found if option.value in chosen.orgs]


def generic_options(rs: Ruleset, kind: str, state: State, acts: Any) -> dict[str, Any]:
    """What can be picked in the generic acts, which programmes do not write themselves."""
    programme = rs.programme
    if kind == "exception_decision":
        rules = [
            fields.Option(f"{a.id}.{r.id}", rule_text(rs, f"{a.id}.{r.id}"))
            for a in rs.acts.values()
            for r in a.rules
            if r.soft == "exception"
        ]
        return {"with.rule": rules}
    if kind in ("annul", "annul_programme_act"):
        listed = [
            fields.Option(str(a.seq), f"{a.seq} · {a.on} · {say(rs.models[a.kind].name)}")
            for a in acts
            if a.kind in rs.models
        ]
        return {"with.target": listed}
    if kind == "enter_existing_centre" and programme.existing is not None:
        stages = [
            fields.Option(s, say(words.stage(programme, s))) for s in programme.existing.stages
        ]
        found = {"with.stage": stages}
        if programme.classes:
            classes = [fields.Option(n, say(c.name)) for n, c in programme.classes.items()]
            found["with.class"] = classes
        return found
    if kind == "set_default":
        named = {o: setting_text(d, o) for d in programme.defaults.values() for o in d.options}
        return {"with.to": [fields.Option(s, text or s) for s, text in named.items()]}
    return grade_options(rs, kind)


def grade_options(rs: Ruleset, kind: str) -> dict[str, list[fields.Option]]:
    """The grades to pick from, by name, in inputs that the act asks to be one of its scale."""
    evaluation = rs.programme.evaluation
    grades = evaluation.grades if evaluation is not None else {}
    found = {}
    for condition in rs.models[kind].when:
        allowed = [str(one) for one in condition.in_ or ()]
        if allowed and str(condition.value).startswith("with.") and set(allowed) <= grades.keys():
            found[str(condition.value)] = [fields.Option(g, say(grades[g].name)) for g in allowed]
    return found


def setting_text(default: p.Default, option: str) -> str:
    """A setting of a default in words; '' when the programme has no words for it."""
    usual = {"applies": _("适用"), "lifted": _("停用")}
    named = default.option_names.get(option)
    return say(named) if named is not None else usual.get(option, "")


def rule_text(rs: Ruleset, name: str) -> str:
    """A condition given as act.condition, in words; the name itself when there is no such one."""
    kind, _dot, wanted = name.partition(".")
    found = [r for r in rs.acts[kind].rules if r.id == wanted] if kind in rs.acts else []
    return f"{say(rs.models[kind].name)}：{_said(rs, kind, found[0])}" if found else name


def _said(rs: Ruleset, kind: str, rule: Any) -> str:
    if isinstance(rule.source, p.Condition):
        return say(words.test(rs.programme, rule.source, kind))
    return str(rule.id)
