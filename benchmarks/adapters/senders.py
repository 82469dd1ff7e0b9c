"""What sends records in bench_throughput.py: this package in its ways, and its competitors.

Each is given its messages first, and then sends them to a URL, in one connection.
"""

import logging
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from logging.handlers import SysLogHandler
from urllib.parse import urlsplit

from measure.missing import find_one, find_program
from measure.record import IDENTITY, MESSAGE

import syslogfast

Send = Callable[[str], None]  # to a URL
Options = dict[str, float]  # of connect(), beside what all have

BLOCK_SIZE = 1 << 16  # bytes that the floor writes at a time: what an emitter gathers
CHECKED = 1000  # records that are looked at before any are timed
SIZE = len(syslogfast.Encoder(**IDENTITY).encode(6, MESSAGE))
HOSTNAME, APP_NAME, _ = IDENTITY.values()
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TWIN = """
import sys, syslogfast
url, path, hostname, app_name, procid = sys.argv[1:]
assert syslogfast.BACKEND == "python"
messages = open(path).read().splitlines()
identity = dict(hostname=hostname, app_name=app_name, procid=procid)
with syslogfast.connect(url, overflow="block", **identity) as emitter:
    emit = emitter.emit
    for message in messages:
        emit(6, message)
assert emitter.stats["sent"] == len(messages), emitter.stats
"""


def number_messages(count: int) -> list[str]:
    """Return messages of the usual length that have a number each, as loggen's have."""
    rest = MESSAGE[len("seq: 0123456789, ") :]
    return [f"seq: {number:010}, {rest}" for number in range(count)]


def read_numbers(data: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"seq: (\d{10}), ", data)]


def run(*command: str, **variables: str) -> None:
    # Without a timeout: with one, subprocess looks only now and then whether it has ended.
    environment = {**os.environ, **variables}
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=environment)


def find_loggen() -> tuple[str, dict[str, str]]:
    """Return syslog-ng's loggen and its environment, if it is only unpacked: see .ci/install."""
    unpacked = os.environ.get("SYSLOGFAST_SYSLOG_NG")
    if not unpacked:
        return find_program("loggen"), {}
    loggen = find_one(unpacked, "usr/bin/loggen")
    tree = loggen.parent.parent
    libraries = {str(path.parent) for path in tree.glob("lib/**/lib*.so.[0-9]")}
    variables = {"LD_LIBRARY_PATH": ":".join(libraries), "SYSLOGNG_PREFIX": str(tree)}
    return str(loggen), variables


