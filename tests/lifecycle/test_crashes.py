"""How processes die, and what the collector hears: boot, network, end; the rest is as without us.

Each death happens in a process of its own. Its control is the same program without the package:
exit status and standard error must be the same.
"""

import contextlib
import datetime
import itertools
import os
import pathlib
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import pytest
from support.certificates import Certificates
from support.crashes import (
    CRASHED,
    FATAL,
    LIVE,
    SEVERITIES,
    TRANSPORTS,
    Death,
    Program,
    Stream,
    collect_crashes,
    die,
    die_without_us,
    leave_out_ours,
    leave_out_stack,
    list_crashes,
    list_msgids,
    list_parameters,
    read_meanwhile,
    read_records,
    read_sequence_id,
)
from support.grammar import Rfc5424Record, parse_rfc3164, parse_rfc5424, split_frames
from support.pairwise import choose_pairs, take_turns
from support.receivers import TlsSink, find_free_port

pytestmark = [
    pytest.mark.versions,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there are no signals to die of"),
]

UNCAUGHT = ("UNCAUGHT", SEVERITIES["err"])
TERMINATED = ("TERMINATED", SEVERITIES["notice"])
ENDED = ("ENDED", SEVERITIES["notice"])
ENDS = ("CRASHED", "TERMINATED", "ENDED")  # what says that a process has come to its end

ORDERLY = {
    "clean end": Program("LIVE", 0, [ENDED]),
    "uncaught exception": Program("LIVE\nraise ValueError('no')", 1, [CRASHED, ENDED]),
    "endless recursion": Program("LIVE\ndef f(n): return f(n + 1)\nf(0)", 1, [CRASHED, ENDED]),
    "exception in a thread": Program(
        "LIVE\nfrom threading import Thread\n"
        "thread = Thread(target=lambda: 1 / 0, name='worker')\nthread.start()\nthread.join()",
        0,
        [UNCAUGHT, ENDED],
    ),
    "exception in a task, asyncio imported after": Program(
        "LIVE\nimport asyncio\nasync def fail(): raise ValueError('no')\n"
        "async def main():\n task = asyncio.create_task(fail())\n await asyncio.sleep(0.01)\n"
        "asyncio.run(main())",
        0,
        [UNCAUGHT, ENDED],
    ),
    "exception in a task, asyncio imported before": Program(
        "import asyncio\nLIVE\nasync def fail(): raise ValueError('no')\n"
        "async def main():\n task = asyncio.create_task(fail())\n await asyncio.sleep(0.01)\n"
        "asyncio.run(main())",
        0,
        [UNCAUGHT, ENDED],
    ),
    "exception in a callback of asyncio": Program(
        "LIVE\nimport asyncio\n"
        "async def main():\n"
        " asyncio.get_running_loop().call_soon(lambda: 1 / 0)\n await asyncio.sleep(0.01)\n"
        "asyncio.run(main())",
        0,
        [UNCAUGHT, ENDED],
    ),
    "unraisable": Program(
        "LIVE\nclass Bad:\n def __del__(self): raise ValueError('no')\nBad()",
        0,
        [UNCAUGHT, ENDED],
    ),
    "exit": Program("LIVE\nsys.exit(3)", 3, [ENDED]),
    "exit with a text": Program("LIVE\nsys.exit('I give up')", 1, [ENDED]),
    "exception at exit": Program(
        "import atexit\nLIVE\natexit.register(lambda: 1 / 0)", 0, [UNCAUGHT, ENDED]
    ),
    "SIGTERM": Program(
        "LIVE\nimport signal, time\nsignal.raise_signal(signal.SIGTERM)\ntime.sleep(60)",
        -signal.SIGTERM,
        [TERMINATED],
    ),
    "SIGTERM with a handler": Program(
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "LIVE\nsignal.raise_signal(signal.SIGTERM)\ntime.sleep(60)",
        7,
        [TERMINATED, ENDED],
    ),
    "SIGTERM with a handler that came later": Program(
        "import signal, sys, time\nLIVE\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "signal.raise_signal(signal.SIGTERM)\ntime.sleep(60)",
        7,
        [ENDED],
    ),
    "SIGTERM, ignored": Program(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nLIVE\n"
        "signal.raise_signal(signal.SIGTERM)",
        0,
        [ENDED],
    ),
    "SIGINT": Program(
        "LIVE\nimport signal, time\nsignal.raise_signal(signal.SIGINT)\ntime.sleep(60)",
        -signal.SIGINT,
        [TERMINATED, ENDED],
    ),
    "SIGFPE, ignored": Program(
        "import os, signal\nsignal.signal(signal.SIGFPE, signal.SIG_IGN)\nLIVE\n"
        "os.kill(os.getpid(), signal.SIGFPE)",
        0,
        [ENDED],
    ),
    "SIGFPE with a handler": Program(
        "import os, signal\nsignal.signal(signal.SIGFPE, lambda *_: sys.exit(7))\nLIVE\n"
        "os.kill(os.getpid(), signal.SIGFPE)",
        7,
        [ENDED],
    ),
    "SIGKILL": Program(
        "LIVE\nimport signal\nsignal.raise_signal(signal.SIGKILL)", -signal.SIGKILL, []
    ),
}


