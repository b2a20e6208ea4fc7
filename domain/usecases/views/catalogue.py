"""Markets, services and quotes as JSON."""

from collections.abc import Mapping
from typing import Any

from domain.rules.catalogue import ServiceSpec, in_language, write_spec
from domain.rules.wire import moment, money
from domain.store.tables import Market, Quote


def market_view(row: Market, now: Mapping[str, int | None]) -> dict[str, Any]:
    """A market for anybody, with how busy it is now."""
    return {
        "slug": row.id,
        "name": row.name,
        "currency": row.currency,
        "timezone": row.timezone,
        "center": {"lat": row.center_lat, "lon": row.center_lon},
        "now": dict(now),
    }


def service_view(spec: ServiceSpec, language: str) -> dict[str, Any]:
    """A catalogue row; posting it back with another slug makes a like service."""
    data = write_spec(spec)
    data["name"] = in_language(spec.name, language)
    data["names"] = spec.name
    return data


def quote_view(row: Quote, pickup_eta: dict[str, Any] | None, language: str) -> dict[str, Any]:
    """A frozen price with how it is made up."""
    return {
        "quote_id": str(row.id),
        "market": row.market_id,
        "service": row.service_slug,
        "price": money(row.price_cents, row.currency),
        "breakdown": [{**item, "label": in_language(item["label"], language)} for item in row.breakdown],
        "distance_m": row.distance_m,
        "duration_s": row.duration_s,
        "travel_source": row.travel_source,
        "pickup_eta": pickup_eta,
        "policy_version": row.policy_version,
        "signature": row.signature,
        "expires_at": moment(row.expires_at),
    }
