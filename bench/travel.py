"""`travel`: the street graph's times beside OSRM's on the demo city, and what a question costs either."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import cities
from app.mapimport import read_streets
from app.osrm import OsrmTravelTimes
from bench import osrm
from bench.figures import Outcome, Spread
from bench.processes import cost_of
from geo.points import LatLng
from geo.streetarrays import StreetArrays
from geo.streets import StreetGraph
from geo.travel import Profile

Say = Callable[[str], None]
Table = NDArray[np.float64]

SHORTEST_S = 30.0  # a drive of seconds is all snapping: its error in percent says nothing
BRIDGES = 40  # roads from each copy of the city to the next


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is compared and timed."""

    fitted: int = 80  # places whose pairs fit the one factor; others are compared
    compared: int = 200
    drivers: int = 200
    pickups: int = 100
    asked: int = 500  # origins of one question
    questions: int = 30
    copies: int = 17  # of the city, side by side: 42,000 junctions


def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """Start OSRM on the demo city's extract and ask both."""
    if reason := osrm.why_not():
        raise RuntimeError(f"no OSRM to compare with: {reason}")
    extract = cities.fetch("monaco")
    streets = read_streets(extract)
    graph = StreetGraph(streets)
    with tempfile.TemporaryDirectory() as scratch:
        base = osrm.build(extract, Path(scratch))
        with osrm.serving(base) as server:
            say("OSRM runs")
            return asyncio.run(_compare(sizes, seed, say, (streets, graph), server))


async def _compare(
    sizes: Sizes, seed: int, say: Say, city: tuple[StreetArrays, StreetGraph], server: osrm.Server
) -> Outcome:
    streets, graph = city
    rng = np.random.default_rng(seed)
    peer = OsrmTravelTimes(server.url)
    fitted, compared, drivers, pickups, asked = (
        [graph.random_point(rng) for _ in range(n)]
        for n in (sizes.fitted, sizes.compared, sizes.drivers, sizes.pickups, sizes.asked)
    )
    factor = float(np.median(_ratio(await _peer_table(peer, fitted, fitted), _table(graph, fitted, fitted))))
    theirs, ours = await _peer_table(peer, compared, compared), _table(graph, compared, compared) * factor
    told = np.isfinite(theirs) & np.isfinite(ours) & (theirs >= SHORTEST_S)
    error = np.abs(ours[told] / theirs[told] - 1)
    say(f"error against OSRM: median {np.median(error):.2%}, p90 {np.quantile(error, 0.9):.2%}")
    chosen = _table(graph, drivers, pickups).argmin(axis=0)
    truth = await _peer_table(peer, drivers, pickups)
    extra = truth[chosen, np.arange(len(pickups))] - truth.min(axis=0)
    figures: dict[str, Spread | float] = {
        "factor_on_other_pairs": factor,
        "error_median_percent": float(np.median(error) * 100),
        "error_p90_percent": float(np.quantile(error, 0.9) * 100),
        "unreachable_differs_percent": float((np.isfinite(theirs) != np.isfinite(ours)).mean() * 100),
        "wrong_driver_percent": float((extra > 0).mean() * 100),
        "wrong_driver_costs_mean_s": float(extra.mean()),
    }
    figures |= await _timed(sizes, graph, peer, server, asked)
    large = StreetGraph(side_by_side(streets, sizes.copies, rng))
    junctions, edges = large.size(Profile.DRIVE)
    there = [large.random_point(rng) for _ in range(sizes.asked)]
    figures |= {
        "large_1_to_all_cpu_ms": _cpu_ms(lambda k: large.from_one(there[k], there[k:]), sizes.questions),
        f"large_{sizes.asked}_to_1_cpu_ms": _cpu_ms(lambda k: large.to_one(there, there[k]), sizes.questions),
        "large_1_to_all_search_alone_cpu_ms": _search_alone(large, there, sizes.questions),
    }
    await peer.close()
    ours_ms, theirs_ms = (
        figures[f"streets_{sizes.asked}_to_1_cpu_ms"],
        figures[f"osrm_{sizes.asked}_to_1_wall_ms"],
    )
    assert isinstance(ours_ms, Spread)
    assert isinstance(theirs_ms, Spread)
    return Outcome(
        name="travel",
        measures="drives by the street graph and by OSRM on the demo city, and what asking costs",
        peer="osrm-routed 26.10.0 (MLD, its car profile) over HTTP, out of its published wheel, on the same extract",
        sizes={field.name: getattr(sizes, field.name) for field in fields(sizes)}
        | {"large_junctions": junctions, "large_edges": edges},
        figures=figures,
        ratios={f"osrm_wall_to_streets_cpu_{sizes.asked}_to_1": theirs_ms.median / ours_ms.median},
        notes=(
            f"one factor for the whole city, fitted on {sizes.fitted} other places",
            f"the large graph is {sizes.copies} copies of the demo city, joined by {BRIDGES} made-up roads each",
            "OSRM's own model is the reference, not observed traffic",
            "osrm CPU is the server's; the client's JSON comes on top",
        ),
    )


