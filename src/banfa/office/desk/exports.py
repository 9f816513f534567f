"""Tables as files: CSV and Excel. What a spreadsheet takes for a formula is made plain text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import xlsxwriter
from django.http import HttpResponse

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def plain(value: Any) -> str:
    """A cell's text; a quote before what a spreadsheet would take for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def response(
    format_: str, name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]
) -> HttpResponse:
    """A table as a file to save: `xlsx`, or CSV with a byte order mark, for Excel."""
    cells = [[plain(v) for v in row] for row in [head, *rows]]
    if format_ == "xlsx":
        answer = HttpResponse(_workbook(cells), content_type=XLSX)
    else:
        format_ = "csv"
        text = io.StringIO()
        csv.writer(text).writerows(cells)
        answer = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.{format_}"'
    return answer


def _workbook(cells: list[list[str]]) -> bytes:
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        for number, row in enumerate(cells):
            for column, text in enumerate(row):
                sheet.write_string(number, column, text[:32_000], bold if number == 0 else None)
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, max(len(cells[0]) - 1, 0), 18)
    return held.getvalue()
