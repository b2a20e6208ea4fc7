"""The sender through Firebase Cloud Messaging (HTTP v1), by firebase-admin.

The SDK's own habits do not fit a 15 s offer: 120 s of patience, and on a 503 five attempts in 7 silent seconds.
Here each call tries once; when to try again is decided by the push's own time, in `domain.rules.pushes`.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import firebase_admin
from firebase_admin import exceptions, messaging
from google.auth.exceptions import GoogleAuthError

from domain.rules.ports import Clock, Push, PushFate, PushResult
from notifications.payload import message

log = logging.getLogger(__name__)

HTTP_TIMEOUT: Final = 4.0  # s, the app's `httpTimeout`: to connect, and again for each read
MOST_S: Final = 10.0  # s; no send is waited for longer, whatever its ttl. Below the lease of a claim
AT_ONCE: Final = 32  # calls in flight; the 33rd waits inside its own ttl
SOONEST, LATEST = 1.0, 3_600.0  # s: what a carrier, or a proxy before it, may ask us to wait
QUOTA_REST: Final = 60.0  # s; FCM's advice where a 429 names no Retry-After

FATES: Final[tuple[tuple[type[Exception], PushFate], ...]] = (
    (messaging.UnregisteredError, PushFate.FORGET_DEVICE),
    (messaging.QuotaExceededError, PushFate.RETRY),
    (messaging.SenderIdMismatchError, PushFate.REFUSED),
    (messaging.ThirdPartyAuthError, PushFate.ALERT),
    (exceptions.InvalidArgumentError, PushFate.REFUSED),
    (exceptions.UnauthenticatedError, PushFate.ALERT),
    (exceptions.PermissionDeniedError, PushFate.ALERT),
    (exceptions.NotFoundError, PushFate.ALERT),  # of the project, not of a device: that is Unregistered
    (exceptions.ResourceExhaustedError, PushFate.RETRY),
    (exceptions.UnavailableError, PushFate.RETRY),
    (exceptions.InternalError, PushFate.RETRY),
    (exceptions.DeadlineExceededError, PushFate.RETRY),
    (exceptions.UnknownError, PushFate.RETRY),  # no answer one can read: the network, a proxy
    (exceptions.FirebaseError, PushFate.REFUSED),
    (ValueError, PushFate.REFUSED),  # the SDK does not even encode it
)
"""The first class that fits decides."""


class FcmSender:
    """Sends through one Firebase app, which it owns: `close` ends it.

    Calls run in threads of its own: the SDK's async client refreshes its credential with blocking calls.
    """

    def __init__(self, app: firebase_admin.App, clock: Clock, *, url: str | None = None) -> None:
        """`url` replaces `https://fcm.googleapis.com/v1/projects/<project>/messages:send` (a proxy, a fake)."""
        self._app = app
        self._clock = clock
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fcm")
        # Private, and the only way: the SDK has no option for its retries nor for its address (maintainers
        # refuse one: firebase-admin-java 374). The lock pins the version, a test counts the attempts.
        self._service: Any = messaging._get_messaging_service(app)  # noqa: SLF001 - see above
        for adapter in self._service._client.session.adapters.values():  # noqa: SLF001 - see above
            adapter.max_retries = adapter.max_retries.new(total=1, connect=1, read=0, status=0, other=0)
        # A 401 may be an access token that ran out: a fresh one is fetched and tried once, not twice as by itself.
        self._service._client.session._max_refresh_attempts = 1  # noqa: SLF001 - see above
        if url is not None:
            self._service._fcm_url = url  # noqa: SLF001 - see above

    async def send(self, push: Push) -> PushResult:
        """Try once, for no longer than the push lives. Never raises for what FCM answered.

        A push cut off may have arrived all the same; the app drops a number it has seen.
        """
        built = message(push, self._clock.now())
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(min(push.ttl_s, MOST_S)):
                name = await loop.run_in_executor(self._threads, messaging.send, built, False, self._app)
        except TimeoutError:
            return PushResult(PushFate.RETRY, "no answer in time")
        except GoogleAuthError as error:
            return _credentials_fail(error)
        except (exceptions.FirebaseError, ValueError) as error:
            return _judged(error)
        return PushResult(PushFate.SENT, str(name))

    async def close(self) -> None:
        """Let go of the app, its connections and its threads; what is in flight ends by its own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        # In a thread: the SDK closes its async client by `asyncio.run`, which a running loop forbids.
        await asyncio.to_thread(_let_go, self._app, self._service)


def fate_of(error: Exception) -> PushFate:
    """What an error of the SDK means for the push."""
    return next(fate for kind, fate in FATES if isinstance(error, kind))


def _judged(error: Exception) -> PushResult:
    fate, detail = fate_of(error), f"{type(error).__name__}: {error}"[:300]
    if fate is PushFate.ALERT:
        log.error("pushes do not go out, a human must look: %s", detail)
    elif fate is PushFate.REFUSED:
        log.warning("FCM refused a push: %s", detail)
    wait = _retry_after(error) if fate is PushFate.RETRY else None
    if wait is None and isinstance(error, messaging.QuotaExceededError | exceptions.ResourceExhaustedError):
        wait = QUOTA_REST
    return PushResult(fate, detail, wait, platform_only=isinstance(error, messaging.ThirdPartyAuthError))


def _credentials_fail(error: GoogleAuthError) -> PushResult:
    """No access token: by an outage of the token's server (`retryable`), or by keys a human must look at."""
    if getattr(error, "retryable", False):
        return PushResult(PushFate.RETRY, f"no access token: {error}"[:300])
    log.error("pushes do not go out, the credentials are refused: %s", error)
    return PushResult(PushFate.ALERT, f"no access token: {error}"[:300])


def _retry_after(error: Exception) -> float | None:
    """The seconds of a `Retry-After` header, within reason; its date form is not used by FCM and not read."""
    response = getattr(error, "http_response", None)
    with suppress(ValueError, TypeError):
        if response is not None:
            return max(SOONEST, min(LATEST, float(response.headers.get("Retry-After"))))
    return None


def _let_go(app: firebase_admin.App, service: Any) -> None:
    service._client.close()  # noqa: SLF001 - the SDK forgets its synchronous session
    firebase_admin.delete_app(app)
