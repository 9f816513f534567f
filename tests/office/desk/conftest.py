"""A tiny programme with every type of input, three centres and a clock, for tests of the pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.office.desk import seed


@pytest.fixture(autouse=True)
def mini(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation has the tiny programme only, and it is 2030."""
    seed.use(settings, monkeypatch)


@pytest.fixture
def centres(db: None) -> tuple[str, str, str]:
    """Three centres: preparation over; preparing with an open extension; planned."""
    return seed.centres()


def signed_in(user: Any) -> Client:
    """A browser in which somebody is signed in."""
    client = Client(headers={"host": "localhost"})
    client.force_login(user, "banfa.office.people.accounts.Backend")
    return client


@pytest.fixture
def client(db: None) -> Client:
    """A browser of somebody who holds every capacity."""
    return signed_in(seed.everybody())
