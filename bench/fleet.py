"""A fleet over a country like France: most in towns of very unequal size, some anywhere between; and how it moves."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

TOWNS: Final = 300  # by Zipf: the first holds a sixth of all
RURAL: Final = 0.1  # of the fleet: anywhere
METERS_A_DEGREE: Final = 111_195.0

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Fleet:
    """Where everybody is; row n is the provider `ids[n]`."""

    ids: list[UUID]
    lat: Floats
    lon: Floats

    @classmethod
    def over_france(cls, size: int, dice: np.random.Generator) -> "Fleet":
        """Towns anywhere in the country; a larger one is wider, 5 km (one sigma) for the largest."""
        share = 1 / np.arange(1, TOWNS + 1)
        share /= share.sum()
        in_town = round(size * (1 - RURAL))
        town = dice.choice(TOWNS, in_town, p=share)
        off = dice.normal(0, 0.05, (in_town, 2)) * (share[town] / share[0])[:, None] ** 0.25
        lat = dice.uniform(43, 50, TOWNS)[town] + off[:, 0]
        lon = dice.uniform(-1.5, 6.5, TOWNS)[town] + 1.4 * off[:, 1]
        mixed = dice.permutation(size)
        rural = size - in_town
        return cls(
            [UUID(int=int(high) << 64 | n) for n, high in enumerate(dice.integers(0, 2**63, size))],
            np.concatenate((lat, dice.uniform(42.5, 51, rural)))[mixed],
            np.concatenate((lon, dice.uniform(-4.5, 8, rural)))[mixed],
        )

    def move(self, some: int, dice: np.random.Generator) -> NDArray[np.int64]:
        """So many of them drive 30 m (one sigma) each way: what a phone in traffic reports every few seconds."""
        rows = dice.choice(len(self.lat), some, replace=False)
        north, east = dice.normal(0, 30 / METERS_A_DEGREE, (2, some))
        self.lat[rows] += north
        self.lon[rows] += east / np.cos(np.radians(self.lat[rows]))
        return rows

    def askers(self, some: int, dice: np.random.Generator) -> tuple[Floats, Floats]:
        """Places to ask from: within about 100 m of a provider each, as customers live where providers drive."""
        near = dice.choice(len(self.lat), some)
        off = dice.normal(0, 0.001, (2, some))
        return self.lat[near] + off[0], self.lon[near] + off[1]
