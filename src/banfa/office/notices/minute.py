"""What the worker does each minute beside the outbox: other parts of the office add to it."""

from __future__ import annotations

from collections.abc import Callable

_doing: dict[str, Callable[[], int]] = {}


def also(name: str, do: Callable[[], int]) -> None:
    """Adds something, which may run twice or be cut off at any point."""
    _doing[name] = do


def run() -> int:
    """Does all of it; gives how much was done."""
    return sum(do() for do in _doing.values())
