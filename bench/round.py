"""`round`: one round of the matcher on a synthetic city, beside the solvers anyone would pick instead, on the same
edges in the same run. CPU time of this process: the machine may be busy."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import numpy as np

from bench.figures import Outcome, Spread
from bench.solvers import SOLVERS, Edges, greedy
from matching import compiled
from matching.answer import Answer
from matching.assign import assign
from matching.candidates import Town, candidates, how_many, match, nearest
from matching.field import AskColumns, Field, Floats, PairSet, PairValues, Rows, SupplyColumns
from matching.policy import Policy
from matching.problem import Pairs
from matching.reasons import BARRING

SIDE_M: Final = 24_000.0
HOT_SPOTS: Final = 40
SPREAD_M: Final = 600.0  # one standard deviation around a hot spot
UNIFORM: Final = 0.4  # of the people are anywhere
DETOUR: Final = 1.3
SPEED_MPS: Final = 6.0
POLICY: Final = Policy(version="bench-round", nobody_s=1_800.0, wave_reach_s=())
SAME_S: Final = 0.002  # s a row; peers count in whole milliseconds, ours adds lots below one
FULL_UP_TO: Final = 1_300_000  # pairs; above, the optimum over all pairs is not computed

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Asks by providers, and how often each is measured."""

    rounds: tuple[tuple[int, int], ...] = (
        (200, 1_000), (1_000, 1_200), (1_000, 5_000), (5_000, 5_000), (10_000, 50_000),
    )  # fmt: skip
    repeats: int = 5


def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """Every size: whole rounds, the assignment alone beside its peers, and what looking at the nearest loses."""
    figures: dict[str, Spread | float] = {}
    ratios: dict[str, float] = {}
    notes = [
        "end_to_end_ms: candidates, ways, checks, costs, lots, assignment, ranks, reasons, repairs; columns in and out",
        "the others: the assignment alone on the first pass's edges, model building included",
    ]
    sound = True
    _warm(seed)
    for asks, supply in sizes.rounds:
        name = f"{asks}x{supply}"
        town = city(asks, supply, seed)
        spent, (_, answered) = _timed(partial(match, town, POLICY, seed), sizes.repeats)
        figures[f"{name}_end_to_end_ms"] = Spread.of(spent)
        i, j = candidates(town)
        edges = _edges(town, i, j)
        best, own = _peers(edges, name, sizes.repeats, figures)
        sound &= _agree(best | own, asks, name, notes)
        exact = {who: figure for who, (figure, _) in best.items()}
        mine = own["ours"][0]
        if exact:
            quickest = min(exact, key=lambda who: exact[who])
            ratios[f"{name}_ours_to_{quickest}"] = mine / exact[quickest]
        figures[f"{name}_greedy_gap_percent"] = _percent(edges.objective(greedy(edges)), own["ours"][1])
        whole = _whole_optimum(town)
        if whole is not None:
            figures[f"{name}_nearest_{how_many(asks, supply)}_gap_percent"] = _percent(own["ours"][1], whole)
            figures[f"{name}_repaired_gap_percent"] = _percent(answered.objective, whole)
            sound &= answered.objective > whole - asks * SAME_S
        figures[f"{name}_repaired_to_first_percent"] = _percent(answered.objective, own["ours"][1])
        say(f"{name}: end to end {statistics.median(spent):.1f} ms, assignment {mine:.2f} ms")
    return Outcome(
        name="round",
        measures="ms of CPU for one round of a synthetic city; objectives in seconds, gaps in percent",
        peer=f"on the same edges: {', '.join(SOLVERS)}, greedy",
        sizes={"seed": seed, "repeats": sizes.repeats},
        figures=figures,
        ratios=ratios,
        notes=notes,
        sound=sound,
    )


def city(asks: int, supply: int, seed: int) -> Town:
    """Asks and providers around hot spots that weigh differently for either, and some anywhere."""
    chance = np.random.default_rng(seed)
    spots = chance.uniform(0, SIDE_M, (HOT_SPOTS, 2))
    asks_at, supply_at = (_people(count, spots, chance) for count in (asks, supply))

    def ways(i: Rows, j: Rows) -> tuple[Floats, Floats]:
        meters = np.hypot(*(asks_at[i] - supply_at[j]).T) * DETOUR
        return meters / SPEED_MPS, meters

    return Town(
        asks=_asks(asks),
        supply=_supply(supply),
        asks_at=asks_at,
        supply_at=supply_at,
        ways=ways,
        source="crow",
    )


def _people(count: int, spots: Floats, chance: np.random.Generator) -> Floats:
    weights = chance.dirichlet(np.full(len(spots), 2.0))
    near = spots[chance.choice(len(spots), count, p=weights)] + chance.normal(0, SPREAD_M, (count, 2))
    anywhere = chance.uniform(0, SIDE_M, (count, 2))
    places: Floats = np.where((chance.random(count) < UNIFORM)[:, np.newaxis], anywhere, near).clip(0, SIDE_M)
    return places


