"""Rounds of evaluation: how a programme holds them, whom one may call, where each centre stands.

All of it is read off the programme: a round is a programme-level act that causes an act on each
centre it names, and this opens a procedure at whose end a grade is given. Programmes that have no
such act evaluate centre by centre. Nothing here writes.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from banfa.office.evaluations import rights
from banfa.office.evaluations.errors import EvaluationError, NotOnFile
from banfa.office.evaluations.models import Collection, Entry, Kind
from banfa.office.ledger import agenda, coding, index, library, store
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import ActRecord, Centre, Matter, ProgrammeBook, Sort
from banfa.office.people.access import Reach
from banfa.rules import programme as p
from banfa.rules import words as wording
from banfa.rules.history import causes
from banfa.rules.judge import Finding, judge
from banfa.rules.life import Act, State, standing
from banfa.rules.ruleset import Ruleset
from banfa.rules.system import Quota, Thresholds
from banfa.rules.words import Text, words
from banfa.rules.world import World

NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
"""A plain decimal as people type it."""

# --- how a programme evaluates -------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Way:
    """One way in which a programme evaluates.

    `opening` is the programme-level act that opens a round, its input `each` names the centres, and
    `call` is the act it causes on each; `procedure` is what that opens. Without an opening act,
    `call` is the evaluation of one centre itself. `joining` acts enter the procedure from the
    centre's side: act -> input that names the round. `deciding` acts give the grade: act -> input.
    """

    programme: str
    opening: str
    each: str
    call: str
    procedure: str
    joining: Mapping[str, str] = field(default_factory=dict)
    deciding: Mapping[str, str] = field(default_factory=dict)

    @property
    def act(self) -> str:
        """The act by which it begins: the opening of a round, or the evaluation itself."""
        return self.opening or self.call


def ways(rs: Ruleset) -> list[Way]:
    """The ways in which an edition evaluates: by rounds where it has any, else centre by centre."""
    models = rs.models
    found = []
    for name, model in models.items():
        called = models.get(model.causes.act) if model.causes is not None else None
        if model.causes is None or called is None or called.opens is None:
            continue
        deciding = grading(rs, called.opens.case)
        if deciding:
            each = model.causes.each.removeprefix("with.")
            joining = dict(_joining(rs, name, called.opens.case, model.causes.act))
            found.append(
                Way(rs.programme.programme, name, each, model.causes.act, called.opens.case,
                    joining, deciding)
            )  # fmt: skip
    return found or list(_one_by_one(rs))


def grading(rs: Ruleset, procedure: str) -> dict[str, str]:
    """The acts of a procedure that give a grade, each with the input that says which."""
    found = {}
    for name, model in rs.models.items():
        asked = next(_graded_by(model), "")
        if asked and model.about is not None and model.about.case == procedure:
            found[name] = asked
    return found


def _graded_by(model: p.Act) -> Iterator[str]:
    for effect in model.then:
        if effect.grade is not None and str(effect.grade.grade).startswith("with."):
            yield str(effect.grade.grade).removeprefix("with.")


def _joining(rs: Ruleset, opening: str, procedure: str, call: str) -> Iterator[tuple[str, str]]:
    for name, model in rs.models.items():
        if name != call and model.opens is not None and model.opens.case == procedure:
            for asked, given in model.with_.items():
                if given.type == "programme_act" and given.act == opening:
                    yield name, asked


def _one_by_one(rs: Ruleset) -> Iterator[Way]:
    """The acts on a centre that say how it was found: those with an input for the grade."""
    for name, model in rs.models.items():
        graded = next(_graded_by(model), "grade" if "grade" in model.with_ else "")
        if model.level == "centre" and model.absent is None and graded:
            procedure = model.about.case if model.about is not None else ""
            yield Way(rs.programme.programme, "", "", name, procedure, {}, {name: graded})


# --- whom a round would call ---------------------------------------------------------------------


@dataclass(slots=True)
class Exemption:
    """An act by which a called centre may stay out, because its conditions hold already."""

    name: Text
    party: Text
    findings: list[Finding]


@dataclass(slots=True)
class Candidate:
    """A centre as a call would be judged: `may`, `unusual` (something only warns), `blocked`, or
    `running` where it is in such a procedure already.

    `findings` are those not held, `open` how many of the programme's own conditions wait for input
    that is not given yet; `exempt` says by what it may stay out. `running` is the step it is at and
    since when the procedure goes on, `last` its last grade and the day of it.
    """

    centre: ledger.CentreRow
    standing: str
    findings: list[Finding]
    open: int = 0
    exempt: list[Exemption] = field(default_factory=list)
    running: tuple[Text, dt.date | None] | None = None
    last: tuple[Text, dt.date] | None = None


@dataclass(slots=True)
class Survey:
    """Every centre that the person sees at a stage where the call is taken, and how many stand at
    other stages (by stage, in words, with the reason where the programme states one)."""

    candidates: list[Candidate]
    elsewhere: list[tuple[Text, int]]

    def of(self, standing: str) -> list[Candidate]:
        """The candidates that stand so."""
        return [c for c in self.candidates if c.standing == standing]


def survey(
    reach: Reach, way: Way, on: dt.date, data: Mapping[str, Any], by: Mapping[str, Any]
) -> Survey:
    """How the call would be judged for each centre that the person sees, nothing recorded.

    `data` is what the opening act (or the evaluation) would say, typed; what is left out leaves
    conditions open. Six queries, whatever the number of centres.
    """
    rs = library.editions(way.programme).on(on)
    stages = rs.acts[way.call].stages
    seen = Centre.objects.filter(reach.centres(), book=way.programme).exclude(stage=None)
    staged = seen.annotate(stage_now=index.stage_on(on))
    here, elsewhere = staged, staged.none()
    if stages is not None:
        known = [s for s in stages if s is not None]
        here, elsewhere = staged.filter(stage_now__in=known), staged.exclude(stage_now__in=known)
    centres = list(here.select_related("book").order_by("sort_key", "id"))
    counted = elsewhere.values_list("stage_now").annotate(n=Count("pk")).order_by("-n")
    others = [(ledger.stage_name(rs, stage), n) for stage, n in counted]
    found = list(_judged(way, rs, centres, on, data, by))
    going_on = _running(rs, way, centres)
    for one in found:
        one.running = going_on.get(one.centre.id)
        if one.running is not None:
            one.standing, one.exempt = "running", []
    return Survey(found, others)


def _running(
    rs: Ruleset, way: Way, centres: Sequence[Centre]
) -> dict[str, tuple[Text, dt.date | None]]:
    """The centres that are in the procedure of a round already: the step, and since when it goes
    on. One query; none where a programme evaluates centre by centre."""
    if not way.opening or not centres:
        return {}
    steps = rs.programme.procedures[way.procedure].steps
    going_on = Matter.objects.filter(
        sort=Sort.CASE, closed=False, name=way.procedure, book=way.programme, centre__in=centres
    )
    rows = going_on.values_list("centre", "step", "opened")
    return {
        centre: (words(steps[step].name) if step in steps else Text(step, step), opened)
        for centre, step, opened in rows
    }


def named_values(rs: Ruleset, way: Way) -> dict[str, str]:
    """The inputs of the opening act that a called centre's own value must be equal to, or among:
    input -> that value's name."""
    if not way.opening:
        return {}
    causes_ = rs.models[way.opening].causes
    given = {f"with.{n}": str(v) for n, v in (causes_.with_ if causes_ else {}).items()}
    found = {}
    for one in rs.models[way.call].when:
        target = given.get(str(one.member_of or one.equals), "")
        value = str(one.value or "")
        if target.startswith("with.") and value.startswith("centre."):
            found[target.removeprefix("with.")] = value.removeprefix("centre.")
    return found


