"""`syslogfast listen` on TLS, RELP, unix sockets and vsock; what it leaves out; what it bears."""

import contextlib
import errno
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from support.certificates import Certificates, find_openssl
from support.each import try_each
from support.listeners import COMMAND, Listener, listen, make_environment

import syslogfast
from syslogfast import cli
from syslogfast.commands import printer as printers
from syslogfast.commands import server, sockets
from syslogfast.commands.certificate import name_hosts
from syslogfast.commands.parse import MalformedError
from syslogfast.commands.printer import Filter, Printer
from syslogfast.commands.render import JsonRenderer, TextRenderer
from syslogfast.commands.server import Server

RECORD = b"<13>1 - h a - - - "


def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        env=make_environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def send(url: str, text: str) -> None:
    with syslogfast.connect(url, hostname="h", app_name="a", timeout=20) as log:
        log.warning(text)
        assert log.flush(20)


def list_fields(line: str) -> tuple[str, ...]:
    shown = json.loads(line)
    assert "malformed" not in shown
    return shown["severity"], shown["app_name"], shown["message"]


# --- the ways in ---------------------------------------------------------------------------------


def test_unix_sockets(tmp_path: pathlib.Path) -> None:
    """Datagrams and connections, in any framing; the process that sends; nothing stays behind."""
    log, stream = tmp_path / "log", tmp_path / "stream"
    arguments = ["--unix", str(log), "--unix-stream", str(stream), "--json"]
    with listen(*arguments) as listener:
        assert listener.places == [f"unix://{log}", f"unix://{stream}?framing=lf"]
        urls = [f"unix://{log}", f"unix://{stream}"]
        urls += [f"unix://{stream}?framing={framing}" for framing in ("lf", "octet", "nul")]
        for count, url in enumerate(urls, 1):
            send(url, url)
            line = listener.wait_for_lines(count)[-1]
            assert list_fields(line) == ("warning", "a", url)
            assert json.loads(line)["peer"] == f"process {os.getpid()}"
        listener.end()
    assert not log.exists()
    assert not stream.exists()


def test_a_unix_socket_that_was_left_over(tmp_path: pathlib.Path) -> None:
    """One that nobody listens on is replaced; one in use, and what is no socket, are kept."""
    path = tmp_path / "log"
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        for option in ("--unix", "--unix-stream"):
            with socket.socket(socket.AF_UNIX, kind) as left:
                left.bind(str(path))
                if kind == socket.SOCK_STREAM:
                    left.listen()
                result = run(option, str(path))
                assert result.returncode == 1
                assert result.stderr.endswith(f"{path}: Address already in use\n")
            sockets.open_socket(option.removeprefix("--"), str(path)).close()
            path.unlink()
    path.write_text("precious")
    with pytest.raises(sockets.UnboundError, match="Address already in use"):
        sockets.open_socket("unix", str(path))
    assert path.read_text() == "precious"


@pytest.fixture(scope="module")
def tls_listener() -> Iterator[Listener]:
    if find_openssl() is None:
        pytest.skip("openssl, which makes certificates, is not on this machine")
    arguments = ["--tls", "0", "--relps", "localhost:0", "--relp", "0", "--json"]
    with listen(*arguments, sockets=3) as listener:
        yield listener
        path = pathlib.Path(listener.places[0].partition("?ca=")[2])
        assert path.exists()
        listener.end()
        assert not path.parent.exists()


def test_a_certificate_made_on_the_spot(tls_listener: Listener) -> None:
    """The URL that it listens on is the one to send to; the certificate is right by RFC 5280."""
    for place in tls_listener.places:
        scheme = place.partition(":")[0]
        assert ("?ca=" in place) == (scheme != "relp")
        count = len(tls_listener.output.splitlines()) + 1
        send(place, place)
        assert list_fields(tls_listener.wait_for_lines(count)[-1]) == ("warning", "a", place)
    path = tls_listener.places[0].partition("?ca=")[2]
    assert os.listdir(os.path.dirname(path)) == ["certificate.pem"]  # no key
    context = ssl.create_default_context(cafile=path)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("localhost", "127.0.0.1", socket.gethostname()):
        with context.wrap_socket(tls_listener.open("tls"), server_hostname=name) as opened:
            count = len(tls_listener.output.splitlines()) + 1
            opened.sendall((RECORD + b"x" * 15_000 + b"\n") * 20)  # more than a record of TLS has
            tls_listener.wait_for_lines(count + 19)


