"""Figures in workbooks: a template to fill in, and a row-by-row report on one that came back.

An upload is looked at as an archive before anything in it is opened: its size, its directory, what
it would unpack to, and that it holds no programs and no links. The report changes nothing;
`apply` enters what it found good, centre by centre.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

import python_calamine
import xlsxwriter

from banfa.office.evaluations import plausibility, rights, verbs, yearly
from banfa.office.evaluations.errors import EvaluationError, Refused
from banfa.office.evaluations.models import Collection, Entry, Figure, Stage
from banfa.office.evaluations.queries import written
from banfa.office.evaluations.systems import fields_of, scheme_of, system_of, years_of
from banfa.office.ledger.models import Centre
from banfa.office.people.access import Reach
from banfa.rules.figures import Given, from_text, whole
from banfa.rules.loading import Bilingual
from banfa.rules.system import Indicator
from banfa.rules.words import Text

COLUMNS = {
    "centre": "中心编号",
    "name": "中心名称",
    "code": "指标编码",
    "indicator": "指标名称",
    "unit": "单位",
    "year": "年度",
    "before": "上年值",
    "value": "本年值",
    "reason": "说明",
    "evidence": "证明材料（文件名、页码）",
}
"""The columns by their headings; those of `FILLED` are the ones to fill in."""
FILLED = ("value", "reason", "evidence")
NEEDED = ("centre", "code", "year", "value")

MAX_BYTES = 20_000_000
MAX_PARTS = 2_000
MAX_UNPACKED = 150_000_000
MAX_ROWS = 200_000
EXACT = 2**53
DIGITS = 15
"""A spreadsheet keeps so many digits of a number; longer ones are written as text."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_FORBIDDEN = ("vbaproject.bin", "externallinks/", "oleobject", "embeddings/", "activex/")


# --- the template -------------------------------------------------------------------------------


