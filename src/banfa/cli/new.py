"""`banfa new`: the skeleton of a programme, to be filled in."""

from __future__ import annotations

import argparse
import datetime as dt
import re
from pathlib import Path

from banfa.cli.options import Refused, print_json, root, say
from banfa.rules import library, skeleton

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_YEAR = re.compile(r"(19|20|21)[0-9]{2}")


def new(options: argparse.Namespace) -> int:
    """`banfa new`: writes the files and says what comes next."""
    name, edition = options.name, options.edition or str(dt.date.today().year)
    folder = options.folder / name
    _check(name, edition, folder)
    made = skeleton.write(folder, name, edition)
    if options.json:
        print_json({"folder": str(folder), "files": [str(path) for path in made]})
        return 0
    for path in made:
        print(path)
    print(say(options, "接下来：", "next:"))
    for command, zh, en in (
        ("check", "还有什么要写", "what is still to be written"),
        ("cases", "运行案例", "run the cases"),
        ("coverage", "逐条的去向", "what becomes of every article"),
    ):
        print(f"  banfa {command} {folder}    # {say(options, zh, en)}")
    return 0


def _check(name: str, edition: str, folder: Path) -> None:
    """Raises Refused for a name that cannot be one, or a place that is taken."""
    if not _NAME.fullmatch(name):
        raise Refused(
            f"“{name}”不能作编号：须由小写字母、数字、下划线组成，字母开头，至多40个字符",
            f"'{name}' cannot be an id: ids have small letters, digits and underscores, begin with"
            " a letter and have at most 40 characters, such as pilots",
        )
    if not _YEAR.fullmatch(edition):
        raise Refused(
            f"“{edition}”不能作版本：请写施行的年份，如 2026",
            f"'{edition}' cannot be an edition: write the year it comes into force, such as 2026",
        )
    if name in library.ids(root()):
        raise Refused(
            f"已有编号为“{name}”的办法；请另取一个编号",
            f"there is a programme '{name}' already; choose another id",
        )
    for place in (folder.parent, folder):
        if place.exists() and not place.is_dir():
            raise Refused(f"“{place}”是文件，不是文件夹", f"'{place}' is a file and not a folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise Refused(
            f"文件夹“{folder}”中已有内容，不予覆盖；请另取编号或用 --folder 指明别处",
            f"the folder '{folder}' is not empty, and nothing is overwritten; choose another id or"
            " say by --folder where to write",
        )
