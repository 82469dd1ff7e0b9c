"""What led to a crash: the flight recorder's records before the one that tells of it."""

import contextlib
import itertools
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from support.backends import load_backend
from support.crashes import (
    Collector,
    collect_crashes,
    die,
    leave_out_stack,
    list_crashes,
    read_meanwhile,
)
from support.grammar import Rfc5424Record, parse_rfc5424, split_frames

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="there are no signals to die of"),
    pytest.mark.versions,
]

RING = 1 << 16
LAST = 2999
PROGRAM = f"""
import ctypes, os, signal, threading, time
LIVE
log.flush()
for number in range({LAST + 1}):
    log.debug("%d in the basket of somebody", number)
    if number % 100 == 0:
        log.info("%d sold", number)
"""
TRANSPORTS = ("udp", "lf", "octet", "unix")
# Statement, MSGID of the record that it comes before, status.
ENDS = {
    "SIGSEGV": ("ctypes.string_at(0)", "CRASHED", -11),
    "SIGSEGV in a thread": (
        "threading.Thread(target=ctypes.string_at, args=(0,)).start(); time.sleep(9)",
        "CRASHED",
        -11,
    ),
    "SIGSEGV, sent": ("os.kill(os.getpid(), signal.SIGSEGV)", "CRASHED", -11),
    "abort": ("os.abort()", "CRASHED", -6),
    "exception": ("raise LookupError(number)", "CRASHED", 1),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", "TERMINATED", -15),
    "dump": ("log.dump(); log.notice('dumped', msgid='DUMPED')", "DUMPED", 0),
}
IN_C = ("SIGSEGV", "SIGSEGV in a thread", "SIGSEGV, sent", "abort")


def read_all(collector: Collector) -> list[Rfc5424Record]:
    return [parse_rfc5424(frame) for frame in collector.list_frames()]


def find_recorded(records: "list[Rfc5424Record]", msgid: str) -> "list[int]":
    """Return the numbers in the texts of what was recorded: in order, all before one record."""
    (end,) = [index for index, record in enumerate(records) if record.msgid == msgid]
    found = []
    marks = []
    for index, record in enumerate(records):
        elements = dict(record.structured_data)
        if "recorded@32473" in elements:
            assert index < end
            assert record.priority % 8 == 7
            assert "meta" not in elements
            marks.append(int(dict(elements["recorded@32473"])["number"]))
            found.append(int(str(record.message).split()[0]))
    assert found == list(range(found[0], found[0] + len(found)))
    assert marks == [number + 1 for number in found]
    first = next(i for i, r in enumerate(records) if "recorded@32473" in dict(r.structured_data))
    assert all("recorded@32473" in dict(r.structured_data) for r in records[first:end])
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "transport", "backend"),
    [
        *itertools.product(ENDS, TRANSPORTS, ["c"]),
        *itertools.product([name for name in ENDS if name not in IN_C], TRANSPORTS, ["python"]),
    ],
    indirect=["backend"],
)
def test_what_led_to_an_end(
    name: str, transport: str, backend: str, tmp_path: pathlib.Path
) -> None:
    """The last records come before it, in order and whole; nothing of them before that."""
    statement, msgid, status = ENDS[name]
    place = str(tmp_path / "log") if transport == "unix" else transport
    with collect_crashes(place) as collector:
        with read_meanwhile(collector):
            death = die(
                PROGRAM + statement,
                collector.url,
                collector=collector,
                backend=backend,
                parts={"dump_at_termination": True},
                protocol="rfc5424",
                level="info",
                recorder_bytes=RING,
            )
        records = read_all(collector)
    assert death.status == status, death.stderr
    found = find_recorded(records, msgid)
    assert found[-1] == LAST
    assert len(found) > RING // 200  # octets of each, about
    texts = [record.message for record in records if str(record.message).endswith("sold")]
    assert texts == [f"{number} sold" for number in range(0, LAST, 100)]


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["lf", "udp"])
def test_a_crash_while_others_record(needs_c: None, transport: str, tmp_path: pathlib.Path) -> None:
    """Whoever is caught in the midst of it, what arrives is whole and in order."""
    code = """
import os, random, signal, threading, time
LIVE
def crash():
    time.sleep(random.random() / 20)
    os.kill(os.getpid(), signal.SIGSEGV)
number = 0
while True:
    log.debug("%d in the basket of somebody" + "x" * (number % 50), number)
    number += 1
    if number == 5:
        threading.Thread(target=crash).start()
"""
    for _ in range(12):
        with collect_crashes(transport) as collector:
            with read_meanwhile(collector):
                death = die(
                    code, collector.url, collector=collector, level="info", recorder_bytes=1 << 15
                )
            records = read_all(collector)
        assert death.status == -signal.SIGSEGV
        assert find_recorded(records, "CRASHED")


