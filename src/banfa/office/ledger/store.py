"""Between rows and the engine: acts and histories out of the database, acts and projections in."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from banfa.office.ledger import chain, coding, index, library
from banfa.office.ledger.models import (
    ActPayload,
    ActRecord,
    Centre,
    DocumentVersion,
    ProgrammeBook,
)
from banfa.office.prepared import Prepared, later
from banfa.office.rows import insert, insert_with
from banfa.rules import names as name_rules
from banfa.rules.history import Editions, History, fold
from banfa.rules.judge import Finding, Judgement
from banfa.rules.life import Act, Period, State
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text
from banfa.rules.world import Facts, World

WORDS = ("says", "seen", "expected", "cure")

# --- acts ---------------------------------------------------------------------------------------


def act_of(row: ActRecord, contents: Mapping[str, Any] | None = None) -> Act:
    """The engine's act from its row (with its payload), with document contents when given."""
    payload = row.payload
    documents = {
        name: {"digest": pinned["digest"], "content": (contents or {}).get(pinned["digest"])}
        for name, pinned in payload.documents.items()
    }
    return Act(
        row.kind,
        row.on,
        row.party,
        coding.decode(payload.organisation) or {},
        coding.decode(payload.data),
        documents,
        about=row.about,
        exception=coding.decode(payload.exception),
        centre=row.centre_id,
        person=payload.person,
        on_behalf_of=payload.on_behalf_of,
        seq=row.seq,
        recorded=row.recorded,
        saw=row.saw,
        caused_by=row.caused_by,
        used=tuple(row.used),
    )


def rows_of(centre: Centre | None, book: ProgrammeBook | str) -> list[ActRecord]:
    """The rows of one chain with their payloads, in order of recording: one query."""
    if centre is not None:
        rows = _of_centre(centre=centre.pk)
        for row in rows:
            row.centre = centre
        return rows
    return _of_programme(book=book if isinstance(book, str) else book.pk)


_of_centre = Prepared(
    lambda: (
        ActRecord.objects.select_related("payload").filter(centre=later("centre")).order_by("seq")
    )
)
_of_programme = Prepared(
    lambda: (
        ActRecord.objects.select_related("payload")
        .filter(book=later("book"), centre__isnull=True)
        .order_by("seq")
    )
)


def rows_by_centre(centres: Iterable[Centre]) -> dict[str, list[ActRecord]]:
    """The rows of several centres' chains, in order of recording: one query."""
    by_centre: dict[str, list[ActRecord]] = {c.id: [] for c in centres}
    if by_centre:
        found = ActRecord.objects.select_related("payload").filter(centre__in=by_centre)
        for row in found.order_by("centre_id", "seq"):
            by_centre[row.centre_id].append(row)
    return by_centre


def contents_of(rows: Iterable[ActRecord]) -> dict[str, Any]:
    """The contents of all documents that these acts pin, by digest: one query."""
    wanted = {d["digest"] for row in rows for d in row.payload.documents.values()}
    if not wanted:
        return {}
    found = DocumentVersion.objects.filter(digest__in=wanted, content__isnull=False)
    return {d: coding.decode(c) for d, c in found.values_list("digest", "content")}


class KeptHistory(History):
    """A history some of whose acts have had parts erased: these are not judged again."""

    erased: frozenset[int] = frozenset()

    def broken(
        self, acts: Sequence[Act], world: World, skip: int = 0
    ) -> list[tuple[Act, Judgement]]:
        """As the engine, leaving out what can no longer be judged."""
        found = super().broken(acts, world, skip)
        return [(act, judged) for act, judged in found if act.seq not in self.erased]


def history_of(
    editions: Editions, rows: Iterable[ActRecord], contents: Mapping[str, Any] | None = None
) -> KeptHistory:
    """The engine's history from rows, with the answers stored beside each act.

    Without `contents` later acts cannot be judged again, only folded.
    """
    rows = list(rows)
    history = KeptHistory(editions, [act_of(r, contents) for r in rows])
    gone = {r.seq for r in rows if lacks(r, contents)}
    history.erased = frozenset(gone)
    history.answers = {
        r.seq: coding.decode(r.payload.answers or {}) for r in rows if r.seq not in gone
    }
    return history


def lacks(row: ActRecord, contents: Mapping[str, Any] | None = None) -> bool:
    """Whether something is erased that a judgement of this act would need."""
    held = chain.parts_of(row.payload)
    if any(
        part not in held for part in row.parts if part not in ("person", "on_behalf_of", "words")
    ):
        return True
    pinned = [d["digest"] for d in row.payload.documents.values()]
    return contents is not None and any(d not in contents for d in pinned)


