"""The garbage collector, told what a process that lives for weeks is like."""

import gc
from typing import Final

YOUNG: Final = 20_000
"""Objects made before the youngest are looked through. A request makes a thousand, nearly all of which go by
themselves; the interpreter's default (700) stops the engine more than once a request."""

RARELY: Final = 50  # looks at the young before the older ones are looked through


def settle() -> None:
    """Everything alive now (code, streets, tables) stays for good: never look through it again.

    Looking through them takes a third of a second, in which nobody is answered; and would find a thousand to free.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, RARELY, RARELY)
