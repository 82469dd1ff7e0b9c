"""What the queue and the ring have to do, in as few words as there are: the reference model."""

from collections import Counter, deque

NO_SPACE, QUEUED, FIRST = range(3)
SMALL_FRAME = 16  # bytes: what a block has space for is one record more than that allows


class Model:
    """A queue of `limit` bytes; the test tells it what was given by `peek` and its kin."""

    def __init__(self, limit: int) -> None:
        self.limit = self.largest = limit
        self.frames: deque[bytes] = deque()
        self.position = self.pinned = self.offered = self.sent = self.truncated = self.bytes = 0
        self.dropped: Counter[str] = Counter()
        self.closed = False

    @property
    def size(self) -> int:
        return sum(map(len, self.frames)) - self.position

    def has_space(self, size: int) -> bool:
        return self.size + size <= self.limit

    def put(self, frame: bytes, is_truncated: bool = False, even_closed: bool = False) -> int:
        if (self.closed and not even_closed) or not self.has_space(len(frame)):
            return NO_SPACE
        self.frames.append(frame)
        self.offered += 1
        self.truncated += is_truncated
        return FIRST if len(self.frames) == 1 else QUEUED

    def drop(self, reason: str) -> None:
        self.offered += 1
        self.dropped[reason] += 1

    def drop_at(self, index: int, reason: str) -> None:
        del self.frames[index]
        self.dropped[reason] += 1
        if not index:
            self.position = 0

    def pin(self, data: bytes) -> None:
        """Take note that `data` was given, which has to be whole records from the oldest on."""
        self.pinned = 0
        rest = data
        for frame in self.frames:
            if not rest:
                break
            part = frame[self.position :] if not self.pinned else frame
            assert rest[: len(part)] == part, f"{rest[:40]!r} was given for {part[:40]!r}"
            rest = rest[len(part) :]
            self.pinned += 1
        assert not rest, f"{rest[:40]!r} was given behind all that is queued"

    def consume(self, size: int, pinned: int = 0) -> None:
        if not self.pinned:
            return
        given = sum(len(self.frames[index]) for index in range(self.pinned)) - self.position
        size = max(0, min(size, given))
        self.bytes += size
        self.position += size
        while self.pinned and self.position >= len(self.frames[0]):
            self.position -= len(self.frames.popleft())
            self.sent += 1
            self.pinned -= 1
        start, still = 0, 0
        while still < self.pinned and pinned > 0 and start < self.position + pinned:
            start += len(self.frames[still])
            still += 1
        self.pinned = still

    def rewind(self) -> None:
        self.bytes -= self.position
        self.position = self.pinned = 0

    def drop_first(self, reason: str) -> None:
        if self.pinned:
            self.drop_at(0, reason)
            self.pinned = 0

    def drop_oldest(self, size: int) -> None:
        first = max(self.pinned, self.position > 0)
        while not self.has_space(size) and len(self.frames) > first:
            self.drop_at(first, "full")

    def clear(self, reason: str) -> None:
        while self.frames:
            self.drop_at(0, reason)
        self.pinned = self.position = 0

    def count_all(self) -> dict[str, object]:
        return {
            "offered": self.offered,
            "sent": self.sent,
            "queued": len(self.frames),
            "dropped": dict(self.dropped),
            "truncated": self.truncated,
            "bytes": self.bytes,
        }


class RingModel(Model):
    """The same in blocks, of which the oldest is overwritten as a whole."""

    def __init__(self, limit: int, block_size: int) -> None:
        super().__init__(limit)
        self.most, self.largest = limit // block_size, block_size
        self.blocks = deque([[0, 0, 0]])  # records that are left, and were put; their bytes

    def has_space(self, size: int) -> bool:
        return size <= self.largest

    def put(self, frame: bytes, is_truncated: bool = False, even_closed: bool = False) -> int:
        if not self.has_space(len(frame)):
            return NO_SPACE
        _, count, used = self.blocks[-1]
        if used + len(frame) > self.largest or count > self.largest // SMALL_FRAME:
            if len(self.blocks) >= self.most:
                if self.pinned:
                    return NO_SPACE
                for _ in range(self.blocks.popleft()[0]):
                    self.frames.popleft()
                    self.dropped["overwritten"] += 1
            self.blocks.append([0, 0, 0])
        state = super().put(frame, is_truncated, True)
        newest = self.blocks[-1]
        newest[:] = newest[0] + 1, newest[1] + 1, newest[2] + len(frame)
        return state

    def forget(self, count: int) -> None:
        """Take note that so many of the oldest records are in no block any more."""
        for _ in range(count):
            self.blocks[0][0] -= 1
            if not self.blocks[0][0]:
                self.blocks.popleft()
                if not self.blocks:
                    self.blocks.append([0, 0, 0])

    def consume(self, size: int, pinned: int = 0) -> None:
        before = len(self.frames)
        super().consume(size, pinned)
        self.forget(before - len(self.frames))

    def drop_first(self, reason: str) -> None:
        before = len(self.frames)
        super().drop_first(reason)
        self.forget(before - len(self.frames))
