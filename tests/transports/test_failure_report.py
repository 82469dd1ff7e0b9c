"""A program is told of records that cannot be sent: once for each reason, and at the end."""

import contextlib
import io
import logging
import os
import pathlib
import pty
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from support.backends import load_emitter_module
from support.pairwise import take_turns
from support.receivers import Sink, find_free_port, stall, stay_silent, url_of, wait_until

import syslogfast
from syslogfast.transports import retry
from syslogfast.transports.failure_report import write_to_descriptor

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

TIMEOUT = 0.4  # seconds
# What an emitter is given, and does; the timeout is the time for which nothing is said.
PROGRAM = f"""
import sys, time, syslogfast
log = syslogfast.connect(sys.argv[1], hostname="h", app_name="a", procid=1, timeout={TIMEOUT},
                         prefix=b"SECRET ")
for number in range(10):
    log.info("%d", number)
    time.sleep(0.01)
"""
STAYS = f"time.sleep({3 * TIMEOUT})\nlog.info('last')\n"


def list_wrong_urls(folder: pathlib.Path) -> "dict[str, str]":
    """Return URLs that no collector is at, by the kind of transport, and of fault."""
    port = find_free_port()
    return {
        "tcp": f"tcp://127.0.0.1:{port}",
        "relp": f"relp://127.0.0.1:{port}",
        "tls": f"tls://127.0.0.1:{port}?insecure=yes",
        "name": f"tcp://nobody.invalid:{port}",
        "udp name": f"udp://nobody.invalid:{port}",
        "unix": f"unix://{folder}/log?framing=lf",
    }


@pytest.mark.parametrize(
    ("kind", "backend"),
    take_turns(["tcp", "relp", "tls", "name", "udp name", "unix"], ["c", "python"]),
    indirect=["backend"],
)
def test_a_wrong_address(
    run_python: RunPython, backend: str, tmp_path: pathlib.Path, kind: str
) -> None:
    """A line when it has been tried for `timeout`, and one at the end, with the number.

    To look up a name may take longer than the program lives: then there is the last one alone.
    """
    url = list_wrong_urls(tmp_path)[kind]
    result = run_python(PROGRAM + STAYS, url, backend=backend)
    lines = result.stderr.splitlines()
    assert result.returncode == 0
    assert len(lines) == 2 or (len(lines) == 1 and "name" in kind), lines
    for line in lines:
        assert line.startswith(f"syslogfast: {url}: ")
        assert "SECRET" not in line
    for line in lines[:-1]:
        assert re.search(r"; records waiting: \d+, dropped: 0$", line)
    assert lines[-1].endswith("; records not sent: 11 (closed: 11)")


def test_a_short_program(run_python: RunPython, backend: str) -> None:
    """It ends before its time is over: it waits for that, and one line is enough."""
    url = f"tcp://127.0.0.1:{find_free_port()}"
    result = run_python(PROGRAM, url, backend=backend)
    *_, last = result.stderr.splitlines()
    assert last.endswith("; records not sent: 10 (closed: 10)")
    assert len(result.stderr.splitlines()) <= 2


def test_refused_datagrams(run_python: RunPython, backend: str) -> None:
    """The kernel says so only sometimes; what it has said is told of."""
    url = f"udp://127.0.0.1:{find_free_port()}"
    goes_on = f"for _ in range({int(30 * TIMEOUT)}): log.info('x'); time.sleep(0.05)\n"
    result = run_python(PROGRAM + goes_on, url, backend=backend)
    first, last = result.stderr.splitlines()
    assert "Connection refused" in first
    assert re.search(r"; records waiting: 0, dropped: \d+$", first)
    assert re.search(r"; records not sent: \d+ \(refused: \d+\)$", last)


# Emitters that nobody holds when the program ends.
GONE = """
import gc, os, sys, syslogfast
url, kind = sys.argv[1:]
lines = []
def log(on_failure=None):
    syslogfast.connect(url, on_failure=on_failure, procid=1).info("lost")
def ask_for_all():
    log()
    log()
    if kind == "fork":
        if os.fork() == 0:
            sys.exit()  # with its own end, at which its parent's records are no concern
        os.wait()
    if kind == "callable":
        append = lines.append
        log(append)
        log(append)
    if kind == "silent":
        log(False)
    if kind == "cycle":
        emitter = syslogfast.connect(url, procid=1)
        emitter.info("lost")
        cycle = [emitter]
        cycle.append(cycle)
if kind == "many":
    for number in range(100):
        log()
else:
    ask_for_all()
if kind == "cycle":
    gc.collect()
import atexit
atexit._run_exitfuncs()
assert lines == ([f"{url}: [Errno 111] Connection refused; records not sent: 2 (refused: 2)"]
                 if kind == "callable" else []), lines
"""


