"""What is under way and what is owed, kept beside each centre so that lists need not fold lives.

`beside` makes the rows from a folded state and asks the database nothing; `write` stores them. They
hold until the day, or the programme-level act, that could change them; `refresh` then makes them
anew. `rebuild` compares and rewrites them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Value

from banfa.office.ledger import store
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import Agenda, Centre, Matter, ProgrammeBook, Sort
from banfa.office.rows import insert, replace
from banfa.rules import programme as p
from banfa.rules import words
from banfa.rules.duties import Duty
from banfa.rules.history import Editions, History
from banfa.rules.horizon import ANY, outlook
from banfa.rules.life import ANNULMENTS, Act, Case, State
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text
from banfa.rules.world import World

AT_ONCE = 200
"""So many agendas at most are made anew within a request; more are left to the worker."""

_SAID = tuple(f.attname for f in Matter._meta.concrete_fields if f.name not in ("id", "centre"))
FIELDS = tuple(f.name for f in Matter._meta.concrete_fields if f.name not in ("id", "centre"))


# --- making the rows ----------------------------------------------------------------------------


def beside(
    centre: Centre, editions: Editions, history: History, state: State, world: World, on: dt.date
) -> tuple[Agenda, list[Matter]]:
    """The agenda and the matters of a centre on a day, unsaved.

    `state` is all its acts folded; `world` what programme-level acts and lists say.
    """
    if any(rs.programme.transitions for rs in editions.rulesets):
        state = state.copy()
        editions.carry(state, on)
    rs = editions.of(state, on)
    found = outlook(rs, state, on, world)
    acts = {act.seq: act for act in history.acts}
    cases = [_case(centre, rs, state, case, acts) for case in state.cases.values()]
    duties = [_duty(centre, rs, state, d, n) for n, d in enumerate(found.duties)]
    _join(cases, duties)
    matters = cases + duties
    days = [found.until, *_transitions(editions, state, on)]
    agenda = Agenda(
        centre=centre,
        book_id=centre.book_id,
        version=centre.version,
        on=on,
        until=min((d for d in days if d is not None), default=None),
        saw=world.seq,
        asked=sorted(found.asked),
        digest=digest_of(matters),
    )
    return agenda, matters


def digest_of(matters: Sequence[Matter]) -> str:
    """A digest of all that these rows say, in their order."""
    said = [[getattr(matter, name) for name in _SAID] for matter in matters]
    return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()


def _transitions(editions: Editions, state: State, on: dt.date) -> Iterator[dt.date]:
    """The days on which a later edition will take the centre over."""
    for rs in editions.rulesets:
        for move in rs.programme.transitions:
            if move.from_ == state.edition and move.on > on:
                yield move.on


def _case(centre: Centre, rs: Ruleset, state: State, case: Case, acts: dict[int, Act]) -> Matter:
    model = rs.programme.procedures.get(case.procedure)
    step = model.steps.get(case.step) if model is not None else None
    going_on = {} if case.closed else next_acts(rs, case)
    waits = list(step.waits_for) if step is not None and not case.closed else []
    holders = waits or sorted({q for by in going_on.values() for q in by})
    answered = [q for q in holders if _has_answered(rs, case, q, going_on, acts)]
    waiting = [q for q in holders if q not in answered]
    if not waiting:  # all that is left to say may be said again
        waiting, answered = holders, []
    opener = acts.get(case.log[0]) if case.log else None
    return Matter(
        centre=centre,
        book_id=centre.book_id,
        edition=rs.programme.edition,
        sort=Sort.CASE,
        key=case.id,
        name=case.procedure,
        holders=waiting,
        seats=seats(state, waiting),
        acts=list(going_on),
        since=case.since or case.opened,
        step=case.step,
        subject="" if case.key is None else str(case.key)[:200],
        opened=case.opened,
        opened_by=case.log[0] if case.log else None,
        opener=str(opener.org.get("org") or "")[:200] if opener is not None else "",
        closed=case.closed,
        answered=answered,
    )


def next_acts(rs: Ruleset, case: Case) -> dict[str, list[str]]:
    """The acts by which an open case goes on from its step, and who may do each."""
    return {
        kind: model.by
        for kind, model in rs.models.items()
        if model.about is not None
        and model.about.case == case.procedure
        and case.step in model.about.at
    }


def _has_answered(
    rs: Ruleset, case: Case, party: str, going_on: dict[str, list[str]], acts: dict[int, Act]
) -> bool:
    """Whether a party consulted beside others has said its opinion.

    An opinion is an act that does not move the case on; it stays said when the case is sent back.
    """
    own = [kind for kind, by in going_on.items() if party in by]
    if not own or any(e.step is not None for kind in own for e in rs.models[kind].then):
        return False
    said = (acts.get(number) for number in case.log)
    return any(a is not None and a.party == party and a.kind in own for a in said)


def seats(state: State, holders: Iterable[str]) -> list[str]:
    """Parties with the organisations that play them, `unit@org-1`; alone: whoever plays it."""
    found = []
    for party in holders:
        held = [str(o["org"]) for o in state.roles.get(party, ()) if o.get("org")]
        found += [f"{party}@{org}" for org in held] or [party]
    return sorted(set(found))


def _duty(centre: Centre, rs: Ruleset, state: State, duty: Duty, number: int) -> Matter:
    computed = duty.computed
    return Matter(
        centre=centre,
        book_id=centre.book_id,
        edition=rs.programme.edition,
        sort=Sort.DUTY,
        key=f"{duty.id}@{duty.year}" if duty.year is not None else f"{duty.id}:{number}",
        name=duty.id,
        holders=list(duty.holder),
        seats=seats(state, duty.holder),
        acts=[duty.act] if duty.act is not None else [],
        since=duty.since,
        due=duty.due,
        computed=[computed.zh, computed.en] if computed is not None else None,
        mode=duty.mode,
        year=duty.year,
        ground=duty.ground or "",
    )


def _join(cases: Sequence[Matter], duties: Sequence[Matter]) -> None:
    """A duty that the next act of an open case discharges: the case is due when the duty is."""
    for duty in duties:
        for case in cases:
            if case.closed or not set(duty.acts) & set(case.acts):
                continue
            if not set(duty.holders) & set(case.holders):
                continue
            duty.within = duty.within or case.key
            if duty.due is not None and (case.due is None or duty.due < case.due):
                case.due, case.computed = duty.due, duty.computed


# --- storing ------------------------------------------------------------------------------------


def write(made: Sequence[tuple[Agenda, list[Matter]]], held: Agenda | None = None) -> None:
    """Stores agendas with their matters instead of those on file: two queries for any number.

    `held` is the agenda on file of the one centre concerned, read under its lock: where it says the
    same, its matters are left as they are.
    """
    if not made:
        return
    changed = [one for one in made if held is None or held.digest != one[0].digest]
    if changed:
        rows = [matter for _, matters in changed for matter in matters]
        replace(Matter, "centre_id", [agenda.centre_id for agenda, _ in changed], rows)
    insert([agenda for agenda, _ in made], over=["centre_id"])


def _last_acts(book: ProgrammeBook) -> dict[str, int]:
    """The number of the last programme-level act of each kind; an annulment may concern any."""
    last: dict[str, int] = {}
    for act in store.programme_acts(book):
        kind = ANY if act.kind in ANNULMENTS else act.kind
        last[kind] = max(last.get(kind, 0), act.seq)
    return last


def stale(book: ProgrammeBook, today: dt.date) -> Q:
    """The condition on a book's agendas that may no longer tell what is owed today."""
    last = _last_acts(book)
    asked = Q(asked__contains=[ANY]) | Q(saw__lt=last.get(ANY, 0))
    for kind, seq in last.items():
        asked |= Q(saw__lt=seq, asked__contains=[kind])
    since = Q(saw__lt=book.head_seq) & asked
    return Q(book=book) & (Q(until__lte=today) | Q(on__gt=today) | since)


