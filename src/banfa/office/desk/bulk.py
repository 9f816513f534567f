"""One act on many centres: chosen, judged for each before anything happens, recorded one by one.

Every centre's act is its own: its own judgement, its own receipt, its own idempotency key. What one
is refused for does not touch the others.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import actform, citations, permitted, setting, standing
from banfa.office.desk.errors import forbidden_because, wrong_request
from banfa.office.desk.fields import Option
from banfa.office.desk.language import say
from banfa.office.desk.round_prefill import Proposed, proposed_each
from banfa.office.ledger import library, queries, store, verbs
from banfa.office.ledger.errors import LedgerError
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import Centre
from banfa.office.lists import queries as kept
from banfa.office.lists import verbs as keeping
from banfa.office.lists.errors import ListError
from banfa.office.queues import joint
from banfa.office.queues.errors import QueueError
from banfa.rules.judge import Finding
from banfa.rules.life import State
from banfa.rules.proposals import BadProposal
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text

MOST = 100


@dataclass
class Line:
    """One centre in the preview: whether the act would be recorded, and what stands against it;
    `proposed` is what a run gave it where the act decides its grade, `joint`: only other bodies'
    concurrence is wanting."""

    centre: Centre
    row: queries.CentreRow
    proposed: Proposed | None = None
    accepted: bool = False
    joint: bool = False
    findings: list[Finding] = field(default_factory=list)
    said: str = ""


@dataclass
class Choice:
    """What was chosen: the centres, all under one edition, and as what the person acts."""

    centres: list[Centre]
    rs: Ruleset
    programme: str
    chosen: standing.Standing
    kind: str
    proposed: dict[str, Proposed] = field(default_factory=dict)
    as_computed: bool = False

    def data(self, centre: Centre, filled: actform.Filled) -> dict[str, Any]:
        """What the act says of one centre: the same for all, but for grades as computed.

        Raises Unfit when no run gave the centre a grade, or it gave another than is filled in.
        """
        of = self.proposed.get(centre.id)
        if self.as_computed:
            if of is None:
                raise Unfit(
                    "没有采用的计分结果，不能按计分确定；请逐家办理",
                    "no adopted run gave it a grade: decide it on its own page",
                )
            return {**filled.data, of.field: of.computed.grade}
        if of is not None and of.deviates(filled.data):
            raise Unfit(
                "所填等级与计分所得等级不一致，须逐家办理并写明改定理由",
                "the grade is not the one computed: decide it on its own page and say why",
            )
        return filled.data


class Unfit(LedgerError):
    """What one centre's computed grade does not allow in bulk."""


def suits(rs: Ruleset, kind: str) -> bool:
    """Whether an act can be taken in bulk: one of the programme's own on an existing centre, the
    same input for all, without documents."""
    model = rs.models[kind]
    own = kind in rs.programme.acts and model.level == "centre" and not model.probe
    return own and not model.documents and not permitted.opens_a_life(model)


@require_http_methods(["GET", "HEAD", "POST"])
def bulk(request: HttpRequest) -> HttpResponse:
    """Choosing the act, filling it in, the preview, and recording."""
    asked = request.POST if request.method == "POST" else request.GET
    centres = _centres(request, asked.getlist("centre"))
    if not centres:
        return wrong_request(request, _("尚未选择中心。请返回列表勾选后再试。"))
    if len(centres) > MOST:
        return wrong_request(request, _("一次至多办理%s家中心，请分批办理。") % MOST)
    groups = {(c.book_id, c.edition) for c in centres}
    if len(groups) > 1:
        return wrong_request(
            request, _("所选中心依据不同的办法或版本，不能一并办理。请按办法筛选后分别选择。")
        )
    chosen = _choice(request, centres, asked.get("kind", ""))
    if not chosen.chosen.held:
        return _render(request, chosen)
    if chosen.kind and (chosen.kind not in chosen.rs.models or not suits(chosen.rs, chosen.kind)):
        raise Http404
    if chosen.kind and not _may(request, chosen):
        return forbidden_because(request, _("您没有可在这些中心办理此事的身份。"))
    if not chosen.kind:
        return _render(request, chosen)
    return _form(request, chosen)


def _centres(request: HttpRequest, ids: Sequence[str]) -> list[Centre]:
    """The chosen centres that the person may see, in the order of their names."""
    wanted = [i for i in dict.fromkeys(ids[: MOST * 2]) if "\0" not in i]
    found = Centre.objects.filter(request.reach.centres(), id__in=wanted)
    return list(found.select_related("book").order_by("sort_key", "id"))


def _choice(request: HttpRequest, centres: list[Centre], kind: str) -> Choice:
    first = centres[0]
    editions = store.editions_of(first.book_id)
    rs = editions.by_name.get(first.edition) or editions.latest
    chosen = standing.read(request, first.book_id)
    if not chosen.token:
        options = _parties(request, rs)
        if len(options) == 1:
            party = options[0].value.partition("@")[0]
            held = list(request.reach.fitting(first.book_id, party))
            chosen = standing.Standing(options[0].value, party, held)
    return Choice(centres, rs, first.book_id, chosen, kind)