def template(
    collection: Collection, entries: Iterable[Entry], stage: int = Stage.VERIFIED
) -> bytes:
    """A workbook for these centres, with what a hand fills in: last year beside each field, which
    checks what is typed."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False})
    sheet = book.add_worksheet("数据")
    looks = {
        "title": book.add_format({"bold": True, "font_size": 14}),
        "head": book.add_format({"bold": True, "bg_color": "#E8EDF2", "border": 1, "text_wrap": 1}),
        "fixed": book.add_format({"bg_color": "#F4F6F8", "border": 1, "text_wrap": 1}),
        "open": book.add_format({"locked": False, "border": 1, "text_wrap": 1}),
    }
    system = system_of(collection.system)
    sheet.write(0, 0, collection.name_zh, looks["title"])
    sample = f"{system.sample.zh}。" if system.sample is not None else ""
    sheet.write(1, 0, f"{sample}只填“本年值”“说明”“证明材料”三列；没有的数留空，不要填 0。")
    for at, heading in enumerate(COLUMNS.values()):
        sheet.write(3, at, heading, looks["head"])
    sheet.freeze_panes(4, 4)
    for at, width in enumerate((14, 26, 9, 30, 10, 7, 14, 14, 30, 30)):
        sheet.set_column(at, at, width)
    checked: dict[str, list[int]] = {}
    row = 4
    for line in _lines(collection, list(entries), stage):
        for at, (key, value) in enumerate(line.items()):
            look = looks["open"] if key in FILLED else looks["fixed"]
            _write(sheet, row, at, value, look)
        checked.setdefault(str(line["code"]), []).append(row)
        row += 1
    _validations(sheet, collection, checked)
    sheet.protect("", {"format_columns": True, "format_rows": True})
    book.close()
    return buffer.getvalue()


def _write(sheet: Any, row: int, at: int, value: object, look: Any) -> None:
    if value is None or value == "":
        sheet.write_blank(row, at, None, look)
    elif isinstance(value, int):
        sheet.write_number(row, at, value, look)
    elif _NUMBER.fullmatch(str(value)) and len(str(value)) <= DIGITS:
        sheet.write_number(row, at, float(str(value)), look)
    else:
        sheet.write_string(row, at, str(value), look)


def _lines(collection: Collection, entries: list[Entry], stage: int) -> Iterable[dict[str, object]]:
    years = years_of(collection)
    fields = fields_of(collection, stage)
    own: dict[int, dict[tuple[str, int], Figure]] = {}
    for figure in Figure.objects.filter(entry__in=[e.pk for e in entries]):
        own.setdefault(figure.entry_id, {})[figure.indicator, figure.year] = figure
    reported = yearly.of_many(collection, [e.centre_id for e in entries])
    for entry in entries:
        held, past = own.get(entry.pk, {}), reported.get(entry.centre_id, {})
        for name, one in fields.items():
            for year in years:
                last, mine = yearly.before(held, past, name, year), held.get((name, year))
                yield {
                    "centre": entry.centre_id,
                    "name": entry.centre.title_zh or entry.centre_id,
                    "code": one.code,
                    "indicator": one.name.zh,
                    "unit": measure_of(one),
                    "year": year,
                    "before": _shown(one, last),
                    "value": _shown(one, mine),
                    "reason": mine.reason if mine is not None else "",
                    "evidence": "；".join(str(e.get("text", "")) for e in mine.evidence)
                    if mine is not None
                    else "",
                }


def _shown(one: Indicator, figure: Figure | None) -> str:
    shown = written(one, figure.at(Stage.VERIFIED)) if figure is not None else None
    if one.type == "yes_no" and shown is not None:
        return {"yes": "是", "no": "否"}[shown]
    return shown or ""


def _validations(sheet: Any, collection: Collection, rows: Mapping[str, list[int]]) -> None:
    """One rule an indicator, over all its rows."""
    at = list(COLUMNS).index("value")
    for one in system_of(collection.system).indicators.values():
        own = rows.get(one.code, [])
        rule = _rule(one)
        if not own or rule is None:
            continue
        areas = _areas(own)
        first, last = areas[0]
        if len(areas) > 1:
            cell = xlsxwriter.utility.xl_rowcol_to_cell
            rule["multi_range"] = " ".join(f"{cell(a, at)}:{cell(b, at)}" for a, b in areas)
        sheet.data_validation(first, at, last, at, rule)


def _areas(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring rows as areas."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found


def _rule(one: Indicator) -> dict[str, Any] | None:
    told: dict[str, Any] = {"error_title": one.code, "ignore_blank": True}
    if one.type == "yes_no":
        return {**told, "validate": "list", "source": ["是", "否"]}
    if one.type == "grade" and one.kernel is not None:
        inner = next(iter(one.kernel.bands.values())) if one.kernel.bands else one.kernel
        names = [grade.name.zh for grade in (inner.graded or {}).values()]
        return {**told, "validate": "list", "source": names} if len(",".join(names)) < 255 else None
    kind = "decimal" if one.places else "integer"
    low, high = one.allowed.at_least, one.allowed.at_most
    message = f"应为{'数' if one.places else '整数'}"
    if low is not None and high is not None:
        bounds = {"criteria": "between", "minimum": float(low), "maximum": float(high)}
        message += f"，{low} 至 {high}"
    elif high is not None:
        bounds, message = {"criteria": "<=", "value": float(high)}, f"{message}，不大于 {high}"
    else:
        least = float(low) if low is not None else -1e15
        bounds = {"criteria": ">=", "value": least}
        message += f"，不小于 {low}" if low is not None else ""
    return {**told, "validate": kind, **bounds, "error_message": message}


# --- opening one that came back -----------------------------------------------------------------


def inspect(data: bytes) -> None:
    """Looks at an upload's archive without opening what is in it. Raises EvaluationError."""
    if len(data) > MAX_BYTES:
        raise _hostile(f"超过 {MAX_BYTES // 1_000_000} MB", f"over {MAX_BYTES // 1_000_000} MB")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise _hostile("不是 .xlsx 工作簿", "not a workbook (.xlsx)") from None
    names = [part.filename.lower().replace("\\", "/") for part in parts]
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise _hostile("解压后过大", "it unpacks to too much")
    if any(part.flag_bits & 1 for part in parts):
        raise _hostile("已加密；请去掉密码后再上传", "it is encrypted: take the password off")
    if len(set(names)) != len(names) or any(
        name.startswith("/") or ".." in name.split("/") for name in names
    ):
        raise _hostile("内部目录异常", "its directory is not sound")
    if any(mark in name for name in names for mark in _FORBIDDEN):
        raise _hostile(
            "含有宏、嵌入对象或外部链接；请另存为普通 .xlsx",
            "it holds macros, embedded objects or links: save it as plain .xlsx",
        )
    # The sizes that a directory claims are true only if every part ends where it says.
    if not _whole(archive):
        raise _hostile("已损坏，或内容与目录不符", "it is damaged, or its directory is untrue")
    if "[content_types].xml" not in names or "xl/workbook.xml" not in names:
        raise _hostile("不是 .xlsx 工作簿", "not a workbook (.xlsx)")


