"""What several tests look for on a page, and what they do to its line to the server."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Locator, Page, WebSocketRoute, expect

from tests.stranger.client import Phone
from tests.stranger.conftest import People
from tests.web.conftest import PAGE_WITHIN, OpenPage

Json = dict[str, Any]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
]  # s; the first test starts a cluster and an engine
expect.set_options(timeout=PAGE_WITHIN)


async def ready(page: Page) -> Page:
    """The page, once its first picture is whole."""
    await expect(page.locator("html[data-ready]")).to_be_attached(timeout=2 * PAGE_WITHIN)
    return page


async def clocked(page: Page) -> None:
    """Gives a page a clock that runs as any other, and may be put forward: what it would do in a while it does now."""
    await page.clock.install()


async def ops_page(open_page: OpenPage, people: People, **more: Any) -> Page:
    """The live map, whole, watched by one of the staff."""
    return await ready(await open_page("/ops/?test=1", await people.ops(), **more))


async def bring_home(page: Page) -> None:
    """The live map as it was opened, for the next test: nothing chosen, every service shown, the view its first."""
    await page.keyboard.press("Escape")
    services = page.get_by_label("Service", exact=True)
    if await services.count():
        await services.select_option("")
    await page.get_by_label("The whole market").click()
    await expect(page.locator("[data-state][aria-pressed=false]")).to_have_count(0)


def count(page: Page, state: str) -> Locator:
    """The board's number for a state."""
    return page.locator(f"[data-state={state}] b")


def in_list(page: Page, kind: str, id_: str) -> Locator:
    """The line of a request (`r`) or an engagement (`e`) in the list beside the map."""
    return page.locator(f"[data-id='{kind}:{id_}']")


class Wire:
    """A page's socket to the real server, with a hand on it.

    What a healthy server never does (losing a frame, talking rubbish) is done here, between the two.
    """

    def __init__(self) -> None:
        self.said: list[Json] = []
        self.passing: Callable[[Json], str | None] = json.dumps
        self._route: WebSocketRoute | None = None

    async def lay(self, page: Page) -> None:
        """Put it into a page that has not gone anywhere yet."""
        await page.route_web_socket("**/v1/ws", self._connected)

    def _connected(self, route: WebSocketRoute) -> None:
        server, self._route = route.connect_to_server(), route

        def up(message: str | bytes) -> None:
            self.said.append(json.loads(message))
            server.send(message)

        def down(message: str | bytes) -> None:
            passed = self.passing(json.loads(message))
            if passed is not None:
                route.send(passed)

        route.on_message(up)
        server.on_message(down)

    def tell(self, text: str) -> None:
        """Say something to the page in the server's name."""
        assert self._route is not None
        self._route.send(text)

    async def cut(self, code: int) -> None:
        """Close the line in the server's name."""
        assert self._route is not None
        await self._route.close(code=code)

    def subscriptions(self) -> list[Json]:
        """What the page asked to see, so far."""
        return [frame for frame in self.said if frame["t"] == "subscribe"]


async def provider_at(people: People, service: str, at: tuple[float, float], name: str) -> Phone:
    """Somebody of this name on duty there."""
    phone = await people.customer()
    (await phone.ask("PATCH", "/v1/me", {"name": name})).must()
    return await phone.go_on_duty(service, at=at)
