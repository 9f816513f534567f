"""What is done about a review. Each verb locks the review, asks whether it fits, and writes.

The caller has asked whether the person may (see `access`); `version` is what the person saw.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from banfa.office import clock, hashing
from banfa.office.ledger.models import Centre, DocumentVersion
from banfa.office.people.models import Organisation, User
from banfa.office.reviews import queries, recusal, sheets, summary, telling
from banfa.office.reviews.errors import ReviewError, StaleReview
from banfa.office.reviews.models import (
    TAKING_PART,
    Answer,
    Assignment,
    Draw,
    Expert,
    Recusal,
    Reopening,
    Review,
    ScoreSheet,
    SheetTemplate,
    Stage,
    Subject,
    Verdict,
)
from banfa.rules.life import canonical

MOST_CENTRES, MOST_EXPERTS = 200, 60


def _locked(review: Review, version: int | None = None, *stages: str) -> Review:
    """The review's row, locked. Raises StaleReview; ReviewError in another stage."""
    kept = Review.objects.select_for_update().get(pk=review.pk)
    if version is not None and kept.version != version:
        raise StaleReview
    if stages and kept.stage not in stages:
        now = Stage(kept.stage).text
        raise ReviewError(f"这一评审现为“{now.zh}”，不能这样处理", f"the review is now: {now.en}")
    return kept


def _saved(review: Review) -> Review:
    review.version += 1
    review.save()
    return review


def _said(text: str, zh: str, en: str) -> str:
    """A reason that must be given."""
    text = text.strip()
    if not text:
        raise ReviewError(zh, en)
    return text[:2_000]


# --- preparing -----------------------------------------------------------------------------------


def begin(
    by: User,
    programme: str,
    party: str,
    organisation: Organisation,
    act: str,
    title: str,
    centres: Sequence[Centre],
    about: dict[str, str] | None = None,
    sheet: dict[str, Any] | None = None,
    key: str = "",
) -> Review:
    """Begins a review; the same `key` gives the same review. Raises ReviewError.

    `about` is the open case of each centre, `sheet` that of a template.
    """
    title = title.strip()
    if not title or len(title) > 200:
        raise ReviewError("请填写评审名称（至多200字）", "the review needs a title")
    if not centres:
        raise ReviewError("请至少选择一个中心", "choose a centre at least")
    if len(centres) > MOST_CENTRES:
        raise ReviewError(f"一次评审至多{MOST_CENTRES}个中心", f"at most {MOST_CENTRES} centres")
    key = key[:80] or secrets.token_hex(16)
    if (known := Review.objects.filter(key=key, made_by=by).first()) is not None:
        return known
    try:
        with transaction.atomic():
            review = Review.objects.create(
                title=title, programme=programme, act=act, party=party, organisation=organisation,
                sheet=sheet or sheets.EMPTY.as_data(), made=clock.now(), made_by=by, key=key,
            )  # fmt: skip
            rows = [
                Subject(review=review, centre=c, about=(about or {}).get(c.id, "")) for c in centres
            ]
            Subject.objects.bulk_create(rows)
    except IntegrityError:
        raise StaleReview from None
    return review


def set_terms(
    review: Review,
    version: int,
    *,
    title: str,
    blind: bool,
    drop: int,
    minimum: int,
    due: dt.date | None,
    agency: Organisation | None = None,
    agency_party: str = "",
) -> Review:
    """Sets the terms while the review is prepared. Raises ReviewError, StaleReview."""
    if not title.strip() or len(title) > 200:
        raise ReviewError("请填写评审名称（至多200字）", "the review needs a title")
    if not 0 <= drop <= 5:
        raise ReviewError("去掉的最高分和最低分各0至5份", "from 0 to 5 extremes are dropped")
    if not max(1, 2 * drop + 1) <= minimum <= MOST_EXPERTS:
        raise ReviewError(
            f"专家最低人数须为{2 * drop + 1}至{MOST_EXPERTS}人（去掉极端分后至少要留一份）",
            f"the minimum is from {2 * drop + 1} to {MOST_EXPERTS} experts",
        )
    if due is not None and due < clock.today():
        raise ReviewError("评审截止日不得早于今日", "the deadline is past")
    if (agency is None) != (not agency_party):
        raise ReviewError(
            "第三方机构和它的身份须一并选择", "choose the agency and the party it acts as"
        )
    with transaction.atomic():
        kept = _locked(review, version, Stage.DRAFT)
        if agency is not None:
            centres = queries.centres_of(kept)
            grounds = recusal.of_agency(agency, agency_party, centres)
            if standing := [g for g in grounds if g.verdict == Verdict.STANDS]:
                raise ReviewError(
                    "；".join(g.says.zh for g in standing) + "，不得受托评审",
                    "; ".join(g.says.en for g in standing),
                )
        kept.title, kept.blind, kept.drop, kept.minimum = title.strip(), blind, drop, minimum
        kept.due, kept.agency, kept.agency_party = due, agency, agency_party
        return _saved(kept)


