"""`banfa worker` as a process: it takes up jobs, stops cleanly, and killed outright loses none."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from banfa.cli import doctor
from banfa.cli import office as commands
from banfa.office.ledger.models import Outbox
from banfa.office.notices import jobs, tasks
from banfa.office.notices.models import Mail, Notice
from banfa.office.notices.verbs import tell
from banfa.rules.words import Text
from tests.office.desk import seed
from tests.office.notices.working import Post, post, work

pytestmark = pytest.mark.django_db(transaction=True)


def url() -> str:
    """The address of the tests' database, as DATABASE_URL gives one."""
    database = connection.settings_dict
    host = database["HOST"].replace("/", "%2F")
    who = f"{database['USER']}:{database['PASSWORD']}"
    return f"postgresql://{who}@{host}:{database['PORT'] or 5432}/{database['NAME']}"


@contextlib.contextmanager
def process(tmp_path: Any, **more: str) -> Iterator[subprocess.Popen[str]]:
    env = os.environ | {
        "DATABASE_URL": url(),
        "DJANGO_SETTINGS_MODULE": "banfa.office.settings",
        "BANFA_DATA_DIR": str(tmp_path),
        "BANFA_PROGRAMMES": str(seed.PROGRAMMES),
        **more,
    }
    command = [sys.executable, "-m", "banfa", "worker", "--jobs", "1"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def until(held: Callable[[], Any], seconds: float = 90) -> Any:
    ends = time.monotonic() + seconds
    while not (found := held()):
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.05)
    return found


@pytest.fixture
def office() -> Iterator[Post]:
    with post() as server:
        yield server


def test_a_worker_takes_up_what_acts_owe_and_stops_when_told(centres: Any, tmp_path: Any) -> None:
    customs = seed.person("customs-1", ("customs", "customs"))
    Outbox.objects.all().delete()
    with process(tmp_path) as started:
        until(lambda: jobs.standing().alive == 1)
        assert next(doctor._workers()).level == doctor.GOOD
        seed.do("boss", "start", "2030-11-01", centres[2], end="2032-11-01")
        until(lambda: Notice.objects.filter(to=customs).exists())
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0
    assert not ProcrastinateWorker.objects.exists()
    assert not ProcrastinateJob.objects.exclude(status="todo").exists()
    assert next(doctor._workers()).level == doctor.FAULT


def test_a_worker_killed_in_the_middle_of_a_job_loses_nothing(
    office: Post, tmp_path: Any, mailing: Any
) -> None:
    one = seed.person("one", email="one@example.org")
    tell([one], "todo", Text("有一项待办", "something to do"), key="k", urgent=True)
    office.silent = True
    with process(tmp_path, BANFA_MAIL=office.url) as started:
        assert office.reached.wait(90)
        until(lambda: ProcrastinateJob.objects.filter(status="doing").exists())
        started.kill()
        started.wait(10)
    job = ProcrastinateJob.objects.get(status="doing")
    assert job.task_name == "notices.send" and Mail.objects.get().sent is None
    work()
    assert mailing == [], "a worker may only be slow; its job is left to it for a while"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 min'")
    tasks.revive.defer(timestamp=0)
    work()
    assert len(mailing) == 1 and Mail.objects.get().sent is not None


def test_a_worker_that_waits_for_its_job_finishes_it_when_told_to_stop(
    office: Post, tmp_path: Any, mailing: Any
) -> None:
    one = seed.person("one", email="one@example.org")
    for number in range(5):
        tell([one], "todo", Text(f"第{number}件", "x"), key=str(number), urgent=True)
    with process(tmp_path, BANFA_MAIL=office.url) as started:
        until(lambda: office.taken)
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0
    sent = Mail.objects.filter(sent__isnull=False).count()
    assert sent == len(office.taken) >= 1
    assert ProcrastinateJob.objects.filter(status="doing").count() == 0
    assert ProcrastinateJob.objects.filter(task_name="notices.send").count() == 5 - sent


def test_a_worker_comes_back_when_the_database_has_thrown_it_out(
    centres: Any, tmp_path: Any
) -> None:
    customs = seed.person("customs-1", ("customs", "customs"))
    Outbox.objects.all().delete()
    with process(tmp_path) as started:
        until(lambda: jobs.standing().alive == 1)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchone()[0] >= 1
        seed.do("boss", "start", "2030-11-01", centres[2], end="2032-11-01")
        until(lambda: Notice.objects.filter(to=customs).exists())
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0


def test_a_job_that_defers_another_does_so_in_its_transaction(centres: Any, mailing: Any) -> None:
    """Taking up the outbox queues a mail, which must not begin before its row is there."""
    seed.person("customs-1", ("customs", "customs"), email="customs@example.org")
    seed.do("boss", "start", "2030-11-01", centres[2], end="2032-11-01")
    work()
    assert Mail.objects.count() == 1
    assert len(mailing) + ProcrastinateJob.objects.filter(scheduled_at__isnull=False).count() == 1


def test_reviving_bears_that_another_of_its_kind_is_queued(centres: Any) -> None:
    tasks.every_minute.defer(timestamp=0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE task_name = %s",
                       ["notices.every_minute"])  # fmt: skip
    tasks.every_minute.defer(timestamp=60)
    tasks.revive.defer(timestamp=60)
    work()
    assert not ProcrastinateJob.objects.filter(status__in=("doing", "failed")).exists()


def test_a_worker_ends_with_the_process_that_began_it(tmp_path: Any) -> None:
    """The demonstration's worker does not outlive a demonstration that was killed."""
    code = "import os, time; from banfa.cli.worker import _stop_with; _stop_with(os.getppid() + 1)"
    ended = subprocess.run([sys.executable, "-c", code], timeout=60)
    assert ended.returncode == -signal.SIGTERM


def test_concurrency_is_bounded() -> None:
    assert commands._jobs("4") == 4
    for wrong in ("0", "33", "x", "-1"):
        with pytest.raises(Exception, match="1–32"):
            commands._jobs(wrong)
