"""Declining costs nothing. There is nowhere to put how a person answered, and nothing that would read it."""

import re
from dataclasses import fields, replace
from typing import Any, cast

from hypothesis import assume, given
from hypothesis import strategies as st

from matching.cost import IncomeLevel, terms
from matching.policy import ALLOWED_FEATURES, COST_TERMS, PRIORS, CallWeights, Policy
from matching.problem import Ask, Problem, Supply
from matching.rank import CALL_TERMS, Proposal
from matching.reasons import Reason
from matching.result import Result
from matching.solve import solve
from tests.matching.factories import ask, provider
from tests.matching.strategies import problems

ABOUT_ANSWERS = re.compile(
    r"accept|declin|refus|reject|ignor|expir|withdr|cancel|answer|respon|offer|asked|rate$|(^|_)ratio|score"
)

KNOWN_AND_HARMLESS = {
    "pending_offer",  # an offer that is waiting now, of which nothing remains
    "already_asked",  # of one request alone, so that nobody is asked twice; a constraint, never a cost
}

OF_THE_CUSTOMER_S_LIST = {"asked", "answered", "responsiveness"}
"""Of `call` alone: whether a customer's counter-offer was answered at all. A yes and a no are one number."""

OF_A_PROPOSAL = {
    "id", "travel_s", "skill", "ratings", "rating_total", "past_jobs", "shown", "price", "asked", "answered",
    "reply_s", "detour_s",
}  # fmt: skip

OF_A_PROVIDER = {
    "id", "services", "tags", "fix_age_s", "stale", "on_duty", "busy", "pending_offer", "max_travel_s",
    "free_until_s", "income_per_hour", "queue_rank", "queue_zone", "blocked_customers", "suspended",
    "next_start_s", "capacity", "free_in_s", "place_s",
}  # fmt: skip


def names(*kinds: type) -> set[str]:
    return {field.name for kind in kinds for field in fields(cast(Any, kind))}


class Watched:
    """A provider that remembers what was read of it."""

    def __init__(self, watched: Supply) -> None:
        self.watched, self.read = watched, set[str]()

    def __getattr__(self, name: str) -> object:
        self.read.add(name)
        return getattr(self.watched, name)


def test_a_new_field_of_a_provider_is_looked_at_before_it_comes_in() -> None:
    assert names(Supply) == OF_A_PROVIDER
    assert names(Proposal) == OF_A_PROPOSAL


def test_no_field_anywhere_tells_how_a_person_answered() -> None:
    told = {name for name in names(Supply, Ask, Policy, Proposal, CallWeights) if ABOUT_ANSWERS.search(name)}
    assert told == KNOWN_AND_HARMLESS | OF_THE_CUSTOMER_S_LIST
    assert {name for name in (*COST_TERMS, *CALL_TERMS) if ABOUT_ANSWERS.search(name)} == {"responsiveness"}
    assert not names(Supply, Ask, Policy) & OF_THE_CUSTOMER_S_LIST


def test_a_cost_reads_only_the_features_it_may() -> None:
    watched = Watched(provider(income_per_hour=2_000.0, queue_rank=1, queue_zone="station"))
    fair = replace(PRIORS, fairness_s=60.0, anticipation=0.25)
    parts = terms(ask(zone="station"), cast(Supply, watched), 90.0, fair, level=IncomeLevel(1_000.0, 500.0))
    assert watched.read == ALLOWED_FEATURES
    assert tuple(parts) == COST_TERMS


def declined(of: Problem, ask_index: int, provider_index: int) -> Problem:
    """The same problem after this provider declined this ask, let it expire, or withdrew from it."""
    asks = list(of.asks)
    one = asks[ask_index]
    asks[ask_index] = replace(one, already_asked=one.already_asked | {of.supply[provider_index].id})
    return replace(of, asks=tuple(asks))


def standing(result: Result, but: str) -> list[object]:
    return [
        (verdict.ask_id, verdict.provider_id, verdict.rank, verdict.terms)
        for verdict in result.verdicts
        if verdict.ask_id != but
    ]


@given(problems(), st.data())
def test_declining_one_request_changes_no_rank_and_no_cost_for_any_other(
    of: Problem, data: st.DataObject
) -> None:
    assume(of.asks and of.supply)
    i = data.draw(st.integers(0, len(of.asks) - 1))
    j = data.draw(st.integers(0, len(of.supply) - 1))
    after = solve(declined(of, i, j))
    assert standing(after, of.asks[i].id) == standing(solve(of), of.asks[i].id)


@given(problems(), st.data())
def test_having_declined_a_request_one_would_not_get_changes_no_offer(
    of: Problem, data: st.DataObject
) -> None:
    before = solve(of)
    without = [verdict for verdict in before.verdicts if verdict.reason is not Reason.OFFERED]
    assume(without)
    verdict = data.draw(st.sampled_from(without))
    i = [one.id for one in of.asks].index(verdict.ask_id)
    j = [one.id for one in of.supply].index(verdict.provider_id)

    def offered(result: Result) -> list[tuple[str, str, float]]:
        return [(offer.ask_id, offer.provider_id, offer.cost) for offer in result.offers]

    assert offered(solve(declined(of, i, j))) == offered(before)
