"""Letting go of what has served: spent proofs of sign-ins, answers to old keys. Somebody calls it each hour."""

from datetime import timedelta
from typing import Final

from domain.store import accounts, catalogue, homeward, idempotency, pushes, rounds, streams
from domain.usecases.work import Work

ANSWERS_KEPT: Final = timedelta(days=1)  # a phone that retries does so within minutes
CHALLENGES_KEPT: Final = timedelta(days=1)  # over, but somebody may ask what happened
ROUNDS_KEPT: Final = timedelta(days=180)  # an automated decision may be asked about for months
QUOTES_KEPT: Final = timedelta(days=1)  # over, but somebody may still be told so
QUOTES_SOUGHT: Final = timedelta(
    days=7
)  # the used ones stay: whoever looks for the others reads no more of them
PUSHES_KEPT: Final = timedelta(hours=24)  # a settled one, for whoever asks what became of it
MOST: Final = 5_000  # rows of a kind in one transaction: a fraction of a second
MOST_ROUNDS: Final = 50  # of a large market one takes thousands of decisions with it
FAMILIES_KEPT: Final = timedelta(days=30)  # so that a reused token is still told from an unknown one

HOMEWARD_KEPT: Final = timedelta(days=2)  # counts of a calendar day, in whatever time zone


async def forget_leftovers(work: Work) -> bool:
    """Delete some of what no rule needs any more; whether there is more of it.

    Running it twice, or in two processes at once, does no harm.
    """
    db, now = work.db, work.now
    proofs = await accounts.forget_expired(
        db, tickets=now, challenges=now - CHALLENGES_KEPT, families=now - FAMILIES_KEPT, most=MOST
    )
    gone = (
        proofs,
        await idempotency.forget_before(db, now - ANSWERS_KEPT, MOST),
        await streams.trim(db, work.after(-work.knobs.events_kept), MOST),
        await pushes.purge(db, now - PUSHES_KEPT, MOST),
        await catalogue.forget_quotes(db, since=now - QUOTES_SOUGHT, before=now - QUOTES_KEPT, most=MOST),
        await homeward.forget_before(db, now - HOMEWARD_KEPT, MOST),
    )
    rounds_gone = await rounds.forget_before(db, now - ROUNDS_KEPT, MOST_ROUNDS)
    return max(gone) >= MOST or rounds_gone >= MOST_ROUNDS
