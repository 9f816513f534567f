"""The ledger's verbs. `record` is the one door by which an act comes in.

A web form, the API, the command line, an import and the demonstration data all make a `Proposal`
and call it. In one transaction: lock the chain, judge, append, fold, project, queue notices. A
refusal changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from banfa.office import clock
from banfa.office.ledger import agenda, coding, library, search, signals, store
from banfa.office.ledger.errors import (
    KeyReused,
    LedgerError,
    MayNot,
    MayNotErase,
    NotOnFile,
    Stale,
)
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import (
    ActPayload,
    ActRecord,
    Agenda,
    Centre,
    DocumentVersion,
    Erasure,
    Outbox,
    ProgrammeBook,
)
from banfa.office.people import access
from banfa.office.people.models import Organisation, User
from banfa.office.people.verbs import enter_organisation
from banfa.office.prepared import Prepared, later
from banfa.office.rows import insert, update
from banfa.rules.history import Editions, History, Taken, causes
from banfa.rules.judge import Finding
from banfa.rules.life import ANNULMENTS, CORRECTION, Act, State, digest
from banfa.rules.proposals import check, unknown
from banfa.rules.ruleset import Ruleset
from banfa.rules.world import World


@dataclass(slots=True)
class Seen:
    """The acts of a centre as read, with the number of erasures of its programme at that time."""

    centre: str
    rows: list[ActRecord]
    erasures: int

    def current(self, centre: Centre, book: ProgrammeBook) -> bool:
        """Whether they are all that is on file for a centre just locked: acts are only added."""
        last = self.rows[-1].seq if self.rows else 0
        same = self.centre == centre.id and self.erasures == book.erasures
        return same and last == len(self.rows) == centre.version


@dataclass(slots=True)
class Proposal:
    """An act as somebody proposes it.

    `by` is the party; `org` the organisation that plays it: its id in `Organisation`, or its data
    (`org`, `name`, `kind`, `place`); left out, the one bound to the role, or the body itself.
    `centre` is left out for programme-level acts and for acts that open a new centre (then
    `programme` is needed). `documents` maps a type to `{"content": {...}}` or, for a version on
    file, `{"digest": "sha256:..."}`. `version` is the centre's version the proposer saw; `key` an
    idempotency key: the same key and content give the same receipt. With `user` the person's rights
    are asked (MayNot), and the record shows that person, and who delegated the capacity if somebody
    did; `reach` is that person's rights on the day of recording, when they have been read already
    for the same request, and `seen` the centre's acts, which are taken for what is on file when
    under the lock nothing has been added or erased. `dossier` is the number of the dossier that it
    comes out of. `person` is for imports and the demonstration.
    """

    act: str
    by: str
    on: dt.date
    programme: str | None = None
    centre: str | None = None
    org: str | Mapping[str, Any] | None = None
    data: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    about: str | None = None
    exception: dict[str, Any] | None = None
    person: str | None = None
    user: User | None = None
    version: int | None = None
    key: str | None = None
    reach: access.Reach | None = None
    seen: Seen | None = None
    dossier: int | None = None

    def digest(self) -> str:
        """Digest of what is proposed, to tell a repeated request from another one."""
        kept = [
            *(self.act, self.by, self.on, self.programme, self.centre, self.org),
            *(self.data, self.documents, self.about, self.exception),
        ]
        return digest(coding.encode(kept))


@dataclass(slots=True)
class Receipt:
    """The answer to a proposal. When `accepted`, `centre`, `seq` and `hash` say where it stands.

    `findings` are all conditions; `caused` the receipts of acts caused in the same transaction.
    `repeated`: the key had been used for this same act before, which is what is shown.
    """

    accepted: bool
    programme: str
    centre: str | None
    findings: list[Finding]
    seq: int | None = None
    hash: str | None = None
    recorded: dt.datetime | None = None
    caused: list[Receipt] = field(default_factory=list)
    repeated: bool = False

    @property
    def refusals(self) -> list[Finding]:
        """The findings that refuse."""
        return [] if self.accepted else [f for f in self.findings if f.refuses]

    @property
    def warnings(self) -> list[Finding]:
        """The findings that only warn."""
        return [f for f in self.findings if f.outcome == "not" and f.warning]

    @property
    def codes(self) -> list[str]:
        """The distinct codes of the refusing findings, sorted."""
        return sorted({f.code for f in self.refusals})


def record(proposal: Proposal, recorded: dt.datetime | None = None) -> Receipt:
    """Records an act when it is accepted; a refusal changes nothing and gives the findings.

    `recorded` is only for imports and the demonstration; otherwise it is now. Raises BadProposal
    for what cannot be read, and LedgerError (NotOnFile, Stale, KeyReused, MayNot, or what an
    app puts in the way of it) for what does not fit what is on file; nothing is recorded then.
    """
    try:
        with transaction.atomic():
            return Recording(proposal, recorded).run()
    except IntegrityError as error:
        if proposal.key and "key" in str(error):
            raise KeyReused from None
        raise


def judge(proposal: Proposal) -> Receipt:
    """What `record` would answer. Records nothing and takes no lock (`accepted`: it would be)."""
    return Recording(proposal, None, dry=True).run()


_BEFOREHAND = ("concur", "exception_decision")
"""Acts that may come before the one that begins a centre, because that one needs them."""


def draft(proposal: Proposal) -> str:
    """The digest of an act as it would be recorded: what bodies concur on (`concur`, `draft`)."""
    return Recording(proposal, None, dry=True).draft()


class Recording:
    """One run through the door. What it asks of the database and writes there are methods of their
    own, which `bulk` answers for many acts at once.
    """

    def __init__(self, proposal: Proposal, recorded: dt.datetime | None, dry: bool = False) -> None:
        self.proposal = proposal
        self.now = recorded or clock.now()
        self.dry = dry
        self.facts = DatabaseFacts(lock=not dry)
        self.held: access.Held | None = None
        self.explained = True
        self.agenda: Agenda | None = None
        self.acts: list[ActRecord] | None = None

    def run(self) -> Receipt:
        """Locks, judges and, when accepted, appends."""
        if repeated := self._open():
            return repeated
        self._ask_others()
        return self._take(self._history(self.centre))

    def draft(self) -> str:
        """The digest of the act as it would be recorded, on which bodies concur."""
        self._open()
        history = self._history(self.centre)
        return self._act(history, self._world(self.facts)).draft

    def _open(self) -> Receipt | None:
        """Finds and locks the chain, checks key and version; a repeated key's receipt."""
        asked = self.proposal
        self.centre = self._centre()
        self.book = self._book()
        self.editions = library.editions(self.book.programme)
        model = self._model()
        programme_level = model.level == "programme"
        if repeated := self._repeated():
            return repeated
        if programme_level and self.centre is not None:
            raise LedgerError(
                "这是办法层面的行为，不属于某一个中心", "this act belongs to no centre"
            )
        if not programme_level and self.centre is None:
            self.centre = self._new_centre(model)
        if asked.version is not None and self.centre and asked.version != self.centre.version:
            raise Stale(asked.version, self.centre.version)
        self._authorised(programme_level)
        return None

    def _ask_others(self) -> None:
        """Lets others keep a person's act from the record, such as those who want it signed first.

        Raises what they raise: a LedgerError.
        """
        if self.held is not None and not self._model().probe:
            signals.proposed.send(
                Proposal,
                programme=self.book.programme,
                act=self.proposal.act,
                centre=self.centre if self._begun() else None,
                organisation=self.held.org,
                documents=bool(self.proposal.documents),
                dossier=self.proposal.dossier,
            )

    def _authorised(self, programme_level: bool) -> None:
        """Finds the capacity in which the person acts. Raises MayNot."""
        asked = self.proposal
        if asked.user is None:
            return
        centre = None if programme_level or not self._begun() else self.centre
        org = _org_id(asked, centre)
        reach = asked.reach or self._reach(asked.user)
        self.held = reach.may(asked.act, asked.by, self.book.programme, centre, org)
        if self.held is None:
            raise MayNot

    def _reach(self, user: User) -> access.Reach:
        """What the person may do on the day of recording."""
        return access.reach(user, self.now.astimezone(clock.SHANGHAI).date())

    def _begun(self) -> bool:
        return self.centre is not None and self.centre.version > 0

    # --- finding and locking

    def _centre(self) -> Centre | None:
        """The centre's row, locked first of all."""
        if self.proposal.centre is None:
            return None
        ask = _centre if self.dry else _centre_locked
        found: Centre | None = ask.first(id=self.proposal.centre)
        if found is None:
            raise NotOnFile(
                f"没有编号为“{self.proposal.centre}”的中心", f"no centre '{self.proposal.centre}'"
            )
        return found

    def _rows(self, model: Any) -> Any:
        return model.objects.all() if self.dry else model.objects.select_for_update(no_key=True)

    def _book(self) -> ProgrammeBook:
        """The programme's book; locked for programme-level acts and for new centres."""
        programme = self.proposal.programme
        if self.centre is not None:
            if programme not in (None, self.centre.book_id):
                raise LedgerError(
                    f"中心“{self.centre.id}”不属于办法“{programme}”",
                    f"centre '{self.centre.id}' is not one of programme '{programme}'",
                )
            return self._book_on_file(self.centre.book_id)
        if programme is None:
            raise LedgerError("须指明中心，或所依据的办法", "name a centre or a programme")
        library.editions(programme)
        return self._book_to_add_to(programme)

    def _book_on_file(self, programme: str) -> ProgrammeBook:
        assert self.centre is not None
        self.agenda = _agenda.first(centre=self.centre.pk)
        if self.agenda is not None:
            return self.agenda.book
        return ProgrammeBook.objects.get(programme=programme)

    def _book_to_add_to(self, programme: str) -> ProgrammeBook:
        if self.dry:
            found = ProgrammeBook.objects.filter(programme=programme).first()
            return found or ProgrammeBook(programme=programme)
        ProgrammeBook.objects.get_or_create(programme=programme)
        return ProgrammeBook.objects.select_for_update(no_key=True).get(programme=programme)

    def _model(self) -> Any:
        for rs in reversed(self.editions.rulesets):
            if self.proposal.act in rs.models:
                model = rs.models[self.proposal.act]
                if model.probe and not self.dry:
                    raise LedgerError(
                        "这类事项只作判断，不作记录", "this is only judged, never recorded"
                    )
                return model
        known = self.editions.latest.models
        text = unknown(self.proposal.act, known, "行为", "act")
        raise NotOnFile(text.zh, text.en)

    def _repeated(self) -> Receipt | None:
        if self.proposal.key is None or self.dry:
            return None
        if len(self.proposal.key) > 200:
            raise LedgerError("提交编号过长（至多200字）", "an idempotency key has 200 characters")
        row = self._keyed(self.proposal.key)
        if row is None:
            return None
        if row.request != self.proposal.digest():
            raise KeyReused
        receipt = receipt_of(row)
        receipt.repeated = True
        if row.centre_id is None:
            receipt.caused = [receipt_of(r) for r in self._caused(row)]
        return receipt

    def _acts(self, centre: Centre | None) -> list[ActRecord]:
        """The chain's acts on file: as the proposer's request read them, or read now."""
        if self.acts is None:
            seen = self.proposal.seen
            known = seen is not None and centre is not None and seen.current(centre, self.book)
            self.acts = seen.rows if known and seen else store.rows_of(centre, self.book)
        return self.acts

    def _keyed(self, key: str) -> ActRecord | None:
        if self.centre is not None:
            # One that another centre's act has is refused when this one is written.
            return next((row for row in self._acts(self.centre) if row.key == key), None)
        return ActRecord.objects.select_related("payload").filter(key=key).first()

    def _caused(self, row: ActRecord) -> list[ActRecord]:
        """The acts on file that a programme-level act caused, by centre."""
        found = ActRecord.objects.select_related("payload").filter(
            book=row.book_id, centre__isnull=False, caused_by=row.seq
        )
        return list(found.order_by("centre_id"))

    def _new_centre(self, model: Any) -> Centre:
        """The centre that an opening act begins; it is not saved before the act is accepted."""
        may_begin = "none" in (model.from_ or []) or self.proposal.act in _BEFOREHAND
        if not may_begin:
            raise LedgerError(
                f"办理“{model.name.zh}”须指明中心", f"'{model.name.en}' needs a centre"
            )
        number = self.book.centres + 1
        return Centre(id=f"{self.book.programme}-{number:04d}", book=self.book)

    def _history(self, centre: Centre | None) -> History:
        """The chain's history; with document contents when later acts may be judged again."""
        if centre is not None and centre.version == 0:
            return History(self.editions)
        rows = self._acts(centre)
        contents = store.contents_of(rows) if self._looks_ahead(rows) else None
        return store.history_of(self.editions, rows, contents)

    def _world(self, facts: DatabaseFacts | None = None) -> World:
        return store.world_of(self.book, facts)

    def _past(self, centre: Centre) -> History:
        """The history of a centre on which this act causes another."""
        return store.history_of(self.editions, store.rows_of(centre, self.book))

    def _named(self, wanted: list[str]) -> dict[str, Centre]:
        """Centres that an act names, locked in order, by id."""
        found = self._rows(Centre).filter(id__in=wanted, book=self.book).order_by("id")
        return {c.id: c for c in found}

    def _org_on_file(self, id_: str) -> dict[str, Any]:
        return organisation(id_)

    def _content(self, name: str, wanted: Any) -> Any:
        """The content of a document's version on file. Raises NotOnFile."""
        pinned = DocumentVersion.objects.filter(
            book_id=self.book.programme, type=name, digest=wanted
        )
        kept = pinned.filter(centre_id=self.centre.id if self.centre else None).first()
        if kept is None:
            raise NotOnFile(
                f"材料“{name}”的该版本不在档", f"that version of '{name}' is not on file"
            )
        return coding.decode(kept.content)

    def _looks_ahead(self, rows: list[ActRecord]) -> bool:
        """Whether later acts on file will be judged again."""
        touches = self.proposal.act in (*ANNULMENTS, CORRECTION)
        return touches or any(r.on > self.proposal.on for r in rows)

    # --- judging and appending

    def _act(self, history: History, world: World) -> Act:
        """The typed act. Raises BadProposal."""
        asked, centre = self.proposal, self.centre
        state = history.state(world, asked.on) if centre is not None else State()
        rs = self.editions.of(state, asked.on)
        act = Act(
            asked.act,
            asked.on,
            asked.by,
            self._organisation(rs, state),
            dict(asked.data),
            self._documents(),
            asked.about,
            asked.exception,
            centre=centre.id if centre is not None else None,
            person=asked.user.label if asked.user else asked.person,
            on_behalf_of=self.held.on_behalf_of if self.held else None,
            seq=(centre.version if centre is not None else self.book.head_seq) + 1,
            recorded=self._moment(history),
            saw=self.book.head_seq,
        )
        _check_day(asked.on, self.now)
        return check(rs, act)

    def _moment(self, history: History) -> dt.datetime:
        """The moment of recording; within one chain it never goes back."""
        last = max((a.recorded for a in history.acts if a.recorded), default=self.now)
        return max(last, self.now)

    def _take(self, history: History) -> Receipt:
        centre = self.centre
        world = self._world(self.facts)
        act = self._act(history, world)
        taken = history.propose(act, world, self.facts, self.explained)
        name = centre.id if centre is not None and centre.version else None
        if not taken.accepted:
            return Receipt(False, self.book.programme, name, taken.findings)
        assert taken.ruleset is not None
        caused = self._cause(taken.ruleset, act, world)
        for made, _, answer in caused:
            taken.add_caused(made, answer)
        if not taken.accepted or self.dry:
            return Receipt(taken.accepted, self.book.programme, name, self._told(taken))
        receipt = self._keep(act, taken, history, centre, main=True)
        for made, other, answer in caused:
            made.caused_by = act.seq
            receipt.caused.append(self._keep(made, answer, self._past(other), other))
        if centre is None:
            self._outdate()
        return receipt

    def _told(self, taken: Taken) -> list[Finding]:
        """The findings of an act that is not recorded, in words."""
        return taken.findings

    def _cause(self, rs: Ruleset, act: Act, world: World) -> list[tuple[Act, Centre, Taken]]:
        """The acts this one causes, each judged with this one in sight; centres locked in order."""
        if rs.models[act.kind].causes is None:
            return []
        seen = self._world(self.facts)
        seen.add(act)
        made = sorted(causes(rs, act, world), key=lambda a: a.centre or "")
        wanted = [m.centre for m in made]
        if len(set(wanted)) < len(wanted):
            raise LedgerError("所列中心有重复，请核对", "a centre is named twice")
        locked = self._named([m or "" for m in wanted])
        answers = []
        for one in made:
            centre = locked.get(one.centre or "")
            if centre is None:
                raise NotOnFile(
                    f"本办法下没有编号为“{one.centre}”的中心", f"no centre '{one.centre}'"
                )
            past = self._past(centre)
            one.seq, one.saw, one.recorded = centre.version + 1, act.seq, self._moment(past)
            one.person, one.on_behalf_of = act.person, act.on_behalf_of
            taken = past.propose(one, seen, self.facts)
            answers.append((one, centre, taken))
        return answers

    def _keep(
        self, act: Act, taken: Taken, history: History, centre: Centre | None, main: bool = False
    ) -> Receipt:
        """Appends an accepted act, projects, queues the notices it owes."""
        assert taken.ruleset is not None
        if centre is not None and centre._state.adding:
            self._begin(centre)
        asked = self.proposal
        key = asked.key if main else None
        request = asked.digest() if key else None
        row = self._append(act, taken, centre, key, request)
        if centre is not None:
            history.acts.append(act)
            called = search.of_centre(centre).text
            state = store.project(centre, self.editions, history, self._world())
            self._settle(row, centre, state, taken.ruleset)
            self._beside(centre, history, state)
            self._index(row, act, centre, taken.ruleset, called)
            if main and self.held is not None:
                signals.recorded.send(
                    ActRecord, row=row, centre=centre, organisation=self.held.org, user=asked.user
                )
        return receipt_of(row, taken.findings)

    def _begin(self, centre: Centre) -> None:
        """A centre comes on file with its first act."""
        self.book.centres += 1
        self.book.save(update_fields=["centres"])
        centre.save(force_insert=True)

    def _append(
        self, act: Act, taken: Taken, centre: Centre | None, key: str | None, request: str | None
    ) -> ActRecord:
        """Writes the act at the end of its chain."""
        assert taken.ruleset is not None
        findings = list(taken.judgement.findings)
        row = store.append(
            act, taken.ruleset, findings, taken.answers, self.book, centre, key, request
        )
        if centre is None:
            self.book.save(update_fields=["head_seq", "head_hash"])
        return row

    def _settle(self, row: ActRecord, centre: Centre, state: State, rs: Ruleset) -> None:
        """Writes what the centre's acts now amount to, and the notices that this one owes."""
        update(centre)
        if rows := owed(row, centre, state, rs):
            insert(rows)
            signals.owed.send(Outbox)

    def _beside(self, centre: Centre, history: History, state: State) -> None:
        """Writes what is under way and owed for the centre now."""
        world = self._world(self.facts)
        made = agenda.beside(centre, self.editions, history, state, world, clock.today())
        mine = self.agenda if self.agenda and self.agenda.centre_id == centre.pk else None
        agenda.write([made], mine)

    def _outdate(self) -> None:
        """Makes anew what a programme-level act has changed of what is owed."""
        agenda.after_programme_act(self.book, clock.today())

    def _index(self, row: ActRecord, act: Act, centre: Centre, rs: Ruleset, called: str) -> None:
        """Makes what an act says findable, and its centre by what that is called now; `called` is
        what it was found by before."""
        contents = {name: d.get("content") for name, d in act.documents.items()}
        rows = search.of_act(row, rs, act.data, contents)
        profile = search.of_centre(centre)
        if profile.text != called or row.seq == 1:
            rows.append(profile)
        insert(rows, over=["centre_id", "source"])

    # --- what is proposed, as acts hold it

    def _organisation(self, rs: Ruleset, state: State) -> dict[str, Any]:
        """The acting organisation: as given, by id, bound to the role, or the body itself."""
        asked = self.proposal
        if isinstance(asked.org, Mapping):
            return dict(asked.org)
        if isinstance(asked.org, str):
            return self._org_on_file(asked.org)
        held = state.roles.get(asked.by, [])
        if len(held) == 1:
            return dict(held[0])
        party = rs.programme.parties.get(asked.by)
        if party is None or party.body or party.inside:
            return {"org": asked.by, "name": party.name.zh if party else asked.by}
        raise LedgerError(
            f"请指明是哪一个单位以“{party.name.zh}”身份办理",
            f"say which organisation acts as '{party.name.en}'",
        )

    def _documents(self) -> dict[str, dict[str, Any]]:
        """The documents with their contents; those given by digest are fetched."""
        found = {}
        for name, given in self.proposal.documents.items():
            if not isinstance(given, Mapping) or not ("content" in given or given.get("digest")):
                raise LedgerError(f"材料“{name}”没有内容", f"document '{name}' has no content")
            document = dict(given)
            if document.get("content") is None:
                document["content"] = self._content(name, document.get("digest"))
            found[name] = document
        return found