def all_hold(centres: Iterable[Centre], today: dt.date) -> bool:
    """Whether the agendas of centres read with their `agenda` and `book` still tell what is owed
    today; the same as `stale`, asked without the database."""
    return all(_holds(centre, today) for centre in centres)


def _holds(centre: Centre, today: dt.date) -> bool:
    kept = centre._state.fields_cache.get("agenda")
    if kept is None or kept.on > today or (kept.until is not None and kept.until <= today):
        return False
    if kept.saw >= centre.book.head_seq:
        return True
    later = {a.kind for a in store.programme_acts(centre.book) if a.seq > kept.saw}
    return not ((later and ANY in kept.asked) or later & {*kept.asked, *ANNULMENTS})


def _any_doubtful(today: dt.date) -> bool:
    """Whether any agenda may not hold on a day: its days are over, or its book has grown."""
    outside = Agenda.objects.filter(Q(until__lte=today) | Q(on__gt=today))
    behind = ProgrammeBook.objects.filter(
        Exists(Agenda.objects.filter(book=OuterRef("pk"), saw__lt=OuterRef("head_seq")))
    )
    one = {"one": Value(1)}
    return bool(outside.values(**one)[:1].union(behind.values(**one)[:1], all=True)[:1])


def refresh(today: dt.date, where: Q | None = None, limit: int | None = AT_ONCE) -> int:
    """Makes anew what no longer holds, of the centres that `where` allows; gives how many are left.

    Centres that somebody is recording on at the moment are left for the next time. With nothing to
    do it takes one small query.
    """
    if where is not None and not _any_doubtful(today):  # as nearly always, which indexes tell
        return 0
    doubtful = Q(until__lte=today) | Q(on__gt=today)
    for book, head in ProgrammeBook.objects.values_list("programme", "head_seq"):
        doubtful |= Q(book=book, saw__lt=head)
    found = Agenda.objects.select_related("book").filter(doubtful)
    if where is not None:
        found = found.filter(centre__in=Centre.objects.filter(where))
    looked_at = list(found.order_by("centre_id")[:limit])
    books = {agenda.book_id: agenda.book for agenda in looked_at}
    for book in books.values():
        mine = Agenda.objects.filter(pk__in=[a.pk for a in looked_at if a.book_id == book.pk])
        wanted = list(mine.filter(stale(book, today)).values_list("centre_id", flat=True))
        for begin in range(0, len(wanted), AT_ONCE):
            _make_anew(sorted(wanted)[begin : begin + AT_ONCE], books, today)
        _current(mine, book, today)
    return found.count() if limit is not None and len(looked_at) == limit else 0


