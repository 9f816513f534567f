"""Checks of meaning on one loaded programme: one function a lint, composed in `lint_programme`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from banfa.rules import programme as p
from banfa.rules.citation import Citation, Mark
from banfa.rules.lint_conditions import (
    dump,
    lint_contradictions,
    lint_literals,
    lint_optional_inputs,
    lint_types,
    words_of,
)
from banfa.rules.loading import LoadError, Loc, Node, Problem, read_folder, validate
from banfa.rules.programme import Programme
from banfa.rules.resolve import (
    Desk,
    Lint,
    Scope,
    article_keys,
    cited,
    item,
    lint_citations,
    lint_defaults,
    lint_names,
    lint_references,
    lint_steps,
    raw,
    sections,
    suggestion,
    terms,
)
from banfa.rules.ruleset import Ruleset
from banfa.rules.skeleton import lint_placeholders
from banfa.rules.terms import expand

# --- stages -------------------------------------------------------------------------------------


def sources(programme: Programme, act: p.Act | p.Register) -> set[str | None]:
    """The stages from which an act may be taken; None is before any stage."""
    if act.from_ is None:
        return {n for n, s in programme.stages.items() if not s.terminal}
    return {s for s in expand(programme, act.from_) if s is None or s in programme.stages}


def moves(programme: Programme) -> list[tuple[str | None, str, str | None]]:
    """Every way from one stage to another, with the act; None for what the calendar does."""
    found: list[tuple[str | None, str, str | None]] = []
    acts: dict[str, p.Act | p.Register] = {
        **programme.acts,
        **{f"record_{n}": r for n, r in programme.registers.items()},
    }
    for name, act in acts.items():
        if isinstance(act, p.Act) and (act.absent is not None or act.probe):
            continue
        for target in dict.fromkeys(e.stage for e in act.then if e.stage):
            found += [(source, target, name) for source in sources(programme, act)]
    for name, stage in programme.stages.items():
        if stage.derived is not None:
            found.append((stage.derived.of, name, None))
    return found


def _reached(programme: Programme) -> set[str | None]:
    entered = programme.existing.stages if programme.existing is not None else []
    mapped = [s for t in programme.transitions for s in t.stage_map.values()]
    reached: set[str | None] = {None, *entered, *mapped}
    ways = moves(programme)
    while True:
        more = {target for source, target, _ in ways if source in reached} - reached
        if not more:
            return reached
        reached |= more


def lint_unreachable_stages(desk: Desk) -> Iterator[Lint]:
    """Every stage is reached by some way from the beginning."""
    reached = _reached(desk.programme)
    ways = moves(desk.programme)
    for name, stage in desk.programme.stages.items():
        if name in reached:
            continue
        leading = [(s, a) for s, target, a in ways if target == name and s != name]
        if leading:
            source, act = leading[0]
            zh = f"只有行为“{act}”从阶段“{source}”通向它，而“{source}”本身不可到达"
            en = f"only '{act}' leads there, from '{source}', which cannot be reached itself"
        else:
            zh, en = "没有行为通向它（then: {stage: " + name + "}）", "no act leads to it"
        yield desk.error(
            ("stages", name),
            "unreachable_stage",
            f"阶段“{name}”（{stage.name.zh}）不可到达：{zh}；请补上行为，或删去该阶段",
            f"stage '{name}' ({stage.name.en}) cannot be reached: {en}; add the act, or take the"
            " stage out",
            key=True,
        )


def lint_trapped_stages(desk: Desk) -> Iterator[Lint]:
    """A stage that is not terminal can be left."""
    ways = moves(desk.programme)
    for name, stage in desk.programme.stages.items():
        out = next((a or "（日历）" for s, to, a in ways if s == name and to != name), None)
        if stage.lasting is not None and out:
            yield desk.error(
                ("stages", name, "lasting"),
                "trapped_stage",
                f"阶段“{name}”写明 lasting（没有出路），但行为“{out}”由此到其他阶段；请删去其一",
                f"stage '{name}' is said to last, but act '{out}' leads from it; take one out",
            )
        if stage.terminal or out or stage.lasting is not None:
            continue
        yield desk.error(
            ("stages", name),
            "trapped_stage",
            f"阶段“{name}”（{stage.name.zh}）有进无出：没有行为由此到其他阶段；请补上行为，"
            "或写明 terminal: true，或在 lasting 写明为何没有出路",
            f"stage '{name}' ({stage.name.en}) is a trap: no act leads from it to another stage;"
            " add one, or say terminal: true, or why it lasts (lasting)",
            key=True,
        )


def lint_derived_stages(desk: Desk) -> Iterator[Lint]:
    """A stage of the calendar's says which period's end brings it."""
    for name, stage in desk.programme.stages.items():
        if stage.derived is None:
            continue
        loc = ("stages", name, "derived", "after")
        parts = stage.derived.after.split(".")
        if len(parts) != 3 or parts[0] != "period" or parts[2] != "end":
            zh = f"after 须写成 period.<期限>.end，不能是“{stage.derived.after}”"
            en = f"after must be period.<period>.end, not '{stage.derived.after}'"
            yield desk.error(loc, "derived", zh, en)
        own = desk.programme.stages.get(stage.derived.of)
        for act, model in desk.programme.acts.items():
            for index, effect in enumerate(model.then):
                if effect.stage == name:
                    at = item(desk.node, ("acts", act, "then"), index)
                    yield desk.error(
                        (*at, "stage"),
                        "derived",
                        f"阶段“{name}”由日历到达，行为“{act}”不能进入它；请改为“{stage.derived.of}”",
                        f"the calendar alone reaches '{name}', so act '{act}' cannot; write"
                        f" '{stage.derived.of}'" + (f" ({own.name.en})" if own else ""),
                    )


# --- procedures ---------------------------------------------------------------------------------


def lint_procedures(desk: Desk) -> Iterator[Lint]:
    """Every procedure is opened, every step reached, and every step but the last can be left."""
    acts = desk.programme.acts
    for name, procedure in desk.programme.procedures.items():
        loc: Loc = ("procedures", name)
        opening = {a.opens.step for a in acts.values() if a.opens and a.opens.case == name}
        if not opening:
            yield desk.error(
                loc,
                "never_opened",
                f"程序“{name}”（{procedure.name.zh}）没有行为立案（opens）；请补上，或删去该程序",
                f"no act opens the procedure '{name}' ({procedure.name.en}); add opens to one, or"
                " take it out",
                key=True,
            )
            continue
        yield from _unreached_steps(desk, name, procedure, opening)


def _unreached_steps(
    desk: Desk, name: str, procedure: p.Procedure, opening: set[str]
) -> Iterator[Lint]:
    inside = [
        a
        for a in desk.programme.acts.values()
        if (a.about and a.about.case == name) or (a.opens and a.opens.case == name)
    ]
    reached = set(opening)
    while True:
        more = {
            e.step
            for a in inside
            for e in a.then
            if e.step and (a.opens is not None or (a.about and reached & set(a.about.at)))
        } - reached
        if not more:
            break
        reached |= more
    waited = {s for a in inside if a.about and any(e.step for e in a.then) for s in a.about.at}
    for step, model in procedure.steps.items():
        loc = ("procedures", name, "steps", step)
        if step not in reached:
            yield desk.error(
                loc,
                "unreachable_step",
                f"程序“{name}”的步骤“{step}”（{model.name.zh}）不可到达：没有行为转到它"
                "（then: {step: " + step + "}）",
                f"step '{step}' ({model.name.en}) of procedure '{name}' cannot be reached: no act"
                " moves there",
                key=True,
            )
        elif not model.end and step not in waited:
            yield desk.warning(
                loc,
                "trapped_step",
                f"程序“{name}”停在步骤“{step}”（{model.name.zh}）：没有行为由此前进；请补上，"
                "或写明 end: true",
                f"procedure '{name}' stops at step '{step}' ({model.name.en}): no act goes on from"
                " there; add one, or say end: true",
                key=True,
            )


# --- grades, periods, consequences, duties ------------------------------------------------------


def lint_grades(desk: Desk) -> Iterator[Lint]:
    """Every grade has a consequence, or says that the regulation attaches none."""
    scheme = desk.programme.evaluation
    if scheme is None:
        return
    followed = _followed_grades(desk)
    for name, grade in scheme.grades.items():
        loc: Loc = ("evaluation", "grades", name)
        if grade.consequence is None and name not in followed:
            yield desk.error(
                loc,
                "grade_without_consequence",
                f"等级“{name}”（{grade.name.zh}）没有后果：consequences 中没有一条用到它；请补上，"
                "或写明 consequence: none",
                f"grade '{name}' ({grade.name.en}) has no consequence: none of consequences names"
                " it; add one, or say consequence: none",
                key=True,
            )
        elif grade.consequence == "none" and name in followed:
            yield desk.error(
                loc,
                "grade_without_consequence",
                f"等级“{name}”写明 consequence: none，但“{followed[name]}”用到它；请删去其一",
                f"grade '{name}' says consequence: none, but '{followed[name]}' names it; take one"
                " out",
                key=True,
            )


def _followed_grades(desk: Desk) -> dict[str, str]:
    """The grades from which something follows, and what first does."""
    followed: dict[str, str] = {}
    pr = desk.programme
    parts: list[tuple[str, Any]] = [*pr.consequences.items()]
    parts += [(n, d) for n, d in pr.duties.items()]
    parts += [(n, e.if_) for n, a in desk.acts.items() for e in a.then if e.if_ is not None]
    for name, part in parts:
        for model, _ in desk.walk(part, ()):
            if isinstance(model, p.Results):
                for grade in model.grades:
                    followed.setdefault(grade, name)
            if isinstance(model, p.Test) and str(model.value).endswith(".grade"):
                named = [*([] if model.is_ is None else [model.is_]), *(model.in_ or [])]
                for one in named:
                    followed.setdefault(str(one), name)
    return followed


def _effects(desk: Desk) -> Iterator[tuple[str, p.Effect]]:
    parts: dict[str, p.Act | p.Register] = {
        **desk.acts,
        **{f"record_{n}": r for n, r in desk.programme.registers.items()},
    }
    for name, act in parts.items():
        for effect in act.then:
            yield name, effect


def lint_periods(desk: Desk) -> Iterator[Lint]:
    """Every period is opened by some act."""
    opened = {name for _, effect in _effects(desk) for name in effect.open}
    ended = {name: act for act, effect in _effects(desk) for name in effect.end}
    for name, period in desk.programme.periods.items():
        if name in opened:
            continue
        zh, en = (
            (f"；行为“{ended[name]}”却改变它的结束日", f"; yet act '{ended[name]}' moves its end")
            if name in ended
            else ("", "")
        )
        yield desk.error(
            ("periods", name),
            "period_without_opener",
            f"期限“{name}”（{period.name.zh}）没有行为开始它（then: {{open: …}}）{zh}"
            "；请补上，或删去",
            f"no act opens the period '{name}' ({period.name.en}){en}; add open to one, or take it"
            " out",
            key=True,
        )


def _who_can_be(desk: Desk) -> set[str]:
    """The parties that somebody can be: bodies, organs, and those that acts bind."""
    fixed = {n for n, v in desk.programme.parties.items() if v.body or v.inside or v.unbound}
    bound = {name for _, effect in _effects(desk) for name in effect.bind}
    return fixed | bound | {"anyone"}


def lint_duties(desk: Desk) -> Iterator[Lint]:
    """Every duty has a holder that somebody can be, and yearly ones an act that discharges them."""
    possible = _who_can_be(desk)
    for name, duty in desk.programme.duties.items():
        loc: Loc = ("duties", name)
        if not duty.holder:
            yield desk.error(
                (*loc, "holder"),
                "duty_without_holder",
                f"义务“{name}”（{duty.name.zh}）没有承担者；请在 holder 写明一方",
                f"duty '{name}' ({duty.name.en}) has no holder; name a party under holder",
            )
        for index, holder in enumerate(duty.holder):
            if holder in desk.programme.parties and holder not in possible:
                yield desk.error(
                    item(desk.node, (*loc, "holder"), index),
                    "duty_without_holder",
                    f"义务“{name}”由“{holder}”承担，但没有行为确定谁是“{holder}”；"
                    "请在行为中 bind 它，或写明 body、inside、unbound",
                    f"duty '{name}' is held by '{holder}', but no act says who that is; bind it in"
                    " an act, or say body, inside or unbound",
                )
        if duty.each == "year" and duty.done_by is None:
            yield desk.warning(
                loc,
                "never_discharged",
                f"按年的义务“{name}”没有写明由什么行为履行；请写 done_by",
                f"nothing discharges the yearly duty '{name}'; name the act under done_by",
                key=True,
            )


def lint_consequences(desk: Desk) -> Iterator[Lint]:
    """No two mandatory consequences of the same state of affairs ask for different acts."""
    mandatory = [(n, c) for n, c in desk.programme.consequences.items() if c.mode == "mandatory"]
    for (first, a), (second, b) in combinations(mandatory, 2):
        if a.act != b.act and _overlap(a.when, b.when):
            yield desk.error(
                ("consequences", second),
                "overlapping_consequences",
                f"后果“{second}”（{b.act}）与“{first}”（{a.act}）在同一情形下都是必须的，而行为不同；"
                "请合并、区分情形，或改为 may",
                f"consequence '{second}' ({b.act}) and '{first}' ({a.act}) are both mandatory in"
                " the same case but ask for different acts; merge them, tell the cases apart, or"
                " say may",
                key=True,
            )


def _overlap(a: list[p.Test], b: list[p.Test]) -> bool:
    """Whether the same state of affairs fulfils both: equal tests, grades aside, grades meeting."""
    (ours, mine), (theirs, yours) = _trigger(a), _trigger(b)
    if ours != theirs:
        return False
    return mine == yours or bool(mine and yours and mine[0] == yours[0] and mine[1] & yours[1])


def _trigger(tests: list[p.Test]) -> tuple[frozenset[str], tuple[int, frozenset[str]] | None]:
    rest, grades = [], None
    for test in tests:
        if test.results is not None:
            grades = (test.results.last, frozenset(test.results.grades))
        elif test.value == "result.last.grade" and (test.is_ is not None or test.in_):
            grades = (1, frozenset(str(g) for g in (test.in_ or (test.is_,))))
        else:
            rest.append(dump(test))
    return frozenset(rest), grades


def lint_grounds(desk: Desk) -> Iterator[Lint]:
    """A consequence's ground is one that its act can name."""
    for name, consequence in desk.programme.consequences.items():
        act = desk.acts.get(consequence.act)
        if consequence.ground is None or act is None:
            continue
        allowed = [o for i in act.with_.values() for o in i.options or ()]
        allowed += [g for c in act.when if c.choose for g in c.choose.among]
        if consequence.ground not in allowed:
            yield desk.unknown(
                ("consequences", name, "ground"),
                consequence.ground,
                dict.fromkeys(allowed),
                ("事由", "ground"),
            )


