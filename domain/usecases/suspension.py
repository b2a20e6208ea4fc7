"""Suspending an account: a human's act, with a reason, at once and everywhere (EU 2024/2831, art. 10)."""

from uuid import UUID

from domain.rules.errors import Invalid
from domain.store import accounts as store
from domain.store.tables import Account
from domain.usecases.access import account_overseen, require_ops
from domain.usecases.duty import end_duty_of
from domain.usecases.work import Work


async def suspend(work: Work, account_id: UUID, reason: str) -> Account:
    """Sign an account out everywhere, take it off duty, withdraw its pending offers. Engagements go on.

    Suspending again keeps the first moment and takes the newer reason.
    """
    by = require_ops(work.actor)
    words = reason.strip()
    if not words:
        raise Invalid.field("/reason", "a suspension needs its reason")
    if by == account_id:
        raise Invalid.field("/account_id", "nobody suspends themselves")
    await account_overseen(work, account_id, lock=False)
    await end_duty_of(work, account_id, why="suspended")  # sessions and offers before the account's row
    account = await account_overseen(work, account_id)
    account.suspended_at = account.suspended_at or work.now
    account.suspended_reason, account.suspended_by = words, by
    await store.end_families(work.db, account_id, why="suspended", now=work.now)
    work.signal(f"suspended.{account_id}")
    return account


async def unsuspend(work: Work, account_id: UUID) -> Account:
    """Let an account sign in again."""
    account = await account_overseen(work, account_id)
    account.suspended_at = account.suspended_reason = account.suspended_by = None
    return account
