"""The kinds of notices, and how each is mailed unless the person chooses otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from banfa.rules.words import Text


class Channel(StrEnum):
    """How notices of a kind go out by mail. In the office they always appear."""

    AT_ONCE = "at_once"
    DIGEST = "digest"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of notice: its name, what it is for, and how it is mailed at first."""

    name: Text
    says: Text
    channel: Channel = Channel.DIGEST


KINDS: dict[str, Kind] = {
    "letter": Kind(
        Text("公文告知", "Official notices"),
        Text("办法规定应当告知您所代表一方的事项", "what a regulation says your party is told"),
        Channel.AT_ONCE,
    ),
    "todo": Kind(
        Text("新的待办", "New work"),
        Text("有事项转到您处，等待办理", "something has come to you and waits"),
        Channel.AT_ONCE,
    ),
    "returned": Kind(
        Text("退回补正", "Returned for correction"),
        Text("材料被退回，须在期限内补正", "a dossier came back to be corrected"),
        Channel.AT_ONCE,
    ),
    "hurry": Kind(
        Text("催办", "Asked to hurry"),
        Text("有人催促您办理某事项", "somebody asks you to hurry"),
        Channel.AT_ONCE,
    ),
    "reminder": Kind(
        Text("期限提醒", "Deadlines coming"),
        Text("期限前30日、7日、1日，逾期后每7日", "30, 7 and 1 days before, every 7 days after"),
    ),
    "overdue": Kind(
        Text("逾期情况", "Overdue elsewhere"),
        Text("您所管理或督促的单位逾期未办", "a unit that you manage or supervise is overdue"),
    ),
    "done": Kind(
        Text("办理结果", "Outcomes"),
        Text("您发起或参与的事项有了结果", "something you began or took part in has an outcome"),
    ),
    "copy": Kind(
        Text("抄送", "Copies"),
        Text("抄送给您知悉的事项", "copied to you for your information"),
    ),
    "review": Kind(
        Text("评审任务", "Appraisal"),
        Text("评审、回避、打分与意见汇总", "panels, recusal, scores and summaries"),
        Channel.AT_ONCE,
    ),
    "evaluation": Kind(
        Text("评估与年报", "Evaluation and reports"),
        Text("评估轮次、年度报告、数据核验与异议", "rounds, yearly reports, checks, objections"),
    ),
    "text": Kind(
        Text("办法文本更新", "Changed texts"),
        Text("办法的官方文本有更新", "the official text of a regulation has changed"),
    ),
    "job": Kind(
        Text("后台任务", "Background jobs"),
        Text("导入、导出、计算等任务完成或未成", "an import, export or run has ended"),
        Channel.NONE,
    ),
    "account": Kind(
        Text("账号与身份", "Account and capacities"),
        Text("账号、身份、委托方面的变动", "changes to your account, capacities, delegations"),
        Channel.AT_ONCE,
    ),
}


def kind_of(name: str) -> Kind:
    """A kind by its name; one that is no longer known is shown by its name."""
    return KINDS.get(name) or Kind(Text(name, name), Text("", ""))
