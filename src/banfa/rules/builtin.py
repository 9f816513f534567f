"""Acts that every programme has in the same form, made from a few declared lines.

They are ordinary acts of the vocabulary: judged, cited and recorded like all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from banfa.rules import programme as p
from banfa.rules.life import CONCUR, CORRECTION


def _w(zh: str, en: str) -> p.Words:
    return p.Words(zh=zh, en=en)


def all_acts(programme: p.Programme) -> dict[str, p.Act]:
    """The programme's own acts, its registers and the generic acts it declares, by id."""
    acts = dict(programme.acts)
    for name, register in programme.registers.items():
        acts[f"record_{name}"] = register_act(register)
    if programme.exceptions is not None:
        acts["exception_decision"] = _exception(programme.exceptions)
    acts["annul"] = _annul(programme)
    acts["annul_programme_act"] = _annul(programme, level="programme")
    if programme.documents:
        acts[CORRECTION] = _correction(programme.annulment)
    joint = sorted({n for a in programme.acts.values() if a.jointly for n in a.jointly.parties})
    if joint:
        acts[CONCUR] = _concur(joint, programme)
    if programme.parameters:
        acts["set_parameter"] = _set_parameter(programme)
    if programme.defaults:
        acts["set_default"] = _set_default(programme)
    if programme.existing is not None:
        acts["enter_existing_centre"] = _existing(programme.existing)
    if programme.validity_extension is not None:
        acts["extend_validity"] = _extend(programme.validity_extension)
    return acts


def register_act(register: p.Register) -> p.Act:
    """The act that adds a row to a register."""
    return p.Act(
        name=register.name,
        cite=register.cite,
        default=register.default,
        by=register.by,
        from_=register.from_,
        with_=register.columns,
        key=register.key,
        when=register.when,
        then=register.then,
        help=register.help,
    )


def _exception(basis: p.ByAuthority) -> p.Act:
    return p.Act(
        name=_w("作出例外决定", "Grant an exception"),
        cite=[basis.cite] if basis.cite else [],
        default=basis.default,
        by=basis.by,
        from_=["none", "any"],
        with_={
            "rule": p.Input(name=_w("适用的条件（行为.条件）", "Rule (act.condition)")),
            "limit": p.Input(
                name=_w("限度（日期、数量等）", "Limit (a date, a number)"), required=False
            ),
            "reason": p.Input(type="long_text", name=_w("理由", "Reason")),
            "document_no": p.Input(name=_w("文号", "Document number")),
        },
    )


def _annul(programme: p.Programme, level: Any = "centre") -> p.Act:
    basis = programme.annulment
    return p.Act(
        name=_w("更正：撤回误记的行为", "Annul an act recorded by mistake"),
        cite=[basis.cite] if basis.cite else [],
        default=basis.default,
        level=level,
        by=["anyone"],
        from_=["none", "any"] if level == "centre" else None,
        outside_force=True,
        with_={
            "target": p.Input(type="integer", name=_w("更正的行为序号", "Number of the act")),
            "dependents": p.Input(
                type="rows",
                columns={"seq": p.Input(type="integer", name=_w("序号", "Number"))},
                name=_w("一并撤回的后续行为", "Later acts annulled with it"),
                required=False,
            ),
            "reason": p.Input(type="long_text", name=_w("理由", "Reason")),
        },
    )


def _correction(basis: p.Basis) -> p.Act:
    return p.Act(
        name=_w("补正材料", "Correct documents on file"),
        cite=[basis.cite] if basis.cite else [],
        default=basis.default,
        by=["anyone"],
        from_=["any"],
        outside_force=True,
        with_={
            "target": p.Input(
                type="integer", name=_w("材料所属行为的序号", "Number of the act they belong to")
            ),
            "reason": p.Input(type="long_text", name=_w("补正事由", "Reason")),
        },
    )


def _concur(joint: list[str], programme: p.Programme) -> p.Act:
    cited = sorted(
        {
            c
            for a in programme.acts.values()
            if a.jointly
            for c in ([a.jointly.cite] if a.jointly.cite else a.cite)
        }
    )
    return p.Act(
        name=_w("会同意见", "Concur or object"),
        cite=cited,
        default=None if cited else programme.annulment.default,
        by=joint,
        from_=["none", "any"],
        with_={
            "draft": p.Input(name=_w("所议文稿摘要值", "Digest of the draft")),
            "agrees": p.Input(type="boolean", name=_w("同意", "Agrees")),
            "reason": p.Input(type="long_text", name=_w("意见", "Opinion"), required=False),
        },
    )


