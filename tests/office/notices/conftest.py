"""The tiny programme in 2030 with its centres, people, and a mail server in memory."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail as post

from tests.office.desk import seed


@pytest.fixture(autouse=True)
def mini(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation has the tiny programme only, and it is 2030."""
    seed.use(settings, monkeypatch)


@pytest.fixture
def centres(db: None) -> tuple[str, str, str]:
    """Three centres: of org-1 (preparation over), org-2 (preparing), org-4 (planned)."""
    return seed.centres()


@pytest.fixture
def mailing(settings: Any) -> list[Any]:
    """A mail server is set; gives what was sent."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.SITE_URL = "https://banfa.example.cn"
    post.outbox = []
    return post.outbox
