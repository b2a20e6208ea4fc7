"""The first answer to each Idempotency-Key: claim, remember, read, forget."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.asking import ask
from domain.store.forgetting import forget
from domain.store.prepared import row_into, table_of
from domain.store.tables import IdempotencyKey

_KEYS: Final = table_of(IdempotencyKey)
_CLAIM: Final = (
    row_into(_KEYS, "id", "account_id", "operation", "key", "fingerprint", "created_at")
    .on_conflict_do_nothing()
    .returning(_KEYS.c.id)
)
_REMEMBER: Final = (
    update(_KEYS)
    .where(_KEYS.c.id == bindparam("row_id"))
    .values(status=bindparam("answered"), body=bindparam("answer"))
)


async def claim(
    db: AsyncSession,
    *,
    row_id: UUID,
    account: UUID,
    operation: str,
    key: str,
    fingerprint: str,
    now: datetime,
) -> bool:
    """Whether this transaction is the first with the key. Waits for another one that holds it to end."""
    row = {
        "id": row_id,
        "account_id": account,
        "operation": operation,
        "key": key,
        "fingerprint": fingerprint,
        "created_at": now,
    }
    return (await ask(db, _CLAIM, row)).scalar_one_or_none() is not None


async def remember(db: AsyncSession, row_id: UUID, status: int, body: str) -> None:
    """Keep the answer, in the transaction of what it answers for."""
    await ask(db, _REMEMBER, {"row_id": row_id, "answered": status, "answer": body})


async def first_answer(db: AsyncSession, account: UUID, operation: str, key: str) -> IdempotencyKey | None:
    """The row somebody else committed under this key."""
    statement = select(IdempotencyKey).where(
        IdempotencyKey.account_id == account, IdempotencyKey.operation == operation, IdempotencyKey.key == key
    )
    return (await db.execute(statement)).scalar_one_or_none()


async def forget_before(db: AsyncSession, moment: datetime, most: int) -> int:
    """Let old answers go (the draft of the header leaves the time to the server; ours is a day). How many went."""
    return await forget(db, IdempotencyKey, IdempotencyKey.created_at < moment, most)
