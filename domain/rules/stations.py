"""The queue of a station: who joins it, who keeps their place, who has left. First come, first served.

Whoever enters the zone while free joins the tail. A place outlives what phones and traffic do: `AWAY_M` outside
the edge is still there, and further away, or unheard of, somebody has `AWAY_S` to come back. It outlives an offer
that was declined or ran out, of which nothing is known here. It ends with work taken on, with going off duty, and
with having left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

AWAY_M: Final = 75.0  # GPS between buildings is off by 20-50 m, rarely by more. A judgement
AWAY_S: Final = 180.0  # round the block, or a walk through an underground car park. A judgement
APART_S: Final = 0.001  # s between two who join: their order is in the moments alone


@dataclass(frozen=True, slots=True)
class Turn:
    """A place in the queue of a zone. `entitled`: on duty in the market, and not taken up by work."""

    provider: UUID
    zone: str
    joined_at: float
    entitled: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A provider in one look at the live index: meters outside each zone (0 in it), the newest fix's unix second.

    `free`: on duty and not taken up by work.
    """

    provider: UUID
    fix_at: float
    away_m: Mapping[str, float]
    free: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What a look changes. `absent` says since when each who keeps a place has been away, for the next look."""

    joined: tuple[Turn, ...]
    lost: tuple[Turn, ...]
    absent: Mapping[UUID, float]


def look(
    turns: Sequence[Turn],
    seen: Iterable[Seen],
    *,
    zones: Sequence[str],
    absent: Mapping[UUID, float],
    before: float,
    now: float,
) -> Look:
    """Bring the queues up to date at unix second `now`; the last look was at `before`.

    Those who join between two looks do so in the order of their fixes, which count from the last look on and no
    earlier: a phone that claims an older fix gains nothing, and nobody is ever put before those already there.
    """
    people = {one.provider: one for one in seen}
    kept: dict[UUID, float] = {}
    lost: list[Turn] = []
    for turn in turns:
        here = people.get(turn.provider)
        near = here is not None and here.away_m.get(turn.zone, AWAY_M + 1.0) <= AWAY_M
        since = now if near else absent.get(turn.provider, now)
        if not turn.entitled or turn.zone not in zones or now - since >= AWAY_S:
            lost.append(turn)
        elif not near:
            kept[turn.provider] = since
    holders = {turn.provider for turn in turns}
    newcomers = [one for one in people.values() if one.provider not in holders and one.free]
    return Look(tuple(_joining(newcomers, turns, zones, before, now)), tuple(lost), kept)


def _joining(
    newcomers: Iterable[Seen], turns: Iterable[Turn], zones: Sequence[str], before: float, now: float
) -> Iterable[Turn]:
    """Newcomers in order: by their fix, then by the random part of their ids, which favours nobody for long."""
    last = {zone: max((t.joined_at for t in turns if t.zone == zone), default=-1.0) for zone in zones}
    in_order = sorted(
        newcomers, key=lambda one: (min(max(one.fix_at, before), now), one.provider.int % 2**62, one.provider)
    )
    for one in in_order:
        zone = next((zone for zone in zones if one.away_m.get(zone) == 0.0), None)
        if zone is not None:
            last[zone] = max(min(max(one.fix_at, before), now), last[zone] + APART_S)
            yield Turn(one.provider, zone, last[zone], entitled=True)
