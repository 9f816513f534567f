"""What a trial run tried: its thresholds and weights beside those of the round, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from banfa.office.desk.language import say
from banfa.office.desk.round_frame import grade_words
from banfa.office.evaluations import tables
from banfa.office.evaluations.models import Run, ThresholdSetting
from banfa.office.evaluations.rounds import Round
from banfa.office.evaluations.systems import system_of
from banfa.rules.system import GradeFrom, Quota, System, Thresholds

Pair = tuple[str, str, str]
"""What differs, as the round has it, as the trial has it."""


def tried(one: Round, made: Run, settings: Sequence[ThresholdSetting]) -> list[str]:
    """How a dry run differs from the round as it stood then, each difference in a line; nothing for
    a run in earnest. `settings` are the round's thresholds, the latest first."""
    if not made.dry or one.collection is None:
        return []
    system = system_of(one.collection.system)
    then = next((s for s in settings if s.at <= made.at), None)
    before = tables.thresholds(then.text) if then is not None else None
    after = tables.thresholds(made.thresholds)
    pairs = [*_lines(one, system, before, after), *_weights(system, made)]
    return [f"{what} {was or '—'} → {now or '—'}" for what, was, now in pairs if was != now]


def _weights(system: System, made: Run) -> Iterator[Pair]:
    for name, weight in made.weights.items():
        indicator = system.indicators[name]
        yield (
            _("权数：%(name)s") % {"name": say(indicator.name)},
            f"{indicator.weight:f}" if indicator.weight is not None else "",
            str(weight),
        )


def _lines(
    one: Round, system: System, before: Thresholds | None, after: Thresholds | None
) -> Iterator[Pair]:
    """Where the grades begin and what else they ask, grade by grade, then what gates do."""
    sides = [{g.grade: g for g in side.grades} if side is not None else {}
             for side in (before, after)]  # fmt: skip
    for grade in dict.fromkeys([*sides[0], *sides[1]]):
        yield from _grade(one, system, sides[0].get(grade), sides[1].get(grade), grade)
    caps = [_caps(one, system, side) for side in (before, after)]
    for name in dict.fromkeys([*caps[0], *caps[1]]):
        yield name, caps[0].get(name, ""), caps[1].get(name, "")


def _grade(
    one: Round, system: System, before: GradeFrom | None, after: GradeFrom | None, grade: str
) -> Iterator[Pair]:
    name = grade_words(one, grade)
    sides = [_asks(system, side) for side in (before, after)]
    for what in dict.fromkeys([*sides[0], *sides[1]]):
        yield f"{name}{what}", sides[0].get(what, ""), sides[1].get(what, "")


def _asks(system: System, grade: GradeFrom | None) -> dict[str, str]:
    """What a grade asks: '' for its score, the groups with least points, and its quota."""
    if grade is None:
        return {}
    made = {"": f"{grade.from_:f}" if grade.from_ is not None else ""}
    for group, least in grade.floors.items():
        asked = _("（%(group)s底线）") % {"group": say(system.groups[group].name)}
        made[asked] = f"{least:f}"
    if grade.quota is not None:
        made[_("名额")] = quota_words(grade.quota)
    return made


def quota_words(quota: Quota) -> str:
    """A quota in short words: how many, and what becomes of equals."""
    size = f"{quota.share:f}%" if quota.share is not None else str(quota.number)
    ties = _("并列者均计入") if quota.ties == "in" else _("并列者均不计入")
    return _("%(size)s（%(ties)s）") % {"size": size, "ties": ties}


def _caps(one: Round, system: System, side: Thresholds | None) -> dict[str, str]:
    """The best grade of who fails a gate, by the gate in words."""
    if side is None:
        return {}
    made = {_("否决的最高等级"): grade_words(one, side.veto)} if side.veto else {}
    for name, grade in side.limits.items():
        asked = {"name": say(system.indicators[name].name)}
        made[_("“%(name)s”限定的最高等级") % asked] = grade_words(one, grade)
    return made
