"""What all lists share: columns to choose and sort by, pages, and the list as a file.

A list is a `Listing`: it finds rows for what was asked and says how to put them into words. The
database filters, sorts and cuts; a page costs the same with ten centres and with ten thousand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from banfa.office import clock
from banfa.office.readable import Readable

SIZE = 50
MOST_COUNTED = 10_000
"""More are not counted, nor paged through: filters and files are for that."""

NOTE = "hurry"
"""The parameter by which a list says why nobody was asked to hurry; it is told once."""

Order = Callable[[dt.date], Sequence[Any]]


@dataclass(frozen=True)
class Column(Readable):
    """A column: its words, how it sorts (ascending; None: it does not), its value in a file.

    `always` columns cannot be put away, `default` ones show unless others are chosen.
    """

    id: str
    name: Any
    value: Callable[[Any], Any]
    order: Order | None = None
    always: bool = False
    default: bool = True

    @property
    def sorts(self) -> bool:
        """Whether it sorts (templates would call `order`)."""
        return self.order is not None


@dataclass
class Asked(Readable):
    """What the query string asks of a list; what could not be read is said in `mistakes`.

    `given` are the filters by name, as typed. `descending` turns the column's own order round.
    """

    request: HttpRequest
    on: dt.date
    given: dict[str, str]
    columns: list[Column]
    all_columns: list[Column]
    sort: Column
    descending: bool
    page: int
    mistakes: list[str] = field(default_factory=list)

    @property
    def reach(self) -> Any:
        """What the person may see and do."""
        return self.request.reach

    def day(self, name: str, label: Any) -> dt.date | None:
        """A filter that is a day."""
        raw = self.given.get(name, "")
        if not raw:
            return None
        try:
            return dt.date.fromisoformat(raw)
        except ValueError:
            said = _("“%(label)s”的“%(raw)s”不是有效日期，未按此筛选；请写成 2030-11-20。")
            self.mistakes.append(said % {"label": label, "raw": raw[:40]})
            return None

    def one_of(self, name: str, known: Mapping[str, Any], label: Any) -> str:
        """A filter that is one of the known ids; '' for none."""
        raw = self.given.get(name, "")
        if raw and raw not in known:
            said = _("“%(label)s”中没有“%(raw)s”，未按此筛选。")
            self.mistakes.append(said % {"label": label, "raw": raw[:40]})
            return ""
        return raw

    @property
    def filtered(self) -> bool:
        """Whether any filter is set."""
        return any(self.given.values())

    @cached_property
    def shown(self) -> dict[str, bool]:
        """The ids of the columns shown, for templates."""
        return {c.id: True for c in self.columns}

    @cached_property
    def heads(self) -> list[dict[str, Any]]:
        """The head of each column shown: its words, where a click leads, how it is sorted."""
        return [self._head(c) for c in self.columns]

    def _head(self, column: Column) -> dict[str, Any]:
        now = column is self.sort
        turned = now and not self.descending
        state = ("descending" if self.descending else "ascending") if now else ""
        href = self.query(sort=f"-{column.id}" if turned else column.id, page=None)
        return {"column": column, "href": href if column.order else "", "state": state}

    def query(self, **changes: Any) -> str:
        """The address of the same list with some parameters changed; None takes one out."""
        asked = self.request.GET.copy()
        asked.pop(NOTE, None)
        for name, value in changes.items():
            if value is None:
                asked.pop(name, None)
            else:
                asked[name] = str(value)
        return f"?{asked.urlencode()}"

    def kept(self, *but: str) -> list[tuple[str, str]]:
        """All parameters but some, for hidden fields."""
        lists = self.request.GET.lists()
        return [(n, v) for n, values in lists for v in values if n not in (*but, "page", NOTE)]


class Listing:
    """A list. Subclasses say what it holds; rows of the database go in, rows in words come out."""

    id: str
    address: str
    title: Any
    template: str
    columns: Sequence[Column]
    filters: Mapping[str, Any]
    folded: Sequence[str] = ()
    """Filters that are folded away unless they are set."""
    notes: Mapping[str, Any] = {}
    """What is said above the list, by what `NOTE` names."""
    first: str
    """The column it is sorted by at first, with a minus for descending."""

    def find(self, asked: Asked) -> QuerySet[Any]:
        """The rows that match and that the person may see, in no order."""
        raise NotImplementedError

    def rows(self, asked: Asked, found: Sequence[Any]) -> list[Any]:
        """A page of rows in words."""
        raise NotImplementedError

    def exportable(self, asked: Asked) -> Q:
        """The condition for those rows that the person may take as a file."""
        raise NotImplementedError

    def told(self, asked: Asked) -> list[tuple[str, str]]:
        """The filters that are set, in words: what a file says at its head."""
        return [(str(self.filters[n]), v) for n, v in asked.given.items() if v]

    def context(self, asked: Asked) -> dict[str, Any]:
        """What the template needs besides: the options of the filters."""
        return {}


def read(request: HttpRequest, listing: Listing, query: QueryDict | None = None) -> Asked:
    """What the query string asks of a list."""
    raw = request.GET if query is None else query
    by_id = {c.id: c for c in listing.columns}
    wanted = [n for part in raw.getlist("cols")[:40] for n in part.split(",")]
    chosen = [c for c in listing.columns if c.always or c.id in wanted]
    columns = chosen if any(c.id in wanted for c in listing.columns) else standard(listing)
    sort = raw.get("sort", "")
    column = by_id.get(sort.removeprefix("-"))
    if column is None or column.order is None:
        sort, column = listing.first, by_id[listing.first.removeprefix("-")]
    page = raw.get("page", "1")
    last = MOST_COUNTED // SIZE
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    return Asked(
        request,
        clock.today(),
        {name: text_of(raw.get(name, "")) for name in listing.filters},
        columns,
        list(listing.columns),
        column,
        sort.startswith("-"),
        min(max(number, 1), last),
    )


def standard(listing: Listing) -> list[Column]:
    """The columns that show when none were chosen."""
    return [c for c in listing.columns if c.always or c.default]


def text_of(raw: str) -> str:
    """A filter as typed, without what cannot be meant."""
    return raw.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()[:200]


def back(request: HttpRequest, listing: Listing, note: str = "") -> str:
    """The address of a list as it was filtered when something was chosen from it (`back` in the
    request holds its query), with a note to tell above it."""
    given = request.POST if request.method == "POST" else request.GET
    kept = QueryDict(given.get("back", "").replace("\0", "")[:2000], mutable=True)
    kept.pop(NOTE, None)
    if note:
        kept[NOTE] = note
    address = reverse(listing.address)
    return f"{address}?{kept.urlencode()}" if kept else address


def ordered(asked: Asked, found: QuerySet[Any]) -> QuerySet[Any]:
    """The rows in the order asked for; what has no value comes last either way."""
    assert asked.sort.order is not None
    terms = asked.sort.order(asked.on)
    return found.order_by(*(_turned(found, t) for t in terms) if asked.descending else terms)


def _turned(found: QuerySet[Any], term: Any) -> Any:
    """A term descending. Said only where there may be no value: else an index serves backwards."""
    own = isinstance(term, F) and "__" not in term.name
    named = own and not found.model._meta.get_field(term.name).null
    return term.desc() if named else term.desc(nulls_last=True)


@dataclass
class Page(Readable):
    """A page of a list. `more`: there are more than are counted."""

    rows: list[Any]
    number: int
    total: int
    more: bool

    @property
    def pages(self) -> int:
        """How many pages can be turned."""
        return max(-(-self.total // SIZE), 1)

    @property
    def first(self) -> int:
        """The number of the first row on the page."""
        return (self.number - 1) * SIZE + 1


def page_of(asked: Asked, listing: Listing) -> Page:
    """The page asked for: one query for the count (up to `MOST_COUNTED`), one for the rows."""
    found = listing.find(asked)
    total = found.order_by()[: MOST_COUNTED + 1].count()
    more, total = total > MOST_COUNTED, min(total, MOST_COUNTED)
    number = min(asked.page, max(-(-total // SIZE), 1))
    first = (number - 1) * SIZE
    rows = list(ordered(asked, found)[first : first + SIZE]) if total else []
    return Page(listing.rows(asked, rows), number, total, more)


def every(asked: Asked, listing: Listing, found: QuerySet[Any], most: int) -> Iterator[list[Any]]:
    """All rows up to `most` in the order asked for, as the cells of the columns shown.

    Rows are read by pieces; the order is taken once, so that none is missed or doubled.
    """
    numbers = list(ordered(asked, found).values_list("pk", flat=True)[:most])
    for start in range(0, len(numbers), 500):
        piece = numbers[start : start + 500]
        by_number = {row.pk: row for row in found.filter(pk__in=piece)}
        held = [by_number[n] for n in piece if n in by_number]
        for row in listing.rows(asked, held):
            yield [column.value(row) for column in asked.columns]
