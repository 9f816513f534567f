"""The jobs app: what it keeps is cleaned up once a day."""

from __future__ import annotations

import datetime as dt

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Long work: imports, scoring, exports."""

    name = "banfa.office.jobs"

    def ready(self) -> None:
        """Adds the cleaning to what each day brings."""
        from banfa.office.jobs import verbs
        from banfa.office.notices import daily

        daily.also("jobs", dt.time(2, 30), verbs.clean_up)