def _current(agendas: Any, book: ProgrammeBook, today: dt.date) -> None:
    """Notes that these have nothing to do with the programme's last acts."""
    agendas.filter(saw__lt=book.head_seq).exclude(stale(book, today)).update(saw=book.head_seq)


def _make_anew(wanted: Sequence[str], books: dict[str, ProgrammeBook], today: dt.date) -> None:
    with transaction.atomic():
        locked = Centre.objects.filter(id__in=wanted).order_by("id")
        centres = list(locked.select_for_update(no_key=True, skip_locked=True))
        rows = store.rows_by_centre(centres)
        facts = DatabaseFacts()
        facts.know(sorted({org for c in centres for org in c.orgs}))
        worlds = {name: store.world_of(book, facts) for name, book in books.items()}
        made = []
        for centre in centres:
            editions, world = store.editions_of(centre.book_id), worlds[centre.book_id]
            history = store.history_of(editions, rows[centre.id])
            made.append(of(centre, editions, history, world, today))
        write(made)


def of(
    centre: Centre, editions: Editions, history: History, world: World, on: dt.date
) -> tuple[Agenda, list[Matter]]:
    """As `beside`, of a history not folded yet: its acts up to that day."""
    return beside(centre, editions, history, history.state(world, on), world, on)


def after_programme_act(book: ProgrammeBook, today: dt.date) -> None:
    """Makes anew what a programme-level act has changed, when that is little; the rest is left to
    whoever reads next, or to the worker."""
    mine = Agenda.objects.filter(book=book)
    found = mine.filter(stale(book, today)).values_list("centre_id", flat=True)
    changed = list(found[: AT_ONCE + 1])
    if len(changed) <= AT_ONCE:
        _make_anew(changed, {book.programme: book}, today)
        _current(mine, book, today)


def outdate_list(name: str) -> None:
    """A list kept outside has changed: what depends on it is to be made anew."""
    Agenda.objects.filter(asked__contains=[f"listed:{name}"]).update(until=dt.date.min)


# --- reading ------------------------------------------------------------------------------------


def model_of(rs: Ruleset, matter: Matter) -> Any:
    """The procedure, duty, consequence or notice that a matter is of; None: gone from the data."""
    programme = rs.programme
    if matter.sort == Sort.CASE:
        return programme.procedures.get(matter.name)
    for known in (programme.duties, programme.consequences, programme.notices):
        if matter.name in known:
            return known[matter.name]
    return None


def duty_of(rs: Ruleset, matter: Matter, roles: Any, on: dt.date) -> Duty:
    """The engine's duty from its row; `roles` are the centre's as its row has them."""
    model = model_of(rs, matter)
    follows = model.follows if isinstance(model, p.Duty) else None
    computed = matter.computed
    return Duty(
        matter.name,
        words.words(model.name) if model is not None else Text(matter.name, matter.name),
        list(matter.holders),
        organisations(rs, matter.holders, roles),
        matter.mode,
        model.cite if model is not None else None,
        model.default if model is not None else None,
        since=matter.since,
        due=matter.due,
        computed=Text(*computed) if computed else None,
        act=matter.acts[0] if matter.acts else None,
        ground=matter.ground or None,
        year=matter.year,
        late=matter.due is not None and on > matter.due,
        follows=words.words(follows) if follows else None,
    )


def organisations(rs: Ruleset, holders: Iterable[str], roles: Any) -> list[Text]:
    """Who plays these parties for a centre, by name; a body by its own name."""
    found = []
    for holder in holders:
        held = roles.get(holder) or []
        party = rs.programme.parties.get(holder)
        found += [Text(*[str(o.get("name") or o.get("org"))] * 2) for o in held]
        if not held and party is not None and party.body:
            found.append(words.words(party.name))
    return found
