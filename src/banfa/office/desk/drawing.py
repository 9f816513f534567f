"""The drawing of a lifecycle, with the present stage and those passed marked."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.safestring import SafeString, mark_safe

from banfa.office.desk.language import in_english
from banfa.rules import diagram
from banfa.rules.programme import Programme


def drawing(
    programme: Programme, current: str | None = None, passed: Sequence[str] = ()
) -> SafeString:
    """The lifecycle as inline SVG, made from the programme alone."""
    language = "en" if in_english() else "zh"
    return mark_safe(diagram.lifecycle(programme, language, current, passed))
