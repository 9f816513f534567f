"""Pages of notices: the inbox, how one wants to be written to, the calendar, background jobs."""

from __future__ import annotations

import calendar as months
import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from banfa.office import clock
from banfa.office.desk import citations
from banfa.office.desk.language import say
from banfa.office.desk.people_pages import needs
from banfa.office.ledger.queries import Due
from banfa.office.notices import deadlines, jobs, mails, queries, verbs
from banfa.office.notices.errors import NoFeed, NoticeError, TooOften
from banfa.office.notices.kinds import KINDS, Channel, kind_of
from banfa.office.notices.models import Feed, Notice
from banfa.office.people import access
from banfa.office.people.models import Organisation
from banfa.office.reviews import queries as reviews
from banfa.office.todo import Todo
from banfa.rules.words import Text

PAGE = 50
STATES = ("unread", "urgent")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 12 else -1


def _clean(text: str, length: int = 100) -> str:
    return text.replace("\0", "").strip()[:length]


# --- the inbox ----------------------------------------------------------------------------------


def line(notice: Notice) -> dict[str, Any]:
    """A notice in the words of the page."""
    return {
        "notice": notice,
        "subject": say(Text(notice.subject_zh, notice.subject_en)),
        "body": say(Text(notice.body_zh, notice.body_en)),
        "kind": say(kind_of(notice.kind).name),
    }


def head(request: HttpRequest) -> dict[str, Any]:
    """What the head of every page shows of a person's notices: one query."""
    found = queries.unread(request.user)
    here = request.path == reverse("notices")
    return {
        "count": found.count,
        "shown": str(found.count) if found.count < 100 else "99+",
        "urgent": [] if here else [line(notice) for notice in found.urgent],
    }


@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """A person's notices, newest first, with filters."""
    asked = request.GET
    kind = asked.get("kind", "") if asked.get("kind", "") in KINDS else ""
    state = asked.get("state", "") if asked.get("state", "") in STATES else ""
    search = _clean(asked.get("q", ""))
    found = queries.inbox(request.user, kind, state, _clean(asked.get("centre", ""), 60), search)
    page = Paginator(found, PAGE).get_page(asked.get("page", "1"))
    context = {
        "here": "notices",
        "page": page,
        "lines": [line(notice) for notice in page],
        "kinds": [(name, say(one.name)) for name, one in KINDS.items()],
        "kind": kind,
        "state": state,
        "search": search,
        "filtered": bool(kind or state or search or asked.get("centre")),
        "latest": page[0].pk if len(page) else 0,
        "today": clock.today(),
    }
    return render(request, "desk/notices.html", context)


@require_safe
def notice(request: HttpRequest, number: int) -> HttpResponse:
    """Opens a notice: it is read, and one stands where it leads (the inbox, when nowhere)."""
    found = get_object_or_404(Notice, pk=number, to=request.user)
    if request.method == "GET":
        verbs.mark_read(Notice.objects.filter(pk=found.pk))
    return HttpResponseRedirect(found.link or reverse("notices"))


@require_POST
def notices_read(request: HttpRequest) -> HttpResponse:
    """Marks one notice as read (`notice`), or all up to the newest that was shown (`until`)."""
    mine = Notice.objects.filter(to=request.user)
    if one := request.POST.get("notice"):
        found = mine.filter(pk=_number(one))
        if not found.exists():
            raise Http404
        verbs.mark_read(found)
    else:
        verbs.mark_read(mine.filter(pk__lte=_number(request.POST.get("until", ""))))
    return HttpResponseRedirect(_back(request))


def _back(request: HttpRequest) -> str:
    """Where the person was."""
    back = request.POST.get("next", "")
    good = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return back if good else reverse("notices")


