"""A program's life in records: what they say, and that watching it changes nothing else."""

import importlib
import importlib.util
import ipaddress
import json
import os
import pathlib
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.backends import load_emitter_module
from support.emitters import HEAVY, make_emitter, take, take_one
from support.grammar import Rfc5424Record, parse_rfc3164, parse_rfc5424
from support.pairwise import choose_pairs, take_turns
from support.receivers import LIMIT, parse_lines

import syslogfast
from syslogfast import lifecycle
from syslogfast.lifecycle import hooks, host, records
from syslogfast.lifecycle.traceback import describe_error
from syslogfast.transports.network import Network, read_network

pytestmark = pytest.mark.versions

UPTIME, AGE = 5_123_456_789, 250_000_000  # nanoseconds
NETWORK = Network(
    "eth0",
    "52:54:00:12:34:56",
    ["10.0.2.15/24", "2001:db8::5/64"],
    "10.0.2.2",
    ["10.0.2.3", "2001:db8::3"],
)
Run = Callable[..., Any]


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


@pytest.fixture
def _known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has been up for 5 s, and has a network."""
    monkeypatch.setattr(host, "read_uptime", lambda: UPTIME)
    monkeypatch.setattr(host, "read_process_age", lambda uptime: AGE)
    monkeypatch.setattr(records, "read_network", lambda: NETWORK)


def check_elements(record: Rfc5424Record) -> dict[str, list[tuple[str, str]]]:
    """Return structured data, "origin" and "meta" of which are as RFC 5424 7.2 and 7.3 say."""
    found = dict(record.structured_data)
    origin = found.get("origin", [])
    assert {name for name, _ in origin} <= {"ip", "enterpriseId", "software", "swVersion"}
    for name in ("enterpriseId", "software", "swVersion"):
        assert [pair[0] for pair in origin].count(name) <= 1
    for name, value in origin:
        if name == "ip":
            assert str(ipaddress.ip_address(value)) == value
        else:
            assert 1 <= len(value) <= {"software": 48, "swVersion": 32}[name]
    meta = found["meta"]
    assert len({name for name, _ in meta}) == len(meta)
    assert {name for name, _ in meta} <= {"sequenceId", "sysUpTime", "language"}
    for name, value in meta:
        assert value == str(int(value))
        assert 1 <= int(value) <= 2147483647 or (name == "sysUpTime" and 0 <= int(value) < 1 << 32)
    for sd_id in found:  # RFC 5424 6.3.2: a name without "@" is IANA's
        assert sd_id in ("origin", "meta", "timeQuality") or sd_id.endswith("@32473")
    return found


def read_timestamp(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def take_record(emitter: Any) -> Rfc5424Record:
    record = parse_rfc5424(take_one(emitter))
    check_elements(record)
    return record


# --- by hand -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_known_machine")
def test_booted(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has booted, where, on what, and when; the text says it, too."""
    emitter = make_emitter(module)
    lifecycle.booted(emitter, software="shop", version="1.2")
    record = take_record(emitter)
    assert (record.priority, record.msgid) == (8 + 5, "BOOTED")
    found = dict(record.structured_data)
    assert list(found) == ["origin", "meta", "timeQuality", "runtime@32473"]
    assert found["origin"] == [
        ("software", "shop"),
        ("swVersion", "1.2"),
        ("ip", "10.0.2.15"),
        ("ip", "2001:db8::5"),
    ]
    assert dict(found["meta"]).keys() == {"sequenceId", "sysUpTime"}
    assert dict(found["meta"])["sysUpTime"] == "512"  # hundredths of a second (RFC 3418)
    runtime = dict(found["runtime@32473"])
    assert list(runtime) == ["kernel", "python", "syslogfast", "pid", "started", "booted"]
    assert runtime["pid"] == str(os.getpid())
    assert runtime["python"] == f"cpython {sys.version.split()[0]}"
    assert runtime["kernel"] == " ".join(
        getattr(os.uname(), n) for n in ("sysname", "release", "machine")
    )
    text = record.message or ""
    assert text.startswith("booted and awake 0.25 s after process start, 5.123 s after boot: ")
    assert all(runtime[name] in text for name in ("kernel", "python", "syslogfast", "pid"))
    monkeypatch.setattr(records, "read_network", lambda: None)
    lifecycle.booted(emitter)
    (software,) = dict(take_record(emitter).structured_data)["origin"]
    assert software[0] == "software"


def test_booted_says_since_when(module: ModuleType) -> None:
    """The boot is as long before the record as it says that the machine has been up."""
    if host.read_uptime() is None:
        pytest.skip("no clock tells since when this machine is up")
    emitter = make_emitter(module)
    lifecycle.booted(emitter)
    record = take_record(emitter)
    found = {sd_id: dict(pairs) for sd_id, pairs in record.structured_data}
    booted = read_timestamp(found["runtime@32473"]["booted"])
    sent = read_timestamp(record.timestamp)
    uptime = int(found["meta"]["sysUpTime"]) / 100
    assert abs((sent - booted) % (1 << 32) - uptime) < LIMIT


SINCE_START = """
import ctypes, os, sys, time, warnings
warnings.simplefilter("ignore")  # of the fork, beside a thread of the network's
from syslogfast import connect, lifecycle
ctypes.CDLL(None).prctl(15, b"a) 1 (b", 0, 0, 0)  # PR_SET_NAME: what stands before the numbers
time.sleep(0.3)
log = connect("fd://1", hostname="web1")
lifecycle.booted(log)
log.flush()
if os.fork() == 0:
    time.sleep(0.05)
    lifecycle.booted(log)
    log.flush()
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells when a process was started")
def test_booted_says_when_the_process_was_started(run_python: Run, backend: str) -> None:
    """In a container the boot is the host's; whatever the process has named itself."""
    before = time.time()
    result = run_python(SINCE_START, backend=backend)
    after = time.time()
    assert (result.returncode, result.stderr) == (0, "")
    starts = []
    for record in parse_lines(result.stdout.encode()):
        found = {sd_id: dict(pairs) for sd_id, pairs in record.structured_data}
        started = read_timestamp(found["runtime@32473"]["started"])
        said = re.search(
            r"awake (\d+\.\d\d) s after process start, \d+\.\d{3} s after boot: ",
            str(record.message),
        )
        assert said
        age = read_timestamp(record.timestamp) - started
        assert abs(age - float(said[1])) < 0.25  # a fork is younger by more
        starts.append(started)
    parent, child = starts
    assert before - 0.02 <= parent <= parent + 0.3 <= child <= after


