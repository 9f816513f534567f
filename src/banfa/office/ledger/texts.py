"""Official texts: split into articles by the instrument's own numbering, kept beside the programme.

A text that is loaded again and differs from the one before makes a notice that names the articles.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass, field

from django.db import transaction

from banfa.office import clock
from banfa.office.ledger import library
from banfa.office.ledger.errors import LedgerError, NotOnFile
from banfa.office.ledger.models import OfficialText, Outbox, ProgrammeBook
from banfa.office.ledger.signals import owed
from banfa.rules.citation import Citation, Mark

MAX_CHARACTERS = 2_000_000
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_NUMERAL = "[零〇一二三四五六七八九十百]+"
_SPACE = "[ \\t\u3000\xa0]"
_ARTICLE = re.compile(f"^{_SPACE}*第({_NUMERAL})条{_SPACE}*")
_CHAPTER = re.compile(f"^{_SPACE}*第({_NUMERAL})[章节]{_SPACE}*")
_PART = re.compile(f"^{_SPACE}*({_NUMERAL})、")
_SECTION = re.compile(f"^{_SPACE}*[（(]({_NUMERAL})[）)]")
_ANNEX = re.compile(f"^附件{_SPACE}*[0-9０-９一二三四五六七八九十]*{_SPACE}*[：:]?$")


@dataclass(slots=True)
class Part:
    """An article (or part, section, annex) of a text: its key, its heading, its paragraphs."""

    key: str
    heading: str
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The paragraphs, one a line."""
        return "\n".join(self.lines).strip()

    @property
    def fingerprint(self) -> str:
        """Digest of the text; spaces do not count."""
        bare = re.sub(r"\s+", "", self.text)
        return "sha256:" + hashlib.sha256(bare.encode()).hexdigest()


@dataclass(slots=True)
class Load:
    """One load of an instrument's text."""

    programme: str
    edition: str
    number: int
    loaded: dt.datetime
    texts: dict[str, str]
    fingerprints: dict[str, str]

    def text_at(self, place: Citation) -> str | None:
        """The text of the smallest loaded part that holds a place, None when there is none."""
        steps = [s for s in place.steps if s[0] in (Mark.NUMBER, Mark.ANNEX)]
        while steps:
            key = Citation(place.numbering, tuple(steps)).key
            if key in self.texts:
                return self.texts[key]
            steps.pop()
        return None


@dataclass(slots=True)
class Loaded:
    """What a load did: `unchanged` when the text on file is the same (nothing is stored then)."""

    number: int
    articles: int
    unchanged: bool
    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def numeral(text: str) -> int:
    """The number that a Chinese numeral up to 999 writes; raises ValueError."""
    total, digit = 0, 0
    for c in text:
        if c in "十百":
            total += (digit or 1) * (10 if c == "十" else 100)
            digit = 0
        elif c in _DIGITS:
            digit = _DIGITS[c]
        else:
            raise ValueError(text)
    return total + digit


def split(text: str, numbering: str) -> list[Part]:
    """A text in its articles (第一条 …), or its parts and sections (一、, （一）); annexes follow.

    What stands before the first of them has the key `0`. Chapter headings are kept as headings.
    """
    parts = [Part("0", "")]
    heading, annexes = "", 0
    for raw in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = raw.strip(" \t\u3000\xa0\ufeff")
        if not line:
            continue
        if _is_annex(line, parts):
            annexes += 1
            parts.append(Part(f"annex{annexes}", line, []))
        elif parts[-1].key.startswith("annex"):
            parts[-1].lines.append(line)
        elif numbering == "articles":
            heading = _article(line, parts, heading)
        else:
            heading = _section(line, parts, heading)
    if annexes == 1:
        parts[-1].key = "annex"
    return [p for p in parts if p.text or p.key != "0"]


def _is_annex(line: str, parts: list[Part]) -> bool:
    """A line of its own such as 附件 or 附件2 after the body; lists of annexes do not count."""
    return len(parts) > 1 and _ANNEX.match(line) is not None


