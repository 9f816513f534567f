"""Tables out of files that somebody brings: CSV and Excel, as text, within limits.

A workbook is an archive: its directory is looked at before anything is unpacked. Formulas are
refused with their place, since what they show was worked out elsewhere.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from banfa.office.intake.errors import BadFile
from banfa.rules.words import Text

MOST_BYTES = 20 * 2**20
MOST_UNPACKED, MOST_RATIO, MOST_PARTS = 200 * 2**20, 100, 2_000
MOST_ROWS, MOST_COLUMNS, MOST_CELL, MOST_SHEETS = 50_000, 100, 10_000, 20
EXAMPLE, ALLOWED = Text("【示例】", "[Example] "), Text("【可填】", "[Allowed] ")
_MARKS = tuple(mark.strip() for text in (EXAMPLE, ALLOWED) for mark in (text.zh, text.en))
HELP_SHEETS = ("填写说明", "How to fill in")
"""The marks and the second sheet of the lists that we hand out to be filled in."""
_FORMULA = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3}[0-9]{1,7})"[^>]*>\s*<f[\s/>]')
_CHUNK, _OVERLAP = 1 << 20, 4096
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_OLE, _ZIP = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"


@dataclass(slots=True)
class Table:
    """A head and its rows, all text; `lines` are the rows' numbers in the file.

    `sheet` is the sheet of a workbook that was read, `others` are those that hold rows too, each
    with how many.
    """

    head: list[str]
    rows: list[list[str]]
    lines: list[int]
    sheet: str = ""
    others: list[tuple[str, int]] = field(default_factory=list)


Rows = list[list[str]]


def read(
    name: str,
    data: bytes,
    most_rows: int = MOST_ROWS,
    fits: Callable[[Sequence[str]], bool] = lambda head: True,
) -> Table:
    """The table in a file, by what it is, not by its name. Raises BadFile.

    Of the sheets of a workbook it is the first whose headings fit, else the first with rows.
    """
    if not data.strip():
        raise BadFile("文件是空的", "the file is empty")
    if len(data) > MOST_BYTES:
        raise BadFile(
            f"文件过大，至多 {MOST_BYTES // 2**20} MB", f"at most {MOST_BYTES // 2**20} MB"
        )
    if data.startswith(_OLE):
        raise BadFile(
            "旧式 Excel（.xls）或加密的文件不能导入，请另存为 .xlsx 或 CSV",
            "old (.xls) or encrypted workbooks are not taken: save as .xlsx or CSV",
        )
    if not data.startswith(_ZIP):
        return _table(_filled(_text(data)), most_rows)
    held = {sheet: _filled(rows) for sheet, rows in _workbook(data)}
    full = [sheet for sheet, rows in held.items() if len(rows) > 1]
    known = [sheet for sheet in full if fits(held[sheet][0][1])]
    chosen = next(iter([*known, *full, *(s for s, rows in held.items() if rows), *held]))
    table = _table(held[chosen], most_rows)
    table.sheet = chosen
    table.others = [(s, len(held[s]) - 1) for s in full if s != chosen and s not in HELP_SHEETS]
    return table


def _filled(rows: Rows) -> list[tuple[int, list[str]]]:
    """The rows in which something stands, with their numbers."""
    return [(n, row) for n, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]


def _table(filled: list[tuple[int, list[str]]], most_rows: int) -> Table:
    """Head and rows without the examples that we hand out; limits held."""
    if not filled:
        raise BadFile("文件中没有内容", "there is nothing in the file")
    _check_cells(filled)
    head = [cell.strip() for cell in filled[0][1]]
    while head and not head[-1]:
        head.pop()
    body = [(n, row) for n, row in filled[1:] if not _is_marked(row)]
    if not body:
        raise BadFile("只有表头，没有数据行", "there is a head but no row")
    if len(body) > most_rows:
        raise BadFile(
            f"行数过多（{len(body)}行），至多 {most_rows} 行，请分成几个文件",
            f"{len(body)} rows; at most {most_rows}",
        )
    if len(head) > MOST_COLUMNS:
        raise BadFile(f"列数过多，至多 {MOST_COLUMNS} 列", f"at most {MOST_COLUMNS} columns")
    return Table(head, [row for _, row in body], [n for n, _ in body])


def _is_marked(row: list[str]) -> bool:
    """Whether a row is one of examples, or of what is allowed, as we hand them out."""
    return next(cell.strip() for cell in row if cell.strip()).startswith(_MARKS)


def _check_cells(filled: list[tuple[int, list[str]]]) -> None:
    """Names the first cell that holds far more than a cell does: mostly quotes that never end."""
    head = filled[0][1]
    for line, row in filled:
        for number, cell in enumerate(row):
            if len(cell) > MOST_CELL * 4:
                named = (
                    f"“{head[number][:40]}”" if number < len(head) and line != filled[0][0] else ""
                )
                raise BadFile(
                    f"第{line}行第{number + 1}列{named}的内容过长"
                    f"（{len(cell)}字，至多{MOST_CELL}字）。请检查该处引号是否成对，或删减后重试",
                    f"row {line}, column {number + 1}: {len(cell)} characters, at most {MOST_CELL};"
                    " are the quotes in pairs?",
                )


# --- CSV ------------------------------------------------------------------------------------------


def _text(data: bytes) -> list[list[str]]:
    if b"\0" in data and not data.startswith(_UTF_16):
        raise BadFile(
            "这不是 CSV 或 Excel 文件（含有不可见的控制字符）", "this is no CSV or Excel file"
        )
    text = decoded(data)
    first = text.split("\n", 1)[0]
    mark = max(",\t;，", key=first.count)
    if mark == "，":
        raise BadFile(
            "列之间用了全角逗号，请用半角逗号分隔，或另存为 .xlsx",
            "columns are separated by full-width commas",
        )
    csv.field_size_limit(MOST_BYTES)  # a cell that is too long is told with its place later
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise BadFile(
            f"CSV 第{reader.line_num}行附近的引号或分隔有误，请在表格软件中另存后重试",
            f"the CSV cannot be read near line {reader.line_num}: {error}",
        ) from error


def decoded(data: bytes) -> str:
    """Text from bytes in UTF-8, UTF-16 with its mark, or GB 18030. Raises BadFile."""
    for encoding in ("utf-16",) if data.startswith(_UTF_16) else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadFile(
        "文字编码无法识别，请以 UTF-8 或 GB 18030（国标）编码另存",
        "the text is neither UTF-8 nor GB 18030",
    )


# --- Excel ----------------------------------------------------------------------------------------


def _workbook(data: bytes) -> list[tuple[str, Rows]]:
    """The visible sheets of a workbook by name, in their order, at most so many."""
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    check_archive(data)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        shown = [
            one.name
            for one in book.sheets_metadata
            if one.typ == SheetTypeEnum.WorkSheet and one.visible == SheetVisibleEnum.Visible
        ]
        if not shown:
            raise BadFile("工作簿中没有可见的工作表", "the workbook has no visible sheet")
        found = []
        for name in shown[:MOST_SHEETS]:
            sheet = book.get_sheet_by_name(name)
            if sheet.height > MOST_ROWS * 2 or sheet.width > 1_000:
                raise BadFile(
                    f"工作表“{name}”范围过大，请删去空白的行和列",
                    f"the range of sheet '{name}' is too large",
                )
            cells = sheet.to_python(skip_empty_area=False)
            found.append((name, [[_cell(value) for value in row] for row in cells]))
        return found
    except (CalamineError, ValueError, OSError) as error:
        raise BadFile(
            "工作簿已损坏或不是 Excel 文件，请重新另存为 .xlsx", "the workbook cannot be read"
        ) from error


def check_archive(data: bytes) -> None:
    """Refuses a hostile or odd workbook by its directory, then formulas. Raises BadFile."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            _check_directory(parts)
            names = {one.filename for one in parts}
            if not {"[Content_Types].xml", "xl/workbook.xml"} <= names:
                raise BadFile(
                    "这个压缩文件不是 Excel 工作簿（.xlsx）", "this archive is no .xlsx workbook"
                )
            if any(one.endswith("vbaProject.bin") for one in names):
                raise BadFile("带宏的工作簿不能导入，请另存为 .xlsx", "the workbook has macros")
            for one in parts:
                if re.fullmatch(r"xl/worksheets/[^/]+\.xml", one.filename):
                    _check_formulas(archive, one)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadFile("工作簿已损坏，请重新另存为 .xlsx", "the workbook is damaged") from error


