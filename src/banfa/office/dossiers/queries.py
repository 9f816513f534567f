"""What pages ask about dossiers. Nothing here writes.

Drafts are seen by the people of the organisation who may take the act, and by those who check them
inside it; what was submitted, by all who may see the centre's material.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Prefetch, Q
from django.urls import reverse

from banfa.office import clock
from banfa.office.dossiers import content, outline
from banfa.office.dossiers.models import (
    OPEN,
    Dossier,
    InternalReview,
    Opening,
    Return,
    State,
    Version,
)
from banfa.office.ledger import coding, library, store
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.errors import NotOnFile
from banfa.office.ledger.models import ActRecord, Centre, DocumentVersion
from banfa.office.ledger.verbs import as_org
from banfa.office.people import access
from banfa.office.people.access import Held, Reach
from banfa.office.people.models import User
from banfa.office.todo import Todo
from banfa.rules.judge import permitted
from banfa.rules.life import CORRECTION, standing
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text, words

SEE, RETURN = "see.dossier", "return.dossier"
GENERIC = ("annul", "concur", "exception_decision", "enter_existing_centre", CORRECTION)


def organisations() -> dict[str, dict[str, Any]]:
    """All organisations by id, as acts hold them: one query."""
    return {o.id: as_org(o) for o in ledger.organisations()}


# --- who sees what -------------------------------------------------------------------------------


@dataclass
class Seen:
    """A dossier as a person may see it: as its writer, as its checker inside, as a reader.

    `latest` is the last version that was not withdrawn.
    """

    dossier: Dossier
    held: Held | None
    checks: bool
    reads: bool
    versions: list[Version] = field(default_factory=list)
    returned: Return | None = None
    reviewed: bool = False

    @property
    def inside(self) -> bool:
        """Whether the person sees drafts."""
        return self.held is not None or self.checks

    @property
    def latest(self) -> Version | None:
        """The version that stands."""
        return next((v for v in reversed(self.versions) if v.withdrawn is None), None)

    @property
    def writes(self) -> bool:
        """Whether the person may change the content now."""
        return self.held is not None and self.dossier.open


def find(user: User, reach: Reach, id_: int, lock: bool = False) -> Seen:
    """A dossier that the person may see. Raises NotOnFile for every other one."""
    rows = Dossier.objects.select_related("centre__book", "organisation", "created_by")
    if lock:
        rows = rows.select_for_update(of=("self",))
    dossier = rows.filter(pk=id_).exclude(state=State.DISCARDED).first()
    if dossier is not None:
        seen = _seen(user, reach, dossier)
        if seen.inside or seen.reads:
            return seen
    raise NotOnFile("没有这份材料，或您无权查看", "no such dossier")


def _seen(user: User, reach: Reach, dossier: Dossier) -> Seen:
    fits = reach.fitting(dossier.programme, dossier.party, dossier.centre, dossier.act)
    held = next((one for one in fits if one.org == dossier.organisation_id), None)
    versions = list(dossier.versions.select_related("act").order_by("number"))
    centre = dossier.centre
    seen = Seen(
        dossier,
        held,
        checks(user, dossier.organisation_id, reach.today),
        bool(versions) and centre is not None and reach.sees(centre, SEE),
        versions,
    )
    seen.returned = dossier.returns.filter(closed__isnull=True).first()
    seen.reviewed = review_asked(dossier.organisation_id)
    return seen


def review_asked(organisation: str) -> bool:
    """Whether the organisation wants its dossiers checked inside it."""
    return InternalReview.objects.filter(organisation=organisation, asked=True).exists()


def checks(user: User, organisation: str, today: dt.date) -> bool:
    """Whether the person checks the organisation's dossiers: a reviewer, or its administrator."""
    if InternalReview.objects.filter(organisation=organisation, reviewers=user).exists():
        return True
    return bool(access.administered(user, today).filter(organisation=organisation).exists())


