"""What the ledger keeps. Acts are appended and never changed; all else is derived from them.

`Book` rows and `Centre` rows hold the heads of the chains and projections that `rebuild` can make
anew. Nothing that depends on the day it is read ("overdue") is stored.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F


class ProgrammeBook(models.Model):
    """A programme's own list of acts: the head of its chain, and how many centres it has."""

    programme = models.CharField(primary_key=True, max_length=40)
    head_seq = models.IntegerField(default=0)
    head_hash = models.CharField(max_length=80, default="")
    centres = models.IntegerField(default=0)
    erasures = models.IntegerField(default=0)

    def __str__(self) -> str:
        return self.programme


class Centre(models.Model):
    """A centre: the head of its chain and what its acts amount to.

    `periods` and `stage_since` are boundary dates; `next_stage` (from `next_from` on) and
    `then_stage` are those that the calendar alone will bring. `people` are all who were ever in its
    team, `orgs` the organisations that hold a role now, `places` where those are that carry it or
    make it up. `title` is what it is called on the day of its last act, `subject` its field;
    `sort_key` spells the title in pinyin, `initials` is its first letters. `ends` is when the first
    open period ends, `changed` the moment of the last act and `version` its number.
    """

    id = models.CharField(primary_key=True, max_length=60)
    book = models.ForeignKey(ProgrammeBook, models.PROTECT, related_name="members")
    edition = models.CharField(max_length=40, default="")
    stage = models.CharField(max_length=60, null=True)
    stage_since = models.DateField(null=True)
    name_zh = models.CharField(max_length=400, default="")
    name_en = models.CharField(max_length=400, default="")
    centre_class = models.CharField(max_length=60, null=True)
    periods = models.JSONField(default=dict)
    roles = models.JSONField(default=dict)
    orgs = ArrayField(models.CharField(max_length=200), default=list)
    people = ArrayField(models.CharField(max_length=200), default=list)
    places = ArrayField(models.CharField(max_length=100), default=list)
    version = models.IntegerField(default=0)
    head_hash = models.CharField(max_length=80, default="")
    summary = models.JSONField(default=dict)
    ruleset = models.CharField(max_length=80, default="")
    imported = models.BooleanField(default=False)
    title_zh = models.CharField(max_length=400, default="")
    title_en = models.CharField(max_length=400, default="")
    subject = models.CharField(max_length=400, default="")
    sort_key = models.CharField(max_length=400, default="", db_collation="C")
    initials = models.CharField(max_length=120, default="", db_collation="C")
    next_stage = models.CharField(max_length=60, null=True)
    next_from = models.DateField(null=True)
    then_stage = models.CharField(max_length=60, null=True)
    then_from = models.DateField(null=True)
    ends = models.DateField(null=True)
    changed = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["book", "stage"], name="centre_stage"),
            models.Index(fields=["sort_key", "id"], name="centre_by_name"),
            models.Index(fields=["book", "sort_key", "id"], name="centre_by_book_and_name"),
            models.Index(F("changed").desc(nulls_last=True), "id", name="centre_by_change"),
            models.Index(F("ends").asc(nulls_last=True), "id", name="centre_by_end"),
            GinIndex(fields=["people"], name="centre_people"),
            GinIndex(fields=["orgs"], name="centre_orgs"),
            GinIndex(fields=["places"], name="centre_places"),
        ]

    def __str__(self) -> str:
        return self.name_zh or self.title_zh or self.id


class ActRecord(models.Model):
    """A recorded act, without what may have to be erased one day (see `ActPayload`).

    A centre's act has `centre`; a programme-level act has none. `findings` is how each condition
    came out, without words; `parts` the salted digest of each part of the payload. `hash` covers
    all of this and `previous`.
    """

    book = models.ForeignKey(ProgrammeBook, models.PROTECT, related_name="acts")
    centre = models.ForeignKey(Centre, models.PROTECT, null=True, related_name="acts")
    seq = models.IntegerField()
    kind = models.CharField(max_length=100)
    on = models.DateField()
    recorded = models.DateTimeField()
    party = models.CharField(max_length=100)
    saw = models.IntegerField()
    used = models.JSONField(default=list)
    caused_by = models.IntegerField(null=True)
    about = models.CharField(max_length=100, null=True)
    edition = models.CharField(max_length=40)
    ruleset = models.CharField(max_length=80)
    findings = models.JSONField(default=list)
    parts = models.JSONField(default=dict)
    payload_digest = models.CharField(max_length=80)
    previous = models.CharField(max_length=80)
    hash = models.CharField(max_length=80)
    algorithm = models.CharField(max_length=20)
    key = models.CharField(max_length=200, null=True, unique=True)
    request = models.CharField(max_length=80, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["centre", "seq"], name="act_of_centre"),
            models.UniqueConstraint(
                fields=["book", "seq"],
                condition=models.Q(centre__isnull=True),
                name="act_of_programme",
            ),
        ]
        indexes = [
            models.Index(fields=["kind", "on"], name="act_kind_on"),
            models.Index(fields=["-recorded", "-id"], name="act_by_recording"),
        ]

    def __str__(self) -> str:
        return f"{self.centre_id or self.book_id}#{self.seq} {self.kind}"


