"""Whatever goes in, a record comes out that a strict parser takes, or a documented error.

Every input of malicious_input.py goes into encoders in which each framing with each treatment of
control characters meets each protocol, and either backend.
"""

import itertools
import random
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from support.each import try_each
from support.grammar import parse_rfc3164, parse_rfc5424, split_frames
from support.malicious_input import (
    BAD_FACILITIES,
    BAD_MESSAGES,
    BAD_SEVERITIES,
    BAD_STRUCTURED_DATA,
    BAD_TIMES,
    HEADER_FIELDS,
    OCTETS,
    STRUCTURED_DATA,
    TEXTS,
    TIMES,
    ZONES,
)
from support.pairwise import choose_pairs, take_turns

pytestmark = pytest.mark.native

PROTOCOLS = ("rfc5424", "rfc3164", "local")
FRAMINGS = (None, "octet", "lf", "nul")
IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}

# What is escaped depends on both the framing and the treatment, in either backend.
VARIANTS = [
    (backend, protocol, *delimited)
    for delimited, protocol, backend in choose_pairs(
        list(itertools.product(FRAMINGS, ["escape", "keep"])), PROTOCOLS, ["c", "python"]
    )
]
# Times are written before anything is framed or escaped.
TIMED = [
    (backend, protocol, *delimited)
    for (backend, protocol), delimited in take_turns(
        list(itertools.product(["c", "python"], PROTOCOLS)),
        list(itertools.product(FRAMINGS, ["escape", "keep"])),
    )[:6]
]
each_variant = pytest.mark.parametrize(
    ("encoder_module", "protocol", "framing", "controls"),
    VARIANTS,
    ids=["-".join(map(str, variant)) for variant in VARIANTS],
    indirect=["encoder_module"],
)


class Variant:
    """The options that every encoder of a test has, and what its records must then be."""

    def __init__(
        self, encoder_module: ModuleType, protocol: str, framing: "str | None", controls: str
    ) -> None:
        self.encoder_module = encoder_module
        self.protocol = protocol
        self.framing = framing
        self.keeps_controls = controls == "keep"
        self.options = {"protocol": protocol, "framing": framing, "controls": controls}

    def make_encoder(self, **options: object):
        return self.encoder_module.Encoder(**{**IDENTITY, **self.options, **options})

    def find_smallest(self, **options: object) -> int:
        """Return the least max_size that is allowed."""
        with pytest.raises(ValueError, match=r"^max_size must be at least \d+, ") as caught:
            self.make_encoder(**options, max_size=-1)
        return int(str(caught.value).split()[5].rstrip(","))

    def judge(self, data: bytes, max_size: "int | None" = None, prefix: bytes = b""):
        """Return the one record that `data` must be, parsed."""
        (frame,) = split_frames(data, self.framing) if self.framing else (data,)
        assert len(frame) <= (max_size or (1024 if self.protocol == "rfc3164" else 8192))
        assert frame.startswith(prefix)
        record = frame[len(prefix) :]
        if self.protocol == "rfc5424":
            return parse_rfc5424(record, keeps_controls=self.keeps_controls)
        return parse_rfc3164(record, self.protocol == "rfc3164", keeps_controls=self.keeps_controls)


@pytest.fixture
def variant(
    encoder_module: ModuleType, protocol: str, framing: "str | None", controls: str
) -> Variant:
    return Variant(encoder_module, protocol, framing, controls)


@pytest.mark.slow
@each_variant
def test_texts(variant: Variant) -> None:
    """Every text, alone and in a batch, with a BOM, and cut at small sizes."""
    smallest = variant.find_smallest(bom=True)
    for options in ({}, {"bom": True}, {"max_size": smallest}, {"max_size": smallest + 41}):
        encoder = variant.make_encoder(**options)
        stream = bytearray()
        for text in (*TEXTS, *OCTETS):
            record = encoder.encode("info", text, time_ns=0)
            parsed = variant.judge(record, options.get("max_size"))
            if "bom" in options and variant.protocol == "rfc5424" and parsed.message:
                assert parsed.bom
                assert not parsed.message.startswith("\ufeff")
            end = encoder.encode_into(stream, "info", text, len(stream), time_ns=0)
            assert end == len(stream)
            assert stream.endswith(record)
        batch = bytearray()
        messages = [*TEXTS, *OCTETS]
        result = encoder.encode_many_into(batch, "info", messages, time_ns=0)
        assert result == (len(stream), len(messages))
        assert batch == stream
        if variant.framing:
            assert len(split_frames(bytes(stream), variant.framing)) == len(messages)


@each_variant
def test_header_fields(variant: Variant) -> None:
    """Every field holds every value, whatever it looks like, in the constructor and per record."""
    for value in HEADER_FIELDS:
        for field in ("hostname", "app_name", "procid", "msgid"):
            variant.judge(variant.make_encoder(**{field: value}).encode("info", "x", time_ns=0))
        encoder = variant.make_encoder(hostname=value, app_name=value, procid=value)
        variant.judge(encoder.encode("info", "x", time_ns=0, msgid=value))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder_module", "protocol", "framing", "controls"), TIMED, indirect=["encoder_module"]
)
def test_times(variant: Variant, set_zone) -> None:
    """Every time in every zone, local or not, at any precision."""
    for zone in ZONES:
        set_zone(zone)
        for precision, local_time in ((6, True), (0, True), (3, False), (6, None)):
            encoder = variant.make_encoder(precision=precision, local_time=local_time)
            for time_ns in (*TIMES, None):
                variant.judge(encoder.encode("info", "x", time_ns=time_ns))
                variant.judge(encoder.encode("info", "a message of some length", time_ns=time_ns))