def edited(users: Iterable[int], centres: Iterable[str]) -> set[tuple[int, str]]:
    """Who of these people (by number) ever wrote in a dossier of which of these centres."""
    rows = Dossier.editors.through.objects.filter(
        user__in=list(users), dossier__centre__in=list(centres)
    )
    return set(rows.values_list("user_id", "dossier__centre_id").distinct())


def written_by(reach: Reach) -> Q:
    """The condition for the dossiers that the person prepares in one of the capacities."""
    found = Q(pk__in=[])
    for one in reach.held:
        part = Q(
            programme=one.capacity.programme,
            party=one.capacity.party,
            organisation=one.capacity.organisation_id,
        )
        if one.delegation is not None and one.delegation.acts:
            part &= Q(act__in=one.delegation.acts)
        visible = Q(pk__in=[])
        for scope in reach.scopes(one, "see.centre"):
            visible |= one.centres(scope)
        found |= part & (
            Q(centre__isnull=True) | Q(centre__in=Centre.objects.filter(visible).values("pk"))
        )
    return found


def checked_by(user: User, today: dt.date) -> Q:
    """The condition for the dossiers of organisations whose dossiers the person checks."""
    administered = access.administered(user, today).values("organisation")
    named = InternalReview.objects.filter(reviewers=user).values("organisation")
    return Q(organisation__in=administered) | Q(organisation__in=named)


def visible(user: User, reach: Reach) -> Q:
    """The condition for all dossiers that the person may see."""
    submitted = Exists(Version.objects.filter(dossier=OuterRef("pk")))
    centres = Centre.objects.filter(reach.centres(SEE)).values("pk")
    inside = written_by(reach) | checked_by(user, reach.today)
    return inside | (Q(centre__in=centres) & Q(submitted))


# --- lists ---------------------------------------------------------------------------------------


@dataclass
class Row:
    """A dossier in a list, in words."""

    dossier: Dossier
    name: Text
    party: Text
    documents: list[Text]
    versions: list[Version]
    returned: Return | None
    centre_name: Text | None


def listed(user: User, reach: Reach, where: Q | None = None, limit: int = 200) -> list[Row]:
    """The dossiers that the person may see and `where` allows, changed last first: five queries."""
    found = (
        Dossier.objects.filter(visible(user, reach) & (where or Q()))
        .exclude(state=State.DISCARDED)
        .select_related("centre", "organisation", "changed_by")
        .prefetch_related(
            Prefetch("versions", Version.objects.select_related("act").order_by("number")),
            Prefetch("returns", Return.objects.filter(closed__isnull=True), to_attr="under_way"),
        )
        .order_by("-changed", "-pk")
    )
    return [_row(d) for d in found[:limit]]


def _row(dossier: Dossier) -> Row:
    editions = library.editions(dossier.programme)
    rs = editions.latest
    if dossier.centre is not None:
        rs = editions.by_name.get(dossier.centre.edition, rs)
    name, party, documents = named(rs, dossier)
    returned = dossier.under_way[0] if dossier.under_way else None
    versions = list(dossier.versions.all())
    return Row(dossier, name, party, documents, versions, returned, called(dossier.centre))


def called(centre: Centre | None) -> Text | None:
    """What to call a centre in a list."""
    if centre is None:
        return None
    return Text(centre.title_zh or centre.id, centre.title_en or centre.title_zh or centre.id)


def named(rs: Ruleset, dossier: Dossier) -> tuple[Text, Text, list[Text]]:
    """The act, the party and the documents of a dossier in words."""
    model = rs.models.get(dossier.act)
    party = rs.programme.parties.get(dossier.party)
    if model is None:
        return Text(dossier.act, dossier.act), Text("", ""), []
    documents = [words(rs.programme.documents[d].name) for d in model.documents]
    return words(model.name), words(party.name) if party else Text("", ""), documents


def dossiers_of(centre: Centre, acts: Sequence[int]) -> dict[int, int]:
    """The dossiers in which these acts of a centre (by number) brought their documents."""
    found = Version.objects.filter(act__centre=centre, act__seq__in=acts)
    return dict(found.values_list("act__seq", "dossier_id"))


