"""A piece of long work: whose it is, how far it has come, what came of it. Nothing official."""

from __future__ import annotations

from django.db import models

from banfa.office.people.models import User


class Progress(models.TextChoices):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Job(models.Model):
    """Long work that somebody began, of a kind that `verbs.kind` knows.

    `asked` is what the work is given; `done` of `of` steps are behind it (`of` 0: not known yet).
    `said` are lines of its outcome, pairs of Chinese and English; `link` leads to what came of it,
    `content` is a file that it made.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=40)
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200)
    asked = models.JSONField(default=dict)
    language = models.CharField(max_length=10)
    standing = models.CharField(max_length=10, choices=Progress.choices, default=Progress.WAITING)
    done = models.PositiveIntegerField(default=0)
    of = models.PositiveIntegerField(default=0)
    stop = models.BooleanField(default=False)
    said = models.JSONField(default=list)
    link = models.CharField(max_length=300, blank=True)
    file_name = models.CharField(max_length=200, blank=True)
    file_type = models.CharField(max_length=100, blank=True)
    content = models.BinaryField(null=True)
    made = models.DateTimeField()
    began = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-id"], name="jobs_of_user")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.standing in (Progress.WAITING, Progress.RUNNING)