def _whole(archive: zipfile.ZipFile) -> bool:
    try:
        return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, RuntimeError):
        return False


def _hostile(zh: str, en: str) -> EvaluationError:
    return EvaluationError(f"文件不能接收：{zh}", f"this file is refused: {en}")


def rows_of(data: bytes) -> list[tuple[int, dict[str, Any]]]:
    """The filled rows of an upload's first sheet, by column, with their number in the sheet.

    Raises EvaluationError for what is no workbook, has no headings, or too many rows.
    """
    inspect(data)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        lines = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except Exception:
        # The reader has many errors of its own; to whoever uploads they are all the same.
        raise _hostile("无法读取，可能已损坏", "it cannot be read, and may be damaged") from None
    if len(lines) > MAX_ROWS:
        raise _hostile(f"超过 {MAX_ROWS} 行", f"over {MAX_ROWS} rows")
    keys = {heading: key for key, heading in COLUMNS.items()}
    for number, line in enumerate(lines[:20]):
        heads = {keys[str(c).strip()]: at for at, c in enumerate(line) if str(c).strip() in keys}
        if all(key in heads for key in NEEDED):
            rest = enumerate(lines[number + 1 :], number + 2)
            return [
                (row, {key: cells[at] for key, at in heads.items()})
                for row, cells in rest
                if any(cell not in ("", None) for cell in cells)
            ]
    wanted = "、".join(COLUMNS[key] for key in NEEDED)
    raise EvaluationError(
        f"前 20 行中没有找到表头（须有：{wanted}）；请用下载的模板填写",
        f"no headings in the first 20 rows (needed: {wanted}): fill in the template",
    )


# --- the report ---------------------------------------------------------------------------------


