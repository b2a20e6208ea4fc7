"""Where packages come from: pip's own configuration, said again in uv's words, which reads no pip.conf."""

import ast
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PRECEDENCE = ("global", "install", ":env:")  # pip's: a later one overrides an earlier one


@dataclass(frozen=True)
class Index:
    """Arguments and environment that make uv look where pip would."""

    arguments: tuple[str, ...]
    environment: dict[str, str]


def configured(python: Path) -> Index:
    """What `python`'s pip is configured with: files, and PIP_* variables."""
    done = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    return translated(settings(done.stdout))


def settings(listing: str) -> dict[str, str]:
    """The effective settings in the output of `pip config list`: lines like `global.index-url='…'`."""
    found: dict[str, dict[str, str]] = {}
    for line in listing.splitlines():
        name, equals, value = line.partition("=")
        section, _, key = name.strip().rpartition(".")
        if equals and section in PRECEDENCE:
            found.setdefault(section, {})[key.replace("_", "-")] = str(ast.literal_eval(value))
    return {key: value for section in PRECEDENCE for key, value in found.get(section, {}).items()}


def translated(pip: dict[str, str]) -> Index:
    """pip's settings as uv's arguments. Whoever configured uv's own indexes is left alone."""
    arguments: list[str] = []
    if not any(
        name in os.environ for name in ("UV_INDEX", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL")
    ):
        if pip.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
            arguments.append("--no-index")
        if index := pip.get("index-url"):
            arguments += ["--index-url", index]
        for extra in pip.get("extra-index-url", "").split():
            arguments += ["--extra-index-url", extra]
        # pip looks everywhere and takes the best; the locks' hashes make that safe.
        arguments += ["--index-strategy", "unsafe-best-match"]
    for place in pip.get("find-links", "").split():
        arguments += ["--find-links", place]
    for host in pip.get("trusted-host", "").split():
        arguments += ["--allow-insecure-host", host]
    environment = {}
    if (cert := pip.get("cert")) and "SSL_CERT_FILE" not in os.environ:
        environment["SSL_CERT_FILE"] = cert
    if timeout := pip.get("default-timeout", pip.get("timeout")):
        environment["UV_HTTP_TIMEOUT"] = timeout
    return Index(tuple(arguments), environment)
