"""Case files and histories: lives written down, and what the rules should say about them.

A history file is a case file without `cases`. An unknown act, input or party is an error in the
file (LoadError with its place), not a refusal.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import Field

from banfa.rules import duties as duty_rules
from banfa.rules import names as name_rules
from banfa.rules import programme as p
from banfa.rules.history import Book, Editions, Taken
from banfa.rules.indicators import indicators
from banfa.rules.judge import permitted
from banfa.rules.library import SHIPPED, NoSuchProgramme, find
from banfa.rules.life import Act, State, digest, standing
from banfa.rules.loading import LoadError, Node, Problem, read, validate
from banfa.rules.proposals import BadProposal, check, nearest
from banfa.rules.ruleset import Ruleset

MAIN = "main"


class CaseAct(p.Strict):
    """One act of a case file. `by` is a party; `org` another organisation than that party's."""

    on: dt.date
    by: str
    act: str
    with_: dict[str, Any] = Field(default={}, alias="with")
    documents: dict[str, Any] = {}
    jointly: list[str] = []
    exception: dict[str, Any] | None = None
    centre: str | None = None
    org: str | None = None
    about: str | None = None
    id: str | None = None
    recorded: dt.date | None = None


class Expect(p.Strict):
    """What is expected of a tried act. `refused` lists exactly the codes, `cite` exactly the bases.

    `conditions` lists condition ids that must be among the refusing ones; `warnings` exactly the
    warnings, each by condition id or code.
    """

    accepted: bool | None = None
    refused: list[str] | None = None
    cite: list[str] | None = None
    conditions: list[str] = []
    warnings: list[str] | None = None
    stage: str | None = None


class AskIndicators(p.Strict):
    """The indicators computed for a period, both days included."""

    start: dt.date = Field(alias="from")
    until: dt.date
    values: dict[str, int | Decimal]


class Ask(p.Strict):
    """A question about the state on a day as known on a day; each answer is a subset."""

    on: dt.date
    known_at: dt.date | None = None
    centre: str | None = None
    state: dict[str, Any] = {}
    duties: list[dict[str, Any]] = []
    no_duties: list[str] = []
    permitted: dict[str, dict[str, Any]] = {}
    indicators: AskIndicators | None = None


class Case(p.Strict):
    """One case: further acts, then an act tried or a question asked. `twin` names its pair."""

    id: str
    says: str | None = None
    twin: str | None = None
    given: list[CaseAct] = []
    facts: dict[str, Any] = {}
    try_: CaseAct | None = Field(default=None, alias="try")
    expect: Expect | None = None
    ask: Ask | None = None


class CaseFile(p.Strict):
    """A case file or a history."""

    programme: str
    edition: p.Edition | None = None
    parties: dict[str, dict[str, Any]] = {}
    organisations: dict[str, dict[str, Any]] = {}
    facts: dict[str, Any] = {}
    documents: dict[str, Any] = {}
    given: list[CaseAct] = []
    cases: list[Case] = []


@dataclass(slots=True)
class CaseResult:
    """How a case came out: `faults` say what differs; `taken` is the judgement when one was made.

    `act` is the act tried; `conditions` the ids of the conditions that held or refused it.
    """

    file: Path
    id: str
    faults: list[str] = field(default_factory=list)
    taken: Taken | None = None
    act: Act | None = None

    @property
    def passed(self) -> bool:
        """Whether everything came out as expected."""
        return not self.faults


