"""What becomes of every article, and whether the cases notice when a condition is gone.

`coverage` says article by article what carries it out and which cases accept and refuse by it.
`mutants` makes every ruleset that lacks exactly one condition; `survivors` reports those that no
case notices: a condition that can be taken out unnoticed is not tested.
"""

from __future__ import annotations

import copy
import multiprocessing
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from banfa.rules import programme as p
from banfa.rules.cases import (
    Case,
    CaseResult,
    FileFacts,
    NotAccepted,
    Reader,
    book_of,
    read_file,
    try_case,
)
from banfa.rules.citation import Citation
from banfa.rules.history import Book, Editions
from banfa.rules.library import SHIPPED
from banfa.rules.lint import carries_out, in_force_citations
from banfa.rules.loading import Loc, Node
from banfa.rules.resolve import Desk, article_keys
from banfa.rules.ruleset import Ruleset
from banfa.rules.terms import NOT

# --- coverage -----------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Carrier:
    """What carries an article out: its kind (`condition`, `act`, `duty`, ...), id and place."""

    kind: str
    id: str
    cite: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(slots=True)
class ArticleCoverage:
    """One article: what becomes of it, what carries it out, and the cases that show it.

    `accepted` are cases in which an act was accepted and a finding of this article held, `refused`
    those refused by it; `asked` ask about one of its duties or consequences.
    """

    key: str
    citation: Citation
    kinds: list[str]
    gist: p.Words
    because: p.Words | None = None
    by: list[str] = field(default_factory=list)
    carriers: list[Carrier] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def executable(self) -> bool:
        """Whether the list calls it executable."""
        return "executable" in self.kinds

    @property
    def conditions(self) -> list[Carrier]:
        """The carriers that can refuse an act."""
        return [c for c in self.carriers if c.kind in REFUSING]

    @property
    def gaps(self) -> list[str]:
        """What is missing: `carrier`, `accepting case`, `refusing case`, `record`, `reason`."""
        missing = []
        if self.executable:
            if not self.carriers and not self.by:
                missing.append("carrier")
            if self.conditions and not self.accepted:
                missing.append("accepting case")
            if self.conditions and not self.refused:
                missing.append("refusing case")
        if self.kinds == ["recorded"] and not (self.by or self.carriers):
            missing.append("record")
        if self.kinds == ["declaratory"] and self.because is None:
            missing.append("reason")
        return missing

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "article": self.key,
            "zh": self.citation.zh,
            "en": self.citation.en,
            "kind": self.kinds,
            "gist": {"zh": self.gist.zh, "en": self.gist.en},
            "because": self.because.model_dump() if self.because else None,
            "by": self.by,
            "carriers": [{"kind": c.kind, "id": c.id, "cite": c.cite} for c in self.carriers],
            "accepted": self.accepted,
            "refused": self.refused,
            "asked": self.asked,
            "gaps": self.gaps,
        }


REFUSING = ("condition", "document", "content", "input", "jointly", "case", "ground", "elsewhere")


def coverage(ruleset: Ruleset, results: Iterable[CaseResult] = ()) -> list[ArticleCoverage]:
    """Every listed article in the order of the instrument, with the cases that show it."""
    programme = ruleset.programme
    carriers = carriers_of(programme)
    seen = _seen(programme, results)
    found = []
    for key, citation in sorted(article_keys(programme).items(), key=lambda pair: pair[1]):
        entry = programme.articles[key]
        mine = [c for c, cite in carriers if carries_out(cite, citation)]
        one = ArticleCoverage(
            key, citation, list(entry.kind), entry.gist, entry.because, list(entry.by), mine
        )
        for outcome, cite, case in seen:
            if carries_out(cite, citation):
                names: list[str] = getattr(one, outcome)
                if case not in names:
                    names.append(case)
        found.append(one)
    return found


def carriers_of(programme: p.Programme) -> list[tuple[Carrier, Citation]]:
    """Everything in a programme that cites an article, with the article."""
    data = programme.model_dump(mode="python", by_alias=True, exclude_none=True)
    desk = Desk(programme, Node(data))
    found: dict[tuple[Carrier, Citation], None] = {}
    for cite, loc in in_force_citations(desk):
        kind, name = _carrier(data, loc)
        found[Carrier(kind, name, cite.key), cite] = None
    return list(found)


