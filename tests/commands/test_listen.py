"""The command `syslogfast listen`, run as a user runs it: what it shows, UDP and TCP, its end.

test_listen_transports.py has the other ways in, test_lenient.py what is read of malformed records.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from types import ModuleType

import pytest
from support import malicious_input
from support.grammar import parse_rfc3164, parse_rfc5424
from support.listeners import COMMAND, PEER, listen
from support.pairwise import choose_pairs

import syslogfast
from syslogfast.commands.frames import MAX_FRAME
from syslogfast.constants import FACILITIES, SEVERITIES

OCTOBER = 1_065_910_455_003_000_000
RECORD = b"<13>1 - - - - - - "
# What must not be written to a terminal as it came: controls, ends of lines, changes of direction.
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def expect(data: bytes, protocol: str) -> dict[str, object]:
    """Return what --json must show of a record, by grammar.py; without its peer."""
    elements: dict[str, dict[str, object]] = {}
    if protocol == "rfc5424":
        parsed = parse_rfc5424(data, keeps_controls=True)
        fields = list(parsed[1:6])
        for sd_id, parameters in parsed.structured_data:
            names = [name for name, _ in parameters]
            values = {name: [v for n, v in parameters if n == name] for name in names}
            elements[sd_id] = {n: v if len(v) > 1 else v[0] for n, v in values.items()}
        priority, message = parsed.priority, parsed.message or ""
    else:
        legacy = parse_rfc3164(data, hostname=protocol == "rfc3164", keeps_controls=True)
        fields = [legacy.timestamp, legacy.hostname, legacy.tag, legacy.pid, "-"]
        priority, message = legacy.priority, legacy.message
    names = ["timestamp", "hostname", "app_name", "procid", "msgid"]
    return {
        "protocol": "rfc5424" if protocol == "rfc5424" else "rfc3164",
        "facility": next(name for name, code in FACILITIES.items() if code == priority // 8),
        "severity": next(name for name, code in SEVERITIES.items() if code == priority % 8),
        **dict(zip(names, [None if f == "-" else f for f in fields], strict=True)),
        "structured_data": elements,
        "message": message,
    }


# --- what is shown -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("protocol", "framing", "encoder_module"),
    choose_pairs(["rfc5424", "rfc3164", "local"], [None, "octet", "lf", "nul"], ["c", "python"]),
    indirect=["encoder_module"],
)
def test_every_field_arrives(
    encoder_module: ModuleType, protocol: str, framing: "str | None"
) -> None:
    """What the encoder makes of malicious texts and fields comes out field by field, over UDP, TCP.

    One line for each record: nothing that is in one makes a second.
    """
    controls = "escape" if framing in ("lf", "nul") else "keep"
    texts = [*malicious_input.TEXTS, *malicious_input.OCTETS]
    frames, expected = [], []
    for index, text in enumerate(texts):
        field = malicious_input.HEADER_FIELDS[index % len(malicious_input.HEADER_FIELDS)]
        plain = encoder_module.Encoder(
            protocol=protocol, controls=controls, facility=index % 24, app_name=field,
            hostname="web1", procid=index, bom=index % 3 == 0,
            structured_data={"a@1": {"b": text}, "c": [("d", "e"), ("d", text[:9]), ("f", "")]},
        )  # fmt: skip
        for encoder, into in ((plain, expected), (plain.replace(framing=framing), frames)):
            into.append(encoder.encode(index % 8, text, time_ns=OCTOBER, msgid=field))
    with listen("--udp", "0", "--tcp", "0", "--json") as listener:
        with listener.open("tcp" if framing else "udp") as opened:
            peer = "{}:{}".format(*opened.getsockname())
            if framing:
                opened.sendall(b"".join(frames))
            for count, frame in enumerate(frames if not framing else [], 1):
                opened.send(frame)
                if count % 8 == 0:  # the kernel keeps only so many datagrams
                    listener.wait_for_lines(count)
            lines = listener.wait_for_lines(len(frames))
        output = listener.end()
        assert listener.errors.read() == b"%d records, 0 malformed\n" % len(frames)
    assert output.splitlines() == lines
    assert output.isascii()
    for line, data in zip(lines, expected, strict=True):
        assert json.loads(line) == {**expect(data, protocol), "peer": peer}


def test_text() -> None:
    """Columns as wide as what has come, NILVALUE as "-", values with their escapes, the peer."""
    with listen() as listener:
        with listener.open("udp") as opened:
            for data in (
                b"<133>1 2003-10-11T22:14:15.003Z web1 shop 42 ID47 "
                b'[order@32473 id="17"][x a="\\"\\\\\\]\t"] message',
                b"<3>1 - - - - - -",
                b"<14>Feb  5 17:32:18 web10 till[7]: sold\tout ",
                b"<191>Feb  5 17:32:18 till: ",
                b"<86>1 - h" + b"x" * 40 + b" - 9 - - \xef\xbb\xbf\xe2\x82\xac",
            ):
                opened.send(data)
            peer = "{}:{}  ".format(*opened.getsockname())
        lines = listener.wait_for_lines(5)
        assert listener.end().splitlines() == lines
        assert {line[: len(peer)] for line in lines} == {peer}
        assert "".join([f"{line[len(peer) :]}\n" for line in lines]) == (
            "2003-10-11T22:14:15.003Z  local0.notice  web1  shop[42]  ID47"
            '  [order@32473 id="17"]  [x a="\\"\\\\\\]\\t"]  message\n'
            "-                         kern.err       -     -         -\n"
            "Feb  5 17:32:18           user.info      web10  till[7]   -     sold\\tout \n"
            "Feb  5 17:32:18           local7.debug   -      till      -\n"
            f"-                         authpriv.info  h{'x' * 40}  -[9]      -     \u20ac\n"
        )


def test_malformed_records_are_marked() -> None:
    """All fields that can be told; what is wrong, where, and what stands there; no controls."""
    form = "PRI must be followed by VERSION 1 and a space, or by a month, Jan to Dec"
    malformed = [
        (b"", "-  user.notice", "MALFORMED at byte 0: a record must not end here"),
        (
            b"<11>\x1b]0;title\a\n",
            "-  user.err     ",
            f"\\x1b]0;title\\x07  MALFORMED at byte 4: {form}, got '\\x1b]0;title\\x07\\n'",
        ),
        (
            b"<13>1 - h\xff\xe2\x80\xae a",
            "-  user.notice  h\\xff\\u202e",
            "a  MALFORMED at byte 9: HOSTNAME must be 1 to 255 printable ASCII characters,"
            " got '\\xff\\u202e a'",
        ),
    ]
    with listen() as listener:
        for data, _, _ in malformed:
            listener.send("udp", data)
        lines = listener.wait_for_records(3)
        listener.end()
        assert listener.errors.read() == b"0 records, 3 malformed\n"
    for line, (_, start, end) in zip(lines, malformed, strict=True):
        assert line.startswith(start)
        assert line.endswith(f"  {end}")


def test_malformed_records_as_json() -> None:
    with listen("--udp", "0", "--json", sockets=1) as listener:
        with listener.open("udp") as opened:
            opened.send(b"<13>1 - - - - - [a]x\x7f\xff")
            peer = "{}:{}".format(*opened.getsockname())
            (line,) = listener.wait_for_lines(1)
        listener.end()
    assert line.isascii()
    assert not UNSAFE.search(line)
    assert json.loads(line) == {
        "protocol": "rfc5424",
        "facility": "user",
        "severity": "notice",
        **dict.fromkeys(["timestamp", "hostname", "app_name", "procid", "msgid"]),
        "structured_data": {"a": {}},
        "message": "x\x7f\\xff",
        "malformed": "STRUCTURED-DATA must be followed by a space or by nothing",
        "offset": 19,
        "record": "<13>1 - - - - - [a]x\x7f\\xff",
        "peer": peer,
    }


def test_a_message_of_any_octets() -> None:
    """RFC 5424 6.4, MSG-ANY: well-formed, and shown as octets."""
    with listen("--udp", "0", "--json", sockets=1) as listener:
        listener.send("udp", RECORD + b"caf\xe9 \xc3\xa9")
        (line,) = listener.wait_for_lines(1)
        listener.end()
    assert json.loads(line)["message"] == "caf\\xe9 \u00e9"
    assert "malformed" not in json.loads(line)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("--udp", "0", "--tcp", "0", "--json")])
def test_nothing_drives_the_terminal(arguments: tuple[str, ...]) -> None:
    """No control character of a record reaches the terminal, wherever in it it is."""
    characters = [chr(code) for code in range(1, 0x2100) if UNSAFE.match(chr(code))]
    texts = [*(f"a{character}b" for character in characters), *malicious_input.TEXTS]
    with listen(*arguments, terminal=True) as listener:
        with listener.open("tcp") as opened:
            for text in texts:
                octets = text.encode(errors="surrogatepass")
                for data in (octets, RECORD + octets, b'<13>1 - - - - - [a b="' + octets + b'"] x'):
                    opened.sendall(b"%d " % len(data) + data if data else b"\n")
        listener.wait_for_lines(3 * len(texts))
        output = listener.end()
    lines = output.split("\r\n")
    assert lines.pop() == ""
    assert len(lines) == 3 * len(texts)
    for line in lines:
        assert not UNSAFE.search(re.sub("\x1b\\[(31|36|0)m", "", line)), line
        assert line.count("\x1b") in ((0,) if arguments else (2, 4))


def test_colours() -> None:
    """On a terminal the severity has one, unless NO_COLOR or TERM=dumb forbid it."""
    expected = ["31", "31", "31", "31", "33", "36", "", "2"]
    names = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
    plain = ({"terminal": True, "NO_COLOR": "1"}, {"terminal": True, "TERM": "dumb"}, {})
    for options in ({"terminal": True}, *plain):
        with listen(**options) as listener:
            with listener.open("tcp") as opened:
                for severity in range(8):
                    opened.sendall(b"<%d>1 - - - - - - x\n" % severity)
                opened.sendall(b"<14>1\n")
            lines = listener.wait_for_lines(9)
            listener.end()
        coloured = options == {"terminal": True}
        for line, name, colour in zip(lines[:8], names, expected, strict=True):
            is_shown = f" kern.\x1b[{colour}m{name}\x1b[0m " in line
            assert is_shown == (coloured and bool(colour))
            assert ("\x1b" in line) == is_shown
        mark = "\x1b[31mMALFORMED at byte 4: " if coloured else "  MALFORMED at byte 4: "
        assert mark in lines[8]
        assert ("\x1b" in lines[8]) == coloured


# --- how it arrives ------------------------------------------------------------------------------


def test_the_other_command_sends_to_it() -> None:
    """`syslogfast send` over UDP and TCP, each framing, as in the README."""
    with listen() as listener:
        for place in listener.places:
            framings = ("lf", "octet", "nul") if place.startswith("tcp") else ("",)
            for framing in framings:
                url = f"{place}?framing={framing}" if framing else place
                subprocess.run(
                    [*COMMAND[:-1], "send", "--to", url, "-p", "local0.err", "-t", "shop"],
                    input=b"".join(b"line %d \xe2\x82\xac\n" % number for number in range(50)),
                    check=True,
                    capture_output=True,
                    timeout=60,
                )
        lines = listener.wait_for_lines(200)
        listener.end(signal.SIGINT)
        assert listener.errors.read() == b"200 records, 0 malformed\n"
    for number, line in enumerate(lines):
        assert "  local0.err  " in line
        assert line.endswith(f"  shop  -  line {number % 50} \u20ac")


def test_a_stream_may_come_in_any_pieces() -> None:
    """Octet by octet, with all framings in one connection; a record is shown when it is whole."""
    stream = b"%d " % len(RECORD + b"a\nb") + RECORD + b"a\nb" + RECORD + b"c\n" + RECORD + b"d\0"
    with listen() as listener, listener.open("tcp") as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in stream:
            opened.sendall(bytes([octet]))
            time.sleep(0.001)
        lines = listener.wait_for_lines(3)
        assert [line.rpartition("  ")[2] for line in lines] == ["a\\nb", "c", "d"]
        opened.sendall(RECORD + b"half")
        time.sleep(0.1)
        assert listener.output.count(b"\n") == 3
        opened.sendall(b" and half\n")
        assert listener.wait_for_lines(4)[3].endswith("  half and half")
        listener.end()


@pytest.mark.slow
def test_many_records_in_order() -> None:
    """A stream of several megabytes, and nothing is lost or out of place."""
    count = 50_000
    frames = [RECORD + b"%d " % number + b"x" * (number % 200) for number in range(count)]
    with listen() as listener:
        listener.send("tcp", b"".join(b"%d " % len(frame) + frame for frame in frames))
        lines = listener.wait_for_lines(count)
        listener.end()
        assert listener.errors.read() == b"50,000 records, 0 malformed\n"
    numbers = [int(re.search(r"  (\d+) x*$", line)[1]) for line in lines]  # type: ignore[index]
    assert numbers == list(range(count))


def test_many_connections_at_a_time() -> None:
    with listen() as listener, contextlib.ExitStack() as stack:
        opened = [stack.enter_context(listener.open("tcp")) for _ in range(200)]
        for number, stream in enumerate(opened):
            stream.sendall(RECORD + b"%d" % number)
        for stream in reversed(opened):
            stream.sendall(b"\n")
        lines = listener.wait_for_lines(200)
        listener.end()
    assert {int(line.rpartition(" ")[2]) for line in lines} == set(range(200))


def test_without_descriptors_connections_wait() -> None:
    """Those that are open are served, and when they close the others are; meanwhile it rests."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("this system has no prlimit")
    with listen() as listener:
        resource.prlimit(listener.process.pid, resource.RLIMIT_NOFILE, (16, 16))
        opened = [listener.open("tcp") for _ in range(30)]
        before = read_processor_time(listener.process.pid)
        time.sleep(0.5)
        assert read_processor_time(listener.process.pid) - before < 0.25
        for number, stream in enumerate(opened):
            stream.sendall(RECORD + b"%d\n" % number)
            stream.close()
        lines = listener.wait_for_lines(30)
        listener.end()
    assert {int(line.rpartition(" ")[2]) for line in lines} == set(range(30))


