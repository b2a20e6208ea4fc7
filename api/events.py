"""The account's numbered stream over HTTP: what the socket tells, for those who cannot hold one."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from api.context import SignedIn
from api.schemas import TIME, Out, Time
from domain.rules.errors import Invalid
from domain.usecases import stream

router = APIRouter(prefix="/v1/me", tags=["stream"])

MOST = 200
NEWEST = 2**53  # what JavaScript counts without a slip

After = Annotated[int, Query(ge=0, le=NEWEST, description="The last number you have; 0 from the beginning.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many events at most.")]
Epoch = Annotated[str | None, Query(max_length=64, description="The epoch your number belongs to.")]
Cursor = Annotated[
    str | None, Query(max_length=20, pattern=r"^[0-9]+$", description="`next_cursor` of the page before.")
]


class EventOut(Out):
    """One event. Numbers have no gaps."""

    seq: Annotated[int, Field(examples=[42])]
    type: Annotated[str, Field(examples=["offer.created"])]
    at: Annotated[Time, Field(examples=[TIME])]
    data: dict[str, Any]


class ResetOut(Out):
    """In place of events that are no longer kept: everything, and the number it stands for."""

    seq: int
    epoch: str
    snapshot: dict[str, Any]


class EventsOut(Out):
    """Events after a number, in order. `seq` is the stream's last number, `reset` is set where no page can serve."""

    items: list[EventOut]
    next_cursor: str | None
    seq: int
    epoch: str
    reset: ResetOut | None


@router.get("/events", response_model=EventsOut)
async def read(
    work: SignedIn, after: After = 0, limit: Limit = MOST, epoch: Epoch = None, cursor: Cursor = None
) -> Mapping[str, Any]:
    """One's events after a number. A number that is too old, or of another epoch, is answered with a reset."""
    start = after if cursor is None else int(cursor)
    if start > NEWEST:
        raise Invalid.field("/cursor", "this cursor was not made here", "ce curseur ne vient pas d'ici")
    stands, events = await stream.events_after(work, start, limit + 1)
    page: dict[str, Any] = {"items": [], "next_cursor": None, "reset": None}
    if stands.resumes(start, epoch):
        shown = events[:limit]
        page["items"] = [asdict(event) for event in shown]
        page["next_cursor"] = str(shown[-1].seq) if len(events) > limit else None
    else:
        stands, snapshot = await stream.snapshot(work)
        page["reset"] = {"seq": stands.seq, "epoch": stands.epoch, "snapshot": snapshot}
    return {**page, "seq": stands.seq, "epoch": stands.epoch}
