"""What a centre's page shows: names, stage, clocks, procedures, duties, timeline.

All of it is worked out from a state folded for the moment asked about; nothing here reads the
database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from banfa.office.clock import SHANGHAI
from banfa.office.desk import citations, permitted
from banfa.office.desk.fields import unit_of
from banfa.office.desk.language import joined, say
from banfa.office.queues import joint
from banfa.office.readable import Readable
from banfa.rules import duties as duty_rules
from banfa.rules import names as name_rules
from banfa.rules import programme as p
from banfa.rules import words
from banfa.rules.history import Editions
from banfa.rules.life import CONCUR, Act, Case, State
from banfa.rules.ruleset import Ruleset


def organisations_of(state: State, programme: p.Programme, party: str) -> str:
    """Who plays a role for the centre, by name; a body by its own name; '' when nobody yet."""
    held = state.roles.get(party)
    if held:
        return joined(str(o.get("name") or o.get("org")) for o in held)
    model = programme.parties.get(party)
    return say(model.name) if model is not None and model.body else ""


# --- names ---------------------------------------------------------------------------------------


@dataclass
class Names(Readable):
    """The names in use on the day, or that none may be used, with the basis."""

    zh: str | None
    en: str | None
    barred: bool
    basis: citations.Link | None
    says: str


def names(rs: Ruleset, state: State, on: dt.date) -> Names:
    """The centre's names on a day and what the regulation says about using them."""
    found = name_rules.current(rs.programme, state, on)
    basis = citations.link(rs.programme, found.cite, found.default)
    if found.barred:
        said = _("本阶段不得使用中心名称")
    elif found.form is None:
        said = _("规定未为本阶段设定名称")
    elif found.zh is None and found.en is None:
        said = _("名称所需事项尚未登记齐全")
    else:
        stage = rs.programme.stages.get(rs.stage_on(state, on) or "")
        within = {"stage": say(stage.name) if stage is not None else _("本阶段")}
        said = (
            _("“%(stage)s”阶段可以使用本名称") if found.may else _("“%(stage)s”阶段使用本名称")
        ) % within
    return Names(found.zh, found.en, found.barred, basis, said)


# --- facts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fact(Readable):
    """A labelled fact; `whole` when it needs the width of the page."""

    name: str
    value: str
    whole: bool = False
    basis: citations.Link | None = None


def facts(rs: Ruleset, state: State) -> list[Fact]:
    """Class, roles, values on file and results, as labelled facts."""
    programme = rs.programme
    found = []
    if state.centre_class in programme.classes:
        found.append(Fact(_("类别"), say(programme.classes[state.centre_class].name)))
    for party, model in programme.parties.items():
        if state.roles.get(party):
            found.append(Fact(say(model.name), organisations_of(state, programme, party)))
    for name, value in state.values.items():
        declared = programme.values.get(name)
        label = say(declared.name) if declared is not None else name
        given = words.declared_in(programme, None, f"centre.{name}")
        shown = value_text(programme, value, given)
        found.append(Fact(label, shown, whole=len(shown) > 60))
    for flag, since in state.flags.items():
        found.append(Fact(say(programme.flags.get(flag)) or flag, _("自 %s 起") % since))
    return found


def value_text(programme: p.Programme, value: Any, given: p.Input | None = None) -> str:
    """A value as people read it; rows become one line each."""
    if isinstance(value, list) and value and isinstance(value[0], dict) and given and given.columns:
        return "\n".join(_row_text(programme, row, given) for row in value)
    if isinstance(value, list) and any(isinstance(v, dict) and v.get("person") for v in value):
        return joined(str(v.get("person")) if isinstance(v, dict) else str(v) for v in value)
    if isinstance(value, dict) and given is not None and given.type == "data":
        return "\n".join(_named_text(programme, n, v) for n, v in value.items())
    if given is not None and given.type == "programme_act":
        return _("办法层面第 %s 号") % value
    if given is not None and given.type in ("money", "number") and not isinstance(value, str):
        return f"{value:,} {unit_of(given)}".strip()
    return say(words.value(value, given, programme=programme))


def _named_text(programme: p.Programme, name: str, value: Any) -> str:
    """One of the facts of an existing centre: a role, a value or a period by its name."""
    for known in (programme.parties, programme.values, programme.periods):
        if name in known:
            name = say(known[name].name)
    if isinstance(value, dict) and "start" in value:
        return f"{name} {value['start']} — {value['end']}"
    return f"{name} {say(words.value(value, programme=programme))}"


