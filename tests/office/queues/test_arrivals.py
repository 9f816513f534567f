"""Whoever a procedure has come to is told, once, and not those who moved it."""

from __future__ import annotations

from typing import Any

import pytest

from banfa.office.ledger.models import Centre, Matter
from banfa.office.notices import minute
from banfa.office.notices.models import Notice
from banfa.office.people.models import User
from banfa.office.queues import arrivals

pytestmark = pytest.mark.django_db


def test_arrivals_are_told_once(
    preparing: Centre, officers: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    matter = Matter.objects.get(centre=preparing, sort="case", closed=False)
    last = preparing.acts.latest("seq")
    matter.since = last.on
    matter.save(update_fields=["since"])
    monkeypatch.setattr(arrivals.clock, "now", lambda: last.recorded)
    told = minute.run()
    assert told == Notice.objects.filter(kind="todo").count() > 0
    reached = set(Notice.objects.values_list("to__username", flat=True))
    assert reached <= {"amy", "bob", "cat", "dan"}
    notice = Notice.objects.all()[0]
    assert notice.subject_zh.startswith("新的待办：") and notice.link.endswith(
        f"/cases/{matter.key.replace('#', '-')}/"
    )
    assert minute.run() == 0
    matter.holders = [last.party]
    matter.step = "other"
    matter.save(update_fields=["holders", "step"])
    assert minute.run() == 0


def test_what_is_long_past_is_not_told(preparing: Centre, officers: Any) -> None:
    assert minute.run() == 0 and not Notice.objects.exists()
