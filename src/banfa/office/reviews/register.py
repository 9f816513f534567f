"""The register of experts: entering, changing, ties, and import from a table with a row report."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q

from banfa.office import clock
from banfa.office.people.models import Organisation, User
from banfa.office.reviews.errors import ReviewError, StaleReview
from banfa.office.reviews.models import Expert, Tie

COLUMNS = {
    "name": ("姓名", "name"),
    "workplace": ("单位", "organisation"),
    "title": ("职称", "title"),
    "fields": ("专业领域", "fields"),
    "languages": ("语言", "languages"),
    "phone": ("电话", "phone"),
    "email": ("电子邮箱", "e-mail"),
    "account": ("账号", "account"),
    "ties": ("利益关系", "ties"),
}
"""The columns of an import by their Chinese and English heads; name and organisation must be."""
MOST_ROWS, MOST_BYTES, MOST_UNPACKED = 5_000, 5 * 2**20, 50 * 2**20
_SPLIT = re.compile(r"[、,，;；\n]+")
_PHONE = re.compile(r"[0-9+\-() ]{5,40}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def listed(text: str, longest: int = 60) -> list[str]:
    """Names separated by 、or commas, each once, in the order given."""
    parts = [p.strip()[:longest] for p in _SPLIT.split(text)]
    return list(dict.fromkeys(p for p in parts if p))[:30]


def masked(contact: str) -> str:
    """A telephone number or address of which the middle is hidden."""
    name, at, host = contact.partition("@")
    if at:
        return f"{name[:1]}***@{host}"
    return f"{contact[:3]}****{contact[-4:]}" if len(contact) > 7 else "*" * len(contact)


def _organisation(name: str) -> Organisation | None:
    """The one organisation on file of that name."""
    found = list(Organisation.objects.filter(name_zh=name)[:2])
    return found[0] if len(found) == 1 else None


def cleaned(given: Mapping[str, str]) -> dict[str, Any]:
    """The values of an entry from what was typed. Raises ReviewError that names the field."""
    text = {n: _CONTROL.sub("", (given.get(n) or "")).strip() for n in COLUMNS}
    for name, most in (("name", 100), ("workplace", 300)):
        if not text[name] or len(text[name]) > most:
            raise ReviewError(
                f"请填写{COLUMNS[name][0]}（至多{most}字）", f"{COLUMNS[name][1]} is needed"
            )
    if text["phone"] and not _PHONE.fullmatch(text["phone"]):
        raise ReviewError("电话只写数字、加号、横线和括号", "the phone number cannot be read")
    if text["email"]:
        try:
            validate_email(text["email"])
        except ValidationError:
            raise ReviewError("电子邮箱格式有误", "the e-mail address is wrong") from None
    return {
        **{n: text[n] for n in ("name", "workplace", "phone", "email")},
        "title": text["title"][:100],
        "employer": _organisation(text["workplace"]),
        "fields": listed(text["fields"]),
        "languages": listed(text["languages"], 40),
        "user": _account(text["account"]),
    }


def _account(username: str) -> User | None:
    if not username:
        return None
    found = User.objects.filter(username=username.lower(), role="").first()
    if found is None or not found.is_active:
        raise ReviewError(
            f"没有“{username}”这一有效账号，可留空", f"there is no account '{username}'"
        )
    return found


def enter(by: User | None, keeper: Organisation, given: Mapping[str, str], **more: Any) -> Expert:
    """Enters an expert in the register that an organisation keeps. Raises ReviewError.

    `given` has the columns of `COLUMNS` as text; `more` may say `shared`. The caller has asked
    whether the person keeps this register.
    """
    values = cleaned(given)
    try:
        with transaction.atomic():
            expert = Expert.objects.create(
                kept_by=keeper, entered=clock.now(), entered_by=by, **values, **more
            )
            declare(by, expert, given.get("ties") or "")
    except IntegrityError:
        raise ReviewError(
            f"专家库中已有“{values['name']}（{values['workplace']}）”，或该账号已对应另一位专家",
            "this expert, or this account, is in the register already",
        ) from None
    return expert


def change(by: User, expert: Expert, given: Mapping[str, str], version: int, **more: Any) -> Expert:
    """Changes an entry; `version` is the one that was seen. Raises ReviewError, StaleReview."""
    values = cleaned(given)
    try:
        with transaction.atomic():
            kept = Expert.objects.select_for_update().get(pk=expert.pk)
            if kept.version != version:
                raise StaleReview
            for name, value in {**values, **more}.items():
                setattr(kept, name, value)
            kept.version += 1
            kept.save()
            kept.ties.all().delete()
            declare(by, kept, given.get("ties") or "")
    except IntegrityError:
        raise ReviewError(
            "专家库中已有同名同单位的专家，或该账号已对应另一位专家",
            "this expert, or this account, is in the register already",
        ) from None
    return kept


def declare(by: User | None, expert: Expert, text: str) -> None:
    """Enters declared ties: one a line, `单位：名称（说明）` or `个人：姓名（说明）`; without a
    word in front an organisation is meant. Raises ReviewError."""
    for line in text.splitlines():
        if not line.strip():
            continue
        person, name, note = _tie(line.strip())
        Tie.objects.get_or_create(
            expert=expert,
            name=name,
            person=person,
            defaults={
                "note": note,
                "organisation": None if person else _organisation(name),
                "declared": clock.now(),
                "declared_by": by,
            },
        )


def _tie(line: str) -> tuple[bool, str, str]:
    found = re.fullmatch(
        r"(?:(单位|个人|organisation|person)\s*[：:])?\s*(.+?)\s*(?:[（(](.*)[）)])?", line
    )
    if found is None or len(found[2]) > 300:
        raise ReviewError(
            f"利益关系“{line[:30]}”请写成“单位：某某公司（顾问）”或“个人：张三（师生）”",
            "write a tie as organisation: name (note) or person: name (note)",
        )
    return found[1] in ("个人", "person"), found[2], (found[3] or "")[:300]


def ties_text(expert: Expert) -> str:
    """Declared ties as `declare` reads them."""
    lines = []
    for tie in expert.ties.all():
        note = f"（{tie.note}）" if tie.note else ""
        lines.append(f"{'个人' if tie.person else '单位'}：{tie.name}{note}")
    return "\n".join(lines)


def among(keepers: Iterable[str]) -> Q:
    """The condition for the entries that these organisations' people may choose from."""
    return Q(kept_by__in=list(keepers)) | Q(shared=True)


