"""Plots as inline SVG: bars and lines of a few series, drawn in the page's own colours, readable aloud.

Every plot carries a title and a description for those who do not see it; its numbers stand in a table beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 260
LEFT: Final = 44
BOTTOM: Final = 34
TOP: Final = 14
STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Series:
    """A name and a value for each label; None where there is none."""

    name: str
    values: Sequence[float | None]


def bars(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str,
    below: Sequence[str] | None = None,
) -> str:
    """Groups of bars, one a series, one group a label. `below` stands under the bars where labels are too long."""
    top = _ceiling(series)
    room = (WIDTH - LEFT) / max(1, len(labels))
    each = room * 0.8 / max(1, len(series))
    drawn = []
    for s, one in enumerate(series):
        for i, value in enumerate(one.values):
            if value is None:
                continue
            height = (HEIGHT - TOP - BOTTOM) * value / top
            x = LEFT + room * i + room * 0.1 + each * s
            drawn.append(
                f'<rect class="s{s}" x="{x:.1f}" y="{HEIGHT - BOTTOM - height:.1f}" width="{each:.1f}" '
                f'height="{height:.1f}"><title>{escape(f"{one.name}, {labels[i]}: {value:.4g}{unit}")}</title></rect>'
            )
    return _figure(title, labels, series, "".join(drawn), top, unit, below=below or labels)


def lines(title: str, labels: Sequence[str], series: Sequence[Series], *, unit: str) -> str:
    """A line a series over the labels; a gap where there is no value."""
    top = _ceiling(series)
    room = (WIDTH - LEFT) / max(1, len(labels))
    drawn = []
    for s, one in enumerate(series):
        path, pen = [], "M"
        for i, value in enumerate(one.values):
            if value is None:
                pen = "M"
                continue
            x = LEFT + room * (i + 0.5)
            y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top
            path.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        drawn.append(f'<path class="l{s}" d="{" ".join(path)}"/>')
    return _figure(title, labels, series, "".join(drawn), top, unit, below=labels)


def _ceiling(series: Sequence[Series]) -> float:
    """A round number at least as high as every value."""
    most = max((value for one in series for value in one.values if value is not None), default=0.0)
    if most <= 0:
        return 1.0
    power = 10.0 ** (len(f"{most:.0f}") - 1) if most >= 1 else 0.1
    while power * STEPS[0] > most:
        power /= 10
    return next(power * step for step in STEPS if power * step >= most - 1e-9)


def _figure(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    drawn: str,
    top: float,
    unit: str,
    *,
    below: Sequence[str],
) -> str:
    grid = []
    for quarter in range(5):
        value = top * quarter / 4
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * quarter / 4
        grid.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        )
    room = (WIDTH - LEFT) / max(1, len(labels))
    every = max(1, -(-len(labels) // 12))  # a phone has room for a dozen words
    for i, label in enumerate(below):
        if i % every == 0:
            grid.append(
                f'<text x="{LEFT + room * (i + 0.5):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                f"{escape(label)}</text>"
            )
    said = "; ".join(
        f"{one.name}: "
        + ", ".join(
            f"{label} {'none' if value is None else f'{value:.3g}{unit}'}"
            for label, value in zip(labels, one.values, strict=True)
        )
        for one in series
    )
    keys = "".join(
        f'<span class="key"><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="s{s}" width="10" height="10"/>'
        f"</svg>{escape(one.name)}</span>"
        for s, one in enumerate(series)
    )
    head = "".join(f"<th scope=col>{escape(one.name)}</th>" for one in series)
    named = [
        label if short == label else f"{short}: {label}" for short, label in zip(below, labels, strict=True)
    ]
    body = "".join(
        f"<tr><th scope=row>{escape(named[i])}</th>"
        + "".join(
            f"<td>{'–' if one.values[i] is None else f'{one.values[i]:.4g}{escape(unit)}'}</td>"
            for one in series
        )
        + "</tr>"
        for i in range(len(labels))
    )
    return (
        f"<figure><figcaption>{escape(title)}</figcaption><p class=keys>{keys}</p>"
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title><desc>{escape(said)}</desc>{''.join(grid)}{drawn}</svg>"
        f"<details><summary>The numbers</summary><div class=wide><table><thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div></details></figure>"
    )
