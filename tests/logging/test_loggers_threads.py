"""Threads, processes and interpreters that log while `loggers.install()` is in force.

Each record of a handler that is there all the time arrives once and whole, in the order of its
thread, whatever other threads change meanwhile.
"""

import json
import logging
import os
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.receivers import Sink, url_of, wait_until
from support.threads import run_threads

import syslogfast
from syslogfast import loggers

pytestmark = [pytest.mark.slow, pytest.mark.versions]

THREADS = 16
CHANGES = 200
TEXT = r"(?:INFO )?(?:threads[.\w]+: )?thread (\d+) record (\d+)"
RECORD = re.compile(r"<14>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z web1 shop 42 - - " + TEXT)


class Keeper(logging.Handler):
    """A handler that is no SysLogHandler: it keeps the texts that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def make_changes(
    log: logging.Logger, handler: Any, other: logging.Handler, choose: random.Random
) -> list[Callable[[], object]]:
    """Return what may be done at any time, by another thread, and harms no record of a handler.

    `other` comes after the handler in the list: `logging` itself leaves out the next of one that is
    taken away while it goes through them.
    """
    formats = [None, "%(message)s", "%(levelname)s %(message)s", "%(name)s: %(message)s"]

    def change_factory() -> None:
        original = logging.getLogRecordFactory()
        logging.setLogRecordFactory(lambda *args, **kwargs: original(*args, **kwargs))
        time.sleep(1e-4)
        logging.setLogRecordFactory(original)

    def change_method() -> None:
        original = logging.Logger.handle
        logging.Logger.handle = lambda self, record: original(self, record)  # type: ignore
        time.sleep(1e-4)
        logging.Logger.handle = original  # type: ignore[method-assign]

    def filter_all(record: logging.LogRecord) -> bool:
        return True

    def change_format() -> None:
        form = choose.choice(formats)
        handler.setFormatter(form and logging.Formatter(form))

    return [
        lambda: log.addHandler(other),
        lambda: log.removeHandler(other),
        lambda: log.setLevel(choose.choice([logging.DEBUG, logging.INFO])),
        lambda: handler.setLevel(choose.choice([logging.NOTSET, logging.INFO])),
        change_format,
        lambda: log.addFilter(filter_all),
        lambda: log.removeFilter(filter_all),
        lambda: handler.addFilter(filter_all),
        lambda: handler.filters.clear(),
        lambda: logging.getLogger(f"{log.name}.{choose.random()}"),
        lambda: vars(log).update(disabled=False),
        change_factory,
        change_method,
        loggers.install,
        loggers.uninstall,
        loggers.install,
    ]


def split(texts: list[str], pattern: "re.Pattern[str]") -> list[list[int]]:
    """Return the numbers of each thread's records, all of which are whole."""
    numbers: list[list[int]] = [[] for _ in range(THREADS)]
    for text in texts:
        match = pattern.fullmatch(text)
        assert match, text
        numbers[int(match[1])].append(int(match[2]))
    return numbers


