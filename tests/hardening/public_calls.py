"""Every public call of the package, its errors, and a check that none is missing here.

A case is a generator of one parameter, the World: what it does before its first `yield` prepares
the call, what it does between the first and the second is the call. A job decides what happens
meanwhile: that allocations fail, or that references are counted.
"""

import asyncio
import contextlib
import copy
import importlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import syslogfast
from syslogfast import lifecycle, loggers, services
from syslogfast.integrations.loguru import Sink
from syslogfast.integrations.structlog import LoggerFactory, Renderer

IDENTITY: dict[str, Any] = {"hostname": "web1", "app_name": "shop", "procid": 42}
LIMIT = 10.0  # seconds that a flush may take
DELIVERY: dict[str, Any] = {
    **IDENTITY,
    "protocol": "rfc5424",
    "timeout": LIMIT,
    "on_failure": False,
}
TIME = 1_065_910_455_003_000_000
TOKEN = "2bfbea1e-10c3-4419-bdad-7e6435882e1f"
ELEMENTS = {"order@32473": {"id": 17, "text": 'a "b"]\u20ac'}}

# --- what is public ------------------------------------------------------------------------------

MODULES = ("", "lifecycle", "loggers", "services", "integrations.loguru", "integrations.structlog")
# Of modules without __all__: what only they themselves call.
INTERNAL = {"services.make_url", "services.open_service", "services.render_token"}
# What is no call, and what only CPython calls, in every case: at a fork, at the end of an object.
UNCALLED = {"BACKEND", "Lifecycle.reset_after_fork", "SysLogHandler.__del__"}
# The protocols of CPython that a class of ours may have; other names with underscores are private.
SPECIAL = {
    *("__init__", "__repr__", "__reduce__", "__call__", "__format__", "__del__"),
    *("__enter__", "__exit__", "__aenter__", "__aexit__", "__setattr__", "__delattr__"),
}


def list_public_names() -> set[str]:
    """Return the names of functions, classes and their methods, as `covers` of a case has them.

    Names of the package itself stand alone, those of its modules with the module's.
    """
    names = set()
    for module_name in MODULES:
        module = importlib.import_module(f"syslogfast.{module_name}".rstrip("."))
        listed = getattr(module, "__all__", None)
        if listed is None:
            listed = [name for name, value in vars(module).items() if is_own(value, module)]
        for name in listed:
            value = getattr(module, name)
            if not isinstance(value, type):
                names.add(f"{module_name}.{name}".lstrip("."))
            else:
                names |= {f"{name}.{attribute}" for attribute in list_attributes(value)}
    return names - INTERNAL - UNCALLED


def is_own(value: object, module: object) -> bool:
    name = getattr(value, "__name__", "_")
    return getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")


def list_attributes(kind: type) -> set[str]:
    """Return the attributes of a class of ours that are public, `__init__` among them.

    Members of an enum are no calls.
    """
    found = {"__init__"}
    for owner in kind.__mro__:
        if owner.__module__.startswith("syslogfast"):
            found |= {
                name
                for name in vars(owner)
                if name not in getattr(kind, "__members__", {})
                and (name in SPECIAL or not name.startswith("_"))
            }
    return found


# --- cases ---------------------------------------------------------------------------------------


