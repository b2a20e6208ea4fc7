"""Token buckets in memory, per account and per address, before any row is read.

Each process counts for itself: the limits protect a process from a client, not the world from a bill (what
costs money, one-time codes, is counted in the database).
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.bearer import read_bearer, remember_bearer
from api.languages import language_of
from api.problems import problem_response, refusal_body
from domain.rules.errors import TooMany
from domain.rules.tokens import Claims
from domain.usecases.work import Tools

MOST_BUCKETS: Final = 100_000  # 15 MB; the least recently used go first, which are full again anyway


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` tokens come back each second, up to `burst`."""

    per_second: float
    burst: int

    @property
    def window_s(self) -> int:
        """Seconds in which an empty bucket fills."""
        return max(1, math.ceil(self.burst / self.per_second))


ACCOUNT: Final = Rate(50, 150)  # one phone: positions each second, reads, and room for a burst of taps
STRANGER: Final = Rate(50, 300)  # an address whose caller has not signed in: sign-ins, catalogue reads
ADDRESS: Final = Rate(3_000, 6_000)  # a town of phones behind one network address
CODES: Final = Rate(0.1, 30)  # one-time codes asked for from one address: each may cost an SMS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a bucket says: the headers' numbers. `wait_s` is 0 when the request may pass."""

    policy: str
    rate: Rate
    left: int
    full_in_s: int
    wait_s: float


class Buckets:
    """The buckets of one policy, by key. `now` is monotonic seconds, passed in."""

    def __init__(self, policy: str, rate: Rate) -> None:
        self._policy, self._rate = policy, rate
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> Verdict:
        """Take one token from the key's bucket if there is one."""
        level, at = self._levels.pop(key, (float(self._rate.burst), now))
        level = min(float(self._rate.burst), level + max(0.0, now - at) * self._rate.per_second)
        passes = level >= 1
        if passes:
            level -= 1
        self._levels[key] = (level, now)
        if len(self._levels) > MOST_BUCKETS:
            self._levels.popitem(last=False)
        return Verdict(
            policy=self._policy,
            rate=self._rate,
            left=int(level),
            full_in_s=math.ceil((self._rate.burst - level) / self._rate.per_second),
            wait_s=0.0 if passes else (1 - level) / self._rate.per_second,
        )


def too_many(verdict: Verdict) -> TooMany:
    """The refusal for an empty bucket."""
    return TooMany(
        retry_after_s=round(verdict.wait_s, 3),
        policy=verdict.policy,
        limit=verdict.rate.burst,
        window_s=verdict.rate.window_s,
    )


def limit_headers(verdict: Verdict) -> dict[str, str]:
    """The two fields of draft-ietf-httpapi-ratelimit-headers-10."""
    return {
        "RateLimit-Policy": f'"{verdict.policy}";q={verdict.rate.burst};w={verdict.rate.window_s}',
        "RateLimit": f'"{verdict.policy}";r={verdict.left};t={verdict.full_in_s}',
    }


def address_of(scope: Scope) -> str:
    """The peer's address; behind a proxy the server has already put the forwarded one there."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


class CodeLimit:
    """How many one-time codes one address may have sent. The console sender of development costs nothing."""

    def __init__(self, rate: Rate, monotonic: Callable[[], float], *, free: bool) -> None:
        self._buckets, self._monotonic, self._free = Buckets("codes", rate), monotonic, free

    def pass_or_refuse(self, scope: Scope) -> None:
        """`TooMany` when the address has had its share."""
        if self._free:
            return
        verdict = self._buckets.take(address_of(scope), self._monotonic())
        if verdict.wait_s:
            raise too_many(verdict)


class Limits:
    """ASGI layer: who is asking, and may they now? Only the API is counted closely, files are not."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        tools: Tools,
        account: Rate,
        stranger: Rate,
        address: Rate,
        monotonic: Callable[[], float],
        exempt: Sequence[str] = ("/healthz", "/readyz", "/metrics"),
    ) -> None:
        self._app, self._tools, self._monotonic, self._exempt = app, tools, monotonic, tuple(exempt)
        self._accounts = Buckets("account", account)
        self._strangers = Buckets("stranger", stranger)
        self._addresses = Buckets("address", address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        verdict = self._judge(scope)
        headers = limit_headers(verdict)
        if verdict.wait_s:
            request_id = str(scope.get("state", {}).get("request_id", ""))
            language = language_of(Headers(scope=scope))
            refused = problem_response(refusal_body(too_many(verdict), request_id, language), headers)
            await refused(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self._app(scope, receive, told)

    def _judge(self, scope: Scope) -> Verdict:
        """The first empty bucket, else the one that is closest to who is asking."""
        now, address = self._monotonic(), address_of(scope)
        overall = self._addresses.take(address, now)
        if overall.wait_s or not scope["path"].startswith("/v1/"):
            return overall
        found = read_bearer(scope, self._tools)
        remember_bearer(scope, found)
        if isinstance(found, Claims):
            return self._accounts.take(found.account_id.hex, now)
        return self._strangers.take(address, now)
