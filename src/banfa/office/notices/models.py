"""What people were told, how they want to be told, and what went out by mail.

None of this is official: notices are ordinary data and are removed after a time
(BANFA_NOTICE_DAYS). What must be proven stands in the ledger.
"""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.db.models import Q

from banfa.office.ledger.models import Centre
from banfa.office.notices.kinds import Channel
from banfa.office.people.models import Organisation, User


class Mail(models.Model):
    """A message to a person: one notice at once, or a day's digest.

    `problem` is what went wrong at the last of `tries`, its sort and a code (see `mails.trouble`);
    `given_up` when no further try is made.
    """

    to = models.ForeignKey(User, models.PROTECT, related_name="mails")
    digest = models.BooleanField(default=False)
    made = models.DateTimeField()
    sent = models.DateTimeField(null=True)
    tries = models.IntegerField(default=0)
    problem = models.CharField(max_length=300, default="", blank=True)
    given_up = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["made"], condition=Q(sent__isnull=True), name="mail_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.to_id} {self.made:%F}"


class Notice(models.Model):
    """One thing that one person is told. The same `key` reaches a person once.

    `channel` is how it was to go out by mail when it was made; `mail` the message that carried it.
    """

    to = models.ForeignKey(User, models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=40)
    subject_zh = models.CharField(max_length=300)
    subject_en = models.CharField(max_length=300)
    body_zh = models.TextField(default="", blank=True)
    body_en = models.TextField(default="", blank=True)
    link = models.CharField(max_length=500, default="", blank=True)
    centre = models.ForeignKey(Centre, models.SET_NULL, null=True, related_name="+")
    key = models.CharField(max_length=200)
    urgent = models.BooleanField(default=False)
    made = models.DateTimeField()
    read = models.DateTimeField(null=True)
    channel = models.CharField(max_length=20, default="none")
    mail = models.ForeignKey(Mail, models.SET_NULL, null=True, related_name="notices")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["to", "key"], name="told_once")]
        indexes = [
            models.Index(fields=["to", "-made", "-id"], name="notice_of_person"),
            models.Index(
                fields=["to", "-urgent", "-made"],
                condition=Q(read__isnull=True),
                name="notice_unread",
            ),
            models.Index(
                fields=["to"],
                condition=Q(mail__isnull=True, read__isnull=True, channel="digest"),
                name="notice_for_digest",
            ),
            models.Index(fields=["made"], name="notice_made"),
        ]

    def __str__(self) -> str:
        return self.subject_zh


class Wish(models.Model):
    """How a person wants to be written to: language, and hours in which only urgent mail goes.

    Quiet hours may pass midnight; both empty: none.
    """

    user = models.OneToOneField(User, models.PROTECT, primary_key=True, related_name="wish")
    language = models.CharField(max_length=10, default="zh-hans")
    quiet_from = models.TimeField(null=True, default=dt.time(21, 0))
    quiet_until = models.TimeField(null=True, default=dt.time(8, 0))
    version = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_from_and_until",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.language}"


class Choice(models.Model):
    """How notices of a kind go to a person by mail, where it is not as usual."""

    user = models.ForeignKey(User, models.PROTECT, related_name="notice_choices")
    kind = models.CharField(max_length=40)
    channel = models.CharField(max_length=20)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="choice_once"),
            models.CheckConstraint(
                condition=Q(channel__in=[str(c) for c in Channel]), name="known_channel"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind}: {self.channel}"


class Feed(models.Model):
    """A calendar address of a person: all their deadlines, or those of one of their organisations.

    Only the address's digest is kept. `hour` and `count` are how often it was fetched in the hour
    at hand; `fetched` when last.
    """

    user = models.ForeignKey(User, models.PROTECT, related_name="feeds")
    organisation = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+")
    digest = models.CharField(max_length=80, unique=True)
    made = models.DateTimeField()
    ended = models.DateTimeField(null=True)
    fetched = models.DateTimeField(null=True)
    hour = models.DateTimeField(null=True)
    count = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organisation"],
                condition=Q(ended__isnull=True),
                name="feed_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.organisation_id or ''}"


class Daily(models.Model):
    """That something to be done once a day was done for that day."""

    name = models.CharField(max_length=40)
    day = models.DateField()
    done = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "day"], name="once_a_day")]

    def __str__(self) -> str:
        return f"{self.name} {self.day}"
