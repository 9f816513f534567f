"""What every page shows: the day, whether it is a fictional one, the language."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from banfa.office import clock
from banfa.office.desk import navigation, notice_pages, told
from banfa.office.desk.language import CHINESE, ENGLISH, in_english, tag


def desk(request: HttpRequest) -> dict[str, Any]:
    """Context of every page."""
    english = in_english()
    signed_in = hasattr(request, "user") and request.user.is_authenticated
    return {
        "signed_in": signed_in,
        "navigation": navigation.entries(request) if signed_in and request.reach else [],
        "notices": SimpleLazyObject(lambda: notice_pages.head(request)) if signed_in else None,
        "told": SimpleLazyObject(lambda: told.take(request)) if signed_in else "",
        "demo": settings.DEMO,
        "fictional_day": clock.chosen_day(),
        "lang": tag(ENGLISH if english else CHINESE),
        "english": english,
        "other_language": CHINESE if english else ENGLISH,
    }
