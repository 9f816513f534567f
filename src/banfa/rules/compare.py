"""Two sets of rules beside each other: what differs by article, and what lives would show.

`differences` compares two editions word by word; `Rejudging` judges every act of recorded lives
again under another edition and counts which would have gone otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from banfa.rules import programme as p
from banfa.rules.history import Editions
from banfa.rules.judge import judge
from banfa.rules.life import Act, State, canonical, standing
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text
from banfa.rules.world import Remembered, World

# What carries rules, and is compared entry by entry.
PARTS = (
    "acts",
    "registers",
    "duties",
    "consequences",
    "names",
    "notices",
    "documents",
    "parties",
    "stages",
    "periods",
    "parameters",
    "defaults",
    "absences",
    "profile",
    "articles",
)


# The lines of the comparison between programmes, in the order in which people read them.
DIMENSIONS: dict[str, Text] = {
    "issuer": Text("发文机关", "issuer"),
    "level": Text("层级", "level"),
    "validity": Text("施行与有效期", "in force"),
    "replaces": Text("废止或依据的文件", "replaces or rests on"),
    "classes": Text("类别", "classes"),
    "legal_form": Text("组建形式", "legal form"),
    "lead": Text("牵头或依托单位", "lead"),
    "entry": Text("进入方式", "entry"),
    "pre_stage": Text("前置阶段", "stage before"),
    "recommender": Text("推荐", "who recommends"),
    "expert_step": Text("专家论证", "expert step"),
    "start_approval": Text("批准启动", "who approves the start"),
    "formation_period": Text("筹建期限", "formation period"),
    "extension": Text("延期", "extension"),
    "not_finished": Text("到期未完成", "not finished at the end"),
    "confirmation_request": Text("申请确认", "asking for confirmation"),
    "confirmation_threshold": Text("确认门槛", "threshold of confirmation"),
    "confirming_act": Text("确认", "confirmation"),
    "grades": Text("评估等次", "grades"),
    "consequence_top": Text("最好等次的后果", "consequence of the best grade"),
    "result_support": Text("结果与支持", "support by result"),
    "consequence_middle": Text("中间等次的后果", "consequence of middle grades"),
    "consequence_bottom": Text("最差等次的后果", "consequence of the worst grade"),
    "evaluation_period": Text("评估周期", "evaluation period"),
    "evaluator": Text("评估主体", "who evaluates"),
    "evaluation_basis": Text("评估依据", "basis of evaluation"),
    "exemption": Text("免评", "exemption"),
    "non_participation": Text("不参加评估", "not taking part"),
    "yearly_assessment": Text("年度考核或自评", "yearly assessment"),
    "annual_report": Text("年度报告", "annual report"),
    "annual_report_deadline": Text("年度报告期限", "deadline of the annual report"),
    "adjustment_minor": Text("一般调整", "minor adjustment"),
    "adjustment_major": Text("重大调整", "major adjustment"),
    "integrity": Text("诚信与弄虚作假", "integrity"),
    "other_revocation": Text("其他撤销情形", "other grounds of revocation"),
    "governance": Text("内部治理", "governance"),
    "plan_cycle": Text("方案周期", "plan cycle"),
    "funding": Text("资金支持", "funding"),
    "team_exclusivity": Text("团队专任", "team exclusivity"),
    "name_zh": Text("中文名称", "Chinese name"),
    "name_en": Text("英文名称", "English name"),
    "priority_route": Text("优先途径", "priority"),
}


@dataclass(slots=True, frozen=True, order=True)
class Difference:
    """One difference: the articles concerned, what (a path), and the two readings."""

    articles: tuple[str, ...]
    what: str
    kind: str
    before: Any = field(compare=False, default=None)
    after: Any = field(compare=False, default=None)


def differences(old: p.Programme, new: p.Programme) -> list[Difference]:
    """Everything added, removed or changed between two programmes, in the order of articles.

    Conditions are compared by their ids inside their acts; other entries by their own.
    """
    found = list(_frame(old, new))
    before, after = _entries(old), _entries(new)
    for path in sorted({*before, *after}):
        a, b = before.get(path), after.get(path)
        if a is None and b is not None:
            found.append(Difference(b[0], path, "added", None, b[1]))
        elif b is None and a is not None:
            found.append(Difference(a[0], path, "removed", a[1], None))
        elif a is not None and b is not None and canonical(a[1]) != canonical(b[1]):
            articles = tuple(sorted({*a[0], *b[0]}))
            found.append(Difference(articles, path, "changed", *_changed(a[1], b[1])))
    return sorted(found, key=lambda d: (_article_key(d.articles), d.what))


def _frame(old: p.Programme, new: p.Programme) -> Iterator[Difference]:
    for name in ("instrument", "strengths", "evaluation", "groups", "transitions"):
        a, b = _plain(getattr(old, name)), _plain(getattr(new, name))
        if canonical(a) != canonical(b):
            both = _changed(a, b) if isinstance(a, dict) and isinstance(b, dict) else (a, b)
            yield Difference((), name, "changed", *both)


def _entries(programme: p.Programme) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Every entry that carries a rule, by path, with its articles and its plain content."""
    found: dict[str, tuple[tuple[str, ...], Any]] = {}
    for part in PARTS:
        for name, model in getattr(programme, part).items():
            plain = _plain(model)
            conditions = plain.pop("when", []) if part in ("acts", "registers") else []
            basis = (name,) if part == "articles" else _bases(plain)
            found[f"{part}.{name}"] = (basis, plain)
            for condition in conditions:
                path = f"{part}.{name}.when.{condition.get('id')}"
                found[path] = (_bases(condition), condition)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
        )
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def _bases(plain: dict[str, Any]) -> tuple[str, ...]:
    cite = plain.get("cite") or []
    cites = [cite] if isinstance(cite, str) else list(cite)
    return tuple(cites) or tuple(f"[{d}]" for d in [plain.get("default")] if d)