_SECTIONS = {
    "acts": "act",
    "registers": "register",
    "duties": "duty",
    "consequences": "consequence",
    "names": "name",
    "periods": "period",
    "parameters": "parameter",
    "documents": "content",
    "parties": "party",
    "stages": "stage",
    "classes": "class",
    "procedures": "procedure",
    "notices": "notice",
    "absences": "absence",
}
_PARTS = {
    "documents": "document",
    "with": "input",
    "columns": "input",
    "jointly": "jointly",
    "about": "case",
    "elsewhere": "elsewhere",
}


def _carrier(data: Any, loc: Loc) -> tuple[str, str]:
    """What stands at the place of a citation: its kind and its name."""
    kind = _SECTIONS.get(str(loc[0]), str(loc[0]))
    if len(loc) < 2 or kind == loc[0]:
        return kind, str(loc[0])
    name = str(loc[1])
    if loc[0] in ("acts", "registers") and len(loc) > 3:
        part = str(loc[2])
        if part == "when":
            condition = data[loc[0]][name]["when"][loc[3]]["id"]
            grounds = [loc[i + 1] for i, step in enumerate(loc[:-1]) if step == "among"]
            suffix = f".{grounds[0]}" if grounds else ""
            return ("ground" if grounds else "condition"), f"{name}.{condition}{suffix}"
        if part in _PARTS:
            inner = loc[3] if part in ("documents", "with", "elsewhere", "columns") else part
            return _PARTS[part], f"{name}.{inner}"
    if loc[0] == "documents" and len(loc) > 3:
        return "content", ".".join(str(s) for s in loc[1:-1] if s not in ("sections", "fields"))
    return kind, name


def _seen(programme: p.Programme, results: Iterable[CaseResult]) -> list[tuple[str, Citation, str]]:
    """What the cases show: (accepted, refused or asked), by which article, in which case."""
    numbering = programme.instrument.numbering
    seen = []
    for result in results:
        taken = result.taken
        if taken is None:
            continue
        outcome = "accepted" if taken.accepted else "refused"
        for finding in taken.findings if taken.accepted else taken.refusals:
            if finding.cite and (finding.outcome != "open"):
                seen.append((outcome, Citation.parse(finding.cite, numbering), result.id))
    return seen


def asked_about(covered: list[ArticleCoverage], readers: Iterable[Reader]) -> None:
    """Adds the cases that ask about an article's duties, consequences and notices."""
    for reader in readers:
        for case in reader.model.cases:
            named = _asked(case)
            for one in covered:
                if any(c.id in named for c in one.carriers) and case.id not in one.asked:
                    one.asked.append(case.id)


def _asked(case: Case) -> set[str]:
    if case.ask is None:
        return set()
    return {str(d.get("id")) for d in case.ask.duties} | set(case.ask.no_duties)


# --- mutants ------------------------------------------------------------------------------------


class Mutant(NamedTuple):
    """A ruleset that lacks exactly one condition.

    `name` is what is gone (`extend.when.once`, `duty.report`); `act` the act it belonged to, and
    `rule` its index among the act's rules, where there is one.
    """

    name: str
    ruleset: Ruleset
    act: str | None = None
    rule: int | None = None


RULES = {
    "document": "document",
    "jointly": "jointly",
    "case": "about",
    "kind": "kind",
    "input": "input",
}
EVERYTHING = {**RULES, "content": "content", "rows": "rows", "actor": "by", "stage": "from"}


def mutants(ruleset: Ruleset, rules: dict[str, str] | None = None) -> Iterator[Mutant]:
    """Every ruleset with exactly one condition taken out.

    Taken out in turn: each `when` condition of an act or register, each ground of a choice, each
    required document and input, each jointly acting party, the step of a case an act waits for, the
    kinds of a party, each duty and consequence. `rules` chooses the kinds of rules besides `when`
    (EVERYTHING adds the content of documents, and who and in which stage).
    """
    chosen = RULES if rules is None else rules
    own = {*ruleset.programme.acts, *(f"record_{n}" for n in ruleset.programme.registers)}
    for name in sorted(own):
        compiled = ruleset.acts[name]
        if compiled.model.absent is not None:
            continue
        for index, rule in enumerate(compiled.rules):
            if isinstance(rule.source, p.Condition):
                yield _without_rule(ruleset, name, index, f"{name}.when.{rule.id}")
                yield from _without_grounds(ruleset, name, index, rule.source)
            elif rule.detail in chosen:
                kind = chosen[rule.detail]
                part = rule.id.removeprefix(f"{kind}.").removeprefix("document.")
                yield _without_rule(ruleset, name, index, f"{name}.{kind}.{part}")
    yield from _without_kinds(ruleset)
    for index, duty in enumerate(ruleset.duties):
        kind = "duty" if isinstance(duty.model, p.Duty) else "consequence"
        changed = copy.copy(ruleset)
        changed.__dict__["duties"] = [d for i, d in enumerate(ruleset.duties) if i != index]
        yield Mutant(f"{kind}.{duty.id}", changed)


