"""Which version of the schema a database has."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def version(db: AsyncSession) -> str | None:
    """The revision the database is at; `None` where no migration has run."""
    exists = await db.execute(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
    if not exists.scalar_one():
        return None
    found: str | None = (
        await db.execute(text("SELECT version_num FROM alembic_version"))
    ).scalar_one_or_none()
    return found
