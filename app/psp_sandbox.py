"""A payment service for development and tests: no money, no network, the same answer to the same question.

The means of payment tells it how to behave:

    card                      everything works
    card_declined             the authorisation is refused
    card_timeout              the first call of the authorisation is not answered; asked again, it works
    card_late                 the authorisation is pending at first; asked again, or told by webhook, it is done
    card_timeout_declined     the first call of the authorisation is not answered; asked again, it is refused
    card_late_declined        the authorisation is pending at first; asked again, it is refused
    card_capture_fails_once   the first capture is refused; asked again, it works

Anything else behaves as `card`. Like the real ones it is idempotent by key. What it remembers (which keys it
has heard) is in memory; whatever an answer depends on besides is written in the reference it gives, so that
after a restart captures, releases and refunds of earlier payments still work (and a first call fails once more).
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from domain.rules.money import Cents, Money
from domain.rules.ports import PspAnswer, PspOutcome, PspTimeout
from domain.usecases.psp_webhook import sign

_SCHEME: Final = "sandbox"


class SandboxPsp:
    """Implements `domain.rules.ports.Psp`. Its webhooks are signed with the installation's `hashes` secret."""

    def __init__(self, hashes: bytes) -> None:
        self._hashes = hashes
        self._heard: set[str] = set()
        self.calls: list[tuple[str, str]] = []  # (operation, key), newest last; bounded

    async def authorise(self, key: str, amount: Money, *, method: str, meta: Mapping[str, Any]) -> PspAnswer:
        """Block an amount: as the method says."""
        del amount, meta
        first = self._first("authorise", key)
        ref = f"{_SCHEME}:{method}:{key}"
        match method:
            case "card_timeout" | "card_timeout_declined" if first:
                raise PspTimeout("the sandbox was told not to answer")
            case "card_late" | "card_late_declined" if first:
                return PspAnswer(PspOutcome.PENDING, ref)
            case "card_declined" | "card_timeout_declined" | "card_late_declined":
                return PspAnswer(PspOutcome.DECLINED, ref, "insufficient funds")
            case _:
                return PspAnswer(PspOutcome.DONE, ref)

    async def capture(self, key: str, ref: str, amount: Cents) -> PspAnswer:
        """Take up to the blocked amount."""
        del amount
        first = self._first("capture", key)
        if _method_of(ref) == "card_capture_fails_once" and first:
            return PspAnswer(PspOutcome.DECLINED, ref, "try again")
        return _known(ref)

    async def release(self, key: str, ref: str) -> PspAnswer:
        """Let the blocked amount go."""
        self._first("release", key)
        return _known(ref)

    async def refund(self, key: str, ref: str, amount: Cents) -> PspAnswer:
        """Give back what was captured."""
        del amount
        self._first("refund", key)
        return _known(ref)

    def webhook(self, ref: str) -> tuple[bytes, str]:
        """The body and the signature of the message "something happened to `ref`", as it would be posted."""
        body = json.dumps({"ref": ref, "type": "payment.updated"}, separators=(",", ":")).encode()
        return body, sign(self._hashes, body)

    def _first(self, operation: str, key: str) -> bool:
        """Whether this key is heard for the first time (since this process began)."""
        self.calls = [*self.calls[-999:], (operation, key)]
        first = key not in self._heard
        self._heard.add(key)
        return first


def _method_of(ref: str) -> str:
    return ref.split(":", 2)[1] if ref.startswith(f"{_SCHEME}:") else ""


def _known(ref: str) -> PspAnswer:
    """Done for a reference this sandbox gave, at any time; refused for any other."""
    if _method_of(ref):
        return PspAnswer(PspOutcome.DONE, ref)
    return PspAnswer(PspOutcome.DECLINED, ref, "unknown reference")
