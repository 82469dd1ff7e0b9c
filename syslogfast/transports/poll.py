"""Waiting for a descriptor, a lock or a time; `select` is imported by threads that wait."""

import time
from time import monotonic

from syslogfast.constants import LONGEST_WAIT
from syslogfast.transports import importing
from syslogfast.transports.threads import find_original, has_greenlets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syslogfast.transports import Readiness

SHORTAGE_PAUSE = 0.01  # seconds until a send is tried again that found no memory
GREENLET_PAUSE = 0.005  # seconds from one look whether another thread is through to the next


def wait_ready(fd: "int", timeout: "float", to_read: "bool" = False) -> "bool":
    """Wait until a descriptor takes bytes, or has some; False if not within so many seconds."""
    with importing:
        import select

    timeout = min(timeout, LONGEST_WAIT)
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(fd, select.POLLIN if to_read else select.POLLOUT)
        return bool(poll.poll(timeout * 1000))
    fds = ([fd], []) if to_read else ([], [fd])
    try:
        return any(select.select(*fds, [], timeout))
    except OSError:
        return True  # Windows says that of sockets alone: what else there is, writing waits for


def await_readiness(readiness: "Readiness", fd: "int", timeout: "float") -> "None":
    """Wait until a send may take more than the last one did."""
    if readiness.is_short:
        readiness.is_short = False
        sleep(min(timeout, SHORTAGE_PAUSE))
    else:
        wait_ready(fd, timeout)


def sleep(seconds: "float") -> "None":
    """Have this thread sleep: all of it, where greenlets share it."""
    find_original("time", "sleep")(seconds)


def await_lock(lock: "Any", timeout: "float") -> "bool":
    """Acquire a lock that another thread releases; other greenlets of this thread go on meanwhile.

    Return False if that was not within so many seconds.
    """
    if not has_greenlets():
        return bool(lock.acquire(True, timeout))
    deadline = monotonic() + timeout
    while not lock.acquire(False):
        if monotonic() >= deadline:
            return False
        time.sleep(GREENLET_PAUSE)  # gevent's or eventlet's, which has others go on
    return True
