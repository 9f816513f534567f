"""What is done with dossiers. Each verb locks the dossier, asks whether it may, does it, and notes
the step. Submitting, correcting and withdrawing record acts through the ledger's one door.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from banfa.office import clock
from banfa.office.dossiers import carry, content, files, queries, telling
from banfa.office.dossiers.errors import BadFile, Conflict, DossierError, NotNow
from banfa.office.dossiers.models import (
    OPEN,
    Attachment,
    Dossier,
    InternalReview,
    Opening,
    Return,
    State,
    Step,
    Version,
)
from banfa.office.dossiers.queries import Seen
from banfa.office.ledger import coding, library, store
from banfa.office.ledger import queries as ledger
from banfa.office.ledger import verbs as door
from banfa.office.ledger.errors import LedgerError, MayNot, NotOnFile
from banfa.office.ledger.models import ActRecord, Centre, DocumentVersion
from banfa.office.people import access
from banfa.office.people.models import Membership, Organisation, User
from banfa.rules.judge import Finding
from banfa.rules.life import CORRECTION, digest
from banfa.rules.proposals import BadProposal
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text

FILES_AT_MOST = 200
REASON_AT_MOST = 2_000


def _reach(user: User) -> access.Reach:
    return access.reach(user, clock.today())


def _locked(user: User, id_: int) -> Seen:
    """The dossier, locked until the end of the transaction. Raises NotOnFile."""
    return queries.find(user, _reach(user), id_, lock=True)


def _note(dossier: Dossier, what: str, user: User | None, note: str = "") -> None:
    by = user.label if user is not None else ""
    Step.objects.create(dossier=dossier, what=what, by=by, at=clock.now(), note=note)


def page_of(dossier: Dossier) -> ledger.CentrePage | None:
    """The centre of a dossier as it stands; None for a new one."""
    return ledger.centre(dossier.centre_id) if dossier.centre_id else None


# --- writing -------------------------------------------------------------------------------------


def start(
    user: User, programme: str, kind: str, party: str, centre: str | None = None, org: str = ""
) -> Dossier:
    """Begins a dossier for an act, with what is known already filled in.

    Raises MayNot for who may not take the act, NotOnFile for an unknown programme, act or centre.
    """
    editions, found = library.editions(programme), None
    if centre is not None:
        found = Centre.objects.select_related("book").filter(id=centre, book=programme).first()
        if found is None:
            raise NotOnFile(f"没有编号为“{centre}”的中心", f"no centre '{centre}'")
    model = editions.latest.models.get(kind)
    if model is None or model.probe or model.absent is not None or kind in queries.GENERIC:
        raise NotOnFile("没有可编写材料的这一行为", "no act of that kind takes a dossier")
    held = _reach(user).may(kind, party, programme, found, org)
    if held is None:
        raise MayNot
    now = clock.now()
    with transaction.atomic():
        dossier = Dossier.objects.create(
            programme=programme,
            centre=found,
            act=kind,
            party=party,
            organisation=held.capacity.organisation,
            created=now,
            created_by=user,
            changed=now,
            changed_by=user,
        )
        dossier.editors.add(user)
        _carry(dossier)
        dossier.save()
        _note(dossier, "started", user)
    return dossier


def _carry(dossier: Dossier) -> int:
    """Fills empty fields with what is known; gives how many."""
    page = page_of(dossier)
    rs = carry.ruleset_of(dossier, page, clock.today())
    filled = 0
    for path, (raw, source) in carry.carried(dossier, rs, page).items():
        is_file = isinstance(raw, dict)
        if content.empty(dossier.content.get(path)) and not is_file:
            dossier.content[path] = raw
            dossier.sources[path] = [source.zh, source.en]
            filled += 1
    return filled


def bring_in(user: User, id_: int) -> tuple[Dossier, int]:
    """带出: fills the empty fields of a draft with what is known now; gives how many."""
    with transaction.atomic():
        seen = _writable(user, id_)
        if seen.returned is not None:
            raise NotNow("退回修改期间只改所标之处", "after a return only flagged parts are open")
        filled = _carry(seen.dossier)
        if filled:
            _touch(seen.dossier, user)
    return seen.dossier, filled


def _writable(user: User, id_: int) -> Seen:
    seen = _locked(user, id_)
    if seen.held is None:
        raise MayNot
    if not seen.dossier.open:
        raise NotNow(
            "本材料现不在编写中，未作改动；请刷新页面查看现状",
            "this dossier is not being written now; nothing was changed: reload the page",
        )
    _mark_seen(user, seen)
    return seen


def _touch(dossier: Dossier, user: User, own: bool = True) -> None:
    """Keeps a change; `own`: by one of its organisation, who is then one of its editors."""
    dossier.version += 1
    dossier.changed, dossier.changed_by = clock.now(), user
    dossier.save()
    if own:
        dossier.editors.add(user)
    telling.findable(dossier)


def save(
    user: User,
    id_: int,
    typed: Mapping[str, Any],
    version: int,
    on: dt.date | None = None,
    about: str = "",
) -> Dossier:
    """Saves what was typed (all paths that are in `typed`); parts that are closed stay as they are.

    `version` is the save that the writer saw: Conflict when somebody saved since.
    """
    with transaction.atomic():
        seen = _writable(user, id_)
        dossier = seen.dossier
        _expect(dossier, version)
        rs = carry.ruleset_of(dossier, page_of(dossier), clock.today())
        changed = _put(dossier, typed, queries.editable(seen, rs))
        about = _clean(about)[:100]
        if seen.returned is None and (dossier.on, dossier.about) != (on, about):
            dossier.on, dossier.about, changed = on, about, True
        if changed:
            _touch(dossier, user)
    return dossier


def _expect(dossier: Dossier, version: int) -> None:
    if version != dossier.version:
        at = dossier.changed.astimezone(clock.SHANGHAI)
        who = dossier.changed_by.name if dossier.changed_by else ""
        raise Conflict(dossier, who, f"{at:%H:%M}")


def _put(dossier: Dossier, typed: Mapping[str, Any], open_: set[str]) -> bool:
    """Puts typed values in their places; a value that changed loses its source."""
    changed = False
    for path in open_ & set(typed):
        raw, before = typed[path], dossier.content.get(path)
        if content.empty(raw):
            if not content.empty(before):
                changed = True
            dossier.content.pop(path, None)
        elif raw != before:
            dossier.content[path] = _clean(raw)
            changed = True
        if dossier.content.get(path) != before:
            dossier.sources.pop(path, None)
    return changed


def _clean(raw: Any) -> Any:
    """What the database can hold: without NUL characters."""
    if isinstance(raw, str):
        return raw.replace("\0", "")
    if isinstance(raw, list):
        return [_clean(v) for v in raw]
    if isinstance(raw, dict):
        return {k: _clean(v) for k, v in raw.items()}
    return raw


def discard(user: User, id_: int) -> Dossier:
    """Throws a draft away that was never submitted."""
    with transaction.atomic():
        seen = _writable(user, id_)
        if seen.versions:
            raise NotNow("已提交过的材料不能删除", "what was submitted once cannot be thrown away")
        seen.dossier.state = State.DISCARDED
        _touch(seen.dossier, user)
        _note(seen.dossier, "discarded", user)
    return seen.dossier


# --- attachments ---------------------------------------------------------------------------------


def attach(user: User, id_: int, upload: Any, path: str = "") -> Attachment:
    """Attaches a file, perhaps to the field that it proves. Raises BadFile.

    In a field that takes a file it takes the place of the one before.
    """
    if queries.find(user, _reach(user), id_).held is None:
        raise MayNot
    blob, name = files.keep(upload)
    with transaction.atomic():
        seen = _writable(user, id_)
        dossier = seen.dossier
        rs = carry.ruleset_of(dossier, page_of(dossier), clock.today())
        given = content.fields(rs, dossier.act).get(path)
        _may_attach(seen, rs, path)
        if dossier.attachments.count() >= FILES_AT_MOST:
            raise BadFile(
                f"附件已达 {FILES_AT_MOST} 个，请合并后再传", f"there are {FILES_AT_MOST} already"
            )
        if given is not None and given.type == "file":
            dossier.attachments.filter(path=path).delete()
            dossier.content[path] = {"name": name, "size": blob.size, "digest": blob.digest}
            dossier.sources.pop(path, None)
        made = Attachment.objects.create(
            dossier=dossier, blob=blob, name=name, path=path, added=clock.now(), added_by=user
        )
        _touch(dossier, user)
    return made


def _may_attach(seen: Seen, rs: Ruleset, path: str) -> None:
    if path and path not in queries.editable(seen, rs) and not _inside_open(seen, rs, path):
        raise NotNow("此处未列入退回修改，不能更换附件", "this part is not open for correction")
    if not path and seen.returned is not None:
        raise NotNow(
            "退回修改期间，附件须附在所标之处", "after a return files go with the flagged parts"
        )


def _inside_open(seen: Seen, rs: Ruleset, path: str) -> bool:
    """Whether a path is a cell of a table that is open."""
    return any(path.startswith(f"{q}.") for q in queries.editable(seen, rs))


def detach(user: User, id_: int, attachment: int) -> Dossier:
    """Takes a file away from a draft; versions that have it keep it."""
    with transaction.atomic():
        seen = _writable(user, id_)
        dossier = seen.dossier
        found = dossier.attachments.filter(pk=attachment).first()
        if found is None:
            raise NotOnFile("没有这个附件", "no such attachment")
        rs = carry.ruleset_of(dossier, page_of(dossier), clock.today())
        _may_attach(seen, rs, found.path)
        kept = dossier.content.get(found.path)
        if isinstance(kept, dict) and kept.get("digest") == found.blob_id:
            dossier.content.pop(found.path)
        found.delete()
        _touch(dossier, user)
    return dossier


# --- checking and submitting ---------------------------------------------------------------------


@dataclass
class Check:
    """What a check found: what cannot be read (path, words), findings, or why it cannot be asked.

    `sound`: nothing stands in the way of submitting.
    """

    mistakes: list[tuple[str, Text]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    said: Text | None = None
    sound: bool = False


@dataclass
class Outcome:
    """What came of submitting: the version when it was accepted, the check when not."""

    dossier: Dossier
    version: Version | None = None
    check: Check | None = None
    receipt: door.Receipt | None = None


def check(user: User, id_: int) -> Check:
    """Every fault of a dossier as it stands. Records nothing."""
    seen = queries.find(user, _reach(user), id_)
    proposal, mistakes = _proposal(seen, user)
    return _check(proposal, mistakes)


def _check(proposal: door.Proposal, mistakes: list[tuple[str, Text]]) -> Check:
    """Judges the proposal without what cannot be read, so that all faults are told at once."""
    made = Check(list(mistakes))
    for _again in range(3):
        try:
            receipt = door.judge(proposal)
        except BadProposal as bad:
            made.mistakes += [(m.where, m.text) for m in bad.mistakes]
            for one in bad.mistakes:
                _leave_out(proposal, one.where)
            continue
        except LedgerError as error:
            made.said = error.text
            return made
        unread = {path for path, _ in made.mistakes}
        made.findings = [
            f for f in receipt.refusals + receipt.warnings if _path(f.field) not in unread
        ]
        made.sound = receipt.accepted and not made.mistakes
        return made
    return made


def _path(field_: str | None) -> str:
    wanted = field_ or ""
    return wanted if wanted.startswith("documents.") else f"with.{wanted}"


def _leave_out(proposal: door.Proposal, where: str) -> None:
    """Takes a value that cannot be read out of a proposal, by the path of the mistake."""
    first, *rest = where.split(".")
    held: Any = proposal.data if first == "with" else proposal.documents
    if first == "documents" and len(rest) > 1:
        held, rest = proposal.documents.get(rest[0], {}).get("content"), rest[1:]
    while len(rest) > 1 and isinstance(held, dict) and isinstance(held.get(rest[0]), dict):
        held, rest = held[rest[0]], rest[1:]
    if isinstance(held, dict) and rest:
        held.pop(rest[0], None)


def _proposal(seen: Seen, user: User) -> tuple[door.Proposal, list[tuple[str, Text]]]:
    """The act that the dossier proposes: its own, or the correction of its documents."""
    dossier, page = seen.dossier, page_of(seen.dossier)
    rs = carry.ruleset_of(dossier, page, clock.today())
    known = queries.organisations()
    given = content.fields(rs, dossier.act)
    data, documents, told = content.gather(given, dossier.content, known)
    mistakes = [(path, Text(said, said)) for path, said in told]
    number = dossier.versions.count() + 1
    proposal = door.Proposal(
        act=dossier.act,
        by=dossier.party,
        on=dossier.on or clock.today(),
        programme=dossier.programme,
        centre=dossier.centre_id,
        org=_acting(dossier, rs, page),
        data=data,
        documents=documents,
        about=dossier.about or None,
        user=user,
        key=f"dossier-{dossier.pk}-{number}",
        dossier=dossier.pk,
    )
    if seen.returned is not None:
        _as_correction(seen, proposal, known, given)
    return proposal, mistakes


def _as_correction(
    seen: Seen,
    proposal: door.Proposal,
    known: content.Organisations,
    given: Mapping[str, Any],
) -> None:
    """Makes it the act that brings corrected documents: only those that differ."""
    assert seen.returned is not None
    first = seen.returned.version
    original = next(v for v in seen.versions if v.withdrawn is None)
    _data, before, _told = content.gather(given, first.content, known)
    proposal.act, proposal.on, proposal.about = CORRECTION, clock.today(), None
    proposal.data = {"target": original.act.seq, "reason": seen.returned.reason}
    proposal.documents = {
        name: held for name, held in proposal.documents.items() if before.get(name) != held
    }


def _acting(dossier: Dossier, rs: Ruleset, page: ledger.CentrePage | None) -> Any:
    """The organisation that acts, as bound to its role where it is; None: the role's own."""
    model = rs.programme.parties[dossier.party]
    if model.body:
        return {"org": dossier.party, "name": model.name.zh}
    if model.inside:
        return None
    held = page.state.roles.get(dossier.party, []) if page is not None else []
    bound = next((dict(o) for o in held if o.get("org") == dossier.organisation_id), None)
    return bound or dossier.organisation_id


