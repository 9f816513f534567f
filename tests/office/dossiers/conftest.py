"""The small programme, its people and a folder for files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from banfa.office.people import accounts
from banfa.office.people.models import User
from tests.office.dossiers import seed


@pytest.fixture(autouse=True)
def small(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The small programme, and 2030-11-15."""
    seed.use(settings, monkeypatch, tmp_path / "files")
    # What a second factor stands in the way of has tests of its own.
    monkeypatch.setattr(accounts, "must_have_second_factor", lambda reach: False)


@pytest.fixture
def people(db: None) -> dict[str, User]:
    """Who takes part."""
    return seed.people()
