"""Frames (RFC 6587, RFC 5425), the buffers they are written to, and the encoder as an object."""

import array
import copy
import gc
import mmap
import os
import pickle
import random
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from support.each import try_each
from support.grammar import parse_rfc5424, split_frames

pytestmark = [pytest.mark.portable, pytest.mark.native]

IDENTITY = {"hostname": "h", "app_name": "a", "procid": 1}
HEADER = b"<14>1 1970-01-01T00:00:00.000000Z h a 1 - - "  # 44 octets
MESSAGES = ["", "x", "a message of some length", "caf\u00e9", "a\nb\0", "\ud800", b"\xff octets"]


def make_encoder(encoder_module: ModuleType, **options: object):
    return encoder_module.Encoder(**IDENTITY, **options)


# --- frames --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("framing", "frame"),
    [
        (None, HEADER + b"x"),
        ("octet", b"45 " + HEADER + b"x"),
        ("lf", HEADER + b"x\n"),
        ("nul", HEADER + b"x\0"),
    ],
    ids=str,
)
def test_6587_3_4_frames(encoder_module: ModuleType, framing: object, frame: bytes) -> None:
    """RFC 6587 3.4.1: MSG-LEN SP SYSLOG-MSG; 3.4.2: SYSLOG-MSG TRAILER; a datagram has neither."""
    encoder = make_encoder(encoder_module, framing=framing)
    assert encoder.encode("info", "x", time_ns=0) == frame
    buffer = bytearray()
    assert encoder.encode_into(buffer, "info", "x", time_ns=0) == len(frame)
    assert encoder.encode_many_into(buffer, "info", ["x"], len(frame), time_ns=0) == (
        2 * len(frame),
        1,
    )
    assert buffer == frame * 2


def test_6587_3_4_1_octets_are_counted_not_characters(encoder_module: ModuleType) -> None:
    """RFC 6587 3.4.1: "MSG-LEN is the octet count of the SYSLOG-MSG": after UTF-8 and escapes."""
    encoder = make_encoder(encoder_module, framing="octet", prefix=b"<t>")
    for text, written in {
        "\u00e9": b"\xc3\xa9",
        "\u20ac": b"\xe2\x82\xac",
        "\U0001f600": b"\xf0\x9f\x98\x80",
        "\n.": b"#012.",
        ".\n": b".",
        "\u2028": b"#342#200#250",
        "\ud800": b"\xef\xbf\xbd",
    }.items():
        count = 3 + len(HEADER) + len(written)
        expected = f"{count} ".encode() + b"<t>" + HEADER + written
        assert encoder.encode("info", text, time_ns=0) == expected


@pytest.mark.slow
@pytest.mark.parametrize("framing", ["octet", "lf", "nul"])
def test_6587_frames_come_apart_again(encoder_module: ModuleType, framing: str) -> None:
    """Each length of the record, and each number of digits in the count, is framed right."""
    encoder = make_encoder(encoder_module, framing=framing, max_size=200_000)
    plain = make_encoder(encoder_module, max_size=200_000)
    lengths = [*range(120), *range(930, 970), *range(9940, 9970), 99_955, 99_956, 99_957, 150_000]
    buffer = bytearray()
    records = []
    for length in lengths:
        for message in ("x" * length, b"\n" + b"y" * length):
            end = encoder.encode_into(buffer, "info", message, len(buffer), time_ns=0)
            assert end == len(buffer)
            records.append(plain.encode("info", message, time_ns=0))
    assert split_frames(bytes(buffer), framing) == records


def test_6587_3_4_1_a_message_is_no_count(encoder_module: ModuleType) -> None:
    """A text that looks like a frame stays text."""
    encoder = make_encoder(encoder_module, framing="octet")
    texts = ["12 <34>1 fake octet count", "99999999999999999999 x", "0 ", " "]
    stream = b"".join(encoder.encode("info", text, time_ns=0) for text in texts)
    parsed = [parse_rfc5424(frame).message for frame in split_frames(stream, "octet")]
    assert parsed == texts


def test_the_count_is_that_of_the_cut_record(encoder_module: ModuleType) -> None:
    """First cut, then counted: a count of what is not sent would swallow the next record."""
    encoder = make_encoder(encoder_module, framing="octet", max_size=100)
    stream = b"".join(encoder.encode("info", "\u20ac" * 100, time_ns=0) for _ in range(3))
    frames = split_frames(stream, "octet")
    assert frames == [HEADER + "\u20ac".encode() * 18] * 3


def test_prefix_comes_first(encoder_module: ModuleType) -> None:
    """A log service's token stands before PRI, inside the frame, on every record."""
    for protocol, start in {"rfc5424": b"<14>1 1970", "rfc3164": b"<14>", "local": b"<14>"}.items():
        encoder = make_encoder(
            encoder_module, protocol=protocol, prefix=b"token \xff", framing="octet"
        )
        record = encoder.encode("info", "x", time_ns=0)
        (frame,) = split_frames(record, "octet")
        assert frame.startswith(b"token \xff" + start)
        assert encoder.header("info", time_ns=0) == frame[:-1]


