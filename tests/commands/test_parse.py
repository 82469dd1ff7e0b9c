"""The strict parser of `syslogfast listen`, judged by tables, by the encoder and by grammar.py."""

import calendar
import doctest
import os
import random
from types import ModuleType

import pytest
from support import malicious_input
from support.each import try_each
from support.grammar import parse_rfc3164, parse_rfc5424
from support.rfc_examples import RFC5424_EXAMPLES

from syslogfast.commands import frames, parse
from syslogfast.commands.frames import MAX_FRAME, measure_frame, split_frames
from syslogfast.commands.parse import MalformedError, Parsed, parse_record

MUTATIONS = int(os.environ.get("SYSLOGFAST_EXAMPLES", "0")) or 12_000
OCTOBER = 1_065_910_455_003_000_000


def show(record: Parsed) -> tuple[object, ...]:
    return (
        *(record.facility * 8 + record.severity, record.timestamp, record.hostname),
        *(record.app_name, record.procid, record.msgid),
        *(record.structured_data, record.message, record.bom),
    )


def judge(data: bytes) -> tuple[object, ...]:
    """Return what grammar.py finds in a record, as `show` has it; ValueError as it raises it."""
    _, _, rest = data.partition(b">")
    if rest.startswith(b"1 "):
        parsed = parse_rfc5424(data, keeps_controls=True)
        fields = [None if field == "-" else field for field in parsed[1:6]]
        return (
            parsed.priority,
            *fields,
            parsed.structured_data,
            parsed.message or "",
            parsed.bom,
        )
    token = rest[16:].partition(b" ")[0]
    is_local = token.endswith(b":") and not token.endswith(b"::")
    try:
        legacy = parse_rfc3164(data, hostname=not is_local, keeps_controls=True)
    except ValueError as error:
        try:  # "a: " may also be a HOSTNAME with a colon at its end, and TAG follows
            legacy = parse_rfc3164(data, keeps_controls=True)
        except ValueError:
            raise error from None
    fields = [None if field == "-" else field for field in legacy[1:5]]
    return (legacy.priority, *fields, None, [], legacy.message, False)


# --- what is accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "expected"), RFC5424_EXAMPLES, ids=["1", "2", "3", "4"])
def test_6_5_examples(data: bytes, expected: tuple[object, ...]) -> None:
    """Each field of the four examples of RFC 5424 6.5 is found."""
    record = parse_record(data)
    assert record.protocol == "rfc5424"
    assert show(record) == judge(data)
    nil_free = [None if field == "-" else field for field in expected[1:6]]
    assert list(show(record)[1:6]) == nil_free
    assert (record.message, record.bom) == (expected[7] or "", expected[8])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
            ("Oct 11 22:14:15", "mymachine", "su", None, "'su root' failed for lonvick on "
             "/dev/pts/8"),
        ),
        (b"<13>Feb  5 17:32:18 10.0.0.99 Use: the BFG!",
         ("Feb  5 17:32:18", "10.0.0.99", "Use", None, "the BFG!")),
        (b"<13>Feb  5 17:32:18 shop[42]: x: y", ("Feb  5 17:32:18", None, "shop", "42", "x: y")),
        (b"<13>Feb  5 17:32:18 shop: ", ("Feb  5 17:32:18", None, "shop", None, "")),
        (b"<13>Feb  5 17:32:18 2001:db8:: shop: x",
         ("Feb  5 17:32:18", "2001:db8::", "shop", None, "x")),
        (b"<13>Feb  5 17:32:18 ::ffff:192.0.2.1 shop: x",
         ("Feb  5 17:32:18", "::ffff:192.0.2.1", "shop", None, "x")),
        (b"<13>Feb 29 17:32:18 - -: x", ("Feb 29 17:32:18", None, None, None, "x")),
        (b"<13>Feb 29 17:32:18 web1 a/b-c.d_e[1:2]: x",
         ("Feb 29 17:32:18", "web1", "a/b-c.d_e", "1:2", "x")),
    ],
)  # fmt: skip
def test_rfc3164(data: bytes, expected: tuple[object, ...]) -> None:
    """RFC 3164 5.4's examples, and records without HOSTNAME, as they are written to /dev/log."""
    record = parse_record(data)
    assert record.protocol == "rfc3164"
    fields = (record.timestamp, record.hostname, record.app_name, record.procid, record.message)
    assert fields == expected
    assert (record.msgid, record.structured_data, record.bom) == (None, [], False)


