"""The tiny programme with its three centres, and people of several organisations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from banfa.office import clock
from banfa.office.ledger import library
from banfa.office.ledger.models import Centre
from banfa.office.people import access, rights
from banfa.office.people.models import User
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in


@pytest.fixture(autouse=True)
def mini(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation has the tiny programme only, and it is 2030."""
    seed.use(settings, monkeypatch)


@pytest.fixture
def centres(db: None) -> tuple[str, str, str]:
    """Three centres: preparation over; preparing with an open extension; planned."""
    made = seed.centres()
    rights.seed(library.parties_and_acts())
    rights.Right.objects.filter(thing=rights.SECOND_FACTOR, fixed=False).update(allowed=False)
    return made


@pytest.fixture
def preparing(centres: Any) -> Centre:
    """The centre whose extension waits for the authority: case extension#3."""
    return Centre.objects.get(id="mini-0002")


@pytest.fixture
def officers(centres: Any) -> dict[str, User]:
    """Four people of the authority, one of the customs, two of the firm org-2."""
    boss = {n: seed.person(n, ("boss", "boss"), name=n) for n in ("amy", "bob", "cat", "dan")}
    rights.Right.objects.filter(thing=rights.SECOND_FACTOR, fixed=False).update(allowed=False)
    return boss | {
        "eve": seed.person("eve", ("customs", "customs"), name="eve"),
        "fay": seed.person("fay", ("unit", "org-2"), name="fay"),
        "gus": seed.person("gus", ("unit", "org-2"), name="gus"),
    }


Reaches = Callable[[str], access.Reach]


@pytest.fixture
def reach(officers: dict[str, User]) -> Reaches:
    """What one of them reaches today."""
    return lambda name: access.reach(User.objects.get(username=name), clock.today())


@pytest.fixture
def browse(officers: dict[str, User]) -> Callable[[str], Client]:
    """A browser in which one of them is signed in."""
    return lambda name: signed_in(officers[name])