def submit(user: User, id_: int, version: int) -> Outcome:
    """Submits a dossier: records its act, or the correction, and freezes a version.

    Refused or failed, everything stays as it was. A second click gets the first one's version.
    Raises Conflict, NotNow, MayNot, NotOnFile.
    """
    with transaction.atomic():
        seen = _locked(user, id_)
        dossier = seen.dossier
        if seen.held is None:
            raise MayNot
        if dossier.state == State.SUBMITTED and seen.latest is not None:
            return Outcome(dossier, seen.latest)
        _ready(seen)
        _expect(dossier, version)
        proposal, mistakes = _proposal(seen, user)
        if mistakes:
            return Outcome(dossier, check=_check(proposal, mistakes))
        try:
            receipt = door.record(proposal)
        except BadProposal:
            return Outcome(dossier, check=_check(proposal, mistakes))
        except LedgerError as error:
            return Outcome(dossier, check=Check(said=error.text))
        if not receipt.accepted:
            made = Check(findings=receipt.refusals + receipt.warnings)
            return Outcome(dossier, check=made, receipt=receipt)
        return Outcome(dossier, _freeze(seen, user, receipt), receipt=receipt)


def _ready(seen: Seen) -> None:
    if seen.reviewed and seen.dossier.state != State.APPROVED:
        raise NotNow(
            "本单位要求内部审核：请先送审，审核通过后再提交",
            "the organisation wants dossiers checked inside it first: send it to be checked",
        )
    if seen.dossier.state not in (*OPEN, State.APPROVED):
        raise NotNow("本材料正在内部审核，不能提交", "this dossier is being checked")


