"""The lifecycle of a programme as a picture: stages in the order of a centre's life, ends aside.

Plain SVG made here, for inline use under a strict content policy: presentation attributes and class
names only, colours from `currentColor`. Classes for the page's style sheet: `stage`, `terminal`,
`current`, `passed`, `start`, `edge`, `calendar`, `taken`, `arrow`, `lead`, `label`, `cite`.

The main path runs downward; what leads back or skips runs in lanes on the left; ends stand on the
right. Arrows that mean the same from several stages share a lane.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any

from banfa.rules import programme as p
from banfa.rules.citation import Citation
from banfa.rules.lint import moves

START = "none"
TITLE, LABEL, SMALL = 14, 12, 11  # font sizes
LATIN = 0.56  # width of a Latin letter, in em; a Chinese character is 1 em
MAIN, END = 176, 148  # widths of boxes
LEFT_TEXT = 124  # the widest label beside the main path
LANE, PAD = 11, 12
LINE = 1.35

Point = tuple[float, float]


# --- what is drawn ------------------------------------------------------------------------------


@dataclass(slots=True)
class Label:
    """An act's name and article, wrapped into lines; `cite` tells which lines are the article."""

    lines: list[tuple[str, bool]]

    @property
    def height(self) -> float:
        """The height of all lines."""
        return sum((SMALL if cite else LABEL) * LINE for _, cite in self.lines)

    @property
    def width(self) -> float:
        """The width of the widest line."""
        return max(text_width(t, SMALL if cite else LABEL) for t, cite in self.lines)


@dataclass(slots=True)
class Box:
    """A stage with its place on the page."""

    id: str
    lines: list[str]
    terminal: bool
    x: float = 0
    y: float = 0
    width: float = MAIN
    height: float = 0
    right_slots: int = 0
    left_slots: int = 0

    @property
    def middle(self) -> float:
        """The height at which it is centred."""
        return self.y + self.height / 2


@dataclass(slots=True)
class Bundle:
    """Arrows to one stage that share a lane: by which acts each source leads there."""

    target: str
    acts: dict[str, list[str | None]] = field(default_factory=dict)
    label: Label = field(default_factory=lambda: Label([]))
    lane: int = 0

    @property
    def sources(self) -> list[str]:
        """The stages the arrows come from."""
        return list(self.acts)


@dataclass
class Picture:
    """A lifecycle being laid out."""

    programme: p.Programme
    lang: str
    main: list[Box] = field(default_factory=list)
    ends: list[Box] = field(default_factory=list)
    straight: dict[str, Bundle] = field(default_factory=dict)
    left: list[Bundle] = field(default_factory=list)
    right: list[Bundle] = field(default_factory=list)
    width: float = 0
    height: float = 0

    def box(self, stage: str) -> Box:
        """The box of a stage."""
        return next(b for b in (*self.main, *self.ends) if b.id == stage)


def outline(programme: p.Programme) -> dict[str, Any]:
    """The same as plain data, for a table beside the picture."""
    return {
        "programme": programme.programme,
        "edition": programme.edition,
        "stages": [
            {"id": n, "zh": s.name.zh, "en": s.name.en, "terminal": s.terminal}
            for n, s in programme.stages.items()
        ],
        "moves": [
            {
                "from": source,
                "to": target,
                "act": act,
                "zh": _act_words(programme, act, "zh"),
                "en": _act_words(programme, act, "en"),
                "cite": _cite(programme, act, "zh") or None,
            }
            for source, target, act in _edges(programme)
        ],
    }


def lifecycle(
    programme: p.Programme,
    lang: str = "zh",
    current: str | None = None,
    visited: Sequence[str] = (),
) -> str:
    """The lifecycle as an SVG element.

    In: a programme, `zh` or `en`, and of one centre the stage it is in and those it went through,
    in order. Out: SVG text without a declaration, to be put into a page or a file.
    """
    picture = _arranged(programme, lang)
    _place(picture)
    return _drawn(picture, current, visited)


# --- text ---------------------------------------------------------------------------------------


def text_width(text: str, size: float) -> float:
    """The width of a line: wide East Asian characters take 1 em, others about half."""
    wide = sum(map(_wide, text))
    return (wide + (len(text) - wide) * LATIN) * size


def balanced(text: str, width: float, size: float) -> list[str]:
    """As `wrap`, with lines of about the same width."""
    lines = wrap(text, width, size)
    even = text_width(text, size) / len(lines) if lines else width
    narrow = even
    while narrow < width:
        if len(found := wrap(text, narrow, size)) == len(lines):
            return found
        narrow += size / 2
    return lines


