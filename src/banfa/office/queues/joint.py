"""Acts that other bodies must concur in first: the draft goes to them, they answer, it is recorded.

What a body says is an act (`concur`) through the ledger's door, and so is what follows. Kept here
is only the draft that they read, and who was asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from banfa.office import clock
from banfa.office.ledger import coding, library, store
from banfa.office.ledger import queries as ledger
from banfa.office.ledger import verbs as door
from banfa.office.ledger.errors import LedgerError, MayNot, NotOnFile
from banfa.office.ledger.models import ActRecord, Centre
from banfa.office.ledger.verbs import Proposal, Receipt
from banfa.office.notices.queries import roster
from banfa.office.notices.verbs import tell
from banfa.office.people.access import NOTHING, Reach
from banfa.office.people.models import User
from banfa.office.queues import words
from banfa.office.queues.errors import QueueError, TooLate
from banfa.office.queues.models import JointDraft
from banfa.office.queues.verbs import written
from banfa.office.todo import Todo
from banfa.rules.judge import Finding
from banfa.rules.life import ANNULMENTS, CONCUR, Act
from banfa.rules.proposals import BadProposal
from banfa.rules.words import Text
from banfa.rules.words import words as declared

# --- sending ------------------------------------------------------------------------------------


def send(proposal: Proposal, note: str = "", why: str = "") -> JointDraft:
    """Sends an act, as a person proposes it, to the bodies whose concurrence alone it lacks.

    The same draft again is the one under way. Raises QueueError when something else stands against
    it, or nothing is wanting; MayNot, BadProposal and LedgerError as the ledger's door does.
    """
    receipt = door.judge(proposal)
    missing = wanting(receipt)
    if proposal.centre is None or proposal.user is None or not missing:
        raise QueueError(
            "文稿无须会同，或尚有其他不符合规定之处；请先按所列各项补正",
            "nothing to concur in, or something else stands against it: mend that first",
        )
    centre, reach = Centre.objects.get(pk=proposal.centre), proposal.reach
    held = reach.may(proposal.act, proposal.by, receipt.programme, centre) if reach else None
    if held is None:
        raise MayNot
    kept = {
        "on": proposal.on, "org": proposal.org, "data": proposal.data,
        "documents": proposal.documents, "exception": proposal.exception,
        "about": proposal.about,
    }  # fmt: skip
    digest = door.draft(proposal)
    try:
        with transaction.atomic():
            made = JointDraft.objects.create(
                centre=centre, case=proposal.about or "", act=proposal.act,
                organisation=held.capacity.organisation, party=proposal.by, by=proposal.user,
                at=clock.now(), digest=digest, proposal=coding.encode(kept), asked=missing,
                note=written(note, Text("说明", "the note"), needed=False), why=why,
            )  # fmt: skip
            _tell(made, missing, Text("请会同", "Your concurrence is asked"), "asked")
            return made
    except IntegrityError:
        return JointDraft.objects.get(centre=centre, digest=digest, closed=None)


def wanting(receipt: Receipt) -> list[str]:
    """The bodies whose concurrence a refused act lacks, when that is all it lacks."""
    if receipt.accepted or any(f.code != "NOT_JOINT" for f in receipt.refusals):
        return []
    return [f.id.rpartition(".")[2] for f in receipt.refusals]


def proposal_of(one: JointDraft, reach: Reach | None, on: dt.date, key: str = "") -> Proposal:
    """The act of a draft, to be recorded by this person (to be judged only: nobody) on that day."""
    kept: Mapping[str, Any] = coding.decode(one.proposal)
    return Proposal(
        act=one.act, by=one.party, on=on, programme=one.centre.book_id, centre=one.centre_id,
        org=kept["org"], data=kept["data"], documents=kept["documents"], about=kept["about"],
        exception=kept["exception"], user=reach.user if reach else None, reach=reach,
        key=key or None,
    )  # fmt: skip


def judged(one: JointDraft, on: dt.date) -> list[Finding]:
    """How an open draft stands on a day, but for the concurrence: each condition of its act."""
    if one.closed is not None:
        return []
    try:
        found = door.judge(proposal_of(one, None, on)).findings
    except (LedgerError, BadProposal):
        return []
    return [f for f in found if f.code != "NOT_JOINT"]


def take_back(reach: Reach, number: int) -> JointDraft:
    """Ends a draft that was not recorded; what the bodies have said stays on file."""
    with transaction.atomic():
        one = _mine(reach, number)
        one.closed = clock.now()
        one.save(update_fields=["closed"])
    return one


def _mine(reach: Reach, number: int) -> JointDraft:
    """An open draft of the person's organisation, locked."""
    one = JointDraft.objects.select_for_update(of=("self",)).filter(
        sent(reach), pk=number
    ).select_related("centre").first()  # fmt: skip
    if one is None:
        raise NotOnFile("没有这份文稿", "no such draft")
    if one.closed is not None:
        raise TooLate("文稿已登记或已撤回", "it is recorded or taken back already")
    return one