class FileFacts:
    """The outside port answered from a file's `facts` and from the other centres in it."""

    def __init__(self, facts: Mapping[str, Any], book: Book | None = None) -> None:
        self.facts = facts
        self.book = book

    def listed(self, listing: str, org: str, on: dt.date) -> bool:
        """Whether the file puts the organisation on the list on that day."""
        for entry in self.facts.get(listing) or []:
            row = entry if isinstance(entry, Mapping) else {"org": entry}
            if row.get("org") == org and _covers(row, on):
                return True
        return False

    def engagements(
        self, team: Sequence[str], on: dt.date, level: str, centre: str | None
    ) -> list[dict[str, Any]]:
        """Persons of the team whom the file, or another centre in it, has at work elsewhere."""
        members = set(team)
        found = [
            dict(row)
            for row in self.facts.get("engagements") or []
            if row.get("person") in members
            and _covers(row, on)
            and level in ("any", row.get("level", "national"))
        ]
        return found + self._in_book(members, on, level, centre)

    def _in_book(
        self, members: set[str], on: dt.date, level: str, centre: str | None
    ) -> list[dict[str, Any]]:
        if self.book is None:
            return []
        found = []
        for name, history in self.book.centres.items():
            if name == (centre or MAIN):
                continue
            state = history.state(self.book.world, on)
            rs = self.book.editions.of(state, on)
            if not rs.is_active(state, on) or level not in ("any", rs.programme.instrument.level):
                continue
            for person in state.values.get("team") or []:
                who = person.get("person") if isinstance(person, Mapping) else person
                if who in members:
                    found.append(
                        {"person": who, "platform": rs.programme.programme, "centre": name}
                    )
        return found


def _covers(row: Mapping[str, Any], on: dt.date) -> bool:
    begins, ends = row.get("from"), row.get("until")
    return (begins is None or begins <= on) and (ends is None or on <= ends)


# --- reading ------------------------------------------------------------------------------------


@dataclass
class Reader:
    """A case file being read: its model, its positions and the programme it is about."""

    path: Path
    model: CaseFile
    node: Node
    editions: Editions

    def problem(self, loc: tuple[Any, ...], zh: str, en: str) -> LoadError:
        """An error at a place in the file."""
        return LoadError([self.node.problem(loc, "case", zh, en)])

    def rulesets(self, on: dt.date) -> Ruleset:
        """The edition an act's names are checked against."""
        return self.editions.on(on)

    def org(self, name: str, loc: tuple[Any, ...]) -> dict[str, Any]:
        """An organisation by party name or by its own name in the file."""
        if name in self.model.parties:
            found = {"org": name, **self.model.parties[name]}
        elif name in self.model.organisations:
            found = {"org": name, **self.model.organisations[name]}
        else:
            for entry in (*self.model.parties.values(), *self.model.organisations.values()):
                if entry.get("org") == name:
                    return {"name": name, **entry}
            found = {"org": name}
        return {"name": found["org"], **found}

    def act(self, given: CaseAct, loc: tuple[Any, ...]) -> Act:
        """A typed act from the file; raises LoadError for unknown names and bad values."""
        rs = self.rulesets(given.on)
        if given.act not in rs.models:
            like = nearest(given.act, rs.models)
            raise self.problem(
                (*loc, "act"),
                f"办法中没有名为“{given.act}”的行为" + (f"；是否指“{like}”？" if like else ""),
                f"no act '{given.act}'" + (f"; did you mean '{like}'?" if like else ""),
            )
        model = rs.models[given.act]
        act = Act(
            given.act,
            given.on,
            given.by,
            self.acting(rs, given.by, given.org, loc),
            self._data(model, given, loc),
            self._documents(rs, model, given),
            about=given.about,
            exception=given.exception,
            centre=None if model.level == "programme" else given.centre or MAIN,
            label=given.id,
        )
        when = given.recorded or given.on
        act.recorded = dt.datetime(when.year, when.month, when.day, 12)
        try:
            return check(rs, act)
        except BadProposal as bad:
            problems = [
                self.node.problem((*loc, *m.where.split(".")), "case", m.text.zh, m.text.en)
                for m in bad.mistakes
            ]
            raise LoadError(problems) from None

    def acting(
        self, rs: Ruleset, by: str, named: str | None, loc: tuple[Any, ...]
    ) -> dict[str, Any]:
        """The acting organisation: the one named, or the party's own; a body is itself."""
        org = self.org(named or by, loc)
        party = rs.programme.parties.get(by)
        if named is None and party is not None and (party.body or party.inside):
            org = {**org, "org": by}
        return org

    def _data(self, model: p.Act, given: CaseAct, loc: tuple[Any, ...]) -> dict[str, Any]:
        data = dict(given.with_)
        for name, declared in model.with_.items():
            if declared.type in ("organisation", "organisations"):
                raw = data.get(name)
                left_out = name not in data  # a written null means: not given
                if left_out and declared.party in self.model.parties:
                    raw = declared.party
                if raw is None:
                    continue
                orgs = [
                    self.org(o, loc) if isinstance(o, str) else o
                    for o in (raw if isinstance(raw, list) else [raw])
                ]
                data[name] = orgs if declared.type == "organisations" else orgs[0]
        return data

    def _documents(self, rs: Ruleset, model: p.Act, given: CaseAct) -> dict[str, dict[str, Any]]:
        documents = {}
        for name, raw in given.documents.items():
            schema = rs.programme.documents.get(name)
            content = self.model.documents.get(raw, raw) if isinstance(raw, str) else raw
            if schema is not None:
                content = written(schema, content)
            documents[name] = {"content": content, "digest": digest(content)}
        return documents


