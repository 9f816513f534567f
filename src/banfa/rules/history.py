"""Histories: folding a life under its editions, and taking a new act into it.

An act dated before others is judged on the state of its own day with what is known now; if a later
act would then no longer stand, it is refused and says which.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from banfa.rules import words
from banfa.rules.judge import Finding, Judgement, judge
from banfa.rules.life import ANNULMENTS, CORRECTION, Act, State, in_order, standing, targets
from banfa.rules.ruleset import Ruleset
from banfa.rules.terms import Compiler, Ctx, expand
from banfa.rules.words import Text
from banfa.rules.world import Facts, Remembered, Remembering, World


class Editions:
    """The editions of one programme, oldest first."""

    def __init__(self, rulesets: Sequence[Ruleset]) -> None:
        if not rulesets:
            raise ValueError("a programme has at least one edition")
        self.rulesets = sorted(rulesets, key=lambda r: r.programme.instrument.in_force.from_)
        self.by_name = {r.programme.edition: r for r in self.rulesets}

    @property
    def latest(self) -> Ruleset:
        """The edition that came into force last."""
        return self.rulesets[-1]

    def on(self, day: dt.date) -> Ruleset:
        """The edition for something that begins on a day: the last one in force by then."""
        begun = [r for r in self.rulesets if r.programme.instrument.in_force.from_ <= day]
        return begun[-1] if begun else self.rulesets[0]

    def of(self, state: State, day: dt.date) -> Ruleset:
        """The edition a centre is under."""
        return self.by_name[state.edition] if state.edition else self.on(day)

    def stage_words(self, name: str) -> words.Text:
        """A stage's name in the newest edition that has it: lives remember stages of old ones."""
        for rs in reversed(self.rulesets):
            if name in rs.programme.stages:
                return words.stage(rs.programme, name)
        return words.Text(name, name)

    def carry(self, state: State, day: dt.date) -> None:
        """Moves a state through the transitions that later editions declare, up to a day."""
        for rs in self.rulesets:
            for move in rs.programme.transitions:
                if move.on <= day and move.from_ == state.edition:
                    _transit(self.by_name[move.from_], rs, move, state)


def _transit(old: Ruleset, new: Ruleset, move: Any, state: State) -> None:
    stage = old.stage_on(state, move.on)
    if stage is None or (move.stages and stage not in expand(old.programme, move.stages)):
        return
    if not move.stages and old.programme.stages[stage].terminal:
        return
    state.edition = new.programme.edition
    x = Ctx(new.programme, state, World(), move.on)
    for name, change in move.periods.items():
        if name in state.periods:
            end = Compiler(new.programme).term(change.end)(x)
            if isinstance(end, dt.date):
                state.periods[name].end = end
    if stage in move.stage_map:
        state.stage, state.stage_since = move.stage_map[stage], move.on
        state.stages.append((state.stage, move.on))


def fold(
    editions: Editions,
    acts: Iterable[Act],
    world: World,
    on: dt.date | None = None,
    known_at: dt.datetime | None = None,
    each: Callable[[State, Act], None] | None = None,
) -> State:
    """The state on a day as known at a moment (both default to everything there is).

    `each` is told the state after every act, to see what that act has changed.
    """
    state = State()
    newest = world.seq
    moving = any(r.programme.transitions for r in editions.rulesets)
    for act in standing(acts, known_at):
        if on is not None and act.on > on:
            break
        if moving:
            editions.carry(state, act.on)
        # an act's effects come from the programme acts it saw, not from later ones
        seen = world if act.saw is None or act.saw >= newest else world.seen(act.saw)
        editions.of(state, act.on).apply(state, act, seen)
        if each is not None:
            each(state, act)
    if moving and on is not None:
        editions.carry(state, on)
    return state


