"""Every person against every page and act; what is expected stands in expected.yaml, by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db.models import Q
from django.test import Client

from banfa.office import clock
from banfa.office.ledger import library
from banfa.office.ledger.models import ActRecord, Centre
from banfa.office.people import access, accounts, verbs
from banfa.office.people.models import Capacity, Membership, Organisation, User
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in

pytestmark = pytest.mark.django_db
EXPECTED = yaml.safe_load((Path(__file__).parent / "expected.yaml").read_text(encoding="utf-8"))
PERSONS = list(EXPECTED["persons"])
CENTRES = ("mini-0001", "mini-0002", "mini-0003")
PARTIES = ("boss", "unit", "customs")


@pytest.fixture(autouse=True)
def no_second_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a second factor stands in the way of has tests of its own."""
    monkeypatch.setattr(accounts, "must_have_second_factor", lambda reach: False)


@pytest.fixture
def people(centres: Any) -> dict[str, User]:
    """The persons of the table."""
    found = {name: _person(name, told) for name, told in EXPECTED["persons"].items()}
    for name, told in EXPECTED["persons"].items():
        if lent := told.get("delegated"):
            capacity = Capacity.objects.get(user=found[lent["by"]])
            day = dt.date(2030, 11, 15)
            verbs.delegate(found[lent["by"]], capacity, found[name], day, day, lent["acts"])
    return found


def _person(name: str, told: dict[str, Any]) -> User:
    user = seed.person(f"p-{name}", role=told.get("role", ""))
    spell = {side: told.get(side) for side in ("since", "until")}
    approved = clock.now() if told.get("approved", True) else None
    for party, org in told.get("capacities", []):
        seed.capacity(user, party, org, centres=told.get("centres", []), approved=approved, **spell)
    if org := told.get("member"):
        Membership.objects.create(
            user=user,
            organisation=Organisation.objects.get(id=org),
            administrator=told.get("administrator", False),
        )
    return user


def acts() -> list[str]:
    return list(library.editions("mini").latest.models)


def test_the_table_names_every_act(people: Any) -> None:
    told = {a for table in ("does", "programme") for who in EXPECTED[table].values()
            for given in who.values() for a in given}  # fmt: skip
    assert told == set(acts())


@pytest.mark.parametrize("name", PERSONS)
def test_centres_seen_are_those_of_the_table(people: dict[str, User], name: str) -> None:
    today = clock.today()
    expected = EXPECTED["sees"].get(name, [])
    found = Centre.objects.filter(access.visible_centres(people[name], today))
    assert sorted(found.values_list("id", flat=True)) == expected
    reach = access.reach(people[name], today)
    assert [c.id for c in Centre.objects.order_by("id") if reach.sees(c)] == expected


@pytest.mark.parametrize("name", PERSONS)
def test_acts_allowed_are_those_of_the_table(people: dict[str, User], name: str) -> None:
    reach, wrong = access.reach(people[name], clock.today()), []
    for centre in [None, *Centre.objects.order_by("id")]:
        sees = centre is None or centre.id in EXPECTED["sees"].get(name, [])
        table = EXPECTED["programme" if centre is None else "does"].get(name, {})
        possible = _of_programmes() if centre is None else _of_centres()
        for party in PARTIES:
            for act in acts():
                expected = sees and act in table.get(party, [])
                if act not in possible:
                    continue
                if bool(reach.may(act, party, "mini", centre)) != expected:
                    wrong.append((centre and centre.id, party, act, expected))
    assert not wrong


def _of_programmes() -> set[str]:
    """The acts that some line of the table lists for the programme itself."""
    return {a for who in EXPECTED["programme"].values() for given in who.values() for a in given}


def _of_centres() -> set[str]:
    """The acts that some line of the table lists for a centre."""
    return {a for who in EXPECTED["does"].values() for given in who.values() for a in given}


@pytest.mark.parametrize("name", PERSONS)
def test_forms_open_for_nobody_else(people: dict[str, User], name: str) -> None:
    client, wrong = signed_in(people[name]), []
    before = ActRecord.objects.count()
    for centre in CENTRES:
        sees = centre in EXPECTED["sees"].get(name, [])
        table = EXPECTED["does"].get(name, {}) if sees else {}
        for act, model in library.editions("mini").latest.models.items():
            for party in PARTIES if "anyone" in model.by else model.by:
                at = f"/centres/{centre}/acts/{act}/?party={party}"
                got = client.get(at).status_code
                listed = act in table.get(party, [])
                fine = (
                    got in (200, 404) if listed else got == 404 if not sees else got in (403, 404)
                )
                if not fine:
                    wrong.append((at, got))
                if not listed and act in ("start", "extend", "annul"):
                    posted = client.post(at, {"on": "2030-11-15", "party": party})
                    if posted.status_code not in (403, 404):
                        wrong.append((at, "post"))
    assert not wrong and ActRecord.objects.count() == before


@pytest.mark.parametrize("name", PERSONS)
def test_pages_answer_as_the_table_says(people: dict[str, User], name: str) -> None:
    client = signed_in(people[name])
    wrong = {}
    for at, told in EXPECTED["pages"].items():
        ok = told["ok"] == "everybody" or name in told["ok"]
        got = client.get(at).status_code
        if got != (200 if ok else told["else"]):
            wrong[at] = got
    assert not wrong


def test_a_visitor_sees_the_sign_in_page_only(people: Any) -> None:
    client = Client(headers={"host": "localhost"})
    forms = [f"/centres/{c}/acts/start/?party=boss" for c in CENTRES]
    for at in [*EXPECTED["pages"], "/", "/programmes/", "/compare/", *forms]:
        answer = client.get(at)
        assert answer.status_code == 302 and answer["Location"].startswith("/account/login/"), at
        assert client.post(at, {}).status_code == 302
    assert client.get("/account/login/").status_code == 200


def test_lists_show_what_may_be_seen(people: dict[str, User]) -> None:
    assert "mini-0001" in signed_in(people["unit1"]).get("/").content.decode()
    assert "mini-0002" not in signed_in(people["unit1"]).get("/").content.decode()
    for name, at in (("stranger", "/account/"), ("system", "/people/accounts/")):
        assert signed_in(people[name]).get("/")["Location"] == at


def test_a_disabled_account_is_out_at_once(people: dict[str, User]) -> None:
    client = signed_in(people["boss"])
    assert client.get("/centres/mini-0001/").status_code == 200
    verbs.disable_account(people["security"], people["boss"])
    assert client.get("/centres/mini-0001/").status_code == 302
    assert access.visible_centres(User.objects.get(username="p-boss"), clock.today()) == Q(
        pk__in=[]
    )
