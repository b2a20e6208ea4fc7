"""Station queues: first come, first served."""

from hypothesis import given

from matching.problem import Problem, Supply
from matching.reasons import Reason
from matching.solve import solve
from tests.matching.factories import ask, problem, provider
from tests.matching.strategies import problems
from tests.matching.test_solve import full, offered, reason


def queued(name: str, rank: int, zone: str = "station", **said: object) -> Supply:
    return provider(name, queue_rank=rank, queue_zone=zone, **said)


def test_the_first_in_the_queue_is_served_however_near_the_others_are() -> None:
    supply = [queued("first", 3), queued("second", 8), provider("passing")]
    etas = {("ask-1", "first"): 300.0, ("ask-1", "second"): 30.0, ("ask-1", "passing"): 5.0}
    result = solve(problem([ask(zone="station")], supply, etas))
    assert offered(result) == {("ask-1", "first")}
    assert reason(result, "ask-1", "second") is Reason.QUEUE_TURN
    assert reason(result, "ask-1", "passing") is Reason.QUEUE_TURN
    assert [(v.provider_id, v.rank) for v in result.verdicts] == [("first", 1), ("second", 2), ("passing", 3)]


def test_a_queue_counts_only_at_its_own_station() -> None:
    supply = [queued("first", 1, zone="port"), provider("passing")]
    etas = {("ask-1", "first"): 300.0, ("ask-1", "passing"): 5.0}
    for zone in ("station", None):
        result = solve(problem([ask(zone=zone)], supply, etas))
        assert offered(result) == {("ask-1", "passing")}
        assert reason(result, "ask-1", "first") is Reason.FARTHER


def test_when_the_queue_is_empty_others_are_asked() -> None:
    asks = [ask("a", zone="station"), ask("b", zone="station")]
    supply = [queued("first", 1), provider("passing")]
    etas = {(a, p): eta for a in ("a", "b") for p, eta in (("first", 60.0), ("passing", 90.0))}
    assert {who for _, who in offered(solve(problem(asks, supply, etas)))} == {"first", "passing"}


def test_the_first_yields_to_the_second_only_where_he_may_not_go_himself() -> None:
    supply = [queued("first", 1), queued("van", 2, tags=frozenset({"van"}))]
    etas = {("ask-1", "first"): 10.0, ("ask-1", "van"): 20.0}
    result = solve(problem([ask(zone="station", needs=frozenset({"van"}))], supply, etas))
    assert offered(result) == {("ask-1", "van")}
    assert reason(result, "ask-1", "first") is Reason.MISSING_TAG


def test_as_many_turns_are_given_as_can_be() -> None:
    asks = [ask("any", zone="station", age_s=60.0), ask("van", zone="station", needs=frozenset({"van"}))]
    supply = [queued("first", 1, tags=frozenset({"van"})), queued("second", 2)]
    etas = {("any", "first"): 5.0, ("any", "second"): 50.0, ("van", "first"): 50.0}
    assert offered(solve(problem(asks, supply, etas))) == {("any", "second"), ("van", "first")}


def test_the_older_request_goes_first_at_a_station() -> None:
    asks = [ask("new", zone="station"), ask("old", zone="station", age_s=30.0)]
    result = solve(problem(asks, [queued("first", 1)], {("new", "first"): 20.0, ("old", "first"): 20.0}))
    assert offered(result) == {("old", "first")}
    assert reason(result, "new", "first") is Reason.OFFERED_ANOTHER


@given(problems())
def test_nobody_in_a_queue_is_passed_over_for_a_later_place(of: Problem) -> None:
    result = solve(of)
    asks, supply = {one.id: one for one in of.asks}, {one.id: one for one in of.supply}
    busy_now = full(of, result)

    def place(ask_id: str, provider_id: str) -> tuple[bool, int, str]:
        one = supply[provider_id]
        in_queue = one.queue_zone is not None and one.queue_zone == asks[ask_id].zone
        return (not in_queue, one.queue_rank or 0 if in_queue else 0, provider_id if in_queue else "")

    for verdict in result.verdicts:
        mine = place(verdict.ask_id, verdict.provider_id)
        if verdict.rank is None or verdict.provider_id in busy_now or mine[0]:
            continue
        if verdict.reason is Reason.OFFERED:
            continue
        later = [
            o for o in result.offers if o.ask_id == verdict.ask_id and place(o.ask_id, o.provider_id) > mine
        ]
        assert not later
        assert verdict.reason is Reason.QUEUE_TURN