@dataclass(slots=True)
class Taken:
    """The answer to a proposed act on a history.

    `judgement` is the act's own; `overturned` are later acts that would no longer stand;
    `answers` is what the outside port said, to be stored with the act.
    """

    judgement: Judgement
    overturned: list[tuple[Act, Judgement]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    extra: list[Finding] = field(default_factory=list)
    ruleset: Ruleset | None = None

    @property
    def accepted(self) -> bool:
        """Whether the act may be recorded."""
        return self.judgement.accepted and not any(f.refuses for f in self.extra)

    @property
    def plain(self) -> bool:
        """Whether every condition holds and nothing is said about the history."""
        return not self.extra and not any(self.judgement.outcomes)

    @property
    def findings(self) -> list[Finding]:
        """The judgement's findings and those about the history."""
        return [*self.judgement.findings, *self.extra]

    @property
    def refusals(self) -> list[Finding]:
        """The findings that refuse."""
        return [f for f in self.findings if f.refuses]

    @property
    def warnings(self) -> list[Finding]:
        """The findings that only warn."""
        return [f for f in self.findings if f.outcome == "not" and f.warning]

    @property
    def codes(self) -> list[str]:
        """The distinct codes of the refusing findings, sorted."""
        return sorted({f.code for f in self.refusals})

    def add_caused(self, act: Act, answer: Taken) -> None:
        """Takes over what stands against an act this one causes, or warns of it, by centre."""
        for found in answer.findings:
            if found.outcome == "not":
                said = found.says or Text("", "")
                named = Text(f"中心“{act.centre}”：{said.zh}", f"centre {act.centre}: {said.en}")
                self.extra.append(replace(found, says=named, field=None))


@dataclass
class History:
    """One centre's (or one programme's own) acts, with the answers stored beside each."""

    editions: Editions
    acts: list[Act] = field(default_factory=list)
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)

    def state(
        self, world: World, on: dt.date | None = None, known_at: dt.datetime | None = None
    ) -> State:
        """The state on a day as known at a moment."""
        return fold(self.editions, self.acts, world, on, known_at)

    def propose(
        self, act: Act, world: World, facts: Facts | None = None, explained: bool = True
    ) -> Taken:
        """Judges an act on the state of its own day, and what it would do to later acts.

        Changes nothing. A retroactive act or an annulment that would leave a later act without its
        ground is refused, naming that act. Unless `explained`, conditions are put into words only
        where some do not hold, or when the findings are read.
        """
        state = self.state(world, act.on)
        rs = self.editions.of(state, act.on)
        asked = Remembering(facts or world.facts)
        before = world.seen(world.upto, asked)
        judgement = judge(rs, state, act, before)
        if explained or any(judgement.outcomes):
            _ = judgement.findings  # explained now, before anything changes
        taken = Taken(judgement, answers=asked.answers, ruleset=rs)
        if act.kind in ANNULMENTS:
            taken.extra += self._annulment_findings(rs, act)
        elif act.kind == CORRECTION:
            taken.extra += self._correction_findings(rs, act)
        if judgement.accepted and not taken.extra:
            self._look_ahead(rs, act, world, taken)
        act.used = tuple(n for n in judgement.used.values() if n)
        return taken

    def _look_ahead(self, rs: Ruleset, act: Act, world: World, taken: Taken) -> None:
        touches = act.kind in ANNULMENTS or act.kind == CORRECTION
        if not touches and all(a.on <= act.on for a in self.acts):
            return
        number = act.seq or max((a.seq for a in self.acts), default=0) + 1
        proposed = _numbered(act, number)
        taken.overturned = self.broken([*self.acts, proposed], world, skip=number)
        for later, judged in taken.overturned:
            if act.kind == CORRECTION and later.seq == act.data["target"]:
                taken.extra += judged.refusals  # what the corrected documents lack
            else:
                taken.extra.append(_overturned(rs, later, judged))

    def broken(
        self, acts: Sequence[Act], world: World, skip: int = 0
    ) -> list[tuple[Act, Judgement]]:
        """The acts that would not be accepted if judged again in this order."""
        state, result = State(), []
        for act in standing(acts):
            self.editions.carry(state, act.on)
            rs = self.editions.of(state, act.on)
            if act.seq != skip and act.kind not in ANNULMENTS:
                stored = self.answers.get(act.seq)
                facts = world.facts if stored is None else Remembered(stored, world.facts)
                judged = judge(rs, state, act, world.seen(act.saw, facts))
                if not judged.accepted:
                    _ = judged.findings
                    result.append((act, judged))
            rs.apply(state, act, world.seen(act.saw) if act.saw is not None else world)
        return result

    def _annulment_findings(self, rs: Ruleset, act: Act) -> list[Finding]:
        """An annulment names acts on file, of the same body or of the authority's own."""
        live = {a.seq: a for a in standing(self.acts)}
        found = []
        for number in targets(act):
            target = live.get(number)
            if target is None:
                found.append(_not_on_file(rs, number))
            elif not _same_hand(target, act) and act.party not in rs.programme.authority:
                found.append(_of_another(rs, target))
        return found

    def _correction_findings(self, rs: Ruleset, act: Act) -> list[Finding]:
        """A correction brings documents of an act on file, from the organisation that took it."""
        target = next((a for a in standing(self.acts) if a.seq == act.data.get("target")), None)
        if target is None:
            return [_not_on_file(rs, act.data.get("target"))] if "target" in act.data else []
        model = next(
            r.models[target.kind] for r in self.editions.rulesets if target.kind in r.models
        )
        if not _same_hand(target, act):
            return [_of_another(rs, target)]
        if not act.documents:
            said = Text("没有附上补正后的材料", "no corrected document is attached")
            return [_about_target(rs, "documents", "DOCUMENT_MISSING", said)]
        foreign = [name for name in act.documents if name not in model.documents]
        listed = [words.words(rs.programme.documents[name].name) for name in foreign]
        return [
            _about_target(
                rs,
                f"documents.{name}",
                "UNKNOWN",
                Text(
                    f"“{title.zh}”不是该行为的材料", f"'{title.en}' is not a document of that act"
                ),
            )
            for name, title in zip(foreign, listed, strict=True)
        ]


