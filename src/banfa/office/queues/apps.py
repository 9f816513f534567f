"""The queues app: a person's act passes the ledger's door only with its organisation's sign-off."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig


class QueuesConfig(AppConfig):
    """Opinions, routing, copies, notes, lists of work."""

    name = "banfa.office.queues"

    def ready(self) -> None:
        """Stands at the door, closes what was routed for an act when it is recorded, and tells of
        what has come to whom."""
        from banfa.office.ledger import signals
        from banfa.office.notices import minute
        from banfa.office.queues import arrivals

        signals.proposed.connect(_signed, dispatch_uid="queues.signed")
        signals.recorded.connect(_served, dispatch_uid="queues.served")
        minute.also("arrivals", arrivals.tell_all)


def _signed(
    sender: Any, programme: str, act: str, centre: Any, organisation: str, **more: Any
) -> None:
    from banfa.office.queues import queries
    from banfa.office.queues.errors import Unsigned

    if centre is None:
        return
    missing = queries.missing_sign_off(centre, programme, act, organisation)
    if missing is not None:
        raise Unsigned(missing.manner, missing.people)


def _served(sender: Any, row: Any, centre: Any, organisation: str, user: Any, **more: Any) -> None:
    from banfa.office.queues import joint, routing

    routing.recorded(user, centre, row, organisation)
    joint.recorded(centre, row)
