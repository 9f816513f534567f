"""A programme with an appraisal, three centres, the ministry's officer."""

from __future__ import annotations

from typing import Any

import pytest

from banfa.office.ledger.models import Centre
from banfa.office.people.models import User
from tests.office.reviews import seed


@pytest.fixture(autouse=True)
def panel(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation has the panel programme only, and it is 2030."""
    seed.use(settings, monkeypatch)


@pytest.fixture
def centres(db: None) -> list[Centre]:
    """Three centres that seek recognition."""
    return seed.centres()


@pytest.fixture
def boss(centres: list[Centre]) -> User:
    """The officer of the ministry that calls reviews."""
    return seed.person("boss-1", ("boss", "boss"), name="部经办人")
