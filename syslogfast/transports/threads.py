"""Threads of senders and of others, and their locks: `threading` has more, which a start pays for.

gevent and eventlet have greenlets in place of threads, and of what waits: ours are real ones.
"""

import _thread
import _weakref
import sys

import syslogfast._platform as platform
from syslogfast.transports import has_ended, is_open, steps_at_close
from syslogfast.transports.signal_mask import BlockedSignals, list_asynchronous_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


TLS_MODULE = "syslogfast.transports.tls"  # which is loaded where there is such a transport


def has_greenlets() -> "bool":
    """Return True if gevent or eventlet may have replaced functions of the standard library."""
    return "gevent.monkey" in sys.modules or "eventlet.patcher" in sys.modules


def find_original(module: "str", name: "str") -> "Any":
    """Return a function of the standard library as it is without gevent and eventlet.

    They have greenlets in place of threads: what waits in one of them must not block, or all of
    its thread stand still. Our threads are real ones, and have real locks. To be called where the
    function is needed: a program may replace them whenever it likes.
    """
    if has_greenlets():
        gevent = sys.modules.get("gevent.monkey")
        if gevent:
            return gevent.get_original(module, name)
        return getattr(sys.modules["eventlet.patcher"].original(module), name)
    # An import, of what is there already, can fail on PyPy where signals' handlers import, too.
    return getattr(sys.modules.get(module) or __import__(module), name)


def make_lock() -> "Any":
    """Return a lock of real threads, whoever has replaced those of the standard library."""
    return find_original("_thread", "allocate_lock")()


def prepare_thread() -> "None":
    """Have gevent or eventlet import what a thread of ours may need, before there is one.

    TLS waits by them. Two threads that import the same at a time, under locks which they have
    replaced, may wait for each other for ever.
    """
    if "gevent.monkey" in sys.modules:
        __import__("gevent").get_hub()
    elif "eventlet.patcher" in sys.modules:
        __import__("eventlet.hubs").hubs.get_hub()


def forks_untold() -> "bool":
    """Return True where uWSGI is going to fork without Python's hooks, and nothing in C sees it.

    There must be no thread then: if it had the interpreter at that time, the child has none. With
    TLS there must be none even if C has the fork wait for it: that is not for so long as OpenSSL
    may take, whose locks the child would find held for ever.
    """
    uwsgi: Any = sys.modules.get("uwsgi")
    is_seen = platform.note_work is not platform.identify_process
    if not hasattr(uwsgi, "worker_id") or (is_seen and TLS_MODULE not in sys.modules):
        return False
    if uwsgi.worker_id() or uwsgi.mule_id():
        return False  # it has done so
    return "py-call-uwsgi-fork-hooks" not in uwsgi.opt


_threads: "set[Thread]" = set()  # those that have been started, but for some that have ended

_of_thread = find_original("_thread", "_local")()


class Thread:
    """A thread of a sender, or of another `owner`, whose end can be waited for.

    It is given no signals, from its very first moment: they are the program's, and a handler in C
    that ends the process, as uWSGI has, would have our thread wait for its own end.
    """

    def __init__(self, owner: object) -> None:
        self.has_started = False
        self.owner = _weakref.ref(owner)
        self._has_gone = make_lock()
        self._has_gone.acquire()

    def start(self, work: "Callable[..., object]", *arguments: object) -> None:
        """Start it; RuntimeError: there can be no threads here, or not now.

        What a signal's handler raises may come when it has started.
        """
        if forks_untold():
            raise RuntimeError("this process forks without Python's hooks")
        prepare_thread()
        _threads.difference_update([t for t in _threads.copy() if not t.is_there()])
        _threads.add(self)
        try:
            with BlockedSignals(list_asynchronous_signals()):
                find_original("_thread", "start_new_thread")(self._run, (work, arguments))
                self.has_started = True
        finally:
            if not self.has_started:
                _threads.discard(self)

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
    if not has_ended():
        return
    left = [thread for thread in _threads.copy() if thread.is_there()]
    if left and not is_main_interpreter():
        for thread in left:
            if not is_open(thread.owner()):  # the thread of an open one never ends
                thread.join()


def is_main_interpreter() -> bool:
    if hasattr(_thread, "_is_main_interpreter"):  # from Python 3.12 on
        return bool(_thread._is_main_interpreter())
    try:
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]
    except ImportError:
        return True  # as far as is known
    return bool(interpreters.get_current() == interpreters.get_main())


steps_at_close.append(join_threads)
platform.call_at_fork("locks", "after_in_child", _threads.clear)
