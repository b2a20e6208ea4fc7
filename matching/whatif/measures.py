"""What a replayed day is judged by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from geo.cells import to_hex
from matching.whatif.city import HOUR_S, Floats
from matching.whatif.outcome import SENIORITY, Outcome
from matching.whatif.round import Indexes

Measures: TypeAlias = dict[str, Any]

CLASSES_KM = (2.0, 4.0, 8.0)
"""Trips are classed by how far they go in a straight line: an objective can game its figures by refusing far
ones."""
EARNING_AFTER_S = HOUR_S
"""s on duty from which a car's hourly income counts in a spread."""
WAIT_BINS_S = np.arange(0.0, 1_020.0, 60.0)

HEADLINES = (
    "service_rate",
    "revenue_share",
    "mean_wait_s",
    "p95_wait_s",
    "dead_km_per_trip",
    "gini",
    "net_per_hour_p10",
    "net_per_hour_p50",
    "fairness_price_s",
)
"""The figures that are averaged over days and compared in pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A tariff, and what a car costs. In cents; the shape of a fare matters here, not its currency."""

    base: float = 350.0
    per_km: float = 140.0
    fee_share: float = 0.0
    cost_per_km: float = 25.0

    def fares(self, crow_m: Floats, driven_m: Floats, detour: float) -> Floats:
        """What each trip costs its rider, by its recorded length or else by the straight line's detour."""
        along_m = np.where(np.isnan(driven_m), crow_m * detour, np.maximum(driven_m, crow_m))
        return np.asarray(self.base + self.per_km * along_m / 1_000.0, np.float64)


def gini(amounts: Floats) -> float | None:
    """0 where all have the same, towards 1 where one has all; None where nobody has anything."""
    if len(amounts) == 0 or amounts.sum() <= 0:
        return None
    n, ranked = len(amounts), np.sort(amounts)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ranked / (n * ranked.sum()))


def measure(outcome: Outcome, meter: Meter) -> Measures:
    """Headlines, shares by class and zone, and distributions, as plain JSON values. A figure that has nothing to
    be measured on is None."""
    served, wait_s = outcome.served, outcome.wait_s
    count, asked = int(served.sum()), len(served)
    earning = outcome.on_duty_s >= EARNING_AFTER_S
    hours = outcome.on_duty_s[earning] / HOUR_S
    net = _net(outcome, meter)[earning] / np.maximum(hours, 1e-9)
    occupied_m = outcome.detour * outcome.day.crow_m[served].sum()
    empty_km = float(outcome.empty_m.sum()) / 1_000
    return {
        "requests": asked,
        "served": count,
        "service_rate": _share(count, asked),
        "revenue_share": _share(outcome.fares[served].sum(), outcome.fares.sum()),
        "mean_wait_s": _round(wait_s.mean()) if count else None,
        "p95_wait_s": _round(np.percentile(wait_s, 95)) if count else None,
        "dead_km_per_trip": round(empty_km / count, 3) if count else None,
        "pickup_km_per_trip": round(float(np.nansum(outcome.approach_m)) / 1_000 / count, 3)
        if count
        else None,
        "dead_share_of_km": _share(empty_km * 1_000, empty_km * 1_000 + occupied_m),
        "gini": _rounded(gini(outcome.income[earning] / np.maximum(hours, 1e-9))),
        "net_per_hour_p10": _round(np.percentile(net, 10)) if len(net) else None,
        "net_per_hour_p50": _round(np.percentile(net, 50)) if len(net) else None,
        "cars": len(outcome.on_duty_s),
        "mean_on_duty": round(float(outcome.on_duty_s.sum()) / 86_400, 1),
        "service_by_distance": _by_distance(outcome),
        "service_by_zone": _by_zone(outcome),
        "offers_per_chance_by_zone": _rates(
            [to_hex(int(cell)) for cell in outcome.chances.zones], outcome.chances.zone
        ),
        "offers_per_chance_by_seniority": _rates(SENIORITY, outcome.chances.seniority),
        "fairness_price_s": round(outcome.fairness_price_s / count, 3) if count else None,
        "service_by_hour": _by_hour(outcome),
        "wait_histogram": np.histogram(wait_s, WAIT_BINS_S)[0].tolist(),
        "rounds": outcome.rounds,
    }


