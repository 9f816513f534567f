"""What is done once a day: what is owed looked at anew, reminders, digests, cleaning up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.urls import reverse

from banfa.office import clock
from banfa.office.ledger import agenda
from banfa.office.notices import jobs, mails, reminders
from banfa.office.notices.models import Daily, Feed, Mail, Notice
from banfa.office.notices.verbs import tell
from banfa.office.people.models import Invitation, Role, Standing, User
from banfa.rules.words import Text


def clean_up() -> int:
    """Removes what is older than it is kept: notices, mails, feeds and links that ended, sessions.

    Gives how many notices went.
    """
    before = clock.now() - dt.timedelta(days=settings.NOTICE_DAYS)
    count, _each = Notice.objects.filter(made__lt=before).delete()
    Mail.objects.filter(made__lt=before).delete()
    Feed.objects.filter(ended__lt=before).delete()
    Invitation.objects.filter(until__lt=before).delete()
    Daily.objects.filter(day__lt=before.date()).delete()
    SessionStore.clear_expired()
    return count


def look_ahead() -> int:
    """Makes anew what is kept beside the centres whose day has come; gives how many are left."""
    return agenda.refresh(clock.today(), limit=None)


def tell_of_troubles() -> int:
    """Tells the system administrators what failed and was not mended; gives how many people."""
    standing = jobs.standing()
    lost = sum(mail.given_up is not None for mail in standing.mails)
    failed = len(standing.failed)
    if not failed and not lost:
        return 0
    return tell(
        User.objects.filter(role=Role.SYSTEM, standing=Standing.ACTIVE),
        "job",
        Text(
            f"后台有{failed}项任务未成、{lost}封邮件未能发出",
            f"{failed} background jobs failed, {lost} mails could not be sent",
        ),
        link=reverse("background"),
        key=f"troubles:{clock.today()}",
    )


Step = tuple[str, dt.time, Callable[[], int]]
STEPS: tuple[Step, ...] = (
    ("agenda", dt.time(0, 5), look_ahead),
    ("clean_up", dt.time(2, 0), clean_up),
    ("reminders", dt.time(6, 0), reminders.remind),
    ("troubles", dt.time(7, 30), tell_of_troubles),
    ("digests", dt.time(8, 0), mails.make_digests),
)
"""Each step's name, the time of day from which it is due, and what it is."""
MORE: dict[str, Step] = {}
"""Steps of other apps, by name."""


def also(name: str, begins: dt.time, step: Callable[[], int]) -> None:
    """Adds a step of another app to what each day brings; called when that app is ready."""
    MORE[name] = (name, begins, step)


def steps() -> list[Step]:
    """All steps in the order of their times."""
    return sorted((*STEPS, *MORE.values()), key=lambda step: step[1])


def run() -> list[str]:
    """Does what is due today and not done yet; gives the names.

    A step is written down when it is over: one that was cut off is done again, which each bears,
    and none holds its locks for longer than it needs them.
    """
    done = []
    for name, begins, step in steps():
        now = clock.now()
        if now.time() < begins or Daily.objects.filter(name=name, day=now.date()).exists():
            continue
        step()
        Daily.objects.get_or_create(name=name, day=now.date(), defaults={"done": now})
        done.append(name)
    return done
