"""What may be attached: files that are what their names say, of a bearable size, not hostile.

The type is told from the content. Archives, and the office files that are archives, are judged by
their directory before anything is unpacked.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from django.conf import settings

from banfa.office.dossiers.errors import BadFile

UNPACKED_AT_MOST = 200 * 2**20
RATIO_AT_MOST = 100
ENTRIES_AT_MOST = 10_000
NESTED_AT_MOST = 1
"""An archive may hold archives; those may hold no further ones."""


@dataclass(frozen=True)
class Kind:
    """A type of file: its name's endings, its media type, whether a browser can show it."""

    name: str
    endings: tuple[str, ...]
    media_type: str
    shown: bool = False


_OFFICE = "application/vnd.openxmlformats-officedocument"
KINDS = {
    kind.name: kind
    for kind in (
        Kind("pdf", ("pdf",), "application/pdf", shown=True),
        Kind("jpg", ("jpg", "jpeg"), "image/jpeg", shown=True),
        Kind("png", ("png",), "image/png", shown=True),
        Kind("tif", ("tif", "tiff"), "image/tiff"),
        Kind("docx", ("docx",), f"{_OFFICE}.wordprocessingml.document"),
        Kind("xlsx", ("xlsx",), f"{_OFFICE}.spreadsheetml.sheet"),
        Kind("ofd", ("ofd",), "application/ofd"),
        Kind("zip", ("zip",), "application/zip"),
    )
}
ENDINGS = tuple(ending for kind in KINDS.values() for ending in kind.endings)
SHOWN = tuple(kind.media_type for kind in KINDS.values() if kind.shown)
_MAGIC: Mapping[bytes, str] = {
    b"%PDF-": "pdf",
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"II*\0": "tif",
    b"MM\0*": "tif",
    b"PK\x03\x04": "zip",
}
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!")
_PROGRAM_ENDINGS = re.compile(
    r"\.(exe|com|scr|pif|dll|sys|msi|bat|cmd|ps1|vbs|vbe|js|jse|wsf|hta|lnk|jar|apk|sh|reg|chm)$",
    re.IGNORECASE,
)


def safe_name(raw: str) -> str:
    """A file's name without folders, control characters and what file systems refuse."""
    name = unicodedata.normalize("NFC", raw).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(
        "_" if c in '<>:"|?*' else c for c in name if unicodedata.category(c) not in ("Cc", "Cf")
    )
    name = name.strip(" .")
    stem, dot, ending = name.rpartition(".")
    return f"{(stem or 'file')[:150]}{dot}{ending[:20]}" if dot else name[:150] or "file"


def inspect(name: str, file: IO[bytes], size: int) -> Kind:
    """The kind of a file by its content, which must be the one its name says. Raises BadFile."""
    limit = int(settings.UPLOAD_MB) * 2**20
    if size == 0:
        raise BadFile(f"“{name}”是空文件，请重新选择", f"'{name}' is empty: choose it again")
    if size > limit:
        raise BadFile(
            f"“{name}”有 {size / 2**20:.1f} MB，超过每个文件 {settings.UPLOAD_MB} MB 的上限，"
            "请压缩或拆分后再传",
            f"'{name}' has {size / 2**20:.1f} MB, more than {settings.UPLOAD_MB} MB a file:"
            " make it smaller or split it",
        )
    ending = name.rpartition(".")[2].lower()
    claimed = next((k for k in KINDS.values() if ending in k.endings), None)
    if claimed is None:
        raise BadFile(
            f"“{name}”的类型不在可上传之列（{'、'.join(ENDINGS)}），请另存为其中一种",
            f"'{name}' is of no accepted type ({', '.join(ENDINGS)}): save it as one of these",
        )
    found = _by_content(name, file)
    if found != claimed.name:
        _unlike(name, claimed.name, found)
    return claimed


def _by_content(name: str, file: IO[bytes]) -> str:
    """The kind that the first bytes (and an archive's directory) tell; '' for none known."""
    file.seek(0)
    head = file.read(16)
    found = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")
    if found != "zip":
        return "program" if not found and head.startswith(_PROGRAMS) else found
    return _archive(name, file)


def _unlike(name: str, claimed: str, found: str) -> None:
    if found == "program":
        raise BadFile(
            f"“{name}”实为可执行程序，不予接收", f"'{name}' is a program and is not accepted"
        )
    if found:
        raise BadFile(
            f"“{name}”的内容是 {found}，与文件名不符；请改正扩展名或重新导出",
            f"the content of '{name}' is {found}, not what its name says: rename or export again",
        )
    raise BadFile(
        f"“{name}”的内容不是有效的 {claimed} 文件，请确认能正常打开后重新上传",
        f"'{name}' is not a sound {claimed} file: see whether it opens, then upload it again",
    )


