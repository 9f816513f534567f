"""Scores in words: one line for every figure, from what a run keeps and its system."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from banfa.rules import exact
from banfa.rules.kernels import pieces
from banfa.rules.programme import Words
from banfa.rules.scoring import BLOCKED, NO_CLASS, UNSCORED, ZEROED, Scores
from banfa.rules.system import Indicator, Kernel
from banfa.rules.units import SINGULAR, unit
from banfa.rules.words import Text, words


@dataclass(slots=True, frozen=True)
class Explained:
    """Everything about one indicator's figure; `cite` is an article, else `guide` says where from.

    `said` is the whole in a sentence. `points` as they count in the total, below zero where they
    are taken off; `share` (percent of the weight) and `weight`, the most points there are. All None
    where nothing is scored, and `share` where points are taken off.
    """

    name: str
    code: str
    title: Text
    group: str
    role: str
    state: int
    value: Text
    band: Text
    rule: Text
    points: Decimal | None
    share: Decimal | None
    weight: Decimal | None
    cite: str | None
    guide: Text
    said: Text
    fails: Text | None


NOTHING = Text("", "")
_STATES = {
    ZEROED: Text("有缺数，按本指标体系以零计", "a value is missing and counts as zero here"),
    UNSCORED: Text("缺数，不得分", "missing, earns no points"),
    BLOCKED: Text("缺数，须补齐后才有总分", "missing: no total until it is there"),
    NO_CLASS: Text("中心所属类别未定，无法计分", "the centre's class is not known: not scored"),
}


def explain(scores: Scores, centre: str, name: str) -> Explained:
    """One indicator's figure of one centre, explained. Raises KeyError."""
    at = scores.at(centre)
    return _explained(scores, at, name)


def sheet(scores: Scores, centre: str) -> list[Explained]:
    """Every figure of a centre, explained, in the order of the system. Raises KeyError."""
    at = scores.at(centre)
    return [_explained(scores, at, name) for name in scores.lines]


def _explained(scores: Scores, at: int, name: str) -> Explained:
    one, line = scores.scheme.indicators[name], scores.lines[name]
    state = int(line.state[at])
    value = value_in_words(one, int(line.figure[at])) if state <= ZEROED else Text("—", "—")
    kernel, band = _kernel(scores, one, at)
    grown = scores.scheme.grown.get(name, Fraction(1))
    rule = _rule(one, kernel, grown) if kernel is not None else NOTHING
    points = share = weight = None
    if line.points is not None:
        exactly = scores.points(name, at)
        points, weight = scores.shown(exactly), one.weight
        share = _percent(exactly / Fraction(one.weight or 1))
        if one.role == "deduction":
            # Nothing off is zero, not "minus zero".
            points, share = -points if points else points, None
    group = scores.scheme.system.groups[one.group]
    cite = one.cite or (one.gate.cite if one.gate is not None else None) or group.cite
    guide = words(one.guide or group.guide or scores.scheme.system.guide)
    fails = None
    if one.gate is not None and line.fails is not None and line.fails[at]:
        fails = words(one.gate.ground)
    said = _said(scores, one, name, at, value, points)
    return Explained(
        name, one.code, words(one.name), one.group, one.role, state, value, band, rule, points,
        share, weight, cite, guide, said, fails,
    )  # fmt: skip


def _percent(share: Fraction) -> Decimal:
    return Decimal(exact.round_to(share * 100, 2, "half_up")).scaleb(-2)


# --- values -------------------------------------------------------------------------------------


def shown_value(one: Indicator, scaled: int) -> str:
    """A number as it is written, to the indicator's places, without its unit."""
    return exact.written(scaled, one.places)


def value_in_words(one: Indicator, scaled: int) -> Text:
    """A value as it stands in the system (whole, scaled), in words with its unit."""
    if one.type == "yes_no":
        return Text("是", "yes") if scaled else Text("否", "no")
    if one.type == "grade" and one.kernel is not None:
        inner = next(iter(one.kernel.bands.values())) if one.kernel.bands else one.kernel
        return words(list((inner.graded or {}).values())[scaled].name)
    return with_unit(shown_value(one, scaled), one)


def with_unit(number: object, one: Indicator) -> Text:
    """A number with the indicator's unit."""
    if one.unit is None:
        return Text(str(number), str(number))
    known = unit(one.unit)
    gap = "" if one.unit == "%" else " "
    zh, en = known.in_words("zh"), known.in_words("en")
    return Text(f"{number}{gap}{zh}".rstrip(), f"{number}{gap}{en}".rstrip())


# --- kernels ------------------------------------------------------------------------------------


def _kernel(scores: Scores, one: Indicator, at: int) -> tuple[Kernel | None, Text]:
    """The kernel that holds for a centre, and the class it holds for."""
    kernel = one.kernel
    by = None
    if kernel is not None:
        by = kernel.by or (kernel.coefficient.by if kernel.coefficient is not None else None)
    if kernel is None or by is None:
        return kernel, NOTHING
    number = int(scores.classes[by][at])
    if number < 0:
        return (None if kernel.bands else kernel), NOTHING
    bands = scores.scheme.system.bands[by]
    name = list(bands.classes)[number]
    band = words(bands.name) + Text("：", ": ") + words(bands.classes[name])
    if kernel.coefficient is not None:
        factor = kernel.coefficient.values[name]
        band = band + Text(f"，系数 {factor}", f", coefficient {factor}")
    return (kernel.bands[name] if kernel.bands else kernel), band


