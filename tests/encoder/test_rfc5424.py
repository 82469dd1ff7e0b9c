"""RFC 5424: the header of a record, field by field, and the RFC's own examples."""

import os
import socket
import sys
import time
from types import ModuleType

import pytest
from support.each import try_each
from support.grammar import parse_rfc5424

from syslogfast import Facility, Severity
from syslogfast.constants import FACILITIES, SEVERITIES

pytestmark = [pytest.mark.portable, pytest.mark.native]

IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
OCTOBER = 1_065_910_455_003_000_000  # 2003-10-11T22:14:15.003Z, as in RFC 5424 6.5

# --- 6.5, the examples ---------------------------------------------------------------------------


def test_6_5_example_1(encoder_module: ModuleType) -> None:
    """RFC 5424 6.5, example 1: a BOM, no structured data, no PROCID."""
    encoder = encoder_module.Encoder(
        facility="auth", hostname="mymachine.example.com", app_name="su", procid="-",
        msgid="ID47", precision=3, bom=True,
    )  # fmt: skip
    record = encoder.encode("crit", "'su root' failed for lonvick on /dev/pts/8", time_ns=OCTOBER)
    assert record == (
        b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - "
        b"\xef\xbb\xbf'su root' failed for lonvick on /dev/pts/8"
    )


def test_6_5_example_2(encoder_module: ModuleType, set_zone) -> None:
    """RFC 5424 6.5, example 2: local time with its offset, microseconds, an address as HOSTNAME."""
    set_zone("America/Los_Angeles")
    encoder = encoder_module.Encoder(
        facility=20, hostname="192.0.2.1", app_name="myproc", procid=8710, local_time=True
    )
    record = encoder.encode(
        5, "%% It's time to make the do-nuts.", time_ns=1_061_727_255_000_003_000
    )
    assert record == (
        b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - "
        b"%% It's time to make the do-nuts."
    )


EVENT = {"exampleSDID@32473": {"iut": "3", "eventSource": "Application", "eventID": "1011"}}
HIGH = {"examplePriority@32473": {"class": "high"}}


def test_6_5_example_3(encoder_module: ModuleType) -> None:
    """RFC 5424 6.5, example 3: structured data and a message with a BOM."""
    encoder = encoder_module.Encoder(
        facility="local4", hostname="mymachine.example.com", app_name="evntslog", procid="-",
        msgid="ID47", structured_data=EVENT, precision=3, bom=True,
    )  # fmt: skip
    record = encoder.encode("notice", "An application event log entry...", time_ns=OCTOBER)
    assert record == (
        b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] '
        b"\xef\xbb\xbfAn application event log entry..."
    )


def test_6_5_example_4(encoder_module: ModuleType) -> None:
    """RFC 5424 6.5, example 4: structured data alone, no message and no SP for it."""
    encoder = encoder_module.Encoder(
        facility="local4", hostname="mymachine.example.com", app_name="evntslog", procid="-",
        precision=3,
    )  # fmt: skip
    record = encoder.encode(
        "notice", "", time_ns=OCTOBER, msgid="ID47", structured_data={**EVENT, **HIGH}
    )
    assert record == (
        b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"]'
        b'[examplePriority@32473 class="high"]'
    )


# --- 6.2.1, PRI ----------------------------------------------------------------------------------


def test_6_2_1_every_priority(encoder_module: ModuleType) -> None:
    """PRIVAL is facility * 8 + severity for all 192 of them, without leading zeros."""
    for facility in range(24):
        encoder = encoder_module.Encoder(facility=facility, **IDENTITY)
        for severity in range(8):
            record = encoder.encode(severity, "x", time_ns=0)
            start = f"<{facility * 8 + severity}>1 1970-01-01T"
            assert record.startswith(start.encode()), (facility, severity)
            assert parse_rfc5424(record).priority == facility * 8 + severity


