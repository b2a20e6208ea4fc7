"""A browser's socket is opened by our own pages, by those an operator names, and by no other."""

import pytest
from websockets.exceptions import InvalidStatus

from app.settings import SettingsError, read
from realtime.origins import welcome
from tests.realtime.house import House

APP = frozenset({"https://app.example"})


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "coudmain.example"),  # no browser
        ("https://coudmain.example", "coudmain.example"),
        ("https://COUDMAIN.example:443", "coudmain.example"),
        ("http://coudmain.example:8000", "coudmain.example:8000"),
        ("https://app.example", "coudmain.example"),
        ("http://localhost:5173", "127.0.0.1:8000"),
        ("http://[::1]:5173", "localhost:8000"),
    ],
)
def test_these_are_welcome(origin: str | None, host: str):
    assert welcome(origin, host, APP)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://elsewhere.example", "coudmain.example"),
        ("http://coudmain.example", "coudmain.example:8000"),
        ("https://coudmain.example.elsewhere.example", "coudmain.example"),
        ("https://app.example:8443", "coudmain.example"),
        ("http://localhost:5173", "coudmain.example"),
        ("https://elsewhere.example", "localhost:8000"),
        ("null", "coudmain.example"),  # a page from a file, or in a sandbox
        ("", "coudmain.example"),
        ("https://coudmain.example:nothing", "coudmain.example"),
        ("https://coudmain.example", None),
    ],
)
def test_these_are_not(origin: str, host: str | None):
    assert not welcome(origin, host, APP)


async def test_a_page_of_somebody_else_gets_no_socket_and_a_page_of_ours_does(house: House):
    with pytest.raises(InvalidStatus) as refused:
        await house.connect(origin="https://elsewhere.example")
    assert refused.value.response.status_code == 403
    assert house.gateway.connections == 0
    ours = house.url.replace("ws://", "http://").removesuffix("/v1/ws")
    phone = await house.connect(origin=ours)
    await phone.hello(token=await house.token(house.town.customer))


def test_an_operator_names_origins_and_is_told_which_is_none():
    assert read({"COUDMAIN_ORIGINS": "https://app.example, http://Other.example:8080"}).origins == (
        "https://app.example",
        "http://other.example:8080",
    )
    assert read({}).origins == ()
    for wrong in ("app.example", "https://app.example/path", "ftp://x", "*"):
        with pytest.raises(SettingsError, match="COUDMAIN_ORIGINS"):
            read({"COUDMAIN_ORIGINS": wrong})