def _changed(a: dict[str, Any], b: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only the keys that differ, each side."""
    keys = [k for k in {**a, **b} if canonical(a.get(k)) != canonical(b.get(k))]
    return {k: a[k] for k in keys if k in a}, {k: b[k] for k in keys if k in b}


def _article_key(articles: tuple[str, ...]) -> tuple[Any, ...]:
    first = articles[0] if articles else ""
    number = "".join(c if c.isdigit() else " " for c in first).split()
    return (first.startswith("["), not number, [int(n) for n in number], first)


# --- judging lives again ------------------------------------------------------------------------


@dataclass
class Otherwise:
    """Acts that would have gone otherwise by one rule: how many, and a few examples."""

    article: str
    act: str
    condition: str
    code: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What judging lives again found; reports of parts add up."""

    lives: int = 0
    acts: int = 0
    otherwise: int = 0
    lives_touched: int = 0
    rules: dict[tuple[str, str, str, str], Otherwise] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, other: Report, examples: int = 5) -> None:
        """Adds another part's counts; keeps a few examples of each rule."""
        self.lives += other.lives
        self.acts += other.acts
        self.otherwise += other.otherwise
        self.lives_touched += other.lives_touched
        self.unknown.update(other.unknown)
        for key, found in other.rules.items():
            mine = self.rules.setdefault(key, Otherwise(*key))
            mine.count += found.count
            mine.examples = [*mine.examples, *found.examples][:examples]


def rejudge(
    under: Ruleset, acts: Iterable[Act], world: World, report: Report, label: str = ""
) -> None:
    """Judges a life's accepted acts again under another edition and adds to the report.

    The state is folded under that edition, act by act, and an act that would be refused is left
    out of it, as it would have been. Acts the edition does not have are counted apart.
    """
    state, touched = State(), False
    report.lives += 1
    for act in standing(acts):
        if act.kind not in under.acts:
            report.unknown[act.kind] += 1
            touched = True
            continue
        report.acts += 1
        judgement = judge(under, state, act, world)
        if judgement.accepted:
            act.used = tuple(n for n in judgement.used.values() if n)
            under.apply(state, act, world, judgement.context)
            continue
        touched = True
        report.otherwise += 1
        for finding in judgement.refusals:
            key = (finding.basis, act.kind, finding.id, finding.code)
            found = report.rules.setdefault(key, Otherwise(*key))
            found.count += 1
            if len(found.examples) < 5:
                found.examples.append(f"{label} {act.on} {act.kind}".strip())
    report.lives_touched += touched


def facts_of(answers: dict[str, Any]) -> Remembered:
    """The outside port as it answered when the acts were recorded."""
    return Remembered(answers)


def side_by_side(
    programmes: list[p.Programme],
) -> list[tuple[str, Text, list[p.Dimension | None]]]:
    """The dimensions of comparison with what every programme says (None: not stated)."""
    profiles: list[dict[Any, p.Dimension]] = [programme.profile for programme in programmes]
    return [(key, name, [one.get(key) for one in profiles]) for key, name in DIMENSIONS.items()]


__all__ = [
    "Difference",
    "Editions",
    "Otherwise",
    "Report",
    "differences",
    "facts_of",
    "rejudge",
    "side_by_side",
]
