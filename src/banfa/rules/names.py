"""The names a centre may bear: by stage and class, in Chinese and English."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from banfa.rules.programme import NameForm
from banfa.rules.terms import Ctx, derive, expand

if TYPE_CHECKING:
    import datetime as dt

    from banfa.rules.life import State
    from banfa.rules.programme import Programme

_PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(slots=True, frozen=True)
class Expected:
    """The name that fits, or none with the form that bars it or is missing."""

    text: str | None
    form: str | None
    model: NameForm | None


@dataclass(slots=True, frozen=True)
class CurrentNames:
    """The names of a centre on a day; `barred` when the regulation forbids the name's use."""

    zh: str | None
    en: str | None
    form: str | None
    cite: str | None
    default: str | None
    may: bool
    barred: bool


def normal(name: str) -> str:
    """A name with full-width brackets in Chinese text and single spaces."""
    if any("\u4e00" <= c <= "\u9fff" for c in name):
        name = name.replace("(", "（").replace(")", "）")
    return " ".join(name.split())


def same(a: str, b: str) -> bool:
    """Whether two names are the same apart from bracket width and spacing."""
    return normal(a) == normal(b)


def form_of(programme: Programme, stage: str | None, centre_class: str | None) -> str | None:
    """The id of the name form in use in a stage, or None where the text gives none."""
    for name, form in programme.names.items():
        if stage in expand(programme, form.stages) and form.class_ in (None, centre_class):
            return name
    return None


def places(template: str) -> list[str]:
    """The values a template is made of."""
    return _PLACE.findall(template)


def fill(template: str, values: dict[str, Any]) -> str | None:
    """A template with its places filled, or None when a value is not on file."""
    if any(not values.get(n) for n in _PLACE.findall(template)):
        return None
    return normal(_PLACE.sub(lambda m: str(values[m.group(1)]), template))


def expected(x: Ctx, form: str, lang: str) -> Expected:
    """The name that `form` (or the stage's own, `current`) gives in one language.

    What the act itself brings (an input named like a value) comes before what is on file.
    """
    programme = x.programme
    if form == "current":
        stage = derive(programme)(x.state, x.on)
        found = form_of(programme, stage, x.state.centre_class)
        if found is None:
            return Expected(None, None, None)
        form = found
    model = programme.names[form]
    template = model.zh if lang == "zh" else model.en
    if model.barred or template is None:
        return Expected(None, form, model)
    return Expected(fill(template, {**x.state.values, **x.data}), form, model)


def current(programme: Programme, state: State, on: dt.date) -> CurrentNames:
    """The names on a day, from the stage, the class and the facts on file."""
    form = form_of(programme, derive(programme)(state, on), state.centre_class)
    if form is None:
        return CurrentNames(None, None, None, None, None, False, False)
    model = programme.names[form]
    zh = fill(model.zh, state.values) if model.zh and not model.barred else None
    en = fill(model.en, state.values) if model.en and not model.barred else None
    return CurrentNames(zh, en, form, model.cite, model.default, model.may, model.barred)
