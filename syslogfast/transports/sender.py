"""From the queue to a transport: who sends, when, and what becomes of a transport that breaks."""

# Threads. Any thread that has put a record into the queue may call `pump`, which sends what can go
# without waiting. What has to be waited for, such as a connection, a name, a full transport, the
# linger, is the work of one thread, started when there first is some: worker.py. Another one tries
# the URLs before the one in use, now and then: failback.py. Both use private names of a sender.
#
# Lock. Who sends has `_send_lock`, and so has who changes `_state`, `_transport`, `_failback` or
# `_reporter`; to read them needs none. Nobody who emits waits for it: whoever has it looks at the
# queue once more after its release. `close` waits as long as it may, then goes on without.
#
# Re-entry. A signal's handler, a __del__ or a weakref's callback may run at any call in here, and
# may log, flush, close, or fork. If this thread has the lock by then (`is_sending_here`), it finds
# a send half done: its record is queued and sent by `pump`, which it has interrupted and which
# looks once more; its `flush` does not wait; its `close` is done by `pump`. What a handler raises
# may leave any call: so a `finally` releases the lock without a look.
#
# State. One word, besides which `queue.threshold` is set: the size of the queue from which on those
# who emit call `pump`. It is out of reach as long as the worker is at it.
#
#     state        what is there                           who sends            threshold
#     idle         no transport, and nothing is queued     the next to emit     that of `linger`
#     connecting   no transport, and records wait for one  the worker           out of reach
#     open         a transport that takes all              each who emits       that of `linger`
#     backlog      a transport, and more than it takes     the worker           out of reach
#     closed       nothing, for good                       nobody
#
#     state            event                                                     next state
#     idle             a transport was opened                                    open
#     idle             none can be opened without waiting                        connecting
#     connecting       the worker, or one who waits, has opened a transport      backlog
#     connecting       the queue is found empty: all was dropped                 idle
#     open, backlog    a push ends: empty / full or more / broken                open / backlog /
#                                                                                connecting
#     open, backlog    the transport breaks while a preferred one is there       backlog
#     all but closed   `close` / a fork, in the child                            closed / idle

from time import monotonic

import syslogfast.transports as transports
from syslogfast._platform import SignalSafeLock, catch_up_with_fork
from syslogfast._validation import check_timeout
from syslogfast.constants import AT_ONCE, FIRST, FOREVER, GATHER_TIME, PUT_TRIES, URGENT
from syslogfast.transports import limit_wait
from syslogfast.transports.retry import RetryPolicy, load_worker_early

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, TypeAlias

    from syslogfast.transports import Transport, Url
    from syslogfast.transports.drop_report import DropReporter, ReportRenderer
    from syslogfast.transports.failback import Failback
    from syslogfast.transports.failure_report import OnFailure
    from syslogfast.transports.queue_py import Queue
    from syslogfast.transports.worker import PeriodicStep, Worker

    State: TypeAlias = Literal["idle", "connecting", "open", "backlog", "closed"]
    PushResult: TypeAlias = Literal["empty", "full", "broken", "more"]

BATCH_SIZE = 1 << 16  # bytes that are gathered before a send, if linger allows
NEVER = 1 << 62  # bytes: a threshold that no queue reaches
BUDGET = 1 << 18  # bytes that one who emits sends for others, before the worker has to
INTERRUPTED = InterruptedError("a send was interrupted")  # there may be no memory for it then


