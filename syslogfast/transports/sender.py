"""From the queue to a transport: when to send, who waits, and what to do when a transport breaks.

Any thread that has put a record into the queue may call `pump`, which never waits. What has to be
waited for, such as a connection, a name, a full transport, the linger, is the work of one thread,
which is started when there first is some.
"""

import _thread
from time import monotonic, sleep

from syslogfast._validation import check_timeout
from syslogfast.constants import FIRST, LONGEST_WAIT, PUT_TRIES, URGENT
from syslogfast.transports import RejectedRecordError, exit_fork
from syslogfast.transports.retry import FOREVER, RetryPolicy, needs_waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from syslogfast.transports import Transport, Url
    from syslogfast.transports.drop_report import DropReporter, ReportRenderer
    from syslogfast.transports.queue_py import Queue

BATCH_SIZE = 1 << 16  # bytes that are gathered before a send, if linger allows
NEVER = 1 << 62  # bytes: a threshold that no queue reaches
POLL_INTERVAL = 0.05  # seconds after which somebody who waits looks again, come what may
STALL_INTERVAL = 1.0  # the same for a worker whose transport is full: the kernel wakes it before

PATIENCE = 1 << 18  # bytes that one who emits sends for others, before the worker has to
EMPTY, FULL, BROKEN, MORE = "empty", "full", "broken", "more"  # how a push ends


