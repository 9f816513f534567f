"""The real programmes, and it is 2030."""

from __future__ import annotations

from typing import Any

import pytest

from banfa.office.ledger import library


@pytest.fixture(autouse=True)
def shipped(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The programmes that come with Banfa, on a day on which all are in force."""
    settings.PROGRAMMES_DIR = None
    monkeypatch.setenv("BANFA_TODAY", "2030-11-15")
    library.forget()
