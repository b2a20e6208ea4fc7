"""The simulated town, as far as it can be told without living in it (`tests/bench` does)."""

from app.town.run import in_step


def test_each_kind_arrives_in_step_with_the_others():
    drivers, customers = [1, 2, 3, 4], ["a", "b"]
    shares = {somebody: share for share, somebody in in_step([*drivers, *customers])}
    assert [shares[driver] for driver in drivers] == [0.0, 0.25, 0.5, 0.75]
    assert [shares[customer] for customer in customers] == [0.0, 0.5]
