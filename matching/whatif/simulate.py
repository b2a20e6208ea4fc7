"""A recorded day, lived again under a way of deciding.

Time goes in rounds of `window_s`. In each, requests whose patience has ended are lost, idle cars and open
requests become a `Round`, and what is decided is done: the car drives there, then drives the trip in the time it
took when it was recorded. Every few minutes idle cars drift to where the forecast wants them, under every way of
deciding alike. A car that was decided on says yes: how people answer is not in a recording.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from geo.cells import cells_of
from matching.forecast import SLOT_S, Forecast
from matching.reposition import moves
from matching.whatif.city import DAY_S, HOUR_S, ZONE_RES, Day, Floats, Shifts
from matching.whatif.fleet import Fleet
from matching.whatif.foresight import Foresight
from matching.whatif.learnt import Learnt
from matching.whatif.outcome import Chances, Outcome
from matching.whatif.round import Decide, Indexes, Round

NO_CAR = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What every way of deciding has to live with."""

    window_s: float = 10.0
    """s between rounds: 2 to 10 s made no difference in the first study, longer only hurt."""
    patience_s: float = 600.0
    """s within which a request must be given to a car, else it is lost."""
    picked_up_within_s: float = 900.0
    reposition_every_s: float = 300.0
    """0: cars stay where they drop people."""
    candidates: int = 32
    """Nearest idle cars a request is judged with: within 0.1 % of the optimum in the first study."""
    ample_candidates: int = 16
    """The same where there are twice as many idle cars as requests or more: no gap was found there."""


def simulate(
    day: Day,
    shifts: Shifts,
    learnt: Learnt,
    decide: Decide,
    fares: Floats,
    *,
    rules: Rules,
    foresight: Foresight | None = None,
    hourly: Callable[[float], None] | None = None,
) -> Outcome:
    """Live the day. `fares` in cents, one a trip. With `foresight` a round that is not ample says what it
    anticipates. `hourly` hears the seconds of the day that have been lived, at each full hour."""
    return _Living(day, shifts, learnt, decide, fares, rules, foresight).lived(hourly)


