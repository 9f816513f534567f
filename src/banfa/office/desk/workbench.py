"""The workbench: what waits for the person, what falls due, what has changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from banfa.office import clock
from banfa.office.desk import navigation
from banfa.office.dossiers import queries as dossiers
from banfa.office.evaluations import queries as evaluations
from banfa.office.evaluations import round_queries
from banfa.office.ledger import library
from banfa.office.ledger.models import ActRecord, Centre, Matter, Sort
from banfa.office.people.access import Reach
from banfa.office.people.models import Scope
from banfa.office.queues import joint, queries
from banfa.office.reviews import queries as reviews
from banfa.office.todo import Todo, in_order

Source = Callable[[Any, Reach, dt.date], list[Todo]]
OTHERS: tuple[Source, ...] = (
    joint.todos,
    dossiers.todos,
    reviews.todos,
    evaluations.todos,
    round_queries.todos,
)
"""Where work comes from beside the procedures: one function for each part of the office."""
SOURCES: tuple[Source, ...] = (queries.todos, *OTHERS)

SHOWN = 15
AHEAD = dt.timedelta(days=60)


def todos(
    user: Any, reach: Reach, today: dt.date, sources: Sequence[Source] = SOURCES
) -> list[Todo]:
    """What waits for a person in these parts of the office (all), in order."""
    return in_order(todo for source in sources for todo in source(user, reach, today))


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The first page of a person with a capacity; others go to the page of their role."""
    if not request.reach.held:
        return HttpResponseRedirect(reverse(navigation.first_page(request)))
    today = clock.today()
    others = todos(request.user, request.reach, today, OTHERS)
    waiting = in_order([*queries.todos(request.user, request.reach, today), *others])
    context = {
        "here": "home",
        "today": today,
        "lists": titles().items(),
        "waiting": waiting[:SHOWN],
        "others": len(others),
        "more": max(len(waiting) - SHOWN, 0),
        "urgent": sum(1 for todo in waiting if todo.urgent),
        "late": sum(1 for todo in waiting if todo.due and todo.due < today),
        "ahead": _ahead(request.reach, today),
        "recent": _recent(request.reach),
        "short": short_names(),
    }
    return render(request, "desk/workbench.html", context)


def _ahead(reach: Reach, today: dt.date) -> list[queries.Line]:
    """What falls due next at the centres that the person may see, whoever owes it."""
    seen = Centre.objects.filter(reach.centres())
    books = {one.capacity.programme for one in reach.held}
    if any(Scope.ALL in reach.scopes(one, "see.centre") for one in reach.held):
        books = set(library.ids())
    found = Matter.objects.select_related("centre").filter(
        book__in=books, sort=Sort.DUTY, closed=False, centre__in=seen
    )
    near = found.filter(due__range=(today, today + AHEAD)).order_by("due", "id")
    return [queries.matter_line(matter) for matter in near[:8]]


def _recent(reach: Reach) -> list[queries.Line]:
    """The last act of each of the centres that changed last."""
    seen = Centre.objects.filter(reach.centres(), changed__isnull=False)
    latest = F("changed").desc(nulls_last=True)
    last = list(seen.order_by(latest, "id").values_list("id", "version")[:8])
    versions = dict(last)
    rows = ActRecord.objects.select_related("centre").filter(
        centre__in=versions, seq__in=set(versions.values())
    ).exclude(joint.unread(reach))  # fmt: skip
    found = {row.centre_id: row for row in rows if row.seq == versions[row.centre_id]}
    return [queries.act_line(found[number]) for number, _version in last if number in found]


def titles() -> dict[str, str]:
    """What the lists of work are called."""
    return {
        "todo": _("待办"),
        "others": _("其他待办"),
        "done": _("已办"),
        "begun": _("我发起"),
        "copied": _("抄送我"),
    }


def short_names() -> dict[str, Any]:
    """The programmes' short names by id."""
    return {n: library.editions(n).latest.programme.short for n in library.loadable()[0]}


urls: Sequence[Any] = [path("", home, name="home")]
