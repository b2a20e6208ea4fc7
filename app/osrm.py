"""Travel times from an OSRM server over HTTP: one table a question, one way with its line.

osrm-routed closes connections it was to keep open, so a call is tried again, once, when its connection breaks.
OSRM's seconds are free flow; they take the street graph's `URBAN_DELAY`, so that the two sources mean the same.
A server has one profile, the car's: who walks or rides a bicycle is answered by the street graph.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx
import numpy as np
from numpy.typing import NDArray

from app.travelling import OsrmUnavailable
from geo.osmtags import URBAN_DELAY
from geo.points import LatLng
from geo.polylines import decode
from geo.streets import SNAP_WITHIN_M
from geo.travel import Profile, Route, Travel
from geo.units import Meters, Seconds

SOURCE: Final = "osrm"
WITHIN: Final = 1.0  # s for a call with its second try; 256 to one takes 0.1 s, and a round waits for it
MOST_AT_ONCE: Final = 500  # places a table: osrm-routed takes a URL of 22 kB


class OsrmTravelTimes:
    """The travel port over one osrm-routed. Raises `OsrmUnavailable` where the port has no word for it."""

    def __init__(self, url: str, client: httpx.AsyncClient | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = client or httpx.AsyncClient(timeout=WITHIN / 2)

    async def to_one(self, origins: Sequence[LatLng], destination: LatLng, profile: Profile) -> Travel:
        return await self._table(origins, destination, profile, backwards=True)

    async def from_one(self, origin: LatLng, destinations: Sequence[LatLng], profile: Profile) -> Travel:
        return await self._table(destinations, origin, profile, backwards=False)

    async def route(self, origin: LatLng, destination: LatLng, profile: Profile) -> Route | None:
        places = _places([origin, destination])
        asked = {"overview": "full", "geometries": "polyline6", "steps": "true", "generate_hints": "false"}
        answer = await self._ask("route", places, profile, asked)
        if answer["code"] == "NoRoute" or any(map(_off_the_map, answer["waypoints"])):
            return None
        way = answer["routes"][0]
        points = decode(way["geometry"], precision=6)
        names = [step["name"] for leg in way["legs"] for step in leg["steps"] if step["name"]]
        return Route(
            points=tuple(points if len(points) > 1 else points * 2),
            meters=Meters(float(way["distance"])),
            seconds=Seconds(float(way["duration"]) * URBAN_DELAY),
            source=SOURCE,
            names=tuple(name for i, name in enumerate(names) if i == 0 or names[i - 1] != name),
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _table(
        self, many: Sequence[LatLng], one: LatLng, profile: Profile, *, backwards: bool
    ) -> Travel:
        seconds, meters = [np.empty(0)], [np.empty(0)]
        for start in range(0, len(many), MOST_AT_ONCE):
            some = many[start : start + MOST_AT_ONCE]
            s, m = await self._part_of_table(some, one, profile, backwards=backwards)
            seconds.append(s)
            meters.append(m)
        return Travel(
            np.concatenate(seconds).astype(np.float32), np.concatenate(meters).astype(np.float32), SOURCE
        )

    async def _part_of_table(
        self, many: Sequence[LatLng], one: LatLng, profile: Profile, *, backwards: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rest = ";".join(str(i) for i in range(1, len(many) + 1))
        ends = {"sources": rest, "destinations": "0"} if backwards else {"sources": "0", "destinations": rest}
        asked = {**ends, "annotations": "duration,distance", "generate_hints": "false"}
        answer = await self._ask("table", _places([one, *many]), profile, asked)
        there, here = answer["sources"], answer["destinations"]
        off = [_off_the_map(a) or _off_the_map(b) for a in there for b in here]  # one of the two is one place
        columns = []
        for name in ("durations", "distances"):
            flat = [np.inf if cell is None else cell for row in answer[name] for cell in row]
            columns.append(np.where(off, np.inf, np.array(flat, np.float64)))
        nowhere = np.isinf(columns[0]) | np.isinf(columns[1])
        return (
            np.where(nowhere, np.inf, columns[0] * URBAN_DELAY),
            np.where(nowhere, np.inf, columns[1]),
        )

    async def _ask(
        self, service: str, places: str, profile: Profile, asked: Mapping[str, str]
    ) -> dict[str, Any]:
        if profile is not Profile.DRIVE:
            raise OsrmUnavailable(f"this OSRM knows cars, not how to {profile}")
        url = f"{self._url}/{service}/v1/driving/{places}"
        try:
            try:
                answer = await self._client.get(url, params=asked)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                answer = await self._client.get(url, params=asked)  # on a connection of its own
            body: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as failed:
            raise OsrmUnavailable(f"{type(failed).__name__}: {failed}") from failed
        if body.get("code") not in {"Ok", "NoRoute"}:
            raise OsrmUnavailable(f"{body.get('code')}: {body.get('message')}")
        return body


def _places(places: Sequence[LatLng]) -> str:
    return ";".join(f"{p.lon:.6f},{p.lat:.6f}" for p in places)


def _off_the_map(waypoint: Mapping[str, Any]) -> bool:
    return float(waypoint["distance"]) > SNAP_WITHIN_M
