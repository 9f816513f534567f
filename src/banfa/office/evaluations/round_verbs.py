"""What is done about a round beside its figures: what a centre may see, which run proposes the
results, why a grade deviates, disputes about values, results made known and objections to them.

None of it is official: grades are given by acts. Every verb asks for the right, locks what it
changes, and keeps what was there before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db import IntegrityError, transaction

from banfa.office import clock
from banfa.office.evaluations import rights, rounds, verbs
from banfa.office.evaluations.errors import EvaluationError, MayNot, NotOnFile, Stale
from banfa.office.evaluations.models import (
    Adoption,
    Collection,
    Deviation,
    Dispute,
    Entry,
    Figure,
    FigureChange,
    Objection,
    Outcome,
    Publication,
    RoundSetting,
    Run,
    Stage,
)
from banfa.office.evaluations.rounds import Round
from banfa.office.evaluations.systems import system_of
from banfa.office.ledger.models import Centre
from banfa.office.notices import queries as notices
from banfa.office.notices.verbs import tell
from banfa.office.people.access import Reach
from banfa.rules.words import Text

LONGEST = 4000
OUTCOMES = {
    Outcome.UPHELD: Text("成立", "upheld"),
    Outcome.PARTLY: Text("部分成立", "upheld in part"),
    Outcome.REJECTED: Text("不成立", "not upheld"),
}


def _said(text: str, zh: str, en: str) -> str:
    """What was written, without what surrounds it. Raises EvaluationError for nothing, too much."""
    said = text.strip()
    if not said:
        raise EvaluationError(zh, en)
    if len(said) > LONGEST:
        raise EvaluationError(
            f"所写超过{LONGEST}字，请精简", f"longer than {LONGEST} characters: shorten it"
        )
    return said


# --- settings ------------------------------------------------------------------------------------


def allow_provisional(
    reach: Reach, collection: Collection, allowed: bool, on: dt.date, reason: str = ""
) -> RoundSetting:
    """Lets centres see their own provisional score while they fill in, or no longer. The authority
    sets it on a day. Raises MayNot; EvaluationError when it is set so already."""
    rights.need(reach, rights.RUN, str(collection.book_id))
    with transaction.atomic():
        Collection.objects.select_for_update().get(pk=collection.pk)
        latest = collection.round_settings.order_by("-id").first()
        if (latest is not None and latest.provisional) == allowed:
            raise EvaluationError("当前已是这一设定，未作变更", "it is set so already")
        return RoundSetting.objects.create(
            collection=collection, on=on, provisional=allowed, reason=reason.strip()[:LONGEST],
            at=clock.now(), by=reach.user,
        )  # fmt: skip


def may_propose(run: Run) -> bool:
    """Whether results may be proposed by a run: one in earnest, of verified values where the system
    has them verified."""
    verified = bool(system_of(run.collection.system).verified_by)
    return not run.dry and (run.stage == Stage.VERIFIED or not verified)


def adopt(reach: Reach, run: Run, reason: str = "") -> Adoption:
    """Takes a run as what the results are proposed by; another one before it needs a reason.

    Raises MayNot; EvaluationError for a dry run, a run that gives no grades or scores, or one of
    values that are not verified where the system has them verified.
    """
    collection = run.collection
    rights.need(reach, rights.RUN, str(collection.book_id))
    if run.dry:
        raise EvaluationError(
            "试算不能用于拟定结果。请先设定等级线再正式计分",
            "a trial proposes nothing: set the thresholds and score in earnest first",
        )
    if not may_propose(run):
        raise EvaluationError(
            "拟定结果须以核定数计分", "results are proposed by verified values only"
        )
    with transaction.atomic():
        Collection.objects.select_for_update().get(pk=collection.pk)
        latest = collection.adoptions.order_by("-id").first()
        if latest is not None and latest.run_id == run.pk:
            raise EvaluationError("已经采用这次计分", "this run is adopted already")
        if latest is not None and not reason.strip():
            raise EvaluationError(
                "此前已采用另一次计分，改用须写明理由",
                "another run was adopted before: say why this one takes its place",
            )
        return Adoption.objects.create(
            collection=collection, run=run, reason=reason.strip()[:LONGEST], at=clock.now(),
            by=reach.user,
        )  # fmt: skip


# --- deviations ----------------------------------------------------------------------------------


def deviate(
    reach: Reach | None, run: Run, centre: str, case: str, seq: int, grades: tuple[str, str],
    reason: str,
) -> Deviation:  # fmt: skip
    """Keeps why another grade was decided (by the act `seq`) than the run gave: once for an act.

    `grades` are the computed and the decided one. Raises EvaluationError without a reason.
    """
    said = _said(
        reason,
        "所填等级与计分所得等级不一致，请写明改定理由",
        "the grade is not the one computed: say why",
    )
    made, _ = Deviation.objects.get_or_create(
        centre_id=centre, seq=seq,
        defaults={"run": run, "case": case, "computed": grades[0], "decided": grades[1],
                  "reason": said, "at": clock.now(), "by": reach.user if reach else None},
    )  # fmt: skip
    return made


# --- disputes about values -----------------------------------------------------------------------


def dispute(reach: Reach, entry: Entry, indicator: str, year: int, said: str) -> Dispute:
    """Holds something against a value that a later hand has found. By those who report it.

    Those who verify are told. Raises MayNot, NotOnFile, and EvaluationError when the value is not
    reviewed yet, or disputed already.
    """
    if not rights.may_enter(reach, entry.collection, entry.centre, Stage.REPORTED):
        raise MayNot(
            "只有填报该中心数据的人员可以提出异议", "only those who report these figures may"
        )
    figure = entry.figures.filter(indicator=indicator, year=year).first()
    if figure is None:
        raise NotOnFile("没有这一项数据", "no such figure")
    if figure.stage <= Stage.REPORTED:
        raise EvaluationError(
            "该项数据尚未审核，可直接修改或等待审核后再提",
            "the value is not reviewed yet: change it, or wait until it is",
        )
    text = _said(said, "请写明异议的内容和理由", "say what is wrong, and why")
    try:
        with transaction.atomic():
            made = Dispute.objects.create(
                figure=figure, stage=figure.stage, value=figure.at(figure.stage), said=text,
                at=clock.now(), by=reach.user,
            )  # fmt: skip
            _tell_of_dispute(entry, made)
    except IntegrityError:
        raise EvaluationError(
            "该项数据已有未答复的异议", "there is an unanswered dispute about this value"
        ) from None
    return made


def _tell_of_dispute(entry: Entry, made: Dispute) -> None:
    system = system_of(entry.collection.system)
    parties = system.verified_by or system.reviewed_by
    parties = [*parties, *_authority(entry)]
    title = entry.centre.title_zh or entry.centre_id
    tell(
        notices.holders(str(entry.collection.book_id), parties, entry.centre),
        "evaluation",
        Text(f"数据异议待答复：{title}", f"A disputed value to answer: {title}"),
        body=Text(made.said, made.said),
        link=rounds.link_of_entry(entry),
        centre=entry.centre,
        key=f"dispute:{made.pk}",
    )


def _authority(entry: Entry) -> list[str]:
    from banfa.office.evaluations.systems import programme_of

    return list(programme_of(str(entry.collection.book_id)).authority)


def may_answer(reach: Reach, entry: Entry) -> bool:
    """Whether the person answers disputes about a centre's values: who verifies them (reviews them
    where nobody verifies), and the authority."""
    system = system_of(entry.collection.system)
    hand = Stage.VERIFIED if system.verified_by else Stage.REVIEWED
    if rights.may_enter(reach, entry.collection, entry.centre, hand):
        return True
    programme = str(entry.collection.book_id)
    return rights.administers(reach, rights.RUN, programme) and reach.sees(entry.centre)


def answer_dispute(reach: Reach, of: Dispute, outcome: str, answer: str) -> None:
    """Answers a dispute, once. Where it is upheld, even in part, the table goes back to the step
    before the one disputed, so that the value can be entered anew

    Raises MayNot, Stale when it was answered meanwhile, EvaluationError.
    """
    entry = of.figure.entry
    if not may_answer(reach, entry):
        raise MayNot(
            "您现有的身份不能答复该异议，本次未作任何变更",
            "none of your capacities may answer this; nothing was changed",
        )
    if outcome not in list(Outcome):
        raise EvaluationError("请选择异议是否成立", "say whether it is upheld")
    said = _said(answer, "请写明答复意见", "write an answer")
    with transaction.atomic():
        entry = Entry.objects.select_for_update().get(pk=entry.pk)
        locked = Dispute.objects.select_for_update().get(pk=of.pk)
        if locked.answered is not None:
            raise Stale("该异议已经答复，本次未作变更", "it was answered meanwhile")
        locked.outcome, locked.answer = outcome, said
        locked.answered, locked.answered_by = clock.now(), reach.user
        locked.save()
        if outcome != Outcome.REJECTED:
            _reopen(reach, entry, locked, said)
        _tell_of_answer(entry, locked)


def _reopen(reach: Reach, entry: Entry, of: Dispute, reason: str) -> None:
    """Opens the disputed value alone for the hand that found it; the others stay as they are."""
    figure = Figure.objects.select_for_update().get(pk=of.figure_id)
    if figure.stage < of.stage:
        return
    back = rights.before(system_of(entry.collection.system), of.stage)
    before = figure.at(figure.stage)
    figure.stage = max(back, Stage.REPORTED)
    figure.save(update_fields=["stage"])
    FigureChange.objects.create(
        figure=figure, stage=figure.stage, before=before, after=figure.at(figure.stage),
        reason=reason, at=clock.now(), by=reach.user,
    )  # fmt: skip
    entry.version += 1
    for stage, (moment, who) in verbs.FINISHED.items():
        if stage > back and entry.stage > back:
            setattr(entry, moment, None)
            setattr(entry, who, None)
    entry.stage = min(entry.stage, int(back))
    entry.save()


def _tell_of_answer(entry: Entry, of: Dispute) -> None:
    programme, system = str(entry.collection.book_id), system_of(entry.collection.system)
    found = OUTCOMES[Outcome(of.outcome)]
    title = entry.centre.title_zh or entry.centre_id
    tell(
        notices.holders(programme, system.reported_by, entry.centre),
        "evaluation",
        Text(f"数据异议已答复（{found.zh}）：{title}", f"Dispute answered ({found.en}): {title}"),
        body=Text(of.answer, of.answer),
        link=rounds.link_of_entry(entry),
        centre=entry.centre,
        key=f"dispute-answered:{of.pk}",
    )


# --- results made known --------------------------------------------------------------------------


def publish(
    reach: Reach,
    of: Round,
    results: Mapping[str, str],
    on: dt.date,
    *,
    public: bool = False,
    until: dt.date | None = None,
    document: str = "",
    note: str = "",
) -> Publication:
    """Makes decided results known from a day, inside or to the public; objections are taken until
    a day that the authority sets, none where it sets none.

    `results` are the grades decided, by centre. Raises MayNot, and EvaluationError for nothing
    decided, nothing decided since the last time, or days in the wrong order.
    """
    programme = of.programme.programme
    rights.need(reach, rights.RUN, programme)
    if not results:
        raise EvaluationError(
            "尚无已确定的评估结果可公布", "no result is decided yet: nothing to make known"
        )
    if until is not None and until < on:
        raise EvaluationError(
            "异议截止日不得早于公布日", "the last day for objections lies before the first"
        )
    if public and until is None:
        raise EvaluationError(
            "对外公示须设定异议截止日", "results made public need a last day for objections"
        )
    earlier = Publication.objects.filter(book=programme, round=of.number, public=public)
    last = earlier.order_by("-id").first()
    if last is not None and last.results == dict(results):
        raise EvaluationError(
            "上次在同一范围公布之后，结果没有变动，不必再公布",
            "nothing was decided since the results were last made known in the same way",
        )
    return Publication.objects.create(
        book_id=programme, round=of.number, public=public, on=on, until=until,
        document=document.strip()[:200], note=note.strip()[:LONGEST], results=dict(results),
        at=clock.now(), by=reach.user,
    )  # fmt: skip


OBJECT, ANSWER = "raise.objection", "answer.objection"


def may_object(reach: Reach, programme: str, centre: Centre) -> bool:
    """Whether the person may object to a centre's result: those for whom it counts."""
    parties = [h.capacity.party for h in reach.held if h.capacity.programme == programme]
    return any(rights.holding(reach, OBJECT, programme, parties, centre))


