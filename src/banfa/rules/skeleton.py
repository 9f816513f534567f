"""The skeleton of a programme: a small one that loads, lints and has a case, with notes.

Words to be replaced begin with MARK; `check` lists those that are left.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from banfa.rules.loading import Loc
from banfa.rules.resolve import Desk, Lint, raw

MARK = "待填"
"""How words that still have to be written begin, in Chinese."""

PROGRAMME = """\
# 一部办法的一个版本；各类内容可以分写在本文件夹的几个文件里。
# One edition of one regulation; its parts may be spread over the files of this folder.
programme: NAME
edition: EDITION
name: {zh: 待填：办法所管的中心叫什么, en: "to write: what the centres are called"}
short: {zh: 待填：简称, en: "to write: short name"}

# 文件本身：发文机关、文号、施行日期、全部条号（附件写在 annexes）。
# The document itself: issuers, number, days in force, every article (annexes under annexes).
instrument:
  name: {zh: 待填：办法全称, en: "to write: full title of the regulation"}
  kind: measures
  number: 待填：文号 / document number
  issuers: [authority]
  in_force: {from: EDITION-01-01, cite: "4"}
  numbering: articles
  articles: ["1", "2", "3", "4"]
  level: national

authority: [authority]
# “一般”“原则上”的条件不满足时：exception 须有例外决定，warn 只提醒。
# Failing a usual or principle condition: exception (one must be on record) or warn.
strengths: {usual: warn, principle: warn}

# 单位的种类。 Kinds of organisations.
kinds:
  enterprise: {zh: 企业, en: enterprise}

# 各方：body 是固定的机关；其余由行为确定（then: {bind: …}）。
# Parties: a body is one fixed organisation; acts say who the others are (then: {bind: ...}).
parties:
  authority: {name: {zh: 待填：主管部门, en: "to write: the authority"}, body: true, cite: "2"}
  applicant:
    name: {zh: 待填：申请单位, en: "to write: the applicant"}
    kinds: [enterprise]
    cite: "2"

# 阶段，按一生的顺序；terminal 是终点。 Stages in the order of a life; terminal ones end it.
stages:
  applied: {name: {zh: 已申请, en: applied}, cite: "2"}
  running: {name: {zh: 运行, en: running}, cite: "3"}
  declined: {name: {zh: 未予批准, en: declined}, terminal: true, cite: "3"}
  ended: {name: {zh: 已终止, en: ended}, terminal: true, cite: "3"}

# 中心的事项，由行为写入（then: {set: …}）。 Facts about a centre, set by acts.
values:
  field: {name: {zh: 领域, en: field}}

# 名称格式，{…} 处取 values。 Forms of the name; places in braces take values.
names:
  full: {stages: [running], zh: "{field}中心", cite: "3"}

# 条文没有写明、系统却须有所处理之处，一律在此声明。
# Points on which the text is silent, though the system must do something, are declared here.
defaults:
  D-1:
    gap: {zh: 未规定误记如何更正, en: how a wrong record is corrected}
    says: {zh: 由原办理单位更正, en: whoever recorded it corrects it}
    options: [applies]
annulment: {default: D-1}
# 另可写 / may follow: flags, periods, procedures, registers, duties, consequences, evaluation,
# notices, parameters, absences, exceptions, existing, transitions (见 / see docs/vocabulary.md)
"""

ACTS = """\
# 行为：谁（by）在哪个阶段（from）可以办什么，要填什么（with）、附什么材料（documents）、
# 须满足什么条件（when），办成以后改变什么（then）。每个行为、条件都写依据：cite（条款）或 default。
# Acts: who (by) may do what in which stage (from), with which inputs and documents, under which
# conditions (when), and what it changes (then). Each has a basis: cite (an article) or default.
acts:
  apply:
    name: {zh: 提出申请, en: Apply}
    cite: "2"
    by: applicant
    from: none            # none: 尚未进入任何阶段 / before any stage
    with:
      field: {name: {zh: 领域, en: field}}
      staff: {type: integer, name: {zh: 专职人数, en: full-time staff}}
    documents:
      application: {cite: "2"}
    when:
      - id: enough_staff
        cite: "2"
        value: with.staff
        at_least: 1
        says: {zh: 待填：条件写成一句话, en: "to write: the condition in one sentence"}
    then: {stage: applied, bind: {applicant: by}, set: {field: with.field}}
  approve:
    name: {zh: 批准, en: Approve}
    cite: "3"
    by: authority
    from: applied
    then: {stage: running}
  decline:
    name: {zh: 不予批准, en: Decline}
    cite: "3"
    by: authority
    from: applied
    with: {reason: {type: long_text, name: {zh: 理由, en: reason}}}
    then: {stage: declined}
  end:
    name: {zh: 终止, en: End}
    cite: "3"
    by: authority
    from: running
    with: {reason: {type: long_text, name: {zh: 理由, en: reason}}}
    then: {stage: ended}
