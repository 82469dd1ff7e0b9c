"""What the command meets seldom: what is closed, full, refused or interrupted just then."""

import errno
import io
import os
import pathlib
import resource
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from support.receivers import Sink

import syslogfast
from syslogfast import cli
from syslogfast.commands import (
    certificate,
    delivery,
    demo,
    follow,
    printer,
    progress,
    render,
    send,
    server,
)
from syslogfast.commands.interruption import Interruption
from syslogfast.commands.lines import LineCutter, TextCheck
from syslogfast.commands.parse import MalformedError
from syslogfast.commands.relp_frames import RelpConnection
from syslogfast.commands.sockets import UnboundError
from syslogfast.transports.url import parse_url

RECORD = b"<13>1 - h a - - - "
PATIENCE = 20  # seconds


@pytest.fixture
def stream_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


def refuse(number: int) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    return call


# --- arguments and output ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ([], "see syslogfast --help"),
        (["lisen"], "got 'lisen'. Did you mean 'listen'?"),
        (["x" * 40], f"got '{'x' * 40}'"),
    ],
)
def test_no_command_of_that_name(
    capsys: pytest.CaptureFixture[str], words: list[str], end: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("syslogfast: COMMAND must be one of send, ")
    assert printed.endswith(f", {end}\n")


@pytest.mark.parametrize("stream", [None, "closed", "full"])
def test_wrong_arguments_without_standard_error(
    monkeypatch: pytest.MonkeyPatch, stream: str | None
) -> None:
    """The status still says what was wrong."""
    errors: Any = None
    if stream == "closed":
        errors = io.StringIO()
        errors.close()
    elif stream == "full":
        errors = SimpleNamespace(write=refuse(errno.ENOSPC))
    monkeypatch.setattr(sys, "stderr", errors)
    with pytest.raises(SystemExit) as caught:
        cli.main(["send", "--colour"])
    assert caught.value.code == 2


@pytest.mark.parametrize(("failure", "status"), [(errno.ENOSPC, 1), (errno.EPIPE, 0), (0, 0)])
def test_output_that_fails_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: int,
    status: int,
) -> None:
    """What was printed may be in a buffer until then."""
    ended: list[int] = []
    flush = refuse(failure) if failure else lambda: None
    monkeypatch.setattr(cli, "main", lambda: 0)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(flush=flush))
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(os, "open", refuse(errno.EMFILE))  # for /dev/null, in place of 1
    cli.run()
    assert ended == [status]


