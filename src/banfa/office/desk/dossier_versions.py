"""Pages of what was submitted: versions, files, prints, differences, returns, what acts rest on."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import quote

from csp.decorators import csp_replace
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
)
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from banfa.office import clock
from banfa.office.desk import centre_tabs
from banfa.office.desk.dossier_form import (
    back,
    centre_of,
    day,
    draft_files,
    find,
    head,
    listed_files,
    where_of,
    whole,
    with_proof,
)
from banfa.office.desk.dossier_words import FILE_STATES
from banfa.office.desk.errors import forbidden_because, on_file
from banfa.office.desk.language import say
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
from banfa.office.dossiers.models import State, Version
from banfa.office.dossiers.queries import Seen
from banfa.office.ledger import library
from banfa.office.ledger.errors import LedgerError, NotOnFile

FRAMED = {
    "default-src": ["'none'"],
    "img-src": ["'self'"],
    "style-src": ["'unsafe-inline'"],
    "object-src": ["'self'"],
    "frame-ancestors": ["'self'"],
}


@require_safe
@on_file
@csp_replace(FRAMED)
@xframe_options_sameorigin
def file(request: HttpRequest, id: int, number: str) -> HttpResponse:
    """An attached file, for those who may see the dossier or the version that has it."""
    seen = find(request, id)
    found = next((a for a in _reachable(seen) if a["digest"] == f"sha256:{number}"), None)
    if found is None:
        raise NotOnFile("没有这个附件，或您无权查看", "no such attachment")
    return stored(request, found)


def stored(request: HttpRequest, found: dict[str, Any]) -> HttpResponse:
    """A file out of the storage, shown in the browser where that is safe, unless `?save=1`."""
    try:
        kept = files.content(found["digest"])
    except FileNotFoundError:
        raise NotOnFile("附件未能从存储中读出，请联系系统管理员", "the file is lost") from None
    shown = found["type"] in uploads.SHOWN and request.GET.get("save") != "1"
    answer = FileResponse(kept, content_type=found["type"])
    answer["Content-Length"] = str(found["size"])
    return _named(answer, found["name"], inline=shown)


def _reachable(seen: Seen) -> list[dict[str, Any]]:
    """The files that the person may have: of the draft inside, of the versions that stand."""
    found = draft_files(seen.dossier) if seen.inside else []
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
        kept, attached, valid = dossier.content, draft_files(dossier), False
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
    seen = find(request, id)
    version = _version(seen, number)
    if version is None:
        return back(id)
    verbs.mark_opened(request.user, request.reach, seen)
    rs = queries.ruleset_of_version(version)
    page = verbs.page_of(seen.dossier)
    listed = listed_files(seen.dossier, version.attachments)
    context = head(
        request, seen, say(page.name) if page is not None else say(rs.programme.name), rs
    ) | {
        "version": version,
        "valid": queries.valid(version),
        "erased": version.act.erasures.exists(),
        "parts": with_proof(queries.shown(version, say), listed),
        "files": listed,
        "others": [v for v in seen.versions if v.number != version.number],
        "number": version.number,
    }
    return render(request, "desk/dossier_version.html", context)


@require_safe
@on_file
def print_page(request: HttpRequest, id: int, number: int) -> HttpResponse:
    """A version (or the draft, 0) as it goes on paper."""
    seen = find(request, id)
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

    seen = find(request, id)
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
    seen = find(request, id)
    version = _version(seen, number)
    verbs.mark_opened(request.user, request.reach, seen)
    dossier = seen.dossier
    attached = version.attachments if version is not None else draft_files(dossier)
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
    seen = find(request, id)
    numbers = [v.number for v in seen.versions if seen.inside or v.withdrawn is None]
    if seen.inside and seen.dossier.state != State.SUBMITTED:
        numbers.append(0)
    if not numbers:
        raise NotOnFile("还没有可比较的版本", "no versions to compare")
    after = whole(request.GET.get("b", ""))
    before = whole(request.GET.get("a", ""))
    after = after if after in numbers else numbers[-1]
    before = before if before in numbers else numbers[max(numbers.index(after) - 1, 0)]
    pair = [_content_of(seen, n) for n in (before, after)]
    rs = pair[1][0]
    known = queries.organisations()
    old, new = (outline.outline(rs, seen.dossier.act, kept, known, say) for _rs, kept in pair)
    page = verbs.page_of(seen.dossier)
    context = head(
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
        attached = version.attachments if version is not None else draft_files(seen.dossier)
        return {(a["path"], a["digest"]): a["name"] for a in attached}

    old, new = held(before), held(after)
    gone = [(FILE_STATES["removed"], name) for key, name in old.items() if key not in new]
    return gone + [(FILE_STATES["added"], name) for key, name in new.items() if key not in old]


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def return_page(request: HttpRequest, id: int) -> HttpResponse:
    """Sends a submitted dossier back: the reason, the last day, the parts that open again."""
    seen = find(request, id)
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
                day(request.POST.get("due", "")),
                chosen,
            )
            return back(id)
        except LedgerError as error:
            said, status = say(error.text), 422
    page = verbs.page_of(seen.dossier)
    assert page is not None and seen.latest is not None
    rs = queries.ruleset_of_version(seen.latest)
    due = clock.today() + dt.timedelta(days=15)
    context = head(request, seen, say(page.name), rs) | {
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
    return back(made.pk)


@require_safe
@on_file
def basis(request: HttpRequest, centre: str, seq: int) -> HttpResponse:
    """What an act was based on: the documents on file when it was recorded."""
    page = centre_of(request, centre)
    entry = next((e for e in page.timeline if e.act.seq == seq), None)
    if entry is None:
        raise NotOnFile("没有这一序号的行为", "no such act")
    context = {
        "here": "centres",
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
    page = centre_of(request, centre)
    kind, held, filed = queries.pinned(page, seq, f"sha256:{number}")
    rs = page.editions.by_name.get(filed.row.edition) or page.editions.latest
    schema = rs.programme.documents[kind]
    given = content.document_fields(schema, kind)
    typed = content.typed(given, {}, {kind: held or {}})
    sheet = outline.one_document(schema, kind, typed, queries.organisations(), say)
    context = {
        "here": "centres",
        "page": page,
        "programme": page.programme,
        "tabs": centre_tabs.tabs(page.centre, "materials"),
        "filed": filed,
        "parts": [sheet],
        "erased": held is None,
        "digest": f"sha256:{number}",
    }
    return render(request, "desk/document.html", context)


_ONE = "dossiers/<int:id>/"
urls = [
    path(f"{_ONE}files/<str:number>/", file, name="dossier_file"),
    path(f"{_ONE}return/", return_page, name="dossier_return"),
    path(f"{_ONE}compare/", compare, name="dossier_compare"),
    path(f"{_ONE}versions/<int:number>/", version_page, name="dossier_version"),
    path(f"{_ONE}versions/<int:number>/print/", print_page, name="dossier_print"),
    path(f"{_ONE}versions/<int:number>/file.docx", word_file, name="dossier_word"),
    path(f"{_ONE}versions/<int:number>/files.zip", zip_file, name="dossier_zip"),
    path("centres/<str:centre>/record/<int:seq>/basis/", basis, name="basis"),
    path("centres/<str:centre>/record/<int:seq>/dossier/", adopt, name="adopt_dossier"),
    path(
        "centres/<str:centre>/record/<int:seq>/documents/<str:number>/", document, name="document"
    ),
]