_centre = Prepared(lambda: Centre.objects.filter(id=later("id")))
_centre_locked = Prepared(
    lambda: Centre.objects.select_for_update(no_key=True).filter(id=later("id"))
)
_agenda = Prepared(lambda: Agenda.objects.select_related("book").filter(centre=later("centre")))
"""Read once the centre is locked: what stands beside it, and its programme's book."""


def receipt_of(row: ActRecord, findings: list[Finding] | None = None) -> Receipt:
    """The receipt of a recorded act."""
    return Receipt(
        True,
        row.book_id,
        row.centre_id,
        findings if findings is not None else store.findings_of(row),
        row.seq,
        row.hash,
        row.recorded,
    )


def _org_id(asked: Proposal, centre: Centre | None) -> str:
    """The organisation that is said to act; '' when none is said and several could be meant."""
    if isinstance(asked.org, str):
        return asked.org
    if isinstance(asked.org, Mapping):
        return str(asked.org.get("org") or "")
    held = centre.roles.get(asked.by, []) if centre is not None else []
    return str(held[0].get("org") or "") if len(held) == 1 else ""


def _check_day(on: dt.date, now: dt.datetime) -> None:
    today = now.astimezone(clock.SHANGHAI).date()
    if on > today:
        raise LedgerError(
            f"办理日期（{on}）晚于今日（{today}），尚不能记录", f"{on} is after today ({today})"
        )


