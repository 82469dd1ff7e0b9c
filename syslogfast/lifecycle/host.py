"""What this program runs on: kernel, interpreter, process, and how long the machine has been up."""

import os
import sys
import time

from syslogfast._backend import BACKEND, format_timestamp
from syslogfast.constants import VERSION

TYPE_CHECKING = False

TICK = 10_000_000  # nanoseconds: RFC 3418 counts sysUpTime in hundredths of a second
MOST_TICKS = 1 << 32


def read_uptime() -> "int | None":
    """Return the nanoseconds since the machine has booted; None where no clock has them."""
    for clock in ("CLOCK_BOOTTIME", "CLOCK_UPTIME_RAW", "CLOCK_UPTIME"):  # Linux, macOS, FreeBSD
        if hasattr(time, clock):
            try:
                return time.clock_gettime_ns(getattr(time, clock))
            except OSError:
                pass  # Pyodide has the name, but not the clock
    return None


def describe_uptime() -> "str":
    """Return how long after boot this is, to follow a statement; empty if that is not known."""
    uptime = read_uptime()
    return "" if uptime is None else f" {uptime / 1e9:.3f} s after boot"


def list_meta() -> "dict[str, object]":
    """Return RFC 5424 7.3, but for sequenceId: the time since boot in hundredths of a second."""
    uptime = read_uptime()
    return {} if uptime is None else {"sysUpTime": uptime // TICK % MOST_TICKS}


def list_runtime() -> "dict[str, object]":
    """Return what this runs on, as structured data."""
    uptime = read_uptime()
    runtime: dict[str, object] = {"kernel": read_kernel()}
    runtime["python"] = f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"
    runtime["syslogfast"] = f"{VERSION} {BACKEND}"
    runtime["pid"] = os.getpid()
    if uptime is not None:
        runtime["booted"] = format_timestamp(time.time_ns() - uptime, precision=3)
    return runtime


def read_kernel() -> "str":
    if not hasattr(os, "uname"):
        return sys.platform
    names = os.uname()
    return f"{names.sysname} {names.release} {names.machine}"
