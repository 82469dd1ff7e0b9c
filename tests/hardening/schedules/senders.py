"""Emitters of the fallback, a sender and its worker at a time; the transport is scripted."""

from typing import Any, ClassVar

from schedules.queues import Work
from schedules.scheduler import Scheduler

MOST_WAIT = 60.0  # virtual seconds that a record may wait for


class FakeTransport:
    """Takes what `script` says of each push: a share, 0 for full, or an OSError; then all."""

    pinned = 0
    is_draining = False
    descriptor = -1

    def __init__(self, scenario: "SenderScenario", url: Any) -> None:
        self.scenario, self.url = scenario, url
        self.data = bytearray()

    def push(self, queue: Any) -> int:
        script = self.scenario.script
        share = script.pop(0) if script else 1.0
        view = queue.peek()
        if view is None:
            return 0
        if isinstance(share, OSError):
            self.data += bytes(view)[:10]  # a part of the first record
            raise share
        size = int(len(view) * share)
        self.data += bytes(view)[:size]
        return size

    def wait(self, timeout: float) -> None:
        self.scenario.scheduler.sleep(min(timeout, 0.01))

    def close(self, timeout: float) -> None:
        pass

    def abort(self) -> None:
        pass


class SenderScenario:
    linger: float | None = 0.0
    overflow = "drop-newest"
    queue_bytes = 10_000
    padding = 0
    options: ClassVar[dict[str, Any]] = {}
    script_at_first: ClassVar[list[Any]] = []
    opens_first = True  # the transport is open before the threads begin

    def __init__(self, scheduler: Scheduler) -> None:
        from properties.modules import load_emitter

        self.scheduler = scheduler
        self.script = list(self.script_at_first)
        self.transports: list[FakeTransport] = []
        self.emitted = self.reports = 0
        self.has_worker = False
        self.log: Any = load_emitter("python").connect(
            "tcp://127.0.0.1:9",
            hostname="h",
            app_name="a",
            procid=1,
            linger=self.linger,
            overflow=self.overflow,
            queue_bytes=self.queue_bytes,
            timeout=5.0,
            on_failure=False,
            **self.options,
        )
        self.sender = self.log._sender
        self.sender.retry_policy._try = self.open
        render = self.sender._render_report

        def count_report(*given: Any) -> bytes:
            self.reports += 1
            return render(*given)

        self.sender._render_report = count_report
        self.worker = self.sender._get_worker()
        self.worker.start = self.start_worker
        if self.opens_first:
            self.sender._use_transport(self.open(self.sender.retry_policy.urls[0]))
            self.sender.retry_policy._opened_before = True
        scheduler.on_end = self.end

    def open(self, url: Any, deadline: float = 0.0) -> FakeTransport:
        self.transports.append(FakeTransport(self, url))
        return self.transports[-1]

    def start_worker(self) -> bool:
        self.has_worker = True
        return True

    def work(self) -> None:
        self.scheduler.block(lambda: self.has_worker)
        self.worker.run()

    def end(self) -> None:
        self.sender._state = "closed"

    def emit(self, name: str, count: int = 1, severity: int = 6) -> None:
        for number in range(count):
            self.emitted += 1
            self.log.emit(severity, "%s %s%d", "x" * self.padding, name, number)

    def look(self) -> None:
        stats = self.log.stats
        accounted = stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
        assert stats["offered"] == accounted, stats

    def list_emitting(self) -> list[Work]:
        raise NotImplementedError

    def list_works(self) -> list[Work]:
        first, *others = self.list_emitting()
        return [first, ("worker", self.work, True), *others]

    def check(self) -> None:
        stats = self.log.stats
        self.look()
        assert stats["queued"] == 0, f"a record waits for ever: {stats}"
        assert self.emitted <= stats["offered"] <= self.emitted + self.reports, stats
        assert self.scheduler.now < 1000.0 + MOST_WAIT, "it took too long"
        lines: list[bytes] = []
        for transport in self.transports:
            lines += bytes(transport.data).split(b"\n")[:-1]
        assert all(line.startswith(b"<") and line.count(b"<") == 1 for line in lines), lines
        texts = [line.rsplit(b" ", 1)[-1] for line in lines]
        assert len(set(texts)) == len(texts), f"doubled: {texts}"
        assert len(texts) == stats["sent"], f"{stats} of {texts}"
        for name in b"ab":
            own = [text for text in texts if text[0] == name]
            assert own == sorted(own), f"not in order: {texts}"
        self.check_drops(stats["dropped"])

    def check_drops(self, dropped: dict[str, int]) -> None:
        assert not dropped, dropped


