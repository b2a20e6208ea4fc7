"""What is left of an event once the work it told of is over: cells and quarters instead of places. Pure.

The stored event then says what its reader would be told today, as before the acceptance: no point, street, note or
plate, and a PIN that opens nothing any more is no longer there.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

EXACT: Final = frozenset({"lat", "lon", "address", "note"})
"""What a stop has only for the pair, and only until the work is over (`views.engagements.stop_view`)."""

ENDED_WITH_THE_WORK: Final = frozenset({"plate"})


def faded(data: Mapping[str, Any]) -> dict[str, Any]:
    """An event's data without what ends with the work. Fading twice is fading once."""
    gone: dict[str, Any] = _faded(data)
    return gone


def places_in(data: Any) -> Iterator[tuple[float, float]]:
    """The exact places an event's data holds, in their order: `(lat, lon)`."""
    if isinstance(data, Mapping):
        if _is_stop(data) and "lat" in data and "lon" in data:
            yield data["lat"], data["lon"]
        for value in data.values():
            yield from places_in(value)
    elif isinstance(data, list):
        for item in data:
            yield from places_in(item)


def _is_stop(data: Mapping[str, Any]) -> bool:
    return "cell" in data and "label" in data


def _faded(value: Any) -> Any:
    if isinstance(value, list):
        return [_faded(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    dropped = ENDED_WITH_THE_WORK | (EXACT if _is_stop(value) else frozenset())
    kept = {key: _faded(item) for key, item in value.items() if key not in dropped}
    return kept | {"pin": None} if isinstance(kept.get("pin"), str) else kept
