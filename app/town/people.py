"""Who lives here: names, phone numbers and tempers, drawn from a seed."""

from dataclasses import dataclass
from typing import Final

import numpy as np

FIRST_NAMES: Final = (
    "Adèle", "Amine", "Anaïs", "Baptiste", "Bianca", "Camille", "Chiara", "Claude", "Dario", "Elena", "Élise", "Fatou",
    "Gabriel", "Giulia", "Hugo", "Inès", "Jade", "Karim", "Léa", "Lina", "Louis", "Lucia", "Maël", "Manon", "Marco",
    "Mehdi", "Nadia", "Nina", "Noé", "Olivia", "Paul", "Rania", "Rémi", "Rosa", "Sacha", "Sofia", "Théo", "Yasmine",
)  # fmt: skip
CARS: Final = (
    ("Renault", "Zoe", "bleu"), ("Tesla", "Model 3", "blanc"), ("Peugeot", "508", "noir"), ("Toyota", "Prius", "gris"),
    ("Mercedes", "Classe E", "noir"), ("Skoda", "Octavia", "vert"), ("Kia", "Niro", "rouge"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Temper:
    """How somebody behaves, as chances in [0, 1] and seconds."""

    declines: float
    ignores: float
    drops_out: float
    cancels: float
    haggles: float
    tips: float
    reviews: float
    loses_network: float  # per minute
    dawdles_s: float  # mean real seconds before answering


@dataclass(frozen=True, slots=True)
class Person:
    """One inhabitant."""

    number: int
    name: str
    phone: str
    temper: Temper
    rng: np.random.Generator

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens this time."""
        return bool(self.rng.random() < probability)

    def about(self, mean: float) -> float:
        """A duration around `mean`: never nothing, seldom more than thrice (a gamma of shape 3)."""
        return float(self.rng.gamma(3.0, mean / 3.0))


def person(number: int, kind: int, seed: int) -> Person:
    """The `number`-th inhabitant of a kind (0 driver, 1 jobber, 2 customer); the same seed, the same people."""
    rng = np.random.default_rng((seed, kind, number))
    temper = Temper(
        declines=float(rng.beta(2, 16)),
        ignores=float(rng.beta(1, 24)),
        drops_out=0.03,
        cancels=float(rng.beta(1, 16)),
        haggles=0.25,
        tips=0.3,
        reviews=0.7,
        loses_network=0.15,
        dawdles_s=float(rng.uniform(0.8, 4.0)),
    )
    name = FIRST_NAMES[int(rng.integers(len(FIRST_NAMES)))]
    return Person(number, name, f"+3361{kind}{seed % 10}{number:05d}", temper, rng)