def _article(line: str, parts: list[Part], heading: str) -> str:
    if chapter := _CHAPTER.match(line):
        return line if len(line) < 60 else chapter.group().strip()
    found = _ARTICLE.match(line)
    last = parts[-1].key
    if found and numeral(found.group(1)) == (int(last) if last.isdigit() else 0) + 1:
        parts.append(Part(str(numeral(found.group(1))), heading, [line[found.end() :]]))
    else:
        parts[-1].lines.append(line)
    return heading


def _section(line: str, parts: list[Part], heading: str) -> str:
    current = parts[-1].key.split(".")
    part = int(current[0])
    found = _PART.match(line)
    if found and numeral(found.group(1)) == part + 1 and len(line) < 60:
        parts.append(Part(str(part + 1), line, []))
        return line
    inner = _SECTION.match(line)
    following = int(current[1]) + 1 if len(current) > 1 else 1
    if inner and part and numeral(inner.group(1)) == following and len(line) < 60:
        parts.append(Part(f"{part}.{following}", heading, [line]))
    else:
        parts[-1].lines.append(line)
    return heading


def latest(programme: str, edition: str) -> Load | None:
    """The text loaded last, None when none was: one query."""
    rows = list(
        OfficialText.objects.filter(programme=programme, edition=edition).order_by("-load", "place")
    )
    if not rows:
        return None
    rows = [r for r in rows if r.load == rows[0].load]
    return Load(
        programme,
        edition,
        rows[0].load,
        rows[0].loaded,
        {r.article: r.text for r in rows},
        {r.article: r.fingerprint for r in rows},
    )


def load(programme: str, text: str, edition: str | None = None) -> Loaded:
    """Keeps an instrument's official text by article; says how it differs from the load before.

    Raises NotOnFile, and LedgerError when no article can be found in the text.
    """
    editions = library.editions(programme)
    if edition is not None and edition not in editions.by_name:
        raise NotOnFile(f"办法“{programme}”没有版本“{edition}”", f"no edition '{edition}'")
    rs = editions.by_name[edition] if edition is not None else editions.latest
    if len(text) > MAX_CHARACTERS:
        raise LedgerError("文本过长（超过200万字）", "the text is longer than 2,000,000 characters")
    if "\x00" in text:
        raise LedgerError("这不是文本文件，请提供纯文本", "this is no text file")
    parts = split(text, rs.programme.instrument.numbering)
    if not any(p.key[:1].isdigit() and p.key != "0" for p in parts):
        form = "“第一条”" if rs.programme.instrument.numbering == "articles" else "“一、”“（一）”"
        raise LedgerError(
            f"文本中没有找到{form}这样的条目，请核对文件", "no article was found in the text"
        )
    with transaction.atomic():
        ProgrammeBook.objects.get_or_create(programme=programme)
        book = ProgrammeBook.objects.select_for_update(no_key=True).get(programme=programme)
        return _keep(book, rs.programme.edition, parts, _expected(rs.programme.instrument.articles))


def _expected(listed: list[str]) -> set[str]:
    return {key for key in listed if key.isdigit()}


def _keep(book: ProgrammeBook, edition: str, parts: list[Part], expected: set[str]) -> Loaded:
    before = latest(book.programme, edition)
    new = {p.key: p.fingerprint for p in parts}
    old = before.fingerprints if before else {}
    missing = sorted(expected - set(new), key=int)
    if before and new == old:
        return Loaded(before.number, len(new), True, missing=missing)
    done = Loaded((before.number if before else 0) + 1, len(new), False, missing=missing)
    now = clock.now()
    OfficialText.objects.bulk_create(
        OfficialText(
            programme=book.programme,
            edition=edition,
            article=p.key,
            place=i,
            heading=p.heading[:300],
            text=p.text,
            fingerprint=p.fingerprint,
            load=done.number,
            loaded=now,
        )
        for i, p in enumerate(parts)
    )
    if before:
        done.changed = [k for k in new if k in old and new[k] != old[k]]
        done.added = [k for k in new if k not in old]
        done.removed = [k for k in old if k not in new]
        Outbox.objects.create(
            kind="official_text_changed",
            book=book,
            notice="official_text_changed",
            since=now.date(),
            created=now,
            detail={
                "edition": edition,
                "load": done.number,
                "changed": done.changed,
                "added": done.added,
                "removed": done.removed,
            },
        )
        owed.send(Outbox)
    return done
