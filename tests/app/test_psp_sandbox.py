"""The sandbox that stands in for a payment service: told to fail, idempotent, and of a long memory."""

import json

import pytest

from app.psp_sandbox import SandboxPsp
from domain.rules.money import Cents, Money
from domain.rules.ports import PspAnswer, PspOutcome, PspTimeout
from domain.usecases.psp_webhook import sign

TEN = Money(Cents(1_000), "EUR")
DONE, DECLINED, PENDING = PspOutcome.DONE, PspOutcome.DECLINED, PspOutcome.PENDING


async def authorised(psp: SandboxPsp, method: str = "card", key: str = "k") -> PspAnswer:
    return await psp.authorise(key, TEN, method=method, meta={})


async def test_the_method_says_how_the_authorisation_goes() -> None:
    psp = SandboxPsp(b"s")
    assert (await authorised(psp)).outcome is DONE
    refused = await authorised(psp, "card_declined", "d")
    assert (refused.outcome, refused.reason) == (DECLINED, "insufficient funds")
    assert (await authorised(psp, "card_late", "l")).outcome is PENDING
    assert (await authorised(psp, "card_late", "l")).outcome is DONE
    with pytest.raises(PspTimeout):
        await authorised(psp, "card_timeout", "t")
    assert (await authorised(psp, "card_timeout", "t")).outcome is DONE


async def test_the_same_key_gets_the_same_reference() -> None:
    psp = SandboxPsp(b"s")
    assert (await authorised(psp)).ref == (await authorised(psp)).ref
    assert (await authorised(psp)).ref != (await authorised(psp, key="other")).ref


async def test_a_capture_may_fail_once() -> None:
    psp = SandboxPsp(b"s")
    ref = (await authorised(psp, "card_capture_fails_once")).ref
    assert (await psp.capture("c", ref, Cents(1_000))).outcome is DECLINED
    assert (await psp.capture("c", ref, Cents(1_000))).outcome is DONE


async def test_payments_made_before_a_restart_can_still_be_moved() -> None:
    ref = (await authorised(SandboxPsp(b"s"))).ref
    restarted = SandboxPsp(b"s")
    for answer in (
        await restarted.capture("c", ref, Cents(1_000)),
        await restarted.release("r", ref),
        await restarted.refund("b", ref, Cents(1)),
    ):
        assert answer == PspAnswer(DONE, ref)


async def test_a_reference_it_never_gave_moves_nothing() -> None:
    psp = SandboxPsp(b"s")
    assert (await psp.capture("c", "elsewhere", Cents(1))).outcome is DECLINED
    assert (await psp.refund("c", "", Cents(1))).outcome is DECLINED


def test_its_webhooks_are_signed() -> None:
    body, signature = SandboxPsp(b"s").webhook("sandbox:card:k")
    assert json.loads(body)["ref"] == "sandbox:card:k"
    assert signature == sign(b"s", body) != sign(b"other", body)
