"""A running office with three centres of the tiny programme, for tests in a browser."""

from __future__ import annotations

from typing import Any

import pytest

from tests.office.desk import seed


@pytest.fixture
def office(
    transactional_db: None, live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The address of a running office; today is 2030-11-15."""
    seed.use(settings, monkeypatch)
    seed.centres()
    return str(live_server.url)
