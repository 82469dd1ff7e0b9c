"""MSG: what becomes of every kind of text, and where it is cut.

RFC 5424 6.4, and 8.2: "a syslog application SHOULD [...] modify messages that contain control
characters".
"""

import array
import itertools
import mmap
import sys
import tempfile
import tracemalloc
from types import ModuleType

import pytest
from support.each import try_each
from support.grammar import parse_rfc3164, parse_rfc5424

pytestmark = [pytest.mark.portable, pytest.mark.native]

IDENTITY = {"hostname": "h", "app_name": "a", "procid": 1}
HEADER = b"<14>1 1970-01-01T00:00:00.000000Z h a 1 - - "
BOM = b"\xef\xbb\xbf"
CONTROL_CODES = [
    *(*range(9), *range(10, 32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
]
# Before and after a character, so that it lies in each place of the words that are scanned.
PADDINGS = ["", "a", "x" * 7, "y" * 15, "z" * 40, "\u00e9" * 5, "\u4e2d" * 9]


def encode_text(encoder_module: ModuleType, message: object, **options: object) -> bytes:
    """Return the MSG that a record has for a message, with all that precedes it taken off."""
    record = encoder_module.Encoder(**IDENTITY, **options).encode("info", message, time_ns=0)
    if record == HEADER[:-1]:
        return b""
    assert record.startswith(HEADER)
    return record[len(HEADER) :]


# --- control characters --------------------------------------------------------------------------


@try_each("code", CONTROL_CODES)
def test_8_2_control_characters_are_escaped(encoder_module: ModuleType, code: int) -> None:
    """Each octet of a control character becomes "#" and three octal digits, wherever it is."""
    escaped = "".join(f"#{octet:03o}" for octet in chr(code).encode())
    encoder = encoder_module.Encoder(**IDENTITY)
    for before, after in itertools.product(PADDINGS, repeat=2):
        after += "."  # nothing is left out at the end
        text = before + chr(code) + after
        expected = HEADER + (before + escaped + after).encode()
        assert encoder.encode("info", text, time_ns=0) == expected
        assert encoder.encode("info", text.encode(), time_ns=0) == expected


@pytest.mark.parametrize("size", [1024, 1025, 1600])
def test_8_2_control_characters_in_long_texts(encoder_module: ModuleType, size: int) -> None:
    """From 1024 octets on the compiled encoder looks at more of them at once."""
    encoder = encoder_module.Encoder(**IDENTITY)
    for code in (0, 0x1F, 0x7F, 0x85):
        escaped = "".join(f"#{octet:03o}" for octet in chr(code).encode())
        for position in (*range(130), 500, *range(size - 66, size - 1)):
            before, after = "x" * position, "~" * (size - position - 1)
            expected = HEADER + (before + escaped + after).encode()
            text = before + chr(code) + after
            assert encoder.encode("info", text, time_ns=0) == expected
            assert encoder.encode("info", text.encode(), time_ns=0) == expected


@try_each(
    "fill", ["x", "\u00e9", "\u0800", "\u65e5", "\U0001f600", "\x01", "\x85", "\u2028", "\ud800"]
)
def test_8_2_characters_at_each_place(encoder_module: ModuleType, fill: str) -> None:
    """The last ones of a text, which do not fill a vector, are looked at as the others are."""
    from syslogfast._encoder_py import Encoder

    encoder, twin = encoder_module.Encoder(**IDENTITY), Encoder(**IDENTITY)
    for size in (*range(1, 70), 127, 128, 129, 130, 255, 256, 257, 260, 511, 513):
        for other in ("\x01", "\n", "\x7f", "\x85", "\u07ff", "\u0800", "\uffff", "\U00010000"):
            for text in (fill * size + other, other + fill * size, fill * size + other * 3):
                expected = twin.encode("info", text, time_ns=0)
                assert encoder.encode("info", text, time_ns=0) == expected, (size, other)


def test_8_2_escapes_as_literals(encoder_module: ModuleType) -> None:
    """LF is #012, ESC #033, DEL #177; NEL and LINE SEPARATOR are more than one octet."""
    assert encode_text(encoder_module, "a\nb\x1b[31m\x7f\x85\u2028\0") == (
        b"a#012b#033[31m#177#302#205#342#200#250#000"
    )


def test_other_characters_stay(encoder_module: ModuleType) -> None:
    """All that is no control character is written as it is: tab, NBSP and LRM, too."""
    controls = set(CONTROL_CODES)
    surrogates = range(0xD800, 0xE000)
    codes = [
        code
        for code in itertools.chain(
            range(0x3000), range(0xD700, 0x11000), range(0x10FF00, 0x110000)
        )
        if code not in controls and code not in surrogates
    ]
    for start in range(0, len(codes), 2000):
        text = "".join(map(chr, codes[start : start + 2000]))
        assert encode_text(encoder_module, text, max_size=20_000) == text.encode()
        assert encode_text(encoder_module, text.encode(), max_size=20_000) == text.encode()
    for code in codes[::7]:
        text = chr(code) + "a"
        assert encode_text(encoder_module, text) == text.encode(), hex(code)


def test_8_2_no_message_forges_a_record(encoder_module: ModuleType) -> None:
    """With line feeds escaped, one call is one line, whatever the framing."""
    attack = "a\n<34>1 2003-10-11T22:14:15Z evil evil - EVIL - injected\r\n\0"
    for framing in (None, "octet", "lf", "nul"):
        encoder = encoder_module.Encoder(framing=framing, **IDENTITY)
        record = encoder.encode("info", attack)
        delimiter = {"lf": b"\n", "nul": b"\0"}.get(framing, b"")
        assert record.endswith(b"injected#015#012#000" + delimiter)
        body = record[: len(record) - len(delimiter)]
        assert not set(body) & {0, 10, 13}


@pytest.mark.parametrize(
    ("framing", "escaped"),
    [(None, {}), ("octet", {}), ("lf", {"\n": "#012"}), ("nul", {"\0": "#000"})],
    ids=str,
)
def test_kept_controls_but_for_the_delimiter(
    encoder_module: ModuleType, framing: object, escaped: dict[str, str]
) -> None:
    """RFC 6587 3.4.2: no text can end a record, also with controls="keep"."""
    text = "".join(map(chr, CONTROL_CODES))
    expected = "".join(escaped.get(char, char) for char in text).encode()
    encoder = encoder_module.Encoder(framing=framing, controls="keep", **IDENTITY)
    for message in (text, text.encode(), bytearray(text.encode())):
        record = encoder.encode("info", message, time_ns=0)
        if framing == "octet":
            record = record.partition(b" ")[2]
        elif framing:
            record = record[:-1]
        assert record == HEADER + expected
        assert parse_rfc5424(record, keeps_controls=True).message.encode() == expected


@pytest.mark.parametrize("framing", [None, "octet", "lf", "nul"])
def test_kept_controls_do_not_keep_what_is_ill_formed(
    encoder_module: ModuleType, framing: object
) -> None:
    """controls="keep" is no licence for surrogates and broken UTF-8."""
    encoder = encoder_module.Encoder(framing=framing, controls="keep", **IDENTITY)
    for message in ("a\ud800\x1bb", b"a\xff\x1bb", b"a\xed\xa0\x1bb"):
        record = encoder.encode("info", message, time_ns=0)
        assert b"\x1bb" in record
        assert b"a\xef\xbf\xbd" in record
        record.decode()


# --- surrogates and ill-formed UTF-8 -------------------------------------------------------------


@try_each(
    "text, written",
    [
        ("\ud800", "\ufffd"),
        ("b\udfff", "b\ufffd"),
        ("a\udcffb", "a\ufffdb"),
        ("\ud83d\ude00", "\ufffd\ufffd"),
        ("\udbff\udfff x", "\ufffd\ufffd x"),
        ("\u00e9\udc80\U0001f600\nx", "\u00e9\ufffd\U0001f600#012x"),
        ("x" * 30 + "\ud800", "x" * 30 + "\ufffd"),
        ("\ud800" * 100, "\ufffd" * 100),
    ],
)
def test_6_4_lone_surrogates(encoder_module: ModuleType, text: str, written: str) -> None:
    """Each becomes one U+FFFD: UTF-8 has no surrogates, and no record is lost for one."""
    assert encode_text(encoder_module, text) == written.encode()
    assert encode_text(encoder_module, text, bom=True) == BOM + written.encode()


def test_6_4_every_surrogate(encoder_module: ModuleType) -> None:
    """All 2,048 of them."""
    text = "".join(map(chr, range(0xD800, 0xE000)))
    assert encode_text(encoder_module, text) == b"\xef\xbf\xbd" * 2048


ILL_FORMED = [
    bytes(octets)
    for size in (1, 2)
    for octets in itertools.product(
        [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xA8, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0,
         0xE1, 0xE2, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFC, 0xFE, 0xFF],
        repeat=size,
    )
] + [
    bytes(octets)
    for octets in itertools.product(
        [0xC2, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF1, 0xF4], [0x41, 0x80, 0x90, 0x9F, 0xA0, 0xBF],
        [0x41, 0x80, 0xBF, 0xC2], [0x41, 0x80, 0xBF],
    )
]  # fmt: skip


def test_6_4_ill_formed_utf8(encoder_module: ModuleType) -> None:
    """Each maximal ill-formed part becomes one U+FFFD, as in Python's own decoder."""
    encoder = encoder_module.Encoder(controls="keep", **IDENTITY)
    for octets in ILL_FORMED:
        for data in (octets, b"x" + octets + b"y", b"x" * 15 + octets + "\u00e9".encode() * 5):
            expected = HEADER + data.decode("utf-8", "replace").encode()
            assert encoder.encode("info", data, time_ns=0) == expected, data
    assert len(ILL_FORMED) > 1000


def test_6_4_every_octet_alone(encoder_module: ModuleType) -> None:
    """What is no character by itself is U+FFFD; the control characters are escaped, or left out."""
    for octet in range(256):
        written = encode_text(encoder_module, bytes([octet]))
        if octet >= 128:
            assert written == b"\xef\xbf\xbd"
        elif octet in b"\r\n":
            assert written == b""
        elif octet == 9 or 32 <= octet < 127:
            assert written == bytes([octet])
        else:
            assert written == f"#{octet:03o}".encode()


@try_each(
    "data, written",
    [
        (b"\xc0\x80", "\ufffd\ufffd"),  # overlong NUL
        (b"\xc0\xaf", "\ufffd\ufffd"),  # overlong slash
        (b"\xe0\x80\xaf", "\ufffd\ufffd\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),  # a surrogate
        (b"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"),  # beyond U+10FFFF
        (b"\xf0\x9f\x98", "\ufffd"),  # cut short
        (b"\xe2\x80", "\ufffd"),
        (b"\xe2\x80A", "\ufffdA"),
        (b"\xf0\x9f\x98\x80", "\U0001f600"),
        (b"\xc2\nx", "\ufffd#012x"),  # an escape does not hide in a broken sequence
        (b"\xe2\x80\nx", "\ufffd#012x"),
        (b"\xc2\n", "\ufffd"),
        (b"\xe2\x80\r\n", "\ufffd"),
        (b"\xc2\x85", "#302#205"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_6_4_ill_formed_utf8_as_literals(
    encoder_module: ModuleType, data: bytes, written: str
) -> None:
    """Unicode 3.9: the cases that matter for security."""
    assert encode_text(encoder_module, data) == written.encode()


# --- line ends at the end ------------------------------------------------------------------------


LINE_ENDS = ["\n", "\r", "\r\n", "\n\r", "\n\n\n", "\r\n" * 20, "\r" * 9 + "\n" * 9000]


@try_each("line_ends", LINE_ENDS)
@try_each("text", ["", *(f"{padding}." for padding in PADDINGS), "a\nb", "\x1b"])
def test_line_ends_at_the_end(encoder_module: ModuleType, text: str, line_ends: str) -> None:
    """They are left out, in any number and mix; those before other characters are escaped."""
    expected = encode_text(encoder_module, text)
    encoder = encoder_module.Encoder(**IDENTITY)
    for message in (text + line_ends, (text + line_ends).encode(), LyingStr(text + line_ends)):
        assert encode_text(encoder_module, message) == expected
        buffer = bytearray()
        encoder.encode_many_into(buffer, "info", [message, "x"], time_ns=0)
        assert buffer == encoder.encode("info", text, time_ns=0) + HEADER + b"x"
    for message in (f"{text}{line_ends} ", f"{text}{line_ends}\t", f"{text}{line_ends}\0"):
        assert b"#01" in encode_text(encoder_module, message, max_size=50_000)


@try_each("protocol", ["rfc5424", "rfc3164", "local"])
@try_each("framing", [None, "octet", "lf", "nul"])
def test_a_message_of_line_ends_alone(
    encoder_module: ModuleType, protocol: str, framing: object
) -> None:
    """It is the empty message, with the framing's own delimiter."""
    for bom in (False, True):
        options = {"protocol": protocol, "framing": framing, "bom": bom, "local_time": False}
        encoder = encoder_module.Encoder(**IDENTITY, **options)
        for message in (*LINE_ENDS, *map(str.encode, LINE_ENDS)):
            assert encoder.encode(6, message, time_ns=0) == encoder.encode(6, "", time_ns=0)


@pytest.mark.parametrize("text", ["x" * 10, "\u00e9" * 5, "\u20ac" * 3 + "x", "a\n" + "x" * 5])
def test_line_ends_take_no_space(encoder_module: ModuleType, text: str) -> None:
    """A text that fits without them is written whole; one that does not is cut as without them."""
    text = "y" * (90 - len(HEADER)) + text
    size = 100
    for extra in (-3, -1, 0, 1):
        expected = encode_text(encoder_module, text, max_size=size + extra)
        for ends in LINE_ENDS:
            for message in (text + ends, (text + ends).encode()):
                cut = encode_text(encoder_module, message, max_size=size + extra)
                assert cut == expected


@pytest.mark.parametrize("framing", [None, "octet", "lf", "nul"])
def test_line_ends_are_kept_with_other_controls(
    encoder_module: ModuleType, framing: object
) -> None:
    """controls="keep" keeps them, but for the delimiter of the framing, which is escaped."""
    encoder = encoder_module.Encoder(framing=framing, controls="keep", **IDENTITY)
    for message in ("done\r\n", b"done\r\n", "d\u00f6ne\r\n", "\r\n"):
        text = message.decode() if isinstance(message, bytes) else message
        written = text.replace("\n", "#012") if framing == "lf" else text
        expected = HEADER + written.encode()
        end = {"lf": b"\n", "nul": b"\0"}.get(framing, b"")
        if framing == "octet":
            expected = b"%d %b" % (len(expected), expected)
        assert encoder.encode(6, message, time_ns=0) == expected + end


def test_line_ends_of_values_are_escaped(encoder_module: ModuleType) -> None:
    """What is left out is at the end of a message; a value is data."""
    encoder = encoder_module.Encoder(**IDENTITY)
    record = encoder.encode(6, "x\n", time_ns=0, structured_data={"a@1": {"b": "c\r\n"}})
    assert record == HEADER[:-2] + b'[a@1 b="c#015#012"] x'


# --- what a message may be -----------------------------------------------------------------------


def test_buffers_are_taken_as_utf8(encoder_module: ModuleType) -> None:
    """Whatever has the buffer protocol is read as it is, and left alone."""
    text = "caf\u00e9 au lait, s'il vous pla\u00eet".encode()
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        messages = [
            text,
            bytearray(text),
            memoryview(text),
            memoryview(bytearray(text)),
            memoryview(b"<" + text + b">")[1:-1],
            memoryview(bytes(octet for pair in zip(text, text, strict=True) for octet in pair))[
                ::2
            ],
            memoryview(text[::-1])[::-1],
            array.array("B", text),
            array.array("b", array.array("B", text).tobytes()),
            memoryview(text).cast("c"),
            mapped,
        ]
        for message in messages:
            assert encode_text(encoder_module, message) == text
        mapped.close()


def test_buffers_of_wider_items_are_read_as_bytes(encoder_module: ModuleType) -> None:
    """Items do not matter, octets do."""
    words = array.array("I", [0x64636261, 0x68676665])
    if sys.byteorder == "big":
        words.byteswap()
    assert encode_text(encoder_module, words) == b"abcdefgh"
    assert encode_text(encoder_module, memoryview(words)) == b"abcdefgh"
    assert encode_text(encoder_module, memoryview(words)[::-1]) == b"efghabcd"
    square = memoryview(b"abcdefgh").cast("B", (2, 4))
    assert encode_text(encoder_module, square) == b"abcdefgh"


def test_a_released_view_is_refused(encoder_module: ModuleType) -> None:
    """A memoryview that is no more is Python's own ValueError."""
    view = memoryview(b"gone")
    view.release()
    with pytest.raises(ValueError, match="released"):
        encoder_module.Encoder(**IDENTITY).encode("info", view)


def test_a_buffer_is_released(encoder_module: ModuleType) -> None:
    """After a call, with or without success, a bytearray can be resized again."""
    encoder = encoder_module.Encoder(**IDENTITY)
    message = bytearray(b"a message")
    encoder.encode("info", message)
    message += b"!"
    with pytest.raises(BufferError):
        encoder.encode_into(memoryview(bytearray(3)), "info", message)
    message += b"!"
    with pytest.raises(TypeError):
        encoder.encode_into(None, "info", message)
    message += b"!"
    assert encoder.encode("info", message).endswith(b"a message!!!")


class LyingStr(str):
    """Says everything about itself but the truth."""

    def __str__(self) -> str:
        return "a lie"

    def __len__(self) -> int:
        return 3

    def __iter__(self):
        return iter("lie")

    def __getitem__(self, index: object) -> str:
        return "lie"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def encode(self, *arguments: object) -> bytes:
        return b"a lie\n"

    def startswith(self, *arguments: object) -> bool:
        return False

    def translate(self, table: object) -> str:
        return "a lie"

    def isascii(self) -> bool:
        return True


class LyingBytes(bytes):
    """The same, in bytes."""

    def __bytes__(self) -> bytes:
        return b"a lie"

    def __len__(self) -> int:
        return 3

    def __iter__(self):
        return iter(b"lie")

    def __getitem__(self, index: object) -> bytes:
        return b"lie"

    def decode(self, *arguments: object) -> str:
        return "a lie\n"


class LyingBytearray(bytearray):
    """The same, in a bytearray."""

    def __bytes__(self) -> bytes:
        return b"a lie"

    def __len__(self) -> int:
        return 3


@try_each("bom", [False, True])
@try_each(
    "text", ["truth", "tr\u00fcth", "tr\ud800th", "tr\nuth", "the truth, and nothing but the truth"]
)
def test_subclasses_are_read_as_they_are(encoder_module: ModuleType, text: str, bom: bool) -> None:
    """The text is what is in the object, not what its methods say."""
    expected = text.replace("\ud800", "\ufffd").replace("\n", "#012").encode()
    expected = BOM * bom + expected
    data = text.encode("utf-8", "replace") if "\ud800" not in text else b"tr\xffth"
    assert encode_text(encoder_module, LyingStr(text), bom=bom) == expected
    assert encode_text(encoder_module, LyingBytes(data), bom=bom) == expected
    assert encode_text(encoder_module, LyingBytearray(data), bom=bom) == expected


def test_long_subclasses_are_cut_as_others(encoder_module: ModuleType) -> None:
    """Also where the text is too long for a record."""
    for text in ("x" * 9000, "\u00e9" * 9000, "\ud800" * 9000):
        expected = encode_text(encoder_module, text)
        assert len(expected) > 8000
        assert encode_text(encoder_module, LyingStr(text)) == expected


@try_each("message", [None, 7, 1.5, ["a"], ("a",), {"a": 1}, object, len])
def test_other_types_are_refused(encoder_module: ModuleType, message: object) -> None:
    """Neither text nor buffer: a TypeError, and nothing is written."""
    encoder = encoder_module.Encoder(**IDENTITY)
    buffer = bytearray(b"as it was")
    expected = f"message must be a str or a bytes-like object, got {message!r}"
    for call in (
        lambda: encoder.encode("info", message),
        lambda: encoder.encode_into(buffer, "info", message),
        lambda: encoder.encode_many_into(buffer, "info", ["fine", message]),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == expected
    assert buffer == b"as it was"


def test_a_refused_message_is_described_in_short(encoder_module: ModuleType) -> None:
    """An error shows at most 100 characters, and no repr can break it."""

    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    encoder = encoder_module.Encoder(**IDENTITY)
    with pytest.raises(TypeError) as caught:
        encoder.encode("info", Unprintable())
    assert str(caught.value).endswith(", got <unprintable Unprintable>")
    with pytest.raises(TypeError) as caught:
        encoder.encode("info", ["x" * 1000])
    assert str(caught.value).endswith(", got ['" + "x" * 95 + "...")


def test_formats_are_not_followed(encoder_module: ModuleType) -> None:
    """CWE-134: a message is no format."""
    for text in ("%s %d %n", "%", "{0}", "${jndi:ldap://x}", "#000 #012"):
        assert encode_text(encoder_module, text) == text.encode()


# --- BOM -----------------------------------------------------------------------------------------


@try_each(
    "message, written",
    [
        ("x", BOM + b"x"),
        ("a message of some length", BOM + b"a message of some length"),
        ("\ufeffx", BOM + b"x"),
        ("\ufeff\ufeff\ufeffx", BOM + b"x"),
        ("x\ufeff", BOM + b"x" + BOM),
        ("\ufeff", b""),
        ("\ufeff\ufeff", b""),
        ("", b""),
        (BOM + b"x", BOM + b"x"),
        (BOM * 3, b""),
        (b"\xef\xbbx", BOM + b"\xef\xbf\xbdx"),
        ("\ufeff\n", b""),
        ("\ufeffx\r\n", BOM + b"x"),
        (BOM + b"\n", b""),
        ("\n\ufeff", BOM + b"#012" + BOM),
        ("\ud800", BOM + b"\xef\xbf\xbd"),
    ],
)
def test_6_4_bom_exactly_once(encoder_module: ModuleType, message: object, written: bytes) -> None:
    """RFC 5424 6.4: MSG-UTF8 = BOM UTF-8-STRING; where there is no text, there is no BOM."""
    assert encode_text(encoder_module, message, bom=True) == written


def test_6_4_without_the_option_a_bom_is_text(encoder_module: ModuleType) -> None:
    """None is added, none is taken away."""
    for message in ("\ufeff", "\ufeff\ufeffx", "x\ufeff"):
        assert encode_text(encoder_module, message) == message.encode()
        assert encode_text(encoder_module, message.encode()) == message.encode()


def test_6_4_boms_do_not_use_up_the_space(encoder_module: ModuleType) -> None:
    """However many a text begins with, as much of what follows is written as of any other."""
    expected = encode_text(encoder_module, "x" * 9000, bom=True)
    for count in (1, 10, 9000):
        text = "\ufeff" * count + "x" * 9000
        assert encode_text(encoder_module, text, bom=True) == expected
        assert encode_text(encoder_module, text.encode(), bom=True) == expected


# --- the empty message ---------------------------------------------------------------------------


@try_each("message", ["", b"", bytearray(), memoryview(b""), LyingStr("")])
def test_6_empty_message_leaves_no_space(encoder_module: ModuleType, message: object) -> None:
    """RFC 5424 6: [SP MSG] is left out whole, with all framings, with a BOM or without."""
    for bom in (False, True):
        for framing, expected in {
            None: HEADER[:-1],
            "octet": b"43 " + HEADER[:-1],
            "lf": HEADER[:-1] + b"\n",
            "nul": HEADER[:-1] + b"\0",
        }.items():
            encoder = encoder_module.Encoder(bom=bom, framing=framing, **IDENTITY)
            assert encoder.encode("info", message, time_ns=0) == expected
            with_data = encoder.encode("info", message, time_ns=0, structured_data={"a@1": {}})
            assert b"- [a@1]" in with_data
            assert b"] " not in with_data


def test_spaces_are_a_message(encoder_module: ModuleType) -> None:
    """What is there is written: nothing is stripped."""
    for text in (" ", "  x  ", "\t", "-"):
        assert encode_text(encoder_module, text) == text.encode()


# --- max_size ------------------------------------------------------------------------------------

CUT_TEXTS = [
    "plain text, long enough to be scanned in words of sixteen octets each",
    "\u00e9\u4e2d\U0001f600" * 6,
    "a\nb\x1b\u0085\u2028c\0" * 3,
    "x" * 20 + "\n" + "y" * 20 + "\u00e9" + "z" * 20 + "\U0001f600",
    "\ud800a\udfff" * 6,
    "\ufeff\ufeffx\u00e9",
    "",
]


def list_pieces(text: str) -> list[bytes]:
    """Return what each character is written as: it is whole in a record, or absent."""
    pieces = []
    for char in text:
        if 0xD800 <= ord(char) <= 0xDFFF:
            pieces.append("\ufffd".encode())
        elif ord(char) in CONTROL_CODES:
            pieces.append("".join(f"#{octet:03o}" for octet in char.encode()).encode())
        else:
            pieces.append(char.encode())
    return pieces


def find_smallest(encoder_module: ModuleType, **options: object) -> int:
    """Return the least max_size that is allowed, as the error tells it."""
    with pytest.raises(ValueError, match=r"^max_size must be at least \d+, ") as caught:
        encoder_module.Encoder(max_size=0, **IDENTITY, **options)
    return int(str(caught.value).split()[5].rstrip(","))


@pytest.mark.slow
@try_each("text", CUT_TEXTS)
@try_each(
    "options",
    [
        {},
        {"bom": True},
        {"framing": "octet", "prefix": b"token "},
        {"framing": "lf", "precision": 0},
        {"protocol": "rfc3164", "local_time": False},
        {"protocol": "local", "local_time": False, "framing": "nul"},
    ],
)
def test_a_cut_is_between_characters(
    encoder_module: ModuleType, text: str, options: dict[str, object]
) -> None:
    """For every max_size: never longer, as long as possible, whole characters and escapes only."""
    header = encoder_module.Encoder(**IDENTITY, **options).header("info", time_ns=0)
    lead = len(b" ") + 3 * ("bom" in options) if "protocol" not in options else 0
    pieces = list_pieces(text.lstrip("\ufeff") if "bom" in options else text)
    smallest = find_smallest(encoder_module, **options)
    for size in range(smallest, len(header) + sum(map(len, pieces)) + 5):
        encoder = encoder_module.Encoder(max_size=size, **IDENTITY, **options)
        space = size - len(header)
        body = b""
        for piece in pieces:
            if len(body) + len(piece) > space:
                break
            body += piece
        expected = header + body if body else header[: len(header) - lead]
        assert len(expected) <= size
        framed = {
            None: expected,
            "octet": f"{len(expected)} ".encode() + expected,
            "lf": expected + b"\n",
            "nul": expected + b"\0",
        }[options.get("framing")]
        messages = [text, bytearray(b"")] if not text else [text]
        if "\ud800" not in text:
            messages += [text.encode(), memoryview(text.encode())]
        for message in messages:
            assert encoder.encode("info", message, time_ns=0) == framed
            buffer = bytearray()
            encoder.encode_into(buffer, "info", message, time_ns=0)
            encoder.encode_many_into(buffer, "info", [message], len(buffer), time_ns=0)
            assert buffer == framed * 2


@try_each("framing", [None, "octet", "lf", "nul"])
@try_each("text", ["\U0001f600" * 5, "ab\u00e9\u4e2d\U0001f600\x1b\u4e2d\U0001f600", "plain" * 5])
def test_a_cut_of_kept_controls_is_between_characters(
    encoder_module: ModuleType, text: str, framing: object
) -> None:
    """What is left out of a character leaves no trace: no U+FFFD, though there is space for one."""
    smallest = find_smallest(encoder_module, controls="keep")
    for space in range(len(text.encode()) + 2):
        encoder = encoder_module.Encoder(
            max_size=smallest + space, controls="keep", framing=framing, **IDENTITY
        )
        header = expected = encoder.header("info", time_ns=0, msgid="m" * 32)
        for char in text:
            if len(expected) + len(char.encode()) > encoder.max_size:
                break
            expected += char.encode()
        if expected == header:
            expected = header[:-1]
        for message in (text, text.encode()):
            record = encoder.encode("info", message, time_ns=0, msgid="m" * 32)
            record = record.partition(b" ")[2] if framing == "octet" else record
            record = record[:-1] if framing in ("lf", "nul") else record
            assert record == expected.removesuffix(b" - - " if not space else b"\0")


def test_a_cut_is_between_ill_formed_parts(encoder_module: ModuleType) -> None:
    """Of octets that are no UTF-8 as much is written as fits, each part as a whole U+FFFD."""
    data = b"a\xff\xe2\x82\xf0\x9f\x98b\xc3\xa9\xed\xa0\x80" * 4
    whole = data.decode("utf-8", "replace")
    smallest = find_smallest(encoder_module)
    for size in range(smallest, smallest + 120):
        encoder = encoder_module.Encoder(max_size=size, **IDENTITY)
        record = encoder.encode("info", data, time_ns=0)
        space = size - len(HEADER)
        expected = b""
        for char in whole:
            if len(expected) + len(char.encode()) > space:
                break
            expected += char.encode()
        assert record == (HEADER + expected if expected else HEADER[:-1])


def test_a_cut_in_the_first_ill_formed_part(encoder_module: ModuleType) -> None:
    """Where all before the cut is well-formed, what is behind is no character that begins there."""
    smallest = find_smallest(encoder_module)
    for space in range(13):
        encoder = encoder_module.Encoder(max_size=smallest + space, **IDENTITY)
        header = encoder.header("info", time_ns=0, msgid="m" * 32)
        assert len(header) + space == encoder.max_size
        for octets in ILL_FORMED[::7]:
            data = b"ab" + octets + b"\x80\x80."
            expected = header
            for piece in list_pieces(data.decode("utf-8", "replace")):
                if len(expected) + len(piece) > encoder.max_size:
                    break
                expected += piece
            record = encoder.encode("info", data, time_ns=0, msgid="m" * 32)
            assert record == (expected if expected != header else header[:-1]), data


def test_structured_data_goes_before_the_header_does(encoder_module: ModuleType) -> None:
    """It is written whole or not at all, the space it leaves is for the message."""
    data = {"meta@1": {"key": "a value", "other": "\n"}}
    elements = b'[meta@1 key="a value" other="#012"]'
    with_data = HEADER[:-2] + elements + b" "
    message = "a message that is longer than the structured data is"
    smallest = find_smallest(encoder_module)
    for size in range(smallest, len(with_data) + len(message) + 3):
        space = size - len(with_data)
        if size < len(with_data) - 1:
            expected = HEADER + message.encode()[: size - len(HEADER)]
        else:
            expected = with_data + message.encode()[:space] if space > 0 else with_data[:-1]
        constant = encoder_module.Encoder(max_size=size, structured_data=data, **IDENTITY)
        assert constant.encode("info", message, time_ns=0) == expected
        assert constant.encode("info", message, time_ns=0, msgid="-") == expected
        given = encoder_module.Encoder(max_size=size, **IDENTITY)
        assert given.encode("info", message, time_ns=0, structured_data=data) == expected
        assert given.encode("info", message, time_ns=0, structured_data=elements) == expected
        assert len(expected) <= size
        parse_rfc5424(expected)


def test_the_smallest_max_size_holds_every_header(encoder_module: ModuleType, set_zone) -> None:
    """What is accepted as max_size is enough for the longest MSGID, priority and offset."""
    set_zone("<+0530>-5:30")
    for options in ({}, {"local_time": True}, {"precision": 0}, {"bom": True}, {"prefix": b"abc"}):
        for protocol in ("rfc5424", "rfc3164", "local"):
            smallest = find_smallest(encoder_module, protocol=protocol, **options)
            with pytest.raises(ValueError, match=f"at least {smallest}, "):
                encoder_module.Encoder(
                    protocol=protocol, max_size=smallest - 1, **IDENTITY, **options
                )
            encoder = encoder_module.Encoder(
                protocol=protocol, max_size=smallest, **IDENTITY, **options
            )
            record = encoder.encode(
                7, "x" * 100, msgid="m" * 32, structured_data={"a@1": {"b": "c"}}
            )
            assert len(record) <= smallest
            record = record.removeprefix(options.get("prefix", b""))
            if protocol == "rfc5424":
                assert parse_rfc5424(record).msgid == "m" * 32
            else:
                assert parse_rfc3164(record, protocol == "rfc3164").tag == "a"


def test_default_sizes(encoder_module: ModuleType) -> None:
    """RFC 3164 4.1: 1,024; the others 8,192, framing not counted."""
    for protocol, size in {"rfc5424": 8192, "rfc3164": 1024, "local": 8192}.items():
        for framing, extra in {None: 0, "octet": 5, "lf": 1, "nul": 1}.items():
            encoder = encoder_module.Encoder(protocol=protocol, framing=framing, **IDENTITY)
            for message in ("x" * 10_000, "\n" * 10_000 + "x", b"x" * 10_000):
                length = len(encoder.encode("info", message, time_ns=0)) - extra
                assert size - 4 < length <= size


# --- huge messages -------------------------------------------------------------------------------

TWENTY_MB = 20_000_000


@pytest.mark.slow
@pytest.mark.no_sanitizer
@pytest.mark.parametrize("bom", [pytest.param(False, id="plain"), pytest.param(True, id="bom")])
@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("ascii", TWENTY_MB),
        ("controls", TWENTY_MB),
        ("line ends", TWENTY_MB),
        ("latin line ends", TWENTY_MB),
        ("latin", TWENTY_MB),
        ("surrogates", TWENTY_MB // 2),
        ("bytes", TWENTY_MB),
        ("ill-formed", TWENTY_MB),
        ("bytearray", TWENTY_MB),
    ],
)
def test_a_huge_message_takes_no_memory(both_modules, kind: str, size: int, bom: bool) -> None:
    """20 MB cost the compiled encoder no more than a record: what cannot fit is not read."""
    message = {
        "ascii": lambda: "x" * size,
        "controls": lambda: "\b" * size,
        "line ends": lambda: "x" * 9000 + "\n" * size,
        "latin line ends": lambda: "\u00e9" * 9000 + "\n" * size,
        "latin": lambda: "\u00e9" * size,
        "surrogates": lambda: "\ud800" * size,
        "bytes": lambda: b"x" * size,
        "ill-formed": lambda: b"\xff" * size,
        "bytearray": lambda: bytearray(size),
    }[kind]()
    encoder = both_modules[0].Encoder(bom=bom, **IDENTITY)
    tracemalloc.start()
    try:
        record = encoder.encode("info", message)
        count = encoder.encode_many_into(memoryview(bytearray(10_000)), "info", [message])[1]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 8188 < len(record) <= 8192
    assert count == 1
    assert peak < 1_000_000


@pytest.mark.no_sanitizer
def test_a_huge_message_is_no_matter_for_the_python_twin(both_modules) -> None:
    """Of a str, the twin looks at what can fit, too."""
    message = "x" * TWENTY_MB
    encoder = both_modules[1].Encoder(**IDENTITY)
    tracemalloc.start()
    try:
        record = encoder.encode("info", message)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(record) == 8192
    assert peak < 2_000_000
