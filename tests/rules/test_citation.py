"""Citations: parse, print, order, cover."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banfa.rules.citation import Citation, Numbering, chinese_numeral

ARTICLES = [
    ("18", "第十八条", "art. 18"),
    ("18.1", "第十八条第一款", "art. 18, para. 1"),
    ("34(3)", "第三十四条第三项", "art. 34, item 3"),
    ("34(10)", "第三十四条第十项", "art. 34, item 10"),
    ("14.2(3)", "第十四条第二款第三项", "art. 14, para. 2, item 3"),
    ("17(5)", "第十七条第五项", "art. 17, item 5"),
    ("7a", "第七条", "art. 7"),
    ("25b", "第二十五条", "art. 25"),
    ("16(3)a", "第十六条第三项", "art. 16, item 3"),
    ("6(2)b", "第六条第二项", "art. 6, item 2"),
    ("22.1b", "第二十二条第一款", "art. 22, para. 1"),
    ("34.head", "第三十四条", "art. 34"),
    ("14.2.head", "第十四条第二款", "art. 14, para. 2"),
    ("0", "印发通知", "issuing notice"),
    ("0b", "印发通知", "issuing notice"),
    ("annex", "附件", "annex"),
    ("annex2", "附件2", "annex 2"),
    ("annex.4", "附件第四部分", "annex, section 4"),
    ("annex.4.2", "附件第四部分第二项", "annex, section 4, item 2"),
    ("annex2.8.5", "附件2第八部分第五项", "annex 2, section 8, item 5"),
    ("annex.4a", "附件第四部分", "annex, section 4"),
]
PARTS = [
    ("3", "第三部分", "part 3"),
    ("3.2", "第三部分（二）", "part 3, section 2"),
    ("2.3.1", "第二部分（三）1", "part 2, section 3, point 1"),
    ("2.5.2(1)", "第二部分（五）2.（1）", "part 2, section 5, point 2, item 1"),
    ("2.7(1)", "第二部分（七）（1）", "part 2, section 7, item 1"),
    ("3.2d(1)", "第三部分（二）（1）", "part 3, section 2, item 1"),
    ("2.3.1c", "第二部分（三）1", "part 2, section 3, point 1"),
    ("2.5.head", "第二部分（五）", "part 2, section 5"),
    ("3.head", "第三部分", "part 3"),
    ("0", "印发通知", "issuing notice"),
    ("annex.4", "附件第四部分", "annex, section 4"),
]
ALL: list[tuple[Numbering, str, str, str]] = [
    *(("articles", *row) for row in ARTICLES),
    *(("parts", *row) for row in PARTS),
]


def article(text: str) -> Citation:
    return Citation.parse(text, "articles")


@pytest.mark.parametrize(("numbering", "text", "zh", "en"), ALL)
def test_citations_are_read_and_printed(numbering: Numbering, text: str, zh: str, en: str) -> None:
    citation = Citation.parse(text, numbering)
    assert (citation.key, str(citation), citation.zh, citation.en) == (text, text, zh, en)


@pytest.mark.parametrize(
    ("numbering", "text"),
    [
        *(
            ("articles", text)
            for text in (
                *("", " ", "18 ", "018", "18.", ".1", "18.0", "18.01", "18()", "18(0)", "18(a)"),
                *("18.1.1", "18(1)(2)", "18ab", "18A", "a", "head", "18.1.head.1", "18(1).head"),
                *("34.heads", "0.1", "00", "0(1)", "annex.", "annexa", "annex.0", "annex.1.2.3"),
                *("annex(1)", "Annex.4", "第十八条", "１８", "1000", "18\n", "N18", "18.1 (1)"),
            )
        ),
        *(("parts", text) for text in ("3.2.1.1", "3.2.1.head", "三", "2.3.2(一)", "2.5.2.(1)")),
    ],
)
def test_other_texts_are_refused(numbering: Numbering, text: str) -> None:
    with pytest.raises(ValueError, match="is not a citation; the forms are") as refusal:
        Citation.parse(text, numbering)
    assert repr(text) in str(refusal.value)


def test_the_forms_named_in_a_refusal_are_allowed() -> None:
    for numbering, example in (("articles", "14.2(3)"), ("parts", "2.5.2(1)")):
        with pytest.raises(ValueError) as refusal:
            Citation.parse("?", numbering)  # type: ignore[arg-type]
        forms = str(refusal.value).split("the forms are: ")[1].split(", ")
        assert example in forms
        assert [str(Citation.parse(form, numbering)) for form in forms] == forms  # type: ignore[arg-type]


def test_citations_sort_in_the_order_of_the_instrument() -> None:
    order = [
        *("0", "0a", "1", "2.1", "2.2", "7a", "7b", "9", "10", "14.1", "14.2", "14.2.head"),
        *("14.2(1)", "14.2(10)", "16(2)", "16(3)", "16(3)a", "16(3)b", "34", "34.head", "34(1)"),
        *("34(2)", "36", "annex", "annex.1", "annex.4", "annex.4.2", "annex.10", "annex2.8.5"),
    ]
    shuffled = random.Random(1).sample(order, len(order))
    assert [str(one) for one in sorted(map(article, shuffled))] == order
    parts = ["3.1", "3.2", "3.2c", "3.2d", "3.2d(1)", "3.2d(2)", "3.3", "4.1"]
    assert [str(c) for c in sorted(Citation.parse(p, "parts") for p in parts[::-1])] == parts


@pytest.mark.parametrize(
    ("whole", "inner", "covered"),
    [
        ("18", "18", True),
        ("18", "18.1", True),
        ("18", "18a", True),
        ("34", "34(3)", True),
        ("34", "34.head", True),
        ("14.2", "14.2(3)", True),
        ("16(3)", "16(3)a", True),
        ("annex", "annex.4.2", True),
        ("annex.4", "annex.4.2", True),
        ("22a", "22a(1)", True),
        ("18.1", "18", False),
        ("1", "18", False),
        ("34.head", "34(1)", False),
        ("34(1)", "34(10)", False),
        ("7a", "7", False),
        ("7a", "7b", False),
        ("annex", "annex2", False),
        ("4", "annex.4", False),
    ],
)
def test_a_place_covers_what_lies_within_it(whole: str, inner: str, covered: bool) -> None:
    assert article(whole).covers(article(inner)) is covered


def test_instruments_of_different_numbering_never_cover_or_equal_each_other() -> None:
    one, other = article("3.2"), Citation.parse("3.2", "parts")
    assert one != other
    assert not one.covers(other)
    assert len({one, other, article("3.2")}) == 2


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((0, "零"), (1, "一"), (9, "九"), (10, "十"), (11, "十一"), (19, "十九"), (20, "二十")),
        *((21, "二十一"), (34, "三十四"), (90, "九十"), (99, "九十九"), (100, "一百")),
        *((105, "一百零五"), (110, "一百一十"), (118, "一百一十八"), (999, "九百九十九")),
    ],
)
def test_chinese_numerals(number: int, text: str) -> None:
    assert chinese_numeral(number) == text


@pytest.mark.parametrize("number", [-1, 1000])
def test_numerals_out_of_range(number: int) -> None:
    with pytest.raises(ValueError, match="outside 0 to 999"):
        chinese_numeral(number)


def test_numerals_are_distinct() -> None:
    assert len({chinese_numeral(number) for number in range(1000)}) == 1000


NUMBER = st.integers(1, 999).map(str)
LETTER = st.sampled_from(["", *"abcdz"])
ITEM = st.one_of(st.just(""), NUMBER.map("({})".format))


def _joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def _dotted(least: int, most: int) -> st.SearchStrategy[str]:
    return st.lists(NUMBER, min_size=least, max_size=most).map(
        lambda numbers: "".join(f".{number}" for number in numbers)
    )


ANNEX = _joined(st.just("annex"), st.one_of(st.just(""), NUMBER), _dotted(1, 2), LETTER)
TEXTS: dict[Numbering, st.SearchStrategy[str]] = {
    "articles": st.one_of(_joined(NUMBER, _dotted(0, 1), ITEM, LETTER), ANNEX),
    "parts": st.one_of(_joined(NUMBER, _dotted(0, 2), ITEM, LETTER), ANNEX),
}


@pytest.mark.parametrize("numbering", ["articles", "parts"])
@given(data=st.data())
def test_citations_round_trip(numbering: Numbering, data: st.DataObject) -> None:
    text = data.draw(TEXTS[numbering])
    citation = Citation.parse(text, numbering)
    assert citation.key == text
    assert Citation.parse(citation.key, numbering) == citation
    assert citation.zh and citation.en and citation.covers(citation)


@pytest.mark.parametrize("numbering", ["articles", "parts"])
@given(data=st.data())
def test_order_agrees_with_equality(numbering: Numbering, data: st.DataObject) -> None:
    one, other = (Citation.parse(data.draw(TEXTS[numbering]), numbering) for _ in "ab")
    assert (one < other) + (one > other) + (one == other) == 1
    if one.covers(other):
        assert one <= other


@given(st.text(max_size=12))
def test_any_text_is_a_citation_or_a_value_error(text: str) -> None:
    try:
        assert str(article(text)) == text
    except ValueError as error:
        assert str(error)
