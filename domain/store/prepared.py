"""Statements that are built once, at import, and asked many times: building one costs more than asking it.

Values are bound by name at each call. For any number of values there is one text (`= ANY`): the server would prepare
`IN` anew for each number of them, on each connection.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, Generic, TypeVar, TypeVarTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    Table,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Result
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.selectable import TypedReturnsRows

from domain.rules.states import move, sources
from domain.store.asking import ask
from domain.store.tables.base import Base

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Row = TypeVar("Row", bound=Base)
S = TypeVar("S", bound=StrEnum)
M = TypeVar("M", bound=StrEnum)


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


def rows_into(table: Table, names: Sequence[str]) -> postgresql.Insert:
    """Insert any number of rows, given as `columns`: one statement to the server, where rows bound one by one are as
    many as they are."""
    given = (func.unnest(bindparam(name, type_=ARRAY(table.c[name].type))) for name in names)
    return postgresql.insert(table).from_select(list(names), select(*given))


def row_into(table: Table, *names: str) -> postgresql.Insert:
    """Insert a row, given by these columns."""
    return postgresql.insert(table).values({name: bindparam(name) for name in names})


def columns(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """These rows, for `rows_into`."""
    return {name: [row[name] for row in rows] for name in names}


def one_of(column: InstrumentedAttribute[str], values: Collection[str]) -> ColumnElement[bool]:
    """A condition: the column is one of these constants. Written out: `IN` is put together anew at each call, and a
    server that plans without values could not tell that a partial index is meant."""
    return or_(*(column == literal_column(f"'{value}'", column.type) for value in sorted(values)))


def from_and_to(
    column: InstrumentedAttribute[str], moves: Mapping[S, Mapping[M, S]]
) -> dict[M, tuple[ColumnElement[bool], S]]:
    """Of each verb of a table of moves: a condition, that a row is in a state it may be moved from, and the state it
    leads to, which is one from wherever."""
    ways: dict[M, tuple[ColumnElement[bool], S]] = {}
    for verb in {verb for allowed in moves.values() for verb in allowed}:
        seen = sources(moves, verb)
        (to,) = {move(moves, state, verb) for state in seen}
        ways[verb] = one_of(column, seen), to
    return ways


class About(Generic[*Ts]):
    """A statement about the rows of some ids, however many.

    Of one it has a text of its own: the server plans that once, and a list anew at each call, which may take longer
    than all the rest.
    """

    def __init__(
        self,
        column: "InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None]",
        statement: Callable[[ColumnElement[bool]], TypedReturnsRows[*Ts]],
    ) -> None:
        """`statement` makes it of a condition on the column."""
        self._one = statement(column == bindparam("only"))
        self._some = statement(among(column, "some"))

    async def ask(self, db: AsyncSession, ids: Iterable[UUID], **given: Any) -> Result[*Ts]:
        """Its rows; `given` are the values it is bound to besides."""
        some = list(set(ids))
        if len(some) == 1:
            return await ask(db, self._one, {**given, "only": some[0]})
        return await ask(db, self._some, {**given, "some": some})


async def change(
    db: AsyncSession,
    entity: type[Row],
    where: tuple[ColumnElement[bool], ...],
    given: Mapping[str, Any],
    values: Mapping[str, Any],
) -> Sequence[Row]:
    """Change the rows that meet every condition, and return them as they are then.

    The conditions are constants of a module, their values bound by name in `given`: the statement is built once for
    the names of the columns that change, which cost more than asking it.
    """
    statement = _changing(entity, where, tuple(values))
    rows = await ask(db, statement, {**given, **{f"to_{name}": value for name, value in values.items()}})
    return rows.scalars().all()


@cache
def _changing(
    entity: type[Base], where: tuple[ColumnElement[bool], ...], names: tuple[str, ...]
) -> Executable:
    changed = (
        update(table_of(entity))
        .where(*where)
        .values({name: bindparam(f"to_{name}") for name in names})
        .returning(table_of(entity))
    )
    return select(entity).from_statement(changed).execution_options(populate_existing=True)


async def put(db: AsyncSession, entity: type[Row], values: Mapping[str, Any]) -> Row | None:
    """Insert a row, and return it; `None` when a guard of the schema says no, and nothing else happens then."""
    given = {f"to_{name}": value for name, value in values.items()}
    return (await ask(db, _putting(entity, tuple(values)), given)).scalar_one_or_none()


@cache
def _putting(entity: type[Base], names: tuple[str, ...]) -> Executable:
    table = table_of(entity)
    added = (
        postgresql.insert(table)
        .values({name: bindparam(f"to_{name}", type_=table.c[name].type) for name in names})
        .on_conflict_do_nothing()
        .returning(table)
    )
    return select(entity).from_statement(added)
