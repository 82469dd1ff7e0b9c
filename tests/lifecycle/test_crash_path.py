"""What runs between a fatal signal and the end: nothing that a signal's handler may not call.

The allocator is watched by a library of C that takes the place of malloc() and its kin: a crash in
the midst of malloc(), with its lock held, must send its record, and any call of the allocator from
then on ends the process with status 99. The system calls are watched by strace.
"""

import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess

import pytest
from support.backends import load_backend
from support.crashes import (
    TRANSPORTS,
    collect_crashes,
    die,
    list_crashes,
    list_msgids,
    list_parameters,
    read_records,
    read_sequence_id,
)
from support.receivers import find_free_port

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no signals to die of")

CAUGHT = 99  # the status of a process whose handler has called the allocator
CRASH = 2  # severity (RFC 5424 6.2.1)
SIGNALS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT")

ALLOCATOR = r"""
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static volatile int armed_for;      /* the signal that the next malloc() gets */
static volatile int is_held;        /* the lock of the allocator */
static pthread_t holder;

static void check(void)
{
    if (is_held && pthread_equal(holder, pthread_self())) {
        if (write(2, "the allocator is called with its lock held\n", 43)) {}
        _exit(99);
    }
}

void *malloc(size_t size)
{
    int number = armed_for;
    check();
    if (number) {
        armed_for = 0;
        holder = pthread_self();
        is_held = 1;
        if (number == SIGSEGV)
            *(volatile int *)NULL = 0;
        raise(number);
        is_held = 0;
    }
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) { check(); return __libc_calloc(count, size); }
void *realloc(void *place, size_t size) { check(); return __libc_realloc(place, size); }
void *memalign(size_t step, size_t size) { check(); return __libc_memalign(step, size); }
void *aligned_alloc(size_t step, size_t size) { check(); return __libc_memalign(step, size); }
int posix_memalign(void **place, size_t step, size_t size)
{
    check();
    *place = __libc_memalign(step, size);
    return *place ? 0 : 12;
}
void free(void *place) { check(); __libc_free(place); }

void crash(int number) { armed_for = number; __libc_free(malloc(1)); }

static void fault(void) { *(volatile int *)NULL = 0; }
void crash_at_exit(void) { atexit(fault); }

static void call_malloc(int number) { __libc_free(malloc(1)); _exit(0); }
static void go_on(int number) { if (write(2, "seen\n", 5)) {} }
static void go_down(int number)
{
    if (write(2, "seen\n", 5)) {}
    signal(number, SIG_DFL);
    raise(number);
}

/* Handlers that somebody else has installed in C. */
void install_handler(const char *name, int number)
{
    signal(number, !strcmp(name, "call malloc") ? call_malloc
                   : !strcmp(name, "go on") ? go_on : go_down);
}
"""

LOAD = """
import ctypes, os, signal
allocator = ctypes.PyDLL(os.environ["LD_PRELOAD"])  # which keeps the GIL
"""


