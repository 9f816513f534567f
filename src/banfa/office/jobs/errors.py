"""What can be wrong with a request about long work; nothing was changed then."""

from __future__ import annotations

from banfa.rules.words import Text


class JobError(Exception):
    """A mistake of the caller; `text` says it in both languages."""

    status = 409

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.text = Text(zh, en)


class NoSuchJob(JobError):
    """There is none, or it is somebody else's."""

    status = 404


class Stopped(Exception):
    """Raised within a job when its owner has asked it to stop: what is not committed is undone."""
