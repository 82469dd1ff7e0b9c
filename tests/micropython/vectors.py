"""Records of the twin, as CPython and MicroPython must both make them: one line of hex each.

MicroPython's dict keeps no order: where order shows, pairs are used.
"""

from syslogfast._encoder_py import Encoder, format_timestamp

NOON = 1_065_910_455_003_000_000
IDENTITY = {"hostname": "web1.example.com", "app_name": "shop", "procid": 42}


def encode(options, severity, message, **more):
    return Encoder(**dict(IDENTITY, **options)).encode(severity, message, time_ns=NOON, **more)


def describe_error(function):
    try:
        return function()
    except (TypeError, ValueError) as error:
        return type(error).__name__ + ": " + str(error)


def encode_twice_into():
    encoder = Encoder(framing="lf", **IDENTITY)
    buffer = bytearray()
    end = encoder.encode_into(buffer, "info", "opened", time_ns=NOON)
    end = encoder.encode_into(buffer, "info", "closed", end, time_ns=NOON)
    return bytes(buffer) + str(end).encode()


def encode_many():
    buffer = bytearray(b"-")
    result = Encoder(framing="nul", **IDENTITY).encode_many_into(
        buffer, 6, ["a", b"b", "é"], 1, time_ns=NOON
    )
    return bytes(buffer) + repr(result).encode()


PAIRS = {"a@1": [("x", "1"), ("x", 'q" b\\ c]'), ("n", 5), ("b", b"\xff\n")]}
VECTORS = [
    lambda: encode({}, "info", "sold out"),
    lambda: encode({"facility": "local7", "msgid": "ID47"}, 7, "x"),
    lambda: encode({"framing": "octet"}, "err", "grüße €😀"),
    lambda: encode({"framing": "lf"}, 0, "a\nb\tc\x00\x7f\x85\u2028\x1b[31m"),
    lambda: encode({"controls": "keep", "framing": "lf"}, 0, "a\nb\tc\x00"),
    lambda: encode({"controls": "keep", "framing": "nul"}, 0, "a\nb\tc\x00"),
    lambda: encode({}, 6, "lone \ud800 surrogate"),
    lambda: encode({}, 6, b"ill \xff\xc3( \xed\xa0\x80 \xc0\x80 \xf4\x90\x80\x80 \xe2\x80"),
    lambda: encode({}, 6, bytearray("grüße".encode())),
    lambda: encode({"bom": True}, 6, "\ufeff\ufefftext"),
    lambda: encode({"bom": True}, 6, ""),
    lambda: encode({"structured_data": PAIRS}, 6, "x"),
    lambda: encode({"structured_data": b'[t@1 k="v"]'}, 6, "x", structured_data={"t@1": {"k": 2}}),
    lambda: encode({}, 6, "x", msgid="né\x00w " + "m" * 40, structured_data=b"-"),
    lambda: encode({"max_size": 120}, 6, "é" * 100),
    lambda: encode({"max_size": 120}, 6, "x", structured_data={"a@1": {"k": "v" * 100}}),
    lambda: encode({"protocol": "rfc3164"}, "crit", "x\ny"),
    lambda: encode({"protocol": "local", "app_name": "a b/c é"}, 6, ""),
    lambda: encode({"hostname": "", "app_name": "a b", "procid": "é"}, 6, "x"),
    lambda: encode({"precision": 3, "prefix": b"TOKEN "}, 6, "x"),
    lambda: Encoder(**IDENTITY).encode(6, "x", time_ns=10**30),
    lambda: Encoder(**IDENTITY).encode(6, "x", time_ns=-1),
    lambda: Encoder(**IDENTITY).header("info", time_ns=NOON),
    lambda: Encoder(**IDENTITY).replace(procid=7).encode(6, "x", time_ns=0),
    lambda: repr(Encoder(**IDENTITY)),
    lambda: format_timestamp(951_782_400_000_000_000, precision=0),
    lambda: format_timestamp(253402300799999999999),
    lambda: format_timestamp(-62135596800000000000),
    lambda: format_timestamp(float("nan")),
    encode_twice_into,
    encode_many,
    lambda: describe_error(lambda: Encoder(facility=24)),
    lambda: describe_error(lambda: Encoder(protocol="x")),
    lambda: describe_error(lambda: Encoder(max_size=10, **IDENTITY)),
    lambda: describe_error(lambda: encode({}, 8, "x")),
    lambda: describe_error(lambda: encode({}, "loud", "x")),
    lambda: describe_error(lambda: encode({}, 6, 5)),
    lambda: describe_error(lambda: encode({}, 6, "x", structured_data={"a b": {}})),
    lambda: describe_error(lambda: format_timestamp(1.5)),
]

for vector in VECTORS:
    result = vector()
    print((result if isinstance(result, bytes) else result.encode()).hex())
