"""The index against a model that measures everybody, over the whole globe and through any history."""

import copy
import math
from dataclasses import dataclass, replace
from math import inf
from uuid import UUID

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import geo
import geo.grid
import geo.hexagons
import geo.icosahedron
import geo.kernels
import geo.nearby
import geo.register
import geo.rowtable
from geo.addresses import prepare_cells
from geo.cells import cell_of
from geo.live import ANY_SERVICE, GONE_AFTER, STALE_AFTER, VERDICTS, Fix, Fixes, FixRefusal, LiveIndex
from geo.points import LatLng, chord2_of, crow_m, meters_of, on_sphere
from geo.register import prepare_table
from geo.units import Meters
from tests.geo.plainkernels import plain_kernels

START = 1_700_000_000.0
providers = st.integers(1, 12).map(lambda i: UUID(int=i << 60))
masks = st.integers(0, 7)
corners = [LatLng(*h3.cell_to_latlng(cell)) for cell in h3.get_pentagons(9)[:4]]
corners += [LatLng(90, 0), LatLng(-90, 10), LatLng(0, 180), LatLng(0, -180), LatLng(43.73, 7.42)]
anywhere = st.builds(LatLng, st.floats(-90, 90), st.floats(-180, 180))
near_a_corner = st.builds(
    lambda c, dlat, dlon: LatLng(max(-90, min(90, c.lat + dlat)), max(-180, min(180, c.lon + dlon))),
    st.sampled_from(corners),
    st.sampled_from([0, 1e-3, -1e-3, 2e-5]),
    st.sampled_from([0, 1e-3, -1e-3, 2e-5]),
)
places = st.one_of(near_a_corner, anywhere, st.sampled_from(corners))


def chord2(fix: Fix, p: LatLng) -> float:
    x, y, z = (on_sphere([fix.lat], [fix.lon]) - on_sphere([p.lat], [p.lon]))[0].tolist()
    return float(x * x + y * y + z * z)


@dataclass(frozen=True)
class Known:
    services: int
    available: bool = True
    fix: Fix | None = None


PLAIN = {module: plain_kernels(module) for module in (geo.kernels, geo.rowtable, geo.hexagons)}
COMPILED = {module: module for module in PLAIN}


