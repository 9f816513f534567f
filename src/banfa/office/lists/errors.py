"""What can be wrong with a saved view."""

from __future__ import annotations

from banfa.rules.words import Text


class ListError(Exception):
    """Something about a list cannot be done; `text` says why in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.text = Text(zh, en)


class NoSuchView(ListError):
    """There is no such view, or it is somebody else's."""