def _freeze(seen: Seen, user: User, receipt: door.Receipt) -> Version:
    """Keeps what was submitted as a version of its own, with its act."""
    dossier, now = seen.dossier, clock.now()
    act = ActRecord.objects.get(
        book=dossier.programme, centre_id=receipt.centre, seq=receipt.seq or 0
    )
    attached = [
        {
            "name": a.name,
            "path": a.path,
            "digest": a.blob_id,
            "size": a.blob.size,
            "type": a.blob.media_type,
        }
        for a in dossier.attachments.select_related("blob").order_by("pk")
    ]
    made = Version.objects.create(
        dossier=dossier,
        number=dossier.versions.count() + 1,
        act=act,
        content=dossier.content,
        attachments=attached,
        digest=digest({"act": act.hash, "content": dossier.content, "files": attached}),
        submitted=now,
        submitted_by=user.label,
    )
    if seen.returned is not None:
        seen.returned.closed = now
        seen.returned.save(update_fields=["closed"])
    dossier.state, dossier.centre_id = State.SUBMITTED, receipt.centre
    _touch(dossier, user)
    _note(dossier, "corrected" if act.kind == CORRECTION else "submitted", user)
    if seen.returned is not None:
        telling.corrected(dossier, seen.returned)
    return made


# --- the chain inside the organisation -----------------------------------------------------------


