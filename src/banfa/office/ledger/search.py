"""Finding centres by any words: pairs of neighbouring characters in a tsvector.

A word of two characters or more is found where all its pairs are and the text contains it; a
single character where some pair begins with it. So what is found is what LIKE would find, without a
dictionary. Letters count the same in both cases and both widths; nothing else is taken as equal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet

from banfa.office.ledger import coding, library, store
from banfa.office.ledger.models import ActRecord, Centre, SearchText
from banfa.rules import programme as p
from banfa.rules import words
from banfa.rules.life import CONCUR
from banfa.rules.ruleset import Ruleset

PROFILE = "centre"
APART = "‖"
MOST_WORDS, LONGEST_QUERY = 5, 100
PART, OVERLAP = 20_000, LONGEST_QUERY
"""A long text is kept in parts that overlap by the longest query."""

_NARROW = {0xFF01 + n: 0x21 + n for n in range(94)}
_LOWER = {ord("A") + n: ord("a") + n for n in range(26)}


# --- characters -----------------------------------------------------------------------------------


def clean(text: str) -> str:
    """A text as it is kept: narrow letters and digits, single spaces, no control characters."""
    kept = (c if unicodedata.category(c) not in ("Cc", "Cs") else " " for c in text)
    return " ".join("".join(kept).split()).translate(_NARROW_LETTERS)


_NARROW_LETTERS = {wide: n for wide, n in _NARROW.items() if chr(n).isalnum()}


def tokens(text: str) -> set[str]:
    """The pairs of neighbouring characters of each run, and each run's last character."""
    found: set[str] = set()
    for run in text.translate(_LOWER).split():
        found.update(run[n : n + 2] for n in range(len(run)))
    return found


def vector(text: str) -> str:
    """A text's pairs as PostgreSQL writes a tsvector."""
    return " ".join(_quoted(pair) for pair in sorted(tokens(text)))


def words_of(query: str) -> list[str]:
    """The words that are looked for: at most five, of at most a hundred characters in all."""
    return clean(query[: LONGEST_QUERY * 10])[:LONGEST_QUERY].split()[:MOST_WORDS]


def _quoted(pair: str) -> str:
    return "'" + pair.replace("\\", "\\\\").replace("'", "''") + "'"


class Pairs(SearchQuery):
    """A tsquery for one word, taken as it is."""

    def __init__(self, word: str) -> None:
        low = word.translate(_LOWER)
        pairs = sorted({low[n : n + 2] for n in range(len(low) - 1)})
        self.pairs = " & ".join(map(_quoted, pairs)) if pairs else f"{_quoted(low)}:*"
        super().__init__(self.pairs, search_type="raw")

    def as_sql(self, *args: Any, **more: Any) -> tuple[str, list[str]]:
        """The query as a literal of its type."""
        return "%s::tsquery", [self.pairs]


# --- asking ---------------------------------------------------------------------------------------


def matching(word: str) -> Q:
    """The condition for texts that contain a word."""
    return Q(vector=Pairs(word)) & Q(text__icontains=word)


def centres_with(query: str, orgs: Iterable[str] = (), source: str = "") -> Q:
    """The condition for centres in whose texts every word of a query stands, be it in several.

    `orgs` are the organisations whose own texts may be read; `source` keeps to one sort of text.
    A query without a word leaves nothing out.
    """
    found = Q()
    for word in words_of(query):
        texts = _readable(orgs).filter(matching(word))
        if source:
            texts = texts.filter(source=source)
        found &= Q(pk__in=texts.values("centre"))
    return found


def _readable(orgs: Iterable[str]) -> QuerySet[SearchText]:
    return SearchText.objects.filter(Q(owner="") | Q(owner__in=list(orgs)))


@dataclass(slots=True)
class Hit:
    """A text in which some word stands: what it is, where it leads, and pieces of it.

    `pieces` are (text, whether it is a word looked for) in their order.
    """

    centre: str
    source: str
    title_zh: str
    title_en: str
    link: str
    pieces: list[tuple[str, bool]]


def hits(query: str, centres: Iterable[str], orgs: Iterable[str] = ()) -> dict[str, list[Hit]]:
    """For each of these centres the texts with some word of the query, at most four each: one
    query."""
    sought, wanted = words_of(query), list(centres)
    by_centre: dict[str, list[Hit]] = {number: [] for number in wanted}
    if not sought or not wanted:
        return by_centre
    some = Q(pk__in=[])
    for word in sought:
        some |= matching(word)
    for row in _readable(orgs).filter(some, centre__in=wanted).order_by("centre_id", "-id")[:400]:
        held = by_centre[row.centre_id]
        text = row.text.partition(f" {APART} ")[0] if row.source == PROFILE else row.text
        pieces = excerpt(text, sought)
        if len(held) < 4 and any(hit for _piece, hit in pieces):
            held.append(
                Hit(row.centre_id, row.source, row.title_zh, row.title_en, row.link, pieces)
            )
    return by_centre


def excerpt(text: str, sought: Iterable[str], around: int = 30) -> list[tuple[str, bool]]:
    """A piece of a text around the first word found in it, every word in it marked."""
    low = text.translate(_LOWER)
    marks = sorted({w.translate(_LOWER) for w in sought if w}, key=len, reverse=True)
    places = [at for w in marks if (at := low.find(w)) >= 0]
    start = max(min(places, default=0) - around, 0)
    end = min(len(text), start + 4 * around)
    pieces: list[tuple[str, bool]] = [("…", False)] if start else []
    plain = at = start
    while at < end:
        word = next((w for w in marks if low.startswith(w, at)), "")
        if not word:
            at += 1
            continue
        if plain < at:
            pieces.append((text[plain:at], False))
        pieces.append((text[at : at + len(word)], True))
        plain = at = at + len(word)
    if plain < end:
        pieces.append((text[plain:end], False))
    return [*pieces, ("…", False)] if end < len(text) else pieces


