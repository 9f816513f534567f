"""Mail: what it says, when it goes, what is tried again, and what never goes."""

from __future__ import annotations

import datetime as dt
import smtplib
from typing import Any

import pytest
from django.core.mail.backends.locmem import EmailBackend

from banfa.office import clock
from banfa.office.notices import mails, tasks, verbs
from banfa.office.notices.kinds import KINDS
from banfa.office.notices.models import Mail, Notice, Wish
from banfa.office.notices.verbs import tell
from banfa.office.people.models import Standing, User
from banfa.rules.words import Text
from tests.office.desk import seed

pytestmark = pytest.mark.django_db
SUBJECT = Text("甲中心：材料退回", "Centre A: returned")
BODY = Text("退回理由：张某的身份证号有误", "the reason names a person")
NIGHT, DAY = dt.time(23, 30), dt.time(10, 0)


@pytest.fixture
def one(mailing: Any) -> User:
    return seed.person("one", name="王某", email="one@example.org")


def at(monkeypatch: pytest.MonkeyPatch, time: dt.time) -> None:
    moment = dt.datetime.combine(dt.date(2030, 11, 15), time, clock.SHANGHAI)
    monkeypatch.setattr(clock, "now", lambda: moment)


def scheduled() -> list[Any]:
    from procrastinate.contrib.django.models import ProcrastinateJob

    rows = ProcrastinateJob.objects.filter(task_name="notices.send").order_by("id")
    return list(rows.values_list("scheduled_at", flat=True))


def send_all() -> None:
    for number in Mail.objects.filter(sent__isnull=True).values_list("pk", flat=True):
        tasks.send(number)


# --- what it says


def test_a_mail_says_title_and_link_only_in_text_and_html(one: User, mailing: Any) -> None:
    tell([one], "returned", SUBJECT, body=BODY, key="k", link="/centres/x/", urgent=True)
    send_all()
    [sent] = mailing
    notice = Notice.objects.get()
    assert sent.subject == "【办法】【紧急】甲中心：材料退回" and sent.to == ["one@example.org"]
    assert "王某，您好" in sent.body and "退回补正" in sent.body
    assert f"https://banfa.example.cn/notices/{notice.pk}/" in sent.body
    [html] = [part.content for part in sent.alternatives]
    assert f'href="https://banfa.example.cn/notices/{notice.pk}/"' in html
    assert 'lang="zh-CN"' in html
    for said in (sent.body, html):
        assert "身份证" not in said and "/centres/x/" not in said
    assert sent.extra_headers["Message-ID"].startswith("<banfa-")
    assert Mail.objects.get().sent is not None


def test_a_mail_is_in_the_persons_language_and_escaped(one: User, mailing: Any) -> None:
    Wish.objects.create(user=one, language="en")
    tell([one], "todo", Text("甲", 'A <b>"bold"</b>\nB'), key="k", urgent=True)
    send_all()
    [sent] = mailing
    assert sent.subject == '[Banfa] [Urgent] A <b>"bold"</b> B'
    assert "Dear 王某" in sent.body and "New work" in sent.body
    assert "<b>" not in sent.alternatives[0].content and "&lt;b&gt;" in sent.alternatives[0].content


# --- when


def test_what_is_not_urgent_waits_for_the_end_of_quiet_hours(
    one: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, NIGHT)
    tell([one], "todo", SUBJECT, key="waits")
    tell([one], "todo", SUBJECT, key="urgent", urgent=True)
    at(monkeypatch, DAY)
    tell([one], "todo", SUBJECT, key="day")
    waits, urgent, day = scheduled()
    assert urgent is None and day is None
    wait = waits - dt.datetime.now(dt.UTC)
    assert dt.timedelta(hours=8, minutes=29) < wait <= dt.timedelta(hours=8, minutes=30)


@pytest.mark.parametrize(
    ("begins", "ends", "time", "hours"),
    [
        ("21:00", "08:00", "20:59", 0), ("21:00", "08:00", "21:00", 11),
        ("21:00", "08:00", "03:00", 5), ("21:00", "08:00", "08:00", 0),
        ("12:00", "14:00", "13:00", 1), ("12:00", "14:00", "14:00", 0),
        ("12:00", "14:00", "11:59", 0), (None, None, "03:00", 0),
    ],
)  # fmt: skip
def test_quiet_hours(begins: str | None, ends: str | None, time: str, hours: int) -> None:
    read = dt.time.fromisoformat
    wish = Wish(quiet_from=begins and read(begins), quiet_until=ends and read(ends))
    now = dt.datetime.combine(dt.date(2030, 11, 15), read(time), clock.SHANGHAI)
    assert mails.quiet_for(wish, now) == dt.timedelta(hours=hours)


