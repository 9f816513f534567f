"""The ledger's questions: what pages, the API and reports read. Nothing here writes.

Every answer is for a day (`on`) as known at a moment (`known_at`; none: all that is known now).
The number of database queries does not grow with a history: see `CENTRE_QUERIES`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Count, Q

from banfa.office import clock
from banfa.office.ledger import agenda, coding, index, library, store, texts
from banfa.office.ledger import search as finding
from banfa.office.ledger.errors import NotOnFile
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.index import name_of
from banfa.office.ledger.models import ActRecord, Centre, Erasure, Matter, ProgrammeBook, Sort
from banfa.office.ledger.models import Outbox as OutboxRow
from banfa.office.ledger.verbs import as_org
from banfa.office.people.models import Organisation
from banfa.office.prepared import Prepared, later
from banfa.office.readable import Readable
from banfa.rules import duties as duty_rules
from banfa.rules import names as name_rules
from banfa.rules import programme as p
from banfa.rules.citation import Citation
from banfa.rules.duties import Duty
from banfa.rules.history import Editions
from banfa.rules.judge import Finding, Permission, permitted
from banfa.rules.life import Act, Case, State, standing, targets
from banfa.rules.names import CurrentNames
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text, words
from banfa.rules.world import World

CENTRE_QUERIES = 10
"""At most so many queries for a centre's page with a party's permissions, whatever its history."""

NO_STAGE = Text("未进入程序", "not begun")


# --- programmes ---------------------------------------------------------------------------------


@dataclass(slots=True)
class ProgrammeRow:
    """A programme in the list: its latest edition and how many centres are in each stage."""

    id: str
    model: p.Programme
    total: int
    stages: dict[str, int]


def programmes(on: dt.date | None = None, where: Q | None = None) -> list[ProgrammeRow]:
    """The programmes that load, with their centres (`where` allows) counted by stage on a day: one
    query, whatever the number of centres."""
    on = on or clock.today()
    rows = {i: ProgrammeRow(i, library.editions(i).latest.programme, 0, {}) for i in _ids()}
    found = Centre.objects.filter(where or Q()).exclude(stage=None)
    counted = found.annotate(stage_now=index.stage_on(on)).values_list("book", "stage_now")
    for book, stage, number in counted.annotate(number=Count("pk")).order_by():
        if book in rows:
            rows[book].stages[stage or ""] = number
            rows[book].total += number
    return list(rows.values())


def _ids() -> list[str]:
    return library.loadable()[0]


# --- centres ------------------------------------------------------------------------------------


@dataclass(slots=True)
class CentreRow(Readable):
    """A centre in a list. `stage` is the stage on the day asked about; `duties` when asked for.

    `stated` is what an entry of an existing centre says of `since` when it names no whole day.
    """

    id: str
    programme: p.Programme
    stage: str | None
    stage_name: Text
    since: dt.date | None
    name: Text
    centre_class: str | None
    periods: dict[str, tuple[dt.date, dt.date]]
    roles: dict[str, list[dict[str, Any]]]
    version: int
    imported: bool
    terminal: bool
    stated: str | None = None
    duties: list[Duty] = field(default_factory=list)


@dataclass(slots=True)
class CentreList:
    """A page of centres; `total` counts all that match."""

    rows: list[CentreRow]
    total: int
    page: int
    size: int


def centre_list(
    programme: str | None = None,
    stage: str | None = None,
    org: str | None = None,
    search: str | None = None,
    on: dt.date | None = None,
    with_duties: bool = False,
    page: int = 1,
    size: int = 50,
    where: Q | None = None,
) -> CentreList:
    """The centres that match, by id, a page of them. `org` is an organisation that holds a role;
    `search` words in what a centre is called; `where` a condition on centres, such as those that
    somebody may see.

    `with_duties` looks up the page's centres (not all that match). The stage is today's stage of
    what is known now, seen on the day `on`.
    """
    on = on or clock.today()
    found = Centre.objects.select_related("book").filter(where or Q()).order_by("id")
    if programme is not None:
        library.editions(programme)
        found = found.filter(book=programme)
    if org is not None:
        found = found.filter(orgs__contains=[org])
    if search:
        found = found.filter(finding.centres_with(search, source=finding.PROFILE))
    if stage is not None:
        found = found.filter(index.in_stage(stage.replace("\0", ""), on))
    page, size = max(page, 1), min(max(size, 1), 500)
    first = (page - 1) * size
    total = found.count()
    centres = list(found[first : first + size])
    rows = [row_of(c, on) for c in centres]
    if with_duties:
        owed = kept_duties(centres, on) if on == clock.today() else duties_of(centres, on)
        for row in rows:
            row.duties = owed.get(row.id, [])
    return CentreList(rows, total, page, size)


def row_of(centre: Centre, on: dt.date) -> CentreRow:
    """A centre as lists show it on a day. Only where the calendar has changed it since its last act
    is it looked at again; all else stands in its row."""
    editions = store.editions_of(centre.book_id)
    turned = centre.next_from is not None and centre.next_from <= on
    if turned or any(
        t.from_ == centre.edition and t.on <= on
        for rs in editions.rulesets
        for t in rs.programme.transitions
    ):
        return _carried_row(centre, editions, on)
    rs = editions.by_name.get(centre.edition) or editions.latest
    return CentreRow(
        centre.id,
        rs.programme,
        centre.stage,
        stage_name(rs, centre.stage),
        centre.stage_since,
        Text(centre.title_zh or centre.id, centre.title_en or centre.id),
        centre.centre_class,
        {
            n: (dt.date.fromisoformat(s["start"]), dt.date.fromisoformat(s["end"]))
            for n, s in centre.periods.items()
            if not s["closed"]
        },
        centre.roles,
        centre.version,
        centre.imported,
        centre.stage is not None and rs.programme.stages[centre.stage].terminal,
        _stated(centre),
    )


def _stated(centre: Centre) -> str | None:
    """`State.stated_now` of a centre's last act, without folding it."""
    if not centre.imported or len(centre.summary.get("stages", ())) != 1:
        return None
    found = centre.summary.get("stated")
    return str(found) if found is not None else None


