"""Who is recused by rule, and what waits for a decision."""

from __future__ import annotations

import pytest

from banfa.office.ledger.models import Centre
from banfa.office.people.models import Membership, Organisation, User
from banfa.office.reviews import recusal, register, verbs
from banfa.office.reviews.errors import ReviewError
from banfa.office.reviews.models import Answer, Verdict
from tests.office.reviews import seed

pytestmark = pytest.mark.django_db


def rules(expert: object, centres: list[Centre], skip: str = "") -> list[tuple[str, str, str]]:
    found = recusal.of_experts([expert], centres, skip)[expert.pk]  # type: ignore[list-item, attr-defined]
    return sorted((g.rule, g.centre.id if g.centre else "", g.verdict) for g in found)


@pytest.mark.parametrize(
    ("workplace", "expected"),
    [
        ("丁大学", []),
        ("甲新材料股份有限公司", [("same_organisation", "panel-0001", "stands")]),
        ("甲集团公司", [("tree", "panel-0001", "stands")]),
        ("甲装备有限公司", [("common_superior", "panel-0001", "question")]),
        ("乙部", [("tree", "panel-0002", "stands")]),
        ("不在档的单位", []),
    ],
)
def test_the_tree_of_subordination(
    centres: list[Centre], workplace: str, expected: list[tuple[str, str, str]]
) -> None:
    assert rules(seed.expert("钱某", workplace), centres) == expected


def test_a_subordinate_of_a_holder_is_recused(centres: list[Centre]) -> None:
    below = Organisation.objects.get(id="lab")
    below.parent = Organisation.objects.get(id="sister")
    below.save()
    Organisation.objects.filter(id="sister").update(parent="org-1")
    assert rules(seed.expert("钱某", "戊实验室"), centres) == [("tree", "panel-0001", "stands")]


def test_a_name_in_the_team_is_a_question(centres: list[Centre]) -> None:
    assert rules(seed.expert("王某"), centres) == [("team", "panel-0002", "question")]


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("单位：丙公司（顾问）", [("tie", "panel-0003", "stands")]),
        ("甲集团公司", [("tie", "panel-0001", "stands")]),
        ("个人：赵某（师生）", [("tie", "panel-0003", "question")]),
        ("person: 赵某 (teacher)", [("tie", "panel-0003", "question")]),
        ("organisation: 丙公司", [("tie", "panel-0003", "stands")]),
        ("个人：无关的人", []),
        ("单位：别的公司", []),
    ],
)
def test_declared_ties(
    centres: list[Centre], ties: str, expected: list[tuple[str, str, str]]
) -> None:
    assert rules(seed.expert("钱某", ties=ties), centres) == expected


def test_having_served_or_worked_on_the_dossier(centres: list[Centre]) -> None:
    expert = seed.expert("钱某")
    assert expert.user is not None
    Membership.objects.create(user=expert.user, organisation_id="org-3", until="2029-01-01")
    worker = seed.person("worker", ("unit", "org-2"), name="孙某")
    seed.do("unit", "annul", "2030-06-02", "panel-0002", target=2, reason="误报", user=worker)
    other = seed.expert("孙某", account=False)
    other.user = worker
    other.save()
    assert rules(expert, centres) == [("service", "panel-0003", "stands")]
    assert ("dossier", "panel-0002", "stands") in rules(other, centres)


def test_an_agency_is_checked_by_the_same_tree(boss: User, centres: list[Centre]) -> None:
    agency = Organisation.objects.get(id="agency")
    assert not recusal.of_agency(agency, "third_party", centres)
    agency.parent = Organisation.objects.get(id="org-3")
    agency.save()
    (ground,) = recusal.of_agency(agency, "third_party", centres)
    assert (ground.rule, ground.verdict) == ("tree", Verdict.STANDS)
    with pytest.raises(ReviewError, match="不得受托评审"):
        seed.begun(boss, centres, agency=agency, agency_party="third_party")


def test_the_role_of_the_commissioned_agency_is_no_tie(centres: list[Centre]) -> None:
    centre = centres[0]
    centre.roles = {**centre.roles, "third_party": [{"org": "agency", "name": "己评估中心"}]}
    agency = Organisation.objects.get(id="agency")
    assert not recusal.of_agency(agency, "third_party", [centre])
    assert recusal.of_agency(agency, "", [centre])[0].rule == "same_organisation"


def test_found_by_rule_stays_out_and_on_record(boss: User, centres: list[Centre]) -> None:
    review = seed.begun(boss, centres)
    bad, unsure, good = (
        seed.expert("周某", "甲集团公司"),
        seed.expert("王某"),
        seed.expert("钱某"),
    )
    made = verbs.choose(boss, review, review.version, [bad, unsure, good], "领域相符")
    assert [a.answer for a in made] == [Answer.RECUSED, Answer.CHOSEN, Answer.CHOSEN]
    (ground,) = made[0].recusals.all()
    assert ground.rule == "tree" and "甲集团公司" in ground.zh and ground.found
    review.refresh_from_db()
    with pytest.raises(ReviewError, match="先认定"):
        verbs.call(review, review.version)
    question = made[1].recusals.get()
    with pytest.raises(ReviewError, match="理由"):
        verbs.decide(boss, question, False, " ")
    verbs.decide(boss, question, False, "籍贯、单位均不同，系同名")
    question.refresh_from_db()
    assert (question.verdict, question.decided_by) == (Verdict.CLEARED, boss)
    with pytest.raises(ReviewError, match="已经认定"):
        verbs.decide(boss, question, True, "再想想")
    review.refresh_from_db()
    review = verbs.call(review, review.version)
    answers = dict(review.assignments.values_list("expert__name", "answer"))
    assert answers == {"周某": "recused", "王某": "invited", "钱某": "invited"}


def test_a_question_decided_against_recuses(boss: User, centres: list[Centre]) -> None:
    review = seed.begun(boss, centres)
    (one,) = verbs.choose(boss, review, review.version, [seed.expert("王某")], "领域相符")
    verbs.decide(boss, one.recusals.get(), True, "确系该团队成员")
    one.refresh_from_db()
    assert (one.answer, one.end_reason) == (Answer.RECUSED, "确系该团队成员")


def test_the_rules_are_asked_again_when_the_statement_is_signed(
    boss: User, centres: list[Centre]
) -> None:
    expert = seed.expert("钱某")
    review = seed.called(boss, centres, [expert, seed.expert("吴某")])
    one = review.assignments.get(expert=expert)
    register.declare(expert.user, expert, "单位：丙公司（股东）")
    assert expert.user is not None
    assert verbs.accept(expert.user, one, True).answer == Answer.RECUSED
    assert not one.sheets.exists()
