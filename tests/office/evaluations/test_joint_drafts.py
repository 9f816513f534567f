"""Acts that other bodies concur in: the draft is sent, read, answered, and recorded as it is."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from banfa.office.ledger import library, verbs
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.models import ActRecord
from banfa.office.ledger.verbs import Proposal
from banfa.office.notices.models import Notice
from banfa.office.queues import joint
from banfa.office.queues.errors import QueueError
from banfa.office.queues.models import JointDraft
from tests.office.desk.conftest import signed_in
from tests.office.evaluations import round_seed as seed

pytestmark = pytest.mark.django_db
BODIES = ("customs_administration", "tax_administration")
DAY = "2030-11-15"


@pytest.fixture(autouse=True)
def real(mini: None, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    seed.use(settings, monkeypatch)
    seed.spared()
    yield
    library.forget()


@pytest.fixture
def centres() -> list[str]:
    """Three centres of a round whose grades are about to be decided."""
    made = seed.existing(3)
    seed.opened(made)
    for n, centre in enumerate(made, 1):
        seed.to_decision(centre, f"unit-{n}")
    return made


@pytest.fixture
def boss() -> Client:
    return signed_in(seed.person("boss", ("ndrc", "ndrc")))


@pytest.fixture
def others() -> dict[str, Client]:
    return {p: signed_in(seed.person(p[:7], (p, p))) for p in BODIES}


def text(page: Any) -> str:
    content = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", "", page.content.decode())
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content)).split())


def given(grade: str = "good", **more: str) -> dict[str, str]:
    return {"on": DAY, "party": "ndrc", "key": grade, "with.grade": grade} | more


def sent(boss: Client, centre: str, grade: str = "good") -> JointDraft:
    """The draft of a grade, sent through the act's own form."""
    path = f"/centres/{centre}/acts/confirm_result/?party=ndrc"
    answer = boss.post(path, given(grade, circulate="yes", joint_note="已经会商"))
    made = JointDraft.objects.latest("id")
    assert answer.status_code == 302 and answer["Location"] == f"/joint/{made.pk}/"
    return made


def test_a_refused_joint_act_is_sent_answered_and_recorded(
    centres: list[str], boss: Client, others: dict[str, Client]
) -> None:
    centre = centres[0]
    path = f"/centres/{centre}/acts/confirm_result/?party=ndrc"
    refused = boss.post(path, given())
    assert refused.status_code == 422 and "送请会同" in text(refused)
    one = sent(boss, centre)
    assert one.asked == list(BODIES) and not ActRecord.objects.filter(kind="concur").exists()
    assert "本事项已有文稿" in text(boss.get(path))
    for party, client in others.items():
        assert "会同：确认评估结果" in text(client.get("/"))
        assert Notice.objects.filter(to__username=party[:7], link=joint.link(one)).exists()
        page = text(client.get(joint.link(one)))
        assert "已经会商" in page and "良好" in page and "照文稿登记" not in page
        early = boss.post(joint.link(one), {"do": "record", "on": DAY})
        assert early.status_code == 422 and "会同" in text(early)
        answer = {"do": "concur", "party": party, "key": f"k-{party}", "agrees": "yes"}
        assert client.post(joint.link(one), answer).status_code == 302
    assert "会同意见已齐" in text(boss.get("/work/others/"))
    early = boss.post(joint.link(one), {"do": "record", "on": "2030-11-14", "key": "e"})
    assert early.status_code == 422 and "不得早于该日" in text(early)
    done = boss.post(joint.link(one), {"do": "record", "on": DAY, "key": "r"})
    assert done.status_code == 302 and done["Location"].startswith(f"/centres/{centre}/")
    last = ActRecord.objects.filter(centre=centre).latest("seq")
    one.refresh_from_db()
    assert (last.kind, last.payload.data, one.used) == ("confirm_result", {"grade": "good"},
                                                        last.seq)  # fmt: skip
    again = text(boss.get(joint.link(one)))
    assert "已登记" in again and again.count("同意") >= 2
    for client in (boss, *others.values()):
        assert "会同：" not in text(client.get("/work/others/"))
        assert "确认评估结果" in text(client.get("/joint/?which=ended"))
    late = others[BODIES[0]].post(joint.link(one), {"do": "concur", "party": BODIES[0],
                                  "agrees": "yes"})  # fmt: skip
    assert late.status_code == 422 and "已登记或已撤回" in text(late)


