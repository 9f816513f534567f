"""One-time links by which a person chooses the first password, or a new one."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from django.db import transaction

from banfa.office import clock
from banfa.office.people import audit, passwords
from banfa.office.people.errors import PeopleError
from banfa.office.people.models import Invitation, Standing, User

LASTS = dt.timedelta(days=3)


def make(user: User, by: User | None) -> str:
    """A link's secret for a person; links made before for the same person end."""
    secret = secrets.token_urlsafe(32)
    now = clock.now()
    Invitation.objects.filter(user=user, used__isnull=True, until__gt=now).update(until=now)
    Invitation.objects.create(
        user=user, digest=_digest(secret), made=now, made_by=by, until=now + LASTS
    )
    audit.note("invited", by, f"user:{user.pk} {user.username}")
    return secret


def find(secret: str) -> Invitation | None:
    """The link that still works; None when there is none such, it is used or too old."""
    found = Invitation.objects.select_related("user").filter(digest=_digest(secret)).first()
    good = found is not None and found.used is None and found.until > clock.now()
    return found if good and found and found.user.standing != Standing.DISABLED else None


def accept(secret: str, raw: str) -> User:
    """Uses a link: sets the (validated) password. Raises PeopleError when it no longer works."""
    with transaction.atomic():
        found = find(secret)
        taken = found and Invitation.objects.filter(pk=found.pk, used__isnull=True).update(
            used=clock.now()
        )
        if not found or not taken:
            raise PeopleError(
                "这一链接已用过或已过期，请向发出的管理员另要一个",
                "this link was used or is too old; ask for another",
            )
        passwords.choose(found.user, raw)
    audit.note("password_changed", found.user, f"user:{found.user.pk}")
    return found.user


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
