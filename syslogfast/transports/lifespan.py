"""The end of the process, and its fork: what every delivery has to do then."""

import _thread
import _weakref
import atexit
import sys
from time import monotonic

from syslogfast._identity import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.delivery import Delivery

# Held while something is imported that is not needed by all. A fork waits for that: in the child,
# where the thread that imports it is not, it would stay half imported for ever.
importing = _thread.RLock()

_has_ended = False

# By id(), and weakly: a delivery that nobody needs any more may go.
_deliveries: "dict[int, _weakref.ReferenceType[Delivery]]" = {}


def register(delivery: "Delivery") -> None:
    """Have a delivery closed at the end of the process, and begin anew in one that is forked."""
    key = id(delivery)
    _deliveries[key] = _weakref.ref(delivery, lambda reference: _deliveries.pop(key, None))


def unregister(delivery: "Delivery") -> None:
    """Leave a delivery alone from now on: it is closed."""
    _deliveries.pop(id(delivery), None)


def list_deliveries() -> "list[Delivery]":
    found = [reference() for reference in list(_deliveries.values())]
    return [delivery for delivery in found if delivery is not None]


def close_all() -> None:
    """Close them, within the time that the most patient of them has; logging closes its own."""
    global _has_ended
    close([delivery for delivery in list_deliveries() if delivery.closes_at_exit])
    _has_ended = True


def has_ended() -> bool:
    """Tell whether those that are open now will not be closed here any more."""
    return _has_ended


def close_all_as_child() -> None:
    close(list_deliveries())


def close(deliveries: "list[Delivery]") -> None:
    started = monotonic()
    for delivery in deliveries:
        delivery.hasten()
    for delivery in deliveries:
        delivery.close(max(0.0, delivery.timeout - (monotonic() - started)))


def expect_end() -> None:
    """Have all closed at the end of a process that was forked, by multiprocessing perhaps.

    That forgets what was registered with atexit before, logging's end included, and calls nothing
    of it before 3.12.
    """
    atexit.register(close_all_as_child)
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing:
        multiprocessing.Finalize(None, close_all_as_child, exitpriority=0)


def go_on_as_child() -> None:
    importing.release()
    for delivery in list_deliveries():
        delivery.begin_anew()


# Once, and early: what the program registers later is called before this, and may still emit.
atexit.register(close_all)
if hasattr(system, "register_at_fork"):
    system.register_at_fork(
        before=importing.acquire,
        after_in_parent=importing.release,
        after_in_child=go_on_as_child,
    )
