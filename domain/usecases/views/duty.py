"""Sessions on duty as JSON."""

from typing import Any

from domain.rules.wire import maybe_moment
from domain.store.stations import Place
from domain.store.tables import DutySession


def duty_view(row: DutySession | None, queue: Place | None = None) -> dict[str, Any]:
    """Whether somebody is on duty, where, for what, since when; their place in a station's queue, if they wait
    in one. Also the data of `duty.changed`."""
    on = row is not None and row.off_at is None
    return {
        "on": on,
        "market": row.market_id if row is not None else None,
        "services": list(row.services) if row is not None and on else [],
        "since": maybe_moment(row.on_at) if row is not None and on else None,
        "homeward": on and row is not None and row.towards_lat is not None,
        "queue": None
        if queue is None
        else {"zone": queue.zone, "rank": queue.rank, "waiting": queue.waiting},
    }
