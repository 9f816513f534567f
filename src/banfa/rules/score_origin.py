"""How a centre's figures and grade came about, in words, so that the arithmetic can be redone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from banfa.rules.figures import Figure, Figures, Table
from banfa.rules.score_words import value_in_words
from banfa.rules.scoring import Scores, held_back
from banfa.rules.system import Derived, Indicator, System
from banfa.rules.words import Text, words

NOTHING = Text("", "")
OVER = {
    "last": Text("取最后一年", "the last year counts"),
    "sum": Text("取合计", "their sum counts"),
    "mean": Text("取平均", "their mean counts"),
}
SIGNS = {"sum": " + ", "difference": " − ", "ratio": " ÷ ", "per_head": " ÷ ", "share": " ÷ "}
ROUNDED = {
    "half_up": Text("四舍五入", "halves up"),
    "half_even": Text("四舍六入五成双", "halves to the even neighbour"),
    "down": Text("直接舍去尾数", "cut off"),
}
AT = {
    "indicator": Text("逐项", "for each indicator"),
    "group": Text("逐组", "for each group"),
    "total": Text("仅就总分", "for the total alone"),
}


def origins(system: System, made: Table, centre: str) -> dict[str, Text]:
    """How each of a centre's figures came about, by indicator: of several years which and how they
    were put together, of a derived one the operation and its operands. Those that stand as they
    were entered are left out. Raises ValueError for a centre that is not in the table."""
    at = made.centres.index(centre)
    figures = Figures(system, _alone(made, at))
    found = {name: _origin(figures, name, one) for name, one in system.indicators.items()}
    return {name: text for name, text in found.items() if text != NOTHING}


def _alone(made: Table, at: int) -> Table:
    """One centre's part of a table."""
    here = slice(at, at + 1)
    return Table(
        made.centres[here],
        made.years,
        {n: values[:, here] for n, values in made.values.items()},
        {n: there[:, here] for n, there in made.present.items()},
        {n: of[here] for n, of in made.classes.items()},
    )


def _origin(figures: Figures, name: str, one: Indicator) -> Text:
    years = figures.table.years
    derived = one.derived
    if derived is None:
        if len(years) == 1:
            return NOTHING
        return _years(figures, one, [_told(one, f) for f in figures.series(name)])
    if derived.growth is not None:
        return _growth(figures, derived.growth.of) + _equals(one, figures.of(name))
    if derived.years == "whole":
        parts = [(n, figures.of(n)) for n in derived.operands]
        return _operation(figures, derived, parts, True) + _equals(one, figures.of(name))
    each = [
        _operation(figures, derived, [(n, figures.series(n)[at]) for n in derived.operands])
        + _equals(one, made)
        for at, made in enumerate(figures.series(name))
    ]
    return _years(figures, one, each) if len(years) > 1 else each[0]


def _years(figures: Figures, one: Indicator, each: list[Text]) -> Text:
    """What stands for each year, and how the years became one figure."""
    years = figures.table.years
    told = [Text(f"{y} 年 {t.zh}", f"{y}: {t.en}") for y, t in zip(years, each, strict=True)]
    if one.over == "last":
        # The years before do not count: naming them would only be in the way.
        told = told[-1:]
    joined = Text("；".join(t.zh for t in told), "; ".join(t.en for t in told))
    return joined + Text("；", "; ") + OVER[one.over]


def _operation(
    figures: Figures, derived: Derived, parts: list[tuple[str, Figure]], whole: bool = False
) -> Text:
    sign = SIGNS[derived.operation]
    made = []
    for name, figure in parts:
        one = figures.system.indicators[name]
        how = _how(one, len(figures.table.years)) if whole else NOTHING
        made.append(words(one.name) + how + Text(" ", " ") + _told(one, figure))
    return Text(sign.join(t.zh for t in made), sign.join(t.en for t in made))


