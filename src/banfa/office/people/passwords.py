"""Choosing a password: how strong it must be, which ones came before, how long it lasts.

At least 12 characters, or 8 of three classes; none of the last five; 90 days unless set otherwise
(security.md controls 2: GB/T 22239-2019, 8.1.4.1 a).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from banfa.office import clock
from banfa.office.people.models import OldPassword, User

LONG, SHORT, CLASSES = 12, 8, 3
HISTORY = 5
_CLASSES = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^a-zA-Z0-9]")


class StrengthValidator:
    """Twelve characters, or eight of three classes; not the account's own name."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError when it is too weak."""
        classes = sum(bool(re.search(c, password)) for c in _CLASSES)
        if len(password) < SHORT or (len(password) < LONG and classes < CLASSES):
            raise ValidationError(self.get_help_text(), code="too_weak")
        if len(set(password)) < 5:
            raise ValidationError(_("口令中不同的字符太少。"), code="too_uniform")
        name = getattr(user, "username", "")
        if name and name.lower() in password.lower():
            raise ValidationError(_("口令不得包含账号名。"), code="has_name")

    def get_help_text(self) -> str:
        """The rule in words."""
        return _("口令至少12个字符；或者至少8个字符，且含大写字母、小写字母、数字、符号中的三类。")


class CommonValidator(CommonPasswordValidator):
    """Not one of those that everybody tries first; said in the words of the other rules."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError when it is one of them."""
        try:
            super().validate(password, user)
        except ValidationError as error:
            raise ValidationError(_("这个口令太常见了。"), code=error.code) from None

    def get_help_text(self) -> str:
        """The rule in words."""
        return _("不得为常见的口令。")


class HistoryValidator:
    """None of the passwords used last."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError when it was used before."""
        if not isinstance(user, User) or user.pk is None:
            return
        old = user.old_passwords.order_by("-id").values_list("hash", flat=True)[: HISTORY - 1]
        before = [user.password] if user.has_usable_password() else []
        if any(check_password(password, one) for one in [*before, *old]):
            raise ValidationError(self.get_help_text(), code="used_before")

    def get_help_text(self) -> str:
        """The rule in words."""
        return _("不得与最近%(n)d次用过的口令相同。") % {"n": HISTORY}


def choose(user: User, raw: str) -> None:
    """Sets a password that has been validated, keeping the one before in the history."""
    if user.has_usable_password() and user.password:
        OldPassword.objects.create(user=user, hash=user.password, until=clock.now())
    user.set_password(raw)
    user.must_change, user.changed = False, clock.now()
    user.save(update_fields=["password", "must_change", "changed"])


def expired(user: User, now: dt.datetime) -> bool:
    """Whether a new password must be chosen: asked for, or the old one has lasted its days."""
    if not user.has_usable_password():
        return False
    if user.must_change or user.changed is None:
        return True
    days = int(settings.PASSWORD_DAYS)
    return bool(days) and now - user.changed > dt.timedelta(days=days)
