"""Whether the database is away (it restarts, or takes no more connections), rather than a statement wrong."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

AWAY: Final = ("08", "53", "57P")
"""SQLSTATEs: the connection has ended, resources are short, the server stops, crashes or starts
(PostgreSQL manual, appendix A)."""


class DatabaseAway(ConnectionError):
    """No connection could be made."""


def is_outage(error: BaseException) -> bool:
    """Whether an outage is what failed, or what a later failure came of.

    What was under way may have been done or not.
    """
    return any(_is_outage(one) for one in _with_causes(error))


def _is_outage(error: BaseException) -> bool:
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or state.startswith(AWAY)
    return isinstance(error, DatabaseAway | NoConnectionFree)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came of; a circle, which careless code can make, is walked once."""
    here: BaseException | None = error
    seen: set[int] = set()
    while here is not None and id(here) not in seen:
        seen.add(id(here))
        yield here
        here = here.__cause__ or here.__context__
