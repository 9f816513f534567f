"""A regulation article by article: what Banfa does for each, read off the programme itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from banfa.office.desk import citations
from banfa.office.desk.centre_page import value_text
from banfa.office.desk.language import in_english, joined, say
from banfa.office.desk.permitted import setting_text
from banfa.office.ledger.models import Outbox
from banfa.rules import programme as p
from banfa.rules import words
from banfa.rules.citation import Citation
from banfa.rules.ruleset import Ruleset


@dataclass(frozen=True)
class Use:
    """One thing that rests on an article: its sort and its words."""

    sort: str
    text: str


@dataclass
class Place:
    """An article or item: what becomes of it, what rests on it, its official text when loaded."""

    key: str
    anchor: str
    printed: str
    article: p.Article
    kinds: list[str]
    uses: list[Use] = field(default_factory=list)
    kept_by: list[str] = field(default_factory=list)
    text: Any = None


def places(rs: Ruleset, load: Any = None) -> list[Place]:
    """Every article and item of the edition in its own order, with its official text when loaded.

    A text is shown once, at the first of the places that it holds.
    """
    found = sorted(_with_uses(rs).values(), key=lambda place: _order(rs.programme, place.key))
    before = None
    for place in found if load is not None else []:
        text = load.text_at(Citation.parse(place.key, rs.programme.instrument.numbering))
        place.text, before = (text if text != before else None), text or before
    return found


def _with_uses(rs: Ruleset) -> dict[str, Place]:
    programme = rs.programme
    found = {key: _place(rs, key, article) for key, article in programme.articles.items()}
    for cite, use in _uses(rs):
        key = citations.place_of(programme, cite)
        if key in found and use not in found[key].uses:
            found[key].uses.append(use)
    return found


def coverage(found: list[Place]) -> dict[str, int]:
    """How many places are carried out, recorded, or only declare."""
    return {
        kind: sum(1 for place in found if kind in place.article.kind)
        for kind in ("executable", "recorded", "declaratory")
    }


def text_changes(programme: str, edition: str) -> Any:
    """The latest notice that a later load of the official text differs, None when there is none."""
    found = Outbox.objects.filter(
        kind="official_text_changed", book=programme, detail__edition=edition
    )
    return found.order_by("-created", "-id").first()


def _order(programme: p.Programme, key: str) -> Any:
    return Citation.parse(key, programme.instrument.numbering).steps


def _place(rs: Ruleset, key: str, article: p.Article) -> Place:
    kinds = {"executable": _("执行"), "recorded": _("记录"), "declaratory": _("宣示")}
    return Place(
        key,
        citations.anchor(key),
        citations.printed(rs.programme, key),
        article,
        [kinds[k] for k in article.kind],
        kept_by=[name_of(rs, by) for by in article.by],
    )


def name_of(rs: Ruleset, name: str) -> str:
    """The name of an act, document, register or anything else an article may say keeps it."""
    programme = rs.programme
    for known in (
        rs.models,
        programme.documents,
        programme.registers,
        programme.duties,
        programme.parameters,
        programme.procedures,
        programme.parties,
        programme.values,
        programme.notices,
        programme.periods,
        programme.consequences,
        programme.classes,
        programme.stages,
    ):
        if name in known:
            return say(known[name].name)
    if programme.evaluation is not None and name in programme.evaluation.grades:
        return say(programme.evaluation.grades[name].name)
    if name in programme.tasks:
        return _("任务“%s”") % say(programme.tasks[name])
    if name in programme.flags:
        return say(programme.flags[name])
    if name in programme.defaults:
        return _("系统缺省 %s") % name
    if name in programme.names:
        return _("名称 %s") % _template(programme, programme.names[name])
    return name


def _uses(rs: Ruleset) -> Iterator[tuple[str, Use]]:
    """Every citation of the edition with what rests on it."""
    programme = rs.programme
    for name, model in rs.models.items():
        yield from _of_act(rs, name, model)
    for sort, things in (
        (_("义务"), programme.duties),
        (_("后果"), programme.consequences),
        (_("期限"), programme.periods),
        (_("阶段"), programme.stages),
        (_("各方"), programme.parties),
        (_("程序"), programme.procedures),
        (_("文书"), programme.notices),
        (_("留待主管机关"), programme.parameters),
        (_("类别"), programme.classes),
    ):
        for thing in things.values():
            if thing.cite:
                yield thing.cite, Use(sort, say(thing.name))
    for form in programme.names.values():
        if form.cite:
            shown = _("不得使用名称") if form.barred else _template(programme, form)
            yield form.cite, Use(_("名称"), shown)
    for move in programme.transitions:
        if move.cite:
            told = _("自%(day)s转入%(edition)s版")
            said = told % {"day": move.on, "edition": programme.edition}
            yield move.cite, Use(_("过渡"), said)
    if programme.instrument.in_force.cite:
        yield programme.instrument.in_force.cite, Use(_("效力"), _("有效期"))
    if programme.evaluation is not None and programme.evaluation.cite:
        grades = joined(say(g.name) for g in programme.evaluation.grades.values())
        yield programme.evaluation.cite, Use(_("评估"), grades or _("评估办法"))


def _template(programme: p.Programme, form: p.NameForm) -> str:
    """A name's form with its places named, such as 国家〔领域〕中心（筹）."""

    def named(place: re.Match[str]) -> str:
        value = programme.values.get(place.group(1))
        return f"〔{say(value.name) if value is not None else place.group(1)}〕"

    return re.sub(r"\{([a-z_]+)\}", named, say_form(form))