def _check_directory(parts: list[zipfile.ZipInfo]) -> None:
    whole = sum(one.file_size for one in parts)
    packed = max(sum(one.compress_size for one in parts), 1)
    swollen = any(p.file_size > MOST_RATIO * max(p.compress_size, 1024) for p in parts)
    if len(parts) > MOST_PARTS or whole > MOST_UNPACKED or whole > MOST_RATIO * packed or swollen:
        raise BadFile(
            "工作簿解开后过大，疑似有害文件，未予打开", "the workbook would unpack to too much"
        )
    if any(one.flag_bits & 1 for one in parts):
        raise BadFile("加密的工作簿不能导入，请去除密码", "the workbook is encrypted")


def _check_formulas(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Names the first formula of a sheet, read in pieces and never beyond what was declared."""
    with archive.open(part) as stream:
        kept, read_ = b"", 0
        while piece := stream.read(_CHUNK):
            read_ += len(piece)
            if read_ > part.file_size:
                raise BadFile("工作簿的目录与内容不符，未予打开", "the archive's directory lies")
            if found := _FORMULA.search(kept + piece):
                at = found.group(1).decode()
                raise BadFile(
                    f"单元格 {at} 是公式。请复制后“选择性粘贴—数值”，再导入",
                    f"cell {at} is a formula: paste it as a value",
                )
            kept = piece[-_OVERLAP:]


def _cell(value: object) -> str:
    """A cell's text: whole numbers without a point, days as 2016-06-30."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ")
    if isinstance(value, bool):
        return "是" if value else "否"
    return str(value)