@pytest.mark.parametrize(
    "stat",
    [b"", b"1 (python) S 0", b"1 (python) S " + b"x " * 40, OSError(24, "Too many open files")],
)
def test_no_file_tells_of_the_process(monkeypatch: pytest.MonkeyPatch, stat: Any) -> None:
    """Then the boot stands alone."""

    def read_file(path: str) -> bytes:
        if isinstance(stat, OSError):
            raise stat
        return bytes(stat)

    monkeypatch.setattr(host, "read_file", read_file)
    monkeypatch.setattr(host, "read_uptime", lambda: UPTIME)
    assert host.describe_times() == " 5.123 s after boot"
    assert "started" not in host.list_runtime()


@pytest.mark.usefixtures("_known_machine")
def test_long_names_of_software_are_cut(module: ModuleType) -> None:
    """RFC 5424 7.2.3, 7.2.4: at most 48 and 32 characters."""
    emitter = make_emitter(module)
    lifecycle.booted(emitter, software="\u00fc" * 60, version="v" * 60)
    origin = dict(dict(take_record(emitter).structured_data)["origin"])
    assert (origin["software"], origin["swVersion"]) == ("\u00fc" * 48, "v" * 32)


@pytest.mark.parametrize("name", ["software", "version"])
def test_what_is_no_name_is_refused(module: ModuleType, name: str) -> None:
    emitter = make_emitter(module)
    with pytest.raises(TypeError, match=f"^{name} must be a str, got 12$"):
        lifecycle.booted(emitter, **{name: 12})
    assert take(emitter) == []


@pytest.mark.usefixtures("_known_machine")
def test_network_up(module: ModuleType) -> None:
    """All that is known of the network, as parameters and as text; found, or given."""
    emitter = make_emitter(module)
    lifecycle.network_up(emitter)
    lifecycle.network_up(emitter, NETWORK)
    records = [parse_rfc5424(record) for record in take(emitter)]
    for record in records:
        assert (record.priority, record.msgid) == (8 + 5, "NETWORK-UP")
        assert record.message == (
            "up 0.25 s after process start, 5.123 s after boot, my IP configuration is"
            " eth0 10.0.2.15/24, 2001:db8::5/64; link 52:54:00:12:34:56; gateway 10.0.2.2;"
            " name servers 10.0.2.3, 2001:db8::3"
        )
        found = check_elements(record)
        assert found["origin"] == [("ip", "10.0.2.15"), ("ip", "2001:db8::5")]
        assert found["network@32473"] == [
            ("interface", "eth0"),
            ("linkAddress", "52:54:00:12:34:56"),
            ("address", "10.0.2.15/24"),
            ("address", "2001:db8::5/64"),
            ("gateway", "10.0.2.2"),
            ("nameServer", "10.0.2.3"),
            ("nameServer", "2001:db8::3"),
        ]


@pytest.mark.usefixtures("_known_machine")
@pytest.mark.parametrize("send", [lifecycle.booted, lifecycle.network_up])
def test_a_clock_is_looked_at_once(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, send: Callable[..., None]
) -> None:
    """Text and structured data tell the same time; in a sandbox each look may take 60 us."""
    uptimes = iter([UPTIME])
    monkeypatch.setattr(host, "read_uptime", lambda: next(uptimes))
    emitter = make_emitter(module)
    send(emitter)
    record = take_record(emitter)
    assert dict(dict(record.structured_data)["meta"])["sysUpTime"] == "512"
    assert " 0.25 s after process start, 5.123 s after boot" in str(record.message)


@pytest.mark.usefixtures("_known_machine")
def test_network_up_of_little(module: ModuleType) -> None:
    """What is not known is left out."""
    emitter = make_emitter(module)
    lifecycle.network_up(emitter, Network(None, None, ["10.0.2.15"], None, []))
    record = take_record(emitter)
    assert (record.message or "").endswith(" my IP configuration is address 10.0.2.15")
    found = dict(record.structured_data)
    assert found["network@32473"] == [("address", "10.0.2.15")]
    assert found["origin"] == [("ip", "10.0.2.15")]


