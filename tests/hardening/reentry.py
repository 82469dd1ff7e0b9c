"""What a program logs, while something that logs as well comes in between: a signal's handler, or
what the garbage collector calls. Each flow ends with the account of what was emitted and came."""

import os
import socket
from collections.abc import Callable
from typing import Any, ClassVar

from properties.modules import load_emitter
from support.grammar import parse_rfc5424
from support.receivers import IDENTITY, Sink, url_of, wait_until

WAIT = 5.0  # seconds that nothing of all this takes


class InterruptedByError(Exception):
    """What an interrupting call may raise, to leave the call that it has interrupted."""


class Flow:
    """An emitter, and what is done with it. `interrupt` is what comes in between, once."""

    options: ClassVar[dict[str, Any]] = {}
    may_drop = False

    def __init__(self, name: str, kind: str) -> None:
        self.kind, self.raises = kind, kind == "raise"
        self.emitted = self.left = 0
        self.texts: set[str] = set()
        self.interrupted = 0
        self.errors: list[BaseException] = []
        self.log = load_emitter(name).connect(
            self.open(), on_failure=False, timeout=WAIT, **IDENTITY, **self.options
        )
        self.reports = 0
        render = self.log._sender._render_report

        def count_report(*given: Any) -> bytes:
            self.reports += 1
            return bytes(render(*given))

        self.log._sender._render_report = count_report

    # --- the transport ---------------------------------------------------------------------------

    def open(self) -> str:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        return f"fd://{self.writer}"

    def read(self, count: int) -> list[bytes]:
        """Return what has come, which should be so many records."""
        try:
            data = os.read(self.reader, 1 << 20)
        except BlockingIOError:
            data = b""
        return data.splitlines()

    def shut(self) -> None:
        os.close(self.reader)
        os.close(self.writer)

    # --- what is done ----------------------------------------------------------------------------

    def emit(self, text: str, severity: int = 6, log: Any = None, **options: Any) -> None:
        self.emitted += 1
        self.texts.add(text)
        try:
            (log or self.log).emit(severity, text, **options)
        except InterruptedByError:
            self.left += 1

    def interrupt(self, *_: object) -> None:
        if self.interrupted:
            return
        self.interrupted += 1
        try:
            self.log.info("interrupting")
            self.emitted += 1
            self.texts.add("interrupting")
            if self.kind == "flush":
                self.log.flush(0.01)
                self.check_balance()
            elif self.kind == "close":
                self.log.close(0.01)
        except BaseException as error:
            self.errors.append(error)
        if self.kind == "raise":
            raise InterruptedByError

    def act(self) -> None:
        """Do what is interrupted; an InterruptedByError leaves it."""
        raise NotImplementedError

    # --- the account -----------------------------------------------------------------------------

    def check_balance(self, least: int = 0) -> dict[str, Any]:
        """Return `stats`, in which as many records at least have been offered."""
        stats = self.log.stats
        accounted = stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
        assert stats["offered"] == accounted, stats
        assert self.count_offered(stats) >= least, f"{least} were emitted: {stats}"
        return stats

    def count_offered(self, stats: dict[str, Any]) -> int:
        """Return how many records there were, with what is recorded and was not dumped."""
        recorded = stats["recorder"] or {"offered": 0, "sent": 0}
        return int(stats["offered"] + recorded["offered"] - recorded["sent"])

    def check(self) -> None:
        assert not self.errors, f"what interrupted has raised {self.errors[0]!r}"
        if self.kind != "close":
            self.emit("last")
            assert self.log.flush(WAIT), "a flush does not end"
        self.log.close(WAIT)
        stats = self.check_balance()
        assert not stats["queued"], stats
        offered = self.count_offered(stats)
        most = self.emitted + self.reports
        assert self.emitted - self.left <= offered <= most, f"{self.emitted}: {stats}"
        lines = self.read(stats["sent"])
        self.shut()
        texts = []
        numbered: dict[tuple[str, str], bytes] = {}  # by APP-NAME, each of which has its numbers
        for line in lines:
            record = parse_rfc5424(line)
            meta = dict(dict(record.structured_data).get("meta", []))
            number = meta.get("sequenceId", line.decode())
            known = numbered.setdefault((record.app_name, number), line)
            assert known == line, f"numbered alike: {known!r}, {line!r}"
            if record.msgid != "DROPPED":
                texts.append((record.message or "").rstrip("x"))
        # What leaves a send does not say what the kernel had taken: that goes out once more.
        if not self.raises:
            assert len(set(texts)) == len(texts), f"doubled: {texts}"
            assert len(lines) == stats["sent"], f"{stats}, but {len(lines)} came: {texts}"
        else:
            counted = stats["sent"] + sum(stats["dropped"].values())
            assert len(set(lines)) <= counted, f"{stats}, but {len(set(lines))} came: {texts}"
        assert set(texts) <= self.texts, f"{texts} of {self.texts}"
        if not self.may_drop and self.kind != "close":
            assert not stats["dropped"], stats
            missing = len(self.texts - set(texts)) - (offered - stats["offered"])
            assert missing <= self.left, f"lost of {self.texts}: {texts}"