# --- acts ---------------------------------------------------------------------------------------


def lint_documents(desk: Desk) -> Iterator[Lint]:
    """Every document is asked for by some act."""
    asked = {name for act in desk.programme.acts.values() for name in act.documents}
    kept = {name for article in desk.programme.articles.values() for name in article.by}
    for name, document in desk.programme.documents.items():
        if name in asked:
            continue
        zh, en = (
            ("；articles 却说它载有某条内容", "; yet an article is said to be kept in it")
            if name in kept
            else ("", "")
        )
        yield desk.error(
            ("documents", name),
            "document_never_asked",
            f"材料“{name}”（{document.name.zh}）没有行为要求提交{zh}；"
            "请写进某个行为的 documents，或删去",
            f"no act asks for the document '{name}' ({document.name.en}){en}; write it under an"
            " act's documents, or take it out",
            key=True,
        )


def lint_actors(desk: Desk) -> Iterator[Lint]:
    """Every act has somebody who may do it."""
    possible = _who_can_be(desk)
    acts: list[tuple[Loc, p.Act | p.Register]] = [
        *((("acts", n), a) for n, a in desk.programme.acts.items()),
        *((("registers", n), r) for n, r in desk.programme.registers.items()),
    ]
    for loc, act in acts:
        if isinstance(act, p.Act) and act.absent is not None:
            continue
        begins = None in sources(desk.programme, act)
        binding = {n for e in act.then for n in e.bind}
        if act.by and (begins or any(n in possible | binding for n in act.by)):
            continue
        named = "、".join(act.by)
        zh = f"没有行为确定谁是“{named}”（bind）" if act.by else "没有写由谁办理（by）"
        en = f"no act says who '{', '.join(act.by)}' is (bind)" if act.by else "by is missing"
        yield desk.error(
            loc,
            "nobody_may",
            f"行为“{loc[-1]}”（{act.name.zh}）谁也不能办理：{zh}；请在 by 写明能办理的一方",
            f"nobody may do '{loc[-1]}' ({act.name.en}): {en}; name under by a party that somebody"
            " can be",
            key=True,
        )


