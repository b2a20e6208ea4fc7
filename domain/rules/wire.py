"""How values look on the wire: times, money, ids. One place, because HTTP, sockets and pushes must agree."""

from datetime import UTC, datetime


def moment(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-05-01T08:30:00.000Z`."""
    if at.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def maybe_moment(at: datetime | None) -> str | None:
    """The same for a time that may not have come."""
    return None if at is None else moment(at)


def money(cents: int, currency: str) -> dict[str, object]:
    """`{"amount": 1250, "currency": "EUR"}`."""
    return {"amount": cents, "currency": currency}
