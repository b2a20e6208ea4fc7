"""Accounts by the thousand, written as sign-ins would write them, with their access tokens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.clock import new_id
from app.database import open_database
from app.settings import Settings, keys
from bench.processes import cluster_of
from domain.rules.tokens import Claims, mint_access
from domain.store.tables import Account, DutySession, Provider, TokenFamily

TOKEN_TTL: Final = 3_600  # s: no token runs out while it is measured
ROWS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Person:
    """An account and a token of it."""

    id: UUID
    token: str

    @classmethod
    def nobody(cls) -> "Person":
        """Whom a server that asks nothing lets in."""
        return cls(UUID(int=0), "nobody")


class Registry:
    """Writes into the database of an engine that runs in another process, with that installation's keys."""

    def __init__(self, db: async_sessionmaker[AsyncSession], secret: bytes) -> None:
        self._db = db
        self._secret = secret

    async def people(self, count: int) -> list[Person]:
        """So many signed-in accounts."""
        now = datetime.now(UTC)
        made = [self._person(now) for _ in range(count)]
        accounts = [
            {"id": one.id, "name": "Camille", "language": "fr", "is_ops": False, "created_at": now}
            for one, _ in made
        ]
        families = [
            {
                "id": family,
                "account_id": one.id,
                "current_hash": "of no refresh token",
                "expires_at": now + timedelta(seconds=TOKEN_TTL),
                "created_at": now,
            }
            for one, family in made
        ]
        await self._insert((Account, accounts), (TokenFamily, families))
        return [one for one, _ in made]

    async def on_duty(self, people: list[Person], market: str, service: str) -> None:
        """They offer a service, and are on duty in a market."""
        now = datetime.now(UTC)
        provides = [
            {"account_id": one.id, "services": [service], "languages": ["fr"], "updated_at": now}
            for one in people
        ]
        duty = [
            {
                "id": new_id(),
                "market_id": market,
                "account_id": one.id,
                "services": [service],
                "on_at": now,
            }
            for one in people
        ]
        await self._insert((Provider, provides), (DutySession, duty))

    async def _insert(self, *rows_of: tuple[type[Any], list[dict[str, Any]]]) -> None:
        async with self._db() as db:
            for table, rows in rows_of:
                for start in range(0, len(rows), ROWS_AT_ONCE):
                    await db.execute(insert(table), rows[start : start + ROWS_AT_ONCE])
                # An installation that lives has its statistics; a fresh one has none for a minute.
                await db.execute(text(f"ANALYZE {table.__tablename__}"))
            await db.commit()

    def _person(self, now: datetime) -> tuple[Person, UUID]:
        account, family = new_id(), new_id()
        at = int(now.timestamp())
        claims = Claims(
            account_id=account, family_id=family, issued_at=at, expires_at=at + TOKEN_TTL, token_id=new_id()
        )
        return Person(account, mint_access(self._secret, claims)), family


@asynccontextmanager
async def registry(directory: Path) -> AsyncIterator[Registry]:
    """The registry of the engine that runs over this data directory."""
    async with registry_of(cluster_of(directory).url(), keys(Settings(), directory).tokens) as people:
        yield people


@asynccontextmanager
async def registry_of(database_url: str, secret: bytes) -> AsyncIterator[Registry]:
    """The registry of an installation over this database, whose tokens have this key."""
    database = open_database(database_url)
    try:
        yield Registry(async_sessionmaker(database, expire_on_commit=False), secret)
    finally:
        await database.dispose()
