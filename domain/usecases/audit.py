"""Look at the whole stored world and say whether it is sound."""

from dataclasses import dataclass

from domain.store import invariants
from domain.usecases.work import Work


@dataclass(frozen=True, slots=True)
class Audit:
    """How much there is, and each breach of an invariant by name (none when sound)."""

    counts: dict[str, int]
    breaches: dict[str, int]

    @property
    def sound(self) -> bool:
        return not self.breaches


async def audit(work: Work) -> Audit:
    """Count what happened and what must never happen. Reads every table: for the end of a run, tests and operators."""
    found = await invariants.breaches(work.db)
    return Audit(
        counts=await invariants.counts(work.db),
        breaches={name: count for name, count in found.items() if count},
    )
