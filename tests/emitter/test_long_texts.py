"""`oversize` and `multiline`: texts that are marked or divided, of emitters and handlers."""

import logging
import os
import re
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.backends import load_emitter_module
from support.each import try_each
from support.emitters import IDENTITY, LEVELS, TIME, IdleSender
from support.grammar import parse_rfc3164, parse_rfc5424, split_frames
from support.odd_kinds import Shown
from support.receivers import Sink, check_counts, url_of, wait_until
from support.strategies import elements

import syslogfast
from syslogfast import _bound, lifecycle
from syslogfast.long_texts import MULTILINES, OVERSIZES, find_kind, limits
from syslogfast.long_texts.division import MOST_RECORDS
from syslogfast.long_texts.limits import WIDE

pytestmark = [pytest.mark.native, pytest.mark.versions]

HEAD = b"<14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - "
SMALL = 400  # octets
PART = "part@32473"


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


class QueueSender(IdleSender):
    """Leaves all in the queue, frames of a handler included."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue

    def enqueue(self, frame: bytes, severity: int, is_truncated: bool) -> None:
        if not self.queue.put(frame, is_truncated):
            self.queue.drop("full")


def open_emitter(
    module: ModuleType,
    oversize: str = "truncate",
    multiline: str = "escape",
    *,
    numbers: bool = False,
    limit: int = 1 << 24,
    level: int = 7,
    **options: object,
) -> Any:
    encoder = module.Encoder(**{**IDENTITY, "framing": "octet", **options})
    queue = module.Queue(limit)
    kind = find_kind(module.Emitter, module.Child, oversize, multiline)
    sequence = module.Sequence() if numbers else None
    return kind(encoder, queue, QueueSender(queue), sequence, level)


def take(emitter: Any) -> list[bytes]:
    """Return the records that are queued, without their octet counts; none is above max_size."""
    data = bytearray()
    while view := emitter._queue.peek():
        data += view
        emitter._queue.consume(len(view))
    records = split_frames(bytes(data), "octet")
    assert all(len(record) <= emitter._encoder.max_size for record in records)
    return records


def take_texts(emitter: Any) -> list[str | None]:
    return [parse_rfc5424(record).message for record in take(emitter)]


def list_parts(records: list[bytes]) -> list[tuple[str, str]]:
    """Return number and count of each part, as the records have them."""
    found = []
    for record in records:
        data = dict(parse_rfc5424(record).structured_data)
        assert [name for name, _ in data[PART]] == ["number", "of"]
        found.append((data[PART][0][1], data[PART][1][1]))
    return found


# --- exact bytes ---------------------------------------------------------------------------------


def test_mark(module: ModuleType) -> None:
    emitter = open_emitter(module, "mark", max_size=SMALL)
    emitter.info("x" * 600, time_ns=TIME)
    space = SMALL - len(HEAD + b"- ")
    mark = b" ... (%d octets truncated)" % (600 - (space - 27))
    assert len(mark) == 27
    assert take(emitter) == [HEAD + b"- " + b"x" * (space - 27) + mark]
    assert check_counts(emitter)["truncated"] == 1


def test_parts(module: ModuleType) -> None:
    emitter = open_emitter(module, "split", max_size=SMALL)
    emitter.info("x" * 600, time_ns=TIME)
    starts = [HEAD + b'[part@32473 number="%d" of="2"] ' % number for number in (1, 2)]
    first = SMALL - len(starts[0]) - 6  # which numbers of four digits would take
    assert take(emitter) == [starts[0] + b"x" * first, starts[1] + b"x" * (600 - first)]
    counts = check_counts(emitter)
    assert (counts["offered"], counts["truncated"]) == (2, 0)


def test_a_part_takes_all_the_space_there_is(module: ModuleType) -> None:
    """Also where it has one character less than octets."""
    for text in ("x" * 600, "\u00e9" + "x" * 600):
        emitter = open_emitter(module, "split", max_size=SMALL)
        emitter.info(text, time_ns=TIME)
        assert len(take(emitter)[0]) == SMALL - 6  # as in test_parts


def test_parts_end_at_a_blank(module: ModuleType) -> None:
    emitter = open_emitter(module, "split", max_size=SMALL)
    text = "seven x " * 100
    emitter.info(text)
    texts = take_texts(emitter)
    assert "".join(texts) == text
    assert len(texts) == 3
    assert all(part.endswith(" ") for part in texts)
    emitter.info("y" * 200 + " " + "y" * 300)
    assert take_texts(emitter)[0].endswith("y")  # this blank is not near the end


def test_lines(module: ModuleType) -> None:
    emitter = open_emitter(module, multiline="split")
    emitter.info("a\nb\r\n\n\rc\x0b\x85\u2028d\r", time_ns=TIME, msgid="ID", order=17)
    head = HEAD[:-2] + b'ID [fields@32473 order="17"] '
    last = b"c#013#302#205#342#200#250d"  # none of these ends a line
    assert take(emitter) == [head + b"a", head + b"b", head + last]
    assert check_counts(emitter)["offered"] == 3


@try_each(
    "text, texts",
    [
        ("", [None]),
        ("\n", [None]),
        ("\r\n\r\r", [None]),
        (" \n\t", [" ", "\t"]),
        ("one", ["one"]),
        (b"a\nb\xff", ["a", "b\ufffd"]),
        (bytearray(b"a\r\nb"), ["a", "b"]),
        (ValueError("a\nb"), ["a", "b"]),
        ("a\n\ud800", ["a", "\ufffd"]),
    ],
)
def test_texts_of_any_kind(module: ModuleType, text: object, texts: list) -> None:
    """An empty text stays one record."""
    emitter = open_emitter(module, multiline="split")
    emitter.info(text)
    emitter.emit_many("info", [text])
    emitter.emit_record(logging.makeLogRecord({"msg": text, "levelno": 20}))
    assert take_texts(emitter) == [text or None for text in texts] * 3


def test_both(module: ModuleType) -> None:
    """Lines first, then sizes; the parts of a line are numbered."""
    emitter = open_emitter(module, "split", "split", max_size=SMALL, numbers=True)
    emitter.info("a\n" + "x" * 600 + "\nb")
    records = [parse_rfc5424(record) for record in take(emitter)]
    assert [len(record.message) for record in records] == [1, 284, 284, 32, 1]
    data = [dict(record.structured_data) for record in records]
    assert [PART in each for each in data] == [False, True, True, True, False]
    assert [each["meta"] for each in data] == [[("sequenceId", str(n))] for n in range(1, 6)]
    assert len({record.timestamp for record in records}) == 1
    marks = open_emitter(module, "mark", "split", max_size=SMALL)
    marks.info("a\n" + "x" * 600 + "\nb")
    texts = take_texts(marks)
    assert (texts[0], texts[2]) == ("a", "b")
    assert re.fullmatch(r"x+ \.\.\. \(\d+ octets truncated\)", texts[1])
    assert check_counts(marks)["truncated"] == 1


@pytest.mark.parametrize("protocol", ["rfc3164", "local"])
def test_protocols_without_structured_data(module: ModuleType, protocol: str) -> None:
    """Parts are plain records there, one after the other."""
    emitter = open_emitter(module, "split", protocol=protocol, max_size=400, numbers=True)
    text = "x" * 1000
    emitter.info(text, order=17)
    records = [parse_rfc3164(record, protocol == "rfc3164") for record in take(emitter)]
    assert len(records) == 3
    assert "".join(record.message for record in records) == text
    assert len(emitter._encoder.encode(6, text)) - 4 == 400  # as long as it can be
    assert emitter._sequence.advance() == 4


def test_enterprise_id(module: ModuleType) -> None:
    emitter = open_emitter(module, "split", max_size=SMALL, enterprise_id=41058)
    emitter.info("x" * 600, structured_data={"part": {"n": 1}})
    for number, record in enumerate(take(emitter)):
        assert b'[part@41058 number="%d" of="2"] ' % (number + 1) in record
        assert parse_rfc5424(record).structured_data[0][0] == "part@41058"  # once


# --- what fits, and what does not ----------------------------------------------------------------

# Those that are in a record once, as RFC 5424 6.3.2 has it.
valid_elements = elements.filter(lambda given: given != b"[a@1]" * 40)
characters = st.sampled_from([*'xy \t\n\r\0"]\\#\x7f', "\u20ac", "\u2028", "\ufeff", "\ud800"])
long_texts = st.lists(
    st.one_of(
        characters, st.sampled_from(["word ", "z" * 90, "\u0436" * 40, "\U0001f600", "\n\n"])
    ),
    max_size=60,
).map("".join).filter(lambda text: 4 * "\ufeff" not in text)  # fmt: skip
encoder_options = st.fixed_dictionaries(
    {"max_size": st.integers(310, 800)},
    optional={
        "protocol": st.sampled_from(["rfc3164", "local"]),
        "controls": st.just("keep"),
        "bom": st.just(True),
        "structured_data": st.sampled_from([{"meta": {"a": "b"}}, {"c@1": {"d": "e" * 50}}]),
        "enterprise_id": st.just(99),
    },
)
given_options = st.fixed_dictionaries(
    {"time_ns": st.just(TIME)},
    optional={
        "msgid": st.just("ID"),
        "structured_data": valid_elements,
        "order": st.just("x" * 40),
    },
)
EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def read_unlimited(module: ModuleType, emitter: Any, text: object, given: dict) -> bytes:
    """Return the text that an emitter without a limit writes, escaped."""
    plain = module.Emitter(
        emitter._encoder.replace(max_size=1 << 24), emitter._queue, emitter._sender
    )
    plain.info(text, **given)
    data = emitter._queue.peek(True)
    (record,) = split_frames(bytes(data), "octet")
    emitter._queue.consume(len(data))
    plain.info("", **given)
    data = emitter._queue.peek(True)
    (header,) = split_frames(bytes(data), "octet")
    emitter._queue.consume(len(data))
    return record[len(header) :]


def strip_separator(text: bytes, options: dict) -> bytes:
    is_rfc5424 = "protocol" not in options
    text = text.removeprefix(b" ") if is_rfc5424 else text
    return text.removeprefix(b"\xef\xbb\xbf") if is_rfc5424 and "bom" in options else text


def check_record(record: bytes, options: dict) -> Any:
    keeps = "controls" in options
    if "protocol" in options:
        return parse_rfc3164(record, options["protocol"] == "rfc3164", keeps_controls=keeps)
    return parse_rfc5424(record, keeps_controls=keeps)


@EXAMPLES
@given(long_texts, encoder_options, given_options)
def test_joined_parts_are_the_text(
    module: ModuleType, text: str, options: dict, given: dict
) -> None:
    """Of any text: nothing lost, nothing doubled, each of them a valid record within max_size."""
    emitter = open_emitter(module, "split", **options)
    expected = strip_separator(read_unlimited(module, emitter, text, given), options)
    before = check_counts(emitter)
    emitter.info(text, **given)
    counts = check_counts(emitter)
    records = take(emitter)
    assert counts["offered"] - before["offered"] == len(records)
    parsed = [check_record(record, options) for record in records]
    if len(records) == 1 and records[0] != emitter._encoder.replace(framing=None).encode(6, ""):
        plain = open_emitter(module, **options)
        plain.info(text, **given)
        truncated = check_counts(plain)["truncated"]
        assert counts["truncated"] == truncated
        if not truncated:
            assert take(plain) == records
        return
    assert counts["truncated"] == 0 or len(records) == 1
    texts = [record.message or "" for record in parsed]
    if len(records) > 1:
        if "protocol" not in options and "bom" not in options:
            assert not any(record.bom for record in parsed[1:])
            texts[0] = "\ufeff" * parsed[0].bom + texts[0]
        assert "".join(texts).encode() == expected
        assert all(texts)
    if len(records) > 1 and "protocol" not in options:
        size = len(records)
        part = "part@99" if "enterprise_id" in options else PART
        for number, record in enumerate(parsed):
            data = dict(record.structured_data)
            assert data[part] == [("number", str(number + 1)), ("of", str(size))]
            assert ("order" in given) == any(name.startswith("fields@") for name in data)


@EXAMPLES
@given(long_texts, encoder_options, given_options)
def test_a_mark_tells_what_is_missing(
    module: ModuleType, text: str, options: dict, given: dict
) -> None:
    """Only where something is missing, and as much is there as can be."""
    emitter, plain = [open_emitter(module, kind, **options) for kind in ("mark", "truncate")]
    for each in (emitter, plain):
        each.info(text, **given)
    counts = check_counts(emitter)
    assert counts["truncated"] == check_counts(plain)["truncated"]
    (record,) = take(emitter)
    (expected,) = take(plain)
    check_record(record, options)
    found = re.search(rb" \.\.\. \((\d+) octets truncated\)$", record)
    if found is None:
        assert record == expected
        return
    assert counts["truncated"] == 1
    kept = record[: found.start()]
    assert expected.startswith(kept)
    assert len(expected) - len(kept) <= len(found[0]) + 12  # the widest character
    shown = text.lstrip("\ufeff") if "bom" in options and "protocol" not in options else text
    shown = shown if "controls" in options else shown.rstrip("\r\n")
    sizes = [len(shown[end:].encode("utf-8", "surrogatepass")) for end in range(len(shown))]
    assert int(found[1]) in sizes
    rest = shown[sizes.index(int(found[1])) :]
    whole = open_emitter(module, **{**options, "max_size": 1 << 20})
    whole.info(shown, **given)
    whole.info(rest, **given)
    (all_of_it, end) = take(whole)
    empty = open_emitter(module, **{**options, "max_size": 1 << 20})
    empty.info("", **given)
    (header,) = take(empty)
    if expected.startswith(header):  # else no structured data had space
        assert kept + strip_separator(end[len(header) :], options) == all_of_it


@EXAMPLES
@given(long_texts, encoder_options, given_options, st.sampled_from(OVERSIZES))
def test_a_line_is_sent_as_if_it_were_the_text(
    module: ModuleType, text: str, options: dict, given: dict, oversize: str
) -> None:
    emitter = open_emitter(module, oversize, "split", numbers=True, **options)
    single = open_emitter(module, oversize, numbers=True, **options)
    emitter.info(text, **given)
    for line in [line for line in re.split("\r\n|\r|\n", text) if line] or [""]:
        single.info(line, **given)
    assert check_counts(emitter) == check_counts(single)
    assert take(emitter) == take(single)


short_texts = st.sampled_from(["", "x", "sold \u20ac", "#012", b"x", 5, Shown("s"), "%s"])


@EXAMPLES
@given(
    short_texts,
    given_options,
    st.booleans(),
    st.dictionaries(st.sampled_from(["a", "order"]), st.sampled_from([1, "b", None])),
    st.dictionaries(st.sampled_from(["a", "c"]), st.sampled_from([2, "d" * 40])),
    st.sampled_from([(oversize, lines) for oversize in OVERSIZES for lines in MULTILINES][1:]),
    st.sampled_from([450, 2048]),
)
def test_a_text_that_fits_is_sent_as_ever(
    module: ModuleType,
    text: object,
    given: dict,
    numbers: bool,
    bind: dict,
    bound: dict,
    kinds: tuple,
    size: int,
) -> None:
    """Byte for byte, whatever it comes with, and as a part of a text that is divided, too."""
    module.watch_bound(_bound._fields)
    plain = open_emitter(module, numbers=numbers, max_size=size).bind(**bind)
    other = open_emitter(module, *kinds, numbers=numbers, max_size=size).bind(**bind)
    lines = open_emitter(module, multiline="split", numbers=numbers, max_size=size).bind(**bind)
    args = ("x",) if text == "%s" else ()
    record = logging.makeLogRecord(
        {"msg": text, "args": args, "levelno": 20, "created": TIME / 1e9, **given}
    )
    with syslogfast.bound(**bound):
        for emitter in (plain, other):
            emitter.info(text, *args, **given)
            emitter.emit("err", text, *args, **given)
            emitter.log(3, text, *args, **given)
            emitter.emit_record(record)
        expected = take(plain)
        assert take(other) == expected
        if type(text) is str:
            lines.info(text + "\n", *args, **given)
            assert take(lines) == expected[:1]
    assert plain._queue.count_all() == other._queue.count_all()


def test_nothing_is_lost_at_line_ends(module: ModuleType) -> None:
    """What an encoder leaves out at the end of a text is not left out at that of a part."""
    emitter = open_emitter(module, "split", max_size=SMALL)
    for text in ("x" * 100 + "\n" * 400 + "y", "\r\n" * 300 + "y", "\n" * 999):
        emitter.info(text)
        expected = text.rstrip("\r\n").replace("\n", "#012").replace("\r", "#015")
        assert "".join(text or "" for text in take_texts(emitter)) == expected


@pytest.mark.parametrize("bom", [False, True])
def test_boms(module: ModuleType, bom: bool) -> None:
    """No part begins with one of the text's own, which would be no part of the text there."""
    emitter = open_emitter(module, "split", max_size=SMALL, bom=bom)
    for size in range(230, 330):
        for end in ("x", " "):
            text = "x" * size + end + "\ufeff\ufeff" + "y" * 300
            emitter.info(text)
            assert "".join(take_texts(emitter)) == text


