"""What this program runs on: kernel, interpreter, process, and since when each of them runs.

In a container, and in a program that was started anew, the machine's boot is long ago.
"""

import os
import sys
import time

from syslogfast._backend import BACKEND, format_timestamp
from syslogfast.constants import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Times: TypeAlias = tuple[int | None, int | None]

TICK = 10_000_000  # nanoseconds: RFC 3418 counts sysUpTime in hundredths of a second
MOST_TICKS = 1 << 32
STARTTIME = 22  # the number of that field in /proc/PID/stat (proc(5)), in clock ticks


def read_uptime() -> "int | None":
    """Return the nanoseconds since the machine has booted; None where no clock has them."""
    for clock in ("CLOCK_BOOTTIME", "CLOCK_UPTIME_RAW", "CLOCK_UPTIME"):  # Linux, macOS, FreeBSD
        if hasattr(time, clock):
            try:
                return time.clock_gettime_ns(getattr(time, clock))
            except OSError:
                pass  # Pyodide has the name, but not the clock
    return None


def read_process_age(uptime: "int | None") -> "int | None":
    """Return the nanoseconds since this process was started; None where no file has them.

    uptime: those since the machine has booted, which Linux counts from.
    """
    if uptime is None or sys.platform != "linux":
        return None
    try:
        fields = read_file("/proc/self/stat").rpartition(b")")[2].split()
        ticks = int(fields[STARTTIME - 3])  # what follows the name, which may have spaces
        return max(0, uptime - ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError, AttributeError):
        return None  # an image may do without /proc


def read_file(path: "str") -> "bytes":
    """Return the beginning of a file, by no more than three calls of the kernel's."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1024)
    finally:
        os.close(descriptor)


def read_times() -> "Times":
    """Return the nanoseconds since the machine has booted, and since this process was started.

    A record looks once: in a sandbox that has just begun a look at a clock takes 60 us.
    """
    uptime = read_uptime()
    return uptime, read_process_age(uptime)


def describe_times(times: "Times | None" = None) -> "str":
    """Return how long after which starts this is, to follow a statement; empty if none is known.

    times: of `read_times`; None: those of now.
    """
    uptime, age = times or read_times()
    described = []
    if age is not None:
        described.append(f"{age / 1e9:.2f} s after process start")
    if uptime is not None:
        described.append(f"{uptime / 1e9:.3f} s after boot")
    return " " + ", ".join(described) if described else ""


def list_meta(times: "Times | None" = None) -> "dict[str, object]":
    """Return RFC 5424 7.3, but for sequenceId: the time since boot in hundredths of a second.

    times: of `read_times`; None: now.
    """
    uptime = times[0] if times else read_uptime()
    return {} if uptime is None else {"sysUpTime": uptime // TICK % MOST_TICKS}


def list_runtime(times: "Times | None" = None) -> "dict[str, object]":
    """Return what this runs on, as structured data.

    times: of `read_times`; None: those of now.
    """
    uptime, age = times or read_times()
    runtime: dict[str, object] = {"kernel": read_kernel()}
    runtime["python"] = f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"
    runtime["syslogfast"] = f"{VERSION} {BACKEND}"
    runtime["pid"] = os.getpid()
    now = time.time_ns()
    if age is not None:
        runtime["started"] = format_timestamp(now - age, precision=2)
    if uptime is not None:
        runtime["booted"] = format_timestamp(now - uptime, precision=3)
    return runtime


def read_kernel() -> "str":
    if not hasattr(os, "uname"):
        return sys.platform
    names = os.uname()
    return f"{names.sysname} {names.release} {names.machine}"
