"""An account's own numbered stream: where it stands, what came after a number, and everything instead.

The standing is always read before what it is about: what commits in between is told once too often at worst,
never left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.rules.states import ACTIVE_ENGAGEMENT, OfferState, RequestState
from domain.rules.wire import moment
from domain.store import streams
from domain.store.tables import EventRow, Stream
from domain.usecases import comparing, duty, engagements, offers, requests, telling
from domain.usecases.access import require_account
from domain.usecases.work import Actor, Work

PAGE: Final = 200
SNAPSHOT_ROWS: Final = 100  # of each kind: nobody has more of them open


@dataclass(frozen=True, slots=True)
class Told:
    """One event as a client is told of it."""

    seq: int
    type: str
    at: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StreamStanding:
    """Where a stream stands: its epoch, its last number, the oldest number kept."""

    epoch: str
    seq: int
    kept_from: int

    def resumes(self, after: int, epoch: str | None) -> bool:
        """Whether everything after a number of an epoch is still to be had."""
        return epoch in {None, self.epoch} and self.kept_from - 1 <= after <= self.seq


async def standing(work: Work) -> StreamStanding:
    """Where the actor's stream stands now."""
    account = require_account(work.actor)
    row = await streams.head(work.db, account)
    if row is None:
        row = await streams.ensure(work.db, account, f"{work.now.timestamp():.0f}")
    return _standing(row)


async def standings(work: Work, actors: Iterable[Actor]) -> dict[tuple[UUID, UUID | None], StreamStanding]:
    """Where the streams of many stand, by account and sign-in, in one look. Who is missing has signed out, is
    suspended, or has no stream: their sockets find out by themselves."""
    asked = {(actor.id, actor.family_id) for actor in actors}
    rows = await streams.heads(work.db, sorted(asked, key=str), work.now)
    return {key: _standing(row) for key, row in rows.items()}


async def events_after(work: Work, after: int, limit: int = PAGE) -> tuple[StreamStanding, Sequence[Told]]:
    """The events after a number, in order, at most `limit`; and the standing when they were looked for."""
    stands = await standing(work)
    rows = await streams.read_after(work.db, work.actor.id, after, limit)
    return stands, [told(row) for row in rows]


async def snapshot(work: Work) -> tuple[StreamStanding, dict[str, Any]]:
    """The actor's whole state, in place of events that are no longer kept."""
    stands = await standing(work)
    most = SNAPSHOT_ROWS
    active = sorted(ACTIVE_ENGAGEMENT)
    return stands, {
        "duty": await duty.read_duty(work),
        "offers": await offers.my_offers(work, state=OfferState.PENDING, before=None, limit=most),
        "proposals": await comparing.my_proposals(work, most),
        "calls": await telling.my_calls(work, most),
        "requests": await requests.my_requests(work, state=RequestState.OPEN, before=None, limit=most),
        "engagements": await engagements.my_engagements(work, states=active, before=None, limit=most),
    }


def told(row: EventRow) -> Told:
    """A stored event in the shape of API.md."""
    return Told(row.seq, row.type, moment(row.at), row.data)


def _standing(row: Stream) -> StreamStanding:
    return StreamStanding(row.epoch, row.seq, row.kept_from)
