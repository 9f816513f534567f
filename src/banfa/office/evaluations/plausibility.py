"""What figures leave open: values that are missing, and those that ask for a reason."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from banfa.office.evaluations import yearly as reported
from banfa.office.evaluations.errors import Problem
from banfa.office.evaluations.models import Collection, Entry, Figure, Kind, Stage
from banfa.office.evaluations.systems import scheme_of, system_of, years_of
from banfa.office.evaluations.yearly import Held
from banfa.rules.score_words import shown_value, with_unit
from banfa.rules.system import Difference, Indicator, Share, System
from banfa.rules.units import unit
from banfa.rules.words import Text


def gaps(entry: Entry) -> list[Problem]:
    """The values that must be there and are not: those whose absence blocks the total.

    What is shown and not scored may be left out, unless something scored is derived from it. Values
    that experts or the verifying party find are not asked of whoever reports. One that is missing
    for a reason that is given is no gap: nothing blocks what can be explained.
    """
    held = {(f.indicator, f.year): f for f in entry.figures.all()}
    known, found = system_of(entry.collection.system).indicators, []
    for name, year in needed(entry.collection):
        one, figure = known[name], held.get((name, year))
        if figure is None or (figure.at(Stage.VERIFIED) is None and not figure.reason):
            zh = f"{one.name.zh}（{one.code}）{year} 年缺数，请填写；确无此数的，请说明原因"
            en = f"{one.name.en} ({one.code}): no value for {year}; fill it in, or say why"
            found.append(Problem(name, year, Text(zh, en)))
    return found


def needed(collection: Collection) -> list[tuple[str, int]]:
    """The values, by indicator and year, that whoever reports must fill in or account for."""
    system, years = system_of(collection.system), years_of(collection)
    every = _needs_all(system)
    return [
        (name, year)
        for name, one in required(system, scheme_of(collection).occasion).items()
        for year in (years if one.over != "last" or name in every else years[-1:])
    ]


def required(system: System, occasion: str) -> dict[str, Indicator]:
    """The indicators that whoever reports must fill in."""
    entered = system.entered("confirmation" if occasion == "confirmation" else "evaluation")
    needed = {
        operand
        for one in system.indicators.values()
        if one.derived is not None and one.role != "shown" and one.missing == "blocks"
        for operand in one.derived.operands
    }
    return {
        name: one
        for name, one in entered.items()
        if one.missing == "blocks"
        and one.type == "number"
        and (one.role in ("scored", "bonus", "deduction") or name in needed)
    }


def _needs_all(system: System) -> set[str]:
    """The indicators of which every year counts, through what is derived from them."""
    found: set[str] = set()
    for one in system.indicators.values():
        if one.derived is not None and (one.over != "last" or one.derived.growth is not None):
            found |= set(one.derived.operands)
    return found


def asks(entry: Entry, yearly: Held | None = None) -> list[Problem]:
    """The figures that ask for a reason and have none.

    They are jumps from the year before, parts larger than their whole, sums that are not what is
    added up, differences below zero, shares above 100 %, and values of a round that are not those
    of the yearly report on the same year.

    `yearly` is what the centre's yearly reports have (`yearly.of`), if it was read already.
    """
    system = system_of(entry.collection.system)
    held: Held = {(f.indicator, f.year): f for f in entry.figures.all()}
    if yearly is None:
        yearly = reported.of(entry)
    again = yearly if entry.collection.kind == Kind.ROUND else {}
    found = []
    for (name, year), figure in sorted(held.items()):
        one = system.indicators.get(name)
        value = figure.at(Stage.VERIFIED)
        if one is None or value is None or figure.reason:
            continue
        found += [
            Problem(name, year, text)
            for text in (
                *_jumps(one, year, value, reported.before(held, yearly, name, year)),
                *_otherwise(one, year, value, again.get((name, year))),
                *_parts(system, one, year, value, held),
                *_sums(system, one, year, value, held),
                *_shares(system, name, one, year, value, held),
            )
        ]
    return found


def _jumps(one: Indicator, year: int, value: int, before: Figure | None) -> Iterator[Text]:
    limit = one.plausible.change
    old = before.at(Stage.VERIFIED) if before is not None else None
    if limit is None or not old:
        return
    change = abs(Fraction(value - old, abs(old))) * 100
    if change > limit:
        was, now = (with_unit(shown_value(one, v), one) for v in (old, value))
        told = f"{Decimal(round(change))}%"
        yield Text(
            f"{one.name.zh} {year} 年比上年变动 {told}（{was.zh} → {now.zh}），请说明理由",
            f"{one.name.en} changed by {told} in {year} ({was.en} → {now.en}): give a reason",
        )


def _otherwise(one: Indicator, year: int, value: int, report: Figure | None) -> Iterator[Text]:
    """A value that is not the yearly report's on the same year."""
    told = report.at(Stage.VERIFIED) if report is not None else None
    if told is None or told == value or one.type != "number":
        return
    own, other = (with_unit(shown_value(one, v), one) for v in (value, told))
    yield Text(
        f"{one.name.zh} {year} 年为 {own.zh}，该年年度报告为 {other.zh}，请核对或说明理由",
        f"{one.name.en} in {year} is {own.en}, and {other.en} in that year's report: check it, or"
        " give a reason",
    )