@pytest.mark.parametrize("framing", ["lf", "octet"])
def test_a_collector_that_does_not_read(needs_c: None, framing: str) -> None:
    """The record of the crash is sure of its space; before it are the newest of the others."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"tcp://127.0.0.1:{deaf.getsockname()[1]}?framing={framing}"
        code = PROGRAM + "ctypes.string_at(0)"
        begun = time.monotonic()
        death = die(code, url, level="info", recorder_bytes=RING, parts={"network": False})
        assert time.monotonic() - begun < 10
        assert (death.status, death.stderr) == (-signal.SIGSEGV, "")
        connection, _ = deaf.accept()
        with connection:
            connection.settimeout(5)
            received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    records = [parse_rfc5424(frame) for frame in split_frames(received, framing)]
    assert records[-1].msgid == "CRASHED"
    assert find_recorded(records, "CRASHED")[-1] == LAST


@pytest.mark.parametrize("is_read", [True, False])
def test_a_pipe(needs_c: None, is_read: bool) -> None:
    """What a pipe takes at once goes before the record of the crash, if somebody reads it."""
    source, target = os.pipe()
    received = bytearray()

    def read() -> None:
        while data := os.read(source, 1 << 16):
            received.extend(data)

    reader = threading.Thread(target=read)
    options = {"level": "info", "recorder_bytes": RING, "parts": {"network": False}}
    code = PROGRAM + "ctypes.string_at(0)"
    if not is_read:  # full, but for what the kernel does not take at once
        code = code.replace("log.flush()", f"log.flush(); os.set_blocking({target}, False)", 1)
        code = code.replace(
            "ctypes.string_at", f"os.write({target}, b'x' * 65536)\nctypes.string_at"
        )
    if is_read:
        reader.start()
    try:
        death = die(code, f"fd://{target}", pass_fds=(target,), **options)
    finally:
        os.close(target)
        if is_read:
            reader.join()
        else:
            read()
        os.close(source)
    assert death.status == -signal.SIGSEGV
    if is_read:
        records = [parse_rfc5424(line) for line in bytes(received).splitlines()]
        assert death.stderr == ""
        assert find_recorded(records, "CRASHED")[-1] == LAST
    else:
        assert b"CRASHED" not in received
        assert list_crashes(death.stderr)[-1].msgid == "CRASHED"


def test_a_unix_stream_that_nobody_reads(needs_c: None, tmp_path: pathlib.Path) -> None:
    """Its buffer has space for all that was recorded, and for the record of the crash."""
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "log"))
        deaf.listen()
        deaf.settimeout(5)
        code = PROGRAM + "ctypes.string_at(0)"
        options = {"level": "info", "recorder_bytes": 2 * RING, "protocol": "rfc5424"}
        options["parts"] = {"network": False}
        death = die(code, f"unix://{tmp_path}/log?framing=lf", **options)
        connection, _ = deaf.accept()
        with connection:
            connection.settimeout(5)
            received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert (death.status, death.stderr) == (-signal.SIGSEGV, "")
    records = [parse_rfc5424(frame) for frame in split_frames(received, "lf")]
    found = find_recorded(records, "CRASHED")
    assert found[-1] == LAST
    assert len(found) > 2 * RING // 200


def test_a_larger_buffer_stays_as_large(needs_c: None, tmp_path: pathlib.Path) -> None:
    """What a program has made of it is all of use: root may force it, others have the most."""
    growth = """
import socket
stream = socket.socket(fileno=os.dup(log._queue.descriptor))
for option in (socket.SO_SNDBUF, 32):  # SO_SNDBUFFORCE
    try:
        stream.setsockopt(socket.SOL_SOCKET, option, 1 << 21)
    except OSError:
        pass
