from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.answer import answer
from matching.cost import nobody_price
from matching.policy import Policy
from matching.problem import Pairs, Problem
from matching.solve import solve
from matching.whatif.city import DAY_S, City, Day, Shifts, steady_fleet
from matching.whatif.learnt import Learnt
from matching.whatif.outcome import Outcome
from matching.whatif.policies import ANTICIPATION, PRODUCTION
from matching.whatif.round import (
    Ahead,
    Decide,
    Given,
    Round,
    _that_matter,
    batch,
    field_of,
    nearest,
)
from matching.whatif.simulate import Rules, simulate
from tests.matching.factories import ask, provider
from tests.matching.whatif.town import cars_at, learnt_of, town, town_day

FAIR = replace(PRODUCTION, fairness_s=60.0)
AHEAD = replace(PRODUCTION, anticipation=ANTICIPATION)
WEIGHTS = {"batch": PRODUCTION, "fair": FAIR, "anticipate": AHEAD}
POLICIES: dict[str, Decide] = {"nearest": nearest, "batch": batch(PRODUCTION, 1), "fair": batch(FAIR, 1)}
COARSE = Rules(window_s=60.0)
STANDING = Rules(window_s=60.0, reposition_every_s=0.0)


def lived(city: City, policy: Decide, shifts: Shifts | None = None, rules: Rules = COARSE) -> Outcome:
    day, learnt = city.days[1], learnt_of(city)
    cars = steady_fleet(5, city.days[:1], np.random.default_rng(1)) if shifts is None else shifts
    return simulate(day, cars, learnt, policy, 500 + day.crow_m / 10, rules=rules)


def some_shifts(seed: int) -> Shifts:
    """Five cars with two shifts each, the second at times beginning before the work of the first is done."""
    rng = np.random.default_rng(seed)
    on_s = np.concatenate((rng.uniform(-3_600, 20_000, 5), rng.uniform(35_000, 50_000, 5)))
    order = np.argsort(on_s)
    return Shifts(
        car=np.tile(np.arange(5), 2)[order],
        on_s=on_s[order],
        off_s=(on_s + rng.uniform(60, 15_000, 10))[order],
        place=rng.normal(0, 2_000, (10, 2)),
    )


def check_laws(outcome: Outcome, shifts: Shifts, rules: Rules) -> None:
    """What holds of every day under every policy."""
    day, served = outcome.day, outcome.served
    assert len(outcome.car) == len(day)
    for column in (outcome.given_s, outcome.eta_s, outcome.approach_m):
        assert (np.isfinite(column) == served).all(), "served or lost, once"
    waited = outcome.given_s[served] - day.request_s[served]
    assert (waited >= 0).all()
    assert (waited <= rules.patience_s).all()
    assert (outcome.wait_s <= rules.picked_up_within_s + 1e-6).all()
    straight = np.zeros(shifts.cars)
    for car in range(shifts.cars):
        trips = np.flatnonzero(outcome.car == car)
        trips = trips[np.argsort(outcome.given_s[trips])]
        ends = (outcome.given_s + outcome.eta_s + day.duration_s)[trips]
        assert (outcome.given_s[trips][1:] >= ends[:-1]).all(), "in two places at once"
        mine = shifts.car == car
        for trip in trips:
            t = outcome.given_s[trip]
            assert ((shifts.on_s[mine] <= t) & (t < shifts.off_s[mine])).any(), "asked off duty"
        if mine.sum() == 1:  # with one shift, no car is carried anywhere between shifts
            places = np.vstack([shifts.place[mine], day.drop[trips]])[: len(trips)]
            straight[car] = np.hypot(*(day.pickup[trips] - places).T).sum()
    assert (outcome.empty_m >= straight - 1e-6).all(), "dead km are at least the crow's"
    assert outcome.empty_m.sum() >= np.nansum(outcome.approach_m) - 1e-6
    assert outcome.income.sum() == pytest.approx(outcome.fares[served].sum())