def open_return(centre: Centre, acts: Sequence[int]) -> Return | None:
    """The return for correction that is under way for what one of these acts brought."""
    found = Return.objects.filter(version__act__centre=centre, version__act__seq__in=acts)
    return found.filter(closed=None, recalled=None).select_related("organisation").first()


@dataclass
class Filed:
    """An act of a centre with documents: those it pinned, and the dossier version if there is one.

    Each document is (words, version, digest).
    """

    row: ActRecord
    name: Text
    party: Text
    organisation: str
    documents: list[tuple[Text, int, str]]
    annulled: bool = False
    version: Version | None = None


def filed(page: ledger.CentrePage, until: int | None = None) -> list[Filed]:
    """The acts that brought documents (up to act number `until`), last first: three queries."""
    found = ActRecord.objects.select_related("payload").filter(centre=page.centre)
    found = found.exclude(payload__documents={}).order_by("-seq")
    rows = list(found.filter(seq__lte=until) if until is not None else found)
    by_act = {v.act_id: v for v in Version.objects.filter(act__in=rows).select_related("dossier")}
    gone = ((e.act.seq, e.annulled_by) for e in page.timeline if e.annulled_by)
    annulled = {seq for seq, by in gone if until is None or by <= until}
    entries = {e.act.seq: e for e in page.timeline}
    made = []
    for row in rows:
        rs = page.editions.by_name.get(row.edition) or page.editions.latest
        documents = [
            (words(rs.programme.documents[n].name), int(d["version"]), str(d["digest"]))
            for n, d in row.payload.documents.items()
            if n in rs.programme.documents
        ]
        entry = entries[row.seq]
        made.append(
            Filed(row, entry.name, entry.party, entry.org, documents, row.seq in annulled,
                  by_act.get(row.pk))
        )  # fmt: skip
    return made


@dataclass
class Ground:
    """One document that a decision rested on: the version that stood when it was recorded."""

    name: Text
    version: int
    digest: str
    by: Filed


def basis(page: ledger.CentrePage, seq: int) -> list[Ground]:
    """What was on file when act number `seq` was recorded: the last version of each document of
    each act, as corrected and not annulled by then."""
    held: dict[tuple[int, str], Ground] = {}
    for one in reversed(filed(page, seq)):
        if one.annulled:
            continue
        target = one.row.payload.data.get("target") if one.row.kind == CORRECTION else None
        for text, version, digest in one.documents:
            of = int(target) if isinstance(target, int) else one.row.seq
            held[of, text.zh] = Ground(text, version, digest, one)
    return sorted(held.values(), key=lambda g: g.by.row.seq)


def pinned(page: ledger.CentrePage, seq: int, digest: str) -> tuple[str, Any, Filed]:
    """A document that an act pinned: its type, its content (None: erased), the act.

    Raises NotOnFile.
    """
    for one in filed(page):
        for name, document in one.row.payload.documents.items():
            if one.row.seq == seq and document["digest"] == digest:
                kept = DocumentVersion.objects.filter(
                    centre=page.centre, type=name, digest=digest
                ).first()
                return name, coding.decode(kept.content) if kept else None, one
    raise NotOnFile("该行为没有这份材料", "that act has no such document")


@dataclass
class Evidence:
    """The files that belong to documents on file, as rows of name, path, digest, size and type.

    `of` has those of each document, by its number; `loose` those that were attached to a submission
    as a whole, when all its documents are among those asked for.
    """

    of: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    loose: list[dict[str, Any]] = field(default_factory=list)

    def named(self, digest: str) -> dict[str, Any] | None:
        """The file of that digest; None: it belongs to none of the documents."""
        rows = [one for held in self.of.values() for one in held] + self.loose
        return next((one for one in rows if one["digest"] == digest), None)


