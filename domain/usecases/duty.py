"""On duty, off duty: when a provider may be asked. Leaving is free at any time, and costs no rank.

A running engagement goes on after its provider leaves; leaving only ends new offers (a platform worker may
disconnect whenever they like: Code des transports L1326-4, EU 2024/2831).
"""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from domain.rules.deeds import Deed
from domain.rules.errors import Invalid, LostRace, NotAProvider, UnknownService
from domain.rules.events import EventType
from domain.rules.states import OfferOrigin
from domain.store import accounts, catalogue, stations
from domain.store import duty as store
from domain.store.tables import DutySession
from domain.store.timers import TimerKind
from domain.usecases.access import require_account
from domain.usecases.views.duty import duty_view
from domain.usecases.work import Work


async def read_duty(work: Work) -> dict[str, Any]:
    """Whether the actor is on duty, where and for what, and their place in a station's queue."""
    account_id = require_account(work.actor)
    session = await store.current_session(work.db, account_id)
    return duty_view(session, (await stations.places_of(work.db, [account_id])).get(account_id))


async def go_on_duty(work: Work, market: str, services: Sequence[str] | None) -> DutySession:
    """Be asked for work in a market, for one's services there unless fewer are named.

    Saying it again changes nothing. Another market or other services end the session and begin one.
    """
    account_id = require_account(work.actor)
    provider = await accounts.provider(work.db, account_id)
    if provider is None:
        raise NotAProvider
    await catalogue.market(work.db, market)
    offered = {row.slug for row in await catalogue.live_services(work.db, market)}
    wanted = _wanted(provider.services, services, offered, market)
    session = await store.open_session(work.db, account_id)
    if session is not None:
        if session.market_id == market and set(session.services) == set(wanted):
            return session
        await _end(work, session)
        if session.market_id != market:
            await stations.leave(work.db, [account_id])
    return await _begin(work, account_id, market, wanted)


def _wanted(mine: Sequence[str], named: Sequence[str] | None, offered: set[str], market: str) -> list[str]:
    if named is None:
        wanted = [slug for slug in mine if slug in offered]
        if not wanted:
            raise UnknownService(f"none of your services is offered in {market}", pointer="/services")
        return wanted
    wanted = list(dict.fromkeys(named))
    for place, slug in enumerate(wanted):
        if slug not in offered:
            raise UnknownService(
                f"{market} does not offer {slug}", services=[slug], pointer=f"/services/{place}"
            )
        if slug not in mine:
            raise Invalid.field(
                f"/services/{place}",
                "not one of your services (PUT /v1/me/provider)",
                "ce n'est pas un de vos services (PUT /v1/me/provider)",
            )
    if not wanted:
        raise Invalid.field(
            "/services", "at least one service, or leave it out", "au moins un service, ou rien"
        )
    return wanted


async def go_off_duty(work: Work) -> DutySession | None:
    """Be asked no more: pending offers of the engine are withdrawn, which nobody holds against anybody.

    Returns the session that ended; `None` when there was none.
    """
    account_id = require_account(work.actor)
    session = await store.open_session(work.db, account_id)
    if session is None:
        return None
    await _end(work, session)
    await stations.leave(work.db, [account_id])
    await withdraw_offers(work, account_id, why="off_duty", dispatched_only=True)
    _tell(work, account_id, None, session.market_id)
    return session


async def end_duty_of(work: Work, account_id: UUID, *, why: str) -> None:
    """Take somebody off duty by another's act (ops), with every offer they have to answer or have made."""
    session = await store.open_session(work.db, account_id)
    if session is not None:
        await _end(work, session)
        await stations.leave(work.db, [account_id])
        _tell(work, account_id, None, session.market_id)
    await withdraw_offers(work, account_id, why=why, dispatched_only=False)


async def keep_duty_within(work: Work, services: Sequence[str]) -> None:
    """After one's services have changed: stay on duty for what remains of the session's, or go off."""
    account_id = require_account(work.actor)
    session = await store.open_session(work.db, account_id)
    if session is None or set(session.services) <= set(services):
        return
    kept = [slug for slug in session.services if slug in set(services)]
    if not kept:
        await go_off_duty(work)
        return
    await _end(work, session)
    await _begin(work, account_id, session.market_id, kept)


async def withdraw_offers(work: Work, provider_id: UUID, *, why: str, dispatched_only: bool) -> None:
    """Withdraw a provider's pending offers, silence their timers, tell whoever was to answer and the author."""
    offers = await store.withdraw_offers(
        work.db, provider_id, why=why, now=work.now, dispatched_only=dispatched_only
    )
    work.settle(TimerKind.OFFER_EXPIRES, *(offer.id for offer in offers))
    for offer in sorted(offers, key=lambda row: row.id):
        work.count(Deed.OFFER_WITHDRAWN, offer.market_id)
        told = {"offer_id": str(offer.id), "request_id": str(offer.request_id), "reason": why}
        work.emit(offer.provider_id, EventType.OFFER_WITHDRAWN, told)
        if offer.origin != OfferOrigin.DISPATCH:
            work.emit(offer.customer_id, EventType.OFFER_WITHDRAWN, told)
        else:
            work.signal(f"wake.dispatch.{offer.market_id}")


async def _begin(work: Work, account_id: UUID, market: str, services: Sequence[str]) -> DutySession:
    session = await store.begin(
        work.db,
        row_id=work.new_id(),
        account_id=account_id,
        market_id=market,
        services=services,
        now=work.now,
    )
    if session is None:
        raise LostRace("another device has just gone on duty; look again")
    _tell(work, account_id, session, market)
    work.signal(f"wake.dispatch.{market}")
    return session


async def _end(work: Work, session: DutySession) -> None:
    session.off_at = work.now
    session.towards_lat = session.towards_lon = None
    await work.db.flush()


def _tell(work: Work, account_id: UUID, session: DutySession | None, market: str) -> None:
    """`duty.changed` to the account; the same on the bus, for whoever keeps the live index."""
    data = {**duty_view(session), "market": market}
    work.emit(account_id, EventType.DUTY_CHANGED, data)
    work.signal(f"duty.{account_id}", json.dumps(data).encode())
