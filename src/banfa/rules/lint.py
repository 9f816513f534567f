"""Checks of meaning on one loaded programme: one function a lint, composed in `lint_programme`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from banfa.rules.loading import LoadError, Node, Problem, read_folder, validate
from banfa.rules.programme import Programme
from banfa.rules.resolve import (
    Desk,
    Lint,
    lint_citations,
    lint_defaults,
    lint_names,
    lint_references,
    lint_steps,
)
from banfa.rules.ruleset import Ruleset

LINTS: tuple[Callable[[Desk], Iterator[Lint]], ...] = (
    lint_names,
    lint_steps,
    lint_references,
    lint_citations,
    lint_defaults,
)


def lint_programme(programme: Programme, node: Node) -> list[Problem]:
    """Every problem of meaning, in the order of the files. Raises nothing."""
    desk = Desk(programme, node)
    found = {problem for lint in LINTS for problem in lint(desk)}
    if not any(problem.severity == "error" for problem in found):
        found.update(_compiles(desk))
    return sorted(found)


def _compiles(desk: Desk) -> Iterator[Lint]:
    """What no lint foresaw: the programme can be compiled."""
    try:
        _ = Ruleset(desk.programme).duties
    except Exception as error:  # whatever it is, the author must hear of it
        zh = f"无法编译：{error}（{type(error).__name__}）"
        en = f"cannot be compiled: {error} ({type(error).__name__})"
        yield desk.error((), "compile", zh, en)


def check_folder(folder: Path) -> tuple[Programme | None, list[Problem]]:
    """Loads and lints one edition's folder: the model if it loads, and every problem."""
    try:
        node = read_folder(folder)
        programme = validate(node, Programme)
    except LoadError as error:
        return None, list(error.problems)
    return programme, lint_programme(programme, node)


def severity(problem: Problem) -> str:
    """`error` or `warning`; what loading finds is always an error."""
    return problem.severity if isinstance(problem, Lint) else "error"
