"""Long work as its owner sees it: how far it is, stopping it, what came of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from banfa.office.desk.language import say
from banfa.office.jobs import queries, verbs
from banfa.office.jobs.errors import JobError, NoSuchJob
from banfa.office.jobs.models import Job, Progress
from banfa.office.notices import jobs as background
from banfa.rules.words import Text

SHOWN = 100
MARKS = {
    Progress.WAITING: "plain",
    Progress.RUNNING: "stage",
    Progress.DONE: "good",
    Progress.STOPPED: "plain",
    Progress.FAILED: "bad",
}


def _row(job: Job) -> dict[str, Any]:
    words = {
        Progress.WAITING: _("等候中"),
        Progress.RUNNING: _("进行中"),
        Progress.DONE: _("已完成"),
        Progress.STOPPED: _("已停止"),
        Progress.FAILED: _("未完成"),
    }
    standing = Progress(job.standing)
    return {
        "job": job,
        "title": say(Text(job.title_zh, job.title_en)),
        "standing": _("正在停止") if job.open and job.stop else words[standing],
        "mark": MARKS[standing],
        "percent": round(100 * job.done / job.of) if job.of else 0,
        "said": [say(Text(zh, en)) for zh, en in job.said],
        "took": _took(job.ended - job.began) if job.began and job.ended else "",
    }


def _took(time: dt.timedelta) -> str:
    seconds = max(round(time.total_seconds()), 1)
    minutes, seconds = divmod(seconds, 60)
    if minutes:
        return _("%(minutes)s 分 %(seconds)s 秒") % {"minutes": minutes, "seconds": seconds}
    return _("%s 秒") % seconds


def _mine(request: HttpRequest, number: int) -> Job:
    try:
        return queries.job(request.user, number)
    except NoSuchJob as error:
        raise Http404(say(error.text)) from error


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """A person's latest long work."""
    rows = [_row(job) for job in queries.mine(request.user)[:SHOWN]]
    return render(request, "desk/jobs.html", {"rows": rows, "shown": SHOWN})


@require_safe
def job(request: HttpRequest, number: int) -> HttpResponse:
    """One piece of long work; while it is open, the part that changes is fetched again."""
    row = _row(_mine(request, number))
    waits = row["job"].standing == Progress.WAITING
    context = {**row, "asleep": waits and not background.awake()}
    part = request.headers.get("HX-Request") and request.GET.get("part") == "progress"
    return render(request, "desk/parts/job.html" if part else "desk/job.html", context)


@require_POST
def stop(request: HttpRequest, number: int) -> HttpResponse:
    """Asks a job to stop."""
    try:
        verbs.stop(request.user, number)
    except NoSuchJob as error:
        raise Http404(say(error.text)) from error
    except JobError:
        pass  # it has just ended: its page shows how
    return HttpResponseRedirect(reverse("job", args=[number]))


@require_safe
def file(request: HttpRequest, number: int) -> HttpResponse:
    """The file that a job made; 404 when there is none, or none any more."""
    found = _mine(request, number)
    if found.content is None:
        raise Http404(_("这份文件已超过保存期限，请重新导出。"))
    answer = HttpResponse(bytes(found.content), content_type=found.file_type)
    answer["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
    return answer


urls = [
    path("jobs/", jobs, name="jobs"),
    path("jobs/<int:number>/", job, name="job"),
    path("jobs/<int:number>/stop/", stop, name="job_stop"),
    path("jobs/<int:number>/file/", file, name="job_file"),
]
