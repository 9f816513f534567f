"""The drawing of a lifecycle, with the present stage marked."""

from __future__ import annotations

from django.utils.safestring import SafeString, mark_safe

from banfa.office.desk.language import in_english
from banfa.rules import diagram
from banfa.rules.programme import Programme


def drawing(programme: Programme, current: str | None = None) -> SafeString:
    """The lifecycle as inline SVG (made from the programme alone); '' while there is none."""
    svg = diagram.lifecycle(programme, "en" if in_english() else "zh")
    if current is not None:
        stage = f'data-stage="{current}"'
        svg = svg.replace(f'class="stage" {stage}', f'class="stage current" {stage}')
    return mark_safe(svg)