class World:
    """What the calls of one transport have in common; what is opened for one of them is closed.

    url: of a transport. scratch: another one, of UDP, for what does not depend on a transport.
    """

    def __init__(self, url: str, scratch: str) -> None:
        self.url = url
        self.scratch = scratch
        self.opened: list[Any] = []
        self.undo = contextlib.ExitStack()
        self.log = syslogfast.connect(url, **DELIVERY)
        self.encoder = syslogfast.Encoder(**IDENTITY, framing="lf")
        self.record = logging.makeLogRecord(
            {"msg": "%d sold \u20ac", "args": (3,), "levelno": 20, "levelname": "INFO"}
        )

    def keep(self, emitter: Any) -> Any:
        """Have an emitter, of this call alone, closed after it, and return it."""
        self.opened.append(emitter)
        return emitter

    def connect(self, **options: Any) -> Any:
        return self.keep(syslogfast.connect(self.url, **{**DELIVERY, **options}))

    def handle(self, **options: Any) -> Any:
        """Return a handler that delivers by a transport of its own."""
        handler = syslogfast.SysLogHandler(self.url, **{**DELIVERY, **options})
        self.undo.callback(handler.close)
        self.opened.append(handler._emitter)
        return handler

    def end_call(self) -> None:
        """Close what was opened for one call."""
        self.undo.close()
        while self.opened:
            self.opened.pop().close(LIMIT)

    def close(self) -> None:
        self.end_call()
        self.log.close(LIMIT)


class Case(NamedTuple):
    name: str
    covers: tuple[str, ...]
    steps: Callable[[World], Iterator[None]]
    raises: Any  # exceptions of which it raises one where nothing fails; None: it returns
    sends: bool  # whether a transport makes a difference


CASES: dict[str, Case] = {}


def case(*covers: str, raises: Any = None, sends: bool = False) -> Any:
    def register(steps: Callable[[World], Iterator[None]]) -> Any:
        name = steps.__name__
        assert name not in CASES, name
        CASES[name] = Case(name, covers, steps, raises, sends)
        return steps

    return register


def register(name: str, call: Callable[[World], object], *covers: str, **how: Any) -> None:
    """Register a case that prepares nothing."""

    def steps(world: World) -> Iterator[None]:
        yield
        call(world)
        yield

    steps.__name__ = name
    case(*covers, **how)(steps)


def check_registry() -> int:
    """Return how many names are public; AssertionError: one has no case, or a case no name."""
    public = list_public_names()
    covered = {name for each in CASES.values() for name in each.covers}
    assert not public - covered, f"no case calls {sorted(public - covered)}"
    assert not covered - public, f"cases call what is not public: {sorted(covered - public)}"
    return len(public)


# --- the encoder ---------------------------------------------------------------------------------

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "data": {"structured_data": ELEMENTS, "msgid": "SALE", "bom": True, "framing": "octet"},
    "rfc3164": {"protocol": "rfc3164", "framing": "nul", "local_time": True, "precision": 3},
    "small": {"max_size": 120, "prefix": b"TOKEN ", "controls": "keep", "enterprise_id": 1},
}
TEXTS: dict[str, Any] = {
    "ascii": "%d sold",
    "wide": "\u20ac\U0001f600" * 9,
    "ill": "a\ud800\n\0",
    "bytes": b"a\xff\n" * 9,
    "long": "\u20ac" * 9000,
}


def encode_each(name: str, options: dict[str, Any], method: Callable[[Any, Any], object]) -> None:
    def steps(world: World) -> Iterator[None]:
        encoder = syslogfast.Encoder(**IDENTITY, **options)
        texts = [text * 1 for text in TEXTS.values()]
        yield
        for text in texts:
            method(encoder, text)
        yield

    steps.__name__ = f"{name}_{next(key for key in OPTIONS if OPTIONS[key] is options)}"
    case(f"Encoder.{name}")(steps)


for given in OPTIONS.values():
    encode_each(
        "encode",
        given,
        lambda encoder, text: encoder.encode("info", text, structured_data=ELEMENTS),
    )
    encode_each(
        "encode_into",
        given,
        lambda encoder, text: encoder.encode_into(bytearray(), 6, text, 0, msgid="M\u20ac"),
    )
    encode_each(
        "encode_many_into",
        given,
        lambda encoder, text: encoder.encode_many_into(bytearray(), 3, [text, b"b"]),
    )
    encode_each("header", given, lambda encoder, text: encoder.header(6, structured_data=ELEMENTS))
    encode_each(
        "encode_record",
        given,
        lambda encoder, text: encoder.encode_record(
            logging.makeLogRecord({"msg": "%s%d", "args": (text, 1), "structured_data": ELEMENTS})
        ),
    )
    encode_each("replace", given, lambda encoder, text: encoder.replace(app_name="till", procid=7))
    encode_each("__repr__", given, lambda encoder, text: repr(encoder))
    encode_each("__reduce__", given, lambda encoder, text: copy.copy(encoder))
    encode_each("max_size", given, lambda encoder, text: encoder.max_size)
    encode_each(
        "__init__", given, lambda encoder, text: syslogfast.Encoder(**encoder._list_options())
    )


