"""The desk as an officer meets it: choosing, filling in, being refused, being done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from banfa.office.ledger import queries
from banfa.office.people import accounts
from banfa.office.people.models import Membership, User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def no_complaints(page: Any) -> Iterator[None]:
    """Neither the content policy nor a script complains on any page."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    yield
    assert not [text for text in said if "status of 4" not in text]


def choose_party(page: Any, party: str) -> None:
    page.select_option("#party", party)
    page.get_by_role("button", name="查看", exact=True).click()


def submit(page: Any) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name="提交登记").click()


def test_from_the_list_to_a_centre_and_its_forms(page: Any, office: str) -> None:
    page.goto(f"{office}/centres/")
    page.keyboard.press("/")
    page.keyboard.type("mini-0003")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="工业软件（样例办法）").click()
    choose_party(page, "boss")
    page.get_by_role("link", name="启动筹建").click()
    form = page.get_by_role("form", name="启动筹建")
    form.wait_for()
    assert page.evaluate("document.activeElement.name") == "on"
    assert form.get_by_label("筹建期结束日").is_visible()
    page.keyboard.press("Escape")
    assert form.count() == 0


def test_a_refused_act_keeps_what_was_typed_with_findings_beside_the_fields(
    page: Any, office: str
) -> None:
    page.goto(f"{office}/centres/mini-0002/acts/survey/?party=unit")
    page.fill("[name='with.title']", "年度情况")
    page.fill("[name='with.count']", "3")
    page.check("[name='with.open'][value='false']")
    page.fill("[name='with.rows.0.name']", "电镜")
    page.get_by_role("button", name="增加一行").click()
    page.fill("[name='with.rows.1.name']", "探针台")
    submit(page)
    answer = page.get_by_role("alert")
    assert "未予登记" in answer.inner_text() and "人数不少于5人" in answer.inner_text()
    assert page.input_value("[name='with.title']") == "年度情况"
    assert page.input_value("[name='with.rows.1.name']") == "探针台"
    assert page.is_checked("[name='with.open'][value='false']")
    beside = page.locator("#f-with-count-found").inner_text()
    assert "人数不少于5人" in beside and "第三条" in beside and "现为：3" in beside
    assert page.get_attribute("#f-with-count", "aria-invalid") == "true"
    answer.get_by_role("link", name="人数不少于5人").click()
    assert page.url.endswith("#f-with-count")
    assert queries.centre("mini-0002").version == 3


def test_an_accepted_act_changes_the_stage_and_shows_its_receipt(page: Any, office: str) -> None:
    page.goto(f"{office}/centres/mini-0003/?party=boss")
    page.get_by_role("link", name="启动筹建").click()
    page.get_by_label("筹建期结束日").fill("2031-06-30")
    submit(page)
    receipt = page.locator("#receipt").inner_text()
    assert "第 2 号" in receipt and "sha256:" in receipt and "不早于2031-11-15" in receipt
    assert page.locator(".head .mark").inner_text() == "筹建"
    assert page.locator("svg .stage.current").text_content().startswith("筹建")
    assert page.get_by_role("heading", level=1).inner_text() == "国家工业软件样例中心（筹）"


def test_two_fast_clicks_act_once(page: Any, office: str) -> None:
    page.goto(f"{office}/centres/mini-0003/acts/start/?party=boss")
    page.get_by_label("筹建期结束日").fill("2032-06-30")
    with page.expect_navigation(url=re.compile("receipt=2")):
        page.get_by_role("button", name="提交登记").dblclick()
    assert queries.centre("mini-0003").version == 2


def test_two_fast_posts_past_the_script_act_once(page: Any, office: str) -> None:
    page.goto(f"{office}/centres/mini-0003/acts/start/?party=boss")
    page.get_by_label("筹建期结束日").fill("2032-06-30")
    places = page.evaluate(
        """async () => {
          const form = document.querySelector("form.form");
          const send = () => fetch(form.action, { method: "POST", body: new FormData(form) });
          return (await Promise.all([send(), send(), send()])).map((answer) => answer.url);
        }"""
    )
    assert len(set(places)) == 1 and "receipt=2" in places[0]
    assert queries.centre("mini-0003").version == 2


