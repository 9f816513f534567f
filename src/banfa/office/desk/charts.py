"""Charts drawn here as SVG, each with the same numbers as a table: bars, stacked bars, columns, a
line. Colours are classes of the style sheet, so that dark, print and contrast are its business.

Lengths are in the units of the drawing; a Chinese character is as wide as the text is high.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

WIDTH, TEXT, ROW = 380.0, 12.5, 26.0
COLOURS = 6


@dataclass
class Chart:
    """A chart: what it shows, the drawing, and its numbers as a table (`head`, `rows`), whose
    first `words` columns are words.

    `empty` says why there is nothing to draw.
    """

    id: str
    title: str
    says: str
    drawing: SafeString | str = ""
    head: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    empty: str = ""
    words: int = 1


@dataclass(frozen=True)
class Part:
    """A number with its name; `href` leads to what was counted, `colour` is its class."""

    name: str
    value: int
    href: str = ""
    colour: int = 0


def text_width(text: str, size: float = TEXT) -> float:
    """How wide a text is about: wide characters 1 em, others 0.56 em."""
    wide = sum(unicodedata.east_asian_width(c) in "WFA" for c in text)
    return size * (wide + 0.56 * (len(text) - wide))


def fitted(text: str, width: float, size: float = TEXT) -> str:
    """A text cut with an ellipsis to a width."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text + "…"


def _svg(height: float, title: str, inside: Any) -> SafeString:
    """The drawing; a picture, unless there are links in it."""
    drawn = SafeString("".join(inside))
    role = "group" if "<a " in drawn else "img"
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="{}" aria-label="{}">{}</svg>',
        _n(WIDTH), _n(height), role, title, drawn,
    )  # fmt: skip


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _text(x: float, y: float, text: str, more: str = "") -> SafeString:
    return format_html('<text x="{}" y="{}" class="{}">{}</text>', _n(x), _n(y), more, text)


def _rect(x: float, y: float, w: float, h: float, colour: int, told: str) -> SafeString:
    return format_html(
        '<rect x="{}" y="{}" width="{}" height="{}" class="c{}"><title>{}</title></rect>',
        _n(x), _n(y), _n(max(w, 0.5)), _n(h), colour % COLOURS, told,
    )  # fmt: skip


def _linked(part: Part, told: str, inside: SafeString) -> SafeString:
    """What leads to what was counted, when it leads anywhere."""
    if not part.href:
        return inside
    return format_html('<a href="{}" aria-label="{}">{}</a>', part.href, told, inside)


def bars(title: str, parts: Sequence[Part]) -> SafeString:
    """A bar for each number, its name before it and the number after it."""
    most = max((p.value for p in parts), default=0) or 1
    label = min(max((text_width(p.name) for p in parts), default=0) + 8, WIDTH * 0.42)
    room = WIDTH - label - text_width(f"{most:,}") - 10
    drawn = []
    for number, part in enumerate(parts):
        y = number * ROW
        length = room * part.value / most
        told = f"{part.name} {part.value}"
        inside = format_html(
            "{}{}{}",
            _text(0, y + 17, fitted(part.name, label - 6)),
            _rect(label, y + 5, length, ROW - 10, part.colour, told) if part.value else "",
            _text(label + length + 5, y + 17, f"{part.value:,}", "n"),
        )
        drawn.append(_linked(part, told, inside))
    return _svg(len(parts) * ROW, title, drawn)


def stacked(title: str, groups: Sequence[tuple[str, Sequence[Part]]]) -> SafeString:
    """A bar for each group, divided by its parts, with its own legend below it."""
    most = max((sum(p.value for p in parts) for _name, parts in groups), default=0) or 1
    room = WIDTH - text_width(f"{most:,}") - 8
    y, drawn = 0.0, []
    for name, parts in groups:
        total = sum(p.value for p in parts)
        drawn.append(_text(0, y + 14, name, "strong"))
        y += 21
        x = 0.0
        for part in parts:
            length = room * part.value / most
            told = f"{name} {part.name} {part.value}"
            drawn.append(_linked(part, told, _rect(x, y, length, 16, part.colour, told)))
            x += length
        drawn.append(_text(x + 5, y + 13, f"{total:,}", "n"))
        y += 22
        legend, lines = _legend(parts, y)
        drawn += legend
        y += lines * 18 + 10
    return _svg(y, title, drawn)


def _legend(parts: Sequence[Part], y: float) -> tuple[list[SafeString], int]:
    """Squares with names and numbers, in as many lines as they need."""
    drawn, x, line = [], 0.0, 0
    for part in parts:
        told = f"{part.name} {part.value}"
        width = 15 + text_width(told, 11.5) + 12
        if x and x + width > WIDTH:
            x, line = 0.0, line + 1
        at = y + line * 18
        drawn.append(_rect(x, at + 2, 10, 10, part.colour, told))
        drawn.append(_text(x + 15, at + 11.5, told, "small"))
        x += width
    return drawn, line + 1


def columns(title: str, parts: Sequence[Part], height: float = 130) -> SafeString:
    """A column for each number, side by side in time, the number above and the name below."""
    most = max((p.value for p in parts), default=0) or 1
    step = WIDTH / max(len(parts), 1)
    base = height - 20
    drawn: list[SafeString] = [
        format_html('<line x1="0" y1="{0}" x2="{1}" y2="{0}" class="axis"/>', _n(base), _n(WIDTH))
    ]
    for number, part in enumerate(parts):
        x, tall = number * step, (base - 18) * part.value / most
        told = f"{part.name} {part.value}"
        drawn.append(
            _linked(
                part,
                told,
                format_html(
                    "{}{}{}",
                    _rect(x + step * 0.15, base - tall, step * 0.7, tall, part.colour, told)
                    if part.value
                    else "",
                    _text(x + step / 2, base - tall - 4, f"{part.value}", "small middle n")
                    if part.value
                    else "",
                    _text(x + step / 2, height - 5, fitted(part.name, step + 4, 11), "tick middle"),
                ),
            )
        )
    return _svg(height, title, drawn)


def line(title: str, parts: Sequence[Part], height: float = 130) -> SafeString:
    """A line through the numbers, with a point and its number at each."""
    most = max((p.value for p in parts), default=0) or 1
    step, base = WIDTH / max(len(parts), 1), height - 20
    points = [((n + 0.5) * step, base - (base - 20) * p.value / most) for n, p in enumerate(parts)]
    way = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
    drawn: list[SafeString] = [
        format_html('<line x1="0" y1="{0}" x2="{1}" y2="{0}" class="axis"/>', _n(base), _n(WIDTH)),
        format_html('<polyline points="{}" class="way"/>', way),
    ]
    for part, (x, y) in zip(parts, points, strict=True):
        told = f"{part.name} {part.value}"
        dot = '<circle cx="{}" cy="{}" r="3" class="c0"><title>{}</title></circle>'
        drawn.append(format_html(dot, _n(x), _n(y), told))
        drawn.append(_text(x, y - 7, f"{part.value}", "small middle n"))
        drawn.append(_text(x, height - 5, fitted(part.name, step + 4, 11), "tick middle"))
    return _svg(height, title, drawn)
