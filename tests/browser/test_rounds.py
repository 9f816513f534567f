"""Rounds of the five programmes, walked through the pages by those who do them.

Each walk is data (tests/browser/rounds): what was there before (the demonstration's history up to a
day), the people, and the steps. Beside acts (walk.Step) there are steps on the pages of rounds.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from banfa.office.demo import FOLDER, loader
from banfa.office.evaluations import rounds, verbs
from banfa.office.evaluations.models import Collection, Stage
from banfa.office.evaluations.systems import system_of
from banfa.office.ledger import library, replay
from banfa.office.ledger.models import ActRecord
from banfa.rules.library import ids
from tests.browser import walk
from tests.office.evaluations import round_seed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WALKS = Path(__file__).parent / "rounds"
UNFOLD = "for (const d of document.querySelectorAll('main details')) d.open = true"
ACT = re.compile(r"^  - \{on: (\d{4}-\d{2}-\d{2})")


@dataclass
class Visit:
    """A step on a page: `page` is its address (`{round}`: the last round opened, `{centre}`: the
    centre `of`), `fill` what is typed or chosen under a label of the form whose button is then
    pressed (`press`, one after the other), `read` what stands there afterwards."""

    on: dt.date
    who: str
    page: str
    of: str = ""
    fill: dict[str, Any] = field(default_factory=dict)
    press: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


@dataclass
class Figures:
    """Figures of centres on their way through all hands: how strong each is, of a hundred."""

    on: dt.date
    figures: dict[str, int]


def history(told: dict[str, Any], folder: Path) -> loader.Loaded:
    """Loads the demonstration's history of a programme up to a day."""
    name, until = f"{told['programme']}.yaml", str(told["before"])
    kept, takes = [], True
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if begun := ACT.match(line):
            takes = begun.group(1) < until
        if takes or not line.startswith("  "):
            kept.append(line)
    (folder / name).write_text("\n".join(kept) + "\n", encoding="utf-8")
    return loader.load(folder)


class Rounds(walk.Walker):
    """Goes through a round: acts as in a life, pages of rounds, figures."""

    def __init__(self, centres: dict[str, str], *given: Any) -> None:
        super().__init__(*given)
        self.centres = centres

    def go(self, steps: list[dict[str, Any]]) -> None:
        """All steps; a failing one is told with its number and what the page says."""
        for number, told in enumerate(steps, 1):
            told = {"on" if k is True else k: v for k, v in told.items()}
            self.monkeypatch.setenv("BANFA_TODAY", told["on"].isoformat())
            try:
                self._one(told)
            except Exception as error:
                said = self._said(told.get("who", ""))
                raise AssertionError(f"step {number}: {told}: {error}\n{said}") from error
            if "who" in told:
                self._shot(number, told)  # type: ignore[arg-type]
        assert not self.complaints
        for page in self.pages.values():
            page.context.close()

    def _shot(self, number: int, step: Any) -> None:
        if walk.SHOTS:
            name = f"round-{self.life.programme}-{number:02d}.png"
            self.pages[step["who"]].screenshot(path=f"{walk.SHOTS}/{name}", full_page=True)

    def _one(self, told: dict[str, Any]) -> None:
        if "figures" in told:
            self._figures(Figures(**told))
            return
        centre = self.centres[told["of"]] if "of" in told else ""
        if "page" in told:
            self._visit(Visit(**told), centre)
            return
        self.centre = centre
        step = walk.Step(**{k: v for k, v in told.items() if k != "of"})
        step.centre = bool(centre)
        self._step(step)

    def _figures(self, step: Figures) -> None:
        collection = Collection.objects.order_by("pk").last()
        assert collection is not None
        sets = system_of(collection.system).bands
        for name, strength in step.figures.items():
            entry = round_seed.entry_of(collection, self.centres[name])
            first = {n: next(iter(bands.classes)) for n, bands in sets.items()}
            verbs.classify(None, entry, first | entry.classes)
            round_seed.through(entry, strength, Stage.VERIFIED)

    def _visit(self, step: Visit, centre: str) -> None:
        page = self._open(step.who, step.page.format(round=self._round(), centre=centre))
        page.evaluate(UNFOLD)
        for label, value in step.fill.items():
            form = page.locator("main form").filter(has=self._button(page, step)).first
            self._put_in(form, label, value)
        for name in step.press:
            page.evaluate(
                "for (const d of document.querySelectorAll('main details')) d.open = true"
            )
            with page.expect_navigation():
                page.get_by_role("button", name=name, exact=True).first.click()
        text = page.locator("main").inner_text()
        self._read(text, step.read)
        for one in step.absent:
            assert one not in text, f"should not be on the page: {one}"

    def _button(self, page: Any, step: Visit) -> Any:
        return page.get_by_role("button", name=step.press[0], exact=True)

    def _put_in(self, form: Any, label: str, value: Any) -> None:
        control = form.get_by_label(re.compile(rf"^\s*{re.escape(label)}")).first
        if control.evaluate("e => e.tagName") == "SELECT":
            options = control.locator("option").all_inner_texts()
            control.select_option(label=next(o for o in options if str(value) in o))
        elif control.evaluate("e => e.type") in ("radio", "checkbox"):
            control.set_checked(bool(value))
        else:
            control.fill(str(value))

    def _round(self) -> int:
        """The number of the round opened last."""
        rs = library.editions(self.life.programme).latest
        opening = {w.opening for w in rounds.ways(rs) if w.opening}
        found = ActRecord.objects.filter(
            book=self.life.programme, centre=None, kind__in=opening
        ).order_by("-seq")
        return int(found.values_list("seq", flat=True).first() or 0)


def test_every_programme_has_its_round() -> None:
    assert {path.stem for path in WALKS.glob("*.yaml")} == set(ids())


@pytest.mark.parametrize("name", sorted(ids()))
def test_a_round_from_its_opening_to_what_follows(
    name: str,
    transactional_db: None,
    live_server: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    browser: Any,
    tmp_path: Path,
) -> None:
    settings.PROGRAMMES_DIR = None
    told = yaml.safe_load((WALKS / f"{name}.yaml").read_text(encoding="utf-8"))
    first = next(v for k, v in told["steps"][0].items() if k in (True, "on"))
    monkeypatch.setenv("BANFA_TODAY", first.isoformat())
    library.forget()
    loaded = history(told, tmp_path)
    settings.DEMO = True
    life = walk.Life(told["programme"], told["people"], [])
    walk.settle(life)
    verbs.seed_samples()
    centres = {k.partition(":")[2]: v for k, v in loaded.centres.items()}
    Rounds(centres, browser, str(live_server.url), life, monkeypatch).go(told["steps"])
    assert replay.verify().faults == []
    assert replay.rebuild(check=True).faults == []
