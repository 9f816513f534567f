"""The dossiers app: what the ledger erases is erased here too."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_save


class DossiersConfig(AppConfig):
    """Drafts, versions, attachments, corrections."""

    name = "banfa.office.dossiers"

    def ready(self) -> None:
        """Listens to erasures."""
        from banfa.office.ledger.models import Erasure

        post_save.connect(_erased, Erasure, dispatch_uid="dossiers.erased")


def _erased(sender: Any, instance: Any, created: bool, **more: Any) -> None:
    from banfa.office.dossiers import verbs

    if created:
        verbs.forget(instance.act, instance.part)
