"""The lifecycle of a programme as an SVG picture."""

from __future__ import annotations

from typing import Any

from banfa.rules import programme as p


def lifecycle(programme: p.Programme, lang: str = "zh") -> str:
    """To come."""
    return ""


def outline(programme: p.Programme) -> dict[str, Any]:
    """To come."""
    return {}
