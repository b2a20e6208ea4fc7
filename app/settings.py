"""Settings: the environment, read once, here and nowhere else (the set-up, which runs before, has its own few)."""

import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.directories import data_directory
from domain.usecases.work import Knobs, Secrets
from geo.live import FASTEST_MPS

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
SCHEMES: Final = ("postgresql+asyncpg://", "postgresql://", "postgres://")
URL_PARAMETERS: Final = frozenset({"host", "port", "sslmode", "ssl", "target_session_attrs"})
FASTEST_TRIED_MPS: Final = 20_000.0
"""In development phones are simulated: they move at twelve times life's pace, or from door to door in one step."""


class SettingsError(RuntimeError):
    """A setting is missing or wrong; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation may choose. Defaults make the embedded engine on a laptop."""

    environment: str = "development"
    database_url: str | None = None  # None: the private cluster
    nats_url: str | None = None  # None: one process, the bus in it
    osrm_url: str | None = None  # None: the street graph in process
    secret: str | None = None
    firebase_credentials: Path | None = None
    fcm_url: str | None = None  # another FCM address (a proxy, or the tests' fake)
    metrics_host: str = "127.0.0.1"  # of `dispatch` and `relay`, which have no API to answer beside
    metrics_port: int = 0  # 0: any that is free, and it is said which
    otlp: str | None = None  # base URL of a collector of traces; None: nothing is recorded
    otlp_share: float = 1.0  # of the traces, 0 to 1
    origins: tuple[str, ...] = ()  # of pages that may call the API besides our own
    log_format: str | None = None  # json | text; None: json unless a human reads along
    log_level: str = "warning"
    fastest_mps: float = FASTEST_MPS  # an implied speed above it is no movement
    account_per_s: float = 50.0
    account_burst: int = 150
    address_per_s: float = 50.0
    address_burst: int = 300
    knobs: Knobs = field(default_factory=Knobs)

    @property
    def development(self) -> bool:
        """Whether the development routes exist."""
        return self.environment == "development"


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `COUDMAIN_*` and `DATABASE_URL`. Raises `SettingsError` naming the variable that is wrong."""
    env = os.environ if environ is None else environ
    own = {
        name.removeprefix("COUDMAIN_").lower(): value
        for name, value in env.items()
        if name.startswith("COUDMAIN_")
    }
    base = Settings()
    environment = own.get("env", base.environment)
    if environment not in {"development", "production"}:
        raise SettingsError(f"COUDMAIN_ENV is development or production, not {environment!r}")
    secret = own.get("secret")
    if environment == "production" and (secret is None or len(secret) < 32):
        raise SettingsError("COUDMAIN_SECRET must hold at least 32 random characters in production")
    credentials = own.get("firebase_credentials")
    return Settings(
        environment=environment,
        database_url=_asyncpg(env["DATABASE_URL"]) if env.get("DATABASE_URL") else None,
        nats_url=own.get("nats_url"),
        osrm_url=own.get("osrm_url"),
        secret=secret,
        firebase_credentials=Path(credentials) if credentials else None,
        fcm_url=own.get("fcm_url"),
        metrics_host=own.get("metrics_host", base.metrics_host),
        metrics_port=int(_number(own, "metrics_port", base.metrics_port)),
        otlp=_collector(own.get("otlp") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT")),
        otlp_share=_share(own),
        origins=_origins(own.get("origins", "")),
        log_format=_one_of(own, "log_format", None, ("json", "text")),
        log_level=_one_of(own, "log_level", base.log_level, LOG_LEVELS) or base.log_level,
        fastest_mps=_number(
            own, "fastest_mps", FASTEST_MPS if environment == "production" else FASTEST_TRIED_MPS
        ),
        account_per_s=_number(own, "account_per_s", base.account_per_s),
        account_burst=int(_number(own, "account_burst", base.account_burst)),
        address_per_s=_number(own, "address_per_s", base.address_per_s),
        address_burst=int(_number(own, "address_burst", base.address_burst)),
        knobs=_knobs(own),
    )


def keys(settings: Settings, directory: Path | None = None) -> Secrets:
    """The installation's keys: derived from `COUDMAIN_SECRET`, or made once and kept beside the database (0600)."""
    if settings.secret is not None:
        return _derived(settings.secret.encode())
    kept = (directory or data_directory()) / "secret.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps({"secret": secrets.token_hex(32)}))
        try:
            os.link(partial, kept)  # the first of two starts at once wins; the other reads its secret
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    try:
        return _derived(json.loads(kept.read_text())["secret"].encode())
    except (ValueError, KeyError, TypeError, AttributeError):
        lost = "put its backup back, or remove it: then sign-ins and open quotes end"
        raise SettingsError(f"{kept} holds no secret any more; {lost}") from None


