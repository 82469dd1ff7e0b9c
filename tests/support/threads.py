"""Threads that begin together and are switched as often as can be."""

import contextlib
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator

from support.receivers import LIMIT

HAS_GIL = not sysconfig.get_config_var("Py_GIL_DISABLED")


def is_gil_enabled() -> bool:
    return getattr(sys, "_is_gil_enabled", lambda: True)()


@contextlib.contextmanager
def switch_often(interval: float = 1e-6) -> Iterator[None]:
    """Let the threads of this block be switched after so many seconds, not after 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def run_threads(
    work: Callable[[int], None], count: int, interval: float = 1e-6, seconds: float = 6 * LIMIT
) -> None:
    """Call `work` with 0, 1 and so on in as many threads at once; raise what the first raised."""
    start = threading.Barrier(count)
    failures: list[BaseException] = []

    def begin(number: int) -> None:
        try:
            start.wait(LIMIT)
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(count)]
    with switch_often(interval):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds)
            assert not thread.is_alive()
    if failures:
        raise failures[0]
    assert is_gil_enabled() == HAS_GIL