@case("Encoder.encode_record")
def encode_record_with_exception(world: World) -> Iterator[None]:
    record = logging.makeLogRecord({"msg": "failed", "exc_info": catch(ValueError("why"))})
    encoder = world.encoder.replace(attributes={"more@32473": "extra"})
    record.order = {"a": [1, 2]}
    yield
    encoder.encode_record(record)
    yield


register("format_timestamp", lambda world: syslogfast.format_timestamp(), "format_timestamp")
register(
    "format_timestamp_local",
    lambda world: syslogfast.format_timestamp(TIME, protocol="local", local_time=True),
    "format_timestamp",
)
register("preload", lambda world: syslogfast.preload(), "preload")
for kind in ("Severity", "Facility"):
    register(kind, lambda world, kind=kind: getattr(syslogfast, kind)(3), f"{kind}.__init__")
    register(
        f"{kind}_format",
        lambda world, kind=kind: format(getattr(syslogfast, kind)(3), ">12"),
        f"{kind}.__format__",
    )


def catch(error: BaseException) -> Any:
    """Return what sys.exc_info() gives for an exception that was raised and caught."""
    try:
        raise error
    except BaseException:
        return sys.exc_info()


# --- emitters ------------------------------------------------------------------------------------

LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
for level in LEVELS:
    register(
        level,
        lambda world, level=level: getattr(world.log, level)("%d sold", 3),
        f"Emitter.{level}",
        sends=True,
    )
register("log", lambda world: world.log.log("info", "sold"), "Emitter.log", sends=True)
for key in TEXTS:
    register(
        f"emit_{key}",
        lambda world, key=key: world.log.emit("info", TEXTS[key]),
        "Emitter.emit",
        sends=True,
    )
register(
    "emit_all",
    lambda world: world.log.emit(
        5, "%s", "\u20ac", msgid="SALE", structured_data=ELEMENTS, time_ns=TIME, order=17, no=None
    ),
    "Emitter.emit",
    sends=True,
)
register(
    "emit_exception",
    lambda world: world.log.emit(3, "failed", exc_info=catch(ValueError("why"))),
    "Emitter.emit",
    sends=True,
)
register(
    "emit_many",
    lambda world: world.log.emit_many("info", ["a", b"b", "\u20ac", 4]),
    "Emitter.emit_many",
    sends=True,
)
register(
    "emit_many_of_iterator",
    lambda world: world.log.emit_many("info", map(str, range(50))),
    "Emitter.emit_many",
    sends=True,
)
register(
    "emit_record",
    lambda world: world.log.emit_record(world.record),
    "Emitter.emit_record",
    sends=True,
)


@case("Emitter.exception", sends=True)
def exception(world: World) -> Iterator[None]:
    try:
        raise ValueError("why")
    except ValueError as error:
        caught = error
    yield
    world.log.exception("failed", exc_info=caught)
    yield


@case("Emitter.child", "Emitter.info", "Emitter.close", sends=True)
def child(world: World) -> Iterator[None]:
    yield
    sibling = world.log.child(app_name="till", structured_data=ELEMENTS)
    sibling.info("%d sold", 3)
    sibling.close()
    yield