def send(user: User, id_: int, version: int) -> Dossier:
    """Sends a dossier to be checked inside the organisation. Nobody writes in it meanwhile."""
    with transaction.atomic():
        seen = _writable(user, id_)
        if not seen.reviewed:
            raise NotNow("本单位未设内部审核，可直接提交", "no check inside: submit it directly")
        _expect(seen.dossier, version)
        seen.dossier.state, seen.dossier.note = State.REVIEW, ""
        _touch(seen.dossier, user)
        _note(seen.dossier, "sent", user)
        telling.sent(seen.dossier)
    return seen.dossier


def take_back(user: User, id_: int) -> Dossier:
    """Takes a dossier back that was sent to be checked, or was approved, to go on writing."""
    with transaction.atomic():
        seen = _locked(user, id_)
        if seen.held is None:
            raise MayNot
        if seen.dossier.state not in (State.REVIEW, State.APPROVED):
            raise NotNow("本材料未在内部审核中", "it is not being checked")
        _reopen(seen)
        _touch(seen.dossier, user)
        _note(seen.dossier, "taken_back", user)
    return seen.dossier


def _reopen(seen: Seen) -> None:
    dossier = seen.dossier
    if seen.returned is not None:
        dossier.state = State.RETURNED
    else:
        dossier.state = State.WITHDRAWN if seen.versions else State.DRAFT


