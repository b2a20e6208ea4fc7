"""H3's cells by arithmetic, compiled: what H3 does to a point (https://h3geo.org/docs/core-library/overview).

The globe is an icosahedron. A point is laid on the plane of the nearest of its twenty faces from the globe's middle
(a gnomonic projection); there lie hexagons, those of a resolution a seventh of the area of the one before and turned
to and fro by asin(sqrt(3 / 28)). A cell's number is its coarsest cell's and then, digit by digit, in which of seven
directions the next finer one lies. What `faces` and `turns` hold is `geo.icosahedron`'s to say.

Every function here is also plain Python: same operations, same order. Importing this module imports numba.
"""

from math import floor, sqrt

import numpy as np
from numpy.typing import NDArray

from geo.machinecode import compiled

_HALF_SQRT3 = sqrt(3.0) / 2.0
_SEVENTH = 1 / 7

# Where H3 itself is to be asked, whose rounding is its own: within a millionth of a cell of an edge, where two faces
# are as near, and some cells around a face's middle, where an arc cosine of nearly one is coarse.
_EDGE = 1e-6
_SAME = 1e-12
_MIDDLE2 = 4.0
ASK = -1
_ALONE = 0.9342  # cosine of a face's inner circle, 20.9 degrees: within it no other face is as near

# A cell: mode 1, its resolution, its coarsest cell, and fifteen digits, those finer than it all ones
# (https://h3geo.org/docs/core-library/h3Indexing).
_MODE, _RES_AT, _BASE_AT, _DIGITS = 1 << 59, 52, 45, 15

# The digit of a step by (a + 1, b + 1) on axes at 120 degrees: H3's CoordIJK, its k taken off.
_DIGIT = np.array([[1, 3, 0], [5, 0, 2], [0, 4, 6]])
_LEFT = (1, 5, 4, 6, 2, 3)  # the six directions, each turned left by 60 degrees from the one before
TURNED = np.zeros((6, 7), np.int64)  # each digit, turned left so many times
for _turn in range(6):
    for _place, _digit in enumerate(_LEFT):
        TURNED[_turn, _digit] = _LEFT[(_place + _turn) % 6]


_compiled = compiled(forceinline=True, error_model="numpy")


@_compiled
def cells_of_places(
    places: NDArray[np.float64], res: int, faces: NDArray[np.float64], turns: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The cell of resolution `res` of each place (n, 3) on the unit sphere; `ASK` where only H3 may say."""
    cells = np.empty(len(places), np.int64)
    rest = _MODE | res << _RES_AT | ((1 << 3 * (_DIGITS - res)) - 1)
    face = 0
    for n in range(len(places)):
        face, a, b, first, digits = _steps(places[n, 0], places[n, 1], places[n, 2], res, face, faces)
        turn = turns[face, a, b, first]
        if turn == ASK:
            cells[n] = ASK
            continue
        cell = rest | (turn >> 3) << _BASE_AT
        for finer in range(_DIGITS - res, _DIGITS):
            cell |= TURNED[turn & 7, (digits >> 3 * finer) & 7] << 3 * finer
        cells[n] = cell
    return cells


@_compiled
def steps(places: NDArray[np.float64], res: int, faces: NDArray[np.float64]) -> NDArray[np.int64]:
    """What a face says of each place (n, 5): which face, the coarsest cell on it as (a + 2, b + 2), the coarsest digit
    that is not zero, and all digits; that digit is 0 where H3 is to be asked."""
    told = np.empty((len(places), 5), np.int64)
    face = 0
    for n in range(len(places)):
        face, a, b, first, digits = _steps(places[n, 0], places[n, 1], places[n, 2], res, face, faces)
        told[n, 0], told[n, 1], told[n, 2], told[n, 3], told[n, 4] = face, a, b, first, digits
    return told


@_compiled
def _steps(
    x: float, y: float, z: float, res: int, face: int, faces: NDArray[np.float64]
) -> tuple[int, int, int, int, int]:
    """`steps` of one place; `face` is where to look first."""
    face, near = _face(x, y, z, face, faces)
    if near == 0.0:
        return face, 0, 0, 0, 0
    east = (x * faces[face, 1, 0] + y * faces[face, 1, 1] + z * faces[face, 1, 2]) / near
    north = (x * faces[face, 2, 0] + y * faces[face, 2, 1] + z * faces[face, 2, 2]) / near
    if east * east + north * north < _MIDDLE2:
        return face, 0, 0, 0, 0
    # The nearest center, found as cubes are rounded (https://www.redblobgames.com/grids/hexagons/#rounding).
    across = north / _HALF_SQRT3
    along = east + across / 2
    a, b, c = floor(along + 0.5), floor(across + 0.5), floor(along - across + 0.5)
    off_a, off_b, off_c = abs(a - along), abs(b - across), abs(c - along + across)
    if off_a > off_b and off_a > off_c:
        a = b + c
    elif off_b > off_c:
        b = a - c
    off_east, off_north = east - (a - b / 2), (north - b * _HALF_SQRT3) * _HALF_SQRT3
    to_edge = max(abs(off_east), abs(off_east / 2 + off_north), abs(off_east / 2 - off_north))
    if to_edge > 0.5 - _EDGE:
        return face, 0, 0, 0, 0
    digits, first = 0, 0
    for level in range(res, 0, -1):
        if level % 2:
            up_a, up_b = floor((3 * a - b) * _SEVENTH + 0.5), floor((a + 2 * b) * _SEVENTH + 0.5)
            step_a, step_b = a - (2 * up_a + up_b), b - (3 * up_b - up_a)
        else:
            up_a, up_b = floor((2 * a + b) * _SEVENTH + 0.5), floor((3 * b - a) * _SEVENTH + 0.5)
            step_a, step_b = a - (3 * up_a - up_b), b - (up_a + 2 * up_b)
        digit = _DIGIT[step_a + 1, step_b + 1]
        digits |= digit << 3 * (_DIGITS - level)
        if digit:
            first = digit
        a, b = up_a, up_b
    return face, a + 2, b + 2, first, digits


@_compiled
def _face(x: float, y: float, z: float, face: int, faces: NDArray[np.float64]) -> tuple[int, float]:
    """The face whose middle is nearest, and the cosine of the angle to it: 0 where another is as near."""
    near = x * faces[face, 0, 0] + y * faces[face, 0, 1] + z * faces[face, 0, 2]
    if near >= _ALONE:
        return face, near
    near, second = -2.0, -2.0
    for other in range(len(faces)):
        to = x * faces[other, 0, 0] + y * faces[other, 0, 1] + z * faces[other, 0, 2]
        if to > near:
            face, near, second = other, to, near
        elif to > second:
            second = to
    return face, (0.0 if near - second < _SAME else near)
