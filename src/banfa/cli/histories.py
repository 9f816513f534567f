"""Commands on a history: its state, who may do what, who owes what, and a proposed act."""

from __future__ import annotations

import argparse
import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from banfa.cli.options import Refused, print_json, root, say
from banfa.cli.programmes import finding_lines, finding_plain
from banfa.rules import cases, words
from banfa.rules import duties as duty_rules
from banfa.rules import judge as judging
from banfa.rules.history import Book
from banfa.rules.life import State
from banfa.rules.loading import LoadError, Node, parse, read, validate
from banfa.rules.programme import Programme
from banfa.rules.proposals import nearest
from banfa.rules.ruleset import Ruleset
from banfa.rules.world import World


@dataclass
class Asked:
    """One question about one centre of a history file."""

    reader: cases.Reader
    book: Book
    centre: str
    state: State
    rs: Ruleset
    world: World


def _asked(options: argparse.Namespace) -> Asked:
    reader = cases.read_file(options.history, root())
    book = cases.book_of(reader)
    centre = _centre(options, book)
    known = options.known_at and dt.datetime.combine(options.known_at, dt.time(23, 59, 59))
    state = book.history(centre).state(book.world, options.on, known or None)
    return Asked(reader, book, centre, state, book.editions.of(state, options.on), book.world)


def _centre(options: argparse.Namespace, book: Book) -> str:
    known = list(book.centres) or [cases.MAIN]
    if options.centre is None:
        if len(known) > 1 and cases.MAIN not in known:
            listed = "、".join(known)
            raise Refused(
                f"文件中有几个中心，请用 --centre 指明：{listed}",
                f"the file has several centres; say which by --centre: {', '.join(known)}",
            )
        return cases.MAIN if cases.MAIN in known else known[0]
    if options.centre not in known:
        like = nearest(options.centre, known) or known[0]
        raise Refused(
            f"文件中没有中心“{options.centre}”；是否指“{like}”？",
            f"no centre '{options.centre}' in the file; did you mean '{like}'?",
        )
    return str(options.centre)


# --- state --------------------------------------------------------------------------------------


def state(options: argparse.Namespace) -> int:
    """`banfa state`"""
    asked = _asked(options)
    shown = cases.shown(asked.rs, asked.state, options.on)
    if options.json:
        print_json({"centre": asked.centre, "on": options.on, **shown})
        return 0
    programme = asked.rs.programme
    stage = getattr(words.stage(programme, shown["stage"]), options.lang)
    since = shown["stage_since"] or ""
    lines = [(say(options, "阶段", "stage"), f"{stage} {since}".strip())]
    name = shown["names"][options.lang] or shown["names"]["zh"]
    if name:
        lines.append((say(options, "名称", "name"), name))
    for party, orgs in shown["roles"].items():
        held = orgs if isinstance(orgs, list) else [orgs]
        lines.append((getattr(words.party(programme, party), options.lang), "、".join(held)))
    for key, span in shown["periods"].items():
        title = getattr(programme.periods[key].name, options.lang)
        lines.append((title, f"{span['start']} – {span['end']}"))
    for key, value in shown["values"].items():
        title = getattr(programme.values[key].name, options.lang)
        lines.append((title, _shown_value(programme, key, value, options.lang)))
    for flag in shown["flags"]:
        lines.append((say(options, "标记", "flag"), getattr(programme.flags[flag], options.lang)))
    for one in shown["open_cases"]:
        procedure = programme.procedures[one["procedure"]]
        step = procedure.steps[one["step"]]
        title = getattr(procedure.name, options.lang)
        lines.append((title, getattr(step.name, options.lang)))
    for result in shown["results"]:
        grade = getattr(words.grade(programme, result["grade"]), options.lang)
        lines.append((say(options, "评估结果", "result"), f"{grade} {result['on']}"))
    for label, text in lines:
        print(f"{label}: {text}")
    return 0


def _shown_value(programme: Programme, key: str, value: Any, lang: str) -> str:
    """A fact as people read it: options by their names."""
    given = words.declared_in(programme, None, f"centre.{key}")
    text: str = getattr(words.value(value, given, programme=programme), lang)
    return text


# --- permitted ----------------------------------------------------------------------------------


def permitted(options: argparse.Namespace) -> int:
    """`banfa permitted`"""
    asked = _asked(options)
    parties = asked.rs.programme.parties
    if options.party not in parties:
        like = nearest(options.party, parties)
        raise Refused(
            f"没有名为“{options.party}”的一方；"
            + (f"是否指“{like}”？" if like else f"有：{'、'.join(parties)}"),
            f"no party '{options.party}'; "
            + (f"did you mean '{like}'?" if like else f"there are: {', '.join(parties)}"),
        )
    held = asked.state.roles.get(options.party)
    found: list[tuple[str, judging.Permission]] = []
    org = held[0] if held else asked.reader.org(options.party, ())
    own = asked.book.programme.state(asked.world, options.on)
    for level, state_then in (("centre", asked.state), ("programme", own)):
        allowed = judging.permitted(
            asked.rs, state_then, options.party, options.on, asked.world, org, asked.centre, level
        )
        found += [(level, permission) for permission in allowed]
    if options.json:
        print_json([_permission_plain(level, one) for level, one in found])
        return 0
    marks = {"possible": "✓", "open": "…", "blocked": "✗"}
    numbering = asked.rs.programme.instrument.numbering
    for _, one in sorted(found, key=lambda pair: list(marks).index(pair[1].standing)):
        name = getattr(asked.rs.models[one.act].name, options.lang)
        wait = one.from_day
        told = say(options, f"（{wait}起）", f" (from {wait})") if wait else ""
        print(f"{marks[one.standing]} {one.act}  {name}{told}")
        if one.standing == "blocked":
            for line in finding_lines(options, one.judgement.refusals, numbering):
                print(f"    {line}")
    return 0