# --- answering ----------------------------------------------------------------------------------


def concur(
    reach: Reach, one: JointDraft, party: str, agrees: bool, reason: str, key: str = ""
) -> Receipt:
    """Records what a body says of a draft. Raises QueueError when an objection has no reason, and
    what the ledger's door raises."""
    if one.closed is not None:
        raise TooLate("文稿已登记或已撤回", "it is recorded or taken back already")
    said = written(reason, Text("不同意的理由", "why you object"), needed=not agrees)
    data: dict[str, Any] = {"draft": one.digest, "agrees": agrees}
    if said:
        data["reason"] = said
    held = reach.may(CONCUR, party, one.centre.book_id, one.centre)
    if held is None or party not in one.asked:
        raise MayNot
    org = None if _body(one.centre.book_id, party) else held.org
    return door.record(Proposal(
        act=CONCUR, by=party, on=clock.today(), centre=one.centre_id, org=org, data=data,
        user=reach.user, reach=reach, key=key or None,
    ))  # fmt: skip


def _body(programme: str, party: str) -> bool:
    return bool(library.editions(programme).latest.programme.parties[party].body)


def answerable(reach: Reach, one: JointDraft) -> list[str]:
    """The parties asked as which the person may answer now."""
    if one.closed is not None:
        return []
    return [
        party for party in one.asked
        if reach.may(CONCUR, party, one.centre.book_id, one.centre) is not None
    ]  # fmt: skip


def may_record(reach: Reach, one: JointDraft) -> bool:
    """Whether the person may record the draft's act for the organisation that sent it."""
    org = one.organisation_id
    return reach.may(one.act, one.party, one.centre.book_id, one.centre, org) is not None


# --- the drafts on file -------------------------------------------------------------------------


def sent(reach: Reach) -> Q:
    """The drafts that the person's organisations sent, of acts that the person may take."""
    found = NOTHING
    for one in reach.held:
        for act in joint_acts(one.capacity.programme):
            for scope in reach.scopes(one, f"act:{act}"):
                near = Centre.objects.filter(one.centres(scope))
                found |= Q(act=act, organisation=one.org, party=one.capacity.party,
                           centre__in=near)  # fmt: skip
    return found


def asked(reach: Reach) -> Q:
    """The drafts in which the person may concur for a body that was asked."""
    found = NOTHING
    for one in reach.held:
        if one.capacity.party not in bodies(one.capacity.programme):
            continue
        for scope in reach.scopes(one, f"act:{CONCUR}"):
            near = Centre.objects.filter(one.centres(scope))
            found |= Q(asked__contains=[one.capacity.party], centre__in=near,
                       centre__book=one.capacity.programme)  # fmt: skip
    return found


def drafts(reach: Reach, which: str) -> QuerySet[JointDraft]:
    """The drafts that the person may see, the latest first: `asked` or `sent` under way, `ended`
    both kinds recorded or taken back."""
    found = JointDraft.objects.select_related("centre", "organisation", "by").order_by("-id")
    if which == "asked":
        return found.filter(asked(reach), closed=None)
    if which == "sent":
        return found.filter(sent(reach), closed=None)
    return found.filter(asked(reach) | sent(reach), closed__isnull=False)


def draft(reach: Reach, number: int) -> JointDraft:
    """One draft. Raises NotOnFile to those who neither sent it nor are asked."""
    found = JointDraft.objects.select_related("centre__book", "organisation", "by")
    one = found.filter(asked(reach) | sent(reach), pk=number).first()
    if one is None:
        raise NotOnFile("没有这份文稿", "no such draft")
    return one


def by_digest(digests: Iterable[str]) -> dict[str, JointDraft]:
    """The drafts with these digests: one query."""
    return {one.digest: one for one in JointDraft.objects.filter(digest__in=set(digests))}


def under_way(centre: str, act: str) -> JointDraft | None:
    """The latest draft of an act on a centre that waits for its bodies, or to be recorded."""
    return JointDraft.objects.filter(centre=centre, act=act, closed=None).order_by("-id").first()


def joint_acts(programme: str) -> list[str]:
    """The acts of a programme that other bodies must concur in."""
    models = library.editions(programme).latest.models
    return [name for name, model in models.items() if model.jointly is not None]


def bodies(programme: str) -> set[str]:
    """The parties that concur in acts of a programme."""
    models = library.editions(programme).latest.models
    return {p for m in models.values() if m.jointly is not None for p in m.jointly.parties}


def concerns(reach: Reach) -> bool:
    """Whether the person has to do with joint acts at all."""
    return bool(privy(reach))


def privy(reach: Reach) -> set[str]:
    """The programmes in which the person reads what bodies say of drafts: who takes joint acts, and
    the bodies themselves. Other people who see a centre do not."""
    found = set()
    for one in reach.held:
        models = library.editions(one.capacity.programme).latest.models
        for model in models.values():
            joint = model.jointly
            if joint is not None and one.capacity.party in (*model.by, *joint.parties):
                found.add(one.capacity.programme)
    return found


