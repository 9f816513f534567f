"""Findings in words: what was expected, what was seen, what would cure it and from which day.

One catalogue, Chinese and English, from the rule's kind and its parameters. A condition's own
`says` replaces the generated statement.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from banfa.rules import names
from banfa.rules import programme as p
from banfa.rules.terms import NOT, UNKNOWN, Compiler, Ctx, count_by, derive, expand, people

if TYPE_CHECKING:
    from banfa.rules.ruleset import Rule


@dataclass(slots=True, frozen=True)
class Text:
    """A short text in both languages."""

    zh: str
    en: str

    def __add__(self, other: Text) -> Text:
        return Text(self.zh + other.zh, self.en + other.en)


@dataclass(slots=True)
class Told:
    """How one finding is explained; `rebased` when a more specific basis applies."""

    says: Text
    seen: Text | None = None
    expected: Text | None = None
    cure: Text | None = None
    from_day: dt.date | None = None
    id: str | None = None
    code: str | None = None
    cite: str | None = None
    default: str | None = None
    rebased: bool = False


def words(w: p.Words | None) -> Text:
    """A declared pair of words as a text."""
    return Text(w.zh, w.en) if w is not None else Text("", "")


def rule(r: Rule, outcome: int, x: Ctx) -> Told:
    """What a finding of this rule says, in this context."""
    teller = _TELLERS.get(r.detail)
    told = teller(r, outcome, x) if teller is not None else _condition(r, outcome, x)
    says = getattr(r.source, "says", None)
    if isinstance(says, p.Words) and told.id is None:
        told.says = words(says)
    if outcome == NOT and told.cure is None and r.soft == "exception":
        told.cure = _exception_cure(x)
    return told


# --- the frame: force, actor, stage, case, input, document ---------------------------------------


def _in_force(r: Rule, outcome: int, x: Ctx) -> Told:
    force: p.InForce = r.source
    until = x.world.valid_until(force.until, x.on)
    span = Text(
        f"{force.from_}起" + (f"至{until}" if until else ""),
        f"from {force.from_}" + (f" to {until}" if until else ""),
    )
    early = x.on < force.from_
    cure = (
        Text(f"{force.from_}起可以办理", f"possible from {force.from_}")
        if early
        else Text("须先有延长有效期的记录", "an extension of validity must be on record first")
    )
    return Told(
        Text("办理日期须在有效期内", "the act's day lies within the regulation's force"),
        value(x.on),
        span,
        cure,
        force.from_ if early else None,
    )


def _actor(r: Rule, outcome: int, x: Ctx) -> Told:
    model: p.Act = r.source
    expected = _parties(x.programme, model.by)
    act = x.act
    seen = party(x.programme, act.party) if act is not None else Text("", "")
    told = Told(
        Text("由", "done by ") + expected + Text("办理", ""),
        seen,
        expected,
        Text("请由", "to be done by ") + expected + Text("办理", ""),
    )
    if act is None or outcome != NOT or act.party not in model.by:
        return told
    played = x.programme.parties.get(act.party)
    kind = act.org.get("kind")
    if played is not None and played.kinds and kind not in played.kinds:
        told.seen = _kind(x.programme, kind)
        told.expected = _or([_kind(x.programme, k) for k in played.kinds])
        told.cure = Text("须由下列类型的单位担任：", "must be one of: ") + told.expected
        if played.cite or played.default:
            told.cite, told.default, told.rebased = played.cite, played.default, True
    else:
        held = x.state.roles.get(act.party) or []
        who = "、".join(str(o.get("name") or o.get("org")) for o in held)
        told.seen = Text(*[str(act.org.get("name") or act.org.get("org"))] * 2)
        told.expected = Text(
            f"本中心的{party(x.programme, act.party).zh}：{who or '尚未确定'}",
            f"this centre's {party(x.programme, act.party).en}: {who or 'none yet'}",
        )
        told.cure = Text("请由", "to be done by ") + told.expected + Text("办理", "")
    return told


def _stage(r: Rule, outcome: int, x: Ctx) -> Told:
    model: p.Act = r.source
    programme = x.programme
    now = derive(programme)(x.state, x.on)
    if model.from_ is None:
        wanted = [n for n, s in programme.stages.items() if not s.terminal]
    else:
        wanted = [s or "none" for s in _ordered(programme, model.from_)]
    expected = _or([stage(programme, s) for s in wanted])
    told = Told(
        Text("中心处于下列阶段之一：", "the centre is in one of: ") + expected,
        stage(programme, now),
        expected,
    )
    special = model.elsewhere.get(now or "none")
    if outcome == NOT and special is not None:
        told.id, told.code = special.id, special.code
        told.says = words(special.says) if special.says else told.says
        if special.cite or special.default:
            told.cite, told.default, told.rebased = special.cite, special.default, True
    ends_it = now is not None and programme.stages[now].terminal
    if outcome == NOT and ends_it and now is not None and special is None:
        ended = programme.stages[now]
        if ended.cite or ended.default:
            told.cite, told.default, told.rebased = ended.cite, ended.default, True
    if outcome == NOT:
        told.from_day = _stage_day(x, wanted)
        told.cure = _stage_cure(x, wanted, told.from_day, ends_it)
    return told


def _stage_day(x: Ctx, wanted: list[str]) -> dt.date | None:
    """The day on which the calendar alone brings the centre into a wanted stage."""
    for name, model in x.programme.stages.items():
        if name in wanted and model.derived is not None and x.state.stage == model.derived.of:
            span = x.state.periods.get(model.derived.after.split(".")[1])
            if span is not None and x.on <= span.end:
                return span.end + dt.timedelta(days=1)
    return None


def _stage_cure(x: Ctx, wanted: list[str], day: dt.date | None, ended: bool) -> Text:
    if day is not None:
        return Text(f"{day}起可以办理", f"possible from {day}")
    if ended:
        return Text("中心资格已终止，无从补正", "the centre has ended; nothing cures this")
    leading = [
        a.name
        for a in x.programme.acts.values()
        if any(e.stage in wanted for e in a.then) and x.state.stage in _from(x, a)
    ]
    if leading:
        acts = _or([words(n) for n in leading[:3]])
        return Text("须先办理：", "first: ") + acts
    return Text("待中心进入上述阶段", "wait until the centre is in that stage")


def _from(x: Ctx, a: p.Act) -> frozenset[str | None]:
    return expand(x.programme, a.from_ or [])


def _case(r: Rule, outcome: int, x: Ctx) -> Told:
    about: p.About = r.source
    procedure = x.programme.procedures[about.case]
    steps = _or([words(procedure.steps[s].name) for s in about.at])
    says = words(procedure.name) + Text("已到步骤：", " has reached: ") + steps
    many = x.state.open_cases.get(about.case, [])
    if x.case is None and len(many) > 1:
        seen = Text(f"有{len(many)}件在办，未指明是哪一件", f"{len(many)} are open: say which")
        cure = Text("请指明所办的一件（about）", "say which one (about)")
        return Told(says, seen, steps, cure, code="UNKNOWN")
    seen = (
        words(procedure.steps[x.case.step].name)
        if x.case is not None
        else Text("没有在办的", "none is open")
    )
    leading = [
        words(a.name)
        for a in x.programme.acts.values()
        if (a.opens is not None and a.opens.case == about.case and a.opens.step in about.at)
        or (
            a.about is not None
            and a.about.case == about.case
            and any(e.step in about.at for e in a.then)
        )
    ]
    cure = Text("须先办理：", "first: ") + _or(leading) if leading else None
    return Told(says, seen, steps, cure)


def _input(r: Rule, outcome: int, x: Ctx) -> Told:
    given: p.Input = r.source
    name = words(given.name)
    return Told(
        Text("须填明：", "must be given: ") + name,
        Text("未填", "not given") if outcome == NOT else value(x.data.get(r.id), given),
        name,
        Text("请补填：", "give ") + name,
    )


def _rows(r: Rule, outcome: int, x: Ctx) -> Told:
    given: p.Input = r.source
    columns = [words(c.name) for c in (given.columns or {}).values() if c.required]
    says = words(given.name) + Text("每行须填齐：", ", each row has ") + _or(columns, "、", ", ")
    return Told(says, None, None, Text("请逐行补齐", "complete every row"))


def _kind_rule(r: Rule, outcome: int, x: Ctx) -> Told:
    given: p.Input = r.source
    played = x.programme.parties[given.party or ""]
    expected = _or([_kind(x.programme, k) for k in played.kinds])
    raw = x.data.get(r.field or "")
    orgs = raw if isinstance(raw, list) else [raw or {}]
    seen = _or([_kind(x.programme, o.get("kind")) for o in orgs])
    says = words(played.name) + Text("须为：", " must be: ") + expected
    return Told(says, seen, expected, Text("请改选：", "choose: ") + expected)


def _document(r: Rule, outcome: int, x: Ctx) -> Told:
    name = words(x.programme.documents[r.source].name)
    return Told(
        Text("须附", "must carry ") + name,
        Text("未附", "not attached") if outcome == NOT else Text("已附", "attached"),
        name,
        Text("请补附", "attach ") + name,
    )


def _content(r: Rule, outcome: int, x: Ctx) -> Told:
    schema, part = r.source
    name, inside = words(schema.name), words(part.name)
    if r.id.endswith(".one_per"):
        says = Text(f"{name.zh}“{inside.zh}”须每个单位一份", f"{inside.en}: one for each unit")
    else:
        says = Text(f"{name.zh}须有“{inside.zh}”", f"{name.en} must contain '{inside.en}'")
    missing = Text("缺", "missing") if outcome == NOT else Text("齐备", "present")
    return Told(says, missing, inside, Text("请补写：", "add: ") + inside)


def _jointly(r: Rule, outcome: int, x: Ctx) -> Told:
    body = party(x.programme, r.source)
    said = x.state.concurrences.get(x.act.draft, {}) if x.act is not None else {}
    seen = Text("已反对", "objected") if r.source in said else Text("尚无记录", "nothing recorded")
    return Told(
        Text("须会同", "jointly with ") + body,
        seen if outcome == NOT else Text("已会同", "concurred"),
        body,
        Text("须先由", "first to be concurred by ") + body + Text("就本文稿记录同意", ""),
    )


def _absent(r: Rule, outcome: int, x: Ctx) -> Told:
    model: p.Act = r.source
    because = words(model.absent)
    return Told(
        Text("规定中没有这一行为", "the regulation has no such act"),
        words(model.name),
        because,
        Text("系统不设此行为：", "the system has no such act: ") + because,
    )


_TELLERS = {
    "in_force": _in_force,
    "actor": _actor,
    "stage": _stage,
    "case": _case,
    "input": _input,
    "rows": _rows,
    "kind": _kind_rule,
    "document": _document,
    "content": _content,
    "jointly": _jointly,
    "absent": _absent,
}


# --- conditions ---------------------------------------------------------------------------------


def _condition(r: Rule, outcome: int, x: Ctx) -> Told:
    c: p.Condition = r.source
    kind = c.kind
    told = Told(test(x.programme, c, x.act.kind if x.act else None))
    compiler = Compiler(x.programme)
    if kind in p.COMPARATORS:
        _tell_comparison(told, c, kind, x, compiler, outcome)
    elif kind == "name" and c.name is not None:
        _tell_name(told, c.name, x, compiler, outcome)
    elif kind == "choose" and c.choose is not None:
        _tell_choice(told, c.choose, x)
    elif kind == "exclusive" and c.exclusive is not None and outcome == NOT:
        _tell_exclusive(told, c.exclusive, x, compiler)
    elif kind == "composition" and c.composition is not None:
        _tell_composition(told, c.composition, x, compiler)
    elif kind == "done" and outcome == NOT:
        act = _act(x.programme, c.done or "")
        told.seen = Text("尚无记录", "not on record")
        told.cure = Text("须先办理：", "first: ") + act
    elif kind == "results":
        told.seen = _or([_grade(x.programme, f.grade) for f in x.state.results], "、", ", ")
    elif kind in ("all", "any", "not_") and outcome == NOT:
        told.seen, told.cure = _inner(c, x, compiler)
    return told


def _inner(c: p.Test, x: Ctx, compiler: Compiler) -> tuple[Text | None, Text | None]:
    """What the failing parts of a joined test would need."""
    parts = [t for t in (c.all or c.any or []) if compiler.test(t)(x) == NOT]
    if not parts:
        return None, None
    said = [test(x.programme, t, x.act.kind if x.act else None) for t in parts]
    joined = _or(said, "；", "; ") if c.all else _or(said)
    return Text("未满足：", "unmet: ") + joined, Text("须：", "needed: ") + joined


def _tell_comparison(
    told: Told, c: p.Test, kind: str, x: Ctx, compiler: Compiler, outcome: int
) -> None:
    subject: Any = c.value if c.value is not None else "act.on"
    got = compiler._setting(c.parameter)(x) if c.parameter else compiler.term(subject)(x)
    given = _declared(x, subject)
    told.seen = value(got, given, x)
    bound = getattr(c, kind)
    literal = kind in ("is_", "is_not", "in_", "not_in", "contains", "contains_all")
    limit = bound if literal else compiler.term(bound)(x)
    shown = value(limit, given, x)
    word = _COMPARE[kind]
    told.expected = word + shown
    if not literal and isinstance(bound, (str, p.TermMap)):
        told.expected = told.expected + Text("（", " (") + term(x.programme, bound) + Text("）", ")")
    if outcome != NOT:
        return
    if kind in ("on_or_after", "after") and subject == "act.on" and isinstance(limit, dt.date):
        told.from_day = limit + dt.timedelta(days=1 if kind == "after" else 0)
        told.cure = Text(f"{told.from_day}起可以办理", f"possible from {told.from_day}")
    elif kind in ("on_or_before", "before") and subject == "act.on":
        told.cure = Text(f"期限已过（{shown.zh}）", f"the time limit has passed ({shown.en})")
    elif isinstance(subject, str) and subject.startswith("with."):
        told.cure = Text("请改填：", "change it: ") + told.expected
    else:
        told.cure = _how_to_reach(x.programme, subject) or Text("须：", "needed: ") + told.says


def _how_to_reach(programme: p.Programme, subject: Any) -> Text | None:
    """The acts that set the fact a condition is about."""
    if not isinstance(subject, str):
        return None
    head, _, rest = subject.partition(".")
    if head == "centre":
        acts = [
            words(a.name)
            for a in programme.acts.values()
            if any(rest.split(".")[0] in e.set for e in a.then)
        ]
    elif head in ("last", "first"):
        acts = [_act(programme, rest.split(".")[0])]
    else:
        return None
    return Text("须先办理：", "first: ") + _or(acts[:3]) if acts else None


def _tell_name(told: Told, n: p.NameTest, x: Ctx, compiler: Compiler, outcome: int) -> None:
    told.seen = value(compiler.term(n.of)(x))
    fits = names.expected(x, n.form, n.lang)
    if fits.model is not None and (fits.model.cite or fits.model.default):
        told.cite, told.default, told.rebased = fits.model.cite, fits.model.default, True
    if fits.text is not None:
        told.expected = Text(fits.text, fits.text)
        told.cure = Text(f"请改为“{fits.text}”", f"change it to '{fits.text}'")
    elif outcome == NOT:
        told.expected = Text("此阶段没有可用的名称", "no name may be used in this stage")
        told.cure = Text("此阶段不得使用名称", "no name may be used now")


def _tell_choice(told: Told, c: p.Choose, x: Ctx) -> None:
    chosen = Compiler(x.programme).ref(c.by)(x)
    ground = c.among.get(chosen) if isinstance(chosen, str) else None
    if ground is None:
        told.cure = Text("须写明一项事由", "name a ground")
        return
    told.seen = words(ground.name)
    if ground.cite or ground.default:
        told.cite, told.default, told.rebased = ground.cite, ground.default, True
    unmet = [t for t in ground.when if Compiler(x.programme).test(t)(x) == NOT]
    if unmet:
        said = _or([test(x.programme, t, x.act.kind if x.act else None) for t in unmet], "；", "; ")
        told.expected = said
        told.cure = Text("该事由须有：", "this ground needs: ") + said


def _tell_exclusive(told: Told, e: p.Exclusive, x: Ctx, compiler: Compiler) -> None:
    team = people(compiler.term(e.team)(x) or [])
    centre = x.act.centre if x.act is not None else None
    clash = x.world.facts.engagements(team, x.on, e.level, centre)
    who = "、".join(
        f"{c.get('person')}（{c.get('platform_name') or c.get('platform')}）" for c in clash
    )
    told.seen = Text(who, who)
    told.cure = Text("请调整团队成员，或由主管部门作出例外决定", "change the team, or an exception")


def _tell_composition(told: Told, c: p.Composition, x: Ctx, compiler: Compiler) -> None:
    rows = compiler.term(c.of)(x)
    if rows is UNKNOWN:
        return
    counts = count_by(rows, c.by)
    labels = _column_options(x, c)
    short = [k for k, n in c.at_least.items() if counts.get(k, 0) < n]
    told.seen = _or([labels.get(k, Text(k, k)) + Text(f" {n}", f" {n}") for k, n in counts.items()])
    if short:
        told.cure = Text("缺：", "missing: ") + _or([labels.get(k, Text(k, k)) for k in short])


def _column_options(x: Ctx, c: p.Composition) -> dict[str, Text]:
    given = _declared(x, c.of)
    column = (given.columns or {}).get(c.by) if given is not None else None
    return {k: words(w) for k, w in (column.options or {}).items()} if column else {}


def _exception_cure(x: Ctx) -> Text:
    body = x.programme.exceptions
    if body is None:
        return Text("须有例外决定", "an exception must be on record")
    return Text("可由", "may pass by a recorded exception of ") + _parties(
        x.programme, body.by
    ) + Text("作出例外决定后办理", "")


def within_limit(r: Rule, x: Ctx, limit: Any) -> bool:
    """Whether what was seen stays within an exception's limit (none: no limit was set)."""
    if limit is None or limit == "":
        return True
    c = r.source
    if not isinstance(c, p.Condition) or c.kind not in p.COMPARATORS or c.value is None:
        return True
    seen = Compiler(x.programme).term(c.value)(x)
    if isinstance(seen, dt.date) and isinstance(limit, str):
        limit = dt.date.fromisoformat(limit)
    if isinstance(seen, (int, Decimal)) and isinstance(limit, str):
        limit = Decimal(limit)
    if type(seen) is not type(limit) and not isinstance(seen, (int, Decimal)):
        return False
    return bool(seen <= limit)


