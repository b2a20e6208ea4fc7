"""The page behind a share link: it follows a trip without an account, and ends with it."""

from playwright.async_api import expect

from tests.stranger.acts import AgreedRide, agreed_ride, ended
from tests.stranger.conftest import People
from tests.stranger.engine import EngineProcess
from tests.web.conftest import OpenPage
from tests.web.sights import IN_A_BROWSER, PHONE, clocked, ready

pytestmark = IN_A_BROWSER

ASKS_EVERY = 10_000  # ms: the page asks again by then, on a line that was lost too


async def shared(people: People) -> tuple[AgreedRide, str]:
    """An agreed ride with somebody named in a car, and the address of its link."""
    trip = await agreed_ride(people)
    (await trip.driver.ask("PATCH", "/v1/me", {"name": "Karim Benali"})).must()
    services = (await trip.driver.get("/v1/me/provider")).must(200)["services"]
    car = {"make": "Tesla", "model": "Model 3", "color": "blue", "plate": "AB-123-CD"}
    (await trip.driver.put("/v1/me/provider", {"services": services, "vehicle": car})).must()
    link = (await trip.customer.post(f"/v1/engagements/{trip.engagement_id}/share")).must(201)
    return trip, str(link["url"])


async def test_a_link_follows_the_trip_and_ends_with_it(open_page: OpenPage, people: People) -> None:
    trip, url = await shared(people)
    page = await open_page(url + "?test=1", prepared=clocked, **PHONE)
    await expect(page.locator("h1")).to_have_text("Karim will set off soon")
    (await trip.driver.act(trip.engagement_id, "set_off")).must(200)
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.locator("h1")).to_have_text("Karim is on the way")
    await expect(page.get_by_text("Tesla Model 3, blue")).to_be_visible()
    await expect(page.get_by_text("AB-123-CD")).to_be_visible()
    await expect(page.get_by_test_id("eta")).to_be_visible()
    await expect(page.get_by_test_id("dot")).to_be_visible()
    await ready(page)
    (await trip.driver.act(trip.engagement_id, "arrive")).must(200)
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.locator("h1")).to_have_text("Karim is there")
    (await trip.driver.act(trip.engagement_id, "start", pin=trip.pin)).must(200)
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.locator("h1")).to_have_text("Under way with Karim")
    (await trip.driver.act(trip.engagement_id, "finish")).must(200)
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.locator("h1")).to_have_text("The trip is over")
    await expect(page.get_by_test_id("share")).to_have_attribute("data-phase", "over")
    await expect(page.get_by_test_id("dot")).to_have_count(0)


async def test_a_link_of_a_trip_that_is_over_shows_nothing_of_it(open_page: OpenPage, people: People) -> None:
    trip, url = await shared(people)
    await ended(trip)
    page = await open_page(url, **PHONE, locale="fr-FR")
    await expect(page.locator("h1")).to_have_text("Ce lien ne montre plus rien")
    assert "Karim" not in await page.content()


async def test_a_lost_line_keeps_what_was_known_and_comes_back(open_page: OpenPage, people: People) -> None:
    _, url = await shared(people)
    page = await open_page(url + "?test=1", prepared=clocked, **PHONE)
    await expect(page.locator("h1")).to_have_text("Karim will set off soon")
    await page.context.set_offline(True)
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.get_by_role("alert")).to_contain_text("No connection")
    await expect(page.locator("h1")).to_have_text("Karim will set off soon")
    await page.context.set_offline(False)
    await page.clock.fast_forward(ASKS_EVERY)
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_the_page_is_small_and_its_address_goes_nowhere(
    open_page: OpenPage, people: People, engine_process: EngineProcess
) -> None:
    _, url = await shared(people)
    page = await open_page(url + "?test=1", **PHONE)
    await expect(page.locator("h1")).to_have_text("Karim will set off soon")
    names = await page.evaluate("performance.getEntriesByType('resource').map(r => r.name)")
    assert all(name.startswith(engine_process.url) for name in names)
    assert not any("LiveMap" in name for name in names), "deck.gl is the ops map's alone"
    answer = await page.request.get(engine_process.url + url)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex"
