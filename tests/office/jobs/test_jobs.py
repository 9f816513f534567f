"""Long work: its progress is seen from outside, it stops when told, and it belongs to its owner."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from banfa.office import clock
from banfa.office.desk import import_pages, list_pages
from banfa.office.intake.models import Upload
from banfa.office.jobs import queries, verbs
from banfa.office.jobs.errors import JobError, NoSuchJob
from banfa.office.jobs.models import Job, Progress
from banfa.office.ledger.errors import LedgerError
from banfa.office.ledger.models import ActRecord
from banfa.office.lists.errors import ListError
from banfa.office.people.models import User
from banfa.office.people.rights import Right
from banfa.rules.words import Text
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in
from tests.office.desk.test_pages import text_of
from tests.office.operations.test_import import FILE, officer, posted

pytestmark = pytest.mark.django_db(transaction=True)
TITLE = Text("试", "try")


@pytest.fixture
def mini(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seed.use(settings, monkeypatch)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Kinds of work for one test."""
    kinds: dict[str, Any] = {}
    monkeypatch.setattr(verbs, "_KINDS", kinds)
    return kinds


def begun(user: User, name: str, **asked: Any) -> Job:
    return verbs.start(user, name, TITLE, asked)


def made(username: str, name: str) -> User:
    return User.objects.create(username=username, name=name, created=clock.now())


def person() -> User:
    return made("li", "李某")


def test_progress_is_seen_from_outside_while_the_work_is_in_its_own_transaction(
    work: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "TICK_SECONDS", 0.02)
    seen, go_on = [], threading.Event()

    def slow(job: verbs.Running) -> None:
        from django.db import transaction

        with transaction.atomic():
            job.told(3, 8)
            made("made", "甲")
            go_on.wait(10)
            job.told(8, 8)
        job.say(Text("办妥", "done"))

    work["slow"] = slow
    job = begun(person(), "slow")
    assert ProcrastinateJob.objects.get().lock == f"jobs-{job.user_id}"

    def at_work() -> None:
        verbs.run(job.pk)
        connection.close()

    thread = threading.Thread(target=at_work)
    thread.start()
    until = time.monotonic() + 10
    while time.monotonic() < until and not seen:
        now = Job.objects.get(pk=job.pk)
        seen = [now] if now.done == 3 else []
        time.sleep(0.02)
    assert seen and (seen[0].standing, seen[0].of) == (Progress.RUNNING, 8)
    assert not User.objects.filter(username="made").exists()
    go_on.set()
    thread.join()
    ended = Job.objects.get(pk=job.pk)
    assert (ended.standing, ended.done, ended.said) == (Progress.DONE, 8, [["办妥", "done"]])
    assert ended.began and ended.ended and User.objects.filter(username="made").exists()
    verbs.run(job.pk)  # a worker that was thought dead and comes back finds nothing to do
    assert User.objects.filter(username="made").count() == 1


