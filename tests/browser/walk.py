"""Walking a life through the pages: who does what on which day, and what the pages then say.

A life is a YAML file: the people and, step by step, the day, the person, the act by its name, what
is typed under which label, and the words to be read afterwards. The walker knows no programme.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from banfa.office import clock
from banfa.office.ledger import library
from banfa.office.people import rights
from banfa.office.people.models import Capacity, Membership, Organisation, Standing, User

LIVES = Path(__file__).parent / "lives"
SHOTS = os.environ.get("BANFA_SHOTS")

FORM = "#dossier-form, main form.form[method=post]"
FIND = """([label, part]) => {
  const own = (e) => e && e.childNodes[0] ? e.childNodes[0].textContent.trim() : "";
  const form = document.querySelector("#dossier-form, main form.form[method=post]");
  const within = part ? [...form.querySelectorAll("fieldset.group")]
    .find((g) => own(g.querySelector(":scope > legend")) === part) : form;
  if (!within) return null;
  const label_of = (f) => own(f.querySelector(":scope > label, :scope > legend"));
  const found = [...within.querySelectorAll(".field")].find((f) => label_of(f) === label);
  if (!found) return null;
  if (found.tagName === "FIELDSET") {
    if (found.querySelector(":scope > .rows")) return { id: found.id, kind: "rows" };
    return { id: found.id, kind: "options" };
  }
  const control = found.querySelector("input:not([type=hidden]), select, textarea");
  return { id: control.id, kind: control.tagName === "SELECT" ? "select" : "text" };
}"""
"""A control by the label above it, perhaps within one document of the form."""

REST = """(day) => {
  const form = document.querySelector("#dossier-form, main form.form[method=post]");
  const sample = (c) => {
    if (c.value || c.type === "file" || c.type === "hidden") return;
    if (c.tagName === "SELECT") c.value = ([...c.options].find((o) => o.value) || {}).value || "";
    else if (c.type === "date") c.value = day;
    else if (c.type === "number" || c.inputMode === "decimal") c.value = "1";
    else c.value = "按规定的提纲填写";
    c.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const wanted = (e) => !e.querySelector(":scope > label .need, :scope > legend .need");
  for (const f of form.querySelectorAll(".field")) {
    if (f.closest("details:not([open])") || !wanted(f)) continue;
    const rows = f.querySelector(":scope > .rows");
    if (rows) {
      const need = [...rows.querySelectorAll("thead th")].map((h) => !h.querySelector(".need"));
      for (const row of rows.querySelectorAll("tbody tr")) {
        [...row.cells].forEach((cell, n) => {
          const c = cell.querySelector("input, select, textarea");
          if (need[n] && c) sample(c);
        });
      }
    } else if (f.tagName === "FIELDSET") {
      const all = [...f.querySelectorAll("input")];
      if (all.length && !all.some((c) => c.checked)) all[0].click();
    } else {
      const c = f.querySelector("input:not([type=hidden]), select, textarea");
      if (c) sample(c);
    }
  }
  for (const h of form.querySelectorAll("fieldset.group h3")) {
    let first = h.nextElementSibling;
    while (first && !first.classList.contains("field")) first = first.nextElementSibling;
    const controls = first ? [...first.querySelectorAll("textarea, input, select")] : [];
    const line = controls.length ? controls[0].closest("tr") : null;
    for (const c of line ? controls.filter((one) => one.closest("tr") === line) : controls)
      if (!["hidden", "file", "radio", "checkbox"].includes(c.type)) sample(c);
  }
  for (const g of form.querySelectorAll("fieldset.group")) {
    if (g.querySelector(":scope > legend .need")) continue;
    const reference = [...g.querySelectorAll("input[type=text]")]
      .find((c) => c.name.endsWith(".__reference"));
    if (reference && !reference.value) reference.value = "示例文件一号";
  }
}"""
"""Fills what is still empty and asked for with samples, so that a step says only what matters."""

FILES = "form.form .field:not(:has(> label .need)) > input[type=file]"
PAPER = {"name": "材料.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 sample"}


@dataclass
class Step:
    """One step of a life. `refused`: words of the refusal; the act is not recorded then.

    `do` is what is done: the act is taken by its form; by a dossier that saves itself (`dossier`),
    which is sent back (`return`, with the `parts` that open again) and corrected (`correct`); or
    it is signed: an administrator demands it (`demand`), it is sent to the signers (`route`), who
    agree (`sign`).
    """

    on: dt.date
    who: str
    act: str
    fill: dict[str, Any] = field(default_factory=dict)
    centre: bool = True
    empty: bool = False
    do: str = "act"
    parts: list[str] = field(default_factory=list)
    jointly: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    expect: list[str] = field(default_factory=list)
    due: list[str] = field(default_factory=list)


@dataclass
class Life:
    """A programme, its people and the steps."""

    programme: str
    people: dict[str, dict[str, str]]
    steps: list[Step]


def read(name: str) -> Life:
    """The life of that name. YAML 1.1 reads `on` as a truth value; here it is a key."""
    told = yaml.safe_load((LIVES / f"{name}.yaml").read_text(encoding="utf-8"))
    steps = [Step(**{"on" if k is True else k: v for k, v in one.items()}) for one in told["steps"]]
    return Life(told["programme"], told["people"], steps)


def settle(life: Life) -> None:
    """Makes the organisations and the people of a life, with the rights of their parties."""
    rights.seed(library.parties_and_acts())
    now = clock.now()
    for number, (nick, one) in enumerate(life.people.items(), 1):
        organisation, _ = Organisation.objects.get_or_create(
            id=one["org"],
            defaults={
                "name_zh": one["unit"],
                "kind": one.get("kind", ""),
                "place": one.get("place", ""),
            },
        )
        if "party" not in one:
            continue
        user = User(
            username=f"walk-{number:02d}", name=one["name"], demo=True,
            standing=Standing.ACTIVE, created=now,
        )  # fmt: skip
        user.set_unusable_password()
        user.save()
        leads = bool(one.get("administrator"))
        Membership.objects.create(user=user, organisation=organisation, administrator=leads)
        Capacity.objects.create(
            user=user, organisation=organisation, programme=life.programme, party=one["party"],
            centres=one.get("centres", []), asked=now, approved=now,
        )  # fmt: skip
        assert nick


class Walker:
    """Goes through a life, each person in a browser of their own."""

    def __init__(
        self, browser: Any, address: str, life: Life, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.browser, self.address, self.life = browser, address, life
        self.monkeypatch = monkeypatch
        self.pages: dict[str, Any] = {}
        self.names = self._acts()
        self.centre = ""
        self.dossier = ""
        self.complaints: list[str] = []

    def _acts(self) -> dict[str, str]:
        latest = library.editions(self.life.programme).latest
        return {model.name.zh: kind for kind, model in latest.models.items()}

    def walk(self) -> None:
        """All steps; a failing one is told with its number and what the page says."""
        for number, step in enumerate(self.life.steps, 1):
            self.monkeypatch.setenv("BANFA_TODAY", step.on.isoformat())
            try:
                self._step(step)
            except Exception as error:
                said = self._said(step.who)
                raise AssertionError(
                    f"step {number}: {step.on} {step.who} {step.act}: {error}\n{said}"
                ) from error
            self._shot(number, step)
        assert not self.complaints
        for page in self.pages.values():
            page.context.close()

    def _step(self, step: Step) -> None:
        if step.do != "act":
            getattr(self, f"_{step.do}")(step)
            return
        page = self._form(step.who, step.act, step.centre)
        self._fill(page, step)
        self._submit(page)
        if step.jointly:
            self._jointly(page, step)
        text = page.locator("main").inner_text()
        if step.refused:
            alert = page.get_by_role("alert").first.inner_text()
            assert "未予登记" in alert, alert
            self._read(text, step.refused)
            return
        assert page.locator("#receipt").count(), "not recorded"
        if step.centre and (found := re.search(r"/centres/([^/?]+)/", page.url)):
            self.centre = found.group(1)
        self._read(text, step.expect)

    def _read(self, text: str, words: list[str]) -> None:
        plain = re.sub(r"\s+", "", text)
        for one in words:
            assert re.sub(r"\s+", "", one) in plain, f"not on the page: {one}"

    # --- signing in and finding the form

    def _page(self, who: str) -> Any:
        """The person's browser, signed in by the demonstration's door."""
        if who not in self.pages:
            context = self.browser.new_context(
                locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1280, "height": 800}
            )
            context.set_default_timeout(20_000)
            page = context.new_page()
            page.on("pageerror", lambda error: self.complaints.append(str(error)))
            self.pages[who] = page
        return self.pages[who]

    def _open(self, who: str, path: str) -> Any:
        page = self._page(who)
        page.goto(self.address + path)
        if "/account/login/" in page.url:
            name = self.life.people[who]["name"]
            page.get_by_label("查找人员、单位或身份").fill(name)
            page.get_by_role("button", name="查找", exact=True).click()
            with page.expect_navigation():
                page.locator("#demo").get_by_role("button", name=name).first.click()
            page.goto(self.address + path)
        return page

    def _form(self, who: str, act: str, centre: bool) -> Any:
        """The act's form; one that cannot be done at present says why above it."""
        kind, party = self.names[act], self.life.people[who]["party"]
        programme = self.life.programme
        over = f"/centres/{self.centre}" if centre and self.centre else f"/programmes/{programme}"
        page = self._open(who, f"{over}/acts/{kind}/?party={party}")
        page.locator(FORM).first.wait_for()
        return page

    # --- filling in

    def _fill(self, page: Any, step: Step) -> None:
        page.get_by_label("办理日期").first.fill(step.on.isoformat())
        for label, value in step.fill.items():
            part, _, name = label.rpartition("›")
            found = page.evaluate(FIND, [name, part])
            assert found, f"no field “{label}”"
            self._put(page, found, value)
        if not step.empty:
            page.evaluate(REST, step.on.isoformat())
            for one in page.locator(FILES).all():
                one.set_input_files(PAPER)

    def _put(self, page: Any, found: dict[str, str], value: Any) -> None:
        control = page.locator(f"[id='{found['id']}']")
        if found["kind"] == "select":
            options = control.locator("option").all_inner_texts()
            text = next((o for o in options if o.strip() == value), None) or next(
                (o for o in options if str(value) in o), None
            )
            assert text is not None, f"no option “{value}” among {options}"
            control.select_option(label=text)
        elif found["kind"] == "options":
            for one in value if isinstance(value, list) else [value]:
                same = control.get_by_label(str(one), exact=True)
                (same if same.count() else control.get_by_label(str(one)).first).check()
        elif found["kind"] == "rows":
            self._rows(control, value)
        else:
            control.fill("\n".join(value) if isinstance(value, list) else str(value))

    def _rows(self, table: Any, rows: list[dict[str, Any]]) -> None:
        lines = table.locator("tbody tr")
        for number, row in enumerate(rows):
            if number >= lines.count():
                table.get_by_role("button", name="增加一行").click()
            for label, value in row.items():
                control = lines.nth(number).locator(f"td[data-label='{label}']")
                control = control.locator("input:not([type=hidden]), select, textarea").first
                if control.evaluate("e => e.tagName") == "SELECT":
                    control.select_option(label=str(value))
                else:
                    control.fill(str(value))

    def _submit(self, page: Any) -> None:
        with page.expect_navigation():
            page.locator("main form.form[method=post]").get_by_role(
                "button", name="提交登记"
            ).click()

    # --- a dossier

    def _dossier(self, step: Step) -> None:
        """Writes a dossier that saves itself, leaves it half written, and submits it later."""
        kind, party = self.names[step.act], self.life.people[step.who]["party"]
        at = f"/centres/{self.centre}/acts/{kind}/dossier/?party={party}"
        page = self._open(step.who, at)
        with page.expect_navigation():
            page.get_by_role("button", name="开始编写").click()
        self.dossier = "/" + page.url.split("/", 3)[3].partition("?")[0]
        for label, value in step.fill.items():
            found = page.evaluate(FIND, [label, ""])
            assert found, f"no field “{label}”"
            self._put(page, found, value)
        kept = page.locator(f"[id='{found['id']}']").input_value()
        self._saved(page)
        page.reload()
        assert page.locator(f"[id='{found['id']}']").input_value() == kept, "not kept"
        page.evaluate(REST, step.on.isoformat())
        self._saved(page)
        self._send(page, "已提交登记")
        self._read(page.locator("main").inner_text(), step.expect)

    def _saved(self, page: Any) -> None:
        page.get_by_text(re.compile(r"已保存 \d\d:\d\d")).wait_for()

    def _send(self, page: Any, told: str) -> None:
        with page.expect_navigation():
            page.get_by_role("button", name="校验并提交").click()
        page.get_by_role("heading", name=told).wait_for()

    def _return(self, step: Step) -> None:
        """Sends the dossier back: some parts open again, until a day."""
        page = self._open(step.who, self.dossier)
        page.get_by_role("link", name="退回修改").click()
        for label, value in step.fill.items():
            found = page.evaluate(FIND, [label, ""])
            self._put(page, found, value)
        for part in step.parts:
            page.get_by_label(part).check()
        with page.expect_navigation():
            page.get_by_role("button", name="退回修改").click()
        page.get_by_text("已退回修改").first.wait_for()
        self._read(page.locator("main").inner_text(), step.expect)

    def _correct(self, step: Step) -> None:
        """Corrects what was flagged; nothing else is open. Then it is sent in again."""
        page = self._open(step.who, "/dossiers/")
        with page.expect_navigation():
            page.get_by_role("row", name="退回修改").get_by_role("link").first.click()
        self._read(page.locator("main").inner_text(), ["只有下列各处可以修改", *step.expect])
        open_ = page.locator("#dossier-form .item:not(:has(.closed))").count()
        assert open_ == len(step.fill), f"{open_} fields are open"
        for label, value in step.fill.items():
            found = page.evaluate(FIND, [label, ""])
            assert found, f"“{label}” is not open"
            self._put(page, found, value)
        self._saved(page)
        self._send(page, "已提交登记")
        assert "第 2 版已固定" in page.locator("main").inner_text()

    # --- signing before an act

    def _demand(self, step: Step) -> None:
        """The administrator wants an act signed by these people before it is recorded."""
        org = self.life.people[step.who]["org"]
        page = self._open(step.who, f"/people/organisations/{org}/sign-off/")
        page.get_by_label("行为").select_option(label=step.act)
        page.get_by_label("方式").select_option(label=step.fill["方式"])
        for number, name in enumerate(step.fill["签批人员"], 1):
            page.get_by_label(f"第 {number} 位签批人").select_option(label=name)
        with page.expect_navigation():
            page.get_by_role("button", name="保存").click()
        self._read(page.locator("main").inner_text(), [step.act, *step.expect])

    def _prepared(self, step: Step) -> Any:
        return self._open(step.who, f"/centres/{self.centre}/prepare/{self.names[step.act]}/")

    def _route(self, step: Step) -> None:
        """Sends it to those who sign."""
        page = self._prepared(step)
        with page.expect_navigation():
            page.get_by_role("button", name=re.compile("送签")).click()
        self._read(page.locator("main").inner_text(), step.expect)

    def _sign(self, step: Step) -> None:
        """A signer agrees."""
        page = self._prepared(step)
        page.get_by_label("同意", exact=True).check()
        with page.expect_navigation():
            page.get_by_role("button", name="提交意见").first.click()
        self._read(page.locator("main").inner_text(), step.expect)

    # --- several bodies

    def _jointly(self, page: Any, step: Step) -> None:
        """The refused draft is sent to the other bodies; each finds it among its work and agrees;
        then it is recorded as it is."""
        with page.expect_navigation():
            page.get_by_role("button", name="送请会同").click()
        at = urlsplit(page.url).path
        for who in step.jointly:
            other = self._open(who, "/work/others/")
            with other.expect_navigation():
                other.locator(f"a[href='{at}']").first.click()
            other.get_by_label("同意", exact=True).check()
            with other.expect_navigation():
                other.get_by_role("button", name="记录会同意见").click()
            self._read(other.locator("#answers").inner_text(), ["同意"])
        page = self._open(step.who, at)
        self._read(page.locator("main").inner_text(), ["会同意见已齐"])
        page.fill("#on", str(step.on))
        with page.expect_navigation():
            page.get_by_role("button", name="登记", exact=True).click()

    # --- telling

    def _said(self, who: str) -> str:
        page = self.pages.get(who)
        if page is None:
            return ""
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{self.life.programme}-failed.png", full_page=True)
        alert = page.get_by_role("alert")
        told = alert.first if alert.count() else page.locator("main")
        return f"{page.url}\n" + str(told.inner_text())[:1500]

    def _shot(self, number: int, step: Step) -> None:
        if SHOTS:
            name = f"{self.life.programme}-{number:02d}.png"
            self.pages[step.who].screenshot(path=f"{SHOTS}/{name}", full_page=True)
