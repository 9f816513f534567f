"""The table of rights: how it is seeded from the programmes, read, changed and shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from banfa.office.people import audit
from banfa.office.people.errors import NotAllowed, PeopleError
from banfa.office.people.models import Right, Role, Scope, User
from banfa.rules import programme as p

ANYONE = "anyone"
SECOND_FACTOR = "needs.second_factor"
THINGS = {
    "see.centre": ("查看中心", "See a centre"),
    "see.programme": ("查看办法页面", "See a regulation's page"),
    "give.opinion": ("发表意见", "Give an opinion"),
    "route.work": ("内部分办", "Route work within the organisation"),
    "write.note": ("记备注", "Write notes"),
    "see.register": ("查看名录", "See the register"),
    "export.list": ("导出列表", "Export a list"),
    "see.dossier": ("查看已提交的材料", "See submitted dossiers"),
    "return.dossier": ("退回修改材料", "Return dossiers for correction"),
    "figures.report": ("填报数据", "Report figures"),
    "figures.review": ("审核数据", "Review figures"),
    "figures.verify": ("核定数据", "Verify figures"),
    "administer.systems": ("管理指标体系", "Manage indicator systems"),
    "administer.rounds": ("组织数据采集和计分", "Collect figures and score them"),
    "raise.objection": ("对评估结果提出异议", "Object to an evaluation's result"),
    "answer.objection": ("答复评估结果异议", "Answer objections to results"),
    "call.review": ("组织评审", "Call a review"),
    "manage.experts": ("管理专家库", "Keep a register of experts"),
    "hurry": ("催办到期事项", "Ask others to hurry"),
    "hurry.report": ("催报年度报告和数据", "Ask for yearly reports and figures"),
    SECOND_FACTOR: ("须用双因素验证", "Needs a second factor"),
    "administer.accounts": ("管理账号", "Manage accounts"),
    "administer.parameters": ("管理系统参数", "Manage settings"),
    "administer.jobs": ("管理后台任务与邮件", "Manage background jobs and mail"),
    "administer.people": ("管理本单位人员", "Manage an organisation's people"),
    "approve.accounts": ("审核账号", "Approve accounts"),
    "approve.capacities": ("审核身份", "Approve capacities"),
    "administer.rights": ("管理权限", "Manage rights"),
    "see.rights": ("查看权限表", "See the table of rights"),
    "see.audit": ("查看审计日志", "See the audit log"),
    "export.audit": ("导出审计日志", "Export the audit log"),
}
OF_CENTRES = (
    *("see.centre", "export.list", "give.opinion", "route.work", "write.note"),
    *("see.dossier", "return.dossier"),
)
"""What every party may see and do of the centres that its rights reach, beside its acts."""
ORGANISATION = "role:organisation"
ROLES = {
    f"role:{Role.SYSTEM}": ("系统管理员", "System administrator"),
    f"role:{Role.SECURITY}": ("安全管理员", "Security administrator"),
    f"role:{Role.AUDIT}": ("审计管理员", "Audit administrator"),
    ORGANISATION: ("单位管理员", "Organisation's administrator"),
}
FIXED = {
    f"role:{Role.SYSTEM}": (
        *("administer.accounts", "administer.parameters", "administer.jobs", SECOND_FACTOR),
    ),
    f"role:{Role.SECURITY}": (
        *("approve.accounts", "approve.capacities", "administer.rights", "see.rights"),
        *("see.audit", "export.audit", SECOND_FACTOR),
    ),
    f"role:{Role.AUDIT}": ("see.audit", "export.audit", "see.rights", SECOND_FACTOR),
    ORGANISATION: ("administer.people", SECOND_FACTOR),
}
"""What belongs to the separation of the administrators and is not changed on the matrix."""


def scopes_of(party: p.Party) -> tuple[Scope, ...]:
    """How far a party's rights reach at first, by how the programme binds it to centres."""
    if party.body:
        return (Scope.PROGRAMME,)
    if party.inside:
        return (Scope.PART, Scope.ASSIGNED)
    if party.unbound:
        return (Scope.PART, Scope.ASSIGNED, Scope.PLACE)
    return (Scope.OWN, Scope.ASSIGNED)


