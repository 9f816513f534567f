"""Pages of dossiers: writing, checking, submitting, correcting, comparing, printing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from csp.decorators import csp_replace
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db.models import Q
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from banfa.office import clock
from banfa.office.desk import actform, centre_tabs, citations, fields, permitted, setting, standing
from banfa.office.desk.dossier_words import FILE_STATES, STATES, STEPS
from banfa.office.desk.errors import forbidden_because, on_file
from banfa.office.desk.language import in_english, say
from banfa.office.dossiers import (
    archives,
    content,
    files,
    outline,
    printing,
    queries,
    uploads,
    verbs,
)
from banfa.office.dossiers.errors import BadFile, Conflict, DossierError
from banfa.office.dossiers.models import Dossier, InternalReview, State, Version
from banfa.office.dossiers.queries import Seen
from banfa.office.ledger import library, store
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.errors import LedgerError, MayNot, NotOnFile
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import ProgrammeBook
from banfa.office.people import access
from banfa.office.people.models import Membership, Organisation
from banfa.rules.judge import Finding
from banfa.rules.life import State as Life
from banfa.rules.words import Text

View = Callable[..., HttpResponse]


# --- the form ------------------------------------------------------------------------------------


@dataclass
class Item:
    """One field of a dossier's form with what stands beside it."""

    one: fields.Field
    locked: bool
    flagged: bool
    shown: outline.Line
    source: str = ""
    files: list[Any] = field(default_factory=list)
    length: int | None = None


@dataclass
class Section:
    """A section of a document in the form."""

    id: str
    name: str
    help: str
    items: list[Item]


@dataclass
class Part:
    """The act's own inputs, or one document."""

    id: str
    name: str
    need: Any
    sections: list[Section]
    findings: list[Any] = field(default_factory=list)

    @property
    def filled(self) -> int:
        """How many of its fields have something in them."""
        return sum(not i.shown.empty for s in self.sections for i in s.items)

    @property
    def total(self) -> int:
        """How many fields it has."""
        return sum(len(s.items) for s in self.sections)


@dataclass
class Desk:
    """A dossier laid open: its form, its setting and what was found."""

    seen: Seen
    where: setting.Setting
    form: actform.ActForm
    parts: list[Part]
    model: Any

    @property
    def dossier(self) -> Dossier:
        """The dossier."""
        return self.seen.dossier


def where_of(dossier: Dossier) -> setting.Setting:
    """The state and the world in which the dossier's act would be taken today."""
    today, page = clock.today(), verbs.page_of(dossier)
    if page is not None:
        acts = [e.act for e in page.timeline if e.annulled_by is None]
        return setting.Setting(
            dossier.programme, page.ruleset, page.state, page.world, today, acts, (), None, page
        )
    rs = library.editions(dossier.programme).on(dossier.on or today)
    book = ProgrammeBook.objects.filter(programme=dossier.programme).first()
    world = store.world_of(book or ProgrammeBook(programme=dossier.programme), DatabaseFacts())
    return setting.Setting(dossier.programme, rs, Life(), world, today, world.acts, (), None)


def laid_open(request: HttpRequest, seen: Seen, typed: dict[str, Any] | None = None) -> Desk:
    """The dossier's form with its content, or with what was typed and could not be saved."""
    dossier = seen.dossier
    where = where_of(dossier)
    choices = setting.choices(where, dossier.act, request.reach.centres())
    kept = dossier.content if typed is None else {**dossier.content, **typed}
    form = actform.build(where.rs, dossier.act, choices, request.POST, {}, dossier.party, kept)
    form.exception = []
    form.cases = permitted.case_options(where.rs, where.state, dossier.act)
    form.typed["about"] = dossier.about
    setting.basis_of_inputs(where, form)
    desk = Desk(seen, where, form, [], where.rs.models[dossier.act])
    desk.parts = _parts(desk, kept)
    return desk


def _parts(desk: Desk, kept: dict[str, Any]) -> list[Part]:
    dossier, rs = desk.dossier, desk.where.rs
    open_ = queries.editable(desk.seen, rs)
    flagged = desk.seen.returned.parts if desk.seen.returned else []
    shown = {
        line.path: line
        for part in outline.outline(rs, dossier.act, kept, desk.form.choices.organisations, say)
        for section in part.sections
        for line in section.lines
    }
    attached: dict[str, list[Any]] = {}
    for one in dossier.attachments.select_related("blob").order_by("pk"):
        attached.setdefault(one.path, []).append(one)

    def item(one: fields.Field) -> Item:
        source = dossier.sources.get(one.name)
        return Item(
            one,
            one.name not in open_,
            content.within(one.name, flagged),
            shown[one.name],
            say(Text(*source)) if source else "",
            attached.get(one.name, []),
            one.given.length_hint,
        )

    parts = []
    if desk.form.inputs:
        inputs = [item(one) for one in desk.form.inputs]
        parts.append(Part("matters", _("办理事项"), None, [Section("with", "", "", inputs)]))
    for document in desk.form.documents:
        sections = [
            Section(
                "s-" + s.id.replace(".", "-"),
                s.name if s.heading else "",
                s.help if s.heading else "",
                [item(one) for one in s.fields],
            )
            for s in document.sections
        ]
        if document.reference is not None and document.file is not None:
            bare = [item(document.reference), item(document.file)]
            sections.append(Section("", "", "", bare))
        parts.append(Part(document.anchor, document.name, document.need, sections,
                          document.findings))  # fmt: skip
    return parts