def organisation(id_: str) -> dict[str, Any]:
    """An organisation on file, as acts hold it. Raises NotOnFile."""
    found = Organisation.objects.filter(id=id_).first()
    if found is None:
        raise NotOnFile(f"没有编号为“{id_}”的单位", f"no organisation '{id_}'")
    return as_org(found)


def as_org(found: Organisation) -> dict[str, Any]:
    """An organisation in the form in which acts hold it."""
    org = {"org": found.id, "name": found.name_zh, "kind": found.kind, "place": found.place}
    return {k: v for k, v in org.items() if v}


def owed(row: ActRecord, centre: Centre, state: State, rs: Ruleset) -> list[Outbox]:
    """Outbox rows, not yet saved, for the notices that this act owes."""
    declared = rs.programme.notices
    rows = []
    for one in state.notices:
        if one.seq != row.seq or one.sent is not None or one.notice not in declared:
            continue
        model = declared[one.notice]
        rows.append(
            Outbox(
                kind="notice",
                book_id=row.book_id,
                centre=centre,
                act=row,
                notice=one.notice,
                to=list(model.to),
                by=list(model.by),
                since=one.since,
                created=row.recorded,
            )
        )
    return rows


# --- erasing ------------------------------------------------------------------------------------

_LIFE = (
    *("edition", "stage", "stage_since", "stages", "class", "roles", "periods", "flags"),
    *("counts", "results", "notices", "exceptions"),
)


