"""micro.py, in this process: the octets of the package, the clocks of ports, and what is counted.

Other interpreters run it in test_micro_elsewhere.py.
"""

import errno
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.backends import load_emitter_module
from support.emitters import IDENTITY, TIME, make_emitter, take_one
from support.grammar import parse_rfc5424
from support.receivers import LIMIT, check_balance
from support.strategies import elements, pieces, texts

import syslogfast
from syslogfast import constants, micro

NAMES = {"hostname": "sensor-7", "app_name": "meter"}
ASKED = int(os.environ.get("SYSLOGFAST_EXAMPLES", "2000"))  # as in test_parity.py
SECOND = 1_000_000_000
NOON_2026 = 1_767_268_800 * SECOND  # 2026-01-01T12:00:00Z


class Broken:
    def __str__(self) -> str:
        raise LookupError

    __repr__ = __str__


def take(emitter: Any) -> list[bytes]:
    """Return the records that wait, which nothing has sent."""
    return [record for record, _ in emitter._queue]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent, and no port is asked who it is."""
    monkeypatch.setattr(micro.Emitter, "_send", lambda emitter, at_once=False: False)


# --- the octets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["c", "python"])
def test_records_of_the_package(silent: None, backend: str) -> None:
    module = load_emitter_module(backend)
    ids = [*("origin", "a@1", "a@1.2", "@9", "a@", "a@b", "a@@7", "\u00e9@3", "n" * 40), 17, None]
    ids += ["n" * 40 + "@12", "x@" + "1" * 31, "x@1..2", "x@1.", "", " ", "a b@5", '="]']
    values: Any = st.one_of(
        *(texts, st.integers(), st.floats(), st.binary(max_size=30), st.none()),
        st.sampled_from(
            [Broken(), b"\xed\xa0\x80\xf4\x90\xc0\x80", 'a]"\\', ["x"], ("a", "b"), ()]
        ),
    )
    names: Any = st.sampled_from(["n", "m", "", "a b", "\u20ac" * 40, "=", 5])
    parameters = st.one_of(
        *(st.dictionaries(names, values, max_size=3), values, st.lists(values, max_size=3)),
        st.lists(st.tuples(names, values), max_size=3),
    )
    given_elements = st.one_of(
        elements.filter(lambda data: not isinstance(data, bytes)),
        st.dictionaries(st.sampled_from(ids), parameters, max_size=4),
    )

    @settings(max_examples=ASKED // 4, deadline=None)
    @given(
        options=st.fixed_dictionaries(
            {"max_size": st.sampled_from([150, 151, 200, 480, 2048])},
            optional={
                "facility": st.sampled_from([0, 23, "kern", "LOG_LOCAL7", "console"]),
                "hostname": st.sampled_from(["", "a b", "\u20ac", "\ud800", "web1.example.com"]),
                "app_name": st.sampled_from(["", "\n", "shop"]),
                "procid": st.sampled_from(["", 42, "4 2", "-", -1]),
            },
        ),
        severity=st.sampled_from([*range(8), *constants.SEVERITIES, "LOG_Err"]),
        message=st.one_of(values, texts, st.sampled_from(["x" * 3000, "%s", "%d %s", "%(a)s"])),
        args=st.lists(st.one_of(values, st.just({"a": "b"}), st.just({})), max_size=2),
        keywords=st.fixed_dictionaries(
            {"time_ns": st.integers(-63_000_000_000 * SECOND, 260_000_000_000 * SECOND)},
            optional={
                "msgid": st.one_of(st.none(), st.sampled_from([*pieces, "SALE", "m" * 33])),
                "structured_data": given_elements,
                "exc_info": st.sampled_from([None, ValueError("a\nb"), OSError(5, "no")]),
                "order": values,
                "size": values,
            },
        ),
    )
    def compare(options: Any, severity: Any, message: Any, args: list[Any], keywords: Any) -> None:
        if any(isinstance(value, Broken) for value in args):
            args = []  # the arguments are shown one by one there
        own = micro.connect("udp://192.0.2.1", **{**NAMES, **options})
        own.emit(severity, message, *args, **keywords)
        theirs = make_emitter(module, **{**IDENTITY, **NAMES, "procid": "-", **options})
        theirs.emit(severity, message, *args, **keywords)
        assert take(own) == [take_one(theirs)]
        assert own.stats["truncated"] == theirs.stats["truncated"]

    compare()


def test_the_names_of_severities(silent: None) -> None:
    log = micro.connect("udp://192.0.2.1", facility="local0", level="info", **NAMES)
    for name in ("debug", "info", "notice", "warning", "error", "critical"):
        getattr(log, name)("%d sold", 3, msgid="SALE", time_ns=TIME, order=17)
    end = b'>1 2003-10-11T22:14:15.003000Z sensor-7 meter - SALE [fields@32473 order="17"] 3 sold'
    assert take(log) == [b"<%d" % (128 + code) + end for code in (6, 5, 4, 3, 2)]
    assert log.stats["offered"] == 5


def test_each_keyword() -> None:
    for names, highest, known in (
        (micro.SEVERITIES, 7, constants.SEVERITIES),
        (micro.FACILITIES, 23, constants.FACILITIES),
    ):
        listed = [name for same in names.split() for name in same.split(",")]
        assert {name: micro.check_code("x", name, names, highest) for name in listed} == known


def test_the_version() -> None:
    assert micro.VERSION == constants.VERSION


# --- time ----------------------------------------------------------------------------------------


class Clock:
    """The `time` of a port: an epoch, a clock that may not have been set, and ticks."""

    def __init__(self, year: int, now: int, has_ns: bool) -> None:
        self.now = now  # nanoseconds since 1970
        self.epoch = 946_684_800 if year == 2000 else 0
        self.ticks = 1 << 29
        self.gmtime = lambda seconds: (year, 1, 1, 0, 0, 0, 5, 1)
        self.slept: list[float] = []
        if has_ns:
            self.time_ns = lambda: self.now - self.epoch * SECOND

    def time(self) -> int:
        return self.now // SECOND - self.epoch

    def ticks_ms(self) -> int:
        return self.ticks & ((1 << 30) - 1)

    def sleep(self, seconds: float) -> None:
        self.advance(int(seconds * 1000))
        self.slept.append(seconds)

    def advance(self, milliseconds: int) -> None:
        self.ticks += milliseconds
        self.now += milliseconds * 1_000_000


def load(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return micro.py as a port with this clock loads it."""
    path = pathlib.Path(micro.__file__)
    module = ModuleType("micro")
    monkeypatch.setitem(sys.modules, "time", clock)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Clock, ModuleType]]]:
    with monkeypatch.context() as patch:

        def start_port(
            year: int = 1970, now: int = NOON_2026, has_ns: bool = True
        ) -> tuple[Clock, ModuleType]:
            clock = Clock(year, now, has_ns)
            module = load(clock, patch)
            patch.undo()  # others need the real one
            return clock, module

        yield start_port


