"""What is done once a day: reminders and to whom, cleaning up, digests."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from banfa.office import clock
from banfa.office.ledger import library
from banfa.office.notices import daily, jobs, reminders, tasks
from banfa.office.notices.errors import NoticeError
from banfa.office.notices.models import Daily, Mail, Notice
from banfa.office.notices.reminders import followers, remind, step
from banfa.office.notices.verbs import tell
from banfa.office.people.models import Membership
from banfa.rules.words import Text
from tests.office.desk import seed

pytestmark = pytest.mark.django_db
SUBJECT = Text("甲", "A")
SURVEY = {
    "title": "年报", "reason": "按期报送", "day": dt.date(2030, 1, 10), "count": 6,
    "amount": "100", "share": "0.5", "open": True, "form": "legal", "tasks": ["test"],
    "words": ["氢能"], "people": ["张某"], "partner": {"org": "org-3", "name": "丙产业技术研究院"},
    "members": [{"org": "org-3", "name": "丙产业技术研究院"}],
    "rows": [{"name": "试验台", "price": "10"}],
    "notice": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (40, None), (31, None), (30, 30), (29, 30), (8, 30), (7, 7), (2, 7), (1, 1), (0, 1),
        (-1, 0), (-7, 0), (-8, -7), (-14, -7), (-15, -14), (-365, -364),
    ],
)  # fmt: skip
def test_the_steps_of_reminding(left: int, expected: int | None) -> None:
    day = dt.date(2030, 11, 15)
    assert step(day + dt.timedelta(days=left), day) == expected


def subjects(**where: Any) -> list[str]:
    return list(Notice.objects.filter(**where).order_by("id").values_list("subject_zh", flat=True))


def on(monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    monkeypatch.setenv("BANFA_TODAY", day)


def test_a_duty_is_recalled_until_it_is_done(centres: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report on 2030 is due on 2031-02-28: recalled in steps, each once, then every week."""
    unit = seed.person("unit-2", ("unit", "org-2"))
    for year in (2028, 2029):
        seed.do("unit", "survey", f"{year + 1}-01-20", centres[1], year=year, **SURVEY)
    told = {}
    days = ("2031-01-20", "2031-01-29", "2031-02-05", "2031-02-21", "2031-02-22", "2031-02-27")
    for day in (*days, "2031-02-28", "2031-03-01", "2031-03-05", "2031-03-08", "2031-03-09"):
        on(monkeypatch, day)
        told[day] = remind()
        assert remind() == 0, "once a step"
    assert {day for day, count in told.items() if count} == {
        "2031-01-29", "2031-02-21", "2031-02-27", "2031-03-01", "2031-03-08",
    }  # fmt: skip
    said = subjects(to=unit)
    assert said[0] == "国家氢能装备样例中心（筹）：年度报告（2030），还有30日到期"
    assert said[-1].endswith("已逾期8日")
    assert "2月末日" in Notice.objects.filter(to=unit)[0].body_zh
    urgent = Notice.objects.filter(to=unit, urgent=True).order_by("id")
    assert [n.subject_zh[-6:] for n in urgent] == ["还有1日到期", "，已逾期1日"]
    on(monkeypatch, "2031-03-16")
    late = {"recorded": "2031-03-16", "year": 2030, **SURVEY}
    seed.do("unit", "survey", "2031-01-30", centres[1], **late)
    assert remind() == 0, "done"


def test_what_is_overdue_goes_to_the_administrator_and_the_deciding_body(centres: Any) -> None:
    unit = seed.person("unit-2", ("unit", "org-2"))
    other = seed.person("unit-1", ("unit", "org-1"))
    boss = seed.person("ministry", ("boss", "boss"))
    manager = seed.person("manager")
    Membership.objects.create(user=manager, organisation_id="org-2", administrator=True)
    Membership.objects.filter(user=unit).update(administrator=True)
    elsewhere = seed.person("elsewhere")
    Membership.objects.create(user=elsewhere, organisation_id="org-4", administrator=True)
    remind()
    kinds = {
        (n.to.username, n.kind)
        for n in Notice.objects.filter(centre=centres[1]).select_related("to")
    }
    assert kinds == {
        ("unit-2", "reminder"), ("manager", "overdue"), ("ministry", "overdue"),
    }  # fmt: skip
    assert not Notice.objects.filter(to=elsewhere).exists()
    assert not Notice.objects.filter(to=other, centre=centres[1]).exists()
    assert boss.notices.filter(subject_zh__contains="已逾期").exists()


def test_who_follows_up_is_read_from_the_programme() -> None:
    mini = library.editions("mini").latest.programme
    assert followers(mini, ["unit"], "survey") == ["boss"]
    assert followers(mini, ["boss"], "survey") == []