@pytest.mark.parametrize("size", [b"x", b"x" * (1 << 20)])
def test_an_output_that_does_not_block(size: bytes) -> None:
    """A terminal's may have been made so by another process: it is waited for."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    thread = threading.Thread(target=printer.write_all, args=(writing, size))
    thread.start()
    taken = b""
    while len(taken) < len(size):
        taken += os.read(reading, 1 << 16)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert taken == size
    os.close(reading)
    os.close(writing)


def test_a_terminal_that_tells_no_size(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "get_terminal_size", refuse(errno.ENOTTY))
    assert printer.find_width(2) == 80
    line = progress.ProgressLine()
    line.is_shown = True
    line.show("x" * 100)
    assert capfd.readouterr().err == f"\r{'x' * 79}\x1b[K"


def test_counts_only_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(printer, "COUNT_INTERVAL", 1e9)
    printed = printer.Printer(render.TextRenderer(coloured=False))
    counts = printer.CountLine()
    assert not counts.is_shown
    counts.show(printed)
    counts.is_shown = True
    counts.show(printed)
    shown = capfd.readouterr().err
    assert shown.startswith("\r")
    counts.show(printed)  # nothing has changed, and no second has passed
    assert capfd.readouterr().err == ""


def test_where_a_character_begins() -> None:
    data = "a\u20acb".encode()
    assert [printer.find_character(data, index) for index in range(1, 5)] == [1, 1, 1, 4]
    assert printer.find_character(b"\x80" * 9, 7) == 7  # it is no UTF-8


@pytest.mark.parametrize("coloured", [False, True])
def test_malformed_frames_are_shown(coloured: bool) -> None:
    error = MalformedError("a frame must end", 3)
    shown = render.TextRenderer(coloured=coloured).render_broken(error, b"<1", "peer")
    mark = "MALFORMED at byte 3: a frame must end:"
    assert shown == f"peer  {render.RED}{mark}{render.PLAIN} <1" if coloured else f"peer  {mark} <1"
    assert '"peer": "p\\"r"' in render.JsonRenderer().render_broken(error, b"<1", 'p"r')


def test_malformed_frames_are_filtered() -> None:
    """By what can be read of them, as records are."""
    wanted = printer.Filter(hosts=["other"])
    printed = printer.Printer(render.TextRenderer(coloured=False), wanted)
    printed.add_malformed(MalformedError("a frame must end", 3), RECORD, "127.0.0.1:5")
    assert (printed.left_out, printed.lines) == (1, [])


# --- send ----------------------------------------------------------------------------------------


def test_a_signal_between_two_lines_of_a_wait(keep_signals: None) -> None:
    """It comes after the look for one, and before the wait: there is none then."""
    ending = Interruption()

    class Interrupted(Interruption):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "_is_waiting" and value:
                super().__setattr__("number", signal.SIGINT)

    ending.__class__ = Interrupted
    with pytest.raises(KeyboardInterrupt), ending:
        raise AssertionError("it has begun to wait")
    assert not ending._is_waiting


def make_followed(path: pathlib.Path) -> follow.FollowedFile:
    told: list[str] = []
    cutter, check = LineCutter(100, False), TextCheck("x", told.append)
    return follow.FollowedFile(str(path), cutter, check, False, told.append)


def test_what_cannot_be_followed(tmp_path: pathlib.Path, keep_signals: None) -> None:
    """A folder that comes in the place of a file; a file that cannot be read."""
    with pytest.raises(follow.UnreadableError, match=f"{tmp_path}: it is a directory"):
        list(follow.follow_lines([make_followed(tmp_path)], Interruption()))
    (tmp_path / "log").write_bytes(b"one\n")
    file = make_followed(tmp_path / "log")
    lines = follow.follow_lines([file], Interruption())
    assert next(lines) == b"one\n"
    os.close(file._fd)
    with pytest.raises(follow.UnreadableError, match="Bad file descriptor"):
        list(lines)


def test_a_followed_fifo_that_nobody_writes_to_now(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    file = make_followed(tmp_path / "fifo")
    assert file.read() == b""
    with open(tmp_path / "fifo", "wb", buffering=0) as writer:
        assert file.read() == b""  # EAGAIN
        writer.write(b"one\n")
        assert file.read() == b"one\n"
    file.close()


def test_a_signal_while_lines_come_ends_it(tmp_path: pathlib.Path, keep_signals: None) -> None:
    """No wait is needed for that; what has come is sent, an unfinished line included."""
    (tmp_path / "log").write_bytes(b"one\ntw")
    ending = Interruption()
    lines = follow.follow_lines([make_followed(tmp_path / "log")], ending)
    assert next(lines) == b"one\n"
    ending.number = signal.SIGTERM
    assert list(lines) == [b"tw\n"]


def test_files_that_are_not_there(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    assert send.find_fault(str(tmp_path / "missing"), may_be_missing=True) == ""
    assert send.find_fault(str(tmp_path / "missing"), False) == "No such file or directory"
    assert send.find_fault(str(tmp_path / "file/below"), True) == "Not a directory"


def run_sending(words: list[str], change: Callable[[Any], object]) -> int:
    """Have `send` done with these arguments, after a change of what sends."""
    commands: dict[str, Any] = {}
    cli.COMMANDS["send"](commands)
    options = commands["send"].parse_args(words)
    sending: Any = send.Sending(options, send.Input(options))
    change(sending)
    return int(sending.run())


def test_a_second_signal_while_all_ends(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], keep_signals: None
) -> None:
    """The counts are told, and the process ends at once."""

    class EndedError(BaseException):
        pass

    def end(status: int) -> None:
        raise EndedError(status)

    def interrupt(sending: Any) -> None:
        sending._interruption.number = signal.SIGTERM
        sending._delivery.abandon = lambda: signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(EndedError) as ended:
        run_sending(["-m", "x"], interrupt)
    assert ended.value.args == (128 + signal.SIGTERM,)
    assert " to standard output in " in capfd.readouterr().err


def test_what_was_dropped_is_told(capfd: pytest.CaptureFixture[str], keep_signals: None) -> None:
    """Where nothing else has gone wrong."""

    def drop(sending: Any) -> None:
        sending._delivery.finish = lambda: sending._log._queue.drop("full")

    class Counted:
        def __init__(self, log: Any) -> None:
            self._log = log

        def __getattr__(self, name: str) -> Any:
            return getattr(self._log, name)

        @property
        def stats(self) -> Any:
            stats = dict(self._log.stats)
            return stats | {"offered": stats["offered"] + 2, "dropped": {"full": 2}}

    def lose(sending: Any) -> None:
        sending._log = Counted(sending._log)

    assert run_sending(["-m", "x"], lose) == 1
    assert "not sent: 2 of 3 (full: 2)" in capfd.readouterr().err


def test_an_unfinished_line_counts() -> None:
    sending: Any = object.__new__(send.Sending)
    sending._log = SimpleNamespace(stats={"sent": 1, "offered": 1})
    sending._read, sending._put_end = b"a\nb\nc", 2
    assert sending._count() == (1, 3)
    sending._read = b"a\nb\n"
    assert sending._count() == (1, 2)


@pytest.fixture
def delivered(sink: Sink, keep_signals: None) -> Iterator[Any]:
    """A delivery over TCP, and what it tells."""
    target = f"tcp://127.0.0.1:{sink.port}"
    log = syslogfast.connect(target, hostname="h", app_name="a")
    told: list[str] = []
    found: Any = delivery.Delivery(
        log, [parse_url(target)], False, Interruption(), told.append, lambda state: None
    )
    found.told = told
    found.log = log
    yield found
    log.close(PATIENCE)


@pytest.mark.parametrize("failure", [RuntimeError("can't start new thread"), MemoryError()])
def test_without_a_thread_it_opens_all_the_same(
    delivered: Any, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    from syslogfast.transports import threads

    def start(*_: object) -> None:
        raise failure

    monkeypatch.setattr(threads.Thread, "start", start)
    delivered.open()
    assert delivered._sender._transport is not None


def test_without_a_worker_nothing_opens(delivered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none in an interpreter that ends."""
    monkeypatch.setattr(type(delivered._sender), "_get_worker", lambda _: None)
    delivered.open()
    assert delivered._sender._transport is None