def read_processor_time(pid: int) -> float:
    """Return the seconds that a process has had of the processor, from /proc."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"99x rest", "at byte 2: MSG-LEN must be 1 to 7 digits and a space: 99x rest"),
        (b"12345678 x", "at byte 7: MSG-LEN must be 1 to 7 digits and a space: 12345678 x"),
    ],
)
def test_a_framing_error_closes_its_connection_only(stream: bytes, message: str) -> None:
    with listen() as listener, listener.open("tcp") as good, listener.open("tcp") as bad:
        good.sendall(RECORD + b"first\n" + RECORD + b"sec")
        listener.wait_for_lines(1)
        bad.sendall(RECORD + b"before\n" + stream)
        lines = listener.wait_for_lines(3)
        assert lines[1].endswith("  before")
        assert PEER.sub("", lines[2]) == f"MALFORMED {message}"
        assert bad.recv(1) == b""
        good.sendall(b"ond\n")
        assert listener.wait_for_lines(4)[3].endswith("  second")
        listener.end()
        assert listener.errors.read() == b"3 records, 1 malformed\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (RECORD + b"x", "  x  MALFORMED at byte 19: a record must end with LF or NUL"),
        (b"9 <13>1", "  1  MALFORMED at byte 7: a record must end where its MSG-LEN says"),
        (b"12", "MALFORMED at byte 2: a record must end where its MSG-LEN says: 12"),
    ],
)
@pytest.mark.parametrize("ends", ["closed", "reset", "interrupted"])
def test_an_unfinished_record_is_malformed(rest: bytes, message: str, ends: str) -> None:
    """However the connection ends, what has come is shown, and the fields that it has."""
    with listen() as listener, listener.open("tcp") as opened:
        opened.sendall(RECORD + b"first\n" + rest)
        listener.wait_for_lines(1)
        if ends == "reset":
            linger = (1).to_bytes(4, sys.byteorder) + bytes(4)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if ends != "interrupted":
            opened.close()
            listener.wait_for_lines(2)
        lines = listener.end().splitlines()
        (line,) = lines[1:]
        start = PEER.sub("", line).removesuffix(message)
        assert start in ("", "-  user.notice  -  -  -")
        assert line.endswith(message)
        assert listener.errors.read() == b"1 record, 1 malformed\n"


def test_the_longest_frames() -> None:
    """10 MiB are kept, in whatever pieces they come; one octet more ends the connection."""
    longest = RECORD + b"x" * (MAX_FRAME - len(RECORD))
    with listen() as listener:
        with listener.open("tcp") as opened:
            for start in range(0, len(longest), 1400):
                opened.sendall(longest[start : start + 1400])
            opened.sendall(b"\n")
            (line,) = listener.wait_for_lines(1)
            assert line.endswith("  " + "x" * (MAX_FRAME - len(RECORD)))
            with contextlib.suppress(ConnectionError):
                opened.sendall(longest + b"x" * 100_000)
                opened.recv(1)
        line = listener.wait_for_records(2)[1]
        assert re.match("-  user.notice  -  -  -  x+  MALFORMED", line)
        end = "MALFORMED at byte 10485760: a record must end within 10,485,760 bytes, got "
        assert line.endswith(f"{end}'{'x' * 24}...'")
        assert len(line) < 66_000
        listener.send("tcp", RECORD + b"next\n")
        assert listener.wait_for_lines(3)[2].endswith("  next")
        listener.end()


def test_several_addresses_and_ipv6() -> None:
    arguments = ["--udp", "127.0.0.1:0", "--udp", ":0", "--tcp", "localhost:0", "--tcp", "0"]
    with listen(*arguments, sockets=4) as listener:
        schemes = [place.partition("://")[0] for place in listener.places]
        assert schemes == ["udp", "udp", "tcp", "tcp"]
        assert len(set(listener.places)) == 4
        assert not [place for place in listener.places if place.endswith(":0")]
        listener.end()
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listen("--udp", "[::1]:0", "--tcp", "[::1]:0", "--json") as listener:
        for scheme in ("udp", "tcp"):
            with listener.open(scheme) as opened:
                opened.sendall(RECORD + (b"\n" if scheme == "tcp" else b""))
                peer = f"[::1]:{opened.getsockname()[1]}"
                lines = listener.wait_for_lines(1 if scheme == "udp" else 2)
                assert json.loads(lines[-1])["peer"] == peer
        listener.end()


# --- how it ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_has_arrived_is_printed_first(number: int) -> None:
    """Datagrams, streams and connections that wait in the kernel when the signal comes."""
    with listen() as listener, listener.open("udp") as udp, listener.open("tcp") as tcp:
        tcp.sendall(RECORD + b"0\n")
        listener.wait_for_lines(1)
        listener.process.send_signal(signal.SIGSTOP)
        for index in range(1, 101):
            udp.send(RECORD + b"%d" % index)
            tcp.sendall(RECORD + b"%d\n" % (100 + index))
        listener.send("tcp", b"".join(RECORD + b"%d\n" % index for index in range(201, 1000)))
        listener.process.send_signal(number)
        listener.process.send_signal(signal.SIGCONT)
        assert listener.process.wait(10) == 0
        listener.thread.join(10)
        lines = listener.output.decode().splitlines()
        assert listener.errors.read() == b"1,000 records, 0 malformed\n"
    assert sorted(int(line.rpartition(" ")[2]) for line in lines) == list(range(1000))


@pytest.mark.slow
def test_an_endless_sender_does_not_keep_it() -> None:
    """What comes after the signal may be shown, but not for ever."""
    with listen() as listener, listener.open("tcp") as opened:

        def flood() -> None:
            with contextlib.suppress(OSError):
                while True:
                    opened.sendall((RECORD + b"flood\n") * 1000)

        sender = threading.Thread(target=flood, daemon=True)
        sender.start()
        listener.wait_for_lines(1000)
        listener.end()
        sender.join(10)
        assert not sender.is_alive()
        assert re.fullmatch(rb"[0-9,]+ records, [01] malformed\n", listener.errors.read())


def test_a_second_signal_ends_it_at_once() -> None:
    """Also while nobody reads its output, and so it cannot print what has arrived."""
    with listen(reads=False) as listener, listener.open("tcp") as opened:
        opened.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while True:
                opened.sendall((RECORD + b"x" * 1000 + b"\n") * 100)
        listener.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert listener.process.poll() is None
        listener.process.send_signal(signal.SIGINT)
        assert listener.process.wait(10) == 0
        assert re.fullmatch(rb"[0-9,]+ records, 0 malformed\n", listener.errors.read())


def test_a_broken_output_ends_it_quietly() -> None:
    """`syslogfast listen | head -1`"""
    with listen(reads=False) as listener, listener.open("tcp") as opened:
        reading = listener.reading
        opened.sendall(RECORD + b"first\n")
        assert os.read(reading, 1000).endswith(b"first\n")
        listener.reading = os.open(os.devnull, os.O_RDONLY)
        os.close(reading)
        opened.sendall(RECORD + b"second\n")
        assert listener.process.wait(10) == 0
        assert listener.errors.read() == b""


def test_an_output_that_is_full_is_an_error() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen([*COMMAND, "--tcp", "0"], stdout=full, stderr=subprocess.PIPE)
    with process:
        assert process.stderr is not None
        port = int(process.stderr.readline().rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port)) as opened:
            opened.sendall(RECORD + b"\n")
            assert process.wait(10) == 1
        assert process.stderr.read() == (
            b"syslogfast listen: cannot write to standard output: No space left on device\n"
        )


# --- what it refuses -----------------------------------------------------------------------------


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        *[
            "x",
            "",
            "x:",
            ":",
            "h:65536",
            "h:-1",
            "h:1.5",
            "h: 1",
            "::1:5",
            "[::1]",
            "[::1]5",
            "1:2:3",
        ],
        *["[1.2.3.4]:5", "h/x:5", "u@h:5", "a b:5", "h:\u0663", "h\n:5", "h:" + "1" * 5000],
        *["udp://h:5", "[h]:5", "[]:5", "[::1", "99999"],
    ],
)
def test_a_wrong_address_gets_one_clear_line(address: str) -> None:
    option = ("--udp", "--tcp")[len(address) % 2]  # they have the same parser
    result = run(f"{option}={address}")
    assert (result.returncode, result.stdout) == (2, "")
    shown = repr(address) if len(repr(address)) <= 100 else repr(address)[:97] + "..."
    assert result.stderr == (
        f"syslogfast listen: argument {option}: ADDR must be HOST:PORT, got {shown}\n"
    )


def test_an_address_in_use_is_an_error() -> None:
    kinds = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
    for scheme, kind in kinds.items():
        with socket.socket(socket.AF_INET, kind) as holder:
            holder.bind(("127.0.0.1", 0))
            if scheme == "tcp":
                holder.listen()
            place = f"127.0.0.1:{holder.getsockname()[1]}"
            result = run("--udp", "0", f"--{scheme}", place)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == (
            f"syslogfast listen: cannot listen on {scheme}://{place}: Address already in use;"
            " port 0 is any that is free\n"
        )


def test_a_host_that_is_not_here_is_an_error() -> None:
    result = run("--tcp", "192.0.2.1:5514")
    assert result.returncode == 1
    assert result.stderr == (
        "syslogfast listen: cannot listen on tcp://192.0.2.1:5514:"
        " Cannot assign requested address; it must be an address of this host, or 0.0.0.0 or [::]"
        " for all of them\n"
    )
    for host in ("no-such-host.invalid", "x" * 70):
        result = run("--tcp", f"{host}:1")
        assert result.returncode == 1
        assert result.stderr.startswith(f"syslogfast listen: cannot listen on tcp://{host}:1: ")
        assert result.stderr.count("\n") == 1


SHOW_DEFAULT = """
from syslogfast.cli import main
from syslogfast.commands import server
from syslogfast.commands.sockets import UnboundError

