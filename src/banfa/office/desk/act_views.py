"""Taking an act: its form, the refused form with everything kept, and the way to the receipt."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from banfa.office import clock
from banfa.office.desk import (
    actform,
    citations,
    figure_prefill,
    moment,
    permitted,
    review_prefill,
    round_prefill,
    setting,
)
from banfa.office.desk.errors import forbidden_because, on_file
from banfa.office.desk.language import say
from banfa.office.desk.standing import Standing
from banfa.office.dossiers import queries as dossiers
from banfa.office.ledger import verbs
from banfa.office.ledger.errors import LedgerError, Stale
from banfa.office.people import audit
from banfa.office.queues import joint
from banfa.office.queues.errors import QueueError, Unsigned
from banfa.office.queues.models import JointDraft
from banfa.rules.judge import Finding
from banfa.rules.life import Act, standing
from banfa.rules.proposals import BadProposal, check
from banfa.rules.words import Text


@dataclass
class Answer:
    """What came of a form: findings with their places in it, or what could not be read."""

    accepted: bool = False
    receipt: Any = None
    findings: list[Finding] = field(default_factory=list)
    places: dict[int, str] = field(default_factory=dict)
    said: str = ""
    draft: str = ""
    circulates: bool = False
    sent: JointDraft | None = None
    again: bool = False
    unsigned: bool = False

    @property
    def summary(self) -> list[tuple[Finding, str]]:
        """Each finding with the id of the control it is about ('' for the act as a whole)."""
        return [(f, self.places.get(n, "")) for n, f in enumerate(self.findings)]


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def centre_act(request: HttpRequest, centre: str, kind: str) -> HttpResponse:
    """An act on a centre."""
    asked = moment.read(request.GET, clock.today())
    where, chosen = setting.of_centre(request, centre, asked.on, kind)
    return _act(request, where, chosen, kind, asked)


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def programme_act(request: HttpRequest, programme: str, kind: str) -> HttpResponse:
    """A programme-level act, or one that begins a centre."""
    asked = moment.read(request.GET, clock.today())
    where, chosen = setting.of_programme(request, programme, asked.on, kind=kind)
    return _act(request, where, chosen, kind, asked)


def _act(
    request: HttpRequest,
    where: setting.Setting,
    chosen: Standing,
    kind: str,
    asked: moment.Moment,
) -> HttpResponse:
    party = chosen.party
    permission = where.permission(kind)
    if permission is None:
        raise Http404
    if not _narrow(request, where, chosen, kind):
        return _may_not(request, where, party, kind)
    choices = setting.choices(where, kind, request.reach.centres())
    posted = request.method == "POST"
    asked_for = request.POST if posted else request.GET
    proposed = round_prefill.proposed(where, kind, asked_for.get("about", ""))
    given = request.POST if posted else _given(request, where, kind, proposed)
    form = actform.build(where.rs, kind, choices, given, request.FILES, party)
    form.cases = permitted.case_options(where.rs, where.state, kind)
    form.organisations = permitted.organisation_options(where.rs, where.state, chosen, choices)
    setting.basis_of_inputs(where, form)
    answer = None
    if posted and "add" in request.POST:
        _add_row(form, request.POST["add"])
    elif posted:
        answer = _take(request, where, form, chosen, proposed)
        if answer.sent is not None:
            return HttpResponseRedirect(joint.link(answer.sent))
        if answer.accepted and not where.rs.models[kind].probe:
            return HttpResponseRedirect(_receipt_page(where, answer.receipt, chosen.token))
    return _render(request, where, chosen, form, permission, answer, asked, proposed)


def _given(
    request: HttpRequest,
    where: setting.Setting,
    kind: str,
    proposed: round_prefill.Proposed | None,
) -> QueryDict:
    """What fills a form that is opened: the query, with what a review, figures, a run bring."""
    asked = review_prefill.given(request, where, kind)
    asked = figure_prefill.given(request, where, kind, asked)
    return round_prefill.filled(_numbered(where, kind, asked), proposed)


def _numbered(where: setting.Setting, kind: str, asked: QueryDict) -> QueryDict:
    """The query with what the act is keyed by, where that is known: as its only open case is keyed,
    or the number after the last one."""
    model = where.rs.models[kind]
    about, key = model.about, model.key
    if about is not None and about.key is not None:
        open_ = where.state.open_cases.get(about.case, [])
        case = asked.get("about") or (open_[0] if len(open_) == 1 else "")
        held = where.state.cases.get(case)
        key, number = about.key, held.key if held is not None else None
    else:
        number = _next(where, kind, str(key or ""))
    if number is None or not str(key).startswith("with.") or str(key) in asked:
        return asked
    filled = asked.copy()
    filled[str(key)] = str(number)
    return filled


def _next(where: setting.Setting, kind: str, key: str) -> int | None:
    """The number after the last act of the kind, for acts on a centre that are numbered."""
    name = key.removeprefix("with.")
    given = where.rs.models[kind].with_.get(name)
    if where.centre is None or given is None or given.type != "integer":
        return None
    used = [a.data.get(name) for a in standing(where.acts) if a.kind == kind]
    return max((n for n in used if isinstance(n, int)), default=0) + 1


def _narrow(request: HttpRequest, where: setting.Setting, chosen: Standing, kind: str) -> bool:
    """Keeps the capacities that give the right to this act; whether one is left."""
    centre = where.page.centre if where.page is not None else None
    fits = list(request.reach.fitting(where.programme, chosen.party, centre, kind))
    chosen.held = [one for one in fits if one in chosen.held]
    return bool(chosen.held)


def _may_not(request: HttpRequest, where: setting.Setting, party: str, kind: str) -> HttpResponse:
    """403 with the reason, and a line in the audit log."""
    act, role = where.rs.models[kind].name, where.rs.programme.parties[party].name
    audit.note("denied", request.user, f"act:{kind} {where.centre or where.programme}",
               after={"as": party}, result="refused")  # fmt: skip
    said = _("“%(act)s”须以“%(party)s”身份办理，而您没有可在此办理此事的这一身份。") % {
        "act": say(act),
        "party": say(role),
    }
    return forbidden_because(request, said)


def _add_row(form: actform.ActForm, name: str) -> None:
    """One more line in a table of inputs, for a browser without scripts."""
    from banfa.office.desk import fields

    for number, one in enumerate(form.inputs):
        if one.name == name and one.given.columns:
            rows = [*(one.value or []), {}]
            form.inputs[number] = fields.make(name, one.given, rows, form.choices, ())


def _take(
    request: HttpRequest,
    where: setting.Setting,
    form: actform.ActForm,
    chosen: Standing,
    proposed: round_prefill.Proposed | None,
) -> Answer:
    """Proposes what was filled in, or sends it to the bodies that must concur in it first. Nothing
    is recorded unless it is accepted."""
    filled = actform.fill(form)
    if form.mistakes or filled.on is None:
        return _unreadable(form)
    org = form.typed["org"]
    proposal = verbs.Proposal(
        act=form.kind,
        by=chosen.party,
        on=filled.on,
        programme=where.programme,
        centre=where.centre,
        org=org or chosen.organisation(where.rs.programme, where.state),
        data=filled.data,
        documents=filled.documents,
        about=filled.about,
        exception=filled.exception,
        user=request.user,
        reach=request.reach,
        seen=_seen(where),
        version=_version(request),
        key=request.POST.get("key", "")[:200] or None,
    )
    reason = request.POST.get("deviation", "").strip()
    if proposed is not None and proposed.deviates(filled.data) and not reason:
        return Answer(said=proposed.lacks)
    try:
        if "circulate" in request.POST:
            return Answer(sent=joint.send(proposal, request.POST.get("joint_note", ""), reason))
        probe = form.model.probe
        if probe:
            receipt = verbs.judge(proposal)
        else:
            receipt = round_prefill.record(proposal, proposed, request.reach, reason)
    except BadProposal as bad:
        form.mistakes += [(m.where, say(m.text)) for m in bad.mistakes]
        return _unreadable(form)
    except Stale:
        said = _(
            "本中心在您填写期间已有新的记录，本次未作登记。请核对新记录后再次提交；所填内容均已保留。"
        )
        return Answer(said=said, again=True)
    except Unsigned as error:
        return Answer(said=say(error.text) + _("。所填内容均已保留。"), unsigned=True)
    except (LedgerError, QueueError) as error:
        return Answer(said=say(error.text))
    return _judged(where, form, receipt, proposal)


def _seen(where: setting.Setting) -> verbs.Seen | None:
    """The centre's acts as this request has read them."""
    page = where.page
    if page is None:
        return None
    return verbs.Seen(page.centre.pk, page.rows, page.centre.book.erasures)