class Sender:
    """One queue's way to the first of its URLs that can be reached.

    linger, overflow, timeout: those of `connect`. on_failure, render_report: of the reporters.
    """

    _worker: "Worker | None" = None  # see _get_worker
    periodic: "PeriodicStep | None" = None  # of the worker

    def __init__(
        self,
        urls: "Sequence[Url]",
        queue: "Queue",
        *,
        linger: "float | None",
        overflow: "str",
        timeout: "float",
        render_report: "ReportRenderer",
        on_failure: "OnFailure" = None,
    ) -> "None":
        self.queue = queue
        self.timeout = timeout
        self.retry_policy = RetryPolicy(urls, timeout, queue, on_failure)
        self._gathers_by_need = linger is None
        self._linger = GATHER_TIME if linger is None else linger
        self._window, self._sends = 0.0, 0  # when the present GATHER_TIME began; records in it
        self._overflow = overflow
        self._render_report = render_report
        batch_size = NEVER if any("order" in url.options for url in urls) else BATCH_SIZE
        self._batch_size = min(batch_size, queue.limit // 2)
        self._threshold = self._batch_size if linger else 0
        self._budget = BUDGET if linger == 0 else max(BUDGET, self._batch_size)
        self._has_alternatives = len(urls) > 1
        self.closes_at_exit = True  # unless somebody else does
        self.outlives_block = False  # a `with` statement: there is something to say after it
        self.is_inherited = False  # from the process that has forked this one
        self._state: State = "idle"
        self.made_at = monotonic()
        load_worker_early(urls, bool(linger))
        self._begin()
        transports.register_sender(self)

    def _begin(self) -> "None":
        # Reentrant, for it knows its owner, by a private method; nobody takes it twice. A note of
        # whose it is, beside it, would be wrong for a signal's handler that comes between the two.
        self._send_lock: Any = SignalSafeLock()
        self.is_sending_here: Callable[[], bool] = self._send_lock._is_owned  # type: ignore[attr-defined]
        self._failback: Failback | None = None
        self._reporter: DropReporter | None = None
        self._deferred: Callable[[], object] | None = None  # what `pump` has to do at its end
        self._use_transport(None)
        self._enter("idle")

    def reset_after_fork(self) -> "None":
        """Leave to the process that has forked this one what is its own: records, connection."""
        failback = self._failback
        inherited = [self._transport, *(failback.list_transports() if failback else ())]
        self.queue.reset()
        self.retry_policy.reset_after_fork()
        self.__dict__.pop("_worker", None)
        self._begin()  # its lock, too: whoever held it is not in this process
        self.is_inherited = True
        for transport in filter(None, inherited):
            transport.abort()

    # --- what the emitter calls ------------------------------------------------------------------

    def pump(self, opens: "bool" = True) -> "None":
        """Send what can be sent without waiting; leave the rest to the worker, see there."""
        lock = self._send_lock
        if self._gathers_by_need and not self._threshold:
            self._count_send()
        if self.periodic and self.periodic.is_due() and not self._wake_worker():
            self.periodic.take()  # where no thread can be had
        while self.queue.count:
            if self.is_sending_here():
                return  # what has been interrupted looks once more
            try:
                if not lock.acquire(False):
                    # A call for each record meanwhile would cost more than the record.
                    if self._threshold:
                        self.queue.threshold = self.queue.size + BATCH_SIZE
                    return
                result = self._push(self._budget)
            except MemoryError:
                result = "broken"  # no concern of who emits: the record is queued
            except BaseException:  # of a signal's handler, or a transport's fault
                if self._state == "connecting":
                    self._wake_worker()
                raise
            finally:
                try:  # to ask before would leave space for a signal's handler in between
                    lock.release()
                except RuntimeError:
                    pass  # another thread has it
            if self._deferred is not None:
                step, self._deferred = self._deferred, None
                step()
            if result != "empty" and (
                self._wake_worker() or not self._worker or not self._worker.open_in_place(opens)
            ):
                return

    def enqueue(self, frame: "bytes", severity: "int" = 6, is_truncated: "bool" = False) -> "None":
        """Queue a record that is framed already, as `emit` does; it is dropped if it must be."""
        catch_up_with_fork()
        queue = self.queue
        state = queue.put(frame, is_truncated)
        deadline: float | None = None
        for _ in range(PUT_TRIES):
            if state or queue.closed or queue.lacks_memory or len(frame) > queue.limit:
                break
            deadline = self.apply_overflow(len(frame), deadline)
            if deadline is None:
                break
            state = queue.put(frame, is_truncated)
        if not state:
            lack, queue.lacks_memory = "memory" if queue.lacks_memory else "full", False
            reason = "too large" if len(frame) > queue.limit else lack
            queue.drop("closed" if queue.closed else reason)
        elif queue.size >= queue.threshold or severity <= URGENT:
            self.pump()
        elif state == FIRST:
            self.start_lingering()

    def start_lingering(self) -> "None":
        """Have the first record of an empty queue sent once it has lingered."""
        worker = self._get_worker()
        if worker is None or not worker.start_lingering():
            self.pump()  # where no thread can be had, or no flood is any more, nothing lingers

    def _count_send(self) -> "None":
        """Gather what is emitted from now on, if it is a flood."""
        now = monotonic()
        if now - self._window > GATHER_TIME:
            self._window, self._sends = now, 0
        self._sends += 1
        if self._sends > AT_ONCE:
            self._threshold = self._batch_size

    def apply_overflow(self, size: "int", deadline: "float | None" = None) -> "float | None":
        """Do what `overflow` says for a record of so many bytes.

        Return None if there is none; else the deadline for a call after another thread took it.
        """
        queue = self.queue
        self.pump()
        deadline = monotonic() + self.timeout if deadline is None else deadline
        if self._overflow == "drop-oldest":
            queue.drop_oldest(size)  # but for those that another thread is sending just now
        elif self._overflow == "block":
            while queue.size + size > queue.limit:
                # A send, or a change of the queue, that this has interrupted would wait, too.
                is_amid = self.is_sending_here() or queue.is_changing_here()
                if queue.closed or is_amid or not self._wait(deadline):
                    return None
                self.pump()
            return deadline  # if another thread has taken the space since, this is called again
        return deadline if queue.size + size <= queue.limit else None

    def flush(self, timeout: "float | None" = None) -> "bool":
        """Wait until all that was queued is on its way, or dropped; False if time ran out."""
        catch_up_with_fork()
        deadline = self.find_deadline(timeout)
        if self.is_sending_here() or self.queue.is_changing_here():
            return not self.queue.count  # what has been interrupted has to go on first
        self.retry_policy.retry_soon()
        while self.queue.count:
            self.pump(opens=False)
            if self.queue.count and not self._wait(deadline):
                return False
        return True

    def send_soon(self, is_reachable: "bool" = False) -> "None":
        """Have what is queued sent now, without waiting for that.

        is_reachable: the network has changed; what could not be opened perhaps can be now.
        """
        if is_reachable:
            self.retry_policy.reset_backoff()
            getattr(self._transport, "note_network_change", int)()
            self.pump()
        self.retry_policy.retry_soon()
        if self.queue.count:
            self._wake_worker(is_urgent=True)

    def leave_to_exit(self) -> "None":
        """Be closed at the end of the process; if that has begun, now."""
        self.closes_at_exit = True
        if transports.has_ended():
            self.close()

    def close(self, timeout: "float | None" = None) -> "None":
        """Flush, then close the transport. What is left then, and what comes after, is dropped."""
        catch_up_with_fork()
        deadline = self.find_deadline(timeout)
        lock = self._send_lock
        self.queue.closed = True
        if self.defer(lambda: self.close(max(0.0, deadline - monotonic()))):
            return
        self.flush(deadline - monotonic())
        if self._transport and self.queue.drops_since and lock.acquire(True, limit_wait(deadline)):
            try:
                self._report_drops(is_last=True)
            finally:
                lock.release()
            self.flush(deadline - monotonic())
        try:
            lock.acquire(True, limit_wait(deadline))
            self.queue.clear("closed")
            self._state = "closed"
            transport, preferred = self._transport, self._failback and self._failback.cancel()
            self._use_transport(None)
            if preferred:
                preferred.abort()
            if transport:
                self.retry_policy.close_transport(transport, limit_wait(deadline))
            self.retry_policy.report_end(self._reporter)
        finally:
            try:  # as in `pump`
                lock.release()
            except RuntimeError:
                pass
        if self._worker:
            self._worker.join(max(0.0, deadline - monotonic()))
        self._failback = self.periodic = None  # they refer to the sender, as does the worker
        self.__dict__.pop("_worker", None)
        transports.unregister_sender(self)

    def defer(self, step: "Callable[[], object]") -> "bool":
        """Have `pump` call this at its end, if it has been interrupted; False if it has not."""
        if self.is_sending_here():
            self._deferred = step
        return self._deferred is step

    def find_deadline(self, timeout: "float | None") -> "float":
        return monotonic() + (self.timeout if timeout is None else check_timeout(timeout))

    def is_closed(self) -> "bool":
        return self._state == "closed"

    # --- sending: the caller has the lock --------------------------------------------------------

    def _push(self, budget: "int") -> "PushResult":
        """Send until the queue is empty, the transport full or broken, or `budget` is spent."""
        queue = self.queue
        while queue.count:
            if self._failback is not None:
                self._failback.switch()
            transport = self._transport
            if transport is None:
                if self._open_at_once():
                    continue
                self._enter("connecting")
                return "broken"
            try:
                size = transport.push(queue)
                queue.consume(size, transport.pinned)
            except transports.RejectedRecordError as error:
                if self._has_alternatives and error.is_of_host():
                    self._leave_transport(transport, error)
                    return "broken"
                queue.drop_first(error.reason)
                self.retry_policy.note_failure(transport.url, error)
                continue
            except OSError as error:
                self._leave_transport(transport, error)
                return "broken"
            except BaseException as error:  # of a signal's handler, say: who knows what was taken
                self._leave_transport(transport, INTERRUPTED)
                if isinstance(error, MemoryError):
                    self.retry_policy.reset_backoff()  # the other side is not at fault
                raise
            if not size:
                self._consider_failback()
                self._enter("backlog")
                return "full"
            if queue.drops_since:
                self._report_drops()
            budget -= size
            if budget <= 0:
                break
        if self._has_alternatives and self.retry_policy.next_failback < FOREVER:
            self._consider_failback()
        if queue.count:
            self._enter("backlog")
            return "more"
        if self._threshold or self._state != "open":  # else nothing changes: most datagrams
            self._enter("open" if self._transport else "idle")
        return "empty"

    def _enter(self, state: "State") -> "None":
        """Change the state, and whether those who emit call `pump`; "closed" stays."""
        if self._state == "closed":  # no call before the change: `close` may have no lock
            return
        self._state = state
        if state == "open" or state == "idle":
            self.queue.threshold = self._threshold
        else:  # even if they may linger: the worker gets the interpreter only now and then
            self.queue.threshold = self.queue.size + BATCH_SIZE if self._threshold else NEVER

    def _use_transport(self, transport: "Transport | None") -> "None":
        """Send over this transport from now on; a signal's handler may write to it, too."""
        self._transport: Transport | None = transport
        self.queue.descriptor = transport.descriptor if transport else -1
        if transport:
            self._enter("open" if self._state == "idle" or self._state == "open" else "backlog")

    def _leave_transport(self, transport: "Transport", error: "OSError") -> "None":
        self.queue.rewind()
        preferred = self._failback.cancel() if self._failback else None
        self._use_transport(preferred)
        self._enter("backlog" if preferred else "connecting")
        transport.abort()
        self.retry_policy.on_broken(transport, error)
        if preferred:
            self.retry_policy.on_connected(preferred.url)

    def _report_drops(self, is_last: "bool" = False) -> "None":
        """Queue a report of what was dropped, or have the worker do so once it may."""
        if self._reporter is None:
            try:
                with transports.importing:
                    from syslogfast.transports.drop_report import DropReporter  # rarely needed
            except transports.IMPORT_FAILURES:
                return  # the next push reports
            keeps_last = self._overflow != "drop-oldest"
            self._reporter = DropReporter(self.queue, self._render_report, keeps_last)
        was_due = self._reporter.is_due
        if not self._reporter.report(is_last) and not was_due:
            self._wake_worker()

    def _consider_failback(self) -> "None":
        if self._transport and monotonic() >= self.retry_policy.next_failback:
            if self._failback is None:
                try:
                    from syslogfast.transports.failback import Failback  # loaded by __init__
                except transports.IMPORT_FAILURES:
                    return
                self._failback = Failback(self)
            self._failback.start(self._transport)

    # --- opening, and the worker ------------------------------------------------------------------

    def _open_at_once(self) -> "bool":
        """Open a transport that needs no waiting: a datagram to an address, a descriptor."""
        if not self.is_closed() and self.retry_policy.can_open_at_once():
            transports.expect_end(self)
            self._use_transport(self.retry_policy.open())
        return self._transport is not None

    def open_early(self) -> "None":
        """Open a transport that needs no waiting, though there is nothing to send yet."""
        with self._send_lock:
            if self._transport is None:
                self._open_at_once()

    def open(self) -> "None":
        """Open a transport now, which takes its time: nobody who emits waits for this."""
        worker = self._get_worker()
        if worker:
            worker.open()

    def _get_worker(self) -> "Worker | None":
        """Return the worker, made if need be; None if that is impossible now."""
        if self._worker is None:
            try:
                with transports.importing:
                    from syslogfast.transports.worker import Worker  # few datagrams need it
                # In one step: another thread, or a signal's handler, may be just here, too.
                self.__dict__.setdefault("_worker", Worker(self))
            except transports.IMPORT_FAILURES:
                self.queue.threshold = self._threshold  # the next to emit tries again
        return self._worker

    def _wake_worker(self, is_urgent: "bool" = False) -> "bool":
        """Wake the worker, started if need be; False where no thread can be had."""
        worker = self._get_worker()
        return worker is not None and worker.wake(is_urgent)

    def _wait(self, deadline: "float") -> "bool":
        worker = self._get_worker()
        return worker is not None and worker.wait(deadline)
