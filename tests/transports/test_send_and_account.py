"""What C sends in one step: bytes go to the kernel, and into the account, without Python between.

The twin has no such step, and says so.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.backends import load_backend
from support.crashes import (
    collect_crashes,
    die,
    list_crashes,
    read_records,
    read_sequence_id,
)

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="Python sends, where C has no sockets"),
    pytest.mark.native,
]

BLOCK = 1 << 17
SHORT = 4096  # bytes that are sent with the GIL held; more of them without it


@pytest.fixture
def queue() -> "object":
    return load_backend("c").Queue(1 << 22, BLOCK)


@contextlib.contextmanager
def open_pair(kind: int) -> "Iterator[tuple[socket.socket, socket.socket]]":
    own, other = socket.socketpair(socket.AF_UNIX, kind)
    with own, other:
        own.setblocking(False)
        other.setblocking(False)
        yield own, other


def read_all(other: socket.socket) -> "list[bytes]":
    parts = []
    with contextlib.suppress(BlockingIOError):
        while part := other.recv(1 << 20):
            parts.append(part)
    return parts


def check(queue: "object", sent: int, queued: int, octets: int) -> None:
    counts = queue.count_all()  # type: ignore[attr-defined]
    assert (counts["sent"], counts["queued"], counts["bytes"]) == (sent, queued, octets)
    assert counts["offered"] == sent + queued + sum(counts["dropped"].values())


def test_the_twin_leaves_it_to_the_transport() -> None:
    from syslogfast.transports.queue_py import Queue

    queue = Queue(1000)
    queue.put(b"x")
    assert queue.send_stream(False) == queue.send_stream(True) == queue.send_datagrams(9) == -1
    assert (queue.count, queue.count_all()["sent"]) == (1, 0)


@pytest.mark.parametrize("size", [1, 100, SHORT // 2, SHORT, SHORT + 1, BLOCK - 1, BLOCK + 1])
@pytest.mark.parametrize("one", [False, True])
def test_a_stream_takes_it_all(queue: "object", size: int, one: bool) -> None:
    frames = [bytes([97 + number]) * size for number in range(5)]
    with open_pair(socket.SOCK_STREAM) as (own, other):
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        queue.descriptor = own.fileno()
        assert queue.send_stream(one) == 0
        check(queue, 0, 0, 0)
        for frame in frames:
            queue.put(frame)
        steps = []
        taken = bytearray()
        while queue.count:
            steps.append(queue.send_stream(one))
            assert steps[-1] >= 0
            taken += b"".join(read_all(other))
        assert bytes(taken) == b"".join(frames)
    check(queue, 5, 0, 5 * size)
    assert queue.size == 0
    if one:
        assert steps == [size] * 5
    elif size < SHORT:
        assert steps == [5 * size]


@pytest.mark.parametrize("size", [100, 50_000])
def test_a_stream_that_is_full(queue: "object", size: int) -> None:
    """A record may be half sent; the rest of it follows, and 0 says that there is no space."""
    frames = [bytes([97 + number % 26]) * size for number in range(1 + (1 << 20) // size)]
    taken = bytearray()
    fulls = 0
    with open_pair(socket.SOCK_STREAM) as (own, other):
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
        queue.descriptor = own.fileno()
        for frame in frames:
            queue.put(frame)
        while queue.count:
            sent = queue.send_stream(False)
            assert sent >= 0
            if not sent:
                fulls += 1
                counts = queue.count_all()
                assert counts["bytes"] // size == counts["sent"]
                taken += b"".join(read_all(other))
        taken += b"".join(read_all(other))
    assert fulls > 1
    assert bytes(taken) == b"".join(frames)
    check(queue, len(frames), 0, len(taken))


def test_what_is_pinned_by_a_send_is_free_afterwards(queue: "object") -> None:
    with open_pair(socket.SOCK_STREAM) as (own, other):
        queue.descriptor = own.fileno()
        queue.put(b"x" * 100)
        assert queue.send_stream(False) == 100
        queue.put(b"y" * 100)
        queue.drop_oldest(queue.limit)
        assert queue.count_all()["dropped"] == {"full": 1}
        queue.put(b"z" * 100)
        assert queue.send_stream(False) == 100
        assert b"".join(read_all(other)) == b"x" * 100 + b"z" * 100
    check(queue, 2, 0, 200)


@pytest.mark.parametrize("what", ["closed", "no descriptor", "no socket", "no such descriptor"])
def test_what_python_has_to_look_at(queue: "object", what: str, tmp_path: pathlib.Path) -> None:
    """Nothing is taken, all of it is there still, and the transport asks the kernel itself."""
    queue.put(b"x" * 100)
    with open_pair(socket.SOCK_STREAM) as (own, other), open(tmp_path / "file", "wb") as file:
        numbers = {"no descriptor": -1, "no socket": file.fileno(), "no such descriptor": 1 << 20}
        queue.descriptor = numbers.get(what, own.fileno())
        if what == "closed":
            other.close()
        assert queue.send_stream(False) == -1
        assert queue.send_datagrams(0) == -1
        assert bytes(queue.peek()) == b"x" * 100
    assert (tmp_path / "file").read_bytes() == b""
    check(queue, 0, 1, 0)


def test_what_a_collector_says_is_no_concern(queue: "object") -> None:
    with open_pair(socket.SOCK_STREAM) as (own, other):
        queue.descriptor = own.fileno()
        for _ in range(3):
            other.send(b"welcome" * 1000)
            queue.put(b"x" * 100)
            assert queue.send_stream(False) == 100
        assert b"".join(read_all(other)) == b"x" * 300


@pytest.mark.skipif(sys.platform != "linux", reason="UDP_SEGMENT is Linux's")
@pytest.mark.parametrize(
    ("sizes", "longest", "sends"),
    [
        ([100] * 5, 0, [100] * 5),
        ([100] * 5, 99, [100] * 5),
        ([100] * 5, 100, [500]),
        ([100] * 4 + [60], 1000, [460]),
        ([100, 60, 60], 1000, [160, 60]),
        ([100, 101], 1000, [100, 101]),
        ([50] * 130, 1000, [3200, 3200, 100]),
        ([1400] * 60, 1400, [46 * 1400, 14 * 1400]),
    ],
)
def test_datagrams(queue: "object", sizes: "list[int]", longest: int, sends: "list[int]") -> None:
    """Each record is one of its own, whether the kernel was told of one or of many."""
    frames = [bytes([33 + number % 90]) * size for number, size in enumerate(sizes)]
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        own.connect(receiver.getsockname())
        queue.descriptor = own.fileno()
        for frame in frames:
            queue.put(frame)
        seen = []
        while queue.count:
            seen.append(queue.send_datagrams(longest))
        assert seen == sends
        assert read_all(receiver) == frames
    check(queue, len(sizes), 0, sum(sizes))


def test_a_datagram_socket_that_is_full(queue: "object") -> None:
    with open_pair(socket.SOCK_DGRAM) as (own, other):
        queue.descriptor = own.fileno()
        for number in range(5000):
            queue.put(b"%04d" % number)
        taken: list[bytes] = []
        fulls = 0
        while queue.count:
            sent = queue.send_datagrams(0)
            assert sent in (0, 4)
            if not sent:
                fulls += 1
                taken += read_all(other)
        taken += read_all(other)
    assert fulls
    assert taken == [b"%04d" % number for number in range(5000)]


# --- a signal amid a send ------------------------------------------------------------------------

# Stands before send() of the C library: before or after the kernel has taken the bytes that have
# a word in them, the thread that sends gets a signal, or another thread is let go on, which does.
PRELOAD = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static volatile int number, is_before, is_reached;

void prepare(int signal_number, int before) { number = signal_number; is_before = before; }
int has_reached(void) { return is_reached; }

static void interrupt(const void *data, size_t size)
{
    struct timespec pause = {0, 20000000};
    if (!memmem(data, size, "amid", 4))
        return;
    is_reached = 1;
    if (number)
        raise(number);
    else
        nanosleep(&pause, NULL);    /* as a kernel that takes its time */
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    static ssize_t (*next)(int, const void *, size_t, int);
    ssize_t sent;
    if (!next)
        next = (ssize_t (*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
    if (is_before)
        interrupt(data, size);
    sent = next(fd, data, size, flags);
    if (!is_before)
        interrupt(data, size);
    return sent;
}
"""