def lint_condition_ids(desk: Desk) -> Iterator[Lint]:
    """Within an act every finding has its own id."""
    parts: list[tuple[Loc, p.Act | p.Register]] = [
        *((("acts", n), a) for n, a in desk.programme.acts.items()),
        *((("registers", n), r) for n, r in desk.programme.registers.items()),
    ]
    for loc, act in parts:
        taken: dict[str, Loc] = {}
        if isinstance(act, p.Act):
            taken = {act.by_id: loc, "stage": loc, "in_force": loc}
            if act.about is not None:
                taken[act.about.id] = (*loc, "about")
        for index, condition in enumerate(act.when):
            at = item(desk.node, (*loc, "when"), index)
            first = taken.setdefault(condition.id, at)
            if first != at:
                line = desk.node.place(first).line
                yield desk.error(
                    at,
                    "same_id",
                    f"条件编号“{condition.id}”在本行为中重复：第 {line} 行已用；请换一个",
                    f"the condition id '{condition.id}' is used twice in this act, first in line"
                    f" {line}; choose another",
                )


def lint_keys(desk: Desk) -> Iterator[Lint]:
    """Acts that are looked up by a year or a round are indexed by it (`key`)."""
    pr = desk.programme
    for part, start, scope in sections(desk):
        for model, loc in desk.walk(part, start):
            if isinstance(model, p.Test) and model.done is not None:
                yield from _done(desk, model, loc, scope)
            if isinstance(model, p.Run):
                yield from _indexed(desk, model.act, (*loc, "act"))
    for name, duty in pr.duties.items():
        if duty.each == "year" and duty.done_by is not None:
            yield from _indexed(desk, duty.done_by, ("duties", name, "done_by"))


