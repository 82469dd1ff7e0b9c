"""Fields of a record, of `bind` and of `bound`; `level`, `exc_info`."""

import asyncio
import contextvars
import logging
import re
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.backends import load_emitter_module
from support.emitters import IDENTITY, LEVELS, IdleSender, make_emitter, take, take_one
from support.grammar import parse_rfc5424

import syslogfast
from syslogfast import _bound

pytestmark = [pytest.mark.native, pytest.mark.versions]

SD_ID = "fields@32473"
NO_LINE = {"hostname": "h", "app_name": "a", "procid": 1}


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


@pytest.fixture
def bound(module: ModuleType) -> Iterator[Any]:
    """What sets the fields of the present context, for this backend."""
    variable: contextvars.ContextVar = contextvars.ContextVar("bound")
    module.watch_bound(variable)
    yield lambda **fields: variable.set((fields, {}))
    module.watch_bound(_bound._fields)


def take_elements(emitter: Any) -> dict[str, list[tuple[str, str]]]:
    return dict(parse_rfc5424(take_one(emitter)).structured_data)


def take_fields(emitter: Any) -> dict[str, str]:
    elements = take_elements(emitter)
    return dict(elements.get(SD_ID, []))


def test_one_element_has_them(module: ModuleType) -> None:
    """Its values are texts as by str(), in the order of the call; None has no parameter."""
    emitter: Any = make_emitter(module)
    emitter.info("sold", order=17, by='na"me]', price=1.5, note=None, paid=True, data=b"\xc3\xa9")
    assert take_elements(emitter) == {
        SD_ID: [
            *(("order", "17"), ("by", 'na"me]'), ("price", "1.5"), ("paid", "True")),
            ("data", "\u00e9"),
        ]
    }


def test_their_number(module: ModuleType) -> None:
    emitter: Any = make_emitter(module, enterprise_id="1.2.3")
    emitter.info("sold", order=17)
    assert take_elements(emitter) == {"fields@1.2.3": [("order", "17")]}


@pytest.mark.parametrize("name", ["message", "severity", "self", "args", "level", "name", "extra"])
def test_any_name(module: ModuleType, name: str) -> None:
    """`self`, severity and message are positional, so that no field is in their way."""
    emitter: Any = make_emitter(module)
    for send in (emitter.info, lambda *given, **fields: emitter.emit(6, *given, **fields)):
        send("sold", **{name: 1})
        assert take_fields(emitter) == {name: "1"}
    emitter.bind(**{name: 1}).info("sold")
    assert take_fields(emitter) == {name: "1"}
    with syslogfast.bound(**{name: 1}):
        pass


@pytest.mark.parametrize(
    ("name", "fitting"),
    [("a b", "a_b"), ("", "_"), ("\u00e9", "_"), ("n" * 40, "n" * 32), ('a=]"', "a___")],
)
def test_names_are_made_to_fit(module: ModuleType, name: str, fitting: str) -> None:
    emitter: Any = make_emitter(module)
    emitter.info("sold", **{name: 1}, order=17)
    assert take_fields(emitter) == {fitting: "1", "order": "17"}
    emitter.bind(**{name: 1}).info("sold", order=17)
    assert take_fields(emitter) == {fitting: "1", "order": "17"}


NEAR = {
    "msg_id": "msgid",
    "MSGID": "msgid",
    "structureddata": "structured_data",
    "structuredData": "structured_data",
    "timens": "time_ns",
    "Time_NS": "time_ns",
    "excinfo": "exc_info",
    "exc_info_": "exc_info",
}


