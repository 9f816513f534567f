"""Signing in with a click, doing an act, signing out; a passkey; the pages on a phone."""

from __future__ import annotations

from typing import Any

import pytest

from banfa.office.ledger import queries
from banfa.office.people import passwords
from tests.office.desk import seed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "correct horse battery"


@pytest.fixture
def door(transactional_db: None, live_server: Any, settings: Any, monkeypatch: Any) -> str:
    """The address of a running demonstration with an account of the authority."""
    seed.use(settings, monkeypatch)
    settings.DEMO = True
    seed.centres()
    seed.person("demo-01", ("boss", "boss"), demo=True, name="演示·主管部门经办人")
    for role in ("system", "security", "audit"):
        seed.person(f"demo-{role}", role=role, demo=True, name=f"演示{role}")
    return str(live_server.url)


def enter(page: Any, door: str, words: str) -> None:
    page.goto(door)
    page.evaluate("document.querySelectorAll('#demo details').forEach((d) => (d.open = true))")
    page.locator("#demo button", has_text=words).click()


def test_a_click_an_act_and_out_again(page: Any, door: str) -> None:
    page.goto(f"{door}/centres/mini-0003/")
    assert "/account/login/" in page.url
    enter(page, door, "主管部门")
    page.goto(f"{door}/centres/mini-0003/?party=boss")
    assert page.locator("#party option[selected]").inner_text().startswith("主管部门")
    page.get_by_role("link", name="启动筹建").click()
    page.get_by_label("筹建期结束日").fill("2032-06-30")
    with page.expect_navigation():
        page.get_by_role("button", name="提交登记").click()
    assert "演示·主管部门经办人（demo-01）" in page.locator("#receipt").inner_text()
    assert queries.centre("mini-0003").version == 2
    page.get_by_role("button", name="退出").click()
    page.goto(f"{door}/centres/mini-0003/")
    assert "/account/login/" in page.url


def test_a_passkey_is_added_and_signs_in(page: Any, door: str, live_server: Any) -> None:
    user = seed.person("li.si", name="李四")
    passwords.choose(user, PASSWORD)
    at = door.replace("127.0.0.1", "localhost")
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(f"{at}/account/login/")
    page.fill("#id_login", "li.si")
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()
    page.goto(f"{at}/account/second/keys/add/")
    if page.locator("input[name=password]").count():
        page.fill("input[name=password]", PASSWORD)
        page.get_by_role("button", name="确认").click()
        page.goto(f"{at}/account/second/keys/add/")
    page.get_by_label("作为通行密钥").check()
    with page.expect_navigation():
        page.get_by_role("button", name="添加").click()
    page.get_by_role("button", name="退出").click()
    page.goto(f"{at}/account/login/")
    with page.expect_navigation(url=f"{at}/account/"):
        page.get_by_role("button", name="用通行密钥登录").click()
    assert page.locator("h1").inner_text() == "李四"


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_of_people_scrolls_sideways(page: Any, door: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{door}/account/login/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for words, paths in {
        "主管部门": ("/", "/account/", "/account/sessions/", "/account/delegations/"),
        "演示system": ("/people/accounts/", "/people/organisations/"),
        "演示security": ("/people/approvals/", "/people/rights/?programme=mini"),
        "演示audit": ("/people/audit/", "/people/accounts/"),
    }.items():
        page.context.clear_cookies()
        enter(page, door, words)
        for path in paths:
            page.goto(door + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