def test_network_down(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address there is a warning, and no addresses in it."""
    monkeypatch.setattr(records, "read_network", lambda: None)
    monkeypatch.setattr(host, "read_uptime", lambda: None)
    emitter = make_emitter(module)
    lifecycle.network_up(emitter)
    record = take_record(emitter)
    assert (record.priority, record.msgid, record.message) == (12, "NETWORK-DOWN", "no IP address")
    ((sd_id, parameters),) = record.structured_data
    assert (sd_id, [name for name, _ in parameters]) == ("meta", ["sequenceId"])


def test_sequence_of_a_life(module: ModuleType) -> None:
    """These records are numbered, also where the emitter does not number all that it sends."""
    emitter = make_emitter(module)
    for _ in range(3):
        lifecycle.crashed(emitter)
    found = [dict(check_elements(parse_rfc5424(record))["meta"]) for record in take(emitter)]
    first, second, third = [int(meta["sequenceId"]) for meta in found]
    assert (second, third) == (first + 1, first + 2)
    numbered = module.Emitter(
        emitter._encoder, module.Queue(1 << 20), emitter._sender, module.Sequence()
    )
    numbered.info("text")
    lifecycle.crashed(numbered)
    numbered.info("text")
    records = [parse_rfc5424(record) for record in take(numbered)]
    metas = [dict(dict(record.structured_data)["meta"]) for record in records]
    assert [meta["sequenceId"] for meta in metas] == ["1", "2", "3"]
    assert ["sysUpTime" in meta for meta in metas][::2] == [False, False]


def raise_here() -> None:
    raise LookupError("no such order")


def catch(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("it has raised nothing")


def test_crashed_in_a_file_with_a_long_path(module: ModuleType) -> None:
    """The end of the path says more than its beginning."""
    emitter = make_emitter(module)
    path = "/" + "folder/" * 40 + "shop.py"
    try:
        exec(compile("1 / 0", path, "exec"), {})
    except ZeroDivisionError as error:
        lifecycle.crashed(emitter, error)
    (record,) = take(emitter)
    parameters = dict(parse_rfc5424(record).structured_data)["exception@32473"]
    assert dict(parameters)["file"] == path[-128:]


def test_crashed(module: ModuleType) -> None:
    """Type, message and place as structured data; the traceback as text."""
    emitter = make_emitter(module)
    error = catch(raise_here)
    lifecycle.crashed(emitter, error)
    try:
        raise error
    except LookupError:
        lifecycle.crashed(emitter)
    first, second = [parse_rfc5424(record) for record in take(emitter)]
    for record in (first, second):
        assert (record.priority, record.msgid) == (8 + 2, "CRASHED")
        exception = dict(check_elements(record)["exception@32473"])
        assert exception == {
            "type": "LookupError",
            "message": "no such order",
            "file": __file__[-128:],
            "line": str(raise_here.__code__.co_firstlineno + 1),
            "function": "raise_here",
        }
        lines = (record.message or "").split("#012")
        assert lines[0] == "about to crash: LookupError: no such order"
        assert lines[1] == "Traceback (most recent call last):"
        assert lines[-1] == "LookupError: no such order"
        assert any("in raise_here" in line for line in lines)


def test_crashed_without_an_exception(module: ModuleType) -> None:
    """Where nothing is being handled, it says no more than it knows."""
    emitter = make_emitter(module)
    lifecycle.crashed(emitter)
    record = take_record(emitter)
    assert (record.priority, record.msgid) == (8 + 2, "CRASHED")
    assert record.message == "about to crash"
    assert [sd_id for sd_id, _ in record.structured_data] == ["meta"]


@pytest.mark.parametrize("error", ["text", ValueError, 5], ids=repr)
def test_crashed_by_what_is_no_exception(module: ModuleType, error: object) -> None:
    """That is the programmer's error, and nothing is sent."""
    emitter = make_emitter(module)
    with pytest.raises(TypeError, match=r"^error must be an exception, got "):
        lifecycle.crashed(emitter, error)
    assert take(emitter) == []


# --- exceptions of all kinds ---------------------------------------------------------------------


class WeirdText(str):
    __slots__ = ()

    def __getitem__(self, key: object) -> str:
        raise RuntimeError("on purpose")

    split = __str__ = __len__ = __getitem__  # type: ignore[assignment]


def make_error(text: Callable[[], str]) -> BaseException:
    class OddError(Exception):
        def __str__(self) -> str:
            return text()

    return OddError()


def fail() -> str:
    raise KeyError("on purpose")


def fail_deeply() -> str:
    return fail_deeply()


def recurse(depth: int) -> None:
    if depth:
        recurse(depth - 1)
    raise_here()


def recurse_apart(depth: int) -> None:
    """So that no two lines of the traceback are the same."""
    names: dict[str, Any] = {}
    lines = [f"def f{n}():\n {'f' + str(n - 1) if n else 'missing'}()" for n in range(depth)]
    exec("\n".join(lines), names)
    names[f"f{depth - 1}"]()


def chain(length: int) -> None:
    error: BaseException = ValueError("the first")
    for number in range(length):
        following = LookupError(f"number {number}")
        following.__cause__ = error
        error = following
    raise error


def raise_group() -> None:
    errors = [catch(raise_here), ValueError("a"), ValueError("b")]
    raise ExceptionGroup("many", [ExceptionGroup("inner", errors[:2]), errors[2]])  # type: ignore[list-item]


def raise_with_notes() -> None:
    error = ValueError("noted")
    error.add_note("first note")
    error.add_note("last note")
    raise error


def make_kind(module: object, qualname: str) -> BaseException:
    return type("Kind", (Exception,), {"__module__": module, "__qualname__": qualname})("text")


class Meta(type):
    @property
    def __module__(cls) -> str:
        raise RuntimeError("on purpose")


OddError = Meta("OddError", (Exception,), {})
# How each is raised, and what the record's text has to have.
ERRORS: dict[str, tuple[Callable[[], object], list[str]]] = {
    "deep": (lambda: recurse(900), ["in recurse", "in raise_here", "LookupError: no such order"]),
    "deep and long": (lambda: recurse_apart(300), ["...", "in f0", "NameError"]),
    "chained": (lambda: chain(3), ["number 2", "direct cause", "LookupError: number 2"]),
    "long chain": (lambda: chain(100), ["LookupError: number 99"]),
    "syntax": (lambda: compile("a = = b", "file.py", "exec"), ["SyntaxError", "a = = b"]),
    "raising": (
        lambda: (_ for _ in ()).throw(make_error(fail)),
        ["<unprintable OddError: KeyError>"],
    ),
    "recursing": (
        lambda: throw(make_error(fail_deeply)),
        ["<unprintable OddError: RecursionError>"],
    ),
    "no text": (lambda: throw(make_error(lambda: 5)), ["<unprintable OddError: TypeError>"]),  # type: ignore[arg-type,return-value]
    "odd text": (lambda: throw(make_error(lambda: WeirdText("odd"))), ["OddError"]),
    "1 MB": (lambda: throw(ValueError("x" * (1 << 20))), ["ValueError: xxx", "..."]),
    "1 MB of lines": (lambda: throw(ValueError("x\n" * (1 << 19))), ["ValueError: x", "..."]),
    "surrogates": (lambda: throw(ValueError("\ud800\udfff")), ["ValueError: \ufffd\ufffd"]),
    "controls": (lambda: throw(ValueError("\0\x1b[31m\r\n\u2028")), ["ValueError: #000#033[31m"]),
    "many wide": (lambda: throw(ValueError("\u2028" * 300)), ["ValueError: #342#200#250"]),
    "Japanese": (lambda: throw(ValueError("\u932f\u8aa4" * 20)), ["in throw"]),
    "no arguments": (lambda: throw(ValueError()), ["ValueError"]),
    "no module": (lambda: throw(make_kind(None, "Kind")), ["Kind"]),
    "number for a module": (lambda: throw(make_kind(5, "Kind")), ["5.Kind"]),
    "long name": (lambda: throw(make_kind("m", "Kind" * 1000)), ["m.KindKind"]),
    "controls in the name": (lambda: throw(make_kind("a\nb", "K\0\ud800")), ["K"]),
    "metaclass": (lambda: throw(OddError("text")), ["OddError"]),
    "exit": (lambda: sys.exit(3), ["SystemExit: 3"]),
    "interrupt": (lambda: throw(KeyboardInterrupt()), ["KeyboardInterrupt"]),
    "group": (raise_group, ["ExceptionGroup", "ValueError: b"]),
    "notes": (raise_with_notes, ["ValueError: noted", "last note"]),
}


def throw(error: BaseException) -> None:
    raise error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "protocol", "backend"),
    choose_pairs(list(ERRORS), ["rfc5424", "rfc3164"], ["c", "python"]),
    indirect=["backend"],
)
def test_exceptions(module: ModuleType, name: str, protocol: str) -> None:
    """Whatever is raised is told of: nothing is raised, and the record is whole and valid."""
    raises, expected = ERRORS[name]
    error = catch(raises)
    for max_size in (1024, 2048, 8192):
        emitter = make_emitter(module, protocol=protocol, max_size=max_size)
        lifecycle.crashed(emitter, error)
        frame = take_one(emitter)
        assert len(frame) <= max_size
        if protocol == "rfc5424":
            record = parse_rfc5424(frame)
            check_elements(record)
            text = record.message or ""
        else:
            text = parse_rfc3164(frame).message
        assert text.startswith("about to crash: ")
        assert [word for word in expected if word not in text] == []


