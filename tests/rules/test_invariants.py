"""Random acts on every programme: accepted ones keep the matrices' invariants, refusals change
nothing, replay equals fold. How often each premise occurred is printed and has a floor.
"""

from __future__ import annotations

import datetime as dt
import importlib
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from banfa.rules.library import find
from banfa.rules.life import State
from banfa.rules.simulate import Life

PROGRAMMES = {"nitec": "2026-02-03", "ncti": "2021-03-01"}
LIVES, STEPS = 400, 150
PREMISES, ACCEPTED = 100, 0.30


def replayed(life: Life) -> State:
    """The state by judging every stored act again, with the answers stored beside it."""
    history = life.book.history(life.centre)
    assert history.broken(history.acts, life.book.world) == []
    return history.state(life.book.world)


def grown(life: Life) -> State:
    """The state as it grew, act by act in the order of recording, never folded from the start."""
    state = State()
    for act in sorted(life.book.history(life.centre).acts, key=lambda a: a.seq):
        life.editions.of(state, act.on).apply(state, act, life.book.world.seen(act.saw))
    return state


@pytest.mark.parametrize("name", sorted(PROGRAMMES))
def test_random_lives_keep_the_invariants(name: str, capsys: Any) -> None:
    editions = find(name)
    invariants = importlib.import_module(f"tests.invariants.{name}").INVARIANTS
    premises: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    start = dt.date.fromisoformat(PROGRAMMES[name])

    @seed(20261121)
    @settings(
        max_examples=LIVES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32), st.integers(0, 500))
    def live(number: int, later: int) -> None:
        life = Life(editions, random.Random(number), start + dt.timedelta(days=later))
        for act, taken, before in life.steps(STEPS):
            tried["all"] += 1
            after = life.state
            if not taken.accepted:
                assert after.summary() == before.summary(), (act, "a refusal changed the state")
                continue
            tried["accepted"] += 1
            rs = editions.of(after, life.on)
            for invariant, (premise, holds) in invariants.items():
                if premise(after, act, rs):
                    premises[invariant] += 1
                    assert holds(after, act, rs), (name, invariant, act)
        assert replayed(life).summary() == grown(life).summary() == life.state.summary()

    live()
    share = tried["accepted"] / tried["all"]
    with capsys.disabled():
        print(f"\n{name}: {tried['all']} acts tried, {share:.0%} accepted; premises: ", end="")
        print(", ".join(f"{k} {premises[k]}" for k in invariants))
    assert share >= ACCEPTED
    rare = {k: premises[k] for k in invariants if premises[k] < PREMISES}
    assert not rare, f"premises too rare: {rare}"
