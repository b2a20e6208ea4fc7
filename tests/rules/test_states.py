"""The tables of states: what they allow they lead to, what they do not is refused."""

import pytest

from domain.rules.errors import IllegalMove
from domain.rules.states import (
    ACTIVE_ENGAGEMENT,
    ENGAGEMENT_MOVES,
    EngagementState,
    Verb,
    move,
    sources,
)


def test_a_ride_goes_from_agreed_to_done() -> None:
    state = EngagementState.CONFIRMED
    for verb in (Verb.SET_OFF, Verb.ARRIVE, Verb.START, Verb.FINISH):
        assert state in sources(ENGAGEMENT_MOVES, verb)
        state = move(ENGAGEMENT_MOVES, state, verb)
    assert state is EngagementState.COMPLETED


@pytest.mark.parametrize("state", EngagementState)
@pytest.mark.parametrize("verb", Verb)
def test_a_verb_is_done_from_its_sources_and_refused_from_any_other_state(
    state: EngagementState, verb: Verb
) -> None:
    if state in sources(ENGAGEMENT_MOVES, verb):
        assert isinstance(move(ENGAGEMENT_MOVES, state, verb), EngagementState)
        return
    with pytest.raises(IllegalMove) as refused:
        move(ENGAGEMENT_MOVES, state, verb)
    assert refused.value.facts == {"state": str(state), "verb": str(verb)}


def test_what_is_over_is_never_taken_up_again() -> None:
    for state, moves in ENGAGEMENT_MOVES.items():
        if state not in ACTIVE_ENGAGEMENT:
            assert not ACTIVE_ENGAGEMENT & set(moves.values()), state
