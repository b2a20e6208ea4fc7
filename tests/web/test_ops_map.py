"""The live dispatch map over a small real town.

The page is opened before anything happens: offers and requests end by themselves, and the first picture may
take longer than they last. Most tests watch the same one, as its staff would all day: each finds it at home.
"""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.stranger.acts import BEACH, CASINO, HOSPITAL, PORT, agreed_ride, new_service, offered, started
from tests.stranger.client import Phone, ride
from tests.stranger.conftest import People
from tests.web.conftest import OpenPage
from tests.web.sights import IN_A_BROWSER, bring_home, count, in_list, ops_page, provider_at, ready

pytestmark = IN_A_BROWSER

BOARD = "document.querySelector('section.board').getBoundingClientRect()"
BESIDE_THE_BUTTONS = f"""() => innerHeight === 650
    && {BOARD}.right < document.querySelector('[aria-label="Zoom in"]').getBoundingClientRect().left"""
WITHIN_THE_WINDOW = f"() => innerHeight === 400 && {BOARD}.bottom < 400"
"""A window that has been made smaller is laid out anew when the browser next draws."""

CLICKS = 15
HOME = (43.7375, 7.4225)  # where the map opens: in the middle of what the board and the list leave free
MIDDLE = (284 + (1280 - 284 - 332) / 2, 400)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kept_open(open_for_long: OpenPage, one_of_staff: Phone) -> Page:
    """The live map, whole, open as long as the file's tests run."""
    return await ready(await open_for_long("/ops/?test=1", one_of_staff))


@pytest_asyncio.fixture
async def page(kept_open: Page, people: People) -> AsyncIterator[Page]:
    """It, at home; whoever the test needs leaves after the page has been brought home."""
    yield kept_open
    await bring_home(kept_open)


async def test_one_click_enters_in_development(open_page: OpenPage) -> None:
    page = await open_page("/ops/?test=1")
    await page.get_by_test_id("dev-enter").click()
    await ready(page)
    await expect(page.get_by_test_id("line")).to_have_attribute("data-phase", "live")


async def test_without_development_one_enters_by_phone_and_code(open_page: OpenPage, people: People) -> None:
    async def in_production(page: Page) -> None:
        await page.route(
            "**/v1/dev/outbox*", lambda route: route.fulfill(status=404, json={"code": "not_found"})
        )

    ops = await people.ops()
    page = await open_page("/ops/?test=1", prepared=in_production)
    await page.get_by_label("Phone number").fill(ops.number)
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code received by SMS").fill("000000")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text("That code is not right.")
    await expect(page.get_by_test_id("dev-enter")).to_have_count(0)
    await page.get_by_label("Code received by SMS").fill(await ops.otp(ops.number))
    await page.get_by_role("button", name="Sign in").click()
    await ready(page)
    await expect(page.get_by_test_id("line")).to_have_attribute("data-phase", "live")


async def test_providers_are_counted_by_state_as_their_day_goes_on(page: Page, people: People) -> None:
    trip = await agreed_ride(people)  # one of two drivers has it, the other is free
    busy, lone = await new_service(trip.ops, "ride-vtc"), await new_service(trip.ops, "ride-vtc")
    asked = await people.provider(busy, at=HOSPITAL)
    socket = await asked.socket()
    waiting = await trip.customer.request_a_ride(busy, *ride(CASINO, BEACH))
    await offered(socket, waiting["id"])
    await people.provider(lone, at=PORT)
    for state, n in (("idle", 2), ("offered", 1), ("approach", 1), ("busy", 0)):
        await expect(count(page, state)).to_have_text(str(n))
    await expect(page.get_by_test_id("console")).to_have_attribute("data-providers", "4")
    await started(trip)
    await expect(count(page, "busy")).to_have_text("1")
    await expect(count(page, "approach")).to_have_text("0")
    (await trip.other.put("/v1/me/duty", {"on": False, "market": "monaco"})).must()
    await expect(page.get_by_test_id("console")).to_have_attribute("data-providers", "3")