class _Living:
    """The state of a day under way."""

    def __init__(
        self,
        day: Day,
        shifts: Shifts,
        learnt: Learnt,
        decide: Decide,
        fares: Floats,
        rules: Rules,
        foresight: Foresight | None,
    ) -> None:
        self.foresight = foresight
        self.day, self.learnt, self.decide, self.fares, self.rules = day, learnt, decide, fares, rules
        self.fleet = Fleet(shifts)
        n = len(day)
        self.car = np.full(n, NO_CAR, dtype=np.intp)
        self.given_s = np.full(n, np.nan)
        self.eta_s = np.full(n, np.nan)
        self.approach_m = np.full(n, np.nan)
        self.open = np.empty(0, dtype=np.intp)
        self.published = 0
        self.chances = Chances(day)
        self.rounds = 0
        self.fairness_price_s = 0.0
        self.idle_before = np.empty(0, dtype=np.intp)
        self.hopeless = False

    def lived(self, hourly: Callable[[float], None] | None) -> Outcome:
        rules = self.rules
        steps = int(np.ceil((DAY_S + rules.patience_s) / rules.window_s)) + 1
        every = max(1, round(rules.reposition_every_s / rules.window_s)) if rules.reposition_every_s else 0
        for step in range(steps + 1):
            now_s = step * rules.window_s
            if hourly is not None and now_s % HOUR_S < rules.window_s:
                hourly(now_s)
            self.fleet.turn_up(now_s)
            fresh = self._publish(now_s)
            if len(self.open):
                self._round(now_s, fresh=fresh)
            if every and step % every == 0 and now_s < DAY_S:
                self._reposition(now_s)
        self.fleet.stand(np.arange(len(self.fleet)), DAY_S + rules.patience_s, self.learnt.travel.detour)
        return Outcome(
            day=self.day,
            fares=self.fares,
            car=self.car,
            given_s=self.given_s,
            eta_s=self.eta_s,
            approach_m=self.approach_m,
            on_duty_s=self.fleet.on_duty_s(DAY_S),
            empty_m=self.fleet.empty_m,
            income=self.fleet.income,
            chances=self.chances,
            detour=self.learnt.travel.detour,
            rounds=self.rounds,
            fairness_price_s=self.fairness_price_s,
        )

    def _publish(self, now_s: float) -> bool:
        """New requests become open, those out of patience are lost; whether any is new."""
        until = int(np.searchsorted(self.day.request_s, now_s, side="right"))
        fresh = until > self.published
        if fresh:
            self.open = np.concatenate((self.open, np.arange(self.published, until)))
            self.published = until
        if len(self.open):
            lost = now_s - self.day.request_s[self.open] > self.rules.patience_s
            if self.foresight is not None:
                self.foresight.settled(self.open[lost], served=False, now_s=now_s)
            self.open = self.open[~lost]
        return fresh

    def _round(self, now_s: float, *, fresh: bool) -> None:
        idle = self.fleet.idle(now_s)
        if len(idle) == 0:
            self.idle_before = idle
            return
        # Where nobody could be there in time a round ago, nobody can now, unless something is new or moves.
        news = fresh or bool(self.fleet.moving[idle].any()) or now_s % HOUR_S < self.rules.window_s
        if self.hopeless and not news and bool(np.isin(idle, self.idle_before).all()):
            return
        self.idle_before = idle
        question = self._question(now_s, idle)
        self.hopeless = len(question.row) == 0
        if self.hopeless:
            return
        given = self.decide(question)
        self.rounds += 1
        self.fairness_price_s += given.fairness_price_s
        self.chances.count(question, given.pairs, self.fleet.on_duty_s(now_s)[question.cars])
        self._go(now_s, question, given.pairs)

    def _question(self, now_s: float, idle: Indexes) -> Round:
        """The round's pairs: for each open request the nearest idle cars that would be there in time."""
        travel, asks = self.learnt.travel, self.open
        places, pickups = self.fleet.where(idle, now_s), self.day.pickup[asks]
        crow_m = np.hypot(pickups[:, 0, None] - places[None, :, 0], pickups[:, 1, None] - places[None, :, 1])
        eta_s = travel.seconds(crow_m, now_s)
        age_s = now_s - self.day.request_s[asks]
        limit_s = self.rules.picked_up_within_s - age_s
        near = eta_s <= limit_s[:, None]
        rules = self.rules
        ample = len(idle) >= 2 * len(asks)
        k = rules.ample_candidates if ample else rules.candidates
        if len(idle) > k:
            near &= crow_m <= np.partition(crow_m, k - 1, axis=1)[:, k - 1, None]
        row, column = np.nonzero(near)
        asked, cars = np.unique(row), np.unique(column)  # whoever is in no pair needs no record
        ways = (
            np.searchsorted(asked, row).astype(np.intp),
            np.searchsorted(cars, column).astype(np.intp),
            eta_s[row, column],
        )
        ahead = None
        if self.foresight is not None and len(row) and not ample:
            chosen = asks[asked]
            ahead = self.foresight.ahead(chosen, self.fares[chosen], places[cars], ways, now_s)
        return Round(
            asks=asks[asked],
            age_s=age_s[asked],
            limit_s=limit_s[asked],
            duration_s=self.day.duration_s[asks[asked]],
            pay=self.fares[asks[asked]],
            cars=idle[cars],
            income_per_hour=self.fleet.income_per_hour(idle[cars], now_s),
            row=ways[0],
            column=ways[1],
            eta_s=ways[2],
            meters=crow_m[row, column] * travel.detour,
            ahead=ahead,
        )

    def _go(self, now_s: float, question: Round, pairs: Indexes) -> None:
        asks, cars = question.asks[question.row[pairs]], question.cars[question.column[pairs]]
        eta_s, approach_m = question.eta_s[pairs], question.meters[pairs]
        self.fleet.stand(cars, now_s, self.learnt.travel.detour)
        self.fleet.take(
            cars,
            until_s=now_s + eta_s + self.day.duration_s[asks],
            at=self.day.drop[asks],
            approach_m=approach_m,
            fares=self.fares[asks],
        )
        self.car[asks], self.given_s[asks] = cars, now_s
        self.eta_s[asks], self.approach_m[asks] = eta_s, approach_m
        self.open = self.open[~np.isin(self.open, asks)]
        if self.foresight is not None:
            self.foresight.settled(asks, served=True, now_s=now_s)

    def _reposition(self, now_s: float) -> None:
        """Idle cars drift to where they are likeliest to be wanted; whoever is on the way already goes on."""
        fleet, zones = self.fleet, self.learnt
        idle = fleet.idle(now_s)
        arrived = idle[fleet.moving[idle] & (fleet.there_s[idle] <= now_s)]
        fleet.stand(arrived, now_s, zones.travel.detour)
        waiting = idle[~fleet.moving[idle]]
        if len(waiting) == 0:
            return
        seconds = zones.travel.seconds(
            np.hypot(*(fleet.place[waiting][:, None, :] - zones.middles[None, :, :]).transpose(2, 0, 1)),
            now_s,
        )
        slot = int(now_s // SLOT_S)
        target = moves(
            zone=self._zones_at(fleet.place[waiting], zones.demand),
            seconds=seconds,
            need=zones.demand.need(slot),
            coming=self._coming(now_s),
        )
        gone = target >= 0
        fleet.send(waiting[gone], target[gone], zones.middles[target[gone]], now_s, zones.travel)

    def _zones_at(self, places: Floats, demand: Forecast) -> Indexes:
        lat, lon = self.learnt.plane.to_lat_lon(places)
        return demand.zones_of(cells_of(lat, lon, ZONE_RES))

    def _coming(self, now_s: float) -> Floats:
        """Cars that will be idle in each zone within the quarter-hour without being sent: those on their way there,
        and those about to drop somebody there."""
        fleet, demand = self.fleet, self.learnt.demand
        on_way = fleet.target_zone[(fleet.target_zone >= 0) & (fleet.off_s > now_s) & (fleet.free_s <= now_s)]
        coming = np.bincount(on_way, minlength=len(demand.cells)).astype(np.float64)
        soon = (fleet.free_s > now_s) & (fleet.free_s <= now_s + SLOT_S) & (fleet.off_s > fleet.free_s)
        dropped = self._zones_at(fleet.place[soon], demand)
        return coming + np.bincount(dropped[dropped >= 0], minlength=len(demand.cells))
