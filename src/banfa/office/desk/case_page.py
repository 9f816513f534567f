"""What the page of a procedure shows: its steps as a flow, its acts and documents, what comes next.

All of it is worked out from a centre's page as the ledger gives it, and the row kept beside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from banfa.office.desk import centre_page, citations
from banfa.office.desk.language import say
from banfa.office.dossiers import queries as dossiers
from banfa.office.dossiers.models import Return
from banfa.office.ledger import agenda
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.models import Matter, Sort
from banfa.office.people.access import Reach
from banfa.office.queues import queries
from banfa.rules.life import CORRECTION, Case
from banfa.rules.ruleset import Ruleset


@dataclass
class FlowStep:
    """A step of a procedure: `state` is `past`, `now` or `ahead`; `on` and `act` when reached."""

    name: str
    state: str
    ends: bool
    on: dt.date | None = None
    act: str = ""
    waits_for: list[str] = field(default_factory=list)


@dataclass
class NextAct:
    """An act by which it goes on: by whom; `party` when the reader could do it."""

    kind: str
    name: str
    by: list[str]
    party: str
    cites: list[citations.Link]
    ends_step: bool


@dataclass
class Voice:
    """One of the bodies consulted side by side: what it said, or that it has not yet."""

    party: str
    shown: Any = None


@dataclass
class Paper:
    """A document of one of its acts: where it is read, and the dossier it came in."""

    name: str
    on: dt.date
    href: str
    dossier: int | None = None


@dataclass
class CasePage:
    """A procedure in full."""

    id: str
    place: str
    name: str
    subject: str
    step: str
    closed: bool
    flow: list[FlowStep]
    waits_for: list[str]
    since: dt.date
    opened: dt.date
    due: dt.date | None
    computed: str
    basis: citations.Link | None
    next: list[NextAct]
    voices: list[Voice]
    acts: list[Any]
    documents: list[Paper]
    returned: Return | None
    owed: list[centre_page.Owed]
    urgeable: bool


def case(page: ledger.CentrePage, reach: Reach, id_: str) -> CasePage:
    """A procedure of a centre; `id_` is one of its state's cases."""
    rs, state = page.ruleset, page.state
    found = state.cases[id_]
    model = rs.programme.procedures[found.procedure]
    entries = _entries(page, found)
    kept = Matter.objects.filter(centre=page.centre, sort=Sort.CASE, key=id_).first()
    mine = {one.capacity.party for one in reach.fitting(page.centre.book_id, "", page.centre)}
    waiting = list(kept.holders) if kept is not None and not found.closed else []
    return CasePage(
        id_,
        id_.replace("#", "-"),
        say(model.name),
        queries.subject_of(kept) if kept is not None else "",
        say(model.steps[found.step].name),
        found.closed,
        list(_flow(page, found, entries, waiting)),
        [centre_page.who(rs, state, party) for party in waiting],
        found.since or found.opened,
        found.opened,
        kept.due if kept is not None else None,
        _computed(kept),
        citations.link(rs.programme, model.cite, model.default),
        [] if found.closed else list(_next(page, reach, found)),
        _voices(page, found, kept, entries),
        centre_page.timeline(page.editions, entries[::-1]),
        _documents(page, entries, reach.sees(page.centre, dossiers.SEE)),
        dossiers.open_return(page.centre, [e.act.seq for e in entries]),
        _owed(page, found, kept),
        bool(waiting) and not mine >= set(waiting),
    )


def _computed(kept: Matter | None) -> str:
    if kept is None or not kept.computed:
        return ""
    from banfa.rules.words import Text

    return say(Text(*kept.computed))


