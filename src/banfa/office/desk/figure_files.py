"""Tables of figures as workbooks: numbers are numbers, words are words, nothing is a formula."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import xlsxwriter
from django.http import HttpResponse

from banfa.office.desk.exports import XLSX, plain

NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?")
DIGITS = 15
"""A spreadsheet keeps so many digits of a number; longer ones are written as text."""


@dataclass
class Table:
    """A sheet: its name, what is told above it, its heads and its rows."""

    name: str
    told: Sequence[str]
    heads: Sequence[str]
    rows: Iterable[Sequence[Any]]
    words: int = 1
    """So many columns at first are words, whatever they look like."""


def response(name: str, tables: Sequence[Table]) -> HttpResponse:
    """Tables as a workbook to save."""
    held = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(held, options) as book:
        bold = book.add_format({"bold": True})
        head = book.add_format(
            {"bold": True, "text_wrap": True, "bg_color": "#E8EDF2", "border": 1}
        )
        for table in tables:
            sheet = book.add_worksheet(re.sub(r"[\[\]:*?/\\]", " ", table.name)[:31])
            _fill(sheet, table, bold, head)
    answer = HttpResponse(held.getvalue(), content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return answer


def _fill(sheet: Any, table: Table, bold: Any, head: Any) -> None:
    for number, text in enumerate(table.told):
        sheet.write_string(number, 0, plain(text), bold if number == 0 else None)
    first = len(table.told) + 1
    for column, text in enumerate(table.heads):
        sheet.write_string(first, column, plain(text), head)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, max(len(table.heads) - 1, 1), 16)
    sheet.freeze_panes(first + 1, 1)
    for number, row in enumerate(table.rows, first + 1):
        for column, value in enumerate(row):
            _write(sheet, number, column, value, column >= table.words)


def _write(sheet: Any, row: int, column: int, value: Any, may_count: bool) -> None:
    text = "" if value is None else str(value)
    digits = sum(c.isdigit() for c in text)
    if may_count and NUMBER.fullmatch(text) and digits <= DIGITS:
        sheet.write_number(row, column, float(text))
    elif text:
        sheet.write_string(row, column, plain(text)[:32_000])
