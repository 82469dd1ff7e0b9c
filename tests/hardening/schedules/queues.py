"""What threads do with the fallback's queue and ring at a time, and what has to come of it."""

from collections.abc import Callable
from typing import Any

from schedules.scheduler import Scheduler

Work = tuple[str, Callable[[], object], bool]


def make_frame(name: str, number: int, size: int = 10) -> bytes:
    return f"{name}{number}".encode().ljust(size - 1, b".") + b"\n"


class QueueScenario:
    """Some threads that put and drop, and one that sends; `wire` is what it has sent."""

    limit = 1000
    prefill = 0

    def __init__(self, scheduler: Scheduler) -> None:
        from syslogfast.transports.queue_py import Queue

        self.scheduler = scheduler
        self.queue: Any = self.make_queue(Queue)
        self.wire = bytearray()
        self.put = 0  # records that have been accepted
        self.frames: list[bytes] = []  # those that were offered
        for number in range(self.prefill):
            self.put += bool(self.queue.put(self.make_frame("p", number)))

    def make_frame(self, name: str, number: int, size: int = 10) -> bytes:
        self.frames.append(make_frame(name, number, size))
        return self.frames[-1]

    def make_queue(self, kind: Any) -> Any:
        return kind(self.limit)

    def offer(self, name: str, number: int, size: int = 10) -> None:
        if not self.queue.put(self.make_frame(name, number, size)):
            self.queue.drop("full")
        self.put += 1

    def send(self, share: float = 1.0, one: bool = False) -> None:
        view = self.queue.peek(one)
        if view is not None:
            data = bytes(view)
            size = max(1, int(len(data) * share))
            self.wire += data[:size]
            self.queue.consume(size)

    def look(self) -> None:
        counts = self.queue.count_all()
        accounted = counts["sent"] + counts["queued"] + sum(counts["dropped"].values())
        assert counts["offered"] == accounted, counts

    def check(self) -> None:
        queue = self.queue
        self.look()
        while (view := queue.peek()) is not None:
            self.wire += view
            queue.consume(len(view))
        counts = queue.count_all()
        assert counts["offered"] == self.put, f"{self.put} were offered: {counts}"
        assert queue.size == 0, f"{queue.size} bytes are left of no record"
        assert counts["queued"] == 0, counts
        self.look()
        self.check_wire(bytes(self.wire), counts)

    def check_wire(self, wire: bytes, counts: dict[str, Any]) -> None:
        frames = wire.splitlines(keepends=True)
        assert set(frames) <= set(self.frames), f"torn: {wire!r}"
        assert len(set(frames)) == len(frames), f"doubled: {wire!r}"
        assert len(frames) == counts["sent"], f"{counts} of {wire!r}"
        assert counts["bytes"] == len(wire), f"{counts} of {wire!r}"
        for name in "ab":
            own = [frame for frame in frames if frame.startswith(name.encode())]
            assert own == sorted(own), f"not in order: {wire!r}"

    def list_works(self) -> list[Work]:
        raise NotImplementedError


class PutAndSend(QueueScenario):
    def list_works(self) -> list[Work]:
        return [
            ("put", lambda: [self.offer("a", number) for number in range(2)], False),
            ("send", lambda: [self.send(0.7), self.send()], False),
        ]


class PutTwice(QueueScenario):
    """With one who looks at the account."""

    limit = 25

    def list_works(self) -> list[Work]:
        return [
            ("put a", lambda: [self.offer("a", number) for number in range(2)], False),
            ("put b", lambda: self.offer("b", 0), False),
            ("look", lambda: [self.look(), self.look()], False),
        ]


class DropOldestAndSend(QueueScenario):
    limit = 30
    prefill = 3

    def list_works(self) -> list[Work]:
        return [
            ("drop-oldest", lambda: [self.queue.drop_oldest(10), self.offer("a", 0)], False),
            ("send", lambda: [self.send(0.5, one=True), self.send(0.8)], False),
        ]


class ClearAndSend(QueueScenario):
    """What the sender had taken of those that were cleared may be on the wire, uncounted."""

    prefill = 2

    def list_works(self) -> list[Work]:
        return [
            ("clear", lambda: [self.queue.clear("closed"), self.offer("a", 0)], False),
            ("send", lambda: [self.send(0.5), self.send()], False),
        ]

    def check_wire(self, wire: bytes, counts: dict[str, Any]) -> None:
        assert wire.count(make_frame("a", 0)) == 1, f"what came after the clear: {wire!r}"
        assert counts["sent"] + counts["dropped"].get("closed", 0) == 3, counts


class RewindAndPut(QueueScenario):
    """The first half of a record goes over one connection, and all of it over the next."""

    prefill = 1

    def break_off(self) -> None:
        view = self.queue.peek(True)
        if view is not None:
            self.queue.consume(5)
            self.queue.rewind()
        self.send()

    def list_works(self) -> list[Work]:
        return [
            ("put", lambda: self.offer("a", 0), False),
            ("break", self.break_off, False),
            ("look", self.look, False),
        ]


class SortAndPut(QueueScenario):
    prefill = 2

    def sort(self) -> None:
        self.queue.sort()
        found = self.queue.peek_run(100, 64, 100)
        if found is not None:
            self.wire += found[0]
            self.queue.consume(len(found[0]))

    def list_works(self) -> list[Work]:
        return [
            ("put", lambda: [self.offer("a", 0, 12), self.queue.drop_oldest(985)], False),
            ("sort", self.sort, False),
        ]


class RecordAndDump(QueueScenario):
    """A ring of three blocks of two records: who records overwrites, another one dumps."""

    def make_queue(self, kind: Any) -> Any:
        from syslogfast.transports.ring_py import Ring

        return Ring(60, 20)

    prefill = 5

    def offer(self, name: str, number: int, size: int = 10) -> None:
        if self.queue.put(self.make_frame(name, number, size)):
            self.put += 1
        else:  # the oldest block is being sent
            self.frames.pop()

    def check_wire(self, wire: bytes, counts: dict[str, Any]) -> None:
        """What is overwritten is a block, which has two records."""
        super().check_wire(wire, counts)
        is_there = [frame in wire for frame in self.frames]
        halves = sum(
            second and not first for first, second in zip(*[iter(is_there)] * 2, strict=False)
        )
        assert halves <= counts["dropped"].get("full", 0), f"a pinned one was overwritten: {wire!r}"

    def dump(self) -> None:
        for _ in range(2):
            self.send(one=True)
        self.queue.peek(True)
        self.queue.drop_first("full")
        self.queue.rewind()

    def list_works(self) -> list[Work]:
        return [
            ("record", lambda: [self.offer("a", number) for number in range(3)], False),
            ("dump", self.dump, False),
        ]


class Number:
    """Sequence numbers are given once each."""

    def __init__(self, scheduler: Scheduler) -> None:
        from syslogfast._emitter_py import Sequence

        self.sequence = Sequence()
        self.given: list[int] = []

    def list_works(self) -> list[Work]:
        def take() -> None:
            for _ in range(2):
                number = self.sequence.advance()
                self.given.append(number)

        return [(name, take, False) for name in ("one", "two", "three")]

    def check(self) -> None:
        assert sorted(self.given) == [1, 2, 3, 4, 5, 6], self.given


QUEUES = [
    PutAndSend,
    PutTwice,
    DropOldestAndSend,
    ClearAndSend,
    RewindAndPut,
    SortAndPut,
    RecordAndDump,
    Number,
]
