"""The reviews app: adds the reminders of deadlines to what each day brings."""

from __future__ import annotations

import datetime as dt

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    """Panels, experts, recusal, scoring sheets."""

    name = "banfa.office.reviews"

    def ready(self) -> None:
        """Adds the day's reminders."""
        from banfa.office.notices import daily
        from banfa.office.reviews import deadlines

        daily.also("reviews", dt.time(6, 30), deadlines.remind)
