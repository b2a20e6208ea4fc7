"""How long a line stays open between two requests."""

from fastapi import FastAPI

from app import server

REUSED_FOR = 60  # s: how long the usual proxies keep a quiet line to whoever is behind them


def test_a_quiet_line_outlives_the_clients_patience_with_it():
    """Who sends into a line that was closed at that very moment has lost a request without an answer."""
    assert server.make(FastAPI()).config.timeout_keep_alive > REUSED_FOR