def review(user: User, id_: int, version: int, approve: bool, note: str = "") -> Dossier:
    """The check inside the organisation: approved, or sent back to its writer with the reason."""
    note = _clean(note).strip()[:REASON_AT_MOST]
    with transaction.atomic():
        seen = _locked(user, id_)
        if not seen.checks:
            raise MayNot
        if seen.dossier.state != State.REVIEW:
            raise NotNow("本材料不在内部审核中", "it is not waiting to be checked")
        _expect(seen.dossier, version)
        if not approve and not note:
            raise DossierError("请写明退回填写人的理由", "say why it goes back to its writer")
        if approve:
            seen.dossier.state = State.APPROVED
        else:
            _reopen(seen)
        seen.dossier.note = note
        _touch(seen.dossier, user)
        _note(seen.dossier, "approved" if approve else "sent_back", user, note)
        telling.reviewed(seen.dossier, approve)
    return seen.dossier


def set_review(
    user: User, organisation: str, asked: bool, reviewers: Iterable[int] = ()
) -> InternalReview:
    """Whether an organisation's dossiers are checked inside it, and by whom. By its administrator.

    Without reviewers its administrators check. Raises MayNot, DossierError.
    """
    today, wanted = clock.today(), set(reviewers)
    mine = access.administered(user, today).filter(organisation=organisation)
    if not mine.exists():
        raise MayNot
    with transaction.atomic():
        Organisation.objects.select_for_update(no_key=True).get(pk=organisation)
        members = Membership.objects.filter(
            access._on(today), organisation=organisation, user__in=wanted
        )
        chosen = [m.user for m in members.select_related("user")]
        if {u.pk for u in chosen} != wanted:
            raise DossierError("审核人须是本单位人员", "reviewers belong to the organisation")
        made, _ = InternalReview.objects.update_or_create(
            organisation_id=organisation, defaults={"asked": asked}
        )
        made.reviewers.set(chosen)
    return made


