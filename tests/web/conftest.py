"""A fake town on a free port, a Chromium, and pages opened on them."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.web.fake_server import DIST, Doors, server
from tests.web.fake_town import FakeTown

OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def built_pages() -> Path:
    if not (DIST / "index.html").exists():
        pytest.skip("web/dist is not built: npm ci && npm run build in web/")
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine")
    return DIST


@pytest.fixture
def town() -> FakeTown:
    """Sixty drivers and forty jobbers that move when told to."""
    return FakeTown()


@pytest.fixture
def doors(town: FakeTown) -> Doors:
    return Doors(town)


@pytest.fixture
async def address(built_pages: Path, doors: Doors) -> AsyncIterator[str]:
    """The fake server's own address, on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = server(doors, dist=built_pages)
    config = uvicorn.Config(app, log_level="critical", ws="websockets-sansio", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    await task


@pytest.fixture(scope="session")
async def browser(built_pages: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        yield chromium
        await chromium.close()


@pytest.fixture
async def open_page(browser: Browser, address: str) -> AsyncIterator[OpenPage]:
    """Opens a page of the fake server, in English on a laptop's screen unless told otherwise."""

    contexts: list[BrowserContext] = []

    async def opened(path: str, **context: Any) -> Page:
        context = {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **context}
        contexts.append(await browser.new_context(**context))
        page = await contexts[-1].new_page()
        page.set_default_timeout(20_000)
        await page.goto(address + path)
        return page

    yield opened
    for context in contexts:
        await context.close()