def say_form(form: p.NameForm) -> str:
    """The form in the language of the page, or in the other when there is none."""
    return (form.en or form.zh or "") if in_english() else (form.zh or form.en or "")


def _of_act(rs: Ruleset, name: str, model: p.Act) -> Iterator[tuple[str, Use]]:
    act = say(model.name)
    sort = _("不设此行为") if model.absent is not None else _("行为")
    for cite in model.cite:
        yield cite, Use(sort, act)
    for condition in model.when:
        if condition.cite:
            said = say(words.test(rs.programme, condition, name))
            yield condition.cite, Use(_("条件"), f"{act}：{said}")
        for ground in condition.choose.among.values() if condition.choose is not None else ():
            if ground.cite:
                yield ground.cite, Use(_("条件"), f"{act}：{say(ground.name)}")
    for given in model.with_.values():
        if given.cite:
            yield given.cite, Use(_("填报项"), f"{act}：{say(given.name)}")
    for document, need in model.documents.items():
        if need.cite:
            yield need.cite, Use(_("材料"), f"{act}：{say(rs.programme.documents[document].name)}")
    for other in (model.jointly, model.about, *model.elsewhere.values()):
        if other is not None and other.cite:
            yield other.cite, Use(_("条件"), act)
    if model.by_cite:
        yield model.by_cite, Use(_("办理单位"), act)


# --- what is left to the authority ---------------------------------------------------------------


@dataclass
class Left:
    """A value the authority sets: its name, who sets it, the value in force on the day shown."""

    id: str
    name: str
    setters: str
    basis: Any
    per_year: bool
    values: list[tuple[str, str]] = field(default_factory=list)


def left_to_authority(rs: Ruleset, world: Any, on: Any) -> list[Left]:
    """The parameters, with the values set so far that count on the day."""
    programme, found = rs.programme, []
    for name, model in programme.parameters.items():
        left = Left(
            name,
            say(model.name),
            say(words.parties(programme, model.set_by)),
            citations.link(programme, model.cite, model.default),
            model.per_year,
        )
        given = p.Input(type=model.type, name=model.name, options=model.options)
        for key in _keys(world, name, on) if model.per_year else [None]:
            value = world.parameter(name, on, key)
            if value is not None:
                left.values.append((str(key or ""), value_text(programme, value, given)))
        found.append(left)
    return found


def _keys(world: Any, name: str, on: Any) -> list[Any]:
    years = {
        a.data.get("year") for a in world.of("set_parameter", on) if a.data["parameter"] == name
    }
    return sorted(y for y in years if y is not None)


@dataclass
class InUse:
    """A default: the gap, what the system does there, its setting on the day shown.

    `setting` is in words, or empty when the programme has none; then `option` is shown.
    """

    id: str
    anchor: str
    default: p.Default
    articles: list[citations.Link]
    option: str
    setting: str
    chosen: bool


def defaults_in_use(rs: Ruleset, world: Any, on: Any) -> list[InUse]:
    """Every declared default and the setting in use."""
    found = []
    for name, default in rs.programme.defaults.items():
        chosen = world.choice(name, on)
        setting = chosen or default.options[0]
        articles = citations.links(rs.programme, default.articles)
        found.append(
            InUse(
                name,
                citations.anchor(name),
                default,
                articles,
                setting,
                setting_text(default, setting),
                chosen is not None,
            )
        )
    return found
