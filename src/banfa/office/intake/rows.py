"""From rows of a list to proposals: partial days, stages by name, organisations on file."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from banfa.office.intake.columns import KIND, PLACE, Column, Plan, targets
from banfa.office.intake.sheets import MOST_CELL, Table
from banfa.office.ledger.models import Centre
from banfa.office.ledger.verbs import Proposal, as_org
from banfa.office.people.models import Organisation, Place, User
from banfa.rules import names as name_rules
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text, stated_day, words

Read = tuple[str, str, str, str]
"""What was understood of a row: what it is and how it is, each in Chinese and in English."""
_PARTS = re.compile(r"[、,，;；\n]+")
_DAY = re.compile(r"(\d{4})\s*[-./年]?\s*(?:(\d{1,2})\s*[-./月]?\s*(?:(\d{1,2})\s*日?)?)?")
_USCC = re.compile(r"[0-9A-HJ-NP-RT-UW-Y]{18}")
_AT_START = ("=", "\t", "\r")


@dataclass(slots=True)
class Fault:
    """What cannot be read in a row, with the column's heading ('' for the row as a whole)."""

    column: str
    text: Text


@dataclass(slots=True)
class Row:
    """A row of the file: what it proposes, unless `faults` stand against it.

    `read` is what was understood, `notes` what to look at again although nothing forbids it.
    """

    line: int
    name: str
    proposal: Proposal | None = None
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    read: list[Read] = field(default_factory=list)
    known: str | None = None


@dataclass
class Reading:
    """What is the same for all rows: the programme, its columns, the day, who enters them."""

    rs: Ruleset
    plan: Plan
    columns: Sequence[Column]
    on: dt.date
    basis: str = ""
    user: User | None = None
    person: str | None = None

    @cached_property
    def made_of(self) -> list[str]:
        """The values that a centre's names are made of."""
        forms = self.rs.programme.names.values()
        return [place for f in forms for place in name_rules.places(f.zh or f.en or "")]

    @cached_property
    def headings(self) -> dict[str, str]:
        """The headings by what the columns hold."""
        return {c.target: c.heading for c in self.columns}

    @cached_property
    def possible(self) -> dict[str, Text]:
        """Everything a column can be, with its words."""
        return targets(self.rs.programme)

    @cached_property
    def places(self) -> set[str]:
        """The names of the places on file, full and short; empty: none is, so none is checked."""
        found = Place.objects.values_list("name_zh", "short_zh")
        return {name for pair in found for name in pair if name}

    def rows(self, table: Table) -> list[Row]:
        """Every row of a table, in its order."""
        organisations = _Organisations(self, table)
        known = _known(self.rs.programme.programme)
        seen: dict[str, int] = {}
        found = []
        for line, cells in zip(table.lines, table.rows, strict=True):
            row = _RowReader(self, organisations, line, cells).read()
            self._once(row, known, seen)
            found.append(row)
        return found

    def _once(self, row: Row, known: Mapping[str, str], seen: dict[str, int]) -> None:
        """A centre of that name that is on file, or stands in an earlier row, is a fault."""
        if not row.name:
            row.faults.append(Fault("", Text("没有中心名称", "the centre has no name")))
        elif row.name in known:
            at = row.known = known[row.name]
            row.faults.append(Fault("", Text(f"已在册（{at}）", f"already on file ({at})")))
        elif row.name in seen:
            at = str(seen[row.name])
            row.faults.append(Fault("", Text(f"与第{at}行重复", f"the same as line {at}")))
        else:
            seen[row.name] = row.line


def _known(programme: str) -> dict[str, str]:
    """The centres on file by name: one query."""
    found: dict[str, str] = {}
    rows = Centre.objects.filter(book=programme).values_list("id", "name_zh", "title_zh", "subject")
    for number, *names in rows:
        found.update(dict.fromkeys(filter(None, names), number))
    return found


class _Organisations:
    """The organisations that the rows name, by name or unified social credit code."""

    def __init__(self, reading: Reading, table: Table) -> None:
        numbers = [c.number for c in reading.columns if c.target.startswith("roles.")]
        named = {
            part.strip()
            for row in table.rows
            for n in numbers
            if n < len(row)
            for part in _PARTS.split(row[n])
        }
        self.by_name: dict[str, list[Organisation]] = {}
        self.by_code: dict[str, Organisation] = {}
        if named:
            for one in Organisation.objects.filter(name_zh__in=named, active=True):
                self.by_name.setdefault(one.name_zh, []).append(one)
            for one in Organisation.objects.filter(uscc__in=named, active=True):
                self.by_code[str(one.uscc)] = one

    def find(self, name: str, kind: str, place: str) -> dict[str, Any] | Text:
        """An organisation as acts hold it; a new one is known by its name. Or what is wrong."""
        if _USCC.fullmatch(name):
            one = self.by_code.get(name)
            return as_org(one) if one else Text(f"没有代码为 {name} 的单位", f"no unit {name}")
        same = self.by_name.get(name, [])
        if len(same) > 1:
            return Text(
                f"有 {len(same)} 个单位名为“{name}”，请写统一社会信用代码",
                f"{len(same)} organisations are called '{name}': give the code",
            )
        if same:
            return as_org(same[0])
        if len(name) > 200:
            return Text("单位名称过长（至多200字）", "the name has more than 200 characters")
        given = {"org": name, "name": name, "kind": kind, "place": place}
        return {k: v for k, v in given.items() if v}