def test_a_digest_gathers_what_is_unread_once(one: User, mailing: Any) -> None:
    for number in range(33):
        subject = Text(f"第{number}件", f"number {number}")
        tell([one], "done", subject, key=str(number))
    verbs.mark_read(Notice.objects.filter(key="0"))
    other = seed.person("other")  # without an address
    tell([other], "done", SUBJECT, key="other")
    assert mails.make_digests() == 1
    assert mails.make_digests() == 0
    send_all()
    [sent] = mailing
    assert sent.subject == "【办法】有32条未读通知" and "第32件" in sent.body
    assert "第0件" not in sent.body and "另有2条" in sent.body


# --- what goes wrong


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(self: Any, messages: Any) -> int:
        raise error

    monkeypatch.setattr(EmailBackend, "send_messages", fail)


def test_a_failure_is_tried_again_and_then_given_up(
    one: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell([one], "todo", SUBJECT, key="k")
    mail = Mail.objects.get()
    failing(monkeypatch, ConnectionRefusedError(111, "Connection refused"))
    for tries in range(1, mails.MOST_TRIES):
        with pytest.raises(mails.NotSent, match="Connection refused"):
            tasks.send(mail.pk)
        mail.refresh_from_db()
        assert mail.tries == tries and mail.given_up is None
    tasks.send(mail.pk)
    mail.refresh_from_db()
    assert mail.given_up is not None and mail.sent is None
    tasks.send(mail.pk)
    assert Mail.objects.get().tries == mails.MOST_TRIES, "given up: not tried any more"


def test_an_address_that_is_refused_is_given_up_at_once_and_not_written_down(
    one: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell([one], "todo", SUBJECT, key="k")
    refused = {"one@example.org": (550, b"no such user one@example.org")}
    failing(monkeypatch, smtplib.SMTPRecipientsRefused(refused))
    tasks.send(Mail.objects.get().pk)
    mail = Mail.objects.get()
    assert mail.given_up is not None and mail.problem == "recipient 550"
    assert mails.trouble(mail.problem).zh == "收件地址被拒（550）"
    assert mails.trouble("").en == "it could not be sent"


def test_the_job_of_a_failed_mail_is_tried_again_later() -> None:
    from procrastinate.contrib.django import app

    strategy = app.tasks["notices.send"].retry_strategy
    assert strategy is not None
    waits = []
    for attempts in range(mails.MOST_TRIES - 1):
        job: Any = type("Job", (), {"attempts": attempts})()
        decision = strategy.get_retry_decision(exception=mails.NotSent(), job=job)
        assert decision is not None and decision.retry_at is not None
        waits.append(round((decision.retry_at - dt.datetime.now(dt.UTC)).total_seconds()))
    assert waits == sorted(waits) and 1 <= waits[0] <= 5 and 7200 > waits[-1] > 600
    assert strategy.get_retry_decision(exception=ValueError(), job=job) is None


def test_nothing_goes_to_disabled_accounts_nor_about_what_was_read(one: User, mailing: Any) -> None:
    two = seed.person("two", email="two@example.org")
    tell([one, two], "todo", SUBJECT, key="k")
    User.objects.filter(pk=one.pk).update(standing=Standing.DISABLED)
    verbs.mark_read(Notice.objects.filter(to=two))
    send_all()
    assert mailing == [] and not Mail.objects.exists()
    one.refresh_from_db()
    assert tell([one], "todo", SUBJECT, key="later") == 0


def test_a_mail_is_sent_once_however_often_its_job_runs(one: User, mailing: Any) -> None:
    tell([one], "todo", SUBJECT, key="k")
    number = Mail.objects.get().pk
    tasks.send(number)
    tasks.send(number)
    assert len(mailing) == 1


def test_every_kind_has_both_languages() -> None:
    for name, kind in KINDS.items():
        assert kind.name.zh and kind.name.en and kind.says.zh and kind.says.en, name