_NO_START = "，。；：、）》”"


def wrap(text: str, width: float, size: float) -> list[str]:
    """Lines no wider than `width`: Chinese broken anywhere, Latin between words."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line and text_width((line + piece).rstrip(), size) > width and piece not in _NO_START:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> list[str]:
    """Where a line may break: between Chinese characters, and between Latin words."""
    pieces: list[str] = []
    for char in text:
        joins = pieces and not _wide(char) and char != " " and not _wide(pieces[-1][-1])
        if joins and pieces[-1] != " ":
            pieces[-1] += char
        else:
            pieces.append(char)
    return pieces


def _wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def _act_words(programme: p.Programme, act: str | None, lang: str) -> str:
    if act is None:
        return "期满" if lang == "zh" else "by the calendar"
    return str(getattr(_model(programme, act).name, lang))


def _model(programme: p.Programme, act: str) -> p.Act | p.Register:
    return programme.acts.get(act) or programme.registers[act.removeprefix("record_")]


def _cite(programme: p.Programme, act: str | None, lang: str) -> str:
    if act is None:
        return ""
    model = _model(programme, act)
    if not model.cite:
        return f"[{model.default}]" if model.default else ""
    try:
        cite = Citation.parse(model.cite[0], programme.instrument.numbering)
    except ValueError:
        return model.cite[0]
    return cite.zh if lang == "zh" else cite.en


def _label(picture: Picture, bundle: Bundle, width: float) -> Label:
    """The acts of a bundle, each once; one that only some of its arrows mean says from where."""
    lines: list[tuple[str, bool]] = []
    acts = dict.fromkeys(act for named in bundle.acts.values() for act in named)
    for act in acts:
        name = _act_words(picture.programme, act, picture.lang)
        lines += [(line, False) for line in balanced(name, width, LABEL)]
        small = _cite(picture.programme, act, picture.lang)
        sources = [source for source, named in bundle.acts.items() if act in named]
        if len(sources) < len(bundle.acts) and len(sources) <= 2:
            names = [_stage_name(picture, source) for source in sources]
            small += (
                f"，自{'、'.join(names)}" if picture.lang == "zh" else f", from {', '.join(names)}"
            )
        lines += [(line, True) for line in balanced(small, width, SMALL)]
    return Label(lines)


# --- arranging: which box and which lane --------------------------------------------------------


def _edges(programme: p.Programme) -> list[tuple[str, str, str | None]]:
    """The moves between two different stages, in the order of the stages."""
    order = {START: -1, **{n: i for i, n in enumerate(programme.stages)}}
    found = {
        (source or START, target, act)
        for source, target, act in moves(programme)
        if source != target and target in programme.stages
    }
    acts = [*programme.acts, *(f"record_{n}" for n in programme.registers)]
    rank = {name: i for i, name in enumerate(acts)}
    return sorted(found, key=lambda e: (order[e[0]], order[e[1]], rank.get(e[2] or "", -1)))


def _arranged(programme: p.Programme, lang: str) -> Picture:
    picture = Picture(programme, lang)
    edges = _edges(programme)
    for name, stage in programme.stages.items():
        width = END if stage.terminal else MAIN
        lines = balanced(getattr(stage.name, lang), width - 2 * PAD, TITLE)
        box = Box(name, lines, stage.terminal, width=width)
        (picture.ends if stage.terminal else picture.main).append(box)
    if any(source == START for source, _, _ in edges):
        picture.main.insert(0, Box(START, [], False))
    _sort_edges(picture, edges)
    return picture


def _sort_edges(picture: Picture, edges: list[tuple[str, str, str | None]]) -> None:
    """Merges parallel arrows, and those alike to one target; tells straight ones from lanes."""
    between: dict[tuple[str, str], list[str | None]] = {}
    for source, target, act in edges:
        between.setdefault((source, target), []).append(act)
    row = {box.id: i for i, box in enumerate(picture.main)}
    bundles: dict[tuple[str, bool], Bundle] = {}
    for (source, target), acts in between.items():
        if source in row and row.get(target) == row[source] + 1:
            straight = Bundle(target, {source: acts})
            straight.label = _label(picture, straight, MAIN - 40)
            picture.straight[source] = straight
            continue
        right = source not in row or target not in row
        bundle = bundles.setdefault((target, right), Bundle(target))
        bundle.acts[source] = acts
    for (_, right), bundle in bundles.items():
        bundle.label = _label(picture, bundle, END if right else LEFT_TEXT)
        (picture.right if right else picture.left).append(bundle)


def _lanes(picture: Picture, bundles: list[Bundle]) -> int:
    """Gives each bundle a lane so that no two in a lane overlap; returns how many there are."""
    spans: list[list[tuple[float, float]]] = []

    def reach(bundle: Bundle) -> tuple[float, float]:
        ys = [picture.box(s).middle for s in (bundle.target, *bundle.sources)]
        return min(ys), max(ys)

    for bundle in sorted(bundles, key=lambda b: reach(b)[1] - reach(b)[0]):
        low, high = reach(bundle)
        free = [all(high < a - 6 or low > b + 6 for a, b in taken) for taken in spans]
        bundle.lane = free.index(True) if True in free else len(spans)
        if bundle.lane == len(spans):
            spans.append([])
        spans[bundle.lane].append((low, high))
    return len(spans)


# --- placing ------------------------------------------------------------------------------------


def _place(picture: Picture) -> None:
    """Places everything; the lanes are few, so their room is taken for the most there can be."""
    text = max((b.label.width for b in picture.left), default=0)
    y: float = PAD
    for box in picture.main:
        box.height = len(box.lines) * TITLE * LINE + 18 if box.id != START else 14
        beside = [b.label.height - 8 for b in picture.left if b.target == box.id]
        row = max(box.height, *beside) if beside else box.height
        box.y = y + (row - box.height) / 2
        straight = picture.straight.get(box.id)
        y += row + (max(straight.label.height + 16, 30) if straight else 16)
    lanes = _lanes(picture, picture.left)
    x = PAD + (text + 10 + (lanes + 1) * LANE if picture.left else 0)
    for box in picture.main:
        box.x = x
    gap = (len(picture.right) + 1) * LANE + 14
    bottom = max(y - 16, _place_ends(picture, x + MAIN + gap))
    _lanes(picture, picture.right)
    picture.width = max(b.x + b.width for b in (*picture.main, *picture.ends)) + PAD
    picture.height = bottom + PAD


def _place_ends(picture: Picture, x: float) -> float:
    """Puts each end beside the stages that lead to it; returns where the last one ends."""

    def wanted(box: Box) -> float:
        ys = [picture.box(s).middle for b in picture.right if b.target == box.id for s in b.sources]
        return sum(ys) / len(ys) if ys else 0

    lowest = float(PAD)
    for box in sorted(picture.ends, key=wanted):
        labels = [b.label for b in picture.right if b.target == box.id]
        box.height = len(box.lines) * TITLE * LINE + 18
        below = sum(label.height for label in labels) + 4 * len(labels) + 14
        box.x, box.y = x, max(lowest, wanted(box) - box.height / 2)
        lowest = box.y + box.height + below
    return lowest


# --- drawing ------------------------------------------------------------------------------------


def _drawn(picture: Picture, current: str | None, visited: Sequence[str]) -> str:
    taken = set(pairwise(visited))
    if visited:
        taken.add((START, visited[0]))
    parts = [*_straight_arrows(picture, taken), *_left_arrows(picture, taken)]
    parts += _right_arrows(picture, taken)
    for box in (*picture.main, *picture.ends):
        parts.append(_drawn_box(picture, box, current, visited))
    name = getattr(picture.programme.name, picture.lang)
    zh = picture.lang == "zh"
    title = f"{name}：中心的生命周期" if zh else f"{name}: a centre's life"
    mark = f"lifecycle-{picture.programme.programme}"
    w, h = _n(picture.width), _n(picture.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lifecycle" role="img"'
        f' lang="{picture.lang}"'
        f' viewBox="0 0 {w} {h}" width="{w}" height="{h}" color="currentColor" fill="none"'
        f' aria-labelledby="{mark}-title {mark}-desc" font-family="sans-serif">'
        f'<title id="{mark}-title">{escape(title)}</title>'
        f'<desc id="{mark}-desc">{escape(_described(picture, current))}</desc>'
        + "".join(parts)
        + "</svg>"
    )


def _described(picture: Picture, current: str | None) -> str:
    """The picture in words: every arrow, and where the centre is now."""
    said = []
    for source, target, act in _edges(picture.programme):
        name = _act_words(picture.programme, act, picture.lang)
        said.append(f"{_stage_name(picture, source)} → {_stage_name(picture, target)} ({name})")
    text = "; ".join(said)
    if current is not None:
        now = "目前处于：" if picture.lang == "zh" else "now in: "
        text = f"{now}{_stage_name(picture, current)}. {text}"
    return text


def _stage_name(picture: Picture, stage: str) -> str:
    if stage == START:
        return "开始" if picture.lang == "zh" else "start"
    model = picture.programme.stages.get(stage)
    return str(getattr(model.name, picture.lang)) if model is not None else stage


def _drawn_box(picture: Picture, box: Box, current: str | None, visited: Sequence[str]) -> str:
    if box.id == START:
        x, y = _n(box.x + 28), _n(box.middle)
        return f'<circle class="start" cx="{x}" cy="{y}" r="6" fill="currentColor"/>'
    names = ["stage"]
    names += ["terminal"] if box.terminal else []
    names += ["current"] if box.id == current else ["passed"] if box.id in visited else []
    now = box.id == current
    passed = box.id in visited
    fill = 0.16 if now else 0.07 if passed else 0.0
    dashes = ' stroke-dasharray="5 3"' if _derived(picture, box.id) else ""
    aria = ' aria-current="step"' if now else ""
    corner = 18 if box.terminal else 8
    top = box.middle - (len(box.lines) - 1) * TITLE * LINE / 2 + TITLE * 0.36
    weight = ' font-weight="bold"' if now else ""
    text = "".join(
        f'<text x="{_n(box.x + box.width / 2)}" y="{_n(top + i * TITLE * LINE)}"'
        f' text-anchor="middle" font-size="{TITLE}" fill="currentColor"{weight}>'
        f"{escape(line)}</text>"
        for i, line in enumerate(box.lines)
    )
    return (
        f'<g class="{" ".join(names)}" data-stage="{escape(box.id)}"{aria}>'
        f'<rect x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}"'
        f' rx="{corner}" stroke="currentColor" stroke-width="{2.5 if now else 1.25}"'
        f' fill="currentColor" fill-opacity="{fill}"{dashes}/>{text}</g>'
    )


def _derived(picture: Picture, stage: str) -> bool:
    return picture.programme.stages[stage].derived is not None


def _straight_arrows(picture: Picture, taken: set[tuple[str, str]]) -> list[str]:
    parts = []
    for source, bundle in picture.straight.items():
        box, below = picture.box(source), picture.box(bundle.target)
        x = box.x + 28
        top = box.middle + 6 if source == START else box.y + box.height
        parts.append(_arrow(picture, source, bundle, [(x, top), (x, below.y)], taken))
        middle = (top + below.y) / 2
        parts.append(_text(bundle.label, x + 10, middle, "start"))
    return parts


def _left_arrows(picture: Picture, taken: set[tuple[str, str]]) -> list[str]:
    """Each label stands at the head of a line into its stage, which the lane's arrows join."""
    arrows, texts = [], []
    for bundle in picture.left:
        box = picture.box(bundle.target)
        at, lane = box.middle, box.x - (bundle.lane + 1) * LANE - 4
        edge = picture.main[0].x - (max(b.lane for b in picture.left) + 1) * LANE - 10
        texts.append(_text(bundle.label, edge, at, "end"))
        for number, source in enumerate(bundle.sources):
            start = picture.box(source)
            leaves = start.middle if source == START else _left_slot(start, at)
            first = (start.x + 22 if source == START else start.x, leaves)
            ends = [first, (lane, leaves), (lane, at), (box.x, at)]
            arrows.append(_arrow(picture, source, bundle, ends, taken))
            if number == 0:
                lead = f"M{_n(edge + 3)} {_n(at)}L{_n(lane)} {_n(at)}"
                arrows.append(
                    f'<path class="lead" d="{lead}" stroke="currentColor" stroke-width="1"'
                    ' stroke-dasharray="1 3"/>'
                )
    return [*arrows, *texts]


