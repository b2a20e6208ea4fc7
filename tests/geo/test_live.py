import math
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import geo.live
from geo.cells import cell_of, parent
from geo.live import GONE_AFTER, STALE_AFTER, VERDICTS, Fix, Fixes, FixRefusal, LiveIndex
from geo.points import LatLng, moved
from geo.units import Meters

NOW = 1_700_000_000.0
CASINO = LatLng(43.7392, 7.4278)
ANNA, BILAL, CHLOE = UUID(int=1), UUID(int=2), UUID(int=3)
EVERYWHERE = Meters(25_000_000)


def fix(p: LatLng = CASINO, at: float = NOW, **known: float) -> Fix:
    return Fix(p.lat, p.lon, at, **known)


@pytest.fixture
def index() -> LiveIndex:
    on_duty = LiveIndex()
    for provider in (ANNA, BILAL, CHLOE):
        on_duty.put_on_duty(provider, services_mask=0b01)
    return on_duty


def test_a_first_fix_is_taken_and_read_back(index):
    assert index.report(ANNA, fix(accuracy_m=8, heading_deg=90, speed_mps=5), NOW) is None
    here = index.newest(ANNA)
    assert here is not None
    assert (here.provider, here.place, here.at, here.cell) == (ANNA, CASINO, NOW, cell_of(CASINO))
    assert (here.accuracy_m, here.heading_deg, here.speed_mps) == (8, 90, 5)
    assert (here.services, here.available, here.away_m) == (1, True, None)


def test_what_a_phone_does_not_know_stays_unknown(index):
    index.report(ANNA, fix(heading_deg=-1, speed_mps=-1), NOW)
    here = index.newest(ANNA)
    assert here is not None
    assert (here.accuracy_m, here.heading_deg, here.speed_mps) == (None, None, None)


@pytest.mark.parametrize(
    ("late", "refusal"),
    [
        (fix(at=NOW + 5.1), FixRefusal.FUTURE),
        (fix(at=NOW - 120.1), FixRefusal.ANCIENT),
        (fix(accuracy_m=201), FixRefusal.INACCURATE),
        (fix(accuracy_m=-1), FixRefusal.INACCURATE),
        (fix(accuracy_m=math.nan), FixRefusal.INACCURATE),
        (fix(at=NOW - 11), FixRefusal.OLDER),
        (fix(at=NOW - 10), FixRefusal.DUPLICATE),
        (fix(moved(CASINO, 0, 701), at=NOW), FixRefusal.JUMP),
        (fix(moved(CASINO, 0, 301), at=NOW - 9.99), FixRefusal.JUMP),
    ],
)
def test_a_fix_that_cannot_be_believed_changes_nothing(index, late, refusal):
    index.report(ANNA, fix(at=NOW - 10), NOW - 10)
    before = index.newest(ANNA)
    assert index.report(ANNA, late, NOW) is refusal
    assert index.newest(ANNA) == before


@pytest.mark.parametrize(
    "later",
    [
        fix(at=NOW + 5),
        fix(accuracy_m=200),
        fix(moved(CASINO, 0, 699), at=NOW),
        fix(moved(CASINO, 0, 299), at=NOW - 9.99),
    ],
)
def test_a_fix_at_the_limit_is_believed(index, later):
    index.report(ANNA, fix(at=NOW - 10), NOW - 10)
    assert index.report(ANNA, later, NOW) is None


def test_an_old_fix_proves_nothing_impossible(index):
    index.report(ANNA, fix(at=NOW - 61), NOW - 61)
    assert index.report(ANNA, fix(moved(CASINO, 0, 50_000)), NOW) is None


def test_a_town_in_fast_motion_may_drive_faster():
    index = LiveIndex(fastest_mps=70 * 12)
    index.put_on_duty(ANNA, 1)
    index.report(ANNA, fix(at=NOW - 10), NOW)
    assert index.report(ANNA, fix(moved(CASINO, 0, 5_000)), NOW) is None


def test_a_clock_ahead_is_read_as_now_and_still_orders_its_own_fixes(index):
    assert index.report(ANNA, fix(at=NOW + 3), NOW) is None
    assert index.report(ANNA, fix(moved(CASINO, 0, 10), at=NOW + 4), NOW) is None
    here = index.newest(ANNA)
    assert here is not None
    assert here.at == NOW
    assert here.place == moved(CASINO, 0, 10)