@settings(max_examples=12)
@given(st.sampled_from(sorted(POLICIES)), st.integers(0, 10_000), st.booleans())
def test_the_laws_of_a_day_hold_whatever_decides(policy: str, seed: int, by_shifts: bool) -> None:
    city = town(120, seed)
    shifts = some_shifts(seed) if by_shifts else steady_fleet(4, city.days[:1], np.random.default_rng(seed))
    check_laws(lived(city, POLICIES[policy], shifts), shifts, COARSE)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_the_same_seed_gives_the_same_day(policy: str) -> None:
    one, other = (lived(town(), POLICIES[policy]) for _ in range(2))
    assert (one.car == other.car).all()
    assert (one.empty_m == other.empty_m).all()


def test_another_seed_puts_the_cars_elsewhere() -> None:
    city = town()
    one, other = (steady_fleet(5, city.days[:1], np.random.default_rng(seed)).place for seed in (1, 2))
    assert (one != other).any()


def naive(day: Day, places: list[tuple[float, float]], learnt: Learnt, rules: Rules) -> list[int]:
    """Nearest car, first come first served, one request and one car at a time: the plainest way to write it."""
    car_of, free_s, at = [-1] * len(day), [0.0] * len(places), list(places)
    now_s = 0.0
    while now_s <= DAY_S + rules.patience_s + rules.window_s:
        for trip in range(len(day)):
            age_s = now_s - day.request_s[trip]
            if car_of[trip] >= 0 or age_s < 0 or age_s > rules.patience_s:
                continue
            best = None
            for car, place in enumerate(at):
                away_m = np.hypot(*(day.pickup[trip] - np.array(place)))
                eta_s = float(learnt.travel.seconds(np.array(away_m), now_s))
                if free_s[car] <= now_s and eta_s <= rules.picked_up_within_s - age_s:
                    best = min(best or (eta_s, car), (eta_s, car))
            if best is not None:
                eta_s, car = best
                car_of[trip] = car
                free_s[car] = now_s + eta_s + day.duration_s[trip]
                at[car] = tuple(day.drop[trip])
        now_s += rules.window_s
    return car_of


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.sampled_from([20, 60, 150]))
def test_nearest_is_what_the_plainest_way_to_write_it_gives(seed: int, trips: int) -> None:
    city = town(trips, seed)
    places = [(0.0, 0.0), (3_000.0, 0.0), (0.0, 5_000.0)]
    fast = lived(city, nearest, cars_at(*places), STANDING)
    assert fast.car.tolist() == naive(city.days[1], places, learnt_of(city), STANDING)


def test_one_car_and_one_request_meet() -> None:
    city = town(300)
    day = town_day("2026-03-06", 1, 9, from_s=40_000.0)
    outcome = simulate(
        day, cars_at((0.0, 0.0)), learnt_of(city), batch(PRODUCTION, 1), np.array([900.0]), rules=COARSE
    )
    assert outcome.car.tolist() == [0]
    assert outcome.income.tolist() == [900.0]
    assert outcome.rounds == 1


def test_without_a_car_on_duty_everybody_is_lost() -> None:
    city = town(20)
    off = Shifts(car=np.array([0]), on_s=np.array([0.0]), off_s=np.array([1.0]), place=np.zeros((1, 2)))
    outcome = lived(city, nearest, off)
    assert outcome.served.sum() == 0
    assert len(outcome.wait_s) == 0


def test_only_the_nearest_are_judged() -> None:
    city, seen = town(30), []

    def watching(round_: Round) -> Given:
        seen.append(np.bincount(round_.row).max())
        return nearest(round_)

    lived(
        city,
        watching,
        cars_at(*[(float(x), 0.0) for x in range(0, 900, 100)]),
        replace(STANDING, candidates=2, ample_candidates=2),
    )
    assert max(seen) == 2


def test_fairness_has_its_price_and_plain_rounds_have_none() -> None:
    city = town(400)
    fair, plain = lived(city, POLICIES["fair"]), lived(city, POLICIES["batch"])
    assert plain.fairness_price_s == 0
    assert fair.fairness_price_s >= 0