# --- keeping --------------------------------------------------------------------------------------


def of_centre(centre: Centre) -> SearchText:
    """What a centre's row is found by: its names, field, organisations and places; and, behind
    `APART`, what nobody reads there: its number and initials."""
    roles = [held for _party, held in sorted(centre.roles.items())]  # the database keeps no order
    orgs = [str(o.get("name") or "") for held in roles for o in held]
    known = [centre.title_zh, centre.title_en, centre.name_zh, centre.name_en, centre.subject]
    parts = [part for part in dict.fromkeys([*known, *orgs, *centre.places]) if part]
    text = clean("\n".join([*parts, APART, centre.id, centre.initials]))[:PART]
    return SearchText(centre=centre, source=PROFILE, text=text, vector=vector(text))


def of_act(
    row: ActRecord, rs: Ruleset, data: Mapping[str, Any], documents: Mapping[str, Any]
) -> list[SearchText]:
    """What an act is found by: its name and all that is said in its inputs and documents. What
    bodies say of another's draft is found by nobody: not all who see the centre may read it."""
    if row.kind == CONCUR:
        return []
    model = rs.models.get(row.kind)
    name = model.name if model is not None else p.Words(zh=row.kind, en=row.kind)
    inputs = model.with_ if model is not None else {}
    programme = rs.programme
    said = [name.zh, *row_words(programme, data, inputs)]
    for document, content in sorted(documents.items()):
        schema = programme.documents.get(document)
        sections = schema.sections if schema is not None else {}
        said += [schema.name.zh] if schema is not None else []
        for section, held in sorted(content.items() if isinstance(content, Mapping) else ()):
            fields = sections[section].fields if section in sections else {}
            given = held if fields and isinstance(held, Mapping) else {section: held}
            said += row_words(programme, given, fields)
    return parts_of(row.centre_id, f"act:{row.seq}", "\n".join(said), name.zh, name.en)


def of_row(row: ActRecord, contents: Mapping[str, Any] | None = None) -> list[SearchText]:
    """The same from an act's row with its payload; `contents` are documents by digest when known.

    What was erased is not found any more.
    """
    held = store.contents_of([row]) if contents is None else contents
    documents = {name: held.get(d["digest"]) for name, d in row.payload.documents.items()}
    judged_by = library.as_judged(row.book_id, row.ruleset)
    editions = judged_by or library.editions(row.book_id)
    rs = editions.by_name.get(row.edition) or editions.latest
    return of_act(row, rs, coding.decode(row.payload.data), documents)


def expected(centre: Centre, rows: Iterable[ActRecord]) -> list[SearchText]:
    """All that a centre's acts make findable, from what is stored."""
    rows = list(rows)
    contents = store.contents_of(rows)
    return [of_centre(centre), *(one for row in rows for one in of_row(row, contents))]


def parts_of(
    centre: str | None,
    source: str,
    text: str,
    zh: str = "",
    en: str = "",
    link: str = "",
    owner: str = "",
) -> list[SearchText]:
    """A text as rows to keep, several when it is long."""
    whole = clean(text)
    found = []
    for number, start in enumerate(range(0, max(len(whole) - OVERLAP, 1), PART - OVERLAP)):
        part = whole[start : start + PART]
        found.append(
            SearchText(
                centre_id=centre,
                source=source if not number else f"{source}/{number + 1}",
                owner=owner,
                title_zh=zh[:300],
                title_en=(en or zh)[:300],
                link=link,
                text=part,
                vector=vector(part),
            )
        )
    return found


def row_words(
    programme: p.Programme, data: Mapping[str, Any], inputs: Mapping[str, p.Input]
) -> Iterator[str]:
    """What a row of values says, in the order of their names; options, kinds and grades by their
    names, organisations by theirs."""
    for name, value in sorted(data.items()):
        given = inputs.get(name)
        columns = given.columns if given is not None else None
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(one, Mapping) and (columns or not (one.get("name") or one.get("org"))):
                yield from row_words(programme, one, columns or {})
            elif isinstance(one, (list, tuple)):
                yield from row_words(programme, {name: list(one)}, inputs)
            elif one is not None and not isinstance(one, bool):
                said = words.value(one, given, programme=programme).zh
                if not said.startswith("sha256:"):
                    yield said


def keep(centre: Centre, source: str, rows: list[SearchText]) -> None:
    """Puts these rows in the place of what one source of a centre had; none: takes it out."""
    old = Q(source=source) | Q(source__startswith=f"{source}/")
    SearchText.objects.filter(old, centre=centre).delete()
    SearchText.objects.bulk_create(rows)


def index(
    centre: Centre,
    source: str,
    text: str,
    title_zh: str,
    title_en: str = "",
    link: str = "",
    owner: str = "",
) -> None:
    """Makes a text of another part of the office findable with its centre.

    `source` names it (`dossier:12`), `link` leads to it, `owner` is the organisation to which it is
    kept ('' when all who see the centre may read it). An empty text takes it out.
    """
    rows = (
        parts_of(centre.id, source, text, title_zh, title_en, link, owner) if text.strip() else []
    )
    keep(centre, source, rows)
