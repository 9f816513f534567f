"""Asking for reports and figures: whom a centre's year waits for, and telling them once a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from banfa.office.evaluations import reports, rights
from banfa.office.evaluations.models import Collection, Entry, Kind
from banfa.office.evaluations.queries import next_step
from banfa.office.evaluations.reports import Asked
from banfa.office.evaluations.systems import programme_of, system_of
from banfa.office.ledger.models import Centre, Matter
from banfa.office.notices import queries as notices
from banfa.office.notices.verbs import tell
from banfa.office.people.access import Reach
from banfa.office.people.models import User
from banfa.rules.words import Text, words

MOST = 200
"""So many centres are asked at once at most."""

STEPS = {
    1: Text("填报关键指标", "report the key figures"),
    2: Text("审核关键指标", "review the key figures"),
    3: Text("核定关键指标", "verify the key figures"),
}


@dataclass(slots=True)
class Target:
    """A centre whose year waits for somebody: what for, which parties, and who these are.

    `told` is to how many people the notice was new.
    """

    centre: Centre
    what: list[Text] = field(default_factory=list)
    parties: list[Text] = field(default_factory=list)
    people: list[User] = field(default_factory=list)
    told: int = 0


def collection_of(asked: Asked) -> Collection | None:
    """The collection of a year's figures, if one was opened: one query."""
    if not asked.kind.calendar:
        return None
    found = Collection.objects.filter(
        book=asked.kind.programme, kind=Kind.ANNUAL, year=asked.period
    )
    return found.select_related("system").first()


def targets(reach: Reach, asked: Asked, chosen: Iterable[str]) -> list[Target]:
    """Whom the year of these centres waits for, as far as the person may ask them: ten queries,
    whatever the number.

    Nobody asks the authority, nor the parties that they themselves are.
    """
    seen = reach.centres(rights.HURRY)
    found = list(
        reports.centres(asked, seen).filter(pk__in=list(chosen)[:MOST]).order_by("sort_key", "id")
    )
    programme = programme_of(asked.kind.programme)
    matters = {m.pk: m for m in Matter.objects.filter(pk__in=[c.owed for c in found if c.owed])}
    collection = collection_of(asked)
    entries: dict[str, Entry] = {}
    if collection is not None:
        rows = collection.entries.filter(centre__in=found)
        entries = {e.centre_id: e for e in rows}
    roster = notices.roster(asked.kind.programme)
    own = {one.capacity.party for one in reach.held}
    made = []
    for centre in found:
        target = Target(centre)
        waits: list[tuple[Text, list[str]]] = []
        if centre.report is None and centre.owed in matters:
            waits.append((asked.kind.name, list(matters[centre.owed].holders)))
        elif centre.report is not None and centre.ended is False:
            step = reports.step_name(asked.kind, centre.step)
            waits.append((step or asked.kind.name, list(centre.holders or [])))
        entry = entries.get(centre.pk)
        if entry is not None and collection is not None:
            entry.collection = collection
            hand = next_step(entry)
            if hand is not None:
                parties = rights.parties_of(system_of(collection.system), hand)
                waits.append((STEPS[hand], parties))
        for what, parties in waits:
            asked_for = [p for p in parties if p not in own and p not in programme.authority]
            if asked_for:
                target.what.append(what)
                target.parties += [
                    named
                    for p in asked_for
                    if (named := words(programme.parties[p].name)) not in target.parties
                ]
                known = {u.pk for u in target.people}
                more = roster.of(asked_for, centre)
                target.people += [u for u in more if u.pk not in known]
        if target.what:
            made.append(target)
    return made


def urge(reach: Reach, asked: Asked, found: Iterable[Target], said: str) -> int:
    """Tells the people of these targets, each once a day for a centre; gives how many were told."""
    number = 0
    for target in found:
        target.told = _tell(reach, asked, target, said)
        number += target.told
    return number


def _tell(reach: Reach, asked: Asked, target: Target, said: str) -> int:
    centre, period = target.centre, asked.kind.period(asked.period)
    name = Text(centre.title_zh or centre.pk, centre.title_en or centre.title_zh or centre.pk)
    what = Text("、".join(w.zh for w in target.what), ", ".join(w.en for w in target.what))
    subject = Text(
        f"催报：{period.zh}{what.zh}（{name.zh}）", f"Asked for: {what.en}, {period.en} ({name.en})"
    )
    by = reach.user.name
    due = f"，期限 {asked.due}" if asked.due is not None else ""
    by_day = f", due {asked.due}" if asked.due is not None else ""
    body = Text(f"{by}请您尽快办理{due}。{said}", f"{by} asks you to see to it{by_day}. {said}")
    return tell(
        target.people,
        "hurry",
        subject,
        body=body,
        link=f"/centres/{centre.pk}/reports/",
        centre=centre,
        key=f"hurry-report:{centre.pk}:{asked.kind.act}:{asked.period}:{asked.today}",
        urgent=True,
    )
