"""Many acts at once: the same rows as one by one; each batch whole or not at all."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction

from banfa.office import clock
from banfa.office.ledger import bulk, chain, replay
from banfa.office.ledger.bulk import Outcome, record_many
from banfa.office.ledger.errors import KeyReused, LedgerError, NotOnFile, Stale
from banfa.office.ledger.models import (
    ActPayload,
    ActRecord,
    Agenda,
    Centre,
    DocumentVersion,
    EditionData,
    Engagement,
    Listing,
    Matter,
    Outbox,
    ProgrammeBook,
    SearchText,
)
from banfa.office.ledger.verbs import Proposal, enter_organisation, record
from banfa.rules.proposals import BadProposal

from .conftest import PLAN, UNIT

MOMENT = dt.datetime(2030, 11, 15, 10, tzinfo=clock.SHANGHAI)
TABLES = (
    *(ProgrammeBook, Centre, ActRecord, ActPayload, DocumentVersion, Outbox, EditionData),
    *(SearchText, Agenda, Matter),
)
NUMBERS = ("id", "act_id")


def propose(by: str, act: str, on: str, centre: str | None = None, **more: Any) -> Proposal:
    envelope = {
        k: more.pop(k)
        for k in ("org", "documents", "about", "key", "version", "person", "exception")
        if k in more
    }
    day = dt.date.fromisoformat(on)
    return Proposal(act, by, day, "mini", centre, data=more, **envelope)


def apply(number: int, team: list[Any], **more: Any) -> Proposal:
    org = {**UNIT, "org": f"U{number}"}
    documents = {"plan": {"content": {**PLAN, "a": f"第{number}份"}}}
    given = {"org": org, "documents": documents, "field_zh": "封装", "team": team, **more}
    return propose("unit", "apply", "2026-02-20", **given)


def mixed() -> list[Proposal]:
    """Proposals of every sort: beginning, going on, refused, wrong, repeated, retroactive."""
    one, two, three = "mini-0001", "mini-0002", "mini-0003"
    return [
        apply(9, ["早到"]),  # refused: no notice yet
        propose("boss", "notice", "2026-02-10", fields=["封装"], key="n"),
        propose("boss", "notice", "2026-02-10", fields=["封装"], key="n"),  # repeated
        propose("boss", "notice", "2026-02-10", fields=["另一个"], key="n"),  # the key reused
        apply(1, ["张一", {"person": "李一", "post": "主任"}], person="经办人"),
        apply(2, ["张二"], key="second"),
        apply(3, ["张一"]),  # refused: at work in the first centre
        apply(4, ["外面"]),  # refused: declared engaged elsewhere
        apply(5, ["受罚"], org={**UNIT, "org": "punished"}),  # refused: listed
        apply(6, ["张三"], org="on-file"),
        apply(7, ["张四"], org="unknown"),  # no such organisation
        apply(2, ["张二"], key="second"),  # repeated
        propose("boss", "start", "2026-03-16", one, end="2029-03-16", version=1),
        propose("boss", "start", "2026-03-16", two, end="2029-03-16", version=7),  # stale
        propose("boss", "start", "2026-03-16", two, end="2029-03-16", version=1),
        propose("boss", "start", "2026-03-16", three, end="不是日期"),
        propose("boss", "start", "2026-03-16", three, end="2039-03-16"),  # refused: too long
        propose("boss", "start", "2026-03-16", "mini-0099", end="2029-03-16"),
        propose("boss", "strat", "2026-03-16", three),
        propose("boss", "use_name", "2026-03-16", three, name="某中心"),
        propose("unit", "file_report", "2028-02-01", one, year=2027, amount="10.50"),
        propose("unit", "file_report", "2027-02-01", one, year=2026),  # retroactive
        propose("boss", "call_round", "2028-03-01", year=2028, centres=[two, one]),
        propose("boss", "call_round", "2028-03-01", year=2028, centres=[two, one]),  # refused
        propose("boss", "call_round", "2028-04-01", year=2029, centres=[two, "mini-0099"]),
        propose("unit", "extend", "2028-05-01", one),
        propose("boss", "grant", "2028-06-01", one, end="2029-12-31", about="extension#6"),
        propose("boss", "annul", "2028-06-02", one, target=7, reason="误记"),
        propose("boss", "annul", "2028-06-02", one, target=2, reason="误记"),  # refused
        propose("boss", "send_letter", "2028-06-03", two),
        propose("unit", "file_report", "2028-06-03", two, year=2027, contact="坏\0字"),
        propose("boss", "enter_existing_centre", "2028-06-03",
                stage="done", since="2016-06", basis="名录", values={"field_zh": "旧"}),
        apply(8, ["张八"], documents={"plan": {"digest": "sha256:none"}}),
    ]  # fmt: skip


@pytest.fixture
def surroundings(db: None) -> None:
    enter_organisation("on-file", "在册公司", "firm", "山东")
    Listing.objects.create(list="joint_punishment_list", organisation="punished")
    Engagement.objects.create(person="外面", platform="某平台")


def one_by_one(proposals: list[Proposal]) -> list[Outcome]:
    outcomes = []
    for proposal in proposals:
        try:
            outcomes.append(Outcome(record(proposal, MOMENT)))
        except (LedgerError, BadProposal) as error:
            outcomes.append(Outcome(error=error))
    return outcomes


def told(outcome: Outcome) -> Any:
    """An outcome in plain words, to compare."""
    if outcome.receipt is None:
        return type(outcome.error).__name__, str(outcome.error)
    got = outcome.receipt
    findings = [(f.id, f.code, f.outcome, f.says, f.seen, f.cure) for f in got.findings]
    caused = [(c.centre, c.seq, c.hash) for c in got.caused]
    return got.accepted, got.repeated, got.centre, got.seq, got.hash, findings, caused


def stored() -> dict[str, list[dict[str, Any]]]:
    """All rows of the ledger, numbers that the database gives aside."""
    found = {}
    for model in TABLES:
        rows = [
            {k: v for k, v in row.items() if k not in NUMBERS} for row in model.objects.values()
        ]
        for row in rows:
            row.pop("act", None)
            if model is Agenda:  # in a batch it is made once, having seen all of it
                row.pop("saw")
        found[model.__name__] = sorted(rows, key=repr)
    return found


def owners() -> list[tuple[Any, ...]]:
    """Whose payload and notices are whose."""
    payloads = ActPayload.objects.values_list("act__hash", "data", "salts")
    notices = Outbox.objects.values_list("act__hash", "notice", "since")
    return sorted(map(repr, [*payloads, *notices]))


@pytest.mark.django_db
@pytest.mark.parametrize("batch", [1000, 7, 1])
def test_many_at_once_are_the_same_as_one_by_one(
    surroundings: None, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(chain, "new_salt", lambda: "salt")
    with transaction.atomic():
        singly, rows, whose = [told(o) for o in one_by_one(mixed())], stored(), owners()
        transaction.set_rollback(True)
    assert not ActRecord.objects.exists()
    together = record_many(mixed(), MOMENT, batch=batch)
    for number, (one, other) in enumerate(zip(singly, map(told, together), strict=True)):
        assert one == other, number
    assert {type(o.error) for o in together if o.error} == {
        *(KeyReused, NotOnFile, Stale, BadProposal, LedgerError)
    }
    assert sum(o.accepted for o in together) > 12 and len(rows["Outbox"]) == 2
    kept = stored()
    for name in rows:
        assert kept[name] == rows[name], name
    assert owners() == whose
    verified, replayed = replay.verify(), replay.rebuild()
    assert verified.sound and replayed.faults == [], [*verified.faults, *replayed.faults]


@pytest.mark.django_db
def test_a_trial_judges_all_and_records_nothing(surroundings: None) -> None:
    with transaction.atomic():
        singly = one_by_one(mixed())
        transaction.set_rollback(True)
    tried = record_many(mixed(), MOMENT, dry=True)
    assert [o.accepted for o in tried] == [o.accepted for o in singly]
    begun = [o.receipt.centre for o in tried if o.accepted and o.receipt and o.receipt.seq == 1]
    assert begun and not any(begun)
    for model in TABLES:
        assert not model._default_manager.exists(), model


@pytest.mark.django_db
def test_each_may_have_its_own_moment(surroundings: None) -> None:
    proposals = [propose("boss", "notice", "2026-02-10", fields=[f"{n}"]) for n in range(3)]
    moments = [MOMENT - dt.timedelta(days=3 - n) for n in range(3)]
    record_many(proposals, moments)
    assert list(ActRecord.objects.order_by("seq").values_list("recorded", flat=True)) == moments
    with pytest.raises(ValueError, match="one moment"):
        record_many(proposals, moments[:2])


@pytest.mark.django_db
def test_persons_end_a_batch_before_they_are_too_many_to_lock() -> None:
    proposals = [apply(n, [f"人{n}-{m}" for m in range(500)]) for n in range(9)]
    assert list(bulk._parts(proposals, 1000)) == [(0, 4), (4, 8), (8, 9)]
    assert list(bulk._parts(proposals[:3], 2)) == [(0, 2), (2, 3)]
    assert list(bulk._parts([], 2)) == []


@pytest.mark.django_db
def test_what_goes_wrong_half_way_leaves_no_trace(
    surroundings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that fails while it is written is not on file, the ones before it are."""
    record_many([propose("boss", "notice", "2026-02-10", fields=["封装"])])
    writing, times = bulk.copy_in, []

    def breaking(model: Any, rows: Any) -> None:
        if model is ActPayload:
            times.append(len(rows))
            if len(times) == 2:
                raise RuntimeError("the power fails")
        writing(model, rows)

    monkeypatch.setattr(bulk, "copy_in", breaking)
    with pytest.raises(RuntimeError):
        record_many([apply(n, [f"张{n}"]) for n in range(9)], batch=5)
    monkeypatch.undo()
    monkeypatch.setenv("BANFA_TODAY", "2030-11-15")
    assert times == [5, 4] and Centre.objects.count() == 5
    assert ProgrammeBook.objects.get().centres == 5
    assert replay.verify().sound and replay.rebuild().faults == []


