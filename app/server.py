"""HTTP and sockets on one address, under uvicorn, with stopping in our own hands."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

import uvicorn
from fastapi import FastAPI

from app.settings import SettingsError
from app.slowness import FinalSocket, HurriedProtocol

LARGEST_FRAME: Final = 64 * 1024  # bytes; the session itself closes beyond 16 KiB, with 1009 and a reason
BACKLOG: Final = 2048
KEPT_OPEN: Final = (
    75  # s without a request; proxies reuse a line for a minute, and who closes first wins no race
)
LET_GO: Final = 3  # s for answers under way when we stop


class PortTaken(SettingsError):
    """The address is in use; the message says what to do."""


class Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the command line has one way to stop everything."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bound(host: str, port: int) -> socket.socket:
    """The socket that will listen, bound before anything slow is done. Raises `PortTaken`.

    It does not listen yet: a client that connects while we start is refused and tries another process, where in our
    queue it would wait for as long as the start takes.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with _named(listener, port):
        listener.bind((host, port))
    return listener


@contextlib.contextmanager
def _named(listener: socket.socket, port: int) -> Iterator[None]:
    """What an address cannot be had for, in words; the socket is closed then."""
    try:
        yield
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} is in use; stop what runs there or choose another: --port {port + 1}"
            ) from error
        if error.errno == errno.EACCES:
            raise PortTaken(f"port {port} is for administrators; choose another: --port 8000") from error
        if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
            raise PortTaken(
                "this machine has no such address: --host 127.0.0.1, or 0.0.0.0 for all it has"
            ) from error
        raise


def make(api: FastAPI) -> Server:
    """A server for the application; run it with `serve(sockets=[listener])`."""
    config = uvicorn.Config(
        api,
        http=HurriedProtocol,
        ws=FinalSocket,
        ws_max_size=LARGEST_FRAME,
        ws_per_message_deflate=False,  # triples the memory of a connection (notes: 31 -> 70 KB)
        ws_ping_interval=45.0,  # something goes down even where nothing happens: proxies close lines quiet for a minute
        ws_ping_timeout=None,  # who is silent is for the session to judge, and closed with a code of ours
        lifespan="off",
        log_config=None,
        access_log=False,  # api.frame logs, without tokens
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEPT_OPEN,
        timeout_graceful_shutdown=LET_GO,
    )
    return Server(config)


@contextlib.asynccontextmanager
async def answering(
    api: FastAPI, listener: socket.socket, farewell: Callable[[], Awaitable[None]]
) -> AsyncIterator["asyncio.Task[None]"]:
    """Serve while inside; yields the server's task once it answers. `farewell` comes before the last answers."""
    with _named(listener, listener.getsockname()[1]):
        listener.listen(BACKLOG)  # here somebody who bound it at the same moment may have been faster
    web = make(api)
    task = asyncio.create_task(web.serve(sockets=[listener]))
    try:
        while not web.started and not task.done():  # noqa: ASYNC110 - uvicorn tells by this attribute alone
            await asyncio.sleep(0.01)
        yield task
    finally:
        await farewell()
        web.should_exit = True
        _, late = await asyncio.wait({task}, timeout=LET_GO + 1)
        for one in late:
            one.cancel()
