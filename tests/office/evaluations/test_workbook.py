"""Workbooks: the template, the report row by row, and what is refused before it is opened."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import Any

import pytest
import python_calamine
import xlsxwriter
from django.db import connection
from django.test.utils import CaptureQueriesContext

from banfa.office import clock
from banfa.office.evaluations import queries, verbs, workbook
from banfa.office.evaluations.errors import EvaluationError
from banfa.office.evaluations.models import Collection, Entry, Kind, Stage
from banfa.office.evaluations.verbs import Opening, Value
from banfa.office.evaluations.workbook import COLUMNS, Outcome
from banfa.office.people.access import reach
from banfa.rules.words import Text
from tests.office.desk import seed

pytestmark = pytest.mark.django_db


@pytest.fixture
def annual(system_text: str, centres: tuple[str, str, str]) -> Collection:
    """The yearly report of 2029, of all three centres."""
    version = verbs.load_system(None, "mini", system_text)
    return verbs.open_collection(None, Opening(
        version, Kind.ANNUAL, 2029, Text("2029年年报", "2029"), dt.date(2030, 1, 1),
        centres=centres))  # fmt: skip


def sheet(*rows: tuple[Any, ...], heads: Any = None) -> bytes:
    """A workbook with these rows of centre, code, year, value and reason."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    made = book.add_worksheet()
    keys = ("centre", "code", "year", "value", "reason")
    made.write_row(0, 0, heads or [COLUMNS[key] for key in keys])
    for at, row in enumerate(rows, 1):
        made.write_row(at, 0, row)
    book.close()
    return buffer.getvalue()


def test_a_template_comes_back_filled_in(annual: Collection, centres: tuple[str, str, str]) -> None:
    entry = Entry.objects.select_related("collection__system", "centre").get(
        collection=annual, centre=centres[0])  # fmt: skip
    verbs.enter(
        None, entry, Stage.REPORTED, [Value("staff", 2029, 40), Value("honest", 2029, True)]
    )
    made = workbook.template(annual, [entry])
    lines = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(made)).get_sheet_by_index(0)
    rows = lines.to_python(skip_empty_area=False)
    assert rows[0][0] == "2029年年报" and rows[1][0].startswith("样例，仅供测试。")
    assert rows[3] == list(COLUMNS.values())
    assert [row[2] for row in rows[4:]] == ["A1", "B0", "B1", "C1", "D1"]
    assert (rows[5][7], rows[8][7]) == (40, "是")
    report = workbook.check(None, annual, Stage.REPORTED, made)
    assert [r.outcome for r in report.rows] == ["empty", "same", "empty", "empty", "same"]
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        text = archive.read("xl/worksheets/sheet1.xml").decode()
    assert text.count("<dataValidation ") == 5 and "<sheetProtection" in text