def values_on_file(reach: Reach, programme: str, name: str) -> list[str]:
    """The values of that name that the centres seen have, each once, in order: one query."""
    seen = Centre.objects.filter(reach.centres(), book=programme).exclude(stage=None)
    held = seen.annotate(found=KeyTextTransform(name, KeyTransform("values", "summary")))
    rows = held.exclude(found=None).values_list("found", flat=True).distinct()
    return sorted(str(v) for v in rows[:500])


def _judged(
    way: Way,
    rs: Ruleset,
    centres: Sequence[Centre],
    on: dt.date,
    data: Mapping[str, Any],
    by: Mapping[str, Any],
) -> Iterator[Candidate]:
    if not centres:
        return
    book, facts = centres[0].book, DatabaseFacts()
    facts.know(sorted({org for c in centres for org in c.orgs}))
    world, calls = _calls(way, rs, book, facts, centres, on, data, by)
    rows, editions = store.rows_by_centre(centres), store.editions_of(book)
    for centre in centres:
        state = store.history_of(editions, rows[centre.id]).state(world, on)
        own = editions.of(state, on)
        judged = judge(own, state, calls[centre.id], world, partial=True)
        found = [f for f in judged.findings if f.outcome == "not"]
        stands = judged.standing if judged.standing == "blocked" else "may"
        if stands == "may" and found:
            stands = "unusual"
        exempt = []
        if stands != "blocked" and way.opening:
            exempt = _exemptions(way, own, state, calls[centre.id], world)
        conditions = {f"{way.call}.{c.id}" for c in own.models[way.call].when}
        left = sum(
            f.outcome == "open" and bool({f.id, f"{way.call}.{f.id}"} & conditions)
            for f in judged.findings
        )
        last = _last(own.programme, centre)
        yield Candidate(ledger.row_of(centre, on), stands, found, left, exempt, last=last)


