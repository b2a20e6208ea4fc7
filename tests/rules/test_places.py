"""Which stops a service takes: a trip from a pickup over some vias to a drop, a job at one site."""

import pytest

from domain.rules.catalogue import ServiceSpec, read_spec
from domain.rules.errors import Invalid
from domain.rules.places import MAX_VIAS, Place, check_kinds
from geo.points import LatLng

RULE = {"kind": "fixed", "amount": 500}
SERVICE = {"slug": "some-service", "name": "Some", "allocator": "dispatch", "price_rule": RULE}
TRIP, JOB = read_spec({**SERVICE, "geo": "a_to_b"}), read_spec({**SERVICE, "geo": "point"})


def stops(kinds: str) -> list[Place]:
    return [Place(kind, LatLng(43.73, 7.42)) for kind in kinds.split()]


@pytest.mark.parametrize(
    ("spec", "kinds"),
    [
        (JOB, "site"),
        (TRIP, "pickup drop"),
        (TRIP, "pickup" + " via" * MAX_VIAS + " drop"),
    ],
)
def test_what_a_service_takes(spec: ServiceSpec, kinds: str) -> None:
    check_kinds(spec, stops(kinds))


@pytest.mark.parametrize(
    ("spec", "kinds", "why"),
    [
        (JOB, "", "exactly one"),
        (JOB, "site site", "exactly one"),
        (JOB, "pickup drop", "exactly one"),
        (TRIP, "", "pickup first"),
        (TRIP, "pickup", "pickup first"),
        (TRIP, "drop pickup", "pickup first"),
        (TRIP, "site", "pickup first"),
        (TRIP, "pickup pickup drop", "only vias"),
        (TRIP, "pickup" + " via" * (MAX_VIAS + 1) + " drop", f"at most {MAX_VIAS}"),
    ],
)
def test_what_it_does_not_take_is_refused_with_what_is_missing(
    spec: ServiceSpec, kinds: str, why: str
) -> None:
    with pytest.raises(Invalid) as refused:
        check_kinds(spec, stops(kinds))
    (error,) = refused.value.facts["errors"]
    assert error["pointer"] == "/stops"
    assert why in error["detail"]
