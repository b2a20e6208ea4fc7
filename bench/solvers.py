"""The solvers a round is measured beside. Each is given the same edges and answers with a column per row, -1 for
nobody. Those that are not installed are left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from matching.field import Floats, Rows

MS: Final = 1_000  # whole milliseconds in a second


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """A sparse question: parallel columns, sorted by row; every edge cheaper than its row's nobody."""

    rows: Rows
    columns: Rows
    costs: Floats
    nobody: Floats
    width: int

    @property
    def size(self) -> int:
        """Rows times columns: what a dense solver has to hold."""
        return len(self.nobody) * self.width

    def objective(self, given: NDArray[np.intp]) -> float:
        """The total of an answer; an answer that uses a column twice, or an edge that is not there, has none."""
        taken = given[given >= 0]
        if len(np.unique(taken)) != len(taken):
            raise ValueError("a column is used twice")
        chosen = given[self.rows] == self.columns
        if int(chosen.sum()) != len(taken):
            raise ValueError("an edge that is not there is used")
        return float(self.costs[chosen].sum() + self.nobody[given < 0].sum())


@dataclass(frozen=True, slots=True)
class Solver:
    """A peer, and the largest size it is asked."""

    solve: Callable[[Edges], NDArray[np.intp]]
    up_to: float


def greedy(edges: Edges) -> NDArray[np.intp]:
    """First come, first served: each row in turn takes its cheapest free column."""
    order = np.lexsort((edges.costs, edges.rows))
    given = np.full(len(edges.nobody), -1, dtype=np.intp)
    taken = set[int]()
    for i, j in zip(edges.rows[order].tolist(), edges.columns[order].tolist(), strict=True):
        if given[i] < 0 and j not in taken:
            given[i] = j
            taken.add(j)
    return given


def dense(edges: Edges) -> NDArray[np.intp]:
    """scipy's `linear_sum_assignment` over the full matrix, where no edge costs as much as nobody."""
    matrix = np.repeat(edges.nobody[:, np.newaxis], edges.width, axis=1)
    matrix[edges.rows, edges.columns] = edges.costs
    if len(edges.nobody) > edges.width:
        rows, columns = linear_sum_assignment(matrix - edges.nobody[:, np.newaxis])
    else:
        rows, columns = linear_sum_assignment(matrix)
    given = np.full(len(edges.nobody), -1, dtype=np.intp)
    real = matrix[rows, columns] < edges.nobody[rows]
    given[rows[real]] = columns[real]
    return given


def lapmod(edges: Edges) -> NDArray[np.intp]:
    """lapx's sparse Jonker-Volgenant, made square: a dummy per row and a slack row per column."""
    n, m = len(edges.nobody), edges.width
    rows, columns, costs = _square(edges)
    order = np.lexsort((columns, rows))
    start = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=n + m))))
    _, found, _ = import_module("lap").lapmod(
        n + m, costs[order], start.astype(np.int32), columns[order].astype(np.int32)
    )
    return _real(found[:n], m)


def min_cost_flow(edges: Edges) -> NDArray[np.intp]:
    """OR-Tools' SimpleMinCostFlow."""
    flow: Any = import_module("ortools.graph.python.min_cost_flow").SimpleMinCostFlow()
    n, m = len(edges.nobody), edges.width
    one, sink, each = np.ones, n + m, np.arange(n)
    arcs = flow.add_arcs_with_capacity_and_unit_cost(
        edges.rows, n + edges.columns, one(len(edges.rows), dtype=np.int64), _whole(edges.costs)
    )
    flow.add_arcs_with_capacity_and_unit_cost(
        n + np.arange(m), np.full(m, sink), one(m, dtype=np.int64), np.zeros(m, dtype=np.int64)
    )
    flow.add_arcs_with_capacity_and_unit_cost(
        each, np.full(n, sink), one(n, dtype=np.int64), _whole(edges.nobody)
    )
    flow.set_nodes_supplies(np.append(each, sink), np.append(one(n, dtype=np.int64), -n))
    if flow.solve() != flow.OPTIMAL:
        raise ValueError("no optimum")
    given = np.full(n, -1, dtype=np.intp)
    used = flow.flows(arcs) > 0
    given[edges.rows[used]] = edges.columns[used]
    return given


def linear_sum(edges: Edges) -> NDArray[np.intp]:
    """OR-Tools' SimpleLinearSumAssignment, made square as `lapmod` is."""
    solver: Any = import_module("ortools.graph.python.linear_sum_assignment").SimpleLinearSumAssignment()
    n, m = len(edges.nobody), edges.width
    rows, columns, costs = _square(edges)
    solver.add_arcs_with_cost(rows, columns, _whole(costs))
    if solver.solve() != solver.OPTIMAL:
        raise ValueError("no optimum")
    return _real(np.array([solver.right_mate(i) for i in range(n)]), m)


def _square(edges: Edges) -> tuple[Rows, Rows, Floats]:
    n, m = len(edges.nobody), edges.width
    each, others = np.arange(n), np.arange(m)
    return (
        np.concatenate((edges.rows, each, n + others, n + edges.columns)),
        np.concatenate((edges.columns, m + each, others, m + edges.rows)),
        np.concatenate((edges.costs, edges.nobody, np.zeros(m + len(edges.rows)))),
    )


def _real(columns: NDArray[np.intp], m: int) -> NDArray[np.intp]:
    return np.where(columns < m, columns, -1).astype(np.intp)


def _whole(seconds: Floats) -> NDArray[np.int64]:
    return np.rint(seconds * MS).astype(np.int64)


def _there(module: str) -> bool:
    return find_spec(module) is not None


SOLVERS: Final[Mapping[str, Solver]] = {
    **({"ortools_flow": Solver(min_cost_flow, np.inf)} if _there("ortools") else {}),
    **({"ortools_linear_sum": Solver(linear_sum, 30_000_000)} if _there("ortools") else {}),
    **({"lapmod": Solver(lapmod, 30_000_000)} if _there("lap") else {}),
    "scipy_dense": Solver(dense, 6_000_000),
}
"""By name. The size it is given up at is where one run takes many seconds (or the memory is not there)."""