@pytest.mark.parametrize(("name", "option"), NEAR.items())
def test_a_field_that_is_nearly_an_option(module: ModuleType, name: str, option: str) -> None:
    """It is refused by all that take fields, below the level, too; so no option goes astray."""
    emitter: Any = make_emitter(module)
    emitter = module.Emitter(emitter._encoder, emitter._queue, emitter._sender, None, 5)
    calls: list[Any] = [
        emitter.bind,
        syslogfast.bound,
        lambda **given: emitter.emit(6, "x", **given),
    ]
    calls += [
        lambda level=level, **given: getattr(emitter, level)("x", **given) for level in LEVELS
    ]
    for call in calls:
        with pytest.raises(TypeError) as raised:
            call(**{"order": 1, name: 2})
        assert str(raised.value) == f"field must not be nearly {option}, got {name!r}"
    assert emitter.stats["offered"] == 0


def test_an_option_by_another_str_of_its_name(module: ModuleType) -> None:
    emitter: Any = make_emitter(module)
    emitter.info("sold", **{"".join(["msg", "id"]): "SALE"})
    assert parse_rfc5424(take_one(emitter)).msgid == "SALE"

    class Name(str):
        __slots__ = ()

    emitter.info("sold", **{Name("msgid"): "SALE", Name("order"): 17})
    record = parse_rfc5424(take_one(emitter))
    assert (record.msgid, dict(record.structured_data)) == ("SALE", {SD_ID: [("order", "17")]})


@pytest.mark.parametrize(
    ("given", "elements"),
    [
        ({"a@1": {"n": 1}}, {"a@1": [("n", "1")], SD_ID: [("order", "17"), ("by", "me")]}),
        (b'[a@1 n="1"]', {"a@1": [("n", "1")], SD_ID: [("order", "17"), ("by", "me")]}),
        (b"-", {SD_ID: [("order", "17"), ("by", "me")]}),
        ({}, {SD_ID: [("order", "17"), ("by", "me")]}),
        ({SD_ID: None}, {SD_ID: [("order", "17"), ("by", "me")]}),
        ({SD_ID: {"by": "you", "n": 1}}, {SD_ID: [("order", "17"), ("by", "you"), ("n", "1")]}),
        (
            {SD_ID: [("by", "you"), ("by", "him")]},
            {SD_ID: [("order", "17"), ("by", "you"), ("by", "him")]},
        ),
    ],
)
def test_beside_structured_data(module: ModuleType, given: Any, elements: dict) -> None:
    """Nothing of either is lost, and no SD-ID is there twice (RFC 5424 6.3.2)."""
    emitter: Any = make_emitter(module)
    emitter.info("sold", structured_data=given, order=17, by="me")
    assert take_elements(emitter) == elements


def test_structured_data_that_are_none(module: ModuleType) -> None:
    """They are left out, as they are without fields."""
    emitter: Any = make_emitter(module)
    for other in (5, "x", [1]):
        emitter.info("sold", structured_data=other, order=17)
        assert take_elements(emitter) == {}


class Hostile:
    def __str__(self) -> str:
        raise ValueError("no text")


@settings(deadline=None, max_examples=100)
@given(
    fields=st.dictionaries(
        st.text(max_size=40).filter(
            lambda name: name.replace("_", "").lower() not in [n.replace("_", "") for n in NEAR]
        ),
        st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.builds(Hostile)),
        max_size=4,
    )
)
def test_hostile_fields(fields: dict) -> None:
    """Each record is strictly valid, by whichever way they come, and that of the twin."""
    records = []
    for name in ("c", "python"):
        module = load_emitter_module(name)
        emitter: Any = make_emitter(module, framing="octet")
        emitter.info("x", time_ns=0, **fields)
        emitter.info("x", time_ns=0, structured_data=b"[a@1]", **fields)
        emitter.bind(**fields).info("x", time_ns=0)
        emitter.bind(**fields).info("x", time_ns=0, other=1)
        data = bytes(emitter._queue.peek() or b"")
        records.append(data)
    assert records[0] == records[1]
    for frame in re.split(rb"(?<=x)\d+ (?=<14>)", records[0].partition(b" ")[2]):
        assert parse_rfc5424(frame).message == "x"


# --- bind ----------------------------------------------------------------------------------------