def evidence(documents: Iterable[DocumentVersion]) -> Evidence:
    """The files that prove what these documents of one centre say: two queries."""
    documents = list(documents)
    wanted = {(d.type, d.digest): d.pk for d in documents}
    found = Evidence({d.pk: [] for d in documents})
    if not documents:
        return found
    rows = Version.objects.filter(act__centre=documents[0].centre_id, withdrawn__isnull=True)
    latest: dict[tuple[int, int], list[dict[str, Any]]] = {}
    loose: dict[int, list[dict[str, Any]]] = {}
    stands: dict[int, dict[str, str]] = {}
    for version in rows.select_related("act__payload").order_by("dossier_id", "number"):
        pinned = {n: d["digest"] for n, d in version.act.payload.documents.items()}
        held = stands.setdefault(version.dossier_id, {})
        held |= pinned  # a correction brings only the documents that it changes
        for name, digest in held.items():
            number = wanted.get((name, digest))
            if number is not None:
                part = [f"documents.{name}"]
                latest[version.dossier_id, number] = [
                    a for a in version.attachments if content.within(a["path"], part)
                ]
        whole = all(pair in wanted for pair in held.items())
        loose[version.dossier_id] = [a for a in version.attachments if not a["path"] and whole]
    for (_dossier, number), attached in latest.items():
        found.of[number] += attached
    found.loose = [a for attached in loose.values() for a in attached]
    return found


# --- procedures ----------------------------------------------------------------------------------


def next_parties(page: ledger.CentrePage, seq: int, own: str) -> set[str]:
    """The parties that act next on what act number `seq` began or belongs to.

    While its case is open: whom the step waits for, and who may act at it. Without a case: every
    other party that could act on the centre today.
    """
    rs, state = page.ruleset, page.state
    cases = [c for c in state.cases.values() if seq in c.acts.values() or c.id == str(seq)]
    if cases:
        found: set[str] = set()
        for case in cases:
            if case.closed:
                continue
            step = rs.programme.procedures[case.procedure].steps[case.step]
            found |= set(step.waits_for)
            for model in rs.models.values():
                about = model.about
                if about is not None and about.case == case.procedure and case.step in about.at:
                    found |= set(model.by)
        return found - {own, "anyone"}
    found = set()
    for party in rs.programme.parties:
        if party == own:
            continue
        could = permitted(rs, state, party, page.on, page.world, None, page.centre.id)
        if any(
            one.standing != "blocked"
            and one.act not in GENERIC
            and "anyone" not in rs.models[one.act].by
            and not rs.models[one.act].probe
            for one in could
        ):
            found.add(party)
    return found


def acting_next(reach: Reach, seen: Seen, parties: Iterable[str], thing: str) -> Held | None:
    """The capacity in which the person is one of those who act next, with a right to a thing."""
    dossier, wanted = seen.dossier, set(parties)
    for one in reach.held:
        fits = one.capacity.programme == dossier.programme and one.capacity.party in wanted
        if not fits or one.org == dossier.organisation_id or dossier.centre is None:
            continue
        if any(one.reaches(s, dossier.centre) for s in reach.scopes(one, thing)):
            return one
    return None


def opened(version: Version) -> Opening | None:
    """The first opening of a version by the next party."""
    return version.openings.select_related("user").order_by("at").first()


# --- content -------------------------------------------------------------------------------------


def editable(seen: Seen, rs: Ruleset) -> set[str]:
    """The paths that may be changed now: all in a draft, the flagged ones after a return."""
    paths = set(content.fields(rs, seen.dossier.act))
    if seen.returned is None:
        return paths
    return {q for q in paths if content.within(q, seen.returned.parts)}


def parts_of(rs: Ruleset, kind: str) -> list[tuple[str, Text, list[tuple[str, Text]]]]:
    """What can be flagged for correction: documents, their sections, and the fields in these."""
    found = []
    for name in rs.models[kind].documents:
        schema, path = rs.programme.documents[name], f"documents.{name}"
        inside: list[tuple[str, Text]] = []
        for section_id, section in schema.sections.items():
            inside.append((f"{path}.{section_id}", words(section.name)))
            for field_id, given in section.fields.items():
                inside.append(
                    (f"{path}.{section_id}.{field_id}", Text("　", "  ") + words(given.name))
                )
        found.append((path, words(schema.name), inside))
    return found


