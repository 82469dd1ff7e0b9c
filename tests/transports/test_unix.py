"""A unix socket of another kind than the URL's framing is for."""

import pathlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.grammar import parse_rfc3164, parse_rfc5424
from support.receivers import LIMIT, check_counts, wait_until

import syslogfast

Connect = Callable[..., Any]
HEADER = {"protocol": "rfc5424", "hostname": "web1", "app_name": "shop", "procid": 42}


class Stream:
    """A listener that keeps what it gets; `reads` is set while it reads."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.received = bytearray()
        self.reads = threading.Event()
        self.reads.set()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.connections: list[socket.socket] = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        try:
            while True:
                self.connections.append(self.listener.accept()[0])
                while self.reads.wait() and (data := self.connections[-1].recv(1 << 16)):
                    self.received += data
        except OSError:
            pass  # it is closed

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side has closed it
            connection.close()
        self.thread.join()
        self.path.unlink()


@pytest.fixture
def stream(tmp_path: pathlib.Path) -> Iterator[Stream]:
    stream = Stream(tmp_path / "log")
    yield stream
    stream.reads.set()
    stream.close()


def bind_datagrams(path: pathlib.Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bound.bind(str(path))
    bound.settimeout(LIMIT)
    return bound


def read_texts(received: bytes) -> list[str | None]:
    assert received.endswith(b"\0")
    return [
        parse_rfc5424(record, keeps_controls=True).message for record in received[:-1].split(b"\0")
    ]


def test_a_stream_without_framing(connect: Connect, stream: Stream) -> None:
    """Each record ends with a NUL, as syslog(3) ends it there, and no other is in it."""
    texts = ["sold", "caf\u00e9", "two\nlines", "a\0b", "x" * 5000]
    emitter = connect(f"unix://{stream.path}", controls="keep", **HEADER)
    for text in texts:
        emitter.info(text)
    assert emitter.flush()
    assert wait_until(lambda: stream.received.count(b"\0") == len(texts))
    expected = [text.replace("\0", "#000") for text in texts]
    assert read_texts(bytes(stream.received)) == expected
    assert check_counts(emitter)["dropped"] == {}
    assert emitter.stats["failure"] is None


def test_a_stream_gets_what_syslog_writes(connect: Connect, stream: Stream) -> None:
    emitter = connect(f"unix://{stream.path}", app_name="shop", procid=42)
    emitter.info("sold")
    assert emitter.flush()
    assert wait_until(lambda: stream.received.endswith(b"\0"))
    parsed = parse_rfc3164(bytes(stream.received[:-1]), hostname=False)
    assert (parsed.tag, parsed.pid, parsed.message) == ("shop", "42", "sold")


def test_a_stream_that_does_not_read(connect: Connect, stream: Stream) -> None:
    """Half a record stays the first, and none is lost, torn or doubled, whatever is dropped."""
    stream.reads.clear()
    emitter = connect(
        f"unix://{stream.path}", overflow="drop-oldest", queue_bytes=1 << 16, **HEADER
    )
    count = 0
    while not count or emitter.flush(0.05):  # until the kernel's buffer is full, too
        for _ in range(600):
            count += 1
            emitter.info(f"{count} " + "x" * 2000)
    stream.reads.set()
    emitter.info("last")
    assert emitter.flush()
    assert wait_until(lambda: b" last\0" in stream.received)
    emitter.close()  # a report may come after the last
    stats = check_counts(emitter)
    assert wait_until(lambda: stream.received.count(b"\0") == stats["sent"])
    records = [parse_rfc5424(data) for data in bytes(stream.received[:-1]).split(b"\0")]
    numbers = [int(record.message.split()[0]) for record in records
               if record.msgid == "-" and record.message != "last"]  # fmt: skip
    assert numbers == sorted(set(numbers))
    reports = sum(record.msgid == "DROPPED" for record in records)
    dropped_reports = stats["offered"] - (count + 1) - reports
    assert len(numbers) + stats["dropped"]["full"] == count + dropped_reports
    assert reports


@pytest.mark.parametrize("framing", ["lf", "nul", "octet"])
def test_datagrams_for_a_framing(connect: Connect, tmp_path: pathlib.Path, framing: str) -> None:
    """A datagram is a record by itself: what would separate it from the next is left out."""
    with bind_datagrams(tmp_path / "log") as bound:
        emitter = connect(f"unix://{tmp_path}/log?framing={framing}", **HEADER)
        for number in range(20):
            emitter.info("sold %d %s", number, "x" * number * 50)
        for number in range(20):
            parsed = parse_rfc5424(bound.recv(1 << 16))
            assert parsed.message == f"sold {number} " + "x" * number * 50
        assert emitter.flush()
        assert check_counts(emitter)["dropped"] == {}


def test_the_kind_changes(connect: Connect, tmp_path: pathlib.Path) -> None:
    """Another collector takes the place of the first: records go to it, and none is lost.

    Nothing is said of that.
    """
    path = tmp_path / "log"
    lines: list[str] = []
    emitter = connect(f"unix://{path}", on_failure=lines.append, **HEADER)
    with bind_datagrams(path) as bound:
        emitter.info("first")
        assert parse_rfc5424(bound.recv(1 << 16)).message == "first"
    path.unlink()
    stream = Stream(path)
    try:
        emitter.info("second")
        assert emitter.flush()
        assert wait_until(lambda: stream.received.endswith(b"second\0"))
    finally:
        stream.close()
    with bind_datagrams(path) as bound:
        emitter.info("third")
        assert emitter.flush()
        assert parse_rfc5424(bound.recv(1 << 16)).message == "third"
    assert check_counts(emitter)["dropped"] == {}
    assert lines == []


def test_a_busy_stream_is_not_waited_for(
    connect: Connect, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who emits may open it: with a backlog that is full that fails at once."""
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as busy:
        busy.bind(str(path))
        busy.listen(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as waiting:
            waiting.connect(str(path))
            emitter = connect(f"unix://{path}", **HEADER)
            emitter.info("sold")
            assert "temporarily unavailable" in emitter.stats["failure"]
            assert check_counts(emitter)["queued"] == 1
            with busy.accept()[0]:
                connection = busy.accept()[0]
                with connection:
                    connection.settimeout(LIMIT)
                    assert connection.recv(1 << 16).endswith(b"sold\0")


def test_handlers(stream: Stream) -> None:
    import logging

    handler = syslogfast.SysLogHandler(f"unix://{stream.path}", **HEADER)
    handler.handle(logging.makeLogRecord({"msg": "sold"}))
    handler.close()
    assert wait_until(lambda: stream.received.endswith(b" sold\0"))
    assert handler.stats is not None
    assert handler.stats["sent"] == 1