def find_smallest(module: ModuleType, protocol: str) -> int:
    size = 0
    while True:
        try:
            make_emitter(module, protocol=protocol, max_size=size)
            return size
        except ValueError:
            size += 1


def raise_long(text: str) -> None:
    raise ValueError(text)


LONG_ERRORS = {
    "deep": lambda: recurse_apart(120),
    "two lines": lambda: raise_long("first\nlast"),
    "long": lambda: raise_long("m" * 300),
    "almost long": lambda: raise_long("m" * 240),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("raises", "backend", "protocol", "controls"),
    choose_pairs(list(LONG_ERRORS), ["c", "python"], ["rfc5424", "rfc3164"], ["escape", "keep"]),
    indirect=["backend"],
)
def test_the_end_survives_every_size(
    module: ModuleType, raises: str, protocol: str, controls: str
) -> None:
    """From the smallest record on, each has the end of it, and all that there is space for."""
    error = catch(LONG_ERRORS[raises])
    whole = "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
    separator = "#012" if controls == "escape" else "\n"
    smallest = find_smallest(module, protocol)
    is_complete = False
    for max_size in [*range(smallest, smallest + 1200, 7), *range(smallest, 8193, 241), 8192]:
        emitter = make_emitter(
            module, protocol=protocol, max_size=max_size, framing="octet", controls=controls
        )
        lifecycle.crashed(emitter, error)
        frame = bytes(emitter._queue.peek()).partition(b" ")[2]
        assert len(frame) <= max_size
        if protocol == "rfc5424":
            text = parse_rfc5424(frame, keeps_controls=True).message or ""
        else:
            text = parse_rfc3164(frame, keeps_controls=True).message
        headline, *lines = text.split(separator)
        shortened = [line if len(line) <= 256 else line[:256] + "..." for line in whole]
        is_complete = lines == whole
        if is_complete or lines == shortened:
            continue
        assert headline.startswith("about to crash: "[: len(headline)])
        # One line more would not have fitted: some octets are kept free for "meta" and for "...",
        # and a line feed that is kept takes 3 less than was thought.
        spare = max_size - len(frame)
        kept = max(0, len(lines) - 1)
        if controls == "keep":
            spare -= 3 * (kept + 1)
        if not kept:
            assert spare < 80 + len(whole[-1])
            continue
        assert lines[0] == "..."
        assert lines[1:] == shortened[len(whole) - kept :]
        assert spare < 80 + len(shortened[-kept - 1])
    assert is_complete


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(
        st.text(st.sampled_from("a\u00e9\u20ac\U0001f600\0\r\u2028\ud800#"), max_size=40)
    ),
    space=st.integers(-100, 2000),
)
def test_a_description_fits(lines: list[str], space: int) -> None:
    """It takes no more octets than there are, unless the headline alone does."""
    encoder = load_emitter_module("python").Encoder(framing=None, hostname="h")
    text = describe_error("headline", ValueError, ValueError("\n".join(lines)), None, space)
    size = len(encoder.encode(6, text)) - len(encoder.header(6))
    assert text.startswith("headline")
    assert size <= max(space, len("headline#012..."))


# --- install: each in a process of its own -------------------------------------------------------

# `install` begins with all switched off; what is told comes back beside the records.
LIVE = f"""
import json, sys
sys.path.append({str(pathlib.Path(syslogfast.__file__).parents[1])!r})  # -S has left it out
import syslogfast.lifecycle
from syslogfast import connect, lifecycle
log = connect("fd://1", hostname="web1", app_name="shop")
PARTS = ["boot", "network", "exceptions", "termination", "end", "fatal_signals", "pace"]
def install(**parts):
    return lifecycle.install(log, **{{**dict.fromkeys(PARTS, False), **parts}})
def tell(*values):
    print("TOLD", json.dumps(values), file=sys.stderr, flush=True)
def count():
    return log.stats["offered"]
"""


# Without what the packages of this Python import at its start, which may be what is looked for.
BARE = ("-I", "-S")


class Life:
    """What a process has sent, told, and written to standard error beside that."""

    def __init__(self, result: Any) -> None:
        self.status = result.returncode
        self.records = parse_lines(result.stdout.encode())
        for record in self.records:
            if record.structured_data and record.msgid != "DROPPED":
                check_elements(record)
        lines = result.stderr.splitlines(keepends=True)
        self.told = [json.loads(line[5:]) for line in lines if line.startswith("TOLD ")]
        self.stderr = "".join([line for line in lines if not line.startswith("TOLD ")])

    def list_ids(self) -> list[str]:
        return [record.msgid for record in self.records]

    def list_texts(self) -> list[str]:
        """Return the first line of each text."""
        return [(record.message or "").split("#012")[0] for record in self.records]


@pytest.fixture
def live(run_python: Run, backend: str) -> Callable[..., Life]:
    """Give a function that runs a program with LIVE before it."""

    def run(code: str, *arguments: str, **options: Any) -> Life:
        return Life(run_python(LIVE + code, *arguments, backend=backend, **options))

    return run


SWITCHES = """
import signal, threading
signal.signal(signal.SIGTERM, lambda *_: None)
lifecycle.install(log, network_timeout=0, **json.loads(sys.argv[1]))
def fail():
    raise LookupError("in a thread")
threading.excepthook, silent = lambda args, hook=threading.excepthook: hook(args), None
thread = threading.Thread(target=fail)
thread.start()
thread.join()
signal.raise_signal(signal.SIGTERM)
with open("/proc/self/status") as file:
    caught = [int(line.split()[1], 16) for line in file if line.startswith("SigCgt")]
tell(caught and caught[0] >> (signal.SIGSEGV - 1) & 1,
log._sender.retry_policy.urls[0].uses_slow_start)
"""
SENT = {
    "boot": "BOOTED",
    "network": "NETWORK",
    "exceptions": "UNCAUGHT",
    "termination": "TERMINATED",
    "end": "ENDED",
}


