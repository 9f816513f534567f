"""Counting periods: the conventions of the rule matrices and their worked cases."""

from __future__ import annotations

from datetime import date, timedelta
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banfa.rules.calendar import (
    NotAnnounced,
    Span,
    WorkingDays,
    end_of,
    eve_of,
    last_day_of_month,
    shift,
    year_end,
)

DATES = st.dates(date(1900, 1, 1), date(2900, 12, 31))
MONTHS = st.integers(1, 240).map(lambda n: Span(months=n))


def day(text: str) -> date:
    return date.fromisoformat(text)


ACT_ANCHORED = [
    # conventions of NEIIC and NITEC
    ("2026-03-16", "3 years", "2029-03-16"),
    ("2028-02-29", "1 year", "2029-02-28"),
    ("2027-02-28", "1 year", "2028-02-28"),
    ("2027-11-30", "3 months", "2028-02-29"),
    ("2028-11-30", "3 months", "2029-02-28"),
    ("2028-02-29", "3 months", "2028-05-29"),
    # worked cases
    pytest.param("2028-02-29", "3 years", "2031-02-28", id="D025"),
    pytest.param("2026-08-31", "18 months", "2028-02-29", id="D053"),
    pytest.param("2028-02-29", "1 year", "2029-02-28", id="D055"),
    pytest.param("2027-02-28", "1 year", "2028-02-28", id="D056"),
    pytest.param("2027-11-30", "3 months", "2028-02-29", id="D085"),
    pytest.param("2028-11-30", "3 months", "2029-02-28", id="D086"),
    pytest.param("2028-02-29", "3 months", "2028-05-29", id="D088"),
    pytest.param("2028-08-31", "3 months", "2028-11-30", id="D090"),
    pytest.param("2028-02-29", "3 years", "2031-02-28", id="D126"),
    pytest.param("2024-02-29", "2 years", "2026-02-28", id="J-18"),
    # other shapes
    ("2024-02-29", "4 years", "2028-02-29"),
    ("2100-02-28", "1 month", "2100-03-28"),
    ("2024-01-31", "1 month 1 day", "2024-03-01"),
    ("2026-12-31", "1 day", "2027-01-01"),
    ("2026-10-15", "1 year 6 months 20 days", "2028-05-05"),
]


@pytest.mark.parametrize(("anchor", "span", "end"), ACT_ANCHORED)
def test_a_period_from_an_act_ends_on_the_same_day(anchor: str, span: str, end: str) -> None:
    assert end_of(day(anchor), Span.parse(span)) == day(end)


@pytest.mark.parametrize(
    ("anchor", "span", "late"),
    [
        pytest.param("2028-02-29", "3 years", "2031-03-01", id="D026"),
        pytest.param("2028-02-29", "1 year", "2029-03-01", id="D055"),
        pytest.param("2027-11-30", "3 months", "2028-03-01", id="D085"),
        pytest.param("2028-11-30", "3 months", "2029-03-01", id="D086"),
        pytest.param("2028-02-29", "3 months", "2028-05-30", id="D088"),
        pytest.param("2028-08-31", "3 months", "2028-12-01", id="D090"),
    ],
)
def test_the_day_after_the_end_is_late(anchor: str, span: str, late: str) -> None:
    assert end_of(day(anchor), Span.parse(span)) == day(late) - timedelta(days=1)


@pytest.mark.parametrize(
    ("start", "span", "last"),
    [
        ("2026-02-01", "5 years", "2031-01-31"),
        ("2021-03-01", "3 years", "2024-02-29"),
        pytest.param("2021-03-01", "3 years", "2024-02-29", id="N-35"),
        pytest.param("2016-09-01", "2 years", "2018-08-31", id="M-15, M-16"),
        pytest.param("2017-06-01", "3 years", "2020-05-31", id="M-23"),
        ("2026-01-01", "1 year", "2026-12-31"),
        ("2024-02-29", "1 year", "2025-02-28"),
        ("2024-02-29", "4 years", "2028-02-28"),
        ("2024-03-31", "1 month", "2024-04-30"),
        ("2024-01-30", "1 month", "2024-02-29"),
        ("2024-01-29", "1 month", "2024-02-28"),
        ("2026-05-01", "1 day", "2026-05-01"),
        ("2024-02-29", "1 year 1 day", "2025-03-01"),
    ],
)
def test_a_period_with_its_own_first_day_ends_on_the_eve(start: str, span: str, last: str) -> None:
    assert eve_of(day(start), Span.parse(span)) == day(last)


