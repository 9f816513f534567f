"""What a worker does for jobs."""

from __future__ import annotations

from procrastinate.contrib.django import app

from banfa.office.jobs import verbs


@app.task(name=verbs.TASK)
def run(number: int) -> None:
    """Does one job."""
    verbs.run(number)
