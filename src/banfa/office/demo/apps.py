"""The demonstration as an app: it brings the English of its pages."""

from __future__ import annotations

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Made-up centres and people."""

    name = "banfa.office.demo"
