"""A fake FCM, a service account's key file for it, and the real sender between them."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.clock import SystemClock
from app.firebase import firebase_pushes, open_firebase
from notifications.fcm import FcmSender
from tests.notifications.fake_fcm import FakeFcm, fake_fcm, service_account


@pytest.fixture
def fcm() -> Iterator[FakeFcm]:
    """A server that speaks FCM HTTP v1."""
    with fake_fcm() as fake:
        yield fake


@pytest.fixture
def key_file(fcm: FakeFcm, tmp_path: Path) -> Path:
    """A service account's key file whose tokens the fake gives."""
    path = tmp_path / "service-account.json"
    path.write_text(json.dumps(service_account(fcm)))
    return path


@pytest_asyncio.fixture
async def sender(fcm: FakeFcm, key_file: Path) -> AsyncIterator[FcmSender]:
    """The sender as an installation wires it, pointed at the fake."""
    sender = firebase_pushes(open_firebase(key_file), SystemClock(), fcm.url)
    yield sender
    fcm.released.set()
    await sender.close()
