"""The queue before a transport, in Python: the specification that `queue.pxi` must match."""

import sys
from time import time_ns

from syslogfast._platform import SignalSafeLock
from syslogfast._validation import check_queue_bytes
from syslogfast.constants import FIRST, NO_SPACE, QUEUED

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from _collections import deque  # collections has it from there, and imports more
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Sequence

    from syslogfast.types import Counts


BLOCK_SIZE = 1 << 17  # bytes
SMALL_FRAME = 16  # bytes: few records are shorter; a block has no more than that allows for
ALL = 1 << 62  # frames that are pinned while it is not yet known how many are to be

if sys.implementation.name != "pypy":
    ChangeLock = SignalSafeLock
else:
    from __pypy__ import thread as pypy_thread  # type: ignore[import-not-found]

    class ChangeLock(SignalSafeLock):  # type: ignore[misc, no-redef]
        """The same where a change takes a few steps that call nothing.

        CPython has no signal's handler called between them, but PyPy, which may call one at any
        bytecode, is told to wait until the change is done.
        """

        _is_deferring = False

        def __enter__(self) -> "bool":  # type: ignore[override]
            super().__enter__()
            try:
                pypy_thread._signals_exit()
            except RuntimeError:
                return True  # handlers are not called in this thread, or wait already
            except BaseException:  # of a handler
                self.release()
                raise
            self._is_deferring = True
            return True

        def __exit__(self, *exc_info: object) -> "None":
            is_deferring, self._is_deferring = self._is_deferring, False
            self.release()
            if is_deferring:
                pypy_thread._signals_enter()


def arrange_runs(frames: "list[bytes]") -> "list[bytes]":
    """Return the frames in runs of one size, the longest first; those of a size keep their order.

    Where there are few of a size, they make no run: each of them ends one of longer ones, of those
    that have no such end. Empty ones are the last, and end no run.
    """
    by_size: dict[int, list[bytes]] = {}
    for frame in frames:
        by_size.setdefault(len(frame), []).append(frame)
    runs: list[list[bytes]] = []
    ended = 0
    for size in sorted(by_size, reverse=True):
        if not size or len(by_size[size]) > len(runs) - ended:
            runs.append(by_size[size])
            continue
        for frame in by_size[size]:
            runs[ended].append(frame)
            ended += 1
    return [frame for run in runs for frame in run]