@pytest.mark.parametrize("has_ns", [True, False])
@pytest.mark.parametrize("year", [1970, 2000])
def test_the_epoch(start: Any, year: int, has_ns: bool) -> None:
    """The same time is written, whatever the port counts from; time_ns is since 1970 for all."""
    _, port = start(year, NOON_2026 + 3_456_000, has_ns)
    fraction = "003456" if has_ns else "000000"
    assert port.print_time(port.read_clock()) == f"2026-01-01T12:00:00.{fraction}Z"
    assert port.print_time(TIME) == "2003-10-11T22:14:15.003000Z"


UNSET = [(1970, 0), (2000, 946_684_800), (2000, 1_420_070_400), (1970, 1_609_459_200)]


@pytest.mark.parametrize(("year", "since"), UNSET)
def test_a_clock_that_nobody_has_set(start: Any, year: int, since: int) -> None:
    """NILVALUE; a record that still waits when the clock is set gets the time that it was made."""
    clock, port = start(year, since * SECOND)
    log = port.connect("udp://192.0.2.1", **NAMES)
    log._send = lambda at_once=False: False
    log.info("before - 1")
    ((record, uptime),) = log._queue
    assert record == b"<14>1 - sensor-7 meter - - - before - 1"
    assert log._complete(record, uptime) == record
    clock.advance(90_500)
    clock.now = NOON_2026
    log.info("after")
    completed = [parse_rfc5424(log._complete(*entry)) for entry in log._queue]
    assert [each.timestamp for each in completed] == [
        *("2026-01-01T11:58:29.500000Z", "2026-01-01T12:00:00.000000Z")
    ]
    assert [each.message for each in completed] == ["before - 1", "after"]


