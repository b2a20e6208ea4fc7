"""Accounts, devices and profiles as JSON. A phone number is shown to its owner only."""

from collections.abc import Sequence
from typing import Any

from domain.rules.wire import maybe_moment, moment
from domain.store.tables import Account, Device, Provider, SentMessage
from domain.usecases.profiles import Profile

PLATE = "plate"


def provider_view(row: Provider) -> dict[str, Any]:
    """What an account provides, for its owner."""
    return {
        "services": list(row.services),
        "vehicle": row.vehicle,
        "languages": list(row.languages),
        "max_travel_s": row.max_travel_s,
        "max_pickup_m": row.max_pickup_m,
        "updated_at": moment(row.updated_at),
    }


def me_view(row: Account, provider: Provider | None) -> dict[str, Any]:
    """An account for its owner."""
    return {
        "id": str(row.id),
        "phone": row.phone,
        "name": row.name,
        "language": row.language,
        "is_ops": row.is_ops,
        "ops_markets": sorted(row.ops_markets) if row.is_ops and row.ops_markets is not None else None,
        "quiet_hours": _quiet_hours(row),
        "provider": None if provider is None else provider_view(provider),
        "created_at": moment(row.created_at),
    }


def _quiet_hours(row: Account) -> dict[str, Any] | None:
    if row.quiet_from is None or row.quiet_until is None:
        return None
    return {
        "from": _clock(row.quiet_from),
        "until": _clock(row.quiet_until),
        "timezone": row.timezone,
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def device_view(row: Device) -> dict[str, Any]:
    """A device for its owner; the push token stays with us."""
    return {
        "device_id": row.device_id,
        "platform": row.platform,
        "language": row.language,
        "updated_at": moment(row.updated_at),
    }


def suspension_view(row: Account) -> dict[str, Any]:
    """An account's standing, for ops."""
    return {
        "account_id": str(row.id),
        "suspended": row.suspended_at is not None,
        "reason": row.suspended_reason,
        "by": None if row.suspended_by is None else str(row.suspended_by),
        "at": maybe_moment(row.suspended_at),
    }


def sent_view(row: SentMessage) -> dict[str, Any]:
    """A message of the development outbox."""
    return {"to": row.to, "kind": row.kind, "body": row.body, "data": row.data, "at": moment(row.at)}


def profile_view(profile: Profile) -> dict[str, Any]:
    """What others may see of somebody: a first name, never a phone, a plate only while it must be found."""
    provider = profile.provider
    vehicle = None
    if provider is not None and provider.vehicle:
        shown = {name: value for name, value in provider.vehicle.items() if name != PLATE}
        vehicle = dict(provider.vehicle) if profile.sees_plate else shown
    return {
        "id": str(profile.account.id),
        "name": first_name(profile.account.name),
        "kind": "customer" if provider is None else "provider",
        "services": [] if provider is None else list(provider.services),
        "languages": [profile.account.language] if provider is None else list(provider.languages),
        "vehicle": vehicle,
        "rating": None if profile.rating is None else round(profile.rating, 2),
        "reviews_count": profile.reviews_count,
        "done_count": profile.done_count,
        "member_since": moment(profile.account.created_at),
        "reviews": _reviews(profile),
    }


def _reviews(profile: Profile) -> Sequence[dict[str, Any]]:
    return [
        {
            "stars": review.stars,
            "text": review.text,
            "author": first_name(author),
            "author_role": review.author_role,
            "at": moment(review.published_at or review.created_at),
        }
        for review, author in profile.reviews
    ]


def first_name(name: str) -> str:
    """The first word of a name."""
    return name.strip().partition(" ")[0]
