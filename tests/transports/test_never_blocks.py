"""`emit` waits for nobody: no system call of the thread that emits may block.

A child process emits, under strace; its collector reads, is stopped with its connection open, or
is not there. What is looked at is what its main thread asks of the kernel from the first record to
the last. Its worker may wait for whatever it likes.

One wait remains, and is not the package's: the GIL is taken and given away by futexes. They lie in
the interpreter's static data, and those of malloc in libc's (there is one arena), while each lock
that Python code can make lies on the heap or on a stack. So a wait for a futex in static data is
let pass, and any other is a fault. The twin's queue has a lock, which nobody holds over a system
call: with the twin, waiting for a lock without a time limit is let pass, too.
"""

import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.pairwise import choose_pairs

pytestmark = pytest.mark.surroundings

RECORDS = 500
MESSAGE = "x" * 24000  # so large that the kernels of a stopped connection do not take all of them
MAX_SIZE = 25000
PIPE_BUF = 4096  # POSIX: a pipe that poll() finds writable takes so many bytes without waiting

EMIT = """
import json, os, sys, time
import syslogfast

def list_static_data():
    # The writable parts of the interpreter and of libc, with the .bss that follows each.
    ranges, follows = [], False
    for line in open("/proc/self/maps"):
        addresses, rights, _, _, _, *path = line.split()
        start, end = (int(address, 16) for address in addresses.split("-"))
        name = os.path.basename(path[0]) if path else ""
        if rights[:2] == "rw" and name.startswith(("python", "libpython", "libc.", "libc-")):
            ranges.append((start, end))
            follows = True
        elif follows and not name and start == ranges[-1][1]:
            ranges[-1] = ranges[-1][0], end
        else:
            follows = False
    return ranges

url, options, records, message, extra = sys.argv[1:]
with syslogfast.connect(url, hostname="h", app_name="a", procid=1, **json.loads(options)) as log:
    log.info("first")
    log.flush(0.5)
    print(json.dumps([os.getpid(), list_static_data()]), flush=True)
    sys.stdin.readline()
    os.write(1, b"begin\\n")
    for number in range(int(records)):
        log.info(message)
        exec(extra)
    os.write(1, b"end\\n")
    stats = log.stats
    log.close(0)
print(json.dumps(stats), flush=True)
"""

# A collector that reads all it gets; it prints where.
COLLECT = """
import socket, sys
family, kind, address = eval(sys.argv[1])
listener = socket.socket(family, kind)
listener.bind(address)
if kind == socket.SOCK_STREAM:
    listener.listen()
print(listener.getsockname()[1] if family == socket.AF_INET else address, flush=True)
while True:
    source = listener.accept()[0] if kind == socket.SOCK_STREAM else listener
    while source.recv(1 << 16):
        pass
"""
ADDRESSES = {
    "tcp": "(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', 0))",
    "udp": "(socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', 0))",
    "unix": "(socket.AF_UNIX, socket.SOCK_DGRAM, {path!r})",
}

# What strace writes of a call: its name, its arguments and what it returned, in a column of its own
# where the rest is short, as where sockets still have low numbers.
CALL = re.compile(r"(\w+)\((.*)\) += (-?\w+|\?)")
STATE = re.compile(r"ioctl\(\d+<socket:\[(\d+)\]>, FIONBIO, \[(\d)\]\) += 0")
# A pipe that was opened anew, for who must not wait; strace shows what a descriptor is.
OPENED = re.compile(r'openat\(.*"/proc/self/fd/\d+", ([\w|]+)\) += (\d+<[^>]*>)')
DESCRIPTOR = re.compile(r"(\d+)<([^>]*)>")
POLL = re.compile(r"\[\{fd=(\d+)<[^>]*>, events=(\w+)\}\], 1, 0$")
TRACED = (
    "network,poll,ppoll,select,pselect6,epoll_wait,epoll_pwait,nanosleep,clock_nanosleep,futex,"
    "read,readv,write,writev,ioctl,flock,wait4,rt_sigtimedwait,openat"
)
TRANSFERS = ("sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg", "connect")
FILE_CALLS = ("read", "readv", "write", "writev")
NEVER_WAIT = (
    *("ioctl", "socket", "bind", "getsockopt", "setsockopt", "getsockname", "getpeername"),
    *("shutdown", "socketpair", "openat"),
)


