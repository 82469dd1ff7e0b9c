"""What a collector may answer over RELP: only OSError is raised, what is acknowledged has been
sent, the frames that go out are RELP's, and each record is accounted for."""

import re
from collections import deque
from typing import Any

from given import Given

from syslogfast import _encoder_c
from syslogfast.transports.queue_py import Queue as PythonQueue
from syslogfast.transports.relp import WINDOW, RelpTransport
from syslogfast.transports.url import parse_url

URL = parse_url("relp://127.0.0.1:2514")
OFFERS = b"200 OK\nrelp_version=0\nrelp_software=librelp\ncommands=syslog"
FRAME = re.compile(rb"([1-9][0-9]{0,8}) (open|syslog|close) (?:0\n|([1-9][0-9]{0,8}) )")
LAST = 999_999_999
TOKENS = [
    *[b"1 rsp ", b"2 rsp 6 200 OK\n", b"0 serverclose 0\n", b"0 hint 3 abc\n", b"rsp", b" ", b"\n"],
    *[b"6 200 OK\n", b"0\n", b"16385 ", b"999999999", b"3 rsp 9 500 error\n", b"200", b"\xff"],
]


class Collector:
    """The socket: it takes as much as the input says, and answers what the input says."""

    def __init__(self, given: Given, first: int) -> None:
        self.given = given
        self.sent = b""
        self.number = (first - 2) % LAST + 1  # of the last whole frame
        self.waiting: deque[tuple[int, int]] = deque()  # number and size of each without an answer
        self.answered: set[int] = set()
        self.acknowledged = 0  # bytes of all that were answered in a row
        self.is_raw = False  # an answer was not of its own making: what it says is not known
        self.is_over = False
        self.answers = b""

    def settimeout(self, _: object) -> None:
        pass

    setsockopt = close = lambda self, *_: None

    def fileno(self) -> int:
        return -1

    def send(self, data: Any, _: int = 0) -> int:
        size = len(data) if not self.given.rarely() else self.given.below(len(data) + 1)
        if not size:
            raise BlockingIOError
        self.sent += bytes(data[:size])
        self.read()
        return size

    def read(self) -> None:
        """Take note of the frames that are whole."""
        while header := FRAME.match(self.sent):
            size = int(header[3] or 0)
            end = header.end() + (size + 1 if size else 0)
            if len(self.sent) < end:
                break
            assert self.sent[end - 1 : end] == b"\n", self.sent
            self.number = self.number % LAST + 1
            assert int(header[1]) == self.number, "a number is not the next"
            self.sent = self.sent[end:]
            self.waiting.append((self.number, size if header[2] == b"syslog" else 0))
            assert len(self.waiting) <= WINDOW, "the window has been exceeded"

    def answer(self) -> None:
        """Make one answer: to the oldest, to another, or what is none."""
        given = self.given
        form = given.octet()
        if form < 144 and self.waiting:
            index = 0 if form < 96 else given.below(len(self.waiting))
            number = self.waiting[index][0]
            self.is_raw |= number in self.answered
            self.answered.add(number)
            text = OFFERS if number == 1 or form & 1 else b"200 OK"
            self.answers += b"%d rsp %d %b\n" % (number, len(text), text)
            while self.waiting and self.waiting[0][0] in self.answered:
                number, size = self.waiting.popleft()
                self.answered.discard(number)
                self.acknowledged += size
        elif form < 160:
            self.answers += b"0 hint %d %b\n" % (3, b"abc")
        elif form < 164:
            self.is_over = True
        elif form < 200:
            self.is_raw = True
            self.answers += given.pick(TOKENS) + given.take(form % 8)
        elif form < 210:
            self.is_raw = True
            text = given.pick([b"500 no", b"", b"200", b"2000", b"x" * 17_000])
            self.answers += b"%d rsp %d %b\n" % (given.octet(), len(text), text)

    def recv(self, size: int) -> bytes:
        self.answer()
        if self.given.is_over() and not self.answers:
            self.is_over = True
        if not self.answers and self.is_over:
            return b""
        if not self.answers:
            raise BlockingIOError
        cut = size if not self.given.rarely() else 1 + self.given.octet()
        data, self.answers = self.answers[:cut], self.answers[cut:]
        return data


class Relp(RelpTransport):
    """The transport, with that socket, and numbers of which the last may be near."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        super().__init__(URL, 1.0)

    def _connect(self, url: Any, timeout: float) -> Any:
        return self.collector, float("inf")

    def wait(self, timeout: float) -> None:
        pass


def try_input(data: bytes) -> None:
    given = Given(data)
    queue: Any = (_encoder_c.Queue if given.flag() else PythonQueue)(1 << 20)
    collector = Collector(given, 1)
    collector.answer()
    taken = put = 0
    try:
        transport = Relp(collector)
        if given.rarely() and not transport._flight:  # as after that many records
            transport._oldest = LAST - given.octet() % 4
            collector.number = transport._oldest - 1 or LAST
        while not given.is_over():
            for _ in range(given.octet() % 24):
                put += queue.put(bytes([65 + put % 26]) * (1 + given.octet() * 3)) > 0
            size = transport.push(queue)
            assert size >= 0
            taken += size
            if not collector.is_raw:
                assert taken <= collector.acknowledged, "more is taken than acknowledged"
            queue.consume(size, transport.pinned)
            check(queue, put)
            assert transport.pinned == sum(transport._flight) + 0
        transport.close(0.0)
        assert not transport._flight or collector.is_raw
    except OSError:
        queue.rewind()
    check(queue, put)


def check(queue: Any, put: int) -> None:
    counts = queue.count_all()
    assert counts["offered"] == counts["sent"] + counts["queued"] == put, counts
    assert queue.count == counts["queued"]