def test_every_priority() -> None:
    for prival in range(192):
        for rest in (b"1 - - - - - -", b"Oct 11 22:14:15 h a: x"):
            record = parse_record(b"<%d>" % prival + rest)
            assert (record.facility, record.severity) == divmod(prival, 8)


@try_each("year", [1, 4, 100, 400, 1900, 2000, 2003, 2004, 2100, 9999])
def test_every_day(year: int) -> None:
    """RFC 3339 5.7: those days are taken that the month of this year has, and no other."""
    for month in range(14):
        last = calendar.monthrange(year, month)[1] if 0 < month < 13 else 0
        for day in range(100):
            data = f"<13>1 {year:04}-{month:02}-{day:02}T00:00:00Z - - - - -".encode()
            if 0 < day <= last:
                assert parse_record(data).timestamp == data[6:26].decode()
                continue
            with pytest.raises(MalformedError) as caught:
                parse_record(data)
            assert caught.value.offset == (14 if last else 11)


def test_repr() -> None:
    assert repr(parse_record(b"<13>1 - h a 1 m [x@1] t")) == (
        "Parsed(app_name='a', bom=False, facility=1, hostname='h', message='t', msgid='m',"
        " procid='1', protocol='rfc5424', severity=5, structured_data=[('x@1', [])],"
        " timestamp=None)"
    )


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["rfc5424", "rfc3164", "local"])
@pytest.mark.parametrize("controls", ["escape", "keep"])
def test_what_the_encoder_writes(encoder_module: ModuleType, protocol: str, controls: str) -> None:
    """Every malicious text and field, encoded, is taken and means what grammar.py says it means."""
    texts = [*malicious_input.TEXTS, *malicious_input.OCTETS]
    fields = malicious_input.HEADER_FIELDS
    make = encoder_module.Encoder
    records = []
    for index, text in enumerate(texts):
        field = fields[index % len(fields)]
        encoder = make(
            protocol=protocol, controls=controls, hostname="web1", app_name=field, procid=field,
            bom=index % 2 == 1,
        )  # fmt: skip
        elements = {"a@1": {"b": text, "c": [text]}}
        records.append(
            encoder.encode(index % 8, text, time_ns=OCTOBER, msgid=field, structured_data=elements)
        )
    for field in fields:
        encoder = make(protocol=protocol, controls=controls, hostname=field, app_name="shop")
        records.append(encoder.encode("info", "x"))
    for data in records:
        assert show(parse_record(data)) == judge(data), data


# --- what is refused -----------------------------------------------------------------------------

HEADER = b"<34>1 - h a p m "
PRI = "PRI must be <0> to <191>, without leading zeros"
HERE = "a record must not end here"
FORM = "PRI must be followed by VERSION 1 and a space, or by a month, Jan to Dec"
HOSTNAME = "HOSTNAME must be 1 to 255 printable ASCII characters"
OFFSET = "TIME-OFFSET must be Z, +hh:mm or -hh:mm, and not -00:00"
FRACTION = "TIME-SECFRAC must be 1 to 6 digits"
DAY = "the day of TIMESTAMP must be one that its month has"
SD_NAME = 'must be 1 to 32 printable ASCII characters other than = ] " and space'
ELEMENT = "an SD-ELEMENT must go on with a space or end with ]"
TAG = "TAG must be 1 to 32 letters, digits or . _ / -"
PID = "PID must be 1 to 128 printable ASCII characters other than [ and ]"

