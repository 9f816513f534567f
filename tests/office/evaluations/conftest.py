"""The tiny programme with its three centres, and an indicator system for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from banfa.office.people import places
from tests.office.desk import seed


@pytest.fixture(autouse=True)
def mini(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation has the tiny programme only, and it is 2030."""
    seed.use(settings, monkeypatch)
    places.names_within.cache_clear()


@pytest.fixture
def centres(db: None) -> tuple[str, str, str]:
    """Three centres: of org-1, org-2 and org-4."""
    return seed.centres()


@pytest.fixture
def system_text() -> str:
    """An indicator system for the tiny programme: three hands, a derived figure, a gate."""
    return (Path(__file__).parent / "system.yaml").read_text(encoding="utf-8")