def _derived(secret: bytes) -> Secrets:
    """One key per use (HMAC-SHA256 as an expansion), so that one leaking says nothing of the others."""
    return Secrets(**{use.name: _expand(secret, use.name) for use in fields(Secrets)})


def _expand(secret: bytes, use: str) -> bytes:
    return hmac.digest(secret, f"coudmain:{use}".encode(), "sha256")


def _asyncpg(url: str) -> str:
    """Any usual spelling of a PostgreSQL URL, with the driver we speak and its names for parameters."""
    rest = next((url.removeprefix(scheme) for scheme in SCHEMES if url.startswith(scheme)), None)
    if rest is None:
        raise SettingsError("DATABASE_URL must begin with postgresql://")
    try:
        named = make_url(f"postgresql+asyncpg://{rest}")
    except (ArgumentError, ValueError):  # its own words would show the password
        raise SettingsError("DATABASE_URL is no URL: postgresql://user:password@host:5432/database") from None
    if unknown := sorted(set(named.query) - URL_PARAMETERS):
        raise SettingsError(
            f"DATABASE_URL has a parameter {unknown[0]!r}; only {', '.join(sorted(URL_PARAMETERS))} are understood "
            "(certificates: PGSSLROOTCERT, PGSSLCERT, PGSSLKEY in the environment)"
        )
    if mode := named.query.get("sslmode"):
        named = named.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return named.render_as_string(hide_password=False)


def _collector(url: str | None) -> str | None:
    """The collector's address, without a slash at its end."""
    if not url:
        return None
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"COUDMAIN_OTLP must begin with http:// or https://, not {url!r}")
    return url.rstrip("/")


def _origins(named: str) -> tuple[str, ...]:
    """Origins, with commas or spaces between them, as browsers write theirs."""
    found = tuple(named.replace(",", " ").split())
    for origin in found:
        scheme, _, rest = origin.partition("://")
        if scheme not in {"http", "https"} or not rest or "/" in rest:
            raise SettingsError(f"COUDMAIN_ORIGINS holds origins such as https://app.example, not {origin!r}")
    return tuple(origin.lower() for origin in found)


def _share(own: Mapping[str, str]) -> float:
    share = _number(own, "otlp_share", Settings().otlp_share)
    if not 0 <= share <= 1:
        raise SettingsError(f"COUDMAIN_OTLP_SHARE lies between 0 and 1, not {share:g}")
    return share


def _number(own: Mapping[str, str], name: str, default: float) -> float:
    text = own.get(name)
    if text is None:
        return default
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"COUDMAIN_{name.upper()} is a number, not {text!r}") from None


def _one_of(own: Mapping[str, str], name: str, default: str | None, words: Sequence[str]) -> str | None:
    text = own.get(name)
    if text is not None and text not in words:
        raise SettingsError(f"COUDMAIN_{name.upper()} is one of {', '.join(words)}, not {text!r}")
    return default if text is None else text


def _knobs(own: Mapping[str, str]) -> Knobs:
    """Every duration of `Knobs` may be set: `COUDMAIN_QUOTE_TTL=60`."""
    base = Knobs()
    return Knobs(
        **{
            knob.name: type(getattr(base, knob.name))(_number(own, knob.name, getattr(base, knob.name)))
            for knob in fields(Knobs)
        }
    )
