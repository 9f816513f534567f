"""Middleware of signed-in visits: their length, who may go on, what caches may keep.

A session ends after a time without use and after a time in all (security control 4).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode
from django.utils.module_loading import import_string

from banfa.office import clock
from banfa.office.people import access, accounts, audit, passwords

GetResponse = Callable[[HttpRequest], HttpResponse]
BEGAN, SEEN = "began", "seen"
PUBLIC = frozenset(
    {
        *("account_login", "account_logout", "account_inactive", "language", "invitation"),
        *("mfa_authenticate", "mfa_login_webauthn", "demo_sign_in", "denied"),
        *("openid_connect_login", "openid_connect_callback"),
        *("socialaccount_login_error", "socialaccount_login_cancelled", "socialaccount_signup"),
    }
)
"""The pages for visitors who are not signed in."""
UNFINISHED = PUBLIC | {
    *("account_change_password", "account_reauthenticate", "mfa_index", "mfa_activate_totp"),
    *("mfa_reauthenticate", "mfa_add_webauthn", "mfa_list_webauthn", "mfa_reauthenticate_webauthn"),
    *("mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes"),
}
"""The pages for those who must first choose a new password or set up a second factor."""
OFTEN = 60
"""A session's last use is written down at most once in so many seconds."""


def begin(request: HttpRequest) -> None:
    """Marks the beginning of a session."""
    request.session[BEGAN] = request.session[SEEN] = time.time()


class TraceMiddleware:
    """Gives each request a number, and tells the audit log whence changes come."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        number = uuid.uuid4().hex
        token = audit.from_request(accounts.client_ip(request), number)
        try:
            response = self.get_response(request)
        finally:
            audit.forget(token)
        response.headers["X-Request-Id"] = number
        return response


class SessionMiddleware:
    """Ends sessions that were idle or lasted too long; sets `request.reach`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and (why := _over(request)):
            audit.note("session_ended", request.user, after={"because": why})
            logout(request)
            request.over = why
        request.reach = SimpleLazyObject(lambda: access.reach(request.user, clock.today()))
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response


def _over(request: HttpRequest) -> str:
    """Why the session is over; '' while it is not."""
    now, session = time.time(), request.session
    if now - session.get(SEEN, 0) > settings.IDLE_MINUTES * 60:
        return "idle"
    if now - session.get(BEGAN, 0) > settings.SESSION_HOURS * 3600:
        return "long"
    if now - session[SEEN] > OFTEN:
        session[SEEN] = now
    return ""


class GateMiddleware:
    """Lets nobody past the sign-in page who has not signed in and finished doing so."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Sends a visitor to sign in, or to what is still wanting."""
        name = request.resolver_match.url_name if request.resolver_match else ""
        if name in PUBLIC or not getattr(view, "login_required", True):
            return None
        user = request.user
        if not user.is_authenticated:
            keeps = import_string(settings.SIGNED_OUT_POST)
            again = keeps(request) if request.method == "POST" else None
            return again or _away(request, _sign_in(request))
        if name in UNFINISHED:
            return None
        if passwords.expired(user, clock.now()):
            return _away(request, reverse("account_change_password"))
        wanting = accounts.must_have_second_factor(request.reach)
        if wanting and not _second_factor_seen(request):
            return _away(request, reverse("mfa_index"))
        return None


def _second_factor_seen(request: HttpRequest) -> bool:
    """Whether a second factor is set up; once seen it is remembered for the session."""
    if not request.session.get("second_factor"):
        request.session["second_factor"] = accounts.has_second_factor(request.user)
    return bool(request.session["second_factor"])


def _sign_in(request: HttpRequest) -> str:
    """The sign-in page, with where to go on from there and, when a session was lost, that it was.

    A browser that still shows a session's cookie had one that has ended, here or elsewhere.
    """
    asked = {"next": place} if (place := _place(request)) else {}
    lost = request.method == "POST" or settings.SESSION_COOKIE_NAME in request.COOKIES
    if over := getattr(request, "over", "lost" if lost else ""):
        asked["over"] = over
    return reverse("account_login") + (f"?{urlencode(asked)}" if asked else "")


def _place(request: HttpRequest) -> str:
    """The address of the page on which the visitor was; '' when it is not known.

    For what is posted or fetched that is the page it came from: its own address may not be one
    that can be opened.
    """
    htmx = getattr(request, "htmx", None)
    if request.method == "GET" and not htmx:
        return request.get_full_path()
    came = urlsplit((htmx.current_url if htmx else "") or request.headers.get("Referer", ""))
    if came.netloc != request.get_host() or not came.path.startswith("/"):
        return ""
    return came.path + (f"?{came.query}" if came.query else "")


def _fetched(request: HttpRequest) -> bool:
    """Whether a script asks, which deals with the answer itself."""
    return getattr(request, "htmx", False) or request.headers.get("Accept") == "application/json"


def _away(request: HttpRequest, url: str) -> HttpResponse:
    if _fetched(request):
        return HttpResponse(status=401, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
