"""What is done about people: who may, what the database refuses, what the log keeps."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError

from banfa.office import clock
from banfa.office.ledger import queries
from banfa.office.ledger.errors import MayNot
from banfa.office.ledger.models import Centre
from banfa.office.ledger.verbs import Proposal, record
from banfa.office.people import access, audit, places, rights, verbs
from banfa.office.people.errors import NotAllowed, PeopleError
from banfa.office.people.models import (
    AuditEvent,
    Capacity,
    Membership,
    Organisation,
    Place,
    Right,
    Standing,
    User,
)
from tests.office.desk import seed

pytestmark = pytest.mark.django_db
DAY = dt.date(2030, 11, 15)


def kinds() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))


# --- accounts and the three administrators


def test_an_account_takes_effect_when_another_approves_it(administrators: Any) -> None:
    system, security = administrators["system"], administrators["security"]
    user, secret = verbs.create_account(system, "Zhang.San", "张三", "zhang@example.org")
    assert (user.username, user.is_active, len(secret) > 30) == ("zhang.san", False, True)
    for wrong in (system, administrators["audit"]):
        with pytest.raises(NotAllowed):
            verbs.approve_account(wrong, user)
    verbs.approve_account(security, user)
    assert User.objects.get(pk=user.pk).is_active
    with pytest.raises(PeopleError, match="现为"):
        verbs.approve_account(security, user)
    verbs.disable_account(system, user)
    assert not User.objects.get(pk=user.pk).is_active
    verbs.enable_account(system, user)
    assert user.standing == Standing.WAITING
    assert kinds() == [
        *("account_created", "invited", "denied", "denied", "account_approved"),
        *("account_disabled", "account_enabled"),
    ]
    assert audit.faults() == []


def test_nobody_approves_themselves_or_their_own_making(administrators: Any) -> None:
    security = administrators["security"]
    with pytest.raises(NotAllowed):
        verbs.create_account(security, "li", "李四")
    user = seed.person("wang", standing=Standing.WAITING, created_by=security)
    with pytest.raises(NotAllowed, match="自己"):
        verbs.approve_account(security, user)
    with pytest.raises(NotAllowed):
        verbs.disable_account(security, security)


@pytest.mark.parametrize("username", ["", "a", "张三", "a b", "-abc", "x" * 61])
def test_account_names_are_plain(administrators: Any, username: str) -> None:
    with pytest.raises(PeopleError, match="账号须为"):
        verbs.create_account(administrators["system"], username, "张三")


def test_account_names_are_never_given_again(administrators: Any) -> None:
    user, _secret = verbs.create_account(administrators["system"], "li-si", "李四")
    verbs.disable_account(administrators["system"], user)
    with pytest.raises(PeopleError, match="已有人使用"):
        verbs.create_account(administrators["system"], "li-si", "另一李四")
    with pytest.raises(TypeError):
        user.delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        User.objects.filter(pk=user.pk)._raw_delete("default")  # type: ignore[attr-defined]


def test_the_database_keeps_the_administrators_apart(administrators: Any, centres: Any) -> None:
    for role in ("system", "security", "audit"):
        with pytest.raises(IntegrityError), transaction.atomic():
            seed.capacity(administrators[role], "boss", "boss")
    worker = seed.person("worker", ("unit", "org-1"))
    for change in ({"role": "audit"}, {"role": "boss"}, {"username": "other"}, {"demo": True}):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.filter(pk=worker.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=administrators["audit"].pk).update(role="security")


def test_a_demo_account_refuses_to_exist_elsewhere(db: None, settings: Any) -> None:
    assert settings.DEMO is False
    with pytest.raises(PermissionDenied):
        seed.person("demo", demo=True)
    settings.DEMO = True
    user = seed.person("demo", demo=True)
    assert user.is_active
    settings.DEMO = False
    assert not user.is_active


# --- the log


def test_the_log_cannot_be_changed_and_its_chain_shows_what_was(administrators: Any) -> None:
    audit.note("sign_in", administrators["system"], after={"n": 1})
    audit.note("exported", administrators["audit"])
    for change in ("UPDATE people_auditevent SET who = 'x'", "DELETE FROM people_auditevent"):
        with pytest.raises(DatabaseError, match="不得更改"), transaction.atomic():
            connection.cursor().execute(change)
    assert audit.faults() == []
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE people_auditevent SET who = 'x' WHERE kind = 'sign_in'")
        cursor.execute("SET session_replication_role = DEFAULT")
    assert len(audit.faults()) == 1


def test_who_reads_which_part_of_the_log(administrators: Any) -> None:
    worker = seed.person("worker")
    for user in (*administrators.values(), worker):
        audit.note("sign_in", user)
    audit.note("locked_out", who="x", result="failed")

    def read(reader: User) -> set[str]:
        return set(audit.readable(reader).values_list("who", flat=True))

    assert read(administrators["audit"]) == {
        *(administrators[r].label for r in ("system", "security")),
        "x",
    }
    assert read(administrators["security"]) == {worker.label, "x"}
    assert read(administrators["system"]) == read(worker) == set()


# --- organisations and places


def test_the_34_provinces_are_there_and_finer_lists_load(db: None, tmp_path: Any) -> None:
    assert Place.objects.filter(within=None).count() == 34
    file = tmp_path / "places.csv"
    file.write_text(
        "code,name_zh,name_en,short_zh,within,since,until\n"
        "370100,济南市,Jinan,济南,370000,,\n"
        "370112,历城区,,,370100,1987-07-01,\n"
        "110105,朝阳区,,,110000,,\n"
        "220104,朝阳区,,,220000,,\n",
        encoding="utf-8",
    )
    assert places.load(file) == 4
    assert {"山东", "山东省", "济南市", "历城区"} <= set(places.names_within("370000"))
    # two places of one name: neither is meant by the name alone
    assert "朝阳区" not in places.names_within("110000") and places.find("朝阳区") is None
    assert places.find("济南").code == "370100"  # type: ignore[union-attr]
    file.write_text("code,name_zh,within\n990001,某地,998877\n", encoding="utf-8")
    with pytest.raises(PeopleError, match="第2行"):
        places.load(file)


def test_organisations_form_a_tree(db: None) -> None:
    verbs.enter_organisation("top", "示例集团", place="山东")
    low = verbs.enter_organisation("low", "示例子公司", parent="top")
    assert low.parent_id == "top" and Organisation.objects.get(id="top").seat_id == "370000"
    with pytest.raises(PeopleError, match="成环"):
        verbs.enter_organisation("top", "示例集团", parent="low")
    with pytest.raises(PeopleError, match="没有编号"):
        verbs.enter_organisation("low", "示例子公司", parent="nix")


def test_an_organisations_administrator_manages_its_people_only(centres: Any) -> None:
    manager = seed.person("manager")
    mine, other = (Organisation.objects.get(id=i) for i in ("org-1", "org-2"))
    Membership.objects.create(user=manager, organisation=mine, administrator=True)
    user, _secret = verbs.invite_member(manager, mine, "new", "新人")
    assert user.standing == Standing.WAITING
    with pytest.raises(NotAllowed):
        verbs.invite_member(manager, other, "new2", "新人")
    asked = verbs.ask_capacity(manager, user, mine, "mini", "unit")
    assert asked.approved is None and access.capacities(user, DAY) == []
    with pytest.raises(NotAllowed):
        verbs.approve_capacity(manager, asked)
    with pytest.raises(PeopleError, match="不是"):
        verbs.ask_capacity(None, manager, other, "mini", "unit")
    verbs.end_member(manager, user.memberships.get())
    user.refresh_from_db()
    assert user.standing == Standing.DISABLED
    assert Capacity.objects.get(pk=asked.pk).ended is not None


# --- rights


def test_rights_are_rows_that_security_changes(administrators: Any, centres: Any) -> None:
    boss = seed.person("boss-1", ("boss", "boss"))
    centre = Centre.objects.get(id=centres[2])
    assert access.may(boss, "start", "boss", "mini", centre, DAY)
    with pytest.raises(NotAllowed):
        rights.change(administrators["system"], "mini:boss", "act:start", "programme", False)
    security = administrators["security"]
    rights.change(security, "mini:boss", "act:start", "programme", False)
    assert not access.may(boss, "start", "boss", "mini", centre, DAY)
    seed.rights.seed(seed.library.parties_and_acts())  # an upgrade brings nothing back
    assert not access.may(boss, "start", "boss", "mini", centre, DAY)
    with pytest.raises(NotAllowed, match="三员分立"):
        rights.change(security, "role:security", "see.centre", "all", True)
    with pytest.raises(PeopleError, match="未将这一行为"):
        rights.change(security, "mini:unit", "act:start", "own", True)
    event = AuditEvent.objects.get(kind="right_changed")
    assert (event.before, event.after) == ({"allowed": True}, {"allowed": False})


def test_a_place_is_reached_by_a_right_of_that_scope(centres: Any) -> None:
    user = seed.person("province")
    held = seed.capacity(user, "unit", "org-3", place=Place.objects.get(code="370000"))
    see = access.visible_centres
    assert not Centre.objects.filter(see(user, DAY)).exists()
    Right.objects.create(subject="mini:unit", thing="see.centre", scope="place")
    assert Centre.objects.filter(see(user, DAY)).count() == 3
    held.place = Place.objects.get(code="110000")
    held.save()
    assert not Centre.objects.filter(see(user, DAY)).exists()


def test_people_are_read_in_few_queries(centres: Any, django_assert_max_num_queries: Any) -> None:
    user = seed.everybody()
    with django_assert_max_num_queries(4):
        access.reach(user, DAY)


# --- delegation, and what the record shows


def test_the_record_shows_who_acted_and_for_whom(centres: Any) -> None:
    chief = seed.person("chief", ("boss", "boss"), name="赵处长")
    deputy, outsider = seed.person("deputy", name="钱副处长"), seed.person("outsider")
    Membership.objects.create(user=deputy, organisation_id="boss")
    capacity = chief.capacities.get()
    with pytest.raises(PeopleError, match="同一单位"):
        verbs.delegate(chief, capacity, outsider, DAY, DAY)
    with pytest.raises(NotAllowed):
        verbs.delegate(deputy, capacity, deputy, DAY, DAY)
    lent = verbs.delegate(chief, capacity, deputy, DAY, DAY, ["start"])

    def start(user: User, kind: str = "start", **data: Any) -> Any:
        proposal = Proposal(
            kind, "boss", DAY, centre=centres[2], data=data, user=user, org={"org": "boss"}
        )
        return record(proposal)

    with pytest.raises(MayNot):
        start(outsider, end=dt.date(2032, 1, 1))
    with pytest.raises(MayNot):
        start(deputy, "revoke")
    assert start(deputy, end=dt.date(2032, 1, 1)).accepted
    act = queries.centre(centres[2]).timeline[-1].act
    assert (act.person, act.on_behalf_of) == ("钱副处长（deputy）", "赵处长（chief）")
    verbs.end_delegation(chief, lent)
    assert access.capacities(deputy, clock.today()) == []
    with pytest.raises(NotAllowed):
        verbs.end_delegation(outsider, lent)


def test_an_organisation_one_does_not_act_for_is_refused(centres: Any) -> None:
    user = seed.person("unit-1", ("unit", "org-1"))
    for org in ("org-2", {"org": "org-2", "name": "乙"}):
        with pytest.raises(MayNot):
            record(Proposal("extend", "unit", DAY, centre=centres[1], user=user, org=org))
    with pytest.raises(MayNot):
        record(Proposal("extend", "unit", DAY, centre=centres[1], user=user))
