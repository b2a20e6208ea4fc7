"""The bus of a single process: a dictionary of listeners, delivery by plain call."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from domain.rules.ports import Deliver
from realtime.bus_tally import BusTally

log = logging.getLogger(__name__)

REST: Final = ">"
ANY_WORD: Final = "*"


def matches(pattern: str, subject: str) -> bool:
    """Whether `pattern` asks for `subject`, as to NATS: `*` is one word, a last `>` one word or more."""
    wanted, words = pattern.split("."), subject.split(".")
    if wanted[-1] == REST:
        wanted.pop()
        if len(words) <= len(wanted):
            return False
        words = words[: len(wanted)]
    return len(wanted) == len(words) and all(w in {ANY_WORD, s} for w, s in zip(wanted, words, strict=True))


class InProcBus:
    """Delivers inside `publish`, in order of subscription; a listener that raises stops nobody else.

    No queue, hence no bound to keep: a listener must not block, and does its own conflating.
    """

    def __init__(self) -> None:
        self._exact: dict[str, dict[int, Deliver]] = {}
        self._wild: dict[int, tuple[str, Deliver]] = {}
        self._next = 0
        self._closed = False
        self.tally = BusTally()

    async def publish(self, subject: str, payload: bytes) -> None:
        """Call every listener of this subject now. After `close` nobody listens."""
        self.tally.published += 1
        found = list(self._exact.get(subject, {}).items())
        found += [
            (key, deliver) for key, (pattern, deliver) in self._wild.items() if matches(pattern, subject)
        ]
        for _, deliver in sorted(found, key=lambda pair: pair[0]):
            try:
                deliver(subject, payload)
            except Exception:  # whatever one listener does, the others and the publisher go on
                log.exception("a listener failed on %s", subject)

    async def subscribe(self, pattern: str, deliver: Deliver) -> Callable[[], Awaitable[None]]:
        """Listen from now on; the returned coroutine function ends it (more than once does no harm)."""
        key, self._next = self._next, self._next + 1
        if self._closed:
            raise RuntimeError("this bus is closed")
        if is_pattern(pattern):
            self._wild[key] = (pattern, deliver)
        else:
            self._exact.setdefault(pattern, {})[key] = deliver

        async def end() -> None:
            self._wild.pop(key, None)
            listeners = self._exact.get(pattern, {})
            listeners.pop(key, None)
            if not listeners:
                self._exact.pop(pattern, None)

        return end

    async def ready(self) -> bool:
        return not self._closed

    async def close(self) -> None:
        self._exact.clear()
        self._wild.clear()
        self._closed = True


def is_pattern(text: str) -> bool:
    """Whether it asks for more than one subject."""
    return not {ANY_WORD, REST}.isdisjoint(text.split("."))
