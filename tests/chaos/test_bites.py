"""A fault that did nothing is found: what is missing is named, and the run has proved nothing."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from bench.bites import SIGNS, Seen, Sign, tallied, toothless
from bench.faults import family_of, freeze, stand_still, thaw
from bench.schedule import Event, Fault, schedule

PLAN = schedule(3, cycles=2, every=1.0, longest=2.0)
FREEZES = 100  # of a parent that always begins something: some of them fall between its fork and its standing
EVERY_SIGN = [(fault, sign) for fault in Fault for sign in sorted(SIGNS[fault])]


def seen_of_all(but: tuple[Event, Sign] | None = None) -> Seen:
    """Everything was seen, but for one sign of one event."""
    seen = Seen()
    for event in PLAN:
        for sign in SIGNS[event.fault]:
            seen.note(event, sign, there=(event, sign) != but)
    return seen


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A process that does nothing, and one that it began."""
    with subprocess.Popen(["sh", "-c", "sleep 600 & wait"], start_new_session=True) as shell:
        yield shell.pid
        os.killpg(shell.pid, signal.SIGKILL)


@pytest.fixture
def busy_parent() -> Iterator[int]:
    """A process that begins another as soon as the last has ended."""
    with subprocess.Popen(["sh", "-c", "while :; do (:); done"], start_new_session=True) as shell:
        yield shell.pid
        os.killpg(shell.pid, signal.SIGKILL)


def test_a_run_in_which_every_fault_bit_is_one():
    assert toothless(PLAN, seen_of_all()) == []
    assert tallied(PLAN, seen_of_all()) == {fault.name.lower(): {"injected": 2, "bit": 2} for fault in Fault}


@pytest.mark.parametrize(("fault", "sign"), EVERY_SIGN, ids=lambda one: one.name.lower())
def test_a_fault_of_which_a_sign_is_missing_did_not_bite(fault: Fault, sign: Sign):
    event = next(event for event in PLAN if event.fault is fault)
    seen = seen_of_all(but=(event, sign))
    (words,) = toothless(PLAN, seen)
    assert words == f"{fault}, at {event.at:.2f} s, did not bite; not seen: {sign}"
    counts = tallied(PLAN, seen)
    assert counts.pop(fault.name.lower()) == {"injected": 2, "bit": 1}
    assert all(count == {"injected": 2, "bit": 2} for count in counts.values())


def test_of_faults_that_nobody_looked_at_none_bit():
    assert len(toothless(PLAN, Seen())) == len(PLAN)
    assert not any(count["bit"] for count in tallied(PLAN, Seen()).values())


def test_every_fault_has_signs_of_its_own():
    assert SIGNS.keys() == set(Fault)
    assert all(SIGNS.values())


def test_a_sign_of_one_event_is_none_of_another_of_its_kind():
    seen = Seen()
    first, second = (event for event in PLAN if event.fault is Fault.SKEW_CLOCKS)
    seen.note(second, Sign.CLOCK_REFUSED, there=True)
    assert toothless([second], seen) == []
    assert len(toothless([first], seen)) == 1


def test_what_was_frozen_stands_still_until_it_is_thawed(sleeper: int):
    assert not stand_still([sleeper])
    frozen = freeze(sleeper)
    assert stand_still(frozen)
    thaw(frozen[:1])
    assert not stand_still(frozen)
    thaw(frozen)
    assert not stand_still([])
    assert not stand_still([2**22 + 1])  # above every pid there can be


def test_what_a_process_begins_while_it_is_being_frozen_stands_too(busy_parent: int):
    for _ in range(FREEZES):
        frozen = freeze(busy_parent)
        stood, family = stand_still(frozen), family_of(busy_parent)
        thaw(frozen)
        assert stood
        assert family == frozen
