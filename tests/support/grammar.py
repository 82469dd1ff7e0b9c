"""Strict parsers of syslog records and frames, written from the RFCs alone.

They share nothing with the package that they judge. Each reads its bytes once, from left to right,
and raises ValueError, "<what is wrong> at byte <where>", at the first that a sender must not send.
Where an RFC lets receivers be lenient with senders, these are not.
"""

import calendar
import functools
import ipaddress
import re
from typing import NamedTuple, NoReturn

DIGITS = b"0123456789"
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PRINTUSASCII = bytes(range(33, 127))  # RFC 5424 6
# RFC 5424 6.3.2: what is before the "@" MUST NOT contain one, and after it is a private enterprise
# number, as 7.2.2 has it.
NUMBERED_SD_ID = re.compile(r"[^@]+@[0-9]+(\.[0-9]+)*")
SD_NAME_OCTETS = bytes(octet for octet in PRINTUSASCII if octet not in b'="]')  # RFC 5424 6.3.2
HOSTNAME_OCTETS = LETTERS + DIGITS + b"._:-"
TAG_OCTETS = LETTERS + DIGITS + b"._/-"
PID_OCTETS = bytes(octet for octet in PRINTUSASCII if octet not in b"[]")
MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
          b"Dec")  # fmt: skip
BOM = b"\xef\xbb\xbf"

