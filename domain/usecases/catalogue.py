"""What can be asked, and where: read the catalogue; ops add to it at run time, as pure data."""

from collections.abc import Sequence
from typing import Any, Final

from domain.rules.catalogue import ServiceSpec, read_spec, write_spec
from domain.rules.crowds import coarse_count
from domain.rules.errors import SlugTaken
from domain.rules.states import Allocator
from domain.store import catalogue as store
from domain.store.tables import Market, Service
from domain.usecases.access import require_ops_of
from domain.usecases.specs import spec_of
from domain.usecases.work import Work

COUNTED: Final = ("on_duty", "open_requests", "running", "completed_today")


async def list_markets(work: Work) -> Sequence[Market]:
    """Every market; anybody may read it."""
    return await store.markets(work.db)


async def busyness(work: Work) -> dict[str, dict[str, int | None]]:
    """How busy each market is, in counts too coarse to watch a person by; anybody may read it."""
    found = await store.busyness(work.db, work.now)
    return {
        market: {name: coarse_count(count) for name, count in zip(COUNTED, counts, strict=True)}
        for market, counts in found.items()
    }


async def list_services(work: Work, market_id: str) -> list[ServiceSpec]:
    """What a market offers; anybody may read it. `UnknownMarket` if there is none."""
    await store.market(work.db, market_id)
    return [spec_of(work, row) for row in await store.live_services(work.db, market_id)]


async def add_service(
    work: Work, market_id: str, data: dict[str, Any], *, replace: bool = False
) -> ServiceSpec:
    """Ops add a service to a market, or with `replace` a new version of one: quotes and requests keep theirs."""
    ops = require_ops_of(work.actor, market_id)
    await store.market(work.db, market_id)
    spec = read_spec(data)
    version = 1
    for row in await store.live_services(work.db, market_id):
        if row.slug == spec.slug:
            if not replace:
                raise SlugTaken(f"{market_id} already has a service {spec.slug!r}")
            await store.retire(work.db, row.id, work.now)
            version = row.version + 1
    work.db.add(
        Service(
            id=work.new_id(),
            market_id=market_id,
            slug=spec.slug,
            version=version,
            spec=write_spec(spec),
            created_by=ops,
            created_at=work.now,
        )
    )
    await work.db.flush()
    if spec.allocator is Allocator.DISPATCH:
        work.signal(f"wake.dispatch.{market_id}")
    return spec
