"""What signals do, for tests of code that changes it in this process."""

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture
def keep_signals() -> Iterator[None]:
    """Give back what a command that runs in this process has signals do."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, action in zip(numbers, before, strict=True):
        signal.signal(number, action)
