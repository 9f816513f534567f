"""The steps of figures and how yearly reports stand, in words, with the look of their marks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from banfa.office.evaluations.models import Stage
from banfa.office.evaluations.reports import DONE, LATE, OVERDUE, WAITING
from banfa.office.evaluations.workbook import Outcome

STAGES = {
    Stage.EMPTY: (_("未填报"), "plain"),
    Stage.REPORTED: (_("已填报"), "stage"),
    Stage.REVIEWED: (_("已审核"), "good"),
    Stage.VERIFIED: (_("已核定"), "good"),
}
HANDS = {
    Stage.REPORTED: _("填报数据"),
    Stage.REVIEWED: _("审核数据"),
    Stage.VERIFIED: _("核定数据"),
}
VALUES = {
    Stage.REPORTED: _("填报值"),
    Stage.REVIEWED: _("审核值"),
    Stage.VERIFIED: _("核定值"),
}
FINISH = {
    Stage.REPORTED: _("报送数据"),
    Stage.REVIEWED: _("办结审核"),
    Stage.VERIFIED: _("办结核定"),
}
STATUSES = {
    OVERDUE: (_("逾期未报"), "bad"),
    WAITING: (_("待报"), "plain"),
    LATE: (_("已报（迟报）"), "warn"),
    DONE: (_("已报"), "good"),
}
OUTCOMES = {
    Outcome.NEW: (_("新填"), "good"),
    Outcome.CHANGED: (_("改动"), "stage"),
    Outcome.SAME: (_("未变"), "plain"),
    Outcome.EMPTY: (_("空"), "plain"),
    Outcome.WRONG: (_("有误"), "bad"),
}