def _parties(request: HttpRequest, rs: Ruleset) -> list[Option]:
    acting = {party for kind in rs.models if suits(rs, kind) for party in rs.models[kind].by}
    return standing.options(request, rs.programme, acting)


def _kinds(request: HttpRequest, choice: Choice) -> list[Option]:
    """The acts to choose from: those to which the person has the right for one of the centres."""
    rs, party = choice.rs, choice.chosen.party
    found = []
    for kind, model in rs.models.items():
        if party in model.by and suits(rs, kind):
            orgs = choice.chosen.orgs
            may = (
                request.reach.may(kind, party, choice.programme, c, org)
                for c in choice.centres
                for org in orgs
            )
            if any(may):
                found.append(Option(kind, say(model.name)))
    return sorted(found, key=lambda o: o.text)


def _may(request: HttpRequest, choice: Choice) -> bool:
    return any(o.value == choice.kind for o in _kinds(request, choice))


# --- the form and its preview ---------------------------------------------------------------------


def _form(request: HttpRequest, choice: Choice) -> HttpResponse:
    """The act's form; when filled in, the preview; when confirmed, the receipt."""
    world = store.world_of(choice.centres[0].book, DatabaseFacts())
    where = setting.Setting(
        choice.programme, choice.rs, State(), world, clock.today(), world.acts, [], None
    )
    choices = setting.choices(where, choice.kind, request.reach.centres())
    posted = request.method == "POST"
    given = request.POST if posted else request.GET
    form = actform.build(choice.rs, choice.kind, choices, given, request.FILES, choice.chosen.party)
    form.exception = []
    setting.basis_of_inputs(where, form)
    choice.proposed = proposed_each(choice.rs, choice.programme, choice.kind, choice.centres)
    choice.as_computed = bool(choice.proposed) and (not posted or "as_computed" in given)
    if not posted:
        return _render(request, choice, form)
    filled = actform.fill(form)
    if form.mistakes or filled.on is None:
        return _render(request, choice, form, status=422)
    digest = _digest(choice, filled)
    if request.POST.get("confirm") and request.POST.get("seen") == digest:
        return _record(request, choice, filled)
    if request.POST.get("circulate") and request.POST.get("seen") == digest:
        return _circulate(request, choice, filled)
    try:
        lines = [_preview(request, choice, filled, c) for c in choice.centres]
    except BadProposal as bad:
        form.mistakes += [(m.where, say(m.text)) for m in bad.mistakes]
        return _render(request, choice, form, status=422)
    return _render(request, choice, form, lines=lines, seen=digest)


