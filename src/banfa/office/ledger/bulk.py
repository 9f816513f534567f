"""Many acts at once: the same judge, the same chain, written with COPY.

A batch is one transaction. What its acts ask of the database is read beforehand and kept in memory
along with what they change; all that is new is written at the end. One act after another sees
what came before it, as if each had been recorded by itself.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, OperationalError, connection, models, transaction
from psycopg import errors as pg
from psycopg import sql

from banfa.office import clock
from banfa.office.ledger import agenda, coding, library, search, signals, store
from banfa.office.ledger.errors import LedgerError, NotOnFile
from banfa.office.ledger.facts import DatabaseFacts, declared, lock_people
from banfa.office.ledger.models import (
    ActPayload,
    ActRecord,
    Agenda,
    Centre,
    DocumentVersion,
    Engagement,
    Listing,
    Matter,
    Outbox,
    ProgrammeBook,
    SearchText,
)
from banfa.office.ledger.verbs import Proposal, Receipt, Recording, as_org, owed
from banfa.office.people import access
from banfa.office.people.models import Organisation, User
from banfa.office.rows import ready
from banfa.rules.history import History, Taken
from banfa.rules.judge import Finding
from banfa.rules.life import Act, State
from banfa.rules.proposals import BadProposal
from banfa.rules.ruleset import Ruleset
from banfa.rules.world import World

BATCH = 1000
"""So many proposals are one transaction, unless the caller says otherwise."""
PEOPLE = 2000
"""So many persons at most are locked in one transaction; a server has room for some 6,400."""
TRIES = 4

Problem = LedgerError | BadProposal
Told = Callable[[int, int], None]
"""Hears how many of how many proposals have been judged; what it raises undoes the batch."""
TELL_EVERY = 50


@dataclass(slots=True)
class Outcome:
    """What came of one proposal: a receipt (accepted or refused), or what was wrong with it."""

    receipt: Receipt | None = None
    error: Problem | None = None

    @property
    def accepted(self) -> bool:
        """Whether it was recorded (or, in a trial, would be)."""
        return self.receipt is not None and self.receipt.accepted


def record_many(
    proposals: Iterable[Proposal],
    recorded: dt.datetime | Sequence[dt.datetime] | None = None,
    *,
    batch: int = BATCH,
    dry: bool = False,
    told: Told | None = None,
) -> list[Outcome]:
    """Records those of many acts that are accepted; gives an outcome for each, in their order.

    Each batch is all on file or not at all; a refusal, or what `record` would raise for a proposal,
    concerns that one only. `recorded` (one moment, or one for each) is for imports and the
    demonstration. With `dry` all is judged, each act seeing those before it, and nothing is
    recorded or locked; receipts then name no new centre.
    """
    asked = list(proposals)
    moments = list(recorded) if isinstance(recorded, Sequence) else [recorded] * len(asked)
    if len(moments) != len(asked):
        raise ValueError("one moment for each proposal")
    if dry:
        return _Batch(asked, moments, {}, dry=True, told=told).run()
    outcomes: list[Outcome] = []
    for first, last in _parts(asked, max(batch, 1)):
        outcomes += _taken(asked[first:last], moments[first:last])
        if told is not None:
            told(last, len(asked))
    return outcomes


def judge_many(proposals: Iterable[Proposal], told: Told | None = None) -> list[Outcome]:
    """What `record` would answer to each as things stand now; none sees the others.

    Nothing is recorded or locked. Where all conditions hold, none is put into words.
    """
    asked = list(proposals)
    return _Batch(asked, [None] * len(asked), {}, dry=True, alone=True, told=told).run()


def _parts(asked: Sequence[Proposal], size: int) -> Iterator[tuple[int, int]]:
    """Where each batch begins and ends: after so many proposals, or so many persons."""
    first, people = 0, 0
    for number, proposal in enumerate(asked):
        here = len(_people(proposal))
        if number > first and (number - first >= size or people + here > PEOPLE):
            yield first, number
            first, people = number, 0
        people += here
    if first < len(asked):
        yield first, len(asked)


def _taken(asked: Sequence[Proposal], moments: Sequence[dt.datetime | None]) -> list[Outcome]:
    """One batch, tried again when others got in its way, or without what broke it."""
    wrong: dict[int, Problem] = {}
    tries = 0
    while True:
        try:
            with transaction.atomic():
                return _Batch(asked, moments, wrong).run()
        except _Spoilt as spoilt:
            wrong[spoilt.number] = spoilt.error
        except (IntegrityError, OperationalError) as error:
            tries += 1
            if tries >= TRIES or not isinstance(error.__cause__, _IN_THE_WAY):
                raise


_IN_THE_WAY = (pg.UniqueViolation, pg.DeadlockDetected)
"""Somebody used the same key at that moment; or we waited for one another."""


class _Spoilt(Exception):
    """A proposal turned out to be wrong when something of it was already kept."""

    def __init__(self, number: int, error: Problem) -> None:
        super().__init__(str(error))
        self.number, self.error = number, error


def _people(proposal: Proposal) -> set[str]:
    """The persons that a proposal names, as far as can be told before it is read."""
    found: set[str] = set()
    named = proposal.data.get("values")
    for value in (*proposal.data.values(), *(named if isinstance(named, Mapping) else {}).values()):
        if isinstance(value, (list, tuple)):
            rows = [v for v in value if isinstance(v, (str, Mapping))]
            found.update(p for p in store.people_in(rows) if isinstance(p, str))
    return found


class _Batch:
    """A transaction's worth of proposals, and all that they see and change."""

    def __init__(
        self,
        asked: Sequence[Proposal],
        moments: Sequence[dt.datetime | None],
        wrong: Mapping[int, Problem],
        dry: bool = False,
        alone: bool = False,
        told: Told | None = None,
    ) -> None:
        self.asked, self.moments, self.wrong = asked, moments, wrong
        self.told = told
        self.dry, self.alone = dry, alone
        self.books: dict[str, ProgrammeBook] = {}
        self.centres: dict[str, Centre] = {}
        self.rows: dict[str, list[ActRecord]] = {}
        self.histories: dict[str, store.KeptHistory] = {}
        self.level: dict[str, list[Act]] = {}
        self.keys: dict[str, ActRecord] = {}
        self.reaches: dict[tuple[int, dt.date], access.Reach] = {}
        self.orgs: dict[str, dict[str, Any]] = {}
        self.listings: dict[str, list[Listing]] = {}
        self.people = _People(self)
        self.papers = _Papers(self)
        self.fresh: dict[str, Centre] = {}
        self.changed: dict[str, Centre] = {}
        self.acts: list[ActRecord] = []
        self.outbox: list[Outbox] = []
        self.texts: list[SearchText] = []
        self.profiles: dict[str, SearchText] = {}
        self.states: dict[str, State] = {}
        self.outdated: set[str] = set()
        self.edited: set[str] = set()
        self.kept: set[str] = set()
        self.touched = False

    def run(self) -> list[Outcome]:
        """Judges all; writes what is accepted unless it is a trial."""
        self._read()
        with _without_collecting():
            outcomes = [self._one(n, proposal) for n, proposal in enumerate(self.asked)]
            if not self.dry:
                self._write()
        if self.dry:
            for outcome in outcomes:
                _without_number(outcome.receipt, self.fresh)
        return outcomes

    def _one(self, number: int, proposal: Proposal) -> Outcome:
        if self.told is not None and number % TELL_EVERY == 0:
            self.told(number, len(self.asked))
        if number in self.wrong:
            return Outcome(error=self.wrong[number])
        self.touched = False
        try:
            return Outcome(_InBatch(proposal, self.moments[number], self).run())
        except (LedgerError, BadProposal) as error:
            if self.touched:
                raise _Spoilt(number, error) from error
            return Outcome(error=error)

    # --- reading

    def locked(self, model: Any) -> Any:
        """The rows of a model, to be locked unless it is a trial."""
        return model.objects.all() if self.dry else model.objects.select_for_update(no_key=True)

    def _read(self) -> None:
        """Locks books, then centres, then persons, each in order; reads what will be asked."""
        named = sorted({p.centre for p in self.asked if isinstance(p.centre, str)})
        begun = {p.programme for p in self.asked if p.centre is None and p.programme}
        for programme in sorted(begun & set(library.ids())):
            self.book(programme, lock=True)
        self.fetch(named)
        for centre in self.centres.values():
            self.book(centre.book_id)
        self.people.meet(set().union(*(_people(p) for p in self.asked)))
        self._read_orgs()
        wanted = [p.key for p in self.asked if p.key is not None]
        for row in ActRecord.objects.select_related("payload").filter(key__in=wanted):
            self.keys[str(row.key)] = row

    def _read_orgs(self) -> None:
        ids = {p.org for p in self.asked if isinstance(p.org, str)}
        for found in Organisation.objects.filter(id__in=ids) if ids else ():
            self.orgs[found.id] = as_org(found)
        acting = {str(p.org.get("org")) for p in self.asked if isinstance(p.org, Mapping)}
        DatabaseFacts.know(_Facts(self), sorted(ids | acting))

    def book(self, programme: str, lock: bool = False) -> ProgrammeBook:
        """A programme's book; locked when a centre may begin or an act be its own."""
        if programme not in self.books or (lock and not self.dry and programme not in self.edited):
            if lock and not self.dry:
                ProgrammeBook.objects.get_or_create(programme=programme)
                found = self.locked(ProgrammeBook).get(programme=programme)
                self.edited.add(programme)
            else:
                known = ProgrammeBook.objects.filter(programme=programme).first()
                found = known or ProgrammeBook(programme=programme)
            self.books[programme] = found
            self.level[programme] = store.programme_acts(found)
        return self.books[programme]

    def fetch(self, ids: Iterable[str]) -> None:
        """Reads (and locks) centres not yet known, with their acts."""
        wanted = sorted(set(ids) - self.centres.keys())
        if not wanted:
            return
        found = list(self.locked(Centre).filter(id__in=wanted).order_by("id"))
        self.rows |= store.rows_by_centre(found)
        self.centres |= {c.id: c for c in found}

    def rows_of(self, centre: Centre | None, book: ProgrammeBook) -> list[ActRecord]:
        """The rows of one chain, those of this batch included."""
        chain = centre.id if centre is not None else f"/{book.programme}"
        if chain not in self.rows:
            known = centre is None and book.head_seq
            self.rows[chain] = store.rows_of(None, book) if known else []
        return self.rows[chain]

    def history(
        self, centre: Centre | None, book: ProgrammeBook, again: bool = False
    ) -> store.KeptHistory:
        """A chain's history; with document contents when later acts may be judged again."""
        chain = centre.id if centre is not None else f"/{book.programme}"
        if again or chain not in self.histories:
            rows = self.rows_of(centre, book)
            contents = self.papers.contents(rows) if again else None
            self.histories[chain] = store.history_of(store.editions_of(book), rows, contents)
        return self.histories[chain]

    def world(self, programme: str, facts: DatabaseFacts | None = None) -> World:
        """What acts of a programme see: its acts on file and those of this batch."""
        self.book(programme)
        return World(self.level[programme], facts)

    def reach(self, user: User, on: dt.date) -> access.Reach:
        """What a person may do on a day: asked once a batch."""
        at = (user.pk, on)
        if at not in self.reaches:
            self.reaches[at] = access.reach(user, on)
        return self.reaches[at]

    # --- writing

    def _write(self) -> None:
        """Everything new, in as many statements as there are tables."""
        for programme in sorted(self.edited):
            self.books[programme].save(update_fields=["centres", "head_seq", "head_hash"])
        copy_in(Centre, list(self.fresh.values()))
        update(Centre, list(self.changed.values()))
        copy_in(DocumentVersion, self.papers.fresh)
        number(self.acts)
        copy_in(ActRecord, self.acts)
        for row in self.acts:
            row.payload.act = row
        copy_in(ActPayload, [row.payload for row in self.acts])
        for owes in self.outbox:
            assert owes.act is not None
            owes.act_id = owes.act.pk
        copy_in(Outbox, self.outbox)
        if self.outbox:
            signals.owed.send(Outbox)
        renamed = self.profiles.keys() - self.fresh.keys()
        SearchText.objects.filter(centre__in=renamed, source=search.PROFILE).delete()
        copy_in(SearchText, [*self.profiles.values(), *self.texts])
        self._write_agendas()

    def _write_agendas(self) -> None:
        """What is under way and owed for each centre now, and what programme acts changed of it."""
        today = clock.today()
        agendas, matters = [], []
        for name, state in self.states.items():
            centre = self.centres[name]
            history = self.histories[name]
            world = self.world(centre.book_id, _Facts(self))
            editions = store.editions_of(centre.book_id)
            made, theirs = agenda.beside(centre, editions, history, state, world, today)
            agendas.append(made)
            matters += theirs
        for model in (Matter, Agenda):
            model._default_manager.filter(centre__in=self.changed.keys())._raw_delete("default")
        copy_in(Matter, matters)
        copy_in(Agenda, agendas)
        for programme in sorted(self.outdated):
            agenda.after_programme_act(self.books[programme], today)


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """All that a batch makes lives until its end: to look for garbage in it costs a third more."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _without_number(receipt: Receipt | None, fresh: Mapping[str, Centre]) -> None:
    """A trial's receipt names no centre that does not exist."""
    if receipt is not None and receipt.centre in fresh:
        receipt.centre = None


