"""A sender's thread: it waits for what has to be waited for, and sends what is left to it."""

# `Worker.run` is the thread. It is started by `wake` when there is none, survives any exception,
# and ends when the sender is closed; `_running` is held as long as there is one. All other methods
# are called by other threads, those that emit, flush or close, by signal's handlers among them.
# They take no lock that the thread holds for longer than a step; a handler that interrupts one of
# them, and calls it, does no harm:
#
# - `_wakeup` is a lock that is released to wake the thread, which acquires it to wait. To release
#   it once more than needed makes the thread look around in vain, once.
# - `_waiting` has a lock for each who waits in `wait`. It is there before the thread is woken,
#   which releases it at its next progress. Who waits looks again after POLL_INTERVAL all the same.
# - `_is_idle` is set before the thread looks whether there is a record, so whoever queues the first
#   one either is seen or sees that it has to wake it.
#
# Gathering by need, with `linger=None`. The first AT_ONCE records within GATHER_TIME go at once, as
# with 0. What exceeds that is a flood: the sender raises its `_threshold`, and records linger for
# GATHER_TIME. It is lowered when no more than so few have come in that time, by the thread, or when
# none was gathered for twice as long, by the next record, which goes at once.
#
# The sender's lock is taken for a push only, never over a wait.
#
# `Sender.periodic` is set by `PeriodicStep.start` and read by the thread, which takes the step when
# it is due: out of a rest, between two pushes, and when a full transport lets it go. A connection
# that is being made delays it, by `timeout` at most. `pump` wakes the thread if it is due, or takes
# it where no thread can be had.

import select  # noqa: F401  # for `wait` of the transports
from time import monotonic

import syslogfast._platform as platform
from syslogfast.constants import AT_ONCE, FOREVER, GATHER_TIME, LONGEST_WAIT
from syslogfast.transports import expect_end
from syslogfast.transports.poll import await_lock, sleep
from syslogfast.transports.threads import Thread, has_greenlets, make_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from syslogfast.transports.sender import Sender

PAUSE = 0.1  # seconds that the thread waits after an exception, before it goes on
POLL_INTERVAL = 0.05  # seconds after which one who waits looks again, woken or not
STALL_INTERVAL = 1.0  # the same for a worker whose transport is full: the kernel wakes it before
OPENING_TIME = 0.5  # seconds that who emits waits for a transport, where there can be no thread


class PeriodicStep:
    """A step that a sender's thread takes every so many seconds, such as a sign of life.

    step: it waits for nothing. What it puts into the queue is sent next.
    """

    def __init__(self, sender: "Sender", interval: float, step: "Callable[[], object]") -> None:
        self._sender = sender
        self._interval = interval
        self._step = step
        self._due = FOREVER  # by monotonic()
        self._taking = platform.SignalSafeLock()  # held by whoever takes it; `stop` waits for that

    def start(self) -> None:
        """Have it taken from now on, in a process that was forked, too; first after one interval.

        The thread is started for that; where none can be had, `pump` sees to it.
        """
        if self._sender.is_closed():
            return
        self._taking = platform.SignalSafeLock()  # another may be held by a thread of the parent
        self._due = monotonic() + self._interval
        self._sender.periodic = self
        worker = self._sender._get_worker()
        if worker and worker.start():
            worker._notify()  # a thread that rests for longer looks again

    def stop(self) -> None:
        """Have it taken no more, unless another one has taken its place; it is not under way."""
        with self._taking:
            if self._sender.periodic is self:
                self._sender.periodic = None

    def is_due(self) -> bool:
        return monotonic() >= self._due

    def find_delay(self) -> float:
        """Return the seconds until it is due."""
        return min(max(0.0, self._due - monotonic()), LONGEST_WAIT)

    def take(self) -> None:
        """Take the step if it is due, and its sender is not being closed.

        Steps that were missed, as while the machine was suspended, are left out.
        """
        with self._taking:
            now = monotonic()
            if now < self._due or self._sender.periodic is not self:
                return
            following = self._due + self._interval
            self._due = following if following > now else now + self._interval
            if not self._sender.queue.closed:
                self._step()