def written(schema: p.Document, raw: Any) -> Any:
    """A document's content; `complete` stands for a complete one, for cases that vary one thing.

    `{complete: true, without: [section, section.field], with: {section: {...}}}` leaves out or
    replaces parts of the complete one.
    """
    if raw == "complete" or raw is True:
        return complete(schema)
    if not isinstance(raw, Mapping) or raw.get("complete") is not True:
        return raw
    content = complete(schema)
    for path in raw.get("without", []):
        section, _, part = path.partition(".")
        if part:
            content[section].pop(part, None)
        else:
            content.pop(section, None)
    for section, value in (raw.get("with") or {}).items():
        if isinstance(value, Mapping) and isinstance(content.get(section), dict):
            content[section] = {**content[section], **value}
        else:
            content[section] = value
    return content


def complete(schema: p.Document) -> dict[str, Any]:
    """A document with every section and field filled with sample content."""
    if not schema.sections:
        return {"reference": "（文件）"}
    return {
        name: {f: sample(i) for f, i in section.fields.items()} if section.fields else "（内容）"
        for name, section in schema.sections.items()
    }


def sample(given: p.Input) -> Any:
    """A sample value of an input's type."""
    simple: dict[str, Any] = {
        "date": dt.date(2026, 1, 1),
        "year": 2026,
        "integer": 1,
        "number": 1,
        "money": 1,
        "ratio": 1,
        "boolean": True,
        "texts": ["（内容）"],
        "people": ["（姓名）"],
        "organisation": {"org": "（单位）"},
        "organisations": [{"org": "（单位）"}],
        "centres": ["（中心）"],
    }
    if given.options:
        return list(given.options) if given.type == "choices" else next(iter(given.options))
    if given.columns:
        return [{c: sample(i) for c, i in given.columns.items()}]
    return simple.get(given.type, "（内容）")


def read_file(path: Path, root: Path = SHIPPED) -> Reader:
    """Reads a case or history file. Raises LoadError with places, also for a missing programme."""
    node = read(path)
    model = validate(node, CaseFile)
    try:
        editions = find(model.programme, root, base=path.parent)
    except NoSuchProgramme as error:
        zh, _, en = str(error).partition(" / ")
        raise LoadError([node.problem(("programme",), "case", zh, en)]) from None
    _check_outside(node, model, editions)
    if model.edition is not None:
        if model.edition not in editions.by_name:
            known = ", ".join(editions.by_name)
            raise LoadError(
                [
                    node.problem(
                        ("edition",),
                        "case",
                        f"没有版本“{model.edition}”；现有：{known}",
                        f"no edition '{model.edition}'; known: {known}",
                    )
                ]
            )
        editions = Editions([editions.by_name[model.edition]])
    return Reader(path, model, node, editions)


