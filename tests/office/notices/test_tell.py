"""Telling people: whom, once, and how it goes out; the ledger's outbox taken up."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from banfa.office import clock
from banfa.office.ledger import texts
from banfa.office.ledger.models import Centre, Outbox
from banfa.office.notices import outbox, tasks
from banfa.office.notices.models import Choice, Mail, Notice
from banfa.office.notices.queries import holders
from banfa.office.notices.verbs import tell
from banfa.office.people import places
from banfa.office.people.models import Delegation, Place, Right, Standing, User
from banfa.rules.words import Text
from tests.office.desk import seed

pytestmark = pytest.mark.django_db
SUBJECT = Text("有一项待办", "something to do")


def waiting_jobs() -> list[str]:
    from procrastinate.contrib.django.models import ProcrastinateJob

    rows = ProcrastinateJob.objects.filter(status="todo").order_by("id")
    return list(rows.values_list("task_name", flat=True))


# --- tell


def test_everybody_active_is_told_once_by_key() -> None:
    one, two = seed.person("one"), seed.person("two")
    gone = seed.person("gone", standing=Standing.DISABLED)
    assert tell([one, two, one, gone], "todo", SUBJECT, key="k", link="/centres/x/") == 2
    assert tell([one], "todo", Text("另一句", "other words"), key="k") == 0
    three = seed.person("three")
    assert tell([one, three], "todo", SUBJECT, key="k") == 1
    rows = Notice.objects.order_by("to")
    assert [(r.to.username, r.subject_zh, r.read) for r in rows] == [
        ("one", "有一项待办", None), ("two", "有一项待办", None), ("three", "有一项待办", None),
    ]  # fmt: skip
    assert rows[0].link == "/centres/x/"
    assert rows[0].made.astimezone(clock.SHANGHAI).date() == dt.date(2030, 11, 15)


def test_a_kind_must_be_known_and_a_link_must_stay_within_the_site() -> None:
    one = seed.person("one")
    with pytest.raises(ValueError, match="hurry"):
        tell([one], "nonsense", SUBJECT, key="k")
    for link in ("https://elsewhere.example/", "//elsewhere.example/"):
        with pytest.raises(ValueError, match="within the site"):
            tell([one], "todo", SUBJECT, key="k", link=link)
    assert not Notice.objects.exists()


def test_giant_subjects_and_keys_are_taken() -> None:
    one = seed.person("one")
    subject = Text("很" * 400, "x" * 400)
    assert tell([one], "todo", subject, key="k" * 900) == 1
    assert tell([one], "todo", subject, key="k" * 900) == 0
    assert tell([one], "todo", subject, key="k" * 901) == 1
    assert {len(n.subject_zh) for n in Notice.objects.all()} == {300}


def test_without_a_mail_server_no_mail_is_made(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert tell([seed.person("one", email="one@example.org")], "todo", SUBJECT, key="k") == 1
    assert not Mail.objects.exists() and waiting_jobs() == []


def test_channels_are_as_chosen_and_urgent_is_at_once(mailing: Any) -> None:
    people = {c: seed.person(c, email=f"{c}@example.org") for c in ("usual", "digest", "none")}
    for name in ("digest", "none"):
        Choice.objects.create(user=people[name], kind="todo", channel=name)
    tell(people.values(), "todo", SUBJECT, key="plain")
    found = {n.to.username: n.channel for n in Notice.objects.filter(key="plain")}
    assert found == {"usual": "at_once", "digest": "digest", "none": "none"}
    assert [m.to.username for m in Mail.objects.all()] == ["usual"]
    tell(people.values(), "todo", SUBJECT, key="now", urgent=True)
    found = {n.to.username: n.channel for n in Notice.objects.filter(key="now")}
    assert found == {"usual": "at_once", "digest": "at_once", "none": "none"}
    assert waiting_jobs() == ["notices.send"] * 3


def test_what_is_told_goes_with_the_transaction(mailing: Any) -> None:
    one = seed.person("one", email="one@example.org")
    with pytest.raises(RuntimeError), transaction.atomic():
        tell([one], "todo", SUBJECT, key="k")
        assert waiting_jobs() == ["notices.send"]
        raise RuntimeError
    assert not Notice.objects.exists() and not Mail.objects.exists() and waiting_jobs() == []


def test_telling_many_takes_as_many_queries_as_telling_one(
    mailing: Any, django_assert_max_num_queries: Any
) -> None:
    people = [seed.person(f"p-{n}") for n in range(30)]
    with django_assert_max_num_queries(10):
        assert tell(people, "todo", SUBJECT, key="k") == 30


# --- holders


def names(people: list[User]) -> list[str]:
    return sorted(user.username for user in people)


def test_holders_are_those_whose_capacity_reaches_the_centre(centres: Any) -> None:
    first = Centre.objects.get(pk=centres[0])
    seed.person("unit-1", ("unit", "org-1"))
    seed.person("unit-2", ("unit", "org-2"))
    seed.person("ministry", ("boss", "boss"))
    seed.person("customs-1", ("customs", "customs"))
    assert names(holders("mini", ["unit"], first)) == ["unit-1"]
    assert names(holders("mini", ["unit"])) == ["unit-1", "unit-2"]
    assert names(holders("mini", ["boss", "unit"], first)) == ["ministry", "unit-1"]
    assert names(holders("mini", ["customs"], first)) == ["customs-1"]
    assert holders("other", ["unit"], first) == []
    assert holders("mini", ["nobody"], first) == []


def test_holders_by_time_account_place_and_right(centres: Any) -> None:
    first = Centre.objects.get(pk=centres[0])
    user = seed.person("late")
    seed.capacity(user, "boss", "boss", since=dt.date(2030, 11, 16))
    gone = seed.person("gone", ("boss", "boss"), standing=Standing.DISABLED)
    asked = seed.person("asked")
    seed.capacity(asked, "boss", "boss", approved=None)
    assert holders("mini", ["boss"], first) == []
    assert names(holders("mini", ["boss"], first, dt.date(2030, 11, 16))) == ["late"]
    User.objects.filter(pk=gone.pk).update(standing=Standing.ACTIVE)
    assert names(holders("mini", ["boss"], first)) == ["gone"]
    places.load()
    for code in ("370000", "220000"):
        there = seed.person(f"at-{code}")
        seed.capacity(there, "boss", "boss", place=Place.objects.get(code=code))
    assert names(holders("mini", ["boss"], first)) == ["at-370000", "gone"]
    Right.objects.filter(subject="mini:boss", thing="see.centre").update(allowed=False)
    assert holders("mini", ["boss"], first) == []


def test_whom_a_capacity_is_lent_to_is_told_too(centres: Any) -> None:
    owner = seed.person("owner", ("unit", "org-1"))
    deputy = seed.person("deputy")
    Delegation.objects.create(
        capacity=owner.capacities.get(), to=deputy, since=dt.date(2030, 11, 1),
        until=dt.date(2030, 11, 30), made=clock.now(),
    )  # fmt: skip
    first = Centre.objects.get(pk=centres[0])
    assert names(holders("mini", ["unit"], first)) == ["deputy", "owner"]
    assert names(holders("mini", ["unit"], first, dt.date(2030, 12, 1))) == ["owner"]


def test_holders_takes_three_queries(centres: Any, django_assert_num_queries: Any) -> None:
    for n in range(12):
        seed.person(f"unit-{n}", ("unit", "org-1"))
    first = Centre.objects.get(pk=centres[0])
    with django_assert_num_queries(3):
        assert len(holders("mini", ["unit", "boss"], first)) == 12


# --- the outbox


def test_an_act_queues_the_job_in_its_transaction(centres: Any) -> None:
    before = waiting_jobs()
    assert before == ["notices.deliver"] * 2, "two starts owed a letter"
    with pytest.raises(RuntimeError), transaction.atomic():
        seed.do("boss", "start", "2030-11-01", centres[2], end="2032-11-01")
        assert len(waiting_jobs()) == 3
        raise RuntimeError
    assert waiting_jobs() == before


def test_the_outbox_becomes_notices_to_its_parties_exactly_once(centres: Any) -> None:
    customs = seed.person("customs-1", ("customs", "customs"))
    seed.person("ministry", ("boss", "boss"))
    seed.do("boss", "start", "2030-11-01", centres[2], end="2032-11-01")
    assert outbox.deliver() == 3
    assert outbox.deliver() == 0
    assert not Outbox.objects.filter(taken__isnull=True).exists()
    [notice] = Notice.objects.all()
    assert notice.to == customs and notice.kind == "letter"
    assert notice.subject_zh == "国家工业软件样例中心（筹）：启动函"
    assert notice.link == f"/centres/{centres[2]}/record/2/"
    assert notice.made.date() == dt.date(2030, 11, 1) and notice.centre_id == centres[2]


def test_what_is_older_than_notices_are_kept_is_taken_silently(centres: Any) -> None:
    seed.person("customs-1", ("customs", "customs"))
    assert outbox.deliver() == 2, "letters of 2026 and 2028"
    assert not Notice.objects.exists()
    assert not Outbox.objects.filter(taken__isnull=True).exists()


def test_a_changed_text_is_told_to_everybody_under_it(centres: Any) -> None:
    seed.person("unit-1", ("unit", "org-1"))
    seed.person("ministry", ("boss", "boss"))
    for said in ("旧的", "新的"):
        texts.load("mini", f"第一条 {said}。\n第二条 二。\n第三条 三。")
    tasks.deliver()
    told = Notice.objects.filter(kind="text")
    assert sorted(n.to.username for n in told) == ["ministry", "unit-1"]
    assert "改动1条" in told[0].body_zh and told[0].link.startswith("/programmes/mini/")
