"""What was typed, without what no database takes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def without_nul(view: View) -> View:
    """A page whose form may hold NUL characters: they are left out; in an address they are 404."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if any("\0" in str(part) for part in kwargs.values()):
            raise Http404
        if any("\0" in text for values in request.POST.lists() for text in values[1]):
            post = request.POST.copy()
            for name, values in post.lists():
                post.setlist(name, [text.replace("\0", "") for text in values])
            request.POST = post
        return view(request, *args, **kwargs)

    return wrapped