def answers_objections(reach: Reach, programme: str) -> bool:
    """Whether the person answers objections, and enters those that come by letter."""
    return rights.administers(reach, ANSWER, programme)


def object_to(
    reach: Reach, of: Publication, centre: Centre, said: str, on: dt.date, whose: str = ""
) -> Objection:
    """Objects to a published result, or enters an objection that came by letter (`whose`).

    After the last day it is refused to those who object themselves; the authority may still enter
    one that came in time (`on` is the day it came). Raises MayNot, EvaluationError.
    """
    programme = str(of.book_id)
    own, enters = may_object(reach, programme, centre), answers_objections(reach, programme)
    if not own and not enters:
        raise MayNot("您现有的身份不能对该结果提出异议", "none of your capacities may object")
    if of.until is None:
        raise EvaluationError("本次公布未设异议期", "no time for objections was set")
    if not of.on <= on <= of.until:
        raise EvaluationError(
            f"异议期为{of.on:%Y-%m-%d}至{of.until:%Y-%m-%d}",
            f"objections are taken from {of.on:%Y-%m-%d} to {of.until:%Y-%m-%d}",
        )
    if centre.id not in of.results:
        raise NotOnFile("该中心不在公布的名单中", "no such centre in what was published")
    text = _said(said, "请写明异议的内容和理由", "say what is wrong, and why")
    named = whose.strip()[:300] if enters else ""
    if not named:
        if not own:
            raise EvaluationError("请写明异议人", "say who objects")
        named = next(
            (h.capacity.organisation.name_zh for h in reach.held
             if h.capacity.programme == programme), reach.user.label,
        )  # fmt: skip
    with transaction.atomic():
        made = Objection.objects.create(
            publication=of, centre=centre, whose=named, said=text, on=on, at=clock.now(),
            by=reach.user,
        )  # fmt: skip
        tell(
            notices.holders(programme, rounds.authority(programme), centre),
            "evaluation",
            Text(f"评估结果异议待答复：{named}", f"An objection to answer: {named}"),
            body=Text(text, text),
            link=rounds.link_of_results(programme, of.round),
            centre=centre,
            key=f"objection:{made.pk}",
        )
    return made


