"""What a later hand must not pass over when it finishes its step: values it left alone, values
without evidence, and values whose dispute was upheld."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from banfa.office.evaluations import proofs
from banfa.office.evaluations.errors import Problem
from banfa.office.evaluations.models import Dispute, Entry, Figure, FigureChange, Outcome, Stage
from banfa.office.evaluations.systems import system_of
from banfa.rules.words import Text


@dataclass(slots=True, frozen=True)
class Unchecked:
    """How many of a table's values (`all`) a hand has neither changed nor remarked upon, and how
    many of those that ask for evidence have none."""

    all: int
    alone: int
    unproved: int

    def __bool__(self) -> bool:
        return bool(self.alone or self.unproved)


def unchecked(entry: Entry, stage: int) -> Unchecked:
    """What a hand would confirm as it is by finishing its step; nothing for the first hand, which
    enters every value itself. Two queries."""
    if stage <= Stage.REPORTED:
        return Unchecked(0, 0, 0)
    indicators = system_of(entry.collection.system).indicators
    files = proofs.held(entry)
    # Not by way of the entry, which may hold its figures as they were before the last ones came.
    figures = Figure.objects.filter(entry=entry, stage__gt=0)
    held = [f for f in figures if f.indicator in indicators]
    held = [f for f in held if f.at(stage) is not None]
    unproved = [
        f
        for f in held
        if indicators[f.indicator].evidence != "none"
        and not any(e.get("text") for e in f.evidence)
        and (f.indicator, f.year) not in files
    ]
    return Unchecked(len(held), sum(f.stage < stage for f in held), len(unproved))


def upheld(entry: Entry, stage: int) -> list[Problem]:
    """The values that stay as they were disputed though the dispute was upheld, without a reason
    given since: a problem for each. Two queries at most."""
    latest: dict[int, Dispute] = {}
    found = Dispute.objects.filter(figure__entry=entry, stage=stage, answered__isnull=False)
    for one in found.select_related("figure").order_by("id"):
        latest[one.figure_id] = one
    bound = {pk: d for pk, d in latest.items() if d.outcome != Outcome.REJECTED}
    return list(_left(entry, stage, bound)) if bound else []


def _left(entry: Entry, stage: int, bound: dict[int, Dispute]) -> Iterator[Problem]:
    said: dict[int, list[FigureChange]] = {}
    for change in FigureChange.objects.filter(figure__in=bound, stage=stage).exclude(reason=""):
        said.setdefault(change.figure_id, []).append(change)
    indicators = system_of(entry.collection.system).indicators
    for pk, dispute in bound.items():
        figure, answered = dispute.figure, dispute.answered
        since = [c for c in said.get(pk, []) if answered is not None and c.at > answered]
        if figure.at(stage) != dispute.value or since or figure.indicator not in indicators:
            continue
        name = indicators[figure.indicator].name
        yield Problem(
            figure.indicator, figure.year,
            Text(
                f"{name.zh}（{figure.year} 年）的异议已认定成立，数值却未改动：请改正，或写明"
                "维持原数的理由",
                f"{name.en} ({figure.year}): its dispute was upheld, yet the value is as before:"
                " change it, or say why it stays",
            ),
        )  # fmt: skip
