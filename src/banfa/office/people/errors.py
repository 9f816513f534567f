"""What can be wrong with a request about people; nothing was changed then."""

from __future__ import annotations

from banfa.rules.words import Text


class PeopleError(Exception):
    """A mistake of the caller; `text` says it in both languages."""

    status = 400

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.text = Text(zh, en)


class NotAllowed(PeopleError):
    """The person may not do this."""

    status = 403
