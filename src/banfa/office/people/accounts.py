"""Signing in: where django-allauth and django-axes meet the people of the office."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from allauth.account import signals as account_signals
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.mfa import signals as mfa_signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.usersessions.models import UserSession
from axes import signals as axes_signals
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.auth import signals as auth_signals
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from banfa.office import clock
from banfa.office.people import access, audit, passwords
from banfa.office.people.models import User
from banfa.office.prepared import Prepared, later

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class Backend(AuthenticationBackend):
    """Accounts by name and password; `User.is_active` decides whether they take effect."""

    def get_user(self, user_id: int) -> User | None:
        """The account of a session, while it takes effect: one query, asked by every request."""
        found: User | None = _account.first(id=user_id)
        return found if found is not None and self.user_can_authenticate(found) else None


_account = Prepared(lambda: User.objects.filter(pk=later("id")))


def client_ip(request: HttpRequest) -> str:
    """The visitor's address; behind so many trusted proxies as the settings say."""
    behind = int(settings.TRUSTED_PROXIES)
    told = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",")]
    if behind and len(told) >= behind and told[-behind]:
        return told[-behind]
    return str(request.META.get("REMOTE_ADDR", ""))


def tried_username(request: HttpRequest, credentials: Any = None) -> str:
    """The account that somebody tries to sign in to, by which failures are counted."""
    given = (credentials or {}).get("username") or request.POST.get("login", "")
    return str(given).strip().lower()[:60]


class AccountAdapter(DefaultAccountAdapter):
    """No signing up by oneself; passwords through `passwords.choose`."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are created by administrators only."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The visitor's address."""
        return client_ip(request)

    def set_password(self, user: Any, password: str) -> None:
        """Keeps the history."""
        passwords.choose(user, password)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """To the first page."""
        return reverse("home")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """To one's own account."""
        return reverse("account") + "?done=password"


class SocialAdapter(DefaultSocialAccountAdapter):
    """A single sign-on leads to an account that is there already, never to a new one."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Never."""
        return False


class MFAAdapter(DefaultMFAAdapter):
    """Second factors: secrets are kept encrypted; the last one stays where one is needed."""

    def encrypt(self, text: str) -> str:
        """A secret as it is stored."""
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret."""
        return _fernet().decrypt(encrypted_text.encode()).decode()

    def get_totp_issuer(self) -> str:
        """What an authenticator shows."""
        return "办法 Banfa"

    def _get_site_name(self) -> str:
        return "办法 Banfa"

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Not the last one of a person who must have one."""
        if authenticator.type not in SECOND_FACTORS or not must_have_second_factor(
            access.reach(authenticator.user, clock.today())
        ):
            return True
        held = Authenticator.objects.filter(user=authenticator.user, type__in=SECOND_FACTORS)
        return bool(held.count() > 1)


def _fernet() -> Fernet:
    key = hashlib.sha256(b"second factor:" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def must_have_second_factor(reach: access.Reach) -> bool:
    """Whether the rights say so; the demonstration's one-click accounts are spared."""
    return reach.needs_second_factor and not reach.user.demo


def has_second_factor(user: User) -> bool:
    """Whether a second factor is set up: one query."""
    return bool(Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).exists())


# --- what happens at sign-in goes to the audit log ----------------------------------------------


def connect() -> None:
    """Connects the signals; called once when the app is ready."""
    auth_signals.user_logged_in.connect(_signed_in)
    auth_signals.user_logged_out.connect(_signed_out)
    auth_signals.user_login_failed.connect(_failed)
    account_signals.user_logged_in.connect(_keep_few_sessions)
    account_signals.password_changed.connect(_password_changed)
    axes_signals.user_locked_out.connect(_locked_out)
    mfa_signals.authenticator_added.connect(_factor_changed)
    mfa_signals.authenticator_removed.connect(_factor_changed)
    mfa_signals.authentication_failed.connect(_factor_failed)


def _signed_in(sender: Any, request: Any, user: User, **more: Any) -> None:
    from banfa.office.people import sessions

    if request is not None:
        sessions.begin(request)
    audit.note("sign_in", user)


def _signed_out(sender: Any, request: Any, user: Any, **more: Any) -> None:
    if user is not None:
        audit.note("sign_out", user)


def _failed(sender: Any, credentials: Any, request: Any = None, **more: Any) -> None:
    who = str(credentials.get("username") or credentials.get("email") or "")
    audit.note("sign_in_failed", who=who, result="failed")


def _locked_out(sender: Any, request: Any = None, username: Any = None, **more: Any) -> None:
    audit.note("locked_out", who=str(username or ""), result="failed")


def _password_changed(sender: Any, request: Any, user: User, **more: Any) -> None:
    audit.note("password_changed", user, f"user:{user.pk}")


def _factor_changed(sender: Any, user: User, authenticator: Any, **more: Any) -> None:
    audit.note("second_factor", user, f"user:{user.pk}", after={"type": str(authenticator.type)})


def _factor_failed(sender: Any, user: User, **more: Any) -> None:
    audit.note("second_factor_failed", user, result="failed")


def _keep_few_sessions(sender: Any, request: Any, user: User, **more: Any) -> None:
    """Ends the oldest sessions beyond as many as the settings allow."""
    if user.demo:
        return
    held = list(UserSession.objects.filter(user=user).order_by("-created_at", "-pk"))
    for old in held[int(settings.SESSIONS_AT_MOST) :]:
        old.end()
        audit.note("session_ended", user, f"session:{old.pk}", after={"because": "too_many"})


def lockout_message() -> str:
    """What the page of a locked account says."""
    return _("登录失败次数过多，该账号已暂时锁定。请在%(n)d分钟后再试，或联系系统管理员。") % {
        "n": int(settings.LOCKOUT_MINUTES)
    }