# --- after it was submitted ----------------------------------------------------------------------


def mark_opened(user: User, reach: access.Reach, seen: Seen) -> bool:
    """Notes that somebody of the party that acts next has opened what was submitted, or somebody of
    the sender what was sent back."""
    if _mark_seen(user, seen):
        return True
    latest = seen.latest
    if seen.inside or latest is None or seen.dossier.state != State.SUBMITTED:
        return False
    if latest.openings.filter(user=user).exists():
        return False
    page = page_of(seen.dossier)
    if page is None:
        return False
    parties = queries.next_parties(page, latest.act.seq, seen.dossier.party)
    held = queries.acting_next(reach, seen, parties, queries.SEE)
    if held is None:
        return False
    _, made = Opening.objects.get_or_create(
        version=latest,
        user=user,
        defaults={"party": held.capacity.party, "at": clock.now()},
    )
    if made:
        _note(seen.dossier, "opened", user)
    return made


def withdraw(user: User, id_: int, reason: str) -> Outcome:
    """Withdraws what was submitted while the next level has not opened it: its act is annulled.

    The draft is open again with everything in it. Raises NotNow when it was opened.
    """
    reason = _clean(reason).strip()[:REASON_AT_MOST]
    if not reason:
        raise DossierError("请写明撤回理由", "say why it is withdrawn")
    with transaction.atomic():
        seen = _locked(user, id_)
        dossier, latest = seen.dossier, seen.latest
        if seen.held is None:
            raise MayNot
        if dossier.state != State.SUBMITTED or latest is None:
            raise NotNow("本材料未在已提交状态，无可撤回", "nothing was submitted to withdraw")
        if (barred := withdrawal_barred(seen)) is not None:
            raise NotNow(barred.zh, barred.en)
        programme_level = latest.act.centre_id is None
        proposal = door.Proposal(
            act="annul_programme_act" if programme_level else "annul",
            by=dossier.party,
            on=clock.today(),
            programme=dossier.programme,
            centre=latest.act.centre_id,
            org=_acting(dossier, library.editions(dossier.programme).latest, page_of(dossier)),
            data={"target": latest.act.seq, "reason": reason},
            user=user,
            key=f"dossier-{dossier.pk}-{latest.number}-withdrawn",
        )
        try:
            receipt = door.record(proposal)
        except BadProposal as bad:
            raise DossierError(str(bad.mistakes[0].text.zh), str(bad.mistakes[0].text.en)) from bad
        if not receipt.accepted:
            return Outcome(dossier, check=Check(findings=receipt.refusals), receipt=receipt)
        _withdrawn(seen, latest, user, reason)
    return Outcome(dossier, latest, receipt=receipt)


def _withdrawn(seen: Seen, latest: Version, user: User, reason: str) -> None:
    dossier, now = seen.dossier, clock.now()
    latest.withdrawn = now
    latest.save(update_fields=["withdrawn"])
    dossier.state = State.WITHDRAWN
    if latest.act.kind == CORRECTION:
        again = dossier.returns.filter(recalled__isnull=True).order_by("-at").first()
        if again is not None:
            again.closed = None
            again.save(update_fields=["closed"])
            dossier.state = State.RETURNED
    elif dossier.centre is not None and _began(dossier, latest):
        dossier.centre = None  # the centre that the act began is no more; the next one begins anew
    _touch(dossier, user)
    _note(dossier, "withdrawn", user, reason)


def _began(dossier: Dossier, version: Version) -> bool:
    rs = queries.ruleset_of_version(version)
    return "none" in (rs.models[dossier.act].from_ or []) and version.act.seq == 1