async def _timed(
    sizes: Sizes, graph: StreetGraph, peer: OsrmTravelTimes, server: osrm.Server, asked: Sequence[LatLng]
) -> dict[str, Spread | float]:
    hundred = asked[:100]
    wall, before = [], cost_of(server.pid).cpu_s
    for k in range(sizes.questions):
        began = time.perf_counter()
        await peer.to_one(asked, asked[k], Profile.DRIVE)
        wall.append((time.perf_counter() - began) * 1e3)
    spent = (cost_of(server.pid).cpu_s - before) * 1e3 / sizes.questions
    began, before = time.perf_counter(), cost_of(server.pid).cpu_s
    await _peer_table(peer, hundred, hundred)
    return {
        f"streets_{len(asked)}_to_1_cpu_ms": _cpu_ms(
            lambda k: graph.to_one(asked, asked[k]), sizes.questions
        ),
        f"streets_1_to_{len(asked)}_cpu_ms": _cpu_ms(
            lambda k: graph.from_one(asked[k], asked), sizes.questions
        ),
        "streets_20_to_1_cpu_ms": _cpu_ms(lambda k: graph.to_one(asked[:20], asked[k]), sizes.questions),
        "streets_route_cpu_ms": _cpu_ms(lambda k: graph.route(asked[k], asked[-k - 1]), sizes.questions),
        "streets_100_by_100_cpu_ms": _cpu_ms(lambda _: _table(graph, hundred, hundred), 3),
        f"osrm_{len(asked)}_to_1_wall_ms": Spread.of(wall),
        f"osrm_{len(asked)}_to_1_server_cpu_ms": spent,
        "osrm_100_by_100_as_100_tables_wall_ms": (time.perf_counter() - began) * 1e3,
        "osrm_100_by_100_as_100_tables_server_cpu_ms": (cost_of(server.pid).cpu_s - before) * 1e3,
    }


def side_by_side(streets: StreetArrays, copies: int, rng: np.random.Generator) -> StreetArrays:
    """Copies of a city in a row, each joined to the next by two-way roads a car drives at 50 km/h."""
    nodes, edges, inner = len(streets.node_lat), len(streets.edge_m), len(streets.geom_lat)
    width = float(np.ptp(streets.node_lon)) * 1.1
    step = np.arange(copies)

    def again(column: NDArray[Any], shift: float = 0) -> NDArray[Any]:
        return (np.tile(column, copies) + np.repeat(step * shift, len(column))).astype(column.dtype)

    driven = np.unique(streets.edge_from[np.isfinite(streets.edge_s_drive)])
    ends = rng.choice(driven, BRIDGES)
    left = np.concatenate([ends + i * nodes for i in range(copies - 1)])
    right = left + nodes
    first = edges * copies
    bridges = 2 * len(left)
    meters = np.full(bridges, 1_000.0, np.float32)
    seconds = np.full(bridges, 72.0, np.float32)
    twins = again(streets.edge_twin, edges)
    twins[np.tile(streets.edge_twin, copies) < 0] = -1
    numbers = np.arange(first, first + bridges)
    end = np.full(bridges, inner * copies)
    lat, lon = again(streets.node_lat), again(streets.node_lon, width)
    return replace(
        streets,
        node_lat=lat,
        node_lon=lon,
        edge_from=np.concatenate((again(streets.edge_from, nodes), left, right)).astype(np.int32),
        edge_to=np.concatenate((again(streets.edge_to, nodes), right, left)).astype(np.int32),
        edge_twin=np.concatenate((twins, np.roll(numbers, len(left)))).astype(np.int32),
        edge_m=np.concatenate((again(streets.edge_m), meters)),
        edge_s_drive=np.concatenate((again(streets.edge_s_drive), seconds)),
        edge_s_walk=np.concatenate((again(streets.edge_s_walk), seconds * 10)),
        edge_s_cycle=np.concatenate((again(streets.edge_s_cycle), seconds * 3)),
        edge_name=np.concatenate((again(streets.edge_name), np.zeros(bridges))).astype(np.int32),
        edge_geom_start=np.concatenate(
            (again(streets.edge_geom_start[:-1], inner), [inner * copies], end)
        ).astype(np.int32),
        geom_lat=again(streets.geom_lat),
        geom_lon=again(streets.geom_lon, width),
        ban_start=np.concatenate(
            (again(streets.ban_start[:-1], len(streets.ban_edge)), [len(streets.ban_edge) * copies])
        ).astype(np.int32),
        ban_edge=again(streets.ban_edge, edges),
    )


def _search_alone(graph: StreetGraph, places: Sequence[LatLng], questions: int) -> Spread:
    """The search over the whole graph without finding the places' streets."""
    return _cpu_ms(lambda k: graph.to_one([], places[k]), questions)


def _table(graph: StreetGraph, origins: Sequence[LatLng], destinations: Sequence[LatLng]) -> Table:
    columns = [graph.to_one(origins, destination).seconds for destination in destinations]
    return np.column_stack(columns).astype(np.float64)


async def _peer_table(
    peer: OsrmTravelTimes, origins: Sequence[LatLng], destinations: Sequence[LatLng]
) -> Table:
    columns = [(await peer.to_one(origins, one, Profile.DRIVE)).seconds for one in destinations]
    return np.column_stack(columns).astype(np.float64)


def _ratio(theirs: Table, ours: Table) -> Table:
    told = np.isfinite(theirs) & np.isfinite(ours) & (theirs >= SHORTEST_S) & (ours > 0)
    return theirs[told] / ours[told]


def _cpu_ms(ask: Callable[[int], object], times: int) -> Spread:
    ask(0)
    samples = []
    for k in range(times):
        began = time.process_time()
        ask(k)
        samples.append((time.process_time() - began) * 1e3)
    return Spread.of(samples)
