"""All attachments of a dossier as one ZIP, each named by rule, with a list of their digests.

The rule: 序号_材料_名称.扩展名, numbered in the order in which they were attached.
"""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from banfa.office.dossiers import files
from banfa.office.dossiers.uploads import safe_name

HEAD = ("序号", "文件名", "所属材料", "原文件名", "字节数", "SHA-256")
_FORMULA = ("=", "+", "-", "@", "\t", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Item:
    """One file of the archive: its name there, the part it belongs to, its own name and digest."""

    name: str
    part: str
    original: str
    size: int
    digest: str


def items(attached: Sequence[Mapping[str, Any]], parts: Mapping[str, str]) -> list[Item]:
    """The files named by rule. `attached` has name, path, digest, size; `parts` names by path."""
    found = []
    for number, one in enumerate(attached, 1):
        part = parts.get(str(one["path"]), "") or "其他附件"
        stem, dot, ending = str(one["name"]).rpartition(".")
        stem, ending = (stem, f".{ending}") if dot else (str(one["name"]), "")
        name = safe_name(f"{number:02d}_{part[:40]}_{stem[:80]}".replace("/", "_") + ending)
        found.append(Item(name, part, str(one["name"]), int(one["size"]), str(one["digest"])))
    return found


def archive(attached: Sequence[Mapping[str, Any]], parts: Mapping[str, str]) -> IO[bytes]:
    """The ZIP, ready to be read from its beginning; large ones lie in a temporary file.

    Raises FileNotFoundError when the storage has lost a file.
    """
    made = tempfile.SpooledTemporaryFile(max_size=2**23)  # noqa: SIM115 (the response closes it)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as packed:
        listed = items(attached, parts)
        for item in listed:
            with files.content(item.digest) as source, packed.open(item.name, "w") as target:
                shutil.copyfileobj(source, target, 2**16)
        packed.writestr("00_清单.csv", _manifest(listed))
    made.seek(0)
    return made


def _manifest(listed: Sequence[Item]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    for number, i in enumerate(listed, 1):
        cells = (str(number), i.name, i.part, i.original, str(i.size), i.digest)
        writer.writerow([f"'{c}" if c.startswith(_FORMULA) else c for c in cells])
    return ("\ufeff" + text.getvalue()).encode()