@case("Emitter.bind", "Emitter.info", sends=True)
def bind(world: World) -> Iterator[None]:
    yield
    world.log.bind(request="r-17").bind(user="u").info("sold", order=17)
    yield


@case("bound.__init__", "bound.__enter__", "bound.__exit__", "Emitter.info", sends=True)
def bound(world: World) -> Iterator[None]:
    yield
    with syslogfast.bound(request="r-17", object=3 + 4j), syslogfast.bound(user="u"):
        world.log.info("sold")
        world.log.info("sold", order=17)
    yield


@case("Emitter.dump", sends=True)
def dump(world: World) -> Iterator[None]:
    log = world.connect(level="info", recorder_bytes=1 << 15)
    for number in range(20):
        log.debug("%d in the basket", number)
    yield
    log.debug("one more \u20ac")
    log.dump()
    yield


@case("Emitter.dump", "Emitter.alert", sends=True)
def dump_by_level(world: World) -> Iterator[None]:
    log = world.connect(level="info", recorder_bytes=1 << 15, dump_level="alert")
    log.debug("in the basket")
    yield
    log.alert("fire")
    yield


@case("Emitter.flush", sends=True)
def flush(world: World) -> Iterator[None]:
    log = world.connect(linger=5.0)
    log.info("warm")
    log.flush()
    log.info("%d sold", 3)
    yield
    log.flush(LIMIT)
    yield


@case("Emitter.flush", sends=True)
def flush_of_first(world: World) -> Iterator[None]:
    log = world.connect(linger=5.0)
    log.info("%d sold", 3)
    yield
    log.flush(LIMIT)
    yield


def take_step(world: World, coroutine: Any) -> None:
    """Have a coroutine go on until it waits.

    A loop of asyncio is none: one that has lost a callback for want of memory waits for ever.
    """
    world.undo.callback(coroutine.close)
    try:
        coroutine.send(None)
    except StopIteration:
        pass


def pretend_loop(world: World) -> None:
    loop = asyncio.new_event_loop()
    world.undo.callback(loop.close)
    asyncio._set_running_loop(loop)
    world.undo.callback(asyncio._set_running_loop, None)


@case("Emitter.drain", sends=True)
def drain(world: World) -> Iterator[None]:
    log = world.connect(linger=5.0)
    log.info("%d sold", 3)
    pretend_loop(world)
    yield
    take_step(world, log.drain(LIMIT))
    yield


@case("Emitter.close", sends=True)
def close(world: World) -> Iterator[None]:
    log = world.connect(linger=5.0)
    log.info("%d sold", 3)
    yield
    log.close(LIMIT)
    yield


@case("Emitter.close", sends=True)
def close_after_drops(world: World) -> Iterator[None]:
    log = world.connect(linger=5.0, queue_bytes=200)
    for _ in range(9):
        log.info("x" * 150)
    log.flush()
    yield
    log.close(LIMIT)
    yield


@case("Emitter.__enter__", "Emitter.__exit__", sends=True)
def with_statement(world: World) -> Iterator[None]:
    log = world.connect()
    yield
    with log:
        log.info("sold")
    yield


@case("Emitter.__aenter__", "Emitter.__aexit__", sends=True)
def async_with_statement(world: World) -> Iterator[None]:
    log = world.connect()
    pretend_loop(world)
    yield
    take_step(world, log.__aenter__())
    log.info("sold")
    take_step(world, log.__aexit__())
    yield


register("stats", lambda world: world.log.stats, "Emitter.stats", sends=True)
register("repr", lambda world: repr(world.log), "Emitter.__repr__", sends=True)


@case("connect", "Emitter.__init__", "Emitter.info", sends=True)
def connect(world: World) -> Iterator[None]:
    yield
    log = world.connect()
    log.info("first")
    yield


@case("connect", "Emitter.info", sends=True)
def connect_to_several(world: World) -> Iterator[None]:
    urls = [world.url, world.url]
    yield
    log = world.keep(syslogfast.connect(*urls, **DELIVERY))
    log.info("first")
    yield


