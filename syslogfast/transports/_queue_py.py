"""The queue before a road, in Python: the specification that `_queue_c.pxi` must match."""

import _thread

from syslogfast._checks import check_queue_bytes

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from _collections import deque  # collections has it from there, and imports more
if TYPE_CHECKING:
    from collections import deque
    from typing import Any

BLOCK_SIZE = 1 << 17  # bytes that `peek` gives at most, unless one record is longer
NO_ROOM, QUEUED, FIRST = 0, 1, 2  # what becomes of a record that is put into the queue


class Queue:
    """Framed records on their way to one road: bounded in bytes, each of them accounted for.

    limit: bytes that may be queued. `count` and `size` are the records and bytes that are;
    `threshold` is the size from which on the emitter calls the delivery.
    """

    __slots__ = (
        "_cuts",
        "_dropped",
        "_frames",
        "_held",
        "_held_size",
        "_lock",
        "_position",
        "_sent",
        "_sent_bytes",
        "closed",
        "limit",
        "size",
        "threshold",
    )

    def __init__(self, limit: "int") -> "None":
        self.limit = check_queue_bytes(limit)
        self.threshold = 0
        self.closed = False
        self.size = 0
        self._frames: deque[bytes] = deque()
        self._position = 0  # bytes of the first frame that have been sent
        self._held = 0  # frames that `peek` has given and that are not to be dropped meanwhile
        self._held_size = 0  # bytes of them that it has given
        # A signal's handler may log while this thread holds it: so, nothing is called between the
        # look at a count and its change, for handlers run at calls.
        self._lock = _thread.RLock()
        self._sent = 0
        self._sent_bytes = 0
        self._cuts = 0
        self._dropped: dict[str, int] = {}

    @property
    def count(self) -> "int":
        return len(self._frames)

    def put(self, frame: "bytes", is_cut: "bool") -> "int":
        """Queue a record if there is room: NO_ROOM, QUEUED, or FIRST if there was none before."""
        size = len(frame)
        with self._lock:
            if self.closed or self.size + size > self.limit:
                return NO_ROOM
            state = QUEUED if self._frames else FIRST
            self.size += size
            self._cuts += is_cut
            self._frames.append(frame)
            return state

    def drop(self, reason: "str") -> "None":
        """Count a record that was offered and that is not going to be queued."""
        with self._lock:
            self._count_drops(reason, 1)

    def peek(self, one: "bool" = False) -> "memoryview | None":
        """Return bytes that are to be sent next, of one record or of many; None: there are none."""
        with self._lock:
            if not self._frames:
                return None
            frames = [self._frames[0]]
            size = len(frames[0])
            while not one and len(frames) < len(self._frames):  # more may come meanwhile
                frame = self._frames[len(frames)]
                size += len(frame)
                if size > BLOCK_SIZE:
                    break
                frames.append(frame)
            data = memoryview(b"".join(frames))[self._position :]
            self._held, self._held_size = len(frames), len(data)
            return data

    def advance(self, size: "int") -> "None":
        """Take note that the road has taken so many of the bytes that `peek` has given."""
        with self._lock:
            if not self._held:
                return  # all was dropped meanwhile
            size = max(0, min(size, self._held_size))
            self.size -= size
            self._sent_bytes += size
            self._position += size
            while self._frames and self._position >= len(self._frames[0]):
                frame = self._frames.popleft()
                self._sent += 1
                self._position -= len(frame)
            self._held = 0

    def rewind(self) -> "None":
        """Take note that the road broke: a record of which a part was sent is sent as a whole."""
        with self._lock:
            self.size += self._position
            self._sent_bytes -= self._position
            self._position = 0
            self._held = 0

    def drop_first(self, reason: "str") -> "None":
        """Drop the record that `peek` has given: no road takes it."""
        with self._lock:
            if self._held:
                self._drop_frame(0, reason)
            self._held = 0

    def drop_oldest(self, size: "int") -> "None":
        """Drop what is oldest, and not on its way, until there is room for so many bytes."""
        with self._lock:
            first = max(self._held, self._position > 0)
            while len(self._frames) > first and self.size + size > self.limit:
                self._drop_frame(first, "full")

    def clear(self, reason: "str") -> "None":
        """Drop all that is queued."""
        with self._lock:
            self._held = 0
            while self._frames:
                self._drop_frame(0, reason)

    def count_all(self) -> "dict[str, Any]":
        """Return what became of all records: offered == sent + queued + dropped."""
        with self._lock:
            dropped = dict(self._dropped)
            queued = self.count
            return {
                "offered": self._sent + queued + sum(dropped.values()),
                "sent": self._sent,
                "queued": queued,
                "dropped": dropped,
                "truncated": self._cuts,
                "bytes": self._sent_bytes,
            }

    def _count_drops(self, reason: "str", count: "int") -> "None":
        if reason not in self._dropped:
            self._dropped[reason] = 0
        self._dropped[reason] += count

    def _drop_frame(self, index: "int", reason: "str") -> "None":
        size = len(self._frames[index])
        if index == 0:
            size -= self._position
            self._position = 0
        del self._frames[index]
        self.size -= size
        self._count_drops(reason, 1)