def _left_slot(box: Box, toward: float) -> float:
    """Where a line leaves a box on the left: below its middle when it goes down, else above."""
    box.left_slots += 1
    step = min(5 + 4 * box.left_slots, box.height / 2 - 3)
    return box.middle + step if toward > box.middle else box.middle - step


def _right_slot(box: Box, total: int) -> float:
    box.right_slots += 1
    return box.y + box.height * box.right_slots / (total + 1)


def _right_arrows(picture: Picture, taken: set[tuple[str, str]]) -> list[str]:
    arrows, texts = [], []
    leaving: dict[str, int] = {}
    for bundle in picture.right:
        for source in bundle.sources:
            leaving[source] = leaving.get(source, 0) + 1
    # Ends from above to below take a box's slots from above to below, so that few lines cross.
    for bundle in sorted(picture.right, key=lambda b: picture.box(b.target).y):
        box = picture.box(bundle.target)
        at = box.middle if box.terminal else box.y + box.height - 8
        lane = picture.main[-1].x + MAIN + (bundle.lane + 1) * LANE
        if box.terminal:
            below = box.y + box.height + 5 + bundle.label.height / 2
            texts.append(_text(bundle.label, box.x + 6, below, "start"))
        elif not _named_before(picture, bundle):
            texts.append(_text(bundle.label, lane + 6, at, "start"))
        for source in sorted(bundle.sources, key=lambda s: picture.box(s).y):
            start = picture.box(source)
            slot = _right_slot(start, leaving[source])
            leaves = start.middle if source == START else slot
            leaves = start.y + start.height - 8 if start.terminal else leaves
            side = start.x if start.terminal else start.x + start.width
            into = box.x if box.terminal else box.x + box.width
            first = (start.x + 34 if source == START else side, leaves)
            ends = [first, (lane, leaves), (lane, at), (into, at)]
            arrows.append(_arrow(picture, source, bundle, ends, taken))
    return [*arrows, *texts]


