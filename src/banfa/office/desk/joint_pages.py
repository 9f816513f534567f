"""Drafts that other bodies must concur in: what is proposed, what they say, and recording it."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from banfa.office import clock
from banfa.office.desk import centre_page, citations, round_prefill, workbench
from banfa.office.desk.errors import on_file
from banfa.office.desk.language import say
from banfa.office.ledger import coding
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.errors import LedgerError
from banfa.office.ledger.verbs import Receipt
from banfa.office.queues import joint, words
from banfa.office.queues.errors import QueueError
from banfa.office.queues.models import JointDraft
from banfa.rules import programme as p
from banfa.rules.judge import Finding
from banfa.rules.proposals import BadProposal
from banfa.rules.ruleset import Ruleset

PAGE = 50
WHICH = ("asked", "sent", "ended")


# --- one draft ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Voice:
    """What one body has said: nothing yet, or when, what and why, by which act."""

    party: str
    agrees: bool | None = None
    on: dt.date | None = None
    reason: str = ""
    seq: int | None = None


@dataclass
class Outcome:
    """What came of a form on the page: done (by which act), or what stands against it."""

    said: str = ""
    receipt: Receipt | None = None
    findings: list[Finding] = field(default_factory=list)


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def draft(request: HttpRequest, number: int) -> HttpResponse:
    """A draft in full, for those who sent it and those who are asked."""
    one = joint.draft(request.reach, number)
    outcome = Outcome()
    if request.method == "POST":
        outcome = _do(request, one)
        if not outcome.said:
            return HttpResponseRedirect(_after(request, one, outcome))
    context = _context(request, one) | {"outcome": outcome, "typed": request.POST}
    return render(request, "desk/joint.html", context, status=422 if outcome.said else 200)


def _after(request: HttpRequest, one: JointDraft, outcome: Outcome) -> str:
    """The draft again; after it was recorded, the act's receipt."""
    made = outcome.receipt
    if made is None or request.POST.get("do") != "record":
        return reverse("joint_draft", args=[one.pk]) + "#answers"
    return f"{reverse('centre', args=[one.centre_id])}?party={one.party}&receipt={made.seq}#receipt"


def _context(request: HttpRequest, one: JointDraft) -> dict[str, Any]:
    page = ledger.centre(one.centre_id)
    rs = page.ruleset
    model = rs.models[one.act]
    voices = list(_voices(one, page, rs))
    said = {v.party for v in voices if v.agrees is not None}
    mine = joint.answerable(request.reach, one)
    joint_ = model.jointly
    return {
        "here": "home",
        "one": one,
        "page": page,
        "programme": rs.programme,
        "act": say(model.name),
        "party": say(rs.programme.parties[one.party].name),
        "facts": list(facts(rs, model, one)),
        "cites": citations.links(rs.programme, *_basis(model, joint_)),
        "on": coding.decode(one.proposal)["on"],
        "voices": [(v, say(rs.programme.parties[v.party].name)) for v in voices],
        "answering": [(q, say(rs.programme.parties[q].name), q in said) for q in mine],
        "records": one.closed is None and joint.may_record(request.reach, one),
        "judged": joint.judged(one, clock.today()),
        "ready": all(v.agrees for v in voices),
        "today": clock.today(),
        "typed_on": request.POST.get("on") or clock.today().isoformat(),
        "key": request.POST.get("key", "").partition(":")[0] or secrets.token_urlsafe(24),
    }


def _basis(model: p.Act, of: p.Jointly | None) -> tuple[Any, Any]:
    """What the concurrence rests on, else what the act does."""
    if of is not None and (of.cite or of.default):
        return of.cite, of.default
    return model.cite, model.default


def facts(rs: Ruleset, model: p.Act, one: JointDraft) -> list[centre_page.Fact]:
    """What a draft says, input by input."""
    found = []
    for name, value in coding.decode(one.proposal)["data"].items():
        given = model.with_.get(name)
        shown = centre_page.value_text(rs.programme, value, given)
        label = say(given.name) if given is not None else name
        found.append(centre_page.Fact(label, shown, whole=len(shown) > 60))
    return found


def _voices(one: JointDraft, page: ledger.CentrePage, rs: Ruleset) -> Sequence[Voice]:
    """Each body with its last word on the draft; after it was recorded, as kept beside it."""
    last = {a.party: a for a in joint.said_of(one, page.standing_acts)}
    found = []
    for party in one.asked:
        act = last.get(party)
        if act is None:
            found.append(Voice(party, one.said.get(party) if one.closed else None))
            continue
        reason = str(act.data.get("reason") or "")
        found.append(Voice(party, bool(act.data["agrees"]), act.on, reason, act.seq))
    return found


def _do(request: HttpRequest, one: JointDraft) -> Outcome:
    """Does what a form asks; the outcome says nothing when it is done."""
    doing: dict[str, Callable[[HttpRequest, JointDraft], Receipt | None]] = {
        "concur": _concur,
        "record": _record,
        "take_back": lambda r, d: joint.take_back(r.reach, d.pk) and None,
    }
    do = doing.get(request.POST.get("do", ""))
    if do is None:
        return Outcome(_("页面内容已变化，请刷新后重试。"))
    return attempt(lambda: do(request, one))


def attempt(do: Callable[[], Receipt | None]) -> Outcome:
    """Runs what may be refused, and says why it was."""
    try:
        receipt = do()
    except (QueueError, LedgerError) as error:
        return Outcome(say(error.text))
    except BadProposal as bad:
        return Outcome("；".join(say(m.text) for m in bad.mistakes))
    if receipt is not None and not receipt.accepted:
        return Outcome(_("不符合规定，未予登记。"), findings=receipt.refusals)
    return Outcome(receipt=receipt)


