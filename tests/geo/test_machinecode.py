"""Machine code is kept where it can be, and made anew where it cannot."""

from geo.machinecode import compiled


def double(number: int) -> int:
    return 2 * number


def test_where_machine_code_cannot_be_kept_it_is_made_anew():
    asked = []

    def compiler(**options):
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda kernel: kernel

    assert compiled(compiler)(double) is double
    assert [one.get("cache", False) for one in asked] == [True, False]


def test_a_compiled_function_answers_as_the_plain_one():
    assert compiled()(double)(21) == double(21)
