"""What a centre's plan aims at, indicator by indicator and year by year, with its source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from banfa.office import clock
from banfa.office.evaluations import rights
from banfa.office.evaluations.errors import EvaluationError, MayNot
from banfa.office.evaluations.models import Entry, Goal, Stage
from banfa.office.evaluations.systems import fields_of, years_of
from banfa.office.people.access import Reach
from banfa.rules.figures import from_text, whole
from banfa.rules.loading import Bilingual
from banfa.rules.score_words import shown_value
from banfa.rules.system import Indicator
from banfa.rules.units import unit
from banfa.rules.words import Text


def held(centre: str, years: Iterable[int]) -> dict[tuple[str, int], Goal]:
    """The goals of a centre that hold, by indicator and year: one query."""
    found: dict[tuple[str, int], Goal] = {}
    rows = Goal.objects.filter(centre=centre, year__in=list(years)).select_related("by")
    for goal in rows.order_by("id"):
        found[goal.indicator, goal.year] = goal
    return {at: goal for at, goal in found.items() if goal.value is not None}


@dataclass(slots=True, frozen=True)
class Compared:
    """A goal beside a value: as shown, and what part of it is reached, in per cent."""

    shown: str
    source: str
    by: str
    reached: int | None


def compared(one: Indicator, goal: Goal | None, value: int | None) -> Compared | None:
    """A goal in the unit of the indicator, and how far a stored value has come; None: no goal.

    A goal entered in a unit that measures something else is not compared.
    """
    if goal is None or goal.value is None:
        return None
    given, own = unit(goal.unit or "1"), unit(one.unit or "1")
    if not given.measures_like(own):
        return None
    scaled = goal.value * given.size.numerator / given.size.denominator
    aim = scaled * own.size.denominator / own.size.numerator
    shown = f"{aim.normalize():f}"
    reached = None
    if value is not None and aim > 0:
        reached = round(Decimal(shown_value(one, value)) * 100 / aim)
    return Compared(shown, goal.source, goal.by.name if goal.by is not None else "", reached)


def may_set(reach: Reach, entry: Entry) -> bool:
    """Whether the person may enter goals: whoever reports or reviews the figures."""
    hands = (Stage.REPORTED, Stage.REVIEWED)
    return any(rights.may_enter(reach, entry.collection, entry.centre, one) for one in hands)


def set_goal(
    reach: Reach | None, entry: Entry, indicator: str, year: int, text: str, source: str
) -> Goal:
    """Enters what the plan aims at for a value, in the indicator's unit; empty takes it back.

    Raises MayNot, and EvaluationError for what is no value, or when the source is not named.
    """
    if reach is not None and not may_set(reach, entry):
        raise MayNot(
            "只有填报或审核该中心数据的人员可以登记计划目标",
            "only those who report or review these figures may enter goals",
        )
    fields = fields_of(entry.collection, Stage.REVIEWED)
    one = fields.get(indicator)
    if one is None or one.type != "number" or year not in years_of(entry.collection):
        raise EvaluationError("该指标不能设目标", "no goal can be set for this")
    if not source.strip():
        raise EvaluationError(
            "请写明目标出自哪份方案的哪一处", "say in which plan, and where, the goal stands"
        )
    value = None
    if text.strip():
        try:
            given = from_text(one, text)
            if given is not None:
                value = Decimal(shown_value(one, whole(indicator, one, given)))
        except Bilingual as error:
            raise Unreadable(Text(error.zh, error.en)) from None
    return Goal.objects.create(
        centre=entry.centre,
        indicator=indicator,
        year=year,
        value=value,
        unit=one.unit or "",
        source=source.strip()[:300],
        at=clock.now(),
        by=reach.user if reach is not None else None,
    )


class Unreadable(EvaluationError):
    """A value that cannot be read; `text` says why."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.zh, text.en)
