"""The tiny programme of the desk's tests, and somebody who holds every capacity in it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.office.desk import seed
from tests.office.desk.conftest import signed_in


@pytest.fixture(autouse=True)
def mini(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation has the tiny programme only, and it is 2030-11-15."""
    seed.use(settings, monkeypatch)


@pytest.fixture
def centres(db: None) -> tuple[str, str, str]:
    """Three centres: preparation over; preparing with an open extension; planned."""
    return seed.centres()


@pytest.fixture
def client(db: None) -> Client:
    """A browser of somebody who holds every capacity."""
    return signed_in(seed.everybody())
