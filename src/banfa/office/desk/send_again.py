"""A form that was posted without a session or with a stale token: what was typed is not lost."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

OWN = ("account_", "mfa_")
"""How the names of the pages begin on which passwords and codes are typed: never shown again."""


def send_again(request: HttpRequest) -> HttpResponse | None:
    """What was posted, in a page from which it is sent again once one has signed in.

    None when nothing was typed, when it holds a password, and when a script asks, which deals with
    the answer itself.
    """
    try:
        kept = [(n, v) for n, held in request.POST.lists() for v in held]
    except (RequestDataTooBig, TooManyFieldsSent):
        kept = []
    hidden = [(n, v) for n, v in kept if n != "csrfmiddlewaretoken"]
    if not hidden or _scripted(request) or _secret(request, [n for n, _v in hidden]):
        return None
    context = {
        "kept": hidden,
        "files": bool(request.FILES),
        "to": request.get_full_path(),
        "signed": request.user.is_authenticated,
    }
    return render(request, "desk/send_again.html", context, status=403)


def ours(request: HttpRequest) -> bool:
    """Whether the browser says that the form stood on a page of this site.

    Another site's form must not be offered for sending: one click would do what it asks.
    """
    told = request.headers.get("Origin") or request.headers.get("Referer") or ""
    return urlsplit(told).netloc == request.get_host()


def _scripted(request: HttpRequest) -> bool:
    asked = request.headers.get("Accept") == "application/json"
    return asked or bool(getattr(request, "htmx", False))


def _secret(request: HttpRequest, names: list[str]) -> bool:
    page = request.resolver_match.url_name if request.resolver_match else ""
    return (page or "").startswith(OWN) or any("password" in name for name in names)
