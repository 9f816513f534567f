"""What an act of a yearly report says beside what the year's table of figures has.

An indicator says by its name, `from_programme` or `evaluated_as` which input of an act is the same
figure; where both are in the same unit and differ, both are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from banfa.office.desk.figure_prefill import fits
from banfa.office.desk.language import say
from banfa.office.evaluations.models import Entry, Stage
from banfa.office.evaluations.queries import written
from banfa.office.evaluations.systems import fields_of
from banfa.office.ledger import queries as ledger
from banfa.rules import programme as p
from banfa.rules.score_words import with_unit
from banfa.rules.system import Indicator
from banfa.rules.words import words


@dataclass(frozen=True)
class Difference:
    """A figure that an act and a table have otherwise: each value with its unit, in words."""

    name: str
    act: ledger.Entry
    told: str
    table: str


def differences(
    models: Mapping[str, p.Act], acts: Sequence[ledger.Entry], table: Entry
) -> Iterator[Difference]:
    """Where acts on file differ from a table as its last finished step has it. No query, if the
    table's figures were read before; a table that is not reported in is compared with nothing."""
    if table.stage < Stage.REPORTED:
        return
    held = {f.indicator: f for f in table.figures.all() if f.year == table.collection.year}
    for name, one in fields_of(table.collection, Stage.VERIFIED).items():
        figure = held.get(name)
        value = written(one, figure.at(table.stage)) if figure is not None else None
        if value is None or one.type != "number":
            continue
        for entry in acts:
            told = _told(models.get(entry.act.kind), entry.act.data, name, one)
            if told is not None and told != Decimal(value):
                both = (say(with_unit(f"{v:f}", one)) for v in (told, Decimal(value)))
                yield Difference(say(words(one.name)), entry, *both)


def _told(
    model: p.Act | None, data: Mapping[str, Any], name: str, one: Indicator
) -> Decimal | None:
    """An act's value for an indicator; None where it has none in the indicator's unit."""
    if model is None:
        return None
    for input_ in (name, one.from_programme or "", one.evaluated_as or ""):
        wanted, value = model.with_.get(input_), data.get(input_)
        if wanted is None or value is None or not fits(wanted, one.unit or ""):
            continue
        try:
            return Decimal(str(value))
        except InvalidOperation:
            continue
    return None
