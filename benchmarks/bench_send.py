"""How many lines a second does the command send?

200,000 lines of 102 characters from a file, over one TCP connection with octet counting, to a
sink that only reads: `syslogfast send` against util-linux's `logger`.
"""

import pathlib
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from conftest import MESSAGE
from pytest_benchmark.fixture import BenchmarkFixture
from sinks import Sink, run_sink

LINES = 200_000


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with run_sink() as sink:
        yield sink


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    file = tmp_path_factory.mktemp("lines") / "lines"
    file.write_text(f"{MESSAGE}\n" * LINES)
    return file


def make_command(row: str, port: str, path: pathlib.Path) -> list[str]:
    if row == "logger":
        logger = shutil.which("logger")
        if logger is None:
            pytest.skip("util-linux's logger is not on this machine")
        return [logger, "-T", "--octet-count", "-n", "127.0.0.1", "-P", port, "-f", str(path)]
    target = f"tcp://127.0.0.1:{port}?framing=octet"
    command = pathlib.Path(sys.executable).with_name("syslogfast")
    return [str(command), "send", "--to", target, str(path)]


def run(command: list[str]) -> None:
    # Without a timeout: with one, subprocess looks only now and then whether it has ended.
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def receive_frames(row: str, path: pathlib.Path) -> list[bytes]:
    """Return the octet-counted records that a command sends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = make_command(row, str(listener.getsockname()[1]), path)
        thread = threading.Thread(target=run, args=(command,))
        thread.start()
        connection, _ = listener.accept()
        with connection:
            data = b"".join(iter(lambda: connection.recv(1 << 20), b""))
        thread.join()
    frames, start = [], 0
    while start < len(data):
        space = data.index(b" ", start)
        end = space + 1 + int(data[start:space])
        frames.append(data[space + 1 : end])
        start = end
    return frames


@pytest.mark.benchmark(group="200,000 lines over TCP, octet-counted", min_rounds=5, warmup=False)
@pytest.mark.parametrize("row", ["syslogfast-send", "logger"])
def test_send(benchmark: BenchmarkFixture, sink: Sink, path: pathlib.Path, row: str) -> None:
    frames = receive_frames(row, path)
    assert len(frames) == LINES
    assert all(frame.endswith(b" " + MESSAGE.encode()) for frame in frames)
    size = sum(map(len, frames))
    command = make_command(row, sink.port, path)

    def send() -> None:
        run(command)
        assert sink.read_size() >= size

    benchmark(send)