@pytest.mark.slow
@pytest.mark.parametrize("switch", [None, *SENT, "fatal_signals", "pace"])
def test_switches(live: Callable[..., Life], backend: str, switch: str | None) -> None:
    """All is on unless it is switched off, and each switch is for one thing."""
    life = live(SWITCHES, json.dumps({switch: False} if switch else {}))
    ids = [msgid.partition("-")[0] for msgid in life.list_ids()]
    expected = {name for part, name in SENT.items() if part != switch}
    assert sorted(ids) == sorted(expected)
    severities = {record.msgid: record.priority - 8 for record in life.records}
    for msgid, severity in severities.items():
        assert severity == {"UNCAUGHT": 3, "NETWORK-DOWN": 4}.get(msgid, 5)
    ((is_caught, uses_slow_start),) = life.told
    assert is_caught in ([], int(backend == "c" and switch != "fatal_signals"))
    assert uses_slow_start == (switch != "pace")
    assert life.status == 0
    assert life.stderr.count("LookupError: in a thread") == 1


CHAIN = """
import threading
calls = []
def make_hook(name):
    def hook(*args):
        calls.append((name, args, count()))
    return hook
sys.excepthook, threading.excepthook = make_hook("main"), make_hook("thread")
sys.unraisablehook = make_hook("unraisable")
install(exceptions=True)
error = LookupError("text")
sys.excepthook(LookupError, error, None)
thread = threading.Thread(target=lambda: error.with_traceback(None).missing, name="worker")
thread.start()
thread.join()
class Odd:
    def __del__(self):
        raise error
Odd()
(_, main, first), (_, (args,), second), (_, (unraisable,), third) = calls
tell([name for name, *_ in calls], [first, second, third])
tell(main[0] is LookupError, main[1] is error, main[2] is None)
tell(args.exc_type is AttributeError, args.thread is thread)
tell(unraisable.exc_value is error, "__del__" in f"{unraisable.err_msg} {unraisable.object}")
"""


def test_hooks_are_chained(live: Callable[..., Life]) -> None:
    """What was there before is called once, after the record, with what it is given anyway."""
    life = live(CHAIN)
    assert life.told[0] == [["main", "thread", "unraisable"], [1, 2, 3]]
    assert life.told[1:] == [[True, True, True], [True, True], [True, True]]
    assert life.list_ids() == ["CRASHED", "UNCAUGHT", "UNCAUGHT"]
    sources = [dict(dict(r.structured_data)["exception@32473"]) for r in life.records]
    assert [source.get("source") for source in sources] == [None, "thread", "unraisable"]
    assert sources[1]["thread"] == "worker"
    assert life.list_texts()[0] == "about to crash: LookupError: text"
    assert life.list_texts()[1].startswith("thread worker has ended: AttributeError: ")
    assert life.list_texts()[2].endswith(": LookupError: text")
    assert (life.status, life.stderr) == (0, "")


FORMER_RAISES = """
import threading
def fail(*args):
    raise RuntimeError("of the former")
sys.excepthook = sys.unraisablehook = threading.excepthook = fail
if sys.argv[1:]:
    install(exceptions=True)
for hook in (sys.excepthook, sys.unraisablehook, threading.excepthook):
    class args:
        err_msg = object = thread = None
        exc_type, exc_value, exc_traceback = given = (ValueError, ValueError("x"), None)
        def __class_getitem__(cls, key): return cls.given
    try:
        hook(*([args] if hook is not sys.excepthook else args.given))
    except RuntimeError as error:
        tell(str(error))
"""


def test_a_former_that_raises(live: Callable[..., Life]) -> None:
    """Its exception is its caller's, as without us; and the records have been sent."""
    life = live(FORMER_RAISES, "install")
    assert life.told == live(FORMER_RAISES).told == [["of the former"]] * 3
    assert life.list_ids() == ["CRASHED", "UNCAUGHT", "UNCAUGHT"]
    assert (life.status, life.stderr) == (0, "")


STATE = """
import signal, sys
def read_state():
    import _signal
    threading, log = sys.modules.get("threading"), sys.modules.get("asyncio.log")
    with open("/proc/self/status") as file:
        caught = [line for line in file if line.startswith("SigCgt")]
    return [
        sys.excepthook, sys.unraisablehook, threading and threading.excepthook, *sys.meta_path,
        *(log.logger.filters if log else ()), _signal.getsignal(signal.SIGTERM), *caught,
    ]
"""


@pytest.mark.parametrize("imports", ["", "import asyncio, threading"])
def test_uninstall(live: Callable[..., Life], imports: str) -> None:
    """All is as it was before, and nothing is sent any more; twice does no harm."""
    life = live(
        STATE
        + imports
        + """
before = read_state()
life = lifecycle.install(log, network=False)
tell(read_state() == before)
life.uninstall()
life.uninstall()
tell(read_state() == before)
sys.excepthook(ValueError, ValueError("text"), None)
import asyncio.log, threading
tell(asyncio.log.logger.filters, threading.excepthook is threading.__excepthook__)
asyncio.log.logger.error("text")
"""
    )
    assert life.told == [[False], [True], [[], True]]
    assert life.list_ids() == ["BOOTED"]
    assert life.stderr == "ValueError: text\ntext\n"


def test_hooks_installed_later(live: Callable[..., Life]) -> None:
    """They stay after `uninstall`, and what they call of ours then only calls the former."""
    life = live(
        """
import signal
calls = []
sys.excepthook = lambda *args: calls.append("first")
signal.signal(signal.SIGTERM, lambda *args: calls.append("first"))
life = install(exceptions=True, termination=True)
def hook(*args, ours=sys.excepthook):
    calls.append("later")
    ours(*args)
sys.excepthook = hook
def handle(*args, ours=signal.getsignal(signal.SIGTERM)):
    calls.append("later")
    ours(*args)
signal.signal(signal.SIGTERM, handle)
for _ in range(2):
    sys.excepthook(ValueError, ValueError("text"), None)
    signal.raise_signal(signal.SIGTERM)
    tell(calls, sys.excepthook is hook, signal.getsignal(signal.SIGTERM) is handle, count())
    calls.clear()
    life.uninstall()
"""
    )
    calls = ["later", "first"] * 2
    assert life.told == [[calls, True, True, 2], [calls, True, True, 2]]
    assert life.list_ids() == ["CRASHED", "TERMINATED"]
    assert (life.status, life.stderr) == (0, "")


