"""Transports: where bytes go, and what the error of a send means.

A transport knows framing and sockets, and nothing of headers. All of them share what every sender
has to do at the end of the interpreter, and at a fork. That stands here, for a module of its own
would make each start longer.
"""

import _weakref
import atexit
import sys
from time import monotonic

from syslogfast._platform import (
    SignalSafeLock,
    call_at_fork,
    catch_up_with_fork,
    run_each,
    system,
)
from syslogfast.constants import FOREVER, LONGEST_WAIT
from syslogfast.transports.url import Url, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from syslogfast.transports.protocol import Transport as Transport
    from syslogfast.transports.sender import Sender

__all__ = ["PermanentError", "Readiness", "RejectedRecordError", "Url", "parse_url"]

# Errors by their names, see `name_error`.
# Another host might take it.
HOST_FAILURES = "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "EPERM", "EACCES"
# The kernel has no memory for this now, though poll() may say otherwise: to be tried again.
OUT_OF_BUFFERS = "ENOBUFS", "ENOMEM"
# There is nobody on the other side, or not any more.
REFUSALS = "ECONNREFUSED", "ECONNRESET", "ENOTCONN", "EPIPE", "ENOENT"
# There is no way to the other side, or this side's address, which a socket keeps, is no more.
NO_ROUTES = "ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EADDRNOTAVAIL", "ENODEV"


def name_error(error: "OSError") -> "str":
    """Return the name of an error, such as "ENOBUFS"; empty if it has none.

    Where nothing fails, nobody pays for the names of all: the interpreter has them in itself.
    """
    import errno

    # A signal's handler may find it half imported; then the error is one that has no name.
    names: dict[int, str] = getattr(errno, "errorcode", {})
    return names.get(error.errno or 0, "")


def limit_wait(deadline: "float") -> "float":
    """Return the seconds until then, by monotonic(), as many as a lock may be waited for."""
    return min(max(0.0, deadline - monotonic()), LONGEST_WAIT)


def add_jitter(delay: "float") -> "float":
    """Thousands may have lost the same collector: they should not all come back at once."""
    return delay * (0.5 + system.urandom(1)[0] / 256)


class RejectedRecordError(OSError):
    """The first record cannot go, and has to be dropped; `reason` is for the statistics."""

    def __init__(self, reason: "str", error: "OSError") -> "None":
        super().__init__(error.errno, error.strerror)
        self.reason = reason

    def is_of_host(self) -> "bool":
        """Return True if another host might take it."""
        return name_error(self) in HOST_FAILURES


class PermanentError(OSError):
    """A failure that no retry repairs, such as a collector with the wrong certificate."""


class Readiness:
    """Whether a socket takes more: what `push` has found, and `poll.await_readiness` waits for.

    is_short: the kernel had no memory.
    """

    def __init__(self) -> "None":
        self.is_short = False

    def is_full(self, error: "OSError") -> "bool":
        """Return True if an error of a send means no more than that it has to be tried again."""
        self.is_short = name_error(error) in OUT_OF_BUFFERS
        return self.is_short or isinstance(error, BlockingIOError)

    def name_failure(self, error: "OSError") -> "str":
        """Return the reason for which a datagram failed; "full": it has to be tried again."""
        if self.is_full(error):
            return "full"
        name = name_error(error)
        if name in REFUSALS:
            return "refused"
        if name in NO_ROUTES:
            return "no route"
        return "too large" if name == "EMSGSIZE" else "error"

    def name_segment_failure(self, error: "OSError") -> "str":
        """Return which segments the kernel refuses; "": it does not refuse segmenting."""
        if self.is_full(error):
            return "full"
        name = name_error(error)
        if name in ("EINVAL", "EMSGSIZE"):
            return "this size"
        return "any size" if name == "EIO" else ""


# Held while something is imported that is not needed by all. A fork waits for that: in the child,
# where the thread that imports it is not, it would stay half imported.
importing = SignalSafeLock()

# What an import raises that may have success later: something has interrupted it, or there is no
# memory, or no descriptor, to read the file.
IMPORT_FAILURES = (ImportError, MemoryError, OSError)

# --- the end of the interpreter ------------------------------------------------------------------

_has_ended = False

# By id(), and weakly: what nobody needs any more may go.
_senders: "dict[int, _weakref.ReferenceType[Sender]]" = {}
_inherited: "dict[int, _weakref.ReferenceType[Any]]" = {}  # others that a fork has to reset

# What is to be done when a sender has been closed, and when the end has closed them all.
steps_at_close: "list[Callable[[], object]]" = []


