"""Indicator systems on file, the figures collected by them, and what runs made of these.

None of this is official: grades become official when the ledger records them. Values are whole
numbers of the last declared place of the declared unit, as `rules.figures` has them.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any

from django.db import models

from banfa.office.ledger.models import Centre, ProgrammeBook
from banfa.office.people.models import User


class Stage(IntEnum):
    """How far a value, or a centre's whole table, has come."""

    EMPTY = 0
    REPORTED = 1
    REVIEWED = 2
    VERIFIED = 3


class Kind(StrEnum):
    """What figures are collected for."""

    ANNUAL = "annual"
    ROUND = "round"


STAGES = [(one.value, one.name.lower()) for one in Stage]


class SystemVersion(models.Model):
    """An indicator system as it was loaded: its file's text, and what is read off it.

    It is never changed; another edition is another row. `withdrawn`: no new collection uses it.
    """

    programme = models.CharField(max_length=40)
    system = models.CharField(max_length=60)
    edition = models.CharField(max_length=40)
    digest = models.CharField(max_length=80)
    text = models.TextField()
    name_zh = models.CharField(max_length=300)
    name_en = models.CharField(max_length=300)
    sample_zh = models.CharField(max_length=500, default="", blank=True)
    sample_en = models.CharField(max_length=500, default="", blank=True)
    since = models.DateField()
    until = models.DateField(null=True)
    loaded = models.DateTimeField()
    loaded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    withdrawn = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["programme", "digest"], name="system_once"),
        ]

    def __str__(self) -> str:
        return f"{self.programme} {self.system}@{self.edition}"


class Collection(models.Model):
    """For what figures are collected: a year's report, or a round (the number of its act).

    `year` is the last year covered. `version` counts changes of thresholds and centres.
    """

    book = models.ForeignKey(ProgrammeBook, models.PROTECT, related_name="collections")
    system = models.ForeignKey(SystemVersion, models.PROTECT, related_name="collections")
    kind = models.CharField(max_length=20, choices=[(one.value, one.value) for one in Kind])
    occasion = models.CharField(max_length=20, default="evaluation")
    name_zh = models.CharField(max_length=300)
    name_en = models.CharField(max_length=300, default="", blank=True)
    year = models.IntegerField()
    round = models.IntegerField(null=True)
    opens = models.DateField()
    closes = models.DateField(null=True)
    made = models.DateTimeField()
    made_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "kind", "year", "round"],
                name="collection_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.book_id} {self.kind} {self.year}"


class ThresholdSetting(models.Model):
    """The thresholds of a collection as set by the authority on a day; the latest holds."""

    collection = models.ForeignKey(Collection, models.PROTECT, related_name="settings")
    on = models.DateField()
    text = models.TextField()
    digest = models.CharField(max_length=80)
    reason = models.TextField(default="", blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return f"{self.collection_id} {self.on:%F}"


class Entry(models.Model):
    """One centre's table in a collection: how far it is, and its class in each set of bands.

    `submitted` is when it was reported in, `reviewed` and `verified` when these steps were done.
    `version` grows with every change.
    """

    collection = models.ForeignKey(Collection, models.PROTECT, related_name="entries")
    centre = models.ForeignKey(Centre, models.PROTECT, related_name="entries")
    classes = models.JSONField(default=dict)
    stage = models.IntegerField(choices=STAGES, default=int(Stage.EMPTY))
    submitted = models.DateTimeField(null=True)
    submitted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reviewed = models.DateTimeField(null=True)
    reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    verified = models.DateTimeField(null=True)
    verified_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    version = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "centre"], name="entry_once"),
        ]
        indexes = [models.Index(fields=["centre", "collection"], name="entry_of_centre")]

    def __str__(self) -> str:
        return f"{self.collection_id} {self.centre_id}"


