"""What the command meets seldom: what is closed, full, refused or interrupted just then."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

PATIENCE = 20  # seconds


@pytest.fixture
def collecting() -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """The collector's process, and its port."""
    process = subprocess.Popen(
        [sys.executable, "-Im", "syslogfast.commands.collector"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process, int(process.stdout.readline())
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def test_the_collector_ends_where_nobody_reads(
    collecting: tuple["subprocess.Popen[str]", int],
) -> None:
    """As when the demo was killed; nothing is written to the terminal then."""
    process, _ = collecting
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(PATIENCE) == 1
    assert process.stderr.read() == ""
