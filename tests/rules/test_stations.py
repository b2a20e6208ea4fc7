"""The queue of a station: places are kept through wobbles, and lost by leaving, working or going home."""

from collections.abc import Mapping
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.rules.stations import AWAY_M, AWAY_S, Look, Seen, Turn, look

ANN, BOB, CHARLY = (UUID(int=n) for n in (1, 2, 3))
NOBODY: Mapping[UUID, float] = {}


def seen(who: UUID, away_m: float = 0.0, *, fix_at: float = 100.0, free: bool = True) -> Seen:
    return Seen(who, fix_at, {"station": away_m}, free)


def turn(who: UUID, joined_at: float = 50.0, *, zone: str = "station", entitled: bool = True) -> Turn:
    return Turn(who, zone, joined_at, entitled)


def looked(
    turns: list[Turn],
    people: list[Seen],
    *,
    absent: Mapping[UUID, float] = NOBODY,
    before: float = 90.0,
    now: float = 100.0,
) -> Look:
    return look(turns, people, zones=["station"], absent=absent, before=before, now=now)


def test_whoever_is_in_the_zone_and_free_joins_the_tail() -> None:
    changes = looked([turn(ANN)], [seen(ANN), seen(BOB), seen(CHARLY, free=False)])
    assert [one.provider for one in changes.joined] == [BOB]
    assert changes.joined[0].joined_at > 50.0
    assert changes.lost == ()


def test_near_the_zone_is_not_in_it() -> None:
    assert looked([], [seen(ANN, 1.0)]).joined == ()


def test_two_who_come_between_two_looks_stand_in_the_order_of_their_fixes() -> None:
    changes = looked([], [seen(ANN, fix_at=97.0), seen(BOB, fix_at=92.0)])
    assert [one.provider for one in changes.joined] == [BOB, ANN]


def test_a_fix_from_before_the_last_look_gains_nothing() -> None:
    """Both came between the looks; the one whose phone claims an hour ago stands by lot, not by the claim."""
    (first, second) = looked([], [seen(ANN, fix_at=-3_500.0), seen(BOB, fix_at=90.0)]).joined
    assert (first.provider, second.provider) == (ANN, BOB)  # by the lot of their ids
    (first, second) = looked([], [seen(CHARLY, fix_at=-3_500.0), seen(BOB, fix_at=90.0)]).joined
    assert (first.provider, second.provider) == (BOB, CHARLY)


def test_a_wobble_costs_no_place_and_starts_no_clock() -> None:
    changes = looked([turn(ANN)], [seen(ANN, AWAY_M)], now=10_000.0)
    assert changes == Look((), (), {})


def test_away_for_less_than_the_time_keeps_the_place_and_coming_back_stops_the_clock() -> None:
    away = looked([turn(ANN)], [seen(ANN, AWAY_M + 1)], now=100.0)
    assert (away.lost, away.absent) == ((), {ANN: 100.0})
    still = looked([turn(ANN)], [seen(ANN, AWAY_M + 1)], absent=away.absent, now=100.0 + AWAY_S - 1)
    assert (still.lost, still.absent) == ((), {ANN: 100.0})
    back = looked([turn(ANN)], [seen(ANN, 0.0)], absent=still.absent, now=100.0 + AWAY_S + 1)
    assert (back.lost, back.absent) == ((), {})


def test_away_for_the_whole_time_loses_the_place() -> None:
    gone = looked([turn(ANN)], [seen(ANN, 500.0)], absent={ANN: 100.0}, now=100.0 + AWAY_S)
    assert gone.lost == (turn(ANN),)
    assert gone.absent == {}


def test_silence_is_absence() -> None:
    quiet = looked([turn(ANN)], [], now=100.0)
    assert (quiet.lost, quiet.absent) == ((), {ANN: 100.0})
    assert looked([turn(ANN)], [], absent=quiet.absent, now=100.0 + AWAY_S).lost == (turn(ANN),)


def test_a_place_ends_with_work_or_duty_and_with_the_station() -> None:
    assert looked([turn(ANN, entitled=False)], [seen(ANN)]).lost == (turn(ANN, entitled=False),)
    assert looked([turn(ANN, zone="old-port")], [seen(ANN)]).lost == (turn(ANN, zone="old-port"),)


people = st.integers(1, 6).map(lambda n: UUID(int=n))


@given(st.lists(st.dictionaries(people, st.sampled_from([0.0, 40.0, 900.0, None]), max_size=6), max_size=25))
def test_nobody_who_comes_is_ever_put_before_somebody_who_was_there(
    looks: list[dict[UUID, float | None]],
) -> None:
    turns: list[Turn] = []
    absent: Mapping[UUID, float] = {}
    now = 1_000.0
    for where in looks:
        before, now = now, now + 20.0
        there = [seen(who, away, fix_at=now - who.int * 9) for who, away in where.items() if away is not None]
        changes = look(turns, there, zones=["station"], absent=absent, before=before, now=now)
        lost = {one.provider for one in changes.lost}
        line = [one for one in turns if one.provider not in lost]
        moments = [one.joined_at for one in (*line, *changes.joined)]
        assert moments == sorted(set(moments))
        assert all(one.provider not in {kept.provider for kept in turns} for one in changes.joined)
        near = {one.provider for one in there if one.away_m["station"] <= AWAY_M}
        assert not lost & near
        assert set(changes.absent) == {one.provider for one in line} - near
        turns, absent = [*line, *changes.joined], changes.absent