# What drives terminals, ends lines or turns text about: C0 but tab, DEL, C1, LINE and PARAGRAPH
# SEPARATOR, and the controls of direction (Unicode's annex 9: embeddings, overrides, isolates).
CONTROLS = frozenset(
    chr(code)
    for code in (
        *(*range(9), *range(10, 32), *range(127, 160), 0x2028, 0x2029),
        *(*range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    )
)


PLAIN_VALUE = re.compile(rb'[^"\\\]]*')  # RFC 5424 6.3.3
# What most headers are like, but for which dates and times there are.
COMMON_HEADER = re.compile(
    rb"<([1-9]?[0-9]|1[0-8][0-9]|19[01])>1 (([-0-9]{10}T[:0-9]{8})(?:\.[0-9]{1,6})?Z)"
    rb" ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) "
)
taken_seconds: set[bytes] = set()  # dates and times that were read in steps, and are right


@functools.cache
def compile_run(allowed: bytes) -> "re.Pattern[bytes]":
    return re.compile(b"[" + re.escape(allowed) + b"]*")


class Rfc5424Record(NamedTuple):
    """What RFC 5424 6 calls a SYSLOG-MSG; a NILVALUE is "-" here too."""

    priority: int
    timestamp: str
    hostname: str
    app_name: str
    procid: str
    msgid: str
    structured_data: list[tuple[str, list[tuple[str, str]]]]
    message: str | None  # None: no MSG at all; else the text after the BOM
    bom: bool


class Rfc3164Record(NamedTuple):
    """The parts that RFC 3164 4.1 names; None stands for what is not there."""

    priority: int
    timestamp: str
    hostname: str | None
    tag: str
    pid: str | None
    message: str


class Reader:
    """Bytes, and how far they have been read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def fail(self, what: str, position: int | None = None) -> NoReturn:
        raise ValueError(f"{what} at byte {self.position if position is None else position}")

    def is_at_end(self) -> bool:
        return self.position == len(self.data)

    def starts_with(self, wanted: bytes) -> bool:
        return self.data.startswith(wanted, self.position)

    def skip(self, wanted: bytes) -> bool:
        """Read `wanted` if it is next, and say whether it was."""
        found = self.starts_with(wanted)
        self.position += len(wanted) if found else 0
        return found

    def expect(self, wanted: bytes, what: str) -> None:
        if not self.skip(wanted):
            self.fail(f"{what} expected")

    def take(self, allowed: bytes) -> bytes:
        """Read as many of the allowed octets as there are."""
        run = compile_run(allowed).match(self.data, self.position)
        assert run
        self.position = run.end()
        return run[0]

    def take_field(self, name: str, longest: int, allowed: bytes = PRINTUSASCII) -> str:
        """Read 1 to `longest` of the allowed octets."""
        start = self.position
        field = self.take(allowed)
        if not field:
            self.fail(f"{name} expected")
        if len(field) > longest:
            self.fail(f"{name} of more than {longest} octets", start + longest)
        return field.decode("ascii")

    def take_number(self, name: str, digits: int, lowest: int, highest: int) -> int:
        """Read exactly so many digits, for a number within bounds."""
        start = self.position
        text = self.data[start : start + digits]
        if len(text) != digits or not text.isdigit():  # of bytes: ASCII's alone
            self.fail(f"{name} of {digits} digits expected")
        if not lowest <= int(text) <= highest:
            self.fail(f"{name} outside {lowest}..{highest}")
        self.position += digits
        return int(text)

    def take_text(self, name: str, end: int, keeps_controls: bool) -> str:
        """Read what is before `end`: well-formed UTF-8, without control characters unless kept."""
        start = self.position
        try:
            text = self.data[start:end].decode("utf-8")
        except UnicodeDecodeError as error:
            self.fail(f"{name} with ill-formed UTF-8", start + error.start)
        if not keeps_controls and not CONTROLS.isdisjoint(text):
            index = next(index for index, char in enumerate(text) if char in CONTROLS)
            where = start + len(text[:index].encode())
            self.fail(f"{name} with control character U+{ord(text[index]):04X}", where)
        self.position = end
        return text


def take_priority(reader: Reader) -> int:
    """RFC 5424 6.2.1, RFC 3164 4.1.1: "<" 1*3DIGIT ">", 0 to 191, no leading zeros."""
    reader.expect(b"<", "PRI")
    start = reader.position
    digits = reader.take(DIGITS)
    if not digits:
        reader.fail("PRIVAL expected")
    if len(digits) > 1 and digits[:1] == b"0":
        reader.fail("PRIVAL with a leading zero", start)
    if len(digits) > 3 or int(digits) > 191:
        reader.fail("PRIVAL above 191", start)
    reader.expect(b">", "end of PRI")
    return int(digits)


def take_time_of_day(reader: Reader) -> None:
    reader.take_number("hour", 2, 0, 23)
    reader.expect(b":", "colon")
    reader.take_number("minute", 2, 0, 59)
    reader.expect(b":", "colon")
    reader.take_number("second", 2, 0, 59)  # RFC 5424 6.2.3: leap seconds MUST NOT be used


def take_rfc5424_timestamp(reader: Reader) -> str:
    """RFC 5424 6.2.3: NILVALUE, or RFC 3339 with its restrictions."""
    start = reader.position
    if reader.skip(b"-"):
        return "-"
    year = reader.take_number("year", 4, 1, 9999)
    reader.expect(b"-", "hyphen")
    month = reader.take_number("month", 2, 1, 12)
    reader.expect(b"-", "hyphen")
    reader.take_number("day", 2, 1, calendar.monthrange(year, month)[1])
    reader.expect(b"T", "T")
    take_time_of_day(reader)
    if reader.skip(b"."):
        reader.take_field("TIME-SECFRAC", 6, DIGITS)
    if not reader.skip(b"Z"):
        if reader.starts_with(b"-00:00"):  # RFC 3339 4.3: the offset is not known
            reader.fail("offset -00:00")
        if not reader.skip(b"+"):
            reader.expect(b"-", "TIME-OFFSET")
        reader.take_number("offset hour", 2, 0, 23)
        reader.expect(b":", "colon")
        reader.take_number("offset minute", 2, 0, 59)
    return reader.data[start : reader.position].decode("ascii")


def take_parameter_value(reader: Reader, keeps_controls: bool) -> str:
    """RFC 5424 6.3.3: UTF-8 in which " \\ and ] are escaped with a backslash, and no other."""
    reader.expect(b'"', "quote before PARAM-VALUE")
    pieces = []
    while not reader.skip(b'"'):
        if reader.skip(b"\\"):
            escaped = reader.data[reader.position : reader.position + 1]
            if escaped not in (b'"', b"\\", b"]"):
                reader.fail("escape of an octet that needs none", reader.position - 1)
            pieces.append(escaped.decode("ascii"))
            reader.position += 1
            continue
        plain = PLAIN_VALUE.match(reader.data, reader.position)
        assert plain
        end = plain.end()
        if end == len(reader.data):
            reader.fail("quote after PARAM-VALUE expected", end)
        if reader.data[end] == ord("]"):
            reader.fail("unescaped ] in PARAM-VALUE", end)
        pieces.append(reader.take_text("PARAM-VALUE", end, keeps_controls))
    return "".join(pieces)


def take_structured_data(
    reader: Reader, keeps_controls: bool
) -> list[tuple[str, list[tuple[str, str]]]]:
    """RFC 5424 6.3: NILVALUE or SD-ELEMENTs, of which no two have the same SD-ID."""
    elements: list[tuple[str, list[tuple[str, str]]]] = []
    if reader.skip(b"-"):
        return elements
    if not reader.starts_with(b"["):
        reader.fail("STRUCTURED-DATA expected")
    while reader.skip(b"["):
        start = reader.position
        sd_id = reader.take_field("SD-ID", 32, SD_NAME_OCTETS)
        if "@" in sd_id and not NUMBERED_SD_ID.fullmatch(sd_id):
            reader.fail(f"SD-ID {sd_id} without a name, one @ and an enterprise number", start)
        if sd_id in [known for known, _ in elements]:
            reader.fail(f"second SD-ELEMENT {sd_id}", start)
        parameters = []
        while reader.skip(b" "):
            name = reader.take_field("PARAM-NAME", 32, SD_NAME_OCTETS)
            reader.expect(b"=", "= after PARAM-NAME")
            parameters.append((name, take_parameter_value(reader, keeps_controls)))
        reader.expect(b"]", "end of SD-ELEMENT")
        elements.append((sd_id, parameters))
    return elements


def take_rfc5424_header(reader: Reader) -> tuple[int, str, str, str, str, str]:
    """RFC 5424 6.2, up to the SP behind MSGID, in steps: they tell what is wrong."""
    priority = take_priority(reader)
    reader.expect(b"1 ", "VERSION 1 and SP")
    timestamp = take_rfc5424_timestamp(reader)
    taken_seconds.add(timestamp[:19].encode())
    fields = []
    for name, longest in (("HOSTNAME", 255), ("APP-NAME", 48), ("PROCID", 128), ("MSGID", 32)):
        reader.expect(b" ", f"SP before {name}")
        fields.append(reader.take_field(name, longest))
    reader.expect(b" ", "SP before STRUCTURED-DATA")
    hostname, app_name, procid, msgid = fields
    return priority, timestamp, hostname, app_name, procid, msgid


def parse_rfc5424(record: bytes, *, keeps_controls: bool = False) -> Rfc5424Record:
    """Take a SYSLOG-MSG apart (RFC 5424 6); `keeps_controls` accepts control characters."""
    reader = Reader(record)
    common = COMMON_HEADER.match(record)
    if common and common[3] in taken_seconds:  # in a tenth of the time
        priority, timestamp, _, *names = (part.decode("ascii") for part in common.groups())
        header = (int(priority), timestamp, *names)
        reader.position = common.end()
    else:
        header = take_rfc5424_header(reader)
    structured_data = take_structured_data(reader, keeps_controls)
    message = None
    bom = False
    if not reader.is_at_end():
        reader.expect(b" ", "SP before MSG")
        bom = reader.skip(BOM)
        message = reader.take_text("MSG", len(record), keeps_controls)
    return Rfc5424Record(*header, structured_data, message, bom)


def is_address(name: str) -> bool:
    """Tell IP addresses from names. A zone is left aside: its % cannot be in a HOSTNAME."""
    try:
        ipaddress.ip_address(name.partition("_")[0] if ":" in name else name)
    except ValueError:
        return False
    return True


def take_rfc3164_timestamp(reader: Reader) -> str:
    """RFC 3164 4.1.2: "Mmm dd hh:mm:ss", in English, a day below 10 with a space before it."""
    start = reader.position
    month = reader.data[start : start + 3]
    if month not in MONTHS:
        reader.fail("month in English expected")
    reader.position += 3
    reader.expect(b" ", "SP after the month")
    last = calendar.monthrange(2000, MONTHS.index(month) + 1)[1]
    if reader.skip(b" "):
        reader.take_number("day", 1, 1, 9)
    else:
        reader.take_number("day", 2, 10, last)
    reader.expect(b" ", "SP after the day")
    take_time_of_day(reader)
    return reader.data[start : reader.position].decode("ascii")


def parse_rfc3164(
    record: bytes, hostname: bool = True, *, keeps_controls: bool = False
) -> Rfc3164Record:
    """Take a record apart as RFC 3164 4.1 wants it; without HOSTNAME it is what syslog(3) writes.

    In HOSTNAME and TAG those octets are taken that real receivers take.
    """
    reader = Reader(record)
    priority = take_priority(reader)
    timestamp = take_rfc3164_timestamp(reader)
    host = None
    if hostname:
        reader.expect(b" ", "SP before HOSTNAME")
        start = reader.position
        host = reader.take_field("HOSTNAME", 255, HOSTNAME_OCTETS)
        if "." in host and not is_address(host):
            reader.fail("HOSTNAME with a domain", start + host.index("."))
    reader.expect(b" ", "SP before TAG")
    tag = reader.take_field("TAG", 32, TAG_OCTETS)
    pid = None
    if reader.skip(b"["):
        pid = reader.take_field("PID", 128, PID_OCTETS)
        reader.expect(b"]", "end of PID")
    reader.expect(b": ", "colon and SP after TAG")
    message = reader.take_text("CONTENT", len(record), keeps_controls)
    return Rfc3164Record(priority, timestamp, host, tag, pid, message)


def split_frames(data: bytes, framing: str) -> list[bytes]:
    """Take a stream apart: "octet" (RFC 6587 3.4.1, RFC 5425 4.3), "lf" or "nul" (RFC 6587 3.4.2).

    The last frame must be whole, and none may be empty.
    """
    reader = Reader(data)
    frames = []
    while not reader.is_at_end():
        start = reader.position
        if framing == "octet":
            digits = reader.take(DIGITS)
            if not digits or digits[:1] == b"0":
                reader.fail("MSG-LEN expected, NONZERO-DIGIT *DIGIT", start)
            reader.expect(b" ", "SP after MSG-LEN")
            end = reader.position + int(digits)
            if end > len(data):
                reader.fail(f"frame of {int(digits)} octets cut short", len(data))
            frames.append(data[reader.position : end])
            reader.position = end
        else:
            delimiter = {"lf": b"\n", "nul": b"\0"}[framing]
            end = data.find(delimiter, start)
            if end < 0:
                reader.fail("delimiter expected", len(data))
            if end == start:
                reader.fail("empty frame")
            frames.append(data[start:end])
            reader.position = end + 1
    return frames
