"""What the payment service sends us. A webhook is a hint: it makes us ask again, and is never believed by itself."""

import hashlib
import hmac
import json

from domain.rules.errors import NotFound
from domain.store import money as store
from domain.store.timers import TimerKind
from domain.usecases.work import Work


def sign(hashes: bytes, body: bytes) -> str:
    """The signature of a webhook of this installation: HMAC-SHA256 under a key made of its `hashes` secret."""
    key = hmac.digest(hashes, b"psp-webhook", "sha256")
    return hmac.new(key, body, hashlib.sha256).hexdigest()


async def hear(work: Work, body: bytes, signature: str) -> None:
    """Have a payment looked at again. An unsigned or unknown message is `NotFound`: nothing is here for strangers."""
    expected = sign(work.tools.secrets.hashes, body)
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise NotFound
    try:
        message = json.loads(body)
    except ValueError:
        raise NotFound from None
    ref = message.get("ref") if isinstance(message, dict) else None
    payment = await store.by_ref(work.db, ref) if isinstance(ref, str) else None
    if payment is None:
        raise NotFound
    work.schedule(TimerKind.MONEY, payment.id, work.now)
