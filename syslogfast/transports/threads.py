"""Threads of senders and of others: `threading` has more, for which a start would pay."""

import _thread
import _weakref

from syslogfast._platform import (
    call_at_fork,
    find_original,
    forks_untold,
    make_lock,
    prepare_thread,
)
from syslogfast.transports import exit_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

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
    """Wait at the end for the threads of all that is closed, unless this is the main interpreter.

    Another one that ends before one of its threads has the whole process aborted.
    """
    if not exit_fork.has_ended():
        return
    left = [thread for thread in _threads.copy() if thread.is_there()]
    if left and not is_main_interpreter():
        for thread in left:
            if not exit_fork.is_open(thread.owner()):  # the thread of an open one never ends
                thread.join()


def is_main_interpreter() -> bool:
    if hasattr(_thread, "_is_main_interpreter"):  # from Python 3.12 on
        return bool(_thread._is_main_interpreter())
    try:
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]
    except ImportError:
        return True  # as far as is known
    return bool(interpreters.get_current() == interpreters.get_main())


exit_fork.steps_at_close.append(join_threads)
call_at_fork("locks", "after_in_child", _threads.clear)
