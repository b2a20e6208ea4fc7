"""Units that the type checker can tell apart. They cost nothing at run time."""

from typing import NewType

Meters = NewType("Meters", float)
Seconds = NewType("Seconds", float)