def unread(reach: Reach) -> Q:
    """The condition on acts that the person does not read, where they see the centre."""
    return Q(kind=CONCUR) & ~Q(book__in=privy(reach))


def veil(reach: Reach, page: ledger.CentrePage) -> None:
    """Leaves out of a centre's page the acts that the person does not read."""
    if page.centre.book_id not in privy(reach):
        page.hidden = frozenset({CONCUR})


# --- after an act -------------------------------------------------------------------------------


def recorded(centre: Centre, row: ActRecord) -> None:
    """An act was recorded: a draft of it has served its purpose, or a body has spoken."""
    if row.kind not in (*ANNULMENTS, CONCUR, *joint_acts(row.book_id)):
        return
    waiting = JointDraft.objects.select_related("centre", "by").filter(centre=centre, closed=None)
    act = store.act_of(row)
    for one in waiting:
        if row.kind in ANNULMENTS:
            _heard(one, said_by(one, ledger.centre(centre.id).standing_acts))
        elif row.kind == CONCUR and act.data.get("draft") == one.digest:
            _heard(one, {**one.said, act.party: bool(act.data["agrees"])}, act)
        elif row.kind == one.act and act.draft == one.digest:
            one.used, one.closed = row.seq, clock.now()
            one.save(update_fields=["used", "closed"])


def _heard(one: JointDraft, said: dict[str, bool], act: Act | None = None) -> None:
    """Notes what the bodies have on file about a draft (`act`: said just now), and tells who sent
    it."""
    if said == one.said:
        return
    one.said = said
    one.save(update_fields=["said"])
    key = f"joint:{one.pk}:{sorted(said.items())}"
    if act is not None and not act.data["agrees"]:
        _notice(one, [one.by], Text("会同单位不同意", "A body objects"), key, _objection(one, act))
    elif one.agreed:
        subject = Text("会同意见已齐，可以登记", "All bodies concur: record it")
        _notice(one, [one.by], subject, key)


def _objection(one: JointDraft, act: Act) -> Text:
    """Who objects, and why."""
    party = library.editions(one.centre.book_id).latest.programme.parties[act.party]
    name, why = declared(party.name), str(act.data.get("reason") or "")
    return Text(f"{name.zh}：{why}", f"{name.en}: {why}")


def said_by(one: JointDraft, acts: Iterable[Act]) -> dict[str, bool]:
    """Each body's last word on a draft."""
    return {a.party: bool(a.data["agrees"]) for a in said_of(one, acts)}


def said_of(one: JointDraft, acts: Iterable[Act]) -> list[Act]:
    """The acts by which bodies answered a draft, in their order: not those that an earlier act like
    it has used up."""
    found: list[Act] = []
    for act in acts:
        if act.seq == one.used:
            break
        if act.kind == one.act and act.draft == one.digest:
            found = []
        elif act.kind == CONCUR and act.data.get("draft") == one.digest:
            found.append(act)
    return found


def _tell(one: JointDraft, parties: Iterable[str], subject: Text, key: str) -> None:
    found = roster(one.centre.book_id, list(parties), one.centre)
    said = words.plain(one.note) if one.note else None
    _notice(one, found.of(parties, one.centre), subject, f"joint:{one.pk}:{key}", said)


def _notice(
    one: JointDraft, to: Iterable[User], subject: Text, key: str, body: Text | None = None
) -> None:
    tell(to, "todo", words.joined(subject, words.of_work(one.centre, "", one.act)), body=body,
         link=link(one), centre=one.centre, key=key)  # fmt: skip


def link(one: JointDraft) -> str:
    """Its page."""
    return f"/joint/{one.pk}/"


# --- what waits ---------------------------------------------------------------------------------


ASKED = Text("会同：", "Concur: "), Text("送请会同", "Asked to concur")
OBJECTED = Text("处理会同意见：", "Look at the answers: "), Text("有单位不同意", "A body objects")
AGREED = Text("登记：", "Record: "), Text("会同意见已齐", "All bodies concur")


def todos(user: User, reach: Reach, today: dt.date) -> list[Todo]:
    """Drafts to concur in, and own drafts that all have answered: two queries at most."""
    if not concerns(reach):
        return []
    mine = {one.capacity.party for one in reach.held}
    found = [_todo(one, *ASKED) for one in drafts(reach, "asked")[:200] if mine & set(one.lacking)]
    for one in drafts(reach, "sent")[:200]:
        if one.objected or one.agreed:
            found.append(_todo(one, *(OBJECTED if one.objected else AGREED)))
    return found


def _todo(one: JointDraft, what: Text, note: Text) -> Todo:
    model = library.editions(one.centre.book_id).latest.models[one.act]
    return Todo(
        kind="joint", title=what + declared(model.name), link=link(one), centre=one.centre_id,
        centre_name=words.called(one.centre), programme=str(one.centre.book_id),
        since=one.at.astimezone(clock.SHANGHAI).date(), note=note,
    )  # fmt: skip
