"""Proof that what is stored is what happened: the chain recomputed, the lives replayed.

`verify` recomputes every hash. `rebuild` folds and judges every chain again from its acts, with the
answers stored beside them, never with today's facts, and compares.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from banfa.office import clock
from banfa.office.ledger import agenda, chain, coding, library, search, store
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import (
    ActRecord,
    Agenda,
    Centre,
    DocumentVersion,
    Erasure,
    Matter,
    ProgrammeBook,
    SearchText,
)
from banfa.rules.history import Editions, History, fold
from banfa.rules.judge import judge
from banfa.rules.life import Act, State, digest, standing
from banfa.rules.world import Remembered, World

BATCH = 500


@dataclass(slots=True)
class Fault:
    """One thing that does not agree; `where` names the chain and the act."""

    where: str
    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.where}：{self.zh} / {self.en}"


@dataclass(slots=True)
class Report:
    """What was looked at and what does not agree. `notes` are no faults."""

    chains: int = 0
    acts: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether everything agrees."""
        return not self.faults

    def add(self, where: str, zh: str, en: str) -> None:
        """Notes a fault."""
        self.faults.append(Fault(where, zh, en))


# --- verify -------------------------------------------------------------------------------------


def verify() -> Report:
    """Recomputes every digest and hash of every chain, and compares the heads."""
    report = Report()
    with transaction.atomic():
        _one_moment()
        erased = set(Erasure.objects.values_list("act_id", "part"))
        for book in ProgrammeBook.objects.order_by("programme"):
            rows = _rows(ActRecord.objects.filter(book=book, centre__isnull=True))
            _verify_chain(report, book.programme, rows, book.head_seq, book.head_hash, erased)
            for centre in Centre.objects.filter(book=book).order_by("id"):
                rows = _rows(ActRecord.objects.filter(centre=centre))
                head = (centre.version, centre.head_hash)
                _verify_chain(report, centre.id, rows, *head, erased)
        _verify_documents(report)
    return report


def _one_moment() -> None:
    """Everything is read as of one moment, also while others record."""
    with connection.cursor() as cursor:
        if not connection.savepoint_ids and not connection.needs_rollback:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _rows(found: Any) -> Iterator[ActRecord]:
    rows: Iterator[ActRecord] = found.select_related("payload").order_by("seq").iterator(BATCH)
    return rows


def _verify_chain(
    report: Report,
    name: str,
    rows: Iterator[ActRecord],
    version: int,
    head: str,
    erased: set[tuple[int, str]],
) -> None:
    report.chains += 1
    seq, previous = 0, ""
    for row in rows:
        seq += 1
        report.acts += 1
        where = f"{name}#{row.seq}"
        if row.seq != seq:
            report.add(where, f"序号不连续，应为{seq}", f"the number should be {seq}")
            seq = row.seq
        if row.previous != previous:
            report.add(where, "与前一行为的摘要不衔接", "does not follow from the act before")
        _verify_payload(report, where, row, erased)
        if chain.link(row) != row.hash:
            report.add(where, "行为内容与摘要不符", "the act is not what was hashed")
        previous = row.hash
    if (seq, previous) != (version, head):
        report.add(name, "链尾与所记不符，可能有行为缺失", "the head of the chain differs")


def _verify_payload(
    report: Report, where: str, row: ActRecord, erased: set[tuple[int, str]]
) -> None:
    if chain.payload_digest(row.algorithm, row.parts) != row.payload_digest:
        report.add(where, "内容摘要与各部分不符", "the payload's digest differs")
    held = chain.parts_of(row.payload)
    for part, value in held.items():
        salt = row.payload.salts.get(part, "")
        if row.parts.get(part) != chain.part_digest(row.algorithm, salt, value):
            report.add(where, f"“{part}”与摘要不符", f"'{part}' is not what was digested")
    for part in row.parts:
        if part not in held and (row.pk, part) not in erased:
            report.add(where, f"“{part}”缺失且无删除记录", f"'{part}' is missing, no erasure")


