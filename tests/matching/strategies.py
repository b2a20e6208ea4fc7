"""Small whole problems, with every kind of trouble in them."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from matching.policy import PRIORS
from matching.problem import Ask, Problem, Supply
from matching.reasons import BARRING
from tests.matching.factories import ask, problem, provider

SERVICES = ("ride-vtc", "parcel")
TAGS = ("van", "child-seat")
ZONES = ("station", "port")

seldom = st.integers(0, 15).map(lambda n: n == 11)  # not an end of the range, which is drawn more often
seconds = st.floats(0, 900, allow_nan=False).map(lambda s: round(s, 3))
policies = st.builds(
    lambda fairness_s, nobody_s, anticipation: replace(
        PRIORS, fairness_s=fairness_s, nobody_s=nobody_s, anticipation=anticipation
    ),
    st.sampled_from([0.0, 60.0]),
    st.sampled_from([0.0, 400.0, 1_500.0]),
    st.sampled_from([0.0, 0.0, 0.25]),
)


def tags(of: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(of))


@st.composite
def asks(draw: st.DrawFn, name: str, wanted: int) -> Ask:
    return ask(
        name,
        service="parcel" if draw(seldom) else "ride-vtc",
        age_s=draw(seconds),
        wave=draw(st.integers(0, 3)),
        max_approach_s=draw(st.sampled_from([300.0, 1_200.0, 1_200.0])),
        wanted=draw(st.integers(1, wanted)),
        needs=frozenset({"van"} if draw(seldom) else ()),
        starts_in_s=draw(st.sampled_from([-5.0, 0.0, 3_600.0])),
        customer=draw(st.sampled_from(["customer-1", "customer-2"])),
        already_asked=frozenset(name for name in ("p0", "p1") if draw(seldom)),
        zone=draw(st.sampled_from([None, *ZONES])),
        onward_s=tuple((name, draw(seconds)) for name in ("p0", "p1") if draw(seldom)),
        barred=tuple((name, reason) for name in ("p0", "p2") for reason in sorted(BARRING) if draw(seldom)),
        brings_s=draw(st.sampled_from([None, 0.0, 700.0, -900.0])),
        after_s=draw(st.sampled_from([5_000.0, 4_000.0])),
        spared=draw(st.booleans()),
    )


@st.composite
def providers(draw: st.DrawFn, name: str) -> Supply:
    zone = draw(st.sampled_from([None, *ZONES]))
    return provider(
        name,
        services=draw(tags(SERVICES)) | {"ride-vtc"},
        tags=draw(tags(TAGS)),
        stale=draw(seldom),
        on_duty=not draw(seldom),
        busy=draw(seldom),
        pending_offer=draw(seldom),
        suspended=draw(seldom),
        max_travel_s=draw(st.sampled_from([None, 600.0])),
        free_until_s=draw(st.sampled_from([None, 2_400.0])),
        next_start_s=draw(st.sampled_from([None, 2_700.0])),
        income_per_hour=draw(st.sampled_from([None, 0.0, 1_500.0, 4_000.0])),
        blocked_customers=frozenset({"customer-2"} if draw(seldom) else ()),
        queue_zone=zone,
        free_in_s=draw(st.sampled_from([0.0, 0.0, 45.0, 200.0])),
        capacity=draw(st.sampled_from([1, 1, 1, 2])),
        place_s=draw(st.sampled_from([None, 4_000.0, 5_500.0])),
        queue_rank=None if zone is None else draw(st.integers(0, 9)),
    )


@st.composite
def problems(draw: st.DrawFn, *, most_asks: int = 4, most_supply: int = 5, wanted: int = 3) -> Problem:
    field = [draw(asks(f"a{i}", wanted)) for i in range(draw(st.integers(0, most_asks)))]
    supply = [draw(providers(f"p{j}")) for j in range(draw(st.integers(0, most_supply)))]
    etas: dict[tuple[str, str], float] = {}
    for one in field:
        for other in supply:
            eta = draw(st.one_of(seconds, st.sampled_from([None, 60.0, 120.0, 180.0, float("inf")])))
            # a few round times, for ties
            if eta is not None:
                etas[one.id, other.id] = eta
    return problem(field, supply, etas, policy=draw(policies), seed=draw(st.integers(0, 3)))


def without_queues(of: Problem) -> Problem:
    changes: dict[str, Any] = {"queue_rank": None, "queue_zone": None}
    return replace(of, supply=tuple(replace(one, **changes) for one in of.supply))