async def test_a_running_engagement_has_its_route_its_timeline_and_its_provider(
    page: Page, people: People
) -> None:
    trip = await agreed_ride(people)
    await expect(page.get_by_test_id("console")).to_have_attribute("data-routes", "1")
    await in_list(page, "e", trip.engagement_id).click()
    panel = page.get_by_test_id("request-panel")
    await expect(panel.locator("ol")).to_contain_text("accepted provider")
    await expect(panel.locator("ol")).not_to_contain_text("confirmed")  # the same again
    (await trip.driver.act(trip.engagement_id, "set_off")).must(200)
    await expect(panel.locator("ol")).to_contain_text("sets off provider")
    await panel.locator("dl .link").click()
    await expect(page.get_by_test_id("provider-panel")).to_contain_text("on the way")


async def test_an_open_request_shows_its_round_and_reasons_by_keyboard_alone(
    page: Page, people: People
) -> None:
    ops = await people.ops()
    service = await new_service(ops, "ride-vtc")
    near = await provider_at(people, service, PORT, "Inès Martin")
    await provider_at(people, service, (43.7489, 7.4390), "Hugo Bianchi")
    socket = await near.socket()
    request = await (await people.customer()).request_a_ride(service, *ride(CASINO, BEACH))
    await offered(socket, request["id"])
    await in_list(page, "r", request["id"]).focus()
    await page.keyboard.press("Enter")
    panel = page.get_by_test_id("request-panel")
    await expect(page.get_by_test_id("back")).to_be_focused()
    # Later rounds may have come by now, in which both had been asked already.
    reasons = panel.get_by_test_id("round").filter(has_text="2/2 offered")
    await expect(reasons.locator("tbody tr")).to_have_count(2)
    await expect(reasons.locator("tbody")).to_contain_text("Inès")
    await expect(reasons.locator("tbody")).to_contain_text("offered")
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    await expect(in_list(page, "r", request["id"])).to_be_focused()


async def test_a_request_nobody_can_take_says_why_and_leaves_the_list_when_it_is_cancelled(
    page: Page, people: People
) -> None:
    service = await new_service(await people.ops(), "ride-vtc")
    customer = await people.customer()
    request = await customer.request_a_ride(service, *ride(CASINO, BEACH))
    line = in_list(page, "r", request["id"])
    await line.click()
    await expect(page.get_by_test_id("request-panel")).to_contain_text("Nobody in this round")
    await page.get_by_test_id("back").click()
    (await customer.post(f"/v1/requests/{request['id']}/cancel")).must()
    await expect(line).to_have_count(0)


async def test_a_marker_can_be_clicked_on_the_map(page: Page, people: People) -> None:
    service = await new_service(await people.ops(), "ride-vtc")
    await provider_at(people, service, HOME, "Gaëlle Roux")
    await expect(count(page, "idle")).to_have_text("1")
    panel = page.get_by_test_id("provider-panel")
    for _ in range(
        CLICKS
    ):  # the board counts before the map is painted, by seconds where a processor draws it
        await page.mouse.click(*MIDDLE)
        with suppress(AssertionError):
            await expect(panel).to_be_visible(timeout=2_000)
            break
    await expect(panel).to_contain_text("Gaëlle")


async def test_a_state_can_be_hidden_and_shown_again(page: Page, people: People) -> None:
    await people.provider("ride-vtc", at=PORT)
    console = page.get_by_test_id("console")
    await expect(console).to_have_attribute("data-providers", "1")
    await page.locator("[data-state=idle]").click()
    await expect(console).to_have_attribute("data-providers", "0")
    await expect(page.locator("[data-state=idle]")).to_have_attribute("aria-pressed", "false")
    await page.locator("[data-state=idle]").click()
    await expect(console).to_have_attribute("data-providers", "1")


