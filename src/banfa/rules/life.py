"""A centre's life: acts in order, and the state folded from them.

A life is folded by (day it counts on, order of recording). Two times are kept apart: `on`, the day
asked about, and `known_at`, the moment of knowledge. Folding only carries out effects; it never
judges.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

Org = Mapping[str, Any]
"""An organisation as an act saw it: `org` (its id), `name`, `kind`, `place` and the like."""


@dataclass(slots=True)
class Act:
    """An act, proposed or recorded.

    `on` is the day it counts on; `recorded` and `seq` are given when it is recorded; `saw` is the
    last programme-level sequence number it saw. `documents` maps a type to its content (when known)
    under `content` and its `digest`. `about` names a case; `exception` is an inline exception.
    `on_behalf_of` is who delegated it to `person`.
    """

    kind: str
    on: dt.date
    party: str
    org: Org = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    about: str | None = None
    exception: dict[str, Any] | None = None
    centre: str | None = None
    person: str | None = None
    seq: int = 0
    recorded: dt.datetime | None = None
    saw: int | None = None
    caused_by: int | None = None
    used: tuple[int, ...] = ()
    label: str | None = None
    on_behalf_of: str | None = None

    @property
    def draft(self) -> str:
        """Digest of what is proposed, on which bodies concur (not of the day it counts on)."""
        return digest(
            {
                "kind": self.kind,
                "centre": self.centre,
                "about": self.about,
                "data": self.data,
                "documents": {k: v.get("digest") for k, v in self.documents.items()},
            }
        )


def _plain(value: Any) -> Any:
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value.normalize()) if value else "0"
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise TypeError(f"cannot be written: {type(value).__name__}")


def canonical(value: Any) -> str:
    """Canonical JSON text of plain data, dates and decimals: equal data, equal text."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain
    )


def digest(value: Any) -> str:
    """SHA-256 of the canonical text, with the algorithm's name in front."""
    return "sha256:" + hashlib.sha256(canonical(value).encode()).hexdigest()


@dataclass(slots=True)
class Period:
    """A period with both ends included; `first_end` is the end before any extension."""

    start: dt.date
    end: dt.date
    first_end: dt.date
    seq: int
    closed: bool = False


@dataclass(slots=True)
class Case:
    """An open or closed procedure, keyed by the act that opened it.

    `acts` has the last act of each kind that belongs to it, `log` all of them in folding order.
    """

    id: str
    procedure: str
    step: str
    opened: dt.date
    key: Any = None
    data: dict[str, Any] = field(default_factory=dict)
    acts: dict[str, int] = field(default_factory=dict)
    since: dt.date | None = None
    closed: bool = False
    log: list[int] = field(default_factory=list)


@dataclass(slots=True)
class ResultOnFile:
    """A confirmed evaluation result."""

    grade: str
    on: dt.date
    round: Any
    seq: int


@dataclass(slots=True)
class Owed:
    """A notice that is owed since an act; `sent` when it went out."""

    notice: str
    since: dt.date
    seq: int
    sent: dt.date | None = None


@dataclass(slots=True)
class Granted:
    """An exception granted by the competent body, used at most once."""

    rule: str
    limit: Any
    on: dt.date
    seq: int
    used: int | None = None