MALFORMED = [
    (b"", HERE, 0),
    (b"34>1 - - - - - -", PRI, 0),
    (b"<>1 - - - - - -", PRI, 1),
    (b"<034>1 - - - - - -", PRI, 1),
    (b"<192>1 - - - - - -", PRI, 1),
    (b"<1000>1 - - - - - -", PRI, 1),
    (b"<34 >1 - - - - - -", PRI, 3),
    ("<\u0663>1 - - - - - -".encode(), PRI, 1),
    (b"<34", HERE, 3),
    (b"<34>", HERE, 4),
    (b"<34>2 - - - - - -", FORM, 4),
    (b"<34>1", FORM, 4),
    (b"<34>text", FORM, 4),
    (b"<34>1 ", HERE, 6),
    (b"<34>1  - - - - -", "TIMESTAMP must be - or begin with a year, 0001 to 9999", 6),
    (b"<34>1 0000-01-01T00:00:00Z h", "TIMESTAMP must be - or begin with a year, 0001 to 9999", 6),
    (b"<34>1 10000-01-01T00:00:00Z h", "the year of TIMESTAMP must be followed by a hyphen", 10),
    (b"<34>1 2003-13-01T00:00:00Z h", "the month of TIMESTAMP must be 01 to 12", 11),
    (b"<34>1 2003-02-29T00:00:00Z h", DAY, 14),
    (b"<34>1 2003-10-11t22:14:15Z h", "the day of TIMESTAMP must be followed by T", 16),
    (b"<34>1 2003-10-11T24:00:00Z h", "the hour of TIMESTAMP must be 00 to 23", 17),
    (b"<34>1 2003-10-11T2200", "the hour of TIMESTAMP must be followed by a colon", 19),
    (b"<34>1 2003-10-11T22:60:00Z h", "the minute of TIMESTAMP must be 00 to 59", 20),
    (b"<34>1 2003-10-11T22:14Z h", "the minute of TIMESTAMP must be followed by a colon", 22),
    (b"<34>1 2016-12-31T23:59:60Z h", "the second of TIMESTAMP must be 00 to 59", 23),
    (b"<34>1 2003-10-11T22:14:15.Z h", FRACTION, 26),
    (b"<34>1 2003-10-11T22:14:15.1234567Z h", FRACTION, 32),
    (b"<34>1 2003-10-11T22:14:15,5Z h", OFFSET, 25),
    (b"<34>1 2003-10-11T22:14:15.5z h", OFFSET, 27),
    (b"<34>1 2003-10-11T22:14:15-00:00 h", OFFSET, 25),
    (b"<34>1 2003-10-11T22:14:15+24:00 h", OFFSET, 26),
    (b"<34>1 2003-10-11T22:14:15+0700 h", OFFSET, 28),
    (b"<34>1 2003-10-11T22:14:15+07:60 h", OFFSET, 29),
    (b"<34>1 2003-10-11T22:14:15Zh", "TIMESTAMP must be followed by a space", 26),
    (b"<34>1 2003-10-11T22:14:15Z07:00 h", "TIMESTAMP must be followed by a space", 26),
    (b"<34>1 -- h", "TIMESTAMP must be followed by a space", 7),
    (b"<34>1 -  - - - - -", HOSTNAME, 8),
    (b"<34>1 - h", HERE, 9),
    (b"<34>1 - -", HERE, 9),
    ("<34>1 - h\u00e9 a p m -".encode(), HOSTNAME, 9),
    (b"<34>1 - h\x7f a p m -", HOSTNAME, 9),
    (b"<34>1 - h\x1b[2J a p m -", HOSTNAME, 9),
    (b"<34>1 - " + b"h" * 256 + b" a p m -", HOSTNAME, 263),
    (b"<34>1 - h " + b"a" * 49, "APP-NAME must be 1 to 48 printable ASCII characters", 58),
    (b"<34>1 - h  p m -", "APP-NAME must be 1 to 48 printable ASCII characters", 10),
    (b"<34>1 - h a " + b"p" * 129, "PROCID must be 1 to 128 printable ASCII characters", 140),
    (b"<34>1 - h a p " + b"m" * 33, "MSGID must be 1 to 32 printable ASCII characters", 46),
    (HEADER, "STRUCTURED-DATA must be - or begin with [", 16),
    (HEADER + b"text", "STRUCTURED-DATA must be - or begin with [", 16),
    (HEADER + b"-x", "STRUCTURED-DATA must be followed by a space or by nothing", 17),
    (HEADER + b"-\n", "STRUCTURED-DATA must be followed by a space or by nothing", 17),
    (HEADER + b"[a]x", "STRUCTURED-DATA must be followed by a space or by nothing", 19),
    (HEADER + b"[]", f"SD-ID {SD_NAME}", 17),
    (HEADER + b"[ a]", f"SD-ID {SD_NAME}", 17),
    (HEADER + b"[", HERE, 17),
    (HEADER + b"[a", HERE, 18),
    (HEADER + b"[" + b"a" * 33 + b"]", f"SD-ID {SD_NAME}", 49),
    (HEADER + b"[a=b]", ELEMENT, 18),
    (HEADER + b'[a"]', ELEMENT, 18),
    (HEADER + b"[a ]", f"PARAM-NAME {SD_NAME}, then =", 19),
    (HEADER + b'[a  b="c"]', f"PARAM-NAME {SD_NAME}, then =", 19),
    (HEADER + '[a b\u00e9="c"]'.encode(), f"PARAM-NAME {SD_NAME}, then =", 20),
    (HEADER + b"[a b]", f"PARAM-NAME {SD_NAME}, then =", 20),
    (HEADER + b"[a " + b"b" * 33 + b'="c"]', f"PARAM-NAME {SD_NAME}, then =", 51),
    (HEADER + b"[a b=c]", "PARAM-VALUE must be in quotes", 21),
    (HEADER + b'[a b="c', "PARAM-VALUE must end with a quote", 23),
    (HEADER + b'[a b="c]"]', "] must be escaped in PARAM-VALUE", 23),
    (HEADER + b'[a b="\\n"]', 'PARAM-VALUE must have no escape but \\" \\\\ and \\]', 22),
    (HEADER + b'[a b="\\', 'PARAM-VALUE must have no escape but \\" \\\\ and \\]', 22),
    (HEADER + b'[a b="c""]', ELEMENT, 24),
    (HEADER + b'[a b="c"', HERE, 24),
    (HEADER + b"[a][b][a]", "SD-ID a must occur once", 23),
    (HEADER + b'[a b="x\xff"]', "a record must be UTF-8", 23),
    (HEADER + b'[a b="\xc3\xa9\\x"]', 'PARAM-VALUE must have no escape but \\" \\\\ and \\]', 24),
    (HEADER + b"- x\xc3", "a record must be UTF-8", 19),
    (HEADER + b"- \xed\xa0\x80", "a record must be UTF-8", 18),
    (HEADER + b"- \xc0\x80", "a record must be UTF-8", 18),
    (HEADER + b'[a b="\xc3\xa9\xff"]x \xff', "a record must be UTF-8", 24),
    (HEADER + b"[a]x \xff", "STRUCTURED-DATA must be followed by a space or by nothing", 19),
    (b"<34>1 - h\xff a p m - x", HOSTNAME, 9),
    (b"<34>Okt 11 22:14:15 h a: x", FORM, 4),
    (b"<34>oct 11 22:14:15 h a: x", FORM, 4),
    (b"<34>Oct11 22:14:15 h a: x", "the month of TIMESTAMP must be followed by a space", 7),
    (b"<34>Oct 1 22:14:15 h a: x", f"{DAY}, in two characters", 8),
    (b"<34>Oct 01 22:14:15 h a: x", f"{DAY}, in two characters", 8),
    (b"<34>Oct  0 22:14:15 h a: x", f"{DAY}, in two characters", 9),
    (b"<34>Feb 30 22:14:15 h a: x", f"{DAY}, in two characters", 8),
    (b"<34>Nov 31 22:14:15 h a: x", f"{DAY}, in two characters", 8),
    (b"<34>Oct 32 22:14:15 h a: x", f"{DAY}, in two characters", 8),
    (b"<34>Oct 11T22:14:15 h a: x", "the day of TIMESTAMP must be followed by a space", 10),
    (b"<34>Oct 11 24:14:15 h a: x", "the hour of TIMESTAMP must be 00 to 23", 11),
    (b"<34>Oct 11 22:14:60 h a: x", "the second of TIMESTAMP must be 00 to 59", 17),
    (b"<34>Oct 11 22:14:15.003 h a: x", "TIMESTAMP must be followed by a space", 19),
    (b"<34>Oct 11 22:14:15", HERE, 19),
    (b"<34>Oct 11 22:14:15  a: x", "HOSTNAME must be 1 to 255 letters, digits or . _ : -", 20),
    (b"<34>Oct 11 22:14:15 h~ a: x", "HOSTNAME must be 1 to 255 letters, digits or . _ : -", 21),
    (b"<34>Oct 11 22:14:15 h", HERE, 21),
    (b"<34>Oct 11 22:14:15 h.x a: x", "HOSTNAME must be an address or have no domain", 21),
    (b"<34>Oct 11 22:14:15 1.2.3.256 a: x", "HOSTNAME must be an address or have no domain", 21),
    (b"<34>Oct 11 22:14:15 h a~: x", TAG, 22 + 1),
    (b"<34>Oct 11 22:14:15 h a x", TAG, 23),
    (b"<34>Oct 11 22:14:15 h " + b"a" * 33 + b": x", TAG, 54),
    (b"<34>Oct 11 22:14:15 a~: x", TAG, 21),
    (b"<34>Oct 11 22:14:15 h a:x", "TAG must be followed by a colon and a space", 23),
    (b"<34>Oct 11 22:14:15 h a[]: x", PID, 24),
    (b"<34>Oct 11 22:14:15 h a[4 2]: x", PID, 25),
    (b"<34>Oct 11 22:14:15 h a[4: x", PID, 26),
    (b"<34>Oct 11 22:14:15 a[4: x", PID, 24),
    (b"<34>Oct 11 22:14:15 h a[" + b"4" * 129 + b"]: x", PID, 152),
    (b"<34>Oct 11 22:14:15 h a[42] x", "TAG must be followed by a colon and a space", 27),
    (b"<34>Oct 11 22:14:15 h a: x\xff", "a record must be UTF-8", 26),
]


