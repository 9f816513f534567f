"""Saved views of lists, and runs of one act over many centres. Ordinary data, nothing official."""

from __future__ import annotations

from django.db import models

from banfa.office.people.models import Organisation, User


class SavedView(models.Model):
    """A list as somebody wants to see it again: its filters, columns and order.

    `listing` names the list, `query` is the query string. With `organisation` its members use it
    too; only its owner changes it.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="views")
    organisation = models.ForeignKey(
        Organisation, models.CASCADE, null=True, related_name="shared_views"
    )
    listing = models.CharField(max_length=40)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True)
    created = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "listing", "name"], name="view_of_user")
        ]

    def __str__(self) -> str:
        return self.name


class BulkRun(models.Model):
    """One act taken on many centres, each by itself. `rows` are what came of it, in order:
    `centre`, `name`, `accepted`, `seq`, and `said` (pairs of Chinese and English) when refused.

    `key` is the idempotency key of the whole; each centre's act has its own made from it.
    """

    user = models.ForeignKey(User, models.PROTECT, related_name="bulk_runs")
    key = models.CharField(max_length=100, unique=True)
    programme = models.CharField(max_length=40)
    act = models.CharField(max_length=100)
    act_zh = models.CharField(max_length=200)
    act_en = models.CharField(max_length=200)
    on = models.DateField()
    started = models.DateTimeField()
    rows = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.act} {self.key}"