def set_sheet(review: Review, version: int, sheet: sheets.Sheet) -> Review:
    """Sets the scoring sheet while the review is prepared."""
    with transaction.atomic():
        kept = _locked(review, version, Stage.DRAFT)
        kept.sheet = sheet.as_data()
        return _saved(kept)


def save_template(by: User, review: Review, name: str) -> SheetTemplate:
    """Keeps a review's sheet under a name for the organisation, to begin others from."""
    name = _said(name, "请填写模板名称", "the template needs a name")[:100]
    if not review.sheet.get("criteria"):
        raise ReviewError("评分表尚无指标", "the sheet has no criteria yet")
    found, _new = SheetTemplate.objects.update_or_create(
        kept_by=review.organisation,
        name=name,
        defaults={
            "programme": review.programme, "act": review.act, "sheet": review.sheet,
            "made": clock.now(), "made_by": by,
        },
    )  # fmt: skip
    return found


def set_materials(review: Review, version: int, chosen: Iterable[int]) -> Review:
    """Says which documents on file the experts may read; those of other centres are refused."""
    wanted = set(chosen)
    with transaction.atomic():
        kept = _locked(review, version, Stage.DRAFT, Stage.OPEN)
        subjects = {s.centre_id: s for s in kept.subjects.all()}
        rows = DocumentVersion.objects.filter(pk__in=wanted, centre__in=subjects)
        by_centre: dict[str, list[int]] = {}
        for pk, centre in rows.order_by("pk").values_list("pk", "centre_id"):
            by_centre.setdefault(centre, []).append(pk)
        if sum(map(len, by_centre.values())) < len(wanted):
            raise ReviewError("所选材料不在档", "a document is not on file")
        for centre, subject in subjects.items():
            subject.materials = by_centre.get(centre, [])
            subject.save(update_fields=["materials"])
        return _saved(kept)


# --- experts -------------------------------------------------------------------------------------


def choose(
    by: User,
    review: Review,
    version: int,
    experts: Sequence[Expert],
    reason: str,
    replaces: Assignment | None = None,
) -> list[Assignment]:
    """Assigns experts by hand, with the reason; those recused by rule stay out, on record."""
    reason = _said(reason, "请写明指定这些专家的理由", "say why these experts are chosen")
    if not experts:
        raise ReviewError("请选择专家", "choose an expert")
    with transaction.atomic():
        kept = _locked(review, version, Stage.DRAFT, Stage.OPEN)
        return _assign(by, kept, experts, reason=reason, replaces=replaces)