@try_each("data, what, offset", MALFORMED)
def test_malformed(data: bytes, what: str, offset: int) -> None:
    """The first thing that is wrong is named, and the byte where it is."""
    with pytest.raises(MalformedError) as caught:
        parse_record(data)
    assert (caught.value.what, caught.value.offset) == (what, offset)
    assert str(caught.value) == f"{what}, at byte {offset}"
    with pytest.raises(ValueError, match=rf" at byte {offset}$"):
        judge(data)


PIECES = [
    *[b"-", b" ", b"  ", b"", b":", b"[", b"]", b'"', b"\\", b"=", b".", b"<", b">", b"0", b"1"],
    *[b"2", b"3", b"9", b"a", b"Z", b"T", b"+", b"-00:00", b"\xff", b"\xc3\xa9", b"\n", b"\0"],
    *[b"[a]", b'[a@1 b="c"]', b"\\]", b'="', b"Feb", b"29", b"30", b"31", b"60", b"~", b"1 "],
]
SEEDS = [
    *[record for record, _ in RFC5424_EXAMPLES],
    b"<0>1 2004-02-29T23:59:59+14:00 h a 1 m [x@1 a=\"\\\"\\\\\\]\" b=\"\"][y] \xe2\x82\xac",
    b"<191>1 - - - - - -",
    b"<34>Oct 11 22:14:15 mymachine su[1]: failed",
    b"<13>Feb  5 17:32:18 10.0.0.99 Use/x: the BFG!",
    b"<13>Jan 31 17:32:18 ::1 a: x",
    b"<13>Feb 29 17:32:18 shop[42]: sold \xc3\xa9: y",
]  # fmt: skip