def _parts(system: System, one: Indicator, year: int, value: int, held: Held) -> Iterator[Text]:
    name = one.plausible.part_of
    figure = held.get((name, year)) if name is not None else None
    total = figure.at(Stage.VERIFIED) if figure is not None else None
    if name is None or total is None:
        return
    whole = system.indicators[name]
    if value * _size(one) > total * _size(whole):
        yield Text(
            f"{one.name.zh} {year} 年大于{whole.name.zh}，请核对或说明理由",
            f"{one.name.en} in {year} is more than {whole.name.en}: check it, or give a reason",
        )


def _sums(system: System, one: Indicator, year: int, value: int, held: Held) -> Iterator[Text]:
    """A total that is not what its parts come to; asked only when every part is there."""
    names = one.plausible.sum_of or []
    values = [_value(held, name, year) for name in names]
    if not names or any(part is None for part in values):
        return
    parts = [part for part in values if part is not None]
    total = sum(
        (part * _size(system.indicators[n]) for n, part in zip(names, parts, strict=True)),
        Fraction(0),
    )
    if total != value * _size(one):
        shown = total / _size(one)
        exact = Decimal(shown.numerator) / shown.denominator / 10**one.places
        told = with_unit(f"{exact:f}", one)
        zh = "、".join(system.indicators[n].name.zh for n in names)
        en = ", ".join(system.indicators[n].name.en for n in names)
        yield Text(
            f"{one.name.zh} {year} 年与{zh}的合计（{told.zh}）不符，请核对或说明理由",
            f"{one.name.en} in {year} is not the sum of {en} ({told.en}): check it, or give a"
            " reason",
        )


def _shares(
    system: System, name: str, one: Indicator, year: int, value: int, held: Held
) -> Iterator[Text]:
    """A share above 100 %, typed in or computed from this figure; a difference below zero."""
    if one.unit == "%" and value > 100 * 10**one.places and not one.plausible.change:
        yield Text(
            f"{one.name.zh} {year} 年超过 100%，请核对或说明理由",
            f"{one.name.en} in {year} is above 100%: check it, or give a reason",
        )
    for other in system.indicators.values():
        made = other.derived.share or other.derived.difference if other.derived else None
        if made is None or made.of != name:
            continue
        base = made.whole if isinstance(made, Share) else made.less
        against = _value(held, base, year)
        if against is None:
            continue
        left, right = value * _size(one), against * _size(system.indicators[base])
        if isinstance(made, Share) and left > right:
            yield Text(
                f"由此推算的{other.name.zh} {year} 年超过 100%，请核对或说明理由",
                f"{other.name.en} in {year}, computed from it, is above 100%: check it, or give a"
                " reason",
            )
        if isinstance(made, Difference) and left < right:
            yield Text(
                f"由此推算的{other.name.zh} {year} 年为负，请核对或说明理由",
                f"{other.name.en} in {year}, computed from it, is below zero: check it, or give a"
                " reason",
            )


def _value(held: Held, name: str, year: int) -> int | None:
    figure = held.get((name, year))
    return figure.at(Stage.VERIFIED) if figure is not None else None


def _size(one: Indicator) -> Fraction:
    return unit(one.unit or "1").size / int(10**one.places)
