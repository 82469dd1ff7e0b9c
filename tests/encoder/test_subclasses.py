"""A value is of its type, and of what that holds, whatever its class and methods say."""

import inspect
import logging
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from support.each import try_each
from support.odd_kinds import Pretender

from syslogfast import _encoder_py

pytestmark = [pytest.mark.native, pytest.mark.portable]

SECOND = 1_000_000_000
TIME = 1_065_910_455_003_000_000
IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
OTHERS: dict[type, Any] = {
    int: 7,
    float: 7.5,
    str: "another",
    bytes: b"another",
    bytearray: bytearray(b"another"),
}
# What an object needs to be one.
KEPT = {"__new__", "__init__", "__class__", "__getattribute__", "__setattr__", "__delattr__"}
KEPT |= {"__init_subclass__", "__subclasshook__", "__dir__", "__buffer__", "__release_buffer__"}

Kind = Callable[[Any], Any]


def list_methods(base: type) -> list[str]:
    return [name for name in dir(base) if name not in KEPT and callable(getattr(base, name))]


def make_liar(base: type) -> type:
    """Return a subclass whose methods, operators among them, are those of another value."""

    def make_method(name: str) -> Callable[..., object]:
        return lambda self, *args, **kwargs: getattr(OTHERS[base], name)(*args, **kwargs)

    return type("Liar", (base,), {name: make_method(name) for name in list_methods(base)})


