"""The demonstration's drafts that await other bodies' concurrence, sent as people send them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from banfa.office import clock
from banfa.office.demo import FOLDER
from banfa.office.ledger.verbs import Proposal
from banfa.office.people import access
from banfa.office.people.models import User
from banfa.office.queues import joint
from banfa.rules import programme as p
from banfa.rules.loading import read, validate

FILE = FOLDER / "data" / "joint.yaml"


class GivenDraft(p.Strict):
    """An act that somebody sends to the bodies that have to concur in it."""

    programme: str
    centre: str
    act: str
    party: str
    by: str
    on: dt.date
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    note: str = ""


class Given(p.Strict):
    """The file."""

    drafts: list[GivenDraft]


def make(centres: Mapping[str, str]) -> int:
    """Sends the drafts; gives how many. `centres` are the ids by `programme:label`; drafts for
    centres that are not loaded are left out. Raises LoadError with the place."""
    told = validate(read(FILE), Given).drafts
    here = [one for one in told if f"{one.programme}:{one.centre}" in centres]
    for one in here:
        user = User.objects.get(username=one.by)
        with clock.played(dt.datetime.combine(one.on, dt.time(11), clock.SHANGHAI)):
            joint.send(
                Proposal(
                    act=one.act, by=one.party, on=one.on, data=one.with_,
                    centre=centres[f"{one.programme}:{one.centre}"],
                    user=user, reach=access.reach(user, one.on),
                ),
                one.note,
            )  # fmt: skip
    return len(here)
