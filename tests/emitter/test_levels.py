"""The methods for one severity each: which calls are right, and what is said of the others."""

import socket
from typing import Any

import pytest
from support.backends import load_emitter_module
from support.grammar import parse_rfc5424
from support.receivers import url_of

LEVELS = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"]
WRONG = [
    ((), {}, "missing 1 required positional argument: 'message'"),
    ((), {"msgid": "M"}, "missing 1 required positional argument: 'message'"),
    ((), {"message": "up"}, "missing 1 required positional argument: 'message'"),
]
RIGHT: list[tuple[tuple[Any, ...], dict[str, Any], tuple[str, str]]] = [
    (("up",), {}, ("-", "up")),
    (("up",), {"message": "down"}, ("-", "up")),
    ((b"up",), {"time_ns": 0, "message": 5, "msgid": "M"}, ("M", "up")),
    ((7,), {"msgid": None, "structured_data": None, "time_ns": None}, ("-", "7")),
    (("%d of %s", 1, "two"), {"".join(["ms", "gid"]): "M"}, ("M", "1 of two")),
    (("%(n)d of %(m)s", {"n": 1, "m": 2}), {"structured_data": {"a@1": {}}}, ("-", "1 of 2")),
    (("%s and %s", 1), {"msgid": "M"}, ("M", "%s and %s <TypeError: (1,)>")),
    ((b"%d", 1), {}, ("-", "1")),
]


@pytest.mark.parametrize("severity", range(8), ids=LEVELS)
def test_each_level(backend: str, receiver: socket.socket, severity: int) -> None:
    """Right calls give a record, wrong ones what Python says of such a function."""
    log: Any = load_emitter_module(backend).connect(url_of(receiver))
    name = LEVELS[severity]
    send = getattr(log, name)
    for arguments, options, error in WRONG:
        with pytest.raises(TypeError) as raised:
            send(*arguments, **options)
        said, _, _ = str(raised.value).partition(". Did you mean")  # Python 3.13 and later
        assert said == f"EmitterBase.{name}() {error}"
    for arguments, options, (msgid, message) in RIGHT:
        assert send(*arguments, **options) is None
        record = parse_rfc5424(receiver.recv(1000))
        assert (record.priority % 8, record.msgid, record.message) == (severity, msgid, message)
    log.close()


def test_keywords_that_are_no_str(backend: str, receiver: socket.socket) -> None:
    log: Any = load_emitter_module(backend).connect(url_of(receiver))
    with pytest.raises(TypeError, match="keywords must be strings"):
        log.info("up", **{1: 2})
    log.close()


def test_an_argument_that_changes_while_it_is_read(backend: str, receiver: socket.socket) -> None:
    """What a call was given stays as it was given, whatever its arguments do."""
    log: Any = load_emitter_module(backend).connect(url_of(receiver))
    values: list[object] = []

    class Value:
        def __str__(self) -> str:
            values.clear()
            return "read"

    values += [Value(), "x" * 100]
    log.info("%s %s", *values)
    assert parse_rfc5424(receiver.recv(1000)).message == "read " + "x" * 100
    log.close()