def make_refuser(base: type) -> type:
    """Return a subclass whose methods all raise."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("a method of the value's own was called")

    return type("Refuser", (base,), dict.fromkeys(list_methods(base), refuse))


@pytest.fixture(params=[make_liar, make_refuser], ids=["lies", "refuses"])
def disguise(request: pytest.FixtureRequest) -> Kind:
    """A function that gives a value the class of a subclass with methods of its own."""
    kinds = {base: request.param(base) for base in OTHERS}
    return lambda value: kinds[type(value)](value)


def encode(module: ModuleType, *args: Any, **options: Any) -> bytes:
    severity, message = args or (6, "text")
    return module.Encoder(**{**IDENTITY, **options}).encode(severity, message, time_ns=TIME)


def encode_own(module: ModuleType, message: Any = "text", **keywords: Any) -> bytes:
    keywords = {"time_ns": TIME, **keywords}
    return module.Encoder(**IDENTITY).encode(6, message, **keywords)


def encode_into(module: ModuleType, *args: Any, **keywords: Any) -> tuple[object, bytearray]:
    buffer = bytearray(b"12345")
    keywords = {"time_ns": TIME, **keywords}
    return module.Encoder(**IDENTITY).encode_into(buffer, *args, **keywords), buffer


def encode_many(module: ModuleType, *args: Any, **keywords: Any) -> tuple[object, bytearray]:
    buffer = bytearray(b"12345")
    keywords = {"time_ns": TIME, **keywords}
    return module.Encoder(**IDENTITY).encode_many_into(buffer, *args, **keywords), buffer


def fill(buffer: bytearray, write: Callable[..., object], messages: object) -> object:
    """Write at the third octet; return the result and what is in the buffer afterwards."""
    result = write(buffer, 6, messages, 3 if memoryview(buffer).nbytes else 0, time_ns=TIME)
    return result, bytes(memoryview(buffer))


def encode_record(module: ModuleType, message: Any = None, **attributes: Any) -> bytes:
    record = logging.makeLogRecord({"msg": "text", "created": 1.0, "process": 1, **attributes})
    encoder = module.Encoder(hostname="web1", app_name="shop")
    return encoder.encode_record(record, message)


# Seconds at which a number of nanoseconds has one digit, one word, and more than C's numbers have.
TIMES = [0, TIME, -1, -SECOND, 1 << 62, 1 << 70, -(1 << 70), 253402300799 * SECOND + 999]


def list_calls(module: ModuleType, kind: Kind) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield calls with a value that `kind` has made of a plain one."""
    for time in TIMES:
        for protocol in "rfc5424", "rfc3164":
            if protocol == "rfc3164" and abs(time) > 1 << 69:
                continue  # the present time
            encoder = module.Encoder(**IDENTITY, protocol=protocol, local_time=False)
            yield (
                f"time {time} {protocol}",
                lambda time=time, encoder=encoder, protocol=protocol: [
                    encoder.encode(6, "text", time_ns=kind(time)),
                    encoder.encode_into(bytearray(), 6, "text", time_ns=kind(time)),
                    encoder.encode_many_into(bytearray(), 6, ["text"], time_ns=kind(time)),
                    encoder.header(6, time_ns=kind(time)),
                    module.format_timestamp(kind(time), protocol=protocol, local_time=False),
                ],
            )
    yield (
        "no time",
        lambda: [
            encode_own(module, time_ns=kind(float("nan"))),
            encode_own(module, time_ns=kind(float("-inf"))),
        ],
    )
    for severity in 0, 3, "err":
        yield (
            f"severity {severity}",
            lambda severity=severity: [
                encode(module, kind(severity), "text"),
                encode_into(module, kind(severity), "text"),
                encode_many(module, kind(severity), ["text"]),
                module.Encoder(**IDENTITY).header(kind(severity), time_ns=TIME),
            ],
        )
    for name, value in [
        *[("facility", 16), ("facility", "local0"), ("precision", 3), ("max_size", 480)],
        *[("procid", 44), ("procid", "name"), ("hostname", "n\xe9me"), ("app_name", "name")],
        *[("msgid", "n\xe9me"), ("protocol", "rfc3164"), ("framing", "octet")],
        *[("controls", "keep"), ("prefix", b"token "), ("structured_data", b"[a@1]")],
        *[("structured_data", b"-"), ("enterprise_id", 32473), ("enterprise_id", "1.2")],
    ]:
        options = {"local_time": False}
        yield (
            f"option {name} {value!r}",
            lambda name=name, value=value, options=options: [
                encode(module, 6, "line\n" * 200 + "end", **{**options, name: kind(value)}),
                module.Encoder(**{**IDENTITY, **options, name: kind(value)})
                .replace(app_name="till")
                .encode(3, "text", time_ns=TIME),
            ],
        )
    yield "precision alone", lambda: module.format_timestamp(TIME, precision=kind(3))
    yield (
        "protocol alone",
        lambda: module.format_timestamp(TIME, protocol=kind("rfc3164"), local_time=False),
    )
    for text in "text", "caf\xe9\n.", "\ud800x", "\ufeffx", "x" * 9000, b"text", b"caf\xc3\xa9\n.":
        yield (
            f"message {text[:5]!r}",
            lambda text=text: [
                encode_own(module, kind(text)),
                encode(module, 6, kind(text), bom=True),
                encode_into(module, 6, kind(text)),
                encode_many(module, 6, ["a", kind(text)]),
            ],
        )
    yield "msgid", lambda: encode_own(module, msgid=kind("n\xe9me"))
    for data in b"[a@1]", b"-":
        yield f"elements {data!r}", lambda data=data: encode_own(module, structured_data=kind(data))
    for value in "v]", b"v]":
        yield (
            f"value {value!r}",
            lambda value=value: [
                encode_own(module, structured_data={"a@1": [(kind("name"), kind(value))]}),
                encode(module, structured_data={"a@1": [(kind("name"), kind(value))]}),
            ],
        )
    for text in bytearray(b"text"), bytearray(b"caf\xc3\xa9\n."):
        yield (
            f"message {text!r}",
            lambda text=text: [
                encode_own(module, kind(text)),
                encode_many(module, 6, ["a", kind(text)]),
                encode_own(module, structured_data={"a@1": {"b": kind(text)}}),
            ],
        )
    for size in 0, 5, 90, 200:
        yield (
            f"buffer of {size}",
            lambda size=size: [
                fill(kind(bytearray(size)), module.Encoder(**IDENTITY).encode_into, "text"),
                fill(kind(bytearray(size)), module.Encoder(**IDENTITY).encode_many_into, ["text"]),
            ],
        )
    for offset in 0, 2, 5:
        yield (
            f"offset {offset}",
            lambda offset=offset: [
                encode_into(module, 6, "text", kind(offset)),
                encode_many(module, 6, ["text"], kind(offset)),
                module.Encoder(**IDENTITY).encode_into(
                    memoryview(bytearray(99)), 6, "text", kind(offset), time_ns=TIME
                ),
            ],
        )
    for name, value in [
        *[("levelno", 50), ("levelno", 10**30), ("process", 50), ("process", 10**30)],
        *[("msgid", "name"), ("structured_data", b"[a@1]"), ("levelno", 45.5)],
        *[("created", 5), ("created", 1065910455.003)],
    ]:
        yield (
            f"record {name} {value}",
            lambda name=name, value=value: encode_record(module, **{name: kind(value)}),
        )
    yield "record's text", lambda: encode_record(module, kind("caf\xe9"))