def test_as_of_another_day(page: Any, office: str) -> None:
    page.goto(f"{office}/centres/mini-0001/")
    assert page.locator(".head .mark").inner_text() == "筹建期满"
    page.fill("#on", "2029-03-16")
    page.get_by_role("button", name="查看", exact=True).click()
    assert page.locator(".head .mark").inner_text() == "筹建"
    assert "截至 2029-03-16" in page.get_by_role("note").last.inner_text()
    page.get_by_role("link", name="回到今日").click()
    assert page.locator(".head .mark").inner_text() == "筹建期满"


def test_findings_are_shown_on_demand(page: Any, office: str) -> None:
    page.goto(f"{office}/centres/mini-0002/")
    page.get_by_text("判断依据").nth(1).click()
    page.locator(".findings").first.wait_for()
    assert "符合" in page.locator(".findings").first.inner_text()


def test_the_language_switch(page: Any, office: str) -> None:
    page.goto(f"{office}/centres/mini-0002/?party=unit")
    page.get_by_role("button", name="English").click()
    assert page.get_attribute("html", "lang") == "en"
    assert page.url.endswith("/centres/mini-0002/?party=unit")
    assert page.get_by_role("heading", name="What may be done").is_visible()
    page.get_by_role("button", name="中文").click()
    assert page.get_attribute("html", "lang") == "zh-CN"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways(page: Any, office: str, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    for path in (
        "/",
        "/programmes/",
        "/programmes/mini/2026/?party=boss",
        "/centres/mini-0002/?party=boss",
        "/centres/mini-0002/acts/survey/?party=unit",
        "/programmes/mini/acts/apply/?party=unit",
        "/centres/mini-0002/record/1/",
        "/nix",
    ):
        page.goto(office + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        faint = page.evaluate(FAINT)
        assert not faint, (path, faint)


# Text whose contrast with its ground is below 4.5 : 1 (WCAG 1.4.3), as "text: ratio".
FAINT = """() => {
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255)
      .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("main *, header *, footer *, .banner *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || element.closest("svg, template, option")) continue;
    const [a, b] = [rgb(getComputedStyle(element).color), ground(element)].map(luminance);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${element.textContent.trim().slice(0, 20)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


def test_every_control_has_a_name(page: Any, office: str) -> None:
    page.goto(f"{office}/centres/mini-0002/acts/survey/?party=unit")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("main input, main select, main textarea")]
          .filter((e) => e.type !== "hidden")
          .filter((e) => !e.labels?.length && !e.getAttribute("aria-label")).map((e) => e.name)"""
    )
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_a_link_to_a_folded_place_opens_it(page: Any, office: str) -> None:
    page.goto(f"{office}/programmes/mini/2026/")
    page.evaluate("document.querySelectorAll('details.fold').forEach((d) => (d.open = false))")
    page.evaluate("location.hash = 'a-2-2'")
    page.locator("#a-2-2").wait_for(state="visible")
    page.goto(f"{office}/programmes/mini/2026/#a-2-2")
    assert page.locator("#a-2-2").is_visible()


def test_a_refusal_takes_the_focus(page: Any, office: str) -> None:
    page.goto(f"{office}/centres/mini-0003/acts/start/?party=boss")
    page.get_by_label("筹建期结束日").fill("2034-01-01")
    submit(page)
    page.wait_for_function("document.activeElement.id === 'answer'")
    assert page.title().startswith("未予登记")


@pytest.mark.parametrize("width", [1280, 1024, 390])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_head_is_calm_with_many_entries(
    page: Any, office: str, width: int, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name stands on the line of the first entry, and nothing leaves the head."""
    monkeypatch.setattr(accounts, "must_have_second_factor", lambda reach: False)
    user = User.objects.get(username="everybody")
    Membership.objects.filter(user=user).update(administrator=True)
    page.context.add_cookies([{"name": "django_language", "value": language, "url": office}])
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{office}/account/")
    boxes = [one.bounding_box() for one in page.locator(".masthead nav > *").all()]
    head, brand = (page.locator(f".masthead{at}").bounding_box() for at in ("", " .brand b"))
    assert len(boxes) >= 12
    for box in boxes:
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert head["y"] <= box["y"] and box["y"] + box["height"] <= head["y"] + head["height"]
    middles = {round(box["y"] + box["height"] / 2) for box in boxes}
    link = page.locator(".masthead .brand").bounding_box()
    assert brand["y"] >= head["y"] + 3, "below the rule"
    assert brand["x"] + brand["width"] <= link["x"] + link["width"], "whole"
    if width > 768:
        assert abs(brand["y"] + brand["height"] / 2 - min(middles)) <= 3, "on the first line"
        assert max(middles) - min(middles) <= 50, "two lines at most"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