def _indexed(desk: Desk, act: str, loc: Loc) -> Iterator[Lint]:
    model = desk.acts.get(act)
    if model is not None and model.key is None:
        yield desk.error(
            loc,
            "no_key",
            f"行为“{act}”没有 key，按年度或轮次找不到它；请在该行为写 key: with.year 之类",
            f"act '{act}' has no key, so it cannot be found by year or round; give it a key such as"
            " with.year",
        )


def _done(desk: Desk, test: p.Test, loc: Loc, scope: Scope) -> Iterator[Lint]:
    done = desk.acts.get(test.done or "")
    if done is None:
        return
    if test.key is not None:
        yield from _indexed(desk, test.done or "", (*loc, "done"))
    if test.here and not scope.procedures:
        yield desk.error(
            (*loc, "here"),
            "no_case",
            "here 指本件，但此处不属于任何程序；请写 about，或去掉 here",
            "here means this case, and there is none; write about on the act, or leave out here",
        )
    level = scope.act.level if scope.act is not None else "centre"
    if done.level != level:
        yield desk.error(
            (*loc, "done"),
            "other_level",
            f"“{test.done}”不在同一级的档案中，永远查不到；请用 published",
            f"'{test.done}' is an act of the other level and is never on this file; use published",
        )


# --- flags, values, notices, names --------------------------------------------------------------


