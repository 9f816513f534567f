"""The pages: the inbox, the head of every page, how one wants to be written to, background jobs."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client

from banfa.office import clock
from banfa.office.notices import queries
from banfa.office.notices.kinds import KINDS, Channel
from banfa.office.notices.models import Choice, Mail, Notice, Wish
from banfa.office.notices.verbs import tell
from banfa.office.people.models import Membership, User
from banfa.rules.words import Text
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def one(centres: Any) -> User:
    return seed.person("unit-2", ("unit", "org-2"))


def told(user: User, key: str, kind: str = "todo", **more: Any) -> Notice:
    subject = Text(f"第{key}件事", f"matter {key}")
    tell([user], kind, subject, key=key, **more)
    return Notice.objects.get(to=user, key=key)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", response.content.decode()))


# --- the inbox


def test_the_inbox_lists_newest_first_and_filters(one: User) -> None:
    now = clock.now()
    told(one, "1", made=now - dt.timedelta(days=2), body=Text("关于氢能", "on hydrogen"))
    told(one, "2", kind="hurry", urgent=True, made=now - dt.timedelta(days=1))
    told(one, "3", kind="letter")
    Notice.objects.filter(key="3").update(read=now)
    client = signed_in(one)
    said = text_of(client.get("/notices/"))
    assert said.index("第3件事") < said.index("第2件事") < said.index("第1件事")
    assert "2条未读" in said and "关于氢能" in said and "催办" in said

    def found(query: str) -> list[str]:
        return sorted(set(re.findall(r"第(\d)件事", text_of(client.get(f"/notices/?{query}")))))

    assert found("state=unread") == ["1", "2"]
    assert found("state=urgent") == ["2"]
    assert found("kind=letter") == ["3"]
    assert found("q=氢能") == ["1"]
    assert found("q=没有这个") == [] and found("kind=nonsense&state=x") == ["1", "2", "3"]
    assert found("q=%00&page=999999999999") == ["1", "2", "3"]


def test_the_inbox_is_ones_own(one: User) -> None:
    other = seed.person("other")
    theirs = told(other, "9")
    client = signed_in(one)
    assert "第9件事" not in text_of(client.get("/notices/"))
    assert client.get(f"/notices/{theirs.pk}/").status_code == 404
    assert client.post("/notices/read/", {"notice": theirs.pk}).status_code == 404
    for wrong in ("x", "-1", "9" * 30, "²"):
        assert client.post("/notices/read/", {"notice": wrong}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.read is None


def test_opening_a_notice_reads_it_and_leads_on(one: User, centres: Any) -> None:
    found = told(one, "1", link=f"/centres/{centres[1]}/")
    client = signed_in(one)
    assert client.head(f"/notices/{found.pk}/").status_code == 302
    found.refresh_from_db()
    assert found.read is None, "a HEAD reads nothing"
    assert client.get(f"/notices/{found.pk}/")["Location"] == f"/centres/{centres[1]}/"
    found.refresh_from_db()
    assert found.read is not None
    bare = told(one, "2")
    assert client.get(f"/notices/{bare.pk}/")["Location"] == "/notices/"


def test_marking_all_read_leaves_what_came_later(one: User) -> None:
    told(one, "1")
    client = signed_in(one)
    latest = re.search(r'name="until" value="(\d+)"', client.get("/notices/").content.decode())
    assert latest
    told(one, "2")
    client.post("/notices/read/", {"until": latest.group(1)})
    assert queries.unread(one).count == 1
    back = client.post("/notices/read/", {"until": "", "next": "https://elsewhere.example/"})
    assert back["Location"] == "/notices/" and queries.unread(one).count == 1


def test_fifty_notices_take_few_queries(one: User, django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        told(one, str(number), urgent=number < 5)
    client = signed_in(one)
    with django_assert_max_num_queries(12):
        page = client.get("/notices/")
    assert text_of(page).count("标为已读") >= 50 and "第1页，共2页" in text_of(page)


# --- the head of every page


def test_every_page_counts_what_is_unread_and_shows_what_is_urgent(
    one: User, django_assert_num_queries: Any
) -> None:
    client = signed_in(one)
    assert 'class="unread"' not in client.get("/account/").content.decode()
    for number in range(5):
        told(one, str(number), urgent=number == 3)
    page = client.get("/account/").content.decode()
    assert re.search(r'class="unread">5<', page)
    [shown] = re.findall(r"【紧急】(第\d件事)", page)
    assert shown == "第3件事"
    urgent = Notice.objects.get(key="3")
    back = client.post("/notices/read/", {"notice": urgent.pk, "next": "/account/"})
    assert back["Location"] == "/account/"
    assert "【紧急】" not in client.get("/account/").content.decode()
    with django_assert_num_queries(1):
        assert queries.unread(one).count == 4


def test_many_are_counted_as_many(one: User) -> None:
    for number in range(101):
        told(one, str(number))
    assert "99+" in signed_in(one).get("/account/").content.decode()


# --- how one wants to be written to


def form(**changes: str) -> dict[str, str]:
    usual = {f"channel-{name}": str(kind.channel) for name, kind in KINDS.items()}
    more = {
        "language": "zh-hans",
        "quiet": "yes",
        "from": "21:00",
        "until": "08:00",
        "version": "0",
    }
    return {**usual, **more, **changes}


def test_choices_are_kept_and_a_stale_form_is_not(one: User) -> None:
    client = signed_in(one)
    changed = form(**{"channel-todo": "digest", "language": "en", "from": "22:30"})
    assert client.post("/notices/choices/", changed).status_code == 302
    assert queries.channels_of(one)["todo"] == Channel.DIGEST
    wish = Wish.objects.get(user=one)
    assert (wish.language, wish.quiet_from, wish.version) == ("en", dt.time(22, 30), 1)
    stale = client.post("/notices/choices/", form(**{"channel-todo": "none"}))
    assert stale.status_code == 409 and "未作更改" in text_of(stale)
    page = stale.content.decode()
    assert re.search(r'name="channel-todo" value="none" checked', page), "what was typed stays"
    assert queries.channels_of(one)["todo"] == Channel.DIGEST
    assert client.post("/notices/choices/", form(version="1", quiet="")).status_code == 302
    assert Wish.objects.get(user=one).quiet_from is None
    assert Choice.objects.filter(user=one).count() == len(KINDS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channel-todo", "pigeon"), ("channel-todo", ""), ("language", "fr"), ("from", "25:00"),
        ("from", "😀"), ("until", ""), ("until", "21:00"), ("version", "x"), ("version", "9" * 40),
    ],
)  # fmt: skip
def test_wrong_choices_are_said_and_nothing_is_changed(one: User, field: str, value: str) -> None:
    answer = signed_in(one).post("/notices/choices/", form(**{field: value}))
    assert answer.status_code in (409, 422) and 'role="alert"' in answer.content.decode()
    assert not Choice.objects.exists()


def test_the_choice_page_says_when_no_mail_is_sent(one: User, settings: Any) -> None:
    client = signed_in(one)
    assert "没有登记电子邮箱" in text_of(client.get("/notices/choices/"))
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert "尚未设置邮件服务器" in text_of(client.get("/notices/choices/"))


# --- one's own account


def past_second_factor(client: Client) -> Client:
    session = client.session
    session["second_factor"] = True
    session.save()
    return client


SURE = {"sure": "yes", "reason": "已调离"}


def test_a_person_is_told_of_changes_to_their_capacities(one: User) -> None:
    security = past_second_factor(signed_in(seed.person("security-1", role="security")))
    capacity = seed.capacity(one, "unit", "org-4", approved=None)
    asked = {"capacity": capacity.pk}
    security.post("/people/approvals/", {"what": "approve_capacity", **asked})
    security.post("/people/approvals/", {"what": "approve_capacity", **asked})
    security.post("/people/approvals/", {"what": "end_capacity", **asked, **SURE})
    told = Notice.objects.filter(to=one, kind="account").order_by("id")
    assert [n.subject_zh for n in told] == [
        "身份已生效：样例办法 依托单位（丁信息技术有限公司）",
        "身份已终止：样例办法 依托单位（丁信息技术有限公司）",
    ]


def test_delegating_and_ending_it_is_told_to_the_other(one: User) -> None:
    deputy = seed.person("deputy", name="钱某")
    Membership.objects.create(user=deputy, organisation_id="org-2")
    form = {
        "capacity": one.capacities.get().pk, "to": deputy.pk,
        "since": "2030-11-15", "until": "2030-11-30", "scope": "all",
    }  # fmt: skip
    client = signed_in(one)
    assert client.post("/account/delegations/", form).status_code == 302
    [notice] = Notice.objects.all()
    assert notice.to == deputy and "委托给您" in notice.subject_zh
    client.post("/account/delegations/", {"end": deputy.delegated.get().pk})
    assert sorted(n.to.username for n in Notice.objects.all()) == ["deputy", "deputy"]


# --- background jobs


def test_the_system_administrator_sees_what_failed_and_tries_again(one: User) -> None:
    system = past_second_factor(signed_in(seed.person("system-1", role="system")))
    lost = Mail.objects.create(
        to=one, made=clock.now(), tries=7, given_up=clock.now(), problem="recipient 550"
    )
    page = system.get("/people/background/")
    assert page.status_code == 200
    assert "没有运行" in text_of(page) and "收件地址被拒（550）" in text_of(page)
    assert system.post("/people/background/", {"mail": lost.pk}).status_code == 302
    lost.refresh_from_db()
    assert lost.given_up is None and lost.tries == 0
    again = system.post("/people/background/", {"mail": lost.pk})
    assert again.status_code == 422 and "请刷新" in text_of(again)
    assert system.post("/people/background/", {"job": "x"}).status_code == 422


def test_nobody_else_sees_background_jobs(one: User) -> None:
    assert signed_in(one).get("/people/background/").status_code == 403
    assert signed_in(one).post("/people/background/", {"mail": "1"}).status_code == 403
    visitor = Client(headers={"host": "localhost"})
    for at in (
        "/notices/",
        "/notices/1/",
        "/notices/choices/",
        "/calendar/",
        "/people/background/",
    ):
        assert visitor.get(at)["Location"].startswith("/account/login/")
