"""The verbs about notices. `tell` is the one by which a person is told something."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable

from django.db import transaction

from banfa.office import clock
from banfa.office.ledger.models import Centre
from banfa.office.notices import mails
from banfa.office.notices.kinds import KINDS, Channel
from banfa.office.notices.models import Choice, Notice
from banfa.office.people.models import User
from banfa.rules.words import Text


def tell(
    to: Iterable[User],
    kind: str,
    subject: Text,
    *,
    body: Text | None = None,
    link: str = "",
    centre: Centre | None = None,
    key: str,
    urgent: bool = False,
    made: dt.datetime | None = None,
) -> int:
    """Tells people something; gives to how many it was new.

    One notice for each active person; the same `key` reaches a person once, whatever happens in
    between. It goes out by mail as the person chose for that `kind` (one of `kinds.KINDS`; others
    are a ValueError). `link` is an address within the site. `urgent`: shown on every page until it
    is read, and mailed at once. In one transaction with what called it; `made` is only for what
    happened earlier.
    """
    if kind not in KINDS:
        raise ValueError(f"no kind of notice '{kind}'; there are {', '.join(KINDS)}")
    if link and (not link.startswith("/") or link.startswith("//")):
        raise ValueError(f"a notice leads to an address within the site, not to '{link}'")
    key = key if len(key) <= 200 else hashlib.sha256(key.encode()).hexdigest()
    people = {user.pk: user for user in to if user.is_active}
    with transaction.atomic():
        told = Notice.objects.filter(to__in=people, key=key).values_list("to", flat=True)
        for known in told:
            people.pop(known)
        if not people:
            return 0
        channels = _channels(people, kind, urgent)
        words = {
            "subject_zh": _cut(subject.zh),
            "subject_en": _cut(subject.en),
            "body_zh": body.zh if body else "",
            "body_en": body.en if body else "",
        }
        Notice.objects.bulk_create(
            (
                Notice(
                    **words, to=user, kind=kind, link=link, centre=centre, key=key, urgent=urgent,
                    made=made or clock.now(), channel=channels[number],
                )
                for number, user in people.items()
            ),
            ignore_conflicts=True,
        )  # fmt: skip
        mails.send_at_once(key, [n for n in people if channels[n] == Channel.AT_ONCE])
    return len(people)


def _channels(people: dict[int, User], kind: str, urgent: bool) -> dict[int, Channel]:
    """How each person is mailed: one query. What is urgent goes at once, unless by no mail."""
    chosen = dict(Choice.objects.filter(user__in=people, kind=kind).values_list("user", "channel"))
    found = {number: Channel(chosen.get(number, KINDS[kind].channel)) for number in people}
    if urgent:
        found = {n: c if c == Channel.NONE else Channel.AT_ONCE for n, c in found.items()}
    return found


def _cut(text: str) -> str:
    return text if len(text) <= 300 else text[:299] + "…"