@pytest.mark.skipif(sys.platform != "linux", reason="whose loopback refuses at once")
@pytest.mark.parametrize("kind", ["function", "fork", "callable", "silent", "cycle", "many"])
def test_an_emitter_that_nobody_holds(run_python: RunPython, backend: str, kind: str) -> None:
    """It is told of at the end, in one line for those that have come to the same."""
    url = f"udp://127.0.0.1:{find_free_port()}"
    result = run_python(GONE, url, kind, backend=backend)
    count = {"cycle": 3, "many": 100}.get(kind, 2)
    what = f"[Errno 111] Connection refused; records not sent: {count} (refused: {count})"
    assert result.stderr == f"syslogfast: {url}: {what}\n"
    assert result.returncode == 0


def test_a_chain_of_calls(run_python: RunPython, backend: str) -> None:
    url = f"udp://127.0.0.1:{find_free_port()}"
    program = "import sys, syslogfast; syslogfast.connect(sys.argv[1]).info('lost')"
    result = run_python(program, url, backend=backend)
    assert result.stderr.startswith(f"syslogfast: {url}: ")
    # The record that reports drops is refused, too, if there still was time for it.
    assert re.search(r"; records not sent: ([12]) \(refused: \1\)\n$", result.stderr)


NO_DESCRIPTORS = """
import logging, os, resource, signal, sys, syslogfast
url, kind = sys.argv[1:]
lines = []
if kind == "handler":
    log = logging.getLogger("x")
    log.setLevel("INFO")
    log.addHandler(syslogfast.SysLogHandler(url, timeout=0.3))
else:
    log = syslogfast.connect(url, timeout=0.3, on_failure=lines.append if kind == "told" else None)
if kind in ("unread", "closed"):
    read_end, write_end = os.pipe()
    os.dup2(write_end, 2)
    os.close(write_end)
if kind == "unread":
    os.set_blocking(2, False)
    try:
        while True:
            os.write(2, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(2, True)
if kind == "closed":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.close(read_end)
resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))
try:
    while True:
        os.open("/dev/null", os.O_RDONLY)
except OSError:
    pass
log.info("lost")
if kind == "told":
    log.close()
    print(lines)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("kind", ["plain", "handler", "told", "unread", "closed"])
def test_no_descriptor_to_the_very_end(run_python: RunPython, backend: str, kind: str) -> None:
    """What tells of failures cannot even be loaded then; nor does it wait, or end the program."""
    url = f"udp://127.0.0.1:{find_free_port()}"
    result = run_python(NO_DESCRIPTORS, url, kind, backend=backend)
    told = f"{url}: [Errno 24] Too many open files; records not sent: 1"
    if kind not in ("unread", "closed"):
        assert told in (result.stdout if kind == "told" else result.stderr), result
    assert result.returncode == 0


def test_a_collector_that_is_late(run_python: RunPython, backend: str, sink: Sink) -> None:
    """It comes half a second after the program: nothing is said, and nothing lost."""
    port = find_free_port()
    program = PROGRAM.replace(f"timeout={TIMEOUT}", "timeout=5")
    results = []
    thread = threading.Thread(
        target=lambda: results.append(
            run_python(program, f"tcp://127.0.0.1:{port}", backend=backend)
        )
    )
    thread.start()
    time.sleep(0.5)
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(10)
        with listener.accept()[0] as connection, connection.makefile("rb") as file:
            received = file.read()
    thread.join()
    assert (results[0].stderr, results[0].returncode) == ("", 0)
    assert received.count(b"\n") == 10


def test_a_first_try_that_is_not_over(backend: str) -> None:
    """The reason is that; the end of the program is none."""
    lines: list[str] = []
    with stay_silent() as port:
        url = f"tcp://127.0.0.1:{port}"
        log = load_emitter_module(backend).connect(url, timeout=5.0, on_failure=lines.append)
        log.info("lost")
        log.close(0.1)
    assert lines == [f"{url}: not connected yet; records not sent: 1 (closed: 1)"]


def test_what_no_waiting_mends_is_said_at_once(backend: str, tmp_path: pathlib.Path) -> None:
    lines: list[str] = []
    (tmp_path / "ca.pem").write_text("no certificate")
    url = f"tls://127.0.0.1:{find_free_port()}?ca={tmp_path}/ca.pem"
    log = load_emitter_module(backend).connect(url, timeout=60.0, on_failure=lines.append)
    log.info("lost")
    assert wait_until(lambda: bool(lines))
    log.close(0)
    assert len(lines) == 2
    assert "; records waiting: 1, dropped: 0" in lines[0]
    assert lines[1].endswith("; records not sent: 1 (closed: 1)")


def test_a_socket_of_the_wrong_kind_is_said_at_once(backend: str, tmp_path: pathlib.Path) -> None:
    lines: list[str] = []
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:  # of neither kind
        listener.bind(path)
        listener.listen()
        log = load_emitter_module(backend).connect(
            f"unix://{path}", timeout=60.0, on_failure=lines.append
        )
        log.info("lost")
        assert wait_until(lambda: bool(lines))
        log.close(0)
    assert "Protocol wrong type for socket" in lines[0]


@pytest.mark.parametrize("on_failure", [False, None])
def test_nobody_is_told(
    backend: str, on_failure: object, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"tcp://127.0.0.1:{find_free_port()}"
    log = load_emitter_module(backend).connect(url, timeout=0.1, on_failure=on_failure)
    log.info("lost")
    log.close()
    is_told = "records not sent: 1 " in capsys.readouterr().err
    assert is_told == (on_failure is None)


@pytest.mark.parametrize("on_failure", [True, 0, "", [], 5])
def test_a_wrong_option(on_failure: object) -> None:
    with pytest.raises(TypeError, match="on_failure must be a callable, False or None, got "):
        syslogfast.connect("udp://127.0.0.1:9", on_failure=on_failure)


def test_a_callable_that_raises(backend: str) -> None:
    """That is its own affair: the worker goes on, and so does who closes."""

    def fail(line: str) -> None:
        raise ArithmeticError(line)

    url = f"tcp://127.0.0.1:{find_free_port()}"
    log = load_emitter_module(backend).connect(url, timeout=0.1, on_failure=fail)
    log.info("lost")
    assert not log.flush(0.3)
    log.close()
    assert log.stats["dropped"] == {"closed": 1}


def test_all_was_sent(backend: str, sink: Sink) -> None:
    lines: list[str] = []
    log = load_emitter_module(backend).connect(url_of(sink), on_failure=lines.append)
    log.info("sent")
    log.close()
    assert lines == []


def test_what_a_record_tells_of(backend: str, sink: Sink) -> None:
    """Records that found the queue full are reported in the log: nobody has to be told of them."""
    lines: list[str] = []
    log = load_emitter_module(backend).connect(
        url_of(sink), queue_bytes=1000, linger=30.0, on_failure=lines.append
    )
    for _ in range(100):
        log.info("x" * 300)
    log.close()
    assert log.stats["dropped"].keys() <= {"full"}
    assert lines == []


def test_an_outage_is_one_however_long_the_pauses(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A try that fails later than `timeout` after the last one still is of the same outage."""
    monkeypatch.setattr(retry, "add_jitter", lambda delay: 0.3)
    lines: list[str] = []
    url = f"tcp://127.0.0.1:{find_free_port()}"
    log = load_emitter_module(backend).connect(url, timeout=0.1, on_failure=lines.append)
    log.info("x")
    assert wait_until(lambda: lines)
    log.close()


