"""The audit log in words: what an event was about, and what it changed."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from banfa.office.desk.language import say
from banfa.office.ledger import library
from banfa.office.people import audit, rights
from banfa.office.people.models import AuditEvent
from banfa.rules.words import Text

KEYS = {
    "standing": Text("状态", "standing"),
    "reason": Text("原因", "reason"),
    "name": Text("姓名", "name"),
    "name_zh": Text("名称", "name"),
    "name_en": Text("英文名称", "English name"),
    "role": Text("管理员类别", "administrator"),
    "administrator": Text("单位管理员", "organisation's administrator"),
    "allowed": Text("权限", "right"),
    "because": Text("缘由", "because"),
    "user": Text("账号", "account"),
    "to": Text("受托人", "delegate"),
    "acts": Text("事项", "acts"),
    "organisation": Text("单位", "organisation"),
    "as": Text("身份", "capacity"),
    "place": Text("地区", "place"),
    "centres": Text("中心", "centres"),
    "since": Text("起", "from"),
    "until": Text("止", "until"),
    "type": Text("方式", "means"),
    "query": Text("筛选", "filters"),
    "filters": Text("筛选", "filters"),
    "rows": Text("行数", "rows"),
    "matters": Text("事项", "matters"),
    "said": Text("附言", "note"),
    "programme": Text("办法", "regulation"),
    "id": Text("编号", "number"),
    "kind": Text("类别", "kind"),
    "uscc": Text("统一社会信用代码", "credit code"),
    "parent": Text("上级单位", "superior"),
}
VALUES = {
    "standing": {
        "waiting": Text("待审核", "waiting for approval"),
        "active": Text("有效", "active"),
        "disabled": Text("已停用", "disabled"),
    },
    "allowed": {"True": Text("有", "given"), "False": Text("无", "not given")},
    "administrator": {"True": Text("是", "yes"), "False": Text("否", "no")},
    "because": {
        "idle": Text("久未操作", "idle"),
        "long": Text("已达最长时限", "too long"),
        "too_many": Text("会话过多", "too many sessions"),
        "chosen": Text("本人终止", "ended by the person"),
    },
    "type": {
        "totp": Text("验证码", "app"),
        "webauthn": Text("通行密钥", "passkey"),
        "recovery_codes": Text("恢复码", "recovery codes"),
    },
    "role": {name.removeprefix("role:"): Text(*said) for name, said in rights.ROLES.items()},
}
OBJECTS = {
    "user": Text("账号", "account"),
    "capacity": Text("身份", "capacity"),
    "delegation": Text("委托", "delegation"),
    "session": Text("会话", "session"),
    "review": Text("评审", "review"),
    "expert": Text("专家", "expert"),
    "rights": Text("权限表", "rights"),
}


def kind(event: AuditEvent) -> str:
    """What an event is."""
    return say(Text(*audit.KINDS[event.kind])) if event.kind in audit.KINDS else event.kind


def about(event: AuditEvent) -> str:
    """What an event was about: rights, acts and numbers by their names; the rest as it stands."""
    return " ".join(_part(part) for part in event.object.split(" ") if part)


def _part(part: str) -> str:
    if part in rights.THINGS:
        return say(Text(*rights.THINGS[part]))
    head, colon, rest = part.partition(":")
    if head == "act" and rest:
        return _act(rest)
    if head == "role" and part in rights.ROLES:
        return say(Text(*rights.ROLES[part]))
    return f"{say(OBJECTS[head])} {rest}" if colon and head in OBJECTS else part


def _act(name: str) -> str:
    """An act's name in the first programme that has it; its id when none has."""
    for programme in library.loadable()[0]:
        model = library.editions(programme).latest.models.get(name)
        if model is not None:
            return say(model.name)
    return name


def changes(event: AuditEvent) -> list[str]:
    """What an event changed, one sentence a thing: `状态：有效 → 已停用`."""
    before, after = (x if isinstance(x, dict) else {} for x in (event.before, event.after))
    said = []
    for key in [*after, *(k for k in before if k not in after)]:
        old, new = _value(key, before.get(key)), _value(key, after.get(key))
        if not (old or new):
            continue
        shown = f"{old} → {new}" if old and new and old != new else new or old
        said.append(_("%(key)s：%(value)s") % {"key": _key(key), "value": shown})
    return said


def _key(key: str) -> str:
    return say(KEYS[key]) if key in KEYS else key


def _value(key: str, value: Any) -> str:
    if value is None or value == "" or value == [] or value == {}:
        return ""
    if isinstance(value, list):
        return "、".join(_value(key, one) for one in value)
    if isinstance(value, dict):
        return "、".join(f"{_key(k)} {_value(k, one)}" for k, one in value.items())
    if key == "acts":
        return _act(str(value))
    known = VALUES.get(key, {}).get(str(value))
    return say(known) if known is not None else str(value)
