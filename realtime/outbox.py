"""What waits to be sent to one client, bounded in bytes. Pure: the connection's writer empties it."""

from collections import deque
from typing import Final

LIMIT_BYTES: Final = 256 * 1024  # notes/realtime.md §2a: a client this far behind is cut, and delays nobody


class Outbox:
    """Frames that must arrive, in order, and newest-only values by key, which give way.

    At the bound the newest-only values go first; when the frames alone are over it, `push` says no and the
    connection has to be cut: frames are never dropped silently.
    """

    __slots__ = ("_forgotten", "_frame_bytes", "_frames", "_limit", "_newest", "_newest_bytes")

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._frames: deque[bytes] | None = None  # there while frames wait: an empty one is 0.6 KB
        self._newest: dict[str, bytes] = {}
        self._frame_bytes = 0
        self._newest_bytes = 0
        self._forgotten: frozenset[str] = frozenset()  # the empty one is everybody's

    def __len__(self) -> int:
        return len(self._frames or ()) + len(self._newest)

    @property
    def waiting(self) -> int:
        """How many bytes wait."""
        return self._frame_bytes + self._newest_bytes

    def push(self, frame: bytes) -> bool:
        """Queue a frame that must arrive. False: over the bound, it was not queued."""
        if self._frame_bytes + len(frame) > self._limit:
            return False
        if self._frames is None:
            self._frames = deque()
        self._frames.append(frame)
        self._frame_bytes += len(frame)
        while self.waiting > self._limit:
            self._forget(next(iter(self._newest)))
        return True

    def put(self, key: str, value: bytes) -> bool:
        """Queue a value in place of an older one of the same key. False: no room, forgotten."""
        self._newest_bytes += len(value) - len(self._newest.pop(key, b""))
        self._newest[key] = value
        if self.waiting > self._limit:
            self._forget(key)
            return False
        return True

    def holds(self, key: str) -> bool:
        """Whether a value of this key still waits."""
        return key in self._newest

    def forgotten(self, key: str) -> bool:
        """Whether a value of this key was dropped for room since last asked: a gap for its reader."""
        if key in self._forgotten:
            self._forgotten -= {key}
            return True
        return False

    def discard(self, key: str) -> None:
        """The value is not wanted any more."""
        self._newest_bytes -= len(self._newest.pop(key, b""))
        self._forgotten -= {key}

    def pop(self) -> bytes | None:
        """The next to send: frames in order, then values, longest waiting first."""
        if self._frames:
            frame = self._frames.popleft()
            self._frame_bytes -= len(frame)
            if not self._frames:
                self._frames = None
            return frame
        if self._newest:
            value = self._newest.pop(next(iter(self._newest)))
            self._newest_bytes -= len(value)
            return value
        return None

    def clear(self) -> None:
        """Nothing of it will be sent."""
        self._frames = None
        self._newest.clear()
        self._frame_bytes = self._newest_bytes = 0

    def _forget(self, key: str) -> None:
        self._newest_bytes -= len(self._newest.pop(key))
        self._forgotten |= {key}