def draw(
    by: User,
    review: Review,
    version: int,
    wanted: int,
    fields: Sequence[str] = (),
    languages: Sequence[str] = (),
    seed: str = "",
) -> Draw:
    """Draws experts of any of these fields and languages (none: all) at random and assigns them.

    The pool leaves out whoever is recused by rule, has an open question, or is or was assigned. The
    seed is made by the machine and recorded. Raises ReviewError when the pool is too small.
    """
    if not 1 <= wanted <= MOST_EXPERTS:
        raise ReviewError(f"抽取人数须为1至{MOST_EXPERTS}人", f"draw from 1 to {MOST_EXPERTS}")
    with transaction.atomic():
        kept = _locked(review, version, Stage.DRAFT, Stage.OPEN)
        able = queries.choosable(kept, fields, languages)
        grounds = recusal.of_experts(able, queries.centres_of(kept), kept.agency_party)
        pool = sorted(e.pk for e in able if not grounds[e.pk])
        if len(pool) < wanted:
            raise ReviewError(
                f"符合条件且无需回避的专家只有{len(pool)}位，不足{wanted}位。"
                "请放宽领域，或补充专家库",
                f"only {len(pool)} experts fit and need no recusal; {wanted} are wanted",
            )
        seed = seed or secrets.token_hex(16)
        chosen = drawn(seed, pool, wanted)
        excluded = [
            {"expert": e.pk, "zh": g.says.zh, "en": g.says.en} for e in able for g in grounds[e.pk]
        ]
        made = Draw.objects.create(
            review=kept, seed=seed, wanted=wanted, fields=list(fields), languages=list(languages),
            pool=pool, chosen=chosen, excluded=excluded, drawn=clock.now(), drawn_by=by,
        )  # fmt: skip
        by_number = {e.pk: e for e in able}
        _assign(by, kept, [by_number[n] for n in chosen], draw=made)
        return made


def drawn(seed: str, pool: Iterable[int], wanted: int) -> list[int]:
    """Who a draw chooses: the `wanted` numbers with the smallest SHA-256 of `seed:number`."""

    def lot(number: int) -> str:
        return hashlib.sha256(f"{seed}:{number}".encode()).hexdigest()

    return sorted(pool, key=lot)[:wanted]


def _assign(
    by: User,
    review: Review,
    experts: Sequence[Expert],
    reason: str = "",
    draw: Draw | None = None,
    replaces: Assignment | None = None,
) -> list[Assignment]:
    """Assigns under the lock, looks for grounds of recusal, invites when under way."""
    numbers = list(review.assignments.values_list("number", flat=True))
    if len(numbers) + len(experts) > MOST_EXPERTS:
        raise ReviewError(f"一次评审至多{MOST_EXPERTS}位专家", f"at most {MOST_EXPERTS} experts")
    known = set(review.assignments.values_list("expert_id", flat=True))
    if again := [e.name for e in experts if e.pk in known]:
        raise ReviewError(
            f"{'、'.join(again)}已在（或曾在）本次评审的专家之列", "already (or once) assigned here"
        )
    accounts = review.assignments.filter(expert__user__isnull=False)
    taken = set(accounts.values_list("expert__user_id", flat=True))
    for expert in experts:
        if expert.user_id in taken and expert.user_id is not None:
            raise ReviewError(
                f"“{expert.name}”的账号已在本次评审的专家之列", "this account is assigned here"
            )
        if expert.user_id is not None:
            taken.add(expert.user_id)
    first = max(numbers, default=0) + 1
    made = [
        Assignment(
            review=review, expert=e, number=first + n, reason=reason, draw=draw,
            replaces=replaces, made=clock.now(), made_by=by,
        )
        for n, e in enumerate(experts)
    ]  # fmt: skip
    Assignment.objects.bulk_create(made)
    look(review, made)
    if review.stage == Stage.OPEN:
        _invite(review, made)
    _saved(review)
    return made


def look(review: Review, assignments: Iterable[Assignment]) -> None:
    """Looks for grounds of recusal by rule and records new ones; whoever must not take part is
    recused at once."""
    assignments = list(assignments)
    experts = [a.expert for a in assignments]
    found = recusal.of_experts(experts, queries.centres_of(review), review.agency_party)
    for one in assignments:
        for ground in found[one.expert_id]:
            Recusal.objects.get_or_create(
                assignment=one,
                rule=ground.rule,
                centre=ground.centre,
                zh=ground.says.zh,
                defaults={
                    "en": ground.says.en, "verdict": ground.verdict, "found": clock.now(),
                },
            )  # fmt: skip
        if one.recusals.filter(verdict=Verdict.STANDS).exists():
            _leave(one, Answer.RECUSED, None, "")


