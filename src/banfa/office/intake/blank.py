"""An empty list of existing centres to fill in, made from what a programme declares.

It has the columns that the programme can take, a row of examples, and what may stand in each
column. The rows of examples and of what is allowed are marked, and left out when the list comes
back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from banfa.office.intake.columns import Plan, targets
from banfa.office.intake.sheets import ALLOWED, EXAMPLE, HELP_SHEETS
from banfa.rules import names as name_rules
from banfa.rules import programme as p
from banfa.rules.words import Text, words

SHEET = Text("名单", "List")
ROWS = 2_000
"""So many rows of the workbook offer the allowed values to pick from."""
_FULL_DAY = Text("完整日期，如 2016-06-30", "a full day such as 2016-06-30")
_SEVERAL = Text("多个用顿号隔开", "several are parted by commas")
_HOW = {
    "people": (_SEVERAL, Text("张三、李四", "Zhang San, Li Si")),
    "texts": (_SEVERAL, Text("第一项、第二项", "first, second")),
    "choices": (_SEVERAL, Text("第一项、第二项", "first, second")),
    "organisations": (Text("单位全称或统一社会信用代码，多个用顿号隔开",
                           "full names or unified codes, several parted by commas"),
                      Text("示例大学、示例研究院", "Example University")),
    "organisation": (Text("单位全称或统一社会信用代码", "full name or unified code"),
                     Text("示例科技有限公司", "Example Technology Co.")),
    "date": (_FULL_DAY, Text("2016-06-30", "2016-06-30")),
    "integer": (Text("整数", "a whole number"), Text("12", "12")),
    "number": (Text("数", "a number"), Text("12.5", "12.5")),
    "money": (Text("金额（元）", "an amount in yuan"), Text("5000000", "5000000")),
    "year": (Text("四位年份", "a year"), Text("2016", "2016")),
}  # fmt: skip
_FREE = (Text("文字", "text"), Text("", ""))


@dataclass(frozen=True, slots=True)
class Asked:
    """A column to fill in: what it is, how, with which values, one of them as an example."""

    target: str
    heading: Text
    how: Text
    example: Text
    allowed: list[Text] = field(default_factory=list)
    needed: bool = False


def asked(programme: p.Programme, plan: Plan) -> list[Asked]:
    """The columns of a programme's list, the name first, those that must be filled before others.

    What the programme's lists always are, and what does not fit into a cell, is not asked for.
    """
    found = [
        one
        for target, heading in targets(programme).items()
        if target not in plan.always and (one := _asked(programme, target, heading)) is not None
    ]
    first = _named_by(programme)
    order = {target: number for number, target in enumerate(first)}
    return sorted(found, key=lambda one: order.get(one.target, len(order) + (not one.needed)))


def _named_by(programme: p.Programme) -> list[str]:
    """The targets that a centre's names are made of."""
    forms = (f.zh or f.en or "" for f in programme.names.values())
    return list(dict.fromkeys(f"values.{n}" for f in forms for n in name_rules.places(f)))


def _asked(programme: p.Programme, target: str, heading: Text) -> Asked | None:
    group, _, name = target.partition(".")
    if group == "since":
        how = Text("年、年月或年月日，按文件所载，如 2016、2016-06、2016-06-30",
                   "a year, a month or a day: 2016, 2016-06, 2016-06-30")  # fmt: skip
        return Asked(target, heading, how, Text("2016-06", "2016-06"))
    if group in ("stage", "class"):
        return _one_of(programme, target, heading)
    if group == "basis":
        how = Text("文号或名称；全表同一文件的，可不填此列，上传时写明",
                   "number or title; if one for all rows, give it when uploading")  # fmt: skip
        return Asked(target, heading, how, Text("示例文〔2016〕1号", "Example No. 1 (2016)"))
    if group == "place" or target == "values.place":
        how = Text("行政区划的全称或简称", "the name of an administrative division")
        return Asked(target, heading, how, Text("吉林省", "吉林省"))
    if group == "periods":
        day = "2016-06-30" if name.endswith(".start") else "2019-06-29"
        return Asked(target, heading, _FULL_DAY, Text(day, day))
    if group == "roles":
        return _role(programme, name, heading)
    return _value(programme, name, heading)


def _one_of(programme: p.Programme, target: str, heading: Text) -> Asked:
    options: Mapping[str, p.Stage | p.CentreClass] = programme.classes or {}
    if target == "stage":
        stages = programme.existing.stages if programme.existing is not None else []
        options = {n: programme.stages[n] for n in stages}
    allowed = [words(model.name) for model in options.values()]
    how = Text("从可填的值中选一个", "one of the allowed values")
    return Asked(target, heading, how, allowed[0], allowed, target == "stage" and len(allowed) > 1)


