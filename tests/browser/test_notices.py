"""A notice arrives after somebody else's act, is read, and mail is chosen; the calendar; no faults
of accessibility; nothing wider than a phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from banfa.office.notices.kinds import Channel
from banfa.office.notices.models import Notice
from banfa.office.notices.queries import channels_of
from banfa.office.notices.verbs import tell
from banfa.office.people.models import Right, User
from banfa.rules.words import Text
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in
from tests.office.notices.working import work

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def office(
    transactional_db: None, live_server: Any, settings: Any, monkeypatch: Any, page: Any
) -> str:
    """A running office; the page's reader is the customs' officer."""
    seed.use(settings, monkeypatch)
    seed.centres()
    customs = seed.person("customs-1", ("customs", "customs"), name="海关经办人")
    seed.person("unit-2", ("unit", "org-2"), name="依托单位经办人")
    Right.objects.filter(thing="needs.second_factor", fixed=False).update(allowed=False)
    enter(page, live_server.url, customs)
    return str(live_server.url)


def enter(page: Any, url: str, user: Any) -> None:
    visit = signed_in(user).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": visit, "url": url}])


def faults(page: Any) -> list[str]:
    """What axe finds against WCAG 2.2 AA."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found.response["violations"]]


def test_a_notice_arrives_is_read_and_mail_is_chosen(page: Any, office: str) -> None:
    page.goto(f"{office}/notices/")
    assert "还没有通知" in page.locator("main").inner_text()
    seed.do("boss", "start", "2030-11-14", "mini-0003", end="2032-11-01")
    work()
    page.reload()
    assert page.locator(".bell .unread").inner_text().startswith("1")
    page.get_by_role("link", name="启动函").click()
    page.wait_for_url(re.compile("/centres/mini-0003/record/2/"))
    assert page.locator(".bell .unread").count() == 0
    reader = Notice.objects.get(kind="letter").to
    tell([reader], "hurry", Text("请尽快反馈意见", "please answer soon"), key="h", urgent=True)
    page.goto(f"{office}/centres/mini-0001/")
    banner = page.locator(".urgent-notices")
    assert "请尽快反馈意见" in banner.inner_text()
    banner.get_by_role("button", name="知道了").click()
    page.wait_for_url(re.compile("/centres/mini-0001/$"))
    assert page.locator(".urgent-notices").count() == 0
    page.goto(f"{office}/notices/")
    page.get_by_role("link", name="邮件方式").click()
    page.get_by_label("新的待办 每日汇总").check()
    page.get_by_label("邮件语言").select_option("en")
    page.get_by_role("button", name="保存").click()
    assert "已保存" in page.get_by_role("status").inner_text()
    assert channels_of(reader)["todo"] == Channel.DIGEST


def test_a_deadline_opens_and_the_calendar_is_subscribed_to(page: Any, office: str) -> None:
    enter(page, office, User.objects.get(username="unit-2"))
    page.goto(f"{office}/calendar/?month=2030-02")
    entry = page.locator(".month details")
    assert entry.count() == 1
    entry.locator("summary").focus()
    page.keyboard.press("Enter")
    assert "2月末日 = 2030-02-28" in entry.inner_text() and "第三条" in entry.inner_text()
    page.get_by_role("button", name="取得订阅地址").click()
    address = page.locator(".feed-address").inner_text()
    answer = page.request.get(address)
    assert answer.status == 200 and "BEGIN:VEVENT" in answer.text()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_pages_are_accessible_and_fit(page: Any, office: str, width: int, scheme: str) -> None:
    reader = User.objects.get(username="unit-2")
    enter(page, office, reader)
    body = Text("退回理由：经费测算缺少依据", "the budget lacks its grounds")
    tell([reader], "returned", Text("筹建方案退回补正", "returned"), key="1", body=body, link="/")
    tell([reader], "hurry", Text("请尽快报送年度报告", "hurry"), key="2", urgent=True)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for at in ("/notices/", "/notices/choices/", "/calendar/?month=2030-02", "/account/"):
        page.goto(office + at)
        assert faults(page) == [], at
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (at, wide)