def test_no_space_for_a_mark(module: ModuleType) -> None:
    """Then it is truncated as ever; nor has a text parts that would be without a character."""
    with pytest.raises(ValueError, match=r"max_size must be at least (\d+)") as found:
        module.Encoder(**IDENTITY, max_size=1)
    smallest = int(re.findall(r"least (\d+)", str(found.value))[0])
    for size in range(smallest, smallest + 40):
        plain, marks, parts = [
            open_emitter(module, kind, max_size=size, msgid="m" * 32) for kind in OVERSIZES
        ]
        for emitter in (plain, marks, parts):
            emitter.info("\u20ac" * 90)
            assert check_counts(emitter)["truncated"] == 1
        (text,), (marked,) = take_texts(plain), take_texts(marks)
        assert take_texts(parts) == [marked]
        has_space = size - len(plain._encoder.header("info")) >= len(" ... (270 octets truncated)")
        assert has_space or marked == text
        assert not has_space or marked.endswith(" octets truncated)")


@pytest.mark.parametrize("oversize", ["mark", "split"])
def test_structured_data_that_has_no_space(module: ModuleType, oversize: str) -> None:
    """It is left out, as ever, and what remains of the text may be the whole, or have a mark."""
    plain, emitter = [open_emitter(module, kind, max_size=SMALL) for kind in ("truncate", oversize)]
    for text in ("short", "x" * 600):
        for each in (plain, emitter):
            each.info(text, big="b" * 500, time_ns=TIME)
        (expected,), (record,) = take(plain), take(emitter)
        assert record == expected or record.endswith(b" octets truncated)")
        assert (record == expected) == (text == "short")
    assert check_counts(plain) == check_counts(emitter)


