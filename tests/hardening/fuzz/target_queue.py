"""Scripts of an emitter and its queue: the core does, keeps, counts and raises what the fallback
does, and at each step offered == sent + queued + dropped."""

import logging
import time
import types
from typing import Any

from encoders import choose_elements, choose_message, choose_msgid, choose_severity
from given import Given
from support.backends import load_emitter_module
from support.emitters import LEVELS, TIME
from support.odd_records import KINDS, NAMES
from support.scripted_emitters import Twin

from syslogfast import _bound

MODULES = [load_emitter_module(name) for name in ("c", "python")]
LIMITS = [5000, 300, 1000, 1 << 18, 1]
SIZES = [-1, 1000, 1 << 20]
REASONS = ["gone", "error"]
FIELD_NAMES = ["order", "by", "a b", "", "\u00e9", "n" * 40, "message", "severity", "self", "a=]"]
TEMPLATES = ["%s", "%d", "%(a)s", "%s %s", "100%", "%5.2f|%r", "%%", "plain"]
TIMES = [TIME, 0, -1, 253_402_300_799_000_000_000]
# Those whose records have a time that both see alike.
RECORD_KINDS = [logging.LogRecord] * 5 + [kind for kind in KINDS if kind.__name__ != "LacksAll"]
RECORD_KINDS.append(types.SimpleNamespace)


def choose_emitter_options(given: Given) -> dict[str, Any]:
    options: dict[str, Any] = {"framing": given.pick([None, "octet", "nul", "lf"])}
    if given.flag():
        options["protocol"] = given.pick(["rfc5424", "rfc3164"])
        options["controls"] = given.pick(["escape", "keep"])
        options["bom"] = given.flag()
        options["max_size"] = given.pick([450, 451, 480, 600, 2048, 1 << 18])
    if given.flag():
        options["structured_data"] = given.pick([{"a": {"c": "d"}}, {"b@2": {"e": "f" * 90}}])
        options["attributes"] = given.pick(
            [None, {"a": {"b": "user"}, "code@1": {"line": "lineno"}}, {"fields": "extra"}]
        )
        options["header_attributes"] = given.pick(
            [None, {"app_name": ["user", "name"], "procid": "process"}, {"hostname": "user"}]
        )
    return options


def choose_size(given: Given) -> int:
    return given.pick(SIZES) if given.rarely() else given.size()


def choose_text(given: Given) -> Any:
    return given.pick(TEMPLATES) if given.flag() else choose_message(given)


def choose_arguments(given: Given) -> tuple[Any, ...]:
    form = given.octet() % 8
    if form == 7:
        return ({"a": choose_message(given)},)
    return tuple([choose_value(given) for _ in range(max(0, form - 3))])


def choose_value(given: Given) -> Any:
    return given.integer() if given.flag() else choose_message(given)


def choose_fields(given: Given) -> dict[str, Any]:
    return {given.pick(FIELD_NAMES): choose_value(given) for _ in range(given.octet() % 3)}


def choose_own(given: Given) -> dict[str, Any]:
    form = given.octet()
    own: dict[str, Any] = {"time_ns": given.pick(TIMES)}
    if form & 1:
        own["msgid"] = choose_msgid(given)
    if form & 2:
        own["structured_data"] = choose_elements(given)
    if form & 4:
        own |= choose_fields(given)
    if form & 8:
        own["exc_info"] = given.pick([None, False, True, ValueError("x\n"), (None,) * 3, (1, 2)])
    return own


def choose_record(given: Given) -> tuple[Any, ...]:
    fields: dict[str, Any] = {"created": 1_065_910_455.003}
    for name in ("msg", "args", "levelno", "msgid", "structured_data", "process", "user"):
        if not given.flag():
            continue
        fields[name] = {
            "msg": choose_text,
            "args": choose_arguments,
            "levelno": Given.octet,
            "msgid": choose_msgid,
            "structured_data": choose_elements,
            "process": choose_value,
            "user": choose_value,
        }[name](given)
    removed = [given.pick([name for name in NAMES if name != "created"])] if given.rarely() else []
    return given.pick(RECORD_KINDS), fields, removed


def choose_step(given: Given) -> tuple[Any, ...]:
    form = given.octet()
    if form < 48:
        return ("emit", choose_severity(given), choose_text(given), choose_arguments(given),
                choose_own(given))  # fmt: skip
    if form < 56:
        return ("level", given.pick(LEVELS), choose_text(given), choose_arguments(given),
                choose_own(given))  # fmt: skip
    if form < 68:
        messages = [choose_message(given) for _ in range(given.octet() % 6)]
        return "emit_many", choose_severity(given), messages, given.pick("ltgr")
    if form < 88:
        return "emit_record", choose_record(given), given.pick([None, None, choose_text(given)])
    if form < 94:
        return "lines", choose_severity(given), given.octets() * 3, given.octet() % 101 - 1
    if form < 110:
        return "take", choose_size(given)
    if form < 118:
        return given.pick(["bind", "bound"]), choose_fields(given)
    if form < 134:
        return "consume", choose_size(given), given.octet()
    if form < 146:
        return "peek_run", choose_size(given), 1 + given.octet() % 9, choose_size(given)
    if form < 162:
        return "put", given.octets(), given.flag(), given.flag()
    if form < 172:
        return given.pick(["drop", "drop_first"]), given.pick(REASONS)
    if form < 192:
        return "drop_oldest", 1 << 20 if given.flag() else choose_size(given)
    if form < 196:
        return "clear", given.pick(["closed", "gone"])
    if form < 206:
        wanted = ["keep", "drop oldest", "send", "close", "raise", "emit"]
        return "overflow", given.pick(wanted)
    if form < 210:
        return "threshold", given.size()
    if form < 216:
        return "closed", given.octet() % 4 == 3
    if form < 240:
        return (given.pick(["peek", "peek_records"]),)
    return (given.pick(["rewind", "boundary", "reset", "sort"]),)


def try_input(data: bytes) -> None:
    given = Given(data)
    limit, numbered, level = given.pick(LIMITS), given.flag(), given.pick([7, 7, 7, 5, 0])
    options = choose_emitter_options(given)
    script = []
    while not given.is_over():
        script.append(choose_step(given))
    script += [("take", 1 << 20), ("peek",)]
    while True:
        second = time.time() // 1
        try:
            compare(limit, numbered, level, options, script)
            break
        except AssertionError:
            if second == time.time() // 1:
                raise  # else some step has read the clock, perhaps
        finally:
            for module in MODULES:
                module.watch_bound(_bound._fields)


def compare(
    limit: int, numbered: bool, level: int, options: dict[str, Any], script: list[tuple[Any, ...]]
) -> None:
    twins = [Twin(module, limit, numbered, level, options) for module in MODULES]
    for step in script:
        compiled, python = [twin.do(*step) for twin in twins]
        assert compiled == python, f"{step!r}\nC: {compiled!r}\nPython: {python!r}"
        counts: Any = compiled[3]  # type: ignore[index]
        total = counts["sent"] + counts["queued"] + sum(counts["dropped"].values())
        assert counts["offered"] == total, (step, counts)
