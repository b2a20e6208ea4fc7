"""Exact places leave the event log when the work is over; the numbers stay, so that no stream has a gap.

It is done by a timer that is due at the very end, not by the track's a day later: the promise is "gone when it
is over", and nobody who resumes later needs the place of a past trip. And not in the transaction of the end: that
one takes the streams' locks, which whoever trims the log holds while it waits for events.
"""

from uuid import UUID

from domain.rules.fading import faded
from domain.rules.states import ACTIVE_ENGAGEMENT, OfferState
from domain.store import fading as store
from domain.store import requests
from domain.store.tables import EventRow
from domain.usecases.work import Work


async def on_places_fade(work: Work, request_id: UUID) -> None:
    """Fade every event about a request but those of work that runs and of offers that wait; a receipt an engagement.

    The handler of `TimerKind.PLACES_FADE`. Twice does nothing: what has faded stays as it is.
    """
    row = await requests.fresh(work.db, request_id)
    if row is None:
        return
    offers = await store.offers_of(work.db, request_id)
    engagements = await store.engagements_of(work.db, request_id)
    alive = {str(offer.id) for offer in offers if offer.state == OfferState.PENDING}
    alive |= {str(one.offer_id) for one in engagements if one.state in ACTIVE_ENGAGEMENT}
    people = {row.customer_id} | {offer.provider_id for offer in offers}
    changed: dict[str, list[EventRow]] = {}
    for event in await store.events_about(work.db, request_id, people, row.created_at):
        about = str(event.data.get("offer_id") or event.data.get("id"))
        without = faded(event.data)
        if about in alive or without == event.data:
            continue
        changed.setdefault(about, []).append(event)
        await store.rewrite(work.db, event, without)
    over = [one for one in engagements if str(one.offer_id) not in alive]
    before = await store.faded_before(work.db, [one.id for one in over])
    for one in over:
        if one.id not in before:
            gone = changed.get(str(one.offer_id), [])
            work.db.add(store.receipt(work.new_id(), one, gone, work.now))