@pytest.mark.threads
@pytest.mark.native
@pytest.mark.parametrize("pause", [0, 0.002])
def test_reconfiguration(sink: Sink, pause: float) -> None:
    """16 threads, and one that changes handlers, levels, formats, and whether we are installed.

    Without a pause hardly a call is fast, for a plan is as dear as 16 calls; with one many are.
    """
    seed = random.randrange(1 << 32)
    choose = random.Random(seed)
    handler: Any = syslogfast.SysLogHandler(
        url_of(sink), hostname="web1", app_name="shop", procid=42, overflow="block"
    )
    keeper = Keeper()
    log = logging.getLogger(f"threads.t{seed}")
    log.propagate = False
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    child = log.getChild("child")
    changes = make_changes(log, handler, keeper, choose)
    done = threading.Event()
    before = loggers.compiled.count_calls() if loggers.compiled else ()

    def change() -> None:
        for _ in range(CHANGES):
            enough = sum(counts) + 3
            while sum(counts) < enough:
                if done.is_set():  # for something is wrong
                    return
                time.sleep(0)
            choose.choice(changes)()
            time.sleep(pause * choose.random())
        done.set()

    def work(number: int) -> None:
        while not done.is_set():
            index = counts[number]
            (child if index % 2 else log).info("thread %d record %d", number, index)
            counts[number] += 1
            if not index % 20:
                time.sleep(1e-3)

    counts = [0] * THREADS
    changing = threading.Thread(target=change)
    loggers.install()
    try:
        changing.start()
        run_threads(work, THREADS, 1e-5)
    finally:
        done.set()
        changing.join()
        loggers.uninstall()
    handler.flush()
    stats = handler.stats
    handler.close()
    assert (stats["offered"], stats["dropped"]) == (sum(counts), {}), seed
    assert wait_until(lambda: sink.size == stats["bytes"]), seed
    found = split(sink.received.decode().splitlines(), RECORD)
    assert found == [list(range(count)) for count in counts], seed
    for kept in split(keeper.texts, re.compile(TEXT)):
        assert kept == sorted(set(kept)), seed
    if loggers.compiled:
        after = loggers.compiled.count_calls()
        fast, slow = after[0] - before[0], after[2] - before[2]
        assert slow > 0, seed
        assert fast > 0 or not pause, seed


# Threads log all the time; each child has threads of its own, and says how many calls were fast.
FORKS = """
import json, logging, os, sys, threading
import syslogfast
from syslogfast import loggers

THREADS, CHILDREN, EACH = 8, 12, 200
handler = syslogfast.SysLogHandler(
    sys.argv[1], hostname="web1", app_name="shop", overflow="block", timeout=30
)
log = logging.getLogger("shop.cart")
logging.root.addHandler(handler)
logging.root.setLevel(logging.INFO)
loggers.install()
count_calls = loggers.compiled.count_calls
done = threading.Event()
counts = [0] * THREADS

def work(number):
    while not done.is_set():
        log.info("thread %d record %d", number, counts[number])
        counts[number] += 1

def work_in_child(number):
    for index in range(EACH):
        log.info("thread %d record %d", number, index)

def start(function, count):
    threads = [threading.Thread(target=function, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads

def live():
    before = count_calls()[0]
    log.info("thread 9 record 0")
    log.info("thread 9 record 1")
    for thread in start(work_in_child, 2):
        thread.join()
    handler.flush()
    fast = count_calls()[0] - before
    ok = loggers.explain("shop.cart") == "fast" and fast >= EACH and not handler.stats["queued"]
    os._exit(0 if ok else 1)

sys.setswitchinterval(1e-5)
threads = start(work, THREADS)
children = []
for _ in range(CHILDREN):
    enough = sum(counts) + 300
    while sum(counts) < enough:
        pass
    child = os.fork()
    if not child:
        live()
    children.append(child)
statuses = [os.waitpid(child, 0)[1] for child in children]
done.set()
for thread in threads:
    thread.join()
fast = count_calls()[0]
logging.shutdown()
print(json.dumps([os.getpid(), counts, children, statuses, fast]))
"""
FORKED = re.compile(r"<14>1 \S+Z web1 shop (\d+) - - thread (\d+) record (\d+)")


@pytest.mark.skipif(loggers.compiled is None, reason=loggers.refusal)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forks(sink: Sink, run_python: Any) -> None:
    """While threads log: what each process has logged arrives once, whole, and as its own."""
    options = ("-I", "-W", "ignore::DeprecationWarning")
    result = run_python(FORKS, url_of(sink), options=options)
    assert (result.returncode, result.stderr) == (0, "")
    pid, counts, children, statuses, fast = json.loads(result.stdout)
    assert statuses == [0] * len(children)
    assert fast > 0
    expected = {(pid, number): list(range(count)) for number, count in enumerate(counts)}
    for child in children:
        expected.update({(child, number): list(range(200)) for number in (0, 1)})
        expected[child, 9] = [0, 1]
    assert find_records(sink, FORKED, expected) == expected