def test_off_duty_is_forgotten_at_once_and_a_late_fix_does_not_come_back(index):
    index.report(ANNA, fix(), NOW)
    index.take_off_duty(ANNA)
    assert index.report(ANNA, fix(at=NOW + 1), NOW + 1) is FixRefusal.OFF_DUTY
    assert index.newest(ANNA) is None
    assert len(index) == 2
    assert index.nearest(CASINO, k=5, within_m=EVERYWHERE, now=NOW) == []
    assert len(index.snapshot(NOW)) == 0
    index.take_off_duty(ANNA)  # nothing left to forget
    index.set_available(ANNA, available=True)
    index.put_on_duty(ANNA, 1)
    assert index.newest(ANNA) is None, "a row used again must not show whose it was"


def test_a_repeated_duty_changes_the_services_only(index):
    index.report(ANNA, fix(), NOW)
    index.set_available(ANNA, available=False)
    index.put_on_duty(ANNA, 0b10)
    here = index.newest(ANNA)
    assert here is not None
    assert (here.services, here.available, here.place) == (0b10, False, CASINO)


def test_a_search_sees_who_is_free_fresh_and_offers_the_service(index):
    for provider, meters in ((ANNA, 100), (BILAL, 200), (CHLOE, 300)):
        index.report(provider, fix(moved(CASINO, 90, meters)), NOW)

    def found(**how):
        asked = {"k": 9, "within_m": Meters(1000), "now": NOW} | how
        return [point.provider for point in index.nearest(CASINO, **asked)]

    assert found() == [ANNA, BILAL, CHLOE]
    assert found(k=2) == [ANNA, BILAL]
    assert found(within_m=Meters(150)) == [ANNA]
    index.set_available(ANNA, available=False)
    assert found() == [BILAL, CHLOE]
    assert found(only_available=False) == [ANNA, BILAL, CHLOE]
    index.put_on_duty(BILAL, 0b10)
    assert found(services_mask=0b01) == [CHLOE]
    assert found(now=NOW + STALE_AFTER) == [BILAL, CHLOE]
    assert found(now=NOW + STALE_AFTER + 0.1) == []


def test_equal_distances_go_by_id(index):
    for provider in (CHLOE, BILAL, ANNA):
        index.report(provider, fix(), NOW)
    near = index.nearest(CASINO, k=2, within_m=Meters(1), now=NOW)
    assert [point.provider for point in near] == [ANNA, BILAL]
    assert near[0].away_m == 0


def test_a_snapshot_is_frozen_and_flags_the_stale(index):
    index.report(BILAL, fix(at=NOW - 40, heading_deg=180), NOW - 40)
    index.report(ANNA, fix(at=NOW + 2), NOW)
    index.report(CHLOE, fix(at=NOW - GONE_AFTER), NOW - GONE_AFTER)
    seen = index.snapshot(NOW + 1)
    assert seen.ids == (ANNA, BILAL)
    assert seen.age_s.tolist() == [1, 41]
    assert seen.stale.tolist() == [False, True]
    assert math.isnan(seen.heading[0])
    assert seen.heading[1] == 180
    assert seen.cell.tolist() == [cell_of(CASINO)] * 2
    with pytest.raises(ValueError, match="read-only"):
        seen.lat[0] = 0
    index.report(ANNA, fix(moved(CASINO, 0, 50), at=NOW + 3), NOW + 3)
    assert seen.lat[0] == CASINO.lat


def test_the_gone_are_swept_once_and_may_come_back(index):
    index.report(BILAL, fix(), NOW)
    index.report(ANNA, fix(), NOW)
    assert index.sweep(NOW + GONE_AFTER) == []
    later = NOW + GONE_AFTER + 1
    assert index.sweep(later) == [ANNA, BILAL]
    assert index.sweep(later) == []
    assert index.newest(ANNA) is None
    assert len(index) == 3
    assert index.report(ANNA, fix(at=later), later) is None


@pytest.mark.parametrize("res", [5, 8, 9, 11])
def test_counts_add_up_at_every_resolution(index, res):
    for provider, meters in ((ANNA, 0), (BILAL, 1), (CHLOE, 3_000)):
        index.report(provider, fix(moved(CASINO, 0, meters)), NOW)
    counts = index.counts_by_cell(res, NOW)
    assert sum(counts.values()) == 3
    assert list(counts) == sorted(counts)
    here = cell_of(CASINO, res) if res > 9 else parent(cell_of(CASINO, 9), res)
    assert counts[here] >= 2
    assert index.counts_by_cell(res, NOW + GONE_AFTER + 1) == {}