class _RowReader:
    """Reads one row."""

    def __init__(
        self, reading: Reading, organisations: _Organisations, line: int, cells: Sequence[str]
    ) -> None:
        self.reading, self.organisations = reading, organisations
        self.programme = reading.rs.programme
        self.cells = cells
        self.row = Row(line, "")
        self.data: dict[str, Any] = {}

    def read(self) -> Row:
        """The row with its proposal."""
        for name, value in self.reading.plan.always.items():
            self.data[name] = value
        if self.reading.basis:
            self.data["basis"] = self.reading.basis
        self.place_from = self.reading.plan.place or PLACE
        self.place = self._raw(self.place_from)
        self._check_place()
        for column in self.reading.columns:
            text = self.cells[column.number].strip() if column.number < len(self.cells) else ""
            if column.target and text:
                self._take(column, text)
        self.row.name = self._name()
        self._complete()
        self.row.read = list(self._understood())
        row, asked = self.row, self.reading
        existing = self.programme.existing
        assert existing is not None
        row.proposal = Proposal(
            KIND,
            existing.by[0],
            asked.on,
            self.programme.programme,
            data=self.data,
            user=asked.user,
            person=asked.person,
        )
        return row

    def _raw(self, target: str) -> str:
        for column in self.reading.columns:
            if column.target == target and target and column.number < len(self.cells):
                return self.cells[column.number].strip()
        return ""

    def _fault(self, column: str, zh: str, en: str) -> None:
        self.row.faults.append(Fault(column, Text(zh, en)))

    def _take(self, column: Column, text: str) -> None:
        if column.target == PLACE and len(text) <= 100:
            return None  # it tells where the organisations are, and is no fact of the centre
        if len(text) > MOST_CELL:
            return self._fault(column.heading, f"文字过长（至多{MOST_CELL}字）", "too long")
        if text.startswith(_AT_START):
            return self._fault(column.heading, "以“=”开头，疑似公式", "looks like a formula")
        if any(ord(c) < 32 and c not in "\n\r\t" for c in text):
            return self._fault(
                column.heading, "含有不可见的控制字符", "there are control characters in it"
            )
        group, _, name = column.target.partition(".")
        if group == "values":
            self._value(column, name, text)
        elif group == "roles":
            self._role(column, name, text)
        elif group == "periods":
            period, _, side = name.partition(".")
            self._period(column, period, side, text)
        elif group == "since":
            self._since(column, text)
        elif group in ("stage", "class"):
            self._named(column, group, text)
        else:
            self.data[group] = text
        return None

    def _check_place(self) -> None:
        """A place that is not on file is taken as it is; lists by place will not find it."""
        places = self.reading.places
        if self.place and places and self.place not in places and len(self.place) <= 100:
            said = Text(
                f"“{self.place}”不在行政区划表中，按所在地查找、统计时找不到；请核对，或写所在省份",
                f"'{self.place}' is no place on file: lists by place will not find it",
            )
            self.row.notes.append(Fault(self.reading.headings.get(self.place_from, ""), said))

    def _understood(self) -> Iterator[Read]:
        """What the row says, as it was read, in the order in which people check it."""
        data, said = self.data, self.reading.possible
        if self.reading.headings.get("since", "") not in {f.column for f in self.row.faults}:
            since = _said_since(data.get("since"))
            yield said["since"].zh.split("（")[0], "Since", since.zh, since.en
        for name, options in (("stage", self.programme.stages), ("class", self.programme.classes)):
            if data.get(name) in (options or {}):
                told = words(options[data[name]].name)
                yield said[name].zh, said[name].en, told.zh, told.en
        if self.place_from == PLACE and self.place:
            yield said[PLACE].zh, said[PLACE].en, self.place, self.place
        for party, held in data.get("roles", {}).items():
            told = _said_orgs(held if isinstance(held, list) else [held])
            yield said[f"roles.{party}"].zh, said[f"roles.{party}"].en, told.zh, told.en
        for name, value in data.get("values", {}).items():
            if value != self.row.name:
                told = _said_value(value)
                yield said[f"values.{name}"].zh, said[f"values.{name}"].en, told.zh, told.en
        for name, span in data.get("periods", {}).items():
            told = words(self.programme.periods[name].name)
            shown = f"{span.get('start', '')} — {span.get('end', '')}"
            yield told.zh, told.en, shown, shown
        if data.get("basis"):
            yield said["basis"].zh, said["basis"].en, data["basis"], data["basis"]

    def _since(self, column: Column, text: str) -> None:
        day = partial_day(text)
        if day is None:
            self._fault(
                column.heading,
                f"“{text[:40]}”不是日期，请写成 2016、2016-06 或 2016-06-30",
                f"'{text[:40]}' is no day: write 2016, 2016-06 or 2016-06-30",
            )
        else:
            self.data["since"] = day

    def _named(self, column: Column, group: str, text: str) -> None:
        """A stage or a class by its name or id."""
        assert self.programme.existing is not None
        options: Mapping[str, Any] = self.programme.classes or {}
        if group == "stage":
            options = {s: self.programme.stages[s] for s in self.programme.existing.stages}
        for name, model in options.items():
            if text in (name, model.name.zh, model.name.en):
                self.data[group] = name
                return
        allowed = "、".join(m.name.zh for m in options.values())
        self._fault(
            column.heading, f"“{text[:40]}”不在可选之列（{allowed}）", f"'{text[:40]}' is not known"
        )

    def _value(self, column: Column, name: str, text: str) -> None:
        kind = self.programme.values[name].type
        value: Any = text
        if kind in ("people", "texts", "choices"):
            value = [part.strip() for part in _PARTS.split(text) if part.strip()]
        elif kind == "date":
            day = partial_day(text)
            if day is None or len(day) < 10:
                self._fault(
                    column.heading, f"“{text[:40]}”不是完整日期", f"'{text[:40]}' is no full day"
                )
                return
            value = day
        elif kind in ("organisation", "organisations"):
            found = self._found(column, text, "")
            value = found[:1][0] if kind == "organisation" and found else found
        elif kind == "rows":
            self._fault(column.heading, "这一项是表格，不能在一列中填写", "this is a table")
            return
        if value not in ([], None):
            self.data.setdefault("values", {})[name] = value

    def _role(self, column: Column, party: str, text: str) -> None:
        kinds = self.programme.parties[party].kinds
        kind = self.reading.plan.kinds.get(party) or (kinds[0] if len(kinds) == 1 else "")
        if found := self._found(column, text, kind):
            held = self.data.setdefault("roles", {})
            held[party] = found if len(found) > 1 else found[0]

    def _found(self, column: Column, text: str, kind: str) -> list[dict[str, Any]]:
        found = []
        for name in filter(None, (part.strip() for part in _PARTS.split(text))):
            one = self.organisations.find(name, kind, self.place)
            if isinstance(one, Text):
                self.row.faults.append(Fault(column.heading, one))
            else:
                found.append(one)
        return found

    def _period(self, column: Column, period: str, side: str, text: str) -> None:
        day = partial_day(text)
        if day is None or len(day) < 10:
            self._fault(
                column.heading, f"“{text[:40]}”不是完整日期", f"'{text[:40]}' is no full day"
            )
        else:
            self.data.setdefault("periods", {}).setdefault(period, {})[side] = day

    def _name(self) -> str:
        """What the centre is called: its name, or the field that its name will be made of."""
        values = self.data.get("values", {})
        found = (values.get(name) for name in self.reading.made_of or values)
        return next((one for one in found if isinstance(one, str) and one), "")

    def _complete(self) -> None:
        """What the act cannot do without."""
        assert self.programme.existing is not None
        stages = self.programme.existing.stages
        if "stage" not in self.data and len(stages) == 1:
            self.data["stage"] = stages[0]
        asked = {f.column for f in self.row.faults}
        headings = self.reading.headings
        for name, zh, en in (("stage", "现处阶段", "stage"), ("basis", "依据文件", "basis")):
            if not self.data.get(name) and headings.get(name) not in asked:
                self._fault(headings.get(name, ""), f"缺少{zh}", f"the {en} is missing")


