"""Interpreters with their own GIL as the standard library makes them, from Python 3.14 on."""

import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest
from support.receivers import Sink, collect, url_of, wait_until

import syslogfast

pytestmark = pytest.mark.versions

# The whole file, not each test: there is nothing that this machine lacks.
if sys.version_info < (3, 14):
    pytest.skip("Python has them from 3.14 on", allow_module_level=True)
if syslogfast.BACKEND != "c":
    pytest.skip("the compiled encoder is not built", allow_module_level=True)

WORKERS = 8
RunCode = Callable[..., "subprocess.CompletedProcess[str]"]

# A pool's workers import this module by name.
WORK = '''
def speak(number, records, url, is_closed):
    """Encode, format and emit; return the backend and what became of the records."""
    import logging
    import syslogfast

    identity = dict(hostname="h", app_name=f"vm-{number}", procid=1)
    encoder = syslogfast.Encoder(**identity)
    formatter = syslogfast.Formatter(**identity)
    log = syslogfast.connect(url, linger=0.01, overflow="block", timeout=60.0, **identity)
    start = f"<14>1 1970-01-01T00:00:00.000000Z h vm-{number} 1 - - "
    for count in range(records):
        text = "%d sold" % count
        assert encoder.encode("info", text, time_ns=0) == (start + text).encode()
        log.info("%d sold", count, time_ns=0)
        if not count % 16:
            record = logging.makeLogRecord({"msg": "%s %s", "args": (count, "\\u00e9")})
            assert formatter.format(record).endswith(f"vm-{number} 1 - - {count} \\u00e9")
            data = {"a@1": {"n": count, "m": ("\\u00e9",)}}
            data = encoder.encode(6, "m", structured_data=data, time_ns=0).decode()
            assert data.endswith(f"""[a@1 n="{count}" m="('\\u00e9',)"] m"""), data
    if is_closed:
        log.close()
        assert (log.stats["sent"], log.stats["queued"]) == (records, 0), log.stats
    assert log.stats["dropped"] == {}, log.stats
    return syslogfast.BACKEND, log.stats["offered"]
'''

POOL = """
from concurrent.futures import InterpreterPoolExecutor
import work
if __name__ == "__main__":
    for round in range(rounds):
        with InterpreterPoolExecutor(max_workers=workers) as pool:
            calls = [pool.submit(work.speak, n, records, url, is_closed) for n in range(workers)]
            results = [call.result() for call in calls]
        assert results == [("c", records)] * workers, results
"""
CREATE = """
from concurrent import interpreters
import os, threading
import syslogfast
import work
if __name__ == "__main__":
    results = []
    null = os.open(os.devnull, os.O_WRONLY)
    for round in range(rounds):
        made = [interpreters.create() for _ in range(workers)]

        def work_in(number):
            results.append(made[number].call(work.speak, number, records, url, is_closed))
            made[number].close()  # while others are at work

        threads = [threading.Thread(target=work_in, args=(n,)) for n in range(workers)]
        for thread in threads: thread.start()
        results.append(work.speak(workers, 8 * records, f"fd://{null}", True))
        for thread in threads: thread.join()
    expected = [("c", records)] * workers + [("c", 8 * records)]
    assert sorted(results) == sorted(expected * rounds), results
"""


@pytest.fixture
def run_program(tmp_path: pathlib.Path, run_python: RunCode) -> RunCode:
    """Give a function that runs a program beside the module `work`, with what is given by name."""
    (tmp_path / "work.py").write_text(WORK, encoding="utf-8")

    def run(program: str, **names: object) -> "subprocess.CompletedProcess[str]":
        given = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        start = f"import sys\nsys.path.append({str(tmp_path)!r})\n"
        return run_python(start + given + program, options=("-I", "-W", "error"))

    return run


def list_expected(rounds: int, records: int) -> list[bytes]:
    """Return the records of each connection."""
    return sorted(
        b"".join(
            b"<14>1 1970-01-01T00:00:00.000000Z h vm-%d 1 - - %d sold\n" % (number, count)
            for count in range(records)
        )
        for number in range(WORKERS)
        for _ in range(rounds)
    )


