"""A progress line on the terminal; nothing where nobody looks on."""

from __future__ import annotations

import sys
from collections.abc import Callable

WIDTH = 30


def shown() -> bool:
    """Whether somebody looks on."""
    return sys.stderr.isatty()


def bar(done: int, total: int) -> None:
    """Draws how much of a known number is done."""
    filled = int(WIDTH * done / total) if total else 0
    drawn = "█" * filled + "·" * (WIDTH - filled)
    print(f"\r{drawn} {done:,}/{total:,}", end="", file=sys.stderr, flush=True)
    if done >= total:
        print(file=sys.stderr)


def counter(unit: str, total: int | None) -> Callable[[int], None]:
    """Hears how many are done, of a number known or not."""

    def show(done: int) -> None:
        if total:
            bar(done, total)
        else:
            print(f"\r{done:,} {unit}", end="", file=sys.stderr, flush=True)

    return show
