"""What is told to whom about a review: words and keys of its notices."""

from __future__ import annotations

from collections.abc import Iterable

from banfa.office import clock
from banfa.office.notices.verbs import tell
from banfa.office.people.models import User
from banfa.office.reviews import queries
from banfa.office.reviews.models import Answer, Assignment, Review, ScoreSheet
from banfa.rules.words import Text


def _link(review: Review) -> str:
    return f"/reviews/{review.pk}/"


def _due(review: Review) -> Text:
    return Text(
        f"“{review.title}”，请于{review.due}前完成。", f"'{review.title}', by {review.due}."
    )


def _to(one: Assignment) -> list[User]:
    return [one.expert.user] if one.expert.user is not None else []


def invited(review: Review, one: Assignment) -> None:
    """To the expert: an invitation."""
    tell(
        _to(one), "review", Text("邀请您参加评审", "You are invited to a review"),
        body=_due(review), link=_link(review), key=f"review:{review.pk}:invited:{one.pk}",
    )  # fmt: skip


def urged(review: Review, behind: Iterable[Assignment]) -> int:
    """To the experts who are behind: a reminder, once a day each."""
    count = 0
    for one in behind:
        count += tell(
            _to(one), "review", Text("请尽快完成评审", "Please finish the review"),
            body=_due(review), link=_link(review), urgent=True,
            key=f"review:{review.pk}:urged:{one.pk}:{clock.today()}",
        )  # fmt: skip
    return count


def due(review: Review, behind: Iterable[Assignment], left: int, step: int) -> int:
    """To the experts who are behind: the deadline is `left` days away (negative: over)."""
    if left > 0:
        said = Text(f"评审还有{left}日截止", f"A review is due in {left} days")
    elif left == 0:
        said = Text("评审今日截止", "A review is due today")
    else:
        said = Text(f"评审已逾期{-left}日", f"A review is {-left} days overdue")
    count = 0
    for one in behind:
        key = f"review:{review.pk}:due:{review.due}:{step}:{one.pk}"
        count += tell(
            _to(one), "review", said, body=_wanted(review, one), link=_link(review), key=key,
            urgent=left <= 1,
        )  # fmt: skip
    return count


def _wanted(review: Review, one: Assignment) -> Text:
    """What an expert still has to do."""
    if one.answer == Answer.INVITED:
        return Text(
            f"您尚未答复“{review.title}”的评审邀请。截止日：{review.due}（含当日）。",
            f"You have not answered the invitation to '{review.title}', due {review.due}.",
        )
    open_ = one.sheets.filter(handed_in__isnull=True).count()
    return Text(
        f"“{review.title}”您尚有{open_}份评分表未提交。截止日：{review.due}（含当日）。",
        f"'{review.title}': {open_} of your sheets are not handed in, due {review.due}.",
    )


def late(review: Review, behind: Iterable[Assignment], days: int, step: int) -> int:
    """To the callers: who is late, once the deadline is over."""
    names = [one.expert.name for one in behind]
    return tell(
        queries.callers(review), "review",
        Text(f"评审已逾期{days}日，{len(names)}位专家未完成",
             f"A review is {days} days overdue, {len(names)} experts have not finished"),
        body=Text(f"“{review.title}”：{'、'.join(names)}。可催办、补选专家，或说明理由提前汇总。",
                  f"'{review.title}': {', '.join(names)}. Remind them, choose others or sum up."),
        link=_link(review), key=f"review:{review.pk}:late:{review.due}:{step}",
    )  # fmt: skip


def reopened(review: Review, sheet: ScoreSheet, reason: str) -> None:
    """To the expert: the sheet is given back."""
    tell(
        _to(sheet.assignment), "review",
        Text("评分表已退回，请修改后重新提交", "Your sheet was given back"),
        body=Text(f"退回理由：{reason}", f"Because: {reason}"), link=_link(review),
        key=f"review:{review.pk}:reopened:{sheet.pk}:{sheet.version}",
    )  # fmt: skip


def left(review: Review, one: Assignment) -> None:
    """To the callers: an expert has declined or is recused."""
    what = Answer(one.answer).text
    tell(
        queries.callers(review), "review",
        Text(f"专家{what.zh}，请考虑补选", f"An expert: {what.en}; choose another?"),
        body=Text(
            f"“{review.title}”：{one.expert.name}{what.zh}。{one.end_reason}",
            f"'{review.title}': {one.expert.name}, {what.en}. {one.end_reason}",
        ),
        link=_link(review), key=f"review:{review.pk}:left:{one.pk}",
    )  # fmt: skip


def question(review: Review, one: Assignment) -> None:
    """To the callers: a question about recusal is open."""
    tell(
        queries.callers(review), "review",
        Text("有回避事项待认定", "A question about recusal is open"),
        body=Text(f"“{review.title}”：{one.expert.name}", f"'{review.title}': {one.expert.name}"),
        link=_link(review), key=f"review:{review.pk}:question:{one.pk}",
    )  # fmt: skip


def complete(review: Review) -> None:
    """To the callers: all sheets are in."""
    tell(
        queries.callers(review), "review",
        Text("评分表已交齐，请汇总", "All sheets are in: sum up"),
        body=Text(f"“{review.title}”", f"'{review.title}'"), link=_link(review),
        key=f"review:{review.pk}:complete:{len(queries.complete(review))}:{clock.today()}",
    )  # fmt: skip


def cancelled(review: Review) -> None:
    """To the experts: the review has ended without a summary."""
    rows = review.assignments.filter(answer__in=[Answer.INVITED, Answer.ACCEPTED])
    for one in rows.select_related("expert__user"):
        tell(
            _to(one), "review", Text("评审已终止", "The review is cancelled"),
            body=Text(f"“{review.title}”：{review.end_reason}", f"'{review.title}'"),
            key=f"review:{review.pk}:cancelled:{one.pk}",
        )  # fmt: skip