@pytest.mark.django_db(transaction=True)
def test_bulk_and_single_acts_at_once_neither_wait_for_good_nor_act_twice() -> None:
    record(propose("boss", "notice", "2026-02-10", fields=["封装"]))
    everything: list[Any] = []

    def work(run: Any) -> None:
        try:
            everything.append(run())
        except Exception as error:
            everything.append(error)
        finally:
            connection.close()

    many = [apply(n, [f"张{n}"], key=f"k{n}") for n in range(40)]
    runs = [
        lambda: record_many(many, batch=10),
        lambda: record_many(list(reversed(many)), batch=10),
        lambda: [record(p) for p in many[::4]],
    ]
    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not [e for e in everything if isinstance(e, Exception)], everything
    assert Centre.objects.count() == ActRecord.objects.filter(kind="apply").count() == 40
    assert replay.verify().sound and replay.rebuild().faults == []


@pytest.mark.django_db
def test_many_at_once_are_several_times_faster(surroundings: None) -> None:
    """The aim of ten is measured by `make bench`; here only that COPY is at work."""
    record(propose("boss", "notice", "2026-02-10", fields=["封装"]))

    def took(run: Any) -> float:
        begun = time.process_time()
        run()
        return time.process_time() - begun

    singly = took(lambda: one_by_one([apply(n, [f"甲{n}"]) for n in range(60)]))
    together = took(lambda: record_many([apply(n, [f"乙{n}"]) for n in range(100, 160)]))
    assert Centre.objects.count() == 120
    assert together < singly / 2, (together, singly)