def mutate(record: bytes, chance: random.Random) -> bytes:
    """Change one to three places; numbers and limits most of all."""
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(record) + 1)
        kind = chance.randrange(5)
        piece = chance.choice(PIECES)
        if kind == 0:
            record = record[:start] + piece + record[start:]
        elif kind == 1:
            record = record[:start] + piece + record[start + len(piece) :]
        elif kind == 2:
            record = record[:start] + record[start + chance.randint(1, 4) :]
        elif kind == 3:
            record = record[:start] + record[start : start + 1] * chance.choice((2, 32, 33, 49))
        else:
            record = record[:start] + b"x" * chance.choice((30, 47, 127, 254)) + record[start:]
    return record


@pytest.mark.slow
def test_it_agrees_with_the_grammar() -> None:
    """Of records with small mutations both take the same ones, with the same fields.

    Where both refuse, they point at the same byte; of ill-formed UTF-8 this parser may see more.
    """
    chance = random.Random(5424)
    accepted = 0
    for number in range(MUTATIONS):
        data = mutate(SEEDS[number % len(SEEDS)], chance)
        try:
            expected = judge(data)
        except ValueError as error:
            with pytest.raises(MalformedError) as caught:
                parse_record(data)
            offset = int(str(error).rpartition(" ")[2])
            if caught.value.what != "a record must be UTF-8":
                assert caught.value.offset == offset, data
            assert caught.value.offset <= offset
        else:
            accepted += 1
            assert show(parse_record(data)) == expected, data
    assert MUTATIONS // 20 < accepted < MUTATIONS * 19 // 20


def test_doctests() -> None:
    results = [doctest.testmod(module) for module in (parse, frames)]
    assert sum(result.attempted for result in results) >= 4
    assert [result.failed for result in results] == [0, 0]


# --- frames --------------------------------------------------------------------------------------

RECORD = b"<13>1 - - - - - - x"