def lint_flags(desk: Desk) -> Iterator[Lint]:
    """Flags are both raised and read."""
    raised = {n: act for act, effect in _effects(desk) for n in effect.raise_}
    read: dict[str, Loc] = {}
    for part, start, _ in sections(desk):
        for model, loc in desk.walk(part, start):
            if isinstance(model, p.Test) and model.flag is not None:
                read.setdefault(model.flag, (*loc, "flag"))
    for name in desk.programme.flags:
        if name in raised and name not in read:
            yield desk.warning(
                ("flags", name),
                "flag_never_read",
                f"标记“{name}”由行为“{raised[name]}”立起，但没有条件查看它；"
                f"请用 flag: {name}，或删去",
                f"flag '{name}' is raised by '{raised[name]}', but no test reads it; read it by"
                f" flag: {name}, or take it out",
                key=True,
            )
        elif name not in raised:
            line = f"（第 {desk.node.place(read[name]).line} 行查看它）" if name in read else ""
            line_en = f" (line {desk.node.place(read[name]).line} reads it)" if name in read else ""
            yield desk.warning(
                ("flags", name),
                "flag_never_raised",
                f"标记“{name}”没有行为立起{line}；请在某个行为写 raise: {name}，或删去",
                f"no act raises flag '{name}'{line_en}; write raise: {name} in one, or take it out",
                key=True,
            )


def lint_values(desk: Desk) -> Iterator[Lint]:
    """What is read of the centre or of a case is set by some act."""
    written = {name: act for act, effect in _effects(desk) for name in effect.set}
    for part, start, _ in sections(desk):
        for model, loc in desk.walk(part, start):
            for path, at in terms(model, desk.node, loc):
                head, _, rest = path.partition(".")
                name = rest.split(".")[0]
                if head == "centre" and name in desk.programme.values and name not in written:
                    yield desk.error(
                        at,
                        "never_set",
                        f"“{path}”永远无值：没有行为写入它（then: {{set: {{{name}: …}}}}）",
                        f"'{path}' never has a value: no act sets it"
                        f" (then: {{set: {{{name}: …}}}})",
                    )


def lint_notices(desk: Desk) -> Iterator[Lint]:
    """Notices that acts make owed can be served, and those declared are owed."""
    owed = {n: act for act, effect in _effects(desk) for n in effect.owe}
    served = {n for _, effect in _effects(desk) for n in effect.serve}
    for name, notice in desk.programme.notices.items():
        if name not in owed:
            yield desk.warning(
                ("notices", name),
                "notice_never_owed",
                f"文书“{name}”（{notice.name.zh}）没有行为使其应发（owe）；请补上，或删去",
                f"no act makes the notice '{name}' ({notice.name.en}) owed; write owe in one, or"
                " take it out",
                key=True,
            )
        elif name not in served:
            yield desk.warning(
                ("notices", name),
                "notice_never_served",
                f"文书“{name}”由行为“{owed[name]}”而应发，但没有行为送达它（serve），将一直挂着",
                f"notice '{name}' is owed after '{owed[name]}', but no act serves it, so it stays"
                " owed for ever",
                key=True,
            )


_PLACE = re.compile(r"\{([^{}]*)\}")