def _last(programme: p.Programme, centre: Centre) -> tuple[Text, dt.date] | None:
    """The last grade of a centre and the day it was given."""
    held = coding.decode(centre.summary).get("results", [])
    return (wording.grade(programme, str(held[-1]["grade"])), held[-1]["on"]) if held else None


def _calls(
    way: Way,
    rs: Ruleset,
    book: ProgrammeBook,
    facts: DatabaseFacts,
    centres: Sequence[Centre],
    on: dt.date,
    data: Mapping[str, Any],
    by: Mapping[str, Any],
) -> tuple[World, dict[str, Act]]:
    """The acts on each centre, and the world as it would be with the round opened."""
    party = str(by["party"])
    world = store.world_of(book, facts)
    if not way.opening:
        org = dict(by["org"])
        return world, {c.id: Act(way.call, on, party, org, dict(data), centre=c.id)
                       for c in centres}  # fmt: skip
    named = {**data, way.each: [c.id for c in centres]}
    opening = Act(way.opening, on, party, dict(by["org"]), named, seq=book.head_seq + 1)
    made = {a.centre: a for a in causes(rs, opening, world)}
    return World([*world.acts, opening], facts), {c.id: made[c.id] for c in centres}


def _exemptions(way: Way, rs: Ruleset, state: State, call: Act, world: World) -> list[Exemption]:
    """By what a centre may stay out right after the call: acts with conditions of their own that
    hold already and that end the procedure without a grade."""
    after, call = state.copy(), replace(call, seq=state.seq + 1)
    rs.apply(after, call, world)
    case = after.open_cases[way.procedure][-1] if after.open_cases.get(way.procedure) else None
    found: list[Exemption] = []
    for kind in leaving(rs, way):
        found += _exempt_by(rs, kind, after, call.on, call.centre, case, world)
    return found


def _exempt_by(
    rs: Ruleset, kind: str, state: State, on: dt.date, centre: str | None, case: str | None,
    world: World,
) -> Iterator[Exemption]:  # fmt: skip
    holds = _holds(rs, kind, state, on, centre, case, world)
    if holds is not None:
        act = rs.models[kind]
        name = words(rs.programme.parties[act.by[0]].name)
        yield Exemption(words(act.name), name, holds)


def exempt_now(of: Round, matters: Sequence[Matter], on: dt.date) -> dict[str, list[Exemption]]:
    """By what the called centres among these, with nothing handed in yet, may stay out: by centre.

    One query where there are any such centres (more where their conditions ask outside lists).
    """
    by_centre = {m.centre_id: m for m in matters if not m.closed}
    rs = library.editions(of.programme.programme).on(of.act.on)
    opened, kinds = rs.models[of.way.call].opens, leaving(rs, of.way)
    waiting = [m for m in by_centre.values() if opened is not None and m.step == opened.step]
    if not waiting or not kinds:
        return {}
    centres = [m.centre for m in waiting]
    world, editions = store.world_of(of.book, DatabaseFacts()), store.editions_of(of.book)
    rows = store.rows_by_centre(centres)
    found: dict[str, list[Exemption]] = {}
    for one in centres:
        state = store.history_of(editions, rows[one.id]).state(world, on)
        own, case = editions.of(state, on), by_centre[one.id].key
        made = [e for k in kinds for e in _exempt_by(own, k, state, on, one.id, case, world)]
        if made:
            found[one.id] = made
    return found


