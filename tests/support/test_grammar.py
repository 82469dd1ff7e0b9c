"""The strict grammars of grammar.py take what the RFCs give as examples, and nothing malformed."""

import pytest
from support import grammar
from support.each import try_each
from support.grammar import (
    Rfc3164Record,
    Rfc5424Record,
    parse_rfc3164,
    parse_rfc5424,
    split_frames,
)
from support.rfc_examples import EVENT, EVENT_PARSED, HIGH_PARSED, RFC5424_EXAMPLES


@pytest.mark.parametrize(("record", "parsed"), RFC5424_EXAMPLES, ids=["1", "2", "3", "4"])
def test_rfc5424_6_5_examples_are_accepted(record: bytes, parsed: Rfc5424Record) -> None:
    """Each part of the RFC's four examples is found."""
    assert parse_rfc5424(record) == parsed


@pytest.mark.parametrize(
    "timestamp",
    [
        "1985-04-12T23:20:50.52Z",
        "1985-04-12T19:20:50.52-04:00",
        "2003-10-11T22:14:15.003Z",
        "2003-08-24T05:14:15.000003-07:00",
    ],
)
def test_rfc5424_6_2_3_1_timestamps_are_accepted(timestamp: str) -> None:
    """The RFC's four valid timestamps are read whole."""
    record = f"<13>1 {timestamp} h a 1 m - x".encode()
    assert parse_rfc5424(record).timestamp == timestamp


def test_rfc5424_6_2_3_1_nanoseconds_are_refused() -> None:
    """The RFC's example 5 has nine digits after the second: three too many."""
    with pytest.raises(ValueError, match=r"^TIME-SECFRAC of more than 6 octets at byte 32$"):
        parse_rfc5424(b"<13>1 2003-08-24T05:14:15.000000003-07:00 h a 1 m - x")


@pytest.mark.parametrize(
    ("text", "elements", "message"),
    [
        (f"[{EVENT}]", [EVENT_PARSED], None),
        (f'[{EVENT}][examplePriority@32473 class="high"]', [EVENT_PARSED, HIGH_PARSED], None),
        (
            f'[{EVENT}] [examplePriority@32473 class="high"]',
            [EVENT_PARSED],
            '[examplePriority@32473 class="high"]',
        ),
        (
            '[sigSig ver="1" rsID="1234" iut="3" signature="..."]',
            [("sigSig", [("ver", "1"), ("rsID", "1234"), ("iut", "3"), ("signature", "...")])],
            None,
        ),
    ],
    ids=["1", "2", "3", "5"],
)
def test_rfc5424_6_3_5_structured_data_is_accepted(
    text: str, elements: list[object], message: "str | None"
) -> None:
    """The RFC's examples 1, 2, 3 and 5; in 3, an SP ends STRUCTURED-DATA and the rest is MSG."""
    parsed = parse_rfc5424(f"<13>1 - h a 1 m {text}".encode())
    assert (parsed.structured_data, parsed.message) == (elements, message)


def test_rfc5424_6_3_5_space_before_sd_id_is_refused() -> None:
    """The RFC's example 4 has an SP where the SD-ID must begin."""
    with pytest.raises(ValueError, match=r"^SD-ID expected at byte 17$"):
        parse_rfc5424(b'<13>1 - h a 1 m [ exampleSDID@32473 iut="3"]')


def test_rfc5424_longest_fields_are_accepted() -> None:
    """RFC 5424 6: 255, 48, 128, 32 and 32 octets are not yet too many."""
    name = "n" * 32
    record = f'<191>1 - {"h" * 255} {"a" * 48} {"p" * 128} {"m" * 32} [{name} {name}="v"] '
    parsed = parse_rfc5424(record.encode())
    assert [len(field) for field in parsed[2:6]] == [255, 48, 128, 32]
    assert parsed.structured_data == [(name, [(name, "v")])]
    assert parsed.message == ""


