"""Letting go of what has served: spent proofs of sign-ins, answers to old keys. Somebody calls it each hour."""

from datetime import timedelta
from typing import Final

from domain.store import accounts, homeward, idempotency, rounds, streams
from domain.usecases.work import Work

ANSWERS_KEPT: Final = timedelta(days=1)  # a phone that retries does so within minutes
CHALLENGES_KEPT: Final = timedelta(days=1)  # over, but somebody may ask what happened
ROUNDS_KEPT: Final = timedelta(days=180)  # an automated decision may be asked about for months
MOST_STREAMS: Final = 2_000  # accounts whose old events go in one transaction; the next hour takes the rest
FAMILIES_KEPT: Final = timedelta(days=30)  # so that a reused token is still told from an unknown one

HOMEWARD_KEPT: Final = timedelta(days=2)  # counts of a calendar day, in whatever time zone


async def forget_leftovers(work: Work) -> None:
    """Delete what no rule needs any more. Running it twice, or in two processes at once, does no harm."""
    await idempotency.forget_before(work.db, work.now - ANSWERS_KEPT)
    await accounts.forget_expired(
        work.db,
        tickets=work.now,
        challenges=work.now - CHALLENGES_KEPT,
        families=work.now - FAMILIES_KEPT,
    )
    await streams.trim(work.db, work.after(-work.knobs.events_kept), MOST_STREAMS)
    await rounds.forget_before(work.db, work.now - ROUNDS_KEPT)
    await homeward.forget_before(work.db, work.now - HOMEWARD_KEPT)