def lint_name_forms(desk: Desk) -> Iterator[Lint]:
    """Name templates use facts that are on file."""
    values = desk.programme.values
    written = {name for _, effect in _effects(desk) for name in effect.set}
    for name, form in desk.programme.names.items():
        for language in ("zh", "en"):
            for place in _PLACE.findall(getattr(form, language) or ""):
                loc = ("names", name, language)
                if place not in values:
                    yield desk.unknown(loc, place, values, ("事项（values）", "value"))
                elif place not in written:
                    yield desk.error(
                        loc,
                        "never_set",
                        f"名称用到“{place}”，但没有行为写入它（set）",
                        f"the name uses '{place}', but no act sets it",
                    )


# --- inside single models -----------------------------------------------------------------------


def lint_columns(desk: Desk) -> Iterator[Lint]:
    """The columns and fields that tests name exist."""
    for part, start, scope in sections(desk):
        for model, loc in desk.walk(part, start):
            if isinstance(model, p.Published):
                yield from _published(desk, model, loc)
            if isinstance(model, p.Every):
                named = [*model.has, *([model.column] if model.column else [])]
                yield from _columns(
                    desk, model.of, named, (*loc, "has" if model.has else "column"), scope
                )
            if isinstance(model, p.Composition):
                yield from _columns(desk, model.of, [model.by], (*loc, "by"), scope)
                yield from _counted(desk, model, (*loc, "at_least"), scope)


def _published(desk: Desk, model: p.Published, loc: Loc) -> Iterator[Lint]:
    act = desk.acts.get(model.act)
    if act is None:
        return
    for index, where in enumerate(model.where):
        if where.field not in act.with_:
            at = (*item(desk.node, (*loc, "where"), index), "field")
            yield desk.unknown(
                at, where.field, act.with_, (f"填报项（{model.act}）", f"input of '{model.act}'")
            )


def _list_input(desk: Desk, of: Any, scope: Scope) -> p.Input | None:
    if not isinstance(of, str) or scope.act is None:
        return None
    parts = of.split(".")
    if parts[0] == "with" and len(parts) == 2:
        return scope.act.with_.get(parts[1])
    if parts[0] == "document" and len(parts) == 4:
        schema = desk.programme.documents.get(parts[1])
        section = schema.sections.get(parts[2]) if schema is not None else None
        return section.fields.get(parts[3]) if section is not None else None
    return None


def _columns(desk: Desk, of: Any, named: list[str], loc: Loc, scope: Scope) -> Iterator[Lint]:
    given = _list_input(desk, of, scope)
    if given is None or given.type == "people":
        return
    columns = dict(given.columns or {})
    for index, name in enumerate(named):
        if columns and name not in columns:
            yield desk.unknown(item(desk.node, loc, index), name, columns, ("列", "column"))
        elif not columns and given.type not in ("organisations", "data"):
            yield desk.error(
                loc, "no_columns", f"“{of}”没有列（columns）", f"'{of}' has no columns"
            )


def _counted(desk: Desk, model: p.Composition, loc: Loc, scope: Scope) -> Iterator[Lint]:
    given = _list_input(desk, model.of, scope)
    column = (given.columns or {}).get(model.by) if given is not None else None
    if column is None or not column.options:
        return
    for name in model.at_least:
        if name not in column.options:
            yield desk.unknown((*loc, name), name, column.options, ("选项", "option"), key=True)


def lint_inputs(desk: Desk) -> Iterator[Lint]:
    """Inputs that point to a programme act say to which; causes fit the act they cause."""
    for part, start, _ in sections(desk):
        for model, loc in desk.walk(part, start):
            if isinstance(model, p.Input) and (model.type == "programme_act") != bool(model.act):
                yield desk.error(
                    (*loc, "type"),
                    "input_act",
                    "type: programme_act 与 act 须同时写明",
                    "type: programme_act and act go together: say which act",
                )
            if isinstance(model, p.Causes):
                yield from _causes(desk, model, loc)
            if isinstance(model, p.FromRegister):
                yield from _counted_rows(desk, model, loc)


def _counted_rows(desk: Desk, model: p.FromRegister, loc: Loc) -> Iterator[Lint]:
    rows = desk.acts.get(model.of)
    if rows is None:
        return
    dates = [n for n, i in rows.with_.items() if i.type == "date"]
    numbers = [
        n for n, i in rows.with_.items() if i.type in ("integer", "number", "money", "ratio")
    ]
    for name, allowed in (("date", dates), ("until", dates), ("sum", numbers)):
        given = getattr(model, name)
        if given is not None and given not in allowed:
            what = (
                f"可用于 {name} 的填报项（{model.of}）",
                f"input of '{model.of}' fit for {name}",
            )
            yield desk.unknown((*loc, name), given, allowed, what)