# --- archives ------------------------------------------------------------------------------------


def _archive(name: str, file: IO[bytes], depth: int = 0) -> str:
    """What an archive is (`docx`, `xlsx`, `ofd` or `zip`), once it is found harmless."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            _check_directory(name, archive, _size(file))
            kind = _office_kind(archive)
            if kind == "zip":
                _check_entries(name, archive, depth)
            return kind
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise BadFile(
            f"“{name}”已损坏，无法读取目录，请重新生成后上传",
            f"'{name}' is damaged, its directory cannot be read: make it again",
        ) from error
    except (ValueError, KeyError, UnicodeError) as error:
        raise _hostile(name, "目录有误", "its directory is wrong") from error


def _size(file: IO[bytes]) -> int:
    at = file.seek(0, 2)
    file.seek(0)
    return at


def _hostile(name: str, zh: str, en: str) -> BadFile:
    return BadFile(
        f"“{name}”不予接收：{zh}。请去除后重新打包", f"'{name}' is not accepted: {en}. Pack it anew"
    )


def _check_directory(name: str, archive: zipfile.ZipFile, size: int) -> None:
    """What the directory alone tells: bombs, ways out of the folder, encryption."""
    entries = archive.infolist()
    if len(entries) > ENTRIES_AT_MOST:
        raise _hostile(name, f"文件多于 {ENTRIES_AT_MOST} 个", "it holds too many files")
    total = sum(e.file_size for e in entries)
    packed = sum(e.compress_size for e in entries)
    if total > UNPACKED_AT_MOST:
        raise _hostile(
            name, f"展开后有 {total // 2**20} MB，超过 200 MB", "it unpacks to more than 200 MB"
        )
    if packed > size or any(
        e.file_size > RATIO_AT_MOST * max(e.compress_size, 1) and e.file_size > 2**20
        for e in entries
    ):
        raise _hostile(name, "压缩比异常（疑似压缩炸弹）", "its compression ratio is not normal")
    if total > RATIO_AT_MOST * max(size, 1):
        raise _hostile(name, "压缩比异常（疑似压缩炸弹）", "its compression ratio is not normal")
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise _hostile(name, "含有加密的文件", "it holds encrypted files")
        if _leads_out(entry.filename) or (entry.external_attr >> 16) & 0o170000 == 0o120000:
            raise _hostile(name, "含有指向包外的路径或链接", "a path in it leads out of the folder")


def _leads_out(path: str) -> bool:
    parts = path.replace("\\", "/").split("/")
    return path.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in path


def _office_kind(archive: zipfile.ZipFile) -> str:
    """An office file is known by its parts; one with macros is not what its name says."""
    names = set(archive.namelist())
    if "OFD.xml" in names:
        return "ofd"
    if "[Content_Types].xml" not in names:
        return "zip"
    types = archive.read("[Content_Types].xml")[:200_000]
    if any(part.lower().endswith("vbaproject.bin") for part in names) or b"macroEnabled" in types:
        return "macro"
    if b"wordprocessingml.document.main" in types and "word/document.xml" in names:
        return "docx"
    if b"spreadsheetml.sheet.main" in types and "xl/workbook.xml" in names:
        return "xlsx"
    return "zip"


def _check_entries(name: str, archive: zipfile.ZipFile, depth: int) -> None:
    """No programs inside, and archives inside only so deep."""
    for entry in archive.infolist():
        if entry.is_dir():
            continue
        if _PROGRAM_ENDINGS.search(entry.filename):
            raise _hostile(name, f"含有程序文件“{entry.filename[-60:]}”", "it holds a program")
        with archive.open(entry) as inside:
            head = inside.read(4)
            if head.startswith(_PROGRAMS[:5]):
                raise _hostile(name, f"含有程序文件“{entry.filename[-60:]}”", "it holds a program")
            if head.startswith(b"PK\x03\x04"):
                _check_nested(name, archive, entry, depth)


def _check_nested(name: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, depth: int) -> None:
    import io

    if depth >= NESTED_AT_MOST:
        raise _hostile(name, "压缩包层层嵌套", "archives lie within archives within it")
    with archive.open(entry) as inside:
        _archive(name, io.BytesIO(inside.read()), depth + 1)
