"""The sign-in page: the form, passkeys, the single sign-on, the demonstration's accounts."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView
from django.conf import settings

from banfa.office.desk import doors

LONGEST = 60


class SignIn(LoginView):
    """allauth's sign-in with what the office adds to its page."""

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """The context, with why the last session ended and the demonstration's accounts."""
        context: dict[str, Any] = super().get_context_data(**more)
        search = self.request.GET.get("who", "")[:LONGEST].strip()
        context |= {
            "over": self.request.GET.get("over", ""),
            "idle": settings.IDLE_MINUTES,
            "oidc": _oidc(),
            "demo_groups": doors.groups(search) if settings.DEMO else [],
            "who": search,
            "next": self.request.POST.get("next") or self.request.GET.get("next", ""),
        }
        return context


login = SignIn.as_view()


def _oidc() -> str:
    apps = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", [])
    return str(apps[0]["name"]) if apps else ""