@pytest.fixture(scope="module")
def preload(tmp_path_factory: pytest.TempPathFactory) -> "dict[str, str]":
    """The environment of a process in whose sends a signal can be raised."""
    load_backend("c")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no compiler for C, or no LD_PRELOAD")
    folder = tmp_path_factory.mktemp("preload")
    (folder / "send.c").write_text(PRELOAD, encoding="ascii")
    options = ["-O1", "-shared", "-fPIC", "-o", str(folder / "send.so")]
    subprocess.run([compiler, *options, str(folder / "send.c"), "-ldl"], check=True)
    return {"LD_PRELOAD": str(folder / "send.so")}


AMID = """LIVE
import ctypes, os, threading, time
library = ctypes.PyDLL(os.environ["LD_PRELOAD"])
library.prepare(NUMBER, BEFORE)
CRASH
log.info("amid" + "x" * LENGTH)
time.sleep(60)
"""

FROM_ANOTHER_THREAD = """
def crash():
    while not library.has_reached():
        time.sleep(0.0005)
    ctypes.CDLL(None).strlen(None)
threading.Thread(target=crash, daemon=True).start()
"""


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("length", [100, 30_000])
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGTERM"])
@pytest.mark.parametrize("transport", ["udp", "lf", "octet"])
def test_a_signal_amid_a_send_of_its_own_thread(
    preload: "dict[str, str]", transport: str, name: str, length: int, before: int
) -> None:
    """It comes again where the send is over: all is on the wire, once, and in its order."""
    number = signal.Signals[name].value
    code = AMID.replace("NUMBER", str(number)).replace("BEFORE", str(before))
    code = code.replace("CRASH", "").replace("LENGTH", str(length))
    with collect_crashes(transport) as collector:
        death = die(code, collector.url, collector=collector, environment=preload, max_size=60_000)
        records = read_records(collector)
    assert (death.status, death.stderr) == (-number, "")
    last = "TERMINATED" if name == "SIGTERM" else "CRASHED"
    assert [record.msgid for record in records[2:]] == ["-", last]
    assert records[2].message == "amid" + "x" * length
    numbers = [read_sequence_id(record) for record in records]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("transport", ["udp", "lf", "octet"])
