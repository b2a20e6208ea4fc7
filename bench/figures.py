"""Figures as they are reported: a spread of samples, an outcome, its table, its file."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Spread:
    """What some samples come to, in the unit of the samples."""

    n: int
    median: float
    p95: float
    least: float
    most: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Spread":
        """p95 by nearest rank: a sample that was measured, not one between two."""
        if not samples:
            raise ValueError("a spread of nothing")
        ordered = sorted(samples)
        p95 = ordered[math.ceil(0.95 * len(ordered)) - 1]
        return cls(len(ordered), statistics.median(ordered), p95, ordered[0], ordered[-1])

    def as_json(self) -> dict[str, float]:
        rounded = {"median": self.median, "p95": self.p95, "min": self.least, "max": self.most}
        return {"n": self.n, **{name: significant(value) for name, value in rounded.items()}}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One benchmark's answer. `figures` carry their unit in their name; `ratios` are to the peer of this run."""

    name: str
    measures: str
    peer: str
    sizes: Mapping[str, float]
    figures: Mapping[str, Spread | float]
    ratios: Mapping[str, float]
    notes: Sequence[str] = field(default=())
    sound: bool = True  # what the benchmark checks on its way held
    tallies: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict
    )  # counts that belong together, by noun

    def as_json(self) -> dict[str, Any]:
        figures = {
            name: figure.as_json() if isinstance(figure, Spread) else significant(figure)
            for name, figure in self.figures.items()
        }
        return {
            "benchmark": self.name,
            "measures": self.measures,
            "peer": self.peer,
            "sound": self.sound,
            "sizes": dict(self.sizes),
            "figures": figures,
            "ratios": {name: significant(ratio) for name, ratio in self.ratios.items()},
            **(
                {"tallies": {noun: dict(counts) for noun, counts in self.tallies.items()}}
                if self.tallies
                else {}
            ),
            "notes": list(self.notes),
        }


def significant(value: float) -> float:
    """Four significant digits: more would be the noise's."""
    return value if value == 0 or isinstance(value, int) else float(f"{value:.4g}")


def table(outcome: Outcome) -> str:
    """The outcome in a few lines."""
    width = max(len(name) for name in [*outcome.figures, *outcome.ratios, *outcome.tallies])
    lines = [f"{outcome.name}: {outcome.measures}"]
    for name, figure in outcome.figures.items():
        if isinstance(figure, Spread):
            said = f"median {figure.median:10.4g}   p95 {figure.p95:10.4g}   ({figure.n})"
        else:
            said = f"       {figure:10.4g}"
        lines.append(f"  {name:<{width}}  {said}")
    lines += [f"  {name:<{width}}  x {ratio:.3g}" for name, ratio in outcome.ratios.items()]
    for noun, counts in outcome.tallies.items():
        lines.append(f"  {noun:<{width}}  " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    lines += [f"  ({note})" for note in outcome.notes]
    if not outcome.sound:
        lines.append("  UNSOUND: see the notes")
    return "\n".join(lines)


def keep(report: Mapping[str, Any], name: str, directory: Path = RESULTS) -> Path:
    """Write one benchmark's report; the file is the last run's."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{name}.json"
    file.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return file
