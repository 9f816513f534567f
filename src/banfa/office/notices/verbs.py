"""The verbs about notices. `tell` is the one by which a person is told something."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import QuerySet

from banfa.office import clock
from banfa.office.ledger.models import Centre
from banfa.office.notices import mails
from banfa.office.notices.errors import Changed, NoFeed, NoticeError, TooOften
from banfa.office.notices.kinds import KINDS, Channel
from banfa.office.notices.models import Choice, Feed, Notice, Wish
from banfa.office.people.models import Membership, Organisation, User
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


# --- reading ------------------------------------------------------------------------------------


def mark_read(notices: QuerySet[Notice]) -> int:
    """Marks those of these notices that are not read yet; gives how many."""
    return notices.filter(read__isnull=True).update(read=clock.now())


# --- how a person wants to be told --------------------------------------------------------------


def choose(
    user: User,
    channels: Mapping[str, str],
    language: str,
    quiet: tuple[dt.time, dt.time] | None,
    version: int,
) -> Wish:
    """Keeps a person's wishes about mail.

    `channels` says for each kind how it goes out; `quiet` are the hours without mail, `version`
    that of the wishes which the person saw. Raises Changed when these have changed since,
    NoticeError for what is not to be chosen.
    """
    if language not in ("zh-hans", "en"):
        raise NoticeError("请选择邮件所用的语言", "choose the language of mail")
    known = {str(channel) for channel in Channel}
    if set(channels) != set(KINDS) or not set(channels.values()) <= known:
        raise NoticeError("请为每一类通知选择邮件方式", "choose for every kind how it is mailed")
    if quiet is not None and quiet[0] == quiet[1]:
        raise NoticeError(
            "免打扰时段的起止时间不能相同", "quiet hours cannot begin and end at the same time"
        )
    with transaction.atomic():
        Wish.objects.get_or_create(user=user)
        wish = Wish.objects.select_for_update().get(user=user)
        if wish.version != version:
            raise Changed
        wish.language, wish.version = language, version + 1
        wish.quiet_from, wish.quiet_until = quiet or (None, None)
        wish.save()
        Choice.objects.filter(user=user).delete()
        Choice.objects.bulk_create(
            Choice(user=user, kind=kind, channel=channel) for kind, channel in channels.items()
        )
    return wish


# --- calendar addresses -------------------------------------------------------------------------

FETCHES_AN_HOUR = 60


def open_feed(user: User, organisation: Organisation | None = None) -> str:
    """A calendar address's secret for a person; one made before for the same ends.

    Raises NoFeed for an organisation that the person does not belong to.
    """
    if organisation is not None and not belongs(user, organisation.pk):
        raise NoFeed
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        close_feed(user, organisation)
        Feed.objects.create(
            user=user, organisation=organisation, digest=_digest(secret), made=clock.now()
        )
    return secret


def close_feed(user: User, organisation: Organisation | None = None) -> int:
    """Ends a person's calendar address; gives whether there was one (1 or 0)."""
    live = Feed.objects.filter(user=user, organisation=organisation, ended__isnull=True)
    return live.update(ended=clock.now())


def fetch(secret: str) -> Feed:
    """The calendar address with that secret, its use counted.

    Raises NoFeed when there is none (any more), its person is no longer active or no longer of the
    organisation; TooOften above so many fetches an hour.
    """
    now = clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    with transaction.atomic():
        feed = (
            Feed.objects.select_for_update(of=("self",))
            .select_related("user", "organisation")
            .filter(digest=_digest(secret), ended__isnull=True)
            .first()
        )
        if feed is None or not feed.user.is_active:
            raise NoFeed
        if feed.organisation is not None and not belongs(feed.user, feed.organisation.pk):
            raise NoFeed
        feed.count = feed.count + 1 if feed.hour == hour else 1
        feed.hour, feed.fetched = hour, now
        feed.save(update_fields=["count", "hour", "fetched"])
    if feed.count > FETCHES_AN_HOUR:
        raise TooOften(int((hour + dt.timedelta(hours=1) - now).total_seconds()) + 1)
    return feed


def belongs(user: User, organisation: str) -> bool:
    """Whether a person belongs to an organisation today."""
    mine = Membership.objects.filter(user=user, organisation=organisation).first()
    return mine is not None and mine.holds(clock.today())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _channels(people: dict[int, User], kind: str, urgent: bool) -> dict[int, Channel]:
    """How each person is mailed: one query. What is urgent goes at once, unless by no mail."""
    chosen = dict(Choice.objects.filter(user__in=people, kind=kind).values_list("user", "channel"))
    found = {number: Channel(chosen.get(number, KINDS[kind].channel)) for number in people}
    if urgent:
        found = {n: c if c == Channel.NONE else Channel.AT_ONCE for n, c in found.items()}
    return found


def _cut(text: str) -> str:
    return text if len(text) <= 300 else text[:299] + "…"
