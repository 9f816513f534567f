"""The notices app: takes up what the ledger owes as soon as it is owed."""

from __future__ import annotations

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """Inbox, mail, reminders, calendar, jobs."""

    name = "banfa.office.notices"

    def ready(self) -> None:
        """Connects the ledger's signal to the job that takes up the outbox."""
        from banfa.office.ledger.signals import owed
        from banfa.office.notices import tasks

        owed.connect(tasks.take_up, dispatch_uid="notices")
