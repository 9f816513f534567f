"""What lists read of a centre without folding it: its title, its place in pinyin order, the stages
that the calendar alone will bring."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Case, CharField, DateField, F, Q, When

from banfa.office.ledger.models import Centre
from banfa.rules import names as name_rules
from banfa.rules.history import Editions
from banfa.rules.life import State
from banfa.rules.names import CurrentNames
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text


def write(centre: Centre, editions: Editions, rs: Ruleset, state: State, on: dt.date) -> None:
    """Writes into a centre's row (not saved) what lists read, as it is on the day of its last act.

    The spelling is made only for a new title: it takes long and loads a large table.
    """
    named = name_rules.current(rs.programme, state, on)
    title = name_of(centre, rs, state, named)
    if title.zh[:400] != centre.title_zh or not centre.sort_key:
        centre.sort_key, centre.initials = spelled(title.zh)
    centre.title_zh, centre.title_en = title.zh[:400], title.en[:400]
    centre.subject = (subject(rs, state) or "")[:400]
    ahead = stages_ahead(editions, state, on)[:2]
    padded: list[Any] = [*ahead, (None, None), (None, None)]
    (centre.next_from, centre.next_stage), (centre.then_from, centre.then_stage) = padded[:2]
    centre.ends = min((p.end for p in state.periods.values() if not p.closed), default=None)


def spelled(title: str) -> tuple[str, str]:
    """A title in pinyin for sorting, syllables apart, and the first letters of its syllables."""
    from pypinyin import Style, lazy_pinyin

    syllables = lazy_pinyin(title[:400].lower(), style=Style.NORMAL)
    words = [w for w in (s.strip() for s in syllables) if w]
    letters = "".join(w[0] for w in words if w[0].isalnum())
    return " ".join(words)[:400], letters[:120]


def stages_ahead(editions: Editions, state: State, on: dt.date) -> list[tuple[dt.date, str | None]]:
    """The changes of stage that no act brings: each with the first day of the new stage.

    They come from a period's end, or from a transition that a later edition declares.
    """
    if state.stage is None:
        return []
    moves = sorted(t.on for rs in editions.rulesets for t in rs.programme.transitions if t.on > on)
    days = set(moves) | _day_after_each_period(state)
    for day in moves:
        days |= _day_after_each_period(_carried(editions, state, day))
    found: list[tuple[dt.date, str | None]] = []
    before: str | None = state.stage
    for day in sorted(days):
        later = _carried(editions, state, day) if moves and day >= moves[0] else state
        stage = editions.of(later, day).stage_on(later, day)
        if stage != before:
            found.append((day, stage))
            before = stage
    return found


def _day_after_each_period(state: State) -> set[dt.date]:
    ends = (p.end for p in state.periods.values() if p.end < dt.date.max)
    return {end + dt.timedelta(days=1) for end in ends}


def _carried(editions: Editions, state: State, day: dt.date) -> State:
    later = state.copy()
    editions.carry(later, day)
    return later


# --- asking ---------------------------------------------------------------------------------------


def in_stage(stage: str, on: dt.date) -> Q:
    """The condition for centres that are in a stage on a day (not before their last act)."""
    not_yet, not_then = _not_by("next_from", on), _not_by("then_from", on)
    return (
        Q(stage=stage) & not_yet
        | Q(next_stage=stage, next_from__lte=on) & not_then
        | Q(then_stage=stage, then_from__lte=on)
    )


def _not_by(name: str, on: dt.date) -> Q:
    return Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__gt": on})


def stage_on(on: dt.date) -> Case:
    """The stage on a day, as an expression on centres."""
    return Case(
        When(then_from__lte=on, then=F("then_stage")),
        When(next_from__lte=on, then=F("next_stage")),
        default=F("stage"),
        output_field=CharField(null=True),
    )


def since_on(on: dt.date) -> Case:
    """The first day of the stage on a day, as an expression on centres."""
    return Case(
        When(then_from__lte=on, then=F("then_from")),
        When(next_from__lte=on, then=F("next_from")),
        default=F("stage_since"),
        output_field=DateField(null=True),
    )


# --- names ----------------------------------------------------------------------------------------


def name_of(centre: Centre, rs: Ruleset, state: State, named: CurrentNames) -> Text:
    """What to call a centre: its name; or its field and programme while it has none; or its id."""
    short = rs.programme.short
    known = subject(rs, state)
    zh = named.zh or (f"{known}（{short.zh}）" if known else centre.id)
    en = named.en or named.zh or (f"{known} ({short.en})" if known else centre.id)
    return Text(zh, en)


def subject(rs: Ruleset, state: State) -> str | None:
    """What a centre without a name is about: the first fact its names will be made of."""
    for form in rs.programme.names.values():
        for place in name_rules.places(form.zh or form.en or ""):
            if state.values.get(place):
                return str(state.values[place])
    return None
