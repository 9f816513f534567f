"""A review from its call to the act that it prepares, as the officer and the experts meet it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from banfa.office.ledger.models import ActRecord
from banfa.office.people.models import User
from banfa.office.reviews.models import Review
from tests.office.desk.conftest import signed_in
from tests.office.reviews import seed

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Office:
    """A running office, in which the page's reader is whoever sits down."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url

    def sit(self, user: User | None, path: str = "/reviews/") -> Any:
        """Signs somebody in and goes to a page."""
        assert user is not None
        visit = signed_in(user).cookies["sessionid"].value
        self.page.context.clear_cookies(name="sessionid")
        self.page.context.add_cookies([{"name": "sessionid", "value": visit, "url": self.url}])
        self.page.goto(self.url + path)
        return self.page

    def press(self, name: str) -> None:
        """Presses a button that leads to a page."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()


@pytest.fixture
def office(
    transactional_db: None,
    live_server: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    page: Any,
) -> Office:
    """The office with three centres that seek recognition."""
    seed.use(settings, monkeypatch)
    seed.centres()
    return Office(page, str(live_server.url))


@pytest.fixture(autouse=True)
def no_complaints(page: Any) -> Iterator[None]:
    """Neither the content policy nor a script complains on any page."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    yield
    assert not [text for text in said if "status of 4" not in text]


def accept_and_score(office: Office, user: User | None, points: dict[str, str]) -> None:
    """An expert signs, scores every centre and hands in."""
    page = office.sit(user)
    page.get_by_role("link", name="封装与氢能论证").click()
    page.get_by_label("已阅读并作出以上声明", exact=False).check()
    office.press("签署并接受评审")
    for centre, given in points.items():
        page.get_by_role("row", name=centre).get_by_role("link", name="开始评分").click()
        page.get_by_label("分数").nth(0).fill(given)
        page.get_by_label("分数").nth(1).fill(given)
        page.get_by_label("评语").nth(1).fill(f"给{given}分的理由")
        page.get_by_text("已自动保存").wait_for()
        assert page.locator("#total").inner_text() == given
        page.get_by_text("建设方案").click()
        page.get_by_text("建成中试平台").wait_for()
        office.press("提交评分表")