class Figure(models.Model):
    """One value of one year by three hands: reported, reviewed, verified; none: missing.

    `stage` says which hand was last; a later hand's none means that it found no value. `reason`
    answers what plausibility asked; `evidence` refers to files (`{"file": …, "page": …}`).
    """

    entry = models.ForeignKey(Entry, models.PROTECT, related_name="figures")
    indicator = models.CharField(max_length=60)
    year = models.IntegerField()
    stage = models.IntegerField(choices=STAGES, default=int(Stage.EMPTY))
    reported = models.BigIntegerField(null=True)
    reviewed = models.BigIntegerField(null=True)
    verified = models.BigIntegerField(null=True)
    reason = models.TextField(default="", blank=True)
    evidence = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "indicator", "year"], name="figure_once"),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.indicator} {self.year}"

    def at(self, stage: int) -> int | None:
        """The value as that hand has it; where it has not been, as the one before."""
        held = min(stage, self.stage)
        return {
            Stage.EMPTY: None,
            Stage.REPORTED: self.reported,
            Stage.REVIEWED: self.reviewed,
            Stage.VERIFIED: self.verified,
        }[Stage(held)]


class FigureChange(models.Model):
    """That a hand entered or changed a value: who, when, from what to what, and why. Kept as is."""

    figure = models.ForeignKey(Figure, models.PROTECT, related_name="changes")
    stage = models.IntegerField(choices=STAGES)
    before = models.BigIntegerField(null=True)
    after = models.BigIntegerField(null=True)
    reason = models.TextField(default="", blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["figure", "id"], name="change_of_figure")]

    def __str__(self) -> str:
        return f"{self.figure_id} {self.before} → {self.after}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Adds it; a change on file is never altered."""
        if not self._state.adding:
            raise TypeError("changes of figures are kept as they are")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Never."""
        raise TypeError("changes of figures are kept as they are")


class Goal(models.Model):
    """What a centre's plan aims at for an indicator in a year, in `unit`.

    `source` is where the plan says so. Rows are only added: the latest holds, and one without a
    value takes the goal back.
    """

    centre = models.ForeignKey(Centre, models.PROTECT, related_name="goals")
    indicator = models.CharField(max_length=60)
    year = models.IntegerField()
    value = models.DecimalField(max_digits=28, decimal_places=9, null=True)
    unit = models.CharField(max_length=20, default="", blank=True)
    source = models.CharField(max_length=300)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["centre", "indicator", "year"], name="goal_of_centre")]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.indicator} {self.year}"


class Proof(models.Model):
    """That a page (or all) of a file proves a value of a year.

    `digest` is the file's SHA-256, under which the storage holds it once. What is taken away again
    stays on file as `removed`.
    """

    entry = models.ForeignKey(Entry, models.PROTECT, related_name="proofs")
    indicator = models.CharField(max_length=60)
    year = models.IntegerField()
    page = models.IntegerField(null=True)
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=80)
    size = models.IntegerField()
    media_type = models.CharField(max_length=100)
    added = models.DateTimeField()
    added_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    removed = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Upload(models.Model):
    """A filled-in workbook, kept from its preview until its values are entered or it is given up.

    `queued` is when entering it began; `done` of `centres` are through. `stopped`: somebody asked
    to end after the centre at hand. `report` is what came of it.
    """

    collection = models.ForeignKey(Collection, models.PROTECT, related_name="uploads")
    stage = models.IntegerField(choices=STAGES)
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=80)
    content = models.BinaryField()
    made = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    queued = models.DateTimeField(null=True)
    entered = models.DateTimeField(null=True)
    centres = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    stopped = models.BooleanField(default=False)
    report = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.collection_id} {self.name}"


class Run(models.Model):
    """A scoring run: what repeats it, and what it gave.

    `table` holds the values and `scores` the results, as `rules.score_store` packs them; the
    digests prove that they belong together. `weights` are those of a dry run that tries others.
    """

    collection = models.ForeignKey(Collection, models.PROTECT, related_name="runs")
    number = models.IntegerField()
    stage = models.IntegerField(choices=STAGES)
    dry = models.BooleanField(default=False)
    thresholds = models.TextField(default="", blank=True)
    weights = models.JSONField(default=dict)
    system_digest = models.CharField(max_length=80)
    thresholds_digest = models.CharField(max_length=80, default="", blank=True)
    table_digest = models.CharField(max_length=80)
    result_digest = models.CharField(max_length=80)
    table = models.BinaryField()
    scores = models.BinaryField()
    centres = models.IntegerField()
    blocked = models.IntegerField()
    note = models.CharField(max_length=500, default="", blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "number"], name="run_number"),
        ]

    def __str__(self) -> str:
        return f"{self.collection_id}#{self.number}"


# --- rounds --------------------------------------------------------------------------------------


class RoundSetting(models.Model):
    """What the authority allows in a round from a day; the latest holds.

    `provisional`: a centre may see its own provisional score while it fills in.
    """

    collection = models.ForeignKey(Collection, models.PROTECT, related_name="round_settings")
    on = models.DateField()
    provisional = models.BooleanField(default=False)
    reason = models.TextField(default="", blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return f"{self.collection_id} {self.on:%F}"


class Adoption(models.Model):
    """That a run was taken as what the results of a round are proposed by; the latest holds."""

    collection = models.ForeignKey(Collection, models.PROTECT, related_name="adoptions")
    run = models.ForeignKey(Run, models.PROTECT, related_name="adoptions")
    reason = models.TextField(default="", blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return f"{self.collection_id}: {self.run_id}"


class Deviation(models.Model):
    """Why an officer decided another grade than the adopted run gave: by the act's number."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="deviations")
    centre = models.ForeignKey(Centre, models.PROTECT, related_name="deviations")
    seq = models.IntegerField()
    case = models.CharField(max_length=200)
    computed = models.CharField(max_length=60)
    decided = models.CharField(max_length=60)
    reason = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["centre", "seq"], name="deviation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.computed} → {self.decided}"


