"""What can be wrong with a request about notices."""

from __future__ import annotations

from banfa.rules.words import Text


class NoticeError(Exception):
    """A mistake of the caller; nothing was changed. `text` says it in both languages."""

    status = 400

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.text = Text(zh, en)