def _causes(desk: Desk, model: p.Causes, loc: Loc) -> Iterator[Lint]:
    caused = desk.acts.get(model.act)
    if caused is None:
        return
    for name in model.with_:
        if name not in caused.with_:
            at = (*loc, "with", name)
            what = (f"填报项（{model.act}）", f"input of '{model.act}'")
            yield desk.unknown(at, name, caused.with_, what, key=True)
    for name, given in caused.with_.items():
        if given.required and name not in model.with_:
            yield desk.error(
                (*loc, "with"),
                "missing_input",
                f"所引起的行为“{model.act}”须填“{name}”，这里没有给出",
                f"the caused act '{model.act}' requires '{name}', which is not given here",
            )


def lint_bases(desk: Desk) -> Iterator[Lint]:
    """The generic acts rest on an article or a default."""
    pr = desk.programme
    parts: list[tuple[str, p.Basis | None]] = [
        ("annulment", pr.annulment),
        ("exceptions", pr.exceptions),
        ("existing", pr.existing),
        ("validity_extension", pr.validity_extension),
    ]
    for name, basis in parts:
        if basis is not None and not (basis.cite or basis.default):
            yield desk.error(
                (name,),
                "no_basis",
                f"{name} 须写依据：cite（条款）或 default（缺省）",
                f"{name} needs a basis: cite (an article) or default (a declared default)",
                key=True,
            )
    for name, parameter in pr.parameters.items():
        if not (parameter.cite or parameter.default):
            yield desk.error(
                ("parameters", name),
                "no_basis",
                f"参数“{name}”须写依据：cite 或 default",
                f"parameter '{name}' needs a basis: cite or default",
                key=True,
            )


def lint_soft_conditions(desk: Desk) -> Iterator[Lint]:
    """A soft condition says, through `strengths` or `deviation`, what its failure does."""
    pr = desk.programme
    for part, start, _ in sections(desk):
        for model, loc in desk.walk(part, start):
            if not isinstance(model, p.Condition) or model.strength not in ("usual", "principle"):
                continue
            done = model.deviation or pr.strengths.get(model.strength)
            if done is None:
                yield desk.error(
                    (*loc, "strength"),
                    "no_deviation",
                    f"没有写明偏离“{model.strength}”条件的后果；"
                    "请在 strengths 或本条件的 deviation 写明",
                    f"nothing says what deviating from a '{model.strength}' condition does; say it"
                    " under strengths, or by deviation here",
                )
            elif done == "exception" and pr.exceptions is None:
                yield desk.error(
                    (*loc, "strength"),
                    "no_exceptions",
                    f"条件“{model.id}”可由例外决定放行，但办法没有 exceptions（由谁决定）",
                    f"condition '{model.id}' may pass by an exception, but exceptions (who decides)"
                    " is not declared",
                )


# --- articles -----------------------------------------------------------------------------------


def lint_articles(desk: Desk) -> Iterator[Lint]:
    """Every article of the instrument is in the list of articles, and the list holds no other."""
    listed = article_keys(desk.programme)
    instrument = desk.programme.instrument
    places = [("articles", k) for k in instrument.articles]
    places += [("annexes", k) for k in instrument.annexes]
    known = []
    for index, (name, key) in enumerate(places):
        try:
            cite = Citation.parse(key, instrument.numbering)
        except ValueError:
            continue  # lint_citations says so
        known.append(cite)
        if not any(cite.covers(one) or one.covers(cite) for one in listed.values()):
            at = index if name == "articles" else index - len(instrument.articles)
            yield desk.error(
                item(desk.node, ("instrument", name), at),
                "article_in_no_list",
                f"“{key}”（{cite.zh}）不在 articles 之中：不知其如何处理；"
                "请列入其本身，或其各款各项",
                f"'{key}' ({cite.en}) is not under articles, so nobody knows what becomes of it;"
                " list it, or its paragraphs and items",
            )
    for key, cite in listed.items():
        if cite.steps[0] != (Mark.NUMBER, 0) and not any(k.covers(cite) for k in known):
            yield desk.error(
                ("articles", key),
                "article_unknown",
                f"articles 列有“{key}”（{cite.zh}），但 instrument 的 articles、annexes 中没有它",
                f"articles lists '{key}' ({cite.en}), which is in neither the instrument's articles"
                " nor its annexes",
                key=True,
            )


_NO_FORCE = ("profile", "relations", "defaults")


def in_force_citations(desk: Desk) -> list[tuple[Citation, Loc]]:
    """What carries out an article: every citation that decides or keeps something."""
    found = []
    for key, loc, model in cited(desk):
        if loc[0] in _NO_FORCE or isinstance(model, p.Reference):
            continue
        try:
            found.append((Citation.parse(key, desk.programme.instrument.numbering), loc))
        except ValueError:
            continue
    return found


