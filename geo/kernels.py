"""The grid's inner loops, compiled by numba at their first call: where a row is put, and what lies around a point.

Every function here is also plain Python, and is tested as such (numba's DISABLE_JIT): same operations, same order,
same bits. Importing this module imports numba (half a second): only a crowd that has outgrown a scan does.
"""

from math import floor, sqrt

import numpy as np
from numpy.typing import NDArray

from geo.blocks import BITS, FRESH, Blocks
from geo.machinecode import compiled

_ROUNDING = 1e-12  # of the unit globe, 6 um: wider than the rounding of a point laid on the plane
_WORD = (1 << BITS) - 1

# The place of the only bit set in a 32-bit word, by a de Bruijn sequence
# (Leiserson, Prokop, Randall: Using de Bruijn Sequences to Index a 1 in a Computer Word, 1998).
_DE_BRUIJN = 0x077CB531
_BIT = np.zeros(32, np.int64)
for _place in range(32):
    _BIT[((_DE_BRUIJN << _place) & _WORD) >> 27] = _place


_compiled = compiled(forceinline=True, error_model="numpy")


# Writing


@_compiled
def put_many(
    blocks: Blocks,
    rows: NDArray[np.int64],
    places: NDArray[np.float64],
    at: NDArray[np.float64],
    known: NDArray[np.float64],
    tags: NDArray[np.int64],
) -> tuple[int, bool]:
    """Put or move each row to its place (n, 3) since its moment, in order, in `known` (all rows, 4) too.

    How many had no place; and whether the slots sufficed: from where they do not, `known` alone is written.
    """
    newcomers, fits = 0, True
    for n in range(len(rows)):
        row, x, y, z = rows[n], places[n, 0], places[n, 1], places[n, 2]
        if known[row, 0] != known[row, 0]:
            newcomers += 1
        known[row, 0], known[row, 1], known[row, 2], known[row, 3] = x, y, z, at[n]
        if not fits:
            continue
        cell = _cell(blocks, x, y, z)
        slot = blocks.slot_of[row]
        if slot < 0 or cell != _cell_of_slot(blocks, slot):
            if blocks.blocks[cell, 1] == blocks.blocks[cell, 2] and not _widen(blocks, cell):
                fits = False
                continue
            if slot >= 0:
                _leave(blocks, row)
            slot = blocks.blocks[cell, 0] + blocks.blocks[cell, 1]
            blocks.blocks[cell, 1] += 1
            blocks.slot_of[row] = slot
            line, column = cell // blocks.side, cell % blocks.side
            blocks.occupied[line, column // BITS] |= 1 << (column % BITS)
        blocks.places[slot] = known[row]
        blocks.tags[slot] = tags[row]
    return newcomers, fits


@_compiled
def remove_many(blocks: Blocks, rows: NDArray[np.int64]) -> None:
    """Take each row that is there out."""
    for row in rows:
        if blocks.slot_of[row] >= 0:
            _leave(blocks, row)
            blocks.slot_of[row] = -1


@_compiled
def _leave(blocks: Blocks, row: int) -> None:
    """The block's last row takes the place of the one that leaves; an empty block is free for another cell."""
    slot = blocks.slot_of[row]
    cell = _cell_of_slot(blocks, slot)
    left = blocks.blocks[cell, 1] - 1
    last = blocks.blocks[cell, 0] + left
    if last != slot:
        _copy(blocks, last, slot)
    blocks.blocks[cell, 1] = left
    if left == 0:
        _free(blocks, cell)
        line, column = cell // blocks.side, cell % blocks.side
        blocks.occupied[line, column // BITS] &= ~(1 << (column % BITS))


@_compiled
def _widen(blocks: Blocks, cell: int) -> bool:
    """A block of twice the slots for a full cell; False if there is none left."""
    held = blocks.blocks[cell, 2]
    wanted = 2 * held if held else 2
    size = 1
    while 1 << size < wanted:
        size += 1
    start = blocks.free[size]
    if start:
        blocks.free[size] = blocks.tags[start, 0]
    else:
        start = blocks.free[FRESH]
        if start + wanted > len(blocks.places):
            return False
        blocks.free[FRESH] = start + wanted
    for n in range(held):
        _copy(blocks, blocks.blocks[cell, 0] + n, start + n)
    _free(blocks, cell)
    blocks.blocks[cell, 0], blocks.blocks[cell, 1], blocks.blocks[cell, 2] = start, held, wanted
    return True


@_compiled
def _free(blocks: Blocks, cell: int) -> None:
    held = blocks.blocks[cell, 2]
    if held:
        size = 1
        while 1 << size < held:
            size += 1
        start = blocks.blocks[cell, 0]
        blocks.tags[start, 0] = blocks.free[size]
        blocks.free[size] = start
        blocks.blocks[cell] = 0


@_compiled
def _copy(blocks: Blocks, source: int, target: int) -> None:
    blocks.places[target] = blocks.places[source]
    blocks.tags[target] = blocks.tags[source]
    blocks.slot_of[blocks.tags[target, 1] >> 1] = target


@_compiled
def _cell_of_slot(blocks: Blocks, slot: int) -> int:
    return int(_cell(blocks, blocks.places[slot, 0], blocks.places[slot, 1], blocks.places[slot, 2]))


@_compiled
def _cell(blocks: Blocks, x: float, y: float, z: float) -> int:
    frame, mask = blocks.frame, blocks.side - 1
    column = floor((x * frame[0, 0] + y * frame[0, 1] + z * frame[0, 2]) * blocks.per_unit)
    line = floor((x * frame[1, 0] + y * frame[1, 1] + z * frame[1, 2]) * blocks.per_unit)
    return int((line & mask) * blocks.side + (column & mask))


# Searching


@_compiled
def search(  # noqa: C901, PLR0912, PLR0915  one function: a call here counts references and costs half again
    blocks: Blocks,
    points: NDArray[np.float64],
    reach2: float,
    since: float,
    services: int,
    only_available: bool,
    rows: NDArray[np.int64],
    chord2: NDArray[np.float64],
) -> None:
    """Fill `rows` and `chord2` (n, k; given as -1 and inf) with what lies nearest each point, ties by id.

    Squares of cells around the point, each at most twice as wide as the one before, until the k-th is nearer than
    the square's edge. What is outside a circle on the plane is outside it on the globe: laying a point flat along
    the normal (an orthographic projection) never lengthens a chord.
    """
    places, tags, cells, occupied, ids = (
        blocks.places,
        blocks.tags,
        blocks.blocks,
        blocks.occupied,
        blocks.ids,
    )
    frame, side, per_unit = blocks.frame, blocks.side, blocks.per_unit
    width, mask, half_side, k = 1.0 / per_unit, side - 1, side // 2, rows.shape[1]
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        east = x * frame[0, 0] + y * frame[0, 1] + z * frame[0, 2]
        north = x * frame[1, 0] + y * frame[1, 1] + z * frame[1, 2]
        column, line = floor(east * per_unit), floor(north * per_unit)
        found, seen, ring, worst = 0, -1, min(1, half_side), reach2
        while True:
            for down in range(-ring, min(ring, half_side - 1) + 1):
                left, right = column - ring, column + min(ring, half_side - 1)
                if ring < half_side and worst < 4.0:  # the circle's width in this line
                    off = (
                        max(0.0, (line + down) * width - north, north - (line + down + 1) * width) - _ROUNDING
                    )
                    left_over = worst - off * off if off > 0 else worst
                    if left_over < 0:
                        continue
                    half = sqrt(left_over) + _ROUNDING
                    left = max(left, floor((east - half) * per_unit))
                    right = min(right, floor((east + half) * per_unit))
                at_line = (line + down) & mask
                while left <= right:
                    if left >= column - seen and -seen <= down <= seen and left <= column + seen:
                        left = column + seen + 1  # over the square that has been seen
                        continue
                    at = left & mask
                    ahead = min(BITS - at % BITS, right - left + 1)
                    if left < column - seen and -seen <= down <= seen:
                        ahead = min(ahead, column - seen - left)
                    bits = (occupied[at_line, at // BITS] >> (at % BITS)) & ((1 << ahead) - 1)
                    left += ahead
                    while bits:
                        lowest = bits & -bits
                        bits ^= lowest
                        cell = at_line * side + at + _BIT[((lowest * _DE_BRUIJN) & _WORD) >> 27]
                        start = cells[cell, 0]
                        for slot in range(start, start + cells[cell, 1]):
                            dx, dy, dz = places[slot, 0] - x, places[slot, 1] - y, places[slot, 2] - z
                            away2 = dx * dx + dy * dy + dz * dz
                            if (
                                away2 > worst
                                or places[slot, 3] < since
                                or not (tags[slot, 1] & 1 or not only_available)
                                or not (services == -1 or tags[slot, 0] & services)
                            ):
                                continue
                            row = tags[slot, 1] >> 1
                            if found < k:
                                found += 1
                            elif away2 == worst and not _earlier(ids, row, rows[n, k - 1]):
                                continue
                            to = found - 1
                            while to > 0 and (
                                away2 < chord2[n, to - 1]
                                or (away2 == chord2[n, to - 1] and _earlier(ids, row, rows[n, to - 1]))
                            ):
                                rows[n, to], chord2[n, to] = rows[n, to - 1], chord2[n, to - 1]
                                to -= 1
                            rows[n, to], chord2[n, to] = row, away2
                            if found == k:
                                worst = chord2[n, k - 1]
            # Everything nearer than the nearest edge of the square has been measured.
            edge = min(
                east - (column - ring) * width, (column + ring + 1) * width - east,
                north - (line - ring) * width, (line + ring + 1) * width - north,
            ) - _ROUNDING  # fmt: skip
            if ring == half_side or (edge > 0 and edge * edge > worst):
                break
            # Twice as wide at most: those found may be far away, in cells that repeat.
            seen, ring = ring, 2 * ring + 1
            if worst < 4.0:
                ring = max(seen + 1, min(ring, floor((sqrt(worst) + _ROUNDING) * per_unit) + 2))
            ring = min(ring, half_side)


@_compiled
def _earlier(ids: NDArray[np.uint64], row: int, other: int) -> bool:
    """Whether the id of `row` comes first."""
    if ids[row, 0] != ids[other, 0]:
        return bool(ids[row, 0] < ids[other, 0])
    return bool(ids[row, 1] < ids[other, 1])