def _same_hand(target: Act, act: Act) -> bool:
    """Whether both are acts of the same party, played by the same organisation."""
    return target.party == act.party and target.org.get("org") == act.org.get("org")


def _not_on_file(rs: Ruleset, number: Any) -> Finding:
    said = Text(f"序号{number}的行为不在档", f"no act number {number} is on file")
    return _about_target(rs, "target", "UNKNOWN", said)


def _of_another(rs: Ruleset, target: Act) -> Finding:
    who = words.party(rs.programme, target.party)
    name = str(target.org.get("name") or "")
    said = Text(
        f"须由原办理单位（{name or who.zh}）更正",
        f"to be corrected by {name or who.en}, who took it",
    )
    return _about_target(rs, "target", "WRONG_ACTOR", said)


def _about_target(rs: Ruleset, where: str, code: str, said: Text) -> Finding:
    """A finding that refuses what would correct another act, on the basis of corrections."""
    basis = rs.programme.annulment
    return Finding(
        "target", code, "not", basis.cite, basis.default, "must", field=where, says=said, cure=said
    )


def _numbered(act: Act, seq: int) -> Act:
    return Act(
        act.kind,
        act.on,
        act.party,
        act.org,
        act.data,
        act.documents,
        act.about,
        act.exception,
        act.centre,
        act.person,
        seq,
        act.recorded,
        act.saw,
        act.caused_by,
        act.used,
        act.label,
    )


def _overturned(rs: Ruleset, later: Act, judged: Judgement) -> Finding:
    name = words.words(rs.models[later.kind].name)
    reasons = ", ".join(f"{f.code} {f.basis}" for f in judged.refusals)
    said = Text(
        f"如此则其后已记录的第{later.seq}号“{name.zh}”（{later.on}）不再成立（{reasons}）",
        f"act {later.seq} '{name.en}' of {later.on}, recorded later, would no longer stand"
        f" ({reasons})",
    )
    cure = Text(
        f"请先更正第{later.seq}号行为，或将其一并撤回",
        f"annul act {later.seq} first, or together with this",
    )
    basis = rs.programme.annulment
    return Finding(
        "later_acts",
        "CONDITION_NOT_MET",
        "not",
        basis.cite,
        basis.default,
        "must",
        says=said,
        seen=said,
        cure=cure,
    )


