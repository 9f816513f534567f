"""Pages of the register of experts: the list, an entry, import."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office.desk import exports
from banfa.office.desk.errors import forbidden_because
from banfa.office.desk.language import say
from banfa.office.desk.typed import without_nul
from banfa.office.people import audit
from banfa.office.people.models import Organisation
from banfa.office.reviews import access, queries, register
from banfa.office.reviews.errors import ReviewError
from banfa.office.reviews.models import Expert
from banfa.rules.words import Text

View = Callable[..., HttpResponse]
PAGE = 50


def keeps(view: View) -> View:
    """A page for those who keep a register; 403 with the reason for everybody else."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not access.keepers(request.reach):
            audit.note("denied", request.user, access.KEEP, result="refused")
            return forbidden_because(request, _("您没有可以管理专家库的身份。"))
        return view(request, *args, **kwargs)

    return wrapped


@require_safe
@keeps
def experts(request: HttpRequest) -> HttpResponse:
    """The register that the person's organisations keep."""
    search = request.GET.get("q", "").replace("\0", "").strip()[:60]
    field = request.GET.get("field", "").replace("\0", "")[:60]
    mine = queries.experts(request.reach)
    fields, _languages = queries.known_words(mine.select_related(None).only("fields", "languages"))
    page = Paginator(queries.experts(request.reach, search=search, field=field), PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "here": "reviews",
        "page": page,
        "rows": [(e, register.masked(e.phone), register.masked(e.email)) for e in page],
        "fields": fields,
        "field": field,
        "search": search,
    }
    return render(request, "desk/experts.html", context)


def _keepers(request: HttpRequest) -> list[Organisation]:
    return list(
        Organisation.objects.filter(id__in=access.keepers(request.reach)).order_by("name_zh")
    )


@require_http_methods(["GET", "HEAD", "POST"])
@without_nul
@keeps
def expert_new(request: HttpRequest) -> HttpResponse:
    """Entering an expert."""
    said, keepers = "", _keepers(request)
    if request.method == "POST":
        keeper = next((o for o in keepers if o.id == request.POST.get("kept_by")), keepers[0])
        try:
            shared = request.POST.get("shared") == "1"
            register.enter(request.user, keeper, request.POST, shared=shared)
            return HttpResponseRedirect(reverse("experts"))
        except ReviewError as error:
            said = say(error.text)
    context = {"here": "reviews", "keepers": keepers, "typed": request.POST, "said": said,
               "active": True}  # fmt: skip
    return render(request, "desk/expert.html", context, status=422 if said else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@without_nul
@keeps
def expert(request: HttpRequest, expert: int) -> HttpResponse:
    """An entry: changing it, showing the contact (noted in the audit log)."""
    kept = queries.experts(request.reach).filter(pk=expert).first()
    if kept is None:
        raise Http404
    said, status, shown = "", 200, False
    typed: Any = _as_typed(kept)
    if request.method == "POST":
        what = request.POST.get("what")
        if what == "contact":
            audit.note("viewed", request.user, f"expert:{kept.pk} contact")
            shown = True
            typed = {**request.POST.dict(), "phone": kept.phone, "email": kept.email}
        else:
            try:
                _change(request, kept)
                return HttpResponseRedirect(reverse("experts"))
            except ReviewError as error:
                typed, said, status = request.POST, say(error.text), error.status
                shown = request.POST.get("contact_shown") == "1"
    context = {
        "here": "reviews",
        "kept": kept,
        "typed": typed,
        "said": said,
        "shown": shown,
        "masked": {"phone": register.masked(kept.phone), "email": register.masked(kept.email)},
        "active": typed.get("active") == "1",
        "version": request.POST.get("version") or kept.version,
        "assignments": kept.assignments.select_related("review").order_by("-pk")[:20],
    }
    return render(request, "desk/expert.html", context, status=status)


def _as_typed(kept: Expert) -> dict[str, str]:
    return {
        **{n: getattr(kept, n) for n in ("name", "workplace", "title", "phone", "email")},
        "fields": "、".join(kept.fields),
        "languages": "、".join(kept.languages),
        "account": kept.user.username if kept.user is not None else "",
        "ties": register.ties_text(kept),
        "shared": "1" if kept.shared else "",
        "active": "1" if kept.active else "",
    }


def _change(request: HttpRequest, kept: Expert) -> None:
    """Changes the entry; a contact that was not shown stays as it is."""
    post = request.POST
    given = {n: post.get(n, "") for n in register.COLUMNS}
    if post.get("contact_shown") != "1":
        given |= {"phone": kept.phone, "email": kept.email}
    version = post.get("version", "")
    register.change(
        request.user, kept, given,
        int(version) if version.isascii() and version.isdigit() and len(version) < 10 else -1,
        shared=post.get("shared") == "1", active=post.get("active") == "1",
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@without_nul
@keeps
def experts_import(request: HttpRequest) -> HttpResponse:
    """Importing a table of experts: all of it, or a report of what is wrong, row by row."""
    said, report, keepers = "", None, _keepers(request)
    if request.method == "POST":
        keeper = next((o for o in keepers if o.id == request.POST.get("kept_by")), keepers[0])
        upload = request.FILES.get("table")
        try:
            if upload is None:
                raise ReviewError("请选择文件", "choose a file")
            if upload.size > register.MOST_BYTES:
                raise ReviewError("文件超过5 MB", "the file is larger than 5 MB")
            report = register.bring_in(request.user, keeper, upload.name, upload.read())
        except ReviewError as error:
            said = say(error.text)
    context = {
        "here": "reviews",
        "keepers": keepers,
        "said": said,
        "report": report,
        "columns": [say(Text(*words)) for words in register.COLUMNS.values()],
    }
    bad = said or (report is not None and report.wrong)
    return render(request, "desk/experts_import.html", context, status=422 if bad else 200)


@require_safe
@keeps
def experts_template(request: HttpRequest) -> HttpResponse:
    """An empty table to fill in, with an example."""
    head = [words[0] for words in register.COLUMNS.values()]
    row = [
        *("张三", "某某大学", "教授", "新材料、先进封装", "英语", "13800000000"),
        *("zhangsan@example.cn", "", "单位：某某公司（顾问）；个人：李四（师生）"),
    ]
    return exports.response("xlsx", "experts", head, [row])


urls = [
    path("experts/", experts, name="experts"),
    path("experts/new/", expert_new, name="expert_new"),
    path("experts/import/", experts_import, name="experts_import"),
    path("experts/template.xlsx", experts_template, name="experts_template"),
    path("experts/<int:expert>/", expert, name="expert"),
]