def check_life(records: "list[Rfc5424Record]", death: Death, end: "list[tuple[str, int]]") -> None:
    """Booted, network, then the end that is expected; numbered without a gap, in order of time."""
    network = records[1].msgid if len(records) > 1 else ""
    assert network in ("NETWORK-UP", "NETWORK-DOWN")
    severity = SEVERITIES["notice" if network == "NETWORK-UP" else "warning"]
    first = [("BOOTED", SEVERITIES["notice"]), (network, severity)]
    assert list_msgids(records) == first + end
    assert [read_sequence_id(record) for record in records] == list(range(1, len(records) + 1))
    timestamps = [record.timestamp for record in records]
    assert timestamps == sorted(timestamps)
    assert {record.procid for record in records} == {str(death.pid)}
    assert {(record.hostname, record.app_name) for record in records} == {("vm-1", "shop")}


def check_likeness(death: Death, program: Program) -> None:
    """Status and standard error are those of the same program without the package."""
    control = die_without_us(program.code)
    assert control.status == program.status, control.stderr
    assert (death.status, death.stdout) == (control.status, control.stdout), death.stderr
    assert leave_out_ours(death.stderr) == leave_out_ours(control.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "transport", "backend"),
    choose_pairs(list(ORDERLY), TRANSPORTS, ["c", "python"]),
    indirect=["backend"],
)
def test_an_orderly_end(name: str, transport: str, backend: str) -> None:
    program = ORDERLY[name]
    with collect_crashes(transport) as collector:
        death = die(program.code, collector.url, collector=collector, backend=backend)
        check_likeness(death, program)
        check_life(read_records(collector), death, program.end)


# In Python there is no handler that a signal or a transport could matter to.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "transport", "backend"),
    [
        *itertools.product(FATAL, TRANSPORTS, ["c"]),
        *take_turns(list(FATAL), TRANSPORTS, ["python"]),
    ],
    indirect=["backend"],
)
def test_a_fatal_signal(name: str, transport: str, backend: str) -> None:
    """The compiled backend sends a record; Python code cannot, and says nothing."""
    program = FATAL[name]
    with collect_crashes(transport) as collector:
        death = die(program.code, collector.url, collector=collector, backend=backend)
        check_likeness(death, program)
        records = read_records(collector)
        check_life(records, death, program.end if backend == "c" else [])
    if backend == "c":
        number = -program.status
        name = signal.Signals(number).name
        expected = {"name": name, "number": str(number)}
        assert list_parameters(records[-1], "signal@32473") == expected
        meaning = signal.strsignal(number)
        assert leave_out_stack(records[-1].message) == f"about to crash: {name} ({meaning})"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "order", "backend"),
    [
        *itertools.product(FATAL, ["before", "after"], ["c"]),
        *[("SIGSEGV", order, "python") for order in ("before", "after")],
    ],
    indirect=["backend"],
)
def test_faulthandler_is_not_disturbed(name: str, order: str, backend: str) -> None:
    """Enabled before or after, it writes what it writes without the package; the record is sent."""
    enable = "import faulthandler\nfaulthandler.enable()"
    code, status, end = FATAL[name]
    if name == "fatal error of Python" and order == "before":
        end = []  # CPython disables faulthandler then, which puts back what it has replaced
    code = code.replace("LIVE", f"{enable}\nLIVE" if order == "before" else f"LIVE\n{enable}")
    # C is called with the GIL: without it faulthandler may read the stack of a thread that goes on.
    code = code.replace("ctypes.CFUNCTYPE", "ctypes.PYFUNCTYPE").replace(
        "ctypes.CDLL", "ctypes.PyDLL"
    )
    for _ in range(5):
        with collect_crashes("octet") as collector:
            death = die(code, collector.url, collector=collector, backend=backend)
            records = read_records(collector)
        if "<freed thread state>" not in death.stderr:
            break  # else it has met a thread that was just ending: from 3.15 on it stops there
    check_likeness(death, Program(code, status, end))
    check_life(records, death, end if backend == "c" else [])
    assert "Fatal Python error: " in death.stderr


# --- the end of the sequence ---------------------------------------------------------------------


def test_a_receiver_can_tell_that_no_end_was_recorded(backend: str) -> None:
    """After SIGKILL nothing is missing in between, and the last record is no end."""
    for code, has_ended in (("LIVE\nlog.info('at work')", True), (KILLED, False)):
        with collect_crashes("lf") as collector:
            die(code, collector.url, collector=collector, backend=backend)
            records = read_records(collector)
        numbers = [read_sequence_id(record) for record in records]
        assert numbers == list(range(1, len(records) + 1))
        assert (records[-1].msgid in ENDS) == has_ended
        assert "at work" in [record.message for record in records]


KILLED = """LIVE
log.info("at work")
log.flush()
import signal
signal.raise_signal(signal.SIGKILL)
"""


# --- no memory left ------------------------------------------------------------------------------

