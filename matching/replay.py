"""A stored round, solved again."""

from matching.problem import JsonObject, from_json
from matching.result import Result, to_json
from matching.solve import solve


def replay(problem: JsonObject) -> Result:
    """The answer to a stored problem: equal to the stored result, to the last digit."""
    return solve(from_json(problem))


def agrees(problem: JsonObject, result: JsonObject) -> bool:
    """Whether a stored result is what its stored problem gives today."""
    return to_json(replay(problem)) == result
