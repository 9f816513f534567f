"""A review from its beginning to its summary: what each verb does and refuses."""

from __future__ import annotations

import datetime as dt

import pytest

from banfa.office import clock, hashing
from banfa.office.ledger.models import Centre
from banfa.office.notices.models import Notice
from banfa.office.people import access
from banfa.office.people.models import User
from banfa.office.reviews import queries, sheets, verbs
from banfa.office.reviews.errors import NoSuchReview, ReviewError, StaleReview
from banfa.office.reviews.models import Answer, Draw, Expert, Review, Stage
from banfa.rules.life import canonical
from tests.office.reviews import seed

pytestmark = pytest.mark.django_db


@pytest.fixture
def experts(centres: list[Centre]) -> list[Expert]:
    """Three experts whom nothing ties to the centres."""
    return [seed.expert(name) for name in ("钱某", "吴某", "郑某")]


def fresh(review: Review) -> Review:
    return Review.objects.get(pk=review.pk)


def test_what_is_wanting_before_it_is_called(boss: User, centres: list[Centre]) -> None:
    review = seed.begun(boss, centres)
    Review.objects.filter(pk=review.pk).update(sheet=sheets.EMPTY.as_data(), due=None)
    with pytest.raises(ReviewError) as error:
        verbs.call(review, review.version)
    for said in ("评分表", "截止日", "不少于2位"):
        assert said in error.value.text.zh


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"drop": 1, "minimum": 2}, "3至60"),
        ({"drop": 6, "minimum": 20}, "0至5"),
        ({"minimum": 0}, "1至60"),
        ({"due": dt.date(2030, 11, 14)}, "不得早于今日"),
        ({"agency_party": "third_party"}, "一并选择"),
    ],
)
def test_terms_that_do_not_fit(
    boss: User, centres: list[Centre], terms: dict[str, object], said: str
) -> None:
    with pytest.raises(ReviewError, match=said):
        seed.begun(boss, centres, **terms)


def test_the_same_key_begins_one_review(boss: User, centres: list[Centre]) -> None:
    from banfa.office.people.models import Organisation

    org = Organisation.objects.get(id="boss")
    made = [
        verbs.begin(boss, "panel", "boss", org, "appraise", "论证", centres, key="k" * 20)
        for _ in range(2)
    ]
    assert made[0].pk == made[1].pk and Review.objects.count() == 1


