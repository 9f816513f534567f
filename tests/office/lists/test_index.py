"""What lists read of a centre is what folding its acts would give, on any day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Q
from hypothesis import given
from hypothesis import strategies as st

from banfa.office.ledger import index, library, queries, store
from banfa.office.ledger.models import Centre
from banfa.rules.life import Period, State

pytestmark = pytest.mark.django_db
DAYS = [dt.date(2030, 11, 15), dt.date(2030, 12, 20), dt.date(2030, 12, 21), dt.date(2040, 1, 1)]


@pytest.mark.parametrize("on", DAYS)
def test_the_stage_in_the_database_is_that_of_the_fold(centres: Any, on: dt.date) -> None:
    for centre in Centre.objects.annotate(now=index.stage_on(on), since=index.since_on(on)):
        page = queries.centre(centre.id, on)
        assert centre.now == page.stage
        assert centre.since == page.ruleset.since(page.state, on)
        row = queries.row_of(centre, on)
        assert (row.stage, row.name, row.since) == (page.stage, page.name, centre.since)
        for stage in page.programme.stages:
            listed = Centre.objects.filter(index.in_stage(stage, on), Q(pk=centre.pk))
            assert listed.exists() == (stage == page.stage)


@pytest.mark.parametrize("on", DAYS)
def test_the_counts_are_those_of_the_lists(centres: Any, on: dt.date) -> None:
    row = queries.programmes(on)[0]
    assert row.total == 3
    for stage in row.model.stages:
        assert queries.centre_list(stage=stage, on=on).total == row.stages.get(stage, 0)


def test_the_counts_take_one_query(centres: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        queries.programmes()


@given(st.dates(dt.date(2028, 1, 1), dt.date(2035, 1, 1)))
def test_a_stage_that_the_calendar_brings_is_known_ahead(end: dt.date) -> None:
    editions = library.editions("mini")
    begun = dt.date(2027, 1, 1)
    state = State(edition="2026", stage="preparing", stage_since=begun)
    state.periods["preparation"] = Period(begun, end, end, 1)
    (turn,) = index.stages_ahead(editions, state, begun)
    assert turn == (end + dt.timedelta(days=1), "prep_over")
    rs = editions.latest
    assert rs.stage_on(state, end) == "preparing" and rs.stage_on(state, turn[0]) == "prep_over"


def test_a_transition_brings_a_stage_too(settings: Any) -> None:
    """The sixth programme of the tests moves centres into a later edition's stages."""
    settings.PROGRAMMES_DIR = Path(__file__).parents[2] / "programmes"
    library.forget()
    editions = library.editions("sixth")
    moves = [t for rs in editions.rulesets for t in rs.programme.transitions]
    assert moves
    before = moves[0].on - dt.timedelta(days=400)
    old = editions.by_name[moves[0].from_]
    for stage in old.programme.stages:
        state = State(edition=moves[0].from_, stage=stage, stage_since=before)
        ahead = index.stages_ahead(editions, state, before)
        for day in (moves[0].on, moves[0].on - dt.timedelta(days=1)):
            later = state.copy()
            editions.carry(later, day)
            wanted = editions.of(later, day).stage_on(later, day)
            told = [s for d, s in ahead if d <= day]
            assert (told[-1] if told else stage) == wanted


def test_names_sort_in_the_order_of_pinyin() -> None:
    names = ["重庆装备", "长春光电", "阿城冶金", "中关村", "a2 实验室", "(未名)"]
    order = sorted(names, key=lambda n: index.spelled(n)[0])
    assert order == ["(未名)", "阿城冶金", "a2 实验室", "长春光电", "重庆装备", "中关村"]
    assert index.spelled("国家先进封装中心")[1] == "gjxjfzzx"
    assert store.PROJECTED.index("sort_key") >= 0
