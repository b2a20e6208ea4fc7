"""A city's streets as plain arrays: what an import makes, what is kept, what graphs are built from."""

import io
import zipfile
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geo.travel import Profile

FORMAT = 2  # of `to_bytes`; another number is another layout


@dataclass(frozen=True)
class StreetArrays:
    """Junctions, and the directed edges between them with their shape.

    A two-way street is two edges, each the other's twin, with the same shape reversed. The shape of edge `e`
    between its two junctions is `geom_lat/geom_lon[edge_geom_start[e] : edge_geom_start[e + 1]]`, possibly
    nothing. Seconds are those of the whole edge, lights and the like included, inf where the profile may not go.
    Ban `b` says that a car does not drive the edges `ban_edge[ban_start[b] : ban_start[b + 1]]` one after another.
    """

    node_lat: NDArray[np.float64]
    node_lon: NDArray[np.float64]
    edge_from: NDArray[np.int32]
    edge_to: NDArray[np.int32]
    edge_twin: NDArray[np.int32]  # -1: one edge without its opposite
    edge_m: NDArray[np.float32]
    edge_s_drive: NDArray[np.float32]
    edge_s_walk: NDArray[np.float32]
    edge_s_cycle: NDArray[np.float32]
    edge_name: NDArray[np.int32]  # into `names`
    edge_geom_start: NDArray[np.int32]  # one longer than the edges
    geom_lat: NDArray[np.float64]
    geom_lon: NDArray[np.float64]
    ban_start: NDArray[np.int32]  # one longer than the bans
    ban_edge: NDArray[np.int32]
    names: tuple[str, ...]  # names[0] is "": nameless

    def seconds(self, profile: Profile) -> NDArray[np.float32]:
        return {
            Profile.DRIVE: self.edge_s_drive,
            Profile.WALK: self.edge_s_walk,
            Profile.CYCLE: self.edge_s_cycle,
        }[profile]

    def bans(self) -> list[tuple[int, ...]]:
        """The sequences of edges that no car drives: two edges each or more."""
        edges, start = self.ban_edge.tolist(), self.ban_start.tolist()
        return [tuple(edges[a:b]) for a, b in pairwise(start)]

    @cached_property
    def version(self) -> str:
        """A hash of everything that can change an answer: equal versions answer alike."""
        digest = blake2b(f"streets {FORMAT}".encode(), digest_size=8)
        for name, column in self._columns().items():
            digest.update(f"{name} {column.dtype} {len(column)} ".encode())
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def to_bytes(self) -> bytes:
        """A compressed npz. Its bytes change with the day (zip dates its entries), `version` does not."""
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, format=np.array(FORMAT), **self._columns())
        return file.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> "StreetArrays":
        """What `to_bytes` wrote. ValueError if it is something else, or of another format."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as saved:
                if int(saved["format"]) != FORMAT:
                    raise ValueError(
                        f"streets in format {saved['format']}, not {FORMAT}: import the map again"
                    )
                columns = {field.name: saved[field.name] for field in fields(StreetArrays)}
        except (KeyError, EOFError, OSError, zipfile.BadZipFile) as wrong:
            raise ValueError(f"not saved streets: {wrong}") from wrong
        columns["names"] = tuple(columns["names"].tobytes().decode().split("\n"))
        return StreetArrays(**columns)

    def _columns(self) -> dict[str, NDArray[np.generic]]:
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        columns["names"] = np.frombuffer("\n".join(self.names).encode(), np.uint8)
        return columns
