"""Where sessions are kept: Django's table, read by a query whose SQL is made once."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

from banfa.office.prepared import Prepared, later


class SessionStore(db.SessionStore):
    """Django's sessions in the database."""

    def _get_session_from_db(self) -> Any:
        key = self.session_key or ""
        found = None if "\0" in key else _live.first(key=key, now=timezone.now())
        if found is None:
            self._session_key = None
        return found


_live = Prepared(
    lambda: SessionStore.get_model_class().objects.filter(
        session_key=later("key"), expire_date__gt=later("now")
    )
)
