"""Indicator systems as the office uses them: read from their files' text, with their programme."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from banfa.office.evaluations.errors import EvaluationError
from banfa.office.evaluations.models import Collection, Stage, SystemVersion
from banfa.office.ledger import library
from banfa.rules import programme as p
from banfa.rules.loading import LoadError, parse, validate
from banfa.rules.scoring import Scheme
from banfa.rules.system import Indicator, System, Thresholds
from banfa.rules.system_checks import check_thresholds, lint_system


def programme_of(programme: str) -> p.Programme:
    """The latest edition of a programme."""
    return library.editions(programme).latest.programme


def read_system(text: str, name: str, programme: p.Programme) -> System:
    """A system from its file's text, checked. Raises LoadError with every problem and its place."""
    node = parse(text.encode(), Path(name))
    system = validate(node, System)
    problems = lint_system(system, node, programme)
    if problems:
        raise LoadError(problems)
    return system


def read_thresholds(text: str, system: System, programme: p.Programme) -> Thresholds:
    """A round's thresholds from text, checked. Raises LoadError."""
    node = parse(text.encode(), Path("thresholds.yaml"))
    thresholds = validate(node, Thresholds)
    scale = list(programme.evaluation.grades) if programme.evaluation is not None else []
    problems = check_thresholds(thresholds, system, scale, node)
    if problems:
        raise LoadError(problems)
    return thresholds


@lru_cache(maxsize=64)
def _read(digest: str, text: str, name: str) -> System:
    return validate(parse(text.encode(), Path(name)), System)


def system_of(version: SystemVersion) -> System:
    """The system of a version on file; it was checked when it was loaded."""
    return _read(version.digest, version.text, f"{version.system}.yaml")


@lru_cache(maxsize=64)
def _scheme(digest: str, text: str, name: str, occasion: str) -> Scheme:
    if occasion not in ("confirmation", "evaluation"):
        raise EvaluationError(f"没有“{occasion}”这一场合", f"no occasion '{occasion}'")
    return Scheme(_read(digest, text, name), "confirmation" if occasion == "confirmation" else
                  "evaluation")  # fmt: skip


def scheme_of(collection: Collection) -> Scheme:
    """The collection's system, ready for scoring."""
    version = collection.system
    return _scheme(version.digest, version.text, f"{version.system}.yaml", collection.occasion)


def thresholds_from(text: str) -> Thresholds | None:
    """Thresholds on file; none for empty text."""
    if not text:
        return None
    return validate(parse(text.encode(), Path("thresholds.yaml")), Thresholds)


def fields_of(collection: Collection, stage: int) -> dict[str, Indicator]:
    """The indicators that a hand fills in.

    Experts' grades and what a gate asks are found by those who verify; they are not asked of
    whoever reports or reviews.
    """
    entered = system_of(collection.system).entered(scheme_of(collection).occasion)
    if stage >= Stage.VERIFIED:
        return entered
    return {n: one for n, one in entered.items() if one.type != "grade" and one.role != "gate"}


def years_of(collection: Collection) -> list[int]:
    """The years a collection covers, in order."""
    number = system_of(collection.system).years if collection.kind == "round" else 1
    return list(range(collection.year - number + 1, collection.year + 1))
