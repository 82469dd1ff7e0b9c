"""The strict parser of `syslogfast listen`, judged by tables, by the encoder and by two grammars.

That of grammar.py is a sender's. `RECEIVED` is a receiver's, which has to take more: RFC 5424 6.3.3
has unknown escapes treated as text, 6.4 has a MSG of any octets, RFC 3339 4.3 has -00:00, and any
character ends a TAG (RFC 3164 4.1.3).
"""

import calendar
import doctest
import os
import random
import re
from types import ModuleType

import pytest
from support import malicious_input
from support.each import try_each
from support.grammar import MONTHS, is_address, parse_rfc3164, parse_rfc5424
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


PRI_PATTERN = rb"<(0|[1-9][0-9]?|1[0-8][0-9]|19[01])>"
CLOCK = rb"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
PRINTABLE = rb" ([!-~]{1,%d})"
SD_NAME_PATTERN = rb"[!#-<>-\\^-~]{1,32}"
VALUE = rb'(?:[^"\\\]]|\\["\\\]]|\\(?!["\\\]]))*'
ELEMENT_PATTERN = rb'\[(%b)((?: %b="%b")*)\]' % (SD_NAME_PATTERN, SD_NAME_PATTERN, VALUE)
RECEIVED = re.compile(
    rb"%b1 (-|([0-9]{4})-([0-9]{2})-([0-9]{2})T%b(?:\.[0-9]{1,6})?"
    rb"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))"
    rb"%b%b%b%b (-|(?:\[%b(?: %b=\"%b\")*\])+)(?: (\xef\xbb\xbf)?(.*))?"
    % (
        *(PRI_PATTERN, CLOCK, PRINTABLE % 255, PRINTABLE % 48, PRINTABLE % 128, PRINTABLE % 32),
        *(SD_NAME_PATTERN, SD_NAME_PATTERN, VALUE),
    ),
    re.DOTALL,
)
HOSTED = re.compile(
    rb"%b([A-Z][a-z]{2}) ([ 1-3][0-9]) %b ([A-Za-z0-9._:-]{1,255}) (.*)" % (PRI_PATTERN, CLOCK),
    re.DOTALL,
)


def receive(data: bytes) -> tuple[object, ...] | None:
    """Return the fields of a record of RFC 5424, or True for one of RFC 3164; None: malformed."""
    found = RECEIVED.fullmatch(data)
    if not found:
        return receive_legacy(data)
    year, month, day = (int(part or 0) for part in found.group(3, 4, 5))
    if found[2] != b"-" and not (
        0 < month < 13 and 0 < day <= calendar.monthrange(year or 2000, month)[1]
    ):
        return None
    elements = []
    try:
        for sd_id, pairs in re.findall(ELEMENT_PATTERN, found[10] if found[10] != b"-" else b""):
            parameters = [
                (name.decode(), re.sub(r'\\(["\\\]])', r"\1", value.decode()))
                for name, value in re.findall(rb' (%b)="(%b)"' % (SD_NAME_PATTERN, VALUE), pairs)
            ]
            elements.append((sd_id.decode(), parameters))
        message = (found[12] or b"").decode(errors="strict" if found[11] else "surrogateescape")
    except UnicodeDecodeError:
        return None
    names = [name for name, _ in elements]
    wrong = [n for n in names if "@" in n and not re.fullmatch("[^@]+@[0-9]+([.][0-9]+)*", n)]
    if wrong or len(set(names)) < len(names):
        return None
    fields = [part.decode() for part in found.group(2, 6, 7, 8, 9)]
    nil_free = [None if field == "-" else field for field in fields]
    return (int(found[1]), *nil_free, elements, message, bool(found[11]))


