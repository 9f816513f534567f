"""What reviews keep: the experts' register, a review with its centres, experts and sheets.

All of it is ordinary data. What is official comes of it only when the competent body records an
act, which then pins the digest of the frozen summary.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from banfa.office.ledger.models import Centre
from banfa.office.people.models import Organisation, User
from banfa.rules.words import Text


class Stage(StrEnum):
    """Where a review stands."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"

    @property
    def text(self) -> Text:
        """The stage in words."""
        return {
            "draft": Text("筹备中", "Being prepared"),
            "open": Text("评审中", "Under way"),
            "closed": Text("已汇总", "Summed up"),
            "cancelled": Text("已终止", "Cancelled"),
        }[self]


class Answer(StrEnum):
    """How an expert stands in a review. Only `INVITED` and `ACCEPTED` take part."""

    CHOSEN = "chosen"
    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    RECUSED = "recused"
    REMOVED = "removed"

    @property
    def text(self) -> Text:
        """The standing in words."""
        return {
            "chosen": Text("待邀请", "To be invited"),
            "invited": Text("已邀请", "Invited"),
            "accepted": Text("已接受", "Accepted"),
            "declined": Text("已谢绝", "Declined"),
            "recused": Text("已回避", "Recused"),
            "removed": Text("已替换", "Replaced"),
        }[self]


TAKING_PART = (Answer.CHOSEN, Answer.INVITED, Answer.ACCEPTED)


class Expert(models.Model):
    """An expert in the register that an organisation keeps; `shared` lets other callers choose.

    `employer` is the organisation on file when there is one of that name; `workplace` its name as
    given. `number` is never used again.
    """

    kept_by = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="expert_entries")
    name = models.CharField(max_length=100)
    workplace = models.CharField(max_length=300)
    employer = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+")
    title = models.CharField(max_length=100, default="", blank=True)
    fields = ArrayField(models.CharField(max_length=60), default=list)
    languages = ArrayField(models.CharField(max_length=40), default=list)
    phone = models.CharField(max_length=40, default="", blank=True)
    email = models.EmailField(default="", blank=True)
    shared = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    entered = models.DateTimeField()
    entered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kept_by", "name", "workplace"], name="expert_once"),
            models.UniqueConstraint(
                fields=["kept_by", "user"],
                condition=Q(user__isnull=False),
                name="expert_account_once",
            ),
        ]
        indexes = [models.Index(fields=["name"], name="expert_name")]

    def __str__(self) -> str:
        return f"{self.name}（{self.workplace}）"


class Tie(models.Model):
    """A tie that an expert has declared: to an organisation, or to a person by name."""

    expert = models.ForeignKey(Expert, models.CASCADE, related_name="ties")
    organisation = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=300)
    person = models.BooleanField(default=False)
    note = models.CharField(max_length=300, default="", blank=True)
    declared = models.DateTimeField()
    declared_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["expert", "name", "person"], name="tie_once")
        ]

    def __str__(self) -> str:
        return f"{self.expert} – {self.name}"


class SheetTemplate(models.Model):
    """A scoring sheet kept to begin others from; for one programme and act, or for any."""

    kept_by = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    programme = models.CharField(max_length=40, default="", blank=True)
    act = models.CharField(max_length=100, default="", blank=True)
    sheet = models.JSONField()
    made = models.DateTimeField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kept_by", "name"], name="template_once")]

    def __str__(self) -> str:
        return self.name


class Review(models.Model):
    """A review that an organisation, as a party of a programme, calls to prepare an act.

    `sheet` is the scoring sheet, frozen when the review is called. `blind`: the experts are not
    named to the centre nor to one another. `drop` highest and lowest sheets of each centre are left
    out of the means. `agency` is the third party that carries it out as `agency_party`. `summary`
    is frozen at the close, `digest` over it.
    """

    title = models.CharField(max_length=200)
    programme = models.CharField(max_length=40)
    act = models.CharField(max_length=100)
    party = models.CharField(max_length=100)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    agency = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+")
    agency_party = models.CharField(max_length=100, default="", blank=True)
    stage = models.CharField(max_length=20, default=Stage.DRAFT)
    sheet = models.JSONField(default=dict)
    blind = models.BooleanField(default=True)
    drop = models.PositiveSmallIntegerField(default=0)
    minimum = models.PositiveSmallIntegerField(default=3)
    due = models.DateField(null=True)
    made = models.DateTimeField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    called = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    end_reason = models.TextField(default="", blank=True)
    conclusion = models.TextField(default="", blank=True)
    summary = models.JSONField(null=True)
    digest = models.CharField(max_length=80, default="", blank=True)
    version = models.IntegerField(default=1)
    key = models.CharField(max_length=80, unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(stage__in=list(Stage)), name="review_stage"),
            models.CheckConstraint(
                condition=Q(stage=Stage.CLOSED, summary__isnull=False)
                | ~Q(stage=Stage.CLOSED) & Q(summary__isnull=True),
                name="summed_up_when_closed",
            ),
        ]
        indexes = [
            models.Index(fields=["programme", "party", "organisation"], name="review_caller"),
            models.Index(fields=["stage", "due"], name="review_due"),
        ]

    def __str__(self) -> str:
        return self.title