def test_the_most_parts(module: ModuleType) -> None:
    """Nobody floods a collector with one text: the last part says how much is missing."""
    emitter = open_emitter(module, "split", max_size=SMALL)
    emitter.info("x" * 1_000_000)
    records = take(emitter)
    assert len(records) == MOST_RECORDS
    assert list_parts(records)[-1] == ("1000", "1000")
    texts = [parse_rfc5424(record).message or "" for record in records]
    missing = int(re.fullmatch(r"x+ \.\.\. \((\d+) octets truncated\)", texts[-1])[1])
    assert "".join(texts).count("x") + missing == 1_000_000
    counts = check_counts(emitter)
    assert (counts["offered"], counts["truncated"]) == (MOST_RECORDS, 1)


def test_the_most_lines(module: ModuleType) -> None:
    """The last record has the rest, whose line ends are escaped."""
    emitter = open_emitter(module, multiline="split")
    emitter.info("\n".join(map(str, range(1005))))
    texts = take_texts(emitter)
    assert texts == [*map(str, range(999)), "999#0121000#0121001#0121002#0121003#0121004"]
    emitter = open_emitter(module, "split", "split", max_size=SMALL)
    emitter.info(("x" * 600 + "\n") * 990)
    texts = take_texts(emitter)
    assert len(texts) == MOST_RECORDS
    assert sum("truncated)" in text for text in texts) == 980