# --- terms and tests in words -------------------------------------------------------------------

_COMPARE: dict[str, Text] = {
    "is_": Text("为", "is "),
    "is_not": Text("不为", "is not "),
    "in_": Text("为下列之一：", "is one of "),
    "not_in": Text("不为下列任何一项：", "is none of "),
    "contains": Text("含有", "contains "),
    "contains_all": Text("含有全部：", "contains all of "),
    "equals": Text("等于", "equals "),
    "differs_from": Text("不同于", "differs from "),
    "member_of": Text("在其中：", "is among "),
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
        given = _declared_in(programme, act, t.value)
        shown = value(bound, given, programme=programme) if literal else term(programme, bound, act)
        return subject + Text("", " ") + _COMPARE[kind] + shown
    return _STATEMENTS[kind](programme, t, act)


def _joined(programme: p.Programme, t: p.Test, act: str | None) -> Text:
    parts = [test(programme, s, act) for s in (t.all or t.any or [])]
    return _or(parts, "；且", "; and ") if t.all else _or(parts)


def _published(programme: p.Programme, t: p.Test, act: str | None) -> Text:
    assert t.published is not None
    name = _act(programme, t.published.act)
    model = programme.acts.get(t.published.act)
    extra = [
        words(model.with_[w.field].name)
        for w in t.published.where
        if model is not None and w.field in model.with_
    ]
    matching = (
        Text("，且与其", ", matching its ") + _or(extra, "、", ", ") + Text("相符", "")
        if extra
        else Text("", "")
    )
    return Text("已有“", "there is a '") + name + Text("”", "'") + matching


_STATEMENTS: dict[str, Any] = {
    "all": _joined,
    "any": _joined,
    "not_": lambda pr, t, a: Text("并非：", "not: ") + test(pr, t.not_, a),
    "given": lambda pr, t, a: Text("已有：", "there is ") + term(pr, t.given, a),
    "done": lambda pr, t, a: Text("已办理：", "done: ") + _act(pr, t.done),
    "flag": lambda pr, t, a: Text("处于“", "'") + words(pr.flags.get(t.flag)) + Text("”", "'"),
    "open": lambda pr, t, a: Text("在办：", "open: ") + words(pr.procedures[t.open].name),
    "in_stage": lambda pr, t, a: Text("处于：", "in ")
    + _or([stage(pr, s) for s in _ordered(pr, t.in_stage)]),
    "results": lambda pr, t, a: Text(
        f"最近{t.results.last}次评估结果均为", f"the last {t.results.last} result(s): "
    )
    + _or([_grade(pr, g) for g in t.results.grades]),
    "published": _published,
    "every": lambda pr, t, a: term(pr, t.every.of, a) + Text("逐项齐备", " complete row by row"),
    "composition": lambda pr, t, a: term(pr, t.composition.of, a)
    + Text("的组成符合要求", " is composed as required"),
    "run": lambda pr, t, a: _act(pr, t.run.act) + Text("逐期齐全", " on file for every term"),
    "listed": lambda pr, t, a: term(pr, t.listed.who, a)
    + Text("在名单上：", " is on the list ")
    + Text(_LISTS.get(t.listed.list, t.listed.list), t.listed.list.replace("_", " ")),
    "exclusive": lambda pr, t, a: Text(
        "团队成员未承担其他在建平台任务", "no member of the team works for another platform"
    ),
    "name": lambda pr, t, a: Text("名称符合规定的格式", "the name has the prescribed form"),
    "choose": lambda pr, t, a: Text("事由成立", "the ground is established"),
}

_LISTS = {"joint_punishment_list": "联合惩戒对象名单", "first_set_catalogue": "首台（套）目录"}


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
        model = _act_model(programme, act)
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
    if head == "parameter" and first in programme.parameters:
        return words(programme.parameters[first].name)
    return _FIXED.get(t, Text(t, t))


def _history_term(programme: p.Programme, head: str, rest: str) -> Text:
    if head == "programme":
        head, _, rest = rest.partition(".")
    kind, _, name = rest.partition(".")
    act = _act(programme, kind)
    if head == "count":
        return Text("“", "times of '") + act + Text("”的次数", "'")
    model = _act_model(programme, kind)
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
        if t.plus is not None:
            text = text + Text(" + ", " + ") + span(t.plus)
        return text + Text(" - ", " - ") + span(t.minus) if t.minus is not None else text
    if t.last_day is not None:
        year = term(programme, t.last_day.year, act)
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
            return _or([term(programme, v, act) for v in parts], sign, sign)
    if t.size is not None:
        return term(programme, t.size, act) + Text("的个数", " (number)")
    dates = t.latest or t.earliest or []
    which = Text("下列最晚者：", "the latest of ") if t.latest else Text("下列最早者：", "earliest of ")
    return which + _or([term(programme, v, act) for v in dates], "、", ", ")


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
        return _or([value(i, given, x, **more) for i in v], "、", ", ")
    if isinstance(v, dict):
        shown = str(v.get("name") or v.get("org") or "、".join(str(i) for i in v.values()))
        return Text(shown, shown)
    if given is not None and given.options and v in given.options:
        return words(given.options[v])
    if programme is not None and isinstance(v, str):
        if v in programme.kinds:
            return words(programme.kinds[v])
        if programme.evaluation is not None and v in programme.evaluation.grades:
            return _grade(programme, v)
        if v in programme.classes:
            return words(programme.classes[v].name)
    return Text(str(v), str(v))


def _declared(x: Ctx, subject: Any) -> p.Input | None:
    return _declared_in(x.programme, x.act.kind if x.act else None, subject)


def _declared_in(programme: p.Programme, act: str | None, subject: Any) -> p.Input | None:
    """The input whose options a reference's values come from, also through `set`."""
    if not isinstance(subject, str):
        return None
    head, _, rest = subject.partition(".")
    name = rest.split(".")[0]
    if head == "with":
        model = _act_model(programme, act)
        return model.with_.get(name) if model is not None else None
    if head == "centre":
        for model in programme.acts.values():
            for effect in model.then:
                source = effect.set.get(name)
                if isinstance(source, str) and source.startswith("with."):
                    return model.with_.get(source.split(".")[1])
    return None


def _act_model(programme: p.Programme, act: str | None) -> p.Act | p.Register | None:
    if act is None:
        return None
    if act in programme.acts:
        return programme.acts[act]
    return None


def _act(programme: p.Programme, kind: str) -> Text:
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


def _parties(programme: p.Programme, which: list[str]) -> Text:
    return _or([party(programme, n) for n in which])


def _kind(programme: p.Programme, kind: Any) -> Text:
    model = programme.kinds.get(kind)
    return words(model) if model is not None else Text(str(kind), str(kind))


def stage(programme: p.Programme, name: str | None) -> Text:
    """A stage's name."""
    if name is None or name == "none":
        return Text("尚未设立", "not begun")
    return words(programme.stages[name].name)


def _ordered(programme: p.Programme, which: list[str]) -> list[str]:
    wanted = expand(programme, which)
    ordered = [n for n in programme.stages if n in wanted]
    return (["none"] if None in wanted else []) + ordered


def _grade(programme: p.Programme, grade: str) -> Text:
    scheme = programme.evaluation
    if scheme is not None and grade in scheme.grades:
        return words(scheme.grades[grade].name)
    return Text(grade, grade)


def _or(parts: list[Text], zh: str = "或", en: str = " or ") -> Text:
    return Text(zh.join(t.zh for t in parts), en.join(t.en for t in parts))