def _row_text(programme: p.Programme, row: dict[str, Any], given: p.Input) -> str:
    columns = given.columns or {}
    return "，".join(
        f"{say(column.name)} {value_text(programme, row[c], column)}"
        for c, column in columns.items()
        if c in row
    )


@dataclass(frozen=True)
class Result(Readable):
    """A confirmed evaluation result."""

    on: dt.date
    grade: str
    round: str
    seq: int


def results(rs: Ruleset, state: State) -> list[Result]:
    """Evaluation results, latest first."""
    return [
        Result(r.on, say(words.grade(rs.programme, r.grade)), str(r.round or ""), r.seq)
        for r in reversed(state.results)
    ]


# --- clocks --------------------------------------------------------------------------------------


@dataclass
class Clock(Readable):
    """A period with how its end comes about and how far it is from the day shown."""

    name: str
    start: dt.date
    end: dt.date
    moved_from: dt.date | None
    computed: list[str]
    closed: bool
    basis: citations.Link | None


def clocks(editions: Editions, rs: Ruleset, state: State, entries: Sequence[Any]) -> list[Clock]:
    """The periods on file, open ones first; `entries` are the recorded acts that count."""
    found = []
    moved_by = moves(editions, state, entries)
    for name, period in state.periods.items():
        model = rs.programme.periods[name]
        moved = period.first_end if period.first_end != period.end else None
        found.append(
            Clock(
                say(model.name),
                period.start,
                period.end,
                moved,
                [
                    *_computed(editions, name, period.seq, entries),
                    *_carried(name, period.seq, entries, moved_by),
                ],
                period.closed,
                citations.link(rs.programme, model.cite, model.default),
            )
        )
    return sorted(found, key=lambda c: (c.closed, c.end))


def _computed(
    editions: Editions, name: str, opened_by: int, entries: Sequence[Any]
) -> Iterator[str]:
    """By which acts a period got its end, and from what, in the edition each was judged by."""
    begun = _at(entries, opened_by)
    for entry in entries:
        act, rs = entry.act, editions.by_name.get(entry.edition) or editions.latest
        model = rs.models.get(act.kind)
        if model is None or (act.on, act.seq) < begun:
            continue
        for effect in model.then:
            term = effect.open[name].end if name in effect.open else effect.end.get(name)
            if term is not None and (act.seq == opened_by or name in effect.end):
                told = say(words.term(rs.programme, term, act.kind))
                said = _("第%(seq)d号“%(act)s”：%(term)s")
                yield said % {"seq": act.seq, "act": say(model.name), "term": told}


def _carried(
    name: str, opened_by: int, entries: Sequence[Any], moved_by: Sequence[Moved]
) -> Iterator[str]:
    """By which transitions a period got another end."""
    begun, _seq = _at(entries, opened_by)
    for move in moved_by:
        if name in move.transition.periods and begun < move.transition.on:
            end = move.transition.periods[name].end
            yield f"{move.says}: {say(words.term(move.to.programme, end))}"


def _at(entries: Sequence[Any], seq: int) -> tuple[dt.date, int]:
    found = ((e.act.on, e.act.seq) for e in entries if e.act.seq == seq)
    return next(found, (dt.date.min, 0))


# --- transitions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moved:
    """A transition by which the centre came under a later edition."""

    transition: p.Transition
    to: Ruleset
    says: str
    basis: citations.Link | None


def moves(editions: Editions, state: State, entries: Sequence[Any]) -> list[Moved]:
    """The transitions from the edition of the first act to the one the centre is under."""
    found: list[Moved] = []
    at = entries[0].edition if entries else state.edition
    ways = [(t, rs) for rs in editions.rulesets for t in rs.programme.transitions]
    for transition, rs in ways:
        if at != state.edition and transition.from_ == at:
            at = rs.programme.edition
            told = _("自%(day)s转入%(edition)s版") % {"day": transition.on, "edition": at}
            basis = citations.link(rs.programme, transition.cite, transition.default)
            found.append(Moved(transition, rs, told, basis))
    return found


# --- procedures ----------------------------------------------------------------------------------


