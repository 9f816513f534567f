"""Findings in words: what was expected, what was seen, what would cure it and from which day.

One catalogue, Chinese and English, from the rule's kind and its parameters. A condition's own
`says` replaces the generated statement.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from banfa.rules import names
from banfa.rules import programme as p
from banfa.rules.terms import NOT, UNKNOWN, Compiler, Ctx, count_by, derive, expand, people
from banfa.rules.words import (
    COMPARE,
    Text,
    act_model,
    act_name,
    declared,
    either,
    grade,
    kind_name,
    ordered,
    parties,
    party,
    stage,
    term,
    test,
    value,
    words,
)

if TYPE_CHECKING:
    from banfa.rules.conditions import Rule


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


def rule(r: Rule, outcome: int, x: Ctx) -> Told:
    """What a finding of this rule says, in this context."""
    teller = _TELLERS.get(r.detail)
    told = teller(r, outcome, x) if teller is not None else _condition(r, outcome, x)
    says = getattr(r.source, "says", None)
    if isinstance(says, p.Words) and told.id is None:
        told.says = words(says)
    if told.seen is not None and not told.seen.zh:
        told.seen = Text("尚无记录", "not on record")
    if outcome == NOT and r.soft == "exception":
        other = Text("；或", "; or ") if told.cure is not None else Text("", "")
        told.cure = (told.cure or Text("", "")) + other + _exception_cure(x)
    elif outcome == NOT and told.cure is None:
        told.cure = Text("须：", "needed: ") + told.says
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
    expected = parties(x.programme, model.by)
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
        told.seen = kind_name(x.programme, kind)
        told.expected = either([kind_name(x.programme, k) for k in played.kinds])
        told.cure = Text("须由下列类型的单位担任：", "must be one of: ") + told.expected
        if played.cite or played.default:
            told.cite, told.default, told.rebased = played.cite, played.default, True
    elif played is not None and (played.body or played.inside):
        told.seen = Text(*[str(act.org.get("name") or act.org.get("org"))] * 2)
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
        wanted = [s or "none" for s in ordered(programme, model.from_)]
    expected = either([stage(programme, s) for s in wanted])
    one = Text("中心须处于：", "the centre must be in: ")
    several = Text("中心须处于下列阶段之一：", "the centre must be in one of: ")
    told = Told(
        (one if len(wanted) == 1 else several) + expected,
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
        acts = either([words(n) for n in leading[:3]])
        return Text("须先办理：", "first: ") + acts
    if not _ahead(x, wanted):
        return Text("中心已过该阶段，不再办理", "the centre is past that stage")
    return Text("待中心进入上述阶段", "wait until the centre is in that stage")


def _ahead(x: Ctx, wanted: list[str]) -> bool:
    """Whether acts can still lead from the present stage to a wanted one."""
    reached: set[str | None] = {derive(x.programme)(x.state, x.on), x.state.stage}
    moves = [(_from(x, a), e.stage) for a in x.programme.acts.values() for e in a.then if e.stage]
    derived = [(s.derived.of, n) for n, s in x.programme.stages.items() if s.derived is not None]
    while True:
        more = {to for begins, to in moves if begins & reached}
        more |= {to for of, to in derived if of in reached}
        if more <= reached:
            return bool(reached & set(wanted))
        reached |= more


def _from(x: Ctx, a: p.Act) -> frozenset[str | None]:
    return expand(x.programme, a.from_ or [])


def _case(r: Rule, outcome: int, x: Ctx) -> Told:
    about: p.About = r.source
    procedure = x.programme.procedures[about.case]
    steps = either([words(procedure.steps[s].name) for s in about.at])
    says = words(procedure.name) + Text("须处于：", " must be at: ") + steps
    many = x.state.open_cases.get(about.case, [])
    if x.case is None and len(many) > 1:
        seen = Text(f"有{len(many)}件在办，未指明是哪一件", f"{len(many)} are open: say which")
        cure = Text("请指明所办的一件（about）", "say which one (about)")
        return Told(says, seen, steps, cure, code="UNKNOWN")
    seen = (
        words(procedure.steps[x.case.step].name)
        if x.case is not None
        else Text("目前没有在办的该程序", "none is open now")
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
    first = Text("须先办理：", "first: ") + either(leading) if leading else None
    return Told(says, seen, steps, first)


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
    says = words(given.name) + Text("每行须填齐：", ", each row has ") + either(columns, "、", ", ")
    return Told(says, None, None, Text("请逐行补齐", "complete every row"))


def _kind_rule(r: Rule, outcome: int, x: Ctx) -> Told:
    given: p.Input = r.source
    played = x.programme.parties[given.party or ""]
    expected = either([kind_name(x.programme, k) for k in played.kinds])
    raw = x.data.get(r.field or "")
    orgs = raw if isinstance(raw, list) else [raw or {}]
    seen = either([kind_name(x.programme, o.get("kind")) for o in orgs])
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
    told = Told(test(x.programme, c, _kind_of(x)))
    compiler = _compiler(x)
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
        act = act_name(x.programme, c.done or "")
        told.seen = Text("尚无记录", "not on record")
        told.cure = Text("须先办理：", "first: ") + act
    elif kind == "run" and c.run is not None and outcome == NOT:
        _tell_run(told, c.run, x, compiler)
    elif kind == "not_" and c.not_ is not None and c.not_.done and outcome == NOT:
        _tell_done_before(told, c.not_, x, compiler)
    elif kind == "results":
        told.seen = either([grade(x.programme, f.grade) for f in x.state.results], "、", ", ")
    elif kind in ("all", "any", "not_") and outcome == NOT:
        told.seen, told.cure = _inner(c, x, compiler)
    return told


def _inner(c: p.Condition, x: Ctx, compiler: Compiler) -> tuple[Text | None, Text | None]:
    """What the failing parts of a joined test would need."""
    parts = [t for t in (c.all or c.any or []) if compiler.test(t)(x) == NOT]
    if not parts:
        return None, None
    said = [test(x.programme, t, _kind_of(x)) for t in parts]
    joined = either(said, "；", "; ") if c.all else either(said)
    cure = None if c.says is not None else Text("须：", "needed: ") + joined
    return Text("未满足：", "unmet: ") + joined, cure


def _tell_comparison(
    told: Told, c: p.Test, kind: str, x: Ctx, compiler: Compiler, outcome: int
) -> None:
    subject: Any = c.value if c.value is not None else "act.on"
    got = compiler._setting(c.parameter)(x) if c.parameter else compiler.term(subject)(x)
    given = declared(x, subject)
    told.seen = value(got, given, x)
    bound = getattr(c, kind)
    literal = kind in ("is_", "is_not", "in_", "not_in", "contains", "contains_all")
    limit = bound if literal else compiler.term(bound)(x)
    shown = value(limit, given, x)
    word = COMPARE[kind]
    told.expected = word + shown
    if not literal and isinstance(bound, (str, p.TermMap)):
        source = term(x.programme, bound, _kind_of(x))
        told.expected = told.expected + Text("（", " (") + source + Text("）", ")")
    if outcome != NOT:
        return
    if kind in ("on_or_after", "after") and subject == "act.on" and isinstance(limit, dt.date):
        told.from_day = limit + dt.timedelta(days=1 if kind == "after" else 0)
        told.cure = Text(f"{told.from_day}起可以办理", f"possible from {told.from_day}")
    elif kind in ("on_or_before", "before") and subject == "act.on":
        told.cure = Text(f"期限已过（{shown.zh}）", f"the time limit has passed ({shown.en})")
    elif not literal and limit is None and _how_to_reach(x.programme, bound) is not None:
        told.cure = _how_to_reach(x.programme, bound)
    elif isinstance(subject, str) and subject.startswith("with."):
        told.cure = Text("请改填：", "change it: ") + told.expected
    else:
        told.cure = _how_to_reach(x.programme, subject) or Text("须", "must be ") + told.expected


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
        acts = [act_name(programme, rest.split(".")[0])]
    else:
        return None
    return Text("须先办理：", "first: ") + either(acts[:3]) if acts else None


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


def _tell_run(told: Told, run: p.Run, x: Ctx, compiler: Compiler) -> None:
    low, high = compiler.term(run.start)(x), compiler.term(run.end)(x)
    gaps = [k for k in range(int(low), int(high) + 1) if (run.act, k) not in x.state.keyed]
    missing = "、".join(str(k) for k in gaps)
    told.seen = Text(f"缺：{missing}", f"missing: {missing}")
    told.cure = Text("须先补齐：", "first: ") + act_name(x.programme, run.act)


def _tell_done_before(told: Told, done: p.Test, x: Ctx, compiler: Compiler) -> None:
    key = compiler.term(done.key)(x) if done.key is not None else None
    kind = done.done or ""
    act = x.state.keyed.get((kind, key)) if done.key is not None else x.state.last.get(kind)
    if act is not None:
        told.seen = Text(f"已于{act.on}办理（第{act.seq}号）", f"done on {act.on} (no. {act.seq})")
    told.cure = Text("已经办理，不再重复办理", "it has been done and is not done again")


def _kind_of(x: Ctx) -> str | None:
    return x.act.kind if x.act is not None else None


def _compiler(x: Ctx) -> Compiler:
    """A compiler that knows the inputs of the act in question."""
    model = act_model(x.programme, _kind_of(x))
    return Compiler(x.programme, model.with_ if model is not None else None)


def _tell_choice(told: Told, c: p.Choose, x: Ctx) -> None:
    chosen = _compiler(x).ref(c.by)(x)
    ground = c.among.get(chosen) if isinstance(chosen, str) else None
    if ground is None:
        told.cure = Text("须写明一项事由", "name a ground")
        return
    told.seen = words(ground.name)
    if ground.cite or ground.default:
        told.cite, told.default, told.rebased = ground.cite, ground.default, True
    unmet = [t for t in ground.when if _compiler(x).test(t)(x) == NOT]
    if unmet:
        said = either([test(x.programme, t, _kind_of(x)) for t in unmet], "；", "; ")
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
    told.seen = either(
        [labels.get(k, Text(k, k)) + Text(f" {n}", f" {n}") for k, n in counts.items()]
    )
    if short:
        told.cure = Text("缺：", "missing: ") + either([labels.get(k, Text(k, k)) for k in short])


def _column_options(x: Ctx, c: p.Composition) -> dict[str, Text]:
    given = declared(x, c.of)
    column = (given.columns or {}).get(c.by) if given is not None else None
    if column is not None and column.options:
        return {k: words(w) for k, w in column.options.items()}
    return {k: words(w) for k, w in x.programme.kinds.items()} if c.by == "kind" else {}


def _exception_cure(x: Ctx) -> Text:
    body = x.programme.exceptions
    if body is None:
        return Text("须有例外决定", "an exception must be on record")
    return (
        Text("由", "by a recorded exception of ")
        + parties(x.programme, body.by)
        + Text("作出例外决定后办理", "")
    )


def within_limit(r: Rule, x: Ctx, limit: Any) -> bool:
    """Whether what was seen stays within an exception's limit (none: no limit was set)."""
    if limit is None or limit == "":
        return True
    c = r.source
    if not isinstance(c, p.Condition) or c.kind not in p.COMPARATORS or c.value is None:
        return True
    seen = _compiler(x).term(c.value)(x)
    try:
        if isinstance(seen, dt.date):
            day = limit if isinstance(limit, dt.date) else dt.date.fromisoformat(str(limit))
            return seen <= day
        if isinstance(seen, (int, Decimal)):
            return seen <= Decimal(str(limit))
    except (ValueError, InvalidOperation):
        return False  # a limit of another kind covers nothing
    return bool(seen == limit)