def test_no_space_for_the_time(start: Any) -> None:
    """It is not to make a record longer than it may be."""
    clock, port = start(2000, 946_684_800 * SECOND)
    log = port.connect("udp://192.0.2.1", max_size=150, **NAMES)
    log._send = lambda at_once=False: False
    for size in range(80, 140):
        log.info("x" * size)
    clock.now = NOON_2026
    sizes = [len(log._complete(*entry)) for entry in log._queue]
    assert max(sizes) == 150
    assert sizes[:3] == [135, 136, 137]


def test_ticks_begin_anew(start: Any) -> None:
    """They do so each 12 days; the uptime goes on."""
    clock, port = start()
    before = port.read_uptime()
    for _ in range(10):
        clock.advance(5 * 86_400_000)
        before += 5 * 86_400_000
        assert port.read_uptime() == before


# --- delivery ------------------------------------------------------------------------------------


class Network:
    """Stands for `socket`: what it raises is set by a test, and what is sent is kept."""

    SOCK_DGRAM = 2

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sent: list[tuple[bytes, object]] = []
        self.look_ups: list[tuple[str, int]] = []
        self.open = 0
        self.look_up_error: Exception | None = None
        self.errors: list[Exception | None] = []  # one for each datagram, the last for all others
        self.address: object = ("192.0.2.1", 514)

    def getaddrinfo(self, host: str, port: int) -> list[tuple[object, ...]]:
        self.look_ups.append((host, port))
        self.clock.advance(5)
        if self.look_up_error:
            raise self.look_up_error
        return [(10, 2, 17, "", self.address)]

    def socket(self, family: int, kind: int) -> "Network":
        assert (family, kind) == (10, self.SOCK_DGRAM)
        self.open += 1
        return self

    def setblocking(self, flag: bool) -> None:
        assert flag is False

    def close(self) -> None:
        self.open -= 1

    def sendto(self, record: bytes, address: object) -> int:
        error = self.errors.pop(0) if len(self.errors) > 1 else (self.errors or [None])[0]
        if error:
            raise error
        self.sent.append((record, address))
        return len(record)

    def list_texts(self) -> list[str | None]:
        return [parse_rfc5424(record).message for record, _ in self.sent]