def _permission_plain(level: str, one: judging.Permission) -> dict[str, Any]:
    return {
        "act": one.act,
        "level": level,
        "standing": one.standing,
        "from": one.from_day,
        "cases": one.cases,
        "findings": [finding_plain(f) for f in one.judgement.findings if f.outcome != "held"],
    }


# --- duties -------------------------------------------------------------------------------------


def duties(options: argparse.Namespace) -> int:
    """`banfa duties`"""
    asked = _asked(options)
    owed = duty_rules.duties(asked.rs, asked.state, options.on, asked.world)
    if options.json:
        print_json([{**d.plain(), "name": {"zh": d.name.zh, "en": d.name.en}} for d in owed])
        return 0
    if not owed:
        print(say(options, "没有应办事项", "nothing is owed"))
    for duty in owed:
        orgs = [getattr(o, options.lang) for o in duty.orgs]
        who = say(options, "、", ", ").join(orgs or duty.holder)
        year = f" {duty.year}" if duty.year else ""
        due = say(options, f"，{duty.due}前", f", due {duty.due}") if duty.due else ""
        late = say(options, "（已逾期）", " (late)") if duty.late else ""
        basis = duty.cite or f"[{duty.default}]"
        print(f"{getattr(duty.name, options.lang)}{year}: {who}{due}{late}  {basis}")
        if duty.computed is not None:
            print(f"    {getattr(duty.computed, options.lang)}")
    return 0


# --- judge --------------------------------------------------------------------------------------


def judge(options: argparse.Namespace) -> int:
    """`banfa judge`: 0 when the act would be accepted, 1 when it would be refused."""
    given = _given(options.act)
    reader = cases.read_file(options.history, root())
    if options.centre is not None and given.model.centre is None:
        given.model = given.model.model_copy(update={"centre": options.centre})
    taken = _judged(reader, given)
    if options.json:
        print_json(
            {
                "accepted": taken.accepted,
                "codes": taken.codes,
                "findings": [finding_plain(f) for f in taken.findings],
            }
        )
    else:
        print(
            say(options, "可予接受", "accepted")
            if taken.accepted
            else say(options, "不予接受", "refused")
        )
        numbering = reader.editions.latest.programme.instrument.numbering
        for line in finding_lines(options, taken.findings, numbering, held=True):
            print(f"  {line}")
    return 0 if taken.accepted else 1


@dataclass
class Given:
    """A proposed act as written, with its places."""

    model: cases.CaseAct
    node: Node


def _given(text: str) -> Given:
    """The act from a file or from JSON on the command line. Raises LoadError, Refused."""
    inline = text.lstrip().startswith("{")
    if not inline and not Path(text).is_file():
        raise Refused(
            f"没有文件“{text}”；请给 YAML 或 JSON 文件，或直接写 JSON（以“{{”开头）",
            f"no file '{text}'; give a YAML or JSON file, or JSON itself (beginning with '{{')",
        )
    node = parse(text.encode(), Path("ACT")) if inline else read(Path(text))
    data = node.data
    if not isinstance(data, dict):
        zh, en = "行为应是一组“键: 值”", "an act is a mapping (key: value)"
        raise LoadError([node.problem((), "act", zh, en)])
    for key in ("on", "recorded"):  # JSON has no dates of its own
        if isinstance(data.get(key), str):
            try:
                data[key] = dt.date.fromisoformat(str(data[key]))
            except ValueError:
                zh = f"“{data[key]}”不是日期，请写成 2026-02-10"
                en = f"'{data[key]}' is not a date; write 2026-02-10"
                raise LoadError([node.problem((key,), "act", zh, en)]) from None
    return Given(validate(node, cases.CaseAct), node)


def _judged(reader: cases.Reader, given: Given) -> Any:
    """The judgement of an act on a history: it is tried as the only case of the file."""
    where = ("cases", 0, "try")
    case = cases.Case.model_validate({"id": "judge", "try": given.model})
    node = Node(
        {**_mapping(reader.node), "cases": [{"try": given.node.data}]},
        {**reader.node.keys, **{(*where, *loc): at for loc, at in given.node.keys.items()}},
        {**reader.node.values, **{(*where, *loc): at for loc, at in given.node.values.items()}},
    )
    model = reader.model.model_copy(update={"cases": [case]})
    result = cases.run_case(replace(reader, model=model, node=node), 0)
    if result.act is None:
        raise Refused("；".join(result.faults), "; ".join(result.faults))
    return result.taken


def _mapping(node: Node) -> dict[str, Any]:
    return node.data if isinstance(node.data, dict) else {}
