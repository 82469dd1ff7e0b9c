"""Structured data of any kind, through every door: a strict judge takes each record that comes out.

What a program gives to constructors and to `Encoder.encode...` may be refused; what comes with a
record to an emitter, in a LogRecord, or to a handler, may not.
"""

import logging
import os
from types import ModuleType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.backends import load_backend, load_emitter_module
from support.emitters import make_emitter, take
from support.grammar import parse_rfc5424
from support.malicious_input import (
    BAD_STRUCTURED_DATA,
    STRUCTURED_DATA,
    BigInt,
    Chatty,
    Octets,
    Text,
)

pytestmark = pytest.mark.native

EXAMPLES = int(os.environ.get("SYSLOGFAST_EXAMPLES", "1000"))
IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}


class Raising:
    def __str__(self) -> str:
        raise ArithmeticError("no text")


class Sly(str):
    """A key that no other is equal to."""

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return self is other


class Furious(str):
    """A key that gets in the way of "meta"."""

    def __hash__(self) -> int:
        return hash("meta")

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError("no comparison")


class Elements(dict):
    """A dict of its own kind."""

    def items(self) -> object:
        raise ArithmeticError("no items")


def build(pairs: list[tuple[object, object]]) -> dict[object, object]:
    """Return a dict of those of them that can be in one."""
    made: dict[object, object] = {}
    for name, value in pairs:
        try:
            made[name] = value
        except ArithmeticError:
            pass
    return made


parts = st.sampled_from(
    ["", "a", "b", "meta", "origin", "x" * 31, "n" * 40, "@", "@@", "@1", "@32473", "@1.2", "@x",
     "@" + "1" * 40, " ", "=", "]", '"', "\\", "\n", "\0", "\u00e9", "\ud800", "\u0661", "\u202e"]
)  # fmt: skip
texts = st.lists(parts, max_size=5).map("".join)
names = st.one_of(
    texts,
    texts,
    texts.map(Text),
    texts.map(Sly),
    texts.map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from([None, 7, 1.5, True, (), ("a",), Raising(), BigInt(3), Furious("meta")]),
)
leaves = st.one_of(
    texts,
    texts.map(Text),
    st.binary(max_size=40),
    st.binary(max_size=40).map(Octets),
    st.binary(max_size=40).map(bytearray),
    st.integers(),
    st.floats(),
    st.sampled_from(
        [None, True, "v" * 9000, "\n" * 3000, "]" * 300, Raising(), Chatty(), object()]
    ),
    st.integers(4000, 6000).map(lambda digits: 10**digits),  # beyond what str() writes
)
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
pairs = st.lists(st.tuples(names, nested), max_size=4)
parameters = st.one_of(
    pairs.map(build),
    pairs,
    pairs.map(tuple),
    pairs.map(lambda given: [list(pair) for pair in given]),
    st.lists(nested, max_size=3),
    nested,
)
elements = st.lists(st.tuples(names, parameters), max_size=4).map(build)
LISTED = [*STRUCTURED_DATA, *BAD_STRUCTURED_DATA]
RENDERED = [b"", b"-", b'[a@1 b="c"][meta x="y"]', b'[meta sequenceId="7"]', b"[x@1][y@1]"]
any_data = st.one_of(
    elements,
    elements,
    elements.map(Elements),
    nested.filter(lambda data: not isinstance(data, bytes)),  # which are trusted
    st.sampled_from(RENDERED),
    st.integers(0, len(LISTED) - 1).map(LISTED.__getitem__),  # of which some have no repr
)
options = st.fixed_dictionaries(
    {},
    optional={
        "enterprise_id": st.sampled_from([None, 5, "32473.1", "1" * 22]),
        "attributes": st.sampled_from(
            [None, {"code": {"logger": "name"}}, {"x@1": {"a": "absent", "b": "msg"}}]
        ),
        "structured_data": st.sampled_from([None, {"k": {"l": 1}, "meta": {"m": 2}}, b"[y@1]"]),
        "bom": st.booleans(),
        "max_size": st.sampled_from([None, 300, 2048]),
    },
)