class Outcome(StrEnum):
    """How a dispute or an objection was answered."""

    UPHELD = "upheld"
    PARTLY = "partly"
    REJECTED = "rejected"


class Dispute(models.Model):
    """What a centre holds against a value of its table, and the answer. Both are kept.

    `figure` has the value; `stage` and `value` are those disputed.
    """

    figure = models.ForeignKey(Figure, models.PROTECT, related_name="disputes")
    stage = models.IntegerField(choices=STAGES)
    value = models.BigIntegerField(null=True)
    said = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(max_length=20, default="", blank=True)
    answer = models.TextField(default="", blank=True)
    answered = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["figure"], condition=models.Q(answered=None), name="dispute_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.figure_id} {self.at:%F}"


class Publication(models.Model):
    """That the results of a round are made known, inside or to the public, and until when
    objections are taken: days that the authority sets."""

    book = models.ForeignKey(ProgrammeBook, models.PROTECT, related_name="publications")
    round = models.IntegerField()
    public = models.BooleanField(default=False)
    on = models.DateField()
    until = models.DateField(null=True)
    document = models.CharField(max_length=200, default="", blank=True)
    note = models.TextField(default="", blank=True)
    results = models.JSONField(default=dict)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["book", "round"], name="publication_of_round")]

    def __str__(self) -> str:
        return f"{self.book_id} {self.round} {self.on:%F}"


class Objection(models.Model):
    """What somebody holds against a published result, and the answer. Both are kept.

    `whose` names who objects when it came in by letter; otherwise it is the person's organisation.
    """

    publication = models.ForeignKey(Publication, models.PROTECT, related_name="objections")
    centre = models.ForeignKey(Centre, models.PROTECT, related_name="objections")
    whose = models.CharField(max_length=300)
    said = models.TextField()
    on = models.DateField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(max_length=20, default="", blank=True)
    answer = models.TextField(default="", blank=True)
    answered = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return f"{self.publication_id} {self.centre_id}"
