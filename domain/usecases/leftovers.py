"""Letting go of what has served: spent proofs of sign-ins, answers to old keys. Somebody calls it each hour."""

from datetime import timedelta
from typing import Final

from domain.store import accounts, idempotency
from domain.usecases.work import Work

ANSWERS_KEPT: Final = timedelta(days=1)  # a phone that retries does so within minutes
CHALLENGES_KEPT: Final = timedelta(days=1)  # over, but somebody may ask what happened
FAMILIES_KEPT: Final = timedelta(days=30)  # so that a reused token is still told from an unknown one


async def forget_leftovers(work: Work) -> None:
    """Delete what no rule needs any more. Running it twice, or in two processes at once, does no harm."""
    await idempotency.forget_before(work.db, work.now - ANSWERS_KEPT)
    await accounts.forget_expired(
        work.db,
        tickets=work.now,
        challenges=work.now - CHALLENGES_KEPT,
        families=work.now - FAMILIES_KEPT,
    )
