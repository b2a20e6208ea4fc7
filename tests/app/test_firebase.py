"""Firebase ID tokens, signed here and verified by the real firebase-admin against keys served on the loopback."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import firebase_admin
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from firebase_admin import auth

from app.firebase import FirebaseTokens, open_firebase
from domain.rules.errors import TokenInvalid, Unavailable
from tests.notifications.fake_fcm import FakeFcm, service_account

KEY_ID = "k1"


@cache
def a_key(_name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def certificate(key: rsa.RSAPrivateKey) -> str:
    """A self-signed certificate, as Google publishes its keys."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "securetoken.system.gserviceaccount.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def a_token(signer: str = "google", headers: dict[str, str] | None = None, **changes: Any) -> str:
    """A token as Firebase Auth gives to a phone that signed in."""
    now = int(time.time())
    claims = {
        "iss": "https://securetoken.google.com/demo",
        "aud": "demo",
        "sub": "uid-1",
        "iat": now - 10,
        "exp": now + 3_600,
        "phone_number": "+37760000001",
    }
    return jwt.encode(claims | changes, a_key(signer), algorithm="RS256", headers=headers or {"kid": KEY_ID})


@contextmanager
def keys_served() -> Iterator[str]:
    """The address where the public keys are."""
    body = json.dumps({KEY_ID: certificate(a_key("google"))}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            return None

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/keys"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "service-account.json"
    path.write_text(json.dumps(service_account(FakeFcm(port=1))))
    return path


@contextmanager
def verifier(key_file: Path, keys_at: str) -> Iterator[FirebaseTokens]:
    """The verifier of an installation, fetching public keys elsewhere than at Google's."""
    wired = open_firebase(key_file)
    inner = auth._get_client(wired)._token_verifier
    inner.id_token_verifier.cert_url = keys_at
    try:
        yield FirebaseTokens(wired)
    finally:
        inner.request.session.close()
        firebase_admin.delete_app(wired)


@pytest.fixture
def tokens(key_file: Path) -> Iterator[FirebaseTokens]:
    with keys_served() as address, verifier(key_file, address) as tokens:
        yield tokens


def test_a_token_signed_for_this_project_is_read(tokens: FirebaseTokens) -> None:
    claims = tokens.verify(a_token())
    assert (claims["uid"], claims["phone_number"]) == ("uid-1", "+37760000001")


def test_a_token_that_is_none_of_ours_is_refused(tokens: FirebaseTokens) -> None:
    past = int(time.time()) - 7_200
    forged = [
        "",
        "x",
        "a.b.c",
        "é.é.é",
        "x" * 10_000,
        a_token("somebody else"),
        a_token(aud="another-project", iss="https://securetoken.google.com/another-project"),
        a_token(sub=""),
        a_token(iat=past, exp=past + 3_600),
        a_token(headers={"kid": "unknown"}),
        jwt.encode({"sub": "uid-1", "aud": "demo"}, "k" * 32, algorithm="HS256", headers={"kid": KEY_ID}),
    ]
    for token in forged:
        with pytest.raises(TokenInvalid):
            tokens.verify(token)


def test_when_google_s_keys_cannot_be_had_nobody_is_called_a_forger(key_file: Path) -> None:
    with verifier(key_file, "http://127.0.0.1:1/keys") as tokens, pytest.raises(Unavailable):
        tokens.verify(a_token())


def test_two_engines_in_one_process_do_not_meet(key_file: Path) -> None:
    first, second = open_firebase(key_file), open_firebase(key_file)
    assert first.name != second.name
    firebase_admin.delete_app(first)
    firebase_admin.delete_app(second)


def test_a_file_that_is_no_key_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{}")
    with pytest.raises(ValueError, match="service account"):
        open_firebase(tmp_path / "key.json")
    with pytest.raises(OSError, match="nothing-here"):
        open_firebase(tmp_path / "nothing-here.json")