def test_a_huge_text_takes_no_more_than_it_has_to(module: ModuleType) -> None:
    """It is not escaped beyond what is sent."""
    emitter = open_emitter(module, "mark", max_size=SMALL)
    text = "x\u2028" * 1_000_000
    emitter.info("warm up")
    tracemalloc.start()
    emitter.info(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * len(text)  # the text as UTF-8, of which octets are counted
    assert b"octets truncated)" in take(emitter)[1]


# --- the ways in ---------------------------------------------------------------------------------


def test_children_and_many(module: ModuleType) -> None:
    emitter = open_emitter(module, multiline="split")
    emitter.emit_many("notice", ["a\nb", b"c\rd", "e"])
    assert take_texts(emitter) == ["a", "b", "c", "d", "e"]
    emitter.bind(request=1).child(app_name="till").bind(x=2).warning("a\nb", order=3)
    records = [parse_rfc5424(record) for record in take(emitter)]
    fields = [("request", "1"), ("x", "2"), ("order", "3")]
    for record, text in zip(records, "ab", strict=True):
        assert (record.message, record.app_name) == (text, "till")
        assert record.structured_data == [("fields@32473", fields)]


@pytest.mark.parametrize("name", LEVELS)
def test_severities(module: ModuleType, name: str) -> None:
    emitter = open_emitter(module, multiline="split", level=4)
    getattr(emitter, name)("a\n%s", "b", msgid="ID")
    emitter.log(LEVELS.index(name), "a\n%s", "b", msgid="ID")
    expected = [(8 + LEVELS.index(name), "ID", text) for text in "abab"]
    found = [parse_rfc5424(record) for record in take(emitter)]
    assert [(r.priority, r.msgid, r.message) for r in found] == expected * (LEVELS.index(name) <= 4)


def test_exceptions(module: ModuleType) -> None:
    """A traceback is a record a line; with level it is not even made."""
    emitter = open_emitter(module, multiline="split", level=4)
    try:
        raise ValueError("a\nb")
    except ValueError as error:
        emitter.exception("%d failed", 3)
        emitter.error("failed", exc_info=error)
        emitter.info("failed", exc_info=error)
    texts = take_texts(emitter)
    half = len(texts) // 2
    assert texts[0] == "3 failed"
    assert texts[half:] == ["failed", *texts[1:half]]
    assert texts[1] == "Traceback (most recent call last):"
    assert texts[half - 2 : half] == ["ValueError: a", "b"]


def test_nothing_below_the_level_is_evaluated(module: ModuleType) -> None:
    emitter = open_emitter(module, "split", "split", level=4)
    unread = Unread()
    emitter.info(unread)
    emitter.emit("info", "%s", unread, order=unread)
    emitter.emit_many("info", iter([unread]))
    emitter.emit_record(logging.makeLogRecord({"msg": unread, "levelno": 20}))
    assert check_counts(emitter)["offered"] == 0


class Unread:
    def __str__(self) -> str:
        raise AssertionError("it was read")


class Counted:
    def __init__(self) -> None:
        self.calls = 0

    def __str__(self) -> str:
        self.calls += 1
        return "x\n" * 300


@pytest.mark.parametrize("oversize", OVERSIZES)
def test_values_are_written_once(module: ModuleType, oversize: str) -> None:
    emitter = open_emitter(module, oversize, "split", max_size=SMALL)
    text, field = Counted(), Counted()
    emitter.info(text, structured_data={"a@1": {"n": field}})
    emitter.info(text, order=field)
    assert (text.calls, field.calls) == (2, 2)


@try_each(
    "given",
    [
        {"msgid": 5},
        {"time_ns": "0"},
        {"msg_id": "x"},
        {"Time_NS": 0},
    ],
)
def test_errors_are_those_of_every_emitter(module: ModuleType, given: dict) -> None:
    """And nothing is sent, nor has it a number, however many records there would be."""
    emitter = open_emitter(module, "split", "split")
    plain = open_emitter(module)
    for text in ("a", "a\nb"):
        with pytest.raises(TypeError) as expected:
            plain.info(text, **given)
        with pytest.raises(TypeError) as found:
            emitter.info(text, **given)
        assert str(found.value) == str(expected.value)
    assert check_counts(emitter)["offered"] == 0
    for function in (emitter.emit, emitter.emit_many):
        with pytest.raises(ValueError, match=r"severity must be in 0\.\.7"):
            function(8, "a\nb")
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'message'"):
        emitter.info()


def test_records_of_logging_have_all_that_they_have(module: ModuleType) -> None:
    """Their own header fields and structured data, too."""
    options: dict = {
        "attributes": {"code@1": {"line": "lineno"}},
        "header_attributes": {"app_name": "name"},
    }
    emitter = open_emitter(module, "split", "split", numbers=True, max_size=SMALL, **options)
    plain = open_emitter(module, numbers=True, max_size=SMALL, **options)
    given = {
        "name": "shop.cart",
        "levelno": 40,
        "lineno": 7,
        "process": 99,
        "msgid": "ID",
        "structured_data": {"a@1": {"n": "v"}},
        "created": 1.5,
    }
    emitter.emit_record(logging.makeLogRecord({**given, "msg": "a\n%s", "args": ("b",)}))
    for text in "ab":
        plain.emit_record(logging.makeLogRecord({**given, "msg": text}))
    expected = take(plain)
    assert b" shop.cart " in expected[0]
    assert take(emitter) == expected
    emitter.emit_record(logging.makeLogRecord({**given, "msg": "x" * 600}), "y" * 600)
    records = [parse_rfc5424(record) for record in take(emitter)]
    assert "".join(record.message for record in records) == "y" * 600
    for record in records:
        assert record.app_name == "shop.cart"
        assert [name for name, _ in record.structured_data] == ["code@1", "a@1", "meta", PART]
    with pytest.raises(TypeError, match="message must be a str"):
        emitter.emit_record(logging.makeLogRecord(given), 5)


def test_trace(module: ModuleType) -> None:
    """Each record has it."""
    encoder = module.Encoder(**IDENTITY, framing="octet", max_size=SMALL)
    queue = module.Queue(1 << 20)
    kind = find_kind(module.Emitter, module.Child, "split", "escape")

    def trace(structured_data: Any, encoder: object) -> object:
        return {**(structured_data or {}), "trace@32473": {"trace_id": "0a"}}

    emitter = kind(encoder, queue, QueueSender(queue), None, 7, None, trace)
    emitter.info("x" * 600)
    names = [[name for name, _ in parse_rfc5424(r).structured_data] for r in take(emitter)]
    assert names == [["trace@32473", PART]] * 3


def test_a_full_queue(module: ModuleType) -> None:
    """Each record is counted, those that are dropped as well."""
    emitter = open_emitter(module, multiline="split", limit=300)
    emitter.info("\n".join("abcdefghij"))
    counts = check_counts(emitter)
    assert counts["offered"] == 10
    assert counts["dropped"] == {"full": 10 - counts["queued"]}
    assert counts["queued"] > 0


def test_lifecycle_records_stay_whole(module: ModuleType) -> None:
    emitter = open_emitter(module, "split", "split", max_size=600)
    try:
        raise ValueError("x\n" * 400)
    except ValueError as error:
        lifecycle.crashed(emitter, error)
    (record,) = take(emitter)
    assert parse_rfc5424(record).msgid == "CRASHED"


# --- the doors -----------------------------------------------------------------------------------


def test_defaults_cost_nothing(connect: Callable[..., Any]) -> None:
    """The class is the one that it is without, and no module is loaded."""
    defaults = {"oversize": "truncate", "multiline": "escape"}
    for options in ({}, defaults, {"oversize": "Truncate"}):
        log = connect("udp://127.0.0.1:9", **options)
        assert type(log).__name__ == "Emitter"
        assert type(log.bind(a=1)).__name__ == "Child"
    program = (
        "import sys, syslogfast\n"
        "log = syslogfast.connect('udp://127.0.0.1:9', oversize='truncate', multiline='escape')\n"
        "syslogfast.SysLogHandler('udp://127.0.0.1:9', oversize='truncate')\n"
        "assert 'syslogfast.long_texts' not in sys.modules\n"
        "syslogfast.connect('udp://127.0.0.1:9', oversize='mark')\n"
        "assert 'syslogfast.long_texts' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-Ic", program], check=True, timeout=60)


