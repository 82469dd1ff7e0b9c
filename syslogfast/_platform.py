"""What this system has, and what it lacks: the one place that knows. Its half in C: platform.pxd.

Linux has it all. Elsewhere a transport that there cannot be is refused where its URL is given, and
what only makes things faster, or better known, is left out.
"""

import sys

TYPE_CHECKING = False
# To import `os` takes a third of the time of all else until the first record. Where nobody has done
# so, its calls are those of `posix`; else its own, for a program may have replaced some.
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Any

    system = os
elif "os" in sys.modules:
    import os as system
else:
    try:
        import posix as system
    except ImportError:
        import os as system

if TYPE_CHECKING:
    from _thread import RLock
else:
    try:
        from _thread import RLock
    except ImportError:
        RLock = object  # MicroPython, which runs the encoder alone

IS_LINUX = sys.platform == "linux"
HAS_HTTP_ALONE = sys.platform == "emscripten"  # sockets are there, and lead nowhere
# Where a signal tells of a fault, and a handler for it can send something.
HAS_FATAL_SIGNALS = sys.platform != "win32"
# Linux splits one long write into datagrams of one size, the last of which may be shorter (udp(7)).
SOL_UDP, UDP_SEGMENT = 17, 103
IP_MTU, IPV6_MTU = (0, 14), (41, 24)  # level and option: ip(7), ipv6(7)


def read_variable(name: "str") -> "str":
    """Return a variable of the environment; empty if there is none of that name."""
    if system.__name__ == "posix" and "os" not in sys.modules:
        variables: Any = system.environ  # of bytes, there
        value: bytes = variables.get(name.encode(), b"")
        return value.decode(sys.getfilesystemencoding(), "surrogateescape")
    import os  # by the program, perhaps, to change it

    return getattr(os, "environ", {}).get(name, "")  # type: ignore[no-any-return]


def find_constant(name: "str") -> "int | None":
    """Return a constant of <sys/socket.h> and the like; None where there is none of that name."""
    import _socket

    return getattr(_socket, name, None)


def has_socket_family(name: "str") -> "bool":
    """Return True if there are sockets of this family, such as "AF_UNIX"."""
    return find_constant(name) is not None


def can_segment(getsockopt: "Callable[[int, int], int]") -> "bool":
    """Return True if the kernel splits one write into many datagrams."""
    if not IS_LINUX:
        return False
    try:
        getsockopt(SOL_UDP, UDP_SEGMENT)
    except OSError:
        return False  # a kernel before 4.18, which would send it all as one datagram
    return True


def find_path_mtu(getsockopt: "Callable[[int, int], int]", is_ipv6: "bool") -> "int | None":
    """Return how long a packet can be on the way to the peer, both headers included."""
    if not IS_LINUX:
        return None  # these options mean something else
    try:
        return getsockopt(*(IPV6_MTU if is_ipv6 else IP_MTU))
    except OSError:
        return None


def find_signal_action(number: "int") -> "Any":
    """Return what Python does at a signal: a handler, SIG_DFL or SIG_IGN; None if nobody can say.

    `getsignal` gives every interpreter the handlers of the main one. Only that may have them: from
    Python 3.12 on it has a lock of its own, without which references to them are miscounted.
    """
    import _signal  # type: ignore[import-not-found]
    import _thread

    is_main = getattr(_thread, "_is_main_interpreter", None)  # before: one lock for all
    return _signal.getsignal(number) if is_main is None or is_main() else None


class SignalSafeLock(RLock):  # type: ignore[misc]
    """A reentrant lock, for `with`, which gives it back whatever a signal's handler raises.

    On Python 3.14 a handler may be called when the lock is taken, but the statement's body has not
    begun: it is for `__enter__` to give it back. Nothing else runs between its end and the body, or
    between the body and the `__exit__` in C. No loop may stand in the body: from Python 3.13 on
    `with` does not hold for the jump back.
    """

    __slots__ = ()

    def __enter__(self) -> "bool":  # type: ignore[override]
        try:
            return self.acquire()
        except BaseException:
            try:  # to ask before would leave space for a signal's handler in between
                self.release()
            except RuntimeError:
                pass  # another thread has it
            raise


