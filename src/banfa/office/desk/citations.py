"""Where a basis is shown: the article's words, and its place on the programme page."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from banfa.office.desk.language import in_english
from banfa.office.readable import Readable
from banfa.rules.citation import Citation
from banfa.rules.programme import Programme


@dataclass(frozen=True)
class Link(Readable):
    """A basis as shown: its words, its place, and whether the text is silent there."""

    text: str
    href: str
    silent: bool = False
    title: str = ""


def printed(programme: Programme, key: str) -> str:
    """An article key in words, such as 第十八条第一款; the key itself when it is no citation."""
    try:
        place = Citation.parse(key, programme.instrument.numbering)
    except ValueError:
        return key
    return place.en if in_english() else place.zh


def anchor(key: str) -> str:
    """The id of an article's or default's place on the programme page."""
    return "a-" + re.sub(r"[^0-9A-Za-z]+", "-", key).strip("-")


def place_of(programme: Programme, key: str) -> str:
    """The listed article that a citation points to: itself, or the nearest that covers it."""
    if key in programme.articles:
        return key
    try:
        wanted = Citation.parse(key, programme.instrument.numbering)
    except ValueError:
        return key
    covering = []
    for listed in programme.articles:
        try:
            place = Citation.parse(listed, programme.instrument.numbering)
        except ValueError:
            continue
        if place.covers(wanted) or wanted.covers(place):
            covering.append((abs(len(place.steps) - len(wanted.steps)), place, listed))
    return min(covering)[2] if covering else key


def page_of(programme: Programme) -> str:
    """The address of the edition's page."""
    return reverse("programme", args=[programme.programme, programme.edition])


class _Loaded:
    """A programme as loaded: the same only as itself, so that what is kept of it is never another
    version's."""

    def __init__(self, programme: Programme) -> None:
        self.programme = programme

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Loaded) and self.programme is other.programme

    def __hash__(self) -> int:
        return id(self.programme)


def link(programme: Programme, cite: str | None, default: str | None = None) -> Link | None:
    """A basis as a link; None when there is none."""
    if not (cite or default):
        return None
    return _link(_Loaded(programme), cite, default, in_english(), page_of(programme))


@lru_cache(maxsize=4096)
def _link(
    loaded: _Loaded, cite: str | None, default: str | None, english: bool, page: str
) -> Link | None:
    programme = loaded.programme
    if cite:
        target = place_of(programme, cite)
        return Link(
            printed(programme, cite), f"{page}#{anchor(target)}", title=gist(programme, target)
        )
    if default:
        words = _("文本未作规定，系统缺省 %(id)s") % {"id": default}
        declared = programme.defaults.get(default)
        title = (declared.says.en if english else declared.says.zh) if declared else ""
        return Link(words, f"{page}#{anchor(default)}", silent=True, title=title)
    return None


def gist(programme: Programme, key: str) -> str:
    """What an article does, in a line."""
    article = programme.articles.get(key)
    if article is None:
        return ""
    return article.gist.en if in_english() else article.gist.zh


def links(programme: Programme, cites: Any, default: str | None = None) -> list[Link]:
    """Several articles, or the one default, as links."""
    found = [link(programme, c) for c in cites] if cites else [link(programme, None, default)]
    return [f for f in found if f is not None]


def long_day(day: dt.date) -> str:
    """A date written out: 2030年11月20日."""
    return day.strftime("%-d %B %Y") if in_english() else f"{day.year}年{day.month}月{day.day}日"
