"""How many records a second go over TCP to a collector that reads as fast as they come?

A million records of a 102-character message, octet-counted, over one connection to a sink that
only reads: a loop over `emit`, `emit_many` and `syslogfast send` against syslog-ng's `loggen`,
util-linux's `logger` and the floor, which writes ready blocks. For all of them the time is the
sink's: from the begin of a connection to its end. So `loggen`, which looks only twice a second
whether it is done, is not charged for that, nor a command for its start; `wall` among the extra
info is how long a call takes as a whole, in seconds.
"""

import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from bench_encode import expect, mask_time
from conftest import IDENTITY, MESSAGE
from pytest_benchmark.fixture import BenchmarkFixture
from sinks import Sink, read_busy_time, run_sink

import syslogfast

RECORDS = 1_000_000
CHECKED = 1000  # records that are looked at before any are timed
ROUNDS = 7
BLOCK_SIZE = 1 << 16  # bytes that the floor writes at a time: what an emitter gathers
SIZE = len(syslogfast.Encoder(**IDENTITY).encode(6, MESSAGE))
ROWS = ["blocks", "loggen", "logger", "emit", "emit_many", "send"]

Send = Callable[[str], None]  # to a port


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with run_sink() as sink:
        yield sink


def run(command: list[str], **variables: str) -> None:
    # Without a timeout: with one, subprocess looks only now and then whether it has ended.
    environment = {**os.environ, **variables}
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=environment)


def find_logger() -> str:
    logger = shutil.which("logger")
    if logger is None:
        pytest.skip("util-linux's logger is not on this machine")
    return logger


def find_loggen() -> tuple[str, dict[str, str]]:
    """Return syslog-ng's loggen and its environment, if it is only unpacked: see .ci/install."""
    unpacked = os.environ.get("SYSLOGFAST_SYSLOG_NG")
    if not unpacked:
        loggen = shutil.which("loggen")
        if loggen is None:
            pytest.skip("syslog-ng's loggen is not on this machine")
        return loggen, {}
    tree = pathlib.Path(unpacked).resolve() / "usr"
    libraries = {str(path.parent) for path in tree.glob("lib/**/lib*.so.[0-9]")}
    variables = {"LD_LIBRARY_PATH": ":".join(libraries), "SYSLOGNG_PREFIX": str(tree)}
    return str(tree / "bin/loggen"), variables


def prepare_blocks(count: int) -> Send:
    """Return what writes ready records, as many at a time as fit: no road is faster."""
    record = syslogfast.Encoder(**IDENTITY, framing="octet").encode(6, MESSAGE)
    block = record * (BLOCK_SIZE // len(record))
    blocks, rest = divmod(count * len(record), len(block))

    def send(port: str) -> None:
        with socket.create_connection(("127.0.0.1", int(port))) as stream:
            for _ in range(blocks):
                stream.sendall(block)
            stream.sendall(block[:rest])

    return send


def prepare_emitter(row: str, count: int) -> Send:
    messages = [MESSAGE] * count

    def send(port: str) -> None:
        url = f"tcp://127.0.0.1:{port}?framing=octet"
        with syslogfast.connect(url, linger=0.05, overflow="block", **IDENTITY) as emitter:
            if row == "emit":
                emit = emitter.emit
                for message in messages:
                    emit(6, message)
            else:
                emitter.emit_many(6, messages)
        stats = emitter.stats
        assert (stats["offered"], stats["sent"]) == (count, count)

    return send


def prepare(row: str, count: int, directory: pathlib.Path) -> Send:
    """Return what sends so many records to a port of this host, in one connection."""
    if row == "blocks":
        return prepare_blocks(count)
    if row.startswith("emit"):
        return prepare_emitter(row, count)
    if row == "loggen":
        loggen, variables = find_loggen()
        # Without a rate it sends a thousand records a second.
        how = ["--inet", "--stream", "--syslog-proto", "--rate", "1000000000", "--quiet"]
        what = ["--size", str(SIZE), "--number", str(count)]
        return lambda port: run([loggen, *how, *what, "127.0.0.1", port], **variables)
    path = directory / f"{count}-lines"
    path.write_text(f"{MESSAGE}\n" * count)
    if row == "logger":
        how = ["-T", "--octet-count", "-n", "127.0.0.1", "-f", str(path)]
        logger = find_logger()
        return lambda port: run([logger, *how, "-P", port])
    command = pathlib.Path(sys.executable).with_name("syslogfast")
    assert list(IDENTITY) == ["hostname", "app_name", "procid"]
    hostname, app_name, _ = IDENTITY.values()
    how = ["send", "--hostname", hostname, "--tag", app_name]
    return lambda port: run(
        [str(command), *how, "--to", f"tcp://127.0.0.1:{port}?framing=octet", str(path)]
    )


def receive_frames(send: Send) -> list[bytes]:
    """Return the octet-counted records that arrive."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=send, args=(str(listener.getsockname()[1]),))
        thread.start()
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            data = stream.read()
        thread.join()
    frames, start = [], 0
    while start < len(data):
        space = data.index(b" ", start)
        end = space + 1 + int(data[start:space])
        frames.append(data[space + 1 : end])
        start = end
    return frames


def check_frames(row: str, frames: list[bytes]) -> None:
    """Each contender sends records of its own, but all of them, and none that is much shorter."""
    assert len(frames) == CHECKED
    if row in ("blocks", "emit", "emit_many"):
        assert {mask_time(frame) for frame in frames} == {expect()}
    elif row == "loggen":
        assert {len(frame) for frame in frames} == {SIZE}
        numbers = [int(frame.partition(b"seq: ")[2][:10]) for frame in frames]
        assert numbers == list(range(CHECKED))
    else:
        assert all(frame.endswith(b" " + MESSAGE.encode()) for frame in frames)


@pytest.mark.benchmark(group="1,000,000 records over TCP", timer=read_busy_time)
@pytest.mark.parametrize("row", ROWS)
def test_tcp(benchmark: BenchmarkFixture, sink: Sink, tmp_path: pathlib.Path, row: str) -> None:
    frames = receive_frames(prepare(row, CHECKED, tmp_path))
    check_frames(row, frames)
    send = prepare(row, RECORDS, tmp_path)
    times = []

    def send_all() -> None:
        start = time.perf_counter()
        send(sink.port)
        size = sink.read_size()
        times.append(time.perf_counter() - start)
        assert size >= RECORDS * min(map(len, frames))

    benchmark.pedantic(send_all, rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info["wall"] = statistics.median(times)
