"""Scoring sheets: criteria with weights, a scale, guidance; and what an expert writes on one.

Exact throughout: weights are whole percents that sum to 100, scores whole hundredths of a point,
totals whole ten-thousandths. Nothing here reads the database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from banfa.office.reviews.errors import ReviewError

MOST_CRITERIA = 40
LONGEST_TEXT = 5_000
_NUMBER = re.compile(r"[0-9]{1,5}(\.[0-9]{1,4})?")


@dataclass(frozen=True)
class Criterion:
    """One line of a sheet: `weight` in whole percent; `comment` whether a comment must be given."""

    id: str
    name: str
    weight: int
    guidance: str = ""
    comment: bool = False


@dataclass(frozen=True)
class Sheet:
    """A sheet: its criteria, the scale (points, whole), and how many decimals a score may have."""

    criteria: tuple[Criterion, ...]
    lowest: int = 0
    highest: int = 100
    places: int = 0

    def as_data(self) -> dict[str, Any]:
        """Plain data to keep."""
        return {
            "criteria": [vars(c) for c in self.criteria],
            "lowest": self.lowest,
            "highest": self.highest,
            "places": self.places,
        }

    def total(self, scores: Mapping[str, int]) -> int:
        """The weighted total of a full set of scores, in ten-thousandths of a point."""
        return sum(c.weight * scores[c.id] for c in self.criteria)


def of(data: Mapping[str, Any]) -> Sheet:
    """The sheet from data that was checked when it was kept."""
    criteria = tuple(Criterion(**c) for c in data.get("criteria", []))
    scale = {n: data[n] for n in ("lowest", "highest", "places") if n in data}
    return Sheet(criteria, **scale)


EMPTY = Sheet(())


def read(rows: Sequence[Mapping[str, str]], lowest: str, highest: str, places: str) -> Sheet:
    """A sheet from what was typed. Raises ReviewError that names the line and what is wrong.

    Rows have `name`, `weight`, `guidance` and `comment` ('1': required); empty ones are left out.
    """
    low = _whole(lowest, 0, 10_000, "最低分", "lowest score")
    high = _whole(highest, 0, 10_000, "最高分", "highest score")
    if high <= low:
        raise ReviewError("最高分须大于最低分", "the highest score must exceed the lowest")
    kept = [row for row in rows if any((row.get(n) or "").strip() for n in ("name", "weight"))]
    if not kept:
        raise ReviewError("评分表至少要有一项指标", "a sheet needs a criterion")
    if len(kept) > MOST_CRITERIA:
        raise ReviewError(f"评分表至多{MOST_CRITERIA}项指标", f"at most {MOST_CRITERIA} criteria")
    criteria = tuple(_criterion(n, row) for n, row in enumerate(kept, 1))
    if len({c.name for c in criteria}) < len(criteria):
        raise ReviewError("指标名称有重复，请加以区分", "two criteria have the same name")
    if (whole := sum(c.weight for c in criteria)) != 100:
        raise ReviewError(
            f"各项权重之和须为100，现为{whole}", f"the weights sum to {whole}, not 100"
        )
    return Sheet(criteria, low, high, _whole(places, 0, 2, "小数位数", "decimals"))


def _criterion(number: int, row: Mapping[str, str]) -> Criterion:
    name = (row.get("name") or "").strip()
    if not name or len(name) > 100:
        raise ReviewError(
            f"第{number}项指标须有名称（至多100字）", f"criterion {number} needs a name"
        )
    said, told = f"第{number}项“{name}”的权重", f"weight of criterion {number}"
    weight = _whole(row.get("weight") or "", 1, 100, said, told)
    guidance = (row.get("guidance") or "").strip()[:1000]
    return Criterion(f"c{number}", name, weight, guidance, row.get("comment") == "1")


def _whole(text: str, least: int, most: int, zh: str, en: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 7 and least <= int(text) <= most):
        raise ReviewError(
            f"{zh}须为{least}至{most}的整数", f"the {en} is a whole number from {least} to {most}"
        )
    return int(text)


# --- what an expert writes ---------------------------------------------------------------------


@dataclass
class Written:
    """What was typed on a sheet: scores that could be read, comments, and mistakes by criterion."""

    scores: dict[str, int] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    opinion: str = ""
    mistakes: dict[str, tuple[str, str]] = field(default_factory=dict)


def written(sheet: Sheet, typed: Mapping[str, str]) -> Written:
    """What was typed: `score.c1`, `comment.c1`, `opinion`. What cannot be read is a mistake; an
    empty field is none."""
    found = Written(opinion=typed.get("opinion", "").strip()[:LONGEST_TEXT])
    for c in sheet.criteria:
        if raw := typed.get(f"score.{c.id}", "").strip():
            try:
                found.scores[c.id] = score(sheet, raw)
            except ReviewError as error:
                found.mistakes[c.id] = (error.text.zh, error.text.en)
        if said := typed.get(f"comment.{c.id}", "").strip():
            found.comments[c.id] = said[:LONGEST_TEXT]
    return found


def score(sheet: Sheet, raw: str) -> int:
    """A typed score in hundredths of a point. Raises ReviewError."""
    try:
        value = Decimal(raw) if _NUMBER.fullmatch(raw) else None
    except InvalidOperation:
        value = None
    exact = value is not None and value == round(value, sheet.places)
    if value is None or not exact or not sheet.lowest <= value <= sheet.highest:
        kind = "整数" if not sheet.places else f"数，至多{sheet.places}位小数"
        raise ReviewError(
            f"分数须为{sheet.lowest}至{sheet.highest}的{kind}",
            f"a score is from {sheet.lowest} to {sheet.highest}, {sheet.places} decimals at most",
        )
    return int(value * 100)


def wanting(sheet: Sheet, found: Written) -> dict[str, tuple[str, str]]:
    """What stands in the way of handing in, by criterion: scores and comments not given."""
    missing = dict(found.mistakes)
    for c in sheet.criteria:
        if c.id not in found.scores and c.id not in missing:
            missing[c.id] = ("请评分", "give a score")
        elif c.comment and not found.comments.get(c.id):
            missing.setdefault(c.id, ("本项须写评语", "a comment is needed here"))
    return missing


def points(hundredths: int) -> str:
    """Hundredths of a point as people write them: 8550 → 85.5."""
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)
