"""Who may load systems, open collections, and enter, review and verify figures: rows of rights.

The authority's rows come with the programmes (`people.rights`); those of the parties that a system
names are entered when it is loaded. What the security administrator withdrew stays withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator

from banfa.office.evaluations.errors import MayNot
from banfa.office.evaluations.models import Collection, Kind, Stage
from banfa.office.evaluations.systems import programme_of, system_of
from banfa.office.ledger.models import Centre
from banfa.office.people.access import Held, Reach
from banfa.office.people.models import Right
from banfa.office.people.rights import scopes_of
from banfa.rules.system import System

LOAD, RUN = "administer.systems", "administer.rounds"
HURRY = "hurry.report"
HANDS = {
    Stage.REPORTED: "figures.report",
    Stage.REVIEWED: "figures.review",
    Stage.VERIFIED: "figures.verify",
}


def parties_of(system: System, stage: int) -> list[str]:
    """The parties whose step that is; none: the step is left out."""
    return {
        Stage.REPORTED: system.reported_by,
        Stage.REVIEWED: system.reviewed_by,
        Stage.VERIFIED: system.verified_by,
    }[Stage(stage)]


def steps(collection: Collection) -> list[Stage]:
    """The steps that a collection's tables go through, in order.

    A year's figures are reported and reviewed; verifying them belongs to rounds, except where
    nobody reviews them.
    """
    system = system_of(collection.system)
    named = [step for step in HANDS if parties_of(system, step)]
    if collection.kind == Kind.ANNUAL and Stage.REVIEWED in named:
        named = [step for step in named if step != Stage.VERIFIED]
    return named


def before(system: System, stage: int) -> Stage:
    """The step before one, among those that the system has."""
    for earlier in range(stage - 1, 0, -1):
        if parties_of(system, earlier):
            return Stage(earlier)
    return Stage.EMPTY


def enter_rows(system: System) -> None:
    """Enters the rights of the parties that a system names, where they have no row yet."""
    parties = programme_of(system.programme).parties
    things = [(name, thing) for stage, thing in HANDS.items() for name in parties_of(system, stage)]
    things += [(name, HURRY) for name in system.reviewed_by]
    rows = [
        Right(subject=f"{system.programme}:{name}", thing=thing, scope=scope)
        for name, thing in dict.fromkeys(things)
        for scope in scopes_of(parties[name])
    ]
    known = set(Right.objects.values_list("subject", "thing"))
    fresh = [row for row in rows if (row.subject, row.thing) not in known]
    Right.objects.bulk_create(fresh, ignore_conflicts=True)


def holding(
    reach: Reach, thing: str, programme: str, parties: list[str], centre: Centre | None = None
) -> Iterator[Held]:
    """The capacities as one of these parties that have a right, for a centre if one is given."""
    for one in reach.held:
        if one.capacity.programme != programme or one.capacity.party not in parties:
            continue
        scopes = reach.scopes(one, thing)
        if scopes and (centre is None or any(one.reaches(s, centre) for s in scopes)):
            yield one


def may_enter(reach: Reach, collection: Collection, centre: Centre, stage: int) -> bool:
    """Whether the person may take a step of a centre's table."""
    parties = parties_of(system_of(collection.system), stage)
    programme = str(collection.book_id)
    return any(holding(reach, HANDS[Stage(stage)], programme, parties, centre))


def administers(reach: Reach, thing: str, programme: str) -> bool:
    """Whether the person has a right of the programme's authority."""
    return any(holding(reach, thing, programme, programme_of(programme).authority))


def need(reach: Reach | None, thing: str, programme: str) -> None:
    """Refuses who has no such right; None is the installation itself. Raises MayNot."""
    if reach is not None and not administers(reach, thing, programme):
        raise MayNot(
            "只有主管机关的有权人员可以办理，本次未作任何变更",
            "only those of the competent body who have the right may do this; nothing was changed",
        )
