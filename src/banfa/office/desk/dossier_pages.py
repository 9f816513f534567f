"""Pages of dossiers as they are written: lists, the form, saving, checking, submitting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Q
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from banfa.office import clock
from banfa.office.desk import (
    actform,
    centre_tabs,
    citations,
    dossier_versions,
    fields,
    permitted,
    setting,
    standing,
)
from banfa.office.desk.dossier_form import (
    Desk,
    back,
    centre_of,
    day,
    draft_files,
    find,
    flagged_names,
    head,
    laid_open,
    listed_files,
    typed_in,
    where_of,
    whole,
    with_proof,
)
from banfa.office.desk.dossier_words import STATES
from banfa.office.desk.errors import forbidden_because, on_file
from banfa.office.desk.language import in_english, say
from banfa.office.dossiers import (
    outline,
    queries,
    uploads,
    verbs,
)
from banfa.office.dossiers.errors import BadFile, Conflict, DossierError
from banfa.office.dossiers.models import Dossier, InternalReview, State
from banfa.office.dossiers.queries import Seen
from banfa.office.ledger import library
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.errors import LedgerError, MayNot, NotOnFile
from banfa.office.people import access
from banfa.office.people.models import Membership, Organisation
from banfa.rules.judge import Finding
from banfa.rules.words import Text


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


@require_safe
@on_file
def materials(request: HttpRequest, centre: str) -> HttpResponse:
    """A centre's material: dossiers with their versions, and what acts brought without one."""
    page = centre_of(request, centre)
    rows = queries.listed(request.user, request.reach, Q(centre=page.centre))
    filed = queries.filed(page)
    context = {
        "here": "centres",
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
        "here": "centres" if where.centre else "programmes",
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


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def dossier(request: HttpRequest, id: int) -> HttpResponse:
    """A dossier: its form for those who write it, its content and history for the rest."""
    seen = find(request, id)
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
    seen = find(request, id_)
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
        whole(request.POST.get("version", "")),
        day(request.POST.get("on", "")),
        request.POST.get("about", ""),
    )
    for name, upload in request.FILES.items():
        at = "" if name == "file" else name
        saved = verbs.attach(request.user, saved.pk, upload, at).dossier
    return saved


def _do_save(request: HttpRequest, seen: Seen) -> HttpResponse:
    saved = _save(request, seen)
    return back(saved.pk, "?saved=1")


def _do_add(request: HttpRequest, seen: Seen) -> HttpResponse:
    """One more line in a table, for a browser without scripts."""
    saved = _save(request, seen)
    again = find(request, saved.pk)
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
        version = whole(request.POST.get("version", ""))
    done = verbs.submit(request.user, seen.dossier.pk, version)
    if done.version is not None:
        return back(seen.dossier.pk, "?submitted=1")
    assert done.check is not None
    return _checked(request, seen.dossier.pk, done.check, _("未予提交"), status=422)


def _checked(
    request: HttpRequest, id_: int, made: verbs.Check, title: str, status: int = 200
) -> HttpResponse:
    """The form with every fault and links to their places."""
    seen = find(request, id_)
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
    return back(saved.pk, f"?brought={filled}")


def _do_send(request: HttpRequest, seen: Seen) -> HttpResponse:
    saved = _save(request, seen)
    verbs.send(request.user, saved.pk, saved.version)
    return back(saved.pk)


def _do_take_back(request: HttpRequest, seen: Seen) -> HttpResponse:
    verbs.take_back(request.user, seen.dossier.pk)
    return back(seen.dossier.pk)


def _do_review(request: HttpRequest, seen: Seen) -> HttpResponse:
    verbs.review(
        request.user,
        seen.dossier.pk,
        whole(request.POST.get("version", "")),
        request.POST.get("verdict") == "approve",
        request.POST.get("note", ""),
    )
    return back(seen.dossier.pk)


def _do_withdraw(request: HttpRequest, seen: Seen) -> HttpResponse:
    done = verbs.withdraw(request.user, seen.dossier.pk, request.POST.get("reason", ""))
    if done.check is not None:
        faults = [(f, "") for f in done.check.findings]
        again = find(request, seen.dossier.pk)
        return _reader(request, again, faults=faults, check=done.check,
                       check_title=_("未能撤回"), status=422)  # fmt: skip
    return back(seen.dossier.pk)