def _slip(word: str, known: Iterable[str]) -> bool:
    """Whether a word is so like a known one that it was probably meant to be that one."""
    return bool(difflib.get_close_matches(word, list(known), n=1, cutoff=0.85))


ATTRIBUTES = ("org", "name", "name_en", "kind", "place", "uscc")


def _check_outside(node: Node, model: CaseFile, editions: Editions) -> None:
    """A misspelt list, attribute or kind would silently change an answer: it is an error."""
    programmes = [rs.programme for rs in editions.rulesets]
    lists = {"engagements", *(name for one in programmes for name in one.lists)}
    kinds = {name for one in programmes for name in one.kinds}
    problems = []

    def unfit(loc: tuple[Any, ...], name: str, known: Sequence[str], zh: str, en: str) -> None:
        like = nearest(name, known)
        zh = f"没有名为“{name}”的{zh}" + (f"；是否指“{like}”？" if like else "")
        en = f"no {en} '{name}'" + (f"; did you mean '{like}'?" if like else "")
        problems.append(node.problem(loc, "case", zh, en))

    def facts(given: Mapping[str, Any], loc: tuple[Any, ...]) -> None:
        for name in given:
            if name not in lists:
                unfit((*loc, name), name, sorted(lists), "外部名单", "outside list")

    facts(model.facts, ("facts",))
    for i, case in enumerate(model.cases):
        facts(case.facts, ("cases", i, "facts"))
    for part in ("parties", "organisations"):
        for name, org in getattr(model, part).items():
            for key in org:
                if key not in ATTRIBUTES:
                    unfit((part, name, key), key, ATTRIBUTES, "单位属性", "attribute")
            kind = org.get("kind")
            if kind not in kinds and _slip(str(kind), kinds):
                unfit((part, name, "kind"), str(kind), sorted(kinds), "单位类型", "kind")
    for name in model.parties:
        if all(name not in one.parties for one in programmes):
            known = [n for one in programmes for n in one.parties]
            unfit(("parties", name), name, known, "一方", "party")
    if problems:
        raise LoadError(problems)


# --- running ------------------------------------------------------------------------------------


class NotAccepted(LoadError):
    """An act under `given` was refused; every given act must be accepted."""

    def __init__(self, problem: Problem, taken: Taken) -> None:
        super().__init__([problem])
        self.taken = taken


def book_of(reader: Reader, case: Case | None = None, case_loc: tuple[Any, ...] = ()) -> Book:
    """A book with all acts given, shared and of this case. Raises NotAccepted with the place."""
    facts: dict[str, Any] = {**reader.model.facts, **(case.facts if case else {})}
    book = Book(reader.editions)
    book.facts = FileFacts(facts, book)
    book.world.facts = book.facts
    for i, given in enumerate(reader.model.given):
        _give(reader, book, given, ("given", i))
    for i, given in enumerate(case.given if case else []):
        _give(reader, book, given, (*case_loc, "given", i))
    return book


def _give(reader: Reader, book: Book, given: CaseAct, loc: tuple[Any, ...]) -> None:
    act = reader.act(given, loc)
    _resolve_about(book, act)
    _concur(reader, book, act, given)
    taken = book.record(act)
    if not taken.accepted:
        raise NotAccepted(
            reader.node.problem(
                loc,
                "case",
                "给定的行为未被接受：" + told(taken, "zh"),
                "a given act was refused: " + told(taken, "en"),
            ),
            taken,
        )


def told(taken: Taken, lang: str) -> str:
    """The refusing findings on one line."""
    parts = []
    for f in taken.refusals:
        says = getattr(f.says, lang, "") if f.says else ""
        seen = getattr(f.seen, lang, "") if f.seen else ""
        parts.append(f"{f.code} {f.basis} {f.id}: {says}" + (f" [{seen}]" if seen else ""))
    return "; ".join(parts)