def test_a_crash_of_another_thread_amid_a_send(
    preload: "dict[str, str]", transport: str, before: int
) -> None:
    """The handler waits for the kernel, and goes on in the sender's place."""
    code = AMID.replace("NUMBER", "0").replace("BEFORE", str(before))
    code = code.replace("CRASH", FROM_ANOTHER_THREAD).replace("LENGTH", "30000")
    with collect_crashes(transport) as collector:
        death = die(code, collector.url, collector=collector, environment=preload, max_size=60_000)
        records = read_records(collector)
    assert (death.status, death.stderr) == (-signal.SIGSEGV, "")
    assert [record.msgid for record in records[2:]] == ["-", "CRASHED"]
    numbers = [read_sequence_id(record) for record in records]
    assert numbers == list(range(1, len(numbers) + 1))


BUSY = """LIVE
import ctypes, os, signal, threading, time
def speak():
    while True:
        log.info("x" * 100)
for _ in range(4):
    threading.Thread(target=speak, daemon=True).start()
time.sleep(0.03)
CRASH
time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.no_sanitizer
@pytest.mark.parametrize("linger", [None, 0, 0.05])
@pytest.mark.parametrize(
    "crash",
    [
        "ctypes.PyDLL(None).strlen(None)",  # which keeps the GIL
        "ctypes.CDLL(None).strlen(None)",
        "os.kill(os.getpid(), signal.SIGSEGV)",
    ],
)
def test_a_crash_on_a_busy_stream(crash: str, linger: "float | None") -> None:
    """It is on the wire, behind all that waited, and not on standard error.

    But for one of five, at most: where the machine gives another thread's send no processor.
    What other threads emit until the process has ended may come behind it.
    """
    load_backend("c")
    told = 0
    for _ in range(5):
        with collect_crashes("lf") as collector:
            death = die(
                BUSY.replace("CRASH", crash), collector.url, collector=collector, linger=linger
            )
            data = b"".join(collector.list_connections())
        assert death.status == -signal.SIGSEGV
        before, found, after = data.partition(b" CRASHED ")
        if found and b"\n" in after:
            number = int(re.search(rb'sequenceId="(\d+)"', after)[1])
            assert all(int(one) < number for one in re.findall(rb'sequenceId="(\d+)"', before))
            assert data.count(found) == 1
            told += 1
        else:
            assert [record.msgid for record in list_crashes(death.stderr)] == ["CRASHED"]
    assert told >= 4