# Its hook needs little: whether the interpreter's own has memory for it differs from run to run.
EXHAUST = """
import os, resource, sys
sys.excepthook = lambda kind, *_: os.write(2, kind.__name__.encode())
LIVE
kept = [None] * (1 << 20)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (1 << 25)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for index in range(len(kept)):
    kept[index] = bytes(100)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="there is no /proc")
@pytest.mark.parametrize(
    ("transport", "backend"), take_turns(TRANSPORTS, ["c", "python"]), indirect=["backend"]
)
def test_no_memory_is_left(transport: str, backend: str) -> None:
    """Small objects have taken all of it, and are still there when the record is made."""
    with collect_crashes(transport) as collector:
        death = die(EXHAUST, collector.url, collector=collector, backend=backend)
        check_likeness(death, Program(EXHAUST, 1, []))
        records = read_records(collector)
    check_life(records, death, [CRASHED, ENDED])
    assert "MemoryError" in (records[2].message or "")


# --- transports
# ---------------------------------------------------------------------------------------

SEGFAULT = FATAL["SIGSEGV"].code


@pytest.fixture
def tls_sink(certificates: Certificates) -> Iterator[TlsSink]:
    sink = TlsSink(certificates)
    sink.url = f"tls://127.0.0.1:{sink.port}?ca={certificates.ca}"
    yield sink
    sink.close()


def test_nothing_has_been_sent_yet(needs_c: None) -> None:
    """A crash that follows the boot at once: UDP needs no time, and what waits goes before it."""
    code = SEGFAULT.replace("LIVE", LIVE.replace("sys.stdin.readline()", "''"))
    with collect_crashes("udp") as collector:
        death = die(code, collector.url, parts={"network": False})
        check_likeness(death, FATAL["SIGSEGV"])
        records = read_records(collector)
    expected = [("BOOTED", SEVERITIES["notice"]), CRASHED]
    assert list_msgids(records) == expected


def test_no_connection_yet(needs_c: None, receiver: socket.socket) -> None:
    """Where TCP has no connection, the record is on standard error, and nothing else."""
    death = die(SEGFAULT, f"tcp://127.0.0.1:{find_free_port()}")
    (record,) = list_crashes(death.stderr)
    assert (record.msgid, death.status) == ("CRASHED", -signal.SIGSEGV)
    assert leave_out_stack(record.message) == "about to crash: SIGSEGV (Segmentation fault)"
    assert "line 13 in <module>" in death.stderr


def test_a_unix_socket(needs_c: None, tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "log")
    with collect_crashes(path) as collector:
        death = die(SEGFAULT, collector.url, collector=collector, protocol="rfc5424")
        check_likeness(death, FATAL["SIGSEGV"])
        check_life(read_records(collector), death, [CRASHED])


def test_the_local_format(needs_c: None, tmp_path: pathlib.Path) -> None:
    """What /dev/log gets by default has no HOSTNAME and no structured data."""
    with collect_crashes(str(tmp_path / "log")) as collector:
        death = die(SEGFAULT, collector.url, collector=collector, hostname=None)
        check_likeness(death, FATAL["SIGSEGV"])
        records = [parse_rfc3164(frame, hostname=False) for frame in collector.list_frames()]
    assert [record.priority % 8 for record in records] == [5, 5, 2]
    assert (records[-1].tag, records[-1].pid) == ("shop", str(death.pid))
    text = leave_out_stack(records[-1].message)
    assert text == "about to crash: SIGSEGV (Segmentation fault)"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_rfc3164(transport: str, needs_c: None) -> None:
    with collect_crashes(transport) as collector:
        death = die(SEGFAULT, collector.url, collector=collector, protocol="rfc3164")
        check_likeness(death, FATAL["SIGSEGV"])
        frames = collector.list_frames()
    record = parse_rfc3164(frames[-1])
    assert record.priority % 8 == SEVERITIES["crit"]
    assert (record.hostname, record.tag, record.pid) == ("vm-1", "shop", str(death.pid))
    assert leave_out_stack(record.message) == "about to crash: SIGSEGV (Segmentation fault)"


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["rfc5424", "rfc3164"])
@pytest.mark.parametrize("zone", ["<+0545>-5:45", "<-0930>9:30"])
def test_local_time(needs_c: None, zone: str, protocol: str) -> None:
    """The time of the crash is that of the crash, in the zone of the other records."""
    with collect_crashes("udp") as collector:
        environment = {"TZ": zone}
        options = {"protocol": protocol, "local_time": True}
        before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        wait = SEGFAULT.replace("import ctypes", "import ctypes, time; time.sleep(1.2)")
        death = die(wait, collector.url, environment=environment, **options)
        after = datetime.datetime.now(datetime.UTC)
        assert death.status == -signal.SIGSEGV
        frame = collector.list_frames()[-1]
    hours = 5.75 if "545" in zone else -9.5
    tz = datetime.timezone(datetime.timedelta(hours=hours))
    if protocol == "rfc5424":
        text = parse_rfc5424(frame).timestamp
        assert text.endswith("+05:45" if hours > 0 else "-09:30")
        timestamp = datetime.datetime.fromisoformat(text)
    else:
        text = f"{before.astimezone(tz).year} {parse_rfc3164(frame).timestamp}"
        timestamp = datetime.datetime.strptime(text, "%Y %b %d %H:%M:%S").replace(tzinfo=tz)
    assert before + datetime.timedelta(seconds=1) <= timestamp <= after


@pytest.mark.parametrize("kind", ["pipe", "file", "socket"])
def test_a_descriptor(needs_c: None, kind: str, tmp_path: pathlib.Path) -> None:
    with contextlib.ExitStack() as stack:
        if kind == "pipe":
            source, target = (stack.enter_context(os.fdopen(fd, "rb", 0)) for fd in os.pipe())
        elif kind == "file":
            target = stack.enter_context(open(tmp_path / "log", "w+b", buffering=0))
            source = target
        else:
            pair = socket.socketpair()
            source, target = (stack.enter_context(end.makefile("rwb", 0)) for end in pair)
            for end in pair:
                end.close()
        number = target.fileno()
        death = die(SEGFAULT, f"fd://{number}", pass_fds=(number,))
        check_likeness(death, FATAL["SIGSEGV"])
        if kind == "file":
            source.seek(0)
        data = source.read(1 << 16)
    records = [parse_rfc5424(frame) for frame in split_frames(data, "lf")]
    check_life(records, death, [CRASHED])


def test_tls_has_no_space_for_a_signal(needs_c: None, tls_sink: TlsSink) -> None:
    """What goes there is encrypted first: the record is on standard error."""
    death = die(SEGFAULT, tls_sink.url)
    (record,) = list_crashes(death.stderr)
    assert (record.msgid, record.procid) == ("CRASHED", str(death.pid))
    assert death.status == -signal.SIGSEGV


def test_a_second_plain_transport(needs_c: None, tls_sink: TlsSink) -> None:
    with collect_crashes("udp") as collector:
        death = die(SEGFAULT, tls_sink.url, parts={"fatal_url": collector.url})
        check_likeness(death, FATAL["SIGSEGV"])
        (record,) = read_records(collector)
    assert (record.msgid, record.procid) == ("CRASHED", str(death.pid))


# --- TCP: a send is under way, a record half sent ------------------------------------------------

# While a thread is sending: the socket's send() is where it dies.
CRASH_IN_SEND = """LIVE
import ctypes
log.info("sent")
log.flush()
transport = log._sender._transport
class Socket:
    def __init__(self, former):
        self.former = former
    def __getattr__(self, name):
        return getattr(self.former, name)
    def send(self, data, *flags):
        self.former.send(data, *flags)
        ctypes.string_at(0)
