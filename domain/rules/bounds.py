"""Which numbers a record may hold: a table of bounds, and the first number of a record that breaks its own. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

Bounds = Mapping[type, Mapping[str, tuple[int, int]]]
"""By kind of record and field: the least and the most that its number, or each number of its map, may be."""


class Broken(NamedTuple):
    """A number outside its bounds, by its JSON pointer."""

    pointer: str
    least: int
    most: int


def first_broken(record: msgspec.Struct, bounds: Bounds, at: str = "") -> Broken | None:
    """The first number out of bounds in a record and the records it holds; `None` if all are within."""
    known = bounds.get(type(record), {})
    for field in record.__struct_fields__:
        for pointer, value in _values(getattr(record, field), f"{at}/{field}"):
            if isinstance(value, msgspec.Struct):
                deeper = first_broken(value, bounds, pointer)
                if deeper is not None:
                    return deeper
            elif field in known and not known[field][0] <= value <= known[field][1]:
                return Broken(pointer, *known[field])
    return None


def _values(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    """A field's own value, or the members of its list or map, each with where it stands."""
    if isinstance(value, tuple):
        yield from ((f"{at}/{place}", one) for place, one in enumerate(value))
    elif isinstance(value, Mapping):
        yield from ((f"{at}/{name}", one) for name, one in value.items())
    else:
        yield at, value