@pytest.mark.parametrize(("lat", "lon", "at"), [(91, 0, 0), (0, 181, 0), (math.nan, 0, 0), (0, 0, math.nan)])
def test_a_fix_of_nowhere_or_never_is_refused(lat, lon, at):
    with pytest.raises(ValueError, match=r"outside|no moment"):
        Fix(lat, lon, at)


def test_the_index_grows_with_its_fleet():
    index, fleet = LiveIndex(), [UUID(int=i) for i in range(1, 300)]
    for provider in fleet:
        index.put_on_duty(provider, 1)
        index.report(provider, fix(moved(CASINO, 45, provider.int)), NOW)
    assert len(index) == 299
    assert index.snapshot(NOW).ids == tuple(fleet)


def test_a_large_fleet_is_searched_past_its_busy_and_its_moved():
    index, fleet = LiveIndex(), [UUID(int=i) for i in range(1, 2_001)]
    for provider in fleet:
        index.put_on_duty(provider, 1)
        index.report(provider, fix(moved(CASINO, provider.int, provider.int)), NOW)
        index.set_available(provider, available=provider.int > 100)
    assert [p.provider.int for p in index.nearest(CASINO, k=2, within_m=EVERYWHERE, now=NOW)] == [101, 102]
    index.report(fleet[100], fix(moved(CASINO, 0, 2_500), at=NOW + 40), NOW + 40)
    index.report(fleet[-1], fix(moved(CASINO, 0, 50), at=NOW + 40), NOW + 40)
    found = index.nearest(CASINO, k=2, within_m=EVERYWHERE, now=NOW + 20)
    assert [p.provider.int for p in found] == [2_000, 102]
    assert index.nearest(CASINO, k=2, within_m=Meters(40), now=NOW + 20) == []
    far = index.nearest(CASINO, k=5_000, within_m=EVERYWHERE, now=NOW + 20)
    assert len(far) == 1_900


def test_a_fleet_that_is_gone_is_not_found():
    index = LiveIndex()
    for i in range(1_500):
        index.put_on_duty(UUID(int=i), 1)
        index.report(UUID(int=i), fix(), NOW)
    assert len(index.sweep(NOW + 200)) == 1_500
    assert index.nearest(CASINO, k=1, within_m=EVERYWHERE, now=NOW) == []


def test_fixes_in_a_burst_settle_before_anybody_asks(monkeypatch, index):
    monkeypatch.setattr(geo.live, "_SETTLE_AT", 2)
    index.report(ANNA, fix(), NOW)
    index.report(BILAL, fix(moved(CASINO, 0, 50)), NOW)
    index.report(CHLOE, fix(moved(CASINO, 0, 90)), NOW)
    index.take_off_duty(CHLOE)
    near = index.nearest(CASINO, k=3, within_m=EVERYWHERE, now=NOW)
    assert [point.provider for point in near] == [ANNA, BILAL]


def test_a_batch_refuses_what_one_by_one_refuses(index):
    fleet, places = (
        [ANNA, BILAL, BILAL, CHLOE, UUID(int=99)],
        [CASINO, CASINO, moved(CASINO, 0, 900), CASINO, CASINO],
    )
    sent = Fixes.of([p.lat for p in places], [p.lon for p in places], [NOW, NOW - 1, NOW, NOW - 121, NOW])
    told = [VERDICTS[answer] for answer in index.report_many(fleet, sent, NOW)]
    assert told == [None, None, FixRefusal.JUMP, FixRefusal.ANCIENT, FixRefusal.OFF_DUTY]
    again = index.report_rows(index.rows_of([ANNA]), Fixes.of([0], [0], [NOW - 1]), NOW)
    assert VERDICTS[again[0]] is FixRefusal.OLDER
    with pytest.raises(ValueError, match="1 fixes of 2 providers"):
        index.report_many([ANNA, BILAL], Fixes.of([0], [0], [NOW]), NOW)
    assert index.providers_of(index.rows_of([ANNA, UUID(int=99)])) == [ANNA, None]