def test_bind(module: ModuleType) -> None:
    """The nearer one goes before: a record's fields, then those of the child, then its parent's."""
    emitter: Any = make_emitter(module, structured_data={"vm@1": {"id": 7}})
    child = emitter.bind(user="me", request="r-1")
    child.info("sold")
    assert take_elements(emitter) == {
        "vm@1": [("id", "7")],
        SD_ID: [("user", "me"), ("request", "r-1")],
    }
    child.info("sold", order=17, user="you")
    assert take_fields(emitter) == {"user": "you", "request": "r-1", "order": "17"}
    child.info("sold", structured_data={"a@1": {}})
    assert take_elements(emitter)[SD_ID] == [("user", "me"), ("request", "r-1")]
    grandchild = child.bind(request=None, step=2)
    grandchild.info("sold")
    assert take_fields(emitter) == {"user": "me", "step": "2"}
    emitter.bind(user="me").bind(user=None).info("sold")
    assert take_fields(emitter) == {}
    child.child(app_name="other").info("sold", order=17)
    record = parse_rfc5424(take_one(emitter))
    assert record.app_name == "other"
    assert dict(dict(record.structured_data)[SD_ID]) == {
        "user": "me",
        "request": "r-1",
        "order": "17",
    }
    emitter.info("sold")
    assert take_elements(emitter) == {"vm@1": [("id", "7")]}
    emitter.bind().info("sold")
    assert take_elements(emitter) == {"vm@1": [("id", "7")]}


def test_bind_keeps_the_numbers(module: ModuleType) -> None:
    """It is the same originator, of which RFC 5424 7.3.1 counts the records."""
    encoder = module.Encoder(**IDENTITY, framing="lf")
    emitter = module.Emitter(encoder, module.Queue(1 << 20), IdleSender(), module.Sequence())
    child = emitter.bind(user="me")
    for one in (emitter, child, emitter, child.bind(n=1)):
        one.info("sold", order=17)
    numbers = [
        dict(dict(parse_rfc5424(record).structured_data)["meta"])["sequenceId"]
        for record in take(emitter)
    ]
    assert numbers == ["1", "2", "3", "4"]


def test_bind_is_rendered_once(module: ModuleType) -> None:
    emitter: Any = make_emitter(module)
    texts = []

    class Value:
        def __str__(self) -> str:
            texts.append(1)
            return "text"

    child = emitter.bind(value=Value())
    texts.clear()
    child.info("sold")
    assert take_fields(emitter) == {"value": "text"}
    assert texts == []


# --- bound ---------------------------------------------------------------------------------------


def test_bound(module: ModuleType, bound: Any) -> None:
    """Each way of emitting has them; those of `bind` and of the record go before."""
    emitter: Any = make_emitter(module)
    token = bound(request="r-1", user="nobody")
    emitter.info("sold")
    emitter.info("sold %d", 3, structured_data={"a@1": {}})
    emitter.emit_many("info", ["one", "two"])
    emitter._emit_lines("info", b"one\ntwo")
    emitter.emit_record(logging.makeLogRecord({"msg": "sold"}))
    emitter.emit_record(logging.makeLogRecord({"msg": "sold", "structured_data": {"a@1": {}}}))
    for record in take(emitter):
        fields = dict(parse_rfc5424(record).structured_data)[SD_ID]
        assert fields == [("request", "r-1"), ("user", "nobody")]
    emitter.bind(user="me").info("sold", order=17)
    assert take_fields(emitter) == {"request": "r-1", "user": "me", "order": "17"}
    emitter.bind(user="me").info("sold")
    assert take_fields(emitter) == {"request": "r-1", "user": "me"}
    emitter.info("sold", request=2)
    assert take_fields(emitter) == {"request": "2", "user": "nobody"}
    token.var.reset(token)
    emitter.info("sold")
    assert take_elements(emitter) == {}


