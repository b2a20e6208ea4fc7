"""The planner's processes, seen from outside."""

from pathlib import Path

from app.tours.planner import TourPlanner


def workers_of(planner: TourPlanner) -> list[int]:
    return [] if planner._worker is None else list(planner._worker._processes or {})


def is_there(pid: int) -> bool:
    """Running; a zombie is not, it only waits to be asked how it ended."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
