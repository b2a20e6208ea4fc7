"""The real engine over real PostGIS with the built pages, people with phones in its town, and a Chromium."""

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, WebSocket, async_playwright

from app.directories import city_directory, web_directory
from app.postgres import PrivateCluster
from tests.cluster import copy_of_the_template
from tests.contract import Frame, NotAsDocumented, check_down, check_up
from tests.stranger.client import Phone
from tests.stranger.conftest import SETTINGS, People
from tests.stranger.engine import EngineProcess

OpenPage = Callable[..., Awaitable[Page]]
CHROMIUM = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-compositing",  # the map's WebGL stays; pages around it need no graphics card that a processor plays
]
PAGE_WITHIN = 30_000  # ms: two crowded cores draw a map without a graphics card


@pytest.fixture(scope="session")
def built_pages() -> Path:
    if not (web_directory() / "index.html").exists():
        pytest.skip("web/dist is not built: npm ci && npm run build in web/")
    return web_directory()


@pytest.fixture(scope="session")
def engine_process(
    built_pages: Path, cluster: PrivateCluster, database_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineProcess]:
    """The engine on the town's own streets and basemap where this installation has them."""
    assert built_pages.exists()
    data = tmp_path_factory.mktemp("engine")
    if city_directory("monaco").exists():
        (data / "cities").mkdir()
        shutil.copytree(city_directory("monaco"), data / "cities" / "monaco")
    database = copy_of_the_template(cluster, f"{database_name}_web")
    process = EngineProcess(database, data, settings=SETTINGS)
    try:
        process.start()
        yield process
    finally:
        process.stop()


@pytest_asyncio.fixture
async def people(engine_process: EngineProcess) -> AsyncIterator[People]:
    """Whoever a test needs; afterwards nobody is on duty and nobody waits."""
    people = People(engine_process.url)
    yield people
    await people.leave()


@pytest_asyncio.fixture(scope="session")
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=chromium_path,
            args=CHROMIUM,
        )
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture
async def open_page(browser: Browser, engine_process: EngineProcess) -> AsyncIterator[OpenPage]:
    """Opens a page of the engine that lives as long as the test."""
    async with _opening(browser, engine_process) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_for_long(browser: Browser, engine_process: EngineProcess) -> AsyncIterator[OpenPage]:
    """Opens a page that lives as long as the file: a live map takes five seconds of a processor to begin."""
    async with _opening(browser, engine_process) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def one_of_staff(engine_process: EngineProcess) -> AsyncIterator[Phone]:
    """Who watches a page that lives as long as the file."""
    people = People(engine_process.url)
    yield await people.ops()
    await people.leave()


@asynccontextmanager
async def _opening(browser: Browser, engine_process: EngineProcess) -> AsyncIterator[OpenPage]:
    """Opens a page of the engine, in English on a laptop's screen where nothing moves, unless told otherwise.

    `phone` is who is signed in there already; `prepared` gets the page before it goes anywhere. Each frame of its
    sockets, both ways, must be as the document says.
    """
    contexts: list[BrowserContext] = []
    undocumented: list[str] = []

    def judge(check: Callable[[Frame], None], frame: str | bytes) -> None:
        try:
            check(json.loads(frame))
        except NotAsDocumented as wrong:
            undocumented.append(str(wrong))

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", partial(judge, check_up))
        socket.on("framereceived", partial(judge, check_down))

    async def opened(
        path: str,
        phone: Phone | None = None,
        prepared: Callable[[Page], Awaitable[object]] | None = None,
        **context: Any,
    ) -> Page:
        context = {
            "locale": "en-GB",
            "viewport": {"width": 1280, "height": 800},
            "reduced_motion": "reduce",
            **context,
        }
        contexts.append(await browser.new_context(**context))
        page = await contexts[-1].new_page()
        page.set_default_timeout(PAGE_WITHIN)
        page.on("websocket", listen)
        if phone is not None:
            await page.add_init_script(_signed_in(path.split("/")[1], phone))
        if prepared is not None:
            await prepared(page)
        await page.goto(engine_process.url + path)
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert undocumented == []


def _signed_in(app: str, phone: Phone) -> str:
    """A script that leaves the phone's tokens where the app looks for them, as its own sign-in would."""
    tokens = {
        "access_token": phone.token,
        "refresh_token": phone.refresh_token,
        "expires_in": 900,
        "account_id": phone.account_id,
    }
    return (
        f"localStorage.getItem('coudmain.{app}.session') ?? localStorage.setItem('coudmain.{app}.session', "
        f"JSON.stringify({{...{json.dumps(tokens)}, until: Date.now() + 870000}}))"
    )