def _named_before(picture: Picture, bundle: Bundle) -> bool:
    """Whether other arrows into the stage name the same acts already."""
    others = [*picture.straight.values(), *picture.left]
    named = {
        a for b in others if b.target == bundle.target for acts in b.acts.values() for a in acts
    }
    return all(act in named for acts in bundle.acts.values() for act in acts)


def _arrow(
    picture: Picture,
    source: str,
    bundle: Bundle,
    points: list[Point],
    taken: set[tuple[str, str]],
) -> str:
    named = bundle.acts[source]
    calendar = named == [None]
    names = "edge" + (" calendar" if calendar else "")
    names += " taken" if (source, bundle.target) in taken else ""
    wide = 2.25 if (source, bundle.target) in taken else 1.25
    dashes = ' stroke-dasharray="5 3"' if calendar else ""
    said = "；" if picture.lang == "zh" else "; "
    acts = said.join(_act_words(picture.programme, a, picture.lang) for a in named)
    title = f"{_stage_name(picture, source)} → {_stage_name(picture, bundle.target)}: {acts}"
    return (
        f'<g class="{names}"><title>{escape(title)}</title>'
        f'<path d="{_path(points)}" stroke="currentColor" stroke-width="{wide}"{dashes}/>'
        f'<path class="arrow" d="{_head(points[-2], points[-1])}" fill="currentColor"/></g>'
    )


