"""Programs that die, each in a process of its own, and the collectors that hear of it."""

import contextlib
import functools
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from support import grammar
from support.grammar import Rfc5424Record
from support.receivers import LIMIT, Sink, wait_until

SO_RCVBUFFORCE = 33  # <asm-generic/socket.h>
SEVERITIES = {"crit": 2, "err": 3, "warning": 4, "notice": 5}  # RFC 5424 6.2.1
CRASHED = ("CRASHED", SEVERITIES["crit"])
# What each program begins with. Without a URL it is the control: the same, without the package.
# It is told to go on, and whether its first records have arrived: then it lets its worker come to
# rest, for a record that the worker is sending just then would keep a signal's from the transport.
LIVE = """
import sys
urls, options, parts = eval(sys.argv[1])  # to import json would take as long as all the rest
if urls:
    import syslogfast.lifecycle
    log = syslogfast.connect(*urls, **options)
    life = syslogfast.lifecycle.install(log, **parts)
print("ready", flush=True)
if sys.stdin.readline().strip() == "arrived" and urls:
    log.flush()
"""


class Death(NamedTuple):
    """How a process has ended, and what it has left behind."""

    pid: int
    status: int
    stdout: str
    stderr: str


# An instruction that no processor knows.
UNKNOWN_CODE = {"x86_64": b"\x0f\x0b", "aarch64": b"\0\0\0\0"}.get(platform.machine(), b"")


class Program(NamedTuple):
    code: str
    status: int
    end: "list[tuple[str, int]]"  # MSGID and severity of what follows BOOTED and NETWORK-UP


FATAL = {
    "SIGSEGV": Program("LIVE\nimport ctypes\nctypes.string_at(0)", -signal.SIGSEGV, [CRASHED]),
    "SIGSEGV in a thread": Program(
        "LIVE\nimport ctypes, threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), ctypes.string_at(0))).start()\n"
        "time.sleep(60)",
        -signal.SIGSEGV,
        [CRASHED],
    ),
    "SIGSEGV, sent": Program(
        "LIVE\nimport os, signal, time\nos.kill(os.getpid(), signal.SIGSEGV)\ntime.sleep(60)",
        -signal.SIGSEGV,
        [CRASHED],
    ),
    "SIGABRT": Program("LIVE\nimport os\nos.abort()", -signal.SIGABRT, [CRASHED]),
    "SIGFPE": Program(
        "LIVE\nimport os, signal\nos.kill(os.getpid(), signal.SIGFPE)", -signal.SIGFPE, [CRASHED]
    ),
    "SIGBUS": Program(
        "LIVE\nimport mmap, tempfile\nfile = tempfile.TemporaryFile()\nfile.truncate(4096)\n"
        "memory = mmap.mmap(file.fileno(), 4096)\nfile.truncate(0)\nmemory[0]",
        -signal.SIGBUS,
        [CRASHED],
    ),
    "stack overflow": Program(
        "LIVE\nimport faulthandler\nfaulthandler._stack_overflow()", -signal.SIGSEGV, [CRASHED]
    ),
    "fatal error of Python": Program(
        "LIVE\nimport ctypes\nctypes.pythonapi.Py_FatalError(b'no')",
        -signal.SIGABRT,
        [CRASHED],
    ),
}
if platform.machine() in ("x86_64", "AMD64"):  # others divide by zero without a word
    FATAL["division by zero in C"] = Program(
        "LIVE\nimport ctypes\nctypes.CDLL(None).div(1, 0)", -signal.SIGFPE, [CRASHED]
    )
if UNKNOWN_CODE:
    FATAL["SIGILL"] = Program(
        "LIVE\nimport ctypes, mmap\n"
        "page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        f"page.write({UNKNOWN_CODE!r})\n"
        "ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()",
        -signal.SIGILL,
        [CRASHED],
    )