def erase(programme: str, centre: str | None, seq: int, part: str, by: str, reason: str) -> Erasure:
    """Erases one part of a recorded act for the protection of personal data.

    `part` is `person`, `on_behalf_of`, `answers`, `words`, `data.<input>`, `documents.<type>` (the
    content goes, the digest stays). The chain keeps the part's salted digest. Refused (MayNotErase)
    when the centre's life would change: what carries a stage, a period or a role is no personal
    data.
    """
    if not reason.strip():
        raise LedgerError("删除须写明理由", "an erasure needs a reason")
    with transaction.atomic():
        return _erase(programme, centre, seq, part, by, reason)


def _erase(
    programme: str, centre: str | None, seq: int, part: str, by: str, reason: str
) -> Erasure:
    book = ProgrammeBook.objects.select_for_update(no_key=True).filter(programme=programme).first()
    owner = None
    if centre is not None:
        owner = (
            Centre.objects.select_for_update(no_key=True).filter(id=centre, book=programme).first()
        )
    row = (
        ActRecord.objects.select_related("payload")
        .filter(book=book, centre_id=centre, seq=seq)
        .first()
    )
    if book is None or row is None or (centre is not None and owner is None):
        raise NotOnFile(f"没有第{seq}号行为", f"no act number {seq}")
    if part not in row.parts or part in set(row.erasures.values_list("part", flat=True)):
        raise NotOnFile(
            f"第{seq}号行为中没有“{part}”，或已删除", f"act {seq} has no part '{part}' any more"
        )
    now = clock.now()
    kept = Erasure.objects.create(act=row, part=part, erased=now, by=by, reason=reason)
    _blank(row.payload, part)
    book.erasures += 1
    book.save(update_fields=["erasures"])
    if owner is not None:
        _refold(owner, book)
    for told in _telling(row, part):
        if told.centre is not None:
            search.keep(told.centre, f"act:{told.seq}", search.of_row(told))
    return kept


