"""The drawing of a lifecycle, with the present stage marked, when the drawing module is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from banfa.rules.programme import Programme


def drawing(programme: Programme, current: str | None, passed: Sequence[str] = ()) -> Any:
    """The lifecycle as inline SVG; '' while there is none."""
    return ""
