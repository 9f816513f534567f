"""Two clicks at once act once; two centres cannot take the same person; a kill loses nothing."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from banfa.office.ledger import replay
from banfa.office.ledger.models import ActRecord, Centre
from banfa.office.ledger.verbs import Proposal, Receipt, record

from .conftest import PLAN, UNIT, Do

pytestmark = pytest.mark.django_db(transaction=True)
PAIRS = 60


def at_once(*proposals: Proposal) -> list[Receipt | Exception]:
    """Records proposals at the same moment, each over a connection of its own."""
    gate = threading.Barrier(len(proposals))
    answers: list[Any] = [None] * len(proposals)

    def click(i: int, proposal: Proposal) -> None:
        connection.ensure_connection()
        gate.wait()
        try:
            answers[i] = record(proposal)
        except Exception as error:
            answers[i] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=click, args=(i, p)) for i, p in enumerate(proposals)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def accepted(answers: list[Receipt | Exception]) -> int:
    assert not [a for a in answers if isinstance(a, Exception)], answers
    return sum(a.accepted and not a.repeated for a in answers if isinstance(a, Receipt))


def test_two_clicks_at_once_act_once(do: Do, begun: Callable[..., str]) -> None:
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    twice = 0
    for year in range(2000, 2000 + PAIRS):
        called = Proposal(
            "called", "boss", dt.date(2027, 3, 1), centre=centre, data={"round": 1, "year": year}
        )
        twice += accepted(at_once(called, called)) != 1
    assert twice == 0
    assert ActRecord.objects.filter(centre=centre, kind="called").count() == PAIRS
    assert replay.verify().sound and replay.rebuild().faults == []


def test_one_key_from_two_sides_is_one_act(do: Do, begun: Callable[..., str]) -> None:
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    for n in range(20):
        report = Proposal(
            "file_report",
            "unit",
            dt.date(2027, 2, 1),
            centre=centre,
            data={"year": 2026, "contact": str(n)},
            key=f"k{n}",
        )
        answers = at_once(report, report)
        assert accepted(answers) == 1
        assert sorted(a.repeated for a in answers if isinstance(a, Receipt)) == [False, True]
        assert len({a.hash for a in answers if isinstance(a, Receipt)}) == 1


def test_one_person_is_taken_once_by_two_new_centres(do: Do) -> None:
    do("boss", "notice", "2026-02-10", fields=["封装"])
    for n in range(10):
        asked = [
            Proposal(
                "apply",
                "unit",
                dt.date(2026, 2, 20),
                programme="mini",
                org={**UNIT, "org": f"{side}{n}"},
                data={"field_zh": "封装", "team": [f"张{n}"]},
                documents={"plan": {"content": PLAN}},
            )
            for side in "AB"
        ]
        assert accepted(at_once(*asked)) == 1
    assert Centre.objects.count() == 10
    assert sorted(Centre.objects.values_list("id", flat=True))[-1] == "mini-0010"


def test_rounds_and_single_acts_do_not_block_each_other_for_good(
    do: Do, begun: Callable[..., str]
) -> None:
    centres = [begun(f"领域{n}", [f"张{n}"], {**UNIT, "org": f"U{n}"}) for n in range(3)]
    for centre in centres:
        do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    day = dt.date(2027, 3, 1)
    for year in range(2001, 2011):
        data = {"year": year, "centres": centres}
        other = {"year": year + 50, "centres": centres[::-1]}
        one = Proposal("call_round", "boss", day, programme="mini", data=data)
        two = Proposal("call_round", "boss", day, programme="mini", data=other)
        single = Proposal(
            "called", "boss", day, centre=centres[2], data={"round": 1, "year": year + 100}
        )
        # The round that comes second may find a centre's act recorded since.
        assert accepted(at_once(one, two, single)) == 3
    assert replay.verify().sound and replay.rebuild().faults == []
