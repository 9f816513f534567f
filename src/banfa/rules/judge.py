"""Judging: a proposed act against the state, and every act a party could do before it tries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from banfa.rules import explain, words
from banfa.rules.conditions import Rule
from banfa.rules.life import Act, Org, State
from banfa.rules.ruleset import CompiledAct, Ruleset, granted_exception
from banfa.rules.terms import HELD, NOT, OPEN, Ctx
from banfa.rules.world import World

OUTCOMES = ("held", "not", "open")


@dataclass(slots=True, frozen=True)
class Finding:
    """One condition and how it came out.

    `outcome` is `held`, `not` or `open`. `basis` is an article, or `default` one of the declared
    defaults. `warning`: the failure does not refuse. `seen`, `expected` and `cure` are explained in
    both languages; `from_day` is the day from which waiting alone cures it.
    """

    id: str
    code: str
    outcome: str
    cite: str | None
    default: str | None
    strength: str
    warning: bool = False
    excepted: int | None = None
    field: str | None = None
    says: words.Text | None = None
    seen: words.Text | None = None
    expected: words.Text | None = None
    cure: words.Text | None = None
    from_day: dt.date | None = None

    @property
    def basis(self) -> str:
        """The article, or the default's id in brackets."""
        return self.cite or f"[{self.default}]"

    @property
    def refuses(self) -> bool:
        """Whether this finding alone refuses the act."""
        return self.outcome == "not" and not self.warning


class Judgement:
    """The answer to a proposed act. Findings are worked out when asked for."""

    __slots__ = ("_findings", "_outcomes", "_x", "accepted", "act", "compiled", "used")

    def __init__(
        self,
        compiled: CompiledAct,
        x: Ctx,
        outcomes: tuple[int, ...],
        accepted: bool,
        used: dict[int, int],
    ) -> None:
        self.act = x.act
        self.compiled = compiled
        self.accepted = accepted
        self.used = used
        self._x = x
        self._outcomes = outcomes
        self._findings: tuple[Finding, ...] | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings. Read them before the state changes: they are explained from it."""
        if self._findings is None:
            self._findings = tuple(self._explained())
        return self._findings

    def _explained(self) -> Iterator[Finding]:
        x = self._x
        for i, (rule, outcome) in enumerate(zip(self.compiled.rules, self._outcomes, strict=True)):
            if rule.applies is not None and rule.applies(x) == NOT:
                continue
            yield finding(rule, outcome, x, self.used.get(i))

    @property
    def context(self) -> Ctx:
        """What the act was judged in; `Ruleset.apply` may use it while the state is the same."""
        return self._x

    @property
    def outcomes(self) -> tuple[int, ...]:
        """HELD, NOT or OPEN for each of the act's compiled rules, in order."""
        return self._outcomes

    @property
    def standing(self) -> str:
        """`blocked`, `open` (depends on input) or `possible`, without putting it into words."""
        rules = self.compiled.rules
        for i, outcome in enumerate(self._outcomes):
            if outcome == NOT and rules[i].soft != "warn" and i not in self.used:
                return "blocked"
        return "open" if OPEN in self._outcomes else "possible"

    @property
    def refusals(self) -> list[Finding]:
        """The findings that refuse."""
        return [f for f in self.findings if f.refuses]

    @property
    def warnings(self) -> list[Finding]:
        """The findings that only warn."""
        return [f for f in self.findings if f.outcome == "not" and f.warning]

    @property
    def open(self) -> list[Finding]:
        """The findings that depend on input not given yet."""
        return [f for f in self.findings if f.outcome == "open"]

    @property
    def codes(self) -> list[str]:
        """The distinct codes of the refusing findings, sorted."""
        return sorted({f.code for f in self.refusals})


def finding(rule: Rule, outcome: int, x: Ctx, excepted: int | None = None) -> Finding:
    """One finding with its words. `excepted` is the sequence number of the exception used."""
    told = explain.rule(rule, outcome, x)
    return Finding(
        id=told.id or rule.id,
        code=told.code or rule.code,
        outcome="held" if excepted is not None else OUTCOMES[outcome],
        cite=told.cite if told.rebased else rule.cite,
        default=told.default if told.rebased else rule.default,
        strength=rule.strength,
        warning=rule.soft == "warn",
        excepted=excepted,
        field=rule.field,
        says=told.says,
        seen=told.seen,
        expected=told.expected,
        cure=told.cure if outcome == NOT else None,
        from_day=told.from_day if outcome == NOT else None,
    )