SENDERS: dict[str, dict[str, Any]] = {
    "linger": {"linger": 0.01},
    "at_once": {"linger": 0},
    "blocking": {"queue_bytes": 500, "overflow": "block"},
    "oldest": {"queue_bytes": 500, "overflow": "drop-oldest", "linger": 0.01},
    "newest": {"queue_bytes": 500, "linger": 0.01},
    "split": {"oversize": "split", "multiline": "split", "max_size": 200},
    "mark": {"oversize": "mark", "max_size": 200},
    "numbered": {"sequence_ids": True, "structured_data": ELEMENTS},
    "recording": {"level": "notice", "recorder_bytes": 1 << 15},
    "traced": {"trace": True},
}


def emit_with(name: str, options: dict[str, Any]) -> None:
    def steps(world: World) -> Iterator[None]:
        log = world.connect(**options)
        yield
        for number in range(8):
            log.info("%d sold %s", number, "x" * 100)
        log.info("a\nb\n" + "\u20ac" * 100)
        yield

    steps.__name__ = f"emit_{name}"
    case("Emitter.info", sends=True)(steps)


for key, given in SENDERS.items():
    emit_with(key, given)

# --- services ------------------------------------------------------------------------------------

SERVICES: dict[str, tuple[Any, ...]] = {
    "logentries": (TOKEN,),
    "datadog": ("0" * 32,),
    "loggly": (TOKEN,),
    "papertrail": (),
    "solarwinds": ("TOKEN",),
    "sumologic": ("TOKEN",),
    "graylog": (),
    "splunk": (),
    "alloy": (),
}


def open_service(name: str, arguments: tuple[Any, ...]) -> None:
    def steps(world: World) -> Iterator[None]:
        yield
        log = world.keep(
            getattr(services, name)(*arguments, url=world.scratch, on_failure=False, **IDENTITY)
        )
        log.info("sold out")
        yield

    steps.__name__ = name
    case(f"services.{name}")(steps)


for key, arguments in SERVICES.items():
    open_service(key, arguments)

# --- logging -------------------------------------------------------------------------------------


@case("SysLogHandler.__init__", "SysLogHandler.emit", "SysLogHandler.close", sends=True)
def handler(world: World) -> Iterator[None]:
    yield
    handler = world.handle()
    handler.emit(world.record)
    handler.close()
    yield


@case("SysLogHandler.emit", "SysLogHandler.setFormatter", "SysLogHandler.stats", sends=True)
def handler_with_formatter(world: World) -> Iterator[None]:
    handler = world.handle()
    world.undo.callback(handler.close)
    yield
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.emit(world.record)
    _ = handler.stats
    yield


@case("SysLogHandler.flush", "SysLogHandler.dump", sends=True)
def handler_with_recorder(world: World) -> Iterator[None]:
    handler = world.handle(linger=5.0, level="notice", recorder_bytes=1 << 15)
    world.undo.callback(handler.close)
    handler.emit(world.record)
    yield
    handler.dump()
    handler.flush()
    yield


def handle_undelivered(name: str, **options: Any) -> None:
    """Register handlers that send by themselves, as the standard library's do."""

    def steps(world: World) -> Iterator[None]:
        host, port = world.scratch.removeprefix("udp://").split(":")
        yield
        handler = syslogfast.SysLogHandler((host, int(port)), **options)
        try:
            handler.emit(world.record)
            handler.flush()
        finally:
            handler.close()
        yield

    steps.__name__ = name
    case("SysLogHandler.__init__", "SysLogHandler.createSocket", "SysLogHandler.emit")(steps)


handle_undelivered("handler_of_library")
handle_undelivered("handler_with_timeout", timeout=5.0)
handle_undelivered("handler_with_header", protocol="rfc5424", **IDENTITY)