class LiveTown(RuleBasedStateMachine):
    grid_from = 0
    kernels = PLAIN

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(geo.nearby, "GRID_FROM", self.grid_from)
        self.patch.setattr(geo.register, "_MANY", 2)
        self.patch.setattr(geo.grid, "kernels", self.kernels[geo.kernels])
        self.patch.setattr(geo, "rowtable", self.kernels[geo.rowtable])
        self.patch.setattr(geo.icosahedron, "hexagons", self.kernels[geo.hexagons])
        self.patch.setattr(geo.grid, "_SLOTS_SPARE", 4)  # so that blocks run out
        self.index = LiveIndex(fastest_mps=inf)
        self.known: dict[UUID, Known] = {}
        self.now = START

    def teardown(self) -> None:
        self.patch.undo()

    @initialize(fleet=st.dictionaries(providers, places, min_size=6))
    def morning(self, fleet):
        for provider in fleet:
            self.goes_on_duty(provider, 1)
        self.report(fleet, 0)

    @rule(seconds=st.sampled_from([0.5, 10, 29, 31, 119, 200]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(provider=providers, services=masks)
    def goes_on_duty(self, provider, services):
        self.index.put_on_duty(provider, services)
        self.known[provider] = replace(self.known.get(provider, Known(0)), services=services)

    @rule(provider=providers)
    def goes_off_duty(self, provider):
        self.index.take_off_duty(provider)
        self.known.pop(provider, None)

    @rule(provider=providers, available=st.booleans())
    def is_free_or_busy(self, provider, available):
        self.index.set_available(provider, available)
        if provider in self.known:
            self.known[provider] = replace(self.known[provider], available=available)

    @rule(fleet=st.dictionaries(providers, places), age=st.sampled_from([0, 5, 40]))
    def report(self, fleet, age):
        for provider, p in fleet.items():
            fix = Fix(p.lat, p.lon, self.now - age)
            answer = self.index.report(provider, fix, self.now)
            known = self.known.get(provider)
            if known is None:
                assert answer is FixRefusal.OFF_DUTY
            elif known.fix is not None and known.fix.at >= fix.at:
                assert answer in {FixRefusal.OLDER, FixRefusal.DUPLICATE}
            else:
                assert answer is None
                self.known[provider] = replace(known, fix=fix)

    @rule(
        sent=st.lists(
            st.tuples(
                providers,
                places,
                st.sampled_from([-6, 0, 0.5, 5, 40, 130]),
                st.sampled_from([math.nan, 5, 900]),
            )
        ),
    )
    def report_many(self, sent):
        """Twice in a batch too: exactly as one after another."""
        alone = copy.deepcopy(self.index)
        one_by_one = [
            alone.report(
                provider, Fix(p.lat, p.lon, self.now - age, None if math.isnan(poor) else poor), self.now
            )
            for provider, p, age, poor in sent
        ]
        fixes = Fixes.of(
            [p.lat for _, p, _, _ in sent],
            [p.lon for _, p, _, _ in sent],
            [self.now - age for _, _, age, _ in sent],
            accuracy_m=[poor for _, _, _, poor in sent],
        )
        answers = self.index.report_many([provider for provider, *_ in sent], fixes, self.now)
        assert [VERDICTS[answer] for answer in answers] == one_by_one
        for provider, _, _, _ in sent:
            here = self.index.newest(provider)
            assert here == alone.newest(provider)
        for (provider, p, age, _), answer in zip(sent, one_by_one, strict=True):
            if answer is None:
                self.known[provider] = replace(self.known[provider], fix=Fix(p.lat, p.lon, self.now - age))

    @rule()
    def sweep(self):
        gone = [
            provider
            for provider, known in sorted(self.known.items())
            if known.fix is not None and self.now - min(known.fix.at, self.now) > GONE_AFTER
        ]
        assert self.index.sweep(self.now) == gone
        for provider in gone:
            self.known[provider] = replace(self.known[provider], fix=None)

    @rule(
        p=places,
        k=st.integers(1, 6),
        within=st.sampled_from([0.0, 150.0, 5_000.0, 10_000_000.0, 25_000_000.0]),
        mask=st.one_of(st.just(ANY_SERVICE), masks),
        only_available=st.booleans(),
    )
    def nearest_is_what_brute_force_finds(self, p, k, within, mask, only_available):
        asked = {"k": k, "within_m": Meters(within), "services_mask": mask, "only_available": only_available}
        found = self.index.nearest(p, now=self.now, **asked)
        everyone = [
            (chord2(known.fix, p), provider)
            for provider, known in self.known.items()
            if known.fix is not None
            and self.now - min(known.fix.at, self.now) <= STALE_AFTER
            and (known.available or not only_available)
            and (mask == ANY_SERVICE or known.services & mask)
        ]
        expected = sorted(pair for pair in everyone if pair[0] <= chord2_of(within))[:k]
        assert [point.provider for point in found] == [provider for _, provider in expected]
        assert [point.away_m for point in found] == meters_of(
            np.array([away2 for away2, _ in expected])
        ).tolist()
        for point in found:
            straight = crow_m(p, point.place)
            assert point.away_m == pytest.approx(straight, abs=1e-6 if straight < 1e7 else 0.5)
        rows, away = self.index.nearest_many([p.lat, -p.lat], [p.lon, p.lon], now=self.now, **asked)
        assert self.index.providers_of(rows[0]) == [point.provider for point in found] + [None] * (
            k - len(found)
        )
        assert [m for m in away[0].tolist() if m < inf] == [point.away_m for point in found]

    @invariant()
    def snapshot_is_everyone_not_gone(self):
        seen = self.index.snapshot(self.now)
        live = {
            provider: known.fix
            for provider, known in sorted(self.known.items())
            if known.fix is not None and self.now - known.fix.at <= GONE_AFTER
        }
        assert seen.ids == tuple(live)
        assert list(zip(seen.lat, seen.lon, seen.at, strict=True)) == [
            (f.lat, f.lon, f.at) for f in live.values()
        ]
        assert seen.cell.tolist() == [cell_of(LatLng(f.lat, f.lon)) for f in live.values()]
        assert sum(self.index.counts_by_cell(7, self.now).values()) == len(live)
        assert len(self.index) == len(self.known)
        asked = [*self.known, UUID(int=2**127)]
        told = dict(zip(asked, zip(*self.index.known_of(asked, self.now), strict=True), strict=True))
        ages = [max(0.0, self.now - f.at) for f in live.values()]
        assert [told[who] for who in live] == [
            (f.lat, f.lon, age) for f, age in zip(live.values(), ages, strict=True)
        ]
        assert all(np.isnan(told[who]).all() for who in asked if who not in live)
        offers = ((seen.services & 2) != 0) & ~seen.stale
        assert self.index.offering(2, self.now) == (offers.sum(), (offers & seen.available).sum())


class SmallTown(LiveTown):
    grid_from = 1_000


class CompiledTown(LiveTown):
    kernels = COMPILED


def setup_module():
    geo.nearby.prepare_grid()  # before a deadline of Hypothesis looks
    prepare_cells()
    prepare_table()


TestLiveTown = LiveTown.TestCase
TestSmallTown = SmallTown.TestCase
TestCompiledTown = CompiledTown.TestCase
for case in (TestLiveTown, TestSmallTown, TestCompiledTown):
    case.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