def receive_legacy(data: bytes) -> tuple[object, ...] | None:
    """RFC 3164 4.1, as far as HOSTNAME; MSG must begin with a TAG, which anything ends."""
    found = HOSTED.fullmatch(data)
    try:
        data.decode()
        assert found
        last = calendar.monthrange(2000, MONTHS.index(found[2]) + 1)[1]
        assert 0 < int(found[3]) <= last
        assert found[3][:1] == b" " or int(found[3]) > 9
    except (UnicodeDecodeError, AssertionError, ValueError):
        return None
    host = found[4].decode()
    if "." in host and not is_address(host):
        return None
    short = re.match(rb"[A-Za-z0-9]+", found[5])
    long = re.match(rb"[A-Za-z0-9._/-]+", found[5])
    is_tag = (short and len(short[0]) <= 32) or (long and len(long[0]) <= 32)
    return (int(found[1]), host) if is_tag else None


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
        (b"<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
         ("Feb  5 17:32:18", "10.0.0.99", None, None, "Use the BFG!")),
        (b"<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time",
         ("Aug 24 05:34:00", "CST", None, None, "1987 mymachine myproc[10]: %% It's time")),
        (b"<0>Oct 22 10:52:12 scapegoat 1990 Oct 22 10:52:01 TZ-6 x sched[0]: Folks!",
         ("Oct 22 10:52:12", "scapegoat", None, None,
          "1990 Oct 22 10:52:01 TZ-6 x sched[0]: Folks!")),
        (b"<86>Feb  5 17:32:18 h su(pam_unix)[7]: opened",
         ("Feb  5 17:32:18", "h", "su(pam_unix)", "7", "opened")),
        (b"<13>Feb  5 17:32:18 h a[42] x", ("Feb  5 17:32:18", "h", "a", "42", "x")),
        (b"<13>Feb  5 17:32:18 h a[42]:x", ("Feb  5 17:32:18", "h", "a", "42", "x")),
        (b"<13>Feb  5 17:32:18 h a[42]x", ("Feb  5 17:32:18", "h", None, None, "a[42]x")),
        (b"<13>Feb  5 17:32:18 h a:x", ("Feb  5 17:32:18", "h", None, None, "a:x")),
        (b"<13>Feb  5 17:32:18 h a:", ("Feb  5 17:32:18", "h", "a", None, "")),
        (b"<13>Feb  5 17:32:18 h a", ("Feb  5 17:32:18", "h", None, None, "a")),
        (b"<13>Feb  5 17:32:18 h a[]: x", ("Feb  5 17:32:18", "h", None, None, "a[]: x")),
        (b"<13>Feb  5 17:32:18 h a[4: x", ("Feb  5 17:32:18", "h", None, None, "a[4: x")),
        (b"<13>Feb  5 17:32:18 h CEF:0|A|B|1|2|c|3|d=e",
         ("Feb  5 17:32:18", "h", None, None, "CEF:0|A|B|1|2|c|3|d=e")),
        (b"<13>Feb  5 17:32:18 h com.example.services.background.agent[7]: x",
         ("Feb  5 17:32:18", "h", "com.example.services.background.agent", "7", "x")),
        (b"<13>Feb  5 17:32:18 last message repeated 2 times",
         ("Feb  5 17:32:18", None, None, None, "last message repeated 2 times")),
        (b"<13>Feb  5 17:32:18 Message forwarded from aix1: su: BAD SU",
         ("Feb  5 17:32:18", "aix1", "su", None, "BAD SU")),
        (b"<13>Feb 29 17:32:18 - -: x", ("Feb 29 17:32:18", None, None, None, "x")),
        (b"<13>Feb 29 17:32:18 web1 a/b-c.d_e[1:2]: x",
         ("Feb 29 17:32:18", "web1", "a/b-c.d_e", "1:2", "x")),
    ],
)  # fmt: skip
def test_rfc3164(data: bytes, expected: tuple[object, ...]) -> None:
    """RFC 3164 5.4's examples, records without HOSTNAME as on /dev/log, and what ends a TAG.

    A TAG that ends by a space is left in the text, as 5.4 does with "Use the BFG!".
    """
    record = parse_record(data)
    assert record.protocol == "rfc3164"
    fields = (record.timestamp, record.hostname, record.app_name, record.procid, record.message)
    assert fields == expected
    assert (record.msgid, record.structured_data, record.bom) == (None, [], False)


@try_each(
    "rest, expected",
    [
        (rb'[a b="c\n\d"] x', (None, [("a", [("b", r"c\n\d")])], "x")),
        (rb'[a b="\\n\]\"\\" c="\ "]', (None, [("a", [("b", r"\n]" + '"\\'), ("c", r"\ ")])], "")),
        (rb'[a b="\\\\x"]', (None, [("a", [("b", r"\\x")])], "")),
        ('[a b="\\\u00e9"]'.encode(), (None, [("a", [("b", "\\\u00e9")])], "")),
        (b"- caf\xe9", (None, [], "caf\udce9")),
        (b"[a] \xff\xfe", (None, [("a", [])], "\udcff\udcfe")),
    ],
)
def test_what_receivers_have_to_take(rest: bytes, expected: tuple[object, ...]) -> None:
    """RFC 5424 6.3.3: an unknown escape is text. 6.4: MSG-ANY is any octets."""
    record = parse_record(b"<13>1 - h a p m " + rest)
    assert (record.timestamp, record.structured_data, record.message) == expected


@pytest.mark.parametrize("timestamp", ["2003-10-11T22:14:15-00:00", "0000-02-29T00:00:00.5+00:00"])
def test_timestamps_that_few_write(timestamp: str) -> None:
    """RFC 3339 4.3: -00:00, an offset that is not known; 1: the years 0000 to 9999."""
    assert parse_record(f"<13>1 {timestamp} h a p m -".encode()).timestamp == timestamp


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
OFFSET = "TIME-OFFSET must be Z, +hh:mm or -hh:mm"
FRACTION = "TIME-SECFRAC must be 1 to 6 digits"
DAY = "the day of TIMESTAMP must be one that its month has"
SD_NAME = 'must be 1 to 32 printable ASCII characters other than = ] " and space'
ELEMENT = "an SD-ELEMENT must go on with a space or end with ]"
COLON = "TAG must be followed by a colon and a space"
TAG = "TAG must be 1 to 32 letters, digits or . _ / -"
PID = "PID must be 1 to 128 printable ASCII characters other than [ and ]"