def _carried_row(centre: Centre, editions: Editions, on: dt.date) -> CentreRow:
    state = store.light_state(centre)
    editions.carry(state, on)
    rs = editions.of(state, on)
    stage = rs.stage_on(state, on)
    named = name_rules.current(rs.programme, state, on)
    return CentreRow(
        centre.id,
        rs.programme,
        stage,
        stage_name(rs, stage),
        rs.since(state, on),
        name_of(centre, rs, state, named),
        centre.centre_class,
        {n: (s.start, s.end) for n, s in state.periods.items() if not s.closed},
        centre.roles,
        centre.version,
        centre.imported,
        stage is not None and rs.programme.stages[stage].terminal,
        _stated(centre) if stage == centre.stage else None,
    )


def stage_name(rs: Ruleset, stage: str | None) -> Text:
    """A stage's name in both languages."""
    return words(rs.programme.stages[stage].name) if stage is not None else NO_STAGE


def duties_of(centres: Iterable[Centre], on: dt.date) -> dict[str, list[Duty]]:
    """What is owed for each of these centres on a day: four queries however many they are."""
    centres = list(centres)
    by_centre = store.rows_by_centre(centres)
    books = {b.programme: b for b in ProgrammeBook.objects.all()}
    facts = DatabaseFacts()
    facts.know(sorted({org for c in centres for org in c.orgs}))
    worlds = {name: store.world_of(book, facts) for name, book in books.items()}
    owed = {}
    for centre in centres:
        editions, world = store.editions_of(centre.book_id), worlds[centre.book_id]
        state = store.history_of(editions, by_centre[centre.id]).state(world, on)
        owed[centre.id] = duty_rules.duties(editions.of(state, on), state, on, world)
    return owed


@dataclass(slots=True)
class Due:
    """One duty with the centre that it concerns."""

    centre: CentreRow
    duty: Duty


