"""Judging and folding one life: the engine beside the hand-written loop."""

from __future__ import annotations

import datetime as dt
import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from banfa.rules.judge import judge
from banfa.rules.library import edition_folders, ids, load
from banfa.rules.life import Act, State
from banfa.rules.lint import check_folder
from banfa.rules.ruleset import Ruleset
from banfa.rules.world import World
from bench import by_hand

FOLDER = Path(__file__).parent / "programme" / "2026"
UNIT = {"org": "U", "kind": "firm", "place": "山东"}
SUPERVISOR = {"org": "S", "kind": "agency", "place": "山东"}
MINISTRY = {"org": "ministry"}


def cycle(start: dt.date) -> list[tuple[Any, ...]]:
    """The 17 acts of one cycle, about four years, beginning on a day."""

    def on(days: int) -> dt.date:
        return start + dt.timedelta(days=days)

    end = by_hand.add_months(on(30), 36)
    longer = by_hand.add_months(end, 12)
    return [
        ("apply", on(0), "unit", UNIT, {"supervisor": SUPERVISOR, "field": "封装"}),
        ("recommend", on(10), "supervisor", SUPERVISOR, {}),
        ("appraise", on(20), "ministry", MINISTRY, {"outcome": "positive"}),
        ("start", on(30), "ministry", MINISTRY, {"end": end}),
        ("log_progress", on(200), "supervisor", SUPERVISOR, {}),
        ("report", on(400), "supervisor", SUPERVISOR, {"year": on(400).year - 1}),
        ("log_progress", on(500), "supervisor", SUPERVISOR, {}),
        ("report", on(770), "supervisor", SUPERVISOR, {"year": on(770).year - 1}),
        ("extend", on(1000), "supervisor", SUPERVISOR, {}),
        ("grant", on(1030), "ministry", MINISTRY, {"end": longer}),
        ("finish", on(1300), "unit", UNIT, {"done_on": on(1290)}),
        ("apply_confirmation", on(1310), "unit", UNIT, {}),
        ("evaluate", on(1320), "supervisor", SUPERVISOR, {"grade": "good"}),
        ("forward", on(1330), "supervisor", SUPERVISOR, {}),
        ("confirm", on(1340), "ministry", MINISTRY, {}),
        ("log_progress", on(1350), "supervisor", SUPERVISOR, {}),
        ("report", on(1360), "supervisor", SUPERVISOR, {"year": on(1360).year - 1}),
    ]


def life(cycles: int) -> list[tuple[Any, ...]]:
    """A life of that many cycles, acts numbered from 1."""
    acts = [
        act for n in range(cycles) for act in cycle(dt.date(2026, 1, 5) + dt.timedelta(1400 * n))
    ]
    return [(i, *act) for i, act in enumerate(acts, 1)]


def by_engine(rs: Ruleset, acts: list[Act], world: World) -> tuple[list[Any], State]:
    """Judges and folds a life with the engine."""
    state, answers = State(), []
    for act in acts:
        judgement = judge(rs, state, act, world)
        answers.append(judgement)
        if judgement.accepted:
            rs.apply(state, act, world, judgement.context)
    return answers, state


def same(rs: Ruleset, plain: list[tuple[Any, ...]], acts: list[Act], world: World) -> None:
    """Asserts that both give the same findings and the same state."""
    expected, hand = by_hand.run(plain)
    state = State()
    for act, (accepted, findings) in zip(acts, expected, strict=True):
        judgement = judge(rs, state, act, world)
        got = tuple((f.id, f.code, f.outcome, f.cite) for f in judgement.findings)
        assert (judgement.accepted, got) == (accepted, findings), (act, got, findings)
        if judgement.accepted:
            rs.apply(state, act, world)
    assert state.stage == hand["stage"] and state.stages == hand["stages"]
    assert state.counts == hand["counts"] and state.values == hand["values"]
    period = state.periods.get("preparation")
    assert (period.end if period else None) == hand.get("end")
    assert {k: v[0] for k, v in state.roles.items()} == hand["roles"]
    assert state.flags == hand["flags"] and len(state.cases) == len(hand["cases"])
    assert {k: a.seq for k, a in state.keyed.items()} == {k: v[1] for k, v in hand["keyed"].items()}


def timed(work: Callable[[], Any], seconds: float = 0.4) -> float:
    """Seconds a call: the median of several batches."""
    work()
    begun = time.perf_counter()
    work()
    once = max(time.perf_counter() - begun, 1e-7)
    number = max(1, int(seconds / 5 / once))
    rounds = []
    gc.disable()
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(number):
            work()
        rounds.append((time.perf_counter() - begun) / number)
    gc.enable()
    return statistics.median(rounds)


def altered(plain: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The same life with faults, so that refusals are compared as well."""
    wrong = list(plain)
    seq, kind, on, _, org, data = wrong[1]
    wrong[1] = (seq, kind, on, "unit", org, data)
    seq, kind, on, party, org, data = wrong[3]
    wrong[3] = (seq, kind, on, party, org, {"end": data["end"] + dt.timedelta(days=1)})
    return wrong


def run() -> None:
    """Prints speed ratios and the time to load and check a programme."""
    rs, world = Ruleset(load(FOLDER)), World()
    short, long = life(1), life(47)
    acts = {n: [_act(a) for a in plain] for n, plain in ((17, short), (800, long))}
    same(rs, short, acts[17], world)
    same(rs, long, acts[800], world)
    refused = altered(short)[:4]
    same(rs, refused, [_act(a) for a in refused], world)
    hand = timed(lambda: by_hand.run(short)) / len(short)
    ours = timed(lambda: by_engine(rs, acts[17], world)) / len(short)
    ours_long = timed(lambda: by_engine(rs, acts[800], world)) / len(long)
    print(f"one life of {len(short)} acts, three cited findings each")
    print(f"  by hand           {hand * 1e6:8.2f} µs an act")
    print(f"  engine            {ours * 1e6:8.2f} µs an act")
    print(f"  speed, engine ÷ by hand           {hand / ours:6.2f}   (aim 1.0, first 0.5)")
    growth = ours_long / ours
    print(f"  cost an act, {len(long)} ÷ {len(short)} acts        {growth:6.2f}   (aim ≤ 1.15)")
    for name in ids():
        for folder in edition_folders(name):
            took = min(_load(folder) for _ in range(5))
            print(f"  load and check {name}@{folder.name:<6} {took:6.3f} s   (aim ≤ 0.15)")


def _load(folder: Path) -> float:
    begun = time.perf_counter()
    check_folder(folder)
    return time.perf_counter() - begun


def _act(plain: tuple[Any, ...]) -> Act:
    seq, kind, on, party, org, data = plain
    return Act(kind, on, party, org, data, seq=seq)
