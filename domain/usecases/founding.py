"""Found a market from data: its row, its zones, its first services. Running it again changes nothing."""

from typing import Any

from geoalchemy2 import WKTElement
from shapely.geometry import Polygon
from sqlalchemy.dialects.postgresql import insert

from domain.rules.catalogue import read_spec, write_spec
from domain.rules.rounds import read_round_settings
from domain.store import catalogue as store
from domain.store.tables import Market, Service, ZoneRow
from domain.usecases.work import Work


async def found_market(work: Work, data: dict[str, Any]) -> None:
    """Make a market as described (`app/demo/monaco.json` shows the shape) where it does not exist yet.

    The engine does this at start, never a client. Services that ops have changed since stay as they are.
    """
    read_round_settings(data.get("settings", {}))
    center = data["center"]
    made = (
        insert(Market)
        .values(
            id=data["slug"],
            name=data["name"],
            currency=data["currency"],
            timezone=data["timezone"],
            center_lat=center["lat"],
            center_lon=center["lon"],
            settings=data.get("settings", {}),
        )
        .on_conflict_do_nothing()
    )
    await work.db.execute(made)
    for zone in data["zones"]:
        polygon = Polygon(zone["ring"])
        if not polygon.is_valid:
            raise ValueError(f"zone {zone['slug']} of {data['slug']} crosses itself")
        row = insert(ZoneRow).values(
            id=work.new_id(),
            market_id=data["slug"],
            slug=zone["slug"],
            kind=zone["kind"],
            name=zone["name"],
            area=WKTElement(polygon.wkt, srid=4326),
        )
        await work.db.execute(row.on_conflict_do_nothing())
    known = {row.slug for row in await store.live_services(work.db, data["slug"])}
    for service in data["services"]:
        spec = read_spec(service)
        if spec.slug not in known:
            row_of = insert(Service).values(
                id=work.new_id(),
                market_id=data["slug"],
                slug=spec.slug,
                version=1,
                spec=write_spec(spec),
                created_by=None,
                created_at=work.now,
                retired_at=None,
            )
            await work.db.execute(row_of.on_conflict_do_nothing())