async def test_the_list_can_be_filtered_by_service(page: Page, people: People) -> None:
    ops, customer = await people.ops(), await people.customer()
    one, other = [await new_service(ops, "ride-vtc") for _ in range(2)]
    wanted = await customer.request_a_ride(one, *ride(CASINO, BEACH))
    unwanted = await customer.request_a_ride(other, *ride(CASINO, PORT))
    await expect(in_list(page, "r", unwanted["id"])).to_be_visible()
    await page.get_by_label("Service", exact=True).select_option(one)
    await expect(in_list(page, "r", unwanted["id"])).to_have_count(0)
    await expect(in_list(page, "r", wanted["id"])).to_be_visible()


async def test_the_search_knows_services_by_the_names_the_page_shows(page: Page, people: People) -> None:
    service = await new_service(await people.ops(), "ride-vtc")
    request = await (await people.customer()).request_a_ride(service, *ride(CASINO, BEACH))
    search, line = page.get_by_role("searchbox"), in_list(page, "r", request["id"])
    await expect(line).to_contain_text("Private hire")
    await search.fill("nobody of this name")
    await expect(line).to_have_count(0)
    await search.fill("private HIRÉ")
    await expect(line).to_be_visible()
    await search.fill("")


async def test_in_a_low_window_nothing_lies_over_the_buttons_of_the_map(page: Page) -> None:
    usual = page.viewport_size
    assert usual is not None
    try:
        await page.set_viewport_size({"width": 1366, "height": 650})
        await page.wait_for_function(BESIDE_THE_BUTTONS)
        await page.set_viewport_size({"width": 800, "height": 400})
        await page.wait_for_function(WITHIN_THE_WINDOW)
    finally:
        await page.set_viewport_size(usual)


async def test_the_map_is_not_blank_and_credits_openstreetmap(open_page: OpenPage, people: People) -> None:
    await people.provider("ride-vtc", at=HOME)
    page = await ops_page(open_page, people)
    await expect(page.get_by_role("link", name="© OpenStreetMap contributors")).to_be_visible()
    await page.evaluate("document.querySelectorAll('section, aside').forEach(e => e.remove())")
    picture = await page.get_by_test_id("console").screenshot()
    await page.evaluate("document.querySelector('.map').remove()")
    blank = await page.get_by_test_id("console").screenshot()
    assert len(picture) > 1.2 * len(blank)


async def test_without_webgl_the_list_lives_on(open_page: OpenPage, people: People) -> None:
    async def without_webgl(page: Page) -> None:
        await page.add_init_script(
            "const real = HTMLCanvasElement.prototype.getContext;"
            "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
            "  return String(kind).startsWith('webgl') ? null : real.call(this, kind, ...rest); };"
        )

    page = await ops_page(open_page, people, prepared=without_webgl)
    await expect(page.get_by_test_id("no-webgl")).to_be_visible()
    service = await new_service(await people.ops(), "ride-vtc")
    request = await (await people.customer()).request_a_ride(service, *ride(CASINO, BEACH))
    await expect(in_list(page, "r", request["id"])).to_be_visible()


async def test_the_page_breaks_no_policy_and_throws_nothing(open_page: OpenPage, people: People) -> None:
    said: list[str] = []

    async def overheard(page: Page) -> None:
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda line: said.append(line.text) if "Security Policy" in line.text else None)

    trip = await agreed_ride(people)
    page = await ready(
        await open_page("/ops/", await people.ops(), overheard, reduced_motion="no-preference")
    )
    await in_list(page, "e", trip.engagement_id).click()
    await expect(page.get_by_test_id("request-panel")).to_contain_text("confirmed")
    assert said == []


async def test_an_account_that_is_not_ops_is_told_so(open_page: OpenPage, people: People) -> None:
    page = await open_page("/ops/?test=1", await people.customer())
    await expect(page.get_by_role("alert")).to_have_text("This account is not ops. Sign in with one that is.")