def _without_rule(ruleset: Ruleset, act: str, index: int, name: str) -> Mutant:
    compiled = ruleset.acts[act]
    changed = copy.copy(ruleset)
    changed.acts = {
        **ruleset.acts,
        act: replace(
            compiled,
            rules=_drop(compiled.rules, index),
            checks=_drop(compiled.checks, index),
            all_held=_drop(compiled.all_held, index),
        ),
    }
    return Mutant(name, changed, act, index)


def _drop(items: tuple[Any, ...], index: int) -> tuple[Any, ...]:
    return items[:index] + items[index + 1 :]


def _without_grounds(
    ruleset: Ruleset, act: str, index: int, condition: p.Condition
) -> Iterator[Mutant]:
    """Each ground of a choice without what establishes it."""
    choose, programme = condition.choose, ruleset.programme
    model = programme.acts.get(act)
    if choose is None or model is None:
        return
    for name, ground in choose.among.items():
        if not ground.when:
            continue
        among = {**choose.among, name: ground.model_copy(update={"when": []})}
        easier = condition.model_copy(update={"choose": choose.model_copy(update={"among": among})})
        when = [easier if c is condition else c for c in model.when]
        acts = {**programme.acts, act: model.model_copy(update={"when": when})}
        changed = Ruleset(programme.model_copy(update={"acts": acts}))
        yield Mutant(f"{act}.when.{condition.id}.{name}", changed, act, index)


def _without_kinds(ruleset: Ruleset) -> Iterator[Mutant]:
    programme = ruleset.programme
    for name, party in programme.parties.items():
        if party.kinds:
            parties = {**programme.parties, name: party.model_copy(update={"kinds": []})}
            changed = Ruleset(programme.model_copy(update={"parties": parties}))
            yield Mutant(f"party.{name}.kinds", changed)


# --- survivors ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Survivors:
    """What the mutation check found: names of mutants, those not noticed, cases that failed."""

    tried: list[str] = field(default_factory=list)
    unnoticed: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Known:
    """A passing case with its acts already on the book, what it touches, what refused in it."""

    reader: Reader
    index: int
    book: Book
    acts: frozenset[str]
    refused: frozenset[tuple[str, int]] = frozenset()
    warned: bool = False

    @property
    def case(self) -> Case:
        """The case as written."""
        return self.reader.model.cases[self.index]


def survivors(
    ruleset: Ruleset,
    files: Sequence[Path],
    root: Path = SHIPPED,
    rules: dict[str, str] | None = None,
    processes: int = 2,
    only: Collection[str] | None = None,
) -> Survivors:
    """Runs the cases against every mutant, and reports those that no case notices.

    Only cases of this edition that pass and that touch the mutant's act are run, those first that
    were refused by the very condition. `only` limits the check to some mutants, by name.
    """
    bench = _Bench(ruleset, *_passing(ruleset, files, root))
    made = [m for m in mutants(ruleset, rules) if only is None or m.name in only]
    found = Survivors([m.name for m in made], failing=bench.failing)
    if processes > 1 and len(made) > 100 and "fork" in multiprocessing.get_all_start_methods():
        global _work
        _work = (bench, made)
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            noticed = pool.map(_noticed_at, range(len(made)), chunksize=20)
        _work = None
    else:
        noticed = [bench.notices(mutant) for mutant in made]
    found.unnoticed = [m.name for m, seen in zip(made, noticed, strict=True) if not seen]
    return found


_work: tuple[_Bench, list[Mutant]] | None = None


