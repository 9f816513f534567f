"""What was typed and what is recorded are the same content, both ways."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from banfa.office.dossiers import content, outline
from banfa.rules import library
from banfa.rules.life import Act
from banfa.rules.proposals import check
from banfa.rules.ruleset import Ruleset
from tests.office.dossiers import seed

ORGS = {
    "org-1": {"org": "org-1", "name": "甲公司", "kind": "firm"},
    "office-1": {"org": "office-1", "name": "某省发展改革委", "kind": "office"},
}
RS: Ruleset = library.ruleset(seed.PROGRAMMES / "mini" / "2026")
LINE = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=20
)
MONEY = st.integers(0, 10**10).map(lambda n: f"{n // 100}.{n % 100:02d}")
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "text": LINE,
    "long_text": st.lists(LINE, min_size=1, max_size=3).map("\n".join),
    "money": MONEY,
    "integer": st.integers(-(10**9), 10**9).map(str),
    "ratio": st.integers(0, 100).map(lambda n: f"0.{n:02d}" if n < 100 else "1"),
    "boolean": st.sampled_from(["true", "false"]),
    "date": st.dates(dt.date(1949, 10, 1), dt.date(2100, 1, 1)).map(dt.date.isoformat),
    "year": st.integers(1900, 2200).map(str),
    "choice": st.sampled_from(["legal", "loose"]),
    "choices": st.lists(st.sampled_from(["test", "pilot"]), unique=True, min_size=1),
    "texts": st.lists(LINE, min_size=1, max_size=4),
    "people": st.lists(LINE, min_size=1, max_size=4),
    "organisation": st.sampled_from(list(ORGS)),
    "organisations": st.lists(st.sampled_from(list(ORGS)), unique=True, min_size=1),
    "rows": st.lists(
        st.fixed_dictionaries({"name": LINE}, optional={"price": MONEY}), min_size=1, max_size=4
    ),
    "file": st.fixed_dictionaries(
        {"name": LINE, "size": st.integers(1, 10**9), "digest": LINE.map("sha256:{}".format)}
    ),
}
FIELDS = content.fields(RS, "apply")
TYPED = st.fixed_dictionaries(
    {}, optional={path: BY_TYPE[one.type] for path, one in FIELDS.items()}
)


def recorded(typed: dict[str, Any]) -> Act:
    data, documents, mistakes = content.gather(FIELDS, typed, ORGS)
    assert not mistakes
    act = Act("apply", dt.date(2030, 11, 15), "unit", data=data, documents=documents)
    return check(RS, act)


@settings(max_examples=150, deadline=None)
@given(TYPED)
def test_content_goes_to_the_form_and_back(typed: dict[str, Any]) -> None:
    first = recorded(copy.deepcopy(typed))
    contents = {name: held["content"] for name, held in first.documents.items()}
    back = content.typed(FIELDS, first.data, contents)
    assert set(back) == set(typed)
    second = recorded(back)
    assert second.data == first.data
    assert {n: d["content"] for n, d in second.documents.items()} == contents
    assert content.typed(FIELDS, second.data, contents) == back


@settings(max_examples=60, deadline=None)
@given(TYPED)
def test_the_outline_shows_every_field_that_was_filled(typed: dict[str, Any]) -> None:
    parts = outline.outline(RS, "apply", typed, ORGS)
    lines = {line.path: line for p in parts for s in p.sections for line in s.lines}
    assert set(lines) == set(FIELDS)
    assert {path for path, line in lines.items() if not line.empty} == set(typed)
    assert outline.changes(parts, parts) == []


@settings(max_examples=60, deadline=None)
@given(TYPED, TYPED)
def test_the_differences_name_what_differs(one: dict[str, Any], two: dict[str, Any]) -> None:
    before, after = (outline.outline(RS, "apply", typed, ORGS) for typed in (one, two))
    found = {change.path for change in outline.changes(before, after)}
    assert {path for path in one.keys() ^ two.keys()} <= found
    assert not {path for path in one.keys() & two.keys() if one[path] == two[path]} & found


def test_rows_are_compared_row_by_row() -> None:
    path = "documents.plan.money.items"
    old = {path: [{"name": "设备", "price": "8000"}, {"name": "厂房", "price": "4000"}]}
    new = {path: [{"name": "设备", "price": "8500"}, {"name": "厂房", "price": "4000"},
                  {"name": "软件", "price": "1"}]}  # fmt: skip
    before, after = (outline.outline(RS, "apply", typed, ORGS) for typed in (old, new))
    (change,) = outline.changes(before, after)
    assert [row.what for row in change.rows] == ["changed", "same", "added"]
    assert change.rows[0].cells == [("设备", "设备"), ("8,000", "8,500")]
    assert change.head == ["名称", "金额（万元）"]


def test_an_unknown_organisation_is_a_mistake_of_its_field() -> None:
    typed = {"with.guide": "nobody", "documents.plan.basics.partner": 7}
    _data, _documents, mistakes = content.gather(FIELDS, typed, ORGS)
    assert [path for path, _said in mistakes] == ["with.guide", "documents.plan.basics.partner"]


def test_parts_hold_their_fields() -> None:
    assert content.within("documents.plan.money.total", ["documents.plan.money"])
    assert content.within("documents.plan.money", ["documents.plan.money"])
    assert not content.within("documents.plan.money_more", ["documents.plan.money"])
