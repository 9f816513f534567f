"""The step before an account, a membership or a capacity is ended: whom it concerns, what goes
with it, and the reason, which whoever asked for it is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from banfa.office import clock
from banfa.office.desk.account_pages import capacity_words
from banfa.office.people import access
from banfa.office.people.models import Capacity, Delegation, Membership, Standing, User
from banfa.office.readable import Readable

LONGEST = 300


@dataclass(frozen=True)
class Ending(Readable):
    """What is about to be ended: its words, the person, and all that ends with it."""

    title: str
    button: str
    consequence: str
    done: str
    user: User
    capacities: list[str]
    delegations: list[Delegation]


def of_account(user: User) -> Ending:
    """An account that is to be disabled, or refused while it waits for approval."""
    waits = user.standing == Standing.WAITING
    done = _("未批准账号：%(who)s。") if waits else _("已停用账号：%(who)s。")
    live = _live(Q(capacity__user=user) | Q(to=user))
    return Ending(
        title=_("不批准账号") if waits else _("停用账号"),
        button=_("确认不批准") if waits else _("确认停用"),
        consequence=_("停用立即生效，本人不能再登录；所登记的行为不受影响。恢复须重新审核。"),
        done=done % {"who": user.label},
        user=user,
        capacities=_worded(Capacity.objects.filter(user=user)),
        delegations=live,
    )


def of_member(membership: Membership) -> Ending:
    """A person who is to leave an organisation."""
    user, place = membership.user, membership.organisation
    held = Capacity.objects.filter(user=user, organisation=place)
    return Ending(
        title=_("停用人员"),
        button=_("确认停用"),
        consequence=_("此人在本单位的身份一并终止；不属于其他单位的，账号同时停用。"),
        done=_("已停用人员：%(who)s。") % {"who": user.label},
        user=user,
        capacities=_worded(held),
        delegations=_live(Q(capacity__in=held)),
    )


def of_capacity(capacity: Capacity) -> Ending:
    """A capacity that is to be ended, or refused while it waits for approval."""
    waits = capacity.approved is None
    done = _("未批准身份：%(who)s。") if waits else _("已终止身份：%(who)s。")
    gone = _("终止立即生效；由这一身份作出的委托一并终止。所登记的行为不受影响。")
    return Ending(
        title=_("不批准身份") if waits else _("终止身份"),
        button=_("确认不批准") if waits else _("确认终止"),
        consequence=_("不批准的，须重新申请。") if waits else gone,
        done=done % {"who": capacity.user.label},
        user=capacity.user,
        capacities=_worded([capacity]),
        delegations=_live(Q(capacity=capacity)),
    )


def confirm(request: HttpRequest, ending: Ending) -> HttpResponse | None:
    """The page that asks whether it is meant, and why; None once that is answered."""
    sure = request.POST.get("sure") == "yes"
    if sure and reason(request):
        return None
    hidden = [(n, v) for n, v in request.POST.items() if n not in ("sure", "reason")]
    context = {
        "here": "",
        "ending": ending,
        "hidden": [(n, v) for n, v in hidden if n != "csrfmiddlewaretoken"],
        "back": request.get_full_path(),
        "wrong": _("请填写原因。") if sure else "",
        "longest": LONGEST,
    }
    return render(request, "desk/ending.html", context, status=422 if sure else 200)


def reason(request: HttpRequest) -> str:
    """The reason as it was typed, without what no database keeps."""
    return request.POST.get("reason", "").replace("\0", "").strip()[:LONGEST]


def _worded(capacities: Iterable[Capacity]) -> list[str]:
    """The capacities that have not ended, in words."""
    live: Any = capacities
    if not isinstance(capacities, list):
        live = live.filter(ended__isnull=True).select_related("user", "organisation")
    return [capacity_words(access.Held(one.user, one)) for one in live]


def _live(which: Q) -> list[Delegation]:
    found = Delegation.objects.filter(which, ended__isnull=True, until__gte=clock.today())
    return list(found.select_related("capacity__user", "to").order_by("since"))