def _rule(one: Indicator, kernel: Kernel, grown: Fraction) -> Text:
    """What a kernel does, in a sentence."""
    if kernel.linear is not None:
        basic, full = with_unit(kernel.linear.basic, one), with_unit(kernel.linear.full, one)
        base = kernel.linear.base
        text = Text(
            f"基本值 {basic.zh}（得权数的 {base}%），满分值 {full.zh}，其间按比例",
            f"basic value {basic.en} ({base}% of the weight), full value {full.en}, even between",
        )
        if kernel.linear.below == "in_proportion":
            return text + Text("，未达基本值按比例", ", below basic in proportion")
        return text + Text("，未达基本值不得分", ", below basic nothing")
    if kernel.steps is not None:
        return _steps(one, kernel, grown)
    if kernel.each is not None:
        points = _plain(kernel.each.points, grown)
        per = _per(one, kernel.each.per)
        return Text(
            f"每{per.zh}计 {points} 分，至多 {one.weight} 分",
            f"{points} points for each {per.en}, at most {one.weight}",
        )
    zh = [f"{g.name.zh} {g.share}%" for g in (kernel.graded or {}).values()]
    en = [f"{g.name.en} {g.share}%" for g in (kernel.graded or {}).values()]
    return Text("评定等级：" + "，".join(zh), "graded: " + ", ".join(en))


def _per(one: Indicator, per: Decimal) -> Text:
    """`每家`, `每 10 家`: what the points are for."""
    if per != 1:
        number = with_unit(per, one)
        return Text(f" {number.zh}", number.en)
    if one.unit is None:
        return Text("有一项", "case")
    english = unit(one.unit).in_words("en")
    return Text(unit(one.unit).in_words("zh"), SINGULAR.get(english, english) or "one")


def _steps(one: Indicator, kernel: Kernel, grown: Fraction) -> Text:
    zh, en = [], []
    for step in kernel.steps or []:
        less = step.at_least is None
        bound = with_unit(step.at_most if less else step.at_least, one)
        points = _plain(step.points, grown)
        zh.append(f"{'不超过' if less else '达到'} {bound.zh}得 {points} 分")
        en.append(f"{'at most' if less else 'at least'} {bound.en}: {points}")
    return Text("分级：" + "；".join(zh), "steps: " + "; ".join(en))


def _plain(number: Decimal, grown: Fraction) -> str:
    if grown == 1:
        return str(number)
    whole = exact.round_to(Fraction(number) * grown, 4, "half_up")
    return exact.written(whole, 4).rstrip("0").rstrip(".")


def _said(
    scores: Scores, one: Indicator, name: str, at: int, value: Text, points: Decimal | None
) -> Text:
    """The way from the figure to the points, with the arithmetic."""
    line = scores.lines[name]
    state = int(line.state[at])
    before = words(one.name) + Text("：", ": ")
    if state >= UNSCORED:
        return before + _STATES[state]
    text = before + value
    if state == ZEROED:
        text = text + Text("（", " (") + _STATES[ZEROED] + Text("）", ")")
    if points is None or line.piece is None:
        return text
    return text + Text("；", "; ") + _arithmetic(scores, one, name, at) + _earned(one, points)


def _earned(one: Indicator, points: Decimal) -> Text:
    if one.role == "deduction":
        return Text(f"，扣 {abs(points)} 分", f": {abs(points)} points off")
    word = "加" if one.role == "bonus" else "得"
    return Text(f"，{word} {points} 分", f": {points} points")


def _arithmetic(scores: Scores, one: Indicator, name: str, at: int) -> Text:
    kernel, _ = _kernel(scores, one, at)
    line = scores.lines[name]
    assert kernel is not None and line.piece is not None
    row = pieces(one, kernel, Fraction(1))
    label = row[min(int(line.piece[at]), len(row) - 1)].label
    if label == "nothing":
        return Text("未达起点", "short of where points begin")
    if label == "full" and kernel.each is not None:
        return Text(f"达到上限 {one.weight} 分", f"reaches the limit of {one.weight}")
    if label == "full":
        return Text("达到满分要求", "reaches the full value")
    if label == "part":
        return Text("未达基本值，按比例计", "below basic, counted in proportion")
    if label.startswith("grade"):
        share = list((kernel.graded or {}).values())[int(label.split()[1])].share
        return Text(f"{one.weight} × {share}%", f"{one.weight} × {share}%")
    if label.startswith("step"):
        number = int(label.split()[1]) + 1
        return Text(f"达到第 {number} 级", f"reaches step {number}")
    figure = shown_value(one, int(line.figure[at]))
    grown = scores.scheme.grown.get(name, Fraction(1))
    if kernel.coefficient is not None:
        by = kernel.coefficient.by
        classes = list(scores.scheme.system.bands[by].classes)
        factor = kernel.coefficient.values[classes[int(scores.classes[by][at])]]
        figure = f"{figure} × {factor}"
    if kernel.each is not None:
        per = "" if kernel.each.per == 1 else f" ÷ {kernel.each.per}"
        sum_ = f"{figure}{per} × {_plain(kernel.each.points, grown)}"
        return Text(sum_, sum_)
    assert kernel.linear is not None
    basic, full, base = kernel.linear.basic, kernel.linear.full, kernel.linear.base
    sum_ = f"{one.weight} × [{base}% + (1 − {base}%) × ({figure} − {basic}) ÷ ({full} − {basic})]"
    return Text(sum_, sum_)


def label(name: Words, code: str) -> Text:
    """An indicator's code and name."""
    return Text(f"{code} {name.zh}", f"{code} {name.en}")
