"""Constant statements, asked on the driver's own cursor: SQLAlchemy writes them, and knows their rows, once.

Its own way from `execute` to the driver costs several times what the driver does, at each call, and what it finds out
on the way is the same each time for a statement that is a constant. Here that is kept with the statement: its text, how
each value is bound, how each column is read. The transaction, the identity map and the errors are the session's.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, Protocol, TypeVar, TypeVarTuple, overload
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Connection, Dialect, Executable, bindparam, inspect, select
from sqlalchemy.engine import IteratorResult, Result
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper, Session, class_mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlalchemy.types import TypeEngine

from domain.store.tables.base import Base

Ts = TypeVarTuple("Ts")
R = TypeVar("R", bound=Base)
Processor = Callable[[Any], Any]

DEADLINE: Final = "coudmain_deadline"
"""In the `info` of a connection, whoever opened it may leave a `Deadline`."""


class Deadline(Protocol):
    """Ends a connection that does not answer in time."""

    def begin(self) -> None:
        """It is asked something."""

    def end(self) -> None:
        """It has answered."""


@overload
async def ask(  # type: ignore[overload-overlap]  # what returns rows can be executed too
    db: AsyncSession, statement: TypedReturnsRows[*Ts], given: Mapping[str, Any] = ...
) -> Result[*Ts]: ...
@overload
async def ask(db: AsyncSession, statement: Executable, given: Mapping[str, Any] = ...) -> Result[Any]: ...
async def ask(db: AsyncSession, statement: Executable, given: Mapping[str, Any] = {}) -> Result[Any]:
    """What `db.execute` would answer, for a statement that is built once, its values bound by name.

    Without an `IN` (its length changes) and without columns whose default Python makes, an `INSERT` with its columns
    named: a `TypeError` says so. What is changed comes back as entities by `select(Entity).from_statement(...)`.
    """
    return await db.run_sync(_ask, statement, given)


async def row_of(db: AsyncSession, entity: type[R], row_id: object) -> R | None:
    """The row as it is now, whatever the session has seen of it."""
    found: R | None = (await ask(db, _by_id(entity), {"id": row_id})).scalar_one_or_none()
    return found


async def row_once(db: AsyncSession, entity: type[R], row_id: object) -> R | None:
    """The row as the session has seen it; as it is now where it has not."""
    key = class_mapper(entity).identity_key_from_primary_key((row_id,))
    held: R | None = db.sync_session.identity_map.get(key)
    if held is None or inspect(held).expired:
        return await row_of(db, entity, row_id)
    return held


@cache
def _by_id(entity: type[Base]) -> Executable:
    (key,) = class_mapper(entity).primary_key
    return select(entity).where(key == bindparam("id")).execution_options(populate_existing=True)


def _ask(session: Session, statement: Executable, given: Mapping[str, Any]) -> Result[Any]:
    if session.identity_map.check_modified() or session.new or session.deleted:
        session.flush()
    connection = session.connection()
    asked = _asked(connection.dialect, statement)
    description, records = _run(connection, asked.text, asked.values(given))
    return asked.reading(connection.dialect, description).result(session, records)


def _run(connection: Connection, text: str, values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """The columns' descriptions and the rows. What goes wrong, SQLAlchemy translates, tells and cleans up after."""
    driver = connection.connection
    deadline: Deadline | None = driver.info.get(DEADLINE)
    cursor = driver.cursor()
    try:
        if deadline is not None:
            deadline.begin()
        cursor.execute(text, values)
        if deadline is not None:
            deadline.end()
        return cursor.description or (), cursor.fetchall()
    except BaseException as error:  # a cancelled one leaves its connection mid-sentence too
        connection._handle_dbapi_exception(error, text, values, cursor, None)  # noqa: SLF001 - as `execute` does
        raise


_known: Final[WeakKeyDictionary[Dialect, dict[Executable, "_Asked"]]] = WeakKeyDictionary()


def _asked(dialect: Dialect, statement: Executable) -> "_Asked":
    known = _known.setdefault(dialect, {})
    asked = known.get(statement)
    if asked is None:
        asked = known[statement] = _Asked(dialect, statement)
    return asked


class _Asked:
    """A statement in a dialect's words."""

    __slots__ = ("_binds", "_reading", "_statement", "text")

    def __init__(self, dialect: Dialect, statement: Executable) -> None:
        compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # all of ours are ClauseElements
        assert isinstance(compiled, SQLCompiler)
        self.text = str(compiled)
        self._statement = statement
        self._binds = _binds(dialect, compiled)
        self._reading: _Values | _Rows | None = None

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """As the driver wants them, in its order."""
        values = []
        for name, bind, process in self._binds:
            if name in given:
                one = given[name]
            elif bind.required:
                raise TypeError(f"no value for {name}: {self.text}")
            else:
                one = bind.value
            values.append(one if process is None else process(one))
        return values

    def reading(self, dialect: Dialect, description: Sequence[Any]) -> "_Values | _Rows":
        """How its rows are read. The dialect is not kept: what is known of its statements goes when it goes."""
        if self._reading is None:
            self._reading = _reading(dialect, self._statement, description)
        return self._reading


