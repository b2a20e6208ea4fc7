"""What an offer says before it is answered: the money, the way there, the work. Nothing that locates anybody. Pure."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from domain.rules.catalogue import ServiceSpec
from domain.rules.pricing import fee_of, net_per_hour
from geo.privacy import distance_band_m

APPROACH_STEP_S: Final = 30
"""Approach times are told in half minutes: finer, and three offers would locate a customer who has not agreed yet."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Cents, seconds, metres. `approach_*` are `None` when nobody knows where the provider is."""

    price_cents: int
    fee_cents: int
    net_cents: int
    net_per_hour_cents: int
    approach_s: int | None
    approach_m: int | None
    distance_m: int
    duration_s: int
    free_in_s: int | None = None
    """Of who finishes a trip first: the seconds until it ends, before the approach."""

    def as_json(self) -> dict[str, Any]:
        """What is stored with the offer."""
        return asdict(self)

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Self:
        """What was stored with an offer; unknown keys are somebody else's."""
        return cls(**{name: stored.get(name) for name in cls.__slots__})  # type: ignore[arg-type]  # JSON


def terms(
    spec: ServiceSpec,
    *,
    price_cents: int,
    distance_m: int,
    duration_s: int,
    approach_s: float | None,
    approach_m: float | None,
    free_in_s: float = 0.0,
) -> Terms:
    """The terms of one offer. Net per hour counts the way there, a minute's wait and the work; seconds and metres
    of the approach are coarse (half minutes up, bands) because they are told before acceptance. What is left of a
    trip in hand is paid by that trip."""
    fee = fee_of(spec.price_rule, price_cents)
    return Terms(
        price_cents=price_cents,
        fee_cents=fee,
        net_cents=price_cents - fee,
        net_per_hour_cents=net_per_hour(price_cents - fee, approach_s or 0.0, duration_s),
        approach_s=None if approach_s is None else -int(-approach_s // APPROACH_STEP_S) * APPROACH_STEP_S,
        approach_m=None if approach_m is None else distance_band_m(approach_m),
        distance_m=distance_m,
        duration_s=duration_s,
        free_in_s=math.ceil(free_in_s) or None,
    )