def test_a_review_with_recusals_a_replacement_and_a_ranking(office: Office) -> None:
    boss = seed.person("boss-1", ("boss", "boss"), name="部经办人")
    tied = seed.expert("周某", "甲集团公司")
    declares, first, second, third = (seed.expert(n) for n in ("钱某", "吴某", "郑某", "冯某"))
    page = office.sit(boss)

    page.get_by_role("link", name="发起评审").click()
    page.get_by_label("拟办理的行为").select_option(label="组织专家论证")
    page.get_by_role("button", name="下一步").click()
    page.get_by_label("评审名称").fill("封装与氢能论证")
    page.get_by_label("国家先进封装样例中心").check()
    page.get_by_label("国家氢能装备样例中心").check()
    office.press("开始筹备")
    assert "请先编制评分表" in page.locator(".notice.warn").inner_text()

    page.get_by_role("link", name="编制").click()
    for row, (name, weight) in enumerate((("技术水平", "60"), ("组建条件", "40"))):
        page.fill(f"[name='c.{row}.name']", name)
        page.fill(f"[name='c.{row}.weight']", weight)
    page.check("[name='c.1.comment']")
    office.press("保存评分表")
    page.get_by_label("截止日").fill("2030-11-30")
    page.get_by_label("专家最低人数").fill("3")
    page.get_by_label("专家姓名").select_option("0")
    office.press("保存条件")
    for box in page.get_by_label("建设方案").all():
        box.check()
    office.press("保存材料范围")

    page.locator("#choose > summary").click()
    for name in ("周某", "钱某", "吴某", "郑某"):
        page.get_by_label(name).check()
    page.get_by_label("指定的理由").fill("领域相符")
    office.press("选定")
    recusal = page.locator("#recusal")
    assert "上下级单位" in recusal.inner_text() and "按规则发现" in recusal.inner_text()
    assert "已回避" in page.get_by_role("row", name="周某").first.inner_text()
    office.press("发出邀请")

    page = office.sit(tied.user)
    assert "没有请您评审" in page.locator("main").inner_text(), "recused by rule: sees nothing"
    page = office.sit(declares.user)
    page.get_by_role("link", name="封装与氢能论证").click()
    page.get_by_label("回避的事由").fill("与乙研究院负责人系师生")
    office.press("申请回避")
    assert "已登记回避" in page.get_by_role("status").inner_text()

    review = Review.objects.get()
    at = f"/reviews/{review.pk}/"
    page = office.sit(boss, at)
    assert "请补选" in page.locator(".notice").first.inner_text()
    page.locator("#choose > summary").click()
    page.get_by_label("冯某").check()
    page.get_by_label("指定的理由").fill("替换钱某")
    page.get_by_label("替换哪位专家").select_option(label="钱某")
    office.press("选定")
    assert "替换 钱某" in page.get_by_role("row", name="冯某").inner_text()

    scores = (("90", "80"), ("80", "85"), ("85", "90"))
    for number, (expert, given) in enumerate(zip((first, second, third), scores, strict=True)):
        page = office.sit(boss, at)
        assert page.get_by_role("button", name="汇总", exact=True).count() == 0
        assert "分的理由" not in page.locator("main").inner_text(), number
        points = {"国家先进封装样例中心": given[0], "国家氢能装备样例中心": given[1]}
        accept_and_score(office, expert.user, points)
    page = office.sit(first.user, f"{at}centres/panel-0001/")
    assert "其他专家的评分" in page.locator("main").inner_text(), "all are in: shown to each other"

    page = office.sit(boss, at)
    office.press("汇总")
    ranking = page.get_by_role("table").first
    assert ranking.get_by_role("row").nth(1).inner_text().split()[:2] == [
        "1", "国家先进封装样例中心",
    ]  # fmt: skip
    assert ranking.inner_text().count("85.00") >= 2, "equal means share the first rank"
    assert [r.inner_text().split()[0] for r in ranking.get_by_role("row").all()[1:]] == ["1", "1"]
    page.get_by_role("link", name="带入表单").first.click()
    opinion = page.get_by_label("论证意见").input_value()
    review.refresh_from_db()
    assert review.digest in opinion and "85.00分" in opinion
    assert page.input_value("[name='with.experts']").split() == ["吴某", "郑某", "冯某"]
    office.press("提交登记")
    assert "已登记" in page.locator("#receipt").inner_text()
    assert ActRecord.objects.filter(kind="appraise").count() == 1
    page = office.sit(boss, f"{at}summary/")
    assert "已带入第 3 号" in page.get_by_role("table").first.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_are_sound_and_do_not_scroll_sideways(
    office: Office, width: int, scheme: str
) -> None:
    boss = seed.person("boss-1", ("boss", "boss"), name="部经办人")
    rows = seed.Centre.objects.order_by("id")
    draft = seed.begun(boss, list(rows), agency=None)
    given = [seed.expert(n) for n in ("钱某", "吴某", "王某", "周某")]
    seed.verbs.choose(boss, draft, draft.version, given[2:], "领域相符")
    review = seed.called(boss, list(rows[:2]), given[:2])
    panel = seed.accepted(review)
    seed.score(panel[0], 80, 70)
    page = office.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    paths = {
        boss: ["/reviews/", "/reviews/new/", "/reviews/new/?matter=panel:boss@boss:appraise",
               f"/reviews/{draft.pk}/", f"/reviews/{draft.pk}/sheet/", f"/reviews/{review.pk}/",
               "/experts/", "/experts/new/", "/experts/import/",
               f"/experts/{given[0].pk}/", "/centres/panel-0001/reviews/"],
        given[1].user: ["/reviews/", f"/reviews/{review.pk}/",
                        f"/reviews/{review.pk}/centres/panel-0001/"],
    }  # fmt: skip
    _look(office, paths, width)
    seed.score(panel[1], 90, 70)
    review.refresh_from_db()
    seed.verbs.close(boss, review, review.version)
    _look(office, {boss: [f"/reviews/{review.pk}/summary/", f"/reviews/{review.pk}/"]}, width)


def _look(office: Office, paths: dict[Any, list[str]], width: int) -> None:
    page = office.page
    for user, ways in paths.items():
        for way in ways:
            office.sit(user, way)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, way
            found = Axe().run(page, options=WCAG).response["violations"]
            assert not [(v["id"], v["nodes"][0]["html"][:120]) for v in found], way
