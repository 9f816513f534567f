"""What all pages of a round share: finding it, its head and tabs, and telling what went wrong."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from banfa.office import clock
from banfa.office.desk import citations
from banfa.office.desk.language import say
from banfa.office.desk.typed import without_nul
from banfa.office.evaluations import round_queries, rounds
from banfa.office.evaluations.errors import EvaluationError, NotOnFile
from banfa.office.evaluations.rounds import Round
from banfa.office.evaluations.systems import system_of
from banfa.rules import programme as p
from banfa.rules import words as wording
from banfa.rules.loading import LoadError, Problem
from banfa.rules.words import Text

View = Callable[..., HttpResponse]
PAGE = 50


def found(view: View) -> View:
    """A round or run that is not there for this person is a page that is not there."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotOnFile as error:
            raise Http404(say(error.text)) from error

    return without_nul(wrapped)


def cited(programme: p.Programme, model: p.Act) -> list[citations.Link]:
    """The articles of an act as links, each wording once."""
    found = citations.links(programme, model.cite, model.default)
    return list({link.text: link for link in found}.values())


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of a round: its address, its words, and whether it is the page at hand."""

    href: str
    text: str
    here: bool


def frame(request: HttpRequest, one: Round, tab: str) -> dict[str, Any]:
    """What the head of every page of a round shows; `tab` is the address name of its tab."""
    at = [one.programme.programme, one.number]
    names = {"round": _("进度"), "round_figures": _("数据核定")}
    scores = round_queries.sees_scores(request.reach, one)
    if scores:
        names["round_scoring"] = _("计分")
    names["round_results"] = _("结果")
    collection = one.collection
    system = system_of(collection.system) if collection is not None else None
    return {
        "here": "rounds",
        "round": one,
        "programme": one.programme,
        "cites": cited(one.programme, one.model),
        "collection": collection,
        "sample": say(wording.words(system.sample)) if system is not None else "",
        "tabs": [Tab(reverse(n, args=at), text, n == tab) for n, text in names.items()],
        "leads": rounds.administers(request.reach, one.programme.programme),
        "scores": scores,
        "today": clock.today(),
        "typed": request.POST,
    }


@dataclass(slots=True)
class Failed:
    """Why something was not done: `said`, each `problems` in a line, and the answer's status."""

    said: str
    problems: list[str]
    status: int

    @property
    def context(self) -> dict[str, Any]:
        """What the page shows of it."""
        return {"said": self.said, "problems": self.problems}


NOTHING = Failed("", [], 200)


def attempt(do: Callable[[], object], one: Round | None = None) -> Failed | None:
    """Does something about a round; None when it is done, else what went wrong, in words. With the
    round its grades, groups and indicators are called by their names."""
    try:
        do()
    except NotOnFile:
        raise
    except EvaluationError as error:
        return Failed(say(error.text), [], error.status)
    except LoadError as error:
        names = _names(one) if one is not None else {}
        lines = [say(_told(x, names)) for x in error.problems]
        return Failed(_("等级线不能这样设定："), lines, 422)
    return None


def _names(one: Round) -> dict[str, Text]:
    """What a round's thresholds name by an id, in words."""
    evaluation, collection = one.programme.evaluation, one.collection
    made = {n: wording.words(g.name) for n, g in evaluation.grades.items()} if evaluation else {}
    if collection is not None:
        system = system_of(collection.system)
        made |= {n: wording.words(g.name) for n, g in system.groups.items()}
        made |= {n: wording.words(i.name) for n, i in system.indicators.items()}
    return made


def _told(problem: Problem, names: Mapping[str, Text]) -> Text:
    """What is wrong with thresholds, for people: names for ids, and no file, which they have not
    seen."""
    zh, en = problem.zh, problem.en
    for name, text in names.items():
        zh = zh.replace(f"“{name}”", f"“{text.zh}”")
        en = en.replace(f"'{name}'", f"'{text.en}'")
    return Text(zh, en)


def unknown() -> None:
    """Refuses what no page offers."""
    raise EvaluationError("没有这一项操作，未作任何变更", "no such doing; nothing was changed")


def day(text: str, zh: str, en: str) -> dt.date:
    """A day as typed. Raises EvaluationError: what it is that wants a day."""
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise EvaluationError(
            f"请填写{zh}，如 2030-11-20", f"say {en}, such as 2030-11-20"
        ) from None


def grade_words(one: Round, grade: str | None) -> str:
    """A grade in words; '' for none."""
    return say(wording.grade(one.programme, grade)) if grade is not None else ""
