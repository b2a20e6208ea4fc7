"""Alembic's entry: run the migrations over an async engine, or on a connection handed in by the caller."""

import asyncio

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from domain.store.tables import Base

config = context.config


def run_on(connection: Connection) -> None:
    """Migrate over a live connection, in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=alembic_helpers.include_object,
        process_revision_directives=alembic_helpers.writer,
        render_item=alembic_helpers.render_item,
        compare_type=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_async(url: str) -> None:
    """Migrate a database named by its URL (`sqlalchemy.url`)."""
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run_on)
        await connection.commit()
    await engine.dispose()


given = config.attributes.get("connection")
if given is not None:
    run_on(given)
else:
    asyncio.run(run_async(config.get_main_option("sqlalchemy.url") or ""))
