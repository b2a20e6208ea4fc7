"""`offers`: from sending a request to the first offer on a provider's socket, in an idle town.

The dispatcher answers at once when it is quiet, and after a round rests for a window so that requests that come
close together are matched together. So requests are measured in pairs: one to a quiet dispatcher, and one at a
random moment of the rest after it. The rest that a request waited is the stored round's own: its moment less
the request's. The peer is what no engine could go below: an HTTP request that a transaction answers, and an echo.
"""

import asyncio
import contextlib
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect

from bench.figures import Outcome, Spread
from bench.phones import WITHIN, Ear, Phone
from bench.processes import data, engine
from domain.usecases.work import Knobs

WINDOW: Final = Knobs().round_window  # s
MARGIN: Final = 0.3  # s after the window: the empty round that makes the dispatcher quiet is over
MARKET: Final = "monaco"
SERVICE: Final = "ride-vtc"
PICKUP: Final = (43.7348, 7.4206)
DROP: Final = (43.7466, 7.4335)
AROUND: Final = 0.0004  # degrees, about 40 m: where the providers stand
FIX_EVERY: Final = 3.0  # s

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Two requests a pair, five seconds a pair."""

    pairs: int = 30
    providers: int = 10
    warm_up: int = 2  # pairs that are not counted: connections open, plans cached


@dataclass(slots=True)
class Heard:
    """Samples, in milliseconds."""

    quiet: list[float] = field(default_factory=list)
    resting: list[float] = field(default_factory=list)
    resting_less_rest: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)  # the 201 itself
    quotes: list[float] = field(default_factory=list)
    echoes: list[float] = field(default_factory=list)


async def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """One engine process with its own database, the phones in this one."""
    with data() as directory, engine(directory) as process, _echo_port() as port:
        async with (
            httpx.AsyncClient(timeout=WITHIN) as http,
            connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None) as echo,
        ):
            heard = await _town(sizes, random.Random(seed), http, process.url, echo, say)
    return _outcome(sizes, heard)


def _outcome(sizes: Sizes, heard: Heard) -> Outcome:
    less = [*heard.quiet, *heard.resting_less_rest]
    quotes, echoes = Spread.of(heard.quotes), Spread.of(heard.echoes)
    floor = quotes.median + echoes.median
    figures: dict[str, Spread | float] = {
        "raw_ms": Spread.of([*heard.quiet, *heard.resting]),
        "less_window_ms": Spread.of(less),
        "quiet_ms": Spread.of(heard.quiet),
        "resting_ms": Spread.of(heard.resting),
        "resting_less_rest_ms": Spread.of(heard.resting_less_rest),
        "request_answered_ms": Spread.of(heard.answered),
        "quote_ms": quotes,
        "echo_ms": echoes,
    }
    return Outcome(
        name="offers",
        measures="ms from sending POST /v1/requests to the first offer.created on a provider's socket",
        peer="POST /v1/quotes (one HTTP request, one transaction) plus a bare WebSocket echo",
        sizes={"requests": 2 * sizes.pairs, "providers": sizes.providers, "window_s": WINDOW},
        figures=figures,
        ratios={"less_window_to_floor": Spread.of(less).median / floor},
        notes=(
            "quiet: nothing was open, the round begins at once; resting: sent at random in the rest after a round",
            "less_window: quiet as measured, resting less the rest it waited by the stored round's own time",
        ),
    )


async def _town(
    sizes: Sizes, dice: random.Random, http: httpx.AsyncClient, url: str, echo: ClientConnection, say: Say
) -> Heard:
    ear, heard = Ear(), Heard()
    customer, ops = Phone(http, url), Phone(http, url)
    await customer.sign_in("+37760000001")
    await ops.sign_in("+37760000002")
    await ops.call("POST", "/v1/dev/ops", {"phone": "+37760000002"})
    await ops.sign_in("+37760000002")
    async with contextlib.AsyncExitStack() as stack:
        providers = [Phone(http, url) for _ in range(sizes.providers)]
        for number, provider in enumerate(providers):
            await provider.sign_in(f"+3776000010{number:02}")
            await provider.go_on_duty(SERVICE, MARKET)
            await stack.enter_async_context(provider.listening(ear))
        await stack.enter_async_context(_standing_around(providers, dice))
        asker = _Asker(customer, ops, ear, heard, echo)
        for pair in range(-sizes.warm_up, sizes.pairs):
            if pair == 0:
                heard = asker.heard = Heard()
            await asker.pair(dice)
            if pair % 5 == 4:
                say(f"{2 * (pair + 1)} requests: quiet median {Spread.of(heard.quiet).median:.1f} ms")
    return heard


@dataclass
class _Asker:
    """The customer, and ops who read how long a request waited for its round."""

    customer: Phone
    ops: Phone
    ear: Ear
    heard: Heard
    echo: ClientConnection

    async def pair(self, dice: random.Random) -> None:
        """A request to a quiet dispatcher, then one in the rest after its round."""
        await asyncio.sleep(WINDOW + MARGIN + dice.random() * MARGIN)
        took, _ = await self._ask()
        self.heard.quiet.append(took)
        await asyncio.sleep(dice.uniform(0.02, 0.9) * WINDOW)
        took, rest = await self._ask()
        self.heard.resting.append(took)
        self.heard.resting_less_rest.append(took - rest)

    async def _ask(self) -> tuple[float, float]:
        """Ask, hear the offer, cancel: how long it took, and how long the round let it wait. Milliseconds."""
        began = time.perf_counter()
        quote = await self.customer.call("POST", "/v1/quotes", _wish())
        self.heard.quotes.append(_ms_since(began))
        began = time.perf_counter()
        await self.echo.send("an offer is about this long, near enough" * 20)
        await self.echo.recv()
        self.heard.echoes.append(_ms_since(began))

        began = time.perf_counter()
        request = await self.customer.call("POST", "/v1/requests", {"quote_id": quote["quote_id"]})
        self.heard.answered.append(_ms_since(began))
        heard_at = await self.ear.first("offer.created", request["id"])
        await self.customer.call("POST", f"/v1/requests/{request['id']}/cancel", {})
        rounds = await self.ops.call("GET", f"/v1/ops/requests/{request['id']}/rounds")
        began_at = min(datetime.fromisoformat(one["at"]) for one in rounds["items"])
        rest = (began_at - datetime.fromisoformat(request["created_at"])).total_seconds() * 1e3
        return (heard_at - began) * 1e3, max(rest, 0.0)


def _wish() -> dict[str, Any]:
    stops = [("pickup", PICKUP), ("drop", DROP)]
    return {
        "service": SERVICE,
        "stops": [{"kind": kind, "lat": lat, "lon": lon} for kind, (lat, lon) in stops],
    }


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1e3


@contextlib.asynccontextmanager
async def _standing_around(providers: list[Phone], dice: random.Random) -> AsyncIterator[None]:
    """Everybody near the pickup, and heard from every few seconds."""
    places = [
        (PICKUP[0] + dice.uniform(-AROUND, AROUND), PICKUP[1] + dice.uniform(-AROUND, AROUND))
        for _ in providers
    ]

    async def report() -> None:
        for provider, (lat, lon) in zip(providers, places, strict=True):
            await provider.stand_at(lat, lon)

    async def keep_reporting() -> None:
        while True:
            await asyncio.sleep(FIX_EVERY)
            await report()

    await report()
    task = asyncio.create_task(keep_reporting())
    try:
        yield
    finally:
        task.cancel()


@contextlib.contextmanager
def _echo_port() -> Iterator[int]:
    """The port of an echo server in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.echo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()