def _version(request: HttpRequest) -> int | None:
    raw = request.POST.get("version", "")
    return int(raw) if raw.isdecimal() and len(raw) < 10 else None


def _unreadable(form: actform.ActForm) -> Answer:
    """Mistakes of writing, as findings beside their fields, each named by its field."""
    labels = {one.name: one.label for one in form.fields} | {"on": _("办理日期")}
    found = []
    for where, said in form.mistakes:
        text = f"{labels[where]}：{said}" if where in labels else said
        field_ = where.removeprefix("with.")
        says = Text(text, text)
        found.append(Finding("readable", "", "not", None, None, "must", field=field_, says=says))
    answer = Answer(findings=found, said=_("有填写不符合要求之处，尚未提交判断。"))
    answer.places = actform.place(form, found)
    return answer


def _circulating(
    where: setting.Setting, form: actform.ActForm, answer: Answer | None
) -> JointDraft | None:
    """A draft of this act that is with other bodies, when the form is opened: one query then."""
    if answer is not None or where.centre is None or form.model.jointly is None:
        return None
    return joint.under_way(where.centre, form.kind)


def _returned(where: setting.Setting, form: actform.ActForm, answer: Answer | None) -> Any:
    """What was sent back for correction in the case that the act belongs to and is not in yet, when
    the form is opened: one query for acts in a case."""
    if answer is not None or where.page is None or form.model.about is None:
        return None
    open_ = where.state.open_cases.get(form.model.about.case, [])
    log = [seq for case in open_ for seq in where.state.cases[case].log]
    return dossiers.open_return(where.page.centre, log) if log else None


