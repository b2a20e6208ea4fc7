"""Python functions as machine code, by numba at their first call: the one way the pure rooms compile.

A kept kernel is found again by its own file's content alone. What it takes from another file (a constant, another
kernel) goes into it unnoticed, so whoever keeps kernels keeps them apart by all their files (`app.kernels` does).
"""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(compiler: Callable[..., Any] = njit, **options: Any) -> Callable[[F], F]:
    """A decorator: machine code kept for all processes, or made anew by each where none may be written."""

    def decorate(function: F) -> F:
        try:
            made: F = compiler(cache=True, **options)(function)
        except RuntimeError:  # numba's word for "no place to keep it": a read-only installation
            made = compiler(**options)(function)
        return made

    return decorate