def _net(outcome: Outcome, meter: Meter) -> Floats:
    """What each car keeps of the day: fares less the fee and what driving costs, empty or not."""
    occupied = np.zeros(len(outcome.on_duty_s))
    served = outcome.served
    np.add.at(occupied, outcome.car[served], outcome.detour * outcome.day.crow_m[served])
    driven_km = (occupied + outcome.empty_m) / 1_000
    return np.asarray(outcome.income * (1 - meter.fee_share) - driven_km * meter.cost_per_km, np.float64)


def _by_distance(outcome: Outcome) -> dict[str, Measures]:
    edges = (0.0, *CLASSES_KM)
    names = [f"{a:g}-{b:g} km" for a, b in zip(edges, CLASSES_KM, strict=False)] + [f"over {edges[-1]:g} km"]
    classes = np.searchsorted(np.array(CLASSES_KM), outcome.day.crow_m / 1_000, side="right")
    return _served_by(names, classes, outcome)


def _by_zone(outcome: Outcome) -> dict[str, Measures]:
    cells, zone = np.unique(outcome.day.pickup_cell, return_inverse=True)
    return _served_by([to_hex(int(cell)) for cell in cells], zone.astype(np.intp), outcome)


def _by_hour(outcome: Outcome) -> dict[str, Measures]:
    hours = (outcome.day.request_s // HOUR_S).astype(np.intp)
    return _served_by([f"{hour:02d}" for hour in range(24)], hours, outcome)


def _served_by(names: list[str], group: Indexes, outcome: Outcome) -> dict[str, Measures]:
    asked = np.bincount(group, minlength=len(names)).tolist()
    served = np.bincount(group[outcome.served], minlength=len(names)).tolist()
    return {
        name: {"requests": of, "served": some, "service_rate": _share(some, of)}
        for name, some, of in zip(names, served, asked, strict=True)
    }


def _rates(names: "list[str] | tuple[str, ...]", counted: "np.ndarray[Any, np.dtype[np.int64]]") -> Measures:
    return {
        name: {"chances": chances, "offers": offers, "rate": _share(offers, chances)}
        for name, (chances, offers) in zip(names, counted.tolist(), strict=True)
    }


def pooled(days: "list[Measures]") -> Measures:
    """The figures of several days (or of one day under several seeds) as one: means of the headlines, sums of
    counts, rates anew."""
    return {name: _pool([day[name] for day in days], name) for name in days[0]}


def _pool(values: list[Any], name: str) -> Any:
    known = [value for value in values if value is not None]
    if not known:
        return None
    if isinstance(known[0], Mapping):
        groups = dict.fromkeys(group for value in known for group in value)  # in the order they are told
        return {group: _regrouped([value[group] for value in known if group in value]) for group in groups}
    if isinstance(known[0], list):
        return np.sum(known, axis=0).tolist()
    if isinstance(known[0], int) and name != "cars":
        return sum(known)
    return _rounded(float(np.mean(known)))


def _regrouped(rows: list[Measures]) -> Measures:
    """Counts added up, their ratio computed anew."""
    total = {
        name: sum(row[name] for row in rows)
        for name in rows[0]
        if not isinstance(rows[0][name], float | None)
    }
    part, whole = ("served", "requests") if "served" in total else ("offers", "chances")
    return {**total, ("service_rate" if part == "served" else "rate"): _share(total[part], total[whole])}


def _share(part: float, whole: float) -> float | None:
    return round(float(part) / float(whole), 5) if whole > 0 else None


def _round(value: "np.floating[Any]") -> float:
    return round(float(value), 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