def test_6_2_1_keywords_and_enums(encoder_module: ModuleType) -> None:
    """A keyword, an enum's member and the number mean the same."""
    for keyword, code in FACILITIES.items():
        by_name = encoder_module.Encoder(facility=keyword, **IDENTITY)
        by_enum = encoder_module.Encoder(facility=Facility(code), **IDENTITY)
        expected = f"<{code * 8 + 7}>1 ".encode()
        assert by_name.encode(7, "x").startswith(expected), keyword
        assert by_enum.encode(7, "x").startswith(expected), keyword
    encoder = encoder_module.Encoder(facility="kern", **IDENTITY)
    for keyword, code in SEVERITIES.items():
        expected = f"<{code}>1 ".encode()
        assert encoder.encode(keyword, "x").startswith(expected), keyword
        assert encoder.encode(Severity(code), "x").startswith(expected), keyword


def test_6_2_1_keywords_in_any_case(encoder_module: ModuleType) -> None:
    """In capitals, mixed, and as syslog.h has them; computed or not, and of a subclass of str."""

    class Keyword(str):
        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = None  # type: ignore[assignment]

        def lower(self) -> str:
            return "debug"

    encoder = encoder_module.Encoder(facility="kern", **IDENTITY)
    buffer = bytearray(100)
    for keyword, code in SEVERITIES.items():
        for spelling in (keyword.upper(), keyword.title(), keyword.swapcase().lower()):
            for given in (spelling, f"LOG_{spelling}", f"log_{spelling}", Keyword(spelling)):
                expected = f"<{code}>1 1970-01-01T".encode()
                assert encoder.encode(given, "x", time_ns=0).startswith(expected), given
                assert encoder.header(given, time_ns=0).startswith(expected), given
                encoder.encode_into(buffer, given, "x", time_ns=0)
                assert buffer.startswith(expected), given
                encoder.encode_many_into(buffer, given, ["x"], time_ns=0)
                assert buffer.startswith(expected), given
    for keyword, code in FACILITIES.items():
        for given in (keyword.upper(), f"LOG_{keyword.upper()}", f"log_{keyword.title()}"):
            encoder = encoder_module.Encoder(facility=given, **IDENTITY)
            assert encoder.encode(7, "x").startswith(f"<{code * 8 + 7}>1 ".encode()), given


def test_6_2_1_numbers_of_a_kind_of_their_own(encoder_module: ModuleType) -> None:
    """The number is what an int holds, whatever it pretends to be."""

    class Number(int):
        def __le__(self, other: object) -> bool:
            return False

        __ge__ = __lt__ = __gt__ = __le__

        def __int__(self) -> int:
            return 0

        __index__ = __int__

    encoder = encoder_module.Encoder(facility=Number(16), **IDENTITY)
    assert encoder.encode(Number(6), "x").startswith(b"<134>1 ")
    for wrong in (Number(8), Number(-1), Number(2**70)):
        with pytest.raises(ValueError, match=r"^severity must be in 0\.\.7 or a keyword, got "):
            encoder.encode(wrong, "x")


def test_6_2_1_keywords_of_the_tables(encoder_module: ModuleType) -> None:
    """Tables 1 and 2, read again: the codes of syslog.h's keywords."""
    facilities = (
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2",
        "local3", "local4", "local5", "local6", "local7",
    )  # fmt: skip
    severities = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
    for facility, name in enumerate(facilities):
        encoder = encoder_module.Encoder(facility=name, **IDENTITY)
        assert encoder.encode("emerg", "x").startswith(f"<{facility * 8}>1 ".encode()), name
    encoder = encoder_module.Encoder(facility="user", **IDENTITY)
    for severity, name in enumerate(severities):
        assert encoder.encode(name, "x").startswith(f"<{8 + severity}>1 ".encode()), name


def test_the_default_facility_is_user(encoder_module: ModuleType) -> None:
    """RFC 5424 6.2.1: messages of programs are of facility 1."""
    assert encoder_module.Encoder().encode("info", "x").startswith(b"<14>1 ")


KEYWORDS = (
    "emerg, emergency, panic, alert, crit, critical, err, error, warn, warning, notice, info, debug"
)
NEAREST = {
    "er": ". Did you mean 'err'?",
    "ERRS": ". Did you mean 'err'?",
    "3": ". Did you mean 3?",
    "\u0131nfo": ". Did you mean 'info'?",
}