def test_an_objection_needs_a_reason_and_goes_back(
    centres: list[str], boss: Client, others: dict[str, Client]
) -> None:
    one, customs = sent(boss, centres[0]), others[BODIES[0]]
    answer = {"do": "concur", "party": BODIES[0], "agrees": "no", "reason": ""}
    bare = customs.post(joint.link(one), answer)
    assert bare.status_code == 422 and "不同意的理由" in text(bare)
    neither = customs.post(joint.link(one), answer | {"agrees": ""})
    assert neither.status_code == 422 and "请选择同意或不同意" in text(neither)
    told = answer | {"reason": "数据尚待核实", "key": "a"}
    assert customs.post(joint.link(one), told).status_code == 302
    assert "有单位不同意" in text(boss.get("/work/others/"))
    assert "数据尚待核实" in text(boss.get(joint.link(one)))
    assert boss.post(joint.link(one), {"do": "record", "on": DAY}).status_code == 422
    changed = answer | {"agrees": "yes", "key": "b"}
    assert customs.post(joint.link(one), changed).status_code == 302
    one.refresh_from_db()
    assert one.said == {BODIES[0]: True} and one.lacking == [BODIES[1]]
    last = ActRecord.objects.filter(centre=centres[0], kind="concur").latest("seq")
    undo = {"on": DAY, "party": BODIES[0], "key": "u", "with.target": str(last.seq),
            "with.reason": "误登"}  # fmt: skip
    undone = customs.post(f"/centres/{centres[0]}/acts/annul/?party={BODIES[0]}", undo)
    assert undone.status_code == 302, text(undone)
    one.refresh_from_db()
    assert one.said == {BODIES[0]: False}
    assert boss.post(joint.link(one), {"do": "take_back"}).status_code == 302
    assert "已撤回" in text(boss.get(joint.link(one)))
    assert sent(boss, centres[0]).pk != one.pk


def test_what_bodies_say_is_read_by_those_concerned_only(
    centres: list[str], boss: Client, others: dict[str, Client]
) -> None:
    centre, party = centres[0], BODIES[0]
    one = sent(boss, centre)
    answer = {"do": "concur", "party": party, "agrees": "no", "reason": "尚存疑点", "key": "k"}
    assert others[party].post(joint.link(one), answer).status_code == 302
    seq = ActRecord.objects.get(centre=centre, kind="concur").seq
    unit = signed_in(seed.person("unit", ("supporting_unit", "unit-1")))
    for page in ("/", f"/centres/{centre}/", f"/centres/{centre}/timeline/", "/acts/"):
        shown = unit.get(page).content.decode()
        assert "尚存疑点" not in shown and f"/record/{seq}/" not in shown, page
    assert f"/record/{seq}/" in boss.get("/acts/").content.decode()
    for client in (unit, boss):
        assert "/record/" not in client.get("/search/?q=尚存疑点").content.decode()
    for page in (f"/centres/{centre}/record/{seq}/", f"/centres/{centre}/record/{seq}/basis/"):
        assert unit.get(page).status_code == 404, page
    for page in (f"/centres/{centre}/timeline/", f"/centres/{centre}/record/{seq}/"):
        shown = text(boss.get(page))
        assert "尚存疑点" in shown and "所议文稿 确认评估结果" in shown and "sha256:" not in (
            shown if "record" not in page else ""), page  # fmt: skip
    told = Notice.objects.get(to__username="boss")
    assert "海关总署：尚存疑点" in told.body_zh and "已经会商" not in told.body_zh


def test_what_was_agreed_to_once_is_not_agreed_to_again(
    centres: list[str], boss: Client, others: dict[str, Client]
) -> None:
    centre = centres[0]
    first = sent(boss, centre)
    for party in BODIES:
        seed.do("nitec", party, "concur", DAY, centre, draft=first.digest, agrees=True)
    seed.do("nitec", "ndrc", "confirm_result", DAY, centre, grade="good")
    again = JointDraft.objects.create(
        centre_id=centre, act=first.act, organisation=first.organisation, party=first.party,
        by=first.by, at=first.at, digest=first.digest, proposal=first.proposal,
        asked=first.asked, used=None, closed=first.at,
    )  # fmt: skip
    acts = ledger.centre(centre).standing_acts
    first.used = acts[-1].seq
    assert [a.party for a in joint.said_of(first, acts)] == list(BODIES)
    assert joint.said_of(again, acts) == []


