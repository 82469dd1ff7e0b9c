"""SIGTERM and SIGHUP while records linger: C sends what it can before they end the process.

Only where their action is the default one; a handler of the program's has to flush by itself.
Python is told of a handler of its own, so that who puts another in its place, and later puts back
what was there, as uvicorn does, puts this back. Where the other one was there first, the default
action comes back, and is replaced then: a bound method, as servers use, is gone at that moment.
"""

import _weakref

from syslogfast._lifecycle_c import (  # type: ignore[import-not-found]
    IS_MAIN_INTERPRETER,
    drain_at_termination,
)
from syslogfast._platform import SignalSafeLock, call_at_fork
from syslogfast.transports import list_owners, refer_weakly, steps_at_close

TYPE_CHECKING = False
if not TYPE_CHECKING:
    import _signal as signal  # what it is made of: the module itself imports enum
if TYPE_CHECKING:
    import signal
    from typing import Any

    from syslogfast.transports.sender import Sender

# Signals, and what handles them, are the main interpreter's; others would be given its objects.
SIGNALS = (signal.SIGTERM, signal.SIGHUP) if IS_MAIN_INTERPRETER else ()

_watched: "dict[int, Any]" = {}  # senders by id(), weakly
_others: "dict[int, Any]" = {}  # the handler of a signal that is not ours, weakly
_arming = SignalSafeLock()  # held while C is told of queues, by any thread


def watch(sender: "Sender") -> bool:
    """Have what is in a sender's queue sent before one of the signals ends the process.

    Return False if that was so before.
    """
    is_new = id(sender) not in _watched
    refer_weakly(_watched, sender)
    take_signals()
    return is_new


def unwatch(sender: "Sender") -> None:
    """Undo that, and give the signals back if it was the last."""
    _watched.pop(id(sender), None)
    for number in SIGNALS:
        if not _watched and signal.getsignal(number) is end_by_signal:
            try:
                signal.signal(number, signal.SIG_DFL)
            except ValueError:
                pass  # not the main thread; there is nothing left to be sent
    renew()


def take_signals(former: object = None) -> None:
    """Take those that have the default action; be called again when another handler has gone."""
    if all(sender.is_closed() for sender in list_owners(_watched)):
        return
    for number in SIGNALS:
        action = signal.getsignal(number)
        if action == signal.SIG_DFL:
            try:
                signal.signal(number, end_by_signal)
            except ValueError:
                continue  # not the main thread: only that can be told of it
        elif action is not end_by_signal:
            try:
                _others[number] = _weakref.ref(action, take_signals)
            except TypeError:
                pass  # it is ignored, or has a handler in C: for good, as far as is known
    renew()


def renew() -> None:
    """Tell C of the queues that there are now, and whose they are, where the action is ours."""
    for number in SIGNALS:
        if signal.getsignal(number) is end_by_signal:
            arm(number)


def arm(number: int) -> None:
    senders = list_owners(_watched)
    queues = tuple([sender.queue for sender in senders if not sender.is_closed()])
    with _arming:
        drain_at_termination(number, queues)


def end_by_signal(number: int, frame: object = None) -> None:
    """Send what lingers, and end the process; PID 1 lives on. Called if C could not do it yet."""
    if not any(sender.defer(lambda: end_by_signal(number)) for sender in list_owners(_watched)):
        arm(number)
        signal.raise_signal(number)


def reset_after_fork() -> None:
    global _arming
    _arming = SignalSafeLock()  # whoever held it is not in this process
    renew()


steps_at_close.append(renew)
call_at_fork("senders", "after_in_child", reset_after_fork)