def test_rfc5424_6_3_3_escapes_are_undone() -> None:
    """The three escapes stand for quote, backslash and bracket."""
    record = b'<0>1 - - - - - [a b="\\"\\\\\\]" c="\xc3\xa9" b=""][d]'
    parsed = parse_rfc5424(record)
    assert parsed.structured_data == [("a", [("b", '"\\]'), ("c", "\u00e9"), ("b", "")]), ("d", [])]


MALFORMED_RFC5424 = [
    (b"", "PRI expected at byte 0"),
    (b"34>1 - - - - - -", "PRI expected at byte 0"),
    (b"<>1 - - - - - -", "PRIVAL expected at byte 1"),
    (b"<-1>1 - - - - - -", "PRIVAL expected at byte 1"),
    (b"<034>1 - - - - - -", "PRIVAL with a leading zero at byte 1"),
    (b"<00>1 - - - - - -", "PRIVAL with a leading zero at byte 1"),
    (b"<192>1 - - - - - -", "PRIVAL above 191 at byte 1"),
    (b"<1000>1 - - - - - -", "PRIVAL above 191 at byte 1"),
    (b"<34 >1 - - - - - -", "end of PRI expected at byte 3"),
    (b"<34> 1 - - - - - -", "VERSION 1 and SP expected at byte 4"),
    (b"<34>2 - - - - - -", "VERSION 1 and SP expected at byte 4"),
    (b"<34>01 - - - - - -", "VERSION 1 and SP expected at byte 4"),
    (b"<34>1  - - - - - -", "year of 4 digits expected at byte 6"),
    (b"<34>1 0000-01-01T00:00:00Z - - - - -", "year outside 1..9999 at byte 6"),
    (b"<34>1 10000-01-01T00:00:00Z - - - - -", "hyphen expected at byte 10"),
    (b"<34>1 2003-13-01T00:00:00Z - - - - -", "month outside 1..12 at byte 11"),
    (b"<34>1 2003-1-01T00:00:00Z - - - - -", "month of 2 digits expected at byte 11"),
    (b"<34>1 2003-02-29T00:00:00Z - - - - -", "day outside 1..28 at byte 14"),
    (b"<34>1 1900-02-29T00:00:00Z - - - - -", "day outside 1..28 at byte 14"),
    (b"<34>1 2003-04-31T00:00:00Z - - - - -", "day outside 1..30 at byte 14"),
    (b"<34>1 2003-04-00T00:00:00Z - - - - -", "day outside 1..30 at byte 14"),
    (b"<34>1 2003-10-11t22:14:15Z - - - - -", "T expected at byte 16"),
    (b"<34>1 2003-10-11 22:14:15Z - - - - -", "T expected at byte 16"),
    (b"<34>1 2003-10-11T24:00:00Z - - - - -", "hour outside 0..23 at byte 17"),
    (b"<34>1 2003-10-11T22:60:00Z - - - - -", "minute outside 0..59 at byte 20"),
    (b"<34>1 2016-12-31T23:59:60Z - - - - -", "second outside 0..59 at byte 23"),
    (b"<34>1 2003-10-11T22:14:15.Z - - - - -", "TIME-SECFRAC expected at byte 26"),
    (b"<34>1 2003-10-11T22:14:15,5Z - - - - -", "TIME-OFFSET expected at byte 25"),
    (b"<34>1 2003-10-11T22:14:15 - - - - -", "TIME-OFFSET expected at byte 25"),
    (b"<34>1 2003-10-11T22:14:15z - - - - -", "TIME-OFFSET expected at byte 25"),
    (b"<34>1 2003-10-11T22:14:15-00:00 - - - - -", "offset -00:00 at byte 25"),
    (b"<34>1 2003-10-11T22:14:15+24:00 - - - - -", "offset hour outside 0..23 at byte 26"),
    (b"<34>1 2003-10-11T22:14:15+0700 - - - - -", "colon expected at byte 28"),
    (b"<34>1 2003-10-11T22:14:15+07:60 - - - - -", "offset minute outside 0..59 at byte 29"),
    (b"<34>1 -- - - - - -", "SP before HOSTNAME expected at byte 7"),
    (b"<34>1 -  - - - - -", "HOSTNAME expected at byte 8"),
    (b"<34>1 - h\xc3\xa9 - - - -", "SP before APP-NAME expected at byte 9"),
    (b"<34>1 - h\x7f - - - -", "SP before APP-NAME expected at byte 9"),
    (b"<34>1 - " + b"h" * 256 + b" - - - -", "HOSTNAME of more than 255 octets at byte 263"),
    (b"<34>1 - - " + b"a" * 49 + b" - - -", "APP-NAME of more than 48 octets at byte 58"),
    (b"<34>1 - - - " + b"p" * 129 + b" - -", "PROCID of more than 128 octets at byte 140"),
    (b"<34>1 - - - - " + b"m" * 33 + b" -", "MSGID of more than 32 octets at byte 46"),
    (b"<34>1 - - - - -", "SP before STRUCTURED-DATA expected at byte 15"),
    (b"<34>1 - - - - - ", "STRUCTURED-DATA expected at byte 16"),
    (b"<34>1 - - - - - x", "STRUCTURED-DATA expected at byte 16"),
    (b"<34>1 - - - - - -x", "SP before MSG expected at byte 17"),
    (b"<34>1 - - - - - -\n", "SP before MSG expected at byte 17"),
    (b"<34>1 - - - - - []", "SD-ID expected at byte 17"),
    *[
        (
            b"<34>1 - - - - - [%b]" % sd_id,
            f"SD-ID {sd_id.decode()} without a name, one @ and an enterprise number at byte 17",
        )
        for sd_id in (b"a@b@1", b"x@", b"@1", b"x@abc", b"x@1.", b"x@.1", b"x@1..2", b"x@@1", b"@")
    ],
    (b"<34>1 - - - - - [a", "end of SD-ELEMENT expected at byte 18"),
    (b"<34>1 - - - - - [" + b"a" * 33 + b"]", "SD-ID of more than 32 octets at byte 49"),
    (b'<34>1 - - - - - [a=b c="d"]', "end of SD-ELEMENT expected at byte 18"),
    (b'<34>1 - - - - - [a"]', "end of SD-ELEMENT expected at byte 18"),
    (b"<34>1 - - - - - [a ]", "PARAM-NAME expected at byte 19"),
    (b'<34>1 - - - - - [a  b="c"]', "PARAM-NAME expected at byte 19"),
    (b'<34>1 - - - - - [a \xc3\xa9="c"]', "PARAM-NAME expected at byte 19"),
    (b"<34>1 - - - - - [a b]", "= after PARAM-NAME expected at byte 20"),
    (b"<34>1 - - - - - [a b=c]", "quote before PARAM-VALUE expected at byte 21"),
    (b'<34>1 - - - - - [a b="c', "quote after PARAM-VALUE expected at byte 23"),
    (b'<34>1 - - - - - [a b="c]"]', "unescaped ] in PARAM-VALUE at byte 23"),
    (b'<34>1 - - - - - [a b="\\n"]', "escape of an octet that needs none at byte 22"),
    (b'<34>1 - - - - - [a b="c""]', "end of SD-ELEMENT expected at byte 24"),
    (b'<34>1 - - - - - [a b="x\xff"]', "PARAM-VALUE with ill-formed UTF-8 at byte 23"),
    (b'<34>1 - - - - - [a b="x\n"]', "PARAM-VALUE with control character U+000A at byte 23"),
    (b"<34>1 - - - - - [a][b][a]", "second SD-ELEMENT a at byte 23"),
    (b"<34>1 - - - - - [a]x", "SP before MSG expected at byte 19"),
    (b"<34>1 - - - - - - x\xc3", "MSG with ill-formed UTF-8 at byte 19"),
    (b"<34>1 - - - - - - \xed\xa0\x80", "MSG with ill-formed UTF-8 at byte 18"),
    (b"<34>1 - - - - - - \xef\xbb\xbf\xc0\x80", "MSG with ill-formed UTF-8 at byte 21"),
    (b"<34>1 - - - - - - a\0", "MSG with control character U+0000 at byte 19"),
    (b"<34>1 - - - - - - \xc3\xa9\x1b[2J", "MSG with control character U+001B at byte 20"),
    (b"<34>1 - - - - - - \x7f", "MSG with control character U+007F at byte 18"),
    (b"<34>1 - - - - - - \xc2\x9b", "MSG with control character U+009B at byte 18"),
    (b"<34>1 - - - - - - \xe2\x80\xa8", "MSG with control character U+2028 at byte 18"),
    (b"<34>1 - - - - - - \xe2\x80\xae", "MSG with control character U+202E at byte 18"),
    (b"<34>1 - - - - - - \xe2\x81\xa6", "MSG with control character U+2066 at byte 18"),
]


