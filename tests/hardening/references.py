"""Nothing leaks: references, blocks, descriptors and threads are counted in a debug CPython.

Each call of public_calls.py is repeated, errors included; connections over TCP are lost, half of
them by RST, and TLS sessions; children and interpreters are made and dropped.
"""

import concurrent.futures
import contextlib
import json
import pathlib
import socket
import struct
import subprocess
import tempfile
from typing import Any

import builds
from installed import run_in_build
from report import run_job

run_in_build()

import receiving  # noqa: E402

PROGRAM = pathlib.Path(__file__).with_suffix("") / "count.py"
PYTHON = "/usr/bin/python3.11-dbg"
SHORT, LONG = 60.0, 1500.0
BOUND = 1200.0  # seconds for one kind, at most


class HangingUp:
    """Ends each connection after what comes first, every other one by RST."""

    def read(self, connection: Any, received: Any) -> None:
        with contextlib.suppress(OSError):
            received += connection.recv(1 << 16)
            if len(self.connections) % 2:  # type: ignore[attr-defined]
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


class HangingUpSink(HangingUp, receiving.Sink):
    pass


class HangingUpTlsSink(HangingUp, receiving.TlsSink):
    def read(self, connection: Any, received: Any) -> None:
        with contextlib.suppress(OSError):
            super().read(self.context.wrap_socket(connection, server_side=True), received)


# name: kind, transport, rounds of the short and of the long form
TASKS = {
    "udp": ("calls", "udp", 15, 400),
    "tcp": ("calls", "tcp", 0, 100),
    "unix": ("calls", "unix", 0, 100),
    "relp": ("calls", "relp", 0, 100),
    "children": ("children", "udp", 100_000, 1_000_000),
    "TCP": ("reconnects", "hanging up", 300, 1000),
    "TLS": ("reconnects", "hanging up with TLS", 100, 1000),
    "interpreters": ("interpreters", "udp", 10, 200),
}


@contextlib.contextmanager
def receive(transport: str, folder: pathlib.Path) -> Any:
    if not transport.startswith("hanging up"):
        with receiving.receive(transport, folder) as receiver:
            yield receiver.url
        return
    if transport.endswith("TLS"):
        certificates = receiving.make_certificates(folder)
        sink: Any = HangingUpTlsSink(certificates)
        url = f"tls://localhost:{sink.port}?ca={certificates.ca}&framing=lf"
    else:
        sink = HangingUpSink()
        url = f"tcp://127.0.0.1:{sink.port}"
    yield url
    sink.close()


def run_task(name: str, python: pathlib.Path, is_short: bool) -> dict[str, Any]:
    kind, transport, *rounds = TASKS[name]
    count = rounds[0 if is_short else 1]
    if not count:
        return {}
    with tempfile.TemporaryDirectory() as folder_name:
        folder = pathlib.Path(folder_name)
        with receive(transport, folder) as url, receiving.receive("udp", folder) as scratch:
            command = [python, "-I", PROGRAM, kind, url, scratch.url, str(count)]
            result = subprocess.run(command, capture_output=True, text=True, timeout=BOUND)
    assert result.returncode == 0, (
        f"{name}: {result.returncode}\n{result.stdout[-1500:]}{result.stderr[-3000:]}\n"
        f"to repeat: {' '.join(map(str, command))}"
    )
    counts: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return counts


def job(seconds: float) -> dict[str, object]:
    is_short = seconds < LONG / 2
    python = builds.build("debug", python=PYTHON, environ={"CFLAGS": "-O0"})
    figures: dict[str, object] = {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, counts in zip(
            TASKS, pool.map(lambda name: run_task(name, python, is_short), TASKS), strict=True
        ):
            for what, count in counts.items():
                what = f"{what} of {name}" if TASKS[name][0] in ("calls", "reconnects") else what
                figures[what] = count
    return figures


if __name__ == "__main__":
    run_job(job, short=SHORT, long=LONG)