def _telling(row: ActRecord, part: str) -> list[ActRecord]:
    """The acts in whose texts an erased part stood: a document's content may be several acts'."""
    name, _, inner = part.partition(".")
    if name != "documents":
        return [row]
    digest_ = row.payload.documents[inner]["digest"]
    centres = DocumentVersion.objects.filter(digest=digest_).values("centre")
    found = ActRecord.objects.select_related("payload", "centre").filter(centre__in=centres)
    return [r for r in found if any(d["digest"] == digest_ for d in r.payload.documents.values())]


def _blank(payload: ActPayload, part: str) -> None:
    name, _, inner = part.partition(".")
    if name == "documents":
        pinned = payload.documents[inner]["digest"]
        DocumentVersion.objects.filter(digest=pinned).update(content=None)
        return
    if inner:
        held = getattr(payload, name)
        held.pop(inner)
    elif name in ("person", "on_behalf_of", "answers", "words"):
        setattr(payload, name, None)
    else:
        raise MayNotErase(f"“{part}”不属于可删除的个人信息", f"'{part}' may not be erased")
    payload.salts.pop(part)
    payload.save(update_fields=[name, "salts"])


def _refold(centre: Centre, book: ProgrammeBook) -> None:
    """Projects anew after an erasure. Raises MayNotErase when the life itself would change."""
    editions: Editions = library.editions(book.programme)
    before = coding.decode(centre.summary)
    history = store.history_of(editions, store.rows_of(centre, book))
    try:
        state = store.project(centre, editions, history, store.world_of(book))
    except Exception as error:
        raise MayNotErase(
            "删除此项后无法再推出该中心的历程，不予删除", "the life could not be folded without it"
        ) from error
    after = coding.decode(coding.encode(state.summary()))
    changed = [n for n in _LIFE if before.get(n) != after.get(n)]
    if changed:
        raise MayNotErase(
            f"此项关系到该中心的阶段、期限或各方，不属于可删除的个人信息（{'、'.join(changed)}）",
            f"the centre's life rests on it ({', '.join(changed)})",
        )
    centre.save()
    world = store.world_of(book, DatabaseFacts())
    agenda.write([agenda.beside(centre, editions, history, state, world, clock.today())])
    search.keep(centre, search.PROFILE, [search.of_centre(centre)])


__all__ = [
    "Proposal",
    "Receipt",
    "as_org",
    "draft",
    "enter_organisation",
    "erase",
    "judge",
    "organisation",
    "record",
]
