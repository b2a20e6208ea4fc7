"""A replay's report as one page: nothing is fetched, light and dark, readable on a phone."""

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from app.replay import plots
from app.replay.plots import Series, bars
from app.replay.words import COLUMNS, notes, rows

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#d5dae1;
--c0:#1f6feb;--c1:#d1661a;--c2:#2c8a4b;--c3:#8b4bc2}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14171b;--soft:#3a424d;
--c0:#6aa6ff;--c1:#f0a35e;--c2:#6cc88b;--c3:#c39af0}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--paper);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.3rem .7rem;text-align:right;
border-bottom:1px solid var(--soft);white-space:nowrap}th:first-child{text-align:left}
figure{margin:1.5rem 0}figcaption{font-weight:600}.plot{width:100%;height:auto}
.plot text{fill:var(--ink);font-size:13px}
.grid{stroke:var(--soft)}.keys{margin:.3rem 0}.key{margin-right:1rem;white-space:nowrap}
.key svg{width:.8em;height:.8em;margin-right:.4em}
.s0{fill:var(--c0)}.s1{fill:var(--c1)}.s2{fill:var(--c2)}.s3{fill:var(--c3)}
.l0{stroke:var(--c0)}.l1{stroke:var(--c1);stroke-dasharray:7 4}
.l2{stroke:var(--c2);stroke-dasharray:2 4}.l3{stroke:var(--c3)}
@media(max-width:30rem){.plot text{font-size:18px}}
path{fill:none;stroke-width:2.5}details{margin-top:.3rem}summary{cursor:pointer;padding:.4rem 0}
"""


def page(told: dict[str, Any]) -> str:
    """The report as HTML."""
    days = ", ".join(told["days"])
    title = f"Replay of {days}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1><p>Fleet: {escape(str(told['fleet']))}. "
        f"Seeds: {', '.join(map(str, told['seeds']))}. Rounds every {told['rules']['window_s']:g} s.</p>"
        f"{_headlines(told)}<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes(told))}</ul>"
        f"<h2>Who was served</h2>{_served(told['policies'])}"
        f"<h2>How long they waited</h2>{_waits(told['policies'])}"
        f"<h2>What providers got</h2>{_providers(told['policies'])}"
        f"<h2>Day by day</h2>{_days(told['policies'])}</main></body></html>\n"
    )


def _headlines(told: dict[str, Any]) -> str:
    return _table("policy", rows(told))


def _table(corner: str, lines: Sequence[tuple[str, Sequence[str]]]) -> str:
    head = "".join(f"<th scope=col>{escape(column.heading)}</th>" for column in COLUMNS)
    body = "".join(
        f"<tr><th scope=row>{escape(name)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells in lines
    )
    return (
        f"<div class=wide><table><thead><tr><th scope=col>{escape(corner)}</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _served(policies: Sequence[dict[str, Any]]) -> str:
    hours = list(policies[0]["service_by_hour"])
    classes = list(policies[0]["service_by_distance"])
    return (
        plots.lines(
            "Served, by hour of request", hours, _series(policies, "service_by_hour", hours), unit=" %"
        )
        + bars(
            "Served, by how far the trip goes",
            classes,
            _series(policies, "service_by_distance", classes),
            unit=" %",
        )
        + _zones(policies)
    )


def _zones(policies: Sequence[dict[str, Any]]) -> str:
    """The zones with the most requests, by number (their ids are in the table): a map would need somebody else's
    ground."""
    every = policies[0]["service_by_zone"]
    most = sorted(every, key=lambda cell: (-every[cell]["requests"], cell))[:20]
    return bars(
        "Served, by zone of pick-up (H3 resolution 7, the 20 busiest)",
        most,
        _series(policies, "service_by_zone", most),
        unit=" %",
        below=[f"{place}" for place in range(1, len(most) + 1)],
    )


def _series(policies: Sequence[dict[str, Any]], name: str, groups: Sequence[str]) -> list[Series]:
    return [
        Series(of["policy"], [_percent(of[name].get(group, {}).get("service_rate")) for group in groups])
        for of in policies
    ]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _waits(policies: Sequence[dict[str, Any]]) -> str:
    minutes = [f"{minute}" for minute in range(len(policies[0]["wait_histogram"]))]
    return plots.lines(
        "Share of those served, by whole minutes from request to pick-up",
        minutes,
        [
            Series(of["policy"], [100 * n / max(1, of["served"]) for n in of["wait_histogram"]])
            for of in policies
        ],
        unit=" %",
    )


def _providers(policies: Sequence[dict[str, Any]]) -> str:
    seniority = list(policies[0]["offers_per_chance_by_seniority"])
    rates = [
        Series(
            of["policy"],
            [_percent(of["offers_per_chance_by_seniority"][group]["rate"]) for group in seniority],
        )
        for of in policies
    ]
    names = ["P10", "P50"]
    nets = [
        Series(of["policy"], [_hundredth(of["net_per_hour_p10"]), _hundredth(of["net_per_hour_p50"])])
        for of in policies
    ]
    return bars("Net per hour on duty", names, nets, unit="") + bars(
        "Offers per chance, by time on duty", seniority, rates, unit=" %"
    )


def _hundredth(cents: float | None) -> float | None:
    return None if cents is None else max(0.0, cents / 100)


def _days(policies: Sequence[dict[str, Any]]) -> str:
    return _table(
        "day",
        [
            (f"{day['day']} {of['policy']}", [column.of(day) for column in COLUMNS])
            for of in policies
            for day in of["per_day"]
        ],
    )
