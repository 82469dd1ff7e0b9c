"""From the queue to a road: when to send, who waits, and what to do when a road breaks.

Any thread that has put a record into the queue may call `drive`, which never waits. What has to be
waited for, such as a connection, a name, a full road, the linger, is the work of one thread, which
is started when there first is some.
"""

import _thread
import _weakref
import atexit
import os
from time import monotonic

from syslogfast._checks import check_timeout
from syslogfast._identity import is_address
from syslogfast.transports import open_road

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from syslogfast.transports import Road, Url
    from syslogfast.transports._queue_py import Queue

BATCH_SIZE = 1 << 16  # bytes that are gathered before a send, if linger allows
NEVER = 1 << 62  # bytes: a threshold that no queue reaches
FIRST_DELAY = 0.1  # seconds from a failed connection to the next try, doubled each time
LONGEST_DELAY = 30.0
STEADY = 1.0  # seconds: a connection that breaks sooner has failed, too
POLL_INTERVAL = 0.05  # seconds after which somebody who waits looks again, come what may
LONGEST_WAIT = 1e6  # seconds: what a lock takes for a timeout

PATIENCE = 1 << 18  # bytes that one who emits sends for others, before the worker has to
EMPTY, FULL, BROKEN, MORE = "empty", "full", "broken", "more"  # how a push ends