@try_each(
    "given, error, message",
    [
        (
            {"oversize": "cut"},
            ValueError,
            "oversize must be one of 'truncate', 'mark', 'split', got 'cut'",
        ),
        (
            {"oversize": "splitt"},
            ValueError,
            "oversize must be one of 'truncate', 'mark', 'split', got 'splitt'."
            " Did you mean 'split'?",
        ),
        ({"multiline": None}, ValueError, "multiline must be one of 'escape', 'split', got None"),
        (
            {"multi_line": "split"},
            TypeError,
            "{}() got an unexpected keyword argument 'multi_line'. Did you mean 'multiline'?",
        ),
    ],
)
def test_wrong_values(given: dict, error: type[Exception], message: str) -> None:
    for name in ("connect", "SysLogHandler"):
        with pytest.raises(error) as found:
            getattr(syslogfast, name)("udp://127.0.0.1:9", **given)
        assert str(found.value) == message.format(name)


def test_any_case_will_do(connect: Callable[..., Any]) -> None:
    log = connect("udp://127.0.0.1:9", oversize="SPLIT")
    assert repr(log).startswith("<DividingEmitter to udp://127.0.0.1:9, Encoder(")
    assert type(log.child()).__name__ == "DividingChild"


def test_udp(connect: Callable[..., Any], receiver: socket.socket) -> None:
    """A record of 2048 octets at most, a datagram each."""
    log = connect(url_of(receiver), oversize="split", multiline="split", sequence_ids=True)
    text = "\u20ac" * 2000
    log.error("first\n" + text)
    records = [parse_rfc5424(receiver.recv(4096)) for _ in range(5)]
    assert records[0].message == "first"
    assert "".join(record.message for record in records[1:]) == text
    assert [dict(r.structured_data)["meta"][0][1] for r in records] == list("12345")
    assert wait_until(lambda: log.stats["sent"] == 5)
    check_counts(log)