class ActPayload(models.Model):
    """What an act says, beside the chain: its parts can be erased, their digests stay.

    `answers` is what outside facts said when it was judged, `words` the findings' words, `salts`
    what was mixed into each part's digest.
    """

    act = models.OneToOneField(ActRecord, models.PROTECT, primary_key=True, related_name="payload")
    organisation = models.JSONField(null=True)
    person = models.CharField(max_length=200, null=True)
    on_behalf_of = models.CharField(max_length=200, null=True)
    data = models.JSONField(default=dict)
    documents = models.JSONField(default=dict)
    exception = models.JSONField(null=True)
    answers = models.JSONField(null=True)
    words = models.JSONField(null=True)
    salts = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["person"], name="payload_person")]

    def __str__(self) -> str:
        return str(self.act)


class Erasure(models.Model):
    """That a part of an act's payload, or a document's content, was erased, when and why."""

    act = models.ForeignKey(ActRecord, models.PROTECT, related_name="erasures")
    part = models.CharField(max_length=200)
    erased = models.DateTimeField()
    by = models.CharField(max_length=200)
    reason = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["act", "part"], name="erased_once")]

    def __str__(self) -> str:
        return f"{self.act} {self.part}"


class EditionData(models.Model):
    """The files of a programme's edition as acts were judged by them, by the edition's digest.

    Replay judges an act by these, also when the programme's data have been corrected since.
    """

    digest = models.CharField(primary_key=True, max_length=80)
    programme = models.CharField(max_length=40)
    edition = models.CharField(max_length=40)
    files = models.JSONField()
    stored = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.programme}@{self.edition} {self.digest[:15]}"


class DocumentVersion(models.Model):
    """One version of a document of a centre (or of the programme); acts pin its digest."""

    book = models.ForeignKey(ProgrammeBook, models.PROTECT, related_name="documents")
    centre = models.ForeignKey(Centre, models.PROTECT, null=True, related_name="documents")
    type = models.CharField(max_length=100)
    version = models.IntegerField()
    digest = models.CharField(max_length=80)
    content = models.JSONField(null=True)
    stored = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "centre", "type", "version"],
                name="document_version",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                fields=["book", "centre", "type", "digest"],
                name="document_digest",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} v{self.version}"


class Listing(models.Model):
    """That an organisation is on a list kept outside, from a day until a day (both included)."""

    list = models.CharField(max_length=100)
    organisation = models.CharField(max_length=200)
    since = models.DateField(null=True)
    until = models.DateField(null=True)
    source = models.CharField(max_length=300, default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["organisation", "list"], name="listing_org")]

    def __str__(self) -> str:
        return f"{self.list}: {self.organisation}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Saves it; what is owed because of the list is worked out anew."""
        from banfa.office.ledger import agenda

        super().save(*args, **kwargs)
        agenda.outdate_list(self.list)


class Engagement(models.Model):
    """A declared engagement of a person in a platform outside this system."""

    person = models.CharField(max_length=200, db_index=True)
    platform = models.CharField(max_length=200)
    level = models.CharField(max_length=20, default="national")
    since = models.DateField(null=True)
    until = models.DateField(null=True)

    def __str__(self) -> str:
        return f"{self.person}: {self.platform}"


class Outbox(models.Model):
    """Something to be told to somebody: a notice that an act owes, or that a text has changed."""

    kind = models.CharField(max_length=40)
    book = models.ForeignKey(ProgrammeBook, models.PROTECT, related_name="outbox")
    centre = models.ForeignKey(Centre, models.PROTECT, null=True, related_name="outbox")
    act = models.ForeignKey(ActRecord, models.PROTECT, null=True, related_name="outbox")
    notice = models.CharField(max_length=100)
    to = ArrayField(models.CharField(max_length=100), default=list)
    by = ArrayField(models.CharField(max_length=100), default=list)
    since = models.DateField()
    detail = models.JSONField(default=dict)
    created = models.DateTimeField()
    taken = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["taken", "created"], name="outbox_waiting")]

    def __str__(self) -> str:
        return f"{self.kind} {self.notice}"


