"""Two programmes side by side, on the same dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from banfa.office.desk import citations
from banfa.office.ledger import library
from banfa.rules.compare import side_by_side
from banfa.rules.programme import Dimension, Programme
from banfa.rules.words import Text


@dataclass(frozen=True)
class Line:
    """One dimension: its name and what each programme says; `same` when all say the same."""

    key: str
    name: Text
    cells: list[tuple[Programme, Dimension | None]]

    @property
    def shown(self) -> list[tuple[Programme, Dimension | None, list[citations.Link]]]:
        """Each programme with what it says and the articles, as links to its page."""
        return [(model, one, _links(model, one)) for model, one in self.cells]

    @property
    def same(self) -> bool:
        """Whether the programmes do not differ here."""
        said = {_said(dimension) for _, dimension in self.cells}
        return len(said) == 1


def _links(model: Programme, dimension: Dimension | None) -> list[citations.Link]:
    cites = dimension.cite if dimension is not None else []
    return [link for cite in cites if (link := citations.link(model, cite, None)) is not None]


def _said(dimension: Dimension | None) -> Any:
    if dimension is None or dimension.absent or dimension.says is None:
        return None
    return dimension.says.zh


def choices() -> list[Programme]:
    """The programmes that can be compared: the latest edition of each."""
    ids, _ = library.loadable()
    return [library.editions(name).latest.programme for name in ids]


def lines(programmes: list[Programme]) -> list[Line]:
    """Every dimension on which at least one of the programmes says something."""
    made = [
        Line(key, name, list(zip(programmes, dimensions, strict=True)))
        for key, name, dimensions in side_by_side(programmes)
    ]
    return [line for line in made if any(_said(d) for _, d in line.cells)]