class Datagrams:
    """A UDP or unix datagram socket, and what it was sent."""

    def __init__(self, path: str = "", host: str = "127.0.0.1") -> None:
        family = socket.AF_UNIX if path else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        # For many datagrams: whoever reads them may be late, and UDP would lose some.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        with contextlib.suppress(OSError):  # root's alone
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        self.socket.bind(path or (host, 0))
        self.socket.setblocking(False)
        self.url = f"unix://{path}" if path else f"udp://{host}:{self.socket.getsockname()[1]}"
        self.frames: list[bytes] = []

    def count(self, word: bytes) -> int:
        """Return how often it is in what has come so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.frames.append(self.socket.recv(1 << 16))
        return sum(frame.count(word) for frame in self.frames)

    def list_frames(self) -> list[bytes]:
        """Return all that processes which have ended have sent."""
        self.count(b"")
        return self.frames

    def close(self) -> None:
        self.socket.close()


class Stream:
    """A TCP listener, and what its connections have brought."""

    def __init__(self, framing: str, receive_buffer: int = 0, host: str = "127.0.0.1") -> None:
        self.framing = framing
        self.sink = Sink(receive_buffer=receive_buffer, host=host)
        self.url = f"tcp://{host}:{self.sink.port}?framing={framing}"

    def count(self, word: bytes) -> int:
        return self.sink.received.count(word)

    def list_connections(self) -> list[bytes]:
        """Return what each connection of processes which have ended has brought."""
        sink = self.sink
        sink.accept_all()
        assert wait_until(lambda: not any(thread.is_alive() for thread in sink.threads[1:]))
        return [bytes(received) for received in sink.connections]

    def list_frames(self) -> list[bytes]:
        """Return all that processes which have ended have sent, each frame whole."""
        return [
            frame
            for received in self.list_connections()
            for frame in grammar.split_frames(received, self.framing)
        ]

    def close(self) -> None:
        self.sink.close()


Collector = Datagrams | Stream
TRANSPORTS = ("udp", "lf", "octet")


@contextlib.contextmanager
def collect_crashes(transport: str, host: str = "127.0.0.1") -> "Iterator[Collector]":
    """Give a collector: "udp", or the framing of TCP, or the path of a unix socket."""
    if transport in ("lf", "octet", "nul"):
        collector: Collector = Stream(transport, host=host)
    else:
        collector = Datagrams("" if transport == "udp" else transport, host)
    with contextlib.closing(collector):
        yield collector


@contextlib.contextmanager
def read_meanwhile(collector: Collector) -> Iterator[None]:
    """Take datagrams as they come: a socket has no space for so many."""
    has_ended = threading.Event()

    def read() -> None:
        while not has_ended.is_set():
            collector.count(b"")
            time.sleep(0.0005)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


def read_records(collector: Collector) -> list[Rfc5424Record]:
    return [grammar.parse_rfc5424(frame) for frame in collector.list_frames()]


def die(
    program: str,
    *urls: str,
    collector: Collector | None = None,
    backend: str = "",
    environment: "dict[str, str] | None" = None,
    pass_fds: "tuple[int, ...]" = (),
    tracer: "tuple[str, ...]" = (),
    meanwhile: "Callable[[], object] | None" = None,
    parts: "dict[str, object] | None" = None,
    **options: object,
) -> Death:
    """Run a program, in which LIVE stands for connect() and install(), until it has died.

    collector: the one that has to have BOOTED and NETWORK-... before the program goes on.
    tracer: a command to run it under, which ends as it does.
    meanwhile: what is to be done once the program is ready, before those have to arrive.
    """
    options = {"sequence_ids": True, "hostname": "vm-1", "app_name": "shop", **options}
    given = repr([urls, options, parts or {}])
    process = subprocess.Popen(
        [*tracer, sys.executable, "-I", "-c", program.replace("LIVE", LIVE, 1), given],
        env={**os.environ, "SYSLOGFAST_BACKEND": backend, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
    )
    try:
        assert process.stdout
        first = process.stdout.readline()
        if meanwhile:
            meanwhile()
        if collector and first:
            assert wait_until(lambda: collector.count(b" s after boot") == 2, 3 * LIMIT)
        answer = "arrived\n" if collector else "go\n"
        stdout, stderr = process.communicate(answer, timeout=6 * LIMIT)
    finally:
        process.kill()
        process.wait()
    return Death(process.pid, process.returncode, first + stdout, stderr)


@functools.cache
@functools.cache
def die_without_us(program: str) -> Death:
    """Run the same program, without the package: once, for how it dies is always the same."""
    return die(program)


def leave_out_ours(stderr: str) -> str:
    """Return standard error without what differs from run to run, and without our threads.

    faulthandler writes a paragraph for each thread, and a list of the extension modules.
    """
    stderr = re.sub(r"0x[0-9a-f]+", "0x", stderr)
    stderr = re.sub(r"\n\nExtension modules: .*", "", stderr)
    paragraphs = [part for part in stderr.split("\n\n") if not is_of_our_thread(part)]
    return "\n\n".join(paragraphs)


def is_of_our_thread(paragraph: str) -> bool:
    """Return True if a thread's first function is the package's, or it is about to begin or end."""
    first = paragraph.rstrip().rpartition("\n")[2]
    has_no_frame = first == "  <no Python frame>" or first == paragraph  # from Python 3.15 on
    is_ours = "/syslogfast/" in first or has_no_frame
    return paragraph.startswith("Thread 0x") and is_ours


def leave_out_stack(text: str | None) -> str:
    """Return the text of a fatal signal's record without the Python stack behind it."""
    return (text or "").partition(", most recent call first: ")[0]


def list_parameters(record: Rfc5424Record, name: str) -> "dict[str, str]":
    return dict(dict(record.structured_data).get(name, []))


def read_sequence_id(record: Rfc5424Record) -> int:
    return int(list_parameters(record, "meta")["sequenceId"])


def list_msgids(records: "list[Rfc5424Record]") -> "list[tuple[str, int]]":
    """Return MSGID and severity of each."""
    return [(record.msgid, record.priority % 8) for record in records]


def list_crashes(stderr: str) -> "list[Rfc5424Record]":
    """Return the records on standard error, each a line of its own."""
    lines = [line for line in stderr.encode().split(b"\n") if re.match(rb"<\d", line)]
    return [grammar.parse_rfc5424(line) for line in lines]
