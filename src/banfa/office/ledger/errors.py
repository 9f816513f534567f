"""What can be wrong with a request to the ledger, apart from what a regulation refuses."""

from __future__ import annotations

from banfa.rules.words import Text


class LedgerError(Exception):
    """A mistake of the caller; nothing was recorded. `text` says it in both languages."""

    status = 400

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.text = Text(zh, en)


class NotOnFile(LedgerError):
    """No such programme, centre, act, organisation or document."""

    status = 404


class Stale(LedgerError):
    """Somebody recorded something in the meantime; `current` is the version on file."""

    status = 409

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(
            f"该中心在您打开页面之后已有新的记录（您看到第{expected}号，现为第{current}号），"
            "本次未作任何记录。请刷新后核对再提交",
            f"something was recorded since you looked (you saw {expected}, now {current});"
            " nothing was recorded: reload and check",
        )
        self.expected, self.current = expected, current


class KeyReused(LedgerError):
    """An idempotency key came back with another request."""

    status = 409

    def __init__(self) -> None:
        super().__init__(
            "这一提交编号已用于另一项内容不同的行为，本次未作任何记录。请重新打开表单后提交",
            "this idempotency key was used for a different act; nothing was recorded",
        )


class MayNotErase(LedgerError):
    """What was asked to be erased carries the life of the centre, or is no personal data."""

    status = 409


class MayNot(LedgerError):
    """The person has no capacity that gives the right to this act here."""

    status = 403

    def __init__(self) -> None:
        super().__init__(
            "您现有的身份不能办理此事，本次未作任何记录",
            "none of your capacities gives the right to this act; nothing was recorded",
        )
