"""What peers may send to `syslogfast listen`: frames, records, what is none of either.

However the bytes are cut into pieces the records are the same; only MalformedError is raised; what
is shown cannot drive a terminal; and what a strict grammar takes, this takes, too, as the same.
"""

import json
import re
from typing import Any

from given import Given
from support.grammar import CONTROLS, parse_rfc5424
from support.rfc_examples import RFC5424_EXAMPLES

from syslogfast.commands.frames import Connection, split_frames
from syslogfast.commands.lenient import read_record
from syslogfast.commands.parse import MalformedError, parse_record
from syslogfast.commands.printer import Filter, Printer
from syslogfast.commands.relp_frames import RelpConnection
from syslogfast.commands.render import JsonRenderer, TextRenderer

TOKENS = [
    *[b"<13>1 ", b"<165>", b"<0>", b"<191>1 ", b"2003-10-11T22:14:15.003Z ", b"- ", b"-", b" "],
    *[b"Oct 11 22:14:15 ", b"Oct  1 22:14:15 ", b"web1 ", b"web1.example.com ", b"shop ", b"42 "],
    *[b"shop[42]: ", b"su: ", b"ID47 ", b'[a@1 b="c"]', b'[a@1 b="\\]\\"\\\\"]', b"[a", b"]"],
    *[b'="', b'"', b"\\", b"\xef\xbb\xbf", b"\n", b"\0", b"\r\n", b"text ", b"\xff"],
    *[b"\xe2\x80\xa8", b"\x1b[2J", b"12 ", b"7 ", b"99999999 ", b"1 open 0\n"],
    *[b"1 syslog 5 hello\n", b"2 close 0\n", b"29: *Mar  1 00:00:12.345: %SYS-5-CONFIG_I: x"],
    *[b"10 <13>1 - - -", b"2003-", b"date=2003-10-11", b' time=22:14:15 devname="fw"'],
    *[b"Message forwarded from ", b"last message repeated ", b"::1", b"1 1445364325.126 mx "],
    *[b"UTC ", b"2003 ", b"4294967296", b"  ", b"\xed\xa0\x80", b"\xc2\x85"],
]
RECORDS = [
    *[record for record, _ in RFC5424_EXAMPLES],
    b'<13>1 2024-02-29T23:59:59.5+05:45 web1 shop 42 ID47 [a@1 b="c"][d] \xef\xbb\xbftext',
    b"<34>Oct 11 22:14:15 mymachine su[42]: 'su root' failed for lonvick on /dev/pts/8",
    b"<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
    b"<30>Oct 11 22:14:15 shop[42]: written to /dev/log",
    b"<189>29: router1: *Mar  1 00:00:12.345: %SYS-5-CONFIG_I: Configured",
    b'<134>date=2003-10-11 time=22:14:15 devname="fw1" level=notice',
]
SAFE = re.compile(f"[^{re.escape(''.join(sorted(CONTROLS)) + chr(9))}]*")


class Receiver:
    """Notes what it gets."""

    def __init__(self) -> None:
        self.taken: list[tuple[Any, ...]] = []

    def add(self, data: bytes, peer: str) -> None:
        self.taken.append(("record", data))

    def add_malformed(self, error: MalformedError, data: "bytes | bytearray", peer: str) -> None:
        self.taken.append(("malformed", str(error), bytes(data)))


def choose_record(given: Given) -> bytes:
    """Return a record that is whole, but for an octet, perhaps."""
    record = bytearray(given.pick(RECORDS))
    if given.flag():
        record[given.below(len(record))] = given.octet()
    return bytes(record)


def choose_stream(given: Given) -> bytes:
    pieces = []
    while not given.is_over() and len(pieces) < 64:
        form = given.octet()
        if form < 2 * len(TOKENS):
            pieces.append(TOKENS[form // 2])
        elif form < 180:
            pieces.append(given.take(form % 16))
        elif form < 200:
            pieces.append(choose_record(given))
        elif form < 230:  # a frame with its count
            body = given.pick(TOKENS) + given.take(given.octet() % 40)
            pieces.append(b"%d %b" % (len(body), body))
        elif form < 250:
            body = given.take(given.octet() % 40)
            pieces.append(b"%d syslog %d %b\n" % (given.octet(), len(body), body))
        else:
            pieces.append(given.pick(TOKENS) * (given.size() % 300))
    return b"".join(pieces)


def try_input(data: bytes) -> None:
    given = Given(data)
    cuts = [given.octet() for _ in range(1 + given.octet() % 6)]
    renderer: Any = JsonRenderer() if given.flag() else TextRenderer(False, 40 + given.octet())
    stream = choose_stream(given)
    for kind in (Connection, RelpConnection):
        whole, pieces = take_all(kind, stream, [len(stream)]), take_all(kind, stream, cuts)
        assert whole == pieces, f"{kind.__name__}: {whole!r} at once, {pieces!r} in {cuts}"
        for taken in whole[0][:8]:
            if taken[0] == "record":
                show(renderer, taken[1])
    show(renderer, stream)
    check_frames(stream)


def take_all(kind: Any, stream: bytes, cuts: list[int]) -> tuple[list[Any], bytes, int]:
    """Return what a connection hands over of a stream that comes in pieces of these sizes."""
    receiver = Receiver()
    connection = kind("peer", receiver)
    malformed = None
    start = index = 0
    while start < len(stream) and malformed is None:
        size = cuts[index % len(cuts)] + 1
        try:
            connection.take(stream[start : start + size])
        except MalformedError as error:
            malformed = error
        start += size
        index += 1
    connection.rest = connection.rest[:0] if malformed else connection.rest  # it depends on cuts
    connection.end(malformed)
    return receiver.taken, bytes(getattr(connection, "answers", b"")), connection.records


def check_frames(stream: bytes) -> None:
    try:
        frames, used = split_frames(stream)
    except MalformedError as error:
        check_offset(error, stream)
        return
    assert used <= len(stream)
    assert sum(map(len, frames)) <= used


def check_offset(error: MalformedError, data: bytes) -> None:
    assert 0 <= error.offset <= len(data), f"{error} of {data!r}"


def show(renderer: Any, record: bytes) -> None:
    """Parse and print one record."""
    printer = Printer(renderer, Filter(pattern=re.compile("x|")))
    printer.add(record, "192.0.2.1:514")
    printer.add_malformed(MalformedError("no frame", 0), record, "peer\x1b")
    for line in printer.lines:
        line.encode()
        if isinstance(renderer, JsonRenderer):
            assert line.isascii()
            json.loads(line)
        assert SAFE.fullmatch(line), f"{line!r} can drive a terminal"
    lenient = read_record(record)
    assert lenient.facility >= 0
    try:
        parsed = parse_record(record)
    except MalformedError as error:
        check_offset(error, record)
        parsed = None
    try:
        wanted = parse_rfc5424(record, keeps_controls=True)
    except ValueError:
        return
    assert parsed is not None, f"{record!r} is refused"
    fields = [None if field == "-" else field for field in wanted[1:6]]
    found = [parsed.timestamp, parsed.hostname, parsed.app_name, parsed.procid, parsed.msgid]
    assert (parsed.facility * 8 + parsed.severity, found) == (wanted.priority, fields)
    assert parsed.structured_data == wanted.structured_data
    assert (parsed.message, parsed.bom) == (wanted.message or "", wanted.bom)
