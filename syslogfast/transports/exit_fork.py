"""The end of the interpreter, and a fork: what every sender has to do then."""

import _thread
import _weakref
import atexit
import sys
from time import monotonic

from syslogfast._platform import (
    SignalSafeLock,
    call_at_fork,
    catch_up_with_fork,
    find_original,
    forks_untold,
    make_lock,
    prepare_thread,
    run_each,
)
from syslogfast.constants import FOREVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from syslogfast.transports.sender import Sender

# Held while something is imported that is not needed by all. A fork waits for that: in the child,
# where the thread that imports it is not, it would stay half imported.
importing = SignalSafeLock()

# What an import raises that may have success later: something has interrupted it, or there is no
# memory, or no descriptor, to read the file.
IMPORT_FAILURES = (ImportError, MemoryError, OSError)

_holds_importing = False  # set by the thread that forks, while it does so

_has_ended = False

# By id(), and weakly: what nobody needs any more may go.
_senders: "dict[int, _weakref.ReferenceType[Sender]]" = {}
_inherited: "dict[int, _weakref.ReferenceType[Any]]" = {}  # others that a fork has to reset


# What is to be done when a sender has been closed.
steps_at_close: "list[Callable[[], object]]" = []


def refer_weakly(registry: "dict[int, Any]", owner: object) -> None:
    key = id(owner)
    registry[key] = _weakref.ref(owner, lambda reference: registry.pop(key, None))


def register(sender: "Sender") -> None:
    """Have a sender closed at the end of the process, and begin anew in one that is forked."""
    catch_up_with_fork()  # or it would begin anew in this one
    refer_weakly(_senders, sender)


def register_for_fork(owner: "Any") -> None:
    """Have `owner.reset_after_fork` called in a process that is forked."""
    refer_weakly(_inherited, owner)


def unregister(sender: "Sender") -> None:
    """Leave a sender alone from now on: it is closed."""
    _senders.pop(id(sender), None)
    for step in steps_at_close:
        step()
    if _has_ended:
        join_threads()


def list_owners(registry: "dict[int, _weakref.ReferenceType[Any]]") -> "list[Any]":
    found = [reference() for reference in list(registry.values())]
    return [owner for owner in found if owner is not None]


def list_senders() -> "list[Sender]":
    return list_owners(_senders)


def close_all() -> None:
    """Close them, within the longest of their timeouts; logging closes its own."""
    global _has_ended
    catch_up_with_fork()
    close_senders([sender for sender in list_senders() if sender.closes_at_exit])
    _has_ended = True
    join_threads()


def has_ended() -> bool:
    """Return True if those that are open now will not be closed here any more."""
    return _has_ended


def close_all_as_child() -> None:
    close_senders(list_senders())


def close_senders(senders: "list[Sender]") -> None:
    for sender in senders:
        close_in_turn(sender)


# Senders that are flushed or closed one after the other have one deadline: at the end of the
# process, and wherever `logging` ends its handlers. While the first is waited for the others send.

SAME_END = 0.5  # seconds: what begins so soon after another belongs to the same end

_end_began = -FOREVER  # when the present end began
_end_paused = -FOREVER  # when its last wait was over
_flushed: "set[int]" = set()  # id() of each sender that was flushed in it: the end flushes it once


def flush_in_turn(sender: "Sender") -> None:
    """Flush a sender within what is left of its timeout since the first of several was flushed."""
    try:
        deadline = begin_end(sender, is_another=id(sender) in _flushed)
        _flushed.add(id(sender))
        sender.flush(deadline - monotonic())
    finally:
        pause_end()


def close_in_turn(sender: "Sender") -> None:
    """Close a sender likewise."""
    try:
        sender.close(begin_end(sender) - monotonic())
    finally:
        pause_end()


def begin_end(sender: "Sender", is_another: bool = False) -> float:
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


def pause_end() -> None:
    global _end_paused
    _end_paused = monotonic()


def expect_end(sender: "Sender") -> None:
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


# --- threads -------------------------------------------------------------------------------------

_threads: "set[Thread]" = set()  # those that have been started, but for some that have ended

_of_thread = find_original("_thread", "_local")()


class Thread:
    """A thread of a sender, or of another `owner`, whose end can be waited for."""

    def __init__(self, owner: object, work: "Callable[..., object]", *arguments: object) -> None:
        """Start it; RuntimeError: there can be no threads here, or not now."""
        if forks_untold():
            raise RuntimeError("this process forks without Python's hooks")
        prepare_thread()
        self.owner = _weakref.ref(owner)
        self._has_gone = make_lock()
        self._has_gone.acquire()
        _threads.difference_update([t for t in _threads.copy() if not t.is_there()])
        _threads.add(self)
        try:
            find_original("_thread", "start_new_thread")(self._run, (work, arguments))
        except BaseException:
            _threads.discard(self)
            raise

    def _run(self, work: "Callable[..., object]", arguments: "tuple[object, ...]") -> None:
        # CPython drops what is local to a thread when it destroys the thread's state, and runs no
        # code in Python between the two: the lock is never free while the state is there.
        mark: set[object] = set()
        _of_thread.mark = mark
        self._mark = _weakref.ref(mark, self._bind_release())
        del mark
        work(*arguments)

    def _bind_release(self) -> "Callable[[object], object]":
        """Return what releases the lock, takes one argument, and is not written in Python.

        From Python 3.15 on a lock's `__exit__` insists on its three. A bound method puts one before
        those that it is called with.
        """
        lock: Any = self._has_gone
        bind: Any = type(self.join)
        return bind(bind(lock.__exit__, lock), lock)  # type: ignore[no-any-return]

    def is_there(self) -> bool:
        return bool(self._has_gone.locked())

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
            if id(thread.owner()) not in _senders:  # the thread of an open one never ends
                thread.join()


def is_main_interpreter() -> bool:
    if hasattr(_thread, "_is_main_interpreter"):  # from Python 3.12 on
        return bool(_thread._is_main_interpreter())
    try:
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]
    except ImportError:
        return True  # as far as is known
    return bool(interpreters.get_current() == interpreters.get_main())


# --- fork ----------------------------------------------------------------------------------------


def acquire_importing() -> None:
    global _holds_importing
    importing.acquire()
    _holds_importing = True


def release_importing() -> None:
    """Release that lock as it is found: a host in C may call the hooks of a child alone."""
    global _holds_importing
    if _holds_importing:
        _holds_importing = False
        importing.release()
    elif not importing._is_owned() and hasattr(importing, "_at_fork_reinit"):  # type: ignore[attr-defined]
        importing._at_fork_reinit()  # by whichever thread of the parent it is held


def reset_after_fork() -> None:
    _threads.clear()
    owners = [*list_senders(), *list_owners(_inherited)]
    run_each([owner.reset_after_fork for owner in owners])


# Once, and early: what the program registers later is called before this, and may still emit.
atexit.register(close_all)
call_at_fork("locks", "before", acquire_importing)
call_at_fork("locks", "after_in_parent", release_importing)
call_at_fork("locks", "after_in_child", release_importing)
call_at_fork("senders", "after_in_child", reset_after_fork)
