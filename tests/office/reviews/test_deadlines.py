"""Reminders of a review's deadline: who is told what on which day, and nobody twice."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from icalendar import Calendar

from banfa.office import clock
from banfa.office.ledger.models import Centre
from banfa.office.notices import daily
from banfa.office.notices import verbs as notices
from banfa.office.notices.models import Daily, Notice
from banfa.office.people import access
from banfa.office.people.models import User
from banfa.office.reviews import deadlines, queries, verbs
from banfa.office.reviews.models import Review
from tests.office.desk.conftest import signed_in
from tests.office.reviews import seed

DUE = dt.date(2030, 11, 30)


@pytest.mark.parametrize(
    ("left", "expected"),
    [(8, None), (7, 7), (4, 7), (3, 3), (2, 3), (1, 1), (0, 0), (-1, -1), (-7, -1), (-8, -8)],
)
def test_the_steps(left: int, expected: int | None) -> None:
    assert deadlines.step(DUE, DUE - dt.timedelta(days=left)) == expected


@pytest.fixture
def review(boss: User, centres: list[Centre]) -> Review:
    """A review of two centres: one expert has finished, one half, one has not answered."""
    experts = [seed.expert(name) for name in ("钱某", "吴某", "郑某")]
    review = seed.called(boss, centres[:2], experts)
    done, half, _mute = review.assignments.order_by("number")
    seed.score(verbs.accept(done.expert.user, done, True), 80)
    accepted = verbs.accept(half.expert.user, half, True)
    sheet = accepted.sheets.order_by("pk").first()
    from banfa.office.reviews import sheets

    verbs.hand_in(half.expert.user, sheet, sheets.written(seed.SHEET, seed.FULL), sheet.version)
    Notice.objects.all().delete()
    return review


def on(monkeypatch: pytest.MonkeyPatch, day: dt.date) -> int:
    monkeypatch.setenv("BANFA_TODAY", day.isoformat())
    return deadlines.remind()


@pytest.mark.django_db
def test_experts_behind_are_reminded_and_the_caller_hears_who_is_late(
    review: Review, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {}
    for left in range(9, -10, -1):
        told[left] = on(monkeypatch, DUE - dt.timedelta(days=left))
        assert deadlines.remind() == 0, "once a day"
    # two experts are behind; from the day after, the caller as well
    assert {left: n for left, n in told.items() if n} == {7: 2, 3: 2, 1: 2, 0: 2, -1: 3, -8: 3}
    half = Notice.objects.filter(to__name="吴某").order_by("id")
    assert [n.subject_zh for n in half] == [
        "评审还有7日截止", "评审还有3日截止", "评审还有1日截止", "评审今日截止", "评审已逾期1日",
        "评审已逾期8日",
    ]  # fmt: skip
    assert [n.urgent for n in half] == [False, False, True, True, True, True]
    assert "尚有1份评分表未提交" in half[0].body_zh and half[0].link == f"/reviews/{review.pk}/"
    assert "尚未答复" in Notice.objects.filter(to__name="郑某")[0].body_zh
    assert not Notice.objects.filter(to__name="钱某").exists(), "has finished"
    late = Notice.objects.filter(to=boss).order_by("id")
    assert [n.subject_zh for n in late] == [
        "评审已逾期1日，2位专家未完成", "评审已逾期8日，2位专家未完成",
    ]  # fmt: skip
    assert "吴某、郑某" in late[0].body_zh


@pytest.mark.django_db
def test_a_day_without_the_worker_is_made_up_and_what_is_over_stays_quiet(
    review: Review, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert on(monkeypatch, DUE - dt.timedelta(days=2)) == 2, "the step of 3 days, a day later"
    invited = review.assignments.get(expert__name="郑某")
    verbs.recuse(invited.expert.user, invited, "师生")
    Notice.objects.filter(to=boss).delete()
    assert on(monkeypatch, DUE) == 1, "whoever is recused hears no more"
    review.refresh_from_db()
    verbs.cancel(boss, review, review.version, "改期")
    assert on(monkeypatch, DUE + dt.timedelta(days=1)) == 0


@pytest.mark.django_db
def test_it_is_part_of_what_each_day_brings(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANFA_TODAY", DUE.isoformat())
    monkeypatch.setattr(daily, "STEPS", ())
    early = dt.datetime(2030, 11, 30, 6, 0, tzinfo=clock.SHANGHAI)
    monkeypatch.setattr(clock, "now", lambda: early)
    assert "reviews" not in daily.run()
    monkeypatch.setattr(clock, "now", lambda: early.replace(hour=7))
    assert "reviews" in daily.run() and daily.run() == []
    assert Daily.objects.filter(name="reviews", day=DUE).exists()
    assert Notice.objects.filter(key__startswith=f"review:{review.pk}:due").count() == 2


@pytest.mark.django_db
def test_a_person_s_own_reviews_stand_in_their_calendar(
    review: Review, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANFA_TODAY", (DUE + dt.timedelta(days=2)).isoformat())
    done, half, mute = (one.expert.user for one in review.assignments.order_by("number"))
    for user, said in ((half, "评分（1个中心）"), (mute, "答复评审邀请"), (boss, "评审截止")):
        client = signed_in(user)
        session = client.session
        session["second_factor"] = True
        session.save()
        page = client.get("/calendar/").content.decode()
        assert said in page and f'href="/reviews/{review.pk}/"' in page, user
        secret = notices.open_feed(user)
        feed = Client(headers={"host": "localhost"}).get(f"/calendar/{secret}.ics")
        event = next(
            e for e in Calendar.from_ical(feed.content).walk("VEVENT") if said in e["SUMMARY"]
        )
        assert event["DTSTART"].dt == DUE and event["URL"].endswith(f"/reviews/{review.pk}/")
    assert queries.with_last_day(done, access.reach(done, clock.today())) == []
