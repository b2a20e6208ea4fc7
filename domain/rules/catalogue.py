"""A service as data: `allocator x inventory x price rule x completion x regimes`, plus a form.

Adding Heetch beside Uber is one of these and no code. `read_spec` is the door: what passes it is sound.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from domain.rules.bounds import Bounds, first_broken
from domain.rules.errors import Invalid, RegimeViolation
from domain.rules.misfits import misfit
from domain.rules.money import MOST_CENTS, share
from domain.rules.states import Allocator

SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
QUESTION: Final = re.compile(r"[a-z][a-z0-9_]{0,59}\Z")
CENTS: Final = (0, MOST_CENTS)
DAY: Final = 86_400
WEEK: Final = 7 * DAY
MONTH: Final = 30 * DAY
VTC_NET_FLOOR_CENTS: Final = 900
"""Least net per ride for a VTC driver, tips excluded (ARPE-homologated agreement of 19 Dec 2023, JO 26 Mar 2024)."""


class Option(msgspec.Struct, frozen=True):
    """Something the customer may add: a child seat, a ladder."""

    slug: str
    name: dict[str, str]
    cents: int


class Tariff(msgspec.Struct, frozen=True, tag="tariff", tag_field="kind"):
    """base + per km + per minute, at least `minimum`, plus what the zones of the stops add. Cents."""

    base: int
    per_km: int
    per_min: int
    minimum: int
    commission_bp: int = 2_000
    zones: dict[str, int] = {}
    options: tuple[Option, ...] = ()


class Fixed(msgspec.Struct, frozen=True, tag="fixed", tag_field="kind"):
    """One price plus chosen options. Cents."""

    amount: int
    commission_bp: int = 2_000
    options: tuple[Option, ...] = ()


class Hourly(msgspec.Struct, frozen=True, tag="hourly", tag_field="kind"):
    """A rate by the hour, billed by started `step_min` minutes, at least `minimum_min`. Cents per hour."""

    per_hour: int
    minimum_min: int = 60
    step_min: int = 15
    commission_bp: int = 2_000
    options: tuple[Option, ...] = ()


class Proposed(msgspec.Struct, frozen=True, tag="quote", tag_field="kind"):
    """Providers name their price, between `floor` and `ceiling`. Cents."""

    floor: int = 500
    ceiling: int = 1_000_000
    commission_bp: int = 1_500


PriceRule = Tariff | Fixed | Hourly | Proposed


class Inventory(msgspec.Struct, frozen=True):
    """What is consumed. Work on people's time is a calendar; the rest comes with the `book` allocator."""

    kind: Literal["unlimited", "calendar", "stock", "nights", "seats", "asset"] = "calendar"


class Completion(msgspec.Struct, frozen=True):
    """How work begins and ends: a PIN at the start, the customer's word (or silence) at the end."""

    kind: Literal["pin", "customer_confirms"] = "customer_confirms"
    pin: bool = False
    auto_confirm_s: int = 48 * 3_600


class FormField(msgspec.Struct, frozen=True):
    """One question of the service's form."""

    name: str
    type: Literal["text", "number", "boolean", "choice"] = "text"
    label: dict[str, str] = {}
    required: bool = False
    choices: tuple[str, ...] = ()


class Wave(msgspec.Struct, frozen=True):
    """How many providers are asked at once, and how far they may be (seconds of approach)."""

    size: int
    within_s: int


class DispatchRule(msgspec.Struct, frozen=True):
    """How the engine asks. Three phones at once answer quicker than one; each wave asks more people, further away."""

    answer_s: int = 20
    waves: tuple[Wave, ...] = (Wave(3, 600), Wave(5, 900), Wave(8, 1_500))
    patience_s: int = 180


class CallRule(msgspec.Struct, frozen=True):
    """How a posted job reaches people, and how long their proposals hold."""

    within_s: int = 1_800
    invite: int = 20
    proposal_ttl_s: int = 3_600
    patience_s: int = 86_400


class Cancellation(msgspec.Struct, frozen=True):
    """What leaving costs, by whose doing. A provider who leaves before the start never costs the customer anything."""

    free_s: int = 120  # after the confirmation
    late_cents: int = 400  # customer, after that, until the provider has arrived
    arrived_cents: int = 800  # customer, once the provider is there; also their no-show


class ServiceSpec(msgspec.Struct, frozen=True):
    """Everything the engine needs to know to run a service."""

    slug: str
    name: dict[str, str]
    allocator: Allocator
    price_rule: PriceRule
    inventory: Inventory = Inventory()
    completion: Completion = Completion()
    regimes: tuple[str, ...] = ()
    form: tuple[FormField, ...] = ()
    geo: Literal["a_to_b", "point"] = "point"
    profile: Literal["drive", "walk", "cycle"] = "drive"
    trade: Literal["ride", "parcel", "job"] = "job"
    needs: tuple[str, ...] = ()
    duration_s: int = 3_600  # of a job at one site, unless the form or the proposal says otherwise
    max_trip_m: int = 60_000
    dispatch: DispatchRule = DispatchRule()
    call: CallRule = CallRule()
    cancellation: Cancellation = Cancellation()


