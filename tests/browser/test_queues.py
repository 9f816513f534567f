"""A case walks through three capacities: an opinion, a handing over, a signer added, a hurry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from banfa.office.ledger import library, queries
from banfa.office.ledger.models import Matter
from banfa.office.people import rights
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CENTRE = "/centres/mini-0002/"


@pytest.fixture(autouse=True)
def no_complaints(page: Any) -> Iterator[None]:
    """Neither the content policy nor a script complains on any page."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    yield
    assert not [text for text in said if "status of 4" not in text]


@pytest.fixture
def as_(
    transactional_db: None, live_server: Any, settings: Any, monkeypatch: Any, page: Any
) -> Any:
    """Signs one of the people in; gives the office's address."""
    seed.use(settings, monkeypatch)
    seed.centres()
    rights.seed(library.parties_and_acts())
    people = {
        "何申请": seed.person("he", ("unit", "org-2"), name="何申请"),
        "王处长": seed.person("wang", ("boss", "boss"), name="王处长"),
        "李经办": seed.person("li", ("boss", "boss"), name="李经办"),
        "陈核数": seed.person("chen", ("boss", "boss"), name="陈核数"),
        "海关员": seed.person("hai", ("customs", "customs"), name="海关员"),
    }
    rights.Right.objects.filter(thing=rights.SECOND_FACTOR, fixed=False).update(allowed=False)

    def enter(name: str) -> str:
        visit = signed_in(people[name]).cookies["sessionid"].value
        page.context.clear_cookies()
        page.context.add_cookies([{"name": "sessionid", "value": visit, "url": live_server.url}])
        return str(live_server.url)

    return enter


def to_the_case(page: Any, office: str) -> None:
    """From the workbench to the extension."""
    page.goto(office)
    page.locator("#waiting").get_by_role("link", name="延期", exact=True).first.click()
    page.get_by_role("heading", level=1, name="延期").wait_for()


def send(page: Any, name: str) -> str:
    """Sends a form; what the page says then."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).first.click()
    return str(page.locator("#work").inner_text())


def test_a_case_walks_through_three_capacities(page: Any, as_: Any) -> None:
    # the firm that began it asks the authority to hurry
    office = as_("何申请")
    page.goto(f"{office}/work/begun/")
    page.get_by_role("link", name="延期", exact=True).click()
    assert "已提交" not in page.locator(".flow .now").inner_text()
    assert "由 主管部门 办理" in page.locator(".flow .now").inner_text()
    assert "已催办承办方" in send(page, "催办承办方")
    assert "今日已经催办过" in send(page, "催办承办方")

    # the authority: urgent on top; an opinion with a stock phrase; handed over to a colleague
    office = as_("王处长")
    page.goto(f"{office}/account/phrases/")
    page.fill("#text", "拟同意延期。")
    with page.expect_navigation():
        page.get_by_role("button", name="保存").click()
    page.goto(office)
    assert "催办" in page.locator("#waiting tbody tr").first.inner_text()
    to_the_case(page, office)
    page.select_option("#phrase-new", "拟同意延期。")
    assert page.input_value("#text-new") == "拟同意延期。"
    page.locator("#text-new").press_sequentially("请李经办核实进度。")
    page.select_option("#inside", "0")
    assert "意见已留痕" in send(page, "留下意见")
    page.get_by_text("分办给同事").click()
    page.select_option("#manner", "hand_over")
    page.get_by_label("第 1 位办理人").select_option(label="李经办")
    page.fill("#route-note", "请核实后办理")
    assert "已分办" in send(page, "分办")

    # the colleague adds a signer before himself, who answers
    office = as_("李经办")
    to_the_case(page, office)
    assert "请核实后办理" in page.locator(".panel.mine").inner_text()
    page.locator(".panel.mine summary").click()
    page.locator(".panel.mine select[name=how]").select_option("add_before")
    page.locator(".panel.mine select[name=to]").select_option(label="陈核数")
    assert "已加签" in send(page, "确定")
    assert page.locator(".panel.mine").count() == 0
    assert "已催办" in send(page, "催办")
    office = as_("陈核数")
    page.goto(office)
    assert "催办" in page.locator("#waiting tbody tr").first.inner_text()
    to_the_case(page, office)
    page.get_by_label("不同意", exact=True).check()
    assert "请填写意见" in send(page, "提交意见")
    assert page.get_by_label("不同意", exact=True).is_checked()
    page.get_by_label("同意", exact=True).check()
    page.locator(".panel.mine textarea").fill("数据无误。")
    assert "已办理" in send(page, "提交意见")

    # back with the colleague, who records the act; what was routed has served
    office = as_("李经办")
    to_the_case(page, office)
    assert "数据无误" in page.locator("#opinions").inner_text()
    page.get_by_role("link", name="同意延期").first.click()
    page.get_by_label("结束日").fill("2031-06-30")
    with page.expect_navigation():
        page.get_by_role("button", name="提交登记").click()
    assert "同意延期" in page.locator("#receipt").inner_text()
    assert queries.centre("mini-0002").state.periods["preparation"].end.isoformat() == "2031-06-30"
    assert Matter.objects.get(centre="mini-0002", sort="case").closed

    # the firm reads the outcome and the opinion that was shared, not the inner one
    office = as_("何申请")
    page.goto(f"{office}{CENTRE}cases/extension-3/")
    assert "已同意" in page.locator(".flow .now").inner_text()
    said = page.locator("#opinions").inner_text()
    assert "拟同意延期" in said and "数据无误" not in said
    # and the customs, the third capacity, sees the procedure with nothing to do
    office = as_("海关员")
    page.goto(f"{office}{CENTRE}cases/")
    page.get_by_role("link", name="延期", exact=True).click()
    assert page.get_by_role("heading", name="下一步").count() == 0


PAGES = (
    "/", "/work/todo/", "/work/begun/", CENTRE, f"{CENTRE}cases/extension-3/",
    f"{CENTRE}prepare/grant/", f"{CENTRE}parties/", f"{CENTRE}duties/", f"{CENTRE}money/",
    f"{CENTRE}notes/", "/account/phrases/",
)  # fmt: skip
LOOKED_AT = ("/", "/work/todo/", f"{CENTRE}cases/extension-3/", f"{CENTRE}duties/")


def test_no_page_of_work_scrolls_sideways_on_a_phone(page: Any, as_: Any) -> None:
    office = as_("王处长")
    page.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        page.goto(office + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_of_work_are_accessible(page: Any, as_: Any, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    office = as_("王处长")
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    for path in LOOKED_AT:
        page.goto(office + path)
        found = Axe().run(page)
        told = [(v["id"], n["target"]) for v in found.response["violations"] for n in v["nodes"]]
        assert not told, (path, told)