def test_followers_of_the_real_programmes_are_parties_of_theirs(settings: Any) -> None:
    settings.PROGRAMMES_DIR = None
    library.forget()
    try:
        seen = 0
        for name in library.loadable()[0]:
            programme = library.editions(name).latest.programme
            for duty in programme.duties.values():
                found = followers(programme, duty.holder, duty.done_by)
                assert set(found) <= set(programme.parties) - set(duty.holder)
                seen += bool(found)
        assert seen > 20
    finally:
        library.forget()


def test_reminding_takes_few_queries_however_many_duties(
    centres: Any, django_assert_max_num_queries: Any
) -> None:
    seed.person("unit-1", ("unit", "org-1"))
    remind()
    with django_assert_max_num_queries(12 + 8 * Notice.objects.count()):
        remind()


def test_each_step_of_the_day_is_done_once_when_its_hour_has_come(
    centres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily, "MORE", {})
    day = dt.date(2030, 11, 15)
    for time, expected in (
        (dt.time(0, 10), ["agenda"]), (dt.time(1, 0), []),
        (dt.time(6, 30), ["clean_up", "reminders"]),
        (dt.time(7, 0), []), (dt.time(9, 0), ["troubles", "digests"]), (dt.time(9, 15), []),
    ):  # fmt: skip
        moment = dt.datetime.combine(day, time, clock.SHANGHAI)
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        assert daily.run() == expected
    assert Daily.objects.count() == 5


def test_a_step_that_breaks_is_done_again(centres: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> int:
        raise RuntimeError("broken")

    monkeypatch.setattr(daily, "MORE", {})
    monkeypatch.setattr(daily, "STEPS", (("reminders", dt.time(0), breaks),))
    with pytest.raises(RuntimeError):
        tasks.days_work(0)
    monkeypatch.setattr(daily, "STEPS", (("reminders", dt.time(0), reminders.remind),))
    assert daily.run() == ["reminders"]


def test_cleaning_up_removes_what_is_older_than_it_is_kept(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.NOTICE_DAYS = 30
    one = seed.person("one")
    now = clock.now()
    tell([one], "todo", SUBJECT, key="old", made=now - dt.timedelta(days=31))
    tell([one], "todo", SUBJECT, key="new", made=now - dt.timedelta(days=29))
    Mail.objects.create(to=one, made=now - dt.timedelta(days=31))
    Session.objects.create(session_key="gone", expire_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    assert daily.clean_up() == 1
    assert subjects() == ["甲"] and not Mail.objects.exists() and not Session.objects.exists()


def test_the_system_administrator_is_told_of_what_failed_once_a_day() -> None:
    system = seed.person("system-1", role="system")
    one = seed.person("one")
    assert daily.tell_of_troubles() == 0
    Mail.objects.create(to=one, made=clock.now(), tries=2)
    assert daily.tell_of_troubles() == 0, "to be tried again"
    Mail.objects.create(to=one, made=clock.now(), tries=7, given_up=clock.now())
    assert (daily.tell_of_troubles(), daily.tell_of_troubles()) == (1, 0)
    [notice] = Notice.objects.all()
    assert (notice.to, notice.kind, notice.link) == (system, "job", "/people/background/")
    assert notice.subject_zh == "后台有0项任务未成、1封邮件未能发出"


# --- jobs as the system administrator sees them


def test_failed_jobs_and_given_up_mails_are_queued_again(mailing: Any) -> None:
    from django.db import connection
    from procrastinate.contrib.django.models import ProcrastinateJob

    tasks.deliver.defer()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed'")
    one = seed.person("one", email="one@example.org")
    lost = Mail.objects.create(to=one, made=clock.now(), tries=7, given_up=clock.now())
    standing = jobs.standing()
    assert [job.task_name for job in standing.failed] == ["notices.deliver"]
    assert standing.mails == [lost] and standing.alive == 0 and standing.last_beat is None
    jobs.again(standing.failed[0].pk)
    jobs.mail_again(lost.pk)
    waiting = ProcrastinateJob.objects.filter(status="todo").order_by("id")
    assert [j.task_name for j in waiting] == ["notices.deliver", "notices.send"]
    for wrong in (jobs.again, jobs.mail_again):
        with pytest.raises(NoticeError, match="刷新"):
            wrong(999_999)


def test_every_task_is_called_something_in_words() -> None:
    from procrastinate.contrib.django import app

    app.perform_import_paths()  # as a worker does
    ours = {name for name in app.tasks if not name.startswith(("builtin:", "procrastinate."))}
    assert ours and ours == set(jobs.WORDS)