def test_tcp(connect: Callable[..., Any], sink: Sink) -> None:
    log = connect(url_of(sink), oversize="mark", multiline="split")
    log.info("a\n" + "x" * 10_000)
    assert log.flush(10)
    assert log.stats["offered"] == 2
    assert log.stats["truncated"] == 1
    assert wait_until(lambda: sink.connections)
    (received,) = sink.connections
    assert wait_until(lambda: len(received.parse_lines()) == 2)
    first, second = received.parse_lines()
    assert first.message == "a"
    assert second.message.endswith(" octets truncated)")


@pytest.fixture
def handle(receiver: socket.socket) -> Iterator[Callable[..., Any]]:
    handlers: list[Any] = []

    def make(**options: Any) -> logging.Logger:
        handlers.append(syslogfast.SysLogHandler(url_of(receiver), **IDENTITY, **options))
        logger = logging.Logger("test.long_texts")
        logger.addHandler(handlers[-1])
        return logger

    yield make
    for handler in handlers:
        handler.close()


def receive(receiver: socket.socket, count: int) -> list[Any]:
    records = [parse_rfc5424(receiver.recv(4096)) for _ in range(count)]
    receiver.setblocking(False)
    with pytest.raises(BlockingIOError):
        receiver.recv(4096)
    return records


