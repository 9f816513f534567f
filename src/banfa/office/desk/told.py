"""What is said once, on the next page, of something just done."""

from __future__ import annotations

from django.http import HttpRequest

_KEY = "told"


def leave(request: HttpRequest, said: str) -> None:
    """Leaves a sentence, in the visitor's language, for the next page; "" leaves none."""
    if said:
        request.session[_KEY] = said


def take(request: HttpRequest) -> str:
    """The sentence that was left, which is then gone; '' when there is none."""
    # Asked first: a session that nothing is taken from need not be written.
    return str(request.session.pop(_KEY)) if _KEY in request.session else ""