NAMES = [name for name, _ in list_calls(_encoder_py, id)]


@try_each("name", NAMES)
def test_the_value_counts(encoder_module: ModuleType, disguise: Kind, name: str) -> None:
    """What comes out is what the plain value gives."""
    expected = dict(list_calls(encoder_module, lambda value: value))[name]()
    assert dict(list_calls(encoder_module, disguise))[name]() == expected


@try_each(
    "call, error",
    [
        (lambda module, kind: encode(module, kind(8), "text"), "severity must be in 0..7"),
        (lambda module, kind: encode(module, kind(-1), "text"), "severity must be in 0..7"),
        (lambda module, kind: encode(module, kind("loud"), "text"), "severity must be in 0..7"),
        (lambda module, kind: encode(module, facility=kind(24)), "facility must be in 0..23"),
        (lambda module, kind: encode(module, precision=kind(8)), "precision must be in 0..6"),
        (lambda module, kind: encode(module, max_size=kind(2)), "max_size must be at least"),
        (lambda module, kind: encode(module, max_size=kind(1 << 40)), "max_size must be below"),
        (lambda module, kind: encode(module, protocol=kind("syslog")), "protocol must be one of"),
        (lambda module, kind: encode(module, framing=kind("crlf")), "framing must be one of"),
        (lambda module, kind: encode_into(module, 6, "text", kind(6)), "offset must be in 0..5"),
        (lambda module, kind: encode_into(module, 6, "text", kind(-1)), "offset must be in 0..5"),
        (lambda module, kind: encode_many(module, 6, ["a"], kind(6)), "offset must be in 0..5"),
    ],
)
def test_the_value_is_refused(
    encoder_module: ModuleType, disguise: Kind, call: Callable[..., object], error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        call(encoder_module, disguise)


class Equal:
    """Equal to whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("option", ["protocol", "framing", "controls"])
def test_no_choice_is_what_is_only_equal_to_one(encoder_module: ModuleType, option: str) -> None:
    with pytest.raises(ValueError, match=f"^{option} must be one of "):
        encoder_module.Encoder(**{option: Equal()})
    with pytest.raises(ValueError, match=r"^protocol must be one of "):
        encoder_module.format_timestamp(protocol=Equal())


@pytest.mark.parametrize(
    ("options", "plain"),
    [({"facility": True}, {"facility": 1}), ({"precision": True}, {"precision": 1})],
)
def test_bools_are_ints(encoder_module: ModuleType, options: dict, plain: dict) -> None:
    assert encode(encoder_module, **options) == encode(encoder_module, **plain)
    assert encode(encoder_module, True, "text") == encode(encoder_module, 1, "text")
    encoder = encoder_module.Encoder(**IDENTITY)
    assert encoder.encode(6, "text", time_ns=True) == encoder.encode(6, "text", time_ns=1)
    assert encoder.encode_into(bytearray(1), 6, "text", True) == encoder.encode_into(
        bytearray(1), 6, "text", 1
    )


KINDS = [int, float, str, bytes, bytearray, memoryview, list, tuple, dict]


@try_each("kind", KINDS)
@try_each(
    "field, call",
    [
        ("severity", lambda encoder, value: encoder.encode(value, "text")),
        ("severity", lambda encoder, value: encoder.header(value)),
        ("message", lambda encoder, value: encoder.encode(6, value)),
        ("message", lambda encoder, value: encoder.encode_into(bytearray(), 6, value)),
        ("message", lambda encoder, value: encoder.encode_many_into(bytearray(), 6, [value])),
        ("messages", lambda encoder, value: encoder.encode_many_into(bytearray(), 6, value)),
        ("time_ns", lambda encoder, value: encoder.encode(6, "text", time_ns=value)),
        ("msgid", lambda encoder, value: encoder.encode(6, "text", msgid=value)),
        ("buffer", lambda encoder, value: encoder.encode_into(value, 6, "text")),
        ("offset", lambda encoder, value: encoder.encode_into(bytearray(), 6, "text", value)),
        ("structured_data", lambda encoder, value: encoder.header(6, structured_data=value)),
        (
            "structured_data parameters",
            lambda encoder, value: encoder.header(6, structured_data={"a": value}),
        ),
        (
            "structured_data parameters",
            lambda encoder, value: encoder.header(6, structured_data={"a": [value]}),
        ),
        (
            "structured_data PARAM-NAME",
            lambda encoder, value: encoder.header(6, structured_data={"a": {value: 1}}),
        ),
        (
            "structured_data SD-ID",
            lambda encoder, value: encoder.header(6, structured_data={value: {}}),
        ),
        *[
            (option, lambda encoder, value, option=option: encoder.replace(**{option: value}))
            for option in [
                *["facility", "hostname", "app_name", "procid", "msgid", "precision", "max_size"],
                *["structured_data", "prefix", "attributes", "header_attributes", "enterprise_id"],
            ]
        ],
    ],
)
def test_a_class_that_lies(
    encoder_module: ModuleType, kind: type, field: str, call: Callable[..., object]
) -> None:
    """What only says to be of a kind is refused as anything else is."""
    value = Pretender(kind)
    assert isinstance(value, kind)
    with pytest.raises(
        TypeError, match=rf"^{field} must be .*, got Pretender(\({kind.__name__}\))?$"
    ):
        call(encoder_module.Encoder(**IDENTITY), value)


@try_each("items", ["text", [5], ["ab"], [("a", {}, 1)], [("a",)], [{"a": 1, "b": 2}], [None]])
def test_a_dict_with_other_items(encoder_module: ModuleType, items: object) -> None:
    """A dict may list its items as it likes; but they are pairs."""
    kind = type("Kind", (dict,), {"items": lambda self: items})
    encoder = encoder_module.Encoder(**IDENTITY)
    for data, field in (kind(), "structured_data"), ({"a": kind()}, "structured_data parameters"):
        with pytest.raises(TypeError) as caught:
            encoder.encode(6, "text", structured_data=data)
        assert str(caught.value).startswith(f"{field} must be a dict or ")


def test_signatures_of_subclasses(encoder_module: ModuleType) -> None:
    """One with a constructor of its own has its own signature."""

    class Own(encoder_module.Encoder):  # type: ignore[misc, name-defined]
        def __init__(self, name: str) -> None:
            super().__init__(app_name=name)

    class Plain(encoder_module.Encoder):  # type: ignore[misc, name-defined]
        pass

    assert list(inspect.signature(Own).parameters) == ["name"]
    assert "app_name" in inspect.signature(Plain).parameters