# --- how one wants to be written to -------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def notice_choices(request: HttpRequest) -> HttpResponse:
    """How each kind goes out by mail, in which language, and when not."""
    said = ""
    wish, channels = queries.wish_of(request.user), queries.channels_of(request.user)
    quiet = (wish.quiet_from, wish.quiet_until)
    typed: dict[str, Any] = {
        "language": wish.language,
        "quiet": wish.quiet_from is not None,
        "from": quiet[0].strftime("%H:%M") if quiet[0] else "21:00",
        "until": quiet[1].strftime("%H:%M") if quiet[1] else "08:00",
    }
    status = 200
    if request.method == "POST":
        post = request.POST
        channels = {name: post.get(f"channel-{name}", "") for name in KINDS}
        typed = {
            "language": post.get("language", ""),
            "quiet": bool(post.get("quiet")),
            "from": post.get("from", "")[:10],
            "until": post.get("until", "")[:10],
        }
        try:
            hours = _hours(typed)
            version = _number(post.get("version", ""))
            verbs.choose(request.user, channels, typed["language"], hours, version)
            return HttpResponseRedirect(reverse("notice_choices") + "?done=1")
        except NoticeError as error:
            said, status = say(error.text), error.status if error.status != 400 else 422
    context = {
        "here": "notices",
        "said": said,
        "done": request.GET.get("done") == "1",
        "typed": typed,
        "version": queries.wish_of(request.user).version,
        "kinds": [
            (name, say(one.name), say(one.says), channels[name]) for name, one in KINDS.items()
        ],
        "channels": [
            (Channel.AT_ONCE, _("立即")),
            (Channel.DIGEST, _("每日汇总")),
            (Channel.NONE, _("不发")),
        ],
        "mailing": mails.enabled(),
        "email": request.user.email,
        "days": settings.NOTICE_DAYS,
    }  # fmt: skip
    return render(request, "desk/notice_choices.html", context, status=status)


def _hours(typed: dict[str, Any]) -> tuple[dt.time, dt.time] | None:
    """The quiet hours as typed; None for none. Raises NoticeError."""
    if not typed["quiet"]:
        return None
    found = []
    for name in ("from", "until"):
        try:
            found.append(dt.time.fromisoformat(typed[name]).replace(tzinfo=None))
        except ValueError:
            raise NoticeError(
                f"“{typed[name]}”不是有效的时间，请写成 21:00", f"'{typed[name]}' is not a time"
            ) from None
    return found[0], found[1]


# --- the calendar -------------------------------------------------------------------------------


@dataclass
class Day:
    """A day of the month's table with what falls due on it."""

    day: dt.date
    inside: bool
    today: bool
    lines: list[dict[str, Any]] = field(default_factory=list)


OVERDUE_SHOWN = 30


