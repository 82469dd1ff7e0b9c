"""Random scripts of an emitter and its queue: both twins do, keep, count and raise the same.

SYSLOGFAST_EXAMPLES is how many steps to compare, a quarter of them here: 2,000 unless given.
"""

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import odd_records
from support.backends import load_emitter_module
from support.emitters import LEVELS, TIME
from support.malicious_input import BigInt, Text
from support.odd_kinds import Shown, make_array, odd, pretenders
from support.scripted_emitters import Twin
from support.strategies import elements

from syslogfast import _bound

pytestmark = [pytest.mark.native, pytest.mark.versions, pytest.mark.threads]

STEPS = 25  # of one script
EXAMPLES = int(os.environ.get("SYSLOGFAST_EXAMPLES", "2000")) // 4 // STEPS + 1

# --- what goes in --------------------------------------------------------------------------------

pieces = ["", "x", "\u20ac", "\n", "\ud800", "\ufeff", '"', "\U0001f600", "y" * 30, "\u0436" * 40]
texts = st.lists(st.sampled_from([*pieces, "%s", "%d", "%(a)s"]), max_size=8).map("".join)
octets = st.one_of(texts.map(lambda text: text.encode("utf-8", "replace")), st.binary(max_size=90))
messages = st.one_of(
    *(texts, texts, octets, texts.map(Text), odd(str, texts), odd(bytes, octets), pretenders),
    st.builds(make_array, octets, st.integers(0, 50)),
    st.sampled_from([None, 5, 1.5, [1, "\n"], b"x".join, "x" * 1500, "\u20ac" * 900]),
    st.sampled_from(["", "\n", ValueError("x\n"), 5, b"\xff"]).map(Shown),
)
arguments = st.one_of(
    st.just(()), st.just(()), st.lists(messages, min_size=1, max_size=3).map(tuple),
    st.dictionaries(st.just("a"), messages, min_size=1).map(lambda given: (given,)),
)  # fmt: skip
severities = st.one_of(
    st.integers(0, 7), st.sampled_from(["info", "LOG_ERR", "Emerg", True, BigInt(3), Text("info")]),
    st.sampled_from([8, -1, None, "loud", b"info", 10**30]), odd(int, st.integers(0, 7)),
)  # fmt: skip
structured_data = st.one_of(
    st.none(), st.none(), elements, odd(dict, elements.filter(lambda given: type(given) is dict)),
    st.dictionaries(st.sampled_from(["meta", "a", "a b", "", 5, "n" * 40]), st.one_of(
        st.dictionaries(st.sampled_from(["n", "sequenceId", "n m", 5]), messages, max_size=2),
        st.lists(st.tuples(st.just("n"), messages), max_size=2), pretenders, st.none(), messages,
    ), max_size=2),
    st.sampled_from([b'[meta a="b"]', b'[meta sequenceId="9"]', b"[a", 5, "x", [1]]), pretenders,
)  # fmt: skip
names = [
    "order",
    "order",
    "by",
    "a b",
    "",
    "\u00e9",
    "n" * 40,
    "message",
    "severity",
    "self",
    "a=]",
]
fields = st.dictionaries(st.sampled_from([*names, "msg_id", "Time_NS"]), messages, max_size=3)
named_options = st.fixed_dictionaries(
    {},
    optional={
        "msgid": st.sampled_from(["ID", "\u00e9" * 40, "", Text("x"), 5, b"ID"]),
        "structured_data": structured_data,
        "time_ns": st.sampled_from([0, TIME, -1, BigInt(TIME), float("nan"), -(10**30), 1.5, "0"]),
        "exc_info": st.sampled_from(
            [None, False, True, ValueError("x\n"), (None,) * 3, (1, 2), "x"]
        ),
    },
)
options_of_one = st.one_of(
    named_options, st.builds(lambda some, others: some | others, fields, named_options)
)
records = st.tuples(
    odd_records.kinds,
    st.fixed_dictionaries(
        {"created": st.just(1_065_910_455.003)},
        optional={
            "msg": messages,
            "args": arguments,
            "levelno": st.integers(0, 80) | st.just(20) | messages,
            "msgid": messages,
            "structured_data": structured_data,
            "exc_text": texts,
            "stack_info": messages,
            "process": st.integers(0, 99999) | messages,
            "user": messages,
        },
    ),
    odd_records.removed,
)
options = st.fixed_dictionaries(
    {"protocol": st.sampled_from(["rfc5424", "rfc5424", "rfc5424", "rfc3164"])},
    optional={
        "framing": st.sampled_from([None, "octet", "nul"]),
        "bom": st.booleans(),
        "controls": st.just("keep"),
        "max_size": st.sampled_from([450, 451, 480, 600, 2048]),
        "structured_data": st.sampled_from([{"a": {"c": "d"}}, {"b@2": {"e": "f" * 90}}]),
        "attributes": st.sampled_from(
            [{"a": {"b": "user"}, "code@1": {"line": "lineno"}}, {"fields": "extra"}]
        ),
        "header_attributes": st.sampled_from(
            [{"app_name": ["user", "name"], "procid": "process"}, {"hostname": "user"}]
        ),
        "enterprise_id": st.just(32473),
        "fqdn": st.booleans(),
        "procid": st.none(),
    },
)