class _InBatch(Recording):
    """One proposal of a batch: what it asks is answered from the batch, which keeps its changes."""

    def __init__(self, proposal: Proposal, recorded: dt.datetime | None, batch: _Batch) -> None:
        super().__init__(proposal, recorded, dry=batch.alone)
        self.batch = batch
        self.facts = _Facts(batch)
        self.explained = not batch.alone

    # --- what is asked

    def _centre(self) -> Centre | None:
        wanted = self.proposal.centre
        if wanted is None:
            return None
        if wanted not in self.batch.centres:
            raise NotOnFile(f"没有编号为“{wanted}”的中心", f"no centre '{wanted}'")
        return self.batch.centres[wanted]

    def _book_to_add_to(self, programme: str) -> ProgrammeBook:
        return self.batch.book(programme, lock=True)

    def _book_on_file(self, programme: str) -> ProgrammeBook:
        return self.batch.book(programme)

    def _keyed(self, key: str) -> ActRecord | None:
        return self.batch.keys.get(key)

    def _caused(self, row: ActRecord) -> list[ActRecord]:
        if row.pk is not None:
            return super()._caused(row)
        mine = [r for r in self.batch.acts if r.caused_by == row.seq and r.book_id == row.book_id]
        return sorted((r for r in mine if r.centre_id), key=lambda r: str(r.centre_id))

    def _told(self, taken: Taken) -> list[Finding]:
        if self.batch.alone and taken.accepted and taken.plain:
            return []
        return taken.findings

    def _reach(self, user: User) -> access.Reach:
        return self.batch.reach(user, self.now.astimezone(clock.SHANGHAI).date())

    def _history(self, centre: Centre | None) -> History:
        rows = self.batch.rows_of(centre, self.book)
        return self.batch.history(centre, self.book, self._looks_ahead(rows))

    def _world(self, facts: DatabaseFacts | None = None) -> World:
        return self.batch.world(self.book.programme, facts)

    def _past(self, centre: Centre) -> History:
        return self.batch.history(centre, self.book)

    def _named(self, wanted: list[str]) -> dict[str, Centre]:
        self.batch.fetch(wanted)
        known = self.batch.centres
        mine = self.book.programme
        return {i: known[i] for i in wanted if i in known and known[i].book_id == mine}

    def _org_on_file(self, id_: str) -> dict[str, Any]:
        if id_ not in self.batch.orgs:
            raise NotOnFile(f"没有编号为“{id_}”的单位", f"no organisation '{id_}'")
        return dict(self.batch.orgs[id_])

    def _content(self, name: str, wanted: Any) -> Any:
        kept = self.batch.papers.find(self.book.programme, self.centre, name, wanted)
        return super()._content(name, wanted) if kept is None else coding.decode(kept.content)

    # --- what is kept

    def _begin(self, centre: Centre) -> None:
        self.batch.touched = True
        self.book.centres += 1
        centre._state.adding = False
        self.batch.centres[centre.id] = self.batch.fresh[centre.id] = centre

    def _append(
        self, act: Act, taken: Taken, centre: Centre | None, key: str | None, request: str | None
    ) -> ActRecord:
        assert taken.ruleset is not None and act.recorded is not None
        batch, rs = self.batch, taken.ruleset
        batch.touched = True
        if rs.digest not in batch.kept and not batch.dry:
            library.keep(rs, act.recorded)
            batch.kept.add(rs.digest)
        papers = batch.papers.pin(act, self.book, centre, act.recorded)
        findings = list(taken.judgement.findings)
        row = store.entry(act, rs, findings, taken.answers, self.book, centre, papers, key, request)
        batch.rows_of(centre, self.book).append(row)
        batch.acts.append(row)
        if key is not None:
            batch.keys[key] = row
        if centre is None:
            # Later acts see this one as it will be read from its row.
            batch.level[self.book.programme].append(store.act_of(row))
            batch.histories.pop(f"/{self.book.programme}", None)
        return row

    def _settle(self, row: ActRecord, centre: Centre, state: State, rs: Ruleset) -> None:
        batch = self.batch
        if centre.id not in batch.fresh:
            batch.changed[centre.id] = centre
        batch.outbox += owed(row, centre, state, rs)
        batch.people.learn(centre)
        history = batch.histories[centre.id]
        history.acts[-1] = store.act_of(row)
        history.answers[row.seq] = coding.decode(row.payload.answers or {})

    def _beside(self, centre: Centre, history: History, state: State) -> None:
        self.batch.states[centre.id] = state

    def _outdate(self) -> None:
        self.batch.outdated.add(self.book.programme)

    def _index(self, row: ActRecord, act: Act, centre: Centre, rs: Ruleset, called: str) -> None:
        contents = {name: d.get("content") for name, d in act.documents.items()}
        self.batch.texts += search.of_act(row, rs, act.data, contents)
        profile = search.of_centre(centre)
        if profile.text != called or row.seq == 1:
            self.batch.profiles[centre.id] = profile


