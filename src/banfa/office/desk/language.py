"""Chinese unless switched: the language comes from a cookie, never from the browser's wishes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

CHINESE, ENGLISH = "zh-hans", "en"


class LanguageMiddleware:
    """Activates the language that the cookie names, Chinese when it names none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        wanted = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
        language = ENGLISH if wanted == ENGLISH else CHINESE
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        patch_vary_headers(response, ("Cookie",))
        response.headers.setdefault("Content-Language", tag(language))
        return response


def tag(language: str) -> str:
    """The BCP 47 tag of a language for `lang` attributes and headers."""
    return "en" if language == ENGLISH else "zh-CN"


def in_english() -> bool:
    """Whether the page at hand is in English."""
    return (translation.get_language() or "").startswith("en")


def say(words: Any) -> str:
    """A declared pair of words (`.zh`, `.en`) in the language of the page; '' for none."""
    return speaker()(words)


def speaker() -> Callable[[Any], str]:
    """`say` for many words at once: the language of the page is asked for once."""
    english = in_english()

    def said(words: Any) -> str:
        if words is None:
            return ""
        if isinstance(words, str):
            return words
        return str((words.en if english else words.zh) or words.zh)

    return said


def joined(names: Iterable[str]) -> str:
    """Names in a row, with the mark of the page's language between them."""
    return (", " if in_english() else "、").join(names)


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Sets the language cookie and goes back to where the visitor was."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    wanted = ENGLISH if request.POST.get("language") == ENGLISH else CHINESE
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        wanted,
        max_age=365 * 24 * 3600,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response
