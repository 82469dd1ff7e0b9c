"""Where the benchmarks send: processes of their own that only read, or do not even that.

In a process of its own a receiver does not wait for the benchmark's interpreter, nor that for it.
"""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from measure.missing import find_program
from measure.rounds import move_away

KINDS = ("tcp", "tls", "unix-stream", "unix-dgram", "udp", "pipe")

# What it reads has an end: that of a connection, or an empty datagram.
CODE = """
import os, socket, sys, threading, time
kind, directory = sys.argv[1:]

def end():
    sys.stdin.read()  # until the benchmark ends, however it does
    os._exit(0)

threading.Thread(target=end, daemon=True).start()
path = directory + "/receiver"
is_unix = kind.startswith("unix")
family = socket.AF_UNIX if is_unix else socket.AF_INET
where = path if is_unix else ("127.0.0.1", 0)
buffer = bytearray(1 << 20)

def report(total, start):
    print(total, time.perf_counter() - start, flush=True)

def read(receive):
    start, total = time.perf_counter(), 0
    while size := receive(buffer):
        total += size
    report(total, start)

if kind == "pipe":
    print(path, flush=True)
    while True:
        with open(path, "rb", buffering=0) as pipe:
            read(pipe.readinto)
if kind in ("udp", "unix-dgram"):
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    receiver.bind(where)
else:
    receiver = socket.create_server(where, family=family)
print(path if is_unix else receiver.getsockname()[1], flush=True)
if receiver.type == socket.SOCK_DGRAM:
    while True:
        size = receiver.recv_into(buffer)
        start = time.perf_counter()
        total = size
        while size:
            size = receiver.recv_into(buffer)
            total += size
        report(total, start)
if kind == "tls":
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory + "/certificate", directory + "/key")
while True:
    connection, _ = receiver.accept()
    with connection:
        if kind == "tls":
            with context.wrap_socket(connection, server_side=True) as connection:
                read(connection.recv_into)
        else:
            read(connection.recv_into)
"""


class Receiver:
    """Reads connections, or runs of datagrams, to their end, one after the other.

    port: for TCP, TLS and UDP; path: for unix sockets and the pipe; url: where connect() goes, and
    for the pipe what is opened first.
    """

    def __init__(self, kind: str, directory: pathlib.Path) -> None:
        self.kind = kind
        self.seconds = 0.0  # how long it took to read what read_size() returned
        if kind == "tls":
            make_certificate(directory)
        if kind == "pipe":
            os.mkfifo(directory / "receiver")
        self.process = subprocess.Popen(
            [sys.executable, "-Ic", CODE, kind, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        move_away(self.process.pid)
        assert self.process.stdout is not None
        self.lines = self.process.stdout
        self.port = self.path = self.lines.readline().strip()
        self.url = {
            "tcp": f"tcp://127.0.0.1:{self.port}",
            "tls": f"tls://127.0.0.1:{self.port}?ca={directory}/certificate",
            "udp": f"udp://127.0.0.1:{self.port}",
            "unix-stream": f"unix://{self.path}?framing=lf",
        }.get(kind, f"unix://{self.path}")

    def read_size(self) -> int:
        """Return how many bytes came until the end, which here is set for datagrams."""
        if self.kind == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", ("127.0.0.1", int(self.port)))
        if self.kind == "unix-dgram":
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b"", self.path)
        size, seconds = self.lines.readline().split()
        self.seconds = float(seconds)
        return int(size)


def make_certificate(directory: pathlib.Path) -> None:
    """Make a certificate for this host that is its own authority, and its key."""
    openssl = find_program("openssl")
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(directory / "key"), "-out", str(directory / "certificate")]
    subprocess.run([openssl, "req", *kind, *names, *files], check=True, capture_output=True)


@contextmanager
def run_receiver(kind: str = "tcp") -> Iterator[Receiver]:
    """Run a receiver of one of KINDS."""
    with tempfile.TemporaryDirectory() as directory:
        receiver = Receiver(kind, pathlib.Path(directory))
        with receiver.process:
            try:
                yield receiver
            finally:
                receiver.process.kill()