def withdrawal_barred(seen: Seen) -> Text | None:
    """Why what was submitted can no longer be withdrawn; None: it can."""
    latest = seen.latest
    if latest is None:
        return Text("尚未提交", "nothing was submitted")
    mark = queries.opened(latest)
    if mark is not None:
        at = f"{mark.at.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}"
        return Text(
            f"下一环节的{mark.user.name}已于 {at} 打开本材料，不能再撤回；"
            "如需修改，请联系其退回修改",
            f"{mark.user.name} of the next level opened it at {at}: it cannot be withdrawn;"
            " ask them to return it for correction",
        )
    return None


def return_for_correction(
    user: User, id_: int, reason: str, due: dt.date | None, parts: Iterable[str]
) -> Return:
    """退回修改: opens the flagged parts of a submitted dossier again, until a day, with a reason.

    By those who act next on the centre. What was recorded since stays; the corrected material comes
    as an act of its own. Raises MayNot, NotNow, DossierError.
    """
    reason, wanted = _clean(reason).strip()[:REASON_AT_MOST], sorted(set(parts))
    with transaction.atomic():
        seen = _locked(user, id_)
        held = may_return(user, _reach(user), seen)
        if held is None:
            raise MayNot
        latest = seen.latest
        if seen.dossier.state != State.SUBMITTED or latest is None:
            raise NotNow("本材料已在修改中，不能再退回", "it is being corrected already")
        if not reason or due is None:
            raise DossierError("请写明退回理由与修改期限", "give the reason and the last day")
        if due < clock.today():
            raise DossierError("修改期限不得早于今日", "the last day is not before today")
        known = _flaggable(queries.ruleset_of_version(latest), seen.dossier.act)
        if not wanted or not set(wanted) <= known:
            raise DossierError("请至少勾选一处需要修改的内容", "flag at least one part")
        made = Return.objects.create(
            dossier=seen.dossier,
            version=latest,
            party=held.capacity.party,
            organisation=held.capacity.organisation,
            by=user,
            at=clock.now(),
            reason=reason,
            due=due,
            parts=wanted,
        )
        seen.dossier.state = State.RETURNED
        _touch(seen.dossier, user, own=False)
        _note(seen.dossier, "returned", user, reason)
        telling.returned(seen.dossier, made)
    return made


def _mark_seen(user: User, seen: Seen) -> bool:
    """Notes that somebody of the sender has opened what was sent back, once."""
    returned = seen.returned
    if not seen.inside or returned is None or returned.seen or returned.by_id == user.pk:
        return False
    fresh = Return.objects.filter(pk=returned.pk, seen__isnull=True, closed__isnull=True)
    return bool(fresh.update(seen=clock.now(), seen_by=user))


def recall_barred(user: User, seen: Seen) -> Text | None:
    """Why the person cannot take a return for correction back; None: they can."""
    returned = seen.returned
    if returned is None or returned.by_id != user.pk or seen.dossier.state != State.RETURNED:
        return Text("退回只能由退回人收回", "only who sent it back can take that back")
    if returned.seen is not None:
        at = f"{returned.seen.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}"
        name = returned.seen_by.name if returned.seen_by is not None else ""
        return Text(
            f"报送单位{name}已于 {at} 打开本材料，退回不能再收回",
            f"{name} of the sender opened it at {at}: the return cannot be taken back",
        )
    return None


def recall_return(user: User, id_: int) -> Dossier:
    """Takes a return for correction back before the sender has opened it: by who sent it back.

    The material stands as it was submitted. Raises NotNow.
    """
    with transaction.atomic():
        seen = _locked(user, id_)
        if seen.returned is not None:
            seen.returned = Return.objects.select_for_update().get(pk=seen.returned.pk)
        if (barred := recall_barred(user, seen)) is not None:
            raise NotNow(barred.zh, barred.en)
        assert seen.returned is not None
        seen.returned.closed = seen.returned.recalled = clock.now()
        seen.returned.save(update_fields=["closed", "recalled"])
        seen.dossier.state = State.SUBMITTED
        _touch(seen.dossier, user, own=False)
        _note(seen.dossier, "recalled", user)
        telling.recalled(seen.dossier)
    return seen.dossier


