"""What a person is told of their own capacities and delegations when somebody else changes them."""

from __future__ import annotations

from django.urls import reverse

from banfa.office import clock
from banfa.office.ledger import library
from banfa.office.notices.verbs import tell
from banfa.office.people.models import Capacity, Delegation, User
from banfa.rules.words import Text


def words(capacity: Capacity) -> Text:
    """A capacity in both languages: programme, party, organisation."""
    organisation = capacity.organisation
    name_en = organisation.name_en or organisation.name_zh
    known = library.loadable()[0]
    if capacity.programme not in known:
        return Text(organisation.name_zh, name_en)
    programme = library.editions(capacity.programme).latest.programme
    party = programme.parties.get(capacity.party)
    zh, en = (party.name.zh, party.name.en) if party else ("", "")
    return Text(
        f"{programme.short.zh} {zh}（{organisation.name_zh}）",
        f"{programme.short.en}, {en} ({name_en})",
    )


def granted(capacity: Capacity) -> int:
    """That a capacity takes effect."""
    said = words(capacity)
    return tell(
        [capacity.user], "account", Text(f"身份已生效：{said.zh}", f"In effect: {said.en}"),
        link=reverse("account"), key=f"capacity:{capacity.pk}:granted",
    )  # fmt: skip


def ended(capacity: Capacity, reason: str = "") -> int:
    """That a capacity has been ended, or refused: to the person and to whoever asked for it."""
    said = words(capacity)
    person = capacity.user.name
    if capacity.approved is None:
        zh, en = f"身份未获批准（{person}）：{said.zh}", f"Not approved ({person}): {said.en}"
    else:
        zh, en = f"身份已终止：{said.zh}", f"Ended: {said.en}"
    asked = [capacity.asked_by] if capacity.approved is None and capacity.asked_by else []
    return tell(
        [capacity.user, *asked], "account", Text(zh, en), body=_why(reason),
        link=reverse("account"), key=f"capacity:{capacity.pk}:ended",
    )  # fmt: skip


def account_refused(user: User, reason: str = "") -> int:
    """That an account has not been approved: to whoever created it."""
    if user.created_by is None:
        return 0
    return tell(
        [user.created_by], "account",
        Text(f"账号未获批准：{user.label}", f"Account not approved: {user.label}"),
        # It may be proposed anew and refused again, which is news again.
        body=_why(reason), key=f"account:{user.pk}:refused:{clock.now().isoformat()}",
    )  # fmt: skip


def _why(reason: str) -> Text | None:
    return Text(f"原因：{reason}", f"Reason: {reason}") if reason else None


def lent(delegation: Delegation) -> int:
    """That somebody has delegated a capacity to a person."""
    by, said = delegation.capacity.user.name, words(delegation.capacity)
    return tell(
        [delegation.to],
        "account",
        Text(f"{by}已将身份委托给您：{said.zh}", f"{by} has delegated to you: {said.en}"),
        body=Text(
            f"自{delegation.since}至{delegation.until}。",
            f"From {delegation.since} to {delegation.until}.",
        ),
        link=reverse("delegations"),
        key=f"delegation:{delegation.pk}",
    )


def taken_back(delegation: Delegation, by: User) -> int:
    """That a delegation has been ended: to the other one of its two persons."""
    said = words(delegation.capacity)
    return tell(
        [one for one in (delegation.capacity.user, delegation.to) if one.pk != by.pk],
        "account",
        Text(f"委托已终止：{said.zh}", f"A delegation has ended: {said.en}"),
        link=reverse("delegations"),
        key=f"delegation:{delegation.pk}:ended",
    )