def _digest(choice: Choice, filled: actform.Filled) -> str:
    """What the preview showed: when it is another on confirming, it is shown again first."""
    told = [choice.kind, choice.chosen.token, str(filled.on), filled.data, choice.as_computed]
    told += [one.computed.grade for one in choice.proposed.values()]
    told += [c.id for c in choice.centres]
    text = json.dumps(told, default=str, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _proposal(
    request: HttpRequest, choice: Choice, filled: actform.Filled, centre: Centre, key: str = ""
) -> verbs.Proposal:
    state = State(roles=centre.roles)
    version = request.POST.get(f"version-{centre.id}", "")
    assert filled.on is not None
    return verbs.Proposal(
        act=choice.kind,
        by=choice.chosen.party,
        on=filled.on,
        programme=choice.programme,
        centre=centre.id,
        org=choice.chosen.organisation(choice.rs.programme, state),
        data=choice.data(centre, filled),
        user=request.user,
        reach=request.reach,
        version=int(version) if key and version.isdigit() else None,
        key=f"{key}:{centre.id}" if key else None,
    )


def _preview(request: HttpRequest, choice: Choice, filled: actform.Filled, centre: Centre) -> Line:
    """How the act would be judged for one centre. Raises BadProposal when it cannot be read."""
    line = Line(centre, queries.row_of(centre, clock.today()), choice.proposed.get(centre.id))
    try:
        receipt = verbs.judge(_proposal(request, choice, filled, centre))
    except LedgerError as error:
        line.said = say(error.text)
        return line
    line.accepted, line.findings = receipt.accepted, receipt.refusals + receipt.warnings
    line.joint = bool(joint.wanting(receipt))
    return line


def _circulate(request: HttpRequest, choice: Choice, filled: actform.Filled) -> HttpResponse:
    """Sends the drafts of the centres ticked to the bodies that must concur, all or none."""
    ticked = set(request.POST.getlist("send"))
    chosen = [c for c in choice.centres if c.id in ticked]
    if not chosen:
        return wrong_request(request, _("没有勾选要送请会同的中心，未作任何记录。"))
    try:
        with transaction.atomic():
            for centre in chosen:
                joint.send(_proposal(request, choice, filled, centre))
    except (LedgerError, QueueError) as error:
        return wrong_request(request, say(error.text) + _("。没有送出任何文稿，请返回重新判断。"))
    return HttpResponseRedirect(reverse("joint_drafts") + "?which=sent")


# --- recording and the receipt --------------------------------------------------------------------


def _record(request: HttpRequest, choice: Choice, filled: actform.Filled) -> HttpResponse:
    """Records for each centre ticked in the preview; the same form again gives the same receipt."""
    key = request.POST.get("key", "")[:60]
    ticked = set(request.POST.getlist("take"))
    if not key or not ticked:
        return wrong_request(request, _("没有勾选要办理的中心，未作任何记录。"))
    rows = [_recorded(request, choice, filled, c, key) for c in choice.centres if c.id in ticked]
    model = choice.rs.models[choice.kind]
    named = (choice.kind, model.name.zh, model.name.en)
    assert filled.on is not None
    run = keeping.keep_run(
        request.user,
        key,
        choice.programme,
        named,
        filled.on,
        rows,
    )
    return HttpResponseRedirect(reverse("bulk_receipt", args=[run.pk]))


def _recorded(
    request: HttpRequest, choice: Choice, filled: actform.Filled, centre: Centre, key: str
) -> dict[str, Any]:
    """Records one, and what came of it as plain data."""
    name = queries.row_of(centre, clock.today()).name
    row: dict[str, Any] = {
        "centre": centre.id, "name": [name.zh, name.en], "accepted": False, "seq": None, "said": []
    }  # fmt: skip
    try:
        receipt = verbs.record(_proposal(request, choice, filled, centre, key))
    except LedgerError as error:
        row["said"] = [[error.text.zh, error.text.en, None, None]]
        return row
    except BadProposal as bad:
        row["said"] = [[m.text.zh, m.text.en, None, None] for m in bad.mistakes]
        return row
    row["accepted"], row["seq"] = receipt.accepted, receipt.seq
    told = receipt.refusals + receipt.warnings
    row["said"] = [[f.says.zh, f.says.en, f.cite, f.default] for f in told if f.says is not None]
    return row


@require_safe
def receipt(request: HttpRequest, number: int) -> HttpResponse:
    """What came of an act taken in bulk, for whoever took it."""
    try:
        run = kept.run(request.user, number)
    except ListError as error:
        raise Http404(say(error.text)) from error
    programme = library.editions(run.programme).on(run.on).programme
    rows = [
        {
            "centre": row["centre"],
            "name": say(Text(*row["name"])),
            "accepted": row["accepted"],
            "seq": row["seq"],
            "said": [
                (say(Text(zh, en)), citations.link(programme, cite, default))
                for zh, en, cite, default in row["said"]
            ],
        }
        for row in run.rows
    ]
    context = {
        "here": "centres",
        "run": run,
        "act": say(Text(run.act_zh, run.act_en)),
        "programme": programme,
        "rows": rows,
        "done": sum(r["accepted"] for r in rows),
    }
    return render(request, "desk/bulk_receipt.html", context)


def _render(
    request: HttpRequest,
    choice: Choice,
    form: actform.ActForm | None = None,
    lines: Sequence[Line] = (),
    seen: str = "",
    status: int = 200,
) -> HttpResponse:
    model = choice.rs.models.get(choice.kind)
    today = clock.today()
    context = {
        "here": "centres",
        "centres": [(c, queries.row_of(c, today)) for c in choice.centres],
        "programme": choice.rs.programme,
        "parties": _parties(request, choice.rs),
        "party": choice.chosen.token,
        "kinds": _kinds(request, choice) if choice.chosen.held else [],
        "kind": choice.kind,
        "act": say(model.name) if model is not None else "",
        "cites": citations.links(choice.rs.programme, model.cite, model.default) if model else [],
        "form": form,
        "proposed": choice.proposed,
        "as_computed": choice.as_computed,
        "sample": next((p.sample for p in choice.proposed.values()), ""),
        "mistakes": _mistakes(form) if form is not None else [],
        "lines": lines,
        "accepted": sum(line.accepted for line in lines),
        "joint": sum(line.joint for line in lines),
        "seen": seen,
        "today": today,
        "on": (form.typed["on"] if form is not None else "") or today.isoformat(),
        "key": request.POST.get("key") or secrets.token_urlsafe(24),
    }
    return render(request, "desk/bulk.html", context, status=status)


def _mistakes(form: actform.ActForm) -> list[tuple[str, str]]:
    """What could not be read: the field's label, and what is wrong."""
    labels = {one.name: one.label for one in form.fields} | {"on": _("办理日期")}
    return [(labels.get(where, ""), said) for where, said in form.mistakes]
