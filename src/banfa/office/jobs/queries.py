"""What somebody may see of long work: their own."""

from __future__ import annotations

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from banfa.office.jobs.errors import NoSuchJob
from banfa.office.jobs.models import Job
from banfa.office.people.models import User


def mine(user: User) -> QuerySet[Job]:
    """A person's jobs, the latest first, without what their files hold; `has_file` says so."""
    there = ExpressionWrapper(Q(content__isnull=False), output_field=BooleanField())
    return Job.objects.filter(user=user).defer("content").annotate(has_file=there).order_by("-id")


def job(user: User, number: int) -> Job:
    """One of a person's jobs. Raises NoSuchJob."""
    found = mine(user).filter(pk=number).first()
    if found is None:
        raise NoSuchJob("没有这一后台任务", "no such job")
    return found
