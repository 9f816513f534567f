"""Citations of an instrument's own text: 条, 款 and 项, or parts and sections, and annexes.

A citation is written as a short key and printed as the instrument numbers itself:

    articles    18   18.1   34(3)   14.2(3)        第十八条第一款, 第三十四条第三项
    parts       3    3.2    2.3.1   2.5.2(1)       第二部分（五）2.（1）
    both        0   annex   annex.4   annex2.8.5   印发通知, 附件第四部分

Two marks serve coverage only and are not printed: a letter for a sentence or clause (`7a`,
`16(3)a`, `3.2d(1)`) and `head` for the words before the items (`34.head`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import total_ordering
from typing import Literal

from banfa.rules.loading import Bilingual

Numbering = Literal["articles", "parts"]


class Mark(IntEnum):
    """What a step of a citation is, in the order in which the steps stand in an instrument."""

    HEAD = 0
    LETTER = 1
    ITEM = 2
    NUMBER = 3
    ANNEX = 4


Step = tuple[Mark, int]
"""A mark and its number: an unnumbered annex and `head` are 0, letter a is 1."""

_N = r"[1-9][0-9]{0,2}"
_ITEM = rf"[a-z]?(?:\({_N}\)[a-z]?)?"
_ANNEX = rf"annex(?:{_N})?(?:(?:\.{_N}){{1,2}}[a-z]?|(?:\.{_N})?\.head)?"
_SHAPES: dict[Numbering, re.Pattern[str]] = {
    "articles": re.compile(rf"0[a-z]?|{_N}(?:\.{_N})?(?:{_ITEM}|\.head)|{_ANNEX}"),
    "parts": re.compile(rf"0[a-z]?|{_N}(?:(?:\.{_N}){{0,2}}{_ITEM}|(?:\.{_N})?\.head)|{_ANNEX}"),
}
_FORMS: dict[Numbering, str] = {
    "articles": "18, 18.1, 34(3), 14.2(3), 7a, 34.head, annex, annex.4, annex2.8.5, 0",
    "parts": "3, 3.2, 2.3.1, 2.5.2(1), 3.2a, 2.5.head, annex, annex.4, annex2.8.5, 0",
}
_STEP = re.compile(r"annex([0-9]*)|\.?(head)|\.?([0-9]+)|\(([0-9]+)\)|([a-z])")
_DIGITS = "零一二三四五六七八九"


@total_ordering
@dataclass(frozen=True, slots=True)
class Citation:
    """One place in an instrument. Sorts in the order of the instrument.

    `steps` lead from the whole to the place: article, 款, 项; or part, section, point, item.
    """

    numbering: Numbering
    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str, numbering: Numbering) -> Citation:
        """Read the text form of a citation, such as `14.2(3)`.

        Raises ValueError naming the text and the forms that the numbering allows.
        """
        if not _SHAPES[numbering].fullmatch(text):
            forms = _FORMS[numbering]
            raise Bilingual(
                zh=f"“{text}”不是有效的条文引用；可用的写法：{forms}",
                en=f"{text!r} is not a citation; the forms are: {forms}",
            )
        return cls(numbering, tuple(_step(found) for found in _STEP.finditer(text)))

    @property
    def key(self) -> str:
        """The text form with letter and `head`, as the programme file writes it."""
        return "".join(_written(step, after=n > 0) for n, step in enumerate(self.steps))

    @property
    def zh(self) -> str:
        """The citation in the instrument's own words, such as 第十八条第一款."""
        return _printed_zh(self.numbering, self.steps)

    @property
    def en(self) -> str:
        """The citation in English, such as `art. 18, para. 1`."""
        return _printed_en(self.numbering, self.steps)

    def covers(self, other: Citation) -> bool:
        """Tell whether `other` is this place or lies within it: 18 covers 18, 18.1 and 18a."""
        same = self.numbering == other.numbering
        return same and other.steps[: len(self.steps)] == self.steps

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Citation):
            return NotImplemented
        return (self.numbering, self.steps) < (other.numbering, other.steps)

    def __str__(self) -> str:
        return self.key


def chinese_numeral(number: int) -> str:
    """Write 0 to 999 as an instrument numbers its articles: 10 is 十, 18 is 十八, 105 is 一百零五.

    Raises ValueError outside that range.
    """
    if not 0 <= number <= 999:
        raise ValueError(f"{number} is outside 0 to 999")
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    if not hundreds and tens < 2:
        return "十" * tens + (_DIGITS[ones] if ones or not tens else "")
    text = f"{_DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        text += f"{_DIGITS[tens]}十"
    elif ones:
        text += "零"
    return text + (_DIGITS[ones] if ones else "")


def _step(found: re.Match[str]) -> Step:
    annex, head, number, item, letter = found.groups()
    if annex is not None:
        return Mark.ANNEX, int(annex or 0)
    if head:
        return Mark.HEAD, 0
    if number:
        return Mark.NUMBER, int(number)
    return (Mark.ITEM, int(item)) if item else (Mark.LETTER, ord(letter) - ord("a") + 1)


def _written(step: Step, *, after: bool) -> str:
    mark, number = step
    match mark:
        case Mark.ANNEX:
            return f"annex{number or ''}"
        case Mark.HEAD:
            return ".head"
        case Mark.ITEM:
            return f"({number})"
        case Mark.LETTER:
            return chr(ord("a") + number - 1)
        case Mark.NUMBER:
            return f".{number}" if after else str(number)


def _split(steps: tuple[Step, ...]) -> tuple[int | None, list[int], int]:
    """Return what is printed: the annex number if any, the plain numbers, the item or 0."""
    annex = steps[0][1] if steps[0][0] is Mark.ANNEX else None
    numbers = [number for mark, number in steps if mark is Mark.NUMBER]
    return annex, numbers, next((number for mark, number in steps if mark is Mark.ITEM), 0)


def _printed_zh(numbering: Numbering, steps: tuple[Step, ...]) -> str:
    annex, numbers, item = _split(steps)
    if numbers == [0]:
        return "印发通知"
    words = [chinese_numeral(number) for number in numbers]
    if annex is not None:
        forms = ("第{}部分", "第{}项")
        text = f"附件{annex or ''}"
    elif numbering == "articles":
        forms = ("第{}条", "第{}款")
        text = ""
    else:
        return _parts_zh(words, numbers, item)
    text += "".join(form.format(word) for form, word in zip(forms, words, strict=False))
    return f"{text}第{chinese_numeral(item)}项" if item else text


def _parts_zh(words: list[str], numbers: list[int], item: int) -> str:
    """Print part, section, point and item with the marks that such an instrument uses."""
    text = f"第{words[0]}部分" + "".join(f"（{word}）" for word in words[1:2])
    if len(numbers) > 2:
        # The point's stop only separates it from an item, as in 2.（1）.
        text += f"{numbers[2]}." if item else str(numbers[2])
    return f"{text}（{item}）" if item else text


def _printed_en(numbering: Numbering, steps: tuple[Step, ...]) -> str:
    annex, numbers, item = _split(steps)
    if numbers == [0]:
        return "issuing notice"
    words: tuple[str, ...] = ("part", "section", "point")
    if annex is not None:
        words = ("section", "item")
    elif numbering == "articles":
        words = ("art.", "para.")
    named = [f"{word} {number}" for word, number in zip(words, numbers, strict=False)]
    if annex is not None:
        named.insert(0, f"annex {annex}" if annex else "annex")
    return ", ".join([*named, f"item {item}"] if item else named)