class Outcome(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    EMPTY = "empty"
    WRONG = "wrong"


@dataclass(slots=True)
class RowReport:
    """One row: where it stands, what becomes of it, and what is wrong.

    `name` is the centre's; `before` is the value on file and `shown` what it becomes, as fields
    take them; `typed` is what stands in the cell. `lost`: it names no centre, indicator or year of
    this collection.
    """

    row: int
    centre: str
    indicator: str
    year: int | None
    outcome: Outcome
    shown: str = ""
    problem: Text | None = None
    name: Text | None = None
    one: Indicator | None = None
    before: str | None = None
    typed: str = ""
    lost: bool = False


@dataclass(slots=True)
class Report:
    """Every row, and the values that can be entered, by centre."""

    rows: list[RowReport] = field(default_factory=list)
    values: dict[str, list[verbs.Value]] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> int:
        """How many rows have that outcome."""
        return sum(row.outcome == outcome for row in self.rows)

    def wrong(self) -> list[RowReport]:
        """The rows that cannot be taken."""
        return [row for row in self.rows if row.outcome == Outcome.WRONG]


def check(reach: Reach | None, collection: Collection, stage: int, data: bytes) -> Report:
    """Reads an upload and says, row by row, what entering it would do: three queries, no change.

    A centre that the person may not see is one that is not there. Raises EvaluationError for a file
    that is refused as a whole.
    """
    given = rows_of(data)
    system = system_of(collection.system)
    entered = system.entered(scheme_of(collection).occasion)
    chosen = Entry.objects.filter(collection=collection).select_related("centre")
    if reach is not None:
        chosen = chosen.filter(centre__in=Centre.objects.filter(reach.centres()))
    reader = _Reader(
        stage,
        years_of(collection),
        {one.code: (name, one) for name, one in entered.items()},
        {e.centre_id: _closed(reach, collection, e, stage) for e in chosen},
        {e.centre_id: _named(e.centre) for e in chosen},
        {
            (centre, name, year): (min(stage, held), *values)
            for centre, name, year, held, *values in Figure.objects.filter(
                entry__collection=collection
            ).values_list(
                "entry__centre_id", "indicator", "year", "stage",
                "reported", "reviewed", "verified",
            ).iterator(20_000)
        },
    )  # fmt: skip
    report = Report()
    for row, cells in given:
        report.rows.append(reader.one(row, cells, report.values))
    _refuse_shifted(report)
    return report


SHIFTED = 3
"""From so many rows on, none of which has its place here, the columns are to blame."""


def _refuse_shifted(report: Report) -> None:
    """One word on a sheet of which no row has its place, instead of one a row. Raises
    EvaluationError."""
    if len(report.rows) < SHIFTED or not all(row.lost for row in report.rows):
        return
    first = report.rows[0]
    problem = first.problem or Text("", "")
    raise EvaluationError(
        f"表中没有一行能与这次采集对上（如第 {first.row} 行：{problem.zh}）。"
        "各列可能移动过，或这不是本次采集的表；请保持模板中的列不变，重新填写后上传",
        f"no row has its place in this collection (row {first.row}: {problem.en}). Columns may have"
        " been moved, or it is another collection's sheet: leave the template's columns as they"
        " are, fill it in, and upload again",
    )


def _named(centre: Centre) -> Text:
    return Text(centre.title_zh or centre.pk, centre.title_en or centre.title_zh or centre.pk)


def _closed(reach: Reach | None, collection: Collection, entry: Entry, stage: int) -> Text | None:
    """Why a centre's table cannot be entered now; None: it can."""
    if reach is not None and not rights.may_enter(reach, collection, entry.centre, stage):
        return Text("您的身份不能填写该中心的数据", "you may not enter this centre's figures")
    if entry.stage >= stage:
        return Text("该中心这一步已办结，须先退回", "this step is finished for the centre")
    if entry.stage < rights.before(system_of(collection.system), stage):
        return Text("该中心前一步尚未办结", "the step before is not finished for the centre")
    return None


@dataclass(slots=True)
class _Reader:
    stage: int
    years: list[int]
    codes: dict[str, tuple[str, Indicator]]
    centres: dict[str, Text | None]
    names: dict[str, Text]
    known: dict[tuple[str, str, int], tuple[int | None, ...]]
    seen: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def one(
        self, row: int, cells: dict[str, Any], values: dict[str, list[verbs.Value]]
    ) -> RowReport:
        """What becomes of one row."""
        centre, code = _text(cells["centre"]), _text(cells["code"])
        made = RowReport(row, centre, code, None, Outcome.WRONG, typed=_text(cells["value"])[:40])
        made.name = self.names.get(centre)
        try:
            name, indicator, year = self._place(made, cells["year"])
            made.indicator, made.year, made.one = name, year, indicator
            _same_measure(row, indicator, cells)
            at = (centre, name, year)
            if at in self.seen:
                raise Bilingual(f"与第 {self.seen[at]} 行重复", f"the same as row {self.seen[at]}")
            self.seen[at] = row
            value = _value(indicator, cells["value"])
            stored = None if value is None else whole(name, indicator, value)
            self._settle(made, at, indicator, value, stored, cells, values)
        except Bilingual as error:
            made.problem = Text(error.zh, error.en)
        return made

    def _place(self, made: RowReport, given: object) -> tuple[str, Indicator, int]:
        centre, code, made.lost = made.centre, made.indicator, True
        if centre not in self.centres:
            raise Bilingual(f"这次采集中没有中心“{centre}”", f"no centre '{centre}' here")
        if code not in self.codes:
            raise Bilingual(f"没有编码为“{code}”的填报指标", f"no indicator '{code}' to fill in")
        year = _text(given)
        if not year.isdigit() or int(year) not in self.years:
            raise Bilingual(
                f"年度应为 {self.years[0]}—{self.years[-1]}，写的是“{year}”",
                f"the year is {self.years[0]} to {self.years[-1]}, not '{year}'",
            )
        made.lost, closed = False, self.centres[centre]
        if closed is not None:
            raise Bilingual(closed.zh, closed.en)
        return *self.codes[code], int(year)

    def _settle(
        self, made: RowReport, at: tuple[str, str, int], indicator: Indicator, value: Given,
        stored: int | None, cells: dict[str, Any], values: dict[str, list[verbs.Value]],
    ) -> None:  # fmt: skip
        held = self.known.get(at)
        before = held[held[0]] if held is not None and held[0] else None
        reason = _text(cells.get("reason"))
        made.shown = written(indicator, stored) or ""
        made.before = written(indicator, before)
        if stored == before and (stored is None or not reason):
            made.outcome = Outcome.EMPTY if stored is None else Outcome.SAME
            return
        if self.stage > Stage.REPORTED and stored != before and not reason:
            raise Bilingual("改动前一步的数，须写明说明", "say why the figure is changed")
        evidence = _text(cells.get("evidence"))
        given = verbs.Value(at[1], at[2], value, reason, [{"text": evidence}] if evidence else None)
        values.setdefault(at[0], []).append(given)
        made.outcome = Outcome.NEW if before is None else Outcome.CHANGED


def measure_of(one: Indicator) -> str:
    """What the template says of an indicator's unit."""
    return one.unit or ("是/否" if one.type == "yes_no" else "等级")


def _same_measure(row: int, one: Indicator, cells: Mapping[str, Any]) -> None:
    """Refuses a row whose name or unit is not the indicator's: whoever changed it meant another
    figure, or counted in another unit. Columns that are left out, or empty, say nothing. Raises
    Bilingual."""
    named, measured = (_plain(cells.get(key)) for key in ("indicator", "unit"))
    if named and named not in (_plain(one.name.zh), _plain(one.name.en)):
        raise Bilingual(
            f"第 {row} 行指标名称写的是“{named}”，编码 {one.code} 的指标是“{one.name.zh}”；"
            "请核对所填的是哪一项，恢复模板中的指标编码和名称后再上传",
            f"row {row} says '{named}', but {one.code} is '{one.name.en}': check which figure it"
            " is, restore the template's code and name, and upload again",
        )
    own = measure_of(one)
    if measured and measured != _plain(own):
        raise Bilingual(
            f"第 {row} 行单位写的是“{measured}”，{one.name.zh}（{one.code}）的单位是“{own}”；"
            f"请把数值换算成以“{own}”计，并恢复模板中的单位后再上传",
            f"row {row} says '{measured}', but {one.name.en} ({one.code}) is in '{own}': convert"
            " the value, restore the template's unit, and upload again",
        )


def _plain(cell: object) -> str:
    """A heading or name without differences of width and space."""
    return "".join(unicodedata.normalize("NFKC", _text(cell)).split())


def _text(cell: object) -> str:
    """A cell as text; whole numbers without a decimal point."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < EXACT:
        return str(int(cell))
    return str(cell).strip()


def _value(one: Indicator, cell: object) -> Given:
    """The value of a cell. Numbers are taken as they are shown, never rounded by the way."""
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, int | float) and one.type == "number":
        if abs(cell) >= EXACT:
            raise Bilingual(
                "数过大，表格软件已不能精确保存；请以文本格式填写",
                "too large for a spreadsheet to hold exactly: enter it as text",
            )
        return Decimal(repr(cell))
    return from_text(one, _text(cell))


# --- entering -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Applied:
    """What came of entering a report: centres done, values changed, and refusals by centre."""

    centres: int = 0
    changed: int = 0
    refused: dict[str, Text] = field(default_factory=dict)


def apply(
    reach: Reach | None,
    collection: Collection,
    stage: int,
    report: Report,
    told: Callable[[int, int], bool] | None = None,
) -> Applied:
    """Enters what a report found good, a transaction a centre. For a job.

    `told(done, all)` hears of progress, and stops the work after this centre by giving False.
    """
    made = Applied()
    entries = {
        entry.centre_id: entry
        for entry in Entry.objects.filter(collection=collection, centre__in=list(report.values))
        .select_related("collection__system", "centre")
    }  # fmt: skip
    for done, (centre, values) in enumerate(report.values.items(), 1):
        try:
            made.changed += verbs.enter(reach, entries[centre], stage, values).changed
            made.centres += 1
        except KeyError:
            made.refused[centre] = Text("该中心已不在这次采集中", "no longer in this collection")
        except Refused as error:
            first = error.problems[0].text if error.problems else error.text
            made.refused[centre] = first
        except EvaluationError as error:
            made.refused[centre] = error.text
        if told is not None and not told(done, len(report.values)):
            break
    return made


def asks(collection: Collection, centres: Sequence[str]) -> dict[str, int]:
    """How many figures of these centres now ask for a reason."""
    entries = Entry.objects.filter(collection=collection, centre__in=centres)
    chosen = entries.select_related("collection__system").prefetch_related("figures")
    reported = yearly.of_many(collection, centres)
    return {
        one.centre_id: len(plausibility.asks(one, reported.get(one.centre_id, {})))
        for one in chosen
    }