def due(
    on: dt.date | None = None,
    programme: str | None = None,
    party: str | None = None,
    org: str | None = None,
    until: dt.date | None = None,
    where: Q | None = None,
) -> list[Due]:
    """All that is owed on a day across the centres not ended, earliest due first.

    `party` keeps what that party owes; `until` leaves out what is due later.
    """
    today = clock.today()
    on = on or today
    where = (where or Q()) & ~Q(stage=None)
    if programme is not None:
        where &= Q(book=programme)
    if org is not None:
        where &= Q(orgs__contains=[org])
    if on == today:
        owed = _kept_due(where, on, party, until)
    else:
        centres = list(Centre.objects.select_related("book").filter(where).order_by("id"))
        live = duties_of(centres, on)
        owed = [Due(row_of(c, on), duty) for c in centres for duty in live[c.id]]
    kept = [
        d
        for d in owed
        if (party is None or party in d.duty.holder)
        and (until is None or d.duty.due is None or d.duty.due <= until)
    ]
    return sorted(kept, key=lambda d: (d.duty.due is None, d.duty.due or on, d.centre.id))


def _kept_due(where: Q, on: dt.date, party: str | None, until: dt.date | None) -> list[Due]:
    """Today's duties from the rows kept beside the centres."""
    agenda.refresh(on, where, limit=None)
    found = Matter.objects.select_related("centre__book").filter(sort=Sort.DUTY)
    found = found.filter(centre__in=Centre.objects.filter(where))
    if party is not None:
        found = found.filter(holders__contains=[party])
    if until is not None:
        found = found.filter(Q(due__isnull=True) | Q(due__lte=until))
    rows: dict[str, CentreRow] = {}
    owed = []
    for matter in found.order_by("centre_id", "id"):
        if matter.centre_id not in rows:
            rows[matter.centre_id] = row_of(matter.centre, on)
        owed.append(Due(rows[matter.centre_id], kept_duty(matter, on)))
    return owed


def kept_duty(matter: Matter, on: dt.date) -> Duty:
    """The engine's duty from its row (read with its centre)."""
    rs = store.editions_of(matter.book_id).by_name[matter.edition]
    return agenda.duty_of(rs, matter, matter.centre.roles, on)


def kept_duties(centres: Iterable[Centre], today: dt.date) -> dict[str, list[Duty]]:
    """What is owed today for each of these centres, from the rows kept beside them."""
    wanted = [c.id for c in centres]
    agenda.refresh(today, Q(id__in=wanted))
    found = Matter.objects.select_related("centre").filter(sort=Sort.DUTY, centre__in=wanted)
    owed: dict[str, list[Duty]] = {}
    for matter in found.order_by("id"):
        owed.setdefault(matter.centre_id, []).append(kept_duty(matter, today))
    return owed


# --- one centre ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Entry(Readable):
    """One recorded act on a timeline.

    `cites` are its articles, `default` its basis where the text is silent. `annulled_by` is the
    number of the act that undid it. `counts` tells whether it counts on the day asked about.
    `erased` are the parts erased since.
    """

    row: ActRecord
    act: Act
    name: Text
    party: Text
    org: str
    cites: list[str]
    default: str | None
    edition: str
    hash: str
    counts: bool
    retroactive: bool
    annulled_by: int | None = None
    erased: list[str] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """How each condition came out when it was recorded."""
        return store.findings_of(self.row)

    @property
    def warnings(self) -> list[Finding]:
        """The findings that warned when it was recorded."""
        return [f for f in self.findings if f.outcome == "not"]


@dataclass
class CentrePage(Readable):
    """A centre on a day as known at a moment.

    `state` is the engine's state, `version` the version to send back with a proposal; `permitted`
    is filled when a party was asked about. `open_cases` are the procedures under way.
    """

    centre: Centre
    on: dt.date
    known_at: dt.datetime | None
    programme: p.Programme
    ruleset: Ruleset
    editions: Editions
    state: State
    world: World
    stage: str | None
    stage_name: Text
    name: Text
    names: CurrentNames
    version: int
    rows: list[ActRecord]
    acts: list[Act]
    open_cases: list[Case]
    permitted: list[Permission] = field(default_factory=list)
    hidden: frozenset[str] = frozenset()

    @cached_property
    def timeline(self) -> list[Entry]:
        """The acts known at the moment, without the kinds that are `hidden` from the reader: one
        query more when something of them was erased."""
        erased = erasures(self.centre.book, self.rows)
        all_ = timeline(self.editions, self.rows, self.on, self.known_at, erased, self.acts)
        return [entry for entry in all_ if entry.act.kind not in self.hidden]

    @cached_property
    def duties(self) -> list[Duty]:
        """What is owed on the day."""
        return duty_rules.duties(self.ruleset, self.state, self.on, self.world)

    @property
    def standing_acts(self) -> list[Act]:
        """The acts that nothing has undone by then, in the order in which they count."""
        return standing(self.acts, self.known_at)


