"""A computed grade on its way into the form of the act that decides it, and why it is departed
from.

The act decides: an officer gives the grade. Where the round has adopted a run, its grade is filled
in beforehand, and another one asks for a reason, which is kept beside the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.http import QueryDict
from django.utils.translation import gettext as _

from banfa.office.desk.language import say
from banfa.office.evaluations import round_queries, round_verbs, rounds
from banfa.office.evaluations.models import Collection, Kind, Run
from banfa.office.evaluations.systems import system_of
from banfa.office.ledger import verbs
from banfa.office.ledger.models import ActRecord, Centre, Matter, Sort
from banfa.office.ledger.verbs import Proposal, Receipt
from banfa.office.people.access import Reach
from banfa.rules import words as wording
from banfa.rules.ruleset import Ruleset


@dataclass(slots=True)
class Proposed:
    """What the adopted run gave the centre whose grade is about to be decided.

    `field` is the act's input for the grade, `case` the procedure, `round` the round's number.
    """

    run: Run
    centre: str
    case: str
    field: str
    round: int
    computed: round_queries.Computed
    words: str
    sample: str

    def deviates(self, data: Mapping[str, Any]) -> bool:
        """Whether another grade is about to be decided."""
        decided = data.get(self.field)
        return bool(decided) and self.computed.grade not in (None, decided)

    @property
    def lacks(self) -> str:
        """What is said when a reason is missing."""
        return _("所填等级与计分所得等级（%(grade)s）不一致，请在“改定理由”中写明理由。") % {
            "grade": self.words
        }


def proposed(where: Any, kind: str, about: str) -> Proposed | None:
    """What a run proposes for the centre at hand, when the act gives the grade of a round whose
    results a run was adopted for: three queries then, none for other acts."""
    way = _way(where.rs, kind)
    if way is None or where.centre is None:
        return None
    case, number = _round_of(where, way, about)
    if number is None:
        return None
    run = _runs(where.programme, [number]).get(number)
    return _proposed(where.rs, run, where.centre, case, way.deciding[kind])


def proposed_each(
    rs: Ruleset, programme: str, kind: str, centres: Sequence[Centre]
) -> dict[str, Proposed]:
    """The same for many centres under one edition, by centre: three queries and two for each round
    that they are in, none for acts that give no grade of a round."""
    way = _way(rs, kind)
    if way is None:
        return {}
    under_way = Matter.objects.filter(
        centre__in=centres, sort=Sort.CASE, name=way.procedure, closed=False
    )
    cases = {(m.centre_id, m.opened_by): m.key for m in under_way}
    openings = ActRecord.objects.filter(
        centre__in=[centre for centre, _seq in cases], kind__in=[way.call, *way.joining]
    ).select_related("payload")
    found = [(o.centre_id, cases[o.centre_id, o.seq], _number(way, o)) for o in openings
             if (o.centre_id, o.seq) in cases]  # fmt: skip
    runs = _runs(programme, sorted({number for _c, _k, number in found if number is not None}))
    made = {c: _proposed(rs, runs.get(number), c, case, way.deciding[kind])
            for c, case, number in found if number is not None}  # fmt: skip
    return {centre: one for centre, one in made.items() if one is not None}


def _number(way: rounds.Way, opening: ActRecord) -> int | None:
    """The round that a centre's case is of, by the act that opened the case."""
    named = way.joining.get(opening.kind)
    given = opening.payload.data.get(named) if named else opening.caused_by
    return given if isinstance(given, int) else None


def _way(rs: Ruleset, kind: str) -> rounds.Way | None:
    """The way of holding rounds in which the act decides."""
    return next((w for w in rounds.ways(rs) if w.opening and kind in w.deciding), None)


def _runs(programme: str, numbers: Sequence[int]) -> dict[int, Run]:
    """The runs adopted for rounds, by their numbers."""
    kept = Collection.objects.filter(book=programme, kind=Kind.ROUND, round__in=numbers)
    runs = {c.round: round_queries.adopted(c) for c in kept.select_related("system", "book")}
    return {number: run for number, run in runs.items() if number is not None and run is not None}


def _proposed(rs: Ruleset, run: Run | None, centre: str, case: str, asked: str) -> Proposed | None:
    computed = round_queries.computed_for(run, centre)
    if run is None or computed is None or computed.grade is None:
        return None
    return Proposed(
        run, centre, case, asked, run.collection.round or 0, computed,
        say(wording.grade(rs.programme, computed.grade)),
        say(wording.words(system_of(run.collection.system).sample)),
    )  # fmt: skip


def _round_of(where: Any, way: rounds.Way, about: str) -> tuple[str, int | None]:
    """The open case that the act belongs to, and the number of the round that it is of."""
    open_ = where.state.open_cases.get(way.procedure) or []
    case = about if about in open_ else (open_[-1] if open_ else "")
    held = where.state.cases.get(case)
    if held is None or not held.log:
        return case, None
    act = next((a for a in where.acts if a.seq == held.log[0]), None)
    if act is None:
        return case, None
    named = way.joining.get(act.kind)
    if named:
        given = act.data.get(named)
        return case, given if isinstance(given, int) else None
    return case, act.caused_by


def filled(given: QueryDict, of: Proposed | None) -> QueryDict:
    """The query of the act's form with the computed grade in it, unless it names one."""
    if of is None or f"with.{of.field}" in given:
        return given
    made = given.copy()
    made[f"with.{of.field}"] = of.computed.grade or ""
    return made


def record(proposal: Proposal, of: Proposed | None, reach: Reach, reason: str) -> Receipt:
    """Records the act, and with it why its grade is another than the one computed."""
    if of is None or not of.deviates(proposal.data):
        return verbs.record(proposal)
    with transaction.atomic():
        receipt = verbs.record(proposal)
        if receipt.accepted and receipt.seq is not None:
            grades = (of.computed.grade or "", str(proposal.data[of.field]))
            round_verbs.deviate(reach, of.run, of.centre, of.case, receipt.seq, grades, reason)
    return receipt