class Subject(models.Model):
    """A centre under review, the open case that the act will belong to, and what may be read.

    `materials` are numbers of the ledger's document versions.
    """

    review = models.ForeignKey(Review, models.CASCADE, related_name="subjects")
    centre = models.ForeignKey(Centre, models.PROTECT, related_name="reviews")
    about = models.CharField(max_length=100, default="", blank=True)
    materials = ArrayField(models.IntegerField(), default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["review", "centre"], name="subject_once")]

    def __str__(self) -> str:
        return f"{self.review_id} {self.centre_id}"


class Draw(models.Model):
    """A random choice of experts: from this pool, with this seed; it can be drawn again by anyone.

    Those with the smallest SHA-256 of `seed:number` are chosen. `excluded` says who could not be in
    the pool and why.
    """

    review = models.ForeignKey(Review, models.CASCADE, related_name="draws")
    seed = models.CharField(max_length=64)
    wanted = models.PositiveSmallIntegerField()
    fields = ArrayField(models.CharField(max_length=60), default=list)
    languages = ArrayField(models.CharField(max_length=40), default=list)
    pool = ArrayField(models.IntegerField(), default=list)
    chosen = ArrayField(models.IntegerField(), default=list)
    excluded = models.JSONField(default=list)
    drawn = models.DateTimeField()
    drawn_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.review_id} {self.seed}"


class Assignment(models.Model):
    """An expert in a review. `number` is what a blind expert is called by ("专家3").

    `reason` is why the expert was chosen by hand (`draw` is null then); `end_reason` why they left.
    `signed` is when the statement of independence was signed.
    """

    review = models.ForeignKey(Review, models.CASCADE, related_name="assignments")
    expert = models.ForeignKey(Expert, models.PROTECT, related_name="assignments")
    number = models.PositiveSmallIntegerField()
    answer = models.CharField(max_length=20, default=Answer.CHOSEN)
    draw = models.ForeignKey(Draw, models.PROTECT, null=True, related_name="assignments")
    reason = models.TextField(default="", blank=True)
    replaces = models.ForeignKey("self", models.PROTECT, null=True, related_name="replaced_by")
    made = models.DateTimeField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    invited = models.DateTimeField(null=True)
    signed = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    end_reason = models.TextField(default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "expert"], name="assigned_once"),
            models.UniqueConstraint(fields=["review", "number"], name="expert_number"),
            models.CheckConstraint(condition=Q(answer__in=list(Answer)), name="known_answer"),
        ]

    def __str__(self) -> str:
        return f"{self.review_id} {self.number} {self.expert}"

    @property
    def takes_part(self) -> bool:
        """Whether the expert is one of the panel now."""
        return self.answer in TAKING_PART


class Verdict(StrEnum):
    """What became of a ground for recusal."""

    STANDS = "stands"
    QUESTION = "question"
    CLEARED = "cleared"

    @property
    def text(self) -> Text:
        """The verdict in words."""
        return {
            "stands": Text("应当回避", "Recused"),
            "question": Text("待认定", "To be decided"),
            "cleared": Text("认定无需回避", "Decided: no recusal"),
        }[self]


class Recusal(models.Model):
    """A ground on which an expert is recused, or may have to be: found by rule, or declared.

    `rule` is one of `recusal.RULES`; `zh` and `en` say what was found. What a rule cannot settle (a
    namesake) waits as a question until the caller decides with a reason.
    """

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="recusals")
    centre = models.ForeignKey(Centre, models.PROTECT, null=True, related_name="+")
    rule = models.CharField(max_length=40)
    zh = models.TextField()
    en = models.TextField()
    verdict = models.CharField(max_length=20)
    found = models.DateTimeField()
    found_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reason = models.TextField(default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "rule", "centre", "zh"],
                name="ground_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(verdict__in=list(Verdict)), name="known_verdict"),
        ]

    def __str__(self) -> str:
        return f"{self.assignment_id} {self.rule} {self.verdict}"

    @property
    def says(self) -> Text:
        """What was found."""
        return Text(self.zh, self.en)


class ScoreSheet(models.Model):
    """An expert's sheet for a centre. `scores` are whole hundredths of a point by criterion."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="sheets")
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="sheets")
    scores = models.JSONField(default=dict)
    comments = models.JSONField(default=dict)
    opinion = models.TextField(default="", blank=True)
    saved = models.DateTimeField(null=True)
    handed_in = models.DateTimeField(null=True)
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["assignment", "subject"], name="sheet_once")]

    def __str__(self) -> str:
        return f"{self.assignment_id} {self.subject_id}"


class Reopening(models.Model):
    """That a sheet handed in was given back to its expert: by whom, why, and what it said.

    `shown`: the others' sheets could already be read then.
    """

    sheet = models.ForeignKey(ScoreSheet, models.CASCADE, related_name="reopenings")
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    reason = models.TextField()
    before: Any = models.JSONField()
    shown = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.sheet_id} {self.at:%F}"
