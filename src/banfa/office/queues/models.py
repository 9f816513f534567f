"""Ordinary data about work among people. None of it is official: that is what acts are.

A piece of work is *on* something: a procedure of a centre (`case`), or an act that is being
prepared for it (`act`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from banfa.office.ledger.models import Centre
from banfa.office.people.models import Organisation, User
from banfa.rules.words import Text


class Manner(models.TextChoices):
    """How a piece of work goes among the people of an organisation."""

    TOGETHER = "together", "会签"
    ANY = "any", "或签"
    IN_TURN = "in_turn", "依次"
    HAND_OVER = "hand_over", "转办"
    ENTRUST = "entrust", "委派"


class State(models.TextChoices):
    """How a task stands. Waiting: another one comes first. Needless: others have settled it."""

    WAITING = "waiting", "未轮到"
    OPEN = "open", "待办"
    DONE = "done", "已办"
    HANDED = "handed", "已转办"
    NEEDLESS = "needless", "无须再办"
    WITHDRAWN = "withdrawn", "已撤回"


LIVE = (State.WAITING, State.OPEN)


class Answer(models.TextChoices):
    """What a person says when finishing a task."""

    AGREE = "agree", "同意"
    OBJECT = "object", "不同意"
    DONE = "done", "已办理"


MANNERS: dict[str, Text] = {
    str(Manner.TOGETHER): Text("会签", "Sign together"),
    str(Manner.ANY): Text("或签", "Any one signs"),
    str(Manner.IN_TURN): Text("依次办理", "In turn"),
    str(Manner.HAND_OVER): Text("转办", "Handed over"),
    str(Manner.ENTRUST): Text("委派", "Entrusted"),
}
STATES: dict[str, Text] = {
    str(State.WAITING): Text("未轮到", "Not yet"),
    str(State.OPEN): Text("待办", "To do"),
    str(State.DONE): Text("已办", "Done"),
    str(State.HANDED): Text("已转办", "Handed over"),
    str(State.NEEDLESS): Text("无须再办", "No longer needed"),
    str(State.WITHDRAWN): Text("已撤回", "Taken back"),
}
ANSWERS: dict[str, Text] = {
    str(Answer.AGREE): Text("同意", "Agreed"),
    str(Answer.OBJECT): Text("不同意", "Objected"),
    str(Answer.DONE): Text("已办理", "Done"),
}


class OnWork(models.Model):
    """Something on a procedure of a centre, or on an act being prepared for it, by a person in a
    capacity."""

    centre = models.ForeignKey(Centre, models.PROTECT, related_name="+")
    case = models.CharField(max_length=200, default="", blank=True)
    act = models.CharField(max_length=100, default="", blank=True)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    party = models.CharField(max_length=100)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        abstract = True

    @property
    def place(self) -> str:
        """What it is on, as addresses name it: `extension-7`, or the act's kind."""
        return self.case.replace("#", "-") or self.act


class Opinion(OnWork):
    """What a person says on a piece of work. Never changed; it may be withdrawn, with a trace.

    `seq` is the act it is about, if one. `inside`: only for the writer's organisation.
    """

    seq = models.IntegerField(null=True)
    inside = models.BooleanField(default=True)
    on_behalf_of = models.CharField(max_length=200, default="", blank=True)
    answer = models.CharField(max_length=10, default="", blank=True, choices=Answer.choices)
    text = models.TextField()
    withdrawn = models.DateTimeField(null=True)
    why = models.TextField(default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["centre", "case"], name="opinion_of_case")]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.place} {self.by_id}"


class Routing(OnWork):
    """That a piece of work was given to people of the organisation, in a manner.

    `closed` when nobody has anything left to do, `used` the number of the act that was recorded
    after it.
    """

    manner = models.CharField(max_length=12, choices=Manner.choices)
    note = models.TextField(default="", blank=True)
    due = models.DateField(null=True)
    closed = models.DateTimeField(null=True)
    withdrawn = models.BooleanField(default=False)
    used = models.IntegerField(null=True)
    key = models.CharField(max_length=60, null=True, unique=True)
    shown: Sequence[Task] = ()

    class Meta:
        indexes = [models.Index(fields=["centre", "case", "act"], name="routing_of_work")]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.place} {self.manner}"

    @property
    def manner_text(self) -> Text:
        """Its manner in words."""
        return MANNERS[str(self.manner)]

    @property
    def unopened(self) -> bool:
        """Whether nobody else has opened or done anything of it (`shown` are its tasks)."""
        others = [t for t in self.shown if t.to_id != self.by_id]
        return all(t.seen is None and t.state in LIVE for t in others)