@pytest.fixture
def port(start: Any, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A device with a network, whose clock only the test moves on."""
    clock, module = start()
    network = Network(clock)
    monkeypatch.setitem(sys.modules, "socket", network)
    said: list[str] = []

    def connect(url: str = "udp://logs", **options: Any) -> Any:
        return module.connect(url, **{**NAMES, "on_failure": said.append, **options})

    return SimpleNamespace(clock=clock, network=network, connect=connect, said=said)


AWAY = [
    *(OSError(errno.ENETUNREACH), OSError(errno.EHOSTUNREACH), OSError(118), OSError(-2)),
    *(RuntimeError("Wifi Not Initialized"), MemoryError(), IndexError()),
]


@pytest.mark.parametrize("error", AWAY)
@pytest.mark.parametrize("fails", ["the look-up", "the send"])
def test_records_wait(port: Any, fails: str, error: Exception) -> None:
    """All of them, in order, each with its own time; a name is looked up when a try is due."""
    network, clock = port.network, port.clock
    if fails == "the look-up":
        network.look_up_error = error
    network.errors = [error]
    log = port.connect()
    for number in range(100):
        log.info("%d", number)
        clock.advance(100)  # 10 s in all: tries after 0, 1, 3 and 7
    assert len(network.look_ups) == 4
    stats = log.stats
    assert (stats["queued"], stats["sent"], stats["dropped"]) == (100, 0, {})
    assert stats["failure"].startswith(f"udp://logs:514: {type(error).__name__}: ")
    (line,) = port.said
    assert re.search(r"; records waiting: 7\d, dropped: 0$", line)
    network.look_up_error, network.errors = None, []
    clock.advance(5_000)
    log.info("100")  # the last try failed 8 s ago or more
    assert log.flush()
    assert network.list_texts() == [str(number) for number in range(101)]
    times = [parse_rfc5424(record).timestamp for record, _ in network.sent]
    assert times == sorted(times)
    assert len(set(times)) == 101
    stats = log.stats
    check_balance(stats)
    assert (stats["sent"], stats["queued"], stats["failure"]) == (101, 0, None)
    assert network.open == 1


def test_a_backlog_begins_with_one(port: Any) -> None:
    """While a small network stack looks for the collector it keeps no more than one datagram."""
    port.network.look_up_error = OSError(-2)
    log = port.connect()
    for number in range(5):
        log.info("%d", number)
    port.network.look_up_error = None
    port.clock.advance(1_000)
    log.info("5")
    assert port.network.list_texts() == ["0"]
    log.info("6")
    assert port.network.list_texts() == ["0"]
    port.clock.advance(100)
    log.info("7")
    assert port.network.list_texts() == [str(number) for number in range(8)]
    assert port.clock.slept == []


def test_a_flush_takes_its_time(port: Any) -> None:
    port.network.errors = [OSError(118)]
    log = port.connect()
    log.info("x")
    before = port.clock.ticks
    assert log.flush(2.5) is False
    assert 2_400 <= port.clock.ticks - before <= 2_600
    before = port.clock.ticks
    assert log.flush(0) is False
    assert port.clock.ticks - before < 10
    log.info("y")
    assert port.said == []
    port.network.errors = []
    port.clock.advance(2_000)  # the second try of a record, whatever a flush has tried
    log.info("z")
    assert log.flush(0.5) is True
    assert port.network.list_texts() == ["x", "y", "z"]


@pytest.mark.parametrize("code", [11, 12, 105])
def test_a_full_stack(port: Any, code: int) -> None:
    """It is asked again by the next record, with the same socket."""
    log = port.connect()
    port.network.errors = [None, OSError(code), OSError(code), None]
    for number in range(4):
        log.info("%d", number)
    assert port.network.list_texts() == ["0", "1", "2", "3"]
    assert len(port.network.look_ups) == 1
    assert port.said == []


def test_the_last_address_stays(port: Any) -> None:
    """Each ten minutes, and after a failure, a name is looked up; an old address serves."""
    log = port.connect()
    log.info("0")
    port.clock.advance(600_000)
    port.network.look_up_error = OSError(-2)
    log.info("1")
    port.clock.advance(599_000)
    log.info("2")
    port.network.look_up_error = None
    port.network.address = ("192.0.2.9", 514)
    port.clock.advance(1_000)
    log.info("3")
    assert [address[0][-1] for _, address in port.network.sent] == list("1119")
    assert len(port.network.look_ups) == 3
    assert port.network.open == 1


@pytest.mark.parametrize("code", [40, 90, 122])
def test_too_large_for_a_datagram(port: Any, code: int) -> None:
    """It is in nobody's way, and counted."""
    log = port.connect()
    port.network.errors = [None, OSError(code), None]
    for text in ("first", "large", "last"):
        log.info(text)
    since = "2026-01-01T12:00:00.005000Z"
    report = f"records dropped since {since}: 1 (too large: 1)"
    assert port.network.list_texts() == ["first", report, "last"]
    element = f'[dropped@32473 too-large="1" since="{since}"]'
    assert b" DROPPED " + element.encode() in port.network.sent[1][0]
    assert log.stats["dropped"] == {"too large": 1}
    port.network.errors = [OSError(code)]
    log.info("and even the report")
    stats = log.stats
    check_balance(stats)
    assert stats["dropped"] == {"too large": 3}


def test_no_space(port: Any) -> None:
    """The first are kept; a record says how many are missing, after them."""
    port.network.errors = [OSError(118)]
    log = port.connect(queue_bytes=1000)
    size = len(b"<14>1 2026-01-01T12:00:00.005000Z sensor-7 meter - - - 100")
    for number in range(100, 150):
        log.info("%d", number)
    stats = log.stats
    kept = 1000 // size
    assert (stats["queued"], stats["dropped"]) == (kept, {"full": 50 - kept})
    assert log._size == kept * size
    log.info("x" * 1001)
    port.network.errors = []
    port.clock.advance(1_000)
    log.info("still no space, but time for a try")
    assert log.flush()
    assert port.network.list_texts() == [
        *[str(number) for number in range(100, 100 + kept)],
        f"records dropped since 2026-01-01T12:00:00.005000Z: {52 - kept}"
        f" (full: {51 - kept}, too large: 1)",
    ]
    stats = log.stats
    check_balance(stats)
    assert (stats["sent"], log._size) == (kept + 1, 0)


def test_the_end(port: Any) -> None:
    port.network.errors = [OSError(118)]
    log = port.connect()
    log.info("1")
    log.info("2")
    log.close(0.3)
    assert port.said[-1].endswith("; records not sent: 2")
    log.info("3")
    log.close()
    assert log.flush()
    stats = log.stats
    check_balance(stats)
    assert (stats["dropped"], stats["queued"], port.network.open) == ({"closed": 3}, 0, 0)


def test_no_memory(port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an argument lacks is named, and a record that lacks it is counted."""

    def lack(*args: object) -> str:
        raise MemoryError

    log = port.connect()
    log.info("a %s", type("Large", (), {"__str__": lack, "__repr__": lambda self: "large"})())
    assert port.network.list_texts() == ["a %s <MemoryError: (large,)>"]
    with monkeypatch.context() as patch:
        patch.setattr(type(log), "_encode", lack)
        log.info("b")
    log.info("c")
    stats = log.stats
    check_balance(stats)
    assert stats["dropped"] == {"memory": 1}
    assert port.network.list_texts()[1:] == [
        "c",
        "records dropped since 2026-01-01T12:00:00.005000Z: 1 (memory: 1)",
    ]


@pytest.mark.parametrize("on_failure", [None, False, 5])
def test_nobody_listens(port: Any, on_failure: Any) -> None:
    """Nothing that is told raises."""
    port.network.errors = [OSError(118)]
    log = port.connect(on_failure=on_failure)
    for _ in range(20):
        log.info("x")
        port.clock.advance(1_000)
    log.close(0)


def test_a_port_without_sockets(port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socket", None)
    log = port.connect()
    log.info("x")
    assert log.stats["failure"].startswith("udp://logs:514: ModuleNotFoundError: ")
    assert log.stats["queued"] == 1


def test_a_real_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(LIMIT)
        log = micro.connect(f"udp://localhost:{receiver.getsockname()[1]}", **NAMES)
        log._found = (socket.AF_INET, socket.SOCK_DGRAM, 17, "", receiver.getsockname())
        log._host = "nobody.invalid"
        started = time.time_ns()
        log.info("opened")
        record = parse_rfc5424(receiver.recv(2048))
        assert (record.hostname, record.message) == ("sensor-7", "opened")
        low, high = micro.print_time(started), micro.print_time(time.time_ns())
        assert low <= record.timestamp <= high
        log.close()


# --- a device ------------------------------------------------------------------------------------

MACHINE = {"PWRON_RESET": 1, "HARD_RESET": 2, "WDT_RESET": 3, "SOFT_RESET": 5, "PIN_RESET": None}


@pytest.mark.parametrize(
    ("cause", "name"), [(1, "PWRON_RESET"), (3, "WDT_RESET"), (5, "SOFT_RESET"), (9, None)]
)
def test_booted(port: Any, monkeypatch: pytest.MonkeyPatch, cause: int, name: "str | None") -> None:
    """The words of lifecycle's BOOTED, and why the device has started."""
    machine = SimpleNamespace(reset_cause=lambda: cause, **MACHINE)
    monkeypatch.setitem(sys.modules, "machine", machine)
    log = port.connect(level="err")
    port.clock.ticks = (1 << 29) + 3_456  # the test's clock had 2 ** 29 when it began
    log.booted("1.2")
    (record,) = [parse_rfc5424(record) for record, _ in port.network.sent]
    assert (record.priority, record.msgid) == (13, "BOOTED")
    since = (1 << 29) + 3_456
    python = "cpython " + ".".join(map(str, sys.version_info[:3]))
    own = f"{constants.VERSION} micro"
    assert record.message == (
        f"booted and awake {since / 1000:.3f} s after boot: {sys.platform}, {python},"
        f" syslogfast {own}" + (f"; reset cause {name}" if name else "")
    )
    assert dict(record.structured_data) == {
        "origin": [("software", "meter"), ("swVersion", "1.2")],
        "meta": [("sysUpTime", str(since // 10))],
        "runtime@32473": [
            *(("kernel", sys.platform), ("python", python), ("syslogfast", own)),
            *([("resetCause", name)] if name else []),
        ],
    }


def test_booted_without_a_device(port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "machine", None)
    port.connect().booted()
    (record,) = [parse_rfc5424(record) for record, _ in port.network.sent]
    assert (record.message or "").startswith(f"booted and awake: {sys.platform}, cpython ")
    assert [name for name, _ in record.structured_data] == ["origin", "runtime@32473"]


def test_the_name_of_a_device(silent: None, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = SimpleNamespace(unique_id=lambda: b"\xa4\xcf\x12\x00\x3b\x10")
    for found, name in ((machine, "host-a4cf12003b10"), (SimpleNamespace(), "-"), (None, "-")):
        monkeypatch.setitem(sys.modules, "machine", found)
        log = micro.connect("udp://192.0.2.1")
        log.info("x", time_ns=0)
        assert take(log) == [f"<14>1 1970-01-01T00:00:00.000000Z {name} cpython - - - x".encode()]


# --- what is refused -----------------------------------------------------------------------------

URLS = {
    "udp://logs": ("logs", 514),
    "UDP://logs:1": ("logs", 1),
    "udp://[::1]": ("::1", 514),
    "udp://[fe80::1%eth0]:65535": ("fe80::1%eth0", 65535),
    "udp://192.0.2.1:0514": ("192.0.2.1", 514),
}


def test_urls() -> None:
    assert {url: micro.parse_url(url) for url in URLS} == URLS


REFUSED = [
    *("tcp://logs", "tls://logs:6514", "logs", "logs:514", "", "udp://", "udp://:514", "udp:logs"),
    *("udp://logs:", "udp://logs:0", "udp://logs:65536", "udp://logs:x", "udp://logs:-1"),
    *("udp://::1", "udp://[::1", "udp://::1]:514", "udp://[]", "udp://a b", "udp://logs/x"),
    *("udp://logs:514?bind=::1", "udp://a,udp://b", "udp://logs#x", "udp://b\u00fccher"),
    *("udp://logs:\u0661", "udp://[::1]x:514", "udp://[[::1]]"),
]


@pytest.mark.parametrize("url", REFUSED)
def test_urls_that_are_refused(url: str) -> None:
    rule = re.escape("url must be udp://HOST or udp://HOST:PORT, got ")
    with pytest.raises(ValueError, match=f"^{rule}'"):
        micro.connect(url)


def test_no_secret_is_shown() -> None:
    for url in ("tls://TOKEN@logs", "udp://logs?ca=TOKEN", "udp://TOKEN:TOKEN@logs:514"):
        with pytest.raises(ValueError, match=r"got '(udp://)?logs") as caught:
            micro.connect(url)
        assert "TOKEN" not in str(caught.value)


WRONG: list[tuple[dict[str, object], str]] = [
    ({"url": b"udp://TOKEN@x"}, "TypeError: url must be a str, got <class 'bytes'>"),
    ({"hostname": 5}, "TypeError: hostname must be a str, got 5"),
    ({"app_name": b"x"}, "TypeError: app_name must be a str, got b'x'"),
    ({"procid": 1.5}, "TypeError: procid must be a str or an int, got 1.5"),
    ({"procid": None}, "TypeError: procid must be a str or an int, got None"),
    ({"facility": 24}, "ValueError: facility must be in 0..23 or a keyword, got 24"),
    ({"facility": "LOG_X"}, "ValueError: facility must be in 0..23 or a keyword, got 'LOG_X'"),
    ({"facility": 1.5}, "TypeError: facility must be an int or a str, got 1.5"),
    ({"level": "all"}, "ValueError: level must be in 0..7 or a keyword, got 'all'"),
    ({"max_size": 85}, "ValueError: max_size must be at least 86, got 85"),
    ({"max_size": "2k"}, "TypeError: max_size must be an int, got '2k'"),
    ({"queue_bytes": 1.5}, "TypeError: queue_bytes must be an int, got 1.5"),
]


@pytest.mark.parametrize(("options", "expected"), WRONG)
def test_wrong_options(options: dict[str, Any], expected: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        micro.connect(**{"url": "udp://x", **NAMES, **options})
    assert f"{type(caught.value).__name__}: {caught.value}" == expected


@pytest.mark.parametrize("facility", [0, 1, 12, 23])
def test_the_least_max_size(facility: int) -> None:
    """It is the package's."""
    options = {**NAMES, "facility": facility, "procid": "42"}
    with pytest.raises(ValueError, match="max_size must be at least") as caught:
        syslogfast.Encoder(max_size=1, **options)
    (least,) = map(int, re.findall(r"at least (\d+)", str(caught.value)))
    micro.connect("udp://x", max_size=least, **options)
    with pytest.raises(ValueError, match=f"max_size must be at least {least}, got {least - 1}"):
        micro.connect("udp://x", max_size=least - 1, **options)


WRONG_CALLS: list[tuple[tuple[object, ...], dict[str, object], str]] = [
    ((8, "x"), {}, "ValueError: severity must be in 0..7 or a keyword, got 8"),
    (("", "x"), {}, "ValueError: severity must be in 0..7 or a keyword, got ''"),
    ((None, "x"), {}, "TypeError: severity must be an int or a str, got None"),
    ((6, "x"), {"msgid": 5}, "TypeError: msgid must be a str, got 5"),
    ((6, "x"), {"time_ns": 1.5}, "TypeError: time_ns must be an int, got 1.5"),
]


@pytest.mark.parametrize(("args", "keywords", "expected"), WRONG_CALLS)
def test_wrong_calls(silent: None, args: Any, keywords: Any, expected: str) -> None:
    log = micro.connect("udp://192.0.2.1", **NAMES)
    with pytest.raises((TypeError, ValueError)) as caught:
        log.emit(*args, **keywords)
    assert f"{type(caught.value).__name__}: {caught.value}" == expected
    assert log.stats["offered"] == 0


# --- alone ---------------------------------------------------------------------------------------

ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
import micro
log = micro.connect("udp://127.0.0.1:1", hostname="sensor-7")
log.info("%s", "x")
print(log.stats["sent"], *[name for name in sys.modules if name.startswith("syslogfast")])
"""


def test_it_needs_no_other_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "micro.py").write_bytes(pathlib.Path(micro.__file__).read_bytes())
    command = [sys.executable, "-I", "-S", "-c", ALONE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stderr, done.stdout) == ("", "1\n")
