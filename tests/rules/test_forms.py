"""Answers to a service's form: each type takes what it says, and every wrong one is named."""

from typing import Any

import pytest

from domain.rules.catalogue import FormField
from domain.rules.errors import Invalid
from domain.rules.forms import MAX_TEXT, read_answers

FORM = (
    FormField(name="what", type="text", required=True),
    FormField(name="rooms", type="number"),
    FormField(name="ladder", type="boolean"),
    FormField(name="floor", type="choice", choices=("ground", "first")),
)
WHOLE = {"what": "a" * MAX_TEXT, "rooms": 2.5, "ladder": False, "floor": "first"}


def test_answers_that_fit_are_kept_and_what_need_not_be_said_may_be_left_out() -> None:
    assert read_answers(FORM, WHOLE) == WHOLE
    assert read_answers(FORM, {"what": "a gutter", "rooms": None}) == {"what": "a gutter"}


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"what": None}, "/answers/what"),
        ({"what": "a" * (MAX_TEXT + 1)}, "/answers/what"),
        ({"what": 7}, "/answers/what"),
        ({"rooms": "two"}, "/answers/rooms"),
        ({"rooms": True}, "/answers/rooms"),  # a bool is an int to Python, and no number of rooms
        ({"ladder": 1}, "/answers/ladder"),
        ({"floor": "attic"}, "/answers/floor"),
        ({"garden": "yes"}, "/answers/garden"),
    ],
)
def test_an_answer_that_does_not_fit_is_named(wrong: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_answers(FORM, {**WHOLE, **wrong})
    assert [error["pointer"] for error in refused.value.facts["errors"]] == [pointer]
