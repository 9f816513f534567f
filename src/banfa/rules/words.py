"""Terms, tests and values in words: the catalogue behind findings, in Chinese and English."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from banfa.rules import builtin
from banfa.rules import programme as p
from banfa.rules.terms import UNKNOWN, Ctx, expand


@dataclass(slots=True, frozen=True)
class Text:
    """A short text in both languages."""

    zh: str
    en: str

    def __add__(self, other: Text) -> Text:
        return Text(self.zh + other.zh, self.en + other.en)


_PARTIAL = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")


def stated_day(stated: str) -> Text:
    """A beginning as an existing centre's entry states it: 2016-06 is 2016年6月; '' is unknown."""
    if not stated:
        return Text("不详（补录）", "unknown (existing centre)")
    found = _PARTIAL.fullmatch(stated)
    if found is None:
        return Text(stated, stated)
    month = f"{int(found[2])}月" if found[2] else ""
    return Text(f"{found[1]}年{month}", stated)


def words(w: p.Words | None) -> Text:
    """A declared pair of words as a text."""
    return Text(w.zh, w.en) if w is not None else Text("", "")


COMPARE: dict[str, Text] = {
    "is_": Text("为", "is "),
    "is_not": Text("不为", "is not "),
    "in_": Text("为下列之一：", "is one of "),
    "not_in": Text("不为下列任何一项：", "is none of "),
    "contains": Text("含有", "contains "),
    "contains_all": Text("含有全部：", "contains all of "),
    "equals": Text("等于", "equals "),
    "differs_from": Text("不同于", "differs from "),
    "member_of": Text("在其中：", "is among "),
    "covers": Text("包括全部：", "covers all of "),
    "at_least": Text("不少于", "is at least "),
    "at_most": Text("不超过", "is at most "),
    "above": Text("大于", "is above "),
    "below": Text("少于", "is below "),
    "on_or_before": Text("不晚于", "is on or before "),
    "on_or_after": Text("不早于", "is on or after "),
    "before": Text("早于", "is before "),
    "after": Text("晚于", "is after "),
}


def test(programme: p.Programme, t: p.Test, act: str | None = None) -> Text:
    """A test as a statement."""
    said = getattr(t, "says", None)
    if isinstance(said, p.Words):
        return words(said)
    kind = t.kind
    if kind in p.COMPARATORS:
        subject = (
            Text(f"缺省项{t.parameter}的设定", f"the setting of {t.parameter}")
            if t.parameter
            else term(programme, t.value if t.value is not None else "act.on", act)
        )
        bound = getattr(t, kind)
        literal = kind in ("is_", "is_not", "in_", "not_in", "contains", "contains_all")
        given = declared_in(programme, act, t.value)
        shown = value(bound, given, programme=programme) if literal else term(programme, bound, act)
        return subject + Text("", " ") + COMPARE[kind] + shown
    return _STATEMENTS[kind](programme, t, act)


def _joined(programme: p.Programme, t: p.Test, act: str | None) -> Text:
    parts = [test(programme, s, act) for s in (t.all or t.any or [])]
    return either(parts, "；且", "; and ") if t.all else either(parts)


def _published(programme: p.Programme, t: p.Test, act: str | None) -> Text:
    assert t.published is not None
    name = act_name(programme, t.published.act)
    model = programme.acts.get(t.published.act)
    extra = [
        words(model.with_[w.field].name)
        for w in t.published.where
        if model is not None and w.field in model.with_
    ]
    matching = (
        Text("，且与其", ", matching its ") + either(extra, "、", ", ") + Text("相符", "")
        if extra
        else Text("", "")
    )
    return Text("已有“", "there is a '") + name + Text("”", "'") + matching