def test_a_break_without_retry(delivered: Any) -> None:
    delivered.open()
    delivered._policy.reconnects += 1
    with pytest.raises(delivery.BrokenError) as broken:
        delivered.check()
    assert (broken.value.reason, broken.value.tip) == (
        "the connection broke",
        "--retry goes on after that",
    )


def test_no_tip_where_no_waiting_mends_it(delivered: Any) -> None:
    from syslogfast.transports import PermanentError

    assert delivered._explain(PermanentError("no TLS here")).tip == ""
    assert delivered._explain(ConnectionRefusedError(111, "refused")).tip != ""


def test_a_kernel_that_keeps_what_it_has(delivered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once that the collector takes nothing, and waited for."""
    from syslogfast.transports import stream

    delivered.open()
    left = iter([5, 5, 5, 5, 0])
    monkeypatch.setattr(stream, "count_unacknowledged", lambda _: next(left))
    monkeypatch.setattr(delivery, "STALL_TIME", 0.0)
    delivered._await_acknowledgement()
    assert delivered.told == [f"{delivered.name} takes nothing; waiting for it"]


def test_what_is_lost_is_not_reported_in_a_record(delivered: Any) -> None:
    assert delivered._sender._reporter.find_delay() is None


# --- demo ----------------------------------------------------------------------------------------


@pytest.fixture
def collecting() -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """The collector's process, and its port."""
    process = subprocess.Popen(
        [sys.executable, "-Im", "syslogfast.commands.collector"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process, int(process.stdout.readline())
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def test_the_collector_counts_what_is_malformed(
    collecting: tuple["subprocess.Popen[str]", int],
) -> None:
    """A record, one without its end, a frame; and a connection may be reset."""
    process, port = collecting
    assert process.stdout is not None
    bytes_of = [RECORD + b"good\nbad\n" + RECORD + b"half", b"12345678 x", b""]
    for data, counts in zip(bytes_of, ["1 2\n", "1 3\n", "1 3\n"], strict=True):
        with socket.create_connection(("127.0.0.1", port)) as stream:
            stream.sendall(data)
            if not data:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        # It tells ten times a second.
        assert counts in [process.stdout.readline() for _ in range(20)], counts
    printed, _ = process.communicate(timeout=PATIENCE)
    assert printed.splitlines()[-1] == "1 3"
    assert process.returncode == 0


def test_the_collector_ends_where_nobody_reads(
    collecting: tuple["subprocess.Popen[str]", int],
) -> None:
    """As when the demo was killed; nothing is written to the terminal then."""
    process, _ = collecting
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(PATIENCE) == 1
    assert process.stderr.read() == ""


def test_what_the_demo_tells_of_malformed_records() -> None:
    log: Any = SimpleNamespace(stats={"offered": 9, "sent": 8, "dropped": {"full": 1}})
    second: Any = SimpleNamespace(received=5, malformed=2)
    assert demo.account(log, second) == (
        *(9, 5, 4),
        ["dropped: 1 (full)", "malformed: 2", "sent, but not received: 1"],
    )


def test_the_demo_waits_no_longer_than_a_signal_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    log: Any = SimpleNamespace(stats={"queued": 5, "sent": 0}, flush=lambda _: None)
    ending: Any = SimpleNamespace(number=signal.SIGINT, since=time.monotonic() - 1e6)
    assert demo.send_rest(log, None, ending)
    log.stats["queued"] = 0
    assert demo.send_rest(log, None, ending)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print(5); input()", ""),
        ("print(5); input(); raise SystemExit(3)", "the collector ended with status 3"),
        (
            "import os; print(5, flush=True); os.kill(os.getpid(), 9)",
            "the collector was killed by SIGKILL",
        ),
        ("import time; print(5, flush=True); time.sleep(60)", "the collector was stopped"),
    ],
)
def test_how_a_collector_ends(monkeypatch: pytest.MonkeyPatch, code: str, expected: str) -> None:
    start = subprocess.Popen
    code = code.replace("input()", "sys.stdout.flush(); sys.stdin.read()")

    def start_another(command: list[str], **options: Any) -> Any:
        return start([command[0], "-Ic", f"import sys; {code}"], **options)

    monkeypatch.setattr(subprocess, "Popen", start_another)
    second = demo.SecondProcess()
    assert second.port == 5
    assert second.end(0.5 if expected.endswith("stopped") else PATIENCE) == expected
    second._output.close()


def test_the_demo_looks_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It goes on unless the collector has died, or nothing was sent since the last look."""
    monkeypatch.setattr(progress, "REFRESH_INTERVAL", 0.0)
    monkeypatch.setattr(progress, "is_terminal", lambda _: True)
    log: Any = SimpleNamespace(stats={"sent": 5, "dropped": {}})
    second: Any = SimpleNamespace(has_ended=False, received=3)
    watch = demo.ProgressWatch(log, 10, second)
    assert watch.look(6)
    assert "6 of 10 offered, 3 received" in capfd.readouterr().err
    log.stats["dropped"]["full"] = 1
    assert not watch.look(7)
    log.stats["sent"] = 6
    assert watch.look(8)
    second.has_ended = True
    assert not watch.look(9)
    ending: Any = SimpleNamespace(number=0)
    assert not demo.emit_steps([syslogfast.connect("fd://2", level=0)], 1, watch, ending)
    assert not demo.send_rest(
        SimpleNamespace(stats={"queued": 5, "sent": 0}, flush=lambda _: None),  # type: ignore[arg-type]
        second,
        ending,
    )


@pytest.mark.parametrize("is_late", [False, True])
def test_a_second_signal_ends_the_demo(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    keep_signals: None,
    is_late: bool,
) -> None:
    """While records are sent it still tells what became of them; while it tells, no more."""

    def interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    commands: dict[str, Any] = {}
    cli.COMMANDS["demo"](commands)
    words = ["--emitters", "2", "--records", "2", "--to", "fd://2"]
    options = commands["demo"].parse_args(words)
    monkeypatch.setattr(demo, "account" if is_late else "run_lives", interrupt)
    assert demo.demonstrate(options) == (130 if is_late else 1)
    printed = capfd.readouterr().out.splitlines()
    assert printed[0].startswith("2 emitters, 2 records each, on one transport to fd://2;")
    assert [line.split(";")[0] for line in printed[1:]] == (
        [] if is_late else ["offered 0 sent 0 lost 0"]
    )


def test_the_demo_tells_how_its_collector_ended(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], keep_signals: None
) -> None:
    with Sink().listener as listener:
        second = SimpleNamespace(
            port=listener.getsockname()[1], received=0, malformed=0, has_ended=True
        )
        second.end = lambda timeout: "the collector was stopped"
        monkeypatch.setattr(demo, "SecondProcess", lambda: second)
        commands: dict[str, Any] = {}
        cli.COMMANDS["demo"](commands)
        options = commands["demo"].parse_args(["--emitters", "2", "--records", "2"])
        assert demo.demonstrate(options) == 1
    assert "the collector was stopped before the end" in capfd.readouterr().out


def test_a_full_device_ends_the_demo(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "show_lives", lambda options: demo.say("1 emitter"))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=refuse(errno.ENOSPC)))
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    assert demo.demonstrate(None) == 1  # type: ignore[arg-type]
    assert "No space left on device" in capfd.readouterr().err


# --- listen --------------------------------------------------------------------------------------


def test_openssl_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Its own words are told, and its folder is removed."""
    openssl = tmp_path / "openssl"
    openssl.write_text("#!/bin/sh\necho one >&2; echo Error: no curve >&2; exit 1\n")
    openssl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(certificate.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(UnboundError, match=r" cannot make a certificate: Error: no curve$"):
        certificate.Certificate([], None, None)
    assert list(tmp_path.iterdir()) == [openssl]


@pytest.mark.parametrize(
    ("limits", "given", "count"),
    [
        ((100, 4000), (2048, 4000), 2000),
        ((100, 200), (200, 200), 152),
        ((100, resource.RLIM_INFINITY), (2048, resource.RLIM_INFINITY), 2000),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None, 2000),
        ((5000, 5000), None, 4952),
    ],
)
def test_descriptors_for_connections(
    monkeypatch: pytest.MonkeyPatch,
    limits: tuple[int, int],
    given: tuple[int, int] | None,
    count: int,
) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, values: raised.append(values))
    assert server.raise_descriptors() == count
    assert raised == ([given] if given else [])


