"""The guides do what they say: every command in them is run, every file in them is written.

A block ```` ```yaml file=PATH ```` is a file to write (```` ```yaml append=PATH ````: to add to
it). In a ```` ```console ```` block lines with `$ ` are commands (`banfa`, `cd`, `export`, `rm`)
and the lines below them what they print; `...` stands for anything, also for several lines.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from banfa.cli import main

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Step:
    """One thing a reader does: writes a file, or types a command and sees its output."""

    line: int
    write: str = ""
    append: bool = False
    command: str = ""
    text: list[str] = field(default_factory=list)


def steps(guide: Path) -> Iterator[Step]:
    """What a guide tells its reader to do, in order."""
    whole = guide.read_text(encoding="utf-8")
    for block in _FENCE.finditer(whole):
        line = whole.count("\n", 0, block.start()) + 2
        kind, told, body = block.groups()
        place = re.search(r"(file|append)=(\S+)", told)
        if place:
            yield Step(line, place[2], place[1] == "append", text=body.splitlines())
        elif kind == "console":
            yield from _session(line, body)


def _session(line: int, body: str) -> Iterator[Step]:
    step = None
    for offset, text in enumerate(body.splitlines()):
        if text.startswith("$ "):
            if step is not None:
                yield step
            step = Step(line + offset, command=text[2:])
        elif step is not None:
            step.text.append(text)
    if step is not None:
        yield step


def fits(wanted: list[str], got: str) -> bool:
    """Whether an output is the one shown, with `...` for what was left out."""
    shape = "".join(
        r"(?:.*\n)*?" if line == "..." else ".*?".join(map(re.escape, line.split("..."))) + r"\n"
        for line in "\n".join(wanted).strip().splitlines()
    )
    return re.fullmatch(shape, got.strip() + "\n" if got.strip() else "") is not None


Follow = Callable[[Path], None]


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Follow:
    """Does what a guide says in the current folder, and compares what is printed."""
    for name in ("BANFA_LANG", "BANFA_DEBUG", "BANFA_PROGRAMMES"):
        monkeypatch.delenv(name, raising=False)

    def type_in(step: Step) -> str:
        words = shlex.split(step.command, comments=True)
        match words[0]:
            case "cd":
                monkeypatch.chdir(words[1])
            case "export":
                name, _, value = words[1].partition("=")
                monkeypatch.setenv(name, value)
            case "rm":
                for name in words[1:]:
                    Path(name).unlink()
            case "banfa":
                main(words[1:])
            case other:
                pytest.fail(f"line {step.line}: no command '{other}'")
        printed = capsys.readouterr()
        return printed.out + printed.err

    def run(guide: Path) -> None:
        for step in steps(guide):
            if step.write:
                target = Path(step.write)
                target.parent.mkdir(parents=True, exist_ok=True)
                before = target.read_text(encoding="utf-8") if step.append else ""
                target.write_text(before + "\n".join(step.text) + "\n", encoding="utf-8")
                continue
            got = type_in(step)
            place = f"{guide.relative_to(ROOT)}:{step.line}: $ {step.command}"
            assert fits(step.text, got), f"{place}\n--- prints now:\n{got}"

    return run


def test_the_tutorial_prints_what_it_shows(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    follow(DOCS / "tutorial.md")


def test_the_guide_to_writing_a_programme_leads_to_a_checked_one(
    follow: Follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    follow(DOCS / "write-a-programme.md")


def test_the_guide_to_indicators_scores_what_it_shows(
    follow: Follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    follow(DOCS / "indicators.md")


def test_what_is_shown_may_leave_something_out() -> None:
    assert fits(["a", "...", "d"], "a\nb\nc\nd\n") and fits(["a ... c"], "a b c")
    assert not fits(["a", "...", "e"], "a\nb\n") and not fits(["a"], "b")


LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("guide", ["tutorial.md", "write-a-programme.md", "indicators.md"])
def test_links_lead_somewhere(guide: str) -> None:
    folder = Path(os.path.realpath(DOCS))
    text = (DOCS / guide).read_text(encoding="utf-8")
    assert [to for to in LINK.findall(text) if not (folder / to).exists()] == []


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted(DOCS.glob("*.md"))], ids=str
)
def test_every_link_and_picture_of_a_page_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    missing = [x for x in links if "://" not in x and not (page.parent / x).exists()]
    assert missing == []
