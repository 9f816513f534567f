"""Asking to hurry, in bulk: those who owe something are told, once a day at most."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from banfa.office import clock
from banfa.office.desk import due_list, lists
from banfa.office.desk.errors import forbidden_because
from banfa.office.desk.language import CHINESE, ENGLISH
from banfa.office.ledger.models import Centre, Matter
from banfa.office.notices import queries as notices
from banfa.office.notices.verbs import tell
from banfa.office.people import audit
from banfa.office.people.models import User
from banfa.rules.words import Text

MOST = 200


def _chosen(request: HttpRequest) -> list[Matter]:
    """The duties chosen, of those centres for which the person may ask to hurry."""
    asked = request.POST if request.method == "POST" else request.GET
    numbers = [int(n) for n in asked.getlist("matter")[: MOST + 1] if n.isascii() and n.isdigit()]
    numbers = [n for n in numbers if n < 2**63]
    centres = Centre.objects.filter(request.reach.centres("hurry"))
    found = Matter.objects.select_related("centre").filter(
        pk__in=numbers, sort="duty", closed=False, centre__in=centres
    )
    return list(found.order_by("due", "id"))


def _people(matter: Matter) -> list[User]:
    """Those who hold a capacity that owes it."""
    return notices.holders(matter.book_id, matter.holders, matter.centre)


@require_http_methods(["GET", "HEAD", "POST"])
def hurry(request: HttpRequest) -> HttpResponse:
    """What was chosen and who would be told; on confirming, they are, and a receipt shows."""
    if not any("hurry" in things for things in request.reach.rights.values()):
        return forbidden_because(request, _("您的身份没有催办的权限。"))
    chosen = _chosen(request)
    if len(chosen) > MOST:
        return HttpResponseRedirect(lists.back(request, due_list.Due(), "many"))
    if not chosen:
        return HttpResponseRedirect(lists.back(request, due_list.Due(), "none"))
    today, rows = clock.today(), []
    sent = request.method == "POST" and "confirm" in request.POST
    said = " ".join(request.POST.get("said", "").replace("\0", " ").split())[:300]
    for matter in chosen:
        people = _people(matter)
        told = _tell(request, matter, people, said) if sent and people else 0
        row = due_list.row_in_words(matter, today)
        rows.append({"row": row, "people": people, "told": told})
    if sent:
        after = {"matters": [f"{m.centre_id} {m.key}" for m in chosen], "said": said}
        audit.note("hurried", request.user, f"{len(chosen)}", after=after)
    context: dict[str, Any] = {
        "here": "centres",
        "rows": rows,
        "back": lists.back(request, due_list.Due()),
        "back_query": lists.back(request, due_list.Due()).partition("?")[2],
        "sent": sent,
        "said": said,
        "on": today,
        "told": sum(r["told"] for r in rows),
        "nobody": sum(not r["people"] for r in rows),
    }
    return render(request, "desk/hurry.html", context)


def _tell(request: HttpRequest, matter: Matter, people: list[User], said: str) -> int:
    """One urgent notice for each, at most one a day for the same thing."""
    words = []
    for language in (CHINESE, ENGLISH):
        with translation.override(language):
            row = due_list.row_in_words(matter, clock.today())
            named = {"name": row.name, "centre": row.centre}
            words.append(_("催办：%(name)s（%(centre)s）") % named)
    subject = Text(*words)
    by = Text(f"{request.user.name}请您尽快办理。{said}", f"{request.user.name} asks you. {said}")
    return tell(
        people,
        "hurry",
        subject,
        body=by,
        link=reverse("centre", args=[matter.centre_id]) + "#duties",
        centre=matter.centre,
        key=f"hurry:{matter.centre_id}:{matter.key}:{matter.year}:{clock.today()}",
        urgent=True,
    )
