"""Full-text search: centres in whose names, organisations, acts or dossiers all words stand."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from banfa.office import clock
from banfa.office.desk import list_pages, lists
from banfa.office.desk.errors import forbidden_because
from banfa.office.desk.language import say
from banfa.office.ledger import queries, search
from banfa.office.ledger.models import Centre
from banfa.rules.words import Text

SIZE = 20
MOST = 1_000


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """The centres found, by name, each with the texts in which some word stands."""
    if not request.reach.held:
        return forbidden_because(request, _("检索供承担办法所定职责的身份使用。"))
    asked = request.GET.get("q", "")
    words = search.words_of(asked)
    raw = request.GET.get("page", "1")
    context: dict[str, Any] = {
        "here": "centres",
        "tabs": list_pages.tabs("search"),
        "asked": lists.text_of(asked),
        "words": words,
        "cut": len(search.clean(asked[:2000]).split()) > len(words) or len(asked) > 100,
    }
    if words:
        orgs = {one.org for one in request.reach.held}
        found = Centre.objects.select_related("book").filter(request.reach.centres())
        found = found.filter(search.centres_with(asked, orgs))
        total = found.order_by()[: MOST + 1].count()
        pages = max(-(-min(total, MOST) // SIZE), 1)
        number = min(int(raw), pages) if raw.isascii() and raw.isdigit() and len(raw) < 5 else 1
        first = (max(number, 1) - 1) * SIZE
        centres = list(found.order_by("sort_key", "id")[first : first + SIZE])
        hits = search.hits(asked, [c.id for c in centres], orgs)
        rows = [
            {
                "row": queries.row_of(c, clock.today()),
                "hits": [_shown(h) for h in hits[c.id]],
            }
            for c in centres
        ]
        page = {"number": max(number, 1), "pages": pages, "more": total > MOST}
        context |= {"rows": rows, "page": page, "total": min(total, MOST)}
    return render(request, "desk/search.html", context)


def _shown(hit: search.Hit) -> dict[str, Any]:
    """A text found: what it is in words, where it leads, its pieces."""
    title, link = say(Text(hit.title_zh, hit.title_en)) if hit.title_zh else "", hit.link
    act = re.fullmatch(r"act:(\d+)(/\d+)?", hit.source)
    if act is not None:
        link = reverse("centre_entry", args=[hit.centre, int(act[1])])
    elif hit.source == search.PROFILE:
        title, link = _("名称与单位"), ""
    return {"title": title, "link": link, "pieces": hit.pieces}
