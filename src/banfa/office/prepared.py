"""Queries whose SQL is made once in a process and used again with other values.

Django makes the SQL of a query anew whenever it is asked, which takes several times as long as the
database needs to answer a small one. What every request asks is therefore written as `Prepared`:
still the ORM's own query, with `later("name")` where a value comes later. Nothing that was read is
kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Field, Lookup, QuerySet, Value
from django.db.models.fields.related import ForeignObject
from django.db.models.query import ModelIterable, get_related_populators
from django.db.transaction import TransactionManagementError


@dataclass(frozen=True)
class _Name:
    """The name of a value that is given when the query is asked."""

    name: str


def later(name: str) -> Value:
    """A place in a query for a value: plain (text, number, date), or a list for `any_of`."""
    return Value(_Name(name))


@ForeignObject.register_lookup
@Field.register_lookup
class AnyOf(Lookup):
    """`field__any_of=later("ids")`: one of a list of values, however many they are."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """The field = ANY (an array)."""
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} = ANY({right})", [*left_params, *right_params]


class Prepared:
    """A query made by `build` (without arguments, when first asked), asked with values by name.

    Gives a list of what the query's own iteration gives: model objects, also with
    `select_related`, or the tuples of `values_list`.
    """

    def __init__(self, build: Callable[[], QuerySet[Any]]) -> None:
        self._build = build
        self._made: _Made | None = None

    def __call__(self, **values: Any) -> list[Any]:
        if self._made is None:
            self._made = _Made(self._build())
        return self._made.ask(values)

    def first(self, **values: Any) -> Any:
        """The first row, or None."""
        found = self(**values)
        return found[0] if found else None


class _Made:
    """The SQL of a query, and how its rows become what the query gives."""

    def __init__(self, found: QuerySet[Any]) -> None:
        query = found.query
        compiler = query.get_compiler(using="default")
        self._sql, self._params = compiler.as_sql()
        self._locks = query.select_for_update
        columns = compiler.select[: compiler.col_count]
        made = compiler.get_converters([column[0] for column in columns])
        self._converters: list[tuple[int, Any, Any]] = [
            (place, tuple(functions), expression) for place, (functions, expression) in made.items()
        ]
        self._model: Any = None
        if found._iterable_class is ModelIterable:
            assert compiler.klass_info is not None
            self._model = compiler.klass_info["model"]
            selected = compiler.klass_info["select_fields"]
            self._begin, self._end = selected[0], selected[-1] + 1
            own = compiler.select[self._begin : self._end]
            self._names: list[str] = [column[0].target.attname for column in own]
            self._related = get_related_populators(compiler.klass_info, compiler.select, "default")
            self._annotated = list((compiler.annotation_col_map or {}).items())

    def ask(self, values: dict[str, Any]) -> list[Any]:
        if self._locks and not connection.in_atomic_block:
            raise TransactionManagementError("rows are locked within a transaction only")
        params = [values[p.name] if isinstance(p, _Name) else p for p in self._params]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, params)
            rows = cursor.fetchall()
        if self._converters:
            rows = [self._converted(row) for row in rows]
        return rows if self._model is None else [self._object(row) for row in rows]

    def _converted(self, row: Sequence[Any]) -> tuple[Any, ...]:
        found = list(row)
        for place, functions, expression in self._converters:
            for function in functions:
                found[place] = function(found[place], expression, connection)
        return tuple(found)

    def _object(self, row: Sequence[Any]) -> Any:
        found = self._model.from_db("default", self._names, row[self._begin : self._end])
        for populator in self._related:
            populator.populate(row, found)
        for name, place in self._annotated:
            setattr(found, name, row[place])
        return found