@require_http_methods(["GET", "HEAD", "POST"])
def calendar(request: HttpRequest) -> HttpResponse:
    """A month of deadlines, one's own or those of one of one's organisations."""
    link = ""
    organisation = _organisation(request)
    if request.method == "POST":
        link = _feed(request, organisation)
        if not link:
            return HttpResponseRedirect(_here(organisation))
    today = clock.today()
    first = _month(request.GET.get("month", ""), today)
    last = (first + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
    chosen = organisation.pk if organisation else ""
    found = deadlines.deadlines(request.reach, chosen, today, last + dt.timedelta(days=7))
    lines = [_deadline(one) for one in found]
    if organisation is None:
        own = reviews.with_last_day(request.user, request.reach)
        lines += [_of_review(one) for one in own]
    lines.sort(key=lambda line: line["due"])
    overdue = [line for line in lines if line["due"] < today]
    live = Feed.objects.filter(user=request.user, organisation=organisation, ended__isnull=True)
    context = {
        "here": "calendar",
        "first": first,
        "before": (first - dt.timedelta(days=1)).replace(day=1),
        "after": last + dt.timedelta(days=1),
        "weeks": _weeks(first, today, lines),
        "weekdays": _weekdays(),
        "count": sum(first <= line["due"] <= last for line in lines),
        "overdue": overdue[:OVERDUE_SHOWN],
        "overdue_count": len(overdue),
        "organisations": _mine(request),
        "organisation": organisation,
        "today": today,
        "feed": live.first(),
        "link": link,
    }
    return render(request, "desk/calendar.html", context)


def _weekdays() -> list[str]:
    return [_("周一"), _("周二"), _("周三"), _("周四"), _("周五"), _("周六"), _("周日")]


def _month(text: str, today: dt.date) -> dt.date:
    """The first day of the month asked for; this month when it cannot be read."""
    try:
        found = dt.date.fromisoformat(f"{text}-01") if text else today
    except ValueError:
        found = today
    return found.replace(day=1) if 2000 <= found.year <= 2199 else today.replace(day=1)


def _weeks(first: dt.date, today: dt.date, lines: list[dict[str, Any]]) -> list[list[Day]]:
    """The weeks of a month, Monday first, each day with what falls due on it."""
    by_day: dict[dt.date, list[dict[str, Any]]] = {}
    for line in lines:
        by_day.setdefault(line["due"], []).append(line)
    return [
        [Day(d, d.month == first.month, d == today, by_day.get(d, [])) for d in week]
        for week in months.Calendar().monthdatescalendar(first.year, first.month)
    ]


def _deadline(one: Due) -> dict[str, Any]:
    """A deadline in the words of the page, with how its day came about and its article."""
    duty = one.duty
    return {
        "due": duty.due,
        "link": reverse("centre", args=[one.centre.id]),
        "opens": _("打开中心"),
        "name": say(duty.name)
        + (say(Text(f"（{duty.year}）", f" ({duty.year})")) if duty.year else ""),
        "centre_name": say(one.centre.name),
        "computed": say(duty.computed),
        "follows": say(duty.follows),
        "cite": citations.link(one.centre.programme, duty.cite, duty.default),
    }


def _of_review(one: Todo) -> dict[str, Any]:
    """A review's last day in the words of the page."""
    return {
        "due": one.due,
        "link": one.link,
        "opens": _("打开评审"),
        "name": say(one.title),
        "centre_name": say(one.note) if one.note else "",
    }


def _mine(request: HttpRequest) -> list[Organisation]:
    """The organisations that the person belongs to."""
    found = Organisation.objects.filter(
        memberships__in=access.belonging(request.user, clock.today())
    )
    return list(found.order_by("name_zh", "id"))


def _organisation(request: HttpRequest) -> Organisation | None:
    """The organisation asked for; None for one's own deadlines. 404 for one of others."""
    asked = request.GET.get("of", "") if request.method != "POST" else request.POST.get("of", "")
    if not asked:
        return None
    found = next((one for one in _mine(request) if one.pk == asked), None)
    if found is None:
        raise Http404
    return found


def _here(organisation: Organisation | None) -> str:
    from django.utils.http import urlencode

    query = f"?{urlencode({'of': organisation.pk})}" if organisation else ""
    return reverse("calendar") + query


def _feed(request: HttpRequest, organisation: Organisation | None) -> str:
    """Opens or ends a calendar address; gives the new one, which is shown once."""
    if request.POST.get("what") == "end":
        verbs.close_feed(request.user, organisation)
        return ""
    secret = verbs.open_feed(request.user, organisation)
    return request.build_absolute_uri(reverse("feed", args=[secret]))


@login_not_required
@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """Somebody's deadlines as a calendar file, for whoever has the address."""
    try:
        found = verbs.fetch(secret)
    except TooOften as error:
        return HttpResponse(
            say(error.text), status=429, headers={"Retry-After": str(error.seconds)},
            content_type="text/plain; charset=utf-8",
        )  # fmt: skip
    except NoFeed as error:
        raise Http404 from error
    organisation = found.organisation
    reach = access.reach(found.user, clock.today())
    english = queries.wish_of(found.user).language == "en"
    name = Text("办法·我的期限", "Banfa: my deadlines")
    if organisation is not None:
        known = organisation.name_en or organisation.name_zh
        name = Text(f"办法·{organisation.name_zh}", f"Banfa: {known}")
    due = deadlines.deadlines(reach, organisation.pk if organisation else "")
    own = [] if organisation else reviews.with_last_day(found.user, reach)
    return HttpResponse(
        deadlines.calendar(due, name, english, own),
        content_type="text/calendar; charset=utf-8",
        headers={
            "Content-Disposition": 'inline; filename="banfa.ics"',
            "Cache-Control": "private, max-age=900",
            "X-Robots-Tag": "noindex",
        },
    )


# --- background jobs ----------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs("administer.jobs")
def background(request: HttpRequest) -> HttpResponse:
    """Workers, what waits, what failed, mail not sent: for the system administrator."""
    said = ""
    if request.method == "POST":
        try:
            if number := request.POST.get("job"):
                jobs.again(_number(number))
            else:
                jobs.mail_again(_number(request.POST.get("mail", "")))
            return HttpResponseRedirect(reverse("background"))
        except NoticeError as error:
            said = say(error.text)
    standing = jobs.standing()
    context = {
        "here": "background",
        "said": said,
        "standing": standing,
        "failed": [(job, say(jobs.called(job.task_name))) for job in standing.failed],
        "mails": [(mail, say(mails.trouble(mail.problem))) for mail in standing.mails],
    }
    return render(request, "desk/background.html", context, status=422 if said else 200)


urls = [
    path("notices/", notices, name="notices"),
    path("notices/read/", notices_read, name="notices_read"),
    path("notices/choices/", notice_choices, name="notice_choices"),
    path("notices/<int:number>/", notice, name="notice"),
    path("calendar/", calendar, name="calendar"),
    path("calendar/<str:secret>.ics", feed, name="feed"),
    path("people/background/", background, name="background"),
]
