"""What a replayed day anticipates: only of other days, only where cars are scarce."""

import numpy as np
import pytest

from matching.anticipation import LATER
from matching.forecast import SLOT_S
from matching.whatif.city import City, steady_fleet
from matching.whatif.foresight import Foresight, learn_value
from matching.whatif.outcome import Outcome
from matching.whatif.policies import ANTICIPATION, PRODUCTION
from matching.whatif.round import Given, Round, batch
from matching.whatif.simulate import Rules, simulate
from tests.matching.whatif.test_simulate import AHEAD
from tests.matching.whatif.town import PLANE, learnt_of, town

RULES = Rules(window_s=60.0)
TOWN = town(400)


def past(city: City = TOWN, cars: int = 5) -> list[Outcome]:
    """The day before, under the production solver."""
    day = city.days[0]
    shifts = steady_fleet(cars, city.days[:1], np.random.default_rng(2))
    return [simulate(day, shifts, learnt_of(city), batch(PRODUCTION, 1), 500 + day.crow_m / 10, rules=RULES)]


def seen(cars: int, *, foresight: bool = True) -> tuple[Outcome, list[Round]]:
    """A day lived, and its rounds."""
    day, rounds, solver = TOWN.days[1], list[Round](), batch(AHEAD, 1)

    def watching(round_: Round) -> Given:
        rounds.append(round_)
        return solver(round_)

    outcome = simulate(
        day,
        steady_fleet(cars, TOWN.days[:1], np.random.default_rng(1)),
        learnt_of(TOWN),
        watching,
        500 + day.crow_m / 10,
        rules=RULES,
        foresight=Foresight(day, learn_value(past(), PLANE), PLANE) if foresight else None,
    )
    return outcome, rounds


def test_a_round_anticipates_where_cars_are_scarce_and_nowhere_else() -> None:
    _, scarce = seen(4)
    _, ample = seen(200)
    assert any(of.ahead for of in scarce)
    assert not any(of.ahead for of in ample)
    assert not any(of.ahead for of in seen(4, foresight=False)[1])


def test_what_is_anticipated_is_told_beyond_the_round_s_mean() -> None:
    for of in seen(4)[1]:
        if of.ahead is not None:
            later = of.ahead.after_s[of.row] * LATER ** (of.eta_s / SLOT_S)
            gained_s = of.ahead.brings_s[of.row] + later - of.ahead.place_s[of.column]
            assert gained_s.mean() == pytest.approx(0.0, abs=1e-6)


def test_looking_ahead_changes_what_a_scarce_day_comes_to_and_each_time_alike() -> None:
    one, again, blind = seen(4)[0], seen(4)[0], seen(4, foresight=False)[0]
    assert (one.car == again.car).all()
    assert (one.car != blind.car).any()
    assert ANTICIPATION > 0


def test_a_value_is_of_what_cars_went_on_to_earn() -> None:
    """Twice the fares are twice the cents, and as many seconds of earning."""
    (day,) = past()
    rich = Outcome(
        **{name: getattr(day, name) for name in Outcome.__slots__ if name not in {"fares", "income"}},
        fares=2 * day.fares,
        income=2 * day.income,
    )
    one, other = learn_value([day], PLANE), learn_value([rich], PLANE)
    assert other.cents == pytest.approx(2 * one.cents, rel=0.01)
    assert other.place_s(one.cells, 40_000.0) == pytest.approx(one.place_s(one.cells, 40_000.0), rel=0.01)
