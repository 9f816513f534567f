"""Means, spread, dropped extremes, outlying judges, ranking: by example and by property."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banfa.office.reviews import sheets, summary
from banfa.office.reviews.summary import Scored

SHEET = sheets.Sheet(
    (sheets.Criterion("c1", "甲", 60), sheets.Criterion("c2", "乙", 40)), 0, 100, 2
)
scores = st.integers(0, 10_000)
rows_of_one = st.lists(st.tuples(scores, scores), min_size=1, max_size=12)


def one_centre(pairs: list[tuple[int, int]], centre: str = "a") -> list[Scored]:
    return [Scored(n, centre, {"c1": a, "c2": b}) for n, (a, b) in enumerate(pairs, 1)]


def figures(pairs: list[tuple[int, int]], drop: int = 0) -> dict[str, str]:
    found = summary.summed_up(SHEET, one_centre(pairs), drop)
    total: dict[str, str] = found["centres"]["a"]["total"]
    return total


def test_by_hand() -> None:
    # Totals 86, 70, 92.5, 60: by hand, with 60 % and 40 %.
    pairs = [(9000, 8000), (7000, 7000), (9250, 9250), (6000, 6000)]
    assert figures(pairs) == {
        "mean": "77.13", "median": "78.00", "deviation": "12.84", "least": "60.00",
        "most": "92.50",
    }  # fmt: skip
    assert figures(pairs, 1)["mean"] == "78.00"
    assert figures(pairs, 1)["median"] == "78.00", "the median is of all sheets"


def test_rounding_is_half_up_once() -> None:
    assert str(summary.rounded(Fraction(12345, 1000))) == "12.35"
    assert str(summary.rounded(Fraction(1, 3))) == "0.33"
    assert str(summary.rounded(Fraction(2, 3))) == "0.67"
    assert str(summary.rounded(Fraction(-12345, 1000))) == "-12.35"


def test_ties_share_a_rank_and_the_next_is_left_out() -> None:
    given = [Decimal(n) for n in ("90", "80", "80", "70")]
    assert summary.ranks(given) == [1, 2, 2, 4]
    assert summary.ranks([Decimal(1)] * 3) == [1, 1, 1]


def test_equal_scores_of_centres_rank_equal_whatever_makes_them_up() -> None:
    rows = [
        *one_centre([(8000, 8000), (8000, 8000)], "a"),
        *one_centre([(9000, 6500), (8000, 8000)], "b"),
        *one_centre([(9000, 9000), (9000, 9000)], "c"),
    ]
    found = summary.summed_up(SHEET, rows, 0)["centres"]
    assert [found[c]["rank"] for c in "abc"] == [2, 2, 1]


def test_dropping_with_too_few_sheets_drops_none() -> None:
    assert summary.kept(SHEET, one_centre([(1, 1), (2, 2)]), 1) == [True, True]
    assert summary.kept(SHEET, one_centre([(1, 1), (3, 3), (2, 2)]), 1) == [False, False, True]


def test_a_judge_who_lies_out_is_pointed_out() -> None:
    pairs = [(8000, 8000), (8100, 8100), (7900, 7900), (8050, 8050), (3000, 3000)]
    found = summary.summed_up(SHEET, one_centre(pairs), 0)
    assert [s["outlying"] for s in found["centres"]["a"]["sheets"]] == [False] * 4 + [True]
    assert found["judges"]["5"] == {"leaning": "-50.00", "outlying": 1}
    assert found["centres"]["a"]["total"]["mean"] == "70.10", "it only points out"


def test_when_most_agree_a_tenth_of_the_scale_is_the_limit() -> None:
    same = [Fraction(80)] * 4
    assert summary.outlying([*same, Fraction(90)], 100) == [False] * 5
    assert summary.outlying([*same, Fraction(9001, 100)], 100) == [False] * 4 + [True]
    assert summary.outlying([Fraction(1), Fraction(99)], 100) == [False, False], "too few to say"


@given(rows_of_one, st.integers(0, 3))
def test_dropped_extremes_are_symmetric_and_the_mean_stays_between(
    pairs: list[tuple[int, int]], drop: int
) -> None:
    rows = one_centre(pairs)
    stay = summary.kept(SHEET, rows, drop)
    totals = [SHEET.total(r.scores) for r in rows]
    left = sorted(t for t, keep in zip(totals, stay, strict=True) if keep)
    if drop and len(rows) > 2 * drop:
        assert left == sorted(totals)[drop : len(totals) - drop]
    else:
        assert all(stay)
    mean = Decimal(figures(pairs, drop)["mean"])
    assert summary.rounded(Fraction(left[0], 10_000)) <= mean
    assert mean <= summary.rounded(Fraction(left[-1], 10_000))


@given(
    st.lists(st.lists(st.tuples(scores, scores), min_size=3, max_size=3), min_size=1, max_size=5),
    st.integers(0, 1),
    st.randoms(use_true_random=False),
)
def test_the_order_of_sheets_and_centres_makes_no_difference(
    given_: list[list[tuple[int, int]]], drop: int, random: object
) -> None:
    rows = [s for n, pairs in enumerate(given_) for s in one_centre(pairs, f"c{n}")]
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert summary.summed_up(SHEET, rows, drop) == summary.summed_up(SHEET, shuffled, drop)


@given(rows_of_one, st.integers(0, 2), st.randoms(use_true_random=False))
def test_who_gave_a_score_makes_no_difference_to_the_figures(
    pairs: list[tuple[int, int]], drop: int, random: object
) -> None:
    other = list(pairs)
    random.shuffle(other)  # type: ignore[attr-defined]
    one = summary.summed_up(SHEET, one_centre(pairs), drop)["centres"]["a"]
    two = summary.summed_up(SHEET, one_centre(other), drop)["centres"]["a"]
    assert (one["total"], one["criteria"]) == (two["total"], two["criteria"])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_ranks_count_those_before(values: list[int]) -> None:
    found = summary.ranks([Decimal(v) for v in values])
    for value, rank in zip(values, found, strict=True):
        assert rank == 1 + len([v for v in values if v > value])
    assert min(found) == 1 and max(found) <= len(values)


@pytest.mark.parametrize(
    ("raw", "places", "expected"),
    [("85", 0, 8500), ("85.5", 1, 8550), ("0", 0, 0), ("100", 2, 10_000), ("99.99", 2, 9999)],
)
def test_a_score_is_read_exactly(raw: str, places: int, expected: int) -> None:
    sheet = sheets.Sheet(SHEET.criteria, 0, 100, places)
    assert sheets.score(sheet, raw) == expected


@pytest.mark.parametrize(
    "raw", ["85.5", "101", "-1", "1e2", "九十", "🎉", "=1+1", "NaN", " ", "9" * 400, "٩"]
)
def test_what_is_no_score_is_refused(raw: str) -> None:
    with pytest.raises(sheets.ReviewError, match="整数"):
        sheets.score(sheets.Sheet(SHEET.criteria), raw)


def test_weights_must_sum_to_a_hundred() -> None:
    rows = [{"name": "甲", "weight": "60"}, {"name": "乙", "weight": "50"}]
    with pytest.raises(sheets.ReviewError, match="现为110"):
        sheets.read(rows, "0", "100", "0")
    rows[1]["weight"] = "40"
    assert sheets.read([*rows, {"name": "", "weight": ""}], "0", "100", "1").places == 1
    assert sheets.of(sheets.read(rows, "0", "10", "2").as_data()).highest == 10


@pytest.mark.parametrize(
    ("hundredths", "said"), [(8550, "85.5"), (8500, "85"), (8505, "85.05"), (0, "0")]
)
def test_points_as_people_write_them(hundredths: int, said: str) -> None:
    assert sheets.points(hundredths) == said
