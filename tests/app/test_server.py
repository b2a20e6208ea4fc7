"""The address: whose it is, from when on it is answered, how long a line stays open between two requests."""

import asyncio

import pytest
from fastapi import FastAPI

from app import server

REUSED_FOR = 60  # s: how long the usual proxies keep a quiet line to whoever is behind them


def test_a_quiet_line_outlives_the_clients_patience_with_it():
    """Who sends into a line that was closed at that very moment has lost a request without an answer."""
    assert server.make(FastAPI()).config.timeout_keep_alive > REUSED_FOR


async def nobody() -> None:
    """No farewell."""


async def test_who_comes_while_we_start_is_refused_and_goes_elsewhere():
    listener = server.bound("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    async with server.answering(FastAPI(), listener, nobody):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()


async def test_an_address_that_somebody_has_is_told_by_its_number():
    ours = server.bound("127.0.0.1", 0)
    port = ours.getsockname()[1]
    theirs = server.bound("127.0.0.1", port)  # at the same moment: nobody listens yet
    async with server.answering(FastAPI(), ours, nobody):
        with pytest.raises(server.PortTaken, match=str(port)):
            server.bound("127.0.0.1", port)
        with pytest.raises(server.PortTaken, match=str(port)):
            async with server.answering(FastAPI(), theirs, nobody):
                pass


@pytest.mark.parametrize("host", ["192.0.2.1", "nosuch.invalid"])
def test_an_address_that_this_machine_has_not_is_told(host: str):
    with pytest.raises(server.PortTaken, match=r"no such address: --host 127\.0\.0\.1"):
        server.bound(host, 0)


def test_a_silent_phone_is_closed_by_the_session_with_a_code_of_the_contract():
    assert server.make(FastAPI()).config.ws_ping_timeout is None, "uvicorn would close it with 1011"
