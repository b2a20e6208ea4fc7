"""The payment service, with its answers counted."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from domain.rules.money import Cents, Money
from domain.rules.ports import Psp, PspAnswer, PspTimeout

SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)  # s; the engine waits three


class CountedPsp:
    """Any payment service; what it answers is counted and passed on unchanged."""

    def __init__(
        self, psp: Psp, registry: CollectorRegistry, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._psp, self._monotonic = psp, monotonic
        self._answers = Counter(
            "coudmain_psp_answers",
            "What the payment service said.",
            ("operation", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "coudmain_psp_seconds",
            "How long it took to say it.",
            ("operation",),
            registry=registry,
            buckets=SECONDS,
        )

    async def authorise(self, key: str, amount: Money, *, method: str, meta: Mapping[str, Any]) -> PspAnswer:
        return await self._counted("authorise", self._psp.authorise(key, amount, method=method, meta=meta))

    async def capture(self, key: str, ref: str, amount: Cents) -> PspAnswer:
        return await self._counted("capture", self._psp.capture(key, ref, amount))

    async def release(self, key: str, ref: str) -> PspAnswer:
        return await self._counted("release", self._psp.release(key, ref))

    async def refund(self, key: str, ref: str, amount: Cents) -> PspAnswer:
        return await self._counted("refund", self._psp.refund(key, ref, amount))

    async def _counted(self, operation: str, asked: Awaitable[PspAnswer]) -> PspAnswer:
        began, outcome = self._monotonic(), "failed"
        try:
            answer = await asked
            outcome = answer.outcome.value
        except PspTimeout:
            outcome = "timeout"
            raise
        finally:
            self._answers.labels(operation, outcome).inc()
            self._seconds.labels(operation).observe(self._monotonic() - began)
        return answer
