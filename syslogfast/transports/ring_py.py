"""The ring of the flight recorder, in Python: a queue that overwrites what is oldest.

`queue.pxi` must match it: there a queue is one, or the other.
"""

import sys

from syslogfast.constants import NO_SPACE
from syslogfast.transports.queue_py import SMALL_FRAME, Queue

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from _collections import deque
if TYPE_CHECKING:
    from collections import deque

    from syslogfast.types import Counts


class Ring(Queue):
    """A queue of blocks, of which the oldest is overwritten as a whole when there is no other.

    block_size: the bytes of each, and of the longest record; `limit` bytes are all of them.
    """

    __slots__ = ("_blocks", "_most_blocks", "_overwritten")

    def __init__(self, limit: "int", block_size: "int") -> "None":
        self._most_blocks = limit // block_size
        super().__init__(limit, block_size)
        self.limit = sys.maxsize  # it is never full
        self.largest = block_size

    def reset(self) -> "None":
        """Forget all records and counts."""
        super().reset()
        self._overwritten = 0
        # Of each block the records that are left, those that it had, and their bytes.
        self._blocks: deque[list[int]] = deque([[0, 0, 0]])

    def put(
        self, frame: "bytes", is_truncated: "bool" = False, even_closed: "bool" = False, /
    ) -> "int":
        """Store a record: QUEUED or FIRST. NO_SPACE: it is too long, or the oldest is sent."""
        size = len(frame)
        with self._lock:
            if size > self.largest or not self._find_block(size):
                return NO_SPACE
            before = self.count
            try:
                return super().put(frame, is_truncated, even_closed)
            finally:  # as there
                if self.count > before:
                    block = self._blocks[-1]
                    block[0] += 1
                    block[1] += 1
                    block[2] += size

    def _find_block(self, size: "int") -> "bool":
        """See that the newest block has space for a record."""
        newest = self._blocks[-1]
        if newest[2] + size <= self.largest and newest[1] <= self.largest // SMALL_FRAME:
            return True
        while len(self._blocks) >= self._most_blocks:
            if self._pinned:
                return False
            for _ in range(self._blocks.popleft()[0]):
                self.size -= len(self._frames.popleft())
                self._overwritten += 1
        self._blocks.append([0, 0, 0])
        return True

    def _forget_first(self) -> "None":
        """Take note that the oldest record is no more in its block."""
        oldest = self._blocks[0]
        oldest[0] -= 1
        if not oldest[0]:
            self._blocks.popleft()
            if not self._blocks:
                self._blocks.append([0, 0, 0])

    def _consume(self, size: "int", pinned: "int" = 0) -> "None":
        before = self.count
        super()._consume(size, pinned)
        for _ in range(before - self.count):
            self._forget_first()

    def _drop_frame(self, index: "int", reason: "str") -> "bool":
        is_dropped = super()._drop_frame(index, reason)
        if is_dropped:
            self._forget_first()  # no other is ever dropped here
        return is_dropped

    def count_all(self) -> "Counts":
        """Return what became of all records; `sent` are those that went to the queue."""
        with self._lock:
            overwritten = self._overwritten
            counts = super().count_all()
        if overwritten:
            counts["dropped"]["overwritten"] = overwritten
            counts["offered"] += overwritten
        return counts
