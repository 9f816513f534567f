"""Rows written by SQL whose parts are made once in a process.

For what every act writes: `Model.save` and `bulk_create` make their SQL anew each time. Signals of
models and overridden `save` methods are passed by.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import (
    AutoField,
    BooleanField,
    CharField,
    DateField,
    ForeignKey,
    IntegerField,
    JSONField,
    Model,
    TextField,
)


def insert(rows: Sequence[Model], instead: bool = False) -> None:
    """Inserts rows of one model in one statement; those with a number of their own get it.

    With `instead` a row whose key is on file takes that one's place.
    """
    if not rows:
        return
    table = _table(type(rows[0]))
    fields = table.all if rows[0].pk is not None else table.unnumbered
    names = ", ".join(quoted(f.column) for f in fields)
    row = f"({', '.join(['%s'] * len(fields))})"
    sql = f"INSERT INTO {table.name} ({names}) VALUES {', '.join([row] * len(rows))}"
    if instead:
        sets = ", ".join(f"{quoted(f.column)} = EXCLUDED.{quoted(f.column)}" for f in table.others)
        sql += f" ON CONFLICT ({table.key}) DO UPDATE SET {sets}"
    sql += f" RETURNING {table.key}"
    with connection.cursor() as cursor:
        cursor.execute(
            sql, [ready(f.pre_save(r, True)) for r in rows for f, ready in fields.items()]
        )
        for one, (key,) in zip(rows, cursor.fetchall(), strict=True):
            one.pk = key
            one._state.adding, one._state.db = False, "default"


def update(row: Model) -> None:
    """Writes all of a row that is on file."""
    table = _table(type(row))
    sets = ", ".join(f"{quoted(f.column)} = %s" for f in table.others)
    values = [made(f.pre_save(row, False)) for f, made in table.others.items()]
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table.name} SET {sets} WHERE {table.key} = %s", [*values, row.pk])


def quoted(name: str) -> str:
    """A name of a table or column as SQL writes it."""
    return connection.ops.quote_name(name)


@dataclass
class _Table:
    """A model's table: its name, its key, and how each field's value is made ready."""

    name: str
    key: str
    all: dict[Any, Callable[[Any], Any]]
    unnumbered: dict[Any, Callable[[Any], Any]]
    others: dict[Any, Callable[[Any], Any]]


@lru_cache(maxsize=64)
def _table(model: type[Model]) -> _Table:
    key = model._meta.pk
    assert key is not None
    every = {f: ready(f) for f in model._meta.concrete_fields if not f.generated}
    others = {f: made for f, made in every.items() if f is not key}
    numbered = isinstance(key, AutoField)
    return _Table(
        quoted(model._meta.db_table),
        quoted(key.column),
        every,
        others if numbered else every,
        others,
    )


_PLAIN = (CharField, TextField, IntegerField, BooleanField, DateField, ForeignKey, AutoField)


def ready(field: Any) -> Callable[[Any], Any]:
    """How a field's value is made ready for the database; most values are as they are."""
    if isinstance(field, JSONField):
        return as_json
    if isinstance(field, (*_PLAIN, ArrayField)):
        return _as_it_is
    return lambda value: field.get_db_prep_save(value, connection)


def _as_it_is(value: Any) -> Any:
    return value


def as_json(value: Any) -> str | None:
    """A JSON column's value as text."""
    return None if value is None else json.dumps(value, ensure_ascii=False)
