"""A round's answer as columns: who is offered what, and the reason of everyone who was looked at, as codes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.allot import NOT_GIVEN, Allotment, allot, by_size
from matching.assign import Assignment
from matching.cost import nobody_prices
from matching.feasible import STATE, WITHOUT_A_WAY, Case, first_broken
from matching.field import Field, Rows, Whole, lacking, pair_keys
from matching.reasons import CODES, MOST_HOPEFUL, REASONS, Reason, Unserved
from matching.survey import Survey, survey


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What `answer` found. The columns are those of the field's pairs, and of the survey's candidates."""

    seen: Survey
    given: Whole
    """By candidate: in which pass it was given, from 0, or `NOT_GIVEN`."""
    reason: NDArray[np.int8]
    """By pair of the field: the code of what became of it."""
    unserved: tuple[tuple[int, Unserved], ...]
    """Asks without any offer, by row."""
    objective: float
    passes: int

    @property
    def offers(self) -> Rows:
        """The candidates to be offered, in order of ask and rank."""
        return np.flatnonzero(self.given != NOT_GIVEN)


def answer(field: Field, assignment: Assignment = by_size) -> Answer:
    """Survey the field, allot, and say why."""
    return answer_of(field, survey(field), assignment)


def answer_of(field: Field, seen: Survey, assignment: Assignment = by_size) -> Answer:
    """The same of a field that is surveyed."""
    nobody = nobody_prices(field.asks, field.policy)
    allotted = allot(seen, field.asks.wanted, field.supply.capacity, nobody, assignment)
    reason = seen.refused.copy()
    reason[seen.pair] = _fates(seen, allotted, len(field.asks))
    first = allotted.given == 0
    costs = nobody.copy()
    costs[seen.ask[first]] = seen.cost[first]
    alone = np.ones(len(field.asks), dtype=np.bool_)
    alone[seen.ask[first]] = False
    return Answer(
        seen=seen,
        given=allotted.given,
        reason=reason,
        unserved=_unserved(field, reason, np.flatnonzero(alone)),
        objective=round(float(costs.sum()), 3),
        passes=allotted.passes,
    )


def unpaired(field: Field) -> tuple[Rows, Rows, NDArray[np.int8]]:
    """Those whom something that needs no travel time keeps from an ask for their service, which spared the caller
    the way: ask, supply and the code of the reason.

    Others without a pair were not among the nearest: no verdict is stored for them (`explain` tells them so).
    """
    width = len(field.supply)
    found = [_kept_apart(field)]
    for asks, away in _away(field, np.arange(len(field.asks))):
        found.append(pair_keys(np.repeat(asks, len(away)), np.tile(away, len(asks)), width))
    paired = pair_keys(field.pairs.ask, field.pairs.supply, width)
    i, j = _rows_of(np.setdiff1d(np.concatenate(found), paired, assume_unique=True), width)
    return i, j, first_broken(_without_a_way(field, i, j), WITHOUT_A_WAY)


def _away(field: Field, asks: Rows) -> Iterator[tuple[Rows, Rows]]:
    """By service: the asks for it, among these, and those who offer it and are not available."""
    busy = ~field.supply.available
    wanted = field.asks.service[asks]
    for service in np.unique(wanted, axis=0) if len(asks) else wanted:
        offering = ~lacking(service[np.newaxis], field.supply.services)
        yield asks[(wanted == service).all(axis=1)], np.flatnonzero(busy & offering)


def _kept_apart(field: Field) -> Whole:
    """The keys of pairs of an ask and an available provider of its service, whom something between the two keeps
    from it: asked before, blocked, barred, without what it needs."""
    keys = np.unique(
        np.concatenate(
            [
                field.asks.already_asked.keys,
                *(pairs.keys for pairs in field.asks.barred.values()),
                _blocked(field),
                _unequipped(field),
            ]
        )
    )
    i, j = _rows_of(keys, len(field.supply))
    return keys[field.supply.available[j] & ~lacking(field.asks.service[i], field.supply.services[j])]


