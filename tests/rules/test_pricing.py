"""Price rules: the breakdown sums, the minimum holds, fee and net share the total."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.catalogue import in_language, read_spec, stored_spec, write_spec
from domain.rules.errors import Invalid, RegimeViolation
from domain.rules.forms import read_answers
from domain.rules.pricing import net_per_hour, price
from tests.factories import MONACO

cents = st.integers(0, 100_000)
tariffs = st.fixed_dictionaries(
    {
        "kind": st.just("tariff"),
        "base": cents,
        "per_km": cents,
        "per_min": cents,
        "minimum": cents,
        "commission_bp": st.integers(0, 9_999),
        "zones": st.just({"station": 200}),
        "options": st.just([{"slug": "seat", "name": {"en": "Seat"}, "cents": 300}]),
    }
)

TARIFF = {"kind": "tariff", "base": 1, "per_km": 1, "per_min": 1, "minimum": 1}


def option(slug: str, **more: object) -> dict[str, object]:
    return {"slug": slug, "name": {"en": slug}, "cents": 100, **more}


def fixed_with(*options: dict[str, object]) -> dict[str, object]:
    return {"kind": "fixed", "amount": 500, "options": options}


def service(rule: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"slug": "some-service", "name": "Some", "allocator": "dispatch", "price_rule": rule, **more}


@given(tariffs, st.integers(0, 200_000), st.integers(0, 40_000), st.booleans(), st.booleans())
def test_a_tariff_sums_and_never_goes_below_its_minimum(
    rule: dict[str, int], meters: int, seconds: int, station: bool, seat: bool
) -> None:
    spec = read_spec(service(rule, geo="a_to_b"))
    made = price(
        spec,
        distance_m=meters,
        duration_s=seconds,
        zones=["station"] if station else [],
        options=["seat"] if seat else [],
    )
    assert sum(item.cents for item in made.items) == made.total
    assert made.total >= rule["minimum"] + 200 * station + 300 * seat
    assert made.fee + made.net == made.total
    assert 0 <= made.fee <= made.total


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_longer_never_costs_less(a: int, b: int) -> None:
    spec = read_spec(MONACO["services"][0])
    near, far = sorted((a, b))
    prices = [price(spec, distance_m=m, duration_s=m // 10).total for m in (near, far)]
    assert prices == sorted(prices)


def test_labour_is_billed_by_started_steps() -> None:
    spec = read_spec(service({"kind": "hourly", "per_hour": 3000, "minimum_min": 30, "step_min": 15}))
    assert price(spec, distance_m=0, duration_s=60).total == 1500
    assert price(spec, distance_m=0, duration_s=31 * 60).total == 2250


def test_a_fixed_price_takes_options_and_refuses_unknown_ones() -> None:
    rule = {
        "kind": "fixed",
        "amount": 500,
        "options": [{"slug": "fast", "name": {"en": "Fast"}, "cents": 500}],
    }
    spec = read_spec(service(rule))
    assert price(spec, distance_m=0, duration_s=0, options=["fast"]).total == 1_000
    with pytest.raises(Invalid):
        price(spec, distance_m=0, duration_s=0, options=["free"])


def test_a_proposed_price_is_not_known_beforehand() -> None:
    spec = read_spec({**service({"kind": "quote"}), "allocator": "call"})
    with pytest.raises(Invalid):
        price(spec, distance_m=0, duration_s=0)


@pytest.mark.parametrize("seed", MONACO["services"], ids=lambda seed: str(seed["slug"]))
def test_every_seeded_service_reads_back_as_written(seed: dict[str, object]) -> None:
    spec = read_spec(seed)
    assert read_spec(write_spec(spec)) == spec


def test_a_service_may_say_its_names_inventory_and_completion_in_short() -> None:
    names, rule = {"fr": "Un", "en": "Some"}, {"kind": "fixed", "amount": 500}
    spec = read_spec(service(rule, names=names, inventory="stock", completion="pin"))
    assert (spec.name, spec.inventory.kind, spec.completion.kind) == (names, "stock", "pin")
    assert read_spec(service(rule)).name == {"fr": "Some", "en": "Some"}


def test_a_text_is_told_in_the_language_or_in_any_it_has() -> None:
    assert in_language({"fr": "Un", "en": "One"}, "en") == "One"
    assert in_language({"fr": "Un"}, "en") == "Un"
    assert in_language({}, "en") == ""


def test_a_line_of_a_breakdown_is_told_with_its_words_and_its_reasons() -> None:
    rule = {"kind": "tariff", "base": 250, "per_km": 150, "per_min": 0, "minimum": 0}
    made = price(read_spec(service(rule, geo="a_to_b")), distance_m=2_000, duration_s=60)
    told = {item.code: item.as_json("EUR") for item in made.items}
    assert told["distance"]["amount"] == {"amount": 300, "currency": "EUR"}
    assert told["distance"]["distance_m"] == 2_000
    assert told["distance"]["label"].keys() == {"fr", "en"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"slug": "Not A Slug"}, "/slug"),
        ({"name": {}}, "/name"),
        ({"allocator": "magic"}, "/allocator"),
        ({"name": {"fr": " "}}, "/name"),
        ({"price_rule": {"kind": "fixed", "amount": -1}}, "/price_rule/amount"),
        ({"price_rule": {"kind": "fixed", "amount": 10**30}}, "/price_rule/amount"),
        ({"price_rule": {"kind": "hourly", "per_hour": 1_000, "step_min": 0}}, "/price_rule/step_min"),
        (
            {"price_rule": {"kind": "quote", "floor": 10, "ceiling": 5}, "allocator": "call"},
            "/price_rule/ceiling",
        ),
        ({"price_rule": fixed_with(option("a"), option("a"))}, "/price_rule/options/1/slug"),
        ({"price_rule": fixed_with(option("A b"))}, "/price_rule/options/0/slug"),
        ({"price_rule": fixed_with(option("a", cents=-1))}, "/price_rule/options/0/cents"),
        ({"price_rule": fixed_with(option("a", name={}))}, "/price_rule/options/0/name"),
        (
            {"price_rule": {**TARIFF, "zones": {"station": -200}}, "geo": "a_to_b"},
            "/price_rule/zones/station",
        ),
        ({"price_rule": {**TARIFF, "zones": {"station": "x"}}, "geo": "a_to_b"}, "/price_rule/zones"),
        ({"duration_s": -1}, "/duration_s"),
        ({"duration_s": 10**12}, "/duration_s"),
        ({"dispatch": {"answer_s": 0}}, "/dispatch/answer_s"),
        (
            {"dispatch": {"waves": [{"size": 1, "within_s": 60}, {"size": 0, "within_s": 60}]}},
            "/dispatch/waves/1/size",
        ),
        ({"dispatch": {"waves": [{"size": "x", "within_s": 60}]}}, "/dispatch/waves/0/size"),
        ({"call": {"patience_s": 10**13}}, "/call/patience_s"),
        ({"cancellation": {"late_cents": -1}}, "/cancellation/late_cents"),
        ({"completion": {"auto_confirm_s": -1}}, "/completion/auto_confirm_s"),
        ({"form": [{"name": "what"}, {"name": "what"}]}, "/form/1/name"),
        ({"form": [{"name": "a/b"}]}, "/form/0/name"),
        ({"form": [{"name": "size", "type": "choice"}]}, "/form/0/choices"),
        (
            {"price_rule": {"kind": "fixed", "amount": 1, "commission_bp": 10_000}},
            "/price_rule/commission_bp",
        ),
        ({"price_rule": {"kind": "quote"}}, "/price_rule"),
        ({"dispatch": {"waves": []}}, "/dispatch/waves"),
        ({"price_rule": TARIFF}, "/geo"),
    ],
)
def test_a_wrong_service_is_told_which_field(change: dict[str, object], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_spec(service({"kind": "fixed", "amount": 500}) | change)
    assert refused.value.facts["errors"][0]["pointer"] == pointer


def test_what_passed_an_older_door_is_still_read() -> None:
    old = write_spec(read_spec(service({"kind": "fixed", "amount": 500}))) | {"duration_s": 10**12}
    assert stored_spec(old).duration_s == 10**12


def test_nothing_costs_more_than_a_request_can_hold() -> None:
    spec = read_spec(service({"kind": "hourly", "per_hour": 100_000_000}))
    assert price(spec, distance_m=0, duration_s=3_600).total == 100_000_000
    with pytest.raises(Invalid):
        price(spec, distance_m=0, duration_s=3_601)


def test_a_vtc_ride_below_the_legal_net_cannot_be_offered() -> None:
    rule = {"kind": "fixed", "amount": 1_000, "commission_bp": 2_000}
    with pytest.raises(RegimeViolation):
        read_spec(service(rule, regimes=["fr_vtc"]))
    read_spec(service({**rule, "amount": 1_125}, regimes=["fr_vtc"]))


def test_answers_keep_what_was_asked_and_name_what_is_wrong() -> None:
    spec = read_spec(MONACO["services"][4])
    assert read_answers(spec.form, {"what": "gouttière", "duration_min": 30}) == {
        "what": "gouttière",
        "duration_min": 30,
    }
    with pytest.raises(Invalid) as refused:
        read_answers(spec.form, {"what": 3, "duration_min": "long", "why": "?"})
    assert len(refused.value.facts["errors"]) == 3


@given(st.integers(0, 100_000), st.floats(0, 10_000), st.floats(0, 10_000))
def test_net_per_hour_is_never_above_the_net_of_a_minute_times_sixty(
    net: int, approach: float, service_s: float
) -> None:
    assert 0 <= net_per_hour(net, approach, service_s) <= net * 60
