"""What is done about people. Each verb asks whether it may, does it, and notes it in the log.

`by` is who does it; None is the installation itself (`banfa init`, the demonstration).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from stdnum.cn import uscc as uscc_numbers

from banfa.office import clock
from banfa.office.people import access, audit, invitations, places
from banfa.office.people.errors import NotAllowed, PeopleError
from banfa.office.people.models import (
    Capacity,
    Delegation,
    Membership,
    Organisation,
    Place,
    Role,
    Standing,
    User,
)

# --- organisations ------------------------------------------------------------------------------


def uscc_fits(code: str) -> bool:
    """Whether a unified social credit code is well formed (GB 32100-2015)."""
    return bool(uscc_numbers.is_valid(code)) and code == uscc_numbers.compact(code)


def enter_organisation(
    id_: str,
    name_zh: str,
    kind: str = "",
    place: str = "",
    name_en: str = "",
    uscc: str | None = None,
    parent: str | None = None,
) -> Organisation:
    """Enters or updates an organisation. Acts keep it as it was when they were recorded."""
    if not id_.strip() or not name_zh.strip():
        raise PeopleError("单位须有编号和名称", "an organisation needs an id and a name")
    if uscc and not uscc_fits(uscc):
        raise PeopleError(
            f"统一社会信用代码“{uscc}”不正确（18位，末位校验）",
            f"'{uscc}' is not a unified social credit code",
        )
    above = _subordinate(id_, parent) if parent else None
    values = {"name_zh": name_zh, "kind": kind, "place": place, "name_en": name_en}
    found, _ = Organisation.objects.update_or_create(
        id=id_,
        defaults={**values, "uscc": uscc or None, "parent": above, "seat": places.find(place)},
    )
    return found


def _subordinate(id_: str, parent: str) -> Organisation:
    """The organisation above; refused when it is below itself. Raises PeopleError."""
    above = at = Organisation.objects.filter(id=parent).first()
    if above is None:
        raise PeopleError(f"没有编号为“{parent}”的单位", f"no organisation '{parent}'")
    while at is not None:
        if at.id == id_:
            raise PeopleError("隶属关系不得成环", "an organisation cannot be below itself")
        at = at.parent
    return above


# --- accounts -----------------------------------------------------------------------------------

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,59}")


def create_account(
    by: User | None,
    username: str,
    name: str,
    email: str = "",
    role: str = "",
    organisation: Organisation | None = None,
    administrator: bool = False,
) -> tuple[User, str]:
    """Creates an account that waits for approval; gives it and its one-time link's secret.

    With an `organisation` the person becomes a member, perhaps the one who manages its people. By
    the system administrator (or the installation). Raises NotAllowed, PeopleError.
    """
    _need(by, "administer.accounts")
    if role and organisation is not None:
        raise PeopleError(
            "管理员账号不得兼任业务身份", "an administrator's account holds no capacity"
        )
    with transaction.atomic():
        user, secret = _account(by, username, name, email, role)
        if organisation is not None:
            Membership.objects.create(
                user=user, organisation=organisation, administrator=administrator
            )
    return user, secret


def _account(
    by: User | None, username: str, name: str, email: str, role: str = ""
) -> tuple[User, str]:
    username, name, email = username.strip().lower(), name.strip(), email.strip()
    if not _USERNAME.fullmatch(username):
        raise PeopleError(
            "账号须为3至60个小写字母、数字、点、横线，以字母或数字开头",
            "an account name has 3 to 60 small letters, digits, dots or dashes",
        )
    if not name or len(name) > 100:
        raise PeopleError("请填写姓名（至多100字）", "a name is needed")
    if role and role not in list(Role):
        raise PeopleError("没有这种管理员", "no such administrator")
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise PeopleError("电子邮箱格式有误", "the e-mail address is wrong") from None
    try:
        with transaction.atomic():
            user = User(
                username=username,
                name=name,
                email=email,
                role=role,
                created=clock.now(),
                created_by=by,
            )
            user.set_unusable_password()
            user.save(force_insert=True)
    except IntegrityError:
        raise PeopleError(
            f"账号“{username}”已有人使用（停用的账号也不再分配）",
            f"the account name '{username}' is taken",
        ) from None
    audit.note("account_created", by, _of(user), None, {"name": name, "role": role})
    return user, invitations.make(user, by)


def approve_account(by: User | None, user: User) -> None:
    """Makes an account take effect. By the security administrator, never for oneself."""
    _need(by, "approve.accounts")
    if by is not None and by.pk in (user.pk, user.created_by_id):
        raise NotAllowed(
            "不得审核自己或自己创建的账号", "nobody approves an account of their own making"
        )
    _stand(by, user, Standing.ACTIVE, "account_approved", (Standing.WAITING,))


def disable_account(by: User, user: User, reason: str = "") -> None:
    """Disables an account at once. By the system or the security administrator.

    The log keeps the reason.
    """
    if not access.reach(by, clock.today()).does("approve.accounts"):
        _need(by, "administer.accounts")
    if by.pk == user.pk:
        raise NotAllowed("不得停用自己的账号", "nobody disables their own account")
    _stand(
        by, user, Standing.DISABLED, "account_disabled", (Standing.ACTIVE, Standing.WAITING), reason
    )


def enable_account(by: User, user: User) -> None:
    """Proposes a disabled account anew: it waits for approval. By the system administrator."""
    _need(by, "administer.accounts")
    _stand(by, user, Standing.WAITING, "account_enabled", (Standing.DISABLED,))


def renew_link(by: User, user: User) -> str:
    """A new one-time link for a person who lost the password. By the system administrator."""
    _need(by, "administer.accounts")
    if user.standing == Standing.DISABLED:
        raise PeopleError("账号已停用，不能发出链接", "the account is disabled")
    return invitations.make(user, by)


def _stand(
    by: User | None, user: User, to: str, kind: str, from_: Iterable[str], reason: str = ""
) -> None:
    with transaction.atomic():
        kept = User.objects.select_for_update().get(pk=user.pk)
        if kept.standing not in from_:
            raise PeopleError(
                f"账号现为“{Standing(kept.standing).label}”，不能这样处理",
                f"the account is {kept.standing}",
            )
        before, user.standing = kept.standing, to
        user.approved_by = by if to == Standing.ACTIVE else None
        user.save(update_fields=["standing", "approved_by"])
    audit.note(kind, by, _of(user), {"standing": before}, {"standing": to} | _why(reason))


# --- members of an organisation -----------------------------------------------------------------


def invite_member(
    by: User | None, organisation: Organisation, username: str, name: str, email: str = ""
) -> tuple[User, str]:
    """A new account for a person of an organisation. By its administrator; waits for approval."""
    _administers(by, organisation)
    with transaction.atomic():
        user, secret = _account(by, username, name, email)
        Membership.objects.create(user=user, organisation=organisation)
    return user, secret


def join(
    user: User, organisation: Organisation, administrator: bool = False, by: User | None = None
) -> Membership:
    """Enters a person as a member. By the security administrator or the installation."""
    _need(by, "approve.accounts")
    _no_role(user)
    found, _ = Membership.objects.update_or_create(
        user=user,
        organisation=organisation,
        defaults={"administrator": administrator, "until": None},
    )
    audit.note(
        "account_approved", by, f"{_of(user)} @{organisation.id}", None,
        {"administrator": administrator},
    )  # fmt: skip
    return found


def end_member(by: User, membership: Membership, reason: str = "") -> None:
    """Ends a membership and its capacities; an account without another one is disabled."""
    _administers(by, membership.organisation)
    user, now = membership.user, clock.now()
    if user.pk == by.pk:
        raise NotAllowed("不得停用自己", "nobody ends their own membership")
    with transaction.atomic():
        membership.until = clock.today() - dt.timedelta(days=1)
        membership.save(update_fields=["until"])
        for capacity in Capacity.objects.filter(
            user=user, organisation=membership.organisation, ended__isnull=True
        ):
            _end(by, capacity, now, reason)
        others = Membership.objects.filter(user=user).exclude(pk=membership.pk)
        if not any(m.holds(clock.today()) for m in others):
            _stand(
                by, user, Standing.DISABLED, "account_disabled",
                (Standing.ACTIVE, Standing.WAITING, Standing.DISABLED), reason,
            )  # fmt: skip
    object = f"{_of(user)} @{membership.organisation_id}"
    audit.note("member_ended", by, object, None, _why(reason) or None)


# --- capacities ---------------------------------------------------------------------------------


def ask_capacity(
    by: User | None,
    user: User,
    organisation: Organisation,
    programme: str,
    party: str,
    place: Place | None = None,
    centres: Iterable[str] = (),
    since: dt.date | None = None,
    until: dt.date | None = None,
) -> Capacity:
    """Asks that a person act for an organisation as a party; it counts once approved.

    By the organisation's administrator or the security administrator. The caller has checked that
    programme and party exist and that the organisation's kind may play it.
    """
    today = clock.today()
    if by is not None and not access.reach(by, today).does("approve.capacities"):
        _administers(by, organisation)
    _no_role(user)
    if since and until and until < since:
        raise PeopleError("止日早于起日", "it would end before it begins")
    member = Membership.objects.filter(user=user, organisation=organisation).first()
    if member is None or not member.holds(today):
        raise PeopleError(
            f"{user.name}不是“{organisation.name_zh}”的人员", "the person is no member of it"
        )
    try:
        with transaction.atomic():
            capacity = Capacity.objects.create(
                user=user,
                organisation=organisation,
                programme=programme,
                party=party,
                place=place,
                centres=sorted(set(centres)),
                since=since,
                until=until,
                asked=clock.now(),
                asked_by=by,
            )
    except IntegrityError:
        raise PeopleError("已有相同的身份", "there is such a capacity already") from None
    audit.note("capacity_asked", by, f"capacity:{capacity.pk} {_of(user)}", None, _told(capacity))
    return capacity


def approve_capacity(by: User | None, capacity: Capacity) -> None:
    """Makes a capacity count. By the security administrator."""
    _need(by, "approve.capacities")
    if capacity.approved or capacity.ended:
        raise PeopleError("这一身份已经处理", "it has been dealt with")
    capacity.approved, capacity.approved_by = clock.now(), by
    capacity.save(update_fields=["approved", "approved_by"])
    audit.note("capacity_approved", by, f"capacity:{capacity.pk}", None, _told(capacity))


def end_capacity(by: User, capacity: Capacity, reason: str = "") -> None:
    """Ends a capacity (or refuses one asked for); what was delegated from it ends with it."""
    if not access.reach(by, clock.today()).does("approve.capacities"):
        _administers(by, capacity.organisation)
    if capacity.ended:
        raise PeopleError("这一身份已终止", "it has ended")
    _end(by, capacity, clock.now(), reason)


def _end(by: User, capacity: Capacity, now: dt.datetime, reason: str) -> None:
    capacity.ended = now
    capacity.save(update_fields=["ended"])
    Delegation.objects.filter(capacity=capacity, ended__isnull=True).update(ended=now)
    after = _why(reason) or None
    audit.note("capacity_ended", by, f"capacity:{capacity.pk}", _told(capacity), after)


def delegate(
    by: User,
    capacity: Capacity,
    to: User,
    since: dt.date,
    until: dt.date,
    acts: Iterable[str] = (),
) -> Delegation:
    """Lets a colleague do these acts (none: all) in one's capacity from a day until a day."""
    today = clock.today()
    mine = [h.capacity.pk for h in access.capacities(by, today) if h.delegation is None]
    if capacity.pk not in mine:
        raise NotAllowed("只能委托本人现有的身份", "only one's own capacity can be delegated")
    _no_role(to)
    member = Membership.objects.filter(user=to, organisation=capacity.organisation).first()
    if to.pk == by.pk or not to.is_active or member is None or not member.holds(today):
        raise PeopleError(
            "受托人须为同一单位的其他在岗人员", "the other must be a colleague in active service"
        )
    for _field, error in wrong_days(since, until):
        raise error
    made = Delegation.objects.create(
        capacity=capacity, to=to, acts=sorted(set(acts)), since=since, until=until,
        made=clock.now(),
    )  # fmt: skip
    after = {"to": to.username, "acts": made.acts, "since": str(since), "until": str(until)}
    audit.note("delegated", by, f"delegation:{made.pk} capacity:{capacity.pk}", None, after)
    return made