# --- persons and lists --------------------------------------------------------------------------


class _Facts(DatabaseFacts):
    """The port to the outside for one proposal of a batch."""

    def __init__(self, batch: _Batch) -> None:
        super().__init__()
        self._batch = batch
        self._listings = batch.listings

    def _lock_people(self, members: list[str]) -> None:
        self._batch.people.meet(set(members))

    def _declared(self, members: list[str], on: dt.date, level: str) -> list[dict[str, Any]]:
        return self._batch.people.declared(members, on, level)

    def _others(self, members: set[str], centre: str | None) -> list[tuple[Centre, History]]:
        return self._batch.people.others(members, centre)

    def _world(self, book: str) -> World:
        return self._batch.world(book)


@dataclass
class _People:
    """Persons that the batch knows of, locked: where they are, here and outside."""

    batch: _Batch
    known: set[str] = field(default_factory=set)
    outside: dict[str, list[Engagement]] = field(default_factory=dict)
    inside: dict[str, set[str]] = field(default_factory=dict)
    elsewhere: dict[str, tuple[Centre, History | None]] = field(default_factory=dict)

    def meet(self, persons: set[str]) -> None:
        """Locks persons not met before, and finds where they are."""
        fresh = sorted(persons - self.known)
        if not fresh:
            return
        if not self.batch.dry:
            lock_people(fresh)
        self.known.update(fresh)
        for row in Engagement.objects.filter(person__in=fresh).order_by("id"):
            self.outside.setdefault(row.person, []).append(row)
        for centre in Centre.objects.filter(people__overlap=fresh):
            self.elsewhere.setdefault(centre.id, (centre, None))
            self.learn(centre)

    def learn(self, centre: Centre) -> None:
        """Notes who has been in a centre's team."""
        for person in centre.people:
            self.inside.setdefault(person, set()).add(centre.id)

    def declared(self, members: list[str], on: dt.date, level: str) -> list[dict[str, Any]]:
        """As the database would answer."""
        rows = [e for who in sorted(set(members)) for e in self.outside.get(who, ())]
        return declared(rows, on, level)

    def others(self, members: set[str], centre: str | None) -> list[tuple[Centre, History]]:
        """The centres in whose team one of these has ever been, with their histories."""
        ids = set().union(*(self.inside.get(who, set()) for who in members)) - {centre}
        found: list[tuple[Centre, History]] = []
        for id_ in sorted(ids):
            if id_ in self.batch.centres:
                here = self.batch.centres[id_]
                book = self.batch.book(here.book_id)
                found.append((here, self.batch.history(here, book)))
            else:
                found.append(self._elsewhere(id_))
        return found

    def _elsewhere(self, id_: str) -> tuple[Centre, History]:
        other, history = self.elsewhere[id_]
        if history is None:
            rows = store.rows_by_centre([other])[id_]
            history = store.history_of(store.editions_of(other.book_id), rows)
            self.elsewhere[id_] = (other, history)
        return other, history