@pytest.mark.slow
@each_variant
def test_structured_data(variant: Variant) -> None:
    """Every element, constant, for one record, and both at once."""
    constant = variant.make_encoder(structured_data={"constant@1": {"replaced": 1}}, max_size=2000)
    plain = variant.make_encoder()
    for data in STRUCTURED_DATA:
        variant.judge(variant.make_encoder(structured_data=data).encode("info", "x"))
        variant.judge(plain.encode("info", "x", structured_data=data))
        variant.judge(constant.encode("info", "x" * 3000, structured_data=data), 2000)


@pytest.mark.slow
@each_variant
def test_all_at_once(variant: Variant, set_zone) -> None:
    """Random combinations of all of it, with the same seed each time, at random sizes."""
    chance = random.Random("syslogfast")
    for _ in range(50):
        set_zone(chance.choice(ZONES))
        prefix = chance.choice([b"", b"", b"token ", b"\xff\x80 "])
        options = {
            "hostname": chance.choice(HEADER_FIELDS),
            "app_name": chance.choice(HEADER_FIELDS),
            "procid": chance.choice([*HEADER_FIELDS, 7, -(10**30), True]),
            "msgid": chance.choice([None, *HEADER_FIELDS]),
            "structured_data": chance.choice(STRUCTURED_DATA),
            "local_time": chance.choice([None, True, False]),
            "precision": chance.randrange(7),
            "bom": chance.choice([True, False]),
            "facility": chance.randrange(24),
            "prefix": prefix,
        }
        max_size = variant.find_smallest(**options) + int(chance.expovariate(0.01))
        encoder = variant.make_encoder(**options, max_size=max_size)
        severity = chance.randrange(8)
        for _ in range(4):
            record = encoder.encode(
                severity,
                chance.choice(chance.choice([TEXTS, OCTETS])),
                time_ns=chance.choice(TIMES),
                msgid=chance.choice([None, *HEADER_FIELDS]),
                structured_data=chance.choice(STRUCTURED_DATA),
            )
            parsed = variant.judge(record, max_size, prefix)
            assert parsed.priority == options["facility"] * 8 + severity


@each_variant
def test_what_is_refused(variant: Variant) -> None:
    """TypeError and ValueError, as documented, and no byte of a record anywhere."""
    encoder = variant.make_encoder()
    buffer = bytearray(b"as it was")
    view = memoryview(bytearray(b"as it was" * 2000))

    def refuse(severity: object = "info", message: object = "x", **own: object) -> None:
        for call in (encoder.encode, *[
            lambda *given, target=target, **own: encoder.encode_into(target, *given, 3, **own)
            for target in (buffer, view)
        ]):  # fmt: skip
            with pytest.raises((TypeError, ValueError)) as caught:
                call(severity, message, **own)
            assert type(caught.value) in (TypeError, ValueError)

    for severity in BAD_SEVERITIES:
        refuse(severity=severity)
    for message in BAD_MESSAGES:
        refuse(message=message)
    for time_ns in BAD_TIMES:
        refuse(time_ns=time_ns)
    for data in BAD_STRUCTURED_DATA:
        refuse(structured_data=data)
        with pytest.raises((TypeError, ValueError)):
            variant.make_encoder(structured_data=data)
    for facility in BAD_FACILITIES:
        with pytest.raises((TypeError, ValueError)):
            variant.make_encoder(facility=facility)
    assert buffer == b"as it was"
    assert view == b"as it was" * 2000


# --- what changes the buffer while a record for it is made ----------------------------------------

CHANGES = {
    "emptied": lambda target: target.clear(),
    "shorter": lambda target: target.__delitem__(slice(20, None)),
    "longer": lambda target: target.extend(b"9" * 1000),
}


class Meddler:
    """Changes a buffer when it is read, as a message or as a value of structured data."""

    def __init__(self, change: Callable[[bytearray], object], target: bytearray) -> None:
        self.change = lambda: change(target)

    def __str__(self) -> str:
        self.change()
        return "value"

    def __buffer__(self, flags: int) -> memoryview:  # from Python 3.12 on
        self.change()
        return memoryview(b"message")


WAYS = {
    "value": lambda encoder, target, meddler, offset: encoder.encode_into(
        target, 6, "text", offset, time_ns=0, structured_data={"a@1": {"name": meddler}}
    ),
}
if sys.version_info >= (3, 12):
    WAYS["message"] = lambda encoder, target, meddler, offset: encoder.encode_into(
        target, 6, meddler, offset, time_ns=0
    )
    WAYS["one of many"] = lambda encoder, target, meddler, offset: encoder.encode_many_into(
        target, 6, ["text", meddler, b"text"], offset, time_ns=0
    )


@try_each("way", WAYS)
@try_each("change", CHANGES)
@try_each("offset", [0, 20, 21, 100])
def test_a_buffer_that_changes_meanwhile(
    encoder_module: ModuleType, way: str, change: str, offset: int
) -> None:
    """What precedes the record is what stood there, or nothing is written at all."""
    encoder = encoder_module.Encoder(**IDENTITY)
    expected = bytearray(b"0123456789" * 10)
    CHANGES[change](expected)
    target = bytearray(b"0123456789" * 10)
    meddler = Meddler(CHANGES[change], target)
    if offset > len(expected):
        with pytest.raises(ValueError, match=f"offset must be in 0..{len(expected)}, "):
            WAYS[way](encoder, target, meddler, offset)
        assert target == expected
        return
    result = WAYS[way](encoder, target, meddler, offset)
    end = result[0] if way == "one of many" else result
    assert target[:offset] == expected[:offset]
    assert target[end:] == expected[end:]
    assert target[offset:end].startswith(b"<14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - ")
    assert len(target) == max(end, len(expected))