def typed_in(request: HttpRequest, rs: Any, kind: str) -> dict[str, Any]:
    """What the form sent, by path; files have their own way."""
    return {
        name: fields.read(name, given, request.POST, request.FILES)
        for name, given in content.fields(rs, kind).items()
        if given.type != "file"
    }


def _day(raw: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(raw.strip())
    except ValueError:
        return None


def _whole(raw: str) -> int:
    return int(raw) if raw.isdecimal() and len(raw) < 10 else -1


# --- what is sent again after signing in ---------------------------------------------------------


def keeps_typed(view: View) -> View:
    """A page whose posted form is not lost with the session: it can be sent again from the answer.

    `signed_out` makes that answer; the gate and the page for a stale token ask for it.
    """
    view.signed_out = send_again  # type: ignore[attr-defined]
    return view


def send_again(request: HttpRequest) -> HttpResponse:
    """What was posted, in a page from which it is sent again once one has signed in."""
    try:
        kept = [(n, v) for n, held in request.POST.lists() for v in held]
    except (RequestDataTooBig, TooManyFieldsSent):
        kept = []
    hidden = [(n, v) for n, v in kept if n != "csrfmiddlewaretoken"]
    context = {
        "kept": hidden,
        "files": bool(request.FILES),
        "to": request.get_full_path(),
        "signed": request.user.is_authenticated,
    }
    return render(request, "desk/send_again.html", context, status=403)


# --- lists ---------------------------------------------------------------------------------------


def _rows(rows: Iterable[queries.Row]) -> list[dict[str, Any]]:
    return [
        {
            "row": row,
            "state": STATES[State(row.dossier.state)],
            "documents": [say(d) for d in row.documents],
            "latest": next((v for v in reversed(row.versions) if v.withdrawn is None), None),
        }
        for row in rows
    ]


@require_safe
def dossiers(request: HttpRequest) -> HttpResponse:
    """The dossiers that the person writes or checks."""
    inside = queries.written_by(request.reach) | queries.checked_by(request.user, clock.today())
    rows = queries.listed(request.user, request.reach, inside)
    mine = access.administered(request.user, clock.today()).select_related("organisation")
    context = {
        "here": "dossiers",
        "rows": _rows(rows),
        "administered": [m.organisation for m in mine],
        "today": clock.today(),
    }
    return render(request, "desk/dossiers.html", context)


def _centre(request: HttpRequest, id_: str, thing: str = queries.SEE) -> ledger.CentrePage:
    """A centre whose material the person may see. Raises NotOnFile."""
    page = ledger.centre(id_)
    if not request.reach.sees(page.centre) or not request.reach.sees(page.centre, thing):
        raise NotOnFile(f"没有编号为“{id_}”的中心", f"no centre '{id_}'")
    return page


@require_safe
@on_file
def materials(request: HttpRequest, centre: str) -> HttpResponse:
    """A centre's material: dossiers with their versions, and what acts brought without one."""
    page = _centre(request, centre)
    rows = queries.listed(request.user, request.reach, Q(centre=page.centre))
    filed = queries.filed(page)
    context = {
        "here": "home",
        "page": page,
        "programme": page.programme,
        "tabs": centre_tabs.tabs(page.centre, "materials"),
        "rows": _rows(rows),
        "filed": filed,
        "today": clock.today(),
        "offered": _offered(request, page),
    }
    return render(request, "desk/materials.html", context)


def _offered(request: HttpRequest, page: ledger.CentrePage) -> list[tuple[str, str]]:
    """The acts with documents for which the person could write a dossier today: link, words."""
    found: dict[str, tuple[str, str]] = {}
    centre = page.centre
    for one in request.reach.fitting(page.programme.programme, "", centre):
        party = one.capacity.party
        org = {"org": one.org}
        for could in permitted.acts_of(
            page.ruleset, page.state, party, page.on, page.world, centre.id, org
        ):
            documents = page.ruleset.models[could.kind].documents
            if not documents or could.standing == "blocked" or could.kind in found:
                continue
            if request.reach.may(could.kind, party, page.programme.programme, centre, one.org):
                at = reverse("centre_dossier", args=[centre.id, could.kind])
                found[could.kind] = (f"{at}?party={party}", could.name)
    return list(found.values())


# --- beginning one -------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def centre_dossier(request: HttpRequest, centre: str, kind: str) -> HttpResponse:
    """Begins a dossier for an act on a centre, or leads to the one under way."""
    where, chosen = setting.of_centre(request, centre, clock.today())
    return _begin(request, where, chosen, kind)


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def programme_dossier(request: HttpRequest, programme: str, kind: str) -> HttpResponse:
    """Begins a dossier for an act that begins a centre, or for a programme-level act."""
    where, chosen = setting.of_programme(request, programme, clock.today())
    return _begin(request, where, chosen, kind)


def _begin(
    request: HttpRequest, where: setting.Setting, chosen: standing.Standing, kind: str
) -> HttpResponse:
    permission = where.permission(kind)
    if permission is None or kind in queries.GENERIC:
        raise Http404
    centre = where.page.centre if where.page is not None else None
    fits = [
        one
        for one in request.reach.fitting(where.programme, chosen.party, centre, kind)
        if one in chosen.held
    ]
    if not fits:
        return forbidden_because(request, _("您没有可在此办理此事的身份，不能为其编写材料。"))
    org = request.POST.get("org") or (fits[0].org if len({f.org for f in fits}) == 1 else "")
    if request.method == "POST":
        if org not in {one.org for one in fits}:
            raise Http404
        made = verbs.start(request.user, where.programme, kind, chosen.party, where.centre, org)
        return HttpResponseRedirect(reverse("dossier", args=[made.pk]))
    same = Q(programme=where.programme, act=kind, party=chosen.party, centre=centre)
    under_way = queries.listed(
        request.user, request.reach, same & ~Q(state=State.SUBMITTED) & Q(organisation__in={
            one.org for one in fits
        })
    )  # fmt: skip
    schemas = where.rs.programme.documents
    context = {
        "here": "home" if where.centre else "programmes",
        "where": where,
        "programme": where.rs.programme,
        "party": chosen.token,
        "act": permitted.possibility(where.rs, permission),
        "documents": [
            (say(schemas[n].name), need, [say(s.name) for s in schemas[n].sections.values()],
             citations.links(where.rs.programme, [need.cite] if need.cite else [], need.default))
            for n, need in where.rs.models[kind].documents.items()
        ],
        "under_way": _rows(under_way),
        "organisations": {f.org: standing.say_organisation(f.capacity.organisation) for f in fits},
        "org": org,
    }  # fmt: skip
    return render(request, "desk/dossier_new.html", context)


# --- one dossier ---------------------------------------------------------------------------------


def _find(request: HttpRequest, id_: int) -> Seen:
    return queries.find(request.user, request.reach, id_)


@keeps_typed
@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def dossier(request: HttpRequest, id: int) -> HttpResponse:
    """A dossier: its form for those who write it, its content and history for the rest."""
    seen = _find(request, id)
    if request.method != "POST":
        verbs.mark_opened(request.user, request.reach, seen)
        return _show(request, seen)
    do = request.POST.get("do") or ("add" if request.POST.get("add") else "save")
    handler = _DOES.get(do)
    if handler is None:
        raise Http404
    try:
        return handler(request, seen)
    except Conflict as error:
        return _kept(request, id, say(error.text), conflict=True)
    except (LedgerError, MayNot) as error:
        return _kept(request, id, say(error.text))


def _show(request: HttpRequest, seen: Seen, **more: Any) -> HttpResponse:
    if seen.writes:
        return _editor(request, laid_open(request, seen), **more)
    return _reader(request, seen, **more)


def _kept(request: HttpRequest, id_: int, said: str, conflict: bool = False) -> HttpResponse:
    """The page again with what was typed, and why it was not done."""
    seen = _find(request, id_)
    if not seen.writes or "complete" not in request.POST:
        return _show(request, seen, said=said, status=409)
    rs = where_of(seen.dossier).rs
    desk = laid_open(request, seen, typed_in(request, rs, seen.dossier.act))
    return _editor(request, desk, said=said, conflict=conflict, status=409)


def _save(request: HttpRequest, seen: Seen) -> Dossier:
    """Saves the posted form and the files that came with it."""
    if "complete" not in request.POST:
        raise DossierError(
            "表单未完整送达，未作保存；请返回上一页重试", "the form did not arrive whole: try again"
        )
    rs = where_of(seen.dossier).rs
    saved = verbs.save(
        request.user,
        seen.dossier.pk,
        typed_in(request, rs, seen.dossier.act),
        _whole(request.POST.get("version", "")),
        _day(request.POST.get("on", "")),
        request.POST.get("about", ""),
    )
    for name, upload in request.FILES.items():
        at = "" if name == "file" else name
        saved = verbs.attach(request.user, saved.pk, upload, at).dossier
    return saved


def _back(id_: int, anchor: str = "") -> HttpResponse:
    return HttpResponseRedirect(reverse("dossier", args=[id_]) + anchor)


def _do_save(request: HttpRequest, seen: Seen) -> HttpResponse:
    saved = _save(request, seen)
    return _back(saved.pk, "?saved=1")


def _do_add(request: HttpRequest, seen: Seen) -> HttpResponse:
    """One more line in a table, for a browser without scripts."""
    saved = _save(request, seen)
    again = _find(request, saved.pk)
    desk, name = laid_open(request, again), request.POST["add"]
    for part in desk.parts:
        for section in part.sections:
            for item in section.items:
                if item.one.name == name and item.one.given.columns:
                    rows = [*(item.one.value or []), {}]
                    item.one = fields.make(name, item.one.given, rows, desk.form.choices, ())
    return _editor(request, desk)


def _do_check(request: HttpRequest, seen: Seen) -> HttpResponse:
    saved = _save(request, seen)
    made = verbs.check(request.user, saved.pk)
    return _checked(request, saved.pk, made, _("校验结果"))


def _do_submit(request: HttpRequest, seen: Seen) -> HttpResponse:
    if seen.writes:
        saved = _save(request, seen)
        version = saved.version
    else:
        version = _whole(request.POST.get("version", ""))
    done = verbs.submit(request.user, seen.dossier.pk, version)
    if done.version is not None:
        return _back(seen.dossier.pk, "?submitted=1")
    assert done.check is not None
    return _checked(request, seen.dossier.pk, done.check, _("未予提交"), status=422)


def _checked(
    request: HttpRequest, id_: int, made: verbs.Check, title: str, status: int = 200
) -> HttpResponse:
    """The form with every fault and links to their places."""
    seen = _find(request, id_)
    desk = laid_open(request, seen)
    faults = _faults(desk, made)
    more: dict[str, Any] = {"check": made, "faults": faults, "check_title": title}
    if seen.writes:
        return _editor(request, desk, status=status, **more)
    return _reader(request, seen, status=status, **more)


def _faults(desk: Desk, made: verbs.Check) -> list[tuple[Finding, str]]:
    """Every fault with the place in the form that it is about; '' for the act as a whole."""
    labels = {one.name: one.label for one in desk.form.fields}
    found = [
        Finding("readable", "", "not", None, None, "must",
                field=where.removeprefix("with."),
                says=Text(f"{labels[where]}：", f"{labels[where]}: ") + text
                if where in labels else text)
        for where, text in made.mistakes
    ] + made.findings  # fmt: skip
    places = actform.place(desk.form, found)
    for part, document in zip(
        (q for q in desk.parts if q.need is not None), desk.form.documents, strict=True
    ):
        part.findings = document.findings
    return [(f, places.get(n, "")) for n, f in enumerate(found)]


def _do_bring(request: HttpRequest, seen: Seen) -> HttpResponse:
    saved = _save(request, seen)
    _dossier, filled = verbs.bring_in(request.user, saved.pk)
    return _back(saved.pk, f"?brought={filled}")


def _do_send(request: HttpRequest, seen: Seen) -> HttpResponse:
    saved = _save(request, seen)
    verbs.send(request.user, saved.pk, saved.version)
    return _back(saved.pk)


def _do_take_back(request: HttpRequest, seen: Seen) -> HttpResponse:
    verbs.take_back(request.user, seen.dossier.pk)
    return _back(seen.dossier.pk)


def _do_review(request: HttpRequest, seen: Seen) -> HttpResponse:
    verbs.review(
        request.user,
        seen.dossier.pk,
        _whole(request.POST.get("version", "")),
        request.POST.get("verdict") == "approve",
        request.POST.get("note", ""),
    )
    return _back(seen.dossier.pk)


def _do_withdraw(request: HttpRequest, seen: Seen) -> HttpResponse:
    done = verbs.withdraw(request.user, seen.dossier.pk, request.POST.get("reason", ""))
    if done.check is not None:
        faults = [(f, "") for f in done.check.findings]
        again = _find(request, seen.dossier.pk)
        return _reader(request, again, faults=faults, check=done.check,
                       check_title=_("未能撤回"), status=422)  # fmt: skip
    return _back(seen.dossier.pk)


def _do_discard(request: HttpRequest, seen: Seen) -> HttpResponse:
    verbs.discard(request.user, seen.dossier.pk)
    return HttpResponseRedirect(reverse("dossiers"))


def _do_detach(request: HttpRequest, seen: Seen) -> HttpResponse:
    verbs.detach(request.user, seen.dossier.pk, _whole(request.POST.get("attachment", "")))
    return _back(seen.dossier.pk)


_DOES: dict[str, Callable[[HttpRequest, Seen], HttpResponse]] = {
    "save": _do_save,
    "add": _do_add,
    "check": _do_check,
    "submit": _do_submit,
    "bring": _do_bring,
    "send": _do_send,
    "take_back": _do_take_back,
    "review": _do_review,
    "withdraw": _do_withdraw,
    "discard": _do_discard,
    "detach": _do_detach,
}


def _head(request: HttpRequest, seen: Seen, where_title: str, rs: Any) -> dict[str, Any]:
    """What both pages of a dossier show at the top."""
    dossier = seen.dossier
    name, party, _documents = queries.named(rs, dossier)
    return {
        "here": "dossiers",
        "seen": seen,
        "dossier": dossier,
        "programme": rs.programme,
        "title": say(name),
        "party_name": say(party),
        "organisation": standing.say_organisation(dossier.organisation),
        "state": STATES[State(dossier.state)],
        "about_what": where_title,
        "today": clock.today(),
        "steps": [(STEPS[s.what], s) for s in dossier.steps.order_by("-at", "-pk")[:30]],
        "shown_types": uploads.SHOWN,
        "saved": request.GET.get("saved") == "1",
        "submitted": request.GET.get("submitted") == "1",
        "brought": _whole(request.GET.get("brought", "")),
    }


def _editor(
    request: HttpRequest,
    desk: Desk,
    said: str = "",
    conflict: bool = False,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    dossier = desk.dossier
    on = request.POST.get("on") if said else None
    loose = [a for a in dossier.attachments.select_related("blob").order_by("pk") if not a.path]
    context = _head(request, desk.seen, desk.where.title, desk.where.rs) | {
        "desk": desk,
        "form": desk.form,
        "where": desk.where,
        "said": said,
        "conflict": conflict,
        "on": on if on is not None else (dossier.on.isoformat() if dossier.on else ""),
        "loose": loose,
        "flagged_names": _flagged_names(desk.seen, desk.where.rs),
        "accept": ",".join(f".{e}" for e in uploads.ENDINGS),
        **more,
    }
    return render(request, "desk/dossier.html", context, status=status)


def _flagged_names(seen: Seen, rs: Any) -> list[str]:
    """The flagged parts in words."""
    if seen.returned is None:
        return []
    named = {}
    for at, name, inside in queries.parts_of(rs, seen.dossier.act):
        named[at] = say(name)
        named |= {q: f"{say(name)} · {say(text).strip()}" for q, text in inside}
    return [named.get(q, q) for q in seen.returned.parts]


def _reader(
    request: HttpRequest, seen: Seen, said: str = "", status: int = 200, **more: Any
) -> HttpResponse:
    dossier, latest = seen.dossier, seen.latest
    page = verbs.page_of(dossier)
    rs = page.ruleset if page is not None else library.editions(dossier.programme).latest
    inside = seen.inside and dossier.state != State.SUBMITTED
    kept = dossier.content if inside or latest is None else latest.content
    barred = verbs.withdrawal_barred(seen) if dossier.state == State.SUBMITTED else None
    may_return = (
        verbs.may_return(request.user, request.reach, seen) is not None
        if dossier.state == State.SUBMITTED and not seen.inside
        else False
    )
    attached = _attached(dossier) if inside or latest is None else latest.attachments
    context = _head(
        request, seen, say(page.name) if page is not None else say(rs.programme.name), rs
    ) | {
        "parts": outline.outline(rs, dossier.act, kept, queries.organisations(), say),
        "files": _files(dossier, attached),
        "said": said,
        "barred": say(barred) if barred is not None else "",
        "may_withdraw": seen.held is not None and dossier.state == State.SUBMITTED,
        "may_return": may_return,
        "may_review": seen.checks and dossier.state == State.REVIEW,
        "may_take_back": seen.held is not None and dossier.state in (State.REVIEW, State.APPROVED),
        "may_submit": seen.held is not None and dossier.state == State.APPROVED,
        "number": 0 if inside else (latest.number if latest else 0),
        "flagged_names": _flagged_names(seen, rs),
        **more,
    }
    return render(request, "desk/dossier_view.html", context, status=status)


def _attached(dossier: Dossier) -> list[dict[str, Any]]:
    """The files of a draft as a version would keep them."""
    return [
        {"name": a.name, "path": a.path, "digest": a.blob_id, "size": a.blob.size,
         "type": a.blob.media_type}
        for a in dossier.attachments.select_related("blob").order_by("pk")
    ]  # fmt: skip


def _files(dossier: Dossier, attached: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Attachments with their addresses."""
    return [
        {
            **one,
            "url": reverse("dossier_file", args=[dossier.pk, one["digest"].partition(":")[2]]),
            "shown": one["type"] in uploads.SHOWN,
        }
        for one in attached
    ]


# --- saving while typing, files ------------------------------------------------------------------


@require_POST
@on_file
def save(request: HttpRequest, id: int) -> HttpResponse:
    """Saves the form while somebody types. Answers with the time and the new version, as JSON."""
    seen = _find(request, id)
    try:
        saved = _save(request, seen)
    except Conflict as error:
        answer = {"said": say(error.text), "conflict": True, "version": error.dossier.version}
        return JsonResponse(answer, status=409)
    except (LedgerError, MayNot) as error:
        return JsonResponse({"said": say(error.text)}, status=error.status)
    at = f"{clock.now():%H:%M}"
    return JsonResponse({"said": _("已保存 %s") % at, "version": saved.version})


@keeps_typed
@require_POST
@on_file
def attach(request: HttpRequest, id: int) -> HttpResponse:
    """Takes files, tied to the field `path` or to none. JSON for scripts, the page for others."""
    seen = _find(request, id)
    made, faults = [], []
    for upload in request.FILES.getlist("file")[:50]:
        try:
            made.append(verbs.attach(request.user, seen.dossier.pk, upload,
                                     request.POST.get("path", "")[:300]))  # fmt: skip
        except (BadFile, DossierError, MayNot) as error:
            faults.append(say(error.text))
    if not made and not faults:
        faults = [_("没有收到文件，请重新选择")]
    if request.headers.get("Accept") != "application/json":
        if faults:
            return _show(request, _find(request, id), said="；".join(faults), status=422)
        return _back(id, "#attachments")
    version = made[-1].dossier.version if made else seen.dossier.version
    listed = [
        {
            "id": a.pk,
            "name": a.name,
            "path": a.path,
            "type": a.blob.media_type,
            "shown": a.blob.media_type in uploads.SHOWN,
            "url": reverse("dossier_file", args=[id, a.blob_id.partition(":")[2]]),
            "kept": {"name": a.name, "size": a.blob.size, "digest": a.blob_id},
        }
        for a in made
    ]
    answer = {"files": listed, "faults": faults, "version": version}
    return JsonResponse(answer, status=422 if faults and not made else 200)


_FRAMED = {
    "default-src": ["'none'"],
    "img-src": ["'self'"],
    "style-src": ["'unsafe-inline'"],
    "object-src": ["'self'"],
    "frame-ancestors": ["'self'"],
}


@require_safe
@on_file
@csp_replace(_FRAMED)
@xframe_options_sameorigin
def file(request: HttpRequest, id: int, number: str) -> HttpResponse:
    """An attached file, for those who may see the dossier or the version that has it."""
    seen = _find(request, id)
    found = next((a for a in _reachable(seen) if a["digest"] == f"sha256:{number}"), None)
    if found is None:
        raise NotOnFile("没有这个附件，或您无权查看", "no such attachment")
    try:
        stored = files.content(found["digest"])
    except FileNotFoundError:
        raise NotOnFile("附件未能从存储中读出，请联系系统管理员", "the file is lost") from None
    shown = found["type"] in uploads.SHOWN and request.GET.get("save") != "1"
    answer = FileResponse(stored, content_type=found["type"])
    answer["Content-Length"] = str(found["size"])
    return _named(answer, found["name"], inline=shown)


def _reachable(seen: Seen) -> list[dict[str, Any]]:
    """The files that the person may have: of the draft inside, of the versions that stand."""
    found = _attached(seen.dossier) if seen.inside else []
    for version in seen.versions:
        if seen.inside or version.withdrawn is None:
            found += version.attachments
    return found


def _named(answer: Any, name: str, inline: bool = False) -> HttpResponse:
    how = "inline" if inline else "attachment"
    answer["Content-Disposition"] = f"{how}; filename*=UTF-8''{quote(name, safe='')}"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


# --- versions, prints, comparison ----------------------------------------------------------------


def _version(seen: Seen, number: int) -> Version | None:
    """A version the person may see; None for the draft (number 0). Raises NotOnFile."""
    if number == 0 and seen.inside:
        return None
    found = next((v for v in seen.versions if v.number == number), None)
    if found is None or (found.withdrawn is not None and not seen.inside):
        raise NotOnFile("没有这一版材料", "no such version")
    return found


def _sheet(
    request: HttpRequest, seen: Seen, version: Version | None, words: outline.Say
) -> printing.Sheet:
    """What is printed of a version, or of the draft."""
    dossier = seen.dossier
    page = verbs.page_of(dossier)
    if version is None:
        rs = page.ruleset if page is not None else library.editions(dossier.programme).latest
        kept, attached, valid = dossier.content, _attached(dossier), False
    else:
        rs = queries.ruleset_of_version(version)
        kept, attached, valid = version.content, version.attachments, queries.valid(version)
    name, party, _documents = queries.named(rs, dossier)
    facts = [
        (_("单位"), f"{words(party)} · {dossier.organisation.name_zh}"),
        (_("依据"), words(rs.programme.name)),
    ]
    if page is not None:
        facts.insert(0, (_("中心"), words(page.name)))
    watermark = _("草稿")
    if version is not None:
        at = version.submitted.astimezone(clock.SHANGHAI)
        facts.append((_("版本"), _("第%(n)d版，%(day)s 提交") % {
            "n": version.number, "day": f"{at:%Y-%m-%d}"}))  # fmt: skip
        watermark = _("已失效")
    at = reverse("dossier_version", args=[dossier.pk, version.number if version else 0])
    return printing.Sheet(
        words(name),
        words(page.name) if page is not None else words(rs.programme.name),
        facts,
        outline.outline(rs, dossier.act, kept, queries.organisations(), words),
        [(a["name"], a["digest"]) for a in attached],
        version.digest if version is not None and valid else "",
        request.build_absolute_uri(at),
        watermark,
    )


@require_safe
@on_file
def version_page(request: HttpRequest, id: int, number: int) -> HttpResponse:
    """One version as it was submitted, with what stands about it."""
    seen = _find(request, id)
    version = _version(seen, number)
    if version is None:
        return _back(id)
    verbs.mark_opened(request.user, request.reach, seen)
    rs = queries.ruleset_of_version(version)
    page = verbs.page_of(seen.dossier)
    context = _head(
        request, seen, say(page.name) if page is not None else say(rs.programme.name), rs
    ) | {
        "version": version,
        "valid": queries.valid(version),
        "parts": queries.shown(version, say),
        "files": _files(seen.dossier, version.attachments),
        "others": [v for v in seen.versions if v.number != version.number],
        "number": version.number,
    }
    return render(request, "desk/dossier_version.html", context)


@require_safe
@on_file
def print_page(request: HttpRequest, id: int, number: int) -> HttpResponse:
    """A version (or the draft, 0) as it goes on paper."""
    seen = _find(request, id)
    version = _version(seen, number)
    verbs.mark_opened(request.user, request.reach, seen)
    sheet = _sheet(request, seen, version, say)
    context = {
        "sheet": sheet,
        "qr": printing.qr_svg(sheet.url) if sheet.valid else "",
        "dossier": seen.dossier,
        "number": number,
        "here": "dossiers",
    }
    return render(request, "desk/dossier_print.html", context)


@require_safe
@on_file
def word_file(request: HttpRequest, id: int, number: int) -> HttpResponse:
    """The same as a Word file, in Chinese as the outline is."""
    from django.utils import translation

    seen = _find(request, id)
    version = _version(seen, number)
    verbs.mark_opened(request.user, request.reach, seen)
    with translation.override("zh-hans"):
        sheet = _sheet(request, seen, version, outline.in_chinese)
        held = printing.docx(sheet)
    suffix = f"第{number}版" if number else "草稿"
    answer = HttpResponse(held, content_type=printing.DOCX)
    return _named(answer, uploads.safe_name(f"{sheet.title}_{suffix}.docx"))


@require_safe
@on_file
def zip_file(request: HttpRequest, id: int, number: int) -> HttpResponse:
    """All attachments of a version (or the draft, 0) as one ZIP."""
    seen = _find(request, id)
    version = _version(seen, number)
    verbs.mark_opened(request.user, request.reach, seen)
    dossier = seen.dossier
    attached = version.attachments if version is not None else _attached(dossier)
    rs = queries.ruleset_of_version(version) if version is not None else where_of(dossier).rs
    parts = {
        line.path: part.name
        for part in outline.outline(rs, dossier.act, {}, {})
        for s in part.sections
        for line in s.lines
    }
    try:
        packed = archives.archive(attached, parts)
    except FileNotFoundError:
        raise NotOnFile("附件未能从存储中读出，请联系系统管理员", "a file is lost") from None
    name, _party, _documents = queries.named(rs, dossier)
    suffix = f"第{number}版" if number else "草稿"
    answer = FileResponse(packed, content_type="application/zip")
    return _named(answer, uploads.safe_name(f"{name.zh}_{suffix}_附件.zip"))


@require_safe
@on_file
def compare(request: HttpRequest, id: int) -> HttpResponse:
    """What differs between two versions (0: the draft), field by field, tables row by row."""
    seen = _find(request, id)
    numbers = [v.number for v in seen.versions if seen.inside or v.withdrawn is None]
    if seen.inside and seen.dossier.state != State.SUBMITTED:
        numbers.append(0)
    if not numbers:
        raise NotOnFile("还没有可比较的版本", "no versions to compare")
    after = _whole(request.GET.get("b", ""))
    before = _whole(request.GET.get("a", ""))
    after = after if after in numbers else numbers[-1]
    before = before if before in numbers else numbers[max(numbers.index(after) - 1, 0)]
    pair = [_content_of(seen, n) for n in (before, after)]
    rs = pair[1][0]
    known = queries.organisations()
    old, new = (outline.outline(rs, seen.dossier.act, kept, known, say) for _rs, kept in pair)
    page = verbs.page_of(seen.dossier)
    context = _head(
        request, seen, say(page.name) if page is not None else say(rs.programme.name), rs
    ) | {
        "numbers": [(n, _("草稿") if n == 0 else _("第%d版") % n) for n in numbers],
        "a": before,
        "b": after,
        "changes": outline.changes(old, new),
        "file_changes": _file_changes(seen, before, after),
    }
    return render(request, "desk/dossier_compare.html", context)


def _content_of(seen: Seen, number: int) -> tuple[Any, dict[str, Any]]:
    version = _version(seen, number)
    if version is None:
        return where_of(seen.dossier).rs, seen.dossier.content
    return queries.ruleset_of_version(version), version.content


def _file_changes(seen: Seen, before: int, after: int) -> list[tuple[str, str]]:
    """Attachments that came or went: what, name."""

    def held(number: int) -> dict[tuple[str, str], str]:
        version = _version(seen, number)
        attached = version.attachments if version is not None else _attached(seen.dossier)
        return {(a["path"], a["digest"]): a["name"] for a in attached}

    old, new = held(before), held(after)
    gone = [(FILE_STATES["removed"], name) for key, name in old.items() if key not in new]
    return gone + [(FILE_STATES["added"], name) for key, name in new.items() if key not in old]


# --- returning for correction --------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def return_page(request: HttpRequest, id: int) -> HttpResponse:
    """Sends a submitted dossier back: the reason, the last day, the parts that open again."""
    seen = _find(request, id)
    verbs.mark_opened(request.user, request.reach, seen)
    said, status = "", 200
    if verbs.may_return(request.user, request.reach, seen) is None:
        return forbidden_because(
            request, _("材料由下一环节的单位退回修改；您现有的身份不在该环节。")
        )
    chosen = request.POST.getlist("parts")
    if request.method == "POST":
        try:
            verbs.return_for_correction(
                request.user,
                id,
                request.POST.get("reason", ""),
                _day(request.POST.get("due", "")),
                chosen,
            )
            return _back(id)
        except LedgerError as error:
            said, status = say(error.text), 422
    page = verbs.page_of(seen.dossier)
    assert page is not None and seen.latest is not None
    rs = queries.ruleset_of_version(seen.latest)
    due = clock.today() + dt.timedelta(days=15)
    context = _head(request, seen, say(page.name), rs) | {
        "options": queries.parts_of(rs, seen.dossier.act),
        "chosen": chosen,
        "reason": request.POST.get("reason", ""),
        "due": request.POST.get("due") or due.isoformat(),
        "said": said,
    }
    return render(request, "desk/dossier_return.html", context, status=status)


@require_POST
@on_file
def adopt(request: HttpRequest, centre: str, seq: int) -> HttpResponse:
    """Leads to the dossier of an act with documents that was recorded without one."""
    made = verbs.adopt(request.user, centre, seq)
    return _back(made.pk)


@require_safe
@on_file
def basis(request: HttpRequest, centre: str, seq: int) -> HttpResponse:
    """What an act was based on: the documents on file when it was recorded."""
    page = _centre(request, centre)
    entry = next((e for e in page.timeline if e.act.seq == seq), None)
    if entry is None:
        raise NotOnFile("没有这一序号的行为", "no such act")
    context = {
        "here": "home",
        "page": page,
        "programme": page.programme,
        "tabs": centre_tabs.tabs(page.centre, "materials"),
        "entry": entry,
        "grounds": queries.basis(page, seq),
    }
    return render(request, "desk/basis.html", context)


@require_safe
@on_file
def document(request: HttpRequest, centre: str, seq: int, number: str) -> HttpResponse:
    """One document as an act pinned it."""
    page = _centre(request, centre)
    kind, held, filed = queries.pinned(page, seq, f"sha256:{number}")
    rs = page.editions.by_name.get(filed.row.edition) or page.editions.latest
    schema = rs.programme.documents[kind]
    given = content.document_fields(schema, kind)
    typed = content.typed(given, {}, {kind: held or {}})
    sheet = outline.one_document(schema, kind, typed, queries.organisations(), say)
    context = {
        "here": "home",
        "page": page,
        "programme": page.programme,
        "tabs": centre_tabs.tabs(page.centre, "materials"),
        "filed": filed,
        "parts": [sheet],
        "erased": held is None,
        "digest": f"sha256:{number}",
    }
    return render(request, "desk/document.html", context)


# --- the organisation's own setting --------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def review_setting(request: HttpRequest, organisation: str) -> HttpResponse:
    """Whether an organisation's dossiers are checked inside it, and by whom."""
    today = clock.today()
    mine = access.administered(request.user, today).filter(organisation=organisation)
    if not mine.exists():
        raise NotOnFile("没有这个单位", "no such organisation")
    said, status = "", 200
    if request.method == "POST":
        chosen = [_whole(raw) for raw in request.POST.getlist("reviewers")]
        try:
            verbs.set_review(request.user, organisation, "asked" in request.POST, chosen)
            return HttpResponseRedirect(f"{request.path}?saved=1")
        except LedgerError as error:
            said, status = say(error.text), 422
    kept = InternalReview.objects.filter(organisation=organisation).first()
    members = Membership.objects.filter(organisation=organisation).select_related("user")
    context = {
        "here": "dossiers",
        "organisation": Organisation.objects.get(pk=organisation),
        "asked": kept is not None and kept.asked,
        "reviewers": set(kept.reviewers.values_list("pk", flat=True)) if kept else set(),
        "members": [m for m in members.order_by("user__name") if m.holds(today)],
        "said": said,
        "saved": request.GET.get("saved") == "1",
        "english": in_english(),
    }
    return render(request, "desk/review_setting.html", context, status=status)


_ONE = "dossiers/<int:id>/"
urls = [
    path("dossiers/", dossiers, name="dossiers"),
    path(_ONE, dossier, name="dossier"),
    path(f"{_ONE}save/", save, name="dossier_save"),
    path(f"{_ONE}files/", attach, name="dossier_attach"),
    path(f"{_ONE}files/<str:number>/", file, name="dossier_file"),
    path(f"{_ONE}return/", return_page, name="dossier_return"),
    path(f"{_ONE}compare/", compare, name="dossier_compare"),
    path(f"{_ONE}versions/<int:number>/", version_page, name="dossier_version"),
    path(f"{_ONE}versions/<int:number>/print/", print_page, name="dossier_print"),
    path(f"{_ONE}versions/<int:number>/file.docx", word_file, name="dossier_word"),
    path(f"{_ONE}versions/<int:number>/files.zip", zip_file, name="dossier_zip"),
    path("centres/<str:centre>/materials/", materials, name="materials"),
    path("centres/<str:centre>/acts/<slug:kind>/dossier/", centre_dossier, name="centre_dossier"),
    path("centres/<str:centre>/record/<int:seq>/basis/", basis, name="basis"),
    path("centres/<str:centre>/record/<int:seq>/dossier/", adopt, name="adopt_dossier"),
    path(
        "centres/<str:centre>/record/<int:seq>/documents/<str:number>/", document, name="document"
    ),
    path(
        "programmes/<slug:programme>/acts/<slug:kind>/dossier/",
        programme_dossier,
        name="programme_dossier",
    ),
    path("people/organisations/<str:organisation>/review/", review_setting, name="review_setting"),
]
