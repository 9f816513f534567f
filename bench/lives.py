"""Judging many lives again under another edition, beside the hand-written loop."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from pathlib import Path

from banfa.rules.history import Editions
from banfa.rules.library import SHIPPED, edition_folders, ids, ruleset
from banfa.rules.lives import make_file, rejudge_file
from bench import by_hand, engine

LIVES = int(os.environ.get("BENCH_LIVES", "4000"))
CORES = os.cpu_count() or 1


def run() -> None:
    """Makes lives of the largest programme and judges them again on all cores."""
    name = max(ids(), key=lambda n: len(list((SHIPPED / n / "cases").glob("*.yaml"))))
    rs = ruleset(edition_folders(name)[-1])
    editions = Editions([rs])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lives.jsonl.gz"
        begun = time.perf_counter()
        make_file(path, editions, 1, LIVES, CORES)
        made = time.perf_counter() - begun
        begun = time.perf_counter()
        report = rejudge_file(path, editions, rs, CORES)
        took = time.perf_counter() - begun
        size = path.stat().st_size / 1e6
    assert report.otherwise == 0 and report.lives == LIVES
    plain = engine.life(1)
    hand = len(plain) / engine.timed(lambda: by_hand.run(plain))
    speed = report.acts / took
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{LIVES:,} made-up lives of {rs.id}, {report.acts:,} acts, {size:.1f} MB packed")
    print(f"  made in                           {made:6.1f} s")
    print(f"  read and judged again in          {took:6.1f} s   on {CORES} cores")
    print(f"  acts a second                  {speed:9,.0f}")
    print(f"  ÷ the hand-written loop's one core {speed / hand:5.3f}   ({hand:,.0f} acts a second)")
    print(f"  largest worker                    {peak:6.0f} MB")