def answer_objection(reach: Reach, of: Objection, outcome: str, answer: str) -> None:
    """Answers an objection, once; the one who entered it is told. Raises MayNot, Stale.

    It changes no result: what was decided is changed by an act alone.
    """
    programme = str(of.publication.book_id)
    if not answers_objections(reach, programme):
        raise MayNot("只有主管机关的有权人员可以答复异议", "only the competent body may answer")
    if outcome not in list(Outcome):
        raise EvaluationError("请选择异议是否成立", "say whether it is upheld")
    said = _said(answer, "请写明答复意见", "write an answer")
    with transaction.atomic():
        locked = Objection.objects.select_for_update().get(pk=of.pk)
        if locked.answered is not None:
            raise Stale("该异议已经答复，本次未作变更", "it was answered meanwhile")
        locked.outcome, locked.answer = outcome, said
        locked.answered, locked.answered_by = clock.now(), reach.user
        locked.save()
        if locked.by is not None:
            found = OUTCOMES[Outcome(outcome)]
            tell(
                [locked.by],
                "evaluation",
                Text(f"评估结果异议已答复：{found.zh}", f"Objection answered: {found.en}"),
                body=Text(said, said),
                link=rounds.link_of_results(programme, of.publication.round),
                centre=locked.centre,
                key=f"objection-answered:{locked.pk}",
            )
