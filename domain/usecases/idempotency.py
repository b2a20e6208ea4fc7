"""One key, one deed: the first answer is stored with what was done, and given again to whoever repeats the key.

HTTP and the socket's `do` both use `once`. Refusals are not stored: their transaction rolls back, key and all.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from domain.rules.errors import IdempotencyMismatch, LostRace
from domain.store import idempotency as store
from domain.usecases.work import Work


class Answer(NamedTuple):
    """What the deed answered: an HTTP status, JSON text, and whether it is the first answer given again."""

    status: int
    body: str
    replayed: bool = False


def fingerprint(*parts: Any) -> str:
    """A digest of JSON-ready parts (path, body …) that ignores the order of members."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def as_text(view: Mapping[str, Any] | None) -> str:
    """A view as JSON text."""
    return json.dumps(view, ensure_ascii=False, separators=(",", ":"))


async def once(
    work: Work,
    operation: str,
    key: str,
    fingerprint: str,
    run: Callable[[], Awaitable[tuple[int, str]]],
    *,
    account: UUID | None = None,
) -> Answer:
    """Run a deed unless its key was used: then give the first answer again.

    `operation` names the verb (`POST /v1/offers/{offer_id}/accept`, `offer.accept`), `fingerprint` what it
    was asked (with the ids), `run` does it and returns a status and JSON text. Call it first thing in the
    transaction: a concurrent duplicate waits here for the first to end, then replays (or runs, if the first
    was refused). Another fingerprint under the same key: `IdempotencyMismatch`. `account` defaults to the actor's.
    """
    owner = account or work.actor.id
    row_id = work.new_id()
    first = await store.claim(
        work.db,
        row_id=row_id,
        account=owner,
        operation=operation,
        key=key,
        fingerprint=fingerprint,
        now=work.now,
    )
    if first:
        status, body = await run()
        await store.remember(work.db, row_id, status, body)
        return Answer(status, body)
    seen = await store.first_answer(work.db, owner, operation, key)
    if seen is None or seen.status is None:
        raise LostRace("this key is being forgotten; send it again")
    if seen.fingerprint != fingerprint:
        raise IdempotencyMismatch
    return Answer(seen.status, seen.body or "null", replayed=True)