def _concur(request: HttpRequest, one: JointDraft) -> Receipt:
    answer = request.POST.get("agrees", "")
    if answer not in ("yes", "no"):
        raise QueueError("请选择同意或不同意", "say whether you agree")
    return joint.concur(
        request.reach, one, request.POST.get("party", ""), answer == "yes",
        request.POST.get("reason", ""), request.POST.get("key", "")[:200],
    )  # fmt: skip


def _record(request: HttpRequest, one: JointDraft) -> Receipt:
    """Records the act of a draft on the day given (today)."""
    raw = request.POST.get("on", "").strip() or clock.today().isoformat()
    try:
        on = dt.date.fromisoformat(raw)
    except ValueError:
        raise QueueError(
            f"“{raw[:40]}”不是有效日期，请写成 2030-11-20", f"'{raw[:40]}' is not a date"
        ) from None
    page = ledger.centre(one.centre_id)
    said = [v.on for v in _voices(one, page, page.ruleset) if v.on is not None]
    if said and on < max(said):
        raise QueueError(
            f"最后一份会同意见是 {max(said)} 的，登记日期不得早于该日",
            f"the last body concurred on {max(said)}: the act cannot be dated earlier",
        )
    return record(request, one, on, request.POST.get("key", "")[:200])


def record(request: HttpRequest, one: JointDraft, on: dt.date, key: str = "") -> Receipt:
    """Records the act of a draft, with why its grade is another than the one computed."""
    proposal = joint.proposal_of(one, request.reach, on, key)
    rs = words.ruleset_of(one.centre)
    each = round_prefill.proposed_each(rs, one.centre.book_id, one.act, [one.centre])
    proposed = each.get(one.centre_id)
    if proposed is not None and proposed.deviates(proposal.data) and not one.why:
        raise QueueError(
            "等级与计分所得等级不一致，而文稿未写改定理由；请撤回后重新送会同",
            "the grade is not the one computed and no reason was given: take it back",
        )
    return round_prefill.record(proposal, proposed, request.reach, one.why)


# --- the list -----------------------------------------------------------------------------------


@dataclass
class Row:
    """One draft in the list: in words, and whether the person has something to do about it."""

    one: JointDraft
    act: str
    centre: str
    facts: str
    lacking: list[str]
    may: bool = False


@require_http_methods(["GET", "HEAD", "POST"])
def drafts(request: HttpRequest) -> HttpResponse:
    """The drafts that the person is asked about, or sent; several are answered or recorded at
    once."""
    which = request.GET.get("which", "asked" if _is_asked(request) else "sent")
    if which not in WHICH:
        raise Http404
    done: list[tuple[Row, Outcome]] = []
    if request.method == "POST":
        done = _several(request, which)
    page = Paginator(joint.drafts(request.reach, which), PAGE).get_page(request.GET.get("page"))
    names = {"asked": _("请我单位会同"), "sent": _("我单位送出"), "ended": _("已办结")}
    context = {
        "here": "home",
        "which": "joint",
        "kind": which,
        "kinds": names.items(),
        "title": _("会同"),
        "lists": workbench.titles().items(),
        "page": page,
        "rows": [_row(request, one, which) for one in page],
        "done": done,
        "taken": sum(not outcome.said for _row_, outcome in done),
        "key": secrets.token_urlsafe(24),
    }
    return render(request, "desk/joint_list.html", context)


def _is_asked(request: HttpRequest) -> bool:
    return any(
        one.capacity.party in joint.bodies(one.capacity.programme) for one in request.reach.held
    )


def _row(request: HttpRequest, one: JointDraft, which: str) -> Row:
    rs = words.ruleset_of(one.centre)
    model = rs.models[one.act]
    told = [f"{f.name}：{f.value}" for f in facts(rs, model, one)]
    row = Row(
        one, say(model.name), say(words.called(one.centre)), "；".join(told)[:200],
        [say(rs.programme.parties[party].name) for party in one.lacking],
    )  # fmt: skip
    if which == "asked":
        row.may = bool(set(joint.answerable(request.reach, one)) & set(one.lacking))
    elif which == "sent":
        row.may = one.agreed and joint.may_record(request.reach, one)
    return row


def _several(request: HttpRequest, which: str) -> list[tuple[Row, Outcome]]:
    """Agrees to, or records, the drafts ticked: each on its own, whatever the others come to."""
    numbers = {n for n in request.POST.getlist("draft")[:PAGE] if n.isascii() and n.isdecimal()}
    found = joint.drafts(request.reach, which).filter(pk__in=[n for n in numbers if len(n) < 15])
    key = request.POST.get("key", "")[:100]
    done = []
    for one in found.order_by("id"):
        outcome = attempt(partial(_one, request, one, which, f"{key}:{one.pk}"))
        done.append((_row(request, one, which), outcome))
    return done


def _one(request: HttpRequest, one: JointDraft, which: str, mine: str) -> Receipt | None:
    if which == "sent":
        return record(request, one, clock.today(), mine)
    receipt = None
    for party in joint.answerable(request.reach, one):
        if party in one.lacking:
            receipt = joint.concur(request.reach, one, party, True, "", f"{mine}:{party}")
    return receipt


urls: Sequence[Any] = [
    path("joint/", drafts, name="joint_drafts"),
    path("joint/<int:number>/", draft, name="joint_draft"),
]
