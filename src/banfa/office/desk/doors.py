"""The demonstration's doors on the sign-in page: who may be entered with one click, and what waits.

One person of each party is shown; the colleagues follow when the line is unfolded, or when a name,
an organisation or a party is searched for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, Q

from banfa.office import clock
from banfa.office.desk.language import say
from banfa.office.ledger import agenda, library
from banfa.office.ledger.models import Matter, Sort
from banfa.office.people.models import Capacity, Role, Standing, User
from banfa.office.reviews.models import Answer, Expert, Stage
from banfa.rules.words import Text

ROLES = {
    Role.SYSTEM: Text("系统管理员", "System administrator"),
    Role.SECURITY: Text("安全管理员", "Security administrator"),
    Role.AUDIT: Text("审计管理员", "Audit administrator"),
}
WAITING = ("obligation", "decision", "mandatory", "notice")
"""The modes of what is owed; an option may be left alone."""


@dataclass(slots=True)
class Door:
    """A person, for whom, and how many things are owed by that organisation as that party."""

    user: User
    organisation: str
    waits: int = 0


@dataclass(slots=True)
class Line:
    """A party, the person shown for it and the colleagues folded away."""

    party: str
    first: Door
    others: list[Door] = field(default_factory=list)

    @property
    def people(self) -> int:
        """How many persons there are."""
        return 1 + len(self.others)


@dataclass(slots=True)
class Group:
    """A regulation (or the administrators) and its lines."""

    name: str
    lines: list[Line] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        """Whether something waits for somebody in it."""
        return any(door.waits for line in self.lines for door in (line.first, *line.others))


def groups(search: str = "") -> list[Group]:
    """The doors by regulation and party, those for whom most waits first; six queries.

    With `search`, only the persons whose name, account, organisation or party has these words.
    """
    found, words = [], search.split()
    owed = _owed()
    for programme, held in _by_programme().items():
        editions = library.editions(programme)
        parties = editions.latest.programme.parties
        group = Group(say(editions.latest.programme.short))
        for party in [p for p in parties if p in held]:
            name = say(parties[party].name)
            doors = [
                Door(c.user, c.organisation.name_zh, _waits(owed, c))
                for c in held[party]
                if _has(words, c.user.name, c.user.username, c.organisation.name_zh, name)
            ]
            if doors:
                doors.sort(key=lambda door: -door.waits)
                group.lines.append(Line(name, doors[0], doors[1:]))
        if group.lines:
            found.append(group)
    return [*found, *(g for g in (_experts(words), _administrators(words)) if g.lines)]


def _has(words: Iterable[str], *texts: str) -> bool:
    whole = " ".join(texts).lower()
    return all(word.lower() in whole for word in words)


def _by_programme() -> dict[str, dict[str, list[Capacity]]]:
    """The capacities that count today, by programme and party."""
    today = clock.today()
    chosen = Capacity.objects.filter(
        Q(until__isnull=True) | Q(until__gte=today),
        user__demo=True,
        user__standing=Standing.ACTIVE,
        approved__isnull=False,
        ended__isnull=True,
        programme__in=library.loadable()[0],
    )
    held: dict[str, dict[str, list[Capacity]]] = {}
    for one in chosen.select_related("user", "organisation").order_by("programme", "id"):
        held.setdefault(one.programme, {}).setdefault(one.party, []).append(one)
    return held


def _owed() -> Counter[tuple[str, str]]:
    """How much is owed today, by programme and seat (the party, or the party and who plays it)."""
    agenda.refresh(clock.today())
    counted: Counter[tuple[str, str]] = Counter()
    rows = Matter.objects.filter(sort=Sort.DUTY, mode__in=WAITING, closed=False)
    for book, seats in rows.values_list("book", "seats"):
        counted.update((book, seat) for seat in seats)
    return counted


def _waits(owed: Counter[tuple[str, str]], held: Capacity) -> int:
    seat = f"{held.party}@{held.organisation_id}"
    return owed[held.programme, held.party] + owed[held.programme, seat]


def _experts(words: list[str]) -> Group:
    """Those who are experts and nothing else, with how many sheets wait for them."""
    name = say(Text("评审专家", "Experts"))
    mine = Q(assignments__answer__in=[Answer.INVITED, Answer.ACCEPTED])
    mine &= Q(assignments__review__stage=Stage.OPEN)
    mine &= Q(assignments__answer=Answer.INVITED) | Q(
        assignments__sheets__isnull=False, assignments__sheets__handed_in__isnull=True
    )
    rows = Expert.objects.filter(
        user__demo=True, user__standing=Standing.ACTIVE, user__capacities__isnull=True, active=True
    )
    rows = rows.select_related("user").annotate(
        waits=Count("assignments", distinct=True, filter=mine)
    )
    doors = [
        Door(one.user, one.workplace, one.waits)
        for one in rows.order_by("-waits", "pk")
        if one.user is not None and _has(words, one.name, one.user.username, one.workplace, name)
    ]
    return Group(name, [Line(name, doors[0], doors[1:])] if doors else [])


def _administrators(words: list[str]) -> Group:
    group = Group(say(Text("管理员", "Administrators")))
    for user in User.objects.filter(demo=True).exclude(role="").order_by("id"):
        name = say(ROLES[Role(user.role)])
        if _has(words, user.name, user.username, name):
            group.lines.append(Line(name, Door(user, "")))
    return group