# --- encode_into ---------------------------------------------------------------------------------


def test_a_bytearray_grows(encoder_module: ModuleType) -> None:
    """To max(len, end), and what follows the record stays as it is."""
    encoder = make_encoder(encoder_module)
    for message in MESSAGES:
        record = encoder.encode("info", message, time_ns=0)
        size = len(record)
        for length in (0, 1, 10, size - 1, size, size + 1, 3 * size):
            for offset in sorted({0, min(1, length), length // 2, length}):
                buffer = bytearray(b"." * length)
                end = encoder.encode_into(buffer, "info", message, offset, time_ns=0)
                assert end == offset + size
                assert buffer == b"." * offset + record + b"." * (length - end)
                assert len(buffer) == max(length, end)


def test_records_follow_one_another(encoder_module: ModuleType) -> None:
    """The end of one is the offset of the next."""
    encoder = make_encoder(encoder_module, framing="lf")
    buffer = bytearray()
    end = 0
    for message in MESSAGES:
        end = encoder.encode_into(buffer, "info", message, end, time_ns=0)
    assert buffer == b"".join(encoder.encode("info", message, time_ns=0) for message in MESSAGES)


def make_buffers(size: int) -> "list[object]":
    """One of each kind of writable buffer with so many bytes, all zero."""
    return [
        memoryview(bytearray(size)),
        memoryview(bytearray(size + 2))[1:-1],
        memoryview(bytearray(size)).cast("c"),
        array.array("B", bytes(size)),
        array.array("b", bytes(size)),
        mmap.mmap(-1, size),
    ]


def test_other_buffers_must_have_space(encoder_module: ModuleType) -> None:
    """Exactly enough is enough; one byte less is a BufferError and nothing is written."""
    encoder = make_encoder(encoder_module)
    for message in MESSAGES:
        record = encoder.encode("info", message, time_ns=0)
        for buffer in make_buffers(len(record) + 3):
            end = encoder.encode_into(buffer, "info", message, 3, time_ns=0)
            assert end == len(record) + 3
            assert memoryview(buffer).tobytes() == bytes(3) + record
        for buffer in make_buffers(len(record) + 2):
            with pytest.raises(BufferError) as caught:
                encoder.encode_into(buffer, "info", message, 3, time_ns=0)
            size = len(record)
            assert str(caught.value) == (
                f"buffer must have space for {size} bytes after offset, got {size - 1}"
            )
            assert memoryview(buffer).tobytes() == bytes(len(record) + 2)


def test_wider_items_are_bytes_too(encoder_module: ModuleType) -> None:
    """Offset and space are in bytes, whatever the items are and however many dimensions."""
    encoder = make_encoder(encoder_module)
    record = HEADER + b"1234"
    words = array.array("I", bytes(48))
    assert encoder.encode_into(words, "info", "1234", time_ns=0) == 48
    assert words.tobytes() == record
    words = array.array("I", bytes(52))
    assert encoder.encode_into(memoryview(words), "info", "1234", 1, time_ns=0) == 49
    assert words.tobytes() == b"\0" + record + bytes(3)
    store = bytearray(48)
    square = memoryview(store).cast("B", (6, 8))
    assert encoder.encode_into(square, "info", "1234", time_ns=0) == 48
    assert store == record


@try_each(
    "buffer",
    [
        b"bytes",
        "text",
        None,
        7,
        [],
        memoryview(b"readonly"),
        memoryview(bytearray(200))[::2],
        memoryview(bytearray(200))[::-1],
        mmap.mmap(-1, 200, prot=mmap.PROT_READ),
    ],
)
def test_what_cannot_be_written_to(encoder_module: ModuleType, buffer: object) -> None:
    """A read-only, scattered or missing buffer is a TypeError."""
    encoder = make_encoder(encoder_module)
    expected = f"buffer must be a bytearray or another writable, contiguous buffer, got {buffer!r}"
    for call in (
        lambda: encoder.encode_into(buffer, "info", "x"),
        lambda: encoder.encode_into(buffer, "info", "a message of some length"),
        lambda: encoder.encode_into(buffer, "info", "x", 1000),
        lambda: encoder.encode_many_into(buffer, "info", ["x"]),
        lambda: encoder.encode_many_into(buffer, "info", []),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("both", "rule"),
    [
        ("text", "buffer must be a bytearray or another writable, contiguous buffer"),
        (b"bytes", "buffer must be a bytearray or another writable, contiguous buffer"),
        (None, "message must be a str or a bytes-like object"),
        (7, "message must be a str or a bytes-like object"),
    ],
)
def test_message_and_buffer_are_the_same_mistake(
    encoder_module: ModuleType, both: object, rule: str
) -> None:
    """One object for both, fit for one of them or for none: the message is looked at first."""
    with pytest.raises(TypeError) as caught:
        make_encoder(encoder_module).encode_into(both, "info", both)
    assert str(caught.value) == f"{rule}, got {both!r}"


@try_each("offset", [-1, -(10**30), 11, 2**63, 10**30])
def test_offsets_out_of_range(encoder_module: ModuleType, offset: int) -> None:
    """An offset is from 0 to the length of the buffer."""
    encoder = make_encoder(encoder_module)
    for buffer in (bytearray(b"." * 10), memoryview(bytearray(b"." * 10))):
        for call in (
            lambda buffer=buffer: encoder.encode_into(buffer, "info", "x", offset),
            lambda buffer=buffer: encoder.encode_into(buffer, "info", "x" * 50, offset),
            lambda buffer=buffer: encoder.encode_many_into(buffer, "info", ["x"], offset),
            lambda buffer=buffer: encoder.encode_many_into(buffer, "info", [], offset),
        ):
            with pytest.raises(ValueError, match=r"^offset ") as caught:
                call()
            assert str(caught.value) == (
                f"offset must be in 0..10, the length of buffer, got {offset}"
            )
        assert bytes(buffer) == b"." * 10


@try_each("offset", [None, 0.0, "0", b"0", [0]])
def test_offsets_of_another_type(encoder_module: ModuleType, offset: object) -> None:
    """An offset is an int."""
    encoder = make_encoder(encoder_module)
    for call in (
        lambda: encoder.encode_into(bytearray(), "info", "x", offset),
        lambda: encoder.encode_into(bytearray(), "info", "x" * 50, offset),
        lambda: encoder.encode_many_into(bytearray(), "info", [], offset),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == f"offset must be an int, got {offset!r}"


def test_an_exported_bytearray_cannot_grow(encoder_module: ModuleType) -> None:
    """While somebody looks at it, a bytearray takes what fits, and stays as it is otherwise."""
    encoder = make_encoder(encoder_module)
    buffer = bytearray(b"." * 100)
    with memoryview(buffer):
        assert encoder.encode_into(buffer, "info", "x", 10, time_ns=0) == 55
        expected = b"." * 10 + HEADER + b"x" + b"." * 45
        assert buffer == expected
        for message in ("x", "a message of some length", b"\xff"):
            with pytest.raises(BufferError):
                encoder.encode_into(buffer, "info", message, 90, time_ns=0)
            with pytest.raises(BufferError):
                encoder.encode_many_into(buffer, "info", ["x", message], 20, time_ns=0)
        assert buffer == expected
    assert encoder.encode_into(buffer, "info", "x", 90, time_ns=0) == 135


# --- a message that lies in the buffer -----------------------------------------------------------


def test_the_buffer_itself_as_message(encoder_module: ModuleType) -> None:
    """It is read before it is written, and may grow."""
    encoder = make_encoder(encoder_module)
    for text in (b"x", b"a message of some length", b"\n\xff" * 30, b""):
        for offset in {0, len(text) // 2, len(text)}:
            buffer = bytearray(text)
            expected = bytearray(text)
            encoder.encode_into(expected, "info", text, offset, time_ns=0)
            assert encoder.encode_into(buffer, "info", buffer, offset, time_ns=0) == (
                offset + len(encoder.encode("info", text, time_ns=0))
            )
            assert buffer == expected
    for buffer in make_buffers(300):
        memoryview(buffer).cast("B")[:] = b"\x1b" * 50 + b"x" * 250
        small = make_encoder(encoder_module, max_size=300)
        assert small.encode_into(buffer, "info", buffer, time_ns=0) == 300
        assert memoryview(buffer).tobytes() == HEADER + b"#033" * 50 + b"x" * 56


def test_a_view_of_the_buffer_as_message(encoder_module: ModuleType) -> None:
    """A message that overlaps its record, from any side, is written as it was before the call."""
    chance = random.Random(6587)
    content = bytes(chance.choice(b"abc\n\xc3\xa9\xff\x1b") for _ in range(400))
    for options in ({}, {"framing": "octet"}, {"controls": "keep"}, {"max_size": 90}):
        encoder = make_encoder(encoder_module, **options)
        for _ in range(300):
            start = chance.randrange(100)
            stop = start + chance.randrange(1, 60)
            offset = chance.randrange(100)
            step = chance.choice((1, 1, 1, 2, -1))
            expected = bytearray(content)
            text = content[start:stop][::step]
            end = encoder.encode_into(expected, "info", text, offset, time_ns=0)
            assert len(expected) == 400
            for wrap in (bytearray, lambda data: memoryview(bytearray(data))):
                buffer = wrap(content)
                view = memoryview(buffer)[start:stop][::step]
                assert encoder.encode_into(buffer, "info", view, offset, time_ns=0) == end
                assert buffer == expected
                buffer = wrap(content)
                view = memoryview(buffer)[start:stop][::step]
                many = encoder.encode_many_into(buffer, "info", [view], offset, time_ns=0)
                assert many == (end, 1)
                assert buffer == expected


def test_a_view_keeps_the_buffer_from_growing(encoder_module: ModuleType) -> None:
    """Where there is no space, a view of a bytearray is one export more: BufferError."""
    encoder = make_encoder(encoder_module)
    buffer = bytearray(b"x" * 50)
    with pytest.raises(BufferError):
        encoder.encode_into(buffer, "info", memoryview(buffer), time_ns=0)
    assert buffer == b"x" * 50


# --- encode_many_into ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("framing", [None, "octet", "lf", "nul"])
def test_many_are_as_one_by_one(encoder_module: ModuleType, kind: type, framing: object) -> None:
    """One record for each message of a list or tuple, of any kind, in order."""
    encoder = make_encoder(encoder_module, framing=framing, structured_data={"a@1": {"b": "c"}})
    for messages in (
        MESSAGES,
        ["a message of some length"] * 100,
        [b"a message of some length", bytearray(b"x"), memoryview(b"a-b-c")[::2]],
        ["\u00e9" * 9000, "x" * 9000, "\n" * 9000, b"\xff" * 9000, "\ud800" * 9000],
        [],
        [""],
    ):
        expected = b"".join(encoder.encode("err", message, time_ns=7) for message in messages)
        buffer = bytearray(b"start")
        result = encoder.encode_many_into(buffer, "err", kind(messages), 5, time_ns=7)
        assert result == (5 + len(expected), len(messages))
        assert buffer == b"start" + expected
        for other in make_buffers(len(expected) + 5):
            result = encoder.encode_many_into(other, "err", kind(messages), 5, time_ns=7)
            assert result == (5 + len(expected), len(messages))
            assert memoryview(other).tobytes() == bytes(5) + expected


def test_many_stop_where_the_space_ends(encoder_module: ModuleType) -> None:
    """Of a buffer that does not grow, as much is used as whole records need, for every size."""
    for framing in (None, "octet"):
        encoder = make_encoder(encoder_module, framing=framing)
        messages = ["a message of some length", "\u00e9", b"\xff", "", "another message, as long"]
        records = [encoder.encode("info", message, time_ns=0) for message in messages]
        for size in range(sum(map(len, records)) + 3):
            count = 0
            while count < 5 and sum(map(len, records[: count + 1])) <= size:
                count += 1
            expected = b"".join(records[:count])
            buffer = memoryview(bytearray(b"." * size))
            result = encoder.encode_many_into(buffer, "info", messages, time_ns=0)
            assert result == (len(expected), count)
            assert buffer == expected + b"." * (size - len(expected))


def test_the_first_of_many_is_too_long(encoder_module: ModuleType) -> None:
    """None fits: the offset comes back, with 0, and no error."""
    encoder = make_encoder(encoder_module)
    for messages in (["x"], ["a message of some length"], ["\ud800"], [b"\xff", "x"], [""]):
        for buffer in (memoryview(bytearray(b"." * 48)), array.array("B", b"." * 48)):
            assert encoder.encode_many_into(buffer, "info", messages, 7, time_ns=0) == (7, 0)
            assert bytes(buffer) == b"." * 48
    empty = memoryview(bytearray())
    assert encoder.encode_many_into(empty, "info", ["x"]) == (0, 0)


def test_many_have_one_time(encoder_module: ModuleType) -> None:
    """The clock is read once for all of them."""
    for messages in (["a message of some length"] * 5000, ["x", b"\xff", "\ud800"] * 1000):
        encoder = make_encoder(encoder_module, framing="lf")
        buffer = bytearray()
        encoder.encode_many_into(buffer, "info", messages)
        lines = bytes(buffer).splitlines()
        assert len(lines) == len(messages)
        assert len({line.split(b" ")[1] for line in lines}) == 1


@try_each("messages", ["text", b"bytes", {"a": 1}, {"a"}, iter(["a"]), None, 7, range(3)])
def test_many_messages_are_a_list_or_a_tuple(encoder_module: ModuleType, messages: object) -> None:
    """A str would be taken for its characters, an iterator could not be counted: TypeError."""
    with pytest.raises(TypeError) as caught:
        make_encoder(encoder_module).encode_many_into(bytearray(), "info", messages)
    assert str(caught.value) == f"messages must be a list or a tuple, got {messages!r}"


@pytest.mark.parametrize("bad", [None, 7, ["x"]])
def test_one_bad_message_of_many(encoder_module: ModuleType, bad: object) -> None:
    """It is an error, and the buffer is as it was; unless the space ends before it."""
    encoder = make_encoder(encoder_module)
    expected = f"message must be a str or a bytes-like object, got {bad!r}"
    for position in (0, 1, 4):
        messages: list[object] = ["a message of some length"] * 4
        messages.insert(position, bad)
        for buffer in (bytearray(b"." * 20), memoryview(bytearray(b"." * 1000))):
            before = bytes(buffer)
            with pytest.raises(TypeError) as caught:
                encoder.encode_many_into(buffer, "info", messages, 10, time_ns=0)
            assert str(caught.value) == expected
            assert bytes(buffer) == before
    buffer = memoryview(bytearray(100))
    messages = ["a message of some length", "another message, as long", bad]
    assert encoder.encode_many_into(buffer, "info", messages, time_ns=0) == (68, 1)


def test_the_buffer_is_released(encoder_module: ModuleType) -> None:
    """After any call, with or without success, nothing holds the buffer any more."""
    encoder = make_encoder(encoder_module)
    store = bytearray(500)
    calls = [
        lambda view: encoder.encode_into(view, "info", "x"),
        lambda view: encoder.encode_into(view, "info", "x" * 999),
        lambda view: encoder.encode_into(view, "info", None),
        lambda view: encoder.encode_into(view, "info", "x", 501),
        lambda view: encoder.encode_many_into(view, "info", ["x"] * 99),
        lambda view: encoder.encode_many_into(view, "info", ["x", None]),
        lambda view: encoder.encode_many_into(view, "info", ["x"], -1),
    ]
    failed = 0
    for call in calls:
        with memoryview(store) as view:
            try:
                call(view)
            except (TypeError, ValueError, BufferError):
                failed += 1
        store.append(0)  # raises BufferError while it is exported
    assert failed == 5
    assert len(store) == 500 + len(calls)


# --- replace -------------------------------------------------------------------------------------

CHANGES = {
    "protocol": "rfc3164",
    "facility": "local7",
    "hostname": "other",
    "app_name": "other",
    "procid": "other",
    "msgid": "other",
    "structured_data": {"other@1": {"n": "v"}},
    "framing": "octet",
    "local_time": True,
    "precision": 2,
    "controls": "keep",
    "bom": True,
    "max_size": 120,
    "prefix": b"other ",
}


@try_each("option", CHANGES)
def test_replace_changes_one_option(encoder_module: ModuleType, set_zone, option: str) -> None:
    """Another encoder, as if made with that option; the first stays as it is."""
    set_zone("<+0530>-5:30")
    for options in (
        {},
        {"facility": 3, "msgid": "m", "structured_data": {"a": {"b": "c"}}, "framing": "lf"},
        {"protocol": "local", "precision": 0, "bom": True, "max_size": 300, "prefix": b"p"},
    ):
        first = make_encoder(encoder_module, **options)
        text = "a\x1bmessage, \u00e9, " + "x" * 100
        before = first.encode("info", text, time_ns=0)
        second = first.replace(**{option: CHANGES[option]})
        assert type(second) is type(first)
        expected = encoder_module.Encoder(**{**IDENTITY, **options, option: CHANGES[option]})
        record = second.encode("info", text, time_ns=0)
        assert record == expected.encode("info", text, time_ns=0)
        assert repr(second) == repr(expected)
        assert first.encode("info", text, time_ns=0) == before
        if not options:
            assert record != before
        back = second.replace(**{option: {**IDENTITY, **options}.get(option, DEFAULTS[option])})
        assert back.encode("info", text, time_ns=0) == before


DEFAULTS = {
    "protocol": "rfc5424",
    "facility": "user",
    "hostname": None,
    "app_name": None,
    "procid": None,
    "msgid": None,
    "structured_data": None,
    "framing": None,
    "local_time": None,
    "precision": 6,
    "controls": "escape",
    "bom": False,
    "max_size": None,
    "prefix": b"",
}


def test_defaults(encoder_module: ModuleType) -> None:
    """The defaults, spelled out: who changes one changes what everybody's records look like."""
    assert set(DEFAULTS) == set(CHANGES)
    text = "\ufeffa\nb" + "x" * 9000
    spelled = encoder_module.Encoder(**DEFAULTS)
    silent = encoder_module.Encoder()
    assert silent.encode("info", text, time_ns=0) == spelled.encode("info", text, time_ns=0)
    assert repr(silent) == repr(spelled)


def test_replace_nothing(encoder_module: ModuleType) -> None:
    """It is the same encoder again."""
    first = make_encoder(encoder_module, framing="octet", bom=True)
    assert first.replace().encode("info", "x", time_ns=0) == first.encode("info", "x", time_ns=0)


def test_replace_looks_at_the_process_again(
    encoder_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a fork it is how an encoder gets the right PROCID; by itself it keeps its own."""
    first = encoder_module.Encoder(hostname="h", app_name="a")
    monkeypatch.setattr(os, "getpid", lambda: 4711)
    second = first.replace()
    assert parse_rfc5424(second.encode("info", "x")).procid == "4711"
    assert parse_rfc5424(first.encode("info", "x")).procid != "4711"


def test_replace_checks_its_options(encoder_module: ModuleType) -> None:
    """The errors are those of the constructor."""
    encoder = make_encoder(encoder_module)
    with pytest.raises(ValueError, match=r"^facility must be in 0\.\.23 or a keyword, got 24$"):
        encoder.replace(facility=24)
    with pytest.raises(TypeError):
        encoder.replace(colour="red")
    with pytest.raises(TypeError):
        encoder.replace("rfc3164")


def test_replace_keeps_the_class(encoder_module: ModuleType) -> None:
    """A subclass stays one."""

    class Loud(encoder_module.Encoder):
        def shout(self, message: str) -> bytes:
            return self.encode("alert", message.upper(), time_ns=0)

    loud = Loud(**IDENTITY).replace(facility="local0")
    assert loud.shout("fire") == b"<129>1 1970-01-01T00:00:00.000000Z h a 1 - - FIRE"
    assert repr(loud).startswith("Loud(protocol='rfc5424', facility='local0', ")


def test_copies_and_pickles(encoder_module: ModuleType) -> None:
    """A copy, or one that another process gets, writes the same."""
    encoder = encoder_module.Encoder(
        hostname="h", app_name="a", procid=1, prefix=b"p ", structured_data={"a": {"b": 1}}
    )
    for other in (copy.copy(encoder), copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert type(other) is type(encoder)
        assert other.encode("info", "x", time_ns=0) == encoder.encode("info", "x", time_ns=0)


def test_a_subclass_may_have_its_own_constructor(encoder_module: ModuleType) -> None:
    """As any class in Python, so that an identity can be given in another form."""

    class Spoken(encoder_module.Encoder):
        def __init__(self, identity: str) -> None:
            hostname, app_name = identity.split("/")
            super().__init__(hostname=hostname, app_name=app_name, procid=1)

    assert Spoken("h/a").encode("info", "x", time_ns=0) == HEADER + b"x"


# An encoder never changes, and no misuse of it reads memory that is not its own. A crash would take
# the tests along: these run in another process.
MISUSES = {
    "good options": """
try:
    encoder.__init__(hostname="other", prefix=b"p" * 4000)
except (RuntimeError, TypeError):
    pass
""",
    "a bad option": """
try:
    encoder.__init__(prefix=b"p" * 4000, max_size=10)
except TypeError as error:
    assert "must not be initialised twice" in str(error)
else:
    raise AssertionError
""",
    "a bad name": """
try:
    encoder.__init__(prefix=b"p" * 4000, structured_data={"a b": {}})
except TypeError as error:
    assert "must not be initialised twice" in str(error)
else:
    raise AssertionError
""",
    "used meanwhile": """
class Using:
    def __str__(self):
        assert encoder.encode("info", "a message of some length", time_ns=0) == before
        raise KeyError

try:
    encoder.__init__(prefix=b"p" * 4000, structured_data={"a": {"b": Using()}})
except TypeError as error:
    assert "must not be initialised twice" in str(error)
else:
    raise AssertionError
""",
    "never initialised": """
blank = Encoder.__new__(Encoder)
for call in (
    lambda: blank.encode("info", "a message of some length"),
    lambda: blank.encode("info", "x", msgid="m", structured_data={"a": {"b": 1}}),
    lambda: blank.encode_into(bytearray(), "info", "x"),
    lambda: blank.encode_many_into(bytearray(), "info", ["x", "a message of some length"]),
    lambda: blank.header("info"),
    lambda: blank.replace(),
    lambda: repr(blank),
):
    try:
        call()
    except AttributeError:
        pass
    else:
        raise AssertionError(call)
""",
}


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("misuse", MISUSES)
def test_an_encoder_never_changes(encoder_module: ModuleType, run_python, misuse: str) -> None:
    """A constructor that is called again, whether it fails or not, leaves it as it was."""
    result = run_python(
        f"""
from {encoder_module.__name__} import Encoder

encoder = Encoder(hostname="h", app_name="a", procid=1)
before = encoder.encode("info", "a message of some length", time_ns=0)
{MISUSES[misuse]}
assert encoder.encode("info", "a message of some length", time_ns=0) == before
"""
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.no_sanitizer
def test_an_encoder_of_a_subclass_is_whole_or_not_there(
    encoder_module: ModuleType, run_python
) -> None:
    """A subclass that uses itself before it has been initialised gets no other memory's bytes."""
    result = run_python(
        f"""
from {encoder_module.__name__} import Encoder

class Using(Encoder):
    def __init__(self):
        super().__init__(prefix=b"p" * 4000, structured_data={{"a": {{"b": self}}}})

    def __str__(self):
        try:
            record = self.encode("info", "a message of some length", time_ns=0)
        except (AttributeError, TypeError, ValueError):
            return "not yet"
        assert len(record) < 50 or record.startswith(b"p" * 4000 + b"<14>1 1970-"), record[:50]
        return "whole"

assert len(Using().encode("info", "x", time_ns=0)) > 4000
"""
    )
    assert (result.returncode, result.stderr) == (0, "")


# --- the constructor's errors --------------------------------------------------------------------

PROTOCOL_RULE = "protocol must be one of 'rfc5424', 'rfc3164', 'local'"
FRAMING_RULE = "framing must be one of None, 'octet', 'lf', 'nul'"
CONTROLS_RULE = "controls must be one of 'escape', 'keep'"
FACILITY_RULE = "facility must be in 0..23 or a keyword"
FACILITIES = (
    "facility must be in 0..23 or one of kern, user, mail, daemon, auth, security, syslog, lpr,"
    " news, uucp, cron, authpriv, ftp, ntp, audit, alert, console, clock, solaris-cron, local0,"
    " local1, local2, local3, local4, local5, local6, local7"
)


@try_each(
    "options, kind, message",
    [
        (
            {"protocol": "rfc 5424"},
            ValueError,
            f"{PROTOCOL_RULE}, got 'rfc 5424'. Did you mean 'rfc5424'?",
        ),
        ({"protocol": 5424}, ValueError, f"{PROTOCOL_RULE}, got 5424"),
        ({"protocol": None}, ValueError, f"{PROTOCOL_RULE}, got None"),
        ({"protocol": []}, ValueError, f"{PROTOCOL_RULE}, got []"),
        ({"framing": "crlf"}, ValueError, f"{FRAMING_RULE}, got 'crlf'"),
        ({"framing": ""}, ValueError, f"{FRAMING_RULE}, got ''"),
        ({"framing": False}, ValueError, f"{FRAMING_RULE}, got False"),
        ({"controls": "drop"}, ValueError, f"{CONTROLS_RULE}, got 'drop'"),
        ({"controls": None}, ValueError, f"{CONTROLS_RULE}, got None"),
        ({"controls": True}, ValueError, f"{CONTROLS_RULE}, got True"),
        ({"facility": 24}, ValueError, f"{FACILITY_RULE}, got 24"),
        ({"facility": -1}, ValueError, f"{FACILITY_RULE}, got -1"),
        ({"facility": 191}, ValueError, f"{FACILITY_RULE}, got 191"),
        ({"facility": 10**6}, ValueError, f"{FACILITY_RULE}, got 1000000"),
        (
            {"facility": "local8"},
            ValueError,
            f"{FACILITIES}, got 'local8'. Did you mean 'local0'?",
        ),
        ({"facility": "Users"}, ValueError, f"{FACILITIES}, got 'Users'. Did you mean 'user'?"),
        ({"facility": None}, TypeError, "facility must be an int or a str, got None"),
        ({"facility": 1.0}, TypeError, "facility must be an int or a str, got 1.0"),
        ({"hostname": 7}, TypeError, "hostname must be a str, got 7"),
        ({"hostname": b"h"}, TypeError, "hostname must be a str, got b'h'"),
        ({"app_name": 7}, TypeError, "app_name must be a str, got 7"),
        ({"procid": 1.5}, TypeError, "procid must be a str or an int, got 1.5"),
        ({"msgid": 7}, TypeError, "msgid must be a str, got 7"),
        (
            {"structured_data": "[a]"},
            TypeError,
            "structured_data must be a dict or bytes, got str",
        ),
        ({"precision": 7}, ValueError, "precision must be in 0..6, got 7"),
        ({"precision": -1}, ValueError, "precision must be in 0..6, got -1"),
        ({"precision": "6"}, TypeError, "precision must be an int, got '6'"),
        ({"prefix": "token"}, TypeError, "prefix must be bytes, got str"),
        ({"prefix": bytearray(b"t")}, TypeError, "prefix must be bytes, got bytearray"),
        ({"prefix": None}, TypeError, "prefix must be bytes, got NoneType"),
        ({"max_size": 1024.0}, TypeError, "max_size must be an int, got 1024.0"),
        ({"max_size": "1024"}, TypeError, "max_size must be an int, got '1024'"),
        (
            {"max_size": 0},
            ValueError,
            "max_size must be at least 75, the longest header, got 0",
        ),
        (
            {"max_size": 74},
            ValueError,
            "max_size must be at least 75, the longest header, got 74",
        ),
        (
            {"max_size": -(10**30)},
            ValueError,
            f"max_size must be at least 75, the longest header, got {-(10**30)}",
        ),
        (
            {"max_size": 1, "protocol": "rfc3164"},
            ValueError,
            "max_size must be at least 28, the longest header, got 1",
        ),
        ({"max_size": 2**31}, ValueError, "max_size must be below 2 GiB, got 2147483648"),
        ({"max_size": 2**70}, ValueError, f"max_size must be below 2 GiB, got {2**70}"),
        (
            {"prefix": b"p" * 8200},
            ValueError,
            "max_size must be at least 8275, the longest header, got 8192",
        ),
    ],
)
def test_errors_of_the_constructor(
    encoder_module: ModuleType, options: dict[str, object], kind: type, message: str
) -> None:
    """Each option says what it must be and what it got; what may hold a token is not shown."""
    with pytest.raises(kind) as caught:
        encoder_module.Encoder(**{**IDENTITY, **options})
    assert type(caught.value) is kind
    assert str(caught.value) == message


def test_unknown_options_are_errors(encoder_module: ModuleType) -> None:
    """A misspelled option never goes unnoticed, and none is positional."""
    with pytest.raises(TypeError):
        encoder_module.Encoder(frame="octet")
    with pytest.raises(TypeError):
        encoder_module.Encoder("rfc5424")
    encoder = make_encoder(encoder_module)
    with pytest.raises(TypeError):
        encoder.encode("info", "x", time=0)
    with pytest.raises(TypeError):
        encoder.encode("info", "x", 0)
    with pytest.raises(TypeError):
        encoder.encode("info")
    with pytest.raises(TypeError):
        encoder.encode_many_into(bytearray(), "info", ["x"], msgid="m")


def test_arguments_may_be_named(encoder_module: ModuleType) -> None:
    """The names are part of the contract."""
    encoder = make_encoder(encoder_module)
    record = HEADER + b"x"
    assert encoder.encode(severity="info", message="x", time_ns=0) == record
    buffer = bytearray(b".")
    assert encoder.encode_into(
        buffer=buffer, severity="info", message="x", offset=1, time_ns=0,
        msgid=None, structured_data=None,
    ) == 46  # fmt: skip
    assert encoder.encode_many_into(
        buffer=buffer, severity="info", messages=["x"], offset=46, time_ns=0
    ) == (91, 1)
    assert buffer == b"." + record * 2
    assert encoder.header(severity="info", time_ns=0) == HEADER


def test_bool_options_take_any_truth(encoder_module: ModuleType) -> None:
    """`bom` and `local_time` are asked for their truth, once."""
    record = make_encoder(encoder_module, bom=1, local_time=0).encode("info", "x", time_ns=0)
    assert record == HEADER + b"\xef\xbb\xbfx"


# --- repr ----------------------------------------------------------------------------------------


def test_repr(encoder_module: ModuleType) -> None:
    """Who speaks, as given."""
    assert repr(encoder_module.Encoder(hostname="web1", app_name="sh op", procid=42)) == (
        "Encoder(protocol='rfc5424', facility='user', hostname='web1', app_name='sh op', procid=42)"
    )
    assert repr(encoder_module.Encoder(protocol="local", facility=3)) == (
        "Encoder(protocol='local', facility=3, hostname=None, app_name=None, procid=None)"
    )


def test_repr_shows_no_token(encoder_module: ModuleType) -> None:
    """Prefix and structured data may hold a log service's token; no repr and no error shows it."""
    for data in ({"a@1": {"token": "s3cret"}}, b'[a@1 token="s3cret"]'):
        encoder = make_encoder(encoder_module, prefix=b"s3cret ", structured_data=data)
        assert b"s3cret" in encoder.encode("info", "x")
        assert "s3cret" not in repr(encoder)
        assert "s3cret" not in str(encoder)
    for options in (
        {"prefix": "s3cret"},
        {"structured_data": "s3cret"},
        {"structured_data": {"a": "s3cret"}},
        {"structured_data": {"a": ["s3cret"]}},
        {"structured_data": {"a": [("b", "c", "s3cret")]}},
    ):
        with pytest.raises(TypeError) as caught:
            encoder_module.Encoder(**options)
        assert "s3cret" not in str(caught.value)


# --- many messages that are not what they seem ---------------------------------------------------


class Changing(list):  # type: ignore[type-arg]
    """A list whose iteration is its own: each time another function says what is in it."""

    def __init__(self, *runs: Callable[[], object]) -> None:
        super().__init__(["not this"])
        self.runs = list(runs)

    def __iter__(self) -> Iterator[object]:
        run = self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]
        return iter(run())  # type: ignore[call-overload]


def list_texts(count: int) -> list[str]:
    return [f"text number {number} of many" for number in range(count)]


@try_each("name", ["clear", "fewer", "more", "views", "raises"])
def test_many_messages_are_read_once(encoder_module: ModuleType, name: str) -> None:
    """What a subclass of list gives in its first iteration is encoded, and nothing else."""
    encoder = make_encoder(encoder_module, framing="lf")
    buffer = bytearray()

    def clear() -> list[str]:
        buffer.clear()
        return []

    def fail() -> list[str]:
        raise AssertionError("it is read twice")

    others = {
        "clear": clear,
        "fewer": lambda: list_texts(1),
        "more": lambda: list_texts(5000),
        "views": lambda: [memoryview(bytearray(b"x" * 99)) for _ in range(2000)],
        "raises": fail,
    }
    changing = Changing(lambda: list_texts(2000), others[name])
    expected = bytearray()
    assert encoder.encode_many_into(buffer, "info", changing, time_ns=0) == (
        encoder.encode_many_into(expected, "info", list_texts(2000), time_ns=0)
    )
    assert buffer == expected


@pytest.mark.parametrize("severity", ["info", 6, "INFO"])
def test_many_messages_whose_str_changes_the_buffer(
    encoder_module: ModuleType, severity: object
) -> None:
    """A finalizer that the garbage collector runs amid the call may shrink the list and buffer."""
    encoder = make_encoder(encoder_module, framing="lf")
    buffer = bytearray(b"before")
    messages = [*list_texts(50), "gr\u00fc\u00df dich"]

    class Trap:
        def __del__(self) -> None:
            messages.clear()

    thresholds = gc.get_threshold()
    try:
        trap = Trap()
        trap.itself = trap  # type: ignore[attr-defined]
        del trap
        gc.set_threshold(1, 1, 1)
        end, count = encoder.encode_many_into(buffer, severity, messages, 6, time_ns=0)
    finally:
        gc.set_threshold(*thresholds)
    lines = bytes(buffer[6:end]).splitlines()
    assert len(lines) == count
    assert all(line.startswith(HEADER[:20]) for line in lines)
