"""A Firebase Cloud Messaging server on the loopback: HTTP v1, strict about shapes, failing by token prefix.

It also hands out access tokens (`/token`, the JWT bearer grant), so a real service account's key file works
against it. Every message it accepted stands in `messages`, every request's token in `tried`.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ACCESS_TOKEN = "ya29.fake"
LIMIT = 4096  # bytes of a message's payload
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
HANGS_FOR = 20.0  # s at most; released when the server closes

FAILURES: dict[str, tuple[int, str, str | None, dict[str, str]]] = {
    # prefix of the token: HTTP status, gRPC status, FCM's error code, headers
    "unregistered": (404, "NOT_FOUND", "UNREGISTERED", {}),
    "noproject": (404, "NOT_FOUND", None, {}),
    "quota": (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", {"Retry-After": "17"}),
    "silentquota": (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", {}),
    "mismatch": (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", {}),
    "forbidden": (403, "PERMISSION_DENIED", None, {}),
    "invalid": (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", {}),
    "apns": (401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", {}),
    "down": (503, "UNAVAILABLE", "UNAVAILABLE", {}),
    "busy": (503, "UNAVAILABLE", "UNAVAILABLE", {"Retry-After": "3"}),
    "hasty": (503, "UNAVAILABLE", "UNAVAILABLE", {"Retry-After": "0"}),
    "endless": (503, "UNAVAILABLE", "UNAVAILABLE", {"Retry-After": "1e12"}),
    "broken": (500, "INTERNAL", "INTERNAL", {}),
}

BLOCKS: dict[str, set[str]] = {
    "message": {"token", "fid", "data", "notification", "android", "apns", "webpush"},
    "android": {"priority", "ttl", "collapse_key", "notification"},
    "android.notification": {
        "title",
        "body",
        "tag",
        "channel_id",
        "notification_priority",
        "default_sound",
    },
    "apns": {"headers", "payload"},
    "webpush": {"headers", "notification"},
}
APNS_HEADERS = {"apns-push-type", "apns-priority", "apns-expiration", "apns-collapse-id"}
APS = {"alert", "sound", "thread-id", "mutable-content", "interruption-level"}


class Malformed(Exception):
    """What the real one answers with 400."""


@dataclass
class FakeFcm:
    """A running fake."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    token_requests: int = 0
    token_status: int = 200
    port: int = 0

    @property
    def url(self) -> str:
        """What stands in for `https://fcm.googleapis.com/v1/projects/demo/messages:send`."""
        return f"http://127.0.0.1:{self.port}/v1/projects/demo/messages:send"

    @property
    def token_uri(self) -> str:
        """What stands in for `https://oauth2.googleapis.com/token`."""
        return f"http://127.0.0.1:{self.port}/token"

    def answer(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, JSON, headers."""
        if path == "/token":
            return self._token(body)
        if path != "/v1/projects/demo/messages:send":
            return _error(404, "NOT_FOUND", None)
        try:
            message = json.loads(body)["message"]
            to = message.get("token") or message.get("fid") or ""
            self.tried.append(to)
            if headers.get("Authorization") != f"Bearer {ACCESS_TOKEN}":
                return _error(401, "UNAUTHENTICATED", None)
            check(message)
        except (Malformed, KeyError, ValueError) as error:
            return _error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", f"malformed: {error}")
        prefix = to.split(":", 1)[0]
        if prefix == "slow":
            self.released.wait(HANGS_FOR)
        if prefix in FAILURES:
            status, grpc, code, extra = FAILURES[prefix]
            return *_error(status, grpc, code)[:2], extra
        self.messages.append(message)
        return 200, {"name": f"projects/demo/messages/{len(self.messages)}"}, {}

    def _token(self, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]]:
        self.token_requests += 1
        if self.token_status != 200:
            return self.token_status, {"error": "invalid_grant", "error_description": "no"}, {}
        form = parse_qs(body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"], form
        return 200, {"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"}, {}


def check(message: dict[str, Any]) -> None:
    """Raise `Malformed` for what FCM would refuse, and for what this house never sends."""
    _only("message", message, BLOCKS["message"])
    if ("token" in message) == ("fid" in message):
        raise Malformed("exactly one of token and fid")
    if "fid" in message and not re.fullmatch(r"[cdef][A-Za-z0-9_-]{21}", message["fid"]):
        raise Malformed("a fid has 22 characters")
    data = message.get("data", {})
    if not all(isinstance(key, str) and isinstance(value, str) for key, value in data.items()):
        raise Malformed("data holds strings only")
    if any(key in {"from", "message_type"} or key.startswith(("google.", "gcm.")) for key in data):
        raise Malformed("a reserved key in data")
    if len(json.dumps(message, ensure_ascii=False).encode()) > LIMIT:
        raise Malformed("more than 4 KB")
    if sum(block in message for block in ("android", "apns", "webpush")) != 1:
        raise Malformed("the block of one platform")
    if "android" in message:
        _check_android(message["android"])
    if "apns" in message:
        _check_apns(message["apns"])
    if "webpush" in message:
        _check_webpush(message["webpush"])


def _check_android(android: dict[str, Any]) -> None:
    _only("android", android, BLOCKS["android"])
    if android["priority"] not in {"high", "normal"} or not android["collapse_key"]:
        raise Malformed("android.priority, android.collapse_key")
    if not re.fullmatch(r"\d+(\.\d{1,9})?s", android["ttl"]) or float(android["ttl"][:-1]) > 2_419_200:
        raise Malformed("android.ttl")
    if shown := android.get("notification"):
        _only("android.notification", shown, BLOCKS["android.notification"])


def _check_apns(apns: dict[str, Any]) -> None:
    _only("apns", apns, BLOCKS["apns"])
    headers, aps = apns["headers"], apns["payload"]["aps"]
    _only("apns.headers", headers, APNS_HEADERS)
    _only("aps", aps, APS)
    if not all(isinstance(value, str) for value in headers.values()):
        raise Malformed("APNs headers are strings")
    if headers["apns-push-type"] == "background" and headers["apns-priority"] != "5":
        raise Malformed("a background push has priority 5")
    if len(headers["apns-collapse-id"].encode()) > 64:
        raise Malformed("apns-collapse-id is longer than 64 bytes")
    if not headers["apns-expiration"].isdigit() or not aps["alert"]["title"]:
        raise Malformed("apns-expiration, aps.alert")


def _check_webpush(webpush: dict[str, Any]) -> None:
    _only("webpush", webpush, BLOCKS["webpush"])
    headers = webpush["headers"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", headers["Topic"]) or not headers["TTL"].isdigit():
        raise Malformed("Topic, TTL (RFC 8030)")
    if (
        headers["Urgency"] not in {"very-low", "low", "normal", "high"}
        or not webpush["notification"]["title"]
    ):
        raise Malformed("Urgency, notification.title")


def _only(where: str, found: dict[str, Any], known: set[str]) -> None:
    if unknown := found.keys() - known:
        raise Malformed(f"unknown fields in {where}: {sorted(unknown)}")


def _error(
    status: int, grpc: str, code: str | None, text: str = "made to fail"
) -> tuple[int, dict[str, Any], dict[str, str]]:
    details = [] if code is None else [{"@type": FCM_ERROR, "errorCode": code}]
    return status, {"error": {"code": status, "message": text, "status": grpc, "details": details}}, {}


def service_account(fake: FakeFcm) -> dict[str, str]:
    """The contents of a service account's key file for this fake."""
    return {
        "type": "service_account",
        "project_id": "demo",
        "private_key_id": "k1",
        "private_key": _pem(),
        "client_email": "engine@demo.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": fake.token_uri,
    }


@cache
def _pem() -> str:
    """A key made for this run; a second of it in the slowest case."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


class Server(ThreadingHTTPServer):
    """Takes as many connections at once as a sender opens: the library's five waiting places are too few."""

    request_queue_size = 128
    daemon_threads = True


@contextmanager
def fake_fcm() -> Iterator[FakeFcm]:
    """Serve until the block ends; whoever still hangs is let go."""
    fake = FakeFcm()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer, extra = fake.answer(self.path, self.headers, body)
            encoded = json.dumps(answer).encode()
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **extra}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)
            except ConnectionError:
                self.close_connection = True  # the caller gave up waiting

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="fake-fcm")
    thread.start()
    try:
        yield fake
    finally:
        fake.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