def _blocked(field: Field) -> Whole:
    """The keys of every ask of a customer with those who are not put in touch with them."""
    customer, supply = _rows_of(field.supply.blocked.keys, len(field.supply))
    order = np.argsort(field.asks.customer, kind="stable")
    theirs = field.asks.customer[order]
    first = np.searchsorted(theirs, customer)
    count = np.searchsorted(theirs, customer, side="right") - first
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    asks = order[np.repeat(first, count) + within]
    return pair_keys(asks, np.repeat(supply, count), len(field.supply))


def _unequipped(field: Field) -> Whole:
    """The keys of asks that need something with the available providers of the service who lack it."""
    needy = np.flatnonzero(field.asks.needs.any(axis=1))
    wishes = np.column_stack((field.asks.service[needy], field.asks.needs[needy]))
    words = field.asks.service.shape[1]
    found = [np.empty(0, np.int64)]
    for wish in np.unique(wishes, axis=0) if len(needy) else wishes:
        offering = field.supply.available & ~lacking(wish[np.newaxis, :words], field.supply.services)
        without = np.flatnonzero(offering & lacking(wish[np.newaxis, words:], field.supply.tags))
        asks = needy[(wishes == wish).all(axis=1)]
        found.append(pair_keys(np.repeat(asks, len(without)), np.tile(without, len(asks)), len(field.supply)))
    return np.concatenate(found)


def _rows_of(keys: Whole, width: int) -> tuple[Rows, Rows]:
    i, j = np.divmod(keys, max(width, 1))
    return i.astype(np.intp), j.astype(np.intp)


def _without_a_way(field: Field, i: Rows, j: Rows) -> Case:
    return Case(field.asks, field.supply, i, j, np.zeros(len(i)), field.policy)


def _fates(seen: Survey, allotted: Allotment, asks: int) -> NDArray[np.int8]:
    """By candidate: offered, or why one who could have been was not, given who was."""
    offered = allotted.given != NOT_GIVEN
    most_s = np.full(asks, -np.inf)
    np.maximum.at(most_s, seen.ask[offered], seen.eta_s[offered])
    turn = np.full(asks, np.inf)
    np.minimum.at(turn, seen.ask[offered], seen.place[offered])
    # The first that holds. Free and feasible where nobody was offered it: the assignment left it only because
    # nobody was cheaper.
    rows = (
        (Reason.OFFERED, offered),
        (Reason.OFFERED_ANOTHER, allotted.room[seen.supply] == 0),
        (Reason.HELD, most_s[seen.ask] == -np.inf),
        (Reason.QUEUE_TURN, seen.place > turn[seen.ask]),
        (Reason.FARTHER, seen.eta_s > most_s[seen.ask]),
    )
    codes = np.select(
        [holds for _, holds in rows], [CODES[reason] for reason, _ in rows], CODES[Reason.OUTRANKED]
    )
    return codes.astype(np.int8)


def _unserved(field: Field, reason: NDArray[np.int8], alone: Rows) -> tuple[tuple[int, Unserved], ...]:
    """Why each of these asks went without: the first row of `MOST_HOPEFUL` that one provider's reason is in."""
    if not len(alone):
        return ()
    heard = np.zeros((len(field.asks), len(REASONS)), dtype=np.bool_)
    heard[field.pairs.ask, reason] = True
    # Those without a pair, but without a row for each: who is not available has one reason for every ask.
    everybody = np.arange(len(field.supply))
    states = first_broken(_without_a_way(field, np.zeros_like(everybody), everybody), STATE)
    for asks, away in _away(field, alone):
        heard[np.ix_(asks, np.unique(states[away]))] = True
    i, j = _rows_of(_kept_apart(field), len(field.supply))
    heard[i, first_broken(_without_a_way(field, i, j), WITHOUT_A_WAY)] = True
    why = np.full(len(alone), len(MOST_HOPEFUL))
    for row in reversed(range(len(MOST_HOPEFUL))):
        codes = np.array([CODES[reason] for reason in sorted(MOST_HOPEFUL[row][1])])
        why[heard[np.ix_(alone, codes)].any(axis=1)] = row
    names = [*(name for name, _ in MOST_HOPEFUL), Unserved.NO_SUPPLY]
    return tuple((ask, names[row]) for ask, row in zip(alone.tolist(), why.tolist(), strict=True))