def _judged(
    where: setting.Setting, form: actform.ActForm, receipt: Any, proposal: verbs.Proposal
) -> Answer:
    findings = receipt.refusals + receipt.warnings
    answer = Answer(receipt.accepted, receipt, findings)
    answer.places = actform.place(form, findings)
    actform.offer_exception(form, receipt.refusals)
    if any(f.code == "NOT_JOINT" for f in receipt.refusals):
        answer.draft = _draft(where, proposal)
        answer.circulates = bool(joint.wanting(receipt)) and where.centre is not None
    return answer


def _draft(where: setting.Setting, proposal: verbs.Proposal) -> str:
    """The digest on which the bodies to be consulted record their concurrence."""
    act = Act(
        proposal.act,
        proposal.on,
        proposal.by,
        {},
        dict(proposal.data),
        {k: dict(v) for k, v in proposal.documents.items()},
        proposal.about,
        centre=where.centre,
    )
    return check(where.rs, act).draft


def _receipt_page(where: setting.Setting, receipt: Any, token: str) -> str:
    if receipt.centre is not None:
        page = reverse("centre", args=[receipt.centre])
    else:
        page = citations.page_of(where.rs.programme)
    return f"{page}?party={token}&receipt={receipt.seq}#receipt"


def _render(
    request: HttpRequest,
    where: setting.Setting,
    chosen: Standing,
    form: actform.ActForm,
    permission: Any,
    answer: Answer | None,
    asked: moment.Moment,
    proposed: round_prefill.Proposed | None,
) -> HttpResponse:
    party = chosen.party
    acting = chosen.organisation(where.rs.programme, where.state) or {}
    context = {
        "programme": where.rs.programme,
        "where": where,
        "moment": asked,
        "form": form,
        "act": permitted.possibility(where.rs, permission),
        "answer": answer,
        "proposed": proposed,
        "returned": _returned(where, form, answer),
        "beside": figure_prefill.beside(where, form.kind),
        "circulating": _circulating(where, form, answer),
        "joint_note": request.POST.get("joint_note", ""),
        "deviation": request.POST.get("deviation", ""),
        "party": chosen.token,
        "mine": {one.capacity.party for one in request.reach.fitting(where.programme)},
        "on_behalf_of": chosen.on_behalf_of,
        "party_name": where.rs.programme.parties[party].name,
        "acting": acting.get("name", ""),
        "today": clock.today(),
        "on": form.typed["on"] or where.on.isoformat(),
        "key": request.POST.get("key") or secrets.token_urlsafe(24),
        "version": where.version,
        "here": "centres" if where.centre else "programmes",
    }
    fragment = getattr(request, "htmx", False) and request.method == "GET"
    template = "desk/parts/act_form.html" if fragment else "desk/act.html"
    refused = answer is not None and not answer.accepted
    return render(request, template, context, status=422 if refused else 200)
