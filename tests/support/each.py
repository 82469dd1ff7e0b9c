"""Many cases of which each takes less time than a test of its own would."""

import functools
import inspect
import reprlib
from collections.abc import Callable, Iterable
from typing import Any


def try_each(names: str, values: Iterable[Any]) -> Callable[[Callable[..., None]], Any]:
    """Call a test with each of the values, like `pytest.mark.parametrize`, but in one test.

    The first case that fails ends it, and is named. Its fixtures are those of all cases: they hold
    nothing that a case changes.
    """
    arguments = [name.strip() for name in names.split(",")]
    cases = [dict(zip(arguments, v if arguments[1:] else [v], strict=True)) for v in values]
    assert cases

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            for number, case in enumerate(cases):
                try:
                    test(**fixtures, **case)
                except BaseException as error:
                    # Not `repr`, which a value may have to raise.
                    error.add_note(f"case {number}: {reprlib.repr(case)}")
                    raise

        signature = inspect.signature(test)
        others = [p for name, p in signature.parameters.items() if name not in arguments]
        assert len(others) + len(arguments) == len(signature.parameters)
        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return run

    return decorate