print(stream.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), flush=True)
"""
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "log"))
        deaf.listen()
        deaf.settimeout(5)
        code = PROGRAM + growth + "ctypes.string_at(0)"
        code = code.replace('"%d in the basket', '"%d in the large basket' + " x" * 100)
        options = {"level": "info", "recorder_bytes": 1 << 21, "protocol": "rfc5424"}
        options["parts"] = {"network": False}
        death = die(code, f"unix://{tmp_path}/log?framing=lf", **options)
        connection, _ = deaf.accept()
        with connection:
            connection.settimeout(5)
            received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert (death.status, death.stderr) == (-signal.SIGSEGV, "")
    records = [parse_rfc5424(frame) for frame in split_frames(received, "lf")]
    assert find_recorded(records, "CRASHED")[-1] == LAST
    size = int(death.stdout.split()[-1])
    assert len(received) > min(900_000, size // 8 * 5 - 20_000)


def test_a_unix_socket_that_nobody_reads(needs_c: None, tmp_path: pathlib.Path) -> None:
    """It has space for eleven datagrams: those before, the newest, and the record of the crash."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "log"))
        code = PROGRAM.replace("number % 100", "number % 1000") + "ctypes.string_at(0)"
        options = {"level": "info", "recorder_bytes": RING, "protocol": "rfc5424"}
        death = die(code, f"unix://{tmp_path}/log", parts={"network": False}, **options)
        deaf.setblocking(False)
        records = []
        with contextlib.suppress(BlockingIOError):
            while True:
                records.append(parse_rfc5424(deaf.recv(70_000)))
    assert (death.status, death.stderr) == (-signal.SIGSEGV, "")
    found = find_recorded(records, "CRASHED")
    assert found[-1] == LAST
    assert 2 <= len(found) <= 6


def test_a_crash_that_is_survived(needs_c: None) -> None:
    """What the handler has sent is accounted for, and the recorder goes on."""
    code = """
import ctypes, os, signal
libc = ctypes.CDLL(None)
libc.signal(signal.SIGFPE, ctypes.cast(libc.getppid, ctypes.c_void_p))
LIVE
for number in range(500): log.debug("%d in the basket of somebody" + "x" * 50, number)
log.flush()
os.kill(os.getpid(), signal.SIGFPE)
recorder, stats = log.stats["recorder"], log.stats
assert stats["offered"] == stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
assert stats["offered"] == 2 + recorder["sent"], stats
assert recorder["queued"] == 0
assert recorder["offered"] == recorder["sent"] + recorder["dropped"]["overwritten"] == 500
log.debug("500 after")
assert log.dump() == 1
"""
    with collect_crashes("lf") as collector:
        options = {"level": "info", "recorder_bytes": 1 << 15}
        death = die(code, collector.url, collector=collector, **options)
        records = read_all(collector)
    assert (death.status, death.stderr) == (0, "")
    assert [record.msgid for record in records[-3:]] == ["CRASHED", "-", "ENDED"]
    assert records[-2].message == "500 after"


def test_nothing_recorded(needs_c: None) -> None:
    with collect_crashes("lf") as collector:
        options = {"level": "info", "recorder_bytes": RING}
        code = "import ctypes\nLIVE\nctypes.string_at(0)"
        die(code, collector.url, collector=collector, **options)
        assert [record.msgid for record in read_all(collector)][2:] == ["CRASHED"]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_has_a_recorder_of_its_own(needs_c: None) -> None:
    code = """
import ctypes, os
LIVE
log.debug("0 parent's")
child = os.fork()
if not child:
    log.flush()
    log.debug("0 child's")
    log.info("speaks")
    log.flush()
    ctypes.string_at(0)
assert os.waitpid(child, 0)[1] == 11
log.dump()
"""
    with collect_crashes("lf") as collector:
        options = {"level": "info", "recorder_bytes": RING}
        death = die(code, collector.url, collector=collector, **options)
        assert death.status == 0
        records = read_all(collector)
    texts = {record.procid: [] for record in records}
    for record in records[2:]:
        texts[record.procid].append(leave_out_stack(record.message))
    own = texts.pop(str(death.pid))
    assert own == ["0 parent's", "ended"]
    (childs,) = texts.values()
    assert childs == ["speaks", "0 child's", "about to crash: SIGSEGV (Segmentation fault)"]


# --- the Python stack ----------------------------------------------------------------------------

STACKS = {
    "main thread": "crash()",
    "a thread": ("thread = threading.Thread(target=crash); thread.start(); thread.join()"),
}


@pytest.mark.parametrize("faulthandler", ["", "import faulthandler; faulthandler.enable()"])
@pytest.mark.parametrize("name", STACKS)
def test_the_stack(needs_c: None, name: str, faulthandler: str) -> None:
    """The record names function, file and line of the thread that has crashed."""
    code = f"""
import ctypes, threading
LIVE
{faulthandler}
def inner(): ctypes.string_at(0)
def crash(): inner()
{STACKS[name]}
"""
    with collect_crashes("lf") as collector:
        death = die(code, collector.url, collector=collector)
        crash = read_all(collector)[-1]
    assert death.status == -signal.SIGSEGV
    lines = code.replace("LIVE", "\n" * 9).splitlines()
    text = str(crash.message)
    frames = re.findall(r'File "([^"]+)", line (\d+) in ([\w<>]+)', text)
    assert ", most recent call first: File " in text
    assert [function for _, _, function in frames][1:3] == ["inner", "crash"]
    assert {file for file, _, _ in frames[1:3]} == {"<string>"}
    numbers = [int(number) for _, number, _ in frames[1:3]]
    assert numbers[1] - numbers[0] == 1
    assert lines
    assert ("Fatal Python error" in death.stderr) == bool(faulthandler)