_STATEMENTS: dict[str, Callable[[Any, Any, Any], Text]] = {
    "all": _joined,
    "any": _joined,
    "not_": lambda pr, t, a: Text("并非：", "not: ") + test(pr, t.not_, a),
    "given": lambda pr, t, a: Text("已有：", "there is ") + term(pr, t.given, a),
    "done": lambda pr, t, a: Text("已办理：", "done: ") + act_name(pr, t.done),
    "flag": lambda pr, t, a: Text("处于“", "'") + words(pr.flags.get(t.flag)) + Text("”", "'"),
    "open": lambda pr, t, a: Text("在办：", "open: ") + words(pr.procedures[t.open].name),
    "in_stage": lambda pr, t, a: (
        Text("处于：", "in ") + either([stage(pr, s) for s in ordered(pr, t.in_stage)])
    ),
    "results": lambda pr, t, a: (
        Text(f"最近{t.results.last}次评估结果均为", f"the last {t.results.last} result(s): ")
        + either([grade(pr, g) for g in t.results.grades])
    ),
    "published": _published,
    "every": lambda pr, t, a: term(pr, t.every.of, a) + Text("逐项齐备", " complete row by row"),
    "composition": lambda pr, t, a: (
        term(pr, t.composition.of, a) + Text("的组成符合要求", " is composed as required")
    ),
    "run": lambda pr, t, a: act_name(pr, t.run.act) + Text("逐期齐全", " on file for every term"),
    "listed": lambda pr, t, a: (
        term(pr, t.listed.who, a)
        + Text("在名单上：", " is on the list ")
        + _list_name(pr, t.listed.list)
    ),
    "exclusive": lambda pr, t, a: Text(
        "团队成员未承担其他在建平台任务", "no member of the team works for another platform"
    ),
    "name": lambda pr, t, a: Text("名称符合规定的格式", "the name has the prescribed form"),
    "choose": lambda pr, t, a: Text("事由成立", "the ground is established"),
}


def _list_name(programme: p.Programme, name: str) -> Text:
    declared_list = programme.lists.get(name)
    return words(declared_list) if declared_list is not None else Text(name, name)


def term(programme: p.Programme, t: Any, act: str | None = None) -> Text:
    """A term in words, such as `end of 筹建期 + 3 months`."""
    if isinstance(t, p.TermMap):
        return _computed(programme, t, act)
    if not isinstance(t, str):
        return value(t)
    if t == "act.on":
        return Text("办理日期", "the act's day")
    head, _, rest = t.partition(".")
    first, _, more = rest.partition(".")
    if head == "with":
        model = act_model(programme, act)
        given = model.with_.get(first) if model is not None else None
        name = words(given.name) if given is not None else Text(first, first)
        return name + Text(f"（{more}）", f" ({more})") if more and more != "org" else name
    if head == "centre" and first in programme.values:
        return words(programme.values[first].name)
    if head == "period" and first in programme.periods:
        side = Text("起始日", "start") if more == "start" else Text("结束日", "end")
        return words(programme.periods[first].name) + Text("", " ") + side
    if head == "role" and first in programme.parties:
        attribute = {
            "kind": Text("的类型", "'s kind"),
            "place": Text("所在地", "'s place"),
        }.get(more, Text("", ""))
        return words(programme.parties[first].name) + attribute
    if head in ("last", "first", "count", "sum", "programme"):
        return _history_term(programme, head, rest)
    if head == "result":
        when = Text("最近一次", "the last ") if first == "last" else Text("上一次", "the previous ")
        what = Text("评估结果", "result") if more == "grade" else Text("评估日期", "result's day")
        return when + what
    if head == "case" and t not in _FIXED:
        return _kept(programme, first) or Text(first, first)
    if head == "parameter" and first in programme.parameters:
        return words(programme.parameters[first].name)
    return _FIXED.get(t, Text(t, t))


def _kept(programme: p.Programme, name: str) -> Text | None:
    """The name of the input that cases keep under this name."""
    for model in programme.acts.values():
        kept = [model.opens.keep] if model.opens is not None else []
        for source in (k.get(name) for k in (*kept, *(e.keep for e in model.then))):
            if isinstance(source, str) and source.startswith("with."):
                return words(model.with_[source.split(".")[1]].name)
    return None


