"""The end of the interpreter, and a fork: what every sender has to do then."""

import _thread
import _weakref
import atexit
import sys
from time import monotonic

from syslogfast._platform import call_at_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from syslogfast.transports.sender import Sender

# Held while something is imported that is not needed by all. A fork waits for that: in the child,
# where the thread that imports it is not, it would stay half imported for ever.
importing = _thread.RLock()

_has_ended = False

# By id(), and weakly: a sender that nobody needs any more may go.
_senders: "dict[int, _weakref.ReferenceType[Sender]]" = {}


def register(sender: "Sender") -> None:
    """Have a sender closed at the end of the process, and begin anew in one that is forked."""
    key = id(sender)
    _senders[key] = _weakref.ref(sender, lambda reference: _senders.pop(key, None))


def unregister(sender: "Sender") -> None:
    """Leave a sender alone from now on: it is closed."""
    _senders.pop(id(sender), None)


def list_senders() -> "list[Sender]":
    found = [reference() for reference in list(_senders.values())]
    return [sender for sender in found if sender is not None]


def close_all() -> None:
    """Close them, within the time that the most patient of them has; logging closes its own."""
    global _has_ended
    close([sender for sender in list_senders() if sender.closes_at_exit])
    _has_ended = True
    join_threads()


def has_ended() -> bool:
    """Return True if those that are open now will not be closed here any more."""
    return _has_ended


def close_all_as_child() -> None:
    close(list_senders())


def close(senders: "list[Sender]") -> None:
    started = monotonic()
    for sender in senders:
        sender.send_soon()
    for sender in senders:
        sender.close(max(0.0, sender.timeout - (monotonic() - started)))


def expect_end() -> None:
    """Have all closed at the end of a process that was forked, by multiprocessing perhaps.

    That forgets what was registered with atexit before, logging's end included, and calls nothing
    of it before 3.12.
    """
    atexit.register(close_all_as_child)
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing:
        multiprocessing.Finalize(None, close_all_as_child, exitpriority=0)


# --- threads -------------------------------------------------------------------------------------

_threads: "set[Thread]" = set()  # those that have been started, but for some that have ended

_of_thread = _thread._local()


class Thread:
    """A thread of a sender, or of another `owner`, and what tells that all of it is gone."""

    def __init__(self, owner: object, work: "Callable[..., object]", *arguments: object) -> None:
        """Start it; RuntimeError: there can be no threads here, or not now."""
        self.owner = _weakref.ref(owner)
        self._has_gone = _thread.allocate_lock()
        self._has_gone.acquire()
        _threads.difference_update([t for t in _threads.copy() if not t.is_there()])
        _threads.add(self)
        try:
            _thread.start_new_thread(self._run, (work, arguments))
        except RuntimeError:
            _threads.discard(self)
            raise

    def _run(self, work: "Callable[..., object]", arguments: "tuple[object, ...]") -> None:
        # CPython drops what is local to a thread when it destroys the thread's state, and runs no
        # code in Python between the two: nobody sees the lock free and the state there.
        mark: set[object] = set()
        _of_thread.mark = mark
        self._mark = _weakref.ref(mark, self._has_gone.__exit__)  # type: ignore[arg-type]
        del mark
        work(*arguments)

    def is_there(self) -> bool:
        return self._has_gone.locked()

    def join(self) -> None:
        """Wait until it has gone."""
        with self._has_gone:
            pass


def join_threads() -> None:
    """Wait for the threads of all that is closed, unless this is the main interpreter.

    Another one that ends before one of its threads has the whole process aborted.
    """
    left = [thread for thread in _threads.copy() if thread.is_there()]
    if left and not is_main_interpreter():
        for thread in left:
            if id(thread.owner()) not in _senders:  # one that is open works on for ever
                thread.join()


def is_main_interpreter() -> bool:
    if hasattr(_thread, "_is_main_interpreter"):  # from Python 3.12 on
        return bool(_thread._is_main_interpreter())
    try:
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]
    except ImportError:
        return True  # as far as one can tell
    return bool(interpreters.get_current() == interpreters.get_main())


# --- fork ----------------------------------------------------------------------------------------


def after_fork_in_child() -> None:
    importing.release()
    _threads.clear()
    for sender in list_senders():
        sender.reset_after_fork()


# Once, and early: what the program registers later is called before this, and may still emit.
atexit.register(close_all)
call_at_fork(
    before=importing.acquire,
    after_in_parent=importing.release,
    after_in_child=after_fork_in_child,
)
