"""Phone numbers in E.164: what a person types, made one string per line."""

import re
from typing import Final

from domain.rules.errors import Invalid

SEPARATORS: Final = re.compile(r"[\s().\-/\u00a0\u202f]+")
TRUNK_ZERO: Final = re.compile(r"\(0\)")  # as in +33 (0)6 12 34 56 78
E164: Final = re.compile(
    r"\+[1-9][0-9]{6,14}\Z"
)  # ITU-T E.164: at most 15 digits; the shortest in use have 7


def read_phone(text: str) -> str:
    """The number as `+` and digits; `00` may stand for `+`. `Invalid` names `/phone`."""
    number = SEPARATORS.sub("", TRUNK_ZERO.sub("", text.strip()))
    if number.startswith("00"):
        number = "+" + number[2:]
    if not E164.match(number):
        raise Invalid.field(
            "/phone",
            "a phone number in international form, such as +33612345678",
            "un numéro sous sa forme internationale, comme +33612345678",
        )
    return number
