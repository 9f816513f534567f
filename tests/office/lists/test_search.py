"""Search finds what LIKE would find, whatever is typed, and only what the reader may see."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from banfa.office.ledger import replay, search, verbs
from banfa.office.ledger.models import Centre, SearchText
from tests.office.desk import seed

pytestmark = pytest.mark.django_db

LETTERS = st.sampled_from("中心新材料甲乙aAbＢ1２'\\&|:*<>()!%_\" \t\x01😀é。")
TEXTS = st.text(LETTERS, max_size=40)


def found(word: str) -> set[str]:
    return set(SearchText.objects.filter(search.matching(word)).values_list("source", flat=True))


def folded(text: str) -> str:
    """A text as search compares it: the cases of Latin letters are one."""
    return "".join(c.lower() if c.isascii() else c for c in search.clean(text))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(TEXTS, max_size=6), TEXTS)
def test_pairs_find_exactly_what_contains_the_word(
    centres: Any, texts: list[str], query: str
) -> None:
    centre = Centre.objects.get(pk=centres[0])
    SearchText.objects.all().delete()
    for number, text in enumerate(texts):
        search.index(centre, f"note:{number}", text, "备注")
    for word in search.words_of(query):
        wanted = {f"note:{n}" for n, text in enumerate(texts) if folded(word) in folded(text)}
        assert found(word) == wanted


@given(TEXTS, TEXTS)
def test_an_excerpt_is_a_piece_of_the_text_with_the_word_marked(text: str, query: str) -> None:
    whole, words = search.clean(text), search.words_of(query)
    pieces = search.excerpt(whole, words)
    shown = "".join(piece for piece, _hit in pieces).strip("…")
    assert shown in whole
    marked = {folded(piece) for piece, hit in pieces if hit}
    assert marked <= {folded(w) for w in words}
    if any(folded(w) in folded(whole) for w in words):
        assert marked


@pytest.mark.parametrize(
    "query", ["", " ", "\0", "😀", "'", "\\", "'::", "a & b", "x" * 10_000, "‮", "%", "_", "\ud800"]
)
def test_nothing_that_is_typed_breaks_it(centres: Any, query: str) -> None:
    assert Centre.objects.filter(search.centres_with(query)).count() <= 3
    assert set(search.hits(query, centres)) == set(centres)


def test_a_long_text_is_found_at_its_end_and_across_its_parts(centres: Any) -> None:
    centre = Centre.objects.get(pk=centres[0])
    filler = "".join(chr(0x4E00 + n % 5000) for n in range(19_950))
    search.index(centre, "dossier:1", filler + "跨越两部分的这一句话在此" * 8 + "末尾", "材料")
    assert SearchText.objects.filter(source__startswith="dossier:1").count() == 2
    assert found("跨越两部分的这一句话在此" * 5)
    assert found("末尾") == {"dossier:1/2"}
    search.index(centre, "dossier:1", "", "材料")
    assert not SearchText.objects.filter(source__startswith="dossier:1").exists()


def test_words_may_stand_in_different_texts_of_one_centre(centres: Any) -> None:
    def ids(query: str, **more: Any) -> set[str]:
        found = Centre.objects.filter(search.centres_with(query, **more))
        return set(found.values_list("id", flat=True))

    over, preparing, planned = centres
    assert ids("先进封装") == {over}
    assert ids("中试平台 氢能") == {preparing}
    assert ids("mini-0003 工业") == {planned}
    assert ids("gyrj") == {planned}, "initials of 工业软件"
    assert ids("中试平台", source=search.PROFILE) == set()
    assert ids("中 试") == ids("中试平台") == set(centres)


def test_an_organisations_own_texts_are_found_by_it_alone(centres: Any) -> None:
    centre = Centre.objects.get(pk=centres[0])
    search.index(centre, "dossier:7", "内部草稿用语", "草稿", owner="org-1", link="/x/")
    assert not Centre.objects.filter(search.centres_with("草稿用语")).exists()
    assert not Centre.objects.filter(search.centres_with("草稿用语", ["org-2"])).exists()
    assert Centre.objects.filter(search.centres_with("草稿用语", ["org-1"])).count() == 1
    assert search.hits("草稿用语", centres)[centre.id] == []
    hit = search.hits("草稿用语", centres, ["org-1"])[centre.id][0]
    assert (hit.link, hit.pieces) == ("/x/", [("内部", False), ("草稿用语", True)])


def test_what_is_erased_is_not_found_any_more(centres: Any) -> None:
    over = centres[0]
    assert Centre.objects.filter(search.centres_with("服务全行业")).filter(pk=over).exists()
    verbs.erase("mini", over, 1, "documents.plan", "测试", "含个人信息")
    assert not Centre.objects.filter(search.centres_with("服务全行业")).filter(pk=over).exists()
    assert replay.rebuild().sound


def test_a_lost_text_is_noticed_and_made_anew(centres: Any) -> None:
    SearchText.objects.filter(source="act:1", centre=centres[0]).delete()
    Centre.objects.filter(pk=centres[1]).update(sort_key="zzz")
    said = [str(fault) for fault in replay.rebuild().faults]
    assert any("检索内容" in s for s in said) and any("sort_key" in s for s in said)
    replay.rebuild(check=False)
    assert replay.rebuild().sound
    assert SearchText.objects.filter(source="act:1", centre=centres[0]).count() == 1


def test_the_profile_follows_the_name(centres: Any) -> None:
    before = SearchText.objects.get(centre=centres[2], source=search.PROFILE).text
    seed.do("boss", "start", "2030-10-01", centres[2], end="2032-10-01")
    after = SearchText.objects.get(centre=centres[2], source=search.PROFILE).text
    assert "国家工业软件样例中心（筹）" in after and before != after