# --- documents ----------------------------------------------------------------------------------

Shelf = tuple[str, str | None, str]


@dataclass
class _Papers:
    """Versions of documents: those on file of the centres at hand, and new ones."""

    batch: _Batch
    shelves: dict[Shelf, list[DocumentVersion]] = field(default_factory=dict)
    fresh: list[DocumentVersion] = field(default_factory=list)

    def _shelf(self, programme: str, centre: Centre | None, type_: str) -> list[DocumentVersion]:
        at = (programme, centre.id if centre else None, type_)
        if at not in self.shelves:
            new = centre is not None and centre.id in self.batch.fresh
            kept = DocumentVersion.objects.filter(
                book=programme, centre=centre and centre.id, type=type_
            )
            self.shelves[at] = [] if new else list(kept.order_by("version"))
        return self.shelves[at]

    def find(
        self, programme: str, centre: Centre | None, type_: str, digest: Any
    ) -> DocumentVersion | None:
        """A version by its digest; None when it is not on file."""
        if centre is not None and centre.id not in self.batch.centres:
            return None
        shelf = self._shelf(programme, centre, type_)
        return next((v for v in shelf if v.digest == digest), None)

    def pin(
        self, act: Act, book: ProgrammeBook, centre: Centre | None, now: dt.datetime
    ) -> dict[str, Any]:
        """As `store.pin_documents`, kept until the batch is written."""
        pinned = {}
        for name, document in act.documents.items():
            found = self.find(book.programme, centre, name, document["digest"])
            if found is None:
                shelf = self._shelf(book.programme, centre, name)
                found = DocumentVersion(
                    book=book,
                    centre=centre,
                    type=name,
                    version=(shelf[-1].version if shelf else 0) + 1,
                    digest=document["digest"],
                    content=coding.encode(document.get("content")),
                    stored=now,
                )
                shelf.append(found)
                self.fresh.append(found)
            pinned[name] = {"digest": found.digest, "version": found.version}
        return pinned

    def contents(self, rows: Iterable[ActRecord]) -> dict[str, Any]:
        """The contents of all documents that these acts pin, by digest."""
        rows = list(rows)
        wanted = {d["digest"] for row in rows for d in row.payload.documents.values()}
        new = {v.digest: coding.decode(v.content) for v in self.fresh if v.digest in wanted}
        return store.contents_of(rows) | new


