"""A dossier in a browser: filled in, saved by itself, checked, submitted, returned, corrected."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from banfa.office.dossiers import queries as dossier_queries
from banfa.office.dossiers.models import Dossier, State, Version
from banfa.office.people import accounts
from banfa.office.people.models import User
from tests.office.desk.conftest import signed_in
from tests.office.dossiers import seed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("BANFA_SHOTS")


@pytest.fixture(autouse=True)
def no_complaints(page: Any) -> Iterator[None]:
    """Neither the content policy nor a script complains on any page."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    yield
    assert not [text for text in said if "status of 4" not in text]


@pytest.fixture
def become(
    transactional_db: None,
    live_server: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    page: Any,
    tmp_path: Path,
) -> Callable[[str], str]:
    """Signs in as one of the people of the small programme; gives the office's address."""
    seed.use(settings, monkeypatch, tmp_path / "files")
    monkeypatch.setattr(accounts, "must_have_second_factor", lambda reach: False)
    people = seed.people()

    def sign_in(name: str) -> str:
        visit = signed_in(people[name]).cookies["sessionid"].value
        page.context.clear_cookies()
        page.context.add_cookies([{"name": "sessionid", "value": visit, "url": live_server.url}])
        return str(live_server.url)

    return sign_in


def shot(page: Any, name: str) -> None:
    """A picture to look at, at both widths, when asked for."""
    if SHOTS:
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1280, "height": 800})


def begin(page: Any, office: str) -> Dossier:
    page.goto(f"{office}/programmes/mini/acts/apply/dossier/?party=unit")
    shot(page, "new")
    page.get_by_role("button", name="开始编写").click()
    page.get_by_role("heading", level=1, name="申请设立").wait_for()
    return Dossier.objects.get()


def saved(page: Any) -> None:
    page.get_by_text(re.compile(r"已保存 \d\d:\d\d")).wait_for()


def fill(page: Any) -> None:
    page.fill("[name='with.field_zh']", "先进封装")
    page.fill("[name='with.team']", "张某\n李某")
    page.select_option("[name='with.guide']", "office-1")
    page.fill("[name='documents.plan.goals']", "三年内建成中试平台，服务全行业。")
    page.fill("[name='documents.plan.money.total']", "12000")
    page.fill("[name='documents.plan.money.items.0.name']", "设备")
    page.fill("[name='documents.plan.money.items.0.price']", "8000")
    page.get_by_role("button", name="增加一行").click()
    page.fill("[name='documents.plan.money.items.1.name']", "厂房")
    page.fill("[name='documents.plan.money.items.1.price']", "4000")


def test_from_the_first_word_to_the_corrected_version(
    page: Any, become: Callable[[str], str], tmp_path: Path
) -> None:
    office = become("writer")
    dossier = begin(page, office)
    page.fill("[name='documents.plan.goals']", "只写了一半")
    saved(page)
    page.reload()
    assert page.input_value("[name='documents.plan.goals']") == "只写了一半"

    page.get_by_role("button", name="校验", exact=True).click()
    answer = page.get_by_role("alert")
    answer.get_by_text("须补正").first.wait_for()
    shot(page, "check")
    answer.get_by_role("link", name=re.compile("资金安排")).first.click()
    assert page.url.endswith("#f-documents-plan-money-total")

    fill(page)
    proof = tmp_path / "审计报告.pdf"
    proof.write_bytes(seed.PDF)
    page.set_input_files("#f-documents-plan-money-audit", str(proof))
    page.get_by_role("link", name="审计报告.pdf").wait_for()
    wrong = tmp_path / "报告.pdf"
    wrong.write_bytes(b"MZ\x90\0" + b"\0" * 60)
    page.set_input_files("#attachments input[type=file]", str(wrong))
    page.get_by_text("实为可执行程序").wait_for()
    page.get_by_role("link", name="审计报告.pdf").click()
    page.locator("#viewer iframe").wait_for()
    shot(page, "write")
    page.locator("#viewer").get_by_role("button", name="关闭").click()
    with page.expect_navigation():
        page.get_by_role("button", name="校验并提交").click()
    page.get_by_role("heading", name="已提交登记").wait_for()
    shot(page, "submitted")

    become("guide")
    page.goto(f"{office}/dossiers/{dossier.pk}/")
    page.get_by_role("link", name="退回修改").click()
    page.fill("#reason", "总投资与分项投资之和不符，请核实后修改。")
    page.get_by_label("资金安排").check()
    shot(page, "return")
    page.get_by_role("button", name="退回修改").click()
    page.get_by_text("已退回修改").wait_for()

    become("writer")
    page.goto(f"{office}/dossiers/{dossier.pk}/")
    assert page.locator("[name='documents.plan.goals']").count() == 0
    assert "服务全行业" in page.locator("[data-path='documents.plan.goals']").inner_text()
    page.fill("[name='documents.plan.money.total']", "13000")
    page.fill("[name='documents.plan.money.items.0.price']", "9000")
    shot(page, "correct")
    with page.expect_navigation():
        page.get_by_role("button", name="校验并提交").click()
    page.get_by_text("第 2 版已固定").wait_for()
    page.get_by_role("link", name="比较版本").click()
    table = page.locator(".change", has_text="分项投资").inner_text()
    assert "8,000" in table and "9,000" in table and "未变" in table
    shot(page, "compare")

    page.goto(f"{office}/dossiers/{dossier.pk}/versions/2/print/")
    assert page.locator(".paper svg").is_visible() and page.locator(".watermark").count() == 0
    shot(page, "print")
    page.goto(f"{office}/dossiers/{dossier.pk}/versions/1/")
    shot(page, "version")
    page.goto(f"{office}/centres/mini-0001/materials/")
    shot(page, "materials")
    page.goto(f"{office}/dossiers/")
    shot(page, "dossiers")
    assert Version.objects.count() == 2
    assert Dossier.objects.get().state == State.SUBMITTED


