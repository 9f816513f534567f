"""Reminders of a review's deadline: to the experts who are behind, then to those who called it.

An expert who has not answered or not handed in every sheet is reminded 7, 3 and 1 days before the
last day, on it, and from the day after it every 7 days. Once it is over the callers are told who is
late. Each step is told once, on whatever day it is found, so nobody hears of a review twice a day.
"""

from __future__ import annotations

import datetime as dt

from banfa.office import clock
from banfa.office.reviews import queries, telling
from banfa.office.reviews.models import Review, Stage

BEFORE = (0, 1, 3, 7)
AFTER_DAYS = 7


def step(due: dt.date, today: dt.date) -> int | None:
    """Which reminder it is time for: days before (0: the last day); -1, -8 ... once it is over."""
    left = (due - today).days
    if left < 0:
        return -1 - (-left - 1) // AFTER_DAYS * AFTER_DAYS
    return next((days for days in BEFORE if left <= days), None)


def remind(today: dt.date | None = None) -> int:
    """Reminds everybody of reviews whose deadline is near or over; gives how many were told."""
    today = today or clock.today()
    near = today + dt.timedelta(days=BEFORE[-1])
    return sum(_one(review, today) for review in Review.objects.filter(
        stage=Stage.OPEN, due__isnull=False, due__lte=near
    ).select_related("organisation").order_by("pk"))  # fmt: skip


def _one(review: Review, today: dt.date) -> int:
    assert review.due is not None
    at = step(review.due, today)
    late = queries.behind(review)
    if at is None or not late:
        return 0
    left = (review.due - today).days
    told = telling.due(review, late, left, at)
    return told + telling.late(review, late, -left, at) if left < 0 else told
