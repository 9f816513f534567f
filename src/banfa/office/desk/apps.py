"""The desk as an app: it brings together what the apps below it must not know of one another."""

from __future__ import annotations

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """Pages."""

    name = "banfa.office.desk"

    def ready(self) -> None:
        """Tells the rules of recusal who wrote in a centre's dossiers."""
        from banfa.office.dossiers import queries as dossiers
        from banfa.office.reviews import recusal

        if dossiers.edited not in recusal.WRITERS:
            recusal.WRITERS.append(dossiers.edited)
