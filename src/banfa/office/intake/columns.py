"""What the columns of a list of existing centres mean, for one programme.

A column is recognised by the names the programme itself gives to its facts, roles and periods, in
either language, or by its id; by headings of every day; and by the programme's `import.yaml`, which
lies beside its editions and says how the lists that its authority keeps are headed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from banfa.office.intake.errors import BadFile
from banfa.office.ledger import library
from banfa.rules import programme as p
from banfa.rules.loading import load_model
from banfa.rules.words import Text, words

KIND = "enter_existing_centre"
PLACE = "place"
"""Where a row's organisations are, for programmes that keep no such value themselves."""
EVERYDAY = {
    "since": "起始日期 认定时间 认定日期 批复时间 批复日期 成立时间 recognised recognized date",
    "basis": "依据 依据文件 来源 出处 文号 source",
    "stage": "阶段 现处阶段 状态",
    "class": "类别 类型",
    "values.name_zh": "名称 中心名称 name",
    "place": "所在地 所在省 省份 所在省份 所在城市 城市 地区 place",
}


class Plan(BaseModel):
    """A programme's `import.yaml`: headings and what they mean, what is so for every row, and the
    kind of the organisations in a role."""

    model_config = ConfigDict(extra="forbid")

    columns: dict[str, str] = Field(default_factory=dict)
    always: dict[str, str] = Field(default_factory=dict)
    kinds: dict[str, str] = Field(default_factory=dict)
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file and what it is: a target such as `since` or `values.place`; ''."""

    number: int
    heading: str
    target: str


def plan(programme: str) -> Plan:
    """How a programme's lists are headed. Raises LoadError with the place of what is wrong."""
    path = library.root() / programme / "import.yaml"
    return load_model(path, Plan) if path.exists() else Plan()


def targets(programme: p.Programme) -> dict[str, Text]:
    """Everything a column can be, with its words."""
    found = {
        "since": Text("起始日期（可只有年或年月）", "Since (may be partial)"),
        "basis": Text("依据文件", "Basis document"),
        "stage": Text("现处阶段", "Stage"),
    }
    if programme.classes:
        found["class"] = Text("类别", "Class")
    found |= {f"values.{n}": words(v.name) for n, v in programme.values.items()}
    if PLACE not in programme.values:
        found[PLACE] = Text("单位所在地", "Place of its organisations")
    roles = {n: v for n, v in programme.parties.items() if not v.body and not v.inside}
    found |= {f"roles.{n}": words(v.name) for n, v in roles.items()}
    for name, period in programme.periods.items():
        said = words(period.name)
        found[f"periods.{name}.start"] = Text(f"{said.zh}起始日", f"{said.en}: start")
        found[f"periods.{name}.end"] = Text(f"{said.zh}结束日", f"{said.en}: end")
    return found


def recognise(
    programme: p.Programme, plan_: Plan, head: Sequence[str], chosen: Mapping[int, str] = {}
) -> list[Column]:
    """What each column is; `chosen` says so by the column's number and counts first.

    Raises BadFile when two columns are the same thing, or none is known.
    """
    known = _headings(programme, plan_)
    possible = targets(programme)
    columns = []
    for number, heading in enumerate(head):
        target = chosen.get(number, known.get(_plain(heading), ""))
        columns.append(Column(number, heading, target if target in possible else ""))
    taken: dict[str, Column] = {}
    for column in columns:
        if column.target in taken and column.target:
            other, said = taken[column.target], possible[column.target]
            raise BadFile(
                f"“{other.heading}”和“{column.heading}”两列都作为“{said.zh}”，请只留一列",
                f"two columns, '{other.heading}' and '{column.heading}', are '{said.en}'",
            )
        taken[column.target] = column
    if not any(c.target for c in columns):
        heads = "、".join(head[:8])
        raise BadFile(
            f"认不出任何一列（{heads}）。首行应为列名，如“名称”“认定时间”",
            f"no column is known ({heads}); the first row must be headings",
        )
    return columns


def fits(programme: p.Programme, plan_: Plan, head: Sequence[str]) -> bool:
    """Whether a row looks like the headings of such a list: one of them is known."""
    known = _headings(programme, plan_)
    return any(_plain(heading) in known for heading in head if heading.strip())


def _headings(programme: p.Programme, plan_: Plan) -> dict[str, str]:
    """Headings as they are compared, and what they mean; the programme's own count first."""
    found: dict[str, str] = {}
    possible = targets(programme)
    for heading, target in plan_.columns.items():
        found[_plain(heading)] = target
    for target, said in possible.items():
        for name in (said.zh, said.en, target, target.rpartition(".")[2]):
            found.setdefault(_plain(name), target)
    for target, spoken in EVERYDAY.items():
        if target in possible:
            for word in spoken.split():
                found.setdefault(_plain(word), target)
    return found


def _plain(heading: str) -> str:
    return "".join(c for c in heading.casefold() if c.isalnum())