class Trace:
    """What the main thread of a process asked of the kernel between its two marks."""

    def __init__(
        self, prefix: pathlib.Path, main: int, static_data: list[list[int]], has_lock: bool
    ) -> None:
        files = {
            path.suffix: path.read_text("utf-8", "replace")
            for path in prefix.parent.glob(f"{prefix.name}.*")
        }
        self.static_data = static_data
        self.has_lock = has_lock
        # Whoever made a socket non-blocking; one that has been anything else again is not.
        states = set(STATE.findall("".join(files.values())))
        self.ready = {inode for inode, _ in states} - {inode for inode, on in states if on == "0"}
        opened = OPENED.findall("".join(files.values()))
        self.own = {descriptor for flags, descriptor in opened if "O_NONBLOCK" in flags.split("|")}
        marks = re.split(r'write\(1<.*>, "(?:begin|end)\\n", .*\n', files[f".{main}"])
        assert len(marks) == 3, f"{len(marks) - 1} marks in {files[f'.{main}'][-2000:]}"
        self.calls = marks[1].splitlines()
        self.polled: str | None = None  # the descriptor that takes PIPE_BUF bytes now

    def list_blocking(self) -> list[str]:
        """Return the calls that waited, or could have waited."""
        return [line for line in self.calls if not self.is_harmless(line)]

    def is_harmless(self, line: str) -> bool:
        if line.startswith(("---", "+++")):  # a signal, an exit
            return True
        call = CALL.match(line)
        if call is None:
            return False
        name, arguments, result = call.groups()
        polled, self.polled = self.polled, None
        if name == "futex":
            address = int(arguments.partition(",")[0], 16)
            is_static = any(start <= address < end for start, end in self.static_data)
            is_patient = self.has_lock and arguments.endswith(", NULL, FUTEX_BITSET_MATCH_ANY")
            return is_static or is_patient or "FUTEX_WAKE" in arguments
        if name == "poll":
            poll = POLL.match(arguments)
            if poll and poll[2] == "POLLOUT" and result == "1":
                self.polled = poll[1]
            return poll is not None
        if name in (*TRANSFERS, *FILE_CALLS):
            descriptor = DESCRIPTOR.match(arguments)
            if descriptor is None:
                return False
            if descriptor[0] in self.own:
                return True
            number, what = descriptor.groups()
            if what.startswith("socket:["):
                return "MSG_DONTWAIT" in arguments or what[8:-1] in self.ready
            if name == "write" and polled == number:
                return int(result) <= PIPE_BUF
            return name == "read" and what.startswith("/") and not what.startswith("/dev/")
        return name in NEVER_WAIT


