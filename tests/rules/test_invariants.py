"""Random acts on every programme: accepted ones keep the matrices' invariants, refusals change
nothing, replay equals fold. How often each premise occurred is printed and has a floor.
"""

from __future__ import annotations

import datetime as dt
import importlib
import random
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from banfa.rules.history import Editions, Taken
from banfa.rules.judge import judge
from banfa.rules.library import find
from banfa.rules.life import ANNULMENTS, CORRECTION, Act, State, standing
from banfa.rules.simulate import Life
from banfa.rules.world import Remembered

PROGRAMMES = {
    "jliic": "2020-06-01",
    "ncti": "2021-03-01",
    "neiic": "2026-02-03",
    "nitec": "2026-02-03",
    "nmic": "2016-06-01",
}
LIVES, STEPS = 400, 150
WAYS = {"annul": "annulments", CORRECTION: "documents corrected"}
PREMISES, ACCEPTED, REFUSED = 100, 0.30, 10
EVERYWHERE = (  # codes that every programme has rules for
    "CONDITION_NOT_MET",
    "CONTENT_MISSING",
    "DOCUMENT_MISSING",
    "NOT_REVIEWED",
    "NO_RULE",
    "VALUE_NOT_SET",
    "WRONG_ACTOR",
    "WRONG_STAGE",
)
OF_THEIR_OWN = {
    "jliic": ("ALREADY_USED", "NAME_TEMPLATE"),
    "ncti": ("NO_GROUND", "NAME_TEMPLATE"),
    "neiic": ("NO_GROUND", "NAME_TEMPLATE", "TOO_EARLY", "TOO_LATE", "NOT_IN_FORCE"),
    "nitec": ("NO_GROUND", "NAME_TEMPLATE", "NEEDS_EXCEPTION", "NOT_JOINT", "NOT_IN_FORCE"),
    "nmic": ("ALREADY_USED", "TOO_EARLY", "TOO_LATE"),
}


def stored(life: Life) -> State:
    """The state folded anew from what is stored."""
    return life.book.history(life.centre).state(life.book.world, life.on)


def judged_again(life: Life) -> State:
    """The state by judging every stored act again, with the answers stored beside it."""
    history, world, state = life.book.history(life.centre), life.book.world, State()
    for act in standing(history.acts):
        rs = life.editions.of(state, act.on)
        answers = Remembered(history.answers[act.seq], life.book.world.facts)
        judgement = judge(rs, state, act, world.seen(act.saw, answers))
        assert judgement.accepted or act.kind in ANNULMENTS, (act, judgement.codes)
        rs.apply(state, act, world.seen(act.saw, answers), judgement.context)
    return state


def grown(life: Life) -> State:
    """The state as it grew, act by act in the order of recording, never folded from the start."""
    state = State()
    for act in sorted(life.book.history(life.centre).acts, key=lambda a: a.seq):
        life.editions.of(state, act.on).apply(state, act, life.book.world.seen(act.saw))
    return state


def many_lives(name: str, number: int, live: Callable[[Life], None]) -> None:
    """Lets hypothesis draw that many lives."""
    editions, start = find(name), dt.date.fromisoformat(PROGRAMMES[name])
    aims = importlib.import_module(f"tests.invariants.{name}").LED_TO

    @seed(20261121)
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32), st.integers(0, 500))
    def draw(seeded: int, later: int) -> None:
        led = aims[seeded // 2 % len(aims)] if seeded % 2 else ()
        on = start + dt.timedelta(days=later)
        live(Life(editions, random.Random(seeded), on, aims=led))

    draw()


def around(editions: Editions, life: Life, before: State, after: State) -> SimpleNamespace:
    """What an invariant may look at beside the state and the act."""
    rs = editions.of(after, life.on)
    return SimpleNamespace(
        programme=rs.programme, stage_on=rs.stage_on, world=life.book.world, before=before
    )


@pytest.mark.parametrize("name", sorted(PROGRAMMES))
def test_random_lives_keep_the_invariants(name: str, capsys: Any) -> None:
    editions = find(name)
    invariants = importlib.import_module(f"tests.invariants.{name}").INVARIANTS
    premises: Counter[str] = Counter()
    tried: Counter[bool] = Counter()
    codes: Counter[str] = Counter()

    def check(life: Life, act: Act, taken: Taken, before: State) -> None:
        tried[taken.accepted] += 1
        if not taken.accepted:
            codes.update(taken.codes)
            assert stored(life).summary() == before.summary(), (act, "a refusal changed the state")
            return
        after = life.state
        at = around(editions, life, before, after)
        for invariant, (premise, holds) in invariants.items():
            if premise(after, act, at):
                premises[invariant] += 1
                assert holds(after, act, at), (name, invariant, act)

    def live(life: Life) -> None:
        for act, taken, before in life.steps(STEPS):
            check(life, act, taken, before)
        assert judged_again(life).summary() == grown(life).summary() == stored(life).summary()

    many_lives(name, LIVES, live)
    share = tried[True] / tried.total()
    with capsys.disabled():
        print(f"\n{name}: {tried.total()} acts tried, {share:.0%} accepted; premises: ", end="")
        print(", ".join(f"{k} {premises[k]}" for k in invariants))
        print("  refusals: " + ", ".join(f"{k} {n}" for k, n in sorted(codes.items())))
    assert share >= ACCEPTED
    rare = {k: premises[k] for k in invariants if premises[k] < PREMISES}
    assert not rare, f"premises too rare: {rare}"
    expected = (*EVERYWHERE, *OF_THEIR_OWN[name])
    seldom = {k: codes[k] for k in expected if codes[k] < REFUSED}
    assert not seldom, f"refusals too rare: {seldom}"


@pytest.mark.parametrize("name", sorted(PROGRAMMES))
def test_corrections_keep_replay_equal(name: str, capsys: Any) -> None:
    """Annulments, with dependents or without, acts dated back, documents corrected: accepted ones
    leave a life that stands when judged again; refused ones change nothing."""
    came: Counter[tuple[str, bool]] = Counter()

    def live(life: Life) -> None:
        for _ in life.steps(STEPS // 3):
            pass
        for act, taken, before in life.corrections(12):
            kind = WAYS.get(act.kind, "acts dated back")
            came[kind, taken.accepted] += 1
            if act.data.get("dependents"):
                came["annulments with dependents", taken.accepted] += 1
            if taken.accepted:
                assert judged_again(life).summary() == stored(life).summary(), act
            else:
                assert stored(life).summary() == before.summary(), act

    many_lives(name, LIVES // 8, live)
    with capsys.disabled():
        told = (f"{k} {'accepted' if a else 'refused'} {n}" for (k, a), n in sorted(came.items()))
        print(f"\n{name}, corrections: " + ", ".join(told))
    rare = {k: n for k, n in came.items() if n < REFUSED}
    assert len(came) == 8 and not rare, came