@case("Formatter.__init__", "Formatter.format", "Formatter.format_text")
def formatter(world: World) -> Iterator[None]:
    yield
    formatter = syslogfast.Formatter(**IDENTITY)
    formatter.format(world.record)
    formatter.format_text(world.record)
    yield


@case("Formatter.__reduce__", "Formatter.__setattr__", "Formatter.format")
def formatter_copied(world: World) -> Iterator[None]:
    formatter = syslogfast.Formatter("%(levelname)s %(message)s", **IDENTITY, pri=True)
    yield
    other = copy.copy(formatter)
    other.datefmt = "%Y"
    other.format(world.record)
    yield


LOGGER = logging.getLogger("shop.cart")
METHODS = ("critical", "debug", "error", "info", "warning")


def log_by(name: str, call: Callable[[Any], object], *covers: str) -> None:
    """Register a call of a logger while loggers are installed; it is done by root's, too."""

    def steps(world: World) -> Iterator[None]:
        handler = world.handle()
        logger = logging.root if name.startswith("root") else LOGGER
        logger.addHandler(handler)
        world.undo.callback(logger.removeHandler, handler)
        logger.setLevel("DEBUG")
        world.undo.callback(logger.setLevel, "WARNING")
        LOGGER.propagate = False
        loggers.install()
        world.undo.callback(loggers.uninstall)
        yield
        call(logger)
        yield

    steps.__name__ = f"logger_{name}"
    case(*covers, sends=True)(steps)


def set_attributes(logger: Any) -> None:
    logger.disabled = False
    logger.note = 1
    del logger.note
    logger.info("sold")


for owner in ("Logger", "RootLogger"):
    for key in METHODS:
        log_by(
            f"{'root_' * (owner != 'Logger')}{key}",
            lambda logger, key=key: getattr(logger, key)("%d sold %s", 3, "\u20ac"),
            f"{owner}.{key}",
        )
    log_by(
        f"{'root_' * (owner != 'Logger')}log",
        lambda logger: logger.log(25, "sold", extra={"msgid": "SALE"}, exc_info=True),
        f"{owner}.log",
    )
    log_by(
        f"{'root_' * (owner != 'Logger')}attributes",
        set_attributes,
        *(f"{owner}.__setattr__", f"{owner}.__delattr__"),
    )


@case("Logger.__init__", "RootLogger.__init__")
def logger_made(world: World) -> Iterator[None]:
    yield
    syslogfast.Logger("shop.made", 10)
    loggers.RootLogger(10)
    yield


@case("loggers.install", "loggers.explain", "loggers.uninstall")
def loggers_installed(world: World) -> Iterator[None]:
    world.undo.callback(loggers.uninstall)
    yield
    loggers.install()
    loggers.explain()
    loggers.explain("shop.cart")
    loggers.uninstall()
    yield


class Message(str):
    """What loguru gives to its sinks."""

    record: dict[str, Any]


@case("Sink.__init__", "Sink.__call__", sends=True)
def loguru_sink(world: World) -> Iterator[None]:
    import datetime

    message = Message("sold")
    message.record = {
        "extra": {"order": 17},
        "level": type("Level", (), {"no": 25}),
        "message": "sold",
        "time": datetime.datetime.fromtimestamp(1_065_910_455, datetime.UTC),
        "exception": None,
    }
    yield
    Sink(world.log)(message)
    yield


@case("LoggerFactory.__init__", "LoggerFactory.__call__", "Renderer.__init__", "Renderer.__call__")
def structlog_parts(world: World) -> Iterator[None]:
    yield
    log = LoggerFactory(world.log)("shop")
    event = {"event": "sold", "order": 17, "msgid": "SALE", "exception": "Traceback"}
    arguments, options = Renderer(world.log)(log, "info", event)
    log.info(*arguments, **options)
    yield


# --- the lifecycle -------------------------------------------------------------------------------

