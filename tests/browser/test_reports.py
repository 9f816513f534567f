"""A year of reports in a browser: begun, filled in, explained, reviewed, asked for; on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from banfa.office.evaluations import verbs
from banfa.office.evaluations.models import Collection, Figure, Stage
from banfa.office.notices.models import Notice
from tests.browser.test_every_page import AXE_SCRIPT, look
from tests.office.desk import seed

SYSTEM = Path(__file__).parents[1] / "office" / "evaluations" / "system.yaml"
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def no_complaints(page: Any) -> Iterator[None]:
    """Neither the content policy nor a script complains on any page."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    yield
    assert not [text for text in said if "status of 4" not in text]


@pytest.fixture
def begun(page: Any, office: str) -> str:
    """The year 2029 as the authority has begun it, on its page."""
    verbs.load_system(None, "mini", SYSTEM.read_text(encoding="utf-8"))
    page.goto(f"{office}/reports/?period=2029")
    page.get_by_role("link", name="布置年度数据填报").click()
    page.get_by_role("button", name="布置填报").click()
    page.get_by_role("heading", name="2029年度关键指标").wait_for()
    return office


def test_a_year_from_its_beginning_to_its_review(page: Any, begun: str) -> None:
    page.get_by_role("link", name="氢能装备").click()
    page.get_by_label("研发经费 2029", exact=True).fill("1,250.5")
    page.get_by_label("职工 2029", exact=True).fill("10")
    field = page.get_by_label("研发人员 2029", exact=True)
    field.fill("二十")
    page.get_by_label("标准 2029", exact=True).click()
    page.get_by_text("有 1 项填写有误，未保存").wait_for()
    assert field.get_attribute("aria-invalid") == "true" and field.input_value() == "二十"
    field.fill("20")
    page.get_by_label("标准 2029", exact=True).click()
    page.get_by_text("研发人员 2029 年大于职工").wait_for()
    assert Figure.objects.get(indicator="spending").reported == 125050
    page.get_by_role("button", name="报送数据").click()
    assert "还有 1 处须补填或说明" in page.locator("#answer").inner_text()
    assert field.input_value() == "20"
    page.get_by_label("研发人员：说明").fill("含外聘人员")
    page.get_by_role("button", name="报送数据").click()
    page.get_by_text("已办结，转入下一环节。").wait_for()
    page.get_by_label("研发经费 2029", exact=True).fill("1200")
    page.get_by_label("研发经费：说明").fill("核减 50.5 万元")
    page.get_by_role("button", name="办结审核").click()
    page.get_by_label("已逐项核对").check()
    page.get_by_role("button", name="办结审核").click()
    page.get_by_text("已全部办结").wait_for()
    found = Figure.objects.get(indicator="spending")
    assert (found.stage, found.reviewed) == (Stage.REVIEWED, 120000)
    assert "核减 50.5 万元" in page.inner_text("main")


def test_what_is_late_is_asked_for(page: Any, begun: str) -> None:
    seed.person("unit-2", ("unit", "org-2"), name="报送人")
    page.goto(f"{begun}/reports/?period=2029")
    page.get_by_label("选择：国家氢能装备样例中心（筹）").check()
    assert page.locator("#picked").inner_text() == "已选 1 家"
    # The reader holds every capacity, and nobody asks themselves.
    page.get_by_role("button", name="催报所选").click()
    assert "没有可由您催报的事项" in page.inner_text("main")
    assert not Notice.objects.filter(kind="hurry").exists()


def addresses() -> list[str]:
    """The pages of figures and reports."""
    collection = Collection.objects.get()
    return [
        "/reports/?period=2029",
        "/reports/summary/?period=2029",
        "/reports/compare/",
        f"/figures/{collection.pk}/",
        f"/figures/{collection.pk}/mini-0002/",
        f"/figures/{collection.pk}/upload/",
        "/figures/new/mini/?year=2028",
        "/centres/mini-0002/reports/",
    ]


def test_no_page_has_a_fault_also_on_a_phone(page: Any, begun: str) -> None:
    page.context.add_init_script(AXE_SCRIPT)
    found = [fault for path in addresses() for fault in look(page, begun, path)]
    assert not found, "\n".join(found)