def _role(programme: p.Programme, name: str, heading: Text) -> Asked:
    party = programme.parties[name]
    how, example = _HOW["organisations" if party.many else "organisation"]
    if party.kinds:
        kinds = [words(programme.kinds[k]) for k in party.kinds if k in programme.kinds]
        how += Text("；单位类型为：" + "、".join(k.zh for k in kinds),
                    "; kinds: " + ", ".join(k.en for k in kinds))  # fmt: skip
    return Asked(f"roles.{name}", heading, how, example)


def _value(programme: p.Programme, name: str, heading: Text) -> Asked | None:
    kind = programme.values[name].type
    if kind in ("rows", "data", "file"):
        return None
    how, example = _HOW.get(kind, _FREE)
    target = f"values.{name}"
    first = _named_by(programme)[:1]
    if target in first:
        whole = "name" in name
        example = Text("国家示例储能创新中心" if whole else "示例储能", "Example Storage")
    return Asked(target, heading, how, example, needed=target in first)


# --- as files -------------------------------------------------------------------------------------


def _spoken(columns: list[Asked], english: bool) -> Iterator[tuple[str, str, str, str, bool]]:
    """Heading, how, allowed values, example, needed: of each column in one language."""
    for one in columns:
        values = [v.en if english else v.zh for v in one.allowed]
        texts = [t.en if english else t.zh for t in (one.heading, one.how, one.example)]
        yield texts[0], texts[1], (" / " if english else "、").join(values), texts[2], one.needed


def csv_file(columns: list[Asked], english: bool = False) -> bytes:
    """The list as CSV: headings, what is allowed, examples. With a mark, for spreadsheets."""
    spoken = list(_spoken(columns, english))
    allowed, example = (ALLOWED.en, EXAMPLE.en) if english else (ALLOWED.zh, EXAMPLE.zh)
    rows = [
        [heading for heading, *_ in spoken],
        [values or how for _, how, values, *_ in spoken],
        [shown for *_, shown, _ in spoken],
    ]
    rows[1][0], rows[2][0] = f"{allowed}{rows[1][0]}", f"{example}{rows[2][0]}"
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def workbook(columns: list[Asked], english: bool = False) -> bytes:
    """The list as a workbook: one sheet to fill in, with values to pick; one that explains."""
    import xlsxwriter

    spoken = list(_spoken(columns, english))
    held = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(held, options) as book:
        bold = book.add_format({"bold": True, "bg_color": "#E7E6E6", "text_wrap": True})
        grey = book.add_format({"italic": True, "font_color": "#767676"})
        text = book.add_format({"num_format": "@"})
        sheet = book.add_worksheet(SHEET.en if english else SHEET.zh)
        for n, (heading, _how, values, shown, _needed) in enumerate(spoken):
            sheet.set_column(n, n, 22, text)
            sheet.write_string(0, n, heading, bold)
            mark = (EXAMPLE.en if english else EXAMPLE.zh) if n == 0 else ""
            sheet.write_string(1, n, f"{mark}{shown}", grey)
            picks = [v.en if english else v.zh for v in columns[n].allowed]
            if values and sum(map(len, picks)) + len(picks) < 255:
                sheet.data_validation(2, n, ROWS, n, {"validate": "list", "source": picks})
        sheet.freeze_panes(1, 1)
        _explain(book, spoken, english)
    return held.getvalue()


_HEAD = ("列名", "是否必填", "怎样填", "可填的值", "示例")
_HEAD_EN = ("Column", "Needed", "How", "Allowed values", "Example")


def _explain(book: object, spoken: list[tuple[str, str, str, str, bool]], english: bool) -> None:
    """The second sheet: a row for each column of the first."""
    sheet = book.add_worksheet(HELP_SHEETS[english])  # type: ignore[attr-defined]
    wrap = book.add_format({"text_wrap": True, "valign": "top"})  # type: ignore[attr-defined]
    bold = book.add_format({"bold": True})  # type: ignore[attr-defined]
    for n, (width, title) in enumerate(
        zip((24, 10, 44, 44, 28), _HEAD_EN if english else _HEAD, strict=True)
    ):
        sheet.set_column(n, n, width, wrap)
        sheet.write_string(0, n, title, bold)
    needs = ("yes", "") if english else ("必填", "")
    for at, (heading, how, values, shown, needed) in enumerate(spoken, 1):
        for n, cell in enumerate((heading, needs[not needed], how, values, shown)):
            sheet.write_string(at, n, cell)
    sheet.freeze_panes(1, 1)
