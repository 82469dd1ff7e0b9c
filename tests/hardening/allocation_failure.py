"""Allocations of public calls fail, one after another, on real transports; so does all memory.

Of each call in public_calls.py each allocation fails alone, and some with those after it. After
each try the counts add up, what is queued goes, and the object is of use. Then a process has no
more memory at all: what a record costs is counted in allocations that fail, by strace.

Allocations are counted and failed by CPython's own _testcapi.
"""

import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from typing import Any

from installed import run_in_build

run_in_build()

from receiving import TRANSPORTS, receive  # noqa: E402
from report import run_job  # noqa: E402

FOLDER = pathlib.Path(__file__).with_suffix("")
SHORT, LONG = 70.0, 1800.0
# How many cases each transport gets: one of so many. Which allocations fail alone, and which of
# them together with the 39 after it: every n-th.
SHARES, STEPS, STRIDES = (len(TRANSPORTS), 1), (4, 1), (90, 3)
MOST_TRIES = 16  # system calls that fail for want of memory, for a record that is dropped for that


def sweep(transport: str, seconds: float) -> dict[str, Any]:
    """Have it done by a process of its own, and compare what it has sent with what has come."""
    form = int(seconds >= LONG / 2)
    part = "others"
    if transport in TRANSPORTS:
        part = f"{TRANSPORTS.index(transport) % SHARES[form] + 1}/{SHARES[form]}"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with (
            receive("udp" if transport == "none" else transport, folder) as receiver,
            receive("udp", folder) as scratch,
        ):
            program = str(FOLDER / "sweep.py")
            numbers = [str(3 * seconds), str(STEPS[form]), str(STRIDES[form])]
            command = [sys.executable, "-I", program, receiver.url, scratch.url, part, *numbers]
            result = subprocess.run(command, capture_output=True, text=True, timeout=4 * seconds)
            assert result.returncode == 0, (
                f"{transport}: {result.returncode}\n"
                f"{result.stdout[-2000:]}{result.stderr[-6000:]}\n"
                f"to repeat: {program} {receiver.url} {scratch.url} {part} 60 1 40 CASE N WINDOW"
            )
            noise = [line for line in result.stderr.splitlines() if "SystemError" in line]
            assert not noise, f"{transport}: {noise[:3]}"
            counts: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
            time.sleep(0.5)
            arrived = len(receiver.list_records())
            if transport in ("relp", "unix"):  # the others lose what nobody has read
                assert arrived >= counts["sent"], f"{transport}: {arrived} of {counts['sent']}"
    return counts


def count_failing_calls() -> dict[str, int]:
    """Return what became of records without memory, and how often that was asked for."""
    program = str(FOLDER / "without_memory.py")
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder, "trace")
        tracer = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=mmap,brk,mremap,access"]
        result = subprocess.run(
            [*tracer, sys.executable, "-I", program], capture_output=True, text=True, timeout=120
        )
        assert result.returncode == 0, f"{program}: {result.stderr[-3000:]}"
        counts: dict[str, int] = json.loads(result.stdout)
        lines = trace.read_text().splitlines()
    marks = [number for number, line in enumerate(lines) if "/syslogfast-mark" in line]
    assert len(marks) == 2, f"{len(marks)} marks in the trace"
    between = lines[marks[0] : marks[1]]
    counts["failed system calls"] = sum("ENOMEM" in line for line in between)
    # brk tells of a failure by a break that stays where it is.
    counts["failed system calls"] += sum(
        re.search(r"brk\(0x", line) is not None for line in between
    )
    assert counts["dropped"] >= 50, f"there was memory for most: {counts}"
    most = MOST_TRIES * counts["dropped"]
    assert 0 < counts["failed system calls"] <= most, f"more than {most} tries: {counts}"
    return counts


def job(seconds: float) -> dict[str, object]:
    figures: dict[str, object] = dict(count_failing_calls())
    names = (*TRANSPORTS, "none")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda name: sweep(name, seconds), names))
    figures["cases"] = sum(counts["cases"] for counts in found)
    for name in ("tries", "failed", "sent"):
        figures[name] = sum(counts[name] for counts in found)
    for counts in found:
        for text, count in counts["known"].items():
            figures[text] = int(str(figures.get(text, 0))) + count
    return figures


if __name__ == "__main__":
    run_job(job, short=SHORT, long=LONG)