def _leave(one: Assignment, answer: str, by: User | None, reason: str) -> None:
    one.answer, one.ended, one.ended_by, one.end_reason = answer, clock.now(), by, reason
    one.save(update_fields=["answer", "ended", "ended_by", "end_reason"])


def _invite(review: Review, assignments: Iterable[Assignment]) -> None:
    """Invites those chosen about whom no question is open."""
    for one in assignments:
        open_ = one.recusals.filter(verdict=Verdict.QUESTION).exists()
        if one.answer == Answer.CHOSEN and not open_:
            one.answer, one.invited = Answer.INVITED, clock.now()
            one.save(update_fields=["answer", "invited"])
            telling.invited(review, one)


def decide(by: User, ground: Recusal, recused: bool, reason: str) -> None:
    """Decides a question about recusal, with the reason."""
    reason = _said(reason, "请写明认定的理由", "say why")
    with transaction.atomic():
        review = _locked(ground.assignment.review, None, Stage.DRAFT, Stage.OPEN)
        kept = Recusal.objects.select_for_update().get(pk=ground.pk)
        if kept.verdict != Verdict.QUESTION:
            raise ReviewError("这一事项已经认定", "it has been decided")
        kept.verdict = Verdict.STANDS if recused else Verdict.CLEARED
        kept.decided, kept.decided_by, kept.reason = clock.now(), by, reason
        kept.save()
        one = kept.assignment
        if recused and one.takes_part:
            _leave(one, Answer.RECUSED, by, reason)
        elif review.stage == Stage.OPEN:
            _invite(review, [one])
        _saved(review)


def remove(by: User, assignment: Assignment, version: int, reason: str) -> None:
    """Takes an expert off the panel, with the reason; another may then be chosen instead."""
    reason = _said(reason, "请写明替换的理由", "say why the expert is replaced")
    with transaction.atomic():
        review = _locked(assignment.review, version, Stage.DRAFT, Stage.OPEN)
        kept = Assignment.objects.select_for_update().get(pk=assignment.pk)
        if not kept.takes_part:
            raise ReviewError("这位专家已不在评审之列", "the expert takes no part any more")
        _leave(kept, Answer.REMOVED, by, reason)
        _saved(review)


# --- calling -------------------------------------------------------------------------------------


def call(review: Review, version: int) -> Review:
    """Calls the review: freezes the sheet and invites the experts. Raises ReviewError."""
    with transaction.atomic():
        kept = _locked(review, version, Stage.DRAFT)
        panel = list(kept.assignments.filter(answer__in=TAKING_PART).select_related("expert__user"))
        look(kept, panel)
        panel = [one for one in panel if one.takes_part]
        if wanting := queries.wanting(kept, panel):
            raise ReviewError("；".join(t.zh for t in wanting), "; ".join(t.en for t in wanting))
        kept.stage, kept.called = Stage.OPEN, clock.now()
        _saved(kept)
        _invite(kept, panel)
        return kept


def urge(review: Review) -> int:
    """Reminds the experts who have not answered or not handed in; gives how many. Once a day."""
    if review.stage != Stage.OPEN:
        raise ReviewError("评审未在进行", "the review is not under way")
    return telling.urged(review, queries.behind(review))


# --- what an expert does -------------------------------------------------------------------------


def _own(user: User, assignment: Assignment, *answers: str) -> tuple[Review, Assignment]:
    """The review and the expert's assignment, both locked. Raises ReviewError."""
    review = _locked(assignment.review, None, Stage.OPEN)
    kept = (
        Assignment.objects.select_for_update(of=("self",))
        .select_related("expert__user")
        .get(pk=assignment.pk)
    )
    if kept.expert.user_id != user.pk or kept.answer not in answers:
        raise ReviewError("您已不在本次评审的专家之列", "you take no part in this review now")
    return review, kept


