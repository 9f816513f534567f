"""Tables and scores as bytes: all that repeats a run, and all that explains its figures."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from banfa.rules.exact import Whole, largest
from banfa.rules.figures import Table
from banfa.rules.scoring import Line, Scheme, Scores
from banfa.rules.system import Thresholds

FORM = 1
_KINDS = {"1": "<i1", "2": "<i2", "4": "<i4", "8": "<i8", "b": "|u1"}


class Unreadable(Exception):
    """Bytes that no run of this form of storage has written."""


class _Writer:
    """Columns one after another; the head says what each is."""

    def __init__(self) -> None:
        self.heads: list[Any] = []
        self.parts: list[bytes] = []

    def add(self, name: str, values: Whole) -> None:
        if values.dtype == object:
            text = ",".join(str(int(v)) for v in values.ravel()).encode()
            self.heads.append([name, "o", list(values.shape), len(text)])
            self.parts.append(text)
            return
        if values.dtype == np.bool_:
            made, kind = np.packbits(values), "b"
        else:
            size = largest(values)
            kind = next(k for k in "1248" if size < 1 << (8 * int(k) - 1))
            made = values.astype(_KINDS[kind])
        raw = np.ascontiguousarray(made).tobytes()
        self.heads.append([name, kind, list(values.shape), len(raw)])
        self.parts.append(raw)

    def done(self, head: dict[str, Any]) -> bytes:
        head = {"form": FORM, **head, "columns": self.heads}
        text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
        return zlib.compress(len(text).to_bytes(8, "big") + text + b"".join(self.parts), 1)


def _read(stored: bytes) -> tuple[dict[str, Any], dict[str, Whole]]:
    try:
        raw = zlib.decompress(stored)
        size = int.from_bytes(raw[:8], "big")
        head = json.loads(raw[8 : 8 + size])
        form = head["form"]
    except (zlib.error, ValueError, KeyError) as error:
        raise Unreadable("these bytes hold no table and no scores") from error
    if form != FORM:
        raise Unreadable(f"written in form {form}; this version reads form {FORM}")
    at, found = 8 + size, {}
    for name, kind, shape, length in head["columns"]:
        found[name] = _column(raw[at : at + length], kind, shape)
        at += length
    return head, found


def _column(raw: bytes, kind: str, shape: list[int]) -> Whole:
    if kind == "o":
        numbers = [int(x) for x in raw.decode().split(",")] if raw else []
        return np.array(numbers, dtype=object).reshape(shape)
    values = np.frombuffer(raw, _KINDS[kind])
    if kind == "b":
        count = int(np.prod(shape))
        return np.unpackbits(values, count=count).astype(np.bool_).reshape(shape)
    return values.astype(np.int64).reshape(shape)


def pack_table(made: Table) -> bytes:
    """A table as bytes."""
    writer = _Writer()
    for name, values in made.values.items():
        writer.add(f"v {name}", values)
        writer.add(f"p {name}", made.present[name])
    for name, classes in made.classes.items():
        writer.add(f"c {name}", classes)
    return writer.done({"centres": made.centres, "years": made.years})


def unpack_table(stored: bytes) -> Table:
    """The table again. Raises Unreadable."""
    head, columns = _read(stored)
    return Table(
        head["centres"],
        head["years"],
        {n: columns[f"v {n}"] for n in _named(columns, "v ")},
        {n: columns[f"p {n}"] for n in _named(columns, "p ")},
        {n: columns[f"c {n}"].astype(np.intp) for n in _named(columns, "c ")},
    )


def _named(columns: Iterable[str], mark: str) -> list[str]:
    return [name.removeprefix(mark) for name in columns if name.startswith(mark)]


def pack(scores: Scores) -> bytes:
    """Scores as bytes: what explains every figure, and every result."""
    writer = _Writer()
    for name, line in scores.lines.items():
        writer.add(f"f {name}", line.figure)
        writer.add(f"s {name}", line.state)
        if line.points is not None and line.piece is not None:
            writer.add(f"n {name}", line.points)
            writer.add(f"i {name}", line.piece)
        if line.fails is not None:
            writer.add(f"x {name}", line.fails)
    for name, points in scores.groups.items():
        writer.add(f"g {name}", points)
    for name, classes in scores.classes.items():
        writer.add(f"c {name}", classes)
    writer.add("total", scores.total)
    writer.add("blocked", scores.blocked)
    writer.add("rank", scores.rank)
    writer.add("grade", scores.grade)
    head = {
        "centres": scores.centres,
        "years": scores.years,
        "bottom": str(scores.bottom),
        "bottoms": {name: str(line.bottom) for name, line in scores.lines.items()},
        "table": scores.table_digest,
    }
    return writer.done(head)


def unpack(scheme: Scheme, thresholds: Thresholds | None, stored: bytes) -> Scores:
    """The scores again, with the system and thresholds they were made by. Raises Unreadable."""
    head, columns = _read(stored)
    lines = {}
    for name in _named(columns, "f "):
        fails, piece = columns.get(f"x {name}"), columns.get(f"i {name}")
        lines[name] = Line(
            columns[f"f {name}"],
            columns[f"s {name}"].astype(np.uint8),
            piece.astype(np.uint8) if piece is not None else None,
            columns.get(f"n {name}"),
            int(head["bottoms"][name]),
            fails.astype(np.bool_) if fails is not None else None,
        )
    return Scores(
        scheme,
        thresholds,
        head["centres"],
        head["years"],
        {n: columns[f"c {n}"].astype(np.intp) for n in _named(columns, "c ")},
        lines,
        {n: columns[f"g {n}"] for n in _named(columns, "g ")},
        columns["total"],
        int(head["bottom"]),
        columns["blocked"].astype(np.bool_),
        columns["rank"].astype(np.int32),
        columns["grade"].astype(np.int16),
        head["table"],
    )