def test_install_twice(live: Callable[..., Life]) -> None:
    """The second takes the place of the first: one record for each event, all as before at last."""
    life = live(
        STATE
        + """
import threading
signal.signal(signal.SIGTERM, lambda *args: None)
before = read_state()
first = lifecycle.install(log, network=False)
second = lifecycle.install(log.child(app_name="second"), network=False, boot=False)
sys.excepthook(ValueError, ValueError("text"), None)
signal.raise_signal(signal.SIGTERM)
first.uninstall()
sys.excepthook(ValueError, ValueError("text"), None)
second.uninstall()
tell(read_state() == before)
lifecycle.install(log, network=False, boot=False)
"""
    )
    assert life.told == [[True]]
    names = [(record.msgid, record.app_name) for record in life.records]
    assert names == [
        ("BOOTED", "shop"),
        ("CRASHED", "second"),
        ("TERMINATED", "second"),
        ("CRASHED", "second"),
        ("ENDED", "shop"),
    ]


def test_a_block_closes_again(live: Callable[..., Life]) -> None:
    """An emitter outlives its `with` statement only while there may be more to say."""
    life = live(
        """
with log:
    first = install(boot=True)
    second = install(end=True)
    first.uninstall()
tell(log.stats["dropped"])
with log:
    second.uninstall()
log.info("late")
tell(log.stats["dropped"])
"""
    )
    assert life.told == [[{}], [{"closed": 1}]]
    assert life.list_ids() == ["BOOTED"]


def test_install_from_another_thread(live: Callable[..., Life]) -> None:
    """There it can have no handler of SIGTERM; all else is watched."""
    life = live(
        """
import _thread, signal, time
before = signal.getsignal(signal.SIGTERM)
lock = _thread.allocate_lock()
lock.acquire()
def run():
    lifecycle.install(log, network=False)
    lock.release()
_thread.start_new_thread(run, ())
lock.acquire()
tell(signal.getsignal(signal.SIGTERM) is before)
raise ValueError("text")
"""
    )
    assert life.told == [[True]]
    assert life.list_ids() == ["BOOTED", "CRASHED", "ENDED"]
    assert life.list_texts()[-1] == "ended after an uncaught ValueError"
    assert life.status == 1


def test_wrong_arguments(live: Callable[..., Life]) -> None:
    """They are refused before anything is changed."""
    life = live(
        STATE
        + """
before = read_state()
for emitter, options in [
    ("log", {}),
    (None, {}),
    (log, {"network_timeout": -1}),
    (log, {"network_timeout": "1"}),
    (log, {"fatal_url": "nonsense"}),
    (log, {"fatal_url": "tcp://127.0.0.1:9"}),
    (log, {"fatal_url": "udp://localhost:9"}),
    (log, {"fatal_url": 5}),
    (log, {"version": 1.2}),
    (log, {"software": b"shop"}),
]:
    try:
        lifecycle.install(emitter, **options)
    except (TypeError, ValueError) as error:
        tell(type(error).__name__, str(error).partition(" must ")[0], read_state() == before)
"""
    )
    assert life.told == [
        ["TypeError", "emitter", True],
        ["TypeError", "emitter", True],
        ["ValueError", "network_timeout", True],
        ["TypeError", "network_timeout", True],
        ["ValueError", "fatal_url", True],
        ["ValueError", "fatal_url", True],
        ["ValueError", "fatal_url", True],
        ["TypeError", "fatal_url", True],
        ["TypeError", "version", True],
        ["TypeError", "software", True],
    ]
    assert life.records == []


# --- SIGTERM -------------------------------------------------------------------------------------

TERM = """
import os, signal
handled = []
former = {former}
signal.signal(signal.SIGTERM, former)
install(termination=True)
os.kill(os.getpid(), signal.SIGTERM)
tell(handled, signal.getsignal(signal.SIGTERM) == former)
"""


@pytest.mark.parametrize(
    ("former", "status", "told", "ids"),
    [
        ("signal.SIG_DFL", -signal.SIGTERM, [], ["TERMINATED"]),
        ("signal.SIG_IGN", 0, [[[], True]], []),
        ("lambda *args: handled.append(args[0])", 0, [[[15], False]], ["TERMINATED"]),
        ("lambda *args: sys.exit(7)", 7, [], ["TERMINATED"]),
    ],
    ids=["default", "ignored", "goes on", "exits"],
)
def test_termination(
    live: Callable[..., Life], former: str, status: int, told: list, ids: list[str]
) -> None:
    """The record is sent, and then all goes on as it would have."""
    life = live(TERM.format(former=former))
    assert (life.status, life.told, life.list_ids()) == (status, told, ids)
    assert life.list_texts() == ["about to end: SIGTERM"] * len(ids)
    assert life.stderr == ""


AMID = """
import os, signal
former = {former}
signal.signal(signal.SIGTERM, former)
install(termination=True)
log.info("first")
transport = log._sender._transport
class Interrupted:
    def __getattr__(self, name):
        return getattr(transport, name)
    def push(self, queue):
        size = transport.push(queue)
        global transport_is_free
        if not sent:
            sent.append(1)
            os.kill(os.getpid(), signal.SIGTERM)
            tell(log._sender.is_sending_here())
        return size
sent = []
log._sender._transport = Interrupted()
log.info("second")
log.info("third")
import time
time.sleep({pause})
"""


@pytest.mark.parametrize(
    ("former", "pause", "status"),
    [("signal.SIG_DFL", LIMIT, -signal.SIGTERM), ("lambda *args: None", 0, 0)],
    ids=["default", "goes on"],
)
def test_termination_amid_a_send(
    live: Callable[..., Life], former: str, pause: float, status: int
) -> None:
    """What has been interrupted is finished first; then the record goes out, and it ends."""
    life = live(AMID.format(former=former, pause=pause))
    assert life.status == status
    assert life.told == [[True]]
    texts = life.list_texts()
    assert texts[:2] == ["first", "second"]
    assert "about to end: SIGTERM" in texts[2:]
    assert len(texts) == len(set(texts))
    assert status or sorted(texts) == sorted(["first", "second", "third", "about to end: SIGTERM"])
    assert life.stderr == ""


# --- reports within reports ----------------------------------------------------------------------


