"""One centre's table as a page shows it: every value by its hands, with what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import prefetch_related_objects

from banfa.office.evaluations import (
    goals,
    plausibility,
    proofs,
    queries,
    reports,
    rights,
    yearly,
)
from banfa.office.evaluations.models import Entry, Figure, FigureChange, Kind, Proof, Stage
from banfa.office.evaluations.queries import written
from banfa.office.evaluations.systems import fields_of, system_of, years_of
from banfa.office.ledger.models import ActRecord
from banfa.rules.life import digest
from banfa.rules.score_words import with_unit
from banfa.rules.system import Indicator
from banfa.rules.words import Text, words


@dataclass(slots=True)
class Line:
    """One value that is asked for.

    `before` is the year before's, `report` the yearly report's value for the year itself where this
    is a round's table (its `entry` is the report's table), `values` what each hand has (as a field
    takes it back), `said` each hand's own last words, `asks` what wants a reason; `frozen` is the
    value as the report's act found it (None: not reported yet, or no value). `needed`: whoever
    reports must fill it in.
    """

    name: str
    indicator: Indicator
    year: int
    group: Text
    before: str | None
    goal: goals.Compared | None
    values: dict[int, str | None]
    said: dict[int, str]
    evidence: str
    asks: list[Text]
    missing: bool
    frozen: str | None = None
    report: Figure | None = None
    needed: bool = False
    changes: list[FigureChange] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The name of its fields."""
        return f"{self.name}.{self.year}"

    @property
    def reported(self) -> str | None:
        """The yearly report's value for the year, as a field takes it; None: there is none."""
        if self.report is None:
            return None
        return written(self.indicator, self.report.at(Stage.VERIFIED))

    def held(self, stage: int) -> str | None:
        """The value as a hand has it, or the hands before."""
        return next((self.values[s] for s in range(stage, 0, -1) if s in self.values), None)


@dataclass(slots=True)
class Sheet:
    """A centre's table: its lines, what is still open, and the report's act if it is frozen.

    `act` is the act by which the year was reported, `digest` that of the values as they then were.
    """

    entry: Entry
    step: Stage | None
    lines: list[Line]
    open: int
    act: ActRecord | None = None
    digest: str = ""


def sheet(entry: Entry) -> Sheet:
    """A centre's table: nine queries at most, whatever its size."""
    collection = entry.collection
    system, years = system_of(collection.system), years_of(collection)
    getattr(entry, "_prefetched_objects_cache", {}).pop("figures", None)
    prefetch_related_objects([entry], "figures")
    figures = list(entry.figures.all())
    held = {(f.indicator, f.year): f for f in figures}
    changes: dict[int, list[FigureChange]] = {}
    for change in FigureChange.objects.filter(figure__entry=entry).select_related("by"):
        changes.setdefault(change.figure_id, []).append(change)
    past_reports = yearly.of(entry)
    again = past_reports if collection.kind == Kind.ROUND else {}
    asked: dict[tuple[str, int | None], list[Text]] = {}
    asks = plausibility.asks(entry, past_reports)
    for problem in asks:
        asked.setdefault((problem.indicator, problem.year), []).append(problem.text)
    needed = set(plausibility.needed(collection))
    gaps = {(g.indicator, g.year) for g in plausibility.gaps(entry)}
    aims, files = goals.held(entry.centre_id, years), proofs.held(entry)
    act = reports.report_of(entry) if collection.kind == Kind.ANNUAL else None
    lines = []
    order = list(system.groups)
    fields = fields_of(collection, _furthest(entry))
    for name, one in sorted(fields.items(), key=lambda field: order.index(field[1].group)):
        for year in years:
            at = (name, year)
            figure, past = held.get(at), yearly.before(held, past_reports, name, year)
            history = sorted(changes.get(figure.pk, []), key=lambda c: c.pk) if figure else []
            own = figure.at(Stage.VERIFIED) if figure is not None else None
            line = Line(
                name, one, year, words(system.groups[one.group].name),
                written(one, past.at(Stage.VERIFIED)) if past is not None else None,
                goals.compared(one, aims.get(at), own),
                _values(one, figure), _said(history), _evidence(figure), asked.get(at, []),
                at in gaps, report=again.get(at), needed=at in needed,
                changes=history[::-1], proofs=files.get(at, []),
            )  # fmt: skip
            if act is not None:
                line.frozen = written(one, _as_of(history, act))
            lines.append(line)
    made = Sheet(entry, queries.next_step(entry), lines, len(asks) + len(gaps), act)
    if act is not None:
        made.digest = digest_of(entry, {line.key: line.frozen for line in lines})
    return made


def _furthest(entry: Entry) -> int:
    """How far the hands go that the table shows: what verifiers ask is shown to them alone, until
    they are at it."""
    steps = rights.steps(entry.collection)
    return max(steps, default=Stage.REPORTED)


def _values(one: Indicator, figure: Figure | None) -> dict[int, str | None]:
    if figure is None:
        return {}
    given = {1: figure.reported, 2: figure.reviewed, 3: figure.verified}
    return {s: written(one, v) for s, v in given.items() if s <= figure.stage and (
        s == figure.stage or v is not None)}  # fmt: skip


def _said(history: list[FigureChange]) -> dict[int, str]:
    """Each hand's last words on a value."""
    return {int(change.stage): change.reason for change in history if change.reason}


def _evidence(figure: Figure | None) -> str:
    texts = [str(e.get("text", "")) for e in figure.evidence] if figure is not None else []
    return "；".join(text for text in texts if text)


def _as_of(history: list[FigureChange], act: ActRecord) -> int | None:
    """The value as it stood when the act was recorded."""
    past = [change.after for change in history if change.at <= act.recorded]
    return past[-1] if past else None


def digest_of(entry: Entry, values: dict[str, str | None]) -> str:
    """What proves that values are those of a table: over the system, the centre and each value."""
    given = {
        "centre": entry.centre_id,
        "year": entry.collection.year,
        "system": entry.collection.system.digest,
        "values": {name: value for name, value in sorted(values.items()) if value is not None},
    }
    return digest(given)


def table_text(made: Sheet) -> Text:
    """A table in words for an act's form, with the digest of its values: one line a value."""
    values = {line.key: line.held(Stage.VERIFIED) for line in made.lines}
    zh, en = [], []
    for line in made.lines:
        value = values[line.key]
        told = with_unit(value, line.indicator) if value is not None else Text("缺", "missing")
        zh.append(f"{line.indicator.name.zh}：{told.zh}")
        en.append(f"{line.indicator.name.en}: {told.en}")
    of = made.entry.collection
    proof = digest_of(made.entry, values)
    return Text(
        f"{of.name_zh}：\n" + "；\n".join(zh) + f"。\n数据校验值 {proof}",
        f"{of.name_en or of.name_zh}:\n" + ";\n".join(en) + f".\nDigest of the values {proof}",
    )