@try_each(
    "severity", [-1, 8, 99, 10**30, -(10**30), "", "er", "ERRS", "fatal", "3", "LOG_", "\u0131nfo"]
)
def test_6_2_1_severities_out_of_range(encoder_module: ModuleType, severity: object) -> None:
    """Another number or keyword is a ValueError that says which are right."""
    encoder = encoder_module.Encoder(**IDENTITY)
    message = f"severity must be in 0..7 or a keyword, got {severity!r}"
    if isinstance(severity, str):
        message = message.replace("a keyword", f"one of {KEYWORDS}") + NEAREST.get(severity, "")
    buffer = bytearray()
    for call in (
        lambda: encoder.encode(severity, "x"),
        lambda: encoder.encode_into(buffer, severity, "x"),
        lambda: encoder.encode_many_into(buffer, severity, ["x"]),
        lambda: encoder.header(severity),
    ):
        with pytest.raises(ValueError, match=r"^severity ") as caught:
            call()
        assert str(caught.value) == message
    assert buffer == b""


@try_each("severity", [None, 3.0, b"err", [], (3,)])
def test_6_2_1_severities_of_another_type(encoder_module: ModuleType, severity: object) -> None:
    """Neither int nor str: a TypeError, whatever the method."""
    encoder = encoder_module.Encoder(**IDENTITY)
    message = f"severity must be an int or a str, got {severity!r}"
    for call in (
        lambda: encoder.encode(severity, "x"),
        lambda: encoder.encode_into(bytearray(), severity, "x"),
        lambda: encoder.encode_many_into(bytearray(), severity, []),
        lambda: encoder.header(severity),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == message


# --- 6.2.4 to 6.2.7, HOSTNAME, APP-NAME, PROCID, MSGID -------------------------------------------

FIELDS = [("hostname", 2, 255), ("app_name", 3, 48), ("procid", 4, 128), ("msgid", 5, 32)]
each_field = pytest.mark.parametrize(("field", "position", "longest"), FIELDS)


def read_field(encoder_module: ModuleType, field: str, position: int, value: object) -> str:
    encoder = encoder_module.Encoder(**{**IDENTITY, field: value})
    return parse_rfc5424(encoder.encode("info", "x", time_ns=0))[position]


@each_field
def test_6_2_printable_octets_stay(
    encoder_module: ModuleType, field: str, position: int, longest: int
) -> None:
    """RFC 5424 6: PRINTUSASCII is 33 to 126, all of them as they are."""
    printable = "".join(map(chr, range(33, 127)))
    for start in range(0, len(printable), longest):
        part = printable[start : start + longest]
        assert read_field(encoder_module, field, position, part) == part


@each_field
def test_6_2_other_octets_become_underscores(
    encoder_module: ModuleType, field: str, position: int, longest: int
) -> None:
    """One "_" for each octet that is not PRINTUSASCII; a lone surrogate counts as U+FFFD."""
    for text, written in {
        "a b": "a_b",
        "\0\t\n\r\x1f \x7f": "_______",
        "\x80\xff": "____",
        "\u00fcn\u00efcode": "__n__code",
        "\u20ac": "___",
        "\U0001f600": "____",
        "a\ud800b": "a___b",
        "x - - - - forged": "x_-_-_-_-_forged",
    }.items():
        assert read_field(encoder_module, field, position, text) == written, text


@each_field
def test_6_2_long_fields_are_cut(
    encoder_module: ModuleType, field: str, position: int, longest: int
) -> None:
    """The length is counted in octets, after what cannot be written has been replaced."""
    for text, written in {
        "a" * longest: "a" * longest,
        "a" * (longest + 1): "a" * longest,
        "a" * 100_000: "a" * longest,
        "\u00e9" * longest: "_" * longest,
        "a" * (longest - 1) + "\u00e9": "a" * (longest - 1) + "_",
        "\U0001f600" * longest: "_" * longest,
    }.items():
        assert read_field(encoder_module, field, position, text) == written


@each_field
def test_6_2_nothing_is_the_nilvalue(
    encoder_module: ModuleType, field: str, position: int, longest: int
) -> None:
    """RFC 5424 6: an empty field cannot be written; a literal "-" cannot be told from it."""
    assert read_field(encoder_module, field, position, "") == "-"
    assert read_field(encoder_module, field, position, "-") == "-"


@each_field
def test_6_2_subclasses_of_str_are_read_as_they_are(
    encoder_module: ModuleType, field: str, position: int, longest: int
) -> None:
    """What a subclass says about itself does not count."""

    class Liar(str):
        def __str__(self) -> str:
            return "a lie"

        def __len__(self) -> int:
            return 0

        def __getitem__(self, index: object) -> str:
            return "a lie"

    assert read_field(encoder_module, field, position, Liar("truth")) == "truth"


@try_each("field", ["hostname", "app_name", "procid", "msgid"])
@try_each("value", [b"web1", 1.5, ["web1"]])
def test_6_2_fields_of_another_type(encoder_module: ModuleType, field: str, value: object) -> None:
    """Only PROCID may be a number."""
    kinds = "a str or an int" if field == "procid" else "a str"
    with pytest.raises(TypeError) as caught:
        encoder_module.Encoder(**{**IDENTITY, field: value})
    assert str(caught.value) == f"{field} must be {kinds}, got {value!r}"


@pytest.mark.parametrize("field", ["hostname", "app_name", "msgid"])
def test_6_2_only_procid_may_be_a_number(encoder_module: ModuleType, field: str) -> None:
    """A HOSTNAME of 7 is a mistake, a PROCID of 7 is not."""
    with pytest.raises(TypeError, match=f"^{field} must be a str, got 7$"):
        encoder_module.Encoder(**{field: 7})
    assert read_field(encoder_module, "procid", 4, 7) == "7"
    assert read_field(encoder_module, "procid", 4, 0) == "0"
    assert read_field(encoder_module, "procid", 4, -(10**200)) == "-1" + "0" * 126


# --- the defaults --------------------------------------------------------------------------------


def test_defaults_are_this_host_program_and_process(
    encoder_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5424 6.2.4 to 6.2.7: who speaks, unless said otherwise; no MSGID, no structured data."""
    monkeypatch.setattr(sys, "argv", ["/opt/shop/bin/till.py", "--fast"])
    record = parse_rfc5424(encoder_module.Encoder().encode("info", "x"))
    assert record.hostname == socket.gethostname()
    assert record.app_name == "till"
    assert record.procid == str(os.getpid())
    assert record.msgid == "-"
    assert record.structured_data == []
    assert record.message == "x"
    assert not record.bom


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/usr/bin/shop"], "shop"),
        (["shop.py"], "shop"),
        (["shop.pyc"], "shop.pyc"),
        (["/site-packages/shop/__main__.py"], "shop"),
        (["C:\\shop\\till.py"], "till"),
        ([""], "python"),
        (["-c"], "python"),
        (["-m"], "python"),
        (["-"], "python"),
        ([], "python"),
        (["./my shop"], "my_shop"),
        (["b\udcff"], "b___"),
        (["n" * 1000], "n" * 48),
        (["evil\n<0>1 - - - - - -"], "evil_<0>1_-_-_-_-_-_-"),
    ],
)
def test_app_name_comes_from_argv(
    encoder_module: ModuleType, monkeypatch: pytest.MonkeyPatch, argv: list[str], name: str
) -> None:
    """RFC 5424 6.2.5: the program's name; it is an attacker's to choose, so it is made fit."""
    monkeypatch.setattr(sys, "argv", argv)
    assert parse_rfc5424(encoder_module.Encoder().encode("info", "x")).app_name == name


def test_time_is_read_for_each_record(encoder_module: ModuleType) -> None:
    """RFC 5424 6.2.3: without `time_ns` it is the clock's time, to the microsecond."""
    encoder = encoder_module.Encoder(**IDENTITY)
    for _ in range(20):
        before = time.time_ns() // 1000 * 1000
        record = encoder.encode("info", "a message of some length")
        short = encoder.encode("info", "x")
        after = time.time_ns()
        earliest = encoder_module.format_timestamp(before)
        latest = encoder_module.format_timestamp(after)
        written = parse_rfc5424(record).timestamp
        assert earliest <= written <= parse_rfc5424(short).timestamp <= latest


# --- per record ----------------------------------------------------------------------------------


def test_6_2_7_msgid_of_one_record(encoder_module: ModuleType) -> None:
    """A record's own MSGID replaces the encoder's, made fit in the same way, for once."""
    encoder = encoder_module.Encoder(msgid="constant", **IDENTITY)
    for msgid, written in {
        "ID47": "ID47",
        "": "-",
        "-": "-",
        "a b\n": "a_b_",
        "\u00e9": "__",
        "\ud800": "___",
        "m" * 40: "m" * 32,
        "m" * 31 + "\U0001f600": "m" * 31 + "_",
    }.items():
        record = encoder.encode("info", "x", time_ns=0, msgid=msgid)
        start = b"<14>1 1970-01-01T00:00:00.000000Z web1 shop 42 "
        assert record == start + written.encode() + b" - x", msgid
    assert parse_rfc5424(encoder.encode("info", "x")).msgid == "constant"


@pytest.mark.parametrize("msgid", [7, b"ID47", 1.5, ["ID47"]])
def test_6_2_7_msgid_of_another_type(encoder_module: ModuleType, msgid: object) -> None:
    """A MSGID that is no str is a TypeError."""
    encoder = encoder_module.Encoder(**IDENTITY)
    with pytest.raises(TypeError) as caught:
        encoder.encode("info", "x", msgid=msgid)
    assert str(caught.value) == f"msgid must be a str, got {msgid!r}"


# --- header() ------------------------------------------------------------------------------------


def test_header_is_all_before_the_message(encoder_module: ModuleType) -> None:
    """RFC 5424 6: HEADER, STRUCTURED-DATA and the SP; no framing, which needs the length."""
    for framing in (None, "octet", "lf", "nul"):
        encoder = encoder_module.Encoder(framing=framing, prefix=b"token ", **IDENTITY)
        assert encoder.header("info", time_ns=0) == (
            b"token <14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - - "
        )


def test_header_holds_the_bom(encoder_module: ModuleType) -> None:
    """RFC 5424 6.4: the BOM leads to the text."""
    encoder = encoder_module.Encoder(bom=True, **IDENTITY)
    assert encoder.header("info", time_ns=0) == (
        b"<14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - - \xef\xbb\xbf"
    )


def test_header_holds_what_the_record_brings(encoder_module: ModuleType) -> None:
    """MSGID and structured data of one record stand in its header."""
    encoder = encoder_module.Encoder(structured_data={"a@1": {"b": 1}}, **IDENTITY)
    header = encoder.header("err", time_ns=OCTOBER, msgid="m n", structured_data={"c@1": {}})
    assert header == (b'<11>1 2003-10-11T22:14:15.003000Z web1 shop 42 m_n [a@1 b="1"][c@1] ')


def test_header_drops_structured_data_that_is_too_long(encoder_module: ModuleType) -> None:
    """A header is never longer than the record may be."""
    encoder = encoder_module.Encoder(max_size=200, **IDENTITY)
    header = encoder.header("info", time_ns=0, structured_data={"a@1": {"b": "x" * 200}})
    assert header == b"<14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - - "


def test_header_and_message_are_the_record(encoder_module: ModuleType) -> None:
    """What header() returns, followed by a clean message, is what encode() returns."""
    for options in (
        {},
        {"bom": True},
        {"prefix": b"<token>"},
        {"precision": 0, "facility": 23, "msgid": "m"},
        {"structured_data": {"a@1": {"b": "]"}}},
        {"protocol": "rfc3164"},
        {"protocol": "local"},
    ):
        encoder = encoder_module.Encoder(**IDENTITY, **options)
        for own in ({}, {"msgid": "own"}, {"structured_data": {"c@1": {"d": 1}}}):
            for severity in range(8):
                header = encoder.header(severity, time_ns=OCTOBER, **own)
                record = encoder.encode(severity, "caf\u00e9", time_ns=OCTOBER, **own)
                assert header + "caf\u00e9".encode() == record, options