def ruleset_of_version(version: Version) -> Ruleset:
    """The edition by which the version's act was judged."""
    editions = library.editions(version.dossier.programme)
    return editions.by_name.get(version.act.edition) or editions.latest


def shown(version: Version, say: outline.Say) -> list[outline.Part]:
    """A version's content in the order of the outline."""
    rs = ruleset_of_version(version)
    return outline.outline(rs, version.dossier.act, version.content, organisations(), say)


def valid(version: Version) -> bool:
    """Whether a version stands: not withdrawn, and its act not annulled."""
    if version.withdrawn is not None:
        return False
    centre = version.act.centre
    rows = store.rows_of(centre, version.act.book_id)
    history = store.history_of(store.editions_of(version.act.book_id), rows)
    return any(a.seq == version.act.seq for a in standing(history.acts))


# --- what waits ----------------------------------------------------------------------------------


def todos(user: User, reach: Reach, today: dt.date) -> list[Todo]:
    """Drafts of the person's own, dossiers returned to their organisation, those to be checked.

    Two queries, four when a draft may be wanted by a duty.
    """
    if not user.is_authenticated or user.role:
        return []
    writes, checking = written_by(reach), checked_by(user, today)
    found = (
        Dossier.objects.filter(writes | checking, state__in=[*OPEN, State.REVIEW, State.APPROVED])
        .annotate(
            writes=ExpressionWrapper(writes, BooleanField()),
            checking=ExpressionWrapper(checking, BooleanField()),
        )
        .select_related("centre")
        .prefetch_related(
            Prefetch("returns", Return.objects.filter(closed__isnull=True), to_attr="under_way")
        )
        .order_by("-changed", "-pk")
    )
    waiting = [(d, told) for d in found if (told := _waiting(d, user)) is not None]
    due = _due([d for d, _told in waiting if d.state in OPEN and not d.under_way], today)
    return [_todo(d, told, due.get(d.pk)) for d, told in waiting]


def _waiting(dossier: Any, user: User) -> Text | None:
    """What waits for the person with this dossier; None: nothing."""
    state, own = dossier.state, dossier.created_by_id == user.pk
    if state == State.REVIEW and dossier.checking:
        return Text("内部审核：", "Check inside the organisation: ")
    if state == State.RETURNED and dossier.writes:
        return Text("按退回意见修改：", "Correct as asked: ")
    if state == State.APPROVED and dossier.writes:
        return Text("内部审核已通过，待提交：", "Checked inside, to be submitted: ")
    if state in (State.DRAFT, State.WITHDRAWN) and own and dossier.writes:
        return Text("继续编写：", "Go on writing: ")
    return None


def _todo(dossier: Any, told: Text, due: dt.date | None) -> Todo:
    editions = library.editions(dossier.programme)
    returned = dossier.under_way[0] if dossier.under_way else None
    return Todo(
        "dossier",
        told + named(editions.latest, dossier)[0],
        reverse("dossier", args=[dossier.pk]),
        centre=dossier.centre_id,
        centre_name=called(dossier.centre),
        programme=dossier.programme,
        since=(returned.at if returned else dossier.changed).astimezone(clock.SHANGHAI).date(),
        due=returned.due if returned else due,
        note=Text(returned.reason[:80], returned.reason[:80]) if returned else None,
    )


def _due(dossiers: Iterable[Dossier], today: dt.date) -> dict[int, dt.date]:
    """The day by which a duty of the centre wants the act that is being prepared."""
    dossiers = list(dossiers)
    centres = {c.id: c for d in dossiers if (c := d.centre) is not None}
    if not centres:
        return {}
    owed = ledger.kept_duties(centres.values(), today)
    found: dict[int, dt.date] = {}
    for dossier in dossiers:
        for duty in owed.get(dossier.centre_id or "", []):
            if duty.act == dossier.act and duty.due is not None:
                found[dossier.pk] = min(duty.due, found.get(dossier.pk, duty.due))
    return found