@dataclass(slots=True)
class State:
    """What the acts so far amount to. Changed only by `Ruleset.apply`.

    `stated` is how an existing centre's entry gives the beginning of its first stage where that is
    no whole day: a year, a month, or '' for nothing. Days are counted from the entry's own then.
    """

    edition: str = ""
    stage: str | None = None
    stage_since: dt.date | None = None
    stages: list[tuple[str, dt.date]] = field(default_factory=list)
    centre_class: str | None = None
    roles: dict[str, list[Org]] = field(default_factory=dict)
    periods: dict[str, Period] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    flags: dict[str, dt.date] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, Act] = field(default_factory=dict)
    last: dict[str, Act] = field(default_factory=dict)
    keyed: dict[tuple[str, Any], Act] = field(default_factory=dict)
    sums: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    open_cases: dict[str, list[str]] = field(default_factory=dict)
    results: list[ResultOnFile] = field(default_factory=list)
    notices: list[Owed] = field(default_factory=list)
    exceptions: list[Granted] = field(default_factory=list)
    concurrences: dict[str, dict[str, bool]] = field(default_factory=dict)
    imported: bool = False
    stated: str | None = None
    seq: int = 0

    def copy(self) -> State:
        """An independent copy (acts themselves are shared: they never change)."""
        new = State()
        for f in fields(State):
            setattr(new, f.name, _copied(getattr(self, f.name)))
        return new

    @property
    def stated_now(self) -> str | None:
        """What is stated of the beginning of the stage that acts brought last; None: its day."""
        return self.stated if len(self.stages) == 1 else None

    def summary(self) -> dict[str, Any]:
        """The state as plain data, for digests, comparison and `--json`."""
        stated = {"stated": self.stated} if self.stated is not None else {}
        return {
            "edition": self.edition,
            "stage": self.stage,
            "stage_since": self.stage_since,
            "stages": [list(s) for s in self.stages],
            "class": self.centre_class,
            "roles": {k: [dict(o) for o in v] for k, v in self.roles.items()},
            "periods": {
                k: {
                    "start": p.start,
                    "end": p.end,
                    "first_end": p.first_end,
                    "closed": p.closed,
                }
                for k, p in self.periods.items()
            },
            "values": dict(self.values),
            "flags": dict(self.flags),
            "counts": dict(self.counts),
            "cases": {
                k: {
                    "procedure": c.procedure,
                    "step": c.step,
                    "opened": c.opened,
                    "key": c.key,
                    "closed": c.closed,
                    "data": c.data,
                }
                for k, c in self.cases.items()
            },
            "results": [{"grade": r.grade, "on": r.on, "round": r.round} for r in self.results],
            "notices": [
                {"notice": n.notice, "since": n.since, "sent": n.sent} for n in self.notices
            ],
            "exceptions": [
                {"rule": e.rule, "limit": e.limit, "on": e.on, "used": e.used}
                for e in self.exceptions
            ],
            "imported": self.imported,
            **stated,
        }


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_copied(v) for v in value]
    if isinstance(value, Case):
        return Case(
            value.id,
            value.procedure,
            value.step,
            value.opened,
            value.key,
            dict(value.data),
            dict(value.acts),
            value.since,
            value.closed,
            list(value.log),
        )
    if isinstance(value, Period):
        return Period(value.start, value.end, value.first_end, value.seq, value.closed)
    if isinstance(value, Owed):
        return Owed(value.notice, value.since, value.seq, value.sent)
    if isinstance(value, Granted):
        return Granted(value.rule, value.limit, value.on, value.seq, value.used)
    return value


def in_order(acts: Iterable[Act]) -> list[Act]:
    """Acts in the order in which a life is folded: day, then order of recording."""
    return sorted(acts, key=lambda a: (a.on, a.seq))


ANNULMENTS = ("annul", "annul_programme_act")
CONCUR = "concur"
"""What a body says of an act that it has to concur in."""
CORRECTION = "correct_documents"


def standing(acts: Iterable[Act], known_at: dt.datetime | None = None) -> list[Act]:
    """The acts known at a moment and not annulled by then, in folding order.

    An annulment undoes its targets whatever their day; an annulled annulment undoes nothing.
    An act whose documents were corrected by then has the corrected ones.
    """
    known = [a for a in acts if known_at is None or a.recorded is None or a.recorded <= known_at]
    gone: set[int] = set()
    for act in sorted((a for a in known if a.kind in ANNULMENTS), key=lambda a: -a.seq):
        if act.seq not in gone:
            gone.update(targets(act))
    left = [a for a in known if a.seq not in gone]
    if any(a.kind == CORRECTION for a in left):
        left = _corrected(left)
    return in_order(left)


def _corrected(acts: list[Act]) -> list[Act]:
    """The acts with their documents as corrected last."""
    fresh: dict[int, dict[str, dict[str, Any]]] = {}
    for act in sorted((a for a in acts if a.kind == CORRECTION), key=lambda a: a.seq):
        fresh.setdefault(act.data.get("target", 0), {}).update(act.documents)
    return [
        replace(a, documents={**a.documents, **fresh[a.seq]}) if a.seq in fresh else a for a in acts
    ]


def targets(annul: Act) -> list[int]:
    """The sequence numbers an annulment undoes: its target and all that depends on it."""
    dependents = [row.get("seq") for row in annul.data.get("dependents") or []]
    return [int(n) for n in (annul.data.get("target"), *dependents) if n is not None]