def _binds(dialect: Dialect, compiled: SQLCompiler) -> list[tuple[str, BindParameter[Any], Processor | None]]:
    """Each value that is bound, in order, and how."""
    made = (getattr(compiled, "insert_prefetch", None), getattr(compiled, "update_prefetch", None))
    if any(made) or compiled.post_compile_params or compiled.literal_execute_params:
        raise TypeError(f"this statement is another one at each call; `execute` it: {compiled}")
    return [
        (
            name,
            compiled.binds[name],
            compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect),
        )
        for name in compiled.positiontup or ()
    ]


def _reading(dialect: Dialect, statement: Executable, description: Sequence[Any]) -> "_Values | _Rows":
    described = getattr(statement, "column_descriptions", ())
    if not any(one["expr"] is one.get("entity") for one in described):
        columns = statement.exported_columns if description else ()  # type: ignore[attr-defined]  # it returns rows
        return _Values(dialect, description, [column.type for column in columns])
    parts: list[_Entity | _Value] = []
    at = 0
    for one in described:
        part = (
            _Entity(dialect, statement, one["type"], description, at)  # the class, be it aliased
            if one["expr"] is one.get("entity")
            else _Value(dialect, description, at, one["type"])
        )
        parts.append(part)
        at += part.width
    if at != len(description):
        raise TypeError(
            f"{len(description)} columns come where {at} were described; `execute` it: {statement}"
        )
    return _Rows([one["name"] for one in described], parts)


class _Values:
    """Rows of plain values."""

    __slots__ = ("_metadata", "_processors")

    def __init__(
        self, dialect: Dialect, description: Sequence[Any], types: Sequence[TypeEngine[Any]]
    ) -> None:
        self._metadata = SimpleResultMetaData([name for name, *_ in description])
        self._processors = _processors(dialect, description, types)

    def result(self, _: Session, records: Sequence[Sequence[Any]]) -> Result[Any]:
        if self._processors:
            records = [_processed(record, self._processors) for record in records]
        return IteratorResult(self._metadata, iter(records))


class _Rows:
    """Rows in which there are objects of the session."""

    __slots__ = ("_metadata", "_parts")

    def __init__(self, names: Sequence[str], parts: "Sequence[_Entity | _Value]") -> None:
        self._metadata, self._parts = SimpleResultMetaData(names), parts

    def result(self, session: Session, records: Sequence[Sequence[Any]]) -> Result[Any]:
        rows = [tuple(part.of(session, record) for part in self._parts) for record in records]
        return IteratorResult(self._metadata, iter(rows))


class _Value:
    """A plain value beside objects."""

    __slots__ = ("_at", "_process")
    width: Final = 1

    def __init__(self, dialect: Dialect, description: Sequence[Any], at: int, type_: TypeEngine[Any]) -> None:
        self._at = at
        self._process = type_.dialect_impl(dialect).result_processor(dialect, description[at][1])

    def of(self, _: Session, record: Sequence[Any]) -> Any:
        value = record[self._at]
        return value if self._process is None else self._process(value)


class _Entity:
    """An object of the session: the one it has is kept, or refreshed where the statement wants that."""

    __slots__ = ("_anew", "_from", "_keys", "_mapper", "_primary", "_processors", "width")

    def __init__(
        self,
        dialect: Dialect,
        statement: Executable,
        entity: type[Base],
        description: Sequence[Any],
        at: int,
    ) -> None:
        self._mapper: Mapper[Base] = class_mapper(entity)
        read = [one for one in self._mapper.column_attrs if not one.deferred]
        columns = [one.columns[0] for one in read]
        self._from, self.width = at, len(columns)
        described = description[at : at + self.width]
        for (name, *_), column in zip(described, columns, strict=True):
            if column.name not in {name, name.rpartition("_")[0]}:  # `id_1` where two tables have an `id`
                raise TypeError(f"{name} comes in the place of {column.name}; `execute` it: {statement}")
        self._keys = [one.key for one in read]
        names = [column.name for column in columns]
        self._primary = [names.index(column.name) for column in self._mapper.primary_key]
        self._anew = bool(statement.get_execution_options().get("populate_existing"))
        self._processors = _processors(dialect, described, [column.type for column in columns])

    def of(self, session: Session, record: Sequence[Any]) -> Base | None:
        values = _processed(record[self._from : self._from + self.width], self._processors)
        primary = tuple(values[at] for at in self._primary)
        if None in primary:  # of an outer join
            return None
        row: Base | None = session.identity_map.get(self._mapper.identity_key_from_primary_key(primary))
        if row is None:
            row = self._mapper.class_manager.new_instance()
            row.__dict__.update(zip(self._keys, values, strict=True))
            make_transient_to_detached(row)
            session.add(row)
            return row
        held = row.__dict__
        for name, value in zip(self._keys, values, strict=True):
            if self._anew or name not in held:
                set_committed_value(row, name, value)
        return row


def _processors(
    dialect: Dialect, description: Sequence[Any], types: Sequence[TypeEngine[Any]]
) -> list[tuple[int, Processor]]:
    """How columns are read that the driver does not hand over as they are wanted."""
    found = [
        (at, type_.dialect_impl(dialect).result_processor(dialect, described[1]))
        for at, (described, type_) in enumerate(zip(description, types, strict=True))
    ]
    return [(at, process) for at, process in found if process is not None]


def _processed(record: Sequence[Any], processors: Sequence[tuple[int, Processor]]) -> list[Any]:
    values = list(record)
    for at, process in processors:
        values[at] = process(values[at])
    return values