# --- rows in bulk -------------------------------------------------------------------------------


def number(rows: Sequence[models.Model]) -> None:
    """Gives rows their numbers from the table's sequence."""
    if not rows:
        return
    key = rows[0]._meta.pk
    assert key is not None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [f'"{rows[0]._meta.db_table}"', key.column, len(rows)],
        )
        for row, (given,) in zip(rows, cursor.fetchall(), strict=True):
            row.pk = given


def copy_in(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    """Inserts rows with COPY. Rows without a number are given one."""
    if not rows:
        return
    key = model._meta.pk
    if isinstance(key, models.AutoField) and rows[0].pk is None:
        number(rows)
    _copy(model, model._meta.db_table, rows)


def _copy(model: type[models.Model], table: str, rows: Sequence[models.Model]) -> None:
    fields = [(f, ready(f)) for f in _columns(model)]
    names = sql.SQL(", ").join(sql.Identifier(f.column) for f, _ready in fields)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row([made(f.pre_save(row, True)) for f, made in fields])


def _columns(model: type[models.Model]) -> list[Any]:
    return [f for f in model._meta.concrete_fields if not f.generated]


def update(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    """Writes changed rows over those with the same key: COPY to the side, then one UPDATE."""
    if not rows:
        return
    table, key = model._meta.db_table, model._meta.pk
    assert key is not None
    aside = f"changed_{table}"
    names = [f.column for f in _columns(model)]
    listed = sql.SQL(", ").join(map(sql.Identifier, names))
    sets = sql.SQL(", ").join(
        sql.SQL("{0} = changed.{0}").format(sql.Identifier(n)) for n in names if n != key.column
    )
    here = {"t": sql.Identifier(table), "a": sql.Identifier(aside), "k": sql.Identifier(key.column)}
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "CREATE TEMP TABLE IF NOT EXISTS {a} ON COMMIT DROP AS SELECT {n} FROM {t} LIMIT 0"
            ).format(**here, n=listed)
        )
        cursor.execute(sql.SQL("TRUNCATE {a}").format(**here))
        _copy(model, aside, rows)
        cursor.execute(
            sql.SQL("UPDATE {t} SET {s} FROM {a} changed WHERE {t}.{k} = changed.{k}").format(
                **here, s=sets
            )
        )
