"""A year's figures on their way into the act that reports them, with the digest of their values.

Any act that a programme asks for yearly can take them, so this reads the act's own inputs: the
period goes to the input it is keyed by, a figure to the input of its name and unit, the table in
words to the last section of text of a document (data are annexed at the end), or, when there is
none, its digest to the reference of the first document that is a file.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, QueryDict

from banfa.office.desk.language import say
from banfa.office.evaluations import queries, reports, sheets
from banfa.office.evaluations.errors import EvaluationError
from banfa.office.evaluations.models import Entry, Kind, Stage
from banfa.office.evaluations.sheets import Sheet
from banfa.rules import programme as p
from banfa.rules.ruleset import Ruleset


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
    if report is None:
        return asked
    filled = asked.copy()
    for name, value in answers(report, sheets.sheet(seen), where.rs).items():
        filled.setdefault(name, value)
    return filled


def answers(report: reports.ReportKind, made: Sheet, rs: Ruleset) -> dict[str, str]:
    """What a table fills into the form of a report's act, by the names of its fields."""
    model, found = rs.models[report.act], {}
    if report.calendar:
        found[f"with.{report.key}"] = str(made.entry.collection.year)
    for line in made.lines:
        wanted, value = model.with_.get(line.name), line.held(Stage.VERIFIED)
        if wanted is None or value is None or line.year != made.entry.collection.year:
            continue
        if _fits(wanted, line.indicator.unit or ""):
            found[f"with.{line.name}"] = value
    told = say(sheets.table_text(made))
    if place := _text(rs, model):
        found[place] = told
    elif document := _file(rs, model):
        found[f"documents.{document}.__reference"] = told.rsplit("\n", 1)[-1]
    return found


def _fits(wanted: p.Input, unit: str) -> bool:
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
