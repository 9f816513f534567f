"""Many lives in one file: written, read, made up, and judged again with all cores.

A file of lives holds one life a line, as JSON: the programme, the programme-level acts it saw and
the centre's own acts, with what the outside said to each.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import multiprocessing
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal

from banfa.rules import programme as p
from banfa.rules.cases import written
from banfa.rules.compare import Report, rejudge
from banfa.rules.history import Editions, fold
from banfa.rules.judge import judge
from banfa.rules.life import Act, canonical, standing
from banfa.rules.loading import LoadError
from banfa.rules.proposals import BadProposal, check
from banfa.rules.ruleset import Ruleset
from banfa.rules.simulate import Life
from banfa.rules.terms import HELD
from banfa.rules.world import World

SPAN = 12  # years over which made-up lives begin, when the programme itself is open-ended
MODELS = 20  # one life in so many is lived from the start, the others vary it
BATCH = 200  # lives handed to a worker at once: bounds the memory


@dataclass(slots=True)
class Recorded:
    """One life as recorded: programme-level acts seen, own acts, answers from outside by number."""

    name: str
    programme: str
    world: list[Act]
    acts: list[Act]
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)


def dump(life: Recorded, editions: Editions) -> str:
    """A life as one line of JSON. A document that is the sample is written as `complete`."""
    return canonical(
        {
            "name": life.name,
            "programme": life.programme,
            "world": [_act_plain(a, editions) for a in life.world],
            "acts": [_act_plain(a, editions) for a in life.acts],
        }
    )


def _act_plain(act: Act, editions: Editions) -> dict[str, Any]:
    plain: dict[str, Any] = {"act": act.kind, "on": act.on, "by": act.party, "org": act.org}
    if act.data:
        plain["with"] = act.data
    if act.documents:
        schemas = editions.on(act.on).programme.documents
        plain["documents"] = {
            k: "complete" if _is_sample(schemas.get(k), v.get("content")) else v.get("content")
            for k, v in act.documents.items()
        }
    if act.centre is not None:
        plain["centre"] = act.centre
    if act.about:
        plain["about"] = act.about
    plain["seq"] = act.seq
    return plain


def _is_sample(schema: p.Document | None, content: Any) -> bool:
    return schema is not None and bool(content == written(schema, "complete"))


def opened(path: Path, mode: Literal["rt", "wt"] = "rt") -> IO[str]:
    """A file of lives opened as text; `.gz` is packed."""
    if path.suffix == ".gz":
        return gzip.open(path, mode, compresslevel=3, encoding="utf-8")
    return path.open(mode, encoding="utf-8")


class BadLives(Exception):
    """A line that is not a life; the text says which line and what is wrong."""


def load(line: str, editions: Editions, number: int = 1) -> Recorded:
    """A life from one line. Raises BadLives naming the line."""
    try:
        plain = json.loads(line)
        world = [_act(p, editions) for p in plain["world"]]
        acts = [_act(p, editions) for p in plain["acts"]]
        return Recorded(str(plain["name"]), str(plain["programme"]), world, acts)
    except BadProposal as bad:
        raise BadLives(f"第{number}行：{bad} / line {number}: {bad}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadLives(
            f"第{number}行不是一段历史记录 / line {number} is not a life: {error}"
        ) from None


def _act(plain: dict[str, Any], editions: Editions) -> Act:
    on = dt.date.fromisoformat(plain["on"])
    act = Act(plain["act"], on, plain["by"], plain["org"], plain.get("with", {}))
    for name, raw in plain.get("documents", {}).items():
        schema = editions.on(on).programme.documents.get(name)
        content = written(schema, raw) if schema is not None else raw
        act.documents[name] = {"content": content}
    act.about, act.seq, act.centre = plain.get("about"), int(plain["seq"]), plain.get("centre")
    rs = editions.on(on)
    return check(rs, act) if act.kind in rs.acts else act


# --- making lives up ----------------------------------------------------------------------------


def make(editions: Editions, seed: int, number: int, steps: int = 45) -> Iterator[Recorded]:
    """That many realistic lives, the same for the same seed; all their acts are accepted.

    One life in twenty is lived from the start; the others vary it in days and keep the acts that
    are accepted still.
    """
    rng = random.Random(seed)
    model: Recorded | None = None
    for i in range(number):
        if model is None or i % MODELS == 0:
            model = _lived(editions, rng, f"{seed}-{i}", steps)
            yield model
        else:
            yield _varied(editions, rng, model, f"{seed}-{i}")


def _lived(editions: Editions, rng: random.Random, name: str, steps: int) -> Recorded:
    rs = rng.choice(editions.rulesets)
    force = rs.programme.instrument.in_force
    last = force.until or force.from_ + dt.timedelta(days=365 * SPAN)
    start = force.from_ + dt.timedelta(days=rng.randrange(max(1, (last - force.from_).days // 3)))
    life = Life(Editions([rs]), rng, start, daring=0.02, imported=0.15)
    for _ in life.steps(steps):
        if force.until is not None and life.on > force.until:
            break
    history = life.book.history(life.centre)
    return Recorded(name, rs.programme.programme, life.book.programme.acts, history.acts)


def _varied(editions: Editions, rng: random.Random, model: Recorded, name: str) -> Recorded:
    """The same life with days moved a little; acts that would not stand are left out."""
    varied = Recorded(name, model.programme, model.world, [])
    world = World(model.world)
    state = fold(editions, [], world)
    moved = dt.timedelta(0)
    for act in standing(model.acts):
        moved = max(dt.timedelta(0), moved + dt.timedelta(days=rng.choice((-3, 0, 0, 2, 5))))
        earliest = varied.acts[-1].on if varied.acts else act.on
        for on in (max(act.on + moved, earliest), max(act.on, earliest)):
            new = _copy(act, on)
            rs = editions.of(state, new.on)
            judgement = judge(rs, state, new, world)
            if judgement.accepted and HELD in judgement.outcomes:
                new.used = tuple(n for n in judgement.used.values() if n)
                rs.apply(state, new, world, judgement.context)
                varied.acts.append(new)
                break
    return varied


def _copy(act: Act, on: dt.date) -> Act:
    return Act(
        act.kind,
        on,
        act.party,
        act.org,
        act.data,
        act.documents,
        act.about,
        centre=act.centre,
        seq=act.seq,
    )


# --- judging many again -------------------------------------------------------------------------

_under: Ruleset | None = None
_editions: Editions | None = None


def _begin(under: Ruleset, editions: Editions) -> None:
    global _under, _editions
    _under, _editions = under, editions


def _judge_lines(lines: list[tuple[int, str]]) -> Report | str:
    assert _under is not None and _editions is not None
    report = Report()
    for number, line in lines:
        try:
            life = load(line, _editions, number)
        except BadLives as error:
            return str(error)
        rejudge(_under, life.acts, World(life.world), report, life.name)
    return report


def rejudge_file(
    path: Path,
    editions: Editions,
    under: Ruleset,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Judges every act of every life of a file again under an edition, on several cores.

    Memory is bounded: lines are read as they are needed. Raises BadLives for the first bad line.
    """
    total = Report()
    context = multiprocessing.get_context("fork")
    with (
        opened(path) as file,
        context.Pool(workers, _begin, (under, editions)) as pool,
    ):
        for part in pool.imap(_judge_lines, _batches(file)):
            if isinstance(part, str):
                raise BadLives(part)
            total.add(part)
            if progress is not None:
                progress(total.lives)
    return total


def _batches(lines: Iterable[str]) -> Iterator[list[tuple[int, str]]]:
    numbered = ((n, line) for n, line in enumerate(lines, 1) if line.strip())
    while batch := list(islice(numbered, BATCH)):
        yield batch


def _make_lines(task: tuple[int, int]) -> list[str]:
    assert _editions is not None
    return [dump(life, _editions) for life in make(_editions, *task)]


def make_file(
    path: Path,
    editions: Editions,
    seed: int,
    number: int,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Writes that many made-up lives, on several cores; the same file for the same seed."""
    tasks = [
        (seed * 1_000_000 + start, min(BATCH, number - start)) for start in range(0, number, BATCH)
    ]
    context = multiprocessing.get_context("fork")
    written = 0
    with (
        opened(path, "wt") as file,
        context.Pool(workers, _begin, (editions.latest, editions)) as pool,
    ):
        for lines in pool.imap(_make_lines, tasks):
            file.write("".join(line + "\n" for line in lines))
            written += len(lines)
            if progress is not None:
                progress(written)


__all__ = ["BadLives", "LoadError", "Recorded", "dump", "load", "make", "make_file", "rejudge_file"]
