"""A person's own pages: account, sessions, delegations, one-time links, the demo's door."""

from __future__ import annotations

import datetime as dt
from typing import Any

from allauth.account.utils import perform_login
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from banfa.office import clock
from banfa.office.desk import account_news, act_names, delegating, standing, told
from banfa.office.desk.language import say
from banfa.office.ledger import library
from banfa.office.people import access, accounts, audit, invitations, passwords, verbs
from banfa.office.people.errors import PeopleError
from banfa.office.people.models import Delegation, Membership, User
from banfa.rules import programme as p

RULES = (passwords.StrengthValidator, passwords.HistoryValidator)


def capacity_words(one: access.Held) -> str:
    """A capacity in words, with its programme."""
    try:
        programme = library.editions(one.capacity.programme).latest.programme
    except Exception:  # a programme that no longer loads
        return str(one.capacity)
    return f"{say(programme.short)}　{standing.named(programme, one)}"


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Who one is here: capacities, password, second factor, sessions."""
    user, today = request.user, clock.today()
    days = int(settings.PASSWORD_DAYS)
    context = {
        "here": "account",
        "done": request.GET.get("done", ""),
        "capacities": [(one, capacity_words(one)) for one in request.reach.held],
        "memberships": Membership.objects.filter(user=user).select_related("organisation"),
        "today": today,
        "expires": user.changed + dt.timedelta(days=days) if user.changed and days else None,
        "has_password": user.has_usable_password(),
        "factors": Authenticator.objects.filter(user=user, type__in=accounts.SECOND_FACTORS),
        "needs_factor": accounts.must_have_second_factor(request.reach),
        "sessions": UserSession.objects.filter(user=user).count(),
        "delegable": any(one.delegation is None for one in request.reach.held),
    }
    return render(request, "desk/account.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """One's sessions, each of which can be ended."""
    mine = UserSession.objects.filter(user=request.user)
    if request.method == "POST":
        ended = get_object_or_404(mine, pk=_number(request.POST.get("session", "")))
        audit.note(
            "session_ended", request.user, f"session:{ended.pk}", after={"because": "chosen"}
        )
        ended.end()
        return HttpResponseRedirect(reverse("sessions"))
    listed = UserSession.objects.purge_and_list(request.user)
    listed.sort(key=lambda s: s.created_at, reverse=True)
    context = {
        "here": "account",
        "sessions": [(s, s.session_key == request.session.session_key) for s in listed],
        "most": settings.SESSIONS_AT_MOST,
        "idle": settings.IDLE_MINUTES,
        "hours": settings.SESSION_HOURS,
    }
    return render(request, "desk/sessions.html", context)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 12 else -1


@require_http_methods(["GET", "HEAD", "POST"])
def delegations(request: HttpRequest) -> HttpResponse:
    """What one has delegated and what was delegated to one; delegating and ending it."""
    said, user, form = "", request.user, None
    own = [one for one in request.reach.held if one.delegation is None]
    if request.method == "POST":
        try:
            if request.POST.get("end"):
                _take_back(request)
            else:
                form = _delegate(request, own)
            if form is None or not form.wrong:
                return HttpResponseRedirect(reverse("delegations"))
        except PeopleError as error:
            said = say(error.text)
    live = Delegation.objects.filter(ended__isnull=True, until__gte=clock.today())
    live = live.select_related("capacity__user", "capacity__organisation", "to").order_by("since")
    orgs = {one.org for one in own}
    colleagues = access.in_service(orgs, clock.today()).exclude(user=user)
    context = {
        "here": "account",
        "said": said,
        "wrong": form.wrong if form else {},
        "last": clock.today() + dt.timedelta(days=verbs.LONGEST_DAYS),
        "own": [(one, capacity_words(one)) for one in own],
        "given": [(d, _words(d)) for d in live.filter(capacity__user=user)],
        "taken": [(d, _words(d)) for d in live.filter(to=user)],
        "colleagues": colleagues.select_related("user", "organisation").order_by("user__name"),
        "acts": _acts_of(request, own),
        "typed": request.POST,
        "chosen_acts": request.POST.getlist("acts"),
        "today": clock.today(),
    }
    refused = said or (form and form.wrong)
    return render(request, "desk/delegations.html", context, status=422 if refused else 200)