def _asks(count: int) -> AskColumns:
    return AskColumns(
        ids=[f"ask-{i:06d}" for i in range(count)],
        service=np.ones((count, 1), dtype=np.uint64),
        needs=np.zeros((count, 0), dtype=np.uint64),
        age_s=np.zeros(count),
        wave=np.zeros(count, dtype=np.int64),
        max_approach_s=np.full(count, 1_800.0),
        wanted=np.ones(count, dtype=np.int64),
        duration_s=np.full(count, 900.0),
        starts_in_s=np.zeros(count),
        customer=np.arange(count),
        zone=np.full(count, -1),
        already_asked=PairSet.of([], 1),
        onward_s=PairValues.of_rows([], 1),
        barred={reason: PairSet.of([], 1) for reason in BARRING},
        brings_s=np.full(count, math.nan),
        after_s=np.full(count, math.nan),
        spared=np.zeros(count, dtype=np.bool_),
    )


def _supply(count: int) -> SupplyColumns:
    no, yes = np.zeros(count, dtype=np.bool_), np.ones(count, dtype=np.bool_)
    return SupplyColumns(
        ids=[f"provider-{j:06d}" for j in range(count)],
        services=np.ones((count, 1), dtype=np.uint64),
        tags=np.zeros((count, 0), dtype=np.uint64),
        stale=no,
        on_duty=yes,
        busy=no,
        pending_offer=no,
        suspended=no,
        max_travel_s=np.full(count, math.inf),
        free_until_s=np.full(count, math.inf),
        next_start_s=np.full(count, math.inf),
        income_per_hour=np.full(count, math.nan),
        queue_zone=np.full(count, -1),
        queue_rank=np.zeros(count, dtype=np.int64),
        blocked=PairSet.of([], 1),
        capacity=np.ones(count, dtype=np.int64),
        free_in_s=np.zeros(count),
        place_s=np.full(count, math.nan),
    )


def _edges(town: Town, i: Rows, j: Rows) -> Edges:
    """What every solver is asked: the candidates dearer than nobody left out, costs in whole milliseconds."""
    pairs = Pairs(i, j, *town.ways(i, j), town.source)
    worth = pairs.eta_s < POLICY.nobody_s
    return Edges(
        rows=i[worth],
        columns=j[worth],
        costs=pairs.eta_s[worth],
        nobody=np.full(len(town.asks), POLICY.nobody_s),
        width=len(town.supply),
    )


def _peers(
    edges: Edges, name: str, repeats: int, figures: dict[str, Spread | float]
) -> tuple[dict[str, tuple[float, float]], dict[str, tuple[float, float]]]:
    """Of each exact peer and of both ways of our own: median CPU in ms, and the objective."""
    told: list[dict[str, tuple[float, float]]] = []
    own: dict[str, Callable[[Edges], Rows]] = {
        "ours": lambda edges: compiled.assign(edges.rows, edges.columns, edges.costs, edges.nobody),
        "ours_scipy": lambda edges: assign(edges.rows, edges.columns, edges.costs, edges.nobody),
    }
    peers = {who: solver.solve for who, solver in SOLVERS.items() if edges.size <= solver.up_to}
    for group in (peers, own):
        measured = {}
        for who, solve in group.items():
            spent, given = _timed(partial(solve, edges), repeats)
            figures[f"{name}_{who}_ms"] = Spread.of(spent)
            measured[who] = (statistics.median(spent), edges.objective(given))
        told.append(measured)
    spent, _ = _timed(lambda: greedy(edges), repeats)
    figures[f"{name}_greedy_ms"] = Spread.of(spent)
    return told[0], told[1]


def _agree(of: dict[str, tuple[float, float]], asks: int, name: str, notes: list[str]) -> bool:
    """All exact solvers found the same least total."""
    objectives = {who: objective for who, (_, objective) in of.items()}
    if max(objectives.values()) - min(objectives.values()) < SAME_S * asks / 1_000 + SAME_S:
        return True
    notes.append(f"{name}: objectives differ: {objectives}")
    return False


def _whole_optimum(town: Town) -> float | None:
    """The least total over all pairs, where that many can be held."""
    if len(town.asks) * len(town.supply) > FULL_UP_TO:
        return None
    edges = _edges(town, *nearest(town.asks_at, town.supply_at, len(town.supply)))
    return edges.objective(compiled.assign(edges.rows, edges.columns, edges.costs, edges.nobody))


def _timed(work: Callable[[], T], repeats: int) -> tuple[list[float], T]:
    """ms of this process's CPU, each time, and the last answer."""
    spent, answers = [], []
    for _ in range(repeats):
        began = time.process_time()
        answers = [work()]
        spent.append((time.process_time() - began) * 1_000)
    return spent, answers[0]


def _warm(seed: int) -> tuple[Field, Answer]:
    """Load or compile what is compiled, and import what is imported late, before anything is timed."""
    return match(city(300, 300, seed), POLICY, seed)


def _percent(of: float, to: float) -> float:
    return 100 * (of / to - 1)