class Collected:
    """An emitter of the package as it was imported, and the fields of its records."""

    def __init__(self) -> None:
        self.emitter = syslogfast.connect(
            "udp://127.0.0.1:9", linger=100, on_failure=False, **NO_LINE
        )

    def take(self) -> list[dict[str, str]]:
        data: Any = []
        while view := self.emitter._queue.peek(True):
            data.append(bytes(view))
            self.emitter._queue.consume(len(view))
        return [dict(dict(parse_rfc5424(one).structured_data).get(SD_ID, [])) for one in data]


@pytest.fixture
def collected() -> Iterator[Collected]:
    made = Collected()
    yield made
    made.emitter._queue.clear("taken")
    made.emitter.close()


def test_statements_within_each_other(collected: Collected) -> None:
    log = collected.emitter
    with syslogfast.bound(request="r-1", step=1):
        log.info("x")
        with syslogfast.bound(step=2):
            log.info("x")
        log.info("x")
    log.info("x")
    outer, inner = {"request": "r-1", "step": "1"}, {"request": "r-1", "step": "2"}
    assert collected.take() == [outer, inner, outer, {}]


def test_many_records_of_a_context(collected: Collected) -> None:
    """What is kept from the first one on makes no other record."""
    log = collected.emitter.bind(user="me")
    with syslogfast.bound(request="r-1", user="nobody", note=None, value=1.5):
        for number in range(40):
            log.info("%d", number)
            collected.emitter.info("sold", structured_data={"a@1": {"n": number}})
            log.info("sold", order=number, msgid="SALE")
            log.emit_many("info", ["sold"])
            log.info("sold", structured_data={SD_ID: {"user": "you"}})
    log.info("after")
    *records, last = collected.take()
    context = {"request": "r-1", "value": "1.5"}
    for number in range(40):
        assert records[5 * number : 5 * number + 5] == [
            {**context, "user": "me"},
            {**context, "user": "nobody"},
            {**context, "user": "me", "order": str(number)},
            {**context, "user": "me"},
            {**context, "user": "you"},
        ]
    assert last == {"user": "me"}


@pytest.mark.parametrize("options", [{}, {"structured_data": {"a@1": {}}}, {"bom": True}])
def test_bound_beside_a_msgid(module: ModuleType, bound: Any, options: dict) -> None:
    """Also a record with a MSGID of its own has the element whole, if it is the only one."""
    emitter = make_emitter(module, **options)
    bound(user="x")
    for _ in range(2):
        emitter.info("sold", msgid="SALE")
        emitter.info("sold for \u20ac 1", msgid="SALE")
    for record in map(parse_rfc5424, take(emitter)):
        assert record.msgid == "SALE"
        assert record.structured_data[-1] == (SD_ID, [("user", "x")]) or options
        assert (SD_ID, [("user", "x")]) in record.structured_data


def test_the_order_of_elements(module: ModuleType, bound: Any) -> None:
    """It is the same for the first and the last record of a context."""
    emitter: Any = make_emitter(module, structured_data={"vm@1": {"id": 7}})
    bound(request="r-1")
    for _ in range(40):
        emitter.info("sold", structured_data={"a@1": {}})
        assert list(take_elements(emitter)) == ["vm@1", SD_ID, "a@1"]
        emitter.info("sold")
        assert list(take_elements(emitter)) == ["vm@1", SD_ID]
        emitter.info("sold", structured_data={"a@1": {}}, order=17)
        assert list(take_elements(emitter)) == ["vm@1", SD_ID, "a@1"]
        emitter.bind(user="me").info("sold", structured_data={"a@1": {}})
        assert list(take_elements(emitter)) == ["vm@1", SD_ID, "a@1"]


