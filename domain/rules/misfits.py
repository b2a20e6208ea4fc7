"""What msgspec would not have, as a refusal that points at it. Pure."""

import msgspec

from domain.rules.errors import Invalid


def misfit(wrong: msgspec.ValidationError, under: str = "") -> Invalid:
    """The refusal of a value that does not fit its type; `under` is the pointer of what was read."""
    pointer, detail = located(wrong)
    return Invalid.field(under + pointer, detail)


def located(wrong: Exception) -> tuple[str, str]:
    """Where and what is wrong, of `Expected `int` - at `$.waves[0].size``; `[...]` is some member of a map."""
    detail, _, path = str(wrong).partition(" - at `$")
    words = path.rstrip("`").replace("[...]", "").replace("[", ".").replace("]", "")
    return words.replace(".", "/"), detail
