"""The demonstration's experts and reviews: played day by day by the verbs that the pages use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping

from pydantic import Field

from banfa.office import clock
from banfa.office.demo import FOLDER
from banfa.office.ledger.models import Centre, DocumentVersion
from banfa.office.people.models import Organisation, Standing, User
from banfa.office.reviews import queries, register, sheets, verbs
from banfa.office.reviews.models import Assignment, Expert, Review
from banfa.rules import programme as p
from banfa.rules.loading import read, validate

FILE = FOLDER / "data" / "reviews.yaml"


class GivenExpert(p.Strict):
    """An expert in a register, with an account of the demonstration."""

    user: str
    name: str
    workplace: str
    title: str
    kept_by: str
    fields: list[str]
    languages: list[str] = []
    phone: str = ""
    email: str = ""
    ties: str = ""
    shared: bool = False


class GivenCriterion(p.Strict):
    """One line of a sheet; `weight` in whole percent."""

    name: str
    weight: int
    guidance: str = ""
    comment: bool = False


class GivenSeat(p.Strict):
    """An expert of a panel and on which days they did what; `scores` by centre, in order."""

    expert: str
    chosen: dt.date | None = None
    replaces: str | None = None
    accepts: dt.date | None = None
    declares: dt.date | None = None
    reason: str = ""
    saves: dt.date | None = None
    hands_in: dt.date | None = None
    scores: dict[str, list[int]] = {}
    says: str = ""


class GivenReview(p.Strict):
    """A review: what it is for, its terms, its sheet and what happened on which days."""

    programme: str
    act: str
    party: str
    org: str
    by: str
    title: str
    centres: list[str] = Field(min_length=1)
    materials: list[str]
    begun: dt.date
    called: dt.date | None = None
    closed: dt.date | None = None
    due: dt.date
    minimum: int
    drop: int = 0
    blind: bool = True
    sheet: list[GivenCriterion]
    panel: list[GivenSeat]


class Given(p.Strict):
    """The file."""

    experts: list[GivenExpert]
    reviews: list[GivenReview]


def given() -> Given:
    """The experts and reviews as the data say. Raises LoadError with the place."""
    return validate(read(FILE), Given)


def make(centres: Mapping[str, str]) -> int:
    """Makes the experts and plays the reviews; gives how many reviews there are.

    `centres` are the ids by `programme:label`; reviews of programmes that are not loaded are left
    out. Called in the transaction in which the centres come.
    """
    told = given()
    for one in told.experts:
        _expert(one)
    played = [r for r in told.reviews if f"{r.programme}:{r.centres[0]}" in centres]
    for review in played:
        _Play(review, centres).run()
    return len(played)


def _expert(one: GivenExpert) -> None:
    user = User(
        username=one.user, name=one.name, standing=Standing.ACTIVE, demo=True, created=clock.now()
    )
    user.set_unusable_password()
    user.save(force_insert=True)
    typed = {
        **{n: getattr(one, n) for n in ("name", "workplace", "title", "phone", "email", "ties")},
        "fields": "、".join(one.fields),
        "languages": "、".join(one.languages),
        "account": one.user,
    }
    keeper = Organisation.objects.get(id=one.kept_by)
    register.enter(None, keeper, typed, shared=one.shared)


def _at(day: dt.date, hour: int = 10) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour), clock.SHANGHAI)


class _Play:
    """One review in the order of its days."""

    def __init__(self, told: GivenReview, centres: Mapping[str, str]) -> None:
        self.told = told
        self.by = User.objects.get(username=told.by)
        self.ids = {label: centres[f"{told.programme}:{label}"] for label in told.centres}
        self.sheet = sheets.Sheet(
            tuple(
                sheets.Criterion(f"c{n}", c.name, c.weight, c.guidance, c.comment)
                for n, c in enumerate(told.sheet, 1)
            )
        )
        self.review: Review

    def run(self) -> None:
        """Plays everything."""
        with clock.played(_at(self.told.begun)):
            self._prepare()
        for moment, step in sorted(self._steps(), key=lambda pair: pair[0]):
            with clock.played(moment):
                step()

    def _prepare(self) -> None:
        told, rows = self.told, list(Centre.objects.filter(id__in=self.ids.values()).order_by("id"))
        matter = queries.Matter(told.programme, told.party, told.org, told.act)
        review = verbs.begin(
            self.by, told.programme, told.party, Organisation.objects.get(id=told.org), told.act,
            told.title, rows, queries.open_cases(matter, rows), key=f"demo:{told.title}",
        )  # fmt: skip
        review = verbs.set_terms(
            review, review.version, title=told.title, blind=told.blind, drop=told.drop,
            minimum=told.minimum, due=told.due,
        )  # fmt: skip
        review = verbs.set_sheet(review, review.version, self.sheet)
        papers = DocumentVersion.objects.filter(centre__in=rows, type__in=told.materials)
        self.review = verbs.set_materials(
            review, review.version, papers.values_list("pk", flat=True)
        )
        self._choose([s for s in told.panel if s.chosen is None])

    def _fresh(self) -> Review:
        self.review.refresh_from_db()
        return self.review

    def _choose(self, seats: list[GivenSeat], replaces: Assignment | None = None) -> None:
        names = [s.expert for s in seats]
        experts = list(Expert.objects.filter(user__username__in=names).order_by("pk"))
        review = self._fresh()
        reason = "专业领域相符，且来自不同单位"
        verbs.choose(self.by, review, review.version, experts, reason, replaces)

    def _assignment(self, seat: GivenSeat | str) -> Assignment:
        name = seat if isinstance(seat, str) else seat.expert
        return self.review.assignments.select_related("expert__user", "review").get(
            expert__user__username=name
        )

    def _steps(self) -> Iterator[tuple[dt.datetime, Callable[[], object]]]:
        told = self.told
        if told.called is not None:
            yield _at(told.called, 9), lambda: verbs.call(self._fresh(), self.review.version)
        for seat in told.panel:
            yield from self._of(seat)
        if told.closed is not None:
            yield (
                _at(told.closed, 16),
                lambda: verbs.close(self.by, self._fresh(), self.review.version),
            )

    def _of(self, seat: GivenSeat) -> Iterator[tuple[dt.datetime, Callable[[], object]]]:
        if seat.chosen is not None:
            gone = seat.replaces
            yield (
                _at(seat.chosen),
                lambda: self._choose([seat], self._assignment(gone) if gone else None),
            )
        if seat.accepts is not None:
            yield _at(seat.accepts, 11), lambda: verbs.accept(*self._who(seat), True)
        if seat.declares is not None:
            yield _at(seat.declares, 11), lambda: verbs.recuse(*self._who(seat), seat.reason)
        if seat.saves is not None:
            yield _at(seat.saves, 15), lambda: self._write(seat, False)
        if seat.hands_in is not None:
            yield _at(seat.hands_in, 15), lambda: self._write(seat, True)

    def _who(self, seat: GivenSeat) -> tuple[User, Assignment]:
        one = self._assignment(seat)
        assert one.expert.user is not None
        return one.expert.user, one

    def _write(self, seat: GivenSeat, hand_in: bool) -> None:
        user, one = self._who(seat)
        for label, points in seat.scores.items():
            kept = one.sheets.select_related("assignment__review").get(
                subject__centre=self.ids[label]
            )
            typed = {f"score.c{n}": str(v) for n, v in enumerate(points, 1)}
            wanted = [c.id for c in self.sheet.criteria if c.comment]
            typed |= {f"comment.{c}": seat.says for c in wanted}
            written = sheets.written(self.sheet, {**typed, "opinion": seat.says if hand_in else ""})
            verb = verbs.hand_in if hand_in else verbs.save_sheet
            verb(user, kept, written, kept.version)
