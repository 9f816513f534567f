"""What came of each row, as a workbook to work on: sorted as the file was, filters on."""

from __future__ import annotations

import io
from collections.abc import Iterable

from banfa.office.intake.verbs import ACCEPTED, FAULTY, KNOWN, REFUSED, Line
from banfa.rules.words import Text

STANDINGS = {
    ACCEPTED: Text("可登记", "acceptable"),
    REFUSED: Text("不予登记", "refused"),
    FAULTY: Text("填写有误", "cannot be read"),
    KNOWN: Text("已在册", "on file already"),
}
ENTERED = Text("已登记", "entered")
HEAD = ("行号", "中心", "结果", "列", "说明", "依据", "中心编号", "读到的内容")
HEAD_EN = ("Line", "Centre", "Result", "Column", "Explanation", "Basis", "Number", "As read")


def standing(line: Line, dry: bool) -> Text:
    """How a row stands, in words."""
    return STANDINGS[line.standing] if dry or line.standing != ACCEPTED else ENTERED


def workbook(lines: Iterable[Line], dry: bool, english: bool = False) -> bytes:
    """A row of the sheet for each thing said of each row; text only, so nothing is a formula."""
    import xlsxwriter

    held = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(held, options) as book:
        sheet = book.add_worksheet("Report" if english else "逐行结果")
        bold = book.add_format({"bold": True})
        for number, width in enumerate((8, 36, 12, 16, 70, 16, 16, 70)):
            sheet.set_column(number, number, width)
        for number, text in enumerate(HEAD_EN if english else HEAD):
            sheet.write_string(0, number, text, bold)
        row = 0
        for line in lines:
            said = standing(line, dry)
            read = "；".join(f"{r[english]}：{r[2 + english]}" for r in line.read)
            for column, zh, en, basis in line.says or [("", "", "", "")]:
                row += 1
                sheet.write_number(row, 0, line.line)
                cells = [line.name, said.en if english else said.zh, column, en if english else zh,
                         basis, line.centre or "", read]  # fmt: skip
                for number, text in enumerate(cells, 1):
                    if text:
                        sheet.write_string(row, number, text[:32_000])
        sheet.freeze_panes(1, 2)
        sheet.autofilter(0, 0, max(row, 1), len(HEAD) - 1)
    return held.getvalue()