class Sender:
    """One queue's way to the first of its URLs that can be reached.

    linger: seconds that a record may wait for others to go with it.
    overflow: what happens to a record that finds the queue full: "drop-newest" drops it,
        "drop-oldest" drops the oldest that are not on their way, "block" waits.
    timeout: seconds that connecting, flushing and "block" may take.
    render_report: that of DropReporter.
    """

    def __init__(
        self,
        urls: "Sequence[Url]",
        queue: "Queue",
        *,
        linger: float,
        overflow: str,
        timeout: float,
        render_report: "ReportRenderer",
    ) -> None:
        self.queue = queue
        self.timeout = timeout
        self.retry_policy = RetryPolicy(urls, timeout)
        self._linger = linger
        self._overflow = overflow
        self._render_report = render_report
        batch_size = NEVER if any("order" in url.options for url in urls) else BATCH_SIZE
        self._threshold = min(batch_size, queue.limit // 2) if linger else 0
        self._patience = max(PATIENCE, self._threshold)
        self._is_over = False
        self._is_inherited = False
        self.closes_at_exit = True  # unless somebody else does
        self.outlives_block = False  # a `with` statement: there is something to say after it
        self._begin()
        exit_fork.register(self)

    def _begin(self) -> None:
        """Begin without a transport, a thread, or anything to report."""
        self.queue.threshold = self._threshold
        self._use_transport(None)
        self._preferred_transport: Transport | None = (
            None  # to be taken as soon as no record is half sent
        )
        self._draining: Transport | None = None  # for which that was taken
        self._reporter: DropReporter | None = None
        self._owes_report = False
        self._close_by: float | None = None  # by monotonic(): a close that has to be made up for
        # Held by the one who sends. It knows its owner, so that an exception of a signal's handler
        # leaves no doubt whether it has to be released; but nobody takes it twice.
        self._send_lock: Any = _thread.RLock()
        self._wakeup = _thread.allocate_lock()  # released to wake the worker
        self._wakeup.acquire()
        self._waiting: list[_thread.LockType] = []  # one for each who waits for progress
        self._working = _thread.allocate_lock()  # held as long as there is a worker
        self._is_idle = False
        self._is_urgent = False
        self._lingering_since = 0.0  # when the first of those that linger came, by monotonic()

    def reset_after_fork(self) -> None:
        """Leave to the process that has forked this one what is its own: records, connection."""
        transports = self._transport, self._preferred_transport, self._draining
        self.queue.reset()
        self.retry_policy.reset_after_fork()
        self._begin()  # its locks, too: whoever held them is not in this process
        self._is_inherited = True
        for transport in transports:
            if transport:
                transport.abort()

    # --- what the emitter calls ------------------------------------------------------------------

    def pump(self) -> None:
        """Send what can be sent without waiting; leave the rest to the worker."""
        lock = self._send_lock
        while self.queue.count:
            if lock._is_owned():
                return  # a signal's handler, or a __del__, has interrupted this thread
            try:
                if not lock.acquire(False):
                    # Whoever holds it looks once more after its release. Meanwhile a call for each
                    # record would cost more than the record; the linger holds all the same.
                    if self._threshold:
                        self.queue.threshold = self.queue.size + BATCH_SIZE
                    return
                state = (
                    self._push(self._patience)
                    if self._transport or self._open_at_once()
                    else BROKEN
                )
            finally:
                try:  # to ask before would leave space for a signal's handler in between
                    lock.release()
                except RuntimeError:
                    pass  # another thread has it
            if self._close_by is not None:
                deadline, self._close_by = self._close_by, None
                self.close(max(0.0, deadline - monotonic()))
            if state is not EMPTY:
                # The worker is at it; but it gets the interpreter only now and then.
                self.queue.threshold = self.queue.size + BATCH_SIZE if self._threshold else NEVER
                if not self._wake_worker():
                    self.queue.threshold = self._threshold
                return
            self.queue.threshold = self._threshold

    def enqueue(self, frame: bytes, severity: int = 6, is_truncated: bool = False) -> None:
        """Queue a record that is framed already, as `emit` does; it is dropped if it must be."""
        queue = self.queue
        state = queue.put(frame, is_truncated)
        deadline: float | None = None
        for _ in range(PUT_TRIES):
            if state or queue.closed or len(frame) > queue.limit:
                break
            deadline = self.apply_overflow(len(frame), deadline)
            if deadline is None:
                break
            state = queue.put(frame, is_truncated)
        if not state:
            is_large = len(frame) > queue.limit
            queue.drop("closed" if queue.closed else "too large" if is_large else "full")
        elif queue.size >= queue.threshold or severity <= URGENT:
            self.pump()
        elif state == FIRST:
            self.start_lingering()

    def start_lingering(self) -> None:
        """See to it that the first record of an empty queue lingers no longer than it may."""
        self._lingering_since = monotonic()
        if (self._is_idle or not self._working.locked()) and not self._wake_worker():
            self.pump()  # where no thread can be had, nothing lingers

    def apply_overflow(self, size: int, deadline: float | None = None) -> float | None:
        """Do what `overflow` says for a record of so many bytes.

        Return None if there is no space; else the deadline to call with again, if another thread
        has taken the space before.
        """
        queue = self.queue
        self.pump()
        deadline = monotonic() + self.timeout if deadline is None else deadline
        if self._overflow == "drop-oldest":
            queue.drop_oldest(size)  # but for those that another thread is sending just now
        elif self._overflow == "block":
            while queue.size + size > queue.limit:
                if queue.closed or not self._wait(deadline):
                    return None
                self.pump()
            return deadline  # if another thread has taken the space since, this is called again
        return deadline if queue.size + size <= queue.limit else None

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was queued is on its way, or dropped; False if time ran out."""
        deadline = monotonic() + self._choose_timeout(timeout)
        if self._send_lock._is_owned():
            return not self.queue.count  # a signal's handler: this thread has to go on first
        self.retry_policy.retry_soon()
        while self.queue.count:
            self._is_urgent = True
            self.pump()
            if self.queue.count and not self._wait(deadline):
                return False
        return True

    def is_sending_here(self) -> bool:
        """Return True if this thread is sending: a signal's handler has interrupted that."""
        return bool(self._send_lock._is_owned())

    def send_soon(self, is_reachable: bool = False) -> None:
        """Have what is queued sent now, without waiting for that.

        is_reachable: there is reason to believe that the transport can be opened now, if not
        before.
        """
        if is_reachable:
            self.retry_policy.reset_backoff()
            self.pump()
        self.retry_policy.retry_soon()
        self._is_urgent = True
        if self.queue.count:
            self._wake_worker()

    def leave_to_exit(self) -> None:
        """Be closed at the end of the process; if that has begun, now."""
        self.closes_at_exit = True
        if exit_fork.has_ended():
            self.close()

    def close(self, timeout: float | None = None) -> None:
        """Flush, then close the transport. What is left then, and what comes after, is dropped."""
        deadline = monotonic() + self._choose_timeout(timeout)
        lock = self._send_lock
        self.queue.closed = True
        if lock._is_owned():
            self._close_by = deadline  # by `pump`, which a signal's handler has interrupted
            return
        self.flush(deadline - monotonic())
        if self._transport and self.queue.drops_since:
            with lock:  # the worker may be about to tell of it, too
                self._get_reporter().report(is_last=True)
            self.flush(deadline - monotonic())
        try:
            lock.acquire(True, min(max(0.0, deadline - monotonic()), LONGEST_WAIT))
            self.queue.clear("closed")
            self._is_over = True
            transport = self._transport
            self._use_transport(None)
            if self._preferred_transport:
                self._preferred_transport.abort()
                self._preferred_transport = None
            if transport:
                self._close_transport(transport, deadline)
        finally:
            try:  # to ask before would leave space for a signal's handler in between
                lock.release()
            except RuntimeError:
                pass  # another thread has it
        self._notify()
        # A thread that wakes while the interpreter ends is ended by pthread_exit, for which glibc
        # loads a library: where an image lacks that, the process would abort.
        patience = min(max(0.0, deadline - monotonic()), STALL_INTERVAL) + POLL_INTERVAL
        if self._working.acquire(True, patience):
            self._working.release()
        exit_fork.unregister(self)
        if exit_fork.has_ended():
            exit_fork.join_threads()

    def _choose_timeout(self, timeout: float | None) -> float:
        return self.timeout if timeout is None else check_timeout(timeout)

    # --- sending ---------------------------------------------------------------------------------

    def _push(self, patience: int) -> str:
        """Send until the queue is empty, the transport full or broken, or `patience` spent."""
        queue = self.queue
        while queue.count:
            transport = (
                self._take_preferred_transport() if self._preferred_transport else self._transport
            )
            if transport is None:
                return BROKEN
            try:
                size = transport.push(queue)
                queue.consume(size, transport.pinned)
            except RejectedRecordError as error:
                if len(self.retry_policy.urls) > 1 and error.is_of_host():
                    self._leave_transport(transport, error)
                    return BROKEN
                queue.drop_first(error.reason)
                self.retry_policy.note_failure(transport.url, error)
                continue
            except OSError as error:
                self._leave_transport(transport, error)
                return BROKEN
            except BaseException:
                # Of a signal's handler: whether the kernel has taken something, nobody knows.
                self._leave_transport(transport, InterruptedError("a send was interrupted"))
                raise
            if not size:
                self._consider_failback()
                return FULL
            if queue.drops_since and not self._get_reporter().report() and not self._owes_report:
                self._owes_report = True
                self._wake_worker()
            patience -= size
            if patience <= 0:
                break
        if self.retry_policy.next_failback < FOREVER:
            self._consider_failback()
        return MORE if queue.count else EMPTY

    def _get_reporter(self) -> "DropReporter":
        if self._reporter is None:
            with exit_fork.importing:
                from syslogfast.transports.drop_report import DropReporter  # rarely needed

            keeps_last = self._overflow != "drop-oldest"
            self._reporter = DropReporter(self.queue, self._render_report, keeps_last)
        return self._reporter

    def open_early(self) -> None:
        """Open a transport that needs no waiting, though there is nothing to send yet."""
        with self._send_lock:
            if self._transport is None:
                self._open_at_once()

    def _use_transport(self, transport: "Transport | None") -> None:
        """Send over this transport from now on; a signal's handler may write to it, too."""
        self._transport: Transport | None = transport
        self.queue.descriptor = transport.descriptor if transport else -1

    def _open_at_once(self) -> bool:
        """Open a transport that needs no waiting: a datagram to an address, a descriptor."""
        if not self._is_over and self.retry_policy.can_open_at_once():
            self._expect_end()
            self._use_transport(self.retry_policy.open())
        return self._transport is not None

    def _close_transport(self, transport: "Transport", deadline: float) -> None:
        try:
            transport.close(min(max(0.0, deadline - monotonic()), LONGEST_WAIT))
        except OSError as error:
            self.retry_policy.note_failure(
                transport.url, error
            )  # though the kernel had taken all of it
        except ValueError:
            pass  # another thread has found it broken, and closed it

    def _leave_transport(self, transport: "Transport", error: OSError) -> None:
        self.queue.rewind()
        self._use_transport(self._preferred_transport)
        self._preferred_transport = None
        transport.abort()
        self.retry_policy.on_broken(transport, error)
        if self._transport:
            self.retry_policy.on_connected(self._transport.url)

    # --- back to an earlier URL ------------------------------------------------------------------

    def _consider_failback(self) -> None:
        if (
            self._transport
            and not self._preferred_transport
            and monotonic() >= self.retry_policy.next_failback
        ):
            self._start_failback(self._transport)

    def _start_failback(self, transport: "Transport") -> None:
        """Try the URLs before that of this transport, while it goes on to be used."""
        self.retry_policy.next_failback = FOREVER  # one try at a time
        try:
            exit_fork.Thread(self, self._fail_back, transport)
        except RuntimeError:
            pass  # when it breaks, all of them are tried

    def _fail_back(self, transport: "Transport") -> None:
        earlier = self.retry_policy.open_preferred(transport)
        if earlier is None:
            return
        with self._send_lock:
            if self._transport is not transport or self._is_over:
                transport = earlier  # that has broken meanwhile, so the worker has opened another
            else:
                self._preferred_transport = earlier
                self._take_preferred_transport()
        self.pump()  # for one who has found the lock taken meanwhile
        while (
            self._transport is transport and self._draining is not transport and not self._is_over
        ):
            self.pump()
            sleep(POLL_INTERVAL)
        if transport in (earlier, self._draining):  # else it has broken, or been closed
            self._draining = None
            self._close_transport(transport, monotonic() + self.timeout)

    def _take_preferred_transport(self) -> "Transport | None":
        """Return the transport to use: once no record is half sent, that of an earlier URL."""
        if self._preferred_transport and self._transport:
            self._transport.is_draining = True
        if (
            self._preferred_transport
            and self.queue.at_record_boundary()
            and not (self._transport and self._transport.pinned)
        ):
            self._draining = self._transport
            self._use_transport(self._preferred_transport)
            self._preferred_transport = None
        return self._transport

    # --- waiting ---------------------------------------------------------------------------------

    def _notify(self) -> None:
        try:
            self._wakeup.release()
        except RuntimeError:
            pass  # it is awake already

    def _expect_end(self) -> None:
        if self._is_inherited:
            self._is_inherited = False
            exit_fork.expect_end()

    def _wake_worker(self) -> bool:
        """Wake the worker, started if need be; False where no thread can be had."""
        if not self._working.locked():
            self._expect_end()
            try:
                exit_fork.Thread(self, self._work)
            except RuntimeError:
                return False
        self._notify()
        return True

    def _report_progress(self) -> None:
        for lock in self._waiting.copy():
            if lock.locked():
                lock.release()

    def _wait(self, deadline: float) -> bool:
        """Wait for a sign of progress; False if the deadline has passed."""
        left = deadline - monotonic()
        if left <= 0:
            return False
        lock = _thread.allocate_lock()
        lock.acquire()
        self._waiting.append(lock)  # before the worker is woken, who tells what it finds
        try:
            if not self._wake_worker() and self.retry_policy.is_due():
                self.open()
            lock.acquire(True, min(left, POLL_INTERVAL))
        finally:
            self._waiting.remove(lock)
        return True

    def _work(self) -> None:
        if not self._working.acquire(False):
            return  # another one has been started, too
        try:
            while not self._is_over:
                self._is_idle = True
                if not self.queue.count:
                    self._is_urgent = False
                    self._report_progress()
                    self._await_wakeup()
                    continue
                self._is_idle = False
                if self._transport is None:
                    while not self._is_over and not self.retry_policy.is_due():
                        self._wakeup.acquire(
                            True, max(0.0, self.retry_policy.next_try - monotonic())
                        )
                    self.open()
                if self._transport and self.queue.threshold == self._threshold:
                    self._linger_on()
                self._send_patiently()
        finally:
            self.queue.threshold = self._threshold
            self._working.release()  # whatever happens, there can be another

    def _await_wakeup(self) -> None:
        """Wait until there is a record; if that is long, queue the report that is owed."""
        delay = None
        if self._owes_report and self._transport:
            delay = self._get_reporter().find_delay()
        if not self._wakeup.acquire(True, -1 if delay is None else delay):
            with self._send_lock:
                self._get_reporter().report()
        if not self.queue.drops_since:
            self._owes_report = False

    def open(self) -> None:
        """Open a transport, which takes its time: nobody who emits waits for this."""
        if self._transport or self._is_over:
            return
        if not needs_waiting(self.retry_policy.urls[0]):
            with self._send_lock:  # whoever emits may open it, too
                if self._transport or self._open_at_once() or len(self.retry_policy.urls) == 1:
                    return
        transport = self.retry_policy.open()
        with self._send_lock:
            if self._transport is None and not self._is_over:
                self._use_transport(transport)
                transport = None
        if transport:  # somebody else has opened one, or closed all, meanwhile
            transport.abort()

    def _linger_on(self) -> None:
        while self.queue.count and not self._is_urgent and not self._waiting:
            left = self._lingering_since + self._linger - monotonic()
            if left <= 0:
                break
            self._wakeup.acquire(True, left)

    def _send_patiently(self) -> None:
        """Send all that is queued, waiting where the transport is full, until it breaks."""
        while self.queue.count:
            with self._send_lock:
                state, transport = self._push(self._patience), self._transport
            self._report_progress()
            if transport is None:
                return
            if state is FULL:
                try:
                    transport.wait(STALL_INTERVAL)
                except (OSError, ValueError):
                    pass  # another thread has found it broken, and closed it
        self.queue.threshold = self._threshold