def accept(user: User, assignment: Assignment, signed: bool) -> Assignment:
    """Signs the statement of independence and accepts; only then does the material open.

    The rules are asked once more: gives the assignment as it then stands (perhaps recused).
    """
    if not signed:
        raise ReviewError(
            "接受评审须先签署独立性声明；有应当回避的情形，请申请回避",
            "sign the statement of independence, or ask to be recused",
        )
    with transaction.atomic():
        review, kept = _own(user, assignment, Answer.INVITED)
        look(review, [kept])
        if not kept.takes_part:
            telling.left(review, kept)
            return kept
        if kept.recusals.filter(verdict=Verdict.QUESTION).exists():
            telling.question(review, kept)
            return kept
        kept.answer, kept.signed = Answer.ACCEPTED, clock.now()
        kept.save(update_fields=["answer", "signed"])
        subjects = review.subjects.all()
        ScoreSheet.objects.bulk_create([ScoreSheet(assignment=kept, subject=s) for s in subjects])
    return kept


def decline(user: User, assignment: Assignment, reason: str) -> None:
    """Declines an invitation."""
    with transaction.atomic():
        review, kept = _own(user, assignment, Answer.INVITED)
        _leave(kept, Answer.DECLINED, user, reason.strip()[:2_000])
        telling.left(review, kept)


def recuse(user: User, assignment: Assignment, reason: str) -> None:
    """The expert's own declaration; from then on they see nothing of the review."""
    reason = _said(reason, "请写明回避的事由", "say why you must be recused")
    with transaction.atomic():
        review, kept = _own(user, assignment, Answer.INVITED, Answer.ACCEPTED)
        Recusal.objects.get_or_create(
            assignment=kept,
            rule="own",
            centre=None,
            zh=reason,
            defaults={
                "en": reason, "verdict": Verdict.STANDS, "found": clock.now(), "found_by": user,
            },
        )  # fmt: skip
        _leave(kept, Answer.RECUSED, user, reason)
        telling.left(review, kept)


def save_sheet(user: User, sheet: ScoreSheet, written: sheets.Written, version: int) -> ScoreSheet:
    """Keeps what an expert has written so far. Raises StaleReview when another window was first."""
    with transaction.atomic():
        kept = _sheet(user, sheet, version)
        _write(kept, written)
        return kept


def hand_in(user: User, sheet: ScoreSheet, written: sheets.Written, version: int) -> ScoreSheet:
    """Hands a full sheet in; it is frozen then. Raises ReviewError with what is wanting."""
    with transaction.atomic():
        kept = _sheet(user, sheet, version)
        review = kept.assignment.review
        if missing := sheets.wanting(sheets.of(review.sheet), written):
            zh = "；".join(t for t, _en in list(missing.values())[:5])
            raise ReviewError(f"尚有{len(missing)}处须填：{zh}", f"{len(missing)} wanting")
        kept.handed_in = clock.now()
        _write(kept, written)
        if queries.all_in(review):
            telling.complete(review)
        return kept


def _sheet(user: User, sheet: ScoreSheet, version: int) -> ScoreSheet:
    """An expert's own sheet, under the review's lock, still open."""
    review, assignment = _own(user, sheet.assignment, Answer.ACCEPTED)
    kept = ScoreSheet.objects.select_for_update().get(pk=sheet.pk)
    kept.assignment, assignment.review = assignment, review
    if kept.handed_in is not None:
        raise ReviewError(
            "评分表已提交，不能再改。确需更正的，请联系组织方退回",
            "the sheet is handed in; ask the caller to reopen it",
        )
    if kept.version != version:
        raise StaleReview
    return kept


def _write(kept: ScoreSheet, written: sheets.Written) -> None:
    kept.scores, kept.comments, kept.opinion = written.scores, written.comments, written.opinion
    kept.saved, kept.version = clock.now(), kept.version + 1
    kept.save()