@pytest.fixture
def served(capfd: pytest.CaptureFixture[str]) -> Iterator[server.Server]:
    made = server.Server(printer.Printer(render.TextRenderer(coloured=False)), 600.0)
    yield made
    for stream in list(made.peers):
        made._close(stream)
    made.selector.close()


def test_a_peer_that_has_gone_before_tls(
    served: server.Server, stream_pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, _ = stream_pair
    served.use_tls(SimpleNamespace(wrap_socket=refuse(errno.EINVAL)))  # type: ignore[arg-type]
    served._add(ours, ("127.0.0.1", 5), "tls")
    assert ours.fileno() == -1
    assert not served.peers


def test_whoever_gave_way_is_not_served_again(
    served: server.Server, stream_pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = stream_pair
    served._add(ours, ("127.0.0.1", 5), "tcp")
    theirs.sendall(RECORD + b"late\n")
    served._close(ours)
    served._close(ours)
    served._serve(ours, selectors.EVENT_READ)
    assert served.printer.records == 0


@pytest.mark.parametrize(("quiet", "records", "gives"), [(1, 0, True), (1, 5, False), (9, 5, True)])
def test_the_quietest_gives_way(
    served: server.Server,
    stream_pair: tuple[socket.socket, socket.socket],
    quiet: float,
    records: int,
    gives: bool,
) -> None:
    """One that has brought records keeps its place for longer."""
    ours, _ = stream_pair
    served._add(ours, ("127.0.0.1", 5), "tcp")
    peer = served.peers[ours]
    peer.active -= quiet
    peer.connection.records = records
    assert served._give_way(server.MIN_IDLE) == gives
    assert bool(served.peers) != gives


@pytest.mark.parametrize(
    ("failure", "events"),
    [
        (ssl.SSLWantReadError(), selectors.EVENT_READ),
        (ssl.SSLWantWriteError(), selectors.EVENT_WRITE),
    ],
)
def test_tls_that_waits_for_its_peer(
    served: server.Server,
    stream_pair: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    failure: OSError,
    events: int,
) -> None:
    ours, _ = stream_pair
    served._add(ours, ("127.0.0.1", 5), "tcp")
    served.use_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def read(*_: object) -> bool:
        raise failure

    monkeypatch.setattr(served, "_read", read)
    served._serve(ours, selectors.EVENT_READ)
    assert served.selector.get_key(ours).events == events


def test_answers_that_are_not_read(
    served: server.Server, stream_pair: tuple[socket.socket, socket.socket]
) -> None:
    """A peer is read while there are few of them; it is answered as soon as it reads."""
    ours, theirs = stream_pair
    served._add(ours, ("127.0.0.1", 5), "relp")
    connection = served.peers[ours].connection
    assert isinstance(connection, RelpConnection)
    assert server.choose_events(connection) == selectors.EVENT_READ
    connection.answers += b"1 rsp 6 200 OK\n"
    assert server.choose_events(connection) == selectors.EVENT_READ | selectors.EVENT_WRITE
    connection.answers += bytes(server.MAX_ANSWERS)
    assert server.choose_events(connection) == selectors.EVENT_WRITE
    del connection.answers[15:]
    served._serve(ours, selectors.EVENT_WRITE)
    assert theirs.recv(100) == b"1 rsp 6 200 OK\n"
    assert server.choose_events(connection) == selectors.EVENT_READ
    assert ours in served.peers


def test_accepting_is_changed_once(served: server.Server) -> None:
    served.listen("tcp", ("127.0.0.1", 0))
    (opened,) = served.listening
    served._set_accepting(False)
    served._set_accepting(False)
    with pytest.raises(KeyError):
        served.selector.get_key(opened)
    served._set_accepting(True)
    assert served.selector.get_key(opened).events == selectors.EVENT_READ
    opened.close()
