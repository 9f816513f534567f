"""The dossiers app: what the ledger erases is erased here too; each day files are swept."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_save


class DossiersConfig(AppConfig):
    """Drafts, versions, attachments, corrections."""

    name = "banfa.office.dossiers"

    def ready(self) -> None:
        """Listens to erasures, and adds the sweep to what each day brings."""
        from banfa.office.dossiers import files
        from banfa.office.ledger.models import Erasure
        from banfa.office.notices import daily

        post_save.connect(_erased, Erasure, dispatch_uid="dossiers.erased")
        daily.also("files", dt.time(3, 0), files.sweep)


def _erased(sender: Any, instance: Any, created: bool, **more: Any) -> None:
    from banfa.office.dossiers import verbs

    if created:
        verbs.forget(instance.act, instance.part)
