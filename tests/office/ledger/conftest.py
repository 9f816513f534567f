"""A tiny programme, a clock, and a short way to propose its acts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from banfa.office.ledger import library
from banfa.office.ledger.verbs import Proposal, Receipt, record

PROGRAMMES = Path(__file__).parent / "programmes"
UNIT = {"org": "U", "name": "虚构一号公司", "kind": "firm", "place": "山东"}
PLAN = {"a": "甲的内容", "b": {"x": "丙的内容"}}

Do = Callable[..., Receipt]


@pytest.fixture(autouse=True)
def mini(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation has the tiny programme only, and it is 2030."""
    settings.PROGRAMMES_DIR = PROGRAMMES
    monkeypatch.setenv("BANFA_TODAY", "2030-11-15")
    library.forget()


@pytest.fixture
def do() -> Do:
    """Records an act of the tiny programme: `do(party, act, day, centre, **inputs)`."""

    def act(
        by: str, kind: str, on: str, centre: str | None = None, more: Any = None, **data: Any
    ) -> Receipt:
        return record(
            Proposal(
                act=kind,
                by=by,
                on=dt.date.fromisoformat(on),
                programme="mini",
                centre=centre,
                data=data,
                **(more or {}),
            )
        )

    return act


@pytest.fixture
def begun(do: Do) -> Callable[..., str]:
    """Begins a centre: a notice, an application; gives the centre's id."""

    def begin(field: str = "封装", team: Any = ("张甲",), org: Any = None) -> str:
        do("boss", "notice", "2026-02-10", fields=[field])
        more = {"org": org or UNIT, "documents": {"plan": {"content": PLAN}}, "person": "经办人李"}
        receipt = do("unit", "apply", "2026-02-20", more=more, field_zh=field, team=list(team))
        assert receipt.accepted, receipt.findings
        assert receipt.centre is not None
        return receipt.centre

    return begin