@contextmanager
def run_collector(transport: str, state: str, directory: pathlib.Path) -> Iterator[tuple[str, int]]:
    """Start a collector, which may be gone at once; give its URL and its process."""
    path = str(directory / "socket")
    address = ADDRESSES[transport].format(path=path)
    with subprocess.Popen(
        [sys.executable, "-Ic", COLLECT, address], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        where = process.stdout.readline().strip()
        if state == "absent":
            process.kill()
            process.wait()
        try:
            yield (
                f"unix://{where}" if transport == "unix" else f"{transport}://127.0.0.1:{where}",
                process.pid,
            )
        finally:
            process.kill()


def trace_emitting(
    directory: pathlib.Path,
    url: str,
    options: dict[str, object],
    *,
    stopped: int | None = None,
    message: str = MESSAGE,
    extra: str = "pass",
    inherited: tuple[int, ...] = (),
    backend: str = "",
) -> tuple[Trace, dict]:
    """Emit in a child under strace, after the process `stopped` was; return its calls and stats."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not on this machine")
    prefix = directory / "trace"
    # -ff: a file for each thread, so that no call is torn in two; -y: what a descriptor is.
    how = [strace, "-ff", "-qq", "-y", "-s", "16", "-e", f"trace={TRACED}", "-o", str(prefix)]
    given = json.dumps({"max_size": MAX_SIZE, **options})
    child = [sys.executable, "-Ic", EMIT, url, given, str(RECORDS), message, extra]
    environment = {**os.environ, "SYSLOGFAST_BACKEND": backend, "MALLOC_ARENA_MAX": "1"}
    with subprocess.Popen(
        [*how, "--", *child],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        pass_fds=inherited,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        main, static_data = json.loads(process.stdout.readline())
        if stopped:
            os.kill(stopped, signal.SIGSTOP)
        output, _ = process.communicate("go\n", timeout=120)
    assert process.returncode == 0
    trace = Trace(prefix, main, static_data, has_lock=backend == "python")
    return trace, json.loads(output.splitlines()[-1])


# Each transport in each state with each backend; in which order records go and which are dropped
# meets each of these.
CASES = choose_pairs(
    list(itertools.product(["tcp", "udp", "unix"], ["healthy", "stopped", "absent"])),
    ["c", "python"],
    [0, 0.01],
    ["drop-newest", "drop-oldest"],
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("transport", "state", "backend", "linger", "overflow"),
    [(*case, *others) for case, *others in CASES],
    indirect=["backend"],
)
def test_emit_never_blocks(
    tmp_path: pathlib.Path, backend: str, transport: str, state: str, linger: float, overflow: str
) -> None:
    options = {"linger": linger, "overflow": overflow, "queue_bytes": 1 << 17}
    with run_collector(transport, state, tmp_path) as (url, pid):
        stopped = pid if state == "stopped" else None
        trace, stats = trace_emitting(tmp_path, url, options, stopped=stopped, backend=backend)
    assert trace.list_blocking() == []
    assert stats["offered"] > RECORDS
    if state != "healthy" and transport != "udp":  # a UDP collector may be full, but never tells
        assert sum(stats["dropped"].values()) > 0


@pytest.mark.slow
@pytest.mark.parametrize("overflow", ["drop-newest", "drop-oldest"])
def test_pipe_never_blocks(tmp_path: pathlib.Path, backend: str, overflow: str) -> None:
    """A pipe that nobody reads is as good as a collector that is stopped."""
    options = {"overflow": overflow, "queue_bytes": 1 << 17}
    reader, writer = os.pipe()
    try:
        trace, stats = trace_emitting(
            tmp_path, f"fd://{writer}", options, inherited=(writer,), backend=backend
        )
    finally:
        os.close(reader)
        os.close(writer)
    assert trace.list_blocking() == []
    assert stats["dropped"]["full"] > 0


CONTROLS = {
    "sleep": "time.sleep(0.0001)",
    "lock": "import _thread as t; l = t.allocate_lock(); l.acquire(); l.acquire(True, 1e-4)",
    "poll": "import select; select.poll().poll(1)",
    "send": "import socket; a, b = socket.socketpair(); a.send(b'x'); a.close(); b.close()",
    "pipe": "r, w = os.pipe(); os.write(w, b'x'); os.close(r); os.close(w)",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTROLS)
def test_blocking_is_noticed(tmp_path: pathlib.Path, name: str) -> None:
    """What waits, or could, beside `emit` does not go unnoticed, not once."""
    with run_collector("udp", "healthy", tmp_path) as (url, _):
        trace, _ = trace_emitting(tmp_path, url, {}, message="x", extra=CONTROLS[name])
    assert len(trace.list_blocking()) >= RECORDS


@pytest.mark.slow
def test_overflow_block_is_noticed(tmp_path: pathlib.Path) -> None:
    """It is what one asks for by overflow="block"."""
    options = {"overflow": "block", "queue_bytes": 1 << 17, "timeout": 0.001}
    with run_collector("tcp", "stopped", tmp_path) as (url, pid):
        trace, stats = trace_emitting(tmp_path, url, options, stopped=pid)
    assert trace.list_blocking()
    assert stats["dropped"]["full"] > 0