def test_an_expired_session_is_told_and_what_was_typed_is_saved_after_it(
    page: Any, become: Callable[[str], str]
) -> None:
    office = become("writer")
    dossier = begin(page, office)
    page.context.clear_cookies()
    page.fill("[name='documents.plan.goals']", "写了很久的目标")
    page.get_by_text("登录已过期，所填内容仍在本页").wait_for()
    assert page.get_by_role("link", name=re.compile("重新登录")).is_visible()
    become("writer")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    saved(page)
    kept = Dossier.objects.get(pk=dossier.pk)
    assert kept.content["documents.plan.goals"] == "写了很久的目标"


def test_what_was_typed_before_the_script_arrived_is_saved_too(
    page: Any, become: Callable[[str], str]
) -> None:
    office = become("writer")
    dossier = begin(page, office)
    page.wait_for_load_state("networkidle")
    assert "未保存" not in page.locator("#saved").inner_text()
    held: list[Any] = []
    page.route("**/dossier.js*", lambda route: held.append(route))
    page.goto(f"{office}/dossiers/{dossier.pk}/", wait_until="commit")
    page.fill("[name='documents.plan.goals']", "脚本到达之前写的")
    assert held and not page.get_by_text(re.compile(r"已保存 \d\d:\d\d")).count()
    for request in held:
        request.continue_()
    saved(page)
    assert Dossier.objects.get().content["documents.plan.goals"] == "脚本到达之前写的"


def test_two_writers_are_told_of_each_other(page: Any, become: Callable[[str], str]) -> None:
    from banfa.office.dossiers import verbs

    office = become("writer")
    dossier = begin(page, office)
    other = User.objects.get(username="colleague")
    verbs.save(other, dossier.pk, {"documents.plan.goals": "同事写的"}, dossier.version)
    page.fill("[name='documents.plan.goals']", "我写的")
    page.get_by_text("甲同事已于").wait_for()
    assert page.input_value("[name='documents.plan.goals']") == "我写的"
    page.get_by_role("button", name="以本页内容为准保存").click()
    saved(page)
    assert Dossier.objects.get().content["documents.plan.goals"] == "我写的"


def test_the_pages_meet_the_guidelines(page: Any, become: Callable[[str], str]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    office = become("writer")
    dossier = begin(page, office)
    user = User.objects.get(username="writer")
    from banfa.office.dossiers import verbs

    verbs.save(user, dossier.pk, seed.FULL, dossier.version)
    again = Dossier.objects.get()
    places = ["/dossiers/", f"/dossiers/{dossier.pk}/", f"/dossiers/{dossier.pk}/versions/0/print/"]
    assert verbs.submit(user, dossier.pk, again.version).version is not None
    submitted = [f"/dossiers/{dossier.pk}/{rest}" for rest in ("", "versions/1/", "compare/")]
    second = verbs.start(user, "mini", "apply", "unit")
    places = [places[0], f"/dossiers/{second.pk}/", *submitted, "/centres/mini-0001/materials/"]
    page.emulate_media(reduced_motion="reduce")
    wrong = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for where in places:
            page.goto(f"{office}{where}")
            found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag22aa"]})
            wrong += [
                f"{where} {scheme}: {v['id']} {v['nodes'][0]['html'][:160]}"
                for v in found.response["violations"]
            ]
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for where in places:
            page.goto(f"{office}{where}")
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if over > 0:
                wrong.append(f"{where} at {width}: {over} px too wide")
    assert not wrong, "\n".join(wrong)
    assert dossier_queries.valid(Version.objects.get())
