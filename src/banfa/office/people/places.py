"""Places: the 34 provinces that come with Banfa, and finer dated code lists read from CSV."""

from __future__ import annotations

import csv
import datetime as dt
import functools
from collections.abc import Iterable
from pathlib import Path

from django.db import transaction
from django.db.models import Q

from banfa.office.people.errors import PeopleError
from banfa.office.people.models import Place

PROVINCES = Path(__file__).parent / "data" / "provinces.csv"
COLUMNS = ("code", "name_zh", "name_en", "short_zh", "within", "since", "until")


def load(path: Path = PROVINCES) -> int:
    """Loads or renews places from a CSV with the columns of `COLUMNS`; gives how many rows.

    A place must come after the one it lies within, or that one be on file. Nothing is loaded when
    a row is wrong (PeopleError with its line).
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PeopleError(f"打不开行政区划表 {path}：{error}", f"cannot read {path}") from error
    rows = csv.DictReader(text.splitlines())
    if missing := {"code", "name_zh"} - set(rows.fieldnames or ()):
        raise PeopleError(
            f"行政区划表缺少列：{'、'.join(sorted(missing))}", f"columns missing: {missing}"
        )
    with transaction.atomic():
        known = set(Place.objects.values_list("code", flat=True))
        number = 0
        for number, row in enumerate(rows, 1):
            known.add(_keep(row, number + 1, known))
    names_within.cache_clear()
    return number


def _keep(row: dict[str, str | None], line: int, known: set[str]) -> str:
    given = {name: (row.get(name) or "").strip() for name in COLUMNS}
    code, within = given["code"], given["within"]
    if not code.isalnum() or not code.isascii() or len(code) > 12 or not given["name_zh"]:
        raise PeopleError(f"第{line}行：代码或名称有误", f"line {line}: code or name is wrong")
    if within and within not in known:
        raise PeopleError(
            f"第{line}行：上级代码“{within}”不在表中", f"line {line}: no place '{within}'"
        )
    spell = {side: _day(given[side], line) for side in ("since", "until")}
    names = {n: given[n] for n in ("name_zh", "name_en", "short_zh")}
    Place.objects.update_or_create(
        code=code, defaults={**names, **spell, "within_id": within or None}
    )
    return code


def _day(text: str, line: int) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise PeopleError(
            f"第{line}行：“{text}”不是日期，请写成 2026-01-01", f"line {line}: not a date"
        ) from None


def find(name: str) -> Place | None:
    """The one place of that name (full or short); None when there is none, or several."""
    if not name:
        return None
    found = list(Place.objects.filter(Q(name_zh=name) | Q(short_zh=name))[:2])
    return found[0] if len(found) == 1 else None


@functools.lru_cache(maxsize=256)
def names_within(code: str) -> tuple[str, ...]:
    """The names, full and short, of a place and all within it that no other place bears."""
    codes, names = {code}, {}
    by_parent: dict[str | None, list[str]] = {}
    for place in Place.objects.all():
        names[place.code] = {place.name_zh, place.short_zh} - {""}
        by_parent.setdefault(place.within_id, []).append(place.code)
    waiting = [code]
    while waiting:
        parts = by_parent.get(waiting.pop(), [])
        codes.update(parts)
        waiting += parts
    elsewhere = set[str]().union(*_of(names, names.keys() - codes))
    return tuple(sorted(set[str]().union(*_of(names, codes)) - elsewhere))


def _of(names: dict[str, set[str]], codes: Iterable[str]) -> list[set[str]]:
    return [names.get(code, set()) for code in codes]
