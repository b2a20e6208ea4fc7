"""The index against a model that measures everybody, over the whole globe and through any history."""

from dataclasses import dataclass, replace
from math import inf
from uuid import UUID

import h3.api.basic_int as h3
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import geo.nearby
from geo.cells import cell_of
from geo.live import ANY_SERVICE, GONE_AFTER, STALE_AFTER, Fix, FixRefusal, LiveIndex
from geo.points import LatLng, crow_many_m
from geo.units import Meters

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


@dataclass(frozen=True)
class Known:
    services: int
    available: bool = True
    fix: Fix | None = None


class LiveTown(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(geo.nearby, "_TREE_FROM", 2)  # so that twelve rows already grow trees
        self.patch.setattr(geo.nearby, "_SPARE", 0)
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

    @rule()
    def sweep(self):
        gone = [
            provider
            for provider, known in sorted(self.known.items())
            if known.fix is not None and self.now - known.fix.at > GONE_AFTER
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
            (float(crow_many_m([known.fix.lat], [known.fix.lon], p)[0]), provider)
            for provider, known in self.known.items()
            if known.fix is not None
            and self.now - known.fix.at <= STALE_AFTER
            and (known.available or not only_available)
            and (mask == ANY_SERVICE or known.services & mask)
        ]
        expected = sorted(pair for pair in everyone if pair[0] <= within)[:k]
        assert [(point.away_m, point.provider) for point in found] == expected

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


TestLiveTown = LiveTown.TestCase
TestLiveTown.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
