"""The sign-in page: the form, passkeys, the single sign-on, the demonstration's accounts."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from allauth.account.views import LoginView
from django.conf import settings

from banfa.office.desk.language import say
from banfa.office.ledger import library
from banfa.office.people.models import Capacity, Role, User
from banfa.rules.words import Text

ROLES = {
    Role.SYSTEM: Text("系统管理员", "System administrator"),
    Role.SECURITY: Text("安全管理员", "Security administrator"),
    Role.AUDIT: Text("审计管理员", "Audit administrator"),
}


class SignIn(LoginView):
    """allauth's sign-in with what the office adds to its page."""

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """The context, with why the last session ended and the demonstration's accounts."""
        context: dict[str, Any] = super().get_context_data(**more)
        context |= {
            "over": self.request.GET.get("over", ""),
            "idle": settings.IDLE_MINUTES,
            "oidc": _oidc(),
            "demo_groups": demo_groups() if settings.DEMO else [],
            "next": self.request.GET.get("next", ""),
        }
        return context


login = SignIn.as_view()


def _oidc() -> str:
    apps = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", [])
    return str(apps[0]["name"]) if apps else ""


def demo_groups() -> list[tuple[str, list[tuple[User, str, str]]]]:
    """The demonstration's accounts by programme: account, party, organisation."""
    held = Capacity.objects.filter(user__demo=True, ended__isnull=True)
    kept = held.select_related("user", "organisation").order_by("programme", "id")
    groups = []
    for name, capacities in groupby(kept, key=lambda c: c.programme):
        if name not in library.loadable()[0]:
            continue
        model = library.editions(name).latest.programme
        rows = [
            (c.user, say(model.parties[c.party].name), c.organisation.name_zh)
            for c in capacities
            if c.party in model.parties and not c.user.username.endswith("-all")
        ]
        groups.append((say(model.short), rows))
    roles = User.objects.filter(demo=True).exclude(role="").order_by("id")
    admins = [(user, say(ROLES[Role(user.role)]), user.name) for user in roles]
    return [*groups, (say(Text("管理员", "Administrators")), admins)] if admins else groups
