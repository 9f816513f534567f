"""What is kept beside a centre tells at any time what its life, folded anew, would tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Q

from banfa.office import clock, demo
from banfa.office.demo import loader
from banfa.office.ledger import agenda, library, queries, replay, store
from banfa.office.ledger.models import Agenda, Centre, Listing, Matter, ProgrammeBook
from banfa.rules.horizon import WatchedDay, outlook
from banfa.rules.life import State
from tests.office.ledger.conftest import Do

pytestmark = pytest.mark.django_db


def live(today: dt.date) -> dict[str, list[Any]]:
    owed = queries.duties_of(Centre.objects.exclude(stage=None).order_by("id"), today)
    return {centre: sorted(map(repr, duties)) for centre, duties in owed.items() if duties}


def kept(today: dt.date) -> dict[str, list[Any]]:
    owed = queries.kept_duties(Centre.objects.exclude(stage=None).order_by("id"), today)
    return {centre: sorted(map(repr, duties)) for centre, duties in owed.items() if duties}


def live_cases() -> set[tuple[Any, ...]]:
    found = set()
    for centre in Centre.objects.order_by("id"):
        page = queries.centre(centre.id)
        for case in page.state.cases.values():
            found.add((centre.id, case.id, case.step, case.since or case.opened, case.closed))
    return found


def kept_cases() -> set[tuple[Any, ...]]:
    rows = Matter.objects.filter(sort="case")
    return set(rows.values_list("centre_id", "key", "step", "since", "closed"))


DAYS = ("2030-11-15", "2031-03-01", "2032-06-15", "2029-05-01")


def bare(duties: Any) -> list[Any]:
    return [(d.id, d.year, d.since, d.due, d.holder) for d in duties]


def nothing_differs_before_the_day_named() -> None:
    """The day named is the first on which anything differs; until then nothing does."""
    for centre in Centre.objects.select_related("book").order_by("id"):
        editions, world = store.editions_of(centre.book), store.world_of(centre.book)
        history = store.history_of(editions, store.rows_of(centre, centre.book))
        day = demo.TODAY
        for _ in range(3):
            state = history.state(world, day)
            rs = editions.of(state, day)
            found = outlook(rs, state, day, world)
            if found.until is None:
                break
            later = outlook(rs, state, found.until - dt.timedelta(days=1), world)

            assert bare(later.duties) == bare(found.duties), (centre.id, day, found.until)
            day = found.until


def test_the_demonstration_is_told_as_folding_tells_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANFA_TODAY", demo.TODAY.isoformat())
    settings.PROGRAMMES_DIR = None
    library.forget()
    loader.load()
    assert kept_cases() == live_cases() != set()
    nothing_differs_before_the_day_named()
    for day in DAYS:
        monkeypatch.setenv("BANFA_TODAY", day)
        assert kept(clock.today()) == live(clock.today()), day
    assert not replay.rebuild(check=True).faults
    monkeypatch.setenv("BANFA_TODAY", demo.TODAY.isoformat())
    owed = [(d.centre.id, repr(d.duty)) for d in queries.due()]
    assert len(owed) == sum(len(d) for d in live(demo.TODAY).values())
    library.forget()


def test_a_duty_comes_with_its_day(do: Do, begun: Callable[..., str], monkeypatch: Any) -> None:
    centre = begun()
    do("boss", "start", "2029-03-16", centre, end="2031-03-16")
    reports = Matter.objects.filter(centre=centre, name="report")
    assert [m.year for m in reports] == [2029]
    assert reports[0].due == dt.date(2030, 2, 28) and "2030-02-28" in reports[0].computed[0]
    assert reports[0].seats == ["unit@U"] and reports[0].acts == ["file_report"]
    assert Agenda.objects.get(centre=centre).until == dt.date(2031, 1, 1)
    monkeypatch.setenv("BANFA_TODAY", "2031-01-01")
    assert [d.duty.year for d in queries.due() if d.duty.id == "report"] == [2029, 2030]
    do("unit", "file_report", "2031-01-01", centre, year=2029)
    assert [m.year for m in reports.all()] == [2030]


def test_a_case_is_kept_with_who_has_it(do: Do, begun: Callable[..., str]) -> None:
    centre = begun()
    do("boss", "start", "2029-03-16", centre, end="2031-03-16")
    do("unit", "extend", "2030-10-01", centre)
    case = Matter.objects.get(centre=centre, sort="case")
    assert (case.key, case.step, case.closed) == ("extension#3", "filed", False)
    assert (case.holders, case.seats, case.acts) == (["boss"], ["boss"], ["grant"])
    assert (case.opener, case.opened_by, case.since) == ("U", 3, dt.date(2030, 10, 1))
    do("boss", "grant", "2030-10-20", centre, end="2031-12-31")
    case = Matter.objects.get(centre=centre, sort="case")
    assert case.closed and case.step == "granted" and case.holders == []


def test_few_queries_however_many_are_out_of_date(
    do: Do, begun: Callable[..., str], monkeypatch: Any, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        do(
            "boss",
            "start",
            "2029-03-16",
            begun(f"领域{number}", team=[f"人{number}"]),
            end="2031-03-16",
        )
    with django_assert_num_queries(2):
        agenda.refresh(clock.today())
    monkeypatch.setenv("BANFA_TODAY", "2031-01-01")
    with django_assert_num_queries(11):
        assert agenda.refresh(clock.today()) == 0
    assert Matter.objects.filter(name="report", year=2030).count() == 5
    monkeypatch.setenv("BANFA_TODAY", "2032-01-01")
    assert agenda.refresh(clock.today(), Q(id="mini-0001"), limit=1) == 0
    assert agenda.refresh(clock.today(), limit=2) == 2


def test_a_list_kept_outside_and_an_annulled_programme_act_outdate(
    do: Do, begun: Callable[..., str]
) -> None:
    centre = begun()
    row = Agenda.objects.filter(centre=centre)
    row.update(asked=["listed:joint_punishment_list"])
    Listing.objects.create(list="other", organisation="U")
    assert row.get().until is None or row.get().until > clock.today()
    Listing.objects.create(list="joint_punishment_list", organisation="U")
    assert row.get().until == dt.date.min
    agenda.refresh(clock.today())
    book = ProgrammeBook.objects.get()
    assert row.get().saw == book.head_seq
    do("boss", "notice", "2030-11-01", fields=["别的"])
    assert row.get().saw == book.head_seq + 1


def test_rebuild_finds_and_mends_what_was_changed(do: Do, begun: Callable[..., str]) -> None:
    do("boss", "start", "2029-03-16", begun(), end="2031-03-16")
    assert not replay.rebuild(check=True).faults
    Matter.objects.filter(name="report").update(due=dt.date(2040, 1, 1))
    assert "在办与应办事项" in replay.rebuild(check=True).faults[0].zh
    replay.rebuild(check=False)
    assert not replay.rebuild(check=True).faults
    Agenda.objects.update(version=1)
    assert replay.rebuild(check=True).faults


@pytest.mark.parametrize(
    ("ask", "until"),
    [
        (lambda d: d < dt.date(2031, 5, 1), dt.date(2031, 5, 1)),
        (lambda d: d <= dt.date(2031, 5, 1), dt.date(2031, 5, 2)),
        (lambda d: d > dt.date(2031, 5, 1), dt.date(2031, 5, 2)),
        (lambda d: dt.date(2031, 5, 1) <= d, dt.date(2031, 5, 1)),
        (lambda d: d == dt.date(2031, 5, 1), dt.date(2031, 5, 1)),
        (lambda d: d != dt.date(2030, 11, 15), dt.date(2030, 11, 16)),
        (lambda d: d <= dt.date(2030, 11, 15), dt.date(2030, 11, 16)),
        (lambda d: d < dt.date(2020, 1, 1), None),
        (lambda d: d.year, dt.date(2031, 1, 1)),
        (lambda d: d.month, dt.date(2030, 12, 1)),
        (lambda d: d.day, dt.date(2030, 11, 16)),
        (lambda d: d + dt.timedelta(days=3), dt.date(2030, 11, 16)),
        (lambda d: dt.date(2031, 1, 1) - d, dt.date(2030, 11, 16)),
        (lambda d: f"{d}", dt.date(2030, 11, 16)),
        (lambda d: max(d, dt.date(2031, 2, 3)), dt.date(2031, 2, 3)),
    ],
)  # fmt: skip
def test_a_watched_day_notes_when_an_answer_turns(ask: Any, until: dt.date | None) -> None:
    watched, plain = WatchedDay(2030, 11, 15), dt.date(2030, 11, 15)
    assert ask(watched) == ask(plain)
    assert watched.until == until


def test_an_empty_life_owes_nothing() -> None:
    rs = library.editions("mini").latest
    from banfa.rules.world import World

    assert outlook(rs, State(), dt.date(2030, 11, 15), World()).duties == []