def _verify_documents(report: Report) -> None:
    for kept in DocumentVersion.objects.order_by("id").iterator(BATCH):
        if kept.content is None:
            continue
        if digest(coding.decode(kept.content)) != kept.digest:
            where = f"{kept.centre_id or kept.book_id} {kept.type} v{kept.version}"
            report.add(where, "材料内容与摘要不符", "the document is not what was digested")


# --- rebuild ------------------------------------------------------------------------------------


def rebuild(check: bool = True) -> Report:
    """Replays every chain from its stored acts.

    With `check` what is stored is compared and left alone; otherwise the projections are written
    anew. Acts with parts erased are folded, not judged again (a note says so).
    """
    report = Report()
    with transaction.atomic():
        for book in ProgrammeBook.objects.order_by("programme"):
            editions = library.editions(book.programme)
            _replay(report, book.programme, editions, None, book)
            for centre in Centre.objects.filter(book=book).order_by("id"):
                _replay(report, centre.id, editions, centre, book)
                _project(report, editions, centre, book, check)
    return report


def _replay(
    report: Report, name: str, editions: Editions, centre: Centre | None, book: ProgrammeBook
) -> None:
    """Judges every act again on the state it was judged on, by the data it was judged by."""
    rows = store.rows_of(centre, book)
    contents = store.contents_of(rows)
    world = World(store.programme_acts(book))
    report.chains += 1
    running = _Running(editions, world)
    digest = ""
    for row in rows:
        report.acts += 1
        act = store.act_of(row, contents)
        if row.ruleset != digest:
            digest = row.ruleset
            running = _changed(report, name, row, running, book, world)
        state = running.before(act)
        rs = running.editions.of(state, act.on)
        if store.lacks(row, contents):
            report.notes.append(f"{name}#{row.seq} 有内容已依法删除，不再重判")
        else:
            answers = Remembered(coding.decode(row.payload.answers or {}))
            _compare(report, f"{name}#{row.seq}", row, rs, state, act, world, answers)
        running.add(act)


def _changed(
    report: Report,
    name: str,
    row: ActRecord,
    running: _Running,
    book: ProgrammeBook,
    world: World,
) -> _Running:
    """Goes on by the data of the edition that this act was judged by."""
    judged_by = library.as_judged(book.programme, row.ruleset)
    if judged_by is None:
        report.add(f"{name}#{row.seq}", "判断所依据的办法数据不在档", "its edition is not on file")
        return running
    anew = _Running(judged_by, world)
    for act in running.acts:
        anew.add(act)
    return anew


def _compare(
    report: Report,
    where: str,
    row: ActRecord,
    rs: Any,
    state: State,
    act: Act,
    world: World,
    answers: Remembered,
) -> None:
    try:
        judged = judge(rs, state, act, world.seen(act.saw, answers))
        findings = store.bare(judged.findings)
    except KeyError as missing:
        report.add(where, f"重判时缺少所存的答复（{missing}）", f"an answer is missing: {missing}")
        return
    kept = row.findings
    if not judged.accepted:
        report.add(where, "重判时不再被接受", "would not be accepted when judged again")
    elif findings != kept:
        differing = sorted({f["id"] for f in [*findings, *kept] if (f in findings) != (f in kept)})
        report.add(where, f"重判结果不同：{'、'.join(differing)}", f"findings differ: {differing}")


