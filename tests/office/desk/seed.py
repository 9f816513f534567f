"""What the tests of the pages and of the browser start from."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from banfa.office import clock
from banfa.office.ledger import library
from banfa.office.ledger.verbs import Proposal, record
from banfa.office.people import rights
from banfa.office.people.models import Capacity, Membership, Organisation, Standing, User
from banfa.office.people.verbs import enter_organisation

PROGRAMMES = Path(__file__).parent / "programmes"
PLAN = {"plan": {"content": {"goals": "建成中试平台，服务全行业。", "money": {"total": "12000"}}}}
ORGANISATIONS = [
    ("org-1", "甲新材料股份有限公司", "firm"),
    ("org-2", "乙装备制造有限公司", "firm"),
    ("org-3", "丙产业技术研究院", "institute"),
    ("org-4", "丁信息技术有限公司", "firm"),
]


def use(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the tiny programme as the only one and 2030-11-15 as today."""
    settings.PROGRAMMES_DIR = PROGRAMMES
    monkeypatch.setenv("BANFA_TODAY", "2030-11-15")
    library.forget()


def do(by: str, kind: str, on: str, centre: str | None = None, **more: Any) -> str:
    """Records an act of the tiny programme; gives the centre's id. `recorded` may be later."""
    envelope = {k: more.pop(k) for k in ("org", "documents", "about") if k in more}
    recorded = dt.datetime.fromisoformat(more.pop("recorded", on) + "T10:00:00+08:00")
    day = dt.date.fromisoformat(on)
    proposal = Proposal(
        act=kind, by=by, on=day, programme="mini", centre=centre, data=more, **envelope
    )
    receipt = record(proposal, recorded)
    assert receipt.accepted, [(f.id, f.says) for f in receipt.refusals]
    return receipt.centre or ""


def centres() -> tuple[str, str, str]:
    """Three centres: preparation over; preparing with an open extension; planned."""
    for number, name, kind in ORGANISATIONS:
        enter_organisation(number, name, kind, "山东")
    do("boss", "notice", "2026-02-10", fields=["先进封装", "氢能装备", "工业软件"])
    do("boss", "set_parameter", "2027-01-05", parameter="budget", year=2027, value="5000000")
    over = begun("2026-02-20", "org-1", "先进封装")
    do("boss", "start", "2026-03-16", over, end="2029-03-16")
    preparing = begun("2027-03-01", "org-2", "氢能装备", recorded="2027-03-05")
    do("boss", "start", "2028-06-01", preparing, end="2030-12-20")
    do("unit", "extend", "2030-10-15", preparing)
    return over, preparing, begun("2030-09-01", "org-4", "工业软件")


def begun(on: str, org: str, field: str, **more: Any) -> str:
    """Begins a centre by an application; gives its id."""
    given = {"org": org, "documents": PLAN, "field_zh": field, "team": ["张某", "李某"], **more}
    return do("unit", "apply", on, **given)


def person(username: str, *held: tuple[str, ...], **more: Any) -> User:
    """An account that takes effect, with these capacities: party, organisation, programme."""
    rights.seed(library.parties_and_acts())
    user = User(
        username=username,
        name=more.pop("name", username),
        standing=more.pop("standing", Standing.ACTIVE),
        created=clock.now(),
        **more,
    )
    user.set_unusable_password()
    user.save()
    for party, org, *programme in held:
        capacity(user, party, org, programme=(programme or ["mini"])[0])
    return user


def capacity(user: User, party: str, org: str, **more: Any) -> Capacity:
    """A capacity that counts, with the membership it rests on."""
    organisation, _ = Organisation.objects.get_or_create(id=org, defaults={"name_zh": org})
    Membership.objects.get_or_create(user=user, organisation=organisation)
    programme = more.pop("programme", "mini")
    given = {"asked": clock.now(), "approved": clock.now(), **more}
    return Capacity.objects.create(
        user=user, organisation=organisation, programme=programme, party=party, **given
    )


def everybody() -> User:
    """An account with every capacity of the tiny programme. It is spared the second factor."""
    rights.seed(library.parties_and_acts())
    rights.Right.objects.filter(thing=rights.SECOND_FACTOR, fixed=False).update(allowed=False)
    units = [("unit", number) for number, _name, kind in ORGANISATIONS if kind == "firm"]
    return person("everybody", ("boss", "boss"), ("customs", "customs"), *units, name="经办人甲")