@try_each("record, reason", MALFORMED_RFC5424)
def test_rfc5424_malformed_records_are_refused(record: bytes, reason: str) -> None:
    """What is wrong, and where, is named."""
    with pytest.raises(ValueError, match=r"at byte \d+$") as caught:
        parse_rfc5424(record)
    assert str(caught.value) == reason


RFC3164_RECORDS = [
    (
        b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
        Rfc3164Record(
            34, "Oct 11 22:14:15", "mymachine", "su", None,
            "'su root' failed for lonvick on /dev/pts/8",
        ),
    ),
    (
        b"<13>Feb  5 17:32:18 10.0.0.99 sched[0]: That's All Folks!",
        Rfc3164Record(13, "Feb  5 17:32:18", "10.0.0.99", "sched", "0", "That's All Folks!"),
    ),
    (
        b"<0>Feb 29 00:00:00 2001:db8::1 -: ",
        Rfc3164Record(0, "Feb 29 00:00:00", "2001:db8::1", "-", None, ""),
    ),
    (
        b"<0>Feb 29 00:00:00 fe80::1_eth0.7 a/b.c_d-e[x:y]: \xc3\xa9",
        Rfc3164Record(0, "Feb 29 00:00:00", "fe80::1_eth0.7", "a/b.c_d-e", "x:y", "\u00e9"),
    ),
]  # fmt: skip