def _resolve_about(book: Book, act: Act) -> None:
    """`about` in a file is the label of the act that opened the case."""
    if act.about is None:
        return
    state = book.history(act.centre).state(book.world)
    for opened in book.history(act.centre).acts:
        if opened.label == act.about:
            for case in state.cases.values():
                if case.id.endswith(f"#{opened.seq}"):
                    act.about = case.id
                    return


def _concur(reader: Reader, book: Book, act: Act, given: CaseAct) -> None:
    """`jointly` in a file stands for the concurrences recorded before the act."""
    level = book.level(act.kind)
    for party in given.jointly:
        joint = Act(
            "concur",
            act.on,
            party,
            reader.acting(reader.rulesets(act.on), party, None, ()),
            {"draft": act.draft, "agrees": True},
            centre=act.centre,
            recorded=act.recorded,
        )
        if level == "centre":
            book.record(joint)


def run_file(path: Path, root: Path = SHIPPED) -> list[CaseResult]:
    """Runs every case of a file. Raises LoadError when the file itself is wrong."""
    reader = read_file(path, root)
    if not reader.model.cases:
        book_of(reader)
    return [run_case(reader, i) for i in range(len(reader.model.cases))]


def run_case(reader: Reader, index: int) -> CaseResult:
    """Runs one case on a fresh book."""
    case = reader.model.cases[index]
    loc: tuple[Any, ...] = ("cases", index)
    result = CaseResult(reader.path, case.id)
    try:
        book = book_of(reader, case, loc)
    except NotAccepted as refused:
        result.faults.append(refused.text("zh"))
        result.taken = refused.taken
        return result
    return try_case(reader, index, book)


def try_case(reader: Reader, index: int, book: Book) -> CaseResult:
    """Tries a case's act and asks its questions on a book with all its givens in it."""
    case = reader.model.cases[index]
    loc: tuple[Any, ...] = ("cases", index)
    result = CaseResult(reader.path, case.id)
    if case.try_ is not None:
        _try(reader, book, case, loc, result)
    if case.ask is not None:
        result.faults += answer(book, case.ask)
    if case.try_ is None and case.ask is None:
        result.faults.append("既没有 try 也没有 ask / neither try nor ask")
    return result


def _try(reader: Reader, book: Book, case: Case, loc: tuple[Any, ...], result: CaseResult) -> None:
    assert case.try_ is not None
    act = reader.act(case.try_, (*loc, "try"))
    _resolve_about(book, act)
    _concur(reader, book, act, case.try_)
    rs = reader.rulesets(act.on)
    probe = rs.models[act.kind].probe
    taken = book.propose(act)[0] if probe else book.record(act)
    result.taken, result.act = taken, act
    expect = case.expect or Expect(accepted=True)
    result.faults += differences(expect, taken)
    if expect.stage is not None:
        state = book.history(act.centre).state(book.world, act.on)
        now = rs.stage_on(state, act.on)
        if now != expect.stage:
            result.faults.append(f"stage: {now}, expected {expect.stage}")


def differences(expect: Expect, taken: Taken) -> list[str]:
    """What differs between an expectation and a judgement."""
    faults = []
    wanted = expect.accepted if expect.accepted is not None else expect.refused is None
    if taken.accepted != wanted:
        outcome = "accepted" if taken.accepted else f"refused ({told(taken, 'zh')})"
        faults.append(f"{outcome}, expected {'accepted' if wanted else 'refused'}")
    if expect.refused is not None and not taken.accepted:
        if taken.codes != sorted(set(expect.refused)):
            faults.append(f"codes {taken.codes}, expected {expect.refused}: {told(taken, 'zh')}")
        bases = {f.cite or f.default or "" for f in taken.refusals}
        if expect.cite is not None and bases != set(expect.cite):
            faults.append(f"cites {sorted(bases)}, expected {expect.cite}: {told(taken, 'zh')}")
        ids = {f.id for f in taken.refusals}
        missing = [c for c in expect.conditions if c not in ids]
        if missing:
            faults.append(f"conditions {sorted(ids)} lack {missing}")
    if expect.warnings is not None:
        got = {w.id: w.code for w in taken.warnings}
        named = set(expect.warnings)
        unexpected = [i for i, c in got.items() if i not in named and c not in named]
        absent = [n for n in named if n not in got and n not in got.values()]
        if unexpected or absent:
            faults.append(f"warnings {got}, expected {expect.warnings}")
    return faults


