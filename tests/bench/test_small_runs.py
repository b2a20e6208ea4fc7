"""Every benchmark in its smallest size: it measures, it checks, it leaves nothing behind."""

import os
import subprocess
import time

import pytest

from bench import accepts, corridor, crowd, index, offers, pooling, start, town
from bench import round as rounds
from bench.processes import Cost, children_of, cost_of, data
from matching.tours.effort import Effort


def silent(_: str) -> None:
    return None


async def test_accepts_are_raced_and_won_once_each():
    sizes = accepts.Sizes(blocks=1, requests=4, racers=3, workers=4)
    outcome = await accepts.measure(sizes, seed=3, say=silent)
    assert outcome.sound, outcome.notes
    told = outcome.as_json()
    assert told["figures"]["winner_ms"]["n"] == 4
    assert told["figures"]["loser_ms"]["n"] == 8
    assert told["ratios"]["winners_to_bare"] > 0


async def test_the_nearest_are_asked_of_every_index_and_ours_is_exact():
    sizes = index.Sizes(fleets=(5_000,), rounds=2, moved=500, asked=20, checked=20)
    outcome = await index.measure(sizes, seed=3, say=silent)
    assert outcome.sound, outcome.notes
    told = outcome.as_json()
    assert told["figures"]["batch_5k_ms"]["n"] == 2
    assert told["ratios"]["postgis_to_ours_updates_5k"] > 0


@pytest.mark.timeout(180)  # a machine that compiles the kernel for the first time
def test_a_round_is_as_good_as_its_peers_and_better_than_greedy():
    outcome = rounds.measure(rounds.Sizes(rounds=((40, 60),), repeats=2), seed=3, say=silent)
    assert outcome.sound, outcome.notes
    told = outcome.as_json()["figures"]
    assert told["40x60_ours_ms"]["n"] == told["40x60_scipy_dense_ms"]["n"] == 2
    assert told["40x60_greedy_gap_percent"] > 0
    assert told["40x60_repaired_gap_percent"] == pytest.approx(0, abs=0.01)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_every_start_is_measured_beside_the_bare_clusters():
    outcome = start.measure(start.Sizes(first=1, second=1, killed=0), silent)
    told = outcome.as_json()
    for name in ("first", "second"):
        assert told["figures"][f"engine_{name}_s"]["n"] == 1
    assert told["ratios"]["second"] > 1


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_offers_are_heard_and_their_rest_is_told_apart():
    outcome = await offers.measure(offers.Sizes(pairs=1, providers=2, warm_up=0), seed=3, say=silent)
    told = outcome.as_json()["figures"]
    assert told["raw_ms"]["n"] == 2
    assert told["quiet_ms"]["median"] < told["resting_ms"]["median"]
    assert told["resting_less_rest_ms"]["median"] < told["resting_ms"]["median"]


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_phones_are_held_report_and_ride_beside_a_bare_server():
    sizes = crowd.Sizes(
        sockets=20, drivers=10, bare_sockets=5, reporting=4, rounds=1, posts=1, idle_s=0.5, paces=((2, 1.0),),
    )  # fmt: skip
    outcome = await crowd.measure(sizes, seed=3, say=silent)
    assert outcome.sound, outcome.notes
    told = outcome.as_json()
    assert told["figures"]["offer_ms_at_1_a_s"]["n"] == 2
    assert told["figures"]["position_to_tracker_ms_at_1_a_s"]["n"] == 2
    assert told["figures"]["errors_at_1_a_s"] == 0
    assert "posted_fixes_to_bare" in told["ratios"]


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_the_town_is_watched_from_outside():
    sizes = town.Sizes(seconds=5, speed=20, drivers=4, jobbers=3, customers=6, idle_s=0.5)
    outcome = await town.measure(sizes, seed=3, say=silent)
    told = outcome.as_json()["figures"]
    for part in ("engine", "town", "postgres"):
        assert told[f"{part}_mb"]["median"] > 10
        assert told[f"{part}_cpu_s"] > 0


def test_a_data_directory_goes_with_its_use():
    with data() as directory:
        assert directory.is_dir()
        assert not (directory / "postgres" / "cluster").exists()
    assert not directory.exists()


def test_a_process_costs_and_one_that_has_gone_costs_nothing():
    child = subprocess.Popen(["sleep", "60"])
    try:
        while not (cost := cost_of(child.pid)).pss_mb:
            time.sleep(0.01)
        assert cost.pss_mb > 0
        assert child.pid in children_of(os.getpid())
    finally:
        child.kill()
        child.wait()
    assert cost_of(child.pid) == Cost()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_tours_are_planned_by_all_three_and_checked():
    sizes = pooling.Sizes(most=1, effort=Effort(shrink=20, improve=50), level=0)
    outcome = pooling.measure(sizes, seed=3, say=silent)
    assert outcome.sound
    told = outcome.as_json()["figures"]
    assert told["both_vehicles"] <= told["vroom_vehicles"]
    assert told["search_distance"] > 0


def test_the_index_of_corridors_and_the_scan_name_the_same_routes():
    outcome = corridor.measure(corridor.Sizes(routes=2_000, queries=40, scans=20, changes=5), 3, silent)
    assert outcome.sound
    told = outcome.as_json()["figures"]
    assert told["passing"]["max"] > 0
    assert told["within_detour"]["max"] <= told["passing"]["max"]
