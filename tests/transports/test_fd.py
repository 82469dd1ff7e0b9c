"""A descriptor of somebody else's: what nobody reads holds nothing up, and it stays as it is."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.backends import load_emitter_module
from support.receivers import check_counts, wait_until

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

UNREAD = """
import os, pty, signal, sys, syslogfast
main, terminal = pty.openpty()
log = syslogfast.connect(f"fd://{terminal}", timeout=0.5, hostname="h", app_name="a")
for size in list(range(1, 4000, 37)) * 20:
    log.info("x" * size)
log.close(0.5)
stats = log.stats
assert stats["offered"] == stats["sent"] + sum(stats["dropped"].values()) and stats["dropped"]
other = syslogfast.connect(f"fd://{terminal}", timeout=0.5, hostname="h", app_name="a")
other.info("left to the end of the program")
print(os.get_blocking(terminal))
"""


@pytest.mark.parametrize("ending", ["", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_a_terminal_that_nobody_reads(run_python: RunPython, backend: str, ending: str) -> None:
    """Neither emit nor close, the end of the program or a signal waits for it."""
    result = run_python(UNREAD + "sys.stdout.flush()\n" + ending, backend=backend)
    assert result.stdout == "True\n", result.stderr
    assert result.returncode == (-signal.SIGTERM if ending else 0)


def test_a_pipe_with_two_writers(backend: str) -> None:
    """What another has written meanwhile is no reason to wait, and no record is torn."""
    read_end, write_end = os.pipe()
    log = load_emitter_module(backend).connect(
        f"fd://{write_end}", hostname="h", app_name="a", timeout=5.0
    )
    count = 3000
    for number in range(count):
        log.info("%d %s", number, "x" * 100)
        if number % 3 == 0 and select.select([], [write_end], [], 0)[1]:
            os.write(write_end, b"other\n")
    assert log.stats["queued"] > 0
    os.set_blocking(read_end, False)
    received = b""

    def read_all() -> bool:
        nonlocal received
        try:
            while data := os.read(read_end, 1 << 16):
                received += data
        except BlockingIOError:
            pass
        return log.stats["queued"] == 0

    assert wait_until(read_all)
    read_all()
    log.close()
    lines = [line for line in received.splitlines() if line != b"other"]
    assert [int(line.split()[7]) for line in lines] == list(range(count))
    check_counts(log)
    os.close(read_end)
    os.close(write_end)


def test_a_reader_that_has_gone(backend: str) -> None:
    """SIGPIPE with its default action does not end the program: the records are counted."""
    program = (
        "import signal, sys, syslogfast\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "log = syslogfast.connect('fd://1', hostname='h', app_name='a', timeout=0.2,\n"
        "                         on_failure=False)\n"
        "sys.stdin.read(1)\n"
        "for _ in range(50): log.info('lost')\n"
        "log.close()\n"
        "assert log.stats['sent'] == 0 and log.stats['dropped'] == {'closed': 50}, log.stats\n"
        "assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()\n"
        "assert signal.sigpending() == set()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
    )
    assert process.stdin
    assert process.stdout
    process.stdout.close()
    process.stdin.write(b"x")
    process.stdin.close()
    assert process.wait(20) == 0


@pytest.mark.parametrize("kind", ["pipe", "terminal", "file", "full"])
def test_the_descriptor_stays_as_it_is(backend: str, kind: str, tmp_path: Any) -> None:
    """It is open and blocking afterwards, and none of ours is left."""
    others = []
    if kind == "pipe":
        other, descriptor = os.pipe()
        others.append(other)
    elif kind == "terminal":
        other, descriptor = pty.openpty()
        others.append(other)
    elif kind == "file":
        descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    else:
        descriptor = os.open("/dev/full", os.O_WRONLY)
    before = set(os.listdir("/proc/self/fd"))
    log = load_emitter_module(backend).connect(
        f"fd://{descriptor}", hostname="h", app_name="a", timeout=0.2, on_failure=False
    )
    log.info("sent")
    log.close()
    deadline = time.monotonic() + 5
    while set(os.listdir("/proc/self/fd")) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(os.listdir("/proc/self/fd")) - before
    assert os.get_blocking(descriptor)
    assert log.stats["sent"] == (kind != "full")
    for number in (descriptor, *others):
        os.close(number)
