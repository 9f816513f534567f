"""What can be wrong with a file that somebody brings."""

from __future__ import annotations

from banfa.office.ledger.errors import LedgerError


class BadFile(LedgerError):
    """The file as a whole cannot be taken; the text says why and what to do."""

    status = 422
