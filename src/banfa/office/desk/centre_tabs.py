"""The tabs of a centre's record. Each part of the office adds a line for its own page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _


@dataclass(frozen=True)
class Tab:
    """One tab: its address, its words, and whether it is the page at hand."""

    href: str
    text: str
    here: bool


def tabs(centre: Any, here: str) -> list[Tab]:
    """The tabs of a centre's record; `here` is the address name of the page at hand."""
    names = {"centre": _("概况"), "materials": _("材料")}
    return [Tab(reverse(n, args=[centre.id]), text, n == here) for n, text in names.items()]