# --- fork ----------------------------------------------------------------------------------------

# The order of the steps: locks are released, the emitters' counters advance, so that encoders write
# another PROCID; senders begin anew; what they send then is rendered anew.
FORK_STAGES: "dict[str, list[tuple[str, Callable[[], object]]]]" = {
    "locks": [],
    "counters": [],
    "senders": [],
    "lifecycle": [],
}
NO_WORK = 1 << 30  # threads, more than there are: Python waits for none when it forks


def call_at_fork(stage: "str", when: "str", step: "Callable[[], object]") -> "None":
    """Have a step called at each fork from now on: all that a fork needs is registered here.

    stage: one of FORK_STAGES. when: "before", "after_in_parent" or "after_in_child".
    """
    FORK_STAGES[stage].append((when, step))


def run_each(steps: "list[Callable[[], object]]") -> "None":
    """Call all steps, whatever one of them raises; then raise the first exception."""
    failure = None
    for step in steps:
        try:
            step()
        except BaseException as error:  # a signal's handler may raise anything
            if failure is None:
                failure = error
    if failure is not None:
        try:
            raise failure
        finally:
            del failure  # whose traceback has this frame


def run_fork_steps(when: "str") -> "None":
    """Call the steps of one time, in the order of their stages."""
    stages = FORK_STAGES.values()
    run_each([step for steps in stages for step_when, step in steps if step_when == when])


def get_process() -> "int":
    return system.getpid() if hasattr(system, "getpid") else 0


def identify_process(change: "int") -> "int":
    """Return what differs in each process: its number, unless C counts the forks (`watch_forks`).

    change: so many more of our threads are at work, or fewer. A fork that Python is not told of
    waits a moment for them, but only in C, and not while this is less than 0 for all.
    """
    return get_process()


note_work: "Callable[[int], int]" = identify_process
_process = get_process()  # the one that has taken the steps
_beginning = _process  # the one that takes them now
_is_early = False  # the steps were taken before Python called its hook of that fork
_locks: "dict[int, SignalSafeLock]" = {}  # of a process that takes the steps, by what identifies it


def watch_forks(track: "Callable[[int], int]") -> "None":
    """Have C do what `identify_process` does; its number of forks takes no system call."""
    global _process, _beginning, note_work
    note_work = track
    _process = _beginning = track(0)


def catch_up_with_fork() -> "None":
    """Take the steps of a fork that Python was not told of, or has not called its hooks for yet.

    A host in C may fork so, such as uWSGI. To be called before anything that this process may have
    in common with the one that has forked it is used.
    """
    if note_work(0) != _process:
        take_steps_early()


def take_steps_early() -> "None":
    global _is_early
    process = note_work(0)
    # The lock is one of this process alone. Another thread waits for it until all steps are taken;
    # a signal's handler that interrupts them, and comes here, goes on.
    with _locks.setdefault(process, SignalSafeLock()):
        if process != _process and process != _beginning:
            _is_early = True
            take_steps(process)
    _locks.pop(process, None)


def take_steps(process: "int") -> "None":
    global _process, _beginning
    _beginning = process
    try:
        run_fork_steps("after_in_child")
    finally:
        _process = _beginning  # if a signal's handler has forked meanwhile, that of its fork


def before_fork() -> "None":
    global _is_early
    _is_early = False
    run_fork_steps("before")
    note_work(-NO_WORK)


def after_fork_in_parent() -> "None":
    note_work(NO_WORK)
    run_fork_steps("after_in_parent")


def after_fork_in_child() -> "None":
    """Take the steps, unless that was done since: a hook that is called before may emit."""
    process = note_work(0)
    if not _is_early or process != _process:
        take_steps(process)


if hasattr(system, "register_at_fork"):
    system.register_at_fork(
        before=before_fork,
        after_in_parent=after_fork_in_parent,
        after_in_child=after_fork_in_child,
    )