transport._socket = Socket(transport._socket)
log.info("taken by the kernel, but not yet known to be")
time.sleep(60)
"""


@pytest.mark.parametrize("framing", ["lf", "octet"])
def test_a_crash_while_tcp_sends(needs_c: None, framing: str) -> None:
    """What the kernel has taken nobody knows: the record is on standard error, the stream whole."""
    with collect_crashes(framing) as collector:
        death = die(CRASH_IN_SEND, collector.url, collector=collector)
        records = read_records(collector)
    assert death.status == -signal.SIGSEGV
    texts = [record.message or "" for record in records[2:]]
    assert texts == ["sent", "taken by the kernel, but not yet known to be"]
    (crash,) = list_crashes(death.stderr)
    assert crash.msgid == "CRASHED"
    numbers = [read_sequence_id(record) for record in [*records, crash]]
    assert numbers == list(range(1, len(numbers) + 1))


CRASH_AMID_THE_STREAM = """LIVE
import ctypes, threading, time
def speak():
    while True:
        log.info("x" * 100)
for _ in range(3):
    threading.Thread(target=speak).start()
time.sleep(0.05)
ctypes.string_at(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("framing", ["lf", "octet"])
def test_a_crash_amid_the_stream(needs_c: None, framing: str) -> None:
    """Whatever the other threads do then: each frame is valid, but that the last may be cut off.

    The record is in the stream or on standard error; it is never lost.
    """
    said = re.compile(rb"<14>1 \S+Z vm-1 shop \d+ - \[meta sequenceId=\"\d+\"\] " + b"x" * 100)
    for _ in range(5):
        with collect_crashes(framing) as collector:
            death = die(CRASH_AMID_THE_STREAM, collector.url, collector=collector, linger=0.001)
            assert death.status == -signal.SIGSEGV
            data = b"".join(collector.list_connections())
        frames = split_whole_frames(data, framing)
        others = [frame for frame in frames if not said.fullmatch(frame)]
        msgids = [parse_rfc5424(frame).msgid for frame in others]
        crashes = [record.msgid for record in list_crashes(death.stderr)]
        assert "CRASHED" in [*msgids, *crashes]
        assert "CRASHED" not in msgids[:-1]
        assert others[-1] == frames[-1] or "CRASHED" not in msgids


def split_whole_frames(data: bytes, framing: str) -> "list[bytes]":
    """Take a stream apart of which the last frame may be cut off."""
    if framing == "lf":
        return split_frames(data[: data.rfind(b"\n") + 1], framing)
    end = 0
    while (space := data.find(b" ", end)) >= 0:
        following = space + 1 + int(data[end:space])
        if following > len(data):
            break
        end = following
    return split_frames(data[:end], framing)


# The kernel takes a part of a record, and no more while this process lives. Who has the lock knows
# that the worker is not about to send just then: its record would keep the crash's from the stream.
HALF_SENT = """LIVE
import ctypes, time
log.info("sent")
log.flush()
transport = log._sender._transport
class Socket:
    def __init__(self, former):
        self.former, self.space = former, 100
    def __getattr__(self, name):
        return getattr(self.former, name)
    def send(self, data, *flags):
        if not self.space:
            raise BlockingIOError
        size = self.former.send(data[:self.space], *flags)
        self.space -= size
        return size
transport._socket = Socket(transport._socket)
log.info("half sent " + "x" * 300)
log.info("not yet sent")
while transport._socket.space:
    time.sleep(0.001)
with log._sender._send_lock:
    ctypes.string_at(0)
"""


@pytest.mark.parametrize("framing", ["lf", "octet", "nul"])
def test_a_crash_with_a_record_half_sent(needs_c: None, framing: str) -> None:
    """The rest of that comes first, then what waits, then the record of the crash."""
    with collect_crashes(framing) as collector:
        death = die(HALF_SENT, collector.url, collector=collector)
        records = read_records(collector)
    assert (death.status, death.stderr) == (-signal.SIGSEGV, "")
    texts = [record.message or "" for record in records[2:]]
    assert texts[:3] == ["sent", "half sent " + "x" * 300, "not yet sent"]
    assert [record.msgid for record in records[5:]] == ["CRASHED"]
    numbers = [read_sequence_id(record) for record in records]
    assert numbers == list(range(1, len(numbers) + 1))


# The collector does not read: the kernels take what they can, the rest waits.
STALLED = """LIVE
import ctypes, time
before = -1
while not 20 <= log._queue.count == before:  # until the kernels take no more
    while log._queue.count < 20:
        log.info("x" * 7900)
    before = log._queue.count
    time.sleep(0.2)
print(log._queue.count, flush=True)
ctypes.string_at(0)
"""


@pytest.mark.parametrize("framing", ["lf", "octet"])
def test_a_crash_while_the_collector_does_not_read(needs_c: None, framing: str) -> None:
    """There is no space for the record, so it is on standard error; what was sent is valid."""
    with contextlib.closing(Stream(framing, receive_buffer=4096)) as collector:
        collector.sink.reads.clear()
        death = die(STALLED, collector.url, max_size=8192)
        collector.sink.reads.set()
        (data,) = collector.list_connections()
    assert death.status == -signal.SIGSEGV
    assert int(death.stdout.split()[-1]) >= 20, "nothing waited"
    records = [parse_rfc5424(frame) for frame in split_whole_frames(data, framing)]
    (crash,) = list_crashes(death.stderr)
    assert crash.msgid == "CRASHED"
    numbers = [read_sequence_id(record) for record in records]
    assert numbers == list(range(1, len(numbers) + 1))
    assert read_sequence_id(crash) > numbers[-1] + 1


# More waits than the pipe has space for, and nobody reads it.
LINGERING = """LIVE
import ctypes
while log._queue.size < 60000:
    log.info("x" * 100)
print(log._queue.size, flush=True)
ctypes.string_at(0)
"""


def test_a_crash_waits_for_no_pipe(needs_c: None) -> None:
    """Whatever waits: the process dies, and the record is in the pipe or on standard error."""
    source, target = os.pipe()
    try:
        os.write(target, bytes(1 << 15))  # half of it
        death = die(LINGERING, f"fd://{target}", pass_fds=(target,), linger=100.0, timeout=0.1)
    finally:
        os.close(target)
        os.close(source)
    assert death.status == -signal.SIGSEGV
    assert int(death.stdout.split()[-1]) >= 60000, "the pipe has space for it all"
    assert [record.msgid for record in list_crashes(death.stderr)] == ["CRASHED"]


SIGTERM_IN_SEND = """LIVE
import signal, time
transport = log._sender._transport
class Socket:
    def __init__(self, former):
        self.former = former
    def __getattr__(self, name):
        return getattr(self.former, name)
    def send(self, data, *flags):
        if b"interrupted" in bytes(data):
            signal.raise_signal(signal.SIGTERM)
        return self.former.send(data, *flags)
transport._socket = Socket(transport._socket)
log.info("interrupted")
time.sleep(60)
"""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sigterm_while_the_same_thread_sends(transport: str, backend: str) -> None:
    with collect_crashes(transport) as collector:
        death = die(SIGTERM_IN_SEND, collector.url, collector=collector, backend=backend)
        records = read_records(collector)
    assert (death.status, death.stderr) == (-signal.SIGTERM, "")
    check_life(records, death, [("-", 6), TERMINATED])


# Without the GIL, so that both are in the midst of it.
TWO_AT_ONCE = """LIVE
import ctypes, threading, time
barrier = threading.Barrier(4)
def crash():
    barrier.wait()
    libc.strlen(None)
libc = ctypes.CDLL(None)
for _ in range(4):
    threading.Thread(target=crash).start()
time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_threads_crash_at_once(needs_c: None, transport: str) -> None:
    for _ in range(10):
        with collect_crashes(transport) as collector:
            death = die(TWO_AT_ONCE, collector.url, collector=collector)
            assert death.status == -signal.SIGSEGV
            records = read_records(collector)
            crashes = list_crashes(death.stderr)
            check_life([*records[:3]], death, [CRASHED])
            numbers = [read_sequence_id(record) for record in [*records, *crashes]]
            assert sorted(numbers) == list(range(1, len(numbers) + 1))


# C that needs no GIL crashes, while threads that have it go on to emit.
WITHOUT_THE_LOCK = """
import ctypes, threading, time
LIVE
def speak():
    while True:
        log.info("x" * 50)
def crash():
    barrier.wait()
    libc.strlen(None)
libc = ctypes.CDLL(None)
barrier = threading.Barrier(COUNT)
for _ in range(4):
    threading.Thread(target=speak, daemon=True).start()
time.sleep(0.01)
for _ in range(COUNT):
    threading.Thread(target=crash).start()
time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("transport", [*TRANSPORTS, "unix"])
def test_others_emit_during_the_crash(
    needs_c: None, transport: str, count: int, tmp_path: pathlib.Path
) -> None:
    """The handler sends what waited when it came: not what keeps coming, and nothing twice."""
    place = str(tmp_path / "log") if transport == "unix" else transport
    code = WITHOUT_THE_LOCK.replace("COUNT", str(count))
    with collect_crashes(place) as collector:
        with read_meanwhile(collector):
            # A unix socket takes so few at a time that no more would go before the end.
            options = {"protocol": "rfc5424", "queue_bytes": 1 << (15 if place[0] == "/" else 20)}
            death = die(code, collector.url, collector=collector, **options)
        records = read_records(collector)
    assert (death.status, death.stderr) == (-signal.SIGSEGV, "")
    numbers = [read_sequence_id(record) for record in records]
    assert len(set(numbers)) == len(numbers)
    ends = [index for index, record in enumerate(records) if record.msgid == "CRASHED"]
    assert len(ends) == 1
    assert count > 1 or ends[0] == len(records) - 1


# SIGPIPE ends a process, unless it is ignored as Python does at first.
BROKEN_STDERR = """LIVE
import ctypes, os, signal
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
source, target = os.pipe()
os.dup2(target, 2)
os.close(source)
os.close(target)
ctypes.string_at(0)
"""


def test_nobody_reads_standard_error(needs_c: None) -> None:
    """The status is that of the crash all the same."""
    death = die(BROKEN_STDERR, f"tcp://127.0.0.1:{find_free_port()}")
    assert death.status == die_without_us(BROKEN_STDERR).status == -signal.SIGSEGV


# --- who else has a say --------------------------------------------------------------------------


def test_the_emitter_is_closed(needs_c: None) -> None:
    with collect_crashes("lf") as collector:
        code = SEGFAULT.replace("import ctypes", "if urls: log.close()\nimport ctypes")
        death = die(code, collector.url, collector=collector)
        records = read_records(collector)
    assert death.status == -signal.SIGSEGV
    assert [record.msgid for record in records] == ["BOOTED", records[1].msgid]
    assert [record.msgid for record in list_crashes(death.stderr)] == ["CRASHED"]


FORKED = """LIVE
import ctypes, os
child = os.fork()
if not child:
    SPEAK
    ctypes.string_at(0)
status = os.waitpid(child, 0)[1]
print(child, os.WTERMSIG(status), flush=True)
log.info("the parent goes on")
"""


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("speaks", [True, False])
def test_a_crash_in_a_fork(needs_c: None, transport: str, speaks: bool) -> None:
    """It sends as itself: PROCID and numbers are its own; without a transport, to stderr.

    The parent's stream is not touched.
    """
    action = "log.info('child'); log.flush()" if speaks else "pass"
    with collect_crashes(transport) as collector:
        death = die(FORKED.replace("SPEAK", action), collector.url, collector=collector)
        records = read_records(collector)
    child, number = death.stdout.split()[1:]
    assert (death.status, int(number)) == (0, signal.SIGSEGV)
    own = [record for record in records if record.procid == str(death.pid)]
    check_life([record for record in own if record.message != "the parent goes on"][:2], death, [])
    assert [record.msgid for record in own[2:]] == ["-", "ENDED"]
    assert [read_sequence_id(record) for record in own] == [1, 2, 3, 4]
    others = [record for record in records if record.procid == child]
    others += list_crashes(death.stderr)
    assert [record.procid for record in others] == [child] * len(others)
    assert [record.msgid for record in others] == (["-", "CRASHED"] if speaks else ["CRASHED"])
    assert [read_sequence_id(record) for record in others] == list(range(1, len(others) + 1))
    assert len(own) + len(others) == len(records) + len(list_crashes(death.stderr))


POOL = """
import ctypes, multiprocessing
LIVE
def work():
    log.info("child")
    log.flush()
    ctypes.string_at(0)
context = multiprocessing.get_context("fork")
process = context.Process(target=work)
process.start()
process.join(60)
print(process.pid, process.exitcode, flush=True)
"""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_crash_in_a_process_of_multiprocessing(needs_c: None, transport: str) -> None:
    with collect_crashes(transport) as collector:
        death = die(POOL, collector.url, collector=collector)
        records = read_records(collector)
    child, exit_code = death.stdout.split()[1:]
    assert (death.status, int(exit_code)) == (0, -signal.SIGSEGV)
    others = [record for record in records if record.procid == child]
    assert [record.msgid for record in others] == ["-", "CRASHED"]
    assert [read_sequence_id(record) for record in others] == [1, 2]


LINGERING_POOL = POOL.replace("    log.flush()\n    ctypes.string_at(0)\n", "")
assert LINGERING_POOL != POOL


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_lingers_in_a_process_of_multiprocessing(backend: str, transport: str) -> None:
    """It is sent at the end of that process, though the fork has opened its transport."""
    with collect_crashes(transport) as collector:
        death = die(
            LINGERING_POOL, collector.url, collector=collector, backend=backend, linger=1000
        )
        records = read_records(collector)
    child, exit_code = death.stdout.split()[1:]
    assert (death.status, exit_code, death.stderr) == (0, "0", "")
    assert [record.msgid for record in records if record.procid == child] == ["-"]


def test_twice(backend: str) -> None:
    """The second takes the place of the first, on the transport of its own emitter."""
    code = SEGFAULT if backend == "c" else "LIVE\n1 / 0"
    twice = code.replace(
        "LIVE",
        "LIVE\nimport os\nif urls:\n"
        " other = syslogfast.connect(os.environ['AGAIN'], **options)\n"
        " syslogfast.lifecycle.install(other)\n other.flush()",
    )
    with collect_crashes("udp") as first, collect_crashes("lf") as second:
        death = die(
            twice,
            first.url,
            collector=first,
            backend=backend,
            environment={"AGAIN": second.url},
        )
        check_likeness(death, Program(twice, -signal.SIGSEGV if backend == "c" else 1, []))
        check_life(read_records(first), death, [])
        check_life(read_records(second), death, [CRASHED] if backend == "c" else [CRASHED, ENDED])


# faulthandler has our handler for its former, and we have faulthandler's for ours.
RING = """LIVE
import faulthandler, os, signal
faulthandler.enable()
if urls: AGAIN
DIE"""


@pytest.mark.parametrize("again", ["fork", "install"])
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGFPE"])
def test_each_is_the_others_former(needs_c: None, name: str, again: str) -> None:
    """The signal goes round once, and ends the process."""
    anew = {
        "fork": "\n if os.fork(): os._exit(os.waitstatus_to_exitcode(os.wait()[1]) & 127)",
        "install": "syslogfast.lifecycle.install(log, network=False)",
    }[again]
    die_by = f"os.kill(os.getpid(), signal.{name})"
    program = RING.replace("AGAIN", anew).replace("DIE", die_by)
    number = getattr(signal, name)
    with collect_crashes("udp") as collector:
        death = die(program, collector.url, collector=collector)
        records = read_records(collector)
    assert death.status == (-number if again == "install" else -number & 127)
    assert death.stderr.count("Fatal Python error") == 1
    assert [record.msgid for record in records].count("CRASHED") == 1


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGFPE"])
def test_a_fork_keeps_what_was_there_before(needs_c: None, name: str) -> None:
    """The child is armed anew, and does not take its own handler for the one before it."""
    program = RING.replace("LIVE\n", "").replace(
        "faulthandler.enable()", "faulthandler.enable()\nLIVE"
    )
    anew = "\n if os.fork(): os._exit(os.waitstatus_to_exitcode(os.wait()[1]) & 127)"
    program = program.replace("AGAIN", anew).replace("DIE", f"os.kill(os.getpid(), signal.{name})")
    with collect_crashes("udp") as collector:
        death = die(program, collector.url, collector=collector)
        records = read_records(collector)
    assert death.status == -getattr(signal, name) & 127
    assert death.stderr.count("Fatal Python error") == 1
    assert [record.msgid for record in records].count("CRASHED") == 1


# Until there is no space in the queue; the twin may be too slow for that.
WITHOUT_SPACE = """LIVE
import os, signal, threading, time
def end():
    while not log.stats["dropped"] and log.stats["offered"] < 30_000: time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end, daemon=True).start()
while True: log.info("x" * 1000)
"""


@pytest.mark.slow
def test_sigterm_of_a_program_that_does_nothing_but_log(backend: str) -> None:
    """It ends, however much it emits meanwhile, and says so, though the queue may be full."""
    with collect_crashes("lf") as collector:
        death = die(
            WITHOUT_SPACE,
            collector.url,
            collector=collector,
            backend=backend,
            queue_bytes=1 << 16,
            on_failure=False,
        )
        assert (death.status, death.stderr) == (-signal.SIGTERM, "")
        data = b"".join(collector.list_connections())
        assert data.count(b" TERMINATED ") == 1


# Others emit without a pause, when the main thread has an exception that nobody catches.
FLOODED = """LIVE
import threading, time
def speak():
    while True: log.info("x" * 1000)
for _ in range(3): threading.Thread(target=speak, daemon=True).start()
while not log.stats["dropped"] and log.stats["offered"] < 30_000: time.sleep(0.001)
raise LookupError("no")
"""


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_exception_while_others_leave_no_space(transport: str, backend: str) -> None:
    """The record that tells why the program ends has space, whatever others emit meanwhile."""
    for _ in range(3):
        with collect_crashes(transport) as collector:
            with read_meanwhile(collector):
                options = {"queue_bytes": 1 << 16, "on_failure": False}
                death = die(FLOODED, collector.url, collector=collector, backend=backend, **options)
            if transport == "udp":
                data = b"".join(collector.list_frames())
            else:
                data = b"".join(collector.list_connections())
        assert death.status == 1
        assert data.count(b" CRASHED ") == 1


def test_nothing_at_all_has_been_sent(needs_c: None) -> None:
    """Over UDP the transport is open nevertheless: that takes no time."""
    parts = {"boot": False, "network": False}
    with collect_crashes("udp") as collector:
        death = die(SEGFAULT, collector.url, parts=parts)
        check_likeness(death, FATAL["SIGSEGV"])
        assert list_msgids(read_records(collector)) == [CRASHED]


@pytest.mark.slow
def test_space_for_some_of_the_records_only(needs_c: None) -> None:
    """SIGSEGV and SIGABRT are an octet longer: if these go without structured data, all do."""
    sizes = range(85, 140, 3)
    program = SEGFAULT.replace("LIVE", LIVE.replace("sys.stdin.readline()", "''"))
    said = set()
    for size in sizes:
        with collect_crashes("udp") as collector:
            die(program, collector.url, hostname="h", app_name="a", procid=1, max_size=size,
                parts={"boot": False, "network": False})  # fmt: skip
            (record,) = read_records(collector)
        said.add((record.message, list_parameters(record, "signal@32473").get("name")))
    assert all(
        "about to crash: SIGSEGV (Segmentation fault)".startswith(text or "") for text, _ in said
    )
    assert {name for _, name in said} == {None, "SIGSEGV"}


# What a process has in place: handlers as the kernel knows them, hooks, and who watches imports.
INVENTORY = """
def read_inventory():
    import ctypes, signal
    libc = ctypes.CDLL(None)
    actions = {}
    for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT,
                   signal.SIGTERM, signal.SIGINT):
        action = ctypes.create_string_buffer(1024)
        assert libc.sigaction(number, None, action) == 0
        handler, mask = action.raw[:8], action.raw[8:16]
        flags = int.from_bytes(action.raw[136:140], sys.byteorder) & ~0x04000000  # SA_RESTORER
        actions[number] = (handler, mask, flags) if any(handler) else "default"
    import asyncio, logging, threading
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook, signal.getsignal(15)
    return actions, hooks, [str(finder) for finder in sys.meta_path], asyncio.log.logger.filters[:]
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="struct sigaction is another one here")
@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("former", ["", "import faulthandler; faulthandler.enable()"])
def test_uninstall_leaves_nothing(backend: str, early: bool, former: str) -> None:
    """Handlers as the kernel has them, hooks and all are as before; no record is sent any more."""
    code = f"""
import sys
{former}
{INVENTORY}
before = read_inventory()
if {not early}:
    for name in [name for name in sys.modules if name.partition(".")[0] == "asyncio"]:
        del sys.modules[name]
LIVE
during = read_inventory()
life.uninstall()
life.uninstall()
after = read_inventory()
assert during != before
assert during[0][{int(signal.SIGTERM)}] != before[0][{int(signal.SIGTERM)}]
assert (during[0][{int(signal.SIGSEGV)}] != before[0][{int(signal.SIGSEGV)}]) == (
    syslogfast.BACKEND == "c")
assert after == before, [pair for pair in zip(after, before) if pair[0] != pair[1]]
import ctypes
ctypes.string_at(0)
"""
    with collect_crashes("lf") as collector:
        death = die(code, collector.url, collector=collector, backend=backend)
        assert death.status == -signal.SIGSEGV, death.stderr
        check_life(read_records(collector), death, [])
    assert list_crashes(death.stderr) == []


@pytest.mark.skipif(not hasattr(os, "WCOREDUMP"), reason="this system has no core dumps")
def test_the_core_dump_is_unchanged(needs_c: None, tmp_path: pathlib.Path) -> None:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if not hard:
        pytest.skip("core dumps are not permitted here")
    code = f"""
import os, resource
child = os.fork()
if child:
    print(os.WCOREDUMP(os.waitpid(child, 0)[1]), flush=True)
    os._exit(0)
resource.setrlimit(resource.RLIMIT_CORE, ({hard}, {hard}))
os.chdir({str(tmp_path)!r})
{SEGFAULT}
"""
    control = die_without_us(code)
    if control.stdout.split()[-1] != "True":
        pytest.skip("the kernel writes no core dump here")
    with collect_crashes("udp") as collector:
        death = die(code, collector.url, collector=collector)
        assert death.stdout == control.stdout
        assert [record.msgid for record in read_records(collector)][-1] == "CRASHED"


WITH_A_TOKEN = """
import os, signal, syslogfast
log = syslogfast.connect("tcp://127.0.0.1:9", prefix=b"SECRET ", hostname="h", app_name="a",
                         procid=1, on_failure=False)
syslogfast.lifecycle.install(log, boot=False, network=False, end=False)
os.kill(os.getpid(), signal.SIGSEGV)
"""


WITH_A_SERVICE = """
import os, signal, sys, syslogfast, syslogfast.services as services
options = {"hostname": "h", "app_name": "a", "procid": 1, "on_failure": False}
data = {"vm@32473": {"id": "17"}}
token = "8bf8cc10-4140-4c3e-a2b4-e6f5324f1aea"
if sys.argv[1] == "prefix":
    log = syslogfast.connect("tls://127.0.0.1:9", prefix=token.encode() + b" ",
                             structured_data=data, **options)
else:
    service = getattr(services, sys.argv[1])
    log = service(token, url="tls://127.0.0.1:9", structured_data=data, **options)
syslogfast.lifecycle.install(log, boot=False, network=False, end=False,
                             fatal_url=sys.argv[2] or None)
os.kill(os.getpid(), signal.SIGSEGV)
"""
TOKEN = "8bf8cc10"  # a part of it


@pytest.mark.parametrize("where", ["standard error", "fatal_url"])
@pytest.mark.parametrize(
    "service", ["prefix", "datadog", "logentries", "loggly", "solarwinds", "sumologic"]
)
def test_a_token_is_the_services_alone(
    run_python: Callable, needs_c: None, service: str, where: str
) -> None:
    """Neither standard error nor another collector has it; they have all the rest."""
    with collect_crashes("udp") as collector:
        url = collector.url if where == "fatal_url" else ""
        result = run_python(WITH_A_SERVICE, service, url, backend="c")
        assert result.returncode == -signal.SIGSEGV
        if url:
            (record,) = read_records(collector)
            assert result.stderr == ""
        else:
            (record,) = list_crashes(result.stderr)
            assert result.stderr.startswith("<10>1 ")
    assert TOKEN not in result.stderr
    assert record.msgid == "CRASHED"
    sd_ids = [sd_id for sd_id, _ in record.structured_data]
    assert sd_ids == ["vm@32473", "meta", "signal@32473"]


def test_a_prefix_is_the_collectors_alone(run_python: Callable, needs_c: None) -> None:
    """It may be a token of a hosted service: standard error gets the record without it."""
    result = run_python(WITH_A_TOKEN, backend="c")
    assert result.returncode == -signal.SIGSEGV
    assert result.stderr.startswith("<10>1 ")
    assert [record.msgid for record in list_crashes(result.stderr)] == ["CRASHED"]
    assert "SECRET" not in result.stderr
