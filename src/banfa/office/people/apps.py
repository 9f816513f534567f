"""The people app: connects what happens at sign-in to the audit log."""

from __future__ import annotations

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Organisations, persons and their rights."""

    name = "banfa.office.people"

    def ready(self) -> None:
        """Connects the signals of signing in."""
        from banfa.office.people import accounts

        accounts.connect()