@pytest.mark.parametrize(
    ("anchor", "span", "end"),
    [
        ("2028-02-29", "1 year", "2027-02-28"),
        ("2026-05-31", "3 months", "2026-02-28"),
        ("2026-01-01", "1 day", "2025-12-31"),
        ("2026-05-31", "3 months 1 day", "2026-02-27"),
    ],
)
def test_counting_back(anchor: str, span: str, end: str) -> None:
    assert end_of(day(anchor), Span.parse(span), sign=-1) == day(end)


def test_ends_of_months_and_years() -> None:
    assert last_day_of_month(2027, 2) == day("2027-02-28")
    assert last_day_of_month(2028, 2) == day("2028-02-29")
    assert last_day_of_month(2100, 2) == day("2100-02-28")
    assert last_day_of_month(2000, 2) == day("2000-02-29")
    assert last_day_of_month(2027, 11) == day("2027-11-30")
    assert year_end(2023) == day("2023-12-31")


# --- spans --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("3 years", Span(years=3)),
        ("1 year", Span(years=1)),
        ("18 months", Span(months=18)),
        ("1 day", Span(days=1)),
        ("10 working days", Span(working_days=10)),
        ("1 working day", Span(working_days=1)),
        ("1 year 6 months", Span(years=1, months=6)),
        ("2 years 1 month 15 days", Span(2, 1, 15)),
    ],
)
def test_spans_are_read_and_written(text: str, span: Span) -> None:
    assert Span.parse(text) == span
    assert str(span) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "years",
        "3 year",
        "1 years",
        "3years",
        "3  years",
        " 3 years",
        "3 years ",
        "3 Years",
        "03 years",
        "0 days",
        "-1 day",
        "1.5 years",
        "6 months 1 year",
        "1 year 1 year",
        "3 weeks",
        "三年",
        "１ year",
        "10 working",
        "10000 days",
        "3 years\n",
        "1 year, 6 months",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a span; write for example") as refusal:
        Span.parse(text)
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize("text", ["1 year 10 working days", "1 day 1 working day"])
def test_working_days_do_not_mix(text: str) -> None:
    with pytest.raises(ValueError, match="do not mix"):
        Span.parse(text)


@pytest.mark.parametrize("amounts", [{}, {"years": -1}, {"days": 10000}])
def test_a_span_is_positive_and_bounded(amounts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="longer than nothing"):
        Span(**amounts)


@given(st.tuples(*[st.integers(0, 9999)] * 3).filter(any), st.integers(1, 9999))
def test_spans_round_trip(amounts: tuple[int, int, int], working: int) -> None:
    for span in (Span(*amounts), Span(working_days=working)):
        assert Span.parse(str(span)) == span


@given(st.text())
def test_any_text_is_a_span_or_a_value_error(text: str) -> None:
    try:
        assert str(Span.parse(text)) == text
    except ValueError as error:
        assert str(error)


# --- properties ---------------------------------------------------------------------------------


@given(DATES, MONTHS)
def test_the_end_is_the_same_day_or_the_last_of_the_month(anchor: date, span: Span) -> None:
    end = end_of(anchor, span)
    assert (12 * (end.year - anchor.year) + end.month - anchor.month) == span.months
    assert end.day == anchor.day or end == last_day_of_month(end.year, end.month)
    assert end.day <= anchor.day


@given(DATES, DATES, MONTHS)
def test_a_later_act_never_ends_earlier(one: date, other: date, span: Span) -> None:
    first, second = sorted((one, other))
    assert end_of(first, span) <= end_of(second, span)
    assert eve_of(first, span) <= eve_of(second, span)


