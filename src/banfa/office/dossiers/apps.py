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
        """Listens to erasures, stands at the ledger's door, and adds the sweep to what each day
        brings."""
        from banfa.office.dossiers import files
        from banfa.office.ledger import signals
        from banfa.office.ledger.models import Erasure
        from banfa.office.notices import daily

        post_save.connect(_erased, Erasure, dispatch_uid="dossiers.erased")
        signals.proposed.connect(_reviewed, dispatch_uid="dossiers.reviewed")
        daily.also("files", dt.time(3, 0), files.sweep)


def _reviewed(
    sender: Any, organisation: str, documents: bool, dossier: int | None, **more: Any
) -> None:
    """What an organisation wants checked inside it is not handed in past that check."""
    from banfa.office.dossiers import queries
    from banfa.office.dossiers.errors import Unreviewed

    if documents and dossier is None and queries.review_asked(organisation):
        raise Unreviewed


def _erased(sender: Any, instance: Any, created: bool, **more: Any) -> None:
    from banfa.office.dossiers import verbs

    if created:
        verbs.forget(instance.act, instance.part)