for key in ("booted", "network_up", "ended"):
    register(
        key,
        lambda world, key=key: getattr(lifecycle, key)(world.log),
        f"lifecycle.{key}",
        sends=True,
    )
register(
    "crashed",
    lambda world: lifecycle.crashed(world.log, catch(ValueError("why"))[1]),
    "lifecycle.crashed",
    sends=True,
)
LIVES: dict[str, dict[str, Any]] = {
    "plain": {"network": False},
    "network": {"watch_network": True},
    "heartbeat": {"network": False, "heartbeat": 0.02, "boot": False},
}


def install_life(name: str, options: dict[str, Any]) -> None:
    def steps(world: World) -> Iterator[None]:
        log = world.connect()
        world.undo.callback(end_lives)
        yield
        lifecycle.install(log, **options).uninstall()
        yield

    steps.__name__ = f"lifecycle_{name}"
    case("lifecycle.install", "Lifecycle.__init__", "Lifecycle.uninstall", sends=True)(steps)


def end_lives() -> None:
    """Take away what an `install` has left that did not return."""
    if lifecycle._installed:
        lifecycle._installed.uninstall()
        lifecycle._installed = None


for key, given in LIVES.items():
    install_life(key, given)

# --- errors --------------------------------------------------------------------------------------

NONSENSE = object()


def list_options(function: Callable[..., object]) -> list[str]:
    """Return the names of what may be given by keyword."""
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]


def refuse(name: str, kinds: Any, call: Callable[[World], object], cover: str) -> None:
    register(f"refused_{name}", call, cover, raises=kinds)


OF_ENCODER = list_options(syslogfast.Encoder)
LAX = {"bom", "fqdn", "local_time", "sequence_ids", "trace"}  # what is true or false of anything
for key in OF_ENCODER:
    if key not in LAX:
        refuse(
            f"Encoder_{key}",
            (TypeError, ValueError),
            lambda world, key=key: syslogfast.Encoder(**{key: NONSENSE}),
            "Encoder.__init__",
        )
for key in sorted({*list_options(syslogfast.connect), *OF_ENCODER} - LAX):
    refuse(
        f"connect_{key}",
        (TypeError, ValueError),
        lambda world, key=key: world.keep(syslogfast.connect(world.scratch, **{key: NONSENSE})),
        "connect",
    )
for key in (
    *("", "x", "tcp://", "udp://127.0.0.1:0", "nonsense://x", "tls://x?ca=/nowhere", "unix://"),
    *("fd://x", "tcp://a:1?framing=x", "udp://[::1", "relp://x?y=z"),
):
    refuse(
        f"connect_to {key!r}",
        (TypeError, ValueError),
        lambda world, key=key: world.keep(syslogfast.connect(key)),
        "connect",
    )
