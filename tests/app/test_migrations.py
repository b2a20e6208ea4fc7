"""Migrations run while the version before serves: each one after the first only adds, and waits for nobody's lock."""

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import migrate
from domain.store.tables import Base
from domain.usecases.work import ENGINE, working
from tests.cluster import alembic_config
from tests.factories import an_account, make_tools
from tests.usecases.chained import Street

VERSIONS = Path(__file__).parents[2] / "domain/store/migrations/versions"
FOUNDATION = "0001"

FORBIDDEN = {
    "drop_table": "the version before reads it",
    "drop_column": "the version before reads it",
    "drop_constraint": "the version before counts on it",
    "drop_index": "a unique one holds a promise",
    "rename_table": "the version before has its old name",
    "alter_column": "a type, a name or NOT NULL that the version before does not know",
    "execute": "say in EXEMPT what it does and why the version before is not harmed",
    "bulk_insert": "rows are written by use cases",
    "create_check_constraint": "the version before may write what it forbids",
    "create_unique_constraint": "the version before may write what it forbids",
    "create_exclude_constraint": "the version before may write what it forbids",
    "create_foreign_key": "it locks both tables while it is checked",
    "batch_alter_table": "write the single steps",
}

EXEMPT: dict[tuple[str, str], str] = {  # (revision, operation): why the version before is not harmed
    ("0009", "create_index"): "only over rows whose new column is set: the version before leaves it null",
}


def offences(source: str) -> Iterator[tuple[str, str]]:
    """(operation, why not) of each step of `upgrade` that the version before could not live with."""
    tree = ast.parse(source)
    created: set[str] = set()
    (upgrade,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"]
    for call in [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]:
        match call.func:
            case ast.Attribute(value=ast.Name(id="op"), attr="create_table"):
                created.add(ast.literal_eval(call.args[0]))
    for call in [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]:
        match call.func:
            case ast.Attribute(value=ast.Name(id="op"), attr=name) if name in FORBIDDEN:
                yield name, FORBIDDEN[name]
            case ast.Attribute(value=ast.Name(id="op"), attr="add_column"):
                column = ast.unparse(call.args[1])
                if "nullable=False" in column and "server_default=" not in column:
                    yield "add_column", "NOT NULL without a default: the version before does not fill it"
            case ast.Attribute(value=ast.Name(id="op"), attr="create_index"):
                if "unique=True" in ast.unparse(call) and _table(call) not in created:
                    yield "create_index", "unique on a table that is written: say in EXEMPT why it holds"
            case _:
                pass


def _table(call: ast.Call) -> str:
    return str(ast.literal_eval(call.args[1]))


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("*.py")), ids=lambda path: path.stem)
def test_a_migration_after_the_first_only_adds(path: Path):
    revision = path.stem.split("_")[0]
    if revision == FOUNDATION:
        return
    found = [(name, why) for name, why in offences(path.read_text()) if (revision, name) not in EXEMPT]
    assert found == []


@pytest.mark.parametrize(
    "step",
    [
        "op.drop_column('accounts', 'name')",
        "op.alter_column('accounts', 'name', type_=sa.Integer())",
        "op.alter_column('accounts', 'name', new_column_name='called')",
        "op.add_column('accounts', sa.Column('age', sa.Integer(), nullable=False))",
        "op.create_index('one', 'accounts', ['name'], unique=True)",
        "op.execute('UPDATE accounts SET name = 1')",
    ],
)
def test_the_scan_sees_a_step_that_harms(step: str):
    assert list(offences(f"def upgrade() -> None:\n    {step}\n"))


@pytest.mark.parametrize(
    "step",
    [
        "op.add_column('accounts', sa.Column('age', sa.Integer(), nullable=True))",
        "op.add_column('accounts', sa.Column('age', sa.Integer(), nullable=False, server_default='0'))",
        "op.create_table('pets'); op.create_index('one', 'pets', ['name'], unique=True)",
        "op.create_index('some', 'accounts', ['name'])",
    ],
)
def test_the_scan_lets_what_only_adds_pass(step: str):
    assert not list(offences(f"def upgrade() -> None:\n    {step}\n"))


def test_the_migrations_are_one_line():
    assert len(ScriptDirectory.from_config(alembic_config("postgresql://unused")).get_heads()) == 1


async def test_migrating_again_and_twice_at_once_disturbs_no_transaction(engine: AsyncEngine):
    """A new process migrates at its start: with nothing to do it waits for no lock that a busy house holds."""
    tools = make_tools(engine)
    async with asyncio.timeout(30), working(tools, ENGINE) as busy:
        await an_account(tools)
        assert busy.db is not None
        await asyncio.gather(migrate.to_head(engine), migrate.to_head(engine))


async def test_the_step_of_work_that_waits_goes_down_and_up_again_under_such_work(engine: AsyncEngine):
    """And what stands afterwards is what the code speaks. Rolled back: other tests use the database too."""
    street = await Street.founded(engine)
    second = await street.chained()
    statement = text("SELECT after_id, promoted_at, exclusive, state FROM engagements WHERE id = :id")
    async with engine.connect() as connection, connection.begin() as steps:
        await connection.run_sync(lambda plain: command.downgrade(_on(plain), "0008"))
        columns = await connection.run_sync(lambda plain: inspect(plain).get_columns("engagements"))
        assert not {column["name"] for column in columns} & {"after_id", "promoted_at"}
        await connection.run_sync(lambda plain: command.upgrade(_on(plain), "head"))
        row = (await connection.execute(statement, {"id": second})).one()
        assert tuple(row) == (
            None,
            None,
            False,
            "confirmed",
        )  # as work of later: its driver sets off when they can
        assert await connection.run_sync(_unspoken) == []
        await steps.rollback()
    assert (await street.row(second)).after_id == street.first


def _on(connection: Connection) -> Config:
    config = alembic_config("postgresql://unused")
    config.attributes["connection"] = connection
    return config


def _unspoken(connection: Connection) -> list[str]:
    """Where the schema and the code's tables of demand and work differ."""
    found = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    return [str(step) for step in found if "engagements" in str(step) or "'offers'" in str(step)]
