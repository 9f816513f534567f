"""The drawing of a lifecycle, with the present stage and those passed marked."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.safestring import SafeString, mark_safe

from banfa.office.desk.language import in_english
from banfa.rules import diagram
from banfa.rules.programme import Programme

MOST_KEPT = 300
_kept: dict[tuple[int, str, str | None, tuple[str, ...]], tuple[Programme, SafeString]] = {}
"""Drawings made, by programme (kept along, so that its number stays its own), language and life."""


def drawing(
    programme: Programme, current: str | None = None, passed: Sequence[str] = ()
) -> SafeString:
    """The lifecycle as inline SVG, made from the programme alone, once for each sort of life."""
    language = "en" if in_english() else "zh"
    at = (id(programme), language, current, tuple(passed))
    kept = _kept.get(at)
    if kept is None:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        kept = programme, mark_safe(diagram.lifecycle(programme, language, current, passed))
        _kept[at] = kept
    return kept[1]
