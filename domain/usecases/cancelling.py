"""The customer no longer wants it: free before anybody has accepted; afterwards it is the engagement that ends."""

from typing import Any
from uuid import UUID

from domain.rules.states import ACTIVE_ENGAGEMENT, RequestState, Role, Verb
from domain.store import requests as store
from domain.usecases import access
from domain.usecases.actions import Deed, act
from domain.usecases.requests import cancel_open, views_of
from domain.usecases.work import Work


async def cancel_request(work: Work, request_id: UUID, reason: str | None = None) -> dict[str, Any]:
    """Cancel one's own request (ops may too), at the price that the service's rule gives; nothing before a match.

    `IllegalMove` when it is over already; `LostRace` when it has been taken at this very moment.
    """
    row = await access.request_of_customer(work, request_id, lock=True)
    if row.state == RequestState.MATCHED:
        agreed = (await store.engagements_of(work.db, [row.id])).get(row.id)
        if agreed is not None and agreed.state in ACTIVE_ENGAGEMENT:
            await act(work, agreed.id, Deed(verb=Verb.CANCEL, reason=reason))
            await work.db.refresh(row)
            return (await views_of(work, [row], Role.CUSTOMER))[0]
    row = await cancel_open(work, row, reason)
    return (await views_of(work, [row], Role.CUSTOMER))[0]
