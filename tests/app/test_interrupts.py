"""What Ctrl-C does while a process loads, and what it does after."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from app.interrupts import ends_at_once


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def other(*_: object) -> None:
    """Somebody's own way with it."""


def test_it_ends_the_process_meanwhile_and_is_an_exception_after():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with ends_at_once():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("before", [signal.SIG_IGN, other])
def test_where_it_is_ignored_or_somebodys_it_stays_so(before: Any):
    signal.signal(signal.SIGINT, before)
    with ends_at_once():
        assert signal.getsignal(signal.SIGINT) is before
    assert signal.getsignal(signal.SIGINT) is before
