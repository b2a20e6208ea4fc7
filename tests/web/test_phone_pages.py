"""The customer's and the provider's first pages on phones' screens, in one real town."""

import pytest
from playwright.async_api import Page, expect

from tests.stranger.acts import BEACH, CASINO, PORT, new_service
from tests.stranger.client import Phone, ride
from tests.stranger.conftest import People
from tests.web.conftest import OpenPage
from tests.web.sights import IN_A_BROWSER, PHONE, clocked

pytestmark = IN_A_BROWSER

ASKS_EVERY = 10_000  # ms: a page asks again by then


def at(place: tuple[float, float]) -> dict[str, object]:
    """A phone whose receiver says it is there."""
    where = {"latitude": place[0], "longitude": place[1], "accuracy": 8}
    return {**PHONE, "geolocation": where, "permissions": ["geolocation"]}


async def on_duty(open_page: OpenPage, people: People, service: str, **more: object) -> tuple[Page, Phone]:
    """A provider's page, on duty for one service, at the port; `more` is what else they have said of themselves."""
    phone = await people.customer()
    (await phone.put("/v1/me/provider", {"services": [service], **more})).must()
    page = await open_page("/provider/", phone, **at(PORT))
    await expect(page.get_by_test_id("duty")).to_have_text("Off duty")
    await page.get_by_role("button", name="Go on duty").click()
    await expect(page.get_by_test_id("duty")).to_have_text("On duty")
    return page, phone


async def test_a_ride_of_one_page_is_accepted_in_the_other(open_page: OpenPage, people: People) -> None:
    """The customer's first page cannot ask yet: its account asks by API, and the page tells how it goes."""
    service = await new_service(await people.ops(), "ride-vtc")
    driver, _ = await on_duty(open_page, people, service)
    customer = await people.customer()
    page = await open_page("/customer/", customer, **PHONE)
    mine = page.get_by_test_id("my-requests")
    await expect(mine).to_contain_text("You have not asked for anything yet")
    await customer.request_a_ride(service, *ride(CASINO, BEACH))
    await expect(mine).to_contain_text("looking for someone")
    offers = driver.get_by_test_id("offers")
    await expect(offers).to_contain_text("per hour")
    await expect(offers).to_contain_text("Private hire")
    await offers.get_by_role("button", name="Accept").click()
    await expect(driver.get_by_text("It is yours")).to_be_visible()
    await expect(mine).to_contain_text("somebody is coming")
    ((engagement,)) = (await customer.get("/v1/me/engagements")).must(200)["items"]
    assert engagement["state"] == "confirmed"
    await expect(mine).to_contain_text(f"PIN to give when you meet {engagement['pin']}")


async def test_a_declined_offer_goes_away_and_the_provider_stays_on_duty(
    open_page: OpenPage, people: People
) -> None:
    service = await new_service(await people.ops(), "ride-vtc")
    driver, _ = await on_duty(open_page, people, service)
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


async def test_going_on_duty_keeps_what_else_was_said_of_oneself(open_page: OpenPage, people: People) -> None:
    service = await new_service(await people.ops(), "ride-vtc")
    car = {"make": "Tesla", "model": "Model 3", "color": "blue", "plate": "AB-123-CD"}
    _, phone = await on_duty(
        open_page, people, service, vehicle=car, languages=["fr"], max_travel_s=900, max_pickup_m=4000
    )
    profile = (await phone.get("/v1/me/provider")).must(200)
    assert profile["services"] == [service]
    assert profile["vehicle"] == car
    assert (profile["languages"], profile["max_travel_s"], profile["max_pickup_m"]) == (["fr"], 900, 4000)


async def test_a_refused_cancellation_stays_said(open_page: OpenPage, people: People) -> None:
    service = await new_service(await people.ops(), "ride-vtc")
    customer = await people.customer()
    await customer.request_a_ride(service, *ride(CASINO, BEACH))

    async def prepared(page: Page) -> None:
        await page.clock.install()
        refusal = {"status": 403, "code": "forbidden", "title": "No"}
        await page.route("**/cancel", lambda route: route.fulfill(status=403, json=refusal))

    page = await open_page("/customer/", customer, prepared, **PHONE)
    async with page.expect_response("**/v1/me/requests*"):
        await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("alert")).to_have_text("This account may not do that.")
    async with page.expect_response("**/v1/me/requests*"):
        await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.get_by_role("alert")).to_have_text("This account may not do that.")


@pytest.mark.parametrize("app", ["customer", "provider"])
async def test_whose_sign_in_has_ended_is_asked_for_a_code_and_told_why(
    open_page: OpenPage, people: People, app: str
) -> None:
    phone = await people.customer()
    page = await open_page(f"/{app}/", phone, clocked, **PHONE)
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    await page.route(
        "**/v1/**", lambda route: route.fulfill(status=401, json={"status": 401, "code": "unauthorised"})
    )
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.get_by_role("status").filter(has_text="Your sign-in has ended")).to_be_visible()
    await expect(page.get_by_label("Phone number")).to_be_visible()


@pytest.mark.parametrize("app", ["customer", "provider"])
async def test_one_click_enters_in_development(open_page: OpenPage, app: str) -> None:
    page = await open_page(f"/{app}/", **PHONE)
    await page.get_by_test_id("dev-enter").click()
    await expect(page.get_by_test_id("my-requests" if app == "customer" else "duty")).to_be_visible()


@pytest.mark.parametrize("app", ["customer", "provider"])
async def test_a_server_that_cannot_be_reached_is_said(open_page: OpenPage, people: People, app: str) -> None:
    page = await open_page(f"/{app}/", await people.customer(), clocked, **PHONE)
    await expect(page.get_by_test_id("my-requests" if app == "customer" else "offers")).to_be_visible()
    await page.context.set_offline(True)
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    await page.context.set_offline(False)
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.get_by_role("alert")).to_have_count(0)
