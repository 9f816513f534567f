"""What every page shows: the day, whether it is a fictional one, the language."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from banfa.office import clock
from banfa.office.desk.language import CHINESE, ENGLISH, in_english, tag


def desk(request: HttpRequest) -> dict[str, Any]:
    """Context of every page."""
    english = in_english()
    return {
        "fictional_day": clock.chosen_day(),
        "lang": tag(ENGLISH if english else CHINESE),
        "english": english,
        "other_language": CHINESE if english else ENGLISH,
    }