class EmitTogether(SenderScenario):
    """Whoever has the lock looks at the queue once more after its release."""

    def list_emitting(self) -> list[Work]:
        return [
            ("emit a", lambda: self.emit("a", 2), False),
            ("emit b", lambda: self.emit("b", 1), False),
        ]


class Linger(EmitTogether):
    """The first record of an empty queue wakes the worker, or is seen by it."""

    linger = 0.01

    def list_emitting(self) -> list[Work]:
        def emit_later() -> None:
            self.emit("b")
            self.scheduler.sleep(0.05)
            self.emit("c")

        return [
            ("emit a", lambda: self.emit("a"), False),
            ("emit b", emit_later, False),
        ]


class Wake(EmitTogether):
    """The worker has sent all, and goes to rest, while another record comes."""

    linger = 0.01

    def list_emitting(self) -> list[Work]:
        return [
            ("emit a", lambda: [self.emit("a"), self.sender.send_soon()], False),
            ("emit b", lambda: self.emit("b"), False),
        ]


class Connect(EmitTogether):
    """The transport is not open yet: the worker opens it."""

    opens_first = False


class Full(EmitTogether):
    """The transport takes nothing, then a part, then all."""

    script_at_first: ClassVar = [0.5, 0.0, 0.3]


class Break(SenderScenario):
    """It breaks amid a record, which goes over the next connection as a whole."""

    script_at_first: ClassVar = [OSError(104, "reset")]

    def list_emitting(self) -> list[Work]:
        return [
            ("emit a", lambda: self.emit("a", 2), False),
            ("emit b", lambda: [self.emit("b"), self.look()], False),
        ]


class Flush(SenderScenario):
    script_at_first: ClassVar = [0.5]

    def flush(self) -> None:
        self.emit("b")
        assert self.log.flush(5.0)
        self.look()

    def list_emitting(self) -> list[Work]:
        return [("emit", lambda: self.emit("a"), False), ("flush", self.flush, False)]


class Close(SenderScenario):
    """What comes after it is dropped, and so counted."""

    linger = 0.01

    def list_emitting(self) -> list[Work]:
        return [
            ("emit", lambda: self.emit("a", 2), False),
            ("close", lambda: [self.emit("b"), self.log.close(5.0)], False),
        ]

    def check_drops(self, dropped: dict[str, int]) -> None:
        assert set(dropped) <= {"closed"}, dropped
        data = b"".join(bytes(transport.data) for transport in self.transports)
        assert b" b0\n" in data, f"what was emitted before the close has not come: {dropped}"


class Block(SenderScenario):
    """There is space for one record, or a report: who emits waits for it, without loss."""

    overflow = "block"
    queue_bytes = 300
    padding = 150
    script_at_first: ClassVar = [0.0, 0.5]

    def list_emitting(self) -> list[Work]:
        return [
            ("emit a", lambda: self.emit("a", 2), False),
            ("emit b", lambda: self.emit("b"), False),
        ]


class DropOldest(Block):
    """The same, but what is oldest makes the space."""

    overflow = "drop-oldest"

    def check_drops(self, dropped: dict[str, int]) -> None:
        assert set(dropped) <= {"full"}, dropped


class Dump(SenderScenario):
    """Two dump what is recorded, while one records."""

    options: ClassVar = {"level": "info", "recorder_bytes": 1 << 17, "dump_level": "alert"}

    def list_emitting(self) -> list[Work]:
        return [
            ("record", lambda: self.emit("a", 2, severity=7), False),
            ("dump", lambda: self.emit("b", 1, severity=1), False),
            ("dump too", self.log.dump, False),
        ]

    def check(self) -> None:
        self.emitted -= self.log._recorder._queue.count
        super().check()


SENDERS: list[type[SenderScenario]] = [
    EmitTogether,
    Linger,
    Wake,
    Connect,
    Full,
    Break,
    Flush,
    Close,
    Block,
    DropOldest,
    Dump,
]