def test_reports_within_reports(live: Callable[..., Life]) -> None:
    """An exception in a thread that reports is not reported; former hooks are called as ever."""
    life = live(
        """
import threading
formers = []
sys.excepthook = lambda kind, *_: formers.append(kind.__name__)
sys.unraisablehook = lambda given: formers.append(given.exc_type.__name__)
install(exceptions=True)
class Inner(Exception):
    pass
class Odd:
    def __del__(self):
        raise Inner
class Outer(Exception):
    def __str__(self):
        sys.excepthook(Inner, Inner(), None)
        Odd()
        sys.excepthook(Outer, self, None)
        return "text"
sys.excepthook(Outer, Outer(), None)
tell(formers[-1], set(formers) == {"Inner", "Outer"})
formers.clear()
Odd()
tell(formers)
"""
    )
    assert life.told == [["Outer", True], [["Inner"]]]
    assert life.list_texts()[0] == "about to crash: Outer: text"
    assert life.list_ids() == ["CRASHED", "UNCAUGHT"]
    assert (life.status, life.stderr) == (0, "")


ODD_CALLS = """
class Interrupting(Exception):
    def __str__(self):
        raise KeyboardInterrupt
class Meta(type):
    @property
    def __name__(cls):
        raise RuntimeError
class Nameless(Exception, metaclass=Meta):
    pass
calls = []
sys.excepthook = lambda *args: calls.append(args)
if sys.argv[1:]:
    install(exceptions=True)
for given in [
    (None, None, None), (ValueError, None, None), (None, ValueError("x"), None),
    (ValueError, ValueError, 5), (Nameless, Nameless(), None), (int, 5, None),
    (Interrupting, Interrupting(), None),
]:
    try:
        sys.excepthook(*given)
    except KeyboardInterrupt:
        pass
    tell(len(calls), calls[-1] == given)
"""


def test_odd_calls_of_a_hook(live: Callable[..., Life]) -> None:
    """Whatever a hook is given reaches the former, and nothing but an interrupt comes of it."""
    life = live(ODD_CALLS, "install")
    assert life.told == live(ODD_CALLS).told == [[number, True] for number in range(1, 8)]
    assert (life.status, life.stderr) == (0, "")
    assert set(life.list_ids()) <= {"CRASHED"}


def test_interrupt_is_no_crash(live: Callable[..., Life]) -> None:
    """Ctrl-C ends a program that is asked to."""
    life = live("install(exceptions=True, end=True)\nraise KeyboardInterrupt")
    assert [(r.msgid, r.message) for r in life.records] == [
        ("TERMINATED", "about to end: SIGINT"),
        ("ENDED", "ended after an interrupt"),
    ]
    assert life.stderr.endswith("\nKeyboardInterrupt\n")


def test_a_prompt_goes_on(live: Callable[..., Life]) -> None:
    """There, what is raised ends nothing, and Ctrl-C is none of the log's business."""
    life = live(
        """
install(exceptions=True, end=True)
sys.ps1 = ">>> "
for error in (KeyboardInterrupt(), ValueError("text")):
    sys.excepthook(type(error), error, None)
"""
    )
    assert [(r.msgid, r.priority & 7) for r in life.records] == [("UNCAUGHT", 3), ("ENDED", 5)]
    assert life.list_texts() == ["exception: ValueError: text", "ended"]


def test_a_network_that_is_another_by_now(live: Callable[..., Life]) -> None:
    """What has changed before it is watched is told, too; the thread ends with the program."""
    life = live(
        """
from syslogfast.transports import network
first = network.Network("eth0", None, ["192.0.2.1/24"], "192.0.2.254", [])
lifecycle.read_network = lambda: first
install(network=True, watch_network=True)
while count() < 2 and network.read_network():
    pass
"""
    )
    expected = ["NETWORK-UP"] * (2 if read_network() else 1)
    assert life.list_ids() == expected
    assert "192.0.2.1/24" in life.list_texts()[0]


