"""The glossary 中文 ↔ identifier, and the words of the vocabulary that one programme alone uses.

Both are read off the programmes, so that they are true by construction; the reasons for single
words are written here, and a word without a reason fails the docs check.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from banfa.rules import library
from banfa.rules import programme as p

PARTS: dict[str, str] = {
    "kinds": "Kinds of organisation 单位类型",
    "parties": "Parties 各方",
    "stages": "Stages 阶段",
    "acts": "Acts 行为",
    "registers": "Registers 台账",
    "documents": "Documents 材料",
    "procedures": "Procedures 程序",
    "periods": "Periods 期限",
    "values": "Facts 事项",
    "flags": "Flags 标记",
    "notices": "Notices 文书",
    "parameters": "Parameters left to the authority 留待主管机关",
    "tasks": "Task tags 任务标签",
}

REASONS: dict[str, str] = {
    "Act.jointly": "NITEC 34 and 23(4): two other bodies decide together with the authority.",
    "Duty.counts": "JLIIC 18: a report is owed for a year that ends with the centre in being.",
    "Effect.class": "NCTI 3: the opening act fixes the class of the centre.",
    "Exclusive.level": "NEIIC 35: the exclusivity reaches national platforms only.",
    "Indicator.from_register": "NMIC 2.6: four market indicators computable from registers.",
    "Indicator.unit": "NMIC 2.6: counts and sums of money stand side by side.",
    "Instrument.repeals": "NEIIC 36 repeals its predecessor; no other text has such a clause.",
    "NameForm.class": "NCTI 32: the two classes are named by different patterns.",
    "Parameter.per_year": "NCTI 25: the date of the annual report is set call by call.",
    "Programme.classes": "NCTI 3: two classes of centre.",
    "Programme.holiday_shift": "Declared where the matrix names it; off in every programme.",
    "Register.key": "NMIC: rows of a register are found again by their year.",
    "Register.when": "A yearly row is taken for a year that can be reported on.",
    "Register.then": "NCTI 13: rows of a register establish a finding's particulars.",
    "Relation.from": "JLIIC 19: the target of promotion changes on a date.",
    "Relation.until": "JLIIC 19: the target of promotion ended with the repealed guide.",
    "Section.length_hint": "JLIIC annex 2: the abstract has a soft length.",
    "Stage.lasting": "NMIC provides for no exit from recognition.",
    "Test.contains_all": "JLIIC 14(4), 14(5): all functions and mechanisms are described.",
    "Test.covers": "NMIC 3.2, 2.5.4: all materials of the call; every member is covered.",
    "Test.below": "NEIIC 23.1: a round before the third year is counted against the last one.",
    "Test.run": "NMIC 3.3: every yearly evaluation of the window is on file.",
    "Where.on_or_after": "NCTI 9, 27: a mandate covers the day.",
    "Where.on_or_before": "NCTI 9, 27: a mandate covers the day.",
}

# A basis, a name or an explanation may stand anywhere; what lies inside a single word goes with it.
_PLAIN = {"cite", "default", "says", "name", "zh", "en", "because", "help"}
_INSIDE = {"Run", "FromRegister", "Jointly", "CentreClass"}


def glossary() -> str:
    """The page: every named thing of every shipped programme."""
    lines = [
        "# Glossary 中文 ↔ identifier",
        "",
        "Made from the programmes by `python -m tools.docs`. Identifiers are stable.",
        "",
    ]
    programmes = [library.load(f) for n in library.ids() for f in library.edition_folders(n)]
    for part, title in PARTS.items():
        lines += [f"## {title}", "", "| 中文 | identifier | English | in |", "|---|---|---|---|"]
        lines += _rows(programmes, part)
        lines.append("")
    lines += ["## Grades 等次", "", "| 中文 | identifier | English | in |", "|---|---|---|---|"]
    lines += _merged(_grades(programmes))
    return "\n".join(lines) + "\n"


def _rows(programmes: list[p.Programme], part: str) -> list[str]:
    return _merged(
        (name, getattr(entry, "name", entry), model.programme)
        for model in programmes
        for name, entry in getattr(model, part).items()
    )


def _grades(programmes: list[p.Programme]) -> Iterator[tuple[str, p.Words, str]]:
    for model in programmes:
        for name, grade in (model.evaluation.grades if model.evaluation else {}).items():
            yield name, grade.name, model.programme


def _merged(found: Any) -> list[str]:
    """One row for each identifier and its words, with the programmes that have it."""
    rows: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    english: dict[tuple[str, str, str], str] = {}
    for name, words, where in found:
        key = (name, words.zh, words.en.casefold())
        english.setdefault(key, words.en)
        rows[key].append(where)
    return [
        f"| {key[1]} | `{key[0]}` | {english[key]} | {', '.join(where)} |"
        for key, where in sorted(rows.items())
    ]


def single_words() -> dict[str, str]:
    """The words of the vocabulary that exactly one shipped programme uses, with that programme."""
    used: dict[str, set[str]] = defaultdict(set)
    for name in library.ids():
        for folder in library.edition_folders(name):
            for word in _words(library.load(folder)):
                used[word].add(name)
    return {word: next(iter(where)) for word, where in used.items() if len(where) == 1}


def _words(model: Any) -> Iterator[str]:
    if isinstance(model, BaseModel):
        owner = type(model).__name__.replace("Condition", "Test")
        for name in model.model_fields_set:
            if name not in _PLAIN and owner not in _INSIDE:
                yield f"{owner}.{name.rstrip('_')}"
            yield from _words(getattr(model, name))
    elif isinstance(model, (dict, list)):
        for value in model.values() if isinstance(model, dict) else model:
            yield from _words(value)


def single_words_page() -> str:
    """The page of single words. Raises KeyError for one without a reason."""
    lines = [
        "# Words used by one programme only",
        "",
        "The vocabulary is closed; a word that one programme alone needs must earn its place.",
        "",
        "| word | programme | why |",
        "|---|---|---|",
    ]
    found = single_words()
    missing = sorted(set(found) - set(REASONS))
    if missing:
        raise KeyError(f"tools/glossary.py gives no reason for: {', '.join(missing)}")
    lines += [f"| `{w}` | {found[w]} | {REASONS[w]} |" for w in sorted(found)]
    return "\n".join(lines) + "\n"