def test_the_report_tells_every_row_and_changes_nothing(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    one = centres[0]
    data = sheet(
        (one, "A1", 2029, 12.34, "新增"), (one, "B0", 2029, "1,040"), (one, "C1", 2029, ""),
        (one, "A1", 2029, 5), ("nowhere", "A1", 2029, 1), (one, "Z9", 2029, 1),
        (one, "B1", 2020, 1), (one, "B1", 2029, 1.5), (one, "D1", 2029, "也许"),
        (centres[1], "B1", 2029, -3), (centres[1], "A1", 2029, 10.0**17),
        (centres[1], "D1", 2029, "是"),
    )  # fmt: skip
    with CaptureQueriesContext(connection) as counted:
        report = workbook.check(None, annual, Stage.REPORTED, data)
    assert len(counted) == 2
    outcomes = [row.outcome for row in report.rows]
    assert outcomes == ["new", "new", "empty", *["wrong"] * 8, "new"]
    told = [row.problem.zh for row in report.wrong() if row.problem]
    parts = ("与第 2 行重复", "nowhere", "Z9", "2020", "须为整数", "是或否", "小于 0", "文本格式")
    for part, text in zip(parts, told, strict=True):
        assert part in text
    assert report.rows[3].row == 5 and not Entry.objects.filter(version__gt=0).exists()
    calls = []
    done = workbook.apply(
        None, annual, Stage.REPORTED, report, lambda at, of: calls.append((at, of)) or True
    )  # type: ignore[func-returns-value]
    assert (done.centres, done.changed, done.refused) == (2, 3, {})
    assert calls == [(1, 2), (2, 2)]
    entry = Entry.objects.select_related("collection__system").get(collection=annual, centre=one)
    assert entry.figures.get(indicator="spending").reported == 1234
    assert entry.figures.get(indicator="staff").reported == 1040
    again = workbook.check(None, annual, Stage.REPORTED, data)
    assert again.rows[1].outcome == Outcome.SAME


def test_work_stops_when_it_is_told_to(annual: Collection, centres: tuple[str, str, str]) -> None:
    report = workbook.check(None, annual, Stage.REPORTED,
                            sheet(*((c, "A1", 2029, 1) for c in centres)))  # fmt: skip
    done = workbook.apply(None, annual, Stage.REPORTED, report, lambda at, of: at < 2)
    assert done.centres == 2


def test_people_enter_their_own_centres_only(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    who = reach(seed.person("unit-1", ("unit", "org-1")), clock.today())
    report = workbook.check(who, annual, Stage.REPORTED,
                            sheet(*((c, "A1", 2029, 1) for c in centres)))  # fmt: skip
    assert [r.outcome for r in report.rows] == ["new", "wrong", "wrong"]
    assert report.rows[1].problem and "没有中心" in report.rows[1].problem.zh
    assert [e.centre_id for e in queries.entries(who, annual)] == [centres[0]]


def test_a_finished_table_is_not_changed_by_an_upload(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    Entry.objects.filter(centre=centres[0]).update(stage=Stage.REPORTED)
    report = workbook.check(None, annual, Stage.REPORTED, sheet((centres[0], "A1", 2029, 1)))
    [wrong] = report.wrong()
    assert wrong.problem and "已办结" in wrong.problem.zh
    report = workbook.check(None, annual, Stage.REVIEWED, sheet((centres[0], "A1", 2029, 1)))
    assert report.wrong()[0].problem and "说明" in report.wrong()[0].problem.zh


def altered(**parts: bytes) -> bytes:
    """A sound workbook with more in its archive."""
    source = zipfile.ZipFile(io.BytesIO(sheet()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        for name, content in parts.items():
            target.writestr(name.replace("__", "/").replace("_bin", ".bin"), content)
    return buffer.getvalue()


def lying(content: bytes) -> bytes:
    """A workbook whose directory says that a large part is a small one."""
    made = bytearray(altered(xl__large=content))
    size = len(content).to_bytes(4, "little")
    at = made.rfind(size)
    while at >= 0:
        made[at : at + 4] = (10).to_bytes(4, "little")
        at = made.rfind(size)
    return bytes(made)


def test_hostile_workbooks_are_refused_before_they_are_opened(monkeypatch: Any) -> None:
    def opened(*_: Any) -> None:
        raise AssertionError("a refused file was opened")

    monkeypatch.setattr(python_calamine.CalamineWorkbook, "from_filelike", opened)
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 2_000_000)
    hostile = {
        "not a workbook": b"PK\x03\x04 no archive",
        "macros": altered(xl__vbaProject_bin=b"x"),
        "not sound": altered(**{"..__evil": b"x"}),
        "too much": altered(xl__bomb=b"0" * 3_000_000),
        "over 20 MB": b"0" * 20_000_001,
        "links": altered(xl__externalLinks__one=b"x"),
        "untrue": lying(b"0" * 1_000_000),
    }
    for why, data in hostile.items():
        with pytest.raises(EvaluationError, match=why):
            workbook.rows_of(data)
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as target:
        target.writestr("a.txt", "x")
    with pytest.raises(EvaluationError, match="not a workbook"):
        workbook.rows_of(empty.getvalue())


def test_a_workbook_without_the_headings_or_damaged_is_told() -> None:
    with pytest.raises(EvaluationError, match="no headings"):
        workbook.rows_of(sheet(heads=["a", "b"]))
    sound = zipfile.ZipFile(io.BytesIO(sheet()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in sound.namelist():
            target.writestr(name, b"<broken" if name.endswith("sheet1.xml") else sound.read(name))
    with pytest.raises(EvaluationError, match="damaged"):
        workbook.rows_of(buffer.getvalue())


KEYS = ("centre", "code", "indicator", "unit", "year", "value")


def test_a_row_with_another_unit_or_name_is_refused_and_says_how_to_mend_it(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    heads, one = [COLUMNS[key] for key in KEYS], centres[0]
    data = sheet(
        (one, "A1", "研发经费", "亿元", 2029, 2), (one, "B0", "研发人员", "人", 2029, 40),
        (one, "B1", " 研发 人员", "人", 2029, 20), (one, "C1", "", "", 2029, 3), heads=heads,
    )  # fmt: skip
    report = workbook.check(None, annual, Stage.REPORTED, data)
    assert [r.outcome for r in report.rows] == ["wrong", "wrong", "new", "new"]
    unit, name = (r.problem.zh for r in report.wrong() if r.problem)
    assert "第 2 行" in unit and "亿元" in unit and "万元" in unit and "换算" in unit
    assert "第 3 行" in name and "职工" in name and "恢复" in name
    assert [v.indicator for v in report.values[one]] == ["rd_staff", "standards"]


def test_moved_columns_are_told_once(annual: Collection, centres: tuple[str, str, str]) -> None:
    rows = [(code, centres[0], 2029, 1) for code in ("A1", "B0", "B1", "C1")]
    with pytest.raises(EvaluationError) as told:
        workbook.check(None, annual, Stage.REPORTED, sheet(*rows))
    assert "第 2 行" in told.value.text.zh and "模板" in told.value.text.zh
