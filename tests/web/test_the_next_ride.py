"""A ride that waits for the end of another, on both pages: said while it waits, followed when its turn comes."""

import re

from playwright.async_api import expect

from tests.stranger.acts import BEACH, PORT, agreed_ride, started
from tests.stranger.client import ride
from tests.stranger.conftest import People
from tests.stranger.test_the_next_ride import BY_THE_BEACH
from tests.web.conftest import OpenPage
from tests.web.sights import IN_A_BROWSER, PHONE

pytestmark = IN_A_BROWSER


async def test_both_pages_say_that_it_waits_and_follow_its_promotion(
    open_page: OpenPage, people: People
) -> None:
    trip = await started(await agreed_ride(people))
    (await trip.driver.ask("PATCH", "/v1/me", {"name": "Karim Benali"})).must()
    (await trip.other.put("/v1/me/duty", {"on": False, "market": "monaco"})).must(200)
    await trip.driver.stand_at(BY_THE_BEACH)
    driver = await open_page("/provider/", trip.driver, **PHONE)
    work = driver.get_by_test_id("work")
    await expect(work).to_contain_text("in progress")
    service = (await trip.driver.get(f"/v1/engagements/{trip.engagement_id}")).must(200)["service"]
    customer = await people.customer()
    page = await open_page("/customer/", customer, **PHONE)
    await customer.request_a_ride(service, *ride(BEACH, PORT))

    offers = driver.get_by_test_id("offers")
    await expect(offers).to_contain_text("After your current trip, in about")
    await offers.get_by_role("button", name="Accept").click()
    await expect(work.locator("li")).to_have_count(2)
    waiting = work.locator("li").last
    set_off = waiting.get_by_role("button", name="Set off")
    await expect(set_off).to_be_disabled()
    await expect(set_off).to_have_accessible_description(re.compile("Finish your current trip first"))
    told = page.get_by_test_id("my-requests").get_by_role("status")
    await expect(told).to_contain_text("Karim finishes a trip first and should be with you at about")

    await work.locator("li").first.get_by_role("button", name="Finish").click()
    await expect(told).to_have_text("Karim is free now and comes to you.")
    await expect(work.locator("li")).to_have_count(1)
    await set_off.click()
    await expect(told).to_have_text("Karim is on the way")
    await work.get_by_role("button", name="I am there").click()
    ((second,)) = (await customer.get("/v1/me/engagements")).must(200)["items"]
    await work.get_by_label("PIN").fill(second["pin"])
    await work.get_by_role("button", name="Start").click()
    await expect(told).to_have_text("Under way with Karim")