open_socket = server.open_socket
def note(scheme, address):
    print(scheme, *address)
    if scheme == "tcp":
        raise UnboundError("that is enough")
    return open_socket(scheme, ("127.0.0.1", 0))

server.open_socket = note
main(["listen"])
"""


def test_the_default_is_both_on_port_5514(run_python) -> None:
    """Seen without taking the port, which another may need."""
    result = run_python(SHOW_DEFAULT)
    assert result.stdout == "udp 127.0.0.1 5514\ntcp 127.0.0.1 5514\n"
    assert result.stderr == "syslogfast listen: that is enough\n"


def test_help_tells_what_there_is() -> None:
    result = run("--help")
    assert result.returncode == 0
    parts = ["--udp ADDR", "--tcp ADDR", "--tls ADDR", "--relp ADDR", "--relps ADDR", "--unix PATH"]
    parts += ["--unix-stream PATH", "--vsock [CID:]PORT", "--cert FILE", "--key FILE", "--json"]
    parts += ["--level SEVERITY", "--grep PATTERN", "--host NAME", "--idle SECONDS"]
    for part in (*parts, "[IPV6]:PORT", "127.0.0.1:5514"):
        assert part in result.stdout


def test_version(run_python, backend: str) -> None:
    """It says which encoder there is: where nothing could be compiled, nothing else does."""
    result = run_python("from syslogfast.cli import main; main(['--version'])", backend=backend)
    encoder = {"c": "compiled encoder", "python": "encoder in Python, 13 times slower"}[backend]
    assert result.stdout == f"syslogfast {syslogfast.__version__} ({encoder})\n"
    assert (result.returncode, result.stderr) == (0, "")


# --- what is loaded ------------------------------------------------------------------------------

SHOW_LOADED = """
import sys
before = set(sys.modules)
from syslogfast.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""
SEND = "syslogfast.commands.send"
LISTEN = "syslogfast.commands.listen"


@pytest.mark.parametrize(
    ("arguments", "loaded", "others"),
    [
        (["--version"], [], [SEND, LISTEN, "socket", "selectors", "json", "typing"]),
        (["send", "-m", "x"], [SEND], [LISTEN, "socket", "selectors", "json", "typing", "shutil"]),
        (["listen", "--tcp", "192.0.2.1:1"], [LISTEN], [SEND, "json", "typing", "shutil", "ssl"]),
    ],
    ids=["neither", "send", "listen"],
)
def test_a_command_loads_what_it_needs(
    run_python, arguments: list[str], loaded: list[str], others: list[str]
) -> None:
    result = run_python(SHOW_LOADED, *arguments)
    modules = result.stderr.splitlines()[-1].split()
    assert set(loaded) <= set(modules)
    assert not set(others) & set(modules)
