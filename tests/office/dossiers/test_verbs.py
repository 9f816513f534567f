"""A dossier's life: written, checked, submitted, withdrawn, returned, corrected."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from banfa.office import clock
from banfa.office.dossiers import queries, verbs
from banfa.office.dossiers.errors import Conflict, DossierError, NotNow, Unreviewed
from banfa.office.dossiers.models import Dossier, State, Version
from banfa.office.ledger import queries as ledger
from banfa.office.ledger import verbs as door
from banfa.office.ledger.errors import MayNot, NotOnFile
from banfa.office.ledger.models import ActRecord, DocumentVersion
from banfa.office.notices.models import Notice
from banfa.office.people import access
from banfa.office.people.models import User
from tests.office.dossiers import seed

People = dict[str, User]


def seen(user: User, dossier: Dossier) -> queries.Seen:
    return queries.find(user, access.reach(user, clock.today()), dossier.pk)


def again(dossier: Dossier) -> Dossier:
    return Dossier.objects.get(pk=dossier.pk)


def test_submitting_records_the_act_and_freezes_a_version(people: People) -> None:
    dossier = seed.submitted(people["writer"])
    version = Version.objects.get(dossier=dossier)
    assert (dossier.state, dossier.centre_id) == (State.SUBMITTED, "mini-0001")
    assert version.act.kind == "apply" and version.content == dossier.content
    pinned = version.act.payload.documents["plan"]
    kept = DocumentVersion.objects.get(digest=pinned["digest"])
    assert kept.content["goals"] == "三年内建成中试平台。"
    assert version.act.payload.person == people["writer"].label
    assert queries.valid(version)


def test_a_second_click_gets_the_same_version(people: People) -> None:
    dossier = seed.written(people["writer"])
    first = verbs.submit(people["writer"], dossier.pk, dossier.version)
    second = verbs.submit(people["writer"], dossier.pk, dossier.version)
    assert first.version == second.version and ActRecord.objects.count() == 1


def test_a_refused_submission_keeps_everything(people: People) -> None:
    dossier = seed.written(people["writer"], **{"with.team": ["张某"]})
    done = verbs.submit(people["writer"], dossier.pk, dossier.version)
    assert done.version is None and done.check is not None
    assert [f.id for f in done.check.findings] == ["two"]
    kept = again(dossier)
    assert kept.state == State.DRAFT and kept.content == dossier.content
    assert ActRecord.objects.count() == 0


def test_a_check_tells_all_faults_at_once(people: People) -> None:
    wrong = {
        "with.team": ["张某"],
        "documents.plan.goals": "",
        "documents.plan.basics.staff": "许多",
    }
    dossier = seed.written(people["writer"], **wrong)
    made = verbs.check(people["writer"], dossier.pk)
    assert [path for path, _ in made.mistakes] == ["documents.plan.basics.staff"]
    assert {f.field for f in made.findings} >= {"documents.plan.goals"}
    assert "two" in {f.id for f in made.findings}
    assert not made.sound and ActRecord.objects.count() == 0


def test_somebody_elses_save_is_a_conflict_and_loses_nothing(people: People) -> None:
    dossier = seed.written(people["writer"])
    verbs.save(people["colleague"], dossier.pk, {"documents.plan.goals": "改后"}, dossier.version)
    with pytest.raises(Conflict) as caught:
        verbs.save(people["writer"], dossier.pk, {"documents.plan.goals": "我的"}, dossier.version)
    assert "甲同事" in caught.value.text.zh
    assert again(dossier).content["documents.plan.goals"] == "改后"
    assert again(dossier).content["documents.plan.money.total"] == "12000"


def test_saving_the_same_again_changes_nothing(people: People) -> None:
    dossier = seed.written(people["writer"])
    saved = verbs.save(people["writer"], dossier.pk, dict(dossier.content), dossier.version)
    assert saved.version == dossier.version


def test_others_do_not_see_drafts_and_cannot_write(people: People) -> None:
    dossier = seed.written(people["writer"])
    for name in ("stranger", "guide", "boss"):
        with pytest.raises(NotOnFile):
            seen(people[name], dossier)
        with pytest.raises(NotOnFile):
            verbs.save(people[name], dossier.pk, {}, dossier.version)
    assert seen(people["colleague"], dossier).writes
    assert not seen(people["manager"], dossier).writes
    with pytest.raises(MayNot):
        verbs.start(people["boss"], "mini", "apply", "unit")


def test_what_was_submitted_is_seen_by_who_sees_the_centre(people: People) -> None:
    dossier = seed.submitted(people["writer"])
    for name in ("guide", "boss"):
        found = seen(people[name], dossier)
        assert found.reads and not found.inside
    with pytest.raises(NotOnFile):
        seen(people["stranger"], dossier)


# --- 带出 ----------------------------------------------------------------------------------------


def running(people: People) -> str:
    centre = seed.submitted(people["writer"]).centre_id or ""
    seed.recommend(centre)
    seed.take("boss", "approve", centre)
    return centre


def test_known_facts_fill_empty_fields_with_their_source(people: People) -> None:
    centre = running(people)
    dossier = verbs.start(people["writer"], "mini", "report", "unit", centre)
    assert dossier.content["documents.plan.goals"] == "三年内建成中试平台。"
    assert dossier.sources["documents.plan.goals"][0] == "2030-11-15 申请设立"
    assert dossier.content["documents.plan.basics.field_zh"] == "先进封装"
    saved = verbs.save(
        people["writer"], dossier.pk, {"documents.plan.goals": "新目标"}, dossier.version
    )
    assert "documents.plan.goals" not in saved.sources
    assert "documents.plan.money.total" in saved.sources
    again_, filled = verbs.bring_in(people["writer"], dossier.pk)
    assert filled == 0 and again_.content["documents.plan.goals"] == "新目标"


def test_a_draft_is_due_when_the_duty_is(people: People) -> None:
    centre = running(people)
    dossier = verbs.start(people["writer"], "mini", "report", "unit", centre)
    user = people["writer"]
    todos = queries.todos(user, access.reach(user, clock.today()), clock.today())
    found = [t for t in todos if t.link.endswith(f"/{dossier.pk}/")]
    assert [t.title.zh for t in found] == ["继续编写：报送年度方案"]
    assert found[0].due == dt.date(2031, 2, 28)


# --- inside the organisation ---------------------------------------------------------------------


def test_the_organisation_checks_before_it_is_submitted(people: People) -> None:
    verbs.set_review(people["manager"], "org-1", True)
    dossier = seed.written(people["writer"])
    with pytest.raises(NotNow, match="送审"):
        verbs.submit(people["writer"], dossier.pk, dossier.version)
    sent = verbs.send(people["writer"], dossier.pk, dossier.version)
    with pytest.raises(NotNow):
        verbs.save(people["writer"], dossier.pk, {"documents.plan.goals": "改"}, sent.version)
    with pytest.raises(MayNot):
        verbs.review(people["writer"], dossier.pk, sent.version, True)
    with pytest.raises(DossierError, match="理由"):
        verbs.review(people["manager"], dossier.pk, sent.version, False)
    back = verbs.review(people["manager"], dossier.pk, sent.version, False, "请补充目标")
    assert back.state == State.DRAFT and back.note == "请补充目标"
    sent = verbs.send(people["writer"], dossier.pk, back.version)
    done = verbs.review(people["manager"], dossier.pk, sent.version, True)
    assert verbs.submit(people["writer"], dossier.pk, done.version).version is not None


def test_the_organisations_own_check_is_not_passed_by_another_way(people: People) -> None:
    dossier = seed.written(people["writer"])
    user = people["writer"]
    proposal, mistakes = verbs._proposal(queries.find(user, access.reach(user, clock.today()),
                                                      dossier.pk), user)  # fmt: skip
    assert not mistakes and proposal.dossier == dossier.pk
    past_it = dataclasses.replace(proposal, dossier=None, key=None)
    verbs.set_review(people["manager"], "org-1", True)
    with pytest.raises(Unreviewed, match="内部审核"):
        door.record(past_it)
    verbs.set_review(people["manager"], "org-1", False)
    assert door.record(past_it).accepted


def test_a_chosen_reviewer_checks_and_is_told(people: People) -> None:
    verbs.set_review(people["manager"], "org-1", True, [people["colleague"].pk])
    dossier = seed.written(people["writer"])
    verbs.send(people["writer"], dossier.pk, dossier.version)
    user = people["colleague"]
    todos = queries.todos(user, access.reach(user, clock.today()), clock.today())
    assert [t.title.zh for t in todos] == ["内部审核：申请设立"]
    with pytest.raises(MayNot):
        verbs.set_review(people["writer"], "org-1", False)
    with pytest.raises(DossierError):
        verbs.set_review(people["manager"], "org-1", True, [people["boss"].pk])


# --- withdrawing ---------------------------------------------------------------------------------


def test_withdrawn_until_the_next_level_has_opened_it(people: People) -> None:
    dossier = seed.submitted(people["writer"])
    with pytest.raises(DossierError, match="理由"):
        verbs.withdraw(people["writer"], dossier.pk, " ")
    done = verbs.withdraw(people["writer"], dossier.pk, "数字有误")
    assert done.check is None
    kept = again(dossier)
    assert kept.state == State.WITHDRAWN and kept.centre is None
    assert kept.content == dossier.content
    assert list(ActRecord.objects.order_by("seq").values_list("kind", flat=True)) == [
        "apply",
        "annul",
    ]
    assert not queries.valid(Version.objects.get(dossier=kept))
    second = verbs.submit(people["writer"], kept.pk, kept.version)
    assert second.version is not None and second.version.number == 2


def test_once_opened_it_stays_and_says_why(people: People) -> None:
    dossier = seed.submitted(people["writer"])
    reach = access.reach(people["boss"], clock.today())
    assert not verbs.mark_opened(people["boss"], reach, seen(people["boss"], dossier))
    reach = access.reach(people["guide"], clock.today())
    assert verbs.mark_opened(people["guide"], reach, seen(people["guide"], dossier))
    assert not verbs.mark_opened(people["guide"], reach, seen(people["guide"], dossier))
    with pytest.raises(NotNow, match="省委经办人"):
        verbs.withdraw(people["writer"], dossier.pk, "数字有误")


# --- returning -----------------------------------------------------------------------------------

DUE = dt.date(2030, 11, 30)
PARTS = ["documents.plan.money"]


def returned(people: People, by: str = "guide") -> Dossier:
    dossier = seed.submitted(people["writer"])
    if by == "boss":
        seed.recommend(dossier.centre_id or "")
    verbs.return_for_correction(people[by], dossier.pk, "总投资与分项不符", DUE, PARTS)
    return again(dossier)


@pytest.mark.parametrize("by", ["guide", "boss"])
def test_only_the_flagged_parts_open_and_nothing_in_between_falls(people: People, by: str) -> None:
    dossier = returned(people, by)
    before = ActRecord.objects.count()
    wanted = {"documents.plan.goals": "偷改", "documents.plan.money.total": "13000"}
    saved = verbs.save(people["writer"], dossier.pk, wanted, dossier.version)
    assert saved.content["documents.plan.goals"] == "三年内建成中试平台。"
    assert saved.content["documents.plan.money.total"] == "13000"
    done = verbs.submit(people["writer"], dossier.pk, saved.version)
    assert done.version is not None, done.check
    assert done.version.act.kind == "correct_documents" and done.version.number == 2
    assert done.version.act.payload.data["target"] == 1
    assert list(done.version.act.payload.documents) == ["plan"]
    page = ledger.centre(dossier.centre_id or "")
    assert all(e.annulled_by is None for e in page.timeline)
    assert ActRecord.objects.count() == before + 1
    if by == "boss":
        seed.take("boss", "approve", dossier.centre_id or "")
        grounds = queries.basis(ledger.centre(dossier.centre_id or ""), 4)
        assert [(g.name.zh, g.version) for g in grounds] == [("推荐函", 1), ("建设方案", 2)]
        earlier = queries.basis(ledger.centre(dossier.centre_id or ""), 2)
        assert [(g.name.zh, g.version) for g in earlier] == [("建设方案", 1), ("推荐函", 1)]


def test_a_correction_that_changes_nothing_is_refused(people: People) -> None:
    dossier = returned(people)
    done = verbs.submit(people["writer"], dossier.pk, dossier.version)
    assert done.version is None and done.check is not None
    assert again(dossier).state == State.RETURNED


def test_a_corrected_dossier_can_be_withdrawn_and_returned_again(people: People) -> None:
    dossier = returned(people)
    typed = {"documents.plan.money.total": "13000"}
    saved = verbs.save(people["writer"], dossier.pk, typed, dossier.version)
    verbs.submit(people["writer"], dossier.pk, saved.version)
    done = verbs.withdraw(people["writer"], dossier.pk, "再改一处")
    assert done.check is None and again(dossier).state == State.RETURNED
    kept = again(dossier)
    typed = {"documents.plan.money.total": "14000"}
    saved = verbs.save(people["writer"], dossier.pk, typed, kept.version)
    assert verbs.submit(people["writer"], dossier.pk, saved.version).version is not None
    verbs.return_for_correction(
        people["guide"], dossier.pk, "目标太简", DUE, ["documents.plan.goals"]
    )
    assert again(dossier).state == State.RETURNED
    numbers = [v.number for v in seen(people["writer"], dossier).versions]
    assert numbers == [1, 2, 3]


def test_a_return_is_taken_back_until_the_sender_opens_it(people: People) -> None:
    dossier = returned(people)
    for who in ("boss", "writer"):
        with pytest.raises(NotNow, match="退回人"):
            verbs.recall_return(people[who], dossier.pk)
    with pytest.raises(NotOnFile):
        verbs.recall_return(people["stranger"], dossier.pk)
    guide = people["guide"]
    verbs.mark_opened(guide, access.reach(guide, clock.today()), seen(guide, dossier))
    verbs.recall_return(guide, dossier.pk)
    kept = again(dossier)
    assert kept.state == State.SUBMITTED and not kept.returns.filter(closed__isnull=True).exists()
    told = Notice.objects.filter(to=people["writer"], kind="returned").order_by("-id")
    assert told[0].subject_zh.startswith("退回已收回")
    with pytest.raises(NotNow):
        verbs.save(people["writer"], dossier.pk, {}, kept.version)
    # once one of the sender has opened it, or begun to mend it, it stays returned
    for begun in ("opened", "saved"):
        verbs.return_for_correction(guide, dossier.pk, "总投资与分项不符", DUE, PARTS)
        kept, writer = again(dossier), people["writer"]
        if begun == "opened":
            verbs.mark_opened(writer, access.reach(writer, clock.today()), seen(writer, dossier))
        typed = {"documents.plan.money.total": "13000" if begun == "opened" else "14000"}
        if begun == "saved":
            kept = verbs.save(writer, dossier.pk, typed, kept.version)
        with pytest.raises(NotNow, match="甲填写人已于"):
            verbs.recall_return(guide, dossier.pk)
        saved = verbs.save(writer, dossier.pk, typed, kept.version)
        assert verbs.submit(writer, dossier.pk, saved.version).version is not None
    # withdrawing the correction opens the return that it answered, not the one taken back
    done = verbs.withdraw(people["writer"], dossier.pk, "再改")
    assert done.check is None and again(dossier).state == State.RETURNED
    open_ = again(dossier).returns.get(closed__isnull=True)
    assert open_.recalled is None


def test_who_may_return_and_how(people: People) -> None:
    dossier = seed.submitted(people["writer"])
    give: Any = verbs.return_for_correction
    with pytest.raises(MayNot):
        give(people["boss"], dossier.pk, "理由", DUE, PARTS)
    with pytest.raises(MayNot):
        give(people["writer"], dossier.pk, "理由", DUE, PARTS)
    with pytest.raises(NotOnFile):
        give(people["stranger"], dossier.pk, "理由", DUE, PARTS)
    for reason, due, parts in (
        ("", DUE, PARTS),
        ("理由", None, PARTS),
        ("理由", dt.date(2030, 11, 1), PARTS),
        ("理由", DUE, []),
        ("理由", DUE, ["documents.plan.nowhere"]),
    ):
        with pytest.raises(DossierError):
            give(people["guide"], dossier.pk, reason, due, parts)
    give(people["guide"], dossier.pk, "理由", DUE, PARTS)
    with pytest.raises(NotNow):
        give(people["guide"], dossier.pk, "理由", DUE, PARTS)
    user = people["writer"]
    todos = queries.todos(user, access.reach(user, clock.today()), clock.today())
    assert [(t.title.zh, t.due) for t in todos] == [("按退回意见修改：申请设立", DUE)]


def test_an_act_recorded_without_a_dossier_can_be_returned_too(people: People) -> None:
    centre = seed.submitted(people["writer"]).centre_id or ""
    seed.recommend(centre)
    dossier = verbs.adopt(people["boss"], centre, 2)
    assert dossier == verbs.adopt(people["boss"], centre, 2)
    assert dossier.content == {"documents.letter.opinion": "同意推荐。"}
    verbs.return_for_correction(
        people["boss"], dossier.pk, "写明理由", DUE, ["documents.letter.opinion"]
    )
    typed = {"documents.letter.opinion": "同意推荐，理由如下。"}
    saved = verbs.save(people["guide"], dossier.pk, typed, again(dossier).version)
    assert verbs.submit(people["guide"], dossier.pk, saved.version).version is not None
    with pytest.raises(NotOnFile):
        verbs.adopt(people["stranger"], centre, 1)


def test_a_closed_procedure_returns_nothing(people: People) -> None:
    centre = running(people)
    dossier = Dossier.objects.get(centre=centre)
    with pytest.raises(MayNot):
        verbs.return_for_correction(people["boss"], dossier.pk, "理由", DUE, PARTS)
    barred = verbs.withdraw(people["writer"], dossier.pk, "撤回")
    assert barred.check is not None and barred.check.findings
    assert again(dossier).state == State.SUBMITTED


def test_a_draft_is_thrown_away_only_before_it_was_submitted(people: People) -> None:
    dossier = seed.written(people["writer"])
    verbs.discard(people["writer"], dossier.pk)
    with pytest.raises(NotOnFile):
        seen(people["writer"], dossier)
    other = seed.submitted(people["writer"])
    verbs.withdraw(people["writer"], other.pk, "重写")
    with pytest.raises(NotNow):
        verbs.discard(people["writer"], other.pk)


def test_what_is_erased_of_an_act_is_erased_in_its_dossier(people: People) -> None:
    from banfa.office.ledger.verbs import erase

    dossier = seed.submitted(people["writer"])
    erase("mini", dossier.centre_id, 1, "documents.plan", "security", "本人要求删除")
    version = Version.objects.get(dossier=dossier)
    assert not [path for path in version.content if path.startswith("documents.plan")]
    assert version.content["with.field_zh"] == "先进封装"
    assert again(dossier).content == version.content
    with pytest.raises(TypeError):
        version.delete()