def _history_term(programme: p.Programme, head: str, rest: str) -> Text:
    if head == "programme":
        head, _, rest = rest.partition(".")
    kind, _, name = rest.partition(".")
    act = act_name(programme, kind)
    if head == "count":
        return Text("“", "times of '") + act + Text("”的次数", "'")
    model = act_model(programme, kind)
    given = words(model.with_[name].name) if model and name in model.with_ else None
    if head == "sum":
        return Text("“", "sum of '") + act + Text("”累计", "' ") + (given or Text(name, name))
    what = given or Text("的日期", "day")
    return Text("“", "'") + act + Text("”", "' ") + what


_FIXED = {
    "by.kind": Text("办理单位的类型", "the acting body's kind"),
    "by.place": Text("办理单位所在地", "the acting body's place"),
    "by.org": Text("办理单位", "the acting body"),
    "by": Text("办理单位", "the acting body"),
    "centre.class": Text("中心类别", "the centre's class"),
    "centre.since": Text("本阶段起始日", "the start of this stage"),
    "case.opened": Text("本件立案日", "the day this case was opened"),
    "case.key": Text("本件所属年度或轮次", "this case's year or round"),
    "duty.year": Text("所属年度", "the year covered"),
}


def _computed(programme: p.Programme, t: p.TermMap, act: str | None) -> Text:
    if t.from_ is not None:
        text = term(programme, t.from_, act)
        times = term(programme, t.times, act) if t.times is not None else None
        by = Text(" × ", " × ") + times if times is not None else Text("", "")
        if t.plus is not None:
            text = text + Text(" + ", " + ") + span(t.plus) + by
        return text + Text(" - ", " - ") + span(t.minus) if t.minus is not None else text
    if t.last_day is not None:
        year = _year(programme, t.last_day.year, act)
        month = t.last_day.month
        return Text(f"{year.zh}的{month}月末日", f"the last day of month {month} of {year.en}")
    if t.year_of is not None:
        return term(programme, t.year_of, act) + Text("所在年份", "'s year")
    joins = {
        "sum": (" + ", t.sum),
        "difference": (" - ", t.difference),
        "product": (" × ", t.product),
    }
    for sign, parts in joins.values():
        if parts is not None:
            return either([term(programme, v, act) for v in parts], sign, sign)
    if t.size is not None:
        return term(programme, t.size, act) + Text("的个数", " (number)")
    dates = t.latest or t.earliest or []
    which = (
        Text("下列最晚者：", "the latest of ") if t.latest else Text("下列最早者：", "earliest of ")
    )
    return which + either([term(programme, v, act) for v in dates], "、", ", ")


def _year(programme: p.Programme, t: Any, act: str | None) -> Text:
    """A year inside a date: `x + 1` reads as the year after x."""
    if isinstance(t, p.TermMap) and t.sum is not None and t.sum[1:] == [1]:
        base = term(programme, t.sum[0], act)
        return Text(f"{base.zh}的次年", f"the year after {base.en}")
    text = term(programme, t, act)
    return Text(f"（{text.zh}）", f"({text.en})") if isinstance(t, p.TermMap) else text


def span(s: Any) -> Text:
    """A length of time in words."""
    zh, en = [], []
    for number, unit_zh, unit_en in (
        (s.years, "年", "year"),
        (s.months, "个月", "month"),
        (s.days, "日", "day"),
        (s.working_days, "个工作日", "working day"),
    ):
        if number:
            zh.append(f"{number}{unit_zh}")
            en.append(f"{number} {unit_en}{'s' if number > 1 else ''}")
    return Text("".join(zh), " ".join(en))