def leaving(rs: Ruleset, way: Way) -> list[str]:
    """The acts with conditions that take a called centre out of the procedure without a grade."""
    opened = rs.models[way.call].opens
    found = []
    for name, model in rs.models.items():
        about = model.about
        if about is None or opened is None or about.case != way.procedure:
            continue
        stays = all(e.stage is None for e in model.then)
        if opened.step in about.at and model.when and stays and ends_ungraded(rs, way, name):
            found.append(name)
    return found


def ends_ungraded(rs: Ruleset, way: Way, kind: str) -> bool:
    """Whether an act ends the procedure for a centre without a grade."""
    steps = rs.programme.procedures[way.procedure].steps
    ends = any(e.step is not None and steps[e.step].end for e in rs.models[kind].then)
    return ends and kind not in way.deciding


def _holds(
    rs: Ruleset, kind: str, state: State, on: dt.date, centre: str | None, case: str | None,
    world: World,
) -> list[Finding] | None:  # fmt: skip
    """The programme's own conditions of an act, when all hold for one choice of its inputs."""
    model = rs.models[kind]
    asked = {n: list(g.options) for n, g in model.with_.items() if g.type == "choice" and g.options}
    own = {c.id for c in model.when}
    for values in product(*asked.values()):
        party = model.by[0]
        org = state.roles.get(party, [{"org": party}])[0]
        data = dict(zip(asked, values, strict=True))
        act = Act(kind, on, party, org, data, about=case, centre=centre)
        judged = judge(rs, state, act, world, partial=True)
        found = [f for f in judged.findings if f.id.removeprefix(f"{kind}.") in own]
        blocked = judged.standing == "blocked"
        if not blocked and found and all(f.outcome == "held" for f in found):
            return found
    return None


# --- the rounds on file --------------------------------------------------------------------------


@dataclass(slots=True)
class Round:
    """A round on file: the act that opened it, and the collection of its figures where there is
    one. `centres` is how many of its centres the person sees, in lists of rounds; a `twin` has the
    name of another round."""

    way: Way
    programme: p.Programme
    book: ProgrammeBook
    act: Act
    centres: int = 0
    collection: Collection | None = None
    twin: bool = False

    @property
    def number(self) -> int:
        """The number of its act in the programme's book."""
        return self.act.seq

    @property
    def year(self) -> int:
        """The year it is about, as the act says, else that of the act."""
        found = next((v for v in self.act.data.values() if _is_year(v)), None)
        return int(found) if found is not None else self.act.on.year

    @property
    def closes(self) -> dt.date | None:
        """The last day for materials, where the act sets one: its only date."""
        days = [v for v in self.act.data.values() if isinstance(v, dt.date)]
        return days[0] if len(days) == 1 else None

    @property
    def name(self) -> Text:
        """What it is called: its year and its act, and its number where that is not enough."""
        named = words(self.model.name)
        made = Text(f"{self.year}年　{named.zh}", f"{named.en}, {self.year}")
        return (
            made + Text(f"（第 {self.number} 号）", f" (no. {self.number})") if self.twin else made
        )

    @property
    def told(self) -> list[str]:
        """What else the act says of it in short words: a batch, fields, a number."""
        found: list[str] = []
        for name, given in self.model.with_.items():
            value = self.act.data.get(name)
            if given.type == "text" and isinstance(value, str):
                found.append(value)
            elif given.type == "texts" and isinstance(value, list):
                found += [str(one) for one in value]
        return found

    @property
    def model(self) -> p.Act:
        """The opening act as the edition of its day has it."""
        return library.editions(self.programme.programme).on(self.act.on).models[self.act.kind]


