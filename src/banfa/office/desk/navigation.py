"""What stands in the head of every page for the person who is signed in."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import gettext as _

from banfa.office import clock
from banfa.office.people import access
from banfa.office.people.models import Organisation
from banfa.office.readable import Readable
from banfa.office.reviews import queries


@dataclass(frozen=True)
class Entry(Readable):
    """A link in the head: its address by name, its words, and where one is when it is marked."""

    url: str
    text: str
    here: str


def entries(request: HttpRequest) -> list[Entry]:
    """The pages that the person's capacities and role lead to."""
    reach, found = request.reach, []
    if reach.held:
        found += [
            Entry("home", _("工作台"), "home"),
            Entry("centre_list", _("中心"), "centres"),
            Entry("programmes", _("办法一览"), "programmes"),
            Entry("dossiers", _("材料"), "dossiers"),
            Entry("reports", _("年度报告"), "reports"),
            Entry("rounds", _("评估"), "rounds"),
            Entry("calendar", _("期限日历"), "calendar"),
        ]
    if not request.user.role:
        found.append(Entry("reviews", _("评审"), "reviews"))
    for thing, entry in (
        ("administer.people", Entry("people", _("本单位人员"), "people")),
        ("administer.accounts", Entry("accounts", _("账号"), "accounts")),
        ("administer.accounts", Entry("organisations", _("单位"), "organisations")),
        ("administer.jobs", Entry("background", _("后台任务"), "background")),
        ("approve.accounts", Entry("approvals", _("审核"), "approvals")),
        ("see.audit", Entry("audit", _("审计日志"), "audit")),
        ("see.rights", Entry("rights", _("权限表"), "rights")),
    ):
        if reach.does(thing):
            found.append(entry)
    return found


def first_page(request: HttpRequest) -> str:
    """The page to begin with for those without a capacity: that of their role, or their account."""
    found = [e.url for e in entries(request)]
    if found == ["reviews"] and not queries.of_expert(request.user):
        return "account"
    return found[0] if found else "account"


def administered(request: HttpRequest) -> list[Organisation]:
    """The organisations whose people the person manages."""
    mine = access.administered(request.user, clock.today()).select_related("organisation")
    return [m.organisation for m in mine.order_by("organisation__name_zh")]