def test_a_fatal_transport_that_waits_for_the_network(
    live: Callable[..., Life], backend: str, tmp_path: Any
) -> None:
    """It is opened as soon as there is one, however often it could not be before."""
    life = live(
        """
import os, socket, time
install(fatal_signals=True, fatal_url="unix://" + sys.argv[1])
life = lifecycle._installed
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
    collector.bind(sys.argv[1])
    life._open_transports()
    if life._fatal_transport:
        os.kill(os.getpid(), 11)
""",
        str(tmp_path / "log"),
    )
    assert life.status == (-signal.SIGSEGV if backend == "c" else 0)
    assert (life.stderr, life.records) == ("", [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_has_no_end_of_its_own(live: Callable[..., Life]) -> None:
    """What was forked has not booted; but if it crashes that is told, with its own PROCID."""
    life = live(
        """
import os
install(end=True, exceptions=True)
log.info("parent")
for fails in (None, False, True):
    if not os.fork():
        if fails is None:
            sys.exit(0)
        log.info("child")
        if fails:
            raise ValueError("text")
        sys.exit(0)
    os.wait()
tell(os.getpid())
"""
    )
    assert life.list_ids() == ["-", "-", "-", "CRASHED", "ENDED"]  # nothing of the silent one
    procids = [record.procid for record in life.records]
    assert procids[0] == procids[4] == str(life.told[0][0])
    assert procids[2] == procids[3] != procids[1] != procids[0]


# --- asyncio, threading and the import system ----------------------------------------------------

ASYNCIO = """
import asyncio, gc, logging
{configure}
async def fail():
    raise LookupError("never retrieved")
def fail_at_once():
    raise LookupError("in a callback")
async def main():
    task = asyncio.ensure_future(fail())
    asyncio.get_running_loop().call_soon(fail_at_once)
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    asyncio.get_running_loop().call_exception_handler({{"message": "only a message"}})
    asyncio.log.logger.warning("a warning")
    asyncio.log.logger.error("%d", "x")
    asyncio.log.logger.error("two\\nlines %s", 5)
asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("configure", "first", "backend"),
    choose_pairs(
        ["", "logging.basicConfig()", "asyncio.log.logger.propagate = False"],
        ["asyncio", "install"],
        ["c", "python"],
    ),
    indirect=["backend"],
)
def test_asyncio(live: Callable[..., Life], configure: str, first: str) -> None:
    """What asyncio logs is sent, and still written as without us, to the letter."""
    code = ASYNCIO.format(configure=configure)
    imports = "import asyncio, logging\n" if first == "asyncio" else ""
    life = live(imports + "install(exceptions=True)\n" + code)
    control = live(imports + "install()\n" + code)
    lines, expected = [
        "".join([line for line in text.stderr.splitlines(True) if "line " not in line])
        for text in (life, control)
    ]
    assert lines == expected
    assert control.records == []
    assert life.list_ids() == ["UNCAUGHT"] * 5
    callback, never, message, odd, two = life.records
    assert [record.priority for record in life.records] == [8 + 3] * 5
    for record, text in ((callback, "in a callback"), (never, "never retrieved")):
        exception = dict(dict(record.structured_data)["exception@32473"])
        assert (exception["type"], exception["message"]) == ("LookupError", text)
        assert exception["source"] == "asyncio"
        assert (record.message or "").endswith(f"#012LookupError: {text}")
    assert message.message == "only a message"
    assert (odd.message or "").startswith("%d ")
    assert two.message == "two"


LIGHT = """
import sys
before = set(sys.modules)
import syslogfast.lifecycle
log = syslogfast.connect("fd://1")
syslogfast.lifecycle.install(log)
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""


def test_little_is_imported(run_python: Run, backend: str) -> None:
    """Neither what is watched, nor what is slow to start or large."""
    result = run_python(LIGHT, backend=backend)
    loaded = result.stderr.split()
    assert "syslogfast.lifecycle" in loaded
    heavy = [*HEAVY, "asyncio", "traceback", "subprocess", "pathlib", "json", "ipaddress", "signal"]
    heavy += ["inspect", "ctypes", "collections", "functools", "weakref", "importlib.util"]
    assert not set(loaded) & set(heavy)
    assert "syslogfast.lifecycle.traceback" in loaded  # a crash may be that no file can be opened
    records = parse_lines(result.stdout.encode())
    assert {record.msgid for record in records} >= {"BOOTED", "ENDED"}


IMPORTS = """
import importlib, importlib.util
names = ["threading", "asyncio.log"]
if sys.argv[1:]:
    sys.modules.pop("threading", None)
    install(exceptions=True)
def describe(name):
    module = importlib.import_module(name)
    spec = module.__spec__
    return [
        module.__name__, type(spec.loader).__name__, type(module.__loader__).__name__,
        spec.loader is module.__loader__, spec.origin, spec.cached, spec.has_location,
        spec.loader_state is None, module.__file__, module.__package__,
        spec.loader.get_source(name) is not None,
    ]
for name in names:
    spec = importlib.util.find_spec(name)
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    tell(name in sys.modules, type(spec.loader.get_code(name)).__name__, copy.__name__)
for name in names:
    tell(*describe(name))
tell(type(sys.meta_path[0]).__name__, len(sys.meta_path))
for name in names:
    before = importlib.import_module(name)
    tell(importlib.reload(before) is before)
    tell(*describe(name))
"""


@pytest.mark.slow
def test_imports_are_as_ever(live: Callable[..., Life]) -> None:
    """A module that is waited for has its own spec and loader, can be looked for, and reloaded."""
    life, control = live(IMPORTS, "install", options=BARE), live(IMPORTS, options=BARE)
    assert life.told == control.told
    assert (life.status, life.stderr) == (control.status, control.stderr) == (0, "")


FIND_FIRST = """
import importlib.abc, importlib.util
class Failing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "threading":
            raise ImportError("not now")
install(exceptions=True)
{before}
import threading
def fail():
    raise LookupError("text")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
import asyncio.log
asyncio.log.logger.error("text")
"""
BEFORE = {
    "nothing": "",
    "looked for": "for name in ('threading', 'asyncio.log'): importlib.util.find_spec(name)",
    "executed": (
        "spec = importlib.util.find_spec('threading')\n"
        "spec.loader.exec_module(importlib.util.module_from_spec(spec))"
    ),
    "failed": (
        "sys.meta_path.insert(0, Failing())\n"
        "try: import threading\n"
        "except ImportError: tell('failed')\n"
        "sys.meta_path.pop(0)"
    ),
    "failed below": (
        "sys.meta_path.insert(1, Failing())\n"
        "try: import threading\n"
        "except ImportError: tell('failed')\n"
        "sys.meta_path.remove(next(f for f in sys.meta_path if isinstance(f, Failing)))"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "backend"), take_turns(list(BEFORE), ["c", "python"]), indirect=["backend"]
)
def test_a_module_is_waited_for(live: Callable[..., Life], before: str) -> None:
    """Until it has been imported, whatever was tried before."""
    life = live(FIND_FIRST.format(before=BEFORE[before]), options=BARE)
    assert life.told == ([["failed"]] if "failed" in before else [])
    assert life.list_ids() == ["UNCAUGHT"] * 2
    assert life.status == 0


@pytest.mark.slow
def test_the_same_modules_are_imported(live: Callable[..., Life]) -> None:
    """`python -X importtime` lists the same ones in the same order after install as without."""
    code = """
install(exceptions=sys.argv[1] == "watched")
sys.stderr.write("START\\n")
import asyncio, threading, concurrent.futures
"""
    lists = []
    for argument in ("watched", ""):
        life = live(code, argument, options=(*BARE, "-X", "importtime"))
        lines = life.stderr.partition("START\n")[2].splitlines()
        lists.append([line.rpartition("|")[2] for line in lines])
    assert lists[0] == lists[1]
    assert {name.strip() for name in lists[0]} >= {"threading", "asyncio.log", "asyncio"}


def test_two_who_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Both are told once, in any order; one that has been undone is told nothing."""
    (tmp_path / "waited_for.py").write_text("value = 5")
    monkeypatch.syspath_prepend(str(tmp_path))
    told: list[str] = []

    def wait(name: str) -> Callable[[], None]:
        def attach(module: ModuleType) -> Callable[[], None]:
            told.append(f"{name} {module.value}")
            return lambda: told.append(f"{name} undone")

        return hooks.attach_when_imported("waited_for", attach)

    before = list(sys.meta_path)
    undos = [wait(name) for name in "abc"]
    undos[1]()
    import waited_for  # type: ignore[import-not-found]

    assert sorted(told) == ["a 5", "c 5"]
    assert sys.meta_path == before
    wait("d")
    assert told[2:] == ["d 5"]
    importlib.reload(waited_for)
    assert type(waited_for.__loader__).__name__ == "SourceFileLoader"
    for undo in undos:
        undo()
    assert sorted(told[3:]) == ["a undone", "c undone"]
    del sys.modules["waited_for"]