def _noticed_at(index: int) -> bool:
    assert _work is not None
    bench, made = _work
    return bench.notices(made[index])


@dataclass
class _Bench:
    ruleset: Ruleset
    cases: list[_Known]
    failing: list[str]

    def notices(self, mutant: Mutant) -> bool:
        """Whether some case comes out otherwise without the condition."""
        return any(_differs(known, mutant.ruleset) for known in self._worth_running(mutant))

    def _worth_running(self, mutant: Mutant) -> list[_Known]:
        if mutant.act is None:
            kinds = mutant.name.startswith("party.")
            cases = [k for k in self.cases if kinds or k.case.ask is not None]
            return sorted(cases, key=lambda k: not k.refused)
        cases = [k for k in self.cases if mutant.act in k.acts]

        def rank(known: _Known) -> tuple[bool, bool, bool]:
            exact = (mutant.act, mutant.rule) in known.refused
            tried = known.case.try_ is not None and known.case.try_.act == mutant.act
            return (not exact, not tried, not (known.warned or known.case.ask is not None))

        # A condition that refused nowhere can only show in warnings, in what is asked about what is
        # permitted, and where acts come out of order: few cases, run last.
        return sorted(cases, key=rank)


def _passing(ruleset: Ruleset, files: Sequence[Path], root: Path) -> tuple[list[_Known], list[str]]:
    known, failing = [], []
    for path in files:
        reader = read_file(path, root)
        if ruleset.id not in [r.id for r in reader.editions.rulesets]:
            continue
        reader = _with_ruleset(reader, ruleset)
        for index, case in enumerate(reader.model.cases):
            try:
                book = book_of(reader, case, ("cases", index))
            except NotAccepted:
                failing.append(f"{path.name}: {case.id}")
                continue
            one = _Known(reader, index, book, frozenset())
            result = _come_out(one, reader)
            if result.passed:
                known.append(_looked_at(ruleset, one, result))
            else:
                failing.append(f"{path.name}: {case.id}")
    return known, failing


def _looked_at(ruleset: Ruleset, known: _Known, result: CaseResult) -> _Known:
    """Notes which acts a case touches, and which conditions refused in it."""
    case, taken = known.case, result.taken
    acts = {a.act for a in (*known.reader.model.given, *case.given)}
    refused: set[tuple[str, int]] = set()
    if case.try_ is not None:
        acts.add(case.try_.act)
    if taken is not None and result.act is not None:
        outcomes = taken.judgement.outcomes
        refused = {(result.act.kind, i) for i, o in enumerate(outcomes) if o == NOT}
        acts.update(later.kind for later, _ in taken.overturned)
    if case.ask is not None:
        acts.update(act for allowed in case.ask.permitted.values() for act in allowed)
    for act in tuple(acts):
        model = ruleset.models.get(act)
        if model is not None and model.causes is not None:
            acts.add(model.causes.act)
    known.acts, known.refused = frozenset(acts), frozenset(refused)
    known.warned = bool(taken and taken.warnings)
    return known


def _with_ruleset(reader: Reader, ruleset: Ruleset) -> Reader:
    """The same file, read under an edition that is put in the place of its namesake."""
    others = [r for r in reader.editions.rulesets if r.id != ruleset.id]
    return replace(reader, editions=Editions([*others, ruleset]))


def _differs(known: _Known, ruleset: Ruleset) -> bool:
    try:
        return not _come_out(known, _with_ruleset(known.reader, ruleset)).passed
    except Exception:  # what breaks without the condition has noticed that it is gone
        return True


def _come_out(known: _Known, reader: Reader) -> CaseResult:
    """Tries the case's act and asks its questions, with the acts before already on the book.

    Without a condition at most more is accepted, so what was given before stands as it is.
    """
    return try_case(reader, known.index, _copied(known, reader))


def _copied(known: _Known, reader: Reader) -> Book:
    """A book with the same acts under the reader's editions; the acts themselves never change."""
    old, book = known.book, Book(reader.editions)
    book.facts = FileFacts({**reader.model.facts, **known.case.facts}, book)
    book.world.facts = book.facts
    for act in old.programme.acts:
        book.world.add(act)
    for name in (None, *old.centres):
        ours, theirs = book.history(name), old.history(name)
        ours.acts, ours.answers = list(theirs.acts), dict(theirs.answers)
    return book