def some_round(seed: int, n: int, m: int) -> Round:
    """Requests and cars at random, four of five pairs in reach."""
    rng = np.random.default_rng(seed)
    row, column = np.nonzero(rng.random((n, m)) < 0.8)
    asked, able = np.unique(row), np.unique(column)
    n, m = len(asked), len(able)
    return Round(
        asks=10 + np.arange(n),
        age_s=rng.uniform(0, 600, n),
        limit_s=np.full(n, 900.0),
        duration_s=np.full(n, 300.0),
        pay=np.full(n, 500.0),
        cars=90 + np.arange(m),
        income_per_hour=np.where(rng.random(m) < 0.2, np.nan, rng.uniform(500, 4_000, m)),
        row=np.searchsorted(asked, row),
        column=np.searchsorted(able, column),
        eta_s=rng.uniform(0, 900, len(row)),
        meters=np.zeros(len(row)),
        ahead=Ahead(
            brings_s=rng.uniform(-900, 900, n),
            after_s=rng.uniform(4_000, 6_000, n),
            spared=rng.random(n) < 0.2,
            place_s=rng.uniform(4_000, 6_000, m),
        ),
    )


def as_records(of: Round, policy: Policy, seed: int) -> Problem:
    """The round as the dispatcher would put it: a record each, every pair."""
    incomes = [None if np.isnan(income) else income for income in of.income_per_hour.tolist()]
    ahead = of.ahead
    assert ahead is not None
    return Problem(
        asks=tuple(
            ask(
                f"{number:08d}",
                age_s=age_s,
                max_approach_s=limit_s,
                brings_s=brings_s,
                after_s=after_s,
                spared=bool(spared),
            )
            for number, age_s, limit_s, brings_s, after_s, spared in zip(
                of.asks, of.age_s, of.limit_s, ahead.brings_s, ahead.after_s, ahead.spared, strict=True
            )
        ),
        supply=tuple(
            provider(f"{car:08d}", income_per_hour=income, place_s=place_s)
            for car, income, place_s in zip(of.cars, incomes, ahead.place_s, strict=True)
        ),
        pairs=Pairs(of.row, of.column, of.eta_s, of.meters, "crow"),
        policy=policy,
        seed=seed,
    )


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9), st.sampled_from(sorted(WEIGHTS)))
def test_a_replay_decides_as_the_dispatchers_solver_does(seed: int, n: int, m: int, policy: str) -> None:
    """Its columns, its short cut past reasons and the pairs it leaves out change no answer."""
    of, weights = some_round(seed, n, m), WEIGHTS[policy]
    offers = solve(as_records(of, weights, seed)).offers
    pairs = batch(weights, seed)(of).pairs
    given_ = zip(of.asks[of.row[pairs]], of.cars[of.column[pairs]], strict=True)
    assert {(f"{a:08d}", f"{car:08d}") for a, car in given_} == {
        (offer.ask_id, offer.provider_id) for offer in offers
    }


@pytest.mark.parametrize("policy", ["batch", "fair"])
def test_leaving_out_pairs_that_cannot_matter_does_not_change_the_optimum(policy: str) -> None:
    """Many requests, few cars: the objective with every pair is the objective with those kept."""

    weights = FAIR if policy == "fair" else PRODUCTION
    for seed in range(30):
        of = some_round(seed, 7, 3)
        every = as_records(of, weights, 1)
        kept = field_of(of, _that_matter(of, weights), weights, 1)
        alone = sum(nobody_price(ask, weights) for ask in every.asks if ask.id not in kept.asks.ids)
        assert len(kept.pairs) < len(every.pairs)
        assert answer(kept).objective + alone == pytest.approx(solve(every).objective, abs=0.01)


def test_where_fairness_serves_another_number_no_price_is_told() -> None:
    """The rich one's way costs more than leaving the request alone; without fairness it would not have."""
    of = Round(
        asks=np.arange(2),
        age_s=np.zeros(2),
        limit_s=np.full(2, 900.0),
        duration_s=np.full(2, 300.0),
        pay=np.full(2, 500.0),
        cars=np.arange(2),
        income_per_hour=np.array([4_000.0, 500.0]),
        row=np.array([0, 1]),
        column=np.array([0, 1]),
        eta_s=np.array([880.0, 100.0]),
        meters=np.zeros(2),
    )
    given_ = batch(replace(FAIR, nobody_s=0.0), 1)(of)
    assert given_.pairs.tolist() == [1]
    assert given_.fairness_price_s == 0.0