@dataclass
class Procedure(Readable):
    """An open case: where it stands, who must act, since when, by which acts it goes on."""

    id: str
    name: str
    key: str
    step: str
    since: dt.date
    opened: dt.date
    waits_for: list[str]
    next_acts: list[tuple[str, str]]
    basis: citations.Link | None

    @property
    def place(self) -> str:
        """Its id as addresses name it."""
        return self.id.replace("#", "-")


def procedures(rs: Ruleset, state: State) -> list[Procedure]:
    """The open cases, oldest first."""
    found = []
    for case in state.cases.values():
        if case.closed:
            continue
        model = rs.programme.procedures[case.procedure]
        step = model.steps[case.step]
        going_on = list(_going_on(rs, case))
        waits = list(step.waits_for) or sorted({q for _k, by in going_on for q in by})
        found.append(
            Procedure(
                case.id,
                say(model.name),
                "" if case.key is None else str(case.key),
                say(step.name),
                case.since or case.opened,
                case.opened,
                [who(rs, state, party) for party in waits],
                [(k, say(rs.models[k].name)) for k, _by in going_on],
                citations.link(rs.programme, model.cite, model.default),
            )
        )
    return sorted(found, key=lambda c: c.since)


def _going_on(rs: Ruleset, case: Case) -> Iterator[tuple[str, list[str]]]:
    for kind, model in rs.models.items():
        about = model.about
        if about is not None and about.case == case.procedure and case.step in about.at:
            yield kind, model.by


def who(rs: Ruleset, state: State, party: str) -> str:
    """A party with the organisations that play it."""
    role = say(words.party(rs.programme, party))
    held = organisations_of(state, rs.programme, party)
    return role if held in ("", role) else f"{role}（{held}）"


# --- duties --------------------------------------------------------------------------------------

DECISIONS = ("decision", "mandatory", "may", "deemed")


@dataclass
class Owed(Readable):
    """A duty or a decision fallen due, as shown."""

    name: str
    year: str
    holders: list[str]
    since: dt.date | None
    due: dt.date | None
    late: bool
    computed: str
    follows: str
    act: str | None
    act_name: str
    mode: str
    ground: str
    basis: citations.Link | None
    parties: list[str] = field(default_factory=list)


def owed(
    rs: Ruleset, state: State, listed: Sequence[duty_rules.Duty]
) -> tuple[list[Owed], list[Owed]]:
    """What is owed, and what has fallen due for decision."""
    duties: list[Owed] = []
    decisions: list[Owed] = []
    for duty in listed:
        shown = _owed(rs, state, duty)
        (decisions if duty.mode in DECISIONS else duties).append(shown)
    return duties, decisions


def _owed(rs: Ruleset, state: State, duty: duty_rules.Duty) -> Owed:
    modes = {
        "obligation": _("应当"),
        "notice": _("应发文书"),
        "option": _("可以"),
        "flag": _("提示"),
        "decision": _("待决定"),
        "mandatory": _("应当决定"),
        "may": _("可以决定"),
        "deemed": _("视为"),
    }
    model = rs.models.get(duty.act or "")
    return Owed(
        say(duty.name),
        "" if duty.year is None else str(duty.year),
        [who(rs, state, party) for party in duty.holder],
        duty.since,
        duty.due,
        duty.late,
        say(duty.computed),
        say(duty.follows),
        duty.act,
        say(model.name) if model is not None else "",
        modes.get(duty.mode, duty.mode),
        _ground(model, duty.ground),
        citations.link(rs.programme, duty.cite, duty.default),
        _doers(model, duty.holder),
    )


def _doers(model: p.Act | None, holders: list[str]) -> list[str]:
    """Who may do the act that discharges a duty, the one that owes it first."""
    if model is None:
        return []
    return [h for h in holders if h in model.by] or [q for q in model.by if q != "anyone"]


def _ground(model: p.Act | None, ground: str | None) -> str:
    if model is None or ground is None:
        return ""
    for given in model.with_.values():
        if given.options and ground in given.options:
            return say(given.options[ground])
    return ground


# --- timeline ------------------------------------------------------------------------------------


@dataclass
class Shown(Readable):
    """A recorded act in words. `recorded` is given when it differs from the day it counts on."""

    entry: Any
    name: str
    party: str
    org: str
    data: list[Fact]
    documents: list[str]
    cites: list[citations.Link]
    recorded: dt.date | None
    about: str