def _flaggable(rs: Ruleset, kind: str) -> set[str]:
    found = set()
    for path, _name, inside in queries.parts_of(rs, kind):
        found |= {path, *(q for q, _words in inside)}
    return found


def may_return(user: User, reach: access.Reach, seen: Seen) -> access.Held | None:
    """The capacity in which the person may return it for correction; None: may not."""
    latest, page = seen.latest, page_of(seen.dossier)
    if latest is None or page is None or latest.act.centre_id is None:
        return None
    if CORRECTION not in page.ruleset.models:
        return None
    if not page.ruleset.models[seen.dossier.act].documents:
        return None
    first = next(v for v in seen.versions if v.withdrawn is None)
    parties = queries.next_parties(page, first.act.seq, seen.dossier.party)
    return queries.acting_next(reach, seen, parties, queries.RETURN)


def adopt(user: User, centre: str, seq: int) -> Dossier:
    """A dossier for an act with documents that was recorded without one (imported, by a form).

    For those who may see the centre's material; raises NotOnFile otherwise. Gives the one there is.
    """
    reach = _reach(user)
    with transaction.atomic():
        place = Centre.objects.select_for_update(no_key=True).filter(id=centre).first()
        row = ActRecord.objects.select_related("payload").filter(centre=place, seq=seq).first()
        if place is None or row is None or not reach.sees(place, queries.SEE):
            raise NotOnFile("没有这一序号的行为", "no such act")
        kept = Version.objects.select_related("dossier").filter(act=row).first()
        if kept is not None:
            return kept.dossier
        if not row.payload.documents or row.kind == CORRECTION:
            raise NotOnFile("该行为没有材料", "that act has no documents")
        return _adopted(place, row)


def forget(act: ActRecord, part: str) -> None:
    """Takes out of dossiers what was erased of an act: the input or document `part` names.

    In the version of that act, in every other place of the dossier that says the same, and in
    what is open now; the files tied to it are listed no more. Digests stay.
    """
    version = Version.objects.select_related("dossier").filter(act=act).first()
    if version is None:
        return
    path = part.replace("data.", "with.", 1) if part.startswith("data.") else part
    dossier = Dossier.objects.select_for_update().get(pk=version.dossier_id)
    gone = {q: raw for q, raw in version.content.items() if content.within(q, [path])}
    for holder in [*dossier.versions.all(), dossier]:
        holder.content = {q: raw for q, raw in holder.content.items() if gone.get(q) != raw}
        if isinstance(holder, Version):
            holder.attachments = [
                a for a in holder.attachments if not content.within(a["path"], [path])
            ]
        holder.save()
    for attached in dossier.attachments.exclude(path=""):
        if content.within(attached.path, [path]):
            attached.delete()
    telling.findable(dossier)


def _adopted(place: Centre, row: ActRecord) -> Dossier:
    act = store.act_of(row)
    org = str(act.org.get("org") or row.party)
    organisation = Organisation.objects.filter(pk=org).first()
    if organisation is None:
        raise NotOnFile("办理单位不在档，不能为其建立材料", "the organisation is not on file")
    editions = library.editions(row.book_id)
    rs = editions.by_name.get(row.edition) or editions.latest
    kept = DocumentVersion.objects.filter(
        centre=place, digest__in=[d["digest"] for d in row.payload.documents.values()]
    )
    contents = {v.type: coding.decode(v.content) for v in kept if v.content is not None}
    given = content.fields(rs, row.kind)
    typed = coding.encode(content.typed(given, act.data, contents))
    dossier = Dossier.objects.create(
        programme=row.book_id,
        centre=place,
        act=row.kind,
        party=row.party,
        organisation=organisation,
        state=State.SUBMITTED,
        on=row.on,
        about=row.about or "",
        content=typed,
        created=row.recorded,
        changed=row.recorded,
    )
    Version.objects.create(
        dossier=dossier,
        number=1,
        act=row,
        content=typed,
        digest=digest({"act": row.hash, "content": typed, "files": []}),
        submitted=row.recorded,
        submitted_by=row.payload.person or "",
    )
    return dossier
