"""The records of a program's life: booted, network up, about to crash, ended.

`install` sees to all of them; `booted`, `network_up`, `crashed` and `ended` are for those who do
it by hand.
Each has structured data beside a text that says the same. By MSGID:

BOOTED, NETWORK-UP, ALIVE, TERMINATED, ENDED: severity notice.
NETWORK-DOWN: warning; there is no address yet.
CRASHED: crit; an exception or a signal ends the program.
UNCAUGHT: err; an exception ends a thread or a task, or can only be ignored.
"""

import _thread
import atexit
import os
import sys

from syslogfast._backend import BACKEND
from syslogfast._platform import (
    HAS_FATAL_SIGNALS,
    call_at_fork,
    catch_up_with_fork,
    find_signal_action,
)
from syslogfast._rare_validation import check_emitter, check_heartbeat, reject_fatal_url
from syslogfast._validation import check_field, check_seconds
from syslogfast.constants import FOREVER
from syslogfast.emitter import Emitter
from syslogfast.lifecycle import hooks
from syslogfast.lifecycle.records import (
    CRIT,
    ERR,
    booted,
    crashed,
    ended,
    network_up,
    send_error,
    send_logged_error,
    send_record,
    terminated,
)
from syslogfast.transports import importing
from syslogfast.transports.network import NetworkWatch, has_no_network, read_network
from syslogfast.transports.poll import await_lock
from syslogfast.transports.retry import needs_waiting
from syslogfast.transports.threads import Thread, find_original, make_lock
from syslogfast.transports.url import parse_url_as

TYPE_CHECKING = False
HAS_C = BACKEND == "c" and HAS_FATAL_SIGNALS
if TYPE_CHECKING or HAS_C:
    from syslogfast.lifecycle.fatal_signals import FatalTransport
    from syslogfast.transports.termination import end_by_signal, renew, unwatch, watch
else:
    end_by_signal = None  # nothing is sent from C
if not TYPE_CHECKING:
    import _signal as signal  # what it is made of: the module itself imports enum
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Any

    from syslogfast.transports.network import Network
    from syslogfast.transports.url import Url
    from syslogfast.transports.worker import PeriodicStep

__all__ = ["Lifecycle", "booted", "crashed", "ended", "install", "network_up"]

NETWORK_TIMEOUT = 60.0  # seconds
JOIN_TIMEOUT = 0.1  # seconds for a thread to end that has been asked to
RESERVE = 1 << 22  # bytes, never touched, to be given back when there is no memory left

read_name: "Callable[[type], str]" = vars(type)["__name__"].__get__  # runs no metaclass's code

_installed: "Lifecycle | None" = None


