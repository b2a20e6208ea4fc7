"""What is done from time to time: whether it is time again."""


def is_due(now: float, last: float, every: float) -> bool:
    """Whether `every` seconds have passed since the last time, by the machine's clock (Unix seconds).

    A clock that was set back since makes it due: waiting for it to come that far again could take hours.
    """
    return not 0 <= now - last < every
