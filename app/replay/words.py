"""A replay's report in words and columns."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple


class Column(NamedTuple):
    """A figure of the report, and how it is shown."""

    figure: str
    heading: str
    factor: float
    unit: str
    decimals: int

    def of(self, figures: dict[str, Any]) -> str:
        """The figure with its unit."""
        value = figures[self.figure]
        return "–" if value is None else f"{value * self.factor:.{self.decimals}f}{self.unit}"

    def between(self, pair: dict[str, Any]) -> str:
        """A difference, and ± its standard error where there is one; points where the figure is a share."""
        step, se = pair[self.figure]["difference"], pair[self.figure]["se"]
        if step is None:
            return "–"
        error = "" if se is None else f" ± {se * self.factor:.{self.decimals}f}"
        unit = " pts" if self.unit == " %" else self.unit
        return f"{step * self.factor:+.{self.decimals}f}{error}{unit}"


COLUMNS: Final = (
    Column("service_rate", "served", 100.0, " %", 1),
    Column("revenue_share", "revenue", 100.0, " %", 1),
    Column("mean_wait_s", "mean wait", 1 / 60, " min", 2),
    Column("p95_wait_s", "95 % wait", 1 / 60, " min", 2),
    Column("dead_km_per_trip", "dead km/trip", 1.0, "", 2),
    Column("gini", "Gini", 1.0, "", 3),
    Column("net_per_hour_p10", "net/h P10", 0.01, "", 2),
    Column("net_per_hour_p50", "net/h P50", 0.01, "", 2),
    Column("fairness_price_s", "fairness price", 1.0, " s", 1),
)


def rows(told: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """A name and a cell for each of `COLUMNS`: the policies over all days, then the differences."""
    policies = [(of["policy"], [column.of(of) for column in COLUMNS]) for of in told["policies"]]
    pairs = [
        (f"{pair['policy']} less {pair['less']}", [column.between(pair) for column in COLUMNS])
        for pair in told["differences"]
    ]
    return policies + pairs


def table(told: dict[str, Any]) -> str:
    """`rows` under their headings, in columns."""
    lines = [["policy", *(column.heading for column in COLUMNS)]]
    lines += [[name, *cells] for name, cells in rows(told)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def notes(told: dict[str, Any]) -> Iterator[str]:
    """What a reader must know of the figures: what was learnt from what, and what a recording cannot say."""
    learnt = told["learnt"]
    for sources in sorted({tuple(of["travel_from"]) for of in learnt.values()}):
        days = [day for day, of in learnt.items() if tuple(of["travel_from"]) == sources]
        yield f"{', '.join(days)}: travel and demand learnt from {', '.join(sources)}."
    if not all(of["honest"] for of in learnt.values()):
        yield (
            "There was no other day to learn from: this day's own trips were, so forecast and travel times know "
            "what they should not, and the figures flatter every policy."
        )
    elif len(told["days"]) > 1 and all(set(of["travel_from"]) & set(learnt) for of in learnt.values()):
        yield "Leave one day out: each day was lived with what the others taught."
    for pair in told["differences"]:
        over = pair["paired_over"] if pair["pairs"] > 1 else pair["paired_over"].removesuffix("s")
        how = f"paired over {pair['pairs']} {over}"
        error = "± one standard error" if pair["pairs"] > 1 else "one pair has no error"
        yield f"{pair['policy']} less {pair['less']}: {how}, {error}."
    if told["clock"]["days_named"]:
        ahead_h = told["clock"]["utc_offset_s"] / 3_600
        yield f"Days and hours by the local clock that the days and times show: {ahead_h:+g} h from UTC."
    else:
        yield "No trip says its local_day: days and hours are UTC's, and a local day may lie in two of them."
    for what, rows in told["left_out"].items():
        if rows:
            yield f"{rows} {what if rows > 1 else what.removesuffix('s')} that cannot be true left out."
    yield "The pick-up stands for the request; whoever is asked says yes: a recording knows neither when nor who not."