def centre(
    id_: str,
    on: dt.date | None = None,
    known_at: dt.datetime | None = None,
    party: str | None = None,
    org: str | Mapping[str, Any] | None = None,
) -> CentrePage:
    """A centre's page. Raises NotOnFile.

    With `party`, what that party (as `org`, an id or an organisation's data) could do that day.
    """
    found: Centre | None = _with_book.first(id=id_)
    if found is None:
        raise NotOnFile(f"没有编号为“{id_}”的中心", f"no centre '{id_}'")
    on = on or clock.today()
    facts = DatabaseFacts()
    editions = store.editions_of(found.book)
    world = store.world_of(found.book, facts, known_at)
    rows = store.rows_of(found, found.book)
    history = store.history_of(editions, rows)
    state = history.state(world, on, known_at)
    rs = editions.of(state, on)
    stage = rs.stage_on(state, on)
    named = name_rules.current(rs.programme, state, on)
    shown = CentrePage(
        found,
        on,
        known_at,
        rs.programme,
        rs,
        editions,
        state,
        world,
        stage,
        stage_name(rs, stage),
        name_of(found, rs, state, named),
        named,
        found.version,
        rows,
        list(history.acts),
        [c for c in state.cases.values() if not c.closed],
    )
    if party is not None:
        shown.permitted = _permitted(shown, facts, party, org)
    return shown


def _permitted(
    shown: CentrePage, facts: DatabaseFacts, party: str, org: str | Mapping[str, Any] | None
) -> list[Permission]:
    if isinstance(org, str):
        kept = Organisation.objects.filter(id=org).first()
        org = as_org(kept) if kept else {"org": org}
    facts.know([str(o.get("org")) for held in shown.state.roles.values() for o in held])
    return permitted(
        shown.ruleset, shown.state, party, shown.on, shown.world, org=org, centre=shown.centre.id
    )


_with_book = Prepared(lambda: Centre.objects.select_related("book").filter(id=later("id")))


def erasures(book: ProgrammeBook, rows: Iterable[ActRecord]) -> dict[int, list[str]]:
    """The parts erased of these acts, by act id: one query, none while the programme's book has
    counted no erasure."""
    found: dict[int, list[str]] = {}
    if not book.erasures:
        return found
    for act, part in Erasure.objects.filter(act__in=list(rows)).values_list("act_id", "part"):
        found.setdefault(act, []).append(part)
    return found


def timeline(
    editions: Editions,
    rows: list[ActRecord],
    on: dt.date,
    known_at: dt.datetime | None,
    erased: Mapping[int, list[str]],
    made: Sequence[Act] | None = None,
) -> list[Entry]:
    """The acts known at a moment, by the day they count on, then by order of recording.

    `made` are the engine's acts of these rows, where they have been made already.
    """
    known = [r for r in rows if known_at is None or r.recorded <= known_at]
    known_seqs = {r.seq for r in known}
    whole = made if made is not None else [store.act_of(r) for r in known]
    acts = {a.seq: a for a in whole if a.seq in known_seqs}
    live = {a.seq for a in standing(acts.values())}
    undone = {n: a.seq for a in acts.values() if a.seq in live and a.kind.startswith("annul")
              for n in targets(a)}  # fmt: skip
    entries = []
    latest = dt.date.min
    for row in known:
        entries.append(
            _entry(editions, row, acts[row.seq], on, row.on < latest, undone, erased.get(row.pk))
        )
        latest = max(latest, row.on)
    return sorted(entries, key=lambda e: (e.act.on, e.act.seq))