def feed(stream: bytes, *cuts: int) -> list[bytes]:
    """Return the frames of a stream that arrives in pieces; nothing may be left over."""
    buffer = bytearray()
    found = []
    for start, end in zip((0, *cuts), (*cuts, len(stream)), strict=True):
        buffer += stream[start:end]
        used = 1
        while used:
            frames, used = split_frames(buffer)
            found += frames
            del buffer[:used]
    assert not buffer
    return found


def test_frames_may_be_cut_anywhere() -> None:
    """All framings in one stream, cut at one byte or two: the same frames come out."""
    records = [RECORD, b"", b"<13>1 \xc3\xa9", RECORD + b"\n" + RECORD, b"x" * 100, RECORD, b"0 x"]
    stream = (
        RECORD + b"\n\0" + b"8 <13>1 \xc3\xa9" + b"39 " + RECORD + b"\n" + RECORD
        + b"x" * 100 + b"\n" + b"19 " + RECORD + b"0 x\0"
    )  # fmt: skip
    for first in range(len(stream)):
        assert feed(stream, first) == records
        for second in range(first, len(stream), 7):
            assert feed(stream, first, second) == records
    assert feed(stream, *range(1, len(stream))) == records


@pytest.mark.parametrize("framing", ["octet", "lf", "nul"])
def test_frames_of_the_encoder(encoder_module: ModuleType, framing: str) -> None:
    """Any text, in any framing, comes out as the records that were framed, and no other."""
    controls = "keep" if framing == "octet" else "escape"
    encoder = encoder_module.Encoder(framing=framing, controls=controls, hostname="h")
    buffer = bytearray()
    encoder.encode_many_into(buffer, "info", malicious_input.TEXTS, time_ns=0)
    frames = feed(bytes(buffer))
    plain = encoder.replace(framing=None)
    assert frames == [plain.encode("info", text, time_ns=0) for text in malicious_input.TEXTS]
    for frame in frames:
        assert parse_record(frame).hostname == "h"


@try_each(
    "buffer, expected",
    [
        (b"", ([], 0)),
        (b"1", ([], 0)),
        (b"1234567", ([], 0)),
        (b"5 abcd", ([], 0)),
        (b"5 abcde", ([b"abcde"], 7)),
        (b"abc", ([], 0)),
        (b"abc\n", ([b"abc"], 4)),
        (b"a\nb\0c", ([b"a", b"b"], 4)),
        (b"a\0b\nc", ([b"a", b"b"], 4)),
        (b"\n\n", ([b"", b""], 2)),
        (b"abc\n5x", ([b"abc"], 4)),
        (b"1 a12345678 ", ([b"a"], 3)),
    ],
)
def test_split_frames(buffer: bytes, expected: tuple[list[bytes], int]) -> None:
    """What is incomplete stays; an error waits until the frames before it have been taken."""
    assert split_frames(buffer) == expected
    assert split_frames(bytearray(buffer)) == expected


COUNT = "MSG-LEN must be 1 to 7 digits and a space"


@pytest.mark.parametrize(
    ("buffer", "what", "offset"),
    [
        (b"5x", COUNT, 1),
        (b"5\n", COUNT, 1),
        (b"123<13>", COUNT, 3),
        (b"12345678", COUNT, 7),
        (b"12345678 x", COUNT, 7),
        (b"9" * 5000, COUNT, 7),
        (b"x" * (MAX_FRAME + 1), "a record must end within 10,485,760 bytes", MAX_FRAME),
        (b"x" * (MAX_FRAME + 1) + b"\n", "a record must end within 10,485,760 bytes", MAX_FRAME),
    ],
)
def test_malformed_frames(buffer: bytes, what: str, offset: int) -> None:
    with pytest.raises(MalformedError) as caught:
        split_frames(buffer)
    assert (caught.value.what, caught.value.offset) == (what, offset)
    assert split_frames(b"1 a" + buffer) == ([b"a"], 3)


def test_the_longest_frames() -> None:
    longest = b"x" * MAX_FRAME
    assert split_frames(longest + b"\n") == ([longest], MAX_FRAME + 1)
    assert split_frames(b"9999999 " + longest) == ([longest[:9_999_999]], 10_000_007)


def test_measure_frame() -> None:
    assert [measure_frame(data) for data in (b"", b"12", b"12 ", b"<1", b"7 x")] == [0, 0, 15, 0, 9]