def test_a_new_outage_has_its_own_time(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transport that was up for a while ends an outage; the next may pass as well, untold."""
    monkeypatch.setattr(retry, "MIN_UPTIME", 0.2)
    lines: list[str] = []
    sink = Sink()
    url, port = url_of(sink), sink.port
    sink.close()
    log = load_emitter_module(backend).connect(url, timeout=2.0, on_failure=lines.append)
    began = time.monotonic()
    log.info("x")
    assert wait_until(lambda: log.stats["failure"])
    sink = Sink(port)
    assert wait_until(lambda: log.flush(0.1))
    while time.monotonic() - began < 2.5:
        time.sleep(0.1)
    sink.close()
    assert wait_until(lambda: log.info("y") or log.stats["failure"])
    sink = Sink(port)
    assert wait_until(lambda: log.flush(0.1) and not log.stats["failure"])
    log.close()
    sink.close()
    assert lines == []


def test_what_a_lost_connection_may_have_lost(backend: str) -> None:
    """A record that reports drops may be lost with its connection: all are told of at the end."""
    lines: list[str] = []
    sink = Sink()
    log = load_emitter_module(backend).connect(
        url_of(sink), queue_bytes=1000, linger=30.0, timeout=0.5, on_failure=lines.append
    )
    for _ in range(10):
        log.info("x" * 300)
    log.flush()
    assert wait_until(lambda: b"full" in bytes(sink.received))
    full = log.stats["dropped"]["full"]
    sink.close()
    log.info("x")
    assert wait_until(lambda: log.flush(0.1) or log.stats["failure"])
    log.info("last")
    log.close()
    lost = log.stats["dropped"]
    assert lost["full"] == full
    total = sum(lost.values())
    reasons = ", ".join(f"{reason}: {count}" for reason, count in lost.items())
    assert lines[-1].endswith(f"; records not sent: {total} ({reasons})")


def test_what_no_record_tells_of_any_more(backend: str) -> None:
    """A line tells of what was dropped since the last report that has arrived, and of no more."""
    lines: list[str] = []
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    log = load_emitter_module(backend).connect(
        f"fd://{writer}", queue_bytes=100_000, timeout=0.5, on_failure=lines.append
    )
    try:
        stall(log)
        received = b""
        while b"full" not in received or log.stats["queued"]:
            with contextlib.suppress(BlockingIOError):
                received += os.read(reader, 1 << 16)
            log.flush(0.01)
        before = log.stats["dropped"]["full"]
        stall(log)
        log.close(0)
        lost = log.stats["dropped"]
        lost["full"] -= before
        reasons = ", ".join(f"{reason}: {count}" for reason, count in lost.items())
        assert lines[-1].endswith(f"; records not sent: {sum(lost.values())} ({reasons})")
    finally:
        os.close(reader)
        os.close(writer)


# --- standard error ------------------------------------------------------------------------------


def start_program(url: str, stderr: int, backend: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", "-c", PROGRAM + STAYS, url],
        stderr=stderr,
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
    )


def fill(descriptor: int) -> None:
    """Write until nothing more is taken."""
    os.set_blocking(descriptor, False)
    try:
        while True:
            os.write(descriptor, b"x" * 100)
    except BlockingIOError:
        pass
    try:
        while True:
            os.write(descriptor, b"x")
    except BlockingIOError:
        pass
    os.set_blocking(descriptor, True)


@pytest.mark.parametrize(
    ("kind", "backend"),
    take_turns(["terminal", "pipe", "socket"], ["c", "python"]),
    indirect=["backend"],
)
def test_standard_error_that_nobody_reads(backend: str, kind: str) -> None:
    """Nothing waits for it: the program ends as soon as it would."""
    if kind == "terminal":
        ends = pty.openpty()
    elif kind == "pipe":
        ends = os.pipe()
    else:
        ends = tuple(end.detach() for end in socket.socketpair())
    try:
        fill(ends[1])
        process = start_program(f"tcp://127.0.0.1:{find_free_port()}", ends[1], backend)
        assert process.wait(10) == 0
    finally:
        for end in ends:
            os.close(end)


def test_each_kind_of_descriptor(tmp_path: pathlib.Path) -> None:
    """A file goes on where it is, a pipe and a terminal are opened anew, a socket is not."""
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(b"before\n")
        file.flush()
        assert write_to_descriptor(file.fileno(), b"line\n")
        file.write(b"after\n")
    assert path.read_bytes() == b"before\nline\nafter\n"
    near, far = socket.socketpair()
    read_end, write_end = os.pipe()
    main, terminal = pty.openpty()
    for descriptor, reader in (
        (near.fileno(), far.fileno()),
        (write_end, read_end),
        (terminal, main),
    ):
        assert write_to_descriptor(descriptor, b"line\n")
        assert os.read(reader, 100).replace(b"\r", b"") == b"line\n"
        assert os.get_blocking(descriptor)
    for descriptor in (read_end, write_end, main, terminal):
        os.close(descriptor)
    near.close()
    far.close()


def test_a_standard_error_of_ones_own(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    log = load_emitter_module(backend).connect(f"tcp://127.0.0.1:{find_free_port()}", timeout=0.1)
    log.info("lost")
    log.close()
    assert "records not sent: 1 " in stream.getvalue()
    monkeypatch.setattr(sys, "stderr", None)
    log = load_emitter_module(backend).connect(f"tcp://127.0.0.1:{find_free_port()}", timeout=0.1)
    log.info("lost")
    log.close()


# --- handlers ------------------------------------------------------------------------------------

HANDLERS = """
import logging, logging.config, sys, time, syslogfast
urls = sys.argv[1:]
def configure():
    handlers = {
        url: {"class": "syslogfast.SysLogHandler", "address": url, "timeout": 1.5} for url in urls
    }
    root = {"level": "INFO", "handlers": urls}
    logging.config.dictConfig({"version": 1, "root": root, "handlers": handlers})
configure()
for _ in range(100): logging.info("lost")
"""


def test_the_end_of_several_handlers(run_python: RunPython, backend: str) -> None:
    """They share one deadline, and each says what it has not sent."""
    urls = [f"tcp://127.0.0.1:{find_free_port()}" for _ in range(4)]
    code = HANDLERS + "print(time.monotonic())\n"
    result = run_python(code, *urls, backend=backend)
    ended = time.monotonic()
    assert ended - float(result.stdout) < 7  # one after the other they took 12
    ends = [line for line in result.stderr.splitlines() if "; records not sent: " in line]
    assert len(ends) == 4
    for url in urls:
        (end,) = [line for line in ends if line.startswith(f"syslogfast: {url}: ")]
        assert end.endswith("; records not sent: 100 (closed: 100)")
    assert len(result.stderr.splitlines()) <= 8


def test_a_second_configuration(run_python: RunPython, backend: str) -> None:
    """`dictConfig` closes the former handlers, who share one deadline, too."""
    urls = [f"tcp://127.0.0.1:{find_free_port()}" for _ in range(4)]
    code = HANDLERS + "began = time.monotonic()\nconfigure()\nprint(time.monotonic() - began)\n"
    result = run_python(code, *urls, backend=backend)
    assert float(result.stdout) < 7  # one after the other they took 12


def test_a_handler_with_a_live_collector_beside_dead_ones(
    run_python: RunPython, backend: str, sink: Sink
) -> None:
    """While the dead are waited for, what the other has is sent."""
    urls = [f"tcp://127.0.0.1:{find_free_port()}" for _ in range(2)]
    result = run_python(HANDLERS, *urls, url_of(sink), backend=backend)
    assert result.returncode == 0
    assert wait_until(lambda: sink.count_lines() == 100)
    assert url_of(sink) not in result.stderr


def test_flushes_one_after_the_other_are_no_end(sink: Sink) -> None:
    """Each of a handler's waits as long as it may, however soon it follows the one before."""
    options = {"protocol": "rfc5424", "max_size": 1 << 17, "queue_bytes": 1 << 24}
    handler = syslogfast.SysLogHandler(url_of(sink), timeout=1.0, **options)
    deadline = time.monotonic() + 1.2
    while time.monotonic() < deadline:
        handler.handle(logging.makeLogRecord({"msg": "sent"}))
        handler.flush()
        time.sleep(0.1)
    sink.reads.clear()
    for _ in range(100):
        handler.handle(logging.makeLogRecord({"msg": "x" * 100_000}))
    threading.Timer(0.2, sink.reads.set).start()
    handler.flush()
    assert handler.stats["queued"] == 0
    handler.close()


def test_what_is_made_later_has_its_own_time(backend: str, sink: Sink) -> None:
    """A handler that is made after another was waited for in vain is waited for as long."""
    dead = syslogfast.SysLogHandler(f"tcp://127.0.0.1:{find_free_port()}", timeout=0.3)
    dead.handle(logging.makeLogRecord({"msg": "lost"}))
    dead.close()
    handler = syslogfast.SysLogHandler(url_of(sink), timeout=5.0)
    handler.handle(logging.makeLogRecord({"msg": "sent"}))
    handler.close()
    assert handler.stats["sent"] == 1


def test_raise_exceptions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that wants no lines of `logging` gets none of a handler."""
    for wanted in (True, False):
        monkeypatch.setattr(logging, "raiseExceptions", wanted)
        handler = syslogfast.SysLogHandler(f"tcp://127.0.0.1:{find_free_port()}", timeout=0.1)
        handler.handle(logging.makeLogRecord({"msg": "lost"}))
        handler.close()
        assert ("records not sent: 1 " in capsys.readouterr().err) == wanted
