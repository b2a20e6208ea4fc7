"""Lists: `?limit=&cursor=`, answered with `{"items": […], "next_cursor": "…"|null}`.

A cursor is opaque and signed, and holds the key of the last item seen (ids are UUIDv7, so they sort by
time). A route takes `page: Paging`, asks its use case for `page.limit + 1` rows before `page.before`, and
returns `page.of(rows, view, key)`.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Query

from api.context import ToolsOf
from domain.rules.errors import Invalid
from domain.rules.ids import parse_id
from domain.rules.tokens import digest, same

MOST = 100
USUAL = 50
SIGNATURE = 16  # hex digits: 64 bits are ample for something that only orders a list

Row = TypeVar("Row")
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many items at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=300, pattern=r"^[A-Za-z0-9_-]+$", description="`next_cursor` of the page before."),
]


class PageAsked:
    """One page as a client asked for it. `after` is the last key it has seen, as text."""

    def __init__(self, limit: int, cursor: str | None, key: bytes) -> None:
        self.limit = limit
        self._key = key
        self.after: str | None = None if cursor is None else self._open(cursor)

    @property
    def before(self) -> UUID | None:
        """The last id seen, for lists from the newest to the oldest."""
        if self.after is None:
            return None
        found = parse_id(self.after)
        if found is None:
            raise Invalid.field(
                "/cursor", "this cursor belongs to another list", "ce curseur est d'une autre liste"
            )
        return found

    def of(
        self, rows: Sequence[Row], view: Callable[[Row], Any], key: Callable[[Row], object]
    ) -> dict[str, Any]:
        """The page: `rows` has up to `limit + 1` of them, of which the last only says that there are more."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return {
            "items": [view(row) for row in shown],
            "next_cursor": self.seal(str(key(shown[-1]))) if more else None,
        }

    def seal(self, after: str) -> str:
        """A cursor for the items after a key."""
        text = digest(self._key, "cursor:" + after)[:SIGNATURE] + after
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _open(self, cursor: str) -> str:
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            text = ""
        signature, after = text[:SIGNATURE], text[SIGNATURE:]
        if not same(
            signature.encode().hex(), digest(self._key, "cursor:" + after)[:SIGNATURE].encode().hex()
        ):
            raise Invalid.field("/cursor", "this cursor was not made here", "ce curseur ne vient pas d'ici")
        return after


async def _asked(tools: ToolsOf, limit: Limit = USUAL, cursor: Cursor = None) -> PageAsked:
    return PageAsked(limit, cursor, tools.secrets.hashes)


Paging = Annotated[PageAsked, Depends(_asked)]
