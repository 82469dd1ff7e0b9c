"""What a fork has to do: one list of steps, in order, each of which is taken whatever fails."""

import os
import sys
from collections.abc import Callable

import pytest
from support.grammar import parse_rfc5424
from support.receivers import Sink, url_of, wait_until

from syslogfast import _platform

Run = Callable[..., object]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

# Each step of the child writes what it is; the one of "counters" raises as well.
STEPS = """
import os, sys
sys.unraisablehook = lambda given: print("raised", given.exc_value, flush=True)
from syslogfast import _platform

def write(text, fails=False):
    def step():
        print(text, flush=True)
        if fails:
            raise RuntimeError(f"of {text}")
    return step

# Not in the order in which they are to be called.
_platform.call_at_fork("lifecycle", "after_in_child", write("lifecycle"))
_platform.call_at_fork("counters", "after_in_child", write("counters", fails=True))
_platform.call_at_fork("senders", "after_in_child", write("senders"))
_platform.call_at_fork("locks", "after_in_child", write("locks"))
_platform.call_at_fork("senders", "after_in_child", write("senders again", fails=True))
_platform.call_at_fork("locks", "before", write("before"))
_platform.call_at_fork("locks", "after_in_parent", write("parent"))

def fork(ending):
    child = os.fork()
    if not child:
        ending()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

def register_and_fork_again():
    print("-- again", flush=True)
    _platform.call_at_fork("counters", "after_in_child", write("late"))
    fork(lambda: None)

fork(register_and_fork_again)
"""


def test_order_and_exceptions(run_python: Run) -> None:
    """By stage, then by registration, also in a fork of a fork; the first exception is shown."""
    result = run_python(STEPS)
    assert (result.stderr, result.returncode) == ("", 0)
    lines = result.stdout.splitlines()
    # The parent runs beside its child: where its line stands is chance.
    assert lines.count("parent") == 2
    lines = [line for line in lines if line != "parent"]
    ours = ["locks", "counters", "senders", "senders again", "lifecycle", "raised of counters"]
    again = [ours[0], ours[1], "late", *ours[2:]]
    assert lines == ["before", *ours, "-- again", "before", *again]


def test_a_sender_that_fails(run_python: Run, backend: str, sink: Sink) -> None:
    """One sender that cannot begin anew does not keep the others, or PROCID, from it."""
    code = """
import os, sys, syslogfast
from syslogfast.transports.sender import Sender
emitters = [syslogfast.connect(sys.argv[1], timeout=20, linger=1000) for _ in range(3)]
for emitter in emitters:
    emitter.info("parent's")

class Broken(Sender):
    def reset_after_fork(self):
        raise RuntimeError("this one fails")

emitters[0]._sender.__class__ = Broken
sys.unraisablehook = lambda given: None
child = os.fork()
if not child:
    for emitter in emitters[1:]:
        assert emitter.stats["offered"] == 0, emitter.stats
        emitter.info("child's")
        assert emitter.flush()
    print(os.getpid(), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    options = ("-I", "-W", "ignore::DeprecationWarning")
    result = run_python(code, url_of(sink), backend=backend, options=options)
    assert (result.stderr, result.returncode) == ("", 0)
    child = result.stdout.split()[0]

    def list_procids(text: str) -> list[str]:
        return [record.procid for record in sink.read_records() if record.message == text]

    assert wait_until(lambda: len(list_procids("parent's")) == 3)
    assert list_procids("child's") == [child] * 2


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="that is CPython's interface")
@pytest.mark.surroundings  # of C code that forks: on one version that lets it
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="from there on CPython refuses it itself")
@pytest.mark.parametrize("held", [False, True])
def test_hooks_that_are_called_alone(run_python: Run, backend: str, sink: Sink, held: bool) -> None:
    """A host in C, such as uWSGI with --py-call-osafterfork, may call the hooks of the child alone.

    Locks are taken as they are found: free, or held by a thread that is not in the child.
    """
    code = f"""
import ctypes, os, sys, threading, syslogfast
from syslogfast import _platform
emitter = syslogfast.connect(sys.argv[1], timeout=20, linger=1000)
from syslogfast.transports import importing
emitter.info("parent's")
release, is_held = threading.Event(), threading.Event()

def hold():
    with importing:
        is_held.set()
        release.wait()

thread = threading.Thread(target=hold)
if {held}:
    thread.start()
    is_held.wait()
child = ctypes.PyDLL(None).fork()
if not child:
    ctypes.pythonapi.PyOS_AfterFork_Child()
    assert importing.acquire(False)
    importing.release()
    assert emitter.stats["offered"] == 0, emitter.stats
    emitter.info("child's")
    assert emitter.flush()
    print(os.getpid(), flush=True)
    os._exit(0)
status = os.waitpid(child, 0)[1]
release.set()
assert status == 0, status
"""
    options = ("-I", "-W", "ignore::DeprecationWarning")
    result = run_python(code, url_of(sink), backend=backend, options=options)
    assert (result.stderr, result.returncode) == ("", 0)
    assert wait_until(lambda: len(sink.read_records()) == 2)
    found = {record.message: record.procid for record in sink.read_records()}
    assert found["child's"] == result.stdout.strip()
    assert found["parent's"] != found["child's"]


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="that is CPython's interface")
def test_a_fork_that_is_found_out_later(run_python: Run, backend: str, receiver) -> None:
    """Where no hook is called, the number of the process shows that there was a fork."""
    code = """
import ctypes, os, sys, syslogfast
from syslogfast import _platform
emitter = syslogfast.connect(sys.argv[1])
emitter.info("parent's")
_platform.catch_up_with_fork()
assert emitter.stats["offered"] == 1, emitter.stats
child = ctypes.PyDLL(None).fork()
if not child:
    _platform.catch_up_with_fork()
    assert emitter.stats["offered"] == 0, emitter.stats
    emitter.info("child's")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(os.getpid(), child)
"""
    result = run_python(code, url_of(receiver), backend=backend)
    assert (result.stderr, result.returncode) == ("", 0)
    receiver.settimeout(20)
    records = [parse_rfc5424(receiver.recv(4096)) for _ in range(2)]
    assert [record.procid for record in records] == result.stdout.split()


def test_run_each() -> None:
    """All are called; of the exceptions, the first is raised."""
    called = []

    def fail(name: str) -> None:
        called.append(name)
        raise KeyError(name)

    with pytest.raises(KeyError, match="a"):
        _platform.run_each([lambda: fail("a"), lambda: called.append("b"), lambda: fail("c")])
    assert called == ["a", "b", "c"]
