"""What can be wrong with a request about a dossier; what was typed is kept by the page."""

from __future__ import annotations

from typing import Any

from banfa.office.ledger.errors import LedgerError


class DossierError(LedgerError):
    """A mistake of the caller; nothing was changed. `text` says it in both languages."""


class NotNow(DossierError):
    """The dossier is not in a state in which this can be done."""

    status = 409


class Conflict(DossierError):
    """Somebody saved the dossier in the meantime; `dossier` is what is on file now."""

    status = 409

    def __init__(self, dossier: Any, who: str, when: str) -> None:
        super().__init__(
            f"{who}已于 {when} 保存过本材料，您这次所填尚未保存；所填内容仍在本页",
            f"{who} saved this at {when}; what you typed is not saved yet and is still on the page",
        )
        self.dossier = dossier


class Unreviewed(DossierError):
    """Documents that the organisation wants checked inside it first."""

    status = 409

    def __init__(self) -> None:
        super().__init__(
            "本单位规定材料提交前须经内部审核：请在“编写材料”中编写，送审通过后提交",
            "this organisation checks its material first: write a dossier and have it checked",
        )


class BadFile(DossierError):
    """A file that is not accepted: of the wrong type, too large, or not what its name says."""

    status = 422
