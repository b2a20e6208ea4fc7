"""A database that is away, in the words of the house. The edges ask; loops of the engine look again by themselves."""

from typing import Final

from domain.rules.errors import Unavailable
from domain.store.outage import is_outage

ANSWER_WITHIN: Final = 15.0
"""s for an edge to answer, all waits together: a connection, statements, their locks, the payment service. Under a
phone's own patience (20 s and more), so that it hears a 503."""

RETRY_AFTER_S: Final = 1  # a restart takes a second or two; a client with jitter finds it back soon


def unavailable_for(error: BaseException) -> Unavailable | None:
    """The refusal for what an outage of the database made fail; `None` when it was something else.

    What was under way may have been done or not: a retry under the same Idempotency-Key finds out.
    """
    return (
        Unavailable("the database does not answer", retry_after_s=RETRY_AFTER_S) if is_outage(error) else None
    )


def took_too_long() -> Unavailable:
    """The refusal for what was given up after `ANSWER_WITHIN`. Like an outage, it may have been done or not."""
    return Unavailable(
        "this took too long and was given up; ask again under the same Idempotency-Key",
        french="cela a pris trop de temps et a été abandonné ; redemandez avec la même Idempotency-Key",
        retry_after_s=RETRY_AFTER_S,
    )