def printed(cite: Citation) -> Citation:
    """A citation without the marks that serve coverage only (letters and `head`)."""
    steps = tuple(s for s in cite.steps if s[0] not in (Mark.LETTER, Mark.HEAD))
    return Citation(cite.numbering, steps)


def carries_out(cite: Citation, article: Citation) -> bool:
    """Whether what cites `cite` carries out that entry: the place itself, or within it."""
    return article.covers(cite) or cite == printed(article)


def lint_executed_articles(desk: Desk) -> Iterator[Lint]:
    """What is called executable is cited by something, what is recorded is kept somewhere."""
    cites = [cite for cite, _ in in_force_citations(desk)]
    for key, article in article_keys(desk.programme).items():
        entry = desk.programme.articles[key]
        if entry.by or any(carries_out(cite, article) for cite in cites):
            continue
        if "executable" in entry.kind:
            yield desk.error(
                ("articles", key),
                "executable_uncited",
                f"“{key}”（{article.zh}）称为 executable，但没有条件、行为、义务、后果、名称、"
                "期限或参数引用它；请引用它，在 by 写明由什么落实，或改其 kind",
                f"'{key}' ({article.en}) is called executable, but no condition, act, duty,"
                " consequence, name, period or parameter cites it; cite it, say under by what"
                " carries it out, or change its kind",
                key=True,
            )
        elif "recorded" in entry.kind:
            yield desk.error(
                ("articles", key),
                "recorded_nowhere",
                f"“{key}”（{article.zh}）称为 recorded，但没有写由什么记载；"
                "请在 by 写明行为、材料或登记",
                f"'{key}' ({article.en}) is called recorded, but nothing keeps it; name the act,"
                " document or register under by",
                key=True,
            )


def lint_instrument(desk: Desk) -> Iterator[Lint]:
    """The instrument's own words fit together."""
    force = desk.programme.instrument.in_force
    if force.until is not None and force.until < force.from_:
        yield desk.error(
            ("instrument", "in_force", "until"),
            "contradiction",
            f"失效日 {force.until} 早于生效日 {force.from_}",
            f"the last day of force, {force.until}, lies before the first, {force.from_}",
        )
    if raw(desk.node.data, ("authority",)) == []:
        zh, en = "authority 须写明一方", "authority names at least one party"
        yield desk.error(("authority",), "nobody_may", zh, en)


# --- composition --------------------------------------------------------------------------------

LINTS: tuple[Callable[[Desk], Iterator[Lint]], ...] = (
    lint_names,
    lint_steps,
    lint_references,
    lint_citations,
    lint_defaults,
    lint_bases,
    lint_instrument,
    lint_articles,
    lint_executed_articles,
    lint_unreachable_stages,
    lint_trapped_stages,
    lint_derived_stages,
    lint_procedures,
    lint_grades,
    lint_periods,
    lint_duties,
    lint_consequences,
    lint_grounds,
    lint_documents,
    lint_actors,
    lint_condition_ids,
    lint_keys,
    lint_flags,
    lint_values,
    lint_notices,
    lint_name_forms,
    lint_columns,
    lint_inputs,
    lint_contradictions,
    lint_literals,
    lint_types,
    lint_optional_inputs,
    lint_soft_conditions,
    lint_placeholders,
)


def lint_programme(programme: Programme, node: Node) -> list[Problem]:
    """Every problem of meaning, in the order of the files. Raises nothing."""
    desk = Desk(programme, node)
    found = {problem for lint in LINTS for problem in lint(desk)}
    if not any(problem.severity == "error" for problem in found):
        found.update(_compiles(desk))
    return sorted(found)


def _compiles(desk: Desk) -> Iterator[Lint]:
    """What no lint foresaw: the programme can be compiled."""
    try:
        _ = Ruleset(desk.programme).duties
    except Exception as error:  # whatever it is, the author must hear of it
        zh = f"无法编译：{error}（{type(error).__name__}）"
        en = f"cannot be compiled: {error} ({type(error).__name__})"
        yield desk.error((), "compile", zh, en)


def check_folder(folder: Path) -> tuple[Programme | None, list[Problem]]:
    """Loads and lints one edition's folder: the model if it loads, and every problem."""
    try:
        node = read_folder(folder)
        programme = validate(node, Programme)
    except LoadError as error:
        return None, list(error.problems)
    return programme, lint_programme(programme, node)


def severity(problem: Problem) -> str:
    """`error` or `warning`; what loading finds is always an error."""
    return problem.severity if isinstance(problem, Lint) else "error"


__all__ = ["LINTS", "Lint", "check_folder", "lint_programme", "severity", "suggestion", "words_of"]