def fail() -> None:
    raise KeyError("lost")


def test_handler(handle: Callable[..., Any], receiver: socket.socket) -> None:
    """A traceback, and the stack, are lines; a formatter's text as well."""
    logger = handle(multiline="split")
    (handler,) = logger.handlers
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    handler.ident = "id "
    try:
        fail()
    except KeyError:
        logger.exception("%s failed", "all", stack_info=True)
    lines = handler.stats["offered"]
    assert lines > 6
    records = receive(receiver, lines)
    texts = [record.message for record in records]
    assert texts[:2] == ["id test.long_texts: all failed", "Traceback (most recent call last):"]
    assert "KeyError: 'lost'" in texts
    assert "Stack (most recent call last):" in texts
    assert {record.priority for record in records} == {11}
    assert len({record.timestamp for record in records}) == 1
    assert handler.stats["sent"] == lines


def test_handler_without_a_formatter(handle: Callable[..., Any], receiver: socket.socket) -> None:
    logger = handle(multiline="split", oversize="split", max_size=SMALL)
    logger.handlers[0].facility = "local0"  # an emitter of its own
    logger.error("a\n%s", "x" * 600, extra={"structured_data": {"a@1": {}}, "msgid": "ID"})
    records = receive(receiver, 3)
    assert records[0].message == "a"
    assert records[1].message + records[2].message == "x" * 600
    assert {(record.msgid, record.priority) for record in records} == {("ID", 131)}
    assert [record.structured_data[0][0] for record in records] == ["a@1"] * 3


