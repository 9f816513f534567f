"""Units of figures: what they measure, how many of the base unit they are, and their words.

A unit is text: one unit (`万元`), or one per another (`万元/人`). What is measured decides which
figures may be added or compared; the size is exact, so 万元 to 元 never loses a digit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from banfa.rules.loading import Bilingual

# What one of several is called in English, where it is another word.
SINGULAR = {
    "people": "person",
    "visits": "visit",
    "person-years": "person-year",
    "items": "item",
    "pieces": "piece",
    "papers": "paper",
    "organisations": "organisation",
    "units": "unit",
    "machines": "machine",
    "sets of equipment": "set of equipment",
    "times": "time",
    "hours": "hour",
    "points": "point",
}
# By unit: what it measures, how many base units it is, and its English.
SIMPLE: dict[str, tuple[str, Fraction, str]] = {
    "元": ("money", Fraction(1), "yuan"),
    "千元": ("money", Fraction(1_000), "× 1,000 yuan"),
    "万元": ("money", Fraction(10_000), "× 10,000 yuan"),
    "亿元": ("money", Fraction(100_000_000), "× 100 million yuan"),
    "人": ("people", Fraction(1), "people"),
    "人次": ("visits", Fraction(1), "visits"),
    "人年": ("person-years", Fraction(1), "person-years"),
    "项": ("items", Fraction(1), "items"),
    "件": ("pieces", Fraction(1), "pieces"),
    "篇": ("papers", Fraction(1), "papers"),
    "家": ("organisations", Fraction(1), "organisations"),
    "个": ("units", Fraction(1), "units"),
    "台": ("machines", Fraction(1), "machines"),
    "台套": ("machines", Fraction(1), "sets of equipment"),
    "次": ("times", Fraction(1), "times"),
    "小时": ("hours", Fraction(1), "hours"),
    "平方米": ("area", Fraction(1), "m²"),
    "分": ("points", Fraction(1), "points"),
    "%": ("", Fraction(1, 100), "%"),
    "1": ("", Fraction(1), ""),
}


@dataclass(slots=True, frozen=True)
class Unit:
    """A unit read: `measures` maps what is measured to its power; `size` is in base units."""

    text: str
    measures: frozenset[tuple[str, int]]
    size: Fraction

    def in_words(self, language: str) -> str:
        """The unit as shown after a number; empty for a plain ratio."""
        if language == "zh":
            return "" if self.text == "1" else self.text
        first, *per = (SIMPLE[part][2] for part in self.text.split("/"))
        return " per ".join([first, *(SINGULAR.get(one, one) for one in per)])

    def per(self, other: Unit) -> frozenset[tuple[str, int]]:
        """What a figure in this unit divided by one in the other measures."""
        powers = Counter(dict(self.measures))
        powers.subtract(dict(other.measures))
        return frozenset((what, power) for what, power in powers.items() if power)

    def measures_like(self, other: Unit) -> bool:
        """Whether figures in both units may be added or compared."""
        return self.measures == other.measures


@lru_cache(maxsize=256)
def unit(text: str) -> Unit:
    """Reads a unit. Raises Bilingual for one that is not known."""
    parts = text.split("/")
    if len(parts) > 2 or any(part not in SIMPLE for part in parts):
        import difflib

        like = difflib.get_close_matches(text, SIMPLE, n=1)
        raise Bilingual(
            f"没有“{text}”这个单位；可用：{'、'.join(SIMPLE)}，或两者相比，如 万元/人"
            + (f"；是否指“{like[0]}”？" if like else ""),
            f"no unit '{text}'; there are: {', '.join(SIMPLE)}, or one per another, as 万元/人"
            + (f"; did you mean '{like[0]}'?" if like else ""),
        )
    powers: Counter[str] = Counter()
    size = Fraction(1)
    for part, sign in zip(parts, (1, -1), strict=False):
        what, times, _ = SIMPLE[part]
        size *= times**sign
        if what:
            powers[what] += sign
    return Unit(text, frozenset((what, power) for what, power in powers.items() if power), size)


def converted(value: Fraction, given: str, wanted: str) -> Fraction:
    """A figure in another unit, exactly. Raises Bilingual when the two measure different things."""
    here, there = unit(given), unit(wanted)
    if not here.measures_like(there):
        raise Bilingual(
            f"“{given}”不能换算成“{wanted}”", f"'{given}' cannot be converted to '{wanted}'"
        )
    return value * here.size / there.size