def _is_year(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1990 < value < 2200


def rounds(reach: Reach) -> list[Round]:
    """The rounds in which the person sees a centre or that they administer, the latest first.

    Two queries, and one for each programme whose book has changed.
    """
    found: list[Round] = []
    books = {b.programme: b for b in ProgrammeBook.objects.filter(pk__in=reach.programmes())}
    for programme in sorted(books):
        found += _opened(books[programme])
    if not found:
        return []
    counted = _counted(reach, found)
    kept = {(c.book_id, c.round): c for c in Collection.objects.filter(
        book__in=books, kind=Kind.ROUND).select_related("system")}  # fmt: skip
    for one in found:
        at = (one.programme.programme, one.number)
        one.centres, one.collection = counted.get(at, 0), kept.get(at)
    ours = [r for r in found if r.centres or administers(reach, r.programme.programme)]
    return sorted(ours, key=lambda r: (r.act.on, r.number), reverse=True)


def _opened(book: ProgrammeBook) -> Iterator[Round]:
    """The rounds in a programme's book that were not undone."""
    editions = library.editions(book.programme)
    acts = store.programme_acts(book) if book.head_seq else []
    found = []
    for act in standing(acts):
        rs = editions.on(act.on)
        way = next((w for w in ways(rs) if w.opening == act.kind), None)
        if way is not None:
            found.append(Round(way, rs.programme, book, act))
    known = Counter(one.name for one in found)
    twins = [known[one.name] > 1 for one in found]
    for one, twin in zip(found, twins, strict=True):
        one.twin = twin
        yield one


def _counted(reach: Reach, found: Sequence[Round]) -> dict[tuple[str, int | None], int]:
    kinds = {r.way.call for r in found}
    seen = Centre.objects.filter(reach.centres())
    called = ActRecord.objects.filter(kind__in=kinds, caused_by__isnull=False, centre__in=seen)
    rows = called.values_list("book_id", "caused_by").annotate(n=Count("pk")).order_by()
    return {(book, number): n for book, number, n in rows}


def round_(reach: Reach, programme: str, number: int) -> Round:
    """One round that the person may see: three queries at most. Raises NotOnFile."""
    if programme in reach.programmes():
        kept = Collection.objects.filter(book=programme, kind=Kind.ROUND, round=number)
        collection = kept.select_related("system", "book").first()
        book = collection.book if collection is not None else _book(programme)
        opened = _opened(book) if book is not None else iter(())
        found = next((r for r in opened if r.number == number), None)
        if found is not None:
            found.collection = collection
            if administers(reach, programme) or called(reach, found).exists():
                return found
    raise NotOnFile("没有这一轮评估，或您无权查看", "no such round, or not for you to see")


def _book(programme: str) -> ProgrammeBook | None:
    return ProgrammeBook.objects.filter(pk=programme).first()


def administers(reach: Reach, programme: str) -> bool:
    """Whether the person organises the programme's rounds."""
    return rights.administers(reach, rights.RUN, programme)


def authority(programme: str) -> list[str]:
    """The parties that are the programme's authority."""
    return list(library.editions(programme).latest.programme.authority)


def link_of_entry(entry: Entry) -> str:
    """The address of a centre's table in a round, value by value as each hand has it."""
    of = entry.collection
    return f"/rounds/{of.book_id}/{of.round}/figures/{entry.centre_id}/"


def link_of_results(programme: str, number: int) -> str:
    """The address of a round's results."""
    return f"/rounds/{programme}/{number}/results/"


# --- where each centre stands --------------------------------------------------------------------


def called(reach: Reach, of: Round) -> QuerySet[Matter]:
    """The procedures of the centres in a round that the person sees, by the centres' names."""
    return (
        called_by_anyone(of)
        .filter(centre__in=Centre.objects.filter(reach.centres()))
        .select_related("centre")
        .order_by("centre__sort_key", "centre_id")
    )


def called_by_anyone(of: Round) -> QuerySet[Matter]:
    """The procedures of all centres in a round, whoever sees them."""
    opening = ActRecord.objects.filter(centre=OuterRef("centre"), seq=OuterRef("opened_by"))
    ours = Q(kind=of.way.call, caused_by=of.number)
    for kind, asked in of.way.joining.items():
        ours |= Q(kind=kind) & Q(**{f"payload__data__{asked}": of.number})
    return Matter.objects.filter(
        Exists(opening.filter(ours)),
        sort=Sort.CASE,
        name=of.way.procedure,
        book=of.programme.programme,
    )


@dataclass(slots=True)
class Line:
    """One centre in a round: its step and who has it, since when, its grade once decided, what is
    owed and what of it overdue."""

    matter: Matter
    name: Text
    step: Text
    holders: list[Text]
    grade: Text | None
    owed: list[Matter]
    overdue: list[Matter]

    @property
    def closed(self) -> bool:
        """Whether the procedure has ended for it."""
        return self.matter.closed


def lines(of: Round, matters: Sequence[Matter], today: dt.date) -> list[Line]:
    """These centres of a round as they stand: one query."""
    going_on = {m.centre_id: m.key for m in matters if not m.closed}
    owed: dict[tuple[str, str], list[Matter]] = {}
    duties = Matter.objects.filter(sort=Sort.DUTY, closed=False, centre__in=going_on)
    ours = ~Q(within="") | Q(name__in=duties_in(of))
    for duty in duties.filter(ours).order_by("due", "id"):
        key = duty.within or going_on[duty.centre_id]
        owed.setdefault((duty.centre_id, key), []).append(duty)
    return [_line(of, m, owed.get((m.centre_id, m.key), []), today) for m in matters]


def duties_in(of: Round) -> list[str]:
    """The duties of the programme that an act of the round's procedure discharges."""
    models = library.editions(of.programme.programme).on(of.act.on).models
    acts = {n for n, m in models.items() if m.about and m.about.case == of.way.procedure}
    return [name for name, duty in of.programme.duties.items() if duty.done_by in acts]


def _line(of: Round, matter: Matter, owed: list[Matter], today: dt.date) -> Line:
    programme = library.editions(of.programme.programme).by_name[matter.edition].programme
    step = programme.procedures[matter.name].steps[matter.step]
    centre = matter.centre
    title = centre.title_zh or centre.id
    late = [m for m in owed if m.due is not None and m.due < today]
    return Line(
        matter,
        Text(title, centre.title_en or title),
        words(step.name),
        [words(programme.parties[h].name) for h in matter.holders],
        grade_of(programme, centre, matter),
        owed,
        late,
    )


def grade_of(programme: p.Programme, centre: Centre, matter: Matter) -> Text | None:
    """The grade that was decided in a procedure; None where none was."""
    results = coding.decode(centre.summary).get("results", [])
    own = [r for r in results if str(r["round"]) == matter.subject]
    if not own or not matter.closed:
        return None
    return wording.grade(programme, str(own[-1]["grade"]))


@dataclass(slots=True)
class StepCount:
    """A step of the procedure, whether it ends it, and how many centres are there."""

    id: str
    name: Text
    end: bool
    number: int


def steps(reach: Reach, of: Round) -> list[StepCount]:
    """How many of a round's centres stand at each step, in the programme's order: one query."""
    rows = called(reach, of).order_by().values_list("step").annotate(n=Count("pk"))
    counted = dict(rows)
    model = of.programme.procedures[of.way.procedure]
    return [
        StepCount(name, words(step.name), step.end, counted[name])
        for name, step in model.steps.items()
        if counted.get(name)
    ]


DECISIONS = ("decision", "mandatory", "may", "deemed")
"""The modes of what waits for a decision rather than for a duty's discharge."""


@dataclass(slots=True)
class Waiting:
    """What waits in a round: what is overdue, and what follows from its results."""

    overdue: list[Matter]
    follows: list[Matter]


def waiting(reach: Reach, of: Round, today: dt.date) -> Waiting:
    """What is overdue in a round's procedures, and the decisions that are due at centres that are
    through with it, at most 200 of each: one query."""
    own = called(reach, of).filter(centre=OuterRef("centre")).order_by()
    late = Exists(own.filter(key=OuterRef("within")))
    late |= Exists(own.filter(closed=False)) & Q(within="", name__in=duties_in(of))
    late &= Q(due__lt=today)
    due = Q(mode__in=DECISIONS, name__in=list(of.programme.consequences))
    due &= Exists(own.filter(closed=True))
    duties = Matter.objects.filter(sort=Sort.DUTY, closed=False, book=of.programme.programme)
    found = list(duties.filter(late | due).select_related("centre").order_by("due", "since", "pk"))
    follows = [m for m in found if m.mode in DECISIONS and m.name in of.programme.consequences]
    ours = {m.pk for m in follows}
    behind = [m for m in found if m.pk not in ours and m.due is not None and m.due < today]
    return Waiting(behind[:200], follows[:200])


def fresh(reach: Reach, of: Round, today: dt.date) -> None:
    """Makes anew what time or a programme-level act has changed for the round's programme."""
    agenda.refresh(today, reach.centres() & Q(book=of.programme.programme))


# --- thresholds ----------------------------------------------------------------------------------


@dataclass(slots=True)
class GradeLine:
    """Where one grade begins, as typed: a score, and at most which share (percent) of those ranked.

    The last grade takes everybody else and has neither.
    """

    grade: str
    from_: str = ""
    share: str = ""


def thresholds_text(
    system: str,
    on: dt.date,
    grades: Sequence[GradeLine],
    ties: str = "",
    veto: str = "",
    limits: Mapping[str, str] | None = None,
    kept: Thresholds | None = None,
) -> str:
    """A round's thresholds as the text that is kept and checked, from what the authority typed.

    `system` is its id with edition, `ties` says what becomes of equals at a quota's border (`in`,
    `out`), `veto` and `limits` name the best grades of those who fail a gate. Numbers stay exactly
    as typed; whether they can be is for the check to say. What a simple form does not show (least
    points by group, quotas by number, ties that differ by grade, the sample's label) is taken over
    from the thresholds `kept` so far.
    """
    held = {one.grade: one for one in kept.grades} if kept is not None else {}
    rows: list[dict[str, Any]] = []
    for line in grades:
        own = held.get(line.grade)
        row: dict[str, Any] = {"grade": line.grade}
        if line.from_:
            row["from"] = _typed_number(line.from_)
        if own is not None and own.floors:
            row["floors"] = {name: f"{least:f}" for name, least in own.floors.items()}
        quota = _quota(line, own.quota if own is not None else None, ties, ties_of(kept))
        if quota is not None:
            row["quota"] = quota
        rows.append(row)
    plain: dict[str, Any] = {"system": system, "on": on.isoformat(), "grades": rows}
    if kept is not None and kept.sample is not None:
        plain["sample"] = kept.sample
    if veto:
        plain["veto"] = veto
    if given := {name: grade for name, grade in (limits or {}).items() if grade}:
        plain["limits"] = given
    return "\n".join(_yaml(plain)) + "\n"


def ties_of(kept: Thresholds | None) -> str:
    """What becomes of equals at a quota's border, as a simple form shows it: as the first grade
    with a quota has it; '' without any."""
    quotas = [g.quota.ties for g in kept.grades if g.quota is not None] if kept is not None else []
    return quotas[0] if quotas else ""


def _quota(line: GradeLine, own: Quota | None, ties: str, shown: str) -> dict[str, str] | None:
    """The quota of one grade: the share as typed, else the number kept. Its ties change only where
    the form's were changed from what it had `shown`."""
    said = own.ties if own is not None and ties in ("", shown) else ties
    if line.share:
        return {"share": _typed_number(line.share), "ties": said}
    if own is not None and own.number is not None:
        return {"number": str(own.number), "ties": said}
    return None


def _typed_number(text: str) -> str:
    """A plain decimal as typed. Raises EvaluationError."""
    if not NUMBER.fullmatch(text):
        shown = text[:20]
        raise EvaluationError(
            f"“{shown}”不是分数或比例，请写成 85 或 85.5",
            f"'{shown}' is no number: write 85 or 85.5",
        )
    return text


def _yaml(plain: Mapping[str, Any]) -> Iterator[str]:
    yield f"system: {plain['system']}"
    yield f"on: {plain['on']}"
    if "sample" in plain:
        zh, en = (
            json.dumps(w, ensure_ascii=False) for w in (plain["sample"].zh, plain["sample"].en)
        )
        yield f"sample: {{zh: {zh}, en: {en}}}"
    yield "grades:"
    for row in plain["grades"]:
        parts = [f"grade: {row['grade']}"]
        if "from" in row:
            parts.append(f"from: {row['from']}")
        for name in ("floors", "quota"):
            if name in row:
                held = ", ".join(f"{k}: {v}" for k, v in row[name].items())
                parts.append(f"{name}: {{{held}}}")
        yield f"  - {{{', '.join(parts)}}}"
    if "veto" in plain:
        yield f"veto: {plain['veto']}"
    if "limits" in plain:
        yield "limits: {" + ", ".join(f"{n}: {g}" for n, g in plain["limits"].items()) + "}"