def of_programme(
    programme: p.Programme, models: Mapping[str, p.Act]
) -> Iterator[tuple[str, str, Scope]]:
    """The rights that a programme gives: an act's `by` may do it; parties see their centres."""
    for name, party in programme.parties.items():
        subject = f"{programme.programme}:{name}"
        yield subject, "see.programme", Scope.PROGRAMME
        yield subject, "see.register", Scope.ALL
        if party.body:
            yield subject, SECOND_FACTOR, Scope.PROGRAMME
            yield subject, "hurry", Scope.PROGRAMME
            yield subject, "hurry.report", Scope.PROGRAMME
        if name in programme.authority:
            yield subject, "administer.systems", Scope.PROGRAMME
            yield subject, "administer.rounds", Scope.PROGRAMME
            yield subject, "answer.objection", Scope.PROGRAMME
        acts = [k for k, m in models.items() if name in m.by or ANYONE in m.by]
        for scope in scopes_of(party):
            for thing in (*OF_CENTRES, *(f"act:{k}" for k in acts)):
                yield subject, thing, scope
            if not party.body and not party.unbound:
                yield subject, "raise.objection", scope
            if not party.inside and any(name in m.by for m in models.values()):
                yield subject, "call.review", scope
                yield subject, "manage.experts", scope


def seed(programmes: Iterable[tuple[p.Programme, Mapping[str, p.Act]]]) -> int:
    """Enters the rights of these programmes and of the administrators that have no row yet.

    What the security administrator has given or withdrawn stays as it is. Gives how many are new.
    """
    wanted = {
        (s, thing, scope): False
        for programme, models in programmes
        for s, thing, scope in of_programme(programme, models)
    }
    fixed = {(s, t, _role_scope(s)): True for s, things in FIXED.items() for t in things}
    known = set(Right.objects.values_list("subject", "thing"))
    fresh = [
        Right(subject=s, thing=thing, scope=scope, fixed=is_fixed)
        for (s, thing, scope), is_fixed in (wanted | fixed).items()
        if (s, thing) not in known
    ]
    Right.objects.bulk_create(fresh, ignore_conflicts=True)
    return len(fresh)


def _role_scope(subject: str) -> Scope:
    return Scope.OWN if subject == ORGANISATION else Scope.ALL


def change(by: User, subject: str, thing: str, scope: str, allowed: bool) -> Right:
    """Gives or withdraws a right. Only the security administrator; fixed rights stay."""
    if by.role != Role.SECURITY or not by.is_active:
        raise NotAllowed("权限只能由安全管理员变更", "only the security administrator may")
    if scope not in list(Scope):
        raise PeopleError(f"没有“{scope}”这一范围", f"no scope '{scope}'")
    if subject.startswith("role:"):
        raise NotAllowed(
            "管理员的权限依三员分立固定，不得变更",
            "the administrators' rights are fixed by their separation",
        )
    known = Right.objects.filter(subject=subject)
    if not known.exists() or not (thing in THINGS or thing.startswith("act:")):
        raise PeopleError("没有这一身份或事项", "no such party or thing")
    if (
        thing.startswith(("act:", "approve.", "administer."))
        and not known.filter(thing=thing).exists()
    ):
        raise PeopleError(
            "办法未将这一行为交由该方办理，不能授予",
            "the regulation does not give this act to that party",
        )
    found = known.filter(thing=thing, scope=scope).first()
    before = bool(found and found.allowed)
    if found is None:
        found = Right(subject=subject, thing=thing, scope=scope)
    found.allowed = allowed
    found.save()
    audit.note(
        "right_changed", by, f"{subject} {thing} {scope}", {"allowed": before}, {"allowed": allowed}
    )
    return found


@dataclass
class Line:
    """A line of the matrix: a thing, and each subject's scopes that are allowed."""

    thing: str
    cells: list[list[str]]


def matrix(subjects: list[str]) -> list[Line]:
    """What these subjects may see and do, a line for each thing: one query."""
    cells: dict[str, dict[str, list[str]]] = {}
    for right in Right.objects.filter(subject__in=subjects).order_by("id"):
        held = cells.setdefault(right.thing, {}).setdefault(right.subject, [])
        if right.allowed:
            held.append(right.scope)
    order = list(THINGS)
    things = sorted(cells, key=lambda t: (order.index(t) if t in order else len(order), t))
    return [Line(t, [cells[t].get(s, []) for s in subjects]) for t in things]