BOUNDS: Final[Bounds] = {
    Option: {"cents": CENTS},
    Tariff: {"base": CENTS, "per_km": CENTS, "per_min": CENTS, "minimum": CENTS, "zones": CENTS},
    Fixed: {"amount": CENTS},
    Hourly: {"per_hour": CENTS, "minimum_min": (0, WEEK // 60), "step_min": (1, DAY // 60)},
    Proposed: {"floor": CENTS, "ceiling": CENTS},
    Completion: {"auto_confirm_s": (0, MONTH)},
    Wave: {"size": (1, 100), "within_s": (1, DAY)},
    DispatchRule: {"answer_s": (1, 3_600), "patience_s": (1, WEEK)},
    CallRule: {
        "within_s": (1, DAY),
        "invite": (1, 1_000),
        "proposal_ttl_s": (1, MONTH),
        "patience_s": (1, MONTH),
    },
    Cancellation: {"free_s": (0, MONTH), "late_cents": CENTS, "arrived_cents": CENTS},
    ServiceSpec: {"duration_s": (1, WEEK), "max_trip_m": (1, 5_000_000)},
}
"""What a number of a service may be. Rounds, agendas and prices reckon with them; none may stop a whole market."""


def read_spec(data: dict[str, Any]) -> ServiceSpec:
    """Read and check a service; `Invalid` names the field, `RegimeViolation` names the law."""
    spec = stored_spec(data)
    _check(spec)
    return spec


def stored_spec(data: dict[str, Any]) -> ServiceSpec:
    """A service that passed the door, perhaps of an older version of ours that let more through."""
    data = dict(data)
    if isinstance(data.get("names"), dict) and data["names"]:
        data["name"] = data["names"]
    elif isinstance(data.get("name"), str):
        data["name"] = {"fr": data["name"], "en": data["name"]}
    for key in ("inventory", "completion"):
        if isinstance(data.get(key), str):
            data[key] = {"kind": data[key]}
    try:
        return msgspec.convert(data, ServiceSpec)
    except msgspec.ValidationError as wrong:
        raise misfit(wrong) from None


def write_spec(spec: ServiceSpec) -> dict[str, Any]:
    """The spec as JSON-ready data; `read_spec(write_spec(s)) == s`."""
    data: dict[str, Any] = msgspec.to_builtins(spec)
    return data


def _check(spec: ServiceSpec) -> None:
    if not SLUG.match(spec.slug) or len(spec.slug) > 60:
        raise Invalid.field("/slug", "a slug is lower-case words joined by hyphens, at most 60 characters")
    _check_name(spec.name, "/name")
    rule = spec.price_rule
    if not 0 <= rule.commission_bp < 10_000:
        raise Invalid.field("/price_rule/commission_bp", "a commission is between 0 and 9999 basis points")
    broken = first_broken(spec, BOUNDS)
    if broken is not None:
        raise Invalid.field(broken.pointer, f"between {broken.least} and {broken.most}")
    if isinstance(rule, Proposed):
        if rule.ceiling < rule.floor:
            raise Invalid.field("/price_rule/ceiling", "the ceiling is not below the floor")
        if spec.allocator is Allocator.DISPATCH:
            raise Invalid.field("/price_rule", "a dispatched service needs a price known beforehand")
    else:
        _check_options(rule.options)
    if spec.allocator is Allocator.DISPATCH and not spec.dispatch.waves:
        raise Invalid.field("/dispatch/waves", "at least one wave")
    if isinstance(rule, Tariff) and spec.geo != "a_to_b":
        raise Invalid.field("/geo", "a tariff by distance needs a pickup and a drop (geo: a_to_b)")
    _check_form(spec.form)
    if "fr_vtc" in spec.regimes:
        _check_vtc(spec)


def _check_name(name: Mapping[str, str], pointer: str) -> None:
    if not name or not all(text.strip() for text in name.values()):
        raise Invalid.field(pointer, "a name in every language that is named")


def _check_options(options: tuple[Option, ...]) -> None:
    for place, option in enumerate(options):
        if not SLUG.match(option.slug) or len(option.slug) > 60:
            raise Invalid.field(f"/price_rule/options/{place}/slug", "lower-case words joined by hyphens")
        _check_name(option.name, f"/price_rule/options/{place}/name")
    _check_distinct((option.slug for option in options), "/price_rule/options", "slug")


def _check_form(form: tuple[FormField, ...]) -> None:
    for place, field in enumerate(form):
        if not QUESTION.match(field.name):
            raise Invalid.field(
                f"/form/{place}/name", "a name is lower-case letters, digits and _, at most 60"
            )
        if field.type == "choice" and not field.choices:
            raise Invalid.field(f"/form/{place}/choices", "a choice needs something to choose from")
    _check_distinct((field.name for field in form), "/form", "name")


def _check_distinct(words: Iterable[str], pointer: str, of: str) -> None:
    seen: set[str] = set()
    for place, word in enumerate(words):
        if word in seen:
            raise Invalid.field(f"{pointer}/{place}/{of}", f"{word!r} stands here twice")
        seen.add(word)


def _check_vtc(spec: ServiceSpec) -> None:
    rule = spec.price_rule
    least = rule.minimum if isinstance(rule, Tariff) else rule.amount if isinstance(rule, Fixed) else 0
    net = least - share(least, rule.commission_bp)
    if net < VTC_NET_FLOOR_CENTS:
        raise RegimeViolation(
            f"a VTC ride must leave at least {VTC_NET_FLOOR_CENTS} cents net to the driver; this one may leave {net}",
            regime="fr_vtc",
        )


def in_language(texts: dict[str, str], language: str) -> str:
    """The text in a language, or in any other when it has not been translated."""
    return texts.get(language) or next(iter(texts.values()), "")
