"""The tabs of a centre's record. Each part of the office adds a line for its own page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from banfa.office.readable import Readable


@dataclass(frozen=True)
class Tab(Readable):
    """One tab: its address, its words, and whether it is the page at hand."""

    href: str
    text: str
    here: bool


def tabs(centre: Any, here: str) -> list[Tab]:
    """The tabs of a centre's record; `here` is the address name of the page at hand."""
    names = {
        "centre": _("概况"),
        "centre_parties": _("单位与人员"),
        "centre_cases": _("办件"),
        "materials": _("材料"),
        "centre_duties": _("义务与期限"),
        "centre_reports": _("年度报告"),
        "centre_money": _("资金"),
        "centre_results": _("结果"),
        "centre_reviews": _("评审"),
        "centre_timeline": _("行为记录"),
        "centre_notes": _("备注"),
    }
    return [Tab(reverse(n, args=[centre.id]), text, n == here) for n, text in names.items()]
