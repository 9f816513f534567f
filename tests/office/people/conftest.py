"""The tiny programme with its three centres, and people to sign in."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from banfa.office.people import places
from tests.office.desk import seed

HOST = {"host": "localhost"}


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
def visitor() -> Client:
    """A browser in which nobody is signed in."""
    return Client(headers=HOST)


@pytest.fixture
def administrators(db: None) -> dict[str, Any]:
    """The three administrators."""
    return {role: seed.person(f"{role}-1", role=role) for role in ("system", "security", "audit")}