def answer(book: Book, ask: Ask) -> list[str]:
    """What differs between a question's expected answers and the state."""
    end_of_day = dt.time(23, 59, 59)
    known = dt.datetime.combine(ask.known_at, end_of_day) if ask.known_at else None
    centre = ask.centre or MAIN
    state = book.history(centre).state(book.world, ask.on, known)
    rs = book.editions.of(state, ask.on)
    faults = subset(ask.state, shown(rs, state, ask.on), "state")
    if ask.duties or ask.no_duties:
        owed = [d.plain() for d in duty_rules.duties(rs, state, ask.on, book.world)]
        for wanted in ask.duties:
            if not any(not subset(wanted, o, "duty") for o in owed):
                faults.append(f"no duty like {wanted}; owed: {owed}")
        faults += [
            f"duty {d} should not be owed" for d in ask.no_duties if d in [o["id"] for o in owed]
        ]
    if ask.indicators is not None:
        wanted_values = ask.indicators
        acts_known = standing(book.history(centre).acts, known)
        got = indicators(rs, acts_known, wanted_values.start, wanted_values.until)
        faults += subset(wanted_values.values, got, "indicators")
    for party, acts in ask.permitted.items():
        allowed = {q.act: q for q in permitted(rs, state, party, ask.on, book.world, centre=centre)}
        for act, wanted in acts.items():
            if act not in allowed:
                faults.append(f"{party} has no act {act}")
                continue
            q = allowed[act]
            plain = {
                "standing": q.standing,
                "codes": q.judgement.codes,
                "from": q.from_day,
                "open": [f.id for f in q.judgement.open],
            }
            expected = {"standing": wanted} if isinstance(wanted, str) else wanted
            faults += subset(expected, plain, f"permitted {party}.{act}")
    return faults


def shown(rs: Ruleset, state: State, on: dt.date) -> dict[str, Any]:
    """A state as case files and `--json` show it."""
    named = name_rules.current(rs.programme, state, on)
    plain = state.summary()
    plain["stage"] = rs.stage_on(state, on)
    plain["stage_since"] = rs.since(state, on)
    plain["flags"] = sorted(state.flags)
    plain["roles"] = {
        k: [o.get("org") for o in v] if rs.programme.parties[k].many else v[0].get("org")
        for k, v in state.roles.items()
        if v
    }
    plain["names"] = {"zh": named.zh, "en": named.en, "barred": named.barred}
    plain["open_cases"] = [
        {"procedure": c.procedure, "step": c.step, "key": c.key}
        for c in state.cases.values()
        if not c.closed
    ]
    plain["notices"] = [n.notice for n in state.notices if n.sent is None]
    return plain


def subset(wanted: Any, got: Any, where: str) -> list[str]:
    """Where `got` lacks what is wanted: mappings by key, lists of mappings by position."""
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        return [f for k, v in wanted.items() for f in subset(v, got.get(k), f"{where}.{k}")]
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        return [
            f
            for i, (a, b) in enumerate(zip(wanted, got, strict=True))
            for f in subset(a, b, f"{where}[{i}]")
        ]
    if isinstance(wanted, dt.date) and isinstance(got, str):
        got = dt.date.fromisoformat(got)
    return [] if wanted == got else [f"{where}: {got}, expected {wanted}"]
