"""A file on its way in: kept from its preview until it is entered or given up."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Upload(models.Model):
    """A list that somebody brought for a programme.

    `sheet` is the sheet of a workbook that was read, `others` are those with rows of their own.
    `judged` is what each row would come to by the columns now chosen, `report` what came of it.
    """

    programme = models.CharField(max_length=40)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="uploads")
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=80)
    content = models.BinaryField()
    head = models.JSONField(default=list)
    rows = models.PositiveIntegerField(default=0)
    sheet = models.CharField(max_length=200, default="", blank=True)
    others = models.JSONField(default=list)
    on = models.DateField()
    basis = models.CharField(max_length=300, default="", blank=True)
    chosen = models.JSONField(default=dict)
    judged = models.JSONField(null=True)
    made = models.DateTimeField()
    entered = models.DateTimeField(null=True)
    report = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.programme} {self.name}"
