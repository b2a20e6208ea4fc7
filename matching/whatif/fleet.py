"""The cars of a replayed day: where each is, until when it is busy, and what it has driven and earned."""

import numpy as np

from matching.reposition import STAY
from matching.whatif.city import Floats, Shifts
from matching.whatif.round import Indexes
from matching.whatif.travel import TravelFit

INCOME_KNOWN_AFTER_S = 1_800.0
"""s on duty before an income per hour means something. A judgement: two rides."""


class Fleet:
    """One row a car. A car waits at `place`, or drives from `place` to `target` between `left_s` and `there_s`,
    or is at work until `free_s` and then at `place`."""

    def __init__(self, shifts: Shifts) -> None:
        n = shifts.cars
        self._shifts = shifts
        self._next_shift = 0
        self._late: list[int] = []  # shifts that begin as soon as their car has finished its work
        self.place = np.zeros((n, 2))
        self.target = np.zeros((n, 2))
        self.target_zone = np.full(n, STAY, dtype=np.intp)
        self.left_s = np.zeros(n)
        self.there_s = np.zeros(n)
        self.moving = np.zeros(n, dtype=np.bool_)
        self.free_s = np.full(n, -np.inf)
        self.on_s = np.full(n, np.inf)  # of the running or last shift
        self.off_s = np.full(n, -np.inf)
        self.before_s = np.zeros(n)  # on duty in the shifts before
        self.empty_m = np.zeros(n)
        self.income = np.zeros(n)

    def __len__(self) -> int:
        return len(self.free_s)

    def turn_up(self, now_s: float) -> bool:
        """Begin the shifts that are due, of cars whose work is done; whether any did."""
        due, self._late = self._late, []
        while self._next_shift < len(self._shifts.on_s) and self._shifts.on_s[self._next_shift] <= now_s:
            due.append(self._next_shift)
            self._next_shift += 1
        began = False
        for shift in due:
            car = int(self._shifts.car[shift])
            if self.free_s[car] > now_s:
                self._late.append(shift)
            elif self._shifts.off_s[shift] > now_s:
                self._begin(car, shift)
                began = True
        return began

    def _begin(self, car: int, shift: int) -> None:
        if self.off_s[car] > -np.inf:
            self.before_s[car] += self._spell(np.inf)[car]
        self.moving[car], self.target_zone[car] = False, STAY  # it went off duty on the way
        self.on_s[car] = max(0.0, self._shifts.on_s[shift], self.free_s[car])
        self.off_s[car] = self._shifts.off_s[shift]
        self.place[car] = self._shifts.place[shift]

    def idle(self, now_s: float) -> Indexes:
        """Cars that may be asked: on duty and not at work."""
        return np.flatnonzero((self.free_s <= now_s) & (self.off_s > now_s)).astype(np.intp)

    def where(self, cars: Indexes, now_s: float) -> Floats:
        """The places of idle cars, those on their way somewhere on the straight line there."""
        places = self.place[cars].copy()
        on_way = np.flatnonzero(self.moving[cars])
        if len(on_way):
            going = cars[on_way]
            places[on_way] += self._share(going, now_s)[:, None] * (self.target[going] - self.place[going])
        return places

    def _share(self, cars: Indexes, now_s: float) -> Floats:
        way_s = np.maximum(self.there_s[cars] - self.left_s[cars], 1e-9)
        return np.clip((now_s - self.left_s[cars]) / way_s, 0.0, 1.0)

    def stand(self, cars: Indexes, now_s: float, detour: float) -> None:
        """End the ways of idle cars where they are now: what was driven counts as empty."""
        going = cars[self.moving[cars]]
        if len(going):
            here = self.where(going, now_s)
            self.empty_m[going] += detour * np.hypot(*(here - self.place[going]).T)
            self.place[going] = here
            self.moving[going] = False
            self.target_zone[going] = STAY

    def send(self, cars: Indexes, zones: Indexes, places: Floats, now_s: float, travel: TravelFit) -> None:
        """Let idle, standing cars drive to places; they may be asked on the way."""
        self.target[cars] = places
        self.target_zone[cars] = zones
        self.left_s[cars] = now_s
        straight_m = np.hypot(*(places - self.place[cars]).T)
        self.there_s[cars] = now_s + travel.seconds(straight_m, now_s)
        self.moving[cars] = True

    def take(self, cars: Indexes, *, until_s: Floats, at: Floats, approach_m: Floats, fares: Floats) -> None:
        """Standing cars go to a pick-up and drive a trip: busy until then, and then there."""
        self.free_s[cars] = until_s
        self.place[cars] = at
        self.empty_m[cars] += approach_m
        self.income[cars] += fares

    def on_duty_s(self, now_s: float) -> Floats:
        """Seconds each car has been on duty, work that outlasted its shift included."""
        return self.before_s + self._spell(now_s)

    def _spell(self, now_s: float) -> Floats:
        """Of the running or last shift. Work that is still to be finished counts up to `now_s`."""
        until = np.minimum(np.maximum(self.off_s, self.free_s), now_s)
        return np.where(np.isfinite(self.on_s), np.maximum(until - self.on_s, 0.0), 0.0)

    def income_per_hour(self, cars: Indexes, now_s: float) -> Floats:
        """Cents per hour on duty so far; NaN for those who have just begun."""
        on_duty_s = self.on_duty_s(now_s)[cars]
        known = on_duty_s >= INCOME_KNOWN_AFTER_S
        return np.where(known, self.income[cars] * 3_600 / np.where(known, on_duty_s, 1.0), np.nan)
