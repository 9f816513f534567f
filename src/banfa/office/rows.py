"""Rows written by SQL whose parts are made once in a process.

For what every act writes: `Model.save` and `bulk_create` make their SQL anew each time. Signals of
models and overridden `save` methods are passed by.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
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


def insert(rows: Sequence[Model], over: Sequence[str] = ()) -> None:
    """Inserts rows of one model in one statement; those with a number of their own get it.

    With `over` (the columns of a unique constraint) a row takes the place of one on file that has
    the same there.
    """
    if rows:
        _insert(rows, over=over)


def replace(model: type[Model], column: str, among: Sequence[Any], rows: Sequence[Model]) -> None:
    """Takes out the rows of a model whose column is one of some values, and inserts these: one
    statement, more when there are many rows."""
    table = _table(model)
    gone = f"DELETE FROM {table.name} WHERE {quoted(column)} = ANY(%s)"
    if not rows:
        with connection.cursor() as cursor:
            cursor.execute(gone, [list(among)])
        return
    _insert(rows[:AT_ONCE], before=f"WITH gone AS ({gone}) ", values=[list(among)])
    for begin in range(AT_ONCE, len(rows), AT_ONCE):
        _insert(rows[begin : begin + AT_ONCE])


def insert_with(row: Model, part: Model) -> None:
    """Inserts a row, which gets its number, and the one that has that number as its own key: one
    statement."""
    table, other = _table(type(row)), _table(type(part))
    names = ", ".join(quoted(f.column) for f, _made in other.others)
    wanted = ", ".join(["%s"] * len(other.others))
    sql = f"WITH made AS ({table.inserting(table.unnumbered, 1)}) INSERT INTO {other.name}"
    sql += f" ({other.key}, {names}) SELECT made.*, {wanted} FROM made RETURNING {other.key}"
    given = [made(f.pre_save(row, True)) for f, made in table.unnumbered]
    given += [made(f.pre_save(part, True)) for f, made in other.others]
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        (row.pk,) = cursor.fetchone()
    part.pk = row.pk
    for one in (row, part):
        one._state.adding, one._state.db = False, "default"


def _insert(
    rows: Sequence[Model], over: Sequence[str] = (), before: str = "", values: Sequence[Any] = ()
) -> None:
    table = _table(type(rows[0]))
    fields = table.unnumbered if rows[0].pk is None else table.all
    given = [made(f.pre_save(r, True)) for r in rows for f, made in fields]
    with connection.cursor() as cursor:
        cursor.execute(before + table.inserting(fields, len(rows), over), [*values, *given])
        for one, (key,) in zip(rows, cursor.fetchall(), strict=True):
            one.pk = key
            one._state.adding, one._state.db = False, "default"


def update(row: Model) -> None:
    """Writes all of a row that is on file."""
    table = _table(type(row))
    values = [made(f.pre_save(row, False)) for f, made in table.others]
    with connection.cursor() as cursor:
        cursor.execute(table.updating, [*values, row.pk])


def quoted(name: str) -> str:
    """A name of a table or column as SQL writes it."""
    return connection.ops.quote_name(name)


AT_ONCE = 1000
Fields = tuple[tuple[Any, Callable[[Any], Any]], ...]


class _Table:
    """A model's table: each field with how its value is made ready, and the SQL about them."""

    def __init__(self, model: type[Model]) -> None:
        key = model._meta.pk
        assert key is not None
        self.name, self.key = quoted(model._meta.db_table), quoted(key.column)
        self.all: Fields = tuple(
            (f, ready(f)) for f in model._meta.concrete_fields if not f.generated
        )
        self.others: Fields = tuple((f, made) for f, made in self.all if f is not key)
        self.unnumbered = self.others if isinstance(key, AutoField) else self.all
        sets = ", ".join(f"{quoted(f.column)} = %s" for f, _made in self.others)
        self.updating = f"UPDATE {self.name} SET {sets} WHERE {self.key} = %s"

    def inserting(self, fields: Fields, number: int, over: Sequence[str] = ()) -> str:
        """The statement for so many rows."""
        names = ", ".join(quoted(f.column) for f, _made in fields)
        row = f"({', '.join(['%s'] * len(fields))})"
        said = f"INSERT INTO {self.name} ({names}) VALUES {', '.join([row] * number)}"
        if over:
            columns = [quoted(f.column) for f, _made in self.others if f.column not in over]
            sets = ", ".join(f"{c} = EXCLUDED.{c}" for c in columns)
            same = ", ".join(map(quoted, over))
            said += f" ON CONFLICT ({same}) DO UPDATE SET {sets}"
        return f"{said} RETURNING {self.key}"


_tables: dict[type[Model], _Table] = {}


def _table(model: type[Model]) -> _Table:
    if model not in _tables:
        _tables[model] = _Table(model)
    return _tables[model]


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