def reopen(by: User, sheet: ScoreSheet, reason: str) -> ScoreSheet:
    """Gives a sheet that was handed in back to its expert, with the reason; a trace stays."""
    reason = _said(reason, "请写明退回的理由", "say why the sheet is reopened")
    with transaction.atomic():
        review = _locked(sheet.assignment.review, None, Stage.OPEN)
        rows = ScoreSheet.objects.select_for_update(of=("self",))
        kept = rows.select_related("assignment__expert__user").get(pk=sheet.pk)
        if kept.handed_in is None:
            raise ReviewError("这份评分表尚未提交", "the sheet is not handed in")
        if not kept.assignment.takes_part:
            raise ReviewError("这位专家已不在评审之列", "the expert takes no part any more")
        before = {"scores": kept.scores, "comments": kept.comments, "opinion": kept.opinion}
        Reopening.objects.create(
            sheet=kept, at=clock.now(), by=by, reason=reason, before=before,
            shown=queries.all_in(review),
        )  # fmt: skip
        kept.handed_in, kept.version = None, kept.version + 1
        kept.save(update_fields=["handed_in", "version"])
        telling.reopened(review, kept, reason)
        return kept


# --- the end -------------------------------------------------------------------------------------


def close(by: User, review: Review, version: int, reason: str = "") -> Review:
    """Closes the review and freezes its summary. Without all sheets a reason must be given.

    Counted are the experts who have handed in a sheet for every centre; with fewer than the minimum
    it cannot be closed. Raises ReviewError, StaleReview.
    """
    with transaction.atomic():
        kept = _locked(review, version, Stage.OPEN)
        full = queries.complete(kept)
        if len(full) < kept.minimum:
            raise ReviewError(
                f"交齐评分表的专家只有{len(full)}位，少于最低人数{kept.minimum}位，不能汇总",
                f"{len(full)} experts have handed in all sheets; {kept.minimum} are needed",
            )
        if not queries.all_in(kept):
            reason = _said(
                reason,
                "尚有专家未交齐评分表；提前汇总须写明理由",
                "not all sheets are in; say why it is closed now",
            )
        kept.summary = _summary(kept, full)
        kept.digest = hashing.hashed(hashing.algorithm(), canonical(kept.summary))
        kept.conclusion = queries.proposed_conclusion(kept)
        kept.stage, kept.ended, kept.ended_by = Stage.CLOSED, clock.now(), by
        kept.end_reason = reason.strip()[:2_000]
        return _saved(kept)


def _summary(review: Review, full: Sequence[Assignment]) -> dict[str, Any]:
    """All that the summary rests on and says, as plain data."""
    sheet = sheets.of(review.sheet)
    handed = ScoreSheet.objects.filter(assignment__in=full).select_related("subject__centre")
    handed = handed.order_by("assignment__number", "subject__centre")
    numbers = {one.pk: one.number for one in full}
    rows = [summary.Scored(numbers[s.assignment_id], s.subject.centre_id, s.scores) for s in handed]
    found = summary.summed_up(sheet, rows, review.drop)
    for one in queries.centres_of(review):
        found["centres"][one.id]["name"] = str(one)
    for s in handed:
        line = next(
            x
            for x in found["centres"][s.subject.centre_id]["sheets"]
            if x["judge"] == numbers[s.assignment_id]
        )
        line |= {"comments": s.comments, "opinion": s.opinion}
    return {
        "review": review.key,
        "title": review.title,
        "programme": review.programme,
        "act": review.act,
        "organisation": review.organisation_id,
        "sheet": review.sheet,
        "drop": review.drop,
        "minimum": review.minimum,
        "rounding": "half up, 2 decimals",
        "called": review.called.isoformat() if review.called else "",
        **found,
    }


def conclude(review: Review, version: int, text: str) -> Review:
    """Sets the conclusion that the act's form will propose; the frozen figures stay."""
    text = _said(text, "请填写评审结论", "write the conclusion")
    with transaction.atomic():
        kept = _locked(review, version, Stage.CLOSED)
        kept.conclusion = text
        return _saved(kept)


def cancel(by: User, review: Review, version: int, reason: str) -> Review:
    """Ends a review without a summary, with the reason."""
    reason = _said(reason, "请写明终止评审的理由", "say why the review is cancelled")
    with transaction.atomic():
        kept = _locked(review, version, Stage.DRAFT, Stage.OPEN)
        was_open = kept.stage == Stage.OPEN
        kept.stage, kept.ended, kept.ended_by = Stage.CANCELLED, clock.now(), by
        kept.end_reason = reason
        _saved(kept)
        if was_open:
            telling.cancelled(kept)
        return kept
