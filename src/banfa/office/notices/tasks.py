"""What `banfa worker` does: single jobs as they are queued, and what the clock brings.

Each task may run twice, or be cut off at any point: it finds out from the database what is still to
be done.
"""

from __future__ import annotations

import logging
from typing import Any

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from banfa.office.notices import daily, mails, minute, outbox

AGAIN = RetryStrategy(max_attempts=5, exponential_wait=4)
MAIL_AGAIN = RetryStrategy(exponential_wait=4, retry_exceptions=[mails.NotSent])
"""After 4, 16, 64 seconds ... up to some four hours; `mails` itself gives up."""
STALLED_SECONDS = 60

log = logging.getLogger(__name__)


def take_up(sender: Any, **given: Any) -> None:
    """Queues the job that takes up the outbox; it begins when the act at hand is committed."""
    deliver.defer()


@app.task(name="notices.deliver", retry=AGAIN)
def deliver() -> None:
    """Takes up the outbox."""
    outbox.deliver()


@app.task(name=mails.SEND, retry=MAIL_AGAIN)
def send(number: int) -> None:
    """Sends one mail."""
    mails.send(number)


@app.periodic(cron="* * * * *")
@app.task(name="notices.every_minute", queueing_lock="notices.every_minute")
def every_minute(timestamp: int) -> None:
    """Takes up what no job has taken up, such as what came in bulk, and what others add."""
    outbox.deliver()
    minute.run()


@app.periodic(cron="*/5 * * * *")
@app.task(name="notices.days_work", queueing_lock="notices.days_work", lock="notices.days_work")
def days_work(timestamp: int) -> None:
    """What is to be done once a day, as soon as its hour has come."""
    daily.run()


@app.periodic(cron="* * * * *")
@app.task(name="notices.revive", queueing_lock="notices.revive", pass_context=True)
async def revive(context: Any, timestamp: int) -> None:
    """Queues again the jobs whose worker died in the middle of them."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        log.warning("job %s (%s) is queued again: its worker is gone", job.id, job.task_name)
        try:
            await manager.retry_job(job)
        except UniqueViolation:  # another of its kind is queued already, which does as well
            await manager.finish_job(job, Status.ABORTED, delete_job=True)
