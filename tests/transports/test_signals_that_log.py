"""A timer's signal whose handler logs, again and again, wherever it comes in."""

import ast
import json
import pathlib
import re
import shutil
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support.other_interpreters import find_pypy, run_in_interpreter
from support.pairwise import choose_pairs
from support.receivers import LIMIT, Sink, check_counts, url_of, wait_until

import syslogfast

pytestmark = [
    pytest.mark.versions,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timer's signal"),
]

Run = Callable[..., Any]

# `next` of a counter is one step, on PyPy, too.
TALK = """
import itertools, json, signal, sys, time, traceback
import syslogfast
url, overflow, linger, interval = sys.argv[1:] if len(sys.argv) > 1 else ARGUMENTS
log = syslogfast.connect(
    url, hostname="h", app_name="a", procid=1, overflow=overflow, linger=float(linger),
    queue_bytes=8192, timeout=10, sequence_ids=True,
    on_failure=False,  # PyPy 3.9 calls a time-out otherwise than is supported
)
main, handled, signals = itertools.count(), itertools.count(), itertools.count()
errors = []
depth = 0

def say(text, counter):
    try:
        log.info(text, next(counter))
    except Exception:
        errors.append(traceback.format_exc())

def handle(*_):
    global depth
    # A busy machine takes longer for one than until the next: then nothing else would be done, and
    # one within the other they would fill the stack.
    if next(signals) == 4000:
        signal.setitimer(signal.ITIMER_REAL, 0, 0)
    if depth < 30:
        depth += 1
        say("H %d " + "h" * 50, handled)
        depth -= 1

signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, float(interval), float(interval))
end = time.monotonic() + 0.5
while time.monotonic() < end:
    for size in (1, 60, 300):
        say("M %d " + "m" * size, main)
signal.setitimer(signal.ITIMER_REAL, 0, 0)
assert log.flush(10)
log.close(10)
print(json.dumps([errors[:1], next(main) + next(handled), log.stats]))
"""
RECORD = re.compile(rb'<14>1 \S+ h a 1 - \[meta sequenceId="\d+"\] (M \d+ m+|H \d+ h+)')


def check_account(printed: str, sink: Sink) -> None:
    """What was called is accounted for, each line is whole, and those that were sent have come."""
    errors, calls, stats = json.loads(printed)
    assert errors == []
    assert wait_until(lambda: sink.count_lines() == stats["sent"])
    lines = sink.received.splitlines()
    records = [line for line in lines if RECORD.fullmatch(line)]
    reports = [line for line in lines if b" DROPPED " in line]
    assert len(records) + len(reports) == len(lines) == stats["sent"]
    assert len(set(records)) == len(records)
    assert stats["queued"] == 0
    assert stats["offered"] == stats["sent"] + sum(stats["dropped"].values())
    # A report that finds no space is dropped itself.
    assert calls + len(reports) <= stats["offered"] <= calls + len(reports) + 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overflow", "linger", "interval", "backend"),
    choose_pairs(
        ["drop-newest", "drop-oldest", "block"], ["0", "0.01"], ["0.001", "0.0002"], ["c", "python"]
    ),
    indirect=["backend"],
)
def test_a_handler_that_logs(
    run_python: Run, sink: Sink, backend: str, overflow: str, linger: str, interval: str
) -> None:
    result = run_python(TALK, url_of(sink), overflow, linger, interval, backend=backend)
    assert (result.returncode, result.stderr) == (0, "")
    check_account(result.stdout, sink)


@pytest.mark.slow
@pytest.mark.surroundings
@pytest.mark.parametrize("overflow", ["drop-newest", "drop-oldest", "block"])
def test_a_handler_that_logs_on_pypy(sink: Sink, tmp_path: pathlib.Path, overflow: str) -> None:
    find_pypy()
    package = pathlib.Path(syslogfast.__file__).parent
    copied = pathlib.Path(shutil.copytree(package, tmp_path / "syslogfast"))
    for path in copied.rglob("*.py"):  # Debian 12's PyPy cannot read annotations with |
        source = path.read_text(encoding="utf-8")
        docstring = ast.parse(source).body[:1]
        lines = source.splitlines(keepends=True)
        lines.insert(
            docstring[0].end_lineno or 0 if docstring else 0, "from __future__ import annotations\n"
        )
        path.write_text("".join(lines), encoding="utf-8")
    arguments = f"ARGUMENTS = {[url_of(sink), overflow, '0', '0.0002']!r}\n"
    result = run_in_interpreter("pypy", arguments + TALK, copied)
    assert (result.returncode, result.stderr) == (0, "")
    check_account(result.stdout, sink)


@pytest.mark.parametrize("amid", ["send", "change"])
def test_block_does_not_wait_for_what_it_has_interrupted(
    connect: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch, amid: str
) -> None:
    """It would in vain, as long as `timeout`, and each handler that comes meanwhile, too."""
    emitter = connect(url_of(sink), overflow="block", queue_bytes=2000, timeout=3 * LIMIT)
    emitter.info("first")
    assert emitter.flush()
    sender, queue = emitter._sender, emitter._queue
    waits = []
    monkeypatch.setattr(type(sender), "_wait", lambda *given: waits.append(given))
    # No handler is called amid a change of the compiled queue, which has no lock.
    with getattr(queue, "_lock" if amid == "change" else "", sender._send_lock):
        for number in range(20):
            emitter.info("%d %s", number, "x" * 200)
        assert not emitter.flush(LIMIT) or not queue.count
    assert waits == []
    monkeypatch.undo()
    assert emitter.flush()
    stats = check_counts(emitter)
    assert stats["offered"] >= 21
    assert stats["dropped"].keys() == ({"full"} if amid == "send" else set(stats["dropped"]))
    assert sum(stats["dropped"].values()) == stats["offered"] - stats["sent"]