def timeline(editions: Any, entries: Sequence[Any]) -> list[Shown]:
    """Recorded acts (as the ledger lists them), latest first: one query where bodies concur in
    some."""
    found = [shown(editions, entry) for entry in reversed(entries)]
    said = [one for one in found if one.entry.act.kind == CONCUR]
    if said:
        _name_drafts(editions, said)
    return found


def _name_drafts(editions: Any, said: Sequence[Shown]) -> None:
    """Says of which act a body spoke, where its draft was sent from here; not the bare digest."""
    drafts = joint.by_digest([str(one.entry.act.data.get("draft")) for one in said])
    for one in said:
        digest = str(one.entry.act.data.get("draft"))
        draft = drafts.get(digest)
        model = editions.latest.models.get(draft.act) if draft is not None else None
        if model is not None:
            for number, fact in enumerate(one.data):
                if fact.value == digest:
                    one.data[number] = Fact(_("所议文稿"), say(model.name))


def shown(editions: Any, entry: Any) -> Shown:
    """One recorded act in words, read by the edition it was judged by."""
    rs = editions.by_name.get(entry.edition) or editions.latest
    programme, act = rs.programme, entry.act
    model = rs.models.get(act.kind)
    inputs = model.with_ if model is not None else {}
    recorded = act.recorded.astimezone(SHANGHAI).date() if act.recorded is not None else None
    procedure = programme.procedures.get((act.about or "").split("#")[0])
    party = say(entry.party)
    return Shown(
        entry,
        say(entry.name),
        party,
        "" if entry.org in (party, entry.party.zh) else entry.org,
        [_given(rs, act, n, inputs.get(n)) for n in _in_order(act.data, inputs)],
        [document_name(programme, name) for name in act.documents],
        citations.links(programme, entry.cites, entry.default),
        recorded if recorded != act.on else None,
        say(procedure.name) if procedure is not None else "",
    )


def document_name(programme: p.Programme, name: str) -> str:
    """A document's name in words."""
    schema = programme.documents.get(name)
    return say(schema.name) if schema is not None else name


def _in_order(data: Mapping[str, Any], inputs: Mapping[str, Any]) -> list[str]:
    """The names of what was given, in the order in which the form asks for it."""
    return [n for n in inputs if n in data] + [n for n in data if n not in inputs]


def _given(rs: Ruleset, act: Act, name: str, given: p.Input | None) -> Fact:
    label = say(given.name) if given is not None else name
    text = _generic(rs, act, name) or value_text(rs.programme, act.data[name], given)
    return Fact(label, text)


def _generic(rs: Ruleset, act: Act, name: str) -> str:
    """What a generic act names by its id, in words; '' for everything else."""
    programme, value = rs.programme, act.data[name]
    match act.kind, name:
        case "enter_existing_centre", "stage":
            return say(words.stage(programme, value))
        case "enter_existing_centre", "since":
            return say(words.stated_day(str(value)))
        case "exception_decision", "rule":
            return permitted.rule_text(rs, str(value))
        case "set_default", "to" if act.data.get("default") in programme.defaults:
            return permitted.setting_text(programme.defaults[act.data["default"]], str(value))
        case "set_parameter", "value" if act.data.get("parameter") in programme.parameters:
            model = programme.parameters[act.data["parameter"]]
            given = p.Input(type=model.type, name=model.name, options=model.options)
            return value_text(programme, value, given)
    return ""


# --- stages --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Passed(Readable):
    """A stage the centre has been in, since when; `current` for the last. `stated` is said instead
    of a day that is not known."""

    name: str
    since: dt.date
    current: bool
    stated: str = ""


def stages(editions: Editions, state: State, on: dt.date) -> list[Passed]:
    """The stages so far, also one that the calendar alone has brought."""
    passed = [(s, since) for s, since in state.stages]
    rs = editions.of(state, on)
    now = rs.stage_on(state, on)
    if passed and now is not None and now != passed[-1][0]:
        passed.append((now, rs.since(state, on) or on))
    return [
        Passed(
            say(editions.stage_words(s)),
            since,
            number == len(passed) - 1,
            say(words.stated_day(state.stated)) if state.stated is not None and not number else "",
        )
        for number, (s, since) in enumerate(passed)
    ]
