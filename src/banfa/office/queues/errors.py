"""What can be wrong with a request about work among people; nothing was changed then."""

from __future__ import annotations

from banfa.office.ledger.errors import LedgerError
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


class Unsigned(LedgerError):
    """An act lacks the sign-off that the acting organisation wants before it is recorded."""

    status = 409

    def __init__(self, manner: Text, people: list[str]) -> None:
        super().__init__(
            f"本单位规定登记此事前须经{manner.zh}，尚缺：{'、'.join(people)}。请先送签",
            f"this organisation wants it signed ({manner.en}) before it is recorded; wanting:"
            f" {', '.join(people)}",
        )