LONGEST_DAYS = 365
"""A delegation lasts at most so long: then it is given anew, or not."""


def wrong_days(since: dt.date, until: dt.date) -> list[tuple[str, PeopleError]]:
    """What is wrong with a delegation's days: the field, `since` or `until`, and why."""
    today, wrong = clock.today(), []
    if since < today:
        wrong.append(("since", PeopleError("起日不得早于今日", "it cannot begin before today")))
    elif (since - today).days > LONGEST_DAYS:
        wrong.append(("since", PeopleError("起日至多在一年之内", "it begins within a year")))
    if until < since:
        wrong.append(("until", PeopleError("止日早于起日", "it would end before it begins")))
    elif (until - since).days > LONGEST_DAYS:
        wrong.append(("until", PeopleError("委托至多一年", "a delegation lasts a year at most")))
    return wrong


def end_delegation(by: User, delegation: Delegation) -> None:
    """Ends a delegation: by whoever gave it or took it."""
    if by.pk not in (delegation.capacity.user_id, delegation.to_id):
        raise NotAllowed("只能由委托人或受托人终止", "only the two persons may end it")
    if delegation.ended is None:
        delegation.ended = clock.now()
        delegation.save(update_fields=["ended"])
        audit.note("delegation_ended", by, f"delegation:{delegation.pk}")