def test_several_are_sent_agreed_to_and_recorded_at_once(
    centres: list[str], boss: Client, others: dict[str, Client]
) -> None:
    chosen: dict[str, Any] = {"centre": centres, "party": "ndrc", "kind": "confirm_result"}
    form = chosen | {"on": DAY, "key": "b", "with.grade": "good"}
    seen = boss.post("/centres/bulk/", form)
    digest = re.search(r'name="seen" value="(\w+)"', seen.content.decode())
    assert digest is not None and "3 家只差其他单位同意" in text(seen)
    asked = form | {"circulate": "yes", "seen": digest[1]}
    nothing = boss.post("/centres/bulk/", asked)
    assert nothing.status_code == 400 and not JointDraft.objects.exists()
    assert boss.post("/centres/bulk/", asked | {"send": centres[:2]}).status_code == 302
    assert boss.post("/centres/bulk/", asked | {"send": centres}).status_code == 302
    numbers = [d.pk for d in JointDraft.objects.order_by("id")]
    assert len(numbers) == 3
    mine = boss.get("/joint/?which=sent").content.decode()
    assert mine.count('name="draft"') == 0 and "尚缺" in mine
    for party, client in others.items():
        assert client.get("/joint/").content.decode().count('name="draft"') == 3, party
        told = client.post("/joint/?which=asked", {"draft": numbers, "key": "x"})
        assert "已登记 3 项，共 3 项" in text(told)
    seed.do("nitec", "ndrc", "confirm_result", DAY, centres[2], grade="good")
    told = boss.post("/joint/?which=sent", {"draft": numbers, "key": "y"})
    assert "已登记 2 项，共 3 项" in text(told) and "会同" in text(told)
    grades = ActRecord.objects.filter(kind="confirm_result")
    assert sorted(grades.values_list("centre_id", flat=True)) == sorted(centres)


def test_only_what_lacks_concurrence_alone_is_sent_and_only_by_who_may(
    centres: list[str], boss: Client, others: dict[str, Client]
) -> None:
    path = f"/centres/{centres[0]}/acts/confirm_result/?party=ndrc"
    wrong = boss.post(path, given("splendid", circulate="yes"))
    assert wrong.status_code == 422 and "先按所列各项补正" in text(wrong)
    assert not JointDraft.objects.exists()
    one = sent(boss, centres[0])
    assert sent(boss, centres[0]).pk == one.pk
    stranger = signed_in(seed.person("stranger", ("supporting_unit", "unit-1")))
    for where in (joint.link(one), "/joint/999999/"):
        assert stranger.get(where).status_code == 404
    assert "确认评估结果" not in text(stranger.get("/joint/"))
    customs = others[BODIES[0]]
    not_theirs = [
        {"do": "record", "on": DAY},
        {"do": "take_back"},
        {"do": "concur", "party": BODIES[1], "agrees": "yes"},
        {"do": "nonsense"},
    ]
    for act in not_theirs:
        assert customs.post(joint.link(one), act).status_code in (404, 422), act
    foreign = boss.post(joint.link(one), {"do": "concur", "party": BODIES[0], "agrees": "yes"})
    assert foreign.status_code == 422
    one.refresh_from_db()
    assert (one.said, one.closed) == ({}, None)
    bad = boss.post(joint.link(one), {"do": "record", "on": "昨天"})
    assert bad.status_code == 422 and "不是有效日期" in text(bad)
    assert boss.get("/joint/?which=all").status_code == 404
    assert boss.post("/joint/?which=sent", {"draft": ["9" * 30, "x", "-1"]}).status_code == 200
    plain = Proposal(act="confirm_result", by="ndrc", on=dt.date(2030, 11, 15),
                     centre=centres[0], data={"grade": "good"})  # fmt: skip
    with pytest.raises(QueueError):
        joint.send(plain)
    assert verbs.draft(plain) == one.digest


def test_the_list_takes_few_queries(
    centres: list[str], boss: Client, others: dict[str, Client]
) -> None:
    counts = []
    for centre in centres:
        sent(boss, centre)
        for client, which in ((boss, "sent"), (others[BODIES[0]], "asked")):
            client.get(f"/joint/?which={which}")
            with CaptureQueriesContext(connection) as found:
                assert client.get(f"/joint/?which={which}").status_code == 200
            counts.append(len(found))
    assert max(counts) <= 12 and len(set(counts)) <= 2, counts
