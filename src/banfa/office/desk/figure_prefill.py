"""A year's figures on their way into the act that reports them, with the digest of their values, or
into one that evaluates the centre; and the figures of the last years beside such an act's form.

Any act that a programme asks for yearly can take them, so this reads the act's own inputs: the
period goes to the input it is keyed by, a figure to the input of its name and unit, the table in
words to the last section of text of a document (data are annexed at the end), or, when there is
none, its digest to the reference of the first document that is a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, QueryDict

from banfa.office.desk.figure_words import STAGES
from banfa.office.desk.language import say
from banfa.office.evaluations import queries, reports, rounds, sheets
from banfa.office.evaluations.errors import EvaluationError
from banfa.office.evaluations.models import Entry, Kind, Stage
from banfa.office.evaluations.queries import written
from banfa.office.evaluations.sheets import Sheet
from banfa.office.evaluations.systems import fields_of, system_of
from banfa.rules import programme as p
from banfa.rules.ruleset import Ruleset
from banfa.rules.score_words import with_unit
from banfa.rules.system import Indicator
from banfa.rules.words import words


def given(request: HttpRequest, where: Any, kind: str, asked: QueryDict) -> QueryDict:
    """The query of an act's form (`asked`), with what the figures that it names fill in.

    Figures (`figures`, the number of a centre's table) that the person does not see, or of another
    centre or act, fill nothing. What stands in the query already stays.
    """
    raw = request.GET.get("figures", "")
    if not (raw.isascii() and raw.isdigit() and len(raw) < 10 and where.centre):
        return asked
    entry = Entry.objects.filter(
        pk=int(raw), centre=where.centre, collection__kind=Kind.ANNUAL
    ).first()
    if entry is None:
        return asked
    try:
        of = queries.collection(request.reach, entry.collection_id)
        seen = queries.entry(request.reach, of, where.centre)
    except EvaluationError:
        return asked
    report = next((k for k in reports.kinds(str(of.book_id)) if k.act == kind), None)
    made = sheets.sheet(seen)
    if report is not None:
        found = answers(report, made, where.rs)
    else:
        found = _evaluated(where.rs.models[kind], made)
    filled = asked.copy()
    for name, value in found.items():
        filled.setdefault(name, value)
    return filled


def _evaluated(model: p.Act, made: Sheet) -> dict[str, str]:
    """What a year's last values fill into an evaluating act's form, as the indicators say."""
    found = {}
    for line in made.lines:
        name, value = line.indicator.evaluated_as or "", line.held(Stage.VERIFIED)
        wanted = model.with_.get(name)
        if wanted is None or value is None or line.year != made.entry.collection.year:
            continue
        if fits(wanted, line.indicator.unit or ""):
            found[f"with.{name}"] = value
    return found


# --- beside the form ----------------------------------------------------------------------------

YEARS = 3


@dataclass(frozen=True)
class Beside:
    """A centre's yearly figures: each year's table with its state, the latest last, and what each
    indicator came to. `fills`: whether a year can be taken over into the form."""

    years: list[tuple[Entry, tuple[Any, str]]]
    rows: list[tuple[str, list[str]]]
    sample: str
    fills: bool


def beside(where: Any, kind: str) -> Beside | None:
    """The figures that somebody who evaluates a centre by itself has before them: two queries for
    such acts, none for others, None where no figures are collected."""
    alone = {k for w in rounds.ways(where.rs) if not w.opening for k in w.deciding}
    if where.centre is None or kind not in alone:
        return None
    tables = Entry.objects.filter(centre=where.centre, collection__kind=Kind.ANNUAL)
    tables = tables.select_related("collection__system").prefetch_related("figures")
    found = list(tables.order_by("-collection__year", "-pk")[:YEARS])[::-1]
    if not found:
        return None
    latest = found[-1].collection
    fields = fields_of(latest, Stage.VERIFIED)
    model = where.rs.models[kind]
    return Beside(
        [(one, STAGES[Stage(one.stage)]) for one in found],
        [(say(words(f.name)), [_shown(one, n, f) for one in found]) for n, f in fields.items()],
        say(words(system_of(latest.system).sample)),
        any(f.evaluated_as in model.with_ for f in fields.values()),
    )


def _shown(one: Entry, name: str, field: Indicator) -> str:
    """A year's value as the last hand has it, with its unit."""
    held = {(f.indicator, f.year): f for f in one.figures.all()}
    figure = held.get((name, one.collection.year))
    value = written(field, figure.at(Stage.VERIFIED)) if figure is not None else None
    if value is None or field.type != "number":
        return value or "—"
    return say(with_unit(f"{Decimal(value):,}", field))


def answers(report: reports.ReportKind, made: Sheet, rs: Ruleset) -> dict[str, str]:
    """What a table fills into the form of a report's act, by the names of its fields."""
    model, found = rs.models[report.act], {}
    if report.calendar:
        found[f"with.{report.key}"] = str(made.entry.collection.year)
    for line in made.lines:
        wanted, value = model.with_.get(line.name), line.held(Stage.VERIFIED)
        if wanted is None or value is None or line.year != made.entry.collection.year:
            continue
        if fits(wanted, line.indicator.unit or ""):
            found[f"with.{line.name}"] = value
    told = say(sheets.table_text(made))
    if place := _text(rs, model):
        found[place] = told
    elif document := _file(rs, model):
        found[f"documents.{document}.__reference"] = told.rsplit("\n", 1)[-1]
    return found


def fits(wanted: p.Input, unit: str) -> bool:
    """Whether an input takes a number in that unit: amounts in their own, counts in any."""
    if wanted.type == "money":
        return unit == {"wan_yuan": "万元"}.get(wanted.unit or "", "元")
    if wanted.type == "integer":
        return wanted.unit in (None, unit)
    return unit == {"percent": "%"}.get(wanted.unit or "", wanted.unit or "")


def _text(rs: Ruleset, model: p.Act) -> str:
    """The last section of text of the act's documents; '' for none."""
    places = [
        f"documents.{name}.{section}"
        for name in model.documents
        for section, part in rs.programme.documents[name].sections.items()
        if not part.fields
    ]
    return places[-1] if places else ""


def _file(rs: Ruleset, model: p.Act) -> str:
    """The first document that is a file; '' for none."""
    return next((n for n in model.documents if not rs.programme.documents[n].sections), "")