"""

DOCUMENTS = """\
# 材料：必须有哪些部分（sections）和栏目（fields）。
# Documents: the sections and fields they must have.
documents:
  application:
    name: {zh: 申请书, en: application}
    cite: "2"
    sections:
      goals: {name: {zh: 待填：须写明的内容, en: "to write: what it must contain"}}
"""

ARTICLES = """\
# 每一条、款、项的去向：executable 可执行（有规则引用它），recorded 记载（by 写明由什么记载），
# declaratory 宣示（because 写明为什么没有规则）。gist 用自己的话，不抄条文。
# What becomes of every article, paragraph and item: executable (some rule cites it), recorded (by
# says what keeps it), declaratory (because says why there is no rule). Own words, no quotations.
articles:
  "1":
    kind: declaratory
    gist: {zh: 待填：目的, en: "to write: purpose"}
    because: {zh: 只说明目的, en: states a purpose}
  "2": {kind: executable, gist: {zh: 待填：谁可以申请, en: "to write: who may apply, and when"}}
  "3": {kind: executable, gist: {zh: 待填：批准和终止, en: "to write: approval and end"}}
  "4": {kind: executable, gist: {zh: 待填：施行日期, en: "to write: entry into force"}}
"""

CASES = """\
# 案例：given 是已有的行为，try 是要判断的一个行为，expect 是应有的回答。每个拒绝的案例都配一个
# 只差一处而被接受的案例（twin）。运行：banfa cases 本文件夹
# Cases: given acts are on file, try is judged, expect is the answer. Give each refused case an
# accepted twin that differs in one fact. Run them: banfa cases FOLDER
programme: ..
parties:
  authority: {org: 某部（虚构）}
  applicant: {org: 某公司（虚构）, kind: enterprise}
cases:
  - id: A-1
    says: 申请 / an application
    try: {on: EDITION-03-02, by: applicant, act: apply, with: {field: 新材料, staff: 30},
      documents: {application: complete}}
    expect: {accepted: true, stage: applied}
  # - id: A-2
  #   says: 没有专职人员 / no staff
  #   twin: A-1
  #   try: {on: EDITION-03-02, by: applicant, act: apply, with: {field: 新材料, staff: 0},
  #     documents: {application: complete}}
  #   expect: {refused: [CONDITION_NOT_MET], cite: ["2"], conditions: [enough_staff]}
"""


def files(name: str, edition: str) -> dict[str, str]:
    """The skeleton's files by their path within the programme's folder."""
    texts = {
        f"{edition}/programme.yaml": PROGRAMME,
        f"{edition}/acts.yaml": ACTS,
        f"{edition}/documents.yaml": DOCUMENTS,
        f"{edition}/articles.yaml": ARTICLES,
        "cases/first.yaml": CASES,
    }
    return {
        path: text.replace("NAME", name).replace("EDITION", edition) for path, text in texts.items()
    }


def write(folder: Path, name: str, edition: str) -> list[Path]:
    """Writes the skeleton below a folder that holds no file; gives the files written."""
    made = []
    for path, text in files(name, edition).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        made.append(target)
    return made


# --- what is still to be written ----------------------------------------------------------------


def lint_placeholders(desk: Desk) -> Iterator[Lint]:
    """Words of the skeleton that nobody has replaced yet."""
    for loc, text in _texts(desk.node.data, ()):
        if text.startswith(MARK):
            zh, _, en = text.removeprefix(MARK).lstrip("：: ").partition(" / ")
            if loc[-1:] == ("zh",):
                en = str(raw(desk.node.data, (*loc[:-1], "en"))).removeprefix("to write: ")
            yield desk.warning(loc, "placeholder", f"尚未填写：{zh}", f"still to write: {en or zh}")


def _texts(data: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    if isinstance(data, str):
        yield loc, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _texts(value, (*loc, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _texts(value, (*loc, index))