# --- import --------------------------------------------------------------------------------------


@dataclass
class RowReport:
    """What became of a row of an import: its number in the file, who, and what was wrong."""

    number: int
    name: str
    entered: bool
    zh: str = ""
    en: str = ""


@dataclass
class Imported:
    """What came of an import. When a row is wrong none is entered."""

    rows: list[RowReport] = field(default_factory=list)

    @property
    def wrong(self) -> list[RowReport]:
        """The rows that could not be entered."""
        return [r for r in self.rows if not r.entered]


def bring_in(by: User, keeper: Organisation, name: str, content: bytes) -> Imported:
    """Imports a CSV or Excel table of experts: all rows, or none when one is wrong.

    Raises ReviewError when the file itself cannot be read.
    """
    lines = table(name, content)
    heads = _heads(lines[0] if lines else [])
    report = Imported()
    with transaction.atomic():
        for number, cells in enumerate(lines[1:], 2):
            if any(c.strip() for c in cells):
                given = {n: cells[at] for n, at in heads.items() if at < len(cells)}
                report.rows.append(_row(by, keeper, number, given))
        if report.wrong:
            transaction.set_rollback(True)
    if not report.rows:
        raise ReviewError("表中没有专家", "there is nobody in the table")
    return report


def _row(by: User, keeper: Organisation, number: int, given: dict[str, str]) -> RowReport:
    given["ties"] = (given.get("ties") or "").replace("；", "\n").replace(";", "\n")
    name = (given.get("name") or "").strip()[:100]
    try:
        with transaction.atomic():
            enter(by, keeper, given)
    except ReviewError as error:
        return RowReport(number, name, False, error.text.zh, error.text.en)
    return RowReport(number, name, True)


def _heads(cells: Sequence[str]) -> dict[str, int]:
    known = {word.lower(): n for n, words in COLUMNS.items() for word in words}
    heads: dict[str, int] = {}
    for at, cell in enumerate(cells):
        name = known.get(cell.strip().lower())
        if name is not None:
            heads.setdefault(name, at)
    if missing := [COLUMNS[n][0] for n in ("name", "workplace") if n not in heads]:
        raise ReviewError(
            f"第1行须为表头，缺少列：{'、'.join(missing)}", "line 1 holds the heads of columns"
        )
    return heads


def table(name: str, content: bytes) -> list[list[str]]:
    """The cells of a CSV or Excel file as text. Raises ReviewError."""
    if len(content) > MOST_BYTES:
        raise ReviewError("文件超过5 MB", "the file is larger than 5 MB")
    if name.lower().endswith(".xlsx"):
        rows = _workbook(content)
    elif name.lower().endswith(".csv"):
        rows = list(csv.reader(io.StringIO(_decoded(content))))
    else:
        raise ReviewError("请上传 .xlsx 或 .csv 文件", "upload an .xlsx or .csv file")
    if len(rows) > MOST_ROWS + 1:
        raise ReviewError(f"一次至多导入{MOST_ROWS}行", f"at most {MOST_ROWS} rows at a time")
    return rows


def _decoded(content: bytes) -> str:
    for code in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(code)
        except UnicodeDecodeError:
            continue
    raise ReviewError("文字编码无法识别，请另存为 UTF-8", "the text is neither UTF-8 nor GB18030")


def _workbook(content: bytes) -> list[list[str]]:
    """The first sheet. What would unpack to too much is refused before it is opened."""
    unreadable = ReviewError("不是有效的 Excel 文件", "this is no Excel file")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
    except zipfile.BadZipFile:
        raise unreadable from None
    if size > MOST_UNPACKED or size > 100 * max(len(content), 1):
        raise ReviewError("文件解压后过大，不予打开", "the file would unpack to too much")
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        rows = book.get_sheet_by_index(0).to_python(nrows=MOST_ROWS + 2)
    except Exception:
        raise unreadable from None
    return [[_cell(v) for v in row[:40]] for row in rows]


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