def test_a_stopped_job_leaves_nothing(work: dict[str, Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(verbs, "TICK_SECONDS", 0.02)
    user = person()

    def endless(job: verbs.Running) -> None:
        from django.db import transaction

        with transaction.atomic():
            made("made", "甲")
            asked = threading.Thread(target=ask)
            asked.start()
            asked.join()
            until = time.monotonic() + 10
            while time.monotonic() < until:
                job.told(1, 2)
                time.sleep(0.01)
        job.keep("x", "text/plain", b"x")

    def ask() -> None:
        verbs.stop(user, job.pk)
        connection.close()

    work["endless"] = endless
    job = begun(user, "endless")
    verbs.run(job.pk)
    job.refresh_from_db()
    assert job.standing == Progress.STOPPED and job.content is None
    assert not User.objects.filter(username="made").exists()
    with pytest.raises(JobError, match="已经结束"):
        verbs.stop(user, job.pk)
    waiting = begun(user, "endless")
    verbs.stop(user, waiting.pk)
    verbs.run(waiting.pk)  # its turn comes, and it has ended
    waiting.refresh_from_db()
    assert waiting.standing == Progress.STOPPED and waiting.began is None
    stranger = made("qian", "钱某")
    for asked in (lambda: verbs.stop(stranger, job.pk), lambda: queries.job(stranger, job.pk)):
        with pytest.raises(NoSuchJob):
            asked()


def test_what_goes_wrong_is_told_and_a_fault_of_the_program_is_raised(work: dict[str, Any]) -> None:
    def refused(job: verbs.Running) -> None:
        raise LedgerError("缺文号", "no number")

    def broken(job: verbs.Running) -> None:
        raise ZeroDivisionError

    work |= {"refused": refused, "broken": broken}
    user = person()
    first, second = begun(user, "refused"), begun(user, "broken")
    verbs.run(first.pk)
    with pytest.raises(ZeroDivisionError):
        verbs.run(second.pk)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.standing, first.said) == (Progress.FAILED, [["缺文号", "no number"]])
    assert second.standing == Progress.FAILED and "已通知系统管理员" in second.said[0][0]


def test_files_go_before_what_is_known_of_the_work(work: dict[str, Any], settings: Any) -> None:
    work["file"] = lambda job: job.keep("a.csv", "text/csv", b"x")
    job = begun(person(), "file")
    verbs.run(job.pk)
    now = clock.now()
    Job.objects.update(ended=now - dt.timedelta(days=settings.JOB_FILE_DAYS, seconds=1))
    assert verbs.clean_up() == 0 and queries.mine(job.user).get().has_file is False
    Job.objects.update(ended=now - dt.timedelta(days=settings.JOB_DAYS, seconds=1))
    assert verbs.clean_up() == 1


@pytest.mark.usefixtures("mini")
def test_a_long_list_is_made_into_a_file_in_the_background(monkeypatch: Any) -> None:
    seed.centres()
    everybody = seed.everybody()
    client = signed_in(everybody)
    direct = client.get("/lists/centres/file.csv?sort=id")
    monkeypatch.setattr(list_pages, "AT_ONCE", 2)
    asked = client.get("/lists/centres/file.csv?sort=id")
    assert asked.status_code == 200 and "共3行" in text_of(asked)
    assert not Job.objects.exists()
    at = client.post("/lists/centres/file.csv?sort=id")["Location"]
    waiting = text_of(client.get(at))
    assert "等候中" in waiting and "后台程序没有在运行" in waiting
    number = Job.objects.get().pk
    verbs.run(number)
    done = client.get(at)
    assert "已完成" in text_of(done) and "共3行" in text_of(done)
    file = client.get(f"{at}file/")
    plain = b"".join(direct.streaming_content)
    assert file.content.split(b"\r\n")[6:] == plain.split(b"\r\n")[6:]
    assert (
        "hx-trigger"
        not in client.get(f"{at}?part=progress", headers={"HX-Request": "true"}).content.decode()
    )
    assert "已完成" in text_of(client.get("/jobs/"))
    other = signed_in(seed.person("stranger", ("unit", "u1", "mini")))
    for path in (at, f"{at}file/"):
        assert other.get(path).status_code == 404
    assert other.post(f"{at}stop/").status_code == 404
    job = verbs.start(
        everybody, "export", TITLE, {"listing": "centres", "format": "xlsx", "query": ""}
    )
    Right.objects.filter(thing="export.list").update(allowed=False)
    verbs.run(job.pk)
    job.refresh_from_db()
    assert job.standing == Progress.FAILED and "没有导出列表的权限" in job.said[0][0]
    assert isinstance(ListError("甲", "a").text, Text)


def test_a_long_list_of_centres_is_tried_and_entered_in_the_background(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    from banfa.office.ledger import library

    settings.PROGRAMMES_DIR = None
    monkeypatch.setenv("BANFA_TODAY", "2030-11-15")
    library.forget()
    monkeypatch.setattr(import_pages, "AT_ONCE", 3)
    client = officer()
    at = posted(client, FILE.read_bytes())["Location"]
    page = text_of(client.get(at))
    assert "还没有试判断" in page and "登记可登记的" not in page
    kept = Upload.objects.get()
    chosen = {f"c{c.number}": c.target for c in import_pages.verbs.columns_of(kept)}
    job_at = client.post(at, {"what": "columns", **chosen})["Location"]
    verbs.run(Job.objects.latest("pk").pk)
    assert "可登记4行" in text_of(client.get(job_at))
    page = text_of(client.get(at))
    assert "登记可登记的4行" in page and not ActRecord.objects.exists()
    assert client.get(f"{at}report.xlsx").content.startswith(b"PK")
    client.post(at, {"what": "enter"})
    stopped = Job.objects.latest("pk")
    monkeypatch.setattr(verbs.Running, "told", _stop_at_the_end)
    verbs.run(stopped.pk)
    stopped.refresh_from_db()
    assert stopped.standing == Progress.STOPPED and not ActRecord.objects.exists()
    monkeypatch.undo()
    settings.PROGRAMMES_DIR = None
    monkeypatch.setenv("BANFA_TODAY", "2030-11-15")
    monkeypatch.setattr(import_pages, "AT_ONCE", 3)
    at_work = client.post(at, {"what": "enter"})["Location"]
    verbs.run(Job.objects.latest("pk").pk)
    assert "已登记4行" in text_of(client.get(at_work)) and ActRecord.objects.count() == 4
    assert "导入回执" in text_of(client.get(at))


def _stop_at_the_end(self: verbs.Running, done: int, of: int) -> None:
    from banfa.office.jobs.errors import Stopped

    if of and done == of:
        raise Stopped