@pytest.fixture(scope="module")
def allocator(tmp_path_factory: pytest.TempPathFactory) -> "dict[str, str]":
    """The environment of a process whose allocator is watched."""
    load_backend("c")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no compiler for C")
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("the C library is not glibc, whose allocator this can stand before")
    folder = tmp_path_factory.mktemp("allocator")
    source, library = folder / "allocator.c", folder / "allocator.so"
    source.write_text(ALLOCATOR, encoding="ascii")
    options = ["-O1", "-fno-builtin", "-shared", "-fPIC", "-pthread"]
    subprocess.run([compiler, *options, "-o", str(library), str(source)], check=True)
    return {"LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("transport", [*TRANSPORTS, "rfc3164", "standard error"])
def test_the_allocator_is_left_alone(
    allocator: "dict[str, str]", transport: str, name: str
) -> None:
    """A crash within malloc() sends its record, and its status is that of the signal."""
    number = int(signal.Signals[name])
    code = f"{LOAD}LIVE\nallocator.crash({number})"
    options = {"protocol": "rfc3164", "local_time": True} if transport == "rfc3164" else {}
    if transport == "standard error":
        death = die(code, f"tcp://127.0.0.1:{find_free_port()}", environment=allocator)
        (crash,) = list_crashes(death.stderr)
    else:
        with collect_crashes("udp" if options else transport) as collector:
            death = die(
                code,
                collector.url,
                collector=collector,
                environment={**allocator, "TZ": "<+0545>-5:45"},
                **options,
            )
            if options:
                assert f"about to crash: {name} ".encode() in collector.list_frames()[-1]
            else:
                crash = read_records(collector)[-1]
        assert death.stderr == ""
    assert death.status == -number
    if not options:
        assert (crash.msgid, crash.priority % 8) == ("CRASHED", CRASH)
        assert list_parameters(crash, "signal@32473")["name"] == name


def test_what_waits_is_sent_without_the_allocator(allocator: "dict[str, str]") -> None:
    code = f"{LOAD}LIVE\nfor _ in range(100): log.info('x' * 100)\nallocator.crash(11)"
    with collect_crashes("octet") as collector:
        death = die(code, collector.url, collector=collector, environment=allocator, linger=100.0)
        records = read_records(collector)
    assert (death.status, death.stderr) == (-signal.SIGSEGV, "")
    assert [read_sequence_id(record) for record in records] == list(range(1, 104))
    assert records[-1].msgid == "CRASHED"


RECORDED = "for number in range(200): log.debug('x' * 100)\n"
RECORDER = {"level": "info", "recorder_bytes": 1 << 15}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_is_recorded_is_sent_without_the_allocator(
    allocator: "dict[str, str]", transport: str
) -> None:
    code = f"{LOAD}LIVE\n{RECORDED}allocator.crash(11)"
    with collect_crashes(transport) as collector:
        death = die(code, collector.url, collector=collector, environment=allocator, **RECORDER)
        records = read_records(collector)
    assert (death.status, death.stderr) == (-signal.SIGSEGV, "")
    assert [record.msgid for record in records[2:]] == ["-"] * (len(records) - 3) + ["CRASHED"]
    assert len(records) > 100


def test_no_record_allocates(allocator: "dict[str, str]") -> None:
    """Once the ring is there, neither Python's nor the system's allocator has more to do."""
    code = """
import sys
LIVE
for number in range(2000): log.debug("x" * 100)
text = "y" * 100
debug = log.debug
loop = [None] * 5000
before = sys.getallocatedblocks()
for _ in loop: debug(text)
print(sys.getallocatedblocks() - before)
"""
    death = die(code, "udp://127.0.0.1:9", environment={"PYTHONMALLOC": "pymalloc"}, **RECORDER)
    assert int(death.stdout.split()[-1]) <= 2


def test_the_allocator_is_watched(allocator: "dict[str, str]") -> None:
    """The control: a handler that does call malloc() is caught."""
    code = f"{LOAD}LIVE\nallocator.install_handler(b'call malloc', 11)\nallocator.crash(11)"
    death = die(code, environment=allocator)
    assert (death.status, death.stderr) == (
        CAUGHT,
        "the allocator is called with its lock held\n",
    )


@pytest.mark.slow
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGFPE", "SIGABRT"])
def test_a_handler_in_c_ends_the_process(
    allocator: "dict[str, str]", name: str, order: str
) -> None:
    """One that was there runs after ours; one that came later has taken the signal away."""
    number = int(signal.Signals[name])
    install = f"allocator.install_handler(b'go down', {number})"
    first, then = (install, "") if order == "before" else ("", install)
    code = f"{LOAD}{first}\nLIVE\n{then}\nallocator.crash({number})"
    with collect_crashes("lf") as collector:
        death = die(code, collector.url, collector=collector, environment=allocator)
        records = read_records(collector)
    control = die(code, environment=allocator)
    assert (death.status, death.stderr) == (control.status, control.stderr) == (-number, "seen\n")
    crashes = [("CRASHED", CRASH)] if order == "before" else []
    assert list_msgids(records)[2:] == crashes


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_handler_in_c_goes_on(allocator: "dict[str, str]", transport: str) -> None:
    """What it survives is numbered all the same, and so is what comes after, each once."""
    code = f"""{LOAD}
allocator.install_handler(b"go on", 8)
LIVE
log.info("waits")
os.kill(os.getpid(), 8)
log.info("alive")
log.flush()
ctypes.string_at(0)
"""
    with collect_crashes(transport) as collector:
        death = die(code, collector.url, collector=collector, environment=allocator, linger=100.0)
        records = read_records(collector)
    assert (death.status, death.stderr) == (-signal.SIGSEGV, "seen\n")
    texts = [record.message for record in records if record.msgid == "-"]
    assert texts == ["waits", "alive"]
    assert [record.msgid for record in records[2:]] == ["-", "CRASHED", "-", "CRASHED"]
    assert [read_sequence_id(record) for record in records] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_two_signals_that_are_survived(allocator: "dict[str, str]", transport: str) -> None:
    """The second comes over the transport, too, though nothing has been sent since the first."""
    code = f"""{LOAD}
for number in (4, 8):
    allocator.install_handler(b"go on", number)
LIVE
os.kill(os.getpid(), 8)
os.kill(os.getpid(), 4)
log.info("alive")
log.close()
"""
    with collect_crashes(transport) as collector:
        death = die(code, collector.url, collector=collector, environment=allocator)
        records = read_records(collector)
    assert (death.status, death.stderr) == (0, "seen\nseen\n")
    assert [record.msgid for record in records[2:]] == ["CRASHED", "CRASHED", "-"]


def test_a_crash_after_the_interpreter(allocator: "dict[str, str]") -> None:
    """It has ended in an orderly way, and closed the emitter; then C crashes: standard error."""
    code = f"{LOAD}LIVE\nallocator.crash_at_exit()"
    with collect_crashes("lf") as collector:
        death = die(code, collector.url, collector=collector, environment=allocator)
        records = read_records(collector)
    control = die(code, environment=allocator)
    assert (death.status, control.stderr) == (control.status, "") == (-signal.SIGSEGV, "")
    assert [record.msgid for record in records[2:]] == ["ENDED"]
    (crash,) = list_crashes(death.stderr)
    assert (crash.msgid, read_sequence_id(crash)) == ("CRASHED", 4)


# --- system calls --------------------------------------------------------------------------------

ALLOWED = {
    *("sendto", "getsockopt", "poll", "ppoll", "write", "clock_gettime"),
    *("rt_sigaction", "rt_sigreturn"),
    *("lseek", "read"),  # of the stack, which faulthandler has written to memory
    "setsockopt",  # for more space
    *("rt_sigprocmask", "getpid", "gettid", "tgkill"),  # what raise() is made of
}


def list_calls_at_the_end(trace: str, name: str) -> "list[str]":
    """Return the system calls of the thread that got the signal, from then to its end."""
    threads: dict[str, list[str]] = {}
    dying = ""
    for line in trace.splitlines():
        thread, _, event = line.partition(" ")
        event = event.strip()
        if event.startswith(f"--- {name} ") and not dying:
            dying = thread
        elif dying and (call := re.match(r"(\w+)\(", event)):
            threads.setdefault(thread, []).append(call[1])
    assert f"+++ killed by {name}" in trace, trace[-2000:]
    return threads.get(dying, [])


needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace")


@pytest.mark.slow
@needs_strace
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT"])
@pytest.mark.parametrize("transport", [*TRANSPORTS, "standard error"])
def test_system_calls(transport: str, name: str, tmp_path: pathlib.Path) -> None:
    load_backend("c")
    crash = "ctypes.string_at(0)" if name == "SIGSEGV" else "os.abort()"
    code = f"import ctypes, os\nLIVE\n{crash}"
    trace = tmp_path / "trace"
    tracer = ("strace", "-f", "-qq", "-o", str(trace))
    if transport == "standard error":
        death = die(code, f"tcp://127.0.0.1:{find_free_port()}", tracer=tracer)
        assert [record.msgid for record in list_crashes(death.stderr)] == ["CRASHED"]
    else:
        with collect_crashes(transport) as collector:
            death = die(code, collector.url, collector=collector, tracer=tracer)
            assert read_records(collector)[-1].msgid == "CRASHED"
    assert death.status == -signal.Signals[name]
    calls = set(list_calls_at_the_end(trace.read_text(encoding="utf-8"), name))
    assert "write" in calls if transport == "standard error" else "sendto" in calls
    assert calls <= ALLOWED


# A handler that was there, and calls what ours may not.
ANOTHER = """
import ctypes, os, signal
libc = ctypes.CDLL(None)
libc.signal(signal.SIGABRT, ctypes.cast(libc.getppid, ctypes.c_void_p))
LIVE
os.abort()
"""


@pytest.mark.slow
@needs_strace
@pytest.mark.parametrize("transport", [*TRANSPORTS, "unix"])
def test_system_calls_with_a_recorder(transport: str, tmp_path: pathlib.Path) -> None:
    load_backend("c")
    trace = tmp_path / "trace"
    tracer = ("strace", "-f", "-qq", "-o", str(trace))
    place = str(tmp_path / "log") if transport == "unix" else transport
    with collect_crashes(place) as collector:
        options = {**RECORDER, "protocol": "rfc5424"}
        code = f"import ctypes, os\nLIVE\n{RECORDED}ctypes.string_at(0)"
        death = die(code, collector.url, collector=collector, tracer=tracer, **options)
        assert read_records(collector)[-1].msgid == "CRASHED"
    assert death.status == -signal.SIGSEGV
    calls = list_calls_at_the_end(trace.read_text(encoding="utf-8"), "SIGSEGV")
    assert set(calls) <= ALLOWED


@needs_strace
def test_system_calls_are_watched(tmp_path: pathlib.Path) -> None:
    """The control: what another's handler calls after ours is seen."""
    load_backend("c")
    trace = tmp_path / "trace"
    tracer = ("strace", "-f", "-qq", "-o", str(trace))
    with collect_crashes("lf") as collector:
        death = die(ANOTHER, collector.url, collector=collector, tracer=tracer)
        assert read_records(collector)[-1].msgid == "CRASHED"
    assert death.status == -signal.SIGABRT
    calls = set(list_calls_at_the_end(trace.read_text(encoding="utf-8"), "SIGABRT"))
    assert calls - ALLOWED == {"getppid"}
