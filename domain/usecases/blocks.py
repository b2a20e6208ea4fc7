"""Blocking: two who have met are not put in touch again, because one of them does not wish it.

The other is told nothing: a request that did not reach them says "you and this customer are not put in touch" to a
provider, and nothing to a customer. What is agreed already goes on.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from domain.rules.errors import Invalid, NotFound
from domain.store import blocks as store
from domain.store.tables import Block
from domain.usecases.access import require_account
from domain.usecases.work import Work

MOST_SHOWN: Final = 200


async def block(work: Work, account_id: UUID) -> None:
    """Be put in touch with this account no more. `NotFound` for whoever one has never dealt with: nobody may learn
    from this which accounts there are."""
    me = require_account(work.actor)
    if account_id == me:
        raise Invalid.field("/account_id", "nobody blocks themselves", "on ne se bloque pas soi-même")
    if not await store.have_met(work.db, me, account_id):
        raise NotFound
    await store.put(work.db, me, account_id, work.now)


async def unblock(work: Work, account_id: UUID) -> None:
    """Take it back. Saying it twice is no harm."""
    await store.drop(work.db, require_account(work.actor), account_id)


async def my_blocks(work: Work) -> Sequence[Block]:
    """Whom the actor has blocked; never who has blocked the actor."""
    return await store.of(work.db, require_account(work.actor), MOST_SHOWN)