def test_the_names_in_a_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that OpenSSL takes: a host may have a name of digits, or one that is none."""
    monkeypatch.setattr(socket, "gethostname", lambda: "123456")
    names = name_hosts(["192.0.2.1", "::1", "web1.example.com", "a,b", "fe80::1%eth0", ""])
    start = (
        "IP:127.0.0.1,IP:::1,DNS:123456,IP:192.0.2.1,IP:fe80::1,DNS:localhost,DNS:web1.example.com"
    )
    assert names == start


def test_tls_that_fails_is_told(tls_listener: Listener) -> None:
    """Who does not trust the certificate, or speaks no TLS; and it goes on."""
    with pytest.raises(ssl.SSLError), tls_listener.open("tls") as opened:
        ssl.create_default_context().wrap_socket(opened, server_hostname="localhost")
    line = tls_listener.errors.readline().decode()
    assert re.search(r"^127.0.0.1:\d+ did not get as far as TLS: .*UNKNOWN_CA; .* ca=$", line)
    with tls_listener.open("tls") as opened:
        opened.sendall(RECORD + b"plain\n")
        assert re.match(r"127.0.0.1:\d+ did not get as", tls_listener.errors.readline().decode())
    count = len(tls_listener.output.splitlines()) + 1
    send(tls_listener.places[0], "again")
    assert list_fields(tls_listener.wait_for_lines(count)[-1]) == ("warning", "a", "again")


def test_a_certificate_that_is_given(certificates: Certificates) -> None:
    pair = certificates.server
    arguments = ["--tls", "0", "--cert", str(pair.certificate), "--key", str(pair.key), "--json"]
    with listen(*arguments, sockets=1) as listener:
        assert "?" not in listener.places[0]
        send(f"{listener.places[0]}?ca={certificates.ca}", "given")
        assert list_fields(listener.wait_for_lines(1)[0]) == ("warning", "a", "given")
        listener.end()
    result = run("--tls", "0", "--cert", str(pair.key))
    assert result.returncode == 1
    start = (
        f"syslogfast listen: --cert {pair.key} must be a certificate and its private key, in PEM"
    )
    assert result.stderr.startswith(start)


def test_without_openssl(tmp_path: pathlib.Path) -> None:
    result = run("--tls", "0", PATH=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr == (
        "syslogfast listen: --cert must be given, with --key, where there is no command openssl to"
        " make a certificate: install it, or give those of a server\n"
    )


def read_until(opened: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        piece = opened.recv(1 << 16)
        assert piece, data
        data += piece
    return data


def test_relp() -> None:
    """Answers by number, once the record is shown; a command that is not known; the end."""
    with listen("--relp", "0", sockets=1) as listener, listener.open("relp") as opened:
        opened.sendall(b"1 open 14 relp_version=0\n")
        assert read_until(opened, b"syslog\n").startswith(b"1 rsp 62 200 OK\nrelp_version=0\n")
        body = RECORD + b"one\ntwo"
        opened.sendall(b"2 syslog %d " % len(body) + body[:5])
        opened.sendall(body[5:] + b"\n3 what 0\n")
        assert (
            read_until(opened, b"known\n")
            == b"2 rsp 6 200 OK\n3 rsp 29 500 this command is not known\n"
        )
        assert listener.wait_for_lines(1)[0].endswith("  one\\ntwo")
        opened.sendall(b"4 close 0\n")
        assert read_until(opened, b"serverclose 0\n") == b"4 rsp 0\n0 serverclose 0\n"
        listener.end()
        assert listener.errors.read() == b"1 record, 0 malformed\n"


@try_each(
    "stream, offset, shown",
    [
        (b"x", 0, "a RELP frame must be TXNR SP COMMAND SP DATALEN [SP DATA] LF: x"),
        (b"1 syslog x", 9, "a RELP frame must be TXNR"),
        (b"1 syslog 2 abc", 13, "a RELP frame must be TXNR"),
        (b"1 syslog 2\n", 10, "a RELP frame must be TXNR"),
        (b"1 syslog 99999999 x", 9, "DATA must be at most 10,485,760 bytes"),
        (b"1 syslog 30 <12>half", 20, "a RELP frame must end where its DATALEN says"),
    ],
)
def test_malformed_relp(stream: bytes, offset: int, shown: str) -> None:
    found: list[tuple[MalformedError, bytes | bytearray]] = []

    class Receiver:
        def add(self, data: bytes, peer: str) -> None:
            raise AssertionError(data)

        def add_malformed(self, error: MalformedError, data: bytes | bytearray, peer: str) -> None:
            found.append((error, data))

    for size in (1, len(stream)):
        connection = server.RelpConnection("peer", Receiver())
        malformed = None
        try:
            for start in range(0, len(stream), size):
                connection.take(stream[start : start + size])
        except MalformedError as error:
            malformed = error
        connection.end(malformed)
        error, data = found.pop()
        assert (error.offset, data) == (offset, stream[: len(data)])
        line = TextRenderer(coloured=False).render_broken(error, data, "")
        assert f"MALFORMED at byte {offset}: {shown}" in line


def test_vsock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 0 is any, as is a context that is not given; seen without a kernel that has vsock."""
    bound: list[object] = []

    class Fake(socket.socket):
        def bind(self, address: object) -> None:
            bound.append(address)
            super().bind(("127.0.0.1", 0))

    make = socket.socket
    monkeypatch.setattr(socket, "AF_VSOCK", 40, raising=False)
    monkeypatch.setattr(
        sockets.socket,
        "socket",
        lambda family, kind: Fake(socket.AF_INET, kind) if family == 40 else make(family, kind),
    )
    for address in ((0xFFFFFFFF, 0), (2, 5140)):
        sockets.open_socket("vsock", address).close()
    assert bound == [(0xFFFFFFFF, 0xFFFFFFFF), (2, 5140)]
    assert sockets.show_address((0xFFFFFFFF, 5140)) == "any:5140"
    assert sockets.show_address((3, 5140)) == "3:5140"


