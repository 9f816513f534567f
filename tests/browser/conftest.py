"""A running office with three centres of the tiny programme, for tests in a browser."""

from __future__ import annotations

from typing import Any

import pytest

from tests.office.desk import seed
from tests.office.desk.conftest import signed_in


@pytest.fixture
def office(
    transactional_db: None,
    live_server: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    page: Any,
) -> str:
    """The address of a running office in which the page's reader holds every capacity.

    Today is 2030-11-15.
    """
    seed.use(settings, monkeypatch)
    seed.centres()
    visit = signed_in(seed.everybody()).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": visit, "url": live_server.url}])
    return str(live_server.url)