class Queue:
    """Framed records on their way to one transport: bounded in bytes, each of them accounted for.

    limit: bytes that may be queued; `largest`: bytes of one record. block_size: bytes that `peek`
    gives at most, and that `sort` puts in order, unless one record is longer. `count` and `size`
    are the records and bytes that are; `threshold` is the size from which on the emitter calls the
    sender, `drops_since` the time in nanoseconds of the first drop since it was set to 0,
    `truncations` the records that a transport has truncated. `descriptor` is where a record may be
    written as it is, by a signal's handler; -1: nowhere.
    """

    __slots__ = (
        "_block_size",
        "_dropped",
        "_frames",
        "_in_order",
        "_lock",
        "_most",
        "_pinned",
        "_pinned_size",
        "_position",
        "_sent",
        "_sent_bytes",
        "_truncated",
        "closed",
        "descriptor",
        "drops_since",
        "lacks_memory",
        "largest",
        "limit",
        "size",
        "threshold",
        "truncations",
    )

    def __init__(self, limit: "int", block_size: "int" = BLOCK_SIZE) -> "None":
        self.limit = check_queue_bytes(limit)
        self._block_size = min(block_size, limit)
        self.largest = limit
        self.threshold = 0
        self.closed = False
        self.descriptor = -1
        self.lacks_memory = False  # set by `put`, cleared by who counts the record
        self.reset()

    def reset(self) -> "None":
        """Forget all records and counts: those of the process that has forked this one."""
        self.size = 0
        self.truncations = 0
        self.drops_since = 0
        self._frames: deque[bytes] = deque()
        self._position = 0  # bytes of the first frame that have been sent
        self._in_order = 0  # frames, from the first, that `sort` has left in order
        self._pinned = 0  # frames that `peek` has given and that are not to be dropped meanwhile
        self._pinned_size = 0  # bytes of them that it has given
        # Frames that `peek` joins at most, which takes long: few where none was taken of the last.
        self._most = ALL
        # A signal's handler or a __del__ may log while this thread holds it, at any call and where
        # an object is made that is collected: so neither is between a look and what is changed
        # for it, or the look is repeated.
        self._lock = ChangeLock()
        self._sent = 0
        self._sent_bytes = 0
        self._truncated = 0
        self._dropped: dict[str, int] = {}

    @property
    def count(self) -> "int":
        return len(self._frames)

    def put(
        self, frame: "bytes", is_truncated: "bool" = False, even_closed: "bool" = False, /
    ) -> "int":
        """Queue a record if there is space: NO_SPACE, QUEUED, or FIRST if there was none before."""
        size = len(frame)
        with self._lock:
            if (self.closed and not even_closed) or self.size + size > self.limit:
                return NO_SPACE
            state = QUEUED if self._frames else FIRST
            self._truncated += is_truncated
            try:
                self._frames.append(frame)
            except MemoryError:
                self.lacks_memory = True
                size = 0
                return NO_SPACE
            finally:  # an exception of a signal's handler would come after the call
                self.size += size
            return state

    def drop(self, reason: "str") -> "None":
        """Count a record that was offered and that is not going to be queued."""
        with self._lock:
            self._count_drops(reason, 1)

    def peek(self, one: "bool" = False, /) -> "memoryview | None":
        """Return bytes that are to be sent next, of one record or of many; None: there are none."""
        with self._lock:
            self._pinned = ALL
            return self._pin(self._list_oldest(1 if one else self._most))

    def peek_records(self) -> "tuple[memoryview, Sequence[int]] | None":
        """Return what `peek` does, and where in it each of the records ends; None as there."""
        with self._lock:
            return self._peek_records()

    def _peek_records(self) -> "tuple[memoryview, Sequence[int]] | None":
        self._pinned = ALL
        frames = self._list_oldest(self.count)
        ends = []
        end = -self._position
        for frame in frames:
            end += len(frame)
            ends.append(end)
        data = self._pin(frames)
        return None if data is None else (data, ends)

    def peek_run(
        self, longest: "int", most: "int", space: "int", /
    ) -> "tuple[memoryview, int] | None":
        """Return the next records if they are of one size but for a shorter last, and that size.

        At most `most` of them and `space` bytes; the first alone if it has more than `longest`
        bytes. None: there are none. UDP can send such a run in one call.
        """
        with self._lock:
            return self._peek_run(longest, most, space)

    def _peek_run(
        self, longest: "int", most: "int", space: "int"
    ) -> "tuple[memoryview, int] | None":
        self._pinned = ALL
        frames = self._list_oldest(most)
        if not frames:
            self._pinned = 0
            return None
        segment = size = used = len(frames[0]) - self._position
        count = 1
        while count < len(frames) and size == segment <= longest:
            size = len(frames[count])
            used += size
            if size > segment or used > space:
                break
            count += 1
        data = self._pin(frames[:count])
        return None if data is None else (data, segment)

    # Only in C can bytes be sent and accounted for in one step, that is, without what a signal's
    # handler could fall in between: see sending.pxi. Elsewhere a transport does it in three.

    def send_stream(self, one: "bool", /) -> "int":
        """Send what `peek` would give over `descriptor`, which does not wait, and account for it.

        Return the number of bytes; 0: it takes none now; -1: it could not be done so.
        """
        return -1

    def send_datagrams(self, longest: "int", /) -> "int":
        """Send the next record, or if it has no more than so many bytes, what `peek_run` gives.

        Return what `send_stream` does.
        """
        return -1

    def sort(self) -> "None":
        """Put the records of the oldest block in few runs for `peek_run`: see `arrange_runs`."""
        with self._lock:
            self._sort()

    def _sort(self) -> "None":
        # What has come since the last time has its turn after those that are in order.
        if not self._pinned and not self._position and not self._in_order:
            self._pinned = ALL
            frames = arrange_runs(self._list_oldest(self.count))
            for index, frame in enumerate(frames):
                if self._pinned:  # else all was dropped meanwhile
                    self._frames[index] = frame
            count = len(frames)
            if self._pinned and count > 1:
                self._in_order = count
            self._pinned = 0

    def consume(self, size: "int", pinned: "int" = 0, /) -> "None":
        """Take note that the transport has taken so many of the bytes that `peek` has given.

        pinned: bytes after those that are on their way, too, and must not be dropped.
        """
        with self._lock:
            self._consume(size, pinned)

    def _consume(self, size: "int", pinned: "int" = 0) -> "None":
        if not self._pinned:
            return  # all was dropped meanwhile
        size = max(0, min(size, self._pinned_size))
        pinned = min(pinned, self._pinned_size - size)
        self.size -= size
        self._sent_bytes += size
        self._position += size
        given = self._pinned  # an empty record that was put since is not one of those
        while given and self._frames and self._position >= len(self._frames[0]):
            given -= 1
            frame_size = len(self._frames[0])
            try:
                self._frames.popleft()
            finally:  # as in `put`
                self._sent += 1
                self._in_order -= self._in_order > 0
                self._position -= frame_size
        if not self._frames:
            self.size = 0  # whatever was interrupted
        reach = self._position + pinned if pinned > 0 else 0
        pinned_size = 0  # with the rest of the record in which those end
        still = 0
        while pinned_size < reach and still < len(self._frames):
            pinned_size += len(self._frames[still])
            still += 1
        self._pinned, self._pinned_size = still, pinned_size - self._position
        self._most = ALL if size else max(still, 1)

    def is_changing_here(self) -> "bool":
        """Return True if this thread has been interrupted, as by a signal, amid a change."""
        return bool(self._lock._is_owned())  # type: ignore[attr-defined]

    def at_record_boundary(self) -> "bool":
        """Return True if no part of a record has been sent without the rest."""
        return not self._position

    def rewind(self) -> "None":
        """Note that the transport broke: a record of which a part was sent is sent as a whole."""
        with self._lock:
            self.size += self._position
            self._sent_bytes -= self._position
            self._position = 0
            self._pinned = 0

    def drop_first(self, reason: "str") -> "None":
        """Drop the record that `peek` has given: no transport takes it."""
        with self._lock:
            if self._pinned:
                self._drop_frame(0, reason)
                self._pinned = 0

    def drop_oldest(self, size: "int") -> "None":
        """Drop what is oldest, and not on its way, until there is space for so many bytes."""
        with self._lock:
            self._drop_oldest(size)

    def _drop_oldest(self, size: "int") -> "None":
        first = max(self._pinned, self._position > 0)
        while self.size + size > self.limit and self._drop_frame(first, "full"):
            pass

    def clear(self, reason: "str") -> "None":
        """Drop all that is queued."""
        with self._lock:
            self._clear(reason)

    def _clear(self, reason: "str") -> "None":
        self._pinned = 0
        while self._drop_frame(0, reason):
            pass

    def count_all(self) -> "Counts":
        """Return what became of all records: offered == sent + queued + dropped."""
        with self._lock:
            sent = self._sent
            dropped = dict(self._dropped)
            queued = len(self._frames)
            counts: Counts = {
                "offered": sent + queued + sum(dropped.values()),
                "sent": sent,
                "queued": queued,
                "dropped": dropped,
                "truncated": self._truncated + self.truncations,
                "bytes": self._sent_bytes,
            }
            if sent == self._sent and dropped == self._dropped:
                return counts
        return self.count_all()  # what has interrupted this has changed them

    def _list_oldest(self, most: "int") -> "list[bytes]":
        """Return the oldest records, ALL pinned: as many as go together, one in any case."""
        frames: list[bytes] = []
        size = 0
        while len(frames) < min(most, len(self._frames)):
            try:
                frame = self._frames[len(frames)]
            except IndexError:
                break  # all was dropped meanwhile
            size += len(frame)
            if frames and size > self._block_size:
                break
            frames.append(frame)
        return frames

    def _pin(self, frames: "list[bytes]") -> "memoryview | None":
        """Return what is left to send of the oldest records, which are not to be dropped.

        None: there are none, or all were dropped since ALL were pinned.
        """
        data = memoryview(b"".join(frames))[self._position :]
        count, size = len(frames), len(data)
        if not count or not self._pinned:
            self._pinned = 0
            return None
        self._pinned, self._pinned_size = count, size
        return data

    def _count_drops(self, reason: "str", count: "int") -> "None":
        if reason not in self._dropped:
            self._dropped[reason] = 0
        self._dropped[reason] += count
        if not self.drops_since:
            self.drops_since = time_ns()

    def _drop_frame(self, index: "int", reason: "str") -> "bool":
        """Drop a record; False: there is none. What runs meanwhile may have dropped it, too."""
        try:
            frame = self._frames[index]
            size = len(frame)
            if self._frames[index] is not frame:
                return True  # from here to the end of the changes nothing is called
            del self._frames[index]
        except IndexError:
            return False
        if index == 0:
            size -= self._position
            self._position = 0
        self._in_order -= index < self._in_order
        self.size -= size
        self._count_drops(reason, 1)
        return True
