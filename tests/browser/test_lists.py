"""The lists in a browser: choosing, views, bulk acts and keys, also on a phone and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from banfa.office import clock
from banfa.office.ledger.models import ActRecord
from banfa.office.lists.models import SavedView
from banfa.office.people.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def no_complaints(page: Any) -> Iterator[None]:
    """Neither the content policy nor a script complains on any page."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    yield
    assert not [text for text in said if "status of 4" not in text]


def names(page: Any) -> list[str]:
    found: list[str] = page.locator("tbody th a").all_inner_texts()
    return found


def test_a_list_is_filtered_sorted_kept_as_a_view_and_taken_as_a_file(
    page: Any, office: str
) -> None:
    page.goto(f"{office}/centres/")
    assert len(names(page)) == 3
    page.get_by_role("columnheader", name="编号").get_by_role("link").click()
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("编号")
    page.locator("summary", has_text="更多条件").click()
    page.select_option("#due", "90")
    page.get_by_role("button", name="筛选", exact=True).click()
    assert len(names(page)) == 1
    page.locator("summary", has_text="列").click()
    page.get_by_label("期限届满").last.check()
    page.get_by_role("button", name="显示所选列").click()
    assert page.get_by_role("columnheader", name="期限届满").is_visible()
    page.locator("summary", has_text="视图").click()
    page.get_by_label("将当前筛选、列与排序存为").fill("年内到期")
    page.get_by_role("button", name="保存视图").click()
    page.get_by_role("link", name="年内到期").wait_for()
    view = SavedView.objects.get()
    assert "due=90" in view.query and "sort=id" in view.query and "cols=ends" in view.query
    page.locator("summary", has_text="导出").click()
    with page.expect_download() as file:
        page.get_by_role("link", name="CSV 文件").click()
    rows = Path(file.value.path()).read_text("utf-8-sig").splitlines()
    assert len(rows) == 8 and "期限届满" in rows[6]


def test_centres_are_chosen_judged_and_recorded_together(page: Any, office: str) -> None:
    page.goto(f"{office}/centres/?sort=id")
    page.check("#pick-all")
    assert page.locator("#picked").inner_text() == "已选 3 家"
    page.get_by_role("button", name="批量办理所选").click()
    page.select_option("#party", "boss")
    page.get_by_role("button", name="下一步").click()
    page.select_option("#act", label="启动筹建")
    page.get_by_role("button", name="填写").click()
    page.get_by_label("筹建期结束日").fill("2032-11-15")
    page.get_by_role("button", name="逐家判断").click()
    assert "1 家可以登记，共 3 家" in page.locator("#preview").inner_text()
    assert page.get_by_label("筹建期结束日").input_value() == "2032-11-15"
    before = ActRecord.objects.count()
    page.get_by_role("button", name="确认登记所勾选的中心").click()
    page.get_by_role("heading", name="批量办理回执").wait_for()
    assert ActRecord.objects.count() == before + 1
    assert "已登记 1 家，共 1 家" in page.inner_text("main")


def test_keys_lead_everywhere_and_can_be_switched_off(page: Any, office: str) -> None:
    page.goto(f"{office}/due/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
    page.keyboard.press("g")
    with page.expect_navigation():
        page.keyboard.press("s")
    assert page.locator("h1").inner_text() == "全文检索"
    page.keyboard.press("Control+a")
    page.keyboard.type("查无此词 g c")
    page.keyboard.press("Enter")
    page.get_by_text("没有找到").wait_for()
    page.goto(f"{office}/centres/")
    page.keyboard.press("?")
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") != "q"
    page.get_by_role("button", name="快捷键").click()
    page.check("#keys-on")


@pytest.mark.parametrize("width", [1280, 390])
def test_no_list_scrolls_sideways(page: Any, office: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    for path in (
        "/centres/",
        "/centres/?cols=id,programme,stage,since,class,field,place,units,ends,next,waiting,changed",
        "/due/",
        "/acts/",
        "/organisations/",
        "/search/?q=%E4%B8%AD",
        "/charts/",
        "/design/",
        "/centres/bulk/?centre=mini-0001&party=boss&kind=start",
    ):
        page.goto(office + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("width", [1280, 390])
def test_a_saved_view_with_a_long_name_fits(page: Any, office: str, width: int) -> None:
    user = User.objects.get(username="everybody")
    for name in ("年内到期的装备类样例中心甲", "很长的名称" * 12):
        SavedView.objects.create(
            user=user, listing="centres", name=name, query="sort=id", created=clock.now()
        )
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{office}/centres/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for menu in ("视图", "列", "导出"):
        page.locator("summary", has_text=menu).first.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, menu
        box = page.locator(".menu[open] .menu-body").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width, menu
        if menu == "视图":
            for button in page.get_by_role("button", name="删除“").all():
                assert button.bounding_box()["height"] <= 48
            for name in page.locator(".menu[open] .line > span").all():
                assert name.bounding_box()["width"] >= 120
        page.locator("summary", has_text=menu).first.click()


def test_lists_work_without_scripts(browser: Any, page: Any, office: str) -> None:
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    context.add_cookies(page.context.cookies())
    plain = context.new_page()
    plain.goto(f"{office}/centres/")
    plain.locator("summary", has_text="列").click()
    plain.get_by_label("期限届满").last.check()
    plain.get_by_role("button", name="显示所选列").click()
    assert plain.get_by_role("columnheader", name="期限届满").is_visible()
    assert not plain.locator("#pick-all").is_visible()
    plain.locator("input[name=centre]").first.check()
    plain.get_by_role("button", name="批量办理所选").click()
    assert "所选中心 1 家" in plain.inner_text("main")
    context.close()