@pytest.mark.parametrize("step", ["bind", "listen"])
@pytest.mark.parametrize(
    ("scheme", "address"), [("tcp", ("127.0.0.1", 0)), ("unix-stream", "log"), ("vsock", (2, 5))]
)
def test_a_socket_that_cannot_listen_is_closed(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
    scheme: str,
    address: tuple[object, int] | str,
    step: str,
) -> None:
    opened: list[socket.socket] = []

    class Refused(socket.socket):
        def __init__(self, family: int, kind: int, protocol: int = 0) -> None:
            super().__init__(socket.AF_INET if family == 40 else family, kind, protocol)
            opened.append(self)

        def bind(self, address: object) -> None:
            if step == "bind":
                raise OSError(errno.ENOBUFS, "No buffer space available")
            super().bind(address if scheme != "vsock" else ("127.0.0.1", 0))

        def listen(self, backlog: int = 0) -> None:
            raise OSError(errno.ENOBUFS, "No buffer space available")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket, "AF_VSOCK", 40, raising=False)
    monkeypatch.setattr(socket, "socket", Refused)
    with pytest.raises(sockets.UnboundError, match=r"No buffer space available$"):
        sockets.open_socket(scheme, address)  # type: ignore[arg-type]
    assert [each.fileno() for each in opened] == [-1]


def test_names_of_peers(tmp_path: pathlib.Path) -> None:
    """The name of a socket, or the process, where the kernel tells of one."""
    assert sockets.show_address(b"\0name\xff") == "@name\\xff"
    bound = sockets.open_socket("unix", str(tmp_path / "log"))
    with bound, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(tmp_path / "log"))
        sender.send(b"a")
        bound.setblocking(True)
        assert sockets.receive(bound, 100) == (b"a", f"process {os.getpid()}")
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        sender.send(b"b")
        assert sockets.receive(bound, 100) == (b"b", "unix")
        sender.bind(str(tmp_path / "sender"))
        sender.send(b"c")
        assert sockets.receive(bound, 100) == (b"c", str(tmp_path / "sender"))
    assert sockets.show_peer(bound, "") == "unix"  # it is closed by now


