"""Deadlines of a person and of an organisation, and the calendar address."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from icalendar import Calendar

from banfa.office import clock
from banfa.office.notices import deadlines, verbs
from banfa.office.notices.errors import NoFeed
from banfa.office.notices.models import Feed
from banfa.office.people import access
from banfa.office.people.models import Membership, Organisation, Standing, User
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def unit(centres: Any) -> User:
    return seed.person("unit-2", ("unit", "org-2"), name="赵某")


def of(user: User, organisation: str = "") -> list[tuple[str, str, str]]:
    found = deadlines.deadlines(access.reach(user, clock.today()), organisation)
    return [(d.centre.id, d.duty.name.zh, str(d.duty.due)) for d in found]


def fetched(address: str) -> Any:
    return Client(headers={"host": "localhost"}).get(address)


# --- whose deadlines


def test_deadlines_are_those_that_ones_capacities_owe(unit: User, centres: Any) -> None:
    assert of(unit) == [
        (centres[1], "年度报告", "2029-02-28"), (centres[1], "年度报告", "2030-02-28"),
    ]  # fmt: skip
    boss = seed.person("ministry", ("boss", "boss"))
    assert of(boss) == [], "owed by others"
    assert {d[0] for d in of(boss, "org-2")} == {centres[1]}, "an organisation's, as far as seen"
    assert of(seed.person("nobody")) == []
    assert of(unit, "org-1") == [], "a centre that one does not see"


def test_later_months_are_left_out_when_asked(unit: User) -> None:
    reach = access.reach(unit, clock.today())
    until = dt.date(2029, 12, 31)
    assert len(deadlines.deadlines(reach, until=until)) == 1


# --- the page


def text_of(response: Any) -> str:
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", response.content.decode()))


def test_the_month_shows_deadlines_with_how_they_came_about(unit: User) -> None:
    client = signed_in(unit)
    page = client.get("/calendar/?month=2030-02")
    said = text_of(page)
    assert page.status_code == 200 and "2030年2月1项到期" in said
    assert "年度报告（2029）" in said and "2月末日=2030-02-28" in said and "第三条" in said
    assert "已逾期，仍须办理2" in said
    assert "本月没有到期的事项" in text_of(client.get("/calendar/"))
    assert 'aria-current="date"' in client.get("/calendar/").content.decode()


@pytest.mark.parametrize("month", ["x", "2030-13", "9999-99", "1", "2030-02-30", "\0", "😀"])
def test_a_month_that_cannot_be_read_is_this_month(unit: User, month: str) -> None:
    page = signed_in(unit).get("/calendar/", {"month": month})
    assert page.status_code == 200 and "2030年11月" in text_of(page)


def test_the_calendar_of_ones_organisation_and_of_no_other(unit: User) -> None:
    client = signed_in(unit)
    assert "乙装备制造有限公司" in text_of(client.get("/calendar/?of=org-2"))
    assert client.get("/calendar/?of=org-1").status_code == 404
    assert client.post("/calendar/", {"of": "org-1", "what": "open"}).status_code == 404
    assert not Feed.objects.exists()


def test_the_calendar_takes_few_queries(unit: User, django_assert_max_num_queries: Any) -> None:
    client = signed_in(unit)
    client.get("/calendar/")
    with django_assert_max_num_queries(13):
        client.get("/calendar/?month=2030-02")


# --- the address


def subscribe(client: Client, organisation: str = "") -> str:
    page = client.post("/calendar/", {"what": "open", "of": organisation}).content.decode()
    found = re.search(r"http://localhost(/calendar/[\w-]{40,}\.ics)", page)
    assert found, page
    return found.group(1)


def test_the_feed_is_a_calendar_that_clients_can_read(
    unit: User, centres: Any, settings: Any
) -> None:
    settings.SITE_URL = "https://banfa.example.cn"
    answer = fetched(subscribe(signed_in(unit)))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n")), "folded lines"
    parsed = Calendar.from_ical(answer.content)
    assert parsed["VERSION"] == "2.0" and parsed["X-WR-TIMEZONE"] == "Asia/Shanghai"
    first, second = parsed.walk("VEVENT")
    assert first["SUMMARY"] == "国家氢能装备样例中心（筹）：年度报告"
    assert first["DTSTART"].dt == dt.date(2029, 2, 28) and first["DTEND"].dt == dt.date(2029, 3, 1)
    assert first["DTSTAMP"].dt.date() in (dt.date(2030, 11, 14), dt.date(2030, 11, 15))
    assert first["URL"] == f"https://banfa.example.cn/centres/{centres[1]}/"
    assert first["UID"] == "mini-0002-report-2028@banfa" != second["UID"]
    assert set(first) == {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "URL", "TRANSP"}
    assert "赵某" not in answer.content.decode()


def test_an_address_is_kept_as_a_digest_and_shown_once(unit: User) -> None:
    client = signed_in(unit)
    address = subscribe(client)
    secret = address.split("/")[2].removesuffix(".ics")
    assert secret not in str(Feed.objects.values())
    assert secret not in client.get("/calendar/").content.decode()


def test_a_new_address_ends_the_old_one_and_ending_ends_it(unit: User) -> None:
    client = signed_in(unit)
    old = subscribe(client)
    new = subscribe(client)
    organisation = subscribe(client, "org-2")
    assert [fetched(a).status_code for a in (old, new, organisation)] == [404, 200, 200]
    client.post("/calendar/", {"what": "end"})
    assert [fetched(a).status_code for a in (new, organisation)] == [404, 200]
    assert fetched("/calendar/never-given-out.ics").status_code == 404


def test_the_address_of_a_disabled_or_departed_person_is_dead(unit: User) -> None:
    client = signed_in(unit)
    own, organisation = subscribe(client), subscribe(client, "org-2")
    Membership.objects.filter(user=unit).update(until=dt.date(2030, 11, 14))
    assert [fetched(a).status_code for a in (own, organisation)] == [200, 404]
    User.objects.filter(pk=unit.pk).update(standing=Standing.DISABLED)
    assert fetched(own).status_code == 404


def test_what_a_person_no_longer_sees_is_no_longer_in_the_feed(unit: User) -> None:
    address = subscribe(signed_in(unit))
    assert len(Calendar.from_ical(fetched(address).content).walk("VEVENT")) == 2
    unit.capacities.update(ended=clock.now())
    assert Calendar.from_ical(fetched(address).content).walk("VEVENT") == []


def test_an_address_fetched_too_often_is_asked_to_wait(
    unit: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "FETCHES_AN_HOUR", 3)
    address = subscribe(signed_in(unit))
    assert [fetched(address).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    answer = fetched(address)
    assert 0 < int(answer["Retry-After"]) <= 3600 and "频繁" in answer.content.decode()
    Feed.objects.update(hour=clock.now() - dt.timedelta(hours=2))
    assert fetched(address).status_code == 200


def test_an_organisations_feed_is_for_its_people(unit: User) -> None:
    with pytest.raises(NoFeed):
        verbs.open_feed(unit, Organisation.objects.get(pk="org-1"))
    with pytest.raises(NoFeed):
        verbs.fetch("")
