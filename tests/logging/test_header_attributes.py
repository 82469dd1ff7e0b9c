"""header_attributes: header fields that a record brings, in every protocol, through every door."""

import copy
import gc
import itertools
import logging
import os
import pickle
import socket
import threading
from types import ModuleType

import pytest
from support.backends import load_emitter_module
from support.each import try_each
from support.emitters import make_emitter, take
from support.grammar import parse_rfc3164, parse_rfc5424
from support.malicious_input import HEADER_FIELDS, TEXTS, BigInt, Text

import syslogfast

pytestmark = [pytest.mark.native, pytest.mark.threads]

IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
PROTOCOLS = ("rfc5424", "rfc3164", "local")
ATTRIBUTES = {"hostname": "host", "app_name": "app", "procid": "worker", "msgid": "event"}
ALL = {"hostname": "host", "app_name": ["app", "name"], "procid": ("worker",), "msgid": "event"}


def make_record(msg: str = "sold", **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": msg, "levelno": 20, "created": 0.0, **fields})


def read(module: ModuleType, record: logging.LogRecord, **options: object) -> tuple[str, ...]:
    """Return the header fields of a record (RFC 5424)."""
    encoder = module.Encoder(**{**IDENTITY, "header_attributes": ALL, **options})
    parsed = parse_rfc5424(encoder.encode_record(record))
    assert parsed.message == record.getMessage()
    return parsed.hostname, parsed.app_name, parsed.procid, parsed.msgid


class Raising:
    def __str__(self) -> str:
        raise KeyError("no text")


class Computed(logging.LogRecord):
    """A record whose attributes are computed, or cannot be."""

    @property
    def host(self) -> str:
        raise ArithmeticError("no host")

    @property
    def app(self) -> str:
        return "computed"


@try_each(
    "fields, expected",
    [
        ({}, ("web1", "shop", "42", "-")),
        ({"host": "db1.example.com"}, ("db1.example.com", "shop", "42", "-")),
        ({"name": "till"}, ("web1", "till", "42", "-")),
        ({"name": "till", "app": "desk"}, ("web1", "desk", "42", "-")),
        ({"name": "till", "app": None}, ("web1", "till", "42", "-")),
        ({"name": "till", "app": ""}, ("web1", "-", "42", "-")),
        ({"worker": 140_000_000_000_000}, ("web1", "shop", "140000000000000", "-")),
        ({"worker": True, "event": 1.5}, ("web1", "shop", "True", "1.5")),
        ({"worker": BigInt(7), "app": Text("as it is")}, ("web1", "as_it_is", "liar", "-")),
        ({"app": b"caf\xc3\xa9\xff"}, ("web1", "caf_____", "42", "-")),
        ({"app": "caf\u00e9\u20ac\U0001f600\ud800"}, ("web1", "caf____________", "42", "-")),
        ({"app": "n" * 100, "host": "h" * 300}, ("h" * 255, "n" * 48, "42", "-")),
        ({"app": "n" * 47 + "\u00e9"}, ("web1", "n" * 47 + "_", "42", "-")),
        ({"event": "a b", "worker": "x" * 200}, ("web1", "shop", "x" * 128, "a_b")),
        ({"event": "SALE", "msgid": "OTHER"}, ("web1", "shop", "42", "SALE")),
        ({"msgid": "OTHER"}, ("web1", "shop", "42", "OTHER")),
        ({"app": Raising()}, ("web1", "<unprintable_Raising:_KeyError>", "42", "-")),
        ({"app": "<0>1 - evil evil - - -\n"}, ("web1", "<0>1_-_evil_evil_-_-_-_", "42", "-")),
    ],
)
def test_fields(encoder_module: ModuleType, fields: dict, expected: tuple) -> None:
    """The first attribute that the record has, made to fit; else what the field is otherwise."""
    record = make_record(**{"name": None, **fields})
    assert read(encoder_module, record) == expected
    data = {"structured_data": {"a@1": {"b": "c"}}}
    assert read(encoder_module, make_record(**{"name": None, **fields, **data})) == expected
    plain = make_record("a message of some length", **{"name": None, **fields})
    assert read(encoder_module, plain, framing=None, bom=True) == expected


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_text(encoder_module: ModuleType, protocol: str) -> None:
    """What constants would be made of, of whatever text: nobody forges a header, or a record."""
    encoder = encoder_module.Encoder(**IDENTITY, protocol=protocol, header_attributes=ALL)
    plain = encoder_module.Encoder(**IDENTITY, protocol=protocol)
    for field, attribute in ATTRIBUTES.items():
        for text in (*HEADER_FIELDS, *TEXTS):
            data = encoder.encode_record(make_record(name=None, **{attribute: text}))
            constant = plain.replace(**{field: text})
            assert data == constant.encode(6, "sold", time_ns=0)
            if protocol == "rfc5424":
                assert parse_rfc5424(data).message == "sold"
            else:
                assert parse_rfc3164(data, protocol == "rfc3164").message == "sold"


@try_each("protocol", PROTOCOLS)
@try_each("procid", ["-", "42", ":]x", "9" * 200])
@try_each("hostname", ["-", "web1.example.com", "fe80::1", ""])
def test_constants_beside_them(
    encoder_module: ModuleType, protocol: str, hostname: str, procid: str
) -> None:
    """The fields that a record does not bring are the encoder's own, octet for octet."""
    names = {"hostname": hostname, "app_name": "a.b", "procid": procid}
    encoder = encoder_module.Encoder(**names, protocol=protocol, header_attributes=ALL)
    plain = encoder_module.Encoder(**names, protocol=protocol)
    for length in range(4):
        for chosen in itertools.combinations(list(ATTRIBUTES.items())[:3], length):
            own = {field: f"own-{field}" for field, _ in chosen}
            record = make_record(
                name=None, **{attribute: f"own-{field}" for field, attribute in chosen}
            )
            expected = plain.replace(**own).encode(6, "sold", time_ns=0)
            assert encoder.encode_record(record) == expected


def test_records_of_another_class(encoder_module: ModuleType) -> None:
    """What raises is an attribute that is not there."""
    record = Computed("till", 20, __file__, 1, "sold", None, None)
    assert read(encoder_module, record)[:2] == ("web1", "computed")
    del record.name
    assert read(encoder_module, record)[:2] == ("web1", "computed")


def test_process(encoder_module: ModuleType) -> None:
    """Without an attribute PROCID is the record's process, where none was given."""
    for process in (os.getpid(), 7):
        record = make_record(process=process, name="till")
        assert read(encoder_module, record, procid=None)[1:3] == ("till", str(process))
    record.worker = "w1"
    assert read(encoder_module, record, procid=None)[2] == "w1"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_space(both_modules: tuple[ModuleType, ...], protocol: str) -> None:
    """No record is longer than max_size: fields that have no space are left to the encoder."""
    options = {**IDENTITY, "protocol": protocol, "header_attributes": ALL}
    for size in (0, 1, 30, 48, 100):
        record = make_record("\u00e9" * 9, name="n" * size, host="h" * size)
        results = []
        for module in both_modules:
            least = module.Encoder(**options).max_size
            with pytest.raises(ValueError, match="max_size must be at least") as caught:
                module.Encoder(**options, max_size=0)
            least = int(str(caught.value).split("at least ")[1].split(",")[0])
            for extra in (0, 1, 20, 60, 300):
                data = module.Encoder(**options, max_size=least + extra).encode_record(record)
                assert len(data) <= least + extra
                results.append(data)
        half = len(results) // 2
        assert results[:half] == results[half:]


@try_each(
    "given, kind",
    [
        *[(value, TypeError) for value in (5, "name", [], ("app_name",), {"app_name": 5})],
        *[(value, TypeError) for value in ({"msgid": None}, {"msgid": b"x"}, {"procid": ["a", 5]})],
        *[(value, TypeError) for value in ({5: "x"}, {None: "x"}, {"msgid": {"a": "b"}})],
        *[(value, ValueError) for value in ({"facility": "x"}, {"": "x"}, {"app name": "x"})],
        *[(value, ValueError) for value in ({"app_name": ""}, {"app_name": []})],
        *[(value, ValueError) for value in ({"app_name": ["a", ""]}, {Text("appname"): "x"})],
    ],
)
def test_wrong_ones(both_modules: tuple[ModuleType, ...], given: object, kind: type) -> None:
    """What is not {field: attribute} or {field: [attribute]} is refused, with the same words."""
    errors = []
    for module in both_modules:
        for call in (
            lambda module=module: module.Encoder(**IDENTITY, header_attributes=given),
            lambda module=module: module.Encoder(**IDENTITY).replace(header_attributes=given),
        ):
            with pytest.raises(kind, match=r"^header_attributes ") as caught:
                call()
            errors.append(str(caught.value))
    assert len(set(errors)) == 1
    for make in (syslogfast.Formatter, lambda **o: syslogfast.connect("fd://1", **o)):
        with pytest.raises(kind, match=r"^header_attributes "):
            make(header_attributes=given)


def test_an_option(encoder_module: ModuleType) -> None:
    """replace, copy and pickle keep it; a dict that changes later changes nothing."""
    given = {"app_name": ["app", "name"], Text("procid"): [Text("worker")]}
    encoder = encoder_module.Encoder(**IDENTITY, header_attributes=given)
    record = make_record(name="till", worker="t1")
    expected = encoder.encode_record(record)
    assert b" till t1 " in expected
    given["app_name"].insert(0, "msg")
    given["hostname"] = "msg"
    for other in (
        encoder,
        encoder.replace(hostname="web1"),
        encoder.replace(hostname="web2").replace(hostname="web1"),
        copy.copy(encoder),
        pickle.loads(pickle.dumps(encoder)),
    ):
        assert other.encode_record(record) == expected
    assert b" shop 42 " in encoder.replace(header_attributes=None).encode_record(record)
    assert b" shop 42 " in encoder.replace(header_attributes={}).encode_record(record)
    assert b" shop 42 " in encoder.encode(6, "no LogRecord")


# --- doors ---------------------------------------------------------------------------------------


def test_formatter() -> None:
    """Formatter takes it, with a format of its own or without."""
    for fmt in (None, "%(message)s", "%(levelname)s %(message)s"):
        formatter = syslogfast.Formatter(fmt, **IDENTITY, header_attributes={"app_name": "name"})
        assert " web1 till 42 - - " in formatter.format(make_record(name="till"))
        assert " web1 desk 42 - - " in formatter.format(make_record(name="desk"))


@pytest.mark.parametrize("delivery", [False, True])
def test_handler(delivery: bool, receiver: socket.socket) -> None:
    """SysLogHandler takes it, with delivery and without, for each logger that uses it."""
    host, port = receiver.getsockname()
    address = f"udp://{host}:{port}" if delivery else (host, port)
    options = {} if delivery else {"protocol": "rfc5424"}
    handler = syslogfast.SysLogHandler(
        address, **options, **IDENTITY, header_attributes={"app_name": ["app", "name"]}
    )
    try:
        for name in ("till", "desk"):
            handler.handle(make_record(name=name))
            handler.handle(make_record(name=name, app="own"))
        handler.flush()
        records = [parse_rfc5424(receiver.recv(2048)) for _ in range(4)]
        assert [record.app_name for record in records] == ["till", "own", "desk", "own"]
    finally:
        handler.close()


@pytest.mark.parametrize("sequence", [False, True])
def test_emitter(backend: str, sequence: bool) -> None:
    """Emitters and their children take it, and number their records in order."""
    module = load_emitter_module(backend)
    emitter = make_emitter(module, header_attributes={"app_name": "name", "msgid": "event"})
    if sequence:
        emitter = module.Emitter(
            emitter._encoder, emitter._queue, emitter._sender, module.Sequence()
        )
    child = emitter.child(hostname="web2", header_attributes={"procid": "worker"})
    for name in ("till", "desk"):
        emitter.emit_record(make_record("sold " * 9, name=name, event="E", worker="T"))
        emitter.info("no LogRecord")
        emitter.emit_record(make_record("caf\u00e9", name=name), "text")
        child.emit_record(make_record("sold " * 9, name=name, worker="T"))
    parsed = [parse_rfc5424(record) for record in take(emitter)]
    fields = [(p.hostname, p.app_name, p.procid, p.msgid) for p in parsed]
    assert fields == [
        *[("web1", "till", "42", "E"), ("web1", "shop", "42", "-"), ("web1", "till", "42", "-")],
        ("web2", "shop", "T", "-"),
        *[("web1", "desk", "42", "E"), ("web1", "shop", "42", "-"), ("web1", "desk", "42", "-")],
        ("web2", "shop", "T", "-"),
    ]
    if sequence:
        numbers = [dict(p.structured_data)["meta"] for p in parsed if p.hostname == "web1"]
        assert numbers == [[("sequenceId", str(number))] for number in range(1, 7)]


# --- memory, threads, forks ----------------------------------------------------------------------


def test_memory_is_bounded(encoder_module: ModuleType) -> None:
    """However many names there are, none is kept."""
    encoder = encoder_module.Encoder(**IDENTITY, header_attributes=ALL)
    gc.collect()
    before = len(gc.get_objects())
    for number in range(2000):
        data = encoder.encode_record(make_record(name=f"logger-{number}", host=f"h{number}"))
        assert f" h{number} logger-{number} 42 ".encode() in data
    gc.collect()
    assert len(gc.get_objects()) < before + 50


def test_threads(encoder_module: ModuleType) -> None:
    """One encoder, eight threads, each with names of its own: none has another's."""
    encoder = encoder_module.Encoder(**IDENTITY, header_attributes=ALL)
    failures: list[bytes] = []

    def encode(thread: int) -> None:
        for number in range(500):
            name = f"t{thread}-{number % 40}" + "x" * (number % 11)
            data = encoder.encode_record(make_record(name=name, worker=thread))
            if f" web1 {name} {thread} - - sold".encode() not in data:
                failures.append(data)

    threads = [threading.Thread(target=encode, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.versions
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork(encoder_module: ModuleType) -> None:
    """A child goes on with its own process, and the names of its records."""
    encoder = encoder_module.Encoder(hostname="web1", header_attributes={"app_name": "name"})
    assert b" till " in encoder.encode_record(make_record(name="till"))
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            record = make_record(name="desk", process=os.getpid())
            os.write(writer, encoder.encode_record(record))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader, "rb") as stream:
        parsed = parse_rfc5424(stream.read())
    assert (parsed.app_name, parsed.procid) == ("desk", str(child))


@pytest.mark.parametrize("name", ["user", "structured_data", "msgid"])
def test_an_attribute_that_is_interrupted(encoder_module: ModuleType, name: str) -> None:
    """What is no Exception goes on its way; another one is as if it was not there."""
    raised: list[type[BaseException]] = [KeyboardInterrupt]

    def find(record: logging.LogRecord) -> str:
        raise raised[0]

    kind = type("Interrupted", (logging.LogRecord,), {name: property(find)})
    encoder = encoder_module.Encoder(**IDENTITY, header_attributes={"msgid": ["user", "other"]})
    record = kind("shop", logging.INFO, "", 0, "sold out", (), None)
    with pytest.raises(KeyboardInterrupt):
        encoder.encode_record(record)
    raised[0] = LookupError
    assert encoder.encode_record(record).endswith(b" sold out")