@given(DATES, MONTHS)
def test_a_covered_period_is_followed_by_the_next_without_gap(start: date, span: Span) -> None:
    following = eve_of(start, span) + timedelta(days=1)
    assert following.day in (start.day, 1)
    assert timedelta(days=0) <= following - end_of(start, span) <= timedelta(days=1)


@given(DATES, st.integers(1, 9999))
def test_days_are_counted_plainly(anchor: date, count: int) -> None:
    span = Span(days=count)
    assert end_of(anchor, span) - anchor == timedelta(days=count)
    assert end_of(end_of(anchor, span), span, sign=-1) == anchor


@pytest.mark.parametrize(
    ("anchor", "span", "sign"),
    [
        (date.max, Span(days=1), 1),
        (date(9999, 2, 1), Span(years=1), 1),
        (date.min, Span(months=1), -1),
    ],
)
def test_leaving_the_calendar_is_a_value_error(anchor: date, span: Span, sign: int) -> None:
    with pytest.raises(ValueError, match="leaves the years 1 to 9999"):
        end_of(anchor, span, sign=1 if sign > 0 else -1)
    if sign > 0:
        with pytest.raises(ValueError, match="leaves the years 1 to 9999"):
            eve_of(anchor, Span(years=9000))


# --- working days -------------------------------------------------------------------------------


@pytest.fixture
def table() -> WorkingDays:
    """2026 with an invented holiday of 1 to 7 October, one Saturday worked in exchange."""
    table = WorkingDays()
    off = [date(2026, 10, number) for number in range(1, 8)]
    table.announce(2026, off=[date(2026, 1, 1), *off], worked=[date(2026, 10, 10)])
    return table


def test_nothing_shifts_without_a_table() -> None:
    assert shift(day("2027-02-28")) == day("2027-02-28")  # a Sunday


@pytest.mark.parametrize(
    ("given_day", "shifted"),
    [
        ("2026-02-28", "2026-03-02"),
        ("2026-03-02", "2026-03-02"),
        ("2026-10-01", "2026-10-08"),
        ("2026-10-10", "2026-10-10"),
        ("2026-10-11", "2026-10-12"),
    ],
)
def test_a_table_shifts_to_the_next_working_day(
    table: WorkingDays, given_day: str, shifted: str
) -> None:
    assert shift(day(given_day), table) == day(shifted)


def test_working_days_are_counted_by_the_table(table: WorkingDays) -> None:
    five = Span.parse("5 working days")
    assert end_of(day("2026-09-30"), five, holidays=table) == day("2026-10-13")
    assert end_of(day("2026-10-13"), five, sign=-1, holidays=table) == day("2026-09-30")


def test_a_table_does_not_move_calendar_periods(table: WorkingDays) -> None:
    assert end_of(day("2026-09-01"), Span(months=1), holidays=table) == day("2026-10-01")


def test_the_table_can_be_edited(table: WorkingDays) -> None:
    table.days[day("2026-10-08")] = False
    assert shift(day("2026-10-01"), table) == day("2026-10-09")


def test_working_days_need_a_table() -> None:
    with pytest.raises(ValueError, match="needs a table"):
        end_of(day("2026-09-30"), Span(working_days=1))
    with pytest.raises(ValueError, match="its own first day"):
        eve_of(day("2026-09-30"), Span(working_days=1))


def test_a_year_not_announced_is_not_guessed(table: WorkingDays) -> None:
    assert table.covers(2026) and not table.covers(2027)
    with pytest.raises(NotAnnounced, match="2027") as refusal:
        end_of(day("2026-12-31"), Span(working_days=1), holidays=table)
    assert refusal.value.year == 2027
    assert "2027" in refusal.value.zh
    with pytest.raises(NotAnnounced):
        shift(day("2025-12-31"), table)


def test_counting_is_fast() -> None:
    span, anchor = Span(years=3), date(2028, 2, 29)
    started = perf_counter()
    for _ in range(10_000):
        end_of(anchor, span)
    assert perf_counter() - started < 0.2  # 20 µs each, far above what it takes
