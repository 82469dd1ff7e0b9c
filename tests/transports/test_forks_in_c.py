"""Forks that Python is not told of, as by uWSGI or another host in C: as after os.fork.

Each process has a connection, a queue and a PROCID of its own. What arrives is whole, and once.

CPython lets nobody have the interpreter in a child if another thread had it, or waited for it, when
the parent forked. With the compiled core a fork waits until no thread of ours does; for the other
backend these tests wait.
"""

import collections
import os
import pathlib
import socket
import sys
from collections.abc import Callable

import pytest
from support.backends import load_backend
from support.grammar import Rfc5424Record, parse_rfc5424
from support.pairwise import choose_pairs
from support.receivers import Sink, collect, url_of, wait_until

Run = Callable[..., object]

pytestmark = [
    pytest.mark.versions,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork"),
    pytest.mark.skipif(sys.implementation.name != "cpython", reason="that is CPython's interface"),
]

# The first argument: "without" or "with" the hook of the child.
FORK = """
import atexit, ctypes, logging, os, signal, sys, syslogfast, time

def fork(action):
    if os.environ["SYSLOGFAST_BACKEND"] == "python":
        time.sleep(0.05)  # see the docstring
    child = ctypes.PyDLL(None).fork()
    if not child:
        signal.alarm(60)
        try:
            if sys.argv[1] == "with":
                ctypes.pythonapi.PyOS_AfterFork_Child()
            action()
            os._exit(0)
        except BaseException as error:
            os.write(2, repr(error).encode())
        os._exit(1)
    return child

def wait(child):
    assert os.waitpid(child, 0)[1] == 0
"""
# From Python 3.13 on CPython refuses the hook of the child where that of the parent was not called.
HOOKS = ["without", "with"] if sys.version_info < (3, 13) else ["without"]
OPTIONS = ("-I", "-W", "ignore::DeprecationWarning")  # of os.fork beside threads
with_and_without_hook = pytest.mark.parametrize("hook", HOOKS)


def run(run_python: Run, backend: str, code: str, *arguments: str) -> str:
    result = run_python(FORK + code, *arguments, backend=backend, options=OPTIONS)
    assert (result.stderr, result.returncode) == ("", 0)
    return result.stdout


def check_records(records: list[Rfc5424Record], expected: dict[str, int]) -> None:
    """Of each process there are so many records, numbered in order, and no other ones."""
    texts = collections.defaultdict(list)
    for record in records:
        texts[record.procid].append(record.message)
    assert {procid: len(found) for procid, found in texts.items()} == expected
    for found in texts.values():
        assert found == [str(number) for number in range(len(found))]


FOUR_CHILDREN = """
emitter = syslogfast.connect(sys.argv[2], timeout=20, linger=float(sys.argv[3]))
emitter.info(0)
if sys.argv[4] == "connected":
    assert emitter.flush()

def speak():
    for number in range(int(sys.argv[5])):
        emitter.info(number)
    assert emitter.flush()
    stats = emitter.stats
    assert stats["offered"] == stats["sent"] == int(sys.argv[5]), stats

children = []
for number in range(1, 5):
    children.append(fork(speak))
    emitter.info(number)
for child in children:
    wait(child)
emitter.close()
assert emitter.stats["sent"] == 5, emitter.stats
print(os.getpid(), *children)
"""


@pytest.mark.parametrize(
    ("hook", "linger", "state", "backend"),
    choose_pairs(list(HOOKS), ["0", "1000"], ["connected", "connecting"], ["c", "python"]),
    indirect=["backend"],
)
def test_tcp(run_python: Run, backend: str, sink: Sink, hook: str, linger: str, state: str) -> None:
    """The parent's stream is left alone, and so is what its queue holds."""
    output = run(run_python, backend, FOUR_CHILDREN, hook, url_of(sink), linger, state, "200")
    parent, *children = output.split()
    expected = {parent: 5, **dict.fromkeys(children, 200)}
    assert wait_until(lambda: sink.count_lines() == 805)
    check_records(sink.read_records(), expected)
    assert sink.received.count(b"\n") == 805


@with_and_without_hook
def test_udp(run_python: Run, backend: str, receiver: socket.socket, hook: str) -> None:
    arguments = (hook, url_of(receiver), "0", "connected", "20")
    with collect(receiver) as datagrams:
        output = run(run_python, backend, FOUR_CHILDREN, *arguments)
    parent, *children = output.split()
    check_records(
        [parse_rfc5424(datagram) for datagram in datagrams],
        {parent: 5, **dict.fromkeys(children, 20)},
    )