def find_records(sink: Sink, pattern: "re.Pattern[str]", expected: Any) -> Any:
    """Return the numbers of the records by who has logged them, once they have arrived."""
    total = sum(map(len, expected.values()))
    assert wait_until(lambda: sink.received.count(b"\n") >= total)
    found: dict[Any, list[int]] = {}
    for line in sink.received.decode().splitlines():
        match = pattern.fullmatch(line)
        assert match, line
        process, thread, number = match.groups()
        name = int(process) if process.isdigit() else process
        found.setdefault((name, int(thread)), []).append(int(number))
    return found


# The main interpreter logs from threads while others come, install, log and go.
INTERPRETERS = """
import logging, os, sys, threading, time
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
else:
    import _xxsubinterpreters as interpreters
import syslogfast
from syslogfast import loggers

program = '''if True:
    import logging, os, warnings
    warnings.simplefilter("ignore")
    import syslogfast
    from syslogfast import loggers
    kinds = type(logging.root), logging.getLoggerClass()
    loggers.install()
    assert (type(logging.root), logging.getLoggerClass()) == kinds
    reason = loggers.explain()
    handler = syslogfast.SysLogHandler(url, hostname="web1", app_name="other", timeout=30)
    log = logging.getLogger("shop.cart")
    log.addHandler(handler)
    for number in range(50):
        log.warning("thread %d record %d", interpreter, number)
    handler.close()
    loggers.uninstall()
    os.write(1, reason.encode() + bytes([10]))
'''
handler = syslogfast.SysLogHandler(
    sys.argv[1], hostname="web1", app_name="shop", overflow="block", timeout=30
)
log = logging.getLogger("shop.cart")
log.addHandler(handler)
loggers.install()
done = threading.Event()
counts = [0] * 2

def work(number):
    while not done.is_set():
        log.warning("thread %d record %d", number, counts[number])
        counts[number] += 1
        if not counts[number] % 50:
            time.sleep(0.001)

def create(is_isolated):
    if sys.version_info >= (3, 13):
        return interpreters.create("isolated" if is_isolated else "legacy")
    return interpreters.create(isolated=is_isolated)

threads = [threading.Thread(target=work, args=(number,)) for number in range(len(counts))]
for thread in threads:
    thread.start()
run = getattr(interpreters, "exec", None) or interpreters.run_string

def destroy(other):
    while True:
        try:
            return interpreters.destroy(other)
        except RuntimeError as error:  # its worker has ended, but for the end of the thread
            if "more than one thread" not in str(error):
                raise
            time.sleep(0.01)

try:
    for number in range(4):
        other = create(number % 2)
        failed = run(other, f"url, interpreter = {sys.argv[1]!r}, {number}\\n{program}")
        assert not failed, failed
        destroy(other)
finally:
    done.set()
for thread in threads:
    thread.join()
assert loggers.explain("shop.cart") == "fast"
before = loggers.compiled.count_calls()[0]
for number in range(counts[0], counts[0] + 64):
    log.warning("thread 0 record %d", number)
assert loggers.compiled.count_calls()[0] > before
counts[0] += 64
logging.shutdown()
print(counts)
"""
OF_INTERPRETER = re.compile(r"<12>1 \S+Z web1 (shop|other) \d+ - - thread (\d+) record (\d+)")


@pytest.mark.skipif(loggers.compiled is None, reason=loggers.refusal)
def test_interpreters(sink: Sink, run_python: Any) -> None:
    """Only the main one is installed: another says so, logs as ever, and does it no harm."""
    result = run_python(INTERPRETERS, url_of(sink))
    assert (result.returncode, result.stderr) == (0, "")
    *reasons, counts = result.stdout.splitlines()
    assert len(reasons) == 4
    for reason in reasons:
        assert "interpreter" in reason
    expected = {("shop", n): list(range(count)) for n, count in enumerate(json.loads(counts))}
    expected.update({("other", number): list(range(50)) for number in range(4)})
    assert find_records(sink, OF_INTERPRETER, expected) == expected