class Plain(Flow):
    """Records and fields, at once, numbered."""

    options: ClassVar = {"linger": 0, "sequence_ids": True}

    def act(self) -> None:
        self.emit("one")
        self.emit("two", structured_data={"a@1": {"b": "c"}}, user="me")
        self.check_balance(self.emitted - self.left)
        self.emit("three", severity=3, log=self.log.child(app_name="other"))


class Recorded(Flow):
    """What is recorded is sent before what is urgent."""

    options: ClassVar = {
        "linger": 0,
        "level": "info",
        "recorder_bytes": 1 << 17,
        "dump_level": "alert",
    }

    def act(self) -> None:
        self.emit("one", severity=7)
        self.emit("two", severity=7)
        self.emit("three", severity=1)


class Lingering(Flow):
    """A thread sends; a flush waits for it."""

    options: ClassVar = {"linger": 0.005}

    def act(self) -> None:
        self.emit("one")
        self.emit("two")
        self.check_balance(self.emitted - self.left)
        self.log.flush(WAIT)
        self.emit("three")


class Overflowing(Flow):
    """A full pipe, which is read when it is over."""

    options: ClassVar = {"linger": 0, "queue_bytes": 1000, "overflow": "drop-oldest"}
    may_drop = True

    def open(self) -> str:
        url = super().open()
        os.set_blocking(self.writer, False)
        self.filled = 0
        try:
            while True:
                self.filled += os.write(self.writer, b"\n" * 4096)
        except BlockingIOError:
            os.set_blocking(self.writer, True)
        return url

    def act(self) -> None:
        for number in range(6):
            self.emit(f"number {number} " + "x" * 300)
        os.read(self.reader, self.filled)

    def emit(self, text: str, severity: int = 6, log: Any = None, **options: Any) -> None:
        super().emit(text, severity, log, **options)
        self.texts.add(text.rstrip("x"))


class Crowded(Flow):
    """Each record fills the queue: what interrupts drops it, unless it is on its way."""

    options: ClassVar[dict[str, Any]] = {
        "linger": 0,
        "queue_bytes": 500,
        "overflow": "drop-oldest",
    }
    may_drop = True

    def act(self) -> None:
        for number in range(3):
            self.texts.add(f"number {number} ")
            self.emit(f"number {number} " + "x" * 380)


class Closing(Flow):
    options: ClassVar = {"linger": 0.005}
    may_drop = True

    def act(self) -> None:
        self.emit("one")
        self.log.close(WAIT)
        self.emit("two")

    def check(self) -> None:
        self.kind = "close"  # what comes after it is dropped
        super().check()


class Datagrams(Flow):
    options: ClassVar = {"linger": 0}

    def open(self) -> str:
        self.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.receiver.bind(("127.0.0.1", 0))
        self.receiver.settimeout(0)
        return f"udp://127.0.0.1:{self.receiver.getsockname()[1]}"

    def read(self, count: int) -> list[bytes]:
        lines = []
        try:
            while True:
                lines.append(self.receiver.recv(1 << 16))
        except BlockingIOError:
            return lines

    def shut(self) -> None:
        self.receiver.close()

    def act(self) -> None:
        self.emit("one")
        self.emit("two", log=self.log.child(app_name="other"), user="me")
        self.emitted += 2
        self.texts |= {"three", "four"}
        try:
            self.log.emit_many(6, ["three", "four"])
        except InterruptedByError:
            self.left += 2


class Stream(Flow):
    """TCP: a thread connects; block waits for it, but not amid what it has interrupted."""

    may_drop = True

    options: ClassVar = {"linger": 0, "overflow": "block", "queue_bytes": 700}
    sink: Sink | None = None

    def open(self) -> str:
        if Stream.sink is None:
            Stream.sink = Sink()
        self.before = len(Stream.sink.connections)
        return url_of(Stream.sink)

    def read(self, count: int) -> list[bytes]:
        lines: list[bytes] = []

        def is_there() -> bool:
            assert Stream.sink
            lines[:] = []
            for received in Stream.sink.connections[self.before :]:
                lines.extend(bytes(received).splitlines())
            return len(lines) >= count

        # What has been sent comes, however late; where a connection broke, some may be lost.
        wait_until(is_there, 2.0 if self.raises else 4 * WAIT)
        return lines

    def shut(self) -> None:
        pass

    def act(self) -> None:
        for number in range(4):
            self.emit(f"number {number} " + "x" * 400)
        self.log.flush(WAIT)

    def emit(self, text: str, severity: int = 6, log: Any = None, **options: Any) -> None:
        super().emit(text, severity, log, **options)
        self.texts = {known.rstrip("x") for known in self.texts}


FLOWS: list[type[Flow]] = [
    Plain,
    Recorded,
    Lingering,
    Overflowing,
    Crowded,
    Closing,
    Datagrams,
    Stream,
]
KINDS = ["log", "flush", "close", "raise"]


def try_flow(flow: Flow, run: Callable[[Callable[[], None]], None]) -> None:
    """Have `run` call what the flow does, interrupted, and check the account."""

    def act() -> None:
        try:
            flow.act()
        except InterruptedByError:
            flow.left += 1

    run(act)
    try:
        flow.check()
    except InterruptedByError:
        raise AssertionError("what interrupts came too late") from None