@pytest.mark.parametrize("max_size", [450, 480, 600, 2048])
def test_fields_that_are_too_long(max_size: int) -> None:
    """They are a record's own, which are left out before the emitter's; the twins agree."""
    records = []
    for name in ("c", "python"):
        module = load_emitter_module(name)
        variable: contextvars.ContextVar = contextvars.ContextVar("bound")
        module.watch_bound(variable)
        constant = {"b@2": {"e": "f" * 90}}
        emitter: Any = make_emitter(module, max_size=max_size, structured_data=constant)
        variable.set(({"a": "y" * 150, "b": "z" * 150}, {}))
        for _ in range(2):
            emitter.info("x" * 100, time_ns=0)
            emitter.info("x" * 100, time_ns=0, msgid="M" * 32)
        records.append(take(emitter))
        module.watch_bound(_bound._fields)
    assert records[0] == records[1]
    assert all(b"[b@2 " in record for record in records[0])


def test_a_value_is_read_once(collected: Collected) -> None:
    texts = iter("abc")

    class Value:
        def __str__(self) -> str:
            return next(texts)

    with syslogfast.bound(value=Value(), hostile=Hostile()):
        for _ in range(40):
            collected.emitter.info("x")
    read = {"value": "a", "hostile": "<unprintable Hostile: ValueError>"}
    assert collected.take() == [read] * 40


def test_an_exception_leaves_nothing(collected: Collected) -> None:
    with pytest.raises(ZeroDivisionError), syslogfast.bound(step=1):
        _ = 1 / 0
    collected.emitter.info("x")
    assert collected.take() == [{}]


def test_each_statement_needs_its_own(collected: Collected) -> None:
    one = syslogfast.bound(step=1)
    for _ in range(2):
        with one:
            with pytest.raises(RuntimeError, match=r"^bound must be entered by one `with`"):
                one.__enter__()
            collected.emitter.info("x")
    assert collected.take() == [{"step": "1"}] * 2


def test_tasks_and_threads(collected: Collected) -> None:
    """A context is a task's, or a thread's."""
    log = collected.emitter

    async def serve(number: int) -> None:
        with syslogfast.bound(request=number):
            await asyncio.sleep(0.001 * (3 - number))
            log.info("x", task=number)

    async def main() -> None:
        await asyncio.gather(*map(serve, range(3)))

    with syslogfast.bound(program="p"):
        asyncio.run(main())
        thread = threading.Thread(target=contextvars.Context().run, args=(log.info, "x"))
        thread.start()
        thread.join()
    *served, other = collected.take()
    assert sorted(served, key=lambda fields: fields["task"]) == [
        {"program": "p", "request": str(number), "task": str(number)} for number in range(3)
    ]
    assert other == {}


@pytest.mark.parametrize("installs", [False, True])
def test_records_of_logging(installs: bool) -> None:
    """A handler's records have them, too, and so has a call without a LogRecord."""
    options: Any = {"linger": 100, "on_failure": False, **NO_LINE}
    handler: Any = syslogfast.SysLogHandler("udp://127.0.0.1:9", protocol="rfc5424", **options)
    logger = logging.getLogger(f"test.bound.{installs}")
    logger.propagate = False
    logger.setLevel("INFO")
    logger.addHandler(handler)
    if installs:
        syslogfast.loggers.install()
    try:
        with syslogfast.bound(request="r-1"):
            for number in range(20):
                logger.info("sold %d", number)
        queue = handler._emitter._queue
        records = []
        while view := queue.peek(True):
            records.append(parse_rfc5424(bytes(view)))
            queue.consume(len(view))
    finally:
        if installs:
            syslogfast.loggers.uninstall()
        logger.removeHandler(handler)
        handler.close()
    assert [record.message for record in records] == [f"sold {number}" for number in range(20)]
    for record in records:
        assert record.structured_data == [(SD_ID, [("request", "r-1")])]


# --- level ---------------------------------------------------------------------------------------


class Unread:
    def __str__(self) -> str:
        raise AssertionError("it was evaluated")