def _entry(
    editions: Editions,
    row: ActRecord,
    act: Act,
    on: dt.date,
    retroactive: bool,
    undone: Mapping[int, int],
    erased: list[str] | None,
) -> Entry:
    rs = editions.by_name.get(row.edition) or editions.latest
    model, party = rs.models.get(row.kind), rs.programme.parties.get(row.party)
    named = words(party.name) if party else Text(row.party, row.party)
    return Entry(
        row,
        act,
        words(model.name) if model else Text(row.kind, row.kind),
        named,
        str(act.org.get("name") or named.zh),
        list(model.cite) if model else [],
        model.default if model and not model.cite else None,
        row.edition,
        row.hash,
        row.on <= on and row.seq not in undone,
        retroactive,
        undone.get(row.seq),
        erased or [],
    )


# --- one programme ------------------------------------------------------------------------------


@dataclass(slots=True)
class ArticleRow:
    """An article of an edition: what becomes of it, what carries it out, and its official text.

    `uses` are the things that rest on it: (sort of thing, id, name). `text` is the official text of
    the article it belongs to, None when none was loaded.
    """

    key: str
    model: p.Article
    citation: Text
    uses: list[tuple[str, str, Text]]
    text: str | None


@dataclass(slots=True)
class ParameterRow:
    """A value left to the authority: as set, and since which day; None while it is not set."""

    id: str
    model: p.Parameter
    value: Any = None
    year: int | None = None
    since: dt.date | None = None
    seq: int | None = None


@dataclass(slots=True)
class DefaultRow:
    """A point on which the text is silent: the setting in use, and the act that chose it."""

    id: str
    model: p.Default
    setting: str
    since: dt.date | None = None
    seq: int | None = None


@dataclass(slots=True)
class ProgrammePage:
    """An edition of a programme on a day."""

    programme: p.Programme
    ruleset: Ruleset
    editions: Editions
    on: dt.date
    world: World
    articles: list[ArticleRow]
    parameters: list[ParameterRow]
    defaults: list[DefaultRow]
    timeline: list[Entry]
    text_load: texts.Load | None
    version: int
    state: State
    permitted: list[Permission] = field(default_factory=list)


def programme_page(
    id_: str,
    edition: str | None = None,
    on: dt.date | None = None,
    known_at: dt.datetime | None = None,
    party: str | None = None,
) -> ProgrammePage:
    """An edition's page: articles with what carries them out, parameters, defaults, acts.

    Raises NotOnFile for an unknown programme or edition.
    """
    editions = library.editions(id_)
    if edition is not None and edition not in editions.by_name:
        raise NotOnFile(f"办法“{id_}”没有版本“{edition}”", f"'{id_}' has no edition '{edition}'")
    on = on or clock.today()
    rs = editions.by_name[edition] if edition is not None else editions.on(on)
    book = ProgrammeBook.objects.filter(programme=id_).first() or ProgrammeBook(programme=id_)
    rows = store.rows_of(None, book) if book.head_seq else []
    world = store.world_of(book, DatabaseFacts(), known_at)
    load = texts.latest(id_, rs.programme.edition)
    shown = ProgrammePage(
        rs.programme,
        rs,
        editions,
        on,
        world,
        articles(rs, load),
        parameters(rs, world, on),
        defaults(rs, world, on),
        timeline(editions, rows, on, known_at, erasures(book, rows)),
        load,
        book.head_seq,
        store.history_of(editions, rows).state(world, on, known_at),
    )
    if party is not None:
        shown.permitted = permitted(rs, shown.state, party, on, world, level="programme")
        shown.permitted += openings(rs, party, on, world)
    return shown


def openings(rs: Ruleset, party: str, on: dt.date, world: World) -> list[Permission]:
    """The acts by which that party could begin a new centre."""
    found = permitted(rs, State(), party, on, world)
    return [q for q in found if "none" in (rs.models[q.act].from_ or [])]


def articles(rs: Ruleset, load: texts.Load | None) -> list[ArticleRow]:
    """Every article of an edition, with what rests on it and its official text."""
    numbering = rs.programme.instrument.numbering
    used: dict[str, list[tuple[str, str, Text]]] = {}
    for cite, what in _cited(rs):
        held = used.setdefault(cite, [])
        if what not in held:
            held.append(what)
    rows = []
    for key, model in rs.programme.articles.items():
        place = Citation.parse(key, numbering)
        resting = [
            what
            for cite, all_of in used.items()
            if place.covers(Citation.parse(cite, numbering))
            for what in all_of
        ]
        unique = list(dict.fromkeys(resting))
        text = load.text_at(place) if load is not None else None
        rows.append(ArticleRow(key, model, Text(place.zh, place.en), unique, text))
    return rows