def _flow(
    page: ledger.CentrePage, case: Case, entries: list[Any], waiting: list[str]
) -> Iterator[FlowStep]:
    """The steps gone through with the acts that led there, the one at hand, and those ahead."""
    rs = page.ruleset
    steps = rs.programme.procedures[case.procedure].steps
    passed: list[tuple[str, Any]] = []
    for entry in entries:
        step = _led_to(rs, entry, first=not passed)
        if step in steps and (not passed or passed[-1][0] != step):
            passed.append((step, entry))
    if not passed or passed[-1][0] != case.step:
        passed.append((case.step, None))
    for number, (step, entry) in enumerate(passed):
        last = number == len(passed) - 1
        yield FlowStep(
            say(steps[step].name),
            "now" if last else "past",
            steps[step].end,
            entry.act.on if entry is not None else case.since,
            say(entry.name) if entry is not None else "",
            [centre_page.who(rs, page.state, q) for q in waiting] if last else [],
        )
    if case.closed:
        return
    gone = {step for step, _entry in passed}
    order = list(steps)
    for step in order[order.index(case.step) + 1 :]:
        if step not in gone:
            yield FlowStep(say(steps[step].name), "ahead", steps[step].end)


def _led_to(rs: Ruleset, entry: Any, first: bool) -> str:
    """The step that an act led to: the first that it names; '' for an act that moved nothing."""
    model = rs.models.get(entry.act.kind)
    if model is None:
        return ""
    if model.opens is not None and first:
        return model.opens.step
    named = [e.step for e in model.then if e.step is not None]
    return named[0] if len(named) == 1 else ""


def _next(page: ledger.CentrePage, reach: Reach, found: Case) -> Iterator[NextAct]:
    """The acts by which it goes on, those that the reader may do first."""
    rs = page.ruleset
    acts = []
    for kind, by in agenda.next_acts(rs, found).items():
        model = rs.models[kind]
        fits = reach.fitting(page.centre.book_id, "", page.centre, kind)
        party = next((o.capacity.party for o in fits if o.capacity.party in by), "")
        acts.append(
            NextAct(
                kind,
                say(model.name),
                [centre_page.who(rs, page.state, q) for q in by if q != "anyone"],
                party,
                citations.links(rs.programme, model.cite, model.default),
                any(e.step is not None for e in model.then),
            )
        )
    yield from sorted(acts, key=lambda a: (not a.party, not a.ends_step))


def _voices(
    page: ledger.CentrePage, found: Case, kept: Matter | None, entries: list[Any]
) -> list[Voice]:
    """The bodies consulted side by side, with what each said; empty where there is one only."""
    step = page.programme.procedures[found.procedure].steps[found.step]
    parties = list(step.waits_for) if not found.closed else []
    if kept is None or len(parties) < 2:
        return []
    own = {
        q: [k for k, by in agenda.next_acts(page.ruleset, found).items() if q in by]
        for q in parties
    }
    voices = []
    for party in parties:
        said = [e for e in entries if e.act.party == party and e.act.kind in own[party]]
        shown = centre_page.shown(page.editions, said[-1]) if said else None
        voices.append(Voice(centre_page.who(page.ruleset, page.state, party), shown))
    return voices


def _entries(page: ledger.CentrePage, found: Case) -> list[Any]:
    """The acts that belong to it, and those that corrected the documents of one of them."""
    log = set(found.log)
    return [
        e for e in page.timeline
        if e.act.seq in log or (e.act.kind == CORRECTION and e.act.data.get("target") in log)
    ]  # fmt: skip


def _documents(page: ledger.CentrePage, entries: list[Any], opens: bool) -> list[Paper]:
    """The documents of its acts, each with its page and, where the reader `opens` dossiers, the one
    that it came in: one query then."""
    brought = [e for e in entries if e.act.documents]
    came = dossiers.dossiers_of(page.centre, [e.act.seq for e in brought]) if opens else {}
    return [
        Paper(
            centre_page.document_name(page.programme, name), e.act.on,
            reverse("document", args=[page.centre.id, e.act.seq, str(d["digest"])[7:]]),
            came.get(e.act.seq),
        )
        for e in brought
        for name, d in e.act.documents.items()
    ]  # fmt: skip


def _owed(page: ledger.CentrePage, found: Case, kept: Matter | None) -> list[centre_page.Owed]:
    """The duties that its next acts discharge."""
    if kept is None or found.closed:
        return []
    duties = [d for d in page.duties if d.act in kept.acts and set(d.holder) & set(kept.holders)]
    owed, decisions = centre_page.owed(page.ruleset, page.state, duties)
    return owed + decisions