def test_a_stale_version_changes_nothing(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.begun(boss, centres)
    verbs.choose(boss, review, review.version, experts, "领域相符")
    with pytest.raises(StaleReview):
        verbs.choose(boss, review, review.version, [seed.expert("冯某")], "领域相符")
    assert review.assignments.count() == 3


def test_a_draw_can_be_drawn_again(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    seed.expert("周某", "甲集团公司")
    seed.expert("陈某", fields="信息")
    seed.expert("褚某", account=False)
    review = seed.begun(boss, centres)
    draw = verbs.draw(boss, review, review.version, 2, ["材料"])
    assert draw.pool == sorted(e.pk for e in experts)
    assert draw.chosen == verbs.drawn(draw.seed, reversed(draw.pool), 2)
    assert [e["zh"] for e in draw.excluded] == [
        "“甲集团公司”与“国家先进封装样例中心”的“甲新材料股份有限公司”为上下级单位"
    ]
    assert list(review.assignments.values_list("expert", flat=True).order_by("number")) == list(
        draw.chosen
    )
    with pytest.raises(ReviewError, match="只有1位，不足2位"):
        verbs.draw(boss, review, fresh(review).version, 2, ["材料"])
    assert Draw.objects.count() == 1


def test_different_seeds_choose_differently() -> None:
    pool = range(1, 40)
    chosen = {tuple(verbs.drawn(str(seed_), pool, 3)) for seed_ in range(30)}
    assert len(chosen) > 25
    assert verbs.drawn("a", pool, 3) == verbs.drawn("a", list(pool)[::-1], 3)


def test_an_expert_is_assigned_once_and_each_account_once(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.begun(boss, centres)
    verbs.choose(boss, review, review.version, experts[:1], "领域相符")
    with pytest.raises(ReviewError, match="已在"):
        verbs.choose(boss, review, fresh(review).version, experts[:1], "领域相符")


def test_invited_experts_are_told_and_see_the_invitation(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres, experts)
    assert Notice.objects.filter(kind="review").count() == 3
    user = experts[0].user
    assert user is not None
    (todo,) = queries.todos(user, access.reach(user, clock.today()), clock.today())
    assert todo.title.zh == "答复评审邀请" and todo.due == review.due
    with pytest.raises(NoSuchReview):
        queries.own_sheet(user, review.pk, centres[0].id)


def test_only_a_signed_statement_opens_the_material(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres, experts)
    one = review.assignments.get(expert=experts[0])
    user = experts[0].user
    assert user is not None
    with pytest.raises(ReviewError, match="独立性声明"):
        verbs.accept(user, one, False)
    verbs.accept(user, one, True)
    assert queries.own_sheet(user, review.pk, centres[0].id).version == 1
    other = experts[1].user
    assert other is not None
    with pytest.raises(ReviewError, match="不在本次评审"):
        verbs.accept(other, one, True)


def test_a_recused_expert_sees_nothing_any_more(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres, experts)
    one = seed.accepted(review)[0]
    user = one.expert.user
    assert user is not None
    seed.score(one, 80, hand_in=False)
    with pytest.raises(ReviewError, match="事由"):
        verbs.recuse(user, one, "")
    verbs.recuse(user, one, "与申报单位负责人系师生")
    with pytest.raises(NoSuchReview):
        queries.assignment(user, review.pk)
    ground = one.recusals.get()
    assert (ground.rule, ground.found_by, ground.zh) == ("own", user, "与申报单位负责人系师生")
    assert boss.pk in Notice.objects.filter(key__contains="left").values_list("to", flat=True)


def test_comments_are_hidden_until_everybody_has_handed_in(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres[:1], experts)
    panel = seed.accepted(review)
    for done, one in enumerate(panel, 1):
        assert queries.others(review, centres[0].id, None, True) == []
        seed.score(one, 70 + done)
    heard = queries.others(review, centres[0].id, panel[0], False)
    assert [h.name.zh for h in heard] == ["专家2", "专家3"]
    verbs.reopen(boss, panel[1].sheets.get(), "第二项评语有误")
    assert queries.others(review, centres[0].id, panel[0], False) == []
    (trace,) = panel[1].sheets.get().reopenings.all()
    assert (trace.by, trace.reason, trace.shown) == (boss, "第二项评语有误", True)
    assert trace.before["scores"] == {"c1": 7200, "c2": 7200}


def test_nothing_is_shown_while_the_panel_is_too_small(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres[:1], experts, minimum=3)
    panel = seed.accepted(review)
    seed.score(panel[0], 80)
    for one in panel[1:]:
        assert one.expert.user is not None
        verbs.recuse(one.expert.user, one, "有利益关系")
    assert not queries.all_in(review)
    titles = [
        t.title.zh for t in queries.todos(boss, access.reach(boss, clock.today()), clock.today())
    ]
    assert titles == ["补选专家（缺2位）"]


def test_a_sheet_handed_in_is_frozen(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres[:1], experts)
    one = seed.accepted(review)[0]
    (sheet,) = seed.score(one, 80)
    user = one.expert.user
    assert user is not None
    for verb in (verbs.save_sheet, verbs.hand_in):
        with pytest.raises(ReviewError, match="已提交"):
            verb(user, sheet, sheets.written(seed.SHEET, seed.FULL), sheet.version)


def test_two_windows_do_not_overwrite_one_another(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres[:1], experts)
    one = seed.accepted(review)[0]
    sheet, user = one.sheets.get(), one.expert.user
    assert user is not None
    verbs.save_sheet(user, sheet, sheets.written(seed.SHEET, {"score.c1": "70"}), 1)
    with pytest.raises(StaleReview):
        verbs.save_sheet(user, sheet, sheets.written(seed.SHEET, {"score.c1": "10"}), 1)
    assert one.sheets.get().scores == {"c1": 7000}


def test_what_is_wanting_on_a_sheet(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres[:1], experts)
    one = seed.accepted(review)[0]
    user = one.expert.user
    assert user is not None
    typed = {"score.c1": "101", "score.c2": "80"}
    with pytest.raises(ReviewError, match="尚有2处"):
        verbs.hand_in(user, one.sheets.get(), sheets.written(seed.SHEET, typed), 1)


def test_the_summary_is_frozen_with_its_digest(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres, experts)
    for one, points in zip(seed.accepted(review), ((90, 80, 80), (92, 80, 80), (94, 80, 80)),
                           strict=True):  # fmt: skip
        seed.score(one, *points)
    assert Notice.objects.filter(key__contains=":complete:", to=boss).exists()
    review = verbs.close(boss, fresh(review), fresh(review).version)
    assert review.summary is not None
    found = review.summary["centres"]
    assert [found[c.id]["rank"] for c in centres] == [1, 2, 2]
    assert found[centres[0].id]["total"]["mean"] == "92.00"
    assert review.digest == hashing.hashed("sha256", canonical(fresh(review).summary))
    assert "第2名“国家氢能装备样例中心”80.00分" in review.conclusion
    assert review.digest in queries.conclusion_for(review, centres[0].id)
    with pytest.raises(ReviewError, match="已汇总"):
        verbs.close(boss, review, review.version)
    with pytest.raises(ReviewError, match="已汇总"):
        verbs.reopen(boss, review.assignments.first().sheets.first(), "再看看")


def test_closing_early_needs_a_reason_and_counts_full_sheets_only(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres[:2], experts)
    panel = seed.accepted(review)
    seed.score(panel[0], 90)
    with pytest.raises(ReviewError, match="少于最低人数"):
        verbs.close(boss, fresh(review), fresh(review).version, "等不及了")
    seed.score(panel[1], 80)
    with pytest.raises(ReviewError, match="写明理由"):
        verbs.close(boss, fresh(review), fresh(review).version)
    review = verbs.close(boss, fresh(review), fresh(review).version, "第三位专家因病")
    assert review.summary is not None and set(review.summary["judges"]) == {"1", "2"}
    assert review.end_reason == "第三位专家因病"


def test_replacement_and_cancelling(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres, experts[:2])
    first = review.assignments.get(number=1)
    verbs.remove(boss, first, fresh(review).version, "出国")
    (new,) = verbs.choose(boss, review, fresh(review).version, [experts[2]], "替换", replaces=first)
    assert (new.answer, new.replaces_id, new.number) == (Answer.INVITED, first.pk, 3)
    with pytest.raises(ReviewError, match="理由"):
        verbs.cancel(boss, fresh(review), fresh(review).version, "")
    review = verbs.cancel(boss, fresh(review), fresh(review).version, "申报单位撤回申请")
    assert review.stage == Stage.CANCELLED
    assert Notice.objects.filter(key__contains="cancelled").count() == 2
    user = experts[2].user
    assert user is not None
    with pytest.raises(NoSuchReview):
        queries.assignment(user, review.pk)


def test_urging_reaches_those_behind_once_a_day(
    boss: User, centres: list[Centre], experts: list[Expert]
) -> None:
    review = seed.called(boss, centres[:1], experts)
    seed.score(seed.accepted(review)[0], 80)
    assert verbs.urge(review) == 2
    assert verbs.urge(review) == 0


def test_who_reviews_does_not_manage(boss: User, centres: list[Centre]) -> None:
    """A colleague of the caller who is one of the experts sees what experts see."""
    colleague = seed.person("boss-2", ("boss", "boss"), name="同事")
    expert = seed.expert("同事", account=False)
    expert.user = colleague
    expert.save()
    review = seed.called(boss, centres[:1], [expert, seed.expert("钱某")])
    reach = access.reach(colleague, clock.today())
    with pytest.raises(NoSuchReview):
        queries.managed(reach, review.pk)
    with pytest.raises(NoSuchReview):
        queries.seen(reach, review.pk)
    assert queries.assignment(colleague, review.pk).number == 1
    assert [u.pk for u in queries.callers(review)] == [boss.pk]


@pytest.mark.django_db(transaction=True)
def test_two_draws_at_once_draw_once(settings: object) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    centres = seed.centres()
    boss = seed.person("boss-1", ("boss", "boss"))
    for name in ("钱某", "吴某", "郑某", "冯某"):
        seed.expert(name)
    review = seed.begun(boss, centres[:1])

    def draw(_number: int) -> str:
        try:
            verbs.draw(boss, review, review.version, 2)
            return "drawn"
        except StaleReview:
            return "stale"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(draw, range(2))) == ["drawn", "stale"]
    assert Draw.objects.count() == 1 and review.assignments.count() == 2