def _cited(rs: Ruleset) -> Iterable[tuple[str, tuple[str, str, Text]]]:
    """Every citation in an edition with the thing that rests on it."""
    for name, compiled in rs.acts.items():
        what = ("act", name, words(compiled.model.name))
        for cite in [*compiled.model.cite, *(r.cite for r in compiled.rules if r.cite)]:
            yield cite, what
        for condition in compiled.model.when:
            for ground in condition.choose.among.values() if condition.choose is not None else ():
                if ground.cite:
                    yield ground.cite, what
    programme = rs.programme
    groups: list[tuple[str, Mapping[str, Any]]] = [
        ("duty", programme.duties),
        ("consequence", programme.consequences),
        ("notice", programme.notices),
        ("parameter", programme.parameters),
        ("stage", programme.stages),
        ("period", programme.periods),
        ("document", programme.documents),
    ]
    for sort, things in groups:
        for name, thing in things.items():
            if thing.cite:
                yield thing.cite, (sort, name, words(thing.name))
    for name, form in programme.names.items():
        if form.cite:
            yield form.cite, ("name", name, Text(form.zh or name, form.en or name))


def parameters(rs: Ruleset, world: World, on: dt.date) -> list[ParameterRow]:
    """The values left to the authority and what they are on a day."""
    rows = {n: ParameterRow(n, m) for n, m in rs.programme.parameters.items()}
    for act in sorted(world.of("set_parameter", on), key=lambda a: a.seq):
        row = rows.get(act.data.get("parameter", ""))
        begins = act.data.get("from") or act.on
        if row is not None and begins <= on and (row.since is None or begins >= row.since):
            row.value, row.year = act.data.get("value"), act.data.get("year")
            row.since, row.seq = begins, act.seq
    return list(rows.values())


def defaults(rs: Ruleset, world: World, on: dt.date) -> list[DefaultRow]:
    """The points on which the text is silent and what is in use on a day."""
    rows = {n: DefaultRow(n, m, m.options[0]) for n, m in rs.programme.defaults.items()}
    for act in sorted(world.of("set_default", on), key=lambda a: a.seq):
        row = rows.get(act.data.get("default", ""))
        begins = act.data.get("from") or act.on
        if row is not None and begins <= on and (row.since is None or begins >= row.since):
            row.setting, row.since, row.seq = act.data.get("to", row.setting), begins, act.seq
    return list(rows.values())


# --- the rest -----------------------------------------------------------------------------------


def organisations(kinds: Iterable[str] = (), search: str | None = None) -> list[Organisation]:
    """The organisations on file of these kinds (any, when none are named)."""
    found = Organisation.objects.order_by("name_zh", "id")
    if wanted := list(kinds):
        found = found.filter(kind__in=wanted)
    if search:
        found = found.filter(name_zh__icontains=search)
    return list(found)


def outbox(waiting: bool = True, limit: int = 200) -> list[OutboxRow]:
    """What is to be told to somebody, oldest first."""
    found = OutboxRow.objects.select_related("centre", "book", "act").order_by("created", "id")
    return list((found.filter(taken__isnull=True) if waiting else found)[:limit])


def recent(limit: int = 20, programme: str | None = None) -> list[tuple[Centre | None, Entry]]:
    """The acts recorded last, newest first, each with its centre (None: programme-level)."""
    found = ActRecord.objects.select_related("payload", "centre").order_by("-recorded", "-id")
    if programme is not None:
        found = found.filter(book=programme)
    today = clock.today()
    return [
        (
            row.centre,
            _entry(store.editions_of(row.book_id), row, store.act_of(row), today, False, {}, None),
        )
        for row in found[:limit]
    ]


def document(digest: str) -> Any:
    """A document's content by digest, None when it was erased. Raises NotOnFile."""
    from banfa.office.ledger.models import DocumentVersion

    found = DocumentVersion.objects.filter(digest=digest).first()
    if found is None:
        raise NotOnFile("没有这份材料", "no such document")
    return coding.decode(found.content)