class OfficialText(models.Model):
    """One article of an instrument's official text, as one load brought it."""

    programme = models.CharField(max_length=40)
    edition = models.CharField(max_length=40)
    article = models.CharField(max_length=40)
    place = models.IntegerField()
    heading = models.CharField(max_length=300, default="", blank=True)
    text = models.TextField()
    fingerprint = models.CharField(max_length=80)
    load = models.IntegerField()
    loaded = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "edition", "load", "article"], name="article_of_load"
            )
        ]

    def __str__(self) -> str:
        return f"{self.programme}@{self.edition} {self.article}"


class Agenda(models.Model):
    """When and from what a centre's `matters` were made, and how long they hold.

    They are what `on` and the programme's acts up to `saw` make of the centre's acts up to
    `version`. `until` is the first later day on which they may differ (none: never), `asked` the
    kinds of programme-level acts and the lists (`listed:<list>`) that could change them. `digest`
    is over the matters, so that they are written anew only when they have changed.
    """

    centre = models.OneToOneField(Centre, models.PROTECT, primary_key=True, related_name="agenda")
    book = models.ForeignKey(ProgrammeBook, models.PROTECT, related_name="agendas")
    version = models.IntegerField()
    on = models.DateField()
    until = models.DateField(null=True)
    saw = models.IntegerField()
    asked = ArrayField(models.CharField(max_length=120), default=list)
    digest = models.CharField(max_length=40, default="")

    class Meta:
        indexes = [
            models.Index(fields=["until"], name="agenda_until"),
            models.Index(fields=["book", "saw"], name="agenda_saw"),
            models.Index(fields=["on"], name="agenda_on"),
        ]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.on:%F}"


class Sort(models.TextChoices):
    """What a matter is: a procedure, or something owed."""

    CASE = "case"
    DUTY = "duty"


class Matter(models.Model):
    """A procedure of a centre, or something owed for it, as its acts make it. See `Agenda`.

    `key` is the case's id (`extension#7`) or the duty's, `name` the id of the procedure, duty or
    notice in that `edition`. `holders` are the parties that have it, `seats` the same with the
    organisations that play them (`unit@org-1`; the party alone where any may). `acts` are the next
    acts. A case has a `step`, `opened`, `opened_by` (the act's number and organisation) and, when
    it has ended, `closed`; `answered` are the parties consulted in parallel that have said theirs.
    A duty has a `mode`, and `within`, the case whose next act discharges it. `due` is a boundary
    date: whether it is late is a matter of the day. `computed` says how it came about (zh, en).
    """

    centre = models.ForeignKey(Centre, models.PROTECT, related_name="matters")
    book = models.ForeignKey(ProgrammeBook, models.PROTECT, related_name="matters")
    edition = models.CharField(max_length=40)
    sort = models.CharField(max_length=10, choices=Sort.choices)
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=100)
    holders = ArrayField(models.CharField(max_length=100), default=list)
    seats = ArrayField(models.CharField(max_length=320), default=list)
    acts = ArrayField(models.CharField(max_length=100), default=list)
    since = models.DateField(null=True)
    due = models.DateField(null=True)
    computed = models.JSONField(null=True)
    step = models.CharField(max_length=100, default="")
    subject = models.CharField(max_length=200, default="")
    opened = models.DateField(null=True)
    opened_by = models.IntegerField(null=True)
    opener = models.CharField(max_length=200, default="")
    closed = models.BooleanField(default=False)
    answered = ArrayField(models.CharField(max_length=100), default=list)
    mode = models.CharField(max_length=20, default="")
    year = models.IntegerField(null=True)
    ground = models.CharField(max_length=100, default="")
    within = models.CharField(max_length=200, default="")

    class Meta:
        indexes = [
            models.Index(fields=["centre", "sort"], name="matter_centre"),
            models.Index(
                fields=["book", "due", "id"],
                condition=models.Q(closed=False),
                name="matter_due",
            ),
            models.Index(fields=["opener"], name="matter_opener", condition=~models.Q(opener="")),
            GinIndex(fields=["seats"], name="matter_seats"),
        ]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.key}"


class SearchText(models.Model):
    """A text by which a centre is found: its names (`source` is `centre`), what an act says
    (`act:7`), or what another part of the office keeps (`dossier:12`).

    `owner` is the organisation to which it is kept, '' when all who see the centre may see it.
    `vector` holds its pairs of characters; see `ledger.search`.
    """

    centre = models.ForeignKey(Centre, models.PROTECT, related_name="texts", db_index=False)
    source = models.CharField(max_length=60)
    owner = models.CharField(max_length=200, default="")
    title_zh = models.CharField(max_length=300, default="")
    title_en = models.CharField(max_length=300, default="")
    link = models.CharField(max_length=300, default="")
    text = models.TextField()
    vector = SearchVectorField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["centre", "source"], name="search_text_of_source")
        ]
        indexes = [GinIndex(fields=["vector"], name="search_vector")]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.source}"