class Delivery:
    """One queue's way to the first of its URLs that can be reached.

    linger: seconds that a record may wait for others to go with it.
    overflow: what happens to a record that finds the queue full: "drop-newest" drops it,
        "drop-oldest" drops the oldest that are not on their way, "block" waits.
    timeout: seconds that connecting, flushing and "block" may take.
    """

    def __init__(
        self,
        urls: "Sequence[Url]",
        queue: "Queue",
        *,
        linger: float,
        overflow: str,
        timeout: float,
    ) -> None:
        self.queue = queue
        self.reconnects = 0
        self._urls = urls
        self._linger = linger
        self._overflow = overflow
        self._timeout = timeout
        self._threshold = min(BATCH_SIZE, queue.limit // 2) if linger else 0
        queue.threshold = self._threshold
        self._road: Road | None = None
        self._connections = 0
        self._opened = self._tried = self._next_try = -STEADY  # by monotonic()
        self._delay = FIRST_DELAY
        # Held by the one who sends. It knows its owner, so that an exception of a signal's handler
        # leaves no doubt whether it has to be released; but nobody takes it twice.
        self._driving: Any = _thread.RLock()
        self._alarm = _thread.allocate_lock()  # released to wake the worker
        self._alarm.acquire()
        self._waiting: list[_thread.LockType] = []  # one for each who waits for progress
        self._working = _thread.allocate_lock()  # held as long as there is a worker
        self._is_idle = False
        self._is_urgent = False
        self._is_over = False
        self._leave = make_farewell(_weakref.ref(self))
        atexit.register(self._leave)

    # --- what the emitter calls ------------------------------------------------------------------

    def drive(self) -> None:
        """Send what can be sent without waiting; leave the rest to the worker."""
        lock = self._driving
        while self.queue.count:
            if lock._is_owned():
                return  # a signal's handler, or a __del__, has interrupted this thread
            try:
                if not lock.acquire(False):
                    return  # whoever holds it looks once more after its release
                state = self._push(PATIENCE) if self._road or self._open_at_once() else BROKEN
            finally:
                if lock._is_owned():
                    lock.release()
            if state is not EMPTY:
                self.queue.threshold = NEVER
                if not self._wake_worker():
                    self.queue.threshold = self._threshold
                return
            self.queue.threshold = self._threshold

    def begin(self) -> None:
        """See to it that the first record of an empty queue lingers no longer than it may."""
        if (self._is_idle or not self._working.locked()) and not self._wake_worker():
            self.drive()  # where no thread can be had, nothing lingers

    def make_room(self, size: int) -> bool:
        """Do what `overflow` says for a record of so many bytes; tell whether there is room."""
        queue = self.queue
        self.drive()
        if self._overflow == "drop-oldest":
            self._drop_oldest(size)
        elif self._overflow == "block":
            deadline = monotonic() + self._timeout
            while queue.size + size > queue.limit and not queue.closed:
                if not self._wait(deadline):
                    break
                self.drive()
        return queue.size + size <= queue.limit

    def _drop_oldest(self, size: int) -> None:
        lock = self._driving
        if lock._is_owned():
            self.queue.drop_oldest(size)
            return
        try:
            # While they are being sent, the oldest cannot be dropped; that takes no time.
            lock.acquire(True, POLL_INTERVAL)
            self.queue.drop_oldest(size)
        finally:
            if lock._is_owned():
                lock.release()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was queued is on its way, or dropped; False if time ran out."""
        deadline = monotonic() + self._choose_timeout(timeout)
        self._next_try = min(self._next_try, self._tried + FIRST_DELAY)
        while self.queue.count:
            self._is_urgent = True
            self.drive()
            if self.queue.count and not self._wait(deadline):
                return False
        return True

    def close(self, timeout: float | None = None) -> None:
        """Flush, then close the road. What is left then, and what comes after, is dropped."""
        deadline = monotonic() + self._choose_timeout(timeout)
        lock = self._driving
        self.queue.closed = True
        self.flush(deadline - monotonic())
        try:
            lock.acquire(True, min(max(0.0, deadline - monotonic()), LONGEST_WAIT))
            self.queue.clear("closed")
            self._is_over = True
            road, self._road = self._road, None
            if road:
                road.close(min(max(0.0, deadline - monotonic()), LONGEST_WAIT))
        except OSError:
            pass  # the kernel had taken all of it: nobody else can be told
        finally:
            if lock._is_owned():
                lock.release()
        self._ring()
        atexit.unregister(self._leave)

    def _choose_timeout(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else check_timeout(timeout)

    # --- sending ---------------------------------------------------------------------------------

    def _push(self, patience: int) -> str:
        """Send until the queue is empty, the road full or broken, or so much sent; never wait."""
        queue, road = self.queue, self._road
        if road is None:
            return BROKEN
        one = road.url.framing is None  # RFC 5426 3.1: one record, one datagram
        was_refused = False
        while True:
            data = queue.peek(one)
            if data is None:
                return EMPTY
            try:
                size = road.send(data)
            except OSError as error:
                if one:
                    # A refusal is of the datagram before: this one was not sent, and may go.
                    is_refused = isinstance(error, ConnectionRefusedError)
                    if was_refused or not is_refused:
                        queue.drop_first("refused" if is_refused else "error")
                    was_refused = is_refused and not was_refused
                    continue
                queue.rewind()
                self._leave_road(road)
                return BROKEN
            if not size:
                queue.advance(0)  # what was not taken may be dropped
                return FULL
            was_refused = False
            queue.advance(size)
            patience -= size
            if patience <= 0:
                return MORE if queue.count else EMPTY

    def _open_at_once(self) -> bool:
        """Open a road that needs no waiting: a datagram to an address, a descriptor."""
        url = self._urls[0]
        if len(self._urls) > 1 or url.scheme == "tcp" or monotonic() < self._next_try:
            return False
        if url.scheme == "udp" and not is_address(url.host):
            return False
        self._road = self._open_next()
        return self._road is not None

    def _open_next(self) -> "Road | None":
        """Open the first of the roads that can be opened; it is not in use yet."""
        self._tried = monotonic()
        for url in self._urls:
            try:
                road = open_road(url, self._timeout or FIRST_DELAY)
            except OSError:
                continue
            self._opened = monotonic()
            self.reconnects += self._connections > 0
            self._connections += 1
            return road
        self._back_off()
        return None

    def _leave_road(self, road: "Road") -> None:
        self._road = None
        road.abort()
        if monotonic() - self._opened < STEADY:
            self._back_off()
        else:
            self._delay = FIRST_DELAY
            self._next_try = monotonic()

    def _back_off(self) -> None:
        jitter = 0.5 + os.urandom(1)[0] / 256  # thousands may have lost the same collector
        self._next_try = monotonic() + self._delay * jitter
        self._delay = min(2 * self._delay, LONGEST_DELAY)

    # --- waiting ---------------------------------------------------------------------------------

    def _ring(self) -> None:
        try:
            self._alarm.release()
        except RuntimeError:
            pass  # it has been rung already

    def _wake_worker(self) -> bool:
        """Wake the worker, started if need be; False where no thread can be had."""
        if self._working.acquire(False):
            try:
                _thread.start_new_thread(self._work, ())
            except RuntimeError:
                self._working.release()
                return False
        self._ring()
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
        if not self._wake_worker() and monotonic() >= self._next_try:
            self._reconnect()
        lock = _thread.allocate_lock()
        lock.acquire()
        self._waiting.append(lock)
        try:
            lock.acquire(True, min(left, POLL_INTERVAL))
        finally:
            self._waiting.remove(lock)
        return True

    def _work(self) -> None:
        try:
            while not self._is_over:
                self._is_idle = True
                if not self.queue.count:
                    self._is_urgent = False
                    self._alarm.acquire()
                    continue
                self._is_idle = False
                if self._road is None:
                    while not self._is_over and monotonic() < self._next_try:
                        self._alarm.acquire(True, max(0.0, self._next_try - monotonic()))
                    self._reconnect()
                elif self.queue.threshold != NEVER:
                    self._linger_on()
                self._send_patiently()
        finally:
            self._working.release()  # whatever happens, there can be another

    def _reconnect(self) -> None:
        """Open a road, which takes its time: nobody who emits waits for this."""
        if self._road or self._is_over:
            return
        road = self._open_next()
        with self._driving:
            if self._road is None and not self._is_over:
                self._road, road = road, None
        if road:  # somebody else has opened one, or closed all, meanwhile
            road.abort()

    def _linger_on(self) -> None:
        deadline = monotonic() + self._linger
        while self.queue.count and not self._is_urgent:
            left = deadline - monotonic()
            if left <= 0:
                break
            self._alarm.acquire(True, left)

    def _send_patiently(self) -> None:
        """Send all that is queued, waiting where the road is full, until it breaks."""
        while self.queue.count:
            with self._driving:
                state, road = self._push(PATIENCE), self._road
            self._report_progress()
            if road is None:
                return
            if state is FULL:
                try:
                    road.wait(POLL_INTERVAL)
                except (OSError, ValueError):
                    pass  # another thread has found it broken, and closed it
        self.queue.threshold = self._threshold


def make_farewell(reference: "_weakref.ReferenceType[Delivery]") -> "Callable[[], None]":
    """Return what closes a delivery at exit, if it is still there."""

    def leave() -> None:
        delivery = reference()
        if delivery is not None:
            delivery.close()

    return leave
