"""The stops of a request: which kinds a service takes, in which order. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from domain.rules.catalogue import ServiceSpec
from domain.rules.errors import Invalid
from geo.points import LatLng

StopKind = Literal["pickup", "via", "drop", "site"]
MAX_VIAS: Final = 5


@dataclass(frozen=True, slots=True)
class Place:
    """One stop as asked: its kind, its point, a note for the provider."""

    kind: str
    point: LatLng
    note: str = ""


def check_kinds(spec: ServiceSpec, places: Sequence[Place]) -> None:
    """A trip has a pickup, vias, a drop, in this order; a job has one site. `Invalid` says what is missing."""
    kinds = [place.kind for place in places]
    if spec.geo == "point":
        if kinds != ["site"]:
            raise Invalid.field(
                "/stops",
                "this service takes exactly one stop, of kind site",
                "ce service prend un seul lieu (site)",
            )
        return
    if len(kinds) < 2 or kinds[0] != "pickup" or kinds[-1] != "drop":
        raise Invalid.field(
            "/stops",
            "this service takes a pickup first and a drop last",
            "ce service prend d'abord un départ (pickup), enfin une arrivée (drop)",
        )
    if any(kind != "via" for kind in kinds[1:-1]):
        raise Invalid.field(
            "/stops",
            "between the pickup and the drop there are only vias",
            "entre le départ et l'arrivée il n'y a que des étapes (via)",
        )
    if len(kinds) > MAX_VIAS + 2:
        raise Invalid.field("/stops", f"at most {MAX_VIAS} vias", f"au plus {MAX_VIAS} étapes (via)")