def prepare_blocks(messages: list[str]) -> Send:
    """Return what writes the first record again and again, as many at a time as fit.

    No transport is faster.
    """
    record = syslogfast.Encoder(**IDENTITY, framing="octet").encode(6, messages[0])
    block = record * (BLOCK_SIZE // len(record))
    blocks, rest = divmod(len(messages) * len(record), len(block))

    def send(url: str) -> None:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as stream:
            for _ in range(blocks):
                stream.sendall(block)
            stream.sendall(block[:rest])

    return send


def prepare_emit(messages: list[str], options: Options) -> Send:
    def send(url: str) -> None:
        with syslogfast.connect(url, overflow="block", **options, **IDENTITY) as emitter:
            emit = emitter.emit
            for message in messages:
                emit(6, message)
        check_stats(emitter, len(messages))

    return send


def prepare_emit_many(messages: list[str]) -> Send:
    def send(url: str) -> None:
        with syslogfast.connect(url, overflow="block", **IDENTITY) as emitter:
            emitter.emit_many(6, messages)
        check_stats(emitter, len(messages))

    return send


def check_stats(emitter: syslogfast.Emitter, count: int) -> None:
    stats = emitter.stats
    assert (stats["offered"], stats["sent"]) == (count, count), stats


def prepare_loggen(messages: list[str]) -> Send:
    """Return what makes as many messages of its own, in records of the same size."""
    loggen, variables = find_loggen()
    # Without a rate it sends a thousand records a second, without an interval no more after 10 s.
    how = ["--inet", "--syslog-proto", "--rate", "1000000000", "--interval", "600", "--quiet"]
    what = ["--size", str(SIZE), "--number", str(len(messages))]

    def send(url: str) -> None:
        address = urlsplit(url)
        transport = ["--dgram", "--no-framing"] if address.scheme == "udp" else ["--stream"]
        run(loggen, *how, *transport, *what, address.hostname, str(address.port), **variables)

    return send


def prepare_logger(path: str) -> Send:
    logger = find_program("logger")

    def send(url: str) -> None:
        address = urlsplit(url)
        where = ["-n", address.hostname, "-P", str(address.port)]
        run(logger, "-T", "--octet-count", "-t", APP_NAME, *where, "-f", path)

    return send


def prepare_command(path: str) -> Send:
    command = str(pathlib.Path(sys.executable).with_name("syslogfast"))
    how = ["send", "--hostname", HOSTNAME, "--tag", APP_NAME, "--to"]
    return lambda url: run(command, *how, url, path)


def prepare_twin(path: str) -> Send:
    identity = map(str, IDENTITY.values())
    start, end = [sys.executable, "-Ic", TWIN], [path, *identity]
    return lambda url: run(*start, url, *end, SYSLOGFAST_BACKEND="python")


def prepare_handler(messages: list[str]) -> Send:
    """Return a loop over Logger.info with the standard library's handler.

    Over TCP it has no framing that collectors know, so it is given line feeds.
    """

    def send(url: str) -> None:
        address = urlsplit(url)
        is_stream = address.scheme == "tcp"
        handler = SysLogHandler(
            (address.hostname, address.port),
            socktype=socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM,
        )
        handler.ident = f"{APP_NAME}: "
        if is_stream:
            handler.append_nul = False
            handler.setFormatter(logging.Formatter("%(message)s\n"))
        logger = logging.Logger(APP_NAME)
        logger.addHandler(handler)
        for message in messages:
            logger.info(message)
        handler.close()

    return send


def prepare(row: str, messages: list[str], directory: pathlib.Path) -> Send:
    """Return what sends these messages; MissingError: this machine does not have it."""
    if row == "ready blocks":
        return prepare_blocks(messages)
    if row == "loggen":
        return prepare_loggen(messages)
    if row == "emit":
        return prepare_emit(messages, {})
    if row == "emit, linger=0":
        return prepare_emit(messages, {"linger": 0})
    if row == "emit_many":
        return prepare_emit_many(messages)
    if row == "standard SysLogHandler":
        return prepare_handler(messages)
    path = directory / f"{len(messages)}-lines"
    path.write_text("".join(f"{message}\n" for message in messages))
    of_file = {"logger": prepare_logger, "syslogfast send": prepare_command}
    return of_file.get(row, prepare_twin)(str(path))


def split_frames(data: bytes) -> list[bytes]:
    """Return the records of a stream: octet-counted, or with a line feed after each."""
    if data.startswith(b"<"):
        return data.split(b"\n")[:-1]
    frames, start = [], 0
    while start < len(data):
        space = data.index(b" ", start)
        end = space + 1 + int(data[start:space])
        frames.append(data[space + 1 : end])
        start = end
    return frames


def receive_frames(send: Send) -> list[bytes]:
    """Return the records that arrive over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}?framing=octet"
        thread = threading.Thread(target=send, args=(url,))
        thread.start()
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            data = stream.read()
        thread.join()
    return split_frames(data)


def check_frames(row: str, frames: list[bytes]) -> None:
    """Each sender makes records of its own, but all of them, in order, and none is shorter."""
    expected = [message.encode() for message in number_messages(CHECKED)]
    if row == "ready blocks":
        expected = expected[:1] * CHECKED
    if row == "loggen":
        assert {len(frame) for frame in frames} == {SIZE}
        assert read_numbers(b"".join(frames)) == list(range(CHECKED))
        return
    assert [frame[-len(MESSAGE) :] for frame in frames] == expected
    heads = {TIME.sub(b"TIME", frame[: -len(MESSAGE)]) for frame in frames}
    if row == "standard SysLogHandler":
        assert heads == {b"<14>%b: " % APP_NAME.encode()}
    elif row in ("logger", "syslogfast send"):
        assert all(b" %b " % APP_NAME.encode() in head for head in heads)
    else:
        identity = " ".join(map(str, IDENTITY.values()))
        assert heads == {b"<14>1 TIME %b - - " % identity.encode()}