def test_level(module: ModuleType) -> None:
    """What is below is neither evaluated, nor counted, nor numbered; that of a child is its own."""
    encoder = module.Encoder(**IDENTITY, framing="lf")
    parent = module.Emitter(encoder, module.Queue(1 << 20), IdleSender(), module.Sequence(), 4)
    for emitter in (parent, parent.bind(a=1), parent.child()):
        emitter.info(Unread(), order=Unread())
        emitter.emit("info", "%s", Unread(), structured_data={"a": {"b": Unread()}}, exc_info=True)
        emitter.emit_many("notice", [Unread()])
        assert emitter._emit_lines("debug", b"one\ntwo") == 7
        emitter.emit_record(logging.makeLogRecord({"msg": Unread(), "levelno": 20}))
        emitter.emit_record(type("Record", (), {"msg": Unread(), "levelno": 25})())
    assert parent.stats["offered"] == 0
    parent.warning("sent")
    parent.emit_record(logging.makeLogRecord({"msg": "sent", "levelno": 30}))
    parent.emit_many("err", ["sent"])
    parent._emit_lines("err", b"sent")
    numbers = [dict(parse_rfc5424(record).structured_data)["meta"] for record in take(parent)]
    assert numbers == [[("sequenceId", str(number))] for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("level", ["info", 6, "LOG_INFO", syslogfast.Severity.INFO])
def test_level_of_connect(module: ModuleType, level: Any) -> None:
    with module.connect("udp://127.0.0.1:9", linger=100, on_failure=False, level=level) as log:
        log.debug("no")
        log.info("yes")
        assert log.stats["offered"] == 1
        log._queue.clear("taken")


@pytest.mark.parametrize(
    ("level", "kind"),
    [("loud", ValueError), (8, ValueError), (1.5, TypeError), (b"info", TypeError)],
)
def test_a_wrong_level(module: ModuleType, level: Any, kind: type) -> None:
    with pytest.raises(kind, match=r"^level must be "):
        module.connect("udp://127.0.0.1:9", level=level)


# --- exc_info ------------------------------------------------------------------------------------


def test_exc_info(module: ModuleType) -> None:
    """What `logging` takes, and with the same text as `exception`."""
    emitter: Any = make_emitter(module, max_size=8192)
    try:
        raise KeyError("lost")
    except KeyError as error:
        emitter.exception("failed %d", 3, order=17)
        emitter.error("failed %d", 3, exc_info=True, order=17)
        emitter.error("failed %d", 3, exc_info=error, order=17)
        emitter.emit(3, "failed %d", 3, exc_info=1, order=17)
        emitter.error("failed 3", exc_info=(KeyError, error, error.__traceback__), order=17)
    records = [parse_rfc5424(record) for record in take(emitter)]
    texts = {record.message for record in records}
    assert len(records) == 5
    assert len(texts) == 1
    (text,) = texts
    assert str(text).startswith("failed 3#012Traceback (most recent call last):#012  File ")
    assert str(text).endswith("#012KeyError: 'lost'")
    for record in records:
        assert record.structured_data == [(SD_ID, [("order", "17")])]
    for nothing in (None, False, (), 0):
        emitter.error("100%", exc_info=nothing)
        assert parse_rfc5424(take_one(emitter)).message == "100%"
    emitter.error("100%", exc_info=True)
    assert parse_rfc5424(take_one(emitter)).message == "100%#012NoneType: None"


@pytest.mark.surroundings  # CPython from 3.13 on crashes within isinstance() without memory
def test_bind_without_memory(module: ModuleType) -> None:
    """Whichever allocation fails: a MemoryError, or the text itself, not that it was unprintable.

    A child has its fields for good.
    """
    api = pytest.importorskip("_testcapi", reason="this Python was built without _testcapi")
    emitter = make_emitter(module)
    emitter.bind(request="r-17")
    bound = 0
    for number in range(800):
        api.set_nomemory(number, number + 1)
        try:
            child = emitter.bind(request="r-17")
        except (MemoryError, SystemError):  # the latter is CPython 3.11's own
            continue
        finally:
            api.remove_mem_hooks()
        child.info("sold")
        assert parse_rfc5424(take_one(child)).structured_data == [(SD_ID, [("request", "r-17")])]
        bound += 1
    assert bound > 100