@pytest.mark.parametrize(
    ("rounds", "records"), [(2, 200), pytest.param(20, 5000, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "left to the end"])
@pytest.mark.parametrize("program", [POOL, CREATE], ids=["pool", "interpreters"])
def test_streams_are_whole(
    run_program: RunCode, sink: Sink, program: str, is_closed: bool, rounds: int, records: int
) -> None:
    """Eight at a time, each with a worker thread, again and again: every record, in its order."""
    result = run_program(
        program,
        workers=WORKERS,
        rounds=rounds,
        records=records,
        url=url_of(sink),
        is_closed=is_closed,
    )
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)
    expected = list_expected(rounds, records)
    assert wait_until(lambda: len(sink.received) >= sum(map(len, expected)))
    assert sorted(bytes(received) for received in sink.connections) == expected


def test_datagrams_are_whole(run_program: RunCode, receiver: socket.socket) -> None:
    """The same over UDP, of which the kernel keeps so many."""
    records, rounds = 25, 2
    with collect(receiver) as datagrams:
        result = run_program(
            POOL,
            workers=WORKERS,
            rounds=rounds,
            records=records,
            url=url_of(receiver),
            is_closed=True,
        )
        assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)
        assert wait_until(lambda: len(datagrams) == WORKERS * records * rounds)
    expected = b"".join(list_expected(rounds, records)).splitlines()
    assert sorted(datagrams) == sorted(expected)


HANDLED = """
from concurrent import interpreters
import os, signal, sys, weakref
import syslogfast

def handle(number, frame): raise AssertionError(number)

url = url or f"fd://{os.open(os.devnull, os.O_WRONLY)}"
numbers = signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE
if is_ours:
    log = syslogfast.connect(url, linger=0.1, hostname="h", app_name="main", procid=1)
    actions = [signal.getsignal(number) for number in numbers]
    handle = actions[0]
    assert handle is actions[1] and handle != signal.SIG_DFL
else:
    for number in numbers: signal.signal(number, handle)
before = sys.getrefcount(handle), weakref.getweakrefcount(handle)
others = [interpreters.create() for _ in range(2)]
for other in others:
    other.exec(f'''
import syslogfast
log = syslogfast.connect({url!r}, linger=0.1, hostname="h", app_name="other", procid=1)
life = syslogfast.lifecycle.install(log, network=False)
log.info("up")
log.flush()
''')
assert (sys.getrefcount(handle), weakref.getweakrefcount(handle)) == before
for number in numbers[:2]:
    assert signal.getsignal(number) is handle
    signal.signal(number, signal.SIG_DFL)
del handle  # nobody in another interpreter hears of it
for other in others: other.close()
"""


@pytest.mark.parametrize("is_ours", [True, False], ids=["syslogfast's", "the program's"])
@pytest.mark.parametrize("scheme", ["udp", "tcp", "fd"])
def test_handlers_of_signals_are_the_main_interpreters(
    run_program: RunCode, sink: Sink, receiver: socket.socket, scheme: str, is_ours: bool
) -> None:
    """No other refers to them, which would be told of their end when it has had its own."""
    urls = {"udp": url_of(receiver), "tcp": url_of(sink)}
    result = run_program(HANDLED, url=urls.get(scheme), is_ours=is_ours)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


LIFE = """
from concurrent import interpreters
import faulthandler, signal, syslogfast

def install(name):
    global life
    log = syslogfast.connect("fd://1", hostname="h", app_name=name, procid=1)
    life = syslogfast.lifecycle.install(log, boot=False, network=False, end=False)

install("main")
others = [interpreters.create() for _ in range(3)]
for other in others:
    other.exec('''
import syslogfast
log = syslogfast.connect("fd://1", hostname="h", app_name="other", procid=1)
life = syslogfast.lifecycle.install(log, network=False)
''')
others[0].exec("life.uninstall()")
others[1].close()
faulthandler.disable()
"""
IN_MAIN = "signal.raise_signal(signal.SIGSEGV)\n"
IN_OTHER = "others[2].exec('import signal; signal.raise_signal(signal.SIGSEGV)')\n"


@pytest.mark.parametrize("where", [IN_MAIN, IN_OTHER], ids=["main", "other"])
def test_the_main_interpreter_tells_of_fatal_signals(run_program: RunCode, where: str) -> None:
    """Wherever it comes, once, and whatever others have installed and left behind."""
    result = run_program(LIFE + where)
    assert result.returncode == -signal.SIGSEGV, result.stderr
    assert result.stdout.count(" main 1 CRASHED ") == 1
    assert result.stdout.count(" CRASHED ") == 1
    assert result.stdout.count(" other 1 BOOTED ") == 3
    assert result.stdout.count(" other 1 ENDED ") == 1  # of the one that was closed
