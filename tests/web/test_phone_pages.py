"""The customer's and the provider's first pages on phones' screens, in one real town."""

import pytest
from playwright.async_api import Page, expect

from tests.stranger.acts import BEACH, CASINO, PORT, new_service
from tests.stranger.client import ride
from tests.stranger.conftest import People
from tests.web.conftest import OpenPage
from tests.web.sights import IN_A_BROWSER, PHONE, clocked

pytestmark = IN_A_BROWSER

ASKS_EVERY = 10_000  # ms: a page asks again by then


def at(place: tuple[float, float]) -> dict[str, object]:
    """A phone whose receiver says it is there."""
    where = {"latitude": place[0], "longitude": place[1], "accuracy": 8}
    return {**PHONE, "geolocation": where, "permissions": ["geolocation"]}


async def on_duty(open_page: OpenPage, people: People, service: str) -> Page:
    """A provider's page, on duty for one service, at the port."""
    phone = await people.customer()
    (await phone.put("/v1/me/provider", {"services": [service]})).must()

    async def remembers(page: Page) -> None:
        await page.add_init_script(f"localStorage.setItem('coudmain.provider.services', '[\"{service}\"]')")

    page = await open_page("/provider/", phone, remembers, **at(PORT))
    await expect(page.get_by_test_id("duty")).to_have_text("Off duty")
    await page.get_by_role("button", name="Go on duty").click()
    await expect(page.get_by_test_id("duty")).to_have_text("On duty")
    return page


async def test_a_ride_of_one_page_is_accepted_in_the_other(open_page: OpenPage, people: People) -> None:
    """The customer's first page cannot ask yet: its account asks by API, and the page tells how it goes."""
    service = await new_service(await people.ops(), "ride-vtc")
    driver = await on_duty(open_page, people, service)
    customer = await people.customer()
    page = await open_page("/customer/", customer, **PHONE)
    mine = page.get_by_test_id("my-requests")
    await expect(mine).to_contain_text("You have not asked for anything yet")
    await customer.request_a_ride(service, *ride(CASINO, BEACH))
    await expect(mine).to_contain_text("looking for someone")
    offers = driver.get_by_test_id("offers")
    await expect(offers).to_contain_text("per hour")
    await offers.get_by_role("button", name="Accept").click()
    await expect(driver.get_by_text("It is yours")).to_be_visible()
    await expect(mine).to_contain_text("somebody is coming")
    ((engagement,)) = (await customer.get("/v1/me/engagements")).must(200)["items"]
    assert engagement["state"] == "confirmed"


async def test_a_declined_offer_goes_away_and_the_provider_stays_on_duty(
    open_page: OpenPage, people: People
) -> None:
    service = await new_service(await people.ops(), "ride-vtc")
    driver = await on_duty(open_page, people, service)
    customer = await people.customer()
    request = await customer.request_a_ride(service, *ride(CASINO, BEACH))
    offers = driver.get_by_test_id("offers")
    await offers.get_by_role("button", name="Decline").click()
    await expect(offers).to_contain_text("Nothing for now")
    await expect(driver.get_by_test_id("duty")).to_have_text("On duty")
    assert (await customer.get(f"/v1/requests/{request['id']}")).must(200)["state"] == "open"


async def test_a_customer_cancels_a_request(open_page: OpenPage, people: People) -> None:
    service = await new_service(await people.ops(), "ride-vtc")
    customer = await people.customer()
    request = await customer.request_a_ride(service, *ride(CASINO, BEACH))
    page = await open_page("/customer/", customer, **PHONE)
    mine = page.get_by_test_id("my-requests")
    await mine.get_by_role("button", name="Cancel").click()
    await expect(mine).to_contain_text("cancelled")
    assert (await customer.get(f"/v1/requests/{request['id']}")).must(200)["state"] == "cancelled"


@pytest.mark.parametrize("app", ["customer", "provider"])
async def test_one_click_enters_in_development(open_page: OpenPage, app: str) -> None:
    page = await open_page(f"/{app}/", **PHONE)
    await page.get_by_test_id("dev-enter").click()
    await expect(page.get_by_test_id("my-requests" if app == "customer" else "duty")).to_be_visible()


async def test_a_server_that_cannot_be_reached_is_said(open_page: OpenPage, people: People) -> None:
    page = await open_page("/customer/", await people.customer(), clocked, **PHONE)
    await expect(page.get_by_test_id("my-requests")).to_be_visible()
    await page.context.set_offline(True)
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    await page.context.set_offline(False)
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.get_by_role("alert")).to_have_count(0)