DESCEND = """
import ctypes
LIVE
def descend(depth):
    if depth:
        return descend(depth - 1)
    ctypes.string_at(0)
descend(300)
"""


def test_a_long_stack_is_cut_between_frames(needs_c: None) -> None:
    with collect_crashes("udp") as collector:
        die(DESCEND, collector.url, collector=collector, max_size=700)
        frame = collector.list_frames()[-1]
    assert 600 < len(frame) <= 700
    assert re.search(rb", line \d+ in descend$", frame)


def test_a_long_stack_has_space_beside_a_long_header(needs_c: None) -> None:
    """4096 octets, whatever else is in the record."""
    elements = {"long@32473": {"text": "x" * 2000}}
    with collect_crashes("lf") as collector:
        die(DESCEND, collector.url, collector=collector, max_size=8192, structured_data=elements)
        frame = collector.list_frames()[-1]
    stack = frame.partition(b"x" * 2000)[2]
    assert len(stack) > 3500  # it is shortened where lines are joined
    assert re.search(rb", line \d+ in descend$", frame)


def test_a_frame_that_is_corrupt(needs_c: None) -> None:
    """The dump crashes itself, or finds it out: the record goes out without it, in any case.

    The status is that of the signal. The frame's thread is in C and runs no more of Python's code.
    """
    code = """
import ctypes, os, signal, sys, threading, time
LIVE
def corrupt(frame):
    # What a frame's own memory has of its code: the dump is going to read it.
    time.sleep(0.1)
    inner = ctypes.c_void_p.from_address(id(frame) + 3 * ctypes.sizeof(ctypes.c_void_p)).value
    for offset in range(0, 96, 8):
        place = ctypes.c_void_p.from_address(inner + offset)
        if place.value is not None and place.value & ~3 == id(frame.f_code):
            place.value = 8
            signal.pthread_kill(threading.main_thread().ident, NUMBER)
            time.sleep(9)
    os._exit(77)
def wait():
    threading.Thread(target=corrupt, args=(sys._getframe(),)).start()
    pause()
pause = ctypes.CDLL(None).pause
wait()
"""
    for name in ("SIGSEGV", "SIGABRT"):
        number = int(signal.Signals[name])
        with collect_crashes("lf") as collector:
            death = die(code.replace("NUMBER", str(number)), collector.url, collector=collector)
            crash = read_all(collector)[-1]
        assert death.status == -number
        assert crash.message == f"about to crash: {name} ({signal.strsignal(number)})"


def test_a_stack_needs_a_descriptor(needs_c: None) -> None:
    """Without one there is no stack, and the record all the same."""
    code = """
import ctypes, os
os.memfd_create = None
LIVE
ctypes.string_at(0)
"""
    load_backend("c")
    with collect_crashes("lf") as collector:
        death = die(code.replace("= None", "= lambda name: os.open('/none', 0)"), collector.url,
                    collector=collector)  # fmt: skip
        crash = read_all(collector)[-1]
    assert death.status == -signal.SIGSEGV
    assert crash.message == "about to crash: SIGSEGV (Segmentation fault)"


def test_a_stream_that_a_program_has_opened(needs_c: None) -> None:
    """Its buffer is made as large as anybody may, for what led to the crash; nobody reads yet."""
    code = """
import ctypes, sys
import syslogfast.lifecycle
log = syslogfast.connect(
    f"fd://{sys.argv[1]}?framing=lf", level="info", recorder_bytes=1 << 18, hostname="h"
)
syslogfast.lifecycle.install(log)
for number in range(3000):
    log.debug("%d in the basket of somebody", number)
ctypes.string_at(0)
"""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        options = {"pass_fds": [theirs.fileno()], "env": {**os.environ, "SYSLOGFAST_BACKEND": "c"}}
        command = [sys.executable, "-Ic", code, str(theirs.fileno())]
        result = subprocess.run(command, capture_output=True, timeout=60, **options)
        assert result.returncode == -signal.SIGSEGV, result.stderr
        theirs.close()
        received = bytearray()
        while data := ours.recv(1 << 16):
            received += data
    records = [parse_rfc5424(frame) for frame in split_frames(bytes(received), "lf")]
    assert records[-1].msgid == "CRASHED"
    found = find_recorded(records, "CRASHED")
    assert found[-1] == 2999
    assert len(received) > 150_000  # 5 of 8 of the usual buffer are 133,120