class Task(models.Model):
    """One person's part in a routing.

    `after` is the task that comes first. `instead_of` is the task that was handed over to this one;
    `asker` the task whose owner asked for this one (加签, 委派). `seen` is when its person first
    opened it.
    """

    routing = models.ForeignKey(Routing, models.PROTECT, related_name="tasks")
    to = models.ForeignKey(User, models.PROTECT, related_name="tasks")
    number = models.IntegerField()
    state = models.CharField(max_length=10, choices=State.choices)
    after = models.ForeignKey("self", models.PROTECT, null=True, related_name="later")
    instead_of = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    asker = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    entrusted = models.BooleanField(default=False)
    note = models.TextField(default="", blank=True)
    since = models.DateTimeField(null=True)
    seen = models.DateTimeField(null=True)
    done = models.DateTimeField(null=True)
    answer = models.CharField(max_length=10, default="", blank=True, choices=Answer.choices)
    opinion = models.ForeignKey(Opinion, models.PROTECT, null=True, related_name="+")
    urgent = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["to", "state"], name="task_of_person"),
            models.Index(fields=["to", "done"], name="task_done"),
        ]

    def __str__(self) -> str:
        return f"{self.routing_id}/{self.number} {self.to_id} {self.state}"

    @property
    def pk_text(self) -> str:
        """Its number as text, for the ids of controls."""
        return str(self.pk)

    @property
    def state_text(self) -> Text:
        """How it stands, in words."""
        return STATES[str(self.state)]

    @property
    def answer_text(self) -> Text:
        """What was answered, in words."""
        return ANSWERS[str(self.answer)]


class Urging(models.Model):
    """That a person asked others to hurry: at most once a day about the same thing."""

    centre = models.ForeignKey(Centre, models.PROTECT, related_name="+")
    case = models.CharField(max_length=200, default="", blank=True)
    task = models.ForeignKey(Task, models.PROTECT, null=True, related_name="urgings")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    on = models.DateField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["centre", "case", "task", "by", "on"],
                name="urged_once_a_day",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.case} {self.by_id} {self.on:%F}"


class Copied(OnWork):
    """That something was shown to a colleague to take note of (抄送)."""

    to = models.ForeignKey(User, models.PROTECT, related_name="copies")
    note = models.TextField(default="", blank=True)
    read = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["centre", "case", "act", "to"], name="copied_once")
        ]
        indexes = [models.Index(fields=["to", "-at"], name="copies_of_person")]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.place} → {self.to_id}"


class JointDraft(OnWork):
    """An act as it would be recorded, sent to the bodies that have to concur in it first.

    `digest` is what they concur on, `proposal` what is proposed (day, organisation, data,
    documents, exception), encoded; `why` is the reason for another grade than the one computed, if
    any. `asked` are the bodies' parties, `said` what each has recorded: party -> agrees. `closed`
    when it was recorded (`used`: the act's number) or taken back.
    """

    digest = models.CharField(max_length=80)
    proposal = models.JSONField()
    note = models.TextField(default="", blank=True)
    why = models.TextField(default="", blank=True)
    asked = ArrayField(models.CharField(max_length=100))
    said = models.JSONField(default=dict)
    closed = models.DateTimeField(null=True)
    used = models.IntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["centre", "digest"],
                condition=Q(closed__isnull=True),
                name="joint_draft_once",
            )
        ]
        indexes = [
            GinIndex(fields=["asked"], name="joint_draft_asked"),
            models.Index(fields=["organisation", "-at"], name="joint_draft_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.act} {self.digest}"

    @property
    def agreed(self) -> bool:
        """Whether every body asked has agreed."""
        return all(self.said.get(party) is True for party in self.asked)

    @property
    def objected(self) -> bool:
        """Whether a body has objected."""
        return any(self.said.get(party) is False for party in self.asked)

    @property
    def lacking(self) -> list[str]:
        """The bodies that have not answered."""
        return [party for party in self.asked if party not in self.said]


class Phrase(models.Model):
    """A stock phrase (常用语): a person's own, or an organisation's for all its people."""

    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="phrases")
    organisation = models.ForeignKey(
        Organisation, models.PROTECT, null=True, related_name="phrases"
    )
    text = models.CharField(max_length=300)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(organisation__isnull=True),
                name="phrase_of_one",
            ),
            models.UniqueConstraint(
                fields=["user", "organisation", "text"],
                name="phrase_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.text


class SignOff(models.Model):
    """That in an organisation acts of a kind are to be signed off by these people before they are
    recorded."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="sign_offs")
    programme = models.CharField(max_length=40)
    act = models.CharField(max_length=100)
    manner = models.CharField(max_length=12, choices=Manner.choices)
    people = ArrayField(models.IntegerField())
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "programme", "act"], name="sign_off_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.programme}:{self.act}"


class Note(models.Model):
    """A note on a centre, for the people of the writer's organisation only."""

    centre = models.ForeignKey(Centre, models.PROTECT, related_name="+")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.TextField()
    removed = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["centre", "organisation"], name="note_of_centre")]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.by_id} {self.at:%F}"


Place = tuple[Centre, str, str]
"""What work is on: a centre, a case's id ('' for none), an act's kind ('' for none)."""


def at_day(moment: dt.datetime | None) -> dt.date | None:
    """A moment's day in Shanghai."""
    from banfa.office.clock import SHANGHAI

    return moment.astimezone(SHANGHAI).date() if moment is not None else None