# --- who may ------------------------------------------------------------------------------------


def _need(by: User | None, thing: str) -> None:
    if by is not None and not access.reach(by, clock.today()).does(thing):
        audit.note("denied", by, thing, result="refused")
        raise NotAllowed("您的账号无权办理此事", "your account may not do this")


def _administers(by: User | None, organisation: Organisation) -> None:
    today = clock.today()
    if by is None:
        return
    mine = access.administered(by, today).filter(organisation=organisation)
    if not mine.exists() or not access.reach(by, today).does("administer.people"):
        audit.note("denied", by, f"administer.people @{organisation.id}", result="refused")
        raise NotAllowed("您不是这个单位的管理员", "you do not manage this organisation")


def _no_role(user: User) -> None:
    if user.role:
        raise PeopleError(
            "管理员账号不得兼任业务身份", "an administrator's account holds no capacity"
        )


def _why(reason: str) -> dict[str, str]:
    """A reason as the log keeps it; nothing when none was given."""
    return {"reason": reason} if reason else {}


def _of(user: User) -> str:
    return f"user:{user.pk} {user.username}"


def _told(capacity: Capacity) -> dict[str, Any]:
    return {
        "user": capacity.user.username,
        "organisation": capacity.organisation_id,
        "as": capacity.subject,
        "place": capacity.place_id,
        "centres": capacity.centres,
        "since": str(capacity.since or ""),
        "until": str(capacity.until or ""),
    }
