"""Beginning, running and stopping long work.

An app that has long work gives it a name with `kind`; a worker runs it. A job may be cut off at any
point and run again from its start, so what it does must be whole in one transaction, or bear being
done twice.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation
from procrastinate.contrib.django import app

from banfa.office import clock
from banfa.office.jobs.errors import JobError, NoSuchJob, Stopped
from banfa.office.jobs.models import Job, Progress
from banfa.office.people import access
from banfa.office.people.models import User
from banfa.rules.words import Text

TASK = "jobs.run"
TICK_SECONDS = 0.5
"""So often what is behind a job is written down, and whether it is to stop is looked up."""

log = logging.getLogger(__name__)


class Running:
    """A job at work: what it was given, and the ways to tell how it goes."""

    def __init__(self, job: Job, ticker: _Ticker) -> None:
        self.asked: Mapping[str, Any] = job.asked
        self.user: User = job.user
        self._job, self._ticker = job, ticker

    def reach(self) -> access.Reach:
        """What the owner may see and do now: rights may have gone since the job was begun."""
        return access.reach(self.user, clock.today())

    def told(self, done: int, of: int) -> None:
        """So many steps of so many are done. Raises Stopped when the owner has asked for it."""
        self._ticker.done, self._ticker.of = done, of
        if self._ticker.stop:
            raise Stopped

    def say(self, text: Text) -> None:
        """Adds a line to the outcome."""
        self._job.said.append([text.zh, text.en])

    def leads_to(self, link: str) -> None:
        """Where what came of it is to be seen."""
        self._job.link = link

    def keep(self, name: str, type_: str, content: bytes) -> None:
        """The file that the owner may fetch; kept for `JOB_FILE_DAYS` days."""
        self._job.file_name, self._job.file_type, self._job.content = name, type_, content


Work = Callable[[Running], None]
_KINDS: dict[str, Work] = {}


def kind(name: str) -> Callable[[Work], Work]:
    """Gives long work its name."""

    def named(work: Work) -> Work:
        assert name not in _KINDS, name
        _KINDS[name] = work
        return work

    return named


def start(user: User, name: str, title: Text, asked: Mapping[str, Any], link: str = "") -> Job:
    """Begins a job as soon as the transaction at hand is committed; one person's run in turn.

    `link` leads back to where it was begun.
    """
    assert name in _KINDS, name
    with transaction.atomic():
        job = Job.objects.create(
            user=user, kind=name, title_zh=title.zh[:200], title_en=title.en[:200],
            asked=dict(asked), language=translation.get_language() or settings.LANGUAGE_CODE,
            link=link, made=clock.now(),
        )  # fmt: skip
        app.configure_task(TASK, lock=f"jobs-{user.pk}").defer(number=job.pk)
    return job


def stop(user: User, number: int) -> None:
    """Asks a job to stop; one that waits ends at once. Raises NoSuchJob, JobError when it ended."""
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=number, user=user).first()
        if job is None:
            raise NoSuchJob("没有这一后台任务", "no such job")
        if not job.open:
            raise JobError("这一任务已经结束，不能再停止", "the job has ended")
        job.stop = True
        if job.standing == Progress.WAITING:
            job.standing, job.ended = Progress.STOPPED, clock.now()
        job.save(update_fields=["stop", "standing", "ended"])


def run(number: int) -> None:
    """Does a job; nothing when it has ended. What is wrong with it is kept for its owner."""
    job = _begun(number)
    if job is None:
        return
    ticker = _Ticker(job.pk)
    try:
        with ticker, translation.override(job.language):
            work = Running(job, ticker)
            work.told(0, 0)
            _KINDS[job.kind](work)
        standing = Progress.DONE
    except Stopped:
        standing = Progress.STOPPED
    except Exception as error:
        standing = Progress.FAILED
        text = getattr(error, "text", None)
        told = isinstance(text, Text)
        job.said = [[text.zh, text.en]] if told and text is not None else _unforeseen()
        if not told:
            _end(job, ticker, standing)
            raise
    _end(job, ticker, standing)


def _unforeseen() -> list[list[str]]:
    return [
        [
            "程序出错，已通知系统管理员；没有留下办了一半的内容，可以稍后重新发起",
            "a fault in the program, of which the system administrators are told; nothing is left "
            "half-done",
        ]
    ]


def _begun(number: int) -> Job | None:
    with transaction.atomic():
        job = Job.objects.select_for_update(of=["self"]).select_related("user").get(pk=number)
        if not job.open:
            return None
        job.standing, job.began, job.said = Progress.RUNNING, clock.now(), []
        job.save(update_fields=["standing", "began", "said"])
    return job


def _end(job: Job, ticker: _Ticker, standing: str) -> None:
    job.standing, job.ended = standing, clock.now()
    job.done, job.of = ticker.done, ticker.of
    if standing != Progress.DONE:
        job.content = None
    job.save(update_fields=[
        "standing", "ended", "done", "of", "said", "link", "file_name", "file_type", "content",
    ])  # fmt: skip


class _Ticker:
    """Writes down how far a job has come, over a connection of its own: the job's is in use."""

    def __init__(self, number: int) -> None:
        self.done, self.of, self.stop = 0, 0, False
        self._number = number
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Ticker:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        mine = Job.objects.filter(pk=self._number)
        mine.update(done=self.done, of=self.of)
        self.stop = mine.filter(stop=True).exists()

    def _run(self) -> None:
        try:
            while not self._over.wait(TICK_SECONDS):
                self._look()
        finally:
            connection.close()


def clean_up() -> int:
    """Removes files and jobs that are older than they are kept; gives how many jobs went."""
    now = clock.now()
    ended = Job.objects.filter(ended__isnull=False)
    ended.filter(ended__lt=now - dt.timedelta(days=settings.JOB_FILE_DAYS)).update(content=None)
    count, _each = ended.filter(ended__lt=now - dt.timedelta(days=settings.JOB_DAYS)).delete()
    return count