class Lifecycle:
    """What `install` has put in place for an emitter; `uninstall` takes it away again."""

    def __init__(self, emitter: "Emitter") -> None:
        self.emitter = emitter
        emitter._sender.outlives_block = True
        self._is_inherited = False  # set in a process that was forked: it has not booted
        self._is_over = False
        self._dumps_at_termination = False
        self._undo: list[Callable[[], None]] = []
        self._busy: set[int] = set()  # threads that report: their own failures are not reported
        self._crash = ""  # how the main thread has ended
        self._reserve = bytes(RESERVE)
        # Acquired by the first that reports it.
        self._network_reported = make_lock()
        self._network_reported.acquire()
        self._fatal_transport: FatalTransport | None = None
        self._heartbeat: PeriodicStep | None = None

    def uninstall(self) -> None:
        """Watch nothing any more; what somebody else has installed since stays."""
        if not self._is_over:
            self.emitter._sender.outlives_block = False
        self._is_over = True
        self._reserve = b""
        while self._undo:
            self._undo.pop()()

    def _report(self, report: "Callable[..., None]", *args: "Any", **parameters: "Any") -> bool:
        """Call what sends a record, unless this thread does so already; False if that failed."""
        thread = _thread.get_ident()
        if thread in self._busy or self._is_over:
            return True
        self._busy.add(thread)
        try:
            report(self.emitter, *args, **parameters)
            return True
        except Exception:  # the interpreter has cleared its modules, or there is no memory
            return False
        finally:
            self._busy.discard(thread)

    # --- exceptions ------------------------------------------------------------------------------

    def _watch_exceptions(self) -> None:
        """Send a record of each exception that nobody catches."""
        self._undo += [
            hooks.attach_to_hook(sys, "excepthook", self._on_main_exception),
            hooks.attach_to_hook(sys, "unraisablehook", self._on_unraisable),
            hooks.attach_to_threading(self._on_thread_exception),
            hooks.attach_to_asyncio(self._on_asyncio_error),
        ]

    def _on_main_exception(self, kind: "Any", error: "Any", trace: "TracebackType | None") -> None:
        if not isinstance(kind, type):
            kind = type(error)  # somebody has called the hook by hand
        name = read_name(kind)
        if issubclass(kind, MemoryError):
            self._reserve = b""
        if hasattr(sys, "ps1"):  # at a prompt, the program goes on
            if not issubclass(kind, KeyboardInterrupt):
                what = "exception"
                self._report(send_error, ERR, "UNCAUGHT", what, kind, error, trace, source="prompt")
        elif issubclass(kind, KeyboardInterrupt):
            self._crash = " after an interrupt"
            self._report(terminated, "SIGINT")
        else:
            self._crash = f" after an uncaught {name}"
            what = "about to crash"
            if not self._report(send_error, CRIT, "CRASHED", what, kind, error, trace):
                self._report(send_record, CRIT, "CRASHED", f"{what}: {name}", {})

    def _on_thread_exception(self, args: "Any") -> None:
        if args.exc_type is not SystemExit:
            name = getattr(args.thread, "name", "unknown")
            what = f"thread {name} has ended"
            error = args.exc_type, args.exc_value, args.exc_traceback
            self._report(send_error, ERR, "UNCAUGHT", what, *error, source="thread", thread=name)

    def _on_unraisable(self, unraisable: "Any") -> None:
        what = unraisable.err_msg or "exception ignored"
        error = unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback
        self._report(send_error, ERR, "UNCAUGHT", what, *error, source="unraisable")

    def _on_asyncio_error(self, record: "Any") -> None:
        self._report(send_logged_error, record)

    # --- the end ---------------------------------------------------------------------------------

    def _watch_end(self) -> None:
        """Send a record when the interpreter ends in an orderly way."""
        atexit.register(self._on_exit)
        self._undo.append(lambda: atexit.unregister(self._on_exit))

    def _on_exit(self) -> None:
        catch_up_with_fork()
        if not self._is_inherited:
            self._report_network(None)
            self._stop_heartbeat()
            self._report(ended, self._crash)

    def _watch_termination(self) -> None:
        """Send a record of SIGTERM, unless it is ignored."""
        former = find_signal_action(signal.SIGTERM)
        if former in (None, signal.SIG_IGN):
            return
        try:
            signal.signal(signal.SIGTERM, self._on_termination)
        except ValueError:
            return  # this is not the main thread
        self._former = former
        self._undo.append(self._restore_termination)

    def _restore_termination(self) -> None:
        if find_signal_action(signal.SIGTERM) == self._on_termination:
            try:
                signal.signal(signal.SIGTERM, self._former)
            except ValueError:
                return  # this is not the main thread; the handler sends nothing any more
            if HAS_C:
                renew()

    def _on_termination(self, number: int, frame: "FrameType | None") -> None:
        catch_up_with_fork()
        sender = self.emitter._sender
        is_default = self._former is end_by_signal or not callable(self._former)
        is_default = is_default and os.getpid() != 1  # which ignores it
        if self._dumps_at_termination:
            self._report(dump)
        has_space = 2 * sender.queue.size <= sender.queue.limit
        if is_default:
            self._stop_heartbeat()
        if has_space:
            self._report(terminated, "SIGTERM")
        if is_default:
            signal.signal(number, signal.SIG_DFL)
            if sender.is_sending_here():
                try:  # what this has interrupted has to go on before anything can be sent
                    find_original("_thread", "start_new_thread")(
                        self._terminate, (number, has_space)
                    )
                    return
                except RuntimeError:
                    pass
            self._terminate(number, has_space)
            return
        if not has_space:
            self._report(terminated, "SIGTERM", is_crowded=True)
        if callable(self._former):
            self._former(number, frame)

    def _terminate(self, number: int, is_reported: bool) -> None:
        """End the process; what is emitted meanwhile neither delays that nor takes the space."""
        if not is_reported:
            self._report(terminated, "SIGTERM", is_crowded=True)
        self.emitter._sender.close()
        if HAS_C:
            end_by_signal(number)  # others may have records that linger
        else:
            os.kill(os.getpid(), number)

    # --- fatal signals ---------------------------------------------------------------------------

    def _watch_fatal_signals(self, url: "Url | None") -> None:
        """Send a record when a signal ends the process, for a fault of its own."""
        self._fatal_transport = FatalTransport(self.emitter, url)
        self._undo.append(self._fatal_transport.disarm)
        self._fatal_transport.arm()

    def reset_after_fork(self) -> None:
        """Have this process, which was forked, named by the records of its signals and life."""
        self._is_inherited = True
        sender = self.emitter._sender
        is_inherited = sender.is_inherited
        if self._fatal_transport and not self._is_over:
            self._fatal_transport.arm()
        # To open a transport has an end expected, which multiprocessing forgets right after this.
        sender.is_inherited = is_inherited
        if self._heartbeat and not self._is_over:
            self._heartbeat.start()

    # --- signs of life ---------------------------------------------------------------------------

    def _start_heartbeat(self, interval: float) -> None:
        """Send ALIVE every so many seconds, from the sender's thread."""
        with importing:
            from syslogfast.lifecycle.heartbeat import beat  # for those who ask for it
            from syslogfast.transports.worker import PeriodicStep

        sender = self.emitter._sender
        self._heartbeat = PeriodicStep(sender, interval, lambda: self._report(beat))
        self._undo.append(self._stop_heartbeat)
        self._heartbeat.start()

    def _stop_heartbeat(self) -> None:
        """Send no ALIVE any more: a collector takes what comes after ENDED for another life."""
        if self._heartbeat:
            self._heartbeat.stop()

    # --- the network -----------------------------------------------------------------------------

    def _watch_network(self, timeout: float, goes_on: bool) -> None:
        """Send a record of the network, now or when there is one; if asked, of each change, too."""
        network = read_network()
        if not network and has_no_network():
            return
        self._network_reported.release()
        if not network or not network.gateway:
            network = None  # what is there may not be all
        elif not goes_on:
            self._report_network(network)
            return
        self._watch = NetworkWatch(network)
        # Held until that thread has ended.
        self._watching = make_lock()
        self._watching.acquire()
        self._undo.append(self._stop_watching)
        atexit.register(self._stop_watching)
        try:
            Thread(self).start(self._await_network, network, timeout, goes_on)
        except RuntimeError:
            self._watching.release()
            self._report_network(network)

    def _await_network(self, network: "Network | None", timeout: float, goes_on: bool) -> None:
        try:
            self._report_network(network or self._watch.wait(timeout))
            while goes_on and not self._is_over:
                network = self._watch.wait(FOREVER)
                if network is None:
                    break  # the watch is closed
                self._report(network_up, network)
                self._open_transports()
        finally:
            self._watching.release()

    def _stop_watching(self) -> None:
        """Have the thread end before the interpreter does, as Sender.close does."""
        atexit.unregister(self._stop_watching)
        self._watch.close()
        catch_up_with_fork()
        if not self._is_inherited:
            await_lock(self._watching, JOIN_TIMEOUT)

    def _report_network(self, network: "Network | None") -> None:
        if self._network_reported.acquire(False):
            self._report(network_up, network)
            self._open_transports()

    def _open_transports(self) -> None:
        """Open what could not be opened before there was a network."""
        self.emitter._sender.send_soon(is_reachable=True)
        if self._fatal_transport:
            self._fatal_transport.open()