def refer_weakly(registry: "dict[int, Any]", owner: "object") -> "None":
    key = id(owner)
    registry[key] = _weakref.ref(owner, lambda reference: registry.pop(key, None))


def register_sender(sender: "Sender") -> "None":
    """Have a sender closed at the end of the process, and begin anew in one that is forked."""
    catch_up_with_fork()  # or it would begin anew in this one
    refer_weakly(_senders, sender)


def register_for_fork(owner: "Any") -> "None":
    """Have `owner.reset_after_fork` called in a process that is forked."""
    refer_weakly(_inherited, owner)


def unregister_sender(sender: "Sender") -> "None":
    """Leave a sender alone from now on: it is closed."""
    _senders.pop(id(sender), None)
    for step in steps_at_close:
        step()


def list_owners(registry: "dict[int, _weakref.ReferenceType[Any]]") -> "list[Any]":
    found = [reference() for reference in list(registry.values())]
    return [owner for owner in found if owner is not None]


def is_open(sender: "object") -> "bool":
    """Return True if a sender is registered, which one that is closed is no more."""
    return id(sender) in _senders


def list_senders() -> "list[Sender]":
    return list_owners(_senders)


def close_all() -> "None":
    """Close them, within the longest of their timeouts; logging closes its own."""
    global _has_ended
    catch_up_with_fork()
    close_senders([sender for sender in list_senders() if sender.closes_at_exit])
    _has_ended = True
    for step in steps_at_close:
        step()


def has_ended() -> "bool":
    """Return True if those that are open now will not be closed here any more."""
    return _has_ended


def close_all_as_child() -> "None":
    close_senders(list_senders())


def close_senders(senders: "list[Sender]") -> "None":
    for sender in senders:
        close_in_turn(sender)


# Senders that are flushed or closed one after the other have one deadline: at the end of the
# process, and wherever `logging` ends its handlers. While the first is waited for the others send.

SAME_END = 0.5  # seconds: what begins so soon after another belongs to the same end

_end_began = -FOREVER  # when the present end began
_end_paused = -FOREVER  # when its last wait was over
_flushed: "set[int]" = set()  # id() of each sender that was flushed in it: the end flushes it once


def flush_in_turn(sender: "Sender") -> "None":
    """Flush a sender within what is left of its timeout since the first of several was flushed."""
    try:
        deadline = begin_end(sender, is_another=id(sender) in _flushed)
        _flushed.add(id(sender))
        sender.flush(deadline - monotonic())
    finally:
        pause_end()


def close_in_turn(sender: "Sender") -> "None":
    """Close a sender likewise."""
    try:
        sender.close(begin_end(sender) - monotonic())
    finally:
        pause_end()


def begin_end(sender: "Sender", is_another: "bool" = False) -> "float":
    """Return until when to wait for a sender; if it is the first, have all of them send."""
    global _end_began
    catch_up_with_fork()
    now = monotonic()
    if is_another or now - _end_paused > SAME_END:
        _end_began = now
        _flushed.clear()
        for other in list_senders():
            other.send_soon()
    return max(_end_began, sender.made_at) + sender.timeout


def pause_end() -> "None":
    global _end_paused
    _end_paused = monotonic()


def expect_end(sender: "Sender") -> "None":
    """Have all closed at the end of this process if it was forked, by multiprocessing perhaps.

    That forgets what was registered with atexit before, logging's end included, and calls nothing
    of it before 3.12.
    """
    if not sender.is_inherited:
        return
    sender.is_inherited = False
    atexit.register(close_all_as_child)
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing:
        multiprocessing.Finalize(None, close_all_as_child, exitpriority=0)


# --- fork ----------------------------------------------------------------------------------------

_holds_importing = False  # set by the thread that forks, while it does so


def acquire_importing() -> "None":
    global _holds_importing
    importing.acquire()
    _holds_importing = True


def release_importing() -> "None":
    """Release that lock as it is found: a host in C may call the hooks of a child alone."""
    global _holds_importing
    if _holds_importing:
        _holds_importing = False
        importing.release()
    elif not importing._is_owned() and hasattr(importing, "_at_fork_reinit"):  # type: ignore[attr-defined]
        importing._at_fork_reinit()  # by whichever thread of the parent it is held


def reset_after_fork() -> "None":
    owners = [*list_senders(), *list_owners(_inherited)]
    run_each([owner.reset_after_fork for owner in owners])


# Once, and early: what the program registers later is called before this, and may still emit.
atexit.register(close_all)
call_at_fork("locks", "before", acquire_importing)
call_at_fork("locks", "after_in_parent", release_importing)
call_at_fork("locks", "after_in_child", release_importing)
call_at_fork("senders", "after_in_child", reset_after_fork)
