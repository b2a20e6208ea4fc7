"""From whose pages a browser may open a socket: our own, and those an operator names.

There is no cookie that a page of somebody else could use, so this is a second lock: a browser tells the page's origin
with every socket and a page cannot change it; an app that is no browser tells none.
"""

from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
USUAL_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def welcome(origin: str | None, host: str | None, named: frozenset[str]) -> bool:
    """Whether a page of this origin may open a socket to this host, as the two headers have them.

    Pages of one's own machine may speak to it on any port: a developer's server stands between them.
    """
    if origin is None or origin in named:
        return True
    page, here = _address(origin), _address(f"{urlsplit(origin).scheme}://{host}")
    if page is None or here is None:
        return False
    return page == here or (page[0] in LOOPBACK and here[0] in LOOPBACK)


def _address(url: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or USUAL_PORTS.get(parts.scheme)
    except ValueError:  # a port that is none
        return None
    return None if not parts.hostname or port is None else (parts.hostname, port)
