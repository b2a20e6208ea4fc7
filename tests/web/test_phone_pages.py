"""The customer's and the provider's first pages, on a phone's screen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


async def test_a_customer_sees_and_cancels_a_request(open_page: Any, doors: Any) -> None:
    doors.mine = [
        {"id": "q1", "state": "open", "service": "ride-vtc", "price": {"amount": 1840, "currency": "EUR"}}
    ]
    page = await open_page("/customer/", **PHONE)
    await page.get_by_test_id("dev-enter").click()
    mine = page.get_by_test_id("my-requests")
    await expect(mine).to_contain_text("VTC")
    await expect(mine).to_contain_text("18.40")
    await mine.get_by_role("button", name="Cancel").click()
    await expect(mine).to_contain_text("cancelled")


async def test_a_provider_goes_on_duty_and_declines_an_offer(open_page: Any, doors: Any) -> None:
    page = await open_page("/provider/", **PHONE)
    await page.get_by_test_id("dev-enter").click()
    await expect(page.get_by_test_id("duty")).to_have_text("Off duty")
    doors.offers = [
        {
            "id": "o1", "request_id": "q1", "state": "pending", "answer_by": "2999-01-01T00:00:00Z",
            "terms": {"net": {"amount": 1420, "currency": "EUR"}, "net_per_hour": {"amount": 2630, "currency": "EUR"},
                      "approach_m": 640, "approach_s": 110, "distance_m": 2300},
        }
    ]  # fmt: skip
    await page.get_by_role("button", name="Go on duty").click()
    await expect(page.get_by_test_id("duty")).to_have_text("On duty")
    offers = page.get_by_test_id("offers")
    await expect(offers).to_contain_text("€14.20")
    await expect(offers).to_contain_text("€26.30 per hour")
    await offers.get_by_role("button", name="Decline").click()
    await expect(offers).to_contain_text("Nothing for now")
    assert doors.duty
    assert doors.answered == [("o1", "decline")]
