"""What pages read: lists, a centre's page in few queries, a programme's page, what is due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from banfa.office.ledger import queries, store
from banfa.office.ledger.errors import NotOnFile
from banfa.rules import library as rules
from banfa.rules.life import State

from .conftest import UNIT, Do

pytestmark = pytest.mark.django_db
Begin = Callable[..., str]


@pytest.fixture
def lively(do: Do, begun: Begin) -> str:
    """A centre with a long history."""
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    for year in range(2027, 2030):
        do("unit", "file_report", f"{year}-02-01", centre, year=year - 1)
        do("boss", "call_round", f"{year}-03-01", year=year, centres=[centre])
    return centre


@pytest.mark.parametrize("warm", [False, True])
def test_a_centres_page_takes_few_queries(
    lively: str, warm: bool, django_assert_max_num_queries: Any
) -> None:
    if not warm:
        store._books.clear()
    with django_assert_max_num_queries(queries.CENTRE_QUERIES):
        page = queries.centre(lively, party="unit")
    assert page.version == 8 and len(page.timeline) == 8
    assert (page.stage, page.stage_name.zh, page.name.zh) == (
        "prep_over",
        "期满",
        "封装中心（筹）",
    )
    assert {d.id for d in page.duties} == {"letter", "report"}
    assert {q.act: q.standing for q in page.permitted}["extend"] == "blocked"
    entry = page.timeline[1]
    assert (entry.name.zh, entry.party.zh, entry.cites) == ("启动", "部", ["2"])
    assert entry.findings and entry.findings[0].says is not None


def test_the_list_shows_the_stage_of_the_day(
    lively: str, begun: Begin, django_assert_max_num_queries: Any
) -> None:
    begun("检测", ["王乙"], {**UNIT, "org": "V"})
    with django_assert_max_num_queries(2):
        rows = queries.centre_list().rows
    assert [(r.id, r.stage) for r in rows] == [("mini-0001", "prep_over"), ("mini-0002", "planned")]
    day = dt.date(2029, 3, 16)
    assert queries.centre_list(on=day).rows[0].stage == "preparing"
    assert queries.centre_list(stage="prep_over").total == 1
    assert queries.centre_list(org="V").rows[0].id == "mini-0002"
    assert queries.centre_list(search="封装 0001").total == 1
    assert queries.centre_list(page=2, size=1).rows[0].id == "mini-0002"
    with django_assert_max_num_queries(5):
        assert queries.centre_list(with_duties=True).rows[0].duties
    assert queries.programmes()[0].stages == {"prep_over": 1, "planned": 1}


def test_what_is_due_across_centres(lively: str) -> None:
    due = queries.due()
    assert (due[0].centre.id, due[0].duty.id) == (lively, "report")
    assert queries.due(party="boss")[0].duty.id == "letter"
    assert queries.due(programme="mini", org="nobody") == []


def test_a_programmes_page(lively: str, do: Do) -> None:
    do("boss", "set_parameter", "2027-01-01", parameter="quota", value="12")
    page = queries.programme_page("mini", party="boss")
    assert [a.key for a in page.articles] == ["1", "2", "3"]
    assert ("act", "apply", "申请") in [(s, i, n.zh) for s, i, n in page.articles[0].uses]
    assert (page.parameters[0].value, page.parameters[0].since) == (12, dt.date(2027, 1, 1))
    assert page.defaults[0].setting == "applies"
    assert page.timeline[0].act.kind == "notice" and page.version == 5
    assert "notice" in {q.act for q in page.permitted}
    assert "apply" in {q.act for q in queries.programme_page("mini", party="unit").permitted}
    with pytest.raises(NotOnFile):
        queries.programme_page("mini", edition="1999")


def test_the_rest(lively: str) -> None:
    assert [o.notice for o in queries.outbox()] == ["letter"]
    newest = queries.recent(limit=3)
    assert newest[0][1].act.kind == "called" and newest[0][0] is not None
    assert queries.organisations() == []
    page = queries.centre(lively)
    assert queries.document(page.timeline[0].act.documents["plan"]["digest"])["a"] == "甲的内容"
    for wrong in (lambda: queries.centre("x"), lambda: queries.document("x")):
        with pytest.raises(NotOnFile):
            wrong()


def test_who_is_commissioned_to_look_at_a_centre_does_not_move_it() -> None:
    rs = rules.ruleset(rules.edition_folders("ncti", rules.SHIPPED)[-1])
    state = State()
    state.roles = {
        "construction_unit": [{"org": "a", "place": "云岭省"}],
        "participant": [{"org": "b", "place": "望海省"}, {"org": "c"}],
        "third_party": [{"org": "d", "place": "江湾市"}],
    }
    assert store.places_of(rs, state) == ["云岭省", "望海省"]
