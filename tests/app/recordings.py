"""Made-up recordings of trips, as files."""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

COLUMNS = (
    "cab_id", "pickup_unix", "dropoff_unix", "pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon", "gps_km",
    "local_day",
)  # fmt: skip
OFFSET = timedelta(hours=-7)
DAYS = ("2026-03-05", "2026-03-06", "2026-03-07")


def trips_of(days: tuple[str, ...] = DAYS, a_day: int = 60, seed: int = 1) -> list[dict[str, object]]:
    """Trips between Nice and Monaco all day long, by clocks seven hours behind UTC."""
    rng, found = np.random.default_rng(seed), []
    for day in days:
        midnight = datetime.fromisoformat(day).replace(tzinfo=UTC) - OFFSET
        for at in np.sort(rng.uniform(0, 86_399, a_day)).tolist():
            pickup = midnight.timestamp() + round(at)
            lat, lon = rng.normal(43.70, 0.01, 2), rng.normal(7.27, 0.02, 2)
            found.append(
                dict(
                    zip(
                        COLUMNS,
                        (1, pickup, pickup + 300, lat[0], lon[0], lat[1], lon[1], "", day),
                        strict=True,
                    )
                )
            )
    return found


def written(path: Path, rows: list[dict[str, object]], columns: tuple[str, ...] = COLUMNS) -> Path:
    """As CSV, gzipped where the name says so."""
    opened = gzip.open if path.suffix == ".gz" else Path.open
    with opened(path, "wt", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    return path
