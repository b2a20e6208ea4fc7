"""The bus between processes: NATS core. At most once, like every bus here; what matters is in PostgreSQL."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Self

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from domain.rules.ports import Deliver
from realtime.bus_tally import BusTally

log = logging.getLogger(__name__)

UNSENT_BYTES = (
    8 * 1024 * 1024
)  # kept while the server is away or stuck; beyond it what is published is dropped
COMMAND_BYTES = 4_096  # more than the line above a payload takes
UNREAD_MESSAGES = 65_536  # a listener this far behind loses messages: the log fills gaps, positions come anew
UNREAD_BYTES = 64 * 1024 * 1024
RECONNECT_WAIT = 1.0  # s between attempts, for ever: a bus that is away costs freshness, never truth
TOLD_WITHIN = 2  # s for the server to have taken a subscription, or what is unsent at the end
LOST_AFTER = 2  # unanswered pings, one every five seconds
PING_EVERY = 5


class NatsBus:
    """One connection to NATS, shared by the process. Make it with `await NatsBus.connected(url)`."""

    def __init__(self, client: Client, unread_messages: int) -> None:
        self._client = client
        self._unread_messages = unread_messages
        self._closing = False
        self.tally = BusTally()

    @classmethod
    async def connected(cls, url: str, *, unread_messages: int = UNREAD_MESSAGES) -> Self:
        """Connect, as often as it takes: the caller bounds the wait. `unread_messages`: a listener's bound."""
        client = Client()
        bus = cls(client, unread_messages)
        await client.connect(
            url,
            name="coudmain",
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_WAIT,  # type: ignore[arg-type]  # annotated int, slept on as it is
            ping_interval=PING_EVERY,
            max_outstanding_pings=LOST_AFTER,
            pending_size=UNSENT_BYTES,
            error_cb=bus._failed,
            disconnected_cb=bus._disconnected,
            reconnected_cb=bus._reconnected,
        )
        return bus

    async def publish(self, subject: str, payload: bytes) -> None:
        """Hand over to the connection; never waits for the server. Dropped when too much is unsent, or it is closed.

        (The client itself would wait without end for a server that keeps its connection and reads nothing.)
        """
        if self._client.pending_data_size > UNSENT_BYTES // 2:
            await asyncio.sleep(0)  # a burst of ours: let what writes to the socket have its turn
        try:
            if self._client.pending_data_size + len(payload) > UNSENT_BYTES - COMMAND_BYTES:
                raise nats.errors.OutboundBufferLimitError
            await self._client.publish(subject, payload)
            self.tally.published += 1
        except nats.errors.Error as lost:
            self.tally.dropped += 1
            log.debug("dropped %s: %s", subject, lost)

    async def subscribe(self, pattern: str, deliver: Deliver) -> Callable[[], Awaitable[None]]:
        """Listen, also after reconnections. When this returns the server knows, or will once it is there."""

        async def heard(message: Msg) -> None:
            try:
                deliver(message.subject, message.data)
            except Exception:  # one message that cannot be taken does not end the listening
                log.exception("a listener failed on %s", message.subject)

        subscription = await self._client.subscribe(
            pattern, cb=heard, pending_msgs_limit=self._unread_messages, pending_bytes_limit=UNREAD_BYTES
        )

        async def end() -> None:
            if not self._client.is_closed and subscription._id in self._client._subs:  # noqa: SLF001 - it tells nowhere else
                await subscription.unsubscribe()

        if self._client.is_connected:
            try:
                await self._client.flush(TOLD_WITHIN)
            except nats.errors.Error as away:  # every subscription is made again at the reconnection
                log.warning("NATS: no word on the subscription to %s: %s", pattern, away)
            except asyncio.CancelledError:  # nobody will ever end it
                await end()
                raise
        return end

    async def ready(self) -> bool:
        return self._client.is_connected

    async def close(self) -> None:
        """Send what is waiting, if the server is there, and let go."""
        if self._client.is_closed:
            return
        self._closing = True
        try:
            async with asyncio.timeout(TOLD_WITHIN):
                if self._client.is_connected:
                    await self._client.flush()
        except (TimeoutError, nats.errors.Error):
            log.debug("closed with messages unsent")
        await self._client.close()

    async def _failed(self, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            self.tally.missed += 1
            if self.tally.missed & (self.tally.missed - 1):
                return  # each power of two is told: a flood must not fill the log
        log.warning("NATS: %s", str(error) or type(error).__name__)

    async def _disconnected(self) -> None:
        if not self._closing:
            log.warning("NATS: disconnected")

    async def _reconnected(self) -> None:
        self.tally.reconnects += 1
        log.info("NATS: connected again")