walks = st.lists(
    st.tuples(st.integers(0, 100), st.floats(0, 360)), min_size=1, max_size=8, unique_by=lambda s: s[0]
)


@given(walks, st.randoms(use_true_random=False))
def test_the_newest_fix_wins_in_whatever_order_they_come(walk, order):
    sent = [fix(moved(CASINO, bearing, 5), at=NOW - seconds) for seconds, bearing in walk]
    order.shuffle(sent)
    index = LiveIndex()
    index.put_on_duty(ANNA, 1)
    for each in sent:
        index.report(ANNA, each, NOW)
    newest = max(sent, key=lambda each: each.at)
    here = index.newest(ANNA)
    assert here is not None
    assert (here.place, here.at) == (LatLng(newest.lat, newest.lon), newest.at)


def test_a_trail_leaves_its_last_fix_and_a_doubtful_one_is_taken_fix_by_fix(index):
    stranger = UUID(int=99)
    trails = [
        (ANNA, [fix(CASINO, NOW - 2), fix(moved(CASINO, 0, 20), NOW - 1)]),
        (
            BILAL,
            [
                fix(CASINO, NOW - 2),
                fix(CASINO, NOW - 2),
                fix(moved(CASINO, 0, 900), NOW - 1),
                fix(CASINO, NOW),
            ],
        ),
        (stranger, [fix(CASINO, NOW)]),
    ]
    sent = [one for _, trail in trails for one in trail]
    columns = Fixes.of([f.lat for f in sent], [f.lon for f in sent], [f.at for f in sent])
    told = index.report_trails([who for who, _ in trails], [len(trail) for _, trail in trails], columns, NOW)
    assert [VERDICTS[answer] for answer in told] == [
        None,
        None,
        None,
        FixRefusal.DUPLICATE,
        FixRefusal.JUMP,
        None,
        FixRefusal.OFF_DUTY,
    ]
    assert index.newest(ANNA).at == NOW - 1
    assert index.newest(BILAL).at == NOW
    assert ANNA in index
    assert stranger not in index


def test_trails_are_as_long_as_their_fixes(index):
    assert len(index.report_trails([], [], Fixes.of([], [], []), NOW)) == 0
    with pytest.raises(ValueError, match="1 fixes in trails of 2"):
        index.report_trails([ANNA], [2], Fixes.of([0], [0], [NOW]), NOW)


steps = st.tuples(
    st.integers(-3, 3),  # seconds to the fix before
    st.sampled_from([0, 10, 290, 310, 900]),  # meters to it
    st.sampled_from([None, 5.0, 500.0]),
)


@given(
    st.lists(
        st.lists(st.lists(steps, min_size=1, max_size=5), min_size=4, max_size=4), min_size=1, max_size=3
    )
)
def test_trails_are_taken_as_their_fixes_one_after_the_other(rounds):
    together, apart = LiveIndex(), LiveIndex()
    fleet, off_duty = [ANNA, BILAL, CHLOE, UUID(int=99)], UUID(int=99)
    for provider in fleet[:-1]:
        together.put_on_duty(provider, 1)
        apart.put_on_duty(provider, 1)
    at, place = NOW - 30, CASINO
    for trails in rounds:
        sent, told = [], []
        for provider, trail in zip(fleet, trails, strict=True):
            for seconds, meters, accuracy in trail:
                at, place = at + seconds, moved(place, 90, meters)
                sent.append(Fix(place.lat, place.lon, at, accuracy))
                refusal = apart.report(provider, sent[-1], NOW)
                told.append(refusal)
        columns = Fixes.of(
            [f.lat for f in sent],
            [f.lon for f in sent],
            [f.at for f in sent],
            accuracy_m=[np.nan if f.accuracy_m is None else f.accuracy_m for f in sent],
        )
        answers = together.report_trails(fleet, [len(trail) for trail in trails], columns, NOW)
        assert [VERDICTS[answer] for answer in answers] == told
        assert [together.newest(one) for one in fleet] == [apart.newest(one) for one in fleet]
    assert off_duty not in together


def test_a_clock_that_was_set_back_keeps_no_ghost(index):
    index.report(ANNA, fix(at=NOW), NOW)
    earlier = NOW - 3_600
    assert index.sweep(earlier) == []
    assert index.sweep(earlier + GONE_AFTER + 1) == [ANNA]
