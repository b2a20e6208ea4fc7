"""What a service costs: four price rules, each giving an itemised breakdown that sums to the price. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.rules.catalogue import Fixed, Hourly, Option, PriceRule, Proposed, ServiceSpec, Tariff
from domain.rules.errors import Invalid
from domain.rules.money import MOST_CENTS, Cents, share

POLICY_VERSION: Final = "price-1"
"""Goes into every quote's signature. Change it with any change of the formulas below."""

WAIT_AT_PICKUP_S: Final = (
    60.0  # mean wait of a customer to come down; counted in net per hour, from the field's usage
)

LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "base": {"fr": "Prise en charge", "en": "Base fare"},
    "distance": {"fr": "Distance", "en": "Distance"},
    "time": {"fr": "Durée", "en": "Time"},
    "minimum": {"fr": "Complément jusqu'au minimum", "en": "Up to the minimum fare"},
    "zone": {"fr": "Supplément de zone", "en": "Zone supplement"},
    "option": {"fr": "Option", "en": "Option"},
    "fixed": {"fr": "Forfait", "en": "Fixed price"},
    "labour": {"fr": "Main-d'œuvre", "en": "Labour"},
}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a breakdown. `code` is stable; `facts` say how the amount came about."""

    code: str
    cents: Cents
    facts: Mapping[str, Any]

    def as_json(self, currency: str) -> dict[str, Any]:
        return {
            "code": self.code,
            "label": dict(LABELS[self.code]),
            "amount": {"amount": self.cents, "currency": currency},
            **self.facts,
        }


@dataclass(frozen=True, slots=True)
class Price:
    """A price and how it is made up; `fee` is the platform's part, `net` the provider's."""

    total: Cents
    items: tuple[Item, ...]
    fee: Cents

    @property
    def net(self) -> Cents:
        return Cents(self.total - self.fee)


def price(
    spec: ServiceSpec,
    *,
    distance_m: int,
    duration_s: int,
    zones: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Price:
    """Price one request by its service's rule.

    distance_m and duration_s are of the trip (or of the job); zones are the slugs the pickup and drop lie in.
    Raises `Invalid` for an unknown option, for a rule that has no price beforehand and for a sum above any budget.
    """
    rule = spec.price_rule
    if isinstance(rule, Proposed):
        raise Invalid.field(
            "/service",
            "this service has no price beforehand: providers propose one",
            "ce service n'a pas de prix d'avance : les prestataires en proposent",
        )
    items = _lines(rule, distance_m, duration_s, zones) + _options(rule, options)
    total = Cents(sum(item.cents for item in items))
    if total > MOST_CENTS:
        raise Invalid.field(
            "", "this costs more than can be asked at once", "c'est trop cher pour une demande"
        )
    return Price(total=total, items=tuple(items), fee=fee_of(rule, total))


def fee_of(rule: PriceRule, total: int) -> Cents:
    """The platform's commission on an agreed total."""
    return share(total, rule.commission_bp)


def net_per_hour(net: int, approach_s: float, service_s: float) -> Cents:
    """The provider's net by the hour over approach, a minute's wait and the service itself."""
    return Cents(round(net * 3_600 / max(approach_s + WAIT_AT_PICKUP_S + service_s, 60.0)))


def _lines(
    rule: Tariff | Fixed | Hourly, distance_m: int, duration_s: int, zones: Sequence[str]
) -> list[Item]:
    match rule:
        case Tariff():
            return _tariff(rule, distance_m, duration_s, zones)
        case Fixed():
            return [Item("fixed", Cents(rule.amount), {})]
    return [_labour(rule, duration_s)]


def _tariff(rule: Tariff, distance_m: int, duration_s: int, zones: Sequence[str]) -> list[Item]:
    items = [
        Item("base", Cents(rule.base), {}),
        Item("distance", share(rule.per_km * distance_m, 10), {"distance_m": distance_m}),
        Item("time", Cents((rule.per_min * duration_s + 30) // 60), {"duration_s": duration_s}),
    ]
    metered = sum(item.cents for item in items)
    if metered < rule.minimum:
        items.append(Item("minimum", Cents(rule.minimum - metered), {}))
    touched = sorted(set(zones) & rule.zones.keys())
    return items + [Item("zone", Cents(rule.zones[zone]), {"zone": zone}) for zone in touched]


def _labour(rule: Hourly, duration_s: int) -> Item:
    minutes = max(rule.minimum_min, -(-duration_s // (60 * rule.step_min)) * rule.step_min)
    return Item("labour", Cents((rule.per_hour * minutes + 30) // 60), {"minutes": minutes})


def _options(rule: Tariff | Fixed | Hourly, chosen: Sequence[str]) -> list[Item]:
    offered: dict[str, Option] = {option.slug: option for option in rule.options}
    items: list[Item] = []
    for place, slug in enumerate(chosen):
        if slug not in offered:
            raise Invalid.field(
                f"/options/{place}",
                f"this service has no option {slug!r}",
                f"ce service n'a pas l'option {slug!r}",
            )
        items.append(Item("option", Cents(offered[slug].cents), {"option": slug}))
    return items