def _path(points: list[Point]) -> str:
    """A line through the points, with rounded corners."""
    points = [q for i, q in enumerate(points) if i == 0 or q != points[i - 1]]
    said = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        a, b = _toward(corner, before), _toward(corner, after)
        said.append(f"L{_n(a[0])} {_n(a[1])}Q{_n(corner[0])} {_n(corner[1])} {_n(b[0])} {_n(b[1])}")
    said.append(f"L{_n(points[-1][0])} {_n(points[-1][1])}")
    return "".join(said)


def _toward(corner: Point, other: Point, radius: float = 6) -> Point:
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = max((dx * dx + dy * dy) ** 0.5, 0.001)
    step = min(radius, length / 2) / length
    return corner[0] + dx * step, corner[1] + dy * step


def _head(before: Point, tip: Point) -> str:
    (x, y), (dx, dy) = tip, (tip[0] - before[0], tip[1] - before[1])
    length = max((dx * dx + dy * dy) ** 0.5, 0.001)
    ux, uy = dx / length, dy / length
    a = (x - 8 * ux - 4 * uy, y - 8 * uy + 4 * ux)
    b = (x - 8 * ux + 4 * uy, y - 8 * uy - 4 * ux)
    return f"M{_n(x)} {_n(y)}L{_n(a[0])} {_n(a[1])}L{_n(b[0])} {_n(b[1])}Z"


def _text(label: Label, x: float, middle: float, anchor: str) -> str:
    """The lines of a label, centred at a height."""
    y = middle - label.height / 2
    parts = []
    for line, cite in label.lines:
        size = SMALL if cite else LABEL
        y += size * LINE
        faint = ' fill-opacity="0.7"' if cite else ""
        parts.append(
            f'<text class="{"cite" if cite else "label"}" x="{_n(x)}" y="{_n(y - size * 0.32)}"'
            f' text-anchor="{anchor}" font-size="{size}" fill="currentColor"{faint}>'
            f"{escape(line)}</text>"
        )
    return "".join(parts)


def _n(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
