"""What can be wrong with a request about figures and runs; nothing was changed then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from banfa.rules.words import Text


class EvaluationError(Exception):
    """A mistake of the caller; `text` says it in both languages."""

    status = 400

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.text = Text(zh, en)


class NotOnFile(EvaluationError):
    """No such system, collection, centre in it, or run; or the person may not see it."""

    status = 404


class MayNot(EvaluationError):
    """The person has no capacity that gives the right."""

    status = 403


class Stale(EvaluationError):
    """Somebody changed the figures in the meantime."""

    status = 409


@dataclass(slots=True, frozen=True)
class Problem:
    """What is wrong with one value; `year` None where no one year is meant."""

    indicator: str
    year: int | None
    text: Text


class Refused(EvaluationError):
    """Values that cannot be taken, or steps not ready; `problems` says what to mend, and where."""

    def __init__(self, zh: str, en: str, problems: Sequence[Problem]) -> None:
        super().__init__(zh, en)
        self.problems = list(problems)