def judge(record: bytes, max_size: int | None) -> None:
    """Raise ValueError if a record breaks RFC 5424, and AssertionError if it is too long."""
    parse_rfc5424(record)
    assert len(record) <= (max_size or 8192)


def refuse_or_judge(call: object, max_size: int | None) -> object:
    """Return the record, or what a program is told."""
    try:
        record = call()
    except (TypeError, ValueError, ArithmeticError) as error:
        return type(error), str(error)
    judge(bytes(record), max_size)
    return bytes(record)


def encode_into(encoder: object, data: object) -> bytearray:
    buffer = bytearray()
    encoder.encode_into(buffer, 6, "sold", time_ns=0, structured_data=data)
    return buffer


def try_programs(module: ModuleType, data: object, options: dict) -> list[object]:
    """Return what becomes of the data where wrong ones are refused."""
    encoder = module.Encoder(**IDENTITY, **options)
    size = options.get("max_size")
    results = [
        refuse_or_judge(call, size)
        for call in (
            lambda: encoder.encode(6, "sold", time_ns=0, structured_data=data),
            lambda: encode_into(encoder, data),
            lambda: encoder.header(6, time_ns=0, structured_data=data).removesuffix(
                b"\xef\xbb\xbf"
            ),
            lambda: encoder.replace(structured_data=data).encode(6, "sold", time_ns=0),
        )
    ]
    assert results[0] == results[1]
    return results


def try_records(module: ModuleType, name: str, data: object, options: dict) -> list[object]:
    """Return what becomes of the data where nothing raises."""
    size = options.get("max_size")
    encoder = module.Encoder(**IDENTITY, **options)
    record = logging.makeLogRecord({"msg": "sold", "levelno": 20, "created": 0.0})
    record.structured_data = data
    records = [encoder.encode_record(record)]
    emitters = load_emitter_module(name)
    plain = make_emitter(emitters, **options)
    numbered = emitters.Emitter(plain._encoder, plain._queue, plain._sender, emitters.Sequence())
    for emitter in (plain, numbered):
        emitter.emit(6, "sold", structured_data=data, time_ns=0)
        emitter.info("sold %d", 3, structured_data=data, msgid="SALE", time_ns=0)
        emitter.emit_record(record)
    records += take(plain)
    assert len(records) == 7
    for written in records:
        judge(written, size)
    return records


@pytest.mark.slow
@settings(
    max_examples=EXAMPLES // 10 + 1,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
@given(data=any_data, options=options)
@example({"a": {}, "a@5": {}, "a b": None}, {"enterprise_id": 5})
@example({Furious("meta"): {}, "b": None}, {"enterprise_id": 5})
@example({Furious("meta"): {}}, {"attributes": {"meta": {"a": "msg"}}})
@example({Sly("a"): {"n": 1}, Sly("a@5"): {"m": 1}}, {"enterprise_id": 5})
@example({"meta": [None, ("sequenceId", None)]}, {})
@example({"\\": {}}, {"structured_data": {"k": {"l": 1}, "meta": {"m": 2}}})
@example({"a": {}}, {"structured_data": {"a\\": {}, "a": {"b": "]\\"}, "b\\": {"c\\": 1}}})
def test_any_structured_data(data: object, options: dict) -> None:
    """Both backends give the same records, or errors, and no record is invalid."""
    results = []
    for name in ("c", "python"):
        module = load_backend(name)
        results.append(
            [*try_programs(module, data, options), *try_records(module, name, data, options)]
        )
    assert results[0] == results[1]


@pytest.mark.slow
def test_every_listed_one() -> None:
    """All that have broken something before, and all that have to be refused."""
    for data in LISTED:
        for chosen in ({}, {"enterprise_id": 7, "attributes": {"code": {"logger": "name"}}}):
            first, second = (
                [*try_programs(load_backend(name), data, chosen),
                 *try_records(load_backend(name), name, data, chosen)]
                for name in ("c", "python")
            )  # fmt: skip
            assert first == second
