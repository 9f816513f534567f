"""The demonstration's accounts: one for each capacity that occurs in its lives, and the three
administrators. They have no passwords, are entered with one click, and exist nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from banfa.office import clock
from banfa.office.ledger import coding, library
from banfa.office.ledger.models import ActRecord, Centre
from banfa.office.people import audit
from banfa.office.people.models import (
    Capacity,
    Membership,
    Organisation,
    Role,
    Standing,
    User,
)

ROLES = {
    Role.SYSTEM: "演示系统管理员",
    Role.SECURITY: "演示安全管理员",
    Role.AUDIT: "演示审计管理员",
}


@dataclass
class Seat:
    """A party of a programme played by an organisation, and the centres where it was."""

    programme: str
    party: str
    org: str
    name: str
    centres: set[str] = field(default_factory=set)


def seats() -> list[Seat]:
    """Every party with its organisation that occurs in what is recorded, in a steady order."""
    found: dict[tuple[str, str, str], Seat] = {}

    def see(programme: str, party: str, org: str, name: str, centre: str | None) -> None:
        if party in library.editions(programme).latest.programme.parties:
            seat = found.setdefault((programme, party, org), Seat(programme, party, org, name))
            seat.centres.update({centre} if centre else ())

    for row in ActRecord.objects.select_related("payload").order_by("id"):
        org = coding.decode(row.payload.organisation) or {}
        if org.get("org"):
            name = str(org.get("name") or org["org"])
            see(row.book_id, row.party, str(org["org"]), name, row.centre_id)
    for centre in Centre.objects.order_by("id"):
        for party, held in centre.roles.items():
            for one in held:
                if one.get("org"):
                    name = str(one.get("name") or one["org"])
                    see(centre.book_id, party, str(one["org"]), name, centre.id)
    return sorted(found.values(), key=lambda s: (s.programme, _order(s), s.org))


def _order(seat: Seat) -> int:
    return list(library.editions(seat.programme).latest.programme.parties).index(seat.party)


def make() -> int:
    """Makes the accounts that are not there yet; gives how many there are. In one transaction."""
    with transaction.atomic():
        for role, name in ROLES.items():
            _user(f"demo-{role}", name, role)
        numbers: dict[str, int] = {}
        for seat in seats():
            numbers[seat.programme] = numbers.get(seat.programme, 0) + 1
            _seat(seat, f"demo-{seat.programme}-{numbers[seat.programme]:02d}")
        count = User.objects.filter(demo=True).count()
    audit.note("installed", None, "demonstration", after={"accounts": count}, who="banfa demo")
    return count


def _user(username: str, name: str, role: str = "") -> User:
    found = User.objects.filter(username=username).first()
    if found is None:
        found = User(
            username=username, name=name, role=role, standing=Standing.ACTIVE, demo=True,
            created=clock.now(),
        )  # fmt: skip
        found.set_unusable_password()
        found.save(force_insert=True)
    return found


def _seat(seat: Seat, username: str) -> None:
    party = library.editions(seat.programme).latest.programme.parties[seat.party]
    name = party.name.zh if party.body or party.inside else seat.name
    organisation, _ = Organisation.objects.get_or_create(id=seat.org, defaults={"name_zh": name})
    user = _user(username, f"演示·{party.name.zh}经办人")
    Membership.objects.get_or_create(
        user=user, organisation=organisation, defaults={"administrator": True}
    )
    named = sorted(seat.centres) if party.unbound or party.inside else []
    Capacity.objects.get_or_create(
        user=user,
        organisation=organisation,
        programme=seat.programme,
        party=seat.party,
        defaults={"centres": named, "asked": clock.now(), "approved": clock.now()},
    )