@dataclass
class Book:
    """All histories of a file or a test in memory: programme-level acts and any centres.

    The same path as the ledger's: judge, number, append, cause what the act causes.
    """

    editions: Editions
    facts: Facts | None = None
    programme: History = field(init=False)
    centres: dict[str, History] = field(default_factory=dict)
    world: World = field(init=False)
    clock: dt.datetime | None = None

    def __post_init__(self) -> None:
        self.programme = History(self.editions)
        self.world = World(facts=self.facts)

    def level(self, kind: str) -> str:
        """`centre` or `programme`: where acts of this kind belong."""
        for rs in reversed(self.editions.rulesets):
            if kind in rs.models:
                return rs.models[kind].level
        return "centre"

    def history(self, centre: str | None) -> History:
        """A centre's history (begun when first asked for), or the programme's own for None."""
        if centre is None:
            return self.programme
        if centre not in self.centres:
            self.centres[centre] = History(self.editions)
        return self.centres[centre]

    def propose(self, act: Act) -> tuple[Taken, list[tuple[Act, Taken]]]:
        """Judges an act and the acts it causes, changing nothing."""
        programme_level = self.level(act.kind) == "programme"
        history = self.programme if programme_level else self.history(act.centre)
        taken = history.propose(act, self.world, self.facts)
        caused = []
        if taken.ruleset is not None and taken.accepted:
            for made in causes(taken.ruleset, act, self.world):
                answer = self.history(made.centre).propose(made, self.world, self.facts)
                caused.append((made, answer))
                taken.add_caused(made, answer)
        return taken, caused

    def record(self, act: Act) -> Taken:
        """Records an act when it is accepted; a refusal changes nothing."""
        act.seq = self._next(act)  # causes may refer to this act by its number
        taken, caused = self.propose(act)
        if not taken.accepted:
            act.seq = 0
        else:
            self._append(act, taken)
            for made, answer in caused:
                made.caused_by = act.seq
                self._append(made, answer)
        return taken

    def _next(self, act: Act) -> int:
        own = self.level(act.kind) == "programme"
        history = self.programme if own else self.history(act.centre)
        return max((a.seq for a in history.acts), default=0) + 1

    def _append(self, act: Act, taken: Taken) -> None:
        rs = taken.ruleset
        assert rs is not None
        programme_level = rs.models[act.kind].level == "programme"
        history = self.programme if programme_level else self.history(act.centre)
        act.seq = self._next(act)
        act.saw = self.world.seq
        if act.recorded is None:
            act.recorded = self.clock
        judged = taken.judgement
        act.used = tuple(n for n in judged.used.values() if n)
        history.acts.append(act)
        history.answers[act.seq] = taken.answers
        if programme_level:
            self.world.add(act)


def causes(rs: Ruleset, act: Act, world: World) -> list[Act]:
    """The centre-level acts that a programme-level act causes, one for each centre it names."""
    model = rs.models[act.kind]
    if model.causes is None:
        return []
    compiler = Compiler(rs.programme, model.with_)
    x = Ctx(rs.programme, State(), world, act.on, act)
    each = compiler.ref(model.causes.each)(x)
    if not isinstance(each, list):
        return []
    data = {k: compiler.term(v)(x) for k, v in model.causes.with_.items()}
    data = {k: v for k, v in data.items() if v is not None}
    return [
        Act(model.causes.act, act.on, act.party, act.org, dict(data), centre=str(c)) for c in each
    ]


__all__ = ["Book", "Editions", "History", "Taken", "causes", "fold", "in_order"]
