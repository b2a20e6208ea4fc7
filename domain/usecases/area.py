"""Whether places are served: inside a market's service area, and no pickup where none is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.rules.errors import OutsideServiceArea, PickupRestricted
from domain.rules.titles import FRENCH
from domain.store import catalogue as store
from domain.usecases.work import Work
from geo.points import LatLng


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of a question, and where in it it stands."""

    point: LatLng
    pointer: str
    is_pickup: bool = False


async def zones_of(work: Work, market_id: str, spots: Sequence[Spot]) -> list[list[str]]:
    """The zones that cover each place, its service area left out. Refuses the first place that is outside the area, or
    a pickup where none is allowed, and says what would do instead."""
    touched: list[list[str]] = []
    zones_at = await store.zones_at(work.db, market_id, [spot.point for spot in spots])
    for spot, zones in zip(spots, zones_at, strict=True):
        kinds = {kind for _, kind in zones}
        if "service_area" not in kinds:
            await refuse_outside(work, market_id, spot)
        if "no_pickup" in kinds and spot.is_pickup:
            nearest = await store.nearest_allowed_pickup(work.db, market_id, spot.point)
            raise PickupRestricted(pointer=spot.pointer, nearest=_lat_lon(nearest))
        touched.append([slug for slug, kind in zones if kind != "service_area"])
    return touched


async def refuse_outside(work: Work, market_id: str, spot: Spot) -> None:
    """Raises `OutsideServiceArea` with the nearest place inside."""
    nearest = await store.nearest_served(work.db, market_id, spot.point)
    detail, french = OutsideServiceArea.title, FRENCH[OutsideServiceArea.code]
    if abs(spot.point.lon) <= 90:
        swapped = LatLng(spot.point.lon, spot.point.lat)
        if await store.market_of_point(work.db, swapped) is not None:
            detail += "; latitude and longitude look swapped"
            french += " ; latitude et longitude semblent inversées"
    raise OutsideServiceArea(detail, french=french, pointer=spot.pointer, nearest=_lat_lon(nearest))


def _lat_lon(p: LatLng | None) -> dict[str, float] | None:
    return None if p is None else {"lat": p.lat, "lon": p.lon}
