"""The states and steps of dossiers in words, with the look of their marks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from banfa.office.dossiers.models import State

STATES = {
    State.DRAFT: (_("草稿"), "plain"),
    State.REVIEW: (_("待内部审核"), "warn"),
    State.APPROVED: (_("待提交"), "stage"),
    State.SUBMITTED: (_("已提交"), "good"),
    State.RETURNED: (_("退回修改中"), "bad"),
    State.WITHDRAWN: (_("已撤回"), "plain"),
}
STEPS = {
    "started": _("开始编写"),
    "sent": _("送内部审核"),
    "taken_back": _("收回继续编写"),
    "approved": _("内部审核通过"),
    "sent_back": _("内部审核退回"),
    "submitted": _("提交"),
    "corrected": _("提交修改"),
    "opened": _("下一环节打开"),
    "withdrawn": _("撤回"),
    "returned": _("退回修改"),
    "recalled": _("收回退回"),
    "discarded": _("删除"),
}
FILE_STATES = {"added": _("新增附件"), "removed": _("撤下附件")}