BORDERS = b"\0\t\n !+-./0123459:<>@TZ[]az~\x7f\x80\xff"


def judge(record: bytes) -> "tuple[object, str]":
    try:
        return parse_rfc5424(record), ""
    except ValueError as error:
        return None, str(error)


@pytest.mark.parametrize(
    "record",
    [
        b"<13>1 2003-10-11T22:14:15.003Z h a 1 m - x",
        b'<191>1 2004-02-29T23:59:59Z host app-1 77 ID47 [a@1 b="c"] x',
    ],
)
def test_what_is_read_in_one_is_what_is_read_in_steps(
    record: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands at any place of a header whose date and time are known.

    Of the octets those on both sides of where one of the grammar's ranges begins or ends.
    """
    head, end = record[:-2], record[-2:]
    for place in range(len(head)):
        # Another octet there, one more, and none: the ends of each range that a rule names.
        octets = [bytes([octet]) for octet in BORDERS]
        changes = [octet + head[place + after :] for octet in octets for after in (0, 1)]
        for changed in (*changes, head[place + 1 :]):
            other = head[:place] + changed + end
            monkeypatch.setattr(grammar, "taken_seconds", set())
            in_steps = judge(other)
            parse_rfc5424(record)
            assert judge(other) == in_steps, other


def test_lengths_are_read_in_one_as_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest names, fractions of a second, and those that are one longer."""
    lengths = [("hapm"[place], size) for place, longest in enumerate((255, 48, 128, 32))
               for size in (longest, longest + 1)]  # fmt: skip
    names = [dict.fromkeys("hapm", "x") | {name: size * "y"} for name, size in lengths]
    times = [f"2003-10-11T22:14:15{part}Z" for part in ("", ".", ".1", ".123456", ".1234567")]
    for timestamp, each in ((one, other) for one in times for other in names):
        record = f"<13>1 {timestamp} {' '.join(each.values())} - x".encode()
        monkeypatch.setattr(grammar, "taken_seconds", set())
        in_steps = judge(record)
        monkeypatch.setattr(grammar, "taken_seconds", {b"2003-10-11T22:14:15"})
        assert judge(record) == in_steps


@pytest.mark.parametrize(("record", "parsed"), RFC3164_RECORDS)
def test_rfc3164_records_are_accepted(record: bytes, parsed: Rfc3164Record) -> None:
    """RFC 3164 5.4, the first example, and others of its section 4.1."""
    assert parse_rfc3164(record) == parsed


def test_rfc3164_without_hostname() -> None:
    """What syslog(3) writes has its TAG right after the TIMESTAMP."""
    parsed = parse_rfc3164(b"<34>Oct 11 22:14:15 su[7]: x", hostname=False)
    assert parsed == Rfc3164Record(34, "Oct 11 22:14:15", None, "su", "7", "x")


MALFORMED_RFC3164 = [
    (b"Oct 11 22:14:15 h a: x", "PRI expected at byte 0"),
    (b"<192>Oct 11 22:14:15 h a: x", "PRIVAL above 191 at byte 1"),
    (b"<07>Oct 11 22:14:15 h a: x", "PRIVAL with a leading zero at byte 1"),
    (b"<34>1 Oct 11 22:14:15 h a: x", "month in English expected at byte 4"),
    (b"<34>Okt 11 22:14:15 h a: x", "month in English expected at byte 4"),
    (b"<34>oct 11 22:14:15 h a: x", "month in English expected at byte 4"),
    (b"<34>Oct 1 22:14:15 h a: x", "day of 2 digits expected at byte 8"),
    (b"<34>Oct 01 22:14:15 h a: x", "day outside 10..31 at byte 8"),
    (b"<34>Oct  0 22:14:15 h a: x", "day outside 1..9 at byte 9"),
    (b"<34>Oct 32 22:14:15 h a: x", "day outside 10..31 at byte 8"),
    (b"<34>Nov 31 22:14:15 h a: x", "day outside 10..30 at byte 8"),
    (b"<34>Feb 30 22:14:15 h a: x", "day outside 10..29 at byte 8"),
    (b"<34>Oct 11 24:14:15 h a: x", "hour outside 0..23 at byte 11"),
    (b"<34>Oct 11 22:14:60 h a: x", "second outside 0..59 at byte 17"),
    (b"<34>Oct 11 2003 22:14:15 h a: x", "colon expected at byte 13"),
    (b"<34>Oct 11 22:14:15.003 h a: x", "SP before HOSTNAME expected at byte 19"),
    (b"<34>Oct 11 22:14:15  a: x", "HOSTNAME expected at byte 20"),
    (b"<34>Oct 11 22:14:15 h.example.com a: x", "HOSTNAME with a domain at byte 21"),
    (b"<34>Oct 11 22:14:15 1.2.3 a: x", "HOSTNAME with a domain at byte 21"),
    (b"<34>Oct 11 22:14:15 a:b.com a: x", "HOSTNAME with a domain at byte 23"),
    (b"<34>Oct 11 22:14:15 h%1 a: x", "SP before TAG expected at byte 21"),
    (b"<34>Oct 11 22:14:15 h  x", "TAG expected at byte 22"),
    (b"<34>Oct 11 22:14:15 h " + b"a" * 33 + b": x", "TAG of more than 32 octets at byte 54"),
    (b"<34>Oct 11 22:14:15 h a+b: x", "colon and SP after TAG expected at byte 23"),
    (b"<34>Oct 11 22:14:15 h a:x", "colon and SP after TAG expected at byte 23"),
    (b"<34>Oct 11 22:14:15 h a[]: x", "PID expected at byte 24"),
    (b"<34>Oct 11 22:14:15 h a[1 2]: x", "end of PID expected at byte 25"),
    (b"<34>Oct 11 22:14:15 h a[" + b"1" * 129 + b"]: x", "PID of more than 128 octets at byte 152"),
    (b"<34>Oct 11 22:14:15 h a[1] x", "colon and SP after TAG expected at byte 26"),
    (b"<34>Oct 11 22:14:15 h a: x\n", "CONTENT with control character U+000A at byte 26"),
    (b"<34>Oct 11 22:14:15 h a: \xff", "CONTENT with ill-formed UTF-8 at byte 25"),
]


@try_each("record, reason", MALFORMED_RFC3164)
def test_rfc3164_malformed_records_are_refused(record: bytes, reason: str) -> None:
    """What is wrong, and where, is named."""
    with pytest.raises(ValueError, match=r"at byte \d+$") as caught:
        parse_rfc3164(record)
    assert str(caught.value) == reason


def test_kept_control_characters_are_accepted_on_request() -> None:
    """`keeps_controls` is for what an encoder with controls="keep" writes."""
    text = "a\0\n\x1b\x7f\x85\u2028"
    record = f'<34>1 - - - - - [a b="{text}"] {text}'.encode()
    parsed = parse_rfc5424(record, keeps_controls=True)
    assert parsed.structured_data == [("a", [("b", text)])]
    assert parsed.message == text
    record = f"<34>Oct 11 22:14:15 h a: {text}".encode()
    assert parse_rfc3164(record, keeps_controls=True).message == text


def test_a_tab_is_no_control_character() -> None:
    """A tab is the one C0 character that is text."""
    assert parse_rfc5424(b"<34>1 - - - - - - \t").message == "\t"


@pytest.mark.parametrize(
    ("data", "framing", "frames"),
    [
        (b"", "octet", []),
        (b"3 a b1 c12 0123456789\n\0", "octet", [b"a b", b"c", b"0123456789\n\0"]),
        (b"a\nb c\n", "lf", [b"a", b"b c"]),
        (b"a\n\0b\0", "nul", [b"a\n", b"b"]),
    ],
)
def test_rfc6587_frames_are_split(data: bytes, framing: str, frames: list[bytes]) -> None:
    """RFC 6587 3.4.1 counts octets, 3.4.2 ends each frame with a delimiter."""
    assert split_frames(data, framing) == frames


@try_each(
    "data, framing, reason",
    [
        (b"x", "octet", "MSG-LEN expected, NONZERO-DIGIT *DIGIT at byte 0"),
        (b"1 a01 b", "octet", "MSG-LEN expected, NONZERO-DIGIT *DIGIT at byte 3"),
        (b"0 ", "octet", "MSG-LEN expected, NONZERO-DIGIT *DIGIT at byte 0"),
        (b"1 a\n1 b", "octet", "MSG-LEN expected, NONZERO-DIGIT *DIGIT at byte 3"),
        (b"1a", "octet", "SP after MSG-LEN expected at byte 1"),
        (b"4 abc", "octet", "frame of 4 octets cut short at byte 5"),
        (b"a\nb", "lf", "delimiter expected at byte 3"),
        (b"a\n\n", "lf", "empty frame at byte 2"),
        (b"\0", "nul", "empty frame at byte 0"),
        (b"a", "nul", "delimiter expected at byte 1"),
    ],
)
def test_rfc6587_broken_frames_are_refused(data: bytes, framing: str, reason: str) -> None:
    """A count that does not fit, a delimiter that is missing: both are named."""
    with pytest.raises(ValueError, match=r"at byte \d+$") as caught:
        split_frames(data, framing)
    assert str(caught.value) == reason
