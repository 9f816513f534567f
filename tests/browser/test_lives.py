"""The lives of the five programmes from beginning to end, as the people who do it."""

from __future__ import annotations

from typing import Any

import pytest

from banfa.office.ledger import library, replay
from banfa.rules.library import ids
from tests.browser import walk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_every_programme_has_a_walk() -> None:
    assert {path.stem for path in walk.LIVES.glob("*.yaml")} == set(ids())


@pytest.mark.parametrize("name", sorted(ids()))
def test_a_life_from_beginning_to_end(
    name: str,
    transactional_db: None,
    live_server: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    browser: Any,
) -> None:
    settings.DEMO = True
    settings.PROGRAMMES_DIR = None
    life = walk.read(name)
    monkeypatch.setenv("BANFA_TODAY", life.steps[0].on.isoformat())
    library.forget()
    walk.settle(life)
    walk.Walker(browser, str(live_server.url), life, monkeypatch).walk()
    assert replay.verify().faults == []
    assert replay.rebuild(check=True).faults == []