@with_and_without_hook
def test_unix(run_python: Run, backend: str, tmp_path: pathlib.Path, hook: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        with collect(receiver) as datagrams:
            code = FOUR_CHILDREN.replace("linger=", 'protocol="rfc5424", linger=')
            url = f"unix://{tmp_path}/log"
            output = run(run_python, backend, code, hook, url, "0", "connected", "20")
    parent, *children = output.split()
    check_records(
        [parse_rfc5424(datagram) for datagram in datagrams],
        {parent: 5, **dict.fromkeys(children, 20)},
    )


@with_and_without_hook
def test_a_child_of_a_child(run_python: Run, backend: str, sink: Sink, hook: str) -> None:
    """Also if the child between has nothing to say; beside forks that Python makes."""
    code = """
emitter = syslogfast.connect(sys.argv[2], timeout=20, sequence_ids=True)
emitter.info(0)
assert emitter.flush()

def speak(*further):
    print(os.getpid(), flush=True)
    emitter.info(0)
    assert emitter.flush()
    for step in further:
        step()
    emitter.info(1)
    assert emitter.flush()
    assert emitter.stats["sent"] == 2, emitter.stats

def be_silent():
    wait(fork(speak))

def fork_by_python():
    child = os.fork()
    if not child:
        speak(lambda: wait(fork(speak)))
        os._exit(0)
    wait(child)

wait(fork(lambda: speak(fork_by_python, lambda: wait(fork(speak)))))
wait(fork(be_silent))
fork_by_python()
print(os.getpid(), flush=True)
emitter.info(1)
emitter.close()
assert emitter.stats["sent"] == 2, emitter.stats
"""
    processes = run(run_python, backend, code, hook, url_of(sink)).split()
    assert len(set(processes)) == 8
    assert wait_until(lambda: sink.count_lines() == 16)
    check_records(sink.read_records(), dict.fromkeys(processes, 2))
    for record in sink.read_records():
        number = int(record.message) + 1
        assert dict(record.structured_data)["meta"] == [("sequenceId", str(number))]


USES = {
    "stats": "assert emitter.stats['offered'] == 0, emitter.stats",
    "flush": "assert emitter.flush()",
    "close": "emitter.close()",
    "child": "emitter.child(app_name='other').info(0)",
    "emit_many": "emitter.emit_many('info', ['0'])",
    "emit_record": "emitter.emit_record(logging.makeLogRecord({'msg': '0'}))",
    "_emit_lines": "emitter._emit_lines(6, b'0')",
    "connect": "syslogfast.connect(sys.argv[2], timeout=20, linger=1000).info(0)",
    "Sequence": "assert syslogfast.emitter.Sequence().advance() == 1",
    "exit": "",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("use", "hook", "backend"),
    choose_pairs(list(USES), list(HOOKS), ["c", "python"]),
    indirect=["backend"],
)
def test_whatever_comes_first(
    run_python: Run, backend: str, sink: Sink, hook: str, use: str
) -> None:
    """Nothing of the parent's queue is sent by the child; nothing of the child's is lost."""
    code = f"""
emitter = syslogfast.connect(sys.argv[2], timeout=20, linger=1000)
emitter.info(0)
assert emitter.flush()
emitter.info(1)

def speak():
    {USES[use] or "return"}
    emitter.info(1)

def end():
    speak()
    atexit._run_exitfuncs()

child = fork(end)
wait(child)
emitter.close()
assert emitter.stats["sent"] == 2, emitter.stats
print(os.getpid(), child)
"""
    parent, child = run(run_python, backend, code, hook, url_of(sink)).split()
    says_nothing = use in ("stats", "flush", "Sequence")
    texts = ["1"] if says_nothing else [] if use in ("close", "exit") else ["0", "1"]
    assert wait_until(lambda: sink.count_lines() >= 2 + len(texts))
    found = [(record.procid, record.message) for record in sink.read_records()]
    assert sorted(found) == sorted(
        [(parent, "0"), (parent, "1"), *[(child, text) for text in texts]]
    )


@with_and_without_hook
def test_handlers_and_formatters(run_python: Run, backend: str, sink: Sink, hook: str) -> None:
    """The records of logging have their process, whoever writes them."""
    code = """
import socket
handlers = [
    syslogfast.SysLogHandler(sys.argv[2], timeout=20),
    syslogfast.SysLogHandler(
        ("127.0.0.1", int(sys.argv[3])), socktype=socket.SOCK_DGRAM, protocol="rfc5424"
    ),
    logging.StreamHandler(sys.stdout),
]
handlers[2].setFormatter(syslogfast.Formatter())
logger = logging.getLogger()
logger.handlers[:] = handlers
encoder = syslogfast.Encoder()
logger.error("0")

def speak():
    logger.error("0")
    logger.error("1")
    record = logging.makeLogRecord({"msg": "0"})
    assert b" %d - - " % os.getpid() in encoder.encode_record(record)
    handlers[0].flush()

child = fork(speak)
wait(child)
logger.error("1")
print(os.getpid(), child)
"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        with collect(receiver) as datagrams:
            port = str(receiver.getsockname()[1])
            *lines, last = run(run_python, backend, code, hook, url_of(sink), port).splitlines()
    expected = dict.fromkeys(last.split(), 2)
    assert wait_until(lambda: sink.count_lines() == 4)
    check_records(sink.read_records(), expected)
    check_records([parse_rfc5424(datagram) for datagram in datagrams], expected)
    check_records([parse_rfc5424(b"<14>" + line.encode()) for line in lines], expected)


def test_threads_that_speak_at_once(run_python: Run, backend: str, sink: Sink) -> None:
    """While the first to emit in a child begins anew, the others wait: none of theirs is lost."""
    code = """
import threading, time
from syslogfast import _platform
emitter = syslogfast.connect(sys.argv[2], timeout=20)
emitter.info(0)
assert emitter.flush()
has_begun = threading.Event()

def begin_slowly():
    has_begun.set()
    time.sleep(0.2)

_platform.call_at_fork("locks", "after_in_child", begin_slowly)

def speak_from_threads():
    threads = [threading.Thread(target=speak) for _ in range(4)]
    threads[0].start()
    has_begun.wait()
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    assert emitter.flush()
    assert emitter.stats["sent"] == 4, emitter.stats

def speak():
    emitter.info("child's")

child = fork(speak_from_threads)
wait(child)
print(child)
"""
    child = run(run_python, backend, code, "without", url_of(sink)).strip()
    assert wait_until(lambda: sink.count_lines() == 5)
    records = sink.read_records()[1:]
    assert [(record.procid, record.message) for record in records] == [(child, "child's")] * 4


def test_a_hook_that_is_called_before_ours(run_python: Run, backend: str, sink: Sink) -> None:
    """It may emit; what it has queued stays there, for the steps are not taken again."""
    code = """
emitters = []
os.register_at_fork(after_in_child=lambda: emitters[0].info(0))
import syslogfast
emitters.append(syslogfast.connect(sys.argv[2], timeout=20, linger=1000))
emitters[0].info(0)
assert emitters[0].flush()
child = os.fork()
if not child:
    emitters[0].info(1)
    assert emitters[0].stats["offered"] == 2, emitters[0].stats
    assert emitters[0].flush()
    child = os.fork()
    if not child:
        print(os.getpid(), flush=True)
        assert emitters[0].stats["offered"] == 1, emitters[0].stats
        assert emitters[0].flush()
        os._exit(0)
    wait(child)
    os._exit(0)
wait(child)
print(os.getpid(), child)
"""
    code = FORK.replace(", syslogfast", "") + code
    result = run_python(code, "without", url_of(sink), backend=backend, options=OPTIONS)
    assert (result.stderr, result.returncode) == ("", 0)
    grandchild, parent, child = result.stdout.split()
    assert wait_until(lambda: sink.count_lines() == 4)
    check_records(sink.read_records(), {parent: 1, child: 2, grandchild: 1})


def test_a_crash_before_anything_else(run_python: Run, sink: Sink) -> None:
    """The record of a fatal signal does not go into the parent's stream."""
    code = """
import syslogfast.lifecycle
emitter = syslogfast.connect(sys.argv[2], timeout=20)
syslogfast.lifecycle.install(emitter, boot=False, network=False, end=False)
emitter.info(0)
assert emitter.flush()
child = fork(os.abort)
assert os.waitpid(child, 0)[1] == signal.SIGABRT
emitter.info(1)
emitter.close()
print(os.getpid())
"""
    load_backend("c")
    result = run_python(FORK + code, "without", url_of(sink), backend="c")
    assert result.returncode == 0
    assert " CRASHED " in result.stderr
    assert wait_until(lambda: sink.count_lines() == 2)
    check_records(sink.read_records(), {result.stdout.strip(): 2})