def _set_parameter(programme: p.Programme) -> p.Act:
    setters = sorted({n for v in programme.parameters.values() for n in v.set_by})
    cited = sorted({v.cite for v in programme.parameters.values() if v.cite})
    defaults = sorted({v.default for v in programme.parameters.values() if v.default})
    return p.Act(
        name=_w("设定由主管部门规定的数值", "Set a value left to the authority"),
        cite=cited,
        default=None if cited or not defaults else defaults[0],
        level="programme",
        by=setters,
        with_={
            "parameter": p.Input(
                type="choice",
                options={k: v.name for k, v in programme.parameters.items()},
                name=_w("项目", "Parameter"),
            ),
            "year": p.Input(type="year", name=_w("年度", "Year"), required=False),
            "value": p.Input(name=_w("数值", "Value")),
            "from": p.Input(type="date", name=_w("生效日期", "In force from"), required=False),
        },
    )


def _set_default(programme: p.Programme) -> p.Act:
    return p.Act(
        name=_w("调整系统缺省处理", "Choose how a silence is handled"),
        cite=[programme.annulment.cite] if programme.annulment.cite else [],
        default=programme.annulment.default,
        level="programme",
        by=programme.authority,
        with_={
            "default": p.Input(
                type="choice",
                options={k: v.gap for k, v in programme.defaults.items()},
                name=_w("缺省项", "Default"),
            ),
            "to": p.Input(name=_w("采用", "Setting")),
            "from": p.Input(type="date", name=_w("生效日期", "In force from"), required=False),
            "reason": p.Input(type="long_text", name=_w("理由", "Reason"), required=False),
        },
    )


def _existing(existing: p.Existing) -> p.Act:
    return p.Act(
        name=_w("补录既有中心", "Enter an existing centre"),
        cite=[existing.cite] if existing.cite else [],
        default=existing.default,
        by=existing.by,
        from_=["none"],
        outside_force=True,
        with_={
            "stage": p.Input(name=_w("现处阶段", "Stage")),
            "since": p.Input(
                name=_w("起始日期（可只有年或年月）", "Since (may be partial)"), required=False
            ),
            "basis": p.Input(name=_w("依据文件", "Basis document")),
            "class": p.Input(name=_w("类别", "Class"), required=False),
            "roles": p.Input(type="data", name=_w("各方", "Roles"), required=False),
            "values": p.Input(type="data", name=_w("已知事项", "Known facts"), required=False),
            "periods": p.Input(type="data", name=_w("期限", "Periods"), required=False),
            "results": p.Input(
                type="data", name=_w("已有评估结果", "Earlier results"), required=False
            ),
        },
    )


def _extend(basis: p.ByAuthority) -> p.Act:
    return p.Act(
        name=_w("延长有效期", "Extend the regulation's validity"),
        cite=[basis.cite] if basis.cite else [],
        default=basis.default,
        level="programme",
        by=basis.by,
        outside_force=True,
        with_={
            "until": p.Input(type="date", name=_w("延长至", "Until"), missing="VALUE_NOT_SET"),
            "document_no": p.Input(name=_w("文号", "Document number")),
        },
    )


_PLAIN = (str, int, float, bool, bytes, type(None))


def references(node: Any, path: str = "") -> Iterator[str]:
    """Every reference (`with.x`, `period.x.end`, ...) in terms inside a model."""
    if isinstance(node, BaseModel):
        for name in type(node).model_fields:
            value = getattr(node, name)
            if name in _TERM_FIELDS and isinstance(value, str):
                yield value
            elif name in _TERM_LISTS and isinstance(value, list):
                for item in value:
                    if isinstance(item, str):
                        yield item
                    else:
                        yield from references(item)
            elif name in _TERM_MAPS and isinstance(value, dict):
                for item in value.values():
                    if isinstance(item, str):
                        yield item
                    else:
                        yield from references(item)
            elif not isinstance(value, _PLAIN):
                yield from references(value)
    elif isinstance(node, dict):
        for value in node.values():
            yield from references(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from references(value)


_TERM_FIELDS = frozenset(
    {
        "value",
        "equals",
        "differs_from",
        "member_of",
        "covers",
        "times",
        "at_least",
        "at_most",
        "above",
        "below",
        "on_or_before",
        "on_or_after",
        "before",
        "after",
        "given",
        "key",
        "from_",
        "year_of",
        "size",
        "year",
        "start",
        "end",
        "grade",
        "round",
        "of",
        "who",
        "team",
        "by",
        "since",
        "due",
        "one_per",
        "class_",
        "contains",
    }
)
_TERM_LISTS = frozenset({"sum", "difference", "product", "latest", "earliest"})
_TERM_MAPS = frozenset({"bind", "set", "keep", "end", "with_"})
