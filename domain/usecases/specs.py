"""The specs of services. A version of a service never changes, so a process reads each once."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from domain.rules.catalogue import ServiceSpec, stored_spec
from domain.store.tables import Request, Service
from domain.usecases.work import Work

MOST_KNOWN: Final = 4_096  # versions; then all are read again


def spec_of(work: Work, version: Service) -> ServiceSpec:
    """The spec of a version that has been read."""
    known = work.tools.specs
    spec = known.get(version.id)
    if spec is None:
        if len(known) >= MOST_KNOWN:
            known.clear()
        spec = known[version.id] = stored_spec(version.spec)
    return spec


async def spec_by_id(work: Work, service_id: UUID) -> ServiceSpec:
    """The spec of the version that an engagement or a request names."""
    spec = work.tools.specs.get(service_id)
    if spec is None:
        version = await work.db.get(Service, service_id)
        assert version is not None, "a version is never deleted, only retired"
        spec = spec_of(work, version)
    return spec


async def specs_of(work: Work, requests: Iterable[Request]) -> dict[UUID, ServiceSpec]:
    """The spec each request was made under (its version of the service), by service id."""
    wanted = sorted({request.service_id for request in requests})
    return {service_id: await spec_by_id(work, service_id) for service_id in wanted}