class _Running:
    """The state before each act as it was when the act was recorded, kept along where it can be."""

    def __init__(self, editions: Editions, world: World) -> None:
        self.editions, self.world = editions, world
        self.acts: list[Act] = []
        self.state = State()
        self.last = dt.date.min
        self.straight = not any(r.programme.transitions for r in editions.rulesets)

    def before(self, act: Act) -> State:
        """The state an act was judged on: acts recorded before it, up to its day."""
        if self.straight and act.on >= self.last:
            return self.state
        return fold(self.editions, self.acts, self.world, act.on)

    def add(self, act: Act) -> None:
        """Takes an act in."""
        self.acts.append(act)
        in_order = act.on >= self.last and not act.kind.startswith("annul")
        self.last = max(self.last, act.on)
        if not self.straight:
            return
        if in_order:
            rs = self.editions.of(self.state, act.on)
            rs.apply(self.state, act, self.world.seen(act.saw))
        else:
            self.state = fold(self.editions, standing(self.acts), self.world)


def _beside(
    report: Report,
    editions: Editions,
    centre: Centre,
    book: ProgrammeBook,
    history: History,
    check: bool,
) -> None:
    """Compares what is under way and owed, on the day it was made for; or writes it anew.

    What a list or a later programme-level act has made out of date is made anew anyway.
    """
    if not check:
        world = store.world_of(book, DatabaseFacts())
        agenda.write([agenda.of(centre, editions, history, world, clock.today())])
        return
    kept = Agenda.objects.filter(centre=centre).first()
    if kept is None or kept.version != centre.version:
        report.add(
            centre.id, "在办与应办事项未随行为更新", "matters were not made after the last act"
        )
        return
    if kept.until is not None and kept.until <= kept.on:
        return
    world = World(store.programme_acts(book), DatabaseFacts(), kept.saw)
    _, made = agenda.of(centre, editions, history, world, kept.on)
    stored = Matter.objects.filter(centre=centre).order_by("id")
    if [_plain(m) for m in stored] != [_plain(m) for m in made]:
        report.add(centre.id, "所存在办与应办事项与重放不同", "its matters differ from its acts")


def _plain(matter: Matter) -> list[Any]:
    return [getattr(matter, n if n != "book" else "book_id") for n in agenda.FIELDS]


def _project(
    report: Report, editions: Editions, centre: Centre, book: ProgrammeBook, check: bool
) -> None:
    """Compares a centre's projections with what its acts give, or writes them anew.

    Projections made by earlier data of the programme are compared by those.
    """
    before = {n: getattr(centre, n) for n in store.PROJECTED}
    centre.title_zh = ""  # spell it again
    used = library.as_judged(book.programme, centre.ruleset) if check else editions
    if check and used is not editions:
        report.notes.append(f"{centre.id} 的状态按较早的办法数据写成；如需更新请运行 rebuild")
    rows = store.rows_of(centre, book)
    history = store.history_of(used or editions, rows)
    store.project(centre, used or editions, history, store.world_of(book))
    _findable(report, centre, rows, check)
    after = {n: getattr(centre, n) for n in store.PROJECTED}
    differing = [n for n in store.PROJECTED if before[n] != after[n]]
    _beside(report, used or editions, centre, book, history, check)
    if not differing:
        return
    if check:
        report.add(
            centre.id, f"所存状态与重放不同：{'、'.join(differing)}", f"differs: {differing}"
        )
    else:
        centre.save(update_fields=differing)
        report.notes.append(f"{centre.id} 已按行为重新写入：{'、'.join(differing)}")


def _findable(report: Report, centre: Centre, rows: list[ActRecord], check: bool) -> None:
    """Compares what a centre's acts make findable with what is stored, or writes it anew."""
    wanted = {one.source: (one.text, one.title_zh) for one in search.expected(centre, rows)}
    own = Q(source=search.PROFILE) | Q(source__startswith="act:")
    texts = SearchText.objects.filter(own, centre=centre)
    if wanted == {t.source: (t.text, t.title_zh) for t in texts}:
        return
    if check:
        report.add(centre.id, "检索内容与行为不符", "what can be searched differs from the acts")
        return
    texts.delete()
    SearchText.objects.bulk_create(search.expected(centre, rows))
    report.notes.append(f"{centre.id} 已重新写入检索内容")
