"""Offers as JSON: what a provider is asked, and what a customer is proposed."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.rules.terms import Terms
from domain.rules.wire import maybe_moment, moment, money
from domain.store.tables import Offer, Stop
from domain.usecases.views.engagements import stop_view


def offer_view(
    offer: Offer, stops: Sequence[Stop], *, service: str, regimes: Sequence[str], exact: bool
) -> dict[str, Any]:
    """An offer as its provider sees it: cells and quarters until it is agreed and while it runs, then the places.

    `fr_vtc` demands the destination before the answer: the drop is exact then, and the pickup still is not.
    """
    return {
        **_head(offer, service),
        "terms": {
            **money_terms(offer),
            "pickup": stop_view(stops[0], exact=exact),
            "drop": stop_view(stops[-1], exact=exact or "fr_vtc" in regimes) if len(stops) > 1 else None,
            "vias": [stop_view(stop, exact=exact) for stop in stops[1:-1]],
        },
    }


def proposal_view(
    offer: Offer,
    stops: Sequence[Stop],
    *,
    service: str,
    provider: Mapping[str, Any],
    ranking: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """A proposal, or a counter to one, as the customer sees it: their own places; what the provider is left with
    is not theirs to know. `ranking` says why it stands where it stands."""
    told = money_terms(offer)
    return {
        **_head(offer, service),
        "terms": {
            **{
                name: told[name] for name in ("price", "approach_s", "approach_m", "distance_m", "duration_s")
            },
            "pickup": stop_view(stops[0], exact=True),
            "drop": stop_view(stops[-1], exact=True) if len(stops) > 1 else None,
            "vias": [stop_view(stop, exact=True) for stop in stops[1:-1]],
        },
        "price": told["price"],
        "provider": dict(provider),
        "over_budget": bool(offer.terms.get("over_budget", False)),
        "ranking": None if ranking is None else dict(ranking),
    }


def money_terms(offer: Offer) -> dict[str, Any]:
    """Price, fee, net and net per hour, the lengths of the way and of the work, and what is left of a trip before."""
    terms = Terms.read(offer.terms)
    return {
        "price": money(terms.price_cents, offer.currency),
        "fee": money(terms.fee_cents, offer.currency),
        "net": money(terms.net_cents, offer.currency),
        "net_per_hour": money(terms.net_per_hour_cents, offer.currency),
        "approach_s": terms.approach_s,
        "approach_m": terms.approach_m,
        "free_in_s": terms.free_in_s,
        "distance_m": terms.distance_m,
        "duration_s": terms.duration_s,
    }


def offer_ended_view(offer: Offer) -> dict[str, Any]:
    """What is told of an offer that is no longer to be answered."""
    return {
        "id": str(offer.id),
        "offer_id": str(offer.id),
        "request_id": str(offer.request_id),
        "origin": offer.origin,
        "state": offer.state,
        "reason": offer.ended_why,
    }


def _head(offer: Offer, service: str) -> dict[str, Any]:
    return {
        "id": str(offer.id),
        "request_id": str(offer.request_id),
        "service": service,
        "market": offer.market_id,
        "origin": offer.origin,
        "state": offer.state,
        "created_at": moment(offer.created_at),
        "answer_by": moment(offer.answer_by),
        "answered_at": maybe_moment(offer.answered_at),
        "start_at": maybe_moment(offer.start_at),
        "message": offer.message,
        "counter_of": None if offer.counter_of is None else str(offer.counter_of),
    }