def judge(
    rs: Ruleset, state: State, act: Act, world: World | None = None, partial: bool = False
) -> Judgement:
    """Judges a proposed act on the state of its own day.

    In: a compiled edition, the state folded up to the act's day, the act, what it can see outside.
    Out: a judgement; the state is not changed. Errors: KeyError for an act kind the programme does
    not have (a caller's mistake, not a refusal).
    """
    compiled = rs.acts[act.kind]
    x = Ctx(rs.programme, state, world or _EMPTY, act.on, act, None, partial)
    if compiled.about is not None:
        x.case = rs.case_of(state, act, compiled, x)
    failed = HELD
    for check in compiled.checks:
        failed |= check(x)
    if failed == HELD:
        return Judgement(compiled, x, compiled.all_held, True, _NONE_USED)
    outcomes = tuple(check(x) for check in compiled.checks)
    if NOT not in outcomes:
        return Judgement(compiled, x, outcomes, not partial, _NONE_USED)
    return _weigh(rs, compiled, x, outcomes)


def _weigh(rs: Ruleset, compiled: CompiledAct, x: Ctx, outcomes: tuple[int, ...]) -> Judgement:
    """Settles failures: soft rules may warn or be excepted; a terminal stage makes others moot."""
    assert x.act is not None
    rules = compiled.rules
    stage = rs.stage_on(x.state, x.on)
    ended = stage is not None and rs.programme.stages[stage].terminal
    if ended and any(
        o == NOT and r.detail == "stage" for r, o in zip(rules, outcomes, strict=True)
    ):
        outcomes = tuple(
            OPEN if o == NOT and r.detail not in ("stage", "actor") else o
            for r, o in zip(rules, outcomes, strict=True)
        )
    accepted, used = True, {}
    for i, (rule, outcome) in enumerate(zip(rules, outcomes, strict=True)):
        if outcome != NOT or rule.soft == "warn":
            continue
        if rule.soft == "exception":
            number = _excepted(rs, rule, x)
            if number is not None:
                used[i] = number
                continue
        accepted = False
    return Judgement(compiled, x, outcomes, accepted, used)


def _excepted(rs: Ruleset, rule: Rule, x: Ctx) -> int | None:
    """The exception that lets a soft rule's failure pass: granted before, or given inline."""
    act = x.act
    assert act is not None
    granted = granted_exception(rs, x.state, act, rule)
    if granted is not None and explain.within_limit(rule, x, granted.limit):
        return granted.seq
    inline, body = act.exception, rs.programme.exceptions
    if inline and body is not None and act.party in body.by:
        named = (f"{act.kind}.{rule.id}", rule.id)
        if inline.get("rule") in named and inline.get("reason"):
            return act.seq if explain.within_limit(rule, x, inline.get("limit")) else None
    return None


@dataclass(slots=True)
class Permission:
    """An act a party could do or almost do.

    `standing`: `possible` (nothing stands in its way), `open` (depends on input), `blocked`.
    """

    act: str
    standing: str
    judgement: Judgement
    cases: list[str]

    @property
    def from_day(self) -> dt.date | None:
        """The day from which it becomes possible by waiting alone; None when waiting won't do."""
        refusing = self.judgement.refusals
        days = [f.from_day for f in refusing]
        return max(d for d in days if d) if refusing and all(days) else None


def permitted(
    rs: Ruleset,
    state: State,
    party: str,
    on: dt.date,
    world: World | None = None,
    org: Org | None = None,
    centre: str | None = None,
    level: str = "centre",
    only: str | None = None,
) -> list[Permission]:
    """Every act of that party on that day (or `only` one), with what stands in its way, before
    anyone tries.

    Acts that belong to a procedure are asked for every open case of it.
    """
    if org is None:
        held = state.roles.get(party)
        org = held[0] if held else {"org": party}
    result = []
    for name, compiled in rs.acts.items():
        model = compiled.model
        if only not in (None, name):
            continue
        if model.level != level or model.absent is not None:
            continue
        if party not in model.by and "anyone" not in model.by:
            continue
        result.append(_permission(rs, state, name, party, on, world or _EMPTY, org, centre))
    return result


def _permission(
    rs: Ruleset,
    state: State,
    name: str,
    party: str,
    on: dt.date,
    world: World,
    org: Org,
    centre: str | None,
) -> Permission:
    about = rs.acts[name].model.about
    cases: list[str | None] = (
        list(state.open_cases.get(about.case, ())) if about is not None else []
    )
    best: Permission | None = None
    for case in cases or _NO_CASE:
        act = Act(name, on, party, org, about=case, centre=centre)
        judgement = judge(rs, state, act, world, partial=True)
        standing = judgement.standing
        ready = [case] if case and standing != "blocked" else []
        found = Permission(name, standing, judgement, ready)
        if best is None or (best.standing == "blocked" and standing != "blocked"):
            best = found
        elif standing != "blocked":
            best.cases += found.cases
    assert best is not None
    return best


_EMPTY = World()
_NONE_USED: dict[int, int] = {}
_NO_CASE: list[str | None] = [None]

__all__ = ["HELD", "Finding", "Judgement", "Permission", "finding", "judge", "permitted"]