MALFORMED = [
    (b"", HERE, 0),
    (b"<34>Oct 11 22:14:15 su:", COLON, 22),
    (b"<34>Oct 11 22:14:15 su[1]x: text", COLON, 25),
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
    (b"<34>1  - - - - -", "TIMESTAMP must be - or begin with a year, 0000 to 9999", 6),
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
    (HEADER + b'[a b="\\', "PARAM-VALUE must end with a quote", 23),
    (HEADER + b'[a b="\\"', "PARAM-VALUE must end with a quote", 24),
    (HEADER + b'[a b="\\\\]"]', "] must be escaped in PARAM-VALUE", 24),
    (HEADER + b'[a b="c""]', ELEMENT, 24),
    (HEADER + b'[a b="c"', HERE, 24),
    (HEADER + b"[a][b][a]", "SD-ID a must occur once", 23),
    (HEADER + b'[a b="x\xff"]', "a record must be UTF-8", 23),
    (HEADER + b"- \xef\xbb\xbfx\xc3", "a record must be UTF-8", 22),
    (HEADER + b"- \xef\xbb\xbf\xed\xa0\x80", "a record must be UTF-8", 21),
    (HEADER + b"- \xef\xbb\xbf\xc0\x80", "a record must be UTF-8", 21),
    (HEADER + b'[a b="\xed\xa0\x80"] x', "a record must be UTF-8", 22),
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
    (b"<34>Oct 11 22:14:15 h ", HERE, 22),
    (b"<34>Oct 11 22:14:15 h  a: x", TAG, 22),
    (b"<34>Oct 11 22:14:15 h %SYS-5-CONFIG_I: x", TAG, 22),
    (b"<34>Oct 11 22:14:15 h /" + b"a" * 32 + b": x", TAG, 54),
    (b"<34>Oct 11 22:14:15 h " + b"a" * 33 + b": x", TAG, 54),
    (b"<34>Oct 11 22:14:15 a~: x", TAG, 21),
    (b"<34>Oct 11 22:14:15 a[4: x", PID, 24),
    (b"<34>Oct 11 22:14:15 h a: x\xff", "a record must be UTF-8", 26),
]


SENDERS = re.compile(  # what grammar.py refuses of a sender alone
    "escape of an octet that needs none|offset -00:00|year outside|MSG with ill-formed UTF-8"
    "|TAG|PID|colon and SP after TAG"
)


@try_each("data, what, offset", MALFORMED)
def test_malformed(data: bytes, what: str, offset: int) -> None:
    """The first thing that is wrong is named, and the byte where it is."""
    with pytest.raises(MalformedError) as caught:
        parse_record(data)
    assert (caught.value.what, caught.value.offset) == (what, offset)
    assert str(caught.value) == f"{what}, at byte {offset}"
    with pytest.raises(ValueError, match=r" at byte \d+$") as refused:
        judge(data)
    assert SENDERS.match(str(refused.value)) or str(refused.value).endswith(f" at byte {offset}")
    assert receive(data) is None


def test_elements_and_parameters_are_bounded() -> None:
    """Each takes memory, and a frame has room for millions."""
    most = parse.MAX_PAIRS
    elements = [b"[a%d]" % number for number in range(most + 1)]
    parameters = [b' b=""'] * most
    assert len(parse_record(HEADER + b"".join(elements[:most])).structured_data) == most
    given = b"".join(parameters)
    for many in (b"".join(elements), b"[a%b][b]" % given, b'[a%b c=""]' % given):
        with pytest.raises(MalformedError, match=f"must be {most:,} at most"):
            parse_record(HEADER + many)


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
def test_it_agrees_with_the_grammars() -> None:
    """Of records with small mutations all take the same ones, with the same fields.

    Where grammar.py refuses what it refuses of senders alone, the receiver's grammar decides. Where
    all refuse, the same byte is named; of ill-formed UTF-8 this parser may see more.
    """
    chance = random.Random(5424)
    accepted = 0
    for number in range(MUTATIONS):
        data = mutate(SEEDS[number % len(SEEDS)], chance)
        received = receive(data)
        record = refused = expected = None
        complaint = ""
        try:
            record = parse_record(data)
        except MalformedError as error:
            refused = error
        try:
            expected = judge(data)
        except ValueError as error:
            complaint = str(error)
        if expected:
            accepted += 1
            assert record, data
            assert show(record) == expected, data
            continue
        assert (record is None) == (received is None), data
        if record and record.protocol == "rfc5424":
            assert show(record) == received, data
        if refused and refused.what != "a record must be UTF-8" and not SENDERS.match(complaint):
            assert refused.offset == int(complaint.rpartition(" ")[2]), data
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
