"""What can be wrong with a request about work among people; nothing was changed then."""

from __future__ import annotations

from banfa.rules.words import Text


class QueueError(Exception):
    """A mistake of the caller; `text` says it in both languages."""

    status = 400

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.text = Text(zh, en)


class NotYours(QueueError):
    """The person may not do this here."""

    status = 403


class TooLate(QueueError):
    """Somebody else has done something in the meantime."""

    status = 409
