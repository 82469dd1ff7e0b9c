"""Random operations on a queue and on the model of it, and what must be the same of both."""

import random
from collections.abc import Callable
from typing import Any

from properties.model import NO_SPACE, Model, RingModel

OVERFLOWS = ["drop-newest", "drop-oldest", "block"]
SEVERITY = 6


class Policy:
    """What an emitter has for a sender: it does what `overflow` says, to both."""

    def __init__(self, pair: "Pair") -> None:
        self.pair = pair
        self.overflow = "drop-newest"

    def pump(self) -> None:
        pass

    start_lingering = pump

    def apply_overflow(self, size: int, deadline: float | None = None) -> float | None:
        queue, model = self.pair.queue, self.pair.model
        if self.pair.is_ring:
            return None  # as `Recorder` does
        assert not model.has_space(size), "an emitter found no space where there is some"
        if self.overflow == "drop-oldest":
            queue.drop_oldest(size)
            model.drop_oldest(size)
        elif self.overflow == "block" and self.pair.random.random() < 0.8:
            self.pair.take()
            return 1.0  # perhaps another thread has taken the space since
        return 1.0 if model.has_space(size) else None


class Pair:
    """A queue and its model, both of which get the same operations."""

    def __init__(self, module: Any, seed: int) -> None:
        self.random = random.Random(seed)
        pick = self.random.choice
        self.steps: list[str] = []
        self.number = 0
        self.view: memoryview | None = None
        self.given = b""
        block_size = pick([16, 64, 100, 500, 1000])
        self.is_ring = self.random.random() < 0.3
        if self.is_ring:
            limit = block_size * pick([2, 3, 5]) + pick([0, 7])
            self.queue = module.make_ring(limit, block_size)
            self.model: Model = RingModel(limit, block_size)
        else:
            limit = pick([1, 50, 100, 300, 1000, 5000])
            self.queue = module.make_queue(limit, block_size)
            self.model = Model(limit)
        self.steps.append(f"{limit=} {block_size=} is_ring={self.is_ring}")
        self.queue.threshold = 1 << 62
        self.encoder = module.Encoder(hostname="h", app_name="a", procid=1, framing="lf")
        self.policy = Policy(self)
        self.emitter = module.EmitterBase(self.encoder, self.queue, self.policy)
        self.operations: list[Callable[[], None]] = [
            *[self.put, self.emit] * 4,
            *[self.take, self.take, self.peek, self.consume, self.rewind, self.drop_first],
        ]
        if not self.is_ring:
            self.operations += [self.drop_oldest, self.sort, self.drop, self.clear_or_close]

    def run(self, count: int) -> None:
        for _ in range(count):
            operation = self.random.choice(self.operations)
            self.steps.append(operation.__name__)
            operation()
            self.check()
        while self.model.frames:
            self.steps.append("drain")
            before = len(self.model.frames), self.model.size
            self.take(everything=True)
            self.check()
            assert before != (len(self.model.frames), self.model.size), "a drain stands still"

    def check(self) -> None:
        queue, model = self.queue, self.model
        found = (queue.count, queue.size, queue.at_record_boundary(), queue.count_all())
        expected = (len(model.frames), model.size, not model.position, model.count_all())
        assert found == expected, f"{found} is not {expected}"
        dropped = model.dropped.total() - model.dropped["overwritten"]
        assert bool(queue.drops_since) == bool(dropped), "drops_since"
        if self.view is not None and model.pinned:
            assert bytes(self.view) == self.given, "a view has changed"

    def make_frame(self, size: int) -> bytes:
        self.number += 1
        return (b"%d|" % self.number).ljust(size, b"x")

    def choose_size(self) -> int:
        largest = min(self.model.largest, 2000)
        return self.random.choice(
            [4, 16, 17, largest, largest + 1, max(4, largest // 2), self.random.randint(4, 300)]
        )

    def put(self) -> None:
        frame = self.make_frame(self.choose_size())
        given = frame, self.random.random() < 0.1, self.random.random() < 0.1
        self.steps[-1] += f" {len(frame)} {given[1:]}"
        found, expected = self.queue.put(*given), self.model.put(*given)
        assert found == expected, f"put has returned {found}, not {expected}"

    def emit(self) -> None:
        self.policy.overflow = self.random.choice(OVERFLOWS)
        text = self.make_frame(self.choose_size()).decode()
        frame = self.encoder.encode(SEVERITY, text, time_ns=0)
        self.steps[-1] += f" {self.policy.overflow} {len(frame)}"
        self.emitter.emit(SEVERITY, text, time_ns=0)
        model = self.model
        if model.put(frame) == NO_SPACE:
            is_large = len(frame) > model.largest
            model.drop("closed" if model.closed else "too large" if is_large else "full")

    def look(self, kind: str) -> None:
        """Have bytes given by one of the queue's ways to look at them."""
        queue = self.queue
        longest, most, space = (self.random.choice([1, 50, 2000]) for _ in range(3))
        found = {
            "peek": lambda: queue.peek(),
            "one": lambda: queue.peek(True),
            "records": queue.peek_records,
            "run": lambda: queue.peek_run(longest, most, space),
        }[kind]()
        if found is None:
            assert not self.model.frames, "nothing was given of what is there"
            self.view, self.model.pinned = None, 0
            return
        assert self.model.frames, "something was given of nothing"
        self.view = found[0] if kind in ("records", "run") else found
        self.given = bytes(self.view)
        self.model.pin(self.given)
        sizes = [len(frame) for frame in list(self.model.frames)[: self.model.pinned]]
        sizes[0] -= self.model.position
        assert self.model.pinned == 1 or kind != "one", "more than one record was given"
        if kind == "records":
            ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
            assert list(found[1]) == ends, f"the ends are {found[1]}, not {ends}"
        elif kind == "run":
            assert found[1] == sizes[0], "the segment's size"
            assert len(set(sizes[:-1])) <= 1, f"no run: {sizes}"
            assert sizes[-1] <= sizes[0], f"no run: {sizes}"
            is_one = sizes[0] > longest
            assert len(sizes) == 1 or (not is_one and len(sizes) <= most and sum(sizes) <= space), (
                "a run is too long"
            )

    def peek(self) -> None:
        kind = self.random.choice(["peek", "one", "records", "run"])
        self.steps[-1] += f" {kind}"
        self.look(kind)

    def consume(self) -> None:
        size = self.random.choice([0, 1, len(self.given), self.random.randint(-2, 400)])
        pinned = self.random.choice([0, 0, 1, self.random.randint(0, 400)])
        if self.view is None or not self.model.pinned:
            size = pinned = 0
        if self.is_ring:  # nobody takes a part of a record there
            size, pinned = self.random.choice([0, len(self.given)]), 0
        left = max(0, len(self.given) - max(0, size))
        pinned = min(pinned, left)
        self.steps[-1] += f" {size} {pinned}"
        self.queue.consume(size, pinned)
        self.model.consume(size, pinned)
        self.given = self.given[max(0, size) :]
        self.view = None

    def take(self, everything: bool = False) -> None:
        self.look(self.random.choice(["peek", "one", "records", "run"]))
        share = (
            len(self.given)
            if everything or self.is_ring
            else self.random.randint(0, len(self.given) + 3)
        )
        self.queue.consume(share)
        self.model.consume(share)
        self.view = None

    def rewind(self) -> None:
        self.queue.rewind()
        self.model.rewind()

    def drop_first(self) -> None:
        self.queue.drop_first("error")
        self.model.drop_first("error")

    def drop_oldest(self) -> None:
        size = self.choose_size()
        self.steps[-1] += f" {size}"
        self.queue.drop_oldest(size)
        self.model.drop_oldest(size)

    def drop(self) -> None:
        self.queue.drop("memory")
        self.model.drop("memory")

    def sort(self) -> None:
        """Take over the order of the records, which must be the same ones as before."""
        self.queue.sort()
        if self.model.pinned or self.model.position:
            return
        found = self.queue.peek_records()
        if found is None:
            return
        data, ends = bytes(found[0]), found[1]
        given = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        frames = list(self.model.frames)
        assert sorted(given) == sorted(frames[: len(given)]), "sort has other records than before"
        self.model.frames.clear()
        self.model.frames.extend(given + frames[len(given) :])
        self.queue.consume(0)

    def clear_or_close(self) -> None:
        if self.random.random() < 0.5:
            self.queue.closed = self.model.closed = not self.model.closed
        elif self.random.random() < 0.3:
            self.queue.clear("closed")
            self.model.clear("closed")