def _do_recall(request: HttpRequest, seen: Seen) -> HttpResponse:
    verbs.recall_return(request.user, seen.dossier.pk)
    return back(seen.dossier.pk)


def _do_discard(request: HttpRequest, seen: Seen) -> HttpResponse:
    verbs.discard(request.user, seen.dossier.pk)
    return HttpResponseRedirect(reverse("dossiers"))


def _do_detach(request: HttpRequest, seen: Seen) -> HttpResponse:
    verbs.detach(request.user, seen.dossier.pk, whole(request.POST.get("attachment", "")))
    return back(seen.dossier.pk)


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
    "recall": _do_recall,
    "discard": _do_discard,
    "detach": _do_detach,
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
    context = head(request, desk.seen, desk.where.title, desk.where.rs) | {
        "desk": desk,
        "form": desk.form,
        "where": desk.where,
        "said": said,
        "conflict": conflict,
        "on": on if on is not None else (dossier.on.isoformat() if dossier.on else ""),
        "loose": loose,
        "flagged_names": flagged_names(desk.seen, desk.where.rs),
        "accept": ",".join(f".{e}" for e in uploads.ENDINGS),
        **more,
    }
    return render(request, "desk/dossier.html", context, status=status)


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
    attached = draft_files(dossier) if inside or latest is None else latest.attachments
    listed = listed_files(dossier, attached)
    parts = outline.outline(rs, dossier.act, kept, queries.organisations(), say)
    context = head(
        request, seen, say(page.name) if page is not None else say(rs.programme.name), rs
    ) | {
        "parts": with_proof(parts, listed),
        "files": listed,
        "said": said,
        "barred": say(barred) if barred is not None else "",
        "may_withdraw": seen.held is not None and dossier.state == State.SUBMITTED,
        "may_return": may_return,
        "may_recall": seen.returned is not None and seen.returned.by_id == request.user.pk,
        "recall_barred": say(verbs.recall_barred(request.user, seen)),
        "may_review": seen.checks and dossier.state == State.REVIEW,
        "may_take_back": seen.held is not None and dossier.state in (State.REVIEW, State.APPROVED),
        "may_submit": seen.held is not None and dossier.state == State.APPROVED,
        "number": 0 if inside else (latest.number if latest else 0),
        "flagged_names": flagged_names(seen, rs),
        **more,
    }
    return render(request, "desk/dossier_view.html", context, status=status)


@require_POST
@on_file
def save(request: HttpRequest, id: int) -> HttpResponse:
    """Saves the form while somebody types. Answers with the time and the new version, as JSON."""
    seen = find(request, id)
    try:
        saved = _save(request, seen)
    except Conflict as error:
        answer = {"said": say(error.text), "conflict": True, "version": error.dossier.version}
        return JsonResponse(answer, status=409)
    except (LedgerError, MayNot) as error:
        return JsonResponse({"said": say(error.text)}, status=error.status)
    at = f"{clock.now():%H:%M}"
    return JsonResponse({"said": _("已保存 %s") % at, "version": saved.version})


@require_POST
@on_file
def attach(request: HttpRequest, id: int) -> HttpResponse:
    """Takes files, tied to the field `path` or to none. JSON for scripts, the page for others."""
    seen = find(request, id)
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
            return _show(request, find(request, id), said="；".join(faults), status=422)
        return back(id, "#attachments")
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
        chosen = [whole(raw) for raw in request.POST.getlist("reviewers")]
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
    path("centres/<str:centre>/materials/", materials, name="materials"),
    path("centres/<str:centre>/acts/<slug:kind>/dossier/", centre_dossier, name="centre_dossier"),
    path(
        "programmes/<slug:programme>/acts/<slug:kind>/dossier/",
        programme_dossier,
        name="programme_dossier",
    ),
    path("people/organisations/<str:organisation>/review/", review_setting, name="review_setting"),
    *dossier_versions.urls,
]
