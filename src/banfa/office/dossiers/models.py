"""What the office keeps of dossiers. It is ordinary data until an act is recorded.

A dossier's `content` is one flat mapping from the path of a field (see `content.py`) to what was
typed there. Submitting it records an act and keeps a `Version`, which never changes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from banfa.office.ledger.models import ActRecord, Centre
from banfa.office.people.models import Organisation


class State(StrEnum):
    """How a dossier stands."""

    DRAFT = "draft"
    REVIEW = "review"
    APPROVED = "approved"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    DISCARDED = "discarded"


OPEN = (State.DRAFT, State.RETURNED, State.WITHDRAWN)
"""The states in which its content may be changed."""


class Dossier(models.Model):
    """What an organisation prepares for an act of a kind, as a party, on a centre or a new one.

    `on` is the act's day (none: the day it is submitted), `about` the case it belongs to. `sources`
    says, by path, where a value that was filled in came from. `version` counts the saves. `editors`
    are all who ever wrote in it or checked it for its organisation.
    """

    programme = models.CharField(max_length=40)
    centre = models.ForeignKey(Centre, models.PROTECT, null=True, related_name="dossiers")
    act = models.CharField(max_length=100)
    party = models.CharField(max_length=100)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="dossiers")
    state = models.CharField(max_length=20, default=State.DRAFT)
    on = models.DateField(null=True)
    about = models.CharField(max_length=100, default="", blank=True)
    content = models.JSONField(default=dict)
    sources = models.JSONField(default=dict)
    version = models.IntegerField(default=1)
    note = models.TextField(default="", blank=True)
    created = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    changed = models.DateTimeField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    editors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=list(State)), name="known_dossier_state")
        ]
        indexes = [
            models.Index(fields=["organisation", "state"], name="dossier_of_organisation"),
            models.Index(fields=["centre", "state"], name="dossier_of_centre"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.programme}:{self.act}"

    @property
    def open(self) -> bool:
        """Whether its content may be changed."""
        return self.state in OPEN


class Blob(models.Model):
    """A stored file by its content: kept once however often it is attached."""

    digest = models.CharField(primary_key=True, max_length=80)
    size = models.BigIntegerField()
    media_type = models.CharField(max_length=120)
    stored = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest


class Attachment(models.Model):
    """A file of a dossier, perhaps tied to the field that it proves (`path`)."""

    dossier = models.ForeignKey(Dossier, models.PROTECT, related_name="attachments")
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="attachments")
    name = models.CharField(max_length=200)
    path = models.CharField(max_length=300, default="", blank=True)
    added = models.DateTimeField()
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )

    def __str__(self) -> str:
        return self.name


class Version(models.Model):
    """A dossier as it was submitted: frozen with the act that pins its documents.

    `attachments` are rows of name, path, digest, size and type. `digest` covers all that it says.
    """

    dossier = models.ForeignKey(Dossier, models.PROTECT, related_name="versions")
    number = models.IntegerField()
    act = models.ForeignKey(ActRecord, models.PROTECT, related_name="dossier_versions")
    content = models.JSONField()
    attachments = models.JSONField(default=list)
    digest = models.CharField(max_length=80)
    submitted = models.DateTimeField()
    submitted_by = models.CharField(max_length=200, default="", blank=True)
    withdrawn = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dossier", "number"], name="dossier_version_once"),
            models.UniqueConstraint(fields=["act"], name="dossier_version_of_act"),
        ]

    def __str__(self) -> str:
        return f"{self.dossier_id} v{self.number}"

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Never: what was submitted stays."""
        raise TypeError("what was submitted is never deleted")


class Return(models.Model):
    """That a submitted dossier was sent back for correction: why, until when, which parts.

    `parts` are paths of fields, sections or documents; only these open again. It is over when the
    corrected material was submitted (`closed`), or when whoever sent it back took that back
    (`recalled`), which they may until one of the senders has opened it (`seen`).
    """

    dossier = models.ForeignKey(Dossier, models.PROTECT, related_name="returns")
    version = models.ForeignKey(Version, models.PROTECT, related_name="returns")
    party = models.CharField(max_length=100)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reason = models.TextField()
    due = models.DateField()
    parts = ArrayField(models.CharField(max_length=300))
    closed = models.DateTimeField(null=True)
    seen = models.DateTimeField(null=True)
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    recalled = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dossier"], condition=Q(closed__isnull=True), name="one_open_return"
            )
        ]

    def __str__(self) -> str:
        return f"{self.dossier_id} {self.at:%F}"


class Opening(models.Model):
    """That somebody of the party that acts next has opened what was submitted."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="openings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    party = models.CharField(max_length=100)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "user"], name="opened_once")]

    def __str__(self) -> str:
        return f"{self.version_id} {self.user_id}"


class Step(models.Model):
    """One step of a dossier within its organisation and after: who did what when."""

    dossier = models.ForeignKey(Dossier, models.PROTECT, related_name="steps")
    what = models.CharField(max_length=20)
    by = models.CharField(max_length=200)
    at = models.DateTimeField()
    note = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return f"{self.dossier_id} {self.what}"


class InternalReview(models.Model):
    """That an organisation's dossiers are checked inside it before they are submitted.

    By its administrator, or by the `reviewers` when there are some.
    """

    organisation = models.OneToOneField(
        Organisation, models.PROTECT, primary_key=True, related_name="internal_review"
    )
    asked = models.BooleanField(default=False)
    reviewers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)

    def __str__(self) -> str:
        return str(self.organisation_id)
