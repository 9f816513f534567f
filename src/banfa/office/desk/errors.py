"""Calm pages for what goes wrong: no traces, and what to do next."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from banfa.office.desk.language import say
from banfa.office.desk.send_again import ours, send_again
from banfa.office.ledger.errors import NotOnFile

View = Callable[..., HttpResponse]


def on_file(view: View) -> View:
    """What is not on file is a page that is not there."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if any("\0" in str(part) for part in kwargs.values()):
            raise Http404
        try:
            return view(request, *args, **kwargs)
        except NotOnFile as error:
            raise Http404(say(error.text)) from error

    return wrapped


def _page(request: HttpRequest, status: int, title: str, said: str) -> HttpResponse:
    context = {"title": title, "said": said, "status": status}
    return render(request, "desk/error.html", context, status=status)


def wrong_request(request: HttpRequest, said: str) -> HttpResponse:
    """400: something in the address or the form cannot be read; `said` names it."""
    return _page(request, 400, _("请求有误"), said)


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """400 as Django reports it; a form that is too large is told its limit."""
    if isinstance(exception, RequestDataTooBig):
        limit = f"{(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) / 2**20:.1f} MB"
        said = _("所填文字过多：一次提交不得超过 %s（附件不计）。请返回上一页删减后重新提交。")
        return _page(request, 413, _("所填内容过多"), said % limit)
    return wrong_request(request, _("所提交的内容无法识别，请返回上一页检查后重试。"))


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """404: no such page, centre, programme or act."""
    return _page(
        request, 404, _("没有这个页面"), _("地址可能有误，或所查的中心、办法、行为不在档。")
    )


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """403: not for this visitor."""
    return _page(request, 403, _("无权查看"), _("您当前的身份不能查看此页或办理此事。"))


def forbidden_because(request: HttpRequest, said: str) -> HttpResponse:
    """403 with its reason."""
    return _page(request, 403, _("无权办理"), said)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form's token is missing or stale. Nothing was recorded.

    What was typed on a page of this site is offered for sending again.
    """
    if ours(request) and (again := send_again(request)):
        return again
    said = _(
        "页面停留过久或浏览器未接受 Cookie，提交未被受理，未作任何记录。请返回上一页刷新后重试。"
    )
    return _page(request, 403, _("提交未被受理"), said)


def broken(request: HttpRequest) -> HttpResponse:
    """500: our own mistake. Written without database, context or translation machinery."""
    from django.template.loader import get_template

    return HttpResponse(get_template("500.html").template.source, status=500)


def locked_out(request: HttpRequest, original: Any = None, credentials: Any = None) -> HttpResponse:
    """429: too many failures at sign-in."""
    from banfa.office.people.accounts import lockout_message

    return _page(request, 429, _("账号已暂时锁定"), lockout_message())
