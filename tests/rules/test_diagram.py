"""The lifecycle as a picture: well-formed, complete, readable, and safe under a strict policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from banfa.rules.diagram import balanced, lifecycle, outline, text_width, wrap
from banfa.rules.library import edition_folders, ids, load
from banfa.rules.programme import Programme

GOOD = Path(__file__).parent.parent / "programmes" / "good" / "centre" / "2026"
FOLDERS = [GOOD, *(edition_folders(p)[-1] for p in ids())]
SVG = "{http://www.w3.org/2000/svg}"
Rect = tuple[float, float, float, float]


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.parent.name)
def programme(request: Any) -> Programme:
    return load(request.param)


@pytest.fixture(params=["zh", "en"])
def lang(request: Any) -> str:
    return str(request.param)


def drawn(programme: Programme, lang: str = "zh", **more: Any) -> ElementTree.Element:
    return ElementTree.fromstring(lifecycle(programme, lang, **more))


def stages(svg: ElementTree.Element) -> dict[str, ElementTree.Element]:
    return {g.attrib["data-stage"]: g for g in svg.iter(f"{SVG}g") if "data-stage" in g.attrib}


def boxes(svg: ElementTree.Element) -> Iterator[Rect]:
    for group in stages(svg).values():
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        x, y, w, h = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
        yield x, y, x + w, y + h


def texts(svg: ElementTree.Element) -> Iterator[tuple[str, Rect]]:
    for text in svg.iter(f"{SVG}text"):
        size = float(text.attrib["font-size"])
        width = text_width(text.text or "", size)
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        x -= {"start": 0.0, "middle": width / 2, "end": width}[text.attrib["text-anchor"]]
        yield text.text or "", (x, y - size * 0.8, x + width, y + size * 0.1)


def overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_every_stage_is_drawn_once(programme: Programme, lang: str) -> None:
    assert sorted(stages(drawn(programme, lang))) == sorted(programme.stages)


def test_everything_lies_inside_the_picture(programme: Programme, lang: str) -> None:
    svg = drawn(programme, lang)
    width, height = float(svg.attrib["width"]), float(svg.attrib["height"])
    assert svg.attrib["viewBox"] == f"0 0 {svg.attrib['width']} {svg.attrib['height']}"
    for rect in [*boxes(svg), *(r for _, r in texts(svg))]:
        assert rect[0] >= 0 and rect[1] >= 0 and rect[2] <= width and rect[3] <= height


def test_it_is_narrow_enough_for_a_page_and_not_endless(programme: Programme, lang: str) -> None:
    svg = drawn(programme, lang)
    assert float(svg.attrib["width"]) <= 700
    assert float(svg.attrib["height"]) <= 1500


def test_boxes_do_not_overlap(programme: Programme, lang: str) -> None:
    for a, b in combinations(boxes(drawn(programme, lang)), 2):
        assert not overlap(a, b)


def test_labels_do_not_overlap(programme: Programme, lang: str) -> None:
    for (one, a), (other, b) in combinations(texts(drawn(programme, lang)), 2):
        assert not overlap(a, b), (one, other)


def test_text_fits_into_its_box(programme: Programme, lang: str) -> None:
    for group in stages(drawn(programme, lang)).values():
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        for text in group.iter(f"{SVG}text"):
            fits = float(rect.attrib["width"]) - 16
            assert text_width(text.text or "", float(text.attrib["font-size"])) <= fits


def test_every_move_has_an_arrow_that_names_it(programme: Programme) -> None:
    svg = drawn(programme)
    titles = {t.text for g in svg.iter(f"{SVG}g") for t in g.findall(f"{SVG}title")}
    said = " ".join(t or "" for t in titles)
    for move in outline(programme)["moves"]:
        start = "开始" if move["from"] == "none" else programme.stages[move["from"]].name.zh
        assert f"{start} → {programme.stages[move['to']].name.zh}: " in said
        assert move["zh"] in said


def test_no_more_than_one_arrow_between_two_stages(programme: Programme) -> None:
    moves = outline(programme)["moves"]
    edges = [g for g in drawn(programme).iter(f"{SVG}g") if "edge" in g.attrib.get("class", "")]
    assert len(edges) == len({(m["from"], m["to"]) for m in moves})
    assert all(m["from"] != m["to"] for m in moves)


def test_a_strict_policy_finds_nothing_to_refuse(programme: Programme, lang: str) -> None:
    svg = lifecycle(programme, lang, current=next(iter(programme.stages)))
    assert "style" not in svg
    assert "<script" not in svg
    assert not re.search(r"\son\w+=", svg)
    assert "url(" not in svg


def test_it_speaks_to_those_who_cannot_see_it(programme: Programme, lang: str) -> None:
    current = next(iter(programme.stages))
    svg = drawn(programme, lang, current=current)
    assert svg.attrib["role"] == "img"
    named = svg.attrib["aria-labelledby"].split()
    title, desc = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert title is not None and desc is not None
    assert [title.attrib["id"], desc.attrib["id"]] == named
    assert getattr(programme.stages[current].name, lang) in (desc.text or "")


def test_the_current_stage_stands_out_and_passed_ones_are_marked() -> None:
    svg = drawn(load(GOOD), current="preparing", visited=["planned", "preparing"])
    classes = {name: g.attrib["class"] for name, g in stages(svg).items()}
    assert classes["preparing"] == "stage current"
    assert classes["planned"] == "stage passed"
    assert classes["confirmed"] == "stage"
    assert classes["revoked"] == "stage terminal"
    assert stages(svg)["preparing"].attrib["aria-current"] == "step"
    taken = [g for g in svg.iter(f"{SVG}g") if g.attrib.get("class") == "edge taken"]
    assert len(taken) == 2  # from the start to planned, and from there to preparing


def test_what_the_calendar_does_is_dashed() -> None:
    svg = drawn(load(GOOD))
    [edge] = [g for g in svg.iter(f"{SVG}g") if g.attrib.get("class") == "edge calendar"]
    title = edge.find(f"{SVG}title")
    assert title is not None and title.text == "筹建期 → 筹建期满: 期满"
    assert edge.findall(f"{SVG}path")[0].attrib["stroke-dasharray"]


def test_markup_in_a_name_is_text() -> None:
    programme = load(GOOD)
    stage = programme.stages["planned"]
    name = stage.name.model_copy(update={"zh": '<b onclick="x">&'})
    odd = {**programme.stages, "planned": stage.model_copy(update={"name": name})}
    svg = lifecycle(programme.model_copy(update={"stages": odd}))
    ElementTree.fromstring(svg)
    assert "<b" not in svg


def test_equal_input_gives_equal_output(programme: Programme) -> None:
    assert lifecycle(programme) == lifecycle(programme)


@pytest.mark.parametrize(
    ("text", "width"),
    [("主管", 24.0), ("ab", 13.44), ("主a", 18.72), ("（", 12.0), ("", 0.0)],
)
def test_chinese_is_one_em_and_latin_about_half(text: str, width: float) -> None:
    assert text_width(text, 12) == pytest.approx(width)


def test_lines_break_between_chinese_characters_and_latin_words() -> None:
    assert wrap("报送组建方案", 36, 12) == ["报送组", "建方案"]
    assert wrap("Apply for extension", 70, 12) == ["Apply for", "extension"]
    assert wrap("报送方案，已收", 48, 12) == ["报送方案，", "已收"]
    assert wrap("", 48, 12) == []


def test_balanced_lines_leave_no_orphan() -> None:
    assert balanced("国家发展改革委复核中", 108, 12) == ["国家发展改", "革委复核中"]


@pytest.mark.browser
@pytest.mark.parametrize("size", [(1280, "light"), (390, "dark")], ids=["page", "phone"])
def test_a_browser_draws_what_was_computed(browser: Any, size: tuple[int, str]) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": 800}, color_scheme=size[1])
    try:
        scheme = '<meta name="color-scheme" content="light dark">'
        page.set_content(f"<!doctype html>{scheme}<body>{lifecycle(load(GOOD), 'zh')}")
        wide = page.evaluate(
            "[...document.querySelectorAll('svg text')].map(t => ["
            "t.getComputedTextLength(), t.textContent, +t.getAttribute('font-size')])"
        )
        for width, text, font in wide:
            assert width <= text_width(text, font) * 1.12 + 2, text
        colour = page.evaluate("getComputedStyle(document.querySelector('svg .stage rect')).stroke")
        assert colour == ("rgb(0, 0, 0)" if size[1] == "light" else "rgb(255, 255, 255)")
    finally:
        page.close()
