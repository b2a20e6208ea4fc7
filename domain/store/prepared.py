"""Statements that are built once, at import, and asked many times: building one costs more than asking it.

Values are bound by name at each call. For any number of values there is one text (`= ANY`): the server would prepare
`IN` anew for each number of them, on each connection.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Insert, Table, Uuid, any_, bindparam, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute

from domain.store.tables.base import Base

T = TypeVar("T")


def among(column: "InstrumentedAttribute[T] | ColumnElement[T]", name: str) -> ColumnElement[bool]:
    """A condition: the column is one of the values bound by this name (a list).

    For an indexed column and some hundred values at most. A statement that has been asked five times is planned
    without its values, and a table that is scanned then is compared with each of them: five thousand drivers by five
    thousand took a database ten seconds: `named` is for those.
    """
    values: ColumnElement[Any] = bindparam(name, type_=ARRAY(column.type))
    return column == any_(values)


def named(column: InstrumentedAttribute[UUID], name: str) -> ColumnElement[bool]:
    """A condition: the column is one of the ids bound by this name (a list), however many thousand.

    They are a table to the server, which it hashes or looks up by, whatever it knew of them when it planned.
    """
    return column.in_(select(func.unnest(bindparam(name, type_=ARRAY(Uuid)))))


def table_of(entity: type[Base]) -> Table:
    """The table behind an entity, for statements that write rows nobody reads back as objects."""
    table = entity.__table__
    assert isinstance(table, Table)
    return table


def rows_into(table: Table, names: Sequence[str]) -> Insert:
    """Insert any number of rows, given as `columns`: one statement to the server, where rows bound one by one are as
    many as they are."""
    given = (func.unnest(bindparam(name, type_=ARRAY(table.c[name].type))) for name in names)
    return insert(table).from_select(list(names), select(*given))


def columns(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """These rows, for `rows_into`."""
    return {name: [row[name] for row in rows] for name in names}