class Worker:
    """The thread of one sender, whether it runs or not."""

    def __init__(self, sender: "Sender") -> None:
        self._sender = sender
        self._running = make_lock()
        self._wakeup = make_lock()
        self._wakeup.acquire()
        self._waiting: list[Any] = []
        self._is_idle = False
        self._is_urgent = False
        self._lingering_since = 0.0  # when the first of those that linger came, by monotonic()

    # --- for other threads -----------------------------------------------------------------------

    def wake(self, is_urgent: bool = False) -> bool:
        """Wake the thread, started if need be; False where none can be had.

        is_urgent: what is queued does not linger any more.
        """
        if is_urgent:
            self._is_urgent = True
        expect_end(self._sender)
        if not self.start():
            return False
        self._notify()
        return True

    def start(self) -> bool:
        """Start the thread unless it runs; False where none can be had.

        That alone has no end expected in a process that was forked: multiprocessing would forget
        that, right after the fork.
        """
        if self._running.locked():
            return True
        thread = Thread(self._sender)
        platform.note_work(1)
        try:
            thread.start(self.run)
        except (RuntimeError, MemoryError):
            return False
        finally:
            if not thread.has_started:
                platform.note_work(-1)
        return True

    def start_lingering(self) -> bool:
        """Have the thread send the first record in time; False where there can be none.

        False, too, if nothing was gathered for a while: it is not to linger.
        """
        before, self._lingering_since = self._lingering_since, monotonic()
        began = max(before, self._sender._window)
        if self._sender._gathers_by_need and self._lingering_since - began > 2 * GATHER_TIME:
            self._stop_gathering()
            return False
        return bool(not self._is_idle and self._running.locked()) or self.wake()

    def wait(self, deadline: float) -> bool:
        """Wait for a sign of progress; False if the deadline has passed."""
        left = deadline - monotonic()
        if left <= 0:
            return False
        lock = make_lock()
        lock.acquire()
        self._waiting.append(lock)
        try:
            has_thread = self.wake(is_urgent=True)
            if not has_thread and self._sender.retry_policy.is_due():
                self.open(deadline)
            delay = min(max(0.0, deadline - monotonic()), POLL_INTERVAL)
            if has_thread or has_greenlets():
                await_lock(lock, delay)
            else:
                sleep(delay)  # a lock would be waited for by a loop, on WASI
        finally:
            self._waiting.remove(lock)
        return True

    def join(self, timeout: float) -> None:
        """Wait for the end of the thread of a sender that is closed; not for long, if it is stuck.

        A thread that wakes while the interpreter ends is ended by pthread_exit, for which glibc
        loads a library: where an image lacks that, the process would abort.
        """
        self._notify()
        if await_lock(self._running, min(timeout, STALL_INTERVAL) + POLL_INTERVAL):
            self._running.release()

    def open(self, deadline: float = FOREVER) -> None:
        """Open a transport, which takes its time: nobody who emits waits for this.

        deadline: by monotonic(), of one who waits because there can be no thread.
        """
        sender = self._sender
        urls = sender.retry_policy.urls
        if sender._transport or sender.is_closed():
            return
        if urls[0].opens_at_once():
            with sender._send_lock:  # whoever emits may open it, too
                if sender._transport or sender._open_at_once() or len(urls) == 1:
                    return
        transport = sender.retry_policy.open(deadline)
        with sender._send_lock:
            if sender._transport is None and not sender.is_closed():
                sender._use_transport(transport)
                transport = None
        if transport:  # somebody else has opened one, or closed all, meanwhile
            transport.abort()

    def open_in_place(self, opens: bool) -> bool:
        """Open a transport for one who emits where there can be no thread; False: there is none.

        That waits, not for long, and only when the next try is due; not for one who flushes, and
        has a deadline (`opens` is False).
        """
        sender = self._sender
        sender.queue.threshold = sender._threshold  # the next to emit tries again
        if opens and sender._transport is None and sender.retry_policy.is_due():
            self.open(monotonic() + OPENING_TIME)
            return sender._transport is not None
        return False

    def _stop_gathering(self) -> None:
        sender = self._sender
        sender._threshold = sender._sends = 0
        if sender._state == "open":
            sender.queue.threshold = 0

    def _notify(self) -> None:
        platform.note_work(1)  # until the thread rests again
        try:
            self._wakeup.release()
        except RuntimeError:  # it is awake already
            platform.note_work(-1)

    # --- the thread ------------------------------------------------------------------------------

    def run(self) -> None:
        """Send, and wait, until the sender is closed."""
        if not self._running.acquire(False):
            platform.note_work(-1)
            return  # another one has been started, too
        sender = self._sender
        try:
            while not sender.is_closed():
                try:
                    self._do_next()
                except BaseException as error:  # for want of memory, or by a transport's fault
                    sleep(PAUSE)
                    self._note_failure(error)
        finally:
            sender.queue.threshold = sender._threshold  # so that the next to emit starts another
            self._running.release()
            platform.note_work(-1)

    def _do_next(self) -> None:
        """Wait for a record, or send all there are."""
        sender = self._sender
        self._is_idle = True
        if not sender.queue.count:
            self._is_urgent = False
            self._report_progress()
            self._await_wakeup()
            return
        self._is_idle = False
        if sender._transport is None:
            self._await_next_try()
            self.open()
        if sender._state == "open":
            self._linger()
        self._send_all()

    def _note_failure(self, error: BaseException) -> None:
        policy = self._sender.retry_policy
        try:
            policy.note_failure(policy.urls[0], OSError(f"{type(error).__name__}: {error}"))
        except Exception:
            pass  # there is no memory for that, either

    def _await_wakeup(self) -> None:
        """Wait until there is a record; if that is long, queue the report that is due."""
        sender = self._sender
        reporter = sender._reporter
        delay = None
        if reporter and reporter.is_due and sender._transport:
            delay = reporter.find_delay()
        if not self._rest(-1 if delay is None else delay):
            with sender._send_lock:
                sender._report_drops()

    def _await_next_try(self) -> None:
        """Wait until a transport may be tried, or the sender is closed."""
        policy = self._sender.retry_policy
        while not self._sender.is_closed() and not policy.is_due():
            self._rest(max(0.0, policy.next_try - monotonic()))

    def _linger(self) -> None:
        """Wait as long as what is queued may wait for more."""
        sender = self._sender
        while sender.queue.count and not self._is_urgent and not self._waiting:
            left = self._lingering_since + sender._linger - monotonic()
            if left <= 0:
                break
            self._rest(left)
        if sender._gathers_by_need and sender.queue.count <= AT_ONCE:
            self._stop_gathering()

    def _rest(self, delay: float) -> bool:
        """Wait to be woken; False if that was not within so many seconds; -1: for ever.

        A periodic step that is due before has the same effect as to be woken.
        """
        periodic = self._sender.periodic
        limit = periodic.find_delay() if periodic else FOREVER
        is_limited = limit < delay or (delay < 0 and periodic is not None)
        is_woken = False
        platform.note_work(-1)
        try:
            is_woken = bool(self._wakeup.acquire(True, limit if is_limited else delay))
        finally:
            if not is_woken:  # else `_notify` has taken note of that
                platform.note_work(1)
        if is_limited and not is_woken:
            self._take_step()
        return is_limited or is_woken

    def _take_step(self) -> None:
        """Take the periodic step if it is due."""
        periodic = self._sender.periodic
        if periodic and periodic.is_due():
            expect_end(self._sender)  # after one interval multiprocessing has begun the process
            periodic.take()
            self._is_urgent = True  # what it has queued does not linger

    def _send_all(self) -> None:
        """Send all that is queued, waiting where the transport is full, until it breaks."""
        sender = self._sender
        while True:
            self._take_step()
            with sender._send_lock:
                result, transport = sender._push(sender._budget), sender._transport
            self._report_progress()
            if result == "empty" or transport is None:
                return
            if result == "full":
                periodic = sender.periodic
                limit = periodic.find_delay() if periodic else STALL_INTERVAL
                try:
                    transport.wait(min(STALL_INTERVAL, limit))
                except (OSError, ValueError):
                    pass  # another thread has found it broken, and closed it

    def _report_progress(self) -> None:
        for lock in self._waiting.copy():
            if lock.locked():
                lock.release()
