"""Things that templates read."""

from __future__ import annotations

from typing import Any


class Readable:
    """Gives its attributes by name as items too.

    A template asks for `row.name` as an item first and as an attribute only when that has failed
    with an exception, which costs more than all the rest of showing a cell.
    """

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        if type(name) is not str:
            raise TypeError(name)
        return getattr(self, name)
