"""Long work about figures, done by `banfa worker`. A task may run twice, or be cut off anywhere."""

from __future__ import annotations

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from banfa.office.evaluations import uploads

AGAIN = RetryStrategy(max_attempts=3, exponential_wait=4)


@app.task(name="evaluations.enter_upload", retry=AGAIN)
def enter_upload(number: int) -> None:
    """Enters a workbook of figures, centre by centre."""
    uploads.work(number)
