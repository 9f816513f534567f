"""Official texts: split by the instrument's numbering, compared with the load before."""

from __future__ import annotations

import pytest

from banfa.office.ledger import queries, texts
from banfa.office.ledger.errors import LedgerError, NotOnFile
from banfa.office.ledger.models import OfficialText, Outbox

pytestmark = pytest.mark.django_db

TEXT = """虚构部关于印发《小办法》的通知
第一章　总则
第一条　为了试验，制定本办法。
（一）甲事；
（二）乙事。
依照第一条办理的，另作第二条那样的安排。
第二条 申请应当报送方案。
第二章  附则
第三条  本办法自印发之日起施行。

附件
方案提纲
一、基本情况
"""


def test_a_text_is_split_at_its_articles() -> None:
    parts = {p.key: p for p in texts.split(TEXT, "articles")}
    assert list(parts) == ["0", "1", "2", "3", "annex"]
    assert parts["1"].text.splitlines()[-1].startswith("依照第一条")
    assert parts["2"].text == "申请应当报送方案。" and parts["2"].heading == "第一章　总则"
    assert parts["annex"].text.startswith("方案提纲")


def test_a_guide_is_split_at_its_parts_and_sections() -> None:
    guide = "小指南\n一、背景\n（一）形势\n（二）任务\n（一）这是项\n二、要求\n（一）总体\n话。"
    assert [p.key for p in texts.split(guide, "parts")] == ["0", "1", "1.1", "1.2", "2", "2.1"]


@pytest.mark.parametrize(
    ("text", "number"), [("十", 10), ("十八", 18), ("四十", 40), ("一百零五", 105), ("二十一", 21)]
)
def test_numerals(text: str, number: int) -> None:
    assert texts.numeral(text) == number


def test_a_later_text_that_differs_makes_a_notice() -> None:
    first = texts.load("mini", TEXT)
    assert (first.number, first.unchanged, first.missing) == (1, False, [])
    assert texts.load("mini", TEXT.replace("第一条　", "第一条  ")).unchanged
    assert OfficialText.objects.count() == 5 and Outbox.objects.count() == 0
    changed = texts.load("mini", TEXT.replace("报送方案", "报送方案和证明"))
    assert (changed.number, changed.changed, changed.added) == (2, ["2"], [])
    notice = Outbox.objects.get()
    assert notice.kind == "official_text_changed" and notice.detail["changed"] == ["2"]
    page = queries.programme_page("mini")
    assert page.text_load is not None and page.text_load.number == 2
    assert page.articles[1].text == "申请应当报送方案和证明。"


def test_missing_articles_are_named_and_wrong_files_refused() -> None:
    assert texts.load("mini", TEXT.split("第二章")[0]).missing == ["3"]
    for text, said in [("没有条目", "没有找到"), ("第一条\x00", "不是文本文件")]:
        with pytest.raises(LedgerError, match=said):
            texts.load("mini", text)
    with pytest.raises(NotOnFile):
        texts.load("mini", TEXT, "1999")