def test_handler_marks(handle: Callable[..., Any], receiver: socket.socket) -> None:
    logger = handle(oversize="mark", protocol="rfc5424")
    logger.warning("x" * 5000)
    (record,) = receive(receiver, 1)
    assert record.message.endswith(" octets truncated)")
    assert logger.handlers[0].stats["truncated"] == 1


def test_handler_asks_for_delivery(receiver: socket.socket) -> None:
    """Where there is a header; defaults ask for nothing."""
    address = receiver.getsockname()
    handler = syslogfast.SysLogHandler(address, protocol="rfc5424", multiline="split", **IDENTITY)
    handler.emit(logging.makeLogRecord({"msg": "a\nb"}))
    assert [record.message for record in receive(receiver, 2)] == ["a", "b"]
    handler.close()
    for name, value in (("multiline", "split"), ("oversize", "mark")):
        with pytest.raises(ValueError, match=f"{name} must be left out unless protocol is given"):
            syslogfast.SysLogHandler(address, **{name: value})
    given: Any = {"multiline": "escape", "oversize": "truncate"}
    handler = syslogfast.SysLogHandler(address, **given)
    assert handler.stats is None
    handler.close()


def test_fast_loggers_do_without(handle: Callable[..., Any], receiver: socket.socket) -> None:
    """Calls go by `logging`, to the same records."""
    handler = handle(multiline="split").handlers[0]
    logger = logging.getLogger("test.long_texts.fast")
    logger.propagate = False
    logger.addHandler(handler)
    was_installed = syslogfast.loggers.explain() != "install() has not been called"
    syslogfast.loggers.install()
    try:
        if syslogfast.BACKEND == "c":
            reason = syslogfast.loggers.explain(logger.name)
            assert reason == "an emitter is a syslogfast.long_texts.DividingChild"
        logger.error("a\n%s", "b")
        logger.error("c")
        assert [record.message for record in receive(receiver, 3)] == ["a", "b", "c"]
    finally:
        if not was_installed:
            syslogfast.loggers.uninstall()
        logger.removeHandler(handler)
        logger.propagate = True


# --- what may be divided -------------------------------------------------------------------------


@try_each(
    "data, expected",
    [
        (None, 0),
        (b"[a]", 3),
        ([("a", {})], WIDE),
        ({"a": [("b", "c")]}, WIDE),
        ({"a": {"b": "c" * 10}}, 40 + 40 + 2 * 10 * 2),
        ({"a": {"b": 1.5, "c": None, "d": True}}, 40 + 3 * 40 + 32),
        ({"a": {"b": object()}}, 40 + WIDE),
        ({"a": {"b": 1 << 63}}, 40 + WIDE),
    ],
)
def test_an_estimate_is_enough(data: Any, expected: int) -> None:
    """Of all that is quickly seen; the rest is rendered before it is known."""
    found = limits.estimate_elements(data)
    assert (found >= WIDE) == (expected >= WIDE)
    if expected < WIDE:
        assert found <= 2 * expected
        encoder = syslogfast.Encoder(**IDENTITY)
        rendered = limits.Limits(encoder).render(data)
        assert len(rendered) <= found


def test_elements_that_are_none(backend: str) -> None:
    """They are left out, as a record with them is written."""
    made = limits.Limits(load_emitter_module(backend).Encoder(**IDENTITY))
    assert made.render(None) == b""
    assert made.render("no elements") == b""
    assert made.render({}) == b""


@pytest.mark.parametrize("text", ["short", "long " * 1000])
def test_records_that_dump_what_was_recorded(text: str) -> None:
    """Of `logging`, too; those that were recorded come first."""
    reading, writing = os.pipe()
    log = syslogfast.connect(
        f"fd://{writing}",
        **{**IDENTITY, "procid": 5},
        level="info",
        recorder_bytes=1 << 16,
        dump_level="error",
        oversize="split",
        max_size=480,
    )
    log.debug("before")
    record = logging.LogRecord("shop", logging.ERROR, "", 0, text, (), None)
    log.emit_record(record)
    assert log.flush(5)
    log.close(5)
    written = os.read(reading, 1 << 20)
    assert written.index(b"before") < written.index(text[:5].encode())
    os.close(reading)
    os.close(writing)