def dump(emitter: "Emitter") -> None:
    emitter.dump()


def install(
    emitter: "Emitter",
    *,
    software: str | None = None,
    version: str | None = None,
    boot: bool = True,
    network: bool = True,
    network_timeout: float = NETWORK_TIMEOUT,
    watch_network: bool = False,
    exceptions: bool = True,
    termination: bool = True,
    dump_at_termination: bool = False,
    end: bool = True,
    fatal_signals: bool = True,
    fatal_url: str | None = None,
    pace: bool = True,
    heartbeat: float | None = None,
) -> "Lifecycle":
    """Have the records of this program's life sent, now and later. Call it once, and early.

    What was there before, such as hooks and handlers of signals, is called after each record, and
    exit statuses stay as they are. To call it again takes the place of the first, and begins with
    BOOTED. The end of a `with` statement around all that leaves the emitter open.

    software, version: as for `booted`.
    boot: send BOOTED now.
    network: send NETWORK-UP, now or when the machine has an address; a thread waits for that,
        `network_timeout` seconds at most, then it is NETWORK-DOWN. Where the process is refused
        any socket, as a component of WASI may be, there is neither.
    watch_network: go on, and send it again when it is another one.
    exceptions: send CRASHED for the exception that ends the program, UNCAUGHT for those that end a
        thread, that Python can only ignore, or that asyncio logs.
    termination: send TERMINATED for SIGTERM; only from the main thread, and only if the signal is
        not ignored. A handler that is installed later takes its place, and this one that of a
        handler in C, which Python does not know.
    dump_at_termination: have what the emitter's flight recorder has sent before that. It goes
        before each CRASHED and UNCAUGHT in any case.
    end: send ENDED when the interpreter ends in an orderly way.
    fatal_signals: send CRASHED for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, but for those that
        are ignored or have a handler in Python: from C, over the transport if it takes a record
        soon, else to standard error; on Linux with the Python stack of the thread. What the flight
        recorder has goes before it, the newest that find space, but not over `fatal_url`, TLS and
        RELP. Not with the Python backend, which has no C, and not on Windows. When its stack has
        run over, only the calling thread is promised it.
    fatal_url: another transport for that alone, where the emitter's is TLS or RELP: "udp://" with
        an address, "unix://" or "fd://".
    pace: send the first datagrams over UDP in growing bursts: until a neighbour's address is
        resolved, many stacks keep only the last few.
    heartbeat: send ALIVE every so many seconds, with what the process uses, and what became of its
        records; None: not at all. It is the sender's thread that does so; in a process that was
        forked, a thread of its own.

    TypeError, ValueError: `software` or `version` is no text, `network_timeout` is no number of
        seconds, `heartbeat` none above 0, `fatal_url` is not such a URL.
    """
    global _installed
    check_emitter(emitter, Emitter)
    for name, value in (("software", software), ("version", version)):
        if value is not None:
            check_field(name, value)
    timeout = check_seconds("network_timeout", network_timeout)
    interval = None if heartbeat is None else check_heartbeat(heartbeat)
    url = None if fatal_url is None else parse_url_as("fatal_url", fatal_url)
    if url and needs_waiting(url):
        reject_fatal_url(fatal_url)
    if _installed:
        _installed.uninstall()
    lifecycle = _installed = Lifecycle(emitter)
    if pace:
        emitter._sender.retry_policy.enable_slow_start()
    if boot:
        booted(emitter, software=software, version=version)
    if exceptions:
        lifecycle._watch_exceptions()
    lifecycle._dumps_at_termination = bool(dump_at_termination)
    if termination:
        lifecycle._watch_termination()
    if HAS_C and watch(emitter._sender):
        lifecycle._undo.append(lambda: unwatch(emitter._sender))
    if end:
        lifecycle._watch_end()
    if fatal_signals and HAS_C:
        lifecycle._watch_fatal_signals(url)
    if network:
        lifecycle._watch_network(timeout, watch_network)
    if interval is not None:
        lifecycle._start_heartbeat(interval)
    return lifecycle


def reset_after_fork() -> None:
    if _installed:
        _installed.reset_after_fork()


call_at_fork("lifecycle", "after_in_child", reset_after_fork)
