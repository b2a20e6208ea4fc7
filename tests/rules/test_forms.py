"""Answers to a service's form: each type takes what it says, and every wrong one is named."""

from typing import Any

import pytest

from domain.rules.catalogue import FormField
from domain.rules.errors import Invalid
from domain.rules.forms import LONGEST_WORK_MIN, MAX_TEXT, estimated_s, read_answers

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


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [
        ({"duration_min": 90}, 5_400),
        ({"duration_min": 1.5}, 90),
        ({"duration_min": LONGEST_WORK_MIN}, 604_800),
        ({"duration_min": True}, None),
        ({"duration_min": "an hour"}, None),  # a form that asks for a text asks for no estimate
        ({}, None),
    ],
)
def test_a_customers_estimate_is_read_in_seconds(answers: dict[str, Any], seconds: int | None) -> None:
    assert estimated_s(answers) == seconds


@pytest.mark.parametrize("minutes", [-95, 0, 0.5, LONGEST_WORK_MIN + 1, 1e9, 10**400])
def test_no_work_takes_less_than_a_minute_or_more_than_a_week(minutes: float) -> None:
    with pytest.raises(Invalid) as refused:
        estimated_s({"duration_min": minutes})
    assert [error["pointer"] for error in refused.value.facts["errors"]] == ["/answers/duration_min"]
