"""How far rounds are: collecting, verifying, scored, graded, ended; and what an ended one refuses.

Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast, Coalesce

from banfa.office.evaluations import rights, rounds
from banfa.office.evaluations.errors import EvaluationError
from banfa.office.evaluations.models import Collection, Run, Stage
from banfa.office.evaluations.rounds import Round, Way
from banfa.office.ledger import library
from banfa.office.ledger.models import ActRecord, Centre, Matter, Sort
from banfa.office.people.access import Reach
from banfa.rules.words import Text


@dataclass(slots=True)
class Status:
    """Where a round is: how many `centres` are in it, how many of them `ended` their procedure,
    and how many with a grade (`graded`). `text` says it, `mark` is the look of its mark."""

    centres: int = 0
    ended: int = 0
    graded: int = 0
    text: Text = field(default_factory=lambda: Text("", ""))
    mark: str = "stage"

    @property
    def over(self) -> bool:
        """Whether every procedure of the round has ended."""
        return bool(self.centres) and self.ended == self.centres


def statuses(reach: Reach, listed: Sequence[Round]) -> dict[tuple[str, int | None], Status]:
    """Where these rounds are, by programme and number, counting the centres that the person sees:
    one query for each way of holding rounds among them, and one for their figures."""
    found: dict[tuple[str, int | None], Status] = {
        (r.programme.programme, r.number): Status() for r in listed
    }
    ways = {(r.programme.programme, r.way.opening): r.way for r in listed}
    for (programme, opening), way in ways.items():
        ours = [r for r in listed if (r.programme.programme, r.way.opening) == (programme, opening)]
        numbers, graded = [r.number for r in ours], _graded(ours[0])
        for number, closed, step, n in _counted(reach, programme, way, numbers):
            one = found.get((programme, number))
            if one is not None:
                one.centres += n
                one.ended += n if closed else 0
                one.graded += n if step in graded else 0
    figures = _figures([r.collection.pk for r in listed if r.collection is not None])
    for r in listed:
        one = found[r.programme.programme, r.number]
        key = r.collection.pk if r.collection is not None else None
        one.text, one.mark = _said(one, figures.get(key) if key is not None else None)
    return found


def _counted(
    reach: Reach, programme: str, way: Way, numbers: Sequence[int]
) -> QuerySet[Matter, tuple[int, bool, str, int]]:
    """Rows of round, whether closed, step, and how many centres: one query."""
    opening = ActRecord.objects.filter(centre=OuterRef("centre"), seq=OuterRef("opened_by"))
    named = [Subquery(opening.filter(kind=way.call).values("caused_by")[:1])]
    for kind, asked in way.joining.items():
        said = Cast(KeyTransform(asked, "payload__data"), IntegerField())
        named.append(Subquery(opening.filter(kind=kind).values(at_=said)[:1]))
    number = Coalesce(*named) if len(named) > 1 else named[0]
    matters = Matter.objects.filter(
        sort=Sort.CASE, name=way.procedure, book=programme,
        centre__in=Centre.objects.filter(reach.centres()),
    )  # fmt: skip
    rows = matters.annotate(of_round=number).filter(of_round__in=numbers).order_by()
    return rows.values_list("of_round", "closed", "step").annotate(n=Count("pk"))


def _graded(of: Round) -> set[str]:
    """The steps at which a round's procedure has ended with a grade."""
    rs, way = library.editions(of.programme.programme).on(of.act.on), of.way
    steps = rs.programme.procedures[way.procedure].steps
    after = {e.step for kind in way.deciding for e in rs.models[kind].then if e.step is not None}
    return {name for name in after if steps[name].end}


def _figures(collections: Sequence[int]) -> dict[int, tuple[bool, bool]]:
    """Of each collection whether every centre has reported (and there is one), and whether it was
    scored in earnest: one query, none without collections."""
    if not collections:
        return {}
    rows = Collection.objects.filter(pk__in=collections).annotate(
        number=Count("entries"),
        waits=Count("entries", filter=Q(entries__stage=Stage.EMPTY)),
        scored=Exists(Run.objects.filter(collection=OuterRef("pk"), dry=False)),
    )
    return {
        pk: (number > 0 and not waits, scored)
        for pk, number, waits, scored in rows.values_list("pk", "number", "waits", "scored")
    }


def _said(one: Status, figures: tuple[bool, bool] | None) -> tuple[Text, str]:
    """A status in words, the furthest that holds, with the look of its mark."""
    share = f"{one.graded}/{one.centres}"
    if one.over:
        return Text(f"已结束（定等级 {share}）", f"ended ({share} graded)"), "plain"
    if one.graded:
        return Text(f"已定等级 {share}", f"{share} graded"), "good"
    if figures is None:
        return Text("未采集", "no figures yet"), "plain"
    reported, scored = figures
    if scored:
        return Text("已计分", "scored"), "stage"
    if reported:
        return Text("核定中", "being verified"), "stage"
    return Text("采集中", "collecting"), "stage"


def over(of: Round) -> bool:
    """Whether every procedure of a round has ended, whoever may see them: two queries at most."""
    everybody = rounds.called_by_anyone(of)
    return not everybody.filter(closed=False).exists() and everybody.exists()


def need_going_on(reach: Reach, of: Round) -> None:
    """Refuses what decides about a round that is over, to who might do it otherwise. Raises MayNot,
    EvaluationError."""
    rights.need(reach, rights.RUN, of.programme.programme)
    if over(of):
        raise EvaluationError(
            "本轮各中心的评估程序均已结束，不能再设定等级线、计分、采用计分或开放查看，未作变更",
            "every procedure of this round has ended: thresholds, scores and what centres see are"
            " settled; nothing was changed",
        )
