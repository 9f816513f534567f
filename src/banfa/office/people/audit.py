"""The audit log: what happened to accounts, permissions and the system; appended only, chained."""

from __future__ import annotations

import datetime as dt
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from banfa.office import clock, hashing
from banfa.office.people.models import AuditEvent, Role, User
from banfa.rules.life import canonical

_LOCK = 4_207_001
"""The advisory lock under which events get their place in the chain."""

KINDS = {
    "sign_in": ("登录", "Signed in"),
    "sign_in_failed": ("登录失败", "Sign-in failed"),
    "second_factor_failed": ("双因素验证失败", "Second factor failed"),
    "locked_out": ("账号锁定", "Locked out"),
    "sign_out": ("退出登录", "Signed out"),
    "session_ended": ("会话终止", "Session ended"),
    "password_changed": ("修改口令", "Password changed"),
    "second_factor": ("双因素设置变更", "Second factor changed"),
    "account_created": ("创建账号", "Account created"),
    "account_approved": ("批准账号", "Account approved"),
    "account_disabled": ("停用账号", "Account disabled"),
    "account_enabled": ("申请恢复账号", "Account proposed anew"),
    "invited": ("发出一次性链接", "One-time link made"),
    "member_ended": ("人员离开单位", "Member left"),
    "capacity_asked": ("申请身份", "Capacity asked for"),
    "capacity_approved": ("批准身份", "Capacity approved"),
    "capacity_ended": ("终止身份", "Capacity ended"),
    "delegated": ("委托", "Delegated"),
    "delegation_ended": ("终止委托", "Delegation ended"),
    "right_changed": ("变更权限", "Right changed"),
    "organisation": ("登记单位", "Organisation entered"),
    "imported": ("导入既有中心", "Existing centres imported"),
    "exported": ("导出", "Exported"),
    "hurried": ("催办", "Asked to hurry"),
    "figures_opened": ("布置数据填报", "Opened a collection of figures"),
    "viewed": ("查看敏感内容", "Sensitive content viewed"),
    "denied": ("越权被拒", "Refused for lack of rights"),
    "installed": ("系统初始化", "Installed"),
}


@dataclass
class Source:
    """Whence a change comes: the address, the request's number, who is signed in."""

    ip: str = ""
    request: str = ""


_source: ContextVar[Source] = ContextVar("source")


def from_request(ip: str, request: str) -> Any:
    """Sets whence changes come until `forget` is called with what this gives."""
    return _source.set(Source(ip, request))


def forget(token: Any) -> None:
    """Ends what `from_request` began."""
    _source.reset(token)


def note(
    kind: str,
    user: User | None = None,
    object: str = "",
    before: Any = None,
    after: Any = None,
    result: str = "done",
    who: str = "",
) -> AuditEvent:
    """Appends an event at the end of the chain. `user` is who did it, `who` a name without one."""
    source = _source.get(Source())
    event = AuditEvent(
        at=clock.now(),
        user=user,
        who=(user.label if user is not None else who)[:200],
        role=user.role if user is not None else "",
        kind=kind,
        object=object[:300],
        before=before,
        after=after,
        result=result,
        ip=source.ip[:60],
        request=source.request[:60],
        algorithm=hashing.algorithm(),
    )
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        last = AuditEvent.objects.order_by("-id").values_list("hash", flat=True).first()
        event.previous = last or ""
        event.hash = link(event)
        event.save(force_insert=True)
    return event


def link(event: AuditEvent) -> str:
    """The hash of an event: over the one before it and all that its row holds."""
    fields = ("who", "role", "kind", "object", "before", "after", "result", "ip", "request")
    content = {name: getattr(event, name) for name in (*fields, "previous")}
    content |= {"user": event.user_id, "at": event.at.astimezone(dt.UTC).isoformat()}
    return hashing.hashed(event.algorithm, canonical(content))


def faults() -> list[int]:
    """The numbers of events whose hash does not fit; empty when the chain holds."""
    wrong, previous = [], ""
    for event in AuditEvent.objects.order_by("id").iterator(1000):
        if event.previous != previous or event.hash != link(event):
            wrong.append(event.id)
        previous = event.hash
    return wrong


def readable(reader: User) -> QuerySet[AuditEvent]:
    """The events that a person may read: the auditor those of the other two administrators and of
    the system, the security administrator those of everybody without a role; nobody else any."""
    events = AuditEvent.objects.order_by("-id")
    if reader.role == Role.AUDIT:
        return events.filter(Q(role__in=[Role.SYSTEM, Role.SECURITY]) | Q(user__isnull=True))
    if reader.role == Role.SECURITY:
        return events.filter(role="")
    return events.none()