_books: dict[tuple[str, int, str, int], list[Act]] = {}


def programme_acts(book: ProgrammeBook) -> list[Act]:
    """The programme-level acts: one query, none when the book has not changed since."""
    at = (book.programme, book.head_seq, book.head_hash, book.erasures)
    if at not in _books:
        if len(_books) > 64:
            _books.clear()
        _books[at] = [act_of(r) for r in rows_of(None, book)] if book.head_seq else []
    return list(_books[at])


def world_of(
    book: ProgrammeBook, facts: Facts | None = None, known_at: dt.datetime | None = None
) -> World:
    """The world that a programme's acts see, as known at a moment."""
    acts = programme_acts(book)
    if known_at is not None:
        acts = [a for a in acts if a.recorded is None or a.recorded <= known_at]
    return World(acts, facts)


# --- findings -----------------------------------------------------------------------------------

_BARE = ("id", "code", "outcome", "cite", "default", "strength", "warning", "excepted", "field")


def bare(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """How each condition came out, without words: what the chain holds."""
    return [{n: getattr(f, n) for n in _BARE} for f in findings]


def worded(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The words of each finding, in the same order: kept beside the chain."""
    found = []
    for f in findings:
        words: dict[str, Any] = {
            n: [text.zh, text.en] for n in WORDS if (text := getattr(f, n)) is not None
        }
        if f.from_day is not None:
            words["from_day"] = f.from_day.isoformat()
        found.append(words)
    return found


def findings_of(row: ActRecord) -> list[Finding]:
    """The findings as they were when the act was recorded; without words where these are erased."""
    words = row.payload.words or [{}] * len(row.findings)
    return [_finding(b, w) for b, w in zip(row.findings, words, strict=True)]


def _finding(kept: dict[str, Any], words: dict[str, Any]) -> Finding:
    told: dict[str, Any] = {n: Text(*words[n]) for n in WORDS if n in words}
    if "from_day" in words:
        told["from_day"] = dt.date.fromisoformat(words["from_day"])
    return Finding(**kept, **told)


# --- appending ----------------------------------------------------------------------------------


def pin_documents(
    act: Act, book: ProgrammeBook, centre: Centre | None, now: dt.datetime
) -> dict[str, Any]:
    """Stores document contents not yet on file; gives type -> digest and version: two queries."""
    if not act.documents:
        return {}
    kept: dict[str, dict[str, int]] = {name: {} for name in act.documents}
    same = DocumentVersion.objects.filter(book=book, centre=centre, type__in=list(kept))
    for name, digest, version in same.values_list("type", "digest", "version"):
        kept[name][digest] = version
    pinned, fresh = {}, []
    for name, document in act.documents.items():
        digest, versions = document["digest"], kept[name]
        if digest not in versions:
            versions[digest] = max(versions.values(), default=0) + 1
            content = coding.encode(document.get("content"))
            fresh.append(
                DocumentVersion(
                    book=book,
                    centre=centre,
                    type=name,
                    version=versions[digest],
                    digest=digest,
                    content=content,
                    stored=now,
                )
            )
        pinned[name] = {"digest": digest, "version": versions[digest]}
    insert(fresh)
    return pinned


def entry(
    act: Act,
    rs: Ruleset,
    findings: list[Finding],
    answers: Mapping[str, Any],
    book: ProgrammeBook,
    centre: Centre | None,
    documents: Mapping[str, Any],
    key: str | None = None,
    request: str | None = None,
) -> ActRecord:
    """The row of an accepted act with its payload, at the end of its chain, whose head moves on.

    Nothing is saved. `documents` are as pinned: type -> digest and version.
    """
    assert act.recorded is not None
    name = chain.algorithm()
    row = ActRecord(
        book=book,
        centre=centre,
        seq=act.seq,
        kind=act.kind,
        on=act.on,
        recorded=act.recorded,
        party=act.party,
        saw=act.saw or 0,
        used=list(act.used),
        caused_by=act.caused_by,
        about=act.about,
        edition=rs.programme.edition,
        ruleset=rs.digest,
        findings=bare(findings),
        previous=(centre or book).head_hash,
        algorithm=name,
        key=key,
        request=request,
    )
    payload = ActPayload(
        organisation=coding.encode(dict(act.org)) if act.org else None,
        person=act.person,
        on_behalf_of=act.on_behalf_of,
        data=coding.encode(act.data),
        documents=dict(documents),
        exception=coding.encode(act.exception),
        answers=coding.encode(answers) if answers else None,
        words=worded(findings),
    )
    held = chain.parts_of(payload)
    payload.salts = {part: chain.new_salt() for part in held}
    row.parts = {
        part: chain.part_digest(name, payload.salts[part], value) for part, value in held.items()
    }
    row.payload_digest = chain.payload_digest(name, row.parts)
    row.hash = chain.link(row)
    row.payload = payload
    head = centre or book
    head.head_hash = row.hash
    if centre is not None:
        centre.version = row.seq
    else:
        book.head_seq = row.seq
    return row


def append(
    act: Act,
    rs: Ruleset,
    findings: list[Finding],
    answers: Mapping[str, Any],
    book: ProgrammeBook,
    centre: Centre | None,
    key: str | None = None,
    request: str | None = None,
) -> ActRecord:
    """Writes an accepted act and its payload at the end of its chain; moves the chain's head."""
    assert act.recorded is not None
    documents = pin_documents(act, book, centre, act.recorded)
    row = entry(act, rs, findings, answers, book, centre, documents, key, request)
    payload = row.payload
    library.keep(rs, act.recorded)
    insert_with(row, payload)
    payload.act = row
    return row


# --- projections --------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Plain data with dates as text, for projections that pages and filters read."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def people_in(team: Any) -> list[str]:
    """The persons named in a team value: names, or rows with `person`."""
    found = [m.get("person") if isinstance(m, Mapping) else m for m in team or []]
    return [str(p) for p in found if p]


def project(centre: Centre, editions: Editions, history: History, world: World) -> State:
    """Folds all acts of a centre and writes what they amount to into its row (not saved)."""
    state = fold(editions, history.acts, world)
    last = max((a.on for a in history.acts), default=dt.date.min)
    rs = editions.of(state, last)
    named = name_rules.current(rs.programme, state, last)
    centre.edition = state.edition
    centre.stage, centre.stage_since = state.stage, state.stage_since
    centre.name_zh, centre.name_en = named.zh or "", named.en or ""
    centre.centre_class = state.centre_class
    centre.periods = {
        n: {"start": p.start.isoformat(), "end": p.end.isoformat(), "closed": p.closed}
        for n, p in state.periods.items()
    }
    centre.roles = plain({k: [dict(o) for o in v] for k, v in state.roles.items()})
    centre.orgs = sorted({str(o["org"]) for v in state.roles.values() for o in v if o.get("org")})
    centre.places = places_of(rs, state)
    centre.people = people_ever(history)
    centre.summary = coding.encode(state.summary())
    centre.imported = state.imported
    centre.ruleset = rs.digest
    centre.changed = max((a.recorded for a in history.acts if a.recorded), default=None)
    index.write(centre, editions, rs, state, last)
    return state


def places_of(rs: Ruleset, state: State) -> list[str]:
    """Where a centre is: where the organisations are that carry it or make it up.

    Whoever is only asked to look at it, such as a third party, does not move it to its own seat.
    """
    own = (held for party, held in state.roles.items() if party not in rs.independent)
    return sorted({str(o["place"]) for held in own for o in held if o.get("place")})


def people_ever(history: History) -> list[str]:
    """Everybody whom an act of this life named in some input or column of persons."""
    found = set()
    for act in history.acts:
        rs = next((r for r in reversed(history.editions.rulesets) if act.kind in r.models), None)
        if rs is None:
            continue
        for name, given in rs.models[act.kind].with_.items():
            if given.type == "people" or "person" in (given.columns or {}):
                found.update(people_in(act.data.get(name)))
        values = act.data.get("values") if act.kind == "enter_existing_centre" else None
        found.update(people_in((values or {}).get("team")))
    return sorted(found)


PROJECTED = tuple(
    f.name for f in Centre._meta.concrete_fields if f.name not in ("id", "book", "head_hash")
)


def light_state(centre: Centre) -> State:
    """Enough of a state to tell the stage and the names on a day, without the acts."""
    summary = coding.decode(centre.summary)
    state = State(edition=centre.edition, stage=centre.stage, stage_since=centre.stage_since)
    state.centre_class = centre.centre_class
    state.values = summary.get("values", {})
    for name, span in summary.get("periods", {}).items():
        state.periods[name] = Period(
            span["start"], span["end"], span["first_end"], 0, span["closed"]
        )
    return state


def editions_of(book: ProgrammeBook | str) -> Editions:
    """The editions of a book's programme."""
    return library.editions(book if isinstance(book, str) else book.programme)


def same_act(act: Act, **changes: Any) -> Act:
    """A copy of an act with some fields changed."""
    return dataclasses.replace(act, **changes)