def _how(one: Indicator, years: int) -> Text:
    """Of which years an operand's own figure is."""
    if years == 1 or (one.derived is not None and one.derived.years == "whole"):
        return NOTHING
    return {
        "last": Text("（最后一年）", " (last year)"),
        "sum": Text(f"（{years} 年合计）", f" (sum of {years} years)"),
        "mean": Text(f"（{years} 年平均）", f" (mean of {years} years)"),
    }[one.over]


def _growth(figures: Figures, name: str) -> Text:
    one, years = figures.system.indicators[name], figures.table.years
    series = figures.series(name)
    first, last = _told(one, series[0]), _told(one, series[-1])
    title = words(one.name)
    return Text(
        f"{title.zh}：（{years[-1]} 年 {last.zh} − {years[0]} 年 {first.zh}）÷ {first.zh}",
        f"{title.en}: ({years[-1]}: {last.en} − {years[0]}: {first.en}) ÷ {first.en}",
    )


def _equals(one: Indicator, figure: Figure) -> Text:
    return Text(" = ", " = ") + _told(one, figure)


def _told(one: Indicator, figure: Figure) -> Text:
    """A centre's value of one year, or that it is missing."""
    if figure.there is not None and not figure.there[0]:
        return Text("缺", "missing")
    value = value_in_words(one, int(figure.column.values[0]))
    if figure.zeroed is not None and figure.zeroed[0]:
        return value + Text("（缺数以零计）", " (missing, counts as zero)")
    return value


# --- the total and the grade --------------------------------------------------------------------


def total_in_words(system: System) -> Text:
    """How the total is put together: where points are rounded, and the most that is added or taken
    off."""
    rounding = system.rounding
    at, mode = AT[rounding.at], ROUNDED[rounding.mode]
    made = Text(
        f"分数{at.zh}保留 {rounding.places} 位小数，{mode.zh}",
        f"points are kept to {rounding.places} places {at.en}, {mode.en}",
    )
    if system.bonus_at_most is not None:
        most = system.bonus_at_most
        made = made + Text(f"；加分合计至多 {most} 分", f"; bonuses add at most {most}")
    if system.deduction_at_most is not None:
        most = system.deduction_at_most
        made = made + Text(f"；扣分合计至多 {most} 分", f"; at most {most} are taken off")
    return made


def why_not_better(scores: Scores, centre: str, named: Callable[[str], Text]) -> list[Text]:
    """Why a centre did not get the grades whose score it reached, the best first, in sentences:
    least points of a group, gates, quotas. `named` puts a grade's id in words. Raises KeyError."""
    place = scores.at(centre)
    return [
        Text(f"总分达到{n.zh}的起始分，未评为{n.zh}：{w.zh}",
             f"the total reaches {n.en}, but {w.en}")
        for held in held_back(scores, place)
        for n in [named(held.grade)]
        for w in [_because(list(_reasons(scores, held.floors, held.gates, held.quota)))]
    ]  # fmt: skip


def _because(reasons: list[Text]) -> Text:
    return Text("；".join(r.zh for r in reasons), "; ".join(r.en for r in reasons))


def _reasons(
    scores: Scores, floors: list[tuple[str, Decimal, Decimal]], gates: list[str], quota: int | None
) -> Iterator[Text]:
    system = scores.scheme.system
    for group, got, least in floors:
        name = words(system.groups[group].name)
        yield Text(
            f"{name.zh}得 {got} 分，低于该等级的底线 {least} 分",
            f"{name.en} has {got} points, below the least of {least}",
        )
    for gate in gates:
        one = system.indicators[gate]
        ground = words(one.gate.ground if one.gate is not None else one.name)
        yield Text(f"{ground.zh}（{one.code}），等级受限", f"{ground.en} ({one.code}): limited")
    if quota is not None:
        yield Text(
            f"达到条件的中心多于名额（{quota} 家），按得分未能列入",
            f"more centres meet it than its quota of {quota} takes",
        )