def value(v: Any, given: p.Input | None = None, x: Ctx | None = None, **more: Any) -> Text:
    """A value as shown to people: options and kinds by their names."""
    programme = more.get("programme") or (x.programme if x is not None else None)
    if v is UNKNOWN or v is None:
        return Text("未有", "nothing on file")
    if isinstance(v, bool):
        return Text("是" if v else "否", "yes" if v else "no")
    if isinstance(v, (list, tuple)):
        return either([value(i, given, x, **more) for i in v], "、", ", ")
    if isinstance(v, dict):
        if v.get("name") or v.get("org"):
            return Text(*[str(v.get("name") or v.get("org"))] * 2)
        columns = given.columns or {} if given is not None else {}
        cells = [value(cell, columns.get(name), x, **more) for name, cell in v.items()]
        return either(cells, "、", ", ")
    if given is not None and given.options and v in given.options:
        return words(given.options[v])
    if programme is not None and isinstance(v, str):
        if v in programme.kinds:
            return words(programme.kinds[v])
        if programme.evaluation is not None and v in programme.evaluation.grades:
            return grade(programme, v)
        if v in programme.classes:
            return words(programme.classes[v].name)
    return Text(str(v), str(v))


def declared(x: Ctx, subject: Any) -> p.Input | None:
    return declared_in(x.programme, x.act.kind if x.act else None, subject)


def declared_in(programme: p.Programme, act: str | None, subject: Any) -> p.Input | None:
    """The input whose options a reference's values come from, also through `set`."""
    if not isinstance(subject, str):
        return None
    head, _, rest = subject.partition(".")
    name = rest.split(".")[0]
    if head == "with":
        model = act_model(programme, act)
        return model.with_.get(name) if model is not None else None
    for model in programme.acts.values():
        kept = [e.set for e in model.then] if head == "centre" else [e.keep for e in model.then]
        if head == "case" and model.opens is not None:
            kept.append(model.opens.keep)
        for source in (k.get(name) for k in kept if head in ("centre", "case")):
            if isinstance(source, str) and source.startswith("with."):
                return model.with_.get(source.split(".")[1])
    return None


def act_model(programme: p.Programme, act: str | None) -> p.Act | None:
    """The act of that id, also one made from a register."""
    if act is None:
        return None
    if act in programme.acts:
        return programme.acts[act]
    register = programme.registers.get(act.removeprefix("record_"))
    return builtin.register_act(register) if register is not None else None


def act_name(programme: p.Programme, kind: str) -> Text:
    if kind in programme.acts:
        return words(programme.acts[kind].name)
    register = programme.registers.get(kind.removeprefix("record_"))
    return words(register.name) if register is not None else Text(kind, kind)


def party(programme: p.Programme, name: str) -> Text:
    """A party's name."""
    if name == "anyone":
        return Text("原办理单位", "whoever took the act")
    model = programme.parties.get(name)
    return words(model.name) if model is not None else Text(name, name)


def parties(programme: p.Programme, which: list[str]) -> Text:
    return either([party(programme, n) for n in which])


def kind_name(programme: p.Programme, kind: Any) -> Text:
    model = programme.kinds.get(kind)
    return words(model) if model is not None else Text(str(kind), str(kind))


def stage(programme: p.Programme, name: str | None) -> Text:
    """A stage's name."""
    if name is None or name == "none":
        return Text("尚未设立", "not begun")
    return words(programme.stages[name].name)


def ordered(programme: p.Programme, which: list[str]) -> list[str]:
    wanted = expand(programme, which)
    ordered = [n for n in programme.stages if n in wanted]
    return (["none"] if None in wanted else []) + ordered


def grade(programme: p.Programme, grade: str) -> Text:
    scheme = programme.evaluation
    if scheme is not None and grade in scheme.grades:
        return words(scheme.grades[grade].name)
    return Text(grade, grade)


def either(parts: list[Text], zh: str = "或", en: str = " or ") -> Text:
    return Text(zh.join(t.zh for t in parts), en.join(t.en for t in parts))