WRONG: dict[str, tuple[str, Callable[[World], object]]] = {
    "encode_kind": ("Encoder.encode", lambda world: world.encoder.encode(6, NONSENSE)),
    "encode_severity": ("Encoder.encode", lambda world: world.encoder.encode("loud", "x")),
    "encode_range": ("Encoder.encode", lambda world: world.encoder.encode(8, "x")),
    "encode_time": ("Encoder.encode", lambda world: world.encoder.encode(6, "x", time_ns="x")),
    "encode_data": (
        "Encoder.encode",
        lambda world: world.encoder.encode(6, "x", structured_data={"a b": {}}),
    ),
    "encode_values": (
        "Encoder.encode",
        lambda world: world.encoder.encode(6, "x", structured_data={"a@1": {"b]": 1}}),
    ),
    "encode_into_space": (
        "Encoder.encode_into",
        lambda world: world.encoder.encode_into(memoryview(bytearray(9)), 6, "x"),
    ),
    "encode_into_offset": (
        "Encoder.encode_into",
        lambda world: world.encoder.encode_into(bytearray(9), 6, "x", 10),
    ),
    "encode_into_kind": (
        "Encoder.encode_into",
        lambda world: world.encoder.encode_into(b"read only", 6, "x"),
    ),
    "encode_many_into_kind": (
        "Encoder.encode_many_into",
        lambda world: world.encoder.encode_many_into(bytearray(), 6, "no list"),
    ),
    "encode_many_into_part": (
        "Encoder.encode_many_into",
        lambda world: world.encoder.encode_many_into(bytearray(), 6, ["x", NONSENSE]),
    ),
    "header": ("Encoder.header", lambda world: world.encoder.header(6, msgid=NONSENSE)),
    "replace": ("Encoder.replace", lambda world: world.encoder.replace(hostnam="x")),
    "format_timestamp": ("format_timestamp", lambda world: syslogfast.format_timestamp("x")),
    "emit_severity": ("Emitter.emit", lambda world: world.log.emit("loud", "x")),
    "emit_time": ("Emitter.emit", lambda world: world.log.info("x", time_ns=NONSENSE)),
    "emit_field": ("Emitter.emit", lambda world: world.log.info("x", msg_id=1)),
    "emit_many": ("Emitter.emit_many", lambda world: world.log.emit_many(6, 3)),
    "child": ("Emitter.child", lambda world: world.log.child(framing="lf")),
    "child_option": ("Emitter.child", lambda world: world.log.child(app_name=NONSENSE)),
    "bind": ("Emitter.bind", lambda world: world.log.bind(msg_id=1)),
    "flush": ("Emitter.flush", lambda world: world.log.flush("x")),
    "bound": ("bound.__init__", lambda world: syslogfast.bound(time_ns_=1)),
    "handler": ("SysLogHandler.__init__", lambda world: syslogfast.SysLogHandler(NONSENSE, tls=1)),
    "handler_option": (
        "SysLogHandler.__init__",
        lambda world: syslogfast.SysLogHandler(world.scratch, hostnam="x"),
    ),
    "handler_framing": (
        "SysLogHandler.__init__",
        lambda world: syslogfast.SysLogHandler("/dev/log", framing=NONSENSE),
    ),
    "formatter": ("Formatter.__init__", lambda world: syslogfast.Formatter(prefix=b"x")),
    "formatter_option": ("Formatter.__init__", lambda world: syslogfast.Formatter(hostnam="x")),
    "install": ("lifecycle.install", lambda world: lifecycle.install(NONSENSE)),
    "install_heartbeat": (
        "lifecycle.install",
        lambda world: lifecycle.install(world.log, heartbeat=0),
    ),
    "install_url": (
        "lifecycle.install",
        lambda world: lifecycle.install(world.log, fatal_url="tls://x"),
    ),
    "crashed": ("lifecycle.crashed", lambda world: lifecycle.crashed(world.log, NONSENSE)),
    "booted": ("lifecycle.booted", lambda world: lifecycle.booted(world.log, software=3)),
    "logentries": ("services.logentries", lambda world: services.logentries("a b")),
    "graylog": ("services.graylog", lambda world: services.graylog("x", 0)),
}
for key, (cover, call) in WRONG.items():
    refuse(key, (TypeError, ValueError, BufferError), call, cover)


# --- one call ------------------------------------------------------------------------------------


def call_once(
    each: Case,
    world: World,
    begin: Callable[[], object] = int,
    end: Callable[[], object] = int,
) -> BaseException | None:
    """Return what a case's call has raised, None if nothing; `begin` and `end` go around it.

    What a call is to refuse, and does, is None, too.
    """
    steps = each.steps(world)
    next(steps)
    raised: BaseException | None = None
    try:
        try:
            begin()
            next(steps)
        finally:
            end()
    except BaseException as error:
        raised = error
    try:
        if each.raises is not None and isinstance(raised, each.raises):
            return None
        if each.raises is not None and raised is None:
            return AssertionError(f"{each.name} has refused nothing")
        return raised
    finally:
        raised = None  # whose traceback has this frame
