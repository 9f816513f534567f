"""The door: acceptance, refusal, keys, versions, retroactive acts, causes, two axes of time."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from banfa.office.ledger import library, queries, replay, verbs
from banfa.office.ledger.errors import KeyReused, LedgerError, MayNotErase, NotOnFile, Stale
from banfa.office.ledger.models import (
    ActPayload,
    ActRecord,
    Centre,
    DocumentVersion,
    Engagement,
    Listing,
    Outbox,
    ProgrammeBook,
)
from banfa.office.ledger.verbs import Proposal, record
from banfa.office.people.errors import PeopleError
from banfa.office.people.models import Organisation
from banfa.rules.proposals import BadProposal

from .conftest import PLAN, UNIT, Do

pytestmark = pytest.mark.django_db
Begin = Callable[..., str]


def counts() -> tuple[int, ...]:
    tables: list[Any] = [ActRecord, ActPayload, Centre, DocumentVersion, Outbox]
    return tuple(m.objects.count() for m in tables)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def test_an_accepted_act_is_recorded_folded_and_its_notices_queued(do: Do, begun: Begin) -> None:
    centre = begun()
    receipt = do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    assert receipt.accepted and receipt.seq == 2
    kept = Centre.objects.get(id=centre)
    assert (kept.stage, kept.version, kept.name_zh) == ("preparing", 2, "封装中心（筹）")
    assert kept.periods["preparation"]["end"] == "2029-03-16"
    assert kept.orgs == ["U"] and kept.people == ["张甲"]
    row = ActRecord.objects.get(centre=centre, seq=2)
    assert row.previous == ActRecord.objects.get(centre=centre, seq=1).hash
    assert {f["code"] for f in row.findings} >= {"WRONG_ACTOR", "WRONG_STAGE", "TOO_LONG"}
    owed = Outbox.objects.get(centre=centre)
    assert (owed.notice, owed.to, owed.by) == ("letter", ["customs"], ["boss"])
    assert DocumentVersion.objects.get(centre=centre).version == 1
    assert replay.verify().faults == [] and replay.rebuild().faults == []


def test_a_refusal_changes_nothing_and_says_why(do: Do, begun: Begin) -> None:
    centre = begun()
    before = counts(), Centre.objects.get(id=centre).head_hash
    receipt = do("boss", "start", "2026-03-16", centre, end="2029-03-17")
    assert not receipt.accepted and receipt.codes == ["TOO_LONG"]
    assert receipt.refusals[0].cite == "2" and receipt.refusals[0].cure is not None
    assert (counts(), Centre.objects.get(id=centre).head_hash) == before


def test_a_refused_opening_leaves_no_centre(do: Do) -> None:
    more = {"org": UNIT, "documents": {"plan": {"content": PLAN}}}
    receipt = do("unit", "apply", "2026-02-20", more=more, field_zh="无通知", team=["张甲"])
    assert receipt.codes == ["CONDITION_NOT_MET"] and receipt.centre is None
    assert Centre.objects.count() == 0 and counts() == (0, 0, 0, 0, 0)


def test_a_key_gives_the_same_receipt_and_no_second_act(do: Do, begun: Begin) -> None:
    centre = begun()
    more = {"key": "k1"}
    first = do("boss", "start", "2026-03-16", centre, more, end="2029-03-16")
    again = do("boss", "start", "2026-03-16", centre, more, end="2029-03-16")
    assert again.repeated and (again.seq, again.hash) == (first.seq, first.hash)
    assert [f.id for f in again.findings] == [f.id for f in first.findings]
    assert [f.says for f in again.findings] == [f.says for f in first.findings]
    with pytest.raises(KeyReused):
        do("boss", "start", "2026-03-16", centre, more, end="2029-03-15")


def test_a_stale_version_is_refused_with_words(do: Do, begun: Begin) -> None:
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    with pytest.raises(Stale, match="刷新") as raised:
        do("unit", "extend", "2027-03-16", centre, {"version": 1})
    assert (raised.value.expected, raised.value.current) == (1, 2)
    assert do("unit", "extend", "2027-03-16", centre, {"version": 2}).accepted


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"act": "aply"}, NotOnFile, "是否指“apply”"),
        ({"by": "nobody"}, BadProposal, "一方"),
        ({"programme": "minni"}, NotOnFile, "是否指“mini”"),
        ({"programme": None}, LedgerError, "须指明中心"),
        ({"centre": "mini-9999"}, NotOnFile, "没有编号为"),
        ({"data": {"field": "x"}}, BadProposal, "field_zh"),
        ({"data": {"field_zh": ["x"]}}, BadProposal, "应为文字"),
        ({"data": {"field_zh": "a\x00b"}}, BadProposal, "控制字符"),
        ({"documents": {"plna": {"content": {}}}}, BadProposal, "plan"),
        ({"documents": {"plan": {}}}, LedgerError, "没有内容"),
        ({"documents": {"plan": {"digest": "sha256:0"}}}, NotOnFile, "不在档"),
        ({"on": dt.date(2030, 11, 16)}, LedgerError, "晚于今日"),
        ({"org": "nobody"}, NotOnFile, "没有编号为"),
        ({"org": None}, LedgerError, "请指明是哪一个单位"),
        ({"act": "use_name"}, LedgerError, "只作判断"),
        ({"act": "revoke", "by": "boss"}, LedgerError, "须指明中心"),
        ({"key": "k" * 201}, LedgerError, "提交编号过长"),
    ],
)
def test_wrong_input_is_told_and_nothing_is_recorded(
    do: Do, changes: dict[str, Any], error: type[Exception], said: str
) -> None:
    do("boss", "notice", "2026-02-10", fields=["封装"])
    before = counts()
    given: dict[str, Any] = {
        "act": "apply",
        "by": "unit",
        "on": day("2026-02-20"),
        "programme": "mini",
        "org": UNIT,
    }
    with pytest.raises(error, match=said):
        record(Proposal(**{**given, **changes}))
    assert counts() == before


def test_a_programme_act_belongs_to_no_centre(do: Do, begun: Begin) -> None:
    with pytest.raises(LedgerError, match="不属于某一个中心"):
        do("boss", "notice", "2026-03-01", begun(), fields=["x"])


def test_a_probe_is_judged_and_never_recorded(do: Do, begun: Begin) -> None:
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    before = counts()
    asked = Proposal("use_name", "unit", day("2026-04-01"), centre=centre)
    asked.data = {"name": "封装中心（筹）"}
    assert verbs.judge(asked).accepted
    asked.data = {"name": "封装中心"}
    assert verbs.judge(asked).codes == ["NAME_TEMPLATE"]
    assert counts() == before


def test_an_act_dated_before_others_is_judged_on_its_own_day(do: Do, begun: Begin) -> None:
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    do("unit", "extend", "2029-03-16", centre)
    assert do("unit", "file_report", "2028-01-10", centre, year=2027).accepted
    refused = do("boss", "revoke", "2029-01-01", centre)
    assert refused.codes == ["NOT_JOINT"]
    assert [a.kind for a in queries.centre(centre).state.first.values()][-1] != "revoke"
    shown = [(e.act.kind, e.retroactive) for e in queries.centre(centre).timeline]
    assert shown[2:] == [("file_report", True), ("extend", False)]
    assert replay.rebuild().faults == []


def test_a_retroactive_act_that_would_topple_a_later_one_names_it(do: Do, begun: Begin) -> None:
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    do("unit", "extend", "2029-03-16", centre)
    refused = do("boss", "annul", "2026-03-20", centre, target=2, reason="误记")
    assert not refused.accepted
    assert any("第3号" in f.says.zh for f in refused.refusals if f.says)
    both = do("boss", "annul", "2026-03-20", centre, target=2, dependents=[{"seq": 3}], reason="误")
    assert both.accepted, both.refusals
    page = queries.centre(centre)
    assert page.stage == "planned"
    assert [e.annulled_by for e in page.timeline if e.act.seq in (2, 3)] == [4, 4]
    assert replay.verify().sound and replay.rebuild().faults == []


def test_corrected_documents_are_pinned_and_replay_equal(do: Do, begun: Begin) -> None:
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    better = {"documents": {"plan": {"content": {**PLAN, "a": "补正后的内容"}}}}
    wrong = {"documents": {"plan": {"content": {"a": "只有甲"}}}}
    given = {"target": 1, "reason": "甲部分有误"}
    refused = do("unit", "correct_documents", "2026-04-01", centre, wrong, **given)
    assert refused.codes == ["CONTENT_MISSING"]
    assert do("unit", "correct_documents", "2026-04-01", centre, better, **given).accepted
    assert list(DocumentVersion.objects.values_list("version", flat=True)) == [1, 2]
    foreign = do("boss", "correct_documents", "2026-04-01", centre, better, **given)
    assert foreign.codes == ["WRONG_ACTOR"]
    assert queries.centre(centre, day("2026-04-02")).stage == "preparing"
    assert do("unit", "extend", "2029-03-16", centre).accepted
    assert replay.verify().sound and replay.rebuild().faults == []


def test_concurrences_come_before_a_joint_act(do: Do, begun: Begin) -> None:
    centre = begun()
    asked = Proposal("revoke", "boss", day("2026-05-01"), centre=centre)
    assert verbs.judge(asked).codes == ["NOT_JOINT"]
    page = queries.centre(centre, on=day("2026-05-01"))
    draft = verbs.draft(asked)
    assert do("customs", "concur", "2026-04-30", centre, draft=draft, agrees=True).accepted
    assert do("boss", "revoke", "2026-05-01", centre).accepted
    assert page.stage == "planned" and queries.centre(centre).stage == "gone"


def test_a_round_calls_its_centres_in_one_go(do: Do, begun: Begin) -> None:
    first = begun()
    second = begun("检测", ["王乙"], {**UNIT, "org": "V"})
    for centre in (first, second):
        do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    called = do("boss", "call_round", "2027-03-01", year=2027, centres=[second, first])
    assert called.accepted and [c.centre for c in called.caused] == [first, second]
    row = ActRecord.objects.select_related("payload").get(centre=first, kind="called")
    assert (row.caused_by, row.saw) == (called.seq, called.seq)
    assert row.payload.data == {"round": called.seq, "year": 2027}
    before = counts()
    again = do("boss", "call_round", "2027-04-01", year=2027, centres=[first])
    assert again.codes == ["ALREADY_USED"] and f"“{first}”" in again.refusals[0].says.zh
    assert counts() == before and ProgrammeBook.objects.get().head_seq == called.seq
    with pytest.raises(LedgerError, match="重复"):
        do("boss", "call_round", "2027-04-01", year=2028, centres=[first, first])
    with pytest.raises(NotOnFile, match="mini-0099"):
        do("boss", "call_round", "2027-04-01", year=2027, centres=["mini-0099"])
    assert replay.verify().sound and replay.rebuild().faults == []


def test_two_times_are_kept_apart(begun: Begin, do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    monkeypatch.setenv("BANFA_TODAY", "2030-12-01")
    do("unit", "extend", "2029-03-16", centre)
    do("boss", "grant", "2029-04-10", centre, end="2030-03-16")
    then = dt.datetime.fromisoformat("2030-11-20T12:00:00+08:00")
    assert queries.centre(centre, on=day("2029-06-01"), known_at=then).stage == "prep_over"
    assert queries.centre(centre, on=day("2029-06-01")).stage == "preparing"
    assert len(queries.centre(centre, known_at=then).timeline) == 2
    assert queries.centre(centre, on=day("2026-03-01")).stage == "planned"
    assert queries.centre(centre, on=day("2026-01-01")).stage is None


def test_outside_facts_are_asked_once_and_kept(do: Do, begun: Begin) -> None:
    Listing.objects.create(list="joint_punishment_list", organisation="U", since=day("2026-03-01"))
    Engagement.objects.create(person="外王", platform="虚构平台")
    first = begun(team=["张甲", "李乙"])
    more = {"org": {**UNIT, "org": "V"}, "documents": {"plan": {"content": PLAN}}}
    again = do("unit", "apply", "2026-03-02", more=more, field_zh="封装", team=["李乙"])
    assert again.codes == ["EXCLUSIVE"]
    seen = again.refusals[0].seen
    assert seen is not None and "李乙" in seen.zh
    assert do("unit", "apply", "2026-03-02", more=more, field_zh="封装", team=["外王"]).codes == [
        "EXCLUSIVE"
    ]
    listed = {**more, "org": UNIT}
    assert do("unit", "apply", "2026-03-02", more=listed, field_zh="封装", team=["赵"]).codes == [
        "CONDITION_NOT_MET"
    ]
    assert do("unit", "apply", "2026-03-02", more=more, field_zh="封装", team=["赵"]).accepted
    Listing.objects.all().delete()
    Listing.objects.create(list="joint_punishment_list", organisation="V")
    Engagement.objects.create(person="赵", platform="后来的平台")
    assert replay.rebuild().faults == [], "replay uses the answers stored, not today's facts"
    assert Centre.objects.get(id=first).people == ["张甲", "李乙"]


def test_an_existing_centre_comes_in_with_dates_and_exact_numbers(do: Do) -> None:
    spans = {"preparation": {"start": dt.date(2025, 1, 1), "end": dt.date(2028, 1, 1)}}
    data = {"stage": "preparing", "basis": "发改〔2025〕1号", "periods": spans}
    data["values"] = {"field_zh": "老中心"}
    data["roles"] = {"unit": UNIT}
    receipt = do("boss", "enter_existing_centre", "2026-03-01", **data)
    assert receipt.accepted and receipt.centre
    page = queries.centre(receipt.centre, on=day("2026-05-01"))
    assert page.state.periods["preparation"].end == dt.date(2028, 1, 1)
    assert page.centre.imported and page.stage == "preparing"
    more = do("unit", "file_report", "2026-05-01", receipt.centre, year=2025, amount="1234.50")
    assert more.accepted, more.refusals
    assert replay.verify().sound and replay.rebuild().faults == []


# --- append-only, chain, erasure -----------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_actrecord SET \"on\" = '2020-01-01'",
        "DELETE FROM ledger_actrecord",
        "TRUNCATE ledger_actrecord CASCADE",
        "UPDATE ledger_actpayload SET data = '{}'",
        'UPDATE ledger_actpayload SET data = data || \'{"field_zh": "x"}\'',
        "UPDATE ledger_actpayload SET person = 'x'",
        "UPDATE ledger_actpayload SET person = NULL",
        "UPDATE ledger_actpayload SET salts = '{}'",
        "UPDATE ledger_actpayload SET organisation = NULL",
        "DELETE FROM ledger_actpayload",
        "UPDATE ledger_documentversion SET content = NULL",
        "UPDATE ledger_documentversion SET version = 9",
        "DELETE FROM ledger_documentversion",
    ],
)
def test_the_database_itself_refuses_changes(begun: Begin, statement: str) -> None:
    begun()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with (
        pytest.raises(DatabaseError, match=r"不得更改|只能依删除记录"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE ledger_actrecord SET \"on\" = '2026-02-19' WHERE kind = 'apply'", "摘要不符"),
        ('UPDATE ledger_actpayload SET data = \'{"field_zh": "x"}\'', "摘要不符"),
        ("UPDATE ledger_actpayload SET person = NULL", "无删除记录"),
        ("UPDATE ledger_documentversion SET content = '{}'", "材料内容"),
        ("UPDATE ledger_centre SET version = 7", "链尾"),
        ("UPDATE ledger_programmebook SET head_hash = 'x'", "链尾"),
    ],
)
def test_what_is_changed_past_the_triggers_is_found(
    begun: Begin, statement: str, said: str
) -> None:
    begun()
    assert replay.verify().sound
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = DEFAULT")
    assert any(said in str(f) for f in replay.verify().faults)


def test_a_projection_that_was_changed_is_found_and_made_anew(begun: Begin) -> None:
    centre = begun()
    Centre.objects.filter(id=centre).update(stage="gone", name_zh="改过")
    assert "stage" in str(replay.rebuild().faults[0])
    replay.rebuild(check=False)
    assert replay.rebuild().sound and Centre.objects.get(id=centre).stage == "planned"


def test_an_erasure_keeps_the_chain_and_is_on_record(do: Do, begun: Begin) -> None:
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    do("unit", "file_report", "2027-01-10", centre, {"person": "孙某"}, year=2026, contact="孙某")
    heads = Centre.objects.get(id=centre).head_hash
    for seq, part in [(3, "person"), (3, "data.contact"), (1, "data.team"), (1, "words")]:
        verbs.erase("mini", centre, seq, part, "安全管理员", "本人要求删除")
    verbs.erase("mini", centre, 1, "answers", "安全管理员", "同上")
    verbs.erase("mini", centre, 1, "documents.plan", "安全管理员", "同上")
    kept = ActPayload.objects.get(act__centre=centre, act__seq=3)
    assert kept.person is None and "contact" not in kept.data
    assert DocumentVersion.objects.get(centre=centre).content is None
    assert Centre.objects.get(id=centre).head_hash == heads
    assert replay.verify().faults == []
    report = replay.rebuild()
    assert report.faults == [] and any("不再重判" in n for n in report.notes)
    erased = {e.act.seq: e.erased for e in queries.centre(centre).timeline}
    assert "data.contact" in erased[3] and "team" not in queries.centre(centre).state.values
    assert do("unit", "file_report", "2027-01-05", centre, year=2025).accepted
    with pytest.raises(NotOnFile, match="已删除"):
        verbs.erase("mini", centre, 3, "person", "安全管理员", "再来")


@pytest.mark.parametrize("part", ["organisation", "data.end"])
def test_what_carries_the_life_may_not_be_erased(do: Do, begun: Begin, part: str) -> None:
    centre = begun()
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    with pytest.raises(MayNotErase, match=r"不属于可删除的个人信息|无法再推出"):
        verbs.erase("mini", centre, 2, part, "安全管理员", "试")
    with pytest.raises(LedgerError, match="理由"):
        verbs.erase("mini", centre, 2, part, "安全管理员", " ")
    assert replay.verify().sound and replay.rebuild().sound


def test_sm3_is_named_beside_each_hash(do: Do, begun: Begin, settings: Any) -> None:
    centre = begun()
    settings.CHAIN_ALGORITHM = "sm3"
    try:
        do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    except LedgerError:
        pytest.skip("this OpenSSL has no SM3")
    row = ActRecord.objects.get(centre=centre, seq=2)
    assert row.algorithm == "sm3" and row.hash.startswith("sm3:")
    assert replay.verify().sound


def test_organisations_are_checked(do: Do) -> None:
    verbs.enter_organisation("U", "虚构一号公司", "firm", "山东", uscc="91110000MA00000A0U")
    do("boss", "notice", "2026-02-10", fields=["封装"])
    more = {"org": "U", "documents": {"plan": {"content": PLAN}}}
    assert do("unit", "apply", "2026-02-20", more=more, field_zh="封装", team=["甲"]).accepted
    with pytest.raises(PeopleError, match="统一社会信用代码"):
        verbs.enter_organisation("W", "虚构二号", uscc="91110000MA00000A0X")
    with pytest.raises(PeopleError, match="编号和名称"):
        verbs.enter_organisation("W", " ")
    assert Organisation.objects.count() == 1


def test_replay_judges_by_the_data_of_the_time(
    do: Do, begun: Begin, settings: Any, tmp_path: Path
) -> None:
    shutil.copytree(settings.PROGRAMMES_DIR, tmp_path / "p")
    settings.PROGRAMMES_DIR = tmp_path / "p"
    library.forget()
    centre = begun()
    file = tmp_path / "p" / "mini" / "2026" / "programme.yaml"
    changed = file.read_text(encoding="utf-8").replace("plus: 3 years", "plus: 1 year")
    do("boss", "start", "2026-03-16", centre, end="2029-03-16")
    file.write_text(changed, encoding="utf-8")
    os.utime(file, (1, 1))
    library.forget()
    report = replay.rebuild()
    assert report.faults == [] and any("较早的办法数据" in n for n in report.notes)
    assert do("unit", "file_report", "2027-01-10", centre, year=2026).accepted
    assert replay.rebuild().faults == [] and replay.verify().sound
    library.forget()