def _words(delegation: Delegation) -> dict[str, Any]:
    """A delegation's capacity and acts in words."""
    capacity = delegation.capacity
    models = library.editions(capacity.programme).latest.models
    acts = [say(models[a].name) for a in delegation.acts if a in models]
    return {"capacity": capacity_words(access.Held(capacity.user, capacity)), "acts": acts}


def _acts_of(request: HttpRequest, own: list[access.Held]) -> list[tuple[str, str]]:
    """The acts that one could delegate, by id and name."""
    found: dict[str, p.Act] = {}
    for one in own:
        models = library.editions(one.capacity.programme).latest.models
        given = request.reach.rights.get(one.capacity.subject, {})
        found |= {k: m for k, m in models.items() if f"act:{k}" in given}
    return act_names.told_apart(found)


def _take_back(request: HttpRequest) -> None:
    """Ends a delegation that one gave or took. Raises PeopleError."""
    found = get_object_or_404(Delegation, pk=_number(request.POST.get("end", "")))
    if request.user.pk not in (found.capacity.user_id, found.to_id):
        raise Http404
    with transaction.atomic():
        verbs.end_delegation(request.user, found)
        account_news.taken_back(found, request.user)
    told.leave(request, _("委托已终止。"))


def _delegate(request: HttpRequest, own: list[access.Held]) -> delegating.Form:
    """Delegates as the form says, unless something is wrong with it. Raises PeopleError."""
    known = {one.capacity.pk: {k for k, _name in _acts_of(request, [one])} for one in own}
    form = delegating.read(request.POST, [one.capacity for one in own], known)
    if form.wrong or not (form.capacity and form.to and form.since and form.until):
        return form
    with transaction.atomic():
        made = verbs.delegate(
            request.user, form.capacity, form.to, form.since, form.until, form.acts
        )
        account_news.lent(made)
    said = _("已委托%(who)s，自%(since)s至%(until)s。")
    told.leave(request, said % {"who": made.to.label, "since": made.since, "until": made.until})
    return form


def day(text: str) -> dt.date | None:
    """A date as typed; None for nothing. Raises PeopleError."""
    if not text.strip():
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise PeopleError(
            f"“{text[:40]}”不是有效日期，请写成 2030-11-20", f"'{text[:40]}' is not a date"
        ) from None


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """A one-time link: choosing the first password, or a new one."""
    found, wrong = invitations.find(secret), []
    done = False
    if found is not None and request.method == "POST":
        raw, again = request.POST.get("password1", ""), request.POST.get("password2", "")
        try:
            validate_password(raw, found.user)
            if raw != again:
                raise ValidationError(_("两次输入的口令不一致。"))
            invitations.accept(secret, raw)
            done = True
        except ValidationError as error:
            wrong = list(error.messages)
        except PeopleError as error:
            found, wrong = None, [say(error.text)]
    context = {
        "invited": found.user if found else None,
        "wrong": wrong,
        "done": done,
        "rules": [v().get_help_text() for v in RULES],
    }
    status = 404 if found is None else 422 if wrong else 200
    return render(request, "desk/invitation.html", context, status=status)


@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Signs in as one of the demonstration's accounts; nowhere but in the demonstration.

    From there to `next`, an address within the site; else to the first page.
    """
    if not settings.DEMO:
        raise Http404
    user = get_object_or_404(User, pk=_number(request.POST.get("user", "")), demo=True)
    if not user.is_active:
        raise Http404
    asked = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(asked, {request.get_host()}, request.is_secure())
    return perform_login(
        request, user, email_verification="none", redirect_url=asked if safe else None
    )
