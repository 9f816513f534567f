"""Conclusions of evaluations that give no grade are shown among a centre's results."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from banfa.office.desk import record_pages
from banfa.office.intake import verbs
from banfa.office.ledger.verbs import Proposal, record
from banfa.rules import library
from banfa.rules.history import Editions
from banfa.rules.life import Act
from banfa.rules.words import Text
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in
from tests.office.desk.test_pages import text_of


@pytest.mark.django_db
def test_a_conclusion_without_a_grade_is_a_result() -> None:
    rows = "field_zh,阶段,依据\n储能,正式核定,名录"
    day = dt.date(2026, 3, 2)
    got = verbs.bring("jliic", "x", rows.encode(), day, person="测试", dry=False)
    assert got.count(verbs.ACCEPTED) == 1, got.lines
    centre = got.lines[0].centre
    user = seed.person("o", ("provincial_drc", "provincial_drc", "jliic"))
    client = signed_in(user)
    seed.rights.Right.objects.filter(thing=seed.rights.SECOND_FACTOR).update(allowed=False)
    assert "尚无经确认的结果" in text_of(client.get(f"/centres/{centre}/results/"))
    said = Proposal(
        "evaluate_operation", "provincial_drc", dt.date(2026, 5, 6), "jliic", centre,
        data={"finding": "运行平稳，建议继续支持"},
    )  # fmt: skip
    done = record(said)
    assert done.accepted, done.findings
    page = text_of(client.get(f"/centres/{centre}/results/"))
    assert "未定等级" in page and "运行平稳，建议继续支持" in page and "2026-05-06" in page
    assert "第十九条" in page and "尚无经确认的结果" not in page


def test_what_a_conclusion_is_about_and_its_articles_once() -> None:
    rs = library.ruleset(library.edition_folders("nmic", library.SHIPPED)[-1])
    act = Act("conclude_annual_evaluation", "miit", dt.date(2029, 6, 17),
              data={"operation_year": 2, "conclusion": "运行正常"})  # fmt: skip
    entry: Any = SimpleNamespace(
        edition=rs.programme.edition, act=act, name=Text("作出年度评估", ""), party=Text("部", ""),
        org="", cites=["3.3a", "2.6a", "2.6b"], default=None,
    )  # fmt: skip
    page: Any = SimpleNamespace(editions=Editions([rs]))
    assert record_pages._about(page, entry) == "年度序号 2"
    assert record_pages._conclusion(page, entry) == "运行正常"
    texts = [link.text for link in record_pages._cites(page, entry)]
    assert len(texts) == len(set(texts)) == 2 and texts[0].startswith("第三部分")
