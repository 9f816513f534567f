"""The background jobs as the system administrator sees them: workers, what waits, what failed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from banfa.office.ledger.models import Outbox
from banfa.office.notices import mails
from banfa.office.notices.errors import NoticeError
from banfa.office.notices.models import Mail
from banfa.rules.words import Text

ALIVE = dt.timedelta(seconds=60)
"""A worker that has not written its heartbeat for so long is taken for dead."""
SHOWN = 50

WORDS: dict[str, Text] = {
    "notices.deliver": Text("分送公文告知", "taking up official notices"),
    "notices.send": Text("发送邮件", "sending a mail"),
    "notices.every_minute": Text(
        "分送公文告知（定时）", "taking up official notices (by the clock)"
    ),
    "notices.days_work": Text("每日提醒、摘要与清理", "the day's reminders, digests, cleaning"),
    "notices.revive": Text("接续中断的任务", "queueing broken-off jobs again"),
    "evaluations.enter_upload": Text("登记上传的指标数据", "entering uploaded figures"),
    "jobs.run": Text("长时任务（导入、计分、导出）", "long work (imports, scoring, exports)"),
}
"""What tasks are called on pages; an app adds those of its own."""


def called(task: str) -> Text:
    """A task in words."""
    return WORDS.get(task) or Text(f"其他任务（{task}）", f"another task ({task})")


def _workers() -> list[tuple[dt.datetime, bool]]:
    """When each worker on file last wrote its heartbeat, latest first, and whether it is alive.

    By the database's clock, which also writes the heartbeat, whatever day is chosen.
    """
    rows = ProcrastinateWorker.objects.annotate(age=Now() - F("last_heartbeat"))
    found = rows.order_by("age").values_list("last_heartbeat", "age")
    return [(beat, age <= ALIVE) for beat, age in found]


def awake() -> bool:
    """Whether a worker is there to take up what waits."""
    return any(alive for _beat, alive in _workers())


@dataclass(slots=True)
class Standing:
    """How the background stands."""

    alive: int
    last_beat: dt.datetime | None
    outbox: int
    waiting: int
    running: int
    failed: list[ProcrastinateJob]
    mails: list[Mail]
    unsent: int
    mail_enabled: bool


def standing() -> Standing:
    """Workers, what waits, what failed and what mail could not be sent: five queries."""
    workers = _workers()
    counts = ProcrastinateJob.objects.aggregate(
        waiting=Count("id", filter=Q(status="todo")), running=Count("id", filter=Q(status="doing"))
    )
    trouble = Mail.objects.filter(sent__isnull=True).filter(Q(tries__gt=0))
    return Standing(
        alive=sum(alive for _beat, alive in workers),
        last_beat=workers[0][0] if workers else None,
        outbox=Outbox.objects.filter(taken__isnull=True).count(),
        waiting=counts["waiting"],
        running=counts["running"],
        failed=list(ProcrastinateJob.objects.filter(status="failed").order_by("-id")[:SHOWN]),
        mails=list(trouble.select_related("to").order_by("-made", "-id")[:SHOWN]),
        unsent=Mail.objects.filter(sent__isnull=True, given_up__isnull=True).count(),
        mail_enabled=mails.enabled(),
    )


def again(number: int) -> None:
    """Queues a failed job again. Raises NoticeError when it did not fail (any more)."""
    failed = ProcrastinateJob.objects.filter(pk=number, status="failed").first()
    if failed is None:
        raise NoticeError(
            "这一任务已不在未成之列，请刷新", "that job is not among the failed any more"
        )
    app.job_manager.retry_job_by_id(failed.pk, retry_at=timezone.now(), priority=failed.priority)


def mail_again(number: int) -> None:
    """Tries to send a given-up mail anew. Raises NoticeError when it is not given up."""
    changed = Mail.objects.filter(pk=number, sent__isnull=True, given_up__isnull=False).update(
        given_up=None, tries=0, problem=""
    )
    if not changed:
        raise NoticeError(
            "这一邮件已不在未发之列，请刷新", "that mail is not among the unsent any more"
        )
    app.configure_task(mails.SEND).defer(number=number)