def _said_since(stated: str | None) -> Text:
    """A beginning with how precise it is."""
    told = stated_day(stated or "")
    kinds = {4: Text("（只到年）", " (year only)"), 7: Text("（只到月）", " (month only)")}
    return told + kinds.get(len(stated or ""), Text("", ""))


def _said_orgs(held: Sequence[Mapping[str, Any]]) -> Text:
    """Organisations, each with where it is, and whether it is on file."""
    zh, en = [], []
    for one in held:
        place = f"，{one['place']}" if one.get("place") else ""
        fresh = one["org"] == one.get("name")
        zh.append(f"{one.get('name')}（{'新单位' if fresh else '已在册'}{place}）")
        en.append(f"{one.get('name')} ({'new' if fresh else 'on file'}{place.replace('，', ', ')})")
    return Text("、".join(zh), ", ".join(en))


def _said_value(value: Any) -> Text:
    if isinstance(value, Mapping):
        return _said_orgs([value])
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return _said_orgs(value)
    text = "、".join(map(str, value)) if isinstance(value, list) else str(value)
    short = text if len(text) <= 200 else f"{text[:200]}…"
    return Text(short, short)


def partial_day(text: str) -> str | None:
    """A year, a month or a day as `2016`, `2016-06` or `2016-06-30`; None when it is none."""
    found = _DAY.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    assert year is not None
    try:
        dt.date(year, month or 1, day or 1)
    except ValueError:
        return None
    if not 1900 <= year <= 2200:
        return None
    parts = [f"{year:04d}", *(f"{n:02d}" for n in (month, day) if n is not None)]
    return "-".join(parts)