def step(name: str, *arguments: st.SearchStrategy) -> st.SearchStrategy:
    return st.tuples(st.just(name), *arguments)


sizes = st.one_of(st.integers(0, 400), st.sampled_from([-1, 1000, 1 << 20]))
steps = st.one_of(
    *[step("emit", severities, messages, arguments, options_of_one)] * 4,
    step("level", st.sampled_from(LEVELS), messages, arguments, options_of_one),
    step("emit_many", severities, st.lists(messages, max_size=5), st.sampled_from("ltgr")),
    *[step("emit_record", records, st.one_of(st.none(), st.none(), messages))] * 2,
    step("lines", severities, octets.map(lambda given: given * 3), st.integers(-1, 99)),
    *[step("take", sizes)] * 2,
    step("bind", fields),
    step("bound", fields),
    step("consume", sizes, st.integers(0, 300)),
    step("peek_run", sizes, st.integers(1, 9), sizes),
    step("put", octets, st.booleans(), st.booleans()),
    step("drop", st.sampled_from(["gone", "error"])),
    step("drop_first", st.sampled_from(["gone", "error"])),
    step("drop_oldest", sizes),
    step("clear", st.sampled_from(["closed", "gone"])),
    step("overflow", st.sampled_from(["keep", "drop oldest", "send", "close", "raise", "emit"])),
    step("threshold", st.integers(0, 3000)),
    step("closed", st.sampled_from([True, False, False])),
    *[step(name) for name in ("peek", "peek_records", "rewind", "boundary", "reset")],
)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    limit=st.sampled_from([1, 300, 1000, 5000]),
    numbered=st.booleans(),
    level=st.sampled_from([7, 7, 7, 5, 0]),
    options=options,
    script=st.lists(steps, min_size=STEPS, max_size=STEPS),
)
def test_any_script(
    limit: int, numbered: bool, level: int, options: dict, script: list[tuple]
) -> None:
    """Each step gives the same bytes, counts, errors and calls of the sender; so does the end.

    Some steps read the clock: if its second has changed meanwhile the script is run again.
    """
    script = [*script, ("take", 1 << 20), ("peek",)]
    while True:
        second = time.time() // 1
        twins = [
            Twin(load_emitter_module(name), limit, numbered, level, options)
            for name in ("c", "python")
        ]
        compiled, python = ([twin.do(*step) for step in script] for twin in twins)
        for name in ("c", "python"):
            load_emitter_module(name).watch_bound(_bound._fields)
        if compiled == python or second == time.time() // 1:
            break
    for step, *outcomes in zip(script, compiled, python, strict=True):
        assert outcomes[0] == outcomes[1], step
