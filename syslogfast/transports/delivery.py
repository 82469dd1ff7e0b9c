"""From the queue to a road: when to send, who waits, and what to do when a road breaks.

Any thread that has put a record into the queue may call `drive`, which never waits. What has to be
waited for, such as a connection, a name, a full road, the linger, is the work of one thread, which
is started when there first is some.
"""

import _thread
import atexit
import os
from time import monotonic

from syslogfast._identity import is_address
from syslogfast.transports import open_road

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from syslogfast._emitter_py import Queue
    from syslogfast.transports import Road, Url

BATCH_SIZE = 1 << 16  # bytes that are gathered before a send, if linger allows
NEVER = 1 << 62  # bytes: a threshold that no queue reaches
FIRST_DELAY = 0.1  # seconds from a failed connection to the next try, doubled each time
LONGEST_DELAY = 30.0
POLL_INTERVAL = 0.05  # seconds after which somebody who waits looks again, come what may

EMPTY, FULL, BROKEN = "empty", "full", "broken"  # how a push ends


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
        self._road: Road | None = None
        self._connections = 0
        self._driving = _thread.allocate_lock()  # held by the one who sends
        self._alarm = _thread.allocate_lock()  # released to wake the worker
        self._alarm.acquire()
        self._waiting: list[_thread.LockType] = []  # one for each who waits for progress
        self._has_worker = False
        self._is_idle = False
        self._is_urgent = False
        self._is_over = False
        queue.threshold = self._threshold

    # --- what the emitter calls ------------------------------------------------------------------

    def drive(self) -> None:
        """Send what can be sent without waiting; leave the rest to the worker."""
        while self.queue.count:
            if not self._driving.acquire(False):
                return  # whoever holds it looks once more after its release
            try:
                state = self._push() if self._road or self._open_at_once() else BROKEN
            finally:
                self._driving.release()
            if state is not EMPTY:
                self.queue.threshold = NEVER
                if not self._wake_worker():
                    self.queue.threshold = self._threshold
                return
            self.queue.threshold = self._threshold

    def begin(self) -> None:
        """See to it that the first record of an empty queue lingers no longer than it may."""
        if self._is_idle or not self._has_worker:
            self._wake_worker()

    def make_room(self, size: int) -> bool:
        """Do what `overflow` says for a record of so many bytes; tell whether there is room."""
        queue = self.queue
        self.drive()
        if self._overflow == "drop-oldest":
            queue.drop_oldest(size)
        elif self._overflow == "block":
            deadline = monotonic() + self._timeout
            while queue.size + size > queue.limit and not queue.closed:
                if not self._wait(deadline):
                    break
        return queue.size + size <= queue.limit

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was queued is on its way, or dropped; False if time ran out."""
        deadline = monotonic() + (self._timeout if timeout is None else timeout)
        while self.queue.count:
            self._is_urgent = True
            self.drive()
            if self.queue.count and not self._wait(deadline):
                return False
        return True

    def close(self, timeout: float | None = None) -> None:
        """Flush, then close the road. What is left then, and what comes after, is dropped."""
        started = monotonic()
        if timeout is None:
            timeout = self._timeout
        self.queue.closed = True
        self.flush(timeout)
        left = max(0.0, timeout - (monotonic() - started))
        is_free = self._driving.acquire(True, left)  # else the worker is connecting
        try:
            self.queue.clear("closed")
            self._is_over = True
            if is_free and self._road:
                self._road.close(left)
        except OSError:
            pass  # the kernel had taken all of it: nobody else can be told
        finally:
            if is_free:
                self._road = None
                self._driving.release()
        self._ring()
        atexit.unregister(self.close)

    # --- sending ---------------------------------------------------------------------------------

    def _push(self) -> str:
        """Send until the queue is empty or the road is full or broken; never wait."""
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
                self._road = None
                road.abort()
                return BROKEN
            if not size:
                return FULL
            was_refused = False
            queue.advance(size)

    def _open_at_once(self) -> bool:
        """Open a road that needs no waiting: a datagram to an address, a descriptor."""
        url = self._urls[0]
        if len(self._urls) > 1 or url.scheme == "tcp":
            return False
        if url.scheme == "udp" and not is_address(url.host):
            return False
        return self._connect(url)

    def _connect(self, url: "Url") -> bool:
        try:
            self._road = open_road(url, self._timeout)
        except OSError:
            return False
        self.reconnects += self._connections > 0
        self._connections += 1
        return True

    # --- the worker ------------------------------------------------------------------------------

    def _ring(self) -> None:
        try:
            self._alarm.release()
        except RuntimeError:
            pass  # it has been rung already

    def _wake_worker(self) -> bool:
        """Wake the worker, started if need be; False where no thread can be had."""
        if not self._has_worker:
            self._has_worker = True
            try:
                _thread.start_new_thread(self._work, ())
            except RuntimeError:
                self._has_worker = False
                return False
            atexit.register(self.close)
        self._ring()
        return True

    def _report_progress(self) -> None:
        while self._waiting:
            self._waiting.pop().release()

    def _wait(self, deadline: float) -> bool:
        """Wait for a sign of progress; False if the deadline has passed."""
        left = deadline - monotonic()
        if left <= 0:
            return False
        if not self._wake_worker():
            self._try_roads()
        lock = _thread.allocate_lock()
        lock.acquire()
        self._waiting.append(lock)
        lock.acquire(True, min(left, POLL_INTERVAL))
        return True

    def _work(self) -> None:
        delay = FIRST_DELAY
        while True:
            self._is_idle = True
            if not self.queue.count:
                self._is_urgent = False
                if self._is_over:
                    if self._road:  # it was opened while somebody else closed
                        self._road.abort()
                    return
                self._alarm.acquire()
                continue
            self._is_idle = False
            if self._road is None:
                if self._try_roads():
                    delay = FIRST_DELAY
                else:
                    jitter = 0.5 + os.urandom(1)[0] / 256  # thousands have lost the same collector
                    self._alarm.acquire(True, delay * jitter)
                    delay = min(2 * delay, LONGEST_DELAY)
                    continue
            elif self._linger and not self._is_urgent and self.queue.threshold != NEVER:
                self._alarm.acquire(True, self._linger)
            self._send_patiently()

    def _try_roads(self) -> bool:
        """Open the first of the roads that can be opened; this takes its time."""
        with self._driving:
            return self._road is not None or any(self._connect(url) for url in self._urls)

    def _send_patiently(self) -> None:
        """Send all that is queued, waiting where the road is full, until it breaks."""
        while self.queue.count:
            with self._driving:
                state, road = self._push(), self._road
            self._report_progress()
            if road is None:
                return
            if state is FULL:
                road.wait(POLL_INTERVAL)
        self.queue.threshold = self._threshold