def test_what_is_no_left_over_socket(tmp_path: pathlib.Path) -> None:
    assert not sockets.is_left_over(str(tmp_path / "missing"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        other.bind(str(tmp_path / "other"))
        other.listen()
        assert not sockets.is_left_over(str(tmp_path / "other"))
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(socket.socket(socket.AF_UNIX))
        busy.bind(str(tmp_path / "busy"))
        busy.listen(0)
        for _ in range(3):  # until it takes no more: EAGAIN
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(str(tmp_path / "busy"))
        assert not sockets.is_left_over(str(tmp_path / "busy"))


def test_what_to_try() -> None:
    denied = PermissionError(13, "Permission denied")
    assert sockets.propose(denied, is_path=True) == "; a folder of one's own may be tried"
    assert "5514" in sockets.propose(denied, is_path=False)
    assert sockets.propose(UnicodeError("x"), is_path=False) == ""


@try_each(
    "arguments, expected",
    [
        (["--vsock", "x"], "argument --vsock: ADDR must be PORT or CID:PORT, got 'x'"),
        (["--vsock", ":5"], "argument --vsock: ADDR must be PORT or CID:PORT, got ':5'"),
        (["--vsock", "4294967296"], "argument --vsock: ADDR must be PORT or CID:PORT, got '42"),
        (["--unix", ""], "argument --unix: PATH must be 1 to 107 bytes, without NUL, got ''"),
        (["--unix-stream", "x" * 108], "argument --unix-stream: PATH must be 1 to 107 bytes"),
        (["--level", "warm"], "argument --level: severity must be"),
        (["--grep", "("], "argument --grep: PATTERN must be a regular expression, got '(': miss"),
        (
            ["--idle", "0"],
            "argument --idle: SECONDS must be a number above 0, such as 600, got '0'",
        ),
        (
            ["--idle", "x"],
            "argument --idle: SECONDS must be a number above 0, such as 600, got 'x'",
        ),
        (["--idle", "nan"], "argument --idle: SECONDS must be a number above 0, such as 600"),
        (["--cert", "x"], "--cert and --key must stand with --tls or --relps"),
        (["--tls", "0", "--key", "x"], "--key must stand with --cert"),
    ],
)
def test_wrong_options(arguments: list[str], expected: str) -> None:
    options = ["listen", "--tcp", "192.0.2.1:1", *arguments]
    with pytest.raises(SystemExit) as ended, contextlib.redirect_stderr(Collected()) as errors:
        cli.main(options)
    assert ended.value.code == 2
    assert errors.text.startswith(f"syslogfast listen: {expected}")

    assert errors.text.count("\n") == 1


@try_each(
    "text, expected",
    [("5140", (0xFFFFFFFF, 5140)), ("2:5140", (2, 5140)), ("2:0", (2, 0))],
)
def test_contexts(text: str, expected: tuple[int, int]) -> None:
    assert cli.parse_context(text) == expected


def test_seconds() -> None:
    assert cli.parse_seconds("0.5") == 0.5


class Collected:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None: ...


# --- what is left out ----------------------------------------------------------------------------


def list_shown(wanted: Filter, *records: bytes) -> list[int]:
    """Return the indices of the records that are shown."""
    printer = Printer(TextRenderer(coloured=False), wanted)
    shown = []
    for index, data in enumerate(records):
        count = len(printer.lines)
        printer.add(data, "192.0.2.1:514" if index % 2 else "[2001:db8::1]:514")
        if len(printer.lines) > count:
            shown.append(index)
    assert str(printer).endswith(f", {len(records) - len(shown)} left out")
    return shown


def test_filters() -> None:
    records = [
        b"<8>1 - web1.example.com shop - - - sold",
        b'<12>1 - web2 shop - - [a b="c"] returned',
        b"<15>1 - - mail - - - sold",
        b"<12>sold by a device",
        b"<11>2003-10-11T22:14:15Z WEB1 x: y",
        b"no PRI",
    ]
    assert list_shown(Filter(), *records) == [0, 1, 2, 3, 4, 5]
    assert list_shown(Filter(level=4), *records) == [0, 1, 3, 4]
    assert list_shown(Filter(level=0), *records) == [0]
    assert list_shown(Filter(pattern=re.compile("sold")), *records) == [0, 2, 3]
    assert list_shown(Filter(pattern=re.compile('b="c"|PRI')), *records) == [1, 5]
    assert list_shown(Filter(hosts=["web1"]), *records) == [0, 4]
    assert list_shown(Filter(hosts=["Web1.Example.com", "web2"]), *records) == [0, 1]
    assert list_shown(Filter(hosts=["192.0.2.1"]), *records) == [1, 3, 5]
    assert list_shown(Filter(hosts=["2001:db8::1"]), *records) == [0, 2, 4]
    assert list_shown(Filter(4, re.compile("sold"), ["web1", "192.0.2.1"]), *records) == [0, 3]


def test_filters_of_the_command() -> None:
    arguments = ["--udp", "0", "--level", "WARNING", "--grep", "so.d", "--host", "h"]
    with listen(*arguments, sockets=1) as listener, listener.open("udp") as opened:
        for data in (b"<15>1 - h a - - - sold", b"<12>1 - i a - - - sold", b"<12>1 - h a - - - x"):
            opened.send(data)
        opened.send(b"<12>1 - h a - - - sold")
        (line,) = listener.wait_for_lines(1)
        assert line.endswith("user.warning  h  a  -  sold")
        listener.end()
        assert listener.errors.read() == b"4 records, 0 malformed, 3 left out\n"


# --- on a terminal -------------------------------------------------------------------------------


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_terminal_has_the_counts(term: str) -> None:
    """They stand in its last line, and never amid a record; a terminal that is dumb has none."""
    reading, writing = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--udp", "0"],
        env=make_environment(TERM=term),
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=writing,
    )
    os.close(writing)
    output = b""

    def read_to(pattern: bytes) -> "re.Match[bytes]":
        nonlocal output
        deadline = time.monotonic() + 20
        while not (found := re.search(pattern, output)):
            assert select.select([reading], [], [], deadline - time.monotonic())[0], output
            output += os.read(reading, 1 << 16)
        return found

    try:
        port = int(read_to(rb"listening on udp://127.0.0.1:(\d+)\r\n")[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", port))
            sender.send(RECORD + b"first")
            if term == "xterm":
                read_to(rb"\r1 record, 0 malformed, [01] a second\x1b\[K")
            sender.send(RECORD + b"second")
            end = rb"second\r\n"
            read_to((rb"\r\x1b\[K127[^\r\n]*" if term == "xterm" else rb"\n127[^\r\n]*") + end)
        process.send_signal(signal.SIGTERM)
        read_to(rb"2 records, 0 malformed\r\n")
        assert process.wait(10) == 0
        assert (b"a second" in output) == (term == "xterm")
        if term == "dumb":
            assert b"\x1b" not in output
    finally:
        process.kill()
        process.wait()
        os.close(reading)


@pytest.mark.parametrize("output", ["pipe", "file"])
def test_counts_beside_another_output(output: str, tmp_path: pathlib.Path) -> None:
    """A file leaves the terminal to them; what a pipe leads to may write there itself."""
    reading, writing = pty.openpty()
    with open(tmp_path / "records", "wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "--udp", "0"],
            env=make_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if output == "pipe" else file,
            stderr=writing,
        )
    os.close(writing)
    said = b""
    try:
        while b"0 records, 0 malformed, 0 a second" not in said:
            if b"listening on" in said and output == "pipe":
                process.send_signal(signal.SIGTERM)
            said += os.read(reading, 1 << 16)
            if output == "pipe" and b"0 records, 0 malformed" in said:
                break
    finally:
        process.kill()
        process.communicate()
        os.close(reading)
    assert (b"a second" in said) == (output == "file")


def test_columns_of_a_narrow_terminal() -> None:
    """Columns are narrower there, but for those that all lines have alike."""
    long, short = b"<13>1 - hostname-of-20-chars x - - - y", b"<13>1 - h x - - - y"
    for width, padded in ((160, True), (40, False)):
        printer = Printer(TextRenderer(coloured=False, width=width))
        for data in (long, short):
            printer.add(data, "192.0.2.1:514")
        assert printer.lines[1].startswith("192.0.2.1:514  -  user.notice  h  ")
        assert (" h" + " " * 21 in printer.lines[1]) == padded


def test_only_some_columns_are_as_wide_on_any_terminal() -> None:
    """That of facility and severity, the third, is none of them."""
    for width, padded in ((160, "user.err   "), (40, "user.err")):
        printer = Printer(TextRenderer(coloured=False, width=width))
        for data in (b"<13>1 - h x - - - y", b"<11>1 - h x - - - y"):
            printer.add(data, "192.0.2.1:514")
        assert printer.lines[1].startswith(f"192.0.2.1:514  -  {padded}  h  ")


# --- what it bears -------------------------------------------------------------------------------


class Ending:
    def __init__(self) -> None:
        self.came = False
        self.woken, self.waking = os.pipe()

    def end(self) -> None:
        self.came = True
        os.write(self.waking, b"x")


class Shown(Printer):
    """Keeps what it would print."""

    def __init__(self) -> None:
        super().__init__(TextRenderer(coloured=False))
        self.shown: list[str] = []
        self.changed = threading.Condition()

    def flush(self) -> None:
        with self.changed:
            self.shown += self.lines
            self.lines.clear()
            self.changed.notify_all()

    def wait_for(self, text: str) -> str:
        def find() -> str:
            return next((line for line in self.shown if text in line), "")

        with self.changed:
            assert self.changed.wait_for(find, 20), self.shown
            return find()


@contextlib.contextmanager
def serve(
    *schemes: str, idle: float = 600.0, connections: int = 2000
) -> Iterator[tuple[Shown, Server, int]]:
    printer = Shown()
    served = Server(printer, idle)
    served.max_connections = connections
    urls = [served.listen(scheme, ("127.0.0.1", 0)) for scheme in schemes or ("tcp",)]
    ending = Ending()
    thread = threading.Thread(target=served.run, args=(ending,))
    thread.start()
    try:
        yield printer, served, *[int(url.rpartition(":")[2]) for url in urls]
    finally:
        ending.end()
        thread.join(20)
        assert not thread.is_alive()
        for opened in (*served.listening, *served.peers):
            opened.close()
        served.selector.close()
        os.close(ending.woken)
        os.close(ending.waking)


def open_many(port: int, count: int, stack: contextlib.ExitStack) -> list[socket.socket]:
    opened = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(count)]
    for stream in opened:
        stack.callback(stream.close)
    return opened


def test_idle_connections_make_room() -> None:
    """Whoever has something to say is heard; the silent ones go first, not one that has spoken."""
    with serve(connections=10) as (printer, served, port), contextlib.ExitStack() as stack:
        (known,) = open_many(port, 1, stack)
        known.sendall(RECORD + b"known\n")
        printer.wait_for("  known")
        silent = open_many(port, 30, stack)
        (late,) = open_many(port, 1, stack)
        late.sendall(RECORD + b"late\n")
        printer.wait_for("  late")
        assert len(served.peers) <= 10
        known.sendall(RECORD + b"known again\n")
        printer.wait_for("  known again")
        assert silent[0].recv(1) == b""


def test_idle_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that is said; in the middle of a record, and of TLS's start, sooner."""
    monkeypatch.setattr(server, "CHECK_INTERVAL", 0.05)
    with serve(idle=0.2) as (printer, served, port), contextlib.ExitStack() as stack:
        (idle,) = open_many(port, 1, stack)
        assert idle.recv(1) == b""
    monkeypatch.setattr(server, "UNFINISHED_TIME", 0.2)
    monkeypatch.setattr(server, "SHAKING_TIME", 0.2)
    with serve() as (printer, served, port), contextlib.ExitStack() as stack:
        half, idle = open_many(port, 2, stack)
        half.sendall(RECORD + b"half")
        assert half.recv(1) == b""
        line = printer.wait_for("half")
        assert "MALFORMED at byte 22: a record must go on within 0 s" in line
        assert len(served.peers) == 1


def test_a_peer_that_reads_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read any more until it does, and the others are."""
    monkeypatch.setattr(server, "MAX_ANSWERS", 1000)
    with serve("tcp", "relp") as (printer, served, *ports), contextlib.ExitStack() as stack:
        for opened in served.listening:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        (other,) = open_many(ports[0], 1, stack)
        (deaf,) = open_many(ports[1], 1, stack)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(0.3)
        body = RECORD + b"deaf"
        frames = b"".join([b"%d syslog %d %b\n" % (n, len(body), body) for n in range(1000)])
        with contextlib.suppress(TimeoutError):
            deaf.sendall(frames * 300)
        taken = len(printer.shown)
        assert taken < 300_000
        other.sendall(RECORD + b"heard\n")
        printer.wait_for("  heard")
        deaf.settimeout(20)
        answers = 0
        while answers <= taken:
            answers += deaf.recv(1 << 16).count(b" rsp 6 200 OK\n")
        assert len(printer.shown) > taken + 1


def test_unfinished_records_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest gives way, and is shown; the others go on."""
    monkeypatch.setattr(server, "MAX_HELD", 100_000)
    with serve() as (printer, served, port), contextlib.ExitStack() as stack:
        small, *big = open_many(port, 4, stack)
        small.sendall(RECORD + b"small ")
        for stream in big:
            with contextlib.suppress(OSError):
                stream.sendall(b"90000 <13>1 - h a - - - " + b"x" * 60_000)
        line = printer.wait_for("together")
        assert "a record must" not in line
        assert "unfinished records must be at most 100,000 bytes together" in line
        assert served.held <= 100_000
        small.sendall(b"record\n")
        printer.wait_for("small record")
    assert served.held == sum(peer.held for peer in served.peers.values())


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="there is no /proc")
def test_a_flood_takes_little_memory() -> None:
    """1,500 connections, 40 unfinished records of 10 MB, slow writers, one of controls alone."""
    with listen("--tcp", "0", sockets=1) as listener, contextlib.ExitStack() as stack:
        port = int(listener.places[0].rpartition(":")[2])
        many = open_many(port, 1500 if raise_limit(1600) else 300, stack)
        for stream in open_many(port, 40, stack):
            with contextlib.suppress(OSError):
                stream.sendall(b"9999999 " + RECORD + b"x" * 9_900_000)
        for _ in range(3):
            for stream in many:
                with contextlib.suppress(OSError):
                    stream.send(b"<")
        listener.send("tcp", b"9000000 " + RECORD + b"\x1b" * (9_000_000 - len(RECORD)))
        started = time.monotonic()
        listener.send("tcp", RECORD + b"heard\n")
        while b"  heard\n" not in listener.output[-100_000:] and time.monotonic() - started < 20:
            time.sleep(0.01)
        assert b"  heard\n" in listener.output
        status = pathlib.Path(f"/proc/{listener.process.pid}/status").read_text()
        peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert peak
        assert int(peak[1]) < 64 << 10


def raise_limit(wanted: int) -> bool:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return True
    if hard < wanted:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return True


def test_large_records(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are written in pieces, and nothing is lost or added where these meet."""
    monkeypatch.setattr(printers, "LARGE_SIZE", 4099)
    monkeypatch.setattr(printers, "PIECE_SIZE", 101)
    text = "\u20ac\x1b" * 4000
    for json_wanted in (False, True):
        head, bom = b"<13>1 - h a - - - ", b"\xef\xbb\xbf"
        octets, utf8 = text.encode(), "a record must be UTF-8"
        for record, rule, place, got in (
            (head + octets, None, None, ""),
            (head + octets + b"\xff", None, None, ""),  # RFC 5424 6.4, MSG-ANY
            (head + bom + octets, None, None, ""),
            (head + bom + octets + b"\xff", utf8, 16021, ""),
            (head + bom + octets[:-2], utf8, 16017, ""),
            (b"<13>Feb  5 17:32:18 h a: " + octets + b"\xff", utf8, 16025, ""),
        ):
            printer = Printer(JsonRenderer() if json_wanted else TextRenderer(coloured=False))
            printer.add(record, "peer:1")
            printer.flush()
            (line,) = capfdbinary.readouterr().out.decode().splitlines()
            assert printer.malformed == (rule is not None)
            shown = record[record.index(b"\xe2") :].decode(errors="backslashreplace")
            if not json_wanted:
                assert "  h  a  -  " + shown.replace("\x1b", "\\x1b") in line
                assert rule is None or line.endswith(f"MALFORMED at byte {place}: {rule}{got}")
                continue
            parsed = json.loads(line)
            assert parsed["message"] == shown
            assert (parsed.get("malformed"), parsed.get("offset")) == (rule, place)


def test_a_large_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes before the text has to be in the part that is read."""
    monkeypatch.setattr(printers, "LARGE_SIZE", 4096)
    printer = Shown()
    written: list[bytes] = []
    monkeypatch.setattr(printers, "write_all", lambda fd, data: written.append(bytes(data)))
    printer.add(b'<13>1 - h a - - [a b="' + b"x" * 5000 + b'"] text', "")
    shown = b"".join(written).decode()
    assert shown.startswith('-  user.notice  h  a  -  [a b="xxx')
    assert 'x"] text  MALFORMED at byte 4096: HEADER and STRUCTURED-DATA must end within' in shown
